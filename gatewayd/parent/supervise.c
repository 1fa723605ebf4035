/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "policy/table.h"
#include "gatewayd/parent/child.h"
#include "gatewayd/parent/loader.h"
#include "gatewayd/parent/notify.h"
#include "gatewayd/parent/peers.h"
#include "gatewayd/parent/supervise.h"

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 30000
#define STABLE_MS      60000 /* alive so long: back-off starts anew */
#define PING_MS        10000
#define PONG_LIMIT_MS  120000 /* a child may be long in one fsync */
#define STOP_LIMIT_MS  15000  /* per step of an orderly stop */

/* A place for a process: who is there now, and how it has been doing. */
struct slot {
	struct child *child; /* NULL: not running */
	struct child *spare; /* a zygote on its way in or out */
	int spare_fd; /* inspect's end of a spare that is loading */
	enum ctl_child_state state;
	uint32_t restarts;
	uint64_t since_ms;
	uint64_t started_ms; /* monotonic */
	uint64_t pong_ms;    /* monotonic */
	uint64_t backoff_ms;
	bool is_wanted; /* the policy needs this process */
	bool must_start;
};

struct supervise {
	struct ev_loop *loop;
	struct supervise_config config;
	int policy_fd;
	const struct policy_table *policy;
	struct slot slots[PROC_COUNT];
	struct ev_signal *chld;
	struct ev_timer *respawn, *ping, *stop_limit;
	bool is_stopping, was_ready, is_backing_off;
	uint64_t watchdog_ms; /* monotonic, last told */
};

static void start_wanted(struct supervise *);

/* Stop order: clients before servers; one group is awaited, then the next. */
static const uint32_t stop_groups[] = {
    1u << PROC_LINK | 1u << PROC_COURIER | 1u << PROC_DESK | 1u << PROC_INSPECT,
    ((1u << STAGE_COUNT) - 1) << PROC_ZYGOTE,
    1u << PROC_SPOOL,
    1u << PROC_KEYS,
    1u << PROC_AUDIT,
};
#define STOP_GROUPS (int)(sizeof(stop_groups) / sizeof(*stop_groups))

/* --- what the policy needs ------------------------------------------------ */

static bool
stage_is_wanted(const struct policy_table *p, enum policy_stage stage)
{
	if (stage == STAGE_MANIFEST)
		return true;
	for (uint32_t i = 0; i < p->flow_count; i++)
		if ((p->flows[i].stages & STAGE_BIT(stage)) != 0)
			return true;
	return false;
}

static void
find_wanted(struct supervise *s)
{
	for (int i = 0; i < peers_program_count; i++) {
		enum proc_id id = peers_programs[i].id;

		s->slots[id].is_wanted =
		    id < PROC_ZYGOTE ||
		    stage_is_wanted(
			s->policy, (enum policy_stage)(id - PROC_ZYGOTE));
	}
}

/* --- starting ----------------------------------------------------------------
 */

static void
make_pair(int sv[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) == -1)
		log_fatal("cannot make a socket pair: %s", strerror(errno));
}

static void
send_peer(struct child *to, enum proc_id peer, bool is_server, int fd)
{
	struct ctl_peer msg = {.proc = peer, .is_server = is_server};

	ipc_send(child_control(to), CTL_PEER, 0, &msg, sizeof(msg), NULL, 0, 0,
	    &fd, 1);
}

/* Fds waiting for the CTL_START of each process that is about to start. */
struct pending {
	struct ctl_start start;
	int fds[CTL_PEERS_MAX];
};

static void
pending_add(struct pending *p, enum proc_id peer, bool is_server, int fd)
{
	uint32_t n = p->start.peer_count;

	if (n == CTL_PEERS_MAX)
		log_panic("too many peers for one process");
	p->start.peers[n] =
	    (struct ctl_peer){.proc = peer, .is_server = is_server};
	p->fds[n] = fd;
	p->start.peer_count = n + 1;
}

/* One pair per edge that has an end in the set; running ends get theirs. */
static void
connect_edges(struct supervise *s, uint32_t set, struct pending *pending)
{
	for (int i = 0; i < peers_program_count; i++) {
		for (int j = 0; j < peers_program_count; j++) {
			enum proc_id c = peers_programs[i].id;
			enum proc_id v = peers_programs[j].id;
			bool c_new = (set & (1u << c)) != 0;
			bool v_new = (set & (1u << v)) != 0;
			int sv[2];

			if (peers_find(c, v) == NULL || (!c_new && !v_new) ||
			    (!c_new && s->slots[c].child == NULL) ||
			    (!v_new && s->slots[v].child == NULL))
				continue;
			make_pair(sv);
			if (c_new)
				pending_add(&pending[c], v, true, sv[0]);
			else
				send_peer(s->slots[c].child, v, true, sv[0]);
			if (v_new)
				pending_add(&pending[v], c, false, sv[1]);
			else
				send_peer(s->slots[v].child, c, false, sv[1]);
		}
	}
}

