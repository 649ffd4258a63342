#include "engines/lofo/lofo_stats.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "engines/lofo/student.h"
#include "storage/base/mem.h"

#define LEVEL 0.05

struct valued {
	double value;
	size_t index;
};

/* NaN last, then by index. */
static int compare_unknown(const struct valued *a, const struct valued *b)
{
	if (isnan(a->value) != isnan(b->value))
		return isnan(a->value) ? 1 : -1;
	return a->index < b->index ? -1 : a->index > b->index;
}

static int compare_ascending(const void *left, const void *right)
{
	const struct valued *a = left, *b = right;

	if (a->value < b->value || a->value > b->value)
		return a->value < b->value ? -1 : 1;
	return compare_unknown(a, b);
}

static int compare_descending(const void *left, const void *right)
{
	const struct valued *a = left, *b = right;

	if (a->value < b->value || a->value > b->value)
		return a->value > b->value ? -1 : 1;
	return compare_unknown(a, b);
}

/* --- many p values at once --- */

/* Sorted, unknown ones last; *known: how many are not NaN. */
static struct valued *sort_p(const double *p, size_t count, size_t *known)
{
	struct valued *sorted = mem_array(count, sizeof(*sorted));

	*known = 0;
	for (size_t i = 0; sorted && i < count; i++) {
		sorted[i] = (struct valued){p[i], i};
		*known += !isnan(p[i]);
	}
	if (sorted)
		qsort(sorted, count, sizeof(*sorted), compare_ascending);
	return sorted;
}

int lofo_adjust_holm(const double *p, size_t count, double *out, struct orch_err *err)
{
	size_t known;
	struct valued *sorted = sort_p(p, count, &known);
	double most = 0;

	if (!sorted)
		return orch_fail(err, ORCH_ENOMEM, "no memory for %zu p values", count);
	for (size_t i = 0; i < count; i++) {
		most = i < known ? fmax(most, fmin(1, sorted[i].value * (double)(known - i))) : NAN;
		out[sorted[i].index] = most;
	}
	free(sorted);
	return 0;
}

int lofo_adjust_bh(const double *p, size_t count, double *out, struct orch_err *err)
{
	size_t known;
	struct valued *sorted = sort_p(p, count, &known);
	double least = 1;

	if (!sorted)
		return orch_fail(err, ORCH_ENOMEM, "no memory for %zu p values", count);
	for (size_t i = count; i-- > 0;) {
		if (i < known)
			least = fmin(least, sorted[i].value * ((double)known / (double)(i + 1))); /* never below p itself */
		out[sorted[i].index] = i < known ? least : NAN;
	}
	free(sorted);
	return 0;
}

/* --- one unit --- */

static double delta_of(const struct lofo_request *request, size_t unit, size_t fold)
{
	double with = request->with[fold], without = request->without[unit * request->folds + fold];

	return isfinite(with) && isfinite(without) ? metric_gain(request->metric, with, without) : NAN;
}

static void unit_means(const struct lofo_request *request, size_t unit, struct lofo_stat *stat)
{
	double sum = 0, squares = 0, without = 0;
	size_t scored = 0;

	for (size_t j = 0; j < request->folds; j++) {
		double delta = delta_of(request, unit, j), score = request->without[unit * request->folds + j];

		if (isfinite(score)) {
			without += score;
			scored++;
		}
		if (!isnan(delta)) {
			sum += delta;
			stat->pairs++;
		}
	}
	if (scored > 0)
		stat->score_without = without / (double)scored;
	if (stat->pairs == 0)
		return;
	stat->delta_mean = sum / (double)stat->pairs;
	for (size_t j = 0; j < request->folds; j++) {
		double off = delta_of(request, unit, j) - stat->delta_mean;

		squares += isnan(off) ? 0 : off * off;
	}
	if (stat->pairs > 1)
		stat->delta_sd = sqrt(squares / (double)(stat->pairs - 1));
}

