/* 02_hpo_analysis: what the search tells beyond its winner. history.csv: best score so far, a row for each trial that improved on it.
 * models.csv: the models side by side, where there are several (stage_models.c).
 * marginals.csv: for each value of each listed parameter, the mean and the best score of the trials that had it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/search.h"
#include "orchestrator/stage.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/table_file.h"

struct marginal {
	double sum, best;
	uint64_t count;
};
struct analysis {
	const struct stage_context *context;
	struct search *search;
	struct table_file *history;
	struct marginal **marginals; /* by axis, by choice; NULL for ranges */
	int64_t best_trial;
	double best;
};

static void add_marginals(struct analysis *analysis, const json_t *params, double mean)
{
	const struct spec_hpo *hpo = &analysis->context->study->spec->hpo;
	const struct metric *metric = analysis->context->study->metric;

	for (size_t a = 0; a < hpo->axis_count; a++)
		for (size_t c = 0; analysis->marginals[a] && c < hpo->space[a].choice_count; c++) {
			struct marginal *marginal = &analysis->marginals[a][c];
			const json_t *value = json_object_get(params, hpo->space[a].name);

			if (!value || !json_equal(value, hpo->space[a].choices[c]))
				continue;
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

static int open_analysis(struct analysis *analysis, struct orch_err *err)
{
	static const struct table_column columns[] = {{"trial", TABLE_INT64}, {"best", TABLE_DOUBLE}, {"sd", TABLE_DOUBLE}};
	const struct spec_hpo *hpo = &analysis->context->study->spec->hpo;
	char *path = file_join(analysis->context->folder, "history.csv");
	const struct stage_context *context = analysis->context;
	struct search_source source = {context->ledger, context->study->folds, context->study->metric->maximise};
	int code = search_open(context->study->spec, context->round, &source, &analysis->search, err);

	analysis->marginals = mem_must(hpo->axis_count + 1, sizeof *analysis->marginals);
	for (size_t a = 0; a < hpo->axis_count; a++)
		if (hpo->space[a].kind == SPEC_AXIS_CHOICE)
			analysis->marginals[a] = mem_must(hpo->space[a].choice_count, sizeof **analysis->marginals);
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
	if (!code && context->study->spec->model_count > 1)
		code = stage_models_write(context, analysis.search, err);
	for (size_t a = 0; a < context->study->spec->hpo.axis_count; a++)
		free(analysis.marginals[a]);
	free(analysis.marginals);
	search_close(analysis.search);
	return code;
}
