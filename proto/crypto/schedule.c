/* SPDX-License-Identifier: ISC */
#include "base/mem.h"
#include "proto/crypto/kem.h"
#include "proto/crypto/label.h"

#include "proto/crypto/schedule.h"

enum { MODE_BASE = 0, MODE_PSK = 1 };

/* VerifyPSKInputs */
static enum gw_err
psk_check(const struct hpke_psk *psk)
{
	if (psk->psk == NULL)
		return psk->psk_id == NULL ? GW_OK : GW_EINVAL;
	if (psk->psk_id == NULL || psk->psk_id_len == 0)
		return GW_EINVAL;
	return psk->psk_len >= HPKE_PSK_LEN ? GW_OK : GW_EINVAL;
}

/* key_schedule_context: mode || psk_id_hash || info_hash */
static enum gw_err
schedule_context(const struct label_suite *s, const struct hpke_psk *psk,
    const void *info, size_t info_len, uint8_t out[65])
{
	enum gw_err err;

	out[0] = psk->psk == NULL ? MODE_BASE : MODE_PSK;
	err = label_extract(s, NULL, "psk_id_hash", psk->psk_id,
	    psk->psk_id_len, out + 1);
	if (err == GW_OK)
		err = label_extract(s, NULL, "info_hash", info, info_len,
		    out + 33);
	return err;
}

enum gw_err
schedule_derive(enum hpke_suite suite, enum schedule_aead aead,
    const uint8_t shared[32], const struct hpke_psk *psk, const void *info,
    size_t info_len, struct schedule_keys *out)
{
	const struct hpke_psk none = { NULL, 0, NULL, 0 };
	uint8_t context[65], secret[32];
	struct schedule_keys k;
	struct label_suite s;
	enum gw_err err;

	if (psk == NULL)
		psk = &none;
	err = psk_check(psk);
	if (err != GW_OK)
		return err;
	label_suite_hpke(&s, kem_id(suite), (uint16_t)aead);
	k.key_len = aead == SCHEDULE_AES256_GCM ? 32 : 16;
	err = schedule_context(&s, psk, info, info_len, context);
	if (err == GW_OK)
		err = label_extract(&s, shared, "secret", psk->psk,
		    psk->psk_len, secret);
	if (err == GW_OK)
		err = label_expand(&s, secret, "key", context,
		    sizeof(context), k.key, (uint16_t)k.key_len);
	if (err == GW_OK)
		err = label_expand(&s, secret, "base_nonce", context,
		    sizeof(context), k.base_nonce, sizeof(k.base_nonce));
	if (err == GW_OK)
		err = label_expand(&s, secret, "exp", context,
		    sizeof(context), k.exporter_secret,
		    sizeof(k.exporter_secret));
	if (err == GW_OK)
		*out = k;
	mem_clear(secret, sizeof(secret));
	mem_clear(&k, sizeof(k));
	return err;
}
