/* Tasks that travel together: how many, which, and that each result finds its way back to its own task. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/batching.h"
#include "storage/base/file.h"
#include "storage/base/json.h"

/* ---- sizes ---- */

static void size__follows_memory_and_units(void **state)
{
	(void)state;
	assert_int_equal(batching_size(1024, 1024, 1, UINT64_MAX), 1024);
	assert_int_equal(batching_size(1024, 1e6, 64, UINT64_MAX), 1024);
	assert_int_equal(batching_size(1024, 512, 1, UINT64_MAX), 512);
	assert_int_equal(batching_size(1024, 512, 0.5, UINT64_MAX), 256);
	assert_int_equal(batching_size(1024, 1, 1, UINT64_MAX), 102);
	assert_int_equal(batching_size(1024, 1, 0.01, UINT64_MAX), 16);
	assert_int_equal(batching_size(10, 1024, 1, UINT64_MAX), 16);
	assert_int_equal(batching_size(1024, 1024, 1, 7), 7);
}

static void batching__one_until_measured_then_by_seconds(void **state)
{
	struct batching batching;

	(void)state;
	batching_init(&batching, 4096, 1, 2, 0);
	assert_int_equal(batching_next(&batching, 1, 1000000), 1);
	batching_note(&batching, 1, 1, BATCHING_SECONDS / 100);
	assert_int_equal(batching_next(&batching, 1, 1000000), 4); /* four times as many as the last at most */
	assert_int_equal(batching_next(&batching, 2, 1000000), 1); /* another stage */
	for (unsigned parts = 4; parts < 64; parts *= 4)
		batching_note(&batching, 1, parts, parts * BATCHING_SECONDS / 100);
	batching_note(&batching, 1, 64, 64 * BATCHING_SECONDS / 100);
	assert_in_range(batching_next(&batching, 1, 1000000), 99, 101);
	assert_int_equal(batching_next(&batching, 1, 40), 10); /* the last ones end together */
	assert_int_equal(batching_next(&batching, 1, 3), 1);
	batching_release(&batching);
}

static void batching__slow_tasks_go_alone(void **state)
{
	struct batching batching;

	(void)state;
	batching_init(&batching, 4096, 1, 2, 0);
	batching_note(&batching, 1, 500, 0.001);
	assert_true(batching_next(&batching, 1, 1000000) > 100);
	batching_note(&batching, 1, 100, 100 * 10.0); /* longer ones count at once */
	assert_int_equal(batching_next(&batching, 1, 1000000), 1);
	batching_release(&batching);
}

static void batching__as_the_campaign_says(void **state)
{
	struct batching batching;

	(void)state;
	batching_init(&batching, 4096, 1, 2, 7);
	assert_int_equal(batching_next(&batching, 1, 1), 7);
	batching_note(&batching, 1, 7, 100);
	assert_int_equal(batching_next(&batching, 1, 1000), 7);
	batching_release(&batching);
}

static void batching__singles_come_back_in_order(void **state)
{
	struct batching batching;
	struct batching_single single;

	(void)state;
	batching_init(&batching, 4096, 1, 2, 0);
	for (uint64_t n = 0; n < 200; n++)
		batching_alone(&batching, 1, n, n % 2);
	for (uint64_t n = 0; n < 200; n++) {
		assert_true(batching_take_single(&batching, &single));
		assert_int_equal(single.number, n);
		assert_int_equal(single.attempt, n % 2);
	}
	assert_false(batching_take_single(&batching, &single));
	batching_release(&batching);
}

/* ---- which ---- */

