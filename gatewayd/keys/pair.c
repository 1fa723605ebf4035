/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/crypto/crypto.h"
#include "gatewayd/keys/channel.h"
#include "gatewayd/keys/effect.h"
#include "gatewayd/keys/zone.h"

#include "gatewayd/keys/handlers.h"

#define INFO_MAX 128

_Static_assert((int)CARD_BENCH == (int)CARD_IS_BENCH, "one flag");
_Static_assert(KEYS_CARD_MAX >= CARD_MAX, "a card fits a message");

/*
 * Pairing is the administrators' and officers' work.  root, and who runs
 * this process, could read the key files anyway; so an empty list of
 * operators does not lock a new zone.
 */
static bool
may_pair(const struct keyd *k, uint32_t uid)
{
	if (uid == UINT32_MAX)
		return false;
	return uid == 0 || uid == geteuid() ||
	    (policy_roles(k->policy, uid) &
	    (POLICY_ADMINISTRATOR | POLICY_OFFICER)) != 0;
}

/* --- entries that nobody waits for, or that come before an answer -------- */

struct pair_effect {
	struct effect e;
	enum audit_event event;
	enum gw_err outcome;
	uint32_t uid;
	char detail[128];
	uint8_t hash[32];
	bool is_card_reply;		/* else ipc_status or keys_paired */
	bool is_accept;
	struct keys_paired paired;
	uint32_t card_len;
	uint8_t card[CARD_MAX];
};

static enum gw_err
pair_record(struct keyd *k, struct effect *e, uint32_t i,
    struct audit_record *out)
{
	const struct pair_effect *p = (const struct pair_effect *)e;

	(void)k;
	(void)i;
	effect_record(out, p->event, NULL);
	out->uid = p->uid;
	memcpy(out->hash, p->hash, sizeof(out->hash));
	(void)mem_put_str(out->detail, sizeof(out->detail), p->detail);
	return GW_OK;
}

static void
card_reply(struct keyd *k, struct client *c, uint16_t type, uint64_t id,
    enum gw_err err)
{
	const struct zone *z = k->zone;
	struct keys_card out;

	memset(&out, 0, sizeof(out));
	out.err = err;
	if (err == GW_OK) {
		out.len = (uint32_t)z->card_len;
		memcpy(out.bytes, z->card, z->card_len);
		(void)mem_put_str(out.digits, sizeof(out.digits), z->digits);
	}
	keyd_reply(c, type, id, &out, sizeof(out), NULL, 0, 0, -1);
}

/* The card is accepted: from now on it is the peer. */
static enum gw_err
accept_card(struct keyd *k, struct pair_effect *p)
{
	enum gw_err err;

	err = peers_put(k->peers, p->card, p->card_len, p->paired.secret,
	    clock_wall_ms());
	if (err == GW_OK)
		channels_peer_accepted(k, p->paired.peer);
	return err;
}

static void
pair_done(struct keyd *k, struct effect *e)
{
	struct pair_effect *p = (struct pair_effect *)e;
	enum gw_err err = e->err != GW_OK ? e->err : p->outcome;

	if (p->is_card_reply) {
		card_reply(k, e->client, e->type, e->msg_id, err);
		return;
	}
	if (!p->is_accept) {
		effect_status(e, err, REASON_NONE);
		return;
	}
	if (err == GW_OK)
		err = accept_card(k, p);
	if (err != GW_OK)
		memset(&p->paired, 0, sizeof(p->paired));
	p->paired.err = err;
	keyd_reply(e->client, e->type, e->msg_id, &p->paired,
	    sizeof(p->paired), NULL, 0, 0, -1);
}

static const struct effect_ops pair_ops = {
	.record = pair_record,
	.done = pair_done,
};

static struct pair_effect *
pair_new(struct client *c, const struct ipc_msg *msg, enum audit_event event,
    uint32_t uid, const char *detail)
{
	struct pair_effect *p = effect_new(sizeof(*p), &pair_ops, c, msg);

	p->event = event;
	p->uid = uid;
	p->e.record_count = 1;
	(void)mem_put_str(p->detail, sizeof(p->detail), detail);
	return p;
}

/* --- our card ----------------------------------------------------------- */

/* A card that fits; a new one is an entry in the log. */
static enum gw_err
card_fit(struct keyd *k)
{
	struct pair_effect *p;
	bool is_made = false;
	enum gw_err err;

	err = zone_fit_card(k->zone, k->policy->zone.zone,
	    effects_identity(k), clock_wall_ms(), &is_made);
	if (err != GW_OK || !is_made)
		return err;
	channels_fit(k);
	p = pair_new(NULL, NULL, AUDIT_KEY, UINT32_MAX, "card made");
	memcpy(p->hash, k->zone->card_hash, sizeof(p->hash));
	effect_add(k, &p->e);
	return GW_OK;
}

