#include "orchestrator/predict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/model/saved_model.h"
#include "storage/base/file.h"
#include "storage/base/frame.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"
#include "storage/dataset.h"
#include "storage/table_file.h"

#define BLOCK 1024 /* rows predicted at once */
#define DEGREES 57.29577951308232

struct predictor {
	unsigned round;
	json_t *input; /* input.json */
	struct saved_model *model;
	struct saved_input *inputs;
	size_t input_count;
	unsigned outputs, classes, targets;
	bool angle;
};

/* ---- the round ---- */

static int read_in(const char *folder, const char *name, json_t **out, struct orch_err *err)
{
	char *path = file_join(folder, name);
	int code = json_read_file(path, out, err);

	free(path);
	return code;
}

static bool has_round(const char *campaign, long round)
{
	char name[40], *path;
	bool there;

	snprintf(name, sizeof name, "rounds/round_%03ld", round);
	path = file_join(campaign, name);
	there = file_is_folder(path);
	free(path);
	return there;
}

static int find_round(const char *campaign, long round, unsigned *out, struct orch_err *err)
{
	json_t *summary = NULL;
	long last = -1;

	while (has_round(campaign, last + 1))
		last++;
	if (last < 0)
		return orch_fail(err, ORCH_EINPUT, "%s has no finished round yet: orch resume %s", campaign, campaign);
	if (round > last)
		return orch_fail(err, ORCH_EINPUT, "there is no round %ld; the last one is %ld", round, last);
	if (round < 0 && !read_in(campaign, "summary.json", &summary, NULL))
		round = (long)json_get_int(json_object_get(summary, "chosen"), "round", -1);
	json_decref(summary);
	*out = (unsigned)(round < 0 || round > last ? last : round);
	return 0;
}

static int fill_inputs(struct predictor *predictor, struct orch_err *err)
{
	json_t *features = json_object_get(predictor->input, "features"), *levels, *level;
	size_t i, l;

	predictor->input_count = json_array_size(features);
	predictor->inputs = mem_must(predictor->input_count + 1, sizeof *predictor->inputs);
	for (i = 0; i < predictor->input_count; i++) {
		const char **texts;

		levels = json_object_get(json_array_get(features, i), "levels");
		texts = mem_must(json_array_size(levels) + 1, sizeof *texts);
		predictor->inputs[i] = (struct saved_input){json_get_text(json_array_get(features, i), "name", NULL), json_array_size(levels), texts};
		json_array_foreach(levels, l, level)
			texts[l] = json_string_value(level);
		for (l = 0; l < json_array_size(levels); l++)
			if (!texts[l])
				predictor->inputs[i].name = NULL;
		if (!predictor->inputs[i].name)
			return orch_fail(err, ORCH_EDAMAGED, "03_baseline/input.json of round %u does not hold together", predictor->round);
	}
	return 0;
}

static int take_shape(struct predictor *predictor, struct orch_err *err)
{
	const json_t *input = predictor->input;
	const char *task = json_get_text(input, "task", "");

	if (strcmp(json_get_text(input, "format", ""), "orch input 1"))
		return orch_fail(err, ORCH_EDAMAGED, "03_baseline/input.json of round %u is of a format that this orch does not know", predictor->round);
	predictor->angle = !strcmp(task, "angle");
	predictor->targets = (unsigned)json_array_size(json_object_get(input, "targets"));
	predictor->classes = !strcmp(task, "classification") ? (unsigned)json_array_size(json_object_get(input, "classes")) : 0;
	predictor->outputs = predictor->angle ? 2 : predictor->targets;
	if (!predictor->targets || (!strcmp(task, "classification") && predictor->classes < 2))
		return orch_fail(err, ORCH_EDAMAGED, "03_baseline/input.json of round %u names no target", predictor->round);
	return fill_inputs(predictor, err);
}

