/* Fronts of several objectives: by hand, and against the definition on random problems. */
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
#include "engines/search/pareto.h"

#define MAX 60

static void check_front(const struct pareto_problem *problem, const size_t *want, size_t want_count)
{
	size_t front[MAX], count = 99;

	assert_int_equal(pareto_front(problem, front, &count, NULL), 0);
	assert_int_equal(count, want_count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(front[i], want[i]);
}

static void pareto__two_objectives(void **state)
{
	/* rmse, seconds */
	const double values[] = {3, 1, 1, 5, 2, 2, 2, 3, 3, 0.5, 1, 5, NAN, 0, 4, 0.5};
	const bool down[2] = {false, false};
	const struct pareto_problem problem = {.trials = 8, .objectives = 2, .values = values, .maximise = down};
	size_t best;

	(void)state;
	check_front(&problem, (const size_t[]){1, 5, 2, 4}, 4); /* equal ones both, the earlier first; (3, 1) is beaten by (3, 0.5) */
	assert_int_equal(pareto_best(&problem, &best, NULL), 0);
	assert_int_equal(best, 1);
}

static void pareto__directions(void **state)
{
	const double values[] = {0.9, 10, 0.8, 5, 0.95, 20, 0.7, 6};
	const bool accuracy_up[2] = {true, false}, both_up[2] = {true, true};
	struct pareto_problem problem = {.trials = 4, .objectives = 2, .values = values, .maximise = accuracy_up};

	(void)state;
	check_front(&problem, (const size_t[]){2, 0, 1}, 3);
	problem.maximise = both_up;
	check_front(&problem, (const size_t[]){2}, 1);
}

static void pareto__constraints_come_first(void **state)
{
	const double values[] = {1, 2, 3, 4, 5}, constrained[] = {9, 0.5, 4, 0.5, 5, 0.9, NAN, 0.9, 5, 0.1};
	const struct pareto_constraint constraints[] = {{.bound = 5}, {.bound = 0.8, .at_least = true}};
	const bool down = false;
	struct pareto_problem problem = {.trials = 5, .objectives = 1, .values = values, .maximise = &down,
	                                 .constraint_count = 2, .constrained = constrained, .constraints = constraints};

	(void)state;
	assert_true(pareto_feasible(&problem, 2));
	assert_false(pareto_feasible(&problem, 1) || pareto_feasible(&problem, 3));
	check_front(&problem, (const size_t[]){2}, 1); /* the only one that meets both */
	assert_true(pareto_beats(&problem, 2, 0) && pareto_beats(&problem, 1, 0) && !pareto_beats(&problem, 0, 1) && pareto_beats(&problem, 0, 3));
	problem.trials = 2;
	check_front(&problem, (const size_t[]){1}, 1); /* none does: 1 misses by 0.3, 0 by 4.3 */
}

static void pareto__nothing_known(void **state)
{
	const double values[] = {NAN, 1, 1, NAN};
	const bool down[2] = {false, false};
	const struct pareto_problem problem = {.trials = 2, .objectives = 2, .values = values, .maximise = down};
	size_t best = 0, ranks[2];

	(void)state;
	check_front(&problem, NULL, 0);
	assert_int_equal(pareto_best(&problem, &best, NULL), 0);
	assert_true(best == SIZE_MAX);
	assert_int_equal(pareto_ranks(&problem, ranks, NULL), 0);
	assert_true(ranks[0] == SIZE_MAX && ranks[1] == SIZE_MAX);
}

static void pareto__hypervolume_of_slabs(void **state)
{
	const double values[] = {1, 3, 2, 2, 3, 1, 2, 3, 5, 0, 0, 9};
	const bool down[2] = {false, false}, up[2] = {true, true};
	struct pareto_problem problem = {.trials = 6, .objectives = 2, .values = values, .maximise = down};
	double area;

	(void)state;
	assert_int_equal(pareto_hypervolume(&problem, (const double[]){4, 4}, &area, NULL), 0);
	assert_float_equal(area, 6, 1e-12); /* 3 + 2 + 1: slabs of heights 1; the last two trials lie beyond the reference */
	problem.maximise = up;
	problem.trials = 3;
	assert_int_equal(pareto_hypervolume(&problem, (const double[]){0, 0}, &area, NULL), 0);
	assert_float_equal(area, 6, 1e-12);
	problem.objectives = 1;
	assert_int_equal(pareto_hypervolume(&problem, (const double[]){0, 0}, &area, NULL), 0);
	assert_true(isnan(area));
}

/* Fronts by the definition; small whole numbers, so that many are equal. */
static void pareto__equals_the_definition(void **state)
{
	const struct pareto_constraint constraint = {.bound = 2};

	(void)state;
	for (uint64_t number = 0; number < 400; number++) {
		double values[MAX * 3], constrained[MAX];
		bool maximise[3];
		struct pareto_problem problem = {.trials = 1 + number % MAX, .objectives = 1 + number % 3, .values = values, .maximise = maximise,
		                                 .constrained = constrained, .constraints = &constraint, .constraint_count = number % 2};
		size_t front[MAX], ranks[MAX], count, members = 0;

		for (unsigned i = 0; i < MAX * 3; i++)
			values[i] = address_below(address_hash(number, i), 20) == 0 ? NAN : (double)address_below(address_hash(number + 1, i), 6);
		for (unsigned i = 0; i < MAX; i++)
			constrained[i] = (double)address_below(address_hash(number + 2, i), number % 7 ? 5 : 2) + (number % 5 ? 0 : 3);
		for (unsigned k = 0; k < 3; k++)
			maximise[k] = number >> k & 1;
		assert_int_equal(pareto_front(&problem, front, &count, NULL), 0);
		assert_int_equal(pareto_ranks(&problem, ranks, NULL), 0);
		for (size_t t = 0; t < problem.trials; t++) {
			bool in = true, listed = false, unknown = false;

			for (size_t k = 0; k < problem.objectives; k++)
				unknown = unknown || isnan(values[t * problem.objectives + k]);
			for (size_t other = 0; other < problem.trials; other++)
				in = in && !pareto_beats(&problem, other, t);
			for (size_t i = 0; i < count; i++)
				listed = listed || front[i] == t;
			assert_int_equal(in && !unknown, listed);
			assert_int_equal(listed, ranks[t] == 0);
			assert_int_equal(unknown, ranks[t] == SIZE_MAX);
			members += listed;
			for (size_t other = 0; other < problem.trials; other++)
				if (!unknown && pareto_beats(&problem, other, t))
					assert_true(ranks[other] < ranks[t]);
		}
		assert_int_equal(members, count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pareto__two_objectives),
		cmocka_unit_test(pareto__directions),
		cmocka_unit_test(pareto__constraints_come_first),
		cmocka_unit_test(pareto__nothing_known),
		cmocka_unit_test(pareto__hypervolume_of_slabs),
		cmocka_unit_test(pareto__equals_the_definition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
