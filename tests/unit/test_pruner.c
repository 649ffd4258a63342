/* Pruners: decisions worked out by hand, and what holds for all of them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engines/address.h"
#include "engines/search/pruner.h"

#define MAX 64

/* Decides about trials whose fold scores are rows of a matrix; `done` folds are there. */
static void decide(const struct pruner *pruner, const struct pruner_request *request, const double *earlier, size_t earlier_count,
                   const double *scores, size_t count, unsigned rung, bool *stop)
{
	struct pruner_trial before[MAX], members[MAX];
	const struct pruner_cohort cohort = {before, earlier_count, members, count};

	for (size_t i = 0; i < earlier_count; i++)
		before[i] = (struct pruner_trial){earlier + i * request->folds, request->folds};
	for (size_t i = 0; i < count; i++)
		members[i] = (struct pruner_trial){scores + i * request->folds, rung};
	assert_int_equal(pruner->decide(request, &cohort, rung, stop, NULL), 0);
}

static void median__stops_what_is_worse_than_the_median(void **state)
{
	const struct pruner_request request = {.folds = 2};
	const double earlier[] = {1, 9, 2, 9, 3, 9, 4, 9, 5, 9, NAN, 9}, scores[] = {3, 0, 3.5, 0, 0.5, 0, NAN, 0};
	bool stop[4];

	(void)state;
	decide(&pruner_median, &request, earlier, 6, scores, 4, 1, stop); /* of 1 2 3 4 5: 3; a tie goes on */
	assert_true(!stop[0] && stop[1] && !stop[2] && stop[3]);
	decide(&pruner_median, &request, earlier, 4, scores, 4, 1, stop); /* too few to judge by */
	assert_true(!stop[0] && !stop[1] && !stop[2] && !stop[3]);
}

static void median__running_means_and_direction(void **state)
{
	const struct pruner_request request = {.folds = 3, .maximise = true};
	const double earlier[] = {1, 1, 0, 1, 3, 0, 1, 5, 0, 1, 7, 0, 1, 9, 0, 1, 11, 0}, scores[] = {6.9, 0, 0, 0, 7.1, 0};
	bool stop[2];

	(void)state;
	decide(&pruner_median, &request, earlier, 6, scores, 2, 2, stop); /* means 1 2 3 4 5 6: 3.5 */
	assert_true(stop[0] && !stop[1]);
}

/* Curves with a value at steps 10, 20 .. 10 * count. */
static struct pruner_curve curve_of(struct pruner_point *points, const double *values, size_t count)
{
	for (size_t p = 0; p < count; p++)
		points[p] = (struct pruner_point){10 * (int64_t)(p + 1), values[p]};
	return (struct pruner_curve){points, count};
}

static size_t limits_of(const struct pruner *pruner, bool maximise, const struct pruner_curve *curves, size_t count, size_t number, struct pruner_limit *out)
{
	const struct pruner_request request = {.folds = 5, .maximise = maximise};
	struct pruner_steps *steps = NULL;
	size_t found;

	assert_int_equal(pruner_steps_open(&request, curves, count, &steps, NULL), 0);
	found = pruner_steps_limits(steps, pruner, number, out);
	pruner_steps_close(steps);
	return found;
}

static void curve__the_median_of_the_best_so_far(void **state)
{
	const double values[5][3] = {{9, 10, 1}, {8, 7, 1}, {7, 6, 1}, {6, 3, 1}, {5, 9, 1}};
	struct pruner_point points[5][3];
	struct pruner_curve curves[6];
	struct pruner_limit limits[3];

	(void)state;
	for (size_t i = 0; i < 5; i++)
		curves[i] = curve_of(points[i], values[i], 3);
	curves[5] = (struct pruner_curve){NULL, 0}; /* one that reported nothing */
	assert_int_equal(limits_of(&pruner_median, false, curves, 6, 0, limits), 2); /* not at the last step */
	assert_true(limits[0].step == 10 && limits[0].worst == 7);
	assert_true(limits[1].step == 20 && limits[1].worst == 6); /* of 9 7 6 3 5 */
	assert_int_equal(limits_of(&pruner_median, true, curves, 6, 0, limits), 2);
	assert_true(limits[1].step == 20 && limits[1].worst == 8); /* of 10 8 7 6 9 */
	assert_int_equal(limits_of(&pruner_median, false, curves, 4, 0, limits), 0); /* too few */
	assert_int_equal(limits_of(&pruner_paired, false, curves, 6, 0, limits), 0); /* a test over folds */
}

static void curve__steps_that_few_got_to_decide_nothing(void **state)
{
	const double values[] = {5, 4, 3};
	struct pruner_point points[6][3];
	struct pruner_curve curves[6];
	struct pruner_limit limits[3];

	(void)state;
	for (size_t i = 0; i < 6; i++)
		curves[i] = curve_of(points[i], values, i < 4 ? 3 : 2); /* step 30: four of them, so step 20 is the last */
	assert_int_equal(limits_of(&pruner_median, false, curves, 6, 0, limits), 1);
	assert_int_equal(limits[0].step, 10);
}

