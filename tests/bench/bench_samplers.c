/* How far samplers get on ten standard functions and on what models scored on three real data sets (samplers_tables.json).
 *     build/tests/bench/bench_samplers                         medians over 20 seeds
 *     build/tests/bench/bench_samplers run SAMPLER FUNCTION TRIALS SEEDS
 *     build/tests/bench/bench_samplers serve FUNCTION          the space, then a value for every line of parameters: for peers
 * tests/bench/bench_samplers.py runs Optuna on the same functions and compares (make bench BENCH=samplers). Domains are shifted where the usual one has the
 * optimum in its middle, which some samplers try first. */
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "engines/address.h"
#include "tests/unit/search_world.h"

#define PI 3.14159265358979323846

static double x_of(const json_t *params, unsigned i)
{
	char name[8];

	snprintf(name, sizeof(name), "x%u", i);
	return json_number_value(json_object_get(params, name));
}

static double branin(const json_t *p)
{
	double x = x_of(p, 0), y = x_of(p, 1), t = y - 5.1 / (4 * PI * PI) * x * x + 5 / PI * x - 6;

	return t * t + 10 * (1 - 1 / (8 * PI)) * cos(x) + 10;
}

static double hartmann(const json_t *p, unsigned axes, const double *a, const double *centre)
{
	static const double alpha[4] = {1, 1.2, 3, 3.2};
	double sum = 0;

	for (unsigned k = 0; k < 4; k++) {
		double inner = 0;

		for (unsigned i = 0; i < axes; i++)
			inner += a[k * axes + i] * pow(x_of(p, i) - centre[k * axes + i], 2);
		sum -= alpha[k] * exp(-inner);
	}
	return sum;
}

static double hartmann3(const json_t *p)
{
	static const double a[12] = {3, 10, 30, 0.1, 10, 35, 3, 10, 30, 0.1, 10, 35};
	static const double c[12] = {0.3689, 0.1170, 0.2673, 0.4699, 0.4387, 0.7470, 0.1091, 0.8732, 0.5547, 0.0381, 0.5743, 0.8828};

	return hartmann(p, 3, a, c);
}

static double hartmann6(const json_t *p)
{
	static const double a[24] = {10, 3, 17, 3.5, 1.7, 8, 0.05, 10, 17, 0.1, 8, 14, 3, 3.5, 1.7, 10, 17, 8, 17, 8, 0.05, 10, 0.1, 14};
	static const double c[24] = {0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886, 0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991,
	                             0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650, 0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381};

	return hartmann(p, 6, a, c);
}

static double ackley5(const json_t *p)
{
	double squares = 0, waves = 0;

	for (unsigned i = 0; i < 5; i++) {
		squares += x_of(p, i) * x_of(p, i) / 5;
		waves += cos(2 * PI * x_of(p, i)) / 5;
	}
	return 20 + exp(1) - 20 * exp(-0.2 * sqrt(squares)) - exp(waves);
}

static double rosenbrock4(const json_t *p)
{
	double sum = 0;

	for (unsigned i = 0; i < 3; i++)
		sum += 100 * pow(x_of(p, i + 1) - x_of(p, i) * x_of(p, i), 2) + pow(1 - x_of(p, i), 2);
	return sum;
}

static double levy5(const json_t *p)
{
	double w[5], sum;

	for (unsigned i = 0; i < 5; i++)
		w[i] = 1 + (x_of(p, i) - 1) / 4;
	sum = pow(sin(PI * w[0]), 2) + pow(w[4] - 1, 2) * (1 + pow(sin(2 * PI * w[4]), 2));
	for (unsigned i = 0; i < 4; i++)
		sum += pow(w[i] - 1, 2) * (1 + 10 * pow(sin(PI * w[i] + 1), 2));
	return sum;
}

static double griewank5(const json_t *p)
{
	double sum = 0, product = 1;

	for (unsigned i = 0; i < 5; i++) {
		sum += x_of(p, i) * x_of(p, i) / 4000;
		product *= cos(x_of(p, i) / sqrt(i + 1));
	}
	return sum - product + 1;
}

static double rastrigin4(const json_t *p)
{
	double sum = 40;

	for (unsigned i = 0; i < 4; i++)
		sum += x_of(p, i) * x_of(p, i) - 10 * cos(2 * PI * x_of(p, i));
	return sum;
}

