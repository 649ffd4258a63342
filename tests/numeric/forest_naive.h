/* The forest of engines/model/forest.h once more, as plainly as it can be said: doubles, every cut tried by adding up both sides. */
#ifndef TESTS_NUMERIC_FOREST_NAIVE_H
#define TESTS_NUMERIC_FOREST_NAIVE_H

#include <float.h>

#include "tests/numeric/forest_problem.h"

struct naive {
	const struct problem *p;
	bool extra, bootstrap, entropy;
	size_t candidates, leaf, depth, split;
	uint64_t seed;
	const double *class_weight; /* or NULL */
	int draws[4000];
};
struct naive_split {
	double gain, threshold;
	size_t feature;
	bool missing_left, found, varies;
};

static inline double naive_value(const struct naive *n, size_t feature, uint32_t row)
{
	return column_value(n->p->data.features[feature], row);
}

static inline double naive_weight(const struct naive *n, uint32_t row)
{
	double w = n->p->weight ? n->p->weight[row] : 1;

	return w * n->draws[row] * (n->class_weight ? n->class_weight[(size_t)n->p->target[row]] : 1);
}

static inline bool naive_left(const struct naive *n, const struct naive_split *s, uint32_t row)
{
	double x = naive_value(n, s->feature, row);

	return isnan(x) ? s->missing_left : x <= s->threshold;
}

/* Mean or shares of the rows on one side (side 2: all); returns their weighted impurity. */
static inline double naive_side(const struct naive *n, const uint32_t *rows, size_t count, const struct naive_split *s, int side,
                                double *mean, size_t *size)
{
	const struct engine_data *data = &n->p->data;
	double total = 0, impurity = 0;
	size_t width = n->p->width;

	*size = 0;
	memset(mean, 0, width * sizeof(*mean));
	for (size_t k = 0; k < count; k++) {
		double w = naive_weight(n, rows[k]);

		if (side < 2 && naive_left(n, s, rows[k]) != (side == 0))
			continue;
		++*size;
		total += w;
		for (size_t o = 0; o < width; o++)
			mean[o] += w * (data->classes ? data->target[rows[k]] == (double)o : data->target[o * data->rows + rows[k]]);
	}
	for (size_t o = 0; o < width; o++)
		mean[o] /= total;
	if (data->classes) {
		for (size_t o = 0; o < width; o++)
			impurity += n->entropy ? (mean[o] > 0 ? -mean[o] * log2(mean[o]) : 0) : mean[o] * (1 - mean[o]);
		return impurity * total;
	}
	for (size_t k = 0; k < count; k++)
		for (size_t o = 0; o < width && (side == 2 || naive_left(n, s, rows[k]) == (side == 0)); o++)
			impurity += naive_weight(n, rows[k]) * pow(data->target[o * data->rows + rows[k]] - mean[o], 2);
	return impurity;
}

/* scale: the node's impurity; gains closer than a billionth of it are ties. */
static inline void naive_try(const struct naive *n, const uint32_t *rows, size_t count, double scale, struct naive_split split,
                             struct naive_split *best)
{
	double mean[16];
	size_t left, right;
	double impurity = naive_side(n, rows, count, &split, 0, mean, &left) + naive_side(n, rows, count, &split, 1, mean, &right);

	if (left < n->leaf || right < n->leaf || left == 0 || right == 0)
		return;
	split.gain = -impurity;
	if (!best->found || split.gain > best->gain + 1e-9 * scale) {
		split.found = split.varies = true;
		*best = split;
	}
}

