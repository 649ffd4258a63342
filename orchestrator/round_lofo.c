/* What LOFO fits need of others: the baseline's predictions, which they are compared with row by row, and what decides which of them are needed
 * (adaptive_folds.h): scores of the baseline and of the left-out fits, and what programs said their models use. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/round_run.h"
#include "storage/base/json.h"

bool round_run_lofo_may_start(const struct round_run *run)
{
	const struct fit_plan *plan = run->plans[STAGE_BASELINE];
	uint64_t number;

	if (run->committed & 1u << STAGE_BASELINE)
		return true;
	for (unsigned fold = 0; plan && fold < run->campaign->study->folds; fold++)
		if (fit_plan_find(plan, run->trial, (int)fold, "", &number) && !fit_plan_marked(plan, number))
			return false;
	return plan != NULL;
}

static int take_file(void *context, const struct ledger_fit *fit, struct orch_err *err)
{
	struct round_run *run = context;
	json_t *files = NULL, *file;
	char key[16];
	size_t i;
	int code;

	if (fit->trial != run->trial || fit->fold < 0 || fit->state != LEDGER_DONE || !fit->files)
		return 0;
	code = json_parse(fit->files, strlen(fit->files), "ledger", &files, err);
	snprintf(key, sizeof key, "%d", fit->fold);
	json_array_foreach(files, i, file)
		json_object_set(run->baseline, key, json_object_get(file, "name"));
	json_decref(files);
	return code;
}

void round_run_note_lofo(struct round_run *run, enum stage_id stage, const char *left_out, int fold, double score)
{
	if (run->adaptive && stage == STAGE_BASELINE)
		adaptive_folds_with(run->adaptive, fold, score);
	else if (run->adaptive && stage == STAGE_LOFO)
		adaptive_folds_without(run->adaptive, left_out, fold, score);
}

static int take_baseline(void *context, const struct ledger_fit *fit, struct orch_err *err)
{
	const struct round_run *run = context;

	(void)err;
	if (fit->trial == run->trial)
		round_run_note_lofo(context, STAGE_BASELINE, "", fit->fold, fit->state == LEDGER_DONE ? fit->score : NAN);
	return 0;
}

static int take_search(void *context, const struct ledger_fit *fit, struct orch_err *err)
{
	struct round_run *run = context;

	(void)err;
	if (fit->trial == run->trial && fit->state == LEDGER_DONE)
		adaptive_folds_used(run->adaptive, fit->fold, fit->metrics);
	return 0;
}

int round_run_open_lofo(struct round_run *run, struct fit_plan_request *request, struct orch_err *err)
{
	int code;

	if (!run->baseline)
		run->baseline = json_object();
	request->baseline = run->baseline;
	code = ledger_each_fit(run->campaign->ledger, run->round, stage_table[STAGE_BASELINE].name, take_file, run, err);
	if (!code)
		code = adaptive_folds_open(run->campaign->study, &run->adaptive, err);
	if (code || !run->adaptive)
		return code;
	request->gate = adaptive_folds_gate;
	request->gate_context = run->adaptive;
	if (adaptive_folds_by_use(run->campaign->study))
		code = ledger_each_fit(run->campaign->ledger, run->round, stage_table[STAGE_HPO].name, take_search, run, err);
	return code ? code : ledger_each_fit(run->campaign->ledger, run->round, stage_table[STAGE_BASELINE].name, take_baseline, run, err);
}
