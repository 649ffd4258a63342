/* bench: what the programs of `make bench` share: data, folds, a clock, processes side by side, the line with the result. tests/README.md says
 * how a row is written. Everything here ends the program on a failure: a benchmark that cannot be run has no figure. */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engines/model/engine.h"
#include "storage/base/mem.h"

#define BENCH_CORES 2 /* what both sides may use */

static inline void bench_die(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static inline double bench_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* A file of build/bench, mapped; made by tests/bench/data.c on first use (the peers read the same). Column-major floats, the target last. */
static inline const float *bench_wide(size_t rows, size_t features, const char *kind)
{
	const char *folder = getenv("BENCH_DATA") ? getenv("BENCH_DATA") : "build/bench";
	const char *build = getenv("BUILD") ? getenv("BUILD") : "build";
	size_t length = rows * (features + 1) * sizeof(float);
	char path[600], command[1600];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s_%zux%zu.f32", folder, kind, rows, features);
	if (stat(path, &st) != 0) {
		snprintf(command, sizeof(command), "'%s/tests/bench/data' %zu %zu %s '%s'", build, rows, features, kind, path);
		if (system(command) != 0)
			bench_die("the data could not be made");
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0 || (size_t)st.st_size != length)
		bench_die("the data are not as they should be: remove build/bench");
	const void *map = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		bench_die("the data cannot be mapped");
	close(fd);
	return map;
}

/* A table as an engine sees it, with folds that peers.folds() draws as well. Nothing is released: the program ends. */
struct bench_table {
	struct engine_data data;
	struct engine_fold *folds;
	size_t fold_count;
	uint32_t *positions; /* 0 .. features - 1, to point left-out sets at */
};

static inline unsigned bench_fold_of(uint32_t row, size_t folds)
{
	return (unsigned)((row * 2654435761u >> 8) % folds);
}

static inline void bench_folds(struct bench_table *table, size_t count)
{
	table->folds = mem_must(count, sizeof(*table->folds));
	table->fold_count = count;
	for (size_t f = 0; f < count; f++) {
		uint32_t *train = mem_must(table->data.rows, sizeof(*train)), *test = mem_must(table->data.rows, sizeof(*test));
		struct engine_fold *fold = &table->folds[f];

		*fold = (struct engine_fold){.train = train, .test = test};
		for (uint32_t i = 0; i < table->data.rows; i++)
			if (bench_fold_of(i, count) == f)
				test[fold->test_count++] = i;
			else
				train[fold->train_count++] = i;
	}
}

/* kind: "reg" or "class", see data.c. folds 0: one fold that trains on every row. */
static inline struct bench_table bench_table(size_t rows, size_t features, const char *kind, size_t folds)
{
	const float *values = bench_wide(rows, features, kind);
	struct column *columns = mem_must(features, sizeof(*columns));
	const struct column **list = mem_must(features, sizeof(*list));
	double *target = mem_must(rows, sizeof(*target));
	struct bench_table table = {.positions = mem_must(features, sizeof(*table.positions))};

	for (uint32_t f = 0; f < features; f++) {
		columns[f] = (struct column){.name = "f", .kind = COLUMN_NUMBER, .type = COLUMN_FLOAT32, .values = values + f * rows};
		list[f] = &columns[f];
		table.positions[f] = f;
	}
	for (size_t i = 0; i < rows; i++)
		target[i] = values[features * rows + i];
	bool classes = strcmp(kind, "class") == 0;
	table.data = (struct engine_data){.rows = rows, .feature_count = features, .features = list, .feature_ids = table.positions,
	        .task = classes ? ENGINE_CLASSIFICATION : ENGINE_REGRESSION, .outputs = 1, .classes = classes ? 2 : 0, .target = target};
	bench_folds(&table, folds ? folds : 1);
	if (folds == 0) /* all rows are in the test set of a single fold: they are to train */
		*table.folds = (struct engine_fold){.train = table.folds->test, .train_count = rows, .test = table.folds->train};
	return table;
}

static inline void bench_line(json_t *line)
{
	json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(17));
	putchar('\n');
	json_decref(line);
}

/* The last line of a program, which the driver reads. answer: numbers to compare with the peer's. */
static inline void bench_result(double seconds, const double *answer, size_t count, const char *note)
{
	json_t *list = json_array(), *line = json_pack("{s:f}", "seconds", seconds);

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, isfinite(answer[i]) ? json_real(answer[i]) : json_null());
	json_object_set_new(line, "answer", list);
	if (note)
		json_object_set_new(line, "note", json_string(note));
	bench_line(line);
}

/* The last line where the goal is in words. */
static inline void bench_verdict(double seconds, bool reached, const char *note)
{
	bench_line(json_pack("{s:f, s:b, s:s}", "seconds", seconds, "reached", reached, "note", note));
}

/* Tasks 0 .. count - 1 in BENCH_CORES processes, as orch's workers run them: run(context, task, out) fills width numbers of results. */
static inline double *bench_tasks(size_t count, size_t width, void (*run)(void *context, size_t task, double *out), void *context)
{
	struct shared {
		size_t next;
		double results[];
	} *shared = mmap(NULL, sizeof(*shared) + count * width * sizeof(double), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	if (shared == MAP_FAILED)
		bench_die("no memory for results");
	for (int p = 0; p < BENCH_CORES; p++) {
		pid_t pid = fork();

		if (pid < 0)
			bench_die("no process");
		for (size_t task; pid == 0;) {
			if ((task = __atomic_fetch_add(&shared->next, 1, __ATOMIC_SEQ_CST)) >= count)
				_exit(0);
			run(context, task, shared->results + task * width);
		}
	}
	for (int p = 0; p < BENCH_CORES; p++)
		if (wait(&status) < 0 || status != 0)
			bench_die("a process failed");
	return shared->results;
}

#endif
