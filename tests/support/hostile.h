/* SPDX-License-Identifier: ISC */
#ifndef TESTS_SUPPORT_HOSTILE_H
#define TESTS_SUPPORT_HOSTILE_H

#include <stdint.h>

/*
 * A sender that does not keep to PROTOCOL-tls.md: one named misdeed in each
 * phase of a connection.  Blocking; meant for a process of its own.
 */
struct hostile {
	const char *dir;     /* transport.pem is there, or is made */
	const char *address; /* of the receiver: 127.0.0.1:7443 */
	const char *channel; /* text id */
	uint8_t seed[32];    /* of the zone whose headers it signs */
	int wait_ms;         /* for what the receiver does about it */
};

enum hostile_end {
	HOSTILE_KEPT = 0,    /* the connection is still there */
	HOSTILE_DROPPED = 1, /* the receiver closed it */
	HOSTILE_REFUSED = 2, /* there never was one */
	HOSTILE_CANNOT = 3   /* not tried: no such case, no receiver */
};

struct hostile_case {
	const char *name;
	const char *what;
	enum hostile_end expected;
	enum hostile_end (*run)(struct hostile *, void *connection);
};
extern const struct hostile_case hostile_cases[];
extern const int hostile_case_count;

const struct hostile_case *hostile_find(const char *name);

/* Pin of the key in dir; made if there is none. */
void hostile_pin(const char *dir, uint8_t pin_out[32]);

enum hostile_end hostile_run(struct hostile *, const struct hostile_case *);

#endif
