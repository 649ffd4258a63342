#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "orchestrator/outcome.h"
#include "orchestrator/status.h"
#include "orchestrator/status_watch.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/base/process.h"
#include "storage/ledger.h"

static char folder[64];

static void put(const char *name, const char *text)
{
	char *path = file_join(folder, name);
	struct orch_err err = {0};

	file_remove(path, NULL);
	if (file_write_new(path, text, strlen(text), &err))
		fail_msg("%s", err.text);
	free(path);
}

static void put_lock_saying(const struct process_id *id, const char *more)
{
	char *text = text_format("{\"pid\":%d,\"start\":%llu,\"boot\":\"%s\",\"host\":\"%s\",\"since\":\"2026-01-31T06:10:00Z\"%s}   \n", (int)id->pid,
	        (unsigned long long)id->start_ticks, id->boot_id, id->host, more);

	put("lock", text);
	free(text);
}

static void put_lock(const struct process_id *id)
{
	put_lock_saying(id, "");
}

static void put_status(const char *state)
{
	char *text = text_format("{\"version\":1,\"name\":\"rents\",\"state\":\"%s\",\"round\":2,\"rounds_at_most\":9,\"rounds_done\":2,\"stage\":\"01_hpo\",\"stages\":[{\"stage\":\"01_hpo\","
	                         "\"done\":10,\"total\":40,\"failed\":0}],\"trials\":{\"done\":25,\"failed\":1,\"total\":40},\"fits\":{\"done\":300,\"failed\":2,\"total\":1200},\"best\":{"
	                         "\"trial\":3,\"metric\":\"mae\",\"score\":46.5,\"params\":{\"trees\":50}},\"eta\":{\"seconds\":400,\"low\":300,\"high\":500},\"workers\":[{\"pid\":7,\"task\":"
	                         "\"01_hpo #3\",\"rss\":1048576,\"seconds\":2}],\"memory\":{\"peak\":1048576,\"limit\":2097152},\"elapsed\":60}", state);

	put("status.json", text);
	free(text);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/orch-test-status-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	put("campaign.json", "{\"name\": \"rents\"}");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return file_remove_tree(folder, NULL);
}

static json_t *read_status(void)
{
	struct orch_err err = {0};
	json_t *status = NULL;

	if (status_read(folder, &status, &err))
		fail_msg("%s", err.text);
	assert_int_equal(json_get_int(status, "version", 0), STATUS_VERSION);
	return status;
}

static void expect_state(const char *wanted)
{
	json_t *status = read_status();

	assert_string_equal(json_get_text(status, "state", ""), wanted);
	json_decref(status);
}

/* A process that has ended, as an orchestrator that was killed leaves it in the lock file. */
static struct process_id dead_process(void)
{
	struct process_id id;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	process_self(&id);
	id.pid = pid;
	id.start_ticks = process_start_ticks(pid);
	waitpid(pid, NULL, 0);
	return id;
}

static void status__running_while_its_writer_lives(void **state)
{
	struct process_id self;
	json_t *status, *holder;

	(void)state;
	process_self(&self);
	put_lock(&self);
	put_status("running");
	status = read_status();
	holder = json_object_get(status, "holder");
	assert_string_equal(json_get_text(status, "state", ""), "running");
	assert_int_equal(json_get_int(holder, "pid", 0), getpid());
	assert_true(json_is_true(json_object_get(holder, "alive")));
	assert_int_equal(json_array_size(json_object_get(status, "workers")), 1);
	assert_true(json_is_object(json_object_get(status, "eta")));
	assert_string_equal(json_get_text(status, "campaign", ""), folder);
	json_decref(status);
}

static void status__paused_as_its_writer_says(void **state)
{
	struct process_id self;
	struct text_buf text = {0};
	json_t *status;

	(void)state;
	process_self(&self);
	put_lock_saying(&self, ",\"paused\":\"the disk is full\"");
	put_status("running");
	status = read_status();
	assert_string_equal(json_get_text(status, "state", ""), "paused");
	assert_string_equal(json_get_text(status, "paused", ""), "the disk is full");
	status_text(folder, status, &text);
	assert_non_null(strstr(text.data, "paused: the disk is full; it goes on by itself when there is room"));
	text_buf_release(&text);
	json_decref(status);
}

static void status__interrupted_when_its_writer_is_dead(void **state)
{
	struct process_id dead = dead_process();
	json_t *status;

	(void)state;
	put_lock(&dead);
	put_status("running");
	status = read_status();
	assert_string_equal(json_get_text(status, "state", ""), "interrupted");
	assert_true(json_is_null(json_object_get(status, "eta")));
	assert_true(json_is_null(json_object_get(status, "stage")));
	assert_int_equal(json_array_size(json_object_get(status, "workers")), 0);
	assert_int_equal(json_get_int(json_object_get(status, "fits"), "done", 0), 300);
	json_decref(status);
}

