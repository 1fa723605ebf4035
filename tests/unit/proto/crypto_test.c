/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "proto/crypto/crypto.h"

#include "tests/unit/proto/support.h"

struct hkdf_vector {
	const char *ikm, *salt, *info, *okm;
};

/* RFC 5869, appendix A, test cases 1 to 3. */
static const struct hkdf_vector hkdf_vectors[] = {
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
	  "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
	  "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
	  "34007208d5b887185865" },
	{ "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	  "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
	  "404142434445464748494a4b4c4d4e4f",
	  "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
	  "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
	  "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
	  "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
	  "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef"
	  "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
	  "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
	  "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
	  "cc30c58179ec3e87c14c01d5c1f3434f1d87" },
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
	  "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
	  "9d201395faa4b61a96c8" }
};

START_TEST(hkdf_matches_rfc5869)
{
	const struct hkdf_vector *v = &hkdf_vectors[_i];
	uint8_t ikm[80], salt[80], info[80], okm[82], out[82];
	size_t ikm_len = unhex(v->ikm, ikm, sizeof(ikm));
	size_t salt_len = unhex(v->salt, salt, sizeof(salt));
	size_t info_len = unhex(v->info, info, sizeof(info));
	size_t len = unhex(v->okm, okm, sizeof(okm));

	ck_assert_int_eq(crypto_hkdf(salt, salt_len, ikm, ikm_len, info,
	    info_len, out, len), GW_OK);
	ck_assert_mem_eq(out, okm, len);
}
END_TEST

START_TEST(hkdf_refuses_too_much)
{
	static uint8_t out[255 * 32 + 1];
	uint8_t prk[32] = { 1 };

	ck_assert_int_eq(crypto_hkdf_expand(prk, "", 0, out, 255 * 32),
	    GW_OK);
	ck_assert_int_eq(crypto_hkdf_expand(prk, "", 0, out, sizeof(out)),
	    GW_EINVAL);
}
END_TEST

/* RFC 4231, test cases 1, 2 and 6. */
START_TEST(hmac_matches_rfc4231)
{
	uint8_t key[131], out[32], expect[32];

	memset(key, 0x0b, 20);
	ck_assert_int_eq(crypto_hmac(key, 20, "Hi There", 8, out), GW_OK);
	unhex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cf"
	    "f7", expect, 32);
	ck_assert_mem_eq(out, expect, 32);
	ck_assert_int_eq(crypto_hmac("Jefe", 4,
	    "what do ya want for nothing?", 28, out), GW_OK);
	unhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec38"
	    "43", expect, 32);
	ck_assert_mem_eq(out, expect, 32);
	memset(key, 0xaa, sizeof(key));
	ck_assert_int_eq(crypto_hmac(key, sizeof(key),
	    "Test Using Larger Than Block-Size Key - Hash Key First", 54,
	    out), GW_OK);
	unhex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f"
	    "54", expect, 32);
	ck_assert_mem_eq(out, expect, 32);
}
END_TEST

struct sign_vector {
	const char *seed, *pub, *msg, *sig;
};

