/* 07_diagnostics: what plots and tables show beyond scores, computed once. Four parts that need nothing of each other and run beside LOFO:
 * predictions.json from the stored out-of-fold predictions, search.json from the trials, data.json from the columns, effects.json and shap.json from the
 * model. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "engines/diagnostics/bootstrap.h"
#include "engines/diagnostics/diagnostics.h"
#include "engines/features/spearman.h"
#include "orchestrator/search.h"
#include "orchestrator/stage.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/duckdb_adapter.h"

#define CELLS_MOST ((size_t)8 << 20)  /* doubles held of the columns: 64 MiB */
#define ROWS_MOST ((size_t)200000)    /* of a look at the data; more rows are sampled */
#define CORRELATIONS_SHOWN 60

enum { PART_PREDICTIONS, PART_SEARCH, PART_DATA, PART_EFFECTS, PART_COUNT };

static unsigned count(void)
{
	return PART_COUNT;
}

static unsigned after(unsigned part)
{
	return part == PART_PREDICTIONS || part == PART_EFFECTS ? 1u << STAGE_BASELINE : part == PART_SEARCH ? 1u << STAGE_HPO : 1u << STAGE_DATASET;
}

const struct stage_parts stage_diagnostics_parts = {count, after};

static int put_json(const struct stage_context *context, const char *name, const json_t *value, struct orch_err *err)
{
	char *path = stage_part_path(context, name, err), *text;
	int code;

	if (!path)
		return ORCH_EIO;
	text = json_text(value, JSON_STYLE_LINE);
	code = file_write_new(path, text, strlen(text), err);
	free(path);
	free(text);
	return code;
}

/* ---- predictions ---- */

struct predictions {
	size_t count, capacity;
	double *row, *fold, *truth, *prediction;
	double *probability; /* capacity x classes while reading: row by row; transposed at the end */
};

static bool grow(struct predictions *all, unsigned classes)
{
	size_t capacity = all->capacity ? 2 * all->capacity : 4096;
	double **columns[] = {&all->row, &all->fold, &all->truth, &all->prediction};

	for (size_t i = 0; i < 4; i++) {
		double *grown = mem_array_grow(*columns[i], capacity, sizeof *grown);

		if (!grown)
			return false;
		*columns[i] = grown;
	}
	if (classes) {
		double *grown = mem_array_grow(all->probability, capacity * classes, sizeof *grown);

		if (!grown)
			return false;
		all->probability = grown;
	}
	all->capacity = capacity;
	return true;
}

static double class_code(const struct study *study, const struct duck_rows *rows, size_t column, size_t row)
{
	size_t length;
	const char *text = duck_text(rows, column, row, &length);

	for (unsigned c = 0; c < study->classes; c++)
		if (strlen(study->class_names[c]) == length && !memcmp(study->class_names[c], text, length))
			return c;
	return NAN;
}

static char *predictions_query(const struct stage_context *context, bool holdout)
{
	const struct study *study = context->study;
	char *path = text_format("%s/%s/predictions.parquet", context->work, stage_table[STAGE_BASELINE].name), *name;
	const char *target = study->target_count > 1 ? study->target_names[0] : NULL;
	struct text_buf sql = {0};

	text_add(&sql, "SELECT CAST(\"row\" AS BIGINT), CAST(\"fold\" AS BIGINT)");
	for (int i = 0; i < 2; i++) {
		const char *what = i ? "prediction" : "truth";

		name = target ? text_format("%s_%.250s", what, target) : text_format("%s", what);
		text_add(&sql, study->task == ENGINE_CLASSIFICATION ? ", CAST(" : ", CAST(");
		duck_add_name(&sql, name);
		text_add(&sql, study->task == ENGINE_CLASSIFICATION ? " AS VARCHAR)" : " AS DOUBLE)");
		free(name);
	}
	for (unsigned c = 0; c < study->classes; c++) {
		name = text_format("prob_%.250s", study->class_names[c]);
		text_add(&sql, ", CAST(");
		duck_add_name(&sql, name);
		text_add(&sql, " AS DOUBLE)");
		free(name);
	}
	text_add(&sql, " FROM read_parquet(");
	duck_add_path(&sql, path);
	text_add(&sql, holdout ? ") WHERE \"fold\" < 0" : ") WHERE \"fold\" >= 0 AND \"repeat\" = 0");
	free(path);
	return text_take(&sql);
}

