#include "storage/base/control_group.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "storage/base/file.h"
#include "storage/base/mem.h"
#include "storage/base/process.h"
#include "storage/base/text.h"
#include "storage/base/trace.h"

#define PREFIX "orch."
#define EMPTY_TRIES 400 /* of 5 ms: what does not go after KILL for so long is stuck in the kernel */

/* ---- small files ---- */

static char *read_text(const char *folder, const char *name)
{
	char *path = file_join(folder, name), *text = NULL;
	size_t length;

	if (file_read(path, 1 << 20, &text, &length, NULL))
		text = NULL;
	free(path);
	return text;
}

static bool write_text(const char *folder, const char *name, const char *text)
{
	char *path = file_join(folder, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool fine = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	free(path);
	return fine;
}

static bool has(const char *folder, const char *name)
{
	char *path = file_join(folder, name);
	bool there = file_exists(path);

	free(path);
	return there;
}

/* ---- where ---- */

/* The path of this process in the hierarchy of a controller ("memory", or "" for version 2), from lines "4:memory:/path". NULL: none. */
static char *own_path(const char *root, const char *controller)
{
	char *file = text_format("%s/proc/self/cgroup", root), *text = NULL, *rest = NULL, *found = NULL;
	size_t length;

	if (!file_read(file, 1 << 16, &text, &length, NULL))
		for (char *line = strtok_r(text, "\n", &rest); line && !found; line = strtok_r(NULL, "\n", &rest)) {
			char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;

			if (!path)
				continue;
			*path = '\0';
			if (!strcmp(names + 1, controller))
				found = mem_text(path + 1);
		}
	free(text);
	free(file);
	return found;
}

static bool can_make_folders(const char *folder)
{
	return file_is_folder(folder) && has(folder, "cgroup.procs") && !access(folder, W_OK);
}

/* In a container the path may be that of the host; then the mount's top is ours. */
static char *writable(const char *mount, const char *path)
{
	char *below = text_format("%s%s", mount, path && strcmp(path, "/") ? path : "");

	if (can_make_folders(below))
		return below;
	free(below);
	return can_make_folders(mount) ? mem_text(mount) : NULL;
}

char *control_group_place(const char *root, bool *version_2)
{
	static const char *const mounts[] = {"", "/unified"};
	char *mount = text_format("%s/sys/fs/cgroup/memory", root), *path = own_path(root, "memory"), *place = path ? writable(mount, path) : NULL;

	free(mount);
	free(path);
	*version_2 = false;
	path = place ? NULL : own_path(root, "");
	for (size_t i = 0; i < 2 && !place && path; i++) {
		mount = text_format("%s/sys/fs/cgroup%s", root, mounts[i]);
		place = has(mount, "cgroup.controllers") ? writable(mount, path) : NULL;
		*version_2 = place != NULL;
		free(mount);
	}
	free(path);
	return place;
}

/* ---- members ---- */

static void kill_members(const char *path)
{
	char *text = read_text(path, "cgroup.procs"), *rest = NULL;

	for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest)) {
		int64_t pid;

		if (text_to_int64(line, &pid) && pid > 1)
			kill((pid_t)pid, SIGKILL);
	}
	free(text);
}

static bool is_empty(const char *path)
{
	char *text = read_text(path, "cgroup.procs");
	bool empty = !text || !*text;

	free(text);
	return empty;
}

static void end_members(const char *path)
{
	struct timespec step = {.tv_nsec = 5000000};

	for (unsigned i = 0; i < EMPTY_TRIES && !is_empty(path); i++) {
		if (!write_text(path, "cgroup.kill", "1")) /* version 2 since Linux 5.14 */
			kill_members(path);
		nanosleep(&step, NULL);
	}
}

/* A group whose last member was just reaped may still be busy for a moment. */
static void remove_group(const char *path)
{
	struct timespec step = {.tv_nsec = 1000000};

	for (unsigned i = 0; i < 100 && rmdir(path) && errno == EBUSY; i++)
		nanosleep(&step, NULL);
}

