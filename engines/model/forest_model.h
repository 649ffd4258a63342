/* forest_model: forests as the forest engine saves them, and predictions from what was saved.
 *
 * One JSON object (numbers in shortest form, so they read back exactly):
 *     format          "orch forest 1"
 *     engine_version  that of the engine
 *     task            "regression" or "classification"
 *     kind            "random_forest" or "extra_trees"
 *     outputs, classes
 *     features        [{"name", "id", "kind": "number" | "bool" | "category", "levels": [texts of the codes 0, 1, ...] for categories,
 *                       "fill": number that stands in for a missing value, or null}]
 *     trees           [{"feature", "threshold", "missing_left", "right", "value", "cover"}], each a list
 * A tree's nodes are in preorder. feature has an entry for every node: an index into features, or -1 for a leaf. threshold,
 * missing_left (0 or 1) and right have one for every split, in order: a row whose value is at most threshold goes to the left child,
 * which is the next node, else to the node with index right; a missing value by missing_left. A threshold of
 * 1.7976931348623157e+308 has every value that is not missing on its left. value has, for every leaf in order, `outputs` means;
 * with two classes the share of class 1; with more the share of each class. cover has, for every leaf, the weight of the training rows in it
 * (forests of an earlier orch lack it; they predict, but cannot be explained).
 * The prediction is the mean over trees, added up in their order.
 *
 * forest_model_read, then any number of predictions from any threads, then forest_model_close. */
#ifndef ENGINES_MODEL_FOREST_MODEL_H
#define ENGINES_MODEL_FOREST_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "storage/base/err.h"

struct forest_model_feature {
	char *name;
	char **levels; /* NULL for what is no category */
	size_t level_count;
	double fill; /* NaN: none */
};
struct forest_model;
/* ORCH_EDAMAGED when it is no such model or does not hold together. where names the source in errors. */
int forest_model_read(const char *text, size_t length, const char *where, struct forest_model **out, struct orch_err *err);
void forest_model_close(struct forest_model *model);
const struct forest_model_feature *forest_model_features(const struct forest_model *model, size_t *count);
size_t forest_model_width(const struct forest_model *model); /* numbers in a prediction: outputs, or classes */
/* values: rows x features, row-major; NaN is missing; a category is its code among the model's levels, an unknown one NaN.
 * out: rows x width, column-major; with classes the probability of each. */
void forest_model_predict(const struct forest_model *model, const double *values, size_t rows, double *out);

/* What each feature contributes to a prediction (tree_shap.h), averaged over the trees. A forest of two classes has one score, the probability of
 * class 1; of more, one a class; else the outputs. */
size_t forest_model_scores(const struct forest_model *model);
bool forest_model_explains(const struct forest_model *model); /* it has the trees' cover */
double forest_model_explain_cost(const struct forest_model *model); /* steps for a row */
/* values as for predict. out: rows x scores x features, row-major; base: scores. For every row and score, base and the contributions sum up to the
 * prediction. ORCH_ENOMEM only. */
int forest_model_explain(const struct forest_model *model, const double *values, size_t rows, double *out, double *base, struct orch_err *err);

#endif
