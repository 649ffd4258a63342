/* One round from its first task to its publication: the graph of its stages, their tasks, their results.
 *
 * A stage is  waiting -> fitting -> writing -> committed.  It fits when the stages in fits_after are committed (04_lofo: and
 * the baseline's folds are fitted, whose predictions it compares with); it is written by a worker, or
 * part by part by several, when its fits are done and the stages in write_after are committed; it is committed by a rename. Any stage that is ready is served, in
 * table order, so diagnostics run beside LOFO on whatever worker is free. */
#include "orchestrator/round_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/display.h"
#include "orchestrator/estimate.h"
#include "orchestrator/variations.h"
#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/base/process.h"

#define FLUSH_SECONDS 0.8

static unsigned bit(enum stage_id stage)
{
	return 1u << stage;
}

static bool committed(const struct round_run *run, unsigned stages)
{
	return (run->committed & stages) == stages;
}

/* ---- what the ledger knows already ---- */

struct load {
	struct round_run *run;
	enum stage_id stage;
	uint8_t (*stale)[LEDGER_KEY]; /* fits whose files are gone: to be done again */
	size_t stale_count;
};

bool round_run_files_hold(const struct round_run *run, const struct ledger_fit *fit)
{
	json_t *files = NULL, *file;
	bool hold = true;
	size_t i;

	if (!fit->files)
		return true; /* a program that only gave a score, a final model without rows to predict */
	if (json_parse(fit->files, strlen(fit->files), "ledger", &files, NULL))
		return false;
	json_array_foreach(files, i, file) {
		char *path = file_join(run->scratch, json_get_text(file, "name", "")), found[HASH_HEX] = "";

		hold = hold && !hash_file(path, 0, found, NULL, NULL) && !strcmp(found, json_get_text(file, "sha256", "-"));
		free(path);
	}
	json_decref(files);
	return hold;
}

static int load_trial(struct round_run *run, const struct ledger_fit *fit, struct orch_err *err)
{
	struct search_fit ended = {fit->trial, fit->fold, fit->state != LEDGER_FAILED ? fit->score : NAN, fit->state == LEDGER_PRUNED, NULL};
	json_t *metrics = NULL;
	int code = run->phases && fit->metrics ? json_parse(fit->metrics, strlen(fit->metrics), "ledger", &metrics, err) : 0;

	ended.metrics = metrics;
	if (!code)
		code = round_run_note_trial(run, &ended, false, err);
	json_decref(metrics);
	return code;
}

static int load_fit(void *context, const struct ledger_fit *fit, struct orch_err *err)
{
	struct load *load = context;
	struct round_run *run = load->run;
	struct fit_plan *plan = run->plans[load->stage];
	bool with_files = load->stage == STAGE_BASELINE || load->stage == STAGE_DROPPED;
	uint64_t number;

	if (!fit_plan_find(plan, fit->trial, fit->fold, fit->left_out, &number))
		return load->stage == STAGE_DROPPED && run->sets ? 0 /* of another set than the plan's */ : orch_fail(err, ORCH_EDAMAGED, "the ledger has a fit of round %u stage %s (trial %lld, fold %d, without \"%s\") that this campaign "
		        "does not plan", fit->round, fit->stage, (long long)fit->trial, fit->fold, fit->left_out);
	if (with_files && !round_run_files_hold(run, fit)) {
		void *grown = mem_array_grow(load->stale, load->stale_count + 1, sizeof *load->stale);

		if (!grown)
			return orch_fail(err, ORCH_ENOMEM, "no memory");
		load->stale = grown;
		memcpy(load->stale[load->stale_count++], fit->key, LEDGER_KEY);
		return 0;
	}
	fit_plan_mark(plan, number);
	run->campaign->fits_done += fit->state != LEDGER_FAILED;
	run->campaign->fits_failed += fit->state == LEDGER_FAILED;
	if (load->stage != STAGE_BASELINE || fit->trial == run->trial) /* members of an ensemble are nothing to LOFO */
		round_run_note_lofo(run, load->stage, fit->left_out, fit->fold, fit->state == LEDGER_DONE ? fit->score : NAN);
	return load->stage == STAGE_HPO ? load_trial(run, fit, err) : 0;
}

