/* Leaving features out of a boosted model by keeping its first trees, against trainings without them: every bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/model/engine.h"

#define ROWS 900
#define TRAIN 700
#define TEST (ROWS - TRAIN)
#define FEATURES 24
#define VARIANTS (FEATURES + 4)

extern const struct engine engine_xgboost;

struct seen {
	size_t answers, count;
	int code;
	char text[300];
	double *prediction;
	double sse[3];
	uint64_t saved;
};

/* Column 0 matters a little, 1..5 a lot (3 an unordered category), 6..9 a little, the rest is noise, 23 is constant. */
struct problem {
	float number[FEATURES][ROWS];
	int8_t code[ROWS];
	double target[3 * ROWS], weight[ROWS];
	struct column columns[FEATURES];
	const struct column *features[FEATURES];
	uint32_t rows[ROWS], ids[FEATURES], left_out[VARIANTS][FEATURES];
	struct engine_data data;
	struct engine_fold fold;
	struct engine_variant variants[VARIANTS];
	struct engine_job job;
	struct seen seen[VARIANTS];
	size_t answers, stop_at; /* stop_at: the answer at which the job is told to stop; 0: none */
};

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
	return ++p->answers == p->stop_at ? ORCH_ESTOPPED : 0;
}

static double value_of(const struct problem *p, uint32_t i, unsigned output)
{
	double sum = 2 + 0.3 * p->number[0][i] + (p->code[i] % 2 ? 1 : 0);

	for (uint32_t f = 1; f < 6; f++)
		sum += (f == output + 1 ? 4 : 1.5) * sin((double)f * (isnan(p->number[f][i]) ? 0.9 : p->number[f][i]));
	for (uint32_t f = 6; f < 10; f++)
		sum += 0.4 * p->number[f][i] * p->number[f - 4][i];
	return (isnan(sum) ? 4 : sum) + unit(i, 100 + output);
}

static void problem_columns(struct problem *p, unsigned gap_columns)
{
	static const char *const levels[] = {"a", "b", "c", "d", "e", "f"};

	for (uint32_t f = 0; f < FEATURES; f++) {
		p->ids[f] = f;
		p->features[f] = &p->columns[f];
		p->columns[f] = (struct column){.name = "x",
		        .kind = f == 3 ? COLUMN_CATEGORY : COLUMN_NUMBER,
		        .type = f == 3 ? COLUMN_INT8 : COLUMN_FLOAT32,
		        .level_count = f == 3 ? 6 : 0,
		        .levels = levels,
		        .values = f == 3 ? (void *)p->code : (void *)p->number[f]};
		for (uint32_t i = 0; i < ROWS; i++)
			p->number[f][i] = f == 23 ? 1 : (float)unit(i, f);
	}
	for (uint32_t i = 0; i < ROWS; i++)
		p->code[i] = (int8_t)(6 * unit(i, 3));
	for (uint32_t f = 4; f < 4 + gap_columns; f++) {
		p->columns[f].missing_count = 1;
		for (uint32_t i = 0; i < ROWS; i++)
			if (unit(i, 200 + f) < 0.1)
				p->number[f][i] = NAN;
	}
}

