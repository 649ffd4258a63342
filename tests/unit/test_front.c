/* A search with several metrics or constraints: which trials no other beats, which one is taken, and the table of them. */
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

#include "orchestrator/front.h"
#include "storage/base/file.h"

static const char *const error_and_r2[] = {"rmse", "r2"};

/* rmse first; with r2 beside it, or a bound of seconds, or both. */
struct world {
	struct spec spec;
	struct study study;
	struct spec_constraint bound;
	struct front *front;
};

static void world_make(struct world *world, bool objectives, bool bound)
{
	*world = (struct world){.bound = {.name = "fit_seconds", .bound = 2}};
	world->spec.objectives = (const char **)(uintptr_t)error_and_r2;
	world->spec.objective_count = objectives ? 2 : 0;
	world->spec.constraints = &world->bound;
	world->spec.constraint_count = bound;
	world->study.spec = &world->spec;
	world->study.metric = metric_find("rmse");
	front_open(&world->study, &world->front);
}

static int add_fold(struct world *world, const char *metrics, struct orch_err *err)
{
	const struct ledger_fit fit = {.stage = "01_hpo", .state = LEDGER_DONE, .metrics = metrics, .score = 1};

	return front_fit(world->front, &fit, err);
}

/* A trial of two folds: what the means are, half of the folds' distance apart. */
static void add_trial(struct world *world, int64_t trial, double rmse, double r2, double seconds, double *extra)
{
	char low[160], high[160];

	snprintf(low, sizeof low, "{\"rmse\":%.17g,\"r2\":%.17g,\"fit_seconds\":%.17g}", rmse - 1, r2 - 0.25, seconds - 0.5);
	snprintf(high, sizeof high, "{\"rmse\":%.17g,\"r2\":%.17g,\"fit_seconds\":%.17g}", rmse + 1, r2 + 0.25, seconds + 0.5);
	assert_int_equal(add_fold(world, low, NULL), 0);
	assert_int_equal(add_fold(world, high, NULL), 0);
	assert_int_equal(front_end_trial(world->front, trial, true, rmse, extra, NULL), 0);
}

static void check_best(const struct world *world, int64_t want, double want_mean, bool want_feasible)
{
	int64_t trial;
	double mean;
	bool feasible;

	assert_int_equal(front_best(world->front, &trial, &mean, &feasible, NULL), 0);
	assert_int_equal(trial, want);
	assert_true(mean == want_mean || (isnan(mean) && isnan(want_mean)));
	assert_int_equal(feasible, want_feasible);
}

static void front__one_metric_needs_none(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, false, false);
	assert_null(world.front);
	assert_int_equal(front_extra(NULL), 0);
	front_close(NULL);
}

static void front__extra_columns_are_what_is_beside_the_first_metric(void **state)
{
	struct world world;
	double extra[4];

	(void)state;
	world_make(&world, true, true);
	assert_int_equal(front_extra(world.front), 2);
	assert_string_equal(front_extra_name(world.front, 0), "r2");
	assert_string_equal(front_extra_name(world.front, 1), "fit_seconds");
	add_trial(&world, 0, 5, 0.5, 1.5, extra);
	assert_true(extra[0] == 0.5 && extra[1] == 1.5);
	add_trial(&world, 1, 4, 0.75, 3, extra); /* nothing of the trial before */
	assert_true(extra[0] == 0.75 && extra[1] == 3);
	front_close(world.front);
}

/* A bound on the first metric, or on one of the metrics, is no further column. */
static void front__a_name_is_one_column(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, true, true);
	front_close(world.front);
	world.bound.name = "r2";
	front_open(&world.study, &world.front);
	assert_int_equal(front_extra(world.front), 1);
	front_close(world.front);
	world.spec.objective_count = 0;
	world.bound.name = "rmse";
	front_open(&world.study, &world.front);
	assert_int_equal(front_extra(world.front), 0);
	front_close(world.front);
}

static void front__the_first_metric_decides(void **state)
{
	struct world world;
	double extra[4];

	(void)state;
	world_make(&world, true, false);
	add_trial(&world, 0, 5, 0.9, 1, extra);
	add_trial(&world, 1, 4, 0.5, 1, extra);
	add_trial(&world, 2, 6, 0.1, 1, extra);
	check_best(&world, 1, 4, true);
	front_close(world.front);
}

static void front__bounds_come_before_the_metric(void **state)
{
	struct world world;
	double extra[4];

	(void)state;
	world_make(&world, false, true);
	add_trial(&world, 0, 5, 0, 2, extra); /* as much as is allowed */
	add_trial(&world, 1, 1, 0, 2.5, extra);
	check_best(&world, 0, 5, true);
	front_close(world.front);
	world_make(&world, false, true);
	add_trial(&world, 0, 5, 0, 4, extra);
	add_trial(&world, 1, 9, 0, 3, extra);
	check_best(&world, 1, 9, false); /* none meets it: the nearest */
	front_close(world.front);
	world_make(&world, false, true);
	world.bound.at_least = true;
	add_trial(&world, 0, 5, 0, 1, extra);
	add_trial(&world, 1, 9, 0, 3, extra);
	check_best(&world, 1, 9, true);
	front_close(world.front);
}

