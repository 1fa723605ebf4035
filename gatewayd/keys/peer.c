/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "gatewayd/keys/keyfile.h"

#include "gatewayd/keys/peer.h"

#define PEER_MAGIC "GWPEER01"
#define NAME_LEN (POLICY_ID_LEN + 8)

struct peers {
	struct peer all[POLICY_CHANNELS_MAX];
	int dir;
};

struct peer_file {
	uint8_t secret[32];
	uint64_t accepted_ms;
	uint32_t card_len;
	uint32_t pad;
	uint8_t card[CARD_MAX];
};

struct peers *
peers_new(int dirfd)
{
	struct peers *p = mem_alloc(sizeof(*p));

	p->dir = dirfd;
	return p;
}

void
peers_free(struct peers *p)
{
	if (p != NULL)
		mem_free_secret(p, sizeof(*p));
}

static struct peer *
peers_place(struct peers *p, const char *zone)
{
	struct peer *unused = NULL;
	int i;

	for (i = 0; i < POLICY_CHANNELS_MAX; i++) {
		if (strcmp(p->all[i].zone, zone) == 0)
			return &p->all[i];
		if (unused == NULL && p->all[i].zone[0] == '\0')
			unused = &p->all[i];
	}
	return unused;
}

const struct peer *
peers_find(const struct peers *p, const char *zone)
{
	int i;

	for (i = 0; i < POLICY_CHANNELS_MAX; i++) {
		if (zone[0] != '\0' && strcmp(p->all[i].zone, zone) == 0)
			return &p->all[i];
	}
	return NULL;
}

const struct peer *
peers_nth(const struct peers *p, uint32_t n)
{
	int i;

	for (i = 0; i < POLICY_CHANNELS_MAX; i++) {
		if (p->all[i].zone[0] != '\0' && n-- == 0)
			return &p->all[i];
	}
	return NULL;
}

static enum gw_err
peer_fill(const struct peer_file *f, struct peer *out)
{
	enum gw_err err;

	memset(out, 0, sizeof(*out));
	if (f->card_len > CARD_MAX)
		return GW_EFORMAT;
	if ((err = card_decode(f->card, f->card_len, &out->card)) != GW_OK ||
	    (err = card_digits(f->card, f->card_len, out->digits)) != GW_OK ||
	    (err = sha256_of(f->card, f->card_len, out->card_hash)) !=
	    GW_OK ||
	    (err = crypto_key_id(out->card.sign_pub,
	    sizeof(out->card.sign_pub), out->sign_id)) != GW_OK)
		return err;
	memcpy(out->zone, out->card.zone, sizeof(out->zone));
	memcpy(out->secret, f->secret, sizeof(out->secret));
	out->accepted_ms = f->accepted_ms;
	return GW_OK;
}

static void
peer_name(const char *zone, char out[NAME_LEN])
{
	(void)snprintf(out, NAME_LEN, "peer-%s", zone);
}

static enum gw_err
peer_load(struct peers *p, const char *zone)
{
	struct peer_file f;
	struct peer peer, *place;
	char name[NAME_LEN];
	enum gw_err err;

	peer_name(zone, name);
	err = keyfile_get(p->dir, name, PEER_MAGIC, &f, sizeof(f));
	if (err == GW_OK)
		err = peer_fill(&f, &peer);
	if (err == GW_OK && strcmp(peer.zone, zone) != 0)
		err = GW_EHASH;
	if (err == GW_OK) {
		place = peers_place(p, zone);
		if (place == NULL)
			err = GW_ELIMIT;
		else
			*place = peer;
		mem_clear(&peer, sizeof(peer));
	}
	mem_clear(&f, sizeof(f));
	return err;
}

enum gw_err
peers_load(struct peers *p, const struct policy_table *t)
{
	const char *zone;
	enum gw_err err;
	uint32_t i;

	for (i = 0; i < t->channel_count; i++) {
		zone = t->channels[i].peer;
		if (peers_find(p, zone) != NULL)
			continue;
		err = peer_load(p, zone);
		if (err != GW_OK && err != GW_ENOENT)
			return err;
	}
	return GW_OK;
}

enum gw_err
peers_put(struct peers *p, const void *card, size_t len,
    const uint8_t secret[32], uint64_t now_ms)
{
	struct peer peer, *place = NULL;
	struct peer_file f;
	char name[NAME_LEN];
	enum gw_err err;

	if (len > CARD_MAX)
		return GW_ELIMIT;
	memset(&f, 0, sizeof(f));
	memcpy(f.secret, secret, sizeof(f.secret));
	memcpy(f.card, card, len);
	f.card_len = (uint32_t)len;
	f.accepted_ms = now_ms;
	err = peer_fill(&f, &peer);
	if (err == GW_OK && (place = peers_place(p, peer.zone)) == NULL)
		err = GW_ELIMIT;
	if (err == GW_OK) {
		peer_name(peer.zone, name);
		err = keyfile_put(p->dir, name, PEER_MAGIC, &f, sizeof(f));
	}
	if (err == GW_OK)
		*place = peer;
	mem_clear(&f, sizeof(f));
	mem_clear(&peer, sizeof(peer));
	return err;
}

const struct card_key *
peer_key(const struct peer *peer, uint64_t now_ms)
{
	const struct card_key *k;
	uint32_t i;

	for (i = 0; i < peer->card.key_count; i++) {
		k = &peer->card.keys[i];
		if (k->not_before_ms <= now_ms && now_ms < k->not_after_ms)
			return k;
	}
	return NULL;
}
