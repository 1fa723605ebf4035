/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#include "gatewayd/spool/catalog_sql.h"
#include "gatewayd/spool/vfs.h"

#define CATALOG_FILE "catalog.db"
#define CATALOG_VERSION 1

/*
 * Partial indexes hold only what still moves, so the way of a transfer
 * costs the same beside a million old ones.  The number 17 is ST_HELD.
 */
_Static_assert(ST_HELD == 17, "index t_held");

static const char catalog_schema[] =
    "CREATE TABLE gate(counts BLOB NOT NULL,transfers INTEGER NOT NULL,"
    " stored_bytes INTEGER NOT NULL,audit_size INTEGER NOT NULL,"
    " number_day INTEGER NOT NULL,number_count INTEGER NOT NULL,"
    " next_pack INTEGER NOT NULL,disk_failed INTEGER NOT NULL);"
    "CREATE TABLE transfer(row INTEGER PRIMARY KEY,id BLOB NOT NULL,"
    " bucket INTEGER NOT NULL,slot INTEGER NOT NULL,side INTEGER NOT NULL,"
    " state INTEGER NOT NULL,held_from INTEGER NOT NULL,"
    " step INTEGER NOT NULL,tries INTEGER NOT NULL,"
    " missing INTEGER NOT NULL,failed INTEGER NOT NULL,"
    " task INTEGER NOT NULL,notice INTEGER NOT NULL,"
    " notice_busy INTEGER NOT NULL,reason INTEGER NOT NULL,"
    " withdraw INTEGER NOT NULL,body_index INTEGER NOT NULL,"
    " body_count INTEGER NOT NULL,file_count INTEGER NOT NULL,"
    " uid INTEGER NOT NULL,epoch INTEGER NOT NULL,seq INTEGER NOT NULL,"
    " plain_bytes INTEGER NOT NULL,stored_bytes INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL,accepted_ms INTEGER NOT NULL,"
    " state_ms INTEGER NOT NULL,not_after_ms INTEGER NOT NULL,"
    " erase_ms INTEGER NOT NULL,parcel_id BLOB NOT NULL,"
    " number TEXT NOT NULL,flow TEXT NOT NULL,channel TEXT NOT NULL,"
    " submitter TEXT NOT NULL,detail TEXT NOT NULL,"
    " blocks INTEGER NOT NULL);"
    "CREATE UNIQUE INDEX t_id ON transfer(id);"
    "CREATE INDEX t_number ON transfer(number);"
    "CREATE INDEX t_flow ON transfer(flow);"
    "CREATE INDEX t_state ON transfer(state);"
    "CREATE INDEX t_task ON transfer(task,flow,row) WHERE task>0;"
    "CREATE INDEX t_busy ON transfer(task) WHERE task<0;"
    "CREATE INDEX t_notice ON transfer(flow,row)"
    " WHERE notice!=0 AND notice_busy=0;"
    "CREATE INDEX t_telling ON transfer(row) WHERE notice_busy!=0;"
    "CREATE INDEX t_held ON transfer(reason,row) WHERE state=17;"
    "CREATE INDEX t_blocks ON transfer(channel,epoch,seq) WHERE blocks=1;"
    "CREATE INDEX t_erase ON transfer(erase_ms) WHERE erase_ms!=0;"
    "CREATE TABLE step(row INTEGER NOT NULL,n INTEGER NOT NULL,"
    " state INTEGER NOT NULL,wall_ms INTEGER NOT NULL,"
    " reason INTEGER NOT NULL,actor TEXT NOT NULL,PRIMARY KEY(row,n))"
    " WITHOUT ROWID;"
    "CREATE TABLE body(row INTEGER NOT NULL,idx INTEGER NOT NULL,"
    " id BLOB NOT NULL,root BLOB NOT NULL,padded_len INTEGER NOT NULL,"
    " plain_len INTEGER NOT NULL,pack INTEGER NOT NULL,"
    " offset INTEGER NOT NULL,len INTEGER NOT NULL,PRIMARY KEY(row,idx))"
    " WITHOUT ROWID;"
    "CREATE INDEX b_file ON body(id) WHERE pack=0;"
    "CREATE TABLE partial(row INTEGER NOT NULL,idx INTEGER NOT NULL,"
    " id BLOB NOT NULL,padded_len INTEGER NOT NULL,"
    " chunks INTEGER NOT NULL,PRIMARY KEY(row,idx)) WITHOUT ROWID;"
    "CREATE INDEX partial_id ON partial(id);"
    "CREATE TABLE parcel(channel TEXT NOT NULL,epoch INTEGER NOT NULL,"
    " seq INTEGER NOT NULL,is_control INTEGER NOT NULL,"
    " row INTEGER NOT NULL,header_hash BLOB NOT NULL,"
    " file_id BLOB NOT NULL,pack INTEGER NOT NULL,offset INTEGER NOT NULL,"
    " len INTEGER NOT NULL,is_complete INTEGER NOT NULL,"
    " PRIMARY KEY(channel,epoch,seq)) WITHOUT ROWID;"
    "CREATE INDEX p_open ON parcel(channel,epoch,seq) WHERE is_complete=0;"
    "CREATE INDEX p_file ON parcel(file_id) WHERE pack=0 AND len!=0;"
    "CREATE TABLE channel(id TEXT PRIMARY KEY,epoch INTEGER NOT NULL,"
    " sealed_seq INTEGER NOT NULL,sent_seq INTEGER NOT NULL,"
    " header_seq INTEGER NOT NULL,header_hash BLOB NOT NULL,"
    " base_seq INTEGER NOT NULL,ack_counter INTEGER NOT NULL,"
    " ack_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE pack(id INTEGER PRIMARY KEY,bucket INTEGER NOT NULL,"
    " size INTEGER NOT NULL,live INTEGER NOT NULL,"
    " is_open INTEGER NOT NULL);"
    "CREATE INDEX k_open ON pack(id) WHERE is_open=1;"
    "INSERT INTO gate VALUES(zeroblob(256),0,0,0,0,0,1,0);"
    "PRAGMA user_version=1;";

