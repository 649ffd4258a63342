/* A campaign's life from its folder to its end; see campaign.h for states and invariants. */
#include "orchestrator/campaign.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/campaign_drift.h"
#include "orchestrator/campaign_report.h"
#include "orchestrator/display.h"
#include "orchestrator/prepare.h"
#include "orchestrator/probe.h"
#include "orchestrator/round_restore.h"
#include "orchestrator/round_run.h"
#include "orchestrator/stage.h"
#include "orchestrator/warm_start.h"
#include "orchestrator/worker.h"
#include "reports/plot.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/process.h"
#include "storage/base/seal.h"
#include "storage/dataset.h"
#include "storage/provenance.h"
#include "storage/round_dir.h"

int campaign_event(struct campaign *campaign, const char *event, json_t *take_fields, struct orch_err *err)
{
	int code = event_log_add(campaign->progress, event, take_fields, err);

	json_decref(take_fields);
	return code;
}

void campaign_say_kept(struct campaign *campaign)
{
	while (campaign->kept_said < campaign->kept.length) {
		const char *line = campaign->kept.data + campaign->kept_said;
		size_t length = strcspn(line, "\n");

		display_line(campaign->display, "%.*s", (int)length, line);
		campaign->kept_said += length + (line[length] == '\n');
	}
}

char *campaign_round_path(const struct campaign *campaign, unsigned round)
{
	char name[32];

	snprintf(name, sizeof name, "rounds/round_%03u", round);
	return campaign_dir_path(campaign->dir, name);
}

/* Those that a pruner stopped have fewer fits than the others, so they are not told by counting fits. */
static int count_trials(struct campaign *campaign, const char *round_folder, struct orch_err *err)
{
	char *path = file_join(round_folder, "01_hpo/best.json");
	json_t *best = NULL;
	int code = json_read_file(path, &best, err);
	int64_t failed = json_get_int(best, "failed", 0), pruned = json_get_int(best, "pruned", 0);

	campaign->trials_failed += failed;
	campaign->trials_pruned += pruned;
	campaign->trials_done += json_get_int(best, "trials", 0) - failed - pruned;
	json_decref(best);
	free(path);
	return code;
}

int campaign_count_stage(struct campaign *campaign, const char *round_folder, unsigned round, unsigned stage, struct orch_err *err)
{
	int64_t done = 0, failed = 0;
	int code = stage_counts(round_folder, campaign->ledger, round, (enum stage_id)stage, &done, &failed, err);

	if (code)
		return code;
	campaign->fits_done += done;
	campaign->fits_failed += failed;
	return stage == STAGE_HPO ? count_trials(campaign, round_folder, err) : 0;
}

static int open_logs(struct campaign *campaign, struct orch_err *err)
{
	char *path = campaign_dir_path(campaign->dir, "progress.jsonl");
	int code = event_log_open(path, &campaign->progress, err);

	free(path);
	return code;
}

static int open_ledger(struct campaign *campaign, struct orch_err *err)
{
	char *path = campaign_dir_path(campaign->dir, "ledger.db");
	int code = ledger_open(path, LEDGER_WRITE, campaign_dir_needs_rollback_journal(campaign->dir->path), &campaign->ledger, err);

	free(path);
	return code;
}

static int open_scheduler(struct campaign *campaign, struct orch_err *err)
{
	struct scheduler_options options = {.program = probe_program(), .workers = campaign->plan.workers, .threads = campaign->plan.threads,
	        .retries = campaign->spec->resources.retries, .timeout_each = campaign->spec->resources.fit_timeout};
	options.memory_shared = campaign->plan.memory_shared;
	options.memory_each = campaign->plan.memory_each;
	/* of as many workers as it was started with: what a fit may have does not depend on who resumes it */
	if (!campaign->spec->resources.fit_memory)
		options.memory_alone = options.memory_each * (uint64_t)json_get_int(json_object_get(campaign->info, "run"), "workers_planned", 1);
	return scheduler_open(&options, &campaign->scheduler, err);
}

