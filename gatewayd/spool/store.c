/* SPDX-License-Identifier: ISC */
#include <sys/queue.h>
#include <sys/statvfs.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/parcel/body.h"

#include "gatewayd/spool/store.h"

#define STORE_COPY_MAX (1u << 20)	/* bytes copied at once */
#define STORE_READERS 32		/* packs kept open for reading */
#define STORE_PACKS_OPEN 1024
#define STORE_NAME_LEN 33		/* id in hex */
#define STORE_BALLAST "ballast"

/* A pack of nothing but garbage is given up at this size, or unused so long. */
#define STORE_RETIRE_BYTES (8u << 20)
#define STORE_RETIRE_MS (UINT64_C(3600) * 1000)

/* A pack that is appended to, or is closed and not yet synced. */
struct pack {
	TAILQ_ENTRY(pack) next;
	struct pack_row row;
	int fd;
	uint64_t used_ms;	/* monotonic, of the last append */
	bool is_dirty;	/* not synced */
	bool is_moved;	/* size not noted in the catalogue */
};

struct reader {
	uint32_t id;
	uint64_t used;
	int fd;
};

/* Objects of a pack that are in memory only. */
struct pin {
	TAILQ_ENTRY(pin) next;
	uint32_t pack;
	uint64_t count;
};

struct touched {
	TAILQ_ENTRY(touched) next;
	uint8_t id[16];
};

struct store {
	TAILQ_HEAD(pack_list, pack) packs;
	TAILQ_HEAD(touched_list, touched) touched;
	TAILQ_HEAD(pin_list, pin) pins;
	struct catalog *cat;
	struct gate *gate;
	struct reader readers[STORE_READERS];
	uint64_t use_count;
	int dirfd, packs_fd, bodies_fd, incoming_fd;
	bool is_packs_dirty;	/* names in packs/ */
	bool is_incoming_dirty;
	uint8_t *copy;		/* STORE_COPY_MAX bytes */
};

static void
store_pack_name(uint32_t id, char out[STORE_NAME_LEN])
{
	snprintf(out, STORE_NAME_LEN, "%08x.pack", id);
}

static void
store_hex(const uint8_t id[16], char out[STORE_NAME_LEN])
{
	int i;

	for (i = 0; i < 16; i++)
		snprintf(out + 2 * i, 3, "%02x", id[i]);
}

static bool
store_unhex(const char *name, uint8_t id[16])
{
	unsigned byte;
	int i;

	if (strlen(name) != 32 || strspn(name, "0123456789abcdef") != 32)
		return false;
	for (i = 0; i < 16; i++) {
		if (sscanf(name + 2 * i, "%2x", &byte) != 1)
			return false;
		id[i] = (uint8_t)byte;
	}
	return true;
}

/* Where a settled file lies: bodies/ab/abcd... */
static void
store_settled_name(const uint8_t id[16], char out[STORE_NAME_LEN + 3])
{
	char hex[STORE_NAME_LEN];

	store_hex(id, hex);
	snprintf(out, STORE_NAME_LEN + 3, "%.2s/%s", hex, hex);
}

/* --- packs -------------------------------------------------------------------- */

static struct pack *
pack_add(struct store *st, const struct pack_row *row, int fd)
{
	struct pack *pk = mem_alloc(sizeof(*pk));

	pk->row = *row;
	pk->fd = fd;
	pk->used_ms = clock_mono_ms();
	TAILQ_INSERT_TAIL(&st->packs, pk, next);
	return pk;
}

static void
pack_free(struct store *st, struct pack *pk)
{
	TAILQ_REMOVE(&st->packs, pk, next);
	io_drop(&pk->fd);
	mem_free(pk);
}

