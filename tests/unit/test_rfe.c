/* The decisions of the elimination, each with its sentence. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engines/address.h"
#include "engines/rfe/rfe.h"

static const struct rfe_unit five[5] = {{"a", 1, 0.5, 0.6}, {"b", 1, -0.2, -0.1}, {"c", 1, 0, 0}, {"d", 1, 0, 0.1}, {"e", 1, 0.9, 1}};

/* Names of what is dropped, in order; the sentence goes to *reason (malloc'd). */
static const char *drop(const struct rfe_drop_rule *rule, const struct rfe_unit *units, size_t count, char **reason)
{
	static char names[100];
	size_t dropped[40], taken;
	struct text_buf buf = {0};

	taken = rfe_drop(rule, units, count, dropped, &buf);
	names[0] = '\0';
	for (size_t i = 0; i < taken; i++)
		strcat(strcat(names, i ? " " : ""), units[dropped[i]].name);
	*reason = text_take(&buf);
	return names;
}

static void check_drop(struct rfe_drop_rule rule, const struct rfe_unit *units, size_t count, const char *names, const char *sentence)
{
	char *reason;

	assert_string_equal(drop(&rule, units, count, &reason), names);
	assert_string_equal(reason, sentence);
	free(reason);
}

static void rfe__least_important_go_first(void **state)
{
	(void)state;
	check_drop((struct rfe_drop_rule){RFE_DROP_COUNT, .count = 1}, five, 5, "b", "drops b (-0.2), the least important of 5");
	/* c and d are equal: the later column goes first */
	check_drop((struct rfe_drop_rule){RFE_DROP_COUNT, .count = 2}, five, 5, "b d", "drops b (-0.2) and d (0), the 2 least important of 5");
	check_drop((struct rfe_drop_rule){RFE_DROP_COUNT, .count = 3}, five, 5, "b d c",
	           "drops b (-0.2), d (0) and c (0), the 3 least important of 5");
	check_drop((struct rfe_drop_rule){RFE_DROP_COUNT, .count = 0}, five, 5, "", "nothing is dropped: none were asked for");
}

static void rfe__never_below_min_features(void **state)
{
	struct rfe_drop_rule rule = {RFE_DROP_COUNT, .count = 4, .min_features = 3};

	(void)state;
	check_drop(rule, five, 5, "b d",
	           "drops b (-0.2) and d (0), the 2 least important of 5; fewer than asked: without c (1 feature) 2 would be left, fewer than "
	           "min_features 3");
	rule.min_features = 5;
	check_drop(rule, five, 5, "", "nothing is dropped: without b (1 feature) 4 would be left, fewer than min_features 5");
	rule.min_features = 0; /* one always stays */
	rule.count = 9;
	check_drop(rule, five, 5, "b d c a",
	           "drops b (-0.2), d (0), c (0) and a (0.5), the 4 least important of 5; fewer than asked: without e (1 feature) 0 would be "
	           "left, fewer than min_features 1");
}

static void rfe__many_names_are_cut(void **state)
{
	struct rfe_unit units[9];
	char *reason;

	(void)state;
	for (unsigned i = 0; i < 9; i++)
		units[i] = (struct rfe_unit){"x", 1, i, i};
	drop(&(struct rfe_drop_rule){RFE_DROP_COUNT, .count = 8}, units, 9, &reason);
	assert_string_equal(reason, "drops x (0), x (1), x (2), x (3), x (4) and 3 more, the 8 least important of 9");
	free(reason);
}

static void rfe__fraction_is_rounded_down(void **state)
{
	struct rfe_unit units[120];
	size_t dropped[120];

	(void)state;
	for (unsigned i = 0; i < 120; i++)
		units[i] = (struct rfe_unit){"x", 1, i, i};
	for (size_t n = 2; n <= 120; n++)
		for (unsigned percent = 1; percent < 100; percent++) {
			struct rfe_drop_rule rule = {RFE_DROP_FRACTION, .fraction = percent / 100.0};
			size_t want = n * percent / 100, got = rfe_drop(&rule, units, n, dropped, NULL);

			assert_int_equal(got, want ? want : 1);
		}
	check_drop((struct rfe_drop_rule){RFE_DROP_FRACTION, .fraction = 0.5}, five, 5, "b d",
	           "drops b (-0.2) and d (0), the 2 least important of 5 (50 % of 5 features is 2)");
}

