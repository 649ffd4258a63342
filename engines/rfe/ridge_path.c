#include "engines/rfe/ridge_path.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/lofo/ridge_lofo.h"
#include "engines/model/linear_batch.h"

#define RIDGE_PATH_TIE 1e-10
#define RIDGE_PATH_DIRECT 10 /* operations of an orthogonal solution, in cubes of its columns: about */
#define RIDGE_PATH_WELL 1e-4 /* reciprocal condition from which on chains may be longer */

/* One fold. Slots 0 .. active_count - 1 hold the columns still there, in any order; matrices are upper triangles with
 * leading dimension p, in units of the columns (scale). */
struct path_fold {
	struct gram_system system;
	struct ridge_solver solver;
	bool direct;                         /* near singular: M, N and h are not there */
	uint32_t *active, *slot;             /* column of a slot; slot of a column */
	size_t active_count, drops, stretch; /* drops: since the matrices were made; stretch: when they are made anew */
	double *m, *n, *h, *beta, *scale;
	double *sse;
};
struct path_run {
	const struct ridge_path_request *request;
	struct ridge_path *path;
	struct gram_set *set;
	struct path_fold *folds;
	size_t p, q, unit_count;
	size_t *first; /* unit_count + 1: where a unit's columns start in unit_column */
	uint32_t *unit_column;
	bool *gone;                    /* units */
	size_t widest;                 /* columns of the largest unit */
	double *md, *nd, *w;           /* p x widest */
	double *mdd, *ndd, *t, *right; /* widest^2, widest^2, widest x q each */
	double *trial, *beta;          /* q; p x q */
	uint32_t *sorted, *slots;
	double direct_work;
	struct arena arena;
};

static double path_score_default(void *context, size_t fold, const double *sse, unsigned outputs, double test_weight)
{
	double sum = 0;

	(void)context;
	(void)fold;
	for (unsigned o = 0; o < outputs; o++)
		sum += sqrt(fmax(sse[o], 0) / test_weight);
	return sum / outputs;
}

/* ---- a fold's matrices ---- */

static double upper(const double *matrix, size_t p, size_t a, size_t b)
{
	return a < b ? matrix[b * p + a] : matrix[a * p + b];
}

static int compare_columns(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* N = M P M and h = M (b - P beta), everything in units of the columns; full matrices in the solver's work space. */
static void fold_slopes(struct path_run *run, struct path_fold *fold)
{
	size_t a = fold->active_count, p = run->p;
	double *inverse = fold->solver.factor, *test = fold->solver.matrix, *product = fold->n;
	int n = (int)a;

	for (size_t j = 0; j < a; j++)
		for (size_t i = 0; i < a; i++)
			test[j * a + i] = fold->system.test_cross[fold->active[j] * p + fold->active[i]] *
			                  fold->scale[i] * fold->scale[j];
	for (size_t o = 0; o < run->q; o++) {
		double *gradient = fold->solver.vector;

		for (size_t i = 0; i < a; i++)
			gradient[i] = fold->system.test_xy[o * p + fold->active[i]] * fold->scale[i];
		cblas_dsymv(CblasColMajor, CblasUpper, n, -1, test, n, fold->beta + o * p, 1, 1, gradient, 1);
		cblas_dsymv(CblasColMajor, CblasUpper, n, 1, inverse, n, gradient, 1, 0, fold->h + o * p, 1);
	}
	cblas_dsymm(CblasColMajor, CblasLeft, CblasUpper, n, n, 1, test, n, inverse, n, 0, product, n);
	cblas_dsymm(CblasColMajor, CblasLeft, CblasUpper, n, n, 1, inverse, n, product, n, 0, test, n);
	for (size_t j = 0; j < a; j++)
		memcpy(fold->n + j * p, test + j * a, a * sizeof(double));
}

static int fold_factor(struct path_run *run, struct path_fold *fold, struct orch_err *err)
{
	size_t a = fold->active_count, p = run->p;
	int n = (int)a;
	struct ridge_how how;

	qsort(fold->active, a, sizeof(*fold->active), compare_columns);
	for (size_t i = 0; i < a; i++)
		fold->slot[fold->active[i]] = (uint32_t)i;
	int code = ridge_solve_subset(&fold->solver, fold->active, a, run->request->alpha, run->beta, &how, err);

	if (code)
		return code;
	run->path->factored++;
	fold->drops = 0;
	fold->stretch = RIDGE_PATH_REFACTOR;
	if (how.condition >= RIDGE_PATH_WELL && a / 8 > fold->stretch)
		fold->stretch = a / 8;
	fold->direct = how.way == RIDGE_BY_ORTHOGONAL;
	for (size_t o = 0; o < run->q; o++) {
		double mass;

		fold->sse[o] = ridge_sse(&fold->solver, run->beta, o, &mass);
		run->path->doubtful += fold->sse[o] < LINEAR_CANCELLATION * mass;
	}
	if (fold->direct || a == 0)
		return 0;
	memcpy(fold->scale, fold->solver.scale, a * sizeof(double));
	for (size_t o = 0; o < run->q; o++)
		for (size_t i = 0; i < a; i++)
			fold->beta[o * p + i] = run->beta[o * p + fold->active[i]] / fold->scale[i];
	if (LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'U', n, fold->solver.factor, n) != 0)
		orch_bug("a factor that was solved with has no inverse");
	/* dsymm reads one triangle of the symmetric operand but all of the other */
	for (size_t j = 0; j < a; j++)
		for (size_t i = 0; i < j; i++)
			fold->solver.factor[i * a + j] = fold->solver.factor[j * a + i];
	fold_slopes(run, fold);
	for (size_t j = 0; j < a; j++)
		memcpy(fold->m + j * p, fold->solver.factor + j * a, a * sizeof(double));
	return 0;
}

