/* SPDX-License-Identifier: ISC */
#ifndef POLICY_LOAD_TREE_H
#define POLICY_LOAD_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/load_report.h"

/*
 * One policy file as a tree with places: maps, lists and text, nothing
 * else.  load_tree.c is the only code that meets libyaml.
 */
#define LOAD_FILE_MAX (256 * 1024)
#define LOAD_DEPTH_MAX 8
#define LOAD_NODES_MAX 20000

enum load_kind { LOAD_TEXT, LOAD_LIST, LOAD_MAP };

struct load_node {
	enum load_kind kind;
	bool is_bad;	 /* already reported: nobody need look at it again */
	bool is_plain;	 /* text without quotes */
	struct load_place place;
	char *text;	 /* LOAD_TEXT */
	char *key;	 /* in a map: its key */
	struct load_place key_place;
	struct load_node *first, *last, *next; /* children; sibling */
	struct load_node *all_next;
};

struct load_tree {
	struct load_node *root; /* a map; NULL if the file has none */
	struct load_node *all;
	unsigned count;
};

/*
 * Parse a whole file.  Findings go to the report.  The root is NULL when the
 * file cannot be read to its end; with findings of a smaller kind (a key
 * twice, an anchor) the tree is whole and those nodes are marked, so that
 * all other values are checked in the same run.
 * Errors: GW_ENOMEM.
 */
GW_MUST_CHECK enum gw_err load_tree_read(struct load_tree *, const void *,
    size_t, struct load_report *);
void load_tree_clear(struct load_tree *);

/* Value of a key; NULL if the map is NULL or has no such key. */
const struct load_node *load_tree_get(const struct load_node *map,
    const char *key);

#endif
