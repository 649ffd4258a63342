/* One fit of a campaign once more, by itself: what a failed one says when nobody is in a hurry. Nothing of it is kept. */
#include "orchestrator/command.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/prepare.h"
#include "orchestrator/probe.h"
#include "orchestrator/scheduler.h"
#include "orchestrator/search.h"
#include "orchestrator/stage.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/text.h"
#include "storage/campaign_dir.h"

struct fitting {
	const struct arguments *arguments;
	char *campaign;
	json_t *info, *params, *left_out; /* left_out NULL: nothing */
	struct spec *spec;
	struct study *study;
	int64_t round, trial, fold; /* fold -2: all */
	size_t model;
	int next_fold;              /* to be handed out */
	char scratch[64];
	json_t *results; /* [{fold, score | failed, seconds, peak_rss}] */
	size_t failed;
};

/* ---- what is asked for ---- */

static int take_number(const struct arguments *arguments, const char *option, int64_t least, int64_t fallback, int64_t *out, struct orch_err *err)
{
	const char *text = arguments_value(arguments, option);

	*out = fallback;
	if (text && (!text_to_int64(text, out) || *out < least))
		return orch_fail(err, ORCH_EINPUT, "%s \"%s\" is no number of a %s", option, text, option + 2);
	return 0;
}

static int take_arguments(struct fitting *fitting, struct orch_err *err)
{
	const struct arguments *arguments = fitting->arguments;
	int code = arguments_flag(arguments, "--trial") ? 0 : orch_fail(err, ORCH_EINPUT, "which trial? --trial N; `orch show` names those that failed");

	if (!code)
		code = take_number(arguments, "--trial", 0, 0, &fitting->trial, err);
	if (!code)
		code = take_number(arguments, "--round", 0, 0, &fitting->round, err);
	if (!code)
		code = take_number(arguments, "--fold", -1, -2, &fitting->fold, err);
	return code ? code : command_campaign(arguments, &fitting->campaign, err);
}

/* ---- the campaign, read only ---- */

static int read_in(const struct fitting *fitting, const char *name, json_t **out, struct orch_err *err)
{
	char *path = file_join(fitting->campaign, name);
	int code = json_read_file(path, out, err);

	free(path);
	return code;
}

static int open_spec(struct fitting *fitting, struct orch_err *err)
{
	json_t *resolved = NULL;
	int code = read_in(fitting, "campaign.json", &fitting->info, err);

	if (!code)
		code = read_in(fitting, "spec.json", &resolved, err);
	if (!code) {
		char *path = file_join(fitting->campaign, json_get_text(fitting->info, "spec_path", "campaign.yaml")), *base = file_folder(path);

		code = spec_from_resolved(resolved, path, base, &fitting->spec, err);
		free(path);
		free(base);
	}
	json_decref(resolved);
	return code;
}

static int open_study(struct fitting *fitting, struct orch_err *err)
{
	const json_t *data = json_object_get(fitting->info, "data");
	struct prepared prepared = {0};
	int code;

	if (!study_open(fitting->spec, json_get_text(data, "frame", ""), json_get_text(data, "folds", ""), &fitting->study, NULL))
		return 0;
	code = prepare_data(fitting->spec, probe_program(), &prepared, err); /* the cache was emptied */
	if (!code)
		code = study_open(fitting->spec, prepared.frame, prepared.folds, &fitting->study, err);
	prepared_release(&prepared);
	return code;
}

/* The round's features, published or under way. */
static int select_features(struct fitting *fitting, struct orch_err *err)
{
	static const char *const places[] = {"rounds/round_%03lld/00_dataset/features.json", "rounds/.round_%03lld.work/00_dataset/features.json"};
	json_t *features = NULL;
	int code;

	for (size_t i = 0; i < 2 && !features; i++) {
		char name[96];

		snprintf(name, sizeof name, i ? places[1] : places[0], (long long)fitting->round);
		read_in(fitting, name, &features, NULL);
	}
	if (!features && fitting->round)
		return orch_fail(err, ORCH_EINPUT, "the campaign has no round %lld yet", (long long)fitting->round);
	code = study_select(fitting->study, features, err);
	json_decref(features);
	return code;
}

static int no_trial(void *context, const struct ledger_trial *trial, struct orch_err *err)
{
	(void)context, (void)trial, (void)err;
	return 0;
}

/* What a learning sampler would propose is known only for trials that the campaign has come to. */
static int check_trial(const struct fitting *fitting, const struct search *search, struct ledger *ledger, struct orch_err *err)
{
	unsigned long long trials = (unsigned long long)search_configurations(search);
	int code = 0;

	if ((uint64_t)fitting->trial >= trials)
		return orch_fail(err, ORCH_EINPUT, "there is no trial %lld: the search has %llu, counted from 0", (long long)fitting->trial, trials);
	if (search_generation(search, search_model(search, (uint64_t)fitting->trial)))
		code = ledger_find_trial(ledger, (unsigned)fitting->round, fitting->trial, no_trial, NULL, err);
	return code == ORCH_EMISSING ? orch_fail(err, ORCH_EINPUT, "trial %lld has not been run: what it tries is decided by the results before it",
	        (long long)fitting->trial) : code;
}

