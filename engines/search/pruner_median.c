#include <stdlib.h>

#include "engines/search/pruner.h"
#include "storage/base/mem.h"

#define COHORT 10
#define EARLIER 5 /* running means that a median is taken of, at least */

static size_t median_cohort(const struct pruner_request *request)
{
	(void)request;
	return COHORT;
}

static int compare_doubles(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

/* Of the earlier trials without a failure; false when they are too few. */
static int median_of_earlier(const struct pruner_cohort *cohort, unsigned rung, bool *known, double *median, struct orch_err *err)
{
	double *means = mem_array(cohort->earlier_count + 1, sizeof(*means));
	size_t count = 0;

	if (!means)
		return orch_fail(err, ORCH_ENOMEM, "no memory for the median of %zu trials", cohort->earlier_count);
	for (size_t i = 0; i < cohort->earlier_count; i++) {
		if (cohort->earlier[i].folds < rung)
			continue;
		means[count] = pruner_mean(&cohort->earlier[i], rung);
		count += means[count] == means[count];
	}
	qsort(means, count, sizeof(*means), compare_doubles);
	*known = count >= EARLIER;
	*median = *known ? 0.5 * (means[(count - 1) / 2] + means[count / 2]) : 0;
	free(means);
	return 0;
}

static int median_decide(const struct pruner_request *request, const struct pruner_cohort *cohort, unsigned rung, bool *stop, struct orch_err *err)
{
	double median = 0;
	bool known = false;
	int code = median_of_earlier(cohort, rung, &known, &median, err);

	for (size_t i = 0; !code && i < cohort->count; i++) {
		const struct pruner_trial *trial = &cohort->trials[i];

		stop[i] = trial->folds < rung || (known && pruner_worse(request, pruner_mean(trial, rung), median));
	}
	return code;
}

static double median_goes_on(const struct pruner_request *request, size_t number, unsigned position)
{
	(void)request;
	(void)number;
	(void)position;
	return 0.5;
}

const struct pruner pruner_median = {
	.name = "median",
	.help = "stops a trial that is worse than the median of earlier ones after the same fold",
	.alone = true,
	.cohort = median_cohort,
	.next_rung = pruner_every_fold,
	.decide = median_decide,
	.goes_on = median_goes_on,
};
