/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYCTL_VERIFY_REPORT_H
#define GATEWAYCTL_VERIFY_REPORT_H

#include <stdbool.h>

#include "gatewayctl/verify/entries.h"
#include "gatewayctl/verify/findings.h"
#include "gatewayctl/verify/folder.h"

/* One log and what its entries said. */
struct subject {
	const char *path;
	struct folder folder;
	struct entries entries;
	bool is_readable;	/* could be walked to its end */
	uint64_t compared;	/* anchors compared with the other log */
};

struct report {
	bool is_ja, has_peer, wants_anchors;
	struct subject own, peer;
	struct findings findings;
};

/* To stdout; the last line is the one sentence. */
void report_text(const struct report *);
void report_json(const struct report *);

#endif
