/* The best split of one feature in one node. Random forests: all cuts between neighbouring values, exactly; rows are brought in
 * order by a bitmap over the ranks (as a van Emde Boas queue of two levels would), which costs a few cycles a row however many rows
 * there are. Extra-trees: one cut between the smallest and the largest value. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "engines/model/forest.h"
#include "storage/base/mem.h"

#define FOREST_NO_ROW UINT32_MAX
#define FOREST_PART_THRESHOLD 3

int forest_scorer_init(struct forest_scorer *s, const struct forest_fold *fold, const struct forest_settings *settings)
{
	size_t rows = fold->train_count + 1, width = fold->sums_width;
	size_t sums = fold->target == FOREST_CLASSES ? 1 : rows * width, words = fold->max_levels / 64 + 1;

	*s = (struct forest_scorer){.fold = fold, .settings = settings};
	s->tree_w = mem_array(rows, sizeof(*s->tree_w));
	s->tree_y = mem_array(sums, sizeof(*s->tree_y));
	s->multiplicity = mem_array(rows, sizeof(*s->multiplicity));
	s->node_w = mem_array(rows, sizeof(*s->node_w));
	s->node_y = mem_array(sums, sizeof(*s->node_y));
	s->node_class = mem_array(rows, sizeof(*s->node_class));
	s->total = mem_array(width, sizeof(*s->total));
	s->left = mem_array(width, sizeof(*s->left));
	s->missing = mem_array(width, sizeof(*s->missing));
	s->codes = mem_array(rows, sizeof(*s->codes));
	s->order = mem_array(rows, sizeof(*s->order));
	s->next = mem_array(rows, sizeof(*s->next));
	s->slot = mem_array((size_t)fold->max_levels + 1, sizeof(*s->slot));
	s->bits = mem_array(words, sizeof(*s->bits));
	s->summary = mem_array(words / 64 + 1, sizeof(*s->summary));
	if (s->tree_w && s->tree_y && s->multiplicity && s->node_w && s->node_y && s->node_class && s->total && s->left && s->missing &&
	    s->codes && s->order && s->next && s->slot && s->bits && s->summary)
		return 0;
	forest_scorer_release(s);
	return ORCH_ENOMEM;
}

void forest_scorer_release(struct forest_scorer *s)
{
	void *blocks[] = {s->tree_w, s->tree_y,  s->multiplicity, s->node_w, s->node_y, s->node_class, s->total, s->left,
	                  s->missing, s->codes, s->order,        s->next,   s->slot,   s->bits,       s->summary};

	for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++)
		free(blocks[i]);
	*s = (struct forest_scorer){0};
}

static bool load_sums(struct forest_scorer *s)
{
	unsigned width = s->fold->sums_width;

	for (uint32_t k = 0; k < s->count; k++)
		s->total_w += s->node_w[k] = s->tree_w[s->rows[k]];
	for (uint32_t k = 0; k < s->count; k++)
		for (unsigned o = 0; o < width; o++)
			s->total[o] += s->node_y[k * width + o] = s->tree_y[(size_t)s->rows[k] * width + o];
	for (uint32_t k = 1; k < s->count; k++)
		if (memcmp(&s->fold->y[(size_t)s->rows[k] * width], &s->fold->y[(size_t)s->rows[0] * width], width * sizeof(double)))
			return true;
	return false;
}

static bool load_classes(struct forest_scorer *s)
{
	bool mixed = false;

	for (uint32_t k = 0; k < s->count; k++) {
		s->node_class[k] = (uint32_t)s->fold->y[s->rows[k]];
		s->total_w += s->node_w[k] = s->tree_w[s->rows[k]];
		s->total[s->node_class[k]] += s->node_w[k];
		mixed = mixed || s->node_class[k] != s->node_class[0];
	}
	return mixed;
}

bool forest_scorer_load(struct forest_scorer *s, uint64_t key, const uint32_t *rows, uint32_t count)
{
	s->key = key;
	s->rows = rows;
	s->count = count;
	s->total_w = 0;
	memset(s->total, 0, s->fold->sums_width * sizeof(*s->total));
	return s->fold->target == FOREST_CLASSES ? load_classes(s) : load_sums(s);
}

/* --- gains ---------------------------------------------------------------------------------------------------------- */

/* Gains are worked out from the lighter side, so that a split and its mirror image tie in every bit. */
static inline bool right_is_lighter(int64_t left, int64_t right, int64_t left_sum, int64_t right_sum)
{
	return (right < left) | ((right == left) & (right_sum < left_sum));
}