/* Paths travel as JSON and stand in reports. */
static int check_path(const char *path, const char *what, const char *remedy, struct orch_err *err)
{
	char *shown;
	int code;

	if (text_is_utf8(path, strlen(path)))
		return 0;
	shown = text_printable(path);
	code = orch_fail(err, ORCH_EINPUT, "the path of %s is not UTF-8: %s\n%s", what, shown, remedy);
	free(shown);
	return code;
}

static int check_paths(const struct spec *spec, const char *folder, struct orch_err *err)
{
	char *base = file_absolute(spec->base), *cache = dataset_cache_folder();
	int code = check_path(folder, "the campaign folder", "rename what is above it, or choose another place: orch start --dir OTHER", err);

	if (!code)
		code = check_path(base, "the campaign file", "rename the folder that it lies in", err);
	if (!code)
		code = check_path(cache, "the cache", "choose another place: ORCH_CACHE=DIR", err);
	free(base);
	free(cache);
	return code;
}

/* ---- creating ---- */

static char *folder_for(const struct spec *spec, const struct campaign_options *options)
{
	return options->dir ? file_absolute(options->dir) : file_join(spec->base, spec->name);
}

/* Path of the spec file as seen from the campaign folder, so that both can be moved together. */
static char *relative_spec_path(const struct spec *spec, const char *folder)
{
	char *spec_path = file_absolute(spec->path), *parent = file_folder(folder), *spec_folder = file_folder(spec_path), *out;

	out = strcmp(parent, spec_folder) ? mem_text(spec_path) : text_format("../%s", file_name(spec_path));
	free(spec_path);
	free(parent);
	free(spec_folder);
	return out;
}

static json_t *describe(const struct spec *spec, const struct prepared *data, const struct plan *plan, const char *folder, struct orch_err *err)
{
	json_t *provenance = NULL, *info;
	char *diff = NULL, *spec_path = relative_spec_path(spec, folder);

	if (provenance_describe(spec->path, &provenance, &diff, err)) {
		free(spec_path);
		return NULL;
	}
	info = json_pack("{s:i, s:s, s:o, s:s, s:{s:s, s:s, s:s, s:s, s:s}, s:{s:i, s:i}, s:o}", "format", 1, "name", spec->name, "orch", drift_this_build(),
	        "spec_path", spec_path, "data", "source_hash", data->source_hash, "frame_hash", data->frame_hash, "frame", data->frame, "folds_hash",
	        data->folds_hash, "folds", data->folds, "run", "threads", (int)plan->threads, "workers_planned", (int)plan->workers, "provenance", provenance);
	/* what decides over a fit's fate is fixed like its threads; the number of workers is kept while the machine is the same */
	json_object_set_new(json_object_get(info, "run"), "memory_each", json_integer((json_int_t)plan->memory_each));
	json_object_set_new(json_object_get(info, "run"), "cores", json_integer(process_cores()));
	if (diff)
		json_object_set_new(info, "diff", json_string_nocheck(diff));
	free(diff);
	free(spec_path);
	return info;
}

static int publish_folder(struct campaign *campaign, const struct campaign_options *options, const struct prepared *data, struct orch_err *err)
{
	char *folder = folder_for(campaign->spec, options), *text = NULL, *warning = NULL;
	struct campaign_contents contents = {.spec = campaign->spec->resolved};
	int code = file_read(campaign->spec->path, 0, &text, &contents.spec_length, err);

	if (!code && !(campaign->info = describe(campaign->spec, data, &campaign->plan, folder, err)))
		code = ORCH_EIO;
	if (!code) {
		contents.spec_text = text;
		contents.info = campaign->info;
		code = campaign_dir_create(folder, &contents, &campaign->dir, &warning, err);
	}
	if (warning)
		display_line(campaign->display, "warning: %s", warning);
	free(warning);
	free(text);
	free(folder);
	return code;
}

