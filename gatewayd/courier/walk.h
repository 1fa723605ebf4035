/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_COURIER_WALK_H
#define GATEWAYD_COURIER_WALK_H

#include <dirent.h>

#include "policy/table.h"
#include "proto/parcel/manifest.h"
#include "proto/record/reason.h"

#include "gatewayd/courier/tree.h"

/*
 * What a claimed entry holds: every file of it, with its name and what it
 * looked like, looked at in slices.  Nothing is opened but folders.
 */
struct walk_file {
	char *path;		/* as found, inside the set; "" if single */
	struct tree_mark mark;
	uint8_t sha256[32];	/* set by who reads the file */
};

struct walk_dir {
	char *path;
	unsigned depth;
};

#define WALK_DETAIL_LEN 256

struct walk {
	const struct policy_flow *flow;
	int claim_fd;		/* borrowed */
	const char *entry;	/* name in claim_fd */
	bool is_set;
	uint32_t uid;		/* owner of the entry */
	int root_fd;		/* of the set; -1 if single */
	struct walk_file *files;
	size_t count, room;
	uint64_t bytes;		/* of all files */
	uint64_t name_bytes;	/* of all paths */
	uint64_t stored;	/* what the spool will hold of them */
	/* Why it is refused. */
	enum reason reason;
	char detail[WALK_DETAIL_LEN];
	bool is_english;
	/* Folders not yet looked into, and the one being read. */
	struct walk_dir *dirs;
	size_t dir_count, dir_room;
	DIR *dir;
	struct walk_dir at;
	/* Hashes of collision keys. */
	uint8_t (*keys)[16];
	size_t key_count, key_room;
};

void walk_init(struct walk *, int claim_fd, const char *entry,
    const struct policy_flow *, bool is_english);
void walk_clear(struct walk *);

/*
 * Look at up to budget names.  GW_EAGAIN: more is left.  GW_OK: done; reason
 * tells whether it may pass.  GW_ENOENT: the entry is gone.
 */
GW_MUST_CHECK enum gw_err walk_step(struct walk *, int budget);

/* Refuse: detail may be NULL, and holds a name when path is not NULL. */
void walk_refuse(struct walk *, enum reason, const char *detail_ja,
    const char *detail_en, const char *path);

/*
 * A path as found to UTF-8, and its check.  A path that mixes encodings is
 * NAME_ENCODING: it could only be guessed.
 */
enum reason walk_decode(const char *raw, char *out, size_t out_size,
    enum manifest_charset *charset_out);

#endif
