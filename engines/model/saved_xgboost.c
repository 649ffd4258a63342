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
	size_t classes;
	char *objective;
	double cost;
};

static void boosted_close(void *state)
{
	struct boosted *boosted = state;

	if (!boosted)
		return;
	xgboost_model_release(boosted->model);
	free(boosted->input);
	free(boosted->fill);
	free(boosted->objective);
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

/* The library's TreeSHAP takes (leaves x squared depth) for each tree; its trees say how many nodes they have. */
static double explain_cost(const char *text, size_t length)
{
	static const char mark[] = "\"num_nodes\":\"";
	const char *end = text + length;
	double cost = 0;

	for (const char *at = text; (at = memmem(at, (size_t)(end - at), mark, sizeof mark - 1));) {
		double nodes = 0, depth;

		for (at += sizeof mark - 1; at < end && *at >= '0' && *at <= '9'; at++)
			nodes = nodes * 10 + (*at - '0');
		depth = log2(nodes + 1) + 1; /* of trees that are not quite full */
		cost += nodes / 2 * depth * depth;
	}
	return cost;
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
	boosted->classes = source->classes;
	boosted->cost = explain_cost(source->text, source->length);
	boosted->width = source->classes > 2 ? source->classes : source->classes == 2 ? 1 : source->outputs;
	if (!code)
		code = match_features(source, boosted, err);
	if (!code)
		code = xgboost_model_objective(boosted->model, &boosted->objective, err);
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

/* What the model sees of count rows. */
static void gather_block(const struct boosted *boosted, const double *values, size_t first, size_t count, float *cells)
{
	for (size_t f = 0; f < boosted->feature_count; f++)
		for (size_t i = 0; i < count; i++) {
			float value = (float)values[(first + i) * boosted->input_count + boosted->input[f]];

			cells[f * count + i] = isnan(value) ? boosted->fill[f] : value;
		}
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

		gather_block(boosted, values, first, count, cells);
		code = xgboost_model_predict(boosted->model, cells, count, boosted->feature_count, 0, boosted->width, raw, err);
		if (!code)
			put_block(boosted, raw, first, count, rows, out);
	}
	free(cells);
	free(raw);
	return code;
}

static bool boosted_scores(const void *state, struct saved_scores *out, size_t *classes)
{
	static const char *const logarithmic[] = {"count:poisson", "reg:gamma", "reg:tweedie", NULL};
	const struct boosted *boosted = state;

	*out = (struct saved_scores){boosted->width, boosted->pair ? SAVED_LOG_ODDS : boosted->classes ? SAVED_SOFTMAX : SAVED_TARGET, "tree_shap", boosted->cost};
	for (size_t i = 0; logarithmic[i] && !boosted->classes; i++)
		if (!strcmp(boosted->objective, logarithmic[i]))
			out->scale = SAVED_LOG;
	if (!boosted->classes && !strcmp(boosted->objective, "reg:logistic"))
		out->scale = SAVED_LOG_ODDS;
	for (size_t g = 0; classes && boosted->classes && g < boosted->width; g++)
		classes[g] = boosted->pair ? 1 : g;
	return true;
}

#define CONTRIBUTIONS_BLOCK ((size_t)64) /* rows asked for at a time: what the library answers is rows x groups x columns */

static void put_contributions(const struct boosted *boosted, const float *raw, size_t count, double *out)
{
	for (size_t r = 0; r < count * boosted->width; r++)
		for (size_t f = 0; f < boosted->feature_count; f++)
			out[r * boosted->input_count + boosted->input[f]] += raw[r * (boosted->feature_count + 1) + f];
}

static int boosted_explain(const void *state, const double *values, size_t rows, double *out, double *base, struct orch_err *err)
{
	const struct boosted *boosted = state;
	size_t columns = boosted->feature_count, width = boosted->width;
	float *cells = mem_array(CONTRIBUTIONS_BLOCK * columns + 1, sizeof *cells), *raw = mem_array(CONTRIBUTIONS_BLOCK * width * (columns + 1), sizeof *raw);
	int code = cells && raw ? 0 : orch_fail(err, ORCH_ENOMEM, "no memory for a block of rows");

	if (!code)
		memset(out, 0, rows * width * boosted->input_count * sizeof *out);
	for (size_t first = 0; first < rows && !code; first += CONTRIBUTIONS_BLOCK) {
		size_t count = rows - first < CONTRIBUTIONS_BLOCK ? rows - first : CONTRIBUTIONS_BLOCK;

		gather_block(boosted, values, first, count, cells);
		code = xgboost_model_contributions(boosted->model, cells, count, columns, width, raw, err);
		if (!code)
			put_contributions(boosted, raw, count, out + first * width * boosted->input_count);
		for (size_t g = 0; g < width && !code; g++)
			base[g] = raw[g * (columns + 1) + columns];
	}
	free(cells);
	free(raw);
	return code;
}

const struct saved_format saved_xgboost = {"xgboost", boosted_read, boosted_close, boosted_needs, boosted_predict, boosted_scores, boosted_explain};