static int load_stage(struct round_run *run, enum stage_id stage, struct orch_err *err)
{
	struct campaign *campaign = run->campaign;
	struct load load = {.run = run, .stage = stage};
	int code = stage == STAGE_HPO && round_run_trials_suffice(run) ? round_run_load_trials(run, load_fit, &load, err) :
	        ledger_each_fit(campaign->ledger, run->round, stage_table[stage].name, load_fit, &load, err);

	for (size_t i = 0; i < load.stale_count && !code; i++)
		code = ledger_forget_fit(campaign->ledger, load.stale[i], err);
	if (!code && load.stale_count) {
		code = ledger_flush(campaign->ledger, err);
		text_addf(&campaign->kept, "round %u %s: %zu fits are done again: their files in scratch/ do not hold\n", run->round,
		        stage_table[stage].name, load.stale_count);
	}
	if (!code && fit_plan_done(run->plans[stage]) && fit_plan_done(run->plans[stage]) < fit_plan_fits(run->plans[stage]))
		text_addf(&campaign->kept, "round %u %s: %llu of %llu fits kept from the ledger\n", run->round, stage_table[stage].name,
		        (unsigned long long)fit_plan_done(run->plans[stage]), (unsigned long long)fit_plan_fits(run->plans[stage]));
	free(load.stale);
	return code;
}

/* ---- opening the fits of a stage ---- */

static int read_stage_json(const struct round_run *run, enum stage_id stage, const char *name, json_t **out, struct orch_err *err)
{
	char *relative = text_format("%s/%s", stage_table[stage].name, name), *path = file_join(round_dir_path(run->dir), relative);
	int code = json_read_file(path, out, err);

	free(relative);
	free(path);
	return code;
}

/* The chosen configuration, once 01_hpo is committed. */
static int read_best(struct round_run *run, struct orch_err *err)
{
	json_t *best = NULL;
	int code;

	if (run->params)
		return 0;
	code = read_stage_json(run, STAGE_HPO, "best.json", &best, err);
	if (code)
		return code;
	run->trial = json_get_int(best, "trial", -1);
	if (run->trial < 0)
		code = orch_fail(err, ORCH_EFIT, "no trial of round %u could be scored: every configuration failed; `orch show %s` lists the causes",
		        run->round, run->campaign->dir->path);
	else if (!json_is_object(json_object_get(best, "params")))
		code = orch_fail(err, ORCH_EDAMAGED, "01_hpo/best.json of round %u has no \"params\"", run->round);
	else
		run->params = json_incref(json_object_get(best, "params"));
	if (!code && json_array_size(json_object_get(best, "members")) > 1)
		run->members = json_incref(json_object_get(best, "members"));
	if (!code && !json_get_bool(best, "meets_constraints", true))
		display_line(run->campaign->display, "round %u: no trial meets all constraints; trial %lld comes nearest and is taken", run->round, (long long)run->trial);
	if (!code)
		run->campaign->study->model = search_model(run->search, (uint64_t)run->trial);
	json_decref(best);
	return code;
}

static int read_dropped(struct round_run *run, struct orch_err *err)
{
	json_t *baseline = NULL;
	int code;

	if (run->dropped)
		return 0;
	code = read_stage_json(run, STAGE_LOFO, "drop.json", &run->dropped, err);
	if (!code && !json_is_array(json_object_get(run->dropped, "dropped")))
		code = orch_fail(err, ORCH_EDAMAGED, "04_lofo/drop.json of round %u has no \"dropped\"", run->round);
	if (!code)
		code = read_stage_json(run, STAGE_BASELINE, "metrics.json", &baseline, err);
	if (!code)
		code = drop_sets_open(run->campaign->study, run->dropped, baseline, &run->sets, err);
	json_decref(baseline);
	return code;
}

