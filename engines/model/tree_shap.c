#include "engines/model/tree_shap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/mem.h"

#define ROOT 0

/* A node with the edge that leads to it. */
struct shap_node {
	int32_t feature; /* the parent's split; -1: the root */
	bool leaf;
	uint32_t depth;
	double share;    /* of the parent's cover */
};
/* An edge on the path to the node at hand, at its depth. The arrays of an edge have an entry a quadrature point. */
struct shap_edge {
	int32_t feature;
	bool passed;     /* the row takes all edges of the feature down to here */
	double through;  /* the share that all of them let through */
	uint32_t before; /* depth of the edge above on the same feature; 0: none */
};
struct tree_shap {
	size_t node_count, feature_count, width, points;
	struct shap_node *nodes;
	const double *value;
	double *at, *weight;     /* quadrature on [0, 1] */
	struct shap_edge *edges; /* by depth, as all that follows */
	double *factor, *inverse, *path; /* of the edge's feature so far, and one by it; product over all features */
	double *below;           /* width x points: sum over the leaves below of path times value */
	uint32_t *last;          /* by feature: depth of its last edge on the path; 0: none */
};

double tree_shap_cost(size_t node_count, size_t features_on_a_path, size_t width)
{
	return (double)node_count * (double)(features_on_a_path / 2 + 1) * (double)(width + 3);
}

/* Nodes and weights of Gauss and Legendre on [0, 1]: Newton's method on the polynomial's recurrence. */
static void quadrature(size_t points, double *at, double *weight)
{
	for (size_t i = 0; i < points; i++) {
		double x = cos(M_PI * ((double)i + 0.75) / ((double)points + 0.5)), slope = 1;

		for (int step = 0; step < 100; step++) {
			double p = 1, before = 0, move;

			for (size_t k = 0; k < points; k++) {
				double next = ((2 * (double)k + 1) * x * p - (double)k * before) / ((double)k + 1);

				before = p;
				p = next;
			}
			slope = (double)points * (x * p - before) / (x * x - 1);
			move = p / slope;
			x -= move;
			if (fabs(move) < 1e-15)
				break;
		}
		at[i] = 0.5 * (1 - x);
		weight[i] = 1 / ((1 - x * x) * slope * slope);
	}
}

/* Fills the nodes; returns the deepest depth, *most: the most different features on one path. */
static size_t lay_out(const struct tree_shap_shape *shape, struct tree_shap *tree, uint32_t *parent, size_t *most)
{
	uint32_t *seen = tree->last;
	size_t deepest = 0, distinct = 0;
	int32_t *open = mem_must(shape->node_count + 1, sizeof *open); /* by depth: the feature of the edge */

	*most = 0;
	for (size_t i = 0; i < shape->node_count; i++) {
		struct shap_node *node = &tree->nodes[i];
		size_t above = i ? tree->nodes[i - 1].depth : 0;

		*node = (struct shap_node){.feature = i ? shape->feature[parent[i]] : -1, .leaf = shape->feature[i] < 0, .depth = i ? tree->nodes[parent[i]].depth + 1 : 0,
		        .share = i ? shape->cover[i] / shape->cover[parent[i]] : 1};
		for (size_t d = above; i && d >= node->depth && d > 0; d--) /* paths left behind */
			distinct -= --seen[open[d]] == 0;
		if (i) {
			open[node->depth] = node->feature;
			distinct += seen[node->feature]++ == 0;
		}
		if (!node->leaf) {
			parent[i + 1] = (uint32_t)i;
			parent[shape->right[i]] = (uint32_t)i;
		}
		deepest = node->depth > deepest ? node->depth : deepest;
		*most = distinct > *most ? distinct : *most;
	}
	memset(seen, 0, tree->feature_count * sizeof *seen);
	free(open);
	return deepest;
}

static bool make_room(struct tree_shap *tree, size_t deepest)
{
	size_t levels = deepest + 1, points = tree->points;

	tree->at = mem_array(points, sizeof *tree->at);
	tree->weight = mem_array(points, sizeof *tree->weight);
	tree->edges = mem_array(levels, sizeof *tree->edges);
	tree->factor = mem_array(levels * points, sizeof *tree->factor);
	tree->inverse = mem_array(levels * points, sizeof *tree->inverse);
	tree->path = mem_array(levels * points, sizeof *tree->path);
	tree->below = mem_array(levels * points * tree->width, sizeof *tree->below);
	return tree->at && tree->weight && tree->edges && tree->factor && tree->inverse && tree->path && tree->below;
}

