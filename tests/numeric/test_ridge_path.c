/* The elimination path against naive elimination: a refit in long double for every unit, fold and step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engines/rfe/ridge_path.h"
#include "tests/numeric/linear_data.h"
#include "tests/numeric/linear_twin.h"

extern const struct engine engine_ridge;

#define UNITS TABLE_FEATURES

struct naive {
	const struct ridge_path_request *request;
	bool gone[UNITS];
	double sse[TABLE_FOLDS][4]; /* of the last fits */
	json_t *params;
};

static size_t unit_count(const struct ridge_path_request *request)
{
	return request->units ? request->unit_count : request->data->feature_count;
}

/* Mean score of all folds without the units that are gone and `trial`. */
static double naive_score(struct naive *naive, size_t trial)
{
	const struct ridge_path_request *request = naive->request;
	const struct engine_data *data = request->data;
	bool gone[TABLE_FEATURES] = {false};
	uint32_t left_out[TABLE_FEATURES];
	struct engine_variant variant = {.params = naive->params, .left_out = left_out};
	double total = 0;

	for (size_t u = 0; u < unit_count(request); u++)
		for (size_t i = 0; (naive->gone[u] || u == trial) && i < (request->units ? request->units[u].count : 1);
		        i++)
			gone[request->units ? request->units[u].features[i] : u] = true;
	for (uint32_t f = 0; f < data->feature_count; f++)
		if (gone[f])
			left_out[variant.left_out_count++] = f;
	for (size_t f = 0; f < request->fold_count; f++) {
		const struct engine_fold *fold = &request->folds[f];
		struct twin twin;
		double weight = 0;

		twin_fit(data, fold, &variant, &twin);
		free(twin.prediction);
		memcpy(naive->sse[f], twin.sse, sizeof(twin.sse));
		for (size_t i = 0; i < fold->test_count; i++)
			weight += data->weight ? data->weight[fold->test[i]] : 1;
		if (request->score)
			total += request->score(request->context, f, twin.sse, data->outputs, weight);
		for (unsigned o = 0; !request->score && o < data->outputs; o++)
			total += sqrt(twin.sse[o] / weight) / data->outputs;
	}
	return total / (double)request->fold_count;
}

static size_t naive_choice(struct naive *naive)
{
	double scores[UNITS], best = INFINITY;
	size_t chosen = 0;

	for (size_t u = 0; u < unit_count(naive->request); u++) {
		scores[u] = naive->gone[u] ? INFINITY : naive_score(naive, u);
		best = fmin(best, scores[u]);
	}
	for (size_t u = 0; u < unit_count(naive->request); u++)
		if (scores[u] <= best + 1e-10 * fabs(best))
			chosen = u;
	return chosen;
}

static void expect_sse(
        const struct ridge_path *path, const struct naive *naive, size_t step, double tolerance, const char *where)
{
	for (size_t f = 0; f < path->folds; f++)
		for (unsigned o = 0; o < path->outputs; o++) {
			double got = path->sse[(step * path->folds + f) * path->outputs + o], want = naive->sse[f][o];

			if (!(fabs(got - want) <= tolerance * want))
				fail_msg("%s, step %zu, fold %zu: %.17g, refit %.17g, off by %.3g", where, step, f, got,
				        want, fabs(got - want) / want);
		}
}

static struct ridge_path *check_path(const struct ridge_path_request *request, double tolerance, const char *where)
{
	struct naive naive = {.request = request};
	struct ridge_path *path = NULL;
	struct orch_err err = {0};

	naive.params = json_pack("{s:f, s:b, s:b}", "alpha", request->alpha, "fit_intercept", request->intercept,
	        "standardize", request->standardize);
	if (ridge_path_run(request, &path, &err) != 0)
		fail_msg("%s: %s", where, err.text);
	assert_int_equal(path->steps, unit_count(request) - request->min_units);
	for (size_t step = 0; step <= path->steps; step++) {
		double score = naive_score(&naive, SIZE_MAX);

		expect_sse(path, &naive, step, tolerance, where);
		assert_true(fabs(score - path->score[step]) <= tolerance * score);
		if (step == path->steps)
			break;
		size_t choice = naive_choice(&naive);

		if (choice != path->dropped[step])
			fail_msg("%s, step %zu: dropped %u, naive %zu", where, step, path->dropped[step], choice);
		naive.gone[choice] = true;
	}
	json_decref(naive.params);
	return path;
}

