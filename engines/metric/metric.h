/* metric: scores of predictions. A static table; adding one is a function and a line (metric_table.c).
 * All inputs are column-major: value of output o at row i is [o * n + i]. Weights NULL: all 1. NaN in a prediction gives NaN.
 * Regression with several outputs: the mean over outputs of each output's score.
 * Circular: truth and prediction in degrees, one output; differences are taken on the circle, in [-180, 180]. */
#ifndef ENGINES_METRIC_METRIC_H
#define ENGINES_METRIC_METRIC_H

#include <stdbool.h>
#include <stddef.h>

enum metric_family { METRIC_REGRESSION, METRIC_CLASSIFICATION, METRIC_CIRCULAR };
struct metric_input {
	size_t n;
	unsigned outputs;          /* regression: targets; classification and circular: 1 */
	const double *truth;       /* classification: class codes 0..classes-1 */
	const double *prediction;  /* classification: predicted class codes */
	unsigned classes;          /* classification only */
	const double *probability; /* classification: n x classes, column-major, rows sum to 1; NULL otherwise */
	const double *weight;
};
struct metric {
	const char *name;
	const char *help; /* one line: what it is, unit */
	enum metric_family family;
	bool maximise;
	bool binary_only; /* needs exactly two classes; class 1 is the positive one */
	double (*score)(const struct metric_input *in); /* NaN: undefined for this input (one class only, n = 0) */
};
/* rmse mae r2 mape medae max_error mse; cmae crmse within_5 within_10 within_22_5 circular_r;
 * logloss auc (binary; macro one-vs-rest for more) accuracy balanced_accuracy f1 (binary; macro for more) precision recall
 * brier mcc average_precision */
const struct metric *metric_find(const char *name); /* NULL: none of that name */
extern const struct metric *const metric_table[];   /* NULL-terminated, in the order reports show them */
bool metric_better(const struct metric *metric, double a, double b); /* a strictly better than b; NaN is never better */
/* Difference that is positive when `with` is better than `without`, whatever the direction. */
double metric_gain(const struct metric *metric, double with, double without);

/* What one row costs, 0 or more, smaller is better whatever the metric's direction: the loss that the metric is a mean of (rmse: the squared
 * error), or for a metric that is none the one that comes nearest (auc: the log loss). One of part and fill. */
struct metric_row_loss {
	const char *name;
	const char *help; /* one line: what it is, unit */
	double (*part)(double truth, double prediction); /* of one output; the row's loss is the mean over outputs */
	void (*fill)(const struct metric_input *in, double *out);
};
const struct metric_row_loss *metric_row_loss(const struct metric *metric); /* every metric of the table has one */
/* out: room for in->n. NaN where the loss is undefined (a truth of 0 for a relative error). Weights play no part. */
void metric_row_losses(const struct metric_row_loss *loss, const struct metric_input *in, double *out);

#endif
