/* logistic_lofo: fits without some columns, from the fit with all of them.
 *
 * With M the inverse Hessian at the full optimum, a reduced fit starts at b_R - M_RD (M_DD)^-1 b_D (the optimum of the
 * quadratic model) and goes on by steps with the reduced inverse M_RR - M_RD (M_DD)^-1 M_DR, which is not made anew:
 * the Hessian of the reduced problem is close to it, and a step costs a gradient (n p) where a Hessian would cost n
 * p^2. The gradients of LOGISTIC_LOFO_WIDTH fits are one product of matrices. A fit whose steps do not shrink fast
 * enough, that drops most columns, or whose full Hessian was near singular is done by Newton's method.
 *
 * A fit ends when the last step was worth less than 1e-20 of the objective. Its bits do not depend on the other fits.
 * Order: begin -> run, any number of times. Memory is the arena's. One thread. */
#ifndef ENGINES_LOFO_LOGISTIC_LOFO_H
#define ENGINES_LOFO_LOGISTIC_LOFO_H

#include "engines/model/logistic_solve.h"

#define LOGISTIC_LOFO_WIDTH 32 /* fits at a time; fixed, because bits could depend on it */

struct logistic_drop {
	const uint32_t *columns; /* ascending */
	size_t count;
	double *b; /* size: the fit */
	/* the outcome */
	int code; /* 0, or ORCH_EFIT with the reason */
	struct orch_err reason;
	bool newton, lifted; /* done by Newton's method; its Hessian was near singular */
};
struct logistic_lofo {
	struct logistic *problem;
	const double *base; /* borrowed */
	double objective;
	bool usable;
	double *inverse, *unit; /* M = unit inverse unit */
	double *b, *gradient;   /* size x LOGISTIC_LOFO_WIDTH */
	double *score;          /* GRAM_CHUNK x blocks x LOGISTIC_LOFO_WIDTH */
	double *solution;
	double *probability;
	bool *blocked;
};
/* base: the optimum with all columns, objective what it reached. */
int logistic_lofo_begin(struct logistic_lofo *lofo, struct logistic *problem, const double *base, double objective,
        struct arena *arena, struct orch_err *err);
/* At most LOGISTIC_LOFO_WIDTH drops. ORCH_ENOMEM. */
int logistic_lofo_run(struct logistic_lofo *lofo, struct logistic_drop *drops, size_t count, struct orch_err *err);
uint64_t logistic_lofo_bytes(uint64_t columns, uint64_t classes);

#endif
