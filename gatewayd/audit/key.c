/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "proto/crypto/crypto.h"

#include "gatewayd/audit/key.h"

#define KEY_NAME_MAX 24

/* "sekisho/", the zone cut to fit, "/", eight hex digits. */
#define KEY_ZONE_MAX 40

static bool
key_is_name(const char *name)
{
	return strlen(name) == 8 && strncmp(name, "key-", 4) == 0 &&
	    strspn(name + 4, "0123456789") == 4;
}

/* The newest key's file name; empty if there is none. */
static enum gw_err
key_newest(int dirfd, char out[KEY_NAME_MAX])
{
	struct dirent *entry;
	enum gw_err err;
	DIR *dir;
	int fd = -1;

	err = io_openat(dirfd, ".", O_RDONLY | O_DIRECTORY, 0, &fd);
	if (err != GW_OK)
		return err;
	dir = fdopendir(fd);
	if (dir == NULL) {
		io_drop(&fd);
		return GW_ESYS;
	}
	out[0] = '\0';
	while ((entry = readdir(dir)) != NULL) {
		if (key_is_name(entry->d_name) &&
		    strcmp(entry->d_name, out) > 0)
			mem_put_str(out, KEY_NAME_MAX, entry->d_name);
	}
	closedir(dir);
	return GW_OK;
}

static enum gw_err
key_put_public(int dirfd, const char *name, const struct checkpoint_key *key)
{
	char path[KEY_NAME_MAX + 8];
	struct buf line;
	enum gw_err err;

	snprintf(path, sizeof(path), "%s.pub", name);
	buf_init(&line, CHECKPOINT_KEY_TEXT_MAX);
	err = checkpoint_key_encode(key, false, &line);
	if (err == GW_OK)
		err = io_replace_file(dirfd, path, line.data, line.len, 0640);
	buf_clear(&line);
	return err;
}

/*
 * A crash between the two files leaves the private one alone; a public one
 * that says something else was put there by somebody.
 */
static enum gw_err
key_check_public(int dirfd, const char *name, const struct checkpoint_key *key)
{
	struct checkpoint_key other;
	char path[KEY_NAME_MAX + 8];
	uint8_t *text = NULL;
	size_t len = 0;
	enum gw_err err;

	snprintf(path, sizeof(path), "%s.pub", name);
	err = io_load_file(dirfd, path, CHECKPOINT_KEY_TEXT_MAX, &text, &len);
	if (err == GW_ENOENT)
		return key_put_public(dirfd, name, key);
	if (err == GW_OK)
		err = checkpoint_key_decode(text, len, false, &other);
	if (err == GW_OK && (strcmp(other.name, key->name) != 0 ||
	    memcmp(other.pub, key->pub, sizeof(key->pub)) != 0))
		err = GW_ECHAIN;
	if (err != GW_OK)
		log_err("audit: %s does not belong to %s: %s", path, name,
		    err_text_en(err));
	mem_free(text);
	return err;
}

enum gw_err
key_load(int dirfd, struct checkpoint_key *out, bool *found_out)
{
	struct checkpoint_key key = {0};
	char name[KEY_NAME_MAX];
	uint8_t *text = NULL;
	size_t len = 0;
	enum gw_err err;

	err = key_newest(dirfd, name);
	if (err != GW_OK)
		return err;
	*found_out = name[0] != '\0';
	if (!*found_out)
		return GW_OK;
	err = io_load_file(dirfd, name, CHECKPOINT_KEY_TEXT_MAX, &text, &len);
	if (err == GW_OK)
		err = checkpoint_key_decode(text, len, true, &key);
	if (err == GW_OK)
		err = key_check_public(dirfd, name, &key);
	if (err == GW_OK)
		*out = key;
	else
		log_err("audit: signing key %s cannot be used: %s", name,
		    err_text_en(err));
	mem_free_secret(text, len);
	mem_clear(&key, sizeof(key));
	return err;
}

static void
key_make_origin(const char *zone, struct checkpoint_key *key)
{
	uint8_t unique[4];

	crypto_random(unique, sizeof(unique));
	snprintf(key->name, sizeof(key->name),
	    "sekisho/%.*s/%02x%02x%02x%02x", KEY_ZONE_MAX, zone, unique[0],
	    unique[1], unique[2], unique[3]);
}

enum gw_err
key_make(int dirfd, const char *zone, struct checkpoint_key *out)
{
	struct checkpoint_key key = {0};
	char day[CLOCK_DAY_LEN], name[KEY_NAME_MAX];
	struct buf line;
	enum gw_err err;

	clock_day_jst(clock_wall_ms(), day);
	snprintf(name, sizeof(name), "key-%.4s", day);
	key_make_origin(zone, &key);
	crypto_random(key.seed, sizeof(key.seed));
	buf_init(&line, CHECKPOINT_KEY_TEXT_MAX);
	err = crypto_sign_public(key.seed, key.pub);
	if (err == GW_OK)
		err = checkpoint_key_encode(&key, true, &line);
	if (err == GW_OK)
		err = io_replace_file(dirfd, name, line.data, line.len, 0600);
	if (err == GW_OK)
		err = key_put_public(dirfd, name, &key);
	if (err == GW_OK)
		*out = key;
	buf_clear(&line);
	mem_clear(&key, sizeof(key));
	return err;
}