/* ---- trials ---- */

/* T and t of a unit: md <- Cholesky factor of M_DD, ndd, t (d x q). False: M_DD is not positive. */
static bool unit_step(struct path_run *run, const struct path_fold *fold, size_t unit)
{
	size_t p = run->p, d = run->first[unit + 1] - run->first[unit];
	const uint32_t *columns = run->unit_column + run->first[unit];
	int n = (int)d;

	for (size_t k = 0; k < d; k++)
		run->slots[k] = fold->slot[columns[k]];
	for (size_t k = 0; k < d; k++)
		for (size_t i = 0; i < d; i++) {
			run->mdd[k * d + i] = upper(fold->m, p, run->slots[i], run->slots[k]);
			run->ndd[k * d + i] = upper(fold->n, p, run->slots[i], run->slots[k]);
		}
	for (size_t o = 0; o < run->q; o++)
		for (size_t i = 0; i < d; i++)
			run->t[o * d + i] = fold->beta[o * p + run->slots[i]];
	return LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', n, run->mdd, n) == 0 &&
	       LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'U', n, (int)run->q, run->mdd, n, run->t, n) == 0;
}

/* S + 2 t'h_D + t'N_DD t */
static double step_sse(const struct path_run *run, const struct path_fold *fold, size_t d, size_t o)
{
	const double *t = run->t + o * d;
	double linear = 0, square = 0;

	for (size_t k = 0; k < d; k++) {
		double along = 0;

		for (size_t i = 0; i < d; i++)
			along += run->ndd[k * d + i] * t[i];
		linear += t[k] * fold->h[o * run->p + run->slots[k]];
		square += t[k] * along;
	}
	return fold->sse[o] + 2 * linear + square;
}

