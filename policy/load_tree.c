/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "base/mem.h"

#include "policy/load_tree.h"
#include "policy/load_value.h"

struct builder {
	struct load_tree *tree;
	struct load_report *report;
	struct load_node *stack[LOAD_DEPTH_MAX]; /* open lists and maps */
	int depth;
	char *key; /* of a map, waiting for its value */
	struct load_place key_place;
	bool is_key_bad;
	int documents;
	bool is_done;
	bool is_broken; /* the rest cannot be read */
};

static struct load_place
place_of(const yaml_mark_t *mark)
{
	struct load_place place = {(unsigned)mark->line + 1,
	    (unsigned)mark->column + 1};

	return place;
}

static void
report_char(struct load_report *r, enum load_message id,
    struct load_place place, unsigned value)
{
	char shown[16];

	if (id == LOAD_BAD_UTF8)
		(void)snprintf(shown, sizeof(shown), "0x%02X", value);
	else
		(void)snprintf(shown, sizeof(shown), "U+%04X", value);
	load_report_add(r, id, place, NULL, shown, NULL);
}

/*
 * Look at the raw bytes first: what libyaml then sees is UTF-8 without any
 * character that could hide or reorder text.  Line ends are LF or CR LF.
 */
static bool
is_clean(struct load_report *r, const uint8_t *p, size_t left)
{
	struct load_place place = {1, 1};
	uint32_t c;
	size_t n;

	for (; left > 0; p += n, left -= n) {
		n = load_value_char(p, left, &c);
		if (n == 0) {
			report_char(r, LOAD_BAD_UTF8, place, *p);
			return false;
		}
		if (c == '\n') {
			place.line++;
			place.column = 1;
			continue;
		}
		if (c == '\r' && left > 1 && p[1] == '\n')
			continue;
		if (!load_value_is_char_allowed(c)) {
			report_char(r, c == '\t' ? LOAD_TAB : LOAD_BAD_CHAR,
			    place, c);
			return false;
		}
		place.column++;
	}
	return true;
}

static struct load_node *
current(const struct builder *b)
{
	return b->depth > 0 ? b->stack[b->depth - 1] : NULL;
}

/* Escapes in quoted text can still make what is_clean refused. */
static bool
is_text_clean(struct builder *b, const char *text, size_t len,
    struct load_place place)
{
	const uint8_t *p = (const uint8_t *)text;
	uint32_t c = 0;
	size_t n;

	for (; len > 0; p += n, len -= n) {
		n = load_value_char(p, len, &c);
		if (n != 0 && load_value_is_char_allowed(c))
			continue;
		report_char(b->report, LOAD_BAD_CHAR, place, c);
		return false;
	}
	return true;
}

static void
check_duplicate(struct builder *b, const struct load_node *map)
{
	const struct load_node *old = load_tree_get(map, b->key);
	char line[16];

	if (old == NULL)
		return;
	(void)snprintf(line, sizeof(line), "%u", old->key_place.line);
	load_report_add(b->report, LOAD_DUPLICATE_KEY, b->key_place, b->key,
	    NULL, line);
	b->is_key_bad = true;
}

/* Hang a new node under the open list or map; takes the waiting key. */
static struct load_node *
add_node(struct builder *b, enum load_kind kind, struct load_place place)
{
	struct load_node *parent = current(b), *node;

	node = mem_alloc(sizeof(*node));
	node->kind = kind;
	node->place = place;
	node->all_next = b->tree->all;
	b->tree->all = node;
	if (parent == NULL) {
		b->tree->root = node;
		return node;
	}
	node->key = b->key;
	node->key_place = b->key_place;
	node->is_bad = b->is_key_bad;
	b->key = NULL;
	b->is_key_bad = false;
	if (parent->last != NULL)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	return node;
}

static bool
is_key_due(const struct builder *b)
{
	const struct load_node *parent = current(b);

	return parent != NULL && parent->kind == LOAD_MAP && b->key == NULL;
}

