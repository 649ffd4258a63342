/* Diagnostics against naive counts, sums over pairs, and values that are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "engines/diagnostics/bootstrap.h"
#include "engines/diagnostics/diagnostics.h"
#include "engines/diagnostics/effects.h"
#include "engines/diagnostics/errors_by.h"
#include "storage/base/json.h"

#define ROWS 600
#define NEAR(a, b, within) assert_near((a), (b), (within), #a, __LINE__)

static void assert_near(double a, double b, double within, const char *what, int line)
{
	if (!(fabs(a - b) <= within))
		fail_msg("line %d: %s is %.17g, not %.17g", line, what, a, b);
}

static double unit(uint64_t stream, uint64_t at)
{
	return address_unit(address_hash(address_hash(7, stream), at));
}

static double normal(uint64_t stream, uint64_t at)
{
	return diagnose_normal_quantile(unit(stream, at) * 0.999998 + 1e-6);
}

static double at(const json_t *object, const char *key, size_t i)
{
	const json_t *value = json_array_get(json_object_get(object, key), i);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

static size_t length(const json_t *object, const char *key)
{
	return json_array_size(json_object_get(object, key));
}

/* ---- ground ---- */

static void quantile__is_linear_between_order_statistics(void **state)
{
	const double sorted[] = {1, 2, 4, 8};

	(void)state;
	NEAR(diagnose_quantile(sorted, 4, 0), 1, 0);
	NEAR(diagnose_quantile(sorted, 4, 1), 8, 0);
	NEAR(diagnose_quantile(sorted, 4, 0.5), 3, 1e-15);
	NEAR(diagnose_quantile(sorted, 4, 0.9), 4 + 0.7 * 4, 1e-14);
	assert_true(isnan(diagnose_quantile(sorted, 0, 0.5)));
}

static void normal_quantile__is_the_inverse_of_the_normal_distribution(void **state)
{
	(void)state;
	NEAR(diagnose_normal_quantile(0.975), 1.959963984540054, 1e-14);
	NEAR(diagnose_normal_quantile(1e-12), -7.034483825301132, 1e-11);
	for (double p = 1e-9; p < 0.5; p *= 1.7) {
		double z = diagnose_normal_quantile(p);

		NEAR(0.5 * erfc(-z / sqrt(2)) / p, 1, 1e-12);
		NEAR(diagnose_normal_quantile(1 - p), -z, 1e-6); /* 1 - p has lost digits */
	}
	assert_true(isinf(diagnose_normal_quantile(0)));
	assert_true(isnan(diagnose_normal_quantile(1.5)));
}

/* Every point belongs to the nearest centre, found by looking at all of them. */
static void hexagons__count_what_the_nearest_centre_counts(void **state)
{
	double x[ROWS], y[ROWS], width, height, low_x, low_y;
	const struct hex_range range = {-1, 1, -2, 2};
	unsigned naive[64][64] = {{0}};
	size_t outside = 0, cells = 0;
	json_t *hexes;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		x[i] = normal(1, i) * 0.4;
		y[i] = normal(2, i);
	}
	hexes = diagnose_hexagons(x, y, ROWS, range, 12);
	width = json_get_real(hexes, "width", 0);
	height = json_get_real(hexes, "height", 0);
	low_x = json_get_real(hexes, "x_low", 0);
	low_y = json_get_real(hexes, "y_low", 0);
	for (size_t i = 0; i < ROWS; i++) {
		double best = INFINITY;
		size_t row = 0, column = 0;

		if (x[i] < -1 || x[i] > 1 || y[i] < -2 || y[i] > 2) {
			outside++;
			continue;
		}
		for (size_t r = 0; r < 40; r++)
			for (size_t c = 0; c < 40; c++) {
				double dx = (x[i] - (low_x + ((double)c + (r & 1 ? 0.5 : 0)) * width)) / width, dy = (y[i] - (low_y + (double)r * height)) / height * sqrt(3) / 2;

				if (dx * dx + dy * dy < best) {
					best = dx * dx + dy * dy;
					row = r;
					column = c;
				}
			}
		naive[row][column]++;
	}
	assert_int_equal(json_get_int(hexes, "outside", -1), outside);
	for (size_t r = 0; r < 64; r++)
		for (size_t c = 0; c < 64; c++)
			if (naive[r][c]) {
				NEAR(at(hexes, "n", cells), naive[r][c], 0);
				NEAR(at(hexes, "x", cells), low_x + ((double)c + (r & 1 ? 0.5 : 0)) * width, 1e-12);
				NEAR(at(hexes, "y", cells), low_y + (double)r * height, 1e-12);
				cells++;
			}
	assert_int_equal(length(hexes, "n"), cells);
	json_decref(hexes);
}

