/* SPDX-License-Identifier: ISC */
#include <sys/random.h>
#include <errno.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/parcel/header.h"

#include "gatewayd/spool/object.h"

/* Larger ones are files of their own: many bodies or a long statement. */
#define OBJECT_PACK_MAX (1u << 20)
#define OBJECT_COPY_MAX (1u << 20)
#define OBJECT_MAX (HEADER_MAX + (uint64_t)PARCEL_BODIES_MAX * 256 +          \
	PARCEL_STATEMENT_MAX)

/* *is_read_out: the error, if any, is one of reading. */
static enum gw_err
object_copy(int from, int to, uint64_t len, bool *is_read_out)
{
	uint8_t *copy = mem_alloc(OBJECT_COPY_MAX);
	enum gw_err err = GW_OK;
	uint64_t off;
	size_t n;

	*is_read_out = false;
	for (off = 0; off < len && err == GW_OK; off += n) {
		n = len - off < OBJECT_COPY_MAX ? (size_t)(len - off) :
		    OBJECT_COPY_MAX;
		err = io_pread_full(from, copy, n, off);
		*is_read_out = err != GW_OK;
		if (err == GW_OK)
			err = io_pwrite_full(to, copy, n, off);
	}
	mem_free(copy);
	return err;
}

static enum gw_err
object_put_file(struct spool *sp, int fd, uint64_t len, struct parcel_row *p)
{
	enum gw_err err;
	bool is_read;
	int to = -1;

	if (getrandom(p->file_id, sizeof(p->file_id), 0) !=
	    (ssize_t)sizeof(p->file_id))
		log_fatal("getrandom: %s", strerror(errno));
	err = store_create(sp->store, p->file_id, len, &to);
	if (err != GW_OK)
		return err;
	err = object_copy(fd, to, len, &is_read);
	if (err == GW_OK)
		err = io_close(&to);
	io_drop(&to);
	if (err != GW_OK) {
		store_remove(sp->store, p->file_id);
		return err;
	}
	memset(&p->place, 0, sizeof(p->place));
	p->place.len = len;
	store_touch(sp->store, p->file_id);
	group_effect(sp, EFFECT_SETTLE, p->file_id, 0);
	return GW_OK;
}

enum gw_err
object_put(struct spool *sp, uint32_t bucket, int fd, uint64_t len,
    struct parcel_row *p)
{
	enum gw_err err;

	if (len == 0 || len > OBJECT_MAX)
		return GW_ELIMIT;
	if (len > OBJECT_PACK_MAX)
		return object_put_file(sp, fd, len, p);
	err = store_put(sp->store, bucket, fd, 0, len, &p->place);
	if (err == GW_OK)
		store_keep(sp->store, &p->place);
	return err;
}

enum gw_err
object_memfd(struct spool *sp, const struct parcel_row *p, int *fd_out)
{
	uint8_t *copy = NULL;
	enum gw_err err;
	bool is_read = true; /* the object is at fault, not our memory */
	int fd = -1, from = -1;

	if (p->place.len == 0)
		return GW_ENOENT;
	if (io_memfd("parcel", &fd) != GW_OK)
		return GW_ENOMEM;
	if (p->place.pack != 0) {
		copy = mem_alloc((size_t)p->place.len);
		err = store_get(sp->store, &p->place, copy);
		is_read = err != GW_OK;
		if (err == GW_OK)
			err = io_pwrite_full(fd, copy, (size_t)p->place.len,
			    0);
	} else {
		err = store_file(sp->store, p->file_id, &from);
		if (err == GW_OK)
			err = object_copy(from, fd, p->place.len, &is_read);
	}
	if (err == GW_OK) {
		is_read = false;
		err = io_seal(fd);
	}
	mem_free(copy);
	io_drop(&from);
	if (err != GW_OK) {
		io_drop(&fd);
		return is_read ? err : GW_ENOMEM;
	}
	*fd_out = fd;
	return GW_OK;
}
