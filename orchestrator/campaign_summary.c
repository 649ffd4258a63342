/* summary.json: what came out, from the published rounds alone: it can be made again at any time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/diagnostics/stability.h"
#include "engines/rfe/rfe.h"
#include "orchestrator/campaign.h"
#include "orchestrator/stage.h"
#include "storage/base/file.h"
#include "storage/base/json.h"

static int read_round(const struct campaign *campaign, unsigned round, const char *name, json_t **out, struct orch_err *err)
{
	char *folder = campaign_round_path(campaign, round), *path = file_join(folder, name);
	int code = json_read_file(path, out, err);

	free(folder);
	free(path);
	return code;
}

/* {round, features, score, se, holdout}: score is the cross-validated mean of the campaign's metric, se = sd / sqrt(folds), over the folds that have a
 * score. */
static int round_row(const struct campaign *campaign, unsigned round, struct rfe_round *seen, json_t **out, struct orch_err *err)
{
	const char *metric = campaign->study->metric->name;
	json_t *metrics = NULL, *features = NULL, *best = NULL;
	int code = read_round(campaign, round, "03_baseline/metrics.json", &metrics, err);

	if (!code)
		code = read_round(campaign, round, "00_dataset/features.json", &features, err);
	if (!code)
		code = read_round(campaign, round, "01_hpo/best.json", &best, err);
	if (!code) {
		*seen = stage_rfe_round(metrics, metric, json_array_size(features));
		seen->missed = !json_get_bool(best, "meets_constraints", true);
		*out = json_pack("{s:i, s:I, s:o, s:o, s:O?}", "round", (int)round, "features", (json_int_t)json_array_size(features), "score",
		        json_number_or_null(seen->score), "se", json_number_or_null(seen->sd / sqrt((double)seen->folds)), "holdout",
		        json_object_get(metrics, "holdout"));
	}
	json_decref(best);
	json_decref(metrics);
	json_decref(features);
	return code;
}

static int chosen_row(const struct campaign *campaign, const json_t *rounds, const struct rfe_round *list, json_t **out, struct orch_err *err)
{
	static const enum rfe_choose_kind rules[] = {[SPEC_CHOOSE_BEST] = RFE_CHOOSE_BEST, [SPEC_CHOOSE_ONE_SE] = RFE_CHOOSE_ONE_SE, [SPEC_CHOOSE_TOLERANCE] = RFE_CHOOSE_TOLERANCE};
	size_t count = json_array_size(rounds);
	struct text_buf reason = {0};
	json_t *features = NULL, *best = NULL, *metrics = NULL;
	long chosen;
	int code;

	chosen = rfe_choose(rules[campaign->spec->rfe.choose], campaign->spec->rfe.tolerance, campaign->study->metric, list, count, &reason);
	if (chosen < 0) {
		text_buf_release(&reason);
		*out = json_null();
		return 0;
	}
	code = read_round(campaign, (unsigned)chosen, "00_dataset/features.json", &features, err);
	if (!code)
		code = read_round(campaign, (unsigned)chosen, "01_hpo/best.json", &best, err);
	if (!code)
		code = read_round(campaign, (unsigned)chosen, "03_baseline/metrics.json", &metrics, err);
	if (!code)
		*out = json_pack("{s:i, s:s, s:O, s:O?, s:O, s:O?}", "round", (int)chosen, "reason", reason.data ? reason.data : "", "features", features, "params", json_object_get(best, "params"), "score",
		        json_object_get(json_array_get(rounds, (size_t)chosen), "score"), "holdout", json_object_get(metrics, "holdout"));
	if (!code && json_object_get(best, "model_name"))
		json_object_set(*out, "model", json_object_get(best, "model_name"));
	json_decref(features);
	json_decref(best);
	json_decref(metrics);
	text_buf_release(&reason);
	return code;
}

/* ---- what each fold by itself would have chosen ---- */

static int fold_scores(const struct campaign *campaign, unsigned round, double *out, struct orch_err *err)
{
	json_t *metrics = NULL, *list;
	int code = read_round(campaign, round, "03_baseline/metrics.json", &metrics, err);

	list = json_object_get(json_object_get(json_object_get(metrics, "cv"), campaign->study->metric->name), "folds");
	for (unsigned f = 0; f < campaign->study->folds; f++) {
		const json_t *score = json_array_get(list, f);

		out[f] = json_is_number(score) ? json_number_value(score) : NAN;
	}
	json_decref(metrics);
	return code;
}

