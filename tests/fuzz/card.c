/* SPDX-License-Identifier: ISC; fuzz-libs: gw_card gw_crypto gw_base */
#include <stdlib.h>
#include <string.h>

#include "proto/record/card.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/*
 * A card of the fuzzer's content, signed, must decode and encode to the same
 * bytes; what comes as a card must not crash.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[32] = {1};
	char digits[CARD_DIGITS_LEN];
	struct buf signed_card, again;
	struct card c;

	(void)card_decode(data, size, &c);
	buf_init(&signed_card, CARD_MAX + 80);
	buf_init(&again, CARD_MAX);
	/* The signature cannot be guessed: make it right. */
	if (size > 68 && size <= CARD_MAX) {
		struct buf tbs;
		uint8_t sig[64];

		buf_init(&tbs, CARD_MAX + 16);
		buf_put(&tbs, "gwp1 card", 10);
		buf_put(&tbs, data, size - 64 - 4);
		if (crypto_sign(seed, tbs.data, tbs.len, sig) != GW_OK)
			abort();
		buf_put(&signed_card, data, size - 64);
		buf_put(&signed_card, sig, 64);
		buf_clear(&tbs);
		if (card_decode(signed_card.data, signed_card.len, &c) ==
		    GW_OK && (card_encode(&c, seed, &again) != GW_OK ||
		    again.len != size ||
		    memcmp(again.data, signed_card.data, size) != 0))
			abort();
		if (card_digits(data, size, digits) != GW_OK ||
		    !card_digits_match(digits, digits))
			abort();
	}
	buf_clear(&signed_card);
	buf_clear(&again);
	return 0;
}
