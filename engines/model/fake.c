/* See fake.h for what is computed and what goes wrong on purpose. */
#include "engines/model/fake.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engines/address.h"
#include "engines/model/engine.h"
#include "storage/base/json.h"

#define FAKE_MEGABYTE ((size_t)1 << 20)

static const struct param_def fake_params[] = {
        {.name = "x", .kind = PARAM_REAL, .fallback = "0", .low = 1, .high = 0, .help = "first knob; best at 0.3"},
        {.name = "y", .kind = PARAM_REAL, .fallback = "0", .low = 1, .high = 0, .help = "second knob; best at 0.7"},
        {.name = "behave",
                .kind = PARAM_CHOICE,
                .fallback = "\"ok\"",
                .low = 1,
                .high = 0,
                .choices = "ok fail crash abort hang leak hog nan inf garbage slow flaky",
                .help = "what goes wrong"},
        {.name = "seconds",
                .kind = PARAM_REAL,
                .fallback = "1",
                .low = 0,
                .high = 1e6,
                .help = "how long `slow` sleeps"},
        {.name = "megabytes",
                .kind = PARAM_REAL,
                .fallback = "0",
                .low = 0,
                .high = 1e6,
                .help = "memory that `leak` keeps and `hog` touches; 0 for `hog`: until killed"},
        {.name = "steps",
                .kind = PARAM_INT_OR_NULL,
                .low = 1,
                .high = 1e6,
                .help = "reports on the way: the error falls from twice its size to its size; null or absent: none"},
        {.name = NULL},
};

/* In (0, 1), never an end. */
static double fake_unit(uint64_t hash)
{
	return ((double)(hash >> 11) + 0.5) * 0x1p-53;
}

double fake_use(uint32_t feature_id)
{
	if (feature_id % 2 == 0)
		return 1.0 / (1.0 + feature_id / 2);
	return feature_id % 4 == 1 ? 0.0 : -0.05;
}

double fake_error_size(double x, double y, const uint32_t *kept_ids, size_t count)
{
	double use = 0;

	for (size_t i = 0; i < count; i++)
		use += fake_use(kept_ids[i]);
	return 0.1 + (x - 0.3) * (x - 0.3) + (y - 0.7) * (y - 0.7) + 1.0 / (1.0 + (use > 0 ? use : 0));
}

double fake_noise(uint64_t seed, uint32_t row, unsigned output)
{
	uint64_t hash = address_hash(address_hash(address_text(seed, "fake noise"), row), output);
	double size = 0.9 + 0.2 * fake_unit(hash);

	return hash & 1 ? size : -size;
}

/* What went on in a fit so that the answer can be made and memory returned. */
struct fake_fit {
	const struct engine_job *job;
	size_t fold, variant;
	double error;
	uint32_t *kept;
	size_t kept_count;
	void *held; /* by hog */
};

static int fake_fit_keep(struct fake_fit *fit)
{
	const struct engine_data *data = fit->job->data;
	const struct engine_variant *variant = &fit->job->variants[fit->variant];
	size_t next = 0;

	fit->kept = mem_array(data->feature_count + 1, sizeof(*fit->kept));
	if (!fit->kept)
		return ORCH_ENOMEM;
	for (size_t f = 0; f < data->feature_count; f++) {
		if (next < variant->left_out_count && variant->left_out[next] == f)
			next++;
		else
			fit->kept[fit->kept_count++] = data->feature_ids[f];
	}
	fit->error = fake_error_size(json_get_real(variant->params, "x", 0), json_get_real(variant->params, "y", 0),
	        fit->kept, fit->kept_count);
	return 0;
}

static void fake_sleep(double seconds)
{
	struct timespec left = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - floor(seconds)) * 1e9)};

	while (nanosleep(&left, &left) != 0)
		;
}

/* Writes to each page, so that the memory is really there; the compiler must not see that nobody reads it. */
static void *fake_touch(size_t bytes)
{
	unsigned char *block = malloc(bytes);

	for (size_t i = 0; block && i < bytes; i += 1024)
		((volatile unsigned char *)block)[i] = (unsigned char)(i | 1);
	return block;
}

/* Returns a text when memory ended without anybody killing us. */
static const char *fake_hog(struct fake_fit *fit, double megabytes)
{
	if (megabytes > 0) {
		fit->held = fake_touch((size_t)(megabytes * (double)FAKE_MEGABYTE));
		return fit->held ? NULL : "hog: no memory left";
	}
	while (fake_touch(16 * FAKE_MEGABYTE))
		;
	return "hog: no memory left";
}

