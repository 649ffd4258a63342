/* Times of the linear engine on a wide table: a grid of penalties, every feature left out, the whole elimination path.
 * usage: bench_ridge [rows [features [penalties]]] */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engines/model/engine.h"
#include "engines/rfe/ridge_path.h"

extern const struct engine engine_ridge;

#define FOLDS 5

struct bench {
	size_t rows, features;
	struct column *columns;
	const struct column **pointers;
	uint32_t *ids;
	double *target;
	struct engine_data data;
	struct engine_fold folds[FOLDS];
	struct arena arena;
	double check;
};

static double bench_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *bench_alloc(struct bench *bench, size_t count, size_t size)
{
	void *block = arena_alloc(&bench->arena, count, size);

	if (!block) {
		fprintf(stderr, "bench_ridge: out of memory\n");
		exit(1);
	}
	return block;
}

static double bench_number(uint64_t *state)
{
	double sum = 0;

	for (int i = 0; i < 4; i++) {
		*state = *state * 6364136223846793005u + 1442695040888963407u;
		sum += (double)(*state >> 11) * 0x1p-53 - 0.5;
	}
	return sum * 1.7;
}

/* float32 numbers with a common part; every third feature has a share in the target. */
static void bench_features(struct bench *bench)
{
	double *common = bench_alloc(bench, bench->rows, sizeof(*common));
	uint64_t state = 1;

	for (size_t i = 0; i < bench->rows; i++) {
		common[i] = bench_number(&state);
		bench->target[i] = 5 * bench_number(&state);
	}
	for (size_t f = 0; f < bench->features; f++) {
		float *values = bench_alloc(bench, bench->rows, sizeof(*values));

		for (size_t i = 0; i < bench->rows; i++) {
			values[i] = (float)(bench_number(&state) + 0.5 * common[i] + 10);
			bench->target[i] += f % 3 == 0 ? (double)values[i] / (double)(f + 1) : 0;
		}
		bench->columns[f] =
		        (struct column){.name = "x", .kind = COLUMN_NUMBER, .type = COLUMN_FLOAT32, .values = values};
		bench->pointers[f] = &bench->columns[f];
		bench->ids[f] = (uint32_t)f;
	}
}

static void bench_folds(struct bench *bench)
{
	for (size_t f = 0; f < FOLDS; f++) {
		uint32_t *train = bench_alloc(bench, bench->rows, sizeof(*train));
		uint32_t *test = bench_alloc(bench, bench->rows, sizeof(*test));
		struct engine_fold *fold = &bench->folds[f];

		*fold = (struct engine_fold){.train = train, .test = test};
		for (uint32_t i = 0; i < bench->rows; i++) {
			if ((i * 2654435761u >> 8) % FOLDS == f)
				test[fold->test_count++] = i;
			else
				train[fold->train_count++] = i;
		}
	}
}

static void bench_make(struct bench *bench)
{
	bench->columns = bench_alloc(bench, bench->features, sizeof(*bench->columns));
	bench->pointers = bench_alloc(bench, bench->features, sizeof(*bench->pointers));
	bench->ids = bench_alloc(bench, bench->features, sizeof(*bench->ids));
	bench->target = bench_alloc(bench, bench->rows, sizeof(*bench->target));
	bench_features(bench);
	bench_folds(bench);
	bench->data = (struct engine_data){.rows = bench->rows,
	        .feature_count = bench->features,
	        .features = bench->pointers,
	        .feature_ids = bench->ids,
	        .task = ENGINE_REGRESSION,
	        .outputs = 1,
	        .target = bench->target};
}

static int bench_answer(void *context, const struct engine_answer *answer, struct orch_err *err)
{
	struct bench *bench = context;

	if (answer->code)
		return orch_fail(err, ORCH_EFIT, "%s", answer->text);
	bench->check += answer->sse ? answer->sse[0] : answer->prediction[0];
	return 0;
}

static void bench_job(struct bench *bench, const char *name, size_t penalties, bool left_out, bool scores_only)
{
	size_t count = left_out ? bench->features : penalties;
	struct engine_variant *variants = mem_must(count, sizeof(*variants));
	struct orch_err err = {0};

	for (size_t v = 0; v < count; v++) {
		double alpha = left_out ? 1 : pow(10, -3 + 8 * (double)v / (double)count);

		variants[v].params = json_pack("{s:f}", "alpha", alpha);
		variants[v].left_out = &bench->ids[v % bench->features];
		variants[v].left_out_count = left_out;
	}
	struct engine_job job = {.data = &bench->data,
	        .folds = bench->folds,
	        .fold_count = FOLDS,
	        .variants = variants,
	        .variant_count = count,
	        .threads = 1,
	        .scores_only = scores_only,
	        .answer = bench_answer,
	        .context = bench};
	double start = bench_clock();
	int code = engine_ridge.run(&job, &err);

	printf("%-40s %6zu fits  %7.3f s%s%s\n", name, count * FOLDS, bench_clock() - start, code ? "  " : "",
	        err.text);
	for (size_t v = 0; v < count; v++)
		json_decref((json_t *)(uintptr_t)variants[v].params);
	free(variants);
}

static void bench_path(struct bench *bench)
{
	struct ridge_path_request request = {.data = &bench->data,
	        .folds = bench->folds,
	        .fold_count = FOLDS,
	        .alpha = 1,
	        .intercept = true,
	        .min_units = 1};
	struct ridge_path *path = NULL;
	struct orch_err err = {0};
	double start = bench_clock();
	int code = ridge_path_run(&request, &path, &err);

	printf("%-40s %6zu steps %7.3f s%s%s\n", "elimination path", code ? 0 : path->steps, bench_clock() - start,
	        code ? "  " : "", err.text);
	bench->check += code ? NAN : path->score[0];
	ridge_path_release(path);
}

int main(int argc, char **argv)
{
	struct bench bench = {.rows = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000,
	        .features = argc > 2 ? strtoul(argv[2], NULL, 10) : 164};
	size_t penalties = argc > 3 ? strtoul(argv[3], NULL, 10) : 200;

	bench_make(&bench);
	printf("%zu rows, %zu features, %d folds\n", bench.rows, bench.features, FOLDS);
	for (int round = 0; round < 2; round++) { /* the first also warms caches up */
		bench_job(&bench, "penalties, squared errors", penalties, false, true);
		bench_job(&bench, "penalties, predictions", penalties, false, false);
		bench_job(&bench, "each feature left out, squared errors", 1, true, true);
		bench_job(&bench, "each feature left out, predictions", 1, true, false);
		bench_path(&bench);
	}
	arena_release(&bench.arena);
	return isfinite(bench.check) ? 0 : 1;
}
