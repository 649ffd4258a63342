#include "engines/metric/metric_list.h"

#define RADIANS 0.017453292519943295

/* remainder is exact: 359 and 1 differ by 2, not by 2 + rounding. */
double metric_turn(double from, double to)
{
	return remainder(to - from, 360);
}

static double mean_of(const struct metric_input *in, double (*part)(double turn, double limit), double limit)
{
	struct metric_sum sum = {0};

	if (!metric_usable(in))
		return NAN;
	for (size_t i = 0; i < in->n; i++)
		metric_add(&sum, metric_weight(in, i) * part(metric_turn(in->truth[i], in->prediction[i]), limit));
	return metric_total(&sum) / metric_weight_total(in);
}

static double part_absolute(double turn, double limit)
{
	(void)limit;
	return fabs(turn);
}

static double part_square(double turn, double limit)
{
	(void)limit;
	return turn * turn;
}

static double part_within(double turn, double limit)
{
	if (isnan(turn))
		return NAN; /* an infinite direction */
	return fabs(turn) <= limit;
}

double metric_cmae(const struct metric_input *in)
{
	return mean_of(in, part_absolute, 0);
}

double metric_crmse(const struct metric_input *in)
{
	return sqrt(mean_of(in, part_square, 0));
}

double metric_within_5(const struct metric_input *in)
{
	return mean_of(in, part_within, 5);
}

double metric_within_10(const struct metric_input *in)
{
	return mean_of(in, part_within, 10);
}

double metric_within_22_5(const struct metric_input *in)
{
	return mean_of(in, part_within, 22.5);
}

/* --- correlation --- */

/* Mean direction in radians; NaN when the directions cancel out, or do not differ at all. */
static double mean_direction(const struct metric_input *in, const double *degrees)
{
	struct metric_sum sine = {0}, cosine = {0};
	size_t first = 0;
	bool differ = false;

	while (first < in->n && metric_weight(in, first) == 0)
		first++;
	for (size_t i = first; i < in->n; i++) {
		metric_add(&sine, metric_weight(in, i) * sin(degrees[i] * RADIANS));
		metric_add(&cosine, metric_weight(in, i) * cos(degrees[i] * RADIANS));
		differ |= metric_weight(in, i) > 0 && metric_turn(degrees[first], degrees[i]) != 0;
	}
	if (!differ || hypot(metric_total(&sine), metric_total(&cosine)) < 1e-12 * metric_weight_total(in))
		return NAN;
	return atan2(metric_total(&sine), metric_total(&cosine));
}

/* Jammalamadaka and SenGupta, Topics in Circular Statistics (2001), section 8.2: the correlation of the sines of the deviations from
 * the mean directions. */
double metric_circular_r(const struct metric_input *in)
{
	struct metric_sum both = {0}, truth = {0}, prediction = {0};
	double a, b;

	if (!metric_usable(in))
		return NAN;
	a = mean_direction(in, in->truth);
	b = mean_direction(in, in->prediction);
	for (size_t i = 0; i < in->n; i++) {
		double s = sin(in->truth[i] * RADIANS - a), t = sin(in->prediction[i] * RADIANS - b);

		metric_add(&both, metric_weight(in, i) * s * t);
		metric_add(&truth, metric_weight(in, i) * s * s);
		metric_add(&prediction, metric_weight(in, i) * t * t);
	}
	return metric_total(&both) / sqrt(metric_total(&truth) * metric_total(&prediction));
}
