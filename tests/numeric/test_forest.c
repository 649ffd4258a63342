/* The forest engine against its plain twin; free axes, threads, saved models, what it refuses. */
#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engines/model/forest_model.h"
#include "tests/numeric/forest_naive.h"

#define ROWS 160
#define FEATURES 9
#define TREES 3

/* --- the same forest as said plainly ------------------------------------------------------------------------------------ */

static void check_naive(const struct problem *p, struct naive n, const char *more)
{
	char *text = text_format("{\"kind\":\"%s\",\"trees\":%d,\"max_features\":%.17g,\"min_samples_leaf\":%zu,\"bootstrap\":%s%s}",
	                         n.extra ? "extra_trees" : "random_forest", TREES, (double)n.candidates / FEATURES, n.leaf,
	                         n.bootstrap ? "true" : "false", more);
	json_t *params = params_of(text);
	struct engine_variant variant = {.params = params};
	struct answers seen;

	n.p = p;
	n.seed = 5;
	n.split = 2;
	n.depth = SIZE_MAX;
	seen = problem_run(p, &variant, 1, &(struct engine_job){.seed = 5});
	for (size_t i = 0; i < p->fold.test_count; i += 3) {
		double expected[16];

		naive_forest(&n, TREES, i, expected);
		for (size_t o = 0; o < p->width; o++) {
			double found = seen.prediction[0][o * p->fold.test_count + i];

			if (fabs(found - expected[o]) > 1e-9 * fmax(1, fabs(expected[o])))
				fail_msg("%s: held-out row %zu, output %zu: %.17g, plainly %.17g", text, i, o, found, expected[o]);
		}
	}
	answers_free(&seen, 1);
	json_decref(params);
	free(text);
}

static void check_naive_all(const struct problem *p, struct naive n, const char *more)
{
	for (int extra = 0; extra < 2; extra++)
		for (size_t candidates = 1; candidates <= FEATURES; candidates += 4)
			for (size_t leaf = 1; leaf <= 5; leaf += 4) {
				n.extra = extra;
				n.bootstrap = candidates == 5 ? !extra : extra; /* each in both ways */
				n.candidates = candidates;
				n.leaf = leaf;
				check_naive(p, n, more);
			}
}

static void forest__equals_its_plain_twin_in_regression(void **state)
{
	struct problem p = problem_made(ROWS, FEATURES, ENGINE_REGRESSION, 1, 0);

	(void)state;
	check_naive_all(&p, (struct naive){0}, "");
	problem_free(&p);
}

static void forest__equals_its_plain_twin_with_several_outputs(void **state)
{
	struct problem p = problem_made(ROWS, FEATURES, ENGINE_REGRESSION, 3, 0);

	(void)state;
	check_naive_all(&p, (struct naive){0}, "");
	problem_free(&p);
}

static void forest__equals_its_plain_twin_with_classes(void **state)
{
	(void)state;
	for (unsigned classes = 2; classes < 5; classes += 2) {
		struct problem p = problem_made(ROWS, FEATURES, ENGINE_CLASSIFICATION, 1, classes);

		problem_weigh(&p); /* whole weights would make ties that rounding decides */
		check_naive_all(&p, (struct naive){0}, "");
		check_naive_all(&p, (struct naive){.entropy = true}, ",\"criterion\":\"entropy\"");
		problem_free(&p);
	}
}

static void forest__equals_its_plain_twin_with_balanced_classes(void **state)
{
	struct problem p = problem_made(ROWS, FEATURES, ENGINE_CLASSIFICATION, 1, 3);
	double weight[3] = {0}, total = 0;

	(void)state;
	problem_weigh(&p);
	for (size_t i = 0; i < p.fold.train_count; i++) {
		weight[(size_t)p.target[p.train[i]]] += p.weight[p.train[i]];
		total += p.weight[p.train[i]];
	}
	for (int c = 0; c < 3; c++)
		weight[c] = total / (3 * weight[c]);
	check_naive_all(&p, (struct naive){.class_weight = weight}, ",\"class_weight\":\"balanced\"");
	problem_free(&p);
}