static void unit_test(const struct lofo_request *request, struct lofo_stat *stat, double critical)
{
	double error = stat->delta_sd * sqrt(1.0 / (double)stat->pairs + request->test_train);

	if (error > 0)
		stat->t = stat->delta_mean / error;
	else
		stat->t = stat->delta_mean == 0 ? 0 : copysign(INFINITY, stat->delta_mean);
	stat->p = student_two_sided(stat->t, (double)(stat->pairs - 1));
	stat->ci_low = stat->delta_mean - critical * error;
	stat->ci_high = stat->delta_mean + critical * error;
}

static void units_fill(const struct lofo_request *request, struct lofo_stat *stats)
{
	size_t pairs = 0;
	double critical = NAN; /* of `pairs` pairs: mostly the same for all units */

	for (size_t u = 0; u < request->units; u++) {
		stats[u] = (struct lofo_stat){.score_without = NAN, .delta_mean = NAN, .delta_sd = NAN, .t = NAN, .p = NAN, .ci_low = NAN,
		                              .ci_high = NAN, .p_holm = NAN, .p_bh = NAN};
		unit_means(request, u, &stats[u]);
		if (stats[u].pairs < 2)
			continue;
		if (stats[u].pairs != pairs) {
			pairs = stats[u].pairs;
			critical = student_critical(LEVEL, (double)(pairs - 1));
		}
		unit_test(request, &stats[u], critical);
	}
}

/* --- all units --- */

static int fill_adjusted(const struct lofo_request *request, struct lofo_stat *stats, struct orch_err *err)
{
	size_t units = request->units;
	double *p = mem_array(units, 3 * sizeof(*p));
	int code;

	if (!p)
		return orch_fail(err, ORCH_ENOMEM, "no memory for %zu p values", units);
	for (size_t u = 0; u < units; u++)
		p[u] = stats[u].p;
	code = lofo_adjust_holm(p, units, p + units, err);
	if (!code)
		code = lofo_adjust_bh(p, units, p + 2 * units, err);
	for (size_t u = 0; !code && u < units; u++) {
		stats[u].p_holm = p[units + u];
		stats[u].p_bh = p[2 * units + u];
	}
	free(p);
	return code;
}

static void fill_ranks(const struct lofo_request *request, struct lofo_stat *stats, unsigned *fold_rank, struct valued *sorted)
{
	for (size_t u = 0; u < request->units; u++)
		sorted[u] = (struct valued){stats[u].delta_mean, u};
	qsort(sorted, request->units, sizeof(*sorted), compare_descending);
	for (size_t r = 0; r < request->units; r++)
		stats[sorted[r].index].rank = (unsigned)r + 1;
	for (size_t j = 0; fold_rank && j < request->folds; j++) {
		for (size_t u = 0; u < request->units; u++)
			sorted[u] = (struct valued){delta_of(request, u, j), u};
		qsort(sorted, request->units, sizeof(*sorted), compare_descending);
		for (size_t r = 0; r < request->units; r++)
			fold_rank[sorted[r].index * request->folds + j] = isnan(sorted[r].value) ? 0 : (unsigned)r + 1;
	}
}

int lofo_stats(const struct lofo_request *request, struct lofo_stat *stats, unsigned *fold_rank, struct orch_err *err)
{
	struct valued *sorted = mem_array(request->units, sizeof(*sorted));
	struct lofo_stat *made = mem_array(request->units, sizeof(*made));
	int code = 0;

	if (!sorted || !made)
		code = orch_fail(err, ORCH_ENOMEM, "no memory for the statistics of %zu features", request->units);
	if (!code) {
		units_fill(request, made);
		code = fill_adjusted(request, made, err);
	}
	if (!code) {
		fill_ranks(request, made, fold_rank, sorted);
		for (size_t u = 0; u < request->units; u++)
			stats[u] = made[u];
	}
	free(sorted);
	free(made);
	return code;
}
