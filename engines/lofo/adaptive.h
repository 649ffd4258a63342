/* adaptive: how many folds a left-out unit needs. Folds are added one at a time, in order; from three folds on, before each further one, it is asked
 * whether the folds so far show that the unit is worth keeping. If so it gets no more; a unit near the threshold, or below it, gets all of them.
 *
 * "Show": the corrected resampled t of Nadeau and Bengio (lofo_stats.h) over the paired differences so far, one-sided, at 2.5 % / looks, where
 * looks = folds - 3 is how often it may be asked (Bonferroni). So a unit that is worth nothing stops early, by mistake, in at most 2.5 % of
 * campaigns, the share that a 95 % interval over all folds leaves above zero: asking often costs no level. The interval that is reported rests on
 * the folds that were fitted and is as wide as so few folds make it. Pure functions, any thread. */
#ifndef ENGINES_LOFO_ADAPTIVE_H
#define ENGINES_LOFO_ADAPTIVE_H

#include <stdbool.h>

#include "engines/metric/metric.h"

#define LOFO_ADAPTIVE_FIRST 3 /* folds before the first look */
#define LOFO_ADAPTIVE_LEVEL 0.025

/* Can anything be saved with so many folds? */
bool lofo_adaptive_has_looks(unsigned folds);
/* with, without: scores of folds 0 .. done - 1 (NaN: failed, the pair does not count); folds: of a whole unit. True: clearly kept. False with fewer than
 * LOFO_ADAPTIVE_FIRST pairs. */
bool lofo_adaptive_kept(const struct metric *metric, const double *with, const double *without, unsigned done, unsigned folds, double test_train);

#endif
