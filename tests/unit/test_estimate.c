/* From what a few tasks took to what a campaign takes; from measured memory to workers. Readings are made up: no clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/estimate.h"
#include "storage/base/process.h"

#define MIB ((uint64_t)1 << 20)

static struct spec_model model = {.engine = "elasticnet"};
static struct spec spec;
static struct study study;
static struct plan plan;
static struct measured measured;

/* One round: 100 tasks of the search, 6 of the final models, no LOFO; four workers with plenty of memory. */
static int begin(void **state)
{
	(void)state;
	model.engine = (char *)(uintptr_t)"xgboost";
	spec = (struct spec){.models = &model, .model_count = 1};
	study = (struct study){.spec = &spec, .folds = 5, .all_feature_count = 10, .unit_count = 10};
	plan = (struct plan){.rounds = 1, .tasks = 106, .round_tasks = {106}, .search_tasks = 100, .workers = 4, .threads = 1, .memory = {2 * MIB, 98 * MIB, 10 * MIB},
	        .memory_worker = 100 * MIB, .memory_limit = 8000 * MIB, .seconds_low = NAN, .seconds = NAN, .seconds_high = NAN};
	measured = measured_nothing;
	return 0;
}

static void set_samples(double a, double b)
{
	measured.search[0] = a;
	measured.search[1] = b;
}

static void estimate__nothing_measured_is_unknown(void **state)
{
	(void)state;
	estimate(&spec, &study, &measured, &plan);
	assert_true(isnan(plan.seconds_low) && isnan(plan.seconds) && isnan(plan.seconds_high));
}

static void estimate__turns_of_equal_tasks(void **state)
{
	(void)state;
	spec.resources.workers = 4;
	set_samples(8, 8);
	estimate(&spec, &study, &measured, &plan);
	assert_int_equal(plan.workers, 4);
	assert_true(fabs(plan.seconds - (25 * 8 + 2 * 8 + 0.5)) < 8.01); /* 25 turns of the search, the final models */
	assert_true(plan.seconds_low < plan.seconds && plan.seconds < plan.seconds_high);
}

static void estimate__slower_at_once(void **state)
{
	double alone;

	(void)state;
	spec.resources.workers = 4;
	set_samples(8, 8);
	estimate(&spec, &study, &measured, &plan);
	alone = plan.seconds;
	measured.slowdown = 2;
	estimate(&spec, &study, &measured, &plan);
	assert_true(fabs(plan.seconds - 2 * alone) < 1);
}

static void estimate__a_wide_spread_is_a_wide_range(void **state)
{
	double narrow;

	(void)state;
	spec.resources.workers = 4;
	set_samples(8, 8);
	estimate(&spec, &study, &measured, &plan);
	narrow = plan.seconds_high / plan.seconds_low;
	set_samples(1, 15);
	estimate(&spec, &study, &measured, &plan);
	assert_true(plan.seconds_high / plan.seconds_low > 1.3 * narrow);
}

static void estimate__measured_left_out_fits(void **state)
{
	double guessed;

	(void)state;
	spec.resources.workers = 4;
	spec.lofo.enabled = true;
	plan.tasks = plan.round_tasks[0] = 111;
	set_samples(8, 8);
	estimate(&spec, &study, &measured, &plan);
	guessed = plan.seconds;
	measured.lofo = 20;
	estimate(&spec, &study, &measured, &plan);
	assert_true(fabs(guessed - plan.seconds - 2 * (80 - 20)) < 1); /* ten left-out fits were taken for ten trainings: five tasks, two turns */
}

static void estimate__what_does_not_end_has_no_upper_end(void **state)
{
	(void)state;
	spec.resources.workers = 4;
	measured.over = true;
	estimate(&spec, &study, &measured, &plan);
	assert_true(plan.seconds_low == PLAN_PROBE_SECONDS * 100 / 4);
	assert_true(isnan(plan.seconds_high));
	measured.search[0] = 5;
	estimate(&spec, &study, &measured, &plan);
	assert_true(isfinite(plan.seconds_low) && isnan(plan.seconds_high));
}