static int take_chunk(const struct study *study, const struct duck_rows *rows, size_t chunk, struct predictions *all, struct orch_err *err)
{
	bool classes = study->task == ENGINE_CLASSIFICATION;

	for (size_t i = 0; i < chunk; i++) {
		double truth = classes ? class_code(study, rows, 2, i) : duck_is_missing(rows, 2, i) ? NAN : duck_double(rows, 2, i);
		double prediction = classes ? class_code(study, rows, 3, i) : duck_is_missing(rows, 3, i) ? NAN : duck_double(rows, 3, i);

		if (!isfinite(truth) || !isfinite(prediction))
			continue;
		if (all->count == all->capacity && !grow(all, study->classes))
			return orch_fail(err, ORCH_ENOMEM, "no memory for the predictions of %zu rows", all->count);
		all->row[all->count] = (double)duck_int(rows, 0, i);
		all->fold[all->count] = (double)duck_int(rows, 1, i);
		all->truth[all->count] = truth;
		all->prediction[all->count] = prediction;
		for (unsigned c = 0; c < study->classes; c++)
			all->probability[all->count * study->classes + c] = duck_double(rows, 4 + c, i);
		all->count++;
	}
	return 0;
}

static int transpose(struct predictions *all, unsigned classes, struct orch_err *err)
{
	double *columns;

	if (!classes || !all->count)
		return 0;
	columns = mem_array(all->count * classes, sizeof *columns);
	if (!columns)
		return orch_fail(err, ORCH_ENOMEM, "no memory for the predictions of %zu rows", all->count);
	for (size_t i = 0; i < all->count; i++)
		for (unsigned c = 0; c < classes; c++)
			columns[c * all->count + i] = all->probability[i * classes + c];
	free(all->probability);
	all->probability = columns;
	return 0;
}

static int read_predictions(const struct stage_context *context, bool holdout, struct predictions *out, struct orch_err *err)
{
	struct duck_options options = {.threads = 1};
	char *sql = predictions_query(context, holdout);
	struct duck *duck = NULL;
	struct duck_rows *rows = NULL;
	size_t chunk = 0;
	int code = duck_open(&options, &duck, err);

	if (!code)
		code = duck_query(duck, sql, &rows, err);
	while (!code && !(code = duck_next(rows, &chunk, err)) && chunk)
		code = take_chunk(context->study, rows, chunk, out, err);
	duck_end(rows);
	duck_close(duck);
	free(sql);
	return code ? code : transpose(out, context->study->classes, err);
}

static void release_predictions(struct predictions *all)
{
	free(all->row);
	free(all->fold);
	free(all->truth);
	free(all->prediction);
	free(all->probability);
}

/* ---- columns ---- */

struct columns {
	struct diagnose_column *list;
	size_t count;
	struct arena arena;
};

/* Values of the frame's rows; a category with levels, everything else as numbers. */
static int take_column(struct columns *columns, const struct column *column, const uint32_t *rows, size_t row_count, struct orch_err *err)
{
	double *values = arena_alloc(&columns->arena, row_count + 1, sizeof *values);

	if (!values)
		return orch_fail(err, ORCH_ENOMEM, "no memory to look at column %s", column->name);
	column_gather(column, rows, row_count, values);
	for (size_t i = 0; i < row_count && column->kind == COLUMN_CATEGORY; i++)
		if (values[i] < 0)
			values[i] = NAN;
	columns->list[columns->count++] = (struct diagnose_column){.name = column->name, .values = values,
	        .levels = column->kind == COLUMN_CATEGORY ? column->levels : NULL, .level_count = column->kind == COLUMN_CATEGORY ? column->level_count : 0};
	return 0;
}

static int take_features(const struct study *study, const uint32_t *rows, size_t row_count, struct columns *columns, struct orch_err *err)
{
	size_t most = row_count ? CELLS_MOST / row_count : 0;
	int code = 0;

	columns->list = mem_must(study->feature_count + 2, sizeof *columns->list);
	for (size_t f = 0; f < study->feature_count && f < (most > 4 ? most : 4) && !code; f++)
		code = take_column(columns, study->features[f], rows, row_count, err);
	return code;
}

