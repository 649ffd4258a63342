#include "orchestrator/study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/text.h"
#include "storage/dataset.h"

#define DEGREE 0.017453292519943295

static const struct column *need_column(const struct study *study, const char *name, const char *what, struct text_buf *problems)
{
	const struct column *column = frame_column(study->frame, name);

	if (!column)
		text_add_line(problems, "the prepared data has no column \"%s\" for %s", name, what);
	return column;
}

/* ---- targets ---- */

static int load_angle(struct study *study, struct text_buf *problems)
{
	const struct spec_angle *angle = &study->spec->data.angle;
	const struct column *column = need_column(study, angle->column ? angle->column : "angle", "the angle target", problems);
	size_t rows = study->frame->rows;

	if (!column)
		return ORCH_EINPUT;
	column_gather(column, NULL, rows, study->truth);
	for (size_t i = 0; i < rows; i++) {
		study->target[i] = sin(study->truth[i] * DEGREE);
		study->target[rows + i] = cos(study->truth[i] * DEGREE);
	}
	study->target_names[0] = column->name;
	return 0;
}

static int load_targets(struct study *study, struct text_buf *problems)
{
	const struct spec_data *data = &study->spec->data;

	if (study->angle)
		return load_angle(study, problems);
	for (size_t t = 0; t < data->target_count; t++) {
		const struct column *column = need_column(study, data->targets[t], "the target", problems);

		if (!column)
			return ORCH_EINPUT;
		column_gather(column, NULL, study->frame->rows, study->target + t * study->frame->rows);
		study->target_names[t] = column->name;
		if (study->task == ENGINE_CLASSIFICATION) {
			study->classes = (unsigned)column->level_count;
			study->class_names = column->levels;
		}
	}
	memcpy(study->truth, study->target, study->target_count * study->frame->rows * sizeof *study->truth);
	return 0;
}

/* The data decided when it was prepared: a target that is a category is classified. */
static enum engine_task task_of(const struct study *study)
{
	const struct column *column;

	if (study->angle)
		return ENGINE_REGRESSION;
	column = frame_column(study->frame, study->spec->data.targets[0]);
	return column && column->kind == COLUMN_CATEGORY ? ENGINE_CLASSIFICATION : ENGINE_REGRESSION;
}

static int load_outcome(struct study *study, struct text_buf *problems)
{
	size_t rows = study->frame->rows;
	const struct spec_data *data = &study->spec->data;

	study->angle = data->has_angle;
	study->target_count = study->angle ? 1 : (unsigned)data->target_count;
	study->task = task_of(study);
	study->outputs = study->angle ? 2 : study->target_count;
	study->target = mem_array(rows * study->outputs, sizeof *study->target);
	study->truth = mem_array(rows * study->target_count, sizeof *study->truth);
	study->target_names = mem_must(study->target_count, sizeof *study->target_names);
	if (!study->target || !study->truth)
		return ORCH_ENOMEM;
	if (load_targets(study, problems))
		return ORCH_EINPUT;
	if (data->weight) {
		const struct column *column = need_column(study, data->weight, "the weights", problems);

		if (!column || !(study->weight = mem_array(rows, sizeof *study->weight)))
			return column ? ORCH_ENOMEM : ORCH_EINPUT;
		column_gather(column, NULL, rows, study->weight);
	}
	study->id = data->id ? frame_column(study->frame, data->id) : NULL;
	return 0;
}

/* ---- metric and engine against the data ---- */

bool study_metric_fits(const struct study *study, const struct metric *metric)
{
	if (study->angle)
		return metric->family == METRIC_CIRCULAR;
	if (study->task == ENGINE_CLASSIFICATION)
		return metric->family == METRIC_CLASSIFICATION && (!metric->binary_only || study->classes == 2);
	return metric->family == METRIC_REGRESSION;
}

