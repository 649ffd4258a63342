/* The node at hand, gains, and what becomes of a chosen split. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/model/forest_split.h"
#include "storage/base/mem.h"

#define FOREST_ROOM 16384

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
	s->code_room = (uint32_t)(rows > FOREST_ROOM ? rows : FOREST_ROOM);
	s->codes = mem_array(s->code_room, sizeof(*s->codes));
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

/* The same summed over outputs (in the targets' units) or, as Gini, over the classes' indicators. */
double forest_gain_several(const struct forest_scorer *s, int64_t w, const int64_t *sums)
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
double forest_gain_entropy(const struct forest_scorer *s, int64_t w, const int64_t *sums)
{
	double left = (double)w, right = (double)(s->total_w - w), gain = 0;

	for (unsigned c = 0; c < s->fold->sums_width; c++)
		gain += entropy_term(sums[c], left) + entropy_term(s->total[c] - sums[c], right);
	return gain;
}

/* --- rows of a node ------------------------------------------------------------------------------------------------- */

struct forest_node_sums forest_missing_sums(struct forest_scorer *s, const struct forest_column *column, const uint32_t *codes,
                                            const uint32_t *order)
{
	struct forest_node_sums sums = {0};

	memset(s->missing, 0, s->fold->sums_width * sizeof(*s->missing));
	for (uint32_t i = 0; i < s->count; i++) {
		uint32_t k = order ? order[i] : i;

		if (codes[i] != column->levels)
			continue;
		sums.rows++;
		sums.w += s->node_w[k];
		forest_add_row(s, k, s->missing);
	}
	return sums;
}

/* --------------------------------------------------------------------------------------------------------------------- */

void forest_scorer_score(struct forest_scorer *s, const uint32_t *features, uint32_t count, struct forest_split *splits)
{
	if (s->settings->extra) {
		forest_extra_score(s, features, count, splits);
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		forest_cuts_score(s, features[i], &splits[features[i]]);
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

	if (split->high == column->levels) { /* all values against missing */
		split->threshold = DBL_MAX;
		split->cut = column->levels - 1;
		return;
	}
	if (!extra)
		split->threshold = halfway(column->values[split->low], column->values[split->high]);
	split->cut = forest_code_below(column, split->low, split->high, split->threshold);
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
