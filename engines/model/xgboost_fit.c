/* One fit: the boosters of its outputs, their predictions, the answer. See xgboost_fit.h. */
#include <stdlib.h>

#include "engines/model/xgboost_fit.h"

unsigned xgboost_groups(const struct engine_data *data)
{
	return data->task == ENGINE_CLASSIFICATION && data->classes > 2 ? data->classes : 1;
}

size_t xgboost_width(const struct engine_data *data)
{
	return data->task == ENGINE_CLASSIFICATION ? data->classes : data->outputs;
}

void xgboost_fit_release(struct xgboost_fit *fit)
{
	for (unsigned o = 0; fit->models && o < fit->count; o++)
		xgboost_model_release(fit->models[o]);
	for (unsigned o = 0; fit->own && o < fit->count; o++)
		hist_model_release(&fit->own[o].model);
	hist_bins_release(&fit->bins);
	free(fit->own);
	free(fit->models);
	free(fit->bases);
	*fit = (struct xgboost_fit){0};
}

int xgboost_settle(struct xgboost_model **model, unsigned trees, struct orch_err *err)
{
	struct xgboost_model *slice;
	int code = xgboost_model_slice(*model, trees, NULL, 0, &slice, err);

	if (code != 0)
		return code;
	xgboost_model_release(*model);
	*model = slice;
	return 0;
}

static int xgboost_fit_begin(const struct engine_job *job, const struct engine_variant *variant,
        struct xgboost_view *view, struct xgboost_matrix *matrix, unsigned output,
        struct xgboost_model **out, struct orch_err *err)
{
	struct xgboost_setting settings[XGBOOST_SETTINGS];
	size_t count;
	int code;

	if (job->data->outputs > 1) {
		xgboost_view_output(view, output);
		if ((code = xgboost_matrix_label(matrix, view->label, err)) != 0)
			return code;
	}
	if ((code = xgboost_settings(job, variant, view, output, settings, &count, err)) != 0)
		return code;
	return xgboost_model_create(matrix, settings, count, out, err);
}

int xgboost_fit_output(const struct engine_job *job, const struct engine_variant *variant,
        struct xgboost_view *view, struct xgboost_matrix *matrix, unsigned trees, unsigned output,
        struct xgboost_model **out, struct orch_err *err)
{
	int code = xgboost_fit_begin(job, variant, view, matrix, output, out, err);

	if (code != 0 || (code = xgboost_model_train(*out, matrix, 0, trees, err)) != 0)
		return code;
	return xgboost_settle(out, trees, err);
}

/* --- reports --- */

bool xgboost_reports(const struct engine_job *job)
{
	return job->report && job->variant_count == 1 && job->fold_count == 1 && job->data->outputs == 1;
}

unsigned xgboost_next_report(unsigned grown, unsigned trees)
{
	unsigned step = 4;

	while (step <= grown)
		step = step & (step - 1) ? step / 3 * 4 : step / 2 * 3;
	return step < trees ? step : trees;
}

int xgboost_fit_report(const struct engine_job *job, const struct xgboost_view *view, unsigned grown, struct xgboost_fit *fit, struct orch_err *err)
{
	double *prediction = mem_array(view->fold->test_count * xgboost_width(job->data) + 1, sizeof(*prediction));
	int code = prediction ? xgboost_fit_predict(view, fit, grown, prediction, err)
	                      : orch_fail(err, ORCH_ENOMEM, "no memory for %zu predictions", view->fold->test_count);

	if (code == 0)
		fit->stopped = job->report(job->context, grown, prediction);
	free(prediction);
	return code;
}

/* The one output of a fit with reports: round by round gives the same trees as all at once. */
static int xgboost_fit_grow(const struct engine_job *job, const struct engine_variant *variant, struct xgboost_view *view,
        struct xgboost_matrix *matrix, unsigned trees, struct xgboost_fit *fit, struct orch_err *err)
{
	int code = xgboost_fit_begin(job, variant, view, matrix, 0, &fit->models[0], err);

