/* The linear engine: a grid of penalties, every feature left out, the whole elimination path, squared errors by fold.
 * @row ridge_grid | ridge, 200 penalties x 5 folds, 100,000 x 164 | scikit-learn GridSearchCV, 4 of 200 penalties, extrapolated | 50 | rel 1e-9 | 1
 * @row ridge_grid_glmnet | ridge, 200 penalties x 5 folds, 100,000 x 164 | glmnet, 200 penalties x 5 folds | 50 | - | 1
 * @row ridge_lofo | ridge LOFO, 164 features x 5 folds, 100,000 rows | scikit-learn, 4 of 164 features, extrapolated | 1000 | rel 1e-9 | 1
 * @row ridge_lofo_500 | ridge LOFO, 500 features x 5 folds, 100,000 rows | scikit-learn, 1 of 500 features, extrapolated | 1500 | rel 1e-9 | 1
 * @row ridge_path | ridge LOFO-RFE path, 164 to 1, 5 folds, 100,000 rows | scikit-learn, a single refit on 80,000 rows | 1 | - | 3
 * @row ridge_syrk | ridge LOFO, 164 features x 5 folds, 100,000 rows, by the time of one dsyrk | - | at most 2 dsyrk | - | 3 */
#include <cblas.h>

#include "engines/rfe/ridge_path.h"
#include "tests/bench/bench.h"

#define FOLDS 5

static int keep_sse(void *context, const struct engine_answer *answer, struct orch_err *err)
{
	double *sse = context;

	if (answer->code)
		return orch_fail(err, ORCH_EFIT, "%s", answer->text);
	sse[answer->variant] += answer->sse[0];
	return 0;
}

/* Seconds; sse[v]: the sum over folds of each variant. */
static double run_job(struct bench_table *table, struct engine_variant *variants, size_t count, double *sse)
{
	struct engine_job job = {.data = &table->data, .folds = table->folds, .fold_count = FOLDS, .variants = variants,
	                         .variant_count = count, .threads = BENCH_CORES, .scores_only = true, .answer = keep_sse, .context = sse};
	struct orch_err err = {0};
	double start = bench_clock();

	if (engine_find("ridge")->run(&job, &err) != 0)
		bench_die(err.text);
	return bench_clock() - start;
}

/* alpha 10^(-3 + v / 25); the answers are those of every fiftieth. */
static void run_grid(void)
{
	struct bench_table table = bench_table(100000, 164, "reg", FOLDS);
	struct engine_variant variants[200] = {0};
	double sse[200] = {0}, answer[4];

	for (int v = 0; v < 200; v++)
		variants[v].params = json_pack("{s:f}", "alpha", pow(10, -3 + v / 25.0));
	double seconds = run_job(&table, variants, 200, sse);
	for (int i = 0; i < 4; i++)
		answer[i] = sse[50 * i];
	bench_result(seconds, answer, 4, NULL);
}

static double run_left_out(struct bench_table *table, double *sse)
{
	size_t count = table->data.feature_count;
	struct engine_variant *variants = mem_must(count, sizeof(*variants));
	json_t *params = json_pack("{s:f}", "alpha", 1.0);

	for (size_t v = 0; v < count; v++)
		variants[v] = (struct engine_variant){.params = params, .left_out = &table->positions[v], .left_out_count = 1};
	return run_job(table, variants, count, sse);
}

static void run_lofo(size_t features, size_t answers)
{
	struct bench_table table = bench_table(100000, features, "reg", FOLDS);
	double *sse = mem_must(features, sizeof(*sse)), seconds = run_left_out(&table, sse);

	bench_result(seconds, sse, answers, NULL);
}

static void run_path(void)
{
	struct bench_table table = bench_table(100000, 164, "reg", FOLDS);
	struct ridge_path_request request = {.data = &table.data, .folds = table.folds, .fold_count = FOLDS, .alpha = 1, .intercept = true,
	                                     .min_units = 1};
	struct ridge_path *path = NULL;
	struct orch_err err = {0};
	double start = bench_clock();

	if (ridge_path_run(&request, &path, &err) != 0)
		bench_die(err.text);
	double seconds = bench_clock() - start;
	bench_result(seconds, NULL, 0, NULL);
}

/* One dsyrk of the table as doubles: what the Gram alone costs; the median of five of each. */
static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void run_syrk(void)
{
	struct bench_table table = bench_table(100000, 164, "reg", FOLDS);
	size_t rows = table.data.rows, features = 164;
	double *x = mem_must(rows * features, sizeof(*x)), *gram = mem_must(features * features, sizeof(*gram)), syrk[5], lofo[5];
	char note[200];

	for (size_t f = 0; f < features; f++)
		for (size_t i = 0; i < rows; i++)
			x[f * rows + i] = column_value(table.data.features[f], i);
	for (int turn = 0; turn < 5; turn++) {
		double sse[164] = {0}, start = bench_clock();

		cblas_dsyrk(CblasColMajor, CblasUpper, CblasTrans, (int)features, (int)rows, 1, x, (int)rows, 0, gram, (int)features);
		syrk[turn] = bench_clock() - start;
		lofo[turn] = run_left_out(&table, sse);
	}
	qsort(syrk, 5, sizeof(*syrk), by_value);
	qsort(lofo, 5, sizeof(*lofo), by_value);
	snprintf(note, sizeof(note), "dsyrk %.3f s, all of the LOFO %.3f s: %.2f", syrk[2], lofo[2], lofo[2] / syrk[2]);
	bench_verdict(lofo[2], lofo[2] <= 2 * syrk[2], note);
}

int main(int argc, char **argv)
{
	const char *row = argc > 1 ? argv[1] : "";

	if (strncmp(row, "ridge_grid", 10) == 0)
		run_grid();
	else if (strcmp(row, "ridge_lofo") == 0)
		run_lofo(164, 4);
	else if (strcmp(row, "ridge_lofo_500") == 0)
		run_lofo(500, 1);
	else if (strcmp(row, "ridge_path") == 0)
		run_path();
	else if (strcmp(row, "ridge_syrk") == 0)
		run_syrk();
	else
		bench_die("usage: bench_ridge ROW");
	return 0;
}