static double styblinski_tang4(const json_t *p)
{
	double sum = 4 * 39.16616570377142;

	for (unsigned i = 0; i < 4; i++)
		sum += 0.5 * (pow(x_of(p, i), 4) - 16 * pow(x_of(p, i), 2) + 5 * x_of(p, i));
	return sum;
}

static double number(const json_t *params, const char *name)
{
	return json_number_value(json_object_get(params, name));
}

/* Like a choice of models: each kind has parameters of its own, one of them logarithmic or a list with null. */
static double mixed(const json_t *p)
{
	const char *kind = json_string_value(json_object_get(p, "kind"));
	double depth, shared = pow(log10(number(p, "scale")) + 2, 2) * 0.05;

	if (strcmp(kind, "linear") == 0)
		return 1 + shared + 0.1 * pow(log10(number(p, "alpha")) - 1, 2);
	if (strcmp(kind, "forest") == 0) {
		depth = json_is_null(json_object_get(p, "depth")) ? 40 : number(p, "depth");
		return 0.4 + shared + 5 / depth + 0.05 * fabs(log(number(p, "leaf") / 3)) + pow(number(p, "share") - 0.35, 2);
	}
	depth = number(p, "levels");
	return shared + 0.15 * pow(log10(number(p, "rate")) + 1.3 + 0.05 * depth, 2) + 0.02 * pow(depth - 5, 2) + 0.5 * pow(number(p, "rows") - 0.7, 2);
}

#define MIXED                                                                                                                                  \
	"{\"kind\":[\"linear\",\"forest\",\"boosted\"],\"scale\":{\"float\":[0.00001,10],\"log\":true},"                                      \
	"\"alpha\":{\"float\":[0.0001,10000],\"log\":true,\"when\":{\"kind\":\"linear\"}},"                                                   \
	"\"depth\":{\"list\":[4,8,16,null],\"when\":{\"kind\":\"forest\"}},"                                                                  \
	"\"leaf\":{\"int\":[1,50],\"log\":true,\"when\":{\"kind\":\"forest\"}},"                                                              \
	"\"share\":{\"float\":[0.1,1],\"when\":{\"kind\":\"forest\"}},"                                                                       \
	"\"rate\":{\"float\":[0.001,1],\"log\":true,\"when\":{\"kind\":\"boosted\"}},"                                                        \
	"\"levels\":{\"int\":[1,15],\"when\":{\"kind\":\"boosted\"}},"                                                                        \
	"\"rows\":{\"float\":[0.3,1],\"step\":0.05,\"when\":{\"kind\":\"boosted\"}}}"

/* --- models on real data --- */

#define TABLE_AXES 8
#define TABLE_POINTS 16

/* Scores of a grid of configurations, linear between its points (in the logarithm where the axis is): the least is at one of them. */
struct table {
	size_t axes;
	struct table_axis {
		const char *name;
		const json_t *list; /* NULL: a range */
		bool log;
		size_t count, stride;
		double grid[TABLE_POINTS];
	} axis[TABLE_AXES];
	double *scores, least;
	const json_t *root;
};

/* Ends the program unless the table is as samplers_tables.py writes it. */
static void table_read(const char *name, struct table *table)
{
	const char *path = getenv("BENCH_SAMPLERS_TABLES") ? getenv("BENCH_SAMPLERS_TABLES") : "tests/bench/samplers_tables.json";
	const json_t *axes, *scores;
	size_t count = 1;

	*table = (struct table){.root = json_object_get(json_load_file(path, 0, NULL), name), .least = INFINITY};
	axes = json_object_get(table->root, "axes");
	scores = json_object_get(table->root, "scores");
	table->axes = json_array_size(axes);
	for (size_t a = table->axes <= TABLE_AXES ? table->axes : 0; a-- > 0;) {
		const json_t *from = json_array_get(axes, a), *grid = json_object_get(from, "grid");
		struct table_axis *axis = &table->axis[a];

		*axis = (struct table_axis){.name = json_string_value(json_object_get(from, "name")), .list = json_object_get(from, "list"),
		                            .log = json_is_true(json_object_get(from, "log")), .stride = count};
		axis->count = json_array_size(axis->list ? axis->list : grid);
		for (size_t i = 0; i < axis->count && i < TABLE_POINTS && grid; i++)
			axis->grid[i] = json_number_value(json_array_get(grid, i));
		count *= axis->count;
	}
	if (table->axes == 0 || json_array_size(scores) != count) {
		fprintf(stderr, "%s: no table of %s; run this in the root of the repository\n", path, name);
		exit(2);
	}
	table->scores = calloc(count, sizeof(double));
	for (size_t i = 0; i < count; i++) {
		table->scores[i] = json_number_value(json_array_get(scores, i));
		table->least = fmin(table->least, table->scores[i]);
	}
}

