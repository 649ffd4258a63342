/* ridge: least squares with an L2 penalty on the sum-of-squares scale, |y - X b|^2 + alpha |b|^2 (alpha 0: ordinary
 * least squares, minimum norm), in the definitions of scikit-learn's Ridge, weights included; the intercept is not
 * penalised. `standardize` divides columns by their training deviation before the penalty (coefficients are reported
 * for the columns as they are).
 *
 * From one pass over the data (gram.h) come all folds; from one factorisation per fold all penalties (ridge_solve.h)
 * and all sets of left-out features (ridge_lofo.h). Held-out squared errors come from moments too, unless they would be
 * a small difference of large terms; predictions are products of row blocks with the coefficients of many fits.
 *
 * Model: see linear_model.h; the score is the prediction. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/lofo/ridge_lofo.h"
#include "engines/model/engine.h"
#include "engines/model/linear_batch.h"
#include "engines/model/ridge_solve.h"
#include "storage/base/json.h"

extern const struct engine engine_ridge;

static const struct param_def ridge_params[] = {
        {.name = "alpha",
                .kind = PARAM_REAL,
                .fallback = "1.0",
                .low = 0,
                .high = 1e300,
                .help = "L2 penalty on the sum of squares; 0: ordinary least squares",
                .free_axis = true},
        LINEAR_PARAM_INTERCEPT,
        LINEAR_PARAM_STANDARDIZE,
        {.name = NULL},
};

struct ridge_plan {
	size_t variant;
	double alpha;
	bool intercept, standardize;
	size_t dropped; /* columns */
};
/* One fold with one kind of preprocessing. */
struct ridge_run {
	const struct engine_job *job;
	struct gram_set *set;
	size_t fold;
	struct gram_system system;
	struct ridge_solver solver;
	struct linear_batch batch;
	struct arena arena;
	uint32_t *dropped; /* columns */
};

static int run_base(struct ridge_run *run, const struct ridge_plan *plan, const double *base,
        const struct ridge_how *how, struct orch_err *err)
{
	struct linear_batch *batch = &run->batch;
	struct linear_fit fit = {.variant = plan->variant, .moments = how->way != RIDGE_BY_ORTHOGONAL};

	ridge_note(how, fit.note);
	memcpy(linear_batch_place(batch), base, batch->columns * batch->outputs * sizeof(double));
	for (size_t o = 0; run->job->scores_only && o < batch->outputs; o++)
		batch->sse[o] = ridge_sse(&run->solver, base, o, &batch->mass[o]);
	return linear_batch_add(batch, &fit, err);
}

static int run_left_out(
        struct ridge_run *run, struct ridge_lofo *lofo, const struct ridge_plan *plan, struct orch_err *err)
{
	struct linear_batch *batch = &run->batch;
	struct linear_fit fit = {.variant = plan->variant};
	struct ridge_how how;
	size_t count = linear_left_out(run->set, &run->job->variants[plan->variant], run->dropped);
	int code = ridge_lofo_drop(
	        lofo, run->dropped, count, linear_batch_place(batch), batch->sse, batch->mass, &how, err);

	if (code)
		return code;
	ridge_note(&how, fit.note);
	fit.fits_saved = how.way == RIDGE_BY_DOWNDATE;
	fit.moments = how.way != RIDGE_BY_ORTHOGONAL;
	return linear_batch_add(batch, &fit, err);
}

/* All variants with one alpha; those that drop nothing come first. */
static int run_alpha(
        struct ridge_run *run, const struct ridge_plan *plans, size_t count, struct arena *arena, struct orch_err *err)
{
	size_t p = run->solver.p;
	struct ridge_lofo lofo = {0};
	struct ridge_how how;
	double *base = arena_alloc(arena, p * run->solver.q, sizeof(*base));
	int code = base ? ridge_solve_all(&run->solver, plans[0].alpha, base, &how, err)
	                : orch_fail(err, ORCH_ENOMEM, "no memory");

	for (size_t i = 0; i < count && code == 0; i++) {
		if (plans[i].dropped == 0) {
			code = run_base(run, &plans[i], base, &how, err);
			continue;
		}
		if (!lofo.solver)
			code = ridge_lofo_begin(
			        &lofo, &run->solver, plans[i].alpha, base, run->job->scores_only, arena, err);
		code = code ? code : run_left_out(run, &lofo, &plans[i], err);
	}
	return code;
}

static int run_refuse(const struct ridge_run *run, const struct ridge_plan *plans, size_t count, const char *reason,
        struct orch_err *err)
{
	int code = 0;

	for (size_t i = 0; i < count && code == 0; i++)
		code = linear_batch_refuse(run->job, run->fold, plans[i].variant, reason, err);
	return code;
}