static void say_data(struct display *display, const struct study *study, const struct prepared *data)
{
	char rows[TEXT_NUMBER_MAX], seconds[TEXT_NUMBER_MAX], *warning = study_target_warning(study);
	json_t *note, *found;
	size_t i;

	display_line(display, "data: %s rows, %zu feature%s, %u folds%s (%s%s)", text_count((int64_t)study->frame->rows, rows), study->start_feature_count, study->start_feature_count == 1 ? "" : "s",
	        study->folds, study->holdout_rows ? " and a holdout" : "", data->frame_reused ? "prepared before: nothing is read again" : "prepared in ",
	        data->frame_reused ? "" : text_seconds(data->seconds, seconds));
	json_array_foreach(data->notes, i, note)
		display_line(display, "  note: %s", json_string_value(note));
	if (warning)
		display_line(display, "  warning: %s", warning);
	free(warning);
	found = study_feature_notes(study);
	json_array_foreach(found, i, note)
		display_line(display, "  %s", json_string_value(note));
	json_decref(found);
}

#define LARGE_SOURCE (32 << 20) /* bytes: reading it takes long enough to be said */

static void say_reading(struct display *display, const struct spec *spec)
{
	int64_t bytes = spec->data.source_path ? file_size(spec->data.source_path) : -1;
	char size[TEXT_NUMBER_MAX];

	if (bytes > LARGE_SOURCE)
		display_line(display, "reading %s (%s)", spec->data.source, text_bytes((uint64_t)bytes, size));
}

static void say_plan(struct display *display, const struct plan *plan, const struct spec *spec)
{
	struct text_buf warnings = {0};
	char configurations[TEXT_NUMBER_MAX], fits[TEXT_NUMBER_MAX], low[TEXT_NUMBER_MAX], high[TEXT_NUMBER_MAX];

	display_line(display, "plan: %s configuration%s a round, %s%llu round%s, %s fits", text_count((int64_t)plan->configurations, configurations),
	        plan->configurations == 1 ? "" : "s", plan->rounds > 1 ? "at most " : "", (unsigned long long)plan->rounds, plan->rounds == 1 ? "" : "s",
	        text_count((int64_t)plan->fits, fits));
	display_line(display, "workers: %u x %u thread%s (%s)", plan->workers, plan->threads, plan->threads == 1 ? "" : "s", plan->workers_reason);
	if (isfinite(plan->seconds_low) && isfinite(plan->seconds_high))
		display_line(display, "time: %s to %s, by the first fits", text_seconds(plan->seconds_low, low), text_seconds(plan->seconds_high, high));
	plan_warnings(plan, spec, &warnings);
	for (char *line = warnings.data, *end; line && (end = strchr(line, '\n')); line = end + 1)
		display_line(display, "%.*s", (int)(end - line), line);
	text_buf_release(&warnings);
}

static int check_place(const struct spec *spec, const struct campaign_options *options, struct orch_err *err)
{
	char *folder = folder_for(spec, options);
	int code = 0;

	if (file_exists(folder))
		code = orch_fail(err, ORCH_EINPUT, "%s exists already; to go on with it: orch resume %s; to start another: orch start --dir OTHER", folder, folder);
	if (!code)
		code = check_paths(spec, folder, err);
	free(folder);
	return code;
}

/* What hpo.warm_start names is kept in the ledger before anything is proposed; a resume finds it there. */
static int take_earlier(struct campaign *campaign, struct orch_err *err)
{
	size_t count;
	int code = warm_start_record(campaign->spec, campaign->ledger, &count, err);

	if (!code && count)
		display_line(campaign->display, "warm start: %zu trials of %s", count, campaign->spec->hpo.warm_start);
	return code;
}

