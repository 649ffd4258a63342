/* The XGBoost engine against its own promises: same bits, shared trees, left-out features, outputs, classes, weights,
 * missing values, categories, errors. xgboost.train of Python's xgboost 1.7.6 on a QuantileDMatrix of the same rows
 * (100 trees, depth 4, the same base score; regression, two classes with missing values, four classes) predicted the
 * same floats as the engine. */
#include "tests/numeric/xgboost_problem.h"

#define RANDOM "{\"trees\":40,\"subsample\":0.7,\"colsample_bytree\":0.8,\"colsample_bynode\":0.8,\"max_depth\":4}"

static void xgboost__learns_the_signal(void **state)
{
	struct problem *p = problem_solved(1, 0, "{\"trees\":200,\"learning_rate\":0.1,\"max_depth\":4}", -1);

	(void)state;
	assert_true(rmse(p, &p->seen[0]) < 0.25); /* the target's deviation is 1.5, the noise's 0.06 */
	problem_release(p);
}

static void xgboost__twice_the_same_bits(void **state)
{
	struct problem *a = problem_solved(1, 0, RANDOM, -1), *b = problem_solved(1, 0, RANDOM, -1),
	               *other = problem_make(1, 0);

	(void)state;
	assert_same_bits(&a->seen[0], &b->seen[0]);
	other->job.seed = 8;
	problem_vary(other, RANDOM, -1);
	problem_run_well(other);
	assert_memory_not_equal(a->seen[0].prediction, other->seen[0].prediction, TEST * sizeof(double));
	problem_release(a);
	problem_release(b);
	problem_release(other);
}

static void check_free_trees(unsigned outputs, unsigned classes, const char *more)
{
	static const int trees[] = {40, 7, 25, 1};
	struct problem *p = problem_make(outputs, classes);
	char params[200];

	p->job.want_model = true;
	for (size_t v = 0; v < 4; v++) {
		snprintf(params, sizeof(params), "{\"trees\":%d%s}", trees[v], more);
		problem_vary(p, params, -1);
	}
	problem_run_well(p);
	for (size_t v = 0; v < 4; v++) {
		struct problem *alone = problem_make(outputs, classes);

		alone->job.want_model = true;
		snprintf(params, sizeof(params), "{\"trees\":%d%s}", trees[v], more);
		problem_vary(alone, params, -1);
		problem_run_well(alone);
		assert_same_bits(&p->seen[v], &alone->seen[0]);
		assert_string_equal(p->seen[v].model, alone->seen[0].model);
		assert_int_equal(alone->seen[0].saved, 0);
		problem_release(alone);
	}
	assert_int_equal(p->seen[0].saved + p->seen[1].saved + p->seen[2].saved + p->seen[3].saved, 3);
	problem_release(p);
}

static void xgboost__fewer_trees_equal_trainings_of_their_own(void **state)
{
	(void)state;
	check_free_trees(1, 0, "");
	check_free_trees(1, 0, ",\"subsample\":0.6,\"colsample_bytree\":0.7,\"colsample_bylevel\":0.9");
	check_free_trees(2, 0, ",\"subsample\":0.6,\"grow_policy\":\"lossguide\",\"max_leaves\":9,\"max_depth\":0");
	check_free_trees(1, 2, ",\"subsample\":0.6");
	check_free_trees(1, 4, ",\"subsample\":0.6,\"colsample_bynode\":0.5");
}

/* Other parameters in one job are trainings of their own, and say so. */
static void xgboost__other_parameters_are_other_fits(void **state)
{
	struct problem *p = problem_make(1, 0), *alone;

	(void)state;
	problem_vary(p, "{\"trees\":10,\"max_depth\":2}", -1);
	problem_vary(p, "{\"trees\":10,\"max_depth\":3}", -1);
	problem_run_well(p);
	alone = problem_solved(1, 0, "{\"trees\":10,\"max_depth\":3}", -1);
	assert_same_bits(&p->seen[1], &alone->seen[0]);
	assert_int_equal(p->seen[0].saved + p->seen[1].saved, 0);
	problem_release(p);
	problem_release(alone);
}

static void xgboost__left_out_equals_data_without_it(void **state)
{
	(void)state;
	for (int f = 0; f < FEATURES; f++) {
		struct problem *out = problem_solved(1, 0, RANDOM, f), *gone = problem_make(1, 0);

		memmove(&gone->features[f], &gone->features[f + 1],
		        (size_t)(FEATURES - 1 - f) * sizeof(gone->features[0]));
		gone->data.feature_count = FEATURES - 1;
		problem_vary(gone, RANDOM, -1);
		problem_run_well(gone);
		assert_same_bits(&out->seen[0], &gone->seen[0]);
		problem_release(out);
		problem_release(gone);
	}
}