/* Reduction of the sum of squares: d^2 / left + d^2 / right up to a factor, d the side's sum about the node's mean. */
static inline double gain_single(const struct forest_scorer *s, int64_t w, int64_t sum)
{
	int64_t other = s->total_w - w, other_sum = s->total[0] - sum;
	bool swap = right_is_lighter(w, other, sum, other_sum);
	double side = (double)(swap ? other : w), rest = (double)(swap ? w : other);
	double d = (double)(swap ? other_sum : sum) - (double)s->total[0] / (double)s->total_w * side;

	return d * d / (side * rest);
}

/* The same summed over outputs (in the targets' units) or, as Gini, over the classes' indicators. */
static double gain_several(const struct forest_scorer *s, int64_t w, const int64_t *sums)
{
	int64_t other = s->total_w - w;
	bool swap = right_is_lighter(w, other, sums[0], s->total[0] - sums[0]), classes = s->fold->target == FOREST_CLASSES;
	double side = (double)(swap ? other : w), rest = (double)(swap ? w : other), squares = 0;

	for (unsigned o = 0; o < s->fold->sums_width; o++) {
		double d = (double)(swap ? s->total[o] - sums[o] : sums[o]) - (double)s->total[o] / (double)s->total_w * side;

		if (!classes)
			d *= s->fold->unscale[o];
		squares += d * d;
	}
	return squares / (side * rest);
}

static double entropy_term(int64_t part, double whole)
{
	return part > 0 ? (double)part * log2((double)part / whole) : 0;
}

/* Minus the weighted entropy that is left, in bits. */
static double gain_entropy(const struct forest_scorer *s, int64_t w, const int64_t *sums)
{
	double left = (double)w, right = (double)(s->total_w - w), gain = 0;

	for (unsigned c = 0; c < s->fold->sums_width; c++)
		gain += entropy_term(sums[c], left) + entropy_term(s->total[c] - sums[c], right);
	return gain;
}

static double gain_of(const struct forest_scorer *s, int64_t w, const int64_t *sums)
{
	if (s->fold->target == FOREST_SINGLE)
		return gain_single(s, w, sums[0]);
	return s->settings->criterion == FOREST_ENTROPY ? gain_entropy(s, w, sums) : gain_several(s, w, sums);
}

/* --- rows of a node ------------------------------------------------------------------------------------------------- */

static void gather_codes(const struct forest_column *column, const uint32_t *rows, uint32_t count, uint32_t *out)
{
	if (column->wide)
		for (uint32_t k = 0; k < count; k++)
			out[k] = ((const uint32_t *)column->codes)[rows[k]];
	else
		for (uint32_t k = 0; k < count; k++)
			out[k] = ((const uint16_t *)column->codes)[rows[k]];
}

static void add_row(const struct forest_scorer *s, uint32_t k, int64_t *sums)
{
	unsigned width = s->fold->sums_width;

	if (s->fold->target == FOREST_CLASSES)
		sums[s->node_class[k]] += s->node_w[k];
	else
		for (unsigned o = 0; o < width; o++)
			sums[o] += s->node_y[(size_t)k * width + o];
}

/* Sums of the rows that have no value. */
static struct forest_node_sums missing_sums(struct forest_scorer *s, const struct forest_column *column)
{
	struct forest_node_sums sums = {0};

	s->missing_rows = 0;
	if (!column->missing)
		return sums;
	memset(s->missing, 0, s->fold->sums_width * sizeof(*s->missing));
	for (uint32_t k = 0; k < s->count; k++)
		if (s->codes[k] == column->levels) {
			sums.rows++;
			sums.w += s->node_w[k];
			add_row(s, k, s->missing);
		}
	s->missing_rows = sums.rows;
	return sums;
}

static void split_take(struct forest_split *split, double gain, uint32_t low, uint32_t high, uint32_t left_rows, bool missing_left)
{
	if (!(gain > split->gain))
		return;
	split->gain = gain;
	split->low = low;
	split->high = high;
	split->left_rows = left_rows;
	split->missing_left = missing_left;
}

/* --- random forests -------------------------------------------------------------------------------------------------- */

/* order: positions in the node by ascending code; rows of one code in no particular order (sums are exact). codes becomes sorted in
 * the same way. Bits are clear before and after. */