static void rfe__groups_go_as_a_whole(void **state)
{
	static const struct rfe_unit units[4] = {{"position", 3, 0.1, 1}, {"size", 2, 0.2, 1}, {"w", 1, 0.3, 1}, {"v", 4, 0.4, 1}};

	(void)state;
	check_drop((struct rfe_drop_rule){RFE_DROP_COUNT, .count = 2, .min_features = 3}, units, 4, "position size",
	           "drops position (0.1) and size (0.2), the 2 least important of 4");
	/* half of ten features is five: both groups; 40 % is four: only the first fits; 10 % is one: the first goes all the same */
	check_drop((struct rfe_drop_rule){RFE_DROP_FRACTION, .fraction = 0.5}, units, 4, "position size",
	           "drops position (0.1) and size (0.2), the 2 least important of 4 (50 % of 10 features is 5)");
	check_drop((struct rfe_drop_rule){RFE_DROP_FRACTION, .fraction = 0.4}, units, 4, "position",
	           "drops position (0.1), the least important of 4 (40 % of 10 features is 4)");
	check_drop((struct rfe_drop_rule){RFE_DROP_FRACTION, .fraction = 0.1}, units, 4, "position",
	           "drops position (0.1), the least important of 4 (10 % of 10 features is 1)");
	/* the group does not fit above the floor, and no more important unit goes in its place */
	check_drop((struct rfe_drop_rule){RFE_DROP_COUNT, .count = 1, .min_features = 8}, units, 4, "",
	           "nothing is dropped: without position (3 features) 7 would be left, fewer than min_features 8");
}

/* The last number is the lower end of the interval. */
static void rfe__insignificant_are_not_above_zero(void **state)
{
	static const struct rfe_unit some[5] = {{"a", 1, 0.5, 0.4}, {"b", 1, -0.2, -0.3}, {"c", 1, 0, 0}, {"d", 1, 0.1, -0.1}, {"e", 1, 0.9, 0.01}};
	static const struct rfe_unit none[2] = {{"a", 1, 1, 0.1}, {"b", 1, 2, 1}}, unknown[2] = {{"a", 1, -1, NAN}, {"b", 1, 2, 1}};
	static const struct rfe_unit all[3] = {{"a", 1, 0.1, -1}, {"b", 1, 0.2, -1}, {"c", 1, 0.3, -1}};

	(void)state;
	check_drop((struct rfe_drop_rule){.kind = RFE_DROP_INSIGNIFICANT}, some, 5, "b c d",
	           "drops b (-0.2), c (0) and d (0.1), whose intervals are not above zero");
	check_drop((struct rfe_drop_rule){RFE_DROP_INSIGNIFICANT, .min_features = 4}, some, 5, "b",
	           "drops b (-0.2), whose interval is not above zero; fewer than asked: without c (1 feature) 3 would be left, fewer than "
	           "min_features 4");
	check_drop((struct rfe_drop_rule){.kind = RFE_DROP_INSIGNIFICANT}, none, 2, "", "nothing is dropped: every interval is above zero");
	check_drop((struct rfe_drop_rule){.kind = RFE_DROP_INSIGNIFICANT}, unknown, 2, "", "nothing is dropped: every interval is above zero");
	check_drop((struct rfe_drop_rule){.kind = RFE_DROP_INSIGNIFICANT}, all, 3, "a b",
	           "drops a (0.1) and b (0.2), whose intervals are not above zero; fewer than asked: without c (1 feature) 0 would be left, fewer than "
	           "min_features 1");
}

