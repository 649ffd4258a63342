/* logistic: classification by logistic regression with an L2 penalty, in the definitions of scikit-learn's
 * LogisticRegression with C = 1 / alpha (softmax for more than two classes, weights included). `standardize` divides
 * columns by their training deviation before the penalty.
 *
 * Each fit is Newton's method (logistic_solve.h); fits with features left out start from the one without
 * (logistic_lofo.h).
 *
 * Model: see linear_model.h, with "classes":[codes]. Two classes: one score, of the second; its probability is
 * 1 / (1 + exp(-score)). More: one score a class; probabilities are exp(score) divided by their sum. A class that was
 * not in the training rows has no score and probability 0. */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/lofo/logistic_lofo.h"
#include "engines/model/engine.h"
#include "engines/model/linear_batch.h"
#include "engines/model/linear_model.h"
#include "storage/base/json.h"

extern const struct engine engine_logistic;

static const struct param_def logistic_params[] = {
        {.name = "alpha",
                .kind = PARAM_REAL,
                .fallback = "1.0",
                .low = 0,
                .high = 1e300,
                .help = "L2 penalty: half the sum of squared coefficients times this is added to the loss (1 / C)"},
        LINEAR_PARAM_INTERCEPT,
        LINEAR_PARAM_STANDARDIZE,
        {.name = NULL},
};

struct logistic_plan {
	size_t variant;
	double alpha;
	bool intercept, standardize;
	size_t left_out;
};
struct logistic_fit {
	size_t variant;
	double *b; /* as in logistic_solve.h */
	const char *note;
	uint64_t fits_saved;
};
/* One fold, all variants that differ in what they leave out. */
struct logistic_run {
	const struct engine_job *job;
	struct gram_set *set;
	size_t fold;
	struct gram_system system;
	struct logistic problem;
	struct arena arena;
	double *rows;        /* columns x GRAM_CHUNK */
	double *coefficient; /* columns x blocks x LOGISTIC_LOFO_WIDTH, of the columns as they are */
	double *score;       /* GRAM_CHUNK x the same */
	double *prediction;  /* test rows x classes x LOGISTIC_LOFO_WIDTH */
	double *probability;
};

static const char near_singular[] = "near singular: Newton's steps were shortened by a small ridge";

/* ---- answers ---- */

static void unscale(struct logistic_run *run, const double *b, double *out)
{
	const struct logistic *problem = &run->problem;

	for (size_t k = 0; k < problem->blocks; k++)
		for (size_t j = 0; j < problem->columns; j++)
			out[k * problem->columns + j] = b[k * problem->width + j] / problem->scale[j];
}

static double intercept_of(const struct logistic *problem, const double *b, size_t block)
{
	return problem->width > problem->columns ? b[block * problem->width + problem->columns] : 0;
}

/* Probabilities of a chunk of rows for all fits from their scores (without intercepts). */
static void chunk_probabilities(
        struct logistic_run *run, const struct logistic_fit *fits, size_t fit_count, size_t start, size_t count)
{
	const struct logistic *problem = &run->problem;
	size_t blocks = problem->blocks, classes = run->job->data->classes,
	       test = run->job->folds[run->fold].test_count;

	for (size_t v = 0; v < fit_count; v++) {
		double *score = run->score + v * blocks * GRAM_CHUNK, *out = run->prediction + v * classes * test;

		for (size_t k = 0; k < blocks; k++)
			for (size_t i = 0; i < count; i++)
				score[k * GRAM_CHUNK + i] = (problem->columns > 0 ? score[k * GRAM_CHUNK + i] : 0) +
				                            intercept_of(problem, fits[v].b, k);
		for (size_t i = 0; i < count; i++) {
			for (size_t k = 0; k < classes; k++)
				out[k * test + start + i] = 0;
			logistic_probabilities(blocks, score + i, GRAM_CHUNK, run->probability);
			for (size_t k = 0; k <= blocks; k++)
				out[problem->classes[k] * test + start + i] = run->probability[k];
		}
	}
}

