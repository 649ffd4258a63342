/* Early stopping of the XGBoost engine: against a rule applied from outside, to trainings by the library itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "engines/model/engine.h"

#define ROWS 700
#define TRAIN 560
#define TEST (ROWS - TRAIN)
#define FEATURES 6
#define VARIANTS 8
#define SEED 5

extern const struct engine engine_xgboost;

struct seen {
	int code;
	char text[400];
	double prediction[3 * TEST];
	char *model;
	uint64_t saved;
};
struct problem {
	double number[FEATURES][ROWS], target[2 * ROWS], weight[ROWS];
	struct column columns[FEATURES];
	const struct column *features[FEATURES];
	uint32_t rows[ROWS], ids[FEATURES], left_out;
	struct engine_data data;
	struct engine_fold fold;
	struct engine_variant variants[VARIANTS];
	struct engine_job job;
	struct seen seen[VARIANTS];
	size_t width;
};

static double unit(uint32_t row, uint32_t column)
{
	return (double)(address_hash(address_text(column, "test"), row) >> 11) * 0x1p-53;
}

static int keep_answer(void *context, const struct engine_answer *answer, struct orch_err *err)
{
	struct problem *p = context;
	struct seen *seen = &p->seen[answer->variant];

	(void)err;
	seen->code = answer->code;
	seen->saved = answer->fits_saved;
	snprintf(seen->text, sizeof(seen->text), "%s", answer->text ? answer->text : "");
	if (answer->prediction)
		memcpy(seen->prediction, answer->prediction, p->width * p->fold.test_count * sizeof(double));
	free(seen->model);
	seen->model = answer->model ? strndup(answer->model, answer->model_length) : NULL;
	return 0;
}

/* A weak signal under much noise: too many trees do harm. */
static struct problem *problem_make(unsigned classes)
{
	struct problem *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	for (uint32_t f = 0; f < FEATURES; f++) {
		p->ids[f] = f;
		p->features[f] = &p->columns[f];
		p->columns[f] = (struct column){.name = "x", .kind = COLUMN_NUMBER, .type = COLUMN_FLOAT64, .values = p->number[f]};
		for (uint32_t i = 0; i < ROWS; i++)
			p->number[f][i] = unit(i, f);
	}
	for (uint32_t i = 0; i < ROWS; i++) {
		double value = p->number[0][i] + 0.5 * p->number[1][i] + 1.5 * unit(i, 70);

		p->rows[i] = i;
		p->weight[i] = i % 7 == 0 ? 0 : 1 + i % 3;
		p->target[i] = classes ? fmin(classes - 1, floor(value / 3 * classes)) : value;
		p->target[ROWS + i] = -value;
	}
	p->data = (struct engine_data){.rows = ROWS, .feature_count = FEATURES, .features = p->features, .feature_ids = p->ids,
	        .task = classes ? ENGINE_CLASSIFICATION : ENGINE_REGRESSION, .outputs = 1, .classes = classes, .target = p->target};
	p->fold = (struct engine_fold){.train = p->rows, .test = p->rows + TRAIN, .train_count = TRAIN, .test_count = TEST};
	p->job = (struct engine_job){.data = &p->data, .folds = &p->fold, .fold_count = 1, .variants = p->variants, .seed = SEED,
	        .threads = 1, .answer = keep_answer, .context = p};
	p->width = classes ? classes : 1;
	return p;
}

static void problem_vary(struct problem *p, const char *params, int left_out)
{
	struct engine_variant *variant = &p->variants[p->job.variant_count++];

	*variant = (struct engine_variant){.params = json_loads(params, 0, NULL), .left_out = &p->left_out, .left_out_count = left_out >= 0};
	assert_non_null(variant->params);
	p->left_out = left_out >= 0 ? (uint32_t)left_out : 0;
}

static void problem_run(struct problem *p)
{
	struct orch_err err = {0};

	if (engine_xgboost.run(&p->job, &err) != 0)
		fail_msg("%s", err.text);
}

static void problem_release(struct problem *p)
{
	for (size_t v = 0; v < p->job.variant_count; v++) {
		json_decref((json_t *)p->variants[v].params);
		free(p->seen[v].model);
	}
	free(p);
}

static struct problem *problem_solved(unsigned classes, const char *params)
{
	struct problem *p = problem_make(classes);

	problem_vary(p, params, -1);
	problem_run(p);
	if (p->seen[0].code)
		fail_msg("%s", p->seen[0].text);
	return p;
}

static unsigned trees_of(const struct seen *seen, unsigned *most)
{
	unsigned trees = 0;

	assert_int_equal(sscanf(seen->text, "%u of at most %u trees", &trees, most), 2);
	return trees;
}

