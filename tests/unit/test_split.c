/* Splits against what they promise, on random shapes, and against twins that decide row by row. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engines/address.h"
#include "engines/split/split.h"

#define MAX_ROWS 400

/* A random request; every draw is a hash of the case's number. */
struct shape {
	struct split_request request;
	uint32_t stratum[MAX_ROWS], group[MAX_ROWS];
	uint8_t flag[MAX_ROWS];
	double order[MAX_ROWS], column[MAX_ROWS];
	size_t strata;
};

static uint64_t draw(uint64_t number, const char *what, uint64_t count)
{
	return address_below(address_hash(address_text(7, what), number), count);
}

static void shape_make(struct shape *s, uint64_t number, enum split_kind kind)
{
	size_t groups = 12 + draw(number, "groups", 40);

	memset(s, 0, sizeof(*s));
	s->strata = 1 + draw(number, "strata", 6);
	s->request = (struct split_request){.rows = 60 + draw(number, "rows", MAX_ROWS - 60),
	                                    .seed = number,
	                                    .kind = kind,
	                                    .k = 2 + (unsigned)draw(number, "k", 7),
	                                    .repeats = 1,
	                                    .shuffle = draw(number, "shuffle", 2),
	                                    .holdout_fraction = draw(number, "holds", 2) ? 0.2 : 0};
	if (s->request.shuffle && (kind == SPLIT_KFOLD || kind == SPLIT_GROUP))
		s->request.repeats = 1 + (unsigned)draw(number, "repeats", 4);
	for (size_t i = 0; i < s->request.rows; i++) {
		uint64_t row = number * MAX_ROWS + i;

		s->stratum[i] = (uint32_t)(i < s->strata ? i : draw(row, "stratum", s->strata));
		s->group[i] = (uint32_t)(i < groups ? i : draw(row, "group", groups) * draw(row, "skew", groups) / groups);
		s->order[i] = (double)draw(row, "order", 100) - 50;
		s->column[i] = draw(row, "unused", 9) ? (double)draw(row, "column", 5) * 10 - 7 : NAN;
	}
	if (draw(number, "stratified", 2) || kind == SPLIT_TIME)
		s->request.stratum = s->stratum;
	s->request.group = s->group;
	s->request.group_count = groups;
	s->request.order = s->order;
	s->request.fold_column = s->column;
	if (kind == SPLIT_TIME && draw(number, "window", 2))
		s->request.window = 1 + (int64_t)draw(number, "windows", 30);
	if (kind == SPLIT_TIME && draw(number, "gap", 2))
		s->request.gap = (int64_t)draw(number, "gaps", 5);
}

static struct split *must_build(const struct split_request *request)
{
	struct split *split = NULL;
	struct orch_err err = {0};

	if (split_build(request, &split, &err) != 0)
		fail_msg("%s", err.text);
	return split;
}

static size_t count_of(const struct split *split, unsigned repeat, unsigned fold, const uint32_t *stratum, uint32_t code)
{
	size_t count = 0;

	for (size_t i = 0; i < split->rows; i++)
		count += split->fold[repeat * split->rows + i] == fold && (!stratum || stratum[i] == code);
	return count;
}

static void must_refuse(const struct split_request *request, const char *want)
{
	struct split *split = NULL;
	struct orch_err err = {0};

	if (split_build(request, &split, &err) != ORCH_EINPUT || split)
		fail_msg("not refused with \"%s\": %s", want, err.text);
	if (!strstr(err.text, want))
		fail_msg("\"%s\" lacks \"%s\"", err.text, want);
}

/* --- what every split promises --- */

static bool contains(const uint32_t *rows, size_t count, uint32_t row)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i] == row)
			return true;
	return false;
}

