/* Members combined: cases by hand, and naive twins on drawn numbers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engines/address.h"
#include "engines/ensemble/ensemble.h"
#include "engines/ensemble/greedy.h"

#define ROWS 200
#define CLASSES 4
#define MEMBERS 5

static void ensemble__average_by_hand(void **state)
{
	static const double a[] = {1, 2, NAN}, b[] = {3, 5, 1}, c[] = {5, -1, 1}, *const members[] = {a, b, c};
	double out[3];

	(void)state;
	ensemble_average(members, 3, 3, out);
	assert_float_equal(out[0], 3, 0);
	assert_float_equal(out[1], 2, 0);
	assert_true(isnan(out[2]));
	ensemble_average(members, 1, 2, out);
	assert_float_equal(out[1], 2, 0);
}

/* 350 and 30 degrees as sine and cosine: 10, where the mean of the degrees is 190. */
static void ensemble__angles_go_round(void **state)
{
	double turn = acos(-1) / 180, a[2] = {sin(350 * turn), cos(350 * turn)}, b[2] = {sin(30 * turn), cos(30 * turn)}, out[2];
	const double *const members[] = {a, b};

	(void)state;
	ensemble_average(members, 2, 2, out);
	assert_float_equal(atan2(out[0], out[1]) / turn, 10, 1e-12);
}

/* One row, three classes. */
static double vote(const double *const *members, size_t count, double share[3])
{
	double code;

	ensemble_vote(members, count, 1, 3, &code, share);
	return code;
}

static void ensemble__vote_by_hand(void **state)
{
	static const double zero[] = {0.5, 0.3, 0.2}, one[] = {0.1, 0.6, 0.3}, two[] = {0.1, 0.2, 0.7}, tied[] = {0.2, 0.4, 0.4}, none[] = {0.5, NAN, 0.5};
	double share[3];

	(void)state;
	assert_float_equal(vote((const double *const[]){zero, two, two}, 3, share), 2, 0);
	assert_float_equal(share[2], 2.0 / 3, 1e-15);
	assert_float_equal(share[1], 0, 0);
	assert_float_equal(vote((const double *const[]){two, zero}, 2, share), 2, 0); /* a tie: the better member's */
	assert_float_equal(vote((const double *const[]){zero, two}, 2, share), 0, 0);
	assert_float_equal(vote((const double *const[]){zero, two, one, one, two}, 5, share), 2, 0); /* two of each: two was earlier */
	assert_float_equal(vote((const double *const[]){tied}, 1, share), 1, 0);
	assert_float_equal(vote((const double *const[]){none, two, zero, zero}, 4, share), 0, 0);
	assert_float_equal(share[0], 2.0 / 3, 1e-15);
	assert_true(isnan(vote((const double *const[]){none}, 1, share)));
	assert_true(isnan(share[0]));
}

static unsigned choice_of(const double *p, size_t row)
{
	unsigned best = 0;

	for (unsigned c = 1; c < CLASSES; c++)
		best = p[c * ROWS + row] > p[best * ROWS + row] ? c : best;
	return best;
}

/* The twin counts each class anew and asks the members from the worst to the best. */
static void ensemble__vote_equals_its_twin(void **state)
{
	static double p[MEMBERS][ROWS * CLASSES], code[ROWS], share[ROWS * CLASSES];
	const double *members[MEMBERS];
	uint64_t stream = address_text(7, "ensemble");
	unsigned ties = 0;

	(void)state;
	for (size_t m = 0; m < MEMBERS; m++) {
		members[m] = p[m];
		for (size_t i = 0; i < ROWS * CLASSES; i++)
			p[m][i] = address_unit(address_hash(address_hash(stream, m), i));
	}
	ensemble_vote(members, MEMBERS, ROWS, CLASSES, code, share);
	for (size_t i = 0; i < ROWS; i++) {
		unsigned votes[CLASSES] = {0}, most = 0, best = 0, with_most = 0;

		for (size_t m = 0; m < MEMBERS; m++)
			votes[choice_of(p[m], i)]++;
		for (unsigned c = 0; c < CLASSES; c++)
			most = votes[c] > most ? votes[c] : most;
		for (size_t m = MEMBERS; m-- > 0;)
			best = votes[choice_of(p[m], i)] == most ? choice_of(p[m], i) : best;
		for (unsigned c = 0; c < CLASSES; c++) {
			with_most += votes[c] == most;
			assert_float_equal(share[c * ROWS + i], votes[c] / (double)MEMBERS, 1e-15);
		}
		ties += with_most > 1;
		assert_float_equal(code[i], best, 0);
	}
	assert_true(ties > 10);
}

/* ---- greedy selection ---- */

#define FOLDS 3
#define FOLD_ROWS 40

struct greedy_case {
	double truth[FOLDS][FOLD_ROWS], p[FOLDS][MEMBERS][FOLD_ROWS], work[2 * FOLDS * FOLD_ROWS];
	const double *predictions[FOLDS * MEMBERS];
	size_t sizes[FOLDS];
	unsigned seen; /* bits of the folds that were scored */
	struct greedy_pool pool;
};

