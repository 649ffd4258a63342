/* drop_sets: what 05_dropped leaves out. As a rule one set, the one that 04_lofo decided on. Where many units go at once (rfe.drop: insignificant)
 * sets are tried, all of them first, then bisected (engines/rfe/rfe.h), and the largest that does not make the model worse is the one.
 * The same answer from the same scores, in the orchestrator that hands out the fits and in the worker that writes the stage.
 *
 *     open -> while (size = next) { fit the set over the folds; note its scores } -> taken
 *
 * A set is the `size` least important units; the ledger knows its fits by drop_set_name. One thread. */
#ifndef ORCHESTRATOR_DROP_SETS_H
#define ORCHESTRATOR_DROP_SETS_H

#include "engines/rfe/rfe.h"
#include "orchestrator/study.h"
#include "storage/ledger.h"

struct drop_sets;
/* drop: drop.json of 04_lofo; baseline: metrics.json of 03_baseline; study: selected to the round's features; borrowed until close. *out NULL:
 * nothing is to be verified. */
int drop_sets_open(const struct study *study, const json_t *drop, const json_t *baseline, struct drop_sets **out, struct orch_err *err);
void drop_sets_close(struct drop_sets *sets); /* NULL is fine */
size_t drop_sets_next(const struct drop_sets *sets); /* 0: decided */
void drop_sets_note(struct drop_sets *sets, size_t size, const double *scores); /* of the study's folds; NaN: failed */
/* The scores of a set that the ledger holds: out[folds], NaN where failed or absent. */
int drop_sets_scores(const struct drop_sets *sets, struct ledger *ledger, unsigned round, size_t size, double *out, struct orch_err *err);
size_t drop_sets_taken(const struct drop_sets *sets); /* once decided */
#define DROP_SET_NAME 48
const char *drop_set_name(size_t size, char out[DROP_SET_NAME]); /* "the 12 least important" */
json_t *drop_set_features(const struct drop_sets *sets, size_t size); /* names, least important unit first; new array */
json_t *drop_set_units(const struct drop_sets *sets, size_t first, size_t end); /* names of units first .. end - 1; new array */
/* What was tried, in order: [{units, features, loss, error, worse}]; loss is the mean paired difference of the campaign's metric, positive when worse. */
json_t *drop_sets_tried(const struct drop_sets *sets);

#endif
