/* See hist_trees.h. */
#include "engines/model/hist_trees.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/model/hist_scan.h"
#include "storage/base/mem.h"

#define HIST_GAIN_LEAST 1e-6f /* the library's kRtEps: what gains no more is no split */

struct hist_grower {
	const struct hist_bins *bins;
	const struct hist_params *params;
	const bool *closed;
	struct hist_model *model;
	hist_pair *hist;     /* by level and bin */
	hist_pair *gradient; /* by row */
	hist_pair *gathered; /* of a node's rows */
	uint32_t *rows, *spare;
	float *margin;
	struct hist_room *room;
};

/* A node that may be split: its rows are rows[first ...]. */
struct hist_open {
	uint32_t node, first, count;
	unsigned depth;
	hist_pair *hist;
	struct hist_parent parent;
	struct hist_split split;
};

void hist_bins_release(struct hist_bins *bins)
{
	free(bins->bin);
	free(bins->offset);
	free(bins->edge);
	*bins = (struct hist_bins){0};
}

/* --- models --- */

void hist_model_release(struct hist_model *model)
{
	free(model->nodes);
	free(model->root);
	*model = (struct hist_model){0};
}

static int hist_model_room(struct hist_model *model, uint32_t trees, struct orch_err *err)
{
	uint32_t *root;

	if (model->root && model->tree_room >= trees)
		return 0;
	root = realloc(model->root, ((size_t)trees + 1) * sizeof(*root));
	if (!root)
		return orch_fail(err, ORCH_ENOMEM, "no memory for %u trees", trees);
	if (!model->root)
		root[0] = 0;
	model->root = root;
	model->tree_room = trees;
	return 0;
}

/* Room for one more tree of `most` nodes. */
static int hist_model_grow(struct hist_model *model, size_t most, struct orch_err *err)
{
	size_t need = model->root[model->trees] + most, room = model->node_room;
	struct hist_node *nodes;

	if (need <= room)
		return 0;
	room = need > 2 * room ? need : 2 * room;
	nodes = realloc(model->nodes, room * sizeof(*nodes));
	if (!nodes)
		return orch_fail(err, ORCH_ENOMEM, "no memory for %zu nodes of trees", room);
	model->nodes = nodes;
	model->node_room = room;
	return 0;
}

int hist_model_prefix(const struct hist_model *model, unsigned trees, struct hist_model *out, struct orch_err *err)
{
	struct hist_model copy = {0};
	int code = hist_model_room(&copy, trees, err);

	if (code == 0)
		code = hist_model_grow(&copy, model->root[trees] + 1, err);
	if (code != 0) {
		hist_model_release(&copy);
		return code;
	}
	memcpy(copy.root, model->root, ((size_t)trees + 1) * sizeof(*copy.root));
	memcpy(copy.nodes, model->nodes, model->root[trees] * sizeof(*copy.nodes));
	copy.trees = trees;
	*out = copy;
	return 0;
}

void hist_first_use(const struct hist_model *model, size_t columns, uint32_t *first)
{
	for (size_t c = 0; c < columns; c++)
		first[c] = UINT32_MAX;
	for (uint32_t t = 0; t < model->trees; t++)
		for (uint32_t n = model->root[t]; n < model->root[t + 1]; n++)
			if (model->nodes[n].left && first[model->nodes[n].column] > t)
				first[model->nodes[n].column] = t;
}

/* The library's logistic function. */
static float hist_logistic(float x)
{
	x = -x < 88.7f ? -x : 88.7f;
	return 1.0f / (expf(x) + 1.0f + 1e-16f);
}

static float hist_start(const struct hist_params *params)
{
	return params->logistic ? -logf(1.0f / params->base - 1.0f) : params->base;
}

