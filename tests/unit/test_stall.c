/* Stall on real processes: one that sleeps, one that is stopped, one that works; the clock is ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "orchestrator/stall.h"
#include "storage/base/process.h"

static pid_t child(void (*what)(void))
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		what();
		_exit(0);
	}
	return pid;
}

static void sleeps(void)
{
	pause();
}

static void works(void)
{
	for (volatile uint64_t i = 0;; i++)
		;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void stall__idle_after_its_time(void **state)
{
	struct stall stall = {0};
	pid_t pid = child(sleeps);

	(void)state;
	assert_int_equal(stall_look(&stall, pid, 100, 6), STALL_NONE);
	stall.cpu = process_tree_cpu(pid); /* a tick of its start may have come after the first look */
	assert_int_equal(stall_look(&stall, pid, 103, 6), STALL_NONE);
	assert_int_equal(stall_look(&stall, pid, 103.5, 6), STALL_NONE);
	assert_int_equal(stall_look(&stall, pid, 106, 6), STALL_IDLE);
	assert_int_equal(stall_look(&stall, pid, 107, 6), STALL_NONE);
	end(pid);
}

static void stall__idleness_can_be_allowed(void **state)
{
	struct stall stall = {0};
	pid_t pid = child(sleeps);

	(void)state;
	for (double now = 1; now < 100; now += 2)
		assert_int_equal(stall_look(&stall, pid, now, 0), STALL_NONE);
	end(pid);
}

/* An hour between two looks is the watcher's sleep: it counts as seconds. */
static void stall__its_watchers_sleep_is_not_held_against_it(void **state)
{
	struct stall stall = {0};
	pid_t pid = child(sleeps);

	(void)state;
	assert_int_equal(stall_look(&stall, pid, 10, 60), STALL_NONE);
	assert_int_equal(stall_look(&stall, pid, 3610, 60), STALL_NONE);
	assert_int_equal(stall_look(&stall, pid, 7210, 60), STALL_NONE);
	end(pid);
}

static void stall__work_is_no_idleness(void **state)
{
	struct stall stall = {0};
	pid_t pid = child(works);

	(void)state;
	for (double now = 1; now < 4; now++) {
		double before = process_tree_cpu(pid);

		while (process_tree_cpu(pid) == before)
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		assert_int_equal(stall_look(&stall, pid, now, 0.5), STALL_NONE);
	}
	end(pid);
}

static void stall__a_stopped_one_is_to_be_woken(void **state)
{
	struct stall stall = {0};
	pid_t pid = child(sleeps);

	(void)state;
	assert_int_equal(stall_look(&stall, pid, 1, 0), STALL_NONE);
	kill(pid, SIGSTOP);
	waitpid(pid, NULL, WUNTRACED);
	assert_int_equal(stall_look(&stall, pid, 4, 0), STALL_NONE);
	assert_int_equal(stall_look(&stall, pid, 6, 0), STALL_ASLEEP);
	kill(pid, SIGCONT);
	waitpid(pid, NULL, WCONTINUED);
	assert_int_equal(stall_look(&stall, pid, 9, 0), STALL_NONE);
	assert_int_equal(stall_look(&stall, pid, 20, 0), STALL_NONE);
	end(pid);
}

static void stall__one_that_is_gone_is_not_asleep(void **state)
{
	struct stall stall = {0};
	pid_t pid = child(sleeps);

	(void)state;
	end(pid);
	for (double now = 1; now < 50; now += 2)
		assert_int_equal(stall_look(&stall, pid, now, 0), STALL_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stall__idle_after_its_time),
		cmocka_unit_test(stall__idleness_can_be_allowed),
		cmocka_unit_test(stall__its_watchers_sleep_is_not_held_against_it),
		cmocka_unit_test(stall__work_is_no_idleness),
		cmocka_unit_test(stall__a_stopped_one_is_to_be_woken),
		cmocka_unit_test(stall__one_that_is_gone_is_not_asleep),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
