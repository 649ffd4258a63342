/* The models that the XGBoost engine saves. Those of xgboost__model_gives_the_same_numbers were also loaded in Python's
 * xgboost 1.7.6 (Booster.load_model, DMatrix of numpy 1.26 and of pandas with a categorical column): predict gave the very
 * floats of the answers for one output, three joined outputs, two classes, four classes and a Poisson objective;
 * feature_names, feature_types and num_boosted_rounds were right. */
#include "tests/numeric/xgboost_problem.h"

#include <xgboost/c_api.h>

static void xgboost__final_model_needs_no_test_rows(void **state)
{
	struct problem *p = problem_make(1, 0);

	(void)state;
	p->fold.test_count = 0;
	p->job.want_model = true;
	problem_vary(p, "{\"trees\":5}", -1);
	problem_run_well(p);
	assert_non_null(p->seen[0].model);
	problem_release(p);
}

/* The saved model, read back by the library, must give the answer's numbers: bit for bit. */
static void check_model(struct problem *p)
{
	size_t kept = FEATURES - p->variants[0].left_out_count,
	       width = p->data.classes > 2 ? p->data.classes : p->data.outputs;
	float *cells = malloc(sizeof(float) * kept * TEST);
	const float *out;
	const bst_ulong *shape;
	bst_ulong dimensions, names = 0;
	const char **name;
	BoosterHandle booster;
	char array[200];

	for (size_t f = 0, c = 0; f < FEATURES; f++)
		if (p->variants[0].left_out_count == 0 || p->left_out[0][0] != f) {
			for (size_t i = 0; i < TEST; i++)
				cells[i * kept + c] = (float)column_value(&p->columns[f], TRAIN + i);
			c++;
		}
	assert_int_equal(XGBoosterCreate(NULL, 0, &booster), 0);
	assert_int_equal(XGBoosterLoadModelFromBuffer(booster, p->seen[0].model, strlen(p->seen[0].model)), 0);
	snprintf(array, sizeof(array), "{\"data\":[%zu,true],\"shape\":[%d,%zu],\"typestr\":\"<f4\",\"version\":3}",
	        (size_t)cells, TEST, kept);
	if (XGBoosterPredictFromDense(booster, array,
	            "{\"type\":0,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,\"strict_shape\":true,"
	            "\"missing\":NaN,\"cache_id\":0}",
	            NULL, &shape, &dimensions, &out) != 0)
		fail_msg("%s", XGBGetLastError());
	for (size_t i = 0; i < TEST; i++)
		for (size_t g = 0; g < width; g++)
			assert_true((double)out[i * width + g] ==
			            p->seen[0].prediction[(g + (p->data.classes == 2)) * TEST + i]);
	assert_int_equal(XGBoosterGetStrFeatureInfo(booster, "feature_name", &names, &name), 0);
	assert_int_equal(names, kept);
	assert_string_equal(name[0], "x zero");
	XGBoosterFree(booster);
	free(cells);
}

static void xgboost__model_gives_the_same_numbers(void **state)
{
	static const struct {
		unsigned outputs, classes;
		const char *params;
	} cases[] = {
	        {1, 0, "{\"trees\":30}"},
	        {3, 0, "{\"trees\":30}"},
	        {1, 2, "{\"trees\":30}"},
	        {1, 4, "{\"trees\":30}"},
	        {1, 0, "{\"trees\":30,\"objective\":\"count:poisson\"}"},
	};
	(void)state;
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		struct problem *p = problem_make(cases[k].outputs, cases[k].classes);

		p->job.want_model = true;
		problem_vary(p, cases[k].params, k == 0 ? 6 : -1);
		problem_run_well(p);
		check_model(p);
		problem_release(p);
	}
}

/* Outputs with a link: the log of each base score goes into the joined model's leaves. */
static void xgboost__joined_model_keeps_the_link(void **state)
{
	struct problem *p = problem_make(2, 0);

	(void)state;
	for (uint32_t i = 0; i < ROWS; i++)
		p->target[ROWS + i] = 100 + p->target[i];
	p->job.want_model = true;
	problem_vary(p, "{\"trees\":12,\"objective\":\"count:poisson\"}", -1);
	problem_run_well(p);
	check_model(p);
	problem_release(p);
}

/* The library reads a base score with an exponent by parts: not always as the nearest float. */
static void xgboost__joined_model_has_the_base_scores_that_were_trained_with(void **state)
{
	static const double scales[] = {2.07e-6, 1.3e-7, 8.1e-8, 3.3e10, 5.7e12, 9.1e-9, 6.1e-10, 7.7e-12};

	(void)state;
	for (size_t s = 0; s < sizeof(scales) / sizeof(*scales); s++) {
		struct problem *p = problem_make(3, 0);

		for (uint32_t i = 0; i < 3 * ROWS; i++)
			p->target[i] *= scales[s];
		p->job.want_model = true;
		problem_vary(p, "{\"trees\":4}", -1);
		problem_run_well(p);
		check_model(p);
		problem_release(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(xgboost__final_model_needs_no_test_rows),
	        cmocka_unit_test(xgboost__model_gives_the_same_numbers),
	        cmocka_unit_test(xgboost__joined_model_keeps_the_link),
	        cmocka_unit_test(xgboost__joined_model_has_the_base_scores_that_were_trained_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
