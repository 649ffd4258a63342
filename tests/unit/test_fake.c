/* The fake engine: its known truth, and every way of failing. Crashes happen in forked children. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engines/model/engine.h"
#include "engines/model/fake.h"

#define ROWS 400
#define FEATURES 6

extern const struct engine engine_fake;

struct seen {
	size_t answers, count; /* count: doubles of a prediction */
	int code;
	char text[200], model[400];
	double prediction[3 * ROWS], sse[2];
	int stop; /* what the callback returns */
};

static int keep_answer(void *context, const struct engine_answer *answer, struct orch_err *err)
{
	struct seen *seen = context;

	(void)err;
	seen->answers++;
	seen->code = answer->code;
	snprintf(seen->text, sizeof(seen->text), "%s", answer->text ? answer->text : "");
	snprintf(seen->model, sizeof(seen->model), "%.*s", (int)answer->model_length,
	        answer->model ? (const char *)answer->model : "");
	if (answer->prediction)
		memcpy(seen->prediction, answer->prediction, sizeof(double) * seen->count);
	if (answer->sse)
		memcpy(seen->sse, answer->sse, sizeof(double));
	return seen->stop;
}

/* One regression or binary problem over all rows; features are never read, so they have no columns. */
struct problem {
	double target[ROWS], weight[ROWS];
	uint32_t rows[ROWS], ids[FEATURES], left_out[FEATURES];
	struct engine_data data;
	struct engine_fold fold;
	struct engine_variant variant;
	struct engine_job job;
	struct seen seen;
};

static void problem_make(struct problem *p, enum engine_task task, const char *params)
{
	memset(p, 0, sizeof(*p));
	for (uint32_t i = 0; i < ROWS; i++) {
		p->rows[i] = i;
		p->target[i] = task == ENGINE_REGRESSION ? i * 0.5 - 20 : i % 2;
		p->weight[i] = 1 + i % 3;
	}
	for (uint32_t f = 0; f < FEATURES; f++)
		p->ids[f] = f;
	p->data = (struct engine_data){.rows = ROWS,
	        .feature_count = FEATURES,
	        .feature_ids = p->ids,
	        .task = task,
	        .outputs = 1,
	        .classes = task == ENGINE_CLASSIFICATION ? 2 : 0,
	        .target = p->target,
	        .weight = p->weight};
	p->fold = (struct engine_fold){.train = p->rows, .test = p->rows, .train_count = ROWS, .test_count = ROWS};
	p->variant = (struct engine_variant){.params = json_loads(params, 0, NULL), .left_out = p->left_out};
	assert_non_null(p->variant.params);
	p->seen.count = ROWS;
	p->job = (struct engine_job){.data = &p->data,
	        .folds = &p->fold,
	        .fold_count = 1,
	        .variants = &p->variant,
	        .variant_count = 1,
	        .seed = 7,
	        .threads = 1,
	        .answer = keep_answer,
	        .context = &p->seen};
}

static void problem_release(struct problem *p)
{
	json_decref((json_t *)p->variant.params);
}

static double rmse_of(struct problem *p)
{
	double sum = 0;

	for (size_t i = 0; i < p->fold.test_count; i++) {
		double off = p->seen.prediction[i] - p->target[p->fold.test[i]];
		sum += off * off;
	}
	return sqrt(sum / (double)p->fold.test_count);
}

static double rmse_without(const char *params, uint32_t position)
{
	struct problem p;

	problem_make(&p, ENGINE_REGRESSION, params);
	if (position < FEATURES) {
		p.left_out[0] = position;
		p.variant.left_out_count = 1;
	}
	assert_int_equal(engine_fake.run(&p.job, NULL), 0);
	assert_int_equal(p.seen.code, 0);
	problem_release(&p);
	return rmse_of(&p);
}

static void fake__error_is_the_documented_size(void **state)
{
	static const uint32_t ids[] = {0, 1, 2, 3, 4, 5};
	double use = 1 + 0 + 0.5 - 0.05 + 1 / 3.0 + 0;

	(void)state;
	assert_float_equal(fake_error_size(0.3, 0.7, ids, 6), 0.1 + 1 / (1 + use), 1e-15);
	assert_float_equal(rmse_without("{\"x\":0.3,\"y\":0.7}", FEATURES), 0.1 + 1 / (1 + use), 0.02);
}

static void fake__lofo_has_a_known_order(void **state)
{
	double all = rmse_without("{}", FEATURES);
	double delta[FEATURES];

	(void)state;
	for (uint32_t f = 0; f < FEATURES; f++)
		delta[f] = rmse_without("{}", f) - all;
	assert_true(delta[0] > delta[2] && delta[2] > delta[4] && delta[4] > 0);
	assert_true(delta[1] == 0 && delta[5] == 0);
	assert_true(delta[3] < 0);
}

static void fake__best_where_documented(void **state)
{
	double best = rmse_without("{\"x\":0.3,\"y\":0.7}", FEATURES);

	(void)state;
	assert_true(best < rmse_without("{\"x\":0.31,\"y\":0.7}", FEATURES));
	assert_true(best < rmse_without("{\"x\":0.3,\"y\":0.6}", FEATURES));
	assert_true(best < rmse_without("{}", FEATURES));
}