static struct ridge_path_request make_request(const struct table *t, double alpha)
{
	return (struct ridge_path_request){
	        .data = &t->data, .folds = t->folds, .fold_count = t->fold_count, .alpha = alpha, .intercept = true};
}

static void ridge_path__equals_refits(void **state)
{
	(void)state;
	for (unsigned outputs = 1; outputs <= 3; outputs += 2)
		for (int weights = 0; weights < 2; weights++) {
			struct table t;

			table_begin(&t, 110, outputs, weights);
			table_random(&t, 9, 40 + outputs, 0.7, 4);
			table_kfold(&t, 3, 5);
			struct ridge_path_request request = make_request(&t, 2);

			ridge_path_release(check_path(&request, 1e-9, "plain"));
			request.standardize = true;
			request.intercept = false;
			request.min_units = 4;
			ridge_path_release(check_path(&request, 1e-9, "standardized"));
			table_end(&t);
		}
}

static void ridge_path__equals_refits_with_awkward_columns(void **state)
{
	static const double alphas[] = {1, 1e-4, 0};

	(void)state;
	for (size_t a = 0; a < 3; a++) {
		struct table t;
		char where[40];

		snprintf(where, sizeof(where), "awkward, alpha %g", alphas[a]);
		table_begin(&t, 130, 1, true);
		table_awkward(&t);
		table_kfold(&t, 3, 3);
		struct ridge_path_request request = make_request(&t, alphas[a]);
		struct ridge_path *path = check_path(&request, 1e-9, where);

		/* without penalty the twins make the matrix singular until one of them goes */
		assert_true((path->direct > 0) == (alphas[a] == 0));
		ridge_path_release(path);
		table_end(&t);
	}
}

static void ridge_path__drops_groups_and_categories_together(void **state)
{
	static const char *const colours[] = {"amber", "blue", "crimson", "dun", "empty"};
	static const uint32_t first[] = {0, 3}, second[] = {1}, third[] = {2, 5}, fourth[] = {4}, fifth[] = {6};
	static const struct ridge_path_unit units[] = {{first, 2}, {second, 1}, {third, 2}, {fourth, 1}, {fifth, 1}};
	struct table t;

	(void)state;
	table_begin(&t, 140, 2, false);
	table_random(&t, 6, 60, 0.5, 3);
	int32_t *colour = table_category(&t, "colour", false, colours, 5);

	for (size_t i = 0; i < t.rows; i++) {
		colour[i] = (int32_t)(table_hash(9, i) % 4);
		t.target[i] += 1.5 * colour[i] * (colour[i] - 2);
	}
	table_kfold(&t, 3, 5);
	for (double alpha = 1; alpha >= 0; alpha -= 0.5) {
		struct ridge_path_request request = make_request(&t, alpha);

		request.units = units;
		request.unit_count = 5;
		request.min_units = 1;
		ridge_path_release(check_path(&request, 1e-9, "groups"));
		request.units = NULL;
		ridge_path_release(check_path(&request, 1e-9, "categories"));
	}
	table_end(&t);
}

/* Folds count by what the context says. */
static double worst_output(void *context, size_t fold, const double *sse, unsigned outputs, double test_weight)
{
	const double *shares = context;
	double worst = 0;

	for (unsigned o = 0; o < outputs; o++)
		worst = fmax(worst, sse[o] / test_weight);
	return shares[fold] * worst;
}

static void ridge_path__follows_the_score_given(void **state)
{
	struct table t;

	(void)state;
	table_begin(&t, 100, 3, true);
	table_random(&t, 6, 71, 0.5, 3);
	table_kfold(&t, 2, 5);
	struct ridge_path_request request = make_request(&t, 1);
	double shares[] = {0.2, 1.8};

	request.score = worst_output;
	request.context = shares;
	ridge_path_release(check_path(&request, 1e-9, "score"));
	table_end(&t);
}

