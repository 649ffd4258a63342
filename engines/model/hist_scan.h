/* hist_scan: the best split of one column of a node, as XGBoost's hist finds it. See hist_trees.h.
 *
 * The library looks twice: from the left, missing values going right, and, where the column's sum is not the node's to the last
 * bit, from the right with missing values going left. Both are here; ties stay with the first one met. */
#ifndef ENGINES_MODEL_HIST_SCAN_H
#define ENGINES_MODEL_HIST_SCAN_H

#include "engines/model/hist_trees.h"

/* Sums of gradients and hessians. */
typedef double hist_pair __attribute__((vector_size(16)));

struct hist_split {
	float gain; /* 0: none */
	uint32_t column, bin;
	bool missing_left;
	hist_pair left, right;
};
struct hist_parent {
	hist_pair sum;
	float gain; /* of the node as a leaf */
};
/* Places for a column's sums; 64-byte aligned. */
struct hist_room {
	double grad[HIST_BINS_MOST], hess[HIST_BINS_MOST];
	int32_t gain[HIST_BINS_MOST];
};

/* What a node is worth as a leaf, and its weight there. */
float hist_leaf_gain(const struct hist_params *params, hist_pair sum);
float hist_leaf_weight(const struct hist_params *params, hist_pair sum);
/* Replaces *best where the column has a better one; columns come in ascending order. */
void hist_scan(const struct hist_params *params, const hist_pair *hist, size_t bins, uint32_t column, const struct hist_parent *parent,
        struct hist_room *room, struct hist_split *best);

#endif