static int take_params(struct fitting *fitting, struct orch_err *err)
{
	struct search_source source = {.folds = fitting->study->folds, .maximise = fitting->study->metric->maximise};
	char *path = file_join(fitting->campaign, "ledger.db");
	struct search *search = NULL;
	int code = ledger_open(path, LEDGER_READ, campaign_dir_needs_rollback_journal(fitting->campaign), &source.ledger, err);

	if (!code)
		code = search_open(fitting->spec, (unsigned)fitting->round, &source, &search, err);
	if (!code)
		code = check_trial(fitting, search, source.ledger, err);
	if (!code)
		code = search_params(search, (uint64_t)fitting->trial, &fitting->params, err);
	if (!code)
		fitting->model = search_model(search, (uint64_t)fitting->trial);
	search_close(search);
	if (source.ledger)
		ledger_close(&source.ledger, NULL);
	free(path);
	return code;
}

static int take_left_out(struct fitting *fitting, struct orch_err *err)
{
	const char *name = arguments_value(fitting->arguments, "--without");
	const struct study_unit *unit = name ? study_unit_find(fitting->study, name) : NULL;

	if (!name)
		return 0;
	if (!unit)
		return orch_fail(err, ORCH_EINPUT, "round %lld has no feature or group \"%s\"", (long long)fitting->round, name);
	fitting->left_out = json_array();
	for (size_t i = 0; i < unit->count; i++)
		json_array_append_new(fitting->left_out, json_string_nocheck(unit->features[i]));
	return 0;
}

static int check_fold(struct fitting *fitting, struct orch_err *err)
{
	if (fitting->fold >= (int64_t)fitting->study->folds)
		return orch_fail(err, ORCH_EINPUT, "there is no fold %lld: there are %u, counted from 0; -1 is the holdout", (long long)fitting->fold, fitting->study->folds);
	return 0;
}

/* ---- the fits ---- */

static bool shares_folds(const struct fitting *fitting)
{
	return engine_find(fitting->spec->models[fitting->model].engine)->shares & ENGINE_SHARE_FOLDS;
}

static json_t *next_folds(struct fitting *fitting)
{
	json_t *folds = json_array();

	if (fitting->fold != -2) {
		json_array_append_new(folds, json_integer(fitting->fold));
		fitting->next_fold = (int)fitting->study->folds;
		return folds;
	}
	do
		json_array_append_new(folds, json_integer(fitting->next_fold++));
	while (shares_folds(fitting) && fitting->next_fold < (int)fitting->study->folds);
	return folds;
}

static int next(void *context, struct task *task, struct orch_err *err)
{
	struct fitting *fitting = context;
	json_t *folds, *variant;

	(void)err;
	if (fitting->next_fold >= (int)fitting->study->folds)
		return 0;
	folds = next_folds(fitting);
	variant = json_pack("{s:I, s:O}", "trial", (json_int_t)fitting->trial, "params", fitting->params);
	if (fitting->left_out)
		json_object_set(variant, "left_out", fitting->left_out);
	*task = (struct task){.kind = TASK_FIT, .stage = STAGE_HPO, .fit_count = json_array_size(folds), .needs_setup = true,
	        .line = json_pack("{s:s, s:I, s:s, s:i, s:b, s:b, s:b, s:s, s:o, s:[o]}", "type", "fit", "id", (json_int_t)0, "stage", stage_table[STAGE_HPO].name, "model", (int)fitting->model,
	                "shared", json_array_size(folds) > 1, "predictions", 0, "save_model", 0, "scratch", fitting->scratch, "folds", folds, "variants", variant)};
	return 1;
}

static void say(struct fitting *fitting, json_int_t fold, const char *failed, double score, const struct task_outcome *outcome)
{
	json_t *entry = json_pack("{s:I, s:o, s:f, s:I}", "fold", fold, "score", json_number_or_null(score), "seconds", outcome->seconds, "peak_rss",
	        (json_int_t)outcome->peak_rss);
	char seconds[TEXT_NUMBER_MAX], where[32];

	json_object_set_new(entry, "failed", failed ? json_string_nocheck(failed) : json_null());
	json_array_append_new(fitting->results, entry);
	fitting->failed += failed != NULL;
	if (arguments_flag(fitting->arguments, "--json"))
		return;
	if (fold < 0)
		snprintf(where, sizeof where, "holdout");
	else
		snprintf(where, sizeof where, "fold %lld", (long long)fold);
	if (failed)
		printf("%s: failed after %s: %s%s", where, text_seconds(outcome->seconds, seconds), failed, failed[strlen(failed) - 1] == '\n' ? "" : "\n");
	else
		printf("%s: %s %.9g, in %.3g s\n", where, fitting->study->metric->name, score, outcome->seconds);
}

