/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/buf.h"
#include "proto/crypto/crypto.h"

#include "proto/crypto/label.h"

#define KDF_HKDF_SHA256 1
#define LABEL_OVERHEAD_MAX 128	/* "HPKE-v1", suite id, label, length */

static void
suite_put(struct label_suite *s, const void *data, size_t len)
{
	memcpy(s->bytes + s->len, data, len);
	s->len += len;
}

static void
suite_put_id(struct label_suite *s, uint16_t id)
{
	const uint8_t be[2] = { (uint8_t)(id >> 8), (uint8_t)id };

	suite_put(s, be, sizeof(be));
}

void
label_suite_kem(struct label_suite *s, uint16_t kem_id)
{
	s->len = 0;
	suite_put(s, "KEM", 3);
	suite_put_id(s, kem_id);
}

void
label_suite_hpke(struct label_suite *s, uint16_t kem_id, uint16_t aead_id)
{
	s->len = 0;
	suite_put(s, "HPKE", 4);
	suite_put_id(s, kem_id);
	suite_put_id(s, KDF_HKDF_SHA256);
	suite_put_id(s, aead_id);
}

static void
label_put(struct buf *b, const struct label_suite *s, const char *label,
    const void *data, size_t len)
{
	buf_put_str(b, "HPKE-v1");
	buf_put(b, s->bytes, s->len);
	buf_put_str(b, label);
	if (len > 0)
		buf_put(b, data, len);
}

enum gw_err
label_extract(const struct label_suite *s, const uint8_t salt[32],
    const char *label, const void *ikm, size_t ikm_len, uint8_t prk_out[32])
{
	enum gw_err err = GW_ELIMIT;
	struct buf b;

	buf_init(&b, LABEL_INPUT_MAX + LABEL_OVERHEAD_MAX);
	label_put(&b, s, label, ikm, ikm_len);
	if (buf_ok(&b))
		err = crypto_hmac(salt, salt == NULL ? 0 : 32, b.data, b.len,
		    prk_out);
	buf_clear(&b);
	return err;
}

enum gw_err
label_expand(const struct label_suite *s, const uint8_t prk[32],
    const char *label, const void *info, size_t info_len, uint8_t *out,
    uint16_t out_len)
{
	enum gw_err err = GW_ELIMIT;
	struct buf b;

	buf_init(&b, LABEL_INPUT_MAX + LABEL_OVERHEAD_MAX);
	buf_put_u16(&b, out_len);
	label_put(&b, s, label, info, info_len);
	if (buf_ok(&b))
		err = crypto_hkdf_expand(prk, b.data, b.len, out, out_len);
	buf_clear(&b);
	return err;
}
