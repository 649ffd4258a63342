/* 01_hpo: trials.parquet, trials.csv, best.json; stopped.csv where a pruner ended fits under way: at which step, and their value there. One walk over the ledger in order of trials; nothing is held but the trial at hand. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/front.h"
#include "orchestrator/search.h"
#include "orchestrator/stage.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/table_file.h"

struct candidate { /* for an ensemble */
	int64_t trial;
	size_t model;
	double mean;
};
struct writing {
	const struct stage_context *context;
	struct search *search;
	struct table_file *table, *stopped; /* stopped: NULL until there is one */
	unsigned folds;
	double *scores;
	int64_t trial; /* at hand; -1: none */
	int64_t best_trial;
	double best_score;
	bool fold_failed;
	struct front *front; /* NULL: one metric, no constraints */
	double *extra;
	bool feasible;
	uint64_t done, failed, pruned;
	struct candidate candidates[SPEC_MODELS_MAX + 1]; /* the better first; one more than are kept */
	size_t candidate_count;
};

/* A parameter's column holds numbers when every value it can take is a number (or null, which is missing), else text. */
static bool axis_is_number(const struct spec_axis *axis)
{
	if (axis->kind != SPEC_AXIS_CHOICE)
		return true;
	for (size_t i = 0; i < axis->choice_count; i++)
		if (!json_is_number(axis->choices[i]) && !json_is_null(axis->choices[i]))
			return false;
	return true;
}

static void put_param(struct writing *writing, const struct spec_axis *axis, const json_t *value)
{
	char *text;

	if (!value || json_is_null(value)) {
		table_file_missing(writing->table);
	} else if (axis_is_number(axis)) {
		table_file_double(writing->table, json_number_value(value));
	} else if (json_is_string(value)) {
		table_file_text(writing->table, json_string_value(value));
	} else {
		text = json_text(value, JSON_STYLE_CANONICAL);
		table_file_text(writing->table, text);
		free(text);
	}
}

/* Keeps the best `top`, in order; with ensemble.from: models one of each model. Of equal scores the earlier trial is better. */
static void note_candidate(struct writing *writing, int64_t trial, double mean)
{
	const struct spec_ensemble *ensemble = &writing->context->study->spec->ensemble;
	const struct metric *metric = writing->context->study->metric;
	struct candidate *list = writing->candidates;
	size_t model = search_model(writing->search, (uint64_t)trial), at = writing->candidate_count, end = at;

	if (ensemble->models)
		for (at = 0; at < end && list[at].model != model;)
			at++;
	if (at < end) { /* of the same model: takes its place, if better */
		if (!metric_better(metric, mean, list[at].mean))
			return;
	} else {
		writing->candidate_count++;
	}
	for (; at && metric_better(metric, mean, list[at - 1].mean); at--)
		list[at] = list[at - 1];
	list[at] = (struct candidate){trial, model, mean};
	if (!ensemble->models && writing->candidate_count > ensemble->top)
		writing->candidate_count = ensemble->top;
}

static int end_trial(struct writing *writing, struct orch_err *err)
{
	const struct spec *spec = writing->context->study->spec;
	const struct spec_hpo *hpo = &spec->hpo;
	const struct metric *metric = writing->context->study->metric;
	json_t *params = NULL;
	double mean, sd;
	bool done;
	int code;

	if (writing->trial < 0)
		return 0;
	code = search_searched(writing->search, (uint64_t)writing->trial, &params, err);
	if (code)
		return code;
	done = stage_mean_sd(writing->scores, writing->folds, &mean, &sd) == writing->folds;
	table_file_int(writing->table, writing->trial);
	if (spec->model_count > 1)
		table_file_text(writing->table, spec->models[search_model(writing->search, (uint64_t)writing->trial)].name);
	for (size_t i = 0; i < hpo->axis_count; i++)
		put_param(writing, &hpo->space[i], json_object_get(params, hpo->space[i].name));
	table_file_double(writing->table, done ? mean : NAN);
	table_file_double(writing->table, done ? sd : NAN);
	if (writing->front)
		code = front_end_trial(writing->front, writing->trial, done, mean, writing->extra, err);
	for (size_t i = 0; i < front_extra(writing->front); i++)
		table_file_double(writing->table, writing->extra[i]);
	for (unsigned f = 0; f < writing->folds; f++)
		table_file_double(writing->table, writing->scores[f]);
	table_file_text(writing->table, done ? "done" : writing->fold_failed ? "failed" : "pruned");
	table_file_end_row(writing->table);
	if (!writing->front && done && (writing->best_trial < 0 || metric_better(metric, mean, writing->best_score))) {
		writing->best_trial = writing->trial;
		writing->best_score = mean;
	}
	if (done && spec->ensemble.method)
		note_candidate(writing, writing->trial, mean);
	*(done ? &writing->done : writing->fold_failed ? &writing->failed : &writing->pruned) += 1;
	json_decref(params);
	return code;
}

