#include "engines/lofo/logistic_lofo.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_STEPS 60
#define STEP_DONE 1e-20  /* of the objective */
#define STEP_SHRINKS 0.4 /* least: the worth of a step against the one before it */

/* One fit on its way. */
struct chord {
	struct logistic_drop *drop;
	uint32_t *index; /* dropped coefficients of all blocks */
	size_t count;
	double *dropped; /* Cholesky factor of M_DD in units */
	double worth;    /* of the last step */
	bool active, failed;
};

int logistic_lofo_begin(struct logistic_lofo *lofo, struct logistic *problem, const double *base, double objective,
        struct arena *arena, struct orch_err *err)
{
	size_t size = problem->size, width = LOGISTIC_LOFO_WIDTH, real = sizeof(double);

	*lofo = (struct logistic_lofo){.problem = problem, .base = base, .objective = objective};
	lofo->inverse = arena_alloc(arena, size * size, real);
	lofo->unit = arena_alloc(arena, size, real);
	lofo->b = arena_alloc(arena, size * width, real);
	lofo->gradient = arena_alloc(arena, size * width, real);
	lofo->score = arena_alloc(arena, GRAM_CHUNK * problem->blocks * width, real);
	lofo->solution = arena_alloc(arena, size, real);
	lofo->probability = arena_alloc(arena, problem->blocks + 1, real);
	lofo->blocked = arena_alloc(arena, size, sizeof(*lofo->blocked));
	if (!lofo->inverse || !lofo->unit || !lofo->b || !lofo->gradient || !lofo->score || !lofo->solution ||
	        !lofo->probability || !lofo->blocked)
		return orch_fail(
		        err, ORCH_ENOMEM, "no memory to leave out features among %zu columns", problem->columns);
	if (size == 0)
		return 0;
	logistic_evaluate(problem, base, true);
	if (logistic_factor(problem, NULL) > 0 ||
	        LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'U', (int)size, problem->factor, (int)size) != 0)
		return 0;
	for (size_t j = 0; j < size; j++)
		for (size_t i = 0; i <= j; i++)
			lofo->inverse[i * size + j] = lofo->inverse[j * size + i] = problem->factor[j * size + i];
	memcpy(lofo->unit, problem->unit, size * sizeof(double));
	lofo->usable = true;
	return 0;
}

uint64_t logistic_lofo_bytes(uint64_t columns, uint64_t classes)
{
	uint64_t size = (columns + 1) * (classes - 1);

	/* the factors of M_DD: at most a quarter of the matrix each, and together hardly more than it */
	return sizeof(double) * (2 * size * size + 2 * size * LOGISTIC_LOFO_WIDTH +
	                                GRAM_CHUNK * (classes - 1) * LOGISTIC_LOFO_WIDTH + 4 * size) +
	       (1 << 14);
}

/* v <- v - M_:D (M_DD)^-1 v_D in units, v_D = 0. For v = M g with g_D = 0 this is the reduced inverse times g; for the
 * full coefficients it is the start of the reduced fit. */
static void chord_reduce(const struct logistic_lofo *lofo, const struct chord *chord, double *v)
{
	size_t size = lofo->problem->size;
	double *dropped = lofo->solution;
	int n = (int)chord->count;

	for (size_t k = 0; k < chord->count; k++)
		dropped[k] = v[chord->index[k]];
	LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'U', n, 1, chord->dropped, n, dropped, n);
	for (size_t k = 0; k < chord->count; k++)
		cblas_daxpy((int)size, -dropped[k], lofo->inverse + chord->index[k] * size, 1, v, 1);
	for (size_t k = 0; k < chord->count; k++)
		v[chord->index[k]] = 0;
}

static int chord_begin(struct logistic_lofo *lofo, struct chord *chord, struct logistic_drop *drop, double *b)
{
	const struct logistic *problem = lofo->problem;
	size_t size = problem->size, count = drop->count * problem->blocks;
	int n = (int)count;

	*chord = (struct chord){.drop = drop, .count = count, .worth = INFINITY};
	chord->index = mem_array(count, sizeof(*chord->index));
	if (!chord->index)
		return ORCH_ENOMEM;
	for (size_t k = 0; k < problem->blocks; k++)
		for (size_t i = 0; i < drop->count; i++)
			chord->index[k * drop->count + i] = (uint32_t)(k * problem->width + drop->columns[i]);
	chord->failed = !lofo->usable || 2 * count > size || count == 0;
	if (chord->failed)
		return 0;
	chord->dropped = mem_array(count * count, sizeof(double));
	if (!chord->dropped)
		return ORCH_ENOMEM;
	for (size_t k = 0; k < count; k++)
		for (size_t i = 0; i < count; i++)
			chord->dropped[k * count + i] = lofo->inverse[chord->index[k] * size + chord->index[i]];
	chord->failed = LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', n, chord->dropped, n) != 0;
	if (chord->failed)
		return 0;
	for (size_t i = 0; i < size; i++)
		b[i] = lofo->base[i] / lofo->unit[i];
	chord_reduce(lofo, chord, b);
	for (size_t i = 0; i < size; i++)
		b[i] *= lofo->unit[i];
	chord->active = true;
	return 0;
}

