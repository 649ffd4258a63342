/* What the writers of stages share: their JSON files, fold scores out of the ledger, predictions out of the fits' files. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/stage.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/table_file.h"

int stage_write_json(const struct stage_context *context, const char *name, const json_t *value, struct orch_err *err)
{
	char *path = file_join(context->folder, name), *text = json_text(value, JSON_STYLE_PRETTY);
	int code = file_write_new(path, text, strlen(text), err);

	free(path);
	free(text);
	return code;
}

char *stage_part_path(const struct stage_context *context, const char *name, struct orch_err *err)
{
	char *path = file_join(context->folder, name);

	if (file_remove(path, err)) {
		free(path);
		return NULL;
	}
	return path;
}

static int read_json_at(const char *folder, enum stage_id stage, const char *name, json_t **out, struct orch_err *err)
{
	char *relative = text_format("%s/%s", stage_table[stage].name, name), *path = file_join(folder, relative);
	int code = json_read_file(path, out, err);

	free(relative);
	free(path);
	return code;
}

static unsigned waits(enum stage_id stage)
{
	unsigned all = stage_table[stage].fits_after | stage_table[stage].write_after;

	for (enum stage_id s = 0; s < STAGE_COUNT; s++)
		if ((stage_table[stage].fits_after | stage_table[stage].write_after) & 1u << s)
			all |= waits(s);
	return all;
}

/* Directly, or because a stage that it waits for does. */
static bool waits_for(const struct stage_context *context, enum stage_id other)
{
	const struct stage *stage = &stage_table[context->stage];
	unsigned all = waits(context->stage), part = stage->parts ? stage->parts->after(context->part) : 0;

	for (enum stage_id s = 0; s < STAGE_COUNT; s++)
		if (part & 1u << s)
			all |= 1u << s | waits(s);
	return all & 1u << other;
}

int stage_read_json(const struct stage_context *context, enum stage_id stage, const char *name, json_t **out, struct orch_err *err)
{
	if (!waits_for(context, stage))
		orch_bug("%s reads %s without waiting for it", stage_table[context->stage].name, stage_table[stage].name);
	return read_json_at(context->work, stage, name, out, err);
}

int stage_choose_model(const struct stage_context *context, struct orch_err *err)
{
	char *path = text_format("%s/%s/best.json", context->work, stage_table[STAGE_HPO].name);
	json_t *best = NULL;
	int64_t model = 0;
	/* Whether the search is committed by now is chance to a stage that does not wait for it. */
	int code = waits_for(context, STAGE_HPO) && file_exists(path) ? json_read_file(path, &best, err) : 0;

	if (!code)
		model = json_get_int(best, "model", 0);
	if (!code && (model < 0 || (size_t)model >= context->study->spec->model_count))
		code = orch_fail(err, ORCH_EDAMAGED, "%s names a model that the campaign does not have", path);
	if (!code)
		context->study->model = (size_t)model;
	json_decref(best);
	free(path);
	return code;
}

int stage_round_read_json(const struct stage_context *context, unsigned round, enum stage_id stage, const char *name, json_t **out, struct orch_err *err)
{
	char folder_name[32], *folder;
	int code;

	if (round == context->round)
		return stage_read_json(context, stage, name, out, err);
	snprintf(folder_name, sizeof folder_name, "rounds/round_%03u", round);
	folder = file_join(context->campaign, folder_name);
	code = read_json_at(folder, stage, name, out, err);
	free(folder);
	return code;
}

int stage_write_counts(const struct stage_context *context, enum stage_id stage, struct orch_err *err)
{
	int64_t done = 0, failed = 0;
	json_t *object;
	int code = ledger_counts(context->ledger, context->round, stage_table[stage].name, &done, &failed, err);

	if (code)
		return code;
	object = json_pack("{s:I, s:I}", "done", (json_int_t)done, "failed", (json_int_t)failed);
	code = stage_write_json(context, "fits.json", object, err);
	json_decref(object);
	return code;
}

