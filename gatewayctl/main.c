/* SPDX-License-Identifier: ISC */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

#include "gatewayctl/menu.h"
#include "gatewayctl/options.h"

int
main(int argc, char **argv)
{
	const struct menu_row *row;
	struct options o;
	enum answer_exit code;

	setlocale(LC_CTYPE, "");
	log_init("gatewayctl");
	signal(SIGPIPE, SIG_DFL);
	if (options_parse(argc, argv, &o) != GW_OK)
		return ANSWER_USAGE;
	if ((o.has & OPT(OPT_HELP)) != 0) {
		menu_help(&o, o.arg_count > 0 ? o.args[0] : NULL, stdout);
		return ANSWER_DONE;
	}
	row = menu_find(&o);
	if (row == NULL)
		return ANSWER_USAGE;
	code = row->run(&o, row);
	if (fflush(stdout) != 0 && code == ANSWER_DONE)
		code = ANSWER_REFUSED;
	return (int)code;
}
