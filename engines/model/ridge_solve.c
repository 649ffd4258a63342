#include "engines/model/ridge_solve.h"

#include <cblas.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define RIDGE_BLOCK 32        /* of the blocked QR */
#define RIDGE_RANK_DIGITS 512 /* rank decisions: this many ulps of the largest singular value ... */
#define RIDGE_RANK_GROWTH 8   /* ... or this many a column */

int ridge_solver_init(struct ridge_solver *solver, struct gram_set *set, const struct gram_system *system,
        struct arena *arena, struct orch_err *err)
{
	size_t p = system->columns, q = system->outputs, size = sizeof(double);

	*solver = (struct ridge_solver){.set = set, .system = system, .arena = arena, .p = p, .q = q};
	solver->factor = arena_alloc(arena, p * p, size);
	solver->matrix = arena_alloc(arena, p * p, size);
	solver->scale = arena_alloc(arena, p, size);
	solver->work = arena_alloc(arena, 4 * p + 4, size); /* dpocon, tridiagonal solves */
	solver->work_length = 4 * p + 4;
	solver->vector = arena_alloc(arena, p, size);
	solver->residual = arena_alloc(arena, p, size);
	solver->integers = arena_alloc(arena, p, sizeof(int));
	if (!solver->factor || !solver->matrix || !solver->scale || !solver->work || !solver->vector ||
	        !solver->residual || !solver->integers)
		return orch_fail(err, ORCH_ENOMEM, "no memory to solve for %zu columns", p);
	return 0;
}

/* ---- tridiagonal ---- */

static int tridiagonal_make(struct ridge_solver *solver)
{
	const struct gram_system *system = solver->system;
	size_t p = solver->p, q = solver->q;
	struct arena *arena = solver->arena;
	int n = (int)p;
	size_t length = 64 * p;
	double *tau = arena_alloc(arena, p, sizeof(*tau)), *values = arena_alloc(arena, 2 * p, sizeof(*values));
	double *work = arena_alloc(arena, length, sizeof(*work));

	solver->basis = arena_alloc(arena, p * p, sizeof(double));
	solver->diagonal = arena_alloc(arena, p, sizeof(double));
	solver->off = arena_alloc(arena, p, sizeof(double));
	solver->turned = arena_alloc(arena, p * q, sizeof(double));
	if (!tau || !values || !work || !solver->basis || !solver->diagonal || !solver->off || !solver->turned)
		return ORCH_ENOMEM;
	for (size_t j = 0; j < p; j++)
		for (size_t i = 0; i <= j; i++)
			solver->basis[j * p + i] =
			        system->cross[j * p + i] / sqrt(system->penalty[i] * system->penalty[j]);
	LAPACKE_dsytrd_work(
	        LAPACK_COL_MAJOR, 'U', n, solver->basis, n, solver->diagonal, solver->off, tau, work, (int)length);
	LAPACKE_dorgtr_work(LAPACK_COL_MAJOR, 'U', n, solver->basis, n, tau, work, (int)length);
	memcpy(values, solver->diagonal, p * sizeof(*values));
	memcpy(values + p, solver->off, p * sizeof(*values));
	solver->high = INFINITY; /* never taken */
	if (LAPACKE_dsterf_work(n, values, values + p) == 0) {
		solver->low = values[0];
		solver->high = values[p - 1];
	}
	for (size_t o = 0; o < q; o++) {
		for (size_t i = 0; i < p; i++)
			solver->vector[i] = system->xy[o * p + i] / sqrt(system->penalty[i]);
		cblas_dgemv(CblasColMajor, CblasTrans, n, n, 1, solver->basis, n, solver->vector, 1, 0,
		        solver->turned + o * p, 1);
	}
	solver->tridiagonal = true;
	return 0;
}

/* add += scale^-1/2 Q (T + alpha)^-1 turned. The factor of T + alpha is in work. */
static void tridiagonal_add(struct ridge_solver *solver, const double *turned, double *add)
{
	size_t p = solver->p;
	int n = (int)p;
	double *solution = solver->work + 2 * p, *moved = solver->work + 3 * p;

	memcpy(solution, turned, p * sizeof(*solution));
	LAPACKE_dpttrs_work(LAPACK_COL_MAJOR, n, 1, solver->work, solver->work + p, solution, n);
	cblas_dgemv(CblasColMajor, CblasNoTrans, n, n, 1, solver->basis, n, solution, 1, 0, moved, 1);
	for (size_t i = 0; i < p; i++)
		add[i] += moved[i] / sqrt(solver->system->penalty[i]);
}

