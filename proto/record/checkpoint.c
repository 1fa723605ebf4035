/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/rd.h"
#include "base/sha256.h"

#include "proto/crypto/crypto.h"
#include "proto/record/checkpoint.h"

#define NOTE_DASH "\xe2\x80\x94 " /* em dash and a space */
#define NOTE_ED25519 0x01
#define NOTE_SIG_LEN (4 + 64)
#define NOTE_KEY_LEN (1 + 32)
#define NOTE_PRIVATE "PRIVATE+KEY+"

/* Room for the base64 of what a note holds. */
#define BASE64_MAX 128

static const char *const clock_words[] = {
	[CHECKPOINT_CLOCK_UNKNOWN] = "unknown",
	[CHECKPOINT_CLOCK_SYNCHRONIZED] = "synchronized",
	[CHECKPOINT_CLOCK_UNSYNCHRONIZED] = "unsynchronized",
};
#define CLOCKS ((int)(sizeof(clock_words) / sizeof(clock_words[0])))

/* --- base64 ----------------------------------------------------------- */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void
base64_put(struct buf *out, const uint8_t *p, size_t len)
{
	uint32_t word;
	size_t i, left;

	for (i = 0; i < len; i += 3) {
		left = len - i;
		word = (uint32_t)p[i] << 16;
		if (left > 1)
			word |= (uint32_t)p[i + 1] << 8;
		if (left > 2)
			word |= p[i + 2];
		buf_put_u8(out, (uint8_t)base64_digits[word >> 18]);
		buf_put_u8(out, (uint8_t)base64_digits[word >> 12 & 63]);
		buf_put_u8(out, left > 1 ?
		    (uint8_t)base64_digits[word >> 6 & 63] : '=');
		buf_put_u8(out, left > 2 ?
		    (uint8_t)base64_digits[word & 63] : '=');
	}
}

/* Value of a digit; 64 if it is none. */
static uint32_t
base64_value(uint8_t digit)
{
	const char *p = digit == 0 ? NULL : strchr(base64_digits, digit);

	return p == NULL ? 64 : (uint32_t)(p - base64_digits);
}

/*
 * Decode to exactly len bytes.  Padding and unused bits need no look of
 * their own: what does not encode to the same text is refused.
 */
static enum gw_err
base64_get(const uint8_t *text, size_t text_len, uint8_t *out, size_t len)
{
	uint8_t bytes[BASE64_MAX + 3] = {0};
	struct buf again;
	uint32_t word = 0, value;
	size_t i;
	bool same;

	if (len > BASE64_MAX || text_len != (len + 2) / 3 * 4)
		return GW_EFORMAT;
	for (i = 0; i < text_len; i++) {
		value = base64_value(text[i]);
		word = word << 6 | (value & 63);
		if (i % 4 != 3)
			continue;
		bytes[i / 4 * 3] = (uint8_t)(word >> 16);
		bytes[i / 4 * 3 + 1] = (uint8_t)(word >> 8);
		bytes[i / 4 * 3 + 2] = (uint8_t)word;
		word = 0;
	}
	buf_init(&again, BASE64_MAX * 2);
	base64_put(&again, bytes, len);
	same = buf_ok(&again) && again.len == text_len &&
	    memcmp(again.data, text, text_len) == 0;
	buf_clear(&again);
	if (same)
		memcpy(out, bytes, len);
	mem_clear(bytes, sizeof(bytes));
	return same ? GW_OK : GW_EFORMAT;
}

/* --- text ------------------------------------------------------------- */

bool
checkpoint_origin_ok(const char *name)
{
	size_t i, len = strnlen(name, CHECKPOINT_ORIGIN_MAX);

	if (len == 0 || len == CHECKPOINT_ORIGIN_MAX)
		return false;
	for (i = 0; i < len; i++) {
		if (name[i] <= 0x20 || name[i] >= 0x7f || name[i] == '+')
			return false;
	}
	return true;
}

static enum gw_err
name_get(const uint8_t *p, size_t len, char out[CHECKPOINT_ORIGIN_MAX])
{
	char name[CHECKPOINT_ORIGIN_MAX] = {0};

	if (len >= sizeof(name) || memchr(p, '\0', len) != NULL)
		return GW_EFORMAT;
	memcpy(name, p, len);
	if (!checkpoint_origin_ok(name))
		return GW_EFORMAT;
	memcpy(out, name, sizeof(name));
	return GW_OK;
}

/* Take the bytes up to end and end itself. */
static enum gw_err
text_get(struct rd *rd, uint8_t end, const uint8_t **out, size_t *len_out)
{
	const uint8_t *p = rd->p, *stop;
	size_t left = rd_left(rd);
	enum gw_err err;

	stop = left == 0 ? NULL : memchr(p, end, left);
	if (stop == NULL)
		return GW_EFORMAT;
	err = rd_skip(rd, (size_t)(stop - p) + 1);
	if (err != GW_OK)
		return err;
	*out = p;
	*len_out = (size_t)(stop - p);
	return GW_OK;
}

