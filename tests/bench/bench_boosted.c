/* Boosted trees: a search over 54 configurations, every feature left out; two processes that take a fold's tasks as orch's workers do.
 * @row hpo_boosted | boosted trees, 54 configurations x 5 folds, 5,000 x 20 (trees 50/100/200 x depth 3/5/7 x rate .01/.1/.3 x subsample .8/1) | XGBClassifier, GridSearchCV | 3.5 | abs 0.01 | 1
 * @row hpo_boosted_sklearn | the same search, 54 configurations x 5 folds, 5,000 x 20 | scikit-learn GradientBoosting, 6 of 270 fits, extrapolated | 35 | - | 1
 * @row boosted_lofo_6 | boosted LOFO, 50 features, 2 of 5 folds, 20,000 rows, 100 trees, depth 6 | XGBRegressor, 4 of 50 features, extrapolated | 1.5 | rel 1e-6 | 1
 * @row boosted_lofo_3 | boosted LOFO, 50 features, 2 of 5 folds, 20,000 rows, 100 trees, depth 3 | XGBRegressor, 10 of 50 features, extrapolated | 3 | rel 1e-6 | 1
 * @row boosted_lofo_164 | boosted LOFO, 164 features, 1 of 5 folds, 100,000 rows, 100 trees, depth 3 | lofo-importance with LightGBM (depth 3, 8 leaves), 3 of 164 features, extrapolated | 2 | rel 0.02 | 1 */
#include "tests/bench/bench.h"

#define FOLDS 5

/* The folds' scores of variants, by task. */
struct work {
	struct bench_table table;
	struct engine_variant *variants;
	size_t count, block, blocks; /* variants; of a task; tasks of a fold */
};
struct answers {
	const struct work *work;
	const struct engine_fold *fold;
	double *out;
};

/* Regression: the mean squared error; classes: the mean log loss. */
static int keep_loss(void *context, const struct engine_answer *answer, struct orch_err *err)
{
	struct answers *answers = context;
	const struct engine_fold *fold = answers->fold;
	const struct engine_data *data = &answers->work->table.data;
	double loss = 0;

	if (answer->code)
		return orch_fail(err, ORCH_EFIT, "%s", answer->text);
	for (size_t i = 0; i < fold->test_count; i++) {
		double y = data->target[fold->test[i]];
		double p = answer->prediction[data->classes ? (size_t)y * fold->test_count + i : i];

		loss += data->classes ? -log(fmax(p, 1e-15)) : (y - p) * (y - p);
	}
	answers->out[answer->variant] = loss / (double)fold->test_count;
	return 0;
}

static void run_task(void *context, size_t task, double *out)
{
	struct work *work = context;
	size_t fold = task / work->blocks, first = task % work->blocks * work->block;
	struct answers answers = {.work = work, .fold = &work->table.folds[fold], .out = out};
	struct engine_job job = {.data = &work->table.data, .folds = &work->table.folds[fold], .fold_count = 1, .variants = work->variants + first,
	        .variant_count = work->count - first < work->block ? work->count - first : work->block, .seed = 1, .threads = 1,
	        .answer = keep_loss, .context = &answers};
	struct orch_err err = {0};

	if (engine_find("xgboost")->run(&job, &err) != 0)
		bench_die(err.text);
}

/* The mean over folds of each variant's loss. */
static double *run_work(struct work *work, size_t folds, double *seconds)
{
	double start = bench_clock(), *mean = mem_must(work->count, sizeof(*mean)), *results;

	work->blocks = (work->count + work->block - 1) / work->block;
	results = bench_tasks(folds * work->blocks, work->block, run_task, work);
	*seconds = bench_clock() - start;
	for (size_t f = 0; f < folds; f++)
		for (size_t v = 0; v < work->count; v++)
			mean[v] += results[(f * work->blocks + v / work->block) * work->block + v % work->block] / (double)folds;
	return mean;
}

/* A task is a fold of the three numbers of trees. The answer is the mean of all scores. */
static void run_search(void)
{
	static const double rates[] = {0.01, 0.1, 0.3}, shares[] = {0.8, 1};
	struct work work = {.table = bench_table(5000, 20, "class", FOLDS), .block = 3};
	double seconds, mean = 0, *scores;

	work.variants = mem_must(54, sizeof(*work.variants));
	for (int family = 0; family < 18; family++)
		for (int trees = 50; trees <= 200; trees *= 2)
			work.variants[work.count++].params = json_pack("{s:i, s:i, s:f, s:f}", "trees", trees, "max_depth", 3 + 2 * (family % 3),
			        "learning_rate", rates[family / 3 % 3], "subsample", shares[family / 9]);
	scores = run_work(&work, FOLDS, &seconds);
	for (size_t v = 0; v < work.count; v++)
		mean += scores[v] / (double)work.count;
	bench_result(seconds, &mean, 1, NULL);
}

static void run_lofo(size_t rows, size_t features, int depth, size_t folds, size_t answers)
{
	struct work work = {.table = bench_table(rows, features, "reg", FOLDS), .count = features};
	json_t *params = json_pack("{s:i, s:i}", "trees", 100, "max_depth", depth);
	double seconds, *scores;
	size_t most = engine_find("xgboost")->left_out_most, blocks = (features + most - 1) / most; /* cut as by the planner */

	work.block = (features + blocks - 1) / blocks;
	work.variants = mem_must(features, sizeof(*work.variants));
	for (size_t v = 0; v < features; v++)
		work.variants[v] = (struct engine_variant){.params = params, .left_out = &work.table.positions[v], .left_out_count = 1};
	scores = run_work(&work, folds, &seconds);
	bench_result(seconds, scores, answers, NULL);
}

int main(int argc, char **argv)
{
	const char *row = argc > 1 ? argv[1] : "";

	if (strncmp(row, "hpo_boosted", 11) == 0)
		run_search();
	else if (strcmp(row, "boosted_lofo_6") == 0)
		run_lofo(20000, 50, 6, 2, 4);
	else if (strcmp(row, "boosted_lofo_3") == 0)
		run_lofo(20000, 50, 3, 2, 10);
	else if (strcmp(row, "boosted_lofo_164") == 0)
		run_lofo(100000, 164, 3, 1, 3);
	else
		bench_die("usage: bench_boosted ROW");
	return 0;
}
