/* hist_trees: XGBoost's own boosted trees (1.7, tree_method hist, one thread), grown here, bit for bit, in a fraction of its time.
 *
 * The library spends most of a training of small and middling data in looking at every bin of every node, one at a time.
 * Here a column of a node is summed, taken off its sibling's, and searched in one go while it lies in the first cache, and the
 * gains of many bins are computed at once. Sums are made in the library's order and in its types, so that trees, leaves and
 * predictions are its own; test_hist_trees compares them, and the engine compares the first rounds of each fit.
 *
 * What it can: squared error and logistic loss, numbers without gaps in the training rows, up to 256 bins, depth-wise growth to a
 * limited depth, rows sampled or not, weights. min_child_weight must be above HIST_CHILD_LEAST and above what
 * rounding leaves of the sum of all weights (xgboost_own.c): below it the library may make children of no rows, by rounding.
 *
 *     bins (xgboost_matrix_bins) -> model_init -> train [-> train ...] -> predict -> model_release
 *
 * Memory: a byte a cell; while training 33 bytes a row and 16 bytes a bin and level; 40 bytes a node of the model.
 * Functions return 0 or ORCH_ENOMEM. One thread. No clock, no state. */
#ifndef ENGINES_MODEL_HIST_TREES_H
#define ENGINES_MODEL_HIST_TREES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/base/err.h"

#define HIST_BINS_MOST 256
#define HIST_DEPTH_MOST 20
#define HIST_CHILD_LEAST 0.01

/* The training rows as the library bins them. */
struct hist_bins {
	size_t rows, columns;
	uint8_t *bin;     /* by column and row */
	uint32_t *offset; /* of column c in edge; [columns]: bins in all */
	float *edge;      /* smallest value of each bin (of the first one: something below all values) */
};
void hist_bins_release(struct hist_bins *bins);

struct hist_params {
	float rate, lambda, alpha, child, gamma, subsample; /* as the library reads them; child: min_child_weight */
	unsigned depth;
	bool logistic;
	float base;    /* base score */
	uint32_t seed; /* the library's, seed_per_iteration being set */
};

struct hist_node {
	uint32_t left;   /* of the model; the right child follows; 0: a leaf */
	uint32_t column;
	uint32_t bin;    /* bins below it go left */
	bool missing_left;
	float edge;      /* values below it go left */
	float value;     /* of a leaf */
};
struct hist_model {
	struct hist_node *nodes;
	uint32_t *root; /* by tree; [trees]: nodes in all */
	uint32_t trees, tree_room;
	size_t node_room;
};

/* Appends rounds up to `trees`. model: empty, or of earlier rounds on the same rows (then no rows may be sampled).
 * closed: columns that are left out, or NULL. weight may be NULL. At least one column is open. */
int hist_train(const struct hist_bins *bins, const struct hist_params *params, const float *label, const float *weight, const bool *closed,
        unsigned trees, struct hist_model *model, struct orch_err *err);
/* A new model of the first rounds. */
int hist_model_prefix(const struct hist_model *model, unsigned trees, struct hist_model *out, struct orch_err *err);
void hist_model_release(struct hist_model *model);
/* first[c]: the first round that splits on column c; UINT32_MAX: none. */
void hist_first_use(const struct hist_model *model, size_t columns, uint32_t *first);
/* out[i] after the first `trees` rounds; cells by column and row, NaN: missing. */
void hist_predict(const struct hist_model *model, const struct hist_params *params, unsigned trees, const float *cells, size_t rows, float *out);

#endif
