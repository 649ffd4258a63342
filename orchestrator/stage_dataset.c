/* 00_dataset: what the round works on: features.json, dataset.json (every column in short), split.json (the folds in numbers), groups.json (features
 * that are left out together), correlation.csv (rank correlations, where groups or pruning needed them), in round 0 pruned.csv (what was left out
 * before it, and why). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/stage.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/table_file.h"

#define ALL_PAIRS_FEATURES 100 /* of so many features all pairs are listed, of more only those ... */
#define PAIR_LISTED 0.5        /* ... with at least this rank correlation */

static const char *kind_name(const struct column *column)
{
	return column->kind == COLUMN_CATEGORY ? column->ordered ? "ordered category" : "category" : column->kind == COLUMN_BOOL ? "boolean" : "number";
}

static const char *type_name(enum column_type type)
{
	static const char *const names[] = {"int8", "int16", "int32", "int64", "float32", "float64"};

	return names[type];
}

/* Mean and deviation over what is not missing, in row order. */
static void moments(const struct column *column, size_t rows, double *mean, double *sd)
{
	double sum = 0, squares = 0;
	size_t count = 0;

	for (size_t i = 0; i < rows; i++) {
		double value = column_value(column, i);

		if (!isnan(value)) {
			sum += value;
			count++;
		}
	}
	*mean = count ? sum / (double)count : NAN;
	for (size_t i = 0; i < rows; i++) {
		double value = column_value(column, i);

		if (!isnan(value))
			squares += (value - *mean) * (value - *mean);
	}
	*sd = count > 1 ? sqrt(squares / (double)(count - 1)) : NAN;
}

static json_t *describe_column(const struct column *column, size_t rows)
{
	json_t *object = json_pack("{s:s, s:s, s:s, s:I}", "name", column->name, "kind", kind_name(column), "type", type_name(column->type), "missing",
	        (json_int_t)column->missing_count);
	double mean, sd;

	if (column->kind == COLUMN_CATEGORY) {
		json_object_set_new(object, "levels", json_integer((json_int_t)column->level_count));
		return object;
	}
	moments(column, rows, &mean, &sd);
	json_object_set_new(object, "minimum", json_number_or_null(column->minimum));
	json_object_set_new(object, "maximum", json_number_or_null(column->maximum));
	json_object_set_new(object, "mean", json_number_or_null(mean));
	json_object_set_new(object, "sd", json_number_or_null(sd));
	return object;
}

static int write_dataset(const struct stage_context *context, struct orch_err *err)
{
	const struct study *study = context->study;
	size_t rows = study->frame->rows;
	json_t *features = json_array(), *targets = json_array(), *object;
	int code;

	for (size_t i = 0; i < study->feature_count; i++)
		json_array_append_new(features, describe_column(study->features[i], rows));
	for (unsigned t = 0; t < study->target_count; t++)
		json_array_append_new(targets, describe_column(frame_column(study->frame, study->target_names[t]), rows));
	object = json_pack("{s:I, s:s, s:s, s:s, s:o, s:o}", "rows", (json_int_t)rows, "task", study->angle ? "angle" : study->task == ENGINE_CLASSIFICATION ? "classification" :
	        "regression", "data_hash", study->frame_hash, "folds_hash", study->folds_hash, "targets", targets, "features", features);
	if (study->classes) {
		json_t *classes = json_array();

		for (unsigned c = 0; c < study->classes; c++)
			json_array_append_new(classes, json_string_nocheck(study->class_names[c]));
		json_object_set_new(object, "classes", classes);
	}
	code = stage_write_json(context, "dataset.json", object, err);
	json_decref(object);
	return code;
}

static int write_split(const struct stage_context *context, struct orch_err *err)
{
	const struct study *study = context->study;
	json_t *folds = json_array(), *object;
	int code = 0;

	for (int f = 0; f < (int)study->folds && !code; f++) {
		uint32_t *train = NULL, *test = NULL;
		size_t train_count, test_count;

		code = split_rows(study->split, f, &train, &train_count, &test, &test_count, err);
		if (!code)
			json_array_append_new(folds, json_pack("{s:i, s:i, s:I, s:I}", "repeat", f / (int)study->split->k, "fold", f % (int)study->split->k, "train",
			        (json_int_t)train_count, "test", (json_int_t)test_count));
		free(train);
		free(test);
	}
	object = json_pack("{s:i, s:i, s:I, s:o}", "k", (int)study->split->k, "repeats", (int)study->split->repeats, "holdout", (json_int_t)study->holdout_rows, "folds", folds);
	if (!code)
		code = stage_write_json(context, "split.json", object, err);
	json_decref(object);
	return code;
}

/* ---- what was found among the features ---- */

