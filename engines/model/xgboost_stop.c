/* Early stopping: the number of trees that rows held back from the training like best. See xgboost_fit.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/address.h"
#include "engines/model/xgboost_fit.h"
#include "storage/base/json.h"

#define XGBOOST_STOP_FRACTION 0.1

unsigned xgboost_patience(const struct engine_variant *variant)
{
	return (unsigned)json_get_int(variant->params, "early_stopping_rounds", 0);
}

/* By the row's own address: the same rows are held back whatever the parameters and the features left out. */
static bool xgboost_holds_back(uint64_t key, uint32_t row, double fraction)
{
	return (double)(address_hash(key, row) >> 11) * 0x1p-53 < fraction;
}

int xgboost_stop_init(const struct engine_job *job, const struct engine_fold *fold, const struct engine_variant *variant,
        unsigned trees, struct xgboost_stop *out, struct orch_err *err)
{
	double fraction = json_get_real(variant->params, "early_stopping_fraction", XGBOOST_STOP_FRACTION), weight = 0;
	uint64_t key = address_text(job->seed, "early stopping");
	struct xgboost_stop stop = {.patience = xgboost_patience(variant), .rows = *fold};
	uint32_t *train, *held;

	if (job->data->outputs > 1)
		return orch_fail(err, ORCH_EFIT, "early_stopping_rounds takes one target and there are %u: leave it out, or fit the targets in campaigns of their own",
		        job->data->outputs);
	train = mem_array(fold->train_count + 1, sizeof(*train));
	held = mem_array(fold->train_count + 1, sizeof(*held));
	stop.loss = mem_array((size_t)trees + 1, sizeof(*stop.loss));
	stop.rows.train = train;
	stop.held = held;
	if (!train || !held || !stop.loss) {
		xgboost_stop_release(&stop);
		return orch_fail(err, ORCH_ENOMEM, "no memory for %zu training rows", fold->train_count);
	}
	stop.rows.train_count = 0;
	for (size_t i = 0; i < fold->train_count; i++)
		if (xgboost_holds_back(key, fold->train[i], fraction)) {
			weight += job->data->weight ? job->data->weight[fold->train[i]] : 1;
			held[stop.held_count++] = fold->train[i];
		} else {
			train[stop.rows.train_count++] = fold->train[i];
		}
	if (!(weight > 0) || stop.rows.train_count == 0) {
		size_t count = stop.held_count;

		xgboost_stop_release(&stop);
		return orch_fail(err, ORCH_EFIT, "early stopping holds back %zu of %zu training rows, which is %s: change early_stopping_fraction (now %g)",
		        count, fold->train_count, weight > 0 ? "all" : "too few", fraction);
	}
	*out = stop;
	return 0;
}

void xgboost_stop_release(struct xgboost_stop *stop)
{
	free((uint32_t *)(uintptr_t)stop->rows.train);
	free(stop->held);
	free(stop->loss);
	*stop = (struct xgboost_stop){0};
}

/* The rows held back as the view's model sees them. */
static int xgboost_stop_matrix(const struct xgboost_view *view, const struct xgboost_stop *stop, unsigned threads,
        struct xgboost_matrix **out, struct orch_err *err)
{
	const struct engine_data *data = view->data;
	float *cells = mem_array(stop->held_count * view->columns, sizeof(*cells)), *label = mem_array(stop->held_count, sizeof(*label)),
	      *weight = data->weight ? mem_array(stop->held_count, sizeof(*weight)) : NULL;
	int code = 0;

	if (!cells || !label || (data->weight && !weight))
		code = orch_fail(err, ORCH_ENOMEM, "no memory for %zu rows held back", stop->held_count);
	for (size_t i = 0; i < stop->held_count && code == 0; i++) {
		label[i] = (float)data->target[stop->held[i]];
		if (weight)
			weight[i] = (float)data->weight[stop->held[i]];
	}
	if (code == 0) {
		xgboost_view_gather(view, stop->held, stop->held_count, cells);
		code = xgboost_matrix_plain(cells, stop->held_count, view->columns, label, weight, threads, out, err);
	}
	free(cells);
	free(label);
	free(weight);
	return code;
}

