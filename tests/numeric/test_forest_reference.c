/* The scores of orch's forests and scikit-learn's on three real data sets: the same, but for chance. Each case is fitted with ten
 * seeds here and was with ten seeds there (forest_reference.h, by reference_forest.py). The means may differ by four of the difference's
 * standard errors, which two equal forests do in one of 16,000 cases if the scores are normal (one of 700 with the 18 degrees of freedom). */
#include "tests/numeric/forest_problem.h"
#include "tests/numeric/forest_reference.h"

#define MOST_ROWS 4000
#define MOST_COLUMNS 40
#define STANDARD_ERRORS 4

struct table {
	char names[MOST_COLUMNS][40];
	double *values; /* column-major, MOST_ROWS apart */
	size_t rows, columns;
};

static double cell_value(const char *text)
{
	static const char *const orders[][9] = {
		{"Fair", "Good", "Very Good", "Premium", "Ideal", NULL},
		{"D", "E", "F", "G", "H", "I", "J", NULL},
		{"I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF", NULL},
	};
	double value;

	if (text_to_double(text, &value))
		return value;
	for (size_t o = 0; o < 3; o++)
		for (size_t i = 0; orders[o][i]; i++)
			if (strcmp(orders[o][i], text) == 0)
				return (double)i;
	fail_msg("no number: %s", text);
	return NAN;
}

static struct table table_read(const char *name)
{
	struct table table = {.values = mem_must(MOST_ROWS * MOST_COLUMNS, sizeof(double))};
	char *path = text_format("tests/data/%s.csv", name), line[4000];
	FILE *file = fopen(path, "r");

	if (!file)
		fail_msg("%s: cannot be read; run from the root of the repository", path);
	for (bool head = true; fgets(line, sizeof(line), file); head = false) {
		size_t c = 0;

		line[strcspn(line, "\r\n")] = '\0';
		for (char *cell = strtok(line, ","); cell; cell = strtok(NULL, ","), c++)
			if (head)
				snprintf(table.names[c], sizeof(table.names[c]), "%s", cell);
			else
				table.values[c * MOST_ROWS + table.rows] = cell_value(cell);
		table.columns = c;
		table.rows += !head;
	}
	fclose(file);
	free(path);
	return table;
}

/* Position of the column among the targets ("x,y,z"), or -1. */
static int target_place(const char *targets, const char *name)
{
	int place = 0;

	for (const char *at = targets;; at = strchr(at, ',') + 1, place++) {
		if (strcspn(at, ",") == strlen(name) && strncmp(at, name, strlen(name)) == 0)
			return place;
		if (!strchr(at, ','))
			return -1;
	}
}

static void lose_values(struct problem *p)
{
	for (size_t c = 0; c < p->features; c++) {
		p->columns[c].missing_count = 1;
		for (size_t i = 0; i < p->rows; i++)
			if ((i * 7 + c * 5) % 6 == 0 || (c == 0 && i % 2 == 0 && p->values[i] < 0.5))
				p->values[c * p->rows + i] = NAN;
	}
}

static struct problem problem_read(const struct reference_case *what)
{
	char *name = text_format("%.*s", (int)strcspn(what->data, " "), what->data);
	struct table table = table_read(name);
	unsigned outputs = 1, classes = strcmp(name, "breast_cancer") == 0 ? 2 : strcmp(what->targets, "cut") == 0 ? 5 : 0;
	struct problem p;
	size_t feature = 0;

	for (const char *at = what->targets; (at = strchr(at, ',')) != NULL; at++)
		outputs++;
	p = problem_new(table.rows, table.columns - outputs, classes ? ENGINE_CLASSIFICATION : ENGINE_REGRESSION, outputs, classes);
	for (size_t c = 0; c < table.columns; c++) {
		int place = target_place(what->targets, table.names[c]);

		memcpy(place >= 0 ? p.target + (size_t)place * p.rows : p.values + feature * p.rows, table.values + c * MOST_ROWS,
		       p.rows * sizeof(double));
		feature += place < 0;
	}
	assert_int_equal(feature, p.features);
	if (strchr(what->data, ' '))
		lose_values(&p);
	free(name);
	free(table.values);
	return p;
}

/* Root mean squared error of all outputs, or Brier score. */
static double score(const struct problem *p, const double *prediction)
{
	size_t tests = p->fold.test_count;
	double sum = 0;

	for (size_t o = 0; o < p->width; o++)
		for (size_t i = 0; i < tests; i++) {
			uint32_t row = p->test[i];
			double truth = p->data.classes ? p->target[row] == (double)o : p->target[o * p->rows + row];

			sum += pow(prediction[o * tests + i] - truth, 2);
		}
	return p->data.classes ? sum / (double)tests : sqrt(sum / (double)(tests * p->width));
}

static void check_case(const struct reference_case *what)
{
	struct problem p = problem_read(what);
	json_t *params = params_of(what->params);
	struct engine_variant variant = {.params = params};
	double sum = 0, squares = 0, mean, deviation, error, off;

	json_object_set_new(params, "trees", json_integer(REFERENCE_TREES));
	for (uint64_t seed = 0; seed < REFERENCE_SEEDS; seed++) {
		struct answers seen = problem_run(&p, &variant, 1, &(struct engine_job){.seed = seed, .threads = 2});
		double one = score(&p, seen.prediction[0]);

		sum += one;
		squares += one * one;
		answers_free(&seen, 1);
	}
	mean = sum / REFERENCE_SEEDS;
	deviation = sqrt((squares - sum * mean) / (REFERENCE_SEEDS - 1));
	error = sqrt((deviation * deviation + what->deviation * what->deviation) / REFERENCE_SEEDS);
	off = (mean - what->mean) / error;
	print_message("%-24s %-6s %5.2f se: %.6g (sd %.3g), scikit-learn %.6g (sd %.3g) %s\n", what->data, what->targets, off, mean, deviation,
	              what->mean, what->deviation, what->params);
	if (!(fabs(off) < STANDARD_ERRORS))
		fail_msg("%s %s %s: %.6g, scikit-learn %.6g: %.1f standard errors apart", what->data, what->targets, what->params, mean,
		         what->mean, off);
	json_decref(params);
	problem_free(&p);
}

static void check_data(const char *name)
{
	size_t checked = 0;

	for (size_t i = 0; i < sizeof(reference_cases) / sizeof(*reference_cases); i++)
		if (strncmp(reference_cases[i].data, name, strlen(name)) == 0) {
			check_case(&reference_cases[i]);
			checked++;
		}
	assert_true(checked >= 5);
}

static void forest_reference__agrees_on_diabetes(void **state)
{
	(void)state;
	check_data("diabetes");
}

static void forest_reference__agrees_on_breast_cancer(void **state)
{
	(void)state;
	check_data("breast_cancer");
}

static void forest_reference__agrees_on_diamonds(void **state)
{
	(void)state;
	check_data("diamonds_sample");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forest_reference__agrees_on_diabetes),
		cmocka_unit_test(forest_reference__agrees_on_breast_cancer),
		cmocka_unit_test(forest_reference__agrees_on_diamonds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