static void predict(struct logistic_run *run, const struct logistic_fit *fits, size_t fit_count)
{
	const struct engine_fold *fold = &run->job->folds[run->fold];
	size_t p = run->problem.columns, vectors = run->problem.blocks * LOGISTIC_LOFO_WIDTH;

	memset(run->coefficient, 0, p * vectors * sizeof(double));
	for (size_t v = 0; v < fit_count; v++)
		unscale(run, fits[v].b, run->coefficient + v * run->problem.blocks * p);
	for (size_t start = 0; start < fold->test_count; start += GRAM_CHUNK) {
		size_t count = fold->test_count - start < GRAM_CHUNK ? fold->test_count - start : GRAM_CHUNK;

		gram_rows(run->set, &run->system, fold->test + start, count, false, run->rows);
		for (size_t c = 0; c < vectors && p > 0; c += LOGISTIC_LOFO_WIDTH)
			cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, (int)count, LOGISTIC_LOFO_WIDTH, (int)p,
			        1, run->rows, GRAM_CHUNK, run->coefficient + c * p, (int)p, 0,
			        run->score + c * GRAM_CHUNK, GRAM_CHUNK);
		chunk_probabilities(run, fits, fit_count, start, count);
	}
}

/* Two classes: the score of the second. More: of every class, so that they sum to 0. */
static char *fit_model(struct logistic_run *run, const struct logistic_fit *fit)
{
	const struct logistic *problem = &run->problem;
	size_t p = problem->columns, present = problem->blocks + 1, scores = present > 2 ? present : 1;
	double *beta = mem_must(p * scores, sizeof(double)), *intercept = mem_must(scores, sizeof(double));
	double *center = mem_must(p, sizeof(double)), *free_part = mem_must(p * problem->blocks, sizeof(double));

	unscale(run, fit->b, free_part);
	for (size_t j = 0; j <= p; j++) { /* j == p: intercept */
		double mean = 0;

		for (size_t k = 0; k < problem->blocks && scores > 1; k++)
			mean += (j < p ? free_part[k * p + j] : intercept_of(problem, fit->b, k)) / (double)present;
		for (size_t s = 0; s < scores; s++) {
			size_t k = scores > 1 ? s - 1 : 0; /* block; none for the first class of many */
			double own = scores > 1 && s == 0 ? 0
			             : j < p              ? free_part[k * p + j]
			                                  : intercept_of(problem, fit->b, k);

			*(j < p ? &beta[s * p + j] : &intercept[s]) = own - mean;
		}
	}
	for (size_t j = 0; j < p; j++)
		center[j] = gram_center(&run->system, j);
	char *text = linear_model_text(&(struct linear_model){.engine = &engine_logistic,
	        .data = run->job->data,
	        .variant = &run->job->variants[fit->variant],
	        .outputs = scores,
	        .columns = p,
	        .beta = beta,
	        .intercept = intercept,
	        .center = center,
	        .fill = run->system.fill,
	        .classes = problem->classes,
	        .class_count = present});

	free(beta);
	free(intercept);
	free(center);
	free(free_part);
	return text;
}

static int answer_fits(struct logistic_run *run, const struct logistic_fit *fits, size_t count, struct orch_err *err)
{
	const struct engine_job *job = run->job;
	size_t per_fit = job->data->classes * job->folds[run->fold].test_count;
	int code = 0;

	predict(run, fits, count);
	for (size_t v = 0; v < count && code == 0; v++) {
		struct engine_answer answer = {.fold = run->fold,
		        .variant = fits[v].variant,
		        .text = fits[v].note,
		        .prediction = run->prediction + v * per_fit,
		        .fits_saved = fits[v].fits_saved};
		char *model = job->want_model ? fit_model(run, &fits[v]) : NULL;

		answer.model = model;
		answer.model_length = model ? strlen(model) : 0;
		code = job->answer(job->context, &answer, err);
		free(model);
	}
	return code;
}

/* ---- fits ---- */

struct logistic_batch {
	struct logistic_drop drops[LOGISTIC_LOFO_WIDTH];
	size_t variants[LOGISTIC_LOFO_WIDTH];
	uint32_t *columns; /* columns of all drops, one after another */
	double *b;         /* size x LOGISTIC_LOFO_WIDTH */
	size_t count;
};

static int batch_answer(
        struct logistic_run *run, struct logistic_lofo *lofo, struct logistic_batch *batch, struct orch_err *err)
{
	struct logistic_fit fits[LOGISTIC_LOFO_WIDTH];
	size_t good = 0;
	int code = batch->count ? logistic_lofo_run(lofo, batch->drops, batch->count, err) : 0;