/* A new number is never used before: a file of it holds nothing wanted. */
static enum gw_err
pack_new(struct store *st, uint32_t bucket, struct pack **out)
{
	struct pack_row row = {
		.id = st->gate->next_pack,
		.bucket = bucket,
		.is_open = true,
	};
	char name[STORE_NAME_LEN];
	enum gw_err err;
	int fd = -1;

	store_pack_name(row.id, name);
	err = io_openat(st->packs_fd, name, O_RDWR | O_CREAT | O_TRUNC, 0600,
	    &fd);
	if (err != GW_OK)
		return err;
	st->gate->next_pack++;
	st->is_packs_dirty = true;
	catalog_pack_put(st->cat, &row);
	*out = pack_add(st, &row, fd);
	(*out)->is_moved = true;
	return GW_OK;
}

/* The pack of the bucket with room for len more bytes. */
static enum gw_err
pack_for(struct store *st, uint32_t bucket, uint64_t len, struct pack **out)
{
	struct pack *pk;

	TAILQ_FOREACH(pk, &st->packs, next) {
		if (!pk->row.is_open || pk->row.bucket != bucket)
			continue;
		if (pk->row.size + len <= STORE_PACK_MAX) {
			*out = pk;
			return GW_OK;
		}
		/* Full: it stays listed until synced and noted. */
		pk->row.is_open = false;
		pk->is_moved = true;
	}
	return pack_new(st, bucket, out);
}

static struct pin *
pin_find(struct store *st, uint32_t pack)
{
	struct pin *pin;

	TAILQ_FOREACH(pin, &st->pins, next) {
		if (pin->pack == pack)
			return pin;
	}
	return NULL;
}

static void
pin_add(struct store *st, uint32_t pack)
{
	struct pin *pin = pin_find(st, pack);

	if (pin == NULL) {
		pin = mem_alloc(sizeof(*pin));
		pin->pack = pack;
		TAILQ_INSERT_TAIL(&st->pins, pin, next);
	}
	pin->count++;
}

void
store_forget(struct store *st, const struct place *place)
{
	struct pin *pin = pin_find(st, place->pack);

	if (place->pack == 0)
		return;
	if (pin == NULL)
		log_panic("pack %08x: object forgotten twice", place->pack);
	if (--pin->count != 0)
		return;
	TAILQ_REMOVE(&st->pins, pin, next);
	mem_free(pin);
}

void
store_keep(struct store *st, const struct place *place)
{
	if (place->pack == 0)
		return;
	catalog_pack_live(st->cat, place->pack, 1);
	store_forget(st, place);
}

void
store_unkeep(struct store *st, const struct place *place)
{
	if (place->pack != 0)
		catalog_pack_live(st->cat, place->pack, -1);
}

enum gw_err
store_put(struct store *st, uint32_t bucket, int fd, uint64_t off,
    uint64_t len, struct place *place_out)
{
	struct pack *pk = NULL;
	uint64_t done = 0;
	enum gw_err err;
	size_t n;

	err = pack_for(st, bucket, len, &pk);
	if (err != GW_OK)
		return err;
	while (done < len) {
		n = len - done < STORE_COPY_MAX ? (size_t)(len - done) :
		    STORE_COPY_MAX;
		err = io_pread_full(fd, st->copy, n, off + done);
		if (err == GW_OK)
			err = io_pwrite_full(pk->fd, st->copy, n,
			    pk->row.size + done);
		if (err != GW_OK)
			return err;
		done += n;
	}
	place_out->pack = pk->row.id;
	place_out->pad = 0;
	place_out->offset = pk->row.size;
	place_out->len = len;
	pk->row.size += len;
	pk->is_dirty = true;
	pk->is_moved = true;
	pk->used_ms = clock_mono_ms();
	pin_add(st, pk->row.id);
	return GW_OK;
}

