/* linear_batch: turns the coefficients of many fits of one fold into answers. Held-out squared errors that are known
 * from moments are answered at once; the others, and all predictions, wait until a batch is full and are then formed
 * together, row block by row block. The bits of a fit do not depend on the other fits of its batch.
 *
 * Order: init -> (place, fill in, add)* -> flush. One thread; memory is the arena's. */
#ifndef ENGINES_MODEL_LINEAR_BATCH_H
#define ENGINES_MODEL_LINEAR_BATCH_H

#include "engines/model/gram.h"

/* What every linear engine is asked the same way: entries of its param_def table. */
#define LINEAR_PARAM_INTERCEPT {.name = "fit_intercept", .kind = PARAM_BOOL, .fallback = "true", .low = 1, .high = 0, .help = "a constant term, not penalised"}
#define LINEAR_PARAM_STANDARDIZE \
	{.name = "standardize", .kind = PARAM_BOOL, .fallback = "false", .low = 1, .high = 0, .help = "penalise coefficients of columns divided by their training deviation"}
#define LINEAR_WIDTH 32          /* coefficient vectors multiplied together: fixed, because bits could depend on it */
#define LINEAR_CANCELLATION 1e-5 /* a squared error below this part of its terms is formed from rows instead */

struct linear_fit {
	size_t variant;
	char note[128]; /* worth keeping; "": none */
	uint64_t fits_saved;
	bool moments; /* batch->sse and batch->mass (see gram_sse) are those of this fit */
};
struct linear_batch {
	const struct engine *engine;
	const struct engine_job *job;
	const struct gram_set *set;
	const struct gram_system *system;
	size_t fold, columns, outputs;
	double *sse, *mass; /* per output; for the caller to fill in */
	struct linear_fit *fits;
	size_t fit_count, capacity;
	double *beta, *prediction, *rows, *center;
};
/* variants: how many fits will be added at most. */
int linear_batch_init(struct linear_batch *batch, const struct engine *engine, const struct engine_job *job,
        const struct gram_set *set, const struct gram_system *system, size_t variants, struct arena *arena,
        struct orch_err *err);
double *linear_batch_place(struct linear_batch *batch); /* columns x outputs of the next fit */
/* Non-zero: what the job's answer returned. */
int linear_batch_add(struct linear_batch *batch, const struct linear_fit *fit, struct orch_err *err);
int linear_batch_flush(struct linear_batch *batch, struct orch_err *err);
/* Answers that a fit could not be done. */
int linear_batch_refuse(
        const struct engine_job *job, size_t fold, size_t variant, const char *reason, struct orch_err *err);
uint64_t linear_batch_bytes(const struct engine_size *size);
/* Columns of the left-out features, ascending; out has room for all columns. Returns how many. */
size_t linear_left_out(const struct gram_set *set, const struct engine_variant *variant, uint32_t *out);

#endif