void
pair_on_init(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct keys_pair_init req;
	struct pair_effect *p;
	enum gw_err err = GW_EDENIED;

	memcpy(&req, msg->body, sizeof(req));
	if ((req.flags & ~CARD_BENCH) != 0)
		log_fatal("desk: pair init with flags that make no sense");
	if (may_pair(k, req.uid))
		err = zone_make(k->zone, (req.flags & CARD_BENCH) != 0,
		    clock_wall_ms());
	if (err == GW_OK) {
		p = pair_new(c, msg, AUDIT_KEY, req.uid, k->zone->is_bench ?
		    "zone keys made (bench)" : "zone keys made");
		memcpy(p->hash, k->zone->sign_pub, sizeof(p->hash));
		effect_add(k, &p->e);
		/* Without link's pin there is no card yet: keys alone. */
		err = card_fit(k);
		err = err == GW_EAGAIN ? GW_OK : err;
	} else {
		p = pair_new(c, msg, AUDIT_DENIED, req.uid, "pair init");
		p->e.record_count = err == GW_EDENIED ? 1 : 0;
		effect_add(k, &p->e);
	}
	p->outcome = err;
	p->is_card_reply = true;
}

void
pair_on_card(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	card_reply(k, c, msg->type, msg->id, card_fit(k));
}

void
pair_on_transport(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct keys_transport req;
	enum gw_err err;

	memcpy(&req, msg->body, sizeof(req));
	if (zone_set_pin(k->zone, req.pin))
		log_warn("our transport key changed: peers must accept a new "
		    "card");
	err = card_fit(k);
	/* A zone that is not paired yet has no card to fit. */
	keyd_status(c, msg->type, msg->id, err == GW_ENOENT ? GW_OK : err,
	    REASON_NONE);
}

/* --- the peer's card ---------------------------------------------------- */

static bool
has_channel_to(const struct keyd *k, const char *zone)
{
	uint32_t i;

	for (i = 0; i < k->policy->channel_count; i++) {
		if (strcmp(k->policy->channels[i].peer, zone) == 0)
			return true;
	}
	return false;
}

static enum gw_err
accept_check(struct keyd *k, const struct keys_pair_accept *req,
    struct card *card)
{
	char digits[CARD_DIGITS_LEN];
	enum gw_err err;

	if (!may_pair(k, req->uid))
		return GW_EDENIED;
	if (!k->zone->is_made)
		return GW_EAGAIN;
	if ((err = card_decode(req->bytes, req->len, card)) != GW_OK ||
	    (err = card_digits(req->bytes, req->len, digits)) != GW_OK)
		return err;
	if (!card_digits_match(digits, req->digits))
		return GW_EHASH;
	if (strcmp(card->zone, k->policy->zone.zone) == 0 ||
	    memcmp(card->sign_pub, k->zone->sign_pub, 32) == 0)
		return GW_EINVAL;
	if (!has_channel_to(k, card->zone))
		return GW_ENOENT;
	if ((card->flags & CARD_IS_BENCH) != 0 && !k->zone->is_bench)
		return GW_EDENIED;
	return GW_OK;
}

/*
 * The pairing secret: as typed; or, for a newer card of the same peer, the
 * one that stands; or a new one, returned this once.
 */
static void
accept_secret(const struct keyd *k, const struct card *card,
    const uint8_t typed[32], uint8_t out[32])
{
	static const uint8_t none[32];
	const struct peer *peer = peers_find(k->peers, card->zone);

	if (!mem_equal(typed, none, sizeof(none)))
		memcpy(out, typed, 32);
	else if (peer != NULL && memcmp(peer->card.sign_pub, card->sign_pub,
	    sizeof(card->sign_pub)) == 0)
		memcpy(out, peer->secret, 32);
	else
		crypto_random(out, 32);
}

