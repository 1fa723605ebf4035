/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <string.h>

#include "proto/crypto/hpke.h"
#include "proto/crypto/kem.h"
#include "proto/crypto/schedule.h"

#include "tests/unit/proto/support.h"

#define INFO "4f6465206f6e2061204772656369616e2055726e"
#define PSK "0247fd33b913760fa1fa51e1892d9f307fbe65eb171e8132c2af18555a738b82"
#define PSK_ID "456e6e796e20447572696e206172616e204d6f726961"
#define PLAIN "Beauty is truth, truth beauty"
#define PLAIN_LEN (sizeof(PLAIN) - 1)

struct vector {
	enum hpke_suite suite;
	bool has_psk;
	const char *eph, *priv, *pub;
	const char *shared, *key, *base_nonce, *exporter;
};

/* RFC 9180, appendix A.1.1, A.1.2, A.3.1 and A.3.2 (AES-128-GCM). */
static const struct vector vectors[] = {
	{ HPKE_X25519, false,
	  "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736",
	  "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
	  "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
	  "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc",
	  "4531685d41d65f03dc48f6b8302c05b0", "56d890e5accaaf011cff4b7d",
	  "45ff1c2e220db587171952c0592d5f5ebe103f1561a2614e38f2ffd47e99e3f8" },
	{ HPKE_X25519, true,
	  "463426a9ffb42bb17dbe6044b9abd1d4e4d95f9041cef0e99d7824eef2b6f588",
	  "c5eb01eb457fe6c6f57577c5413b931550a162c71a03ac8d196babbd4e5ce0fd",
	  "9fed7e8c17387560e92cc6462a68049657246a09bfa8ade7aefe589672016366",
	  "727699f009ffe3c076315019c69648366b69171439bd7dd0807743bde76986cd",
	  "15026dba546e3ae05836fc7de5a7bb26", "9518635eba129d5ce0914555",
	  "3d76025dbbedc49448ec3f9080a1abab6b06e91c0b11ad23c912f043a0ee7655" },
	{ HPKE_P256, false,
	  "4995788ef4b9d6132b249ce59a77281493eb39af373d236a1fe415cb0c2d7beb",
	  "f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2",
	  "04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a82"
	  "6a779b4cf969b8a0e539c7f62fb3d30ad6aa8f80e30f1d128aafd68a2ce72ea0",
	  "c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8",
	  "868c066ef58aae6dc589b6cfdd18f97e", "4e0bc5018beba4bf004cca59",
	  "14ad94af484a7ad3ef40e9f3be99ecc6fa9036df9d4920548424df127ee0d99f" },
	{ HPKE_P256, true,
	  "57427244f6cc016cddf1c19c8973b4060aa13579b4c067fd5d93a5d74e32a90f",
	  "438d8bcef33b89e0e9ae5eb0957c353c25a94584b0dd59c991372a75b43cb661",
	  "040d97419ae99f13007a93996648b2674e5260a8ebd2b822e84899cd52d87446ea"
	  "394ca76223b76639eccdf00e1967db10ade37db4e7db476261fcc8df97c5ffd1",
	  "2e783ad86a1beae03b5749e0f3f5e9bb19cb7eb382f2fb2dd64c99f15ae0661b",
	  "55d9eb9d26911d4c514a990fa8d57048", "b595dc6b2d7e2ed23af529b1",
	  "895a723a1eab809804973a53c0ee18ece29b25a7555a4808277ad2651d66d705" }
};

/*
 * The same keys as A.1.2 and A.3.2 with AES-256-GCM, computed by another
 * implementation (Python) that reproduces the values above.
 */
struct sealed {
	int vector;
	const char *enc, *ct;
};
static const struct sealed sealed[] = {
	{ 1,
	  "0ad0950d9fb9588e59690b74f1237ecdf1d775cd60be2eca57af5a4b0471c91b",
	  "9d4fc691115401983bba70b5e26b06cbbee15050c5b8e4e2e68401f8f959cbb8"
	  "154d23ff0badc6fc890534074f" },
	{ 3,
	  "04305d35563527bce037773d79a13deabed0e8e7cde61eecee403496959e89e4d0"
	  "ca701726696d1485137ccb5341b3c1c7aaee90a4a02449725e744b1193b53b5f",
	  "c4701d2d3b76e01314b6f4f962638f9bb4e43e4d8373c32173a171c7f146aedd"
	  "291c6f1bb573ff2d70d9d9f537" }
};