static const char *const catalog_sql[Q_COUNT] = {
#define X(name, sql) [name] = sql,
	CATALOG_SQL_TABLE(X)
#undef X
};

/* --- statements ------------------------------------------------------------ */

_Noreturn void
catalog_fatal(struct catalog *cat, const char *what)
{
	log_fatal("catalogue: %s: %s (%d)", what, sqlite3_errmsg(cat->db),
	    sqlite3_extended_errcode(cat->db));
}

sqlite3_stmt *
catalog_q(struct catalog *cat, enum catalog_query q)
{
	sqlite3_stmt *stmt = cat->stmts[q];

	(void)sqlite3_reset(stmt);
	return stmt;
}

bool
catalog_row(struct catalog *cat, sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return true;
	if (rc != SQLITE_DONE)
		catalog_fatal(cat, sqlite3_sql(stmt));
	(void)sqlite3_reset(stmt);
	return false;
}

void
catalog_run(struct catalog *cat, sqlite3_stmt *stmt)
{
	if (catalog_row(cat, stmt))
		log_panic("catalogue: unexpected row: %s", sqlite3_sql(stmt));
}

void
catalog_done(sqlite3_stmt *stmt)
{
	(void)sqlite3_reset(stmt);
}

void
catalog_bind_u64(sqlite3_stmt *stmt, int at, uint64_t value)
{
	if (sqlite3_bind_int64(stmt, at, (sqlite3_int64)value) != SQLITE_OK)
		log_panic("catalogue: bind %d: %s", at, sqlite3_sql(stmt));
}

/* Bound memory stays in place until the statement has run. */
void
catalog_bind_blob(sqlite3_stmt *stmt, int at, const void *p, size_t len)
{
	if (sqlite3_bind_blob64(stmt, at, p, len, SQLITE_STATIC) != SQLITE_OK)
		log_panic("catalogue: bind %d: %s", at, sqlite3_sql(stmt));
}

void
catalog_bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	if (sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC) != SQLITE_OK)
		log_panic("catalogue: bind %d: %s", at, sqlite3_sql(stmt));
}

uint64_t
catalog_u64(sqlite3_stmt *stmt, int column)
{
	return (uint64_t)sqlite3_column_int64(stmt, column);
}

uint32_t
catalog_u32(sqlite3_stmt *stmt, int column)
{
	return (uint32_t)sqlite3_column_int64(stmt, column);
}

void
catalog_blob(sqlite3_stmt *stmt, int column, void *out, size_t size)
{
	const void *p = sqlite3_column_blob(stmt, column);
	size_t len = (size_t)sqlite3_column_bytes(stmt, column);

	memset(out, 0, size);
	if (p != NULL)
		memcpy(out, p, len < size ? len : size);
}

void
catalog_text(sqlite3_stmt *stmt, int column, char *out, size_t size)
{
	const char *p = (const char *)sqlite3_column_text(stmt, column);

	mem_put_str(out, size, p != NULL ? p : "");
}

/* --- opening ------------------------------------------------------------------ */

static void
catalog_exec(struct catalog *cat, const char *sql)
{
	char *text = NULL;

	if (sqlite3_exec(cat->db, sql, NULL, NULL, &text) != SQLITE_OK)
		catalog_fatal(cat, text != NULL ? text : "exec");
}

static int
catalog_pragma(struct catalog *cat, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	int value = 0;

	if (sqlite3_prepare_v2(cat->db, sql, -1, &stmt, NULL) != SQLITE_OK)
		catalog_fatal(cat, sql);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		value = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	return value;
}

