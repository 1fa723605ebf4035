/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"

#include "policy/digest.h"
#include "policy/load.h"
#include "policy/load_check.h"
#include "policy/load_value.h"

#define NAME_SHOWN 300 /* "flows/" and a file name */
#define SUFFIX ".yaml"

static void
report_file(struct load_run *run, enum load_message id, const char *value,
    const char *expected)
{
	load_fill_report(run, id, NULL, NULL, NULL, value, expected);
}

static bool
is_en(const struct load_run *run)
{
	return run->report.lang == POLICY_EN;
}

static void
report_unreadable(struct load_run *run, enum gw_err err)
{
	report_file(run, LOAD_UNREADABLE,
	    is_en(run) ? err_text_en(err) : err_text_ja(err),
	    is_en(run) ? "check owner and mode" :
			 "所有者と許可ビットを確かめてください");
}

/*
 * A policy that anybody may change is none, and a link could be turned to
 * another file behind a review: only plain files are read.
 */
static bool
is_entry_safe(struct load_run *run, const struct stat *st, mode_t kind)
{
	char mode[16];

	if (S_ISLNK(st->st_mode)) {
		report_file(run, LOAD_SYMLINK, NULL, NULL);
		return false;
	}
	if ((st->st_mode & S_IFMT) != kind) {
		report_file(run,
		    kind == S_IFDIR ? LOAD_NOT_DIR : LOAD_NOT_FILE, NULL,
		    NULL);
		return false;
	}
	if ((st->st_mode & S_IWOTH) != 0) {
		(void)snprintf(mode, sizeof(mode), "%04o",
		    (unsigned)(st->st_mode & 07777));
		report_file(run, LOAD_WORLD_WRITABLE, mode, NULL);
		return false;
	}
	return true;
}

/* Read one file; findings are reported, *out stays NULL after one. */
static void
read_file(struct load_run *run, int dirfd, const char *name, uint8_t **out,
    size_t *len_out)
{
	struct stat st;
	enum gw_err err;
	char limit[16];

	err = io_statat(dirfd, name, &st);
	if (err == GW_ENOENT) {
		report_file(run, LOAD_ABSENT, NULL,
		    is_en(run) ? "write it first" : "先に作ってください");
		return;
	}
	if (err == GW_OK && !is_entry_safe(run, &st, S_IFREG))
		return;
	if (err == GW_OK)
		err = io_load_file(dirfd, name, LOAD_FILE_MAX, out, len_out);
	if (err == GW_ELIMIT) {
		(void)snprintf(limit, sizeof(limit), "%d", LOAD_FILE_MAX);
		report_file(run, LOAD_TOO_LARGE, NULL, limit);
	} else if (err != GW_OK) {
		report_unreadable(run, err);
	}
}

static enum gw_err
load_gateway(struct load_run *run, const void *bytes, size_t len)
{
	struct load_tree tree;
	unsigned errors = run->report.error_count;
	enum gw_err err;

	err = load_tree_read(&tree, bytes, len, &run->report);
	if (err == GW_OK && tree.root != NULL) {
		load_fill(run, &schema_gateway, tree.root, "", run->table);
		load_gateway_check(run, tree.root);
	}
	run->is_zone_known = err == GW_OK && run->report.error_count == errors;
	load_tree_clear(&tree);
	return err;
}

static enum gw_err
load_flow(struct load_run *run, const char *id, const void *bytes, size_t len,
    struct policy_flow *flow)
{
	struct load_tree tree;
	enum gw_err err;

	err = load_tree_read(&tree, bytes, len, &run->report);
	if (err == GW_OK && tree.root != NULL) {
		load_fill(run, &schema_flow, tree.root, "", flow);
		load_flow_check(run, tree.root, id, flow);
	}
	load_tree_clear(&tree);
	return err;
}

static enum gw_err
load_gateway_file(struct load_run *run, int dirfd)
{
	static const char name[] = "gateway.yaml";
	uint8_t *bytes = NULL;
	size_t len = 0;
	enum gw_err err = GW_OK;

	load_report_file(&run->report, name);
	read_file(run, dirfd, name, &bytes, &len);
	if (bytes != NULL)
		err = load_gateway(run, bytes, len);
	mem_free(bytes);
	return err;
}