static void curve__halving_cuts_at_its_rungs(void **state)
{
	struct pruner_point points[9][8];
	struct pruner_curve curves[9];
	struct pruner_limit limits[8];
	double values[8];

	(void)state;
	for (size_t i = 0; i < 9; i++) {
		for (size_t p = 0; p < 8; p++)
			values[p] = (double)i;
		curves[i] = curve_of(points[i], values, 8);
	}
	assert_int_equal(limits_of(&pruner_halving, false, curves, 9, 0, limits), 3); /* 1, 2, 4 of 8 */
	assert_true(limits[0].step == 10 && limits[1].step == 20 && limits[2].step == 40);
	assert_true(limits[2].worst == 4);
}

static void curve__hyperband_goes_by_turns(void **state)
{
	struct pruner_point points[9][8];
	struct pruner_curve curves[9];
	struct pruner_limit limits[8];
	const double values[8] = {1, 1, 1, 1, 1, 1, 1, 1};
	size_t found[22], patient = 0;

	(void)state;
	for (size_t i = 0; i < 9; i++)
		curves[i] = curve_of(points[i], values, 8);
	for (size_t number = 0; number < 22; number++) {
		found[number] = limits_of(&pruner_hyperband, false, curves, 9, number, limits);
		patient += found[number] == 0;
	}
	assert_int_equal(found[0], 3); /* eight of the most eager bracket, then six, four, four */
	assert_int_equal(limits_of(&pruner_hyperband, false, curves, 9, 8, limits), 2);
	assert_true(limits[0].step == 20 && limits[1].step == 40);
	assert_true(patient == 4);
}

static void median__a_stopped_trial_counts_where_it_got(void **state)
{
	const struct pruner_request request = {.folds = 2};
	const double low[] = {0, 0}, high[] = {10, 10}, own[] = {5, 5};
	struct pruner_trial before[6] = {{low, 2}, {low, 2}, {low, 2}, {high, 1}, {high, 1}, {high, 1}}, member = {own, 2};
	const struct pruner_cohort cohort = {before, 6, &member, 1};
	bool stop;

	(void)state;
	assert_int_equal(pruner_median.decide(&request, &cohort, 1, &stop, NULL), 0);
	assert_false(stop); /* the median of 0 0 0 10 10 10 is 5 */
	before[5].folds = 0;
	assert_int_equal(pruner_median.decide(&request, &cohort, 1, &stop, NULL), 0);
	assert_true(stop); /* of 0 0 0 10 10 it is 0 */
	before[4] = before[3] = (struct pruner_trial){high, 1};
	assert_int_equal(pruner_median.decide(&request, &cohort, 2, &stop, NULL), 0);
	assert_false(stop); /* only three got to the second fold */
}

static unsigned list_rungs(const struct pruner *pruner, const struct pruner_request *request, unsigned *out)
{
	unsigned count = 0;

	for (unsigned rung = pruner->next_rung(request, 0); rung < request->folds; rung = pruner->next_rung(request, rung))
		out[count++] = rung;
	return count;
}

static void check_rungs(const struct pruner *pruner, unsigned folds, double eta, const unsigned *want, unsigned count, size_t cohort)
{
	const struct pruner_request request = {.folds = folds, .eta = eta};
	unsigned got[MAX];

	assert_int_equal(list_rungs(pruner, &request, got), count);
	for (unsigned k = 0; k < count; k++)
		assert_int_equal(got[k], want[k]);
	assert_int_equal(pruner->cohort(&request), cohort);
}

static void pruner__rungs_and_cohorts(void **state)
{
	(void)state;
	check_rungs(&pruner_median, 4, 0, (const unsigned[]){1, 2, 3}, 3, 10);
	check_rungs(&pruner_paired, 5, 0, (const unsigned[]){2, 3, 4}, 3, 10);
	check_rungs(&pruner_paired, 2, 0, NULL, 0, 10);
	check_rungs(&pruner_halving, 5, 0, (const unsigned[]){1, 2, 4}, 3, 8);
	check_rungs(&pruner_halving, 10, 0, (const unsigned[]){1, 3, 9}, 3, 27);
	check_rungs(&pruner_halving, 5, 4, (const unsigned[]){1, 4}, 2, 16);
	check_rungs(&pruner_halving, 1, 0, NULL, 0, 2);
	check_rungs(&pruner_hyperband, 10, 3, (const unsigned[]){1, 3}, 2, 17); /* 9 by (1, 3), 5 by (3), 3 to the end */
	check_rungs(&pruner_hyperband, 5, 0, (const unsigned[]){1, 3}, 2, 10);
	check_rungs(&pruner_hyperband, 1, 0, NULL, 0, 1);
}

