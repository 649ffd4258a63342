/* Extra-trees: one cut of a feature, at a random place between the smallest and the largest value of the node's rows.
 * What is far away in memory (the values of two codes, the grid) is asked for ahead: candidates are worked on in batches, one step
 * after another. */
#include <math.h>

#include "engines/address.h"
#include "engines/model/forest_split.h"

#define FOREST_PART_THRESHOLD 3
/* Integers only: the same bits in each. The thread sanitizer is not up yet when the clone is chosen. */
#ifdef __SANITIZE_THREAD__
#define FOREST_WIDE_CODES
#else
#define FOREST_WIDE_CODES __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
#define FOREST_LINE_VALUES 8 /* in a cache line */
#define FOREST_STRETCH_VALUES 64

struct extra_try {
	const struct forest_column *column;
	uint32_t *codes; /* of the node's rows */
	uint32_t low, high, range, grid;
	double threshold;
	struct forest_node_sums missing;
};

static void gather_codes(const struct forest_column *column, const uint32_t *rows, uint32_t count, uint32_t *out)
{
	if (column->wide)
		for (uint32_t k = 0; k < count; k++)
			out[k] = ((const uint32_t *)column->codes)[rows[k]];
	else
		for (uint32_t k = 0; k < count; k++)
			out[k] = ((const uint16_t *)column->codes)[rows[k]];
}

/* Least and greatest code that is not `missing` (a code above all others). */
FOREST_WIDE_CODES static void code_range(const uint32_t *codes, uint32_t count, uint32_t missing, uint32_t *low, uint32_t *high)
{
	int32_t least = INT32_MAX, most = -1, none = (int32_t)missing;

	for (uint32_t k = 0; k < count; k++) {
		int32_t code = (int32_t)codes[k], known = code == none ? -1 : code;

		least = code < least ? code : least;
		most = known > most ? known : most;
	}
	*low = (uint32_t)least;
	*high = most < 0 ? *low : (uint32_t)most;
}

/* Sums over rows with codes up to cut; below: how many have codes under end. */
FOREST_WIDE_CODES static uint32_t sum_single(const struct forest_scorer *s, const uint32_t *codes, uint32_t cut, uint32_t end,
                                             struct forest_node_sums *left, int64_t *left_sum)
{
	const int64_t *node_w = s->node_w, *node_y = s->node_y;
	int32_t last = (int32_t)cut, stop = (int32_t)end, rows = 0, below = 0;
	int64_t sum = 0, w = 0;

	for (uint32_t k = 0; k < s->count; k++) {
		int64_t mask = -(int64_t)((int32_t)codes[k] <= last);

		sum += node_y[k] & mask;
		w += node_w[k] & mask;
	}
	for (uint32_t k = 0; k < s->count; k++) {
		rows += (int32_t)codes[k] <= last;
		below += (int32_t)codes[k] < stop;
	}
	*left = (struct forest_node_sums){w, (uint32_t)rows};
	*left_sum = sum;
	return (uint32_t)below;
}

static uint32_t sum_several(struct forest_scorer *s, const uint32_t *codes, uint32_t cut, uint32_t end, struct forest_node_sums *left)
{
	uint32_t below = 0;

	*left = (struct forest_node_sums){0};
	memset(s->left, 0, s->fold->sums_width * sizeof(*s->left));
	for (uint32_t k = 0; k < s->count; k++) {
		below += codes[k] < end;
		if (codes[k] > cut)
			continue;
		left->rows++;
		left->w += s->node_w[k];
		forest_add_row(s, k, s->left);
	}
	return below;
}

/* Sums of the left into s->left; returns how many rows lie inside (cut, end). */
static uint32_t sum_left(struct forest_scorer *s, const uint32_t *codes, uint32_t cut, uint32_t end, struct forest_node_sums *left)
{
	uint32_t below = s->fold->target == FOREST_SINGLE ? sum_single(s, codes, cut, end, left, s->left) : sum_several(s, codes, cut, end, left);

	return below - left->rows;
}

static void take_cut(struct forest_scorer *s, struct forest_node_sums left, uint32_t low, uint32_t high, bool missing_left,
                     struct forest_split *split)
{
	if (left.rows >= s->settings->leaf && left.rows > 0 && left.rows < s->count && s->count - left.rows >= s->settings->leaf)
		forest_split_take(split, forest_gain(s, left.w, s->left), low, high, left.rows, missing_left);
}

/* --- the steps ---------------------------------------------------------------------------------------------------------- */

static void try_begin(struct forest_scorer *s, struct extra_try *try, struct forest_split *split)
{
	const struct forest_column *column = try->column;

	gather_codes(column, s->rows, s->count, try->codes);
	try->missing = (struct forest_node_sums){0};
	code_range(try->codes, s->count, column->missing ? column->levels : UINT32_MAX, &try->low, &try->high);
	__builtin_prefetch(&column->values[try->low]);
	__builtin_prefetch(&column->values[try->high]);
	split->varies = try->low < try->high;
}