static void status__a_recycled_pid_is_not_its_writer(void **state)
{
	struct process_id self;

	(void)state;
	process_self(&self);
	self.start_ticks++;
	put_lock(&self);
	put_status("running");
	expect_state("interrupted");
}

static void status__another_boot_is_not_its_writer(void **state)
{
	struct process_id self;

	(void)state;
	process_self(&self);
	self.boot_id[0] = self.boot_id[0] == 'x' ? 'y' : 'x';
	put_lock(&self);
	put_status("running");
	expect_state("interrupted");
}

static void status__on_another_host_it_cannot_be_told(void **state)
{
	struct process_id self;
	struct text_buf text = {0};
	json_t *status;

	(void)state;
	process_self(&self);
	strcpy(self.host, "far-away");
	put_lock(&self);
	put_status("running");
	status = read_status();
	assert_string_equal(json_get_text(status, "state", ""), "running");
	assert_true(json_is_null(json_object_get(json_object_get(status, "holder"), "alive")));
	status_text(folder, status, &text);
	assert_non_null(strstr(text.data, "on host far-away (seen from here it cannot be checked"));
	text_buf_release(&text);
	json_decref(status);
}

static void status__ends_stay_what_they_are(void **state)
{
	static const char *const states[] = {"done", "failed", "interrupted"};

	(void)state;
	put("lock", "{}   \n");
	for (size_t i = 0; i < 3; i++) {
		put_status(states[i]);
		expect_state(states[i]);
	}
}

static void status__a_resume_that_has_just_begun_runs(void **state)
{
	struct process_id self;

	(void)state;
	process_self(&self);
	put_lock(&self);
	put_status("interrupted");
	expect_state("running");
}

/* Nothing that grows with the campaign is opened. */
static void status__needs_no_ledger(void **state)
{
	(void)state;
	put("lock", "{}\n");
	put_status("done");
	put("ledger.db", "this is no database");
	expect_state("done");
}

static void put_in_round(const char *name, const char *text)
{
	char *path = file_join(folder, name), *parent = file_folder(path);

	assert_int_equal(file_make_folders(parent, NULL), 0);
	put(name, text);
	free(parent);
	free(path);
}

/* The last round is not the one that was chosen, and less was done than planned at most. */
static void status__a_finished_one_tells_the_chosen_round(void **state)
{
	json_t *status, *best;

	(void)state;
	put("lock", "{}\n");
	put("summary.json", "{\"done\": true, \"chosen\": {\"round\": 1, \"score\": 44.25}}");
	put_in_round("rounds/round_001/01_hpo/best.json", "{\"trial\": 7, \"metric\": \"mae\", \"score\": 44.5, \"searched\": {\"trees\": 9}}");
	put_status("done");
	status = read_status();
	best = json_object_get(status, "best");
	assert_int_equal(json_get_int(best, "round", -1), 1);
	assert_int_equal(json_get_int(best, "trial", -1), 7);
	assert_true(json_get_real(best, "score", 0) == 44.25);
	assert_int_equal(json_get_int(json_object_get(status, "fits"), "total", 0), 302);
	assert_int_equal(json_get_int(json_object_get(status, "trials"), "total", 0), 26);
	json_decref(status);
	put("summary.json", "{\"done\": false, \"chosen\": {\"round\": 1, \"score\": 44.25}}");
	put_status("interrupted"); /* there is more to come: nothing is changed */
	status = read_status();
	assert_true(json_get_real(json_object_get(status, "best"), "score", 0) == 46.5);
	assert_int_equal(json_get_int(json_object_get(status, "fits"), "total", 0), 1200);
	json_decref(status);
}

/* ---- without status.json ---- */

static struct ledger *new_ledger(void)
{
	char *path = file_join(folder, "ledger.db");
	struct ledger *ledger = NULL;
	struct orch_err err = {0};

	if (ledger_create(path, false, &ledger, &err))
		fail_msg("%s", err.text);
	free(path);
	return ledger;
}

static void add_fit(struct ledger *ledger, int64_t trial, int fold, const char *failed)
{
	struct ledger_fit fit = {.key = {(uint8_t)trial, (uint8_t)(fold + 1)}, .stage = "01_hpo", .trial = trial, .fold = fold, .left_out = "", .state = failed ? LEDGER_FAILED : LEDGER_DONE,
	        .score = failed ? 0.0 / 0.0 : 1.5, .note = failed};

	ledger_task_begin(ledger);
	assert_int_equal(ledger_put_fit(ledger, &fit, NULL), 0);
	assert_int_equal(ledger_task_end(ledger, NULL), 0);
}