static void sort_codes(struct forest_scorer *s)
{
	uint32_t last = 0, at = 0;

	for (uint32_t k = 0; k < s->count; k++) {
		uint32_t code = s->codes[k];
		uint64_t bit = (uint64_t)1 << (code & 63);

		s->next[k] = s->bits[code >> 6] & bit ? s->slot[code] : FOREST_NO_ROW;
		s->slot[code] = k;
		s->bits[code >> 6] |= bit;
		s->summary[code >> 12] |= (uint64_t)1 << (code >> 6 & 63);
		last = code > last ? code : last;
	}
	for (uint32_t top = 0; top <= last >> 12; top++) {
		for (uint64_t words = s->summary[top]; words; words &= words - 1) {
			uint32_t word = top << 6 | (uint32_t)__builtin_ctzll(words);

			for (uint64_t bits = s->bits[word]; bits; bits &= bits - 1) {
				uint32_t code = word << 6 | (uint32_t)__builtin_ctzll(bits);

				for (uint32_t k = s->slot[code]; k != FOREST_NO_ROW; k = s->next[k]) {
					s->order[at] = k;
					s->codes[at++] = code;
				}
			}
			s->bits[word] = 0;
		}
		s->summary[top] = 0;
	}
}

/* All cuts after each of the first `count` rows in order, with start on the left besides. */
static void scan_single(struct forest_scorer *s, uint32_t count, struct forest_node_sums start, bool missing_left,
                        struct forest_split *split)
{
	uint32_t leaf = s->settings->leaf;
	int64_t w = start.w, sum = start.rows ? s->missing[0] : 0;

	for (uint32_t i = 0; i + 1 < s->count && i < count; i++) {
		uint32_t left = start.rows + i + 1;

		w += s->node_w[s->order[i]];
		sum += s->node_y[s->order[i]];
		if (i + 1 < s->count && s->codes[i] == s->codes[i + 1])
			continue;
		if (left >= leaf && left < s->count && s->count - left >= leaf)
			split_take(split, gain_single(s, w, sum), s->codes[i], s->codes[i + 1], left, missing_left);
	}
}

static void scan_several(struct forest_scorer *s, uint32_t count, struct forest_node_sums start, bool missing_left,
                         struct forest_split *split)
{
	uint32_t leaf = s->settings->leaf;
	int64_t w = start.w;

	for (unsigned o = 0; o < s->fold->sums_width; o++)
		s->left[o] = start.rows ? s->missing[o] : 0;
	for (uint32_t i = 0; i + 1 < s->count && i < count; i++) {
		uint32_t left = start.rows + i + 1;

		w += s->node_w[s->order[i]];
		add_row(s, s->order[i], s->left);
		if (s->codes[i] == s->codes[i + 1])
			continue;
		if (left >= leaf && left < s->count && s->count - left >= leaf)
			split_take(split, gain_of(s, w, s->left), s->codes[i], s->codes[i + 1], left, missing_left);
	}
}

static void score_all_cuts(struct forest_scorer *s, const struct forest_column *column, struct forest_split *split)
{
	void (*scan)(struct forest_scorer *, uint32_t, struct forest_node_sums, bool, struct forest_split *) =
		s->fold->target == FOREST_SINGLE ? scan_single : scan_several;
	struct forest_node_sums missing = missing_sums(s, column), none = {0};
	uint32_t known = s->count - missing.rows;

	sort_codes(s);
	split->varies = s->codes[0] != s->codes[s->count - 1];
	if (missing.rows > 0 && known > 0)
		scan(s, known - 1, missing, true, split); /* the last row's cut would leave nothing on the right */
	scan(s, known, none, false, split);
}

/* --- extra-trees ----------------------------------------------------------------------------------------------------- */

static void code_range(const struct forest_scorer *s, uint32_t missing_code, uint32_t *low, uint32_t *high)
{
	uint32_t least = UINT32_MAX, most = 0;

	if (missing_code == UINT32_MAX) {
		for (uint32_t k = 0; k < s->count; k++) {
			least = s->codes[k] < least ? s->codes[k] : least;
			most = s->codes[k] > most ? s->codes[k] : most;
		}
	} else {
		for (uint32_t k = 0; k < s->count; k++) {
			if (s->codes[k] == missing_code)
				continue;
			least = s->codes[k] < least ? s->codes[k] : least;
			most = s->codes[k] > most ? s->codes[k] : most;
		}
	}
	*low = least;
	*high = most;
}

/* Largest code in [low, high) whose value is at most threshold; low's is. */
static uint32_t code_below(const struct forest_column *column, uint32_t low, uint32_t high, double threshold)
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

static double draw_threshold(const struct forest_scorer *s, const struct forest_column *column, uint32_t low, uint32_t high)
{
	double u = address_unit(address_hash(address_hash(s->key, FOREST_PART_THRESHOLD), column->id));
	double from = column->values[low], to = column->values[high], threshold = from * (1 - u) + to * u;

	return threshold > from && threshold < to ? threshold : from;
}

