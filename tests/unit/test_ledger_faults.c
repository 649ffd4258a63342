/* What the ledger survives: kills and failures at every step, damage, changes of generation.
 * Faults are read once per process, so those cases run this program anew: PROGRAM BODY FOLDER. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/base/file.h"
#include "storage/ledger.h"

enum { TASKS = 12, FITS_EACH = 3, TASKS_A_FLUSH = 2 };

static char folder[256] = "/tmp/orch-test-ledger-faults-XXXXXX";
static char path[300], acknowledged[300];

static void set_paths(void)
{
	snprintf(path, sizeof path, "%s/ledger.db", folder);
	snprintf(acknowledged, sizeof acknowledged, "%s/acknowledged", folder);
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	set_paths();
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return file_remove_tree(folder, NULL);
}

static int clear(void **state)
{
	struct file_list list;
	(void)state;
	if (file_list_folder(folder, &list, NULL) != 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		char *name = file_join(folder, list.names[i]);
		file_remove_tree(name, NULL);
		free(name);
	}
	file_list_release(&list);
	return 0;
}

static bool there(const char *suffix)
{
	char *name = malloc(400);
	snprintf(name, 400, "%s%s", path, suffix);
	bool found = file_exists(name);
	free(name);
	return found;
}

static struct ledger_fit a_fit(int64_t trial, int fold)
{
	struct ledger_fit fit = {.stage = "01_hpo",
	        .trial = trial,
	        .fold = fold,
	        .left_out = "",
	        .state = LEDGER_DONE,
	        .score = (double)trial + 0.1 * fold,
	        .metrics = "{\"rmse\":1}"};
	memcpy(fit.key, &trial, sizeof trial);
	memcpy(fit.key + 8, &fold, sizeof fold);
	return fit;
}

static int put_task(struct ledger *ledger, int64_t trial, struct orch_err *err)
{
	int code = 0;
	ledger_task_begin(ledger);
	for (int fold = 0; fold < FITS_EACH && !code; fold++) {
		struct ledger_fit fit = a_fit(trial, fold);
		code = ledger_put_fit(ledger, &fit, err);
	}
	return code ? code : ledger_task_end(ledger, err);
}

/* --- what is there --- */

struct seen {
	int fits_of[TASKS], rows;
};

static int note(void *context, const struct ledger_fit *fit, struct orch_err *err)
{
	struct seen *seen = context;
	seen->rows++;
	if (fit->trial < 0 || fit->trial >= TASKS)
		return 0;
	if (fit->score != (double)fit->trial + 0.1 * fit->fold)
		return orch_fail(err, ORCH_EDAMAGED, "wrong score of trial %lld", (long long)fit->trial);
	seen->fits_of[fit->trial]++;
	return 0;
}

static struct seen read_fits(enum ledger_mode mode)
{
	struct ledger *ledger = NULL;
	struct orch_err err = {0};
	struct seen seen = {0};
	if (ledger_open(path, mode, false, &ledger, &err) != 0 ||
	        ledger_each_fit(ledger, 0, "01_hpo", note, &seen, &err) != 0 || ledger_close(&ledger, &err) != 0)
		fail_msg("%s", err.text);
	return seen;
}

/* Whole tasks only, from the first on; how many. */
static int whole_tasks(const struct seen *seen)
{
	int tasks = 0;
	while (tasks < TASKS && seen->fits_of[tasks] == FITS_EACH)
		tasks++;
	for (int i = tasks; i < TASKS; i++)
		if (seen->fits_of[i] != 0)
			fail_msg("task %d has %d fits, but task %d is not whole", i, seen->fits_of[i], tasks);
	return tasks;
}

static int tasks_acknowledged(void)
{
	int64_t size = file_size(acknowledged);
	return size < 0 ? 0 : (int)size;
}

static void check_verified(void)
{
	struct orch_err err = {0};
	if (ledger_verify(path, false, &err) != 0)
		fail_msg("%s", err.text);
}

