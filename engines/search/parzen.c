#include "engines/search/parzen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "storage/base/mem.h"

#define LOG_ROOT_TWO_PI 0.91893853320467274178
#define NARROWEST 0.5 /* of the width that as many kernels side by side would have */

static double normal_below(double z)
{
	return 0.5 * erfc(-z * 0.70710678118654752440);
}

void parzen_init(struct parzen *p, const struct space *space, size_t room)
{
	size_t axes = space_axes(space);

	*p = (struct parzen){.space = space, .axes = axes, .room = room};
	p->fractions = mem_must(room * axes + 1, sizeof(*p->fractions));
	p->digits = mem_must(room * axes + 1, sizeof(*p->digits));
	p->weights = mem_must(room + 1, sizeof(*p->weights));
	p->widths = mem_must(room * axes + 1, sizeof(*p->widths));
	p->constants = mem_must(room * axes + 1, sizeof(*p->constants));
	p->order = mem_must(room + 1, sizeof(*p->order));
}

void parzen_release(struct parzen *p)
{
	free(p->fractions);
	free(p->digits);
	free(p->weights);
	free(p->widths);
	free(p->constants);
	free(p->order);
	*p = (struct parzen){0};
}

void parzen_add(struct parzen *p, const double *fractions, const uint64_t *digits, double weight)
{
	if (p->count == p->room)
		orch_bug("%zu kernels are all there is room for", p->room);
	memcpy(p->fractions + p->count * p->axes, fractions, p->axes * sizeof(*fractions));
	memcpy(p->digits + p->count * p->axes, digits, p->axes * sizeof(*digits));
	p->weights[p->count++] = weight;
}

/* Kernels that are present on an axis, in order of their middles there. */
static size_t sort_axis(struct parzen *p, size_t axis)
{
	size_t present = 0;

	for (size_t k = 0; k < p->count; k++) {
		size_t at = present;

		if (p->digits[k * p->axes + axis] == SPACE_ABSENT)
			continue;
		while (at > 0 && p->fractions[p->order[at - 1] * p->axes + axis] > p->fractions[k * p->axes + axis])
			at--;
		memmove(&p->order[at + 1], &p->order[at], (present - at) * sizeof(*p->order));
		p->order[at] = k;
		present++;
	}
	return present;
}

/* The outermost kernels look inwards only: towards the ends there is nothing to tell how far they reach. */
static void scale_axis(struct parzen *p, size_t axis)
{
	size_t present = sort_axis(p, axis);
	double least = fmax(NARROWEST / ((double)present + 2), NARROWEST / 100);

	for (size_t i = 0; i < present; i++) {
		size_t at = p->order[i] * p->axes + axis;
		double middle = p->fractions[at], mass, below = present > 1 ? middle : 0, above = present > 1 ? middle : 1;

		if (i > 0)
			below = p->fractions[p->order[i - 1] * p->axes + axis];
		if (i + 1 < present)
			above = p->fractions[p->order[i + 1] * p->axes + axis];
		p->widths[at] = fmin(1, fmax(least, fmax(middle - below, above - middle)));
		mass = normal_below((1 - middle) / p->widths[at]) - normal_below(-middle / p->widths[at]);
		p->constants[at] = -log(mass);
		if (space_axis_count(p->space, axis) == SPACE_ENDLESS)
			p->constants[at] -= log(p->widths[at]) + LOG_ROOT_TWO_PI;
	}
}

void parzen_scale(struct parzen *p)
{
	double kernels = (double)p->count + 1;

	p->stay = kernels / (kernels + 1);
	for (size_t a = 0; a < p->axes; a++)
		if (space_axis(p->space, a)->kind != SPACE_CHOICE)
			scale_axis(p, a);
}

/* --- drawing --- */

/* The kernel that a number in [0, 1) falls on, by weight; count: the prior. */
static size_t pick(const struct parzen *p, double u)
{
	double all = 1;
	size_t k = 0;

	for (size_t i = 0; i < p->count; i++)
		all += p->weights[i];
	u *= all;
	while (k < p->count && u >= p->weights[k])
		u -= p->weights[k++];
	return k;
}

/* A normal cut off at 0 and 1, by bisection of its distribution function: 40 steps. */
static double draw_normal(double middle, double width, double u)
{
	double below = normal_below(-middle / width), above = normal_below((1 - middle) / width), wanted = below + u * (above - below);
	double low = 0, high = 1;

	for (unsigned step = 0; step < 40; step++) {
		double half = 0.5 * (low + high);

		if (normal_below((half - middle) / width) < wanted)
			low = half;
		else
			high = half;
	}
	return low;
}

static uint64_t draw_axis(const struct parzen *p, size_t kernel, size_t axis, uint64_t key)
{
	double u = address_unit(key), count;
	uint64_t digit = kernel < p->count ? p->digits[kernel * p->axes + axis] : SPACE_ABSENT;

	if (digit == SPACE_ABSENT)
		return key;
	if (space_axis(p->space, axis)->kind == SPACE_CHOICE) {
		count = (double)space_axis(p->space, axis)->choice_count;
		if (address_unit(address_hash(key, 1)) >= p->stay)
			return key;
		u = ((double)digit + 0.5) / count;
	} else {
		u = draw_normal(p->fractions[kernel * p->axes + axis], p->widths[kernel * p->axes + axis], u);
	}
	return (uint64_t)(u * 0x1p53) << 11;
}

void parzen_draw(const struct parzen *p, uint64_t key, struct configuration *out)
{
	size_t kernel = pick(p, address_unit(address_text(key, "kernel")));

	for (size_t i = 0; i < p->axes; i++) {
		size_t a = space_order(p->space)[i];

		configuration_set(p->space, a, draw_axis(p, kernel, a, address_hash(key, a)), out);
	}
}

/* --- density --- */

static double log_factor(const struct parzen *p, size_t kernel, size_t axis, double fraction, uint64_t digit)
{
	uint64_t own = p->digits[kernel * p->axes + axis];
	double middle = p->fractions[kernel * p->axes + axis], width = p->widths[kernel * p->axes + axis], low, high, z;

	if (space_axis(p->space, axis)->kind == SPACE_CHOICE)
		return log(1 - p->stay + (own == digit ? p->stay * (double)space_axis(p->space, axis)->choice_count : 0));
	if (space_axis_count(p->space, axis) == SPACE_ENDLESS) {
		z = (fraction - middle) / width;
		return p->constants[kernel * p->axes + axis] - 0.5 * z * z;
	}
	configuration_cell(p->space, axis, digit, &low, &high);
	z = normal_below((high - middle) / width) - normal_below((low - middle) / width);
	return p->constants[kernel * p->axes + axis] + log(fmax(z, 1e-300) / (high - low));
}

double parzen_log_density(const struct parzen *p, const double *fractions, const uint64_t *digits, double *room)
{
	double most = 0, sum, weights = 1;

	for (size_t k = 0; k < p->count; k++) {
		room[k] = log(p->weights[k]);
		weights += p->weights[k];
		for (size_t a = 0; a < p->axes; a++)
			if (digits[a] != SPACE_ABSENT && p->digits[k * p->axes + a] != SPACE_ABSENT)
				room[k] += log_factor(p, k, a, fractions[a], digits[a]);
		most = fmax(most, room[k]);
	}
	sum = exp(-most);
	for (size_t k = 0; k < p->count; k++)
		sum += exp(room[k] - most);
	return most + log(sum / weights);
}
