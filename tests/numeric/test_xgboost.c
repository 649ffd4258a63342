/* The XGBoost engine against its own promises: same bits, shared trees, left-out features, outputs, classes, weights,
 * missing values, categories, models, errors, memory. The models of xgboost__model_gives_the_same_numbers were also
 * loaded in Python's xgboost 1.7.6 (Booster.load_model, DMatrix of numpy 1.26 and of pandas with a categorical column):
 * predict gave the very floats of the answers for one output, three joined outputs, two classes, four classes and a
 * Poisson objective; feature_names, feature_types and num_boosted_rounds were right. xgboost.train of the same version
 * on a QuantileDMatrix of the same rows (100 trees, depth 4, the same base score; regression, two classes with missing
 * values, four classes) predicted the same floats as the engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xgboost/c_api.h>

#include "engines/model/engine.h"

#define ROWS 3000
#define TRAIN 2400
#define TEST (ROWS - TRAIN)
#define FEATURES 7
#define VARIANTS 12

struct seen {
	size_t answers;
	int code;
	char text[600];
	double *prediction;
	size_t count; /* of doubles */
	double sse[4];
	char *model;
	uint64_t saved;
};

/* x0, x1 numbers; x2 unordered category; x3 ordered category; x4 bool; x5 with missing values; x6 noise. */
struct problem {
	double number[FEATURES][ROWS], target[4 * ROWS], weight[ROWS];
	int8_t code[FEATURES][ROWS];
	struct column columns[FEATURES];
	const struct column *features[FEATURES];
	uint32_t rows[ROWS], ids[FEATURES], left_out[VARIANTS][FEATURES];
	struct engine_data data;
	struct engine_fold fold;
	struct engine_variant variants[VARIANTS];
	struct engine_job job;
	struct seen seen[VARIANTS];
};

extern const struct engine engine_xgboost;

static double unit(uint32_t row, uint32_t column)
{
	uint64_t z = ((uint64_t)row << 32 | column) * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return ((double)((z ^ (z >> 31)) >> 11) + 0.5) * 0x1p-53;
}

static int keep_answer(void *context, const struct engine_answer *answer, struct orch_err *err)
{
	struct problem *p = context;
	struct seen *seen = &p->seen[answer->variant];
	size_t width = p->data.task == ENGINE_CLASSIFICATION ? p->data.classes : p->data.outputs;

	(void)err;
	seen->answers++;
	seen->code = answer->code;
	seen->saved = answer->fits_saved;
	snprintf(seen->text, sizeof(seen->text), "%s", answer->text ? answer->text : "");
	if (answer->prediction) {
		seen->count = width * p->fold.test_count;
		free(seen->prediction);
		seen->prediction = malloc(seen->count * sizeof(double) + 1);
		memcpy(seen->prediction, answer->prediction, seen->count * sizeof(double));
	}
	if (answer->sse)
		memcpy(seen->sse, answer->sse, p->data.outputs * sizeof(double));
	free(seen->model);
	seen->model = answer->model ? strndup(answer->model, answer->model_length) : NULL;
	return 0;
}

static void problem_columns(struct problem *p)
{
	static const char *const names[] = {"x zero", "x1", "colour", "size", "flag", "gappy", "noise"};
	static const char *const levels[] = {"a", "b", "c", "d", "e", "f"};

	for (uint32_t f = 0; f < FEATURES; f++) {
		bool category = f == 2 || f == 3;

		p->ids[f] = f;
		p->features[f] = &p->columns[f];
		p->columns[f] = (struct column){.name = names[f],
		        .kind = category ? COLUMN_CATEGORY
		                : f == 4 ? COLUMN_BOOL
		                         : COLUMN_NUMBER,
		        .type = category || f == 4 ? COLUMN_INT8 : COLUMN_FLOAT64,
		        .ordered = f == 3,
		        .missing_count = f == 5 ? 1 : 0,
		        .level_count = category ? 6 : 0,
		        .levels = category ? levels : NULL,
		        .values = category || f == 4 ? (void *)p->code[f] : (void *)p->number[f]};
		for (uint32_t i = 0; i < ROWS; i++) {
			p->number[f][i] = f == 5 && unit(i, 99) < 0.2 ? NAN : unit(i, f);
			p->code[f][i] = (int8_t)(unit(i, f) * (f == 4 ? 2 : 6));
		}
	}
}

