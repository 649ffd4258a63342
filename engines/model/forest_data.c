/* A fold as the forest sees it: columns of ranks, targets and weights as integers whose sums cannot overflow. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/model/forest.h"
#include "storage/base/mem.h"

/* Sums of |scaled values| stay below 2^61: room for a bootstrap that takes the largest row a few times more than its share. */
#define FOREST_SUM_BITS 61
#define FOREST_BOOTSTRAP_BITS 5 /* Poisson(1) gives more than 16 with probability 1e-15; forest_grow.c cuts there */
#define FOREST_NARROW_LEVELS 65535

/* Room for ranking one column. */
struct rank_item {
	uint64_t key; /* orders like the double */
	uint32_t row;
};
struct rank_room {
	double *values;
	struct rank_item *items, *other;
};

static uint64_t rank_key(double value)
{
	uint64_t bits;
	double plain = value + 0.0; /* -0 is 0 */

	memcpy(&bits, &plain, sizeof(bits));
	return bits ^ ((bits >> 63) ? UINT64_MAX : (uint64_t)1 << 63);
}

static double rank_value(uint64_t key)
{
	uint64_t bits = key ^ ((key >> 63) ? (uint64_t)1 << 63 : UINT64_MAX);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* Least significant digit first, a byte at a time; bytes that all keys share are skipped. */
static void rank_sort(struct rank_room *room, size_t count)
{
	static const size_t none[256];
	size_t(*counts)[256] = (size_t(*)[256])room->values; /* values are spent by now; there are at least 2048 */

	for (int digit = 0; digit < 8; digit++)
		memcpy(counts[digit], none, sizeof(none));
	for (size_t i = 0; i < count; i++)
		for (int digit = 0; digit < 8; digit++)
			counts[digit][room->items[i].key >> (8 * digit) & 255]++;
	for (int digit = 0; digit < 8; digit++) {
		size_t *at = counts[digit], start = 0;
		struct rank_item *swap = room->other;

		if (count == 0 || at[room->items[0].key >> (8 * digit) & 255] == count)
			continue;
		for (int value = 0; value < 256; value++) {
			size_t here = at[value];

			at[value] = start;
			start += here;
		}
		for (size_t i = 0; i < count; i++)
			room->other[at[room->items[i].key >> (8 * digit) & 255]++] = room->items[i];
		room->other = room->items;
		room->items = swap;
	}
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct weighted {
	double value, weight;
};

/* The value below and above which half of the weight lies; halfway between two when the weight splits there. */
static double weighted_median(struct weighted *list, size_t count, double total)
{
	double below = 0;

	qsort(list, count, sizeof(*list), compare_doubles); /* the value comes first in the struct */
	for (size_t i = 0; i < count; i++) {
		below += list[i].weight;
		if (2 * below > total || i + 1 == count)
			return list[i].value;
		if (2 * below == total)
			return (list[i].value + list[i + 1].value) / 2;
	}
	return NAN;
}

/* What stands in for missing values, from training rows only; NaN when they keep their own place or none is known. */
static int column_fill(const struct engine_data *data, const struct column *column, const struct forest_fold *fold,
                       const double *values, double *fill)
{
	bool keep = data->missing == ENGINE_MISSING_KEEP || (column->kind == COLUMN_CATEGORY && !column->ordered);
	struct weighted *list;
	double total = 0, sum = 0;
	size_t count = 0;

	*fill = NAN;
	if (keep || column->missing_count == 0)
		return 0;
	list = mem_array(fold->train_count + 1, sizeof(*list));
	if (!list)
		return ORCH_ENOMEM;
	for (size_t i = 0; i < fold->train_count; i++) {
		double weight = data->weight ? data->weight[fold->train[i]] : 1;

		if (isnan(values[i]) || weight <= 0)
			continue;
		list[count++] = (struct weighted){values[i], weight};
		total += weight;
		sum += weight * values[i];
	}
	if (count > 0)
		*fill = data->missing == ENGINE_MISSING_MEAN ? sum / total : weighted_median(list, count, total);
	free(list);
	return 0;
}

static void column_set_code(struct forest_column *column, uint32_t row, uint32_t code)
{
	if (column->wide)
		((uint32_t *)column->codes)[row] = code;
	else
		((uint16_t *)column->codes)[row] = (uint16_t)code;
}

/* Ranks of the values in room->values (missing: NaN). */
static int column_rank(struct forest_column *column, struct rank_room *room, size_t rows)
{
	size_t count = 0, levels = 0;
	uint32_t code = 0;

	for (size_t i = 0; i < rows; i++)
		if (!isnan(room->values[i]))
			room->items[count++] = (struct rank_item){rank_key(room->values[i]), (uint32_t)i};
	column->missing = count < rows;
	rank_sort(room, count);
	for (size_t i = 0; i < count; i++)
		levels += i == 0 || room->items[i].key != room->items[i - 1].key;
	column->levels = (uint32_t)levels;
	column->wide = levels > FOREST_NARROW_LEVELS;
	column->values = mem_array(levels + 1, sizeof(*column->values));
	column->codes = mem_array(rows + 1, column->wide ? sizeof(uint32_t) : sizeof(uint16_t));
	if (!column->values || !column->codes)
		return ORCH_ENOMEM;
	for (size_t i = 0; i < rows && column->missing; i++)
		column_set_code(column, (uint32_t)i, column->levels);
	for (size_t i = 0; i < count; i++) {
		code += i > 0 && room->items[i].key != room->items[i - 1].key;
		column->values[code] = rank_value(room->items[i].key);
		column_set_code(column, room->items[i].row, code);
	}
	return 0;
}

/* Finite values are spread over the grid evenly; the rounding is monotonic, so what the grid says of codes is exact. */
static int column_grid(struct forest_column *column)
{
	double first = column->levels ? column->values[0] : 0, last = column->levels ? column->values[column->levels - 1] : 0;
	uint32_t code = 0;

	column->grid = mem_array(FOREST_GRID + 1, sizeof(*column->grid));
	if (!column->grid)
		return ORCH_ENOMEM;
	column->origin = first;
	column->per_value = isfinite(first) && isfinite(last) && last - first > 0 ? FOREST_GRID / (last - first) : 0;
	if (!isfinite(column->per_value))
		column->per_value = 0;
	for (uint32_t k = 0; k <= FOREST_GRID; k++) {
		while (code < column->levels && forest_grid_at(column, column->values[code]) < k)
			code++;
		column->grid[k] = code;
	}
	column->grid[FOREST_GRID] = column->levels;
	return 0;
}

static size_t block_bytes(size_t bytes)
{
	return (bytes + 63) / 64 * 64;
}

static void *block_move(char **at, void *from, size_t bytes)
{
	void *to = memcpy(*at, from, bytes);

	free(from);
	*at += block_bytes(bytes);
	return to;
}

/* Room for all columns, were every value another. Nodes look at values here and there: while their pages were thousands of small ones, a sixth of the
 * time went into finding them. What no column comes to fill is never touched, so it takes no memory. */
static char *block_make(const struct forest_fold *fold, size_t rows)
{
	size_t code = rows > FOREST_NARROW_LEVELS ? sizeof(uint32_t) : sizeof(uint16_t);

	return mem_array_large(fold->feature_count + 1, block_bytes(rows * code) + block_bytes((rows + 1) * sizeof(double)) +
	                                                        block_bytes((FOREST_GRID + 1) * sizeof(uint32_t)));
}

/* At once, each column when it is made: all of them twice would be the most memory that a forest needs. */
static void column_join(struct forest_column *column, size_t rows, char **at)
{
	column->codes = block_move(at, column->codes, rows * (column->wide ? sizeof(uint32_t) : sizeof(uint16_t)));
	column->values = block_move(at, column->values, (column->levels + 1) * sizeof(double));
	column->grid = block_move(at, column->grid, (FOREST_GRID + 1) * sizeof(uint32_t));
}

static void column_drop(struct forest_column *column)
{
	free(column->codes);
	free(column->values);
	free(column->grid);
}

static int columns_build(const struct engine_data *data, const struct engine_fold *source, struct forest_fold *fold)
{
	size_t rows = fold->train_count + fold->test_count;
	struct rank_room room = {
		.values = mem_array(rows < 2048 ? 2048 : rows, sizeof(*room.values)),
		.items = mem_array(rows + 1, sizeof(*room.items)),
		.other = mem_array(rows + 1, sizeof(*room.other)),
	};
	char *at = fold->block = block_make(fold, rows);
	int code = at && room.values && room.items && room.other ? 0 : ORCH_ENOMEM;

	for (size_t f = 0; f < fold->feature_count && code == 0; f++) {
		struct forest_column *column = &fold->columns[f];

		column->id = data->feature_ids[f];
		column_gather(data->features[f], source->train, fold->train_count, room.values);
		column_gather(data->features[f], source->test, fold->test_count, room.values + fold->train_count);
		code = column_fill(data, data->features[f], fold, room.values, &column->fill);
		for (size_t i = 0; i < rows && !isnan(column->fill); i++)
			if (isnan(room.values[i]))
				room.values[i] = column->fill;
		if (code == 0)
			code = column_rank(column, &room, rows);
		if (code == 0)
			code = column_grid(column);
		if (code == 0)
			column_join(column, rows, &at);
		else
			column_drop(column);
		if (column->levels > fold->max_levels)
			fold->max_levels = column->levels;
	}
	free(room.values);
	free(room.items);
	free(room.other);
	return code;
}

/* The power of two that takes a sum of absolute values just below the limit. */
static double sum_scale(double sum_of_sizes, bool bootstrap)
{
	int exponent;

	if (!(sum_of_sizes > 0))
		return 1;
	frexp(sum_of_sizes, &exponent);
	exponent = FOREST_SUM_BITS - (bootstrap ? FOREST_BOOTSTRAP_BITS : 0) - exponent;
	return ldexp(1, exponent < 1000 ? exponent : 1000);
}

/* Weights, times total / (classes x weight of the class) when balanced. Whole weights (most often 1) stay as they are. */
static int weights_build(struct forest_fold *fold, const struct forest_settings *settings)
{
	const struct engine_data *data = fold->data;
	double *of_class = mem_array(data->classes + 1, sizeof(*of_class)), total = 0, scale = 1;
	bool whole = true;

	if (!of_class)
		return ORCH_ENOMEM;
	for (size_t i = 0; i < fold->train_count; i++) {
		fold->w[i] = data->weight ? data->weight[fold->train[i]] : 1;
		if (data->task == ENGINE_CLASSIFICATION)
			of_class[(size_t)fold->y[i]] += fold->w[i];
		total += fold->w[i];
	}
	for (size_t i = 0; i < fold->train_count && settings->balanced && data->task == ENGINE_CLASSIFICATION; i++)
		if (fold->w[i] > 0)
			fold->w[i] *= total / (data->classes * of_class[(size_t)fold->y[i]]);
	free(of_class);
	total = 0;
	for (size_t i = 0; i < fold->train_count; i++) {
		total += fold->w[i];
		whole = whole && fold->w[i] == floor(fold->w[i]);
	}
	if (!whole || total > 0x1p50)
		scale = sum_scale(total, settings->bootstrap);
	for (size_t i = 0; i < fold->train_count; i++) {
		fold->scaled_w[i] = llrint(fold->w[i] * scale);
		if (fold->scaled_w[i] == 0 && fold->w[i] > 0)
			fold->scaled_w[i] = 1;
	}
	return 0;
}

/* weight x (target - mean) as integers, for each output. */
static void targets_scale(struct forest_fold *fold, const struct forest_settings *settings)
{
	unsigned width = fold->sums_width;
	double largest = 0;

	for (unsigned o = 0; o < width; o++) {
		double weight = 0, sum = 0, sizes = 0, mean, scale;

		for (size_t i = 0; i < fold->train_count; i++) {
			weight += fold->w[i];
			sum += fold->w[i] * fold->y[i * width + o];
		}
		mean = weight > 0 ? sum / weight : 0;
		for (size_t i = 0; i < fold->train_count; i++)
			sizes += fold->w[i] * fabs(fold->y[i * width + o] - mean);
		scale = sum_scale(sizes, settings->bootstrap);
		fold->unscale[o] = 1 / scale;
		largest = fold->unscale[o] > largest ? fold->unscale[o] : largest;
		for (size_t i = 0; i < fold->train_count; i++)
			fold->scaled_y[i * width + o] = llrint(fold->w[i] * (fold->y[i * width + o] - mean) * scale);
	}
	for (unsigned o = 0; o < width; o++)
		fold->unscale[o] /= largest; /* squares of targets of any size stay finite */
}

static int targets_build(struct forest_fold *fold, const struct forest_settings *settings)
{
	const struct engine_data *data = fold->data;
	bool classify = data->task == ENGINE_CLASSIFICATION;
	unsigned outputs = classify ? 1 : data->outputs;
	int code;

	fold->target = classify ? FOREST_CLASSES : outputs > 1 ? FOREST_OUTPUTS : FOREST_SINGLE;
	if (classify && data->classes == 2 && settings->criterion == FOREST_GINI)
		fold->target = FOREST_SINGLE;
	fold->sums_width = fold->target == FOREST_CLASSES ? data->classes : outputs;
	fold->value_width = !classify ? outputs : data->classes == 2 ? 1 : data->classes;
	fold->y = mem_array(fold->train_count * outputs + 1, sizeof(*fold->y));
	fold->w = mem_array(fold->train_count + 1, sizeof(*fold->w));
	fold->scaled_w = mem_array(fold->train_count + 1, sizeof(*fold->scaled_w));
	fold->scaled_y = mem_array(fold->target == FOREST_CLASSES ? 1 : fold->train_count * outputs + 1, sizeof(*fold->scaled_y));
	fold->unscale = mem_array(fold->sums_width, sizeof(*fold->unscale));
	if (!fold->y || !fold->w || !fold->scaled_w || !fold->scaled_y || !fold->unscale)
		return ORCH_ENOMEM;
	for (size_t i = 0; i < fold->train_count; i++)
		for (unsigned o = 0; o < outputs; o++)
			fold->y[i * outputs + o] = data->target[o * data->rows + fold->train[i]];
	code = weights_build(fold, settings);
	if (code != 0 || fold->target == FOREST_CLASSES)
		return code;
	if (!classify) {
		targets_scale(fold, settings);
		return 0;
	}
	fold->unscale[0] = 1;
	for (size_t i = 0; i < fold->train_count; i++)
		fold->scaled_y[i] = fold->y[i] > 0 ? fold->scaled_w[i] : 0;
	return 0;
}

int forest_fold_build(const struct engine_data *data, const struct engine_fold *source, const struct forest_settings *settings,
                      struct forest_fold *out, struct orch_err *err)
{
	struct forest_fold fold = {
		.data = data,
		.train = source->train,
		.train_count = source->train_count,
		.test_count = source->test_count,
		.feature_count = data->feature_count,
	};
	int code = ORCH_ENOMEM;

	fold.columns = mem_array(data->feature_count + 1, sizeof(*fold.columns));
	if (fold.columns)
		code = targets_build(&fold, settings);
	if (code == 0)
		code = columns_build(data, source, &fold);
	if (code != 0) {
		forest_fold_release(&fold);
		return orch_fail(err, code, "no memory for a forest of %zu rows and %zu features",
		                 source->train_count + source->test_count, data->feature_count);
	}
	*out = fold;
	return 0;
}

void forest_fold_release(struct forest_fold *fold)
{
	free(fold->columns);
	free(fold->block);
	free(fold->y);
	free(fold->w);
	free(fold->scaled_y);
	free(fold->scaled_w);
	free(fold->unscale);
	*fold = (struct forest_fold){0};
}
