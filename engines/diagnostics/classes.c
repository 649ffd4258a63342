#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/diagnostics/errors_by.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

#define CURVES_SHOWN 6
#define CURVE_POINTS 200
#define CALIBRATION_BINS 15
#define CONFUSION_SHOWN 20

struct scored {
	double score;
	bool positive;
};

static int by_score(const void *a, const void *b)
{
	const struct scored *p = a, *q = b;

	return (p->score < q->score) - (p->score > q->score); /* equal scores are taken together, their order does not matter */
}

/* Rows of one class against the rest, best score first. */
static struct scored *one_against_rest(const struct diagnose_classes *in, unsigned class, size_t *positives)
{
	struct scored *rows = mem_must(in->count + 1, sizeof *rows);

	*positives = 0;
	for (size_t i = 0; i < in->count; i++) {
		rows[i] = (struct scored){in->probability[(size_t)class * in->count + i], in->truth[i] == class};
		*positives += rows[i].positive;
	}
	qsort(rows, in->count, sizeof *rows, by_score);
	return rows;
}

struct curve {
	double *x, *y;
	size_t count;
};

static struct curve curve_new(size_t most)
{
	return (struct curve){mem_must(most + 1, sizeof(double)), mem_must(most + 1, sizeof(double)), 0};
}

/* At most CURVE_POINTS of the points, the first and the last among them. */
static void curve_put(json_t *out, struct curve *curve)
{
	json_t *x = json_array(), *y = json_array();
	size_t last = SIZE_MAX;

	for (size_t i = 0; i <= CURVE_POINTS && curve->count; i++) {
		size_t at = i * (curve->count - 1) / CURVE_POINTS;

		if (at == last)
			continue;
		last = at;
		json_array_append_new(x, json_number_or_null(curve->x[at]));
		json_array_append_new(y, json_number_or_null(curve->y[at]));
	}
	json_object_set_new(out, "x", x);
	json_object_set_new(out, "y", y);
	free(curve->x);
	free(curve->y);
}

/* False positive rate, true positive rate at every distinct score; area by trapezoids. */
static json_t *roc(const struct scored *rows, size_t count, size_t positives)
{
	struct curve curve = curve_new(count + 1);
	double area = 0, negatives = (double)(count - positives), tp = 0, fp = 0;
	json_t *out = json_object();

	curve.count = 1; /* 0, 0 */
	for (size_t i = 0; i < count;) {
		double tp0 = tp, fp0 = fp, score = rows[i].score;

		for (; i < count && rows[i].score == score; i++) {
			tp += rows[i].positive;
			fp += !rows[i].positive;
		}
		area += (fp - fp0) * (tp + tp0) / 2;
		curve.x[curve.count] = fp / negatives;
		curve.y[curve.count++] = tp / (double)positives;
	}
	curve_put(out, &curve);
	json_object_set_new(out, "area", json_number_or_null(area / negatives / (double)positives));
	return out;
}

/* Recall and precision; area is the average precision (a sum over steps, not interpolated). */
static json_t *precision_recall(const struct scored *rows, size_t count, size_t positives)
{
	struct curve curve = curve_new(count + 1);
	double area = 0, tp = 0;
	json_t *out = json_object();

	for (size_t i = 0; i < count;) {
		double tp0 = tp, score = rows[i].score;

		for (; i < count && rows[i].score == score; i++)
			tp += rows[i].positive;
		area += (tp - tp0) / (double)positives * tp / (double)i;
		curve.x[curve.count] = tp / (double)positives;
		curve.y[curve.count++] = tp / (double)i;
	}
	curve_put(out, &curve);
	json_object_set_new(out, "area", json_number_or_null(area));
	json_object_set_new(out, "share", json_number_or_null((double)positives / (double)count));
	return out;
}

/* Wilson's interval for a share of k in n. */
static void wilson(double k, double n, double *low, double *high)
{
	const double z = 1.959963984540054;
	double p = k / n, middle = p + z * z / (2 * n), half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)), scale = 1 + z * z / n;

	*low = (middle - half) / scale;
	*high = (middle + half) / scale;
}

