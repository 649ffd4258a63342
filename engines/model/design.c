#include "engines/model/design.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DESIGN_BLOCK 256 /* codes looked at together */

bool design_one_hot(const struct column *column)
{
	return column->kind == COLUMN_CATEGORY && !column->ordered;
}

size_t design_feature_columns(const struct column *column)
{
	return design_one_hot(column) ? column->level_count : 1;
}

size_t design_columns(const struct engine_data *data)
{
	size_t columns = 0;

	for (size_t f = 0; f < data->feature_count; f++)
		columns += design_feature_columns(data->features[f]);
	return columns;
}

int design_missing_error(const struct engine_data *data, size_t f, struct orch_err *err)
{
	return orch_fail(err, ORCH_EFIT,
	        "feature \"%s\" has missing values, which this engine cannot keep: set data.missing to mean, median or "
	        "drop",
	        data->features[f]->name);
}

/* ---- what stands in for missing values ---- */

struct weighted_value {
	double value, weight;
};

static int compare_values(const void *a, const void *b)
{
	const struct weighted_value *x = a, *y = b;

	return (x->value > y->value) - (x->value < y->value);
}

static double fill_mean(const struct weighted_value *values, size_t count)
{
	double weight = 0, sum = 0, first = values[0].value;

	for (size_t i = 0; i < count; i++) {
		weight += values[i].weight;
		sum += values[i].weight * (values[i].value - first);
	}
	return first + sum / weight;
}

static double fill_median(struct weighted_value *values, size_t count)
{
	double total = 0, below = 0;

	qsort(values, count, sizeof(*values), compare_values);
	for (size_t i = 0; i < count; i++)
		total += values[i].weight;
	for (size_t i = 0; i + 1 < count; i++) {
		below += values[i].weight;
		if (below > total / 2)
			return values[i].value;
		if (below == total / 2)
			return values[i].value + (values[i + 1].value - values[i].value) / 2;
	}
	return values[count - 1].value;
}

/* level: one slot a level, zeroed. */
static double fill_level(const struct weighted_value *values, size_t count, double *level, size_t level_count)
{
	size_t best = 0;

	for (size_t i = 0; i < count; i++)
		level[(size_t)values[i].value] += values[i].weight;
	for (size_t l = 1; l < level_count; l++)
		if (level[l] > level[best])
			best = l;
	return (double)best;
}

/* Keeps what is there and weighs something. */
static size_t fill_collect(const struct engine_data *data, const struct column *column, const uint32_t *train,
        size_t train_count, struct weighted_value *values)
{
	double block[DESIGN_BLOCK];
	size_t count = 0;

	for (size_t start = 0; start < train_count; start += DESIGN_BLOCK) {
		size_t length = train_count - start < DESIGN_BLOCK ? train_count - start : DESIGN_BLOCK;

		column_gather(column, train + start, length, block);
		for (size_t i = 0; i < length; i++) {
			double weight = data->weight ? data->weight[train[start + i]] : 1;

			if (!isnan(block[i]) && weight > 0)
				values[count++] = (struct weighted_value){block[i], weight};
		}
	}
	return count;
}

static int fill_feature(const struct engine_data *data, const struct column *column, const uint32_t *train,
        size_t train_count, struct weighted_value *values, double *fill)
{
	size_t count = fill_collect(data, column, train, train_count, values);

	if (count == 0) {
		*fill = 0;
	} else if (design_one_hot(column)) {
		double *level = mem_array(column->level_count, sizeof(*level));

		if (!level)
			return ORCH_ENOMEM;
		*fill = fill_level(values, count, level, column->level_count);
		free(level);
	} else {
		*fill = data->missing == ENGINE_MISSING_MEDIAN ? fill_median(values, count) : fill_mean(values, count);
	}
	return 0;
}

int design_fill(
        const struct engine_data *data, const uint32_t *train, size_t train_count, double *fill, struct orch_err *err)
{
	struct weighted_value *values = mem_array(train_count, sizeof(*values));
	int code = values ? 0 : ORCH_ENOMEM;

	for (size_t f = 0; f < data->feature_count && code == 0; f++) {
		fill[f] = NAN;
		if (data->missing != ENGINE_MISSING_KEEP && data->features[f]->missing_count > 0)
			code = fill_feature(data, data->features[f], train, train_count, values, &fill[f]);
	}
	free(values);
	return code ? orch_fail(err, code, "no memory to fill missing values of %zu rows", train_count) : 0;
}