/* Groups that a killed orch left: what is in them has no master any more. */
static void remove_left(const char *place)
{
	struct file_list names = {0};

	if (file_list_folder(place, &names, NULL))
		return;
	for (size_t i = 0; i < names.count; i++) {
		int pid;
		uint64_t ticks;
		char *path;

		if (sscanf(names.names[i], PREFIX "%d.%" SCNu64 ".", &pid, &ticks) != 2 || process_start_ticks(pid) == ticks)
			continue;
		path = file_join(place, names.names[i]);
		end_members(path);
		remove_group(path);
		free(path);
	}
	file_list_release(&names);
}

/* ---- one group ---- */

static bool set_limit(const struct control_group *group, uint64_t memory)
{
	char text[32];

	snprintf(text, sizeof text, "%" PRIu64, memory);
	if (group->version_2) {
		write_text(group->path, "memory.swap.max", "0");
		write_text(group->path, "memory.oom.group", "0"); /* the worker survives its program, and can tell of it */
		return write_text(group->path, "memory.max", text);
	}
	if (!write_text(group->path, "memory.limit_in_bytes", text))
		return false;
	write_text(group->path, "memory.memsw.limit_in_bytes", text);
	return true;
}

static int open_members(const char *path)
{
	char *procs = file_join(path, "cgroup.procs");
	int fd = open(procs, O_WRONLY | O_CLOEXEC);

	free(procs);
	return fd;
}

/* Version 2 gives a group the files of a controller only where the folder above hands it on; it may refuse. */
static void hand_on_memory(const char *place)
{
	char *all = read_text(place, "cgroup.controllers"), *passed = read_text(place, "cgroup.subtree_control");

	if (all && strstr(all, "memory") && passed && !strstr(passed, "memory") && !write_text(place, "cgroup.subtree_control", "+memory"))
		trace(TRACE_SCHED, "no memory controller below %s: %s", place, strerror(errno));
	free(all);
	free(passed);
}

bool control_group_take(const char *path, bool version_2, uint64_t memory, struct control_group *out)
{
	struct control_group group = {.version_2 = version_2, .members_fd = open_members(path)};

	*out = (struct control_group){.members_fd = -1};
	if (group.members_fd < 0)
		return false;
	group.path = mem_text(path);
	group.limits_memory = memory && set_limit(&group, memory);
	*out = group;
	return true;
}

bool control_group_open(uint64_t memory, struct control_group *out)
{
	static bool swept;
	static unsigned number;
	const char *wish = getenv("ORCH_CONTROL_GROUPS");
	struct process_id self;
	char *place, *path;
	bool version_2, made;

	*out = (struct control_group){.members_fd = -1};
	if (wish && !strcmp(wish, "0"))
		return false;
	place = control_group_place("", &version_2);
	if (!place)
		return false;
	if (!swept)
		remove_left(place);
	if (!swept && version_2)
		hand_on_memory(place);
	swept = true;
	process_self(&self);
	path = text_format("%s/" PREFIX "%d.%" PRIu64 ".%u", place, (int)self.pid, self.start_ticks, number++);
	free(place);
	made = !mkdir(path, 0755) && control_group_take(path, version_2, memory, out);
	if (!made) {
		trace(TRACE_SCHED, "no control group %s: %s", path, strerror(errno));
		rmdir(path);
	}
	free(path);
	return made;
}

void control_group_join(const struct control_group *group)
{
	if (group->members_fd >= 0 && write(group->members_fd, "0", 1) < 0)
		return; /* outside: it is watched all the same */
}

void control_group_joined(struct control_group *group)
{
	if (group->members_fd >= 0)
		close(group->members_fd);
	group->members_fd = -1;
}

uint64_t control_group_oom_kills(const struct control_group *group)
{
	char *text = group->path ? read_text(group->path, group->version_2 ? "memory.events" : "memory.oom_control") : NULL;
	const char *line = text ? strstr(text, "oom_kill ") : NULL;
	uint64_t count = 0;

	if (line)
		sscanf(line, "oom_kill %" SCNu64, &count);
	free(text);
	return count;
}

void control_group_end(const struct control_group *group)
{
	if (group->path)
		end_members(group->path);
}

void control_group_close(struct control_group *group)
{
	control_group_joined(group);
	if (group->path) {
		end_members(group->path);
		remove_group(group->path);
	}
	free(group->path);
	*group = (struct control_group){.members_fd = -1};
}
