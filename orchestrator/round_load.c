/* What the ledger knows of a search, without reading its fits one by one. A trial's row is committed with the last of its fits, so a row that says
 * "done" stands for all of them. What has no such row (under way, failed) is looked at fit by fit, range by range. */
#include <stdlib.h>
#include <string.h>

#include "orchestrator/display.h"
#include "orchestrator/round_run.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

struct gap {
	int64_t first, last;
};
struct trials {
	struct round_run *run;
	int64_t next; /* the first trial that was not seen yet */
	struct gap *gaps;
	size_t count, capacity;
	char *best_params;
};

bool round_run_trials_suffice(const struct round_run *run)
{
	char *lost = NULL;
	bool whole = ledger_meta_get(run->campaign->ledger, LEDGER_ROWS_LOST, &lost, NULL) != 0;

	free(lost); /* a trial's row may have outlived its fits */
	return whole && !run->phases; /* what decides about later trials has to see the scores */
}

static void add_gap(struct trials *trials, int64_t first, int64_t last)
{
	if (trials->count && trials->gaps[trials->count - 1].last + 1 == first) {
		trials->gaps[trials->count - 1].last = last;
		return;
	}
	if (trials->count == trials->capacity) {
		trials->capacity = trials->capacity ? 2 * trials->capacity : 64;
		trials->gaps = mem_array_grow(trials->gaps, trials->capacity, sizeof *trials->gaps);
		if (!trials->gaps)
			orch_bug("out of memory for trials under way");
	}
	trials->gaps[trials->count++] = (struct gap){first, last};
}

static bool is_best(const struct round_run *run, const struct ledger_trial *row)
{
	return run->best_trial < 0 || metric_better(run->campaign->study->metric, row->mean, run->best_score) ||
	       (row->mean == run->best_score && row->trial < run->best_trial);
}

static int take_trial(void *context, const struct ledger_trial *row, struct orch_err *err)
{
	struct trials *trials = context;
	struct round_run *run = trials->run;
	unsigned folds = run->campaign->study->folds;
	uint64_t number;

	if (row->trial > trials->next)
		add_gap(trials, trials->next, row->trial - 1);
	trials->next = row->trial + 1;
	if (row->state != LEDGER_DONE) {
		add_gap(trials, row->trial, row->trial);
		return 0;
	}
	for (unsigned fold = 0; fold < folds; fold++) {
		if (!fit_plan_find(run->plans[STAGE_HPO], row->trial, (int)fold, "", &number))
			return orch_fail(err, ORCH_EDAMAGED, "the ledger has a trial of round %u (%lld) that this campaign does not plan", run->round, (long long)row->trial);
		fit_plan_mark(run->plans[STAGE_HPO], number);
	}
	run->campaign->fits_done += folds;
	run->campaign->trials_done++;
	if (is_best(run, row)) {
		run->best_trial = row->trial;
		run->best_score = row->mean;
		free(trials->best_params);
		trials->best_params = mem_text(row->params);
	}
	return 0;
}

int round_run_load_trials(struct round_run *run, int (*visit)(void *context, const struct ledger_fit *fit, struct orch_err *err), void *context,
        struct orch_err *err)
{
	struct campaign *campaign = run->campaign;
	struct trials trials = {.run = run};
	int code = ledger_each_trial(campaign->ledger, run->round, take_trial, &trials, err);

	if (trials.best_params)
		display_best(campaign->display, campaign->study->metric->name, run->best_score, run->best_trial, round_run_model_shown(run, run->best_trial), trials.best_params);
	add_gap(&trials, trials.next, INT64_MAX);
	for (size_t i = 0; i < trials.count && !code; i++)
		code = ledger_each_fit_of(campaign->ledger, run->round, stage_table[STAGE_HPO].name, trials.gaps[i].first, trials.gaps[i].last, visit, context, err);
	free(trials.gaps);
	free(trials.best_params);
	return code;
}

static int count_trial(void *context, const struct ledger_trial *row, struct orch_err *err)
{
	(void)row;
	(void)err;
	++*(json_int_t *)context;
	return 0;
}

/* A ledger that was lost or damaged is made anew, and the work folder may know of more than it has. */
int round_run_ledger_holds(const struct round_run *run, enum stage_id stage, bool *holds, struct orch_err *err)
{
	struct ledger *ledger = run->campaign->ledger;
	const char *folder = round_dir_path(run->dir);
	int64_t done = 0, failed = 0, known_done = 0, known_failed = 0;
	json_int_t trials = 0;
	json_t *best = NULL;
	int code;

	*holds = true;
	if (!stage_table[stage].has_fits)
		return 0;
	code = stage_counts(folder, ledger, run->round, stage, &done, &failed, err);
	if (!code)
		code = ledger_counts(ledger, run->round, stage_table[stage].name, &known_done, &known_failed, err);
	if (!code && stage == STAGE_HPO)
		code = ledger_each_trial(ledger, run->round, count_trial, &trials, err);
	if (!code && stage == STAGE_HPO) {
		char *relative = text_format("%s/best.json", stage_table[stage].name), *path = file_join(folder, relative);

		code = json_read_file(path, &best, err);
		free(relative);
		free(path);
	}
	*holds = done == known_done && failed == known_failed && trials == json_get_int(best, "trials", 0);
	json_decref(best);
	return code;
}