/* Equal bins of the predicted probability: mean prediction, observed share with its 95 % interval, rows. */
static json_t *calibration(const struct scored *rows, size_t count)
{
	double n[CALIBRATION_BINS] = {0}, sum[CALIBRATION_BINS] = {0}, hits[CALIBRATION_BINS] = {0}, mean[CALIBRATION_BINS], share[CALIBRATION_BINS], low[CALIBRATION_BINS], high[CALIBRATION_BINS];
	double brier = 0, ece = 0;

	for (size_t i = 0; i < count; i++) {
		double p = rows[i].score, at = p * CALIBRATION_BINS;
		size_t bin = !(at > 0) ? 0 : at >= CALIBRATION_BINS ? CALIBRATION_BINS - 1 : (size_t)at;

		n[bin]++;
		sum[bin] += p;
		hits[bin] += rows[i].positive;
		brier += (p - rows[i].positive) * (p - rows[i].positive);
	}
	for (size_t b = 0; b < CALIBRATION_BINS; b++) {
		mean[b] = n[b] > 0 ? sum[b] / n[b] : NAN;
		share[b] = n[b] > 0 ? hits[b] / n[b] : NAN;
		low[b] = high[b] = NAN;
		if (n[b] > 0) {
			wilson(hits[b], n[b], &low[b], &high[b]);
			ece += fabs(sum[b] - hits[b]);
		}
	}
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:f, s:f}", "predicted", diagnose_array(mean, CALIBRATION_BINS), "observed", diagnose_array(share, CALIBRATION_BINS), "low",
	        diagnose_array(low, CALIBRATION_BINS), "high", diagnose_array(high, CALIBRATION_BINS), "n", diagnose_array(n, CALIBRATION_BINS), "brier", brier / (double)count, "ece",
	        ece / (double)count);
}

/* Cumulated gains: share of the positives among the best-scored share of the rows, at every hundredth. Equal scores are taken in proportion. */
static json_t *gains(const struct scored *rows, size_t count, size_t positives)
{
	double x[101], y[101], tp = 0, before = 0;
	size_t at = 0, begin = 0;

	for (int i = 0; i <= 100; i++) {
		double wanted = (double)count * i / 100, inside;

		while (at < count && (double)at < wanted) { /* whole blocks of equal scores up to the one that holds the cut */
			double score = rows[at].score;

			begin = at;
			before = tp;
			for (; at < count && rows[at].score == score; at++)
				tp += rows[at].positive;
		}
		inside = at > begin && wanted < (double)at ? before + (tp - before) * (wanted - (double)begin) / (double)(at - begin) : tp;
		x[i] = i / 100.0;
		y[i] = i ? inside / (double)positives : 0;
	}
	return json_pack("{s:o, s:o, s:f}", "share", diagnose_array(x, 101), "found", diagnose_array(y, 101), "positives", (double)positives / (double)count);
}

static json_t *score_histogram(const struct scored *rows, size_t count)
{
	double n[2][40] = {{0}};

	for (size_t i = 0; i < count; i++) {
		double at = rows[i].score * 40;

		n[rows[i].positive][!(at > 0) ? 0 : at >= 40 ? 39 : (size_t)at]++;
	}
	return json_pack("{s:o, s:o}", "negative", diagnose_array(n[0], 40), "positive", diagnose_array(n[1], 40));
}

/* Precision, recall, F1, accuracy and share of rows called positive when the limit is at each hundredth (score >= limit is positive). */
static json_t *thresholds(const struct scored *rows, size_t count, size_t positives)
{
	double limit[99], precision[99], recall[99], f1[99], accuracy[99], called[99], best = -1, best_at = NAN;
	size_t at = count;
	double tp = (double)positives;

	for (int i = 0; i < 99; i++) {
		limit[i] = (i + 1) / 100.0;
		while (at > 0 && rows[at - 1].score < limit[i])
			tp -= rows[--at].positive;
		called[i] = (double)at / (double)count;
		precision[i] = at ? tp / (double)at : NAN;
		recall[i] = tp / (double)positives;
		f1[i] = 2 * tp / ((double)at + (double)positives);
		accuracy[i] = (tp + (double)(count - positives) - ((double)at - tp)) / (double)count;
		if (f1[i] > best) {
			best = f1[i];
			best_at = limit[i];
		}
	}
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "limit", diagnose_array(limit, 99), "precision", diagnose_array(precision, 99), "recall", diagnose_array(recall, 99), "f1",
	        diagnose_array(f1, 99), "accuracy", diagnose_array(accuracy, 99), "called", diagnose_array(called, 99), "best", json_number_or_null(best_at), "best_f1", json_number_or_null(best));
}

/* ---- classes ---- */

struct frequent {
	size_t n;
	unsigned class;
};

static int by_rows(const void *a, const void *b)
{
	const struct frequent *p = a, *q = b;

	return p->n != q->n ? (p->n < q->n) - (p->n > q->n) : (p->class > q->class) - (p->class < q->class);
}

static struct frequent *frequencies(const struct diagnose_classes *in)
{
	struct frequent *out = mem_must(in->classes + 1, sizeof *out);

