/* subset: a part of a fold's training rows, for learning curves. A row's place in the order is a hash of (seed, row), so the rows of a smaller share are
 * among those of a larger one, in this fold and in every other that trains on them. Pure functions, any thread. */
#ifndef ENGINES_SPLIT_SUBSET_H
#define ENGINES_SPLIT_SUBSET_H

#include <stddef.h>
#include <stdint.h>

struct subset_request {
	uint64_t seed;
	double share;            /* above 0, at most 1 */
	const double *stratum;   /* per row of the frame: each of its values keeps its share (rounded up: none goes missing); or NULL */
	const double *group;     /* per row of the frame: whole groups are kept, until they have the share; wins over stratum; or NULL */
};
/* rows: ascending, and so are those that stay. Returns how many stay, at least one of any. -1: no memory. */
long long subset_rows(const struct subset_request *request, uint32_t *rows, size_t count);

#endif