static void halving__keeps_the_best_part(void **state)
{
	const struct pruner_request request = {.folds = 4};
	const double one[8 * 4] = {[0] = 3, [4] = 1, [8] = 2, [12] = 2, [16] = 2, [20] = NAN, [24] = 9, [28] = 8};
	double two[8 * 4];
	struct pruner_trial members[8];
	const struct pruner_cohort cohort = {NULL, 0, members, 8};
	bool stop[8], want[8] = {true, false, false, false, false, true, true, true};

	(void)state;
	memcpy(two, one, sizeof(two));
	decide(&pruner_halving, &request, NULL, 0, one, 8, 1, stop); /* half of them: 1 2 2 2, 3 is the fifth */
	assert_memory_equal(stop, want, sizeof(want));
	two[5] = 9; /* running means 5, 1.5, 1, 2 of members 1 2 3 4 */
	two[9] = 1;
	two[13] = 0;
	two[17] = 2;
	for (unsigned i = 0; i < 8; i++)
		members[i] = (struct pruner_trial){two + 4 * i, want[i] ? 1 : 2};
	want[1] = want[4] = true; /* a quarter of eight goes on */
	assert_int_equal(pruner_halving.decide(&request, &cohort, 2, stop, NULL), 0);
	assert_memory_equal(stop, want, sizeof(want));
	for (unsigned i = 0; i < 8; i++)
		members[i].folds = want[i] ? 2 : 3;
	assert_int_equal(pruner_halving.decide(&request, &cohort, 3, stop, NULL), 0); /* no rung: nobody new is stopped */
	assert_memory_equal(stop, want, sizeof(want));
}

static void halving__one_is_left_and_ties_go_to_the_earlier(void **state)
{
	const struct pruner_request request = {.folds = 2, .maximise = true};
	const double same[6] = {1, 0, 1, 0, 1, 0}, failed[4] = {NAN, 0, NAN, 0};
	bool stop[3];

	(void)state;
	decide(&pruner_halving, &request, NULL, 0, same, 3, 1, stop);
	assert_true(!stop[0] && stop[1] && stop[2]);
	decide(&pruner_halving, &request, NULL, 0, failed, 2, 1, stop);
	assert_true(stop[0] && stop[1]);
}

static void hyperband__brackets_differ(void **state)
{
	const struct pruner_request request = {.folds = 10, .eta = 3};
	double scores[34 * 10];
	unsigned left;
	bool stop[34];

	(void)state;
	for (unsigned i = 0; i < 34; i++)
		for (unsigned f = 0; f < 10; f++)
			scores[10 * i + f] = i;
	decide(&pruner_hyperband, &request, NULL, 0, scores, 34, 1, stop);
	for (unsigned i = 0; i < 34; i++) /* of the first nine of each turn three go on */
		assert_int_equal(stop[i], i % 17 >= 3 && i % 17 < 9);
	decide(&pruner_hyperband, &request, NULL, 0, scores, 34, 3, stop);
	left = 0;
	for (unsigned i = 0; i < 34; i++) {
		assert_int_equal(stop[i], i % 17 < 9 ? i % 17 >= 1 : i % 17 < 14 ? i % 17 >= 10 : false); /* 9 to 1; 5 to 1; 3 stay */
		left += !stop[i];
	}
	assert_int_equal(left, 10);
	decide(&pruner_hyperband, &request, NULL, 0, scores, 12, 3, stop); /* a shorter cohort: three of the second bracket */
	for (unsigned i = 0; i < 12; i++)
		assert_int_equal(stop[i], i != 0 && i != 9);
}

static void paired__two_folds_need_a_clear_difference(void **state)
{
	const struct pruner_request request = {.folds = 5};
	/* the best one's deviation is 1; the other earlier one is worse, the last has a failure */
	const double earlier[] = {10, 11, 12, 11, 11, 9, 10, 10, 10.5, 8, 1, 1, 1, 1, NAN};
	double spread = 0, scores[20] = {0};
	bool stop[4];

	(void)state;
	for (unsigned f = 0; f < 5; f++)
		spread += pow(earlier[5 + f] - 9.5, 2) / 4;
	spread = sqrt(spread);
	scores[0] = 9 + 1.01 * spread, scores[1] = 10 + 1.01 * spread;   /* clearly worse */
	scores[5] = 9 + 0.99 * spread, scores[6] = 10 + 9 * spread;      /* in one fold only */
	scores[10] = 5, scores[11] = 5;                                  /* better */
	scores[15] = NAN, scores[16] = 9;
	decide(&pruner_paired, &request, earlier, 3, scores, 4, 2, stop);
	assert_true(stop[0] && !stop[1] && !stop[2] && stop[3]);
	decide(&pruner_paired, &request, NULL, 0, scores, 4, 2, stop); /* nothing to compare with */
	assert_true(!stop[0] && !stop[1] && !stop[2] && !stop[3]);
}