/* Sealed in mode_base, with no aad, by the library pyca/cryptography. */
static const struct sealed foreign[] = {
	{ 0,
	  "10970702721732e0cc9b0be0a3c04a95437ea3d824bd94b571757dc80e0a1759",
	  "a1df7177c805600164dd40215527ce97806261491d722c7a11a73c4c5d3e8c724c"
	  "a696940622fef204d86ae122" },
	{ 2,
	  "045a56349806341326db183a9705f31a93ae275c343f769beb26ab2940e576e797"
	  "726aab5ddf043ada2b407a1d8ea7b3bc7ae0f4abe213e98ec0778914fbcf3a6d",
	  "16e3374b217f715f402987192855d8904557bce7eec2f1afaf3e6164a400346879"
	  "1982228087d516d9a93c8589" }
};

/* One vector, in bytes. */
struct keys {
	uint8_t eph[32], priv[32], pub[HPKE_PUB_MAX];
	uint8_t info[32], psk[32], psk_id[32];
	size_t info_len;
	struct hpke_psk p;
};

static void
load(const struct vector *v, struct keys *k)
{
	memset(k, 0, sizeof(*k));
	unhex(v->eph, k->eph, sizeof(k->eph));
	unhex(v->priv, k->priv, sizeof(k->priv));
	ck_assert_uint_eq(unhex(v->pub, k->pub, sizeof(k->pub)),
	    hpke_enc_len(v->suite));
	k->info_len = unhex(INFO, k->info, sizeof(k->info));
	if (!v->has_psk)
		return;
	k->p.psk = k->psk;
	k->p.psk_len = unhex(PSK, k->psk, sizeof(k->psk));
	k->p.psk_id = k->psk_id;
	k->p.psk_id_len = unhex(PSK_ID, k->psk_id, sizeof(k->psk_id));
}

static void
assert_hex(const uint8_t *found, const char *hex)
{
	uint8_t expect[128];
	size_t len = unhex(hex, expect, sizeof(expect));

	ck_assert_mem_eq(found, expect, len);
}

START_TEST(kem_and_schedule_match_rfc9180)
{
	const struct vector *v = &vectors[_i];
	uint8_t enc[HPKE_ENC_MAX], shared[32], pub[HPKE_PUB_MAX];
	struct schedule_keys s;
	struct keys k;

	load(v, &k);
	ck_assert_int_eq(kem_public(v->suite, k.priv, pub), GW_OK);
	assert_hex(pub, v->pub);
	ck_assert_int_eq(kem_encap(v->suite, k.pub, k.eph, enc, shared),
	    GW_OK);
	assert_hex(shared, v->shared);
	memset(shared, 0, sizeof(shared));
	ck_assert_int_eq(kem_decap(v->suite, k.priv, enc,
	    hpke_enc_len(v->suite), shared), GW_OK);
	assert_hex(shared, v->shared);
	ck_assert_int_eq(schedule_derive(v->suite, SCHEDULE_AES128_GCM,
	    shared, &k.p, k.info, k.info_len, &s), GW_OK);
	ck_assert_uint_eq(s.key_len, 16);
	assert_hex(s.key, v->key);
	assert_hex(s.base_nonce, v->base_nonce);
	assert_hex(s.exporter_secret, v->exporter);
}
END_TEST

START_TEST(seal_matches_another_implementation)
{
	const struct sealed *s = &sealed[_i];
	const struct vector *v = &vectors[s->vector];
	uint8_t enc[HPKE_ENC_MAX], ct[64], pt[64];
	struct keys k;

	load(v, &k);
	ck_assert_int_eq(hpke_seal(v->suite, k.pub, &k.p, k.info, k.info_len,
	    "Count-0", 7, PLAIN, PLAIN_LEN, k.eph, enc, ct), GW_OK);
	assert_hex(enc, s->enc);
	assert_hex(ct, s->ct);
	ck_assert_int_eq(hpke_open(v->suite, k.priv, &k.p, k.info,
	    k.info_len, enc, hpke_enc_len(v->suite), "Count-0", 7, ct,
	    PLAIN_LEN + 16, pt), GW_OK);
	ck_assert_mem_eq(pt, PLAIN, PLAIN_LEN);
}
END_TEST

START_TEST(open_reads_another_implementation)
{
	const struct sealed *s = &foreign[_i];
	const struct vector *v = &vectors[s->vector];
	uint8_t enc[HPKE_ENC_MAX], ct[64], pt[64];
	size_t enc_len, ct_len;
	struct keys k;

	load(v, &k);
	enc_len = unhex(s->enc, enc, sizeof(enc));
	ct_len = unhex(s->ct, ct, sizeof(ct));
	ck_assert_int_eq(hpke_open(v->suite, k.priv, NULL, k.info,
	    k.info_len, enc, enc_len, NULL, 0, ct, ct_len, pt), GW_OK);
	ck_assert_mem_eq(pt, PLAIN, PLAIN_LEN);
}
END_TEST

