/* elasticnet: least squares with L1 and L2 penalties, in the definitions of scikit-learn's ElasticNet (each output by
 * itself; weights scaled to their sum): (1 / 2 sum w) sum w (y - X b)^2 + alpha l1_ratio |b|_1 + alpha (1 - l1_ratio) /
 * 2 |b|^2. `standardize` divides columns by their training deviation before the penalties.
 *
 * All folds from one pass over the data (gram.h); penalties and left-out features from moments (elasticnet_solve.h). A
 * feature whose coefficients are zero costs nothing when left out: the fit is the same.
 *
 * Model: see linear_model.h; the score is the prediction. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/model/elasticnet_solve.h"
#include "engines/model/engine.h"
#include "engines/model/linear_batch.h"
#include "storage/base/json.h"

extern const struct engine engine_elasticnet;

static const struct param_def elasticnet_params[] = {
        {.name = "alpha",
                .kind = PARAM_REAL,
                .fallback = "1.0",
                .low = 0,
                .high = 1e300,
                .low_open = true,
                .help = "strength of the penalties, a row (without penalty: use ridge)",
                .free_axis = true},
        {.name = "l1_ratio",
                .kind = PARAM_REAL,
                .fallback = "0.5",
                .low = 0,
                .high = 1,
                .help = "share of the L1 penalty: 1 lasso, 0 ridge"},
        LINEAR_PARAM_INTERCEPT,
        LINEAR_PARAM_STANDARDIZE,
        {.name = NULL},
};

struct elasticnet_plan {
	size_t variant;
	double alpha, l1_ratio;
	bool intercept, standardize;
	size_t left_out;
};
/* One fold with one kind of preprocessing. */
struct elasticnet_run {
	const struct engine_job *job;
	struct gram_set *set;
	size_t fold;
	struct gram_system system;
	struct ridge_solver ridge;
	struct elasticnet net;
	struct linear_batch batch;
	struct arena arena;
	uint32_t *dropped; /* columns */
	double *base;
};

/* The coefficients stand in the batch's next place. */
static int run_add(
        struct elasticnet_run *run, const struct elasticnet_plan *plan, enum elasticnet_way way, struct orch_err *err)
{
	struct linear_batch *batch = &run->batch;
	struct linear_fit fit = {.variant = plan->variant, .moments = true, .fits_saved = way == ELASTICNET_SAME};

	if (way == ELASTICNET_DESCENT)
		snprintf(fit.note, sizeof(fit.note), "near singular: coefficients as coordinate descent left them");
	for (size_t o = 0; run->job->scores_only && o < batch->outputs; o++)
		batch->sse[o] = gram_sse(&run->system, linear_batch_place(batch) + o * batch->columns, o,
		        run->net.exact, &batch->mass[o]);
	return linear_batch_add(batch, &fit, err);
}

static int run_left_out(struct elasticnet_run *run, const struct elasticnet_plan *plan, struct orch_err *err)
{
	struct orch_err reason = {0};
	enum elasticnet_way way;
	size_t count = linear_left_out(run->set, &run->job->variants[plan->variant], run->dropped);
	int code = elasticnet_drop(
	        &run->net, plan->alpha, run->base, run->dropped, count, linear_batch_place(&run->batch), &way, &reason);

	return code ? linear_batch_refuse(run->job, run->fold, plan->variant, reason.text, err)
	            : run_add(run, plan, way, err);
}

/* All variants with one alpha; those that leave nothing out come first. */
static int run_alpha(
        struct elasticnet_run *run, const struct elasticnet_plan *plans, size_t count, struct orch_err *err)
{
	struct orch_err reason = {0};
	enum elasticnet_way way;
	int failed = elasticnet_solve(&run->net, plans[0].alpha, run->base, &way, &reason), code = 0;

	for (size_t i = 0; i < count && code == 0; i++) {
		if (failed) {
			code = linear_batch_refuse(run->job, run->fold, plans[i].variant, reason.text, err);
		} else if (plans[i].left_out > 0) {
			code = run_left_out(run, &plans[i], err);
		} else {
			memcpy(linear_batch_place(&run->batch), run->base, run->net.p * run->net.q * sizeof(double));
			code = run_add(run, &plans[i], way, err);
		}
	}
	return code;
}

static int run_prepare(
        struct elasticnet_run *run, const struct elasticnet_plan *plan, size_t count, struct orch_err *err)
{
	size_t p = run->system.columns;
	int code = ridge_solver_init(&run->ridge, run->set, &run->system, &run->arena, err);

	code = code ? code : elasticnet_init(&run->net, &run->ridge, plan->l1_ratio, &run->arena, err);
	code = code ? code
	            : linear_batch_init(&run->batch, &engine_elasticnet, run->job, run->set, &run->system, count,
	                      &run->arena, err);
	run->dropped = arena_alloc(&run->arena, p, sizeof(*run->dropped));
	run->base = arena_alloc(&run->arena, p * run->system.outputs, sizeof(*run->base));
	if (code == 0 && (!run->dropped || !run->base))
		code = orch_fail(err, ORCH_ENOMEM, "no memory for %zu columns", p);
	return code;
}

