/* The elastic net: each fit is held against the optimality conditions on its own rows in long double - they are
 * necessary and sufficient - and against numbers recorded from scikit-learn (reference_elasticnet.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engines/model/design.h"
#include "tests/numeric/linear_data.h"
#include "tests/numeric/reference_elasticnet.h"

extern const struct engine engine_elasticnet;

#define COLUMNS 64
#define MOST_VARIANTS 200

struct variants {
	struct engine_variant list[MOST_VARIANTS];
	uint32_t left_out[MOST_VARIANTS][2];
	size_t count;
};

static json_t *make_params(double alpha, double l1_ratio, bool intercept, bool standardize)
{
	return json_pack("{s:f, s:f, s:b, s:b}", "alpha", alpha, "l1_ratio", l1_ratio, "fit_intercept", intercept,
	        "standardize", standardize);
}

/* Takes the reference. */
static void variants_add(struct variants *variants, json_t *take_params, const uint32_t *left_out, size_t count)
{
	struct engine_variant *variant = &variants->list[variants->count];

	if (count > 0)
		memcpy(variants->left_out[variants->count], left_out, count * sizeof(*left_out));
	*variant = (struct engine_variant){
	        .params = take_params, .left_out = variants->left_out[variants->count], .left_out_count = count};
	variants->count++;
}

static void variants_lofo(struct variants *variants, const struct table *t, double alpha, double l1_ratio,
        bool intercept, bool standardize)
{
	variants_add(variants, make_params(alpha, l1_ratio, intercept, standardize), NULL, 0);
	for (uint32_t f = 0; f < t->features; f++)
		variants_add(variants, make_params(alpha, l1_ratio, intercept, standardize), &f, 1);
	if (t->features > 2)
		variants_add(variants, make_params(alpha, l1_ratio, intercept, standardize), (uint32_t[]){0, 2}, 2);
}

static void variants_release(struct variants *variants)
{
	for (size_t v = 0; v < variants->count; v++)
		json_decref((json_t *)(uintptr_t)variants->list[v].params);
	variants->count = 0;
}

static void run_both(const struct table *t, const struct variants *variants, struct engine_job *job,
        struct recorder *predicted, struct recorder *scored)
{
	struct orch_err err = {0};

	*job = (struct engine_job){.data = &t->data,
	        .folds = t->folds,
	        .fold_count = t->fold_count,
	        .variants = variants->list,
	        .variant_count = variants->count,
	        .want_model = true};
	if (recorder_run(predicted, &engine_elasticnet, job, &err) != 0)
		fail_msg("%s", err.text);
	job->scores_only = true;
	if (recorder_run(scored, &engine_elasticnet, job, &err) != 0)
		fail_msg("%s", err.text);
}

/* ---- the conditions ---- */

/* Coefficients of one output for all columns of the design; 0 and left_out for those that are not in the model. */
static void read_model(const char *text, const struct table *t, unsigned output, double *coefficient, bool *left_out,
        double *center, double *intercept)
{
	json_t *model = json_loads(text, 0, NULL), *features = json_object_get(model, "features"), *feature;
	size_t k = 0, column = 0;

	*intercept = json_real_value(json_array_get(json_object_get(model, "intercept"), output));
	for (size_t f = 0; f < t->features; f++) {
		size_t width = design_feature_columns(&t->columns[f]);

		feature = json_array_get(features, k);
		bool here =
		        feature && strcmp(json_string_value(json_object_get(feature, "name")), t->columns[f].name) == 0;

		k += here;
		for (size_t l = 0; l < width; l++, column++) {
			json_t *levels = json_object_get(feature, "levels"),
			       *part = levels ? json_array_get(levels, l) : feature;

			left_out[column] = !here;
			coefficient[column] =
			        here ? json_real_value(json_array_get(json_object_get(part, "coefficient"), output))
			             : 0;
			center[column] = here ? json_real_value(json_object_get(part, "center")) : 0;
		}
	}
	assert_int_equal(k, json_array_size(features));
	json_decref(model);
}

