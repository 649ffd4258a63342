/* The part of 07_diagnostics that says what each feature contributes to single predictions of the saved model: shap.json and shap.csv/.parquet.
 *
 * shap.json: rows, of ("holdout" or "training" rows), method ("tree_shap", "linear", "" where nothing can be said, then why is a sentence), scale (what the
 * values add up to), target, scores [{name, base}], total (features of the model), features [{name, kind, mean_abs, by_score}] by mean |value|, the first
 * FEATURES_SHOWN. Where there is one score a feature has `dots` too: value, shap: some of the rows, six digits (they are for drawing). A category without
 * order has no value.
 * The table has every feature: rank, feature, mean_abs_shap, share (of the sum over features).
 * Rows are those of the holdout where it is large enough, for the model has not seen them; else training rows. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "engines/features/spearman.h"
#include "engines/model/saved_model.h"
#include "orchestrator/stage.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/table_file.h"

#define ROWS_MOST 1000
#define ROWS_LEAST 20
#define HOLDOUT_LEAST 50
#define STEPS_MOST 1e10               /* of the reckoning in all: some twenty seconds */
#define VALUES_MOST ((size_t)2 << 20) /* cells of the rows asked for: 16 MiB */
#define BLOCK_MOST ((size_t)2 << 20)  /* contributions at a time: 16 MiB */
#define BLOCK_LEAST 16                /* rows: a tree is prepared once a block */
#define FEATURES_SHOWN 40
#define DOTS_SHOWN 20                 /* features with dots */
#define DOTS_MOST 200                 /* rows of them */

struct shap {
	const struct study *study;
	const struct saved_model *model;
	struct saved_scores scores;
	size_t *classes; /* whose score each is */
	size_t features, rows, stride; /* stride: every how many rows there is a dot */
	bool holdout;
	double *values, *mean_abs; /* rows x features; scores x features */
	double *dots, *base;       /* dots x features, where there is one score */
	size_t *order;             /* features by importance */
	double *importance;
};

static const char *scale_name(enum saved_scale scale)
{
	static const char *const names[] = {[SAVED_TARGET] = "target", [SAVED_PROBABILITY] = "probability", [SAVED_LOG_ODDS] = "log-odds", [SAVED_SOFTMAX] = "softmax score",
		[SAVED_LOG] = "logarithm"};

	return names[scale];
}

/* ---- rows ---- */

static size_t rows_wanted(const struct shap *shap)
{
	double most = STEPS_MOST / (shap->scores.cost + 1), cells = (double)VALUES_MOST / (double)(shap->features + 1);

	most = most < cells ? most : cells;
	return most >= ROWS_MOST ? ROWS_MOST : most <= ROWS_LEAST ? ROWS_LEAST : (size_t)most;
}

static size_t pick(const struct study *study, bool holdout, uint32_t *rows)
{
	size_t count = 0;

	for (size_t i = 0; i < study->frame->rows; i++) {
		uint8_t fold = study->split->fold[i];

		if (holdout ? fold == SPLIT_HOLDOUT : fold != SPLIT_HOLDOUT && fold != SPLIT_UNUSED)
			rows[count++] = (uint32_t)i;
	}
	return count;
}

/* Rows chosen by a hash; those that lack what the model cannot do without are left out. */
static void take_rows(struct shap *shap)
{
	const struct study *study = shap->study;
	uint32_t *rows = mem_must(study->frame->rows + 1, sizeof *rows);
	size_t count = pick(study, true, rows);

	shap->holdout = count >= HOLDOUT_LEAST;
	if (!shap->holdout)
		count = pick(study, false, rows);
	count = spearman_sample(rows, count, rows_wanted(shap), address_text(study->spec->seed, "shap rows"));
	shap->values = mem_must(count * shap->features + 1, sizeof *shap->values);
	for (size_t i = 0; i < count; i++) {
		double *row = shap->values + shap->rows * shap->features;
		bool whole = true;

		for (size_t f = 0; f < shap->features; f++) {
			row[f] = column_value(study->features[f], rows[i]);
			if (study->features[f]->kind == COLUMN_CATEGORY && row[f] < 0)
				row[f] = NAN;
			whole = whole && (isfinite(row[f]) || !saved_model_needs(shap->model, f));
		}
		shap->rows += whole;
	}
	shap->stride = (shap->rows + DOTS_MOST - 1) / DOTS_MOST;
	free(rows);
}

/* ---- contributions ---- */