static void on_message(void *, struct child *, struct ipc_msg *);

static void
spawn_one(
    struct supervise *s, const struct peer_program *prog, struct pending *p)
{
	const struct child_ops ops = {.on_message = on_message, .arg = s};
	struct slot *slot = &s->slots[prog->id];
	const struct accounts *a = &s->config.accounts;

	p->start.proc = prog->id;
	p->start.flags = a->is_service ? CTL_FLAG_SERVICE : 0;
	p->start.uid = a->uid[prog->id];
	p->start.gid = a->gid[prog->id];
	slot->child = child_spawn(s->loop, s->config.libexec, prog->program,
	    &p->start, s->policy_fd, p->fds, &ops);
	slot->state = CHILD_STARTING;
	slot->since_ms = clock_wall_ms();
	slot->started_ms = slot->pong_ms = clock_mono_ms();
	slot->must_start = false;
}

static void
start_set(struct supervise *s, uint32_t set)
{
	struct pending *pending = mem_array(PROC_COUNT, sizeof(*pending));

	connect_edges(s, set, pending);
	for (int i = 0; i < peers_program_count; i++)
		if ((set & (1u << peers_programs[i].id)) != 0)
			spawn_one(s, &peers_programs[i],
			    &pending[peers_programs[i].id]);
	mem_free(pending);
}

/* Start all that must start, once every one of them is really gone. */
static void
start_wanted(struct supervise *s)
{
	uint32_t set = 0;

	if (s->is_backing_off)
		return;
	for (int i = 0; i < PROC_COUNT; i++) {
		if (!s->slots[i].must_start || !s->slots[i].is_wanted)
			continue;
		if (s->slots[i].child != NULL)
			return; /* still dying; its SIGCHLD calls again */
		set |= 1u << i;
	}
	if (set != 0)
		start_set(s, set);
}

static void
on_respawn(void *arg)
{
	struct supervise *s = arg;

	s->is_backing_off = false;
	if (!s->is_stopping)
		start_wanted(s);
}

/* --- deaths
 * -------------------------------------------------------------------- */

static void
log_death(enum proc_id id, int status)
{
	const char *name = ipc_proc_name(id);

	if (WIFSIGNALED(status))
		log_err("%s was killed by signal %d%s", name, WTERMSIG(status),
		    WTERMSIG(status) == SIGSYS ? " (system call outside its "
						 "sandbox)"
					       : "");
	else if (WEXITSTATUS(status) == 127)
		log_err("%s could not be started: is libexec complete?", name);
	else
		log_err("%s exited with status %d", name, WEXITSTATUS(status));
}

/* Restart the dead one and all that cannot go on without it, with back-off. */
static void
restart_closure(struct supervise *s, enum proc_id dead)
{
	struct slot *slot = &s->slots[dead];
	uint32_t set = peers_closure(dead);
	uint64_t delay;

	if (clock_mono_ms() - slot->started_ms > STABLE_MS)
		slot->backoff_ms = 0;
	delay = slot->backoff_ms == 0 ? BACKOFF_MIN_MS : slot->backoff_ms;
	slot->backoff_ms =
	    delay * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : delay * 2;
	for (int i = 0; i < PROC_COUNT; i++) {
		struct slot *t = &s->slots[i];

		if ((set & (1u << i)) == 0 || !t->is_wanted)
			continue;
		if (!t->must_start)
			t->restarts++;
		t->must_start = true;
		t->state = CHILD_BACKOFF;
		if (t->child != NULL)
			child_kill(t->child);
		if (t->spare != NULL)
			child_kill(t->spare);
	}
	s->is_backing_off = true;
	ev_timer_set(s->respawn, delay);
}

static void stop_step(struct supervise *);