/* Suites of the loop tests below. */
static enum hpke_suite
suite_of(int i)
{
	return i == 0 ? HPKE_P256 : HPKE_X25519;
}

START_TEST(open_refuses_whatever_differs)
{
	const enum hpke_suite suite = suite_of(_i);
	uint8_t priv[32], pub[HPKE_PUB_MAX], enc[HPKE_ENC_MAX], ct[48];
	uint8_t psk[32] = { 1 }, key[32] = { 2 }, out[32];
	struct hpke_psk p = { psk, 32, (const uint8_t *)"id", 2 };
	const size_t n = hpke_enc_len(suite);
	enum gw_err err;
	size_t bit;

	ck_assert_int_eq(hpke_keypair(suite, priv, pub), GW_OK);
	ck_assert_int_eq(hpke_seal(suite, pub, &p, "info", 4, "aad", 3, key,
	    32, NULL, enc, ct), GW_OK);
#define OPEN() hpke_open(suite, priv, &p, "info", 4, enc, n, "aad", 3, ct,   \
	    sizeof(ct), out)
	ck_assert_int_eq(OPEN(), GW_OK);
	ck_assert_mem_eq(out, key, sizeof(key));
	for (bit = 0; bit < 8 * sizeof(ct); bit++) {
		ct[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(OPEN(), GW_EAUTH);
		ct[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (bit = 0; bit < 8 * n; bit++) {
		/* X25519 ignores the top bit; enc itself is bound. */
		enc[bit / 8] ^= (uint8_t)(1 << bit % 8);
		err = OPEN();
		ck_assert(err == GW_EAUTH || err == GW_EFORMAT);
		enc[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	psk[31] ^= 1;
	ck_assert_int_eq(OPEN(), GW_EAUTH);
	psk[31] ^= 1;
	p.psk_id = (const uint8_t *)"ie";
	ck_assert_int_eq(OPEN(), GW_EAUTH);
	p.psk_id = (const uint8_t *)"id";
	ck_assert_int_eq(hpke_open(suite, priv, NULL, "info", 4, enc, n,
	    "aad", 3, ct, sizeof(ct), out), GW_EAUTH);
	ck_assert_int_eq(hpke_open(suite, priv, &p, "inf0", 4, enc, n, "aad",
	    3, ct, sizeof(ct), out), GW_EAUTH);
	ck_assert_int_eq(hpke_open(suite, priv, &p, "info", 4, enc, n, "aae",
	    3, ct, sizeof(ct), out), GW_EAUTH);
	priv[30] ^= 1;
	ck_assert_int_eq(OPEN(), GW_EAUTH);
	priv[30] ^= 1;
	ck_assert_int_eq(OPEN(), GW_OK);
#undef OPEN
}
END_TEST

START_TEST(truncated_inputs_are_refused)
{
	const enum hpke_suite suite = suite_of(_i);
	uint8_t priv[32], pub[HPKE_PUB_MAX], enc[HPKE_ENC_MAX + 1], ct[48];
	uint8_t key[32] = { 2 }, out[48];
	const size_t n = hpke_enc_len(suite);
	size_t len;

	ck_assert_int_eq(hpke_keypair(suite, priv, pub), GW_OK);
	ck_assert_int_eq(hpke_seal(suite, pub, NULL, NULL, 0, NULL, 0, key,
	    32, NULL, enc, ct), GW_OK);
	for (len = 0; len <= n + 1; len++) {
		if (len == n)
			continue;
		ck_assert_int_eq(hpke_open(suite, priv, NULL, NULL, 0, enc,
		    len, NULL, 0, ct, sizeof(ct), out), GW_EFORMAT);
	}
	for (len = 0; len < sizeof(ct); len++)
		ck_assert_int_eq(hpke_open(suite, priv, NULL, NULL, 0, enc,
		    n, NULL, 0, ct, len, out), GW_EAUTH);
}
END_TEST

/* Points of small order on Curve25519: their shared secret is zero. */
static const char *const low_order[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"
};

START_TEST(x25519_small_order_is_refused)
{
	uint8_t priv[32], pub[HPKE_PUB_MAX], enc[32], ct[48], out[32] = { 0 };

	ck_assert_int_eq(hpke_keypair(HPKE_X25519, priv, pub), GW_OK);
	unhex(low_order[_i], enc, sizeof(enc));
	memset(ct, 0, sizeof(ct));
	ck_assert_int_eq(hpke_open(HPKE_X25519, priv, NULL, NULL, 0, enc,
	    sizeof(enc), NULL, 0, ct, sizeof(ct), out), GW_EFORMAT);
	ck_assert_int_eq(hpke_seal(HPKE_X25519, enc, NULL, NULL, 0, NULL, 0,
	    out, sizeof(out), NULL, pub, ct), GW_EFORMAT);
}
END_TEST

START_TEST(p256_bad_points_are_refused)
{
	static const uint8_t forms[] = { 0x00, 0x02, 0x03, 0x05, 0x06, 0x07 };
	uint8_t priv[32], pub[HPKE_PUB_MAX], ct[48] = { 0 }, out[32];
	uint8_t bad[HPKE_PUB_MAX];
	size_t i;

	ck_assert_int_eq(hpke_keypair(HPKE_P256, priv, pub), GW_OK);
#define OPEN() hpke_open(HPKE_P256, priv, NULL, NULL, 0, bad, 65, NULL, 0,   \
	    ct, sizeof(ct), out)
	memcpy(bad, pub, sizeof(bad));
	ck_assert_int_eq(OPEN(), GW_EAUTH);
	bad[64] ^= 1;	/* not on the curve */
	ck_assert_int_eq(OPEN(), GW_EFORMAT);
	for (i = 0; i < sizeof(forms); i++) {
		memcpy(bad, pub, sizeof(bad));
		bad[0] = forms[i];
		ck_assert_int_eq(OPEN(), GW_EFORMAT);
	}
	memset(bad, 0, sizeof(bad));	/* the point at infinity */
	ck_assert_int_eq(OPEN(), GW_EFORMAT);
	memset(bad, 0xff, sizeof(bad)); /* coordinates above the prime */
	bad[0] = 0x04;
	ck_assert_int_eq(OPEN(), GW_EFORMAT);
	/* x = 0 with a y of a curve with another b: invalid curve attack */
	memset(bad, 0, sizeof(bad));
	bad[0] = 0x04;
	bad[64] = 1;
	ck_assert_int_eq(OPEN(), GW_EFORMAT);
#undef OPEN
}
END_TEST

START_TEST(p256_bad_scalars_are_refused)
{
	static const char order[] =
	    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
	uint8_t k[32] = { 0 }, pub[HPKE_PUB_MAX];

	ck_assert_int_eq(kem_public(HPKE_P256, k, pub), GW_EINVAL);
	unhex(order, k, sizeof(k));
	ck_assert_int_eq(kem_public(HPKE_P256, k, pub), GW_EINVAL);
	memset(k, 0xff, sizeof(k));
	ck_assert_int_eq(kem_public(HPKE_P256, k, pub), GW_EINVAL);
	unhex(order, k, sizeof(k));
	k[31]--;
	ck_assert_int_eq(kem_public(HPKE_P256, k, pub), GW_OK);
}
END_TEST

START_TEST(psk_inputs_are_checked)
{
	uint8_t psk[32] = { 1 }, shared[32] = { 2 }, pub[HPKE_PUB_MAX];
	struct hpke_psk p = { psk, 31, psk, 4 };
	struct schedule_keys k;

#define DERIVE() schedule_derive(HPKE_P256, SCHEDULE_AES256_GCM, shared, &p, \
	    NULL, 0, &k)
	ck_assert_int_eq(DERIVE(), GW_EINVAL);
	p.psk_len = 32;
	ck_assert_int_eq(DERIVE(), GW_OK);
	p.psk_id_len = 0;
	ck_assert_int_eq(DERIVE(), GW_EINVAL);
	p = (struct hpke_psk){ NULL, 0, psk, 4 };
	ck_assert_int_eq(DERIVE(), GW_EINVAL);
#undef DERIVE
	ck_assert_uint_eq(hpke_enc_len((enum hpke_suite)3), 0);
	ck_assert_int_eq(hpke_keypair((enum hpke_suite)0, psk, pub),
	    GW_EINVAL);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("hpke");

	tcase_add_loop_test(tc, kem_and_schedule_match_rfc9180, 0, 4);
	tcase_add_loop_test(tc, seal_matches_another_implementation, 0, 2);
	tcase_add_loop_test(tc, open_reads_another_implementation, 0, 2);
	tcase_add_loop_test(tc, open_refuses_whatever_differs, 0, 2);
	tcase_add_loop_test(tc, truncated_inputs_are_refused, 0, 2);
	tcase_add_loop_test(tc, x25519_small_order_is_refused, 0, 7);
	tcase_add_test(tc, p256_bad_points_are_refused);
	tcase_add_test(tc, p256_bad_scalars_are_refused);
	tcase_add_test(tc, psk_inputs_are_checked);
	return run_case(tc);
}
