#include "orchestrator/outcome.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/lofo/lofo_stats.h"
#include "orchestrator/stage.h"
#include "orchestrator/status.h"
#include "reports/stage_cost.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

/* A JSON file of the campaign, or null: a damaged one is for `orch verify` to tell. */
static json_t *read_in(const char *campaign, const char *name)
{
	char *path = file_join(campaign, name);
	json_t *value = NULL;

	if (json_read_file(path, &value, NULL))
		value = json_null();
	free(path);
	return value;
}

static json_t *read_round(const char *campaign, unsigned round, const char *name)
{
	char *inside = text_format("rounds/round_%03u/%s", round, name);
	json_t *value = read_in(campaign, inside);

	free(inside);
	return value;
}

static json_t *metric_of(const json_t *holdout, const char *metric)
{
	json_t *value = json_object_get(holdout, metric);

	return value ? json_incref(value) : json_null();
}

static json_t *round_of(const char *campaign, const json_t *row, const char *metric)
{
	unsigned round = (unsigned)json_get_int(row, "round", 0);
	json_t *comparison = read_round(campaign, round, "06_comparison/comparison.json"), *dropped = json_object_get(comparison, "dropped"), *out;

	out = json_pack("{s:i, s:O?, s:O?, s:O?, s:o, s:o, s:s, s:O?}", "round", (int)round, "features", json_object_get(row, "features"), "score", json_object_get(row, "score"), "se",
	        json_object_get(row, "se"), "holdout", metric_of(json_object_get(row, "holdout"), metric), "dropped", dropped ? json_incref(dropped) : json_array(), "reason",
	        json_get_text(comparison, "reason", ""), "stop", json_object_get(comparison, "stop"));
	json_decref(comparison);
	return out;
}

/* ---- the chosen round against round 0 ---- */

static json_t *fold_scores(const char *campaign, unsigned round, const char *metric)
{
	json_t *metrics = read_round(campaign, round, "03_baseline/metrics.json");
	json_t *folds = json_incref(json_object_get(json_object_get(json_object_get(metrics, "cv"), metric), "folds"));

	json_decref(metrics);
	return folds;
}

static void take_numbers(const json_t *list, size_t count, double *out)
{
	for (size_t i = 0; i < count; i++)
		out[i] = json_is_number(json_array_get(list, i)) ? json_number_value(json_array_get(list, i)) : NAN;
}

static json_t *gain_of(const char *campaign, unsigned round, const char *metric_name, const json_t *rounds)
{
	const struct metric *metric = metric_find(metric_name);
	json_t *now = fold_scores(campaign, round, metric_name), *then = fold_scores(campaign, 0, metric_name), *spec = read_in(campaign, "spec.json"), *out = NULL;
	size_t count = json_array_size(now);
	double k = json_get_real(json_object_get(json_object_get(spec, "split"), "folds"), "k", (double)count);
	double base = json_get_real(json_array_get(rounds, 0), "score", NAN);

	if (metric && round && count && count == json_array_size(then)) {
		double *with = mem_must(count, sizeof *with), *without = mem_must(count, sizeof *without);
		struct lofo_request request = {.metric = metric, .folds = count, .with = with, .units = 1, .without = without, .test_train = k > 1 ? 1 / (k - 1) : 1};
		struct lofo_stat stat;

		take_numbers(now, count, with);
		take_numbers(then, count, without);
		if (!lofo_stats(&request, &stat, NULL, NULL))
			out = json_pack("{s:o, s:o, s:o, s:o}", "mean", json_number_or_null(stat.delta_mean), "ci_low", json_number_or_null(stat.ci_low), "ci_high",
			        json_number_or_null(stat.ci_high), "relative", json_number_or_null(base != 0 ? stat.delta_mean / fabs(base) : NAN));
		free(with);
		free(without);
	}
	json_decref(now);
	json_decref(then);
	json_decref(spec);
	return out ? out : json_null();
}

#define CONTRIBUTIONS_MOST 5