/* A feature that is gone from the data and one that is left out give the same bits. */
static void fake__dropped_equals_left_out(void **state)
{
	struct problem out, gone;

	(void)state;
	problem_make(&out, ENGINE_REGRESSION, "{}");
	problem_make(&gone, ENGINE_REGRESSION, "{}");
	out.left_out[0] = 2;
	out.variant.left_out_count = 1;
	memmove(&gone.ids[2], &gone.ids[3], 3 * sizeof(gone.ids[0]));
	gone.data.feature_count = FEATURES - 1;
	assert_int_equal(engine_fake.run(&out.job, NULL), 0);
	assert_int_equal(engine_fake.run(&gone.job, NULL), 0);
	assert_memory_equal(out.seen.prediction, gone.seen.prediction, sizeof(double) * ROWS);
	gone.job.seed = 8;
	assert_int_equal(engine_fake.run(&gone.job, NULL), 0);
	assert_memory_not_equal(out.seen.prediction, gone.seen.prediction, sizeof(double) * ROWS);
	problem_release(&out);
	problem_release(&gone);
}

static void fake__classes_are_probabilities(void **state)
{
	struct problem p;
	double loss = 0, size;

	(void)state;
	problem_make(&p, ENGINE_CLASSIFICATION, "{}");
	p.fold.test_count = ROWS / 2; /* both columns fit into what the callback keeps */
	assert_int_equal(engine_fake.run(&p.job, NULL), 0);
	for (size_t i = 0; i < ROWS / 2; i++) {
		const double *one = &p.seen.prediction[ROWS / 2];

		assert_float_equal(p.seen.prediction[i] + one[i], 1, 1e-12);
		loss -= log(i % 2 ? one[i] : p.seen.prediction[i]);
	}
	size = fake_error_size(0, 0, p.ids, FEATURES);
	assert_float_equal(loss / (ROWS / 2), size, 0.2 * size);
	problem_release(&p);
}

static void fake__scores_only_is_the_weighted_square(void **state)
{
	struct problem p;
	double want = 0;

	(void)state;
	problem_make(&p, ENGINE_REGRESSION, "{}");
	assert_int_equal(engine_fake.run(&p.job, NULL), 0);
	for (size_t i = 0; i < ROWS; i++) {
		double off = p.seen.prediction[i] - p.target[i];
		want += p.weight[i] * off * off;
	}
	p.job.scores_only = true;
	assert_int_equal(engine_fake.run(&p.job, NULL), 0);
	assert_true(p.seen.sse[0] == want);
	problem_release(&p);
}

static void fake__model_names_what_it_used(void **state)
{
	struct problem p;
	json_t *model;

	(void)state;
	problem_make(&p, ENGINE_REGRESSION, "{}");
	p.left_out[0] = 1;
	p.variant.left_out_count = 1;
	p.seen.count = p.fold.test_count = 0; /* the final model is trained on everything */
	p.job.want_model = true;
	assert_int_equal(engine_fake.run(&p.job, NULL), 0);
	model = json_loads(p.seen.model, 0, NULL);
	assert_non_null(model);
	assert_string_equal(json_string_value(json_object_get(model, "engine")), "fake");
	assert_int_equal(json_array_size(json_object_get(model, "features")), FEATURES - 1);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(model, "features"), 1)), 2);
	json_decref(model);
	problem_release(&p);
}

static void fake__fail_says_why(void **state)
{
	struct problem p;

	(void)state;
	problem_make(&p, ENGINE_REGRESSION, "{\"behave\":\"fail\"}");
	assert_int_equal(engine_fake.run(&p.job, NULL), 0);
	assert_int_equal(p.seen.answers, 1);
	assert_int_equal(p.seen.code, ORCH_EFIT);
	assert_string_equal(p.seen.text, "the fake engine was asked to fail");
	problem_release(&p);
}

static void fake__not_finite_on_demand(void **state)
{
	struct problem p;
	size_t odd = 0;

	(void)state;
	problem_make(&p, ENGINE_REGRESSION, "{\"behave\":\"nan\"}");
	assert_int_equal(engine_fake.run(&p.job, NULL), 0);
	for (size_t i = 0; i < ROWS; i++)
		odd += isnan(p.seen.prediction[i]) ? 1 : 0;
	assert_int_equal(odd, 1);
	problem_release(&p);
	problem_make(&p, ENGINE_REGRESSION, "{\"behave\":\"inf\"}");
	assert_int_equal(engine_fake.run(&p.job, NULL), 0);
	assert_true(isinf(rmse_of(&p)));
	problem_release(&p);
}

static void fake__stops_when_told(void **state)
{
	struct problem p;
	struct engine_variant two[2];

	(void)state;
	problem_make(&p, ENGINE_REGRESSION, "{}");
	two[0] = two[1] = p.variant;
	p.job.variants = two;
	p.job.variant_count = 2;
	assert_int_equal(engine_fake.run(&p.job, NULL), 0);
	assert_int_equal(p.seen.answers, 2);
	p.seen.stop = ORCH_ESTOPPED;
	assert_int_equal(engine_fake.run(&p.job, NULL), ORCH_ESTOPPED);
	assert_int_equal(p.seen.answers, 3);
	problem_release(&p);
}