static void try_draw(struct forest_scorer *s, struct extra_try *try, struct forest_split *split)
{
	const struct forest_column *column = try->column;
	double u = address_unit(address_hash(address_hash(s->key, FOREST_PART_THRESHOLD), column->id));
	double from = column->values[try->low], to = column->values[try->high], threshold = from * (1 - u) + to * u;

	split->threshold = threshold > from && threshold < to ? threshold : from;
	try->grid = forest_grid_at(column, split->threshold);
	__builtin_prefetch(&column->grid[try->grid]);
}

/* Are rows likely to lie inside the stretch where the cut is? */
static bool stretch_matters(const struct forest_scorer *s, const struct extra_try *try)
{
	return (uint64_t)(try->high - try->low - 1) * s->count * 2 > try->range;
}

/* The cut is now known as a stretch of codes, low .. high - 1. */
static void try_narrow(struct forest_scorer *s, struct extra_try *try)
{
	const struct forest_column *column = try->column;
	uint32_t begin = column->grid[try->grid], end = column->grid[try->grid + 1];

	try->range = try->high - try->low;
	if (begin > try->low + 1)
		try->low = begin - 1;
	if (end < try->high)
		try->high = end;
	if (!stretch_matters(s, try) || try->high - try->low > FOREST_STRETCH_VALUES)
		return;
	for (uint32_t code = try->low; code < try->high; code += FOREST_LINE_VALUES)
		__builtin_prefetch(&column->values[code]);
}

/* Sums of what lies left of the threshold. Only when rows lie inside the stretch is the cut looked up among the values. */
static struct forest_node_sums try_cut(struct forest_scorer *s, struct extra_try *try, double threshold)
{
	const struct forest_column *column = try->column;
	struct forest_node_sums left;

	if (!stretch_matters(s, try) &&
	    sum_left(s, try->codes, try->low, try->high, &left) == 0)
		return left;
	try->low = forest_code_below(column, try->low, try->high, threshold);
	try->high = try->low + 1;
	sum_left(s, try->codes, try->low, try->high, &left);
	return left;
}

/* Only where rows have no value: the feature may vary by that alone, and each cut has two sides for them. */
static void try_missing(struct forest_scorer *s, struct extra_try *try, struct forest_split *split)
{
	struct forest_node_sums left;

	split->varies = try->missing.rows < s->count;
	if (!split->varies)
		return;
	if (try->low == try->high) { /* one value against missing */
		sum_left(s, try->codes, try->low, try->low + 1, &left);
		take_cut(s, left, try->low, try->column->levels, false, split);
		return;
	}
	left = try_cut(s, try, split->threshold);
	for (unsigned o = 0; o < s->fold->sums_width; o++)
		s->left[o] += s->missing[o];
	take_cut(s, (struct forest_node_sums){left.w + try->missing.w, left.rows + try->missing.rows}, try->low, try->high, true, split);
	for (unsigned o = 0; o < s->fold->sums_width; o++)
		s->left[o] -= s->missing[o];
	take_cut(s, left, try->low, try->high, false, split);
}

static void try_finish(struct forest_scorer *s, struct extra_try *try, struct forest_split *split)
{
	if (try->column->missing)
		try->missing = forest_missing_sums(s, try->column, try->codes, NULL);
	if (try->missing.rows > 0) {
		try_missing(s, try, split);
		return;
	}
	if (split->varies) {
		struct forest_node_sums left = try_cut(s, try, split->threshold);

		take_cut(s, left, try->low, try->high, false, split);
	}
	split->missing_left = split->left_rows >= s->count - split->left_rows;
}

void forest_extra_score(struct forest_scorer *s, const uint32_t *features, uint32_t count, struct forest_split *splits)
{
	struct extra_try tries[FOREST_BATCH];
	uint32_t batch = s->code_room / s->count, size;

	batch = batch > FOREST_BATCH ? FOREST_BATCH : batch;
	for (; count > 0; count -= size, features += size) {
		size = count < batch ? count : batch;
		for (uint32_t i = 0; i < size; i++) {
			tries[i] = (struct extra_try){.column = &s->fold->columns[features[i]], .codes = s->codes + (size_t)i * s->count};
			splits[features[i]] = (struct forest_split){.gain = -INFINITY, .feature = features[i]};
			try_begin(s, &tries[i], &splits[features[i]]);
		}
		for (uint32_t i = 0; i < size; i++)
			if (splits[features[i]].varies)
				try_draw(s, &tries[i], &splits[features[i]]);
		for (uint32_t i = 0; i < size; i++)
			if (splits[features[i]].varies)
				try_narrow(s, &tries[i]);
		for (uint32_t i = 0; i < size; i++)
			try_finish(s, &tries[i], &splits[features[i]]);
	}
}
