/* file_system: what a folder lies on, as far as durability, locking and room depend on it. Read only; never fails: what
 * cannot be told is taken as an ordinary local disk. */
#ifndef STORAGE_FILE_SYSTEM_H
#define STORAGE_FILE_SYSTEM_H

#include <stdbool.h>

struct file_system {
	const char *name; /* "ext4", "NFS", ... ; "" when unknown */
	bool network;     /* several hosts may have it: SQLite's WAL must not be used there (it shares memory) */
	char *warning;    /* malloc'd, for people; NULL when there is nothing to say */
};
void file_system_look(const char *path, struct file_system *out);
/* Can something be written there: not read-only, free bytes (16 MiB, or 2 % of a small one) and free inodes. True when it cannot be told. */
bool file_system_has_room(const char *path);
bool file_system_is_read_only(const char *path);
void file_system_release(struct file_system *fs);
/* The part that reads text: the options of the mount that holds path, from the text of /proc/self/mountinfo (proc(5));
 * type and super-block options joined by a comma. malloc'd; NULL: not found. */
char *file_system_mount_options(const char *mountinfo, const char *path);

#endif
