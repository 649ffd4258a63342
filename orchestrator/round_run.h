/* round_run: the stages of one round, from their first task to the last commit of a stage. open -> stages -> (the caller commits dir) -> close. */
#ifndef ORCHESTRATOR_ROUND_RUN_H
#define ORCHESTRATOR_ROUND_RUN_H

#include "orchestrator/adaptive_folds.h"
#include "orchestrator/batching.h"
#include "orchestrator/campaign.h"
#include "orchestrator/drop_sets.h"
#include "orchestrator/fit_plan.h"
#include "orchestrator/search_phases.h"
#include "storage/round_dir.h"

struct partial_trial { /* trial -1: free */
	int64_t trial;
	unsigned seen;
	double *scores;
	bool cut; /* one of its fits met a limit */
};
struct round_run {
	struct campaign *campaign;
	unsigned round;
	struct round_dir *dir; /* taken by the caller when it commits: set to NULL */
	struct search *search;
	struct search_phases *phases; /* NULL: fits of the search may be done in any order */
	char *scratch;
	struct fit_plan *plans[STAGE_COUNT]; /* NULL: no fits (yet) */
	unsigned opened, writing, committed; /* bits by stage */
	char *folders[STAGE_COUNT];          /* being written */
	uint64_t given[STAGE_COUNT], written[STAGE_COUNT]; /* bits by part of a stage */
	int64_t trial;                       /* the chosen one, once 01_hpo is committed */
	json_t *params, *members, *dropped; /* members: of an ensemble, or NULL */
	json_t *baseline; /* {"fold": file of the baseline's predictions}, once LOFO is opened */
	struct adaptive_folds *adaptive; /* 04_lofo may do with fewer folds, or NULL */
	struct drop_sets *sets;  /* 05_dropped tries several, or NULL */
	json_t *left_out; /* of the set under way */
	char set_name[DROP_SET_NAME];
	uint64_t set_fits;       /* of the sets before it */
	size_t set_size;         /* the one under way; 0: decided */
	int64_t best_trial; /* so far, while searching */
	double best_score;
	struct partial_trial *partials;
	size_t partial_count;
	uint64_t failed[STAGE_COUNT];
	struct batching batching;
	unsigned allowed_said;
	unsigned attempts_said; /* failed attempts that were told one by one */
};
int round_run_open(struct campaign *campaign, unsigned round, struct round_run **out, struct orch_err *err);
int round_run_stages(struct round_run *run, struct orch_err *err); /* ORCH_ESTOPPED: resumable */
void round_run_close(struct round_run *run); /* keeps finished stages in the work folder */

/* --- parts, shared by round_*.c --- */
/* A fit of the search has ended. record: the trial's row, when it was its last, is put into the ledger. */
int round_run_note_trial(struct round_run *run, const struct search_fit *fit, bool record, struct orch_err *err);
int round_run_open_phases(struct round_run *run, struct fit_plan_request *request, struct orch_err *err);
/* Gives the plan of 04_lofo its gate, where not every fit may be needed; a fit of any stage has ended (NaN: failed). */
bool round_run_files_hold(const struct round_run *run, const struct ledger_fit *fit); /* the fit's files in scratch, as it left them */
int round_run_open_lofo(struct round_run *run, struct fit_plan_request *request, struct orch_err *err);
/* LOFO compares row by row with the baseline's predictions, so those come first. */
bool round_run_lofo_may_start(const struct round_run *run);
void round_run_note_lofo(struct round_run *run, enum stage_id stage, const char *left_out, int fold, double score);
void round_run_show_stage(struct round_run *run, enum stage_id stage);
/* Are a fit's seconds among what the search optimises or keeps to? They are recorded once, with its other metrics. */
bool round_run_wants_seconds(const struct round_run *run, unsigned stage);
/* The name of a trial's model where there are several, else NULL. */
const char *round_run_model_shown(const struct round_run *run, int64_t trial);
/* Takes the results of a task of fits in one transaction, or as many of them as outcome has. */
int round_run_results(struct round_run *run, struct task *task, struct task_outcome *outcome, struct orch_err *err);
int round_run_telemetry(struct round_run *run, const struct task *task, const struct task_outcome *outcome, struct orch_err *err);
/* A search that does not learn needs no fit of a trial that has ended: a million trials are loaded in a second. Fits of the others go to visit. */
bool round_run_trials_suffice(const struct round_run *run);
int round_run_load_trials(struct round_run *run, int (*visit)(void *context, const struct ledger_fit *fit, struct orch_err *err), void *context,
        struct orch_err *err);
/* Does the ledger have what a finished stage was written from? The stages after it read that, too. */
int round_run_ledger_holds(const struct round_run *run, enum stage_id stage, bool *holds, struct orch_err *err);
/* scheduler_source's; context is the run. */
int round_run_attempt_failed(void *context, const struct task *task, const struct task_outcome *outcome, bool will_retry, struct orch_err *err);
int round_run_split(void *context, struct task *task, struct task_outcome *outcome, struct orch_err *err);

#endif
