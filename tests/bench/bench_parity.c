/* Are orch's forests as good as scikit-learn's? Ten seeds each on three real tables, one row in five held out: the mean of the error (root
 * mean squared, or Brier's for classes) and its standard error, random forest and extra-trees. numeric/test_forest_reference compares more cases
 * with recorded values; here both sides run.
 * @row forest_parity | forests of 50 trees over 10 seeds on diabetes, breast_cancer, diamonds: errors | scikit-learn | same scores | z 4 | 1 */
#include "storage/base/text.h"
#include "tests/bench/bench.h"

#define SEEDS 10

static const struct table {
	const char *file, *target;
	unsigned classes;
} tables[] = {{"diabetes", "y", 0}, {"breast_cancer", "y", 2}, {"diamonds_sample", "price", 0}};
static const char *const params[] = {
        "{\"kind\":\"random_forest\",\"trees\":50,\"max_features\":0.5}", "{\"kind\":\"extra_trees\",\"trees\":50,\"max_features\":0.5}"};

/* A word's number is that of its first appearance in the column; bench_parity.py does the same. */
static double code_of(char ***words, size_t *count, const char *word)
{
	for (size_t i = 0; i < *count; i++)
		if (strcmp((*words)[i], word) == 0)
			return (double)i;
	*words = realloc(*words, (*count + 1) * sizeof(**words));
	(*words)[*count] = mem_text(word);
	return (double)(*count)++;
}

static double cell_of(char ***words, size_t *count, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	return end != text && *end == '\0' ? value : code_of(words, count, text);
}

#define CELLS 64
#define ROWS 8000

/* The fields of a line, by comma; returns how many. */
static size_t split(char *line, char *fields[CELLS])
{
	size_t count = 0;

	line[strcspn(line, "\r\n")] = '\0';
	for (char *at = line; at && count < CELLS;)
		fields[count++] = strsep(&at, ",");
	return count;
}

static struct bench_table read_table(const struct table *what)
{
	struct bench_table table = {0};
	struct column *columns = mem_must(CELLS, sizeof(*columns));
	const struct column **list = mem_must(CELLS, sizeof(*list));
	char path[200], line[4000], *fields[CELLS], **words[CELLS] = {0};
	double *values[CELLS];
	size_t width, target = 0, rows = 0, count[CELLS] = {0};
	FILE *file;

	snprintf(path, sizeof(path), "tests/data/%s.csv", what->file);
	if (!(file = fopen(path, "r")) || !fgets(line, sizeof(line), file))
		bench_die("a table is missing: run it from the root of the repository");
	width = split(line, fields);
	for (size_t c = 0; c < width; c++) {
		values[c] = mem_must(ROWS, sizeof(**values));
		target = strcmp(fields[c], what->target) == 0 ? c : target;
	}
	for (; rows < ROWS && fgets(line, sizeof(line), file); rows++) {
		if (split(line, fields) != width)
			bench_die("a line of a table has other fields than its head");
		for (size_t c = 0; c < width; c++)
			values[c][rows] = cell_of(&words[c], &count[c], fields[c]);
	}
	fclose(file);
	table.positions = mem_must(width, sizeof(*table.positions));
	for (size_t c = 0, f = 0; c < width; c++)
		if (c != target) {
			columns[f] = (struct column){.name = "f", .kind = COLUMN_NUMBER, .type = COLUMN_FLOAT64, .values = values[c]};
			list[f] = &columns[f];
			table.positions[f] = (uint32_t)f;
			f++;
		}
	table.data = (struct engine_data){.rows = rows, .feature_count = width - 1, .features = list, .feature_ids = table.positions,
	        .task = what->classes ? ENGINE_CLASSIFICATION : ENGINE_REGRESSION, .outputs = 1, .classes = what->classes, .target = values[target]};
	bench_folds(&table, 5);
	return table;
}

struct error {
	const struct bench_table *table;
	double value;
};

static int keep_error(void *context, const struct engine_answer *answer, struct orch_err *err)
{
	struct error *error = context;
	const struct engine_data *data = &error->table->data;
	const struct engine_fold *fold = &error->table->folds[0];
	double sum = 0;

	if (answer->code)
		return orch_fail(err, ORCH_EFIT, "%s", answer->text);
	for (size_t i = 0; i < fold->test_count; i++) {
		double off = data->target[fold->test[i]] - answer->prediction[data->classes ? fold->test_count + i : i];

		sum += off * off;
	}
	error->value = data->classes ? sum / (double)fold->test_count : sqrt(sum / (double)fold->test_count);
	return 0;
}

/* out: mean, standard error. */
static void compare(struct bench_table *table, const char *text, double out[2])
{
	struct engine_variant variant = {.params = json_loads(text, 0, NULL)};
	double sum = 0, squares = 0;

	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct error error = {.table = table};
		struct engine_job job = {.data = &table->data, .folds = table->folds, .fold_count = 1, .variants = &variant, .variant_count = 1,
		        .seed = seed, .threads = BENCH_CORES, .answer = keep_error, .context = &error};
		struct orch_err err = {0};

		if (engine_find("forest")->run(&job, &err) != 0)
			bench_die(err.text);
		sum += error.value;
		squares += error.value * error.value;
	}
	out[0] = sum / SEEDS;
	out[1] = sqrt(fmax(0, squares / SEEDS - out[0] * out[0]) / (SEEDS - 1));
}

int main(void)
{
	double answers[12], start = bench_clock();

	for (size_t t = 0; t < 3; t++) {
		struct bench_table table = read_table(&tables[t]);

		for (size_t p = 0; p < 2; p++)
			compare(&table, params[p], answers + 4 * t + 2 * p);
	}
	bench_result(bench_clock() - start, answers, 12, NULL);
	return 0;
}
