/* How trials of a search are cut into groups (one task for what one fit answers) and cohorts (what a pruner decides about together). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/search.h"
#include "storage/base/text.h"

static struct spec *load(const char *pruner, unsigned trials)
{
	char path[] = "/tmp/orch-search.XXXXXX", *report = NULL;
	struct spec *spec = NULL;
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");

	assert_non_null(file);
	fprintf(file, "data: {source: d.csv, target: y}\nmodel: {engine: forest}\nhpo: {sampler: random, pruner: %s, trials: %u, space: {trees: {int: [1, 100000]}}}\n",
	        pruner, trials);
	assert_int_equal(fclose(file), 0);
	if (spec_load(path, false, &spec, &report, NULL))
		fail_msg("%s", report);
	free(report);
	unlink(path);
	return spec;
}

/* No group reaches over the end of a cohort, and every trial is in one group. */
static void check_groups(const char *pruner, unsigned folds, unsigned trials, uint64_t least)
{
	struct spec *spec = load(pruner, trials);
	struct search_source source = {.folds = folds};
	struct search *search = NULL;
	uint64_t group_trials[SEARCH_GROUP_MAX], cohort, next = 0;

	assert_int_equal(search_open(spec, 0, &source, &search, NULL), 0);
	cohort = search_cohort(search, 0);
	assert_true(cohort >= least);
	for (uint64_t g = 0; g < search_groups(search); g++) {
		size_t count = search_group_trials(search, g, group_trials);

		assert_true(count > 0);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(group_trials[i], next++);
		if (group_trials[0] / cohort != group_trials[count - 1] / cohort)
			fail_msg("group %llu has the trials %llu to %llu, cohorts are of %llu", (unsigned long long)g, (unsigned long long)group_trials[0],
			        (unsigned long long)group_trials[count - 1], (unsigned long long)cohort);
	}
	assert_int_equal(next, trials);
	search_close(search);
	spec_release(spec);
}

static void search__a_group_lies_in_one_cohort(void **state)
{
	(void)state;
	check_groups("median", 5, 95, 1);
	check_groups("halving", 5, 100, 1);
	check_groups("hyperband", 5, 100, 1);
}

static void search__a_group_lies_in_one_cohort_that_is_larger_than_a_group(void **state)
{
	(void)state;
	check_groups("halving", 250, 1500, SEARCH_GROUP_MAX + 1);
	check_groups("halving", 1000, 2300, SEARCH_GROUP_MAX + 1);
	check_groups("hyperband", 1000, 3000, SEARCH_GROUP_MAX + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(search__a_group_lies_in_one_cohort),
		cmocka_unit_test(search__a_group_lies_in_one_cohort_that_is_larger_than_a_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
