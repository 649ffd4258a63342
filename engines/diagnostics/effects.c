#include "engines/diagnostics/effects.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/json.h"
#include "storage/base/mem.h"

#define POINTS 20

struct effect {
	size_t feature, points;
	double spread, grid[POINTS], mean[POINTS], low[POINTS], high[POINTS];
};

static size_t make_grid(const double *values, size_t rows, size_t stride, size_t feature, const struct diagnose_column *column, double *grid)
{
	double *sorted = mem_must(rows + 1, sizeof *sorted);
	size_t n = 0, points = 0;

	for (size_t r = 0; r < rows; r++)
		if (isfinite(values[r * stride + feature]))
			sorted[n++] = values[r * stride + feature];
	diagnose_sort(sorted, n);
	for (size_t i = 0; column->levels && i < n; i++) { /* levels that occur */
		if ((!i || sorted[i] != sorted[i - 1]) && points < POINTS)
			grid[points++] = sorted[i];
	}
	for (int p = 0; !column->levels && p < POINTS && n; p++) {
		double at = diagnose_quantile(sorted, n, 0.02 + 0.96 * p / (POINTS - 1));

		if (!points || at != grid[points - 1])
			grid[points++] = at;
	}
	free(sorted);
	return points;
}

/* curves: rows x points of predictions -> the effect's figures. */
static void sum_up(struct effect *effect, double *curves, size_t rows)
{
	double *own = mem_must(rows + 1, sizeof *own), middle = 0, squares = 0;

	for (size_t p = 0; p < effect->points; p++) {
		for (size_t r = 0; r < rows; r++)
			effect->mean[p] += curves[p * rows + r] / (double)rows;
		middle += effect->mean[p] / (double)effect->points;
	}
	for (size_t r = 0; r < rows; r++) { /* each row's curve about its own mean */
		double sum = 0;

		for (size_t p = 0; p < effect->points; p++)
			sum += curves[p * rows + r];
		for (size_t p = 0; p < effect->points; p++)
			curves[p * rows + r] += middle - sum / (double)effect->points;
	}
	for (size_t p = 0; p < effect->points; p++) {
		memcpy(own, curves + p * rows, rows * sizeof *own);
		diagnose_sort(own, rows);
		effect->low[p] = diagnose_quantile(own, rows, 0.1);
		effect->high[p] = diagnose_quantile(own, rows, 0.9);
		squares += (effect->mean[p] - middle) * (effect->mean[p] - middle);
	}
	effect->spread = effect->points > 1 ? sqrt(squares / (double)(effect->points - 1)) : 0;
	free(own);
}

static int by_spread(const void *a, const void *b)
{
	const struct effect *x = a, *y = b;

	return x->spread != y->spread ? (x->spread < y->spread) - (x->spread > y->spread) : (x->feature > y->feature) - (x->feature < y->feature);
}

static json_t *pack(const struct effect *effect, const struct diagnose_column *column)
{
	json_t *out = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "name", column->name, "kind", column->levels ? "category" : "number", "spread", json_number_or_null(effect->spread), "mean",
	        diagnose_array(effect->mean, effect->points), "low", diagnose_array(effect->low, effect->points), "high", diagnose_array(effect->high, effect->points));

	if (column->levels) {
		json_t *levels = json_array();

		for (size_t p = 0; p < effect->points; p++)
			json_array_append_new(levels, json_string_nocheck(effect->grid[p] < (double)column->level_count ? column->levels[(size_t)effect->grid[p]] : "?"));
		json_object_set_new(out, "level", levels);
	} else {
		json_object_set_new(out, "x", diagnose_array(effect->grid, effect->points));
	}
	return out;
}

int effects(const struct effects_model *model, const double *values, size_t rows, const struct diagnose_column *columns, size_t count, size_t shown, json_t **out, struct orch_err *err)
{
	double *changed = mem_must(rows * count + 1, sizeof *changed), *answer = mem_must(rows * model->outputs + 1, sizeof *answer), *curves = mem_must(rows * POINTS + 1, sizeof *curves);
	struct effect *all = mem_must(count + 1, sizeof *all);
	json_t *list = json_array();
	int code = 0;

	memcpy(changed, values, rows * count * sizeof *changed);
	for (size_t f = 0; f < count && !code; f++) {
		all[f].feature = f;
		all[f].points = make_grid(values, rows, count, f, &columns[f], all[f].grid);
		for (size_t p = 0; p < all[f].points && !code; p++) {
			for (size_t r = 0; r < rows; r++)
				changed[r * count + f] = all[f].grid[p];
			code = model->predict(model->state, changed, rows, answer, err);
			memcpy(curves + p * rows, answer + (size_t)model->shown * rows, rows * sizeof *curves);
		}
		for (size_t r = 0; r < rows; r++)
			changed[r * count + f] = values[r * count + f];
		if (!code)
			sum_up(&all[f], curves, rows);
	}
	qsort(all, count, sizeof *all, by_spread);
	for (size_t f = 0; f < count && f < shown && !code; f++)
		if (all[f].points > 1)
			json_array_append_new(list, pack(&all[f], &columns[all[f].feature]));
	free(changed);
	free(answer);
	free(curves);
	free(all);
	if (code)
		json_decref(list);
	else
		*out = list;
	return code;
}