struct fixture {
	char folder[64], *frame, *folds, *yaml;
	struct spec *spec;
	struct study *study;
	struct search *search;
	struct fit_plan *plan;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	setenv("ORCH_FAKE_ENGINE", "1", 1);
	strcpy(fixture->folder, "/tmp/orch-batching-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	fixture->frame = file_join(fixture->folder, "f.frame");
	fixture->folds = file_join(fixture->folder, "f.folds");
	fixture->yaml = file_join(fixture->folder, "c.yaml");
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	fit_plan_close(fixture->plan);
	search_close(fixture->search);
	study_close(fixture->study);
	spec_release(fixture->spec);
	file_remove_tree(fixture->folder, NULL);
	free(fixture->frame);
	free(fixture->folds);
	free(fixture->yaml);
	free(fixture);
	return 0;
}

#define ROWS 30
static void write_data(struct fixture *fixture)
{
	struct frame_writer *writer = NULL;
	struct frame *frame = NULL;
	struct split *split = NULL;
	double rows[ROWS], a[ROWS], y[ROWS];
	void *bytes;
	size_t length;

	for (int i = 0; i < ROWS; i++) {
		rows[i] = i;
		a[i] = i % 7;
		y[i] = i;
	}
	assert_int_equal(frame_writer_begin(fixture->frame, ROWS, &writer, NULL), 0);
	frame_writer_number(writer, "__row", COLUMN_ROW, rows);
	frame_writer_number(writer, "a", COLUMN_FEATURE, a);
	frame_writer_number(writer, "b", COLUMN_FEATURE, rows);
	frame_writer_number(writer, "y", COLUMN_TARGET, y);
	assert_int_equal(frame_writer_commit(&writer, NULL), 0);
	assert_int_equal(frame_open(fixture->frame, false, &frame, NULL), 0);
	assert_int_equal(study_split(fixture->spec, frame, &split, NULL), 0);
	assert_int_equal(split_encode(split, &bytes, &length), 0);
	assert_int_equal(file_write_new(fixture->folds, bytes, length, NULL), 0);
	free(bytes);
	split_release(split);
	frame_close(frame);
}

/* The plan of the search; model is the spec's line. */
static void open_plan(struct fixture *fixture, const char *model, const char *space)
{
	char *text = text_format("data: {source: d.csv, target: y}\nsplit: {folds: {k: 3}}\nmetric: rmse\nmodel: %s\nhpo: {sampler: grid, space: %s}\n", model, space);
	struct fit_plan_request request = {.stage = STAGE_HPO, .trial = -1, .scratch = fixture->folder};
	struct search_source source = {0};
	char *report = NULL;

	assert_int_equal(file_write_new(fixture->yaml, text, strlen(text), NULL), 0);
	if (spec_load(fixture->yaml, false, &fixture->spec, &report, NULL))
		fail_msg("%s", report);
	free(report);
	write_data(fixture);
	assert_int_equal(study_open(fixture->spec, fixture->frame, fixture->folds, &fixture->study, NULL), 0);
	source.folds = fixture->study->folds;
	assert_int_equal(search_open(fixture->spec, 0, &source, &fixture->search, NULL), 0);
	request.study = fixture->study;
	request.search = fixture->search;
	assert_int_equal(fit_plan_open(&request, &fixture->plan, NULL), 0);
	free(text);
}

static size_t variants_of(const struct task *task)
{
	return json_array_size(json_object_get(task->line, "variants"));
}

/* Eight trials of three folds, each fit by itself: 24 tasks. */
static void plan__puts_whole_trials_together(void **state)
{
	struct fixture *fixture = *state;
	struct task task;
	struct fit_address address;

	open_plan(fixture, "{engine: fake}", "{x: [1, 2, 3, 4, 5, 6, 7, 8]}");
	assert_int_equal(fit_plan_tasks(fixture->plan), 24);
	assert_int_equal(fit_plan_next(fixture->plan, 1, &task, NULL), 1);
	assert_int_equal(task.parts, 1);
	assert_null(json_object_get(task.line, "jobs"));
	task_release(&task);
	for (int fold = 1; fold < 3; fold++) { /* the rest of a trial that was begun goes alone */
		assert_int_equal(fit_plan_next(fixture->plan, 100, &task, NULL), 1);
		assert_int_equal(task.fit_count, 1);
		task_release(&task);
	}
	assert_int_equal(fit_plan_next(fixture->plan, 11, &task, NULL), 1); /* three whole trials fit into 11 */
	assert_int_equal(task.parts, 9);
	assert_int_equal(task.fit_count, 9);
	assert_int_equal(task.group, 3);
	assert_int_equal(variants_of(&task), 3);
	assert_false(json_is_true(json_object_get(task.line, "folds_together")));
	fit_plan_address(fixture->plan, &task, 2, 1, &address);
	assert_int_equal(address.trial, 3);
	assert_int_equal(fit_plan_part(fixture->plan, &task, 0, 0), 0);
	assert_int_equal(fit_plan_part(fixture->plan, &task, 2, 1), 7);
	task_release(&task);
	assert_int_equal(fit_plan_task(fixture->plan, 3 + 7, &task, NULL), 1); /* that part by itself is that fit */
	fit_plan_address(fixture->plan, &task, 0, 1, &address);
	assert_int_equal(address.trial, 3);
	task_release(&task);
}

static void plan__what_is_done_is_not_sent_again(void **state)
{
	struct fixture *fixture = *state;
	struct task task;

	open_plan(fixture, "{engine: fake}", "{x: [1, 2, 3, 4]}");
	fit_plan_mark(fixture->plan, 2 * 3 + 1); /* trial 2, fold 1 */
	assert_int_equal(fit_plan_next(fixture->plan, 100, &task, NULL), 1);
	assert_int_equal(variants_of(&task), 2);
	task_release(&task);
	for (int fold = 0; fold < 3; fold += 2) {
		assert_int_equal(fit_plan_next(fixture->plan, 100, &task, NULL), 1);
		assert_int_equal(task.fit_count, 1);
		assert_int_equal(json_integer_value(json_array_get(json_object_get(task.line, "folds"), 0)), fold);
		task_release(&task);
	}
	assert_int_equal(fit_plan_next(fixture->plan, 100, &task, NULL), 1);
	assert_int_equal(task.fit_count, 3);
	task_release(&task);
	assert_int_equal(fit_plan_next(fixture->plan, 100, &task, NULL), 0);
}

/* Ridge answers all penalties and folds of a task at once: each combination of the other axis stays one job. */
static void plan__keeps_what_shares_in_one_job(void **state)
{
	struct fixture *fixture = *state;
	struct task task;
	json_t *jobs;

	open_plan(fixture, "{engine: ridge}", "{alpha: [0.1, 1, 10, 100], standardize: [true, false]}");
	assert_int_equal(fit_plan_tasks(fixture->plan), 2);
	assert_int_equal(fit_plan_next(fixture->plan, 2, &task, NULL), 1);
	jobs = json_object_get(task.line, "jobs");
	assert_int_equal(task.parts, 2);
	assert_int_equal(task.fit_count, 24);
	assert_int_equal(json_array_size(jobs), 2);
	assert_int_equal(json_integer_value(json_array_get(jobs, 1)), 4);
	assert_true(json_is_true(json_object_get(task.line, "folds_together")));
	assert_int_equal(fit_plan_part(fixture->plan, &task, 3, 2), 0);
	assert_int_equal(fit_plan_part(fixture->plan, &task, 4, 0), 1);
	task_release(&task);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(size__follows_memory_and_units),
	        cmocka_unit_test(batching__one_until_measured_then_by_seconds),
	        cmocka_unit_test(batching__slow_tasks_go_alone),
	        cmocka_unit_test(batching__as_the_campaign_says),
	        cmocka_unit_test(batching__singles_come_back_in_order),
	        cmocka_unit_test_setup_teardown(plan__puts_whole_trials_together, setup, teardown),
	        cmocka_unit_test_setup_teardown(plan__what_is_done_is_not_sent_again, setup, teardown),
	        cmocka_unit_test_setup_teardown(plan__keeps_what_shares_in_one_job, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