int campaign_create(struct spec *spec, const struct campaign_options *options, struct display *display, struct campaign **out, struct orch_err *err)
{
	struct campaign *campaign = mem_must(1, sizeof *campaign);
	struct prepared data = {0};
	json_t *earlier = NULL;
	char *warning = NULL;
	int code = check_place(spec, options, err);

	campaign->spec = spec;
	campaign->display = display;
	campaign->started = process_clock();
	campaign->started_wall = process_wall();
	if (!code)
		code = command_find_programs(spec, err);
	if (!code) {
		say_reading(display, spec);
		code = prepare_data(spec, probe_program(), &data, err);
	}
	if (!code)
		code = study_open(spec, data.frame, data.folds, &campaign->study, err);
	if (!code)
		code = plan_make(spec, campaign->study, &campaign->plan, err);
	if (!code) {
		say_data(display, campaign->study, &data);
		if (!options->allow_large)
			code = plan_check_limits(&campaign->plan, spec, err); /* what can be counted, before anything is measured */
	}
	if (!code && probe_can(spec))
		display_line(display, "trying the first fits, at most %g s", PROBE_SECONDS);
	if (!code)
		code = probe_time(spec, campaign->study, &data, &campaign->plan, err);
	if (!code && !options->allow_large)
		code = plan_check_limits(&campaign->plan, spec, err);
	if (!code)
		code = warm_start_read(spec, &earlier, err);
	json_decref(earlier);
	if (!code && (warning = warm_start_warning(spec, data.source_hash)))
		display_line(display, "warning: %s", warning);
	free(warning);
	if (!code) {
		say_plan(display, &campaign->plan, spec);
		code = publish_folder(campaign, options, &data, err);
	}
	if (!code)
		code = open_ledger(campaign, err);
	if (!code)
		code = take_earlier(campaign, err);
	if (!code)
		code = open_logs(campaign, err);
	if (!code)
		code = open_scheduler(campaign, err);
	if (!code)
		code = campaign_event(campaign, "campaign_started", json_pack("{s:s, s:I}", "name", spec->name, "fits_planned",
		        (json_int_t)(campaign->plan.fits > INT64_MAX ? INT64_MAX : campaign->plan.fits)), err);
	prepared_release(&data);
	if (code) {
		campaign->spec = NULL; /* still the caller's */
		campaign_close(campaign);
	} else {
		*out = campaign;
	}
	return code;
}

/* ---- opening again ---- */

static int read_own(struct campaign *campaign, const char *name, json_t **out, struct orch_err *err)
{
	char *path = campaign_dir_path(campaign->dir, name);
	int code = json_read_file(path, out, err);

	if (code == ORCH_EMISSING)
		err->code = ORCH_EDAMAGED;
	free(path);
	return code == ORCH_EMISSING ? ORCH_EDAMAGED : code;
}

static char *spec_file_of(const struct campaign *campaign)
{
	return file_join(campaign->dir->path, json_get_text(campaign->info, "spec_path", "campaign.yaml"));
}

static int open_spec(struct campaign *campaign, const struct campaign_options *options, struct orch_err *err)
{
	json_t *resolved = NULL;
	char *path, *base;
	int code = read_own(campaign, "campaign.json", &campaign->info, err);

	if (!code)
		code = read_own(campaign, "spec.json", &resolved, err);
	if (code)
		return code;
	path = spec_file_of(campaign);
	base = file_folder(path);
	code = spec_from_resolved(resolved, path, base, &campaign->spec, err);
	if (!code)
		code = check_paths(campaign->spec, campaign->dir->path, err);
	if (!code)
		code = drift_check_spec(campaign, path, options->allow_drift, err);
	if (!code)
		code = drift_check_build(campaign, options->allow_drift, err);
	json_decref(resolved);
	free(path);
	free(base);
	return code;
}

/* What was left by a failed write, or had a row that did not hold when it was read; check_all: every row is read now. */
static bool ledger_is_suspect(const char *path, const char *mark, bool rollback, bool check_all, struct orch_err *why)
{
	bool suspect = file_exists(mark) || (check_all && ledger_verify(path, rollback, why) == ORCH_EDAMAGED);

	if (!suspect)
		orch_err_clear(why);
	return suspect;
}

static int copy_ledger(struct campaign *campaign, const char *path, bool rollback, const struct orch_err *why, struct orch_err *err)
{
	char *mark = campaign_dir_path(campaign->dir, "ledger.suspect");
	const char *reason = why->code ? why->text : "a write to it had failed, or a row of it was damaged";
	uint64_t kept = 0, lost = 0;
	int code = ledger_regenerate(path, rollback, &kept, &lost, err);

	if (!code)
		code = file_remove_tree(mark, err);
	text_addf(&campaign->kept, "ledger.db did not hold (%.*s): %llu rows kept, %llu done again\n", (int)strcspn(reason, "\n"),
	        reason, (unsigned long long)kept, (unsigned long long)lost);
	if (!code)
		code = ledger_open(path, LEDGER_WRITE, rollback, &campaign->ledger, err);
	free(mark);
	return code;
}