/* ---- columns ---- */

static size_t feature_number(const struct column *column, const uint32_t *rows, size_t count, double shift, double fill,
        double *out, double *absent)
{
	size_t missing = 0;

	column_gather(column, rows, count, out);
	if (absent)
		memset(absent, 0, count * sizeof(*absent));
	for (size_t i = 0; i < count; i++)
		missing += isnan(out[i]);
	for (size_t i = 0; i < count && missing > 0; i++) {
		if (!isnan(out[i]))
			continue;
		out[i] = absent ? shift : fill;
		if (absent)
			absent[i] = 1;
	}
	if (shift != 0)
		for (size_t i = 0; i < count; i++)
			out[i] -= shift;
	return missing;
}

static size_t feature_levels(const struct column *column, const uint32_t *rows, size_t count, double fill, double *out,
        size_t stride, double *absent)
{
	double codes[DESIGN_BLOCK];
	size_t missing = 0;

	for (size_t l = 0; l < column->level_count; l++)
		memset(out + l * stride, 0, count * sizeof(*out));
	for (size_t i = 0; i < count; i++) {
		if (i % DESIGN_BLOCK == 0)
			column_gather(column, rows + i, count - i < DESIGN_BLOCK ? count - i : DESIGN_BLOCK, codes);
		double code = codes[i % DESIGN_BLOCK];
		bool gone = isnan(code);

		missing += gone;
		if (absent)
			absent[i] = gone;
		if (gone && !absent && !isnan(fill))
			code = fill;
		if (!isnan(code) && code < (double)column->level_count)
			out[(size_t)code * stride + i] = 1;
	}
	return missing;
}

size_t design_feature(const struct engine_data *data, size_t f, const uint32_t *rows, size_t count, const double *shift,
        double fill, double *out, size_t stride, double *absent)
{
	const struct column *column = data->features[f];

	if (!design_one_hot(column))
		return feature_number(column, rows, count, shift ? shift[0] : 0, fill, out, absent);
	size_t missing = feature_levels(column, rows, count, fill, out, stride, absent);

	for (size_t l = 0; shift && l < column->level_count; l++)
		for (size_t i = 0; shift[l] != 0 && i < count; i++)
			out[l * stride + i] -= absent && absent[i] > 0 ? 0 : shift[l];
	return missing;
}

/* ---- the whole matrix ---- */

int design_build(const struct engine_data *data, const uint32_t *rows, size_t row_count, const uint32_t *train,
        size_t train_count, struct design *out, struct orch_err *err)
{
	size_t columns = design_columns(data), cells;
	struct design design = {.rows = row_count, .columns = columns, .feature_count = data->feature_count};
	int code = ORCH_ENOMEM;

	design.first = mem_array(data->feature_count + 1, sizeof(*design.first));
	design.fill = mem_array(data->feature_count, sizeof(*design.fill));
	if (!__builtin_mul_overflow(row_count, columns, &cells))
		design.values = mem_array(cells, sizeof(*design.values));
	if (!design.first || !design.fill || !design.values) {
		orch_fail(err, code, "no memory for a matrix of %zu rows and %zu columns", row_count, columns);
		goto out;
	}
	code = design_fill(data, train, train_count, design.fill, err);
	for (size_t f = 0; f < data->feature_count && code == 0; f++) {
		double *values = design.values + design.first[f] * row_count;

		design.first[f + 1] = design.first[f] + design_feature_columns(data->features[f]);
		if (design_feature(data, f, rows, row_count, NULL, design.fill[f], values, row_count, NULL) > 0 &&
		        isnan(design.fill[f]))
			code = design_missing_error(data, f, err);
	}
	if (code == 0) {
		*out = design;
		return 0;
	}
out:
	design_release(&design);
	return code;
}

void design_release(struct design *design)
{
	free(design->first);
	free(design->values);
	free(design->fill);
	*design = (struct design){0};
}