/* A line of /proc/self/status, in KiB. */
static size_t status_kib(const char *name)
{
	char line[200];
	size_t kib = 0;
	FILE *file = fopen("/proc/self/status", "r");

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0)
			kib = strtoul(line + strlen(name), NULL, 10);
	fclose(file);
	return kib;
}

/* Runs the job in a child, whose stdout is read into out; returns its wait status. 0: ok; 1: an EFIT answer. */
static int in_child(
        const char *params, unsigned attempt, size_t more_memory, unsigned kill_after, char *out, size_t size)
{
	struct problem p;
	int pipes[2], status;
	size_t got = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct rlimit none = {0, 0}, limit;

		setrlimit(RLIMIT_CORE, &none);
		if (more_memory) {
			limit.rlim_cur = limit.rlim_max = status_kib("VmData:") * 1024 + more_memory;
			setrlimit(RLIMIT_DATA, &limit);
		}
		if (kill_after) {
			signal(SIGALRM, SIG_DFL);
			alarm(kill_after);
		}
		dup2(pipes[1], STDOUT_FILENO);
		problem_make(&p, ENGINE_REGRESSION, params);
		p.job.attempt = attempt;
		_exit(engine_fake.run(&p.job, NULL) == 0 ? p.seen.code != 0 : 2);
	}
	close(pipes[1]);
	while ((n = read(pipes[0], out + got, size - got)) > 0)
		got += (size_t)n;
	out[got < size ? got : size - 1] = '\0';
	close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void fake__dies_on_demand(void **state)
{
	char out[600];
	int status = in_child("{\"behave\":\"crash\"}", 0, 0, 20, out, sizeof(out));

	(void)state;
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	status = in_child("{\"behave\":\"abort\"}", 0, 0, 20, out, sizeof(out));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	status = in_child("{\"behave\":\"hang\"}", 0, 0, 1, out, sizeof(out));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
}

static void fake__flaky_only_crashes_first(void **state)
{
	char out[600];
	int status = in_child("{\"behave\":\"flaky\"}", 0, 0, 20, out, sizeof(out));

	(void)state;
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	status = in_child("{\"behave\":\"flaky\"}", 1, 0, 20, out, sizeof(out));
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void fake__garbage_reaches_stdout(void **state)
{
	char out[600];
	int status = in_child("{\"behave\":\"garbage\"}", 0, 0, 20, out, sizeof(out));

	(void)state;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_memory_equal(out, "Epoch 1/10", 10);
}

#ifdef __SANITIZE_ADDRESS__
static void fake__hog_ends_without_memory(void **state)
{
	(void)state;
	skip(); /* the sanitizer ends the process itself when memory is gone */
}
#else
static void fake__hog_ends_without_memory(void **state)
{
	char out[600];
	int status = in_child("{\"behave\":\"hog\"}", 0, (size_t)128 << 20, 20, out, sizeof(out));

	(void)state;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	status = in_child("{\"behave\":\"hog\",\"megabytes\":64}", 0, 0, 20, out, sizeof(out));
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
#endif

static void fake__leak_keeps_memory(void **state)
{
	struct problem p;
	size_t before = status_kib("RssAnon:");

	(void)state;
	problem_make(&p, ENGINE_REGRESSION, "{\"behave\":\"leak\",\"megabytes\":30}");
	assert_int_equal(engine_fake.run(&p.job, NULL), 0);
	assert_int_equal(p.seen.code, 0);
	assert_true(status_kib("RssAnon:") >= before + 29 * 1024);
	problem_release(&p);
}

static void fake__slow_takes_its_time(void **state)
{
	char out[600];
	int status = in_child("{\"behave\":\"slow\",\"seconds\":30}", 0, 0, 1, out, sizeof(out));

	(void)state;
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
	status = in_child("{\"behave\":\"slow\",\"seconds\":0.01}", 0, 0, 20, out, sizeof(out));
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(fake__error_is_the_documented_size),
	        cmocka_unit_test(fake__lofo_has_a_known_order),
	        cmocka_unit_test(fake__best_where_documented),
	        cmocka_unit_test(fake__dropped_equals_left_out),
	        cmocka_unit_test(fake__classes_are_probabilities),
	        cmocka_unit_test(fake__scores_only_is_the_weighted_square),
	        cmocka_unit_test(fake__model_names_what_it_used),
	        cmocka_unit_test(fake__fail_says_why),
	        cmocka_unit_test(fake__not_finite_on_demand),
	        cmocka_unit_test(fake__stops_when_told),
	        cmocka_unit_test(fake__dies_on_demand),
	        cmocka_unit_test(fake__flaky_only_crashes_first),
	        cmocka_unit_test(fake__garbage_reaches_stdout),
	        cmocka_unit_test(fake__hog_ends_without_memory),
	        cmocka_unit_test(fake__leak_keeps_memory),
	        cmocka_unit_test(fake__slow_takes_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