/* An fd to read a pack with, kept for the next time. */
static enum gw_err
pack_reader(struct store *st, uint32_t id, int *fd_out)
{
	struct reader *r, *oldest = &st->readers[0];
	char name[STORE_NAME_LEN];
	struct pack *pk;
	enum gw_err err;
	int i;

	TAILQ_FOREACH(pk, &st->packs, next) {
		if (pk->row.id == id) {
			*fd_out = pk->fd;
			return GW_OK;
		}
	}
	for (i = 0; i < STORE_READERS; i++) {
		r = &st->readers[i];
		if (r->fd != -1 && r->id == id) {
			r->used = ++st->use_count;
			*fd_out = r->fd;
			return GW_OK;
		}
		if (r->used < oldest->used)
			oldest = r;
	}
	io_drop(&oldest->fd);
	store_pack_name(id, name);
	err = io_openat(st->packs_fd, name, O_RDONLY, 0, &oldest->fd);
	if (err != GW_OK)
		return err;
	oldest->id = id;
	oldest->used = ++st->use_count;
	*fd_out = oldest->fd;
	return GW_OK;
}

enum gw_err
store_get(struct store *st, const struct place *place, void *out)
{
	enum gw_err err;
	int fd = -1;

	err = pack_reader(st, place->pack, &fd);
	if (err != GW_OK)
		return err;
	return io_pread_full(fd, out, (size_t)place->len, place->offset);
}

void
store_retire(struct store *st, uint64_t now_ms, store_pack_fn *fn, void *arg)
{
	struct pack_row row;
	struct pack *pk;

	TAILQ_FOREACH(pk, &st->packs, next) {
		if (!pk->row.is_open || pk->row.size == 0 ||
		    (pk->row.size < STORE_RETIRE_BYTES &&
		    now_ms - pk->used_ms < STORE_RETIRE_MS))
			continue;
		if (pin_find(st, pk->row.id) != NULL ||
		    !catalog_pack_get(st->cat, pk->row.id, &row) ||
		    row.live != 0)
			continue;
		pk->row.is_open = false;
		pk->is_moved = true;
		pk->is_dirty = false; /* nobody will read it */
		fn(arg, pk->row.id);
	}
}

void
store_reap(struct store *st, uint32_t id)
{
	char name[STORE_NAME_LEN];
	struct pack_row row;
	struct pack *pk;
	enum gw_err err;
	int i;

	TAILQ_FOREACH(pk, &st->packs, next) {
		if (pk->row.id == id)
			return; /* still written, or not yet noted */
	}
	if (!catalog_pack_get(st->cat, id, &row) || row.is_open ||
	    row.live != 0 || pin_find(st, id) != NULL)
		return;
	for (i = 0; i < STORE_READERS; i++) {
		if (st->readers[i].id == id)
			io_drop(&st->readers[i].fd);
	}
	store_pack_name(id, name);
	err = io_unlinkat(st->packs_fd, name, false);
	if (err != GW_OK && err != GW_ENOENT) {
		log_warn("pack %08x cannot be removed: %s", id,
		    err_text_en(err));
		return;
	}
	catalog_pack_del(st->cat, id);
}

/* --- files of one object -------------------------------------------------------- */

enum gw_err
store_create(struct store *st, const uint8_t id[16], uint64_t len, int *fd_out)
{
	char name[STORE_NAME_LEN];
	enum gw_err err;
	int fd = -1;

	store_hex(id, name);
	err = io_openat(st->incoming_fd, name, O_RDWR | O_CREAT | O_EXCL, 0600,
	    &fd);
	if (err != GW_OK)
		return err;
	st->is_incoming_dirty = true;
	err = io_allocate(fd, len);
	if (err != GW_OK) {
		io_drop(&fd);
		store_remove(st, id);
		return err;
	}
	*fd_out = fd;
	return GW_OK;
}

enum gw_err
store_resume(struct store *st, const uint8_t id[16], int *fd_out)
{
	char name[STORE_NAME_LEN];

	store_hex(id, name);
	return io_openat(st->incoming_fd, name, O_RDWR, 0, fd_out);
}