/* residual = c - (C + alpha penalty) beta, in penalty scale. */
static void full_residual(struct ridge_solver *solver, double alpha, const double *beta, size_t o)
{
	const struct gram_system *system = solver->system;
	size_t p = solver->p;
	int n = (int)p;

	memcpy(solver->residual, system->xy + o * p, p * sizeof(double));
	cblas_dsymv(CblasColMajor, CblasUpper, n, -1, system->cross, n, beta, 1, 1, solver->residual, 1);
	for (size_t i = 0; i < p; i++)
		solver->residual[i] =
		        (solver->residual[i] - alpha * system->penalty[i] * beta[i]) / sqrt(system->penalty[i]);
}

static bool tridiagonal_solve(struct ridge_solver *solver, double alpha, double *beta)
{
	size_t p = solver->p;
	int n = (int)p;
	double low = solver->low + alpha, high = solver->high + alpha;

	if (!(low > 0) || !(high <= RIDGE_TRIDIAGONAL * low))
		return false;
	for (size_t i = 0; i < p; i++)
		solver->work[i] = solver->diagonal[i] + alpha;
	memcpy(solver->work + p, solver->off, (p - 1) * sizeof(double));
	if (LAPACKE_dpttrf_work(n, solver->work, solver->work + p) != 0)
		return false;
	memset(beta, 0, p * solver->q * sizeof(*beta));
	for (size_t o = 0; o < solver->q; o++) {
		tridiagonal_add(solver, solver->turned + o * p, beta + o * p);
		for (int step = 0; step < 2; step++) {
			full_residual(solver, alpha, beta + o * p, o);
			cblas_dgemv(CblasColMajor, CblasTrans, n, n, 1, solver->basis, n, solver->residual, 1, 0,
			        solver->vector, 1);
			tridiagonal_add(solver, solver->vector, beta + o * p);
		}
		for (size_t i = 0; i < p; i++) /* a column without variance: no rounding either */
			if (solver->system->cross[i * p + i] == 0)
				beta[o * p + i] = 0;
	}
	return true;
}

/* ---- Cholesky ---- */

double ridge_factor(struct ridge_solver *solver, const uint32_t *active, size_t count, double alpha)
{
	const struct gram_system *system = solver->system;
	size_t p = solver->p;
	int n = (int)count;
	double norm = 0, condition = 0;

	for (size_t j = 0; j < count; j++) {
		size_t column = active ? active[j] : j;
		double square = system->cross[column * p + column] + alpha * system->penalty[column];

		solver->scale[j] = square > 0 ? 1 / sqrt(square) : 1;
	}
	for (size_t j = 0; j < count; j++) {
		const double *cross = system->cross + (active ? active[j] : j) * p;

		for (size_t i = 0; i < j; i++)
			solver->matrix[j * count + i] =
			        cross[active ? active[i] : i] * solver->scale[i] * solver->scale[j];
		solver->matrix[j * count + j] = 1;
	}
	memcpy(solver->factor, solver->matrix, count * count * sizeof(double));
	norm = LAPACKE_dlansy_work(LAPACK_COL_MAJOR, '1', 'U', n, solver->matrix, n, solver->work);
	if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', n, solver->factor, n) != 0 ||
	        LAPACKE_dpocon_work(LAPACK_COL_MAJOR, 'U', n, solver->factor, n, norm, &condition, solver->work,
	                solver->integers) != 0)
		return 0;
	return condition;
}

void ridge_factor_solve(struct ridge_solver *solver, size_t count, const double *right, double *out)
{
	int n = (int)count;
	double *scaled = solver->work, *solution = solver->vector;

	if (count == 0)
		return;
	for (size_t i = 0; i < count; i++)
		scaled[i] = right[i] * solver->scale[i];
	memcpy(solution, scaled, count * sizeof(*solution));
	LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'U', n, 1, solver->factor, n, solution, n);
	memcpy(solver->residual, scaled, count * sizeof(*scaled));
	cblas_dsymv(CblasColMajor, CblasUpper, n, -1, solver->matrix, n, solution, 1, 1, solver->residual, 1);
	LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'U', n, 1, solver->factor, n, solver->residual, n);
	for (size_t i = 0; i < count; i++)
		out[i] = (solution[i] + solver->residual[i]) * solver->scale[i];
}

