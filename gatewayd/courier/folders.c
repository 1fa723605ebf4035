/* SPDX-License-Identifier: ISC */
#include <sys/xattr.h>
#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"

#include "gatewayd/courier/folders.h"
#include "gatewayd/courier/tree.h"

#define MODE_OURS 0700
#define MODE_DROP 03770
#define MODE_SHOWN 02750

/* linux/posix_acl_xattr.h, which its library wraps in paths and text. */
#define ACL_XATTR "system.posix_acl_default"
#define ACL_VERSION 2u
enum { ACL_OWNER = 0x01, ACL_USER = 0x02, ACL_GROUP = 0x04, ACL_MASK = 0x10,
	ACL_OTHER = 0x20 };

struct acl_entry {
	uint16_t tag, perm;	/* little-endian on disk and here */
	uint32_t id;
};

/*
 * What people put into a drop folder is theirs, with a mode after their
 * umask; the courier, another user, must read it, and move and empty
 * folders.  A file system without ACLs leaves that to modes and groups.
 */
static void
admit_courier(int fd)
{
	struct {
		uint32_t version;
		struct acl_entry entries[5];
	} acl = {
		.version = htole32(ACL_VERSION),
		.entries = {
			{htole16(ACL_OWNER), htole16(7), UINT32_MAX},
			{htole16(ACL_USER), htole16(7), htole32(geteuid())},
			{htole16(ACL_GROUP), htole16(0), UINT32_MAX},
			{htole16(ACL_MASK), htole16(7), UINT32_MAX},
			{htole16(ACL_OTHER), htole16(0), UINT32_MAX},
		},
	};

	_Static_assert(sizeof(acl) == 4 + 5 * 8, "no padding");
	if (fsetxattr(fd, ACL_XATTR, &acl, sizeof(acl), 0) != 0)
		log_info("a drop folder has no default ACL: %s; members of "
		    "its group must let the group read what they put there",
		    strerror(errno));
}

static void
make_or_fatal(struct courier *c, const char *path, mode_t mode)
{
	enum gw_err err;

	err = tree_make_dir(c->root_fd, path, mode, NULL);
	if (err != GW_OK)
		log_fatal("cannot make the folder %s in the folder tree: %s: "
		    "give the tree to the user of this process", path,
		    err_text_en(err));
}

/*
 * Publishing rests on it: one rename that never replaces.  Where the file
 * system cannot, a file of a person could be overwritten.
 */
static void
test_noreplace(struct courier *c)
{
	static const char *const names[] = {"test-a", "test-b"};
	enum gw_err err = GW_OK;
	size_t i;
	int fd = -1;

	for (i = 0; i < 2 && err == GW_OK; i++) {
		err = io_openat(c->out_fd, names[i],
		    O_WRONLY | O_CREAT | O_CLOEXEC, 0600, &fd);
		io_drop(&fd);
	}
	if (err != GW_OK)
		log_fatal("cannot write in the folder tree: %s",
		    err_text_en(err));
	err = io_renameat(c->out_fd, names[0], c->out_fd, names[1], true);
	if (err != GW_EEXIST)
		log_fatal("the file system of the folder tree cannot rename "
		    "without replacing (%s): put the folders on a local file "
		    "system such as ext4 or XFS", err_text_en(err));
	for (i = 0; i < 2; i++) {
		err = io_unlinkat(c->out_fd, names[i], false);
		if (err != GW_OK)
			log_fatal("cannot remove a file in the folder tree: "
			    "%s", err_text_en(err));
	}
}

