/* How many fits a second the ledger takes, from the first to the last, and how fast it is opened again.
 *   bench_ledger [ROW | FITS [FOLDER]]   default: 200,000 fits in a folder below /tmp, removed at the end
 * @row ledger | ledger, 200,000 fits recorded durably, read again, verified | - | at least 50,000 fits/s, last tenth within 1.5 of the first | - | 1
 * Tasks of one fit with an attempt each, commits of 256, five folds a trial, finished in a scrambled order as workers
 * would. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/file.h"
#include "storage/base/process.h"
#include "storage/ledger.h"

static void check(int code, const struct orch_err *err)
{
	if (code) {
		fprintf(stderr, "%s\n", err->text);
		exit(1);
	}
}

/* SplitMix64's mixer (Steele et al., 2014): keys as random as hashes are. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
	x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
	return x ^ (x >> 31);
}

static void put(struct ledger *ledger, int64_t number, struct orch_err *err)
{
	int64_t shuffled = (number & ~(int64_t)63) | ((int64_t)(mix((uint64_t)(number >> 6)) & 63) ^ (number & 63));
	uint64_t key[2] = {mix((uint64_t)shuffled), mix((uint64_t)shuffled + 1)};
	struct ledger_fit fit = {.stage = "01_hpo",
	        .trial = shuffled / 5,
	        .fold = (int)(shuffled % 5),
	        .left_out = "",
	        .state = LEDGER_DONE,
	        .score = (double)key[0] / 1.8e19,
	        .metrics = "{\"mae\":0.123456789012345,\"r2\":0.912345678901234,\"rmse\":0.212345678901234}"};
	struct ledger_attempt attempt = {.stage = "01_hpo",
	        .attempt = 1,
	        .cause = "ok",
	        .wall_start = 1.8e9,
	        .seconds = 0.125,
	        .cpu_seconds = 0.120,
	        .peak_rss = 50 << 20,
	        .pid = 4711};
	memcpy(fit.key, key, sizeof fit.key);
	memcpy(attempt.key, key, sizeof attempt.key);
	ledger_task_begin(ledger);
	check(ledger_put_fit(ledger, &fit, err), err);
	check(ledger_put_attempt(ledger, &attempt, err), err);
	check(ledger_task_end(ledger, err), err);
}

static int count(void *context, const struct ledger_fit *fit, struct orch_err *err)
{
	(void)err;
	*(int64_t *)context += fit->state == LEDGER_DONE;
	return 0;
}

static double lap(double *since)
{
	double now = process_clock(), seconds = now - *since;
	*since = now;
	return seconds;
}

static void read_again(const char *path, double *clock)
{
	struct orch_err err = {0};
	struct ledger *ledger = NULL;
	int64_t fits = 0, done = 0, failed = 0;
	lap(clock);
	check(ledger_open(path, LEDGER_WRITE, false, &ledger, &err), &err);
	printf("open to write: %.3f s\n", lap(clock));
	check(ledger_counts(ledger, 0, "01_hpo", &done, &failed, &err), &err);
	printf("counts: %.6f s (%lld)\n", lap(clock), (long long)done);
	check(ledger_each_fit(ledger, 0, "01_hpo", count, &fits, &err), &err);
	printf("walk with checksums: %.3f s\n", lap(clock));
	uint8_t key[LEDGER_KEY] = {0};
	ledger_find_fit(ledger, key, count, &fits, NULL);
	printf("find_fit by key alone: %.3f s\n", lap(clock));
	check(ledger_close(&ledger, &err), &err);
	lap(clock);
	check(ledger_verify(path, false, &err), &err);
	printf("verify: %.3f s\n", lap(clock));
	printf("size: %lld bytes a fit\n", (long long)(file_size(path) / (done ? done : 1)));
}

int main(int argc, char **argv)
{
	bool row = argc > 1 && strcmp(argv[1], "ledger") == 0;
	int64_t fits = argc > 1 && !row ? atoll(argv[1]) : 200000, parts = 10;
	double start = process_clock(), rate = 0, first = 0, recorded;
	char temporary[] = "/tmp/orch-bench-ledger-XXXXXX";
	const char *folder = argc > 2 ? argv[2] : mkdtemp(temporary);
	char *path = file_join(folder, "bench-ledger.db");
	struct orch_err err = {0};
	struct ledger *ledger = NULL;
	double clock = process_clock();
	check(ledger_create(path, false, &ledger, &err), &err);
	for (int64_t part = 0, number = 0; part < parts; part++) {
		lap(&clock);
		for (int64_t end = fits * (part + 1) / parts; number < end; number++)
			put(ledger, number, &err);
		check(ledger_flush(ledger, &err), &err);
		rate = (double)fits / (double)parts / lap(&clock);
		first = part == 0 ? rate : first;
		printf("%9lld fits: %.0f fits/s\n", (long long)number, rate);
		fflush(stdout);
	}
	check(ledger_close(&ledger, &err), &err);
	printf("close: %.3f s\n", lap(&clock));
	recorded = process_clock() - start;
	read_again(path, &clock);
	check(argc <= 2 ? file_remove_tree(folder, &err) : file_remove(path, &err), &err);
	free(path);
	if (row)
		printf("{\"seconds\": %.6f, \"reached\": %s, \"note\": \"%.0f fits/s; the last tenth %.2f times as fast as the first\"}\n", recorded,
		       (double)fits / recorded >= 50000 && rate * 1.5 >= first ? "true" : "false", (double)fits / recorded, rate / first);
	return 0;
}