/* The features that move the predictions most, or why nothing is known of them; null in rounds of an earlier orch. */
static json_t *shap_of(const char *campaign, unsigned round)
{
	json_t *shap = read_round(campaign, round, "07_diagnostics/shap.json"), *list = json_array(), *out;
	const json_t *features = json_object_get(shap, "features"), *why = json_object_get(shap, "why");

	for (size_t i = 0; i < json_array_size(features) && i < CONTRIBUTIONS_MOST; i++) {
		const json_t *feature = json_array_get(features, i);

		json_array_append_new(list, json_pack("{s:O?, s:O?}", "feature", json_object_get(feature, "name"), "mean_abs_shap", json_object_get(feature, "mean_abs")));
	}
	out = !shap ? json_null() : json_pack("{s:O?, s:O?, s:O?, s:O?, s:O?, s:O}", "rows", json_object_get(shap, "rows"), "of", json_object_get(shap, "of"), "scale", json_object_get(shap, "scale"),
	        "total", json_object_get(shap, "total"), "why", why, "features", list);
	json_decref(list);
	json_decref(shap);
	return out;
}

/* The ensemble of a round, or NULL; its gain is over the chosen configuration alone. */
static json_t *ensemble_of(const char *campaign, unsigned round, const char *metric)
{
	json_t *ensemble = read_round(campaign, round, "03_baseline/ensemble.json"), *out = NULL;

	if (json_is_object(ensemble))
		out = json_pack("{s:s, s:i, s:O?, s:o, s:O?}", "method", json_get_text(ensemble, "method", ""), "members",
		        (int)json_array_size(json_object_get(ensemble, "members")), "score",
		        json_object_get(json_object_get(json_object_get(ensemble, "cv"), metric), "mean"), "holdout",
		        metric_of(json_object_get(ensemble, "holdout"), metric), "gain", json_object_get(ensemble, "better_than_best"));
	json_decref(ensemble);
	return out;
}

/* The elimination path of the first round that has one, the longest; null: none has. */
static json_t *path_of(const char *campaign, size_t rounds)
{
	for (unsigned round = 0; round < rounds; round++) {
		json_t *path = read_round(campaign, round, "04_lofo/path.json"), *out = NULL;

		if (json_is_object(json_object_get(path, "best")))
			out = json_pack("{s:i, s:O?, s:O?, s:O?, s:O?}", "round", (int)round, "steps", json_object_get(path, "steps"), "best", json_object_get(path, "best"), "chosen",
			        json_object_get(path, "chosen"), "note", json_object_get(path, "note"));
		json_decref(path);
		if (out)
			return out;
	}
	return json_null();
}

/* That no trial of the round meets the constraints, and which they are; null: they are met, or there are none. */
static json_t *missed_of(const char *campaign, unsigned round, const json_t *best)
{
	json_t *front, *constraint, *out;
	struct text_buf text = {0};
	size_t i;

	if (json_get_bool(best, "meets_constraints", true))
		return json_null();
	front = read_round(campaign, round, "01_hpo/front.json");
	json_array_foreach(json_object_get(front, "constraints"), i, constraint)
		text_addf(&text, "%s%s at %s %.6g", i ? ", " : "", json_get_text(constraint, "name", "?"), strcmp(json_get_text(constraint, "side", ""), "min") ? "most" : "least",
		        json_get_real(constraint, "bound", NAN));
	json_decref(front);
	out = json_sprintf("no trial of round %u meets all constraints (%s); trial %lld comes nearest and is taken", round, text.data ? text.data : "", (long long)json_get_int(best, "trial", -1));
	text_buf_release(&text);
	return out;
}

static json_t *chosen_of(const char *campaign, const json_t *summary, const json_t *rounds)
{
	const json_t *chosen = json_object_get(summary, "chosen");
	const char *metric = json_get_text(summary, "metric", "");
	unsigned round = (unsigned)json_get_int(chosen, "round", 0);
	json_t *best, *out, *shap, *ensemble;

	if (!json_is_object(chosen))
		return json_null();
	best = read_round(campaign, round, "01_hpo/best.json");
	out = json_pack("{s:i, s:O?, s:O?, s:O?, s:O?, s:O?, s:o, s:s, s:o}", "round", (int)round, "features", json_object_get(chosen, "features"), "params",
	        json_object_get(chosen, "params"), "searched", json_object_get(best, "searched"), "score", json_object_get(chosen, "score"), "se",
	        json_object_get(json_array_get(rounds, round), "se"), "holdout", metric_of(json_object_get(chosen, "holdout"), metric), "reason",
	        json_get_text(chosen, "reason", ""), "gain", gain_of(campaign, round, metric, rounds));
	if (json_object_get(best, "model_name")) /* of several */
		json_object_set(out, "model", json_object_get(best, "model_name"));
	json_object_set_new(out, "constraints_missed", missed_of(campaign, round, best));
	shap = shap_of(campaign, round);
	json_object_set_new(out, "contributions", shap);
	ensemble = ensemble_of(campaign, round, metric);
	if (ensemble)
		json_object_set_new(out, "ensemble", ensemble);
	json_decref(best);
	return out;
}