static void
catalog_prepare(struct catalog *cat)
{
	int q;

	for (q = 0; q < Q_COUNT; q++) {
		if (sqlite3_prepare_v3(cat->db, catalog_sql[q], -1,
		    SQLITE_PREPARE_PERSISTENT, &cat->stmts[q],
		    NULL) != SQLITE_OK)
			catalog_fatal(cat, catalog_sql[q]);
	}
}

/*
 * EXCLUSIVE before WAL: SQLite then keeps the WAL's index in memory of its
 * own and needs no shared memory file.
 */
static void
catalog_settings(struct catalog *cat)
{
	catalog_exec(cat, "PRAGMA locking_mode=EXCLUSIVE");
	catalog_exec(cat, "PRAGMA journal_mode=WAL");
	catalog_exec(cat, "PRAGMA synchronous=FULL");
	catalog_exec(cat, "PRAGMA temp_store=MEMORY");
	catalog_exec(cat, "PRAGMA cache_size=-32768");
	catalog_exec(cat, "PRAGMA mmap_size=0");
	catalog_exec(cat, "PRAGMA trusted_schema=OFF");
	/* 4 MiB of WAL before it is copied back. */
	catalog_exec(cat, "PRAGMA wal_autocheckpoint=1024");
	catalog_exec(cat, "PRAGMA journal_size_limit=67108864");
}

enum gw_err
catalog_open(int dirfd, struct catalog **out)
{
	struct catalog *cat = mem_alloc(sizeof(*cat));
	int rc, version;

	vfs_init(dirfd);
	rc = sqlite3_open_v2(CATALOG_FILE, &cat->db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
	    SQLITE_OPEN_EXRESCODE, VFS_NAME);
	if (rc != SQLITE_OK)
		log_fatal("catalogue: cannot open " CATALOG_FILE ": %s (%d): "
		    "is another gateway using this state folder?",
		    sqlite3_errstr(rc), rc);
	catalog_settings(cat);
	version = catalog_pragma(cat, "PRAGMA user_version");
	if (version > CATALOG_VERSION) {
		catalog_close(cat);
		return GW_EVERSION;
	}
	if (version == 0) {
		catalog_exec(cat, "BEGIN IMMEDIATE");
		catalog_exec(cat, catalog_schema);
		catalog_exec(cat, "COMMIT");
	}
	catalog_prepare(cat);
	memset(cat->may_task, true, sizeof(cat->may_task));
	cat->may_notice = true;
	*out = cat;
	return GW_OK;
}

void
catalog_close(struct catalog *cat)
{
	int q;

	if (cat == NULL)
		return;
	for (q = 0; q < Q_COUNT; q++)
		sqlite3_finalize(cat->stmts[q]);
	(void)sqlite3_close(cat->db);
	mem_free(cat);
}

void
catalog_begin(struct catalog *cat)
{
	if (cat->is_open)
		return;
	catalog_run(cat, catalog_q(cat, Q_BEGIN));
	cat->is_open = true;
}

void
catalog_commit(struct catalog *cat)
{
	if (!cat->is_open)
		return;
	catalog_run(cat, catalog_q(cat, Q_COMMIT));
	cat->is_open = false;
}

void
catalog_rollback(struct catalog *cat)
{
	if (!cat->is_open)
		return;
	catalog_run(cat, catalog_q(cat, Q_ROLLBACK));
	cat->is_open = false;
}

/* --- counters ------------------------------------------------------------------ */

void
catalog_gate_get(struct catalog *cat, struct gate *out)
{
	sqlite3_stmt *s = catalog_q(cat, Q_GATE_GET);

	if (!catalog_row(cat, s))
		catalog_fatal(cat, "no counters");
	memset(out, 0, sizeof(*out));
	catalog_blob(s, 0, out->counts, sizeof(out->counts));
	out->transfers = catalog_u64(s, 1);
	out->stored_bytes = catalog_u64(s, 2);
	out->audit_size = catalog_u64(s, 3);
	out->number_day = catalog_u32(s, 4);
	out->number_count = catalog_u32(s, 5);
	out->next_pack = catalog_u32(s, 6);
	out->disk_failed = catalog_u32(s, 7);
	catalog_done(s);
}

void
catalog_gate_put(struct catalog *cat, const struct gate *gate)
{
	sqlite3_stmt *s = catalog_q(cat, Q_GATE_PUT);

	catalog_bind_blob(s, 1, gate->counts, sizeof(gate->counts));
	catalog_bind_u64(s, 2, gate->transfers);
	catalog_bind_u64(s, 3, gate->stored_bytes);
	catalog_bind_u64(s, 4, gate->audit_size);
	catalog_bind_u64(s, 5, gate->number_day);
	catalog_bind_u64(s, 6, gate->number_count);
	catalog_bind_u64(s, 7, gate->next_pack);
	catalog_bind_u64(s, 8, gate->disk_failed);
	catalog_run(cat, s);
}
