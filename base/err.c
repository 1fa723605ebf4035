/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stddef.h>

#include "base/err.h"

struct err_row {
	const char *name;
	enum gw_err value;
	enum gw_err_class class;
	const char *en;
	const char *ja;
};

/* Row i describes code -i: err_find indexes by the negated code. */
static const struct err_row err_rows[] = {
#define X(name, value, class, en, ja) {#name, name, GW_CLASS_##class, en, ja},
    GW_ERR_TABLE(X)
#undef X
};

#define ERR_ROWS (sizeof(err_rows) / sizeof(err_rows[0]))

static const struct err_row *
err_find(enum gw_err err)
{
	int i = -(int)err;

	if (i < 0 || (size_t)i >= ERR_ROWS || err_rows[i].value != err)
		return NULL;
	return &err_rows[i];
}

enum gw_err_class
err_class(enum gw_err err)
{
	const struct err_row *row = err_find(err);

	return row != NULL ? row->class : GW_CLASS_BUG;
}

const char *
err_name(enum gw_err err)
{
	const struct err_row *row = err_find(err);

	return row != NULL ? row->name : "GW_UNKNOWN";
}

const char *
err_text_en(enum gw_err err)
{
	const struct err_row *row = err_find(err);

	return row != NULL ? row->en : "unknown error code";
}

const char *
err_text_ja(enum gw_err err)
{
	const struct err_row *row = err_find(err);

	return row != NULL ? row->ja : "不明なエラーコードです";
}

static const struct {
	int number;
	enum gw_err err;
} err_numbers[] = {
    {0, GW_OK},
    {EAGAIN, GW_EAGAIN},
    {EINTR, GW_EAGAIN},
    {ETIMEDOUT, GW_ETIMEOUT},
    {ENOSPC, GW_ESPACE},
    {EDQUOT, GW_ESPACE},
    {EBUSY, GW_EBUSY},
    {ETXTBSY, GW_EBUSY},
    {EPIPE, GW_ECLOSED},
    {ECONNRESET, GW_ECLOSED},
    {ECONNREFUSED, GW_ECLOSED},
    {ECONNABORTED, GW_ECLOSED},
    {ENOTCONN, GW_ECLOSED},
    {ESHUTDOWN, GW_ECLOSED},
    {EINVAL, GW_EINVAL},
    {ENAMETOOLONG, GW_ELIMIT},
    {EFBIG, GW_ELIMIT},
    {EMSGSIZE, GW_ELIMIT},
    {ENOENT, GW_ENOENT},
    {ENOTDIR, GW_ENOENT},
    {EEXIST, GW_EEXIST},
    {ENOTEMPTY, GW_EEXIST},
    {EACCES, GW_EDENIED},
    {EPERM, GW_EDENIED},
    {ELOOP, GW_EDENIED},
    {EIO, GW_EIO},
    {ENOMEM, GW_ENOMEM},
};

enum gw_err
err_from_errno(int number)
{
	size_t i;

	for (i = 0; i < sizeof(err_numbers) / sizeof(err_numbers[0]); i++) {
		if (err_numbers[i].number == number)
			return err_numbers[i].err;
	}
	return GW_ESYS;
}