static void hexagons__of_one_point_and_of_equal_points(void **state)
{
	const double x[] = {3, 3}, y[] = {5, 5};
	json_t *hexes = diagnose_hexagons(x, y, 2, (struct hex_range){3, 3, 5, 5}, 10);

	(void)state;
	assert_int_equal(length(hexes, "n"), 1);
	NEAR(at(hexes, "n", 0), 2, 0);
	json_decref(hexes);
}

/* ---- errors ---- */

static void bins__hold_all_rows_and_the_means_of_their_ranges(void **state)
{
	double x[ROWS], error[ROWS], total = 0;
	json_t *bins;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		x[i] = i % 17 == 0 ? NAN : floor(unit(3, i) * 40); /* ties */
		error[i] = normal(4, i) + x[i];
		if (isnan(x[i]))
			error[i] = 1e9;
	}
	bins = errors_by_bins(x, error, ROWS, 10);
	for (size_t b = 0; b < length(bins, "n"); b++) {
		double sum = 0, absolute = 0, squares = 0, n = 0;

		for (size_t i = 0; i < ROWS; i++)
			if (x[i] >= at(bins, "low", b) && x[i] <= at(bins, "high", b)) {
				n++;
				sum += error[i];
				absolute += fabs(error[i]);
				squares += error[i] * error[i];
			}
		NEAR(at(bins, "n", b), n, 0);
		NEAR(at(bins, "mean", b), sum / n, 1e-10);
		NEAR(at(bins, "mae", b), absolute / n, 1e-10);
		NEAR(at(bins, "rmse", b), sqrt(squares / n), 1e-10);
		assert_true(b == 0 || at(bins, "low", b) > at(bins, "high", b - 1)); /* equal values stay together */
		total += n;
	}
	NEAR(total, ROWS - (ROWS + 16) / 17, 0);
	json_decref(bins);
}

static void histogram__counts_every_row_once(void **state)
{
	double error[ROWS], total = 0;
	json_t *histogram;

	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		error[i] = normal(5, i) * (i % 100 == 0 ? 50 : 1);
	histogram = errors_histogram(error, ROWS, 30);
	for (size_t b = 0; b < 30; b++) {
		double low = json_get_real(histogram, "low", 0), width = (json_get_real(histogram, "high", 0) - low) / 30, n = 0;

		for (size_t i = 0; i < ROWS; i++)
			n += error[i] >= low + width * (double)b - 1e-12 && error[i] < low + width * (double)(b + 1) - 1e-12;
		assert_true(fabs(at(histogram, "n", b) - n) <= 1); /* an edge may round to either side */
		total += at(histogram, "n", b);
	}
	NEAR(total + json_get_real(histogram, "outside", (double)json_get_int(histogram, "outside", 0)), ROWS, 0);
	json_decref(histogram);
}

static void rec__is_the_distribution_of_the_absolute_error(void **state)
{
	double error[ROWS], sum = 0;
	json_t *rec;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		error[i] = normal(6, i);
		sum += fabs(error[i]);
	}
	rec = errors_rec(error, ROWS);
	for (size_t p = 0; p < length(rec, "share"); p++) {
		double within = 0;

		for (size_t i = 0; i < ROWS; i++)
			within += fabs(error[i]) <= at(rec, "tolerance", p);
		NEAR(at(rec, "share", p), within / ROWS, 1e-12);
	}
	NEAR(json_get_real(rec, "area", 0), sum / ROWS, 1e-12);
	json_decref(rec);
}

static void worst__are_the_largest_in_order(void **state)
{
	const double row[] = {10, 11, 12, 13}, fold[] = {0, 1, 0, 1}, truth[] = {1, 1, 1, 1}, prediction[] = {2, -4, 1.5, 6}, error[] = {1, -5, 0.5, 5};
	json_t *worst = errors_worst(row, fold, truth, prediction, error, 4, 3);

	(void)state;
	assert_int_equal(length(worst, "row"), 3);
	NEAR(at(worst, "row", 0), 11, 0); /* a tie goes to the earlier row */
	NEAR(at(worst, "row", 1), 13, 0);
	NEAR(at(worst, "error", 2), 1, 0);
	json_decref(worst);
}

