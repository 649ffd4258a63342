/* Searches whose results decide about other fits: what is stopped depends on scores alone, not on workers, order or interruption. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/address.h"
#include "orchestrator/search_phases.h"
#include "storage/base/file.h"
#include "storage/base/frame.h"
#include "storage/base/json.h"
#include "storage/base/text.h"

#define ROWS 30
#define TRIALS 24
#define FOLDS 3

/* A study of 30 rows and 3 folds, and the plan of its search. */
struct fixture {
	char folder[64], *frame, *folds, *yaml;
	struct spec *spec;
	struct study *study;
	struct search *search;
	struct search_phases *phases;
	struct fit_plan *plan;
	bool stopped[TRIALS];
	int stops_to_allow; /* the callback fails after so many */
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	setenv("ORCH_FAKE_ENGINE", "1", 1);
	strcpy(fixture->folder, "/tmp/orch-phases-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	fixture->frame = file_join(fixture->folder, "f.frame");
	fixture->folds = file_join(fixture->folder, "f.folds");
	fixture->yaml = file_join(fixture->folder, "c.yaml");
	*state = fixture;
	return 0;
}

static void close_search(struct fixture *fixture)
{
	search_phases_close(fixture->phases);
	fit_plan_close(fixture->plan);
	search_close(fixture->search);
	fixture->phases = NULL;
	fixture->plan = NULL;
	fixture->search = NULL;
	memset(fixture->stopped, 0, sizeof fixture->stopped);
	fixture->stops_to_allow = TRIALS;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	close_search(fixture);
	study_close(fixture->study);
	spec_release(fixture->spec);
	file_remove_tree(fixture->folder, NULL);
	free(fixture->frame);
	free(fixture->folds);
	free(fixture->yaml);
	free(fixture);
	return 0;
}

static void write_data(struct fixture *fixture)
{
	struct frame_writer *writer = NULL;
	struct frame *frame = NULL;
	struct split *split = NULL;
	double rows[ROWS], a[ROWS];
	void *bytes;
	size_t length;

	for (int i = 0; i < ROWS; i++) {
		rows[i] = i;
		a[i] = i % 7;
	}
	assert_int_equal(frame_writer_begin(fixture->frame, ROWS, &writer, NULL), 0);
	frame_writer_number(writer, "__row", COLUMN_ROW, rows);
	frame_writer_number(writer, "a", COLUMN_FEATURE, a);
	frame_writer_number(writer, "b", COLUMN_FEATURE, rows);
	frame_writer_number(writer, "y", COLUMN_TARGET, rows);
	assert_int_equal(frame_writer_commit(&writer, NULL), 0);
	assert_int_equal(frame_open(fixture->frame, false, &frame, NULL), 0);
	assert_int_equal(study_split(fixture->spec, frame, &split, NULL), 0);
	assert_int_equal(split_encode(split, &bytes, &length), 0);
	assert_int_equal(file_write_new(fixture->folds, bytes, length, NULL), 0);
	free(bytes);
	split_release(split);
	frame_close(frame);
}

static void open_study(struct fixture *fixture, const char *model, const char *hpo)
{
	char *text = text_format("data: {source: d.csv, target: y}\nsplit: {folds: {k: %d}}\nmetric: rmse\nmodel: %s\nhpo: %s\n", FOLDS, model, hpo);
	char *report = NULL;

	assert_int_equal(file_write_new(fixture->yaml, text, strlen(text), NULL), 0);
	if (spec_load(fixture->yaml, false, &fixture->spec, &report, NULL))
		fail_msg("%s", report);
	free(report);
	free(text);
	write_data(fixture);
	assert_int_equal(study_open(fixture->spec, fixture->frame, fixture->folds, &fixture->study, NULL), 0);
}

static int stop(void *context, int64_t trial, struct orch_err *err)
{
	struct fixture *fixture = context;

	if (!fixture->stops_to_allow--)
		return orch_fail(err, ORCH_EIO, "the row of trial %lld cannot be written", (long long)trial);
	assert_in_range(trial, 0, TRIALS - 1);
	assert_false(fixture->stopped[trial]); /* once */
	fixture->stopped[trial] = true;
	return 0;
}

static void open_search(struct fixture *fixture)
{
	struct search_source source = {.folds = FOLDS};
	struct search_phases_request request = {.study = fixture->study, .stopped = stop, .context = fixture};
	struct fit_plan_request plan = {.stage = STAGE_HPO, .trial = -1, .scratch = fixture->folder, .study = fixture->study};

	close_search(fixture);
	assert_int_equal(search_open(fixture->spec, 0, &source, &fixture->search, NULL), 0);
	request.search = plan.search = fixture->search;
	assert_int_equal(search_phases_open(&request, &fixture->phases, NULL), 0);
	plan.gate = fixture->phases ? search_phases_gate : NULL;
	plan.gate_context = fixture->phases;
	assert_int_equal(fit_plan_open(&plan, &fixture->plan, NULL), 0);
}

/* Trials get better and worse, with folds that agree more or less. A few folds fail. */
static double score_of(int64_t trial, int fold)
{
	uint64_t hash = address_hash(address_hash(address_text(1, "score"), (uint64_t)trial), (uint64_t)fold);

	return trial == 13 && fold == 0 ? NAN : 10 + (double)((trial * 7) % 11) + address_unit(hash);
}

struct seen {
	bool fit[TRIALS][FOLDS], stopped[TRIALS];
	size_t fits, most_at_once;
};

static void end_fit(struct fixture *fixture, const struct fit_address *at, struct seen *seen)
{
	fit_plan_mark(fixture->plan, at->number);
	search_phases_note(fixture->phases, &(struct search_fit){.trial = at->trial, .fold = at->fold, .score = score_of(at->trial, at->fold)});
	assert_false(seen->fit[at->trial][at->fold]); /* nothing is done twice */
	seen->fit[at->trial][at->fold] = true;
	seen->fits++;
}

/* A search with so many workers; which of the running fits ends next is drawn from the seed. Ends after most fits. */
static void run(struct fixture *fixture, size_t workers, uint64_t seed, size_t most, struct seen *seen)
{
	struct fit_address running[64];
	size_t count = 0, steps = 0;

	for (;;) {
		struct task task;

		while (count < workers && fit_plan_next(fixture->plan, 1, &task, NULL) == 1) {
			assert_int_equal(task.fit_count, 1);
			fit_plan_address(fixture->plan, &task, 0, (int)json_integer_value(json_array_get(json_object_get(task.line, "folds"), 0)), &running[count++]);
			task_release(&task);
		}
		seen->most_at_once = count > seen->most_at_once ? count : seen->most_at_once;
		if (!count || seen->fits >= most)
			break;
		size_t next = address_hash(seed, steps++) % count;
		end_fit(fixture, &running[next], seen);
		running[next] = running[--count];
	}
	memcpy(seen->stopped, fixture->stopped, sizeof seen->stopped);
	assert_int_equal(search_phases_error(fixture->phases, NULL), 0);
}

#define FAKE "{engine: fake}"
#define PRUNED "{sampler: random, trials: 24, pruner: median, space: {x: {float: [0, 1]}}}"

static void check_same(const struct seen *a, const struct seen *b)
{
	assert_memory_equal(a->fit, b->fit, sizeof a->fit);
	assert_memory_equal(a->stopped, b->stopped, sizeof a->stopped);
}

static void search_phases__none_where_nothing_is_decided(void **state)
{
	struct fixture *fixture = *state;

	open_study(fixture, FAKE, "{sampler: random, trials: 24, space: {x: {float: [0, 1]}}}");
	open_search(fixture);
	assert_null(fixture->phases);
	search_phases_close(NULL);
}

/* An engine that answers all folds in one go would save nothing. */
static void search_phases__none_where_folds_are_one_fit(void **state)
{
	struct fixture *fixture = *state;

	open_study(fixture, "{engine: ridge}", "{sampler: random, trials: 24, pruner: median, space: {alpha: {float: [0.1, 1]}}}");
	open_search(fixture);
	assert_null(fixture->phases);
}

static void search_phases__a_pruner_stops_the_worst(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0};
	size_t stopped = 0;