static void
on_death(struct supervise *s, pid_t pid, int status)
{
	for (int i = 0; i < PROC_COUNT; i++) {
		struct slot *slot = &s->slots[i];

		if (slot->spare != NULL && child_pid(slot->spare) == pid) {
			child_free(slot->spare);
			slot->spare = NULL;
			if (slot->spare_fd != -1)
				log_err("%s could not be replaced: the old one "
					"goes on",
				    ipc_proc_name((enum proc_id)i));
			io_drop(&slot->spare_fd);
			return;
		}
		if (slot->child == NULL || child_pid(slot->child) != pid)
			continue;
		child_free(slot->child);
		slot->child = NULL;
		if (s->is_stopping) {
			stop_step(s);
		} else if (slot->must_start) {
			/* killed by us as part of a closure */
			start_wanted(s);
		} else if (slot->is_wanted) {
			log_death((enum proc_id)i, status);
			restart_closure(s, (enum proc_id)i);
		}
		return;
	}
}

static void
on_sigchld(void *arg, int signo)
{
	struct supervise *s = arg;
	int status;
	pid_t pid;

	(void)signo;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		on_death(s, pid, status);
}

/* --- zygotes replaced without a gap
 * ------------------------------------------- */

/* Start a second zygote beside the first; swapped when it is ready. */
static void
start_spare(struct supervise *s, const struct peer_program *prog)
{
	struct slot *slot = &s->slots[prog->id];
	const struct child_ops ops = {.on_message = on_message, .arg = s};
	struct pending p = {0};
	int sv[2];

	if (slot->spare != NULL) {
		log_warn("%s is already being replaced", prog->program);
		return;
	}
	make_pair(sv);
	pending_add(&p, PROC_KEYS, true, sv[0]);
	send_peer(s->slots[PROC_KEYS].child, prog->id, false, sv[1]);
	make_pair(sv);
	pending_add(&p, PROC_INSPECT, false, sv[1]);
	p.start.proc = prog->id;
	p.start.flags = s->config.accounts.is_service ? CTL_FLAG_SERVICE : 0;
	p.start.uid = s->config.accounts.uid[prog->id];
	p.start.gid = s->config.accounts.gid[prog->id];
	slot->spare = child_spawn(s->loop, s->config.libexec, prog->program,
	    &p.start, s->policy_fd, p.fds, &ops);
	slot->spare_fd = sv[0];
}

/*
 * The new one is ready: inspect sends it all further jobs, closes the old
 * one when its last job is done, and the old one then ends by itself.
 */
static void
swap_spare(struct supervise *s, enum proc_id id)
{
	struct slot *slot = &s->slots[id];
	struct child *old = slot->child;

	send_peer(s->slots[PROC_INSPECT].child, id, true, slot->spare_fd);
	slot->spare_fd = -1;

	slot->child = slot->spare;
	slot->spare = old;
	slot->started_ms = slot->pong_ms = clock_mono_ms();
	slot->since_ms = clock_wall_ms();
}

/* --- messages of children
 * --------------------------------------------------------- */

static void
note_ready(struct supervise *s, struct child *c)
{
	struct slot *slot = &s->slots[child_id(c)];
	char text[128];

	if (c == slot->spare) {
		swap_spare(s, child_id(c));
		log_info("%s was replaced", ipc_proc_name(child_id(c)));
		return;
	}
	slot->state = CHILD_READY;
	for (int i = 0; i < PROC_COUNT; i++)
		if (s->slots[i].is_wanted && s->slots[i].state != CHILD_READY)
			return;
	snprintf(text, sizeof(text), "gateway of zone %s serves %u flows",
	    s->policy->zone.zone, (unsigned)s->policy->flow_count);
	if (!s->was_ready)
		log_info("%s", text);
	s->was_ready = true;
	notify_ready(text);
}

static void
send_child_states(struct supervise *s, struct child *c, uint64_t id)
{
	struct ctl_child out[PROC_COUNT];
	uint32_t n = 0;

	for (int i = 0; i < PROC_COUNT; i++) {
		const struct slot *slot = &s->slots[i];

		if (!slot->is_wanted)
			continue;
		out[n++] = (struct ctl_child){.proc = (uint32_t)i,
		    .pid = slot->child == NULL
			       ? 0
			       : (uint32_t)child_pid(slot->child),
		    .state = slot->state,
		    .restarts = slot->restarts,
		    .since_ms = slot->since_ms};
	}
	ipc_send(child_control(c), CTL_STATUS_REPLY, id, NULL, 0, out,
	    sizeof(out[0]), n, NULL, 0);
}

static enum gw_err reload(struct supervise *, struct ctl_text *);