static void forest__equals_its_plain_twin_with_weights_and_missing_values(void **state)
{
	struct problem p = problem_made(ROWS, FEATURES, ENGINE_REGRESSION, 1, 0);

	(void)state;
	problem_weigh(&p);
	problem_lose_values(&p);
	check_naive_all(&p, (struct naive){0}, "");
	problem_free(&p);
}

/* Ranks above 65535 take another path through everything that reads codes. */
static void forest__finds_the_one_cut_among_many_values(void **state)
{
	struct problem p = problem_new(100000, 2, ENGINE_REGRESSION, 1, 0);
	json_t *params = params_of("{\"trees\":1,\"bootstrap\":false,\"max_depth\":1}");
	struct engine_variant variant = {.params = params};
	struct answers seen;

	(void)state;
	for (size_t i = 0; i < p.rows; i++) {
		p.values[i] = problem_unit(1, 0, i);
		p.values[p.rows + i] = problem_unit(1, 1, i);
		p.target[i] = p.values[p.rows + i] > 0.7 ? 2.5 : -1;
	}
	seen = problem_run(&p, &variant, 1, &(struct engine_job){.seed = 1});
	for (size_t i = 0; i < p.fold.test_count; i++)
		if (fabs(p.values[p.rows + p.test[i]] - 0.7) > 1e-4)
			assert_true(seen.prediction[0][i] == p.target[p.test[i]]);
	answers_free(&seen, 1);
	json_decref(params);
	problem_free(&p);
}

/* --- free axes, threads, scores ------------------------------------------------------------------------------------------- */

static void forest__one_growth_answers_all_free_axes(void **state)
{
	static const char *const values[] = {"\"trees\":7", "\"trees\":3", "\"trees\":7,\"max_depth\":4", "\"trees\":5,\"max_depth\":1",
	                                     "\"trees\":7,\"min_samples_split\":17", "\"trees\":3,\"max_depth\":6,\"min_samples_split\":9",
	                                     "\"trees\":7,\"min_samples_split\":1000", "\"trees\":5,\"max_depth\":null"};
	enum { COUNT = sizeof(values) / sizeof(*values) };
	static const uint32_t left_out[] = {0};
	struct problem p = problem_made(ROWS, FEATURES, ENGINE_REGRESSION, 2, 0);
	struct engine_job job = {.seed = 8};
	struct engine_variant variants[2 * COUNT];
	struct answers together;

	(void)state;
	for (int v = 0; v < 2 * COUNT; v++) {
		char *text = text_format("{\"max_features\":0.5,\"min_samples_leaf\":2,%s}", values[v % COUNT]);

		variants[v] = (struct engine_variant){.params = params_of(text), .left_out = left_out, .left_out_count = v >= COUNT};
		free(text);
	}
	together = problem_run(&p, variants, 2 * COUNT, &job);
	assert_int_equal(together.saved, 2 * COUNT - 1);
	for (int v = 0; v < 2 * COUNT; v++) {
		struct answers alone = problem_run(&p, &variants[v], 1, &job);

		assert_memory_equal(together.prediction[v], alone.prediction[0], alone.length * sizeof(double));
		answers_free(&alone, 1);
		if (v % COUNT != 0 && v % COUNT != 6)
			assert_memory_not_equal(together.prediction[v], together.prediction[0], alone.length * sizeof(double));
	}
	answers_free(&together, 2 * COUNT);
	for (int v = 0; v < 2 * COUNT; v++)
		json_decref((json_t *)variants[v].params);
	problem_free(&p);
}

static void forest__threads_do_not_change_a_bit(void **state)
{
	struct problem p = problem_made(ROWS, FEATURES, ENGINE_REGRESSION, 1, 0);
	json_t *params = params_of("{\"trees\":23,\"max_features\":0.5}");
	static const uint32_t left_out[] = {1};
	struct engine_variant variants[2] = {{.params = params}, {.params = params, .left_out = left_out, .left_out_count = 1}};
	struct answers one = problem_run(&p, variants, 2, &(struct engine_job){.seed = 4, .threads = 1});

	(void)state;
	for (unsigned threads = 2; threads < 6; threads++) {
		struct answers many = problem_run(&p, variants, 2, &(struct engine_job){.seed = 4, .threads = threads});

		for (int v = 0; v < 2; v++)
			assert_memory_equal(one.prediction[v], many.prediction[v], one.length * sizeof(double));
		answers_free(&many, 2);
	}
	answers_free(&one, 2);
	json_decref(params);
	problem_free(&p);
}