	open_study(fixture, FAKE, PRUNED);
	open_search(fixture);
	assert_non_null(fixture->phases);
	search_phases_begin(fixture->phases, fixture->plan);
	run(fixture, 4, 1, SIZE_MAX, &seen);
	assert_int_equal(fit_plan_done(fixture->plan), fit_plan_fits(fixture->plan));
	for (int t = 0; t < TRIALS; t++) {
		size_t folds = (size_t)seen.fit[t][0] + seen.fit[t][1] + seen.fit[t][2];

		stopped += seen.stopped[t];
		assert_int_equal(seen.stopped[t], folds < FOLDS);
		assert_true(seen.fit[t][0]); /* nobody is stopped without a fold */
		if (t < 10)
			assert_false(seen.stopped[t]); /* there is no earlier trial to be compared with */
	}
	assert_in_range(stopped, 3, 13);
	assert_true(seen.stopped[13]); /* its fold failed */
	assert_int_equal(seen.fits + fit_plan_skipped(fixture->plan), TRIALS * FOLDS);
}

static void search_phases__neither_workers_nor_order_matter(void **state)
{
	static const size_t workers[] = {1, 2, 7, 64};
	struct fixture *fixture = *state;
	struct seen first = {0};

	open_study(fixture, FAKE, PRUNED);
	open_search(fixture);
	search_phases_begin(fixture->phases, fixture->plan);
	run(fixture, 1, 1, SIZE_MAX, &first);
	for (uint64_t i = 0; i < 12; i++) {
		struct seen seen = {0};

		open_search(fixture);
		search_phases_begin(fixture->phases, fixture->plan);
		run(fixture, workers[i % 4], i + 5, SIZE_MAX, &seen);
		check_same(&first, &seen);
		assert_in_range(seen.most_at_once, workers[i % 4] < 10 ? workers[i % 4] : 10, 64); /* a phase keeps the workers busy */
	}
}

