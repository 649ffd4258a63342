/* What went wrong, grouped: fits that failed for good from the ledger's rows, attempts by cause, and what took longest from telemetry/. */
#include <stdlib.h>
#include <string.h>

#include "orchestrator/outcome.h"
#include "orchestrator/stage.h"
#include "orchestrator/task.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/campaign_dir.h"
#include "storage/event_log.h"
#include "storage/ledger.h"

#define OUTPUT_LINES 20
#define ATTEMPTS_MAX 1000000u
#define GROUPS_MAX 50 /* the rest is counted in the last one */

/* ---- fits ---- */

/* "timeout: stopped after 2 s ..." as failed tasks are noted; what an engine says of its own fit has no such word in front. */
static const char *cause_of(const char *note, const char **text)
{
	for (int end = TASK_EXIT; end <= TASK_ERROR; end++) {
		size_t length = strlen(task_end_name((enum task_end)end));

		if (!strncmp(note, task_end_name((enum task_end)end), length) && !strncmp(note + length, ": ", 2)) {
			*text = note + length + 2;
			return task_end_name((enum task_end)end);
		}
	}
	*text = note;
	return "error";
}

/* The first line with every number as '#': what differs in a number only belongs together. */
static char *kind_of(const char *cause, const char *text)
{
	struct text_buf out = {0};

	text_addf(&out, "%s: ", cause);
	for (size_t i = 0, end = strcspn(text, "\n"); i < end; i++) {
		bool digit = text[i] >= '0' && text[i] <= '9';

		if (!digit)
			text_add_bytes(&out, text + i, 1);
		else if (out.data[out.length - 1] != '#')
			text_add(&out, "#");
	}
	return text_take(&out);
}

static json_t *last_lines(const char *text)
{
	const char *at = text + strlen(text);
	char *printable;
	json_t *lines = json_array();

	for (int line = 0; at > text && line < OUTPUT_LINES; at--)
		line += at[-1] == '\n' && at[0];
	at += at > text && *at == '\n';
	while (*at) {
		size_t length = strcspn(at, "\n");
		char *copy = text_format("%.*s", (int)length, at);

		printable = text_printable(copy);
		json_array_append_new(lines, json_string_nocheck(printable));
		free(printable);
		free(copy);
		at += length + (at[length] == '\n');
	}
	return lines;
}

struct grouping {
	json_t *groups, *kinds; /* kinds: kind -> position in groups */
};

static int add_fit(void *context, const struct ledger_fit *fit, struct orch_err *err)
{
	struct grouping *grouping = context;
	const char *note = fit->note ? fit->note : "no reason was kept", *text, *cause, *rest;
	char *kind, *first, *shown;
	json_t *group;

	(void)err;
	if (fit->state != LEDGER_FAILED)
		return 0;
	cause = cause_of(note, &text);
	kind = kind_of(cause, text);
	group = json_array_get(grouping->groups, (size_t)json_get_int(grouping->kinds, kind, GROUPS_MAX));
	if (!group && json_array_size(grouping->groups) == GROUPS_MAX)
		group = json_array_get(grouping->groups, GROUPS_MAX - 1);
	if (!group) {
		json_object_set_new(grouping->kinds, kind, json_integer((json_int_t)json_array_size(grouping->groups)));
		first = text_format("%.*s", (int)strcspn(text, "\n"), text);
		shown = text_printable(first);
		rest = strchr(text, '\n');
		group = json_pack("{s:s, s:s, s:i, s:i, s:s, s:I, s:i, s:s, s:o}", "cause", cause, "text", shown, "count", 0, "round", (int)fit->round, "stage", fit->stage, "trial",
		        (json_int_t)fit->trial, "fold", fit->fold, "left_out", fit->left_out, "output", last_lines(rest ? rest + 1 : ""));
		json_array_append_new(grouping->groups, group);
		free(first);
		free(shown);
	}
	json_object_set_new(group, "count", json_integer(json_get_int(group, "count", 0) + 1));
	free(kind);
	return 0;
}

/* ---- their parameters ---- */

struct naming {
	json_t *groups;
	unsigned round;
};

static int add_params(void *context, const struct ledger_trial *trial, struct orch_err *err)
{
	struct naming *naming = context;
	json_t *group, *params = NULL;
	size_t i;

	(void)err;
	json_array_foreach(naming->groups, i, group)
		if (json_get_int(group, "round", -1) == (json_int_t)naming->round && json_get_int(group, "trial", -1) == trial->trial) {
			if (!params && json_parse(trial->params, strlen(trial->params), "ledger", &params, NULL))
				return 0;
			json_object_set(group, "params", params);
		}
	json_decref(params);
	return 0;
}