static enum gw_err
store_find(struct store *st, const uint8_t id[16], int flags, int *fd_out)
{
	char settled[STORE_NAME_LEN + 3], hex[STORE_NAME_LEN];
	enum gw_err err;

	store_settled_name(id, settled);
	err = io_openat(st->bodies_fd, settled, flags, 0, fd_out);
	if (err != GW_ENOENT)
		return err;
	store_hex(id, hex);
	return io_openat(st->incoming_fd, hex, flags, 0, fd_out);
}

enum gw_err
store_file(struct store *st, const uint8_t id[16], int *fd_out)
{
	return store_find(st, id, O_RDONLY, fd_out);
}

void
store_settle(struct store *st, const uint8_t id[16])
{
	char settled[STORE_NAME_LEN + 3], hex[STORE_NAME_LEN], folder[3];
	enum gw_err err;

	store_hex(id, hex);
	store_settled_name(id, settled);
	err = io_renameat(st->incoming_fd, hex, st->bodies_fd, settled, false);
	if (err == GW_ENOENT) {
		snprintf(folder, sizeof(folder), "%.2s", hex);
		err = io_mkdirat(st->bodies_fd, folder, 0700);
		if (err == GW_OK || err == GW_EEXIST)
			err = io_renameat(st->incoming_fd, hex, st->bodies_fd,
			    settled, false);
	}
	/* It is found in both places; the next start tries again. */
	if (err != GW_OK)
		log_warn("%s stays in incoming: %s", hex, err_text_en(err));
}

void
store_remove(struct store *st, const uint8_t id[16])
{
	char settled[STORE_NAME_LEN + 3], hex[STORE_NAME_LEN];
	enum gw_err err;

	store_settled_name(id, settled);
	err = io_unlinkat(st->bodies_fd, settled, false);
	if (err == GW_ENOENT) {
		store_hex(id, hex);
		err = io_unlinkat(st->incoming_fd, hex, false);
	}
	if (err != GW_OK && err != GW_ENOENT)
		log_warn("a body cannot be removed: %s", err_text_en(err));
}

void
store_touch(struct store *st, const uint8_t id[16])
{
	struct touched *t;

	TAILQ_FOREACH(t, &st->touched, next) {
		if (memcmp(t->id, id, sizeof(t->id)) == 0)
			return;
	}
	t = mem_alloc(sizeof(*t));
	memcpy(t->id, id, sizeof(t->id));
	TAILQ_INSERT_TAIL(&st->touched, t, next);
}

/* --- durability ------------------------------------------------------------------- */

static enum gw_err
store_sync_touched(struct store *st)
{
	struct touched *t;
	enum gw_err err;
	int fd = -1;

	while ((t = TAILQ_FIRST(&st->touched)) != NULL) {
		TAILQ_REMOVE(&st->touched, t, next);
		err = store_find(st, t->id, O_RDWR, &fd);
		mem_free(t);
		if (err == GW_OK)
			err = io_fdatasync(fd);
		if (err == GW_OK)
			err = io_close(&fd);
		io_drop(&fd);
		if (err == GW_ENOENT)
			continue; /* dropped meanwhile */
		if (err != GW_OK)
			return err;
	}
	return GW_OK;
}

enum gw_err
store_sync(struct store *st)
{
	struct pack *pk;
	enum gw_err err;

	err = store_sync_touched(st);
	if (err != GW_OK)
		return err;
	TAILQ_FOREACH(pk, &st->packs, next) {
		if (!pk->is_dirty)
			continue;
		err = io_fdatasync(pk->fd);
		if (err != GW_OK)
			return err;
		pk->is_dirty = false;
	}
	if (st->is_packs_dirty && (err = io_fsync(st->packs_fd)) != GW_OK)
		return err;
	st->is_packs_dirty = false;
	if (st->is_incoming_dirty &&
	    (err = io_fsync(st->incoming_fd)) != GW_OK)
		return err;
	st->is_incoming_dirty = false;
	return GW_OK;
}

