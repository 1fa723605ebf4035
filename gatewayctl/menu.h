/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYCTL_MENU_H
#define GATEWAYCTL_MENU_H

#include <stdio.h>

#include "proto/ctl/answer.h"
#include "proto/ctl/request.h"

#include "gatewayctl/options.h"

/*
 * The menu: every command that exists, in the order of --help and of the
 * manual page.  What is not built is not in it.
 */
struct menu_row {
	const char *first, *second;	/* "transfers", "list"; NULL if one */
	const char *operands;		/* "FLOW FILE…"; "" none */
	int min_args, max_args;		/* operands; max -1: any number */
	uint32_t takes, needs;		/* OPT masks beyond the global ones */
	enum request_verb verb;		/* asked of desk; 0: see run */
	enum answer_exit (*run)(const struct options *,
	    const struct menu_row *);
	const char *ja, *en;
};
extern const struct menu_row menu_table[];
extern const int menu_count;

/*
 * Find the command and check operands and options.  On failure says what is
 * wrong on stderr and returns NULL.  o->args are then the operands alone.
 */
const struct menu_row *menu_find(struct options *);

/* Help: of all, or of one command or group (NULL: all). */
void menu_help(const struct options *, const char *first, FILE *);

#endif