static void status__without_its_file_comes_from_the_ledger(void **state)
{
	struct ledger *ledger = new_ledger();
	struct ledger_trial trial = {.params = "{}", .state = LEDGER_DONE, .mean = 1.5, .sd = 0};
	json_t *status;

	(void)state;
	for (int fold = 0; fold < 3; fold++)
		add_fit(ledger, 0, fold, fold == 2 ? "error: no" : NULL);
	assert_int_equal(ledger_put_trial(ledger, &trial, NULL), 0);
	assert_int_equal(ledger_close(&ledger, NULL), 0);
	status = read_status();
	assert_string_equal(json_get_text(status, "state", ""), "interrupted");
	assert_string_equal(json_get_text(status, "name", ""), "rents");
	assert_int_equal(json_get_int(json_object_get(status, "fits"), "done", 0), 2);
	assert_int_equal(json_get_int(json_object_get(status, "fits"), "failed", 0), 1);
	assert_int_equal(json_get_int(json_object_get(status, "trials"), "done", 0), 1);
	json_decref(status);
	put("status.json", "{\"version\": 1, \"state\": \"runn"); /* torn: as good as none */
	expect_state("interrupted");
}

static void status__a_campaign_without_fits_is_planned(void **state)
{
	struct ledger *ledger = new_ledger();

	(void)state;
	assert_int_equal(ledger_close(&ledger, NULL), 0);
	expect_state("planned");
}

static void status__no_campaign_is_said(void **state)
{
	struct orch_err err = {0};
	json_t *status = NULL;

	(void)state;
	assert_int_equal(status_read("/tmp", &status, &err), ORCH_EMISSING);
	assert_null(status);
	assert_non_null(strstr(err.text, "no campaign"));
}

/* ---- for people ---- */

static void status_text__says_what_runs_and_how_long(void **state)
{
	static const char *const wanted[] = {"rents: running, round 2 (at most 9 rounds), 01_hpo, for 1 min 00 s", "25 done, 1 failed of 40 (65 %)", "300 done, 2 failed of at most 1,200 (25 %)",
	        "10 of 40 fits", "best       mae 46.5, trial 3 {\"trees\":50}", "left       5 min 00 s to 8 min 20 s (", "pid 7 01_hpo #3 for 2 s, 1.0 MiB"};
	struct process_id self;
	struct text_buf text = {0};
	json_t *status;

	(void)state;
	process_self(&self);
	put_lock(&self);
	put_status("running");
	status = read_status();
	status_text(folder, status, &text);
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (!strstr(text.data, wanted[i]))
			fail_msg("\"%s\" is not in:\n%s", wanted[i], text.data);
	text_buf_release(&text);
	json_decref(status);
}

static void status_text__comforts_when_interrupted(void **state)
{
	struct text_buf text = {0};
	json_t *status;

	(void)state;
	put("lock", "{}\n");
	put_status("interrupted");
	status = read_status();
	status_text(folder, status, &text);
	assert_non_null(strstr(text.data, "interrupted after 2 finished rounds; nothing that was finished is lost"));
	assert_null(strstr(text.data, "workers"));
	text_buf_release(&text);
	json_decref(status);
}

/* ---- failures, as `orch show` groups them ---- */

static void outcome__groups_failures_by_cause_and_kind(void **state)
{
	struct ledger *ledger = new_ledger();
	struct ledger_attempt attempt = {.stage = "01_hpo", .cause = "timeout", .text = "x"};
	json_t *failures = NULL, *attempts = NULL, *first;
	struct orch_err err = {0};

	(void)state;
	add_fit(ledger, 0, 0, NULL);
	add_fit(ledger, 1, 0, "timeout: stopped after 2.1 s: over its time limit\nline one\nline two\n");
	add_fit(ledger, 2, 0, "timeout: stopped after 2.4 s: over its time limit");
	add_fit(ledger, 3, 0, "the matrix is singular");
	assert_int_equal(ledger_put_attempt(ledger, &attempt, NULL), 0);
	assert_int_equal(ledger_close(&ledger, NULL), 0);
	if (outcome_failures(folder, 1, &failures, &attempts, &err))
		fail_msg("%s", err.text);
	assert_int_equal(json_array_size(failures), 2);
	first = json_array_get(failures, 0);
	assert_string_equal(json_get_text(first, "cause", ""), "timeout");
	assert_string_equal(json_get_text(first, "text", ""), "stopped after 2.1 s: over its time limit");
	assert_int_equal(json_get_int(first, "count", 0), 2);
	assert_int_equal(json_get_int(first, "trial", 0), 1);
	assert_int_equal(json_array_size(json_object_get(first, "output")), 2);
	assert_string_equal(json_string_value(json_array_get(json_object_get(first, "output"), 1)), "line two");
	assert_string_equal(json_get_text(json_array_get(failures, 1), "cause", ""), "error");
	assert_int_equal(json_get_int(attempts, "timeout", 0), 1);
	json_decref(failures);
	json_decref(attempts);
}

