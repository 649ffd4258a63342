/* elimination_path: 04_lofo/path.csv, path.parquet and path.json: from all features of a round down to one, in each step without the feature (or
 * group) whose absence scores best over the folds, for the chosen configuration of a ridge (engines/rfe/ridge_path.h). No fit of the ledger is needed and
 * none is made; the holdout is not looked at. Steps are chosen on the folds that score them, so these scores are optimistic.
 *
 * A row a step, the first with all features: step, features, eliminated (missing in the first), mean, sd, se over folds, best, chosen (one standard error,
 * as rfe.h says, of the steps with rfe.min_features or more).
 * path.json: engine, metric, steps, best, chosen with the names it keeps, last, doubtful; or why there is no path. Nothing with rfe.path: false. */
#ifndef ORCHESTRATOR_ELIMINATION_PATH_H
#define ORCHESTRATOR_ELIMINATION_PATH_H

#include "orchestrator/stage.h"

#define ELIMINATION_PATH_MEMORY (256ull << 20) /* most that a path may take, and a quarter of resources.memory: the same on every machine */
#define ELIMINATION_PATH_WORK 5e10             /* floating-point operations: seconds, on one core */

/* Why this model has no path on the features of the selection, for people; NULL: it has one. malloc'd. */
char *elimination_path_refusal(const struct study *study, size_t model);
/* Anonymous bytes of the largest path of the models on the features of the selection; 0: there is none. */
uint64_t elimination_path_bytes(const struct study *study);
int elimination_path_write(const struct stage_context *context, struct orch_err *err); /* part of 04_lofo */

#endif
