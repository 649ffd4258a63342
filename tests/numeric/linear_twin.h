/* linear_twin: ridge regression the naive way: one fit from its own rows, in long double, by a one-sided Jacobi SVD,
 * which gives the minimum-norm solution where there are many. */
#ifndef TESTS_NUMERIC_LINEAR_TWIN_H
#define TESTS_NUMERIC_LINEAR_TWIN_H

#include "engines/model/design.h"
#include "tests/numeric/linear_data.h"

#define TWIN_COLUMNS 64

struct twin {
	size_t columns;
	double coefficient[4][TWIN_COLUMNS]; /* per output; in the order of the columns that are left */
	double deviation[TWIN_COLUMNS];
	double *prediction;
	double sse[4];
};

/* Minimum-norm x of a (rows x columns, column-major, destroyed) x = b by one-sided Jacobi rotations (Hestenes 1958). */
static inline void jacobi_solve(long double *a, size_t rows, size_t columns, const long double *b, long double *x)
{
	long double *v = mem_must(columns * columns, sizeof(*v)), largest = 0;

	for (size_t j = 0; j < columns; j++)
		v[j * columns + j] = 1;
	for (int sweep = 0, rotated = 1; rotated && sweep < 60; sweep++) {
		rotated = 0;
		for (size_t p = 0; p < columns; p++)
			for (size_t q = p + 1; q < columns; q++) {
				long double pp = 0, qq = 0, pq = 0;

				for (size_t i = 0; i < rows; i++) {
					pp += a[p * rows + i] * a[p * rows + i];
					qq += a[q * rows + i] * a[q * rows + i];
					pq += a[p * rows + i] * a[q * rows + i];
				}
				if (fabsl(pq) <= 1e-18L * sqrtl(pp * qq) || pq == 0)
					continue;
				rotated = 1;
				long double zeta = (qq - pp) / (2 * pq),
				            t = (zeta < 0 ? -1 : 1) / (fabsl(zeta) + sqrtl(1 + zeta * zeta));
				long double c = 1 / sqrtl(1 + t * t), s = c * t;

				for (size_t i = 0; i < rows + columns; i++) {
					long double *left = i < rows ? &a[p * rows + i] : &v[p * columns + i - rows];
					long double *right = i < rows ? &a[q * rows + i] : &v[q * columns + i - rows];
					long double old = *left;

					*left = c * old - s * *right;
					*right = s * old + c * *right;
				}
			}
	}
	memset(x, 0, columns * sizeof(*x));
	for (int pass = 0; pass < 2; pass++)
		for (size_t j = 0; j < columns; j++) {
			long double square = 0, dot = 0;

			for (size_t i = 0; i < rows; i++) {
				square += a[j * rows + i] * a[j * rows + i];
				dot += a[j * rows + i] * b[i];
			}
			largest = square > largest ? square : largest;
			if (pass == 1 && square > 1e-26L * largest)
				for (size_t i = 0; i < columns; i++)
					x[i] += v[j * columns + i] * dot / square;
		}
	free(v);
}

static inline bool is_left_out(const struct engine_variant *variant, size_t f)
{
	for (size_t i = 0; i < variant->left_out_count; i++)
		if (variant->left_out[i] == f)
			return true;
	return false;
}

static inline void twin_fit(const struct engine_data *data, const struct engine_fold *fold,
        const struct engine_variant *variant, struct twin *out)
{
	double alpha = json_real_value(json_object_get(variant->params, "alpha"));
	bool intercept = json_is_true(json_object_get(variant->params, "fit_intercept"));
	bool standardize = json_is_true(json_object_get(variant->params, "standardize"));
	struct design train, test;
	size_t n = fold->train_count, m = fold->test_count, p = 0;

	assert_int_equal(design_build(data, fold->train, n, fold->train, n, &train, NULL), 0);
	assert_int_equal(design_build(data, fold->test, m, fold->train, n, &test, NULL), 0);
	size_t rows = n + train.columns, column[TWIN_COLUMNS];
	long double *a = mem_must(rows * (train.columns + 1), sizeof(*a)),
	            *copy = mem_must(rows * (train.columns + 1), sizeof(*a));
	long double *b = mem_must(rows, sizeof(*b)), x[TWIN_COLUMNS], mean[TWIN_COLUMNS], scale[TWIN_COLUMNS],
	            total = 0;

	for (size_t i = 0; i < n; i++)
		total += data->weight ? data->weight[fold->train[i]] : 1;
	for (size_t f = 0; f < data->feature_count; f++)
		for (size_t c = train.first[f]; c < train.first[f + 1] && !is_left_out(variant, f); c++)
			column[p++] = c;
	for (size_t j = 0; j < p; j++) {
		const double *values = train.values + column[j] * n;
		long double sum = 0, square = 0;

		for (size_t i = 0; i < n; i++)
			sum += (data->weight ? data->weight[fold->train[i]] : 1) * (long double)values[i];
		for (size_t i = 0; i < n; i++)
			square += (data->weight ? data->weight[fold->train[i]] : 1) * (values[i] - sum / total) *
			          (values[i] - sum / total);
		mean[j] = intercept ? sum / total : 0;
		out->deviation[j] = (double)sqrtl(square / total);
		if (square <= 1e-24L * (sum / total) * (sum / total) * total)
			out->deviation[j] = 0;
		scale[j] = standardize && out->deviation[j] > 0 ? sqrtl(square / total) : 1;
		for (size_t i = 0; i < n; i++)
			a[j * rows + i] = (values[i] - mean[j]) / scale[j] *
			                  sqrtl(data->weight ? data->weight[fold->train[i]] : 1);
		if (intercept && out->deviation[j] == 0)
			for (size_t i = 0; i < n; i++)
				a[j * rows + i] = 0;
		a[j * rows + n + j] = sqrtl(alpha);
	}
	out->columns = p;
	out->prediction = mem_must(m * data->outputs, sizeof(double));
	for (unsigned o = 0; o < data->outputs; o++) {
		const double *y = data->target + o * data->rows;
		long double center = 0, sse = 0;

		for (size_t i = 0; i < n && intercept; i++)
			center += (data->weight ? data->weight[fold->train[i]] : 1) * (long double)y[fold->train[i]] /
			          total;
		for (size_t i = 0; i < n; i++)
			b[i] = (y[fold->train[i]] - center) * sqrtl(data->weight ? data->weight[fold->train[i]] : 1);
		memcpy(copy, a, rows * p * sizeof(*a));
		jacobi_solve(copy, rows, p, b, x);
		for (size_t j = 0; j < p; j++)
			out->coefficient[o][j] = (double)(x[j] / scale[j]);
		for (size_t i = 0; i < m; i++) {
			long double value = center;

			for (size_t j = 0; j < p; j++)
				value += (test.values[column[j] * m + i] - mean[j]) * x[j] / scale[j];
			out->prediction[o * m + i] = (double)value;
			sse += (data->weight ? data->weight[fold->test[i]] : 1) * (y[fold->test[i]] - value) *
			       (y[fold->test[i]] - value);
		}
		out->sse[o] = (double)sse;
	}
	free(a);
	free(copy);
	free(b);
	design_release(&train);
	design_release(&test);
}

#endif