/* Interrupted after any number of fits: what ended is noted anew, and the rest is the same. */
static void search_phases__an_interruption_does_not_matter(void **state)
{
	struct fixture *fixture = *state;
	struct seen whole = {0};

	open_study(fixture, FAKE, PRUNED);
	open_search(fixture);
	search_phases_begin(fixture->phases, fixture->plan);
	run(fixture, 3, 1, SIZE_MAX, &whole);
	for (size_t most = 1; most < whole.fits; most += 4) {
		struct seen before = {0}, after = {0};

		open_search(fixture);
		search_phases_begin(fixture->phases, fixture->plan);
		run(fixture, 5, most, most, &before);
		open_search(fixture);
		for (int t = 0; t < TRIALS; t++)
			for (int f = 0; f < FOLDS; f++)
				if (before.fit[t][f]) {
					struct fit_address at = {.trial = t, .fold = f};

					assert_true(fit_plan_find(fixture->plan, t, f, "", &at.number));
					end_fit(fixture, &at, &after);
				}
		search_phases_begin(fixture->phases, fixture->plan);
		run(fixture, 2, most + 100, SIZE_MAX, &after);
		check_same(&whole, &after);
	}
}

/* What cannot be recorded ends the search, with its words. */
static void search_phases__a_failure_behind_the_gate_is_told(void **state)
{
	struct fixture *fixture = *state;
	struct orch_err err = {0};
	struct task task;
	int code;

	open_study(fixture, FAKE, PRUNED);
	open_search(fixture);
	fixture->stops_to_allow = 1;
	search_phases_begin(fixture->phases, fixture->plan);
	assert_int_equal(search_phases_error(fixture->phases, &err), 0);
	while ((code = fit_plan_next(fixture->plan, 1, &task, NULL)) == 1) {
		struct fit_address at;

		fit_plan_address(fixture->plan, &task, 0, (int)json_integer_value(json_array_get(json_object_get(task.line, "folds"), 0)), &at);
		fit_plan_mark(fixture->plan, at.number);
		search_phases_note(fixture->phases, &(struct search_fit){.trial = at.trial, .fold = at.fold, .score = score_of(at.trial, at.fold)});
		task_release(&task);
	}
	assert_int_equal(code, 0); /* nothing more is handed out */
	assert_true(fit_plan_done(fixture->plan) < fit_plan_fits(fixture->plan));
	assert_int_equal(search_phases_error(fixture->phases, &err), ORCH_EIO);
	assert_non_null(strstr(err.text, "cannot be written"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(search_phases__none_where_nothing_is_decided, setup, teardown),
		cmocka_unit_test_setup_teardown(search_phases__none_where_folds_are_one_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(search_phases__a_pruner_stops_the_worst, setup, teardown),
		cmocka_unit_test_setup_teardown(search_phases__neither_workers_nor_order_matter, setup, teardown),
		cmocka_unit_test_setup_teardown(search_phases__an_interruption_does_not_matter, setup, teardown),
		cmocka_unit_test_setup_teardown(search_phases__a_failure_behind_the_gate_is_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