void
folders_open(struct courier *c)
{
	static const struct {
		const char *path;
		mode_t mode;
	} rows[] = {
		{".gw", MODE_OURS}, {".gw/claim", MODE_OURS},
		{".gw/out", MODE_OURS}, {"in", 0755}, {"out", 0755},
		{"rejected", 0755}, {"status", 0755},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		make_or_fatal(c, rows[i].path, rows[i].mode);
	if (tree_open_dir(c->root_fd, ".gw/claim", &c->claim_fd) != GW_OK ||
	    tree_open_dir(c->root_fd, ".gw/out", &c->out_fd) != GW_OK)
		log_fatal("cannot open .gw in the folder tree: check its "
		    "owner");
	test_noreplace(c);
}

bool
folders_is_from(const struct courier *c, const struct policy_flow *flow)
{
	return strcmp(flow->from, c->policy->zone.zone) == 0;
}

bool
folders_is_to(const struct courier *c, const struct policy_flow *flow)
{
	return strcmp(flow->to, c->policy->zone.zone) == 0;
}

bool
folders_has_recipients(const struct policy_flow *flow)
{
	return flow->recipient_count > 1;
}

static enum gw_err
make_folder(struct courier *c, const char *path, mode_t mode, bool is_drop)
{
	bool is_made;
	enum gw_err err;
	int fd = -1;

	err = tree_make_dir(c->root_fd, path, mode, &is_made);
	if (err != GW_OK || !is_made || !is_drop)
		return err;
	err = tree_open_dir(c->root_fd, path, &fd);
	if (err == GW_OK)
		admit_courier(fd);
	io_drop(&fd);
	return err;
}

static enum gw_err
make_kind(struct courier *c, const char *kind, const struct policy_flow *flow,
    mode_t mode, bool has_recipients)
{
	bool is_drop = strcmp(kind, "in") == 0;
	char path[PATH_MAX];
	enum gw_err err;
	uint32_t i;
	int n;

	n = snprintf(path, sizeof(path), "%s/%s", kind, flow->id);
	if (n < 0 || (size_t)n >= sizeof(path))
		return GW_ELIMIT;
	err = make_folder(c, path, mode, is_drop);
	for (i = 0; has_recipients && i < flow->recipient_count &&
	    err == GW_OK; i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", kind, flow->id,
		    flow->recipients[i]);
		err = make_folder(c, path, mode, is_drop);
	}
	return err;
}

static enum gw_err
make_flow(struct courier *c, const struct policy_flow *flow)
{
	bool by_person = flow->submitter == SUBMITTER_FOLDER;
	enum gw_err err = GW_OK;

	if (folders_is_from(c, flow))
		err = make_kind(c, "in", flow,
		    by_person ? MODE_SHOWN : MODE_DROP,
		    folders_has_recipients(flow) && !by_person);
	if (err == GW_OK && folders_is_to(c, flow))
		err = make_kind(c, "out", flow, MODE_SHOWN, true);
	if (err == GW_OK)
		err = make_kind(c, "rejected", flow, MODE_SHOWN, false);
	if (err == GW_OK)
		err = make_kind(c, "status", flow, MODE_SHOWN, false);
	return err;
}

void
folders_make(struct courier *c)
{
	const struct policy_flow *flow;
	enum gw_err err;
	uint32_t i;

	for (i = 0; i < c->policy->flow_count; i++) {
		flow = &c->policy->flows[i];
		if (!folders_is_from(c, flow) && !folders_is_to(c, flow))
			continue;
		err = make_flow(c, flow);
		if (err != GW_OK)
			log_err("flow %s: cannot make its folders: %s",
			    flow->id, err_text_en(err));
	}
}

enum gw_err
folders_for(struct courier *c, const char *kind, const char *flow, int *fd_out)
{
	char path[PATH_MAX];
	const char *p;
	enum gw_err err;
	int n;

	for (p = flow; *p != '\0'; p++) {
		if (!islower((unsigned char)*p) &&
		    !isdigit((unsigned char)*p) && *p != '-')
			return GW_EINVAL;
	}
	n = snprintf(path, sizeof(path), "%s/%s", kind,
	    *flow != '\0' ? flow : "-");
	if (n < 0 || (size_t)n >= sizeof(path))
		return GW_ELIMIT;
	err = tree_open_dir(c->root_fd, path, fd_out);
	if (err != GW_ENOENT)
		return err;
	err = tree_make_dir(c->root_fd, path, MODE_SHOWN, NULL);
	if (err == GW_OK)
		err = tree_open_dir(c->root_fd, path, fd_out);
	return err;
}