static int trial_directly(struct path_run *run, struct path_fold *fold, size_t unit, struct orch_err *err)
{
	size_t count = 0, d = run->first[unit + 1] - run->first[unit];
	const uint32_t *columns = run->unit_column + run->first[unit];
	struct ridge_how how;
	double mass;

	for (size_t i = 0; i < fold->active_count; i++) {
		bool dropped = false;

		for (size_t k = 0; k < d; k++)
			dropped = dropped || columns[k] == fold->active[i];
		if (!dropped)
			run->sorted[count++] = fold->active[i];
	}
	run->direct_work += RIDGE_PATH_DIRECT * (double)count * (double)count * (double)count;
	if (run->request->direct_most > 0 && run->direct_work > run->request->direct_most)
		return orch_fail(err, ORCH_EFIT, "columns are so nearly dependent that each step would be solved by itself; a larger alpha helps");
	qsort(run->sorted, count, sizeof(*run->sorted), compare_columns);
	int code = ridge_solve_subset(&fold->solver, run->sorted, count, run->request->alpha, run->beta, &how, err);

	for (size_t o = 0; code == 0 && o < run->q; o++)
		run->trial[o] = ridge_sse(&fold->solver, run->beta, o, &mass);
	run->path->direct++;
	return code;
}

/* Squared errors of the fold without the unit, in run->trial. */
static int fold_trial(struct path_run *run, struct path_fold *fold, size_t unit, struct orch_err *err)
{
	size_t d = run->first[unit + 1] - run->first[unit];

	if (d == 0) {
		memcpy(run->trial, fold->sse, run->q * sizeof(double));
		return 0;
	}
	if (!fold->direct && d == 1) { /* the usual case, without any call */
		size_t slot = fold->slot[run->unit_column[run->first[unit]]];
		double m = fold->m[slot * run->p + slot], n = fold->n[slot * run->p + slot];

		for (size_t o = 0; o < run->q; o++) {
			double t = fold->beta[o * run->p + slot] / m;

			run->trial[o] = fold->sse[o] + 2 * t * fold->h[o * run->p + slot] + t * t * n;
		}
		return 0;
	}
	if (fold->direct || !unit_step(run, fold, unit))
		return trial_directly(run, fold, unit, err);
	for (size_t o = 0; o < run->q; o++)
		run->trial[o] = step_sse(run, fold, d, o);
	return 0;
}

static double fold_score(const struct path_run *run, const struct path_fold *fold, const double *sse)
{
	double (*score)(void *, size_t, const double *, unsigned, double) = run->request->score;

	return (score ? score : path_score_default)(
	        run->request->context, (size_t)(fold - run->folds), sse, (unsigned)run->q, fold->system.test_weight);
}

/* The unit whose absence scores best; among equals the last. scores: unit_count. */
static int choose_unit(struct path_run *run, double *scores, size_t *out, struct orch_err *err)
{
	double best = INFINITY;
	int code = 0;

	for (size_t u = 0; u < run->unit_count; u++) {
		scores[u] = INFINITY;
		if (run->gone[u])
			continue;
		scores[u] = 0;
		for (size_t f = 0; f < run->request->fold_count && code == 0; f++) {
			code = fold_trial(run, &run->folds[f], u, err);
			scores[u] += fold_score(run, &run->folds[f], run->trial) / (double)run->request->fold_count;
		}
		best = scores[u] < best ? scores[u] : best;
	}
	for (size_t u = 0; u < run->unit_count; u++)
		if (!run->gone[u] && scores[u] <= best + RIDGE_PATH_TIE * fabs(best))
			*out = u;
	return code;
}

/* ---- drops ---- */

static void move_slot(double *matrix, size_t p, size_t from, size_t to)
{
	double diagonal = matrix[from * p + from];

	for (size_t i = 0; i < from; i++) {
		if (i == to)
			continue;
		if (i < to)
			matrix[to * p + i] = matrix[from * p + i];
		else
			matrix[i * p + to] = matrix[from * p + i];
	}
	matrix[to * p + to] = diagonal;
}

/* The last slot takes the place of a column that goes. */
static void remove_column(struct path_run *run, struct path_fold *fold, uint32_t column)
{
	size_t p = run->p, to = fold->slot[column], last = --fold->active_count;

	if (to == last)
		return;
	fold->active[to] = fold->active[last];
	fold->slot[fold->active[to]] = (uint32_t)to;
	if (fold->direct)
		return;
	move_slot(fold->m, p, last, to);
	move_slot(fold->n, p, last, to);
	fold->scale[to] = fold->scale[last];
	for (size_t o = 0; o < run->q; o++) {
		fold->beta[o * p + to] = fold->beta[o * p + last];
		fold->h[o * p + to] = fold->h[o * p + last];
	}
}

