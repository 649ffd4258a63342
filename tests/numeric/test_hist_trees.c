/* Boosted trees that are grown here against the library's own training: every bit of every prediction. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/model/xgboost_fit.h"

#define ROWS 1500
#define TRAIN 1200
#define FEATURES 9
#define OUTPUTS 2

extern const struct engine engine_xgboost;

struct problem {
	float number[FEATURES][ROWS];
	double target[OUTPUTS * ROWS], weight[ROWS];
	struct column columns[FEATURES];
	const struct column *features[FEATURES];
	uint32_t rows[ROWS], ids[FEATURES];
	struct engine_data data;
	struct engine_fold fold;
	struct engine_job job;
	double seen[FEATURES][ROWS - TRAIN]; /* predictions by variant */
	size_t answers;
	uint64_t saved;
};

static double unit(uint32_t row, uint32_t column)
{
	uint64_t z = ((uint64_t)row << 32 | column) * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return ((double)((z ^ (z >> 31)) >> 11) + 0.5) * 0x1p-53;
}

/* Smooth, integer, negative, copied, constant and huge columns; column 8 is noise. Test rows may lack a value of column 1. */
static float value_at(uint32_t row, uint32_t column)
{
	double u = unit(row, column);

	switch (column) {
	case 1: return row >= TRAIN && row % 5 == 0 ? NAN : (float)floor(u * 7);
	case 2: return (float)(u - 0.5);
	case 3: return (float)(unit(row, 2) - 0.5); /* a copy of column 2: ties go to the first */
	case 4: return 3;
	case 5: return (float)(1e6 + u);
	case 6: return (float)(u < 0.5 ? 0 : u);
	default: return (float)u;
	}
}

static struct problem *problem_make(unsigned outputs, bool classes, bool weights)
{
	struct problem *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	for (uint32_t f = 0; f < FEATURES; f++) {
		p->ids[f] = f;
		p->features[f] = &p->columns[f];
		p->columns[f] = (struct column){.name = "x", .type = COLUMN_FLOAT32, .missing_count = f == 1, .values = p->number[f]};
		for (uint32_t i = 0; i < ROWS; i++)
			p->number[f][i] = value_at(i, f);
	}
	for (uint32_t i = 0; i < ROWS; i++) {
		double whole = isnan(p->number[1][i]) ? 3 : p->number[1][i];
		double value = sin(5 * p->number[0][i]) + 0.3 * whole + 2 * p->number[2][i] * p->number[6][i] + p->number[7][i] + 0.5 * unit(i, 50);

		p->rows[i] = i;
		p->weight[i] = 0.25 + unit(i, 60);
		p->target[i] = classes ? value > 2 : value;
		p->target[ROWS + i] = 1000 * value * value;
	}
	p->data = (struct engine_data){.rows = ROWS, .feature_count = FEATURES, .features = p->features, .feature_ids = p->ids,
	        .task = classes ? ENGINE_CLASSIFICATION : ENGINE_REGRESSION, .outputs = outputs, .classes = classes ? 2 : 0,
	        .target = p->target, .weight = weights ? p->weight : NULL};
	p->fold = (struct engine_fold){.train = p->rows, .test = p->rows + TRAIN, .train_count = TRAIN, .test_count = ROWS - TRAIN};
	p->job = (struct engine_job){.data = &p->data, .folds = &p->fold, .fold_count = 1, .seed = 7, .threads = 1};
	return p;
}

/* Predictions of one fit, in the library or not; own: whether it was grown here. */
static double *fit(struct problem *p, const struct engine_variant *variant, bool library, unsigned trees, bool *own)
{
	double *out = calloc((ROWS - TRAIN) * 2 + 1, sizeof(*out));
	struct xgboost_view view;
	struct xgboost_matrix *matrix;
	struct xgboost_fit done;
	struct orch_err err = {0};

	assert_int_equal(xgboost_view_init(&p->data, &p->fold, variant, &view, &err), 0);
	assert_int_equal(xgboost_view_matrix(&view, xgboost_max_bin(variant), 1, &matrix, &err), 0);
	assert_int_equal((library ? xgboost_fit_library : xgboost_fit_train)(&p->job, variant, &view, matrix, trees, &done, &err), 0);
	assert_int_equal(xgboost_fit_predict(&view, &done, trees, out, &err), 0);
	*own = done.own != NULL;
	xgboost_fit_release(&done);
	xgboost_matrix_release(matrix);
	xgboost_view_release(&view);
	return out;
}

