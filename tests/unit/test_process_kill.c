/* Descendants wherever they hide, and the kernel's groups around them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "storage/base/control_group.h"
#include "storage/base/file.h"
#include "storage/base/process_kill.h"
#include "storage/base/text.h"

static void wait_a_little(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

/* A child with a child in a session of its own, whose parent is gone. Returns the first one. */
static pid_t start_family(const struct control_group *group)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (group)
			control_group_join(group);
		if (fork() == 0) {
			setsid();
			if (fork() == 0)
				for (;;)
					pause();
			_exit(0);
		}
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	return pid;
}

static void reap_all(void)
{
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

static void process_kill__finds_children(void **state)
{
	pid_t children[4], pid = fork();

	(void)state;
	if (pid == 0)
		for (;;)
			pause();
	assert_int_equal(process_children(getpid(), children, 4), 1);
	assert_int_equal(children[0], pid);
	assert_int_equal(process_children(getpid(), children, 0), 1);
	kill(pid, SIGKILL);
	reap_all();
	assert_int_equal(process_children(getpid(), children, 4), 0);
}

/* The grandchild is nobody's descendant once its parent ended, but for the subreaper's. */
static void process_kill__reaches_who_left_the_session(void **state)
{
	(void)state;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	start_family(NULL);
	for (int i = 0; i < 100 && process_children(getpid(), NULL, 0) < 2; i++)
		wait_a_little();
	assert_true(process_signal_descendants(getpid(), SIGKILL) >= 2);
	reap_all();
	assert_int_equal(process_signal_descendants(getpid(), 0), 0);
}

static void control_group__ends_all_members(void **state)
{
	struct control_group group;

	(void)state;
	if (!control_group_open(0, &group)) {
		print_message("skipped: no control group can be made here\n");
		skip();
	}
	start_family(&group);
	wait_a_little();
	control_group_joined(&group);
	control_group_end(&group);
	reap_all();
	assert_int_equal(process_children(getpid(), NULL, 0), 0);
	control_group_close(&group);
	assert_null(group.path);
}

/* ---- version 2, whose memory controller few machines lend: files that stand in for the kernel's, and the kernel's own without that controller ---- */

static char stand_in[64];

static char *in_group(const char *name)
{
	return text_format("%s/%s", stand_in, name);
}

static void put_file(const char *name, const char *text)
{
	char *path = in_group(name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	free(path);
}

static bool holds(const char *name, const char *text)
{
	char *path = in_group(name), *found = NULL;
	size_t length;
	bool same = !file_read(path, 4096, &found, &length, NULL) && !strcmp(found, text);

	free(path);
	free(found);
	return same;
}

static void make_stand_in(void)
{
	snprintf(stand_in, sizeof stand_in, "/tmp/orch-group.XXXXXX");
	assert_non_null(mkdtemp(stand_in));
	put_file("cgroup.procs", "");
	put_file("cgroup.kill", "");
	put_file("memory.max", "max");
	put_file("memory.swap.max", "max");
	put_file("memory.oom.group", "1");
	put_file("memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n");
}

/* What the kernel does when "1" is written: the members are gone. */
static pid_t start_stand_in(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		while (!holds("cgroup.kill", "1"))
			wait_a_little();
		put_file("cgroup.procs", "");
		_exit(0);
	}
	return pid;
}

static void control_group__version_2_writes_and_reads_its_files(void **state)
{
	struct control_group group;
	pid_t kernel;

	(void)state;
	make_stand_in();
	assert_true(control_group_take(stand_in, true, 48 << 20, &group));
	assert_true(group.limits_memory);
	assert_true(holds("memory.max", "50331648"));
	assert_true(holds("memory.oom.group", "0"));
	assert_true(holds("memory.swap.max", "0ax")); /* a plain file keeps the rest of what was there */
	assert_int_equal(control_group_oom_kills(&group), 0);
	put_file("memory.events", "low 0\nhigh 7\nmax 191\noom 3\noom_kill 2\noom_group_kill 1\n");
	assert_int_equal(control_group_oom_kills(&group), 2);
	control_group_join(&group);
	assert_true(holds("cgroup.procs", "0"));
	control_group_joined(&group);
	kernel = start_stand_in();
	control_group_end(&group);
	assert_true(holds("cgroup.procs", ""));
	assert_int_equal(waitpid(kernel, NULL, 0), kernel);
	control_group_close(&group);
	assert_null(group.path);
	assert_int_equal(file_remove_tree(stand_in, NULL), 0);
}

static void control_group__version_2_without_its_memory_only_ends(void **state)
{
	struct control_group group;
	char *path;

	(void)state;
	make_stand_in();
	path = in_group("memory.max");
	assert_int_equal(unlink(path), 0);
	assert_true(control_group_take(stand_in, true, 48 << 20, &group));
	assert_false(group.limits_memory);
	control_group_close(&group);
	free(path);
	path = in_group("cgroup.procs");
	assert_int_equal(unlink(path), 0);
	assert_false(control_group_take(stand_in, true, 48 << 20, &group)); /* no group at all */
	assert_true(!group.path && group.members_fd == -1);
	free(path);
	assert_int_equal(file_remove_tree(stand_in, NULL), 0);
}

static void control_group__version_2_of_the_kernel_ends_all_members(void **state)
{
	static const char *const mounts[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	struct control_group group = {.members_fd = -1};

	(void)state;
	for (size_t i = 0; i < 2 && !group.path; i++) {
		char *controllers = text_format("%s/cgroup.controllers", mounts[i]), *path = text_format("%s/orch-test.%d", mounts[i], (int)getpid());

		if (!access(controllers, F_OK) && !mkdir(path, 0755) && !control_group_take(path, true, 0, &group))
			rmdir(path);
		free(controllers);
		free(path);
	}
	if (!group.path) {
		print_message("skipped: no group of version 2 can be made here\n");
		skip();
	}
	start_family(&group);
	wait_a_little();
	control_group_joined(&group);
	control_group_end(&group);
	reap_all();
	assert_int_equal(process_children(getpid(), NULL, 0), 0);
	control_group_close(&group);
	assert_null(group.path);
}

static void control_group__kills_what_grows_too_fast(void **state)
{
	struct control_group group;
	int status;
	pid_t pid;

	(void)state;
	if (!control_group_open(48 << 20, &group) || !group.limits_memory) {
		control_group_close(&group);
		print_message("skipped: no memory control group can be made here\n");
		skip();
	}
	pid = fork();
	if (pid == 0) {
		char *much;

		control_group_join(&group);
		much = mmap(NULL, 256 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memset(much, 1, 256 << 20);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_true(control_group_oom_kills(&group) >= 1);
	control_group_close(&group);
}

/* Runs first: only the first group that a process makes looks for what others left. */
static void control_group__removes_what_a_killed_orch_left(void **state)
{
	bool version_2;
	char *place = control_group_place("", &version_2), *left, *own;
	struct control_group group;

	(void)state;
	if (!place) {
		print_message("skipped: no control group can be made here\n");
		skip();
	}
	left = text_format("%s/orch.%d.77.0", place, (int)getpid()); /* our pid, but another start time */
	own = text_format("%s/orchard.1.1.1", place);
	assert_int_equal(mkdir(left, 0755), 0);
	assert_int_equal(mkdir(own, 0755), 0);
	assert_true(control_group_open(0, &group));
	assert_false(file_exists(left));
	assert_true(file_exists(own));
	rmdir(own);
	control_group_close(&group);
	free(left);
	free(own);
	free(place);
}

static void control_group__none_where_it_is_not_wanted(void **state)
{
	struct control_group group;

	(void)state;
	setenv("ORCH_CONTROL_GROUPS", "0", 1);
	assert_false(control_group_open(1 << 20, &group));
	unsetenv("ORCH_CONTROL_GROUPS");
	assert_null(group.path);
	assert_int_equal(control_group_oom_kills(&group), 0);
	control_group_join(&group); /* all of it is a no-op */
	control_group_end(&group);
	control_group_close(&group);
}

static void put(const char *root, const char *name, const char *text)
{
	char *path = file_join(root, name), *folder = file_folder(path);

	assert_int_equal(file_make_folders(folder, NULL), 0);
	assert_int_equal(file_write_new(path, text, strlen(text), NULL), 0);
	free(path);
	free(folder);
}

static void is_place(const char *root, const char *below, bool version_2)
{
	bool found = !version_2;
	char *place = control_group_place(root, &found), *expected = below ? text_format("%s%s", root, below) : NULL;

	if (below)
		assert_string_equal(place, expected);
	else
		assert_null(place);
	assert_int_equal(found, version_2);
	free(place);
	free(expected);
}

static void control_group__finds_its_place(void **state)
{
	char root[] = "/tmp/orch-groups-XXXXXX", *path;

	(void)state;
	assert_non_null(mkdtemp(root));
	is_place(root, NULL, false);
	put(root, "proc/self/cgroup", "4:memory:/box\n0::/user/me\n");
	is_place(root, NULL, false);
	put(root, "sys/fs/cgroup/cgroup.controllers", "memory");
	put(root, "sys/fs/cgroup/cgroup.procs", "");
	is_place(root, "/sys/fs/cgroup", true); /* its own path is not visible in a container */
	put(root, "sys/fs/cgroup/user/me/cgroup.procs", "");
	is_place(root, "/sys/fs/cgroup/user/me", true);
	put(root, "sys/fs/cgroup/memory/cgroup.procs", "");
	is_place(root, "/sys/fs/cgroup/memory", false); /* version 1 has the memory, so it comes first */
	put(root, "sys/fs/cgroup/memory/box/cgroup.procs", "");
	is_place(root, "/sys/fs/cgroup/memory/box", false);
	path = text_format("%s", root);
	file_remove_tree(path, NULL);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_group__removes_what_a_killed_orch_left),
		cmocka_unit_test(process_kill__finds_children),
		cmocka_unit_test(process_kill__reaches_who_left_the_session),
		cmocka_unit_test(control_group__ends_all_members),
		cmocka_unit_test(control_group__version_2_writes_and_reads_its_files),
		cmocka_unit_test(control_group__version_2_without_its_memory_only_ends),
		cmocka_unit_test(control_group__version_2_of_the_kernel_ends_all_members),
		cmocka_unit_test(control_group__kills_what_grows_too_fast),
		cmocka_unit_test(control_group__none_where_it_is_not_wanted),
		cmocka_unit_test(control_group__finds_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