static const char *kind_of_task(const struct study *study)
{
	static char text[64];

	if (study->angle)
		return "an angle";
	if (study->task == ENGINE_REGRESSION)
		return "regression";
	snprintf(text, sizeof text, "classification with %u classes", study->classes);
	return text;
}

static void check_other_metric(const struct study *study, const char *name, const char *key, struct text_buf *problems)
{
	const struct metric *metric = metric_find(name);

	if (metric && !study_metric_fits(study, metric))
		text_add_line(problems, "%s: \"%s\" does not fit this target: it is %s", key, name, kind_of_task(study));
}

static void choose_metric(struct study *study, struct text_buf *problems)
{
	const char *name = study->spec->metric;

	if (!name)
		name = study->angle ? "cmae" : study->task == ENGINE_CLASSIFICATION ? "logloss" : "rmse";
	study->metric = metric_find(name);
	if (!study->metric)
		text_add_line(problems, "there is no metric \"%s\"", name);
	else if (!study_metric_fits(study, study->metric))
		text_add_line(problems, "metric \"%s\" does not fit this target: it is %s", name, kind_of_task(study));
	for (size_t i = 1; i < study->spec->objective_count; i++)
		check_other_metric(study, study->spec->objectives[i], "metric", problems);
	for (size_t i = 0; i < study->spec->constraint_count; i++)
		check_other_metric(study, study->spec->constraints[i].name, "constraints", problems);
	if (study->spec->ensemble.method == SPEC_ENSEMBLE_VOTE && study->task != ENGINE_CLASSIFICATION)
		text_add_line(problems, "ensemble.method: vote is for classes, this target is %s: use average", kind_of_task(study));
}

static void check_engine(const struct study *study, const struct spec_model *model, struct text_buf *problems)
{
	const struct engine *engine = engine_find(model->engine);

	if (!engine) {
		text_add_line(problems, "there is no engine \"%s\"", model->engine);
		return;
	}
	if (!(engine->tasks & study->task))
		text_add_line(problems, "engine \"%s\" cannot do %s; %s decides the task (data.task sets it)", engine->name, kind_of_task(study),
		        study->spec->metric ? "the metric, else the target's type," : "the target's type");
	if (study->outputs > 1 && !engine->many_outputs)
		text_add_line(problems, "engine \"%s\" learns one target at a time, not %u", engine->name, study->outputs);
	if (study->weight && !engine->weights)
		text_add_line(problems, "engine \"%s\" takes no weights: remove data.weight", engine->name);
	if (engine->keeps_missing || study->spec->data.missing != SPEC_MISSING_KEEP)
		return;
	for (size_t i = 0; i < study->all_feature_count; i++)
		if (study->all_features[i]->missing_count && study->pruned[i].reason == SCREEN_KEPT) {
			text_add_line(problems, "feature \"%s\" has %zu missing values and engine \"%s\" cannot keep them: set data.missing to mean, median or drop",
			        study->all_features[i]->name, study->all_features[i]->missing_count, engine->name);
			return;
		}
}

#define CLASSES_LIKE_NUMBERS 20 /* more of them are rarely meant: digits are 10 */

char *study_target_warning(const struct study *study)
{
	double number;

	if (study->task != ENGINE_CLASSIFICATION || study->classes <= CLASSES_LIKE_NUMBERS || !study->spec->metric || study->spec->data.task != SPEC_TASK_AUTO)
		return NULL;
	for (unsigned c = 0; c < study->classes; c++)
		if (!text_to_double(study->class_names[c], &number))
			return NULL;
	return text_format("metric \"%s\" makes a class of each of the %u distinct numbers of target \"%s\"; a regression takes another metric (rmse, mae, r2), and data.task: classification "
	                   "says that classes are meant", study->spec->metric, study->classes, study->target_names[0]);
}

/* ---- features and units ---- */

