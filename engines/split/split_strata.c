#include <math.h>
#include <stdlib.h>

#include "engines/split/split.h"
#include "storage/base/mem.h"

struct strata_value {
	double value;
	size_t row;
};

/* NaN last. */
static int compare_values(const void *left, const void *right)
{
	const struct strata_value *a = left, *b = right;

	if (isnan(a->value) || isnan(b->value))
		return isnan(a->value) - isnan(b->value);
	return (a->value > b->value) - (a->value < b->value);
}

static size_t run_end(const struct strata_value *sorted, size_t start, size_t rows)
{
	size_t end = start + 1;

	while (end < rows && compare_values(&sorted[start], &sorted[end]) == 0)
		end++;
	return end;
}

/* code[row] = its category or bin. Equal values are one run; the bin of a run is that of its first position. */
static void value_codes(const double *values, size_t rows, unsigned bins, uint32_t *code)
{
	struct strata_value *sorted = mem_must(rows, sizeof(*sorted));
	size_t known = 0, run = 0;

	for (size_t i = 0; i < rows; i++) {
		sorted[i] = (struct strata_value){values[i], i};
		known += !isnan(values[i]);
	}
	qsort(sorted, rows, sizeof(*sorted), compare_values);
	for (size_t start = 0, end; start < rows; start = end, run++) {
		size_t bin = run;

		end = run_end(sorted, start, rows);
		if (bins > 0)
			bin = start < known ? (size_t)((unsigned __int128)start * bins / known) : bins;
		for (size_t p = start; p < end; p++)
			code[sorted[p].row] = (uint32_t)bin;
	}
	free(sorted);
}

struct strata_pair {
	uint64_t pair; /* old stratum, code of the new column */
	size_t row;
};

static int compare_pairs(const void *left, const void *right)
{
	const struct strata_pair *a = left, *b = right;

	return (a->pair > b->pair) - (a->pair < b->pair);
}

size_t split_strata_cross(uint32_t *stratum, size_t rows, const double *values, unsigned bins)
{
	uint32_t *code = mem_must(rows, sizeof(*code));
	struct strata_pair *pairs = mem_must(rows, sizeof(*pairs));
	size_t count = 0;

	value_codes(values, rows, bins, code);
	for (size_t i = 0; i < rows; i++)
		pairs[i] = (struct strata_pair){(uint64_t)stratum[i] << 32 | code[i], i};
	qsort(pairs, rows, sizeof(*pairs), compare_pairs);
	for (size_t i = 0; i < rows; i++) {
		if (i == 0 || pairs[i].pair != pairs[i - 1].pair)
			count++;
		stratum[pairs[i].row] = (uint32_t)(count - 1);
	}
	free(code);
	free(pairs);
	return count;
}
