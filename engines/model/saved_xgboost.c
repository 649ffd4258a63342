/* Predictions of boosted trees from XGBoost's own JSON. What stands in for missing values, where the campaign fills them, is in the model's
 * attribute "orch_fill": a JSON list with a number or null for each feature. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engines/model/saved_model.h"
#include "engines/model/xgboost_adapter.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

struct boosted {
	struct xgboost_model *model;
	size_t input_count, feature_count, width;
	bool pair; /* two classes: the model gives the probability of the second */
	size_t *input;
	float *fill;
};

static void boosted_close(void *state)
{
	struct boosted *boosted = state;

	if (!boosted)
		return;
	xgboost_model_release(boosted->model);
	free(boosted->input);
	free(boosted->fill);
	free(boosted);
}

static int match_features(const struct saved_source *source, struct boosted *boosted, struct orch_err *err)
{
	char **names = NULL, *fills = NULL;
	json_t *fill = NULL;
	int code = xgboost_model_features(boosted->model, &names, &boosted->feature_count, err);

	if (!code)
		code = xgboost_model_attribute(boosted->model, "orch_fill", &fills, err);
	boosted->input_count = source->input_count;
	boosted->input = mem_must(boosted->feature_count + 1, sizeof *boosted->input);
	boosted->fill = mem_must(boosted->feature_count + 1, sizeof *boosted->fill);
	if (!code && fills)
		code = json_parse(fills, strlen(fills), source->where, &fill, err);
	for (size_t f = 0; !code && f < boosted->feature_count; f++) {
		json_t *value = json_array_get(fill, f);

		boosted->input[f] = saved_input_find(source, names[f]);
		boosted->fill[f] = json_is_number(value) ? (float)json_number_value(value) : NAN;
		if (boosted->input[f] == SIZE_MAX)
			code = saved_model_foreign(source, err);
	}
	for (size_t f = 0; names && f < boosted->feature_count; f++)
		free(names[f]);
	free(names);
	free(fills);
	json_decref(fill);
	return code;
}

static int boosted_read(const struct saved_source *source, void **state, struct orch_err *err)
{
	struct boosted *boosted = mem_must(1, sizeof *boosted);
	int code = xgboost_model_load(source->text, source->length, &boosted->model, err);

	if (code == ORCH_EFIT) {
		if (err)
			orch_err_clear(err);
		code = saved_model_foreign(source, err);
	}
	boosted->pair = source->classes == 2;
	boosted->width = source->classes > 2 ? source->classes : source->classes == 2 ? 1 : source->outputs;
	if (!code)
		code = match_features(source, boosted, err);
	if (code)
		boosted_close(boosted);
	else
		*state = boosted;
	return code;
}

static bool boosted_needs(const void *state, size_t input)
{
	(void)state;
	(void)input;
	return false; /* every split knows where a missing value goes */
}

static void put_block(const struct boosted *boosted, const float *raw, size_t first, size_t count, size_t rows, double *out)
{
	for (size_t i = 0; i < count; i++) {
		if (boosted->pair) {
			out[first + i] = 1 - (double)raw[i];
			out[rows + first + i] = raw[i];
		}
		for (size_t g = 0; g < boosted->width && !boosted->pair; g++)
			out[g * rows + first + i] = raw[i * boosted->width + g];
	}
}

static int boosted_predict(const void *state, const double *values, size_t rows, double *out, struct orch_err *err)
{
	const struct boosted *boosted = state;
	float *cells = mem_array(XGBOOST_BLOCK * boosted->feature_count + 1, sizeof *cells), *raw = mem_array(XGBOOST_BLOCK * boosted->width + 1, sizeof *raw);
	int code = cells && raw ? 0 : orch_fail(err, ORCH_ENOMEM, "no memory for a block of rows");

	for (size_t first = 0; first < rows && !code; first += XGBOOST_BLOCK) {
		size_t count = rows - first < XGBOOST_BLOCK ? rows - first : XGBOOST_BLOCK;

		for (size_t f = 0; f < boosted->feature_count; f++)
			for (size_t i = 0; i < count; i++) {
				float value = (float)values[(first + i) * boosted->input_count + boosted->input[f]];

				cells[f * count + i] = isnan(value) ? boosted->fill[f] : value;
			}
		code = xgboost_model_predict(boosted->model, cells, count, boosted->feature_count, 0, boosted->width, raw, err);
		if (!code)
			put_block(boosted, raw, first, count, rows, out);
	}
	free(cells);
	free(raw);
	return code;
}

const struct saved_format saved_xgboost = {"xgboost", boosted_read, boosted_close, boosted_needs, boosted_predict};