void hist_predict(const struct hist_model *model, const struct hist_params *params, unsigned trees, const float *cells, size_t rows, float *out)
{
	for (size_t i = 0; i < rows; i++)
		out[i] = hist_start(params);
	for (uint32_t t = 0; t < trees; t++)
		for (size_t i = 0; i < rows; i++) {
			const struct hist_node *node = &model->nodes[model->root[t]];

			while (node->left) {
				float value = cells[node->column * rows + i];
				bool left = isnan(value) ? node->missing_left : value < node->edge;

				node = &model->nodes[node->left + !left];
			}
			out[i] += node->value;
		}
	for (size_t i = 0; i < rows && params->logistic; i++)
		out[i] = hist_logistic(out[i]);
}

/* The margin of the training rows after the rounds that are there. */
static void hist_margins(struct hist_grower *grower)
{
	const struct hist_bins *bins = grower->bins;
	const struct hist_model *model = grower->model;

	for (size_t i = 0; i < bins->rows; i++)
		grower->margin[i] = hist_start(grower->params);
	for (uint32_t t = 0; t < model->trees; t++)
		for (size_t i = 0; i < bins->rows; i++) {
			const struct hist_node *node = &model->nodes[model->root[t]];

			while (node->left)
				node = &model->nodes[node->left + (bins->bin[node->column * bins->rows + i] >= node->bin)];
			grower->margin[i] += node->value;
		}
}

/* --- gradients --- */

static void hist_gradients(struct hist_grower *grower, const float *label, const float *weight)
{
	for (size_t i = 0; i < grower->bins->rows; i++) {
		float w = weight ? weight[i] : 1.0f, p = grower->margin[i], hess = 1.0f;

		if (grower->params->logistic) {
			p = hist_logistic(p);
			hess = fmaxf(p * (1.0f - p), 1e-16f);
		}
		grower->gradient[i] = (hist_pair){(p - label[i]) * w, hess * w};
	}
}

/* The first or second number of mt19937 (Matsumoto and Nishimura 1998) from a seed. */
static uint32_t hist_twister(uint32_t seed, bool second)
{
	uint32_t state[400], mixed, y;

	state[0] = seed;
	for (uint32_t i = 1; i < 400; i++)
		state[i] = 1812433253u * (state[i - 1] ^ state[i - 1] >> 30) + i;
	mixed = (state[second] & 0x80000000u) | (state[second + 1] & 0x7fffffffu);
	y = state[397 + second] ^ mixed >> 1 ^ (mixed & 1 ? 0x9908b0dfu : 0);
	y ^= y >> 11;
	y ^= y << 7 & 0x9d2c5680u;
	y ^= y << 15 & 0xefc60000u;
	return y ^ y >> 18;
}

/* The library's sampling of rows: a multiplicative generator modulo 2^63 that a round's mt19937 starts. The first round's first
 * number goes to the library's sampling of columns. */
static void hist_sample(struct hist_grower *grower, uint32_t round)
{
	const uint64_t mask = UINT64_MAX >> 1;
	uint64_t state = hist_twister(grower->params->seed * 127u + round, round == 0);
	double share = grower->params->subsample;

	if (state == 0)
		state = 1;
	for (size_t i = 0; i < grower->bins->rows; i++) {
		double drawn;

		state = state * 16807u & mask;
		drawn = (double)(state - 1) / 0x1p63;
		if (!((drawn < 1 ? drawn : 1 - 0x1p-53) < share))
			grower->gradient[i] = (hist_pair){0, 0};
	}
}

/* --- one tree --- */

/* Sums of the gathered rows by bin, in the order of the rows. */
static void hist_sum(const uint8_t *bin, const uint32_t *rows, const hist_pair *gathered, size_t count, hist_pair *hist, size_t bins)
{
	memset(hist, 0, bins * sizeof(*hist));
	for (size_t i = 0; i < count; i++)
		hist[bin[rows[i]]] += gathered[i];
}

static bool hist_may_split(const struct hist_params *params, const struct hist_open *open)
{
	return open->parent.sum[1] > 1.99 * (double)params->child;
}

/* Sums the smaller node's rows, takes them off the parent's sums, which become the larger node's, and looks for both nodes'
 * best splits, a column at a time. large: NULL at the root. */
