#include "engines/model/logistic_solve.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#define MOST_STEPS 100
#define MOST_HALVINGS 40
#define SINGULAR 1e-13
#define ROUNDING 1e-9 /* where the objective no longer falls a step may promise this part of it */
#define FIRST_LIFT 1e-10
#define LAST_LIFT 1e-3

/* ---- the rows ---- */

static size_t chunk_count(size_t rows)
{
	return (rows + GRAM_CHUNK - 1) / GRAM_CHUNK;
}

const double *logistic_chunk(const struct logistic *problem, size_t chunk, size_t *count)
{
	size_t start = chunk * GRAM_CHUNK;

	*count = start >= problem->rows ? 0 : problem->rows - start < GRAM_CHUNK ? problem->rows - start : GRAM_CHUNK;
	return problem->x + start * problem->width;
}

static void fill_rows(struct logistic *problem, const struct engine_fold *fold)
{
	const struct engine_data *data = gram_data(problem->set);

	for (size_t c = 0; c < chunk_count(problem->rows); c++) {
		double *x = problem->x + c * GRAM_CHUNK * problem->width;
		size_t start = c * GRAM_CHUNK, count;

		logistic_chunk(problem, c, &count);
		gram_rows(problem->set, problem->system, fold->train + start, count, false, x);
		for (size_t j = 0; j < problem->columns; j++)
			for (size_t i = 0; i < count; i++)
				x[j * GRAM_CHUNK + i] /= problem->scale[j];
		for (size_t i = 0; i < count && problem->width > problem->columns; i++)
			x[problem->columns * GRAM_CHUNK + i] = 1;
		for (size_t i = 0; i < count; i++)
			problem->weight[start + i] = data->weight ? data->weight[fold->train[start + i]] : 1;
	}
}

/* Classes with weight, and each row's place among them; rows of the others weigh nothing. */
static int fill_classes(struct logistic *problem, const struct engine_fold *fold, uint32_t *place, struct orch_err *err)
{
	const struct engine_data *data = gram_data(problem->set);
	uint32_t present = 0;

	for (size_t i = 0; i < fold->train_count; i++)
		if (!data->weight || data->weight[fold->train[i]] > 0)
			place[(size_t)data->target[fold->train[i]]] = 1;
	for (uint32_t k = 0; k < data->classes; k++)
		if (place[k]) {
			problem->classes[present] = k;
			place[k] = present++;
		}
	if (present < 2)
		return orch_fail(err, ORCH_EFIT, "the training rows have only one class");
	for (size_t i = 0; i < fold->train_count; i++)
		problem->label[i] = place[(size_t)data->target[fold->train[i]]];
	problem->blocks = present - 1;
	problem->coupling = present > 2 ? 1.0 / present : 0;
	return 0;
}

static bool allocate(struct logistic *problem, struct arena *arena)
{
	size_t size = problem->size, width = problem->width, blocks = problem->blocks, real = sizeof(double);

	problem->x = arena_alloc(arena, chunk_count(problem->rows) * GRAM_CHUNK * width, real);
	problem->weight = arena_alloc(arena, problem->rows, real);
	problem->scale = arena_alloc(arena, problem->columns, real);
	problem->penalty = arena_alloc(arena, width, real);
	problem->block = arena_alloc(arena, width * GRAM_CHUNK, real);
	problem->score = arena_alloc(arena, blocks * GRAM_CHUNK, real);
	problem->residual = arena_alloc(arena, blocks * GRAM_CHUNK, real);
	problem->hessian = arena_alloc(arena, size * size, real);
	problem->factor = arena_alloc(arena, size * size, real);
	problem->unit = arena_alloc(arena, size, real);
	problem->gradient = arena_alloc(arena, size, real);
	problem->step = arena_alloc(arena, size, real);
	problem->trial = arena_alloc(arena, size, real);
	problem->work = arena_alloc(arena, 3 * size, real);
	problem->probability = arena_alloc(arena, blocks + 1, real);
	problem->integers = arena_alloc(arena, size, sizeof(int));
	return problem->x && problem->weight && problem->scale && problem->penalty && problem->block &&
	       problem->score && problem->residual && problem->hessian && problem->factor && problem->unit &&
	       problem->gradient && problem->step && problem->trial && problem->work && problem->probability &&
	       problem->integers;
}

