#include "engines/model/linear_model.h"

#include "engines/model/design.h"
#include "storage/base/json.h"

static void add_column(json_t *object, const struct linear_model *model, size_t column)
{
	json_t *coefficient = json_array();

	for (size_t o = 0; o < model->outputs; o++)
		json_array_append_new(coefficient, json_real(model->beta[o * model->columns + column]));
	json_object_set_new(object, "coefficient", coefficient);
	json_object_set_new(object, "center", json_real(model->center[column]));
}

static json_t *model_feature(const struct linear_model *model, size_t f, size_t first)
{
	const struct column *column = model->data->features[f];
	json_t *feature = json_object(), *levels;

	json_object_set_new(feature, "name", json_string(column->name));
	json_object_set_new(feature, "id", json_integer(model->data->feature_ids[f]));
	json_object_set_new(feature, "fill", json_number_or_null(model->fill[f]));
	if (!design_one_hot(column)) {
		add_column(feature, model, first);
		return feature;
	}
	levels = json_array();
	for (size_t l = 0; l < column->level_count; l++) {
		json_t *level = json_object();

		json_object_set_new(level, "level", json_string(column->levels[l]));
		add_column(level, model, first + l);
		json_array_append_new(levels, level);
	}
	json_object_set_new(feature, "levels", levels);
	return feature;
}

char *linear_model_text(const struct linear_model *model)
{
	const struct engine_variant *variant = model->variant;
	json_t *intercept = json_array(), *features = json_array(), *object = json_object();
	size_t next = 0, first = 0;

	for (size_t o = 0; o < model->outputs; o++)
		json_array_append_new(intercept, json_real(model->intercept[o]));
	for (size_t f = 0; f < model->data->feature_count; f++) {
		if (next < variant->left_out_count && variant->left_out[next] == f)
			next++;
		else
			json_array_append_new(features, model_feature(model, f, first));
		first += design_feature_columns(model->data->features[f]);
	}
	json_object_set_new(object, "engine", json_string(model->engine->name));
	json_object_set_new(object, "version", json_string(model->engine->version));
	json_object_set_new(object, "parameters", json_deep_copy(variant->params));
	if (model->classes) {
		json_t *classes = json_array();

		for (size_t k = 0; k < model->class_count; k++)
			json_array_append_new(classes, json_integer(model->classes[k]));
		json_object_set_new(object, "classes", classes);
	}
	json_object_set_new(object, "intercept", intercept);
	json_object_set_new(object, "features", features);
	char *text = json_text(object, JSON_STYLE_PRETTY);

	json_decref(object);
	return text;
}
