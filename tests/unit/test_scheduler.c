/* The scheduler against workers that misbehave in every way the protocol can be broken: a shell script stands in for the worker, so that each line it
 * writes is known. One bad task must cost its attempts and nothing else: the tasks after it end well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "orchestrator/scheduler.h"
#include "orchestrator/worker_process.h"
#include "storage/base/json.h"

/* Each task names a behaviour in "stage"; everything else is answered well. */
static const char script[] =
	"#!/bin/bash\n"
	"echo '{\"type\":\"ready\",\"protocol\":1}'\n"
	"while read -r line; do\n"
	"  id=$(sed -E 's/.*\"id\": ?([0-9]+).*/\\1/' <<<\"$line\")\n"
	"  good=\"{\\\"type\\\":\\\"result\\\",\\\"id\\\":$id,\\\"variant\\\":0,\\\"fold\\\":0,\\\"score\\\":1.5,\\\"metrics\\\":{}}\"\n"
	"  case $line in\n"
	"  *\\\"setup\\\"*) continue ;;\n"
	"  *do_exit*) echo some last words >&2; exit 7 ;;\n"
	"  *do_segv*) kill -SEGV $$ ;;\n"
	"  *do_partial*) printf '{\"type\":\"result\",\"id\":' ; exit 0 ;;\n"
	"  *do_garbage*) echo 'Traceback: no JSON' ;;\n"
	"  *do_utf8*) printf '{\"type\":\"result\",\"id\":%s,\"failed\":\"\\xff\\xfe\"}\\n' $id ;;\n"
	"  *do_nan*) echo \"{\\\"type\\\":\\\"result\\\",\\\"id\\\":$id,\\\"variant\\\":0,\\\"fold\\\":0,\\\"score\\\":NaN,\\\"metrics\\\":{}}\" ;;\n"
	"  *do_infinite*) echo \"{\\\"type\\\":\\\"result\\\",\\\"id\\\":$id,\\\"variant\\\":0,\\\"fold\\\":0,\\\"score\\\":1e999,\\\"metrics\\\":{}}\" ;;\n"
	"  *do_wrong_id*) echo '{\"type\":\"done\",\"id\":99999}' ;;\n"
	"  *do_wrong_fold*) echo \"${good/\\\"fold\\\":0/\\\"fold\\\":5}\" ;;\n"
	"  *do_no_result*) echo \"{\\\"type\\\":\\\"done\\\",\\\"id\\\":$id}\" ;;\n"
	"  *do_twice*) echo \"$good\"; echo \"$good\" ;;\n"
	"  *do_again*) echo \"$good\"; echo \"${good/1.5/2.5}\"; echo \"{\\\"type\\\":\\\"done\\\",\\\"id\\\":$id}\" ;;\n"
	"  *do_long*) head -c 20000000 /dev/zero | tr '\\0' x; echo ;;\n"
	"  *do_close*) exec 1>&-; sleep 30 ;;\n"
	"  *do_hang*) sleep 30 & wait ;;\n"
	"  *do_ignore_term*) trap '' TERM; while :; do sleep 1; done ;;\n"
	"  *do_parts*) for v in 0 1 2; do echo \"${good/\\\"variant\\\":0/\\\"variant\\\":$v}\"; done; echo \"{\\\"type\\\":\\\"done\\\",\\\"id\\\":$id}\" ;;\n"
	"  *do_slow_parts*) for v in 0 1 2; do sleep 0.4; echo \"${good/\\\"variant\\\":0/\\\"variant\\\":$v}\"; done; echo \"{\\\"type\\\":\\\"done\\\",\\\"id\\\":$id}\" ;;\n"
	"  *do_busy*) touch $0.busy.$$; sleep 0.4; rm $0.busy.$$; echo \"$good\"; echo \"{\\\"type\\\":\\\"done\\\",\\\"id\\\":$id}\" ;;\n"
	"  *do_memory*) if [[ $line == *'\"attempt\":0'* || $line == *'\"attempt\": 0'* ]]; then kill -KILL $$; fi\n"
	"    if compgen -G \"$0.busy.*\" >/dev/null; then exit 9; fi; sleep 0.3; if compgen -G \"$0.busy.*\" >/dev/null; then exit 9; fi\n"
	"    echo \"$good\"; echo \"{\\\"type\\\":\\\"done\\\",\\\"id\\\":$id}\" ;;\n"
	"  *do_never*) kill -KILL $$ ;;\n"
	"  *do_error*) echo \"{\\\"type\\\":\\\"error\\\",\\\"id\\\":$id,\\\"code\\\":-10,\\\"text\\\":\\\"no such thing\\\"}\" ;;\n"
	"  *do_failed*) echo \"{\\\"type\\\":\\\"result\\\",\\\"id\\\":$id,\\\"variant\\\":0,\\\"fold\\\":0,\\\"failed\\\":\\\"singular\\\"}\"; echo \"{\\\"type\\\":\\\"done\\\",\\\"id\\\":$id}\" ;;\n"
	"  *do_flaky*) if [[ $line == *'\"attempt\":0'* || $line == *'\"attempt\": 0'* ]]; then exit 3; fi; echo \"$good\"; echo \"{\\\"type\\\":\\\"done\\\",\\\"id\\\":$id}\" ;;\n"
	"  *) echo \"$good\"; echo \"{\\\"type\\\":\\\"done\\\",\\\"id\\\":$id,\\\"cpu\\\":0.1}\" ;;\n"
	"  esac\n"
	"done\n";

