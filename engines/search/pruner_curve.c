/* Limits for fits under way, from the curves of earlier ones. */
#include <math.h>
#include <stdlib.h>

#include "engines/search/pruner.h"
#include "storage/base/mem.h"

#define EARLIER 5 /* fits that a quantile is taken of, at least */

/* Best so far of one fit behind one step; smaller is better. */
struct seen {
	int64_t step;
	double best;
};
struct step {
	size_t first, count; /* in seen */
};
struct pruner_steps {
	struct pruner_request request;
	struct seen *seen; /* by step, the best first */
	struct step *steps;
	size_t count;
};

static int compare_seen(const void *left, const void *right)
{
	const struct seen *a = left, *b = right;

	if (a->step != b->step)
		return a->step < b->step ? -1 : 1;
	return (a->best > b->best) - (a->best < b->best);
}

static size_t gather(const struct pruner_request *request, const struct pruner_curve *earlier, size_t count, struct seen *seen)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++) {
		double best = INFINITY;

		for (size_t p = 0; p < earlier[i].count; p++) {
			const struct pruner_point *point = &earlier[i].points[p];

			best = fmin(best, request->maximise ? -point->value : point->value);
			seen[total++] = (struct seen){point->step, best};
		}
	}
	qsort(seen, total, sizeof *seen, compare_seen);
	return total;
}

int pruner_steps_open(const struct pruner_request *request, const struct pruner_curve *earlier, size_t count, struct pruner_steps **out, struct orch_err *err)
{
	struct pruner_steps *steps = mem_array(1, sizeof *steps);
	size_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += earlier[i].count;
	if (!steps || !(steps->seen = mem_array(total + 1, sizeof *steps->seen)) || !(steps->steps = mem_array(total / EARLIER + 1, sizeof *steps->steps))) {
		pruner_steps_close(steps);
		return orch_fail(err, ORCH_ENOMEM, "no memory for the curves of %zu fits", count);
	}
	total = gather(request, earlier, count, steps->seen);
	for (size_t first = 0, end; first < total; first = end) {
		for (end = first; end < total && steps->seen[end].step == steps->seen[first].step; end++)
			;
		if (end - first >= EARLIER)
			steps->steps[steps->count++] = (struct step){first, end - first};
	}
	steps->request = *request;
	steps->request.folds = (unsigned)steps->count;
	*out = steps;
	return 0;
}

void pruner_steps_close(struct pruner_steps *steps)
{
	if (!steps)
		return;
	free(steps->seen);
	free(steps->steps);
	free(steps);
}

size_t pruner_steps_count(const struct pruner_steps *steps)
{
	return steps->count;
}

static double quantile(const struct seen *seen, size_t count, double share)
{
	double at = share * (double)(count - 1);
	size_t low = (size_t)at;

	return low + 1 < count && seen[low].best < seen[low + 1].best ? seen[low].best + (at - (double)low) * (seen[low + 1].best - seen[low].best) : seen[low].best;
}

size_t pruner_steps_limits(const struct pruner_steps *steps, const struct pruner *pruner, size_t number, struct pruner_limit *out)
{
	size_t count = 0;

	for (size_t s = 0; pruner->goes_on && s + 1 < steps->count; s++) {
		const struct seen *seen = steps->seen + steps->steps[s].first;
		double share = pruner->goes_on(&steps->request, number, (unsigned)s + 1), worst;

		if (!(share < 1))
			continue;
		worst = quantile(seen, steps->steps[s].count, share);
		out[count++] = (struct pruner_limit){seen->step, steps->request.maximise ? -worst : worst};
	}
	return count;
}
