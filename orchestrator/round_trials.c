/* The trials of a round's search that are under way, and the order in which their fits may be done. */
#include <math.h>
#include <stdlib.h>

#include "orchestrator/display.h"
#include "orchestrator/round_run.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

/* Fold scores of trials that have some but not all of their folds. */
static struct partial_trial *partial_of(struct round_run *run, int64_t trial)
{
	struct partial_trial *free_slot = NULL;
	unsigned folds = run->campaign->study->folds;

	for (size_t i = 0; i < run->partial_count; i++) {
		if (run->partials[i].trial == trial)
			return &run->partials[i];
		if (run->partials[i].trial < 0)
			free_slot = &run->partials[i];
	}
	if (!free_slot) {
		struct partial_trial *grown = mem_array_grow(run->partials, run->partial_count + 1, sizeof *grown);

		if (!grown)
			orch_bug("out of memory for trials under way");
		run->partials = grown;
		free_slot = &run->partials[run->partial_count++];
		*free_slot = (struct partial_trial){0};
	}
	if (!free_slot->scores)
		free_slot->scores = mem_must(folds, sizeof *free_slot->scores);
	free_slot->trial = trial;
	free_slot->seen = 0;
	free_slot->cut = false;
	for (unsigned f = 0; f < folds; f++)
		free_slot->scores[f] = NAN;
	return free_slot;
}

static int ignore_row(void *context, const struct ledger_trial *row, struct orch_err *err)
{
	(void)context;
	(void)row;
	(void)err;
	return 0;
}

static bool row_is_missing(const struct round_run *run, int64_t trial)
{
	return ledger_find_trial(run->campaign->ledger, run->round, trial, ignore_row, NULL, NULL) == ORCH_EMISSING;
}

/* record: now; else only where a ledger that was damaged has lost the row. */
const char *round_run_model_shown(const struct round_run *run, int64_t trial)
{
	const struct spec *spec = run->campaign->spec;

	return spec->model_count > 1 ? spec->models[search_model(run->search, (uint64_t)trial)].name : NULL;
}

static int finish_trial(struct round_run *run, struct partial_trial *partial, bool record, struct orch_err *err)
{
	struct campaign *campaign = run->campaign;
	unsigned folds = campaign->study->folds;
	struct ledger_trial row = {.round = run->round, .trial = partial->trial};
	json_t *params = NULL;
	unsigned finite = stage_mean_sd(partial->scores, folds, &row.mean, &row.sd); /* those that met a limit among them */
	char *text;
	int code = search_searched(run->search, (uint64_t)partial->trial, &params, err);

	if (code)
		return code;
	row.state = finite == folds && !partial->cut ? LEDGER_DONE : finite < partial->seen ? LEDGER_FAILED : LEDGER_PRUNED;
	if (row.state != LEDGER_DONE)
		row.mean = row.sd = NAN;
	text = json_text(params, JSON_STYLE_CANONICAL);
	row.params = text;
	if (record || row_is_missing(run, row.trial))
		code = ledger_put_trial(campaign->ledger, &row, err);
	if (row.state == LEDGER_DONE) {
		campaign->trials_done++;
		if (run->best_trial < 0 || metric_better(campaign->study->metric, row.mean, run->best_score) ||
		        (row.mean == run->best_score && partial->trial < run->best_trial)) {
			run->best_trial = partial->trial;
			run->best_score = row.mean;
			display_best(campaign->display, campaign->study->metric->name, row.mean, partial->trial, round_run_model_shown(run, partial->trial), text);
		}
	} else if (row.state == LEDGER_FAILED) {
		campaign->trials_failed++;
	} else {
		campaign->trials_pruned++;
	}
	partial->trial = -1;
	free(text);
	json_decref(params);
	return code;
}

int round_run_note_trial(struct round_run *run, const struct search_fit *fit, bool record, struct orch_err *err)
{
	struct partial_trial *partial = partial_of(run, fit->trial);

	if (run->phases)
		search_phases_note(run->phases, fit);
	partial->scores[fit->fold] = fit->score;
	partial->cut = partial->cut || fit->pruned;
	if (++partial->seen < run->campaign->study->folds)
		return 0;
	return finish_trial(run, partial, record, err);
}

/* A pruner has stopped it: nothing more comes. */
static int stopped(void *context, int64_t trial, struct orch_err *err)
{
	struct round_run *run = context;

	return finish_trial(run, partial_of(run, trial), true, err);
}

int round_run_open_phases(struct round_run *run, struct fit_plan_request *request, struct orch_err *err)
{
	struct search_phases_request phases = {.search = run->search, .study = run->campaign->study, .stopped = stopped, .context = run};
	int code = search_phases_open(&phases, &run->phases, err);

	if (!code && run->phases) {
		request->gate = search_phases_gate;
		request->limits = search_phases_limits;
		request->gate_context = run->phases;
	}
	return code;
}
