/* configuration: one point of a space, and the set of those that a search has had; for the samplers.
 *
 * init -> set* -> object | print -> release. A configuration is decided axis by axis in space_order, because conditions name earlier
 * axes. Samplers think in fractions: every present axis is a number in [0, 1), uniform under the prior (in the logarithm where the
 * axis says so; steps and list entries are equal parts of it).
 * Memory belongs to the structures; the space is the caller's. One thread. Allocation failures abort (small), but for the set. */
#ifndef ENGINES_SEARCH_CONFIGURATION_H
#define ENGINES_SEARCH_CONFIGURATION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "engines/search/space.h"
#include "storage/base/err.h"

struct configuration {
	uint64_t *digits; /* of each axis: SPACE_ABSENT where its condition does not hold; 0 for a present continuous one */
	double *values;   /* of continuous axes; 0 elsewhere */
};
void configuration_init(const struct space *space, struct configuration *configuration);
void configuration_release(struct configuration *configuration);
/* Decides an axis from a fraction given as 64 bits behind the binary point; absent when its condition does not hold (false then).
 * The last fraction is the upper end of a continuous range. */
bool configuration_set(const struct space *space, size_t axis, uint64_t fraction, struct configuration *configuration);
/* The middle of the part of [0, 1) that is this axis' value; NaN when absent. */
double configuration_fraction(const struct space *space, size_t axis, const struct configuration *configuration);
/* The part of [0, 1) that is this digit of an axis with finitely many values. */
void configuration_cell(const struct space *space, size_t axis, uint64_t digit, double *low, double *high);
/* The searched parameters in the order of the axes, absent ones left out. New reference. */
json_t *configuration_object(const struct space *space, const struct configuration *configuration);
/* The inverse; false when params is no configuration of the space: a value outside, one missing, or one whose condition does not hold.
 * Other parameters in params are not looked at. Values between steps count as the nearest step. */
bool configuration_read(const struct space *space, const json_t *params, struct configuration *configuration);
/* A hash of it, never 0. Two different configurations of one print, one pair in 2^64, are taken as the same. */
uint64_t configuration_print(const struct space *space, const struct configuration *configuration);

/* Prints of the configurations a search has had. Zeroed: empty. */
struct configuration_set {
	uint64_t *prints, room, count; /* open addressing, 0: free */
};
/* Room for one more; before every add. ORCH_ENOMEM. */
int configuration_set_reserve(struct configuration_set *set, struct orch_err *err);
bool configuration_set_add(struct configuration_set *set, uint64_t print); /* false: it was there */
bool configuration_set_has(const struct configuration_set *set, uint64_t print);
/* From configuration number `start` on, in the order of numbers and round: the first that the set has not, added. false: there is none.
 * Every step but the last meets one of the set, so it takes no more steps than the set has members. Finite spaces only. */
bool configuration_set_walk(struct configuration_set *set, const struct space *space, uint64_t start, struct configuration *out,
                            uint64_t *number);
void configuration_set_release(struct configuration_set *set);

#endif