/* By hand: losses 1, 2, 3 have mean 2, sd 1, error sqrt(1 (1/3 + 1/4)). */
static void rfe__a_check_is_paired(void **state)
{
	static const double with[4] = {10, 11, 12, NAN}, without[4] = {11, 13, 15, 1}, failed[4] = {9, NAN, 12, 1}, slightly[4] = {10.2, 10.9, 12.2, 3};
	struct rfe_check check;

	(void)state;
	rfe_check(metric_find("rmse"), with, without, 4, 0.25, &check);
	assert_int_equal(check.pairs, 3);
	assert_float_equal(check.loss, 2, 1e-15);
	assert_float_equal(check.error, sqrt(1 / 3.0 + 0.25), 1e-14);
	assert_true(check.worse);
	rfe_check(metric_find("auc"), with, without, 4, 0.25, &check); /* higher is better */
	assert_float_equal(check.loss, -2, 1e-15);
	assert_false(check.worse);
	rfe_check(metric_find("rmse"), with, failed, 4, 0.25, &check); /* a fold that failed is no evidence that nothing was lost */
	assert_true(check.worse);
	rfe_check(metric_find("rmse"), with, slightly, 4, 0.25, &check); /* mean 0.1, sd 0.173: within one error */
	assert_true(check.loss > 0 && check.loss < check.error);
	assert_false(check.worse);
	rfe_check(metric_find("rmse"), with, without, 1, 0.25, &check);
	assert_true(check.worse && isnan(check.error));
	rfe_check(metric_find("rmse"), with + 3, without, 1, 0.25, &check);
	assert_true(check.worse && check.pairs == 0);
}

/* Whatever the largest harmless set is, it is found, in 2 + log2(units) sets at most. */
static void rfe__bisection_finds_the_largest_harmless_set(void **state)
{
	(void)state;
	for (size_t units = 0; units <= 70; units++)
		for (size_t harmless = 0; harmless <= units; harmless++) {
			struct rfe_tried tried[16];
			size_t count = 0, size, taken = 99;

			while ((size = rfe_bisect(units, tried, count, &taken))) {
				assert_in_range(count, 0, 8);
				assert_in_range(size, 1, units);
				if (count == 0)
					assert_int_equal(size, units);
				tried[count++] = (struct rfe_tried){size, size > harmless};
			}
			assert_int_equal(taken, harmless);
			assert_true(units == 0 || count <= 2 + (size_t)floor(log2((double)units)));
		}
}

static void rfe__unknown_importance_stays(void **state)
{
	static const struct rfe_unit some[3] = {{"a", 1, NAN, NAN}, {"b", 1, 5, 6}, {"c", 1, NAN, NAN}}, none[2] = {{"a", 1, NAN, NAN}, {"b", 1, NAN, NAN}};

	(void)state;
	check_drop((struct rfe_drop_rule){RFE_DROP_COUNT, .count = 2}, some, 3, "b", "drops b (5), the least important of 3");
	check_drop((struct rfe_drop_rule){RFE_DROP_COUNT, .count = 2}, none, 2, "", "nothing is dropped: no importance is known");
}

/* --- going on --- */

static void check_stop(const struct rfe_stop_rule *rule, const char *metric, const struct rfe_round *rounds, size_t count, enum rfe_verdict want,
	const char *sentence)
{
	struct text_buf reason = {0};
	char *text;

	assert_int_equal(rfe_stop(rule, metric_find(metric), rounds, count, &reason), want);
	text = text_take(&reason);
	assert_string_equal(text, sentence);
	free(text);
	assert_int_equal(rfe_stop(rule, metric_find(metric), rounds, count, NULL), want);
}

static void rfe__stops_when_worse_for_long(void **state)
{
	static const struct rfe_round rounds[] = {{10, 1.0, 0.1, 5, false}, {9, 0.5, 0.1, 5, false}, {8, 0.625, 0.1, 5, false}, {7, 0.63, 0.1, 5, false}, {6, 0.6, 0.1, 5, false},
	                                          {5, 0.9, 0.1, 5, false},  {4, NAN, NAN, 0, false}, {3, 0.4, 0.1, 5, false}};
	const struct rfe_stop_rule rule = {.has_worse = true, .worse_by = 0.25, .patience = 2};

	(void)state;
	check_stop(&rule, "rmse", rounds, 1, RFE_GO_ON, "");
	check_stop(&rule, "rmse", rounds, 2, RFE_GO_ON, "");
	check_stop(&rule, "rmse", rounds, 3, RFE_GO_ON, ""); /* 0.625 is 25 % worse, not more */
	check_stop(&rule, "rmse", rounds, 4, RFE_GO_ON, "goes on: worse by more than 25 % than round 1 in 1 of 2 rounds");
	check_stop(&rule, "rmse", rounds, 5, RFE_GO_ON, ""); /* the row is broken */
	check_stop(&rule, "rmse", rounds, 6, RFE_GO_ON, "goes on: worse by more than 25 % than round 1 in 1 of 2 rounds");
	check_stop(&rule, "rmse", rounds, 7, RFE_STOP_WORSE,
	           "stops: 2 rounds in a row worse by more than 25 % than round 1, whose rmse of 0.5 is the best");
	check_stop(&rule, "rmse", rounds, 8, RFE_GO_ON, ""); /* a new best */
}

