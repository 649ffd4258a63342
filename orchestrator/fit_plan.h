/* fit_plan: the fits of one stage of one round, cut into tasks. A fit's number is variant * folds + position of its fold; a task is a block
 * of variants x folds that one worker does in one go, and whose results are taken together. What is done is one bit a fit; nothing else
 * is kept per fit. Which fits go together is a pure function of spec, data and engine, so a resume cuts alike.
 *
 *   stage         variants            folds                        per task
 *   01_hpo        trials              all folds                    group of the search x (all folds when the model's engine shares them)
 *   03, 05        the best trial      all folds and -1 (holdout)   folds together when shared; -1 by itself, with the model
 *                 (a set of 05 that is tried: its folds first; -1 once it is the one)
 *                 (03: then those of each member of an ensemble)
 *   04_lofo       units left out      all folds                    all units (or left_out_most) when the engine shares them, else one
 *   09_stability  variations          all folds                    folds together when shared
 */
#ifndef ORCHESTRATOR_FIT_PLAN_H
#define ORCHESTRATOR_FIT_PLAN_H

#include "orchestrator/search.h"
#include "orchestrator/stage.h"
#include "orchestrator/task.h"

struct fit_plan;
/* May a fit be handed out? LATER: ask again when further results are there. NOT_YET: neither may any fit of a later task, so do not ask about those.
 * NEVER: it is not needed; it counts as done and has no result. It is not kept in the ledger: a resume asks again and has the same answer. */
enum fit_gate { FIT_NOW, FIT_LATER, FIT_NOT_YET, FIT_NEVER };
enum fit_plan_folds { FIT_PLAN_ALL, FIT_PLAN_NO_HOLDOUT, FIT_PLAN_HOLDOUT }; /* 03 and 05: which of their folds */
/* trial, params: the chosen configuration (stages after the search); left_out: features all fits of 05_dropped lack, or NULL. All borrowed
 * but for search, study: they must outlive the plan. */
struct fit_plan_request {
	enum stage_id stage;
	unsigned round;
	const struct study *study;
	const struct search *search;
	int64_t trial;
	const json_t *params;
	const json_t *left_out;
	const json_t *members; /* 03: [{trial, params, ..}] of an ensemble, the chosen trial first; or NULL */
	const json_t *baseline; /* 04: {"fold": name of its predictions in scratch}, of the folds that have them; NULL: of none */
	const char *set; /* 05: name of the set left out, as the ledger keeps it; NULL: "" */
	enum fit_plan_folds folds;
	const char *scratch; /* folder for files of fits */
	/* NULL: every fit is needed. Asked for each fit of a task that is neither done nor handed out; what is not needed is left out of the task. Must be a
	 * pure function of recorded results, and NEVER must stay NEVER. */
	enum fit_gate (*gate)(void *context, uint64_t variant, int fold);
	/* NULL: none. What goes with a task of one fit as its "limits" (task.h; new reference), NULL: nothing does. A pure function of what the gate has seen end. */
	json_t *(*limits)(void *context, uint64_t variant, int fold);
	void *gate_context;
};
int fit_plan_open(const struct fit_plan_request *request, struct fit_plan **out, struct orch_err *err);
void fit_plan_close(struct fit_plan *plan);
uint64_t fit_plan_fits(const struct fit_plan *plan);
uint64_t fit_plan_tasks(const struct fit_plan *plan);
uint64_t fit_plan_group(const struct fit_plan *plan, uint64_t task); /* of the search: whose task it is */
uint64_t fit_plan_done(const struct fit_plan *plan); /* fits marked done, failed ones and those not needed included */
uint64_t fit_plan_skipped(const struct fit_plan *plan); /* fits not needed */
/* Addresses. */
struct fit_address {
	int64_t trial;
	int fold;
	const char *left_out; /* "" for none; 09_stability: the variation's name; borrowed from study or plan */
	uint64_t number;      /* of the fit in the plan */
};
/* The fit of an address, as the ledger gives it back: false when the plan has no such fit. (Fits of 05_dropped may be of another set or fold than the
 * plan's: other plans of the stage have them.) */
bool fit_plan_find(const struct fit_plan *plan, int64_t trial, int fold, const char *left_out, uint64_t *number);
void fit_plan_mark(struct fit_plan *plan, uint64_t number);
/* The fit is not needed: as if the gate had said NEVER. Nothing happens to one that is done. */
void fit_plan_skip(struct fit_plan *plan, uint64_t number);
bool fit_plan_marked(const struct fit_plan *plan, uint64_t number);
/* The next task with a fit that is neither done nor handed out in this run: 1 and *task; 0: no more. most > 1: up to so many tasks of the
 * search, or of units left out one by one, may go together in one message (task->parts). Each stays a job of its own in the worker, so no
 * result depends on it; blocks of which a part is done already go alone. */
int fit_plan_next(struct fit_plan *plan, size_t most, struct task *task, struct orch_err *err);
/* Which part of a task a result belongs to: 0 .. parts - 1; it is task number task->group + that of the plan. */
unsigned fit_plan_part(const struct fit_plan *plan, const struct task *task, size_t variant, int fold);
/* Task `number` (below fit_plan_tasks), whatever is done or handed out; it is not handed out by this. 1 and *task. */
int fit_plan_task(const struct fit_plan *plan, uint64_t number, struct task *task, struct orch_err *err);
/* Address of the result (variant, fold) of a task of this plan. */
void fit_plan_address(const struct fit_plan *plan, const struct task *task, size_t variant, int fold, struct fit_address *out);
/* The key under which the ledger knows a fit: a hash of its address, data, split, features, parameters and engine version. */
void fit_plan_key(const struct fit_plan *plan, const struct task *task, size_t variant, int fold, uint8_t out[LEDGER_KEY]);

#endif
