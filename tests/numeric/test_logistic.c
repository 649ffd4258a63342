/* Logistic regression: each fit is held against the optimality conditions on its own rows in long double - the
 * objective is convex, so they are enough - and against numbers recorded from scikit-learn (reference_logistic.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engines/model/design.h"
#include "tests/numeric/linear_data.h"
#include "tests/numeric/reference_logistic.h"

extern const struct engine engine_logistic;

#define COLUMNS 64
#define CLASSES 5
#define MOST_VARIANTS 100

struct variants {
	struct engine_variant list[MOST_VARIANTS];
	uint32_t left_out[MOST_VARIANTS][TABLE_FEATURES];
	size_t count;
};

static json_t *make_params(double alpha, bool intercept, bool standardize)
{
	return json_pack("{s:f, s:b, s:b}", "alpha", alpha, "fit_intercept", intercept, "standardize", standardize);
}

/* Takes the reference. */
static void variants_add(struct variants *variants, json_t *take_params, const uint32_t *left_out, size_t count)
{
	if (count > 0)
		memcpy(variants->left_out[variants->count], left_out, count * sizeof(*left_out));
	variants->list[variants->count] = (struct engine_variant){
	        .params = take_params, .left_out = variants->left_out[variants->count], .left_out_count = count};
	variants->count++;
}

static void variants_lofo(
        struct variants *variants, const struct table *t, double alpha, bool intercept, bool standardize)
{
	uint32_t all[TABLE_FEATURES];

	variants_add(variants, make_params(alpha, intercept, standardize), NULL, 0);
	for (uint32_t f = 0; f < t->features; f++) {
		all[f] = f;
		variants_add(variants, make_params(alpha, intercept, standardize), &f, 1);
	}
	if (t->features > 2)
		variants_add(variants, make_params(alpha, intercept, standardize), (uint32_t[]){0, 2}, 2);
	variants_add(variants, make_params(alpha, intercept, standardize), all, t->features);
}

static void variants_release(struct variants *variants)
{
	for (size_t v = 0; v < variants->count; v++)
		json_decref((json_t *)(uintptr_t)variants->list[v].params);
	variants->count = 0;
}

static void run(
        const struct table *t, const struct variants *variants, struct engine_job *job, struct recorder *recorder)
{
	struct orch_err err = {0};

	*job = (struct engine_job){.data = &t->data,
	        .folds = t->folds,
	        .fold_count = t->fold_count,
	        .variants = variants->list,
	        .variant_count = variants->count,
	        .want_model = true};
	if (recorder_run(recorder, &engine_logistic, job, &err) != 0)
		fail_msg("%s", err.text);
}

/* ---- the conditions ---- */

struct model {
	size_t scores, classes;
	uint32_t code[CLASSES];
	double coefficient[CLASSES][COLUMNS], intercept[CLASSES], center[COLUMNS];
	bool left_out[COLUMNS];
};

static void read_model(const char *text, const struct table *t, struct model *out)
{
	json_t *model = json_loads(text, 0, NULL), *features = json_object_get(model, "features");
	json_t *classes = json_object_get(model, "classes");
	size_t k = 0, column = 0;

	memset(out, 0, sizeof(*out));
	out->scores = json_array_size(json_object_get(model, "intercept"));
	out->classes = json_array_size(classes);
	assert_int_equal(out->scores, out->classes == 2 ? 1 : out->classes);
	for (size_t c = 0; c < out->classes; c++)
		out->code[c] = (uint32_t)json_integer_value(json_array_get(classes, c));
	for (size_t s = 0; s < out->scores; s++)
		out->intercept[s] = json_real_value(json_array_get(json_object_get(model, "intercept"), s));
	for (size_t f = 0; f < t->features; f++) {
		json_t *feature = json_array_get(features, k), *levels = json_object_get(feature, "levels");
		bool here =
		        feature && strcmp(json_string_value(json_object_get(feature, "name")), t->columns[f].name) == 0;

		k += here;
		for (size_t l = 0; l < design_feature_columns(&t->columns[f]); l++, column++) {
			json_t *part = levels ? json_array_get(levels, l) : feature;

			out->left_out[column] = !here;
			out->center[column] = here ? json_real_value(json_object_get(part, "center")) : 0;
			for (size_t s = 0; s < out->scores && here; s++)
				out->coefficient[s][column] =
				        json_real_value(json_array_get(json_object_get(part, "coefficient"), s));
		}
	}
	assert_int_equal(k, json_array_size(features));
	json_decref(model);
}