/* --- bodies --- */

static int acknowledge(int tasks)
{
	int fd = open(acknowledged, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return fd >= 0 && ftruncate(fd, tasks) == 0 && close(fd) == 0 ? 0 : -1;
}

/* Goes on from what is there, as a resume does. Exit status: 0, or minus the code. */
static int write_body(void)
{
	struct ledger *ledger = NULL;
	struct orch_err err = {0};
	int code = file_exists(path) ? ledger_open(path, LEDGER_WRITE, false, &ledger, &err)
	                             : ledger_create(path, false, &ledger, &err);
	for (int task = 0; task < TASKS && !code; task++) {
		code = put_task(ledger, task, &err);
		if (!code && (task + 1) % TASKS_A_FLUSH == 0) {
			code = ledger_flush(ledger, &err);
			if (!code && acknowledge(task + 1) != 0)
				return 97;
		}
	}
	if (code && !*err.text)
		return 98;
	struct orch_err again = {0};
	/* Nothing is taken after a failure, and close does not pretend. */
	if (code && ledger && (ledger_flush(ledger, &again) == 0 || put_task(ledger, TASKS - 1, NULL) == 0))
		return 96;
	int closed = ledger_close(&ledger, &again);
	if (code && ledger && closed == 0)
		return 95;
	return -(code ? code : closed);
}

static int regenerate_body(void)
{
	uint64_t kept, lost;
	return -ledger_regenerate(path, false, &kept, &lost, NULL);
}

/* The file size limit stands for a disk that is full or fails in the middle of SQLite's own writes. */
static int limited_body(void)
{
	struct rlimit limit = {.rlim_cur = 65536, .rlim_max = RLIM_INFINITY};
	struct ledger *ledger = NULL;
	int code = ledger_create(path, false, &ledger, NULL);
	signal(SIGXFSZ, SIG_IGN);
	for (int task = 0; task < TASKS && !code; task++) {
		if (task == 4)
			setrlimit(RLIMIT_FSIZE, &limit);
		code = put_task(ledger, task, NULL);
		if (!code)
			code = ledger_flush(ledger, NULL);
		if (!code)
			acknowledge(task + 1);
	}
	ledger_close(&ledger, NULL);
	return -code;
}

static int run(const char *fault, const char *body)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		setenv("ORCH_FAULT", fault, 1);
		execl("/proc/self/exe", "test_ledger_faults", body, folder, (char *)NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static int steps_of(const char *body)
{
	char fault[400], count[300], *text;
	snprintf(count, sizeof count, "%s/count", folder);
	snprintf(fault, sizeof fault, "count:%s", count);
	assert_int_equal(run(fault, body), 0);
	assert_int_equal(file_read(count, 0, &text, NULL, NULL), 0);
	int steps = 0;
	for (const char *at = text; *at; at++)
		steps += *at == '\n';
	free(text);
	assert_int_equal(file_remove(count, NULL), 0);
	return steps;
}

/* Creation is not one step: it happens inside a folder that is published whole (campaign_dir). */
static bool was_created(void)
{
	struct ledger *ledger = NULL;
	bool created = ledger_open(path, LEDGER_READ, false, &ledger, NULL) == 0;
	ledger_close(&ledger, NULL);
	return created;
}

/* --- kills and failures --- */

static void ledger_faults__killed_at_any_step_committed_stays_and_tasks_are_whole(void **state)
{
	(void)state;
	int steps = steps_of("write");
	assert_true(steps > 2 * TASKS / TASKS_A_FLUSH);
	for (int step = 1; step <= steps; step++) {
		char fault[32];
		clear(NULL);
		snprintf(fault, sizeof fault, "kill@%d", step);
		int status = run(fault, "write");
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		if (was_created()) {
			/* As a reader sees it before anybody resumed. */
			struct seen seen = read_fits(LEDGER_READ);
			int tasks = whole_tasks(&seen);
			if (tasks < tasks_acknowledged() || tasks > tasks_acknowledged() + TASKS_A_FLUSH)
				fail_msg("%s: %d tasks acknowledged, %d there", fault, tasks_acknowledged(), tasks);
			assert_int_equal(tasks % TASKS_A_FLUSH, 0);
			check_verified();
		} else {
			assert_int_equal(tasks_acknowledged(), 0);
			clear(NULL);
		}
		assert_int_equal(run("", "write"), 0);
		struct seen seen = read_fits(LEDGER_WRITE);
		assert_int_equal(whole_tasks(&seen), TASKS);
		assert_int_equal(seen.rows, TASKS * FITS_EACH);
		check_verified();
		assert_false(there(".ioerror"));
	}
}

static void fail_at_every_step(const char *pattern, bool io)
{
	clear(NULL);
	int steps = steps_of("write"), marked = 0;
	for (int step = 1; step <= steps; step++) {
		char fault[40];
		clear(NULL);
		snprintf(fault, sizeof fault, pattern, step);
		int status = run(fault, "write");
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) != -ORCH_EIO)
			fail_msg("%s: exit status %d", fault, WEXITSTATUS(status));
		marked += there(".ioerror");
		if (!io)
			assert_false(there(".ioerror"));
		int before = tasks_acknowledged();
		if (!file_exists(path) || before == 0) { /* creation failed: it is created anew */
			clear(NULL);
			assert_int_equal(run("", "write"), 0);
			continue;
		}
		struct seen seen = read_fits(LEDGER_WRITE);
		int tasks = whole_tasks(&seen);
		if (tasks < before || tasks > before + TASKS_A_FLUSH)
			fail_msg("%s: %d tasks acknowledged, %d there", fault, before, tasks);
		assert_false(there(".ioerror"));
		check_verified();
		assert_int_equal(run("", "write"), 0);
		seen = read_fits(LEDGER_READ);
		assert_int_equal(whole_tasks(&seen), TASKS);
	}
	assert_true(io ? marked > 0 : marked == 0);
}

