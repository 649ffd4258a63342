/* See boosted_lofo.h for what is shared and when it is exact. */
#include "engines/lofo/boosted_lofo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "storage/base/json.h"

/* The library draws columns by log(u) / weight (Efraimidis and Spirakis 2006): with weights 1e9 and 0 (taken as 1e-6)
 * the smallest key is that of a column of weight 0, unless u is 0 for another one. The generator is mt19937, seeded
 * with 127 seed + round; for this seed no draw is 0 among the first BOOSTED_DRAWS of each of the first BOOSTED_ROUNDS
 * rounds (test_boosted_lofo counts them). Nothing else draws: the seed does not change a number. */
#define BOOSTED_SEED 1
#define BOOSTED_ROUNDS 5000
#define BOOSTED_DRAWS 20000

#define BOOSTED_CHECK 8 /* groups that a family must have to be checked: it costs a training */

struct boosted_lofo {
	const struct engine_job *job;
	size_t fold;
	const struct engine_variant *base; /* the family's parameters, nothing left out */
	struct xgboost_view view;
	struct xgboost_matrix *matrix;
	struct xgboost_fit fit;
	uint32_t *first; /* by output and column: the first round that splits on it */
};

static bool boosted_is_one(const json_t *params, const char *name)
{
	return json_get_real(params, name, 1) == 1;
}

/* Why nothing can be shared in this family; NULL: it can. */
static const char *boosted_obstacle(const struct engine_job *job, const json_t *params, unsigned trees)
{
	size_t draws = (job->data->feature_count + 2) * (xgboost_groups(job->data) + 1);

	if (!boosted_is_one(params, "subsample"))
		return "trained from the start: rows are sampled";
	if (!boosted_is_one(params, "colsample_bytree") || !boosted_is_one(params, "colsample_bylevel") ||
	        !boosted_is_one(params, "colsample_bynode"))
		return "trained from the start: columns are sampled";
	if (json_get_int(params, "early_stopping_rounds", 0))
		return "trained from the start: it stops early";
	if (job->want_model)
		return "trained from the start: its model is wanted";
	if (trees > BOOSTED_ROUNDS || draws > BOOSTED_DRAWS)
		return "trained from the start: too many trees or columns to share";
	return NULL;
}

static bool boosted_left_out(const struct engine_variant *variant, size_t position)
{
	for (size_t i = 0; i < variant->left_out_count; i++)
		if (variant->left_out[i] == position)
			return true;
	return false;
}

/* Why this group cannot share; NULL: it can. */
static const char *boosted_group_obstacle(const struct boosted_lofo *lofo, const struct engine_variant *variant)
{
	bool gaps = false;

	if (variant->left_out_count >= lofo->view.columns)
		return "trained from the start: no feature is left";
	if (lofo->fit.own)
		return NULL;
	if (lofo->view.complete)
		return boosted_left_out(variant, 0) ? "trained from the start: the first column is left out" : NULL;
	for (size_t c = 0; c < lofo->view.columns && !gaps; c++)
		gaps = lofo->view.gaps[c] && !boosted_left_out(variant, c);
	return gaps ? NULL : "trained from the start: no other column has missing values";
}

static int boosted_begin(struct boosted_lofo *lofo, unsigned trees, struct orch_err *err)
{
	const struct engine_job *job = lofo->job;
	int code = xgboost_view_init(job->data, &job->folds[lofo->fold], lofo->base, &lofo->view, err);

	if (code == 0)
		code = xgboost_view_matrix(&lofo->view, xgboost_max_bin(lofo->base), job->threads, &lofo->matrix, err);
	if (code == 0)
		code = xgboost_fit_train(job, lofo->base, &lofo->view, lofo->matrix, trees, &lofo->fit, err);
	if (code == 0) {
		lofo->first = mem_array(lofo->fit.count * lofo->view.columns, sizeof(*lofo->first));
		if (!lofo->first)
			code = orch_fail(err, ORCH_ENOMEM, "no memory for the uses of %zu columns", lofo->view.columns);
	}
	for (unsigned o = 0; o < lofo->fit.count && code == 0 && lofo->fit.own; o++)
		hist_first_use(&lofo->fit.own[o].model, lofo->view.columns, lofo->first + o * lofo->view.columns);
	for (unsigned o = 0; o < lofo->fit.count && code == 0 && !lofo->fit.own; o++)
		code = xgboost_model_first_use(lofo->fit.models[o], lofo->view.category, lofo->view.columns,
		        xgboost_groups(job->data), lofo->first + o * lofo->view.columns, err);
	return code;
}