/* RFC 8032, section 7.1, tests 1 to 3. */
static const struct sign_vector sign_vectors[] = {
	{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
	  "",
	  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
	  "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
	{ "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
	  "72",
	  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
	  "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
	{ "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	  "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
	  "af82",
	  "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
	  "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a" }
};

START_TEST(ed25519_matches_rfc8032)
{
	const struct sign_vector *v = &sign_vectors[_i];
	uint8_t seed[32], pub[32], msg[8], sig[64], out[64];
	size_t len = unhex(v->msg, msg, sizeof(msg)), bit;

	unhex(v->seed, seed, sizeof(seed));
	ck_assert_int_eq(crypto_sign_public(seed, out), GW_OK);
	unhex(v->pub, pub, sizeof(pub));
	ck_assert_mem_eq(out, pub, sizeof(pub));
	ck_assert_int_eq(crypto_sign(seed, msg, len, out), GW_OK);
	unhex(v->sig, sig, sizeof(sig));
	ck_assert_mem_eq(out, sig, sizeof(sig));
	ck_assert_int_eq(crypto_verify(pub, msg, len, sig), GW_OK);
	for (bit = 0; bit < 512; bit++) {
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(crypto_verify(pub, msg, len, sig), GW_ESIG);
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_int_eq(crypto_verify(pub, "other", 5, sig), GW_ESIG);
}
END_TEST

/* "The Galois/Counter Mode of Operation", test cases 13, 14 and 16. */
START_TEST(gcm_matches_published_vectors)
{
	uint8_t key[32] = { 0 }, nonce[12] = { 0 }, zero[16] = { 0 };
	uint8_t aad[20], pt[60], ct[60], out[60], tag[16], expect[16];
	struct crypto_aead *a;

	ck_assert_int_eq(crypto_aead_new(key, &a), GW_OK);
	ck_assert_int_eq(crypto_aead_seal(a, nonce, NULL, 0, NULL, 0, out,
	    tag), GW_OK);
	unhex("530f8afbc74536b9a963b4f1c4cb738b", expect, 16);
	ck_assert_mem_eq(tag, expect, 16);
	ck_assert_int_eq(crypto_aead_seal(a, nonce, NULL, 0, zero, 16, out,
	    tag), GW_OK);
	unhex("cea7403d4d606b6e074ec5d3baf39d18", expect, 16);
	ck_assert_mem_eq(out, expect, 16);
	unhex("d0d1c8a799996bf0265b98b5d48ab919", expect, 16);
	ck_assert_mem_eq(tag, expect, 16);
	crypto_aead_free(a);

	unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f94673083"
	    "08", key, 32);
	unhex("cafebabefacedbaddecaf888", nonce, 12);
	unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2", aad, 20);
	unhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a"
	    "721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39", pt,
	    60);
	unhex("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1"
	    "aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662", ct,
	    60);
	unhex("76fc6ece0f4e1768cddf8853bb2d551b", expect, 16);
	ck_assert_int_eq(crypto_aead_new(key, &a), GW_OK);
	ck_assert_int_eq(crypto_aead_seal(a, nonce, aad, 20, pt, 60, out,
	    tag), GW_OK);
	ck_assert_mem_eq(out, ct, 60);
	ck_assert_mem_eq(tag, expect, 16);
	crypto_aead_free(a);
}
END_TEST

START_TEST(aead_seals_and_opens_in_turn)
{
	uint8_t key[32] = { 7 }, nonce[12] = { 0 }, tag[16], data[100];
	uint8_t zero[sizeof(data)] = { 0 };
	struct crypto_aead *a;
	int i;

	ck_assert_int_eq(crypto_aead_new(key, &a), GW_OK);
	for (i = 0; i < 300; i++) {
		nonce[0] = (uint8_t)i;
		nonce[1] = (uint8_t)(i >> 8);
		memset(data, i, sizeof(data));
		ck_assert_int_eq(crypto_aead_seal(a, nonce, "aad", 3, data,
		    sizeof(data), data, tag), GW_OK);
		tag[i % 16] ^= 1;
		ck_assert_int_eq(crypto_aead_open(a, nonce, "aad", 3, data,
		    sizeof(data), tag, zero), GW_EAUTH);
		ck_assert_mem_eq(zero, (uint8_t[sizeof(data)]){ 0 },
		    sizeof(data));
		tag[i % 16] ^= 1;
		ck_assert_int_eq(crypto_aead_open(a, nonce, "axd", 3, data,
		    sizeof(data), tag, zero), GW_EAUTH);
		ck_assert_int_eq(crypto_aead_open(a, nonce, "aad", 3, data,
		    sizeof(data), tag, data), GW_OK);
		ck_assert_uint_eq(data[99], (uint8_t)i);
	}
	crypto_aead_free(a);
	crypto_aead_free(NULL);
}
END_TEST

START_TEST(random_and_key_ids)
{
	uint8_t a[64] = { 0 }, b[64] = { 0 }, id[16], expect[16];

	crypto_random(a, sizeof(a));
	crypto_random(b, sizeof(b));
	ck_assert_mem_ne(a, b, sizeof(a));
	ck_assert_int_eq(crypto_key_id("abc", 3, id), GW_OK);
	unhex("ba7816bf8f01cfea414140de5dae2223", expect, 16);
	ck_assert_mem_eq(id, expect, 16);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("crypto");

	tcase_add_loop_test(tc, hkdf_matches_rfc5869, 0, 3);
	tcase_add_test(tc, hkdf_refuses_too_much);
	tcase_add_test(tc, hmac_matches_rfc4231);
	tcase_add_loop_test(tc, ed25519_matches_rfc8032, 0, 3);
	tcase_add_test(tc, gcm_matches_published_vectors);
	tcase_add_test(tc, aead_seals_and_opens_in_turn);
	tcase_add_test(tc, random_and_key_ids);
	return run_case(tc);
}
