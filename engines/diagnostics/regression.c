#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/diagnostics/errors_by.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

#define HEX_COLUMNS 54
#define SHOWN_FEATURES 6
#define SHOWN_WORST 50
#define SHOWN_GROUPS 30

/* Degrees on the circle: in [-180, 180). */
static double turn(double degrees)
{
	double left = fmod(degrees + 180, 360);

	return (left < 0 ? left + 360 : left) - 180;
}

static json_t *density(const double *truth, const double *prediction, size_t count)
{
	double low, high, other_low, other_high;

	diagnose_core(truth, count, 0.0005, &low, &high);
	diagnose_core(prediction, count, 0.0005, &other_low, &other_high);
	low = other_low < low ? other_low : low;
	high = other_high > high ? other_high : high;
	return diagnose_hexagons(truth, prediction, count, (struct hex_range){low, high, low, high}, HEX_COLUMNS);
}

static json_t *against_fitted(const double *prediction, const double *error, size_t count)
{
	struct hex_range range;

	diagnose_core(prediction, count, 0.0005, &range.x_low, &range.x_high);
	diagnose_core(error, count, 0.001, &range.y_low, &range.y_high);
	return diagnose_hexagons(prediction, error, count, range, HEX_COLUMNS);
}

/* Quantiles of the standardised error against the normal's, at up to 201 points that are denser in the tails. */
static json_t *normal_quantiles(const double *error, size_t count, double mean, double sd)
{
	double *sorted = mem_must(count + 1, sizeof *sorted), *expected = mem_must(201, sizeof *expected), *observed = mem_must(201, sizeof *observed);
	double most = -diagnose_normal_quantile(0.5 / (double)count);
	size_t points = 0;
	json_t *out;

	memcpy(sorted, error, count * sizeof *sorted);
	diagnose_sort(sorted, count);
	for (int i = -100; i <= 100 && count > 1; i++) {
		double z = most * i / 100, p = 0.5 * erfc(-z / sqrt(2));

		expected[points] = z;
		observed[points++] = (diagnose_quantile(sorted, count, p) - mean) / sd;
	}
	out = json_pack("{s:o, s:o}", "normal", diagnose_array(expected, points), "error", diagnose_array(observed, points));
	free(sorted);
	free(expected);
	free(observed);
	return out;
}

static double r_squared(const double *truth, const double *error, size_t count)
{
	double mean = 0, total = 0, rest = 0;

	for (size_t i = 0; i < count; i++)
		mean += truth[i] / (double)count;
	for (size_t i = 0; i < count; i++) {
		total += (truth[i] - mean) * (truth[i] - mean);
		rest += error[i] * error[i];
	}
	return total > 0 ? 1 - rest / total : NAN;
}

static void add_common(json_t *out, const struct diagnose_regression *in, const double *error)
{
	json_object_set_new(out, "rows", json_integer((json_int_t)in->count));
	json_object_set_new(out, "by_feature", errors_by_features(in->columns, in->column_count, error, in->count, SHOWN_FEATURES));
	json_object_set_new(out, "by_category", errors_by_categories(in->columns, in->column_count, error, in->count, SHOWN_FEATURES));
	if (in->group)
		json_object_set_new(out, "by_group", errors_by_group(in->group, error, in->count, SHOWN_GROUPS));
	json_object_set_new(out, "worst", errors_worst(in->row, in->fold, in->truth, in->prediction, error, in->count, SHOWN_WORST));
	json_object_set_new(out, "rec", errors_rec(error, in->count));
}

