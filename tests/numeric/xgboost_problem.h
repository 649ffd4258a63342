/* A problem for the tests of the XGBoost engine, with one column of each kind, and what the engine answered. */
#ifndef TESTS_NUMERIC_XGBOOST_PROBLEM_H
#define TESTS_NUMERIC_XGBOOST_PROBLEM_H

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

static inline double unit(uint32_t row, uint32_t column)
{
	uint64_t z = ((uint64_t)row << 32 | column) * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return ((double)((z ^ (z >> 31)) >> 11) + 0.5) * 0x1p-53;
}

static inline int keep_answer(void *context, const struct engine_answer *answer, struct orch_err *err)
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

static inline void problem_columns(struct problem *p)
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

static inline double truth_of(const struct problem *p, uint32_t i)
{
	double gap = isnan(p->number[5][i]) ? 1.5 : p->number[5][i];

	return 3 * p->number[0][i] + sin(6 * p->number[1][i]) + (p->code[2][i] % 2 ? 1 : 0) + 0.3 * p->code[3][i] +
	       p->code[4][i] + gap;
}

/* classes 0: regression with `outputs` targets. Released by problem_release. */
static inline struct problem *problem_make(unsigned outputs, unsigned classes)
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

static inline void problem_vary(struct problem *p, const char *params, int left_out)
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

static inline void problem_run(struct problem *p)
{
	struct orch_err err = {0};

	if (engine_xgboost.run(&p->job, &err) != 0)
		fail_msg("%s", err.text);
	for (size_t v = 0; v < p->job.variant_count; v++)
		assert_int_equal(p->seen[v].answers, 1);
}

static inline void problem_run_well(struct problem *p)
{
	problem_run(p);
	for (size_t v = 0; v < p->job.variant_count; v++)
		if (p->seen[v].code)
			fail_msg("variant %zu: %s", v, p->seen[v].text);
}

static inline void problem_release(struct problem *p)
{
	for (size_t v = 0; v < p->job.variant_count; v++) {
		json_decref((json_t *)p->variants[v].params);
		free(p->seen[v].prediction);
		free(p->seen[v].model);
	}
	free(p);
}

/* The only variant of a problem of its own. */
static inline struct problem *problem_solved(unsigned outputs, unsigned classes, const char *params, int left_out)
{
	struct problem *p = problem_make(outputs, classes);

	problem_vary(p, params, left_out);
	problem_run_well(p);
	return p;
}

static inline void assert_same_bits(const struct seen *a, const struct seen *b)
{
	assert_true(a->count > 0);
	assert_int_equal(a->count, b->count);
	assert_memory_equal(a->prediction, b->prediction, a->count * sizeof(double));
}

static inline double rmse(const struct problem *p, const struct seen *seen)
{
	double sum = 0;

	for (size_t i = 0; i < p->fold.test_count; i++) {
		double off = seen->prediction[i] - p->target[p->fold.test[i]];
		sum += off * off;
	}
	return sqrt(sum / (double)p->fold.test_count);
}

#endif