static void release_columns(struct columns *columns)
{
	free(columns->list);
	arena_release(&columns->arena);
}

/* Places in the frame of rows named by their number in the source. */
static uint32_t *frame_rows(const struct study *study, const double *numbers, size_t row_count)
{
	const struct column *source = frame_column(study->frame, "__row");
	size_t most = source && isfinite(source->maximum) ? (size_t)source->maximum + 1 : study->frame->rows;
	uint32_t *place = source ? mem_must(most + 1, sizeof *place) : NULL, *out = mem_must(row_count + 1, sizeof *out);

	for (size_t i = 0; source && i < study->frame->rows; i++)
		place[(size_t)column_value(source, i)] = (uint32_t)i;
	for (size_t i = 0; i < row_count; i++) {
		size_t number = (size_t)numbers[i];

		out[i] = source ? number < most ? place[number] : 0 : (uint32_t)number;
	}
	free(place);
	return out;
}

static int group_column(const struct study *study, const uint32_t *rows, size_t row_count, struct columns *columns, bool *found, struct orch_err *err)
{
	const char *by = study->spec->split.kind == SPEC_FOLDS_GROUP ? study->spec->split.by : NULL;
	const struct column *column = by ? frame_column(study->frame, by) : NULL;

	*found = column != NULL;
	return column ? take_column(columns, column, rows, row_count, err) : 0;
}

static int holdout_intervals(const struct stage_context *context, json_t *out, struct orch_err *err)
{
	const struct study *study = context->study;
	const struct metric *metrics[64];
	struct predictions held = {0};
	size_t n = 0;
	int code;

	if (!study->holdout_rows || study->target_count > 1)
		return 0;
	code = read_predictions(context, true, &held, err);
	for (size_t m = 0; metric_table[m] && n < 63; m++)
		if (study_metric_fits(study, metric_table[m]))
			metrics[n++] = metric_table[m];
	metrics[n] = NULL;
	if (!code && held.count) {
		struct metric_input in = {.n = held.count, .outputs = 1, .truth = held.truth, .prediction = held.prediction, .classes = study->classes, .probability = held.probability};

		json_object_set_new(out, "holdout", bootstrap_metrics(metrics, &in, study->spec->seed));
		json_object_set_new(out, "holdout_rows", json_integer((json_int_t)held.count));
	}
	release_predictions(&held);
	return code;
}

static json_t *diagnose(const struct study *study, const struct predictions *all, const struct columns *columns, size_t features, bool grouped)
{
	if (study->task == ENGINE_CLASSIFICATION) {
		struct diagnose_classes in = {.count = all->count, .classes = study->classes, .names = study->class_names, .truth = all->truth, .prediction = all->prediction,
		        .probability = all->probability, .row = all->row, .fold = all->fold, .columns = columns->list, .column_count = features};

		return diagnose_classes(&in);
	} else {
		struct diagnose_regression in = {.count = all->count, .truth = all->truth, .prediction = all->prediction, .row = all->row, .fold = all->fold, .columns = columns->list,
		        .column_count = features, .group = grouped ? &columns->list[features] : NULL, .circular = study->angle};

		return diagnose_regression(&in);
	}
}

static int write_predictions(const struct stage_context *context, struct orch_err *err)
{
	const struct study *study = context->study;
	const char *kind = study->task == ENGINE_CLASSIFICATION ? "classification" : study->angle ? "angle" : "regression";
	struct predictions all = {0};
	struct columns columns = {0};
	uint32_t *rows = NULL;
	json_t *out = NULL;
	bool grouped = false;
	size_t features = 0;
	int code = read_predictions(context, false, &all, err);

	if (!code) {
		rows = frame_rows(study, all.row, all.count);
		code = take_features(study, rows, all.count, &columns, err);
		features = columns.count;
	}
	if (!code)
		code = group_column(study, rows, all.count, &columns, &grouped, err);
	if (!code) {
		out = all.count ? diagnose(study, &all, &columns, features, grouped) : json_object();
		json_object_set_new(out, "kind", json_string(kind));
		json_object_set_new(out, "target", json_string_nocheck(study->target_names[0]));
		code = holdout_intervals(context, out, err);
	}
	if (!code)
		code = put_json(context, "predictions.json", out, err);
	release_predictions(&all);
	release_columns(&columns);
	free(rows);
	json_decref(out);
	return code;
}