static json_t *linear(const struct diagnose_regression *in, const double *error)
{
	json_t *out = json_object(), *histogram = errors_histogram(error, in->count, 60);
	double mean = json_get_real(histogram, "mean", NAN), sd = json_get_real(histogram, "sd", NAN), squares = 0, absolute = 0;

	for (size_t i = 0; i < in->count; i++) {
		squares += error[i] * error[i];
		absolute += fabs(error[i]);
	}
	json_object_set_new(out, "rmse", json_number_or_null(sqrt(squares / (double)in->count)));
	json_object_set_new(out, "mae", json_number_or_null(absolute / (double)in->count));
	json_object_set_new(out, "bias", json_number_or_null(mean));
	json_object_set_new(out, "sd", json_number_or_null(sd));
	json_object_set_new(out, "r2", json_number_or_null(r_squared(in->truth, error, in->count)));
	json_object_set_new(out, "density", density(in->truth, in->prediction, in->count));
	json_object_set_new(out, "fitted", against_fitted(in->prediction, error, in->count));
	json_object_set_new(out, "fitted_bins", errors_by_bins(in->prediction, error, in->count, 20));
	json_object_set_new(out, "histogram", histogram);
	json_object_set_new(out, "qq", normal_quantiles(error, in->count, mean, sd));
	json_object_set_new(out, "by_target", errors_by_bins(in->truth, error, in->count, 10));
	return out;
}

/* ---- around the circle ---- */

#define SECTORS 36

static json_t *around(const double *truth, const double *error, size_t count)
{
	double *sizes = mem_must(count + 1, sizeof *sizes), n[SECTORS], middle[SECTORS], mae[SECTORS], median[SECTORS], q90[SECTORS], bias[SECTORS];

	for (int s = 0; s < SECTORS; s++) {
		size_t found = 0;
		double sum = 0, sized = 0;

		for (size_t i = 0; i < count; i++) {
			double at = turn(truth[i]) + 180; /* 0 .. 360, south first */

			if ((int)(at / (360.0 / SECTORS)) % SECTORS != s)
				continue;
			sizes[found++] = fabs(error[i]);
			sum += error[i];
			sized += fabs(error[i]);
		}
		diagnose_sort(sizes, found);
		middle[s] = fmod((s + 0.5) * (360.0 / SECTORS) + 180, 360);
		n[s] = (double)found;
		mae[s] = found ? sized / (double)found : NAN;
		bias[s] = found ? sum / (double)found : NAN;
		median[s] = diagnose_quantile(sizes, found, 0.5);
		q90[s] = diagnose_quantile(sizes, found, 0.9);
	}
	free(sizes);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "degrees", diagnose_array(middle, SECTORS), "n", diagnose_array(n, SECTORS), "mae", diagnose_array(mae, SECTORS), "median",
	        diagnose_array(median, SECTORS), "q90", diagnose_array(q90, SECTORS), "bias", diagnose_array(bias, SECTORS));
}

static json_t *bands(const double *error, size_t count)
{
	static const double limits[] = {1, 2, 5, 10, 15, 22.5, 30, 45, 90};
	double share[9] = {0};

	for (size_t b = 0; b < 9; b++) {
		size_t within = 0;

		for (size_t i = 0; i < count; i++)
			within += fabs(error[i]) <= limits[b];
		share[b] = (double)within / (double)count;
	}
	return json_pack("{s:o, s:o}", "degrees", diagnose_array(limits, 9), "share", diagnose_array(share, 9));
}

static json_t *circular(const struct diagnose_regression *in, const double *error)
{
	json_t *out = json_object();
	double absolute = 0, bias = 0;

	for (size_t i = 0; i < in->count; i++) {
		absolute += fabs(error[i]);
		bias += error[i];
	}
	json_object_set_new(out, "mae", json_number_or_null(absolute / (double)in->count));
	json_object_set_new(out, "bias", json_number_or_null(bias / (double)in->count));
	json_object_set_new(out, "histogram", errors_histogram(error, in->count, 60));
	json_object_set_new(out, "around", around(in->truth, error, in->count));
	json_object_set_new(out, "within", bands(error, in->count));
	return out;
}

json_t *diagnose_regression(const struct diagnose_regression *in)
{
	double *error = mem_must(in->count + 1, sizeof *error);
	json_t *out;

	for (size_t i = 0; i < in->count; i++) {
		error[i] = in->prediction[i] - in->truth[i];
		if (in->circular)
			error[i] = turn(error[i]);
	}
	out = in->circular ? circular(in, error) : linear(in, error);
	add_common(out, in, error);
	free(error);
	return out;
}
