/* ridge: least squares with an L2 penalty on the sum-of-squares scale, |y - X b|^2 + alpha |b|^2 (alpha 0: ordinary
 * least squares, minimum norm), in the definitions of scikit-learn's Ridge, weights included; the intercept is not
 * penalised. `standardize` divides columns by their training deviation before the penalty (coefficients are reported
 * for the columns as they are).
 *
 * From one pass over the data (gram.h) come all folds; from one factorisation per fold all penalties (ridge_solve.h)
 * and all sets of left-out features (ridge_lofo.h). Held-out squared errors come from moments too, unless they would be
 * a small difference of large terms; predictions are products of row blocks with the coefficients of many fits.
 *
 * Model: {"engine":"ridge","version":..,"alpha":..,"fit_intercept":..,"standardize":..,"intercept":[one per output],
 *   "features":[{"name":..,"id":..,"fill":number or null,"coefficient":[one per output],"center":..}]}
 * where a category has "levels":[{"level":..,"coefficient":[..],"center":..}] instead and "fill" is a level's position.
 *   prediction of output o = intercept[o] + sum over columns of coefficient[o] * (value - center)
 * The value of a level is 1 or 0, of an ordered category its position among its levels, of a boolean 1 or 0; missing
 * values are fill. Features left out do not appear. */
#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/lofo/ridge_lofo.h"
#include "engines/model/design.h"
#include "engines/model/engine.h"
#include "engines/model/ridge_model.h"
#include "engines/model/ridge_solve.h"
#include "storage/base/json.h"

#define RIDGE_WIDTH                                                                                                    \
	32 /* coefficient vectors multiplied together: fixed, so that no fit's bits depend on its neighbours */
#define RIDGE_BATCH 256
#define RIDGE_BATCH_BYTES (64u << 20)

static const struct param_def ridge_params[] = {
        {.name = "alpha",
                .kind = PARAM_REAL,
                .fallback = "1.0",
                .low = 0,
                .high = 1e300,
                .help = "L2 penalty on the sum of squares; 0: ordinary least squares",
                .free_axis = true},
        {.name = "fit_intercept",
                .kind = PARAM_BOOL,
                .fallback = "true",
                .low = 1,
                .high = 0,
                .help = "a constant term, not penalised"},
        {.name = "standardize",
                .kind = PARAM_BOOL,
                .fallback = "false",
                .low = 1,
                .high = 0,
                .help = "penalise coefficients of columns divided by their training deviation"},
        {.name = NULL},
};

struct ridge_plan {
	size_t variant;
	double alpha;
	bool intercept, standardize;
	size_t dropped; /* columns */
};
struct ridge_fit {
	const struct ridge_plan *plan;
	struct ridge_how how;
};
/* One fold with one kind of preprocessing. */
struct ridge_run {
	const struct engine_job *job;
	struct gram_set *set;
	size_t fold;
	struct gram_system system;
	struct ridge_solver solver;
	struct arena arena;
	uint32_t *dropped;      /* columns */
	double *sse, *mass;     /* per output */
	struct ridge_fit *fits; /* of the batch: fits whose predictions are to be formed */
	size_t fit_count, capacity;
	double *beta;       /* columns x (capacity x outputs, rounded up to RIDGE_WIDTH) */
	double *prediction; /* test rows x the same */
	double *rows;       /* columns x GRAM_CHUNK */
};

/* ---- answers ---- */

static int answer_fit(struct ridge_run *run, const struct ridge_fit *fit, const double *beta, const double *prediction,
        const double *sse, struct orch_err *err)
{
	const struct engine_job *job = run->job;
	char note[128];
	struct engine_answer answer = {.fold = run->fold,
	        .variant = fit->plan->variant,
	        .text = ridge_note(&fit->how, note),
	        .prediction = prediction,
	        .sse = sse,
	        .fits_saved = fit->how.way == RIDGE_BY_DOWNDATE};
	char *model = NULL;

	for (size_t i = 0; i < run->solver.p * run->solver.q; i++)
		if (!isfinite(beta[i]))
			return job->answer(job->context,
			        &(struct engine_answer){.fold = run->fold,
			                .variant = fit->plan->variant,
			                .code = ORCH_EFIT,
			                .text = "coefficients are not finite: the values of some column are too large"},
			        err);
	if (job->want_model) {
		struct ridge_model_params params = {fit->plan->alpha, fit->plan->intercept, fit->plan->standardize};

		model = ridge_model_text(run->set, &run->system, &job->variants[fit->plan->variant], &params, beta);
		answer.model = model;
		answer.model_length = strlen(model);
	}
	int code = job->answer(job->context, &answer, err);

	free(model);
	return code;
}

