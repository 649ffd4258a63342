#include "engines/model/linear_batch.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/model/linear_model.h"

#define LINEAR_BATCH 256
#define LINEAR_BATCH_BYTES (64u << 20)

static size_t batch_capacity(size_t test, size_t outputs)
{
	size_t fits = LINEAR_BATCH_BYTES / (sizeof(double) * (test ? test : 1) * outputs);

	return fits < LINEAR_WIDTH ? LINEAR_WIDTH : fits > LINEAR_BATCH ? LINEAR_BATCH : fits;
}

int linear_batch_init(struct linear_batch *batch, const struct engine *engine, const struct engine_job *job,
        const struct gram_set *set, const struct gram_system *system, size_t variants, struct arena *arena,
        struct orch_err *err)
{
	size_t p = system->columns, q = system->outputs, test = job->folds[system->fold].test_count;
	size_t capacity = batch_capacity(test, q);

	capacity = capacity < variants ? capacity : variants;
	*batch = (struct linear_batch){.engine = engine,
	        .job = job,
	        .set = set,
	        .system = system,
	        .fold = system->fold,
	        .columns = p,
	        .outputs = q,
	        .capacity = capacity};
	size_t vectors = (capacity * q + LINEAR_WIDTH - 1) / LINEAR_WIDTH * LINEAR_WIDTH;

	batch->fits = arena_alloc(arena, capacity, sizeof(*batch->fits));
	batch->beta = arena_alloc(arena, vectors * (p ? p : 1), sizeof(double));
	batch->prediction = arena_alloc(arena, vectors * (test ? test : 1), sizeof(double));
	batch->rows = arena_alloc(arena, p, GRAM_CHUNK * sizeof(double));
	batch->sse = arena_alloc(arena, q, sizeof(double));
	batch->mass = arena_alloc(arena, q, sizeof(double));
	batch->center = arena_alloc(arena, p + q, sizeof(double));
	if (!batch->fits || !batch->beta || !batch->prediction || !batch->rows || !batch->sse || !batch->mass ||
	        !batch->center)
		return orch_fail(err, ORCH_ENOMEM, "no memory for predictions of %zu rows", test);
	for (size_t c = 0; c < p + q; c++)
		batch->center[c] = gram_center(system, c);
	return 0;
}

uint64_t linear_batch_bytes(const struct engine_size *size)
{
	uint64_t test = size->rows, fits;

	if (size->folds > 1)
		test = size->rows / size->folds + size->rows / 16 + 1; /* folds of groups are uneven */
	fits = batch_capacity(test, size->outputs);
	fits = fits < size->variants ? fits : size->variants;
	return sizeof(double) *
	               ((fits * size->outputs + LINEAR_WIDTH) * (size->columns + test) + size->columns * GRAM_CHUNK) +
	       (1 << 16);
}

double *linear_batch_place(struct linear_batch *batch)
{
	return batch->beta + batch->fit_count * batch->outputs * batch->columns;
}

size_t linear_left_out(const struct gram_set *set, const struct engine_variant *variant, uint32_t *out)
{
	size_t count = 0;

	for (size_t i = 0; i < variant->left_out_count; i++) {
		size_t f = variant->left_out[i];

		for (size_t c = gram_first(set, f); c < gram_first(set, f + 1); c++)
			out[count++] = (uint32_t)c;
	}
	return count;
}

int linear_batch_refuse(
        const struct engine_job *job, size_t fold, size_t variant, const char *reason, struct orch_err *err)
{
	struct engine_answer answer = {.fold = fold, .variant = variant, .code = ORCH_EFIT, .text = reason};

	return job->answer(job->context, &answer, err);
}

static char *fit_model(const struct linear_batch *batch, const struct linear_fit *fit, const double *beta)
{
	return linear_model_text(&(struct linear_model){.engine = batch->engine,
	        .data = batch->job->data,
	        .variant = &batch->job->variants[fit->variant],
	        .outputs = batch->outputs,
	        .columns = batch->columns,
	        .beta = beta,
	        .intercept = batch->center + batch->columns,
	        .center = batch->center,
	        .fill = batch->system->fill});
}

