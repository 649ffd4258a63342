/* Fifty pictures as a round leaves them: ten models on 100,000 rows, each with predicted against actual, residuals against predictions, residuals
 * with their quantiles, the REC curve and the error by target; diagnostics computed here, pictures as SVG, on two cores.
 * The answer is the sum of the ten RMSEs.
 * @row plots_50 | 50 plots of 10 models, 100,000 rows each, diagnostics and SVG | matplotlib, SVG too (its scatters keep every point; ours are cells) | 10 | rel 1e-9 | 3 */
#include "engines/address.h"
#include "engines/diagnostics/diagnostics.h"
#include "reports/plot.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "tests/bench/bench.h"

#define MODELS 10
#define ROWS 100000

static const char *const pictures[] = {"predicted_actual", "residuals_fitted", "residuals", "rec", "error_by_target"};

/* The peer makes the same numbers from the same integers. */
static double uniform(uint64_t at)
{
	uint64_t z = (at + 1) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static void fill(size_t model, double *truth, double *prediction, double *row, double *fold)
{
	for (size_t i = 0; i < ROWS; i++) {
		uint64_t at = (model * ROWS + i) * 4;

		truth[i] = 900 * uniform(at) * uniform(at + 1);
		prediction[i] = truth[i] + 60 * (uniform(at + 2) + uniform(at + 3) - 1) * (1 + truth[i] / 300);
		row[i] = (double)i;
		fold[i] = (double)(i % 5);
	}
}

static double draw_model(size_t model, const char *folder)
{
	double *columns = mem_must((size_t)4 * ROWS, sizeof(*columns)), rmse;
	struct diagnose_regression in = {.count = ROWS, .truth = columns, .prediction = columns + ROWS, .row = columns + 2 * ROWS, .fold = columns + 3 * ROWS};
	char *own = text_format("%s/model_%zu", folder, model), *inner = file_join(own, "07_diagnostics"), *path = file_join(inner, "predictions.json"), *text;
	struct plot_source source = {.folder = own};
	struct orch_err err = {0};
	json_t *numbers;

	fill(model, columns, columns + ROWS, columns + 2 * ROWS, columns + 3 * ROWS);
	numbers = diagnose_regression(&in);
	json_object_set_new(numbers, "kind", json_string("regression"));
	rmse = json_get_real(numbers, "rmse", NAN);
	text = json_text(numbers, JSON_STYLE_LINE);
	if (file_make_folders(inner, &err) || file_replace_fast(path, text, strlen(text), &err))
		bench_die(err.text);
	for (size_t p = 0; p < sizeof(pictures) / sizeof(*pictures); p++) {
		char *bytes = NULL, *name = text_format("%s/%s.svg", own, pictures[p]);
		size_t length = 0;

		if (plot_draw(plot_find(pictures[p]), &source, GNUPLOT_SVG, &bytes, &length, &err) || !bytes || file_replace_fast(name, bytes, length, &err))
			bench_die(err.code ? err.text : "a plot has nothing to show");
		free(bytes);
		free(name);
	}
	json_decref(numbers);
	free(text);
	free(path);
	free(inner);
	free(own);
	free(columns);
	return rmse;
}

int main(int argc, char **argv)
{
	char folder[] = "/tmp/orch-bench-plots.XXXXXX";
	double *sums = mmap(NULL, MODELS * sizeof(*sums), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), sum = 0, start;
	pid_t children[BENCH_CORES];

	if (argc != 2 || strcmp(argv[1], "plots_50") || !mkdtemp(folder))
		bench_die("usage: bench_plots plots_50");
	start = bench_clock();
	for (size_t c = 0; c < BENCH_CORES; c++) {
		children[c] = fork();
		if (children[c] == 0) {
			for (size_t m = c; m < MODELS; m += BENCH_CORES)
				sums[m] = draw_model(m, folder);
			_exit(0);
		}
	}
	for (size_t c = 0; c < BENCH_CORES; c++) {
		int status;

		if (waitpid(children[c], &status, 0) < 0 || status)
			bench_die("a worker failed");
	}
	for (size_t m = 0; m < MODELS; m++)
		sum += sums[m];
	bench_result(bench_clock() - start, &sum, 1, NULL);
	file_remove_tree(folder, NULL);
	return 0;
}
