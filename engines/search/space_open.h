/* space_open: what a space is made of; private to engines/search/space*.c. */
#ifndef ENGINES_SEARCH_SPACE_OPEN_H
#define ENGINES_SEARCH_SPACE_OPEN_H

#include "engines/search/space.h"

/* Holds when the parent axis has this digit. Conditions on fixed parameters are decided when the space is opened. */
struct space_condition {
	size_t parent;
	uint64_t digit;
};
struct space {
	const struct space_axis *axes;
	size_t count;
	struct space_condition *conditions; /* of axis a: [first[a], first[a + 1]) */
	size_t condition_count, *first;
	size_t *order;     /* parents first, else as given */
	size_t *component; /* of each axis: the lowest axis that conditions tie it to, directly or not */
};

#endif