int stage_counts(const char *round_folder, struct ledger *ledger, unsigned round, enum stage_id stage, int64_t *done, int64_t *failed, struct orch_err *err)
{
	json_t *object = NULL;

	if (read_json_at(round_folder, stage, "fits.json", &object, NULL)) /* of a round under way, or of an earlier orch */
		return ledger_counts(ledger, round, stage_table[stage].name, done, failed, err);
	*done = json_get_int(object, "done", 0);
	*failed = json_get_int(object, "failed", 0);
	json_decref(object);
	return 0;
}

unsigned stage_mean_sd(const double *scores, unsigned count, double *mean, double *sd)
{
	double sum = 0, squares = 0;
	unsigned finite = 0;

	for (unsigned i = 0; i < count; i++)
		if (isfinite(scores[i])) {
			sum += scores[i];
			finite++;
		}
	*mean = finite ? sum / finite : NAN;
	for (unsigned i = 0; i < count; i++)
		if (isfinite(scores[i]))
			squares += (scores[i] - *mean) * (scores[i] - *mean);
	*sd = finite > 1 ? sqrt(squares / (finite - 1)) : NAN;
	return finite;
}

struct wanted_scores {
	int64_t trial;
	const char *left_out;
	unsigned folds;
	double *out;
};

static int take_score(void *data, const struct ledger_fit *fit, struct orch_err *err)
{
	struct wanted_scores *wanted = data;

	(void)err;
	if (fit->trial == wanted->trial && !strcmp(fit->left_out, wanted->left_out) && fit->fold >= 0 && (unsigned)fit->fold < wanted->folds &&
	        fit->state == LEDGER_DONE)
		wanted->out[fit->fold] = fit->score;
	return 0;
}

int stage_fold_scores(const struct stage_context *context, enum stage_id stage, int64_t trial, const char *left_out, double *out, struct orch_err *err)
{
	struct wanted_scores wanted = {.trial = trial, .left_out = left_out, .folds = context->study->folds, .out = out};

	for (unsigned f = 0; f < wanted.folds; f++)
		out[f] = NAN;
	return ledger_each_fit(context->ledger, context->round, stage_table[stage].name, take_score, &wanted, err);
}

struct rfe_round stage_rfe_round(const json_t *metrics, const char *metric, size_t features)
{
	json_t *cv = json_object_get(json_object_get(metrics, "cv"), metric), *score;
	struct rfe_round round = {.features = features, .score = json_get_real(cv, "mean", NAN), .sd = json_get_real(cv, "sd", NAN)};
	size_t i;

	json_array_foreach(json_object_get(cv, "folds"), i, score)
		round.folds += json_is_number(score);
	return round;
}

int stage_test_train(const struct study *study, double *out, struct orch_err *err)
{
	double sum = 0;

	for (unsigned f = 0; f < study->folds; f++) {
		uint32_t *train = NULL, *test = NULL;
		size_t train_count, test_count;
		int code = split_rows(study->split, (int)f, &train, &train_count, &test, &test_count, err);

		if (code)
			return code;
		sum += (double)test_count / (double)train_count;
		free(train);
		free(test);
	}
	*out = sum / study->folds;
	return 0;
}

/* ---- predictions and metrics ---- */

/* Metrics of each fold as they stand in the ledger, and the files of predictions. */
struct gathered {
	const struct stage_context *context;
	const char *left_out; /* as the ledger names it */
	int64_t trial;        /* the chosen one; -1: all fits are of it */
	unsigned slots;      /* folds + 1, the last is the holdout */
	json_t **metrics;    /* by slot */
	char **predictions;  /* file name by slot */
	char *model;
	bool *failed;
	char *note;
};

static void take_file(struct gathered *gathered, unsigned slot, const char *name)
{
	size_t length = strlen(name);

	if (length > 6 && !strcmp(name + length - 6, ".frame")) {
		free(gathered->predictions[slot]);
		gathered->predictions[slot] = mem_text(name);
	} else {
		free(gathered->model);
		gathered->model = mem_text(name);
	}
}

