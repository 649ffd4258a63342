#include "engines/search/descent.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define ENOUGH 1e-4   /* of the fall that the gradient promises */
#define SMALL 1e-9    /* a step or a relative fall below which nothing more is expected */
#define SHORTENINGS 12

struct descent {
	size_t count;
	const double *low, *high;
	double *inverse; /* count x count: of the Hessian, estimated */
	double *gradient, *step, *trial, *trial_gradient, *change, *product;
};

size_t descent_room(size_t count)
{
	return count * count + 6 * count + 1;
}

/* At a bound, and downhill is beyond it. */
static bool held(const struct descent *d, const double *x, size_t i)
{
	return (x[i] <= d->low[i] && d->gradient[i] > 0) || (x[i] >= d->high[i] && d->gradient[i] < 0);
}

static void forget(struct descent *d)
{
	memset(d->inverse, 0, d->count * d->count * sizeof(*d->inverse));
	for (size_t i = 0; i < d->count; i++)
		d->inverse[i * d->count + i] = 1;
}

/* Direction in the free variables; returns its slope (negative: downhill). */
static double direction(struct descent *d, const double *x)
{
	double slope = 0;

	for (size_t i = 0; i < d->count; i++) {
		d->step[i] = 0;
		if (held(d, x, i))
			continue;
		for (size_t j = 0; j < d->count; j++)
			if (!held(d, x, j))
				d->step[i] -= d->inverse[i * d->count + j] * d->gradient[j];
		slope += d->step[i] * d->gradient[i];
	}
	return slope;
}

/* trial = x + scale * step, back in the box; returns the largest move. */
static double move(struct descent *d, const double *x, double scale)
{
	double most = 0;

	for (size_t i = 0; i < d->count; i++) {
		d->trial[i] = fmin(d->high[i], fmax(d->low[i], x[i] + scale * d->step[i]));
		most = fmax(most, fabs(d->trial[i] - x[i]));
	}
	return most;
}

/* Learns the curvature from the move x -> trial. */
static void update(struct descent *d, const double *x)
{
	double curvature = 0, squares = 0, quadratic = 0;

	for (size_t i = 0; i < d->count; i++) {
		double moved = d->trial[i] - x[i];

		d->change[i] = d->trial_gradient[i] - d->gradient[i];
		curvature += moved * d->change[i];
		squares += d->change[i] * d->change[i];
	}
	if (!(curvature > 1e-12 * squares) || squares == 0)
		return;
	for (size_t i = 0; i < d->count; i++) {
		d->product[i] = 0;
		for (size_t j = 0; j < d->count; j++)
			d->product[i] += d->inverse[i * d->count + j] * d->change[j];
		quadratic += d->product[i] * d->change[i];
	}
	for (size_t i = 0; i < d->count; i++)
		for (size_t j = 0; j < d->count; j++) {
			double si = d->trial[i] - x[i], sj = d->trial[j] - x[j];

			d->inverse[i * d->count + j] += (1 + quadratic / curvature) * si * sj / curvature -
			                                (d->product[i] * sj + si * d->product[j]) / curvature;
		}
}

double descent_run(descent_function *function, void *context, size_t count, const double *low, const double *high, unsigned calls, double *x,
                   double *room)
{
	struct descent d = {.count = count, .low = low, .high = high, .inverse = room};
	double value, next = 0;
	bool fresh = true;

	d.gradient = room + count * count;
	d.step = d.gradient + count;
	d.trial = d.step + count;
	d.trial_gradient = d.trial + count;
	d.change = d.trial_gradient + count;
	d.product = d.change + count;
	forget(&d);
	value = function(context, x, d.gradient);
	while (calls > 0 && isfinite(value)) {
		double slope = direction(&d, x), scale = 1, moved = 0, reach = 0;
		bool fell = false;

		if (!(slope < 0)) {
			if (fresh)
				break;
			forget(&d);
			fresh = true;
			continue;
		}
		for (size_t i = 0; i < count; i++)
			reach = fmax(reach, fabs(d.step[i]) / (high[i] - low[i]));
		if (fresh || reach > 0.5) /* nothing is known of the scale: no step beyond a tenth of the box, or half of it later */
			scale = fmin(1, (fresh ? 0.1 : 0.5) / reach);
		for (unsigned k = 0; k < SHORTENINGS && calls > 0 && !fell; k++, scale *= 0.3) {
			double promised = 0;

			moved = move(&d, x, scale);
			if (moved < SMALL)
				break;
			for (size_t i = 0; i < count; i++)
				promised += d.gradient[i] * (d.trial[i] - x[i]);
			next = function(context, d.trial, d.trial_gradient);
			calls--;
			fell = isfinite(next) && next <= value + ENOUGH * fmin(promised, 0) && next < value;
		}
		if (!fell) {
			if (fresh)
				break;
			forget(&d);
			fresh = true;
			continue;
		}
		update(&d, x);
		fresh = false;
		memcpy(x, d.trial, count * sizeof(*x));
		memcpy(d.gradient, d.trial_gradient, count * sizeof(*x));
		if (value - next < SMALL * (fabs(next) + SMALL) && moved < 1e-6)
			calls = 0;
		value = next;
	}
	return value;
}
