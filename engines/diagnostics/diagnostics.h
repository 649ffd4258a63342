/* diagnostics: what a model's predictions tell beyond their score, as numbers ready to be drawn or put into tables. Pure functions of arrays:
 * no path, no clock, no sequence of random numbers; fixed order of summation. Each returns a new JSON object (columns as arrays, missing as
 * null) that holds everything its plots and tables show, so that nothing is computed twice. NULL only when memory is gone.
 *
 * Rows with a truth or prediction that is not finite are left out by the caller. Weights are not used: pictures show rows.
 * Quantiles are type 7 (Hyndman and Fan 1996, linear between order statistics). */
#ifndef ENGINES_DIAGNOSTICS_DIAGNOSTICS_H
#define ENGINES_DIAGNOSTICS_DIAGNOSTICS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- ground ---- */
double diagnose_quantile(const double *sorted, size_t count, double p);
void diagnose_sort(double *values, size_t count); /* ascending; NaN last */
/* The places of values in ascending order, equal ones in theirs. */
void diagnose_places(const double *values, size_t count, uint32_t *places);
/* The standard normal quantile (Wichura, AS 241, PPND16; relative error about 1e-16). */
double diagnose_normal_quantile(double p);
json_t *diagnose_array(const double *values, size_t count); /* not finite: null */
/* Counts on a hexagonal lattice, columns across the width of x_low..x_high, pointy tops; {x, y, n, width, height, outside, ...ranges}. The
 * cell of a point is the nearest of the two lattices' centres (Carr et al. 1987). */
struct hex_range {
	double x_low, x_high, y_low, y_high;
};
json_t *diagnose_hexagons(const double *x, const double *y, size_t count, struct hex_range range, unsigned columns);
/* The range of values without the outermost share at each end, widened by a twentieth. */
void diagnose_core(const double *values, size_t count, double share, double *low, double *high);

/* A column to look at errors by. */
struct diagnose_column {
	const char *name;
	const double *values;         /* of the same rows; NaN missing; codes for categories */
	const char *const *levels;    /* NULL: a number */
	size_t level_count;
};

/* ---- regression ---- */
struct diagnose_regression {
	size_t count;
	const double *truth, *prediction;
	const double *row;            /* for naming rows in tables */
	const double *fold;
	const struct diagnose_column *columns;
	size_t column_count;
	const struct diagnose_column *group; /* of the split, or NULL */
	bool circular;                /* degrees: errors are taken on the circle */
};
/* {rows, rmse, mae, bias, sd, r2, density, fitted, histogram, qq, by_target, by_feature, by_category, by_group, worst, rec}; circular: {rows, mae, median,
 * within, histogram, around, by_feature, by_category, by_group, worst, rec}. */
json_t *diagnose_regression(const struct diagnose_regression *in);

/* ---- classification ---- */
struct diagnose_classes {
	size_t count;
	unsigned classes;
	const char *const *names;
	const double *truth, *prediction; /* codes */
	const double *probability;        /* count x classes, column-major; NULL: none */
	const double *row, *fold;
	const struct diagnose_column *columns;
	size_t column_count;
};
/* {rows, accuracy, confusion, roc, pr, calibration, scores, thresholds, lift, by_category, worst}: curves for each class against the rest, for two
 * classes of the second one only. */
json_t *diagnose_classes(const struct diagnose_classes *in);

/* ---- the search ---- */
struct diagnose_axis {
	const char *name;
	const double *values;   /* by trial; NaN: unset (conditional); codes for lists */
	bool list, log;
};
/* Importance of each parameter for the score: functional ANOVA (Hutter, Hoos and Leyton-Brown, ICML 2014) over a forest of regression trees
 * whose leaves are boxes, so that marginals are exact sums. {parameters, importance, sd, interactions, trials}: shares of the variance that the forest sees,
 * over the uniform distribution on the space that was searched. */
json_t *diagnose_importance(const struct diagnose_axis *axes, size_t axis_count, const double *score, size_t trials, uint64_t seed);

/* ---- the data ---- */
/* Training rows against holdout rows, a column at a time: Kolmogorov-Smirnov distance (categories: total variation distance) and, for numbers, the asymptotic p.
 * {features, kind, distance, p, train_rows, holdout_rows}, largest distance first. */
json_t *diagnose_drift(const struct diagnose_column *columns, size_t count, size_t rows, const bool *holdout);
/* The greatest vertical distance of two empirical distribution functions; both sorted. NaN when one is empty. */
double diagnose_ks(const double *a, size_t a_count, const double *b, size_t b_count);
/* P(D >= distance), asymptotic with Stephens' correction for small samples. */
double diagnose_ks_p(double distance, size_t a_count, size_t b_count);
/* Order of a symmetric matrix of correlations such that neighbours are alike: single linkage, larger cluster first. order: count entries. */
void diagnose_order(const double *matrix, size_t count, size_t *order);

#endif
