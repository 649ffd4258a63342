/* ridge_lofo: every fit without some columns from one fit with all of them (one fold, one alpha).
 *
 * M = (C + alpha penalty)^-1, t = (M_DD)^-1 b_D for the dropped set D:
 *   coefficients     b_R - M_RD t
 *   held-out SSE     S + 2 t'h_D + t'N_DD t,   h = M q, q = X_te'W r, N = M P M, P = X_te'W X_te   (no row is touched)
 * This is block elimination (the Schur complement of A_DD seen from its inverse): exact in exact arithmetic. Each set
 * starts from the full fit, never from another set. Where rounding could show - an entry of M in a dropped column, in
 * units of the columns, beyond RIDGE_GROWTH (about the variance inflation that dropping D takes away), the full matrix
 * near singular, or most columns dropped - the reduced problem is solved directly (ridge_solve_subset).
 *
 * Order: begin -> drop, any number of times. Memory is the arena's. */
#ifndef ENGINES_LOFO_RIDGE_LOFO_H
#define ENGINES_LOFO_RIDGE_LOFO_H

#include "engines/model/ridge_solve.h"

#define RIDGE_GROWTH 1e5

struct ridge_lofo {
	struct ridge_solver *solver;
	double alpha;
	const double *beta; /* of the full fit; borrowed */
	bool usable;        /* M can be trusted */
	bool scores;
	double *inverse, *scale; /* M in units of the columns: M_ij = inverse_ij scale_i scale_j */
	double *product, *slope; /* P M (columns in units), h (columns x outputs, in units) */
	double *sse, *mass;      /* of the full fit, per output; see ridge_sse */
	double *block, *step;    /* M_DD, t */
	uint32_t *active;
};
/* scores: held-out errors will be asked for. */
int ridge_lofo_begin(struct ridge_lofo *lofo, struct ridge_solver *solver, double alpha, const double *beta,
        bool scores, struct arena *arena, struct orch_err *err);
/* Without the columns dropped (ascending). beta: columns x outputs. With scores also the held-out errors and their
 * masses. */
int ridge_lofo_drop(struct ridge_lofo *lofo, const uint32_t *dropped, size_t count, double *beta, double *sse,
        double *mass, struct ridge_how *how, struct orch_err *err);
uint64_t ridge_lofo_bytes(size_t columns, size_t outputs);

#endif