/* The engine's promise, done naively: a model of every number of trees on the rows that are not held back, without early stopping; the loss of
 * the rows held back from its predictions in double; the first minimum before `patience` rounds without a smaller one. */
static unsigned naive_trees(const struct problem *p, unsigned classes, const char *params, unsigned trees, unsigned patience, double *prediction)
{
	struct problem *inner = problem_make(classes);
	uint32_t train[TRAIN], held[TRAIN];
	size_t count = 0, held_count = 0;
	unsigned best = 0;
	double least = INFINITY;
	uint64_t key = address_text(SEED, "early stopping");

	for (uint32_t i = 0; i < TRAIN; i++)
		if ((double)(address_hash(key, i) >> 11) * 0x1p-53 < 0.1)
			held[held_count++] = i;
		else
			train[count++] = i;
	inner->data.weight = p->data.weight ? inner->weight : NULL;
	for (unsigned t = 1; t <= trees && t - best <= patience; t++) {
		char text[300];
		double loss = 0, total = 0;

		snprintf(text, sizeof(text), "{\"trees\":%u%s}", t, params);
		inner->fold = (struct engine_fold){.train = train, .train_count = count, .test = held, .test_count = held_count};
		inner->job.variant_count = 0;
		problem_vary(inner, text, -1);
		problem_run(inner);
		json_decref((json_t *)inner->variants[0].params);
		for (size_t i = 0; i < held_count; i++) {
			double y = p->target[held[i]], guess = inner->seen[0].prediction[i], w = inner->data.weight ? p->weight[held[i]] : 1;

			loss += w * (classes ? -log(inner->seen[0].prediction[(size_t)y * held_count + i]) : (y - guess) * (y - guess));
			total += w;
		}
		if (loss / total < least) {
			least = loss / total;
			best = t;
		}
	}
	char text[300];
	snprintf(text, sizeof(text), "{\"trees\":%u%s}", best, params);
	inner->fold = (struct engine_fold){.train = train, .train_count = count, .test = p->rows + TRAIN, .test_count = TEST};
	inner->job.variant_count = 0;
	problem_vary(inner, text, -1);
	problem_run(inner);
	memcpy(prediction, inner->seen[0].prediction, inner->width * TEST * sizeof(double));
	problem_release(inner);
	return best;
}

static void check_rule(unsigned classes, bool weighted, const char *more)
{
	double want[3 * TEST];
	char params[300];
	unsigned most;
	struct problem *p = problem_make(classes);

	snprintf(params, sizeof(params), "{\"trees\":60,\"early_stopping_rounds\":4%s}", more);
	p->data.weight = weighted ? p->weight : NULL;
	problem_vary(p, params, -1);
	problem_run(p);
	assert_int_equal(p->seen[0].code, 0);
	assert_int_equal(trees_of(&p->seen[0], &most), naive_trees(p, classes, more, 60, 4, want));
	assert_int_equal(most, 60);
	assert_memory_equal(p->seen[0].prediction, want, p->width * TEST * sizeof(double));
	problem_release(p);
}

static void xgboost_stop__equals_the_rule_applied_naively(void **state)
{
	(void)state;
	check_rule(0, false, ",\"max_depth\":3,\"learning_rate\":0.2");
	check_rule(0, true, ",\"max_depth\":2");
	check_rule(0, false, ",\"max_depth\":3,\"subsample\":0.7,\"colsample_bytree\":0.6");
	check_rule(2, false, ",\"max_depth\":3,\"learning_rate\":0.2");
	check_rule(3, true, ",\"max_depth\":2,\"learning_rate\":0.2");
}

static void xgboost_stop__stops_before_the_end_and_says_so(void **state)
{
	struct problem *p = problem_solved(0, "{\"trees\":200,\"early_stopping_rounds\":5,\"learning_rate\":0.2}"),
	               *all = problem_solved(0, "{\"trees\":3,\"early_stopping_rounds\":5,\"learning_rate\":0.05}");
	unsigned most;

	(void)state;
	assert_true(trees_of(&p->seen[0], &most) < 60);
	assert_non_null(strstr(p->seen[0].text, "of at most 200 trees, stopped early"));
	assert_string_equal(all->seen[0].text, "3 of at most 3 trees, not stopped early");
	problem_release(p);
	problem_release(all);
}