static void categories__levels_sum_up_and_the_rest_is_other(void **state)
{
	const char *levels[40];
	char names[40][8];
	double codes[ROWS], error[ROWS], total = 0;
	struct diagnose_column column = {.name = "c", .values = codes, .levels = levels, .level_count = 40};
	json_t *all, *first;

	(void)state;
	for (size_t l = 0; l < 40; l++) {
		snprintf(names[l], sizeof *names, "l%zu", l);
		levels[l] = names[l];
	}
	for (size_t i = 0; i < ROWS; i++) {
		codes[i] = i % 50 == 3 ? NAN : floor(unit(8, i) * unit(9, i) * 40);
		error[i] = normal(10, i);
	}
	all = errors_by_categories(&column, 1, error, ROWS, 3);
	first = json_object_get(json_array_get(all, 0), "levels");
	assert_int_equal(length(first, "level"), 21);
	assert_string_equal(json_string_value(json_array_get(json_object_get(first, "level"), 20)), "other");
	for (size_t l = 0; l < 21; l++) {
		const char *name = json_string_value(json_array_get(json_object_get(first, "level"), l));
		double n = 0, sum = 0;

		for (size_t i = 0; i < ROWS; i++)
			if (!isnan(codes[i]) && !strcmp(levels[(size_t)codes[i]], name)) {
				n++;
				sum += fabs(error[i]);
			}
		if (l < 20) {
			NEAR(at(first, "n", l), n, 0);
			NEAR(at(first, "mae", l), sum / n, 1e-12);
		}
		total += at(first, "n", l);
	}
	NEAR(total, ROWS - ROWS / 50, 0);
	json_decref(all);
}

static void regression__finds_the_feature_that_residuals_depend_on(void **state)
{
	double truth[ROWS], prediction[ROWS], row[ROWS], fold[ROWS], bent[ROWS], noise[ROWS];
	struct diagnose_column columns[] = {{.name = "noise", .values = noise}, {.name = "bent", .values = bent}};
	struct diagnose_regression in = {.count = ROWS, .truth = truth, .prediction = prediction, .row = row, .fold = fold, .columns = columns, .column_count = 2};
	double squares = 0, total = 0, mean = 0;
	json_t *out, *first;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		bent[i] = unit(11, i) * 2 - 1;
		noise[i] = unit(12, i);
		truth[i] = 3 * bent[i] + bent[i] * bent[i];
		prediction[i] = 3 * bent[i] + 0.33 + 0.1 * normal(13, i);
		row[i] = (double)i;
		fold[i] = i % 3;
		mean += truth[i] / ROWS;
	}
	for (size_t i = 0; i < ROWS; i++) {
		squares += (prediction[i] - truth[i]) * (prediction[i] - truth[i]);
		total += (truth[i] - mean) * (truth[i] - mean);
	}
	out = diagnose_regression(&in);
	first = json_array_get(json_object_get(out, "by_feature"), 0);
	assert_string_equal(json_get_text(first, "name", ""), "bent");
	assert_true(json_get_real(first, "share", 0) > 0.7);
	assert_true(json_get_real(json_array_get(json_object_get(out, "by_feature"), 1), "share", 1) < 0.1);
	NEAR(json_get_real(out, "rmse", 0), sqrt(squares / ROWS), 1e-12);
	NEAR(json_get_real(out, "r2", 0), 1 - squares / total, 1e-12);
	json_decref(out);
}

static void qq__of_normal_errors_is_the_diagonal(void **state)
{
	double truth[ROWS] = {0}, prediction[ROWS], row[ROWS] = {0}, fold[ROWS] = {0};
	struct diagnose_regression in = {.count = ROWS, .truth = truth, .prediction = prediction, .row = row, .fold = fold};
	json_t *out, *qq;

	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		prediction[i] = 5 + 2 * diagnose_normal_quantile(((double)i + 0.5) / ROWS);
	out = diagnose_regression(&in);
	qq = json_object_get(out, "qq");
	assert_int_equal(length(qq, "normal"), 201);
	for (size_t i = 30; i < 171; i++)
		NEAR(at(qq, "error", i), at(qq, "normal", i), 0.05);
	json_decref(out);
}

