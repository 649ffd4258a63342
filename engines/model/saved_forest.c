/* Predictions of forests, by forest_model.h. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engines/model/forest_model.h"
#include "engines/model/saved_model.h"
#include "storage/base/mem.h"

struct forest {
	struct forest_model *model;
	size_t input_count, feature_count;
	size_t *input; /* of each feature of the model */
	size_t classes;
};

static void forest_close(void *state)
{
	struct forest *forest = state;

	if (!forest)
		return;
	forest_model_close(forest->model);
	free(forest->input);
	free(forest);
}

static bool same_levels(const struct forest_model_feature *feature, const struct saved_input *input)
{
	if (feature->level_count != input->level_count)
		return false;
	for (size_t l = 0; l < input->level_count; l++)
		if (strcmp(feature->levels[l], input->levels[l]))
			return false;
	return true;
}

static bool match_features(const struct saved_source *source, struct forest *forest)
{
	const struct forest_model_feature *features = forest_model_features(forest->model, &forest->feature_count);

	forest->input_count = source->input_count;
	forest->classes = source->classes;
	forest->input = mem_must(forest->feature_count + 1, sizeof *forest->input);
	for (size_t f = 0; f < forest->feature_count; f++) {
		forest->input[f] = saved_input_find(source, features[f].name);
		if (forest->input[f] == SIZE_MAX || !same_levels(&features[f], &source->inputs[forest->input[f]]))
			return false;
	}
	return forest_model_width(forest->model) == (source->classes ? source->classes : source->outputs);
}

static int forest_read(const struct saved_source *source, void **state, struct orch_err *err)
{
	struct forest *forest = mem_must(1, sizeof *forest);
	int code = forest_model_read(source->text, source->length, source->where, &forest->model, err);

	if (!code && !match_features(source, forest))
		code = saved_model_foreign(source, err);
	if (code)
		forest_close(forest);
	else
		*state = forest;
	return code;
}

static bool forest_needs(const void *state, size_t input)
{
	(void)state;
	(void)input;
	return false; /* every split knows where a missing value goes */
}

/* The columns of the model's features; NULL: no memory. */
static double *own_columns(const struct forest *forest, const double *values, size_t rows)
{
	double *own = mem_array(rows * forest->feature_count + 1, sizeof *own);

	for (size_t i = 0; i < rows && own; i++)
		for (size_t f = 0; f < forest->feature_count; f++)
			own[i * forest->feature_count + f] = values[i * forest->input_count + forest->input[f]];
	return own;
}

static int forest_predict(const void *state, const double *values, size_t rows, double *out, struct orch_err *err)
{
	const struct forest *forest = state;
	double *own = own_columns(forest, values, rows);

	if (!own)
		return orch_fail(err, ORCH_ENOMEM, "no memory for %zu rows", rows);
	forest_model_predict(forest->model, own, rows, out);
	free(own);
	return 0;
}

static bool forest_scores(const void *state, struct saved_scores *out, size_t *classes)
{
	const struct forest *forest = state;

	*out = (struct saved_scores){forest_model_scores(forest->model), forest->classes ? SAVED_PROBABILITY : SAVED_TARGET, "tree_shap", forest_model_explain_cost(forest->model)};
	for (size_t s = 0; classes && forest->classes && s < out->count; s++)
		classes[s] = forest->classes == 2 ? 1 : s;
	return forest_model_explains(forest->model);
}

static int forest_explain(const void *state, const double *values, size_t rows, double *out, double *base, struct orch_err *err)
{
	const struct forest *forest = state;
	size_t scores = forest_model_scores(forest->model);
	double *own = own_columns(forest, values, rows), *phi = mem_array(rows * scores * forest->feature_count + 1, sizeof *phi);
	int code = own && phi ? forest_model_explain(forest->model, own, rows, phi, base, err) : orch_fail(err, ORCH_ENOMEM, "no memory for the contributions in %zu rows", rows);

	if (!code)
		memset(out, 0, rows * scores * forest->input_count * sizeof *out);
	for (size_t r = 0; r < rows * scores && !code; r++)
		for (size_t f = 0; f < forest->feature_count; f++)
			out[r * forest->input_count + forest->input[f]] += phi[r * forest->feature_count + f];
	free(own);
	free(phi);
	return code;
}

const struct saved_format saved_forest = {"forest", forest_read, forest_close, forest_needs, forest_predict, forest_scores, forest_explain};
