/* SPDX-License-Identifier: ISC */
#ifndef POLICY_SCHEMA_H
#define POLICY_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "policy/table.h"

/*
 * What may stand in gateway.yaml and flows/ID.yaml, as data.  The loader,
 * its error lines, the help of gatewayctl and the key lists of the manual
 * pages all come from these rows.
 */

enum schema_kind {
	SCHEMA_TEXT,	  /* one line of text, into char[size] */
	SCHEMA_ID,	  /* [a-z0-9-], into char[size] */
	SCHEMA_WORD,	  /* one of words, its value into uint32_t */
	SCHEMA_WORD_TEXT, /* one of words, the word itself into char[size] */
	SCHEMA_UINT,	  /* min..max in unit, times scale, into size bytes */
	SCHEMA_SIZE,	  /* bytes, or with KiB MiB GiB TiB, into uint64_t */
	SCHEMA_BOOL,	  /* true or false, into uint32_t */
	SCHEMA_DATE,	  /* YYYY-MM-DD, the day after at 00:00 JST as ms */
	SCHEMA_PATH,	  /* absolute, normal form, into char[size] */
	SCHEMA_ADDRESS,	  /* numeric IPv4:port or [IPv6]:port */
	SCHEMA_MODE,	  /* octal permission bits, into uint32_t */
	SCHEMA_TYPES,	  /* list of file types, mask into uint64_t */
	SCHEMA_STAGES,	  /* list of stages in order, mask into uint32_t */
	SCHEMA_IDS,	  /* list of ids, char[max][size], count at count_at */
	SCHEMA_ACCOUNTS,  /* list of Unix accounts; words[0] is their role */
	SCHEMA_SUBMITTER, /* owner, folder, or "fixed NAME" */
	SCHEMA_EMPTY,	  /* list that must be empty in this version */
	SCHEMA_SECTION,	  /* map whose keys are sub, on the same record */
	SCHEMA_RECORDS	  /* list of maps, records of size bytes, at most max */
};

struct schema_word {
	const char *word;
	uint32_t value;
};

struct schema_field;

struct schema_fields {
	const struct schema_field *rows;
	size_t count;
};

struct schema_field {
	const char *key;
	enum schema_kind kind;
	bool is_required;
	const char *preset;	/* default as written in YAML; NULL: none */
	const char *preset_ja;	/* default in words where it is computed */
	const char *preset_en;
	const char *unit;	/* "days"; NULL: none */
	uint64_t min, max, scale;
	size_t at, size, count_at; /* place in the record */
	const struct schema_word *words; /* ends with a NULL word */
	const struct schema_fields *sub;
	const char *help_ja;
	const char *help_en;
};

/* gateway.yaml: records are struct policy_table; channels and steps inside. */
extern const struct schema_fields schema_gateway;

/* flows/ID.yaml: records are struct policy_flow. */
extern const struct schema_fields schema_flow;

/* Row of a key; NULL if there is none. */
const struct schema_field *schema_find(const struct schema_fields *,
    const char *key);

/* The known key most like a mistyped one; NULL if none is near. */
const char *schema_nearest(const struct schema_fields *, const char *key);

/*
 * Append what may be written in a field: "tick | immediate", "1-60 (s)".
 * schema_describe_preset: the default, "" if there is none.
 */
void schema_describe(const struct schema_field *, enum policy_lang,
    struct buf *out);
const char *schema_describe_preset(const struct schema_field *,
    enum policy_lang);

#endif