static double table_value(const struct table *table, const json_t *params, size_t a, size_t offset)
{
	const struct table_axis *axis = &table->axis[a];
	const json_t *value = json_object_get(params, axis->name);
	double at = json_number_value(value), part;
	size_t i = 0;

	if (a == table->axes)
		return table->scores[offset];
	if (axis->list) {
		while (i + 1 < axis->count && !json_equal(value, json_array_get(axis->list, i)))
			i++;
		return table_value(table, params, a + 1, offset + i * axis->stride);
	}
	while (i + 2 < axis->count && at >= axis->grid[i + 1])
		i++;
	part = axis->log ? log(at / axis->grid[i]) / log(axis->grid[i + 1] / axis->grid[i]) : (at - axis->grid[i]) / (axis->grid[i + 1] - axis->grid[i]);
	return (1 - part) * table_value(table, params, a + 1, offset + i * axis->stride) +
	       part * table_value(table, params, a + 1, offset + (i + 1) * axis->stride);
}

static void table_space(const struct table *table, char *text, size_t room)
{
	json_t *space = json_object();
	char *written;

	for (size_t a = 0; a < table->axes; a++) {
		const struct table_axis *axis = &table->axis[a];
		const json_t *from = json_array_get(json_object_get(table->root, "axes"), a);
		const char *kind = json_string_value(json_object_get(from, "kind"));

		if (axis->list)
			json_object_set_new(space, axis->name, json_deep_copy(axis->list));
		else if (strcmp(kind, "int") == 0)
			json_object_set_new(space, axis->name, json_pack("{s:[i,i], s:b}", kind, (int)axis->grid[0], (int)axis->grid[axis->count - 1], "log", axis->log));
		else
			json_object_set_new(space, axis->name, json_pack("{s:[f,f], s:b}", kind, axis->grid[0], axis->grid[axis->count - 1], "log", axis->log));
	}
	written = json_dumps(space, JSON_COMPACT);
	snprintf(text, room, "%s", written);
	free(written);
	json_decref(space);
}

/* --- all of them --- */

static const struct bench_function {
	const char *name;
	unsigned axes; /* all of one range; 0: as the space says */
	double low, high;
	const char *space;
	double least;
	double (*value)(const json_t *params); /* NULL: a table of that name */
} bench_functions[] = {
	{"branin", 0, 0, 0, "{\"x0\":{\"float\":[-5,10]},\"x1\":{\"float\":[0,15]}}", 0.39788735772973816, branin},
	{"hartmann3", 3, 0, 1, NULL, -3.8627797869493365, hartmann3},
	{"hartmann6", 6, 0, 1, NULL, -3.3223680114155147, hartmann6},
	{"ackley5", 5, -15, 30, NULL, 0, ackley5},
	{"rosenbrock4", 4, -5, 10, NULL, 0, rosenbrock4},
	{"levy5", 5, -10, 10, NULL, 0, levy5},
	{"griewank5", 5, -300, 600, NULL, 0, griewank5},
	{"rastrigin4", 4, -4.5, 6, NULL, 0, rastrigin4},
	{"styblinski_tang4", 4, -5, 5, NULL, 0, styblinski_tang4},
	{"mixed", 0, 0, 0, MIXED, 0, mixed},
	{.name = "breast_cancer"},
	{.name = "diabetes"},
	{.name = "diamonds"},
};
#define FUNCTIONS (sizeof(bench_functions) / sizeof(bench_functions[0]))

/* The table of a function, read once; NULL: it needs none. */
static const struct table *table_of(const struct bench_function *function)
{
	static struct table tables[FUNCTIONS];
	struct table *table = &tables[function - bench_functions];

	if (function->value)
		return NULL;
	if (!table->scores)
		table_read(function->name, table);
	return table;
}

/* Above the least. */
static double value_of(const struct bench_function *function, const json_t *params)
{
	const struct table *table = table_of(function);

	return table ? table_value(table, params, 0, 0) - table->least : function->value(params) - function->least;
}