/* The columns of D in M and N, and the largest entry among those of M. */
static double gather_columns(struct path_run *run, const struct path_fold *fold, size_t d)
{
	size_t p = run->p;
	double largest = 0;

	for (size_t k = 0; k < d; k++)
		for (size_t i = 0; i < fold->active_count; i++) {
			run->md[k * p + i] = upper(fold->m, p, i, run->slots[k]);
			run->nd[k * p + i] = upper(fold->n, p, i, run->slots[k]);
			largest = fmax(largest, fabs(run->md[k * p + i]));
		}
	return largest;
}

/* W = M_:D T; N loses W Z' + Z W' with Z = N_:D - W N_DD / 2, M loses W M_D:. Rows and columns of D become rubbish. */
static void update_matrices(struct path_run *run, struct path_fold *fold, size_t d)
{
	int a = (int)fold->active_count, p = (int)run->p, n = (int)d;

	if (d == 1) { /* the usual case: rank one */
		double inverse = 1 / (run->mdd[0] * run->mdd[0]);

		cblas_daxpy(a, -0.5 * inverse * run->ndd[0], run->md, 1, run->nd, 1);
		cblas_dsyr(CblasColMajor, CblasUpper, a, -inverse, run->md, 1, fold->m, p);
		cblas_dsyr2(CblasColMajor, CblasUpper, a, -inverse, run->md, 1, run->nd, 1, fold->n, p);
		return;
	}
	memcpy(run->w, run->md, run->p * d * sizeof(double));
	cblas_dtrsm(CblasColMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, a, n, 1, run->mdd, n, run->w, p);
	cblas_dsyrk(CblasColMajor, CblasUpper, CblasNoTrans, a, n, -1, run->w, p, 1, fold->m, p);
	cblas_dtrsm(CblasColMajor, CblasRight, CblasUpper, CblasTrans, CblasNonUnit, a, n, 1, run->mdd, n, run->w, p);
	cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, a, n, n, -0.5, run->w, p, run->ndd, n, 1, run->nd, p);
	cblas_dsyr2k(CblasColMajor, CblasUpper, CblasNoTrans, a, n, -1, run->w, p, run->nd, p, 1, fold->n, p);
}

static void update_vectors(struct path_run *run, struct path_fold *fold, size_t d)
{
	size_t p = run->p;
	int a = (int)fold->active_count, n = (int)d;

	for (size_t o = 0; o < run->q; o++) {
		const double *t = run->t + o * d;
		double *right = run->right;

		fold->sse[o] = step_sse(run, fold, d, o);
		for (size_t k = 0; k < d; k++) { /* h_D + N_DD t */
			right[k] = fold->h[o * p + run->slots[k]];
			for (size_t i = 0; i < d; i++)
				right[k] += run->ndd[k * d + i] * t[i];
		}
		LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'U', n, 1, run->mdd, n, right, n);
		for (size_t k = 0; k < d; k++) {
			cblas_daxpy(a, t[k], run->nd + k * p, 1, fold->h + o * p, 1);
			cblas_daxpy(a, -right[k], run->md + k * p, 1, fold->h + o * p, 1);
			cblas_daxpy(a, -t[k], run->md + k * p, 1, fold->beta + o * p, 1);
		}
	}
}

static int fold_drop(struct path_run *run, struct path_fold *fold, size_t unit, struct orch_err *err)
{
	size_t d = run->first[unit + 1] - run->first[unit];
	const uint32_t *columns = run->unit_column + run->first[unit];
	bool anew = d > 0 && (fold->direct || ++fold->drops == fold->stretch || 2 * d > fold->active_count);

	if (d > 0 && !anew && unit_step(run, fold, unit)) {
		anew = gather_columns(run, fold, d) > RIDGE_GROWTH;
		update_vectors(run, fold, d); /* before nd is overwritten */
		update_matrices(run, fold, d);
	} else {
		anew = d > 0;
	}
	for (size_t k = 0; k < d; k++)
		remove_column(run, fold, columns[k]);
	return anew ? fold_factor(run, fold, err) : 0;
}

