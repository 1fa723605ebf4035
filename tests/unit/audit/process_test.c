/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "policy/digest.h"
#include "policy/table.h"
#include "proto/ipc/audit.h"
#include "proto/ipc/control.h"
#include "proto/record/tile.h"

#include "tests/unit/audit/support.h"

/*
 * The program itself in its sandbox: a system call that its filter lacks
 * ends it, and this test.  Run with the paths of gateway-audit and
 * gateway-verify.
 */
static const char *audit_path, *verify_path;
static char path[64];
static int dirfd_;

struct run {
	pid_t pid;
	int control, peer, lines;
};

static const struct ipc_rule rules[] = {
	{.type = CTL_READY},
	{.type = CTL_PONG},
	{.type = CTL_POLICY_DONE, .fixed = sizeof(struct ipc_status)},
	{.type = AUDIT_APPEND | IPC_REPLY, .fixed = sizeof(struct audit_head)},
	{.type = AUDIT_HEAD | IPC_REPLY, .fixed = sizeof(struct audit_head)},
	{.type = AUDIT_READ | IPC_REPLY, .fixed = sizeof(struct ipc_status),
	    .max_fds = 1},
};
#define RULES ((int)(sizeof(rules) / sizeof(rules[0])))

static void
setup(void)
{
	dirfd_ = folder_new(path);
	ck_assert_int_eq(mkdirat(dirfd_, "audit", 0700), 0);
}

static void
teardown(void)
{
	folder_free(path, dirfd_);
}

static int
policy_memfd(void)
{
	struct policy_table *t = mem_alloc(sizeof(*t));
	int fd = -1;

	mem_put_str(t->zone.zone, sizeof(t->zone.zone), "lgwan");
	mem_put_str(t->zone.letter, sizeof(t->zone.letter), "L");
	mem_put_str(t->zone.state_dir, sizeof(t->zone.state_dir), path);
	t->zone.workers = 1;
	t->compiled_ms = 1;
	ck_assert_int_eq(policy_table_finish(t), GW_OK);
	ck_assert_int_eq(io_memfd("policy", &fd), GW_OK);
	ck_assert_int_eq(io_write_full(fd, t, sizeof(*t)), GW_OK);
	ck_assert_int_eq(io_seal(fd), GW_OK);
	mem_free(t);
	return fd;
}

static void
pair(int sv[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    sv), 0);
}

static struct ipc_msg
expect(int fd, uint16_t type, void *body, size_t len)
{
	static _Alignas(16) uint8_t buf[IPC_MSG_MAX];
	struct ipc_msg msg;

	ck_assert_int_eq(ipc_recv_wait(fd, rules, RULES, buf, &msg), GW_OK);
	ck_assert_uint_eq(msg.type, type);
	ck_assert_uint_eq(msg.len, len);
	if (len > 0)
		memcpy(body, msg.body, len);
	return msg;
}

static void
start(struct run *r)
{
	struct ctl_start s = {.proc = PROC_AUDIT, .uid = UINT32_MAX,
	    .gid = UINT32_MAX, .peer_count = 1, .peers = {{PROC_SPOOL, 0}}};
	int control[2], peer[2], lines[2], fds[3];

	pair(control);
	pair(peer);
	pair(lines);
	r->pid = fork();
	ck_assert_int_ge(r->pid, 0);
	if (r->pid == 0) {
		/* dup2 leaves an fd alone that is where it should be. */
		if (control[1] == IPC_CONTROL_FD)
			fcntl(control[1], F_SETFD, 0);
		else
			dup2(control[1], IPC_CONTROL_FD);
		/* A sandboxed process cannot be traced, not even for leaks. */
		setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
		execl(audit_path, "gateway-audit", (char *)NULL);
		_exit(127);
	}
	close(control[1]);
	fds[0] = lines[1];
	fds[1] = policy_memfd();
	fds[2] = peer[1];
	ck_assert_int_eq(ipc_send_wait(control[0], CTL_START, 0, &s,
	    sizeof(s), fds, 3), GW_OK);
	r->control = control[0];
	r->peer = peer[0];
	r->lines = lines[0];
}

static int
finish(struct run *r)
{
	int status;

	ck_assert_int_eq(waitpid(r->pid, &status, 0), r->pid);
	close(r->control);
	close(r->peer);
	close(r->lines);
	return status;
}

static void
append_some(struct run *r, uint32_t count, struct audit_head *head)
{
	struct audit_record *records = mem_array(count, sizeof(*records));
	uint32_t i;

	for (i = 0; i < count; i++)
		records[i].event = AUDIT_VIEW;
	ck_assert_int_eq(ipc_send_wait(r->peer, AUDIT_APPEND, 1, records,
	    count * sizeof(*records), NULL, 0), GW_OK);
	expect(r->peer, AUDIT_APPEND | IPC_REPLY, head, sizeof(*head));
	ck_assert_int_eq(head->err, GW_OK);
	mem_free(records);
}