static void check_partition(const struct split *split)
{
	uint8_t *tested = calloc(split->rows, 1);

	for (unsigned r = 0; r < split->repeats; r++) {
		memset(tested, 0, split->rows);
		for (unsigned f = 0; f < split->k; f++) {
			uint32_t *train, *test;
			size_t trains, tests;

			assert_int_equal(split_rows(split, (int)(r * split->k + f), &train, &trains, &test, &tests, NULL), 0);
			assert_true(trains > 0 && tests > 0);
			for (size_t i = 0; i < tests; i++) {
				assert_true(i == 0 || test[i] > test[i - 1]);
				assert_int_equal(tested[test[i]]++, 0);
				assert_int_not_equal(split->fold[test[i]], SPLIT_HOLDOUT);
			}
			for (size_t i = 0; i < trains; i++) {
				assert_true(i == 0 || train[i] > train[i - 1]);
				assert_false(contains(test, tests, train[i]));
				assert_int_not_equal(split->fold[train[i]], SPLIT_HOLDOUT);
			}
			if (split->kind != SPLIT_TIME)
				assert_int_equal(trains + tests + count_of(split, r, SPLIT_HOLDOUT, NULL, 0), split->rows);
			free(train);
			free(test);
		}
		for (size_t i = 0; i < split->rows; i++) {
			unsigned fold = split->fold[r * split->rows + i];
			bool once = fold != SPLIT_HOLDOUT && fold != SPLIT_UNUSED && !(split->kind == SPLIT_TIME && fold == 0);

			assert_int_equal(tested[i], once);
		}
	}
	free(tested);
}

static void split__every_row_tested_once_a_repeat(void **state)
{
	static const enum split_kind kinds[] = {SPLIT_KFOLD, SPLIT_GROUP, SPLIT_TIME, SPLIT_COLUMN};
	struct shape s;

	(void)state;
	for (uint64_t number = 0; number < 200; number++) {
		struct split *split;

		shape_make(&s, number, kinds[number % 4]);
		split = must_build(&s.request);
		check_partition(split);
		split_release(split);
	}
}

static void split__shares_within_one_row(void **state)
{
	struct shape s;

	(void)state;
	for (uint64_t number = 0; number < 200; number++) {
		struct split *split;
		size_t held;

		shape_make(&s, number, SPLIT_KFOLD);
		split = must_build(&s.request);
		held = count_of(split, 0, SPLIT_HOLDOUT, NULL, 0);
		assert_int_equal(held, (size_t)round(s.request.holdout_fraction * (double)s.request.rows));
		for (unsigned r = 0; r < split->repeats; r++)
			for (unsigned f = 0; f < split->k; f++) {
				double ideal = (double)(split->rows - held) / split->k;

				assert_true(fabs((double)count_of(split, r, f, NULL, 0) - ideal) < 1);
				for (uint32_t c = 0; s.request.stratum && c < s.strata; c++) {
					size_t all = 0;

					for (unsigned other = 0; other < split->k; other++)
						all += count_of(split, r, other, s.stratum, c);
					assert_true(fabs((double)count_of(split, r, f, s.stratum, c) - (double)all / split->k) < 1);
				}
			}
		for (uint32_t c = 0; held && s.request.stratum && c < s.strata; c++) {
			size_t all = 0;

			for (size_t i = 0; i < split->rows; i++)
				all += s.stratum[i] == c;
			assert_true(fabs((double)count_of(split, 0, SPLIT_HOLDOUT, s.stratum, c) -
			                 (double)all * (double)held / (double)split->rows) < 1);
		}
		split_release(split);
	}
}

static void split__groups_stay_whole(void **state)
{
	struct shape s;

	(void)state;
	for (uint64_t number = 0; number < 200; number++) {
		struct split *split;

		shape_make(&s, number, SPLIT_GROUP);
		split = must_build(&s.request);
		for (unsigned r = 0; r < split->repeats; r++)
			for (size_t i = 0; i < split->rows; i++)
				for (size_t j = 0; j < i; j++)
					if (s.group[i] == s.group[j])
						assert_int_equal(split->fold[r * split->rows + i], split->fold[r * split->rows + j]);
		if (s.request.holdout_fraction > 0)
			assert_true(count_of(split, 0, SPLIT_HOLDOUT, NULL, 0) > 0);
		split_release(split);
	}
}

