#include "storage/base/memory_reading.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/file.h"
#include "storage/base/text.h"

static char *read_text(const char *root, const char *path)
{
	char *whole = text_format("%s%s", root, path), *text = NULL;
	size_t length;
	if (file_read(whole, 1 << 16, &text, &length, NULL) != 0)
		text = NULL;
	free(whole);
	return text;
}

/* The number after name at the beginning of a line; false when there is none ("max" is none). */
static bool number_after(const char *text, const char *name, uint64_t *out)
{
	size_t length = strlen(name);
	for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		char *end;
		if (strncmp(line, name, length) != 0)
			continue;
		unsigned long long value = strtoull(line + length, &end, 10);
		if (end == line + length)
			return false;
		*out = value;
		return true;
	}
	return false;
}

static bool read_number(const char *root, const char *folder, const char *name, uint64_t *out)
{
	char *path = text_format("%s/%s", folder, name), *text = read_text(root, path);
	bool found = text && number_after(text, "", out);
	free(text);
	free(path);
	return found;
}

static void take_least(struct memory_reading *reading, uint64_t total, uint64_t used)
{
	uint64_t available = used < total ? total - used : 0;
	if (!reading->total || available < reading->available) {
		reading->total = total;
		reading->available = available;
	}
}

static void read_machine(const char *root, struct memory_reading *out)
{
	char *text = read_text(root, "/proc/meminfo");
	uint64_t total, available;
	if (text && number_after(text, "MemTotal:", &total) && number_after(text, "MemAvailable:", &available) && available <= total)
		take_least(out, total << 10, (total - available) << 10);
	free(text);
}

/* One group: its limit and what it uses, less the part of the page cache that was not used of late. */
static void read_group(const char *root, const char *folder, bool version_2, struct memory_reading *out)
{
	uint64_t limit, used, cache = 0;
	char *path = text_format("%s/memory.stat", folder), *stat;
	if (read_number(root, folder, version_2 ? "memory.max" : "memory.limit_in_bytes", &limit) && limit < UINT64_C(1) << 60 &&
	        read_number(root, folder, version_2 ? "memory.current" : "memory.usage_in_bytes", &used)) {
		stat = read_text(root, path);
		if (stat && number_after(stat, version_2 ? "inactive_file " : "total_inactive_file ", &cache))
			used = used > cache ? used - cache : 0;
		free(stat);
		take_least(out, limit, used);
	}
	free(path);
}

/* The group and those above it; in a container the path may name what is not visible, then only the mount is looked at. */
static void read_groups(const char *root, const char *mount, const char *path, bool version_2, struct memory_reading *out)
{
	char *folder = text_format("%s%s", mount, strcmp(path, "/") == 0 ? "" : path);
	size_t top = strlen(mount);
	for (;;) {
		read_group(root, folder, version_2, out);
		char *slash = strrchr(folder, '/');
		if (strlen(folder) <= top || !slash || (size_t)(slash - folder) < top)
			break;
		*slash = '\0';
	}
	free(folder);
}

static void read_all_groups(const char *root, struct memory_reading *out)
{
	char *text = read_text(root, "/proc/self/cgroup"), *rest = NULL;
	for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest)) {
		char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
		if (!path)
			continue;
		*path++ = '\0';
		names++;
		if (!*names)
			read_groups(root, "/sys/fs/cgroup", path, true, out);
		else if (strcmp(names, "memory") == 0)
			read_groups(root, "/sys/fs/cgroup/memory", path, false, out);
	}
	free(text);
}

void memory_reading_take(const char *root, struct memory_reading *out)
{
	char *text = read_text(root, "/proc/pressure/memory");
	*out = (struct memory_reading){.stalled = -1};
	if (!text || sscanf(text, "some avg10=%lf", &out->stalled) != 1)
		out->stalled = -1;
	free(text);
	read_machine(root, out);
	read_all_groups(root, out);
}