/* Decimal without leading zeros, up to end. */
static enum gw_err
number_get(struct rd *rd, uint8_t end, uint64_t *out)
{
	const uint8_t *p;
	uint64_t n = 0;
	size_t i, len;
	enum gw_err err;

	err = text_get(rd, end, &p, &len);
	if (err != GW_OK)
		return err;
	if (len == 0 || (len > 1 && p[0] == '0'))
		return GW_EFORMAT;
	for (i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9' ||
		    n > (UINT64_MAX - (uint64_t)(p[i] - '0')) / 10)
			return GW_EFORMAT;
		n = n * 10 + (uint64_t)(p[i] - '0');
	}
	*out = n;
	return GW_OK;
}

static enum gw_err
word_get(struct rd *rd, const char *word)
{
	size_t len = strlen(word);
	const uint8_t *p;
	enum gw_err err;

	err = rd_span(rd, len, &p);
	if (err != GW_OK || memcmp(p, word, len) != 0)
		return GW_EFORMAT;
	return GW_OK;
}

static enum gw_err
clock_get(struct rd *rd, enum checkpoint_clock *out)
{
	const uint8_t *p;
	size_t len;
	enum gw_err err;
	int i;

	err = text_get(rd, '\n', &p, &len);
	if (err != GW_OK)
		return err;
	for (i = 0; i < CLOCKS; i++) {
		if (strlen(clock_words[i]) == len &&
		    memcmp(clock_words[i], p, len) == 0) {
			*out = (enum checkpoint_clock)i;
			return GW_OK;
		}
	}
	return GW_EFORMAT;
}

/* --- keys ------------------------------------------------------------- */

enum gw_err
checkpoint_key_id(const struct checkpoint_key *key, uint8_t out[4])
{
	uint8_t hash[SHA256_LEN];
	struct buf in;
	enum gw_err err;

	buf_init(&in, 256);
	buf_put_str(&in, key->name);
	buf_put_u8(&in, '\n');
	buf_put_u8(&in, NOTE_ED25519);
	buf_put(&in, key->pub, sizeof(key->pub));
	err = sha256_of(in.data, in.len, hash);
	buf_clear(&in);
	if (err == GW_OK)
		memcpy(out, hash, 4);
	return err;
}

enum gw_err
checkpoint_key_encode(const struct checkpoint_key *key, bool is_private,
    struct buf *out)
{
	uint8_t id[4], bytes[NOTE_KEY_LEN];
	enum gw_err err;

	err = checkpoint_key_id(key, id);
	if (err != GW_OK)
		return err;
	bytes[0] = NOTE_ED25519;
	memcpy(bytes + 1, is_private ? key->seed : key->pub, 32);
	if (is_private)
		buf_put_str(out, NOTE_PRIVATE);
	buf_put_str(out, key->name);
	buf_printf(out, "+%02x%02x%02x%02x+", id[0], id[1], id[2], id[3]);
	base64_put(out, bytes, sizeof(bytes));
	buf_put_u8(out, '\n');
	mem_clear(bytes, sizeof(bytes));
	return buf_ok(out) ? GW_OK : GW_ELIMIT;
}

/* What does not encode to the same line is refused, the hash included. */
static enum gw_err
key_compare(const struct checkpoint_key *key, bool is_private,
    const void *data, size_t len)
{
	struct buf again;
	enum gw_err err;

	buf_init(&again, CHECKPOINT_KEY_TEXT_MAX);
	err = checkpoint_key_encode(key, is_private, &again);
	if (err == GW_OK && (again.len != len ||
	    memcmp(again.data, data, len) != 0))
		err = GW_EFORMAT;
	buf_clear(&again);
	return err;
}

enum gw_err
checkpoint_key_decode(const void *data, size_t len, bool is_private,
    struct checkpoint_key *out)
{
	struct checkpoint_key key = {0};
	uint8_t bytes[NOTE_KEY_LEN] = {0};
	const uint8_t *p;
	size_t part;
	struct rd rd;
	enum gw_err err = GW_OK;

	if (len >= CHECKPOINT_KEY_TEXT_MAX)
		return GW_EFORMAT;
	rd_init(&rd, data, len);
	if (is_private)
		err = word_get(&rd, NOTE_PRIVATE);
	if (err == GW_OK)
		err = text_get(&rd, '+', &p, &part);
	if (err == GW_OK)
		err = name_get(p, part, key.name);
	if (err == GW_OK)
		err = text_get(&rd, '+', &p, &part);
	if (err == GW_OK)
		err = text_get(&rd, '\n', &p, &part);
	if (err == GW_OK)
		err = base64_get(p, part, bytes, sizeof(bytes));
	if (err != GW_OK)
		goto out;
	memcpy(is_private ? key.seed : key.pub, bytes + 1, 32);
	if (is_private)
		err = crypto_sign_public(key.seed, key.pub);
	if (err == GW_OK)
		err = key_compare(&key, is_private, data, len);
	if (err == GW_OK)
		*out = key;
out:
	mem_clear(bytes, sizeof(bytes));
	mem_clear(&key, sizeof(key));
	return err;
}