static void expect_optimal(const struct table *t, const struct engine_fold *fold, const struct engine_variant *variant,
        const char *text, unsigned output, const char *where)
{
	double alpha = json_real_value(json_object_get(variant->params, "alpha"));
	double ratio = json_real_value(json_object_get(variant->params, "l1_ratio"));
	bool fit_intercept = json_is_true(json_object_get(variant->params, "fit_intercept"));
	bool standardize = json_is_true(json_object_get(variant->params, "standardize"));
	double coefficient[COLUMNS], center[COLUMNS], intercept;
	bool left_out[COLUMNS];
	struct design design;
	size_t n = fold->train_count;

	read_model(text, t, output, coefficient, left_out, center, &intercept);
	assert_int_equal(design_build(&t->data, fold->train, n, fold->train, n, &design, NULL), 0);
	long double *residual = mem_must(n, sizeof(*residual)), total = 0, sum = 0, size = 0;

	for (size_t i = 0; i < n; i++) {
		long double w = t->weight ? t->weight[fold->train[i]] : 1,
		            y = t->target[output * t->rows + fold->train[i]];

		residual[i] = y - intercept;
		for (size_t c = 0; c < design.columns; c++)
			residual[i] -= coefficient[c] * ((long double)design.values[c * n + i] - center[c]);
		total += w;
		sum += w * residual[i];
		size += w * y * y;
	}
	long double rounding =
	        1e-11L * sqrtl(size * total); /* of the centres, too: far from 0 they have fewer digits */

	for (size_t c = 0; c < design.columns; c++)
		rounding += 1e-15L * total * fabs(coefficient[c] * center[c]);
	if (fit_intercept && !(fabsl(sum) <= rounding))
		fail_msg("%s: mean residual %.3Lg, allowed %.3Lg", where, sum / total, rounding / total);
	for (size_t c = 0; c < design.columns; c++) {
		long double gradient = 0, mean = 0, variance = 0, scale;

		for (size_t i = 0; i < n; i++)
			mean += (t->weight ? t->weight[fold->train[i]] : 1) * (long double)design.values[c * n + i] /
			        total;
		for (size_t i = 0; i < n; i++) {
			long double w = t->weight ? t->weight[fold->train[i]] : 1, x = design.values[c * n + i];

			gradient += w * (x - center[c]) * residual[i];
			variance += w * (x - mean) * (x - mean) / total;
		}
		if (left_out[c] || variance <= 1e-24L * mean * mean)
			continue;
		scale = standardize ? sqrtl(variance) : 1;
		long double l1 = total * alpha * ratio * scale, l2 = total * alpha * (1 - ratio) * scale * scale;
		long double slack = 1e-9L * l1 + 1e-11L * sqrtl(variance * total * size), off;

		if (coefficient[c] != 0)
			off = fabsl(gradient - l2 * coefficient[c] - (coefficient[c] > 0 ? l1 : -l1));
		else
			off = fabsl(gradient) - l1;
		if (!(off <= slack))
			fail_msg("%s, column %zu: coefficient %.17g, optimality off by %.3Lg, allowed %.3Lg", where, c,
			        coefficient[c], off, slack);
	}
	free(residual);
	design_release(&design);
}