/* A ledger that is not to be trusted is copied row by row into a new one before it is used. */
static int recover_ledger(struct campaign *campaign, bool check_all, struct orch_err *err)
{
	char *path = campaign_dir_path(campaign->dir, "ledger.db"), *mark = campaign_dir_path(campaign->dir, "ledger.suspect");
	bool rollback = campaign_dir_needs_rollback_journal(campaign->dir->path);
	struct orch_err why = {0};
	int code = 0;

	if (!file_exists(path)) {
		text_add(&campaign->kept, "ledger.db was not there: a new one is made; fits of the round under way are done again\n");
		code = ledger_create(path, rollback, &campaign->ledger, err);
	} else if (ledger_is_suspect(path, mark, rollback, check_all, &why) ||
	           ledger_open(path, LEDGER_WRITE, rollback, &campaign->ledger, &why) == ORCH_EDAMAGED) {
		code = copy_ledger(campaign, path, rollback, &why, err);
	} else if (why.code) {
		code = orch_fail(err, why.code, "%s", why.text);
	}
	free(path);
	free(mark);
	return code;
}

/* So that the next opening does not trust the ledger (see recover_ledger). */
static void mark_suspect(struct campaign *campaign)
{
	char *path = campaign_dir_path(campaign->dir, "ledger.suspect");

	if (!file_exists(path))
		file_write_new(path, "", 0, NULL); /* best effort: the disk may be what failed */
	free(path);
}

/* A row that does not hold is found when it is read: nothing more can be done with this ledger but to copy it. */
static void note_damage(struct campaign *campaign, int code, struct orch_err *err)
{
	char *path, *text;

	if (code != ORCH_EDAMAGED || !campaign->ledger)
		return;
	path = campaign_dir_path(campaign->dir, "ledger.db");
	if (ledger_verify(path, campaign_dir_needs_rollback_journal(campaign->dir->path), NULL) == ORCH_EDAMAGED) {
		mark_suspect(campaign);
		text = text_format("%s\nthe next resume copies what holds into a new ledger, keeps this one as ledger.db.damaged-N, and does the rest again", err->text);
		orch_err_clear(err);
		orch_fail(err, code, "%s", text);
		free(text);
	}
	free(path);
}

/* From its bundle where that holds; else what is there is set aside, and *again says that the round is done anew. */
static int mend_round(struct campaign *campaign, unsigned round, const char *manifest_hash, const char *why, bool *again, struct orch_err *err)
{
	char *path = campaign_round_path(campaign, round), *to = NULL;
	struct orch_err missing = {0};
	int code = round_restore(campaign, round, manifest_hash, &to, &missing);

	*again = code == ORCH_EMISSING;
	if (*again) {
		code = file_exists(path) ? round_set_aside(campaign, round, &to, err) : 0;
	} else if (code) {
		code = orch_fail(err, code, "%s", missing.text);
	}
	if (!code)
		text_addf(&campaign->kept, "round %u: %s, it was damaged (%s)%s%s\n", round, *again ? "done again" : "restored from its bundle", why,
		        to ? "; what was there is in " : "", to ? to : "");
	free(to);
	free(path);
	return code;
}

/* Every published round against its manifest, and the ledger's rows against the folders: a row without its folder is damage; a folder
 * without a row is a crash between rename and transaction, and is recorded by campaign_seal_round. */
static int check_rounds(struct campaign *campaign, const struct campaign_options *options, struct orch_err *err)
{
	for (unsigned round = 0;; round++) {
		char *path = campaign_round_path(campaign, round), hash[65];
		char known[65];
		struct orch_err why = {0};
		int code = round_known_manifest(campaign, round, known, err);
		bool there = file_exists(path), named = known[0], again = false;

		if (!code && !there && !named) {
			free(path);
			return 0;
		}
		if (!code && !there)
			orch_fail(&why, ORCH_EDAMAGED, "the ledger names it, its folder is not there");
		else if (!code && !round_dir_verify(path, hash, &why) && named && strcmp(hash, known))
			orch_fail(&why, ORCH_EDAMAGED, "its manifest is not the one that the ledger names");
		if (!code && why.code && options->redo_damaged)
			code = mend_round(campaign, round, known, why.text, &again, err);
		else if (!code && why.code)
			code = orch_fail(err, ORCH_EDAMAGED, "round %u is damaged: %s\nnothing was changed. orch verify %s lists it all; orch resume --redo-damaged %s sets the "
			        "damaged round aside, and restores it from its bundle or, where that does not hold, does it again", round, why.text, campaign->dir->path, campaign->dir->path);
		else if (!code)
			text_addf(&campaign->kept, "round %u: kept, all its files hold\n", round);
		free(path);
		if (code)
			return code;
		if (again)
			return 0; /* from here on everything is done again; later rounds that hold are found when they are reached */
	}
}