static void
take_key(struct builder *b, const char *text, size_t len,
    struct load_place place)
{
	b->is_key_bad = !is_text_clean(b, text, len, place);
	b->key = mem_strdup(text);
	b->key_place = place;
	if (!b->is_key_bad)
		check_duplicate(b, current(b));
}

static void
stop(struct builder *b, enum load_message id, struct load_place place,
    const char *value, unsigned limit)
{
	char shown[16];

	(void)snprintf(shown, sizeof(shown), "%u", limit);
	load_report_add(b->report, id, place, NULL, value, shown);
	b->is_done = true;
	b->is_broken = true;
}

static void
refuse_feature(struct builder *b, struct load_place place, char mark,
    const yaml_char_t *name)
{
	char shown[64];

	(void)snprintf(shown, sizeof(shown), "%c%.40s", mark,
	    (const char *)name);
	load_report_add(b->report, LOAD_FEATURE, place, NULL, shown, NULL);
}

/* Report anchors and tags; returns whether there was one. */
static bool
has_decoration(struct builder *b, const yaml_event_t *e,
    const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct load_place place = place_of(&e->start_mark);

	if (anchor != NULL)
		refuse_feature(b, place, '&', anchor);
	if (tag != NULL)
		refuse_feature(b, place, '!', tag);
	return anchor != NULL || tag != NULL;
}

static void
on_scalar(struct builder *b, const yaml_event_t *e)
{
	const char *text = (const char *)e->data.scalar.value;
	size_t len = e->data.scalar.length;
	struct load_place place = place_of(&e->start_mark);
	struct load_node *node;
	bool is_bad;

	is_bad = has_decoration(b, e, e->data.scalar.anchor,
	    e->data.scalar.tag);
	if (is_key_due(b)) {
		take_key(b, text, len, place);
		return;
	}
	if (!is_bad && !is_text_clean(b, text, len, place))
		is_bad = true;
	node = add_node(b, LOAD_TEXT, place);
	node->text = mem_strdup(text);
	node->is_bad = node->is_bad || is_bad;
	node->is_plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static void
on_alias(struct builder *b, const yaml_event_t *e)
{
	struct load_place place = place_of(&e->start_mark);
	struct load_node *node;

	refuse_feature(b, place, '*', e->data.alias.anchor);
	if (is_key_due(b)) {
		b->key = mem_strdup("*");
		b->key_place = place;
		b->is_key_bad = true;
		return;
	}
	node = add_node(b, LOAD_TEXT, place);
	node->text = mem_strdup("");
	node->is_bad = true;
}

static void
on_open(struct builder *b, const yaml_event_t *e, enum load_kind kind,
    const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct load_place place = place_of(&e->start_mark);
	struct load_node *node;
	bool is_bad = has_decoration(b, e, anchor, tag);

	if (b->depth == LOAD_DEPTH_MAX) {
		stop(b, LOAD_DEPTH, place, NULL, LOAD_DEPTH_MAX);
		return;
	}
	if (is_key_due(b)) {
		stop(b, LOAD_KEY_FORM, place, NULL, 0);
		return;
	}
	node = add_node(b, kind, place);
	node->is_bad = node->is_bad || is_bad;
	b->stack[b->depth++] = node;
}

static void
on_document(struct builder *b, const yaml_event_t *e)
{
	struct load_place place = place_of(&e->start_mark);

	if (++b->documents > 1)
		stop(b, LOAD_SECOND_DOCUMENT, place, NULL, 1);
	else if (e->data.document_start.version_directive != NULL ||
	    e->data.document_start.tag_directives.start !=
		e->data.document_start.tag_directives.end)
		stop(b, LOAD_FEATURE, place, "%", 0);
}

static void
on_event(struct builder *b, const yaml_event_t *e)
{
	if (++b->tree->count > LOAD_NODES_MAX) {
		stop(b, LOAD_MANY_NODES, place_of(&e->start_mark), NULL,
		    LOAD_NODES_MAX);
		return;
	}
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		on_document(b, e);
		break;
	case YAML_SCALAR_EVENT:
		on_scalar(b, e);
		break;
	case YAML_ALIAS_EVENT:
		on_alias(b, e);
		break;
	case YAML_SEQUENCE_START_EVENT:
		on_open(b, e, LOAD_LIST, e->data.sequence_start.anchor,
		    e->data.sequence_start.tag);
		break;
	case YAML_MAPPING_START_EVENT:
		on_open(b, e, LOAD_MAP, e->data.mapping_start.anchor,
		    e->data.mapping_start.tag);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		break;
	case YAML_STREAM_END_EVENT:
		b->is_done = true;
		break;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		break;
	}
}

