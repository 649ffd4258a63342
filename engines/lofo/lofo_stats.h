/* lofo_stats: what the importances are worth. From the scores of the same folds with all features and with each unit (a feature or a
 * group) left out: paired differences, their uncertainty, adjusted p values and ranks. A delta is positive when the unit helps,
 * whatever the metric's direction.
 *
 * Over the pairs d_1..d_m of a unit whose both scores are finite (m <= J; a NaN is a fold that failed):
 *   delta_mean  their mean;  delta_sd  sample deviation (m - 1)
 *   t           delta_mean / sqrt(delta_sd^2 (1/m + n_te/n_tr)), m - 1 degrees of freedom: the corrected resampled t of Nadeau and
 *               Bengio, Machine Learning 52 (2003) 239; folds of one data set are not independent, the second term answers for it
 *   p           two-sided;  ci_low, ci_high  95 % interval from the same variance
 *   p_holm      Holm, Scand. J. Statist. 6 (1979) 65;  p_bh  Benjamini and Hochberg, J. R. Statist. Soc. B 57 (1995) 289;
 *               both over the units that have a p
 * With no deviation at all: p = 1 when delta_mean is 0 (a feature that no model used), else 0, and the interval is the point.
 * m = 1: delta_mean and rank only, the rest NaN. m = 0: all NaN.
 * Ranks: 1 is the most important; equal deltas: the later column is less important; unknown (NaN) comes last. */
#ifndef ENGINES_LOFO_LOFO_STATS_H
#define ENGINES_LOFO_LOFO_STATS_H

#include <stddef.h>

#include "engines/metric/metric.h"
#include "storage/base/err.h"

struct lofo_request {
	const struct metric *metric;
	size_t folds;          /* J = K x repeats */
	const double *with;    /* J scores with all features */
	size_t units;          /* in the order of the columns */
	const double *without; /* units x J: [u * J + j] */
	double test_train;     /* n_te / n_tr, mean over the folds */
};
struct lofo_stat {
	size_t pairs;
	double score_without; /* mean over its finite folds */
	double delta_mean, delta_sd, t, p, ci_low, ci_high, p_holm, p_bh;
	unsigned rank;
};
/* stats: room for units. fold_rank: room for units x folds, [u * J + j] = rank within fold j, 0 where the fold has no delta; or NULL. */
int lofo_stats(const struct lofo_request *request, struct lofo_stat *stats, unsigned *fold_rank, struct orch_err *err);
/* Adjusted p values; NaN stays NaN and is not counted. out may not overlap p. */
int lofo_adjust_holm(const double *p, size_t count, double *out, struct orch_err *err);
int lofo_adjust_bh(const double *p, size_t count, double *out, struct orch_err *err);

#endif
