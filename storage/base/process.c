#include "storage/base/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "storage/base/err.h"
#include "storage/base/file.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"

/* --- who --- */

static void read_boot_id(char out[40])
{
	char *text = NULL;
	size_t length;
	out[0] = '\0';
	if (file_read("/proc/sys/kernel/random/boot_id", 256, &text, &length, NULL) == 0)
		snprintf(out, 40, "%.*s", (int)strcspn(text, "\n"), text);
	free(text);
}

static void read_host(char out[65])
{
	if (gethostname(out, 65) != 0)
		snprintf(out, 65, "unknown");
	out[64] = '\0';
}

void process_self(struct process_id *out)
{
	memset(out, 0, sizeof *out);
	out->pid = getpid();
	out->start_ticks = process_start_ticks(out->pid);
	read_boot_id(out->boot_id);
	read_host(out->host);
}

struct process_stat {
	char state;
	pid_t parent;
	uint64_t start_ticks, cpu_ticks; /* cpu: its own and that of children it has collected */
};

/* The command name may hold spaces and parentheses, so the fields are counted from the last ')' on (proc(5)). */
static bool read_stat(pid_t pid, struct process_stat *out)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	char *text = NULL;
	size_t length;
	if (file_read(path, 8192, &text, &length, NULL) != 0)
		return false;
	char *after = strrchr(text, ')');
	int parent;
	unsigned long long ticks, user, system;
	long long below_user, below_system;
	bool fine = after && sscanf(after + 1,
				     " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %lld %lld %*d %*d %*d %*d %llu",
				     &out->state, &parent, &user, &system, &below_user, &below_system, &ticks) == 7;
	if (fine) {
		out->parent = (pid_t)parent;
		out->cpu_ticks = user + system + (uint64_t)(below_user + below_system);
		out->start_ticks = ticks;
	}
	free(text);
	return fine;
}

uint64_t process_start_ticks(pid_t pid)
{
	struct process_stat stat = {0};
	return read_stat(pid, &stat) ? stat.start_ticks : 0;
}

bool process_alive(const struct process_id *id)
{
	char boot_id[40], host[65];
	read_boot_id(boot_id);
	read_host(host);
	if (strcmp(boot_id, id->boot_id) != 0 || strcmp(host, id->host) != 0)
		return false;
	struct process_stat stat = {0};
	return read_stat(id->pid, &stat) && stat.start_ticks == id->start_ticks && stat.state != 'Z' && stat.state != 'X';
}

/* --- what it uses --- */

uint64_t process_rss_anon(pid_t pid)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	char *text = NULL;
	size_t length;
	unsigned long long kib = 0;
	if (file_read(path, 65536, &text, &length, NULL) == 0) {
		const char *line = strstr(text, "\nRssAnon:");
		if (line)
			sscanf(line + 1, "RssAnon: %llu", &kib);
	}
	free(text);
	return (uint64_t)kib * 1024;
}

void process_peak_begin(void)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, "5", 1) < 0) /* resets VmHWM only */
		errno = 0;
	close(fd);
}

static unsigned long long status_kib(const char *text, const char *name)
{
	const char *line = strstr(text, name);
	unsigned long long kib = 0;
	if (line)
		sscanf(line + strlen(name), "%llu", &kib);
	return kib;
}

uint64_t process_peak_anon(void)
{
	char *text = NULL;
	size_t length;
	unsigned long long peak = 0, files = 0, now = 0;
	if (file_read("/proc/self/status", 65536, &text, &length, NULL) == 0) {
		peak = status_kib(text, "\nVmHWM:");
		files = status_kib(text, "\nRssFile:") + status_kib(text, "\nRssShmem:");
		now = status_kib(text, "\nRssAnon:");
	}
	free(text);
	peak = peak > files ? peak - files : 0;
	return (uint64_t)(peak > now ? peak : now) * 1024;
}

struct family {
	pid_t pid, parent;
	uint64_t cpu_ticks;
	bool inside;
};

/* Every process with its parent; free(). */
static struct family *read_families(size_t *count)
{
	struct file_list names = {0};
	*count = 0;
	if (file_list_folder("/proc", &names, NULL) != 0)
		return NULL;
	struct family *all = mem_must(names.count, sizeof *all);
	for (size_t i = 0; i < names.count; i++) {
		int64_t pid;
		struct process_stat stat = {0};
		if (text_to_int64(names.names[i], &pid) && read_stat((pid_t)pid, &stat))
			all[(*count)++] = (struct family){.pid = (pid_t)pid, .parent = stat.parent, .cpu_ticks = stat.cpu_ticks};
	}
	file_list_release(&names);
	return all;
}

/* pid's whole tree: the sum of what each process has. */
static uint64_t sum_of_tree(pid_t pid, uint64_t (*of)(const struct family *member))
{
	size_t count;
	struct family *all = read_families(&count);
	bool grown = true;
	for (size_t i = 0; i < count; i++)
		all[i].inside = all[i].pid == pid;
	while (grown) { /* pids wrap around, so a child may stand before its parent */
		grown = false;
		for (size_t i = 0; i < count; i++)
			for (size_t j = 0; j < count && !all[i].inside; j++)
				if (all[j].inside && all[j].pid == all[i].parent)
					all[i].inside = grown = true;
	}
	uint64_t total = 0;
	for (size_t i = 0; i < count; i++)
		if (all[i].inside)
			total += of(&all[i]);
	free(all);
	return total;
}

static uint64_t rss_of(const struct family *member)
{
	return process_rss_anon(member->pid);
}

static uint64_t cpu_of(const struct family *member)
{
	return member->cpu_ticks;
}

uint64_t process_tree_rss_anon(pid_t pid)
{
	return sum_of_tree(pid, rss_of);
}

double process_tree_cpu(pid_t pid)
{
	return (double)sum_of_tree(pid, cpu_of) / (double)sysconf(_SC_CLK_TCK);
}

bool process_stopped(pid_t pid)
{
	struct process_stat stat = {0};
	return read_stat(pid, &stat) && stat.state == 'T';
}

/* --- the clock and chance --- */

static double clock_seconds(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double process_clock(void)
{
	return clock_seconds(CLOCK_MONOTONIC);
}

double process_wall(void)
{
	return clock_seconds(CLOCK_REALTIME);
}

const char *process_time_text(double wall, char out[32])
{
	time_t seconds = (time_t)floor(wall);
	struct tm parts;
	if (!isfinite(wall) || fabs(wall) > 2e11 || !gmtime_r(&seconds, &parts) ||
		strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		snprintf(out, 32, "unknown");
	return out;
}

void process_random(void *out, size_t length)
{
	for (char *at = out; length;) {
		ssize_t got = getrandom(at, length, 0);
		if (got < 0 && errno != EINTR)
			orch_bug("the kernel gives no random bytes");
		if (got > 0) {
			at += got;
			length -= (size_t)got;
		}
	}
}