static enum gw_err
on_parse_error(struct builder *b, const yaml_parser_t *parser)
{
	struct load_place place = place_of(&parser->problem_mark);

	b->is_broken = true;
	if (parser->error == YAML_MEMORY_ERROR)
		return GW_ENOMEM;
	load_report_add(b->report, LOAD_SYNTAX, place, NULL,
	    parser->problem != NULL ? parser->problem : "?", NULL);
	return GW_OK;
}

static enum gw_err
run_parser(struct builder *b, const uint8_t *bytes, size_t len)
{
	yaml_parser_t parser;
	yaml_event_t event;
	enum gw_err err = GW_OK;

	if (!yaml_parser_initialize(&parser))
		return GW_ENOMEM;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, bytes, len);
	while (!b->is_done) {
		if (!yaml_parser_parse(&parser, &event)) {
			err = on_parse_error(b, &parser);
			break;
		}
		on_event(b, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return err;
}

static void
check_root(struct load_tree *tree, struct load_report *r)
{
	struct load_place start = {1, 1};
	const struct load_node *root = tree->root;
	bool is_empty;

	is_empty = root == NULL ||
	    (root->kind == LOAD_TEXT && root->text[0] == '\0');
	if (root != NULL && root->kind == LOAD_MAP)
		return;
	if (r->lang == POLICY_EN)
		load_report_add(r, is_empty ? LOAD_EMPTY_FILE : LOAD_SYNTAX,
		    start, NULL, "not a map of keys and values",
		    "keys and values");
	else
		load_report_add(r, is_empty ? LOAD_EMPTY_FILE : LOAD_SYNTAX,
		    start, NULL, "キーと値の組ではありません",
		    "キーと値を書いてください");
	tree->root = NULL;
}

enum gw_err
load_tree_read(struct load_tree *tree, const void *data, size_t len,
    struct load_report *report)
{
	static const uint8_t bom[] = {0xef, 0xbb, 0xbf};
	struct builder b = {.tree = tree, .report = report};
	const struct load_place start = {1, 1};
	const uint8_t *bytes = data;
	enum gw_err err = GW_OK;

	memset(tree, 0, sizeof(*tree));
	if (len > LOAD_FILE_MAX) {
		stop(&b, LOAD_TOO_LARGE, start, NULL, LOAD_FILE_MAX);
		return GW_OK;
	}
	/* Editors on Windows put one in front; it means nothing here. */
	if (len >= sizeof(bom) && memcmp(bytes, bom, sizeof(bom)) == 0) {
		bytes += sizeof(bom);
		len -= sizeof(bom);
	}
	if (!is_clean(report, bytes, len))
		return GW_OK;
	err = run_parser(&b, bytes, len);
	mem_free(b.key);
	if (b.is_broken)
		tree->root = NULL;
	else
		check_root(tree, report);
	return err;
}

void
load_tree_clear(struct load_tree *tree)
{
	struct load_node *node, *next;

	for (node = tree->all; node != NULL; node = next) {
		next = node->all_next;
		mem_free(node->text);
		mem_free(node->key);
		mem_free(node);
	}
	memset(tree, 0, sizeof(*tree));
}

const struct load_node *
load_tree_get(const struct load_node *map, const char *key)
{
	const struct load_node *node;

	if (map == NULL || map->kind != LOAD_MAP)
		return NULL;
	for (node = map->first; node != NULL; node = node->next) {
		if (node->key != NULL && strcmp(node->key, key) == 0)
			return node;
	}
	return NULL;
}
