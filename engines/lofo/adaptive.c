#include "engines/lofo/adaptive.h"

#include <math.h>

#include "engines/lofo/student.h"

bool lofo_adaptive_has_looks(unsigned folds)
{
	return folds > LOFO_ADAPTIVE_FIRST;
}

bool lofo_adaptive_kept(const struct metric *metric, const double *with, const double *without, unsigned done, unsigned folds, double test_train)
{
	double sum = 0, squares = 0, mean, error, looks = (double)folds - LOFO_ADAPTIVE_FIRST;
	unsigned pairs = 0;

	for (unsigned f = 0; f < done; f++)
		if (isfinite(with[f]) && isfinite(without[f])) {
			sum += metric_gain(metric, with[f], without[f]);
			pairs++;
		}
	if (pairs < LOFO_ADAPTIVE_FIRST || looks < 1)
		return false;
	mean = sum / pairs;
	for (unsigned f = 0; f < done; f++)
		if (isfinite(with[f]) && isfinite(without[f])) {
			double off = metric_gain(metric, with[f], without[f]) - mean;

			squares += off * off;
		}
	error = sqrt(squares / (pairs - 1) * (1.0 / pairs + test_train));
	return mean > 0 && mean > student_critical(2 * LOFO_ADAPTIVE_LEVEL / looks, pairs - 1) * error;
}