static void forest__scores_only_gives_squared_errors(void **state)
{
	struct problem p = problem_made(ROWS, FEATURES, ENGINE_REGRESSION, 2, 0);
	json_t *params = params_of("{\"trees\":4}");
	struct engine_variant variant = {.params = params};
	struct answers full, scores;

	(void)state;
	problem_weigh(&p);
	full = problem_run(&p, &variant, 1, &(struct engine_job){.seed = 4});
	scores = problem_run(&p, &variant, 1, &(struct engine_job){.seed = 4, .scores_only = true});
	assert_null(scores.prediction[0]);
	double expected = 0;
	for (size_t i = 0; i < p.fold.test_count; i++)
		expected += p.weight[p.test[i]] * pow(full.prediction[0][i] - p.target[p.test[i]], 2);
	assert_true(fabs(scores.sse[0][0] - expected) <= 1e-12 * expected);
	answers_free(&full, 1);
	answers_free(&scores, 1);
	json_decref(params);
	problem_free(&p);
}

static void forest__shares_of_classes_add_up(void **state)
{
	(void)state;
	for (unsigned classes = 2; classes < 5; classes++) {
		struct problem p = problem_made(ROWS, FEATURES, ENGINE_CLASSIFICATION, 1, classes);
		json_t *params = params_of("{\"trees\":30}");
		struct engine_variant variant = {.params = params};
		struct answers seen = problem_run(&p, &variant, 1, &(struct engine_job){.seed = 4});
		size_t right = 0;

		for (size_t i = 0; i < p.fold.test_count; i++) {
			double sum = 0;
			size_t most = 0;

			for (size_t c = 0; c < classes; c++) {
				double share = seen.prediction[0][c * p.fold.test_count + i];

				assert_true(share >= 0 && share <= 1);
				sum += share;
				most = share > seen.prediction[0][most * p.fold.test_count + i] ? c : most;
			}
			assert_true(fabs(sum - 1) < 1e-12);
			right += (double)most == p.target[p.test[i]];
		}
		assert_true(right * classes > 1.3 * (double)p.fold.test_count);
		answers_free(&seen, 1);
		json_decref(params);
		problem_free(&p);
	}
}

/* --- missing values --------------------------------------------------------------------------------------------------------- */

static void forest__mean_and_median_stand_in_for_missing_values(void **state)
{
	struct problem p = problem_made(ROWS, FEATURES, ENGINE_REGRESSION, 1, 0), filled;
	json_t *params = params_of("{\"trees\":4}");
	struct engine_variant variant = {.params = params};

	(void)state;
	for (enum engine_missing how = ENGINE_MISSING_MEAN; how <= ENGINE_MISSING_MEDIAN; how++) {
		static const size_t lost[] = {1, 5};
		struct answers a, b;

		filled = problem_made(ROWS, FEATURES, ENGINE_REGRESSION, 1, 0);
		problem_lose_values(&p);
		problem_lose_values(&filled);
		p.data.missing = how;
		for (size_t k = 0; k < 2; k++) {
			double *x = filled.values + lost[k] * ROWS, sum = 0, stand_in, known[ROWS];
			size_t count = 0, below = 0;

			for (size_t i = 0; i < filled.fold.train_count; i++)
				if (!isnan(x[filled.train[i]]))
					sum += known[count++] = x[filled.train[i]];
			stand_in = sum / (double)count;
			for (size_t i = 0; i < count && how == ENGINE_MISSING_MEDIAN; i++) {
				double least_above = INFINITY;

				below = 0;
				for (size_t m = 0; m < count; m++) {
					below += known[m] <= known[i];
					if (known[m] > known[i])
						least_above = fmin(least_above, known[m]);
				}
				if (below == (count + 1) / 2)
					stand_in = count % 2 ? known[i] : (known[i] + least_above) / 2;
			}
			for (size_t i = 0; i < ROWS; i++)
				x[i] = isnan(x[i]) ? stand_in : x[i];
		}
		a = problem_run(&p, &variant, 1, &(struct engine_job){.seed = 4});
		b = problem_run(&filled, &variant, 1, &(struct engine_job){.seed = 4});
		assert_memory_equal(a.prediction[0], b.prediction[0], a.length * sizeof(double));
		answers_free(&a, 1);
		answers_free(&b, 1);
		problem_free(&filled);
	}
	json_decref(params);
	problem_free(&p);
}

