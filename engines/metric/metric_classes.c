/* Scores of predicted classes: all of them functions of the weighted confusion matrix. */
#include <stdlib.h>

#include "engines/metric/metric_list.h"
#include "storage/base/mem.h"

struct confusion {
	unsigned classes;
	double *cells;            /* [truth * classes + predicted] */
	double *truth, *predicted; /* totals of each class */
	double right, total;
};

/* Sums of at most 2^53 rows of weight 1 are exact, so plain additions do. */
static bool confusion_make(const struct metric_input *in, struct confusion *out)
{
	size_t classes = in->classes;

	if (!metric_usable(in))
		return false;
	for (size_t i = 0; i < in->n; i++)
		if (!metric_is_class(in->truth[i], in->classes) || !metric_is_class(in->prediction[i], in->classes))
			return false;
	*out = (struct confusion){.classes = in->classes, .cells = mem_must(classes * classes + 2 * classes, sizeof(double))};
	out->truth = out->cells + classes * classes;
	out->predicted = out->truth + classes;
	for (size_t i = 0; i < in->n; i++) {
		size_t t = (size_t)in->truth[i], p = (size_t)in->prediction[i];

		out->cells[t * classes + p] += metric_weight(in, i);
		out->truth[t] += metric_weight(in, i);
		out->predicted[p] += metric_weight(in, i);
		out->right += t == p ? metric_weight(in, i) : 0;
		out->total += metric_weight(in, i);
	}
	return true;
}

static double score_of(const struct metric_input *in, double (*score)(const struct confusion *))
{
	struct confusion confusion;
	double value;

	if (!confusion_make(in, &confusion))
		return NAN;
	value = score(&confusion);
	free(confusion.cells);
	return value;
}

/* 0 / 0 is 0: nothing of that class was predicted, or none was there to be found. */
static double ratio(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

static double class_precision(const struct confusion *c, size_t k)
{
	return ratio(c->cells[k * c->classes + k], c->predicted[k]);
}

static double class_recall(const struct confusion *c, size_t k)
{
	return ratio(c->cells[k * c->classes + k], c->truth[k]);
}

static double class_f1(const struct confusion *c, size_t k)
{
	return ratio(2 * c->cells[k * c->classes + k], c->truth[k] + c->predicted[k]);
}

/* Two classes: class 1; undefined when there is neither a row of it nor a prediction. More: mean over those that occur in either. */
static double class_mean(const struct confusion *c, double (*score)(const struct confusion *, size_t))
{
	double sum = 0;
	unsigned occur = 0;

	if (c->classes == 2)
		return c->truth[1] + c->predicted[1] > 0 ? score(c, 1) : NAN;
	for (size_t k = 0; k < c->classes; k++)
		if (c->truth[k] + c->predicted[k] > 0) {
			sum += score(c, k);
			occur++;
		}
	return sum / occur;
}

static double precision_of(const struct confusion *c)
{
	return class_mean(c, class_precision);
}

static double recall_of(const struct confusion *c)
{
	return c->classes == 2 && c->truth[1] == 0 ? NAN : class_mean(c, class_recall);
}

static double f1_of(const struct confusion *c)
{
	return class_mean(c, class_f1);
}

static double accuracy_of(const struct confusion *c)
{
	return c->right / c->total;
}

static double balanced_accuracy_of(const struct confusion *c)
{
	double sum = 0;
	unsigned occur = 0;

	for (size_t k = 0; k < c->classes; k++)
		if (c->truth[k] > 0) {
			sum += class_recall(c, k);
			occur++;
		}
	return sum / occur;
}

/* Gorodkin, Comput. Biol. Chem. 28 (2004) 367; for two classes it is Matthews' coefficient. Predicting one class only scores 0. */
static double mcc_of(const struct confusion *c)
{
	double truth = c->total * c->total, predicted = truth, both = c->right * c->total;

	for (size_t k = 0; k < c->classes; k++) {
		if (c->truth[k] == c->total)
			return NAN;
		truth -= c->truth[k] * c->truth[k];
		predicted -= c->predicted[k] * c->predicted[k];
		both -= c->truth[k] * c->predicted[k];
	}
	for (size_t k = 0; k < c->classes; k++)
		if (c->predicted[k] == c->total)
			return 0;
	return both / (sqrt(truth) * sqrt(predicted));
}

double metric_accuracy(const struct metric_input *in)
{
	return score_of(in, accuracy_of);
}

double metric_balanced_accuracy(const struct metric_input *in)
{
	return score_of(in, balanced_accuracy_of);
}

double metric_f1(const struct metric_input *in)
{
	return score_of(in, f1_of);
}

double metric_precision(const struct metric_input *in)
{
	return score_of(in, precision_of);
}

double metric_recall(const struct metric_input *in)
{
	return score_of(in, recall_of);
}

double metric_mcc(const struct metric_input *in)
{
	return score_of(in, mcc_of);
}