static void angle__errors_are_taken_on_the_circle(void **state)
{
	const double truth[] = {359, 1, 90, 180}, prediction[] = {1, 359, 93, -175}, row[] = {0, 1, 2, 3}, fold[] = {0, 0, 0, 0};
	struct diagnose_regression in = {.count = 4, .truth = truth, .prediction = prediction, .row = row, .fold = fold, .circular = true};
	json_t *out = diagnose_regression(&in), *within = json_object_get(out, "within"), *around = json_object_get(out, "around"), *worst = json_object_get(out, "worst");
	double rows = 0;

	(void)state;
	NEAR(json_get_real(out, "mae", 0), (2 + 2 + 3 + 5) / 4.0, 1e-12);
	NEAR(json_get_real(out, "bias", 0), (2 - 2 + 3 + 5) / 4.0, 1e-12);
	NEAR(at(worst, "error", 0), 5, 1e-12);
	NEAR(at(within, "share", 1), 0.5, 1e-12); /* 2 degrees */
	NEAR(at(within, "share", 2), 1, 1e-12);   /* 5 degrees */
	for (size_t s = 0; s < length(around, "n"); s++) {
		rows += at(around, "n", s);
		if (at(around, "degrees", s) == 95)
			NEAR(at(around, "mae", s), 3, 1e-12);
	}
	NEAR(rows, 4, 0);
	json_decref(out);
}

/* ---- classes ---- */

struct two_classes {
	double truth[ROWS], prediction[ROWS], probability[2 * ROWS], row[ROWS], fold[ROWS];
	struct diagnose_classes in;
};
static const char *const two_names[] = {"no", "yes"};

static void make_two(struct two_classes *data, double steps)
{
	for (size_t i = 0; i < ROWS; i++) {
		double p = 1 / (1 + exp(-2 * normal(20, i)));

		p = steps > 0 ? floor(p * steps) / steps : p; /* ties */
		data->truth[i] = unit(21, i) < p;
		data->probability[ROWS + i] = p;
		data->probability[i] = 1 - p;
		data->prediction[i] = p > 0.5;
		data->row[i] = (double)i;
		data->fold[i] = 0;
	}
	data->in = (struct diagnose_classes){.count = ROWS, .classes = 2, .names = two_names, .truth = data->truth, .prediction = data->prediction, .probability = data->probability,
	        .row = data->row, .fold = data->fold};
}

/* Pairs of a positive and a negative, ties half. */
static double pairs_won(const struct two_classes *data)
{
	double won = 0, pairs = 0;

	for (size_t i = 0; i < ROWS; i++)
		for (size_t j = 0; j < ROWS; j++)
			if (data->truth[i] == 1 && data->truth[j] == 0) {
				double a = data->probability[ROWS + i], b = data->probability[ROWS + j];

				pairs++;
				won += a > b ? 1 : a == b ? 0.5 : 0;
			}
	return won / pairs;
}

static void classes__areas_equal_naive_ones(void **state)
{
	static const double steps[] = {0, 10};

	(void)state;
	for (size_t s = 0; s < 2; s++) {
		static struct two_classes data;
		struct metric_input in = {.n = ROWS, .outputs = 1, .classes = 2};
		json_t *out, *roc, *pr;

		make_two(&data, steps[s]);
		in.truth = data.truth;
		in.prediction = data.prediction;
		in.probability = data.probability;
		out = diagnose_classes(&data.in);
		roc = json_array_get(json_object_get(out, "roc"), 0);
		pr = json_array_get(json_object_get(out, "pr"), 0);
		NEAR(json_get_real(roc, "area", 0), pairs_won(&data), 1e-12);
		NEAR(json_get_real(pr, "area", 0), metric_find("average_precision")->score(&in), 1e-12);
		NEAR(at(roc, "x", 0), 0, 0);
		NEAR(at(roc, "y", length(roc, "y") - 1), 1, 0);
		assert_true(length(roc, "x") <= 201);
		json_decref(out);
	}
}