static int collect_features(struct study *study, struct text_buf *problems)
{
	const struct frame *frame = study->frame;

	study->all_features = mem_must(frame->column_count + 1, sizeof *study->all_features);
	for (size_t i = 0; i < frame->column_count; i++)
		if (frame->columns[i].roles & COLUMN_FEATURE)
			study->all_features[study->all_feature_count++] = &frame->columns[i];
	if (!study->all_feature_count)
		text_add_line(problems, "no feature is left: every column is target, id, weight, split column or excluded");
	return 0;
}

static bool is_feature(const struct study *study, const char *name)
{
	for (size_t i = 0; i < study->all_feature_count; i++)
		if (!strcmp(study->all_features[i]->name, name))
			return true;
	return false;
}

static void check_groups(const struct study *study, struct text_buf *problems)
{
	const struct spec_lofo *lofo = &study->spec->lofo;

	for (size_t g = 0; g < lofo->group_count; g++) {
		const struct spec_named_list *group = &lofo->groups[g];
		bool has_own_name = false;

		for (size_t i = 0; i < group->count; i++) {
			has_own_name = has_own_name || !strcmp(group->items[i], group->name);
			if (!is_feature(study, group->items[i]))
				text_add_line(problems, "lofo.groups.%s names \"%s\", which is no feature of the data", group->name, group->items[i]);
		}
		if (!has_own_name && is_feature(study, group->name))
			text_add_line(problems, "lofo.groups.%s has the name of a feature that is not in it; give the group another name", group->name);
	}
}

static void add_to_unit(struct study *study, const char *unit_name, const char *feature)
{
	struct study_unit *unit = NULL;

	for (size_t i = 0; i < study->unit_count; i++)
		if (!strcmp(study->units[i].name, unit_name))
			unit = &study->units[i];
	if (!unit) {
		unit = &study->units[study->unit_count++];
		unit->name = unit_name;
		unit->features = arena_alloc(&study->selection_arena, study->feature_count, sizeof *unit->features);
		unit->count = 0;
		if (!unit->features)
			orch_bug("out of memory");
	}
	unit->features[unit->count++] = feature;
}

static void make_units(struct study *study)
{
	study->unit_count = 0;
	study->units = arena_alloc(&study->selection_arena, study->feature_count + 1, sizeof *study->units);
	if (!study->units)
		orch_bug("out of memory");
	for (size_t i = 0; i < study->feature_count; i++) {
		const char *group = study->group_names[study->feature_ids[i]];

		add_to_unit(study, group ? group : study->features[i]->name, study->features[i]->name);
	}
}

static bool selected(const struct study *study, const json_t *features, uint32_t id)
{
	const char *name = study->all_features[id]->name;
	size_t i;
	json_t *value;

	if (!features)
		return study->pruned[id].reason == SCREEN_KEPT;
	json_array_foreach(features, i, value)
		if (json_is_string(value) && !strcmp(json_string_value(value), name))
			return true;
	return false;
}

static enum engine_missing engine_missing(enum spec_missing missing)
{
	return missing == SPEC_MISSING_MEAN ? ENGINE_MISSING_MEAN : missing == SPEC_MISSING_MEDIAN ? ENGINE_MISSING_MEDIAN : ENGINE_MISSING_KEEP;
}

int study_select(struct study *study, const json_t *features, struct orch_err *err)
{
	size_t wanted = features ? json_array_size(features) : study->start_feature_count, i;
	json_t *value;

	json_array_foreach(features, i, value)
		if (!json_is_string(value) || !is_feature(study, json_string_value(value)))
			return orch_fail(err, ORCH_EINPUT, "\"%s\" is no feature of the data", json_is_string(value) ? json_string_value(value) : "?");
	arena_release(&study->selection_arena);
	study->features = arena_alloc(&study->selection_arena, wanted + 1, sizeof *study->features);
	study->feature_ids = arena_alloc(&study->selection_arena, wanted + 1, sizeof *study->feature_ids);
	if (!study->features || !study->feature_ids)
		return orch_fail(err, ORCH_ENOMEM, "no memory for the list of features");
	study->feature_count = 0;
	for (uint32_t id = 0; id < study->all_feature_count; id++)
		if (selected(study, features, id)) {
			study->feature_ids[study->feature_count] = id;
			study->features[study->feature_count++] = study->all_features[id];
		}
	if (study->feature_count != wanted)
		return orch_fail(err, ORCH_EINPUT, "a feature is named twice in the round's list");
	make_units(study);
	study->data = (struct engine_data){.rows = study->frame->rows, .feature_count = study->feature_count, .features = study->features,
	        .feature_ids = study->feature_ids, .task = study->task, .outputs = study->outputs, .classes = study->classes,
	        .target = study->target, .weight = study->weight, .missing = engine_missing(study->spec->data.missing)};
	return 0;
}