	for (unsigned c = 0; c < in->classes; c++)
		out[c].class = c;
	for (size_t i = 0; i < in->count; i++)
		out[(size_t)in->truth[i]].n++;
	qsort(out, in->classes, sizeof *out, by_rows);
	return out;
}

/* Rows by true and predicted class; the most frequent classes in the classes' own order, the others together. */
static json_t *confusion(const struct diagnose_classes *in, const struct frequent *frequent)
{
	unsigned shown = in->classes <= CONFUSION_SHOWN ? in->classes : CONFUSION_SHOWN - 1, size = shown + (shown < in->classes), next = 0;
	unsigned *place = mem_must(in->classes + 1, sizeof *place);
	double *n = mem_must((size_t)size * size, sizeof *n);
	json_t *names = json_array(), *rows = json_array();

	for (unsigned c = 0; c < in->classes; c++)
		place[c] = shown;
	for (unsigned i = 0; i < shown; i++)
		place[frequent[i].class] = 0;
	for (unsigned c = 0; c < in->classes; c++)
		if (place[c] != shown) {
			place[c] = next++;
			json_array_append_new(names, json_string_nocheck(in->names[c]));
		}
	if (shown < in->classes)
		json_array_append_new(names, json_string("other"));
	for (size_t i = 0; i < in->count; i++)
		n[place[(size_t)in->truth[i]] * size + place[(size_t)in->prediction[i]]]++;
	for (unsigned r = 0; r < size; r++)
		json_array_append_new(rows, diagnose_array(n + (size_t)r * size, size));
	free(place);
	free(n);
	return json_pack("{s:o, s:o}", "names", names, "rows", rows);
}

static void add_curves(json_t *out, const struct diagnose_classes *in, const struct frequent *frequent)
{
	unsigned shown = in->classes == 2 ? 1 : in->classes < CURVES_SHOWN ? in->classes : CURVES_SHOWN;
	json_t *rocs = json_array(), *prs = json_array(), *calibrations = json_array();

	for (unsigned i = 0; i < shown; i++) {
		unsigned class = in->classes == 2 ? 1 : frequent[i].class;
		size_t positives;
		struct scored *rows = one_against_rest(in, class, &positives);
		json_t *parts[3];

		if (positives && positives < in->count) {
			parts[0] = roc(rows, in->count, positives);
			parts[1] = precision_recall(rows, in->count, positives);
			parts[2] = calibration(rows, in->count);
			for (int p = 0; p < 3; p++)
				json_object_set_new(parts[p], "class", json_string_nocheck(in->names[class]));
			json_array_append_new(rocs, parts[0]);
			json_array_append_new(prs, parts[1]);
			json_array_append_new(calibrations, parts[2]);
			if (in->classes == 2) {
				json_object_set_new(out, "scores", score_histogram(rows, in->count));
				json_object_set_new(out, "thresholds", thresholds(rows, in->count, positives));
				json_object_set_new(out, "lift", gains(rows, in->count, positives));
				json_object_set_new(out, "positive", json_string_nocheck(in->names[class]));
				json_object_set_new(out, "negative", json_string_nocheck(in->names[1 - class]));
			}
		}
		free(rows);
	}
	json_object_set_new(out, "roc", rocs);
	json_object_set_new(out, "pr", prs);
	json_object_set_new(out, "calibration", calibrations);
}

/* For rows, the error is what the true class lacks in probability; without probabilities 0 or 1. */
json_t *diagnose_classes(const struct diagnose_classes *in)
{
	struct frequent *frequent = frequencies(in);
	double *error = mem_must(in->count + 1, sizeof *error), right = 0;
	json_t *out = json_object();

	for (size_t i = 0; i < in->count; i++) {
		right += in->truth[i] == in->prediction[i];
		error[i] = in->probability ? 1 - in->probability[(size_t)in->truth[i] * in->count + i] : in->truth[i] != in->prediction[i];
	}
	json_object_set_new(out, "rows", json_integer((json_int_t)in->count));
	json_object_set_new(out, "classes", json_integer(in->classes));
	json_object_set_new(out, "accuracy", json_number_or_null(right / (double)in->count));
	json_object_set_new(out, "confusion", confusion(in, frequent));
	if (in->probability)
		add_curves(out, in, frequent);
	json_object_set_new(out, "by_category", errors_by_categories(in->columns, in->column_count, error, in->count, 6));
	json_object_set_new(out, "worst", errors_worst(in->row, in->fold, in->truth, in->prediction, error, in->count, 50));
	free(frequent);
	free(error);
	return out;
}