static int name_params(struct ledger *ledger, unsigned rounds, json_t *groups, struct orch_err *err)
{
	int code = 0;

	for (unsigned round = 0; round < rounds && !code && json_array_size(groups); round++) {
		struct naming naming = {.groups = groups, .round = round};

		code = ledger_each_trial(ledger, round, add_params, &naming, err);
	}
	return code;
}

static int add_attempt(void *context, const struct ledger_attempt *attempt, struct orch_err *err)
{
	json_t *attempts = context;

	(void)err;
	json_object_set_new(attempts, attempt->cause, json_integer(json_get_int(attempts, attempt->cause, 0) + 1));
	return 0;
}

/* Stages without failed fits are not walked through. */
static int add_failed_fits(struct ledger *ledger, unsigned rounds, struct grouping *grouping, struct orch_err *err)
{
	int code = 0;

	for (unsigned round = 0; round < rounds && !code; round++)
		for (unsigned s = 0; s < STAGE_COUNT && !code; s++) {
			int64_t done = 0, failed = 0;

			if (stage_table[s].has_fits)
				code = ledger_counts(ledger, round, stage_table[s].name, &done, &failed, err);
			if (!code && failed)
				code = ledger_each_fit(ledger, round, stage_table[s].name, add_fit, grouping, err);
		}
	return code;
}

int outcome_failures(const char *campaign, unsigned rounds, json_t **failures, json_t **attempts, struct orch_err *err)
{
	char *path = file_join(campaign, "ledger.db");
	struct grouping grouping = {.groups = json_array(), .kinds = json_object()};
	json_t *causes = json_object();
	struct ledger *ledger = NULL;
	int code = ledger_open(path, LEDGER_READ, campaign_dir_needs_rollback_journal(campaign), &ledger, err);

	if (!code)
		code = add_failed_fits(ledger, rounds, &grouping, err);
	if (!code)
		code = name_params(ledger, rounds, grouping.groups, err);
	if (!code)
		code = ledger_each_failure(ledger, ATTEMPTS_MAX, add_attempt, causes, err);
	if (ledger)
		ledger_close(&ledger, NULL);
	json_decref(grouping.kinds);
	if (code) {
		json_decref(grouping.groups);
		json_decref(causes);
	} else {
		*failures = grouping.groups;
		*attempts = causes;
	}
	free(path);
	return code;
}

/* ---- what took longest ---- */

struct slowest {
	unsigned round;
	size_t count;
	json_t *list; /* slowest first */
};

static int add_task(void *context, const json_t *event, struct orch_err *err)
{
	struct slowest *slowest = context;
	double seconds = json_get_real(event, "seconds", 0);
	size_t at = json_array_size(slowest->list);

	(void)err;
	if (strcmp(json_get_text(event, "event", ""), "task") || strcmp(json_get_text(event, "kind", ""), "fit"))
		return 0;
	while (at > 0 && json_get_real(json_array_get(slowest->list, at - 1), "seconds", 0) < seconds)
		at--;
	if (at == slowest->count)
		return 0;
	json_array_insert_new(slowest->list, at, json_pack("{s:i, s:s, s:I, s:I, s:f, s:I, s:s, s:O?}", "round", (int)slowest->round, "stage", json_get_text(event, "stage", ""), "trial",
	        (json_int_t)json_get_int(event, "trial", -1), "fits", (json_int_t)json_get_int(event, "fits", 0), "seconds", seconds, "peak_rss",
	        (json_int_t)json_get_int(event, "peak_rss", 0), "end", json_get_text(event, "end", ""), "folds", json_object_get(event, "folds")));
	if (json_array_size(slowest->list) > slowest->count)
		json_array_remove(slowest->list, slowest->count);
	return 0;
}

json_t *outcome_slowest(const char *campaign, size_t count)
{
	struct slowest slowest = {.count = count, .list = json_array()};

	for (;; slowest.round++) {
		char *name = text_format("telemetry/round_%03u.jsonl", slowest.round), *path = file_join(campaign, name);
		bool there = file_exists(path);

		if (there)
			event_log_each(path, add_task, &slowest, NULL);
		free(name);
		free(path);
		if (!there)
			return slowest.list;
	}
}
