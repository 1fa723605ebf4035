/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYCTL_ASK_H
#define GATEWAYCTL_ASK_H

#include "policy/table.h"
#include "proto/ctl/answer.h"
#include "proto/ctl/request.h"

#include "gatewayctl/options.h"

/*
 * One request to the desk of the gateway whose gateway.yaml is in
 * options->dir.  on_row is called per row (NULL: rows are ignored) and
 * borrows it.  text takes what the end said.  Never hangs: a desk that is
 * silent for two minutes counts as unreachable (follow waits for ever).
 */
typedef void ask_row_fn(void *arg, struct answer *row);
enum answer_exit ask_run(const struct options *, const struct request *,
    ask_row_fn *, void *arg, char text[ANSWER_TEXT_MAX + 1]);

/*
 * Where the gateway keeps its state: from gateway.yaml.  If that is being
 * edited and does not load, its line "state_dir:" counts alone, so that a
 * running gateway stays within reach.
 */
GW_MUST_CHECK enum gw_err ask_state_dir(const struct options *,
    char out[POLICY_PATH_LEN]);

#endif