static void take_block(struct shap *shap, const double *phi, size_t first, size_t count)
{
	size_t scores = shap->scores.count, features = shap->features;

	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < scores * features; k++)
			shap->mean_abs[k] += fabs(phi[i * scores * features + k]) / (double)shap->rows;
		if (shap->dots && (first + i) % shap->stride == 0)
			memcpy(shap->dots + (first + i) / shap->stride * features, phi + i * features, features * sizeof *phi);
	}
}

static int by_importance(const void *a, const void *b, void *data)
{
	const double *importance = data, x = importance[*(const size_t *)a], y = importance[*(const size_t *)b];

	return x != y ? (x < y) - (x > y) : (*(const size_t *)a > *(const size_t *)b) - (*(const size_t *)a < *(const size_t *)b);
}

/* Importance of a feature: mean |contribution|, the mean over the scores where there are several. */
static void rank(struct shap *shap)
{
	for (size_t f = 0; f < shap->features; f++) {
		for (size_t s = 0; s < shap->scores.count; s++)
			shap->importance[f] += shap->mean_abs[s * shap->features + f] / (double)shap->scores.count;
		shap->order[f] = f;
	}
	qsort_r(shap->order, shap->features, sizeof *shap->order, by_importance, shap->importance);
}

static int reckon(struct shap *shap, struct orch_err *err)
{
	size_t cells = shap->scores.count * shap->features, block = BLOCK_MOST / (cells + 1);
	double *phi;
	int code = 0;

	block = block < BLOCK_LEAST ? BLOCK_LEAST : block > shap->rows ? shap->rows : block;
	phi = mem_array(block * cells + 1, sizeof *phi);
	if (!phi)
		return orch_fail(err, ORCH_ENOMEM, "no memory for the contributions of %zu features", shap->features);
	for (size_t first = 0; first < shap->rows && !code; first += block) {
		size_t count = shap->rows - first < block ? shap->rows - first : block;

		code = saved_model_explain(shap->model, shap->values + first * shap->features, count, phi, shap->base, err);
		if (!code)
			take_block(shap, phi, first, count);
	}
	free(phi);
	return code;
}

/* ---- what is written ---- */

/* Six digits are enough to be drawn. */
static json_t *short_number(double value)
{
	char text[32];

	snprintf(text, sizeof text, "%.6g", value);
	return json_number_or_null(strtod(text, NULL));
}

static const char *kind_of(const struct column *column)
{
	return column->kind == COLUMN_CATEGORY ? column->ordered ? "ordered" : "category" : column->kind == COLUMN_BOOL ? "bool" : "number";
}

static json_t *pack_dots(const struct shap *shap, size_t feature)
{
	bool codes = !strcmp(kind_of(shap->study->features[feature]), "category");
	json_t *value = json_array(), *own = json_array();

	for (size_t i = 0; i * shap->stride < shap->rows; i++) {
		json_array_append_new(value, codes ? json_null() : short_number(shap->values[i * shap->stride * shap->features + feature]));
		json_array_append_new(own, short_number(shap->dots[i * shap->features + feature]));
	}
	return json_pack("{s:o, s:o}", "value", value, "shap", own);
}

static json_t *pack_feature(const struct shap *shap, size_t at)
{
	size_t f = shap->order[at];
	json_t *out = json_pack("{s:s, s:s, s:o}", "name", shap->study->features[f]->name, "kind", kind_of(shap->study->features[f]), "mean_abs", json_number_or_null(shap->importance[f]));

	if (shap->scores.count > 1) {
		json_t *parts = json_array();

		for (size_t s = 0; s < shap->scores.count; s++)
			json_array_append_new(parts, json_number_or_null(shap->mean_abs[s * shap->features + f]));
		json_object_set_new(out, "by_score", parts);
	}
	if (shap->dots && at < DOTS_SHOWN)
		json_object_set_new(out, "dots", pack_dots(shap, f));
	return out;
}

static json_t *pack_scores(const struct shap *shap)
{
	const struct study *study = shap->study;
	json_t *out = json_array();

	for (size_t s = 0; s < shap->scores.count; s++) {
		const char *name = study->task == ENGINE_CLASSIFICATION ? study->class_names[shap->classes[s]] : study->angle ? s ? "cosine" : "sine" : study->target_names[s];

		json_array_append_new(out, json_pack("{s:s, s:o}", "name", name, "base", json_number_or_null(shap->base[s])));
	}
	return out;
}

