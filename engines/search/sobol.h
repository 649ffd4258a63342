/* sobol: the points of sampler_sobol.c for other samplers, which begin with them before they have learned. */
#ifndef ENGINES_SEARCH_SOBOL_H
#define ENGINES_SEARCH_SOBOL_H

#include "engines/search/configuration.h"

/* Point `number` of the sequence with this scrambling; sets every axis. A pure function. */
void sobol_point(const struct space *space, uint64_t key, uint64_t number, struct configuration *out);

#endif
