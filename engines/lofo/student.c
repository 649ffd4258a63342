#include "engines/lofo/student.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

#define FRACTION_STEPS 10000

/* What Stirling's formula leaves: lgamma(a) - ((a - 1/2) log a - a + log(2 pi) / 2), for a >= 10 (DLMF 5.11.1). */
static double stirling_rest(double a)
{
	static const double terms[] = {1.0 / 12, -1.0 / 360, 1.0 / 1260, -1.0 / 1680, 1.0 / 1188, -691.0 / 360360, 1.0 / 156};
	double sum = 0;

	for (int i = 6; i >= 0; i--)
		sum = sum / (a * a) + terms[i];
	return sum / a;
}

static double log_gamma(double a)
{
	int sign;

	return lgamma_r(a, &sign);
}

/* log B(a, b). With a large, lgamma(a + b) - lgamma(a) would cancel; the difference is taken inside Stirling's formula. */
static double log_beta(double a, double b)
{
	double large = fmax(a, b), small = fmin(a, b), ratio;

	if (large < 10)
		return log_gamma(a) + log_gamma(b) - log_gamma(a + b);
	ratio = (large - 0.5) * log1p(small / large) + small * log(large + small) - small + stirling_rest(large + small) -
	        stirling_rest(large);
	return log_gamma(small) - ratio;
}

static double away_from_zero(double value)
{
	return fabs(value) < DBL_MIN ? DBL_MIN : value;
}

/* DLMF 8.17.22 without its front factor. */
static double beta_fraction(double a, double b, double x)
{
	double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1)), value = d;

	for (int m = 1; m < FRACTION_STEPS; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		double step;

		d = 1 / away_from_zero(1 + even * d);
		c = away_from_zero(1 + even / c);
		value *= c * d;
		d = 1 / away_from_zero(1 + odd * d);
		c = away_from_zero(1 + odd / c);
		step = c * d;
		value *= step;
		if (fabs(step - 1) < DBL_EPSILON / 2)
			break;
	}
	return value;
}

/* I_x(a, b) from x and y = 1 - x, both exact near their end of the interval. */
static double beta_both(double a, double b, double x, double y)
{
	bool lower = x < (a + 1) / (a + b + 2);
	double log_x = x > 0.5 ? log1p(-y) : log(x), log_y = y > 0.5 ? log1p(-x) : log(y);
	double front;

	if (x <= 0 || y <= 0)
		return x <= 0 ? 0 : 1;
	front = exp(a * log_x + b * log_y - log_beta(a, b));
	return lower ? front * beta_fraction(a, b, x) / a : 1 - front * beta_fraction(b, a, y) / b;
}

double beta_incomplete(double a, double b, double x)
{
	if (!(a > 0 && b > 0 && x >= 0 && x <= 1) || isinf(a) || isinf(b))
		return NAN;
	return beta_both(a, b, x, 1 - x);
}

double student_two_sided(double t, double df)
{
	double square = t * t / df;

	if (isnan(t) || !(df > 0) || isinf(df))
		return NAN;
	if (isinf(square))
		return 0;
	return beta_both(df / 2, 0.5, 1 / (1 + square), square / (1 + square));
}

double student_critical(double p, double df)
{
	double low = 0, high = 1, middle;

	if (!(p > 0 && p <= 1) || !(df > 0) || isinf(df))
		return NAN;
	if (p == 1)
		return 0;
	while (student_two_sided(high, df) > p) {
		low = high;
		high *= 2;
	}
	while (middle = low + (high - low) / 2, middle > low && middle < high) {
		if (student_two_sided(middle, df) > p)
			low = middle;
		else
			high = middle;
	}
	return high;
}