int logistic_make(struct logistic *problem, const struct gram_set *set, const struct gram_system *system, double alpha,
        bool standardize, struct arena *arena, struct orch_err *err)
{
	const struct engine_fold *fold = gram_fold(set, system->fold);
	unsigned classes = gram_data(set)->classes;
	uint32_t *place = arena_alloc(arena, classes, sizeof(*place));
	int code = 0;

	*problem = (struct logistic){.set = set,
	        .system = system,
	        .rows = fold->train_count,
	        .columns = system->columns,
	        .width = system->columns + system->intercept,
	        .alpha = alpha};
	problem->classes = arena_alloc(arena, classes, sizeof(*problem->classes));
	problem->label = arena_alloc(arena, fold->train_count, sizeof(*problem->label));
	if (place && problem->classes && problem->label)
		code = fill_classes(problem, fold, place, err);
	problem->size = problem->width * problem->blocks;
	if (code == 0 && (!place || !problem->classes || !problem->label || !allocate(problem, arena)))
		code = orch_fail(err, ORCH_ENOMEM, "no memory for %zu training rows of %zu columns", problem->rows,
		        problem->width);
	if (code)
		return code;
	for (size_t j = 0; j < problem->columns; j++) {
		problem->scale[j] = sqrt(system->penalty[j]);
		problem->penalty[j] = standardize ? alpha : alpha / system->penalty[j];
	}
	fill_rows(problem, fold);
	return 0;
}

uint64_t logistic_bytes(uint64_t rows, uint64_t columns, uint64_t classes)
{
	uint64_t width = columns + 1, blocks = classes - 1, size = width * blocks;

	return sizeof(double) * ((rows + GRAM_CHUNK) * (width + 2) + (width + 2 * blocks) * GRAM_CHUNK +
	                                2 * size * size + 10 * size) +
	       (1 << 16);
}

void logistic_start(const struct logistic *problem, double *b)
{

	memset(b, 0, problem->size * sizeof(*b));
	if (problem->width == problem->columns)
		return;
	for (size_t k = 0; k < problem->blocks; k++) {
		double first = 0, own = 0;

		for (size_t i = 0; i < problem->rows; i++) {
			first += problem->label[i] == 0 ? problem->weight[i] : 0;
			own += problem->label[i] == k + 1 ? problem->weight[i] : 0;
		}
		b[k * problem->width + problem->columns] = log(own / first);
	}
}

/* ---- objective, gradient, Hessian ---- */

void logistic_probabilities(size_t blocks, const double *score, size_t stride, double *out)
{
	double most = 0, sum;

	if (blocks == 1) {
		double less = exp(-fabs(score[0])), more = 1 / (1 + less);

		less *= more;
		out[0] = score[0] > 0 ? less : more;
		out[1] = score[0] > 0 ? more : less;
		return;
	}
	for (size_t k = 0; k < blocks; k++)
		most = score[k * stride] > most ? score[k * stride] : most;
	sum = out[0] = exp(-most);
	for (size_t k = 0; k < blocks; k++)
		sum += out[k + 1] = exp(score[k * stride] - most);
	for (size_t k = 0; k <= blocks; k++)
		out[k] /= sum;
}

/* log of the sum of exp(scores) minus the label's own; the largest is taken out so that nothing is lost near 0. */
static double row_loss(size_t blocks, const double *score, size_t stride, uint32_t label)
{
	double most = 0, others = 0, own = label ? score[(label - 1) * stride] : 0;
	size_t top = 0;

	for (size_t k = 0; k < blocks; k++)
		if (score[k * stride] > most) {
			most = score[k * stride];
			top = k + 1;
		}
	for (size_t k = 0; k <= blocks; k++)
		if (k != top)
			others += exp((k ? score[(k - 1) * stride] : 0) - most);
	return most - own + log1p(others);
}

