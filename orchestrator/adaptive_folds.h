/* adaptive_folds: which LOFO fits are still needed. The plan of the stage asks the gate before it hands a fit out.
 *
 * A fit is not needed when the model with all features does not use the unit at all: a program may say so ("features_used" in its answer), and leaving
 * out what is not used has exactly no effect. With lofo.adaptive it is not needed either when the folds before it decide (engines/lofo/adaptive.h):
 * fold f of a unit waits for the folds before it, its own and the baseline's.
 * Scores are noted as they come, or as the ledger has them. The answer depends on recorded results only: not on the order in which fits end, nor on an
 * interruption. One thread. */
#ifndef ORCHESTRATOR_ADAPTIVE_FOLDS_H
#define ORCHESTRATOR_ADAPTIVE_FOLDS_H

#include "orchestrator/fit_plan.h"
#include "orchestrator/study.h"

struct adaptive_folds;
/* Why nothing can be saved although the campaign asks for it; NULL: it can, or it does not ask. */
const char *adaptive_folds_useless(const struct study *study);
/* Whether programs may tell what their models use. */
bool adaptive_folds_by_use(const struct study *study);
/* *out NULL: every fit is needed. study: selected to the round's features; borrowed. */
int adaptive_folds_open(const struct study *study, struct adaptive_folds **out, struct orch_err *err);
void adaptive_folds_close(struct adaptive_folds *folds); /* NULL is fine */
void adaptive_folds_with(struct adaptive_folds *folds, int fold, double score); /* of the baseline; NaN: failed. Folds below 0 are not looked at */
void adaptive_folds_without(struct adaptive_folds *folds, const char *unit, int fold, double score);
/* What the search's fit of the chosen configuration said on that fold; metrics as the ledger has them, or NULL. */
void adaptive_folds_used(struct adaptive_folds *folds, int fold, const char *metrics);
enum fit_gate adaptive_folds_gate(void *folds, uint64_t unit, int fold); /* for fit_plan_request */
/* unused[u * folds + fold] is set where metrics say that the model of that fold uses none of the unit's features, else left alone. */
void adaptive_folds_unused(const struct study *study, int fold, const char *metrics, bool *unused);

#endif
