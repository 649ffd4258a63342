/* What single rows cost: the losses behind the metrics (metric.h). */
#include <float.h>
#include <string.h>

#include "engines/metric/metric_list.h"

/* Mean over the outputs of part(truth, prediction). */
static void over_outputs(const struct metric_input *in, double (*part)(double truth, double prediction), double *out)
{
	for (size_t i = 0; i < in->n; i++) {
		struct metric_sum sum = {0};

		for (unsigned o = 0; o < in->outputs; o++)
			metric_add(&sum, part(in->truth[o * in->n + i], in->prediction[o * in->n + i]));
		out[i] = metric_total(&sum) / in->outputs;
	}
}

static double part_square(double truth, double prediction)
{
	return (prediction - truth) * (prediction - truth);
}

static double part_absolute(double truth, double prediction)
{
	return fabs(prediction - truth);
}

static double part_relative(double truth, double prediction)
{
	return truth == 0 ? NAN : fabs((prediction - truth) / truth);
}

static double part_angle(double truth, double prediction)
{
	return fabs(metric_turn(truth, prediction));
}

static double part_square_angle(double truth, double prediction)
{
	double turn = metric_turn(truth, prediction);

	return turn * turn;
}

static double part_beyond(double truth, double prediction, double limit)
{
	double turn = fabs(metric_turn(truth, prediction));

	return isnan(turn) ? NAN : turn > limit;
}

static double part_beyond_5(double truth, double prediction)
{
	return part_beyond(truth, prediction, 5);
}

static double part_beyond_10(double truth, double prediction)
{
	return part_beyond(truth, prediction, 10);
}

static double part_beyond_22_5(double truth, double prediction)
{
	return part_beyond(truth, prediction, 22.5);
}

static double part_wrong(double truth, double prediction)
{
	return truth != prediction;
}

/* Clipped as metric_logloss clips. */
static void log_losses(const struct metric_input *in, double *out)
{
	for (size_t i = 0; i < in->n; i++)
		out[i] = in->probability && metric_is_class(in->truth[i], in->classes) ?
		         -log(fmin(fmax(in->probability[(size_t)in->truth[i] * in->n + i], DBL_EPSILON), 1)) : NAN;
}

static void brier_losses(const struct metric_input *in, double *out)
{
	for (size_t i = 0; i < in->n; i++) {
		out[i] = in->probability ? 0 : NAN;
		for (unsigned c = in->classes == 2 ? 1 : 0; in->probability && c < in->classes; c++) {
			double off = in->probability[c * in->n + i] - (in->truth[i] == c);

			out[i] += off * off;
		}
	}
}

static const struct metric_row_loss loss_table[] = {
	{"squared_error", "squared error, in squared units of the target", part_square, NULL},
	{"absolute_error", "absolute error, in units of the target", part_absolute, NULL},
	{"relative_error", "absolute error relative to the truth, a share", part_relative, NULL},
	{"angle", "absolute difference on the circle, in degrees", part_angle, NULL},
	{"squared_angle", "squared difference on the circle, in squared degrees", part_square_angle, NULL},
	{"beyond_5", "1 when off by more than 5 degrees, else 0", part_beyond_5, NULL},
	{"beyond_10", "1 when off by more than 10 degrees, else 0", part_beyond_10, NULL},
	{"beyond_22_5", "1 when off by more than 22.5 degrees, else 0", part_beyond_22_5, NULL},
	{"wrong_class", "1 when the class is wrong, else 0", part_wrong, NULL},
	{"log_loss", "negative natural logarithm of the true class's probability", NULL, log_losses},
	{"brier", "squared error of class 1's probability; summed over classes when there are more than two", NULL, brier_losses},
};
/* A metric that is no mean over rows has the loss that comes nearest. */
static const struct {
	const char *metric, *loss;
} loss_of[] = {
	{"rmse", "squared_error"}, {"mse", "squared_error"}, {"r2", "squared_error"},
	{"mae", "absolute_error"}, {"medae", "absolute_error"}, {"max_error", "absolute_error"}, {"mape", "relative_error"},
	{"cmae", "angle"}, {"circular_r", "angle"}, {"crmse", "squared_angle"},
	{"within_5", "beyond_5"}, {"within_10", "beyond_10"}, {"within_22_5", "beyond_22_5"},
	{"logloss", "log_loss"}, {"auc", "log_loss"}, {"average_precision", "log_loss"}, {"brier", "brier"},
	{"accuracy", "wrong_class"}, {"balanced_accuracy", "wrong_class"}, {"f1", "wrong_class"}, {"precision", "wrong_class"},
	{"recall", "wrong_class"}, {"mcc", "wrong_class"},
};

const struct metric_row_loss *metric_row_loss(const struct metric *metric)
{
	for (size_t m = 0; m < sizeof loss_of / sizeof *loss_of; m++)
		for (size_t l = 0; !strcmp(loss_of[m].metric, metric->name) && l < sizeof loss_table / sizeof *loss_table; l++)
			if (!strcmp(loss_of[m].loss, loss_table[l].name))
				return &loss_table[l];
	return NULL;
}

void metric_row_losses(const struct metric_row_loss *loss, const struct metric_input *in, double *out)
{
	if (loss->part)
		over_outputs(in, loss->part, out);
	else
		loss->fill(in, out);
}