static struct forest_node_sums left_of(struct forest_scorer *s, uint32_t cut)
{
	struct forest_node_sums sums = {0};
	int64_t sum = 0;

	if (s->fold->target == FOREST_SINGLE) {
		for (uint32_t k = 0; k < s->count; k++) {
			int64_t mask = -(int64_t)(s->codes[k] <= cut);

			sum += s->node_y[k] & mask;
			sums.w += s->node_w[k] & mask;
			sums.rows -= (uint32_t)mask;
		}
		s->left[0] = sum;
		return sums;
	}
	memset(s->left, 0, s->fold->sums_width * sizeof(*s->left));
	for (uint32_t k = 0; k < s->count; k++)
		if (s->codes[k] <= cut) {
			sums.rows++;
			sums.w += s->node_w[k];
			add_row(s, k, s->left);
		}
	return sums;
}

static void take_cut(struct forest_scorer *s, struct forest_node_sums left, uint32_t low, uint32_t high, bool missing_left,
                     struct forest_split *split)
{
	if (left.rows >= s->settings->leaf && left.rows > 0 && left.rows < s->count && s->count - left.rows >= s->settings->leaf)
		split_take(split, gain_of(s, left.w, s->left), low, high, left.rows, missing_left);
}

static void score_one_cut(struct forest_scorer *s, const struct forest_column *column, struct forest_split *split)
{
	struct forest_node_sums missing = missing_sums(s, column), left;
	uint32_t low, high, cut;

	code_range(s, column->missing ? column->levels : UINT32_MAX, &low, &high);
	split->varies = missing.rows < s->count && (low < high || missing.rows > 0);
	if (!split->varies)
		return;
	cut = low;
	if (low < high) {
		split->threshold = draw_threshold(s, column, low, high);
		cut = code_below(column, low, high, split->threshold);
	}
	left = left_of(s, cut);
	if (missing.rows > 0 && low < high) {
		for (unsigned o = 0; o < s->fold->sums_width; o++)
			s->left[o] += s->missing[o];
		take_cut(s, (struct forest_node_sums){left.w + missing.w, left.rows + missing.rows}, cut, cut + 1, true, split);
		for (unsigned o = 0; o < s->fold->sums_width; o++)
			s->left[o] -= s->missing[o];
	}
	take_cut(s, left, cut, low < high ? cut + 1 : column->levels, false, split);
}

/* --------------------------------------------------------------------------------------------------------------------- */

void forest_scorer_score(struct forest_scorer *s, uint32_t feature, struct forest_split *out)
{
	const struct forest_column *column = &s->fold->columns[feature];
	struct forest_split split = {.gain = -INFINITY, .feature = feature};

	gather_codes(column, s->rows, s->count, s->codes);
	if (s->settings->extra)
		score_one_cut(s, column, &split);
	else
		score_all_cuts(s, column, &split);
	if (s->missing_rows == 0)
		split.missing_left = split.left_rows >= s->count - split.left_rows;
	*out = split;
}

/* Finite, and from <= it < to. */
static double halfway(double from, double to)
{
	double middle = from / 2 + to / 2;

	if (!(middle >= from && middle < to))
		middle = from;
	return middle < -DBL_MAX ? -DBL_MAX : middle;
}

void forest_split_finish(const struct forest_fold *fold, bool extra, struct forest_split *split)
{
	const struct forest_column *column = &fold->columns[split->feature];

	split->cut = split->low;
	if (split->high == column->levels) { /* all values against missing */
		split->threshold = DBL_MAX;
		split->cut = column->levels - 1;
	} else if (!extra) {
		split->threshold = halfway(column->values[split->low], column->values[split->high]);
		split->cut = code_below(column, split->low, split->high, split->threshold);
	}
}

uint32_t forest_partition(const struct forest_column *column, const struct forest_split *split, uint32_t *rows, uint32_t count,
                          uint32_t *room)
{
	uint32_t left = 0, right = 0, missing = column->missing ? column->levels : UINT32_MAX;

	for (uint32_t k = 0; k < count; k++) {
		uint32_t row = rows[k];
		uint32_t code = column->wide ? ((const uint32_t *)column->codes)[row] : ((const uint16_t *)column->codes)[row];
		bool goes_left = code == missing ? split->missing_left : code <= split->cut;

		rows[left] = row;
		room[right] = row;
		left += goes_left;
		right += !goes_left;
	}
	memcpy(rows + left, room, right * sizeof(*rows));
	return left;
}
