/* What the stages share: how a round looks to the elimination. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "orchestrator/stage.h"

/* A fold that failed is no evidence: the standard error is that of the folds that have a score. */
static void stage_rfe_round__counts_scored_folds(void **state)
{
	json_t *metrics = json_pack("{s:{s:{s:f, s:f, s:[f, n, f, n, f]}, s:{s:n, s:n, s:[n, n]}}}", "cv", "rmse", "mean", 2.0, "sd", 0.5, "folds", 1.5, 2.0, 2.5, "mae", "mean", "sd",
	                            "folds");
	struct rfe_round round = stage_rfe_round(metrics, "rmse", 7);

	(void)state;
	assert_int_equal(round.features, 7);
	assert_int_equal(round.folds, 3);
	assert_true(round.score == 2 && round.sd == 0.5);
	round = stage_rfe_round(metrics, "mae", 7);
	assert_true(isnan(round.score) && isnan(round.sd) && round.folds == 0);
	round = stage_rfe_round(metrics, "auc", 7);
	assert_true(isnan(round.score) && round.folds == 0);
	json_decref(metrics);
}

/* Held out against trained on, mean over the folds: 10 rows in 5 folds are 2 / 8. */
static void stage_test_train__is_the_mean_over_folds(void **state)
{
	struct split_request request = {.rows = 10, .seed = 1, .kind = SPLIT_KFOLD, .k = 5, .repeats = 2, .shuffle = true};
	struct study study = {.folds = 10};
	double ratio = 0;

	(void)state;
	assert_int_equal(split_build(&request, &study.split, NULL), 0);
	assert_int_equal(stage_test_train(&study, &ratio, NULL), 0);
	assert_float_equal(ratio, 0.25, 1e-15);
	split_release(study.split);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stage_rfe_round__counts_scored_folds),
		cmocka_unit_test(stage_test_train__is_the_mean_over_folds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
