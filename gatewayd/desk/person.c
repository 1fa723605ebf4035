/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "gatewayd/desk/person.h"

#define PASSWD_MAX (4u << 20)
#define EVERY_ROLE                                                            \
	(POLICY_STAFF | POLICY_APPROVER | POLICY_OFFICER | POLICY_AUDITOR |   \
	    POLICY_ADMINISTRATOR)

uint32_t
person_roles(const struct desk *desk, uint32_t uid)
{
	uint32_t roles = policy_roles(desk->policy, uid);

	if (uid == 0)
		roles |= POLICY_ADMINISTRATOR | POLICY_OFFICER;
	if (!desk->is_service && uid == desk->own_uid)
		roles |= EVERY_ROLE;
	return roles;
}

void
person_load_accounts(struct desk *desk)
{
	uint8_t *text;
	size_t len;
	int dirfd;

	if (io_open_dir("/etc", &dirfd) != GW_OK)
		return;
	if (io_load_file(dirfd, "passwd", PASSWD_MAX, &text, &len) == GW_OK)
		desk->accounts = (char *)text;
	else
		log_warn("desk: /etc/passwd cannot be read; people are shown "
		    "by their uid");
	io_drop(&dirfd);
}

/* Line "name:x:uid:..." of uid; length of the name, 0 if there is none. */
static size_t
find_account(const char *text, uint32_t uid, const char **name_out)
{
	const char *line, *end, *a, *b;
	char *stop;

	for (line = text; *line != '\0'; line = *end == '\0' ? end : end + 1) {
		end = line + strcspn(line, "\n");
		a = memchr(line, ':', (size_t)(end - line));
		if (a == NULL)
			continue;
		b = memchr(a + 1, ':', (size_t)(end - a - 1));
		if (b == NULL || b[1] < '0' || b[1] > '9')
			continue;
		if (strtoul(b + 1, &stop, 10) != uid || *stop != ':')
			continue;
		*name_out = line;
		return (size_t)(a - line);
	}
	return 0;
}

void
person_account(const struct desk *desk, uint32_t uid,
    char out[IPC_PERSON_LEN])
{
	const char *name = NULL;
	size_t len = 0;

	memset(out, 0, IPC_PERSON_LEN);
	if (desk->accounts != NULL)
		len = find_account(desk->accounts, uid, &name);
	if (len > 0 && len < IPC_PERSON_LEN)
		memcpy(out, name, len);
	else
		snprintf(out, IPC_PERSON_LEN, "uid:%u", uid);
}

bool
person_sees_names(uint32_t roles)
{
	return (roles & (POLICY_APPROVER | POLICY_OFFICER |
	    POLICY_AUDITOR)) != 0;
}

bool
person_sees_all(uint32_t roles)
{
	return (roles & ~(uint32_t)POLICY_STAFF) != 0;
}

void
person_role_words(uint32_t roles, bool is_en, char *out, size_t size)
{
	static const struct {
		uint32_t role;
		const char *ja, *en;
	} words[] = {
		{POLICY_APPROVER, "承認者", "approver"},
		{POLICY_OFFICER, "セキュリティ責任者", "security officer"},
		{POLICY_AUDITOR, "監査人", "auditor"},
		{POLICY_ADMINISTRATOR, "管理者", "administrator"},
	};
	size_t i, used = 0;
	int n;

	out[0] = '\0';
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if ((roles & words[i].role) == 0 || used >= size)
			continue;
		n = snprintf(out + used, size - used, "%s%s",
		    used == 0 ? "" : is_en ? ", " : "・",
		    is_en ? words[i].en : words[i].ja);
		used += n > 0 ? (size_t)n : 0;
	}
}
