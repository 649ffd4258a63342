/* Forests without a feature, by repair of one growth, against forests grown without it: every bit must agree. */
#include "tests/numeric/forest_problem.h"

#define ROWS 170
#define FEATURES 9

/* Every feature left out alone, none, and two groups: in one job, against one job each. */
static void check(const struct problem *p, const char *text)
{
	static const uint32_t group[] = {0, 2, 6}, pair[] = {1, 8};
	struct engine_variant variants[FEATURES + 3] = {0};
	struct engine_job job = {.seed = 11};
	json_t *params = params_of(text);
	uint32_t alone[FEATURES];
	struct answers together;
	size_t different = 0;

	for (uint32_t v = 0; v < FEATURES + 3; v++)
		variants[v].params = params;
	for (uint32_t f = 0; f < FEATURES; f++) {
		alone[f] = f;
		variants[f + 1].left_out = &alone[f];
		variants[f + 1].left_out_count = 1;
	}
	variants[FEATURES + 1].left_out = group;
	variants[FEATURES + 1].left_out_count = 3;
	variants[FEATURES + 2].left_out = pair;
	variants[FEATURES + 2].left_out_count = 2;
	together = problem_run(p, variants, FEATURES + 3, &job);
	assert_int_equal(together.saved, FEATURES + 2);
	for (size_t v = 0; v < FEATURES + 3; v++) {
		struct answers naive = problem_run(p, &variants[v], 1, &job);

		if (memcmp(together.prediction[v], naive.prediction[0], naive.length * sizeof(double)) != 0)
			fail_msg("%s: variant %zu differs", text, v);
		different += memcmp(together.prediction[v], together.prediction[0], naive.length * sizeof(double)) != 0;
		answers_free(&naive, 1);
	}
	assert_true(different >= 2); /* leaving out did something */
	answers_free(&together, FEATURES + 3);
	json_decref(params);
}

/* Both kinds, several numbers of candidates and leaf sizes. */
static void check_all(const struct problem *p, const char *more)
{
	static const char *const kinds[] = {"random_forest", "extra_trees"};
	static const char *const features[] = {"\"all\"", "\"sqrt\"", "0.5", "0.01"};

	for (int kind = 0; kind < 2; kind++)
		for (int f = 0; f < 4; f++)
			for (int leaf = 1; leaf < 8; leaf += 4) {
				char *text = text_format("{\"kind\":\"%s\",\"trees\":5,\"max_features\":%s,\"min_samples_leaf\":%d%s}",
				                         kinds[kind], features[f], leaf, more);

				check(p, text);
				free(text);
			}
}

static void check_problem(enum engine_task task, unsigned outputs, unsigned classes, const char *more)
{
	struct problem p = problem_made(ROWS, FEATURES, task, outputs, classes);

	check_all(&p, more);
	problem_free(&p);
}

static void forest_lofo__equals_retraining_in_regression(void **state)
{
	(void)state;
	check_problem(ENGINE_REGRESSION, 1, 0, "");
}

static void forest_lofo__equals_retraining_with_several_outputs(void **state)
{
	(void)state;
	check_problem(ENGINE_REGRESSION, 3, 0, "");
}

static void forest_lofo__equals_retraining_with_two_classes(void **state)
{
	(void)state;
	check_problem(ENGINE_CLASSIFICATION, 1, 2, "");
	check_problem(ENGINE_CLASSIFICATION, 1, 2, ",\"criterion\":\"entropy\"");
}

static void forest_lofo__equals_retraining_with_many_classes(void **state)
{
	(void)state;
	check_problem(ENGINE_CLASSIFICATION, 1, 4, ",\"class_weight\":\"balanced\"");
}

static void forest_lofo__equals_retraining_with_weights_and_missing_values(void **state)
{
	struct problem p = problem_made(ROWS, FEATURES, ENGINE_REGRESSION, 1, 0);

	(void)state;
	problem_weigh(&p);
	problem_lose_values(&p);
	check_all(&p, "");
	problem_free(&p);
}

static void forest_lofo__equals_retraining_when_trees_are_cut_short(void **state)
{
	(void)state;
	check_problem(ENGINE_REGRESSION, 1, 0, ",\"max_depth\":3,\"min_samples_split\":20");
}

/* What all variants leave out is out of the base tree as well. */
static void forest_lofo__starts_from_what_all_leave_out(void **state)
{
	static const uint32_t sets[3][2] = {{0, 2}, {0, 5}, {0, 7}};
	struct problem p = problem_made(ROWS, FEATURES, ENGINE_REGRESSION, 1, 0);
	json_t *params = params_of("{\"trees\":4,\"max_features\":0.4}");
	struct engine_variant variants[3];
	struct engine_job job = {.seed = 2};
	struct answers together;

	(void)state;
	for (size_t v = 0; v < 3; v++)
		variants[v] = (struct engine_variant){.params = params, .left_out = sets[v], .left_out_count = 2};
	together = problem_run(&p, variants, 3, &job);
	for (size_t v = 0; v < 3; v++) {
		struct answers naive = problem_run(&p, &variants[v], 1, &job);

		assert_memory_equal(together.prediction[v], naive.prediction[0], naive.length * sizeof(double));
		answers_free(&naive, 1);
	}
	answers_free(&together, 3);
	json_decref(params);
	problem_free(&p);
}

/* A feature's identity is its id: the forest without it is the forest of data that never had it. */
static void forest_lofo__equals_data_without_the_column(void **state)
{
	struct problem p = problem_made(ROWS, FEATURES, ENGINE_REGRESSION, 1, 0), q;
	json_t *params = params_of("{\"trees\":4,\"max_features\":3}");
	const uint32_t left_out[] = {4};
	struct engine_variant without = {.params = params, .left_out = left_out, .left_out_count = 1}, plain = {.params = params};
	struct engine_job job = {.seed = 3};
	struct answers a, b;

	(void)state;
	a = problem_run(&p, &without, 1, &job);
	q = p;
	for (size_t f = 4; f + 1 < FEATURES; f++) {
		q.column_list[f] = q.column_list[f + 1];
		q.ids[f] = q.ids[f + 1];
	}
	q.data.feature_count--;
	b = problem_run(&q, &plain, 1, &job);
	assert_memory_equal(a.prediction[0], b.prediction[0], a.length * sizeof(double));
	answers_free(&a, 1);
	answers_free(&b, 1);
	json_decref(params);
	problem_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forest_lofo__equals_retraining_in_regression),
		cmocka_unit_test(forest_lofo__equals_retraining_with_several_outputs),
		cmocka_unit_test(forest_lofo__equals_retraining_with_two_classes),
		cmocka_unit_test(forest_lofo__equals_retraining_with_many_classes),
		cmocka_unit_test(forest_lofo__equals_retraining_with_weights_and_missing_values),
		cmocka_unit_test(forest_lofo__equals_retraining_when_trees_are_cut_short),
		cmocka_unit_test(forest_lofo__starts_from_what_all_leave_out),
		cmocka_unit_test(forest_lofo__equals_data_without_the_column),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
