/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/wait.h>
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "proto/crypto/merkle.h"
#include "proto/ipc/audit.h"
#include "proto/ipc/chan.h"
#include "proto/record/tile.h"

#include "gatewayd/audit/server.h"
#include "tests/unit/audit/support.h"

static char path[64];
static int dirfd_, syncs, sync_error;
static struct ev_loop *loop;
static struct store *store;
static struct server *server;

static const struct ipc_rule replies[] = {
	{.type = AUDIT_APPEND | IPC_REPLY, .fixed = sizeof(struct audit_head)},
	{.type = AUDIT_HEAD | IPC_REPLY, .fixed = sizeof(struct audit_head)},
	{.type = AUDIT_READ | IPC_REPLY, .fixed = sizeof(struct ipc_status),
	    .max_fds = 1},
	{.type = AUDIT_IDENTITY | IPC_REPLY,
	    .fixed = sizeof(struct audit_identity)},
};

static void
swallow(void *arg, const struct log_record *rec)
{
	(void)arg;
	(void)rec;
}

static int
on_io(void *arg, enum io_op op, int fd, size_t *len)
{
	(void)arg;
	(void)fd;
	(void)len;
	if (op != IO_FSYNC)
		return 0;
	syncs++;
	return sync_error;
}

static void
setup(void)
{
	log_set_sink(swallow, NULL);
	dirfd_ = folder_new(path);
	loop = ev_loop_new();
	ck_assert_int_eq(store_open(dirfd_, "lgwan", &store), GW_OK);
	server = server_new(loop, store);
	syncs = sync_error = 0;
	io_set_hook(on_io, NULL);
}

static void
teardown(void)
{
	io_set_hook(NULL, NULL);
	server_free(server);
	store_free(store);
	ev_loop_free(loop);
	folder_free(path, dirfd_);
}

static int
client(void)
{
	int sv[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    sv), 0);
	server_add_client(server, sv[0], "test");
	return sv[1];
}

static void
ask_append(int fd, uint64_t id, uint32_t count)
{
	struct audit_record *r = mem_array(count + 1, sizeof(*r));
	uint32_t i;

	for (i = 0; i < count; i++) {
		r[i].event = AUDIT_VIEW;
		r[i].seq = id * 1000 + i;
	}
	ck_assert_int_eq(ipc_send_wait(fd, AUDIT_APPEND, id, r,
	    count * sizeof(*r), NULL, 0), GW_OK);
	mem_free(r);
}

static struct ipc_msg
answer(int fd, uint64_t id, void *body, size_t len)
{
	static _Alignas(16) uint8_t buf[IPC_MSG_MAX];
	struct ipc_msg msg;

	ck_assert_int_eq(ipc_recv_wait(fd, replies, 4, buf, &msg), GW_OK);
	ck_assert_uint_eq(msg.id, id);
	ck_assert_uint_eq(msg.len, len);
	memcpy(body, msg.body, len);
	return msg;
}

/* Several clients, several requests: one group, one sync. */
START_TEST(one_sync_for_all)
{
	int a = client(), b = client(), c = client();
	struct audit_head head;
	uint8_t root[32];

	ask_append(a, 1, 3);
	ask_append(a, 2, 1);
	ask_append(b, 3, 64);
	ask_append(c, 4, 0);
	while (store_size(store) == 0)
		ev_loop_once(loop);
	ck_assert_int_eq(syncs, 1);
	ck_assert_uint_eq(store_size(store), 68);
	ck_assert_int_eq(store_root(store, root), GW_OK);
	answer(a, 1, &head, sizeof(head));
	ck_assert_int_eq(head.err, GW_OK);
	ck_assert_uint_eq(head.size, 68);
	ck_assert_uint_eq(head.checkpoint_size, 0);
	ck_assert_mem_eq(head.root, root, 32);
	answer(a, 2, &head, sizeof(head));
	answer(b, 3, &head, sizeof(head));
	ck_assert_uint_eq(head.size, 68);
	answer(c, 4, &head, sizeof(head));
	close(a);
	close(b);
	close(c);
}
END_TEST

START_TEST(no_more_than_a_group)
{
	int fds[40], i;
	struct audit_head head;

	for (i = 0; i < 40; i++) {
		fds[i] = client();
		ask_append(fds[i], (uint64_t)i, 64);
	}
	while (store_size(store) < 40 * 64)
		ev_loop_once(loop);
	for (i = 0; i < 40; i++) {
		answer(fds[i], (uint64_t)i, &head, sizeof(head));
		ck_assert_int_eq(head.err, GW_OK);
		close(fds[i]);
	}
	/* 2560 entries were enough for checkpoints. */
	ck_assert_uint_ge(store_checkpoint_size(store), 1000);
}
END_TEST