static int read_model(struct predictor *predictor, const char *folder, struct orch_err *err)
{
	char *path = file_join(folder, "model.json"), *text = NULL, *where = text_format("model.json of round %u", predictor->round);
	struct saved_source source = {.engine = json_get_text(predictor->input, "engine", ""), .where = where, .inputs = predictor->inputs,
	        .input_count = predictor->input_count, .outputs = predictor->outputs, .classes = predictor->classes};
	int code = file_read(path, 0, &text, &source.length, err);

	source.text = text;
	if (!code)
		code = saved_model_read(&source, &predictor->model, err);
	free(path);
	free(text);
	free(where);
	return code;
}

int predictor_open(const char *campaign, long round, struct predictor **out, struct orch_err *err)
{
	struct predictor *predictor = mem_must(1, sizeof *predictor);
	struct orch_err why = {0};
	char name[64], *folder = NULL;
	int code = find_round(campaign, round, &predictor->round, err);

	if (!code) {
		snprintf(name, sizeof name, "rounds/round_%03u/03_baseline", predictor->round);
		folder = file_join(campaign, name);
		code = read_in(folder, "input.json", &predictor->input, &why);
		if (code == ORCH_EMISSING)
			code = orch_fail(err, ORCH_EINPUT, "round %u keeps no model to predict with: its engine saves none (command), or the final fit failed", predictor->round);
		else if (code)
			orch_fail(err, code, "%s", why.text);
	}
	if (!code)
		code = take_shape(predictor, err);
	if (!code)
		code = read_model(predictor, folder, err);
	free(folder);
	if (code)
		predictor_close(predictor);
	else
		*out = predictor;
	return code;
}

void predictor_close(struct predictor *predictor)
{
	if (!predictor)
		return;
	saved_model_close(predictor->model);
	for (size_t i = 0; i < predictor->input_count && predictor->inputs; i++)
		free((void *)predictor->inputs[i].levels);
	free(predictor->inputs);
	json_decref(predictor->input);
	free(predictor);
}

unsigned predictor_round(const struct predictor *predictor)
{
	return predictor->round;
}

/* ---- the rows ---- */

struct predicting {
	const struct predictor *predictor;
	const struct frame *frame;
	const struct column **columns; /* by input */
	const struct column *id;
	bool drops; /* data.missing: drop */
	struct table_file *table;
	struct predicted *out;
	double *values, *column, *prediction;
};

static size_t first_missing(const struct column *column, size_t rows)
{
	for (size_t i = 0; i < rows; i++)
		if (isnan(column_value(column, i)))
			return i;
	return rows;
}

/* Missing values that the model has no answer for; all features that have such are told. */
static int check_missing(const struct predicting *predicting, struct orch_err *err)
{
	const struct predictor *predictor = predicting->predictor;
	bool refuses = !strcmp(json_get_text(predictor->input, "missing", ""), "error");
	struct text_buf problems = {0};
	int code = 0;

	for (size_t f = 0; f < predictor->input_count && !predicting->drops; f++) {
		const struct column *column = predicting->columns[f];

		if (!column->missing_count || !(refuses || saved_model_needs(predictor->model, f)))
			continue;
		text_addf(&problems, "%scolumn \"%s\" has %zu missing value%s (or levels that the campaign does not know), the first in row %zu: %s", problems.length ? "\n" : "",
		        column->name, column->missing_count, column->missing_count == 1 ? "" : "s", first_missing(column, predicting->frame->rows) + 1,
		        refuses ? "the campaign refuses them (data.missing: error)" : "the model has never seen it missing; fill it, or leave the row out");
	}
	if (problems.length)
		code = orch_fail(err, ORCH_EINPUT, "%s", problems.data);
	text_buf_release(&problems);
	return code;
}

/* ---- the table ---- */

static enum table_type id_type(const struct column *id)
{
	return id->kind == COLUMN_CATEGORY ? TABLE_TEXT : id->kind == COLUMN_BOOL ? TABLE_BOOL : id->type == COLUMN_FLOAT32 || id->type == COLUMN_FLOAT64 ? TABLE_DOUBLE : TABLE_INT64;
}

