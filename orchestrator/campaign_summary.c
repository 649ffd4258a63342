/* summary.json: what came out, from the published rounds alone: it can be made again at any time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

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
	json_t *metrics = NULL, *features = NULL;
	int code = read_round(campaign, round, "03_baseline/metrics.json", &metrics, err);

	if (!code)
		code = read_round(campaign, round, "00_dataset/features.json", &features, err);
	if (!code) {
		*seen = stage_rfe_round(metrics, metric, json_array_size(features));
		*out = json_pack("{s:i, s:I, s:o, s:o, s:O?}", "round", (int)round, "features", (json_int_t)json_array_size(features), "score",
		        json_number_or_null(seen->score), "se", json_number_or_null(seen->sd / sqrt((double)seen->folds)), "holdout",
		        json_object_get(metrics, "holdout"));
	}
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
	json_t *rounds = json_array(), *chosen = NULL;
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
		code = chosen_row(campaign, rounds, list, &chosen, err);
	if (!code)
		*out = json_pack("{s:i, s:s, s:s, s:b, s:s, s:b, s:O, s:o, s:{s:i, s:I, s:I, s:I, s:I}}", "version", 1, "name", campaign->spec->name, "metric",
		        campaign->study->metric->name, "maximise", campaign->study->metric->maximise, "task", campaign->study->task == ENGINE_CLASSIFICATION ? "classification" :
		        campaign->study->angle ? "angle" : "regression", "done", done, "rounds", rounds, "chosen", chosen, "totals", "rounds", (int)count, "trials",
		        totals.trials, "trials_failed", totals.trials_failed, "fits", (json_int_t)totals.fits, "fits_failed", (json_int_t)totals.fits_failed);
	json_decref(rounds);
	free(list);
	return code;
}
