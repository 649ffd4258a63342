#include "engines/diagnostics/errors_by.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"

#define LEVELS_SHOWN 20

struct pair {
	double x, error;
};

/* Finite x only, ascending, equal ones in the rows' order. */
static struct pair *sorted_pairs(const double *x, const double *error, size_t count, size_t *out_count)
{
	struct pair *pairs = mem_must(count + 1, sizeof *pairs);
	uint32_t *places = mem_must(count + 1, sizeof *places);
	size_t n = 0;

	diagnose_places(x, count, places);
	for (size_t i = 0; i < count; i++)
		if (isfinite(x[places[i]]))
			pairs[n++] = (struct pair){x[places[i]], error[places[i]]};
	free(places);
	*out_count = n;
	return pairs;
}

static void append(json_t *object, const char *key, double value)
{
	json_t *array = json_object_get(object, key);

	if (!array) {
		array = json_array();
		json_object_set_new(object, key, array);
	}
	json_array_append_new(array, json_number_or_null(value));
}

static void add_bin(json_t *out, const struct pair *pairs, size_t count)
{
	static const struct { const char *name; double p; } quantiles[] = {{"q10", 0.1}, {"q25", 0.25}, {"q50", 0.5}, {"q75", 0.75}, {"q90", 0.9}};
	double *errors = mem_must(count + 1, sizeof *errors), sum = 0, absolute = 0, squares = 0;

	for (size_t i = 0; i < count; i++) {
		errors[i] = pairs[i].error;
		sum += errors[i];
		absolute += fabs(errors[i]);
		squares += errors[i] * errors[i];
	}
	diagnose_sort(errors, count);
	append(out, "low", pairs[0].x);
	append(out, "high", pairs[count - 1].x);
	append(out, "middle", count % 2 ? pairs[count / 2].x : (pairs[count / 2 - 1].x + pairs[count / 2].x) / 2);
	append(out, "n", (double)count);
	append(out, "mean", sum / (double)count);
	for (size_t q = 0; q < 5; q++)
		append(out, quantiles[q].name, diagnose_quantile(errors, count, quantiles[q].p));
	append(out, "mae", absolute / (double)count);
	append(out, "rmse", sqrt(squares / (double)count));
	free(errors);
}

/* The end of the bin that begins at from: a share of what is left, equal values together. */
static size_t bin_end(const struct pair *pairs, size_t count, size_t from, size_t bins_left)
{
	size_t end = from + (count - from + bins_left - 1) / bins_left;

	while (end < count && pairs[end].x == pairs[end - 1].x)
		end++;
	return end;
}

json_t *errors_by_bins(const double *x, const double *error, size_t count, size_t bins)
{
	json_t *out = json_object();
	size_t n, left = bins;
	struct pair *pairs = sorted_pairs(x, error, count, &n);

	for (size_t from = 0, end; from < n; from = end) {
		end = bin_end(pairs, n, from, left);
		add_bin(out, pairs + from, end - from);
		left -= left > 1;
	}
	free(pairs);
	return out;
}

/* Share of the error's variance that lies between bins of x (eta squared). */
static double explained(const double *x, const double *error, size_t count, size_t bins)
{
	size_t n, left = bins;
	struct pair *pairs = sorted_pairs(x, error, count, &n);
	double mean = 0, total = 0, between = 0;

	for (size_t i = 0; i < n; i++)
		mean += pairs[i].error / (double)n;
	for (size_t i = 0; i < n; i++)
		total += (pairs[i].error - mean) * (pairs[i].error - mean);
	for (size_t from = 0, end; from < n; from = end) {
		double sum = 0;

		end = bin_end(pairs, n, from, left);
		for (size_t i = from; i < end; i++)
			sum += pairs[i].error - mean;
		between += sum * sum / (double)(end - from);
		left -= left > 1;
	}
	free(pairs);
	return total > 0 ? between / total : 0;
}

struct ranked_column {
	size_t at;
	double share;
};

static int by_share(const void *a, const void *b)
{
	const struct ranked_column *p = a, *q = b;

	return p->share != q->share ? (p->share < q->share) - (p->share > q->share) : (p->at > q->at) - (p->at < q->at);
}