static void xgboost__nothing_left_predicts_the_mean(void **state)
{
	struct problem *p = problem_make(1, 0);
	double mean = 0;

	(void)state;
	problem_vary(p, "{\"trees\":3}", -1);
	for (uint32_t f = 0; f < FEATURES; f++)
		p->left_out[0][f] = f;
	p->variants[0].left_out_count = FEATURES;
	problem_run_well(p);
	for (size_t i = 0; i < TRAIN; i++)
		mean += p->target[i] / TRAIN;
	assert_float_equal(p->seen[0].prediction[0], mean, 1e-4);
	assert_float_equal(p->seen[0].prediction[TEST - 1], mean, 1e-4);
	problem_release(p);
}

static void xgboost__classes_are_probabilities(void **state)
{
	static const unsigned classes[] = {2, 4};

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct problem *p = problem_solved(1, classes[k], "{\"trees\":60,\"max_depth\":4}", -1);
		size_t right = 0;

		for (size_t i = 0; i < TEST; i++) {
			double sum = 0, best = 0;
			unsigned at = 0;

			for (unsigned c = 0; c < classes[k]; c++) {
				double value = p->seen[0].prediction[c * TEST + i];

				sum += value;
				at = value > best ? c : at;
				best = fmax(best, value);
			}
			assert_float_equal(sum, 1, 1e-6);
			right += at == (unsigned)p->target[TRAIN + i];
		}
		assert_true(right > TEST * 85 / 100);
		problem_release(p);
	}
}

/* What the objectives with a link do with a base score, a positive target. */
static void xgboost__objectives_fit_their_targets(void **state)
{
	static const char *const params[] = {"{\"trees\":80,\"objective\":\"count:poisson\"}",
	        "{\"trees\":80,\"objective\":\"reg:gamma\"}", "{\"trees\":80,\"objective\":\"reg:tweedie\"}",
	        "{\"trees\":80,\"objective\":\"reg:absoluteerror\"}",
	        "{\"trees\":80,\"objective\":\"reg:pseudohubererror\"}",
	        "{\"trees\":80,\"objective\":\"reg:squaredlogerror\"}"};

	(void)state;
	for (size_t k = 0; k < 6; k++) {
		struct problem *p = problem_solved(1, 0, params[k], -1);

		assert_true(rmse(p, &p->seen[0]) < 0.8); /* the target's deviation is 1.5 */
		problem_release(p);
	}
}

/* Without row sampling the seed plays no part, so each output of several is the single-output fit. */
static void xgboost__outputs_equal_single_fits(void **state)
{
	struct problem *both = problem_solved(3, 0, "{\"trees\":20}", -1);

	(void)state;
	for (unsigned o = 0; o < 3; o++) {
		struct problem *one = problem_make(1, 0);

		one->data.target = one->target + o * ROWS;
		problem_vary(one, "{\"trees\":20}", -1);
		problem_run_well(one);
		assert_memory_equal(
		        both->seen[0].prediction + o * TEST, one->seen[0].prediction, TEST * sizeof(double));
		problem_release(one);
	}
	problem_release(both);
}

static void xgboost__scores_only_is_the_weighted_square(void **state)
{
	struct problem *p = problem_make(2, 0), *whole = problem_make(2, 0);
	double want[2] = {0, 0};

	(void)state;
	p->data.weight = p->weight;
	whole->data.weight = whole->weight;
	p->job.scores_only = true;
	problem_vary(p, "{\"trees\":10}", -1);
	problem_vary(whole, "{\"trees\":10}", -1);
	problem_run_well(p);
	problem_run_well(whole);
	for (unsigned o = 0; o < 2; o++)
		for (size_t i = 0; i < TEST; i++) {
			double off = whole->seen[0].prediction[o * TEST + i] - whole->target[o * ROWS + TRAIN + i];
			want[o] += whole->weight[TRAIN + i] * off * off;
		}
	assert_null(p->seen[0].prediction);
	assert_true(p->seen[0].sse[0] == want[0] && p->seen[0].sse[1] == want[1]);
	problem_release(p);
	problem_release(whole);
}

