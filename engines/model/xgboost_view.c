/* One fold seen through the features that are kept. See xgboost_fit.h. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "engines/model/xgboost_fit.h"

static double xgboost_weight(const struct engine_data *data, uint32_t row)
{
	return data->weight ? data->weight[row] : 1;
}

static bool xgboost_unordered(const struct column *column)
{
	return column->kind == COLUMN_CATEGORY && !column->ordered;
}

/* Positions of the features that are not left out. */
static void xgboost_keep(const struct engine_variant *variant, struct xgboost_view *view)
{
	size_t next = 0;

	for (uint32_t f = 0; f < view->data->feature_count; f++) {
		if (next < variant->left_out_count && variant->left_out[next] == f)
			next++;
		else
			view->kept[view->columns++] = f;
	}
	view->none_kept = view->columns == 0;
	if (view->none_kept)
		view->columns = 1;
}

struct xgboost_weighed {
	double value, weight;
};

static int xgboost_by_value(const void *left, const void *right)
{
	const struct xgboost_weighed *a = left, *b = right;

	return (a->value > b->value) - (a->value < b->value);
}

/* The smallest value at which half of the weight is reached; the mean of it and the next one when it is reached
 * exactly. */
static double xgboost_median(struct xgboost_weighed *list, size_t count)
{
	double total = 0, sum = 0;

	qsort(list, count, sizeof(*list), xgboost_by_value);
	for (size_t i = 0; i < count; i++)
		total += list[i].weight;
	for (size_t i = 0; i < count; i++) {
		sum += list[i].weight;
		if (2 * sum == total && i + 1 < count)
			return (list[i].value + list[i + 1].value) / 2;
		if (2 * sum >= total)
			return list[i].value;
	}
	return 0;
}

static double xgboost_mean(const struct xgboost_weighed *list, size_t count)
{
	double total = 0, sum = 0;

	for (size_t i = 0; i < count; i++) {
		sum += list[i].weight * list[i].value;
		total += list[i].weight;
	}
	return total > 0 ? sum / total : 0;
}

/* What stands in for the missing values of column c; notes whether any stays missing. An unordered category that is
 * missing stays missing: it has no mean. list holds train_count. */
static float xgboost_fill(struct xgboost_view *view, size_t c, struct xgboost_weighed *list)
{
	const struct column *column = view->data->features[view->kept[c]];
	size_t known = 0;

	for (size_t i = 0; i < view->fold->train_count; i++) {
		uint32_t row = view->fold->train[i];
		double value = column_value(column, row);

		if (!isnan(value))
			list[known++] = (struct xgboost_weighed){value, xgboost_weight(view->data, row)};
	}
	if (view->data->missing == ENGINE_MISSING_KEEP || view->category[c]) {
		view->gaps[c] = known < view->fold->train_count;
		view->complete = view->complete && !view->gaps[c];
		return NAN;
	}
	return (float)(view->data->missing == ENGINE_MISSING_MEAN ? xgboost_mean(list, known)
	                                                          : xgboost_median(list, known));
}

static int xgboost_view_columns(struct xgboost_view *view, struct orch_err *err)
{
	struct xgboost_weighed *list = NULL;

	view->complete = true;
	if (view->none_kept)
		return 0;
	for (size_t c = 0; c < view->columns; c++) {
		const struct column *column = view->data->features[view->kept[c]];

		if (column->minimum < -(double)FLT_MAX || column->maximum > (double)FLT_MAX) {
			free(list);
			return orch_fail(err, ORCH_EFIT, "feature %s has values beyond 3.4e38, the range of float32",
			        column->name);
		}
		view->category[c] = xgboost_unordered(column);
		view->fill[c] = NAN;
		if (column->missing_count == 0)
			continue;
		if (!list)
			list = mem_array(view->fold->train_count, sizeof(*list));
		if (!list)
			return orch_fail(err, ORCH_ENOMEM, "no memory to fill missing values of %zu rows",
			        view->fold->train_count);
		view->fill[c] = xgboost_fill(view, c, list);
	}
	free(list);
	return 0;
}