struct fixture {
	char program[64];
	const char **names;
	size_t given, ended_well, ended_badly, attempts;
	size_t split;
	enum task_end last_end;
	char last_text[4096];
};

static void write_program(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	int fd;

	strcpy(fixture->program, "/tmp/orch-worker-XXXXXX");
	fd = mkstemp(fixture->program);
	assert_true(fd >= 0);
	close(fd);
	write_program(fixture->program, script);
	assert_int_equal(chmod(fixture->program, 0700), 0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	char command[192];

	snprintf(command, sizeof command, "rm -f %s %s.busy.*", fixture->program, fixture->program);
	assert_int_equal(system(command), 0);
	free(fixture);
	return 0;
}

static int next(void *context, struct task *task, struct orch_err *err)
{
	struct fixture *fixture = context;
	const char *name = fixture->names[fixture->given];

	(void)err;
	if (!name)
		return 0;
	fixture->given++;
	*task = (struct task){.kind = TASK_FIT, .fit_count = strcmp(name, "do_again") ? 1 : 2, .line = json_pack("{s:s, s:I, s:s, s:[i], s:[{s:i}]}", "type", "fit", "id", (json_int_t)0, "stage", name,
	        "folds", 0, "variants", "trial", 0)};
	if (task->fit_count == 2)
		json_array_append_new(json_object_get(task->line, "folds"), json_integer(1));
	return 1;
}

static int finished(void *context, struct task *task, struct task_outcome *outcome, struct orch_err *err)
{
	struct fixture *fixture = context;
	bool failed = outcome->end != TASK_OK || json_object_get(json_array_get(outcome->results, 0), "failed");

	(void)task;
	(void)err;
	fixture->ended_well += !failed;
	fixture->ended_badly += failed;
	return 0;
}

static int attempt_failed(void *context, const struct task *task, const struct task_outcome *outcome, bool will_retry, struct orch_err *err)
{
	struct fixture *fixture = context;

	(void)task;
	(void)will_retry;
	(void)err;
	fixture->attempts++;
	fixture->last_end = outcome->end;
	snprintf(fixture->last_text, sizeof fixture->last_text, "%s", outcome->text ? outcome->text : "");
	return 0;
}

/* Tasks of three parts. */
static int next_parts(void *context, struct task *task, struct orch_err *err)
{
	struct fixture *fixture = context;
	const char *name = fixture->names[fixture->given];

	(void)err;
	if (!name)
		return 0;
	fixture->given++;
	*task = (struct task){.kind = TASK_FIT, .fit_count = 3, .parts = 3, .line = json_pack("{s:s, s:I, s:s, s:[i], s:[{s:i}, {s:i}, {s:i}]}", "type", "fit", "id",
	        (json_int_t)0, "stage", name, "folds", 0, "variants", "trial", 0, "trial", 1, "trial", 2)};
	return 1;
}

static int split(void *context, struct task *task, struct task_outcome *outcome, struct orch_err *err)
{
	struct fixture *fixture = context;

	(void)err;
	assert_int_equal(task->parts, 3);
	fixture->split++;
	fixture->last_end = outcome->end;
	return 0;
}

static int tick(void *context, struct orch_err *err)
{
	(void)context;
	(void)err;
	return 0;
}

static void run(struct fixture *fixture, unsigned workers, unsigned retries, double timeout, const char **names)
{
	struct scheduler_options options = {.program = fixture->program, .workers = workers, .threads = 1, .retries = retries, .timeout_each = timeout};
	struct scheduler_source source = {.context = fixture, .next = next, .finished = finished, .attempt_failed = attempt_failed, .tick = tick};
	struct scheduler *scheduler = NULL;
	struct orch_err err = {0};

	fixture->names = names;
	assert_int_equal(scheduler_open(&options, &scheduler, &err), 0);
	assert_int_equal(scheduler_run(scheduler, &source, &err), 0);
	scheduler_close(scheduler);
}

static void scheduler__runs_all_tasks(void **state)
{
	struct fixture *fixture = *state;
	const char *names[] = {"a", "b", "c", "d", "e", "f", "g", NULL};

	run(fixture, 3, 0, 0, names);
	assert_int_equal(fixture->ended_well, 7);
	assert_int_equal(fixture->attempts, 0);
}

/* One behaviour between two good tasks: it fails with that end and text, the good ones are done. */
static void bad_task(void **state, const char *behaviour, enum task_end end, const char *text)
{
	struct fixture *fixture = *state;
	const char *names[] = {"a", behaviour, "b", NULL};

	run(fixture, 1, 0, 1, names);
	assert_int_equal(fixture->ended_well, 2);
	assert_int_equal(fixture->ended_badly, 1);
	assert_string_equal(task_end_name(fixture->last_end), task_end_name(end));
	if (!strstr(fixture->last_text, text))
		fail_msg("\"%.200s\" does not say \"%s\"", fixture->last_text, text);
}

#define BAD(name, behaviour, end, text)                                                                                                                                      \
	static void scheduler__survives_##name(void **state)                                                                                                                 \
	{                                                                                                                                                                    \
		bad_task(state, behaviour, end, text);                                                                                                                       \
	}
BAD(exit, "do_exit", TASK_EXIT, "some last words")
BAD(segfault, "do_segv", TASK_SIGNAL, "signal 11")
BAD(partial_line, "do_partial", TASK_EXIT, "exit status 0")
BAD(garbage, "do_garbage", TASK_PROTOCOL_ERROR, "Traceback: no JSON")
BAD(bad_utf8, "do_utf8", TASK_PROTOCOL_ERROR, "no JSON")
BAD(nan, "do_nan", TASK_PROTOCOL_ERROR, "no JSON")
BAD(infinity, "do_infinite", TASK_PROTOCOL_ERROR, "no JSON")
BAD(wrong_id, "do_wrong_id", TASK_PROTOCOL_ERROR, "does not have")
BAD(wrong_fold, "do_wrong_fold", TASK_PROTOCOL_ERROR, "fold that was not asked for")
BAD(missing_result, "do_no_result", TASK_PROTOCOL_ERROR, "before every fit")
BAD(too_many_results, "do_twice", TASK_PROTOCOL_ERROR, "two results for one fit")
BAD(repeated_fold, "do_again", TASK_PROTOCOL_ERROR, "two results for one fit")
BAD(endless_line, "do_long", TASK_PROTOCOL_ERROR, "longer than 16 MiB")
BAD(closed_pipe, "do_close", TASK_TIMEOUT, "time limit")
BAD(hang, "do_hang", TASK_TIMEOUT, "time limit")
BAD(deaf_to_term, "do_ignore_term", TASK_TIMEOUT, "time limit")
BAD(error, "do_error", TASK_ERROR, "no such thing")
BAD(failed_fit, "do_failed", TASK_OK, "")

static void scheduler__retries_as_told(void **state)
{
	struct fixture *fixture = *state;
	const char *names[] = {"do_exit", "a", NULL};

	run(fixture, 2, 2, 0, names);
	assert_int_equal(fixture->attempts, 3);
	assert_int_equal(fixture->ended_badly, 1);
	assert_int_equal(fixture->ended_well, 1);
}

static void scheduler__second_attempt_counts(void **state)
{
	struct fixture *fixture = *state;
	const char *names[] = {"do_flaky", NULL};

	run(fixture, 1, 1, 0, names);
	assert_int_equal(fixture->attempts, 1);
	assert_int_equal(fixture->ended_well, 1);
}

/* Killed by KILL, as the kernel does it when memory ends: again while nothing else runs, although no retry is left. */
static void scheduler__killed_for_memory_comes_again_alone(void **state)
{
	struct fixture *fixture = *state;
	const char *names[] = {"do_memory", "do_busy", "do_busy", "do_busy", "do_memory", "do_busy", "a", NULL};

	run(fixture, 3, 0, 0, names);
	assert_int_equal(fixture->attempts, 2);
	assert_int_equal(fixture->ended_well, 7);
	assert_int_equal(fixture->ended_badly, 0);
}

static int next_write(void *context, struct task *task, struct orch_err *err)
{
	struct fixture *fixture = context;
	const char *name = fixture->names[fixture->given];

	(void)err;
	if (!name)
		return 0;
	fixture->given++;
	*task = (struct task){.kind = TASK_WRITE, .line = json_pack("{s:s, s:I, s:s}", "type", "write", "id", (json_int_t)0, "stage", name)};
	return 1;
}

/* A task without a time limit of its own must not keep a campaign for ever when its worker does nothing any more. */
static void scheduler__a_write_that_does_nothing_is_given_up(void **state)
{
	struct fixture *fixture = *state;
	const char *names[] = {"do_hang", NULL};
	struct scheduler_options options = {.program = fixture->program, .workers = 1, .threads = 1, .stall_seconds = 2};
	struct scheduler_source source = {.context = fixture, .next = next_write, .finished = finished, .attempt_failed = attempt_failed, .tick = tick};
	struct scheduler *scheduler = NULL;
	struct orch_err err = {0};

	fixture->names = names;
	assert_int_equal(scheduler_open(&options, &scheduler, &err), 0);
	assert_int_equal(scheduler_run(scheduler, &source, &err), 0);
	scheduler_close(scheduler);
	assert_int_equal(fixture->attempts, 1);
	assert_string_equal(task_end_name(fixture->last_end), task_end_name(TASK_TIMEOUT));
	assert_non_null(strstr(fixture->last_text, "it did nothing any more"));
}

static void scheduler__fails_when_it_is_killed_alone_too(void **state)
{
	struct fixture *fixture = *state;
	const char *names[] = {"do_never", "a", "a", NULL};

	run(fixture, 2, 0, 0, names);
	assert_int_equal(fixture->attempts, 2);
	assert_int_equal(fixture->ended_badly, 1);
	assert_int_equal(fixture->ended_well, 2);
}

static unsigned readings, least_allowed;
static struct scheduler *watched;

/* Nothing is left from the second reading on. */
static void tight(struct memory_reading *out)
{
	*out = (struct memory_reading){.total = 1000, .available = ++readings < 2 ? 500 : 1, .stalled = -1};
}

static int tick_allowed(void *context, struct orch_err *err)
{
	(void)context;
	(void)err;
	if (scheduler_allowed(watched) < least_allowed)
		least_allowed = scheduler_allowed(watched);
	return 0;
}

/* The youngest task makes room, comes again, and no attempt is counted. */
static void scheduler__fewer_workers_while_memory_is_short(void **state)
{
	struct fixture *fixture = *state;
	struct scheduler_options options = {.program = fixture->program, .workers = 2, .threads = 1, .reading = tight};
	struct scheduler_source source = {.context = fixture, .next = next, .finished = finished, .attempt_failed = attempt_failed, .tick = tick_allowed};
	const char *names[] = {"do_busy", "do_busy", "do_busy", "do_busy", "do_busy", NULL};

	fixture->names = names;
	readings = 0;
	least_allowed = 99;
	assert_int_equal(scheduler_open(&options, &watched, NULL), 0);
	assert_int_equal(scheduler_run(watched, &source, NULL), 0);
	scheduler_close(watched);
	assert_int_equal(least_allowed, 1);
	assert_int_equal(fixture->ended_well, 5);
	assert_int_equal(fixture->attempts, 0);
}

static void run_parts(struct fixture *fixture, double timeout, const char **names)
{
	struct scheduler_options options = {.program = fixture->program, .workers = 1, .threads = 1, .retries = 1, .timeout_each = timeout};
	struct scheduler_source source = {.context = fixture, .next = next_parts, .finished = finished, .attempt_failed = attempt_failed, .split = split, .tick = tick};
	struct scheduler *scheduler = NULL;

	fixture->names = names;
	assert_int_equal(scheduler_open(&options, &scheduler, NULL), 0);
	assert_int_equal(scheduler_run(scheduler, &source, NULL), 0);
	scheduler_close(scheduler);
}

/* What fails in company is given back to the source: no attempt is counted, nothing is retried by the scheduler. */
static void scheduler__parts_that_fail_are_given_back(void **state)
{
	struct fixture *fixture = *state;
	const char *names[] = {"do_parts", "do_exit", "do_parts", NULL};

	run_parts(fixture, 0, names);
	assert_int_equal(fixture->ended_well, 2);
	assert_int_equal(fixture->split, 1);
	assert_int_equal(fixture->last_end, TASK_EXIT);
	assert_int_equal(fixture->attempts, 0);
	assert_int_equal(fixture->given, 3);
}

/* The limit is for one fit: each result begins it anew, and a message of many does not wait many times as long. */
static void scheduler__parts_are_timed_one_by_one(void **state)
{
	struct fixture *fixture = *state;
	const char *names[] = {"do_slow_parts", "do_hang", NULL};
	struct timespec before, after;

	clock_gettime(CLOCK_MONOTONIC, &before);
	run_parts(fixture, 0.9, names);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_int_equal(fixture->ended_well, 1);
	assert_int_equal(fixture->split, 1);
	assert_int_equal(fixture->last_end, TASK_TIMEOUT);
	assert_true(after.tv_sec - before.tv_sec < 20); /* the hang alone would be 30 s */
}

static void scheduler__gives_up_when_no_worker_starts(void **state)
{
	struct fixture *fixture = *state;
	struct scheduler_options options = {.program = "/bin/false", .workers = 1, .threads = 1};
	struct scheduler_source source = {.context = fixture, .next = next, .finished = finished, .attempt_failed = attempt_failed, .tick = tick};
	const char *names[] = {"a", NULL};
	struct scheduler *scheduler = NULL;
	struct orch_err err = {0};

	fixture->names = names;
	assert_int_equal(scheduler_open(&options, &scheduler, NULL), 0);
	assert_int_equal(scheduler_run(scheduler, &source, &err), ORCH_EIO);
	assert_non_null(strstr(err.text, "workers do not start"));
	scheduler_close(scheduler);
}

/* A program that is started again and again without ever being ready for a task ends the run; its last words are told. */
static void never_starts(void **state, const char *body, double start_seconds, const char *text)
{
	struct fixture *fixture = *state;
	struct scheduler_options options = {.program = fixture->program, .workers = 2, .threads = 1, .start_seconds = start_seconds};
	struct scheduler_source source = {.context = fixture, .next = next, .finished = finished, .attempt_failed = attempt_failed, .tick = tick};
	const char *names[] = {"a", NULL};
	struct scheduler *scheduler = NULL;
	struct orch_err err = {0};

	write_program(fixture->program, body);
	fixture->names = names;
	assert_int_equal(scheduler_open(&options, &scheduler, NULL), 0);
	assert_int_equal(scheduler_run(scheduler, &source, &err), ORCH_EIO);
	if (!strstr(err.text, "workers do not start") || !strstr(err.text, text))
		fail_msg("\"%s\" does not say \"%s\"", err.text, text);
	assert_int_equal(fixture->given, 0);
	scheduler_close(scheduler);
}

static void scheduler__gives_up_when_no_worker_gets_ready(void **state)
{
	never_starts(state, "#!/bin/sh\nsleep 30\n", 0.1, "did not say that it is ready");
}

static void scheduler__gives_up_when_workers_greet_wrongly(void **state)
{
	never_starts(state, "#!/bin/sh\necho good morning\nsleep 30\n", 0, "good morning");
}

static void scheduler__tells_the_last_words_of_a_start(void **state)
{
	never_starts(state, "#!/bin/sh\necho library is missing >&2\nexit 127\n", 0, "library is missing");
}

static size_t open_descriptors(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* With each number of free descriptors from none on a start either succeeds or says why, and leaves nothing open. */
static void scheduler__a_worker_without_descriptors_is_no_worker(void **state)
{
	struct fixture *fixture = *state;
	struct rlimit before, small;
	struct worker_process worker;
	size_t open_before = open_descriptors(), refused = 0;
	int code = ORCH_EIO;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	small = before;
	for (rlim_t limit = 3; code && limit < open_before + 64; limit++) {
		struct orch_err err = {0};

		small.rlim_cur = limit;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
		code = worker_process_spawn(fixture->program, &(struct worker_limits){.threads = 1}, &worker, &err);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		refused += code == ORCH_EIO;
		assert_true(!code || strstr(err.text, "worker"));
		assert_true(!code || open_descriptors() == open_before);
	}
	assert_int_equal(code, 0);
	assert_in_range(refused, 7, 128); /* six ends of pipes and the pidfd */
	assert_true(worker.pid_fd >= 0);
	worker_process_release(&worker);
	assert_int_equal(open_descriptors(), open_before);
}

static int refuse_result(void *context, struct task *task, struct task_outcome *outcome, struct orch_err *err)
{
	(void)context;
	(void)task;
	(void)outcome;
	return orch_fail(err, ORCH_EIO, "no room");
}

/* After a fatal error no worker is left that might still write: what it was writing into is about to be removed. */
static void scheduler__no_worker_outlives_an_error(void **state)
{
	struct fixture *fixture = *state;
	struct scheduler_options options = {.program = fixture->program, .workers = 2, .threads = 1};
	struct scheduler_source source = {.context = fixture, .next = next, .finished = refuse_result, .attempt_failed = attempt_failed, .tick = tick};
	const char *names[] = {"do_hang", "a", NULL};
	struct scheduler *scheduler = NULL;
	struct orch_err err = {0};

	fixture->names = names;
	assert_int_equal(scheduler_open(&options, &scheduler, NULL), 0);
	assert_int_equal(scheduler_run(scheduler, &source, &err), ORCH_EIO);
	assert_string_equal(err.text, "no room");
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	scheduler_close(scheduler);
}

/* Drains on the first request: the running task ends, the next is not begun. Last, because requests stay. */
static void scheduler__drains_on_request(void **state)
{
	struct fixture *fixture = *state;
	struct scheduler_options options = {.program = fixture->program, .workers = 1, .threads = 1};
	struct scheduler_source source = {.context = fixture, .next = next, .finished = finished, .attempt_failed = attempt_failed, .tick = tick};
	const char *names[] = {"a", "b", NULL};
	struct scheduler *scheduler = NULL;

	fixture->names = names;
	raise(SIGTERM);
	assert_int_equal(scheduler_stop_requests(), 1);
	assert_int_equal(scheduler_open(&options, &scheduler, NULL), 0);
	assert_int_equal(scheduler_run(scheduler, &source, NULL), ORCH_ESTOPPED);
	assert_int_equal(fixture->given, 0);
	scheduler_close(scheduler);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(scheduler__runs_all_tasks),
		CASE(scheduler__survives_exit),
		CASE(scheduler__survives_segfault),
		CASE(scheduler__survives_partial_line),
		CASE(scheduler__survives_garbage),
		CASE(scheduler__survives_bad_utf8),
		CASE(scheduler__survives_nan),
		CASE(scheduler__survives_infinity),
		CASE(scheduler__survives_wrong_id),
		CASE(scheduler__survives_wrong_fold),
		CASE(scheduler__survives_missing_result),
		CASE(scheduler__survives_too_many_results),
		CASE(scheduler__survives_repeated_fold),
		CASE(scheduler__survives_endless_line),
		CASE(scheduler__survives_closed_pipe),
		CASE(scheduler__survives_hang),
		CASE(scheduler__survives_deaf_to_term),
		CASE(scheduler__survives_error),
		CASE(scheduler__survives_failed_fit),
		CASE(scheduler__retries_as_told),
		CASE(scheduler__second_attempt_counts),
		CASE(scheduler__killed_for_memory_comes_again_alone),
		CASE(scheduler__fails_when_it_is_killed_alone_too),
		CASE(scheduler__a_write_that_does_nothing_is_given_up),
		CASE(scheduler__fewer_workers_while_memory_is_short),
		CASE(scheduler__parts_that_fail_are_given_back),
		CASE(scheduler__parts_are_timed_one_by_one),
		CASE(scheduler__gives_up_when_no_worker_starts),
		CASE(scheduler__gives_up_when_no_worker_gets_ready),
		CASE(scheduler__gives_up_when_workers_greet_wrongly),
		CASE(scheduler__tells_the_last_words_of_a_start),
		CASE(scheduler__a_worker_without_descriptors_is_no_worker),
		CASE(scheduler__no_worker_outlives_an_error),
		CASE(scheduler__drains_on_request),
	};

	scheduler_catch_signals();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