static struct ranked_column *rank_columns(const struct diagnose_column *columns, size_t column_count, bool categories, const double *error, size_t count, size_t *found)
{
	struct ranked_column *ranked = mem_must(column_count + 1, sizeof *ranked);
	size_t n = 0;

	for (size_t c = 0; c < column_count; c++)
		if ((columns[c].levels != NULL) == categories)
			ranked[n++] = (struct ranked_column){c, explained(columns[c].values, error, count, categories ? columns[c].level_count + 1 : 20)};
	qsort(ranked, n, sizeof *ranked, by_share);
	*found = n;
	return ranked;
}

json_t *errors_by_features(const struct diagnose_column *columns, size_t column_count, const double *error, size_t count, size_t shown)
{
	size_t found;
	struct ranked_column *ranked = rank_columns(columns, column_count, false, error, count, &found);
	json_t *out = json_array();

	for (size_t i = 0; i < found && i < shown; i++)
		json_array_append_new(out, json_pack("{s:s, s:f, s:o}", "name", columns[ranked[i].at].name, "share", ranked[i].share, "bins",
		        errors_by_bins(columns[ranked[i].at].values, error, count, 20)));
	free(ranked);
	return out;
}

struct level {
	double value, sum, absolute, squares;
	size_t n;
};

static int by_count(const void *a, const void *b)
{
	const struct level *p = a, *q = b;

	return p->n != q->n ? (p->n < q->n) - (p->n > q->n) : (p->value > q->value) - (p->value < q->value);
}

static int by_mae(const void *a, const void *b)
{
	const struct level *p = a, *q = b;
	double x = p->absolute / (double)p->n, y = q->absolute / (double)q->n;

	return x != y ? (x < y) - (x > y) : (p->value > q->value) - (p->value < q->value);
}

static struct level *sum_levels(const double *x, const double *error, size_t count, size_t *out_count)
{
	size_t n, levels = 0;
	struct pair *pairs = sorted_pairs(x, error, count, &n);
	struct level *out = mem_must(n + 2, sizeof *out);

	for (size_t i = 0; i < n; i++) {
		if (!i || pairs[i].x != pairs[i - 1].x)
			out[levels++].value = pairs[i].x;
		out[levels - 1].n++;
		out[levels - 1].sum += pairs[i].error;
		out[levels - 1].absolute += fabs(pairs[i].error);
		out[levels - 1].squares += pairs[i].error * pairs[i].error;
	}
	free(pairs);
	*out_count = levels;
	return out;
}

static void add_level(json_t *out, const struct level *level, const char *name)
{
	json_t *names = json_object_get(out, "level");
	double n = (double)level->n, mean = level->sum / n, variance = level->n > 1 ? (level->squares - n * mean * mean) / (n - 1) : NAN;

	if (!names) {
		names = json_array();
		json_object_set_new(out, "level", names);
	}
	json_array_append_new(names, json_string_nocheck(name));
	append(out, "n", n);
	append(out, "mean", mean);
	append(out, "mae", level->absolute / n);
	append(out, "se", variance >= 0 ? sqrt(variance / n) : NAN);
}

static void level_name(const struct diagnose_column *column, double value, char out[300])
{
	char number[TEXT_NUMBER_MAX];

	if (column->levels && value >= 0 && value < (double)column->level_count)
		snprintf(out, 300, "%.290s", column->levels[(size_t)value]);
	else
		snprintf(out, 300, "%s", text_number(value, number));
}

static json_t *pack_levels(const struct diagnose_column *column, const double *error, size_t count)
{
	size_t n;
	struct level *levels = sum_levels(column->values, error, count, &n), rest = {0};
	json_t *out = json_object();
	char name[300];

	qsort(levels, n, sizeof *levels, by_count);
	for (size_t i = 0; i < n; i++) {
		if (i < LEVELS_SHOWN || n == LEVELS_SHOWN + 1) {
			level_name(column, levels[i].value, name);
			add_level(out, &levels[i], name);
			continue;
		}
		rest.n += levels[i].n;
		rest.sum += levels[i].sum;
		rest.absolute += levels[i].absolute;
		rest.squares += levels[i].squares;
	}
	if (rest.n)
		add_level(out, &rest, "other");
	free(levels);
	return out;
}

