#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/base/file.h"
#include "storage/base/process.h"
#include "storage/base/process_kill.h"
#include "storage/base/text.h"

static char folder[] = "/tmp/orch-test-process-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return file_remove_tree(folder, NULL);
}

/* A file of a machine that stands in for this one. */
static void put(const char *machine, const char *name, const char *content)
{
	char *path = text_format("%s/%s/%s", folder, machine, name), *parent = file_folder(path);
	assert_int_equal(file_make_folders(parent, NULL), 0);
	assert_int_equal(file_write_new(path, content, strlen(content), NULL), 0);
	free(parent);
	free(path);
}

static const char *root(const char *machine)
{
	static char path[256];
	snprintf(path, sizeof path, "%s/%s", folder, machine);
	return path;
}

static void process__knows_itself(void **state)
{
	(void)state;
	struct process_id self;
	process_self(&self);
	assert_int_equal(self.pid, getpid());
	assert_true(self.start_ticks > 0);
	assert_int_equal(strlen(self.boot_id), 36);
	assert_true(self.host[0]);
	assert_true(process_alive(&self));
	assert_true(process_start_ticks(self.pid) == self.start_ticks);
}

static void process__a_pid_alone_is_not_enough(void **state)
{
	(void)state;
	struct process_id self, changed;
	process_self(&self);
	changed = self;
	changed.start_ticks++;
	assert_false(process_alive(&changed));
	changed = self;
	changed.boot_id[0] ^= 1;
	assert_false(process_alive(&changed));
	changed = self;
	strcpy(changed.host, "elsewhere");
	assert_false(process_alive(&changed));
	changed = (struct process_id){0};
	assert_false(process_alive(&changed));
}

static void process__zombies_and_the_dead_do_not_run(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		char byte;
		prctl(PR_SET_NAME, "a) R 1 ((");
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
	}
	close(ends[0]);
	struct process_id id;
	process_self(&id);
	id.pid = child;
	usleep(50000);
	id.start_ticks = process_start_ticks(child); /* the name in its stat is no trap */
	assert_true(id.start_ticks > 0);
	assert_true(process_alive(&id));
	close(ends[1]);
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	assert_false(process_alive(&id)); /* a zombie: its pid is still there */
	assert_true(process_start_ticks(child) > 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_false(process_alive(&id));
	assert_int_equal(process_start_ticks(child), 0);
	assert_int_equal(process_rss_anon(child), 0);
}

static void process__counts_anonymous_memory(void **state)
{
	(void)state;
	size_t size = (size_t)32 << 20;
	uint64_t before = process_rss_anon(getpid());
	char *block = malloc(size);
	memset(block, 1, size);
	uint64_t with = process_rss_anon(getpid());
	assert_true(before > 0 && with >= before + size / 2);
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		memset(block, 2, size); /* no longer shared */
		(void)!write(ends[1], "x", 1);
		pause();
		_exit(0);
	}
	char byte;
	assert_int_equal(read(ends[0], &byte, 1), 1);
	uint64_t tree = process_tree_rss_anon(getpid());
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(ends[0]);
	close(ends[1]);
	assert_true(tree >= with + size / 2);
	free(block);
}

struct parent_thread {
	int ready[2], end[2];
	pid_t child;
};

static void be_grandchild(int ready)
{
	size_t size = (size_t)32 << 20;
	char *block = malloc(size);
	clock_t until = clock() + CLOCKS_PER_SEC / 10;
	memset(block, 3, size);
	while (clock() < until)
		;
	(void)!write(ready, block, 1);
	pause();
	_exit(0);
}

static void *fork_family(void *context)
{
	struct parent_thread *mine = context;
	char byte;
	mine->child = fork();
	if (mine->child == 0) {
		if (fork() == 0)
			be_grandchild(mine->ready[1]);
		pause();
		_exit(0);
	}
	(void)!read(mine->end[0], &byte, 1);
	return NULL;
}

static void process__a_tree_has_grandchildren_and_children_of_threads(void **state)
{
	(void)state;
	struct parent_thread mine = {0};
	pthread_t thread;
	char byte;
	uint64_t alone = process_tree_rss_anon(getpid());
	double cpu = process_tree_cpu(getpid());
	assert_int_equal(pipe(mine.ready) | pipe(mine.end), 0);
	assert_int_equal(pthread_create(&thread, NULL, fork_family, &mine), 0);
	assert_int_equal(read(mine.ready[0], &byte, 1), 1);
	uint64_t with = process_tree_rss_anon(getpid());
	assert_int_equal(write(mine.end[1], "x", 1), 1);
	pthread_join(thread, NULL); /* its child is another thread's now */
	uint64_t later = process_tree_rss_anon(getpid());
	double used = process_tree_cpu(getpid()) - cpu;
	process_signal_descendants(mine.child, SIGKILL);
	kill(mine.child, SIGKILL);
	waitpid(mine.child, NULL, 0);
	for (int i = 0; i < 2; i++) {
		close(mine.ready[i]);
		close(mine.end[i]);
	}
	assert_true(with >= alone + ((size_t)32 << 20));
	assert_true(later >= alone + ((size_t)32 << 20));
	assert_true(used >= 0.08);
}

/* What was freed again still counts; what was there before the beginning does not, once it is gone. */
static void process__remembers_the_peak(void **state)
{
	(void)state;
	size_t size = (size_t)48 << 20;
	uint64_t now = process_rss_anon(getpid());
	char *block = malloc(size);
	process_peak_begin();
	for (size_t i = 0; i < size; i += 1024)
		((volatile char *)block)[i] = 1;
	free(block);
	uint64_t peak = process_peak_anon();
	assert_true(peak >= now + size - (2 << 20) && peak < now + size + (16 << 20));
#ifndef __SANITIZE_ADDRESS__ /* a sanitizer keeps what was freed */
	process_peak_begin();
	assert_true(process_peak_anon() < now + size / 2);
#endif
}