static int answer_fit(const struct linear_batch *batch, const struct linear_fit *fit, const double *beta,
        const double *prediction, const double *sse, struct orch_err *err)
{
	const struct engine_job *job = batch->job;
	struct engine_answer answer = {.fold = batch->fold,
	        .variant = fit->variant,
	        .text = fit->note[0] ? fit->note : NULL,
	        .prediction = prediction,
	        .sse = sse,
	        .fits_saved = fit->fits_saved};
	char *model = NULL;

	for (size_t i = 0; i < batch->columns * batch->outputs; i++)
		if (!isfinite(beta[i]))
			return linear_batch_refuse(job, batch->fold, fit->variant,
			        "coefficients are not finite: the values of some column are too large", err);
	if (job->want_model) {
		model = fit_model(batch, fit, beta);
		answer.model = model;
		answer.model_length = strlen(model);
	}
	int code = job->answer(job->context, &answer, err);

	free(model);
	return code;
}

static void batch_predict(struct linear_batch *batch)
{
	const struct engine_fold *fold = &batch->job->folds[batch->fold];
	size_t p = batch->columns, test = fold->test_count, used = batch->fit_count * batch->outputs;
	size_t vectors = (used + LINEAR_WIDTH - 1) / LINEAR_WIDTH * LINEAR_WIDTH;

	memset(batch->beta + used * p, 0, (vectors - used) * p * sizeof(double));
	for (size_t start = 0; start < test; start += GRAM_CHUNK) {
		size_t count = test - start < GRAM_CHUNK ? test - start : GRAM_CHUNK;

		gram_rows(batch->set, batch->system, fold->test + start, count, false, batch->rows);
		for (size_t c = 0; c < vectors && p > 0; c += LINEAR_WIDTH)
			cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, (int)count, LINEAR_WIDTH, (int)p, 1,
			        batch->rows, GRAM_CHUNK, batch->beta + c * p, (int)p, 0,
			        batch->prediction + c * test + start, (int)test);
	}
	for (size_t c = 0; c < used; c++) {
		double center = batch->center[p + c % batch->outputs];

		for (size_t i = 0; i < test; i++)
			batch->prediction[c * test + i] = (p > 0 ? batch->prediction[c * test + i] : 0) + center;
	}
}

static void squared_errors(struct linear_batch *batch, const double *prediction)
{
	const struct engine_data *data = batch->job->data;
	const struct engine_fold *fold = &batch->job->folds[batch->fold];

	for (size_t o = 0; o < batch->outputs; o++) {
		batch->sse[o] = 0;
		for (size_t i = 0; i < fold->test_count; i++) {
			uint32_t row = fold->test[i];
			double off = data->target[o * data->rows + row] - prediction[o * fold->test_count + i];

			batch->sse[o] += (data->weight ? data->weight[row] : 1) * off * off;
		}
	}
}

int linear_batch_flush(struct linear_batch *batch, struct orch_err *err)
{
	size_t p = batch->columns, q = batch->outputs, test = batch->job->folds[batch->fold].test_count;
	bool scores = batch->job->scores_only;
	int code = 0;

	if (batch->fit_count > 0)
		batch_predict(batch);
	for (size_t i = 0; i < batch->fit_count && code == 0; i++) {
		const double *prediction = batch->prediction + i * q * test;

		if (scores)
			squared_errors(batch, prediction);
		code = answer_fit(batch, &batch->fits[i], batch->beta + i * q * p, scores ? NULL : prediction,
		        scores ? batch->sse : NULL, err);
	}
	batch->fit_count = 0;
	return code;
}

int linear_batch_add(struct linear_batch *batch, const struct linear_fit *fit, struct orch_err *err)
{
	bool enough = fit->moments && batch->job->scores_only;

	for (size_t o = 0; o < batch->outputs; o++)
		enough = enough && batch->sse[o] >= LINEAR_CANCELLATION * batch->mass[o];
	if (enough)
		return answer_fit(batch, fit, linear_batch_place(batch), NULL, batch->sse, err);
	batch->fits[batch->fit_count++] = *fit;
	return batch->fit_count < batch->capacity ? 0 : linear_batch_flush(batch, err);
}
