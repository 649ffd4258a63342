#include "engines/model/ridge_model.h"

#include <math.h>

#include "engines/model/design.h"
#include "storage/base/json.h"

static json_t *coefficients(const struct gram_system *system, const double *beta, size_t column)
{
	json_t *list = json_array();

	for (size_t o = 0; o < system->outputs; o++)
		json_array_append_new(list, json_real(beta[o * system->columns + column]));
	return list;
}

static void add_column(json_t *object, const struct gram_system *system, const double *beta, size_t column)
{
	json_object_set_new(object, "coefficient", coefficients(system, beta, column));
	json_object_set_new(object, "center", json_real(gram_center(system, column)));
}

static json_t *model_feature(const struct gram_set *set, const struct gram_system *system, const double *beta, size_t f)
{
	const struct engine_data *data = gram_data(set);
	const struct column *column = data->features[f];
	json_t *feature = json_object(), *levels;

	json_object_set_new(feature, "name", json_string(column->name));
	json_object_set_new(feature, "id", json_integer(data->feature_ids[f]));
	json_object_set_new(feature, "fill", json_number_or_null(system->fill[f]));
	if (!design_one_hot(column)) {
		add_column(feature, system, beta, gram_first(set, f));
		return feature;
	}
	levels = json_array();
	for (size_t l = 0; l < column->level_count; l++) {
		json_t *level = json_object();

		json_object_set_new(level, "level", json_string(column->levels[l]));
		add_column(level, system, beta, gram_first(set, f) + l);
		json_array_append_new(levels, level);
	}
	json_object_set_new(feature, "levels", levels);
	return feature;
}

char *ridge_model_text(const struct gram_set *set, const struct gram_system *system,
        const struct engine_variant *variant, const struct ridge_model_params *params, const double *beta)
{
	const struct engine_data *data = gram_data(set);
	json_t *intercept = json_array(), *features = json_array(), *model = json_object();
	size_t next = 0;

	for (size_t o = 0; o < system->outputs; o++)
		json_array_append_new(intercept, json_real(gram_center(system, system->columns + o)));
	for (size_t f = 0; f < data->feature_count; f++) {
		if (next < variant->left_out_count && variant->left_out[next] == f)
			next++;
		else
			json_array_append_new(features, model_feature(set, system, beta, f));
	}
	json_object_set_new(model, "engine", json_string("ridge"));
	json_object_set_new(model, "version", json_string("1"));
	json_object_set_new(model, "alpha", json_real(params->alpha));
	json_object_set_new(model, "fit_intercept", json_boolean(params->intercept));
	json_object_set_new(model, "standardize", json_boolean(params->standardize));
	json_object_set_new(model, "intercept", intercept);
	json_object_set_new(model, "features", features);
	char *text = json_text(model, JSON_STYLE_PRETTY);

	json_decref(model);
	return text;
}