/* Probabilities of the model's classes at row i of a design. */
static void probabilities(const struct model *model, const struct design *design, size_t i, long double *out)
{
	long double score[CLASSES] = {0}, sum = 0, most = -INFINITY;

	for (size_t c = 0; c < model->classes; c++) {
		size_t s = model->scores == 1 ? 0 : c;

		if (model->scores == 1 && c == 0)
			continue; /* the first of two classes scores 0 */
		score[c] = model->intercept[s];
		for (size_t j = 0; j < design->columns; j++)
			score[c] += model->coefficient[s][j] *
			            ((long double)design->values[j * design->rows + i] - model->center[j]);
	}
	for (size_t c = 0; c < model->classes; c++)
		most = score[c] > most ? score[c] : most;
	for (size_t c = 0; c < model->classes; c++)
		sum += out[c] = expl(score[c] - most);
	for (size_t c = 0; c < model->classes; c++)
		out[c] /= sum;
}

static void expect_optimal(const struct table *t, const struct engine_fold *fold, const struct engine_variant *variant,
        const struct model *model, const char *where)
{
	double alpha = json_real_value(json_object_get(variant->params, "alpha"));
	bool fit_intercept = json_is_true(json_object_get(variant->params, "fit_intercept"));
	bool standardize = json_is_true(json_object_get(variant->params, "standardize"));
	struct design design;
	size_t n = fold->train_count;
	long double gradient[CLASSES][COLUMNS + 1] = {{0}}, size[COLUMNS + 1] = {0}, p[CLASSES], total = 0;

	assert_int_equal(design_build(&t->data, fold->train, n, fold->train, n, &design, NULL), 0);
	for (size_t i = 0; i < n; i++) {
		long double w = t->weight ? t->weight[fold->train[i]] : 1;

		if (w == 0)
			continue;
		total += w;
		probabilities(model, &design, i, p);
		for (size_t c = 0; c < model->classes; c++)
			for (size_t j = 0; j <= design.columns; j++) {
				long double x = j < design.columns ? design.values[j * n + i] - model->center[j] : 1;

				gradient[c][j] += w * ((t->target[fold->train[i]] == model->code[c]) - p[c]) * x;
				size[j] += w * fabsl(x);
			}
	}
	for (size_t j = 0; j <= design.columns; j++)
		for (size_t s = 0; s < model->scores; s++) {
			size_t c = model->scores == 1 ? 1 : s;
			long double mean = 0, variance = 0, off = gradient[c][j], slack = 1e-9L * size[j];

			for (size_t i = 0; i < n && j < design.columns; i++)
				mean += (t->weight ? t->weight[fold->train[i]] : 1) *
				        (long double)design.values[j * n + i] / total;
			for (size_t i = 0; i < n && j < design.columns; i++)
				variance += (t->weight ? t->weight[fold->train[i]] : 1) *
				            (design.values[j * n + i] - mean) * (design.values[j * n + i] - mean) /
				            total;
			if (j == design.columns ? !fit_intercept
			                        : model->left_out[j] || variance <= 1e-24L * mean * mean)
				continue;
			if (j < design.columns)
				off -= alpha * (standardize ? variance : 1) * model->coefficient[s][j];
			if (!(fabsl(off) <= slack))
				fail_msg("%s, column %zu, score %zu: optimality off by %.3Lg, allowed %.3Lg", where, j,
				        s, off, slack);
		}
	design_release(&design);
}

