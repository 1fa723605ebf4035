/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_SPOOL_CATALOG_SQL_H
#define GATEWAYD_SPOOL_CATALOG_SQL_H

#include <sqlite3.h>

#include "gatewayd/spool/catalog.h"

/* Inside of catalog_*.c only. */

#define TRANSFER_COLUMNS                                                      \
	"row,id,bucket,slot,side,state,held_from,step,tries,missing,failed,"  \
	"task,notice,notice_busy,reason,withdraw,body_index,body_count,"      \
	"file_count,uid,epoch,seq,plain_bytes,stored_bytes,created_ms,"       \
	"accepted_ms,state_ms,not_after_ms,erase_ms,parcel_id,number,flow,"   \
	"channel,submitter,detail"

#define SELECT_TRANSFER "SELECT " TRANSFER_COLUMNS " FROM transfer "

#define BODY_COLUMNS "idx,id,root,padded_len,plain_len,pack,offset,len"
#define PARCEL_COLUMNS                                                        \
	"channel,epoch,seq,is_control,row,header_hash,file_id,pack,offset,"   \
	"len,is_complete"

/* X(constant, SQL) */
#define CATALOG_SQL_TABLE(X)                                                  \
	X(Q_BEGIN, "BEGIN IMMEDIATE")                                         \
	X(Q_COMMIT, "COMMIT")                                                 \
	X(Q_ROLLBACK, "ROLLBACK")                                             \
	X(Q_GATE_GET, "SELECT counts,transfers,stored_bytes,audit_size,"      \
	    "number_day,number_count,next_pack,disk_failed FROM gate")        \
	X(Q_GATE_PUT, "UPDATE gate SET counts=?1,transfers=?2,"               \
	    "stored_bytes=?3,audit_size=?4,number_day=?5,number_count=?6,"    \
	    "next_pack=?7,disk_failed=?8")                                    \
	X(Q_ADD, "INSERT INTO transfer(" TRANSFER_COLUMNS ",blocks) VALUES("  \
	    "NULL,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,"   \
	    "?18,?19,?20,?21,?22,?23,?24,?25,?26,?27,?28,?29,?30,?31,?32,"    \
	    "?33,?34,?35,?36)")                                               \
	X(Q_SAVE, "UPDATE transfer SET state=?6,held_from=?7,step=?8,"        \
	    "tries=?9,missing=?10,failed=?11,task=?12,notice=?13,"            \
	    "notice_busy=?14,reason=?15,withdraw=?16,body_index=?17,"         \
	    "stored_bytes=?24,state_ms=?27,erase_ms=?29,detail=?35,"          \
	    "blocks=?36 WHERE row=?1")                                        \
	X(Q_NAME, "UPDATE transfer SET id=?2,bucket=?3,slot=?4,"              \
	    "body_count=?18,file_count=?19,uid=?20,epoch=?21,seq=?22,"        \
	    "plain_bytes=?23,created_ms=?25,accepted_ms=?26,"                 \
	    "not_after_ms=?28,parcel_id=?30,number=?31,flow=?32,channel=?33," \
	    "submitter=?34 WHERE row=?1")                                     \
	X(Q_FIND, SELECT_TRANSFER "WHERE id=?1")                              \
	X(Q_LOAD, SELECT_TRANSFER "WHERE row=?1")                             \
	X(Q_NEXT_TASK, SELECT_TRANSFER "INDEXED BY t_task WHERE task=?1 AND " \
	    "task>0 AND flow>=?2 ORDER BY flow,row LIMIT 1")                   \
	X(Q_NEXT_NOTICE, SELECT_TRANSFER "INDEXED BY t_notice WHERE "         \
	    "notice!=0 AND notice_busy=0 AND flow>=?1 ORDER BY flow,row "      \
	    "LIMIT 1")                                                        \
	X(Q_SET_TASK, "UPDATE transfer SET task=?2 WHERE row=?1")             \
	X(Q_SET_NOTICE, "UPDATE transfer SET notice=?2,notice_busy=?3 "       \
	    "WHERE row=?1")                                                   \
	X(Q_FREE_TASKS, "UPDATE transfer INDEXED BY t_busy SET task=-task "   \
	    "WHERE task=?1 AND task<0")                                       \
	X(Q_FAIL_TASKS, "UPDATE transfer INDEXED BY t_busy SET task=-task,"   \
	    "tries=tries+1 WHERE task=?1 AND task<0")                         \
	X(Q_FREE_NOTICES, "UPDATE transfer INDEXED BY t_telling SET "         \
	    "notice_busy=0 WHERE notice_busy!=0")                             \
	X(Q_NEXT_HELD, SELECT_TRANSFER "INDEXED BY t_held WHERE state=17 "    \
	    "AND reason=?1 AND row>?2 ORDER BY row LIMIT 1")                  \
	X(Q_IS_BLOCKED, "SELECT 1 FROM transfer INDEXED BY t_blocks WHERE "   \
	    "blocks=1 AND channel=?1 AND (epoch,seq)<(?2,?3) AND "            \
	    "(flow=?4 OR flow='') LIMIT 1")                                   \
	X(Q_NEXT_ERASE, SELECT_TRANSFER "INDEXED BY t_erase WHERE "           \
	    "erase_ms!=0 AND erase_ms<=?1 ORDER BY erase_ms LIMIT 1")         \
	X(Q_NEXT_STATE, SELECT_TRANSFER "INDEXED BY t_state WHERE state=?1 "  \
	    "AND row>?2 ORDER BY row LIMIT 1")                                \
	X(Q_STEP_ADD, "INSERT INTO step(row,n,state,wall_ms,reason,actor) "   \
	    "VALUES(?1,?2,?3,?4,?5,?6)")                                      \
	X(Q_STEP_HAS, "SELECT 1 FROM step WHERE row=?1 AND n=?2 AND "         \
	    "state=?3")                                                       \
	X(Q_STEPS, "SELECT n,state,wall_ms,reason,actor FROM step WHERE "     \
	    "row=?1 ORDER BY n DESC LIMIT ?2")                                \
	X(Q_BODY_ADD, "INSERT OR REPLACE INTO body(row," BODY_COLUMNS ") "    \
	    "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)")                             \
	X(Q_BODY_GET, "SELECT " BODY_COLUMNS " FROM body WHERE row=?1 AND "   \
	    "idx=?2")                                                         \
	X(Q_BODIES, "SELECT " BODY_COLUMNS " FROM body WHERE row=?1 AND "     \
	    "idx>=?2 ORDER BY idx")                                           \
	X(Q_BODIES_DEL, "DELETE FROM body WHERE row=?1")                      \
	X(Q_BODY_FILE, "SELECT 1 FROM body INDEXED BY b_file WHERE id=?1 "    \
	    "AND pack=0")                                                     \
	X(Q_PARTIAL_PUT, "INSERT OR REPLACE INTO partial(row,idx,id,"         \
	    "padded_len,chunks) VALUES(?1,?2,?3,?4,?5)")                      \
	X(Q_PARTIAL_GET, "SELECT idx,id,padded_len,chunks FROM partial "      \
	    "WHERE row=?1 AND idx=?2")                                        \
	X(Q_PARTIALS, "SELECT idx,id FROM partial WHERE row=?1")              \
	X(Q_PARTIAL_DEL, "DELETE FROM partial WHERE row=?1 AND idx=?2")       \
	X(Q_PARTIALS_DEL, "DELETE FROM partial WHERE row=?1")                 \
	X(Q_PARTIAL_FILE, "SELECT 1 FROM partial WHERE id=?1")                \
	X(Q_PARCEL_ADD, "INSERT INTO parcel(" PARCEL_COLUMNS ") "             \
	    "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)")                     \
	X(Q_PARCEL_GET, "SELECT " PARCEL_COLUMNS " FROM parcel WHERE "        \
	    "channel=?1 AND epoch=?2 AND seq=?3")                             \
	X(Q_PARCEL_NEXT, "SELECT " PARCEL_COLUMNS " FROM parcel WHERE "       \
	    "channel=?1 AND epoch=?2 AND seq>=?3 ORDER BY seq LIMIT 1")       \
	X(Q_PARCEL_OPEN, "SELECT " PARCEL_COLUMNS " FROM parcel INDEXED BY "  \
	    "p_open WHERE channel=?1 AND epoch=?2 AND seq>=?3 AND "           \
	    "is_complete=0 ORDER BY seq LIMIT 1")                             \
	X(Q_PARCEL_PLACE, "UPDATE parcel SET row=?5,file_id=?7,pack=?8,"      \
	    "offset=?9,len=?10 WHERE channel=?1 AND epoch=?2 AND seq=?3")     \
	X(Q_PARCEL_DONE, "UPDATE parcel SET is_complete=1 WHERE channel=?1 "  \
	    "AND epoch=?2 AND seq=?3")                                        \
	X(Q_PARCEL_FILE, "SELECT 1 FROM parcel INDEXED BY p_file WHERE "      \
	    "file_id=?1 AND pack=0 AND len!=0")                               \
	X(Q_CHANNEL_GET, "SELECT id,epoch,sealed_seq,sent_seq,header_seq,"    \
	    "header_hash,base_seq,ack_counter,ack_ms FROM channel "           \
	    "WHERE id=?1")                                                    \
	X(Q_CHANNEL_PUT, "INSERT OR REPLACE INTO channel(id,epoch,"           \
	    "sealed_seq,sent_seq,header_seq,header_hash,base_seq,"            \
	    "ack_counter,ack_ms) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)")         \
	X(Q_PACK_PUT, "INSERT INTO pack(id,bucket,size,live,is_open) "        \
	    "VALUES(?1,?2,?3,0,?4) ON CONFLICT(id) DO UPDATE SET size=?3,"    \
	    "is_open=?4")                                                     \
	X(Q_PACK_LIVE, "UPDATE pack SET live=live+?2 WHERE id=?1")            \
	X(Q_PACK_GET, "SELECT id,bucket,size,live,is_open FROM pack WHERE "   \
	    "id=?1")                                                          \
	X(Q_PACK_DEL, "DELETE FROM pack WHERE id=?1")                         \
	X(Q_PACKS_OPEN, "SELECT id,bucket,size,live,is_open FROM pack "       \
	    "INDEXED BY k_open WHERE is_open=1 ORDER BY id LIMIT ?1")

