/* Functional ANOVA over a forest. A tree cuts the unit cube of parameters into boxes; its mean over all of space, and its mean with one parameter
 * held, are sums over leaves of volume times value, so variances are exact for the tree. Lists are cut between codes; a list of k choices has k
 * equal slabs. An unset parameter has a slab of its own. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "engines/diagnostics/diagnostics.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

#define TREES 48
#define LEAF_LEAST 3
#define TRIALS_MOST 2000
#define DEPTH_MOST 24

struct problem {
	size_t axes, trials;
	double *unit;  /* axes x trials, column by column: in [0, 1) */
	double *score;
};
struct leaf {
	double value, volume;
	double *low, *high; /* by axis */
};
struct tree {
	const struct problem *problem;
	uint64_t seed;
	struct leaf *leaves;
	size_t count, capacity;
	uint32_t *rows, *scratch;
};

static void add_leaf(struct tree *tree, double value, const double *low, const double *high)
{
	size_t axes = tree->problem->axes;
	struct leaf *leaf;

	if (tree->count == tree->capacity) {
		size_t capacity = tree->capacity ? 2 * tree->capacity : 64;
		struct leaf *grown = mem_array_grow(tree->leaves, capacity, sizeof *grown);

		if (!grown)
			orch_bug("out of memory for the importance of parameters");
		tree->leaves = grown;
		tree->capacity = capacity;
	}
	leaf = &tree->leaves[tree->count++];
	*leaf = (struct leaf){.value = value, .volume = 1, .low = mem_must(2 * axes, sizeof(double))};
	leaf->high = leaf->low + axes;
	memcpy(leaf->low, low, axes * sizeof *low);
	memcpy(leaf->high, high, axes * sizeof *high);
	for (size_t a = 0; a < axes; a++)
		leaf->volume *= high[a] - low[a];
}

struct cut {
	size_t axis;
	double at, gain;
};
struct place {
	double x, score;
};

static int by_place(const void *a, const void *b)
{
	const struct place *p = a, *q = b;

	return p->x != q->x ? (p->x > q->x) - (p->x < q->x) : (p->score > q->score) - (p->score < q->score);
}

static void try_axis(const struct tree *tree, const uint32_t *rows, size_t count, size_t axis, struct place *places, struct cut *best)
{
	const struct problem *problem = tree->problem;
	double total = 0, left = 0;

	for (size_t i = 0; i < count; i++) {
		places[i] = (struct place){problem->unit[axis * problem->trials + rows[i]], problem->score[rows[i]]};
		total += places[i].score;
	}
	qsort(places, count, sizeof *places, by_place);
	for (size_t i = 1; i < count; i++) {
		double gain, n = (double)i, rest = (double)(count - i);

		left += places[i - 1].score;
		if (places[i].x == places[i - 1].x || i < LEAF_LEAST || count - i < LEAF_LEAST)
			continue;
		gain = left * left / n + (total - left) * (total - left) / rest - total * total / (double)count;
		if (gain > best->gain * (1 + 1e-12) && gain > 1e-12)
			*best = (struct cut){axis, (places[i].x + places[i - 1].x) / 2, gain};
	}
}