static int put_stopped(struct writing *writing, const struct ledger_fit *fit, struct orch_err *err)
{
	static const struct table_column columns[] = {{"trial", TABLE_INT64}, {"fold", TABLE_INT32}, {"step", TABLE_INT64}, {"value", TABLE_DOUBLE}};
	char *csv = file_join(writing->context->folder, "stopped.csv");
	json_t *metrics = NULL;
	int code = writing->stopped ? 0 : table_file_begin(NULL, csv, columns, sizeof columns / sizeof *columns, &writing->stopped, err);

	if (!code)
		code = json_parse(fit->metrics ? fit->metrics : "{}", fit->metrics ? strlen(fit->metrics) : 2, "ledger", &metrics, err);
	if (!code) {
		table_file_int(writing->stopped, fit->trial);
		table_file_int(writing->stopped, fit->fold);
		table_file_int(writing->stopped, json_get_int(metrics, "stopped_at", -1));
		table_file_double(writing->stopped, fit->score);
		table_file_end_row(writing->stopped);
	}
	json_decref(metrics);
	free(csv);
	return code;
}

static int take_fit(void *data, const struct ledger_fit *fit, struct orch_err *err)
{
	struct writing *writing = data;
	int code = 0;

	if (fit->trial != writing->trial) {
		code = end_trial(writing, err);
		writing->trial = fit->trial;
		writing->fold_failed = false;
		for (unsigned f = 0; f < writing->folds; f++)
			writing->scores[f] = NAN;
	}
	writing->fold_failed = writing->fold_failed || fit->state == LEDGER_FAILED;
	if (fit->fold >= 0 && (unsigned)fit->fold < writing->folds && fit->state == LEDGER_DONE)
		writing->scores[fit->fold] = fit->score;
	if (!code && fit->state == LEDGER_PRUNED)
		code = put_stopped(writing, fit, err);
	if (!code && writing->front)
		code = front_fit(writing->front, fit, err);
	return code;
}

static int begin_table(struct writing *writing, struct orch_err *err)
{
	const struct spec_hpo *hpo = &writing->context->study->spec->hpo;
	size_t count = 0, most = hpo->axis_count + writing->folds + front_extra(writing->front) + 5;
	struct table_column *columns = mem_must(most, sizeof *columns);
	char (*names)[280] = mem_must(most, sizeof *names);
	char *parquet = file_join(writing->context->folder, "trials.parquet"), *csv = file_join(writing->context->folder, "trials.csv");
	int code;

	columns[count++] = (struct table_column){"trial", TABLE_INT64};
	if (writing->context->study->spec->model_count > 1)
		columns[count++] = (struct table_column){"model", TABLE_TEXT};
	for (size_t i = 0; i < hpo->axis_count; i++, count++) {
		snprintf(names[count], sizeof *names, "param_%.250s", hpo->space[i].name);
		columns[count] = (struct table_column){names[count], axis_is_number(&hpo->space[i]) ? TABLE_DOUBLE : TABLE_TEXT};
	}
	columns[count++] = (struct table_column){"mean", TABLE_DOUBLE};
	columns[count++] = (struct table_column){"sd", TABLE_DOUBLE};
	for (size_t i = 0; i < front_extra(writing->front); i++, count++) {
		snprintf(names[count], sizeof *names, "mean_%s", front_extra_name(writing->front, i));
		columns[count] = (struct table_column){names[count], TABLE_DOUBLE};
	}
	for (unsigned f = 0; f < writing->folds; f++, count++) {
		snprintf(names[count], sizeof *names, "fold_%u", f);
		columns[count] = (struct table_column){names[count], TABLE_DOUBLE};
	}
	columns[count++] = (struct table_column){"state", TABLE_TEXT};
	code = table_file_begin(parquet, csv, columns, count, &writing->table, err);
	free(parquet);
	free(csv);
	free(columns);
	free(names);
	return code;
}

