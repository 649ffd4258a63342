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

/* What /proc/PID/status has as RssAnon, of a file that costs the kernel a tenth as much: all resident pages, less those of files and shared memory. */
uint64_t process_rss_anon(pid_t pid)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
	char *text = NULL;
	size_t length;
	unsigned long long resident = 0, shared = 0;
	if (file_read(path, 4096, &text, &length, NULL) == 0 && sscanf(text, "%*u %llu %llu", &resident, &shared) != 2)
		resident = shared = 0;
	free(text);
	return resident > shared ? (uint64_t)(resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
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

struct tree { /* a process, then its descendants: parents before their children */
	pid_t *pids;
	size_t count, capacity;
};

static void tree_add(struct tree *tree, pid_t pid)
{
	if (tree->count == tree->capacity) {
		tree->capacity = tree->capacity ? 2 * tree->capacity : 16;
		tree->pids = mem_array_grow(tree->pids, tree->capacity, sizeof *tree->pids);
		if (!tree->pids)
			orch_bug("out of memory for a list of processes");
	}
	tree->pids[tree->count++] = pid;
}

/* The kernel lists children by the thread that made them. It may leave one out that was born or ended meanwhile: the next reading has it. */
static void add_listed_children(struct tree *tree, pid_t pid)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	DIR *threads = opendir(path);
	const struct dirent *thread;
	while (threads && (thread = readdir(threads))) {
		int64_t id;
		char *text = NULL, *at, *end;
		size_t length;
		if (!text_to_int64(thread->d_name, &id))
			continue;
		snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)id);
		if (file_read(path, 1 << 20, &text, &length, NULL) == 0)
			for (at = text;; at = end) {
				long child = strtol(at, &end, 10);
				if (end == at)
					break;
				tree_add(tree, (pid_t)child);
			}
		free(text);
	}
	if (threads)
		closedir(threads);
}

/* For kernels that do not list children (CONFIG_PROC_CHILDREN): by the parents of all processes there are. */
static void add_children_of_all(struct tree *tree, pid_t pid)
{
	struct file_list names = {0};
	if (file_list_folder("/proc", &names, NULL) != 0)
		return;
	for (size_t i = 0; i < names.count; i++) {
		int64_t id;
		struct process_stat stat = {0};
		if (text_to_int64(names.names[i], &id) && read_stat((pid_t)id, &stat) && stat.parent == pid)
			tree_add(tree, (pid_t)id);
	}
	file_list_release(&names);
}

/* pid's whole tree: the sum of what each process has. Its cost grows with the tree, not with the processes of the machine. */
static uint64_t sum_of_tree(pid_t pid, uint64_t (*of)(pid_t member))
{
	static int listed = -1;
	struct tree tree = {0};
	uint64_t total = 0;
	if (listed < 0)
		listed = access("/proc/thread-self/children", R_OK) == 0;
	tree_add(&tree, pid);
	for (size_t i = 0; i < tree.count; i++) {
		(listed ? add_listed_children : add_children_of_all)(&tree, tree.pids[i]);
		total += of(tree.pids[i]);
	}
	free(tree.pids);
	return total;
}

static uint64_t cpu_of(pid_t pid)
{
	struct process_stat stat = {0};
	return read_stat(pid, &stat) ? stat.cpu_ticks : 0;
}

uint64_t process_tree_rss_anon(pid_t pid)
{
	return sum_of_tree(pid, process_rss_anon);
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

double process_thread_cpu(void)
{
	return clock_seconds(CLOCK_THREAD_CPUTIME_ID);
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