/* --- saved models ------------------------------------------------------------------------------------------------------------- */

/* Not quite as it is saved (a space more), so that it is not read tree by tree: the same model. */
static void check_read_whole(const struct answers *seen, const double *values, size_t rows, double *out)
{
	char *text = text_format("%.*s ", (int)seen->model_length, (const char *)seen->model);
	struct forest_model *model = NULL;

	memset(out, 0, seen->length * sizeof(double));
	assert_int_equal(forest_model_read(text, strlen(text), "model.json", &model, NULL), 0);
	forest_model_predict(model, values, rows, out);
	assert_memory_equal(seen->prediction[0], out, seen->length * sizeof(double));
	forest_model_close(model);
	free(text);
}

static void check_model(struct problem *p, const char *text)
{
	static const uint32_t left_out[] = {2, 4};
	json_t *params = params_of(text);
	struct engine_variant variant = {.params = params, .left_out = left_out, .left_out_count = 2};
	struct answers seen = problem_run(p, &variant, 1, &(struct engine_job){.seed = 6, .want_model = true, .threads = 2});
	struct answers plain = problem_run(p, &variant, 1, &(struct engine_job){.seed = 6});
	double *values = mem_must(p->fold.test_count * FEATURES, sizeof(double));
	double *out = mem_must(seen.length, sizeof(double));
	const struct forest_model_feature *features;
	struct forest_model *model = NULL;
	struct orch_err err = {0};
	size_t count = 0;

	assert_memory_equal(seen.prediction[0], plain.prediction[0], seen.length * sizeof(double));
	if (forest_model_read(seen.model, seen.model_length, "model.json", &model, &err) != 0)
		fail_msg("%s", err.text);
	features = forest_model_features(model, &count);
	assert_int_equal(count, FEATURES - 2);
	assert_int_equal(forest_model_width(model), p->width);
	for (size_t f = 0; f < count; f++)
		for (size_t i = 0; i < p->fold.test_count; i++)
			values[i * count + f] = p->values[(size_t)atoi(features[f].name + 1) * p->rows + p->test[i]];
	forest_model_predict(model, values, p->fold.test_count, out);
	assert_memory_equal(seen.prediction[0], out, seen.length * sizeof(double));
	forest_model_close(model);
	check_read_whole(&seen, values, p->fold.test_count, out);
	free(values);
	free(out);
	answers_free(&seen, 1);
	answers_free(&plain, 1);
	json_decref(params);
}

static void forest__saved_models_predict_the_same_bits(void **state)
{
	static const unsigned shapes[][2] = {{1, 0}, {3, 0}, {1, 2}, {1, 4}};

	(void)state;
	for (size_t s = 0; s < 4; s++)
		for (int missing = 0; missing < 3; missing++) {
			struct problem p = problem_made(ROWS, FEATURES, shapes[s][1] ? ENGINE_CLASSIFICATION : ENGINE_REGRESSION,
			                                shapes[s][0], shapes[s][1]);

			if (missing)
				problem_lose_values(&p);
			p.data.missing = missing == 2 ? ENGINE_MISSING_MEDIAN : ENGINE_MISSING_KEEP;
			check_model(&p, "{\"trees\":5,\"max_depth\":6}");
			check_model(&p, "{\"kind\":\"extra_trees\",\"trees\":5,\"max_features\":0.5}");
			problem_free(&p);
		}
}

