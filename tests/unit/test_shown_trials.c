/* Of very many trials those that are shown: the best, the leaders, the chosen one, and a sample, the same each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engines/address.h"
#include "orchestrator/shown_trials.h"
#include "storage/base/file.h"
#include "storage/base/text.h"

#define TRIALS 60000

static double mean_of(int64_t trial)
{
	return address_unit(address_hash(5, (uint64_t)trial));
}

static int setup(void **state)
{
	char *folder = strdup("/tmp/orch-shown.XXXXXX");

	*state = mkdtemp(folder);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	file_remove_tree(*state, NULL);
	free(*state);
	return 0;
}

/* A text in quotes goes over two lines, and the second looks like a trial. */
static void write_trials(const char *path)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs("trial,\"param\n7\",mean\n", file);
	for (int64_t t = 0; t < TRIALS; t++)
		fprintf(file, "%lld,\"a\"\"\n999,b\",%.17g\n", (long long)t, mean_of(t));
	fclose(file);
}

static char *shown_of(const char *folder, const char *metric, int64_t chosen, const char *name)
{
	char *from = file_join(folder, "trials.csv"), *path = file_join(folder, name), *text = NULL;
	struct shown_trials *shown;
	size_t length;

	if (!file_exists(from))
		write_trials(from);
	shown_trials_open(metric_find(metric), 3, TRIALS, chosen, &shown);
	assert_non_null(shown);
	for (int64_t t = 0; t < TRIALS; t++)
		shown_trials_note(shown, t, mean_of(t));
	assert_int_equal(shown_trials_write(shown, from, path, NULL), 0);
	shown_trials_close(shown);
	assert_int_equal(file_read(path, 0, &text, &length, NULL), 0);
	free(from);
	free(path);
	return text;
}

static void take_shown(const char *text, bool *in, size_t *count)
{
	const char *at = text;

	memset(in, 0, TRIALS);
	*count = 0;
	assert_memory_equal(at, "trial,\"param\n7\",mean\n", 21);
	for (at += 21; *at; (*count)++) {
		long long trial = strtoll(at, NULL, 10);
		char whole[96];
		size_t length = (size_t)snprintf(whole, sizeof whole, "%lld,\"a\"\"\n999,b\",%.17g\n", trial, mean_of(trial));

		assert_true(trial >= 0 && trial < TRIALS && !in[trial]);
		assert_memory_equal(at, whole, length); /* rows are whole, in order */
		in[trial] = true;
		at += length;
	}
}

static void check(const char *folder, const char *metric, bool maximise)
{
	static bool in[TRIALS];
	char *text = shown_of(folder, metric, 12345, metric), *again = shown_of(folder, metric, 12345, "again");
	double limit = maximise ? 1 - 1900.0 / TRIALS : 1900.0 / TRIALS, leading = maximise ? -1 : 2;
	size_t count;

	assert_string_equal(text, again);
	take_shown(text, in, &count);
	assert_true(count > SHOWN_TRIALS_MOST * 9 / 10 && count < SHOWN_TRIALS_MOST * 11 / 10);
	assert_true(in[12345] && in[0]);
	for (int64_t t = 0; t < TRIALS; t++) {
		double mean = mean_of(t);

		if (maximise ? mean > limit : mean < limit) /* about 1,900 of the best 2,000 */
			assert_true(in[t]);
		if (maximise ? mean > leading : mean < leading) {
			assert_true(in[t]);
			leading = mean;
		}
	}
	free(text);
	free(again);
	text = file_join(folder, "again");
	file_remove(text, NULL);
	free(text);
}

static void shown__best_leaders_chosen_and_a_sample(void **state)
{
	check(*state, "rmse", false);
	check(*state, "r2", true);
}

static void shown__few_are_all_shown(void **state)
{
	struct shown_trials *shown = (struct shown_trials *)state;

	shown_trials_open(metric_find("rmse"), 3, SHOWN_TRIALS_MOST, 0, &shown);
	assert_null(shown);
	shown_trials_note(shown, 0, 1);
	shown_trials_close(shown);
}

static void shown__a_file_that_is_gone_is_told(void **state)
{
	struct shown_trials *shown;
	struct orch_err err = {0};

	shown_trials_open(metric_find("rmse"), 3, TRIALS, 0, &shown);
	assert_int_equal(shown_trials_write(shown, "/nonexistent/trials.csv", *state, &err), ORCH_EIO);
	assert_non_null(strstr(err.text, "cannot open /nonexistent/trials.csv"));
	shown_trials_close(shown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shown__best_leaders_chosen_and_a_sample),
		cmocka_unit_test(shown__few_are_all_shown),
		cmocka_unit_test(shown__a_file_that_is_gone_is_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
