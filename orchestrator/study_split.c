/* The parts of a study that are made before there is one: what to prepare, and the folds. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/study.h"
#include "storage/base/hash.h"
#include "storage/base/json.h"

static void add_texts(json_t *object, const char *key, const char *const *items, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_string_nocheck(items[i]));
	json_object_set_new(object, key, array);
}

static void add_text(json_t *object, const char *key, const char *text)
{
	if (text)
		json_object_set_new_nocheck(object, key, json_string_nocheck(text));
}

static void add_target(json_t *object, const struct spec_data *data)
{
	json_t *angle;

	if (!data->has_angle) {
		add_texts(object, "targets", data->targets, data->target_count);
		return;
	}
	angle = json_object();
	add_text(angle, "column", data->angle.column);
	add_text(angle, "sine", data->angle.sine);
	add_text(angle, "cosine", data->angle.cosine);
	json_object_set_new(object, "angle", angle);
}

static void add_split_columns(json_t *object, const struct spec_split *split)
{
	json_t *columns = json_array(), *strata = json_array();

	if (split->by)
		json_array_append_new(columns, json_string_nocheck(split->by));
	if (split->holdout_column)
		json_array_append_new(columns, json_string_nocheck(split->holdout_column));
	for (size_t i = 0; i < split->stratify_count; i++)
		json_array_append_new(strata, json_string_nocheck(split->stratify[i].column));
	json_object_set_new(object, "split_columns", columns);
	json_object_set_new(object, "strata_columns", strata);
}

/* The metric's family decides the task where the user left it open. */
static const char *task_text(const struct spec *spec)
{
	const struct metric *metric = spec->metric ? metric_find(spec->metric) : NULL;

	if (spec->data.task == SPEC_TASK_REGRESSION || spec->data.has_angle)
		return "regression";
	if (spec->data.task == SPEC_TASK_CLASSIFICATION)
		return "classification";
	if (metric)
		return metric->family == METRIC_CLASSIFICATION ? "classification" : "regression";
	return "auto";
}

json_t *study_preparation(const struct spec *spec)
{
	static const char *const missing[] = {"keep", "mean", "median", "drop", "error"};
	const struct spec_data *data = &spec->data;
	json_t *object = json_object(), *named = json_object();

	add_text(object, "source_path", data->source_path);
	add_text(object, "sql", data->sql);
	add_text(object, "base", spec->base);
	add_target(object, data);
	add_text(object, "task", task_text(spec));
	add_text(object, "id", data->id);
	add_text(object, "weight", data->weight);
	add_texts(object, "exclude", data->exclude, data->exclude_count);
	for (size_t i = 0; i < data->feature_count; i++)
		json_object_set_new_nocheck(named, data->features[i].name, json_string_nocheck(data->features[i].text));
	json_object_set_new(object, "features", named);
	named = json_object();
	for (size_t i = 0; i < data->category_count; i++)
		add_texts(named, data->categories[i].name, data->categories[i].items, data->categories[i].count);
	json_object_set_new(object, "categories", named);
	add_text(object, "missing", missing[data->missing]);
	add_split_columns(object, &spec->split);
	return object;
}

/* ---- the split ---- */

/* Dense codes of any column: distinct values in ascending order. */
static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static uint32_t *dense_codes(const double *values, size_t rows, size_t *count)
{
	double *sorted = mem_array(rows + 1, sizeof *sorted);
	uint32_t *codes = mem_array(rows + 1, sizeof *codes);
	size_t distinct = 0;

	if (!sorted || !codes) {
		free(sorted);
		free(codes);
		return NULL;
	}
	memcpy(sorted, values, rows * sizeof *sorted);
	qsort(sorted, rows, sizeof *sorted, compare_doubles);
	for (size_t i = 0; i < rows; i++)
		if (!i || sorted[i] != sorted[distinct - 1])
			sorted[distinct++] = sorted[i];
	for (size_t i = 0; i < rows; i++) {
		const double *found = bsearch(&values[i], sorted, distinct, sizeof *sorted, compare_doubles);

		codes[i] = found ? (uint32_t)(found - sorted) : 0;
	}
	*count = distinct;
	free(sorted);
	return codes;
}

struct split_columns { /* what the request points to */
	double *values;
	uint32_t *stratum, *group;
	uint8_t *holdout;
};

static int column_values(const struct frame *frame, const char *name, const char *key, double **values, struct orch_err *err)
{
	const struct column *column = frame_column(frame, name);

	if (!column)
		return orch_fail(err, ORCH_EINPUT, "%s names the column \"%s\", which the data does not have", key, name);
	if (!(*values = mem_array(frame->rows + 1, sizeof **values)))
		return orch_fail(err, ORCH_ENOMEM, "no memory for column \"%s\"", name);
	column_gather(column, NULL, frame->rows, *values);
	return 0;
}

