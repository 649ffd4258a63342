/* boosted_lofo: leave features out of a boosted model without training it from the start (XGBoost).
 *
 * A booster without feature j grows the same trees up to the first one that splits on j: they are kept (slice), and the
 * training goes on with j shut out by column sampling, on the matrix that is there. A feature that no tree uses needs
 * no training at all. Every number equals a training on a matrix without j bit for bit, or that training is done:
 * - rows or columns are sampled, the training stops early, or a model is wanted: always;
 * - j is the first column and no cell is missing: the library takes the sum of the gradients at the root from the
 *   histogram of column 0 (xgboost 1.7, QuantileHistMaker::Builder::InitRoot), so its last bits may depend on j;
 * - the matrix without j has no missing cell and the one with j has: the same place;
 * - one feature of each fold, chosen by the seed, is trained both ways; when the bits differ, all that are in its job
 *   are retrained.
 * Where the base is grown by engines/model/hist_trees.h its bins serve every set left out, and no feature is shut out by sampling; a set
 * with the first column shares no trees, for the reason above, but the bins.
 * Such answers say why in their text. The number of threads does not matter: the library splits work by rows and nodes,
 * and chooses among features by gain and then by index (checked with 1, 2 and 3 threads). */
#ifndef ENGINES_LOFO_BOOSTED_LOFO_H
#define ENGINES_LOFO_BOOSTED_LOFO_H

#include "engines/model/xgboost_fit.h"

/* Answers one family: groups of the same parameters. Returns what job->answer returned last, or ORCH_ENOMEM. */
int boosted_lofo_run(const struct engine_job *job, size_t fold, const struct xgboost_group *groups, size_t count,
        struct orch_err *err);

#endif
