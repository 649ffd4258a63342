#include "engines/lofo/ridge_lofo.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

static bool lofo_allocate(struct ridge_lofo *lofo, struct arena *arena)
{
	size_t p = lofo->solver->p, q = lofo->solver->q, size = sizeof(double);

	lofo->inverse = arena_alloc(arena, p * p, size);
	lofo->product = arena_alloc(arena, lofo->scores ? p * p : 1, size);
	lofo->block = arena_alloc(arena, p * p / 4 + 1, size);
	lofo->step = arena_alloc(arena, p * q, size);
	lofo->slope = arena_alloc(arena, p * q, size);
	lofo->scale = arena_alloc(arena, p, size);
	lofo->sse = arena_alloc(arena, q, size);
	lofo->mass = arena_alloc(arena, q, size);
	lofo->active = arena_alloc(arena, p, sizeof(*lofo->active));
	return lofo->inverse && lofo->product && lofo->block && lofo->step && lofo->slope && lofo->scale && lofo->sse &&
	       lofo->mass && lofo->active;
}

/* h = M q in units of the columns, q = X_te'W r = b - P beta; product = P M. */
static void lofo_slopes(struct ridge_lofo *lofo)
{
	const struct gram_system *system = lofo->solver->system;
	size_t p = lofo->solver->p;
	int n = (int)p;
	double *gradient = lofo->solver->vector;

	for (size_t j = 0; j < p; j++)
		for (size_t i = 0; i < p; i++)
			lofo->solver->matrix[j * p + i] =
			        system->test_cross[j * p + i] * lofo->scale[i] * lofo->scale[j];
	cblas_dsymm(CblasColMajor, CblasLeft, CblasUpper, n, n, 1, lofo->solver->matrix, n, lofo->inverse, n, 0,
	        lofo->product, n);
	for (size_t o = 0; o < lofo->solver->q; o++) {
		memcpy(gradient, system->test_xy + o * p, p * sizeof(*gradient));
		cblas_dsymv(
		        CblasColMajor, CblasUpper, n, -1, system->test_cross, n, lofo->beta + o * p, 1, 1, gradient, 1);
		for (size_t i = 0; i < p; i++)
			gradient[i] *= lofo->scale[i];
		cblas_dsymv(CblasColMajor, CblasUpper, n, 1, lofo->inverse, n, gradient, 1, 0, lofo->slope + o * p, 1);
	}
}

int ridge_lofo_begin(struct ridge_lofo *lofo, struct ridge_solver *solver, double alpha, const double *beta,
        bool scores, struct arena *arena, struct orch_err *err)
{
	size_t p = solver->p;
	int n = (int)p;

	*lofo = (struct ridge_lofo){.solver = solver, .alpha = alpha, .beta = beta, .scores = scores};
	if (!lofo_allocate(lofo, arena))
		return orch_fail(err, ORCH_ENOMEM, "no memory to leave out features among %zu columns", p);
	for (size_t o = 0; scores && p > 0 && o < solver->q; o++)
		lofo->sse[o] = ridge_sse(solver, beta, o, &lofo->mass[o]);
	if (p == 0 || !(ridge_factor(solver, NULL, p, alpha) >= RIDGE_CONDITION))
		return 0;
	memcpy(lofo->inverse, solver->factor, p * p * sizeof(double));
	memcpy(lofo->scale, solver->scale, p * sizeof(double));
	if (LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'U', n, lofo->inverse, n) != 0)
		return 0;
	for (size_t j = 0; j < p; j++)
		for (size_t i = 0; i < j; i++)
			lofo->inverse[i * p + j] = lofo->inverse[j * p + i];
	lofo->usable = true;
	if (scores)
		lofo_slopes(lofo);
	return 0;
}