static bool cholesky_solve(struct ridge_solver *solver, const uint32_t *active, size_t count, double alpha,
        double *beta, struct ridge_how *how)
{
	*how = (struct ridge_how){.way = RIDGE_BY_CHOLESKY, .condition = ridge_factor(solver, active, count, alpha)};
	if (!(how->condition >= RIDGE_CONDITION))
		return false;
	memset(beta, 0, solver->p * solver->q * sizeof(*beta));
	for (size_t o = 0; o < solver->q; o++) {
		double *moments = solver->work + solver->p, *b = beta + o * solver->p;

		for (size_t i = 0; i < count; i++)
			moments[i] = solver->system->xy[o * solver->p + (active ? active[i] : i)];
		ridge_factor_solve(solver, count, moments, moments);
		for (size_t i = 0; i < count; i++)
			b[active ? active[i] : i] = moments[i];
	}
	return true;
}

/* ---- orthogonal ---- */

static bool orthogonal_allocate(struct ridge_solver *solver, double **rows, double **blocks)
{
	struct arena *arena = solver->arena;
	size_t p = solver->p, q = solver->q, m = p + q, size = sizeof(double);

	solver->work_length = 64 * m + 64;
	solver->triangle = arena_alloc(arena, m * m, size);
	solver->stack = arena_alloc(arena, 2 * p * p, size);
	solver->right = arena_alloc(arena, 2 * p * q, size);
	solver->pivot = arena_alloc(arena, p, sizeof(int));
	solver->work = arena_alloc(arena, solver->work_length, size);
	*rows = arena_alloc(arena, m * GRAM_CHUNK, size);
	*blocks = arena_alloc(arena, RIDGE_BLOCK * m, size);
	return solver->triangle && solver->stack && solver->right && solver->pivot && solver->work && *rows && *blocks;
}

/* R of the centred, weighted [X, y] of the training rows, block after block: R <- R of [R; block]. */
static int orthogonal_make(struct ridge_solver *solver)
{
	const struct engine_fold *fold = gram_fold(solver->set, solver->system->fold);
	size_t m = solver->p + solver->q;
	int n = (int)m, width = n < RIDGE_BLOCK ? n : RIDGE_BLOCK;
	double *rows, *blocks;

	if (!orthogonal_allocate(solver, &rows, &blocks))
		return ORCH_ENOMEM;
	for (size_t start = 0; start < fold->train_count; start += GRAM_CHUNK) {
		size_t count = fold->train_count - start < GRAM_CHUNK ? fold->train_count - start : GRAM_CHUNK;

		gram_rows(solver->set, solver->system, fold->train + start, count, true, rows);
		LAPACKE_dtpqrt_work(LAPACK_COL_MAJOR, (int)count, n, 0, width, solver->triangle, n, rows, GRAM_CHUNK,
		        blocks, width, solver->work);
	}
	return 0;
}

/* stack = [R; root of alpha] of the active columns in penalty scale, right = the same of y. Returns how many rows. */
static size_t orthogonal_stack(struct ridge_solver *solver, const uint32_t *active, size_t count, double alpha)
{
	const double *penalty = solver->system->penalty;
	size_t p = solver->p, m = p + solver->q, rows = alpha > 0 ? p + count : p;

	memset(solver->stack, 0, rows * count * sizeof(double));
	memset(solver->right, 0, rows * solver->q * sizeof(double));
	for (size_t j = 0; j < count; j++) {
		size_t column = active ? active[j] : j;

		for (size_t i = 0; i <= column; i++)
			solver->stack[j * rows + i] = solver->triangle[column * m + i] / sqrt(penalty[column]);
		if (alpha > 0)
			solver->stack[j * rows + p + j] = sqrt(alpha);
	}
	for (size_t o = 0; o < solver->q; o++)
		memcpy(solver->right + o * rows, solver->triangle + (p + o) * m, p * sizeof(double));
	return rows;
}

/* Unit columns: with full rank they have the same solution, and neither large columns nor the small rows of alpha drown
 * each other. solver->scale: what they were divided by. */
static void orthogonal_equilibrate(struct ridge_solver *solver, size_t rows, size_t count, bool really)
{
	for (size_t j = 0; j < count; j++) {
		double norm = really ? cblas_dnrm2((int)rows, solver->stack + j * rows, 1) : 1;

		solver->scale[j] = norm > 0 ? norm : 1;
		for (size_t i = 0; really && i < rows; i++)
			solver->stack[j * rows + i] /= solver->scale[j];
	}
}

