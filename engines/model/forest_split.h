/* forest_split: what the two ways of splitting share: forest_cuts.c tries all cuts of a feature, forest_extra.c one at random.
 * The scorer holds the node. Private to these files and forest_split.c. */
#ifndef ENGINES_MODEL_FOREST_SPLIT_H
#define ENGINES_MODEL_FOREST_SPLIT_H

#include <string.h>

#include "engines/model/forest.h"

struct forest_node_sums {
	int64_t w;
	uint32_t rows;
};

void forest_cuts_score(struct forest_scorer *s, uint32_t feature, struct forest_split *out);
void forest_extra_score(struct forest_scorer *s, const uint32_t *features, uint32_t count, struct forest_split *splits /* by feature */);

double forest_gain_several(const struct forest_scorer *s, int64_t w, const int64_t *sums);
double forest_gain_entropy(const struct forest_scorer *s, int64_t w, const int64_t *sums);
/* Sums of the rows that have no value, into s->missing. codes are those of the rows at order (NULL: 0, 1, ...). */
struct forest_node_sums forest_missing_sums(struct forest_scorer *s, const struct forest_column *column, const uint32_t *codes,
                                            const uint32_t *order);

/* Gains are worked out from the lighter side, so that a split and its mirror image tie in every bit. */
static inline bool right_is_lighter(int64_t left, int64_t right, int64_t left_sum, int64_t right_sum)
{
	return (right < left) | ((right == left) & (right_sum < left_sum));
}

/* Reduction of the sum of squares: d^2 / left + d^2 / right up to a factor, d the side's sum about the node's mean. */
static inline double forest_gain_single(const struct forest_scorer *s, int64_t w, int64_t sum)
{
	int64_t other = s->total_w - w, other_sum = s->total[0] - sum;
	bool swap = right_is_lighter(w, other, sum, other_sum);
	double side = (double)(swap ? other : w), rest = (double)(swap ? w : other);
	double d = (double)(swap ? other_sum : sum) - (double)s->total[0] / (double)s->total_w * side;

	return d * d / (side * rest);
}

static inline double forest_gain(const struct forest_scorer *s, int64_t w, const int64_t *sums)
{
	if (s->fold->target == FOREST_SINGLE)
		return forest_gain_single(s, w, sums[0]);
	return s->settings->criterion == FOREST_ENTROPY ? forest_gain_entropy(s, w, sums) : forest_gain_several(s, w, sums);
}

static inline void forest_add_row(const struct forest_scorer *s, uint32_t k, int64_t *sums)
{
	unsigned width = s->fold->sums_width;

	if (s->fold->target == FOREST_CLASSES)
		sums[s->node_class[k]] += s->node_w[k];
	else
		for (unsigned o = 0; o < width; o++)
			sums[o] += s->node_y[(size_t)k * width + o];
}

static inline void forest_split_take(struct forest_split *split, double gain, uint32_t low, uint32_t high, uint32_t left_rows, bool missing_left)
{
	if (!(gain > split->gain))
		return;
	split->gain = gain;
	split->low = low;
	split->high = high;
	split->left_rows = left_rows;
	split->missing_left = missing_left;
}

/* Largest code in [low, high) whose value is at most threshold; low's is. */
static inline uint32_t forest_code_below(const struct forest_column *column, uint32_t low, uint32_t high, double threshold)
{
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (column->values[middle] <= threshold)
			low = middle;
		else
			high = middle;
	}
	return low;
}

#endif
