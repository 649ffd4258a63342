/* What came out, as people read it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/outcome.h"
#include "orchestrator/command.h"
#include "orchestrator/stage.h"
#include "storage/base/json.h"

#define NAMES_WIDTH 60

static const char *number(const json_t *value, char out[TEXT_NUMBER_MAX])
{
	if (json_is_number(value))
		snprintf(out, TEXT_NUMBER_MAX, "%.6g", json_number_value(value));
	else
		snprintf(out, TEXT_NUMBER_MAX, "-");
	return out;
}

static const char *short_number(const json_t *value, char out[TEXT_NUMBER_MAX])
{
	if (json_is_number(value))
		snprintf(out, TEXT_NUMBER_MAX, "%.3g", json_number_value(value));
	else
		snprintf(out, TEXT_NUMBER_MAX, "-");
	return out;
}

static const char *plural(json_int_t count)
{
	return count == 1 ? "" : "s";
}

/* "a, b, c and 12 more" */
static void add_names(struct text_buf *out, const json_t *names, size_t width)
{
	size_t start = out->length, count = json_array_size(names);

	for (size_t i = 0; i < count; i++) {
		char *whole = text_printable(json_string_value(json_array_get(names, i))), *name = text_cut(whole, TEXT_NAME_SHOWN);

		free(whole);
		if (i && out->length - start + strlen(name) > width) {
			text_addf(out, " and %zu more", count - i);
			free(name);
			return;
		}
		text_addf(out, "%s%s", i ? ", " : "", name);
		free(name);
	}
}

static void add_params(struct text_buf *out, const json_t *params)
{
	const char *key;
	json_t *value;
	size_t count = 0;

	json_object_foreach((json_t *)params, key, value) {
		char *text = json_text(value, JSON_STYLE_CANONICAL);

		text_addf(out, "%s%s: %s", count++ ? ", " : "", key, text);
		free(text);
	}
	if (!count)
		text_add(out, "the engine's defaults");
}

/* ---- rounds ---- */

static void add_round(struct text_buf *out, const json_t *row, long long chosen)
{
	char a[TEXT_NUMBER_MAX], b[TEXT_NUMBER_MAX], c[TEXT_NUMBER_MAX];
	long long round = (long long)json_get_int(row, "round", 0);
	const json_t *dropped = json_object_get(row, "dropped");

	text_addf(out, "%s %5lld  %8lld  %-12s %-9s %-12s ", round == chosen ? "*" : " ", round, (long long)json_get_int(row, "features", 0),
	        number(json_object_get(row, "score"), a), short_number(json_object_get(row, "se"), b), number(json_object_get(row, "holdout"), c));
	if (json_array_size(dropped))
		add_names(out, dropped, NAMES_WIDTH);
	else
		text_addf(out, "- %s", json_get_text(row, "reason", ""));
	text_add(out, "\n");
}

static void add_rounds(struct text_buf *out, const json_t *outcome)
{
	const json_t *rounds = json_object_get(outcome, "rounds"), *chosen = json_object_get(outcome, "chosen");
	json_t *row;
	size_t i;

	if (!json_array_size(rounds)) {
		text_add(out, "no round is finished yet\n");
		return;
	}
	text_addf(out, "  round  features  %-12s %-9s %-12s dropped after it\n", json_get_text(outcome, "metric", "score"), "se", "holdout");
	json_array_foreach(rounds, i, row)
		add_round(out, row, json_is_object(chosen) ? (long long)json_get_int(chosen, "round", -1) : -1);
	text_addf(out, "  (%s is better; se: standard error over folds; * chosen)\n", json_get_bool(outcome, "maximise", 0) ? "higher" : "lower");
}

/* ---- the chosen round ---- */