static void boosted_end(struct boosted_lofo *lofo)
{
	xgboost_fit_release(&lofo->fit);
	xgboost_matrix_release(lofo->matrix);
	xgboost_view_release(&lofo->view);
	free(lofo->first);
}

/* Rounds of an output's base booster that know nothing of what is left out. Trees that are grown here without the first column
 * take the root's sum from the next one, as the library would: none is shared. */
static uint32_t boosted_prefix(const struct boosted_lofo *lofo, const struct engine_variant *variant, unsigned output)
{
	const uint32_t *first = lofo->first + output * lofo->view.columns;
	uint32_t prefix = lofo->fit.own && boosted_left_out(variant, 0) ? 0 : UINT32_MAX;

	for (size_t i = 0; i < variant->left_out_count; i++)
		if (first[variant->left_out[i]] < prefix)
			prefix = first[variant->left_out[i]];
	return prefix;
}

/* Settings that draw every column but those left out. */
static int boosted_settings(const struct boosted_lofo *lofo, const struct engine_variant *variant, unsigned output,
        struct xgboost_setting *settings, size_t *count, struct orch_err *err)
{
	double columns = (double)lofo->view.columns, kept = columns - (double)variant->left_out_count;
	int code = xgboost_settings(lofo->job, variant, &lofo->view, output, settings, count, err);

	if (code != 0)
		return code;
	if (*count + 2 > XGBOOST_SETTINGS)
		orch_bug("settings of XGBoost outgrew their place");
	settings[*count].name = "seed";
	snprintf(settings[(*count)++].value, sizeof(settings->value), "%d", BOOSTED_SEED);
	settings[*count].name = "colsample_bytree";
	snprintf(settings[(*count)++].value, sizeof(settings->value), "%.9g", (kept + 0.5) / columns);
	return 0;
}

static int boosted_shut_out(const struct boosted_lofo *lofo, const struct engine_variant *variant, struct orch_err *err)
{
	float *weight = mem_array(lofo->view.columns, sizeof(*weight));
	int code;

	if (!weight)
		return orch_fail(err, ORCH_ENOMEM, "no memory for %zu column weights", lofo->view.columns);
	for (size_t c = 0; c < lofo->view.columns; c++)
		weight[c] = boosted_left_out(variant, c) ? 0 : 1e9f;
	code = xgboost_matrix_column_weights(lofo->matrix, weight, err);
	free(weight);
	return code;
}

/* One output's booster without the features left out, of `trees` rounds. */
static int boosted_continue(struct boosted_lofo *lofo, const struct engine_variant *variant, unsigned trees,
        unsigned output, struct xgboost_model **out, struct orch_err *err)
{
	struct xgboost_setting settings[XGBOOST_SETTINGS];
	struct xgboost_model *base = lofo->fit.models[output];
	uint32_t prefix = boosted_prefix(lofo, variant, output);
	size_t count;
	int code;

	if (prefix >= trees)
		return xgboost_model_slice(base, trees, NULL, 0, out, err);
	if (lofo->fit.count > 1)
		xgboost_view_output(&lofo->view, output);
	code = boosted_settings(lofo, variant, output, settings, &count, err);
	if (code == 0 && lofo->fit.count > 1)
		code = xgboost_matrix_label(lofo->matrix, lofo->view.label, err);
	if (code == 0 && prefix == 0)
		code = xgboost_model_create(lofo->matrix, settings, count, out, err);
	else if (code == 0)
		code = xgboost_model_slice(base, prefix, settings, count, out, err);
	if (code == 0)
		code = xgboost_model_train(*out, lofo->matrix, prefix, trees, err);
	return code == 0 ? xgboost_settle(out, trees, err) : code;
}

/* The same for boosters that are grown here. */
static int boosted_continue_own(struct boosted_lofo *lofo, const struct engine_variant *variant, unsigned trees, unsigned output,
        struct xgboost_own *out, struct orch_err *err)
{
	struct xgboost_own *base = &lofo->fit.own[output];
	uint32_t prefix = boosted_prefix(lofo, variant, output);
	bool *closed = mem_array(lofo->view.columns, sizeof(*closed));
	int code = closed ? 0 : orch_fail(err, ORCH_ENOMEM, "no memory for %zu columns", lofo->view.columns);