static void estimate__rounds_that_are_not_sure_widen_the_range(void **state)
{
	(void)state;
	spec.resources.workers = 4;
	spec.rfe = (struct spec_rfe){.enabled = true, .drop = SPEC_DROP_COUNT, .drop_count = 1, .has_stop = true, .patience = 1};
	plan.rounds = 8;
	for (int r = 0; r < 8; r++)
		plan.round_tasks[r] = 106;
	set_samples(8, 8);
	estimate(&spec, &study, &measured, &plan);
	assert_true(plan.seconds_high > 4 * plan.seconds_low); /* two rounds are sure */
}

static void estimate__memory_as_measured(void **state)
{
	(void)state;
	spec.resources.workers = 4;
	measured.peak = 25 * MIB;
	measured.stated = 50 * MIB;
	estimate(&spec, &study, &measured, &plan);
	assert_in_range(plan.memory_worker, 50 * MIB, 60 * MIB);
	measured.peak = MIB; /* never below what writing needs */
	estimate(&spec, &study, &measured, &plan);
	assert_int_equal(plan.memory_worker, 12 * MIB);
}

static void estimate__more_memory_than_stated_means_fewer_workers(void **state)
{
	(void)state;
	plan.memory_limit = 600 * MIB;
	measured.peak = 200 * MIB;
	measured.stated = 100 * MIB;
	set_samples(8, 8);
	estimate(&spec, &study, &measured, &plan);
	assert_in_range(plan.memory_worker, 200 * MIB, 250 * MIB);
	assert_true(plan.workers <= 2 && plan.memory_total <= plan.memory_limit);
}

static void choice__serial_when_more_would_lose(void **state)
{
	(void)state;
	set_samples(8, 8);
	plan_workers(&spec, &plan);
	if (plan.workers < 2)
		skip(); /* one core: nothing to choose */
	measured.slowdown = plan.workers * 1.02;
	estimate(&spec, &study, &measured, &plan);
	assert_int_equal(plan.workers, 1);
	assert_non_null(strstr(plan.workers_reason, "at once do only 0.98 times the work of one"));
}

static void choice__parallel_when_it_gains(void **state)
{
	unsigned workers;

	(void)state;
	set_samples(8, 8);
	plan_workers(&spec, &plan);
	workers = plan.workers;
	if (workers < 2)
		skip();
	measured.slowdown = 1.25;
	estimate(&spec, &study, &measured, &plan);
	assert_int_equal(plan.workers, workers);
	assert_non_null(strstr(plan.workers_reason, "times the work of one"));
}

static void choice__a_moment_of_work_is_for_one(void **state)
{
	(void)state;
	set_samples(1e-4, 1e-4);
	plan_workers(&spec, &plan);
	if (plan.workers < 2)
		skip();
	estimate(&spec, &study, &measured, &plan);
	assert_int_equal(plan.workers, 1);
	assert_non_null(strstr(plan.workers_reason, "less than a second worker needs to start"));
}

static void choice__the_campaign_decides(void **state)
{
	(void)state;
	spec.resources.workers = 3;
	set_samples(1e-4, 1e-4);
	measured.slowdown = 3;
	estimate(&spec, &study, &measured, &plan);
	assert_int_equal(plan.workers, 3);
	assert_string_equal(plan.workers_reason, "as the campaign says (resources.workers)");
}

static void choice__a_busy_machine_decides_nothing(void **state)
{
	(void)state;
	set_samples(8, 8);
	plan_workers(&spec, &plan);
	if (plan.workers < 2)
		skip();
	measured.busy = true;
	estimate(&spec, &study, &measured, &plan);
	assert_true(plan.workers > 1);
	assert_non_null(strstr(plan.workers_reason, "the machine is busy"));
}

