/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "gatewayd/parent/accounts.h"
#include "gatewayd/parent/peers.h"

void
accounts_find(struct accounts *a, unsigned uid_base)
{
	a->is_service = geteuid() == 0;
	for (int i = 0; i < PROC_COUNT; i++) {
		a->uid[i] = (uid_t)-1;
		a->gid[i] = (gid_t)-1;
	}
	if (!a->is_service)
		return;
	for (int i = 0; i < peers_program_count; i++) {
		const struct peer_program *p = &peers_programs[i];
		const struct passwd *pw;

		if (uid_base != 0) {
			a->uid[p->id] = uid_base + p->id;
			a->gid[p->id] = uid_base + p->id;
			continue;
		}
		pw = getpwnam(p->account);
		if (pw == NULL)
			log_fatal("account %s does not exist: install the "
				  "package's sysusers file (systemd-sysusers), "
				  "or start with --uid-base N to use spare "
				  "numeric ids",
			    p->account);
		a->uid[p->id] = pw->pw_uid;
		a->gid[p->id] = pw->pw_gid;
	}
}

static void
make_folder(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	int fd;

	if (mkdir(path, mode) == -1 && errno != EEXIST)
		log_fatal("cannot make folder %s: %s; make it by hand or "
			  "correct state_dir and folders in gateway.yaml",
		    path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		log_fatal("cannot open folder %s: %s; it must be a real "
			  "folder, not a link",
		    path, strerror(errno));
	if (uid != (uid_t)-1 && fchown(fd, uid, gid) == -1)
		log_fatal("cannot give folder %s to uid %u: %s", path,
		    (unsigned)uid, strerror(errno));
	if (uid != (uid_t)-1 && fchmod(fd, mode) == -1)
		log_fatal("cannot set the mode of folder %s: %s", path,
		    strerror(errno));
	close(fd);
}

void
accounts_make_folders(const struct accounts *a, const struct policy_zone *zone)
{
	char path[POLICY_PATH_LEN + 64];

	make_folder(zone->state_dir, 0711, (uid_t)-1, (gid_t)-1);
	make_folder(
	    zone->folders, 0755, a->uid[PROC_COURIER], a->gid[PROC_COURIER]);
	for (int i = 0; i < peers_program_count; i++) {
		const struct peer_program *p = &peers_programs[i];

		if (p->state == NULL)
			continue;
		snprintf(
		    path, sizeof(path), "%s/%s", zone->state_dir, p->state);
		make_folder(
		    path, (mode_t)p->state_mode, a->uid[p->id], a->gid[p->id]);
	}
}
