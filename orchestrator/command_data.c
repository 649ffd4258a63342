/* {data}: Parquet with __row, __fold, features, targets, weight, id. For a fold of a search it holds no holdout row, so that "train on __fold != {fold}, predict
 * __fold == {fold}" is right however naive the program; for time folds, and fits on a part of the rows, only those of that fold's training and test. For fold -1 it holds all rows that are
 * trained on and the holdout with __fold -1. A row that no fold tests has __fold 254 (SPLIT_UNUSED). __row counts from 0 in the prepared data.
 * Written under a temporary name and published by rename: whoever is first, the bytes are the same. Its name has a hash of data, split and
 * features in it: what an earlier, different run of the campaign left is not taken. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/command_parts.h"
#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/json.h"
#include "storage/base/process.h"
#include "storage/table_file.h"

struct layout {
	const struct study *study;
	const struct command_fit *fit;
	bool shared; /* all features of the round, not the fit's only */
	const struct column **columns; /* after __row and __fold */
	size_t count;
};

static enum table_type type_of(const struct column *column)
{
	if (column->kind == COLUMN_CATEGORY)
		return TABLE_TEXT;
	if (column->kind == COLUMN_BOOL)
		return TABLE_BOOL;
	return column->type == COLUMN_FLOAT32 || column->type == COLUMN_FLOAT64 ? TABLE_DOUBLE : TABLE_INT64;
}

static void put_value(struct table_file *table, const struct column *column, size_t row)
{
	double value;
	int32_t code;

	switch (type_of(column)) {
	case TABLE_TEXT:
		code = column_code(column, row);
		table_file_text(table, code < 0 ? NULL : column->levels[code]);
		break;
	case TABLE_DOUBLE:
		table_file_double(table, column_value(column, row)); /* NaN is missing */
		break;
	default:
		value = column_value(column, row);
		if (isnan(value))
			table_file_missing(table);
		else if (column->type == COLUMN_INT64) /* an id may be more than a double holds */
			table_file_int(table, ((const int64_t *)column->values)[row]);
		else
			table_file_int(table, (int64_t)value);
	}
}

static bool is_used(const struct layout *layout, const struct column *column)
{
	const struct study *study = layout->study;

	if (column->roles & (COLUMN_TARGET | COLUMN_WEIGHT | COLUMN_ID))
		return true;
	for (size_t f = 0; layout->shared && f < study->feature_count; f++)
		if (study->features[f] == column)
			return true;
	for (size_t f = 0; !layout->shared && f < layout->fit->feature_count; f++)
		if (!strcmp(layout->fit->features[f], column->name))
			return true;
	return false;
}

static void find_columns(struct layout *layout)
{
	const struct frame *frame = layout->study->frame;

	layout->columns = mem_must(frame->column_count + 1, sizeof *layout->columns);
	for (size_t i = 0; i < frame->column_count; i++)
		if (!(frame->columns[i].roles & COLUMN_ROW) && is_used(layout, &frame->columns[i]))
			layout->columns[layout->count++] = &frame->columns[i];
}

static int begin(const struct layout *layout, const char *path, struct table_file **table, struct orch_err *err)
{
	struct table_column *columns = mem_must(layout->count + 2, sizeof *columns);
	int code;

	columns[0] = (struct table_column){"__row", TABLE_INT64};
	columns[1] = (struct table_column){"__fold", TABLE_INT32};
	for (size_t i = 0; i < layout->count; i++)
		columns[i + 2] = (struct table_column){layout->columns[i]->name, type_of(layout->columns[i])};
	code = table_file_begin(path, NULL, columns, layout->count + 2, table, err);
	free(columns);
	return code;
}

/* The fold that tests a row: for time, fold f tests block f + 1. */
static int tested_by(const struct split *split, uint8_t assigned)
{
	if (split->kind != SPLIT_TIME || assigned == SPLIT_UNUSED)
		return assigned;
	return assigned == 0 ? SPLIT_UNUSED : assigned - 1;
}