/* The final model has no held-out rows; categories keep their levels. */
static void forest__a_model_needs_no_held_out_rows(void **state)
{
	struct problem p = problem_made(ROWS, FEATURES, ENGINE_REGRESSION, 1, 0);
	static const char *const levels[] = {"Fair", "Good", "Very \"Good\"", "\"trees\":[{}]"};
	json_t *params = params_of("{\"trees\":2}");
	struct engine_variant variant = {.params = params};
	const struct forest_model_feature *features;
	struct forest_model *model = NULL;
	struct answers seen;
	size_t count;

	(void)state;
	p.fold.test_count = 0;
	p.columns[3].kind = COLUMN_CATEGORY;
	p.columns[3].ordered = true;
	p.columns[3].levels = levels;
	p.columns[3].level_count = 4;
	seen = problem_run(&p, &variant, 1, &(struct engine_job){.seed = 6, .want_model = true});
	assert_int_equal(forest_model_read(seen.model, seen.model_length, "model.json", &model, NULL), 0);
	features = forest_model_features(model, &count);
	assert_string_equal(features[3].name, "f3");
	assert_int_equal(features[3].level_count, 4);
	assert_string_equal(features[3].levels[2], "Very \"Good\"");
	assert_string_equal(features[3].levels[3], levels[3]);
	assert_null(features[2].levels);
	forest_model_close(model);
	answers_free(&seen, 1);
	json_decref(params);
	problem_free(&p);
}

static void forest__models_that_do_not_hold_together_are_refused(void **state)
{
	static const char *const trees[] = {
		"{\"feature\":[0,-1,-1],\"threshold\":[1],\"missing_left\":[0],\"right\":[1],\"value\":[1,2]}",
		"{\"feature\":[0,-1,-1],\"threshold\":[1],\"missing_left\":[0],\"right\":[3],\"value\":[1,2]}",
		"{\"feature\":[1,-1,-1],\"threshold\":[1],\"missing_left\":[0],\"right\":[2],\"value\":[1,2]}",
		"{\"feature\":[0,-1,-1],\"threshold\":[],\"missing_left\":[0],\"right\":[2],\"value\":[1,2]}",
		"{\"feature\":[0,-1,-1],\"threshold\":[1],\"missing_left\":[0],\"right\":[2],\"value\":[1]}",
		"{\"feature\":[0,-1],\"threshold\":[1],\"missing_left\":[0],\"right\":[2],\"value\":[1]}",
		"{\"feature\":[-1,0],\"threshold\":[1],\"missing_left\":[0],\"right\":[2],\"value\":[1]}",
		"{\"feature\":[]}",
		"3",
	};
	static const char head[] = "{\"format\":\"orch forest 1\",\"task\":\"regression\",\"outputs\":1,\"classes\":0,"
				   "\"features\":[{\"name\":\"a\",\"id\":0,\"kind\":\"number\",\"fill\":null}],\"trees\":[";
	static const char sound[] = "{\"feature\":[0,-1,-1],\"threshold\":[1],\"missing_left\":[0],\"right\":[2],\"value\":[1,2]}";
	struct forest_model *model = NULL;

	(void)state;
	for (size_t t = 0; t < 2 * sizeof(trees) / sizeof(*trees); t++) { /* with a newline they are read tree by tree */
		char *text = text_format("%s%s,%s]}%s", head, sound, trees[t / 2], t % 2 ? "\n" : "");
		struct orch_err err = {0};

		assert_int_equal(forest_model_read(text, strlen(text), "model.json", &model, &err), ORCH_EDAMAGED);
		assert_string_equal(err.text, "model.json: this is no forest that orch saved, or it was changed since");
		assert_null(model);
		free(text);
	}
	char *text = text_format("%s%s]}", head, sound);
	double values[] = {0.5, 1, 1.5, NAN}, out[4];
	assert_int_equal(forest_model_read(text, strlen(text), "model.json", &model, NULL), 0);
	forest_model_predict(model, values, 4, out);
	assert_true(out[0] == 1 && out[1] == 1 && out[2] == 2 && out[3] == 2);
	forest_model_close(model);
	free(text);
}

/* --- what cannot be done --------------------------------------------------------------------------------------------------------- */

static void check_refused(struct problem *p, const char *text, const char *expected)
{
	json_t *params = params_of(text), *fine = params_of("{\"trees\":2}");
	struct engine_variant variants[] = {{.params = params}, {.params = fine}};
	struct answers seen = problem_run(p, variants, 2, &(struct engine_job){.seed = 1});

	assert_int_equal(seen.code[0], ORCH_EFIT);
	assert_string_equal(seen.text[0], expected);
	assert_null(seen.prediction[0]);
	assert_int_equal(seen.code[1], 0); /* the others go on */
	assert_non_null(seen.prediction[1]);
	answers_free(&seen, 2);
	json_decref(params);
	json_decref(fine);
}