static void rfe__stop_knows_the_direction(void **state)
{
	static const struct rfe_round rounds[] = {{10, 0.9, 0.1, 5, false}, {9, 0.85, 0.1, 5, false}, {8, 0.95, 0.1, 5, false}}, losses[] = {{10, -2, 0, 5, false}, {9, -2.05, 0, 5, false}};
	const struct rfe_stop_rule rule = {.has_worse = true, .worse_by = 0.05, .patience = 0};
	const struct rfe_stop_rule strict = {.has_worse = true, .worse_by = 0.01, .patience = 1};

	(void)state;
	check_stop(&rule, "auc", rounds, 2, RFE_STOP_WORSE, "stops: 1 round in a row worse by more than 5 % than round 0, whose auc of 0.9 is the best");
	check_stop(&rule, "auc", rounds, 3, RFE_GO_ON, "");
	/* a share of the size of a negative score */
	check_stop(&strict, "r2", losses, 2, RFE_STOP_WORSE, "stops: 1 round in a row worse by more than 1 % than round 0, whose r2 of -2 is the best");
	check_stop(&rule, "r2", losses, 2, RFE_GO_ON, "");
}

static void rfe__stops_at_the_floor_and_the_last_round(void **state)
{
	static const struct rfe_round rounds[] = {{3, 1, 0.1, 5, false}, {2, 2, 0.1, 5, false}, {1, NAN, 0.1, 5, false}};
	struct rfe_stop_rule rule = {.max_rounds = 2, .min_features = 2};

	(void)state;
	check_stop(&rule, "rmse", rounds, 1, RFE_GO_ON, "");
	check_stop(&rule, "rmse", rounds, 2, RFE_STOP_FEATURES, "stops: 2 features are left, min_features is 2");
	rule.min_features = 0;
	check_stop(&rule, "rmse", rounds, 2, RFE_STOP_ROUNDS, "stops: round 1 was the last of max_rounds 2");
	rule.max_rounds = 0;
	check_stop(&rule, "rmse", rounds, 2, RFE_GO_ON, "");
	check_stop(&rule, "rmse", rounds, 3, RFE_STOP_FEATURES, "stops: 1 feature is left, min_features is 1");
	rule.has_worse = true;
	check_stop(&rule, "rmse", rounds + 2, 1, RFE_STOP_WORSE, "stops: no round has a score");
	check_stop(&rule, "rmse", rounds, 0, RFE_GO_ON, "");
}

/* --- choosing --- */

static void check_choice(enum rfe_choose_kind kind, double tolerance, const char *metric, const struct rfe_round *rounds, size_t count, long want,
	const char *sentence)
{
	struct text_buf reason = {0};
	char *text;

	assert_int_equal(rfe_choose(kind, tolerance, metric_find(metric), rounds, count, &reason), want);
	text = text_take(&reason);
	assert_string_equal(text, sentence);
	free(text);
	assert_int_equal(rfe_choose(kind, tolerance, metric_find(metric), rounds, count, NULL), want);
}

/* Binary fractions, so that what lies on a bar lies there exactly. */
static const struct rfe_round path[] = {{20, 0.75, 0.5, 4, false}, {15, 0.5, 0.25, 4, false}, {10, 0.5625, 9, 4, false}, {5, 0.625, 9, 4, false}, {3, 0.6875, 9, 4, false}, {2, NAN, NAN, 0, false}};