static void classes__thresholds_equal_naive_counts(void **state)
{
	static struct two_classes data;
	json_t *out, *sweep;

	(void)state;
	make_two(&data, 50);
	out = diagnose_classes(&data.in);
	sweep = json_object_get(out, "thresholds");
	for (size_t t = 0; t < 99; t++) {
		double limit = at(sweep, "limit", t), tp = 0, fp = 0, fn = 0, tn = 0;

		for (size_t i = 0; i < ROWS; i++) {
			bool called = data.probability[ROWS + i] >= limit;

			tp += called && data.truth[i] == 1;
			fp += called && data.truth[i] == 0;
			fn += !called && data.truth[i] == 1;
			tn += !called && data.truth[i] == 0;
		}
		NEAR(at(sweep, "recall", t), tp / (tp + fn), 1e-12);
		NEAR(at(sweep, "accuracy", t), (tp + tn) / ROWS, 1e-12);
		NEAR(at(sweep, "f1", t), 2 * tp / (2 * tp + fp + fn), 1e-12);
		if (tp + fp > 0)
			NEAR(at(sweep, "precision", t), tp / (tp + fp), 1e-12);
		else
			assert_true(isnan(at(sweep, "precision", t)));
	}
	json_decref(out);
}

static void classes__calibration_gains_and_confusion_equal_naive_counts(void **state)
{
	static struct two_classes data;
	double brier = 0, best[60], found = 0, positives = 0;
	json_t *out, *calibration, *lift, *rows;

	(void)state;
	make_two(&data, 0);
	out = diagnose_classes(&data.in);
	calibration = json_array_get(json_object_get(out, "calibration"), 0);
	for (size_t b = 0; b < 15; b++) {
		double n = 0, hits = 0;

		for (size_t i = 0; i < ROWS; i++)
			if ((size_t)(data.probability[ROWS + i] * 15) == b) {
				n++;
				hits += data.truth[i];
			}
		NEAR(at(calibration, "n", b), n, 0);
		if (n > 0)
			NEAR(at(calibration, "observed", b), hits / n, 1e-12);
		assert_true(n == 0 || (at(calibration, "low", b) <= hits / n && hits / n <= at(calibration, "high", b)));
	}
	for (size_t i = 0; i < ROWS; i++) {
		double gap = data.probability[ROWS + i] - data.truth[i];

		brier += gap * gap / ROWS;
		positives += data.truth[i];
	}
	NEAR(json_get_real(calibration, "brier", 0), brier, 1e-12);
	memset(best, 0, sizeof best);
	for (size_t k = 0; k < 60; k++) { /* the best tenth, one after the other */
		size_t top = 0;
		double most = -1;

		for (size_t i = 0; i < ROWS; i++) {
			bool taken = false;

			for (size_t j = 0; j < k; j++)
				taken = taken || best[j] == (double)i;
			if (!taken && data.probability[ROWS + i] > most) {
				most = data.probability[ROWS + i];
				top = i;
			}
		}
		best[k] = (double)top;
		found += data.truth[top];
	}
	lift = json_object_get(out, "lift");
	NEAR(at(lift, "found", 10), found / positives, 1e-12);
	NEAR(at(lift, "found", 0), 0, 0);
	NEAR(at(lift, "found", 100), 1, 1e-12);
	rows = json_object_get(json_object_get(out, "confusion"), "rows");
	for (int r = 0; r < 2; r++)
		for (int c = 0; c < 2; c++) {
			double n = 0;

			for (size_t i = 0; i < ROWS; i++)
				n += data.truth[i] == r && data.prediction[i] == c;
			NEAR(json_number_value(json_array_get(json_array_get(rows, (size_t)r), (size_t)c)), n, 0);
		}
	json_decref(out);
}

static void classes__of_one_class_only_have_no_curves(void **state)
{
	const double truth[] = {1, 1}, prediction[] = {1, 0}, probability[] = {0.2, 0.6, 0.8, 0.4}, row[] = {0, 1}, fold[] = {0, 0};
	struct diagnose_classes in = {.count = 2, .classes = 2, .names = two_names, .truth = truth, .prediction = prediction, .probability = probability, .row = row, .fold = fold};
	json_t *out = diagnose_classes(&in);

	(void)state;
	assert_int_equal(length(out, "roc"), 0);
	assert_null(json_object_get(out, "thresholds"));
	assert_non_null(json_object_get(out, "confusion"));
	json_decref(out);
}

