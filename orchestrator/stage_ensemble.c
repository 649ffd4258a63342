/* 03_baseline/ensemble.json and ensemble_predictions.parquet: the members' predictions combined row by row, fold by fold, scored as one model's are.
 * Members are those of 01_hpo/best.json, the chosen one first. A fold that a member lacks has no ensemble. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/ensemble/ensemble.h"
#include "engines/ensemble/greedy.h"
#include "engines/lofo/lofo_stats.h"
#include "orchestrator/stage.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/table_file.h"

#define PICKS 20 /* of the greedy selection of weights */

struct member {
	int64_t trial;
	const json_t *described; /* of best.json: trial, model, params */
	double *scores;          /* by slot, the last is the holdout; NaN: none */
	char **predictions;      /* file name by slot, or NULL */
};
struct combining {
	const struct stage_context *context;
	json_t *best;
	struct member *members;
	size_t count;
	unsigned slots;
	json_t **metrics; /* of the ensemble, by slot, or NULL */
	unsigned *weights; /* weighted: of member m for slot s [s * count + m]: chosen on the other folds of its repeat, for the holdout on all; or NULL */
	struct table_file *table;
};

static int take_fit(void *data, const struct ledger_fit *fit, struct orch_err *err)
{
	struct combining *combining = data;
	unsigned slot = fit->fold < 0 ? combining->slots - 1 : (unsigned)fit->fold;
	json_t *files = NULL, *metrics = NULL, *file;
	struct member *member = combining->members;
	size_t i;
	int code = 0;

	while (member < combining->members + combining->count && member->trial != fit->trial)
		member++;
	if (member == combining->members + combining->count || slot >= combining->slots || fit->state != LEDGER_DONE)
		return 0;
	if (fit->metrics)
		code = json_parse(fit->metrics, strlen(fit->metrics), "ledger", &metrics, err);
	if (!code && fit->files)
		code = json_parse(fit->files, strlen(fit->files), "ledger", &files, err);
	member->scores[slot] = json_get_real(metrics, combining->context->study->metric->name, fit->fold < 0 ? NAN : fit->score);
	json_array_foreach(files, i, file) {
		const char *name = json_get_text(file, "name", ""), *suffix = strrchr(name, '.');

		if (suffix && !strcmp(suffix, ".frame") && !member->predictions[slot])
			member->predictions[slot] = mem_text(name);
	}
	json_decref(metrics);
	json_decref(files);
	return code;
}

static int open_members(struct combining *combining, struct orch_err *err)
{
	json_t *list, *item;
	size_t m;
	int code = stage_read_json(combining->context, STAGE_HPO, "best.json", &combining->best, err);

	if (code)
		return code;
	list = json_object_get(combining->best, "members");
	combining->count = json_array_size(list);
	combining->members = mem_must(combining->count + 1, sizeof *combining->members);
	json_array_foreach(list, m, item) {
		struct member *member = &combining->members[m];

		*member = (struct member){json_get_int(item, "trial", -1), item, mem_must(combining->slots, sizeof(double)), mem_must(combining->slots, sizeof(char *))};
		for (unsigned s = 0; s < combining->slots; s++)
			member->scores[s] = NAN;
	}
	return ledger_each_fit(combining->context->ledger, combining->context->round, stage_table[STAGE_BASELINE].name, take_fit, combining, err);
}

