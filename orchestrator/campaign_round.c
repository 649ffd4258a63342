/* One round from begin to seal. The order is the contract: folder, then ledger row, then what is derived, then the announcement. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/campaign.h"
#include "orchestrator/display.h"
#include "orchestrator/round_run.h"
#include "reports/round_page.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/bundle.h"
#include "storage/provenance.h"
#include "storage/round_dir.h"

static int read_in(const char *folder, const char *name, json_t **out, struct orch_err *err)
{
	char *path = file_join(folder, name);
	int code = json_read_file(path, out, err);

	free(path);
	return code;
}

static int send_setup(struct campaign *campaign, unsigned round, const json_t *features, struct orch_err *err)
{
	const char *base = campaign->spec->base;
	json_t *setup;
	int code = study_select(campaign->study, features, err);

	if (code)
		return code;
	setup = json_pack("{s:s, s:i, s:O, s:s, s:s, s:s, s:i, s:O}", "type", "setup", "protocol", TASK_PROTOCOL, "spec", campaign->spec->resolved, "base", base,
	        "frame", campaign->study->frame_path, "folds", campaign->study->folds_path, "round", (int)round, "features", features);
	scheduler_setup(campaign->scheduler, setup);
	return 0;
}

static int open_telemetry(struct campaign *campaign, unsigned round, struct orch_err *err)
{
	char *folder = campaign_dir_path(campaign->dir, "telemetry"), *path = NULL, name[48];
	int code = file_make_folders(folder, err);

	snprintf(name, sizeof name, "telemetry/round_%03u.jsonl", round);
	path = campaign_dir_path(campaign->dir, name);
	event_log_close(campaign->telemetry);
	campaign->telemetry = NULL;
	if (!code)
		code = event_log_open(path, &campaign->telemetry, err);
	free(path);
	free(folder);
	return code;
}

static int add_page(struct campaign *campaign, struct round_run *run, struct orch_err *err)
{
	struct text_buf page = {0};
	int code = round_page_write(round_dir_path(run->dir), run->round, campaign->spec->name, &page, err);

	if (!code)
		code = round_dir_file(run->dir, "report.html", page.data, page.length, err);
	text_buf_release(&page);
	return code;
}

static int publish(struct campaign *campaign, struct round_run *run, struct orch_err *err)
{
	json_t *complete = json_pack("{s:s, s:i}", "name", campaign->spec->name, "features", (int)campaign->study->feature_count);
	int code = add_page(campaign, run, err);

	if (!code)
		code = round_dir_commit(&run->dir, complete, err);
	json_decref(complete);
	return code;
}

#define NAMES_SAID 12

/* What the round came to, in a line. */
static void say_round(struct campaign *campaign, unsigned round)
{
	char *path = campaign_round_path(campaign, round), score[TEXT_NUMBER_MAX] = "no score";
	struct text_buf line = {0};
	json_t *comparison = NULL, *units, *name;
	size_t i;

	if (!read_in(path, "06_comparison/comparison.json", &comparison, NULL)) {
		double mean = json_get_real(json_object_get(comparison, "before"), "mean", NAN), after = json_get_real(json_object_get(comparison, "after"), "mean", NAN);

		if (isfinite(mean))
			snprintf(score, sizeof score, "%.6g", mean);
		text_addf(&line, "round %u is done: %s %s", round, campaign->study->metric->name, score);
		units = json_object_get(comparison, "units");
		json_array_foreach(units, i, name) {
			char *shown = text_cut(json_string_value(name), TEXT_NAME_SHOWN);

			if (i < NAMES_SAID)
				text_addf(&line, "%s%s", i ? ", " : "; dropped: ", shown);
			free(shown);
		}
		if (json_array_size(units) > NAMES_SAID)
			text_addf(&line, " and %zu more", json_array_size(units) - NAMES_SAID);
		if (isfinite(after))
			text_addf(&line, " (without: %.6g)", after);
		if (!json_array_size(units))
			text_addf(&line, "; %s", json_get_text(comparison, "reason", ""));
		display_line(campaign->display, "%s", line.data);
	}
	json_decref(comparison);
	text_buf_release(&line);
	free(path);
}

int campaign_round(struct campaign *campaign, unsigned round, const json_t *features, struct orch_err *err)
{
	struct round_run *run = NULL;
	char *path = campaign_round_path(campaign, round);
	bool published = file_exists(path);
	int code = 0;

	if (published) {
		code = study_select(campaign->study, features, err);
		for (unsigned s = 0; s < STAGE_COUNT && !code; s++)
			if (stage_table[s].has_fits)
				code = campaign_count_stage(campaign, path, round, s, err);
		free(path);
		return code ? code : campaign_seal_round(campaign, round, err);
	}
	free(path);
	code = send_setup(campaign, round, features, err);
	if (!code)
		code = open_telemetry(campaign, round, err);
	if (!code)
		code = round_run_open(campaign, round, &run, err);
	if (!code)
		code = campaign_event(campaign, "round_started", json_pack("{s:i, s:O}", "round", (int)round, "features", features), err);
	if (!code) {
		display_round(campaign->display, round, (unsigned)campaign->plan.rounds, campaign->study->feature_count);
		code = round_run_stages(run, err);
	}
	if (!code)
		code = publish(campaign, run, err);
	round_run_close(run);
	if (!code)
		code = campaign_seal_round(campaign, round, err);
	if (!code)
		say_round(campaign, round);
	return code;
}

/* ---- after the commit point ---- */

struct row_known {
	unsigned round;
	const char *hash;
	bool same;
};

