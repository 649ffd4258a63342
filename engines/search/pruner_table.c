#include "engines/search/pruner.h"

#include <math.h>
#include <string.h>

const struct pruner *const pruner_table[] = {&pruner_median, &pruner_halving, &pruner_hyperband, &pruner_paired, NULL};

const struct pruner *pruner_find(const char *name)
{
	for (size_t i = 0; pruner_table[i]; i++)
		if (strcmp(pruner_table[i]->name, name) == 0)
			return pruner_table[i];
	return NULL;
}

double pruner_mean(const struct pruner_trial *trial, unsigned rung)
{
	double sum = 0;

	for (unsigned f = 0; f < rung; f++)
		sum += trial->scores[f];
	return isfinite(sum) ? sum / rung : NAN;
}

bool pruner_worse(const struct pruner_request *request, double a, double b)
{
	if (isnan(a) || isnan(b))
		return isnan(a) && !isnan(b);
	return request->maximise ? a < b : a > b;
}

unsigned pruner_every_fold(const struct pruner_request *request, unsigned after)
{
	return after + 1 < request->folds ? after + 1 : request->folds;
}