/* Greedy placing never leaves two folds further apart than the biggest group. */
static void split__groups_are_balanced(void **state)
{
	struct shape s;

	(void)state;
	for (uint64_t number = 0; number < 100; number++) {
		size_t size[MAX_ROWS] = {0}, biggest = 0, low = SIZE_MAX, high = 0;
		struct split *split;

		shape_make(&s, number, SPLIT_GROUP);
		s.request.stratum = NULL;
		split = must_build(&s.request);
		for (size_t i = 0; i < split->rows; i++)
			if (split->fold[i] != SPLIT_HOLDOUT && ++size[s.group[i]] > biggest)
				biggest = size[s.group[i]];
		for (unsigned f = 0; f < split->k; f++) {
			size_t n = count_of(split, 0, f, NULL, 0);

			low = n < low ? n : low;
			high = n > high ? n : high;
		}
		assert_true(high - low <= biggest);
		split_release(split);
	}
}

/* 60 groups of 5 rows, a fifth of them all of class 1: with strata every fold gets 3 of those 12 groups. */
static void split__groups_follow_strata(void **state)
{
	struct shape s;
	struct split *split;

	(void)state;
	shape_make(&s, 1, SPLIT_GROUP);
	s.request = (struct split_request){.rows = 300, .seed = 3, .kind = SPLIT_GROUP, .k = 4, .repeats = 3, .shuffle = true,
	                                   .group = s.group, .group_count = 60, .stratum = s.stratum};
	for (size_t i = 0; i < 300; i++) {
		s.group[i] = (uint32_t)(i / 5);
		s.stratum[i] = i / 5 % 5 == 0;
	}
	split = must_build(&s.request);
	for (unsigned r = 0; r < 3; r++)
		for (unsigned f = 0; f < 4; f++) {
			assert_int_equal(count_of(split, r, f, s.stratum, 1), 15);
			assert_int_equal(count_of(split, r, f, s.stratum, 0), 60);
		}
	assert_memory_not_equal(split->fold, split->fold + 300, 300);
	split_release(split);
	s.request.holdout_fraction = 0.2;
	split = must_build(&s.request);
	assert_in_range(count_of(split, 0, SPLIT_HOLDOUT, s.stratum, 1), 10, 15);
	assert_in_range(count_of(split, 0, SPLIT_HOLDOUT, s.stratum, 0), 45, 50);
	split_release(split);
}

/* The sum over strata, and over all rows, of ((rows here - share of them) / rows)^2; here[row]: is the row here? */
static double imbalance(
        const struct shape *s, const struct split *split, const bool *here, double share, bool skip_holdout)
{
	double sum = 0;

	for (uint32_t c = 0; c <= s->strata; c++) { /* the last for all rows */
		double have = 0, all = 0;

		if (c < s->strata && !s->request.stratum)
			continue;
		for (size_t i = 0; i < split->rows; i++) {
			bool counts = (c == s->strata || s->stratum[i] == c) &&
			              !(skip_holdout && split->fold[i] == SPLIT_HOLDOUT);

			all += counts;
			have += counts && here[i];
		}
		sum += all > 0 ? pow((have - share * all) / all, 2) : 0;
	}
	return sum;
}

struct walker {
	uint64_t first, second;
	uint32_t group;
};

static int compare_walkers(const void *left, const void *right)
{
	const struct walker *a = left, *b = right;

	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	return a->second < b->second ? -1 : a->second > b->second;
}

/* Groups with rows (outside the holdout, when asked) in the documented order: holdout by hash, folds by size class and
 * hash. */