	for (size_t c = 0; c < lofo->view.columns && code == 0; c++)
		closed[c] = boosted_left_out(variant, c);
	out->params = base->params;
	if (lofo->fit.count > 1)
		xgboost_view_output(&lofo->view, output);
	if (code == 0)
		code = hist_model_prefix(&base->model, prefix < trees ? prefix : trees, &out->model, err);
	if (code == 0)
		code = hist_train(&lofo->fit.bins, &out->params, lofo->view.label, lofo->view.weight, closed, trees, &out->model, err);
	free(closed);
	return code;
}

/* The group's boosters; out is released by the caller whatever the outcome. */
static int boosted_fit(
        struct boosted_lofo *lofo, const struct xgboost_group *group, struct xgboost_fit *out, struct orch_err *err)
{
	const struct engine_variant *variant = &lofo->job->variants[group->variants[0]];
	int code;

	if (lofo->fit.own)
		out->own = mem_array(lofo->fit.count, sizeof(*out->own));
	else
		out->models = mem_array(lofo->fit.count, sizeof(*out->models));
	if (!out->own && !out->models)
		return orch_fail(err, ORCH_ENOMEM, "no memory for %u boosters", lofo->fit.count);
	out->count = lofo->fit.count;
	if (out->own) {
		code = 0;
		for (unsigned o = 0; o < out->count && code == 0; o++)
			code = boosted_continue_own(lofo, variant, group->trees, o, &out->own[o], err);
		return code;
	}
	code = boosted_shut_out(lofo, variant, err);
	for (unsigned o = 0; o < out->count && code == 0; o++)
		code = boosted_continue(lofo, variant, group->trees, o, &out->models[o], err);
	return code;
}

static bool boosted_unused(const struct boosted_lofo *lofo, const struct xgboost_group *group)
{
	for (unsigned o = 0; o < lofo->fit.count; o++)
		if (boosted_prefix(lofo, &lofo->job->variants[group->variants[0]], o) < group->trees)
			return false;
	return true;
}

static int boosted_group(struct boosted_lofo *lofo, const struct xgboost_group *group, struct orch_err *err)
{
	const struct engine_variant *variant = &lofo->job->variants[group->variants[0]];
	const char *obstacle = variant->left_out_count ? boosted_group_obstacle(lofo, variant) : NULL;
	struct xgboost_fit fit = {0};
	struct orch_err why = {0};
	int code;

	if (obstacle)
		return xgboost_group_run(lofo->job, lofo->fold, group, obstacle, err);
	if (boosted_unused(lofo, group)) /* the whole set is such a group too, and saves nothing */
		return xgboost_group_answer(
		        lofo->job, lofo->fold, group, &lofo->view, &lofo->fit, NULL, variant->left_out_count > 0, err);
	code = boosted_fit(lofo, group, &fit, &why);
	if (code == 0)
		code = xgboost_group_answer(lofo->job, lofo->fold, group, &lofo->view, &fit, NULL, 0, err);
	else
		code = xgboost_group_refuse(lofo->job, lofo->fold, group, code, &why, err);
	xgboost_fit_release(&fit);
	return code;
}

/* Trains a group both ways: 1 when every bit of the predictions is the same, 0 when not, or a code. shared: the boosters
 * that share trees, which the caller releases whatever the outcome. */
static int boosted_same(
        struct boosted_lofo *lofo, const struct xgboost_group *group, struct xgboost_fit *shared, struct orch_err *err)
{
	const struct engine_job *job = lofo->job;
	const struct engine_variant *variant = &job->variants[group->variants[0]];
	size_t count = job->folds[lofo->fold].test_count * xgboost_width(job->data);
	double *fast = mem_array(count + 1, sizeof(*fast)), *slow = mem_array(count + 1, sizeof(*slow));
	struct xgboost_view view = {0};
	struct xgboost_matrix *matrix = NULL;
	struct xgboost_fit own = {0};
	int code = fast && slow ? 0 : orch_fail(err, ORCH_ENOMEM, "no memory for %zu predictions", count);

