/* What a score owes to chance: seeds, parts of the rows, folds; and which fits that takes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engines/diagnostics/stability.h"
#include "engines/lofo/student.h"
#include "engines/split/subset.h"
#include "orchestrator/variations.h"
#include "storage/base/json.h"

#define ROWS 300

static double real(const json_t *object, const char *key)
{
	return json_get_real(object, key, NAN);
}

/* ---- seeds ---- */

static void seeds__their_means_and_deviation(void **state)
{
	const double scores[] = {1, 3, 5, 2, 4, 6, 3, 5, 7}; /* means 3, 4, 5; deviation over folds 2 */
	json_t *out = stability_seeds(scores, 3, 3);

	(void)state;
	assert_int_equal(json_get_int(out, "seeds", 0), 3);
	assert_int_equal(json_get_int(out, "folds", 0), 3);
	assert_true(real(out, "mean") == 4 && real(out, "sd") == 1 && real(out, "low") == 3 && real(out, "high") == 5 && fabs(real(out, "fold_sd") - 2) < 1e-15);
	assert_false(json_get_bool(out, "same", 1));
	json_decref(out);
}

static void seeds__a_fold_that_failed_for_one_counts_for_none(void **state)
{
	const double scores[] = {1, 3, 100, 2, 4, NAN};
	json_t *out = stability_seeds(scores, 2, 3);

	(void)state;
	assert_int_equal(json_get_int(out, "folds", 0), 2);
	assert_true(real(out, "mean") == 2.5 && real(out, "low") == 2 && real(out, "high") == 3);
	json_decref(out);
}

static void seeds__the_same_to_the_last_digit_is_said(void **state)
{
	const double same[] = {1, 3, 1, 3}, other[] = {1, 3, 3, 1}, failed[] = {NAN, NAN};
	json_t *a = stability_seeds(same, 2, 2), *b = stability_seeds(other, 2, 2), *c = stability_seeds(failed, 2, 1);

	(void)state;
	assert_true(json_get_bool(a, "same", 0));
	assert_false(json_get_bool(b, "same", 1));
	assert_false(json_get_bool(c, "same", 1));
	assert_true(json_is_null(json_object_get(c, "mean")) && json_is_null(json_object_get(c, "sd")));
	json_decref(a);
	json_decref(b);
	json_decref(c);
}

/* ---- learning curve ---- */

static void curve__intervals_and_the_gain_of_the_last_step(void **state)
{
	const double share[] = {0.5, 1}, rows[] = {50, 100}, scores[] = {3, 5, 4, 1, 2, 3};
	struct stability_curve in = {.metric = metric_find("rmse"), .points = 2, .folds = 3, .share = share, .rows = rows, .scores = scores, .test_train = 0.5};
	double half = student_critical(0.05, 2) * 1 * sqrt(1.0 / 3 + 0.5);
	json_t *out = NULL, *first, *last;

	(void)state;
	assert_int_equal(stability_curve(&in, &out, NULL), 0);
	first = json_array_get(json_object_get(out, "points"), 0);
	last = json_object_get(out, "last");
	assert_true(real(first, "share") == 0.5 && real(first, "rows") == 50 && real(first, "mean") == 4 && real(first, "sd") == 1);
	assert_true(fabs(real(first, "low") - (4 - half)) < 1e-12 && fabs(real(first, "high") - (4 + half)) < 1e-12);
	assert_true(real(last, "from") == 0.5 && real(last, "gain") == 2); /* lower is better: 4 -> 2 */
	json_decref(out);
}

static void curve__points_that_failed_have_no_interval(void **state)
{
	const double share[] = {0.1, 1}, rows[] = {NAN, 100}, scores[] = {NAN, NAN, 1, 2};
	struct stability_curve in = {.metric = metric_find("r2"), .points = 2, .folds = 2, .share = share, .rows = rows, .scores = scores, .test_train = 0.5};
	json_t *out = NULL, *first;

	(void)state;
	assert_int_equal(stability_curve(&in, &out, NULL), 0);
	first = json_array_get(json_object_get(out, "points"), 0);
	assert_true(json_is_null(json_object_get(first, "mean")) && json_is_null(json_object_get(first, "low")) && json_is_null(json_object_get(first, "rows")));
	assert_true(json_is_null(json_object_get(json_object_get(out, "last"), "gain")));
	json_decref(out);
}