void
store_note(struct store *st)
{
	struct pack *pk, *next;

	for (pk = TAILQ_FIRST(&st->packs); pk != NULL; pk = next) {
		next = TAILQ_NEXT(pk, next);
		if (pk->is_moved)
			catalog_pack_put(st->cat, &pk->row);
		pk->is_moved = false;
		if (!pk->row.is_open && !pk->is_dirty)
			pack_free(st, pk);
	}
}

/* --- opening ------------------------------------------------------------------------- */

static enum gw_err
store_folder(int dirfd, const char *name, int *fd_out)
{
	enum gw_err err = io_mkdirat(dirfd, name, 0700);

	if (err != GW_OK && err != GW_EEXIST)
		return err;
	return io_openat(dirfd, name, O_RDONLY | O_DIRECTORY, 0, fd_out);
}

static enum gw_err
store_open_pack(struct store *st, const struct pack_row *row)
{
	char name[STORE_NAME_LEN];
	struct stat info;
	enum gw_err err;
	int fd = -1;

	store_pack_name(row->id, name);
	err = io_openat(st->packs_fd, name, O_RDWR, 0, &fd);
	if (err == GW_OK)
		err = io_stat(fd, &info);
	if (err == GW_OK && (uint64_t)info.st_size < row->size)
		err = GW_ETRUNC;
	if (err == GW_OK && (uint64_t)info.st_size > row->size)
		err = io_truncate(fd, row->size);
	if (err != GW_OK) {
		/* Its objects are found damaged one by one; go on. */
		log_err("pack %08x: %s: it is closed, its objects may be "
		    "damaged", row->id, err_text_en(err));
		io_drop(&fd);
		catalog_pack_put(st->cat, &(struct pack_row){.id = row->id,
		    .bucket = row->bucket, .size = row->size});
		return GW_OK;
	}
	pack_add(st, row, fd);
	return GW_OK;
}

enum gw_err
store_open(int dirfd, struct catalog *cat, struct gate *gate,
    struct store **out)
{
	struct store *st = mem_alloc(sizeof(*st));
	struct pack_row *rows = NULL;
	enum gw_err err;
	uint32_t i, n;

	TAILQ_INIT(&st->packs);
	TAILQ_INIT(&st->touched);
	TAILQ_INIT(&st->pins);
	st->cat = cat;
	st->gate = gate;
	st->dirfd = dirfd;
	st->packs_fd = st->bodies_fd = st->incoming_fd = -1;
	for (i = 0; i < STORE_READERS; i++)
		st->readers[i].fd = -1;
	st->copy = mem_alloc(STORE_COPY_MAX);
	if ((err = store_folder(dirfd, "packs", &st->packs_fd)) != GW_OK ||
	    (err = store_folder(dirfd, "bodies", &st->bodies_fd)) != GW_OK ||
	    (err = store_folder(dirfd, "incoming", &st->incoming_fd)) !=
	    GW_OK || (err = io_fsync(dirfd)) != GW_OK)
		goto out;
	rows = mem_array(STORE_PACKS_OPEN, sizeof(*rows));
	n = catalog_packs_open(cat, rows, STORE_PACKS_OPEN);
	for (i = 0; i < n && err == GW_OK; i++)
		err = store_open_pack(st, &rows[i]);
out:
	mem_free(rows);
	if (err != GW_OK) {
		store_close(st);
		return err;
	}
	*out = st;
	return GW_OK;
}