/* The combined answer of one slot in *in; rows as the first member has them. */
static int combine(const struct combining *combining, unsigned slot, struct arena *arena, uint32_t **rows, struct metric_input *in, struct orch_err *err)
{
	const struct study *study = combining->context->study;
	unsigned outputs = study->task == ENGINE_CLASSIFICATION ? study->classes : study->outputs;
	const double **predictions = mem_must(combining->count, sizeof *predictions);
	size_t n = 0;
	double *out, *codes;
	int code = 0;

	for (size_t m = 0; m < combining->count && !code; m++) {
		uint32_t *found;
		double *prediction;
		size_t count;

		code = stage_load_predictions(combining->context, combining->members[m].predictions[slot], arena, &found, &count, &prediction, err);
		if (!code && m && (count != n || memcmp(found, *rows, n * sizeof **rows)))
			code = orch_fail(err, ORCH_EDAMAGED, "members of the ensemble have predictions of different rows (trials %lld and %lld)",
			        (long long)combining->members[0].trial, (long long)combining->members[m].trial);
		if (!code && !m) {
			n = count;
			*rows = found;
		}
		predictions[m] = code ? NULL : prediction;
	}
	out = arena_alloc(arena, n * outputs + 1, sizeof *out);
	codes = arena_alloc(arena, n + 1, sizeof *codes);
	if (!code && (!out || !codes))
		code = orch_fail(err, ORCH_ENOMEM, "no memory for the ensemble of %zu rows", n);
	if (!code && study->spec->ensemble.method == SPEC_ENSEMBLE_VOTE)
		ensemble_vote(predictions, combining->count, n, outputs, codes, out);
	else if (!code && combining->weights)
		greedy_combine(predictions, combining->weights + slot * combining->count, combining->count, n * outputs, out);
	else if (!code)
		ensemble_average(predictions, combining->count, n * outputs, out);
	if (!code)
		code = study_metric_input(study, *rows, n, out, arena, in, err);
	if (!code && study->spec->ensemble.method == SPEC_ENSEMBLE_VOTE)
		in->prediction = codes; /* ties as the vote breaks them */
	free(predictions);
	return code;
}

/* ---- weights ---- */

struct scoring {
	const struct combining *combining;
	uint32_t **rows; /* by fold */
	size_t *counts;  /* rows by fold */
};

static double score_fold(void *context, size_t fold, const double *combined)
{
	const struct scoring *scoring = context;
	const struct study *study = scoring->combining->context->study;
	struct arena arena = {0};
	struct metric_input in;
	double score = NAN;

	if (!study_metric_input(study, scoring->rows[fold], scoring->counts[fold], combined, &arena, &in, NULL))
		score = metric_gain(study->metric, study->metric->score(&in), 0);
	arena_release(&arena);
	return score;
}

/* All that the members predict of a fold; nothing when one of them lacks it. */
static int load_fold(const struct combining *combining, unsigned fold, struct arena *arena, const double **predictions, struct scoring *scoring, struct orch_err *err)
{
	size_t count;
	int code = 0;

	for (size_t m = 0; m < combining->count; m++)
		if (!combining->members[m].predictions[fold])
			return 0;
	for (size_t m = 0; m < combining->count && !code; m++) {
		uint32_t *rows;
		double *prediction;

		code = stage_load_predictions(combining->context, combining->members[m].predictions[fold], arena, &rows, &count, &prediction, err);
		if (!code && m && (count != scoring->counts[fold] || memcmp(rows, scoring->rows[fold], count * sizeof *rows)))
			code = orch_fail(err, ORCH_EDAMAGED, "members of the ensemble have predictions of different rows (trials %lld and %lld)",
			        (long long)combining->members[0].trial, (long long)combining->members[m].trial);
		if (!code) {
			predictions[m] = prediction;
			scoring->rows[fold] = rows;
			scoring->counts[fold] = count;
		}
	}
	return code;
}

/* What the weights of a slot are chosen on, the slot itself aside: folds of other repeats test the same rows, and would tell of its own; the holdout's are
 * chosen on all. out[folds]: sizes, 0 for folds that do not count. */
static void open_folds(const struct study *study, unsigned slot, const size_t *sizes, size_t *out)
{
	unsigned k = study->split->k;

	for (unsigned f = 0; f < study->folds; f++)
		out[f] = slot == study->folds || f / k == slot / k ? sizes[f] : 0;
}