/* Fold of a row in the file; false: the row is not in it. */
static bool row_fold(const struct command_fit *fit, const struct study *study, size_t row, size_t *train_at, size_t *test_at, int *fold)
{
	const struct split *split = study->split;
	uint8_t assigned = split->fold[(fit->fold < 0 ? 0 : (size_t)fit->fold / split->k) * split->rows + row];
	bool train, test;

	*fold = assigned == SPLIT_HOLDOUT ? -1 : tested_by(split, assigned);
	if (fit->fold >= 0 && split->kind != SPLIT_TIME && !(fit->share < 1))
		return assigned != SPLIT_HOLDOUT; /* one file serves all folds of the repeat */
	train = *train_at < fit->train_count && fit->train[*train_at] == row;
	test = *test_at < fit->test_count && fit->test[*test_at] == row;
	*train_at += train;
	*test_at += test;
	return train || test;
}

static int write_rows(const struct layout *layout, const struct command_fit *fit, const char *path, struct orch_err *err)
{
	const struct study *study = layout->study;
	struct table_file *table = NULL;
	size_t train_at = 0, test_at = 0;
	int code = begin(layout, path, &table, err), fold;

	if (code)
		return code;
	for (size_t row = 0; row < study->frame->rows; row++) {
		if (!row_fold(fit, study, row, &train_at, &test_at, &fold))
			continue;
		table_file_int(table, (int64_t)row);
		table_file_int(table, fold);
		for (size_t c = 0; c < layout->count; c++)
			put_value(table, layout->columns[c], row);
		table_file_end_row(table);
	}
	return table_file_commit(&table, err);
}

/* Published under a name that holds whole files only. */
static int write_once(const struct layout *layout, const char *path, struct orch_err *err)
{
	struct orch_err why = {0};
	char *temporary;
	uint32_t attempt;
	int code;

	process_random(&attempt, sizeof attempt);
	temporary = text_format("%s.%08x.new", path, attempt);
	code = write_rows(layout, layout->fit, temporary, err);
	if (!code) {
		code = file_publish(temporary, path, &why);
		if (code)
			file_remove(temporary, NULL);
		if (code == ORCH_EBUSY)
			code = 0; /* another worker was first */
		else if (code)
			orch_fail(err, code, "%s", why.text);
	}
	free(temporary);
	return code;
}

static char *name_of(const struct layout *layout)
{
	const struct study *study = layout->study;
	const struct split *split = study->split;
	int fold = layout->fit->fold;
	char digest[HASH_HEX], share[TEXT_NUMBER_MAX];
	struct hash hash;

	hash_begin(&hash);
	hash_add_text(&hash, study->frame_hash);
	hash_add_text(&hash, study->folds_hash);
	for (size_t i = 0; i < layout->count; i++)
		hash_add_text(&hash, layout->columns[i]->name);
	hash_end_hex(&hash, digest);
	if (fold < 0)
		return text_format("data.%.12s.final.parquet", digest);
	if (layout->fit->share < 1)
		return text_format("data.%.12s.fold_%d.rows_%s.parquet", digest, fold, text_number(layout->fit->share, share));
	if (split->kind == SPLIT_TIME)
		return text_format("data.%.12s.fold_%d.parquet", digest, fold);
	return text_format("data.%.12s.repeat_%d.parquet", digest, fold / (int)split->k);
}

int command_data_file(const struct worker *worker, const struct command_fit *fit, bool shared, const char *folder, char **out, struct orch_err *err)
{
	struct layout layout = {.study = worker->study, .fit = fit, .shared = shared};
	bool kept = shared || fit->feature_count == worker->study->feature_count;
	char *name, *path;
	int code = 0;

	find_columns(&layout);
	name = name_of(&layout);
	path = file_join(kept ? fit->scratch : folder, name);
	if (!file_exists(path))
		code = write_once(&layout, path, err);
	free(layout.columns);
	free(name);
	if (code)
		free(path);
	else
		*out = path;
	return code;
}

int command_features_file(const struct command_fit *fit, const char *folder, char **out, struct orch_err *err)
{
	char *path = file_join(folder, "features.json"), *text;
	json_t *names = json_array();
	int code;

	for (size_t i = 0; i < fit->feature_count; i++)
		json_array_append_new(names, json_string_nocheck(fit->features[i]));
	text = json_text(names, JSON_STYLE_LINE);
	code = file_write_new(path, text, strlen(text), err);
	json_decref(names);
	free(text);
	if (code)
		free(path);
	else
		*out = path;
	return code;
}
