#include "engines/search/pareto.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/mem.h"

/* Smaller is better. */
static double loss(const struct pareto_problem *problem, size_t trial, size_t objective)
{
	double value = problem->values[trial * problem->objectives + objective];

	return problem->maximise[objective] ? -value : value;
}

static bool is_known(const struct pareto_problem *problem, size_t trial)
{
	for (size_t k = 0; k < problem->objectives; k++)
		if (isnan(problem->values[trial * problem->objectives + k]))
			return false;
	return true;
}

/* By how much the constraints are violated, in all; 0: not at all; an unknown value beyond all others. */
static double violation(const struct pareto_problem *problem, size_t trial)
{
	double sum = 0;

	for (size_t c = 0; c < problem->constraint_count; c++) {
		double value = problem->constrained[trial * problem->constraint_count + c], bound = problem->constraints[c].bound;

		if (isnan(value))
			return INFINITY;
		sum += fmax(0, problem->constraints[c].at_least ? bound - value : value - bound);
	}
	return sum;
}

bool pareto_feasible(const struct pareto_problem *problem, size_t trial)
{
	return violation(problem, trial) == 0;
}

bool pareto_beats(const struct pareto_problem *problem, size_t a, size_t b)
{
	double of_a = violation(problem, a), of_b = violation(problem, b);
	bool better = false;

	if (!is_known(problem, a) || !is_known(problem, b))
		return is_known(problem, a);
	if (of_a > 0 || of_b > 0)
		return of_a < of_b;
	for (size_t k = 0; k < problem->objectives; k++) {
		if (loss(problem, a, k) > loss(problem, b, k))
			return false;
		better = better || loss(problem, a, k) < loss(problem, b, k);
	}
	return better;
}

/* --- in order --- */

struct sorted {
	const struct pareto_problem *problem;
	size_t trial;
};

static int compare_losses(const void *left, const void *right)
{
	const struct sorted *a = left, *b = right;

	for (size_t k = 0; k < a->problem->objectives; k++) {
		double x = loss(a->problem, a->trial, k), y = loss(b->problem, b->trial, k);

		if (x != y)
			return x < y ? -1 : 1;
	}
	return a->trial < b->trial ? -1 : a->trial > b->trial;
}

/* The trials that compete: those without an unknown value and with the least violation there is, of the ones not taken. Sorted: no
 * trial is beaten by a later one. */
static size_t competitors(const struct pareto_problem *problem, const size_t *taken, struct sorted *out)
{
	double least = INFINITY;
	size_t count = 0;

	for (size_t t = 0; t < problem->trials; t++)
		if (is_known(problem, t) && !(taken && taken[t] != SIZE_MAX))
			least = fmin(least, violation(problem, t));
	for (size_t t = 0; t < problem->trials; t++)
		if (is_known(problem, t) && !(taken && taken[t] != SIZE_MAX) && violation(problem, t) == least)
			out[count++] = (struct sorted){problem, t};
	qsort(out, count, sizeof(*out), compare_losses);
	return count;
}

static bool equal_losses(const struct pareto_problem *problem, size_t a, size_t b)
{
	for (size_t k = 0; k < problem->objectives; k++)
		if (loss(problem, a, k) != loss(problem, b, k))
			return false;
	return true;
}

/* With two objectives a sorted trial is beaten exactly when the best second value so far is as good, unless by its equal. */
static bool beaten_in_plane(const struct pareto_problem *problem, const size_t *front, size_t count, size_t trial)
{
	return count > 0 && loss(problem, front[count - 1], 1) <= loss(problem, trial, 1) && !equal_losses(problem, front[count - 1], trial);
}

static bool beaten(const struct pareto_problem *problem, const size_t *front, size_t count, size_t trial)
{
	for (size_t i = 0; i < count; i++) {
		bool worse = true;

		for (size_t k = 0; worse && k < problem->objectives; k++)
			worse = loss(problem, front[i], k) <= loss(problem, trial, k);
		if (worse && !equal_losses(problem, front[i], trial))
			return true;
	}
	return false;
}

/* Where all compete infeasibly with one violation, nobody beats another: the front is all of them. */
static size_t sweep(const struct pareto_problem *problem, const struct sorted *sorted, size_t count, size_t *out)
{
	bool feasible = count > 0 && pareto_feasible(problem, sorted[0].trial);
	size_t front = 0;

	for (size_t i = 0; i < count; i++) {
		size_t trial = sorted[i].trial;

		if (feasible && (problem->objectives == 2 ? beaten_in_plane(problem, out, front, trial) : beaten(problem, out, front, trial)))
			continue;
		out[front++] = trial;
	}
	return front;
}

int pareto_front(const struct pareto_problem *problem, size_t *out, size_t *count, struct orch_err *err)
{
	struct sorted *sorted = mem_array(problem->trials + 1, sizeof(*sorted));

	if (!sorted)
		return orch_fail(err, ORCH_ENOMEM, "no memory for the front of %zu trials", problem->trials);
	*count = sweep(problem, sorted, competitors(problem, NULL, sorted), out);
	free(sorted);
	return 0;
}

int pareto_ranks(const struct pareto_problem *problem, size_t *ranks, struct orch_err *err)
{
	struct sorted *sorted = mem_array(problem->trials + 1, sizeof(*sorted));
	size_t *front = mem_array(problem->trials + 1, sizeof(*front)), count, rank = 0;

	if (!sorted || !front) {
		free(sorted);
		free(front);
		return orch_fail(err, ORCH_ENOMEM, "no memory for the fronts of %zu trials", problem->trials);
	}
	for (size_t t = 0; t < problem->trials; t++)
		ranks[t] = SIZE_MAX;
	while ((count = competitors(problem, ranks, sorted)) > 0) {
		count = sweep(problem, sorted, count, front);
		for (size_t i = 0; i < count; i++)
			ranks[front[i]] = rank;
		rank++;
	}
	free(sorted);
	free(front);
	return 0;
}

int pareto_best(const struct pareto_problem *problem, size_t *best, struct orch_err *err)
{
	size_t *front = mem_array(problem->trials + 1, sizeof(*front)), count = 0;
	int code = front ? pareto_front(problem, front, &count, err)
	                 : orch_fail(err, ORCH_ENOMEM, "no memory for the front of %zu trials", problem->trials);

	if (!code)
		*best = count > 0 ? front[0] : SIZE_MAX;
	free(front);
	return code;
}

int pareto_hypervolume(const struct pareto_problem *problem, const double reference[2], double *out, struct orch_err *err)
{
	size_t *front = mem_array(problem->trials + 1, sizeof(*front)), count = 0;
	double area = 0, x, y;
	int code = front ? pareto_front(problem, front, &count, err)
	                 : orch_fail(err, ORCH_ENOMEM, "no memory for the front of %zu trials", problem->trials);

	if (code || problem->objectives != 2) {
		free(front);
		if (!code)
			*out = NAN;
		return code;
	}
	x = problem->maximise[0] ? -reference[0] : reference[0];
	y = problem->maximise[1] ? -reference[1] : reference[1];
	/* the first objective gets worse along the front and the second better: each trial adds a slab below the last one */
	for (size_t i = 0; i < count && pareto_feasible(problem, front[i]); i++) {
		double first = loss(problem, front[i], 0), second = loss(problem, front[i], 1);

		if (first >= x || second >= y)
			continue;
		area += (x - first) * (y - second);
		y = second;
	}
	free(front);
	*out = area;
	return 0;
}