static int gather_fit(void *data, const struct ledger_fit *fit, struct orch_err *err)
{
	struct gathered *gathered = data;
	unsigned slot = fit->fold < 0 ? gathered->slots - 1 : (unsigned)fit->fold;
	json_t *files = NULL, *file;
	size_t i;
	int code = 0;

	if (gathered->trial >= 0 && fit->trial != gathered->trial)
		return 0; /* a further member of the ensemble */
	if (strcmp(fit->left_out, gathered->left_out))
		return 0; /* a set that was tried and is not the one */
	if (slot >= gathered->slots)
		return orch_fail(err, ORCH_EDAMAGED, "the ledger has a fit of fold %d, there are %u folds", fit->fold, gathered->slots - 1);
	gathered->failed[slot] = fit->state != LEDGER_DONE;
	if (fit->note && fit->state == LEDGER_DONE && !gathered->note) /* why a fit failed may name times and pids: not for a round */
		gathered->note = mem_text(fit->note);
	if (fit->metrics)
		code = json_parse(fit->metrics, strlen(fit->metrics), "ledger", &gathered->metrics[slot], err);
	if (!code && fit->files)
		code = json_parse(fit->files, strlen(fit->files), "ledger", &files, err);
	json_array_foreach(files, i, file)
		take_file(gathered, slot, json_get_text(file, "name", ""));
	json_decref(files);
	return code;
}

static json_t *cross_validated(const struct gathered *gathered)
{
	json_t *object = json_object();
	unsigned folds = gathered->slots - 1;
	double *scores = mem_must(folds + 1, sizeof *scores), mean, sd;

	for (size_t m = 0; metric_table[m]; m++) {
		json_t *list;

		if (!study_metric_fits(gathered->context->study, metric_table[m]))
			continue;
		list = json_array();
		for (unsigned f = 0; f < folds; f++) {
			scores[f] = gathered->metrics[f] ? json_get_real(gathered->metrics[f], metric_table[m]->name, NAN) : NAN;
			json_array_append_new(list, json_number_or_null(scores[f]));
		}
		stage_mean_sd(scores, folds, &mean, &sd);
		json_object_set_new(object, metric_table[m]->name, json_pack("{s:o, s:o, s:o}", "mean", json_number_or_null(mean), "sd", json_number_or_null(sd), "folds", list));
	}
	free(scores);
	return object;
}

static int write_metrics(const struct gathered *gathered, struct orch_err *err)
{
	const struct study *study = gathered->context->study;
	json_t *holdout = gathered->metrics[gathered->slots - 1], *object;
	unsigned failed = 0;
	int code;

	for (unsigned f = 0; f + 1 < gathered->slots; f++)
		failed += gathered->failed[f];
	object = json_pack("{s:s, s:b, s:o, s:O?, s:i}", "metric", study->metric->name, "maximise", study->metric->maximise, "cv", cross_validated(gathered), "holdout",
	        study->holdout_rows && json_object_size(holdout) ? holdout : NULL, "folds_failed", (int)failed);
	if (!json_object_get(object, "holdout"))
		json_object_set_new(object, "holdout", json_null());
	if (gathered->note)
		json_object_set_new(object, "note", json_string_nocheck(gathered->note));
	code = stage_write_json(gathered->context, "metrics.json", object, err);
	json_decref(object);
	return code;
}

static void set_columns(const struct study *study, struct table_column *columns, char **names, size_t count)
{
	enum table_type outcome = study->task == ENGINE_CLASSIFICATION ? TABLE_TEXT : TABLE_DOUBLE;
	size_t at = 0, outcomes;

	columns[at++].type = TABLE_INT64;
	if (study->id)
		columns[at++].type = study->id->kind == COLUMN_CATEGORY ? TABLE_TEXT : TABLE_DOUBLE;
	columns[at++].type = TABLE_INT32;
	columns[at++].type = TABLE_INT32;
	for (outcomes = at + 2 * study->target_count; at < outcomes; at++)
		columns[at].type = outcome;
	for (; at < count; at++)
		columns[at].type = TABLE_DOUBLE;
	for (size_t i = 0; i < count; i++)
		columns[i].name = names[i];
}