	for (unsigned grown = 0, next; code == 0 && grown < trees && !fit->stopped; grown = next) {
		next = xgboost_next_report(grown, trees);
		code = xgboost_model_train(fit->models[0], matrix, grown, next, err);
		if (code == 0 && next < trees)
			code = xgboost_fit_report(job, view, next, fit, err);
	}
	return code != 0 || fit->stopped ? code : xgboost_settle(&fit->models[0], trees, err);
}

int xgboost_fit_library(const struct engine_job *job, const struct engine_variant *variant, struct xgboost_view *view,
        struct xgboost_matrix *matrix, unsigned trees, struct xgboost_fit *out, struct orch_err *err)
{
	struct xgboost_fit fit = {.count = job->data->outputs};
	int code = 0;

	fit.models = mem_array(fit.count, sizeof(*fit.models));
	fit.bases = mem_array(fit.count, sizeof(*fit.bases));
	if (!fit.models || !fit.bases)
		code = orch_fail(err, ORCH_ENOMEM, "no memory for %u boosters", fit.count);
	for (unsigned o = 0; o < fit.count && code == 0; o++) {
		code = xgboost_reports(job) ? xgboost_fit_grow(job, variant, view, matrix, trees, &fit, err)
		                            : xgboost_fit_output(job, variant, view, matrix, trees, o, &fit.models[o], err);
		fit.bases[o] = xgboost_own_base(view->base);
	}
	if (code == 0)
		*out = fit;
	else
		xgboost_fit_release(&fit);
	return code;
}

int xgboost_fit_train(const struct engine_job *job, const struct engine_variant *variant, struct xgboost_view *view,
        struct xgboost_matrix *matrix, unsigned trees, struct xgboost_fit *out, struct orch_err *err)
{
	int code = xgboost_own_train(job, variant, view, matrix, trees, out, err);

	if (code != 0)
		return code == 1 ? 0 : code;
	return xgboost_fit_library(job, variant, view, matrix, trees, out, err);
}

/* A block of the library's floats into the answer's columns. */
static void xgboost_spread(const struct engine_data *data, const float *raw, size_t first, size_t count, size_t total,
        unsigned output, double *prediction)
{
	unsigned groups = xgboost_groups(data);

	for (size_t i = 0; i < count; i++) {
		if (data->task == ENGINE_CLASSIFICATION && groups == 1) {
			prediction[first + i] = 1 - (double)raw[i];
			prediction[total + first + i] = raw[i];
		} else {
			for (unsigned g = 0; g < groups; g++)
				prediction[(output + g) * total + first + i] = raw[i * groups + g];
		}
	}
}

int xgboost_fit_predict(const struct xgboost_view *view, const struct xgboost_fit *fit, unsigned trees,
        double *prediction, struct orch_err *err)
{
	const struct engine_fold *fold = view->fold;
	unsigned groups = xgboost_groups(view->data);
	float *cells = mem_array(XGBOOST_BLOCK * view->columns, sizeof(*cells)),
	      *raw = mem_array(XGBOOST_BLOCK * groups, sizeof(*raw));
	int code =
	        cells && raw ? 0 : orch_fail(err, ORCH_ENOMEM, "no memory for a block of %zu columns", view->columns);

	for (size_t first = 0; first < fold->test_count && code == 0; first += XGBOOST_BLOCK) {
		size_t left = fold->test_count - first, count = left < XGBOOST_BLOCK ? left : XGBOOST_BLOCK;

		xgboost_view_gather(view, fold->test + first, count, cells);
		for (unsigned o = 0; o < fit->count && code == 0; o++) {
			if (fit->own)
				hist_predict(&fit->own[o].model, &fit->own[o].params, trees, cells, count, raw);
			else
				code = xgboost_model_predict(fit->models[o], cells, count, view->columns, trees, groups, raw, err);
			if (code == 0)
				xgboost_spread(view->data, raw, first, count, fold->test_count, o, prediction);
		}
	}
	free(cells);
	free(raw);
	return code;
}