static void
answer_reload(struct supervise *s, struct child *c, uint64_t id)
{
	struct ctl_text *text = mem_alloc(sizeof(*text));

	text->err = reload(s, text);
	ipc_send(child_control(c), CTL_RELOADED, id, text, sizeof(*text), NULL,
	    0, 0, NULL, 0);
	mem_free(text);
}

static void
restart_on_request(struct supervise *s, uint32_t proc)
{
	if (proc >= PROC_COUNT || s->slots[proc].child == NULL)
		return;
	log_info("restarting %s on request", ipc_proc_name(proc));
	for (int i = 0; i < peers_program_count; i++)
		if (peers_programs[i].id == proc && proc >= PROC_ZYGOTE) {
			start_spare(s, &peers_programs[i]);
			return;
		}
	s->slots[proc].backoff_ms = 0;
	restart_closure(s, (enum proc_id)proc);
}

static void
on_message(void *arg, struct child *c, struct ipc_msg *msg)
{
	struct supervise *s = arg;

	switch (msg->type) {
	case CTL_READY:
		note_ready(s, c);
		break;
	case CTL_PONG:
		s->slots[child_id(c)].pong_ms = clock_mono_ms();
		break;
	case CTL_POLICY_DONE: {
		struct ipc_status st;

		memcpy(&st, msg->body, sizeof(st));
		if (st.err != GW_OK)
			log_err("%s refused the new policy: %s",
			    ipc_proc_name(child_id(c)),
			    err_text_en((enum gw_err)st.err));
		break;
	}
	case CTL_RELOAD:
	case CTL_STATUS:
	case CTL_RESTART:
		if (child_id(c) != PROC_DESK)
			log_fatal("%s sent a message of desk",
			    ipc_proc_name(child_id(c)));
		if (msg->type == CTL_RELOAD)
			answer_reload(s, c, msg->id);
		else if (msg->type == CTL_STATUS)
			send_child_states(s, c, msg->id);
		else
			restart_on_request(
			    s, ((const struct ctl_peer *)msg->body)->proc);
		break;
	}
}

/* --- reload
 * -------------------------------------------------------------------------- */

static void
give_policy(struct supervise *s)
{
	for (int i = 0; i < PROC_COUNT; i++) {
		struct child *c = s->slots[i].child;
		int fd;

		if (c == NULL)
			continue;
		fd = fcntl(s->policy_fd, F_DUPFD_CLOEXEC, 0);
		if (fd == -1)
			log_fatal("cannot duplicate the policy table: %s",
			    strerror(errno));
		ipc_send(child_control(c), CTL_POLICY, 0, NULL, 0, NULL, 0, 0,
		    &fd, 1);
	}
}

/*
 * What a running gateway cannot change: where its state and folders are,
 * and which zone it is.
 */
static bool
is_same_place(const struct policy_zone *a, const struct policy_zone *b)
{
	return strcmp(a->zone, b->zone) == 0 &&
	       strcmp(a->state_dir, b->state_dir) == 0 &&
	       strcmp(a->folders, b->folders) == 0 &&
	       strcmp(a->signature_dir, b->signature_dir) == 0;
}

static enum gw_err
reload(struct supervise *s, struct ctl_text *text)
{
	const struct accounts *a = &s->config.accounts;
	const struct policy_table *table;
	enum gw_err err;
	int fd = -1;

	err = loader_run(s->config.libexec, s->config.dir,
	    s->policy->zone.lang == POLICY_EN ? "en" : "ja",
	    a->uid[PROC_INSPECT], a->gid[PROC_INSPECT], &fd, text);
	if (err == GW_OK)
		err = policy_map(fd, &table);
	if (err != GW_OK) {
		log_err("configuration refused, the old one stays: %.*s",
		    (int)text->len, text->text);
		io_drop(&fd);
		return err;
	}
	if (!is_same_place(&table->zone, &s->policy->zone)) {
		text->len = (uint32_t)snprintf(text->text, sizeof(text->text),
		    "zone, state_dir, folders and signatures.dir change only "
		    "with a restart of gatewayd\n");
		policy_unmap(table);
		io_drop(&fd);
		return GW_EDENIED;
	}
	policy_unmap(s->policy);
	io_drop(&s->policy_fd);
	s->policy = table;
	s->policy_fd = fd;
	give_policy(s);
	find_wanted(s);
	for (int i = 0; i < PROC_COUNT; i++)
		if (s->slots[i].is_wanted && s->slots[i].child == NULL)
			s->slots[i].must_start = true;
	start_wanted(s);
	log_info("policy loaded: %u flows", (unsigned)table->flow_count);
	return GW_OK;
}