static void put_row(struct table_file *table, const struct study *study, const struct metric_input *in, size_t i, uint32_t row, int repeat, int fold)
{
	const struct column *source_row = frame_column(study->frame, "__row");

	table_file_int(table, source_row ? (int64_t)column_value(source_row, row) : (int64_t)row);
	if (study->id && study->id->kind == COLUMN_CATEGORY)
		table_file_text(table, column_code(study->id, row) < 0 ? NULL : study->id->levels[column_code(study->id, row)]);
	else if (study->id)
		table_file_double(table, column_value(study->id, row));
	table_file_int(table, repeat);
	table_file_int(table, fold);
	for (unsigned t = 0; t < study->target_count; t++) {
		double truth = in->truth[t * in->n + i], prediction = in->prediction[t * in->n + i];

		if (study->task == ENGINE_CLASSIFICATION) {
			table_file_text(table, study->class_names[(size_t)truth]);
			table_file_text(table, study->class_names[(size_t)prediction]);
		} else {
			table_file_double(table, truth);
			table_file_double(table, prediction);
		}
	}
	for (unsigned c = 0; c < study->classes; c++)
		table_file_double(table, in->probability[c * in->n + i]);
	table_file_end_row(table);
}

static char *scratch_file(const struct stage_context *context, const char *name)
{
	char relative[64], *folder, *path;

	snprintf(relative, sizeof relative, "scratch/round_%03u", context->round);
	folder = file_join(context->campaign, relative);
	path = file_join(folder, name);
	free(folder);
	return path;
}

static int load_outputs(const struct frame *frame, unsigned outputs, struct arena *arena, uint32_t **rows, double **prediction, struct orch_err *err)
{
	const struct column *row = frame_column(frame, "row");
	double *numbers = arena_alloc(arena, frame->rows + 1, sizeof *numbers);
	char name[32];

	*rows = arena_alloc(arena, frame->rows + 1, sizeof **rows);
	*prediction = arena_alloc(arena, frame->rows * outputs + 1, sizeof **prediction);
	if (!numbers || !*rows || !*prediction)
		return orch_fail(err, ORCH_ENOMEM, "no memory for predictions");
	if (!row)
		return orch_fail(err, ORCH_EDAMAGED, "a file of predictions has no column \"row\"");
	column_gather(row, NULL, frame->rows, numbers);
	for (size_t i = 0; i < frame->rows; i++)
		(*rows)[i] = (uint32_t)numbers[i];
	for (unsigned o = 0; o < outputs; o++) {
		const struct column *column;

		snprintf(name, sizeof name, "output_%u", o);
		column = frame_column(frame, name);
		if (!column)
			return orch_fail(err, ORCH_EDAMAGED, "a file of predictions has no column \"%s\"", name);
		column_gather(column, NULL, frame->rows, *prediction + o * frame->rows);
	}
	return 0;
}

int stage_read_predictions(const struct study *study, const char *path, struct arena *arena, uint32_t **rows, size_t *count, double **prediction,
        struct orch_err *err)
{
	struct frame *frame = NULL;
	int code = frame_open(path, true, &frame, err);

	if (!code)
		code = load_outputs(frame, study->task == ENGINE_CLASSIFICATION ? study->classes : study->outputs, arena, rows, prediction, err);
	if (!code)
		*count = frame->rows;
	frame_close(frame);
	return code;
}

int stage_load_predictions(const struct stage_context *context, const char *name, struct arena *arena, uint32_t **rows, size_t *count, double **prediction,
        struct orch_err *err)
{
	char *path = scratch_file(context, name);
	int code = stage_read_predictions(context->study, path, arena, rows, count, prediction, err);