static void classes__many_are_shown_as_the_frequent_and_the_rest(void **state)
{
	const char *names[50];
	double truth[ROWS], row[ROWS] = {0}, fold[ROWS] = {0}, total = 0;
	struct diagnose_classes in = {.count = ROWS, .classes = 50, .names = names, .truth = truth, .prediction = truth, .row = row, .fold = fold};
	json_t *out, *confusion;

	(void)state;
	for (size_t c = 0; c < 50; c++)
		names[c] = "c";
	for (size_t i = 0; i < ROWS; i++)
		truth[i] = floor(unit(30, i) * unit(31, i) * 50);
	out = diagnose_classes(&in);
	confusion = json_object_get(out, "confusion");
	assert_int_equal(length(confusion, "names"), 20);
	for (size_t r = 0; r < 20; r++)
		for (size_t c = 0; c < 20; c++)
			total += json_number_value(json_array_get(json_array_get(json_object_get(confusion, "rows"), r), c));
	NEAR(total, ROWS, 0);
	NEAR(json_get_real(out, "accuracy", 0), 1, 0);
	json_decref(out);
}

/* ---- the search ---- */

static void importance__is_that_of_a_known_function(void **state)
{
	double a[ROWS], b[ROWS], c[ROWS], score[ROWS];
	struct diagnose_axis axes[] = {{.name = "a", .values = a}, {.name = "b", .values = b, .list = true}, {.name = "c", .values = c, .log = true}};
	json_t *out, *again;
	char *first, *second;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		a[i] = unit(40, i);
		b[i] = floor(unit(41, i) * 3);
		c[i] = pow(10, -3 * unit(42, i));
		score[i] = 3 * a[i] + (b[i] == 2); /* variances 9/12 and 2/9; c does nothing */
	}
	out = diagnose_importance(axes, 3, score, ROWS, 5);
	NEAR(at(out, "importance", 0), 0.771, 0.05);
	NEAR(at(out, "importance", 1), 0.229, 0.05);
	NEAR(at(out, "importance", 2), 0, 0.01);
	NEAR(json_get_real(out, "interactions", 1), 0, 0.06);
	again = diagnose_importance(axes, 3, score, ROWS, 5);
	first = json_text(out, JSON_STYLE_CANONICAL);
	second = json_text(again, JSON_STYLE_CANONICAL);
	assert_string_equal(first, second);
	free(first);
	free(second);
	json_decref(out);
	json_decref(again);
}

static void importance__of_a_product_is_an_interaction(void **state)
{
	double a[ROWS], b[ROWS], score[ROWS];
	struct diagnose_axis axes[] = {{.name = "a", .values = a, .list = true}, {.name = "b", .values = b, .list = true}};
	json_t *out;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		a[i] = i % 2;
		b[i] = i / 2 % 2;
		score[i] = a[i] == b[i];
	}
	for (size_t i = 0; i < 8; i++)
		score[i] += 0.2 * unit(43, i); /* no cut gains anything in an exact exclusive-or: a tree needs a nudge */
	out = diagnose_importance(axes, 2, score, ROWS, 5);
	assert_true(json_get_real(out, "interactions", 0) > 0.8);
	json_decref(out);
}

static void importance__of_nothing_searched_or_equal_scores_is_missing(void **state)
{
	const double a[] = {1, 2, 3, 4, 5, 6, 7, 8}, same[] = {1, 1, 1, 1, 1, 1, 1, 1}, failed[] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, 1};
	struct diagnose_axis axis = {.name = "a", .values = a};
	json_t *out = diagnose_importance(&axis, 1, same, 8, 1);

	(void)state;
	assert_true(isnan(at(out, "importance", 0)));
	json_decref(out);
	out = diagnose_importance(&axis, 1, failed, 8, 1);
	assert_true(isnan(at(out, "importance", 0)));
	json_decref(out);
	out = diagnose_importance(NULL, 0, same, 8, 1);
	assert_int_equal(length(out, "importance"), 0);
	json_decref(out);
}

/* ---- the data ---- */