/* Predictions are those of the model, errors those of the predictions. */
static void expect_consistent(const struct table *t, const struct engine_fold *fold, const struct recorded *predicted,
        const struct recorded *scored, unsigned output, const char *where)
{
	double coefficient[COLUMNS], center[COLUMNS], intercept, sse = 0;
	bool left_out[COLUMNS];
	struct design design;
	size_t m = fold->test_count;

	read_model(predicted->model, t, output, coefficient, left_out, center, &intercept);
	assert_int_equal(design_build(&t->data, fold->test, m, fold->train, fold->train_count, &design, NULL), 0);
	for (size_t i = 0; i < m; i++) {
		double value = intercept, got = predicted->prediction[output * m + i],
		       y = t->target[output * t->rows + fold->test[i]];

		double digits = 1e-11 * (fabs(value) + 1);

		for (size_t c = 0; c < design.columns; c++) {
			value += coefficient[c] * (design.values[c * m + i] - center[c]);
			digits += 1e-15 * fabs(coefficient[c] * center[c]);
		}
		if (!(fabs(value - got) <= digits))
			fail_msg("%s: prediction %.17g, model %.17g", where, got, value);
		sse += (t->weight ? t->weight[fold->test[i]] : 1) * (y - got) * (y - got);
	}
	if (!(fabs(sse - scored->sse[output]) <= 1e-9 * sse))
		fail_msg("%s: squared error %.17g, of predictions %.17g", where, scored->sse[output], sse);
	assert_string_equal(predicted->model, scored->model);
	design_release(&design);
}

static void check(const struct table *t, struct variants *variants, const char *where)
{
	struct engine_job job;
	struct recorder predicted = {0}, scored = {0};

	run_both(t, variants, &job, &predicted, &scored);
	for (size_t f = 0; f < t->fold_count; f++)
		for (size_t v = 0; v < variants->count; v++) {
			const struct recorded *fit = &predicted.fits[f * variants->count + v];
			char place[160];

			snprintf(place, sizeof(place), "%s, fold %zu, variant %zu", where, f, v);
			assert_int_equal(fit->times, 1);
			if (fit->code != 0)
				fail_msg("%s: %s", place, fit->text);
			for (unsigned o = 0; o < t->data.outputs; o++) {
				expect_optimal(t, &t->folds[f], &variants->list[v], fit->model, o, place);
				expect_consistent(
				        t, &t->folds[f], fit, &scored.fits[f * variants->count + v], o, place);
			}
		}
	recorder_release(&predicted);
	recorder_release(&scored);
	variants_release(variants);
}

/* ---- problems ---- */

static void elasticnet__is_optimal_on_random_shapes(void **state)
{
	static const struct {
		size_t rows, numbers;
		unsigned outputs;
		bool weights;
		int folds;
	} shapes[] = {{90, 1, 1, false, 3}, {120, 6, 1, true, 4}, {70, 12, 3, true, 2}, {14, 10, 1, false, 2}};

	(void)state;
	for (size_t s = 0; s < sizeof(shapes) / sizeof(*shapes); s++)
		for (double alpha = 1e-4; alpha < 100; alpha *= 20) {
			struct variants variants = {0};
			struct table t;
			char where[64];

			snprintf(where, sizeof(where), "shape %zu, alpha %g", s, alpha);
			table_begin(&t, shapes[s].rows, shapes[s].outputs, shapes[s].weights);
			table_random(&t, shapes[s].numbers, s, 1, 2);
			table_kfold(&t, shapes[s].folds, s);
			variants_lofo(&variants, &t, alpha, 0.5, true, true);
			variants_lofo(&variants, &t, alpha, 1, true, true);
			variants_lofo(&variants, &t, alpha, 0, true, true);
			variants_lofo(&variants, &t, alpha, 0.3, true, false);
			variants_lofo(&variants, &t, alpha, 0.7, false, s % 2);
			check(&t, &variants, where);
			table_end(&t);
		}
}

static void elasticnet__is_optimal_with_awkward_columns(void **state)
{
	struct variants variants = {0};
	struct table t;

	(void)state;
	table_begin(&t, 160, 1, true);
	table_awkward(&t);
	table_kfold(&t, 3, 3);
	for (double alpha = 1e-6; alpha < 10; alpha *= 30) {
		variants_lofo(&variants, &t, alpha, 0.5, true, true);
		variants_lofo(&variants, &t, alpha, 1, true, true);
		check(&t, &variants, "awkward");
	}
	table_end(&t);
}