static void rfe__chooses_the_best(void **state)
{
	static const struct rfe_round equal[] = {{9, 0.5, 0.1, 5, false}, {8, 0.5, 0.1, 5, false}, {8, 0.5, 0.1, 5, false}};

	(void)state;
	check_choice(RFE_CHOOSE_BEST, 0, "rmse", path, 6, 1, "round 1 (15 features) has the best rmse, 0.5");
	check_choice(RFE_CHOOSE_BEST, 0, "rmse", equal, 3, 1, "round 1 (8 features) has the best rmse, 0.5");
	check_choice(RFE_CHOOSE_BEST, 0, "auc", path, 6, 0, "round 0 (20 features) has the best auc, 0.75");
}

/* The bar is that of round 1: 0.5 + 0.25 / 2. Round 3 lies on it; the wide deviations of later rounds move nothing. */
static void rfe__one_standard_error_of_the_best(void **state)
{
	static const struct rfe_round alone[] = {{4, 0.5, 0.001, 4, false}, {3, 0.6, 0.1, 4, false}}, single[] = {{4, 0.5, NAN, 1, false}, {3, 0.5001, NAN, 1, false}};

	(void)state;
	check_choice(RFE_CHOOSE_ONE_SE, 0, "rmse", path, 6, 3,
	             "round 3 (5 features) is the smallest whose rmse, 0.625, is within one standard error (0.125) of the best, 0.5 in round 1 (15 "
	             "features)");
	check_choice(RFE_CHOOSE_ONE_SE, 0, "rmse", alone, 2, 0,
	             "round 0 (4 features) has the best rmse, 0.5, and no smaller set comes within one standard error (0.0005) of it");
	check_choice(RFE_CHOOSE_ONE_SE, 0, "rmse", single, 2, 0,
	             "round 0 (4 features) has the best rmse, 0.5; without a standard error, which takes two folds, the best is taken");
	check_choice(RFE_CHOOSE_ONE_SE, 0, "auc", path, 6, 4,
	             "round 4 (3 features) is the smallest whose auc, 0.6875, is within one standard error (0.25) of the best, 0.75 in round 0 (20 "
	             "features)");
}

static void rfe__tolerance_is_a_share_of_the_best(void **state)
{
	static const struct rfe_round same[] = {{9, 100, 1, 5, false}, {5, 100.9, 1, 5, false}, {5, 100.5, 1, 5, false}, {5, 100.5, 1, 5, false}};

	(void)state;
	check_choice(RFE_CHOOSE_TOLERANCE, 0.125, "rmse", path, 6, 2,
	             "round 2 (10 features) is the smallest whose rmse, 0.5625, is within 12.5 % (0.0625) of the best, 0.5 in round 1 (15 features)");
	check_choice(RFE_CHOOSE_TOLERANCE, 0.5, "rmse", path, 6, 4,
	             "round 4 (3 features) is the smallest whose rmse, 0.6875, is within 50 % (0.25) of the best, 0.5 in round 1 (15 features)");
	check_choice(RFE_CHOOSE_TOLERANCE, 0, "rmse", path, 6, 1,
	             "round 1 (15 features) has the best rmse, 0.5, and no smaller set comes within 0 % (0) of it");
	check_choice(RFE_CHOOSE_TOLERANCE, 0.01, "rmse", same, 4, 2,
	             "round 2 (5 features) is the smallest whose rmse, 100.5, is within 1 % (1) of the best, 100 in round 0 (9 features)");
}

static void rfe__rounds_that_miss_constraints_stand_back(void **state)
{
	static const struct rfe_round rounds[] = {{9, 0.5, 0.25, 4, false}, {8, 0.25, 0.25, 4, true}, {7, 0.5625, 9, 4, false}, {6, 0.5, 9, 4, true}};
	static const struct rfe_round all[] = {{9, 0.5, 0.25, 4, true}, {8, 0.25, 0.25, 4, true}}, unscored[] = {{9, NAN, NAN, 0, false}, {8, 0.25, 0.25, 4, true}};

	(void)state;
	check_choice(RFE_CHOOSE_BEST, 0, "rmse", rounds, 4, 0, "round 0 (9 features) has the best rmse, 0.5; 2 rounds that miss the constraints stand back");
	check_choice(RFE_CHOOSE_ONE_SE, 0, "rmse", rounds, 4, 2,
	             "round 2 (7 features) is the smallest whose rmse, 0.5625, is within one standard error (0.125) of the best, 0.5 in round 0 (9 features); 2 rounds that "
	             "miss the constraints stand back");
	check_choice(RFE_CHOOSE_BEST, 0, "rmse", rounds, 2, 0, "round 0 (9 features) has the best rmse, 0.5; 1 round that misses the constraints stands back");
	check_choice(RFE_CHOOSE_BEST, 0, "rmse", all, 2, 1, "round 1 (8 features) has the best rmse, 0.25");
	check_choice(RFE_CHOOSE_BEST, 0, "rmse", unscored, 2, 1, "round 1 (8 features) has the best rmse, 0.25");
}