/* t of all outputs in units of the columns (count x outputs). False: leave it to the direct way. */
static bool lofo_step(struct ridge_lofo *lofo, const uint32_t *dropped, size_t count)
{
	size_t p = lofo->solver->p, q = lofo->solver->q;
	int n = (int)count;

	if (!lofo->usable || 2 * count > p)
		return false;
	for (size_t k = 0; k < count; k++)
		for (size_t i = 0; i < p; i++)
			if (!(fabs(lofo->inverse[dropped[k] * p + i]) <= RIDGE_GROWTH))
				return false;
	for (size_t k = 0; k < count; k++)
		for (size_t i = 0; i < count; i++)
			lofo->block[k * count + i] = lofo->inverse[dropped[k] * p + dropped[i]];
	for (size_t o = 0; o < q; o++)
		for (size_t i = 0; i < count; i++)
			lofo->step[o * count + i] = lofo->beta[o * p + dropped[i]] / lofo->scale[dropped[i]];
	return LAPACKE_dposv_work(LAPACK_COL_MAJOR, 'U', n, (int)q, lofo->block, n, lofo->step, n) == 0;
}

static void lofo_coefficients(const struct ridge_lofo *lofo, const uint32_t *dropped, size_t count, double *beta)
{
	size_t p = lofo->solver->p;

	memcpy(beta, lofo->beta, p * lofo->solver->q * sizeof(*beta));
	for (size_t o = 0; o < lofo->solver->q; o++) {
		for (size_t k = 0; k < count; k++) {
			const double *column = lofo->inverse + dropped[k] * p;
			double step = lofo->step[o * count + k];

			for (size_t i = 0; i < p; i++)
				beta[o * p + i] -= column[i] * lofo->scale[i] * step;
		}
		for (size_t k = 0; k < count; k++)
			beta[o * p + dropped[k]] = 0;
	}
}

/* S + 2 t'h_D + t'N_DD t; N_DD = M_:D' (P M)_:D, applied to t without being formed. */
static void lofo_score(
        struct ridge_lofo *lofo, const uint32_t *dropped, size_t count, size_t o, double *sse, double *mass)
{
	size_t p = lofo->solver->p;
	int n = (int)p;
	const double *step = lofo->step + o * count;
	double *product = lofo->solver->vector, *inverse = lofo->solver->residual, linear = 0, square;

	memset(product, 0, p * sizeof(*product));
	memset(inverse, 0, p * sizeof(*inverse));
	for (size_t k = 0; k < count; k++) {
		linear += 2 * step[k] * lofo->slope[o * p + dropped[k]];
		cblas_daxpy(n, step[k], lofo->product + dropped[k] * p, 1, product, 1);
		cblas_daxpy(n, step[k], lofo->inverse + dropped[k] * p, 1, inverse, 1);
	}
	square = cblas_ddot(n, product, 1, inverse, 1);
	*sse = lofo->sse[o] + linear + square;
	*mass = lofo->mass[o] + fabs(linear) + square;
}

static int lofo_directly(struct ridge_lofo *lofo, const uint32_t *dropped, size_t count, double *beta,
        struct ridge_how *how, struct orch_err *err)
{
	size_t kept = 0, next = 0;

	for (uint32_t c = 0; c < lofo->solver->p; c++) {
		if (next < count && dropped[next] == c)
			next++;
		else
			lofo->active[kept++] = c;
	}
	return ridge_solve_subset(lofo->solver, lofo->active, kept, lofo->alpha, beta, how, err);
}

int ridge_lofo_drop(struct ridge_lofo *lofo, const uint32_t *dropped, size_t count, double *beta, double *sse,
        double *mass, struct ridge_how *how, struct orch_err *err)
{
	if (!lofo_step(lofo, dropped, count)) {
		int code = lofo_directly(lofo, dropped, count, beta, how, err);

		for (size_t o = 0; code == 0 && lofo->scores && o < lofo->solver->q; o++)
			sse[o] = ridge_sse(lofo->solver, beta, o, &mass[o]);
		return code;
	}
	*how = (struct ridge_how){.way = RIDGE_BY_DOWNDATE};
	lofo_coefficients(lofo, dropped, count, beta);
	for (size_t o = 0; lofo->scores && o < lofo->solver->q; o++)
		lofo_score(lofo, dropped, count, o, &sse[o], &mass[o]);
	return 0;
}

uint64_t ridge_lofo_bytes(size_t columns, size_t outputs)
{
	uint64_t p = columns, q = outputs;

	return sizeof(double) * (2 * p * p + p * p / 4 + 4 * p * q + 2 * p + 2 * q) + (1 << 12);
}