/* ---- the run ---- */

static bool run_allocate(struct path_run *run)
{
	struct arena *arena = &run->arena;
	size_t p = run->p, q = run->q, d = run->widest, size = sizeof(double);

	run->md = arena_alloc(arena, p * d, size);
	run->nd = arena_alloc(arena, p * d, size);
	run->w = arena_alloc(arena, p * d, size);
	run->mdd = arena_alloc(arena, d * d, size);
	run->ndd = arena_alloc(arena, d * d, size);
	run->t = arena_alloc(arena, d * q, size);
	run->right = arena_alloc(arena, d, size);
	run->trial = arena_alloc(arena, q, size);
	run->beta = arena_alloc(arena, p * q, size);
	run->sorted = arena_alloc(arena, p, sizeof(*run->sorted));
	run->slots = arena_alloc(arena, d, sizeof(*run->slots));
	return run->md && run->nd && run->w && run->mdd && run->ndd && run->t && run->right && run->trial &&
	       run->beta && run->sorted && run->slots;
}

static bool fold_allocate(struct path_run *run, struct path_fold *fold)
{
	struct arena *arena = &run->arena;
	size_t p = run->p, q = run->q, size = sizeof(double);

	fold->m = arena_alloc(arena, p * p, size);
	fold->n = arena_alloc(arena, p * p, size);
	fold->h = arena_alloc(arena, p * q, size);
	fold->beta = arena_alloc(arena, p * q, size);
	fold->scale = arena_alloc(arena, p, size);
	fold->sse = arena_alloc(arena, q, size);
	fold->active = arena_alloc(arena, p, sizeof(*fold->active));
	fold->slot = arena_alloc(arena, p, sizeof(*fold->slot));
	fold->active_count = p;
	for (uint32_t c = 0; fold->active && c < p; c++)
		fold->active[c] = c;
	return fold->m && fold->n && fold->h && fold->beta && fold->scale && fold->sse && fold->active && fold->slot;
}

static bool run_units(struct path_run *run)
{
	const struct ridge_path_request *request = run->request;
	struct arena *arena = &run->arena;

	run->unit_count = request->units ? request->unit_count : request->data->feature_count;
	run->first = arena_alloc(arena, run->unit_count + 1, sizeof(*run->first));
	run->unit_column = arena_alloc(arena, run->p, sizeof(*run->unit_column));
	run->gone = arena_alloc(arena, run->unit_count, sizeof(*run->gone));
	if (!run->first || !run->unit_column || !run->gone)
		return false;
	for (size_t u = 0, count = 0; u < run->unit_count; u++) {
		uint32_t self = (uint32_t)u;
		struct ridge_path_unit unit = request->units ? request->units[u] : (struct ridge_path_unit){&self, 1};

		for (size_t i = 0; i < unit.count; i++)
			for (size_t c = gram_first(run->set, unit.features[i]);
			        c < gram_first(run->set, unit.features[i] + 1); c++)
				run->unit_column[count++] = (uint32_t)c;
		run->first[u + 1] = count;
		if (count - run->first[u] > run->widest)
			run->widest = count - run->first[u];
	}
	return true;
}

static int run_folds(struct path_run *run, struct orch_err *err)
{
	const struct ridge_path_request *request = run->request;

	for (size_t f = 0; f < request->fold_count; f++) {
		struct path_fold *fold = &run->folds[f];
		int code = gram_system(
		        run->set, f, request->intercept, request->standardize, &run->arena, &fold->system, err);

		code = code ? code : ridge_solver_init(&fold->solver, run->set, &fold->system, &run->arena, err);
		if (code == 0 && !fold_allocate(run, fold))
			code = orch_fail(err, ORCH_ENOMEM, "no memory for the path of %zu columns", run->p);
		if (code == 0 && !(fold->system.test_weight > 0))
			code = orch_fail(err, ORCH_EFIT, "fold %zu has no test rows with weight", f);
		code = code ? code : fold_factor(run, fold, err);
		if (code)
			return code;
	}
	return 0;
}

