/* pareto: the best trials when there are several metrics: those that no other trial beats.
 *
 * A trial beats another when it is at least as good in every objective and better in one (Deb et al., IEEE Trans. Evol. Comput. 6 (2002)
 * 182). With constraints, one that meets them all beats any that does not; of two that do not, the one with the smaller sum of
 * violations does. A trial with an unknown value (NaN) beats nobody and is in no front.
 * Pure functions, any thread; ORCH_ENOMEM is the only failure. Values are row-major, trials x columns. */
#ifndef ENGINES_SEARCH_PARETO_H
#define ENGINES_SEARCH_PARETO_H

#include <stdbool.h>
#include <stddef.h>

#include "storage/base/err.h"

struct pareto_constraint {
	double bound;
	bool at_least; /* value >= bound; else value <= bound */
};
struct pareto_problem {
	size_t trials, objectives, constraint_count;
	const double *values;     /* trials x objectives */
	const bool *maximise;     /* of each objective */
	const double *constrained; /* trials x constraint_count; NaN violates */
	const struct pareto_constraint *constraints;
};
/* Does the trial meet every constraint? */
bool pareto_feasible(const struct pareto_problem *problem, size_t trial);
/* Does trial a beat trial b? */
bool pareto_beats(const struct pareto_problem *problem, size_t a, size_t b);
/* The front: trials that none beats, best first objective first, ties by the next objectives and then the earlier trial; equal trials are
 * all in it. Where no trial is feasible it holds those with the smallest violation. out: room for trials; *count: how many.
 * Sorted sweep for two objectives, O(n log n); O(n^2) beyond. */
int pareto_front(const struct pareto_problem *problem, size_t *out, size_t *count, struct orch_err *err);
/* Front number of each trial: 0 for the front, 1 for the front of the rest, and so on; SIZE_MAX where a value is unknown. */
int pareto_ranks(const struct pareto_problem *problem, size_t *ranks, struct orch_err *err);
/* The one to take when objectives are in order of importance and constraints must hold: the first of the front. SIZE_MAX: no trial has
 * all values. */
int pareto_best(const struct pareto_problem *problem, size_t *best, struct orch_err *err);
/* Area between a front of two objectives and a reference point (in the objectives' own units), of the feasible trials only; a trial that
 * is not better than the reference in both adds nothing. NaN unless there are two objectives. */
int pareto_hypervolume(const struct pareto_problem *problem, const double reference[2], double *out, struct orch_err *err);

#endif
