/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#include "policy/load_account.h"
#include "policy/load_fill.h"
#include "policy/load_value.h"

#define KEY_LEN 256	   /* longest dotted key; longer ones are cut */
#define EXPECTED_LIMIT 1024

/* One value on its way into a record. */
struct slot {
	struct load_run *run;
	const struct schema_field *field;
	const struct load_node *node;
	const char *key; /* dotted, for findings */
	uint8_t *record;
};

void
load_fill_report(struct load_run *run, enum load_message id,
    const struct load_node *map, const struct load_node *node,
    const char *key, const char *value, const char *expected)
{
	struct load_place place = {1, 1};

	if (node != NULL)
		place = node->place;
	else if (map != NULL)
		place = map->place;
	load_report_add(&run->report, id, place, key, value, expected);
}

static void
put_keys(const struct schema_fields *fields, struct buf *out)
{
	size_t i;

	for (i = 0; i < fields->count; i++)
		buf_printf(out, "%s%s", i > 0 ? ", " : "",
		    fields->rows[i].key);
}

/* Report with what the schema says may stand here. */
static void
report_field(struct load_run *run, enum load_message id,
    const struct load_node *map, const struct load_node *node,
    const struct schema_field *field, const char *key, const char *value)
{
	struct buf expected;

	buf_init(&expected, EXPECTED_LIMIT);
	schema_describe(field, run->report.lang, &expected);
	buf_put_u8(&expected, '\0');
	load_fill_report(run, id, map, node, key, value,
	    buf_ok(&expected) ? (const char *)expected.data : "");
	buf_clear(&expected);
}

static void
refuse(const struct slot *s, const struct load_node *item,
    enum load_message id)
{
	report_field(s->run, id, NULL, item, s->field, s->key,
	    item->kind == LOAD_TEXT ? item->text : "");
}

static const char *
kind_name(const struct load_run *run, enum load_kind kind)
{
	static const char *const names[][2] = {
		[LOAD_TEXT] = {"1つの値", "single value"},
		[LOAD_LIST] = {"リスト", "list"},
		[LOAD_MAP] = {"キーと値の組", "map"},
	};

	return names[kind][run->report.lang == POLICY_EN];
}

static void
put_u64(const struct slot *s, uint64_t value)
{
	uint32_t small = (uint32_t)value;

	if (s->field->size == sizeof(small))
		memcpy(s->record + s->field->at, &small, sizeof(small));
	else
		memcpy(s->record + s->field->at, &value, sizeof(value));
}

static bool
put_text(const struct slot *s, const char *text)
{
	return mem_put_str((char *)s->record + s->field->at, s->field->size,
	    text) == 1;
}

static const struct schema_word *
find_word(const struct schema_word *words, const char *text)
{
	for (; words->word != NULL; words++) {
		if (strcmp(words->word, text) == 0)
			return words;
	}
	return NULL;
}

static bool
store_word(const struct slot *s, const char *text)
{
	const struct schema_word *word = find_word(s->field->words, text);

	if (word == NULL)
		return false;
	if (s->field->kind == SCHEMA_WORD_TEXT)
		return put_text(s, text);
	put_u64(s, word->value);
	return true;
}

static bool
store_number(const struct slot *s, const char *text)
{
	const struct schema_field *f = s->field;
	uint64_t value;

	if (f->kind == SCHEMA_SIZE ? !load_value_size(text, &value) :
				     !load_value_uint(text, &value))
		return false;
	if (value < f->min || value > f->max)
		return false;
	put_u64(s, f->kind == SCHEMA_SIZE ? value : value * f->scale);
	return true;
}

static bool
store_bool(const struct slot *s, const char *text)
{
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return false;
	put_u64(s, text[0] == 't');
	return true;
}

static bool
store_date(const struct slot *s, const char *text)
{
	uint64_t until_ms;

	if (!load_value_date(text, &until_ms))
		return false;
	put_u64(s, until_ms);
	return true;
}

static bool
store_mode(const struct slot *s, const char *text)
{
	uint32_t mode;

	if (!load_value_mode(text, &mode))
		return false;
	put_u64(s, mode);
	return true;
}