static void outcome__keeps_the_last_lines_of_an_output(void **state)
{
	struct ledger *ledger = new_ledger();
	json_t *failures = NULL, *attempts = NULL, *output;
	struct text_buf note = {0};

	(void)state;
	text_add(&note, "signal: ended by signal 11\n");
	for (int i = 0; i < 50; i++)
		text_addf(&note, "line %d\n", i);
	add_fit(ledger, 0, 0, note.data);
	assert_int_equal(ledger_close(&ledger, NULL), 0);
	assert_int_equal(outcome_failures(folder, 1, &failures, &attempts, NULL), 0);
	output = json_object_get(json_array_get(failures, 0), "output");
	assert_int_equal(json_array_size(output), 20);
	assert_string_equal(json_string_value(json_array_get(output, 0)), "line 30");
	assert_string_equal(json_string_value(json_array_get(output, 19)), "line 49");
	json_decref(failures);
	json_decref(attempts);
	text_buf_release(&note);
}

/* ---- the screen of --watch ---- */

static void status_watch__sparkline_scales(void **state)
{
	const double rising[] = {1, 2, 3, 4, 5, 6, 7, 8}, level[] = {2, 2}, gap[] = {1, NAN, 2};
	struct text_buf out = {0};

	(void)state;
	status_sparkline(rising, 8, 48, &out);
	assert_string_equal(out.data, "▁▂▃▄▅▆▇█");
	out.length = 0;
	status_sparkline(rising, 8, 2, &out); /* the last of each half */
	assert_string_equal(out.data, "▁█");
	out.length = 0;
	status_sparkline(level, 2, 48, &out);
	assert_string_equal(out.data, "▄▄");
	out.length = 0;
	status_sparkline(gap, 3, 48, &out);
	assert_string_equal(out.data, "▁ █");
	text_buf_release(&out);
}

static void status_watch__shows_the_work(void **state)
{
	static const char *const wanted[] = {"rents: running, round 2 (at most 9 rounds)", "  rounds     0: 50 (4)  1: 48 (3)  █▁\n", "✓ data", "▶ search 25 %", "· leave one feature out",
		"██████░░░░░░░░░░░░░░░░░░ 10 of 40 fits, search\n", "  workers    7        ████░░░░   1.0 MiB  01_hpo #3 for 2", "  memory     largest worker 1.0 MiB, limit of all 2.0 MiB", "  left "};
	struct process_id self;
	struct status_watch *watch;
	struct text_buf out = {0};
	json_t *status;
	char *path = file_join(folder, "rounds/.round_002.work/00_dataset");

	(void)state;
	process_self(&self);
	put_lock(&self);
	put_status("running");
	put("summary.json", "{\"rounds\": [{\"round\": 0, \"features\": 4, \"score\": 50}, {\"round\": 1, \"features\": 3, \"score\": 48}]}");
	assert_int_equal(file_make_folders(path, NULL), 0);
	status = read_status();
	watch = status_watch_open(folder, false);
	status_watch_text(watch, status, 1, &out);
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (!strstr(out.data, wanted[i]))
			fail_msg("no \"%s\" in:\n%s", wanted[i], out.data);
	assert_null(strchr(out.data, '\033'));
	status_watch_close(watch);
	text_buf_release(&out);
	json_decref(status);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(status__running_while_its_writer_lives, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(status__paused_as_its_writer_says, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(status__interrupted_when_its_writer_is_dead, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(status__a_recycled_pid_is_not_its_writer, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(status__another_boot_is_not_its_writer, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(status__on_another_host_it_cannot_be_told, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(status__ends_stay_what_they_are, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(status__a_resume_that_has_just_begun_runs, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(status__needs_no_ledger, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(status__a_finished_one_tells_the_chosen_round, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(status__without_its_file_comes_from_the_ledger, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(status__a_campaign_without_fits_is_planned, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(status__no_campaign_is_said, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(status_text__says_what_runs_and_how_long, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(status_text__comforts_when_interrupted, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(status_watch__sparkline_scales, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(status_watch__shows_the_work, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(outcome__groups_failures_by_cause_and_kind, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(outcome__keeps_the_last_lines_of_an_output, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
