/* One file at a time; folders and trees are in file_tree.c.
 * Invariant: no system call here changes the disk before step() has let it pass. */
#include "storage/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "storage/base/fault.h"
#include "storage/base/mem.h"
#include "storage/base/process.h"
#include "storage/base/text.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif

/* 0, or -1 with errno set: the call that follows must then not be made. */
static int step(const char *name, const char *path)
{
	int error = fault_point(name, path);
	if (error)
		errno = error;
	return error ? -1 : 0;
}

/* --- one descriptor --- */

static int create(const char *path, int flags)
{
	if (step("create", path) != 0)
		return -1;
	return open(path, flags | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
}

int file_create(const char *path, int *fd, struct orch_err *err)
{
	int created = create(path, O_RDWR | O_EXCL);
	if (created < 0)
		return orch_fail_sys(err, errno == EEXIST ? ORCH_EBUSY : ORCH_EIO, errno, "cannot create %s", path);
	*fd = created;
	return 0;
}

int file_open_append(const char *path, int *fd, struct orch_err *err)
{
	int opened = create(path, O_WRONLY | O_APPEND);
	if (opened < 0)
		return orch_fail_sys(err, ORCH_EIO, errno, "cannot open %s for appending", path);
	*fd = opened;
	return 0;
}

int file_write_all(int fd, const void *bytes, size_t length, const char *path, struct orch_err *err)
{
	for (const char *at = bytes; length;) {
		ssize_t done = step("write", path) == 0 ? write(fd, at, length) : -1;
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return orch_fail_sys(err, ORCH_EIO, done < 0 ? errno : ENOSPC, "cannot write %s", path);
		at += done;
		length -= (size_t)done;
	}
	return 0;
}

int file_write_at(int fd, const void *bytes, size_t length, uint64_t offset, const char *path, struct orch_err *err)
{
	for (const char *at = bytes; length;) {
		ssize_t done = step("write", path) == 0 ? pwrite(fd, at, length, (off_t)offset) : -1;
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return orch_fail_sys(err, ORCH_EIO, done < 0 ? errno : ENOSPC, "cannot write %s", path);
		at += done;
		offset += (uint64_t)done;
		length -= (size_t)done;
	}
	return 0;
}

/* After a failed fsync the kernel may call the pages clean, so it is never tried again (Rebello et al., ATC'20). */
static int sync_fd(int fd, const char *path, struct orch_err *err)
{
	if (step("fsync", path) != 0 || fsync(fd) != 0)
		return orch_fail_sys(err, ORCH_EIO, errno, "cannot sync %s to disk", path);
	return 0;
}

/* The descriptor is gone even when close fails (close(2), Linux). */
static int close_fd(int fd, const char *path, struct orch_err *err)
{
	int denied = step("close", path), sys = errno;
	int failed = close(fd);
	if (denied || failed)
		return orch_fail_sys(err, ORCH_EIO, denied ? sys : errno, "cannot close %s", path);
	return 0;
}

int file_finish(int fd, const char *path, struct orch_err *err)
{
	int code = sync_fd(fd, path, err);
	int closed = close_fd(fd, path, err);
	return code ? code : closed;
}

static int open_and_sync(const char *path, int flags, struct orch_err *err)
{
	int fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return orch_fail_sys(err, errno == ENOENT ? ORCH_EMISSING : ORCH_EIO, errno, "cannot open %s", path);
	int code = sync_fd(fd, path, err);
	close(fd); /* opened for reading: nothing can be lost here */
	return code;
}

int file_sync(const char *path, struct orch_err *err)
{
	return open_and_sync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, err);
}

int file_sync_folder(const char *path, struct orch_err *err)
{
	return open_and_sync(path, O_RDONLY | O_DIRECTORY, err);
}

/* --- whole files --- */

/* The end of a new file that was written with the outcome code. A failed one goes, so that its name is free for another try. */
static int finish_or_remove(int fd, int code, const char *path, struct orch_err *err)
{
	if (code)
		close(fd);
	else
		code = file_finish(fd, path, err);
	if (code)
		file_remove(path, NULL);
	return code;
}

int file_write_new(const char *path, const void *bytes, size_t length, struct orch_err *err)
{
	int fd;
	int code = file_create(path, &fd, err);
	if (code)
		return code;
	code = file_write_all(fd, bytes, length, path, err);
	return finish_or_remove(fd, code, path, err);
}

static bool same_file(int fd, const char *path)
{
	struct stat open_one, named_one;
	return fstat(fd, &open_one) == 0 && lstat(path, &named_one) == 0 && open_one.st_ino == named_one.st_ino &&
	       open_one.st_dev == named_one.st_dev;
}

static int empty(int fd, const char *path)
{
	struct stat info;
	if (fstat(fd, &info) != 0)
		return -1;
	if (info.st_size == 0)
		return 0;
	return step("truncate", path) == 0 ? ftruncate(fd, 0) : -1;
}