static void hist_search(struct hist_grower *grower, struct hist_open *small, struct hist_open *large)
{
	const struct hist_bins *bins = grower->bins;
	const uint32_t *rows = grower->rows + small->first;
	bool small_may = hist_may_split(grower->params, small), large_may = large && hist_may_split(grower->params, large);

	if (!small_may && !large_may)
		return;
	for (uint32_t i = 0; i < small->count; i++)
		grower->gathered[i] = grower->gradient[rows[i]];
	for (uint32_t c = 0; c < bins->columns; c++) {
		size_t offset = bins->offset[c], count = bins->offset[c + 1] - offset;
		hist_pair *own = small->hist + offset;

		if (grower->closed && grower->closed[c])
			continue;
		hist_sum(bins->bin + c * bins->rows, rows, grower->gathered, small->count, own, count);
		if (small_may)
			hist_scan(grower->params, own, count, c, &small->parent, grower->room, &small->split);
		if (!large_may)
			continue;
		hist_pair *other = large->hist + offset;
		for (size_t i = 0; i < count; i++)
			other[i] -= own[i];
		hist_scan(grower->params, other, count, c, &large->parent, grower->room, &large->split);
	}
}

static void hist_leaf(struct hist_grower *grower, const struct hist_open *open)
{
	float value = grower->model->nodes[open->node].value;

	for (uint32_t i = 0; i < open->count; i++)
		grower->margin[grower->rows[open->first + i]] += value;
}

/* Rows of the left child first, each side in its order. Returns how many go left. */
static uint32_t hist_part(struct hist_grower *grower, const struct hist_open *open)
{
	const uint8_t *bin = grower->bins->bin + open->split.column * grower->bins->rows;
	uint32_t *rows = grower->rows + open->first, left = 0, right = 0;

	for (uint32_t i = 0; i < open->count; i++) {
		uint32_t row = rows[i], goes_left = bin[row] < open->split.bin;

		rows[left] = row;
		grower->spare[right] = row;
		left += goes_left;
		right += !goes_left;
	}
	memcpy(rows + left, grower->spare, right * sizeof(*rows));
	return left;
}

static struct hist_open hist_child(struct hist_grower *grower, const struct hist_open *open, uint32_t node, hist_pair sum)
{
	grower->model->nodes[node] = (struct hist_node){.value = hist_leaf_weight(grower->params, sum) * grower->params->rate};
	return (struct hist_open){
	        .node = node, .depth = open->depth + 1, .parent = {.sum = sum, .gain = hist_leaf_gain(grower->params, sum)}};
}

static bool hist_splits(const struct hist_params *params, const struct hist_split *split)
{
	return split->gain > HIST_GAIN_LEAST && split->left[1] != 0 && split->right[1] != 0 && split->gain >= params->gamma;
}

/* Splits a node as far as it goes; next: the first free node. spare: histograms of the levels below. */
static void hist_expand(struct hist_grower *grower, const struct hist_open *open, uint32_t *next, hist_pair *spare)
{
	const struct hist_bins *bins = grower->bins;
	struct hist_node *node = &grower->model->nodes[open->node];
	struct hist_open child[2], *small, *large;

	if (!hist_splits(grower->params, &open->split)) {
		hist_leaf(grower, open);
		return;
	}
	node->left = *next;
	node->column = open->split.column;
	node->bin = open->split.bin;
	node->edge = bins->edge[bins->offset[node->column] + node->bin];
	node->missing_left = open->split.missing_left;
	*next += 2;
	child[0] = hist_child(grower, open, node->left, open->split.left);
	child[1] = hist_child(grower, open, node->left + 1, open->split.right);
	child[0].first = open->first;
	child[0].count = hist_part(grower, open);
	child[1].first = open->first + child[0].count;
	child[1].count = open->count - child[0].count;
	if (child[0].depth < grower->params->depth) {
		bool right = child[1].parent.sum[1] < child[0].parent.sum[1];

		small = &child[right];
		large = &child[!right];
		small->hist = spare;
		large->hist = open->hist;
		hist_search(grower, small, large);
		hist_expand(grower, small, next, spare + bins->offset[bins->columns]);
		hist_expand(grower, large, next, spare);
	} else {
		hist_leaf(grower, &child[0]);
		hist_leaf(grower, &child[1]);
	}
}

