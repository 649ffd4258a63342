/* Scores of predicted probabilities. */
#include <float.h>
#include <stdlib.h>

#include "engines/metric/metric_list.h"
#include "storage/base/mem.h"

static bool has_probabilities(const struct metric_input *in)
{
	if (!in->probability || in->classes < 2 || !metric_usable(in))
		return false;
	for (size_t i = 0; i < in->n; i++)
		if (!metric_is_class(in->truth[i], in->classes))
			return false;
	return true;
}

/* A probability below the spacing of doubles at 1 counts as that, so that one impossible event costs 36, not everything. */
double metric_logloss(const struct metric_input *in)
{
	struct metric_sum sum = {0};

	if (!has_probabilities(in))
		return NAN;
	for (size_t i = 0; i < in->n; i++) {
		double p = in->probability[(size_t)in->truth[i] * in->n + i];

		metric_add(&sum, -metric_weight(in, i) * log(fmin(fmax(p, DBL_EPSILON), 1)));
	}
	return metric_total(&sum) / metric_weight_total(in);
}

double metric_brier(const struct metric_input *in)
{
	struct metric_sum sum = {0};

	if (!has_probabilities(in))
		return NAN;
	for (unsigned c = in->classes == 2 ? 1 : 0; c < in->classes; c++)
		for (size_t i = 0; i < in->n; i++) {
			double off = in->probability[c * in->n + i] - (in->truth[i] == c);

			metric_add(&sum, metric_weight(in, i) * off * off);
		}
	return metric_total(&sum) / metric_weight_total(in);
}

/* --- one class against the rest, by rank --- */

struct scored {
	double score, weight;
	size_t row;
	bool positive;
};

/* By the row among equals, so that sums are taken in one order. */
static int compare_scored(const void *left, const void *right)
{
	const struct scored *a = left, *b = right;

	if (a->score != b->score)
		return a->score < b->score ? -1 : 1;
	return (a->row > b->row) - (a->row < b->row);
}

/* Rows of equal score: they are passed at once. */
struct tie {
	size_t end;
	double positive, negative;
};

static struct tie tie_from(const struct scored *sorted, size_t count, size_t start)
{
	struct tie tie = {.end = start};

	while (tie.end < count && sorted[tie.end].score == sorted[start].score) {
		*(sorted[tie.end].positive ? &tie.positive : &tie.negative) += sorted[tie.end].weight;
		tie.end++;
	}
	return tie;
}

/* Share of pairs (positive, negative) in the right order, ties half: Mann and Whitney's U over its largest value. */
static double area(const struct scored *sorted, size_t count, double positive, double negative)
{
	struct metric_sum sum = {0};
	double below = 0;

	for (size_t start = 0; start < count;) {
		struct tie tie = tie_from(sorted, count, start);

		metric_add(&sum, tie.positive * (below + tie.negative / 2));
		below += tie.negative;
		start = tie.end;
	}
	return metric_total(&sum) / positive / negative;
}

/* Sum over thresholds of precision x gain in recall, from the highest score down; sorted holds minus the scores. */
static double precision_steps(const struct scored *sorted, size_t count, double positive, double negative)
{
	struct metric_sum sum = {0};
	double found = 0, wrong = 0;

	(void)negative;
	for (size_t start = 0; start < count;) {
		struct tie tie = tie_from(sorted, count, start);

		found += tie.positive;
		wrong += tie.negative;
		if (tie.positive > 0)
			metric_add(&sum, tie.positive * found / (found + wrong));
		start = tie.end;
	}
	return metric_total(&sum) / positive;
}

/* NaN when the class, or all but it, has no weight. */
static double class_score(const struct metric_input *in, unsigned class, double sign,
	double (*score)(const struct scored *, size_t, double, double))
{
	struct scored *sorted = mem_must(in->n, sizeof(*sorted));
	struct metric_sum positive = {0}, negative = {0};
	double value = NAN;

	for (size_t i = 0; i < in->n; i++) {
		sorted[i] = (struct scored){sign * in->probability[class * in->n + i], metric_weight(in, i), i, in->truth[i] == class};
		metric_add(sorted[i].positive ? &positive : &negative, sorted[i].weight);
	}
	if (metric_total(&positive) > 0 && metric_total(&negative) > 0) {
		qsort(sorted, in->n, sizeof(*sorted), compare_scored);
		value = score(sorted, in->n, metric_total(&positive), metric_total(&negative));
	}
	free(sorted);
	return value;
}

/* Two classes: class 1. More: the mean over classes that have rows in and outside of them. */
static double rank_score(const struct metric_input *in, double sign, double (*score)(const struct scored *, size_t, double, double))
{
	double sum = 0;
	unsigned defined = 0;

	if (!has_probabilities(in))
		return NAN;
	if (in->classes == 2)
		return class_score(in, 1, sign, score);
	for (unsigned c = 0; c < in->classes; c++) {
		double value = class_score(in, c, sign, score);

		if (isnan(value))
			continue;
		sum += value;
		defined++;
	}
	return sum / defined;
}

double metric_auc(const struct metric_input *in)
{
	return rank_score(in, 1, area);
}

double metric_average_precision(const struct metric_input *in)
{
	return rank_score(in, -1, precision_steps);
}
