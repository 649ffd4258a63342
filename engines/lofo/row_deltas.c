#include "engines/lofo/row_deltas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void add_cluster(struct row_deltas *sums, double a, double b)
{
	sums->sum += a;
	sums->weight += b;
	sums->squares += a * a;
	sums->cross += a * b;
	sums->weight_squares += b * b;
}

bool row_deltas_sum(const struct row_deltas_request *request, struct row_deltas *out)
{
	struct row_deltas sums = {.rows = (double)request->rows, .clusters = (double)(request->cluster ? request->clusters : request->rows)};
	double *a = request->scratch, *b = request->cluster ? a + request->clusters : NULL;

	if (request->cluster)
		memset(request->scratch, 0, 2 * request->clusters * sizeof *request->scratch);
	for (size_t i = 0; i < request->rows; i++) {
		double d = request->with ? request->without[i] - request->with[i] : 0, w = request->weight ? request->weight[i] : 1;

		sums.worse += d > 0;
		if (request->cluster) {
			a[request->cluster[i]] += w * d;
			b[request->cluster[i]] += w;
		} else {
			add_cluster(&sums, w * d, w);
		}
	}
	for (size_t g = 0; request->cluster && g < request->clusters; g++)
		add_cluster(&sums, a[g], b[g]);
	if (!isfinite(sums.squares) || !isfinite(sums.cross) || !isfinite(sums.weight_squares) || !isfinite(sums.sum))
		return false;
	*out = sums;
	return true;
}

static void add(struct row_deltas *to, const struct row_deltas *from)
{
	to->rows += from->rows;
	to->worse += from->worse;
	to->clusters += from->clusters;
	to->weight += from->weight;
	to->sum += from->sum;
	to->squares += from->squares;
	to->cross += from->cross;
	to->weight_squares += from->weight_squares;
}

/* Around the repeat's own mean. */
static double standard_error(const struct row_deltas *sums)
{
	double mean = sums->sum / sums->weight, squares = sums->squares - 2 * mean * sums->cross + mean * mean * sums->weight_squares;

	return sqrt(fmax(squares, 0) * sums->clusters / (sums->clusters - 1)) / sums->weight;
}

struct row_deltas_stat row_deltas_stat(const struct row_deltas *folds, size_t count, size_t k)
{
	struct row_deltas all = {0};
	double spread = 0, spread_weight = 0;

	for (size_t first = 0; first < count; first += k) {
		struct row_deltas repeat = {0};

		for (size_t f = first; f < first + k && f < count; f++)
			if (folds[f].rows > 0)
				add(&repeat, &folds[f]);
		add(&all, &repeat);
		if (repeat.clusters >= 2 && repeat.weight > 0) {
			spread += repeat.weight * standard_error(&repeat);
			spread_weight += repeat.weight;
		}
	}
	if (!(all.weight > 0))
		return (struct row_deltas_stat){NAN, NAN, NAN};
	return (struct row_deltas_stat){all.sum / all.weight, spread_weight > 0 ? spread / spread_weight : NAN, all.worse / all.rows};
}

static int compare_values(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

size_t row_deltas_clusters(const double *value, size_t count, double *scratch, uint32_t *out)
{
	size_t kinds = 0;

	memcpy(scratch, value, count * sizeof *scratch);
	qsort(scratch, count, sizeof *scratch, compare_values);
	for (size_t i = 0; i < count; i++)
		if (!i || scratch[i] != scratch[kinds - 1])
			scratch[kinds++] = scratch[i];
	for (size_t i = 0; i < count; i++) {
		const double *found = bsearch(&value[i], scratch, kinds, sizeof *scratch, compare_values);

		out[i] = (uint32_t)(found - scratch);
	}
	return kinds;
}