/* Longer than one stretch between factorisations: each step against the engine with all that was dropped left out. */
static void ridge_path__does_not_drift(void **state)
{
	struct table t;
	struct ridge_path *path = NULL;
	struct orch_err err = {0};

	(void)state;
	table_begin(&t, 400, 1, false);
	for (int part = 0; part < 4; part++)
		table_random(&t, 10, 1000 * (uint64_t)part, 3, 1);
	table_kfold(&t, 4, 5);
	struct ridge_path_request request = make_request(&t, 0.1);

	assert_int_equal(ridge_path_run(&request, &path, &err), 0);
	assert_int_equal(path->steps, 40);
	assert_true(path->factored > 4);
	json_t *params = json_pack("{s:f, s:b, s:b}", "alpha", 0.1, "fit_intercept", 1, "standardize", 0);

	for (size_t step = 0; step <= 40; step++) {
		uint32_t left_out[TABLE_FEATURES];
		struct engine_variant variant = {.params = params, .left_out = left_out, .left_out_count = step};
		struct engine_job job = {.data = &t.data,
		        .folds = t.folds,
		        .fold_count = 4,
		        .variants = &variant,
		        .variant_count = 1,
		        .scores_only = true};
		struct recorder recorder = {0};

		for (uint32_t f = 0, count = 0; f < 40; f++)
			for (size_t s = 0; s < step; s++)
				if (path->dropped[s] == f)
					left_out[count++] = f;
		assert_int_equal(recorder_run(&recorder, &engine_ridge, &job, &err), 0);
		for (size_t f = 0; f < 4; f++) {
			double want = recorder.fits[f].sse[0], got = path->sse[step * 4 + f];

			if (!(fabs(got - want) <= 1e-10 * want))
				fail_msg("step %zu, fold %zu: %.17g, engine %.17g", step, f, got, want);
		}
		recorder_release(&recorder);
	}
	json_decref(params);
	ridge_path_release(path);
	table_end(&t);
}

static void ridge_path__gives_reasons(void **state)
{
	struct ridge_path *path = NULL;
	struct orch_err err = {0};
	struct table t;

	(void)state;
	table_begin(&t, 40, 1, true);
	table_random(&t, 3, 71, 0.5, 3);
	table_kfold(&t, 2, 5);
	struct ridge_path_request request = make_request(&t, 1);

	t.folds[1].test_count = 0;
	assert_int_equal(ridge_path_run(&request, &path, &err), ORCH_EFIT);
	assert_string_equal(err.text, "fold 1 has no test rows with weight");
	assert_null(path);
	t.folds[0].train_count = 0;
	orch_err_clear(&err);
	assert_int_equal(ridge_path_run(&request, &path, &err), ORCH_EFIT);
	assert_string_equal(err.text, "there are no training rows");
	table_end(&t);
}

/* Twins without penalty: each step is solved by itself, until it is too much. */
static void ridge_path__limits_what_singular_folds_cost(void **state)
{
	struct ridge_path *path = NULL;
	struct orch_err err = {0};
	struct table t;

	(void)state;
	table_begin(&t, 130, 1, true);
	table_awkward(&t);
	table_kfold(&t, 3, 3);
	struct ridge_path_request request = make_request(&t, 0);

	request.direct_most = 1000;
	assert_int_equal(ridge_path_run(&request, &path, &err), ORCH_EFIT);
	assert_string_equal(err.text, "columns are so nearly dependent that each step would be solved by itself; a larger alpha helps");
	assert_null(path);
	request.direct_most = 1e12;
	orch_err_clear(&err);
	assert_int_equal(ridge_path_run(&request, &path, &err), 0);
	ridge_path_release(path);
	table_end(&t);
}

static void ridge_path__knows_what_it_costs(void **state)
{
	struct engine_size small = {.rows = 1000, .features = 100, .columns = 100, .outputs = 1, .folds = 5}, wide = small;

	(void)state;
	wide.features = wide.columns = 400;
	assert_true(ridge_path_work(&wide) > 64 * ridge_path_work(&small));
	assert_true(ridge_path_bytes(&wide) > 5 * 4 * sizeof(double) * 400 * 400); /* M, N and moments of each fold */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(ridge_path__equals_refits),
	        cmocka_unit_test(ridge_path__equals_refits_with_awkward_columns),
	        cmocka_unit_test(ridge_path__drops_groups_and_categories_together),
	        cmocka_unit_test(ridge_path__follows_the_score_given),
	        cmocka_unit_test(ridge_path__does_not_drift),
	        cmocka_unit_test(ridge_path__gives_reasons),
	        cmocka_unit_test(ridge_path__limits_what_singular_folds_cost),
	        cmocka_unit_test(ridge_path__knows_what_it_costs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
