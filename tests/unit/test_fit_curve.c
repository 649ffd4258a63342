/* What ends a fit under way, and what is kept of its values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "orchestrator/fit_curve.h"
#include "storage/base/json.h"

static void fit_curve__stops_at_a_limit(void **state)
{
	json_t *limits = json_loads("[[2, 5.0], [4, 3.0]]", 0, NULL), *metrics = json_object();
	struct fit_curve curve;

	(void)state;
	fit_curve_begin(&curve, limits, false);
	assert_false(fit_curve_note(&curve, 1, 9)); /* no limit there */
	assert_false(fit_curve_note(&curve, 2, 5)); /* a tie goes on */
	assert_false(fit_curve_note(&curve, 3, 99));
	assert_true(fit_curve_note(&curve, 4, 6)); /* its best is 5 */
	assert_true(fit_curve_note(&curve, 5, 0)); /* too late, and not kept */
	fit_curve_result(&curve, metrics);
	assert_int_equal(json_get_int(metrics, "stopped_at", -1), 4);
	assert_int_equal(json_array_size(json_object_get(metrics, "curve")), 4);
	assert_true(curve.value == 6 && curve.worst == 3 && curve.best == 5);
	fit_curve_end(&curve);
	json_decref(limits);
	json_decref(metrics);
}

static void fit_curve__higher_may_be_better(void **state)
{
	json_t *limits = json_loads("[[1, 0.5], [2, 0.5]]", 0, NULL);
	struct fit_curve curve;

	(void)state;
	fit_curve_begin(&curve, limits, true);
	assert_false(fit_curve_note(&curve, 1, 0.6));
	assert_false(fit_curve_note(&curve, 2, 0.1)); /* best so far 0.6 */
	fit_curve_end(&curve);
	fit_curve_begin(&curve, limits, true);
	assert_true(fit_curve_note(&curve, 1, 0.4));
	fit_curve_end(&curve);
	json_decref(limits);
}

static void fit_curve__keeps_few_of_many_steps(void **state)
{
	json_t *limits = json_array(), *metrics = json_object();
	struct pruner_curve kept;
	struct fit_curve curve;

	(void)state;
	fit_curve_begin(&curve, limits, false);
	for (int64_t step = 0; step < 100000; step++)
		assert_false(fit_curve_note(&curve, step, 1.0 / (double)(step + 1)));
	assert_false(fit_curve_note(&curve, INT64_MAX, 0));
	assert_false(fit_curve_note(&curve, 3, 0)); /* steps ascend */
	assert_false(fit_curve_note(&curve, -1, 0));
	fit_curve_result(&curve, metrics);
	fit_curve_read(metrics, &kept);
	assert_true(kept.count > 60 && kept.count < 256);
	assert_int_equal(kept.points[7].step, 7);
	assert_int_equal(kept.points[9].step, 10);
	assert_int_equal(kept.points[16].step, 32);
	assert_true(kept.points[9].value == 1.0 / 11);
	free(kept.points);
	fit_curve_end(&curve);
	json_decref(limits);
	json_decref(metrics);
}

static void fit_curve__nobody_asks(void **state)
{
	json_t *metrics = json_object();
	struct pruner_curve none;
	struct fit_curve curve;

	(void)state;
	fit_curve_begin(&curve, NULL, false);
	assert_false(fit_curve_note(&curve, 1, 1));
	fit_curve_result(&curve, metrics);
	assert_int_equal(json_object_size(metrics), 0);
	fit_curve_read(metrics, &none);
	assert_null(none.points);
	fit_curve_end(&curve);
	json_decref(metrics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fit_curve__stops_at_a_limit),
		cmocka_unit_test(fit_curve__higher_may_be_better),
		cmocka_unit_test(fit_curve__keeps_few_of_many_steps),
		cmocka_unit_test(fit_curve__nobody_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
