/* 00_dataset: what the round works on: features.json, dataset.json (every column in short), split.json (the folds in numbers). */
#include <math.h>
#include <stdlib.h>

#include "orchestrator/stage.h"
#include "storage/base/json.h"

static const char *kind_name(const struct column *column)
{
	return column->kind == COLUMN_CATEGORY ? column->ordered ? "ordered category" : "category" : column->kind == COLUMN_BOOL ? "boolean" : "number";
}

static const char *type_name(enum column_type type)
{
	static const char *const names[] = {"int8", "int16", "int32", "int64", "float32", "float64"};

	return names[type];
}

/* Mean and deviation over what is not missing, in row order. */
static void moments(const struct column *column, size_t rows, double *mean, double *sd)
{
	double sum = 0, squares = 0;
	size_t count = 0;

	for (size_t i = 0; i < rows; i++) {
		double value = column_value(column, i);

		if (!isnan(value)) {
			sum += value;
			count++;
		}
	}
	*mean = count ? sum / (double)count : NAN;
	for (size_t i = 0; i < rows; i++) {
		double value = column_value(column, i);

		if (!isnan(value))
			squares += (value - *mean) * (value - *mean);
	}
	*sd = count > 1 ? sqrt(squares / (double)(count - 1)) : NAN;
}

static json_t *describe_column(const struct column *column, size_t rows)
{
	json_t *object = json_pack("{s:s, s:s, s:s, s:I}", "name", column->name, "kind", kind_name(column), "type", type_name(column->type), "missing",
	        (json_int_t)column->missing_count);
	double mean, sd;

	if (column->kind == COLUMN_CATEGORY) {
		json_object_set_new(object, "levels", json_integer((json_int_t)column->level_count));
		return object;
	}
	moments(column, rows, &mean, &sd);
	json_object_set_new(object, "minimum", json_number_or_null(column->minimum));
	json_object_set_new(object, "maximum", json_number_or_null(column->maximum));
	json_object_set_new(object, "mean", json_number_or_null(mean));
	json_object_set_new(object, "sd", json_number_or_null(sd));
	return object;
}

static int write_dataset(const struct stage_context *context, struct orch_err *err)
{
	const struct study *study = context->study;
	size_t rows = study->frame->rows;
	json_t *features = json_array(), *targets = json_array(), *object;
	int code;

	for (size_t i = 0; i < study->feature_count; i++)
		json_array_append_new(features, describe_column(study->features[i], rows));
	for (unsigned t = 0; t < study->target_count; t++)
		json_array_append_new(targets, describe_column(frame_column(study->frame, study->target_names[t]), rows));
	object = json_pack("{s:I, s:s, s:s, s:s, s:o, s:o}", "rows", (json_int_t)rows, "task", study->angle ? "angle" : study->task == ENGINE_CLASSIFICATION ? "classification" :
	        "regression", "data_hash", study->frame_hash, "folds_hash", study->folds_hash, "targets", targets, "features", features);
	if (study->classes) {
		json_t *classes = json_array();

		for (unsigned c = 0; c < study->classes; c++)
			json_array_append_new(classes, json_string_nocheck(study->class_names[c]));
		json_object_set_new(object, "classes", classes);
	}
	code = stage_write_json(context, "dataset.json", object, err);
	json_decref(object);
	return code;
}

static int write_split(const struct stage_context *context, struct orch_err *err)
{
	const struct study *study = context->study;
	json_t *folds = json_array(), *object;
	int code = 0;

	for (int f = 0; f < (int)study->folds && !code; f++) {
		uint32_t *train = NULL, *test = NULL;
		size_t train_count, test_count;

		code = split_rows(study->split, f, &train, &train_count, &test, &test_count, err);
		if (!code)
			json_array_append_new(folds, json_pack("{s:i, s:i, s:I, s:I}", "repeat", f / (int)study->split->k, "fold", f % (int)study->split->k, "train",
			        (json_int_t)train_count, "test", (json_int_t)test_count));
		free(train);
		free(test);
	}
	object = json_pack("{s:i, s:i, s:I, s:o}", "k", (int)study->split->k, "repeats", (int)study->split->repeats, "holdout", (json_int_t)study->holdout_rows, "folds", folds);
	if (!code)
		code = stage_write_json(context, "split.json", object, err);
	json_decref(object);
	return code;
}

int stage_dataset_write(const struct stage_context *context, struct orch_err *err)
{
	json_t *names = study_feature_names(context->study);
	int code = stage_write_json(context, "features.json", names, err);

	json_decref(names);
	if (!code)
		code = write_dataset(context, err);
	if (!code)
		code = write_split(context, err);
	return code;
}
