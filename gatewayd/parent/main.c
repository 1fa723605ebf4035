/* SPDX-License-Identifier: ISC */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "gatewayd/parent/loader.h"
#include "gatewayd/parent/notify.h"
#include "gatewayd/parent/sandbox_parent.h"
#include "gatewayd/parent/supervise.h"

#ifndef GW_LIBEXEC
#define GW_LIBEXEC "/usr/libexec/gateway"
#endif
#ifndef GW_CONFIG
#define GW_CONFIG "/etc/gateway"
#endif

struct options {
	const char *dir, *libexec;
	unsigned uid_base;
	bool check_only;
};

static _Noreturn void
usage(int status)
{
	fprintf(status == 0 ? stdout : stderr,
	    "usage: gatewayd [--dir DIR] [--libexec DIR] [--uid-base N] "
	    "[--check]\n"
	    "  --dir DIR       folder of gateway.yaml and flows/ (%s)\n"
	    "  --libexec DIR   folder of the processes' programs (%s)\n"
	    "  --uid-base N    as root: process n runs as uid N+n, without "
	    "accounts\n"
	    "  --check         load the configuration, say what is wrong, "
	    "exit\n",
	    GW_CONFIG, GW_LIBEXEC);
	exit(status);
}

static void
parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {{"dir", 1, NULL, 'd'},
	    {"libexec", 1, NULL, 'l'}, {"uid-base", 1, NULL, 'u'},
	    {"check", 0, NULL, 'c'}, {"help", 0, NULL, 'h'},
	    {NULL, 0, NULL, 0}};
	int opt;
	char *end;

	*o = (struct options){.dir = GW_CONFIG, .libexec = GW_LIBEXEC};
	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (opt) {
		case 'd':
			o->dir = optarg;
			break;
		case 'l':
			o->libexec = optarg;
			break;
		case 'u':
			o->uid_base = (unsigned)strtoul(optarg, &end, 10);
			if (*end != '\0' || o->uid_base < 1000)
				usage(2);
			break;
		case 'c':
			o->check_only = true;
			break;
		case 'h':
			usage(0);
		default:
			usage(2);
		}
	}
	if (optind != argc)
		usage(2);
}

static void
load_or_exit(const struct options *o, const struct accounts *a, int *fd_out)
{
	const char *lang = getenv("LANG");
	struct ctl_text *text = mem_alloc(sizeof(*text));
	enum gw_err err;

	err = loader_run(o->libexec, o->dir,
	    lang != NULL && strncmp(lang, "ja", 2) != 0 ? "en" : "ja",
	    a->uid[PROC_INSPECT], a->gid[PROC_INSPECT], fd_out, text);
	fprintf(stderr, "%.*s", (int)text->len, text->text);
	if (err != GW_OK)
		log_fatal("configuration in %s is refused: %s", o->dir,
		    err_text_en(err));
	mem_free(text);
}

static void
on_stop_signal(void *arg, int signo)
{
	(void)signo;
	supervise_stop(arg);
}

static void
on_reload_signal(void *arg, int signo)
{
	(void)signo;
	supervise_reload(arg);
}

static void
run(struct supervise_config *config, int policy_fd)
{
	struct ev_loop *loop = ev_loop_new();
	struct supervise *s;
	struct ev_signal *term, *intr, *hup;

	s = supervise_new(loop, config, policy_fd);
	term = ev_signal_new(loop, SIGTERM, on_stop_signal, s);
	intr = ev_signal_new(loop, SIGINT, on_stop_signal, s);
	hup = ev_signal_new(loop, SIGHUP, on_reload_signal, s);
	ev_loop_run(loop);
	ev_signal_free(term);
	ev_signal_free(intr);
	ev_signal_free(hup);
	supervise_free(s);
	ev_loop_free(loop);
}

int
main(int argc, char **argv)
{
	struct supervise_config config = {0};
	const struct policy_table *table;
	struct options o;
	int policy_fd = -1;

	parse_options(argc, argv, &o);
	log_init("gatewayd");
	proc_close_fds(NULL, 0);
	signal(SIGPIPE, SIG_IGN);
	notify_open();
	config.dir = o.dir;
	config.libexec = o.libexec;
	accounts_find(&config.accounts, o.uid_base);
	load_or_exit(&o, &config.accounts, &policy_fd);
	if (policy_map(policy_fd, &table) != GW_OK)
		log_panic("the loader's table does not map");
	if (o.check_only)
		return 0;
	accounts_make_folders(&config.accounts, &table->zone);
	if (!config.accounts.is_service)
		log_warn("started as an ordinary user: all processes share "
			 "one uid; good for trying, not for service");
	sandbox_parent_enter(config.accounts.is_service);
	policy_unmap(table);
	run(&config, policy_fd);
	log_info("stopped");
	return 0;
}