/* An empty file beside path that nobody else writes: ".NAME.new", under flock. A leftover of a killed process is taken over,
 * so that they do not pile up; while a living one holds it, a random name serves. */
static int temporary_open(const char *path, char **name, int *out)
{
	char *folder = file_folder(path);
	*name = NULL;
	for (int attempt = 0; attempt < 4; attempt++) {
		uint64_t random = 0;
		if (attempt)
			process_random(&random, sizeof random);
		free(*name);
		*name = attempt ? text_format("%s/.%s.%016llx.new", folder, file_name(path), (unsigned long long)random)
				: text_format("%s/.%s.new", folder, file_name(path));
		int fd = create(*name, O_WRONLY);
		if (fd < 0)
			break;
		bool taken = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
		if (!taken && same_file(fd, *name)) {
			if (empty(fd, *name) == 0) {
				*out = fd;
				free(folder);
				return 0;
			}
			int sys = errno;
			close(fd);
			errno = sys;
			break;
		}
		close(fd);
		errno = EBUSY;
	}
	free(folder);
	return -1;
}

static int sync_parent(const char *path, struct orch_err *err)
{
	char *folder = file_folder(path);
	int code = file_sync_folder(folder, err);
	free(folder);
	return code;
}

static int replace(const char *path, const void *bytes, size_t length, bool durable, struct orch_err *err)
{
	char *temporary;
	int fd = -1;
	if (temporary_open(path, &temporary, &fd) != 0) {
		int code = orch_fail_sys(err, ORCH_EIO, errno, "cannot create %s", temporary);
		free(temporary);
		return code;
	}
	int code = file_write_all(fd, bytes, length, temporary, err);
	if (!code && durable)
		code = sync_fd(fd, temporary, err);
	if (!code && (step("rename", path) != 0 || rename(temporary, path) != 0))
		code = orch_fail_sys(err, ORCH_EIO, errno, "cannot replace %s", path);
	/* Closed after the rename, because closing gives up the lock on the temporary. Its content is synced by now. */
	if (code) {
		file_remove(temporary, NULL);
		close(fd);
	} else {
		code = close_fd(fd, path, err);
	}
	free(temporary);
	if (!code && durable && sync_parent(path, err) != 0) {
		code = ORCH_EUNSURE;
		if (err)
			err->code = code;
	}
	return code;
}

int file_replace(const char *path, const void *bytes, size_t length, struct orch_err *err)
{
	return replace(path, bytes, length, true, err);
}

int file_replace_fast(const char *path, const void *bytes, size_t length, struct orch_err *err)
{
	return replace(path, bytes, length, false, err);
}

/* Reads until the end, whatever size was announced: what is in /proc says 0. */
static int read_all(int fd, size_t expected, size_t max, struct text_buf *out, const char *path, struct orch_err *err)
{
	size_t capacity = expected < 65536 ? 65536 : 1 << 20;
	char *chunk = mem_must(capacity, 1);
	int code = 0;
	for (ssize_t got = 1; got != 0 && !code;) {
		got = read(fd, chunk, capacity);
		if (got < 0 && errno != EINTR)
			code = orch_fail_sys(err, ORCH_EIO, errno, "cannot read %s", path);
		else if (got > 0)
			text_add_bytes(out, chunk, (size_t)got);
		if (!code && max && out->length > max)
			code = orch_fail(err, ORCH_EINPUT, "%s is larger than %zu bytes", path, max);
	}
	free(chunk);
	return code;
}