/* Node numbers name the node's place in the tree: children of n are 2n and 2n + 1. */
static void grow(struct tree *tree, uint32_t *rows, size_t count, uint64_t node, unsigned depth, double *low, double *high)
{
	const struct problem *problem = tree->problem;
	struct cut best = {0};
	double sum = 0;
	size_t split = 0;

	if (count >= 2 * LEAF_LEAST && depth < DEPTH_MOST) {
		struct place *places = mem_must(count, sizeof *places);

		for (size_t axis = 0; axis < problem->axes; axis++) /* about two thirds of the axes are looked at in each node */
			if (problem->axes < 3 || address_below(address_hash(address_hash(tree->seed, node), axis), 3) < 2)
				try_axis(tree, rows, count, axis, places, &best);
		free(places);
	}
	if (!(best.gain > 0)) {
		for (size_t i = 0; i < count; i++)
			sum += problem->score[rows[i]];
		add_leaf(tree, sum / (double)count, low, high);
		return;
	}
	for (size_t i = 0, right = 0; i < count; i++) { /* stable, so that sums have one order */
		if (problem->unit[best.axis * problem->trials + rows[i]] < best.at)
			rows[split++] = rows[i];
		else
			tree->scratch[right++] = rows[i];
	}
	memcpy(rows + split, tree->scratch, (count - split) * sizeof *rows);
	{
		double keep = high[best.axis];

		high[best.axis] = best.at;
		grow(tree, rows, split, 2 * node, depth + 1, low, high);
		high[best.axis] = keep;
		keep = low[best.axis];
		low[best.axis] = best.at;
		grow(tree, rows + split, count - split, 2 * node + 1, depth + 1, low, high);
		low[best.axis] = keep;
	}
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Variance of the mean over all other axes as this one varies. */
static double marginal_variance(const struct tree *tree, size_t axis, double mean, double *edges)
{
	double variance = 0;
	size_t count = 0, kept = 1;

	edges[count++] = 0;
	edges[count++] = 1;
	for (size_t l = 0; l < tree->count; l++) {
		edges[count++] = tree->leaves[l].low[axis];
		edges[count++] = tree->leaves[l].high[axis];
	}
	qsort(edges, count, sizeof *edges, ascending);
	for (size_t i = 1; i < count; i++)
		if (edges[i] > edges[kept - 1])
			edges[kept++] = edges[i];
	for (size_t i = 0; i + 1 < kept; i++) {
		double middle = (edges[i] + edges[i + 1]) / 2, at = 0;

		for (size_t l = 0; l < tree->count; l++) {
			const struct leaf *leaf = &tree->leaves[l];

			if (leaf->low[axis] <= middle && middle < leaf->high[axis])
				at += leaf->value * leaf->volume / (leaf->high[axis] - leaf->low[axis]);
		}
		variance += (edges[i + 1] - edges[i]) * (at - mean) * (at - mean);
	}
	return variance;
}

/* Shares of the tree's variance by axis; false when the tree is one leaf. */
static bool tree_shares(const struct problem *problem, uint64_t seed, double *share)
{
	struct tree tree = {.problem = problem, .seed = seed, .rows = mem_must(problem->trials, sizeof(uint32_t)), .scratch = mem_must(problem->trials, sizeof(uint32_t))};
	double *low = mem_must(2 * problem->axes, sizeof *low), *high = low + problem->axes, mean = 0, variance = 0, *edges;

	for (size_t a = 0; a < problem->axes; a++)
		high[a] = 1;
	for (size_t i = 0; i < problem->trials; i++) /* with replacement */
		tree.rows[i] = (uint32_t)address_below(address_hash(address_hash(seed, 1), i), problem->trials);
	grow(&tree, tree.rows, problem->trials, 1, 0, low, high);
	for (size_t l = 0; l < tree.count; l++)
		mean += tree.leaves[l].value * tree.leaves[l].volume;
	for (size_t l = 0; l < tree.count; l++)
		variance += (tree.leaves[l].value - mean) * (tree.leaves[l].value - mean) * tree.leaves[l].volume;
	edges = mem_must(2 * tree.count + 2, sizeof *edges);
	for (size_t a = 0; a < problem->axes && variance > 0; a++)
		share[a] = marginal_variance(&tree, a, mean, edges) / variance;
	for (size_t l = 0; l < tree.count; l++)
		free(tree.leaves[l].low);
	free(tree.leaves);
	free(tree.rows);
	free(tree.scratch);
	free(low);
	free(edges);
	return variance > 0;
}

static void to_unit(const struct diagnose_axis *axis, const uint32_t *trials, size_t count, double *out)
{
	double low = INFINITY, high = -INFINITY, from;
	bool unset = false;

	for (size_t i = 0; i < count; i++) {
		double value = axis->values[trials[i]];

		unset = unset || !isfinite(value);
		out[i] = axis->log && value > 0 ? log(value) : value;
		if (isfinite(out[i])) {
			low = out[i] < low ? out[i] : low;
			high = out[i] > high ? out[i] : high;
		}
	}
	if (axis->list) { /* each choice has its slab */
		low -= 0.5;
		high += 0.5;
	}
	from = unset ? 0.125 : 0;
	for (size_t i = 0; i < count; i++)
		out[i] = !isfinite(out[i]) ? 0.0625 : high > low ? from + (out[i] - low) / (high - low) * (1 - from) * 0.999999 : 0.5;
}

static void fill(struct problem *problem, const struct diagnose_axis *axes, const double *score, size_t trials, uint64_t seed)
{
	uint32_t *kept = mem_must(trials + 1, sizeof *kept);
	size_t finite = 0, count = 0;

	for (size_t i = 0; i < trials; i++)
		finite += isfinite(score[i]);
	for (size_t i = 0; i < trials; i++)
		if (isfinite(score[i]) && (finite <= TRIALS_MOST || address_unit(address_hash(address_text(seed, "importance sample"), i)) < (double)TRIALS_MOST / (double)finite))
			kept[count++] = (uint32_t)i;
	problem->trials = count;
	problem->unit = mem_must(problem->axes * count + 1, sizeof *problem->unit);
	problem->score = mem_must(count + 1, sizeof *problem->score);
	for (size_t i = 0; i < count; i++)
		problem->score[i] = score[kept[i]];
	for (size_t a = 0; a < problem->axes; a++)
		to_unit(&axes[a], kept, count, problem->unit + a * count);
	free(kept);
}

json_t *diagnose_importance(const struct diagnose_axis *axes, size_t axis_count, const double *score, size_t trials, uint64_t seed)
{
	struct problem problem = {.axes = axis_count};
	double *share = mem_must(axis_count + 1, sizeof *share), *sum = mem_must(axis_count + 1, sizeof *sum), *squares = mem_must(axis_count + 1, sizeof *squares), rest = 0;
	json_t *names = json_array();
	size_t trees = 0;

	fill(&problem, axes, score, trials, seed);
	for (size_t t = 0; t < TREES && problem.trials >= 2 * LEAF_LEAST && axis_count; t++) {
		double all = 0;

		memset(share, 0, axis_count * sizeof *share);
		if (!tree_shares(&problem, address_hash(address_text(seed, "importance tree"), t), share))
			continue;
		trees++;
		for (size_t a = 0; a < axis_count; a++) {
			sum[a] += share[a];
			squares[a] += share[a] * share[a];
			all += share[a];
		}
		rest += 1 - all;
	}
	for (size_t a = 0; a < axis_count; a++) {
		double n = (double)trees, mean = sum[a] / n;

		json_array_append_new(names, json_string_nocheck(axes[a].name));
		squares[a] = trees > 1 ? sqrt(fmax(0, squares[a] - n * mean * mean) / (n - 1)) : NAN;
		sum[a] = trees ? mean : NAN;
	}
	json_t *out = json_pack("{s:o, s:o, s:o, s:o, s:I}", "parameters", names, "importance", diagnose_array(sum, axis_count), "sd", diagnose_array(squares, axis_count), "interactions",
	        json_number_or_null(trees ? rest / (double)trees : NAN), "trials", (json_int_t)problem.trials);
	free(problem.unit);
	free(problem.score);
	free(share);
	free(sum);
	free(squares);
	return out;
}
