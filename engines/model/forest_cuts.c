/* Random forests: all cuts of a feature between neighbouring values of the node's rows, exactly. Rows are brought in order by a
 * bitmap over the ranks (a van Emde Boas queue of two levels): a few cycles a row, however many there are. */
#include <math.h>

#include "engines/model/forest_split.h"

#define FOREST_NO_ROW UINT32_MAX

static inline void put_code(struct forest_scorer *s, uint32_t k, uint32_t code)
{
	uint64_t bit = (uint64_t)1 << (code & 63);

	s->next[k] = s->bits[code >> 6] & bit ? s->slot[code] : FOREST_NO_ROW;
	s->slot[code] = k;
	s->bits[code >> 6] |= bit;
	s->summary[code >> 12] |= (uint64_t)1 << (code >> 6 & 63);
}

/* Returns the largest code. */
static uint32_t put_rows(struct forest_scorer *s, const struct forest_column *column)
{
	const uint32_t *wide = column->codes;
	const uint16_t *narrow = column->codes;
	uint32_t last = 0;

	for (uint32_t k = 0; k < s->count; k++) {
		uint32_t code = column->wide ? wide[s->rows[k]] : narrow[s->rows[k]];

		put_code(s, k, code);
		last = code > last ? code : last;
	}
	return last;
}

/* order: positions in the node by ascending code, which codes lists; rows of one code in no particular order (sums are exact). Bits
 * are clear before and after. */
static void sort_rows(struct forest_scorer *s, const struct forest_column *column)
{
	uint32_t last = put_rows(s, column), at = 0;

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
		if (s->codes[i] == s->codes[i + 1])
			continue;
		if (left >= leaf && left < s->count && s->count - left >= leaf)
			forest_split_take(split, forest_gain_single(s, w, sum), s->codes[i], s->codes[i + 1], left, missing_left);
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
		forest_add_row(s, s->order[i], s->left);
		if (s->codes[i] == s->codes[i + 1])
			continue;
		if (left >= leaf && left < s->count && s->count - left >= leaf)
			forest_split_take(split, forest_gain(s, w, s->left), s->codes[i], s->codes[i + 1], left, missing_left);
	}
}

void forest_cuts_score(struct forest_scorer *s, uint32_t feature, struct forest_split *out)
{
	const struct forest_column *column = &s->fold->columns[feature];
	struct forest_split split = {.gain = -INFINITY, .feature = feature};
	struct forest_node_sums missing = {0}, none = {0};
	void (*scan)(struct forest_scorer *, uint32_t, struct forest_node_sums, bool, struct forest_split *) =
		s->fold->target == FOREST_SINGLE ? scan_single : scan_several;
	uint32_t known;

	sort_rows(s, column);
	if (column->missing && s->codes[s->count - 1] == column->levels)
		missing = forest_missing_sums(s, column, s->codes, s->order);
	known = s->count - missing.rows;
	split.varies = s->codes[0] != s->codes[s->count - 1];
	if (missing.rows > 0 && known > 0)
		scan(s, known - 1, missing, true, &split); /* the last row's cut would leave nothing on the right */
	scan(s, known, none, false, &split);
	if (missing.rows == 0)
		split.missing_left = split.left_rows >= s->count - split.left_rows;
	*out = split;
}