static void ledger_faults__a_failing_step_is_never_acknowledged(void **state)
{
	(void)state;
	fail_at_every_step("fail@%d:EIO", true);
	fail_at_every_step("fail@%d:ENOSPC", false);
	fail_at_every_step("fail@%d+:ENOSPC", false);
}

static void ledger_faults__writes_that_fail_inside_sqlite_are_not_acknowledged(void **state)
{
	(void)state;
	int status = run("", "limited");
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), -ORCH_EIO);
	int before = tasks_acknowledged();
	assert_true(before >= 4 && before < TASKS);
	struct seen seen = read_fits(LEDGER_WRITE);
	assert_int_equal(whole_tasks(&seen), before);
	check_verified();
	assert_int_equal(run("", "write"), 0);
	seen = read_fits(LEDGER_READ);
	assert_int_equal(whole_tasks(&seen), TASKS);
}

static void ledger_faults__after_an_io_error_a_new_generation_is_made(void **state)
{
	(void)state;
	int steps = steps_of("write");
	char fault[32];
	clear(NULL);
	snprintf(fault, sizeof fault, "fail@%d:EIO", steps - 6); /* a commit in the middle */
	assert_int_equal(WEXITSTATUS(run(fault, "write")), -ORCH_EIO);
	assert_true(there(".ioerror"));
	int before = tasks_acknowledged();
	struct seen seen = read_fits(LEDGER_WRITE);
	assert_true(whole_tasks(&seen) >= before);
	assert_true(there(".damaged-1"));
	assert_false(there(".ioerror"));
	assert_false(there(".copy") || there(".next"));
	check_verified();
}

/* --- damage --- */