/* Both ways, with the parameters given as JSON; `here`: whether it is to be grown here. */
static void compare(struct problem *p, const char *text, bool here)
{
	json_t *params = json_loads(text, 0, NULL);
	struct engine_variant variant = {.params = params};
	size_t count = (ROWS - TRAIN) * (p->data.classes ? 2 : p->data.outputs);
	bool own, library_own;
	double *fast, *slow;

	assert_non_null(params);
	fast = fit(p, &variant, false, xgboost_trees(&variant), &own);
	slow = fit(p, &variant, true, xgboost_trees(&variant), &library_own);
	if (own != here)
		print_error("%s: grown %s\n", text, own ? "here" : "in the library");
	assert_int_equal(own, here);
	assert_false(library_own);
	if (memcmp(fast, slow, count * sizeof(*fast)) != 0)
		print_error("%s: other bits\n", text);
	assert_memory_equal(fast, slow, count * sizeof(*fast));
	free(fast);
	free(slow);
	json_decref(params);
}

static const char *const grown_here[] = {
        "{\"trees\": 60}",
        "{\"trees\": 60, \"max_depth\": 1}",
        "{\"trees\": 40, \"max_depth\": 3, \"learning_rate\": 0.07}",
        "{\"trees\": 20, \"max_depth\": 11, \"min_child_weight\": 0.02}",
        "{\"trees\": 40, \"subsample\": 0.6}",
        "{\"trees\": 40, \"subsample\": 0.013, \"learning_rate\": 0.9}",
        "{\"trees\": 30, \"reg_lambda\": 0, \"min_child_weight\": 0.5}",
        "{\"trees\": 30, \"reg_lambda\": 13.7, \"reg_alpha\": 0.8}",
        "{\"trees\": 30, \"gamma\": 0.9}",
        "{\"trees\": 30, \"min_child_weight\": 30.5}",
        "{\"trees\": 10, \"min_child_weight\": 1000}",
        "{\"trees\": 30, \"max_bin\": 16}",
        "{\"trees\": 10, \"max_bin\": 2}",
        "{\"trees\": 300, \"max_depth\": 4, \"learning_rate\": 1}",
};

static void hist_trees__squared_error_equals_the_library(void **state)
{
	(void)state;
	for (int weights = 0; weights < 2; weights++) {
		struct problem *p = problem_make(1, false, weights);

		for (size_t i = 0; i < sizeof(grown_here) / sizeof(*grown_here); i++)
			compare(p, grown_here[i], true);
		free(p);
	}
}

static void hist_trees__two_classes_equal_the_library(void **state)
{
	(void)state;
	for (int weights = 0; weights < 2; weights++) {
		struct problem *p = problem_make(1, true, weights);

		for (size_t i = 0; i < sizeof(grown_here) / sizeof(*grown_here); i++)
			compare(p, grown_here[i], true);
		free(p);
	}
}

static void hist_trees__several_outputs_equal_the_library(void **state)
{
	struct problem *p = problem_make(2, false, false);

	(void)state;
	compare(p, "{\"trees\": 30}", true);
	compare(p, "{\"trees\": 30, \"subsample\": 0.5}", true);
	free(p);
}

static void hist_trees__other_kinds_of_fits_stay_in_the_library(void **state)
{
	static const char *const not_here[] = {"{\"trees\": 10, \"max_bin\": 300}", "{\"trees\": 10, \"max_depth\": 0, \"max_leaves\": 8}",
	        "{\"trees\": 10, \"grow_policy\": \"lossguide\"}", "{\"trees\": 10, \"colsample_bytree\": 0.5}",
	        "{\"trees\": 10, \"min_child_weight\": 0}", "{\"trees\": 10, \"max_delta_step\": 1}", "{\"trees\": 2}",
	        "{\"trees\": 10, \"objective\": \"reg:pseudohubererror\"}"};
	struct problem *p = problem_make(1, false, false);

	(void)state;
	for (size_t i = 0; i < sizeof(not_here) / sizeof(*not_here); i++)
		compare(p, not_here[i], false);
	p->job.threads = 2;
	compare(p, "{\"trees\": 10}", false);
	p->job.threads = 1;
	p->number[0][3] = NAN;
	p->columns[0].missing_count = 1;
	compare(p, "{\"trees\": 10}", false);
	free(p);
}

