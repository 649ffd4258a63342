/* gram: second moments of the training and held-out rows of every fold from one pass over the data.
 *
 * The rows are cut into atoms: sets of rows that belong to the same folds in the same role. K folds have K atoms,
 * expanding time folds K + 1. Each atom gets one weighted Gram matrix of [features, absent flags, targets, 1]; a fold's
 * training Gram is the sum of its atoms in their order (a sum of positive parts: nothing cancels as in "all minus
 * fold"). Folds whose atoms would be too many or too small (repeats on small data) are done in several groups, each
 * with a pass of its own.
 *
 * Before they are multiplied, columns are shifted by a rough mean (raw moments of a column with mean/sd = 1e6 would
 * keep about three digits), rounded to a power of two not above the deviation, so that sums over integers and narrow
 * floats stay exact. A missing value is 0 with its flag set: the imputed column is linear in the fill value, so each
 * fold puts its own in afterwards. A training part in which some column still has a mean far above its deviation is
 * gathered again with a shift of its own.
 *
 * Order: open -> system (any fold, ascending is fastest) -> close. One thread. A set holds the Grams of one group of
 * folds. */
#ifndef ENGINES_MODEL_GRAM_H
#define ENGINES_MODEL_GRAM_H

#include "engines/model/engine.h"

#define GRAM_CHUNK 1024 /* rows multiplied together: fixed, because the bits depend on it */

struct gram_set;
int gram_open(const struct engine_data *data, const struct engine_fold *folds, size_t fold_count, struct gram_set **out,
        struct orch_err *err);
void gram_close(struct gram_set *set);
size_t gram_first(const struct gram_set *set, size_t feature); /* its first column; feature_count: all columns */
uint64_t gram_bytes(const struct engine_size *size);           /* most that a set, one system and the row blocks take */

/* A regression problem as moments, centred at the training means (without intercept: not centred). Symmetric matrices
 * are stored whole, column-major; outputs one after another. penalty[c] multiplies alpha: 1, or the training variance
 * when standardising (1 for a constant column), which is the same as scaling the columns. All memory is the arena's. */
struct gram_system {
	size_t fold, columns, outputs;
	bool intercept;
	double weight, test_weight;
	double *cross, *xy;                     /* training: columns x columns, columns x outputs */
	double *test_cross, *test_xy, *test_yy; /* held-out rows about the training means */
	double *penalty;
	double *shift, *center; /* columns, then outputs: the centre is shift + center; center is its small part */
	double *fill;           /* per feature, see design_fill */
};
/* ORCH_EFIT with the reason: no training rows or no weight on them, a missing or infinite value. */
int gram_system(struct gram_set *set, size_t fold, bool intercept, bool standardize, struct arena *arena,
        struct gram_system *out, struct orch_err *err);
/* Rows of the centred feature columns: out[c * GRAM_CHUNK + i]; count at most GRAM_CHUNK. With targets: the centred
 * outputs follow the features, and everything is multiplied by the root of the row's weight. */
void gram_rows(const struct gram_set *set, const struct gram_system *system, const uint32_t *rows, size_t count,
        bool targets, double *out);
/* Weighted held-out squared error of output o with coefficients b (columns) from moments; *mass: size of the terms it
 * is the difference of. work: columns. */
double gram_sse(const struct gram_system *system, const double *b, size_t o, double *work, double *mass);
double gram_center(const struct gram_system *system, size_t column); /* absolute; columns + o: of output o */
const struct engine_data *gram_data(const struct gram_set *set);
const struct engine_fold *gram_fold(const struct gram_set *set, size_t fold);

#endif