static double truth_of(const struct problem *p, uint32_t i)
{
	double gap = isnan(p->number[5][i]) ? 1.5 : p->number[5][i];

	return 3 * p->number[0][i] + sin(6 * p->number[1][i]) + (p->code[2][i] % 2 ? 1 : 0) + 0.3 * p->code[3][i] +
	       p->code[4][i] + gap;
}

/* classes 0: regression with `outputs` targets. Released by problem_release. */
static struct problem *problem_make(unsigned outputs, unsigned classes)
{
	struct problem *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	problem_columns(p);
	for (uint32_t i = 0; i < ROWS; i++) {
		double value = 2 + truth_of(p, i) + 0.2 * unit(i, 50);

		p->rows[i] = i;
		p->weight[i] = i % 5 == 0 ? 0 : 1 + i % 3;
		for (unsigned o = 0; o < 4; o++)
			p->target[o * ROWS + i] = classes ? fmin(classes - 1, floor(value / 9.8 * classes))
			                                  : 10 * o + value * (o % 2 ? -1 : 1);
	}
	p->data = (struct engine_data){.rows = ROWS,
	        .feature_count = FEATURES,
	        .features = p->features,
	        .feature_ids = p->ids,
	        .task = classes ? ENGINE_CLASSIFICATION : ENGINE_REGRESSION,
	        .outputs = outputs,
	        .classes = classes,
	        .target = p->target};
	p->fold = (struct engine_fold){
	        .train = p->rows, .test = p->rows + TRAIN, .train_count = TRAIN, .test_count = TEST};
	p->job = (struct engine_job){.data = &p->data,
	        .folds = &p->fold,
	        .fold_count = 1,
	        .variants = p->variants,
	        .seed = 7,
	        .threads = 1,
	        .answer = keep_answer,
	        .context = p};
	return p;
}

static void problem_vary(struct problem *p, const char *params, int left_out)
{
	struct engine_variant *variant = &p->variants[p->job.variant_count];

	*variant = (struct engine_variant){
	        .params = json_loads(params, 0, NULL), .left_out = p->left_out[p->job.variant_count]};
	assert_non_null(variant->params);
	if (left_out >= 0) {
		p->left_out[p->job.variant_count][0] = (uint32_t)left_out;
		variant->left_out_count = 1;
	}
	p->job.variant_count++;
}

static void problem_run(struct problem *p)
{
	struct orch_err err = {0};

	if (engine_xgboost.run(&p->job, &err) != 0)
		fail_msg("%s", err.text);
	for (size_t v = 0; v < p->job.variant_count; v++)
		assert_int_equal(p->seen[v].answers, 1);
}

static void problem_run_well(struct problem *p)
{
	problem_run(p);
	for (size_t v = 0; v < p->job.variant_count; v++)
		if (p->seen[v].code)
			fail_msg("variant %zu: %s", v, p->seen[v].text);
}

static void problem_release(struct problem *p)
{
	for (size_t v = 0; v < p->job.variant_count; v++) {
		json_decref((json_t *)p->variants[v].params);
		free(p->seen[v].prediction);
		free(p->seen[v].model);
	}
	free(p);
}

/* The only variant of a problem of its own. */
static struct problem *problem_solved(unsigned outputs, unsigned classes, const char *params, int left_out)
{
	struct problem *p = problem_make(outputs, classes);

	problem_vary(p, params, left_out);
	problem_run_well(p);
	return p;
}

static void assert_same_bits(const struct seen *a, const struct seen *b)
{
	assert_true(a->count > 0);
	assert_int_equal(a->count, b->count);
	assert_memory_equal(a->prediction, b->prediction, a->count * sizeof(double));
}

static double rmse(const struct problem *p, const struct seen *seen)
{
	double sum = 0;

	for (size_t i = 0; i < p->fold.test_count; i++) {
		double off = seen->prediction[i] - p->target[p->fold.test[i]];
		sum += off * off;
	}
	return sqrt(sum / (double)p->fold.test_count);
}

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

/* --- memory: anonymous pages while a fit runs, polled by a thread, in a child with a heap of its own
 * ------------------------------ */
#define BIG_ROWS ((size_t)20000)
#define BIG_FEATURES ((size_t)40)

static atomic_size_t memory_peak;
static atomic_bool memory_done;

static size_t anonymous_bytes(void)
{
	unsigned long all = 0, resident = 0, shared = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%lu %lu %lu", &all, &resident, &shared) != 3)
		abort();
	fclose(file);
	return (resident - shared) * (size_t)sysconf(_SC_PAGESIZE);
}

