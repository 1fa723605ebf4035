/* SPDX-License-Identifier: GPL-2.0-only WITH cryptsetup-OpenSSL-exception */
#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"

#include "scanners/clam/engine.h"

/* What libclamav loads from a folder, as far as it changes what is found. */
static const char *const signatures_kinds[] = {
	"cvd", "cld", "cud", "db", "ndb", "ndu", "ldb", "ldu", "hdb", "hdu",
	"hsb", "hsu", "mdb", "mdu", "msb", "msu", "cdb", "crb", "cbc", "fp",
	"sfp", "ftm", "idb", "imp", "ign", "ign2", "pdb", "wdb", "gdb",
	"info", "cat", "yar", "yara", "pwdb", "zmd", "rmd",
};

static bool
signatures_is_one(const char *name, const char **kind_out)
{
	const char *dot = strrchr(name, '.');
	size_t i;

	if (dot == NULL || name[0] == '.')
		return false;
	*kind_out = dot + 1;
	for (i = 0; i < sizeof(signatures_kinds) / sizeof(char *); i++) {
		if (strcmp(dot + 1, signatures_kinds[i]) == 0)
			return true;
	}
	return false;
}

/* Time and version stand in the header of an official database. */
static bool
signatures_header(const char *path, uint64_t *ms_out, uint32_t *version_out)
{
	struct cl_cvd *head = cl_cvdhead(path);

	if (head == NULL)
		return false;
	*ms_out = (uint64_t)head->stime * 1000;
	*version_out = head->version;
	cl_cvdfree(head);
	return true;
}

static void
signatures_hash_file(struct sha256 *sum, const char *path, const char *name)
{
	static uint8_t buf[1u << 20];
	enum gw_err err;
	size_t got;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		log_fatal("cannot open %s: %s", path, strerror(errno));
	err = sha256_update(sum, name, strlen(name) + 1);
	do {
		if (err == GW_OK)
			err = io_read_some(fd, buf, sizeof(buf), &got);
		if (err == GW_OK)
			err = sha256_update(sum, buf, got);
	} while (err == GW_OK && got > 0);
	if (err != GW_OK)
		log_fatal("cannot read %s: %s", path, err_text_en(err));
	io_drop(&fd);
}

struct look {
	struct signatures *out;
	struct sha256 *sum;
	bool has_daily;
};

static void
signatures_look_file(struct look *l, const char *dir, const char *name,
    const char *kind)
{
	const bool is_official = strcmp(kind, "cvd") == 0 ||
	    strcmp(kind, "cld") == 0;
	char path[4096];
	uint32_t version = 0;
	uint64_t ms = 0;
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return;
	if (!is_official || !signatures_header(path, &ms, &version))
		ms = (uint64_t)st.st_mtim.tv_sec * 1000;
	else if (strncmp(name, "daily.", 6) == 0)
		l->has_daily = true;
	if (ms > l->out->newest_ms)
		l->out->newest_ms = ms;
	if (l->has_daily && version > l->out->version &&
	    strncmp(name, "daily.", 6) == 0)
		l->out->version = version;
	l->out->file_count++;
	signatures_hash_file(l->sum, path, name);
}

static int
signatures_pick(const struct dirent *entry)
{
	const char *kind;

	return signatures_is_one(entry->d_name, &kind);
}

void
signatures_look(const char *dir, struct signatures *out)
{
	uint8_t hash[SHA256_LEN];
	struct look l = {.out = out};
	struct dirent **names = NULL;
	const char *kind;
	int i, count;

	memset(out, 0, sizeof(*out));
	if (dir[0] == '\0' || sha256_new(&l.sum) != GW_OK)
		return;
	/* In the order of their names: the number must not depend on more. */
	count = scandir(dir, &names, signatures_pick, alphasort);
	if (count == -1)
		log_warn("cannot read %s: %s", dir, strerror(errno));
	for (i = 0; i < count; i++) {
		if (signatures_is_one(names[i]->d_name, &kind))
			signatures_look_file(&l, dir, names[i]->d_name, kind);
		free(names[i]);
	}
	free(names);
	if (out->file_count > 0 && out->version == 0 &&
	    sha256_final(l.sum, hash) == GW_OK)
		out->version = (uint32_t)hash[0] << 24 |
		    (uint32_t)hash[1] << 16 | (uint32_t)hash[2] << 8 |
		    hash[3];
	sha256_free(l.sum);
}