/* Numbers of trees stay a free axis. */
static void xgboost_stop__fewer_trees_equal_trainings_of_their_own(void **state)
{
	static const int trees[] = {80, 5, 1, 20, 9};
	struct problem *p = problem_make(0);
	uint64_t saved = 0;

	(void)state;
	p->job.want_model = true;
	for (size_t v = 0; v < 5; v++) {
		char params[200];

		snprintf(params, sizeof(params), "{\"trees\":%d,\"early_stopping_rounds\":3,\"max_depth\":3}", trees[v]);
		problem_vary(p, params, -1);
	}
	problem_run(p);
	for (size_t v = 0; v < 5; v++) {
		struct problem *alone = problem_make(0);
		char params[200];

		alone->job.want_model = true;
		snprintf(params, sizeof(params), "{\"trees\":%d,\"early_stopping_rounds\":3,\"max_depth\":3}", trees[v]);
		problem_vary(alone, params, -1);
		problem_run(alone);
		assert_string_equal(p->seen[v].text, alone->seen[0].text);
		assert_memory_equal(p->seen[v].prediction, alone->seen[0].prediction, TEST * sizeof(double));
		assert_string_equal(p->seen[v].model, alone->seen[0].model);
		saved += p->seen[v].saved;
		problem_release(alone);
	}
	assert_int_equal(saved, 4);
	problem_release(p);
}

/* Other targets in the fold that scores change nothing but the score. */
static void xgboost_stop__the_scoring_fold_is_not_looked_at(void **state)
{
	const char *params = "{\"trees\":80,\"early_stopping_rounds\":3}";
	struct problem *a = problem_solved(0, params), *b = problem_make(0), *again = problem_solved(0, params);

	(void)state;
	for (uint32_t i = TRAIN; i < ROWS; i++)
		b->target[i] = 1e6 * unit(i, 5);
	problem_vary(b, params, -1);
	problem_run(b);
	assert_string_equal(a->seen[0].text, b->seen[0].text);
	assert_memory_equal(a->seen[0].prediction, b->seen[0].prediction, TEST * sizeof(double));
	assert_memory_equal(a->seen[0].prediction, again->seen[0].prediction, TEST * sizeof(double));
	problem_release(a);
	problem_release(b);
	problem_release(again);
}

/* Nothing is shared among features left out, and the result says so. */
static void xgboost_stop__left_out_is_trained_from_the_start(void **state)
{
	const char *params = "{\"trees\":80,\"early_stopping_rounds\":3,\"max_depth\":3}";
	struct problem *p = problem_make(0), *gone = problem_make(0);

	(void)state;
	problem_vary(p, params, 3);
	problem_vary(p, params, -1);
	p->left_out = 3;
	problem_run(p);
	assert_non_null(strstr(p->seen[0].text, "trained from the start: it stops early; "));
	assert_null(strstr(p->seen[1].text, "trained from the start"));
	memmove(&gone->features[3], &gone->features[4], 2 * sizeof(gone->features[0]));
	gone->data.feature_count = FEATURES - 1;
	problem_vary(gone, params, -1);
	problem_run(gone);
	assert_memory_equal(p->seen[0].prediction, gone->seen[0].prediction, TEST * sizeof(double));
	problem_release(p);
	problem_release(gone);
}

static void check_refused(unsigned outputs, size_t train, const char *params, const char *why)
{
	struct problem *p = problem_make(0);

	p->data.outputs = outputs;
	p->fold.train_count = train;
	problem_vary(p, params, -1);
	problem_run(p);
	assert_int_equal(p->seen[0].code, ORCH_EFIT);
	if (!strstr(p->seen[0].text, why))
		fail_msg("%s", p->seen[0].text);
	problem_release(p);
}

static void xgboost_stop__says_what_cannot_be(void **state)
{
	(void)state;
	check_refused(2, TRAIN, "{\"trees\":5,\"early_stopping_rounds\":3}", "early_stopping_rounds takes one target and there are 2");
	check_refused(1, TRAIN, "{\"trees\":5,\"early_stopping_fraction\":0.3}", "early_stopping_fraction needs early_stopping_rounds");
	check_refused(1, TRAIN, "{\"trees\":5,\"early_stopping_rounds\":3,\"early_stopping_fraction\":1e-9}",
	        "early stopping holds back 0 of 560 training rows, which is too few: change early_stopping_fraction (now 1e-09)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(xgboost_stop__equals_the_rule_applied_naively),
	        cmocka_unit_test(xgboost_stop__stops_before_the_end_and_says_so),
	        cmocka_unit_test(xgboost_stop__fewer_trees_equal_trainings_of_their_own),
	        cmocka_unit_test(xgboost_stop__the_scoring_fold_is_not_looked_at),
	        cmocka_unit_test(xgboost_stop__left_out_is_trained_from_the_start),
	        cmocka_unit_test(xgboost_stop__says_what_cannot_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
