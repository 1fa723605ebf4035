/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>
#include <string.h>

#include "base/io.h"
#include "base/sha256.h"

#include "policy/digest.h"
#include "policy/table.h"

struct type_row {
	const char *name;
	const char *exts;
	const char *label_ja;
	const char *label_en;
};

static const struct type_row types[TYPE_COUNT] = {
#define X(constant, name, exts, ja, en)                                       \
	[constant] = {name, exts, ja, en},
	POLICY_TYPE_TABLE(X)
#undef X
};

static const char *const stage_names[STAGE_COUNT] = {
	[STAGE_MANIFEST] = "manifest",
	[STAGE_IDENTIFY] = "identify",
	[STAGE_CLAM] = "clam",
	[STAGE_SANITIZE] = "sanitize",
	[STAGE_CONFIRM] = "confirm",
	[STAGE_NULL] = "null",
};

/* The digest of a record counts its own digest field as zeros. */
static enum gw_err
digest_without(const uint8_t *record, size_t size, size_t digest_at,
    uint8_t out[SHA256_LEN])
{
	static const uint8_t zeros[SHA256_LEN];
	struct sha256 *h = NULL;
	size_t after = digest_at + SHA256_LEN;
	enum gw_err err;

	if ((err = sha256_new(&h)) != GW_OK)
		goto out;
	if ((err = sha256_update(h, record, digest_at)) != GW_OK)
		goto out;
	if ((err = sha256_update(h, zeros, sizeof(zeros))) != GW_OK)
		goto out;
	if ((err = sha256_update(h, record + after, size - after)) != GW_OK)
		goto out;
	err = sha256_final(h, out);
out:
	sha256_free(h);
	return err;
}

enum gw_err
policy_flow_digest(const struct policy_flow *f, uint8_t out[SHA256_LEN])
{
	return digest_without((const uint8_t *)f, sizeof(*f),
	    offsetof(struct policy_flow, digest), out);
}

enum gw_err
policy_table_digest(const struct policy_table *t, uint8_t out[SHA256_LEN])
{
	return digest_without((const uint8_t *)t, sizeof(*t),
	    offsetof(struct policy_table, digest), out);
}

enum gw_err
policy_table_finish(struct policy_table *t)
{
	enum gw_err err;
	uint32_t i;

	t->magic = POLICY_MAGIC;
	t->version = POLICY_VERSION;
	t->size = sizeof(*t);
	for (i = 0; i < t->flow_count; i++) {
		err = policy_flow_digest(&t->flows[i], t->flows[i].digest);
		if (err != GW_OK)
			return err;
	}
	return policy_table_digest(t, t->digest);
}

#define ENDS(field) (memchr((field), '\0', sizeof(field)) != NULL)

static bool
is_zone_valid(const struct policy_zone *z)
{
	return ENDS(z->zone) && ENDS(z->letter) && ENDS(z->state_dir) &&
	    ENDS(z->folders) && ENDS(z->signature_dir) &&
	    z->lang <= POLICY_EN && z->workers > 0;
}

static bool
is_channel_valid(const struct policy_channel *c)
{
	return ENDS(c->id) && ENDS(c->peer) && ENDS(c->address) &&
	    (c->role == POLICY_SENDER || c->role == POLICY_RECEIVER) &&
	    c->carrier == POLICY_TLS &&
	    (c->ack == POLICY_ACK_TICK || c->ack == POLICY_ACK_IMMEDIATE);
}

/*
 * The two rules that nothing may bend, asked again of the compiled form: no
 * flow takes executables, and none goes without its machine stages.
 */
static bool
is_flow_safe(const struct policy_flow *f)
{
	const uint32_t scan = STAGE_BIT(STAGE_IDENTIFY) | STAGE_BIT(STAGE_CLAM);
	const uint32_t bench = STAGE_BIT(STAGE_MANIFEST) |
	    STAGE_BIT(STAGE_NULL);

	if ((f->accept & TYPE_BIT(TYPE_EXECUTABLE)) != 0 ||
	    (f->accept & TYPE_BIT(TYPE_UNKNOWN)) != 0)
		return false;
	if ((f->stages & STAGE_BIT(STAGE_MANIFEST)) == 0)
		return false;
	return f->stages == bench || (f->stages & scan) == scan;
}

static bool
is_flow_valid(const struct policy_flow *f)
{
	uint32_t i;

	if (!ENDS(f->id) || !ENDS(f->from) || !ENDS(f->to) ||
	    !ENDS(f->channel) || !ENDS(f->purpose) || !ENDS(f->legal_ground) ||
	    !ENDS(f->owner_section) || !ENDS(f->contact) || !ENDS(f->class) ||
	    !ENDS(f->submitter_name))
		return false;
	if (f->recipient_count > POLICY_RECIPIENTS_MAX ||
	    f->step_count > POLICY_STEPS_MAX)
		return false;
	for (i = 0; i < POLICY_RECIPIENTS_MAX; i++) {
		if (!ENDS(f->recipients[i]))
			return false;
	}
	if (f->stages >= STAGE_BIT(STAGE_COUNT) ||
	    f->accept >= TYPE_BIT(TYPE_COUNT) || f->sanitize > SANITIZE_TEXT ||
	    f->submitter > SUBMITTER_FIXED || f->complete > COMPLETE_QUIET ||
	    f->on_exists > EXISTS_REPLACE || f->deliver < DELIVER_FOLDER ||
	    f->deliver > DELIVER_BOTH)
		return false;
	return is_flow_safe(f);
}