/* Only flows have a submitter: two fields of the record from one value. */
static bool
store_submitter(const struct slot *s, const char *text)
{
	static const char fixed[] = "fixed ";
	struct policy_flow *flow = (struct policy_flow *)(void *)s->record;
	const struct schema_word *word;

	if (strncmp(text, fixed, sizeof(fixed) - 1) == 0) {
		text += sizeof(fixed) - 1;
		if (!load_value_is_name(text))
			return false;
		flow->submitter = SUBMITTER_FIXED;
		return mem_put_str(flow->submitter_name,
		    sizeof(flow->submitter_name), text) == 1;
	}
	word = find_word(s->field->words, text);
	if (word == NULL || word->value == SUBMITTER_FIXED)
		return false;
	flow->submitter = word->value;
	return true;
}

static bool
is_blank(const char *text)
{
	return text[strspn(text, " ")] == '\0';
}

/* Kinds written as one word or line. */
static bool
store_text(const struct slot *s, const char *text)
{
	switch (s->field->kind) {
	case SCHEMA_TEXT:
		return !is_blank(text) && put_text(s, text);
	case SCHEMA_ID:
		return load_value_is_id(text) && put_text(s, text);
	case SCHEMA_PATH:
		return load_value_is_path(text, s->field->size) &&
		    put_text(s, text);
	case SCHEMA_ADDRESS:
		return load_value_is_address(text) && put_text(s, text);
	case SCHEMA_WORD:
	case SCHEMA_WORD_TEXT:
		return store_word(s, text);
	case SCHEMA_UINT:
	case SCHEMA_SIZE:
		return store_number(s, text);
	case SCHEMA_BOOL:
		return store_bool(s, text);
	case SCHEMA_DATE:
		return store_date(s, text);
	case SCHEMA_MODE:
		return store_mode(s, text);
	case SCHEMA_SUBMITTER:
		return store_submitter(s, text);
	case SCHEMA_TYPES:
	case SCHEMA_STAGES:
	case SCHEMA_IDS:
	case SCHEMA_ACCOUNTS:
	case SCHEMA_EMPTY:
	case SCHEMA_SECTION:
	case SCHEMA_RECORDS:
		break;
	}
	return false;
}

/* Text of a list item; NULL when it is none or was reported before. */
static const char *
item_text(const struct slot *s, const struct load_node *item)
{
	if (item->is_bad)
		return NULL;
	if (item->kind == LOAD_TEXT && item->text[0] != '\0')
		return item->text;
	if (item->kind == LOAD_TEXT)
		refuse(s, item, LOAD_NO_VALUE);
	else
		report_field(s->run, LOAD_KIND, NULL, item, s->field, s->key,
		    kind_name(s->run, item->kind));
	return NULL;
}

static void
store_types(const struct slot *s)
{
	const struct load_node *item;
	const char *text;
	enum policy_type type;
	uint64_t mask = 0;

	if (s->node->first == NULL)
		refuse(s, s->node, LOAD_NO_VALUE);
	for (item = s->node->first; item != NULL; item = item->next) {
		if ((text = item_text(s, item)) == NULL)
			continue;
		type = policy_type_by_name(text);
		if (type == TYPE_EXECUTABLE || strcmp(text, "unknown") == 0)
			refuse(s, item, LOAD_NEVER);
		else if (type == TYPE_UNKNOWN)
			refuse(s, item, LOAD_VALUE);
		else if ((mask & TYPE_BIT(type)) != 0)
			refuse(s, item, LOAD_REPEATED);
		else
			mask |= TYPE_BIT(type);
	}
	put_u64(s, mask);
}

static enum policy_stage
find_stage(const char *text)
{
	unsigned i;

	for (i = STAGE_IDENTIFY; i < STAGE_COUNT; i++) {
		if (strcmp(policy_stage_name((enum policy_stage)i), text) == 0)
			return (enum policy_stage)i;
	}
	return STAGE_COUNT;
}

