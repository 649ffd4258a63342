/* Problems for the tests of the forest engine: made or read data, and a job whose answers are kept. */
#ifndef TESTS_NUMERIC_FOREST_PROBLEM_H
#define TESTS_NUMERIC_FOREST_PROBLEM_H

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

#include "engines/address.h"
#include "engines/model/engine.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"

struct problem {
	size_t rows, features, width; /* width: numbers of a prediction */
	double *values;               /* rows x features, column-major */
	double *target, *weight;
	struct column *columns;
	const struct column **column_list;
	uint32_t *ids, *train, *test;
	struct engine_data data;
	struct engine_fold fold;
};
/* What a job answered: predictions of each variant, or the reason why not. */
struct answers {
	size_t count, stop_after;
	double **prediction;
	double (*sse)[8];
	char (*text)[200];
	int *code;
	uint64_t saved;
	char *model;
	size_t model_length, length;
};

static inline double problem_unit(uint64_t seed, uint64_t a, uint64_t b)
{
	return address_unit(address_hash(address_hash(seed, a), b));
}

/* Room for the data; every fifth row is held out. values and target are still zero. */
static inline struct problem problem_new(size_t rows, size_t features, enum engine_task task, unsigned outputs, unsigned classes)
{
	struct problem p = {.rows = rows, .features = features, .width = task == ENGINE_REGRESSION ? outputs : classes};

	p.values = mem_must(rows * features, sizeof(double));
	p.target = mem_must(rows * outputs, sizeof(double));
	p.columns = mem_must(features, sizeof(*p.columns));
	p.column_list = mem_must(features, sizeof(*p.column_list));
	p.ids = mem_must(features, sizeof(uint32_t));
	p.train = mem_must(rows, sizeof(uint32_t));
	p.test = mem_must(rows, sizeof(uint32_t));
	for (size_t f = 0; f < features; f++) {
		char *name = text_format("f%zu", f);

		p.columns[f] = (struct column){.name = name, .type = COLUMN_FLOAT64, .values = p.values + f * rows};
		p.column_list[f] = &p.columns[f];
		p.ids[f] = (uint32_t)(3 * f + 1);
	}
	for (uint32_t i = 0; i < rows; i++)
		if (i % 5 == 2)
			p.test[p.fold.test_count++] = i;
		else
			p.train[p.fold.train_count++] = i;
	p.fold.train = p.train;
	p.fold.test = p.test;
	p.data = (struct engine_data){.rows = rows, .feature_count = features, .features = p.column_list, .feature_ids = p.ids,
	                              .task = task, .outputs = outputs, .classes = classes, .target = p.target};
	return p;
}

static inline void problem_free(struct problem *p)
{
	for (size_t f = 0; f < p->features; f++)
		free((char *)p->columns[f].name);
	free(p->values);
	free(p->target);
	free(p->weight);
	free(p->columns);
	free(p->column_list);
	free(p->ids);
	free(p->train);
	free(p->test);
}

/* A few columns matter, one has few values, one is constant, one repeats another; targets of outputs or classes. */
static inline struct problem problem_made(size_t rows, size_t features, enum engine_task task, unsigned outputs, unsigned classes)
{
	struct problem p = problem_new(rows, features, task, outputs, classes);

	for (size_t f = 0; f < features; f++)
		for (size_t i = 0; i < rows; i++) {
			double u = problem_unit(1, f, i);

			p.values[f * rows + i] = f == 3 ? floor(4 * u) : f == 4 ? 7 : f == 6 ? p.values[i] : 2 * u - 1;
		}
	for (size_t i = 0; i < rows; i++) {
		double *x = p.values + i, y = 3 * x[0] + sin(4 * x[rows]) + x[2 * rows] * x[3 * rows] + problem_unit(2, 0, i);

		for (unsigned o = 0; o < outputs; o++)
			p.target[o * rows + i] = 1000 + y * (1 + 9 * o) + o * x[5 * rows] + problem_unit(3, o, i);
		if (classes)
			p.target[i] = fmin(classes - 1, fmax(0, floor((y + 3.5) / 7 * classes)));
	}
	return p;
}

/* Each third of the values of column 1 and a few of others become missing, the former not at random. */
static inline void problem_lose_values(struct problem *p)
{
	for (size_t i = 0; i < p->rows; i++) {
		if (p->target[i] > p->target[0] ? i % 2 : i % 7 == 0)
			p->values[p->rows + i] = NAN;
		if (i % 11 == 0)
			p->values[5 * p->rows + i] = NAN;
	}
	p->columns[1].missing_count = p->columns[5].missing_count = 1;
}

static inline void problem_weigh(struct problem *p)
{
	p->weight = mem_must(p->rows, sizeof(double));
	for (size_t i = 0; i < p->rows; i++)
		p->weight[i] = i % 13 == 0 ? 0 : 0.25 + problem_unit(4, 0, i);
	p->data.weight = p->weight;
}

static inline int answers_keep(void *context, const struct engine_answer *answer, struct orch_err *err)
{
	struct answers *seen = context;
	size_t v = answer->variant;

	assert_int_equal(answer->fold, 0);
	assert_null(seen->prediction[v]);
	assert_int_equal(seen->code[v], 1);
	seen->code[v] = answer->code;
	snprintf(seen->text[v], sizeof(*seen->text), "%s", answer->text ? answer->text : "");
	if (answer->prediction) {
		seen->prediction[v] = mem_must(seen->length + 1, sizeof(double));
		memcpy(seen->prediction[v], answer->prediction, seen->length * sizeof(double));
	}
	if (answer->sse)
		memcpy(seen->sse[v], answer->sse, sizeof(double));
	if (answer->model) {
		seen->model = mem_must(answer->model_length, 1);
		memcpy(seen->model, answer->model, answer->model_length);
		seen->model_length = answer->model_length;
	}
	seen->saved += answer->fits_saved;
	seen->count++;
	return seen->stop_after && seen->count >= seen->stop_after ? orch_fail(err, ORCH_ESTOPPED, "enough") : 0;
}

static inline void answers_free(struct answers *seen, size_t variants)
{
	for (size_t v = 0; v < variants; v++)
		free(seen->prediction[v]);
	free(seen->prediction);
	free(seen->sse);
	free(seen->text);
	free(seen->code);
	free(seen->model);
}

/* Runs a job of one fold. Every variant must be answered unless the run fails. */
static inline struct answers problem_run(const struct problem *p, const struct engine_variant *variants, size_t count,
                                         const struct engine_job *like)
{
	struct answers seen = {.length = p->fold.test_count * p->width};
	struct engine_job job = *like;
	struct orch_err err = {0};

	seen.prediction = mem_must(count, sizeof(*seen.prediction));
	seen.sse = mem_must(count, sizeof(*seen.sse));
	seen.text = mem_must(count, sizeof(*seen.text));
	seen.code = mem_must(count, sizeof(*seen.code));
	for (size_t v = 0; v < count; v++)
		seen.code[v] = 1;
	job.data = &p->data;
	job.folds = &p->fold;
	job.fold_count = 1;
	job.variants = variants;
	job.variant_count = count;
	job.threads = job.threads ? job.threads : 1;
	job.answer = answers_keep;
	job.context = &seen;
	assert_int_equal(engine_find("forest")->run(&job, &err), 0);
	assert_string_equal(err.text, "");
	assert_int_equal(seen.count, count);
	return seen;
}

static inline json_t *params_of(const char *text)
{
	json_error_t where;
	json_t *params = json_loads(text, 0, &where);

	if (!params)
		fail_msg("%s: %s", text, where.text);
	return params;
}

#endif