static bool stage_wants_fits(const struct round_run *run, enum stage_id stage)
{
	if (!stage_table[stage].has_fits)
		return false;
	if (stage == STAGE_LOFO)
		return run->campaign->spec->lofo.enabled && run->campaign->study->unit_count > 1;
	if (stage == STAGE_DROPPED)
		return json_array_size(json_object_get(run->dropped, "dropped")) > 0;
	if (stage == STAGE_STABILITY)
		return variations_wanted(run->campaign->spec, engine_find(run->campaign->spec->models[run->campaign->study->model].engine));
	return true;
}

/* The next set that 05_dropped tries, over the folds; when it is decided, the final fit of the one that is taken, if any. */
static int open_set(struct round_run *run, struct fit_plan_request *request, struct orch_err *err)
{
	size_t size;
	int code;

	run->set_size = drop_sets_next(run->sets);
	size = run->set_size ? run->set_size : drop_sets_taken(run->sets);
	run->set_fits += run->plans[STAGE_DROPPED] ? fit_plan_fits(run->plans[STAGE_DROPPED]) : 0;
	fit_plan_close(run->plans[STAGE_DROPPED]);
	run->plans[STAGE_DROPPED] = NULL;
	json_decref(run->left_out);
	run->left_out = drop_set_features(run->sets, size);
	if (!size)
		return 0;
	request->left_out = run->left_out;
	request->set = drop_set_name(size, run->set_name);
	request->folds = run->set_size ? FIT_PLAN_NO_HOLDOUT : FIT_PLAN_HOLDOUT;
	code = fit_plan_open(request, &run->plans[STAGE_DROPPED], err);
	return code ? code : load_stage(run, STAGE_DROPPED, err);
}

/* Without a holdout the fit on all rows is there for its model, which is kept of the chosen one only. */
static void skip_final_fits(struct round_run *run)
{
	uint64_t number;

	for (size_t m = 1; m < json_array_size(run->members); m++)
		if (fit_plan_find(run->plans[STAGE_BASELINE], json_get_int(json_array_get(run->members, m), "trial", -1), -1, "", &number))
			fit_plan_skip(run->plans[STAGE_BASELINE], number);
}

static int open_fits(struct round_run *run, enum stage_id stage, struct orch_err *err)
{
	struct fit_plan_request request = {.stage = stage, .round = run->round, .study = run->campaign->study, .search = run->search,
	        .scratch = run->scratch, .trial = -1};
	int code = 0;

	if (stage != STAGE_HPO)
		code = read_best(run, err);
	if (!code && stage == STAGE_DROPPED)
		code = read_dropped(run, err);
	if (code)
		return code;
	run->opened |= bit(stage);
	if (!stage_wants_fits(run, stage))
		return 0;
	request.trial = run->trial;
	request.params = run->params;
	request.members = run->members;
	if (stage == STAGE_DROPPED && run->sets)
		return open_set(run, &request, err);
	request.left_out = stage == STAGE_DROPPED ? json_object_get(run->dropped, "dropped") : NULL;
	if (stage == STAGE_LOFO)
		code = round_run_open_lofo(run, &request, err);
	if (stage == STAGE_HPO)
		code = round_run_open_phases(run, &request, err);
	if (!code)
		code = fit_plan_open(&request, &run->plans[stage], err);
	if (!code)
		code = load_stage(run, stage, err);
	if (!code && stage == STAGE_BASELINE && !run->campaign->study->holdout_rows)
		skip_final_fits(run);
	if (!code && stage == STAGE_HPO && run->phases)
		search_phases_begin(run->phases, run->plans[stage]);
	return code;
}

/* A set that was tried has all its scores: what next? */
static int go_on_with_sets(struct round_run *run, struct orch_err *err)
{
	struct fit_plan_request request = {.stage = STAGE_DROPPED, .round = run->round, .study = run->campaign->study, .search = run->search,
	        .scratch = run->scratch, .trial = run->trial, .params = run->params};
	double *scores = mem_must(run->campaign->study->folds + 1, sizeof *scores);
	int code = ledger_flush(run->campaign->ledger, err); /* what is decided rests on what is durable */

	if (!code)
		code = drop_sets_scores(run->sets, run->campaign->ledger, run->round, run->set_size, scores, err);
	if (!code)
		drop_sets_note(run->sets, run->set_size, scores);
	free(scores);
	return code ? code : open_set(run, &request, err);
}

