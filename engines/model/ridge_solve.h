/* ridge_solve: minimise |y - X b|^2 + alpha sum penalty_j b_j^2 from the moments of a gram_system.
 *
 * Ways, tried in this order; which one answers depends on the system, the columns and alpha alone:
 * - tridiagonal: all columns. C = Q T Q' once (in penalty scale), then every alpha costs one tridiagonal solve and a
 * few products (Elden, BIT 17, 1977), refined twice against C. Taken while the condition number of C + alpha is small.
 * - Cholesky: of C + alpha scaled to a unit diagonal, so that the units of columns do not matter; one refinement. Any
 *   subset of columns. Taken while the estimated reciprocal condition is at least RIDGE_CONDITION; coefficients then
 *   agree with a refit to about 1e-16 / condition, predictions and errors better.
 * - orthogonal: R of X = QR is made once per fold from the rows (stacked blocks); with it every subset and alpha is a
 *   complete orthogonal factorisation of p x p numbers, whose condition is that of X, not its square. Rank deficient
 *   problems get the solution of minimum norm. Said in ridge_note.
 *
 * A column without variance and penalty has coefficient 0, which is the minimum norm.
 *
 * Order: init -> all / subset -> (arena released by its owner). One thread; memory is the arena's. */
#ifndef ENGINES_MODEL_RIDGE_SOLVE_H
#define ENGINES_MODEL_RIDGE_SOLVE_H

#include "engines/model/gram.h"

#define RIDGE_TRIDIAGONAL 1e7 /* largest condition number */
#define RIDGE_CONDITION 1e-7  /* smallest reciprocal condition of the scaled matrix */

enum ridge_way { RIDGE_BY_TRIDIAGONAL, RIDGE_BY_CHOLESKY, RIDGE_BY_DOWNDATE, RIDGE_BY_ORTHOGONAL };
struct ridge_how {
	enum ridge_way way;
	double condition;     /* Cholesky only: estimated reciprocal condition of the scaled matrix */
	size_t rank, columns; /* orthogonal only */
};
struct ridge_solver {
	struct gram_set *set;
	const struct gram_system *system;
	struct arena *arena;
	size_t p, q;
	/* tridiagonal, made when first needed */
	bool tridiagonal;
	double *basis, *diagonal, *off, *turned; /* Q, T, Q'c */
	double low, high;                        /* extreme eigenvalues of C in penalty scale */
	/* Cholesky; also ridge_lofo's and ridge_path's */
	double *factor, *matrix, *scale; /* upper factor of the scaled matrix, that matrix, 1/sqrt of its diagonal */
	/* orthogonal, made when first needed */
	double *triangle, *stack, *right;
	int *pivot;
	double *work, *vector, *residual;
	int *integers;
	size_t work_length;
};
int ridge_solver_init(struct ridge_solver *solver, struct gram_set *set, const struct gram_system *system,
        struct arena *arena, struct orch_err *err);
/* beta: columns x outputs. */
int ridge_solve_all(
        struct ridge_solver *solver, double alpha, double *beta, struct ridge_how *how, struct orch_err *err);
/* With the given columns only (ascending); the others get coefficient 0. */
int ridge_solve_subset(struct ridge_solver *solver, const uint32_t *active, size_t count, double alpha, double *beta,
        struct ridge_how *how, struct orch_err *err);
/* Factors the scaled matrix of the columns (NULL: all, in order) into solver->factor; count x count. Reciprocal
 * condition, or 0. */
double ridge_factor(struct ridge_solver *solver, const uint32_t *active, size_t count, double alpha);
/* Solves with the factor made last: (C + alpha penalty) of those columns times out = right. out may be right. */
void ridge_factor_solve(struct ridge_solver *solver, size_t count, const double *right, double *out);
/* See gram_sse; beta: columns x outputs. */
double ridge_sse(const struct ridge_solver *solver, const double *beta, size_t o, double *mass);
/* What is worth telling, or ""; text has room for 128 bytes. */
void ridge_note(const struct ridge_how *how, char *text);
uint64_t ridge_solver_bytes(size_t columns, size_t outputs);

#endif