static void forest__says_why_a_fit_cannot_be_done(void **state)
{
	struct problem p = problem_made(ROWS, FEATURES, ENGINE_REGRESSION, 1, 0);
	struct problem q = problem_made(ROWS, FEATURES, ENGINE_CLASSIFICATION, 1, 2);

	(void)state;
	check_refused(&p, "{\"trees\":2,\"criterion\":\"gini\"}",
	              "criterion gini and entropy are for classification; regression takes squared_error");
	check_refused(&q, "{\"trees\":2,\"criterion\":\"squared_error\"}",
	              "criterion squared_error is for regression; classes take gini or entropy");
	check_refused(&p, "{\"trees\":2,\"max_features\":2.5}", "max_features must be a fraction up to 1 or a whole number above 1");
	problem_free(&p);
	problem_free(&q);
}

static void forest__refuses_rows_without_weight(void **state)
{
	struct problem p = problem_made(ROWS, FEATURES, ENGINE_REGRESSION, 1, 0);
	json_t *params = params_of("{\"trees\":2}");
	struct engine_variant variant = {.params = params};
	struct answers seen;

	(void)state;
	p.data.weight = p.weight = mem_must(ROWS, sizeof(double));
	seen = problem_run(&p, &variant, 1, &(struct engine_job){.seed = 1});
	assert_int_equal(seen.code[0], ORCH_EFIT);
	assert_string_equal(seen.text[0], "no training row has a positive weight");
	answers_free(&seen, 1);
	json_decref(params);
	problem_free(&p);
}

static int stop_after_one(void *context, const struct engine_answer *answer, struct orch_err *err)
{
	(void)answer;
	++*(int *)context;
	return orch_fail(err, ORCH_ESTOPPED, "asked to stop");
}

static void forest__stops_when_the_answer_is_refused(void **state)
{
	struct problem p = problem_made(ROWS, FEATURES, ENGINE_REGRESSION, 1, 0);
	json_t *params = params_of("{\"trees\":2}"), *more = params_of("{\"trees\":9}");
	struct engine_variant variants[] = {{.params = params}, {.params = more}};
	int answers = 0;
	struct engine_job job = {.data = &p.data, .folds = &p.fold, .fold_count = 1, .variants = variants, .variant_count = 2,
	                         .threads = 1, .answer = stop_after_one, .context = &answers};
	struct orch_err err = {0};

	(void)state;
	assert_int_equal(engine_find("forest")->run(&job, &err), ORCH_ESTOPPED);
	assert_int_equal(answers, 1);
	json_decref(params);
	json_decref(more);
	problem_free(&p);
}

/* One row, one value, no features: a forest of single leaves. */
static void forest__degenerate_data_gives_the_mean(void **state)
{
	struct problem p = problem_made(ROWS, FEATURES, ENGINE_REGRESSION, 1, 0);
	json_t *params = params_of("{\"trees\":50}");
	struct engine_variant variant = {.params = params};
	struct answers seen;

	(void)state;
	p.fold.train_count = 1;
	seen = problem_run(&p, &variant, 1, &(struct engine_job){.seed = 1});
	for (size_t i = 0; i < p.fold.test_count; i++)
		assert_true(fabs(seen.prediction[0][i] - p.target[p.train[0]]) < 1e-9);
	answers_free(&seen, 1);
	p.fold.train_count = 100;
	p.data.feature_count = 0;
	seen = problem_run(&p, &variant, 1, &(struct engine_job){.seed = 1});
	assert_true(seen.prediction[0][0] == seen.prediction[0][1]);
	answers_free(&seen, 1);
	json_decref(params);
	problem_free(&p);
}

/* --- memory ---------------------------------------------------------------------------------------------------------------------- */

/* A line of /proc/self/status in bytes. */
static uint64_t process_status(const char *name)
{
	FILE *file = fopen("/proc/self/status", "r");
	unsigned long long kib = 0;
	char line[200];

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0)
			sscanf(line + strlen(name), ": %llu", &kib);
	if (file)
		fclose(file);
	return kib * 1024;
}