int file_read(const char *path, size_t max, char **out, size_t *length, struct orch_err *err)
{
	/* A named pipe in a file's place must not hang us; one that is being written (a shell's "<(...)") is read to its end. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		fcntl(fd, F_SETFL, O_RDONLY);
	if (fd < 0)
		return orch_fail_sys(err, errno == ENOENT || errno == ENOTDIR ? ORCH_EMISSING : ORCH_EIO, errno,
			"cannot open %s", path);
	struct text_buf content = {0};
	struct stat info;
	int code = 0;
	if (fstat(fd, &info) != 0)
		code = orch_fail_sys(err, ORCH_EIO, errno, "cannot look at %s", path);
	else if (S_ISDIR(info.st_mode))
		code = orch_fail(err, ORCH_EINPUT, "%s is a folder, not a file", path);
	else
		code = read_all(fd, (size_t)info.st_size, max, &content, path, err);
	close(fd);
	if (code) {
		text_buf_release(&content);
		return code;
	}
	size_t total = content.length;
	*out = text_take(&content);
	if (length)
		*length = total;
	return 0;
}

/* --- names --- */

int file_remove(const char *path, struct orch_err *err)
{
	if (step("unlink", path) != 0 || unlink(path) != 0) {
		if (errno == ENOENT)
			return 0;
		return orch_fail_sys(err, ORCH_EIO, errno, "cannot remove %s", path);
	}
	return 0;
}

int file_cut(const char *path, uint64_t length, struct orch_err *err)
{
	int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return orch_fail_sys(err, errno == ENOENT ? ORCH_EMISSING : ORCH_EIO, errno, "cannot open %s", path);
	if (step("truncate", path) != 0 || ftruncate(fd, (off_t)length) != 0) {
		int sys = errno;
		close(fd);
		return orch_fail_sys(err, ORCH_EIO, sys, "cannot shorten %s", path);
	}
	return file_finish(fd, path, err);
}

/* Where the file system cannot refuse to replace: link refuses for files; for a folder, look first. The campaign's lock keeps
 * other orchs from creating the name in between. */
static int rename_checked(const char *from, const char *to)
{
	struct stat info;
	if (lstat(from, &info) != 0)
		return -1;
	if (!S_ISDIR(info.st_mode) && link(from, to) == 0)
		return unlink(from);
	if (!S_ISDIR(info.st_mode) && errno != EPERM && errno != ENOTSUP && errno != ENOSYS)
		return -1;
	if (file_exists(to)) {
		errno = EEXIST;
		return -1;
	}
	return rename(from, to);
}

static int rename_new(const char *from, const char *to)
{
	if (step("rename", to) != 0)
		return -1;
	if (syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	return errno == EINVAL || errno == ENOSYS ? rename_checked(from, to) : -1;
}

int file_publish(const char *from, const char *to, struct orch_err *err)
{
	if (rename_new(from, to) != 0) {
		if (errno == EEXIST || errno == ENOTEMPTY)
			return orch_fail_sys(err, ORCH_EBUSY, EEXIST, "cannot publish %s", to);
		return orch_fail_sys(err, errno == ENOENT ? ORCH_EMISSING : ORCH_EIO, errno, "cannot publish %s as %s", from, to);
	}
	char *left = file_folder(from), *entered = file_folder(to);
	int code = file_sync_folder(entered, err);
	if (!code && strcmp(left, entered) != 0)
		code = file_sync_folder(left, err);
	free(left);
	free(entered);
	if (code && err)
		err->code = ORCH_EUNSURE;
	return code ? ORCH_EUNSURE : 0;
}

static int copy_content(int from_fd, const char *from, int to_fd, const char *to, struct orch_err *err)
{
	size_t capacity = (size_t)1 << 20;
	char *chunk = mem_must(capacity, 1);
	int code = 0;
	for (ssize_t got = 1; got != 0 && !code;) {
		got = read(from_fd, chunk, capacity);
		if (got < 0 && errno != EINTR)
			code = orch_fail_sys(err, ORCH_EIO, errno, "cannot read %s", from);
		else if (got > 0)
			code = file_write_all(to_fd, chunk, (size_t)got, to, err);
	}
	free(chunk);
	return code;
}

int file_copy(const char *from, const char *to, struct orch_err *err)
{
	int to_fd = -1, from_fd = open(from, O_RDONLY | O_CLOEXEC);
	if (from_fd < 0)
		return orch_fail_sys(err, errno == ENOENT ? ORCH_EMISSING : ORCH_EIO, errno, "cannot open %s", from);
	int code = file_create(to, &to_fd, err);
	if (!code) {
		code = copy_content(from_fd, from, to_fd, to, err);
		code = finish_or_remove(to_fd, code, to, err);
	}
	close(from_fd);
	return code;
}

bool file_exists(const char *path)
{
	struct stat info;
	return lstat(path, &info) == 0;
}

bool file_is_folder(const char *path)
{
	struct stat info;
	return lstat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

int64_t file_size(const char *path)
{
	struct stat info;
	return stat(path, &info) == 0 && S_ISREG(info.st_mode) ? (int64_t)info.st_size : -1;
}

char *file_join(const char *folder, const char *name)
{
	if (name[0] == '/' || !*folder)
		return mem_text(name);
	if (!*name)
		return mem_text(folder);
	return text_format(folder[strlen(folder) - 1] == '/' ? "%s%s" : "%s/%s", folder, name);
}

/* "." and ".." are taken out by name, since the path need not exist; links are left as they are. */
char *file_absolute(const char *path)
{
	char here[PATH_MAX];
	if (path[0] != '/' && !getcwd(here, sizeof here))
		snprintf(here, sizeof here, "/"); /* the working folder was deleted */
	char *whole = path[0] == '/' ? mem_text(path) : file_join(here, path);
	struct text_buf out = {0};
	char *rest = NULL;
	for (char *part = strtok_r(whole, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
		if (strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0) {
			while (out.length && out.data[--out.length] != '/')
				;
			if (out.data)
				out.data[out.length] = '\0';
			continue;
		}
		text_addf(&out, "/%s", part);
	}
	if (!out.length)
		text_add(&out, "/");
	free(whole);
	return text_take(&out);
}

const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

char *file_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return mem_text(".");
	size_t length = slash == path ? 1 : (size_t)(slash - path);
	char *folder = mem_must(length + 1, 1);
	memcpy(folder, path, length);
	return folder;
}