static int choose_weights(struct combining *combining, struct orch_err *err)
{
	const struct study *study = combining->context->study;
	unsigned folds = study->folds, outputs = study->task == ENGINE_CLASSIFICATION ? study->classes : study->outputs;
	const double **predictions = mem_must(folds * combining->count, sizeof *predictions);
	size_t *sizes = mem_must(folds, sizeof *sizes), *open = mem_must(folds, sizeof *open), total = 0;
	struct scoring scoring = {combining, mem_must(folds, sizeof(uint32_t *)), mem_must(folds, sizeof(size_t))};
	struct greedy_pool pool = {combining->count, folds, predictions, open, score_fold, &scoring};
	struct arena arena = {0};
	double *work = NULL;
	int code = 0;

	for (unsigned f = 0; f < folds && !code; f++) {
		code = load_fold(combining, f, &arena, predictions + f * combining->count, &scoring, err);
		sizes[f] = scoring.counts[f] * outputs;
		total += sizes[f];
	}
	if (!code && !(work = mem_array(2 * total + 1, sizeof *work)))
		code = orch_fail(err, ORCH_ENOMEM, "no memory for the weights of an ensemble of %zu", combining->count);
	if (!code)
		combining->weights = mem_must(combining->slots * combining->count, sizeof *combining->weights);
	for (unsigned s = 0; s < combining->slots && !code; s++) {
		open_folds(study, s, sizes, open);
		greedy_select(&pool, s, PICKS, combining->weights + s * combining->count, work);
	}
	arena_release(&arena);
	free(work);
	free(scoring.rows);
	free(scoring.counts);
	free(open);
	free(sizes);
	free(predictions);
	return code;
}

static double weight_of(const struct combining *combining, size_t member, unsigned slot)
{
	unsigned total = 0;

	for (size_t m = 0; m < combining->count; m++)
		total += combining->weights[slot * combining->count + m];
	return combining->weights[slot * combining->count + member] / (double)total;
}

/* "weight" is chosen on all folds and is that of the holdout; "weights" are those that the folds were scored with. */
static void add_weights(const struct combining *combining, size_t member, json_t *item)
{
	json_t *list = json_array();

	for (unsigned s = 0; s + 1 < combining->slots; s++)
		json_array_append_new(list, json_real(weight_of(combining, member, s)));
	json_object_set_new(item, "weight", json_real(weight_of(combining, member, combining->slots - 1)));
	json_object_set_new(item, "weights", list);
}

/* ---- the stage's files ---- */

static int write_slot(struct combining *combining, unsigned slot, struct orch_err *err)
{
	struct arena arena = {0};
	struct metric_input in;
	uint32_t *rows = NULL;
	int code;

	for (size_t m = 0; m < combining->count; m++)
		if (!combining->members[m].predictions[slot])
			return 0;
	code = combine(combining, slot, &arena, &rows, &in, err);
	if (!code) {
		combining->metrics[slot] = study_metrics(combining->context->study, &in);
		stage_put_predictions(combining->context, combining->table, &in, rows, slot);
	}
	arena_release(&arena);
	return code;
}

static json_t *scores_of(const double *scores, unsigned folds)
{
	json_t *list = json_array();
	double mean, sd;

	for (unsigned f = 0; f < folds; f++)
		json_array_append_new(list, json_number_or_null(scores[f]));
	stage_mean_sd(scores, folds, &mean, &sd);
	return json_pack("{s:o, s:o, s:o}", "mean", json_number_or_null(mean), "sd", json_number_or_null(sd), "folds", list);
}

static void take_scores(const struct combining *combining, const char *metric, double *out)
{
	for (unsigned f = 0; f + 1 < combining->slots; f++)
		out[f] = combining->metrics[f] ? json_get_real(combining->metrics[f], metric, NAN) : NAN;
}