void
pair_on_accept(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct keys_pair_accept req;
	struct pair_effect *p;
	struct card card;
	enum gw_err err;

	memcpy(&req, msg->body, sizeof(req));
	if (req.len > sizeof(req.bytes) ||
	    !keyd_text_ok(req.digits, sizeof(req.digits)))
		log_fatal("desk: a card that makes no sense");
	err = accept_check(k, &req, &card);
	if (err == GW_OK) {
		p = pair_new(c, msg, AUDIT_PAIRED, req.uid, card.zone);
		memcpy(p->hash, card.sign_pub, sizeof(p->hash));
		memcpy(p->paired.peer, card.zone, sizeof(p->paired.peer));
		accept_secret(k, &card, req.secret, p->paired.secret);
		memcpy(p->card, req.bytes, req.len);
		p->card_len = req.len;
	} else {
		p = pair_new(c, msg, AUDIT_DENIED, req.uid, "pair accept");
	}
	p->is_accept = true;
	p->outcome = err;
	effect_add(k, &p->e);
	mem_clear(&req, sizeof(req));
}

/* --- lists -------------------------------------------------------------- */

struct info_list {
	struct keys_info all[INFO_MAX];
	uint32_t count;
};

static struct keys_info *
info_add(struct info_list *l, const char *kind, const char *zone)
{
	struct keys_info *info;

	/* The last place is overwritten rather than the bounds. */
	if (l->count < INFO_MAX)
		l->count++;
	info = &l->all[l->count - 1];
	memset(info, 0, sizeof(*info));
	(void)mem_put_str(info->kind, sizeof(info->kind), kind);
	(void)mem_put_str(info->zone, sizeof(info->zone), zone);
	return info;
}

static void
info_zone(const struct keyd *k, struct info_list *l, const char *kind)
{
	const struct zone *z = k->zone;
	struct keys_info *info;

	if (!z->is_made)
		return;
	info = info_add(l, kind, k->policy->zone.zone);
	memcpy(info->id, z->sign_id, sizeof(info->id));
	info->made_ms = z->made_ms;
	info->flags = z->is_bench ? CARD_BENCH : 0;
	if (z->card_len > 0)
		(void)mem_put_str(info->digits, sizeof(info->digits),
		    z->digits);
}

static void
info_peer(const struct peer *peer, struct info_list *l)
{
	const struct card *card = &peer->card;
	struct keys_info *info = info_add(l, "peer", peer->zone);

	memcpy(info->id, peer->sign_id, sizeof(info->id));
	info->made_ms = peer->accepted_ms;
	info->not_before_ms = card->keys[0].not_before_ms;
	info->not_after_ms = card->keys[card->key_count - 1].not_after_ms;
	info->flags = card->flags;
	(void)mem_put_str(info->digits, sizeof(info->digits), peer->digits);
}

static void
info_receive(const struct keyd *k, const struct zone_receive *key,
    struct info_list *l)
{
	struct keys_info *info;
	char kind[24];

	(void)snprintf(kind, sizeof(kind), "receive-%04u-%02u",
	    key->month / 100, key->month % 100);
	info = info_add(l, kind, k->policy->zone.zone);
	memcpy(info->id, key->id, sizeof(info->id));
	info->not_before_ms = key->not_before_ms;
	info->not_after_ms = key->not_after_ms;
}

static void
info_reply(struct client *c, const struct ipc_msg *msg,
    const struct info_list *l)
{
	const struct ipc_status st = {.err = GW_OK};

	keyd_reply(c, msg->type, msg->id, &st, sizeof(st), l->all,
	    sizeof(l->all[0]), l->count, -1);
}

void
pair_on_show(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct info_list *l = mem_alloc(sizeof(*l));
	const struct peer *peer;
	uint32_t i;

	info_zone(k, l, "zone");
	for (i = 0; (peer = peers_nth(k->peers, i)) != NULL; i++)
		info_peer(peer, l);
	info_reply(c, msg, l);
	mem_free(l);
}

void
pair_on_list(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct info_list *l = mem_alloc(sizeof(*l));
	const struct peer *peer;
	uint32_t i;

	info_zone(k, l, "zone-sign");
	for (i = 0; i < k->zone->receive_count; i++)
		info_receive(k, &k->zone->receive[i], l);
	for (i = 0; (peer = peers_nth(k->peers, i)) != NULL; i++)
		info_peer(peer, l);
	info_reply(c, msg, l);
	mem_free(l);
}

/* --- once a day --------------------------------------------------------- */

void
pair_daily(struct keyd *k)
{
	struct zone_receive gone;
	struct pair_effect *p;
	char detail[64];

	while (zone_retire(k->zone, clock_wall_ms(), &gone)) {
		(void)snprintf(detail, sizeof(detail),
		    "receive key of %04u-%02u destroyed", gone.month / 100,
		    gone.month % 100);
		p = pair_new(NULL, NULL, AUDIT_KEY, UINT32_MAX, detail);
		memcpy(p->hash, gone.id, sizeof(gone.id));
		effect_add(k, &p->e);
	}
}