/* classes 0: regression. gap_columns: so many columns, from the fourth, have missing values. */
static struct problem *problem_make(unsigned outputs, unsigned classes, unsigned gap_columns)
{
	struct problem *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	problem_columns(p, gap_columns);
	for (uint32_t i = 0; i < ROWS; i++) {
		p->rows[i] = i;
		p->weight[i] = 0.5 + unit(i, 300);
		for (unsigned o = 0; o < 3; o++) {
			double value = value_of(p, i, o);

			p->target[o * ROWS + i] =
			        classes ? fmax(0, fmin(classes - 1, floor((value - 4) / 8 * classes))) : value;
		}
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

static void problem_vary(struct problem *p, const char *params, const uint32_t *left_out, size_t count)
{
	size_t v = p->job.variant_count++;

	assert_true(v < VARIANTS);
	p->variants[v] = (struct engine_variant){
	        .params = json_loads(params, 0, NULL), .left_out = p->left_out[v], .left_out_count = count};
	assert_non_null(p->variants[v].params);
	for (size_t i = 0; i < count; i++)
		p->left_out[v][i] = left_out[i];
}

static void problem_run(struct problem *p)
{
	struct orch_err err = {0};

	if (engine_xgboost.run(&p->job, &err) != 0)
		fail_msg("%s", err.text);
	for (size_t v = 0; v < p->job.variant_count; v++) {
		assert_int_equal(p->seen[v].answers, 1);
		if (p->seen[v].code)
			fail_msg("variant %zu: %s", v, p->seen[v].text);
	}
}

static void problem_release(struct problem *p)
{
	for (size_t v = 0; v < p->job.variant_count; v++) {
		json_decref((json_t *)p->variants[v].params);
		free(p->seen[v].prediction);
	}
	free(p);
}

struct shape {
	const char *name;
	unsigned outputs, classes, gap_columns, threads;
	bool weights;
	const char *params;
};

static struct problem *problem_of(const struct shape *shape)
{
	struct problem *p = problem_make(shape->outputs, shape->classes, shape->gap_columns);

	p->job.threads = shape->threads ? shape->threads : 1;
	p->data.weight = shape->weights ? p->weight : NULL;
	return p;
}

/* Everything, each feature, and a group of three left out. */
static struct problem *problem_shared(const struct shape *shape)
{
	static const uint32_t some[] = {2, 7, 15};
	struct problem *p = problem_of(shape);

	problem_vary(p, shape->params, NULL, 0);
	for (uint32_t f = 0; f < FEATURES; f++)
		problem_vary(p, shape->params, &f, 1);
	problem_vary(p, shape->params, some, 3);
	problem_run(p);
	return p;
}

/* The same variant alone in its job: nothing can be shared. */
static void check_alone(const struct shape *shape, const struct problem *shared, size_t v)
{
	struct problem *alone = problem_of(shape);

	problem_vary(alone, shape->params, shared->left_out[v], shared->variants[v].left_out_count);
	problem_run(alone);
	assert_string_equal(alone->seen[0].text, "");
	assert_int_equal(alone->seen[0].count, shared->seen[v].count);
	if (memcmp(alone->seen[0].prediction, shared->seen[v].prediction, alone->seen[0].count * sizeof(double)) != 0)
		fail_msg("%s: variant %zu (%s) differs", shape->name, v, shared->seen[v].text);
	problem_release(alone);
}

static size_t count_texts(const struct problem *p, const char *text)
{
	size_t count = 0;

	for (size_t v = 0; v < p->job.variant_count; v++)
		count += strstr(p->seen[v].text, text) != NULL;
	return count;
}

static void boosted_lofo__equals_trainings_without_the_feature(void **state)
{
	static const struct shape shapes[] = {
	        {"regression", 1, 0, 0, 1, false, "{\"trees\":20,\"max_depth\":3}"},
	        {"threads", 1, 0, 1, 2, false, "{\"trees\":10,\"max_depth\":5,\"max_bin\":32}"},
	        {"deep", 1, 0, 0, 1, false, "{\"trees\":6,\"max_depth\":7,\"max_bin\":32,\"min_child_weight\":0}"},
	        {"stumps", 1, 0, 0, 1, false, "{\"trees\":40,\"max_depth\":1,\"max_bin\":32,\"learning_rate\":0.1}"},
	        {"weights", 1, 0, 0, 1, true,
	                "{\"trees\":20,\"max_depth\":3,\"max_bin\":32,\"gamma\":0.5,\"reg_alpha\":0.1}"},
	        {"gaps", 1, 0, 2, 1, true, "{\"trees\":20,\"max_depth\":3,\"max_bin\":32}"},
	        {"one gap", 1, 0, 1, 1, false, "{\"trees\":15,\"max_depth\":3,\"max_bin\":32}"},
	        {"lossguide", 1, 0, 0, 1, false,
	                "{\"trees\":15,\"grow_policy\":\"lossguide\",\"max_leaves\":8,\"max_depth\":0,\"max_bin\":32}"},
	        {"few bins", 1, 0, 0, 1, false, "{\"trees\":20,\"max_depth\":3,\"max_bin\":16}"},
	        {"two classes", 1, 2, 0, 1, false,
	                "{\"trees\":20,\"max_depth\":3,\"max_bin\":32,\"scale_pos_weight\":2}"},
	        {"three classes", 1, 3, 1, 1, false, "{\"trees\":15,\"max_depth\":3,\"max_bin\":32}"},
	        {"three outputs", 3, 0, 0, 1, true, "{\"trees\":15,\"max_depth\":3,\"max_bin\":32}"},
	        {"poisson", 1, 0, 0, 1, false,
	                "{\"trees\":15,\"max_depth\":3,\"max_bin\":32,\"objective\":\"count:poisson\"}"},
	        {"absolute", 1, 0, 0, 1, false,
	                "{\"trees\":15,\"max_depth\":3,\"max_bin\":32,\"objective\":\"reg:absoluteerror\"}"},
	};

	(void)state;
	for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
		struct problem *p = problem_shared(&shapes[s]);

		for (size_t v = 0; v < p->job.variant_count; v++)
			check_alone(&shapes[s], p, v);
		assert_int_equal(count_texts(p, "trained from the start"), shapes[s].gap_columns != 2);
		problem_release(p);
	}
}

static void boosted_lofo__unused_features_cost_nothing(void **state)
{
	static const struct shape shape = {"stumps", 1, 0, 0, 1, false, "{\"trees\":10,\"max_depth\":1}"};
	struct problem *p = problem_shared(&shape);
	size_t saved = 0;

	(void)state;
	for (size_t v = 1; v <= FEATURES; v++) {
		saved += p->seen[v].saved;
		if (p->seen[v].saved)
			assert_memory_equal(p->seen[v].prediction, p->seen[0].prediction, TEST * sizeof(double));
	}
	assert_int_equal(p->seen[24].saved, 1); /* the constant */
	assert_int_equal(p->seen[2].saved, 0);
	assert_int_equal(p->seen[0].saved, 0);
	assert_true(saved >= 12);
	problem_release(p);
}

/* Numbers of trees and features left out in one job, without the whole set, in any order. */
static void boosted_lofo__shares_trees_too(void **state)
{
	static const char *const params[] = {
	        "{\"trees\":9,\"max_depth\":3}", "{\"trees\":25,\"max_depth\":3}", "{\"trees\":4,\"max_depth\":3}"};
	static const uint32_t features[] = {20, 2, 6};
	struct problem *p = problem_make(1, 0, 0);

	(void)state;
	for (size_t k = 0; k < 3; k++)
		for (size_t f = 0; f < 3; f++)
			problem_vary(p, params[(k + f) % 3], &features[f], 1);
	problem_run(p);
	for (size_t k = 0; k < 3; k++)
		for (size_t f = 0; f < 3; f++) {
			struct shape shape = {"trees", 1, 0, 0, 1, false, params[(k + f) % 3]};

			check_alone(&shape, p, k * 3 + f);
		}
	problem_release(p);
}

static void boosted_lofo__scores_only_equal_too(void **state)
{
	struct problem *p = problem_make(2, 0, 0);
	const char *params = "{\"trees\":10,\"max_depth\":3}";

	(void)state;
	p->job.scores_only = true;
	for (uint32_t f = 1; f < 4; f++)
		problem_vary(p, params, &f, 1);
	problem_run(p);
	for (uint32_t f = 1; f < 4; f++) {
		struct problem *alone = problem_make(2, 0, 0);

		alone->job.scores_only = true;
		problem_vary(alone, params, &f, 1);
		problem_run(alone);
		assert_true(alone->seen[0].sse[0] > 0 && alone->seen[0].sse[0] == p->seen[f - 1].sse[0]);
		assert_true(alone->seen[0].sse[1] == p->seen[f - 1].sse[1]);
		problem_release(alone);
	}
	problem_release(p);
}

static void boosted_lofo__says_when_it_trains_from_the_start(void **state)
{
	static const struct {
		struct shape shape;
		const char *text;
	} cases[] = {
	        {{"rows", 1, 0, 0, 1, false, "{\"trees\":6,\"subsample\":0.8}"},
	                "trained from the start: rows are sampled"},
	        {{"tree", 1, 0, 0, 1, false, "{\"trees\":6,\"colsample_bytree\":0.8}"},
	                "trained from the start: columns are sampled"},
	        {{"level", 1, 0, 0, 1, false, "{\"trees\":6,\"colsample_bylevel\":0.8}"},
	                "trained from the start: columns are sampled"},
	        {{"node", 1, 0, 0, 1, false, "{\"trees\":6,\"colsample_bynode\":0.8}"},
	                "trained from the start: columns are sampled"},
	        {{"trees", 1, 0, 0, 1, false, "{\"trees\":6000,\"max_depth\":1,\"gamma\":1e9,\"max_bin\":2}"},
	                "trained from the start: too many trees or columns to share"},
	};

	(void)state;
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		struct problem *p = problem_of(&cases[k].shape);

		problem_vary(p, cases[k].shape.params, NULL, 0);
		for (uint32_t f = 1; f < 3; f++)
			problem_vary(p, cases[k].shape.params, &f, 1);
		problem_run(p);
		assert_string_equal(p->seen[0].text, "");
		assert_string_equal(p->seen[1].text, cases[k].text);
		assert_int_equal(p->seen[1].saved, 0);
		for (size_t v = 0; v < 3; v++)
			check_alone(&cases[k].shape, p, v);
		problem_release(p);
	}
}