/* Add one stage to the mask; returns false after a finding. */
static bool
add_stage(const struct slot *s, const struct load_node *item, uint32_t *mask)
{
	const char *text = item_text(s, item);
	enum policy_stage stage;

	if (text == NULL)
		return false;
	stage = find_stage(text);
	if (stage == STAGE_COUNT)
		refuse(s, item, LOAD_VALUE);
	else if ((*mask & STAGE_BIT(stage)) != 0)
		refuse(s, item, LOAD_REPEATED);
	else if (stage == STAGE_NULL && s->node->first->next != NULL)
		refuse(s, item, LOAD_NULL_ALONE);
	else if (*mask > STAGE_BIT(stage))
		refuse(s, item, LOAD_ORDER);
	else {
		*mask |= STAGE_BIT(stage);
		return true;
	}
	return false;
}

static void
store_stages(const struct slot *s)
{
	const enum policy_stage scan[] = {STAGE_IDENTIFY, STAGE_CLAM};
	const struct load_node *item;
	uint32_t mask = 0;
	bool is_good = true;
	size_t i;

	for (item = s->node->first; item != NULL; item = item->next)
		is_good = add_stage(s, item, &mask) && is_good;
	if (!is_good)
		return;
	for (i = 0; mask != STAGE_BIT(STAGE_NULL) && i < 2; i++) {
		if ((mask & STAGE_BIT(scan[i])) != 0)
			continue;
		load_fill_report(s->run, LOAD_NO_SCAN, NULL, s->node, s->key,
		    policy_stage_name(scan[i]), NULL);
		is_good = false;
	}
	/* After a finding no stages at all: later rules then keep quiet. */
	if (is_good)
		put_u64(s, mask | STAGE_BIT(STAGE_MANIFEST));
}

/* Is there room for one more?  Reports once, at the first that is over. */
static bool
has_room(const struct slot *s, const struct load_node *item, uint64_t count)
{
	const struct load_node *n;
	char total[24], limit[24];
	uint64_t all = count;

	if (count < s->field->max)
		return true;
	for (n = item; n != NULL; n = n->next)
		all++;
	(void)snprintf(total, sizeof(total), "%llu", (unsigned long long)all);
	(void)snprintf(limit, sizeof(limit), "%llu",
	    (unsigned long long)s->field->max);
	load_fill_report(s->run, LOAD_MANY, NULL, item, s->key, total, limit);
	return false;
}

static void
put_count(const struct slot *s, uint32_t count)
{
	memcpy(s->record + s->field->count_at, &count, sizeof(count));
}

static void
store_ids(const struct slot *s)
{
	typedef char id_array[POLICY_ID_LEN];
	id_array *ids = (id_array *)(void *)(s->record + s->field->at);
	const struct load_node *item;
	const char *text;
	uint32_t i, count = 0;

	for (item = s->node->first; item != NULL; item = item->next) {
		if (!has_room(s, item, count))
			break;
		if ((text = item_text(s, item)) == NULL)
			continue;
		for (i = 0; i < count && strcmp(ids[i], text) != 0; i++)
			;
		if (i < count)
			refuse(s, item, LOAD_REPEATED);
		else if (!load_value_is_id(text))
			refuse(s, item, LOAD_VALUE);
		else
			(void)mem_put_str(ids[count++], POLICY_ID_LEN, text);
	}
	put_count(s, count);
}

/* Row of a uid among the people so far, or a new one; NULL if full. */
static struct policy_person *
find_person(struct policy_table *t, uint32_t uid, const char *account)
{
	struct policy_person *person;
	uint32_t i;

	for (i = 0; i < t->person_count; i++) {
		if (t->people[i].uid == uid)
			return &t->people[i];
	}
	if (t->person_count == POLICY_PEOPLE_MAX)
		return NULL;
	person = &t->people[t->person_count++];
	person->uid = uid;
	(void)mem_put_str(person->account, sizeof(person->account), account);
	return person;
}