static void expect_consistent(const struct table *t, const struct engine_fold *fold, const struct recorded *fit,
        const struct model *model, const char *where)
{
	struct design design;
	size_t m = fold->test_count;
	long double p[CLASSES], digits = 1e-11L; /* the centres of columns far from 0 have fewer */

	for (size_t c = 0; c < model->scores; c++)
		for (size_t j = 0; j < COLUMNS; j++)
			digits += 1e-15L * fabs(model->coefficient[c][j] * model->center[j]);
	assert_int_equal(design_build(&t->data, fold->test, m, fold->train, fold->train_count, &design, NULL), 0);
	for (size_t i = 0; i < m; i++) {
		double sum = 0;

		probabilities(model, &design, i, p);
		for (size_t c = 0; c < model->classes; c++) {
			double got = fit->prediction[model->code[c] * m + i];

			if (!(fabsl(got - p[c]) <= digits))
				fail_msg("%s, row %zu, class %zu: probability %.17g, model %.17Lg", where, i, c, got,
				        p[c]);
		}
		for (size_t c = 0; c < t->data.classes; c++)
			sum += fit->prediction[c * m + i];
		assert_true(fabs(sum - 1) < 1e-14);
	}
	design_release(&design);
}

/* Returns how many of the fits with something left out needed Newton's method. */
static size_t check(const struct table *t, struct variants *variants, const char *where)
{
	struct engine_job job;
	struct recorder recorder = {0};
	size_t newton = 0;

	run(t, variants, &job, &recorder);
	for (size_t f = 0; f < t->fold_count; f++)
		for (size_t v = 0; v < variants->count; v++) {
			const struct recorded *fit = &recorder.fits[f * variants->count + v];
			struct model model;
			char place[160];

			snprintf(place, sizeof(place), "%s, fold %zu, variant %zu", where, f, v);
			assert_int_equal(fit->times, 1);
			if (fit->code != 0)
				fail_msg("%s: %s", place, fit->text);
			read_model(fit->model, t, &model);
			expect_optimal(t, &t->folds[f], &variants->list[v], &model, place);
			expect_consistent(t, &t->folds[f], fit, &model, place);
			newton += variants->list[v].left_out_count > 0 && fit->fits_saved == 0;
		}
	recorder_release(&recorder);
	variants_release(variants);
	return newton;
}

/* ---- problems ---- */

/* Turns the numeric target into classes of about equal size, with some at random. */
static void make_classes(struct table *t, unsigned classes, uint64_t seed)
{
	double low = INFINITY, high = -INFINITY;

	for (size_t i = 0; i < t->rows; i++) {
		low = fmin(low, t->target[i]);
		high = fmax(high, t->target[i]);
	}
	for (size_t i = 0; i < t->rows; i++) {
		double share = (t->target[i] - low) / (high - low) * 1.4 - 0.2;

		share = table_unit(seed, i) < 0.15 ? table_unit(seed + 1, i) : share;
		t->target[i] = fmin(classes - 1, fmax(0, floor(share * classes)));
	}
	t->data.task = ENGINE_CLASSIFICATION;
	t->data.classes = classes;
}

static void logistic__is_optimal_on_random_shapes(void **state)
{
	static const struct {
		size_t rows, numbers;
		unsigned classes;
		bool weights;
		int folds;
	} shapes[] = {{120, 1, 2, false, 3}, {200, 8, 2, true, 3}, {2500, 6, 2, true, 2}, {240, 6, 3, true, 3},
	        {300, 4, 5, false, 2}};

	(void)state;
	for (size_t s = 0; s < sizeof(shapes) / sizeof(*shapes); s++) {
		struct variants variants = {0};
		struct table t;
		char where[64];

		snprintf(where, sizeof(where), "shape %zu", s);
		table_begin(&t, shapes[s].rows, 1, shapes[s].weights);
		table_random(&t, shapes[s].numbers, s, 0.5, 3);
		make_classes(&t, shapes[s].classes, s);
		table_kfold(&t, shapes[s].folds, s);
		variants_lofo(&variants, &t, 1, true, true);
		variants_lofo(&variants, &t, 0.01, true, true);
		variants_lofo(&variants, &t, 0.1, true, false);
		variants_lofo(&variants, &t, 3, false, true);
		check(&t, &variants, where);
		table_end(&t);
	}
}