static void space_text(const struct bench_function *function, char *text, size_t room)
{
	size_t used;

	if (table_of(function)) {
		table_space(table_of(function), text, room);
		return;
	}
	used = (size_t)snprintf(text, room, "%s", function->space ? function->space : "{");
	for (unsigned a = 0; a < function->axes; a++)
		used += (size_t)snprintf(text + used, room - used, "%s\"x%u\":{\"float\":[%g,%g]}", a ? "," : "", a, function->low, function->high);
	if (!function->space)
		snprintf(text + used, room - used, "}");
}

/* --- our samplers --- */

struct bench_run {
	const struct bench_function *function;
	double *scores;
};

static int bench_score(void *context, uint64_t trial, double *out, struct orch_err *err)
{
	(void)err;
	*out = ((struct bench_run *)context)->scores[trial];
	return 0;
}

/* The best value that a seed's trials meet. */
static double run_seed(const struct sampler *sampler, const struct bench_function *function, uint64_t trials, uint64_t seed)
{
	struct bench_run run = {function, calloc(trials, sizeof(double))};
	struct world w;
	struct sampler_request request;
	double best = INFINITY;
	char text[2048];
	void *search;

	space_text(function, text, sizeof(text));
	world_make(&w, text, NULL);
	request = request_of(&w);
	request.seed = seed;
	request.score = bench_score;
	request.context = &run;
	request.generation = getenv("GENERATION") ? strtoull(getenv("GENERATION"), NULL, 10) : 0; /* to try other sizes */
	search = must_open(sampler, &request);
	for (uint64_t t = 0; t < trials; t++) {
		struct orch_err err = {0};
		json_t *params = NULL;

		if (sampler->propose(search, t, &params, &err) != 0) {
			fprintf(stderr, "%s\n", err.text);
			exit(1);
		}
		run.scores[t] = value_of(function, params);
		best = fmin(best, run.scores[t]);
		json_decref(params);
	}
	sampler->close(search);
	world_release(&w);
	free(run.scores);
	return best;
}

static int compare_doubles(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Prints one line of JSON: the median, the time for a trial, and each seed's value. */
static void run(const struct sampler *sampler, const struct bench_function *function, uint64_t trials, unsigned seeds)
{
	double *best = calloc(seeds, sizeof(*best)), start = seconds(), spent;

	for (unsigned s = 0; s < seeds; s++)
		best[s] = run_seed(sampler, function, trials, s + 1);
	spent = (seconds() - start) / (double)(seeds * trials);
	qsort(best, seeds, sizeof(*best), compare_doubles);
	printf("{\"sampler\": \"%s\", \"function\": \"%s\", \"trials\": %d, \"median\": %.6g, \"ms\": %.3f, \"seeds\": [", sampler->name,
	       function->name, (int)trials, 0.5 * (best[(seeds - 1) / 2] + best[seeds / 2]), 1e3 * spent);
	for (unsigned s = 0; s < seeds; s++)
		printf("%s%.6g", s ? ", " : "", best[s]);
	puts("]}");
	fflush(stdout);
	free(best);
}

/* --- for peers --- */

static int serve(const struct bench_function *function)
{
	char text[4096];

	space_text(function, text, sizeof(text));
	puts(text);
	fflush(stdout);
	while (fgets(text, sizeof(text), stdin)) {
		json_t *params = json_loads(text, 0, NULL);

		printf("%.17g\n", value_of(function, params));
		fflush(stdout);
		json_decref(params);
	}
	return 0;
}

static const struct bench_function *find_function(const char *name)
{
	for (size_t f = 0; f < FUNCTIONS; f++)
		if (strcmp(bench_functions[f].name, name) == 0)
			return &bench_functions[f];
	fprintf(stderr, "no function %s\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *sampler;
		uint64_t trials;
	} all[] = {{"random", 100}, {"sobol", 100}, {"tpe", 100}, {"gp", 60}};

	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		return serve(find_function(argv[2]));
	if (argc == 6 && strcmp(argv[1], "run") == 0 && sampler_find(argv[2])) {
		run(sampler_find(argv[2]), find_function(argv[3]), strtoull(argv[4], NULL, 10), (unsigned)strtoul(argv[5], NULL, 10));
		return 0;
	}
	if (argc > 1) {
		fprintf(stderr, "usage: bench_samplers [run SAMPLER FUNCTION TRIALS SEEDS | serve FUNCTION]\n");
		return 2;
	}
	for (size_t s = 0; s < sizeof(all) / sizeof(all[0]); s++)
		for (size_t f = 0; f < FUNCTIONS && sampler_find(all[s].sampler); f++)
			run(sampler_find(all[s].sampler), &bench_functions[f], all[s].trials, 20);
	return 0;
}