static size_t walk_groups(
        const struct shape *s, const struct split *split, const char *purpose, bool folds, struct walker *out)
{
	uint64_t key = address_text(address_text(s->request.seed, "split"), purpose);
	size_t count = 0;

	for (uint32_t g = 0; g < s->request.group_count; g++) {
		size_t size = 0;

		for (size_t i = 0; i < split->rows; i++)
			size += s->group[i] == g && !(folds && split->fold[i] == SPLIT_HOLDOUT);
		if (size == 0)
			continue;
		out[count] = (struct walker){0, address_hash(folds ? address_hash(key, 0) : key, g), g};
		if (folds && s->request.shuffle)
			out[count].first = 63 - (uint64_t)log2((double)size);
		if (folds && !s->request.shuffle)
			out[count] = (struct walker){1000 - size, g, g};
		count++;
	}
	qsort(out, count, sizeof(*out), compare_walkers);
	return count;
}

static void set_group(const struct shape *s, const struct split *split, uint32_t group, bool *here, bool value)
{
	for (size_t i = 0; i < split->rows; i++)
		if (s->group[i] == group)
			here[i] = value;
}

static unsigned place_of(const struct shape *s, const struct split *split, uint32_t group)
{
	size_t i = 0;

	while (s->group[i] != group)
		i++;
	return split->fold[i];
}

/* Each group goes where the imbalance, counted anew from all rows, grows least. */
static void check_placing(const struct shape *s, const struct split *split)
{
	static bool here[10][MAX_ROWS];
	struct walker walk[MAX_ROWS];
	size_t count = walk_groups(s, split, "groups", true, walk);

	memset(here, 0, sizeof(here));
	for (size_t w = 0; w < count; w++) {
		unsigned chosen = place_of(s, split, walk[w].group);
		double change[10], least = INFINITY;

		for (unsigned f = 0; f < split->k; f++) {
			double before = imbalance(s, split, here[f], 0, true);

			set_group(s, split, walk[w].group, here[f], true);
			change[f] = imbalance(s, split, here[f], 0, true) - before;
			set_group(s, split, walk[w].group, here[f], false);
			least = fmin(least, change[f]);
		}
		assert_true(change[chosen] <= least + 1e-12);
		set_group(s, split, walk[w].group, here[chosen], true);
	}
}

static void check_holdout_drawing(const struct shape *s, const struct split *split)
{
	bool here[MAX_ROWS] = {false};
	struct walker walk[MAX_ROWS];
	size_t count = walk_groups(s, split, "holdout", false, walk), taken = 0;

	for (size_t w = 0; w < count && count - taken > split->k; w++) {
		bool is_taken = place_of(s, split, walk[w].group) == SPLIT_HOLDOUT;
		double before = imbalance(s, split, here, s->request.holdout_fraction, false), after;

		set_group(s, split, walk[w].group, here, true);
		after = imbalance(s, split, here, s->request.holdout_fraction, false);
		assert_true(is_taken ? after < before + 1e-12 : after > before - 1e-12);
		set_group(s, split, walk[w].group, here, is_taken);
		taken += is_taken;
	}
}

static void split__groups_equal_naive_greed(void **state)
{
	struct shape s;

	(void)state;
	for (uint64_t number = 0; number < 60; number++) {
		struct split *split;

		shape_make(&s, number, SPLIT_GROUP);
		split = must_build(&s.request);
		check_placing(&s, split);
		if (s.request.holdout_fraction > 0)
			check_holdout_drawing(&s, split);
		split_release(split);
	}
}

/* --- time --- */

static void check_time(const struct shape *s, const struct split *split)
{
	for (int f = 0; f < (int)split->k; f++) {
		uint32_t *train, *test, first = UINT32_MAX, last = 0;
		size_t trains, tests;

		assert_int_equal(split_rows(split, f, &train, &trains, &test, &tests, NULL), 0);
		for (size_t i = 0; i < tests; i++)
			first = split->rank[test[i]] < first ? split->rank[test[i]] : first;
		for (size_t i = 0; i < trains; i++) {
			last = split->rank[train[i]] > last ? split->rank[train[i]] : last;
			for (size_t j = 0; j < tests; j++)
				assert_true(s->order[train[i]] <= s->order[test[j]]);
		}
		assert_int_equal(first - last - 1, s->request.gap);
		if (s->request.window > 0)
			assert_true(trains <= (size_t)s->request.window);
		if (s->request.window == 0 || trains < (size_t)s->request.window)
			assert_int_equal(trains, last + 1);
		free(train);
		free(test);
	}
}