static bool fits_complete(const struct round_run *run, enum stage_id stage)
{
	const struct fit_plan *plan = run->plans[stage];

	if (!stage_table[stage].has_fits)
		return true;
	return (run->opened & bit(stage)) && (!plan || fit_plan_done(plan) == fit_plan_fits(plan));
}

/* ---- handing out ---- */

static unsigned part_count(enum stage_id stage)
{
	unsigned count = stage_table[stage].parts ? stage_table[stage].parts->count() : 1;

	if (!count || count > STAGE_PARTS_MAX)
		orch_bug("stage %s has %u parts", stage_table[stage].name, count);
	return count;
}

/* All stages that what a stage writes may rest on. */
static unsigned rests_on(enum stage_id stage)
{
	unsigned stages = stage_table[stage].fits_after | stage_table[stage].write_after;

	for (unsigned part = 0; stage_table[stage].parts && part < part_count(stage); part++)
		stages |= stage_table[stage].parts->after(part);
	return stages;
}

static bool part_ready(const struct round_run *run, enum stage_id stage, unsigned part)
{
	return !(run->given[stage] >> part & 1) && (!stage_table[stage].parts || committed(run, stage_table[stage].parts->after(part)));
}

static int write_task(struct round_run *run, enum stage_id stage, unsigned part, struct task *task, struct orch_err *err)
{
	int code = ledger_flush(run->campaign->ledger, err); /* the writer reads the ledger */

	if (!code && !(run->writing & bit(stage)))
		code = round_dir_stage_begin(run->dir, stage_table[stage].name, &run->folders[stage], err);
	if (code)
		return code;
	run->writing |= bit(stage);
	run->given[stage] |= (uint64_t)1 << part;
	*task = (struct task){.kind = TASK_WRITE, .stage = stage, .group = part, .needs_setup = true,
	        .line = json_pack("{s:s, s:I, s:i, s:s, s:s, s:s, s:s}", "type", "write", "id", (json_int_t)0, "round", (int)run->round, "stage",
	                stage_table[stage].name, "campaign", run->campaign->dir->path, "work", round_dir_path(run->dir), "folder", run->folders[stage])};
	if (stage_table[stage].parts)
		json_object_set_new(task->line, "part", json_integer(part));
	return 1;
}

void round_run_show_stage(struct round_run *run, enum stage_id stage)
{
	const struct fit_plan *plan = run->plans[stage];
	struct display_stage view = {.name = stage_table[stage].name, .title = stage_table[stage].title};

	if (!plan)
		return;
	view.done = fit_plan_done(plan) - fit_plan_skipped(plan) + (stage == STAGE_DROPPED ? run->set_fits : 0);
	view.total = fit_plan_fits(plan) - fit_plan_skipped(plan) + (stage == STAGE_DROPPED ? run->set_fits : 0);
	view.failed = run->failed[stage];
	display_stage(run->campaign->display, &view);
}

static int next_fits(struct round_run *run, unsigned stage, struct task *task, struct orch_err *err)
{
	struct fit_plan *plan = run->plans[stage];
	uint64_t fits = fit_plan_fits(plan), left = (uint64_t)((double)fit_plan_tasks(plan) * (double)(fits - fit_plan_done(plan)) / (double)(fits ? fits : 1));
	int code = fit_plan_next(plan, round_run_wants_seconds(run, stage) ? 1 : batching_next(&run->batching, stage, left), task, err);

	return !code && stage == STAGE_HPO && run->phases ? search_phases_error(run->phases, err) : code;
}