json_t *study_feature_names(const struct study *study)
{
	json_t *names = json_array();

	for (size_t i = 0; i < study->feature_count; i++)
		json_array_append_new(names, json_string_nocheck(study->features[i]->name));
	return names;
}

const struct study_unit *study_unit_find(const struct study *study, const char *name)
{
	for (size_t i = 0; i < study->unit_count; i++)
		if (!strcmp(study->units[i].name, name))
			return &study->units[i];
	return NULL;
}

/* ---- opening ---- */

static int load_split(struct study *study, const char *path, struct orch_err *err)
{
	char *bytes = NULL;
	size_t length;
	int code = file_read(path, 0, &bytes, &length, err);

	if (!code)
		code = split_decode(bytes, length, &study->split, err);
	if (!code && study->split->rows != study->frame->rows)
		code = orch_fail(err, ORCH_EDAMAGED, "%s has folds for %zu rows, the data has %zu", path, study->split->rows, study->frame->rows);
	if (!code) {
		struct hash hash;

		hash_begin(&hash);
		hash_add(&hash, bytes, length);
		hash_end_hex(&hash, study->folds_hash);
		study->folds = study->split->k * study->split->repeats;
		for (size_t i = 0; i < study->frame->rows; i++)
			study->holdout_rows += study->split->fold[i] == SPLIT_HOLDOUT;
	}
	free(bytes);
	return code;
}

int study_open(const struct spec *spec, const char *frame_path, const char *folds_path, struct study **out, struct orch_err *err)
{
	struct study *study = mem_must(1, sizeof *study);
	struct text_buf problems = {0};
	int code;

	study->spec = spec;
	study->frame_path = mem_text(frame_path);
	study->folds_path = mem_text(folds_path);
	code = frame_open(frame_path, false, &study->frame, err);
	if (!code)
		code = dataset_frame_hash(frame_path, study->frame_hash, err);
	if (!code)
		code = load_split(study, folds_path, err);
	if (code)
		goto out;
	code = load_outcome(study, &problems);
	if (!code) {
		collect_features(study, &problems);
		code = study_find_features(study, err);
		if (code)
			goto out;
		choose_metric(study, &problems);
		check_groups(study, &problems);
		study_check_names(study, &problems);
		for (size_t m = 0; m < spec->model_count; m++)
			check_engine(study, &spec->models[m], &problems);
	}
	if (problems.length)
		code = orch_fail(err, ORCH_EINPUT, "%s", problems.data);
	else if (code)
		code = orch_fail(err, code, "no memory for the targets");
	else
		code = study_select(study, NULL, err);
out:
	text_buf_release(&problems);
	if (code)
		study_close(study);
	else
		*out = study;
	return code;
}

void study_close(struct study *study)
{
	if (!study)
		return;
	frame_close(study->frame);
	split_release(study->split);
	free(study->frame_path);
	free(study->folds_path);
	free(study->target_names);
	free(study->target);
	free(study->truth);
	free(study->weight);
	free(study->all_features);
	free(study->pruned);
	free(study->offered);
	free(study->group_names);
	arena_release(&study->arena);
	arena_release(&study->selection_arena);
	free(study);
}