static void split__time_never_trains_on_the_future(void **state)
{
	struct shape s;

	(void)state;
	for (uint64_t number = 0; number < 100; number++) {
		struct split *split;

		shape_make(&s, number, SPLIT_TIME);
		split = must_build(&s.request);
		check_time(&s, split);
		for (size_t i = 0; i < split->rows; i++)
			for (size_t j = 0; split->fold[i] == SPLIT_HOLDOUT && j < split->rows; j++)
				assert_true(split->fold[j] == SPLIT_HOLDOUT || s.order[j] <= s.order[i]);
		split_release(split);
	}
}

static void split__time_by_hand(void **state)
{
	double order[10] = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
	struct split_request request = {.rows = 10, .kind = SPLIT_TIME, .k = 3, .repeats = 1, .order = order, .holdout_fraction = 0.2,
	                                .gap = 1, .window = 2};
	static const uint8_t want[10] = {SPLIT_HOLDOUT, SPLIT_HOLDOUT, 3, 3, 2, 2, 1, 1, 0, 0};
	struct split *split = must_build(&request);
	uint32_t *train, *test;
	size_t trains, tests;

	(void)state;
	assert_memory_equal(split->fold, want, 10);
	assert_int_equal(split_rows(split, 1, &train, &trains, &test, &tests, NULL), 0);
	assert_int_equal(trains, 2); /* positions 1 and 2: rows 8 and 7; position 3 is the gap */
	assert_true(train[0] == 7 && train[1] == 8);
	assert_int_equal(tests, 2);
	assert_true(test[0] == 4 && test[1] == 5);
	free(train);
	free(test);
	assert_int_equal(split_rows(split, -1, &train, &trains, &test, &tests, NULL), 0);
	assert_true(trains == 2 && train[0] == 3 && train[1] == 4);
	assert_true(tests == 2 && test[0] == 0 && test[1] == 1);
	free(train);
	free(test);
	split_release(split);
	request.holdout_fraction = 0; /* nothing is tested: the gap keeps nothing apart */
	request.window = 0;
	split = must_build(&request);
	assert_int_equal(split_rows(split, -1, &train, &trains, &test, &tests, NULL), 0);
	assert_true(trains == 10 && tests == 0);
	free(train);
	free(test);
	split_release(split);
}

/* --- twins that look at one row at a time, in any order --- */

static bool comes_before(uint32_t stratum_a, uint64_t hash_a, uint32_t stratum_b, uint64_t hash_b)
{
	return stratum_a != stratum_b ? stratum_a < stratum_b : hash_a < hash_b;
}

static unsigned fold_of_row(const struct shape *s, const struct split *split, unsigned repeat, size_t row)
{
	uint64_t key = address_hash(address_text(address_text(s->request.seed, "split"), "folds"), repeat);
	size_t before = 0;

	if (split->fold[row] == SPLIT_HOLDOUT)
		return SPLIT_HOLDOUT;
	for (size_t i = 0; i < split->rows; i++)
		before += split->fold[i] != SPLIT_HOLDOUT && comes_before(s->request.stratum ? s->stratum[i] : 0, address_hash(key, i),
		                                                          s->request.stratum ? s->stratum[row] : 0, address_hash(key, row));
	return (unsigned)(before % split->k);
}

