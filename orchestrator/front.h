/* front: a search with several metrics or with constraints. Which trials no other beats, and which of them is taken: the best in the first metric
 * of those that meet the constraints (engines/search/pareto.h). Values are means over folds of what the ledger has of each fit, seconds included:
 * they were measured once, so a resume chooses alike. Samplers and pruners go by the first metric.
 *
 *   open -> (fit ... end_trial)* -> best, write -> close      one thread; holds a number for each trial and metric */
#ifndef ORCHESTRATOR_FRONT_H
#define ORCHESTRATOR_FRONT_H

#include "orchestrator/stage.h"

struct front;
void front_open(const struct study *study, struct front **out); /* NULL: one metric, no constraint */
void front_close(struct front *front);                          /* NULL is fine */
/* What is looked at beside the first metric: columns of tables. */
size_t front_extra(const struct front *front);
const char *front_extra_name(const struct front *front, size_t i);
int front_fit(struct front *front, const struct ledger_fit *fit, struct orch_err *err); /* of the trial at hand */
/* The trial at hand had all its folds (whole), and this mean in the first metric. extra: room for front_extra; NaN where unknown. */
int front_end_trial(struct front *front, int64_t trial, bool whole, double mean, double *extra, struct orch_err *err);
/* The trial to take; -1: none has all values. *feasible: it meets the constraints. */
int front_best(const struct front *front, int64_t *trial, double *mean, bool *feasible, struct orch_err *err);
/* front.csv: the front, best first metric first; front.json: the metrics and constraints that it is of. */
int front_write(const struct front *front, const struct stage_context *context, struct orch_err *err);

#endif
