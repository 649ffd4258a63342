/* The cache: files named by their content, published by rename. Whoever is at work there has a folder of its own, held
 * by a lock; what a killed process left behind is found by its free lock and removed by the next one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "storage/base/file.h"
#include "storage/base/process.h"
#include "storage/dataset.h"
#include "storage/dataset_parts.h"

#define WORK_PREFIX ".new."

char *dataset_cache_folder(void)
{
	const char *own = getenv("ORCH_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (own && own[0])
		return file_absolute(own);
	if (xdg && xdg[0])
		return text_format("%s/orch", xdg);
	return text_format("%s/.cache/orch", home && home[0] ? home : "/tmp");
}

char *dataset_cache_path(const char *kind, const char *key, const char *suffix)
{
	char *folder = dataset_cache_folder(), *path = text_format("%s/%s/%s%s", folder, kind, key, suffix);

	free(folder);
	return path;
}

/* ---- a folder of one's own ---- */

static int lock_file(const char *path, int flags)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);

	if (fd >= 0 && flock(fd, flags)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Called with the gate held: no folder is between its making and its locking. */
static void remove_if_dead(const char *folder, const char *name)
{
	char *path = file_join(folder, name), *lock = file_join(path, "lock");
	int fd = lock_file(lock, LOCK_EX | LOCK_NB);

	if (fd >= 0 || errno == ENOENT || errno == ENOTDIR)
		file_remove_tree(path, NULL);
	if (fd >= 0)
		close(fd);
	free(path);
	free(lock);
}

static void sweep(const char *folder)
{
	struct file_list list = {0};

	if (file_list_folder(folder, &list, NULL))
		return;
	for (size_t i = 0; i < list.count; i++)
		if (!strncmp(list.names[i], WORK_PREFIX, strlen(WORK_PREFIX)))
			remove_if_dead(folder, list.names[i]);
	file_list_release(&list);
}

static int make_own(const char *folder, struct dataset_work *out, struct orch_err *err)
{
	uint64_t attempt;
	char *path, *lock;
	int code;

	process_random(&attempt, sizeof attempt);
	path = text_format("%s/%s%016llx", folder, WORK_PREFIX, (unsigned long long)attempt);
	lock = file_join(path, "lock");
	code = file_make_folder(path, err);
	if (!code)
		*out = (struct dataset_work){.folder = path, .lock = lock_file(lock, LOCK_EX | LOCK_NB)};
	else
		free(path);
	free(lock);
	return code;
}

int dataset_work_begin(const char *kind, struct dataset_work *out, struct orch_err *err)
{
	char *cache = dataset_cache_folder(), *folder = file_join(cache, kind), *gate = file_join(folder, ".lock");
	int fd = -1, code = file_make_folders(folder, err);

	if (!code)
		fd = lock_file(gate, LOCK_EX);
	if (fd >= 0) /* no locks here: nothing is known to be dead */
		sweep(folder);
	if (!code)
		code = make_own(folder, out, err);
	if (code)
		orch_err_prefix(err, "the cache (ORCH_CACHE sets another place)");
	if (fd >= 0)
		close(fd);
	free(cache);
	free(folder);
	free(gate);
	return code;
}

void dataset_work_end(struct dataset_work *work)
{
	if (work->folder) {
		file_remove_tree(work->folder, NULL);
		if (work->lock >= 0)
			close(work->lock);
	}
	free(work->folder);
	*work = (struct dataset_work){0};
}

/* ---- publishing ---- */

/* Two processes that prepare the same thing have the same bytes: the first wins. What does not hold was damaged later.
 */
int dataset_publish(const char *from, const char *to, bool (*holds)(const char *path, const void *context),
        const void *context, struct orch_err *err)
{
	struct orch_err why = {0};
	int code = file_publish(from, to, &why);

	if (code == ORCH_EBUSY) {
		if (holds(to, context))
			return 0;
		code = file_remove_tree(to, err);
		if (code)
			return code;
		orch_err_clear(&why);
		code = file_publish(from, to, &why);
		if (code == ORCH_EBUSY) /* another process was faster */
			return 0;
	}
	return code ? orch_fail(err, code, "%s", why.text) : 0;
}

struct content {
	const void *bytes;
	size_t length;
};

static bool same_bytes(const char *path, const void *context)
{
	const struct content *content = context;
	char *there = NULL;
	size_t length = 0;
	bool same = !file_read(path, 0, &there, &length, NULL) && length == content->length &&
	            !memcmp(there, content->bytes, length);

	free(there);
	return same;
}

/* The name is that of the folder's kind: CACHE/kind/key. */
static char *kind_of(const char *path)
{
	char *folder = file_folder(path), *kind = mem_text(file_name(folder));

	free(folder);
	return kind;
}

int dataset_cache_store(const char *path, const void *bytes, size_t length, struct orch_err *err)
{
	struct content content = {bytes, length};
	struct dataset_work work = {0};
	char *kind = kind_of(path), *temporary = NULL;
	int code = dataset_work_begin(kind, &work, err);

	if (!code) {
		temporary = file_join(work.folder, "content");
		code = file_write_new(temporary, bytes, length, err);
	}
	if (!code)
		code = dataset_publish(temporary, path, same_bytes, &content, err);
	dataset_work_end(&work);
	free(temporary);
	free(kind);
	return code;
}
