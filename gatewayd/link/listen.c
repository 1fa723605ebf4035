/* SPDX-License-Identifier: ISC */
#include <netinet/in.h>
#include <sys/socket.h>
#include <errno.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "policy/table.h"
#include "gatewayd/link/address.h"
#include "gatewayd/link/listen.h"

#define LISTEN_BACKLOG 64
#define LISTEN_TURN    16 /* connections taken before others get a turn */
#define LISTEN_WHY_LEN 64

struct listen {
	struct ev_loop *loop;
	char address[POLICY_ADDR_LEN];
	char problem[LISTEN_WHY_LEN]; /* "": none */
	int fd;
	struct ev_fd *ev;
	struct ev_timer *retry;
	listen_fn *fn;
	void *arg;
};

static void
on_accept(void *arg, int fd, int events)
{
	struct listen *l = arg;
	struct sockaddr_storage from;
	socklen_t len;
	int sock;

	(void)events;
	for (int i = 0; i < LISTEN_TURN; i++) {
		memset(&from, 0, sizeof(from));
		len = sizeof(from);
		sock = accept4(fd, (struct sockaddr *)&from, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (sock != -1) {
			l->fn(l->arg, sock, &from);
			continue;
		}
		/* limits on connections stand far below those on fds */
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		    errno == ENOBUFS)
			log_fatal(
			    "cannot accept a connection: %s", strerror(errno));
		/* the rest is the other side's: it has gone away, mostly */
		return;
	}
}

static int
try_listen(const char *address)
{
	struct sockaddr_storage sa;
	socklen_t len;
	int fd, one = 1, saved;

	if (address_parse(address, &sa, &len) != GW_OK)
		log_fatal("bad address %s", address);
	fd =
	    socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd != -1 &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	    (sa.ss_family != AF_INET6 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) ==
		    0) &&
	    bind(fd, (struct sockaddr *)&sa, len) == 0 &&
	    listen(fd, LISTEN_BACKLOG) == 0)
		return fd;
	saved = errno;
	io_drop(&fd);
	errno = saved;
	return -1;
}

static void
on_retry(void *arg)
{
	struct listen *l = arg;
	const char *why;

	l->fd = try_listen(l->address);
	if (l->fd != -1) {
		l->problem[0] = '\0';
		l->ev = ev_fd_new(l->loop, l->fd, EV_RD, on_accept, l);
		log_info("listening on %s", l->address);
		return;
	}
	why = strerror(errno);
	if (strcmp(why, l->problem) != 0)
		log_err("cannot listen on %s: %s; is another gateway running "
			"there, or the address not this machine's? (tried "
			"again every %d s)",
		    l->address, why, LISTEN_RETRY_MS / 1000);
	mem_put_str(l->problem, sizeof(l->problem), why);
	ev_timer_set(l->retry, LISTEN_RETRY_MS);
}

struct listen *
listen_new(struct ev_loop *loop, const char *address, listen_fn *fn, void *arg)
{
	struct listen *l = mem_alloc(sizeof(*l));

	l->loop = loop;
	l->fd = -1;
	l->fn = fn;
	l->arg = arg;
	mem_put_str(l->address, sizeof(l->address), address);
	l->retry = ev_timer_new(loop, on_retry, l);
	on_retry(l);
	return l;
}

void
listen_free(struct listen *l)
{
	if (l == NULL)
		return;
	ev_fd_free(l->ev);
	ev_timer_free(l->retry);
	io_drop(&l->fd);
	mem_free(l);
}

const char *
listen_address(const struct listen *l)
{
	return l->address;
}

const char *
listen_problem(const struct listen *l)
{
	return l->problem[0] != '\0' ? l->problem : NULL;
}
