/* Fits that are grown here instead of in the library: see hist_trees.h. Which fits can, and the check of each one's first rounds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/model/xgboost_fit.h"
#include "storage/base/json.h"

#define XGBOOST_OWN_CELLS 4000000 /* beyond this the bins take too much memory on their way out of the library */
#define XGBOOST_OWN_CHECK 2       /* rounds that are compared with the library's */

/* A float as the library reads it from decimal text: what is before the point, what is behind it and the power of ten are each rounded, so
 * that a number with an exponent is often not the nearest one. Digits behind the 19th are dropped; what is out of a float's range is refused there. */
float xgboost_own_float(const char *text)
{
	uint64_t whole = 0, part = 0, parts = 1;
	float value, scale = 1;
	bool divide;
	unsigned power = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		whole = whole * 10 + (uint64_t)(*text - '0');
	value = (float)whole;
	if (*text == '.') {
		text++;
		for (unsigned digits = 0; *text >= '0' && *text <= '9'; text++, digits++)
			if (digits < 19) {
				part = part * 10 + (uint64_t)(*text - '0');
				parts *= 10;
			}
		value += (float)((double)part / (double)parts);
	}
	if (*text != 'e' && *text != 'E')
		return value;
	divide = *++text == '-';
	text += *text == '-' || *text == '+';
	for (; *text >= '0' && *text <= '9' && power < 38; text++)
		power = power * 10 + (unsigned)(*text - '0');
	power = power < 38 ? power : 38;
	for (; power >= 8; power -= 8)
		scale *= 1e8f;
	for (; power > 0; power--)
		scale *= 10;
	return divide ? value / scale : value * scale;
}

static float xgboost_own_real(const json_t *params, const char *name, double fallback)
{
	char text[TEXT_NUMBER_MAX];

	return xgboost_own_float(text_number(json_get_real(params, name, fallback), text));
}

/* It is sent in nine digits, which are the same float's, but read as above. */
float xgboost_own_base(float base)
{
	char text[TEXT_NUMBER_MAX];

	snprintf(text, sizeof(text), "%.9g", fabs((double)base));
	return copysignf(xgboost_own_float(text), base);
}