static int finished(void *context, struct task *task, struct task_outcome *outcome, struct orch_err *err)
{
	struct fitting *fitting = context;
	json_t *result, *fold;
	size_t i;

	(void)err;
	if (outcome->end == TASK_OK)
		json_array_foreach(outcome->results, i, result)
			say(fitting, json_get_int(result, "fold", 0), json_get_text(result, "failed", NULL), json_get_real(result, "score", NAN), outcome);
	else
		json_array_foreach(json_object_get(task->line, "folds"), i, fold) {
			char *text = text_format("%s: %s", task_end_name(outcome->end), outcome->text ? outcome->text : "no reason given");
			char *safe = text_is_utf8(text, strlen(text)) ? mem_text(text) : text_printable(text);

			say(fitting, json_integer_value(fold), safe, NAN, outcome);
			free(text);
			free(safe);
		}
	return 0;
}

static json_t *setup_of(const struct fitting *fitting)
{
	return json_pack("{s:s, s:i, s:O, s:s, s:s, s:s, s:i, s:o}", "type", "setup", "protocol", TASK_PROTOCOL, "spec", fitting->spec->resolved, "base", fitting->spec->base,
	        "frame", fitting->study->frame_path, "folds", fitting->study->folds_path, "round", (int)fitting->round, "features", study_feature_names(fitting->study));
}

static int run(struct fitting *fitting, struct orch_err *err)
{
	struct scheduler_options options = {.program = probe_program(), .workers = 1, .timeout_each = fitting->spec->resources.fit_timeout,
	        .threads = (unsigned)json_get_int(json_object_get(fitting->info, "run"), "threads", 1), .memory_each = fitting->spec->resources.fit_memory ? fitting->spec->resources.fit_memory : fitting->spec->resources.memory,
	        .memory_shared = fitting->study->frame->map_length};
	struct scheduler_source source = {.context = fitting, .next = next, .finished = finished};
	struct scheduler *scheduler = NULL;
	char *params = json_text(fitting->params, JSON_STYLE_CANONICAL);
	int code = 0;

	strcpy(fitting->scratch, "/tmp/orch-fit.XXXXXX");
	if (!mkdtemp(fitting->scratch))
		code = orch_fail_sys(err, ORCH_EIO, errno, "cannot make a folder in /tmp");
	if (!code)
		code = scheduler_open(&options, &scheduler, err);
	if (!code) {
		command_say(fitting->arguments, "round %lld, trial %lld: %s", (long long)fitting->round, (long long)fitting->trial, params);
		scheduler_setup(scheduler, setup_of(fitting));
		code = scheduler_run(scheduler, &source, err);
	}
	scheduler_close(scheduler);
	file_remove_tree(fitting->scratch, NULL);
	free(params);
	return code;
}

static void print_json(struct fitting *fitting)
{
	json_t *object = json_pack("{s:i, s:I, s:I, s:O, s:s, s:O}", "version", 1, "round", (json_int_t)fitting->round, "trial", (json_int_t)fitting->trial, "params",
	        fitting->params, "metric", fitting->study->metric->name, "fits", fitting->results);

	command_print_json(object);
	json_decref(object);
}

static void release(struct fitting *fitting)
{
	json_decref(fitting->info);
	json_decref(fitting->params);
	json_decref(fitting->left_out);
	json_decref(fitting->results);
	study_close(fitting->study);
	spec_release(fitting->spec);
	free(fitting->campaign);
}

int cmd_fit(int argc, char **argv)
{
	struct arguments arguments;
	struct fitting fitting = {.arguments = &arguments, .results = json_array()};
	static int (*const steps[])(struct fitting *, struct orch_err *) = {take_arguments, open_spec, open_study, select_features, take_params, take_left_out, check_fold, run};
	struct orch_err err = {0};
	int code = 0, status;

	if (!command_begin("fit", argc, argv, &arguments, &status)) {
		json_decref(fitting.results);
		return status;
	}
	scheduler_catch_signals();
	for (size_t i = 0; i < sizeof steps / sizeof *steps && !code; i++)
		code = steps[i](&fitting, &err);
	if (!code && arguments_flag(&arguments, "--json"))
		print_json(&fitting);
	if (!code)
		command_next(&arguments, "%s show %s", command_program(), fitting.campaign);
	status = code ? command_failed("fit", code, &err) : fitting.failed ? 1 : 0;
	release(&fitting);
	return status;
}
