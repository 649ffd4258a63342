/* 02_hpo_analysis/models.csv: the models of a search side by side, each by its best trial, and what it lacks to the best of all on the same folds. */
#include <math.h>
#include <stdlib.h>

#include "engines/lofo/lofo_stats.h"
#include "orchestrator/search.h"
#include "orchestrator/stage.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/table_file.h"

struct model_row {
	uint64_t done, failed, pruned;
	int64_t trial; /* the best; -1: none could be scored */
	double mean, sd;
};
struct models {
	const struct stage_context *context;
	const struct search *search;
	struct model_row *rows;
};

static int take_trial(void *data, const struct ledger_trial *trial, struct orch_err *err)
{
	struct models *models = data;
	struct model_row *row = &models->rows[search_model(models->search, (uint64_t)trial->trial)];

	(void)err;
	row->done += trial->state == LEDGER_DONE;
	row->failed += trial->state == LEDGER_FAILED;
	row->pruned += trial->state == LEDGER_PRUNED;
	if (trial->state != LEDGER_DONE || (row->trial >= 0 && !metric_better(models->context->study->metric, trial->mean, row->mean)))
		return 0;
	row->trial = trial->trial;
	row->mean = trial->mean;
	row->sd = trial->sd;
	return 0;
}

static int64_t best_of_all(const struct models *models, size_t count)
{
	const struct model_row *best = NULL;

	for (size_t m = 0; m < count; m++)
		if (models->rows[m].trial >= 0 && (!best || metric_better(models->context->study->metric, models->rows[m].mean, best->mean)))
			best = &models->rows[m];
	return best ? best->trial : -1;
}

static int compare(const struct models *models, size_t count, struct lofo_stat *stats, struct orch_err *err)
{
	const struct study *study = models->context->study;
	double *with = mem_must(study->folds, sizeof *with), *without = mem_must(count * study->folds, sizeof *without);
	struct lofo_request request = {.metric = study->metric, .folds = study->folds, .with = with, .units = count, .without = without};
	int code = stage_fold_scores(models->context, STAGE_HPO, best_of_all(models, count), "", with, err);

	for (size_t m = 0; m < count && !code; m++)
		code = stage_fold_scores(models->context, STAGE_HPO, models->rows[m].trial, "", without + m * study->folds, err);
	if (!code)
		code = stage_test_train(study, &request.test_train, err);
	if (!code)
		code = lofo_stats(&request, stats, NULL, err);
	free(with);
	free(without);
	return code;
}

static void put_row(struct table_file *table, const struct spec_model *model, const struct model_row *row, const struct lofo_stat *stat, bool best)
{
	table_file_text(table, model->name);
	if (row->trial >= 0)
		table_file_int(table, row->trial);
	else
		table_file_missing(table);
	table_file_double(table, row->mean);
	table_file_double(table, row->sd);
	table_file_int(table, (int64_t)(row->done + row->failed + row->pruned));
	table_file_int(table, (int64_t)row->failed);
	table_file_int(table, (int64_t)row->pruned);
	table_file_double(table, best ? 0 : stat->delta_mean);
	table_file_double(table, best ? NAN : stat->ci_low);
	table_file_double(table, best ? NAN : stat->ci_high);
	table_file_double(table, best ? NAN : stat->p);
	table_file_end_row(table);
}

static int write_table(const struct models *models, size_t count, const struct lofo_stat *stats, struct orch_err *err)
{
	static const struct table_column columns[] = {{"model", TABLE_TEXT}, {"trial", TABLE_INT64}, {"mean", TABLE_DOUBLE}, {"sd", TABLE_DOUBLE}, {"trials", TABLE_INT64},
	        {"failed", TABLE_INT64}, {"pruned", TABLE_INT64}, {"worse_by", TABLE_DOUBLE}, {"ci_low", TABLE_DOUBLE}, {"ci_high", TABLE_DOUBLE}, {"p", TABLE_DOUBLE}};
	char *csv = file_join(models->context->folder, "models.csv"), *parquet = file_join(models->context->folder, "models.parquet");
	struct table_file *table = NULL;
	int code = table_file_begin(parquet, csv, columns, sizeof columns / sizeof *columns, &table, err);

	free(csv);
	free(parquet);
	if (code)
		return code;
	for (size_t m = 0; m < count; m++)
		put_row(table, &models->context->study->spec->models[m], &models->rows[m], &stats[m], models->rows[m].trial >= 0 && models->rows[m].trial == best_of_all(models, count));
	return table_file_commit(&table, err);
}

int stage_models_write(const struct stage_context *context, const struct search *search, struct orch_err *err)
{
	size_t count = context->study->spec->model_count;
	struct models models = {.context = context, .search = search, .rows = mem_must(count, sizeof *models.rows)};
	struct lofo_stat *stats = mem_must(count, sizeof *stats);
	int code;

	for (size_t m = 0; m < count; m++)
		models.rows[m] = (struct model_row){.trial = -1, .mean = NAN, .sd = NAN};
	code = ledger_each_trial(context->ledger, context->round, take_trial, &models, err);
	if (!code)
		code = compare(&models, count, stats, err);
	if (!code)
		code = write_table(&models, count, stats, err);
	free(models.rows);
	free(stats);
	return code;
}