static bool
is_table_valid(const struct policy_table *t)
{
	uint32_t i;

	if (t->flow_count > POLICY_FLOWS_MAX ||
	    t->channel_count > POLICY_CHANNELS_MAX ||
	    t->person_count > POLICY_PEOPLE_MAX)
		return false;
	if (!is_zone_valid(&t->zone))
		return false;
	for (i = 0; i < t->channel_count; i++) {
		if (!is_channel_valid(&t->channels[i]))
			return false;
	}
	for (i = 0; i < t->person_count; i++) {
		if (!ENDS(t->people[i].account))
			return false;
	}
	for (i = 0; i < t->flow_count; i++) {
		if (!is_flow_valid(&t->flows[i]))
			return false;
	}
	return true;
}

static enum gw_err
check_digests(const struct policy_table *t)
{
	uint8_t digest[SHA256_LEN];
	enum gw_err err;
	uint32_t i;

	if ((err = policy_table_digest(t, digest)) != GW_OK)
		return err;
	if (memcmp(digest, t->digest, sizeof(digest)) != 0)
		return GW_EHASH;
	for (i = 0; i < t->flow_count && i < POLICY_FLOWS_MAX; i++) {
		if ((err = policy_flow_digest(&t->flows[i], digest)) != GW_OK)
			return err;
		if (memcmp(digest, t->flows[i].digest, sizeof(digest)) != 0)
			return GW_EHASH;
	}
	return GW_OK;
}

static enum gw_err
check_table(const struct policy_table *t)
{
	enum gw_err err;

	if (t->magic != POLICY_MAGIC || t->size != sizeof(*t))
		return GW_EFORMAT;
	if (t->version != POLICY_VERSION)
		return GW_EVERSION;
	if ((err = check_digests(t)) != GW_OK)
		return err;
	return is_table_valid(t) ? GW_OK : GW_EFORMAT;
}

enum gw_err
policy_map(int fd, const struct policy_table **out)
{
	uint64_t size;
	enum gw_err err;
	void *p;

	if ((err = io_check_sealed(fd, &size)) != GW_OK)
		return err;
	if (size != sizeof(struct policy_table))
		return GW_EFORMAT;
	/* Kernels before 6.7 refuse a shared mapping of a write-sealed file. */
	p = mmap(NULL, sizeof(struct policy_table), PROT_READ, MAP_PRIVATE, fd,
	    0);
	if (p == MAP_FAILED)
		return GW_ESYS;
	if ((err = check_table(p)) != GW_OK) {
		(void)munmap(p, sizeof(struct policy_table));
		return err;
	}
	*out = p;
	return GW_OK;
}

void
policy_unmap(const struct policy_table *t)
{
	if (t != NULL)
		(void)munmap((void *)(uintptr_t)t, sizeof(*t));
}

const struct policy_flow *
policy_find_flow(const struct policy_table *t, const char *id)
{
	uint32_t i;

	for (i = 0; i < t->flow_count; i++) {
		if (strcmp(t->flows[i].id, id) == 0)
			return &t->flows[i];
	}
	return NULL;
}

const struct policy_channel *
policy_find_channel(const struct policy_table *t, const char *id)
{
	uint32_t i;

	for (i = 0; i < t->channel_count; i++) {
		if (strcmp(t->channels[i].id, id) == 0)
			return &t->channels[i];
	}
	return NULL;
}

uint32_t
policy_roles(const struct policy_table *t, uint32_t uid)
{
	uint32_t i, roles = POLICY_STAFF;

	for (i = 0; i < t->person_count; i++) {
		if (t->people[i].uid == uid)
			roles |= t->people[i].roles;
	}
	return roles;
}

const char *
policy_type_name(enum policy_type type)
{
	return types[type < TYPE_COUNT ? type : TYPE_UNKNOWN].name;
}

const char *
policy_type_label(enum policy_type type, enum policy_lang lang)
{
	const struct type_row *row;

	row = &types[type < TYPE_COUNT ? type : TYPE_UNKNOWN];
	return lang == POLICY_EN ? row->label_en : row->label_ja;
}

enum policy_type
policy_type_by_name(const char *name)
{
	unsigned i;

	for (i = 0; i < TYPE_COUNT; i++) {
		if (strcmp(types[i].name, name) == 0)
			return (enum policy_type)i;
	}
	return TYPE_UNKNOWN;
}

bool
policy_type_has_ext(enum policy_type type, const char *ext)
{
	const char *p;
	size_t want = strlen(ext), len;

	if (type >= TYPE_COUNT || want == 0 || strchr(ext, ' ') != NULL)
		return false;
	for (p = types[type].exts; *p != '\0'; p += len + (p[len] == ' ')) {
		len = strcspn(p, " ");
		if (len == want && memcmp(p, ext, len) == 0)
			return true;
	}
	return false;
}

enum policy_type
policy_type_by_ext(const char *ext)
{
	unsigned i;

	for (i = 0; i < TYPE_COUNT; i++) {
		if (policy_type_has_ext((enum policy_type)i, ext))
			return (enum policy_type)i;
	}
	return TYPE_UNKNOWN;
}

const char *
policy_stage_name(enum policy_stage stage)
{
	return stage < STAGE_COUNT ? stage_names[stage] : "?";
}

bool
policy_flow_is_open(const struct policy_flow *f, uint64_t wall_ms)
{
	return wall_ms < f->until_ms;
}
