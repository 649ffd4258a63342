/* file: the durable operations everything else is made of (the write protocol of the project).
 * Every step that changes what is on disk passes through fault_point() first (see fault.h), so tests can die or fail there.
 * Writes loop on short writes and EINTR. A failed fsync or close is final for that file: nothing is retried on it.
 * A function returning 0 has done what it says; durability is stated for each. Paths are plain; O_CLOEXEC and O_NOFOLLOW
 * on everything that is created. */
#ifndef STORAGE_BASE_FILE_H
#define STORAGE_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "storage/base/err.h"

/* Create path (it must not exist), write, fsync, close. Durable content; the name is durable after file_sync_folder.
 * On failure nothing is left behind. */
int file_write_new(const char *path, const void *bytes, size_t length, struct orch_err *err);
/* Replace path atomically: temporary beside it (".NAME.new"; one left by a killed process is used again), fsync, rename
 * over, fsync of the folder. Durable. ORCH_EUNSURE: replaced, but the fsync of the folder failed. */
int file_replace(const char *path, const void *bytes, size_t length, struct orch_err *err);
/* The same without any fsync: for status files that may be lost, never torn. */
int file_replace_fast(const char *path, const void *bytes, size_t length, struct orch_err *err);
/* Whole content, NUL-terminated after length; malloc'd. ORCH_EMISSING when there is no such file. max 0: no limit. */
int file_read(const char *path, size_t max, char **out, size_t *length, struct orch_err *err);
/* For content that is streamed: create (path must not exist) -> file_write_all or file_write_at -> finish. path is for the
 * faults and the messages. finish: fsync and close, fd is closed whatever the outcome. */
int file_create(const char *path, int *fd, struct orch_err *err);
int file_write_all(int fd, const void *bytes, size_t length, const char *path, struct orch_err *err);
int file_write_at(int fd, const void *bytes, size_t length, uint64_t offset, const char *path, struct orch_err *err);
int file_finish(int fd, const char *path, struct orch_err *err);
int file_open_append(const char *path, int *fd, struct orch_err *err); /* created when missing; whole lines in one write */
int file_cut(const char *path, uint64_t length, struct orch_err *err); /* shortens to length, fsync */
int file_remove(const char *path, struct orch_err *err);               /* a file or link; missing is fine */
int file_sync(const char *path, struct orch_err *err);        /* fsync of an existing file */
int file_sync_folder(const char *path, struct orch_err *err); /* fsync of a folder */
int file_sync_tree(const char *path, struct orch_err *err);   /* every file, then folders bottom-up, path itself last */
/* rename that never replaces (renameat2 RENAME_NOREPLACE; link+unlink or a checked rename where unsupported), then fsync of
 * the parent folder. ORCH_EBUSY when to exists. ORCH_EUNSURE: renamed, but the fsync failed. */
int file_publish(const char *from, const char *to, struct orch_err *err);
/* Folders are durable after file_sync_folder of what they are in. */
int file_make_folder(const char *path, struct orch_err *err);   /* one level; fine when it is there already as a folder */
int file_make_folders(const char *path, struct orch_err *err);  /* with parents */
int file_remove_tree(const char *path, struct orch_err *err);   /* never follows links; missing is fine */
int file_copy(const char *from, const char *to, struct orch_err *err); /* new file, fsync */
bool file_exists(const char *path);     /* anything of that name, links not followed */
bool file_is_folder(const char *path);  /* links not followed */
int64_t file_size(const char *path);    /* -1: none */
char *file_join(const char *folder, const char *name); /* malloc'd; an absolute name stays as it is */
char *file_absolute(const char *path);                 /* malloc'd; of a path that need not exist */
const char *file_name(const char *path);               /* what follows the last '/' */
char *file_folder(const char *path);                   /* malloc'd; "." when there is none */

/* Names in a folder, sorted by byte value, without . and .. ; free with file_list_release. */
struct file_list {
	char **names;
	size_t count;
};
int file_list_folder(const char *path, struct file_list *out, struct orch_err *err);
/* All regular files below path as relative paths, sorted by byte value. A link or device below path is ORCH_EDAMAGED. */
int file_list_tree(const char *path, struct file_list *out, struct orch_err *err);
void file_list_release(struct file_list *list);

#endif
