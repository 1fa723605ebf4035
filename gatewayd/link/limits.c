/* SPDX-License-Identifier: ISC */
#include <netinet/in.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "gatewayd/link/limits.h"

struct source {
	struct sockaddr_storage address;
	uint64_t since_ms, last_ms;
	uint32_t count; /* 0: unused */
};

struct limits {
	struct source sources[LIMITS_ADDRESSES];
	uint32_t refused;
	bool has_logged;
	uint64_t logged_ms;
};

struct limits *
limits_new(void)
{
	return mem_alloc(sizeof(struct limits));
}

void
limits_free(struct limits *l)
{
	mem_free(l);
}

bool
limits_same_host(
    const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	struct sockaddr_in6 a6, b6;
	struct sockaddr_in a4, b4;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET) {
		memcpy(&a4, a, sizeof(a4));
		memcpy(&b4, b, sizeof(b4));
		return a4.sin_addr.s_addr == b4.sin_addr.s_addr;
	}
	memcpy(&a6, a, sizeof(a6));
	memcpy(&b6, b, sizeof(b6));
	/* one host has a whole /64 of addresses to come from */
	return memcmp(&a6.sin6_addr, &b6.sin6_addr, 8) == 0;
}

bool
limits_may_come(struct limits *l, const struct sockaddr_storage *from)
{
	uint64_t now = clock_mono_ms();
	struct source *src = NULL, *oldest = l->sources;

	for (int i = 0; i < LIMITS_ADDRESSES && src == NULL; i++) {
		struct source *s = &l->sources[i];

		if (s->count > 0 && limits_same_host(&s->address, from))
			src = s;
		else if (s->count == 0 || s->last_ms < oldest->last_ms)
			oldest = s;
	}
	if (src == NULL) {
		src = oldest;
		memset(src, 0, sizeof(*src));
		src->address = *from;
		src->since_ms = now;
	}
	if (now - src->since_ms > LIMITS_WINDOW_MS) {
		src->since_ms = now;
		src->count = 0;
	}
	src->last_ms = now;
	return ++src->count <= LIMITS_WINDOW_MAX;
}

void
limits_refused(struct limits *l, const char *why)
{
	uint64_t now = clock_mono_ms();

	l->refused++;
	if (l->has_logged && now - l->logged_ms < LIMITS_LOG_MS)
		return;
	l->has_logged = true;
	l->logged_ms = now;
	log_warn("a connection was refused: %s (%u so far)", why, l->refused);
}

uint32_t
limits_refused_count(const struct limits *l)
{
	return l->refused;
}