static void split__equals_row_by_row_twin(void **state)
{
	struct shape s;

	(void)state;
	for (uint64_t number = 0; number < 40; number++) {
		struct split *split;

		shape_make(&s, number, SPLIT_KFOLD);
		s.request.shuffle = true;
		split = must_build(&s.request);
		for (unsigned r = 0; r < split->repeats; r++)
			for (size_t i = split->rows; i-- > 0;)
				assert_int_equal(split->fold[r * split->rows + i], fold_of_row(&s, split, r, i));
		split_release(split);
	}
}

static void split__same_twice_other_by_seed(void **state)
{
	static const enum split_kind kinds[] = {SPLIT_KFOLD, SPLIT_GROUP};
	struct shape s;

	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		struct split *a, *b;

		shape_make(&s, 11, kinds[k]);
		s.request.shuffle = true;
		s.request.repeats = 2;
		a = must_build(&s.request);
		b = must_build(&s.request);
		assert_memory_equal(a->fold, b->fold, 2 * a->rows);
		assert_memory_not_equal(a->fold, a->fold + a->rows, a->rows);
		split_release(b);
		s.request.seed++;
		b = must_build(&s.request);
		assert_memory_not_equal(a->fold, b->fold, a->rows);
		split_release(a);
		split_release(b);
	}
}

static void split__unshuffled_takes_neighbours(void **state)
{
	struct split_request request = {.rows = 11, .seed = 1, .kind = SPLIT_KFOLD, .k = 3, .repeats = 1};
	static const uint8_t plain[11] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2};
	static const uint32_t stratum[11] = {1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1};
	static const uint8_t strata[11] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2};
	struct split *split = must_build(&request);

	(void)state;
	assert_memory_equal(split->fold, plain, 11);
	split_release(split);
	request.stratum = stratum;
	split = must_build(&request);
	/* stratum 0 holds positions 0-4: two of fold 0, two of 1, one of 2; stratum 1 positions 5-10: two of each */
	assert_memory_equal(split->fold, strata, 11);
	split_release(split);
}

static void split__column_is_taken_as_it_is(void **state)
{
	static const double column[8] = {30, -1, NAN, 7, 30, 7, -1, 99};
	static const uint8_t flag[8] = {0, 0, 0, 0, 0, 0, 0, 1};
	static const uint8_t want[8] = {2, 0, SPLIT_UNUSED, 1, 2, 1, 0, SPLIT_HOLDOUT};
	struct split_request request = {.rows = 8, .kind = SPLIT_COLUMN, .k = 5, .repeats = 1, .fold_column = column, .holdout_flag = flag,
	                                .holdout_fraction = 0.9};
	struct split *split = must_build(&request);
	uint32_t *train, *test;
	size_t trains, tests;

	(void)state;
	assert_int_equal(split->k, 3);
	assert_memory_equal(split->fold, want, 8);
	assert_int_equal(split_rows(split, 0, &train, &trains, &test, &tests, NULL), 0);
	assert_true(tests == 2 && test[0] == 1 && test[1] == 6);
	assert_true(trains == 5 && train[1] == 2); /* an unused row is trained on */
	free(train);
	free(test);
	split_release(split);
}

/* --- strata --- */

static void split__strata_cross_and_bin(void **state)
{
	static const double ten[10] = {5, 1, 1, 1, 1, 2, 9, NAN, 8, 7}, letter[10] = {0, 0, 1, 1, 0, 1, 0, 0, NAN, 1};
	static const uint32_t bins[10] = {1, 0, 0, 0, 0, 1, 2, 3, 2, 2}, both[10] = {2, 0, 1, 1, 0, 3, 4, 7, 6, 5};
	uint32_t stratum[10] = {0};

	(void)state;
	/* nine numbers in three bins: 1 1 1 | 1 2 5 | 7 8 9, and the tie of ones stays in the first */
	assert_int_equal(split_strata_cross(stratum, 10, ten, 3), 4);
	assert_memory_equal(stratum, bins, sizeof(bins));
	assert_int_equal(split_strata_cross(stratum, 10, letter, 0), 8);
	assert_memory_equal(stratum, both, sizeof(both));
}