/* ---- the search ---- */

struct trials {
	struct search *search;
	const struct spec_hpo *hpo;
	size_t count, capacity;
	double *score;
	double **values; /* by axis */
};

static double value_of(const struct spec_axis *axis, const json_t *params)
{
	const json_t *value = json_object_get(params, axis->name);

	if (!value)
		return NAN;
	if (axis->kind != SPEC_AXIS_CHOICE)
		return json_is_number(value) ? json_number_value(value) : NAN;
	for (size_t c = 0; c < axis->choice_count; c++)
		if (json_equal(value, axis->choices[c]))
			return (double)c;
	return NAN;
}

static int take_trial(void *data, const struct ledger_trial *trial, struct orch_err *err)
{
	struct trials *trials = data;
	json_t *params = NULL;
	int code;

	if (trial->state != LEDGER_DONE)
		return 0;
	code = search_searched(trials->search, (uint64_t)trial->trial, &params, err);
	if (code)
		return code;
	if (trials->count == trials->capacity) {
		trials->capacity = trials->capacity ? 2 * trials->capacity : 256;
		trials->score = mem_array_grow(trials->score, trials->capacity, sizeof(double));
		for (size_t a = 0; a < trials->hpo->axis_count; a++)
			trials->values[a] = mem_array_grow(trials->values[a], trials->capacity, sizeof(double));
	}
	trials->score[trials->count] = trial->mean;
	for (size_t a = 0; a < trials->hpo->axis_count; a++)
		trials->values[a][trials->count] = value_of(&trials->hpo->space[a], params);
	trials->count++;
	json_decref(params);
	return 0;
}

static int write_search(const struct stage_context *context, struct orch_err *err)
{
	const struct spec_hpo *hpo = &context->study->spec->hpo;
	struct trials trials = {.hpo = hpo, .values = mem_must(hpo->axis_count + 1, sizeof(double *))};
	struct diagnose_axis *axes = mem_must(hpo->axis_count + 1, sizeof *axes);
	json_t *out = json_object(), *kinds = json_array();
	struct search_source source = {context->ledger, context->study->folds, context->study->metric->maximise};
	int code = search_open(context->study->spec, context->round, &source, &trials.search, err);

	if (!code)
		code = ledger_each_trial(context->ledger, context->round, take_trial, &trials, err);
	for (size_t a = 0; a < hpo->axis_count; a++) {
		axes[a] = (struct diagnose_axis){.name = hpo->space[a].name, .values = trials.values[a], .list = hpo->space[a].kind == SPEC_AXIS_CHOICE, .log = hpo->space[a].log};
		json_array_append_new(kinds, json_pack("{s:s, s:b, s:b}", "name", axes[a].name, "list", axes[a].list, "log", axes[a].log));
	}
	if (!code) {
		json_object_set_new(out, "metric", json_string(context->study->metric->name));
		json_object_set_new(out, "maximise", json_boolean(context->study->metric->maximise));
		json_object_set_new(out, "axes", json_incref(kinds));
		json_object_set_new(out, "importance", diagnose_importance(axes, hpo->axis_count, trials.score, trials.count, context->study->spec->seed));
		code = put_json(context, "search.json", out, err);
	}
	for (size_t a = 0; a < hpo->axis_count; a++)
		free(trials.values[a]);
	free(trials.values);
	free(trials.score);
	free(axes);
	search_close(trials.search);
	json_decref(kinds);
	json_decref(out);
	return code;
}

/* ---- the data ---- */