enum catalog_query {
#define X(name, sql) name,
	CATALOG_SQL_TABLE(X)
#undef X
	Q_COUNT
};

struct catalog {
	sqlite3 *db;
	sqlite3_stmt *stmts[Q_COUNT];
	bool is_open;	/* a transaction */
	/*
	 * Nothing is looked for that surely is not there: set by whoever
	 * makes work, cleared by who looked and found none.
	 */
	bool may_task[TASK_COUNT], may_notice;
};

/* The statement, ready to bind. */
sqlite3_stmt *catalog_q(struct catalog *, enum catalog_query);

/* Step: true for a row, false at the end; fatal otherwise. */
bool catalog_row(struct catalog *, sqlite3_stmt *);

/* Run a statement that gives no rows. */
void catalog_run(struct catalog *, sqlite3_stmt *);

/* End a statement before its last row. */
void catalog_done(sqlite3_stmt *);

_Noreturn void catalog_fatal(struct catalog *, const char *what);

void catalog_bind_u64(sqlite3_stmt *, int at, uint64_t);
void catalog_bind_blob(sqlite3_stmt *, int at, const void *, size_t);
void catalog_bind_text(sqlite3_stmt *, int at, const char *);
uint64_t catalog_u64(sqlite3_stmt *, int column);
uint32_t catalog_u32(sqlite3_stmt *, int column);
void catalog_blob(sqlite3_stmt *, int column, void *out, size_t size);
void catalog_text(sqlite3_stmt *, int column, char *out, size_t size);

#endif