	if (code == 0)
		code = boosted_fit(lofo, group, shared, err);
	if (code == 0)
		code = xgboost_fit_predict(&lofo->view, shared, group->trees, fast, err);
	if (code == 0)
		code = xgboost_view_init(job->data, &job->folds[lofo->fold], variant, &view, err);
	if (code == 0)
		code = xgboost_view_matrix(&view, xgboost_max_bin(variant), job->threads, &matrix, err);
	if (code == 0)
		code = xgboost_fit_library(job, variant, &view, matrix, group->trees, &own, err);
	if (code == 0)
		code = xgboost_fit_predict(&view, &own, group->trees, slow, err);
	if (code == 0)
		code = memcmp(fast, slow, count * sizeof(*fast)) == 0;
	xgboost_fit_release(&own);
	xgboost_matrix_release(matrix);
	xgboost_view_release(&view);
	free(fast);
	free(slow);
	return code;
}

/* The group on which a family is checked: the first that shares a part of its trees, from the one that lacks a feature
 * which the seed chooses. NULL: none; of the jobs that a fold's left-out sets are cut into, one has that feature. */
static const struct xgboost_group *boosted_sample(
        const struct boosted_lofo *lofo, const struct xgboost_group *groups, size_t count)
{
	size_t chosen = (size_t)address_below(address_text(lofo->job->seed, "boosted check"), lofo->view.columns), start = 0;

	while (start < count && !boosted_left_out(&lofo->job->variants[groups[start].variants[0]], chosen))
		start++;
	for (size_t i = 0; i < count && count >= BOOSTED_CHECK && start < count; i++) {
		const struct xgboost_group *group = &groups[(start + i) % count];
		const struct engine_variant *variant = &lofo->job->variants[group->variants[0]];

		if (variant->left_out_count && !boosted_group_obstacle(lofo, variant) && !boosted_unused(lofo, group))
			return group;
	}
	return NULL;
}

static int boosted_each_alone(const struct engine_job *job, size_t fold, const struct xgboost_group *groups,
        size_t count, const char *text, struct orch_err *err)
{
	int code = 0;

	for (size_t g = 0; g < count && code == 0; g++) {
		bool whole = job->variants[groups[g].variants[0]].left_out_count == 0;

		code = xgboost_group_run(job, fold, &groups[g], whole ? NULL : text, err);
	}
	return code;
}

static int boosted_family(
        struct boosted_lofo *lofo, const struct xgboost_group *groups, size_t count, struct orch_err *err)
{
	const struct xgboost_group *sample = boosted_sample(lofo, groups, count);
	struct xgboost_fit checked = {0};
	struct orch_err why = {0};
	int same = sample ? boosted_same(lofo, sample, &checked, &why) : 1, code = 0;

	if (same == ORCH_ENOMEM)
		code = orch_fail(err, same, "%s", why.text);
	else if (same != 1)
		code = boosted_each_alone(lofo->job, lofo->fold, groups, count,
		        "trained from the start: sharing trees gave other numbers in a check; please report this", err);
	for (size_t g = 0; g < count && code == 0 && same == 1; g++)
		code = &groups[g] == sample ? xgboost_group_answer(lofo->job, lofo->fold, sample, &lofo->view, &checked, NULL, 0, err)
		                            : boosted_group(lofo, &groups[g], err);
	xgboost_fit_release(&checked);
	return code;
}

int boosted_lofo_run(const struct engine_job *job, size_t fold, const struct xgboost_group *groups, size_t count,
        struct orch_err *err)
{
	struct engine_variant base = {.params = job->variants[groups[0].variants[0]].params};
	struct boosted_lofo lofo = {.job = job, .fold = fold, .base = &base};
	struct orch_err why = {0};
	const char *obstacle;
	unsigned trees = 0;
	int code;

	for (size_t g = 0; g < count; g++)
		trees = groups[g].trees > trees ? groups[g].trees : trees;
	obstacle = boosted_obstacle(job, base.params, trees);
	if (count == 1 || obstacle)
		return boosted_each_alone(job, fold, groups, count, count == 1 ? NULL : obstacle, err);
	code = boosted_begin(&lofo, trees, &why);
	if (code == 0)
		code = boosted_family(&lofo, groups, count, err);
	else if (code == ORCH_EFIT) /* each group says for itself what is wrong with it */
		code = boosted_each_alone(job, fold, groups, count, NULL, err);
	else
		orch_fail(err, (enum orch_code)code, "%s", why.text);
	boosted_end(&lofo);
	return code;
}