static int next(void *context, struct task *task, struct orch_err *err)
{
	struct round_run *run = context;
	struct batching_single single;

	if (batching_take_single(&run->batching, &single)) {
		int code = fit_plan_task(run->plans[single.stage], single.number, task, err);

		task->attempt = single.attempt;
		return code;
	}
	for (unsigned s = 0; s < STAGE_COUNT; s++) {
		const struct stage *stage = &stage_table[s];
		int code;

		if (committed(run, bit(s)) || (!stage->parts && (run->writing & bit(s))))
			continue;
		if (stage->has_fits && !(run->opened & bit(s)) && committed(run, stage->fits_after) &&
		        (s != STAGE_LOFO || round_run_lofo_may_start(run))) {
			code = open_fits(run, s, err);
			if (code)
				return code;
			round_run_show_stage(run, s);
		}
		while (s == STAGE_DROPPED && run->set_size && fit_plan_done(run->plans[s]) == fit_plan_fits(run->plans[s])) {
			code = go_on_with_sets(run, err);
			if (code)
				return code;
			round_run_show_stage(run, s);
		}
		if (run->plans[s] && (code = next_fits(run, s, task, err)))
			return code;
		if (fits_complete(run, s) && committed(run, stage->write_after))
			for (unsigned part = 0; part < part_count(s); part++)
				if (part_ready(run, s, part))
					return write_task(run, s, part, task, err);
	}
	return 0;
}

/* ---- a task has ended ---- */


static int stage_event(struct round_run *run, enum stage_id stage, const char *event, struct orch_err *err)
{
	return campaign_event(run->campaign, event, json_pack("{s:i, s:s}", "round", (int)run->round, "stage", stage_table[stage].name), err);
}

static int write_ended(struct round_run *run, struct task *task, struct task_outcome *outcome, struct orch_err *err)
{
	enum stage_id stage = (enum stage_id)task->stage;
	int code;

	if (outcome->end != TASK_OK) {
		run->writing &= ~bit(stage);
		round_dir_stage_abort(run->dir, run->folders[stage]);
		return orch_fail(err, outcome->end == TASK_ERROR ? outcome->detail : ORCH_EIO, "round %u: stage %s could not be written (%s): %s", run->round,
		        stage_table[stage].name, task_end_name(outcome->end), outcome->text ? outcome->text : "");
	}
	run->written[stage] |= (uint64_t)1 << task->group;
	for (unsigned part = 0; part < part_count(stage); part++)
		if (!(run->written[stage] >> part & 1))
			return 0;
	run->writing &= ~bit(stage);
	code = round_dir_stage_commit(run->dir, stage_table[stage].name, run->folders[stage], err);
	if (code)
		return code;
	run->committed |= bit(stage);
	if (stage_table[stage].has_fits && run->plans[stage])
		round_run_show_stage(run, stage);
	if (stage_table[stage].has_fits && run->plans[stage])
		display_stage_end(run->campaign->display, stage_table[stage].name, stage_table[stage].title);
	return stage_event(run, stage, "stage_done", err);
}

static int finished(void *context, struct task *task, struct task_outcome *outcome, struct orch_err *err)
{
	struct round_run *run = context;
	int code = round_run_telemetry(run, task, outcome, err);

	if (outcome->peak_rss > run->campaign->memory_peak)
		run->campaign->memory_peak = outcome->peak_rss;
	if (code)
		return code;
	return task->kind == TASK_WRITE ? write_ended(run, task, outcome, err) : round_run_results(run, task, outcome, err);
}

/* What this round and later ones still have; those of stages that are not opened are counted by the plan. */
static struct eta_work work_left(const struct round_run *run)
{
	const struct campaign *campaign = run->campaign;
	const struct plan *plan = &campaign->plan;
	const struct spec_rfe *rfe = &campaign->spec->rfe;
	unsigned allowed = scheduler_allowed(campaign->scheduler);
	struct eta_work work = {.workers = allowed ? allowed : 1, .later_sure = !rfe->has_stop && rfe->drop != SPEC_DROP_INSIGNIFICANT,
	        .guess = isfinite(plan->seconds) && plan->fits ? plan->seconds * plan->workers / (double)plan->fits : NAN};
	double now = estimate_features_left(rfe, campaign->study, run->round);

	for (unsigned s = 0; s < STAGE_COUNT; s++) {
		double shrunk = run->round < 64 && plan->round_fits[0] ? (double)plan->round_fits[run->round] / (double)plan->round_fits[0] : 1;

		if (!stage_table[s].has_fits)
			continue;
		if (!committed(run, bit(s)))
			work.left[s] = run->plans[s] ? (double)(fit_plan_fits(run->plans[s]) - fit_plan_done(run->plans[s])) : shrunk * (double)plan->fits_per_stage[s];
		for (uint64_t r = run->round + 1; r < plan->rounds && r < 64; r++)
			work.later[s] += (double)plan->fits_per_stage[s] * (double)plan->round_fits[r] / (double)(plan->round_fits[0] ? plan->round_fits[0] : 1) *
			                 estimate_features_left(rfe, campaign->study, (double)r) / (now > 0 ? now : 1);
	}
	return work;
}