static void boosted_lofo__says_which_features_need_it(void **state)
{
	static const uint32_t first = 0, gappy = 4;
	struct problem *p = problem_make(1, 0, 0), *gap = problem_make(1, 0, 1);
	uint32_t all[FEATURES];

	(void)state;
	for (uint32_t f = 0; f < FEATURES; f++)
		all[f] = f;
	problem_vary(p, "{\"trees\":3}", &first, 1);
	problem_vary(p, "{\"trees\":3}", all, FEATURES);
	problem_run(p);
	assert_string_equal(p->seen[0].text, "trained from the start: the first column is left out");
	assert_string_equal(p->seen[1].text, "trained from the start: no feature is left");
	problem_vary(gap, "{\"trees\":3}", &first, 1);
	problem_vary(gap, "{\"trees\":3}", &gappy, 1);
	problem_run(gap);
	assert_string_equal(gap->seen[0].text, "");
	assert_string_equal(gap->seen[1].text, "trained from the start: no other column has missing values");
	problem_release(p);
	problem_release(gap);
}

/* A model must not know the feature at all. */
static void boosted_lofo__models_are_trained_without_it(void **state)
{
	struct problem *p = problem_make(1, 0, 0);

	(void)state;
	p->job.want_model = true;
	for (uint32_t f = 1; f < 3; f++)
		problem_vary(p, "{\"trees\":3}", &f, 1);
	problem_run(p);
	assert_int_equal(count_texts(p, "its model is wanted"), 2);
	problem_release(p);
}

