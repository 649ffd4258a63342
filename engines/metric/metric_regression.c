#include <stdlib.h>

#include "engines/metric/metric_list.h"
#include "storage/base/mem.h"

/* One output of the input. */
struct one {
	const struct metric_input *in;
	const double *truth, *prediction;
	double weight;
};

static double mean_over_outputs(const struct metric_input *in, double (*score)(const struct one *))
{
	struct metric_sum sum = {0};

	if (!metric_usable(in) || in->outputs == 0)
		return NAN;
	for (unsigned o = 0; o < in->outputs; o++) {
		struct one one = {in, in->truth + o * in->n, in->prediction + o * in->n, metric_weight_total(in)};

		metric_add(&sum, score(&one));
	}
	return metric_total(&sum) / in->outputs;
}

static double square_sum(const struct one *one)
{
	struct metric_sum sum = {0};

	for (size_t i = 0; i < one->in->n; i++) {
		double off = one->prediction[i] - one->truth[i];

		metric_add(&sum, metric_weight(one->in, i) * off * off);
	}
	return metric_total(&sum);
}

static double mse_of(const struct one *one)
{
	return square_sum(one) / one->weight;
}

static double rmse_of(const struct one *one)
{
	return sqrt(mse_of(one));
}

static double mae_of(const struct one *one)
{
	struct metric_sum sum = {0};

	for (size_t i = 0; i < one->in->n; i++)
		metric_add(&sum, metric_weight(one->in, i) * fabs(one->prediction[i] - one->truth[i]));
	return metric_total(&sum) / one->weight;
}

/* Told apart by comparing, as the mean of equal numbers need not be that number. */
static bool truth_is_constant(const struct one *one)
{
	size_t first = 0;

	while (first < one->in->n && metric_weight(one->in, first) == 0)
		first++;
	for (size_t i = first + 1; i < one->in->n; i++)
		if (metric_weight(one->in, i) > 0 && one->truth[i] != one->truth[first])
			return false;
	return true;
}

static double r2_of(const struct one *one)
{
	struct metric_sum mean = {0}, spread = {0};

	if (truth_is_constant(one))
		return NAN;
	for (size_t i = 0; i < one->in->n; i++)
		metric_add(&mean, metric_weight(one->in, i) * one->truth[i]);
	for (size_t i = 0; i < one->in->n; i++) {
		double off = one->truth[i] - metric_total(&mean) / one->weight;

		metric_add(&spread, metric_weight(one->in, i) * off * off);
	}
	return 1 - square_sum(one) / metric_total(&spread);
}

static double mape_of(const struct one *one)
{
	struct metric_sum sum = {0};

	for (size_t i = 0; i < one->in->n; i++) {
		if (metric_weight(one->in, i) == 0)
			continue;
		if (one->truth[i] == 0)
			return NAN;
		metric_add(&sum, metric_weight(one->in, i) * fabs((one->prediction[i] - one->truth[i]) / one->truth[i]));
	}
	return metric_total(&sum) / one->weight;
}

static double max_error_of(const struct one *one)
{
	double most = 0;

	for (size_t i = 0; i < one->in->n; i++)
		if (metric_weight(one->in, i) > 0)
			most = fmax(most, fabs(one->prediction[i] - one->truth[i]));
	return most;
}

struct weighed {
	double value, weight;
};

static int compare_weighed(const void *left, const void *right)
{
	const struct weighed *a = left, *b = right;

	if (a->value != b->value)
		return a->value < b->value ? -1 : 1;
	return (a->weight > b->weight) - (a->weight < b->weight);
}

/* The value up to which half of the weight lies; where that is between two values, their mean. */
static double median_of(const struct weighed *sorted, size_t count, double weight)
{
	struct metric_sum below = {0};

	for (size_t i = 0; i < count; i++) {
		metric_add(&below, sorted[i].weight);
		if (metric_total(&below) > weight / 2 || i + 1 == count)
			return sorted[i].value;
		if (metric_total(&below) == weight / 2)
			return sorted[i].value + (sorted[i + 1].value - sorted[i].value) / 2;
	}
	return NAN;
}

static double medae_of(const struct one *one)
{
	struct weighed *off = mem_must(one->in->n, sizeof(*off));
	size_t count = 0;
	double median;

	for (size_t i = 0; i < one->in->n; i++)
		if (metric_weight(one->in, i) > 0)
			off[count++] = (struct weighed){fabs(one->prediction[i] - one->truth[i]), metric_weight(one->in, i)};
	qsort(off, count, sizeof(*off), compare_weighed);
	median = median_of(off, count, one->weight);
	free(off);
	return median;
}

double metric_rmse(const struct metric_input *in)
{
	return mean_over_outputs(in, rmse_of);
}

double metric_mse(const struct metric_input *in)
{
	return mean_over_outputs(in, mse_of);
}

double metric_mae(const struct metric_input *in)
{
	return mean_over_outputs(in, mae_of);
}

double metric_r2(const struct metric_input *in)
{
	return mean_over_outputs(in, r2_of);
}

double metric_mape(const struct metric_input *in)
{
	return mean_over_outputs(in, mape_of);
}

double metric_medae(const struct metric_input *in)
{
	return mean_over_outputs(in, medae_of);
}

double metric_max_error(const struct metric_input *in)
{
	return mean_over_outputs(in, max_error_of);
}
