/* errors_by: errors summed up by what the rows have in common. For diagnose_*.c alone. */
#ifndef ENGINES_DIAGNOSTICS_ERRORS_BY_H
#define ENGINES_DIAGNOSTICS_ERRORS_BY_H

#include "engines/diagnostics/diagnostics.h"

/* Bins of equal count over x (equal values stay together), at most bins: {low, high, middle, n, mean, q10, q25, q50, q75, q90, mae, rmse} of error. */
json_t *errors_by_bins(const double *x, const double *error, size_t count, size_t bins);
/* Of the numbers among columns the shown ones whose bins explain most of the error's variance, first the strongest: [{name, share, bins}]. */
json_t *errors_by_features(const struct diagnose_column *columns, size_t column_count, const double *error, size_t count, size_t shown);
/* The same for categories: [{name, share, levels: {level, n, mean, mae, se}}]; levels by count, at most 20, the rest together as "other". */
json_t *errors_by_categories(const struct diagnose_column *columns, size_t column_count, const double *error, size_t count, size_t shown);
/* {level, n, mean, mae, se} of one column, largest mean absolute error first, at most shown; groups tells how many there are. A number is a level by its value. */
json_t *errors_by_group(const struct diagnose_column *group, const double *error, size_t count, size_t shown);
/* The rows of the greatest |error|, greatest first, ties by row: {row, fold, truth, prediction, error}. */
json_t *errors_worst(const double *row, const double *fold, const double *truth, const double *prediction, const double *error, size_t count, size_t shown);
/* Share of rows with |error| at most a tolerance, at 200 points up to the largest but the outermost hundredth (Bi and Bennett, ICML 2003): {tolerance, share, area}. area: over
 * the curve, up to the largest of all: the mean absolute error. */
json_t *errors_rec(const double *error, size_t count);
/* {low, high, n} of equal bins over the core of error, with mean and sd of all; outside: rows beyond. */
json_t *errors_histogram(const double *error, size_t count, size_t bins);

#endif
