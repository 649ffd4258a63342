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
		cmocka_unit_test(control_group__kills_what_grows_too_fast),
		cmocka_unit_test(control_group__none_where_it_is_not_wanted),
		cmocka_unit_test(control_group__finds_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