	for (size_t v = 0; v < batch->count && code == 0; v++) {
		const struct logistic_drop *drop = &batch->drops[v];

		if (drop->code)
			code = linear_batch_refuse(run->job, run->fold, batch->variants[v], drop->reason.text, err);
		else
			fits[good++] = (struct logistic_fit){.variant = batch->variants[v],
			        .b = drop->b,
			        .note = drop->lifted ? near_singular : NULL,
			        .fits_saved = !drop->newton};
	}
	batch->count = 0;
	return code || good == 0 ? code : answer_fits(run, fits, good, err);
}

static int run_left_out(struct logistic_run *run, const struct logistic_plan *plans, size_t count, const double *base,
        double objective, struct orch_err *err)
{
	size_t size = run->problem.size, p = run->problem.columns;
	struct logistic_batch *batch = arena_alloc(&run->arena, 1, sizeof(*batch));
	struct logistic_lofo lofo;
	int code = logistic_lofo_begin(&lofo, &run->problem, base, objective, &run->arena, err);

	if (batch) {
		batch->columns = arena_alloc(&run->arena, p * LOGISTIC_LOFO_WIDTH, sizeof(*batch->columns));
		batch->b = arena_alloc(&run->arena, size * LOGISTIC_LOFO_WIDTH, sizeof(*batch->b));
	}
	if (code == 0 && (!batch || !batch->columns || !batch->b))
		code = orch_fail(err, ORCH_ENOMEM, "no memory to leave out features among %zu columns", p);
	for (size_t i = 0; i < count && code == 0; i++) {
		uint32_t *columns = batch->columns + batch->count * p;
		struct logistic_drop *drop = &batch->drops[batch->count];

		drop->columns = columns;
		drop->count = linear_left_out(run->set, &run->job->variants[plans[i].variant], columns);
		drop->b = batch->b + batch->count * size;
		batch->variants[batch->count++] = plans[i].variant;
		if (batch->count == LOGISTIC_LOFO_WIDTH || i + 1 == count)
			code = batch_answer(run, &lofo, batch, err);
	}
	return code;
}

static int run_prepare(struct logistic_run *run, const struct logistic_plan *plan, struct orch_err *err)
{
	const struct engine_data *data = run->job->data;
	struct arena *arena = &run->arena;
	size_t test = run->job->folds[run->fold].test_count, real = sizeof(double), vectors;
	int code = gram_system(
	        run->set, 0, plan->intercept, true, arena, &run->system, err); /* the only fold of its set */

	code = code ? code
	            : logistic_make(&run->problem, run->set, &run->system, plan->alpha, plan->standardize, arena, err);
	if (code)
		return code;
	vectors = run->problem.blocks * LOGISTIC_LOFO_WIDTH;
	run->rows = arena_alloc(arena, run->problem.columns * GRAM_CHUNK, real);
	run->coefficient = arena_alloc(arena, run->problem.columns * vectors, real);
	run->score = arena_alloc(arena, GRAM_CHUNK * vectors, real);
	run->prediction = arena_alloc(arena, test * data->classes * LOGISTIC_LOFO_WIDTH, real);
	run->probability = arena_alloc(arena, data->classes, real);
	if (!run->rows || !run->coefficient || !run->score || !run->prediction || !run->probability)
		return orch_fail(err, ORCH_ENOMEM, "no memory for probabilities of %zu rows", test);
	return 0;
}

static int refuse_all(struct logistic_run *run, const struct logistic_plan *plans, size_t count, const char *reason,
        struct orch_err *err)
{
	int code = 0;

	for (size_t i = 0; i < count && code == 0; i++)
		code = linear_batch_refuse(run->job, run->fold, plans[i].variant, reason, err);
	return code;
}

/* Plans with nothing left out come first. */
static int run_fold(struct logistic_run *run, const struct logistic_plan *plans, size_t count, struct orch_err *err)
{
	struct orch_err reason = {0};
	double *base = NULL, objective = 0;
	bool lifted = false;
	size_t whole = 0;
	int code = run_prepare(run, plans, &reason);

	if (code == 0 && !(base = arena_alloc(&run->arena, run->problem.size, sizeof(*base))))
		code = orch_fail(&reason, ORCH_ENOMEM, "no memory for %zu coefficients", run->problem.size);
	if (code == 0) {
		logistic_start(&run->problem, base);
		code = logistic_newton(&run->problem, NULL, base, &objective, &lifted, &reason);
	}
	if (code == ORCH_EFIT)
		return refuse_all(run, plans, count, reason.text, err);
	if (code)
		return orch_fail(err, code, "%s", reason.text);
	for (; whole < count && plans[whole].left_out == 0 && code == 0; whole++)
		code = answer_fits(run,
		        &(struct logistic_fit){
		                .variant = plans[whole].variant, .b = base, .note = lifted ? near_singular : NULL},
		        1, err);
	return code || whole == count ? code : run_left_out(run, plans + whole, count - whole, base, objective, err);
}

