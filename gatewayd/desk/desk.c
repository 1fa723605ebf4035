/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "gatewayd/desk/call.h"
#include "gatewayd/desk/conn.h"
#include "gatewayd/desk/desk.h"
#include "gatewayd/desk/views.h"

void
desk_init(struct desk *desk)
{
	TAILQ_INIT(&desk->conns);
	TAILQ_INIT(&desk->calls);
	desk->listen_fd = -1;
	desk->views = views_new();
}

void
desk_clear(struct desk *desk)
{
	conn_drop_all(desk);
	call_drop_all(desk);
	views_free(desk->views);
	desk->views = NULL;
}
