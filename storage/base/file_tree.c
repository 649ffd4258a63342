/* Folders, lists and trees. Everything is visited in byte order of the names, so that the N-th step of a crash test is the
 * same one in every run. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/base/fault.h"
#include "storage/base/file.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"

int file_make_folder(const char *path, struct orch_err *err)
{
	struct stat info;
	if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
		return 0;
	int sys = fault_point("mkdir", path);
	if (!sys && mkdir(path, 0777) != 0)
		sys = errno;
	if (!sys || (sys == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode)))
		return 0;
	if (sys == EEXIST)
		return orch_fail(err, ORCH_EINPUT, "cannot make the folder %s: something else has that name", path);
	return orch_fail_sys(err, sys == ENOENT ? ORCH_EMISSING : ORCH_EIO, sys, "cannot make the folder %s", path);
}

int file_make_folders(const char *path, struct orch_err *err)
{
	char *part = mem_text(path);
	int code = 0;
	for (char *slash = strchr(part + (part[0] == '/'), '/'); slash && !code; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		code = file_make_folder(part, err);
		*slash = '/';
	}
	if (!code)
		code = file_make_folder(part, err);
	free(part);
	return code;
}

/* --- lists --- */

struct growing_list {
	struct file_list list;
	size_t capacity;
};

static void list_add(struct growing_list *growing, char *take_name)
{
	struct file_list *list = &growing->list;
	if (list->count == growing->capacity) {
		size_t capacity = growing->capacity ? 2 * growing->capacity : 16;
		char **names = mem_must(capacity, sizeof *names);
		if (list->count)
			memcpy(names, list->names, list->count * sizeof *names);
		free(list->names);
		list->names = names;
		growing->capacity = capacity;
	}
	list->names[list->count++] = take_name;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_sort(struct file_list *list)
{
	if (list->count)
		qsort(list->names, list->count, sizeof *list->names, compare_names);
}

void file_list_release(struct file_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->names[i]);
	free(list->names);
	*list = (struct file_list){0};
}

int file_list_folder(const char *path, struct file_list *out, struct orch_err *err)
{
	DIR *folder = opendir(path);
	if (!folder)
		return orch_fail_sys(err, errno == ENOENT || errno == ENOTDIR ? ORCH_EMISSING : ORCH_EIO, errno,
			"cannot open the folder %s", path);
	struct growing_list found = {0};
	struct dirent *entry;
	while (errno = 0, (entry = readdir(folder)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			list_add(&found, mem_text(entry->d_name));
	int sys = errno;
	closedir(folder);
	if (sys) {
		file_list_release(&found.list);
		return orch_fail_sys(err, ORCH_EIO, sys, "cannot read the folder %s", path);
	}
	list_sort(&found.list);
	*out = found.list;
	return 0;
}

/* relative: the folder's path below root, "" for root itself. */
static int list_below(const char *root, const char *relative, struct growing_list *found, struct orch_err *err)
{
	char *folder = file_join(root, relative);
	struct file_list entries = {0};
	int code = file_list_folder(folder, &entries, err);
	for (size_t i = 0; i < entries.count && !code; i++) {
		char *name = file_join(relative, entries.names[i]), *path = file_join(folder, entries.names[i]);
		struct stat info;
		if (lstat(path, &info) != 0)
			code = orch_fail_sys(err, ORCH_EIO, errno, "cannot look at %s", path);
		else if (S_ISDIR(info.st_mode))
			code = list_below(root, name, found, err);
		else if (S_ISREG(info.st_mode))
			list_add(found, mem_text(name));
		else
			code = orch_fail(err, ORCH_EDAMAGED, "%s is %s where a file or a folder belongs", path,
				S_ISLNK(info.st_mode) ? "a link" : "a device or pipe");
		free(name);
		free(path);
	}
	file_list_release(&entries);
	free(folder);
	return code;
}

int file_list_tree(const char *path, struct file_list *out, struct orch_err *err)
{
	struct growing_list found = {0};
	int code = list_below(path, "", &found, err);
	if (code) {
		file_list_release(&found.list);
		return code;
	}
	list_sort(&found.list);
	*out = found.list;
	return 0;
}

/* --- trees: children first, the folder itself last --- */

typedef int (*visit_function)(const char *path, mode_t mode, struct orch_err *err);

static int visit_tree(const char *path, visit_function visit, struct orch_err *err)
{
	struct stat info;
	if (lstat(path, &info) != 0)
		return orch_fail_sys(err, errno == ENOENT ? ORCH_EMISSING : ORCH_EIO, errno, "cannot look at %s", path);
	if (!S_ISDIR(info.st_mode))
		return visit(path, info.st_mode, err);
	struct file_list entries = {0};
	int code = file_list_folder(path, &entries, err);
	for (int folders = 0; folders < 2 && !code; folders++) { /* files of this folder, then the folders in it */
		for (size_t i = 0; i < entries.count && !code; i++) {
			char *child = file_join(path, entries.names[i]);
			if (file_is_folder(child) == (folders == 1))
				code = visit_tree(child, visit, err);
			free(child);
		}
	}
	file_list_release(&entries);
	return code ? code : visit(path, info.st_mode, err);
}

static int sync_one(const char *path, mode_t mode, struct orch_err *err)
{
	if (S_ISDIR(mode))
		return file_sync_folder(path, err);
	return S_ISREG(mode) ? file_sync(path, err) : 0;
}

static int remove_one(const char *path, mode_t mode, struct orch_err *err)
{
	if (!S_ISDIR(mode))
		return file_remove(path, err);
	int sys = fault_point("rmdir", path);
	if (!sys && rmdir(path) != 0)
		sys = errno;
	return sys && sys != ENOENT ? orch_fail_sys(err, ORCH_EIO, sys, "cannot remove the folder %s", path) : 0;
}

int file_sync_tree(const char *path, struct orch_err *err)
{
	return visit_tree(path, sync_one, err);
}

int file_remove_tree(const char *path, struct orch_err *err)
{
	return file_exists(path) ? visit_tree(path, remove_one, err) : 0;
}
