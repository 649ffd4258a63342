#include "engines/ensemble/ensemble.h"

#include <math.h>

void ensemble_average(const double *const *members, size_t count, size_t n, double *out)
{
	for (size_t i = 0; i < n; i++) {
		double sum = members[0][i];

		for (size_t m = 1; m < count; m++)
			sum += members[m][i];
		out[i] = sum / (double)count;
	}
}

/* Its most probable class in a row; classes: it does not vote. */
static unsigned voice(const double *probability, size_t rows, size_t row, unsigned classes)
{
	unsigned best = 0;

	for (unsigned c = 0; c < classes; c++) {
		if (isnan(probability[c * rows + row]))
			return classes;
		if (probability[c * rows + row] > probability[best * rows + row])
			best = c;
	}
	return best;
}

void ensemble_vote(const double *const *probability, size_t count, size_t rows, unsigned classes, double *code, double *share)
{
	for (size_t i = 0; i < rows; i++) {
		double votes = 0, most = 0;

		for (unsigned c = 0; c < classes; c++)
			share[c * rows + i] = 0;
		for (size_t m = 0; m < count; m++) {
			unsigned class = voice(probability[m], rows, i, classes);

			if (class < classes) {
				share[class * rows + i] += 1;
				votes += 1;
			}
		}
		code[i] = NAN;
		for (size_t m = 0; m < count; m++) { /* better members first: theirs wins a tie */
			unsigned class = voice(probability[m], rows, i, classes);

			if (class < classes && share[class * rows + i] > most) {
				most = share[class * rows + i];
				code[i] = class;
			}
		}
		for (unsigned c = 0; c < classes; c++)
			share[c * rows + i] = votes > 0 ? share[c * rows + i] / votes : NAN;
	}
}