static int begin_table(struct predicting *predicting, const char *path, struct orch_err *err)
{
	const struct predictor *predictor = predicting->predictor;
	size_t most = 2 + predictor->targets + predictor->classes, count = 0, length = strlen(path);
	struct table_column *columns = mem_must(most, sizeof *columns);
	char (*names)[300] = mem_must(most, sizeof *names);
	bool parquet = length > 8 && !strcasecmp(path + length - 8, ".parquet");
	int code;

	columns[count++] = (struct table_column){"row", TABLE_INT64};
	if (predicting->id)
		columns[count++] = (struct table_column){predicting->id->name, id_type(predicting->id)};
	for (unsigned t = 0; t < predictor->targets; t++, count++) {
		snprintf(names[count], sizeof *names, predictor->targets > 1 ? "prediction_%.250s" : "prediction",
		        json_string_value(json_array_get(json_object_get(predictor->input, "targets"), t)));
		columns[count] = (struct table_column){names[count], predictor->classes ? TABLE_TEXT : TABLE_DOUBLE};
	}
	for (unsigned c = 0; c < predictor->classes; c++, count++) {
		snprintf(names[count], sizeof *names, "prob_%.250s", json_string_value(json_array_get(json_object_get(predictor->input, "classes"), c)));
		columns[count] = (struct table_column){names[count], TABLE_DOUBLE};
	}
	code = table_file_begin(parquet ? path : NULL, parquet ? NULL : path, columns, count, &predicting->table, err);
	free(columns);
	free(names);
	return code;
}

static void put_id(const struct predicting *predicting, size_t row)
{
	const struct column *id = predicting->id;
	double value = column_value(id, row);

	if (isnan(value))
		table_file_missing(predicting->table);
	else if (id->kind == COLUMN_CATEGORY)
		table_file_text(predicting->table, id->levels[column_code(id, row)]);
	else if (id->type == COLUMN_INT64 && id->kind == COLUMN_NUMBER)
		table_file_int(predicting->table, ((const int64_t *)id->values)[row]); /* beyond 2^53 too */
	else if (id_type(id) == TABLE_DOUBLE)
		table_file_double(predicting->table, value);
	else
		table_file_int(predicting->table, (int64_t)value);
}

/* Ties go to the lower class. */
static const char *class_of(const struct predictor *predictor, const double *probability, size_t rows, size_t i)
{
	unsigned best = 0;

	for (unsigned c = 1; c < predictor->classes; c++)
		if (probability[c * rows + i] > probability[best * rows + i])
			best = c;
	return json_string_value(json_array_get(json_object_get(predictor->input, "classes"), best));
}

static void put_prediction(const struct predicting *predicting, size_t rows, size_t i)
{
	const struct predictor *predictor = predicting->predictor;
	const double *prediction = predicting->prediction;

	if (predictor->angle) {
		double degrees = atan2(prediction[i], prediction[rows + i]) * DEGREES;

		table_file_double(predicting->table, degrees < 0 ? degrees + 360 : degrees);
	} else if (predictor->classes) {
		table_file_text(predicting->table, class_of(predictor, prediction, rows, i));
		for (unsigned c = 0; c < predictor->classes; c++)
			table_file_double(predicting->table, prediction[c * rows + i]);
	} else {
		for (unsigned t = 0; t < predictor->targets; t++)
			table_file_double(predicting->table, prediction[t * rows + i]);
	}
}

static void put_row(struct predicting *predicting, size_t first, size_t rows, size_t i)
{
	const struct predictor *predictor = predicting->predictor;
	bool missing = false;

	table_file_int(predicting->table, (int64_t)(first + i));
	if (predicting->id)
		put_id(predicting, first + i);
	for (size_t f = 0; f < predictor->input_count && predicting->drops; f++)
		missing = missing || isnan(predicting->values[i * predictor->input_count + f]);
	if (missing) {
		predicting->out->without++;
		for (unsigned c = 0; c < predictor->targets + predictor->classes; c++)
			table_file_missing(predicting->table);
	} else {
		put_prediction(predicting, rows, i);
	}
	table_file_end_row(predicting->table);
}