/* Adds to a feature's count the folds whose own round has it. */
static int count_features(const struct campaign *campaign, unsigned round, double folds, json_t *counts, struct orch_err *err)
{
	json_t *features = NULL, *name;
	size_t i;
	int code = read_round(campaign, round, "00_dataset/features.json", &features, err);

	json_array_foreach(features, i, name)
		json_object_set_new_nocheck(counts, json_string_value(name), json_real(json_get_real(counts, json_string_value(name), 0) + folds));
	json_decref(features);
	return code;
}

/* {folds, rounds: [own best round of each fold], features: {name: share of the folds}}; null with one round. The scores are those of the baselines, so it
 * takes no fit; a fold's choice rests on one score, and is the more worth the more folds agree. */
static int selection_of(const struct campaign *campaign, unsigned count, json_t **out, struct orch_err *err)
{
	unsigned folds = campaign->study->folds, known = 0;
	double *scores = mem_must((size_t)count * folds + 1, sizeof *scores);
	long *own = mem_must(folds + 1, sizeof *own);
	json_t *rounds = json_array(), *features = json_object(), *share;
	const char *name;
	int code = 0;

	for (unsigned r = 0; r < count && !code; r++)
		code = fold_scores(campaign, r, scores + (size_t)r * folds, err);
	stability_own_best(campaign->study->metric, scores, count, folds, own);
	for (unsigned f = 0; f < folds; f++) {
		known += own[f] >= 0;
		json_array_append_new(rounds, own[f] < 0 ? json_null() : json_integer(own[f]));
	}
	for (unsigned r = 0; r < count && !code; r++) {
		unsigned here = 0;

		for (unsigned f = 0; f < folds; f++)
			here += own[f] == (long)r;
		code = count_features(campaign, r, known ? (double)here / known : 0, features, err);
	}
	json_object_foreach(features, name, share)
		json_real_set(share, fmin(1, round(json_real_value(share) * 1e9) / 1e9)); /* a sum of shares: 1 is 1 */
	free(scores);
	free(own);
	if (code || count < 2 || !known) {
		json_decref(rounds);
		json_decref(features);
		*out = json_null();
		return code;
	}
	*out = json_pack("{s:i, s:o, s:o}", "folds", (int)known, "rounds", rounds, "features", features);
	return 0;
}

struct totals {
	json_int_t trials, trials_failed;
	int64_t fits, fits_failed;
};

static int add_totals(const struct campaign *campaign, unsigned round, struct totals *totals, struct orch_err *err)
{
	json_t *best = NULL;
	char *folder = campaign_round_path(campaign, round);
	int code = read_round(campaign, round, "01_hpo/best.json", &best, err);

	totals->trials += json_get_int(best, "trials", 0);
	totals->trials_failed += json_get_int(best, "failed", 0);
	json_decref(best);
	for (unsigned s = 0; s < STAGE_COUNT && !code; s++) {
		int64_t done = 0, failed = 0;

		if (stage_table[s].has_fits)
			code = stage_counts(folder, campaign->ledger, round, s, &done, &failed, err);
		totals->fits += done + failed;
		totals->fits_failed += failed;
	}
	free(folder);
	return code;
}

int campaign_summary(const struct campaign *campaign, unsigned count, bool done, json_t **out, struct orch_err *err)
{
	json_t *rounds = json_array(), *chosen = NULL, *selection = NULL;
	struct rfe_round *list = mem_must(count + 1u, sizeof *list);
	struct totals totals = {0};
	int code = 0;

	for (unsigned round = 0; round < count && !code; round++) {
		json_t *row = NULL;

		code = round_row(campaign, round, &list[round], &row, err);
		if (!code)
			json_array_append_new(rounds, row);
		if (!code)
			code = add_totals(campaign, round, &totals, err);
	}
	if (!code)
		code = selection_of(campaign, count, &selection, err);
	if (!code)
		code = chosen_row(campaign, rounds, list, &chosen, err);
	if (!code)
		*out = json_pack("{s:i, s:s, s:s, s:b, s:s, s:b, s:O, s:o, s:O, s:{s:i, s:I, s:I, s:I, s:I}}", "version", 1, "name", campaign->spec->name, "metric",
		        campaign->study->metric->name, "maximise", campaign->study->metric->maximise, "task", campaign->study->task == ENGINE_CLASSIFICATION ? "classification" :
		        campaign->study->angle ? "angle" : "regression", "done", done, "rounds", rounds, "chosen", chosen, "selection", selection, "totals", "rounds", (int)count, "trials",
		        totals.trials, "trials_failed", totals.trials_failed, "fits", (json_int_t)totals.fits, "fits_failed", (json_int_t)totals.fits_failed);
	json_decref(rounds);
	json_decref(selection);
	free(list);
	return code;
}
