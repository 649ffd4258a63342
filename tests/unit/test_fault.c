/* The environment is read once per process, so every case runs this program anew: PROGRAM BODY FOLDER. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/base/fault.h"
#include "storage/base/file.h"
#include "storage/base/frame.h"

static char folder[] = "/tmp/orch-test-fault-XXXXXX";

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

static int clear(void **state)
{
	(void)state;
	struct file_list list;
	if (file_list_folder(folder, &list, NULL) != 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		char *path = file_join(folder, list.names[i]);
		file_remove_tree(path, NULL);
		free(path);
	}
	file_list_release(&list);
	return 0;
}

static char *in_folder(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

struct body {
	const char *name;
	int (*run)(void); /* what it returns is the exit status */
};

/* Runs a body under the given fault; the status of waitpid. */
static int run(const char *fault, const char *scope, const char *body)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		setpgid(0, 0); /* a group of its own, for killgroup */
		setenv("ORCH_FAULT", fault, 1);
		if (scope)
			setenv("ORCH_FAULT_SCOPE", scope, 1);
		execl("/proc/self/exe", "test_fault", body, folder, (char *)NULL);
		_exit(99);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static int exit_of(const char *fault, const char *scope, const char *body)
{
	int status = run(fault, scope, body);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int signal_of(const char *fault, const char *scope, const char *body)
{
	int status = run(fault, scope, body);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static int five_steps(void)
{
	int failed = 0;
	for (int i = 0; i < 5; i++)
		failed |= (fault_point("step", "path") != 0) << i;
	return failed;
}

static int five_steps_of_a_worker(void)
{
	fault_in_worker();
	return five_steps();
}

static int third_step(void)
{
	fault_point("a", "");
	fault_point("b", "");
	return fault_point("c", "");
}

static void fault__nothing_set_nothing_happens(void **state)
{
	(void)state;
	assert_int_equal(exit_of("", NULL, "five_steps"), 0);
}

static void fault__fails_once_or_from_then_on(void **state)
{
	(void)state;
	assert_int_equal(exit_of("fail@2:EIO", NULL, "five_steps"), 1 << 1);
	assert_int_equal(exit_of("fail@3+:EIO", NULL, "five_steps"), 1 << 2 | 1 << 3 | 1 << 4);
	assert_int_equal(exit_of("fail@9:EIO", NULL, "five_steps"), 0);
}

static void fault__knows_the_names_of_errors(void **state)
{
	(void)state;
	static const struct {
		const char *fault;
		int error;
	} cases[] = {{"fail@3:ENOSPC", ENOSPC}, {"fail@3:EIO", EIO}, {"fail@3:EDQUOT", EDQUOT}, {"fail@3:EROFS", EROFS},
		{"fail@3:EACCES", EACCES}, {"fail@3:EMFILE", EMFILE}, {"fail@3:EINTR", EINTR}, {"fail@3:EXDEV", EXDEV},
		{"fail@3:EAGAIN", EAGAIN}, {"fail@3:28", 28}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(exit_of(cases[i].fault, NULL, "third_step"), cases[i].error);
}

static void fault__kills_at_the_step(void **state)
{
	(void)state;
	assert_int_equal(signal_of("kill@5", NULL, "five_steps"), SIGKILL);
	assert_int_equal(exit_of("kill@6", NULL, "five_steps"), 0);
	assert_int_equal(signal_of("killgroup@1", NULL, "five_steps"), SIGKILL);
}

static int steps_beside_a_sibling(void)
{
	pid_t sibling = fork();
	if (sibling == 0) {
		sleep(20);
		_exit(0);
	}
	FILE *note = fopen(in_folder("sibling"), "w");
	if (!note)
		return 99;
	fprintf(note, "%d", (int)sibling);
	fclose(note);
	return five_steps();
}

static void fault__kills_the_whole_group(void **state)
{
	(void)state;
	assert_int_equal(signal_of("killgroup@3", NULL, "steps_beside_a_sibling"), SIGKILL);
	char *text;
	assert_int_equal(file_read(in_folder("sibling"), 0, &text, NULL, NULL), 0);
	pid_t sibling = (pid_t)atoi(text);
	free(text);
	/* It is a child of init by now: it may stay a zombie for a moment, but it does not run. */
	char path[64], state_of = 'R';
	snprintf(path, sizeof path, "/proc/%d/stat", (int)sibling);
	for (int i = 0; i < 200 && state_of != 'Z' && state_of != 'X'; i++) {
		if (file_read(path, 0, &text, NULL, NULL) != 0)
			break;
		state_of = strrchr(text, ')')[2];
		free(text);
		usleep(10000);
	}
	assert_true(state_of == 'Z' || state_of == 'X' || !file_exists(path));
}

static void fault__scope_tells_workers_from_the_orchestrator(void **state)
{
	(void)state;
	assert_int_equal(signal_of("kill@1", NULL, "five_steps"), SIGKILL);
	assert_int_equal(exit_of("kill@1", NULL, "five_steps_of_a_worker"), 0);
	assert_int_equal(exit_of("kill@1", "orchestrator", "five_steps_of_a_worker"), 0);
	assert_int_equal(exit_of("kill@1", "worker", "five_steps"), 0);
	assert_int_equal(signal_of("kill@1", "worker", "five_steps_of_a_worker"), SIGKILL);
}

static void fault__what_is_not_understood_aborts(void **state)
{
	(void)state;
	/* or a slip in a test's setting would make it pass without a fault */
	static const char *const wrong[] = {"kill@", "kill@0", "kill@x", "kill@3x", "fail@2", "fail@2:EWHAT", "fail@:EIO", "fail@2+EIO",
		"die@3", "count:/nonexistent/folder/file", "killgroup@0", "fail@2:0", "fail@2:-5"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (signal_of(wrong[i], NULL, "five_steps") != SIGABRT)
			fail_msg("ORCH_FAULT=%s was taken", wrong[i]);
	assert_int_equal(signal_of("kill@9", "everybody", "five_steps"), SIGABRT);
}

/* --- the file operations under faults --- */

static int write_new(void)
{
	return file_write_new(in_folder("new"), "12345", 5, NULL) ? 1 : 0;
}

static int replace(void)
{
	return -file_replace(in_folder("old"), "second", 6, NULL);
}

static int publish(void)
{
	return -file_publish(in_folder("work"), in_folder("round"), NULL);
}

static char *counted(const char *body)
{
	char fault[300], *text;
	snprintf(fault, sizeof fault, "count:%s", in_folder("count"));
	assert_int_equal(exit_of(fault, NULL, body), 0);
	assert_int_equal(file_read(in_folder("count"), 0, &text, NULL, NULL), 0);
	assert_int_equal(file_remove(in_folder("count"), NULL), 0);
	return text;
}

static void check_steps(const char *body, const char *expected)
{
	char *steps = counted(body);
	assert_string_equal(steps, expected);
	free(steps);
}

static int make_and_remove_tree(void)
{
	return file_make_folders(in_folder("t/a"), NULL) || file_write_new(in_folder("t/a/f"), "x", 1, NULL) ||
	       file_sync_tree(in_folder("t"), NULL) || file_remove_tree(in_folder("t"), NULL);
}

static void fault__every_durable_step_is_counted(void **state)
{
	(void)state;
	check_steps("write_new", "create\nwrite\nfsync\nclose\n");
	check_steps("replace", "create\nwrite\nfsync\nrename\nclose\nfsync\n");
	assert_int_equal(file_make_folder(in_folder("work"), NULL), 0);
	check_steps("publish", "rename\nfsync\n");
	check_steps("make_and_remove_tree",
		"mkdir\nmkdir\ncreate\nwrite\nfsync\nclose\nfsync\nfsync\nfsync\nunlink\nrmdir\nrmdir\n");
}

static void fault__a_failed_step_fails_the_write(void **state)
{
	(void)state;
	for (int step = 1; step <= 4; step++) {
		char fault[32];
		snprintf(fault, sizeof fault, "fail@%d:EIO", step);
		assert_int_equal(exit_of(fault, NULL, "write_new"), 1);
		assert_false(file_exists(in_folder("new"))); /* the next try finds the name free */
	}
	assert_int_equal(exit_of("fail@5:EIO", NULL, "write_new"), 0);
}

static void fault__interrupted_writes_go_on(void **state)
{
	(void)state;
	assert_int_equal(exit_of("fail@2:EINTR", NULL, "write_new"), 0);
	assert_int_equal(file_size(in_folder("new")), 5);
}

/* Old or new content, whole, whichever step fails or kills. */
static void check_old_or_new(bool may_be_new)
{
	char *text;
	assert_int_equal(file_read(in_folder("old"), 0, &text, NULL, NULL), 0);
	if (strcmp(text, "first") != 0 && !(may_be_new && strcmp(text, "second") == 0))
		fail_msg("torn: \"%s\"", text);
	free(text);
}

static void fault__replace_is_old_or_new_after_any_step(void **state)
{
	(void)state;
	for (int step = 1; step <= 7; step++) {
		char fault[32];
		snprintf(fault, sizeof fault, "kill@%d", step);
		assert_int_equal(file_replace(in_folder("old"), "first", 5, NULL), 0);
		assert_int_equal(signal_of(fault, NULL, "replace"), step < 7 ? SIGKILL : 0);
		check_old_or_new(step > 4);
		snprintf(fault, sizeof fault, "fail@%d:ENOSPC", step);
		assert_int_equal(file_replace(in_folder("old"), "first", 5, NULL), 0);
		int expected = step < 6 ? -ORCH_EIO : step == 6 ? -ORCH_EUNSURE : 0;
		assert_int_equal(exit_of(fault, NULL, "replace"), expected);
		check_old_or_new(step > 4);
		assert_false(file_exists(in_folder(".old.new")));
	}
}

static void fault__publish_is_unsure_when_its_fsync_fails(void **state)
{
	(void)state;
	assert_int_equal(file_make_folder(in_folder("work"), NULL), 0);
	assert_int_equal(exit_of("fail@1:EROFS", NULL, "publish"), -ORCH_EIO);
	assert_true(file_exists(in_folder("work")));
	assert_int_equal(exit_of("fail@2:EIO", NULL, "publish"), -ORCH_EUNSURE);
	assert_true(file_exists(in_folder("round")));
}

static int publish_file(void)
{
	return -file_publish(in_folder("from"), in_folder("to"), NULL);
}

static int messages_name_the_file(void)
{
	struct orch_err err = {0};
	int code = file_write_new(in_folder("new"), "x", 1, &err);
	return code == ORCH_EIO && err.sys == EDQUOT && strstr(err.text, "/new") &&
			       strstr(err.text, ": Disk quota exceeded") ? 0 : 1;
}

static void fault__messages_name_file_and_cause(void **state)
{
	(void)state;
	for (int step = 1; step <= 4; step++) {
		char fault[32];
		snprintf(fault, sizeof fault, "fail@%d:EDQUOT", step);
		assert_int_equal(exit_of(fault, NULL, "messages_name_the_file"), 0);
	}
	assert_int_equal(file_write_new(in_folder("from"), "x", 1, NULL), 0);
	assert_int_equal(exit_of("fail@1:EMFILE", NULL, "publish_file"), -ORCH_EIO);
}

/* 300 columns with long names: the header outgrows its space, so moving the blocks is among the steps. */
static int write_frame(void)
{
	const double values[] = {0.5, 1, 2};
	struct frame_writer *writer;
	int code = frame_writer_begin(in_folder("frame"), 3, &writer, NULL);
	for (int i = 0; i < 300 && !code; i++) {
		char name[64];
		snprintf(name, sizeof name, "a column with a rather long name, number %d", i);
		frame_writer_number(writer, name, 0, values);
	}
	return code ? -code : -frame_writer_commit(&writer, NULL);
}

static void fault__a_frame_is_whole_or_not_there(void **state)
{
	(void)state;
	char *steps = counted("write_frame");
	int count = 0;
	for (const char *at = steps; (at = strchr(at, '\n')); at++)
		count++;
	free(steps);
	struct frame *frame = NULL;
	assert_int_equal(frame_open(in_folder("frame"), true, &frame, NULL), 0);
	frame_close(frame);
	assert_in_range(count, 300, 400);
	for (int step = 1; step <= count; step += step > 3 && step < count - 8 ? 37 : 1) {
		char fault[32];
		assert_int_equal(file_remove(in_folder("frame"), NULL), 0);
		snprintf(fault, sizeof fault, "fail@%d:ENOSPC", step);
		assert_int_equal(exit_of(fault, NULL, "write_frame"), -ORCH_EIO);
		assert_false(file_exists(in_folder("frame")));
		/* Killed before its last write, it is refused; what is killed later is whole. */
		snprintf(fault, sizeof fault, "kill@%d", step);
		assert_int_equal(signal_of(fault, NULL, "write_frame"), SIGKILL);
		int code = frame_open(in_folder("frame"), true, &frame, NULL);
		assert_int_equal(code, step == 1 ? ORCH_EMISSING : step < count - 1 ? ORCH_EDAMAGED : 0);
		if (!code)
			frame_close(frame);
	}
}

static const struct body bodies[] = {
	{"write_frame", write_frame},
	{"five_steps", five_steps},
	{"five_steps_of_a_worker", five_steps_of_a_worker},
	{"third_step", third_step},
	{"steps_beside_a_sibling", steps_beside_a_sibling},
	{"write_new", write_new},
	{"replace", replace},
	{"publish", publish},
	{"make_and_remove_tree", make_and_remove_tree},
	{"publish_file", publish_file},
	{"messages_name_the_file", messages_name_the_file},
};

static const struct body *find_body(const char *name)
{
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
		if (strcmp(bodies[i].name, name) == 0)
			return &bodies[i];
	return NULL;
}

static int run_body(const char *name, const char *take_over)
{
	const struct body *body = find_body(name);
	signal(SIGABRT, SIG_DFL);
	snprintf(folder, sizeof folder, "%s", take_over);
	if (!body || !freopen("/dev/null", "w", stderr))
		return 99;
	return body->run();
}

#define CASE(function) cmocka_unit_test_setup(function, clear)

int main(int argc, char **argv)
{
	if (argc == 3)
		return run_body(argv[1], argv[2]);
	const struct CMUnitTest tests[] = {
		CASE(fault__nothing_set_nothing_happens),
		CASE(fault__fails_once_or_from_then_on),
		CASE(fault__knows_the_names_of_errors),
		CASE(fault__kills_at_the_step),
		CASE(fault__kills_the_whole_group),
		CASE(fault__scope_tells_workers_from_the_orchestrator),
		CASE(fault__what_is_not_understood_aborts),
		CASE(fault__every_durable_step_is_counted),
		CASE(fault__a_failed_step_fails_the_write),
		CASE(fault__interrupted_writes_go_on),
		CASE(fault__replace_is_old_or_new_after_any_step),
		CASE(fault__a_frame_is_whole_or_not_there),
		CASE(fault__publish_is_unsure_when_its_fsync_fails),
		CASE(fault__messages_name_file_and_cause),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
