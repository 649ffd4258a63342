/* 02_hpo_analysis: what the search tells beyond its winner. history.csv: best score so far, a row for each trial that improved on it.
 * models.csv: the models side by side, where there are several (stage_models.c).
 * trials_shown.csv: where there are very many trials, those that pictures are drawn from (shown_trials.h).
 * marginals.csv: for each value of each listed parameter, the mean and the best score of the trials that had it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/search.h"
#include "orchestrator/shown_trials.h"
#include "orchestrator/stage.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/table_file.h"

struct marginal {
	double sum, best;
	uint64_t count;
};
/* Where the value was that the last trial had: a grid has it again, or the next. Else the texts of the choices are looked up. */
struct lookup {
	size_t last;
	json_t *index; /* text -> position */
};
struct analysis {
	const struct stage_context *context;
	struct search *search;
	struct table_file *history;
	struct marginal **marginals; /* by axis, by choice; NULL for ranges */
	struct lookup *lookups;      /* by axis */
	struct shown_trials *shown;  /* NULL: all */
	int64_t best_trial;
	double best;
};

/* SIZE_MAX: no choice of the axis. Choices are distinct; a linear search of hundreds took most of the time. */
static size_t choice_of(struct lookup *lookup, const struct spec_axis *axis, const json_t *value)
{
	char *text;
	json_int_t at;

	for (size_t c = lookup->last; c < axis->choice_count && c < lookup->last + 2; c++)
		if (json_equal(value, axis->choices[c])) {
			lookup->last = c;
			return c;
		}
	text = json_text(value, JSON_STYLE_CANONICAL);
	at = json_get_int(lookup->index, text, -1);
	free(text);
	if (at < 0)
		return SIZE_MAX;
	lookup->last = (size_t)at;
	return (size_t)at;
}

static void add_marginals(struct analysis *analysis, const json_t *params, double mean)
{
	const struct spec_hpo *hpo = &analysis->context->study->spec->hpo;
	const struct metric *metric = analysis->context->study->metric;

	for (size_t a = 0; a < hpo->axis_count; a++) {
		const json_t *value = analysis->marginals[a] ? json_object_get(params, hpo->space[a].name) : NULL;
		size_t choice = value ? choice_of(&analysis->lookups[a], &hpo->space[a], value) : SIZE_MAX;
		struct marginal *marginal;

		if (choice == SIZE_MAX)
			continue;
		marginal = &analysis->marginals[a][choice];
		if (!marginal->count || metric_better(metric, mean, marginal->best))
			marginal->best = mean;
		marginal->sum += mean;
		marginal->count++;
	}
}

static int take_trial(void *data, const struct ledger_trial *trial, struct orch_err *err)
{
	struct analysis *analysis = data;
	json_t *params = NULL;
	int code;

	if (trial->state != LEDGER_DONE)
		return 0;
	shown_trials_note(analysis->shown, trial->trial, trial->mean);
	code = search_searched(analysis->search, (uint64_t)trial->trial, &params, err);
	if (code)
		return code;
	add_marginals(analysis, params, trial->mean);
	json_decref(params);
	if (analysis->best_trial >= 0 && !metric_better(analysis->context->study->metric, trial->mean, analysis->best))
		return 0;
	analysis->best_trial = trial->trial;
	analysis->best = trial->mean;
	table_file_int(analysis->history, trial->trial);
	table_file_double(analysis->history, trial->mean);
	table_file_double(analysis->history, trial->sd);
	table_file_end_row(analysis->history);
	return 0;
}

static int write_marginals(const struct analysis *analysis, struct orch_err *err)
{
	static const struct table_column columns[] = {{"parameter", TABLE_TEXT}, {"value", TABLE_TEXT}, {"trials", TABLE_INT64}, {"mean", TABLE_DOUBLE}, {"best", TABLE_DOUBLE}};
	const struct spec_hpo *hpo = &analysis->context->study->spec->hpo;
	char *path = file_join(analysis->context->folder, "marginals.csv");
	struct table_file *table = NULL;
	int code = table_file_begin(NULL, path, columns, 5, &table, err);

	free(path);
	if (code)
		return code;
	for (size_t a = 0; a < hpo->axis_count; a++)
		for (size_t c = 0; analysis->marginals[a] && c < hpo->space[a].choice_count; c++) {
			const struct marginal *marginal = &analysis->marginals[a][c];
			char *value = json_text(hpo->space[a].choices[c], JSON_STYLE_CANONICAL);

			table_file_text(table, hpo->space[a].name);
			table_file_text(table, value);
			table_file_int(table, (int64_t)marginal->count);
			table_file_double(table, marginal->count ? marginal->sum / (double)marginal->count : NAN);
			table_file_double(table, marginal->count ? marginal->best : NAN);
			table_file_end_row(table);
			free(value);
		}
	return table_file_commit(&table, err);
}

