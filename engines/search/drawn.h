/* drawn: what the samplers share whose draws do not depend on scores (random, sobol). Each has an endless sequence of draws; a trial
 * takes the first draw that is no earlier trial's configuration. Where a finite space is nearly used up, drawing gives way to walking:
 * from an arbitrary configuration on in the order of numbers to the first that is free.
 * Where one axis that every configuration has is continuous, two draws are the same with a chance of 2^-52: there the first draw is taken, and
 * nothing is kept, however many trials there are. Elsewhere are kept, per trial, which draw it took, and the prints of
 * configurations; the configurations themselves are drawn again.
 * The sampler's open calls drawn_open; its other operations are drawn_close, drawn_count and drawn_propose. */
#ifndef ENGINES_SEARCH_DRAWN_H
#define ENGINES_SEARCH_DRAWN_H

#include "engines/search/configuration.h"
#include "engines/search/sampler.h"

struct drawn;
/* Sets every axis of the configuration, in space_order. draw: below 2^63. */
typedef void drawn_draw(const struct drawn *drawn, uint64_t trial, uint64_t draw, struct configuration *out);
struct drawn {
	struct space *space;
	uint64_t key; /* of the sampler, seed and round */
	drawn_draw *draw;
	bool one_sequence; /* the draws of a trial go on behind those of the one before; else each trial has its own, from 0 */
	/* private */
	uint64_t count, next, *how, known, room;
	struct configuration_set had;
	struct configuration scratch;
	bool exhausted, all_differ;
};
int drawn_open(const struct sampler_request *request, const char *name, drawn_draw *draw, bool one_sequence, void **state, struct orch_err *err);
void drawn_close(void *state);
uint64_t drawn_count(const void *state);
int drawn_propose(void *state, uint64_t trial, json_t **out, struct orch_err *err);

#endif
