/* What came out, as Markdown: reads well in a terminal and in a pull request. Text from users is escaped: it is text there too. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/outcome.h"
#include "storage/base/json.h"

#define NAMES_MOST 20

static void add_escaped(struct text_buf *out, const char *text)
{
	char *plain = text_printable(text);

	for (const char *at = plain; *at; at++) {
		if (strchr("\\`*_[]<>|~#&", *at))
			text_add(out, "\\");
		text_add_bytes(out, at, 1);
	}
	free(plain);
}

static void add_number(struct text_buf *out, const json_t *value, int digits)
{
	if (json_is_number(value))
		text_addf(out, "%.*g", digits, json_number_value(value));
	else
		text_add(out, "-");
}

static void add_names(struct text_buf *out, const json_t *names)
{
	size_t count = json_array_size(names);

	for (size_t i = 0; i < count && i < NAMES_MOST; i++) {
		const json_t *entry = json_array_get(names, i);

		text_add(out, i ? ", " : "");
		add_escaped(out, json_is_object(entry) ? json_get_text(entry, "feature", "?") : json_string_value(entry));
	}
	if (count > NAMES_MOST)
		text_addf(out, " and %zu more", count - NAMES_MOST);
	if (!count)
		text_add(out, "nothing");
}

static void add_settings(struct text_buf *out, const json_t *settings)
{
	const char *name;
	json_t *value;
	size_t count = 0;

	json_object_foreach((json_t *)settings, name, value) {
		char *text = json_is_string(value) ? text_format("%s", json_string_value(value)) : json_text(value, JSON_STYLE_CANONICAL);

		text_add(out, count++ ? ", " : "");
		add_escaped(out, name);
		text_add(out, " = ");
		add_escaped(out, text);
		free(text);
	}
	if (!count)
		text_add(out, "as given");
}

static void add_contributions(struct text_buf *out, const json_t *shap)
{
	const json_t *features = json_object_get(shap, "features"), *feature;
	size_t i;

	if (!json_array_size(features) && !json_get_text(shap, "why", NULL))
		return;
	text_add(out, "\n- contributions to predictions (mean of abs. SHAP");
	if (!json_array_size(features)) {
		text_add(out, "): none, ");
		add_escaped(out, json_get_text(shap, "why", ""));
		return;
	}
	text_addf(out, ", %lld %s rows): ", (long long)json_get_int(shap, "rows", 0), json_get_text(shap, "of", ""));
	json_array_foreach((json_t *)features, i, feature) {
		text_add(out, i ? ", " : "");
		add_escaped(out, json_get_text(feature, "feature", "?"));
		text_add(out, " ");
		add_number(out, json_object_get(feature, "mean_abs_shap"), 4);
	}
	if (json_get_int(shap, "total", 0) > (json_int_t)json_array_size(features))
		text_addf(out, " and %lld more", (long long)(json_get_int(shap, "total", 0) - (json_int_t)json_array_size(features)));
}

static void add_answer(struct text_buf *out, const json_t *outcome)
{
	const json_t *chosen = json_object_get(outcome, "chosen"), *ensemble = json_object_get(json_object_get(outcome, "chosen"), "ensemble"), *gain = json_object_get(chosen, "gain");

	if (!json_is_object(chosen)) {
		text_add(out, "No round has a usable score yet.\n\n");
		return;
	}
	if (json_get_text(chosen, "constraints_missed", NULL)) {
		text_add(out, "**Constraints are missed**: ");
		add_escaped(out, json_get_text(chosen, "constraints_missed", ""));
		text_add(out, ".\n\n");
	}
	text_addf(out, "**Round %lld**: %zu of %zu feature%s, ", (long long)json_get_int(chosen, "round", 0), json_array_size(json_object_get(chosen, "features")),
	        json_array_size(json_object_get(outcome, "all_features")), json_array_size(json_object_get(outcome, "all_features")) == 1 ? "" : "s");
	add_escaped(out, json_get_text(outcome, "metric", "score"));
	text_add(out, " **");
	add_number(out, json_object_get(chosen, "score"), 6);
	text_add(out, "** \xc2\xb1 ");
	add_number(out, json_object_get(chosen, "se"), 3);
	text_add(out, " (cross-validated, standard error)\n\n- gain over all features: ");
	if (json_is_object(gain))
		add_number(out, json_object_get(gain, "mean"), 4);
	else
		text_add(out, "none: round 0 has them all");
	if (json_is_number(json_object_get(gain, "ci_low"))) {
		text_add(out, " (95 % interval ");
		add_number(out, json_object_get(gain, "ci_low"), 4);
		text_add(out, " to ");
		add_number(out, json_object_get(gain, "ci_high"), 4);
		text_add(out, ")");
	}
	if (json_is_number(json_object_get(chosen, "holdout"))) {
		text_add(out, "\n- holdout: ");
		add_number(out, json_object_get(chosen, "holdout"), 6);
	}
	text_add(out, "\n- best configuration: ");
	if (json_object_get(chosen, "model"))
		text_addf(out, "%s, ", json_get_text(chosen, "model", ""));
	add_settings(out, json_object_get(chosen, "searched"));
	add_contributions(out, json_object_get(chosen, "contributions"));
	if (ensemble) {
		text_addf(out, "\n- ensemble of %lld, %s: ", (long long)json_get_int(ensemble, "members", 0), json_get_text(ensemble, "method", ""));
		add_number(out, json_object_get(ensemble, "score"), 6);
		text_add(out, "; better than the best alone by ");
		add_number(out, json_object_get(json_object_get(ensemble, "gain"), "mean"), 4);
	}
	text_add(out, "\n- dropped: ");
	add_names(out, json_object_get(outcome, "dropped"));
	text_add(out, "\n- why: ");
	add_escaped(out, json_get_text(chosen, "reason", ""));
	text_add(out, "\n\n");
}

static void add_rounds(struct text_buf *out, const json_t *outcome)
{
	json_t *row;
	size_t i;

	text_add(out, "| round | features | ");
	add_escaped(out, json_get_text(outcome, "metric", "score"));
	text_add(out, " | standard error | holdout | dropped after it |\n|--:|--:|--:|--:|--:|---|\n");
	json_array_foreach(json_object_get(outcome, "rounds"), i, row) {
		text_addf(out, "| %lld | %lld | ", (long long)json_get_int(row, "round", 0), (long long)json_get_int(row, "features", 0));
		add_number(out, json_object_get(row, "score"), 6);
		text_add(out, " | ");
		add_number(out, json_object_get(row, "se"), 3);
		text_add(out, " | ");
		add_number(out, json_object_get(row, "holdout"), 6);
		text_add(out, " | ");
		add_names(out, json_object_get(row, "dropped"));
		text_add(out, " |\n");
	}
	text_add(out, "\n");
}

static void add_path(struct text_buf *out, const json_t *outcome)
{
	const json_t *path = json_object_get(outcome, "path"), *best = json_object_get(path, "best"), *chosen = json_object_get(path, "chosen");

	if (!json_is_object(path))
		return;
	text_addf(out, "Elimination path of round %lld, one feature after the other: best ", (long long)json_get_int(path, "round", 0));
	add_number(out, json_object_get(best, "mean"), 6);
	text_addf(out, " with %lld feature%s; ", (long long)json_get_int(best, "features", 0), json_get_int(best, "features", 0) == 1 ? "" : "s");
	add_number(out, json_object_get(chosen, "mean"), 6);
	text_addf(out, " with %lld, the fewest within one standard error of it: ", (long long)json_get_int(chosen, "features", 0));
	add_names(out, json_object_get(chosen, "kept"));
	text_add(out, ". Its steps are chosen on the folds that score them: optimistic.\n\n");
}

static void add_failures(struct text_buf *out, const json_t *outcome)
{
	const json_t *failures = json_object_get(outcome, "failures"), *group;
	size_t i;

	if (!json_array_size(failures)) {
		text_add(out, "No fit failed for good.\n\n");
		return;
	}
	text_add(out, "| fits failed | cause | first line |\n|--:|---|---|\n");
	json_array_foreach(failures, i, group) {
		text_addf(out, "| %lld | %s | ", (long long)json_get_int(group, "count", 0), json_get_text(group, "cause", ""));
		add_escaped(out, json_get_text(group, "text", ""));
		text_add(out, " |\n");
	}
	text_add(out, "\n");
}

static void add_stages(struct text_buf *out, const json_t *outcome)
{
	const json_t *stages = json_object_get(outcome, "stages"), *stage;
	char seconds[TEXT_NUMBER_MAX], memory[TEXT_NUMBER_MAX];
	size_t i;

	if (!json_array_size(stages))
		return;
	text_add(out, "| stage | tasks | worker time | largest worker |\n|---|--:|--:|--:|\n");
	json_array_foreach(stages, i, stage)
		text_addf(out, "| %s | %lld | %s | %s |\n", json_get_text(stage, "title", ""), (long long)json_get_int(stage, "tasks", 0), text_seconds(json_get_real(stage, "seconds", 0), seconds),
		        text_bytes((uint64_t)json_get_real(stage, "memory", 0), memory));
	text_add(out, "\n");
}

void outcome_markdown(const json_t *outcome, struct text_buf *out)
{
	const json_t *totals = json_object_get(outcome, "totals");
	char a[TEXT_NUMBER_MAX], b[TEXT_NUMBER_MAX];

	text_add(out, "## ");
	add_escaped(out, json_get_text(outcome, "name", "campaign"));
	text_addf(out, ": %s\n\n", json_get_text(outcome, "state", ""));
	if (json_is_object(totals))
		text_addf(out, "%lld round%s, %s trials, %s fits.\n\n", (long long)json_get_int(totals, "rounds", 0), json_get_int(totals, "rounds", 0) == 1 ? "" : "s", text_count(json_get_int(totals, "trials", 0), a),
		        text_count(json_get_int(totals, "fits", 0), b));
	add_answer(out, outcome);
	if (json_array_size(json_object_get(outcome, "rounds")))
		add_rounds(out, outcome);
	add_path(out, outcome);
	add_failures(out, outcome);
	add_stages(out, outcome);
	if (json_is_object(json_object_get(outcome, "files")))
		text_addf(out, "```python\n%s\n```\n", json_get_text(json_object_get(outcome, "files"), "notebook", ""));
}
