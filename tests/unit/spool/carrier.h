/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_SPOOL_CARRIER_H
#define TESTS_UNIT_SPOOL_CARRIER_H

#include "tests/unit/spool/world.h"

/* Link of both zones, played by the test: what crosses the border. */

/*
 * Everything that the sender has, from its base on, until the next parcel
 * is not there.  GW_ECLOSED: one of the two died.
 */
enum gw_err carrier_try(struct world *low, struct world *high);
void carrier_all(struct world *low, struct world *high);

/* One ACK of the receiver, given to the sender. */
enum gw_err carrier_try_ack(struct world *low, struct world *high,
    struct ack *out);
void carrier_ack(struct world *low, struct world *high);

/* Until the sender has sealed that many parcels. */
void carrier_wait_seq(struct world *low, uint64_t seq);

/* Single steps at the receiver. */
struct spool_rx carrier_begin(struct world *high, const uint8_t *object,
    uint32_t len);
void carrier_tables(struct world *high, const struct spool_rx *,
    const uint8_t *object, uint32_t len);
void carrier_put(struct world *low, struct world *high,
    const struct spool_rx *, const struct slot *, uint32_t first,
    uint32_t end);

#endif
