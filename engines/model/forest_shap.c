/* Contributions of the features to a saved forest's predictions: a tree at a time over all rows, so that one tree's room is all there is. */
#include <stdlib.h>
#include <string.h>

#include "engines/model/forest_model_parts.h"
#include "engines/model/tree_shap.h"
#include "storage/base/mem.h"

/* A tree as tree_shap wants it. */
struct plain_tree {
	int32_t *feature;
	uint32_t *right;
	double *cover;
	bool *taken;
};

size_t forest_model_scores(const struct forest_model *model)
{
	return model->width;
}

bool forest_model_explains(const struct forest_model *model)
{
	for (size_t t = 0; t < model->tree_count; t++)
		if (!model->trees[t].cover)
			return false;
	return true;
}

double forest_model_explain_cost(const struct forest_model *model)
{
	double cost = 0;

	for (size_t t = 0; t < model->tree_count; t++) {
		size_t nodes = model->trees[t].node_count, depth = 1;

		while (((size_t)1 << depth) < nodes)
			depth++;
		depth = 2 * depth; /* forests' trees are about twice as deep as full ones of their size */
		cost += tree_shap_cost(nodes, depth < model->feature_count ? depth : model->feature_count, model->width);
	}
	return cost;
}

static void plain_release(struct plain_tree *plain)
{
	free(plain->feature);
	free(plain->right);
	free(plain->cover);
	free(plain->taken);
}

/* A split's cover is its children's; children stand behind their parents. */
static int plain_init(const struct model_tree *tree, struct plain_tree *plain, struct orch_err *err)
{
	size_t count = tree->node_count, leaf = (count + 1) / 2;

	plain->feature = mem_array(count, sizeof *plain->feature);
	plain->right = mem_array(count, sizeof *plain->right);
	plain->cover = mem_array(count, sizeof *plain->cover);
	plain->taken = mem_array(count, sizeof *plain->taken);
	if (!plain->feature || !plain->right || !plain->cover || !plain->taken)
		return orch_fail(err, ORCH_ENOMEM, "no memory for the contributions of a tree of %zu nodes", count);
	for (size_t i = count; i-- > 0;) {
		const struct forest_node *node = &tree->nodes[i].node;

		plain->feature[i] = node->feature;
		plain->right[i] = node->right;
		plain->cover[i] = node->feature < 0 ? tree->cover[--leaf] : plain->cover[i + 1] + plain->cover[node->right];
	}
	return 0;
}

static void explain_row(const struct forest_model *model, const struct model_tree *tree, struct plain_tree *plain, struct tree_shap *shap, const double *values, double *out)
{
	for (size_t i = 0; i < tree->node_count; i++) {
		const struct forest_node *node = &tree->nodes[i].node;
		bool left;

		if (node->feature < 0)
			continue;
		left = model_goes_left(model, node, values);
		plain->taken[i + 1] = left;
		plain->taken[node->right] = !left;
	}
	tree_shap_add(shap, plain->taken, out);
}

static int explain_tree(const struct forest_model *model, const struct model_tree *tree, const double *values, size_t rows, double *out, double *base, struct orch_err *err)
{
	struct plain_tree plain = {0};
	struct tree_shap *shap = NULL;
	int code = plain_init(tree, &plain, err);

	if (!code) {
		const struct tree_shap_shape shape = {.node_count = tree->node_count, .feature_count = model->feature_count, .feature = plain.feature, .right = plain.right,
		        .cover = plain.cover, .value = tree->values, .width = model->width};

		code = tree_shap_open(&shape, &shap, err);
	}
	if (!code)
		tree_shap_base(shap, base);
	for (size_t i = 0; i < rows && !code; i++)
		explain_row(model, tree, &plain, shap, values + i * model->feature_count, out + i * model->width * model->feature_count);
	tree_shap_close(shap);
	plain_release(&plain);
	return code;
}

int forest_model_explain(const struct forest_model *model, const double *values, size_t rows, double *out, double *base, struct orch_err *err)
{
	size_t cells = rows * model->width * model->feature_count;
	int code = 0;

	memset(out, 0, cells * sizeof *out);
	memset(base, 0, model->width * sizeof *base);
	for (size_t t = 0; t < model->tree_count && !code; t++)
		code = explain_tree(model, &model->trees[t], values, rows, out, base, err);
	for (size_t i = 0; i < cells; i++)
		out[i] /= (double)model->tree_count;
	for (size_t k = 0; k < model->width; k++)
		base[k] /= (double)model->tree_count;
	return code;
}