static void ks__equals_the_greatest_gap_over_all_points(void **state)
{
	(void)state;
	for (size_t round = 0; round < 20; round++) {
		double a[50], b[30], most = 0;

		for (size_t i = 0; i < 50; i++)
			a[i] = floor(normal(50 + round, i) * 4);
		for (size_t i = 0; i < 30; i++)
			b[i] = floor(normal(80 + round, i) * 4 + (double)round / 4);
		diagnose_sort(a, 50);
		diagnose_sort(b, 30);
		for (size_t k = 0; k < 80; k++) {
			double x = k < 50 ? a[k] : b[k - 50], below_a = 0, below_b = 0;

			for (size_t i = 0; i < 50; i++)
				below_a += a[i] <= x;
			for (size_t i = 0; i < 30; i++)
				below_b += b[i] <= x;
			most = fmax(most, fabs(below_a / 50 - below_b / 30));
		}
		NEAR(diagnose_ks(a, 50, b, 30), most, 1e-15);
	}
	assert_true(isnan(diagnose_ks(NULL, 0, NULL, 0)));
	NEAR(diagnose_ks_p(1.3580986 / sqrt(5e7), 100000000, 100000000), 0.05, 1e-5); /* the limit distribution's 5 % point */
	NEAR(diagnose_ks_p(0, 50, 50), 1, 0);
	assert_true(diagnose_ks_p(1, 50, 50) < 1e-12);
}

static void drift__names_the_column_that_moved(void **state)
{
	double still[ROWS], moved[ROWS], kind[ROWS];
	bool holdout[ROWS];
	static const char *const levels[] = {"a", "b"};
	struct diagnose_column columns[] = {{.name = "still", .values = still}, {.name = "moved", .values = moved}, {.name = "kind", .values = kind, .levels = levels, .level_count = 2}};
	json_t *out;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		holdout[i] = i % 4 == 0;
		still[i] = normal(60, i);
		moved[i] = normal(61, i) + (holdout[i] ? 1.5 : 0);
		kind[i] = holdout[i] ? i % 8 == 0 : 0; /* half against none */
	}
	out = diagnose_drift(columns, 3, ROWS, holdout);
	assert_string_equal(json_string_value(json_array_get(json_object_get(out, "features"), 0)), "moved");
	assert_string_equal(json_string_value(json_array_get(json_object_get(out, "features"), 2)), "still");
	NEAR(at(out, "distance", 1), 0.5, 1e-12);
	assert_true(at(out, "p", 0) < 1e-9);
	assert_true(isnan(at(out, "p", 1)));
	assert_true(at(out, "p", 2) > 0.01);
	json_decref(out);
}

static void order__puts_like_beside_like(void **state)
{
	enum { N = 9 };
	double matrix[N * N];
	size_t order[N], place[N];
	bool seen[N] = {false};

	(void)state;
	for (size_t i = 0; i < N; i++)
		for (size_t j = 0; j < N; j++)
			matrix[i * N + j] = i == j ? 1 : i % 3 == j % 3 ? 0.9 : i + j == 5 ? NAN : 0.1;
	diagnose_order(matrix, N, order);
	for (size_t i = 0; i < N; i++) {
		assert_false(seen[order[i]]);
		seen[order[i]] = true;
		place[order[i]] = i;
	}
	for (size_t family = 0; family < 3; family++) {
		size_t low = N, high = 0;

		for (size_t i = family; i < N; i += 3) {
			low = place[i] < low ? place[i] : low;
			high = place[i] > high ? place[i] : high;
		}
		assert_int_equal(high - low, 2);
	}
}

static void bootstrap__interval_is_that_of_theory(void **state)
{
	static double truth[4000], prediction[4000];
	const struct metric *metrics[] = {metric_find("mae"), metric_find("rmse"), NULL};
	struct metric_input in = {.n = 4000, .outputs = 1, .truth = truth, .prediction = prediction};
	double sum = 0, squares = 0, se;
	json_t *out, *again, *mae;

	(void)state;
	for (size_t i = 0; i < 4000; i++) {
		prediction[i] = normal(70, i);
		sum += fabs(prediction[i]);
		squares += prediction[i] * prediction[i];
	}
	se = sqrt((squares / 4000 - sum * sum / 16e6) / 4000);
	out = bootstrap_metrics(metrics, &in, 3);
	again = bootstrap_metrics(metrics, &in, 3);
	mae = json_object_get(out, "mae");
	NEAR(json_get_real(mae, "value", 0), sum / 4000, 1e-12);
	NEAR(json_get_real(mae, "low", 0), sum / 4000 - 1.96 * se, 0.3 * se);
	NEAR(json_get_real(mae, "high", 0), sum / 4000 + 1.96 * se, 0.3 * se);
	assert_true(json_equal(out, again));
	json_decref(out);
	json_decref(again);
}