static inline struct naive_split naive_score(const struct naive *n, uint64_t key, const uint32_t *rows, size_t count, double scale,
                                             size_t feature)
{
	struct naive_split best = {.feature = feature};
	double low = INFINITY, high = -INFINITY, u;
	size_t missing = 0;

	for (size_t k = 0; k < count; k++) {
		double x = naive_value(n, feature, rows[k]);

		missing += isnan(x);
		low = fmin(low, x);
		high = fmax(high, x);
	}
	best.varies = missing < count && (low < high || missing > 0);
	u = address_unit(address_hash(address_hash(key, 3), n->p->ids[feature]));
	for (double x = low, above; best.varies && x < INFINITY; x = above) {
		struct naive_split split = {.feature = feature};

		above = INFINITY;
		for (size_t m = 0; m < count; m++)
			if (naive_value(n, feature, rows[m]) > x)
				above = fmin(above, naive_value(n, feature, rows[m]));
		split.threshold = above < INFINITY ? (x + above) / 2 : DBL_MAX;
		if (n->extra && low < high) {
			split.threshold = low * (1 - u) + high * u;
			above = INFINITY;
		}
		split.missing_left = missing > 0 && split.threshold < DBL_MAX;
		if (split.missing_left)
			naive_try(n, rows, count, scale, split, &best);
		split.missing_left = false;
		if (missing > 0 || split.threshold < DBL_MAX)
			naive_try(n, rows, count, scale, split, &best);
	}
	if (missing == 0 && best.found) {
		size_t left = 0;

		for (size_t k = 0; k < count; k++)
			left += naive_left(n, &best, rows[k]);
		best.missing_left = left >= count - left;
	}
	return best;
}

static inline struct naive_split naive_search(const struct naive *n, uint64_t key, const uint32_t *rows, size_t count, double scale)
{
	size_t features = n->p->data.feature_count;
	struct naive_split best = {.found = false};
	bool used[64] = {false}, varies = false;

	for (size_t visited = 0; visited < features && (visited < n->candidates || !varies); visited++) {
		struct naive_split split;
		size_t next = features;

		for (size_t f = 0; f < features; f++)
			if (!used[f] && (next == features || address_hash(address_hash(key, 2), n->p->ids[f]) <
			                                             address_hash(address_hash(key, 2), n->p->ids[next])))
				next = f;
		used[next] = true;
		split = naive_score(n, key, rows, count, scale, next);
		varies = varies || split.varies;
		if (split.found && (!best.found || split.gain > best.gain + 1e-9 * scale)) /* a tie: who came first */
			best = split;
	}
	return best;
}

/* Adds the tree's prediction for one row to out. */
static inline void naive_predict(const struct naive *n, uint64_t key, const uint32_t *rows, size_t count, size_t depth, uint32_t row,
                                 double *out)
{
	double mean[16], impurity;
	struct naive_split split = {.found = false};
	uint32_t *side = mem_must(count + 1, sizeof(*side));
	size_t size = 0;

	impurity = naive_side(n, rows, count, &split, 2, mean, &size);
	if (depth < n->depth && count >= n->split && count >= 2 * n->leaf && impurity > 0)
		split = naive_search(n, key, rows, count, impurity);
	if (!split.found) {
		for (size_t o = 0; o < n->p->width; o++)
			out[o] += mean[o];
		free(side);
		return;
	}
	size = 0;
	for (size_t k = 0; k < count; k++)
		if (naive_left(n, &split, rows[k]) == naive_left(n, &split, row))
			side[size++] = rows[k];
	naive_predict(n, address_hash(key, naive_left(n, &split, row) ? 0 : 1), side, size, depth + 1, row, out);
	free(side);
}

/* Mean over trees for held-out row i. */
static inline void naive_forest(struct naive *n, unsigned trees, size_t i, double *out)
{
	const struct engine_fold *fold = &n->p->fold;
	uint32_t *rows = mem_must(fold->train_count, sizeof(*rows));

	memset(out, 0, n->p->width * sizeof(*out));
	for (unsigned t = 0; t < trees; t++) {
		uint64_t key = address_hash(address_text(n->seed, "forest"), t);
		size_t count = 0;

		for (size_t k = 0; k < fold->train_count; k++) {
			double u = address_unit(address_hash(address_hash(key, 1), fold->train[k])), below = exp(-1), share = exp(-1);
			int draws = 0;

			for (; n->bootstrap && u >= below; below += share)
				share /= ++draws;
			n->draws[fold->train[k]] = n->bootstrap ? draws : 1;
			if (naive_weight(n, fold->train[k]) > 0)
				rows[count++] = fold->train[k];
		}
		naive_predict(n, address_hash(key, 2), rows, count, 0, fold->test[i], out);
	}
	for (size_t o = 0; o < n->p->width; o++)
		out[o] /= trees;
	free(rows);
}

#endif