static bool xgboost_own_ones(const json_t *params)
{
	static const char *const names[] = {"colsample_bytree", "colsample_bylevel", "colsample_bynode", "scale_pos_weight"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (json_get_real(params, names[i], 1) != 1)
			return false;
	return true;
}

static bool xgboost_own_objective(const struct engine_data *data, const json_t *params)
{
	const char *wish = json_get_text(params, "objective", "auto");

	return strcmp(wish, "auto") == 0 || strcmp(wish, data->task == ENGINE_REGRESSION ? "reg:squarederror" : "binary:logistic") == 0;
}

bool xgboost_own_size(size_t rows, size_t columns)
{
	return columns > 0 && rows <= XGBOOST_OWN_CELLS / columns;
}

/* Is min_child_weight above what rounding leaves of a sum of hessians that should be 0? A side of no rows would else be taken for a child, as the
 * library does. Sums of n numbers are off by at most n units in the last place (Higham 1993), each level takes sums off sums. */
static bool xgboost_own_child(const struct xgboost_view *view, double child, int64_t depth)
{
	double rows = (double)view->fold->train_count, total = view->weight ? 0 : rows;

	for (size_t i = 0; i < view->fold->train_count && view->weight; i++)
		total += view->weight[i];
	return child >= HIST_CHILD_LEAST && child > 2 * ((double)depth + 1) * (rows + HIST_BINS_MOST) * 0x1p-53 * total;
}

static bool xgboost_own_can(
        const struct engine_job *job, const struct engine_variant *variant, const struct xgboost_view *view, unsigned trees)
{
	const json_t *params = variant->params;
	int64_t depth = json_get_int(params, "max_depth", json_is_null(json_object_get(params, "max_depth")) ? 0 : 6);

	for (size_t c = 0; c < view->columns; c++)
		if (view->category[c])
			return false;
	return job->threads == 1 && !job->want_model && trees > XGBOOST_OWN_CHECK && view->complete && !view->none_kept &&
	        xgboost_groups(job->data) == 1 && xgboost_own_size(view->fold->train_count, view->columns) && depth >= 1 &&
	        depth <= HIST_DEPTH_MOST && xgboost_max_bin(variant) <= HIST_BINS_MOST && xgboost_own_ones(params) &&
	        xgboost_own_objective(job->data, params) && xgboost_own_child(view, json_get_real(params, "min_child_weight", 1), depth) &&
	        json_get_real(params, "max_delta_step", 0) == 0 && json_get_int(params, "max_leaves", 0) == 0 &&
	        strcmp(json_get_text(params, "grow_policy", "depthwise"), "depthwise") == 0 && xgboost_version_known() &&
	        (!xgboost_reports(job) || json_get_real(params, "subsample", 1) == 1); /* samples go with a training from its first round on */
}

struct hist_params xgboost_own_params(
        const struct engine_job *job, const struct engine_variant *variant, const struct xgboost_view *view, unsigned output)
{
	const json_t *params = variant->params;

	return (struct hist_params){.rate = xgboost_own_real(params, "learning_rate", 0.3),
	        .lambda = xgboost_own_real(params, "reg_lambda", 1),
	        .alpha = xgboost_own_real(params, "reg_alpha", 0),
	        .child = xgboost_own_real(params, "min_child_weight", 1),
	        .gamma = xgboost_own_real(params, "gamma", 0),
	        .subsample = xgboost_own_real(params, "subsample", 1),
	        .depth = (unsigned)json_get_int(params, "max_depth", 6),
	        .logistic = job->data->task == ENGINE_CLASSIFICATION,
	        .base = xgboost_own_base(view->base),
	        .seed = (uint32_t)xgboost_seed(job->seed, output)};
}

/* 1: the first rounds give a block of test rows what the library's give; 0: other numbers. Or a code. */
static int xgboost_own_same(const struct engine_job *job, const struct engine_variant *variant, struct xgboost_view *view,
        struct xgboost_matrix *matrix, unsigned output, const struct xgboost_own *own, struct orch_err *err)
{
	size_t left = view->fold->test_count, count = left < XGBOOST_BLOCK ? left : XGBOOST_BLOCK;
	float *cells = mem_array(count * view->columns + 1, sizeof(*cells)), *ours = mem_array(count + 1, sizeof(*ours)),
	      *theirs = mem_array(count + 1, sizeof(*theirs));
	struct xgboost_model *model = NULL;
	int code = cells && ours && theirs ? 0 : orch_fail(err, ORCH_ENOMEM, "no memory for a block of %zu rows", count);

	if (code == 0)
		code = xgboost_fit_output(job, variant, view, matrix, XGBOOST_OWN_CHECK, output, &model, err);
	if (code == 0 && count > 0) {
		xgboost_view_gather(view, view->fold->test, count, cells);
		hist_predict(&own->model, &own->params, XGBOOST_OWN_CHECK, cells, count, ours);
		code = xgboost_model_predict(model, cells, count, view->columns, XGBOOST_OWN_CHECK, 1, theirs, err);
	}
	if (code == 0)
		code = memcmp(ours, theirs, count * sizeof(*ours)) == 0;
	xgboost_model_release(model);
	free(cells);
	free(ours);
	free(theirs);
	return code;
}

/* All rounds of one output, the first ones checked: 1, 0 or a code as xgboost_own_same. */
static int xgboost_own_rounds(const struct engine_job *job, const struct engine_variant *variant, struct xgboost_view *view,
        struct xgboost_matrix *matrix, unsigned trees, unsigned output, struct xgboost_fit *fit, struct orch_err *err)
{
	struct xgboost_own *own = &fit->own[output];
	unsigned grown = xgboost_reports(job) ? xgboost_next_report(0, trees) : trees;
	int code = hist_train(&fit->bins, &own->params, view->label, view->weight, NULL, grown, &own->model, err);

	if (code == 0)
		code = xgboost_own_same(job, variant, view, matrix, output, own, err);
	while (code == 1 && grown < trees && !fit->stopped) {
		code = xgboost_fit_report(job, view, grown, fit, err);
		grown = xgboost_next_report(grown, trees);
		if (code == 0 && !fit->stopped)
			code = hist_train(&fit->bins, &own->params, view->label, view->weight, NULL, grown, &own->model, err);
		code = code == 0 ? 1 : code;
	}
	return code;
}

static int xgboost_own_grow(const struct engine_job *job, const struct engine_variant *variant, struct xgboost_view *view,
        struct xgboost_matrix *matrix, unsigned trees, struct xgboost_fit *fit, struct orch_err *err)
{
	int code = xgboost_matrix_bins(matrix, &fit->bins, err);

	if (code != 0)
		return code == ORCH_EFIT ? 0 : code;
	for (unsigned o = 0; o < fit->count; o++) {
		struct xgboost_own *own = &fit->own[o];

		if (fit->count > 1)
			xgboost_view_output(view, o);
		own->params = xgboost_own_params(job, variant, view, o);
		fit->bases[o] = own->params.base;
		code = xgboost_own_rounds(job, variant, view, matrix, trees, o, fit, err);
		if (code != 1)
			return code;
	}
	return 1;
}

int xgboost_own_train(const struct engine_job *job, const struct engine_variant *variant, struct xgboost_view *view,
        struct xgboost_matrix *matrix, unsigned trees, struct xgboost_fit *out, struct orch_err *err)
{
	struct xgboost_fit fit = {.count = job->data->outputs};
	int code;

	if (!xgboost_own_can(job, variant, view, trees))
		return 0;
	fit.own = mem_array(fit.count, sizeof(*fit.own));
	fit.bases = mem_array(fit.count, sizeof(*fit.bases));
	code = fit.own && fit.bases ? xgboost_own_grow(job, variant, view, matrix, trees, &fit, err)
	                            : orch_fail(err, ORCH_ENOMEM, "no memory for %u boosters", fit.count);
	if (code == 1)
		*out = fit;
	else
		xgboost_fit_release(&fit);
	return code;
}