static int refuse_missing(const double *values, size_t rows, const char *key, const char *name, struct orch_err *err)
{
	for (size_t i = 0; i < rows; i++)
		if (isnan(values[i]))
			return orch_fail(err, ORCH_EINPUT, "%s: column \"%s\" is missing in row %zu; every row needs a value there", key, name, i);
	return 0;
}

static int fill_strata(const struct spec_split *spec, const struct frame *frame, struct split_columns *columns, struct orch_err *err)
{
	if (!spec->stratify_count)
		return 0;
	if (!(columns->stratum = mem_array(frame->rows + 1, sizeof *columns->stratum)))
		return orch_fail(err, ORCH_ENOMEM, "no memory for strata");
	for (size_t i = 0; i < spec->stratify_count; i++) {
		const struct column *column = frame_column(frame, spec->stratify[i].column);
		double *values = NULL;
		unsigned bins;
		int code = column_values(frame, spec->stratify[i].column, "split.stratify", &values, err);

		if (code)
			return code;
		bins = column->kind == COLUMN_NUMBER ? spec->stratify[i].bins ? spec->stratify[i].bins : 10 : 0;
		split_strata_cross(columns->stratum, frame->rows, values, bins);
		free(values);
	}
	return 0;
}

static int fill_by(const struct spec_split *spec, const struct frame *frame, struct split_columns *columns, struct split_request *request,
        struct orch_err *err)
{
	int code;

	if (spec->kind == SPEC_FOLDS_KFOLD)
		return 0;
	code = column_values(frame, spec->by, "split.folds.by", &columns->values, err);
	if (!code && spec->kind != SPEC_FOLDS_COLUMN)
		code = refuse_missing(columns->values, frame->rows, "split.folds.by", spec->by, err);
	if (code)
		return code;
	if (spec->kind == SPEC_FOLDS_GROUP) {
		request->group = columns->group = dense_codes(columns->values, frame->rows, &request->group_count);
		return columns->group ? 0 : orch_fail(err, ORCH_ENOMEM, "no memory for groups");
	}
	if (spec->kind == SPEC_FOLDS_TIME)
		request->order = columns->values;
	else
		request->fold_column = columns->values;
	return 0;
}

static int fill_holdout(const struct spec_split *spec, const struct frame *frame, struct split_columns *columns, struct orch_err *err)
{
	double *values = NULL;
	int code;

	if (!spec->holdout_column)
		return 0;
	if (frame_column(frame, spec->holdout_column) && frame_column(frame, spec->holdout_column)->kind == COLUMN_CATEGORY)
		return orch_fail(err, ORCH_EINPUT, "split.holdout.column: \"%s\" holds text; it must hold 0/1 or false/true (derive such a column in data.features)", spec->holdout_column);
	code = column_values(frame, spec->holdout_column, "split.holdout.column", &values, err);
	if (!code)
		code = refuse_missing(values, frame->rows, "split.holdout.column", spec->holdout_column, err);
	if (!code && !(columns->holdout = mem_array(frame->rows + 1, 1)))
		code = orch_fail(err, ORCH_ENOMEM, "no memory for the holdout");
	for (size_t i = 0; i < frame->rows && !code; i++) {
		if (values[i] != 0 && values[i] != 1)
			code = orch_fail(err, ORCH_EINPUT, "split.holdout.column: \"%s\" must hold 0/1 or false/true; row %zu does not", spec->holdout_column, i);
		else
			columns->holdout[i] = values[i] != 0;
	}
	free(values);
	return code;
}

int study_split(const struct spec *spec, const struct frame *frame, struct split **out, struct orch_err *err)
{
	static const enum split_kind kinds[] = {SPLIT_KFOLD, SPLIT_GROUP, SPLIT_TIME, SPLIT_COLUMN};
	const struct spec_split *split = &spec->split;
	struct split_columns columns = {0};
	struct split_request request = {.rows = frame->rows, .seed = spec->seed, .kind = kinds[split->kind], .k = split->k, .repeats = split->repeats,
	        .shuffle = split->shuffle, .holdout_fraction = split->holdout, .window = split->window, .gap = split->gap};
	int code = fill_strata(split, frame, &columns, err);

	if (!code)
		code = fill_by(split, frame, &columns, &request, err);
	if (!code)
		code = fill_holdout(split, frame, &columns, err);
	request.stratum = columns.stratum;
	request.holdout_flag = columns.holdout;
	if (!code)
		code = split_build(&request, out, err);
	free(columns.values);
	free(columns.stratum);
	free(columns.group);
	free(columns.holdout);
	return code;
}

void study_split_key(const struct spec *spec, const char *frame_hash, char out[65])
{
	char *section = json_text(json_object_get(spec->resolved, "split"), JSON_STYLE_CANONICAL), seed[32];
	struct hash hash;

	snprintf(seed, sizeof seed, "%llu", (unsigned long long)spec->seed);
	hash_begin(&hash);
	hash_add_text(&hash, "orch folds v1");
	hash_add_text(&hash, frame_hash);
	hash_add_text(&hash, section);
	hash_add_text(&hash, seed);
	hash_end_hex(&hash, out);
	free(section);
}
