/* adaptive_folds: which LOFO fits are still needed (lofo.adaptive). Scores are noted as they come, or as the ledger has them; the plan of the stage asks
 * the gate before it hands a fit out. Fold f of a unit waits for the folds before it, its own and the baseline's, and is never fitted once those decide
 * (engines/lofo/adaptive.h). The answer depends on recorded scores only: not on the order in which fits end, nor on an interruption. One thread. */
#ifndef ORCHESTRATOR_ADAPTIVE_FOLDS_H
#define ORCHESTRATOR_ADAPTIVE_FOLDS_H

#include "orchestrator/fit_plan.h"
#include "orchestrator/study.h"

struct adaptive_folds;
/* Why nothing can be saved although the campaign asks for it; NULL: it can, or it does not ask. */
const char *adaptive_folds_useless(const struct study *study);
/* *out NULL: every fit is needed. study: selected to the round's features; borrowed. */
int adaptive_folds_open(const struct study *study, struct adaptive_folds **out, struct orch_err *err);
void adaptive_folds_close(struct adaptive_folds *folds); /* NULL is fine */
void adaptive_folds_with(struct adaptive_folds *folds, int fold, double score); /* of the baseline; NaN: failed. Folds below 0 are not looked at */
void adaptive_folds_without(struct adaptive_folds *folds, const char *unit, int fold, double score);
enum fit_gate adaptive_folds_gate(void *folds, uint64_t unit, int fold); /* for fit_plan_request */

#endif