/* Scores become residuals, for all fits of the batch. */
static void batch_residuals(struct logistic_lofo *lofo, size_t start, size_t count)
{
	const struct logistic *problem = lofo->problem;
	size_t blocks = problem->blocks;
	double *p = lofo->probability;

	for (size_t v = 0; v < LOGISTIC_LOFO_WIDTH; v++) {
		double *score = lofo->score + v * blocks * GRAM_CHUNK;

		for (size_t i = 0; i < count; i++) {
			logistic_probabilities(blocks, score + i, GRAM_CHUNK, p);
			for (size_t k = 0; k < blocks; k++)
				score[k * GRAM_CHUNK + i] =
				        problem->weight[start + i] * ((problem->label[start + i] == k + 1) - p[k + 1]);
		}
	}
}

static void batch_gradients(struct logistic_lofo *lofo)
{
	const struct logistic *problem = lofo->problem;
	size_t width = problem->width, vectors = problem->blocks * LOGISTIC_LOFO_WIDTH;
	size_t count;
	const double *x;

	memset(lofo->gradient, 0, problem->size * LOGISTIC_LOFO_WIDTH * sizeof(double));
	for (size_t c = 0; x = logistic_chunk(problem, c, &count), count > 0; c++) {
		for (size_t v = 0; v < vectors; v += LOGISTIC_LOFO_WIDTH)
			cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, (int)count, LOGISTIC_LOFO_WIDTH,
			        (int)width, 1, x, GRAM_CHUNK, lofo->b + v * width, (int)width, 0,
			        lofo->score + v * GRAM_CHUNK, GRAM_CHUNK);
		batch_residuals(lofo, c * GRAM_CHUNK, count);
		for (size_t v = 0; v < vectors; v += LOGISTIC_LOFO_WIDTH)
			cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, (int)width, LOGISTIC_LOFO_WIDTH,
			        (int)count, 1, x, GRAM_CHUNK, lofo->score + v * GRAM_CHUNK, GRAM_CHUNK, 1,
			        lofo->gradient + v * width, (int)width);
	}
}

static void chord_step(struct logistic_lofo *lofo, struct chord *chord, size_t step, double *b, double *gradient)
{
	const struct logistic *problem = lofo->problem;
	size_t size = problem->size;
	int n = (int)size;
	double *move = problem->step, worth = 0;

	logistic_penalise(problem, b, gradient);
	for (size_t k = 0; k < chord->count; k++)
		gradient[chord->index[k]] = 0;
	for (size_t i = 0; i < size; i++)
		problem->trial[i] = gradient[i] * lofo->unit[i];
	cblas_dsymv(CblasColMajor, CblasUpper, n, 1, lofo->inverse, n, problem->trial, 1, 0, move, 1);
	chord_reduce(lofo, chord, move);
	for (size_t i = 0; i < size; i++) {
		worth += move[i] * problem->trial[i];
		b[i] += move[i] * lofo->unit[i];
	}
	if (worth <= STEP_DONE * lofo->objective)
		chord->active = false;
	else if (!(worth <= STEP_SHRINKS * chord->worth) || step + 1 == MOST_STEPS) {
		chord->active = false;
		chord->failed = true;
	}
	chord->worth = worth;
}

/* By itself and from the start: the full fit without what is dropped may be far from anything. */
static void newton_instead(struct logistic_lofo *lofo, struct chord *chord)
{
	struct logistic_drop *drop = chord->drop;
	double objective;

	memset(lofo->blocked, 0, lofo->problem->size * sizeof(*lofo->blocked));
	logistic_start(lofo->problem, drop->b);
	for (size_t k = 0; k < chord->count; k++)
		lofo->blocked[chord->index[k]] = true;
	drop->newton = true;
	orch_err_clear(&drop->reason);
	drop->code = logistic_newton(lofo->problem, lofo->blocked, drop->b, &objective, &drop->lifted, &drop->reason);
}

static void batch_iterate(struct logistic_lofo *lofo, struct chord *chords, size_t count)
{
	size_t size = lofo->problem->size;

	for (size_t step = 0; step < MOST_STEPS; step++) {
		bool active = false;

		for (size_t v = 0; v < count; v++)
			active = active || chords[v].active;
		if (!active)
			return;
		batch_gradients(lofo);
		for (size_t v = 0; v < count; v++)
			if (chords[v].active)
				chord_step(lofo, &chords[v], step, lofo->b + v * size, lofo->gradient + v * size);
	}
}

int logistic_lofo_run(struct logistic_lofo *lofo, struct logistic_drop *drops, size_t count, struct orch_err *err)
{
	struct chord chords[LOGISTIC_LOFO_WIDTH] = {{0}};
	size_t size = lofo->problem->size;
	int code = 0;

	memset(lofo->b, 0, size * LOGISTIC_LOFO_WIDTH * sizeof(double));
	for (size_t v = 0; v < count && code == 0; v++) {
		drops[v].code = 0;
		drops[v].newton = drops[v].lifted = false;
		code = chord_begin(lofo, &chords[v], &drops[v], lofo->b + v * size);
	}
	if (code == 0)
		batch_iterate(lofo, chords, count);
	for (size_t v = 0; v < count && code == 0; v++) {
		if (chords[v].failed)
			newton_instead(lofo, &chords[v]);
		else
			memcpy(drops[v].b, lofo->b + v * size, size * sizeof(double));
	}
	for (size_t v = 0; v < count; v++) {
		free(chords[v].index);
		free(chords[v].dropped);
	}
	return code ? orch_fail(err, code, "no memory to leave out features among %zu columns", lofo->problem->columns)
	            : 0;
}
