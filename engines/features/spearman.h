/* spearman: rank correlations of all pairs of columns (Spearman, Am. J. Psychol. 15 (1904) 72; ties share the mean of their ranks).
 *
 * Ranks are doubled and centred, so they are integers, and every sum of products of them stays below 2^53: the sums are exact, in
 * whatever order a library adds them up. The result has the same bits on every machine and with any number of threads.
 *
 * Missing values: a column is ranked among its own values; a pair is correlated over the rows where both are there.
 * Numbers, booleans, ordered categories (by their codes) and categories of two levels have an order; other categories have none and are
 * correlated with nothing. Pure; memory 4 bytes x columns x rows. */
#ifndef ENGINES_FEATURES_SPEARMAN_H
#define ENGINES_FEATURES_SPEARMAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/base/err.h"
#include "storage/base/frame.h"

#define SPEARMAN_ROWS_MAX 200000 /* above it the sums would no longer be exact */

bool spearman_takes(const struct column *column);
/* About `most` of the rows, chosen by a hash of (seed, row), all when there are no more; ascending order is kept, in place. Returns how many. */
size_t spearman_sample(uint32_t *rows, size_t count, size_t most, uint64_t seed);
/* rho: count x count, symmetric, diagonal 1; NaN where undefined: a column without order or variation, fewer than three rows in common.
 * row_count at most SPEARMAN_ROWS_MAX. ORCH_ENOMEM. */
int spearman(const struct column *const *columns, size_t count, const uint32_t *rows, size_t row_count, double *rho, struct orch_err *err);

#endif