/* All variants that differ in alpha and what they leave out only, on one fold. */
static int run_fold(struct elasticnet_run *run, const struct elasticnet_plan *plans, size_t count, struct orch_err *err)
{
	struct orch_err reason = {0};
	int code = gram_system(
	        run->set, run->fold, plans[0].intercept, plans[0].standardize, &run->arena, &run->system, &reason);

	if (code == ORCH_EFIT) {
		code = 0;
		for (size_t i = 0; i < count && code == 0; i++)
			code = linear_batch_refuse(run->job, run->fold, plans[i].variant, reason.text, err);
		return code;
	}
	code = code ? orch_fail(err, code, "%s", reason.text) : run_prepare(run, plans, count, err);
	for (size_t start = 0, end; start < count && code == 0; start = end) {
		for (end = start + 1; end < count && plans[end].alpha == plans[start].alpha;)
			end++;
		code = run_alpha(run, plans + start, end - start, err);
	}
	return code ? code : linear_batch_flush(&run->batch, err);
}

/* ---- the job ---- */

/* 0: the two can share a run. */
static int compare_kinds(const struct elasticnet_plan *x, const struct elasticnet_plan *y)
{
	if (x->intercept != y->intercept)
		return x->intercept ? 1 : -1;
	if (x->standardize != y->standardize)
		return x->standardize ? 1 : -1;
	return (x->l1_ratio > y->l1_ratio) - (x->l1_ratio < y->l1_ratio);
}

/* Falling penalties: each goes on from where the last one was. */
static int compare_plans(const void *a, const void *b)
{
	const struct elasticnet_plan *x = a, *y = b;
	int kind = compare_kinds(x, y);

	if (kind)
		return kind;
	if (x->alpha != y->alpha)
		return x->alpha > y->alpha ? -1 : 1;
	if ((x->left_out > 0) != (y->left_out > 0))
		return x->left_out > 0 ? 1 : -1;
	return (x->variant > y->variant) - (x->variant < y->variant);
}

static struct elasticnet_plan *make_plans(const struct engine_job *job)
{
	struct elasticnet_plan *plans = mem_array(job->variant_count, sizeof(*plans));

	for (size_t v = 0; plans && v < job->variant_count; v++) {
		const struct engine_variant *variant = &job->variants[v];

		plans[v] = (struct elasticnet_plan){.variant = v,
		        .alpha = json_get_real(variant->params, "alpha", 1),
		        .l1_ratio = json_get_real(variant->params, "l1_ratio", 0.5),
		        .intercept = json_get_bool(variant->params, "fit_intercept", 1),
		        .standardize = json_get_bool(variant->params, "standardize", 0),
		        .left_out = variant->left_out_count};
	}
	if (plans)
		qsort(plans, job->variant_count, sizeof(*plans), compare_plans);
	return plans;
}

static int elasticnet_run(const struct engine_job *job, struct orch_err *err)
{
	struct gram_set *set = NULL;
	struct elasticnet_plan *plans = NULL;
	int code = gram_open(job->data, job->folds, job->fold_count, &set, err);

	if (code == 0 && !(plans = make_plans(job)))
		code = orch_fail(err, ORCH_ENOMEM, "no memory for %zu variants", job->variant_count);
	for (size_t f = 0; f < job->fold_count && code == 0; f++)
		for (size_t start = 0, end; start < job->variant_count && code == 0; start = end) {
			struct elasticnet_run run = {.job = job, .set = set, .fold = f};

			for (end = start + 1;
			        end < job->variant_count && compare_kinds(&plans[end], &plans[start]) == 0;)
				end++;
			code = run_fold(&run, plans + start, end - start, err);
			arena_release(&run.arena);
		}
	free(plans);
	gram_close(set);
	return code;
}

static uint64_t elasticnet_memory(const struct engine_size *size, const json_t *params)
{
	(void)params;
	return gram_bytes(size) + ridge_solver_bytes(size->columns, size->outputs) +
	       elasticnet_bytes(size->columns, size->outputs) + linear_batch_bytes(size) + (4 << 20);
}

static double elasticnet_cost(const struct engine_size *size, const json_t *params)
{
	double p = (double)size->columns, folds = size->folds ? size->folds : 1;

	(void)params;
	return (double)size->rows * p * p / folds / (double)(size->variants ? size->variants : 1) + p * p * p / 3 +
	       100 * p * p;
}

const struct engine engine_elasticnet = {
        .name = "elasticnet",
        .version = "1",
        .help = "linear regression with L1 and L2 penalties; unused features are left out at no cost",
        .params = elasticnet_params,
        .tasks = ENGINE_REGRESSION,
        .shares = ENGINE_SHARE_FOLDS | ENGINE_SHARE_LEFT_OUT,
        .seedless = true,
        .many_outputs = true,
        .weights = true,
        .model_suffix = "json",
        .memory = elasticnet_memory,
        .cost = elasticnet_cost,
        .run = elasticnet_run,
};
