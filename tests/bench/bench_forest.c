/* Seconds of one growth on 15,000 x 164, at least 5 rows in a leaf, on two threads: the shapes that scikit-learn is measured on.
 *     build/tests/bench/bench_forest DATA.f64 [CASE ...]
 * DATA.f64: column-major doubles, 164 features and the target, as gen_wide 15000 164 1 reg f64 writes. tests/bench/bench_forest.py
 * runs both in turns. `lofo` after a case's name also leaves out every feature (one row in five is then held out). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "engines/model/engine.h"
#include "storage/base/mem.h"

#define ROWS 15000
#define FEATURES 164

static const struct bench_case {
	const char *name, *params;
} bench_cases[] = {
	{"et_all", "{\"kind\":\"extra_trees\",\"trees\":50,\"max_features\":\"all\",\"min_samples_leaf\":5}"},
	{"et_sqrt", "{\"kind\":\"extra_trees\",\"trees\":100,\"max_features\":\"sqrt\",\"min_samples_leaf\":5}"},
	{"rf_third", "{\"kind\":\"random_forest\",\"trees\":20,\"max_features\":0.33333333333333331,\"min_samples_leaf\":5}"},
	{"rf_sqrt", "{\"kind\":\"random_forest\",\"trees\":100,\"max_features\":\"sqrt\",\"min_samples_leaf\":5}"},
};

static int keep_nothing(void *context, const struct engine_answer *answer, struct orch_err *err)
{
	*(size_t *)context += answer->model_length;
	(void)err;
	return answer->code;
}

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* A growth of all rows with its model saved; or, for LOFO, four fifths of the rows and a variant for every feature. */
static void bench_run(const double *values, const struct bench_case *what, bool lofo)
{
	struct column *columns = mem_must(FEATURES, sizeof(*columns));
	const struct column **list = mem_must(FEATURES, sizeof(*list));
	uint32_t *rows = mem_must(2 * ROWS, sizeof(*rows)), *ids = mem_must(FEATURES, sizeof(*ids)), *test = rows + ROWS;
	struct engine_variant *variants = mem_must(FEATURES + 1, sizeof(*variants));
	struct engine_fold fold = {.train = rows, .test = test};
	size_t length = 0;
	struct engine_data data = {.rows = ROWS, .feature_count = FEATURES, .features = list, .feature_ids = ids,
	                           .task = ENGINE_REGRESSION, .outputs = 1, .target = values + (size_t)FEATURES * ROWS};
	struct engine_job job = {.data = &data, .folds = &fold, .fold_count = 1, .variants = variants,
	                         .variant_count = lofo ? FEATURES + 1 : 1, .seed = 1, .threads = 2, .want_model = !lofo, .scores_only = lofo,
	                         .answer = keep_nothing, .context = &length};
	json_t *params = json_loads(what->params, 0, NULL);
	struct orch_err err = {0};
	double start = seconds(CLOCK_MONOTONIC), used = seconds(CLOCK_PROCESS_CPUTIME_ID);

	for (uint32_t f = 0; f < FEATURES; f++) {
		columns[f] = (struct column){.name = "f", .type = COLUMN_FLOAT64, .values = values + (size_t)f * ROWS};
		list[f] = &columns[f];
		ids[f] = f;
		variants[f + 1] = (struct engine_variant){.left_out = &ids[f], .left_out_count = 1};
	}
	for (uint32_t v = 0; v <= FEATURES; v++)
		variants[v].params = params;
	for (uint32_t i = 0; i < ROWS; i++)
		if (lofo && i % 5 == 0)
			test[fold.test_count++] = i;
		else
			rows[fold.train_count++] = i;
	if (engine_find("forest")->run(&job, &err) != 0)
		fprintf(stderr, "%s\n", err.text);
	printf("%s%s %.3f s, of processors %.3f s, model %zu bytes\n", what->name, lofo ? " lofo" : "", seconds(CLOCK_MONOTONIC) - start,
	       seconds(CLOCK_PROCESS_CPUTIME_ID) - used, length);
	fflush(stdout);
	json_decref(params);
	free(columns);
	free(list);
	free(rows);
	free(ids);
	free(variants);
}

int main(int argc, char **argv)
{
	size_t count = (size_t)ROWS * (FEATURES + 1);
	double *values = mem_must(count, sizeof(*values));
	FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;
	struct rusage usage;

	if (!file || fread(values, sizeof(*values), count, file) != count) {
		fprintf(stderr, "usage: bench_forest DATA.f64 [CASE [lofo]] ...   (15,000 x 165 doubles, column-major)\n");
		return 2;
	}
	fclose(file);
	for (size_t c = 0; c < sizeof(bench_cases) / sizeof(*bench_cases); c++)
		for (int a = argc > 2 ? 2 : 1; a < argc; a++)
			if (argc == 2 || strcmp(argv[a], bench_cases[c].name) == 0)
				bench_run(values, &bench_cases[c], a + 1 < argc && strcmp(argv[a + 1], "lofo") == 0);
	getrusage(RUSAGE_SELF, &usage);
	printf("peak memory %ld MiB (of it %zu the data)\n", usage.ru_maxrss / 1024, count * sizeof(*values) >> 20);
	free(values);
	return 0;
}
