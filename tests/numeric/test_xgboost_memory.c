/* What the XGBoost engine takes and what it said it would: anonymous pages while a fit runs, polled by a thread, in a child with a heap of its own.
 * The library is linked to this program and called at the start, so that loading it is no part of a fit. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xgboost/c_api.h>

#include "tests/numeric/xgboost_problem.h"

#define BIG_ROWS ((size_t)20000)
#define BIG_FEATURES ((size_t)40)

static atomic_size_t memory_peak;
static atomic_bool memory_done;

static size_t anonymous_bytes(void)
{
	unsigned long all = 0, resident = 0, shared = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%lu %lu %lu", &all, &resident, &shared) != 3)
		abort();
	fclose(file);
	return (resident - shared) * (size_t)sysconf(_SC_PAGESIZE);
}

static void *poll_memory(void *unused)
{
	(void)unused;
	while (!memory_done) {
		size_t now = anonymous_bytes();

		if (now > memory_peak)
			memory_peak = now;
		usleep(200);
	}
	return NULL;
}

static int take_no_answer(void *context, const struct engine_answer *answer, struct orch_err *err)
{
	(void)context;
	(void)err;
	return answer->code;
}

/* Bytes that one fit of a tall table took, and what the engine said it would. */
static void measure_memory(const json_t *params, double gaps, double *took, double *told)
{
	struct column *columns = calloc(BIG_FEATURES, sizeof(*columns));
	const struct column **features = calloc(BIG_FEATURES, sizeof(*features));
	double *target = calloc(BIG_ROWS, sizeof(*target));
	uint32_t *rows = calloc(BIG_ROWS, sizeof(*rows)), ids[BIG_FEATURES];
	struct engine_data data = {.rows = BIG_ROWS,
	        .feature_count = BIG_FEATURES,
	        .features = features,
	        .feature_ids = ids,
	        .task = ENGINE_REGRESSION,
	        .outputs = 1,
	        .target = target};
	struct engine_fold fold = {.train = rows, .test = rows, .train_count = BIG_ROWS, .test_count = BIG_ROWS / 5};
	struct engine_variant variant = {.params = params};
	struct engine_job job = {.data = &data,
	        .folds = &fold,
	        .fold_count = 1,
	        .variants = &variant,
	        .variant_count = 1,
	        .threads = 1,
	        .answer = take_no_answer};
	struct engine_size size = {.rows = BIG_ROWS,
	        .features = BIG_FEATURES,
	        .columns = BIG_FEATURES,
	        .outputs = 1,
	        .folds = 1,
	        .variants = 1,
	        .complete = gaps == 0};
	pthread_t poller;
	size_t before;

	for (uint32_t f = 0; f < BIG_FEATURES; f++) {
		float *values = calloc(BIG_ROWS, sizeof(*values));

		for (uint32_t i = 0; i < BIG_ROWS; i++) {
			values[i] = unit(i, 1000 + f) < gaps ? NAN : (float)unit(i, f);
			target[i] += isnan(values[i]) ? 0.3 : values[i];
			rows[i] = i;
		}
		columns[f] = (struct column){
		        .name = "x", .type = COLUMN_FLOAT32, .missing_count = gaps > 0, .values = values};
		features[f] = &columns[f];
		ids[f] = f;
	}
	before = memory_peak = anonymous_bytes();
	if (pthread_create(&poller, NULL, poll_memory, NULL) != 0 || engine_xgboost.run(&job, NULL) != 0)
		abort();
	memory_done = true;
	pthread_join(poller, NULL);
	*took = (double)(memory_peak - before);
	*told = (double)engine_xgboost.memory(&size, params);
}

static void check_memory(const char *params, double gaps)
{
	double took = 0, told = 0;
	int pipes[2], status;
	double both[2];
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		measure_memory(json_loads(params, 0, NULL), gaps, &took, &told);
		both[0] = took;
		both[1] = told;
		_exit(write(pipes[1], both, sizeof(both)) == sizeof(both) ? 0 : 1);
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], both, sizeof(both)), sizeof(both));
	close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (both[0] > both[1] || both[1] > 1.5 * both[0])
		fail_msg("%s: took %.1f MiB, told %.1f", params, both[0] / 1048576, both[1] / 1048576);
}

static void xgboost__memory_is_told_beforehand(void **state)
{
	(void)state;
#ifdef __SANITIZE_ADDRESS__
	skip(); /* the sanitizer's own memory is counted too */
#endif
	check_memory("{\"trees\":5,\"max_depth\":3}", 0);
	check_memory("{\"trees\":5,\"max_depth\":8}", 0);
	check_memory("{\"trees\":5,\"max_depth\":6}", 0.1);
	check_memory("{\"trees\":5,\"max_bin\":1024}", 0);
	check_memory("{\"trees\":3,\"max_depth\":0,\"grow_policy\":\"lossguide\",\"max_leaves\":200}", 0);
}

int main(void)
{
	int major = 0, minor = 0, patch = 0;
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(xgboost__memory_is_told_beforehand),
	};

	XGBoostVersion(&major, &minor, &patch);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