static void rfe__no_score_no_choice(void **state)
{
	(void)state;
	check_choice(RFE_CHOOSE_ONE_SE, 0, "rmse", path + 5, 1, -1, "no round has a score");
	check_choice(RFE_CHOOSE_BEST, 0, "rmse", path, 0, -1, "no round has a score");
}

static void rfe__sentences_are_joined(void **state)
{
	struct text_buf reason = {0};
	size_t dropped[5];

	(void)state;
	rfe_choose(RFE_CHOOSE_BEST, 0, metric_find("rmse"), path, 6, &reason);
	rfe_drop(&(struct rfe_drop_rule){RFE_DROP_COUNT, .count = 1}, five, 5, dropped, &reason);
	assert_string_equal(reason.data, "round 1 (15 features) has the best rmse, 0.5; drops b (-0.2), the least important of 5");
	text_buf_release(&reason);
}

/* Whatever the importances: all dropped are less important than all kept, the floor holds, nothing is dropped twice. */
static void rfe__drops_are_a_lower_set(void **state)
{
	(void)state;
	for (uint64_t number = 0; number < 300; number++) {
		struct rfe_unit units[12];
		size_t dropped[12], taken, left = 0, n = 1 + address_below(address_hash(number, 0), 12);
		struct rfe_drop_rule rule = {(enum rfe_drop_kind)(number % 2), .count = address_below(address_hash(number, 1), 6),
		                             .fraction = address_unit(address_hash(number, 2)), .min_features = address_below(address_hash(number, 3), 9)};
		bool gone[12] = {false};

		for (size_t u = 0; u < n; u++) {
			uint64_t key = address_hash(address_hash(number, 4), u);

			units[u] = (struct rfe_unit){"x", 1 + address_below(address_hash(key, 0), 3), (double)address_below(address_hash(key, 1), 5), 1};
			left += units[u].features;
		}
		taken = rfe_drop(&rule, units, n, dropped, NULL);
		for (size_t i = 0; i < taken; i++) {
			assert_false(gone[dropped[i]]);
			gone[dropped[i]] = true;
			left -= units[dropped[i]].features;
		}
		assert_true(taken == 0 || (left >= rule.min_features && left >= 1));
		for (size_t a = 0; a < n; a++)
			for (size_t b = 0; b < n; b++)
				if (gone[a] && !gone[b])
					assert_true(units[a].importance < units[b].importance || (units[a].importance == units[b].importance && a > b));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfe__least_important_go_first),
		cmocka_unit_test(rfe__never_below_min_features),
		cmocka_unit_test(rfe__many_names_are_cut),
		cmocka_unit_test(rfe__fraction_is_rounded_down),
		cmocka_unit_test(rfe__groups_go_as_a_whole),
		cmocka_unit_test(rfe__insignificant_are_not_above_zero),
		cmocka_unit_test(rfe__a_check_is_paired),
		cmocka_unit_test(rfe__bisection_finds_the_largest_harmless_set),
		cmocka_unit_test(rfe__unknown_importance_stays),
		cmocka_unit_test(rfe__stops_when_worse_for_long),
		cmocka_unit_test(rfe__stop_knows_the_direction),
		cmocka_unit_test(rfe__stops_at_the_floor_and_the_last_round),
		cmocka_unit_test(rfe__chooses_the_best),
		cmocka_unit_test(rfe__one_standard_error_of_the_best),
		cmocka_unit_test(rfe__tolerance_is_a_share_of_the_best),
		cmocka_unit_test(rfe__rounds_that_miss_constraints_stand_back),
		cmocka_unit_test(rfe__no_score_no_choice),
		cmocka_unit_test(rfe__sentences_are_joined),
		cmocka_unit_test(rfe__drops_are_a_lower_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
