/* metric_list: the score functions that metric_table.c names, and what they share; private to engines/metric. */
#ifndef ENGINES_METRIC_METRIC_LIST_H
#define ENGINES_METRIC_METRIC_LIST_H

#include <math.h>

#include "engines/metric/metric.h"

/* A sum with its lost low part (Neumaier, ZAMM 54 (1974) 39): the order of rows hardly matters, and it is fixed anyway. */
struct metric_sum {
	double sum, rest;
};
static inline void metric_add(struct metric_sum *s, double value)
{
	double sum = s->sum + value;

	s->rest += fabs(s->sum) >= fabs(value) ? (s->sum - sum) + value : (value - sum) + s->sum;
	s->sum = sum;
}
/* Once a part was infinite the rest is none. */
static inline double metric_total(const struct metric_sum *s)
{
	return isfinite(s->sum) ? s->sum + s->rest : s->sum;
}
static inline double metric_weight(const struct metric_input *in, size_t row)
{
	return in->weight ? in->weight[row] : 1;
}
double metric_weight_total(const struct metric_input *in);
/* Is there anything to score: rows, weight, and numbers everywhere? */
bool metric_usable(const struct metric_input *in);
static inline bool metric_is_class(double code, unsigned classes)
{
	return code >= 0 && code < classes && code == floor(code);
}
/* Difference of two directions in degrees, in [-180, 180]. */
double metric_turn(double from, double to);

double metric_rmse(const struct metric_input *in);
double metric_mse(const struct metric_input *in);
double metric_mae(const struct metric_input *in);
double metric_r2(const struct metric_input *in);
double metric_mape(const struct metric_input *in);
double metric_medae(const struct metric_input *in);
double metric_max_error(const struct metric_input *in);

double metric_cmae(const struct metric_input *in);
double metric_crmse(const struct metric_input *in);
double metric_within_5(const struct metric_input *in);
double metric_within_10(const struct metric_input *in);
double metric_within_22_5(const struct metric_input *in);
double metric_circular_r(const struct metric_input *in);

double metric_accuracy(const struct metric_input *in);
double metric_balanced_accuracy(const struct metric_input *in);
double metric_f1(const struct metric_input *in);
double metric_precision(const struct metric_input *in);
double metric_recall(const struct metric_input *in);
double metric_mcc(const struct metric_input *in);

double metric_logloss(const struct metric_input *in);
double metric_brier(const struct metric_input *in);
double metric_auc(const struct metric_input *in);
double metric_average_precision(const struct metric_input *in);

#endif
