/* screen: features that say nothing of their own, found without looking at any target: constants, copies, and what is nearly a copy.
 * Also which features hang together. Pure functions of columns and rank correlations (spearman.h). */
#ifndef ENGINES_FEATURES_SCREEN_H
#define ENGINES_FEATURES_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/base/frame.h"

enum screen_reason { SCREEN_KEPT, SCREEN_CONSTANT, SCREEN_DUPLICATE, SCREEN_CORRELATED };
const char *screen_reason_name(enum screen_reason reason); /* "kept" "constant" "duplicate" "correlated" */
struct screen_mark {
	enum screen_reason reason;
	size_t partner; /* the earlier column that stays instead (duplicate, correlated); else SIZE_MAX */
	double rho;     /* with the partner (correlated); else NaN */
};
/* Each marks columns that are SCREEN_KEPT so far and leaves the others alone; they are called in this order. */
/* One value in all the rows given, or none in any. */
void screen_constants(const struct column *const *columns, size_t count, const uint32_t *rows, size_t row_count, struct screen_mark *marks);
/* The same values, missing ones included, in every row of the frame as an earlier column that is kept; categories by the same levels. */
void screen_duplicates(const struct column *const *columns, size_t count, struct screen_mark *marks);
/* |rho| of at least threshold with an earlier column that is kept: the earliest of them is the partner. rho: count x count. */
void screen_correlated(const double *rho, size_t count, double threshold, struct screen_mark *marks);

/* Connected components of the graph whose edges are |rho| >= threshold, among the columns that are free. component[i]: the smallest
 * index of i's component; of a column that is not free, its own index. */
void screen_components(const double *rho, size_t count, double threshold, const bool *is_free, size_t *component);

#endif