static void
add_account(const struct slot *s, const struct load_node *item)
{
	const struct policy_env *env = s->run->env;
	const char *text = item_text(s, item);
	uint32_t role = s->field->words[0].value, uid;
	struct policy_person *person;

	if (text == NULL)
		return;
	if (!load_value_is_name(text)) {
		refuse(s, item, LOAD_VALUE);
		return;
	}
	if (!load_account_find(env->passwd, env->passwd_len, text, &uid)) {
		refuse(s, item, LOAD_ACCOUNT);
		return;
	}
	person = find_person(s->run->table, uid, text);
	if (person == NULL) {
		load_fill_report(s->run, LOAD_MANY, NULL, item, s->key, "257",
		    "256");
		return;
	}
	/* Two names of one uid would count as two people where one decides. */
	if (strcmp(person->account, text) != 0)
		load_fill_report(s->run, LOAD_SAME_PERSON, NULL, item, s->key,
		    text, person->account);
	else if ((person->roles & role) != 0)
		refuse(s, item, LOAD_REPEATED);
	else if (uid == 0)
		refuse(s, item, LOAD_WARN_ROOT);
	person->roles |= role;
}

static void
store_accounts(const struct slot *s)
{
	const struct load_node *item;

	for (item = s->node->first; item != NULL; item = item->next)
		add_account(s, item);
}

static void
refuse_entry(const struct slot *s, const struct load_node *item,
    uint32_t index)
{
	struct buf expected;
	char key[KEY_LEN];

	(void)snprintf(key, sizeof(key), "%.100s[%u]", s->key, index);
	buf_init(&expected, EXPECTED_LIMIT);
	buf_put_str(&expected, "{");
	put_keys(s->field->sub, &expected);
	buf_put(&expected, "}", 2);
	load_fill_report(s->run, LOAD_KIND, NULL, item, key,
	    kind_name(s->run, item->kind),
	    buf_ok(&expected) ? (const char *)expected.data : "");
	buf_clear(&expected);
}

static void
store_records(const struct slot *s)
{
	const struct load_node *item;
	char prefix[KEY_LEN];
	uint32_t count = 0;

	for (item = s->node->first; item != NULL; item = item->next) {
		if (!has_room(s, item, count))
			break;
		(void)snprintf(prefix, sizeof(prefix), "%.100s[%u].", s->key,
		    count);
		if (item->kind == LOAD_MAP)
			load_fill(s->run, s->field->sub, item, prefix,
			    s->record + s->field->at +
				count * s->field->size);
		else if (!item->is_bad)
			refuse_entry(s, item, count);
		count++;
	}
	put_count(s, count);
}

static enum load_kind
kind_of(const struct schema_field *f)
{
	switch (f->kind) {
	case SCHEMA_TYPES:
	case SCHEMA_STAGES:
	case SCHEMA_IDS:
	case SCHEMA_ACCOUNTS:
	case SCHEMA_EMPTY:
	case SCHEMA_RECORDS:
		return LOAD_LIST;
	case SCHEMA_SECTION:
		return LOAD_MAP;
	case SCHEMA_TEXT:
	case SCHEMA_ID:
	case SCHEMA_WORD:
	case SCHEMA_WORD_TEXT:
	case SCHEMA_UINT:
	case SCHEMA_SIZE:
	case SCHEMA_BOOL:
	case SCHEMA_DATE:
	case SCHEMA_PATH:
	case SCHEMA_ADDRESS:
	case SCHEMA_MODE:
	case SCHEMA_SUBMITTER:
		break;
	}
	return LOAD_TEXT;
}

static void
refuse_kind(const struct slot *s)
{
	if (s->node->kind == LOAD_TEXT && s->node->text[0] == '\0')
		refuse(s, s->node, LOAD_NO_VALUE);
	else
		report_field(s->run, LOAD_KIND, NULL, s->node, s->field,
		    s->key, kind_name(s->run, s->node->kind));
}

