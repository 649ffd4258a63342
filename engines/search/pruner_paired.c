#include <math.h>

#include "engines/lofo/student.h"
#include "engines/search/pruner.h"

#define COHORT 10
#define LEVEL 0.05 /* one-sided */

static size_t paired_cohort(const struct pruner_request *request)
{
	(void)request;
	return COHORT;
}

static unsigned paired_next(const struct pruner_request *request, unsigned after)
{
	return pruner_every_fold(request, after ? after : 1);
}

/* The best of the earlier trials that have all folds; NULL: none. */
static const struct pruner_trial *best_of_earlier(const struct pruner_request *request, const struct pruner_cohort *cohort)
{
	const struct pruner_trial *best = NULL;
	double best_mean = NAN;

	for (size_t i = 0; i < cohort->earlier_count; i++) {
		const struct pruner_trial *trial = &cohort->earlier[i];
		double mean = trial->folds >= request->folds ? pruner_mean(trial, request->folds) : NAN;

		if (!pruner_worse(request, best_mean, mean))
			continue;
		best = trial;
		best_mean = mean;
	}
	return best;
}

/* Mean and sample deviation. */
static void moments(const double *values, unsigned count, double *mean, double *deviation)
{
	double sum = 0, squares = 0;

	for (unsigned i = 0; i < count; i++)
		sum += values[i];
	*mean = sum / count;
	for (unsigned i = 0; i < count; i++)
		squares += (values[i] - *mean) * (values[i] - *mean);
	*deviation = sqrt(squares / (count - 1));
}

/* By how much a fold's score is worse than the best trial's. */
static double excess(const struct pruner_request *request, const struct pruner_trial *trial, const struct pruner_trial *best, unsigned fold)
{
	return request->maximise ? best->scores[fold] - trial->scores[fold] : trial->scores[fold] - best->scores[fold];
}

static bool worse_by_two(const struct pruner_request *request, const struct pruner_trial *trial, const struct pruner_trial *best)
{
	double mean, spread;

	moments(best->scores, request->folds, &mean, &spread);
	return excess(request, trial, best, 0) > spread && excess(request, trial, best, 1) > spread;
}

static bool worse_by_test(const struct pruner_request *request, const struct pruner_trial *trial, const struct pruner_trial *best, unsigned rung)
{
	double ratio = request->test_train > 0 ? request->test_train : 1.0 / (request->folds - 1), sum = 0, squares = 0, mean, error;

	for (unsigned f = 0; f < rung; f++)
		sum += excess(request, trial, best, f);
	mean = sum / rung;
	for (unsigned f = 0; f < rung; f++)
		squares += pow(excess(request, trial, best, f) - mean, 2);
	error = sqrt(squares / (rung - 1) * (1.0 / rung + ratio));
	if (!(mean > 0))
		return false;
	return error == 0 || student_two_sided(mean / error, rung - 1) < 2 * LEVEL;
}

static int paired_decide(const struct pruner_request *request, const struct pruner_cohort *cohort, unsigned rung, bool *stop, struct orch_err *err)
{
	const struct pruner_trial *best = best_of_earlier(request, cohort);

	(void)err;
	for (size_t i = 0; i < cohort->count; i++) {
		const struct pruner_trial *trial = &cohort->trials[i];

		stop[i] = trial->folds < rung;
		if (stop[i] || !best || rung < 2)
			continue;
		if (isnan(pruner_mean(trial, rung)))
			stop[i] = true;
		else
			stop[i] = rung == 2 ? worse_by_two(request, trial, best) : worse_by_test(request, trial, best, rung);
	}
	return 0;
}

const struct pruner pruner_paired = {
	.name = "paired",
	.help = "stops a trial that is clearly worse than the best one on the same folds",
	.alone = true,
	.cohort = paired_cohort,
	.next_rung = paired_next,
	.decide = paired_decide,
};
