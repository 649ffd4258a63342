/* row_deltas: what leaving a unit out does to single held-out rows: d = loss without it - loss with it, positive where the unit helps.
 * Of each fit only sums are kept, so that neither memory nor disk grows with rows x features.
 *
 * Over clusters g (the rows of a group together; each row by itself where rows are not grouped), with a_g = sum w d, b_g = sum w of its rows:
 *   mean  sum a / sum b
 *   se    sqrt(G/(G-1) sum (a_g - mean b_g)^2) / sum b, the linearised variance of a ratio of cluster totals (Cochran, Sampling Techniques,
 *         1977, 6.4 and 9A). Repeats of the split see the same rows again: the standard error is the mean over the repeats of each one's own
 *         (weighted as the mean is), which is what it would be if they agreed in full, and never too small for want of independence.
 *   worse share of rows with d > 0, whatever their weight
 * They describe. Where a unit is worth nothing the variance of d vanishes with d itself, so mean / se is no test of zero. */
#ifndef ENGINES_LOFO_ROW_DELTAS_H
#define ENGINES_LOFO_ROW_DELTAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sums of one fit's held-out rows. */
struct row_deltas {
	double rows, worse, clusters; /* counts */
	double weight, sum;           /* sum b, sum a */
	double squares, cross, weight_squares; /* sums over clusters of a a, a b, b b */
};
struct row_deltas_request {
	size_t rows;
	const double *with, *without; /* losses; NULL for both: no row changes */
	const double *weight;         /* or NULL: all 1 */
	const uint32_t *cluster;      /* of each row, 0 .. clusters - 1; NULL: each row by itself */
	size_t clusters;
	double *scratch;              /* with cluster: room for 2 x clusters */
};
/* Sums in the order of rows, then of clusters. False: a loss is not finite, *out is untouched. */
bool row_deltas_sum(const struct row_deltas_request *request, struct row_deltas *out);

struct row_deltas_stat {
	double mean, se, worse; /* NaN: nothing to tell; se also with fewer than two clusters in every repeat */
};
/* Folds in order, k a repeat; those with rows 0 are skipped. A cluster is in one fold of each repeat. */
struct row_deltas_stat row_deltas_stat(const struct row_deltas *folds, size_t count, size_t k);
/* Cluster numbers of values (no NaN), by ascending value. Returns how many there are; out and scratch: room for count each. */
size_t row_deltas_clusters(const double *value, size_t count, double *scratch, uint32_t *out);

#endif