static void add_score(struct text_buf *out, const json_t *outcome)
{
	const json_t *chosen = json_object_get(outcome, "chosen"), *gain = json_object_get(chosen, "gain"), *first = json_array_get(json_object_get(outcome, "rounds"), 0);
	const char *metric = json_get_text(outcome, "metric", "score");
	double mean = json_get_real(gain, "mean", NAN), relative = json_get_real(gain, "relative", NAN);
	char a[TEXT_NUMBER_MAX], b[TEXT_NUMBER_MAX], c[TEXT_NUMBER_MAX];

	text_addf(out, "  score     %s %s, standard error %s (cross-validated; chosen by it, so a little optimistic)\n", metric, number(json_object_get(chosen, "score"), a),
	        short_number(json_object_get(chosen, "se"), b));
	if (isfinite(mean)) {
		text_addf(out, "  gain      %s %s than round 0 (%s)", short_number(json_object_get(gain, "mean"), a), mean >= 0 ? "better" : "(worse)", number(json_object_get(first, "score"), b));
		if (isfinite(relative))
			text_addf(out, ", %+.2g %%", 100 * relative);
		if (json_is_number(json_object_get(gain, "ci_low")))
			text_addf(out, "; 95 %% interval %s to %s", short_number(json_object_get(gain, "ci_low"), b), short_number(json_object_get(gain, "ci_high"), c));
		text_add(out, "\n");
	}
	if (json_is_number(json_object_get(chosen, "holdout")))
		text_addf(out, "  holdout   %s %s (rows that nothing has seen; round 0: %s)\n", metric, number(json_object_get(chosen, "holdout"), a),
		        number(json_object_get(first, "holdout"), b));
}

static void add_dropped(struct text_buf *out, const json_t *outcome)
{
	json_t *names = json_array(), *entry;
	size_t i;

	json_array_foreach(json_object_get(outcome, "dropped"), i, entry)
		json_array_append(names, json_object_get(entry, "feature"));
	text_add(out, "  dropped   ");
	if (json_array_size(names))
		add_names(out, names, 100);
	else
		text_add(out, "nothing");
	text_add(out, "\n");
	json_decref(names);
}

/* Beside the best alone: nothing is chosen by it. */
static void add_ensemble(struct text_buf *out, const json_t *outcome)
{
	const json_t *ensemble = json_object_get(json_object_get(outcome, "chosen"), "ensemble"), *gain = json_object_get(ensemble, "gain");
	char text[TEXT_NUMBER_MAX];
	double mean = json_get_real(gain, "mean", NAN);

	if (!ensemble)
		return;
	text_addf(out, "  ensemble  %s of %lld: %s %s", json_get_text(ensemble, "method", ""), (long long)json_get_int(ensemble, "members", 0),
	        json_get_text(outcome, "metric", "score"), number(json_object_get(ensemble, "score"), text));
	if (json_is_number(json_object_get(ensemble, "holdout")))
		text_addf(out, ", holdout %s", number(json_object_get(ensemble, "holdout"), text));
	if (isfinite(mean))
		text_addf(out, "; %.3g %s than the best alone", fabs(mean), mean < 0 ? "worse" : "better");
	if (json_is_number(json_object_get(gain, "ci_low")))
		text_addf(out, ", 95 %% interval %.3g to %.3g", json_get_real(gain, "ci_low", NAN), json_get_real(gain, "ci_high", NAN));
	text_add(out, "\n");
}

/* What further elimination would come to, if its folds are believed. */
static void add_path(struct text_buf *out, const json_t *outcome)
{
	const json_t *path = json_object_get(outcome, "path"), *best = json_object_get(path, "best"), *chosen = json_object_get(path, "chosen");
	char a[TEXT_NUMBER_MAX], b[TEXT_NUMBER_MAX];

	if (!json_is_object(path))
		return;
	text_addf(out, "  path      of round %lld down to one: best %s %s with %lld feature%s; %s with %lld, the fewest within one standard error (same folds: optimistic)\n",
	        (long long)json_get_int(path, "round", 0), json_get_text(outcome, "metric", "score"), short_number(json_object_get(best, "mean"), a),
	        (long long)json_get_int(best, "features", 0), plural(json_get_int(best, "features", 0)), short_number(json_object_get(chosen, "mean"), b), (long long)json_get_int(chosen, "features", 0));
}

