/* elasticnet_solve: the elastic net from the moments of a gram_system, each output by itself:
 *
 *   1/2 b'C b - c'b + W alpha l1_ratio sum u_j |b_j| + 1/2 W alpha (1 - l1_ratio) sum u_j^2 b_j^2
 *
 * with W the weight of the training rows and u_j^2 the column's penalty factor (1, or its variance): scikit-learn's
 * objective times W. Coordinate descent (Friedman, Hastie, Tibshirani 2010) finds roughly which coefficients are not
 * zero; from there an active-set method solves for those coefficients, their signs given, and mends the set until the
 * optimality conditions hold. So coefficients are exact, whatever the descent started from; only where active columns
 * are near singular (several solutions may exist) the descent goes on until nothing moves.
 *
 * Warm starts: a descending grid of penalties, alpha_max 10^(-k/10), that depends on the system alone; a penalty starts
 * from the last grid point above it. Numbers do not depend on which penalties are asked for. A set of columns is left
 * out by starting from the fit with all of them; if its coefficients are zero that fit is the answer.
 *
 * Order: init -> solve with falling alpha -> drop with the alpha solved last. Memory is the arena's. One thread. */
#ifndef ENGINES_MODEL_ELASTICNET_SOLVE_H
#define ENGINES_MODEL_ELASTICNET_SOLVE_H

#include "engines/model/ridge_solve.h"

enum elasticnet_way { ELASTICNET_EXACT, ELASTICNET_SAME, ELASTICNET_DESCENT };
struct elasticnet {
	struct ridge_solver *ridge;
	double l1_ratio;
	size_t p, q;
	double *path;       /* columns x outputs: solution at the grid point that was reached */
	long *grid;         /* per output: that point; -1: none */
	double *top, *size; /* per output: alpha_max; size of c in units of the columns */
	/* of the descent under way */
	double *gradient, *exact, *sign; /* c - C b; solution and signs of the active columns */
	bool *blocked;                   /* columns left out */
	uint32_t *active;
};
int elasticnet_init(
        struct elasticnet *net, struct ridge_solver *ridge, double l1_ratio, struct arena *arena, struct orch_err *err);
/* beta: columns x outputs. ORCH_EFIT: the descent does not end. */
int elasticnet_solve(
        struct elasticnet *net, double alpha, double *beta, enum elasticnet_way *way, struct orch_err *err);
int elasticnet_drop(struct elasticnet *net, double alpha, const double *base, const uint32_t *dropped, size_t count,
        double *beta, enum elasticnet_way *way, struct orch_err *err);
uint64_t elasticnet_bytes(size_t columns, size_t outputs);

#endif
