/* When folds are enough: cases worked out by hand, the level that is kept. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engines/address.h"
#include "engines/lofo/adaptive.h"
#include "engines/lofo/student.h"

static bool kept(const double *without, unsigned done, unsigned folds)
{
	static const double with[32] = {0};

	return lofo_adaptive_kept(metric_find("rmse"), with, without, done, folds, 0.25);
}

/* Losses 1, 1.1, 1.2: mean 1.1, sd 0.1, error 0.1 sqrt(1/3 + 1/4) = 0.07638. t = 14.40 with 2 degrees. */
static void adaptive__by_hand(void **state)
{
	static const double clear[3] = {1, 1.1, 1.2}, noisy[3] = {1, 2, 0.1};
	double t = 1.1 / (0.1 * sqrt(1 / 3.0 + 0.25)), one_sided = student_two_sided(t, 2) / 2;

	(void)state;
	assert_true(one_sided < 0.025 && one_sided > 0.0023);
	assert_true(kept(clear, 3, 4));   /* one look: 2.5 % */
	assert_true(kept(clear, 3, 8));   /* five looks: 0.5 % */
	assert_false(kept(clear, 3, 200)); /* 197 looks: 0.013 % */
	assert_false(kept(noisy, 3, 4));
	assert_false(kept(clear, 2, 4)); /* never before three folds */
	assert_false(kept(clear, 3, 3)); /* nothing would be saved */
	assert_false(lofo_adaptive_has_looks(3));
	assert_true(lofo_adaptive_has_looks(4));
}

static void adaptive__harm_is_never_decided_early(void **state)
{
	static const double harmful[5] = {-1, -1.1, -1.2, -1, -1};

	(void)state;
	for (unsigned done = 3; done < 5; done++)
		assert_false(kept(harmful, done, 5));
}

static void adaptive__failed_folds_do_not_count(void **state)
{
	static const double some[5] = {1, NAN, 1.1, 1.2, INFINITY}, few[4] = {1, NAN, 1.1, NAN};

	(void)state;
	assert_false(kept(some, 3, 6));
	assert_true(kept(some, 4, 6));
	assert_false(kept(few, 4, 6));
}

static void adaptive__without_deviation(void **state)
{
	static const double same[4] = {1, 1, 1, 1}, none[4] = {0};

	(void)state;
	assert_true(kept(same, 3, 5));
	assert_false(kept(none, 3, 5)); /* a feature that no model used gets all folds: they cost nothing */
}

static double normal(uint64_t campaign, uint64_t fold)
{
	uint64_t key = address_hash(address_hash(address_text(3, "adaptive"), campaign), fold);

	return sqrt(-2 * log(1 - address_unit(address_hash(key, 0)))) * cos(6.283185307179586 * address_unit(address_hash(key, 1)));
}

/* A useless unit is stopped early, by mistake, in at most 2.5 % of campaigns, however often it is looked at. */
static void adaptive__level_is_kept(void **state)
{
	static const unsigned folds[] = {4, 5, 10, 25};

	(void)state;
	for (size_t k = 0; k < sizeof folds / sizeof *folds; k++) {
		unsigned mistakes = 0, campaigns = 4000;

		for (uint64_t c = 0; c < campaigns; c++) {
			double without[32];
			bool stopped = false;

			for (unsigned f = 0; f < folds[k]; f++)
				without[f] = normal(c * 64 + k, f);
			for (unsigned done = 3; done < folds[k]; done++)
				stopped = stopped || kept(without, done, folds[k]);
			mistakes += stopped;
		}
		if (mistakes > 0.025 * campaigns + 2.5 * sqrt(0.025 * campaigns))
			fail_msg("%u folds: %u of %u campaigns stop a useless unit early", folds[k], mistakes, campaigns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adaptive__by_hand),
		cmocka_unit_test(adaptive__harm_is_never_decided_early),
		cmocka_unit_test(adaptive__failed_folds_do_not_count),
		cmocka_unit_test(adaptive__without_deviation),
		cmocka_unit_test(adaptive__level_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