static void split__strata_bins_equal_naive(void **state)
{
	double values[300];

	(void)state;
	for (uint64_t number = 0; number < 20; number++) {
		size_t n = 50 + draw(number, "n", 250), distinct = 0;
		unsigned bins = 2 + (unsigned)draw(number, "bins", 12);
		uint32_t stratum[300] = {0}, naive[300];
		bool used[16] = {false};

		for (size_t i = 0; i < n; i++)
			values[i] = (double)draw(number * 1000 + i, "value", 40);
		for (size_t i = 0; i < n; i++) {
			size_t below = 0;

			for (size_t j = 0; j < n; j++)
				below += values[j] < values[i];
			naive[i] = (uint32_t)(below * bins / n);
			used[naive[i]] = true;
		}
		for (unsigned b = 0; b < bins; b++)
			distinct += used[b];
		assert_int_equal(split_strata_cross(stratum, n, values, bins), distinct);
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < n; j++)
				assert_int_equal(stratum[i] < stratum[j], naive[i] < naive[j]);
	}
}

/* --- bytes --- */

static void split__encode_reads_back(void **state)
{
	static const enum split_kind kinds[] = {SPLIT_KFOLD, SPLIT_GROUP, SPLIT_TIME, SPLIT_COLUMN};
	struct shape s;

	(void)state;
	for (uint64_t number = 0; number < 20; number++) {
		struct split *split, *back = NULL;
		void *bytes = NULL, *again = NULL;
		size_t length, length_again;

		shape_make(&s, number, kinds[number % 4]);
		split = must_build(&s.request);
		assert_int_equal(split_encode(split, &bytes, &length), 0);
		assert_int_equal(split_decode(bytes, length, &back, NULL), 0);
		assert_int_equal(split_encode(back, &again, &length_again), 0);
		assert_int_equal(length, length_again);
		assert_memory_equal(bytes, again, length);
		assert_int_equal(back->gap, split->gap);
		split_release(split);
		split_release(back);
		free(bytes);
		free(again);
	}
}

static void must_be_damaged(const uint8_t *bytes, size_t length)
{
	struct split *split = NULL;
	struct orch_err err = {0};
	uint8_t *copy = malloc(length + 1); /* exact, so that a sanitizer sees a read behind the end */

	memcpy(copy, bytes, length);
	copy = realloc(copy, length ? length : 1);
	assert_int_equal(split_decode(copy, length, &split, &err), ORCH_EDAMAGED);
	assert_null(split);
	assert_non_null(strstr(err.text, "the folds are damaged"));
	free(copy);
}

static void split__decode_refuses_damage(void **state)
{
	struct shape s;
	struct split *split;
	uint8_t *bytes;
	size_t length;

	(void)state;
	shape_make(&s, 5, SPLIT_TIME);
	split = must_build(&s.request);
	assert_int_equal(split_encode(split, (void **)&bytes, &length), 0);
	for (size_t cut = 0; cut < length; cut += 1 + cut / 8)
		must_be_damaged(bytes, cut);
	for (size_t at = 0; at < 40; at++) { /* the header but window and gap */
		bytes[at] ^= 0x55;
		must_be_damaged(bytes, length);
		bytes[at] ^= 0x55;
	}
	bytes[56] = 77; /* a fold that there is not */
	must_be_damaged(bytes, length);
	bytes[56] = 0;
	memset(bytes + 56 + split->rows, 0, 8); /* two rows of one rank */
	must_be_damaged(bytes, length);
	free(bytes);
	split_release(split);
}

/* --- what is refused --- */