static void boosted_lofo__stops_when_told(void **state)
{
	static const char *const params[] = {"{\"trees\":3}", "{\"trees\":3,\"subsample\":0.5}"};

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct problem *p = problem_make(1, 0, 0);

		for (uint32_t f = 0; f < 5; f++)
			problem_vary(p, params[k], &f, 1);
		p->stop_at = 3;
		assert_int_equal(engine_xgboost.run(&p->job, NULL), ORCH_ESTOPPED);
		assert_int_equal(p->answers, 3);
		problem_release(p);
	}
}

/* --- the seed with which columns are shut out: no draw of 0 (boosted_lofo.c)
 * -------------------------------------------- */
#define MT_SIZE 624
#define SEED 1
#define ROUNDS 5000
#define DRAWS 20000

static uint32_t mt_twist(uint32_t high, uint32_t low)
{
	uint32_t y = (high & 0x80000000u) | (low & 0x7fffffffu);

	return (y >> 1) ^ (low & 1 ? 0x9908b0dfu : 0);
}

/* Zeros among the first DRAWS of std::mt19937(seed) (Matsumoto, Nishimura 1998). Tempering maps only 0 to 0. */
static size_t mt_zeros(uint32_t seed, uint32_t *tenthousandth)
{
	uint32_t state[MT_SIZE] = {seed};
	size_t zeros = 0;

	for (uint32_t i = 1; i < MT_SIZE; i++)
		state[i] = 1812433253u * (state[i - 1] ^ (state[i - 1] >> 30)) + i;
	for (size_t i = 0; i < DRAWS; i++) {
		size_t at = i % MT_SIZE;

		state[at] = state[(at + 397) % MT_SIZE] ^ mt_twist(state[at], state[(at + 1) % MT_SIZE]);
		zeros += state[at] == 0;
		if (i == 9999) {
			uint32_t y = state[at];

			y ^= y >> 11;
			y ^= (y << 7) & 0x9d2c5680u;
			y ^= (y << 15) & 0xefc60000u;
			*tenthousandth = y ^ (y >> 18);
		}
	}
	return zeros;
}

static void boosted_lofo__no_column_is_drawn_with_zero(void **state)
{
	uint32_t known;

	(void)state;
	mt_zeros(5489, &known);
	assert_int_equal(known, 4123659995u); /* the C++ standard's test of mt19937 */
	for (uint32_t round = 0; round < ROUNDS; round++)
		assert_int_equal(mt_zeros(127 * SEED + round, &known), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(boosted_lofo__equals_trainings_without_the_feature),
	        cmocka_unit_test(boosted_lofo__unused_features_cost_nothing),
	        cmocka_unit_test(boosted_lofo__shares_trees_too),
	        cmocka_unit_test(boosted_lofo__scores_only_equal_too),
	        cmocka_unit_test(boosted_lofo__says_when_it_trains_from_the_start),
	        cmocka_unit_test(boosted_lofo__says_which_features_need_it),
	        cmocka_unit_test(boosted_lofo__models_are_trained_without_it),
	        cmocka_unit_test(boosted_lofo__stops_when_told),
	        cmocka_unit_test(boosted_lofo__no_column_is_drawn_with_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