/* The solution is left in solver->right. Returns the rank. */
static size_t orthogonal_attempt(
        struct ridge_solver *solver, const uint32_t *active, size_t count, double alpha, bool equilibrate)
{
	size_t rows = orthogonal_stack(solver, active, count, alpha);
	double digits = RIDGE_RANK_GROWTH * (double)solver->p;
	int rank = 0;

	orthogonal_equilibrate(solver, rows, count, equilibrate);
	memset(solver->pivot, 0, count * sizeof(int));
	if (LAPACKE_dgelsy_work(LAPACK_COL_MAJOR, (int)rows, (int)count, (int)solver->q, solver->stack, (int)rows,
	            solver->right, (int)rows, solver->pivot,
	            DBL_EPSILON * (digits > RIDGE_RANK_DIGITS ? digits : RIDGE_RANK_DIGITS), &rank, solver->work,
	            (int)solver->work_length) != 0)
		orch_bug("dgelsy refused its arguments");
	return (size_t)rank;
}

/* Rank deficient: once more in the scale in which the norm is to be smallest. */
static int orthogonal_solve(struct ridge_solver *solver, const uint32_t *active, size_t count, double alpha,
        double *beta, struct ridge_how *how)
{
	size_t p = solver->p, q = solver->q, rows = alpha > 0 ? p + count : p;
	int code = solver->triangle ? 0 : orthogonal_make(solver);

	if (code)
		return code;
	*how = (struct ridge_how){.way = RIDGE_BY_ORTHOGONAL, .columns = count};
	how->rank = orthogonal_attempt(solver, active, count, alpha, true);
	if (how->rank < count)
		how->rank = orthogonal_attempt(solver, active, count, alpha, false);
	memset(beta, 0, p * q * sizeof(*beta));
	for (size_t o = 0; o < q; o++)
		for (size_t i = 0; i < count; i++) {
			size_t column = active ? active[i] : i;

			beta[o * p + column] =
			        solver->right[o * rows + i] / solver->scale[i] / sqrt(solver->system->penalty[column]);
		}
	return 0;
}

/* ---- all together ---- */

int ridge_solve_subset(struct ridge_solver *solver, const uint32_t *active, size_t count, double alpha, double *beta,
        struct ridge_how *how, struct orch_err *err)
{
	int code = 0;

	*how = (struct ridge_how){.way = RIDGE_BY_CHOLESKY, .condition = 1};
	if (count == 0)
		memset(beta, 0, solver->p * solver->q * sizeof(*beta));
	else if (!cholesky_solve(solver, active, count, alpha, beta, how))
		code = orthogonal_solve(solver, active, count, alpha, beta, how);
	return code ? orch_fail(err, code, "no memory to factor %zu columns", solver->p) : 0;
}

int ridge_solve_all(
        struct ridge_solver *solver, double alpha, double *beta, struct ridge_how *how, struct orch_err *err)
{
	if (solver->p > 0 && !solver->tridiagonal && tridiagonal_make(solver) != 0)
		return orch_fail(err, ORCH_ENOMEM, "no memory to factor %zu columns", solver->p);
	*how = (struct ridge_how){.way = RIDGE_BY_TRIDIAGONAL};
	if (solver->p > 0 && tridiagonal_solve(solver, alpha, beta))
		return 0;
	return ridge_solve_subset(solver, NULL, solver->p, alpha, beta, how, err);
}

double ridge_sse(const struct ridge_solver *solver, const double *beta, size_t o, double *mass)
{
	return gram_sse(solver->system, beta + o * solver->p, o, solver->vector, mass);
}

void ridge_note(const struct ridge_how *how, char *text)
{
	if (how->way != RIDGE_BY_ORTHOGONAL)
		text[0] = '\0';
	else if (how->rank < how->columns)
		snprintf(text, 128,
		        "singular (rank %zu of %zu columns): minimum-norm solution by orthogonal factorisation",
		        how->rank, how->columns);
	else
		snprintf(text, 128, "near singular: refitted by orthogonal factorisation");
}

uint64_t ridge_solver_bytes(size_t columns, size_t outputs)
{
	uint64_t p = columns, q = outputs, m = p + q;

	/* basis, factor, matrix; triangle, stack, right, rows; vectors and LAPACK's workspaces */
	return sizeof(double) * (3 * p * p + m * m + 2 * p * p + 2 * p * q + (GRAM_CHUNK + RIDGE_BLOCK) * m + 64 * p +
	                                64 * m + 16 * p + p * q) +
	       (1 << 16);
}