static void show_eta(struct round_run *run)
{
	struct eta_work work = work_left(run);
	double low, high;

	eta_left(run->campaign->rates, &work, &low, &high);
	display_eta(run->campaign->display, low, high);
}

/* Fewer workers because memory is short, and more again, once each. */
static int say_pressure(struct round_run *run, struct orch_err *err)
{
	unsigned allowed = scheduler_allowed(run->campaign->scheduler), most = run->campaign->plan.workers;

	if (allowed == (run->allowed_said ? run->allowed_said : most))
		return 0;
	display_line(run->campaign->display, allowed < most ? "memory is short: %u of %u workers go on" : "memory is there again: %u of %u workers", allowed, most);
	run->allowed_said = allowed;
	return campaign_event(run->campaign, "workers_allowed", json_pack("{s:i, s:i}", "workers", (int)allowed, "of", (int)most), err);
}

static int tick(void *context, struct orch_err *err)
{
	struct round_run *run = context;
	double since = ledger_waiting_since(run->campaign->ledger);
	int code = 0;

	if (since > 0 && process_clock() - since >= FLUSH_SECONDS)
		code = ledger_flush(run->campaign->ledger, err);
	campaign_say_kept(run->campaign);
	if (!code)
		code = say_pressure(run, err);
	show_eta(run);
	display_tick(run->campaign->display, run->campaign);
	return code;
}

/* ---- a round's beginning and end ---- */

static int drop_stage(struct round_run *run, enum stage_id stage, struct orch_err *err)
{
	char *path = file_join(round_dir_path(run->dir), stage_table[stage].name);
	int code = file_remove_tree(path, err);

	free(path);
	run->committed &= ~bit(stage);
	return code;
}

static int keep_stage(struct round_run *run, enum stage_id stage, struct orch_err *err)
{
	const char *name = stage_table[stage].name;
	bool holds = true;
	char *why = NULL;
	int code = 0;

	if (round_dir_stage_kept(run->dir, name, &why)) {
		code = round_run_ledger_holds(run, stage, &holds, err);
		if (!code && holds)
			run->committed |= bit(stage);
		else if (!code)
			code = drop_stage(run, stage, err);
		text_addf(&run->campaign->kept, "round %u %s: %s\n", run->round, name, holds ? "kept, its manifest holds" :
		        "done again: the ledger does not have all of its fits any more");
	} else if (why) {
		text_addf(&run->campaign->kept, "round %u %s: written again: %s\n", run->round, name, why);
	}
	free(why);
	return code;
}

static int check_baseline(void *context, const struct ledger_fit *fit, struct orch_err *err)
{
	(void)err;
	return fit->fold >= 0 && !round_run_files_hold(context, fit); /* 1 ends the walk */
}

/* Fits of LOFO are compared row by row with the baseline's predictions: a baseline whose files are gone is done again while there are such fits to do. */
static int keep_baseline(struct round_run *run, struct orch_err *err)
{
	int code;

	if (!committed(run, bit(STAGE_BASELINE)) || committed(run, bit(STAGE_LOFO)) || !run->campaign->spec->lofo.enabled)
		return 0;
	code = ledger_each_fit(run->campaign->ledger, run->round, stage_table[STAGE_BASELINE].name, check_baseline, run, err);
	if (code != 1)
		return code;
	text_addf(&run->campaign->kept, "round %u %s: done again: LOFO needs its predictions, and files in scratch/ do not hold\n", run->round,
	        stage_table[STAGE_BASELINE].name);
	return drop_stage(run, STAGE_BASELINE, err);
}