static int product_model(void *state, const double *values, size_t rows, double *out, struct orch_err *err)
{
	(void)err;
	++*(size_t *)state;
	for (size_t r = 0; r < rows; r++) {
		out[r] = -1; /* an output that is not looked at */
		out[rows + r] = 2 * values[3 * r] + values[3 * r + 1] * values[3 * r + 2];
	}
	return 0;
}

/* f = 2 a + b c: the mean curve of a is a line of slope 2; that of b has the slope mean(c), and the rows' curves differ by c. */
static void effects__of_a_known_model(void **state)
{
	double values[3 * ROWS], mean_c = 0;
	static const char *const levels[] = {"none", "some", "much"};
	const struct diagnose_column columns[] = {{.name = "a"}, {.name = "b"}, {.name = "c", .levels = levels, .level_count = 3}};
	size_t calls = 0;
	const struct effects_model model = {.state = &calls, .outputs = 2, .shown = 1, .predict = product_model};
	json_t *out = NULL, *a = NULL, *b = NULL, *c = NULL, *effect;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS; i++) {
		values[3 * i] = unit(90, i) * 4;
		values[3 * i + 1] = unit(91, i);
		values[3 * i + 2] = (double)(i % 3);
		mean_c += values[3 * i + 2] / ROWS;
	}
	assert_int_equal(effects(&model, values, ROWS, columns, 3, 9, &out, NULL), 0);
	assert_int_equal(calls, 20 + 20 + 3);
	json_array_foreach(out, i, effect)
		*(!strcmp(json_get_text(effect, "name", ""), "a") ? &a : !strcmp(json_get_text(effect, "name", ""), "b") ? &b : &c) = effect;
	assert_ptr_equal(json_array_get(out, 0), a); /* it moves most */
	for (i = 1; i < 20; i++) {
		NEAR((at(a, "mean", i) - at(a, "mean", 0)) / (at(a, "x", i) - at(a, "x", 0)), 2, 1e-9);
		NEAR(at(a, "high", i) - at(a, "low", i), 0, 1e-9); /* no interaction: all rows move alike */
		NEAR((at(b, "mean", i) - at(b, "mean", 0)) / (at(b, "x", i) - at(b, "x", 0)), mean_c, 1e-9);
	}
	assert_true(at(b, "high", 19) - at(b, "low", 19) > 0.3);
	assert_string_equal(json_string_value(json_array_get(json_object_get(c, "level"), 2)), "much");
	json_decref(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantile__is_linear_between_order_statistics), cmocka_unit_test(normal_quantile__is_the_inverse_of_the_normal_distribution),
		cmocka_unit_test(hexagons__count_what_the_nearest_centre_counts), cmocka_unit_test(hexagons__of_one_point_and_of_equal_points),
		cmocka_unit_test(bins__hold_all_rows_and_the_means_of_their_ranges), cmocka_unit_test(histogram__counts_every_row_once),
		cmocka_unit_test(rec__is_the_distribution_of_the_absolute_error), cmocka_unit_test(worst__are_the_largest_in_order),
		cmocka_unit_test(categories__levels_sum_up_and_the_rest_is_other), cmocka_unit_test(regression__finds_the_feature_that_residuals_depend_on),
		cmocka_unit_test(qq__of_normal_errors_is_the_diagonal), cmocka_unit_test(angle__errors_are_taken_on_the_circle),
		cmocka_unit_test(classes__areas_equal_naive_ones), cmocka_unit_test(classes__thresholds_equal_naive_counts),
		cmocka_unit_test(classes__calibration_gains_and_confusion_equal_naive_counts), cmocka_unit_test(classes__of_one_class_only_have_no_curves),
		cmocka_unit_test(classes__many_are_shown_as_the_frequent_and_the_rest), cmocka_unit_test(importance__is_that_of_a_known_function),
		cmocka_unit_test(importance__of_a_product_is_an_interaction), cmocka_unit_test(importance__of_nothing_searched_or_equal_scores_is_missing),
		cmocka_unit_test(ks__equals_the_greatest_gap_over_all_points), cmocka_unit_test(drift__names_the_column_that_moved),
		cmocka_unit_test(order__puts_like_beside_like), cmocka_unit_test(effects__of_a_known_model), cmocka_unit_test(bootstrap__interval_is_that_of_theory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