/* The rule, as it stands after `trees` rounds at most: the first round of the smallest loss, looked for until `patience` rounds bring none. */
unsigned xgboost_stop_best(const struct xgboost_stop *stop, unsigned trees, bool *stopped)
{
	unsigned best = 0;

	*stopped = false;
	for (unsigned round = 1; round < stop->grown && round < trees && !*stopped; round++) {
		if (stop->loss[round] < stop->loss[best])
			best = round;
		else
			*stopped = round - best >= stop->patience;
	}
	return best + 1;
}

/* Training goes on until the rule ends it for the largest number of trees; a smaller number meets the same losses. */
static int xgboost_stop_grow(struct xgboost_model *model, struct xgboost_matrix *matrix, struct xgboost_matrix *held, unsigned trees,
        struct xgboost_stop *stop, struct orch_err *err)
{
	bool stopped = false;
	int code = 0;

	for (stop->grown = 0; stop->grown < trees && !stopped;) {
		double loss;

		if ((code = xgboost_model_train(model, matrix, stop->grown, stop->grown + 1, err)) != 0 ||
		        (code = xgboost_model_loss(model, held, stop->grown, &loss, err)) != 0)
			return code;
		stop->loss[stop->grown++] = loss;
		if (!isfinite(loss))
			return orch_fail(err, ORCH_EFIT, "early stopping: the loss of the rows held back is no number after %u trees", stop->grown);
		xgboost_stop_best(stop, trees, &stopped);
	}
	return 0;
}

int xgboost_stop_train(const struct engine_job *job, const struct engine_variant *variant, struct xgboost_view *view,
        struct xgboost_matrix *matrix, unsigned trees, struct xgboost_stop *stop, struct xgboost_fit *out, struct orch_err *err)
{
	struct xgboost_setting settings[XGBOOST_SETTINGS];
	struct xgboost_fit fit = {.count = 1, .stop = stop};
	struct xgboost_matrix *held = NULL;
	bool stopped;
	size_t count;
	int code = xgboost_settings(job, variant, view, 0, settings, &count, err);

	fit.models = mem_array(1, sizeof(*fit.models));
	fit.bases = mem_array(1, sizeof(*fit.bases));
	if (code == 0 && (!fit.models || !fit.bases))
		code = orch_fail(err, ORCH_ENOMEM, "no memory for a booster");
	if (code == 0)
		code = xgboost_stop_matrix(view, stop, job->threads, &held, err);
	if (code == 0)
		code = xgboost_model_create(matrix, settings, count, &fit.models[0], err);
	if (code == 0)
		code = xgboost_stop_grow(fit.models[0], matrix, held, trees, stop, err);
	if (code == 0)
		code = xgboost_settle(&fit.models[0], xgboost_stop_best(stop, trees, &stopped), err);
	if (code == 0) {
		fit.bases[0] = xgboost_own_base(view->base);
		*out = fit;
	} else {
		xgboost_fit_release(&fit);
	}
	xgboost_matrix_release(held);
	return code;
}

unsigned xgboost_fit_trees(const struct xgboost_fit *fit, unsigned trees)
{
	bool stopped;

	return fit->stop ? xgboost_stop_best(fit->stop, trees, &stopped) : trees;
}

const char *xgboost_fit_note(const struct xgboost_fit *fit, unsigned trees, const char *text, char note[XGBOOST_NOTE])
{
	bool stopped;
	unsigned best;

	if (!fit->stop)
		return text;
	best = xgboost_stop_best(fit->stop, trees, &stopped);
	snprintf(note, XGBOOST_NOTE, "%s%s%u of at most %u trees, %s", text ? text : "", text ? "; " : "", best, trees,
	        stopped ? "stopped early" : "not stopped early");
	return note;
}