static void many_fits(int fits)
{
	struct ledger *ledger = NULL;
	assert_int_equal(ledger_create(path, false, &ledger, NULL), 0);
	for (int i = 0; i < fits; i++) {
		struct ledger_fit fit = a_fit(i, 0);
		assert_int_equal(ledger_put_fit(ledger, &fit, NULL), 0);
	}
	struct ledger_trial trial = {.params = "{}", .state = LEDGER_DONE, .mean = 1, .sd = 2};
	struct ledger_round round = {.features = "[]", .summary = "{}"};
	assert_int_equal(ledger_put_trial(ledger, &trial, NULL), 0);
	assert_int_equal(ledger_put_round(ledger, &round, NULL), 0);
	assert_int_equal(ledger_meta_set(ledger, "k", "v", NULL), 0);
	assert_int_equal(ledger_close(&ledger, NULL), 0);
}

static void sql(const char *text)
{
	char command[600];
	snprintf(command, sizeof command, "sqlite3 %s \"%s\"", path, text);
	assert_int_equal(system(command), 0);
}

static int verify(struct orch_err *err)
{
	orch_err_clear(err);
	return ledger_verify(path, false, err);
}

static int walk(struct orch_err *err)
{
	struct ledger *ledger = NULL;
	struct seen seen = {0};
	orch_err_clear(err);
	assert_int_equal(ledger_open(path, LEDGER_READ, false, &ledger, err), 0);
	int code = ledger_each_fit(ledger, 0, "01_hpo", note, &seen, err);
	assert_int_equal(ledger_close(&ledger, NULL), 0);
	return code;
}

static void regenerate(uint64_t kept, uint64_t lost)
{
	uint64_t is_kept = 0, is_lost = 0;
	struct orch_err err = {0};
	if (ledger_regenerate(path, false, &is_kept, &is_lost, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(is_kept, kept);
	assert_int_equal(is_lost, lost);
	check_verified();
}

static void ledger_faults__a_changed_column_is_found_and_left_behind(void **state)
{
	(void)state;
	struct orch_err err = {0};
	many_fits(100);
	sql("UPDATE fits SET score = 9 WHERE trial = 42");
	assert_int_equal(walk(&err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "a row of fits does not match its checksum (round 0, stage \"01_hpo\", trial "
	                                 "42, left_out \"\", fold 0)"));
	assert_int_equal(verify(&err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "trial 42"));
	assert_non_null(strstr(err.text, "1 of 104 rows do not match their checksum"));
	regenerate(102, 1); /* 99 fits, a trial, a round, what is known; counts are counted anew */
	assert_int_equal(read_fits(LEDGER_READ).rows, 99);
	assert_true(there(".damaged-1"));
}

static void ledger_faults__every_table_is_guarded(void **state)
{
	(void)state;
	static const char *const changes[] = {"UPDATE meta SET value = 'w'", "UPDATE trials SET mean = 3",
	        "UPDATE rounds SET features = '[1]'", "UPDATE counts SET done = 99",
	        "UPDATE fits SET stage = '02_x' WHERE trial = 1", "UPDATE fits SET key = x'00' WHERE trial = 1",
	        "UPDATE fits SET note = '' WHERE trial = 1", "UPDATE fits SET checksum = checksum + 1 WHERE trial = 1",
	        "DELETE FROM fits WHERE trial = 7", "DELETE FROM counts"};
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		struct orch_err err = {0};
		clear(NULL);
		many_fits(10);
		assert_int_equal(verify(&err), 0);
		sql(changes[i]);
		if (verify(&err) != ORCH_EDAMAGED)
			fail_msg("not found: %s", changes[i]);
	}
}

static void ledger_faults__a_row_that_vanished_is_found_by_the_counts(void **state)
{
	(void)state;
	struct orch_err err = {0};
	many_fits(10);
	sql("DELETE FROM fits WHERE trial = 7");
	assert_int_equal(verify(&err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "round 0 01_hpo: there should be 1 more done"));
	regenerate(12, 1);
}

static void overwrite(uint64_t offset, const void *bytes, size_t length)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, bytes, length, (off_t)offset), length);
	close(fd);
}