void
store_close(struct store *st)
{
	struct touched *t;
	struct pack *pk;
	struct pin *pin;
	int i;

	if (st == NULL)
		return;
	while ((pk = TAILQ_FIRST(&st->packs)) != NULL)
		pack_free(st, pk);
	while ((t = TAILQ_FIRST(&st->touched)) != NULL) {
		TAILQ_REMOVE(&st->touched, t, next);
		mem_free(t);
	}
	while ((pin = TAILQ_FIRST(&st->pins)) != NULL) {
		TAILQ_REMOVE(&st->pins, pin, next);
		mem_free(pin);
	}
	for (i = 0; i < STORE_READERS; i++)
		io_drop(&st->readers[i].fd);
	io_drop(&st->packs_fd);
	io_drop(&st->bodies_fd);
	io_drop(&st->incoming_fd);
	mem_free(st->copy);
	mem_free(st);
}

/* --- recovery -------------------------------------------------------------------------- */

typedef void store_name_fn(struct store *, const char *name);

static enum gw_err
store_each_name(struct store *st, const char *folder, store_name_fn *fn)
{
	struct dirent *entry;
	enum gw_err err;
	int fd = -1;
	DIR *dir;

	/* An fd of its own: fdopendir keeps the position in it. */
	err = io_openat(st->dirfd, folder, O_RDONLY | O_DIRECTORY, 0, &fd);
	if (err != GW_OK)
		return err;
	dir = fdopendir(fd);
	if (dir == NULL) {
		err = err_from_errno(errno);
		io_drop(&fd);
		return err;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.')
			fn(st, entry->d_name);
	}
	closedir(dir);
	return GW_OK;
}

static void
store_recover_incoming(struct store *st, const char *name)
{
	bool is_whole = false;
	uint8_t id[16];

	if (!store_unhex(name, id)) {
		log_warn("incoming/%s is not ours", name);
		return;
	}
	if (!catalog_has_file(st->cat, id, &is_whole))
		store_remove(st, id);
	else if (is_whole)
		store_settle(st, id);
}

static void
store_recover_pack(struct store *st, const char *name)
{
	struct pack_row row;
	unsigned id;

	if (sscanf(name, "%8x.pack", &id) != 1)
		return;
	if (catalog_pack_get(st->cat, id, &row)) {
		if (!row.is_open && row.live == 0)
			store_reap(st, id);
		return;
	}
	if (io_unlinkat(st->packs_fd, name, false) != GW_OK)
		log_warn("packs/%s cannot be removed", name);
}

enum gw_err
store_recover(struct store *st)
{
	enum gw_err err;

	err = store_each_name(st, "incoming", store_recover_incoming);
	if (err != GW_OK)
		return err;
	return store_each_name(st, "packs", store_recover_pack);
}

/* --- space ------------------------------------------------------------------------------- */

enum gw_err
store_space(struct store *st, uint64_t *total_out, uint64_t *free_out)
{
	struct statvfs info;

	if (fstatvfs(st->dirfd, &info) != 0)
		return err_from_errno(errno);
	/* As df counts: what is kept for root was never ours to fill. */
	*total_out = (uint64_t)(info.f_blocks - info.f_bfree + info.f_bavail) *
	    info.f_frsize;
	*free_out = (uint64_t)info.f_bavail * info.f_frsize;
	return GW_OK;
}

enum gw_err
store_ballast(struct store *st, uint64_t size)
{
	struct stat info;
	enum gw_err err;
	int fd = -1;

	if (size == 0 || (io_statat(st->dirfd, STORE_BALLAST, &info) ==
	    GW_OK && (uint64_t)info.st_size == size))
		return GW_OK;
	err = io_openat(st->dirfd, STORE_BALLAST, O_RDWR | O_CREAT, 0600, &fd);
	if (err == GW_OK)
		err = io_truncate(fd, 0);
	if (err == GW_OK)
		err = io_allocate(fd, size);
	io_drop(&fd);
	if (err != GW_OK)
		store_drop_ballast(st);
	return err;
}

void
store_drop_ballast(struct store *st)
{
	enum gw_err err = io_unlinkat(st->dirfd, STORE_BALLAST, false);

	if (err != GW_OK && err != GW_ENOENT)
		log_warn("the ballast cannot be removed: %s",
		    err_text_en(err));
}
