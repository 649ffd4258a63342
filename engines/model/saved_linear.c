/* Predictions of linear models from the JSON of linear_model.h. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engines/model/saved_model.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

struct term {
	size_t input, columns; /* columns: 1, or one a level */
	bool one_hot;
	double fill;
	double *coefficient; /* columns x scores: [c * scores + s] */
	double *center;      /* columns */
};
struct linear {
	size_t input_count, term_count, scores;
	unsigned classes; /* of the prediction; 0: scores are the prediction */
	size_t class_count;
	size_t *codes; /* the class of each probability */
	double *intercept;
	struct term *terms;
	bool *needs; /* by input */
};

static void linear_close(void *state)
{
	struct linear *linear = state;

	if (!linear)
		return;
	for (size_t t = 0; t < linear->term_count; t++) {
		free(linear->terms[t].coefficient);
		free(linear->terms[t].center);
	}
	free(linear->terms);
	free(linear->codes);
	free(linear->intercept);
	free(linear->needs);
	free(linear);
}

static bool read_numbers(const json_t *list, size_t count, double *out)
{
	if (!json_is_array(list) || json_array_size(list) != count)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!json_is_number(json_array_get(list, i)))
			return false;
		out[i] = json_number_value(json_array_get(list, i));
	}
	return true;
}

static bool read_column(const struct linear *linear, const json_t *json, struct term *term, size_t column)
{
	const json_t *center = json_object_get(json, "center");

	if (!json_is_number(center))
		return false;
	term->center[column] = json_number_value(center);
	return read_numbers(json_object_get(json, "coefficient"), linear->scores, term->coefficient + column * linear->scores);
}

static bool read_term(const struct saved_source *source, struct linear *linear, const json_t *json, struct term *term)
{
	const json_t *levels = json_object_get(json, "levels"), *fill = json_object_get(json, "fill");
	const struct saved_input *input;

	term->input = saved_input_find(source, json_get_text(json, "name", ""));
	if (term->input == SIZE_MAX)
		return false;
	input = &source->inputs[term->input];
	term->one_hot = levels != NULL;
	term->columns = levels ? json_array_size(levels) : 1;
	term->fill = json_is_number(fill) ? json_number_value(fill) : NAN;
	term->coefficient = mem_must(term->columns * linear->scores + 1, sizeof *term->coefficient);
	term->center = mem_must(term->columns + 1, sizeof *term->center);
	linear->needs[term->input] = isnan(term->fill);
	if (!levels)
		return read_column(linear, json, term, 0);
	if (term->columns != input->level_count)
		return false;
	for (size_t l = 0; l < term->columns; l++) {
		const json_t *level = json_array_get(levels, l);

		if (strcmp(json_get_text(level, "level", ""), input->levels[l]) || !read_column(linear, level, term, l))
			return false;
	}
	return true;
}

static bool read_classes(struct linear *linear, const json_t *classes)
{
	if (!linear->classes)
		return classes == NULL;
	linear->class_count = json_array_size(classes);
	linear->codes = mem_must(linear->class_count + 1, sizeof *linear->codes);
	for (size_t k = 0; k < linear->class_count; k++) {
		json_int_t code = json_is_integer(json_array_get(classes, k)) ? json_integer_value(json_array_get(classes, k)) : -1;

		if (code < 0 || code >= (json_int_t)linear->classes)
			return false;
		linear->codes[k] = (size_t)code;
	}
	return linear->class_count >= 2 && linear->scores == (linear->class_count > 2 ? linear->class_count : 1);
}

static bool read_all(const struct saved_source *source, const json_t *json, struct linear *linear)
{
	const json_t *features = json_object_get(json, "features"), *intercept = json_object_get(json, "intercept");

	linear->input_count = source->input_count;
	linear->classes = source->classes;
	linear->scores = json_array_size(intercept);
	linear->intercept = mem_must(linear->scores + 1, sizeof *linear->intercept);
	linear->needs = mem_must(source->input_count + 1, sizeof *linear->needs);
	linear->terms = mem_must(json_array_size(features) + 1, sizeof *linear->terms);
	if (strcmp(json_get_text(json, "engine", ""), source->engine) || !linear->scores || !read_numbers(intercept, linear->scores, linear->intercept))
		return false;
	if (!read_classes(linear, json_object_get(json, "classes")) || (!linear->classes && linear->scores != source->outputs))
		return false;
	for (size_t f = 0; f < json_array_size(features); f++) {
		linear->term_count++;
		if (!read_term(source, linear, json_array_get(features, f), &linear->terms[f]))
			return false;
	}
	return true;
}

