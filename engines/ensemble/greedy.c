#include "engines/ensemble/greedy.h"

#include <math.h>

#define ROUNDING 1e-12 /* the same proportions with more picks are no better */

void greedy_combine(const double *const *members, const unsigned *counts, size_t count, size_t n, double *out)
{
	for (size_t i = 0; i < n; i++) {
		double sum = 0;
		unsigned total = 0;

		for (size_t m = 0; m < count; m++)
			if (counts[m]) {
				sum += counts[m] * members[m][i];
				total += counts[m];
			}
		out[i] = sum / total;
	}
}

/* Mean score over folds of what is summed so far with one member more; picked: how many are in the sum. */
static double score_with(const struct greedy_pool *pool, size_t except, size_t member, unsigned picked, const double *sum, double *scratch)
{
	double total = 0;
	size_t folds = 0, at = 0;

	for (size_t f = 0; f < pool->folds; at += pool->sizes[f++]) {
		const double *added = pool->predictions[f * pool->members + member];

		if (f == except || !pool->sizes[f])
			continue;
		for (size_t i = 0; i < pool->sizes[f]; i++)
			scratch[i] = (sum[at + i] + added[i]) / (picked + 1);
		total += pool->score(pool->context, f, scratch);
		folds++;
	}
	return folds ? total / (double)folds : NAN;
}

static void add_member(const struct greedy_pool *pool, size_t member, double *sum)
{
	for (size_t f = 0; f < pool->folds; sum += pool->sizes[f++])
		for (size_t i = 0; i < pool->sizes[f]; i++)
			sum[i] += pool->predictions[f * pool->members + member][i];
}

void greedy_select(const struct greedy_pool *pool, size_t except, unsigned picks, unsigned *counts, double *work)
{
	unsigned order[256], taken = 1; /* the members in order of being added; how many of them are best */
	double highest = NAN, *sum = work;
	size_t total = 0;

	order[0] = 0;
	for (size_t f = 0; f < pool->folds; f++)
		total += pool->sizes[f];
	for (size_t i = 0; i < total; i++)
		sum[i] = 0;
	for (unsigned picked = 0; picked < picks && picked < sizeof order / sizeof *order; picked++) {
		double best = NAN;

		for (size_t m = 0; m < pool->members; m++) {
			double score = score_with(pool, except, m, picked, sum, work + total);

			if (isfinite(score) && !(score <= best)) {
				best = score;
				order[picked] = (unsigned)m;
			}
		}
		if (!isfinite(best))
			break;
		if (!(best <= highest + ROUNDING * fabs(highest))) {
			highest = best;
			taken = picked + 1;
		}
		add_member(pool, order[picked], sum);
	}
	for (size_t m = 0; m < pool->members; m++)
		counts[m] = 0;
	for (unsigned i = 0; i < taken; i++)
		counts[order[i]]++;
}
