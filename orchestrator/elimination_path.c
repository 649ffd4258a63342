#include "orchestrator/elimination_path.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/rfe/ridge_path.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/table_file.h"

/* ---- whether there is one ---- */

typedef double path_score(void *context, size_t fold, const double *sse, unsigned outputs, double test_weight);

struct path {
	const struct stage_context *context;
	struct engine_fold *folds;
	double *weight; /* of the held-out rows, by fold */
	double *spread; /* r2: squares of the truth about its mean on the held-out rows; folds x outputs, the output fastest */
	struct ridge_path_unit *units;
	uint32_t *features; /* backing of the units */
	path_score *score;
	struct ridge_path *steps;
	struct rfe_round *rounds; /* steps + 1: after so many drops */
	size_t best, chosen;
	double alpha;
	bool intercept, standardize;
};

static double score_mse(void *context, size_t fold, const double *sse, unsigned outputs, double test_weight)
{
	double sum = 0;

	(void)context;
	(void)fold;
	for (unsigned o = 0; o < outputs; o++)
		sum += fmax(sse[o], 0) / test_weight;
	return sum / outputs;
}

static double score_rmse(void *context, size_t fold, const double *sse, unsigned outputs, double test_weight)
{
	double sum = 0;

	(void)context;
	(void)fold;
	for (unsigned o = 0; o < outputs; o++)
		sum += sqrt(fmax(sse[o], 0) / test_weight);
	return sum / outputs;
}

/* Less is better for a path: r2 with its sign turned. */
static double score_r2(void *context, size_t fold, const double *sse, unsigned outputs, double test_weight)
{
	const struct path *path = context;
	double sum = 0;

	(void)test_weight;
	for (unsigned o = 0; o < outputs; o++)
		sum += fmax(sse[o], 0) / path->spread[fold * outputs + o] - 1;
	return sum / outputs;
}

/* The metrics that are functions of squared errors. */
static path_score *score_of(const char *metric)
{
	return !strcmp(metric, "rmse") ? score_rmse : !strcmp(metric, "mse") ? score_mse : !strcmp(metric, "r2") ? score_r2 : NULL;
}

static struct engine_size size_of(const struct study *study)
{
	struct engine_size size = {.rows = study->frame->rows, .features = study->feature_count, .outputs = study->outputs, .folds = study->folds, .variants = 1, .threads = 1};

	for (size_t f = 0; f < study->feature_count; f++)
		size.columns += study->features[f]->kind == COLUMN_CATEGORY && !study->features[f]->ordered ? study->features[f]->level_count : 1;
	return size;
}

char *elimination_path_refusal(const struct study *study, size_t model)
{
	const struct spec *spec = study->spec;
	struct engine_size size = size_of(study);
	uint64_t most = spec->resources.memory && spec->resources.memory / 4 < ELIMINATION_PATH_MEMORY ? spec->resources.memory / 4 : ELIMINATION_PATH_MEMORY;
	char a[TEXT_NUMBER_MAX], b[TEXT_NUMBER_MAX];

	if (strcmp(spec->models[model].engine, "ridge"))
		return text_format("only ridge gives the whole path for about the price of one refit; this model is %s", spec->models[model].engine);
	if (!spec->lofo.enabled)
		return mem_text("LOFO is switched off (lofo.enabled)");
	if (study->unit_count < 2)
		return mem_text("one feature or group is left");
	if (study->angle || !score_of(study->metric->name))
		return text_format("%s is no function of squared errors: the path is for rmse, mse and r2", study->metric->name);
	if (ridge_path_bytes(&size) > most)
		return text_format("%zu columns over %u folds may take %s, above %s", size.columns, size.folds, text_bytes(ridge_path_bytes(&size), a), text_bytes(most, b));
	if (ridge_path_work(&size) > ELIMINATION_PATH_WORK)
		return text_format("%zu columns over %u folds are too much work for each round", size.columns, size.folds);
	return NULL;
}

uint64_t elimination_path_bytes(const struct study *study)
{
	struct engine_size size = size_of(study);
	uint64_t bytes = 0;

	for (size_t m = 0; study->spec->rfe.path && m < study->spec->model_count; m++) {
		char *why = elimination_path_refusal(study, m);

		if (!why)
			bytes = ridge_path_bytes(&size);
		free(why);
	}
	return bytes;
}

/* ---- the path ---- */

static int load_folds(struct path *path, struct orch_err *err)
{
	const struct study *study = path->context->study;
	int code = 0;

	for (unsigned f = 0; f < study->folds && !code; f++) {
		uint32_t *train = NULL, *test = NULL;

		code = split_rows(study->split, (int)f, &train, &path->folds[f].train_count, &test, &path->folds[f].test_count, err);
		path->folds[f].train = train;
		path->folds[f].test = test;
		for (size_t i = 0; !code && i < path->folds[f].test_count; i++)
			path->weight[f] += study->weight ? study->weight[test[i]] : 1;
	}
	return code;
}

