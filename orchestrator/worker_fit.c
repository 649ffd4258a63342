/* Fit tasks in a worker: jobs for the engine, scores of its answers, files of predictions and models. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/address.h"
#include "engines/split/subset.h"
#include "orchestrator/row_losses.h"
#include "orchestrator/variations.h"
#include "orchestrator/worker.h"
#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/json.h"
#include "storage/base/process.h"
#include "storage/file_system.h"

struct fit_task {
	struct worker *worker;
	const json_t *line;
	json_int_t id;
	const struct engine *engine;
	const struct spec_model *model;
	size_t fold_count, variant_count;
	int *folds;
	struct engine_fold *rows;
	struct engine_variant *variants;
	uint32_t *left_out; /* backing of the variants' lists */
	unsigned seed_repeat; /* 0: the seed of every other fit */
	double share;         /* of the training rows */
	bool predictions, save_model;
	json_t *features_used; /* of the answer under way, or NULL */
	const char *scratch;
	struct row_losses row_losses; /* of the baseline, on the fold of the last answer */
	/* of the job under way: where its folds and variants begin in the task */
	size_t fold_offset, variant_offset;
	size_t answers;
};

/* Learning curve: the part of the training rows that the fit may see. */
static int cut_rows(const struct study *study, double share, struct engine_fold *rows, uint32_t *train, struct orch_err *err)
{
	const char *by = study->spec->split.kind == SPEC_FOLDS_GROUP ? study->spec->split.by : NULL;
	const struct column *column = by ? frame_column(study->frame, by) : NULL;
	double *group = column ? mem_array(study->frame->rows + 1, sizeof *group) : NULL;
	struct subset_request request = {.seed = address_text(study->spec->seed, "learning curve"), .share = share, .group = group,
	        .stratum = study->task == ENGINE_CLASSIFICATION ? study->data.target : NULL};
	long long kept = -1;

	for (size_t i = 0; group && i < study->frame->rows; i++)
		group[i] = column_value(column, i);
	if (group || !column)
		kept = subset_rows(&request, train, rows->train_count);
	free(group);
	if (kept < 0)
		return orch_fail(err, ORCH_ENOMEM, "no memory to choose among %zu training rows", rows->train_count);
	rows->train_count = (size_t)kept;
	return 0;
}

static int load_folds(struct fit_task *fit, struct orch_err *err)
{
	const json_t *folds = json_object_get(fit->line, "folds");

	fit->fold_count = json_array_size(folds);
	fit->folds = mem_must(fit->fold_count + 1, sizeof *fit->folds);
	fit->rows = mem_must(fit->fold_count + 1, sizeof *fit->rows);
	for (size_t i = 0; i < fit->fold_count; i++) {
		uint32_t *train = NULL, *test = NULL;
		int code;

		fit->folds[i] = (int)json_integer_value(json_array_get(folds, i));
		code = split_rows(fit->worker->study->split, fit->folds[i], &train, &fit->rows[i].train_count, &test, &fit->rows[i].test_count, err);
		if (code)
			return code;
		fit->rows[i].train = train;
		fit->rows[i].test = test;
		if (fit->share < 1 && (code = cut_rows(fit->worker->study, fit->share, &fit->rows[i], train, err)))
			return code;
	}
	return 0;
}

static size_t find_feature(const struct study *study, const char *name)
{
	for (size_t f = 0; f < study->feature_count; f++)
		if (!strcmp(study->features[f]->name, name))
			return f;
	return SIZE_MAX;
}

