/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYCTL_COMMANDS_H
#define GATEWAYCTL_COMMANDS_H

#include "gatewayctl/menu.h"

/* Commands; each returns the exit code and has told people everything. */
typedef enum answer_exit command_fn(const struct options *,
    const struct menu_row *);

/* Ask desk and show the rows: tables, or blocks where a row is one thing. */
command_fn command_ask;
command_fn command_ask_number;	/* NUMBER as operand */
command_fn command_ask_channel;	/* CHANNEL as operand */
command_fn command_show;	/* NUMBER, one transfer with all there is */

command_fn init_run;
command_fn doctor_run;
command_fn send_run;
command_fn pair_card_run;
command_fn pair_accept_run;
command_fn policy_check_run;
command_fn policy_explain_run;
command_fn history_follow_run;
command_fn history_verify_run;
command_fn history_export_run;

/* Print what an end said: to stdout if done, else to stderr. */
enum answer_exit command_say(const struct options *, enum answer_exit,
    const char *text);

/* "gatewayctl: " and a text on stderr; returns code. */
enum answer_exit command_fail(const struct options *, enum answer_exit code,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