static bool unit_has(const struct study_unit *unit, const char *name)
{
	for (size_t i = 0; i < unit->count; i++)
		if (!strcmp(unit->features[i], name))
			return true;
	return false;
}

static void load_units(struct path *path)
{
	const struct study *study = path->context->study;
	uint32_t *next = path->features;

	for (size_t u = 0; u < study->unit_count; u++) {
		path->units[u].features = next;
		for (uint32_t f = 0; f < study->feature_count; f++)
			if (unit_has(&study->units[u], study->features[f]->name))
				*next++ = f;
		path->units[u].count = (size_t)(next - path->units[u].features);
	}
}

/* False: a truth is constant on a fold, where r2 is not defined. */
static bool load_spread(struct path *path)
{
	const struct study *study = path->context->study;
	bool defined = true;

	for (unsigned f = 0; f < study->folds; f++)
		for (unsigned o = 0; o < study->outputs; o++) {
			const struct engine_fold *fold = &path->folds[f];
			const double *truth = study->truth + (size_t)o * study->frame->rows;
			double mean = 0, spread = 0;

			for (size_t i = 0; i < fold->test_count; i++)
				mean += (study->weight ? study->weight[fold->test[i]] : 1) * truth[fold->test[i]] / path->weight[f];
			for (size_t i = 0; i < fold->test_count; i++) {
				double off = truth[fold->test[i]] - mean;

				spread += (study->weight ? study->weight[fold->test[i]] : 1) * off * off;
			}
			path->spread[f * study->outputs + o] = spread;
			defined = defined && spread > 0;
		}
	return defined;
}

/* Mean and deviation of every step, in the metric's own direction. */
static void score_steps(struct path *path)
{
	const struct study *study = path->context->study;
	double *scores = mem_must(study->folds, sizeof *scores);
	size_t features = study->feature_count, eligible = 0;

	for (size_t s = 0; s <= path->steps->steps; s++) {
		struct rfe_round *round = &path->rounds[s];

		for (unsigned f = 0; f < study->folds; f++) {
			double score = path->score(path, f, path->steps->sse + (s * study->folds + f) * study->outputs, study->outputs, path->weight[f]);

			scores[f] = study->metric->maximise ? -score : score;
		}
		if (s)
			features -= path->units[path->steps->dropped[s - 1]].count;
		round->features = features;
		round->folds = stage_mean_sd(scores, study->folds, &round->score, &round->sd);
		eligible += !s || features >= study->spec->rfe.min_features;
	}
	path->best = (size_t)rfe_choose(RFE_CHOOSE_BEST, 0, study->metric, path->rounds, eligible, NULL);
	path->chosen = (size_t)rfe_choose(RFE_CHOOSE_ONE_SE, 0, study->metric, path->rounds, eligible, NULL);
	free(scores);
}

static int run(struct path *path, struct orch_err *err)
{
	const struct study *study = path->context->study;
	struct ridge_path_request request = {.data = &study->data, .folds = path->folds, .fold_count = study->folds, .alpha = path->alpha, .intercept = path->intercept,
	        .standardize = path->standardize, .units = path->units, .unit_count = study->unit_count, .min_units = 1, .score = path->score, .context = path,
	        .direct_most = ELIMINATION_PATH_WORK};
	int code = load_folds(path, err);

	if (code)
		return code;
	load_units(path);
	if (path->score == score_r2 && !load_spread(path))
		return orch_fail(err, ORCH_EFIT, "r2 is not defined on a fold whose truth is constant");
	return ridge_path_run(&request, &path->steps, err);
}

/* ---- files ---- */

static double error_of(const struct rfe_round *round)
{
	return round->folds > 1 ? round->sd / sqrt((double)round->folds) : NAN;
}

static int write_table(const struct path *path, struct orch_err *err)
{
	static const struct table_column columns[] = {{"step", TABLE_INT32}, {"features", TABLE_INT32}, {"eliminated", TABLE_TEXT}, {"mean", TABLE_DOUBLE}, {"sd", TABLE_DOUBLE},
	        {"se", TABLE_DOUBLE}, {"best", TABLE_BOOL}, {"chosen", TABLE_BOOL}};
	char *parquet = file_join(path->context->folder, "path.parquet"), *csv = file_join(path->context->folder, "path.csv");
	struct table_file *table = NULL;
	int code = table_file_begin(parquet, csv, columns, sizeof columns / sizeof *columns, &table, err);

	free(parquet);
	free(csv);
	if (code)
		return code;
	for (size_t s = 0; s <= path->steps->steps; s++) {
		table_file_int(table, (int64_t)s);
		table_file_int(table, (int64_t)path->rounds[s].features);
		table_file_text(table, s ? path->context->study->units[path->steps->dropped[s - 1]].name : NULL);
		table_file_double(table, path->rounds[s].score);
		table_file_double(table, path->rounds[s].sd);
		table_file_double(table, error_of(&path->rounds[s]));
		table_file_int(table, s == path->best);
		table_file_int(table, s == path->chosen);
		table_file_end_row(table);
	}
	return table_file_commit(&table, err);
}