static void xgboost_squares(const struct xgboost_view *view, const double *prediction, double *sse)
{
	const struct engine_data *data = view->data;
	size_t count = view->fold->test_count;

	for (unsigned o = 0; o < data->outputs; o++) {
		sse[o] = 0;
		for (size_t i = 0; i < count; i++) {
			uint32_t row = view->fold->test[i];
			double off = prediction[o * count + i] - data->target[o * data->rows + row];

			sse[o] += (data->weight ? data->weight[row] : 1) * off * off;
		}
	}
}

/* What an answer points to while it is given. */
struct xgboost_numbers {
	double *prediction, *sse;
	struct text_buf model;
};

static int xgboost_numbers_make(const struct engine_job *job, const struct engine_variant *variant,
        const struct xgboost_view *view, const struct xgboost_fit *fit, struct xgboost_numbers *numbers,
        struct orch_err *err)
{
	size_t count = view->fold->test_count * xgboost_width(job->data);
	int code;

	numbers->prediction = mem_array(count + 1, sizeof(double));
	numbers->sse = mem_array(job->data->outputs, sizeof(double));
	if (!numbers->prediction || !numbers->sse)
		return orch_fail(err, ORCH_ENOMEM, "no memory for %zu predictions", count);
	code = xgboost_fit_predict(view, fit, xgboost_fit_trees(fit, xgboost_trees(variant)), numbers->prediction, err);
	if (code == 0 && job->scores_only && job->data->task == ENGINE_REGRESSION)
		xgboost_squares(view, numbers->prediction, numbers->sse);
	if (code == 0 && job->want_model)
		code = xgboost_fit_model(variant, view, fit, &numbers->model, err);
	return code;
}

/* Predicts the test rows and gives the answer; a failure of the library becomes an answer too. */
static int xgboost_answer(const struct engine_job *job, size_t fold, size_t variant, const struct xgboost_view *view,
        const struct xgboost_fit *fit, const char *text, uint64_t saved, struct orch_err *err)
{
	bool squares = job->scores_only && job->data->task == ENGINE_REGRESSION;
	struct xgboost_numbers numbers = {0};
	char note[XGBOOST_NOTE];
	struct orch_err why = {0};
	int code = xgboost_numbers_make(job, &job->variants[variant], view, fit, &numbers, &why);

	if (code != 0) {
		struct xgboost_group alone = {.variants = &variant, .count = 1};

		code = xgboost_group_refuse(job, fold, &alone, code, &why, err);
	} else {
		struct engine_answer answer = {.fold = fold,
		        .variant = variant,
		        .text = xgboost_fit_note(fit, xgboost_trees(&job->variants[variant]), text, note),
		        .prediction = squares ? NULL : numbers.prediction,
		        .sse = squares ? numbers.sse : NULL,
		        .model = numbers.model.data,
		        .model_length = numbers.model.length,
		        .fits_saved = saved};
		code = job->answer(job->context, &answer, err);
	}
	free(numbers.prediction);
	free(numbers.sse);
	text_buf_release(&numbers.model);
	return code;
}

int xgboost_group_answer(const struct engine_job *job, size_t fold, const struct xgboost_group *group,
        const struct xgboost_view *view, const struct xgboost_fit *fit, const char *text, uint64_t saved,
        struct orch_err *err)
{
	int code = 0;

	if (fit->stopped)
		return job->answer(job->context, &(struct engine_answer){.fold = fold, .variant = group->variants[0], .stopped = true}, err);
	for (size_t i = 0; i < group->count && code == 0; i++)
		code = xgboost_answer(job, fold, group->variants[i], view, fit, text, i == 0 ? saved : 1, err);
	return code;
}

int xgboost_group_refuse(const struct engine_job *job, size_t fold, const struct xgboost_group *group, int code,
        const struct orch_err *why, struct orch_err *err)
{
	if (code != ORCH_EFIT)
		return orch_fail(err, (enum orch_code)code, "%s", why->text);
	code = 0;
	for (size_t i = 0; i < group->count && code == 0; i++) {
		struct engine_answer answer = {
		        .fold = fold, .variant = group->variants[i], .code = ORCH_EFIT, .text = why->text};

		code = job->answer(job->context, &answer, err);
	}
	return code;
}
