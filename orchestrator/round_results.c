/* What ended tasks leave: the results of their fits in the ledger, every attempt in ledger and telemetry, words about those that failed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/display.h"
#include "orchestrator/round_run.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

#define ATTEMPTS_SAID 20 /* a round */

bool round_run_wants_seconds(const struct round_run *run, unsigned stage)
{
	const struct spec *spec = run->campaign->spec;
	bool wants = false;

	for (size_t i = 0; i < spec->objective_count; i++)
		wants = wants || !strcmp(spec->objectives[i], SPEC_FIT_SECONDS);
	for (size_t i = 0; i < spec->constraint_count; i++)
		wants = wants || !strcmp(spec->constraints[i].name, SPEC_FIT_SECONDS);
	return wants && stage == STAGE_HPO;
}

static int check_files(const struct round_run *run, const json_t *result, struct orch_err *err)
{
	json_t *files = json_object_get(result, "files"), *file;
	size_t i;

	json_array_foreach(files, i, file) {
		const char *name = json_get_text(file, "name", "");
		char *path = file_join(run->scratch, name);
		bool there = name[0] && !strchr(name, '/') && file_size(path) == json_get_int(file, "bytes", -2);

		free(path);
		if (!there)
			return orch_fail(err, ORCH_EFIT, "the worker named a file \"%s\" that is not there as said", name);
	}
	return json_array_size(files) ? file_sync_folder(run->scratch, err) : 0;
}

/* seconds: of the fit; of fits that share a task, their part of it. */
static int put_result(struct round_run *run, const struct task *task, const json_t *result, double seconds, struct orch_err *err)
{
	struct fit_plan *plan = run->plans[task->stage];
	size_t variant = (size_t)json_get_int(result, "variant", 0);
	int fold = (int)json_get_int(result, "fold", 0), code;
	const char *failed = json_get_text(result, "failed", NULL);
	struct fit_address address;
	struct ledger_fit fit = {.round = run->round, .stage = stage_table[task->stage].name, .score = NAN};
	char *metrics = NULL, *files = NULL;

	fit_plan_address(plan, task, variant, fold, &address);
	if (fit_plan_marked(plan, address.number))
		return 0; /* done before; the task was cut together with one that was not */
	fit_plan_key(plan, task, variant, fold, fit.key);
	fit.trial = address.trial;
	fit.fold = fold;
	fit.left_out = address.left_out;
	fit.state = failed ? LEDGER_FAILED : json_get_bool(result, "pruned", 0) ? LEDGER_PRUNED : LEDGER_DONE;
	fit.note = failed ? failed : json_get_text(result, "note", NULL);
	if (!failed) {
		fit.score = json_get_real(result, "score", NAN);
		if (round_run_wants_seconds(run, task->stage) && json_is_object(json_object_get(result, "metrics")))
			json_object_set_new(json_object_get(result, "metrics"), SPEC_FIT_SECONDS, json_real(seconds));
		fit.metrics = metrics = json_text(json_object_get(result, "metrics"), JSON_STYLE_CANONICAL);
		if (json_array_size(json_object_get(result, "files")))
			fit.files = files = json_text(json_object_get(result, "files"), JSON_STYLE_CANONICAL);
	}
	code = ledger_put_fit(run->campaign->ledger, &fit, err);
	if (!code) {
		fit_plan_mark(plan, address.number);
		run->campaign->fits_done += !failed;
		run->campaign->fits_failed += failed != NULL;
		run->failed[task->stage] += failed != NULL;
		if (task->stage != STAGE_BASELINE || fit.trial == run->trial)
			round_run_note_lofo(run, task->stage, address.left_out, fold, fit.score);
		if (task->stage == STAGE_HPO)
			code = round_run_note_trial(run, &(struct search_fit){address.trial, fold, fit.score, fit.state == LEDGER_PRUNED, json_object_get(result, "metrics")}, true, err);
	}
	free(metrics);
	free(files);
	return code;
}

static int put_attempt(struct round_run *run, const struct task *task, const struct task_outcome *outcome, const char *cause, struct orch_err *err)
{
	json_t *folds = json_object_get(task->line, "folds");
	struct ledger_attempt attempt = {.round = run->round, .stage = stage_table[task->stage].name, .attempt = task->attempt, .cause = cause,
	        .text = outcome->text, .wall_start = outcome->wall_start, .seconds = outcome->seconds, .cpu_seconds = outcome->cpu_seconds,
	        .peak_rss = outcome->peak_rss, .pid = (int)outcome->pid};

	if (task->kind != TASK_FIT)
		return 0;
	fit_plan_key(run->plans[task->stage], task, 0, (int)json_integer_value(json_array_get(folds, 0)), attempt.key);
	return ledger_put_attempt(run->campaign->ledger, &attempt, err);
}