/*
 * "x.yaml" with a good id into id.  What looks like a flow but cannot be one
 * is an error, since its author believes that it counts; other files are
 * left alone, hidden ones without a word.
 */
static bool
is_flow_name(struct load_run *run, const char *name, char id[POLICY_ID_LEN])
{
	const char *dot = strrchr(name, '.');
	char stem[256];
	bool is_yaml;

	if (name[0] == '.')
		return false;
	is_yaml = dot != NULL &&
	    (strcasecmp(dot, SUFFIX) == 0 || strcasecmp(dot, ".yml") == 0);
	if (!is_yaml) {
		report_file(run, LOAD_WARN_IGNORED, NULL, "ID.yaml");
		return false;
	}
	(void)snprintf(stem, sizeof(stem), "%.*s", (int)(dot - name), name);
	if (strcmp(dot, SUFFIX) != 0 || !load_value_is_id(stem)) {
		report_file(run, LOAD_FILE_NAME, NULL,
		    is_en(run) ? "ID.yaml, ID of a-z 0-9 and -" :
				 "ID.yaml にしてください（IDは小文字の"
				 "英数字とハイフン、47字まで）");
		return false;
	}
	(void)mem_put_str(id, POLICY_ID_LEN, stem);
	return true;
}

static enum gw_err
load_flow_file(struct load_run *run, int flows_fd, const char *name)
{
	struct policy_table *t = run->table;
	char shown[NAME_SHOWN], id[POLICY_ID_LEN], limit[16];
	uint8_t *bytes = NULL;
	size_t len = 0;
	enum gw_err err = GW_OK;

	(void)snprintf(shown, sizeof(shown), "flows/%s", name);
	load_report_file(&run->report, shown);
	if (!is_flow_name(run, name, id))
		goto out;
	if (t->flow_count == POLICY_FLOWS_MAX) {
		(void)snprintf(limit, sizeof(limit), "%d", POLICY_FLOWS_MAX);
		report_file(run, LOAD_MANY_FLOWS, NULL, limit);
		goto out;
	}
	read_file(run, flows_fd, name, &bytes, &len);
	if (bytes != NULL)
		err = load_flow(run, id, bytes, len,
		    &t->flows[t->flow_count++]);
out:
	load_report_file(&run->report, ""); /* shown ends here */
	mem_free(bytes);
	return err;
}

struct names {
	char **rows;
	size_t count;
};

static int
name_order(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* Names in a folder, sorted: findings and digests do not depend on luck. */
static enum gw_err
list_names(int fd, struct names *names)
{
	struct dirent *entry;
	DIR *dir;
	int copy;

	if ((copy = fcntl(fd, F_DUPFD_CLOEXEC, 0)) == -1)
		return GW_ESYS;
	if ((dir = fdopendir(copy)) == NULL) {
		io_drop(&copy);
		return GW_ESYS;
	}
	errno = 0;
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		names->rows = mem_grow(names->rows, names->count + 1,
		    sizeof(names->rows[0]));
		names->rows[names->count++] = mem_strdup(entry->d_name);
	}
	copy = errno;
	(void)closedir(dir);
	if (copy != 0)
		return err_from_errno(copy);
	if (names->count > 0)
		qsort(names->rows, names->count, sizeof(names->rows[0]),
		    name_order);
	return GW_OK;
}

static enum gw_err
load_flow_files(struct load_run *run, int flows_fd)
{
	struct names names = {NULL, 0};
	enum gw_err err;
	size_t i;

	err = list_names(flows_fd, &names);
	for (i = 0; i < names.count; i++) {
		if (err == GW_OK)
			err = load_flow_file(run, flows_fd, names.rows[i]);
		mem_free(names.rows[i]);
	}
	mem_free(names.rows);
	return err;
}