static void batch_predict(struct ridge_run *run)
{
	const struct engine_fold *fold = &run->job->folds[run->fold];
	size_t p = run->solver.p, q = run->solver.q, test = fold->test_count;
	size_t columns = (run->fit_count * q + RIDGE_WIDTH - 1) / RIDGE_WIDTH * RIDGE_WIDTH;

	memset(run->beta + run->fit_count * q * p, 0, (columns - run->fit_count * q) * p * sizeof(double));
	for (size_t start = 0; start < test; start += GRAM_CHUNK) {
		size_t count = test - start < GRAM_CHUNK ? test - start : GRAM_CHUNK;

		gram_rows(run->set, &run->system, fold->test + start, count, false, run->rows);
		for (size_t c = 0; c < columns && p > 0; c += RIDGE_WIDTH)
			cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, (int)count, RIDGE_WIDTH, (int)p, 1,
			        run->rows, GRAM_CHUNK, run->beta + c * p, (int)p, 0, run->prediction + c * test + start,
			        (int)test);
	}
	for (size_t c = 0; c < run->fit_count * q; c++) {
		double center = gram_center(&run->system, p + c % q);

		for (size_t i = 0; i < test; i++)
			run->prediction[c * test + i] = (p > 0 ? run->prediction[c * test + i] : 0) + center;
	}
}

static void squared_errors(struct ridge_run *run, const double *prediction)
{
	const struct engine_data *data = run->job->data;
	const struct engine_fold *fold = &run->job->folds[run->fold];

	for (size_t o = 0; o < run->solver.q; o++) {
		run->sse[o] = 0;
		for (size_t i = 0; i < fold->test_count; i++) {
			double off =
			        data->target[o * data->rows + fold->test[i]] - prediction[o * fold->test_count + i];

			run->sse[o] += (data->weight ? data->weight[fold->test[i]] : 1) * off * off;
		}
	}
}

static int batch_flush(struct ridge_run *run, struct orch_err *err)
{
	size_t p = run->solver.p, q = run->solver.q, test = run->job->folds[run->fold].test_count;
	int code = 0;

	if (run->fit_count > 0)
		batch_predict(run);
	for (size_t i = 0; i < run->fit_count && code == 0; i++) {
		const double *prediction = run->prediction + i * q * test;

		if (run->job->scores_only)
			squared_errors(run, prediction);
		code = answer_fit(run, &run->fits[i], run->beta + i * q * p, run->job->scores_only ? NULL : prediction,
		        run->job->scores_only ? run->sse : NULL, err);
	}
	run->fit_count = 0;
	return code;
}

/* Takes the coefficients that stand in the batch's next place. moments: run->sse and run->mass are those of the fit. */
static int batch_add(struct ridge_run *run, const struct ridge_fit *fit, bool moments, struct orch_err *err)
{
	bool enough = moments && run->job->scores_only && fit->how.way != RIDGE_BY_ORTHOGONAL;

	for (size_t o = 0; o < run->solver.q; o++)
		enough = enough && run->sse[o] >= RIDGE_CANCELLATION * run->mass[o];
	if (enough)
		return answer_fit(
		        run, fit, run->beta + run->fit_count * run->solver.q * run->solver.p, NULL, run->sse, err);
	run->fits[run->fit_count++] = *fit;
	return run->fit_count < run->capacity ? 0 : batch_flush(run, err);
}

/* ---- fits ---- */

static size_t dropped_columns(const struct ridge_run *run, const struct engine_variant *variant)
{
	size_t count = 0;

	for (size_t i = 0; i < variant->left_out_count; i++)
		for (size_t c = gram_first(run->set, variant->left_out[i]);
		        c < gram_first(run->set, variant->left_out[i] + 1); c++)
			run->dropped[count++] = (uint32_t)c;
	return count;
}

static int run_base(struct ridge_run *run, const struct ridge_plan *plan, const double *base,
        const struct ridge_how *how, struct orch_err *err)
{
	size_t p = run->solver.p, q = run->solver.q;

	memcpy(run->beta + run->fit_count * q * p, base, p * q * sizeof(double));
	for (size_t o = 0; run->job->scores_only && p > 0 && o < q; o++)
		run->sse[o] = ridge_sse(&run->solver, base, o, &run->mass[o]);
	return batch_add(run, &(struct ridge_fit){plan, *how}, p > 0, err);
}