static void front__what_lacks_folds_or_values_is_not_taken(void **state)
{
	struct world world;
	double extra[4] = {0};

	(void)state;
	world_make(&world, true, false);
	check_best(&world, -1, NAN, false); /* no trial at all */
	assert_int_equal(add_fold(&world, "{\"rmse\":1,\"r2\":1}", NULL), 0);
	assert_int_equal(front_end_trial(world.front, 0, false, 1, extra, NULL), 0); /* stopped or failed */
	assert_true(isnan(extra[0]));
	assert_int_equal(add_fold(&world, "{\"rmse\":1}", NULL), 0); /* without r2 */
	assert_int_equal(front_end_trial(world.front, 1, true, 1, extra, NULL), 0);
	assert_true(isnan(extra[0]));
	check_best(&world, -1, NAN, false);
	add_trial(&world, 2, 7, 0.5, 1, extra);
	check_best(&world, 2, 7, true);
	front_close(world.front);
}

static void front__many_trials(void **state)
{
	struct world world;
	double extra[4];

	(void)state;
	world_make(&world, true, false);
	for (int64_t t = 0; t < 1000; t++)
		add_trial(&world, t, (double)(1000 - t % 997), 0.5, 1, extra);
	check_best(&world, 996, 4, true);
	front_close(world.front);
}

static void front__metrics_that_are_no_json_are_damage(void **state)
{
	struct world world;
	struct orch_err err = {0};

	(void)state;
	world_make(&world, true, false);
	assert_true(add_fold(&world, "{\"rmse\":", &err) < 0);
	assert_non_null(strstr(err.text, "ledger"));
	front_close(world.front);
}

static void check_front(struct world *world, const char *want)
{
	char folder[] = "/tmp/orch-front-XXXXXX", *path, *text = NULL;
	struct stage_context context = {0};
	struct orch_err err = {0};
	size_t length;

	assert_non_null(mkdtemp(folder));
	context.folder = folder;
	if (front_write(world->front, &context, &err))
		fail_msg("%s", err.text);
	path = file_join(folder, "front.csv");
	assert_int_equal(file_read(path, 1 << 20, &text, &length, NULL), 0);
	assert_string_equal(text, want);
	free(text);
	free(path);
	path = file_join(folder, "front.parquet");
	assert_true(file_size(path) > 0);
	free(path);
	file_remove_tree(folder, NULL);
}

static void front__is_written_best_first(void **state)
{
	struct world world;
	double extra[4];

	(void)state;
	world_make(&world, true, true);
	check_front(&world, "trial,rmse,r2,fit_seconds,feasible\n");
	add_trial(&world, 0, 5, 0.75, 1, extra);
	add_trial(&world, 1, 4, 0.5, 1.5, extra);
	add_trial(&world, 2, 6, 0.625, 1, extra); /* beaten by the first */
	add_trial(&world, 3, 1, 1, 8, extra);     /* takes too long */
	check_front(&world, "trial,rmse,r2,fit_seconds,feasible\n1,4,0.5,1.5,1\n0,5,0.75,1,1\n");
	front_close(world.front);
	world_make(&world, true, true);
	add_trial(&world, 7, 5, 0.75, 3, extra);
	check_front(&world, "trial,rmse,r2,fit_seconds,feasible\n7,5,0.75,3,0\n"); /* the nearest, and it says so */
	front_close(world.front);
}

static void front__says_where_it_cannot_write(void **state)
{
	struct world world;
	struct stage_context context = {.folder = "/nowhere/at/all"};
	struct orch_err err = {0};

	(void)state;
	world_make(&world, true, true);
	assert_int_equal(front_write(world.front, &context, &err), ORCH_EIO);
	assert_non_null(strstr(err.text, "/nowhere/at/all/front."));
	front_close(world.front);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(front__one_metric_needs_none),
	        cmocka_unit_test(front__extra_columns_are_what_is_beside_the_first_metric),
	        cmocka_unit_test(front__a_name_is_one_column),
	        cmocka_unit_test(front__the_first_metric_decides),
	        cmocka_unit_test(front__bounds_come_before_the_metric),
	        cmocka_unit_test(front__what_lacks_folds_or_values_is_not_taken),
	        cmocka_unit_test(front__many_trials),
	        cmocka_unit_test(front__metrics_that_are_no_json_are_damage),
	        cmocka_unit_test(front__is_written_best_first),
	        cmocka_unit_test(front__says_where_it_cannot_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