static int compare_positions(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int load_variants(struct fit_task *fit, struct orch_err *err)
{
	const json_t *variants = json_object_get(fit->line, "variants");
	const struct study *study = fit->worker->study;
	size_t total = 0, i, j;
	json_t *variant, *name;

	fit->variant_count = json_array_size(variants);
	fit->variants = mem_must(fit->variant_count + 1, sizeof *fit->variants);
	json_array_foreach(variants, i, variant)
		total += json_array_size(json_object_get(variant, "left_out"));
	fit->left_out = mem_must(total + 1, sizeof *fit->left_out);
	total = 0;
	json_array_foreach(variants, i, variant) {
		json_t *names = json_object_get(variant, "left_out");

		fit->variants[i] = (struct engine_variant){.params = json_object_get(variant, "params"), .left_out = fit->left_out + total,
		        .left_out_count = json_array_size(names)};
		json_array_foreach(names, j, name) {
			size_t position = find_feature(study, json_string_value(name) ? json_string_value(name) : "");

			if (position == SIZE_MAX)
				return orch_fail(err, ORCH_EFIT, "a task leaves out a feature that the round does not have");
			fit->left_out[total++] = (uint32_t)position;
		}
		qsort((void *)fit->variants[i].left_out, fit->variants[i].left_out_count, sizeof(uint32_t), compare_positions);
	}
	return 0;
}

/* ---- files of a fit ---- */

static char *file_stem(const struct fit_task *fit, size_t variant, int fold)
{
	const json_t *object = json_array_get(json_object_get(fit->line, "variants"), variant);
	uint32_t attempt;

	process_random(&attempt, sizeof attempt);
	return text_format("%s.trial_%lld.fold_%d.%08x", json_get_text(fit->line, "stage", "fit"), (long long)json_get_int(object, "trial", 0), fold, attempt);
}

static int describe_file(const char *path, json_t *files, struct orch_err *err)
{
	char hex[HASH_HEX];
	uint64_t size;
	int code = hash_file(path, 0, hex, &size, err);

	if (!code)
		json_array_append_new(files, json_pack("{s:s, s:s, s:I}", "name", file_name(path), "sha256", hex, "bytes", (json_int_t)size));
	return code;
}

/* Predictions as the engine gave them: columns "row" and "output_0" ... (outputs or class probabilities), a frame of storage/base/frame.h. */
static int save_predictions(const struct fit_task *fit, const struct engine_fold *rows, const double *prediction, const char *stem, json_t *files,
        struct orch_err *err)
{
	const struct study *study = fit->worker->study;
	unsigned outputs = study->task == ENGINE_CLASSIFICATION ? study->classes : study->outputs;
	char *name = text_format("%s.frame", stem), *path = file_join(fit->scratch, name), column[32];
	double *row_numbers = mem_array(rows->test_count + 1, sizeof *row_numbers);
	struct frame_writer *writer = NULL;
	int code = row_numbers ? frame_writer_begin(path, rows->test_count, &writer, err) : orch_fail(err, ORCH_ENOMEM, "no memory for predictions");

	if (!code) {
		for (size_t i = 0; i < rows->test_count; i++)
			row_numbers[i] = rows->test[i];
		frame_writer_number(writer, "row", 0, row_numbers);
		for (unsigned o = 0; o < outputs; o++) {
			snprintf(column, sizeof column, "output_%u", o);
			frame_writer_number(writer, column, 0, prediction + o * rows->test_count);
		}
		code = frame_writer_commit(&writer, err);
	}
	if (!code)
		code = describe_file(path, files, err);
	free(row_numbers);
	free(name);
	free(path);
	return code;
}

static int save_model(const struct fit_task *fit, const struct engine_answer *answer, const char *stem, json_t *files, struct orch_err *err)
{
	char *name = text_format("%s.model.%s", stem, fit->engine->model_suffix), *path = file_join(fit->scratch, name);
	int code = file_write_new(path, answer->model, answer->model_length, err);

	if (!code)
		code = describe_file(path, files, err);
	free(name);
	free(path);
	return code;
}

/* The limit of what one fit may leave; what is above goes. */
static int check_output(const struct fit_task *fit, const json_t *files, struct orch_err *err)
{
	uint64_t limit = fit->worker->spec->resources.fit_output, total = 0;
	char most[TEXT_NUMBER_MAX], found[TEXT_NUMBER_MAX];
	json_t *file;
	size_t i;

	json_array_foreach(files, i, file)
		total += (uint64_t)json_get_int(file, "bytes", 0);
	if (!limit || total <= limit)
		return 0;
	json_array_foreach(files, i, file) {
		char *path = file_join(fit->scratch, json_get_text(file, "name", ""));

		file_remove(path, NULL);
		free(path);
	}
	return orch_fail(err, ORCH_EFIT, "output: its predictions and model are %s, more than %s (resources.fit_output)", text_bytes(total, found), text_bytes(limit, most));
}

static int save_files(const struct fit_task *fit, size_t variant, int fold, const struct engine_fold *rows, const struct engine_answer *answer,
        json_t **out, struct orch_err *err)
{
	char *stem = file_stem(fit, variant, fold);
	json_t *files = json_array();
	int code = 0;

	if (fit->predictions && rows->test_count && answer->prediction)
		code = save_predictions(fit, rows, answer->prediction, stem, files, err);
	if (!code && fit->save_model && answer->model)
		code = save_model(fit, answer, stem, files, err);
	if (!code)
		code = check_output(fit, files, err);
	free(stem);
	if (code)
		json_decref(files);
	else
		*out = files;
	return code;
}

/* ---- answers ---- */

/* A point of a learning curve keeps how many rows it stands for. */
static void note_rows(const struct fit_task *fit, const struct engine_fold *rows, json_t *metrics)
{
	if (fit->share < 1)
		json_object_set_new(metrics, "training_rows", json_integer((json_int_t)rows->train_count));
}

static const char *first_not_finite(const struct fit_task *fit, const struct engine_fold *rows, const double *prediction)
{
	const struct study *study = fit->worker->study;
	size_t count = rows->test_count * (study->task == ENGINE_CLASSIFICATION ? study->classes : study->outputs);

	for (size_t i = 0; i < count; i++)
		if (!isfinite(prediction[i]))
			return "the model predicted a value that is not finite (NaN or infinity)";
	return NULL;
}

/* What leaving the variant's features out does to single rows, where the task names predictions to compare with. */
static int note_row_deltas(struct fit_task *fit, const struct engine_fold *rows, const struct metric_input *in, json_t *metrics, struct orch_err *err)
{
	size_t fold = (size_t)(rows - fit->rows);
	const char *name = json_string_value(json_array_get(json_object_get(fit->line, "baseline"), fold));
	char *path;
	int code;

	if (!name)
		return 0;
	path = file_join(fit->scratch, name);
	code = row_losses_load(&fit->row_losses, fit->worker->study, path, rows, err);
	free(path);
	return code ? code : row_losses_note(&fit->row_losses, fit->worker->study->metric, in, metrics, err);
}

static int score_answer(struct fit_task *fit, size_t variant, int fold, const struct engine_fold *rows, const struct engine_answer *answer, struct orch_err *err)
{
	struct worker *worker = fit->worker;
	struct arena arena = {0};
	struct metric_input in;
	json_t *metrics = NULL, *files = NULL;
	const char *bad = answer->prediction ? first_not_finite(fit, rows, answer->prediction) : "the engine gave no prediction";
	double score = NAN;
	struct orch_err file_err = {0};
	int code = 0;

	worker->cause = NULL;
	if (!rows->test_count) { /* the final model where nothing is held out */
		bad = NULL;
		metrics = json_object();
	} else if (!bad) {
		code = study_metric_input(worker->study, rows->test, rows->test_count, answer->prediction, &arena, &in, err);
		if (!code) {
			score = worker->study->metric->score(&in);
			metrics = study_metrics(worker->study, &in);
			fit_curve_result(&worker->curve, metrics);
			if (fit->features_used)
				json_object_set(metrics, "features_used", fit->features_used);
			note_rows(fit, rows, metrics);
			if (!isfinite(score) && fold >= 0)
				bad = "the metric is undefined on this fold (one class only, or a constant truth?)";
			if (!bad)
				code = note_row_deltas(fit, rows, &in, metrics, err);
		}
	}
	if (!code && !bad)
		code = save_files(fit, variant, fold, rows, answer, &files, &file_err);
	if (code == ORCH_EFIT) { /* it met the limit of its output */
		worker->cause = "output";
		bad = file_err.text;
		code = 0;
	}
	if (code)
		json_decref(metrics);
	if (file_err.code && code)
		orch_fail(err, code, "%s", file_err.text);
	if (!code)
		worker_send_result(worker, fit->id, variant, fold, score, metrics, files, answer->text, bad);
	arena_release(&arena);
	return code;
}

/* A fit that met one of its limits: its value there is its score. */
static void send_stopped(struct fit_task *fit, size_t variant, int fold)
{
	const struct fit_curve *curve = &fit->worker->curve;
	json_t *metrics = json_object();
	char best[TEXT_NUMBER_MAX], worst[TEXT_NUMBER_MAX], *note;

	fit_curve_result(curve, metrics);
	note = text_format("stopped at step %lld: its best, %s, is worse than what lets it go on, %s", (long long)curve->step, text_number(curve->best, best),
	        text_number(curve->worst, worst));
	worker_send_result(fit->worker, fit->id, variant, fold, curve->value, metrics, NULL, note, NULL);
	free(note);
}

/* The engine's fit under way: what would it score? */
static bool take_report(void *context, int64_t step, const double *prediction)
{
	struct fit_task *fit = context;
	const struct engine_fold *rows = &fit->rows[fit->fold_offset];
	struct arena arena = {0};
	struct metric_input in;
	double value = NAN;

	if (rows->test_count && !first_not_finite(fit, rows, prediction) &&
	        !study_metric_input(fit->worker->study, rows->test, rows->test_count, prediction, &arena, &in, NULL))
		value = fit->worker->study->metric->score(&in);
	arena_release(&arena);
	return fit_curve_note(&fit->worker->curve, step, value);
}

static int take_answer(void *context, const struct engine_answer *answer, struct orch_err *err)
{
	struct fit_task *fit = context;
	size_t variant = fit->variant_offset + answer->variant, fold = fit->fold_offset + answer->fold;

	fit->answers++;
	if (answer->stopped) {
		send_stopped(fit, variant, fit->folds[fold]);
		return 0;
	}
	if (answer->code) {
		worker_send_result(fit->worker, fit->id, variant, fit->folds[fold], NAN, NULL, NULL, NULL,
		        answer->text ? answer->text : "the engine gave no reason");
		return 0;
	}
	return score_answer(fit, variant, fit->folds[fold], &fit->rows[fold], answer, err);
}

static int run_job(struct fit_task *fit, size_t fold_offset, size_t folds, size_t variant_offset, size_t variants, struct orch_err *err)
{
	const struct study *study = fit->worker->study;
	struct engine_job job = {.data = &study->data, .folds = fit->rows + fold_offset, .fold_count = folds, .variants = fit->variants + variant_offset,
	        .variant_count = variants, .seed = variation_seed(study->spec, fit->seed_repeat), .threads = study->spec->resources.threads ? study->spec->resources.threads : 1,
	        .attempt = (unsigned)json_get_int(fit->line, "attempt", 0), .want_model = fit->save_model, .answer = take_answer, .context = fit,
	        .report = fit->worker->curve.wanted ? take_report : NULL};
	size_t before = fit->answers;
	struct orch_err why = {0};
	int code;

	fit->fold_offset = fold_offset;
	fit->variant_offset = variant_offset;
	code = fit->engine->run(&job, &why);
	if (code == ORCH_EFIT && fit->answers == before && folds * variants == 1) {
		worker_send_result(fit->worker, fit->id, variant_offset, fit->folds[fold_offset], NAN, NULL, NULL, NULL, why.text);
		return 0;
	}
	if (code)
		return orch_fail(err, code, "%s", why.text);
	if (fit->answers - before != folds * variants)
		return orch_fail(err, ORCH_EFIT, "engine \"%s\" answered %zu of %zu fits", fit->engine->name, fit->answers - before, folds * variants);
	return 0;
}

static int run_external(struct fit_task *fit, size_t variant, size_t fold, struct orch_err *err)
{
	const struct study *study = fit->worker->study;
	const json_t *object = json_array_get(json_object_get(fit->line, "variants"), variant);
	const struct engine_variant *v = &fit->variants[variant];
	const char **names = mem_must(study->feature_count + 1, sizeof *names);
	struct command_fit command = {.model = fit->model, .params = v->params, .fold = fit->folds[fold], .trial = json_get_int(object, "trial", -1),
	        .train = fit->rows[fold].train, .test = fit->rows[fold].test, .train_count = fit->rows[fold].train_count,
	        .test_count = fit->rows[fold].test_count, .features = names, .scratch = fit->scratch, .seed = variation_program_seed(study->spec, fit->seed_repeat), .share = fit->share,
	        .threads = study->spec->resources.threads ? study->spec->resources.threads : 1};
	struct orch_err why = {0};
	double *prediction = NULL, score = NAN;
	size_t skip = 0;
	int code;

	for (size_t f = 0; f < study->feature_count; f++)
		if (skip < v->left_out_count && v->left_out[skip] == f)
			skip++;
		else
			names[command.feature_count++] = study->features[f]->name;
	fit->worker->cause = NULL;
	code = command_fit_run(fit->worker, &command, &prediction, &score, &why);
	if (fit->worker->curve.stopped && (!code || code == ORCH_EFIT)) { /* however it ended then */
		send_stopped(fit, variant, command.fold);
		code = 0;
		goto out;
	}
	if (!code && !v->left_out_count && command.fold >= 0) /* what LOFO can do without is decided by the fit with all features */
		fit->features_used = fit->worker->features_used;
	if (code == ORCH_EFIT && !fit->worker->cause && !file_system_has_room(fit->scratch)) { /* a program that fails for want of room is no failed fit */
		code = orch_fail_sys(err, ORCH_EIO, ENOSPC, "a program failed (%.300s) while there is no room in %s", why.text, fit->scratch);
	} else if (code == ORCH_EFIT) {
		worker_send_result(fit->worker, fit->id, variant, command.fold, NAN, NULL, NULL, NULL, why.text);
		code = 0;
	} else if (code) {
		orch_fail(err, code, "%s", why.text);
	} else if (prediction) {
		struct engine_answer answer = {.prediction = prediction};

		code = score_answer(fit, variant, command.fold, &fit->rows[fold], &answer, err);
	} else {
		json_t *metrics = json_object();

		json_object_set_new(metrics, study->metric->name, json_number_or_null(score));
		note_rows(fit, &fit->rows[fold], metrics);
		fit_curve_result(&fit->worker->curve, metrics);
		if (fit->features_used)
			json_object_set(metrics, "features_used", fit->features_used);
		worker_send_result(fit->worker, fit->id, variant, command.fold, score, metrics, NULL, NULL, NULL);
	}
out:
	fit->features_used = NULL;
	json_decref(fit->worker->features_used);
	fit->worker->features_used = NULL;
	free(prediction);
	free(names);
	free(fit->worker->said);
	fit->worker->said = NULL;
	json_decref(fit->worker->progress);
	fit->worker->progress = NULL;
	fit->worker->cause = NULL;
	return code;
}

/* Several tasks of the plan in one message: each is the job that it would have been alone. */
static int run_jobs(struct fit_task *fit, const json_t *jobs, struct orch_err *err)
{
	size_t folds = json_get_bool(fit->line, "folds_together", 0) ? fit->fold_count : 1, first = 0, i;
	json_t *size;
	int code = 0;

	json_array_foreach(jobs, i, size) {
		size_t count = (size_t)json_integer_value(size);

		if (first + count > fit->variant_count)
			return orch_fail(err, ORCH_EFIT, "a task has jobs of more variants than it has");
		for (size_t f = 0; f < fit->fold_count && !code; f += folds)
			code = run_job(fit, f, folds, first, count, err);
		first += count;
	}
	return code;
}

/* Shared: one job for all. Else every fit is a job of its own. */
static int run_all(struct fit_task *fit, struct orch_err *err)
{
	const json_t *jobs = json_object_get(fit->line, "jobs");
	int code = 0;

	if (jobs && !fit->engine->external)
		return run_jobs(fit, jobs, err);
	if (json_get_bool(fit->line, "shared", 0) && !fit->engine->external)
		return run_job(fit, 0, fit->fold_count, 0, fit->variant_count, err);
	for (size_t v = 0; v < fit->variant_count && !code; v++)
		for (size_t f = 0; f < fit->fold_count && !code; f++)
			code = fit->engine->external ? run_external(fit, v, f, err) : run_job(fit, f, 1, v, 1, err);
	return code;
}

int worker_fit(struct worker *worker, const json_t *task, struct orch_err *err)
{
	struct fit_task fit = {.worker = worker, .line = task, .id = json_get_int(task, "id", -1), .model = &worker->spec->models[json_get_int(task, "model", 0)],
	        .predictions = json_get_bool(task, "predictions", 0), .save_model = json_get_bool(task, "save_model", 0),
	        .scratch = json_get_text(task, "scratch", ".")};
	const json_t *first = json_array_get(json_object_get(task, "variants"), 0);
	int code;

	fit.engine = engine_find(fit.model->engine);
	fit.seed_repeat = (unsigned)json_get_int(first, "seed_repeat", 0);
	fit.share = json_get_real(first, "share", 1);
	worker->failures_are_final = !fit.engine->external && !fit.engine->needs_permission;
	if (fit.save_model && !fit.engine->model_suffix)
		fit.save_model = false;
	code = load_folds(&fit, err);
	if (!code)
		code = load_variants(&fit, err);
	if (!code) {
		fit_curve_begin(&worker->curve, json_object_get(task, "limits"), worker->study->metric->maximise);
		code = run_all(&fit, err);
		fit_curve_end(&worker->curve);
	}
	for (size_t i = 0; i < fit.fold_count && fit.rows; i++) {
		free((void *)fit.rows[i].train);
		free((void *)fit.rows[i].test);
	}
	row_losses_release(&fit.row_losses);
	free(fit.rows);
	free(fit.folds);
	free(fit.variants);
	free(fit.left_out);
	return code;
}