/* Scores of a chunk become its probabilities (of the blocks); residual = w (y - p). Returns the loss. */
static double chunk_residuals(struct logistic *problem, size_t start, size_t count)
{
	size_t blocks = problem->blocks;
	double loss = 0, *p = problem->probability;

	for (size_t i = 0; i < count; i++) {
		uint32_t label = problem->label[start + i];
		double w = problem->weight[start + i];

		if (w > 0)
			loss += w * row_loss(blocks, problem->score + i, GRAM_CHUNK, label);
		logistic_probabilities(blocks, problem->score + i, GRAM_CHUNK, p);
		for (size_t k = 0; k < blocks; k++) {
			problem->score[k * GRAM_CHUNK + i] = p[k + 1];
			problem->residual[k * GRAM_CHUNK + i] = w * ((label == k + 1) - p[k + 1]);
		}
	}
	return loss;
}

/* Block (k, l): X' diag(w p_k ([k = l] - p_l)) X, as the square of scaled rows. */
static void chunk_hessian(struct logistic *problem, const double *x, size_t start, size_t count, size_t k, size_t l)
{
	double root[GRAM_CHUNK];
	int width = (int)problem->width;

	for (size_t i = 0; i < count; i++) {
		double own = problem->score[k * GRAM_CHUNK + i], other = problem->score[l * GRAM_CHUNK + i];

		root[i] = sqrt(problem->weight[start + i] * own * (k == l ? 1 - own : other));
	}
	for (size_t j = 0; j < problem->width; j++)
		for (size_t i = 0; i < count; i++)
			problem->block[j * GRAM_CHUNK + i] = x[j * GRAM_CHUNK + i] * root[i];
	cblas_dsyrk(CblasColMajor, CblasUpper, CblasTrans, width, (int)count, k == l ? 1 : -1, problem->block,
	        GRAM_CHUNK, 1, problem->hessian + l * problem->width * problem->size + k * problem->width,
	        (int)problem->size);
}

double logistic_penalise(const struct logistic *problem, const double *b, double *gradient)
{
	size_t width = problem->width, blocks = problem->blocks;
	double penalty = 0;

	for (size_t j = 0; j < problem->columns; j++) {
		double sum = 0;

		for (size_t k = 0; k < blocks; k++)
			sum += b[k * width + j];
		for (size_t k = 0; k < blocks; k++) {
			double slope = problem->penalty[j] * (b[k * width + j] - problem->coupling * sum);

			gradient[k * width + j] -= slope;
			penalty += 0.5 * slope * b[k * width + j];
		}
	}
	return penalty;
}

/* Off the diagonal a block was summed as a triangle; the penalty; all of it as an upper triangle. */
static void finish_hessian(struct logistic *problem)
{
	size_t width = problem->width, size = problem->size;

	for (size_t k = 0; k < problem->blocks; k++)
		for (size_t l = k; l < problem->blocks; l++) {
			double *block = problem->hessian + l * width * size + k * width;

			for (size_t j = 0; j < width && k < l; j++)
				for (size_t i = 0; i < j; i++)
					block[i * size + j] = block[j * size + i];
			for (size_t j = 0; j < width; j++)
				block[j * size + j] += problem->penalty[j] * ((k == l) - problem->coupling);
		}
}

double logistic_evaluate(struct logistic *problem, const double *b, bool hessian)
{
	int width = (int)problem->width, blocks = (int)problem->blocks;
	double objective = 0;

	memset(problem->gradient, 0, problem->size * sizeof(double));
	if (hessian)
		memset(problem->hessian, 0, problem->size * problem->size * sizeof(double));
	for (size_t c = 0; c < chunk_count(problem->rows) && width > 0; c++) {
		size_t count;
		const double *x = logistic_chunk(problem, c, &count);

		cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, (int)count, blocks, width, 1, x, GRAM_CHUNK, b,
		        width, 0, problem->score, GRAM_CHUNK);
		objective += chunk_residuals(problem, c * GRAM_CHUNK, count);
		cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, width, blocks, (int)count, 1, x, GRAM_CHUNK,
		        problem->residual, GRAM_CHUNK, 1, problem->gradient, width);
		for (size_t k = 0; hessian && k < problem->blocks; k++)
			for (size_t l = k; l < problem->blocks; l++)
				chunk_hessian(problem, x, c * GRAM_CHUNK, count, k, l);
	}
	if (hessian)
		finish_hessian(problem);
	return objective + logistic_penalise(problem, b, problem->gradient);
}