/* Most features matter little: their fits must come from the full one. */
static void logistic__starts_from_the_full_fit(void **state)
{
	struct variants variants = {0};
	struct table t;

	(void)state;
	table_begin(&t, 1500, 1, false);
	table_random(&t, 12, 5, 0.2, 3);
	make_classes(&t, 2, 4);
	table_kfold(&t, 3, 5);
	variants_lofo(&variants, &t, 1, true, true);
	/* but not the one without any feature */
	assert_in_range(check(&t, &variants, "full fit"), 3, 3 + 6);
	table_end(&t);
}

static void logistic__is_optimal_with_awkward_columns(void **state)
{
	static const char *const colours[] = {"amber", "blue", "crimson", "dun"};
	struct variants variants = {0};
	struct table t;

	(void)state;
	table_begin(&t, 260, 1, true);
	table_awkward(&t);
	int32_t *colour = table_category(&t, "colour", false, colours, 4);

	for (size_t i = 0; i < t.rows; i++) {
		colour[i] = i % 11 == 4 ? -1 : (int32_t)(table_hash(600, i) % 7 % 4);
		t.target[i] += 2 * colour[i] * colour[i];
		if (i % 7 == 2)
			((double *)(uintptr_t)t.columns[1].values)[i] = NAN;
	}
	table_count_missing(&t);
	t.data.missing = ENGINE_MISSING_MEAN;
	make_classes(&t, 3, 9);
	table_kfold(&t, 2, 3);
	variants_lofo(&variants, &t, 1, true, true);
	variants_lofo(&variants, &t, 1e-3, true, true);
	variants_lofo(&variants, &t, 0, true, true);
	check(&t, &variants, "awkward");
	table_end(&t);
}

static void logistic__a_class_may_be_absent(void **state)
{
	struct variants variants = {0};
	struct engine_job job;
	struct recorder recorder = {0};
	struct table t;

	(void)state;
	table_begin(&t, 150, 1, true);
	table_random(&t, 3, 5, 0.2, 3);
	make_classes(&t, 3, 4);
	table_kfold(&t, 2, 5);
	for (size_t i = 0; i < t.folds[0].train_count; i++)
		if (t.target[t.folds[0].train[i]] == 1)
			t.weight[t.folds[0].train[i]] = 0;
	t.fold_count = 1;
	variants_add(&variants, make_params(1, true, true), NULL, 0);
	run(&t, &variants, &job, &recorder);
	for (size_t i = 0; i < t.folds[0].test_count; i++)
		assert_true(recorder.fits[0].prediction[t.folds[0].test_count + i] == 0);
	recorder_release(&recorder);
	check(&t, &variants, "absent"); /* as two classes */
	table_end(&t);
}

static void logistic__bits_do_not_depend_on_company(void **state)
{
	struct variants all = {0};
	struct engine_job job, part;
	struct recorder recorder = {0};
	struct table t;

	(void)state;
	table_begin(&t, 1300, 1, true);
	table_random(&t, 9, 8, 0.6, 1);
	make_classes(&t, 3, 4);
	table_kfold(&t, 2, 6);
	for (uint32_t i = 0; i < 50; i++)
		variants_add(&all, make_params(i % 2 + 0.5, true, true), (uint32_t[]){i % 8, i % 8 + 1}, i % 3);
	run(&t, &all, &job, &recorder);
	for (size_t take = 1; take <= 9; take += 8)
		for (size_t from = 0; from + take <= all.count; from += 8) {
			struct variants some = {0};
			struct recorder a = {0};

			for (size_t v = from + take; v-- > from;)
				variants_add(&some, json_incref((json_t *)(uintptr_t)all.list[v].params),
				        all.left_out[v], all.list[v].left_out_count);
			run(&t, &some, &part, &a);
			for (size_t f = 0; f < 2; f++)
				for (size_t v = 0; v < take; v++) {
					size_t there = f * all.count + from + take - 1 - v, here = f * take + v;

					assert_memory_equal(a.fits[here].prediction, recorder.fits[there].prediction,
					        3 * t.folds[f].test_count * sizeof(double));
					assert_string_equal(a.fits[here].model, recorder.fits[there].model);
				}
			recorder_release(&a);
			variants_release(&some);
		}
	recorder_release(&recorder);
	variants_release(&all);
	table_end(&t);
}