static void fake_garbage(void)
{
	static const char rubbish[] = "Epoch 1/10 \xff\xfe\x80 loss=nan\r\n\0{\"type\":\"result\",\"score\":NaN}\n"
	                              "{\"type\":\"result\",\"task\":987654321,\"score\":0.0}\n[[[[{\"type\":";
	size_t done = 0;

	while (done < sizeof(rubbish) - 1) {
		ssize_t n = write(STDOUT_FILENO, rubbish + done, sizeof(rubbish) - 1 - done);

		if (n < 0)
			return; /* a closed pipe is the reader's trouble */
		done += (size_t)n;
	}
}

/* What comes before the numbers. Returns the reason when the fit fails in an orderly way. */
static const char *fake_misbehave(struct fake_fit *fit, const char *behave)
{
	const json_t *params = fit->job->variants[fit->variant].params;
	double megabytes = json_get_real(params, "megabytes", 0);
	static void *volatile leaked;

	if (strcmp(behave, "fail") == 0)
		return "the fake engine was asked to fail";
	if (strcmp(behave, "crash") == 0 || (strcmp(behave, "flaky") == 0 && fit->job->attempt == 0)) {
		signal(SIGSEGV, SIG_DFL);
		raise(SIGSEGV);
	}
	if (strcmp(behave, "abort") == 0)
		abort();
	while (strcmp(behave, "hang") == 0)
		pause();
	if (strcmp(behave, "slow") == 0 && !(fit->job->report && json_get_int(params, "steps", 0) > 0))
		fake_sleep(json_get_real(params, "seconds", 1));
	if (strcmp(behave, "leak") == 0)
		leaked = fake_touch((size_t)(megabytes * (double)FAKE_MEGABYTE));
	(void)leaked;
	if (strcmp(behave, "hog") == 0)
		return fake_hog(fit, megabytes);
	if (strcmp(behave, "garbage") == 0)
		fake_garbage();
	return NULL;
}

static void fake_regress(const struct fake_fit *fit, double *prediction)
{
	const struct engine_data *data = fit->job->data;
	const struct engine_fold *fold = &fit->job->folds[fit->fold];

	for (unsigned o = 0; o < data->outputs; o++)
		for (size_t i = 0; i < fold->test_count; i++) {
			uint32_t row = fold->test[i];

			prediction[o * fold->test_count + i] =
			        data->target[o * data->rows + row] + fit->error * fake_noise(fit->job->seed, row, o);
		}
}

static void fake_classify(const struct fake_fit *fit, double *prediction)
{
	const struct engine_data *data = fit->job->data;
	const struct engine_fold *fold = &fit->job->folds[fit->fold];

	for (size_t i = 0; i < fold->test_count; i++) {
		uint64_t hash = address_hash(address_text(fit->job->seed, "fake class"), fold->test[i]);
		double right = pow(fake_unit(hash), fit->error);
		unsigned truth = (unsigned)data->target[fold->test[i]];

		for (unsigned c = 0; c < data->classes; c++)
			prediction[c * fold->test_count + i] = c == truth ? right : (1 - right) / (data->classes - 1);
	}
}

/* sse of output o: sum over test rows of weight * (truth - prediction)^2. */
static void fake_squares(const struct fake_fit *fit, const double *prediction, double *sse)
{
	const struct engine_data *data = fit->job->data;
	const struct engine_fold *fold = &fit->job->folds[fit->fold];

	for (unsigned o = 0; o < data->outputs; o++) {
		sse[o] = 0;
		for (size_t i = 0; i < fold->test_count; i++) {
			double off =
			        prediction[o * fold->test_count + i] - data->target[o * data->rows + fold->test[i]];

			sse[o] += (data->weight ? data->weight[fold->test[i]] : 1) * off * off;
		}
	}
}

static char *fake_model(const struct fake_fit *fit)
{
	json_t *ids = json_array();

	for (size_t i = 0; i < fit->kept_count; i++)
		json_array_append_new(ids, json_integer(fit->kept[i]));
	json_t *model = json_pack("{s:s, s:f, s:o}", "engine", "fake", "error", fit->error, "features", ids);
	char *text = model ? json_text(model, JSON_STYLE_CANONICAL) : NULL;

	json_decref(model);
	return text;
}