/* What the programs of a task told of each fit: "stderr", "progress". */
static void add_told(json_t *fields, const struct task_outcome *outcome, const char *key)
{
	json_t *told = json_array(), *result;
	size_t i;

	json_array_foreach(outcome->results, i, result)
		if (json_object_get(result, key))
			json_array_append_new(told, json_pack("{s:O, s:O, s:O}", "variant", json_object_get(result, "variant"), "fold", json_object_get(result, "fold"),
			        !strcmp(key, "stderr") ? "text" : "values", json_object_get(result, key)));
	if (json_array_size(told))
		json_object_set(fields, key, told);
	json_decref(told);
}

int round_run_telemetry(struct round_run *run, const struct task *task, const struct task_outcome *outcome, struct orch_err *err)
{
	json_t *fields = json_pack("{s:s, s:s, s:I, s:i, s:i, s:f, s:f, s:f, s:I, s:I, s:s}", "stage", stage_table[task->stage].name, "kind",
	        task->kind == TASK_FIT ? "fit" : "write", "group", (json_int_t)task->group, "attempt", (int)task->attempt, "pid", (int)outcome->pid,
	        "seconds", outcome->seconds, "cpu_seconds", outcome->cpu_seconds, "message_cpu_seconds", outcome->message_cpu, "peak_rss", (json_int_t)outcome->peak_rss, "rss_after",
	        (json_int_t)outcome->rss_anon, "end",
	        task_end_name(outcome->end));
	json_t *variant = json_array_get(json_object_get(task->line, "variants"), 0);
	int code;

	if (variant) {
		json_object_set_new(fields, "fits", json_integer((json_int_t)task->fit_count));
		if (task->parts > 1)
			json_object_set_new(fields, "tasks", json_integer(task->parts));
		json_object_set(fields, "trial", json_object_get(variant, "trial"));
		json_object_set(fields, "folds", json_object_get(task->line, "folds"));
	}
	if (outcome->text)
		json_object_set_new(fields, "text", json_string_nocheck(outcome->text));
	add_told(fields, outcome, "stderr");
	add_told(fields, outcome, "progress");
	code = event_log_add(run->campaign->telemetry, "task", fields, err);
	json_decref(fields);
	return code;
}

/* Every fit of a task that is out of attempts has failed with the task's cause; the worker's last output is kept with the first of them. */
static json_t *failed_results(const struct task *task, const struct task_outcome *outcome)
{
	json_t *results = json_array(), *fold;
	size_t variants = json_array_size(json_object_get(task->line, "variants")), i;
	char *text = text_format("%s: %s", task_end_name(outcome->end), outcome->text ? outcome->text : "no reason given");
	char *safe = text_is_utf8(text, strlen(text)) ? mem_text(text) : text_printable(text), *brief = text_format("%.*s", (int)strcspn(safe, "\n"), safe);

	for (size_t v = 0; v < variants; v++)
		json_array_foreach(json_object_get(task->line, "folds"), i, fold)
			json_array_append_new(results, json_pack("{s:i, s:O, s:s}", "variant", (int)v, "fold", fold, "failed", v || i ? brief : safe));
	free(text);
	free(safe);
	free(brief);
	return results;
}

int round_run_results(struct round_run *run, struct task *task, struct task_outcome *outcome, struct orch_err *err)
{
	struct ledger *ledger = run->campaign->ledger;
	struct orch_err file_err = {0};
	json_t *results = NULL, *result;
	size_t i;
	int code = 0;

	/* A full disk, no memory, no descriptors: the system's fault must not become the fits' failure, which no resume would do again. */
	if (outcome->end == TASK_ERROR && outcome->detail != ORCH_EFIT && outcome->detail < 0)
		return orch_fail(err, outcome->detail, "%s: %s", stage_table[task->stage].name, outcome->text ? outcome->text : "a worker failed");
	if (outcome->end == TASK_OK) {
		results = json_incref(outcome->results);
		json_array_foreach(results, i, result) {
			int bad = code ? 0 : check_files(run, result, &file_err);

			if (bad && bad != ORCH_EFIT)
				code = orch_fail(err, bad, "%s", file_err.text); /* a failed sync is no fault of the fit: nothing is acknowledged */
			else if (bad && !json_object_get(result, "failed"))
				json_object_set_new(result, "failed", json_string(file_err.text));
		}
	} else {
		results = failed_results(task, outcome);
	}
	if (code) {
		json_decref(results);
		return code;
	}
	ledger_task_begin(ledger);
	json_array_foreach(results, i, result)
		if (!code)
			code = put_result(run, task, result, outcome->seconds / (double)(task->fit_count ? task->fit_count : 1), err);
	if (!code && outcome->end == TASK_OK)
		code = put_attempt(run, task, outcome, "ok", err);
	if (!code)
		code = ledger_task_end(ledger, err);
	json_decref(results);
	eta_note(&run->campaign->rates[task->stage], outcome->seconds, task->fit_count);
	batching_note(&run->batching, task->stage, task->parts, outcome->seconds);
	round_run_show_stage(run, (enum stage_id)task->stage);
	return code;
}
/* The first failed fit's own words ("failed") or cause, for an attempt whose worker lived. */
static const char *first_failure(const struct task_outcome *outcome, const char *key, const char *fallback)
{
	json_t *result;
	size_t i;

	json_array_foreach(outcome->results, i, result)
		if (json_object_get(result, "failed"))
			return json_get_text(result, key, fallback);
	return fallback;
}

