/* parzen: a density over the configurations of a space, as a mixture: a kernel at each of some configurations, and the prior.
 *
 * A kernel is a product over the axes: a normal cut off at the ends of [0, 1) for a range (its mass within the step, where there are
 * steps), and for a list a probability to stay and the rest spread evenly. On an axis that is absent from the kernel's configuration
 * it is the prior; on one that is absent from the configuration looked at, it is 1. So the mixture is a density on the whole of a space
 * with conditions, and what trials of one branch say about the axes they share counts in the others.
 * Densities are relative to the prior's, which is 1 everywhere.
 *
 * init -> add* -> scale -> (draw | log_density)* -> add* -> ... -> release. One thread. */
#ifndef ENGINES_SEARCH_PARZEN_H
#define ENGINES_SEARCH_PARZEN_H

#include "engines/search/configuration.h"

struct parzen {
	const struct space *space;
	size_t axes, count, room;
	double *fractions; /* count x axes */
	uint64_t *digits;  /* count x axes */
	double *weights;   /* count; the prior's is 1 */
	double stay;       /* probability of a list's value to be the kernel's, beyond its even share */
	double *widths;    /* count x axes: standard deviations of normals */
	double *constants; /* count x axes: -log of a normal's mass within [0, 1) and of its density's scale */
	size_t *order;     /* scratch */
};
void parzen_init(struct parzen *p, const struct space *space, size_t room); /* room: kernels at most */
void parzen_add(struct parzen *p, const double *fractions, const uint64_t *digits, double weight);
/* Chooses the kernels' widths; after the last add. On each axis a kernel is as wide as the larger distance to its neighbours (Bergstra
 * et al., NeurIPS 2011), but no narrower than half of what as many kernels side by side would be. */
void parzen_scale(struct parzen *p);
/* A configuration by hashes of `key`. */
void parzen_draw(const struct parzen *p, uint64_t key, struct configuration *out);
/* fractions: of the configuration with these digits (configuration_fraction). room: count + 1. */
double parzen_log_density(const struct parzen *p, const double *fractions, const uint64_t *digits, double *room);
void parzen_release(struct parzen *p);

#endif