static json_t *step_json(const struct path *path, size_t step)
{
	const struct rfe_round *round = &path->rounds[step];

	return json_pack("{s:I, s:I, s:o, s:o, s:o}", "step", (json_int_t)step, "features", (json_int_t)round->features, "mean", json_number_or_null(round->score), "sd",
	        json_number_or_null(round->sd), "se", json_number_or_null(error_of(round)));
}

/* Names of the features that are left after so many steps, in column order. */
static json_t *kept(const struct path *path, size_t step)
{
	const struct study *study = path->context->study;
	bool *gone = mem_must(study->feature_count + 1, sizeof *gone);
	json_t *names = json_array();

	for (size_t s = 0; s < step; s++) {
		const struct ridge_path_unit *unit = &path->units[path->steps->dropped[s]];

		for (size_t i = 0; i < unit->count; i++)
			gone[unit->features[i]] = true;
	}
	for (size_t f = 0; f < study->feature_count; f++)
		if (!gone[f])
			json_array_append_new(names, json_string_nocheck(study->features[f]->name));
	free(gone);
	return names;
}

static int write_description(const struct path *path, const char *why, struct orch_err *err)
{
	const struct study *study = path->context->study;
	json_t *object = json_pack("{s:s, s:s, s:b, s:i, s:s?}", "engine", study->spec->models[study->model].engine, "metric", study->metric->name, "maximise",
	        study->metric->maximise, "folds", (int)study->folds, "why", why), *chosen;
	int code;

	if (!why) {
		chosen = step_json(path, path->chosen);
		json_object_set_new(chosen, "kept", kept(path, path->chosen));
		json_object_set_new(object, "steps", json_integer((json_int_t)path->steps->steps));
		json_object_set_new(object, "best", step_json(path, path->best));
		json_object_set_new(object, "chosen", chosen);
		json_object_set_new(object, "last", kept(path, path->steps->steps));
		json_object_set_new(object, "doubtful", json_integer((json_int_t)path->steps->doubtful));
		json_object_set_new(object, "note", json_string("each step is chosen on the folds that score it: these scores are optimistic; the holdout is not looked at"));
	}
	code = stage_write_json(path->context, "path.json", object, err);
	json_decref(object);
	return code;
}

static int read_params(struct path *path, struct orch_err *err)
{
	json_t *best = NULL;
	const json_t *params;
	int code = stage_read_json(path->context, STAGE_HPO, "best.json", &best, err);

	params = json_object_get(best, "params");
	path->alpha = json_get_real(params, "alpha", 1);
	path->intercept = json_get_bool(params, "fit_intercept", 1);
	path->standardize = json_get_bool(params, "standardize", 0);
	json_decref(best);
	return code;
}

static void release(struct path *path)
{
	for (unsigned f = 0; f < path->context->study->folds; f++) {
		free((void *)(uintptr_t)path->folds[f].train);
		free((void *)(uintptr_t)path->folds[f].test);
	}
	free(path->folds);
	free(path->weight);
	free(path->spread);
	free(path->units);
	free(path->features);
	free(path->rounds);
	ridge_path_release(path->steps);
}

int elimination_path_write(const struct stage_context *context, struct orch_err *err)
{
	const struct study *study = context->study;
	struct path path = {.context = context, .score = score_of(study->metric->name), .folds = mem_must(study->folds, sizeof *path.folds),
	        .weight = mem_must(study->folds, sizeof(double)), .spread = mem_must(study->folds * study->outputs + 1, sizeof(double)),
	        .units = mem_must(study->unit_count + 1, sizeof *path.units), .features = mem_must(study->feature_count + 1, sizeof *path.features),
	        .rounds = mem_must(study->unit_count + 1, sizeof *path.rounds)};
	char *why = study->spec->rfe.path ? elimination_path_refusal(study, study->model) : NULL;
	struct orch_err refused = {0};
	int code = 0;

	if (!study->spec->rfe.path)
		goto out;
	if (!why) {
		code = read_params(&path, err);
		if (!code && (code = run(&path, &refused)) == ORCH_EFIT) {
			why = mem_text(refused.text);
			code = 0;
		} else if (code) {
			orch_fail(err, code, "%s", refused.text);
		}
	}
	if (!code && !why) {
		score_steps(&path);
		code = write_table(&path, err);
	}
	if (!code)
		code = write_description(&path, why, err);
out:
	release(&path);
	free(why);
	return code;
}
