/* linear_data: made-up tables, folds and a recorder of answers for the tests of the linear engines. */
#ifndef TESTS_NUMERIC_LINEAR_DATA_H
#define TESTS_NUMERIC_LINEAR_DATA_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/model/engine.h"

#define TABLE_FEATURES 40
#define TABLE_FOLDS 16

struct table {
	size_t rows, features;
	struct column columns[TABLE_FEATURES];
	const struct column *pointers[TABLE_FEATURES];
	uint32_t ids[TABLE_FEATURES];
	double *target, *weight;
	struct engine_data data;
	struct engine_fold folds[TABLE_FOLDS];
	size_t fold_count;
	struct arena arena;
};

static inline uint64_t table_hash(uint64_t key, uint64_t value)
{
	uint64_t z = key + 0x9e3779b97f4a7c15u * (value + 1);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static inline double table_unit(uint64_t key, uint64_t value)
{
	return ((double)(table_hash(key, value) >> 11) + 0.5) * 0x1p-53;
}

static inline double table_normal(uint64_t key, uint64_t value)
{
	return sqrt(-2 * log(table_unit(key, 2 * value))) * cos(6.283185307179586 * table_unit(key, 2 * value + 1));
}

static inline void table_begin(struct table *t, size_t rows, unsigned outputs, bool weights)
{
	memset(t, 0, sizeof(*t));
	t->rows = rows;
	t->target = arena_alloc(&t->arena, rows * outputs, sizeof(double));
	if (weights)
		t->weight = arena_alloc(&t->arena, rows, sizeof(double));
	t->data = (struct engine_data){.rows = rows,
	        .features = t->pointers,
	        .feature_ids = t->ids,
	        .task = ENGINE_REGRESSION,
	        .outputs = outputs,
	        .target = t->target,
	        .weight = t->weight};
}

static inline struct column *table_feature(struct table *t, const char *name)
{
	size_t f = t->features++;
	struct column *column = &t->columns[f];

	*column = (struct column){.name = name, .roles = COLUMN_FEATURE};
	t->pointers[f] = column;
	t->ids[f] = (uint32_t)f;
	t->data.feature_count = t->features;
	return column;
}

/* values: borrowed from the arena, filled in by the caller; call table_count_missing afterwards if there are NaNs. */
static inline double *table_number(struct table *t, const char *name)
{
	double *values = arena_alloc(&t->arena, t->rows, sizeof(double));
	struct column *column = table_feature(t, name);

	column->kind = COLUMN_NUMBER;
	column->type = COLUMN_FLOAT64;
	column->values = values;
	return values;
}

static inline int32_t *table_category(
        struct table *t, const char *name, bool ordered, const char *const *levels, size_t level_count)
{
	int32_t *values = arena_alloc(&t->arena, t->rows, sizeof(int32_t));
	struct column *column = table_feature(t, name);

	column->kind = COLUMN_CATEGORY;
	column->type = COLUMN_INT32;
	column->ordered = ordered;
	column->levels = levels;
	column->level_count = level_count;
	column->values = values;
	return values;
}

static inline void table_count_missing(struct table *t)
{
	for (size_t f = 0; f < t->features; f++) {
		t->columns[f].missing_count = 0;
		for (size_t i = 0; i < t->rows; i++)
			t->columns[f].missing_count += isnan(column_value(&t->columns[f], i));
	}
}

/* A fold tested on the rows with fold_of[row] == test and trained on the others, or on those below train_below (>= 0).
 */
static inline void table_fold(struct table *t, const uint8_t *fold_of, int test, int train_below)
{
	uint32_t *train = arena_alloc(&t->arena, t->rows, sizeof(*train)),
	         *held = arena_alloc(&t->arena, t->rows, sizeof(*held));
	struct engine_fold *fold = &t->folds[t->fold_count++];

	*fold = (struct engine_fold){.train = train, .test = held};
	for (uint32_t i = 0; i < t->rows; i++) {
		if (fold_of[i] == test)
			held[fold->test_count++] = i;
		else if (train_below < 0 || fold_of[i] < train_below)
			train[fold->train_count++] = i;
	}
}

static inline void table_kfold(struct table *t, int k, uint64_t seed)
{
	uint8_t *fold_of = arena_alloc(&t->arena, t->rows, 1);

	for (size_t i = 0; i < t->rows; i++)
		fold_of[i] = (uint8_t)(table_hash(seed, i) % (uint64_t)k);
	for (int f = 0; f < k; f++)
		table_fold(t, fold_of, f, -1);
}

/* Expanding window over k + 1 blocks of rows in order. */
static inline void table_time(struct table *t, int k)
{
	uint8_t *block = arena_alloc(&t->arena, t->rows, 1);

	for (size_t i = 0; i < t->rows; i++)
		block[i] = (uint8_t)(i * (size_t)(k + 1) / t->rows);
	for (int f = 0; f < k; f++)
		table_fold(t, block, f + 1, f + 1);
}

static inline void table_end(struct table *t)
{
	arena_release(&t->arena);
}

/* p numbers of different units and offsets, correlated by a common part, and a target that most of them share in. */
static inline void table_random(struct table *t, size_t numbers, uint64_t seed, double common, double noise)
{
	static const double unit[] = {1, 0.01, 30, 1000, 1e-5, 1}, offset[] = {0, 3, -2, 0.5, 0, 100};
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};

	for (size_t j = 0; j < numbers; j++) {
		double *values = table_number(t, names[j]);

		for (size_t i = 0; i < t->rows; i++) {
			double z = table_normal(seed + j, i) + common * table_normal(seed + 100, i);

			values[i] = unit[j % 6] * (z + offset[j % 6]);
			for (unsigned o = 0; o < t->data.outputs; o++)
				t->target[o * t->rows + i] +=
				        z * (1 + (double)((j + o) % 3)) +
				        (j == 0 ? 7 + noise * table_normal(seed + 200 + o, i) : 0);
		}
	}
	for (size_t i = 0; i < t->rows && t->weight; i++)
		t->weight[i] = i % 17 == 3 ? 0 : 0.25 + table_unit(seed + 300, i);
}