static void add_chosen(struct text_buf *out, const json_t *outcome, bool with_features)
{
	const json_t *chosen = json_object_get(outcome, "chosen"), *searched = json_object_get(chosen, "searched");

	if (!json_is_object(chosen))
		return;
	text_addf(out, "  chosen    round %lld: %zu of %zu feature%s\n", (long long)json_get_int(chosen, "round", 0), json_array_size(json_object_get(chosen, "features")),
	        json_array_size(json_object_get(outcome, "all_features")), plural((json_int_t)json_array_size(json_object_get(outcome, "all_features"))));
	if (json_array_size(json_object_get(outcome, "rounds")) > 1)
		text_addf(out, "  why       %s\n", json_get_text(chosen, "reason", ""));
	if (json_get_text(chosen, "constraints_missed", NULL))
		text_addf(out, "  warning   %s\n", json_get_text(chosen, "constraints_missed", ""));
	add_score(out, outcome);
	text_add(out, "  with      ");
	if (json_object_get(chosen, "model"))
		text_addf(out, "%s; ", json_get_text(chosen, "model", ""));
	add_params(out, json_object_size(searched) ? searched : json_object_get(chosen, "params"));
	text_add(out, "\n");
	add_ensemble(out, outcome);
	add_dropped(out, outcome);
	if (with_features) {
		add_path(out, outcome);
		text_add(out, "  features  ");
		add_names(out, json_object_get(chosen, "features"), 400);
		text_add(out, "\n");
	}
}

/* ---- failures ---- */

static void add_causes(struct text_buf *out, const json_t *attempts)
{
	const char *cause;
	json_t *count;
	size_t listed = 0;

	json_object_foreach((json_t *)attempts, cause, count)
		text_addf(out, "%s%s %lld", listed++ ? ", " : "", cause, (long long)json_integer_value(count));
}

static json_int_t count_of(const json_t *failures)
{
	json_int_t total = 0;
	json_t *group;
	size_t i;

	json_array_foreach(failures, i, group)
		total += json_get_int(group, "count", 0);
	return total;
}

/* What its name stands for is another seed or a part of the rows, not a feature that is left out; `orch fit` does not do such a fit alone. */
static bool is_variation(const json_t *group)
{
	return !strcmp(json_get_text(group, "stage", ""), stage_table[STAGE_STABILITY].name);
}

static void add_where(struct text_buf *out, const json_t *group)
{
	const char *left_out = json_get_text(group, "left_out", "");
	long long fold = (long long)json_get_int(group, "fold", 0);

	text_addf(out, "round %lld %s trial %lld", (long long)json_get_int(group, "round", 0), json_get_text(group, "stage", ""), (long long)json_get_int(group, "trial", 0));
	if (fold < 0)
		text_add(out, " holdout");
	else
		text_addf(out, " fold %lld", fold);
	if (*left_out && is_variation(group))
		text_addf(out, " (%s)", left_out);
	else if (*left_out)
		text_addf(out, " without %s", left_out);
}

/* The line that reproduces it. */
static void add_again(struct text_buf *out, const json_t *outcome, const json_t *group)
{
	const char *left_out = json_get_text(group, "left_out", "");
	char *path, *name;

	if (is_variation(group))
		return;
	path = command_quote(json_get_text(outcome, "campaign", ""));
	name = command_quote(left_out);
	text_addf(out, "              again: %s fit %s --round %lld --trial %lld --fold %lld", command_program(), path, (long long)json_get_int(group, "round", 0),
	        (long long)json_get_int(group, "trial", 0), (long long)json_get_int(group, "fold", 0));
	if (*left_out)
		text_addf(out, " --without %s", name);
	text_add(out, "\n");
	free(path);
	free(name);
}

static void add_failures(struct text_buf *out, const json_t *outcome, bool with_output)
{
	const json_t *failures = json_object_get(outcome, "failures"), *attempts = json_object_get(outcome, "attempts");
	json_t *group, *line;
	size_t i, j;

	if (!json_array_size(failures) && !json_object_size(attempts))
		return;
	if (json_array_size(failures))
		text_addf(out, "  failures  %lld fit%s failed for good\n", (long long)count_of(failures), plural(count_of(failures)));
	else
		text_add(out, "  failures  none in the end\n");
	json_array_foreach(failures, i, group) {
		text_addf(out, "            %lldx %s: %s\n", (long long)json_get_int(group, "count", 0), json_get_text(group, "cause", ""), json_get_text(group, "text", ""));
		if (!with_output)
			continue;
		text_add(out, "              first: ");
		add_where(out, group);
		if (json_object_size(json_object_get(group, "params"))) {
			text_add(out, " with ");
			add_params(out, json_object_get(group, "params"));
		}
		text_add(out, "\n");
		json_array_foreach(json_object_get(group, "output"), j, line)
			text_addf(out, "              | %s\n", json_string_value(line));
		add_again(out, outcome, group);
	}
	if (json_object_size(attempts)) {
		text_add(out, "            attempts that failed, repeated ones included: ");
		add_causes(out, attempts);
		text_add(out, "\n");
	}
}

