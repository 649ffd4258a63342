/* What decides which LOFO fits are needed (adaptive_folds.h): scores of the baseline and of the left-out fits, and what programs said their models use. */
#include <math.h>

#include "orchestrator/round_run.h"

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

/* The baseline may be fitted already, or beside the LOFO fits: what comes later is noted as it comes. */
int round_run_open_lofo(struct round_run *run, struct fit_plan_request *request, struct orch_err *err)
{
	int code = adaptive_folds_open(run->campaign->study, &run->adaptive, err);

	if (code || !run->adaptive)
		return code;
	request->gate = adaptive_folds_gate;
	request->gate_context = run->adaptive;
	if (adaptive_folds_by_use(run->campaign->study))
		code = ledger_each_fit(run->campaign->ledger, run->round, stage_table[STAGE_HPO].name, take_search, run, err);
	return code ? code : ledger_each_fit(run->campaign->ledger, run->round, stage_table[STAGE_BASELINE].name, take_baseline, run, err);
}