/* How long fits took when it was interrupted; lost with status.json, and then learnt anew. */
static void read_rates(struct campaign *campaign)
{
	char *path = campaign_dir_path(campaign->dir, "status.json");
	json_t *status = NULL;

	if (!json_read_file(path, &status, NULL))
		eta_rates_read(json_object_get(status, "rates"), campaign->rates);
	json_decref(status);
	free(path);
}

int campaign_open(const char *path, const struct campaign_options *options, struct display *display, struct campaign **out, struct orch_err *err)
{
	struct campaign *campaign = mem_must(1, sizeof *campaign);
	struct prepared data = {0};
	int code = campaign_dir_open(path, true, &campaign->dir, err);

	campaign->display = display;
	campaign->started = process_clock();
	campaign->started_wall = process_wall();
	if (!code)
		code = open_spec(campaign, options, err);
	if (!code)
		code = prepare_data(campaign->spec, probe_program(), &data, err);
	if (!code)
		code = recover_ledger(campaign, options->redo_damaged, err);
	if (!code)
		code = take_earlier(campaign, err);
	if (!code)
		code = open_logs(campaign, err);
	if (!code)
		code = drift_check_data(campaign, &data, options->allow_drift, err);
	if (!code)
		code = check_rounds(campaign, options, err);
	if (!code)
		code = study_open(campaign->spec, data.frame, data.folds, &campaign->study, err);
	if (!code)
		code = plan_make(campaign->spec, campaign->study, &campaign->plan, err);
	if (!code)
		plan_as_started(campaign->spec, json_object_get(campaign->info, "run"), &campaign->plan);
	if (!code)
		code = open_scheduler(campaign, err);
	if (!code) {
		read_rates(campaign);
		code = campaign_event(campaign, "campaign_resumed", json_object(), err);
	}
	prepared_release(&data);
	note_damage(campaign, code, err);
	if (code)
		campaign_close(campaign);
	else
		*out = campaign;
	return code;
}

/* The study from what the cache has, else from the source once more; without either the campaign can be mended but for its summary. */
static void try_study(struct campaign *campaign)
{
	const json_t *data = json_object_get(campaign->info, "data");
	struct prepared prepared = {0};

	if (!study_open(campaign->spec, json_get_text(data, "frame", ""), json_get_text(data, "folds", ""), &campaign->study, NULL))
		return;
	if (!prepare_data(campaign->spec, probe_program(), &prepared, NULL) && !strcmp(prepared.frame_hash, json_get_text(data, "frame_hash", "")) &&
	        study_open(campaign->spec, prepared.frame, prepared.folds, &campaign->study, NULL))
		campaign->study = NULL;
	prepared_release(&prepared);
}

int campaign_open_stored(const char *path, struct campaign **out, struct orch_err *err)
{
	struct campaign *campaign = mem_must(1, sizeof *campaign);
	json_t *resolved = NULL;
	int code = campaign_dir_open(path, true, &campaign->dir, err);

	if (!code)
		code = read_own(campaign, "campaign.json", &campaign->info, err);
	if (!code)
		code = read_own(campaign, "spec.json", &resolved, err);
	if (!code) {
		char *spec_path = spec_file_of(campaign), *base = file_folder(spec_path);

		code = spec_from_resolved(resolved, spec_path, base, &campaign->spec, err);
		free(spec_path);
		free(base);
	}
	json_decref(resolved);
	if (!code)
		code = recover_ledger(campaign, true, err);
	if (!code)
		code = open_logs(campaign, err);
	if (code) {
		campaign_close(campaign);
		return code;
	}
	try_study(campaign);
	*out = campaign;
	return 0;
}