static void
store_list(const struct slot *s)
{
	switch (s->field->kind) {
	case SCHEMA_TYPES:
		store_types(s);
		break;
	case SCHEMA_STAGES:
		store_stages(s);
		break;
	case SCHEMA_IDS:
		store_ids(s);
		break;
	case SCHEMA_ACCOUNTS:
		store_accounts(s);
		break;
	case SCHEMA_RECORDS:
		store_records(s);
		break;
	case SCHEMA_EMPTY:
		if (s->node->first != NULL)
			refuse(s, s->node->first, LOAD_SCHEMA);
		break;
	case SCHEMA_TEXT:
	case SCHEMA_ID:
	case SCHEMA_WORD:
	case SCHEMA_WORD_TEXT:
	case SCHEMA_UINT:
	case SCHEMA_SIZE:
	case SCHEMA_BOOL:
	case SCHEMA_DATE:
	case SCHEMA_PATH:
	case SCHEMA_ADDRESS:
	case SCHEMA_MODE:
	case SCHEMA_SUBMITTER:
	case SCHEMA_SECTION:
		break;
	}
}

static void
store(const struct slot *s)
{
	char prefix[KEY_LEN];

	if (s->node->is_bad)
		return;
	if (s->node->kind != kind_of(s->field)) {
		refuse_kind(s);
		return;
	}
	switch (s->node->kind) {
	case LOAD_MAP:
		(void)snprintf(prefix, sizeof(prefix), "%.100s.", s->key);
		load_fill(s->run, s->field->sub, s->node, prefix, s->record);
		break;
	case LOAD_LIST:
		store_list(s);
		break;
	case LOAD_TEXT:
		if (s->node->text[0] == '\0')
			refuse(s, s->node, LOAD_NO_VALUE);
		else if (!store_text(s, s->node->text))
			refuse(s, s->node, LOAD_VALUE);
		break;
	}
}

static void
report_unknown(struct load_run *run, const struct schema_fields *fields,
    const struct load_node *node, const char *key)
{
	const char *near = schema_nearest(fields, node->key);
	struct buf known;

	if (near != NULL) {
		load_report_add(&run->report, LOAD_UNKNOWN_NEAR,
		    node->key_place, key, NULL, near);
		return;
	}
	buf_init(&known, EXPECTED_LIMIT);
	put_keys(fields, &known);
	buf_put_u8(&known, '\0');
	load_report_add(&run->report, LOAD_UNKNOWN_KEY, node->key_place, key,
	    NULL, buf_ok(&known) ? (const char *)known.data : "");
	buf_clear(&known);
}

static void
check_keys(struct load_run *run, const struct schema_fields *fields,
    const struct load_node *map, const char *prefix)
{
	const struct load_node *node;
	char key[KEY_LEN];

	for (node = map->first; node != NULL; node = node->next) {
		if (node->key == NULL || schema_find(fields, node->key) != NULL)
			continue;
		if (node->is_bad && node->key[0] == '*')
			continue; /* an alias as a key: reported */
		(void)snprintf(key, sizeof(key), "%s%.100s", prefix,
		    node->key);
		report_unknown(run, fields, node, key);
	}
}

/* The default of an absent key; written and read like any value. */
static void
store_preset(const struct slot *absent)
{
	struct slot s = *absent;
	struct load_node node = {.kind = LOAD_TEXT};

	if (s.field->kind == SCHEMA_SECTION) {
		char prefix[KEY_LEN];

		(void)snprintf(prefix, sizeof(prefix), "%.100s.", s.key);
		load_fill(s.run, s.field->sub, NULL, prefix, s.record);
		return;
	}
	/* The default list is the empty one: the record is zeroed. */
	if (s.field->preset == NULL || kind_of(s.field) == LOAD_LIST)
		return;
	s.node = &node;
	(void)store_text(&s, s.field->preset);
}

void
load_fill(struct load_run *run, const struct schema_fields *fields,
    const struct load_node *map, const char *prefix, void *record)
{
	struct slot s = {.run = run, .record = record};
	char key[KEY_LEN];
	size_t i;

	if (map != NULL)
		check_keys(run, fields, map, prefix);
	for (i = 0; i < fields->count; i++) {
		s.field = &fields->rows[i];
		s.node = load_tree_get(map, s.field->key);
		s.key = key;
		(void)snprintf(key, sizeof(key), "%s%s", prefix,
		    s.field->key);
		if (s.node != NULL)
			store(&s);
		else if (map != NULL && s.field->is_required)
			report_field(run, LOAD_MISSING, map, NULL, s.field,
			    key, NULL);
		else
			store_preset(&s);
	}
}