static json_t *pack(const struct shap *shap)
{
	json_t *features = json_array();

	for (size_t at = 0; at < shap->features && at < FEATURES_SHOWN; at++)
		json_array_append_new(features, pack_feature(shap, at));
	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:o, s:I, s:o}", "rows", (json_int_t)shap->rows, "of", shap->holdout ? "holdout" : "training", "method", shap->scores.method, "scale",
	        scale_name(shap->scores.scale), "target", shap->study->target_names[0], "scores", pack_scores(shap), "total", (json_int_t)shap->features, "features", features);
}

static json_t *pack_nothing(const char *why)
{
	return json_pack("{s:i, s:s, s:s, s:[], s:[]}", "rows", 0, "method", "", "why", why, "scores", "features");
}

static int put_table(const struct stage_context *context, const struct shap *shap, struct orch_err *err)
{
	static const struct table_column columns[] = {{"rank", TABLE_INT32}, {"feature", TABLE_TEXT}, {"mean_abs_shap", TABLE_DOUBLE}, {"share", TABLE_DOUBLE}};
	char *csv = stage_part_path(context, "shap.csv", err), *parquet = csv ? stage_part_path(context, "shap.parquet", err) : NULL;
	struct table_file *table = NULL;
	double sum = 0;
	int code = parquet ? table_file_begin(parquet, csv, columns, sizeof columns / sizeof *columns, &table, err) : ORCH_EIO;

	free(csv);
	free(parquet);
	if (code)
		return code;
	for (size_t f = 0; f < shap->features; f++)
		sum += shap->importance[f];
	for (size_t at = 0; at < shap->features; at++) {
		size_t f = shap->order[at];

		table_file_int(table, (int64_t)at + 1);
		table_file_text(table, shap->study->features[f]->name);
		table_file_double(table, shap->importance[f]);
		table_file_double(table, sum > 0 ? shap->importance[f] / sum : NAN);
		table_file_end_row(table);
	}
	return table_file_commit(&table, err);
}

static int put_json(const struct stage_context *context, const json_t *value, struct orch_err *err)
{
	char *path = stage_part_path(context, "shap.json", err), *text;
	int code;

	if (!path)
		return ORCH_EIO;
	text = json_text(value, JSON_STYLE_LINE);
	code = file_write_new(path, text, strlen(text), err);
	free(path);
	free(text);
	return code;
}

static int explain(const struct stage_context *context, struct shap *shap, struct orch_err *err)
{
	size_t cells = shap->features * shap->scores.count;
	json_t *out;
	int code;

	shap->mean_abs = mem_must(cells + 1, sizeof *shap->mean_abs);
	shap->base = mem_must(shap->scores.count + 1, sizeof *shap->base);
	shap->importance = mem_must(shap->features + 1, sizeof *shap->importance);
	shap->order = mem_must(shap->features + 1, sizeof *shap->order);
	if (shap->scores.count == 1)
		shap->dots = mem_must((DOTS_MOST + 1) * shap->features + 1, sizeof *shap->dots);
	code = reckon(shap, err);
	if (code)
		return code;
	rank(shap);
	out = pack(shap);
	code = put_json(context, out, err);
	json_decref(out);
	return code ? code : put_table(context, shap, err);
}

int stage_shap_write(const struct stage_context *context, const char *engine, const struct saved_model *model, struct orch_err *err)
{
	const struct study *study = context->study;
	struct shap shap = {.study = study, .model = model, .features = study->feature_count, .classes = mem_must(study->classes + 1, sizeof *shap.classes)};
	bool known = model && saved_model_scores(model, &shap.scores, shap.classes);
	char *why = NULL;
	int code = 0;

	if (!model)
		why = text_format("the engine \"%s\" saves no model that orch can ask, so nothing is known of what features contribute to single predictions", engine);
	else if (!known)
		why = mem_text("the saved forest lacks the weights of its leaves: an earlier version of orch wrote it");
	if (known) {
		take_rows(&shap);
		if (!shap.rows)
			why = mem_text("every row that was looked at lacks a value that the model cannot do without");
	}
	if (why) {
		json_t *out = pack_nothing(why);

		code = put_json(context, out, err);
		json_decref(out);
	} else {
		code = explain(context, &shap, err);
	}
	free(why);
	free(shap.classes);
	free(shap.values);
	free(shap.mean_abs);
	free(shap.dots);
	free(shap.base);
	free(shap.order);
	free(shap.importance);
	return code;
}