static void expect_reason(struct table *t, double alpha, const char *reason)
{
	struct variants variants = {0};
	struct engine_job job;
	struct recorder recorder = {0};

	variants_add(&variants, make_params(alpha, true, true), NULL, 0);
	variants_add(&variants, make_params(alpha, true, true), (uint32_t[]){1}, 1);
	run(t, &variants, &job, &recorder);
	for (size_t v = 0; v < 2; v++) {
		assert_int_equal(recorder.fits[v].times, 1);
		assert_int_equal(recorder.fits[v].code, ORCH_EFIT);
		assert_string_equal(recorder.fits[v].text, reason);
	}
	recorder_release(&recorder);
	variants_release(&variants);
}

static void logistic__gives_reasons(void **state)
{
	struct table t;

	(void)state;
	table_begin(&t, 60, 1, false);
	table_random(&t, 2, 1, 0, 1);
	table_kfold(&t, 2, 1);
	for (size_t i = 0; i < t.rows; i++)
		t.target[i] = column_value(&t.columns[0], i) > 0;
	t.data.task = ENGINE_CLASSIFICATION;
	t.data.classes = 2;
	expect_reason(&t, 0,
	        "Newton's method finds no optimum: the classes can be separated, so that coefficients grow without "
	        "end; "
	        "raise alpha");
	for (size_t i = 0; i < t.rows; i++)
		t.target[i] = 1;
	expect_reason(&t, 1, "the training rows have only one class");
	((double *)(uintptr_t)t.columns[1].values)[7] = NAN;
	table_count_missing(&t);
	expect_reason(&t, 1,
	        "feature \"b\" has missing values, which this engine cannot keep: set data.missing to mean, median or "
	        "drop");
	table_end(&t);
}

static void logistic__equals_scikit_learn(void **state)
{
	static const char *const names[] = {"a", "b", "c"};

	(void)state;
	for (size_t c = 0; c < sizeof(reference_cases) / sizeof(*reference_cases); c++) {
		const struct reference_case *want = &reference_cases[c];
		uint8_t fold_of[REFERENCE_ROWS];
		struct variants variants = {0};
		struct engine_job job;
		struct recorder recorder = {0};
		struct table t;

		table_begin(&t, REFERENCE_ROWS, 1, want->weights);
		for (size_t j = 0; j < REFERENCE_COLUMNS; j++)
			memcpy(table_number(&t, names[j]), reference_x[j], sizeof(reference_x[j]));
		memcpy(t.target, reference_y[want->classes - 2], sizeof(reference_y[0]));
		t.data.task = ENGINE_CLASSIFICATION;
		t.data.classes = want->classes;
		for (size_t i = 0; i < t.rows; i++) {
			fold_of[i] = i % 3 == 0;
			if (t.weight)
				t.weight[i] = 1 + (double)(i % 4);
		}
		table_fold(&t, fold_of, 1, -1);
		variants_add(&variants, make_params(want->alpha, want->intercept, want->standardize), (uint32_t[]){1},
		        want->without_b);
		run(&t, &variants, &job, &recorder);
		for (size_t i = 0; i < want->classes * REFERENCE_TEST; i++)
			if (!(fabs(recorder.fits[0].prediction[i] - want->probability[i]) <=
			            1e-8 * want->probability[i]))
				fail_msg("case %zu, entry %zu: %.17g, scikit-learn %.17g", c, i,
				        recorder.fits[0].prediction[i], want->probability[i]);
		recorder_release(&recorder);
		variants_release(&variants);
		table_end(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(logistic__is_optimal_on_random_shapes),
	        cmocka_unit_test(logistic__starts_from_the_full_fit),
	        cmocka_unit_test(logistic__is_optimal_with_awkward_columns),
	        cmocka_unit_test(logistic__a_class_may_be_absent),
	        cmocka_unit_test(logistic__bits_do_not_depend_on_company),
	        cmocka_unit_test(logistic__gives_reasons),
	        cmocka_unit_test(logistic__equals_scikit_learn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