/* Constant, duplicated, nearly collinear and far-off columns. */
static inline void table_awkward(struct table *t)
{
	table_random(t, 4, 77, 0.3, 2);
	double *constant = table_number(t, "constant"), *twin = table_number(t, "twin"), *far = table_number(t, "far");
	double *near = table_number(t, "near");
	const double *first = t->columns[0].values;

	for (size_t i = 0; i < t->rows; i++) {
		constant[i] = 0.1;
		twin[i] = first[i];
		far[i] = 1e6 + table_normal(500, i);
		near[i] = first[i] + 1e-3 * table_normal(501, i);
		t->target[i] += 2 * (far[i] - 1e6);
	}
}

/* The table of reference_ridge.py: two outputs, rows 0, 3, 6.. are tested, weights 1 2 3 4 1 2.. */
static inline void table_reference(
        struct table *t, const double *x, const double *y, size_t rows, size_t columns, bool weights)
{
	static const char *const names[] = {"a", "b", "c", "d"};
	uint8_t fold_of[256];

	table_begin(t, rows, 2, weights);
	for (size_t j = 0; j < columns; j++)
		memcpy(table_number(t, names[j]), x + j * rows, rows * sizeof(double));
	memcpy(t->target, y, 2 * rows * sizeof(double));
	for (size_t i = 0; i < rows; i++) {
		fold_of[i] = i % 3 == 0;
		if (weights)
			t->weight[i] = 1 + (double)(i % 4);
	}
	table_fold(t, fold_of, 1, -1);
}

/* ---- what a job answered ---- */

struct recorded {
	int code;
	char text[256];
	double *prediction, *sse;
	char *model;
	uint64_t fits_saved;
	unsigned times;
};
struct recorder {
	const struct engine_job *job;
	struct recorded *fits; /* fold x variant */
	unsigned width;        /* outputs or classes */
	int stop_after;        /* answers, then stop with ORCH_ESTOPPED; 0: never */
	unsigned answers;
};

static inline int recorder_answer(void *context, const struct engine_answer *answer, struct orch_err *err)
{
	struct recorder *recorder = context;
	const struct engine_job *job = recorder->job;
	struct recorded *fit = &recorder->fits[answer->fold * job->variant_count + answer->variant];
	size_t count = job->folds[answer->fold].test_count * recorder->width;

	fit->times++;
	fit->code = answer->code;
	fit->fits_saved = answer->fits_saved;
	snprintf(fit->text, sizeof(fit->text), "%s", answer->text ? answer->text : "");
	if (answer->prediction) {
		fit->prediction = mem_must(count, sizeof(double));
		memcpy(fit->prediction, answer->prediction, count * sizeof(double));
	}
	if (answer->sse) {
		fit->sse = mem_must(recorder->width, sizeof(double));
		memcpy(fit->sse, answer->sse, recorder->width * sizeof(double));
	}
	if (answer->model) {
		fit->model = mem_must(answer->model_length + 1, 1);
		memcpy(fit->model, answer->model, answer->model_length);
	}
	if (recorder->stop_after && (int)++recorder->answers >= recorder->stop_after)
		return orch_fail(err, ORCH_ESTOPPED, "stopped");
	return 0;
}

static inline int recorder_run(
        struct recorder *recorder, const struct engine *engine, struct engine_job *job, struct orch_err *err)
{
	recorder->job = job;
	recorder->width = job->data->task == ENGINE_CLASSIFICATION ? job->data->classes : job->data->outputs;
	recorder->fits = mem_must(job->fold_count * job->variant_count, sizeof(*recorder->fits));
	job->threads = 1;
	job->answer = recorder_answer;
	job->context = recorder;
	return engine->run(job, err);
}

static inline void recorder_release(struct recorder *recorder)
{
	for (size_t i = 0; i < recorder->job->fold_count * recorder->job->variant_count; i++) {
		free(recorder->fits[i].prediction);
		free(recorder->fits[i].sse);
		free(recorder->fits[i].model);
	}
	free(recorder->fits);
	*recorder = (struct recorder){0};
}

#endif