static int predict_block(struct predicting *predicting, size_t first, size_t count, struct orch_err *err)
{
	const struct predictor *predictor = predicting->predictor;
	size_t inputs = predictor->input_count;
	uint32_t rows[BLOCK];
	int code;

	for (size_t i = 0; i < count; i++)
		rows[i] = (uint32_t)(first + i);
	for (size_t f = 0; f < inputs; f++) {
		column_gather(predicting->columns[f], rows, count, predicting->column);
		for (size_t i = 0; i < count; i++)
			predicting->values[i * inputs + f] = predicting->column[i];
	}
	code = saved_model_predict(predictor->model, predicting->values, count, predicting->prediction, err);
	for (size_t i = 0; i < count && !code; i++)
		put_row(predicting, first, count, i);
	return code;
}

static int find_columns(struct predicting *predicting, struct orch_err *err)
{
	const struct predictor *predictor = predicting->predictor;
	const char *id = json_get_text(predictor->input, "id", NULL);

	predicting->columns = mem_must(predictor->input_count + 1, sizeof *predicting->columns);
	for (size_t f = 0; f < predictor->input_count; f++)
		if (!(predicting->columns[f] = frame_column(predicting->frame, predictor->inputs[f].name)))
			orch_bug("the rows that were read lack the feature %s", predictor->inputs[f].name);
	predicting->id = id ? frame_column(predicting->frame, id) : NULL;
	predicting->drops = !strcmp(json_get_text(predictor->input, "missing", ""), "drop");
	return check_missing(predicting, err);
}

static int predict_all(struct predicting *predicting, const char *path, struct orch_err *err)
{
	const struct predictor *predictor = predicting->predictor;
	unsigned width = predictor->classes ? predictor->classes : predictor->outputs;
	int code = find_columns(predicting, err);

	predicting->values = mem_array(BLOCK * predictor->input_count + 1, sizeof(double));
	predicting->column = mem_array(BLOCK, sizeof(double));
	predicting->prediction = mem_array(BLOCK * width + 1, sizeof(double));
	if (!code && (!predicting->values || !predicting->column || !predicting->prediction))
		code = orch_fail(err, ORCH_ENOMEM, "no memory for %d rows of %zu features", BLOCK, predictor->input_count);
	if (!code)
		code = begin_table(predicting, path, err);
	for (size_t first = 0; first < predicting->frame->rows && !code; first += BLOCK) {
		size_t left = predicting->frame->rows - first;

		code = predict_block(predicting, first, left < BLOCK ? left : BLOCK, err);
	}
	if (code)
		table_file_abort(&predicting->table);
	else
		code = table_file_commit(&predicting->table, err);
	free(predicting->values);
	free(predicting->column);
	free(predicting->prediction);
	free(predicting->columns);
	return code;
}

/* Beside the output, with its ending, until it is whole. */
static char *unfinished(const char *output)
{
	char *folder = file_folder(output), *name = text_format(".unfinished.%s", file_name(output)), *path = file_join(folder, name);

	free(folder);
	free(name);
	return path;
}

int predictor_rows(const struct predictor *predictor, const char *input, const char *output, struct predicted *out, struct orch_err *err)
{
	struct predicted done = {0};
	struct predicting predicting = {.predictor = predictor, .out = &done};
	struct frame *frame = NULL;
	char *path = unfinished(output);
	int code = 0;

	if (file_exists(output))
		code = orch_fail(err, ORCH_EINPUT, "%s exists already: choose another name, or remove it", output);
	if (!code)
		code = file_remove(path, err);
	if (!code)
		code = dataset_input(predictor->input, input, &frame, &done.notes, err);
	if (!code) {
		predicting.frame = frame;
		done.rows = frame->rows;
		code = predict_all(&predicting, path, err);
	}
	if (!code)
		code = file_publish(path, output, err);
	frame_close(frame);
	free(path);
	if (code)
		json_decref(done.notes);
	else
		*out = done;
	return code;
}
