/* stability: how far a score would move by chance alone. From the scores of the same configuration over the same folds: with other seeds, on parts of the
 * training rows, and from the paired deltas of LOFO the share of folds that would choose each feature. Pure functions of arrays; each returns a new JSON
 * object, NULL only when memory is gone. NaN: a fit that failed; it takes its fold out of what compares. */
#ifndef ENGINES_DIAGNOSTICS_STABILITY_H
#define ENGINES_DIAGNOSTICS_STABILITY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "engines/metric/metric.h"
#include "storage/base/err.h"

/* scores: seeds x folds, row by row; row 0 is the campaign's own seed. Only folds that every seed has a score on count.
 * {seeds, folds, scores [mean over folds of each seed], mean, sd (sample deviation of those means), low, high (their range), fold_sd (deviation over
 * folds, mean over seeds), same (to the last digit)}. */
json_t *stability_seeds(const double *scores, size_t seeds, size_t folds);

struct stability_curve {
	const struct metric *metric;
	size_t points, folds;      /* points in ascending order of share; the last is the whole */
	const double *share, *rows /* mean over folds */, *scores /* points x folds */;
	double test_train;         /* as in engines/lofo/lofo_stats.h */
};
/* {points: [{share, rows, mean, sd, low, high, folds}], last: {from, gain, low, high, p}}: 95 % intervals of the mean over folds with the variance of Nadeau
 * and Bengio; `last` compares the whole with the largest part, paired by fold (positive: more rows help). */
int stability_curve(const struct stability_curve *in, json_t **out, struct orch_err *err);

struct stability_unit {
	double mean_rank, helps, kept, top[5];
	size_t folds; /* that have a delta */
};
/* The k of "among the k most important" for so many units, at most 5 and all below units; returns how many. */
size_t stability_tops(size_t units, size_t tops[5]);
/* delta: units x folds; rank: the same, 0 where a fold has none (lofo_stats). dropped: how many units the round's decision drops: in each fold the least
 * important ones by that fold alone. helps: share of folds with a delta above 0; kept: in which it is not among the dropped; NaN without folds. */
void stability_selection(const double *delta, const unsigned *rank, size_t units, size_t folds, size_t dropped, struct stability_unit *out);

/* Which round each fold by itself would choose: the best of its own scores, of equal ones the later (it has fewer features). scores: rounds x folds, NaN
 * unknown. out: folds entries, -1 for a fold without any score. */
void stability_own_best(const struct metric *metric, const double *scores, size_t rounds, size_t folds, long *out);

#endif