static void process__limits_of_this_machine_make_sense(void **state)
{
	(void)state;
	uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	assert_in_range(process_memory_available(), 1 << 20, machine);
	assert_in_range(process_cores(), 1, (uint64_t)sysconf(_SC_NPROCESSORS_CONF));
}

static void process__cgroup_v2_takes_the_least_of_all_levels(void **state)
{
	(void)state;
	put("v2", "proc/self/cgroup", "0::/user.slice/run/job\n");
	put("v2", "sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
	put("v2", "sys/fs/cgroup/user.slice/memory.max", "1073741824\n");
	put("v2", "sys/fs/cgroup/user.slice/run/memory.max", "max\n");
	put("v2", "sys/fs/cgroup/user.slice/run/job/memory.max", "4294967296\n");
	put("v2", "sys/fs/cgroup/user.slice/run/job/cpu.max", "max 100000\n");
	put("v2", "sys/fs/cgroup/user.slice/run/cpu.max", "350000 100000\n");
	assert_int_equal(process_cgroup_memory(root("v2")), 1073741824);
	assert_true(process_cgroup_cpus(root("v2")) == 3.5);
}

static void process__cgroup_v2_inside_a_container(void **state)
{
	(void)state;
	put("container", "proc/self/cgroup", "0::/\n");
	put("container", "sys/fs/cgroup/memory.max", "536870912\n");
	put("container", "sys/fs/cgroup/cpu.max", "50000 100000\n");
	assert_int_equal(process_cgroup_memory(root("container")), 536870912);
	assert_true(process_cgroup_cpus(root("container")) == 0.5);
}

static void process__cgroup_v1(void **state)
{
	(void)state;
	/* The path is the host's; in the container the limits stand at the mount. */
	put("v1", "proc/self/cgroup", "12:cpu,cpuacct:/docker/abc\n7:memory:/docker/abc\n1:name=systemd:/docker/abc\n0::/system\n");
	put("v1", "sys/fs/cgroup/memory/memory.limit_in_bytes", "2147483648\n");
	put("v1", "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n");
	put("v1", "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
	assert_int_equal(process_cgroup_memory(root("v1")), UINT64_C(2147483648));
	assert_true(process_cgroup_cpus(root("v1")) == 2);
	put("v1", "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "1000000000\n");
	assert_int_equal(process_cgroup_memory(root("v1")), 1000000000);
}

static void process__no_limit_is_none(void **state)
{
	(void)state;
	put("free", "proc/self/cgroup", "4:memory:/\n3:cpu:/\n");
	put("free", "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	put("free", "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
	put("free", "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
	assert_int_equal(process_cgroup_memory(root("free")), 0);
	assert_true(process_cgroup_cpus(root("free")) == 0);
	assert_int_equal(process_cgroup_memory(root("nothing")), 0);
	assert_true(process_cgroup_cpus(root("nothing")) == 0);
}

static void process__siblings_are_one_core(void **state)
{
	(void)state;
	for (unsigned cpu = 0; cpu < 8; cpu++) {
		char name[128], list[16];
		snprintf(name, sizeof name, "sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu);
		snprintf(list, sizeof list, "%u,%u\n", cpu % 4, cpu % 4 + 4);
		put("threads", name, list);
	}
	const unsigned all[] = {0, 1, 2, 3, 4, 5, 6, 7}, some[] = {1, 5, 6}, unknown[] = {20, 21};
	assert_int_equal(process_physical_cores(root("threads"), all, 8), 4);
	assert_int_equal(process_physical_cores(root("threads"), some, 3), 2);
	assert_int_equal(process_physical_cores(root("threads"), unknown, 2), 2);
	assert_int_equal(process_physical_cores(root("threads"), NULL, 0), 0);
}

static void process__time(void **state)
{
	(void)state;
	char out[32];
	assert_string_equal(process_time_text(0, out), "1970-01-01T00:00:00Z");
	assert_string_equal(process_time_text(1769839800.9, out), "2026-01-31T06:10:00Z");
	assert_string_equal(process_time_text(-0.5, out), "1969-12-31T23:59:59Z");
	assert_string_equal(process_time_text(NAN, out), "unknown");
	double before = process_clock();
	assert_true(process_clock() >= before);
	assert_true(process_wall() > 1.7e9);
}

static void process__random_bytes_differ(void **state)
{
	(void)state;
	uint8_t a[32] = {0}, b[32] = {0}, zero[32] = {0};
	process_random(a, sizeof a);
	process_random(b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
	assert_memory_not_equal(a, zero, sizeof a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(process__knows_itself),
		cmocka_unit_test(process__a_pid_alone_is_not_enough),
		cmocka_unit_test(process__zombies_and_the_dead_do_not_run),
		cmocka_unit_test(process__counts_anonymous_memory),
		cmocka_unit_test(process__a_tree_has_grandchildren_and_children_of_threads),
		cmocka_unit_test(process__remembers_the_peak),
		cmocka_unit_test(process__limits_of_this_machine_make_sense),
		cmocka_unit_test(process__cgroup_v2_takes_the_least_of_all_levels),
		cmocka_unit_test(process__cgroup_v2_inside_a_container),
		cmocka_unit_test(process__cgroup_v1),
		cmocka_unit_test(process__no_limit_is_none),
		cmocka_unit_test(process__siblings_are_one_core),
		cmocka_unit_test(process__time),
		cmocka_unit_test(process__random_bytes_differ),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