/* The library takes the root's sum from the bins of its first column. */
static hist_pair hist_root_sum(const struct hist_grower *grower)
{
	const struct hist_bins *bins = grower->bins;
	hist_pair hist[HIST_BINS_MOST], sum = {0, 0};
	uint32_t c = 0;

	while (grower->closed && grower->closed[c])
		c++;
	hist_sum(bins->bin + c * bins->rows, grower->rows, grower->gradient, bins->rows, hist, bins->offset[c + 1] - bins->offset[c]);
	for (size_t i = 0; i < bins->offset[c + 1] - bins->offset[c]; i++)
		sum += hist[i];
	return sum;
}

static void hist_tree(struct hist_grower *grower)
{
	struct hist_model *model = grower->model;
	uint32_t root = model->root[model->trees], next = root + 1;
	struct hist_open open = {.node = root, .count = (uint32_t)grower->bins->rows, .hist = grower->hist};

	for (uint32_t i = 0; i < open.count; i++)
		grower->rows[i] = i;
	open.parent.sum = hist_root_sum(grower);
	open.parent.gain = hist_leaf_gain(grower->params, open.parent.sum);
	model->nodes[root] = (struct hist_node){.value = grower->params->rate * hist_leaf_weight(grower->params, open.parent.sum)};
	hist_search(grower, &open, NULL);
	hist_expand(grower, &open, &next, grower->hist + grower->bins->offset[grower->bins->columns]);
	model->root[++model->trees] = next;
}

static void hist_release(struct hist_grower *grower)
{
	free(grower->hist);
	free(grower->gradient);
	free(grower->gathered);
	free(grower->rows);
	free(grower->spare);
	free(grower->margin);
	free(grower->room);
}

static int hist_init(struct hist_grower *grower, struct orch_err *err)
{
	size_t rows = grower->bins->rows, bins = grower->bins->offset[grower->bins->columns];

	grower->hist = mem_array((grower->params->depth + 1) * bins, sizeof(*grower->hist));
	grower->gradient = mem_array(rows, sizeof(*grower->gradient));
	grower->gathered = mem_array(rows, sizeof(*grower->gathered));
	grower->rows = mem_array(rows, sizeof(*grower->rows));
	grower->spare = mem_array(rows, sizeof(*grower->spare));
	grower->margin = mem_array(rows, sizeof(*grower->margin));
	grower->room = mem_array(1, sizeof(*grower->room));
	if (grower->hist && grower->gradient && grower->gathered && grower->rows && grower->spare && grower->margin && grower->room)
		return 0;
	return orch_fail(err, ORCH_ENOMEM, "no memory to grow trees on %zu rows", rows);
}

int hist_train(const struct hist_bins *bins, const struct hist_params *params, const float *label, const float *weight, const bool *closed,
        unsigned trees, struct hist_model *model, struct orch_err *err)
{
	struct hist_grower grower = {.bins = bins, .params = params, .closed = closed, .model = model};
	size_t leaves = params->depth < 30 ? (size_t)1 << params->depth : bins->rows;
	int code = hist_init(&grower, err);

	if (leaves > bins->rows) /* at least one row each */
		leaves = bins->rows;
	if (code == 0)
		code = hist_model_room(model, trees, err);
	if (code == 0)
		hist_margins(&grower);
	for (uint32_t round = model->trees; round < trees && code == 0; round++) {
		code = hist_model_grow(model, 2 * leaves + 1, err);
		if (code != 0)
			break;
		hist_gradients(&grower, label, weight);
		if (params->subsample < 1)
			hist_sample(&grower, round);
		hist_tree(&grower);
	}
	hist_release(&grower);
	return code;
}