static enum gw_err
load_flows(struct load_run *run, int dirfd)
{
	struct stat st;
	enum gw_err err;
	int fd = -1;

	load_report_file(&run->report, "flows");
	err = io_statat(dirfd, "flows", &st);
	if (err == GW_OK && !is_entry_safe(run, &st, S_IFDIR))
		return GW_OK;
	if (err == GW_OK)
		err = io_openat(dirfd, "flows", O_RDONLY | O_DIRECTORY, 0,
		    &fd);
	if (err == GW_OK)
		err = load_flow_files(run, fd);
	else if (err != GW_ENOENT)
		report_unreadable(run, err);
	io_drop(&fd);
	if (err != GW_OK && err != GW_ENOENT)
		return err;
	if (run->table->flow_count == 0 && run->report.error_count == 0) {
		load_report_file(&run->report, "flows");
		report_file(run, LOAD_WARN_NO_FLOWS, NULL, NULL);
	}
	return GW_OK;
}

static void
run_init(struct load_run *run, const struct policy_env *env)
{
	memset(run, 0, sizeof(*run));
	run->env = env;
	load_report_init(&run->report, env->lang);
}

static void
run_init_table(struct load_run *run, const struct policy_env *env)
{
	run_init(run, env);
	run->table = mem_alloc(sizeof(*run->table));
	run->table->compiled_ms = env->now_ms;
	run->gateway = run->table;
}

/* Findings to the caller; what they mean, unless something worse happened. */
static enum gw_err
run_end(struct load_run *run, enum gw_err err, struct buf *errors)
{
	load_report_print(&run->report, errors);
	if (err == GW_OK)
		err = run->report.err;
	load_report_clear(&run->report);
	return err;
}

enum gw_err
policy_load_at(int dirfd, const struct policy_env *env,
    struct policy_table *table, struct buf *errors)
{
	struct load_run run;
	enum gw_err err;

	run_init_table(&run, env);
	err = load_gateway_file(&run, dirfd);
	if (err == GW_OK)
		err = load_flows(&run, dirfd);
	if (err == GW_OK)
		err = policy_table_finish(run.table);
	err = run_end(&run, err, errors);
	if (err == GW_OK)
		*table = *run.table;
	mem_free(run.table);
	return err;
}

enum gw_err
policy_load(const char *dir, uint64_t now_ms, enum policy_lang lang,
    struct policy_table *table, struct buf *errors)
{
	struct policy_env env;
	enum gw_err err;
	int dirfd = -1;

	if ((err = policy_env_init(&env, now_ms, lang)) != GW_OK)
		return err;
	if ((err = io_open_dir(dir, &dirfd)) != GW_OK)
		goto out;
	err = policy_load_at(dirfd, &env, table, errors);
out:
	io_drop(&dirfd);
	policy_env_clear(&env);
	return err;
}

enum gw_err
policy_load_gateway_bytes(const struct policy_env *env, const void *bytes,
    size_t len, struct policy_table *table, struct buf *errors)
{
	struct load_run run;
	enum gw_err err;

	run_init_table(&run, env);
	load_report_file(&run.report, "gateway.yaml");
	err = load_gateway(&run, bytes, len);
	err = run_end(&run, err, errors);
	if (err == GW_OK)
		*table = *run.table;
	mem_free(run.table);
	return err;
}

enum gw_err
policy_load_flow_bytes(const struct policy_env *env, const char *id,
    const void *bytes, size_t len, const struct policy_table *gateway,
    struct policy_flow *flow, struct buf *errors)
{
	struct load_run run;
	struct policy_flow *made;
	char shown[POLICY_ID_LEN + 16];
	enum gw_err err;

	run_init(&run, env);
	run.gateway = gateway;
	run.is_zone_known = true;
	made = mem_alloc(sizeof(*made));
	(void)snprintf(shown, sizeof(shown), "flows/%.47s" SUFFIX, id);
	load_report_file(&run.report, shown);
	err = load_flow(&run, id, bytes, len, made);
	err = run_end(&run, err, errors);
	if (err == GW_OK)
		*flow = *made;
	mem_free(made);
	return err;
}