/* Positive: the ensemble is better than the chosen configuration alone, on the folds that both have. */
static int compare(const struct combining *combining, double *scores, json_t **out, struct orch_err *err)
{
	const struct study *study = combining->context->study;
	struct lofo_request request = {.metric = study->metric, .folds = study->folds, .with = scores, .units = 1, .without = combining->members[0].scores};
	struct lofo_stat stat;
	int code = stage_test_train(study, &request.test_train, err);

	take_scores(combining, study->metric->name, scores);
	if (!code)
		code = lofo_stats(&request, &stat, NULL, err);
	if (!code)
		*out = json_pack("{s:o, s:o, s:o, s:o, s:o}", "mean", json_number_or_null(stat.delta_mean), "sd", json_number_or_null(stat.delta_sd), "ci_low",
		        json_number_or_null(stat.ci_low), "ci_high", json_number_or_null(stat.ci_high), "p", json_number_or_null(stat.p));
	return code;
}

static int write_description(const struct combining *combining, struct orch_err *err)
{
	static const char *const names[] = {[SPEC_ENSEMBLE_AVERAGE] = "average", [SPEC_ENSEMBLE_VOTE] = "vote", [SPEC_ENSEMBLE_WEIGHTED] = "weighted"};
	const struct study *study = combining->context->study;
	double *scores = mem_must(combining->slots, sizeof *scores);
	json_t *members = json_array(), *cv = json_object(), *gain = NULL, *holdout = combining->metrics[combining->slots - 1], *object;
	int code = compare(combining, scores, &gain, err);

	for (size_t m = 0; m < combining->count; m++) {
		const struct member *member = &combining->members[m];
		json_t *item = json_copy((json_t *)member->described);

		json_object_set_new(item, "cv", scores_of(member->scores, study->folds));
		json_object_set_new(item, "holdout", json_number_or_null(study->holdout_rows ? member->scores[study->folds] : NAN));
		if (combining->weights)
			add_weights(combining, m, item);
		json_array_append_new(members, item);
	}
	for (size_t i = 0; metric_table[i]; i++) {
		if (!study_metric_fits(study, metric_table[i]))
			continue;
		take_scores(combining, metric_table[i]->name, scores);
		json_object_set_new(cv, metric_table[i]->name, scores_of(scores, study->folds));
	}
	object = json_pack("{s:s, s:s, s:b, s:o, s:o, s:O?, s:o?}", "method", names[study->spec->ensemble.method], "metric",
	        study->metric->name, "maximise", study->metric->maximise, "members", members, "cv", cv, "holdout", holdout, "better_than_best", gain);
	if (!code)
		code = stage_write_json(combining->context, "ensemble.json", object, err);
	json_decref(object);
	free(scores);
	return code;
}

static void release(struct combining *combining)
{
	for (size_t m = 0; m < combining->count; m++) {
		for (unsigned s = 0; s < combining->slots; s++)
			free(combining->members[m].predictions[s]);
		free(combining->members[m].predictions);
		free(combining->members[m].scores);
	}
	for (unsigned s = 0; s < combining->slots; s++)
		json_decref(combining->metrics[s]);
	free(combining->members);
	free(combining->metrics);
	free(combining->weights);
	json_decref(combining->best);
}

int stage_ensemble_write(const struct stage_context *context, struct orch_err *err)
{
	unsigned slots = context->study->folds + 1;
	struct combining combining = {.context = context, .slots = slots, .metrics = mem_must(slots, sizeof(json_t *))};
	int code = open_members(&combining, err);

	if (!code && combining.count > 1) {
		if (context->study->spec->ensemble.method == SPEC_ENSEMBLE_WEIGHTED)
			code = choose_weights(&combining, err);
		if (!code)
			code = stage_begin_predictions(context, "ensemble_predictions.parquet", &combining.table, err);
		for (unsigned slot = 0; slot < slots && !code; slot++)
			code = write_slot(&combining, slot, err);
		if (combining.table && code)
			table_file_abort(&combining.table);
		else if (combining.table)
			code = table_file_commit(&combining.table, err);
		if (!code)
			code = write_description(&combining, err);
	}
	release(&combining);
	return code;
}