json_t *errors_by_categories(const struct diagnose_column *columns, size_t column_count, const double *error, size_t count, size_t shown)
{
	size_t found;
	struct ranked_column *ranked = rank_columns(columns, column_count, true, error, count, &found);
	json_t *out = json_array();

	for (size_t i = 0; i < found && i < shown; i++)
		json_array_append_new(out, json_pack("{s:s, s:f, s:o}", "name", columns[ranked[i].at].name, "share", ranked[i].share, "levels", pack_levels(&columns[ranked[i].at], error, count)));
	free(ranked);
	return out;
}

json_t *errors_by_group(const struct diagnose_column *group, const double *error, size_t count, size_t shown)
{
	size_t n;
	struct level *levels = sum_levels(group->values, error, count, &n);
	json_t *out = json_object();
	char name[300];

	qsort(levels, n, sizeof *levels, by_mae);
	for (size_t i = 0; i < n && i < shown; i++) {
		level_name(group, levels[i].value, name);
		add_level(out, &levels[i], name);
	}
	json_object_set_new(out, "groups", json_integer((json_int_t)n));
	json_object_set_new(out, "name", json_string_nocheck(group->name));
	free(levels);
	return out;
}

/* ---- rows, curves ---- */

json_t *errors_worst(const double *row, const double *fold, const double *truth, const double *prediction, const double *error, size_t count, size_t shown)
{
	double *size = mem_must(count + 1, sizeof *size);
	uint32_t *places = mem_must(count + 1, sizeof *places);
	json_t *out = json_object();

	for (size_t i = 0; i < count; i++)
		size[i] = -fabs(error[i]);
	diagnose_places(size, count, places);
	for (size_t i = 0; i < count && i < shown; i++) {
		append(out, "row", row[places[i]]);
		append(out, "fold", fold[places[i]]);
		append(out, "truth", truth[places[i]]);
		append(out, "prediction", prediction[places[i]]);
		append(out, "error", error[places[i]]);
	}
	free(size);
	free(places);
	return out;
}

json_t *errors_rec(const double *error, size_t count)
{
	double *sizes = mem_must(count + 1, sizeof *sizes), sum = 0, end;
	json_t *out = json_object();
	size_t within = 0;

	for (size_t i = 0; i < count; i++) {
		sizes[i] = fabs(error[i]);
		sum += sizes[i];
	}
	diagnose_sort(sizes, count);
	end = diagnose_quantile(sizes, count, 0.99);
	for (int i = 0; i <= 200; i++) {
		double tolerance = end * i / 200;

		while (within < count && sizes[within] <= tolerance)
			within++;
		append(out, "tolerance", tolerance);
		append(out, "share", (double)within / (double)count);
	}
	json_object_set_new(out, "area", json_number_or_null(sum / (double)count));
	json_object_set_new(out, "median", json_number_or_null(diagnose_quantile(sizes, count, 0.5)));
	json_object_set_new(out, "q90", json_number_or_null(diagnose_quantile(sizes, count, 0.9)));
	free(sizes);
	return out;
}

json_t *errors_histogram(const double *error, size_t count, size_t bins)
{
	double low, high, *n = mem_must(bins + 1, sizeof *n), mean = 0, squares = 0;
	size_t outside = 0;
	json_t *out;

	diagnose_core(error, count, 0.002, &low, &high);
	if (!(high > low)) {
		low -= 0.5;
		high += 0.5;
	}
	for (size_t i = 0; i < count; i++)
		mean += error[i] / (double)count;
	for (size_t i = 0; i < count; i++) {
		double at = (error[i] - low) / (high - low) * (double)bins;

		squares += (error[i] - mean) * (error[i] - mean);
		if (error[i] < low || error[i] > high)
			outside++;
		else
			n[at >= (double)bins ? bins - 1 : (size_t)at]++;
	}
	out = json_pack("{s:f, s:f, s:o, s:I, s:o, s:o}", "low", low, "high", high, "n", diagnose_array(n, bins), "outside", (json_int_t)outside, "mean", json_number_or_null(mean), "sd",
	        json_number_or_null(count > 1 ? sqrt(squares / (double)(count - 1)) : NAN));
	free(n);
	return out;
}
