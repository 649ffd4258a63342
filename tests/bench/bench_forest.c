/* Forests on the shapes that scikit-learn is measured on (bench_forest.py): single trainings with 3,750 rows predicted, every feature left
 * out, a grid of configurations.
 * @row forest_et_all | extra-trees, 50 trees, all features, 15,000 x 164, leaf 5 | scikit-learn | 2 | abs 0.01 | 3
 * @row forest_et_sqrt | extra-trees, 100 trees, sqrt, 15,000 x 164, leaf 5 | scikit-learn | 2 | abs 0.01 | 5
 * @row forest_rf_third | random forest, 20 trees, a third, 15,000 x 164, leaf 5 | scikit-learn | 2 | abs 0.01 | 3
 * @row forest_rf_sqrt | random forest, 100 trees, sqrt, 15,000 x 164, leaf 5 | scikit-learn | 2 | abs 0.01 | 3
 * @row forest_rf_ranger | random forest, 100 trees, sqrt, 15,000 x 164, leaf 5 | ranger (R) | 2 | abs 0.02 | 1
 * @row forest_lofo | forest LOFO, 164 features, 1 of 5 folds, 20,000 rows (random forest, 20 trees, a third, leaf 5) | scikit-learn, 8 of 165 fits, extrapolated | 20 | abs 0.01 | 1
 * @row forest_grid | forest grid, 48 configurations x 5 folds, 1,500 x 20 (trees 60/100 x depth 40/60/none x split 2/5 x leaf 1/2 x features sqrt/half) | scikit-learn, 1 of 5 folds, extrapolated | 10 | abs 0.01 | 1 */
#include "tests/bench/bench.h"

struct scores {
	const struct bench_table *table;
	double sum;   /* of R2 */
	size_t count;
};

/* R2 of the held-out rows, summed over the fits of the first fold: the peer does no more. */
static int add_score(void *context, const struct engine_answer *answer, struct orch_err *err)
{
	struct scores *scores = context;
	const struct engine_fold *fold = &scores->table->folds[answer->fold];
	double mean = 0, residual = 0, total = 0;

	if (answer->code)
		return orch_fail(err, ORCH_EFIT, "%s", answer->text);
	if (answer->fold != 0)
		return 0;
	for (size_t i = 0; i < fold->test_count; i++)
		mean += scores->table->data.target[fold->test[i]] / (double)fold->test_count;
	for (size_t i = 0; i < fold->test_count; i++) {
		double y = scores->table->data.target[fold->test[i]];

		residual += (y - answer->prediction[i]) * (y - answer->prediction[i]);
		total += (y - mean) * (y - mean);
	}
	scores->sum += 1 - residual / total;
	scores->count++;
	return 0;
}

static void run_job(struct bench_table *table, size_t folds, struct engine_variant *variants, size_t count)
{
	struct scores scores = {.table = table};
	struct engine_job job = {.data = &table->data, .folds = table->folds, .fold_count = folds, .variants = variants,
	                         .variant_count = count, .seed = 1, .threads = BENCH_CORES, .answer = add_score, .context = &scores};
	struct orch_err err = {0};
	double start = bench_clock();

	if (engine_find("forest")->run(&job, &err) != 0)
		bench_die(err.text);
	double seconds = bench_clock() - start, mean = scores.sum / (double)scores.count;
	bench_result(seconds, &mean, 1, NULL);
}

static void run_training(const char *params)
{
	struct bench_table table = bench_table(18750, 164, "reg", 5);
	struct engine_variant variant = {.params = json_loads(params, 0, NULL)};

	run_job(&table, 1, &variant, 1);
}

static void run_lofo(void)
{
	struct bench_table table = bench_table(20000, 164, "reg", 5);
	struct engine_variant variants[165];
	json_t *params = json_loads("{\"kind\":\"random_forest\",\"trees\":20,\"max_features\":0.33333333333333331,\"min_samples_leaf\":5}", 0, NULL);

	for (size_t v = 0; v < 165; v++)
		variants[v] = (struct engine_variant){.params = params, .left_out = &table.positions[v ? v - 1 : 0], .left_out_count = v > 0};
	run_job(&table, 1, variants, 165);
}

static void run_grid(void)
{
	struct bench_table table = bench_table(1500, 20, "reg", 5);
	struct engine_variant variants[48];
	size_t count = 0;

	for (int i = 0; i < 48; i++) {
		json_t *params = json_pack("{s:s, s:i, s:i, s:i}", "kind", "random_forest", "trees", i & 1 ? 100 : 60, "min_samples_split",
		                           i & 2 ? 5 : 2, "min_samples_leaf", i & 4 ? 2 : 1);

		json_object_set_new(params, "max_features", i & 8 ? json_real(0.5) : json_string("sqrt"));
		json_object_set_new(params, "max_depth", i / 16 == 0 ? json_integer(40) : i / 16 == 1 ? json_integer(60) : json_null());
		variants[count++] = (struct engine_variant){.params = params};
	}
	run_job(&table, 5, variants, count);
}

static const struct training {
	const char *row, *params;
} trainings[] = {
	{"forest_et_all", "{\"kind\":\"extra_trees\",\"trees\":50,\"max_features\":\"all\",\"min_samples_leaf\":5}"},
	{"forest_et_sqrt", "{\"kind\":\"extra_trees\",\"trees\":100,\"max_features\":\"sqrt\",\"min_samples_leaf\":5}"},
	{"forest_rf_third", "{\"kind\":\"random_forest\",\"trees\":20,\"max_features\":0.33333333333333331,\"min_samples_leaf\":5}"},
	{"forest_rf_ranger", "{\"kind\":\"random_forest\",\"trees\":100,\"max_features\":\"sqrt\",\"min_samples_leaf\":5}"},
	{"forest_rf_sqrt", "{\"kind\":\"random_forest\",\"trees\":100,\"max_features\":\"sqrt\",\"min_samples_leaf\":5}"},
};

int main(int argc, char **argv)
{
	const char *row = argc > 1 ? argv[1] : "";

	for (size_t t = 0; t < sizeof(trainings) / sizeof(*trainings); t++)
		if (strcmp(row, trainings[t].row) == 0)
			return run_training(trainings[t].params), 0;
	if (strcmp(row, "forest_lofo") == 0)
		run_lofo();
	else if (strcmp(row, "forest_grid") == 0)
		run_grid();
	else
		bench_die("usage: bench_forest ROW");
	return 0;
}