static void ledger_faults__flipped_bytes_are_found_wherever_rows_are(void **state)
{
	(void)state;
	char *bytes;
	size_t length;
	many_fits(2000);
	assert_int_equal(file_read(path, 0, &bytes, &length, NULL), 0);
	int tried = 0, found = 0;
	for (size_t at = 0; at < length; at += 997) {
		char flipped = bytes[at] ^ 0x04;
		struct orch_err err = {0};
		overwrite(at, &flipped, 1);
		int code = verify(&err);
		tried++;
		found += code != 0;
		if (code == 0) /* unused space: all rows are as they were, with the flip */
			assert_int_equal(read_fits(LEDGER_READ).rows, 2000);
		overwrite(at, &bytes[at], 1);
	}
	free(bytes);
	assert_true(tried > 100);
	assert_true(3 * found > 2 * tried); /* 72 % of these pages are in use (dbstat) */
	check_verified();
}

static void ledger_faults__what_lies_around_a_damaged_page_is_kept(void **state)
{
	(void)state;
	static const char zeros[4096];
	struct orch_err err = {0};
	uint64_t kept = 0, lost = 0;
	many_fits(2000);
	overwrite(30 * 4096, zeros, sizeof zeros);
	assert_int_equal(verify(&err), ORCH_EDAMAGED);
	assert_int_equal(ledger_regenerate(path, false, &kept, &lost, NULL), 0);
	check_verified();
	assert_int_equal(kept + lost, 2003);
	assert_true(lost > 0 && lost < 100);
}

static void ledger_faults__a_ledger_that_cannot_be_read_at_all_is_begun_anew(void **state)
{
	(void)state;
	struct orch_err err = {0};
	struct ledger *ledger = NULL;
	many_fits(10);
	overwrite(0, "no database any more", 20);
	assert_int_equal(verify(&err), ORCH_EDAMAGED);
	assert_int_equal(ledger_open(path, LEDGER_WRITE, false, &ledger, NULL), ORCH_EDAMAGED);
	regenerate(0, 0);
	assert_int_equal(read_fits(LEDGER_WRITE).rows, 0);
	assert_true(there(".damaged-1"));
	assert_int_equal(
	        ledger_regenerate("/none/ledger.db", false, &(uint64_t){0}, &(uint64_t){0}, &err), ORCH_EMISSING);
}

static void ledger_faults__a_cut_file_is_found(void **state)
{
	(void)state;
	struct orch_err err = {0};
	many_fits(2000);
	int64_t size = file_size(path);
	for (int part = 0; part < 4; part++) {
		clear(NULL);
		many_fits(2000);
		assert_int_equal(truncate(path, size * part / 4 + (part == 1 ? 100 : 0)), 0);
		if (verify(&err) == 0)
			fail_msg("cut to %d/4: not found", part);
	}
}

/* A log that is garbage or belongs to another database changes nothing. */
static void ledger_faults__a_foreign_log_is_ignored_or_found(void **state)
{
	(void)state;
	char wal[320], garbage[9000];
	struct seen seen;
	many_fits(10);
	memset(garbage, 0x5a, sizeof garbage);
	snprintf(wal, sizeof wal, "%s-wal", path);
	assert_int_equal(file_replace(wal, garbage, sizeof garbage, NULL), 0);
	seen = read_fits(LEDGER_WRITE);
	assert_int_equal(seen.rows, 10);
	check_verified();
}

/* --- generations --- */