static void elasticnet__is_optimal_with_categories_and_missing_values(void **state)
{
	static const char *const colours[] = {"amber", "blue", "crimson", "dun"};
	struct variants variants = {0};
	struct table t;

	(void)state;
	table_begin(&t, 200, 1, true);
	table_random(&t, 4, 8, 0.3, 1);
	int32_t *colour = table_category(&t, "colour", false, colours, 4);

	for (size_t i = 0; i < t.rows; i++) {
		colour[i] = i % 11 == 4 ? -1 : (int32_t)(table_hash(600, i) % 7 % 4);
		t.target[i] += 2 * colour[i] * colour[i];
		if (i % 7 == 2)
			((double *)(uintptr_t)t.columns[1].values)[i] = NAN;
	}
	table_count_missing(&t);
	t.data.missing = ENGINE_MISSING_MEDIAN;
	table_kfold(&t, 3, 3);
	for (double alpha = 1e-4; alpha < 10; alpha *= 20) {
		variants_lofo(&variants, &t, alpha, 0.5, true, true);
		variants_lofo(&variants, &t, alpha, 1, true, false);
		check(&t, &variants, "categories");
	}
	table_end(&t);
}

static void elasticnet__what_is_not_used_costs_nothing(void **state)
{
	struct variants variants = {0};
	struct engine_job job;
	struct recorder predicted = {0}, scored = {0};
	struct table t;
	size_t unused = 0, used = 0;

	(void)state;
	table_begin(&t, 200, 1, false);
	table_random(&t, 8, 8, 0.3, 1);
	table_kfold(&t, 2, 3);
	variants_lofo(&variants, &t, 1.5, 1, true, true);
	run_both(&t, &variants, &job, &predicted, &scored);
	for (size_t f = 0; f < 2; f++)
		for (size_t j = 0; j < t.features; j++) {
			const struct recorded *base = &scored.fits[f * variants.count], *fit = base + 1 + j;
			double coefficient[COLUMNS], center[COLUMNS], intercept;
			bool left_out[COLUMNS];

			read_model(base->model, &t, 0, coefficient, left_out, center, &intercept);
			assert_int_equal(fit->fits_saved, coefficient[j] == 0);
			assert_int_equal(memcmp(fit->sse, base->sse, sizeof(double)) == 0, coefficient[j] == 0);
			unused += coefficient[j] == 0;
			used += coefficient[j] != 0;
		}
	assert_true(unused > 0 && used > 0);
	recorder_release(&predicted);
	recorder_release(&scored);
	variants_release(&variants);
	table_end(&t);
}

static void elasticnet__bits_do_not_depend_on_company(void **state)
{
	struct variants all = {0};
	struct engine_job job, part;
	struct recorder predicted = {0}, scored = {0};
	struct table t;

	(void)state;
	table_begin(&t, 150, 2, true);
	table_random(&t, 7, 8, 0.6, 1);
	table_kfold(&t, 3, 6);
	for (int i = 0; i < 40; i++)
		variants_add(&all, make_params(pow(1.4, i - 25), i % 3 * 0.4 + 0.1, true, true),
		        (uint32_t[]){(uint32_t)i % 7}, i % 2);
	run_both(&t, &all, &job, &predicted, &scored);
	for (size_t take = 1; take <= 9; take += 4)
		for (size_t from = 0; from + take <= all.count; from += 5) {
			struct variants some = {0};
			struct recorder a = {0}, b = {0};

			for (size_t v = from + take; v-- > from;)
				variants_add(&some, json_incref((json_t *)(uintptr_t)all.list[v].params),
				        all.left_out[v], all.list[v].left_out_count);
			run_both(&t, &some, &part, &a, &b);
			for (size_t f = 0; f < 3; f++)
				for (size_t v = 0; v < take; v++) {
					size_t there = f * all.count + from + take - 1 - v, here = f * take + v;

					assert_memory_equal(a.fits[here].prediction, predicted.fits[there].prediction,
					        2 * t.folds[f].test_count * sizeof(double));
					assert_memory_equal(
					        b.fits[here].sse, scored.fits[there].sse, 2 * sizeof(double));
					assert_string_equal(a.fits[here].model, predicted.fits[there].model);
				}
			recorder_release(&a);
			recorder_release(&b);
			variants_release(&some);
		}
	recorder_release(&predicted);
	recorder_release(&scored);
	variants_release(&all);
	table_end(&t);
}