/* All variants with one preprocessing on one fold. */
static int run_fold(struct ridge_run *run, const struct ridge_plan *plans, size_t count, struct orch_err *err)
{
	struct arena arena = {0};
	struct orch_err reason = {0};
	int code = gram_system(
	        run->set, run->fold, plans[0].intercept, plans[0].standardize, &run->arena, &run->system, &reason);

	if (code == ORCH_EFIT)
		return run_refuse(run, plans, count, reason.text, err);
	if (code)
		return orch_fail(err, code, "%s", reason.text);
	code = linear_batch_init(&run->batch, &engine_ridge, run->job, run->set, &run->system, count, &run->arena, err);
	code = code ? code : ridge_solver_init(&run->solver, run->set, &run->system, &run->arena, err);
	run->dropped = arena_alloc(&run->arena, run->system.columns, sizeof(*run->dropped));
	if (code == 0 && !run->dropped)
		code = orch_fail(err, ORCH_ENOMEM, "no memory for %zu columns", run->system.columns);
	for (size_t start = 0, end; start < count && code == 0; start = end) {
		for (end = start + 1; end < count && plans[end].alpha == plans[start].alpha;)
			end++;
		code = run_alpha(run, plans + start, end - start, &arena, err);
		arena_release(&arena);
	}
	return code ? code : linear_batch_flush(&run->batch, err);
}

/* ---- the job ---- */

static int compare_plans(const void *a, const void *b)
{
	const struct ridge_plan *x = a, *y = b;

	if (x->intercept != y->intercept)
		return x->intercept ? 1 : -1;
	if (x->standardize != y->standardize)
		return x->standardize ? 1 : -1;
	if (x->alpha != y->alpha)
		return x->alpha < y->alpha ? -1 : 1;
	if ((x->dropped > 0) != (y->dropped > 0))
		return x->dropped > 0 ? 1 : -1;
	return (x->variant > y->variant) - (x->variant < y->variant);
}

static struct ridge_plan *make_plans(const struct engine_job *job, const struct gram_set *set)
{
	struct ridge_plan *plans = mem_array(job->variant_count, sizeof(*plans));

	for (size_t v = 0; plans && v < job->variant_count; v++) {
		const struct engine_variant *variant = &job->variants[v];

		plans[v] = (struct ridge_plan){.variant = v,
		        .alpha = json_get_real(variant->params, "alpha", 1),
		        .intercept = json_get_bool(variant->params, "fit_intercept", 1),
		        .standardize = json_get_bool(variant->params, "standardize", 0)};
		for (size_t i = 0; i < variant->left_out_count; i++)
			plans[v].dropped +=
			        gram_first(set, variant->left_out[i] + 1) - gram_first(set, variant->left_out[i]);
	}
	if (plans)
		qsort(plans, job->variant_count, sizeof(*plans), compare_plans);
	return plans;
}

static int ridge_run(const struct engine_job *job, struct orch_err *err)
{
	struct gram_set *set = NULL;
	struct ridge_plan *plans = NULL;
	int code = gram_open(job->data, job->folds, job->fold_count, &set, err);

	if (code == 0 && !(plans = make_plans(job, set)))
		code = orch_fail(err, ORCH_ENOMEM, "no memory for %zu variants", job->variant_count);
	for (size_t f = 0; f < job->fold_count && code == 0; f++)
		for (size_t start = 0, end; start < job->variant_count && code == 0; start = end) {
			struct ridge_run run = {.job = job, .set = set, .fold = f};

			for (end = start + 1; end < job->variant_count &&
			                      plans[end].intercept == plans[start].intercept &&
			                      plans[end].standardize == plans[start].standardize;)
				end++;
			code = run_fold(&run, plans + start, end - start, err);
			arena_release(&run.arena);
		}
	free(plans);
	gram_close(set);
	return code;
}

static uint64_t ridge_memory(const struct engine_size *size, const json_t *params)
{
	(void)params;
	return gram_bytes(size) + ridge_solver_bytes(size->columns, size->outputs) +
	       ridge_lofo_bytes(size->columns, size->outputs) + linear_batch_bytes(size) + (4 << 20);
}

static double ridge_cost(const struct engine_size *size, const json_t *params)
{
	double p = (double)size->columns, folds = size->folds ? size->folds : 1;

	(void)params; /* a share of the common pass, the factorisation's share, and one solution */
	return ((double)size->rows * p * p / folds + 4 * p * p * p) / (double)(size->variants ? size->variants : 1) +
	       20 * p * p;
}

const struct engine engine_ridge = {
        .name = "ridge",
        .version = "1",
        .help = "linear regression with an L2 penalty; all penalties and all left-out features from one pass",
        .params = ridge_params,
        .tasks = ENGINE_REGRESSION,
        .shares = ENGINE_SHARE_FOLDS | ENGINE_SHARE_LEFT_OUT,
        .seedless = true,
        .many_outputs = true,
        .weights = true,
        .model_suffix = "json",
        .memory = ridge_memory,
        .cost = ridge_cost,
        .run = ridge_run,
};