/* The library takes a sum that rounding leaves for a child where min_child_weight is no larger. */
static void hist_trees__weights_that_rounding_makes_children_of_stay_in_the_library(void **state)
{
	struct problem *p = problem_make(1, true, true);

	(void)state;
	for (uint32_t i = 0; i < ROWS; i++)
		p->weight[i] *= 1e7;
	compare(p, "{\"trees\": 10}", true);
	for (uint32_t i = 0; i < ROWS; i++)
		p->weight[i] *= 1e6;
	compare(p, "{\"trees\": 10}", false);
	compare(p, "{\"trees\": 10, \"min_child_weight\": 1e5}", true);
	free(p);
}

/* Expected: what XGBoost 1.7 shows of its settings (its sums of parts are rounded more than once). */
static void hist_trees__numbers_are_read_as_the_library_reads_them(void **state)
{
	static const struct {
		const char *text;
		float value;
	} cases[] = {{"0.07", 0.07f}, {"13.7", 13.7f}, {"16777219", 16777220}, {"1e-09", 9.99999972e-10f}, {"1.1462e-09", 1.14619991e-09f},
	        {"7.65869116522e-19", 7.65869158e-19f}, {"2.07e+17", 2.06999986e+17f}, {"1.1462195665294372e+21", 1.14621966e+21f},
	        {"1.6768902577473785e-28", 1.67689011e-28f}, {"3.62902e-23", 3.62902017e-23f}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (xgboost_own_float(cases[i].text) != cases[i].value)
			fail_msg("%s: %.9g, not %.9g", cases[i].text, (double)xgboost_own_float(cases[i].text), (double)cases[i].value);
}

static int keep(void *context, const struct engine_answer *answer, struct orch_err *err)
{
	struct problem *p = context;

	(void)err;
	assert_int_equal(answer->code, 0);
	p->answers++;
	p->saved += answer->fits_saved;
	memcpy(p->seen[answer->variant], answer->prediction, sizeof(p->seen[0]));
	return 0;
}

/* The first column among them: what it gives the roots is no longer there. */
static void hist_trees__left_out_features_equal_the_library_without_them(void **state)
{
	struct problem *p = problem_make(1, false, false);
	json_t *params = json_loads("{\"trees\": 40, \"max_depth\": 4}", 0, NULL);
	struct engine_variant variants[FEATURES];
	struct orch_err err = {0};

	(void)state;
	for (size_t f = 0; f < FEATURES; f++)
		variants[f] = (struct engine_variant){.params = params, .left_out = &p->ids[f], .left_out_count = 1};
	p->job.variants = variants;
	p->job.variant_count = FEATURES;
	p->job.answer = keep;
	p->job.context = p;
	assert_int_equal(engine_xgboost.run(&p->job, &err), 0);
	assert_int_equal(p->answers, FEATURES);
	assert_true(p->saved > 0); /* the constant and the copy are used by no tree */
	for (size_t f = 0; f < FEATURES; f++) {
		bool own;
		double *slow = fit(p, &variants[f], true, 40, &own);

		assert_memory_equal(p->seen[f], slow, sizeof(p->seen[0]));
		free(slow);
	}
	json_decref(params);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(hist_trees__squared_error_equals_the_library),
	        cmocka_unit_test(hist_trees__two_classes_equal_the_library),
	        cmocka_unit_test(hist_trees__several_outputs_equal_the_library),
	        cmocka_unit_test(hist_trees__other_kinds_of_fits_stay_in_the_library),
	        cmocka_unit_test(hist_trees__weights_that_rounding_makes_children_of_stay_in_the_library),
	        cmocka_unit_test(hist_trees__numbers_are_read_as_the_library_reads_them),
	        cmocka_unit_test(hist_trees__left_out_features_equal_the_library_without_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
