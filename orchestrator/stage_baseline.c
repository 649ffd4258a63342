/* 03_baseline: the best configuration, fitted on every fold and on all rows that are not held out: metrics.json, predictions.parquet, model.*;
 * with a model input.json, what it takes to predict with it: the features in order, their kinds and levels, derived ones with their expressions, the
 * target's names and classes. model.* and input.json together need nothing else (`orch predict`). */
#include <stdlib.h>
#include <string.h>

#include "orchestrator/stage.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/text.h"

static json_t *describe_feature(const struct column *column)
{
	json_t *feature = json_pack("{s:s, s:s}", "name", column->name, "kind", column->kind == COLUMN_CATEGORY ? "category" : column->kind == COLUMN_BOOL ? "boolean" : "number");
	json_t *levels;

	if (column->kind != COLUMN_CATEGORY)
		return feature;
	levels = json_array();
	for (size_t l = 0; l < column->level_count; l++)
		json_array_append_new(levels, json_string_nocheck(column->levels[l]));
	json_object_set_new(feature, "ordered", json_boolean(column->ordered));
	json_object_set_new(feature, "levels", levels);
	return feature;
}

static const char *expression_of(const struct spec_data *data, const char *name)
{
	for (size_t i = 0; i < data->feature_count; i++)
		if (!strcmp(data->features[i].name, name))
			return data->features[i].text;
	return NULL;
}

static json_t *describe_input(const struct study *study)
{
	static const char *const missing[] = {[SPEC_MISSING_KEEP] = "keep", [SPEC_MISSING_MEAN] = "mean", [SPEC_MISSING_MEDIAN] = "median", [SPEC_MISSING_DROP] = "drop",
	        [SPEC_MISSING_ERROR] = "error"};
	const struct spec_data *data = &study->spec->data;
	json_t *features = json_array(), *derived = json_object(), *targets = json_array(), *classes = json_array();

	for (size_t f = 0; f < study->feature_count; f++) {
		const char *name = study->features[f]->name, *expression = expression_of(data, name);

		json_array_append_new(features, describe_feature(study->features[f]));
		if (expression)
			json_object_set_new_nocheck(derived, name, json_string_nocheck(expression));
	}
	for (unsigned t = 0; t < study->target_count; t++)
		json_array_append_new(targets, json_string_nocheck(study->target_names[t]));
	for (unsigned c = 0; c < study->classes; c++)
		json_array_append_new(classes, json_string_nocheck(study->class_names[c]));
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:s?, s:s, s:o, s:o}", "format", "orch input 1", "engine", study->spec->models[study->model].engine, "task",
	        study->angle ? "angle" : study->task == ENGINE_CLASSIFICATION ? "classification" : "regression", "targets", targets, "classes", classes, "id", data->id,
	        "missing", missing[data->missing], "derived", derived, "features", features);
}

static int write_input(const struct stage_context *context, struct orch_err *err)
{
	const char *suffix = engine_find(context->study->spec->models[context->study->model].engine)->model_suffix;
	char *name = text_format("model.%s", suffix ? suffix : ""), *model = file_join(context->folder, name);
	json_t *input;
	int code = 0;

	if (suffix && file_exists(model)) {
		input = describe_input(context->study);
		code = stage_write_json(context, "input.json", input, err);
		json_decref(input);
	}
	free(model);
	free(name);
	return code;
}

int stage_baseline_write(const struct stage_context *context, struct orch_err *err)
{
	int code = stage_write_predictions(context, STAGE_BASELINE, "", err);

	if (!code && context->study->spec->ensemble.method)
		code = stage_ensemble_write(context, err);
	return code ? code : write_input(context, err);
}