static int keep_stages(struct round_run *run, struct orch_err *err)
{
	int code = 0;

	for (unsigned s = 0; s < STAGE_COUNT && !code; s++)
		code = keep_stage(run, s, err);
	if (!code)
		code = keep_baseline(run, err);
	/* A stage that was kept although one it rests on was not is written again with it. */
	for (unsigned s = 0; s < STAGE_COUNT && !code; s++)
		if (committed(run, bit(s)) && !committed(run, rests_on(s)))
			code = drop_stage(run, s, err);
	return code;
}

_Static_assert(STAGE_COUNT <= ETA_STAGES, "a rate for each stage");

int round_run_open(struct campaign *campaign, unsigned round, struct round_run **out, struct orch_err *err)
{
	struct round_run *run = mem_must(1, sizeof *run);
	char *scratch = text_format("scratch/round_%03u", round);
	struct search_source source = {campaign->ledger, campaign->study->folds, campaign->study->metric->maximise};
	int code;

	run->campaign = campaign;
	run->round = round;
	run->trial = run->best_trial = -1;
	batching_init(&run->batching, (double)(campaign->plan.memory_limit >> 20) / campaign->plan.workers, (double)process_cores() / campaign->plan.workers,
	        campaign->plan.workers, campaign->spec->resources.batch);
	run->scratch = campaign_dir_path(campaign->dir, scratch);
	free(scratch);
	code = search_open(campaign->spec, round, &source, &run->search, err);
	if (!code)
		code = file_make_folders(run->scratch, err);
	if (!code)
		code = round_dir_begin(campaign->dir, round, &run->dir, err);
	if (!code)
		code = keep_stages(run, err);
	for (unsigned s = 0; s < STAGE_COUNT && !code; s++)
		if (stage_table[s].has_fits && committed(run, bit(s)))
			code = campaign_count_stage(campaign, round_dir_path(run->dir), round, s, err);
	if (code)
		round_run_close(run);
	else
		*out = run;
	return code;
}

/* What it cost to have the round's tasks done, beside the tasks: of this process, which starts, schedules, records and shows. */
static int note_own_cpu(struct round_run *run, double cpu_before, double message_cpu_before, struct orch_err *err)
{
	json_t *fields = json_pack("{s:f, s:f}", "cpu_seconds", process_thread_cpu() - cpu_before, "message_cpu_seconds",
	        scheduler_message_cpu(run->campaign->scheduler) - message_cpu_before);
	int code = event_log_add(run->campaign->telemetry, "orchestrator", fields, err);

	json_decref(fields);
	return code;
}

int round_run_stages(struct round_run *run, struct orch_err *err)
{
	struct scheduler_source source = {.context = run, .next = next, .finished = finished,
	        .attempt_failed = round_run_attempt_failed, .split = round_run_split, .tick = tick};
	double cpu = process_thread_cpu(), message_cpu = scheduler_message_cpu(run->campaign->scheduler);
	int code = scheduler_run(run->campaign->scheduler, &source, err);
	int flushed = ledger_flush(run->campaign->ledger, code ? NULL : err);

	if (code)
		return code;
	if (flushed)
		return flushed;
	code = note_own_cpu(run, cpu, message_cpu, err);
	if (code)
		return code;
	if (!committed(run, (1u << STAGE_COUNT) - 1))
		orch_bug("round %u ended with stages that are not committed (%x)", run->round, run->committed);
	return 0;
}

void round_run_close(struct round_run *run)
{
	if (!run)
		return;
	for (unsigned s = 0; s < STAGE_COUNT; s++) {
		if (run->writing & bit(s))
			round_dir_stage_abort(run->dir, run->folders[s]);
		fit_plan_close(run->plans[s]);
		free(run->folders[s]);
	}
	for (size_t i = 0; i < run->partial_count; i++)
		free(run->partials[i].scores);
	free(run->partials);
	batching_release(&run->batching);
	json_decref(run->params);
	json_decref(run->members);
	json_decref(run->dropped);
	json_decref(run->left_out);
	json_decref(run->baseline);
	drop_sets_close(run->sets);
	adaptive_folds_close(run->adaptive);
	search_phases_close(run->phases);
	search_close(run->search);
	if (run->dir)
		round_dir_abort(&run->dir);
	free(run->scratch);
	free(run);
}
