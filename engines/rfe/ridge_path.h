/* ridge_path: the whole greedy elimination path of a ridge regression at one penalty: in each step every unit (a
 * feature or a group) is left out on trial, and the one whose absence scores best goes, until min_units are left.
 *
 * For each fold it keeps M = (C + alpha penalty)^-1, N = M P M, h = M q, the coefficients b and the held-out squared
 * error S (names as in ridge_lofo.h). A trial costs O(1) a fold and feature, dropping D, with T = (M_DD)^-1 and t = T
 * b_D, O(p^2):
 *
 *   b_R <- b_R - M_RD t                       S <- S + 2 t'h_D + t'N_DD t
 *   h_R <- h_R + N_RD t - M_RD T (h_D + N_DD t)
 *   N_R <- N_RR - M_RD T N_DR - N_RD T M_DR + M_RD T N_DD T M_DR
 *   M_R <- M_RR - M_RD T M_DR
 *
 * so the path costs one pass over the rows and O(p^3) a fold. Chained downdates drift (4e-7 after all steps at
 * condition 4e10): everything is made anew after RIDGE_PATH_REFACTOR drops - an eighth of the columns where that is
 * more and the condition is below 1e4 - and at once when a dropped entry of M exceeded RIDGE_GROWTH. A fold whose
 * matrix is near singular tries each unit by a solution of its own (ridge_solve_subset).
 *
 * Scores that count as equal (1e-10 of the best) are ties: the later unit goes, so duplicated columns go in a definite
 * order. Errors come from moments alone; where they are small differences of large terms (fits that are nearly exact:
 * below 1e-5 of the terms) they are good to about 1e-15 of these terms only. `doubtful` counts the factorisations that
 * met such an error.
 *
 * One call; the result is the caller's. One thread. ORCH_EFIT: a fold cannot be fitted at all. */
#ifndef ENGINES_RFE_RIDGE_PATH_H
#define ENGINES_RFE_RIDGE_PATH_H

#include "engines/model/engine.h"

#define RIDGE_PATH_REFACTOR 32

struct ridge_path_unit {
	const uint32_t *features; /* positions in data->features, ascending */
	size_t count;
};
struct ridge_path_request {
	const struct engine_data *data;
	const struct engine_fold *folds; /* test parts must not be empty */
	size_t fold_count;
	double alpha;
	bool intercept, standardize;
	const struct ridge_path_unit *units; /* disjoint, together all features; NULL: each feature */
	size_t unit_count;                   /* with units */
	size_t min_units;
	/* Score of one fold from its squared errors per output and the weight of its test rows; the lowest mean over
	 * folds wins. Finite. NULL: root mean square, mean over outputs. */
	double (*score)(void *context, size_t fold, const double *sse, unsigned outputs, double test_weight);
	void *context;
	double direct_most; /* work (see ridge_path_work) for trials of near singular folds at most; 0: any. ORCH_EFIT above */
};
struct ridge_path {
	size_t steps, folds;
	unsigned outputs;
	uint32_t *dropped;                 /* unit that went in step s */
	double *sse;                       /* (steps + 1) x folds x outputs: after s drops; the output runs fastest */
	double *score;                     /* steps + 1 */
	size_t factored, direct, doubtful; /* factorisations, trials solved by themselves, see above */
};
int ridge_path_run(const struct ridge_path_request *request, struct ridge_path **out, struct orch_err *err);
void ridge_path_release(struct ridge_path *path); /* NULL is fine */
/* Before anything runs, both at most: bytes that a run takes, and floating-point operations beside the pass over the rows, with
 * trials of near singular folds left out. */
uint64_t ridge_path_bytes(const struct engine_size *size);
double ridge_path_work(const struct engine_size *size);

#endif
