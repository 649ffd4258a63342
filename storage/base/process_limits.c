/* What the machine or the container grants. Control groups: each level up to the root may set a limit, the least counts.
 * In a container the path in /proc/self/cgroup may name the host's hierarchy; levels that are not visible set nothing. */
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/base/file.h"
#include "storage/base/mem.h"
#include "storage/base/process.h"
#include "storage/base/text.h"

/* The first line of a small file, or NULL; free(). */
static char *read_line(const char *path)
{
	char *text;
	size_t length;
	if (file_read(path, 1 << 16, &text, &length, NULL) != 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* The group of this process below a controller ("memory", "cpu"; "" is version 2), from lines "4:cpu,cpuacct:/path". NULL: none. */
static char *group_path(const char *root, const char *controller)
{
	char *file = text_format("%s/proc/self/cgroup", root), *text = NULL, *found = NULL, *rest = NULL;
	size_t length;
	if (file_read(file, 1 << 16, &text, &length, NULL) == 0) {
		for (char *line = strtok_r(text, "\n", &rest); line && !found; line = strtok_r(NULL, "\n", &rest)) {
			char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL, *more = NULL;
			if (!path)
				continue;
			*path++ = '\0';
			names++;
			if (!*controller && !*names)
				found = mem_text(path);
			for (char *name = strtok_r(names, ",", &more); name && !found; name = strtok_r(NULL, ",", &more))
				if (strcmp(name, controller) == 0)
					found = mem_text(path);
		}
	}
	free(text);
	free(file);
	return found;
}

/* One level: the limit in the folder, or INFINITY. */
typedef double (*level_function)(const char *folder);

static double read_bytes(const char *folder, const char *name)
{
	char *path = file_join(folder, name), *line = read_line(path);
	int64_t bytes;
	double limit = INFINITY;
	if (line && text_to_int64(line, &bytes) && bytes > 0 && bytes < INT64_C(1) << 60) /* version 1 writes about 2^63 for none */
		limit = (double)bytes;
	free(line);
	free(path);
	return limit;
}

static double memory_v2(const char *folder)
{
	return read_bytes(folder, "memory.max");
}

static double memory_v1(const char *folder)
{
	return read_bytes(folder, "memory.limit_in_bytes");
}

static double cpu_v2(const char *folder)
{
	char *path = file_join(folder, "cpu.max"), *line = read_line(path);
	double quota, period, limit = INFINITY;
	if (line && sscanf(line, "%lf %lf", &quota, &period) == 2 && quota > 0 && period > 0)
		limit = quota / period;
	free(line);
	free(path);
	return limit;
}

static double cpu_v1(const char *folder)
{
	double quota = read_bytes(folder, "cpu.cfs_quota_us"), period = read_bytes(folder, "cpu.cfs_period_us");
	return isfinite(quota) && isfinite(period) ? quota / period : INFINITY;
}

/* The least limit from mount/path up to mount itself. */
static double least_limit(const char *mount, const char *path, level_function level)
{
	char *folder = text_format("%s%s", mount, strcmp(path, "/") == 0 ? "" : path);
	size_t top = strlen(mount);
	double least = INFINITY;
	for (;;) {
		least = fmin(least, level(folder));
		char *slash = strrchr(folder, '/');
		if (strlen(folder) <= top || !slash || (size_t)(slash - folder) < top)
			break;
		*slash = '\0';
	}
	free(folder);
	return least;
}

static double controller_limit(const char *root, const char *controller, level_function level)
{
	/* Pure version 2 is mounted at the top; beside version 1 it is in "unified". */
	static const char *const mounts_v2[] = {"", "/unified"};
	char *path = group_path(root, *controller ? controller : "");
	double least = INFINITY;
	if (path && *controller) {
		char *mount = text_format("%s/sys/fs/cgroup/%s", root, controller);
		least = least_limit(mount, path, level);
		free(mount);
	} else if (path) {
		for (size_t i = 0; i < 2; i++) {
			char *mount = text_format("%s/sys/fs/cgroup%s", root, mounts_v2[i]);
			least = fmin(least, least_limit(mount, path, level));
			free(mount);
		}
	}
	free(path);
	return least;
}

uint64_t process_cgroup_memory(const char *root)
{
	double least = fmin(controller_limit(root, "", memory_v2), controller_limit(root, "memory", memory_v1));
	return isfinite(least) ? (uint64_t)least : 0;
}

double process_cgroup_cpus(const char *root)
{
	double least = fmin(controller_limit(root, "", cpu_v2), controller_limit(root, "cpu", cpu_v1));
	return isfinite(least) ? least : 0;
}

uint64_t process_memory_available(void)
{
	uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t group = process_cgroup_memory("");
	return group && group < machine ? group : machine;
}

/* Logical processors that share a core have equal sibling lists. Without topology each counts. */
unsigned process_physical_cores(const char *root, const unsigned *cpus, unsigned count)
{
	char **siblings = mem_must(count, sizeof *siblings);
	unsigned cores = 0;
	for (unsigned i = 0; i < count; i++) {
		char *path = text_format("%s/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", root, cpus[i]);
		char *list = read_line(path);
		free(path);
		bool seen = false;
		for (unsigned j = 0; j < cores && list && !seen; j++)
			seen = siblings[j] && strcmp(siblings[j], list) == 0;
		if (seen)
			free(list);
		else
			siblings[cores++] = list;
	}
	for (unsigned i = 0; i < cores; i++)
		free(siblings[i]);
	free(siblings);
	return cores;
}

/* The processors this process may run on; more than CPU_SETSIZE of them need a larger mask. */
static unsigned *allowed_cpus(unsigned *count)
{
	for (int size = CPU_SETSIZE; size <= 1 << 16; size *= 2) {
		cpu_set_t *set = CPU_ALLOC((size_t)size);
		size_t bytes = CPU_ALLOC_SIZE((size_t)size);
		if (set && sched_getaffinity(0, bytes, set) == 0) {
			unsigned *cpus = mem_must((size_t)size, sizeof *cpus);
			*count = 0;
			for (unsigned cpu = 0; cpu < (unsigned)size; cpu++)
				if (CPU_ISSET_S(cpu, bytes, set))
					cpus[(*count)++] = cpu;
			CPU_FREE(set);
			return cpus;
		}
		CPU_FREE(set);
	}
	*count = 0;
	return NULL;
}

unsigned process_cores(void)
{
	unsigned count;
	unsigned *cpus = allowed_cpus(&count);
	unsigned cores = cpus ? process_physical_cores("", cpus, count) : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	free(cpus);
	double quota = process_cgroup_cpus("");
	if (quota > 0 && quota < cores)
		cores = (unsigned)quota; /* rounded down: the last worker would only be throttled */
	return cores ? cores : 1;
}
