/* SPDX-License-Identifier: ISC */
/*
 * gw-peer DIR pin
 * gw-peer DIR ADDRESS CHANNEL SEED CASE [WAIT_MS]
 *
 * A sender that breaks the protocol in one named way.  DIR holds its
 * transport key (transport.pem, made if absent); the first form prints its
 * pin, which the receiver's zone must have paired.  SEED: 64 hexadecimal
 * digits, the Ed25519 seed of the zone that signs.  Prints what became of
 * the connection; exits 0 if that was what PROTOCOL-tls.md demands.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/hostile.h"

static void
print_pin(const char *dir)
{
	uint8_t pin[32];

	hostile_pin(dir, pin);
	for (int i = 0; i < 32; i++)
		printf("%02x", pin[i]);
	printf("\n");
}

static int
read_seed(const char *hex, uint8_t seed[32])
{
	unsigned byte;

	if (strlen(hex) != 64)
		return -1;
	for (int i = 0; i < 32; i++) {
		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return -1;
		seed[i] = (uint8_t)byte;
	}
	return 0;
}

static int
usage(void)
{
	fprintf(stderr, "gw-peer DIR pin | "
			"gw-peer DIR ADDRESS CHANNEL SEED CASE [WAIT_MS]\n");
	for (int i = 0; i < hostile_case_count; i++)
		fprintf(stderr, "  %-20s %s\n", hostile_cases[i].name,
		    hostile_cases[i].what);
	return 2;
}

int
main(int argc, char **argv)
{
	static const char *const words[] = {
	    "kept", "dropped", "refused", "not tried"};
	const struct hostile_case *c;
	struct hostile h = {.wait_ms = 15000};
	enum hostile_end end;

	if (argc == 3 && strcmp(argv[2], "pin") == 0) {
		print_pin(argv[1]);
		return 0;
	}
	if (argc < 6 || (c = hostile_find(argv[5])) == NULL ||
	    read_seed(argv[4], h.seed) == -1)
		return usage();
	h.dir = argv[1];
	h.address = argv[2];
	h.channel = argv[3];
	if (argc > 6)
		h.wait_ms = atoi(argv[6]);
	end = hostile_run(&h, c);
	printf("%s: %s\n", c->name, words[end]);
	return end == c->expected ? 0 : 1;
}
