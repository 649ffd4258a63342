/* search_phases: in which order the fits of a search may be done, where results of some decide about others: samplers that learn, and pruners.
 * Trials of a model are cut into cohorts (search_cohort), a cohort's folds into rungs where a pruner decides. A phase is a cohort's fits up to a rung:
 * it begins when all fits before it have ended, and what has been decided then rests on whole phases only. So neither the number of
 * workers, nor the order in which fits end, nor an interruption changes a result; a resume decides the same again from the ledger's scores.
 *
 *   open -> note (what the ledger has) -> begin -> gate, note ... -> close
 *
 * Fits that report values on their way are compared with the curves of whole earlier cohorts: what ends one is known when it is handed out (limits), and is
 * decided where it runs. A trial with such a fit has the other folds of its phase, and no more.
 *
 * Kept: with a pruner the scores and curves of all fits; else nothing per trial. One thread. */
#ifndef ORCHESTRATOR_SEARCH_PHASES_H
#define ORCHESTRATOR_SEARCH_PHASES_H

#include "orchestrator/fit_plan.h"
#include "orchestrator/search.h"
#include "orchestrator/study.h"

struct search_phases;
struct search_phases_request {
	const struct search *search;
	const struct study *study;
	/* A trial gets no further folds. Called again with the same trials after a resume. */
	int (*stopped)(void *context, int64_t trial, struct orch_err *err);
	void *context;
};
/* *out NULL: every fit may be done at any time. */
int search_phases_open(const struct search_phases_request *request, struct search_phases **out, struct orch_err *err);
void search_phases_close(struct search_phases *phases); /* NULL is fine */
void search_phases_begin(struct search_phases *phases, struct fit_plan *plan); /* borrowed */
struct search_fit {
	int64_t trial;
	int fold;
	double score;          /* NaN: failed */
	bool pruned;           /* it met one of its limits */
	const json_t *metrics; /* its curve stands there; NULL: it has none */
};
void search_phases_note(struct search_phases *phases, const struct search_fit *fit); /* it has ended */
json_t *search_phases_limits(void *phases, uint64_t trial, int fold);             /* for fit_plan_request */
enum fit_gate search_phases_gate(void *phases, uint64_t trial, int fold); /* for fit_plan_request */
int search_phases_error(const struct search_phases *phases, struct orch_err *err); /* what went wrong behind the gate; 0: nothing */

#endif