static int
verify(void)
{
	char command[512];
	int status;

	snprintf(command, sizeof(command), "%s %s/audit >/dev/null",
	    verify_path, path);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What the log says its entries are, as event numbers. */
static void
events(struct run *r, uint16_t *out, int max, int *count_out)
{
	struct audit_range range = {.first = 0, .count = 4096};
	struct audit_record record;
	struct ipc_status status;
	struct ipc_msg msg;
	const uint8_t *entry;
	static uint8_t data[1 << 20];
	uint64_t size;
	size_t len;
	struct rd rd;

	ck_assert_int_eq(ipc_send_wait(r->peer, AUDIT_READ, 5, &range,
	    sizeof(range), NULL, 0), GW_OK);
	msg = expect(r->peer, AUDIT_READ | IPC_REPLY, &status,
	    sizeof(status));
	ck_assert_int_eq(status.err, GW_OK);
	ck_assert_int_eq(io_check_sealed(msg.fds[0], &size), GW_OK);
	ck_assert_uint_le(size, sizeof(data));
	ck_assert_int_eq(io_pread_full(msg.fds[0], data, size, 0), GW_OK);
	ipc_msg_clear(&msg);
	*count_out = 0;
	rd_init(&rd, data, size);
	while (rd_left(&rd) > 0 && *count_out < max) {
		ck_assert_int_eq(tile_get_entry(&rd, &entry, &len), GW_OK);
		ck_assert_int_eq(audit_decode(entry, len, &record), GW_OK);
		out[(*count_out)++] = record.event;
	}
}

START_TEST(runs_and_stops)
{
	static const uint16_t want[] = {AUDIT_STARTED, AUDIT_VIEW,
	    AUDIT_VIEW, AUDIT_POLICY, AUDIT_STOPPED, AUDIT_STARTED};
	uint16_t got[16];
	struct ipc_status done;
	struct audit_head head;
	struct run r;
	int fd, status, count;

	start(&r);
	expect(r.control, CTL_READY, NULL, 0);
	append_some(&r, 2, &head);
	ck_assert_uint_eq(head.size, 3);
	/* Only the parent's word counts. */
	ck_assert_int_eq(kill(r.pid, SIGTERM), 0);
	fd = policy_memfd();
	ck_assert_int_eq(ipc_send_wait(r.control, CTL_POLICY, 4, NULL, 0, &fd,
	    1), GW_OK);
	expect(r.control, CTL_POLICY_DONE, &done, sizeof(done));
	ck_assert_int_eq(done.err, GW_OK);
	ck_assert_int_eq(ipc_send_wait(r.control, CTL_PING, 5, NULL, 0, NULL,
	    0), GW_OK);
	expect(r.control, CTL_PONG, NULL, 0);
	ck_assert_int_eq(ipc_send_wait(r.control, CTL_STOP, 6, NULL, 0, NULL,
	    0), GW_OK);
	status = finish(&r);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	ck_assert_int_eq(verify(), 0);

	start(&r);
	expect(r.control, CTL_READY, NULL, 0);
	events(&r, got, 16, &count);
	ck_assert_int_eq(count, 6);
	ck_assert_mem_eq(got, want, sizeof(want));
	/* A parent that is gone counts as stop. */
	close(r.control);
	r.control = open("/dev/null", O_RDONLY | O_CLOEXEC);
	status = finish(&r);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	ck_assert_int_eq(verify(), 0);
}
END_TEST

/* Enough for full bundles and a checkpoint inside the sandbox. */
START_TEST(killed_and_started_again)
{
	struct audit_head head = {0};
	struct run r;
	uint64_t size;
	int i, status;

	start(&r);
	expect(r.control, CTL_READY, NULL, 0);
	for (i = 0; i < 30; i++)
		append_some(&r, 64, &head);
	ck_assert_uint_ge(head.checkpoint_size, 1000);
	size = head.size;
	ck_assert_int_eq(kill(r.pid, SIGKILL), 0);
	status = finish(&r);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(verify(), 0);
	start(&r);
	expect(r.control, CTL_READY, NULL, 0);
	append_some(&r, 1, &head);
	ck_assert_uint_eq(head.size, size + 2);
	ck_assert_int_eq(ipc_send_wait(r.control, CTL_STOP, 6, NULL, 0, NULL,
	    0), GW_OK);
	ck_assert_int_eq(finish(&r), 0);
	ck_assert_int_eq(verify(), 0);
}
END_TEST

START_TEST(refuses_a_damaged_log)
{
	struct log_record rec = {0};
	struct run r;
	bool was_said = false;
	int fd, status;

	start(&r);
	expect(r.control, CTL_READY, NULL, 0);
	ck_assert_int_eq(ipc_send_wait(r.control, CTL_STOP, 6, NULL, 0, NULL,
	    0), GW_OK);
	ck_assert_int_eq(finish(&r), 0);
	fd = openat(dirfd_, "audit/tile/entries/000.p/2", O_WRONLY);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(pwrite(fd, "x", 1, 30), 1);
	close(fd);
	start(&r);
	while (recv(r.lines, &rec, sizeof(rec), 0) > 0) {
		if (strstr(rec.text, "does not match its last checkpoint"))
			was_said = true;
		memset(&rec, 0, sizeof(rec));
	}
	status = finish(&r);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 1);
	ck_assert(was_said);
	ck_assert_int_eq(verify(), 5);
}
END_TEST

int
main(int argc, char **argv)
{
	Suite *suite = suite_create("audit process");
	TCase *tc = tcase_create("process");
	SRunner *runner;
	int failed;

	if (argc != 3)
		return EXIT_FAILURE;
	audit_path = argv[1];
	verify_path = argv[2];
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, runs_and_stops);
	tcase_add_test(tc, killed_and_started_again);
	tcase_add_test(tc, refuses_a_damaged_log);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
