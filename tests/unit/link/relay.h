/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_LINK_RELAY_H
#define TESTS_UNIT_LINK_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ev.h"

/*
 * A network between two links: passes bytes on, counts them, and cuts both
 * sides when so many have gone towards the receiver.
 */
struct relay;

struct relay *relay_new(struct ev_loop *, unsigned port, unsigned to_port);
void relay_free(struct relay *);

/* Cut (with a reset) after so many more bytes; 0: now. */
void relay_cut_after(struct relay *, uint64_t bytes);

/* Pass nothing more on, in silence, until relay_thaw. */
void relay_freeze(struct relay *);
void relay_thaw(struct relay *);

/* Change one byte of what goes towards the receiver after so many more. */
void relay_flip_after(struct relay *, uint64_t bytes);

uint64_t relay_passed(const struct relay *);
uint32_t relay_connections(const struct relay *);

#endif