/* ---- Newton ---- */

double logistic_factor(struct logistic *problem, const bool *blocked)
{
	size_t size = problem->size;
	int n = (int)size;
	double lift = 0;

	for (size_t j = 0; j < size; j++) {
		double square = problem->hessian[j * size + j];

		problem->unit[j] = square > 0 ? 1 / sqrt(square) : 1;
	}
	for (;;) {
		double condition = 0, norm;

		for (size_t j = 0; j < size; j++) {
			for (size_t i = 0; i < j; i++)
				problem->factor[j * size + i] =
				        blocked && (blocked[i] || blocked[j])
				                ? 0
				                : problem->hessian[j * size + i] * problem->unit[i] * problem->unit[j];
			problem->factor[j * size + j] = 1 + lift;
		}
		norm = LAPACKE_dlansy_work(LAPACK_COL_MAJOR, '1', 'U', n, problem->factor, n, problem->work);
		if (isfinite(norm) && LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', n, problem->factor, n) == 0)
			LAPACKE_dpocon_work(LAPACK_COL_MAJOR, 'U', n, problem->factor, n, norm, &condition,
			        problem->work, problem->integers);
		if (condition >= SINGULAR)
			return lift;
		lift = lift > 0 ? 10 * lift : FIRST_LIFT;
		if (lift > LAST_LIFT)
			return INFINITY;
	}
}

/* step = H^-1 gradient without blocked columns. Returns what it promises: gradient'step. */
static double newton_step(struct logistic *problem, const bool *blocked)
{
	size_t size = problem->size;
	double promise = 0;

	for (size_t i = 0; i < size; i++)
		problem->step[i] = blocked && blocked[i] ? 0 : problem->gradient[i] * problem->unit[i];
	LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'U', (int)size, 1, problem->factor, (int)size, problem->step, (int)size);
	for (size_t i = 0; i < size; i++) {
		problem->step[i] = blocked && blocked[i] ? 0 : problem->step[i] * problem->unit[i];
		promise += problem->step[i] * problem->gradient[i];
	}
	return promise;
}

/* b goes along the step as far as the objective falls with it. False: nowhere. */
static bool newton_search(struct logistic *problem, double *b, double promise, double *objective)
{
	double part = 1;

	for (int i = 0; i < MOST_HALVINGS; i++, part /= 2) {
		for (size_t j = 0; j < problem->size; j++)
			problem->trial[j] = b[j] + part * problem->step[j];
		double there = logistic_evaluate(problem, problem->trial, true);

		if (there <= *objective - 1e-4 * part * promise) {
			*objective = there;
			memcpy(b, problem->trial, problem->size * sizeof(*b));
			return true;
		}
	}
	return false;
}

int logistic_newton(
        struct logistic *problem, const bool *blocked, double *b, double *objective, bool *lifted, struct orch_err *err)
{
	double here = logistic_evaluate(problem, b, true);

	*objective = here;
	if (problem->size == 0)
		return 0;
	for (int i = 0; i < MOST_STEPS && isfinite(here); i++) {
		double lift = logistic_factor(problem, blocked), promise;

		if (lift == INFINITY)
			break;
		*lifted = *lifted || lift > 0;
		promise = newton_step(problem, blocked);
		if (promise <= LOGISTIC_DONE * here) {
			for (size_t j = 0; j < problem->size; j++)
				b[j] += problem->step[j];
			*objective = here;
			return 0;
		}
		if (!newton_search(problem, b, promise, &here)) {
			*objective = here;
			if (promise <= ROUNDING * here)
				return 0;
			break;
		}
	}
	return orch_fail(err, ORCH_EFIT,
	        "Newton's method finds no optimum: the classes can be separated, so that coefficients grow without "
	        "end; "
	        "raise alpha");
}