static int linear_read(const struct saved_source *source, void **state, struct orch_err *err)
{
	struct linear *linear = mem_must(1, sizeof *linear);
	json_t *json = NULL;
	int code = json_parse(source->text, source->length, source->where, &json, err);

	if (!code && !read_all(source, json, linear))
		code = saved_model_foreign(source, err);
	json_decref(json);
	if (code)
		linear_close(linear);
	else
		*state = linear;
	return code;
}

static bool linear_needs(const void *state, size_t input)
{
	return ((const struct linear *)state)->needs[input];
}

/* Adds what a term contributes to each score, stride apart. A category is 1 at its level and 0 elsewhere; the centers count for all of its columns. */
static void add_term(const struct linear *linear, const struct term *term, double value, double *score, size_t stride)
{
	if (isnan(value))
		value = term->fill;
	for (size_t c = 0; c < term->columns; c++) {
		double x = (term->one_hot ? value == (double)c : value) - term->center[c];

		for (size_t s = 0; s < linear->scores; s++)
			score[s * stride] += term->coefficient[c * linear->scores + s] * x;
	}
}

static void add_scores(const struct linear *linear, const double *values, double *score)
{
	memcpy(score, linear->intercept, linear->scores * sizeof *score);
	for (size_t t = 0; t < linear->term_count; t++)
		add_term(linear, &linear->terms[t], values[linear->terms[t].input], score, 1);
}

static void put_probabilities(const struct linear *linear, const double *score, size_t row, size_t rows, double *out)
{
	double most = score[0], sum = 0;

	for (unsigned k = 0; k < linear->classes; k++)
		out[k * rows + row] = 0;
	if (linear->scores == 1) {
		double less = exp(-fabs(score[0])), more = 1 / (1 + less);

		less *= more;
		out[linear->codes[0] * rows + row] = score[0] > 0 ? less : more;
		out[linear->codes[1] * rows + row] = score[0] > 0 ? more : less;
		return;
	}
	for (size_t k = 1; k < linear->scores; k++)
		most = score[k] > most ? score[k] : most;
	for (size_t k = 0; k < linear->scores; k++)
		sum += out[linear->codes[k] * rows + row] = exp(score[k] - most);
	for (size_t k = 0; k < linear->scores; k++)
		out[linear->codes[k] * rows + row] /= sum;
}

static int linear_predict(const void *state, const double *values, size_t rows, double *out, struct orch_err *err)
{
	const struct linear *linear = state;
	double *score = mem_must(linear->scores + 1, sizeof *score);

	(void)err;
	for (size_t i = 0; i < rows; i++) {
		add_scores(linear, values + i * linear->input_count, score);
		if (linear->classes)
			put_probabilities(linear, score, i, rows, out);
		for (size_t s = 0; s < linear->scores && !linear->classes; s++)
			out[s * rows + i] = score[s];
	}
	free(score);
	return 0;
}

static bool linear_scores(const void *state, struct saved_scores *out, size_t *classes)
{
	const struct linear *linear = state;

	*out = (struct saved_scores){linear->scores, !linear->classes ? SAVED_TARGET : linear->scores == 1 ? SAVED_LOG_ODDS : SAVED_SOFTMAX, "linear", 0};
	for (size_t t = 0; t < linear->term_count; t++)
		out->cost += 2 * (double)(linear->terms[t].columns * linear->scores);
	for (size_t s = 0; classes && linear->classes && s < linear->scores; s++)
		classes[s] = linear->codes[linear->scores == 1 ? 1 : s];
	return true;
}

static int linear_explain(const void *state, const double *values, size_t rows, double *out, double *base, struct orch_err *err)
{
	const struct linear *linear = state;

	(void)err;
	memset(out, 0, rows * linear->scores * linear->input_count * sizeof *out);
	memcpy(base, linear->intercept, linear->scores * sizeof *base);
	for (size_t i = 0; i < rows; i++)
		for (size_t t = 0; t < linear->term_count; t++)
			add_term(linear, &linear->terms[t], values[i * linear->input_count + linear->terms[t].input], out + i * linear->scores * linear->input_count + linear->terms[t].input,
			        linear->input_count);
	return 0;
}

#define LINEAR_FORMAT(engine) {engine, linear_read, linear_close, linear_needs, linear_predict, linear_scores, linear_explain}
const struct saved_format saved_ridge = LINEAR_FORMAT("ridge");
const struct saved_format saved_elasticnet = LINEAR_FORMAT("elasticnet");
const struct saved_format saved_logistic = LINEAR_FORMAT("logistic");