static void elasticnet__says_when_near_singular(void **state)
{
	struct variants variants = {0};
	struct engine_job job;
	struct recorder predicted = {0}, scored = {0};
	struct table t;

	(void)state;
	table_begin(&t, 100, 1, false);
	table_random(&t, 3, 8, 0.3, 1);
	double *twin = table_number(&t, "twin");

	memcpy(twin, t.columns[0].values, t.rows * sizeof(double));
	table_kfold(&t, 2, 3);
	variants_add(&variants, make_params(1e-16, 0, true, true), NULL, 0);
	variants_add(&variants, make_params(1e-2, 0, true, true), NULL, 0);
	run_both(&t, &variants, &job, &predicted, &scored);
	assert_string_equal(predicted.fits[0].text, "near singular: coefficients as coordinate descent left them");
	assert_string_equal(predicted.fits[1].text, "");
	recorder_release(&predicted);
	recorder_release(&scored);
	variants_release(&variants);
	table_end(&t);
}

static void elasticnet__gives_reasons(void **state)
{
	struct variants variants = {0};
	struct engine_job job;
	struct recorder predicted = {0}, scored = {0};
	struct table t;

	(void)state;
	table_begin(&t, 60, 1, false);
	table_random(&t, 2, 1, 0, 1);
	table_kfold(&t, 2, 1);
	((double *)(uintptr_t)t.columns[1].values)[7] = NAN;
	table_count_missing(&t);
	variants_lofo(&variants, &t, 1, 0.5, true, false);
	run_both(&t, &variants, &job, &predicted, &scored);
	for (size_t i = 0; i < 2 * variants.count; i++) {
		assert_int_equal(predicted.fits[i].code, ORCH_EFIT);
		assert_string_equal(predicted.fits[i].text,
		        "feature \"b\" has missing values, which this engine cannot keep: set "
		        "data.missing to mean, median or drop");
	}
	recorder_release(&predicted);
	recorder_release(&scored);
	variants_release(&variants);
	table_end(&t);
}

static void elasticnet__equals_scikit_learn(void **state)
{
	(void)state;
	for (size_t c = 0; c < sizeof(net_cases) / sizeof(*net_cases); c++) {
		const struct net_case *want = &net_cases[c];
		struct variants variants = {0};
		struct engine_job job;
		struct recorder predicted = {0}, scored = {0};
		struct table t;

		table_reference(
		        &t, &reference_x[0][0], &reference_y[0][0], REFERENCE_ROWS, REFERENCE_COLUMNS, want->weights);
		variants_add(&variants, make_params(want->alpha, want->l1_ratio, want->intercept, want->standardize),
		        (uint32_t[]){1}, want->without_b);
		run_both(&t, &variants, &job, &predicted, &scored);
		for (size_t i = 0; i < 2 * REFERENCE_TEST; i++)
			if (!(fabs(predicted.fits[0].prediction[i] - want->prediction[i]) <=
			            1e-9 * fabs(want->prediction[i])))
				fail_msg("case %zu, row %zu: %.17g, scikit-learn %.17g", c, i,
				        predicted.fits[0].prediction[i], want->prediction[i]);
		recorder_release(&predicted);
		recorder_release(&scored);
		variants_release(&variants);
		table_end(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(elasticnet__is_optimal_on_random_shapes),
	        cmocka_unit_test(elasticnet__is_optimal_with_awkward_columns),
	        cmocka_unit_test(elasticnet__is_optimal_with_categories_and_missing_values),
	        cmocka_unit_test(elasticnet__what_is_not_used_costs_nothing),
	        cmocka_unit_test(elasticnet__bits_do_not_depend_on_company),
	        cmocka_unit_test(elasticnet__says_when_near_singular),
	        cmocka_unit_test(elasticnet__gives_reasons),
	        cmocka_unit_test(elasticnet__equals_scikit_learn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