void
supervise_reload(struct supervise *s)
{
	struct ctl_text *text = mem_alloc(sizeof(*text));

	notify_reloading();
	if (reload(s, text) == GW_OK)
		notify_ready("policy reloaded");
	else
		notify_ready("policy refused, the old one stays");
	mem_free(text);
}

/* --- liveness
 * ------------------------------------------------------------------------- */

static void
on_ping(void *arg)
{
	struct supervise *s = arg;
	uint64_t now = clock_mono_ms();

	for (int i = 0; i < PROC_COUNT; i++) {
		struct slot *slot = &s->slots[i];

		if (slot->child == NULL || slot->state != CHILD_READY)
			continue;
		if (now - slot->pong_ms > PONG_LIMIT_MS) {
			log_err("%s does not answer: killed",
			    ipc_proc_name((enum proc_id)i));
			child_kill(slot->child);
			continue;
		}
		ipc_send(child_control(slot->child), CTL_PING, 0, NULL, 0, NULL,
		    0, 0, NULL, 0);
	}
	if (s->was_ready)
		notify_watchdog();
	ev_timer_set(
	    s->ping, notify_watchdog_ms() != 0 && notify_watchdog_ms() < PING_MS
			 ? notify_watchdog_ms()
			 : PING_MS);
}

/* --- stop
 * ------------------------------------------------------------------------------
 */

/* Tell the first group that still lives to stop; none left: leave. */
static void
stop_step(struct supervise *s)
{
	for (int g = 0; g < STOP_GROUPS; g++) {
		bool lives = false;

		for (int i = 0; i < PROC_COUNT; i++) {
			struct slot *slot = &s->slots[i];

			if ((stop_groups[g] & (1u << i)) == 0)
				continue;
			if (slot->spare != NULL)
				child_kill(slot->spare);
			if (slot->child == NULL)
				continue;
			lives = true;
			if (slot->state != CHILD_BACKOFF)
				ipc_send(child_control(slot->child), CTL_STOP,
				    0, NULL, 0, NULL, 0, 0, NULL, 0);
			slot->state = CHILD_BACKOFF; /* told once */
		}
		if (lives) {
			ev_timer_set(s->stop_limit, STOP_LIMIT_MS);
			return;
		}
	}
	ev_loop_stop(s->loop);
}

static void
on_stop_limit(void *arg)
{
	struct supervise *s = arg;

	for (int g = 0; g < STOP_GROUPS; g++) {
		bool killed = false;

		for (int i = 0; i < PROC_COUNT; i++)
			if ((stop_groups[g] & (1u << i)) != 0 &&
			    s->slots[i].child != NULL) {
				log_warn("%s did not stop in time: killed",
				    ipc_proc_name((enum proc_id)i));
				child_kill(s->slots[i].child);
				killed = true;
			}
		if (killed)
			return;
	}
}

void
supervise_stop(struct supervise *s)
{
	if (s->is_stopping)
		return;
	s->is_stopping = true;
	notify_stopping();
	log_info("stopping");
	stop_step(s);
}

struct supervise *
supervise_new(
    struct ev_loop *loop, const struct supervise_config *config, int policy_fd)
{
	struct supervise *s = mem_alloc(sizeof(*s));

	s->loop = loop;
	s->config = *config;
	s->policy_fd = policy_fd;
	if (policy_map(policy_fd, &s->policy) != GW_OK)
		log_panic("the loader's table does not map");
	s->chld = ev_signal_new(loop, SIGCHLD, on_sigchld, s);
	s->respawn = ev_timer_new(loop, on_respawn, s);
	s->ping = ev_timer_new(loop, on_ping, s);
	s->stop_limit = ev_timer_new(loop, on_stop_limit, s);
	find_wanted(s);
	for (int i = 0; i < PROC_COUNT; i++) {
		s->slots[i].spare_fd = -1;
		s->slots[i].must_start = s->slots[i].is_wanted;
	}
	start_wanted(s);
	ev_timer_set(s->ping, PING_MS);
	return s;
}

void
supervise_free(struct supervise *s)
{
	if (s == NULL)
		return;
	ev_signal_free(s->chld);
	ev_timer_free(s->respawn);
	ev_timer_free(s->ping);
	ev_timer_free(s->stop_limit);
	policy_unmap(s->policy);
	io_drop(&s->policy_fd);
	mem_free(s);
}
