/* {data}: Parquet with __row, __fold, features, targets, weight, id. For a fold of a search it holds no holdout row, so that "train on __fold != {fold}, predict
 * __fold == {fold}" is right however naive the program; for time folds only the rows of that fold's training and test. For fold -1 it holds all rows, the
 * holdout with __fold -1. Written under a temporary name and published by rename: whoever is first, the bytes are the same. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/command_parts.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/process.h"
#include "storage/table_file.h"

struct layout {
	const struct study *study;
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
	double value = column_value(column, row);
	int32_t code;

	switch (type_of(column)) {
	case TABLE_TEXT:
		code = column_code(column, row);
		table_file_text(table, code < 0 ? NULL : column->levels[code]);
		break;
	case TABLE_DOUBLE:
		table_file_double(table, value);
		break;
	default:
		if (isnan(value))
			table_file_missing(table);
		else
			table_file_int(table, (int64_t)value);
	}
}

static void find_columns(struct layout *layout)
{
	const struct study *study = layout->study;

	layout->columns = mem_must(study->frame->column_count + 1, sizeof *layout->columns);
	for (size_t i = 0; i < study->frame->column_count; i++) {
		const struct column *column = &study->frame->columns[i];
		bool selected = false;

		for (size_t f = 0; f < study->feature_count; f++)
			selected = selected || study->features[f] == column;
		if (selected || column->roles & (COLUMN_TARGET | COLUMN_WEIGHT | COLUMN_ID))
			layout->columns[layout->count++] = column;
	}
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

/* Fold of a row in the file; false: the row is not in it. */
static bool row_fold(const struct command_fit *fit, const struct study *study, size_t row, size_t *train_at, size_t *test_at, int *fold)
{
	uint8_t assigned = study->split->fold[(fit->fold < 0 ? 0 : (size_t)fit->fold / study->split->k) * study->frame->rows + row];

	if (fit->fold < 0 || study->split->kind == SPLIT_TIME) {
		bool test = *test_at < fit->test_count && fit->test[*test_at] == row, train = *train_at < fit->train_count && fit->train[*train_at] == row;

		*test_at += test;
		*train_at += train;
		*fold = test ? fit->fold < 0 ? -1 : fit->fold % (int)study->split->k : 1000;
		return test || train;
	}
	*fold = assigned;
	return assigned != SPLIT_HOLDOUT;
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

static char *name_of(const struct worker *worker, const struct command_fit *fit)
{
	const struct split *split = worker->study->split;

	if (fit->fold < 0)
		return mem_text("data.final.parquet");
	if (split->kind == SPLIT_TIME)
		return text_format("data.fold_%d.parquet", fit->fold);
	return text_format("data.repeat_%d.parquet", fit->fold / (int)split->k);
}

int command_data_file(const struct worker *worker, const struct command_fit *fit, char **out, struct orch_err *err)
{
	struct layout layout = {.study = worker->study};
	char *name = name_of(worker, fit), *path = file_join(fit->scratch, name), *temporary;
	struct orch_err why = {0};
	uint32_t attempt;
	int code = 0;

	process_random(&attempt, sizeof attempt);
	temporary = text_format("%s.%08x.new", path, attempt);
	if (!file_exists(path)) {
		find_columns(&layout);
		code = write_rows(&layout, fit, temporary, err);
		if (!code && (code = file_publish(temporary, path, &why)) == ORCH_EBUSY)
			code = file_remove_tree(temporary, err);
		else if (code && why.code)
			orch_fail(err, code, "%s", why.text);
		free(layout.columns);
	}
	free(name);
	free(temporary);
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
