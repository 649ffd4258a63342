/* tree_shap: SHAP values of one decision tree, exact, for the path-dependent expectation of Lundberg, Erion and Lee (arXiv:1802.03888, algorithm 1;
 * Nature Machine Intelligence 2 (2020) 56): the value of a set of features is the tree's prediction where a split on a feature of the set sends the
 * row its way, and any other split sends it both ways in the shares of the training weight. phi_f is the Shapley value of f in that game, so that
 * base + the sum of phi is the prediction.
 *
 * Their algorithm 2 keeps the weights of all sizes of sets along a path, O(leaves depth^2), and divides polynomials, which loses digits in deep
 * trees. Here the sum over sizes is an integral (Owen, Management Science 18 (1972) P64): with z the share of a leaf that feature j lets through and
 * o = 1 or 0 whether the row passes, phi_f = sum over leaves of value (o_f - z_f) times the integral over t in [0, 1] of the product over j other
 * than f of z_j + t (o_j - z_j): a polynomial of known degree, which Gauss and Legendre's nodes integrate exactly, every factor of it between 0 and
 * 1. What the leaves below an edge have in common is added up once on the way back (Yu, Xu, Bifet, Read, Linear TreeSHAP, NeurIPS 2022):
 * O(nodes depth) for each row.
 *
 * open -> base, add, ... -> close, a tree at a time. One thread per handle (it holds the room to work in). */
#ifndef ENGINES_MODEL_TREE_SHAP_H
#define ENGINES_MODEL_TREE_SHAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/base/err.h"

/* Nodes in preorder: a left child follows its parent. Read by open only, but for value. */
struct tree_shap_shape {
	size_t node_count, feature_count;
	const int32_t *feature; /* of each node; -1: a leaf */
	const uint32_t *right;  /* of each split: its right child */
	const double *cover;    /* of each node: the training weight that reached it, above 0 */
	const double *value;    /* of each leaf, in order: width numbers; borrowed until close */
	size_t width;
};
struct tree_shap;
/* ORCH_ENOMEM only. */
int tree_shap_open(const struct tree_shap_shape *shape, struct tree_shap **out, struct orch_err *err);
void tree_shap_close(struct tree_shap *tree); /* NULL is fine */
/* Adds the expectation over nothing known: the mean of the leaves by cover. base: width. */
void tree_shap_base(const struct tree_shap *tree, double *base);
/* Adds one row's values. taken: of each node but the root, whether its parent sends the row there (whatever reaches the parent).
 * phi: width x feature_count, row-major. */
void tree_shap_add(struct tree_shap *tree, const bool *taken, double *phi);
/* Steps that add takes, about: for choosing how many rows to ask for. */
double tree_shap_cost(size_t node_count, size_t features_on_a_path, size_t width);

#endif