/* The most correlated features (all when there are few), their matrix in an order that puts like beside like. */
static json_t *pack_correlations(const struct study *study, const double *rho)
{
	size_t n = study->feature_count, shown = 0;
	double *strength = mem_must(n + 1, sizeof *strength), *part, limit = -1;
	size_t *kept = mem_must(n + 1, sizeof *kept), *order;
	json_t *names = json_array(), *matrix = json_array();

	for (size_t i = 0; i < n; i++) {
		strength[i] = -1;
		for (size_t j = 0; j < n; j++)
			if (i != j && fabs(rho[i * n + j]) > strength[i])
				strength[i] = fabs(rho[i * n + j]);
	}
	if (n > CORRELATIONS_SHOWN) {
		double *sorted = mem_must(n, sizeof *sorted);

		memcpy(sorted, strength, n * sizeof *sorted);
		diagnose_sort(sorted, n);
		limit = sorted[n - CORRELATIONS_SHOWN];
		free(sorted);
	}
	for (size_t i = 0; i < n && shown < CORRELATIONS_SHOWN; i++)
		if (strength[i] >= 0 && strength[i] >= limit)
			kept[shown++] = i;
	part = mem_must(shown * shown + 1, sizeof *part);
	order = mem_must(shown + 1, sizeof *order);
	for (size_t i = 0; i < shown; i++)
		for (size_t j = 0; j < shown; j++)
			part[i * shown + j] = rho[kept[i] * n + kept[j]];
	diagnose_order(part, shown, order);
	for (size_t i = 0; i < shown; i++) {
		json_t *row = json_array();

		json_array_append_new(names, json_string_nocheck(study->features[kept[order[i]]]->name));
		for (size_t j = 0; j < shown; j++)
			json_array_append_new(row, json_number_or_null(part[order[i] * shown + order[j]]));
		json_array_append_new(matrix, row);
	}
	free(strength);
	free(part);
	free(kept);
	free(order);
	return json_pack("{s:o, s:o, s:I}", "features", names, "matrix", matrix, "of", (json_int_t)n);
}

static int add_correlations(const struct study *study, const uint32_t *rows, size_t row_count, json_t *out, struct orch_err *err)
{
	size_t n = study->feature_count;
	double *rho = mem_array(n * n + 1, sizeof *rho);
	int code = rho ? spearman(study->features, n, rows, row_count, rho, err) : orch_fail(err, ORCH_ENOMEM, "no memory for correlations of %zu features", n);

	if (!code)
		json_object_set_new(out, "correlation", pack_correlations(study, rho));
	free(rho);
	return code;
}

static int add_drift(const struct study *study, const uint32_t *rows, size_t row_count, json_t *out, struct orch_err *err)
{
	struct columns columns = {0};
	bool *holdout = mem_must(row_count + 1, sizeof *holdout);
	int code;

	if (!study->holdout_rows) {
		free(holdout);
		return 0;
	}
	for (size_t i = 0; i < row_count; i++)
		holdout[i] = study->split->fold[rows[i]] == SPLIT_HOLDOUT;
	code = take_features(study, rows, row_count, &columns, err);
	if (!code)
		json_object_set_new(out, "drift", diagnose_drift(columns.list, columns.count, row_count, holdout));
	release_columns(&columns);
	free(holdout);
	return code;
}

static int write_data(const struct stage_context *context, struct orch_err *err)
{
	const struct study *study = context->study;
	size_t row_count = study->frame->rows, most = CELLS_MOST / (study->feature_count + 1);
	uint32_t *rows = mem_must(row_count + 1, sizeof *rows);
	json_t *out = json_object();
	int code;

	for (size_t i = 0; i < row_count; i++)
		rows[i] = (uint32_t)i;
	most = most > ROWS_MOST ? ROWS_MOST : most < 1000 ? 1000 : most;
	row_count = spearman_sample(rows, row_count, most, address_text(study->spec->seed, "diagnostics rows"));
	json_object_set_new(out, "rows", json_integer((json_int_t)row_count));
	code = add_correlations(study, rows, row_count < SPEARMAN_ROWS_MAX ? row_count : SPEARMAN_ROWS_MAX, out, err);
	if (!code)
		code = add_drift(study, rows, row_count, out, err);
	if (!code)
		code = put_json(context, "data.json", out, err);
	free(rows);
	json_decref(out);
	return code;
}

static int write_effects(const struct stage_context *context, struct orch_err *err)
{
	json_t *out = NULL;
	int code = stage_effects_write(context, &out, err);

	if (!code)
		code = put_json(context, "effects.json", out, err);
	json_decref(out);
	return code;
}

int stage_diagnostics_write(const struct stage_context *context, struct orch_err *err)
{
	static int (*const parts[PART_COUNT])(const struct stage_context *, struct orch_err *) = {write_predictions, write_search, write_data, write_effects};

	return parts[context->part](context, err);
}