START_TEST(reads_back)
{
	int fd = client(), memfd;
	struct audit_range range = {.first = 1, .count = 5};
	struct audit_identity identity;
	struct audit_record r;
	struct ipc_status status;
	struct audit_head head;
	struct ipc_msg msg;
	const uint8_t *entry;
	uint8_t data[4096];
	uint64_t size, n;
	size_t len;
	struct rd rd;

	ask_append(fd, 7, 4);
	while (store_size(store) == 0)
		ev_loop_once(loop);
	answer(fd, 7, &head, sizeof(head));
	ck_assert_int_eq(ipc_send_wait(fd, AUDIT_READ, 8, &range,
	    sizeof(range), NULL, 0), GW_OK);
	ev_loop_once(loop);
	msg = answer(fd, 8, &status, sizeof(status));
	ck_assert_int_eq(status.err, GW_OK);
	ck_assert_int_eq(msg.fd_count, 1);
	memfd = msg.fds[0];
	ck_assert_int_eq(io_check_sealed(memfd, &size), GW_OK);
	ck_assert_uint_lt(size, sizeof(data));
	ck_assert_int_eq(io_pread_full(memfd, data, size, 0), GW_OK);
	rd_init(&rd, data, size);
	for (n = 1; n < 4; n++) {
		ck_assert_int_eq(tile_get_entry(&rd, &entry, &len), GW_OK);
		ck_assert_int_eq(audit_decode(entry, len, &r), GW_OK);
		ck_assert_uint_eq(r.seq, 7000 + n);
		ck_assert_uint_ne(r.wall_ms, 0);
	}
	ck_assert_uint_eq(rd_left(&rd), 0);
	close(memfd);

	range.first = 99;
	ck_assert_int_eq(ipc_send_wait(fd, AUDIT_READ, 9, &range,
	    sizeof(range), NULL, 0), GW_OK);
	ev_loop_once(loop);
	msg = answer(fd, 9, &status, sizeof(status));
	ck_assert_int_eq(status.err, GW_ENOENT);
	ck_assert_int_eq(msg.fd_count, 0);

	ck_assert_int_eq(ipc_send_wait(fd, AUDIT_IDENTITY, 10, NULL, 0, NULL,
	    0), GW_OK);
	ck_assert_int_eq(ipc_send_wait(fd, AUDIT_HEAD, 11, NULL, 0, NULL, 0),
	    GW_OK);
	ev_loop_once(loop);
	answer(fd, 10, &identity, sizeof(identity));
	ck_assert_str_eq(identity.origin, store_key(store)->name);
	ck_assert_mem_eq(identity.pub, store_key(store)->pub, 32);
	answer(fd, 11, &head, sizeof(head));
	ck_assert_uint_eq(head.size, 4);
	close(fd);
}
END_TEST

/* A client that is gone: its entries are kept, the others get answers. */
START_TEST(client_leaves)
{
	int a = client(), b = client();
	struct audit_head head;

	ask_append(a, 1, 2);
	ask_append(b, 2, 2);
	close(a);
	while (store_size(store) == 0)
		ev_loop_once(loop);
	answer(b, 2, &head, sizeof(head));
	ck_assert_uint_eq(head.size, 4);
	close(b);
	ev_loop_once(loop);
}
END_TEST

START_TEST(failure_is_told)
{
	int fd = client();
	struct audit_head head;

	sync_error = EIO;
	ask_append(fd, 1, 2);
	ev_loop_once(loop);
	ev_loop_once(loop);
	answer(fd, 1, &head, sizeof(head));
	ck_assert_int_eq(head.err, GW_EIO);
	sync_error = 0;
	ask_append(fd, 2, 2);
	ev_loop_once(loop);
	ev_loop_once(loop);
	answer(fd, 2, &head, sizeof(head));
	ck_assert_int_eq(head.err, GW_EIO);
	ck_assert_uint_eq(head.size, 0);
	ck_assert_int_ne(server_finish(server), GW_OK);
	close(fd);
}
END_TEST

START_TEST(own_entries_and_finish)
{
	struct audit_record r = {.event = AUDIT_STARTED};
	int fd = client();
	struct audit_head head;

	ck_assert_int_eq(server_record(server, &r), GW_OK);
	ck_assert_uint_eq(store_size(store), 1);
	ask_append(fd, 1, 2);
	ev_loop_poll(loop);
	ck_assert_int_eq(server_finish(server), GW_OK);
	answer(fd, 1, &head, sizeof(head));
	ck_assert_uint_eq(head.size, 3);
	ck_assert_uint_eq(store_checkpoint_size(store), 3);
	close(fd);
}
END_TEST

/* A sibling that sends what is no record is broken or taken over. */
START_TEST(nonsense_is_fatal)
{
	struct audit_record r = {.event = 999};
	int fd = client(), status;
	pid_t pid;

	ck_assert_int_eq(ipc_send_wait(fd, AUDIT_APPEND, 1, &r, sizeof(r),
	    NULL, 0), GW_OK);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		ev_loop_once(loop);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 1);
	close(fd);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("audit server");
	TCase *tc = tcase_create("server");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, one_sync_for_all);
	tcase_add_test(tc, no_more_than_a_group);
	tcase_add_test(tc, reads_back);
	tcase_add_test(tc, client_leaves);
	tcase_add_test(tc, failure_is_told);
	tcase_add_test(tc, own_entries_and_finish);
	tcase_add_test(tc, nonsense_is_fatal);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
