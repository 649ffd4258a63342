/* forest_model_parts: a forest that was read, for forest_model.c and forest_shap.c alone. */
#ifndef ENGINES_MODEL_FOREST_MODEL_PARTS_H
#define ENGINES_MODEL_FOREST_MODEL_PARTS_H

#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "engines/model/forest.h"
#include "engines/model/forest_model.h"

struct model_node {
	struct forest_node node;
	size_t value; /* leaves: where its numbers stand */
};
struct model_tree {
	struct model_node *nodes;
	double *values;
	double *cover; /* of each leaf; NULL: not known */
	size_t node_count;
};
struct forest_model {
	struct forest_model_feature *features;
	size_t feature_count;
	struct model_tree *trees;
	size_t tree_count;
	unsigned width; /* numbers in a leaf */
	bool pair;      /* two classes: the leaf has that of class 1 */
};

static inline bool model_goes_left(const struct forest_model *model, const struct forest_node *node, const double *values)
{
	double value = values[node->feature];

	if (isnan(value))
		value = model->features[node->feature].fill;
	return isnan(value) ? node->missing_left : value <= node->threshold || node->threshold == DBL_MAX;
}

#endif
