/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "tests/hostile/wire.h"

union wire_control {
	struct cmsghdr header; /* for its alignment */
	char bytes[CMSG_SPACE(IPC_FDS_MAX * sizeof(int))];
};

void
wire_init(struct wire *w, int fd)
{
	TAILQ_INIT(&w->queue);
	w->fd = fd;
}

void
wire_free(struct wire_note *n)
{
	int i;

	for (i = 0; i < n->fd_count; i++)
		io_drop(&n->fds[i]);
	mem_free(n);
}

void
wire_close(struct wire *w)
{
	struct wire_note *n;

	while ((n = TAILQ_FIRST(&w->queue)) != NULL) {
		TAILQ_REMOVE(&w->queue, n, next);
		wire_free(n);
	}
	io_drop(&w->fd);
}

static void
take_fds(struct msghdr *mh, struct wire_note *n)
{
	struct cmsghdr *c;
	size_t bytes;

	for (c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		bytes = c->cmsg_len - CMSG_LEN(0);
		n->fd_count = (int)(bytes / sizeof(int));
		memcpy(n->fds, CMSG_DATA(c), bytes);
	}
}

struct wire_note *
wire_take(struct wire *w, bool *is_end_out)
{
	struct wire_note *n = mem_alloc(sizeof(*n));
	union wire_control control;
	struct ipc_header header = {0};
	struct iovec iov[2] = {{&header, sizeof(header)},
	    {n->body, sizeof(n->body)}};
	struct msghdr mh = {.msg_iov = iov, .msg_iovlen = 2,
	    .msg_control = control.bytes,
	    .msg_controllen = sizeof(control.bytes)};
	ssize_t got;

	*is_end_out = false;
	do {
		got = recvmsg(w->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (got == -1 && (errno == EINTR || errno == ECONNRESET));
	if (got >= (ssize_t)sizeof(header)) {
		take_fds(&mh, n);
		n->type = header.type;
		n->id = header.id;
		n->len = (size_t)got - sizeof(header);
		return n;
	}
	if (got == 0)
		*is_end_out = true;
	else if (got != -1 || errno != EAGAIN)
		log_fatal("hostile: recvmsg: %s", strerror(errno));
	mem_free(n);
	return NULL;
}

/* Returns 0 or an errno value. */
static int
send_note(int fd, struct wire_note *n)
{
	const size_t bytes = (size_t)n->fd_count * sizeof(int);
	union wire_control control = {0};
	struct ipc_header header = {.type = n->type, .id = n->id,
	    .fd_count = (uint16_t)n->fd_count, .len = (uint32_t)n->len};
	struct iovec iov[2] = {{&header, sizeof(header)}, {n->body, n->len}};
	struct msghdr mh = {.msg_iov = iov, .msg_iovlen = 2};
	ssize_t put;

	if (n->fd_count > 0) {
		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(bytes);
		memcpy(CMSG_DATA(&control.header), n->fds, bytes);
	}
	do {
		put = sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (put == -1 && errno == EINTR);
	return put == -1 ? errno : 0;
}

void
wire_flush(struct wire *w)
{
	struct wire_note *n;
	int error;

	while (w->fd != -1 && (n = TAILQ_FIRST(&w->queue)) != NULL) {
		error = send_note(w->fd, n);
		if (error == EAGAIN || error == ENOBUFS ||
		    error == ETOOMANYREFS)
			return;
		/* A reader that is gone: its end is found by reading. */
		TAILQ_REMOVE(&w->queue, n, next);
		wire_free(n);
	}
}

void
wire_put(struct wire *w, struct wire_note *n)
{
	if (w->fd == -1) {
		wire_free(n);
		return;
	}
	TAILQ_INSERT_TAIL(&w->queue, n, next);
	wire_flush(w);
}