/* ---- selection ---- */

static void selection__shares_of_the_folds(void **state)
{
	/* Three units, four folds; the last fold knows nothing of the third. */
	const double delta[] = {3, 2, 1, 5, 1, 3, -1, 4, -2, -1, 0, NAN};
	const unsigned rank[] = {1, 2, 1, 1, 2, 1, 3, 2, 3, 3, 2, 0};
	struct stability_unit units[3];
	size_t tops[5];

	(void)state;
	assert_int_equal(stability_tops(3, tops), 1);
	assert_int_equal(tops[0], 1);
	stability_selection(delta, rank, 3, 4, 1, units);
	assert_true(units[0].helps == 1 && units[0].kept == 1 && units[0].top[0] == 0.75 && units[0].mean_rank == 1.25);
	assert_true(units[1].helps == 0.75 && units[1].kept == 0.5 && units[1].folds == 4); /* last in the third fold, and last of two in the fourth */
	assert_true(units[2].helps == 0 && fabs(units[2].kept - 1.0 / 3) < 1e-15 && units[2].folds == 3);
}

static void selection__nothing_known_is_no_share(void **state)
{
	const double delta[] = {NAN, 1};
	const unsigned rank[] = {0, 1};
	struct stability_unit units[2];

	(void)state;
	stability_selection(delta, rank, 2, 1, 0, units);
	assert_true(isnan(units[0].helps) && isnan(units[0].kept) && isnan(units[0].mean_rank) && units[0].folds == 0);
	assert_true(units[1].kept == 1);
}

static void selection__the_round_that_a_fold_alone_would_choose(void **state)
{
	const double scores[] = {3, 1, NAN, 2, 2, NAN, 2, 4, NAN}; /* rounds x folds */
	long own[3];

	(void)state;
	stability_own_best(metric_find("rmse"), scores, 3, 3, own);
	assert_true(own[0] == 2 && own[1] == 0 && own[2] == -1); /* of equal ones the later */
	stability_own_best(metric_find("r2"), scores, 3, 3, own);
	assert_true(own[0] == 0 && own[1] == 2 && own[2] == -1);
}

/* ---- parts of the rows ---- */

static size_t take(const struct subset_request *request, uint32_t *rows, size_t count)
{
	long long kept = subset_rows(request, rows, count);

	assert_true(kept >= 0 && (size_t)kept <= count);
	for (long long i = 1; i < kept; i++)
		assert_true(rows[i - 1] < rows[i]);
	return (size_t)kept;
}

static size_t take_of(double share, const double *stratum, const double *group, uint32_t from, uint32_t to, bool *in)
{
	struct subset_request request = {.seed = 7, .share = share, .stratum = stratum, .group = group};
	uint32_t rows[ROWS];
	size_t count = 0, kept;

	for (uint32_t r = from; r < to; r++)
		rows[count++] = r;
	kept = take(&request, rows, count);
	memset(in, 0, ROWS * sizeof *in);
	for (size_t i = 0; i < kept; i++)
		in[rows[i]] = true;
	return kept;
}

static void subset__has_its_share_and_is_nested(void **state)
{
	static const double shares[] = {0.01, 0.1, 0.25, 0.5, 0.7, 1};
	static const size_t counts[] = {3, 30, 75, 150, 210, 300};
	bool before[ROWS] = {false}, in[ROWS], part[ROWS];

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(take_of(shares[i], NULL, NULL, 0, ROWS, in), counts[i]);
		for (size_t r = 0; r < ROWS; r++)
			assert_true(in[r] || !before[r]);
		memcpy(before, in, sizeof before);
	}
	/* Another fold orders the rows it has in common alike: of two of its rows, the one that is in a small part is in a larger one. */
	take_of(0.2, NULL, NULL, 0, ROWS, in);
	take_of(0.5, NULL, NULL, 0, 200, part);
	for (size_t r = 0; r < 200; r++)
		assert_true(part[r] || !in[r]);
}