static void *poll_memory(void *unused)
{
	(void)unused;
	while (!memory_done) {
		size_t now = anonymous_bytes();

		if (now > memory_peak)
			memory_peak = now;
		usleep(200);
	}
	return NULL;
}

static int take_no_answer(void *context, const struct engine_answer *answer, struct orch_err *err)
{
	(void)context;
	(void)err;
	return answer->code;
}

/* Bytes that one fit of a tall table took, and what the engine said it would. */
static void measure_memory(const json_t *params, double gaps, double *took, double *told)
{
	struct column *columns = calloc(BIG_FEATURES, sizeof(*columns));
	const struct column **features = calloc(BIG_FEATURES, sizeof(*features));
	double *target = calloc(BIG_ROWS, sizeof(*target));
	uint32_t *rows = calloc(BIG_ROWS, sizeof(*rows)), ids[BIG_FEATURES];
	struct engine_data data = {.rows = BIG_ROWS,
	        .feature_count = BIG_FEATURES,
	        .features = features,
	        .feature_ids = ids,
	        .task = ENGINE_REGRESSION,
	        .outputs = 1,
	        .target = target};
	struct engine_fold fold = {.train = rows, .test = rows, .train_count = BIG_ROWS, .test_count = BIG_ROWS / 5};
	struct engine_variant variant = {.params = params};
	struct engine_job job = {.data = &data,
	        .folds = &fold,
	        .fold_count = 1,
	        .variants = &variant,
	        .variant_count = 1,
	        .threads = 1,
	        .answer = take_no_answer};
	struct engine_size size = {.rows = BIG_ROWS,
	        .features = BIG_FEATURES,
	        .columns = BIG_FEATURES,
	        .outputs = 1,
	        .folds = 1,
	        .variants = 1,
	        .complete = gaps == 0};
	pthread_t poller;
	size_t before;

	for (uint32_t f = 0; f < BIG_FEATURES; f++) {
		float *values = calloc(BIG_ROWS, sizeof(*values));

		for (uint32_t i = 0; i < BIG_ROWS; i++) {
			values[i] = unit(i, 1000 + f) < gaps ? NAN : (float)unit(i, f);
			target[i] += isnan(values[i]) ? 0.3 : values[i];
			rows[i] = i;
		}
		columns[f] = (struct column){
		        .name = "x", .type = COLUMN_FLOAT32, .missing_count = gaps > 0, .values = values};
		features[f] = &columns[f];
		ids[f] = f;
	}
	before = memory_peak = anonymous_bytes();
	if (pthread_create(&poller, NULL, poll_memory, NULL) != 0 || engine_xgboost.run(&job, NULL) != 0)
		abort();
	memory_done = true;
	pthread_join(poller, NULL);
	*took = (double)(memory_peak - before);
	*told = (double)engine_xgboost.memory(&size, params);
}

static void check_memory(const char *params, double gaps)
{
	double took = 0, told = 0;
	int pipes[2], status;
	double both[2];
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		measure_memory(json_loads(params, 0, NULL), gaps, &took, &told);
		both[0] = took;
		both[1] = told;
		_exit(write(pipes[1], both, sizeof(both)) == sizeof(both) ? 0 : 1);
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], both, sizeof(both)), sizeof(both));
	close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (both[0] > both[1] || both[1] > 1.5 * both[0])
		fail_msg("%s: took %.1f MiB, told %.1f", params, both[0] / 1048576, both[1] / 1048576);
}

static void xgboost__memory_is_told_beforehand(void **state)
{
	(void)state;
#ifdef __SANITIZE_ADDRESS__
	skip(); /* the sanitizer's own memory is counted too */
#endif
	check_memory("{\"trees\":5,\"max_depth\":3}", 0);
	check_memory("{\"trees\":5,\"max_depth\":8}", 0);
	check_memory("{\"trees\":5,\"max_depth\":6}", 0.1);
	check_memory("{\"trees\":5,\"max_bin\":1024}", 0);
	check_memory("{\"trees\":3,\"max_depth\":0,\"grow_policy\":\"lossguide\",\"max_leaves\":200}", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(xgboost__memory_is_told_beforehand), /* first: the heap is still small */
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
	        cmocka_unit_test(xgboost__final_model_needs_no_test_rows),
	        cmocka_unit_test(xgboost__model_gives_the_same_numbers),
	        cmocka_unit_test(xgboost__joined_model_keeps_the_link),
	        cmocka_unit_test(xgboost__says_what_cannot_be_fitted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