static int xgboost_view_weights(struct xgboost_view *view, struct orch_err *err)
{
	double total = 0;

	for (size_t i = 0; i < view->fold->train_count; i++) {
		double weight = xgboost_weight(view->data, view->fold->train[i]);

		total += weight;
		if (view->weight)
			view->weight[i] = (float)weight;
	}
	if (!(total > 0))
		return orch_fail(err, ORCH_EFIT, "no training row has a weight above 0");
	return 0;
}

void xgboost_view_output(struct xgboost_view *view, unsigned output)
{
	const struct engine_data *data = view->data;
	double sum = 0, total = 0;

	for (size_t i = 0; i < view->fold->train_count; i++) {
		uint32_t row = view->fold->train[i];
		double label = data->target[output * data->rows + row], weight = xgboost_weight(data, row);

		view->label[i] = (float)label;
		sum += weight * label;
		total += weight;
	}
	view->base = data->task == ENGINE_CLASSIFICATION ? 0.5f : (float)(sum / total);
}

int xgboost_view_init(const struct engine_data *data, const struct engine_fold *fold,
        const struct engine_variant *variant, struct xgboost_view *out, struct orch_err *err)
{
	struct xgboost_view view = {.data = data, .fold = fold};
	size_t width = data->feature_count + 1;
	int code = 0;

	if (fold->train_count == 0)
		return orch_fail(err, ORCH_EFIT, "the fold has no training rows");
	view.kept = mem_array(width, sizeof(*view.kept));
	view.category = mem_array(width, sizeof(*view.category));
	view.fill = mem_array(width, sizeof(*view.fill));
	view.gaps = mem_array(width, sizeof(*view.gaps));
	view.label = mem_array(fold->train_count, sizeof(*view.label));
	if (data->weight)
		view.weight = mem_array(fold->train_count, sizeof(*view.weight));
	if (!view.kept || !view.category || !view.fill || !view.gaps || !view.label || (data->weight && !view.weight))
		code = orch_fail(err, ORCH_ENOMEM, "no memory for %zu training rows", fold->train_count);
	if (code == 0) {
		xgboost_keep(variant, &view);
		code = xgboost_view_columns(&view, err);
	}
	if (code == 0)
		code = xgboost_view_weights(&view, err);
	if (code != 0) {
		xgboost_view_release(&view);
		return code;
	}
	xgboost_view_output(&view, 0);
	*out = view;
	return 0;
}

void xgboost_view_release(struct xgboost_view *view)
{
	free(view->kept);
	free(view->category);
	free(view->fill);
	free(view->gaps);
	free(view->label);
	free(view->weight);
	*view = (struct xgboost_view){0};
}

void xgboost_view_gather(const struct xgboost_view *view, const uint32_t *rows, size_t count, float *cells)
{
	if (view->none_kept) {
		for (size_t i = 0; i < count; i++)
			cells[i] = 0;
		return;
	}
	for (size_t c = 0; c < view->columns; c++) {
		float *column = cells + c * count;

		column_gather_float(view->data->features[view->kept[c]], rows, count, column);
		for (size_t i = 0; i < count && !isnan(view->fill[c]); i++)
			if (isnan(column[i]))
				column[i] = view->fill[c];
	}
}

static void xgboost_gather_training(void *context, size_t first, size_t count, float *cells)
{
	const struct xgboost_view *view = context;

	xgboost_view_gather(view, view->fold->train + first, count, cells);
}

int xgboost_view_matrix(const struct xgboost_view *view, unsigned max_bin, unsigned threads,
        struct xgboost_matrix **out, struct orch_err *err)
{
	struct xgboost_source source = {.rows = view->fold->train_count,
	        .columns = view->columns,
	        .category = view->category,
	        .label = view->label,
	        .weight = view->weight,
	        .gather = xgboost_gather_training,
	        .context = (void *)view};

	return xgboost_matrix_create(&source, max_bin, threads, out, err);
}
