/* logistic_solve: logistic regression with an L2 penalty on one training part:
 *
 *   sum w_i loss_i + alpha / 2 sum of squared coefficients     (scikit-learn's LogisticRegression with C = 1 / alpha)
 *
 * Two classes: one vector of coefficients, loss log(1 + exp(score)) - y score. More: softmax over all classes; the
 * penalty is on the vectors of all classes, of which only differences g_k to the first matter, so the penalty becomes
 * its minimum over what is free, alpha / 2 sum_j (sum_k g_kj^2 - (sum_k g_kj)^2 / classes).
 *
 * Newton's method with the full Hessian, steps halved where the objective does not fall. It ends when a step promises
 * less than LOGISTIC_DONE of the objective, and that step is still taken, so optimality holds far below any difference
 * between models. A near singular Hessian (no penalty, collinear columns) is lifted by a small part of its diagonal:
 * the way is longer, the end the same.
 *
 * Columns are centred and divided by their deviation inside. Classes without weight in the training part have no score.
 * Coefficients are [block][column], the intercept last in each block; block k is the score of classes[k + 1].
 * Order: make -> start -> newton. Memory is the arena's. One thread. */
#ifndef ENGINES_MODEL_LOGISTIC_SOLVE_H
#define ENGINES_MODEL_LOGISTIC_SOLVE_H

#include "engines/model/gram.h"

#define LOGISTIC_DONE 1e-13

struct logistic {
	const struct gram_set *set;
	const struct gram_system *system;
	size_t rows, columns, width, blocks, size; /* width: columns and intercept; size: width x blocks */
	uint32_t *classes;                         /* blocks + 1 codes, ascending */
	double alpha, coupling;                    /* coupling: 1 / classes, or 0 for two */
	double *scale;                             /* columns: deviations (1: constant) */
	double *penalty;                           /* width: alpha times each column's factor; intercept: 0 */
	double *x;                                 /* chunk after chunk: width x GRAM_CHUNK each */
	double *weight;                            /* rows */
	uint32_t *label;                           /* rows: index into classes */
	double *block, *score, *residual;          /* of a chunk: width, blocks, blocks columns */
	double *hessian, *factor, *unit;           /* size x size, size x size, size: 1 / sqrt of the diagonal */
	double *gradient, *step, *trial, *work, *probability;
	int *integers;
};
/* system: made with standardize set, for its variances. standardize: the penalty is on columns divided by their
 * deviation. ORCH_EFIT: fewer than two classes. */
int logistic_make(struct logistic *problem, const struct gram_set *set, const struct gram_system *system, double alpha,
        bool standardize, struct arena *arena, struct orch_err *err);
/* The scores that the class frequencies alone give (0 without intercept). */
void logistic_start(const struct logistic *problem, double *b);
/* From b to the optimum over the columns that are not blocked (size; NULL: all; blocked coefficients must be 0).
 * *objective: what was reached. *lifted: the Hessian was near singular on the way. ORCH_EFIT: no optimum in sight. */
int logistic_newton(struct logistic *problem, const bool *blocked, double *b, double *objective, bool *lifted,
        struct orch_err *err);
/* Objective at b; the direction of descent (minus the derivative) into problem->gradient, on request the Hessian. */
double logistic_evaluate(struct logistic *problem, const double *b, bool hessian);
/* Cholesky factor of the Hessian in problem->factor, scaled to a unit diagonal by problem->unit; rows and columns that
 * are blocked are those of the identity. Returns by how much of its diagonal it was lifted; INFINITY: no use. */
double logistic_factor(struct logistic *problem, const bool *blocked);
/* Probabilities of the classes present from a row's scores (block k at score[k * stride]); out[k]. */
void logistic_probabilities(size_t blocks, const double *score, size_t stride, double *out);
/* Subtracts the penalty's derivative at b from gradient; returns the penalty. */
double logistic_penalise(const struct logistic *problem, const double *b, double *gradient);
const double *logistic_chunk(const struct logistic *problem, size_t chunk, size_t *count);
uint64_t logistic_bytes(uint64_t rows, uint64_t columns, uint64_t classes);

#endif
