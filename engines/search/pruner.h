/* pruner: which trials are not worth their remaining folds. A table of operations; adding a pruner is a file and a line in
 * pruner_table.c.
 *
 * Trials are run in cohorts: consecutive trials, all proposed before the first decision about one of them. For a sampler that learns
 * the cohort is its generation (set sampler_request.generation to what `cohort` asks for). Within a cohort:
 *
 *     for (rung = next_rung(request, 0); rung < request->folds; rung = next_rung(request, rung))
 *             run the remaining members' folds up to `rung` (folds 0 .. rung - 1, in fold order), all of them;
 *             decide(request, &cohort, rung, stop); members with stop get no further folds;
 *     run the rest of the folds of the members that are left.
 *
 * A decision is a pure function of the scores of whole earlier cohorts and of the cohort's folds up to the rung: not of the number of
 * workers, the order in which fits end, or an interruption. Where `alone` is set the other members are not looked at: a member can be
 * decided by itself (count = 1) as soon as its own folds up to the rung are there, without waiting for the others.
 * For a sampler, the score of a stopped trial is the mean of the folds it has.
 *
 * Fits may report values on their way, too (curves). These are compared with curves of earlier cohorts only, so that what may stop a fit is known
 * before it begins: a list of limits goes with it, and whoever does it decides (pruner_steps).
 *
 * A trial with a failed fold (NaN) below the rung is worse than every other; it is stopped wherever something is decided about it.
 * Ties are decided for the earlier trial. Pure functions, any thread; ORCH_ENOMEM is the only failure. */
#ifndef ENGINES_SEARCH_PRUNER_H
#define ENGINES_SEARCH_PRUNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/base/err.h"

struct pruner_trial {
	const double *scores; /* of folds 0 .. folds - 1; NaN: failed */
	unsigned folds;       /* finished ones; fewer than the rung: stopped before */
};
struct pruner_request {
	unsigned folds;    /* of a whole trial (K x repeats) */
	bool maximise;
	double eta;        /* halving, hyperband: one of eta trials goes on; above 1. 0: 2, from nine folds on 3 */
	double test_train; /* paired: n_te / n_tr, mean over folds. 0: 1 / (folds - 1) */
};
struct pruner_cohort {
	const struct pruner_trial *earlier; /* trials of earlier cohorts, all of them in trial order, stopped ones too */
	size_t earlier_count;
	const struct pruner_trial *trials; /* the cohort's, in trial order */
	size_t count;
};
struct pruner {
	const char *name, *help;
	bool alone;
	/* How many trials a cohort should have; every other number works, too. */
	size_t (*cohort)(const struct pruner_request *request);
	/* The smallest number of folds above `after` behind which something is decided; request->folds when there is none. */
	unsigned (*next_rung)(const struct pruner_request *request, unsigned after);
	/* stop: room for count; set for all members, true for those that have been stopped before. */
	int (*decide)(const struct pruner_request *request, const struct pruner_cohort *cohort, unsigned rung, bool *stop, struct orch_err *err);
	/* The share of fits that goes on behind step number `position` (1 ..) of request->folds steps; 1: nothing is decided there. number: the trial's
	 * among its model's. NULL: values of fits under way say nothing to this pruner. */
	double (*goes_on)(const struct pruner_request *request, size_t number, unsigned position);
};
/* median: behind every fold, a trial is stopped whose running mean is worse than the median of the running means that earlier trials
 *   had behind the same fold, once five of them got there (Golovin et al., KDD 2017, 1487).
 * halving: behind 1, eta, eta^2 ... folds the best 1/eta of the cohort goes on, at least one (Jamieson and Talwalkar, AISTATS 2016).
 * hyperband: the cohort's members go by turns into brackets, from one that starts halving early to one that never stops a trial
 *   (Li et al., JMLR 18 (2018) 185).
 * paired: against the best whole trial of earlier cohorts on the same folds. From three folds on the corrected resampled t test of
 *   Nadeau and Bengio (see engines/lofo/lofo_stats.h), worse at 5 % one-sided. With two folds a test has no power: stopped when both
 *   are worse, each by more than the sample deviation of the best trial's scores over its folds, which overstates the noise of a
 *   paired difference. One fold decides nothing, neither does a curve.
 *
 * By curves, behind a step: median: the better half goes on. halving: 1/eta behind steps number 1, eta, eta^2 ..., of the fits that got there (the
 *   stopping rule of asynchronous halving: Li et al., MLSys 2020). hyperband: the same, trials by turns in brackets. */
extern const struct pruner pruner_median, pruner_halving, pruner_hyperband, pruner_paired;
extern const struct pruner *const pruner_table[]; /* NULL-terminated */
const struct pruner *pruner_find(const char *name); /* NULL: none of that name ("none" is none) */

/* What earlier fits of the same fold reported, by step. open -> limits (for any trial) -> close.
 * At a step that five of them reported, a fit is stopped whose best value so far is worse than the quantile of theirs that the pruner's share stands
 * for (linear between two: of one half it is the median). Not at the last such step: there is nothing left to save. */
struct pruner_point {
	int64_t step;
	double value; /* finite; lower or higher is better, as the request says */
};
struct pruner_curve {
	struct pruner_point *points; /* steps ascend */
	size_t count;
};
struct pruner_limit {
	int64_t step;
	double worst; /* what is worse is stopped */
};
struct pruner_steps;
int pruner_steps_open(const struct pruner_request *request, const struct pruner_curve *earlier, size_t count, struct pruner_steps **out, struct orch_err *err);
void pruner_steps_close(struct pruner_steps *steps); /* NULL is fine */
size_t pruner_steps_count(const struct pruner_steps *steps);
/* out: room for pruner_steps_count; how many there are, by step. */
size_t pruner_steps_limits(const struct pruner_steps *steps, const struct pruner *pruner, size_t number, struct pruner_limit *out);

/* For pruners: the mean of the first `rung` scores (NaN when one failed), and whether a is worse than b; NaN is worse than a number. */
double pruner_mean(const struct pruner_trial *trial, unsigned rung);
bool pruner_worse(const struct pruner_request *request, double a, double b);
unsigned pruner_every_fold(const struct pruner_request *request, unsigned after); /* a next_rung */

#endif