static double minus_rmse(void *context, size_t fold, const double *combined)
{
	struct greedy_case *c = context;
	double sum = 0;

	c->seen |= 1u << fold;
	for (size_t i = 0; i < FOLD_ROWS; i++)
		sum += (combined[i] - c->truth[fold][i]) * (combined[i] - c->truth[fold][i]);
	return -sqrt(sum / FOLD_ROWS);
}

/* Members with errors of their own; the last is poor. */
static void draw(struct greedy_case *c, uint64_t seed)
{
	*c = (struct greedy_case){.pool = {MEMBERS, FOLDS, c->predictions, c->sizes, minus_rmse, c}};
	for (size_t f = 0; f < FOLDS; f++) {
		c->sizes[f] = FOLD_ROWS;
		for (size_t i = 0; i < FOLD_ROWS; i++)
			c->truth[f][i] = address_unit(address_hash(address_hash(seed, 99), f * FOLD_ROWS + i));
		for (size_t m = 0; m < MEMBERS; m++) {
			c->predictions[f * MEMBERS + m] = c->p[f][m];
			for (size_t i = 0; i < FOLD_ROWS; i++)
				c->p[f][m][i] = c->truth[f][i] + (m == MEMBERS - 1 ? 9 : 1) * (address_unit(address_hash(address_hash(seed, m), f * FOLD_ROWS + i)) - 0.5);
		}
	}
}

/* Mean score of an ensemble given by its counts, from nothing. */
static double naive_score(struct greedy_case *c, size_t except, const unsigned *counts)
{
	double combined[FOLD_ROWS], total = 0;
	unsigned folds = 0;

	for (size_t f = 0; f < FOLDS; f++) {
		if (f == except)
			continue;
		greedy_combine(c->predictions + f * MEMBERS, counts, MEMBERS, FOLD_ROWS, combined);
		total += minus_rmse(c, f, combined);
		folds++;
	}
	return total / folds;
}

static void naive_select(struct greedy_case *c, size_t except, unsigned picks, unsigned *best)
{
	unsigned counts[MEMBERS] = {0};
	double highest = -INFINITY;

	for (unsigned picked = 0; picked < picks; picked++) {
		double scores[MEMBERS];
		size_t most = 0;

		for (size_t m = 0; m < MEMBERS; m++) {
			counts[m]++;
			scores[m] = naive_score(c, except, counts);
			counts[m]--;
			most = scores[m] > scores[most] ? m : most;
		}
		counts[most]++;
		if (!picked || scores[most] > highest + 1e-12 * fabs(highest)) {
			highest = scores[most];
			for (size_t m = 0; m < MEMBERS; m++)
				best[m] = counts[m];
		}
	}
}

static void greedy__equals_its_twin(void **state)
{
	static struct greedy_case c;
	unsigned several = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		draw(&c, seed);
		for (size_t except = 0; except <= FOLDS; except++) {
			unsigned counts[MEMBERS], expected[MEMBERS], used = 0;

			greedy_select(&c.pool, except, 12, counts, c.work);
			naive_select(&c, except, 12, expected);
			for (size_t m = 0; m < MEMBERS; m++) {
				assert_int_equal(counts[m], expected[m]);
				used += counts[m] > 0;
			}
			several += used > 1;
		}
	}
	assert_true(several > 20);
}

static void greedy__does_not_look_at_the_fold_it_leaves_out(void **state)
{
	static struct greedy_case c;
	unsigned counts[MEMBERS], again[MEMBERS];

	(void)state;
	draw(&c, 3);
	greedy_select(&c.pool, 1, 12, counts, c.work);
	assert_int_equal(c.seen, 5);
	for (size_t m = 0; m < MEMBERS; m++)
		for (size_t i = 0; i < FOLD_ROWS; i++)
			c.p[1][m][i] = m == 2 ? c.truth[1][i] : 1e6;
	greedy_select(&c.pool, 1, 12, again, c.work);
	assert_memory_equal(counts, again, sizeof counts);
	greedy_select(&c.pool, FOLDS, 12, again, c.work);
	assert_memory_not_equal(counts, again, sizeof counts);
}

static void greedy__nothing_to_score_takes_the_first(void **state)
{
	static struct greedy_case c;
	unsigned counts[MEMBERS];

	(void)state;
	draw(&c, 4);
	for (size_t f = 0; f < FOLDS; f++)
		c.truth[f][0] = NAN;
	greedy_select(&c.pool, FOLDS, 12, counts, c.work);
	for (size_t m = 0; m < MEMBERS; m++)
		assert_int_equal(counts[m], m == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ensemble__average_by_hand),
		cmocka_unit_test(ensemble__angles_go_round),
		cmocka_unit_test(ensemble__vote_by_hand),
		cmocka_unit_test(ensemble__vote_equals_its_twin),
		cmocka_unit_test(greedy__equals_its_twin),
		cmocka_unit_test(greedy__does_not_look_at_the_fold_it_leaves_out),
		cmocka_unit_test(greedy__nothing_to_score_takes_the_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