/* What failed and, of a program's many lines, the last one: there it says why. malloc'd. */
static char *first_and_last_line(const char *text)
{
	size_t first = strcspn(text, "\n"), end = strlen(text), begin;
	char *joined, *line;

	while (end && strchr(" \t\r\n", text[end - 1]))
		end--;
	for (begin = end; begin && text[begin - 1] != '\n';)
		begin--;
	begin += strspn(text + begin, " \t");
	joined = begin > first ? text_format("%.*s: %.*s", (int)first, text, (int)(end - begin), text + begin) : text_format("%.*s", (int)end, text);
	line = text_printable(joined);
	free(joined);
	return line;
}

/* A night of failures must not fill the log: from some number on they are counted only (progress.jsonl has all). */
static void say_attempt(struct round_run *run, const struct task *task, const char *cause, bool will_retry, const char *text)
{
	struct display *display = run->campaign->display;
	json_t *variant = json_array_get(json_object_get(task->line, "variants"), 0), *folds = json_object_get(task->line, "folds");
	long long trial = (long long)json_get_int(variant, "trial", -1), fold = (long long)json_integer_value(json_array_get(folds, 0));
	char where[48] = "";

	if (run->attempts_said > ATTEMPTS_SAID)
		return;
	if (run->attempts_said++ == ATTEMPTS_SAID) {
		display_line(display, "more attempts fail in this round; they are counted, `orch show` tells their causes");
		return;
	}
	if (json_array_size(folds) == 1 && fold >= 0)
		snprintf(where, sizeof where, " fold %lld", fold);
	if (task->kind == TASK_FIT)
		display_line(display, "%s trial %lld%s: attempt %u failed (%s)%s: %.160s", stage_table[task->stage].name, trial, where, task->attempt + 1, cause,
		        will_retry ? ", trying again" : "", text);
	else
		display_line(display, "%s: writing it failed (%s)%s: %.160s", stage_table[task->stage].name, cause, will_retry ? ", trying again" : "", text);
}

int round_run_attempt_failed(void *context, const struct task *task, const struct task_outcome *outcome, bool will_retry, struct orch_err *err)
{
	struct round_run *run = context;
	struct task_outcome shown = *outcome;
	const char *cause = outcome->end == TASK_OK ? first_failure(outcome, "cause", "error") : task_end_name(outcome->end);
	const char *text = outcome->end == TASK_OK ? first_failure(outcome, "failed", "failed") : outcome->text;
	char *line = text_printable(text ? text : ""), *said = first_and_last_line(text ? text : "");
	json_t *variant = json_array_get(json_object_get(task->line, "variants"), 0);
	int code;

	shown.text = (char *)text;
	code = put_attempt(run, task, &shown, cause, err);
	if (!code && will_retry)
		code = round_run_telemetry(run, task, &shown, err);
	if (!code)
		code = campaign_event(run->campaign, "attempt_failed", json_pack("{s:i, s:s, s:I, s:i, s:s, s:s, s:b}", "round", (int)run->round, "stage",
		        stage_table[task->stage].name, "trial", (json_int_t)json_get_int(variant, "trial", -1), "attempt", (int)task->attempt, "cause", cause,
		        "text", line, "retry", will_retry), err);
	if (!code && will_retry && task->kind == TASK_WRITE)
		code = 0; /* the folder is written into again from the start: writers create their files anew */
	say_attempt(run, task, cause, will_retry, said);
	free(said);
	free(line);
	return code;
}