static void index_choices(const struct spec_axis *axis, struct lookup *out)
{
	out->index = json_object();
	for (size_t c = axis->choice_count; c-- > 0;) { /* of equal ones the first */
		char *text = json_text(axis->choices[c], JSON_STYLE_CANONICAL);

		json_object_set_new_nocheck(out->index, text, json_integer((json_int_t)c));
		free(text);
	}
}

static int open_shown(struct analysis *analysis, struct orch_err *err)
{
	const struct study *study = analysis->context->study;
	json_t *best = NULL;
	int code = stage_read_json(analysis->context, STAGE_HPO, "best.json", &best, err);

	if (!code)
		shown_trials_open(study->metric, study->spec->seed, (uint64_t)json_get_int(best, "trials", 0), json_get_int(best, "trial", -1), &analysis->shown);
	json_decref(best);
	return code;
}

static int write_shown(const struct analysis *analysis, struct orch_err *err)
{
	char *from = text_format("%s/%s/trials.csv", analysis->context->work, stage_table[STAGE_HPO].name), *path = file_join(analysis->context->folder, SHOWN_TRIALS_FILE);
	int code = analysis->shown ? shown_trials_write(analysis->shown, from, path, err) : 0;

	free(from);
	free(path);
	return code;
}

static int open_analysis(struct analysis *analysis, struct orch_err *err)
{
	static const struct table_column columns[] = {{"trial", TABLE_INT64}, {"best", TABLE_DOUBLE}, {"sd", TABLE_DOUBLE}};
	const struct spec_hpo *hpo = &analysis->context->study->spec->hpo;
	char *path = file_join(analysis->context->folder, "history.csv");
	const struct stage_context *context = analysis->context;
	struct search_source source = {context->ledger, context->study->folds, context->study->metric->maximise};
	int code = search_open(context->study->spec, context->round, &source, &analysis->search, err);

	analysis->marginals = mem_must(hpo->axis_count + 1, sizeof *analysis->marginals);
	analysis->lookups = mem_must(hpo->axis_count + 1, sizeof *analysis->lookups);
	for (size_t a = 0; a < hpo->axis_count; a++)
		if (hpo->space[a].kind == SPEC_AXIS_CHOICE) {
			analysis->marginals[a] = mem_must(hpo->space[a].choice_count, sizeof **analysis->marginals);
			index_choices(&hpo->space[a], &analysis->lookups[a]);
		}
	if (!code)
		code = open_shown(analysis, err);
	if (!code)
		code = table_file_begin(NULL, path, columns, 3, &analysis->history, err);
	free(path);
	return code;
}

int stage_hpo_analysis_write(const struct stage_context *context, struct orch_err *err)
{
	struct analysis analysis = {.context = context, .best_trial = -1};
	int code = open_analysis(&analysis, err);

	if (!code)
		code = ledger_each_trial(context->ledger, context->round, take_trial, &analysis, err);
	if (analysis.history && code)
		table_file_abort(&analysis.history);
	else if (analysis.history)
		code = table_file_commit(&analysis.history, err);
	if (!code)
		code = write_marginals(&analysis, err);
	if (!code)
		code = write_shown(&analysis, err);
	if (!code && context->study->spec->model_count > 1)
		code = stage_models_write(context, analysis.search, err);
	for (size_t a = 0; a < context->study->spec->hpo.axis_count; a++) {
		free(analysis.marginals[a]);
		json_decref(analysis.lookups[a].index);
	}
	free(analysis.marginals);
	free(analysis.lookups);
	shown_trials_close(analysis.shown);
	search_close(analysis.search);
	return code;
}
