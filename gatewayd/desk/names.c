/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/mem.h"

#include "gatewayd/desk/names.h"

bool
names_is_loaded(const struct names *names)
{
	return names->plain != NULL;
}

void
names_clear(struct names *names)
{
	if (names->plain == NULL)
		return;
	mem_free_secret(names->plain, names->size);
	mem_clear(names, sizeof(*names));
}

static enum gw_err
names_read(struct names *names, struct body_reader *reader)
{
	size_t got, off = 0;
	enum gw_err err;

	while (off < names->size) {
		err = body_reader_pread(reader, names->plain + off,
		    names->size - off, off, &got);
		if (err != GW_OK)
			return err;
		if (got == 0)
			return GW_ETRUNC;
		off += got;
	}
	return GW_OK;
}

enum gw_err
names_load(struct names *names, int fd, const struct ipc_body *body,
    const struct keys_grant *key)
{
	struct body_grant grant = {.padded_len = key->padded_len,
	    .plain_len = key->padded_len};
	struct body_reader *reader = NULL;
	size_t len;
	enum gw_err err;

	if (body->index != 0 || key->padded_len > NAMES_STORED_MAX ||
	    !body_padded_ok(key->padded_len))
		return GW_EFORMAT;
	memcpy(grant.id, key->body.id, sizeof(grant.id));
	memcpy(grant.key, key->key, sizeof(grant.key));
	memcpy(grant.root, key->root, sizeof(grant.root));
	err = body_reader_open(fd, body->offset, &grant, &reader);
	mem_clear(&grant, sizeof(grant));
	if (err != GW_OK)
		return err;
	names->size = (size_t)key->padded_len;
	names->plain = mem_alloc(names->size);
	err = names_read(names, reader);
	if (err == GW_OK)
		err = manifest_length(names->plain, names->size, &len);
	if (err == GW_OK)
		err = manifest_open(&names->reader, names->plain, len,
		    &names->top);
	body_reader_free(reader);
	if (err != GW_OK)
		names_clear(names);
	return err;
}

enum gw_err
names_load_bytes(struct names *names, const uint8_t *bytes, size_t len)
{
	enum gw_err err;

	names->size = len;
	names->plain = mem_alloc(len);
	memcpy(names->plain, bytes, len);
	err = manifest_open(&names->reader, names->plain, len, &names->top);
	if (err != GW_OK)
		names_clear(names);
	return err;
}

const uint8_t *
names_bytes(const struct names *names, size_t *len_out)
{
	*len_out = names->reader.len;
	return names->plain;
}

const struct manifest_file *
names_next(struct names *names)
{
	if (names->plain == NULL || names->reader.left == 0)
		return NULL;
	if (manifest_next(&names->reader, &names->file) != GW_OK) {
		names->reader.left = 0;
		return NULL;
	}
	return &names->file;
}
