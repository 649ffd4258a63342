#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/diagnostics/diagnostics.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

double diagnose_ks(const double *a, size_t a_count, const double *b, size_t b_count)
{
	size_t i = 0, j = 0;
	double most = 0;

	if (!a_count || !b_count)
		return NAN;
	while (i < a_count && j < b_count) {
		double at = a[i] < b[j] ? a[i] : b[j], gap;

		while (i < a_count && a[i] == at)
			i++;
		while (j < b_count && b[j] == at)
			j++;
		gap = fabs((double)i / (double)a_count - (double)j / (double)b_count);
		most = gap > most ? gap : most;
	}
	return most;
}

double diagnose_ks_p(double distance, size_t a_count, size_t b_count)
{
	double n = (double)a_count * (double)b_count / (double)(a_count + b_count), lambda = (sqrt(n) + 0.12 + 0.11 / sqrt(n)) * distance, sum = 0;

	if (!(lambda > 0.2)) /* there the series converges slowly and p is 1 to twelve digits */
		return isnan(lambda) ? NAN : 1;
	for (int k = 1; k <= 100; k++)
		sum += (k & 1 ? 2 : -2) * exp(-2.0 * k * k * lambda * lambda);
	return sum < 0 ? 0 : sum > 1 ? 1 : sum;
}

/* Half the sum of the differences of shares; missing is a level. */
static double total_variation(const struct diagnose_column *column, size_t rows, const bool *holdout)
{
	double *share[2] = {mem_must(column->level_count + 1, sizeof(double)), mem_must(column->level_count + 1, sizeof(double))}, n[2] = {0, 0}, sum = 0;

	for (size_t i = 0; i < rows; i++) {
		double value = column->values[i];

		share[holdout[i]][value >= 0 && value < (double)column->level_count ? (size_t)value : column->level_count]++;
		n[holdout[i]]++;
	}
	for (size_t l = 0; l <= column->level_count; l++)
		sum += fabs(share[0][l] / n[0] - share[1][l] / n[1]);
	free(share[0]);
	free(share[1]);
	return n[0] > 0 && n[1] > 0 ? sum / 2 : NAN;
}

static double number_distance(const struct diagnose_column *column, size_t rows, const bool *holdout, double *p)
{
	double *part[2] = {mem_must(rows + 1, sizeof(double)), mem_must(rows + 1, sizeof(double))}, distance;
	size_t n[2] = {0, 0};

	for (size_t i = 0; i < rows; i++)
		if (isfinite(column->values[i]))
			part[holdout[i]][n[holdout[i]]++] = column->values[i];
	diagnose_sort(part[0], n[0]);
	diagnose_sort(part[1], n[1]);
	distance = diagnose_ks(part[0], n[0], part[1], n[1]);
	*p = n[0] && n[1] ? diagnose_ks_p(distance, n[0], n[1]) : NAN;
	free(part[0]);
	free(part[1]);
	return distance;
}

struct drifted {
	double distance, p;
	size_t at;
};

static int by_distance(const void *a, const void *b)
{
	const struct drifted *x = a, *y = b;
	double p = isnan(x->distance) ? -1 : x->distance, q = isnan(y->distance) ? -1 : y->distance;

	return p != q ? (p < q) - (p > q) : (x->at > y->at) - (x->at < y->at);
}

json_t *diagnose_drift(const struct diagnose_column *columns, size_t count, size_t rows, const bool *holdout)
{
	struct drifted *all = mem_must(count + 1, sizeof *all);
	json_t *names = json_array(), *kinds = json_array(), *distances = json_array(), *ps = json_array();
	size_t held = 0;

	for (size_t i = 0; i < rows; i++)
		held += holdout[i];
	for (size_t c = 0; c < count; c++) {
		all[c] = (struct drifted){.at = c, .p = NAN};
		all[c].distance = columns[c].levels ? total_variation(&columns[c], rows, holdout) : number_distance(&columns[c], rows, holdout, &all[c].p);
	}
	qsort(all, count, sizeof *all, by_distance);
	for (size_t c = 0; c < count; c++) {
		json_array_append_new(names, json_string_nocheck(columns[all[c].at].name));
		json_array_append_new(kinds, json_string(columns[all[c].at].levels ? "category" : "number"));
		json_array_append_new(distances, json_number_or_null(all[c].distance));
		json_array_append_new(ps, json_number_or_null(all[c].p));
	}
	free(all);
	return json_pack("{s:o, s:o, s:o, s:o, s:I, s:I}", "features", names, "kind", kinds, "distance", distances, "p", ps, "train_rows", (json_int_t)(rows - held), "holdout_rows", (json_int_t)held);
}

/* ---- order of correlations ---- */

/* Single linkage: the most alike clusters are joined until one is left; a cluster's members stay together. */
void diagnose_order(const double *matrix, size_t count, size_t *order)
{
	size_t *cluster = mem_must(count + 1, sizeof *cluster), *size = mem_must(count + 1, sizeof *size), *joined = mem_must(count + 1, sizeof *joined);

	for (size_t i = 0; i < count; i++) {
		order[i] = cluster[i] = i;
		size[i] = 1;
	}
	for (size_t step = 1; step < count; step++) {
		double best = -1;
		size_t a = 0, b = 0, n = 0;

		for (size_t i = 0; i < count; i++)
			for (size_t j = i + 1; j < count; j++)
				if (cluster[i] != cluster[j] && (isnan(matrix[i * count + j]) ? 0 : fabs(matrix[i * count + j])) > best) {
					best = isnan(matrix[i * count + j]) ? 0 : fabs(matrix[i * count + j]);
					a = cluster[i];
					b = cluster[j];
				}
		if (size[b] > size[a]) {
			size_t swap = a;

			a = b;
			b = swap;
		}
		for (size_t i = 0; i < count; i++) /* b's members go right behind a's; everybody else keeps the order */
			if (cluster[order[i]] != b) {
				joined[n++] = order[i];
				if (cluster[order[i]] == a) {
					bool last = true;

					for (size_t j = i + 1; j < count; j++)
						last = last && cluster[order[j]] != a;
					for (size_t j = 0; last && j < count; j++)
						if (cluster[order[j]] == b)
							joined[n++] = order[j];
				}
			}
		memcpy(order, joined, count * sizeof *order);
		for (size_t i = 0; i < count; i++)
			if (cluster[i] == b)
				cluster[i] = a;
		size[a] += size[b];
	}
	free(cluster);
	free(size);
	free(joined);
}
