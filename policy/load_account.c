/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "policy/load_account.h"
#include "policy/load_value.h"

static bool
read_uid(const char *text, size_t len, uint32_t *uid_out)
{
	char digits[16];
	uint64_t value;

	if (len >= sizeof(digits))
		return false;
	(void)snprintf(digits, sizeof(digits), "%.*s", (int)len, text);
	if (!load_value_uint(digits, &value) || value >= UINT32_MAX)
		return false;
	*uid_out = (uint32_t)value;
	return true;
}

/* Start of field n of a line (name:password:uid:...), NULL if cut short. */
static const char *
find_field(const char *line, const char *end, int n)
{
	for (; n > 0 && line != NULL; n--) {
		line = memchr(line, ':', (size_t)(end - line));
		if (line != NULL)
			line++;
	}
	return line;
}

static bool
match_line(const char *line, const char *end, const char *name,
    uint32_t *uid_out)
{
	size_t len = strlen(name);
	const char *uid, *stop;

	if ((size_t)(end - line) <= len || memcmp(line, name, len) != 0 ||
	    line[len] != ':')
		return false;
	uid = find_field(line, end, 2);
	if (uid == NULL)
		return false;
	stop = memchr(uid, ':', (size_t)(end - uid));
	return stop != NULL && read_uid(uid, (size_t)(stop - uid), uid_out);
}

bool
load_account_find(const char *passwd, size_t len, const char *name,
    uint32_t *uid_out)
{
	const char *line, *end, *last;

	if (name[0] != '\0' && strspn(name, "0123456789") == strlen(name))
		return read_uid(name, strlen(name), uid_out);
	if (passwd == NULL)
		return false;
	last = passwd + len;
	for (line = passwd; line < last; line = end + 1) {
		end = memchr(line, '\n', (size_t)(last - line));
		if (end == NULL)
			end = last;
		if (match_line(line, end, name, uid_out))
			return true;
	}
	return false;
}