static int forget_answer(void *context, const struct engine_answer *answer, struct orch_err *err)
{
	(void)context;
	(void)err;
	return answer->code;
}

/* In a process of its own, whose peak is then that of the job. Exit status 1: above the estimate, 2: below an eighth of it. */
static void check_memory(enum engine_task task, unsigned outputs, unsigned classes, size_t variants, bool want_model, const char *text)
{
	struct problem p = problem_made(20000, 30, task, outputs, classes);
	json_t *params = params_of(text);
	struct engine_variant *list = mem_must(variants, sizeof(*list));
	struct engine_job job = {.data = &p.data, .folds = &p.fold, .fold_count = 1, .variants = list, .variant_count = variants,
	                         .threads = 2, .want_model = want_model, .answer = forget_answer};
	struct engine_size size = {.rows = p.rows, .features = p.features, .columns = p.features, .outputs = outputs, .classes = classes,
	                           .folds = 5, .variants = variants, .threads = 2, .with_model = want_model};
	uint64_t estimate = engine_find("forest")->memory(&size, params);
	uint32_t features[30];
	int status = 0;

	for (uint32_t v = 0; v < variants; v++) {
		features[v] = v;
		list[v] = (struct engine_variant){.params = params, .left_out = &features[v], .left_out_count = v > 0};
	}
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		uint64_t before = process_status("VmRSS");
		int code = engine_find("forest")->run(&job, NULL);
		uint64_t used = process_status("VmHWM") - before;

		fprintf(stderr, "%s: %.1f MiB, estimated %.1f MiB\n", text, (double)used / 0x1p20, (double)estimate / 0x1p20);
		_exit(code != 0 ? 3 : used > estimate ? 1 : used < estimate / 8 ? 2 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	free(list);
	json_decref(params);
	problem_free(&p);
}

static void forest__takes_no_more_memory_than_it_says(void **state)
{
	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip(); /* their bookkeeping is not ours */
#endif
	check_memory(ENGINE_REGRESSION, 1, 0, 1, false, "{\"trees\":4,\"max_features\":4,\"min_samples_leaf\":5}");
	check_memory(ENGINE_REGRESSION, 3, 0, 30, false, "{\"trees\":4,\"max_features\":4,\"min_samples_leaf\":20}");
	check_memory(ENGINE_CLASSIFICATION, 1, 5, 8, false, "{\"trees\":4,\"max_features\":4,\"min_samples_leaf\":5}");
	check_memory(ENGINE_REGRESSION, 1, 0, 1, true, "{\"trees\":30,\"max_features\":4,\"kind\":\"extra_trees\"}");
	check_memory(ENGINE_CLASSIFICATION, 1, 5, 1, true, "{\"trees\":30,\"max_features\":4,\"min_samples_leaf\":2}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forest__equals_its_plain_twin_in_regression),
		cmocka_unit_test(forest__equals_its_plain_twin_with_several_outputs),
		cmocka_unit_test(forest__equals_its_plain_twin_with_classes),
		cmocka_unit_test(forest__equals_its_plain_twin_with_balanced_classes),
		cmocka_unit_test(forest__equals_its_plain_twin_with_weights_and_missing_values),
		cmocka_unit_test(forest__finds_the_one_cut_among_many_values),
		cmocka_unit_test(forest__one_growth_answers_all_free_axes),
		cmocka_unit_test(forest__threads_do_not_change_a_bit),
		cmocka_unit_test(forest__scores_only_gives_squared_errors),
		cmocka_unit_test(forest__shares_of_classes_add_up),
		cmocka_unit_test(forest__mean_and_median_stand_in_for_missing_values),
		cmocka_unit_test(forest__saved_models_predict_the_same_bits),
		cmocka_unit_test(forest__a_model_needs_no_held_out_rows),
		cmocka_unit_test(forest__models_that_do_not_hold_together_are_refused),
		cmocka_unit_test(forest__says_why_a_fit_cannot_be_done),
		cmocka_unit_test(forest__refuses_rows_without_weight),
		cmocka_unit_test(forest__stops_when_the_answer_is_refused),
		cmocka_unit_test(forest__degenerate_data_gives_the_mean),
		cmocka_unit_test(forest__takes_no_more_memory_than_it_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