int tree_shap_open(const struct tree_shap_shape *shape, struct tree_shap **out, struct orch_err *err)
{
	struct tree_shap *tree = mem_must(1, sizeof *tree);
	uint32_t *parent = mem_array(shape->node_count + 1, sizeof *parent);
	size_t most = 0, deepest;

	tree->node_count = shape->node_count;
	tree->feature_count = shape->feature_count;
	tree->width = shape->width;
	tree->value = shape->value;
	tree->nodes = mem_array(shape->node_count + 1, sizeof *tree->nodes);
	tree->last = mem_array(shape->feature_count + 1, sizeof *tree->last);
	if (parent && tree->nodes && tree->last) {
		deepest = lay_out(shape, tree, parent, &most);
		tree->points = most / 2 + 1; /* the integrand's degree is most - 1: exact up to 2 points - 1 */
		if (make_room(tree, deepest)) {
			quadrature(tree->points, tree->at, tree->weight);
			free(parent);
			*out = tree;
			return 0;
		}
	}
	free(parent);
	tree_shap_close(tree);
	return orch_fail(err, ORCH_ENOMEM, "no memory for the contributions of a tree of %zu nodes", shape->node_count);
}

void tree_shap_close(struct tree_shap *tree)
{
	if (!tree)
		return;
	free(tree->nodes);
	free(tree->at);
	free(tree->weight);
	free(tree->edges);
	free(tree->factor);
	free(tree->inverse);
	free(tree->path);
	free(tree->below);
	free(tree->last);
	free(tree);
}

void tree_shap_base(const struct tree_shap *tree, double *base)
{
	double *reached = tree->path; /* one number a depth is enough */
	const double *value = tree->value;

	reached[ROOT] = 1;
	for (size_t i = 0; i < tree->node_count; i++) {
		const struct shap_node *node = &tree->nodes[i];

		if (i)
			reached[node->depth] = reached[node->depth - 1] * node->share;
		for (size_t k = 0; k < tree->width && node->leaf; k++)
			base[k] += reached[node->depth] * value[k];
		value += node->leaf ? tree->width : 0;
	}
}

/* Goes down an edge to a node at depth d. */
static void enter(struct tree_shap *tree, const struct shap_node *node, bool taken)
{
	size_t d = node->depth, points = tree->points;
	uint32_t before = tree->last[node->feature];
	const struct shap_edge *above = before ? &tree->edges[before] : NULL;
	const double *old = before ? tree->inverse + before * points : NULL, *path = tree->path + (d - 1) * points;
	struct shap_edge edge = {node->feature, taken && (!above || above->passed), node->share * (above ? above->through : 1), before};
	double *factor = tree->factor + d * points, *inverse = tree->inverse + d * points, *out = tree->path + d * points, slope = edge.passed - edge.through;

	for (size_t t = 0; t < points; t++)
		inverse[t] = 1 / (factor[t] = edge.through + tree->at[t] * slope);
	for (size_t t = 0; t < points; t++)
		out[t] = old ? path[t] * (factor[t] * old[t]) : path[t] * factor[t];
	tree->edges[d] = edge;
	tree->last[node->feature] = (uint32_t)d;
}

/* Leaves the edge at depth d: all leaves below it are known. What the edge above on the same feature counts for them is taken back. */
static void leave(struct tree_shap *tree, size_t d, double *phi)
{
	const struct shap_edge *edge = &tree->edges[d], *above = edge->before ? &tree->edges[edge->before] : NULL;
	size_t points = tree->points, block = points * tree->width;
	const double *inverse = tree->inverse + d * points, *old = tree->inverse + edge->before * points;
	double *below = tree->below + d * block, *up = below - block, own = edge->passed - edge->through, other = above ? above->passed - above->through : 0;

	for (size_t t = 0; t < points; t++) {
		double scale = tree->weight[t] * (own * inverse[t] - (above ? other * old[t] : 0));

		for (size_t k = 0; k < tree->width; k++)
			phi[k * tree->feature_count + (size_t)edge->feature] += scale * below[k * points + t];
	}
	for (size_t i = 0; i < block; i++)
		up[i] += below[i];
	tree->last[edge->feature] = edge->before;
}

void tree_shap_add(struct tree_shap *tree, const bool *taken, double *phi)
{
	size_t points = tree->points, block = points * tree->width, depth = 0;
	const double *value = tree->value;

	for (size_t t = 0; t < points; t++)
		tree->path[t] = 1;
	for (size_t i = 0; i < tree->node_count; i++) {
		const struct shap_node *node = &tree->nodes[i];
		double *below = tree->below + node->depth * block;

		for (; i && depth >= node->depth; depth--)
			leave(tree, depth, phi);
		if (i)
			enter(tree, node, taken[i]);
		depth = node->depth;
		for (size_t k = 0; k < tree->width; k++)
			for (size_t t = 0; t < points; t++)
				below[k * points + t] = node->leaf ? tree->path[depth * points + t] * value[k] : 0;
		value += node->leaf ? tree->width : 0;
	}
	for (; depth > 0; depth--)
		leave(tree, depth, phi);
}