static void record(struct path_run *run, size_t step)
{
	struct ridge_path *path = run->path;

	for (size_t f = 0; f < path->folds; f++) {
		memcpy(path->sse + (step * path->folds + f) * run->q, run->folds[f].sse, run->q * sizeof(double));
		path->score[step] += fold_score(run, &run->folds[f], run->folds[f].sse) / (double)path->folds;
	}
}

static int run_steps(struct path_run *run, struct orch_err *err)
{
	double *scores = arena_alloc(&run->arena, run->unit_count, sizeof(*scores));
	int code = scores ? 0 : orch_fail(err, ORCH_ENOMEM, "no memory for the path");

	for (size_t step = 0; code == 0; step++) {
		size_t unit = 0;

		record(run, step);
		if (step == run->path->steps)
			break;
		code = choose_unit(run, scores, &unit, err);
		for (size_t f = 0; f < run->path->folds && code == 0; f++)
			code = fold_drop(run, &run->folds[f], unit, err);
		run->gone[unit] = true;
		run->path->dropped[step] = (uint32_t)unit;
	}
	return code;
}

static bool path_allocate(struct path_run *run)
{
	const struct ridge_path_request *request = run->request;
	struct ridge_path *path = mem_array(1, sizeof(*path));
	size_t steps = run->unit_count > request->min_units ? run->unit_count - request->min_units : 0;

	run->path = path;
	if (!path)
		return false;
	path->steps = steps;
	path->folds = request->fold_count;
	path->outputs = request->data->outputs;
	path->dropped = mem_array(steps, sizeof(*path->dropped));
	path->sse = mem_array((steps + 1) * path->folds * path->outputs, sizeof(*path->sse));
	path->score = mem_array(steps + 1, sizeof(*path->score));
	return path->dropped && path->sse && path->score;
}

int ridge_path_run(const struct ridge_path_request *request, struct ridge_path **out, struct orch_err *err)
{
	struct path_run run = {.request = request, .q = request->data->outputs};
	int code = gram_open(request->data, request->folds, request->fold_count, &run.set, err);

	if (code)
		return code;
	run.p = gram_first(run.set, request->data->feature_count);
	run.folds = arena_alloc(&run.arena, request->fold_count, sizeof(*run.folds));
	if (!run.folds || !run_units(&run) || !run_allocate(&run) || !path_allocate(&run))
		code = orch_fail(err, ORCH_ENOMEM, "no memory for the path of %zu columns", run.p);
	code = code ? code : run_folds(&run, err);
	code = code ? code : run_steps(&run, err);
	if (code == 0)
		*out = run.path;
	else
		ridge_path_release(run.path);
	arena_release(&run.arena);
	gram_close(run.set);
	return code;
}

void ridge_path_release(struct ridge_path *path)
{
	if (!path)
		return;
	free(path->dropped);
	free(path->sse);
	free(path->score);
	free(path);
}

uint64_t ridge_path_bytes(const struct engine_size *size)
{
	uint64_t p = size->columns, q = size->outputs, folds = size->folds;
	/* system, M, N and vectors of a fold; the solver's basis is not made; units are at most all columns */
	uint64_t each = ridge_solver_bytes(size->columns, size->outputs) + sizeof(double) * (3 * p * p + 8 * p * (q + 1));

	return gram_bytes(size) + folds * each + sizeof(double) * (5 * p * p + 4 * p * q + (p + 2) * (folds * q + 2) + 8 * p) + (1 << 20);
}

double ridge_path_work(const struct engine_size *size)
{
	double p = (double)size->columns;

	/* downdates p^3; a factorisation with its inverse and two products 5 a^3, at least every RIDGE_PATH_REFACTOR drops */
	return (double)size->folds * (p * p * p * (6 + 5 * p / (4 * RIDGE_PATH_REFACTOR)) + p * p * (double)size->outputs);
}
