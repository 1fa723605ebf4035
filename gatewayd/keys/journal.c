/* SPDX-License-Identifier: ISC */
#include "base/log.h"
#include "base/sha256.h"

#include "gatewayd/keys/journal.h"

/* More than one commit group cannot be torn. */
#define TORN_MAX 4096

enum gw_err
journal_get(struct recfile *f, uint64_t seq, struct journal_record *out)
{
	struct journal_record rec;
	enum gw_err err;

	if (seq == 0)
		return GW_ENOENT;
	err = recfile_get(f, seq - 1, &rec);
	if (err != GW_OK)
		return err;
	if (rec.seq != seq || rec.header_len > sizeof(rec.header))
		return GW_EHASH;
	*out = rec;
	return GW_OK;
}

enum gw_err
journal_put(struct recfile *f, struct journal_record *rec)
{
	if (rec->seq == 0)
		return GW_EBUG;
	return recfile_put(f, rec->seq - 1, rec);
}

enum gw_err
journal_end(struct recfile *f, uint64_t *next_out, uint8_t last_hash[32])
{
	const uint64_t count = recfile_count(f);
	struct journal_record rec;
	enum gw_err err = GW_ENOENT;
	uint64_t n;

	for (n = count; n > 0 && count - n <= TORN_MAX; n--) {
		err = journal_get(f, n, &rec);
		if (err != GW_EHASH && err != GW_ENOENT)
			break;
	}
	if (n > 0 && err != GW_OK)
		return err;
	if (n < count) {
		log_warn("journal: %llu unreleased records dropped",
		    (unsigned long long)(count - n));
		if ((err = recfile_cut(f, n)) != GW_OK)
			return err;
	}
	*next_out = n + 1;
	return n == 0 ? GW_OK : sha256_of(rec.header, rec.header_len,
	    last_hash);
}

enum gw_err
journal_find_control(struct recfile *f, uint64_t seq, uint64_t next_seq,
    struct journal_record *out)
{
	struct journal_record rec;
	enum gw_err err;
	uint64_t n;

	/* Withdrawals are rare and come soon after what they withdraw. */
	for (n = seq + 1; n < next_seq; n++) {
		if ((err = journal_get(f, n, &rec)) != GW_OK)
			return err;
		if (rec.control_seq == seq) {
			*out = rec;
			return GW_OK;
		}
	}
	return GW_ENOENT;
}