static void add_folds(struct text_buf *out, const json_t *folds)
{
	size_t count = json_array_size(folds);
	long long first = (long long)json_integer_value(json_array_get(folds, 0));

	if (count > 1)
		text_add(out, ", all folds");
	else if (count && first < 0)
		text_add(out, ", holdout");
	else if (count)
		text_addf(out, ", fold %lld", first);
}

static void add_slowest(struct text_buf *out, const json_t *outcome)
{
	json_t *task;
	size_t i;
	char a[TEXT_NUMBER_MAX], b[TEXT_NUMBER_MAX];

	json_array_foreach(json_object_get(outcome, "slowest"), i, task) {
		json_int_t fits = json_get_int(task, "fits", 0);

		text_addf(out, "  %-9s %s for %lld fit%s: round %lld %s", i ? "" : "slowest", text_seconds(json_get_real(task, "seconds", 0), a), (long long)fits, plural(fits),
		        (long long)json_get_int(task, "round", 0), json_get_text(task, "stage", ""));
		text_addf(out, ", trial%s %lld", fits > 1 ? "s from" : "", (long long)json_get_int(task, "trial", 0));
		add_folds(out, json_object_get(task, "folds"));
		if (json_get_int(task, "peak_rss", 0))
			text_addf(out, ", %s", text_bytes((uint64_t)json_get_int(task, "peak_rss", 0), b));
		text_add(out, "\n");
	}
}

/* ---- where things are ---- */

static void add_files(struct text_buf *out, const json_t *outcome)
{
	const json_t *files = json_object_get(outcome, "files");

	if (!json_is_object(files))
		return;
	text_addf(out, "  report    %s\n", json_get_text(files, "report", ""));
	text_addf(out, "  bundles   %s/\n", json_get_text(files, "bundles", ""));
	text_addf(out, "  notebook  %s\n", json_get_text(files, "notebook", ""));
}

static void add_totals(struct text_buf *out, const json_t *outcome)
{
	const json_t *totals = json_object_get(outcome, "totals");
	json_int_t rounds = json_get_int(totals, "rounds", 0), failed = json_get_int(totals, "trials_failed", 0);
	char a[TEXT_NUMBER_MAX], b[TEXT_NUMBER_MAX];

	if (!json_is_object(totals))
		return;
	text_addf(out, ": %lld round%s, %s trial%s", (long long)rounds, plural(rounds), text_count(json_get_int(totals, "trials", 0), a), plural(json_get_int(totals, "trials", 0)));
	if (failed)
		text_addf(out, " (%s failed)", text_count(failed, b));
	text_addf(out, ", %s fits", text_count(json_get_int(totals, "fits", 0), a));
}

void outcome_text(const json_t *outcome, struct text_buf *out)
{
	text_addf(out, "%s: %s", json_get_text(outcome, "name", "?"), json_get_text(outcome, "state", "?"));
	add_totals(out, outcome);
	text_add(out, "\n\n");
	add_rounds(out, outcome);
	text_add(out, "\n");
	add_chosen(out, outcome, true);
	add_failures(out, outcome, true);
	add_slowest(out, outcome);
	add_files(out, outcome);
}

void outcome_morning(const json_t *outcome, double seconds, struct text_buf *out)
{
	char a[TEXT_NUMBER_MAX];

	text_addf(out, "%s is done", json_get_text(outcome, "name", "?"));
	add_totals(out, outcome);
	if (isfinite(seconds))
		text_addf(out, "; this run took %s", text_seconds(seconds, a));
	text_add(out, "\n");
	add_chosen(out, outcome, false);
	add_failures(out, outcome, false);
	add_files(out, outcome);
}