/* ---- the job ---- */

/* 0: the two differ in what they leave out only. */
static int compare_kinds(const struct logistic_plan *x, const struct logistic_plan *y)
{
	if (x->intercept != y->intercept)
		return x->intercept ? 1 : -1;
	if (x->standardize != y->standardize)
		return x->standardize ? 1 : -1;
	return (x->alpha > y->alpha) - (x->alpha < y->alpha);
}

static int compare_plans(const void *a, const void *b)
{
	const struct logistic_plan *x = a, *y = b;
	int kind = compare_kinds(x, y);

	if (kind)
		return kind;
	if ((x->left_out > 0) != (y->left_out > 0))
		return x->left_out > 0 ? 1 : -1;
	return (x->variant > y->variant) - (x->variant < y->variant);
}

static struct logistic_plan *make_plans(const struct engine_job *job)
{
	struct logistic_plan *plans = mem_array(job->variant_count, sizeof(*plans));

	for (size_t v = 0; plans && v < job->variant_count; v++) {
		const struct engine_variant *variant = &job->variants[v];

		plans[v] = (struct logistic_plan){.variant = v,
		        .alpha = json_get_real(variant->params, "alpha", 1),
		        .intercept = json_get_bool(variant->params, "fit_intercept", 1),
		        .standardize = json_get_bool(variant->params, "standardize", 0),
		        .left_out = variant->left_out_count};
	}
	if (plans)
		qsort(plans, job->variant_count, sizeof(*plans), compare_plans);
	return plans;
}

static int logistic_run(const struct engine_job *job, struct orch_err *err)
{
	struct logistic_plan *plans = make_plans(job);
	int code = plans ? 0 : orch_fail(err, ORCH_ENOMEM, "no memory for %zu variants", job->variant_count);

	for (size_t f = 0; f < job->fold_count && code == 0; f++) {
		struct gram_set *set = NULL; /* of this fold alone: no fit depends on other folds */

		code = gram_open(job->data, job->folds + f, 1, &set, err);
		for (size_t start = 0, end; start < job->variant_count && code == 0; start = end) {
			struct logistic_run run = {.job = job, .set = set, .fold = f};

			for (end = start + 1;
			        end < job->variant_count && compare_kinds(&plans[end], &plans[start]) == 0;)
				end++;
			code = run_fold(&run, plans + start, end - start, err);
			arena_release(&run.arena);
		}
		gram_close(set);
	}
	free(plans);
	return code;
}

static uint64_t logistic_memory(const struct engine_size *size, const json_t *params)
{
	struct engine_size one = *size;
	uint64_t classes = size->classes > 2 ? size->classes : 2, test = size->rows, p = size->columns;

	(void)params;
	one.folds = 1;
	one.outputs = 1;
	if (size->folds > 1)
		test = size->rows / size->folds + size->rows / 16 + 1;
	return gram_bytes(&one) + logistic_bytes(size->rows, p, classes) + logistic_lofo_bytes(p, classes) +
	       sizeof(double) * (GRAM_CHUNK * (p + classes * LOGISTIC_LOFO_WIDTH) +
	                                2 * p * classes * LOGISTIC_LOFO_WIDTH + test * classes * LOGISTIC_LOFO_WIDTH) +
	       (4 << 20);
}

static double logistic_cost(const struct engine_size *size, const json_t *params)
{
	double p = (double)size->columns, blocks = size->classes > 2 ? size->classes - 1 : 1;
	double variants = (double)(size->variants ? size->variants : 1), rows = (double)size->rows;

	(void)params; /* about seven Hessians for the full fit, ten gradients for each that leaves features out */
	return (7 * rows * p * p * blocks * (blocks + 1) / 2 + variants * 10 * 4 * rows * p * blocks) / variants;
}

const struct engine engine_logistic = {
        .name = "logistic",
        .version = "1",
        .help = "logistic regression with an L2 penalty; left-out features start from the full fit",
        .params = logistic_params,
        .tasks = ENGINE_CLASSIFICATION,
        .shares = ENGINE_SHARE_LEFT_OUT,
        .seedless = true,
        .weights = true,
        .model_suffix = "json",
        .memory = logistic_memory,
        .cost = logistic_cost,
        .run = logistic_run,
};
