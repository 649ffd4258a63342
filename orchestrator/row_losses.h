/* row_losses: held-out rows of a fold as LOFO compares them: what the baseline's model loses on each, and which group each is of (split.folds.by,
 * where the folds keep groups together). A fit without some features keeps the sums of its differences (engines/lofo/row_deltas.h) among its
 * metrics, as "row_deltas": [rows, worse, clusters, weight, sum, squares, cross, weight_squares]; no file is kept of any row.
 * Begin with {0}; one fold is held at a time. */
#ifndef ORCHESTRATOR_ROW_LOSSES_H
#define ORCHESTRATOR_ROW_LOSSES_H

#include "engines/lofo/row_deltas.h"
#include "orchestrator/study.h"

#define ROW_DELTAS "row_deltas"

struct row_losses {
	const struct engine_fold *fold; /* whose they are; NULL: none */
	double *loss;      /* NULL: of no model */
	uint32_t *cluster; /* NULL: each row by itself */
	size_t clusters;
	double *scratch;
};
/* From a file of predictions of exactly the fold's held-out rows: ORCH_EDAMAGED for others. Costs nothing when the fold is the one that is held; it must
 * outlive the call of release. */
int row_losses_load(struct row_losses *losses, const struct study *study, const char *path, const struct engine_fold *fold, struct orch_err *err);
/* Of predictions of the same rows: puts the sums into metrics, or nothing where a loss is not finite. */
int row_losses_note(struct row_losses *losses, const struct metric *metric, const struct metric_input *in, json_t *metrics, struct orch_err *err);
void row_losses_release(struct row_losses *losses);
/* The sums of a fit that changed no row of a fold. */
int row_losses_unchanged(const struct study *study, int fold, struct row_deltas *out, struct orch_err *err);
/* Of the metrics that the ledger has; false: there are none. */
bool row_losses_read(const json_t *metrics, struct row_deltas *out);

#endif