void campaign_close(struct campaign *campaign)
{
	if (!campaign)
		return;
	scheduler_close(campaign->scheduler);
	if (campaign->ledger)
		ledger_close(&campaign->ledger, NULL);
	event_log_close(campaign->progress);
	event_log_close(campaign->telemetry);
	study_close(campaign->study);
	spec_release(campaign->spec);
	json_decref(campaign->info);
	campaign_dir_close(campaign->dir);
	text_buf_release(&campaign->kept);
	free(campaign);
}

/* ---- running ---- */

int campaign_write_summary(struct campaign *campaign, unsigned rounds, bool done, struct orch_err *err)
{
	json_t *summary = NULL;
	char *path = campaign_dir_path(campaign->dir, "summary.json"), *text = NULL;
	int code = campaign_summary(campaign, rounds, done, &summary, err);

	if (!code) {
		text = seal_text(summary, JSON_STYLE_PRETTY);
		code = file_replace(path, text, strlen(text), err);
	}
	json_decref(summary);
	free(text);
	free(path);
	return code;
}

/* The report is derived: what keeps it from being made is said, and the campaign goes on. During a campaign it takes no more than a twentieth of
 * the time: over hundreds of rounds it is renewed less often than after each. */
static void renew_report(struct campaign *campaign, bool last)
{
	struct orch_err why = {0};
	double now = process_clock();

	if (!last && now < campaign->report_next)
		return;
	if (campaign_report_renew(campaign->dir->path, &why))
		display_line(campaign->display, "warning: report/ could not be renewed: %s", why.text);
	campaign->report_next = process_clock() + 20 * (process_clock() - now);
}

static int run_rounds(struct campaign *campaign, struct orch_err *err)
{
	json_t *features = study_feature_names(campaign->study);
	int code = gnuplot_check(err); /* better now than after a night */

	for (unsigned round = 0; !code && features; round++) {
		json_t *following = NULL;

		code = campaign_round(campaign, round, features, err);
		if (!code)
			code = campaign_next_features(campaign, round, &following, err);
		if (!code) {
			campaign->rounds_done = round + 1;
			code = campaign_write_summary(campaign, round + 1, following == NULL, err);
		}
		if (!code && following)
			renew_report(campaign, false);
		json_decref(features);
		features = code ? NULL : following;
		if (code)
			json_decref(following);
	}
	json_decref(features); /* not begun at all */
	return code;
}

int campaign_reopen(struct campaign *campaign, bool distrust, struct orch_err *err)
{
	int code;

	campaign->trials_done = campaign->trials_failed = campaign->trials_pruned = campaign->fits_done = campaign->fits_failed = 0; /* the rounds count them again */
	campaign->rounds_done = 0;
	if (distrust)
		mark_suspect(campaign);
	code = recover_ledger(campaign, false, err);
	if (!code)
		code = open_logs(campaign, err);
	return code ? code : open_scheduler(campaign, err);
}

int campaign_run(struct campaign *campaign, struct orch_err *err)
{
	json_t *fields = json_object();
	const char *state;
	int code;

	campaign_say_kept(campaign);
	while ((code = run_rounds(campaign, err)) && campaign_out_of_room(code, err) && !(code = campaign_pause(campaign, err)))
		;
	campaign_say_kept(campaign);
	state = code == 0 ? "done" : code == ORCH_ESTOPPED ? "interrupted" : "failed";
	if (code == ORCH_EIO && !campaign_out_of_room(code, err))
		mark_suspect(campaign);
	note_damage(campaign, code, err);
	if (code && err)
		json_object_set_new(fields, "text", json_string_nocheck(err->text));
	if (campaign->progress) /* stopped while it was paused: there is no log to write to */
		campaign_event(campaign, code == 0 ? "campaign_done" : code == ORCH_ESTOPPED ? "campaign_stopped" : "campaign_failed", fields, NULL);
	else
		json_decref(fields);
	display_status_file(campaign->display, campaign, state);
	if (campaign->rounds_done && code != ORCH_EIO)
		renew_report(campaign, true); /* last: it tells the state, too */
	return code;
}