	free(path);
	return code;
}

void stage_put_predictions(const struct stage_context *context, struct table_file *table, const struct metric_input *in, const uint32_t *rows, unsigned slot)
{
	const struct study *study = context->study;
	bool holdout = slot == study->folds;

	for (size_t i = 0; i < in->n; i++)
		put_row(table, study, in, i, rows[i], holdout ? -1 : (int)(slot / study->split->k), holdout ? -1 : (int)(slot % study->split->k));
}

static int put_fold(const struct gathered *gathered, struct table_file *table, unsigned slot, struct orch_err *err)
{
	struct arena arena = {0};
	struct metric_input in;
	uint32_t *rows;
	double *prediction;
	size_t count;
	int code = stage_load_predictions(gathered->context, gathered->predictions[slot], &arena, &rows, &count, &prediction, err);

	if (!code)
		code = study_metric_input(gathered->context->study, rows, count, prediction, &arena, &in, err);
	if (!code)
		stage_put_predictions(gathered->context, table, &in, rows, slot);
	arena_release(&arena);
	return code;
}

int stage_begin_predictions(const struct stage_context *context, const char *name, struct table_file **out, struct orch_err *err)
{
	char **names;
	size_t count = study_prediction_names(context->study, &names);
	struct table_column *columns = mem_must(count, sizeof *columns);
	char *path = file_join(context->folder, name);
	int code;

	set_columns(context->study, columns, names, count);
	code = table_file_begin(path, NULL, columns, count, out, err);
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(columns);
	free(names);
	free(path);
	return code;
}

/* In order of folds, rows ascending in each, the holdout last. */
static int write_table(const struct gathered *gathered, struct orch_err *err)
{
	struct table_file *table = NULL;
	int code = stage_begin_predictions(gathered->context, "predictions.parquet", &table, err);

	for (unsigned slot = 0; slot < gathered->slots && !code; slot++)
		if (gathered->predictions[slot])
			code = put_fold(gathered, table, slot, err);
	if (table && code)
		table_file_abort(&table);
	else if (table)
		code = table_file_commit(&table, err);
	return code;
}

static int copy_model(const struct gathered *gathered, struct orch_err *err)
{
	char *from, *name, *to;
	int code;

	if (!gathered->model)
		return 0;
	from = scratch_file(gathered->context, gathered->model);
	name = text_format("model%s", strrchr(gathered->model, '.'));
	to = file_join(gathered->context->folder, name);
	code = file_copy(from, to, err);
	free(from);
	free(name);
	free(to);
	return code;
}

int stage_write_predictions(const struct stage_context *context, enum stage_id stage, const char *left_out, struct orch_err *err)
{
	unsigned slots = context->study->folds + 1;
	struct gathered gathered = {.context = context, .left_out = left_out, .slots = slots, .metrics = mem_must(slots, sizeof(json_t *)),
	        .predictions = mem_must(slots, sizeof(char *)), .failed = mem_must(slots, sizeof(bool))};
	json_t *best = NULL;
	int code = context->study->spec->ensemble.method ? stage_read_json(context, STAGE_HPO, "best.json", &best, err) : 0;

	gathered.trial = json_get_int(best, "trial", -1);
	json_decref(best);
	if (!code)
		code = ledger_each_fit(context->ledger, context->round, stage_table[stage].name, gather_fit, &gathered, err);
	if (!code)
		code = write_metrics(&gathered, err);
	if (!code)
		code = write_table(&gathered, err);
	if (!code && stage == STAGE_BASELINE)
		code = copy_model(&gathered, err);
	for (unsigned i = 0; i < slots; i++) {
		json_decref(gathered.metrics[i]);
		free(gathered.predictions[i]);
	}
	free(gathered.metrics);
	free(gathered.predictions);
	free(gathered.failed);
	free(gathered.model);
	free(gathered.note);
	return code;
}