static void started__threads_memory_and_workers_stay(void **state)
{
	json_t *run = json_pack("{s:i, s:i, s:I, s:i}", "threads", 3, "workers_planned", 7, "memory_each", (json_int_t)(100 * MIB), "cores", (int)process_cores());

	(void)state;
	plan.memory_each = 999 * MIB;
	plan_as_started(&spec, run, &plan);
	assert_int_equal(plan.threads, 3);
	assert_int_equal(plan.workers, 7);
	assert_int_equal(plan.memory_each, 100 * MIB);
	plan.memory_limit = 348 * MIB; /* less is there now: fewer, with the same limit for each */
	plan_as_started(&spec, run, &plan);
	assert_int_equal(plan.workers, 3);
	assert_int_equal(plan.memory_each, 100 * MIB);
	json_object_set_new(run, "cores", json_integer((json_int_t)process_cores() + 1)); /* another machine: as it was chosen for this one */
	plan.memory_limit = 8000 * MIB;
	plan.workers = 2;
	plan_as_started(&spec, run, &plan);
	assert_int_equal(plan.workers, 2);
	json_decref(run);
}

static void plan__warns_near_the_limits(void **state)
{
	struct text_buf text = {0};

	(void)state;
	spec.limits.configurations = 1000;
	spec.limits.disk = 1000 * MIB;
	spec.limits.hours = 1;
	plan.configurations = 500;
	plan.disk = 500 * MIB;
	plan.seconds_low = plan.seconds = plan.seconds_high = 600;
	plan.memory_total = 4000 * MIB;
	plan_warnings(&plan, &spec, &text);
	assert_int_equal(text.length, 0);
	plan.configurations = 900;
	plan.disk = 900 * MIB;
	plan.seconds_high = 4000;
	plan.memory_total = 7900 * MIB;
	plan_warnings(&plan, &spec, &text);
	assert_string_equal(text.data, "near a limit: 900 of at most 1,000 configurations (limits.configurations)\n"
	                               "near a limit: up to 900 MiB of at most 1000 MiB of disk (limits.disk)\n"
	                               "near a limit: it may take 1 h 07 min, the limit is 1 hours (limits.hours)\n"
	                               "near a limit: 7.7 GiB of at most 7.8 GiB of memory (resources.memory, resources.workers)\n");
	text_buf_release(&text);
}

#define CASE(name) cmocka_unit_test_setup(name, begin)
/* The kernel deals out shares of the cores. */
static void estimate__others_take_their_share(void **state)
{
	(void)state;
	assert_true(estimate_crowding(0, 2, 2) == 1);
	assert_true(estimate_crowding(2, 2, 4) == 1); /* there is room for all */
	assert_true(fabs(estimate_crowding(2, 2, 2) - 2) < 1e-12);
	assert_true(fabs(estimate_crowding(12, 2, 2) - 7) < 1e-12);
	assert_true(fabs(estimate_crowding(3, 1, 2) - 2) < 1e-12);
	assert_true(fabs(estimate_crowding(4, 8, 4) - 1.5) < 1e-12); /* more workers than cores have more of them */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        CASE(estimate__nothing_measured_is_unknown),
	        CASE(estimate__turns_of_equal_tasks),
	        CASE(estimate__slower_at_once),
	        CASE(estimate__others_take_their_share),
	        CASE(estimate__a_wide_spread_is_a_wide_range),
	        CASE(estimate__measured_left_out_fits),
	        CASE(estimate__what_does_not_end_has_no_upper_end),
	        CASE(estimate__rounds_that_are_not_sure_widen_the_range),
	        CASE(estimate__memory_as_measured),
	        CASE(estimate__more_memory_than_stated_means_fewer_workers),
	        CASE(choice__serial_when_more_would_lose),
	        CASE(choice__parallel_when_it_gains),
	        CASE(choice__a_moment_of_work_is_for_one),
	        CASE(choice__the_campaign_decides),
	        CASE(choice__a_busy_machine_decides_nothing),
	        CASE(plan__warns_near_the_limits),
	        CASE(started__threads_memory_and_workers_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