/* True: somebody has seen enough. `slow` takes its time over the steps. */
static bool fake_report(struct fake_fit *fit, const char *behave, double *prediction)
{
	const json_t *params = fit->job->variants[fit->variant].params;
	int64_t steps = json_get_int(params, "steps", 0);
	double size = fit->error;
	bool stop = false;

	for (int64_t step = 1; step <= steps && !stop && fit->job->report; step++) {
		if (strcmp(behave, "slow") == 0)
			fake_sleep(json_get_real(params, "seconds", 1) / (double)steps);
		fit->error = size * (1 + (double)(steps - step) / (double)steps);
		(fit->job->data->task == ENGINE_CLASSIFICATION ? fake_classify : fake_regress)(fit, prediction);
		stop = fit->job->report(fit->job->context, step, prediction) && step < steps;
	}
	fit->error = size;
	return stop;
}

static int fake_answer(struct fake_fit *fit, const char *behave, struct orch_err *err)
{
	const struct engine_job *job = fit->job;
	bool classify = job->data->task == ENGINE_CLASSIFICATION;
	bool scores_only = job->scores_only && !classify;
	size_t count = job->folds[fit->fold].test_count * (classify ? job->data->classes : job->data->outputs);
	double *prediction = mem_array(count + 1, sizeof(*prediction));
	double *sse = mem_array(job->data->outputs + 1, sizeof(*sse));
	char *model = job->want_model ? fake_model(fit) : NULL;
	int code = ORCH_ENOMEM;

	if (!prediction || !sse || (job->want_model && !model)) {
		orch_fail(err, code, "no memory for %zu predictions", count);
		goto out;
	}
	if (fake_report(fit, behave, prediction)) {
		code = job->answer(job->context, &(struct engine_answer){.fold = fit->fold, .variant = fit->variant, .stopped = true}, err);
		goto out;
	}
	(classify ? fake_classify : fake_regress)(fit, prediction);
	if (count > 0 && strcmp(behave, "nan") == 0)
		prediction[count / 2] = NAN;
	if (count > 0 && strcmp(behave, "inf") == 0)
		prediction[count / 2] = INFINITY;
	if (scores_only)
		fake_squares(fit, prediction, sse);
	code = job->answer(job->context,
	        &(struct engine_answer){.fold = fit->fold,
	                .variant = fit->variant,
	                .prediction = scores_only ? NULL : prediction,
	                .sse = scores_only ? sse : NULL,
	                .model = model,
	                .model_length = model ? strlen(model) : 0},
	        err);
out:
	free(prediction);
	free(sse);
	free(model);
	return code;
}

static int fake_fit_run(const struct engine_job *job, size_t fold, size_t variant, struct orch_err *err)
{
	struct fake_fit fit = {.job = job, .fold = fold, .variant = variant};
	const char *behave = json_get_text(job->variants[variant].params, "behave", "ok");
	const char *reason = fake_misbehave(&fit, behave);
	int code;

	if (reason) {
		struct engine_answer answer = {.fold = fold, .variant = variant, .code = ORCH_EFIT, .text = reason};

		return job->answer(job->context, &answer, err);
	}
	code = fake_fit_keep(&fit);
	if (code == 0)
		code = fake_answer(&fit, behave, err);
	else
		orch_fail(err, code, "no memory for %zu features", job->data->feature_count);
	free(fit.kept);
	free(fit.held);
	return code;
}

static int fake_run(const struct engine_job *job, struct orch_err *err)
{
	int code = 0;

	for (size_t f = 0; f < job->fold_count && code == 0; f++)
		for (size_t v = 0; v < job->variant_count && code == 0; v++)
			code = fake_fit_run(job, f, v, err);
	return code;
}

static uint64_t fake_memory(const struct engine_size *size, const json_t *params)
{
	uint64_t width = size->classes > size->outputs ? size->classes : size->outputs;
	double extra = json_get_real(params, "megabytes", 0) * (double)FAKE_MEGABYTE;

	return FAKE_MEGABYTE + size->rows * width * sizeof(double) + (uint64_t)extra;
}

static double fake_cost(const struct engine_size *size, const json_t *params)
{
	(void)params;
	return (double)size->rows;
}

const struct engine engine_fake = {
        .name = "fake",
        .version = "1",
        .help = "for tests and fault drills: known answers, failures on demand",
        .params = fake_params,
        .tasks = ENGINE_REGRESSION | ENGINE_CLASSIFICATION,
        .many_outputs = true,
        .keeps_missing = true,
        .weights = true,
        .reports = true,
        .needs_permission = true,
        .model_suffix = "json",
        .memory = fake_memory,
        .cost = fake_cost,
        .run = fake_run,
};