static int write_groups(const struct stage_context *context, struct orch_err *err)
{
	const struct study *study = context->study;
	double threshold = study->spec->lofo.auto_groups;
	json_t *groups = json_array(), *object;
	int code;

	for (size_t u = 0; u < study->unit_count; u++) {
		const struct study_unit *unit = &study->units[u];
		json_t *names;

		if (!study_unit_is_group(study, unit))
			continue;
		names = json_array();
		for (size_t f = 0; f < unit->count; f++)
			json_array_append_new(names, json_string_nocheck(unit->features[f]));
		json_array_append_new(groups, json_pack("{s:s, s:s, s:o}", "name", unit->name, "kind", study_group_is_found(study, unit->name) ? "found" : "declared", "features", names));
	}
	object = json_pack("{s:o, s:o}", "threshold", threshold > 0 ? json_real(threshold) : json_null(), "groups", groups);
	code = stage_write_json(context, "groups.json", object, err);
	json_decref(object);
	return code;
}

struct pair {
	uint32_t a, b; /* feature ids */
	double rho;
};

/* Strongest first; then in the order of the columns. */
static int compare_pairs(const void *left, const void *right)
{
	const struct pair *x = left, *y = right;
	double a = fabs(x->rho), b = fabs(y->rho);

	if (a != b)
		return a > b ? -1 : 1;
	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	return x->b < y->b ? -1 : x->b > y->b;
}

static size_t list_pairs(const struct study *study, const double *spearman, struct pair *pairs)
{
	double least = study->feature_count <= ALL_PAIRS_FEATURES ? 0 : PAIR_LISTED;
	size_t count = 0;

	for (size_t i = 0; i < study->feature_count; i++)
		for (size_t j = i + 1; j < study->feature_count; j++) {
			uint32_t a = study->feature_ids[i], b = study->feature_ids[j];
			double rho = spearman[a * study->all_feature_count + b];

			if (fabs(rho) >= least) /* not where it is undefined */
				pairs[count++] = (struct pair){a, b, rho};
		}
	qsort(pairs, count, sizeof *pairs, compare_pairs);
	return count;
}

static int write_correlation(const struct stage_context *context, struct orch_err *err)
{
	static const struct table_column columns[] = {{"feature", TABLE_TEXT}, {"other", TABLE_TEXT}, {"spearman", TABLE_DOUBLE}};
	const struct study *study = context->study;
	char *csv = file_join(context->folder, "correlation.csv");
	struct pair *pairs = mem_array(study->feature_count * study->feature_count / 2 + 1, sizeof *pairs);
	struct table_file *table = NULL;
	double *spearman = NULL;
	size_t count;
	int code = pairs ? study_correlations(study, &spearman, err) : orch_fail(err, ORCH_ENOMEM, "no memory for the pairs of features");

	if (!code)
		code = table_file_begin(NULL, csv, columns, 3, &table, err);
	count = code ? 0 : list_pairs(study, spearman, pairs);

	for (size_t i = 0; i < count; i++) {
		table_file_text(table, study->all_features[pairs[i].a]->name);
		table_file_text(table, study->all_features[pairs[i].b]->name);
		table_file_double(table, pairs[i].rho);
		table_file_end_row(table);
	}
	free(spearman);
	free(pairs);
	free(csv);
	return code ? code : table_file_commit(&table, err);
}

static int write_pruned(const struct stage_context *context, struct orch_err *err)
{
	static const struct table_column columns[] = {{"feature", TABLE_TEXT}, {"reason", TABLE_TEXT}, {"partner", TABLE_TEXT}, {"spearman", TABLE_DOUBLE}};
	const struct study *study = context->study;
	char *csv = file_join(context->folder, "pruned.csv");
	struct table_file *table = NULL;
	int code = table_file_begin(NULL, csv, columns, 4, &table, err);

	free(csv);
	for (size_t f = 0; !code && f < study->all_feature_count; f++) {
		const struct screen_mark *mark = &study->pruned[f];

		if (mark->reason == SCREEN_KEPT)
			continue;
		table_file_text(table, study->all_features[f]->name);
		table_file_text(table, screen_reason_name(mark->reason));
		table_file_text(table, mark->partner == SIZE_MAX ? NULL : study->all_features[mark->partner]->name);
		table_file_double(table, mark->rho);
		table_file_end_row(table);
	}
	return code ? code : table_file_commit(&table, err);
}

int stage_dataset_write(const struct stage_context *context, struct orch_err *err)
{
	json_t *names = study_feature_names(context->study);
	int code = stage_write_json(context, "features.json", names, err);

	json_decref(names);
	if (!code)
		code = write_dataset(context, err);
	if (!code)
		code = write_split(context, err);
	if (!code)
		code = write_groups(context, err);
	if (!code && study_correlates(context->study))
		code = write_correlation(context, err);
	if (!code && context->round == 0 && study_prunes(context->study))
		code = write_pruned(context, err);
	return code;
}