/* Rows of weight 0 may hold any target; weights change the fit. */
static void xgboost__weight_zero_is_not_learnt_from(void **state)
{
	struct problem *a = problem_make(1, 0), *b = problem_make(1, 0),
	               *even = problem_solved(1, 0, "{\"trees\":15}", -1);

	(void)state;
	a->data.weight = a->weight;
	b->data.weight = b->weight;
	for (uint32_t i = 0; i < TRAIN; i += 5)
		b->target[i] = 1e6;
	problem_vary(a, "{\"trees\":15}", -1);
	problem_vary(b, "{\"trees\":15}", -1);
	problem_run_well(a);
	problem_run_well(b);
	assert_same_bits(&a->seen[0], &b->seen[0]);
	assert_memory_not_equal(a->seen[0].prediction, even->seen[0].prediction, TEST * sizeof(double));
	problem_release(a);
	problem_release(b);
	problem_release(even);
}

/* Held-out targets and rows must not reach the training. */
static void xgboost__held_out_rows_are_not_seen(void **state)
{
	struct problem *a = problem_solved(1, 0, "{\"trees\":15}", -1), *b = problem_make(1, 0);

	(void)state;
	for (uint32_t i = TRAIN; i < ROWS; i++)
		b->target[i] = -1e9;
	b->fold.test_count = 3;
	problem_vary(b, "{\"trees\":15}", -1);
	problem_run_well(b);
	assert_memory_equal(a->seen[0].prediction, b->seen[0].prediction, 3 * sizeof(double));
	problem_release(a);
	problem_release(b);
}

static void xgboost__missing_is_a_value_of_its_own(void **state)
{
	struct problem *p = problem_solved(1, 0, "{\"trees\":100,\"max_depth\":4}", -1);
	double sum = 0;
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < TEST; i++)
		if (isnan(p->number[5][TRAIN + i])) {
			sum += p->seen[0].prediction[i] - p->target[TRAIN + i];
			count++;
		}
	assert_true(count > 50);
	assert_float_equal(sum / (double)count, 0, 0.1); /* a gap filled by the mean would be 1 off */
	problem_release(p);
}

static double fill_of(const struct problem *p, enum engine_missing how)
{
	double known[TRAIN], sum = 0;
	size_t count = 0, below;

	for (size_t i = 0; i < TRAIN; i++)
		if (!isnan(p->number[5][i])) {
			sum += p->number[5][i];
			known[count++] = p->number[5][i];
		}
	if (how == ENGINE_MISSING_MEAN)
		return sum / (double)count;
	for (size_t i = 0; i < count; i++) { /* the naive median of an odd number of values */
		below = 0;
		for (size_t k = 0; k < count; k++)
			below += known[k] < known[i];
		if (below == count / 2)
			return known[i];
	}
	return NAN;
}

static void xgboost__filling_is_fitted_on_training_rows(void **state)
{
	static const enum engine_missing ways[] = {ENGINE_MISSING_MEAN, ENGINE_MISSING_MEDIAN};

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct problem *p = problem_make(1, 0), *filled = problem_make(1, 0);
		size_t known = 0;

		for (size_t i = 0; i < TRAIN; i++)
			known += !isnan(p->number[5][i]);
		if (known % 2 == 0) /* an odd number, so that one value is the median */
			for (size_t i = 0; i < TRAIN; i++)
				if (!isnan(p->number[5][i])) {
					p->number[5][i] = filled->number[5][i] = NAN;
					break;
				}
		for (size_t i = 0; i < ROWS; i++)
			if (isnan(filled->number[5][i]))
				filled->number[5][i] = fill_of(p, ways[k]);
		filled->columns[5].missing_count = 0;
		p->data.missing = ways[k];
		problem_vary(p, "{\"trees\":10}", -1);
		problem_vary(filled, "{\"trees\":10}", -1);
		problem_run_well(p);
		problem_run_well(filled);
		assert_same_bits(&p->seen[0], &filled->seen[0]);
		problem_release(p);
		problem_release(filled);
	}
}

