#include "engines/metric/metric.h"

#include <math.h>
#include <string.h>

#include "engines/metric/metric_list.h"

#define REGRESSION(NAME, MAXIMISE, HELP) \
	static const struct metric row_##NAME = {.name = #NAME, .help = HELP, .family = METRIC_REGRESSION, .maximise = MAXIMISE, .score = metric_##NAME}
#define CIRCULAR(NAME, MAXIMISE, HELP) \
	static const struct metric row_##NAME = {.name = #NAME, .help = HELP, .family = METRIC_CIRCULAR, .maximise = MAXIMISE, .score = metric_##NAME}
#define CLASSES(NAME, MAXIMISE, HELP) \
	static const struct metric row_##NAME = {.name = #NAME, .help = HELP, .family = METRIC_CLASSIFICATION, .maximise = MAXIMISE, .score = metric_##NAME}

REGRESSION(rmse, false, "root of the mean squared error, in units of the target");
REGRESSION(mae, false, "mean absolute error, in units of the target");
REGRESSION(r2, true, "share of variance explained; 1 is perfect, 0 the mean; undefined for a constant truth");
REGRESSION(mape, false, "mean absolute error relative to the truth, a share (0.1 is 10 %); undefined when a truth is 0");
REGRESSION(medae, false, "median absolute error, in units of the target");
REGRESSION(max_error, false, "largest absolute error, in units of the target");
REGRESSION(mse, false, "mean squared error, in squared units of the target");
CIRCULAR(cmae, false, "mean absolute difference on the circle, in degrees");
CIRCULAR(crmse, false, "root of the mean squared difference on the circle, in degrees");
CIRCULAR(within_5, true, "share of rows that are off by 5 degrees or less");
CIRCULAR(within_10, true, "share of rows that are off by 10 degrees or less");
CIRCULAR(within_22_5, true, "share of rows that are off by 22.5 degrees or less");
CIRCULAR(circular_r, true, "circular correlation, -1 to 1; undefined without mean directions");
CLASSES(logloss, false, "mean negative natural logarithm of the true class's probability");
CLASSES(auc, true, "area under the ROC curve; the mean of one class against the rest when there are more than two");
CLASSES(accuracy, true, "share of rows whose class is right");
CLASSES(balanced_accuracy, true, "mean over classes of the share of their rows that is right");
CLASSES(f1, true, "harmonic mean of precision and recall of class 1; the mean over classes when there are more than two");
CLASSES(precision, true, "share of right ones among rows predicted as class 1; the mean over classes when there are more than two");
CLASSES(recall, true, "share of rows of class 1 that were found; the mean over classes when there are more than two");
CLASSES(brier, false, "mean squared error of class 1's probability; summed over classes when there are more than two");
CLASSES(mcc, true, "Matthews correlation of true and predicted classes, -1 to 1");
CLASSES(average_precision, true, "area under precision over recall, in steps; the mean of one class against the rest for more than two");

const struct metric *const metric_table[] = {
	&row_rmse, &row_mae, &row_r2, &row_mape, &row_medae, &row_max_error, &row_mse,
	&row_cmae, &row_crmse, &row_within_5, &row_within_10, &row_within_22_5, &row_circular_r,
	&row_logloss, &row_auc, &row_accuracy, &row_balanced_accuracy, &row_f1, &row_precision, &row_recall,
	&row_brier, &row_mcc, &row_average_precision,
	NULL,
};

const struct metric *metric_find(const char *name)
{
	for (size_t i = 0; metric_table[i]; i++)
		if (strcmp(metric_table[i]->name, name) == 0)
			return metric_table[i];
	return NULL;
}

bool metric_better(const struct metric *metric, double a, double b)
{
	if (isnan(a) || isnan(b))
		return !isnan(a);
	return metric->maximise ? a > b : a < b;
}

double metric_gain(const struct metric *metric, double with, double without)
{
	return metric->maximise ? with - without : without - with;
}

double metric_weight_total(const struct metric_input *in)
{
	struct metric_sum total = {0};

	for (size_t i = 0; i < in->n; i++)
		metric_add(&total, metric_weight(in, i));
	return metric_total(&total);
}

bool metric_usable(const struct metric_input *in)
{
	unsigned outputs = in->outputs ? in->outputs : 1;

	for (size_t i = 0; i < in->n * outputs; i++)
		if (isnan(in->truth[i]) || isnan(in->prediction[i]))
			return false;
	for (size_t i = 0; in->probability && i < in->n * in->classes; i++)
		if (isnan(in->probability[i]))
			return false;
	return in->n > 0 && metric_weight_total(in) > 0;
}