static void ledger_faults__a_change_of_generation_survives_any_kill(void **state)
{
	(void)state;
	many_fits(50);
	int steps = steps_of("regenerate");
	assert_true(steps > 10);
	for (int step = 1; step <= steps; step++) {
		char fault[32];
		clear(NULL);
		many_fits(50);
		snprintf(fault, sizeof fault, "kill@%d", step);
		int status = run(fault, "regenerate");
		assert_true(WIFSIGNALED(status));
		assert_int_equal(read_fits(LEDGER_READ).rows, 50); /* whoever looks meanwhile */
		assert_int_equal(read_fits(LEDGER_WRITE).rows, 50);
		assert_false(there(".next"));
		check_verified();
		regenerate(53, 0);
		assert_false(there(".copy") || there(".next") || there(".copy-wal"));
		assert_true(there(".damaged-1"));
	}
}

static void ledger_faults__a_failed_change_of_generation_leaves_the_old_one(void **state)
{
	(void)state;
	many_fits(50);
	int steps = steps_of("regenerate");
	for (int step = 1; step <= steps; step++) {
		char fault[32];
		clear(NULL);
		many_fits(50);
		snprintf(fault, sizeof fault, "fail@%d:ENOSPC", step);
		int status = run(fault, "regenerate");
		assert_true(WIFEXITED(status));
		assert_int_equal(read_fits(LEDGER_READ).rows, 50);
		assert_int_equal(read_fits(LEDGER_WRITE).rows, 50);
		check_verified();
	}
}

static void ledger_faults__the_log_of_the_old_generation_goes_with_it(void **state)
{
	(void)state;
	int steps = steps_of("write");
	char fault[32];
	clear(NULL);
	snprintf(fault, sizeof fault, "kill@%d", steps - 4);
	run(fault, "write");
	assert_true(there("-wal"));
	struct seen before = read_fits(LEDGER_READ);
	assert_true(before.rows > 0);
	uint64_t kept = 0, lost = 0;
	assert_int_equal(ledger_regenerate(path, false, &kept, &lost, NULL), 0);
	assert_int_equal(kept, before.rows);
	assert_true(there(".damaged-1") && there(".damaged-1-wal"));
	struct seen after = read_fits(LEDGER_WRITE);
	assert_int_equal(after.rows, before.rows);
	char aside[320];
	snprintf(aside, sizeof aside, "%s.damaged-1", path);
	assert_int_equal(ledger_verify(aside, false, NULL), 0); /* it can still be opened with its log */
}

static const struct {
	const char *name;
	int (*run)(void);
} bodies[] = {{"write", write_body}, {"regenerate", regenerate_body}, {"limited", limited_body}};

#define CASE(function) cmocka_unit_test_setup(function, clear)

int main(int argc, char **argv)
{
	if (argc == 3) {
		snprintf(folder, sizeof folder, "%s", argv[2]);
		set_paths();
		for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
			if (strcmp(bodies[i].name, argv[1]) == 0)
				return bodies[i].run();
		return 99;
	}
	const struct CMUnitTest tests[] = {
	        CASE(ledger_faults__killed_at_any_step_committed_stays_and_tasks_are_whole),
	        CASE(ledger_faults__a_failing_step_is_never_acknowledged),
	        CASE(ledger_faults__writes_that_fail_inside_sqlite_are_not_acknowledged),
	        CASE(ledger_faults__after_an_io_error_a_new_generation_is_made),
	        CASE(ledger_faults__a_changed_column_is_found_and_left_behind),
	        CASE(ledger_faults__every_table_is_guarded),
	        CASE(ledger_faults__a_row_that_vanished_is_found_by_the_counts),
	        CASE(ledger_faults__flipped_bytes_are_found_wherever_rows_are),
	        CASE(ledger_faults__what_lies_around_a_damaged_page_is_kept),
	        CASE(ledger_faults__a_ledger_that_cannot_be_read_at_all_is_begun_anew),
	        CASE(ledger_faults__a_cut_file_is_found),
	        CASE(ledger_faults__a_foreign_log_is_ignored_or_found),
	        CASE(ledger_faults__a_change_of_generation_survives_any_kill),
	        CASE(ledger_faults__a_failed_change_of_generation_leaves_the_old_one),
	        CASE(ledger_faults__the_log_of_the_old_generation_goes_with_it),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