static int add_member(const struct writing *writing, int64_t trial, json_t *members, struct orch_err *err)
{
	json_t *params = NULL;
	int code = search_params(writing->search, (uint64_t)trial, &params, err);

	if (!code)
		json_array_append_new(members, json_pack("{s:I, s:s, s:o}", "trial", (json_int_t)trial, "model",
		        writing->context->study->spec->models[search_model(writing->search, (uint64_t)trial)].name, "params", params));
	return code;
}

/* The chosen one first (constraints may have chosen another than the best in the metric), then the best others. */
static int add_members(const struct writing *writing, json_t *object, struct orch_err *err)
{
	const struct spec_ensemble *ensemble = &writing->context->study->spec->ensemble;
	size_t model = search_model(writing->search, (uint64_t)writing->best_trial);
	json_t *members = json_array();
	int code = add_member(writing, writing->best_trial, members, err);

	for (size_t i = 0; i < writing->candidate_count && json_array_size(members) < ensemble->top && !code; i++)
		if (ensemble->models ? writing->candidates[i].model != model : writing->candidates[i].trial != writing->best_trial)
			code = add_member(writing, writing->candidates[i].trial, members, err);
	json_object_set_new(object, "members", members);
	return code;
}

static int write_best(const struct writing *writing, struct orch_err *err)
{
	json_t *params = NULL, *searched = NULL, *object;
	int code = 0;

	if (writing->best_trial >= 0) {
		code = search_params(writing->search, (uint64_t)writing->best_trial, &params, err);
		if (!code)
			code = search_searched(writing->search, (uint64_t)writing->best_trial, &searched, err);
	}
	if (!code) {
		object = json_pack("{s:I, s:o, s:s, s:o, s:o, s:I, s:I}", "trial", (json_int_t)writing->best_trial, "params", params ? params : json_null(), "metric",
		        writing->context->study->metric->name, "score", json_number_or_null(writing->best_trial < 0 ? NAN : writing->best_score), "searched",
		        searched ? searched : json_null(), "trials", (json_int_t)(writing->done + writing->failed + writing->pruned), "failed", (json_int_t)writing->failed);
		if (writing->context->study->spec->model_count > 1 && writing->best_trial >= 0) {
			size_t model = search_model(writing->search, (uint64_t)writing->best_trial);

			json_object_set_new(object, "model", json_integer((json_int_t)model));
			json_object_set_new(object, "model_name", json_string(writing->context->study->spec->models[model].name));
		}
		if (writing->front)
			json_object_set_new(object, "meets_constraints", json_boolean(writing->feasible));
		if (writing->pruned)
			json_object_set_new(object, "pruned", json_integer((json_int_t)writing->pruned));
		if (writing->context->study->spec->ensemble.method && writing->best_trial >= 0)
			code = add_members(writing, object, err);
		if (!code)
			code = stage_write_json(writing->context, "best.json", object, err);
		json_decref(object);
	} else {
		json_decref(params);
		json_decref(searched);
	}
	return code;
}

int stage_hpo_write(const struct stage_context *context, struct orch_err *err)
{
	struct writing writing = {.context = context, .folds = context->study->folds, .trial = -1, .best_trial = -1};
	struct search_source source = {context->ledger, context->study->folds, context->study->metric->maximise};
	int code = search_open(context->study->spec, context->round, &source, &writing.search, err);

	writing.scores = mem_must(writing.folds + 1, sizeof *writing.scores);
	front_open(context->study, &writing.front);
	writing.extra = mem_must(front_extra(writing.front) + 1, sizeof *writing.extra);
	if (!code)
		code = begin_table(&writing, err);
	if (!code)
		code = ledger_each_fit(context->ledger, context->round, stage_table[STAGE_HPO].name, take_fit, &writing, err);
	if (!code)
		code = end_trial(&writing, err);
	if (writing.table && code)
		table_file_abort(&writing.table);
	else if (writing.table)
		code = table_file_commit(&writing.table, err);
	if (writing.stopped && code)
		table_file_abort(&writing.stopped);
	else if (writing.stopped)
		code = table_file_commit(&writing.stopped, err);
	if (!code && writing.front)
		code = front_best(writing.front, &writing.best_trial, &writing.best_score, &writing.feasible, err);
	if (!code && writing.front)
		code = front_write(writing.front, context, err);
	if (!code)
		code = write_best(&writing, err);
	front_close(writing.front);
	free(writing.extra);
	search_close(writing.search);
	free(writing.scores);
	return code;
}