static int run_left_out(
        struct ridge_run *run, struct ridge_lofo *lofo, const struct ridge_plan *plan, struct orch_err *err)
{
	struct ridge_fit fit = {.plan = plan};
	double *beta = run->beta + run->fit_count * run->solver.q * run->solver.p;
	size_t count = dropped_columns(run, &run->job->variants[plan->variant]);
	int code = ridge_lofo_drop(lofo, run->dropped, count, beta, run->sse, run->mass, &fit.how, err);

	return code ? code : batch_add(run, &fit, true, err);
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

static size_t batch_capacity(size_t test, size_t outputs)
{
	size_t fits = RIDGE_BATCH_BYTES / (sizeof(double) * (test ? test : 1) * outputs);

	return fits < RIDGE_WIDTH ? RIDGE_WIDTH : fits > RIDGE_BATCH ? RIDGE_BATCH : fits;
}

static int run_prepare(struct ridge_run *run, size_t variants, struct orch_err *err)
{
	size_t p = run->system.columns, q = run->system.outputs, test = run->job->folds[run->fold].test_count;

	run->capacity = batch_capacity(test, q);
	if (run->capacity > variants)
		run->capacity = variants;
	size_t columns = (run->capacity * q + RIDGE_WIDTH - 1) / RIDGE_WIDTH * RIDGE_WIDTH;

	run->fits = arena_alloc(&run->arena, run->capacity, sizeof(*run->fits));
	run->beta = arena_alloc(&run->arena, columns * (p ? p : 1), sizeof(double));
	run->prediction = arena_alloc(&run->arena, columns * (test ? test : 1), sizeof(double));
	run->rows = arena_alloc(&run->arena, p, GRAM_CHUNK * sizeof(double));
	run->dropped = arena_alloc(&run->arena, p, sizeof(*run->dropped));
	run->sse = arena_alloc(&run->arena, q, sizeof(double));
	run->mass = arena_alloc(&run->arena, q, sizeof(double));
	if (!run->fits || !run->beta || !run->prediction || !run->rows || !run->dropped || !run->sse || !run->mass)
		return orch_fail(err, ORCH_ENOMEM, "no memory for predictions of %zu rows", test);
	return ridge_solver_init(&run->solver, run->set, &run->system, &run->arena, err);
}

/* All variants with one preprocessing on one fold. */
static int run_fold(struct ridge_run *run, const struct ridge_plan *plans, size_t count, struct orch_err *err)
{
	struct arena arena = {0};
	struct orch_err reason = {0};
	int code = gram_system(
	        run->set, run->fold, plans[0].intercept, plans[0].standardize, &run->arena, &run->system, &reason);

	if (code == ORCH_EFIT) {
		code = 0;
		for (size_t i = 0; i < count && code == 0; i++)
			code = run->job->answer(run->job->context,
			        &(struct engine_answer){.fold = run->fold,
			                .variant = plans[i].variant,
			                .code = ORCH_EFIT,
			                .text = reason.text},
			        err);
		return code;
	}
	code = code ? orch_fail(err, code, "%s", reason.text) : run_prepare(run, count, err);
	for (size_t start = 0, end; start < count && code == 0; start = end) {
		for (end = start + 1; end < count && plans[end].alpha == plans[start].alpha;)
			end++;
		code = run_alpha(run, plans + start, end - start, &arena, err);
		arena_release(&arena);
	}
	return code ? code : batch_flush(run, err);
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
	uint64_t p = size->columns, q = size->outputs, test = size->rows;
	uint64_t fits = batch_capacity(size->rows, size->outputs), columns;

	(void)params;
	if (size->folds > 1)
		test = size->rows / size->folds + size->rows / 16 + 1; /* folds of groups are uneven */
	fits = batch_capacity(test, q);
	fits = fits < size->variants ? fits : size->variants;
	columns = fits * q + RIDGE_WIDTH;
	return gram_bytes(size) + ridge_solver_bytes(p, q) + ridge_lofo_bytes(p, q) +
	       sizeof(double) * (columns * (p + test) + p * GRAM_CHUNK) + (4 << 20);
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
        .many_outputs = true,
        .weights = true,
        .model_suffix = "json",
        .memory = ridge_memory,
        .cost = ridge_cost,
        .run = ridge_run,
};