static int note_row(void *context, const struct ledger_round *row, struct orch_err *err)
{
	struct row_known *known = context;

	(void)err;
	if (row->round == known->round && !strcmp(row->manifest_hash, known->hash))
		known->same = true;
	return 0;
}

static int put_row(struct campaign *campaign, unsigned round, const char *path, const char *hash, struct orch_err *err)
{
	struct row_known known = {.round = round, .hash = hash};
	struct ledger_round row = {.round = round};
	json_t *features = NULL, *comparison = NULL;
	char *features_text = NULL, *summary = NULL;
	int code = ledger_each_round(campaign->ledger, note_row, &known, err);

	if (code || known.same)
		return code;
	code = read_in(path, "00_dataset/features.json", &features, err);
	if (!code)
		code = read_in(path, "06_comparison/comparison.json", &comparison, err);
	if (!code) {
		row.features = features_text = json_text(features, JSON_STYLE_CANONICAL);
		row.summary = summary = json_text(comparison, JSON_STYLE_CANONICAL);
		memcpy(row.manifest_hash, hash, sizeof row.manifest_hash);
		code = ledger_put_round(campaign->ledger, &row, err);
	}
	if (!code)
		code = ledger_flush(campaign->ledger, err);
	free(features_text);
	free(summary);
	json_decref(features);
	json_decref(comparison);
	return code;
}

static int put_bundle(struct campaign *campaign, unsigned round, const char *path, struct orch_err *err)
{
	char name[48], *folder = campaign_dir_path(campaign->dir, "bundles"), *bundle;
	struct orch_err why = {0};
	int code = file_make_folder(folder, err);

	snprintf(name, sizeof name, "bundles/round_%03u.tar.zst", round);
	bundle = campaign_dir_path(campaign->dir, name);
	if (!code && file_exists(bundle) && bundle_verify(bundle, path, &why)) {
		text_addf(&campaign->kept, "bundle of round %u: made again: %s\n", round, why.text);
		code = file_remove_tree(bundle, err);
	}
	if (!code && !file_exists(bundle))
		code = bundle_write(path, bundle, err);
	free(bundle);
	free(folder);
	return code;
}

static int put_provenance(struct campaign *campaign, unsigned round, const char *path, struct orch_err *err)
{
	char *repository = campaign_dir_path(campaign->dir, "provenance.git");
	char *spec = json_text(campaign->spec->resolved, JSON_STYLE_PRETTY);
	int code = provenance_commit_round(repository, round, path, spec, err);

	free(repository);
	free(spec);
	return code;
}

static int remove_scratch(struct campaign *campaign, unsigned round, struct orch_err *err)
{
	char name[48], *path;
	int code;

	snprintf(name, sizeof name, "scratch/round_%03u", round);
	path = campaign_dir_path(campaign->dir, name);
	code = file_remove_tree(path, err);
	free(path);
	return code;
}

struct announced {
	unsigned round;
	bool found;
};

static int note_event(void *context, const json_t *event, struct orch_err *err)
{
	struct announced *announced = context;

	(void)err;
	if (!strcmp(json_get_text(event, "event", ""), "round_done") && json_get_int(event, "round", -1) == (json_int_t)announced->round)
		announced->found = true;
	return 0;
}

static int announce(struct campaign *campaign, unsigned round, const char *hash, struct orch_err *err)
{
	char *path = campaign_dir_path(campaign->dir, "progress.jsonl");
	struct announced announced = {.round = round};
	int code = event_log_each(path, note_event, &announced, NULL);

	free(path);
	if (!code && announced.found)
		return 0;
	code = campaign_event(campaign, "round_done", json_pack("{s:i, s:s}", "round", (int)round, "manifest", hash), err);
	return code ? code : event_log_sync(campaign->progress, err);
}

int campaign_seal_round(struct campaign *campaign, unsigned round, struct orch_err *err)
{
	char *path = campaign_round_path(campaign, round), hash[65];
	int code = file_sync_tree(path, err); /* a folder found after a crash: renamed, perhaps not yet durable */

	if (!code) {
		char *parent = campaign_dir_path(campaign->dir, "rounds");

		code = file_sync_folder(parent, err);
		free(parent);
	}
	if (!code)
		code = round_dir_verify(path, hash, err);
	if (!code)
		code = put_row(campaign, round, path, hash, err);
	if (!code)
		code = put_bundle(campaign, round, path, err);
	if (!code)
		code = put_provenance(campaign, round, path, err);
	if (!code)
		code = remove_scratch(campaign, round, err);
	if (!code)
		code = announce(campaign, round, hash, err);
	free(path);
	return code;
}

int campaign_next_features(struct campaign *campaign, unsigned round, json_t **next, struct orch_err *err)
{
	char *path = campaign_round_path(campaign, round);
	json_t *features = NULL, *comparison = NULL, *dropped, *name, *rest = NULL;
	size_t i;
	int code = read_in(path, "00_dataset/features.json", &features, err);

	if (!code)
		code = read_in(path, "06_comparison/comparison.json", &comparison, err);
	free(path);
	if (!code) {
		dropped = json_object_get(comparison, "dropped");
		if (json_array_size(dropped)) {
			rest = json_array();
			json_array_foreach(features, i, name) {
				bool gone = false;
				json_t *other;
				size_t j;

				json_array_foreach(dropped, j, other)
					gone = gone || json_equal(name, other);
				if (!gone)
					json_array_append(rest, name);
			}
		}
		*next = rest;
	}
	json_decref(features);
	json_decref(comparison);
	return code;
}