/* What is gone in the chosen round, and after which round it went. */
static json_t *dropped_before(const json_t *rounds, unsigned chosen)
{
	json_t *list = json_array(), *name;
	size_t i;

	for (unsigned round = 0; round < chosen; round++)
		json_array_foreach(json_object_get(json_array_get(rounds, round), "dropped"), i, name)
			json_array_append_new(list, json_pack("{s:O, s:i}", "feature", name, "round", (int)round));
	return list;
}

/* What loads the trials in Python: the path as a string literal. */
static char *notebook_line(const char *path)
{
	struct text_buf out = {0};

	text_add(&out, "pd.read_parquet('");
	for (; *path; path++)
		if (*path == '\n')
			text_add(&out, "\\n");
		else
			text_addf(&out, *path == '\'' || *path == '\\' ? "\\%c" : "%c", *path);
	text_add(&out, "')");
	return text_take(&out);
}

static json_t *files_of(const char *campaign, unsigned chosen, size_t rounds)
{
	char *report = text_format("%s/report/report.html", campaign), *bundles = text_format("%s/bundles", campaign);
	char *trials = text_format("%s/rounds/round_%03u/01_hpo/trials.parquet", campaign, chosen);
	char *notebook = notebook_line(trials);
	json_t *files = !rounds ? json_null() : json_pack("{s:s, s:s, s:s, s:s}", "report", report, "bundles", bundles, "trials", trials, "notebook", notebook);

	free(notebook);
	free(report);
	free(bundles);
	free(trials);
	return files;
}

/* [{stage, title, tasks, seconds, memory}] in the order of the stages. */
static json_t *stages_of(const char *campaign)
{
	struct stage_cost costs[STAGE_COSTS_MAX] = {0};
	json_t *list = json_array();
	size_t count = 0;

	stage_costs(campaign, costs, &count, NULL); /* no telemetry: nothing to tell */
	for (size_t i = 0; i < count; i++) {
		const char *title = costs[i].stage;

		for (unsigned s = 0; s < STAGE_COUNT; s++)
			if (!strcmp(stage_table[s].name, costs[i].stage))
				title = stage_table[s].title;
		json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:f, s:f}", "stage", costs[i].stage, "title", title, "tasks", (json_int_t)costs[i].tasks, "seconds", costs[i].seconds,
		        "memory", costs[i].memory));
	}
	return list;
}

int outcome_read(const char *campaign, bool slowest, json_t **out, struct orch_err *err)
{
	json_t *status = NULL, *summary, *rounds = json_array(), *chosen, *failures = NULL, *attempts = NULL, *features, *row;
	unsigned round;
	size_t i;
	int code = status_read(campaign, &status, err);

	if (!code)
		code = outcome_failures(campaign, (unsigned)json_get_int(status, "rounds_done", 0) + 1, &failures, &attempts, err);
	if (code) {
		json_decref(status);
		json_decref(rounds);
		return code;
	}
	summary = json_object_get(status, "summary");
	json_array_foreach(json_object_get(summary, "rounds"), i, row)
		json_array_append_new(rounds, round_of(campaign, row, json_get_text(summary, "metric", "")));
	chosen = chosen_of(campaign, summary, rounds);
	round = (unsigned)json_get_int(chosen, "round", 0);
	features = json_array_size(rounds) ? read_round(campaign, 0, "00_dataset/features.json") : json_null();
	*out = json_pack("{s:i, s:O, s:s, s:O, s:s, s:b, s:O, s:o, s:o, s:o, s:O?, s:o, s:o, s:o, s:o, s:o}", "version", OUTCOME_VERSION, "name",
	        json_object_get(status, "name"), "campaign", campaign, "state", json_object_get(status, "state"), "metric", json_get_text(summary, "metric", "score"), "maximise",
	        json_get_bool(summary, "maximise", 0), "rounds", rounds, "chosen", chosen, "all_features", features, "dropped", dropped_before(rounds, round), "totals",
	        json_object_get(summary, "totals"), "failures", failures, "attempts", attempts, "slowest", slowest ? outcome_slowest(campaign, 5) : json_array(), "stages",
	        slowest ? stages_of(campaign) : json_array(), "files",
	        files_of(campaign, round, json_array_size(rounds)));
	json_object_set_new(*out, "path", path_of(campaign, json_array_size(rounds)));
	json_decref(status);
	json_decref(rounds);
	return 0;
}