/* Odd colours differ from even ones: one split by a set of categories, but five by their codes. */
static void xgboost__categories_split_by_sets(void **state)
{
	struct problem *p = problem_make(1, 0), *ordered = problem_make(1, 0);

	(void)state;
	for (uint32_t i = 0; i < ROWS; i++)
		p->target[i] = ordered->target[i] = p->code[2][i] % 2;
	ordered->columns[2].ordered = true;
	problem_vary(p, "{\"trees\":1,\"learning_rate\":1,\"max_depth\":1,\"reg_lambda\":0}", -1);
	problem_vary(ordered, "{\"trees\":1,\"learning_rate\":1,\"max_depth\":1,\"reg_lambda\":0}", -1);
	problem_run_well(p);
	problem_run_well(ordered);
	assert_true(rmse(p, &p->seen[0]) < 1e-5);
	assert_true(rmse(ordered, &ordered->seen[0]) > 0.3);
	problem_release(p);
	problem_release(ordered);
}

/* A category that training never saw, and a missing one, are predicted all the same. */
static void xgboost__unseen_category_is_predicted(void **state)
{
	struct problem *p = problem_make(1, 0);

	(void)state;
	for (uint32_t i = 0; i < TRAIN; i++)
		p->code[2][i] = p->code[2][i] == 5 ? 0 : p->code[2][i];
	p->code[2][TRAIN] = 5;
	p->code[2][TRAIN + 1] = -1;
	p->columns[2].missing_count = 1;
	problem_vary(p, "{\"trees\":10}", -1);
	problem_run_well(p);
	assert_true(isfinite(p->seen[0].prediction[0]) && isfinite(p->seen[0].prediction[1]));
	problem_release(p);
}

static void check_refused(struct problem *p, const char *params, const char *want)
{
	problem_vary(p, params, -1);
	problem_run(p);
	if (p->seen[0].code != ORCH_EFIT)
		fail_msg("%s: not refused", want);
	if (!strstr(p->seen[0].text, want))
		fail_msg("\"%s\" does not say \"%s\"", p->seen[0].text, want);
	assert_null(strstr(p->seen[0].text, "Stack trace"));
	assert_true(p->seen[0].text[0] != '[');
	problem_release(p);
}

static void xgboost__says_what_cannot_be_fitted(void **state)
{
	struct problem *p = problem_make(1, 0);

	(void)state;
	check_refused(p, "{\"trees\":3,\"objective\":\"binary:logistic\"}",
	        "objective binary:logistic: it is for classes and the task is regression");
	check_refused(problem_make(1, 2), "{\"trees\":3,\"objective\":\"multi:softprob\"}",
	        "two classes need binary:logistic");
	check_refused(problem_make(1, 3), "{\"trees\":3,\"objective\":\"reg:gamma\"}",
	        "three and more classes need multi:softprob");
	p = problem_make(1, 0);
	p->number[0][17] = -1e39;
	p->columns[0].minimum = -1e39;
	check_refused(p, "{\"trees\":3}", "feature x zero has values beyond 3.4e38, the range of float32");
	p = problem_make(1, 0);
	p->target[3] = -5;
	check_refused(p, "{\"trees\":3,\"objective\":\"count:poisson\"}", "nonnegative");
	p = problem_make(1, 0);
	p->fold.train_count = 0;
	check_refused(p, "{\"trees\":3}", "no training rows");
	p = problem_make(1, 0);
	memset(p->weight, 0, sizeof(p->weight));
	p->data.weight = p->weight;
	check_refused(p, "{\"trees\":3}", "no training row has a weight above 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(xgboost__learns_the_signal),
	        cmocka_unit_test(xgboost__twice_the_same_bits),
	        cmocka_unit_test(xgboost__fewer_trees_equal_trainings_of_their_own),
	        cmocka_unit_test(xgboost__other_parameters_are_other_fits),
	        cmocka_unit_test(xgboost__left_out_equals_data_without_it),
	        cmocka_unit_test(xgboost__nothing_left_predicts_the_mean),
	        cmocka_unit_test(xgboost__classes_are_probabilities),
	        cmocka_unit_test(xgboost__objectives_fit_their_targets),
	        cmocka_unit_test(xgboost__outputs_equal_single_fits),
	        cmocka_unit_test(xgboost__scores_only_is_the_weighted_square),
	        cmocka_unit_test(xgboost__weight_zero_is_not_learnt_from),
	        cmocka_unit_test(xgboost__held_out_rows_are_not_seen),
	        cmocka_unit_test(xgboost__missing_is_a_value_of_its_own),
	        cmocka_unit_test(xgboost__filling_is_fitted_on_training_rows),
	        cmocka_unit_test(xgboost__categories_split_by_sets),
	        cmocka_unit_test(xgboost__unseen_category_is_predicted),
	        cmocka_unit_test(xgboost__says_what_cannot_be_fitted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