static void subset__of_classes_loses_none(void **state)
{
	double stratum[ROWS];
	bool in[ROWS];
	size_t rare = 0;

	(void)state;
	for (size_t r = 0; r < ROWS; r++)
		stratum[r] = r % 100 == 7 ? 1 : 0; /* three rows */
	assert_int_equal(take_of(0.1, stratum, NULL, 0, ROWS, in), 31);
	for (size_t r = 7; r < ROWS; r += 100)
		rare += in[r];
	assert_int_equal(rare, 1);
}

static void subset__of_groups_keeps_them_whole(void **state)
{
	double group[ROWS];
	bool in[ROWS], more[ROWS];
	size_t kept;

	(void)state;
	for (size_t r = 0; r < ROWS; r++)
		group[r] = r % 10 == 9 ? NAN : (double)(r % 30);
	kept = take_of(0.3, NULL, group, 0, ROWS, in);
	assert_true(kept >= 90 && kept <= 120);
	for (size_t r = 0; r < ROWS; r++)
		for (size_t s = 0; s < r; s++)
			assert_true(group[r] != group[s] || in[r] == in[s]);
	take_of(0.6, NULL, group, 0, ROWS, more);
	for (size_t r = 0; r < ROWS; r++)
		assert_true(more[r] || !in[r]);
}

static void subset__of_nothing_and_of_one(void **state)
{
	struct subset_request request = {.share = 0.1};
	uint32_t row = 3;

	(void)state;
	assert_int_equal(subset_rows(&request, NULL, 0), 0);
	assert_int_equal(subset_rows(&request, &row, 1), 1);
	assert_int_equal(row, 3);
}

/* ---- the fits that it takes ---- */

static void variations__seeds_then_shares(void **state)
{
	double shares[] = {0.1, 0.25};
	struct spec spec = {.seed = 5, .diagnostics = {.seed_repeats = 2, .learning_curve = shares, .learning_count = 2}};
	struct variations list;

	(void)state;
	variations_of(&spec, engine_find("forest"), &list);
	assert_int_equal(list.count, 4);
	assert_string_equal(list.list[1].name, "seed 2");
	assert_string_equal(list.list[3].name, "rows 0.25");
	assert_int_equal(variations_find(&list, "rows 0.1"), 2);
	assert_int_equal(variations_find(&list, "rows 0.2"), 4);
	assert_int_equal(variation_program_seed(&spec, 2), 7);
	assert_true(variation_seed(&spec, 0) != variation_seed(&spec, 1) && variation_seed(&spec, 1) != variation_seed(&spec, 2));
}

static void variations__an_engine_without_chance_has_no_seeds(void **state)
{
	static const char *const engines[] = {"ridge", "elasticnet", "logistic"};
	struct spec spec = {.diagnostics = {.seed_repeats = 3}};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(variations_wanted(&spec, engine_find(engines[i])), 0);
	assert_int_equal(variations_wanted(&spec, engine_find("forest")), 3);
	assert_int_equal(variations_wanted(&spec, engine_find("command")), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seeds__their_means_and_deviation),
		cmocka_unit_test(seeds__a_fold_that_failed_for_one_counts_for_none),
		cmocka_unit_test(seeds__the_same_to_the_last_digit_is_said),
		cmocka_unit_test(curve__intervals_and_the_gain_of_the_last_step),
		cmocka_unit_test(curve__points_that_failed_have_no_interval),
		cmocka_unit_test(selection__shares_of_the_folds),
		cmocka_unit_test(selection__nothing_known_is_no_share),
		cmocka_unit_test(selection__the_round_that_a_fold_alone_would_choose),
		cmocka_unit_test(subset__has_its_share_and_is_nested),
		cmocka_unit_test(subset__of_classes_loses_none),
		cmocka_unit_test(subset__of_groups_keeps_them_whole),
		cmocka_unit_test(subset__of_nothing_and_of_one),
		cmocka_unit_test(variations__seeds_then_shares),
		cmocka_unit_test(variations__an_engine_without_chance_has_no_seeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