static void split__says_what_is_wrong(void **state)
{
	struct shape s;
	struct split_request good;

	(void)state;
	shape_make(&s, 2, SPLIT_KFOLD);
	good = s.request;
	good.repeats = 1;
#define REFUSE(change, text)                     \
	do {                                     \
		struct split_request bad = good; \
		change;                          \
		must_refuse(&bad, text);         \
	} while (0)
	REFUSE(bad.rows = 1, "1 rows cannot be split");
	REFUSE(bad.k = 1, "split.folds.k: 1 is too few");
	REFUSE(bad.k = 201, "k x repeats is 201; at most 200");
	REFUSE((bad.repeats = 60, bad.k = 4), "k x repeats is 240");
	REFUSE(bad.repeats = 0, "repeats must be at least 1");
	REFUSE((bad.repeats = 2, bad.shuffle = false), "nothing is shuffled");
	REFUSE(bad.holdout_fraction = 1, "split.holdout: 1 is no fraction");
	REFUSE(bad.holdout_fraction = NAN, "is no fraction");
	REFUSE(bad.holdout_fraction = 1e-4, "less than one row");
	REFUSE((bad.rows = 3, bad.k = 4, bad.holdout_fraction = 0), "3 of 3 rows remain beside the holdout, too few for 4 folds");
	good.kind = SPLIT_TIME;
	good.k = 3;
	REFUSE(bad.repeats = 2, "time gives their order");
	REFUSE(bad.gap = 1000, "split.folds.gap: 1000 rows leave nothing to train on");
	REFUSE(bad.window = -1, "cannot be negative");
	REFUSE((bad.rows = 4, bad.k = 4), "blocks of time (k + 1)");
	s.order[3] = NAN;
	must_refuse(&good, "row 3 has no value to order by");
	good.kind = SPLIT_COLUMN;
	good.holdout_fraction = 0;
	REFUSE(bad.repeats = 2, "a column gives them");
	s.column[0] = 1.5;
	must_refuse(&good, "1.5 in row 0 is no fold number");
	for (size_t i = 0; i < MAX_ROWS; i++)
		s.column[i] = 1;
	must_refuse(&good, "1 fold number outside the holdout; at least 2");
	for (size_t i = 0; i < MAX_ROWS; i++)
		s.column[i] = (double)i;
	good.rows = 300;
	must_refuse(&good, "more than 200 different fold numbers");
#undef REFUSE
}

static void split__says_what_is_wrong_with_groups(void **state)
{
	static const uint32_t two[8] = {0, 0, 0, 0, 1, 1, 1, 1};
	static const uint8_t flag[8] = {0, 0, 0, 0, 1, 1, 1, 1};
	struct split_request request = {.rows = 8, .kind = SPLIT_GROUP, .k = 3, .repeats = 1, .shuffle = true, .group = two, .group_count = 2};

	(void)state;
	must_refuse(&request, "2 groups cannot fill 3 folds");
	request.k = 2;
	request.holdout_flag = flag;
	must_refuse(&request, "1 groups outside the holdout cannot fill 2 folds");
	request.holdout_flag = NULL;
	request.holdout_fraction = 0.15;
	must_refuse(&request, "no whole group of the 2 comes near 0.15");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split__every_row_tested_once_a_repeat),
		cmocka_unit_test(split__shares_within_one_row),
		cmocka_unit_test(split__groups_stay_whole),
		cmocka_unit_test(split__groups_are_balanced),
		cmocka_unit_test(split__groups_follow_strata),
		cmocka_unit_test(split__groups_equal_naive_greed),
		cmocka_unit_test(split__time_never_trains_on_the_future),
		cmocka_unit_test(split__time_by_hand),
		cmocka_unit_test(split__equals_row_by_row_twin),
		cmocka_unit_test(split__same_twice_other_by_seed),
		cmocka_unit_test(split__unshuffled_takes_neighbours),
		cmocka_unit_test(split__column_is_taken_as_it_is),
		cmocka_unit_test(split__strata_cross_and_bin),
		cmocka_unit_test(split__strata_bins_equal_naive),
		cmocka_unit_test(split__encode_reads_back),
		cmocka_unit_test(split__decode_refuses_damage),
		cmocka_unit_test(split__says_what_is_wrong),
		cmocka_unit_test(split__says_what_is_wrong_with_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