/* Differences 1, 2, 3: t = 2 / sqrt(1 * (1/3 + 1/4)) = 2.619 with 2 degrees of freedom, below the 2.920 of 5 % one-sided. */
static void paired__three_folds_are_tested(void **state)
{
	struct pruner_request request = {.folds = 5, .maximise = true};
	const double earlier[] = {10, 10, 10, 10, 10};
	double scores[] = {9, 8, 7, 0, 0, 8.7, 8, 7.3, 0, 0, 11, 12, 13, 0, 0, 10, 10, 10, 0, 0};
	bool stop[4];

	(void)state;
	decide(&pruner_paired, &request, earlier, 1, scores, 4, 3, stop);
	assert_true(!stop[0] && stop[1] && !stop[2] && !stop[3]); /* 1.3 2 2.7: t = 3.74 */
	request.test_train = 1;                                   /* larger test folds say less: t = 2.47 */
	decide(&pruner_paired, &request, earlier, 1, scores, 4, 3, stop);
	assert_true(!stop[0] && !stop[1]);
}

/* Random scores: a trial that is best in every fold is never stopped; the direction is only a sign; failed ones are worst. */
static void pruner__properties(void **state)
{
	enum { FOLDS = 9, COUNT = 20 };

	(void)state;
	for (unsigned number = 0; number < 200; number++) {
		double earlier[COUNT * FOLDS], scores[COUNT * FOLDS], mirrored[COUNT * FOLDS], before[COUNT * FOLDS];
		struct pruner_request request = {.folds = FOLDS};

		for (unsigned i = 0; i < COUNT * FOLDS; i++) {
			earlier[i] = floor(8 * address_unit(address_hash(number, i)));
			scores[i] = floor(8 * address_unit(address_hash(number + 1000, i)));
			before[i] = -earlier[i];
			mirrored[i] = -scores[i];
		}
		for (unsigned f = 0; f < FOLDS; f++)
			scores[f] = -1, mirrored[f] = 1;
		scores[COUNT * FOLDS - FOLDS] = mirrored[COUNT * FOLDS - FOLDS] = NAN;
		for (size_t p = 0; pruner_table[p]; p++)
			for (unsigned rung = pruner_table[p]->next_rung(&request, 0); rung < FOLDS; rung = pruner_table[p]->next_rung(&request, rung)) {
				bool stop[COUNT], mirror[COUNT], alone;

				request.maximise = false;
				decide(pruner_table[p], &request, earlier, COUNT, scores, COUNT, rung, stop);
				assert_false(stop[0]);
				if (p != 2) /* the last one of a Hyperband turn may be in the bracket that stops nobody */
					assert_true(stop[COUNT - 1]);
				for (unsigned i = 0; pruner_table[p]->alone && i < COUNT; i++) {
					decide(pruner_table[p], &request, earlier, COUNT, scores + i * FOLDS, 1, rung, &alone);
					assert_int_equal(alone, stop[i]);
				}
				request.maximise = true;
				decide(pruner_table[p], &request, before, COUNT, mirrored, COUNT, rung, mirror);
				assert_memory_equal(stop, mirror, sizeof(stop));
			}
	}
}

static void pruner__table_is_searched_by_name(void **state)
{
	(void)state;
	assert_ptr_equal(pruner_find("median"), &pruner_median);
	assert_ptr_equal(pruner_find("halving"), &pruner_halving);
	assert_ptr_equal(pruner_find("hyperband"), &pruner_hyperband);
	assert_ptr_equal(pruner_find("paired"), &pruner_paired);
	assert_null(pruner_find("none"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(median__stops_what_is_worse_than_the_median),
		cmocka_unit_test(median__running_means_and_direction),
		cmocka_unit_test(median__a_stopped_trial_counts_where_it_got),
		cmocka_unit_test(curve__the_median_of_the_best_so_far),
		cmocka_unit_test(curve__steps_that_few_got_to_decide_nothing),
		cmocka_unit_test(curve__halving_cuts_at_its_rungs),
		cmocka_unit_test(curve__hyperband_goes_by_turns),
		cmocka_unit_test(pruner__rungs_and_cohorts),
		cmocka_unit_test(halving__keeps_the_best_part),
		cmocka_unit_test(halving__one_is_left_and_ties_go_to_the_earlier),
		cmocka_unit_test(hyperband__brackets_differ),
		cmocka_unit_test(paired__two_folds_need_a_clear_difference),
		cmocka_unit_test(paired__three_folds_are_tested),
		cmocka_unit_test(pruner__properties),
		cmocka_unit_test(pruner__table_is_searched_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
