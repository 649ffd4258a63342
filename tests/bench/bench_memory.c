/* What leaving features out costs in memory, for 50 to 500 features: the peak of a process that does all of them, less that of one that
 * trains the whole set only. 1,000 rows, 2 folds of 5.
 * @row lofo_memory_ridge | ridge LOFO over 50, 100, 200, 500 features, memory beyond a training's | - | under 16 KiB a feature | - | 1
 * @row lofo_memory_forest | forest LOFO over 50, 100, 200, 500 features, memory beyond a training's | - | under 16 KiB a feature | - | 1
 * @row lofo_memory_xgboost | boosted LOFO over 50, 100, 200, 500 features, memory beyond a training's | - | under 16 KiB a feature | - | 1 */
#include "storage/base/text.h"
#include "tests/bench/bench.h"

#define ROWS 1000
#define FOLDS 2
#define GOAL_KIB 16.0 /* predictions of a left-out set in each fold are 200 x 8 bytes; what is kept of it, not more than that by far */

static const struct kind {
	const char *engine, *params;
} kinds[] = {
	{"ridge", "{\"alpha\":1.0}"},
	{"forest", "{\"kind\":\"random_forest\",\"trees\":4,\"max_features\":\"sqrt\",\"min_samples_leaf\":5}"},
	{"xgboost", "{\"trees\":5,\"max_depth\":3}"},
};

static int accept(void *context, const struct engine_answer *answer, struct orch_err *err)
{
	(*(size_t *)context)++;
	return answer->code ? orch_fail(err, ORCH_EFIT, "%s", answer->text) : 0;
}

/* As a worker does it: jobs of as many left-out sets as the engine takes. */
static void leave_out(struct bench_table *table, const struct engine *engine, json_t *params, bool all)
{
	size_t features = table->data.feature_count, block = engine->left_out_most ? engine->left_out_most : features, done = 0;
	struct engine_variant *variants = mem_must(features, sizeof(*variants));
	struct orch_err err = {0};

	for (size_t v = 0; v < features; v++)
		variants[v] = (struct engine_variant){.params = params, .left_out = &table->positions[v], .left_out_count = all};
	for (size_t first = 0; first < (all ? features : 1); first += block)
		for (size_t f = 0; f < FOLDS; f++) {
			size_t left = all ? features - first : 1;
			struct engine_job job = {.data = &table->data, .folds = &table->folds[f], .fold_count = 1, .variants = variants + first,
			        .variant_count = left < block ? left : block, .seed = 1, .threads = 1, .answer = accept, .context = &done};

			if (engine->run(&job, &err) != 0)
				bench_die(err.text);
		}
	if (done != FOLDS * (all ? features : 1))
		bench_die("answers are missing");
	free(variants);
}

static long peak_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

/* KiB that the work adds to what the data take: the peak in a process of its own, less what it was before. */
static long peak_of(const struct kind *kind, size_t features, bool all)
{
	int ends[2];
	long grown = 0;
	int status;

	if (pipe(ends) != 0)
		bench_die("no pipe");
	pid_t pid = fork();
	if (pid == 0) {
		struct bench_table table = bench_table(ROWS, features, "reg", 5);
		json_t *params = json_loads(kind->params, 0, NULL);
		struct bench_table warm = bench_table(ROWS, 50, "reg", 5);

		leave_out(&warm, engine_find(kind->engine), params, false); /* libraries and their threads are there */
		for (size_t i = 0; i < ROWS * features; i++)
			grown += column_value(table.data.features[i / ROWS], i % ROWS) > 1e30;
		grown -= peak_kib();
		leave_out(&table, engine_find(kind->engine), params, all);
		grown += peak_kib();
		_exit(write(ends[1], &grown, sizeof(grown)) == sizeof(grown) ? 0 : 1);
	}
	if (pid < 0 || read(ends[0], &grown, sizeof(grown)) != sizeof(grown) || waitpid(pid, &status, 0) != pid || status != 0)
		bench_die("a process failed");
	close(ends[0]);
	close(ends[1]);
	return grown;
}

static void run_kind(const struct kind *kind)
{
	static const size_t sizes[] = {50, 100, 200, 500};
	struct text_buf note = {0};
	double beyond[4], start = bench_clock();

	for (size_t i = 0; i < 4; i++) {
		long one = peak_of(kind, sizes[i], false), all = peak_of(kind, sizes[i], true);

		beyond[i] = (double)(all - one);
		text_addf(&note, "%s%zu features: one training %ld KiB, all left out %ld KiB", i ? "; " : "", sizes[i], one, all);
	}
	double slope = (beyond[3] - beyond[0]) / 450;
	text_addf(&note, "; %.1f KiB a feature", slope);
	bench_verdict(bench_clock() - start, slope < GOAL_KIB, note.data);
	text_buf_release(&note);
}

int main(int argc, char **argv)
{
	const char *row = argc > 1 ? argv[1] : "";

	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
		if (strncmp(row, "lofo_memory_", 12) == 0 && strcmp(row + 12, kinds[k].engine) == 0)
			return run_kind(&kinds[k]), 0;
	bench_die("usage: bench_memory ROW");
}