/* --- checkpoint ------------------------------------------------------- */

static void
note_put_text(const struct checkpoint *c, struct buf *out)
{
	buf_printf(out, "%s\n%" PRIu64 "\n", c->origin, c->size);
	base64_put(out, c->root, sizeof(c->root));
	buf_printf(out, "\ntime %" PRIu64 " %s\n", c->wall_ms,
	    clock_words[c->clock]);
}

enum gw_err
checkpoint_encode(const struct checkpoint *c, const struct checkpoint_key *key,
    struct buf *out)
{
	uint8_t sig[NOTE_SIG_LEN];
	struct buf text;
	enum gw_err err;

	if (!checkpoint_origin_ok(c->origin) || c->wall_ms == 0 ||
	    strcmp(c->origin, key->name) != 0)
		return GW_EINVAL;
	buf_init(&text, CHECKPOINT_MAX);
	note_put_text(c, &text);
	err = checkpoint_key_id(key, sig);
	if (err == GW_OK)
		err = crypto_sign(key->seed, text.data, text.len, sig + 4);
	if (err != GW_OK)
		goto out;
	buf_put(out, text.data, text.len);
	buf_put_str(out, "\n" NOTE_DASH);
	buf_put_str(out, key->name);
	buf_put_u8(out, ' ');
	base64_put(out, sig, sizeof(sig));
	buf_put_u8(out, '\n');
	if (!buf_ok(out))
		err = GW_ELIMIT;
out:
	buf_clear(&text);
	return err;
}

static enum gw_err
note_get_text(struct rd *rd, struct checkpoint *c)
{
	const uint8_t *p;
	size_t len;
	enum gw_err err;

	err = text_get(rd, '\n', &p, &len);
	if (err == GW_OK)
		err = name_get(p, len, c->origin);
	if (err == GW_OK)
		err = number_get(rd, '\n', &c->size);
	if (err == GW_OK)
		err = text_get(rd, '\n', &p, &len);
	if (err == GW_OK)
		err = base64_get(p, len, c->root, sizeof(c->root));
	if (err == GW_OK)
		err = word_get(rd, "time ");
	if (err == GW_OK)
		err = number_get(rd, ' ', &c->wall_ms);
	if (err == GW_OK && c->wall_ms == 0)
		err = GW_EFORMAT;
	if (err == GW_OK)
		err = clock_get(rd, &c->clock);
	return err;
}

static enum gw_err
note_get_sig(struct rd *rd, struct checkpoint *c)
{
	struct checkpoint_sig *sig = &c->sigs[c->sig_count];
	uint8_t bytes[NOTE_SIG_LEN];
	const uint8_t *p;
	size_t len;
	enum gw_err err;

	if (c->sig_count == CHECKPOINT_SIGS_MAX)
		return GW_ELIMIT;
	err = word_get(rd, NOTE_DASH);
	if (err == GW_OK)
		err = text_get(rd, ' ', &p, &len);
	if (err == GW_OK)
		err = name_get(p, len, sig->name);
	if (err == GW_OK)
		err = text_get(rd, '\n', &p, &len);
	if (err == GW_OK)
		err = base64_get(p, len, bytes, sizeof(bytes));
	if (err != GW_OK)
		return err;
	memcpy(sig->key_id, bytes, 4);
	memcpy(sig->sig, bytes + 4, 64);
	c->sig_count++;
	return GW_OK;
}

enum gw_err
checkpoint_decode(const void *data, size_t len, struct checkpoint *out)
{
	struct checkpoint c = {0};
	struct rd rd;
	enum gw_err err;

	if (len > CHECKPOINT_MAX)
		return GW_EFORMAT;
	rd_init(&rd, data, len);
	err = note_get_text(&rd, &c);
	c.text_len = len - rd_left(&rd);
	if (err == GW_OK)
		err = word_get(&rd, "\n");
	do {
		if (err == GW_OK)
			err = note_get_sig(&rd, &c);
	} while (err == GW_OK && rd_left(&rd) > 0);
	if (err != GW_OK)
		return GW_EFORMAT;
	*out = c;
	return GW_OK;
}

enum gw_err
checkpoint_verify(const struct checkpoint *c, const void *data,
    const struct checkpoint_key *key)
{
	const struct checkpoint_sig *sig;
	uint8_t id[4];
	enum gw_err err;
	int i;

	err = checkpoint_key_id(key, id);
	if (err != GW_OK)
		return err;
	if (strcmp(c->origin, key->name) != 0)
		return GW_ENOENT;
	for (i = 0; i < c->sig_count; i++) {
		sig = &c->sigs[i];
		if (strcmp(sig->name, key->name) == 0 &&
		    memcmp(sig->key_id, id, sizeof(id)) == 0)
			return crypto_verify(key->pub, data, c->text_len,
			    sig->sig);
	}
	return GW_ENOENT;
}
