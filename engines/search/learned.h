/* learned: what the samplers share that read scores (tpe, gp): the observations so far, generations, first points, no configuration twice.
 *
 * A sampler's open calls learned_open with its operations; close, count and propose are learned_close, learned_count, learned_propose.
 * Proposals are made in the order of trials, whatever the order of the calls: at the first trial of a generation the scores of all
 * earlier ones are there and `learn` is called; then `choose` for each trial of it, which knows the generation's earlier trials as
 * pending. So a proposal depends on scores of earlier generations only. The first trials are points of a Sobol sequence. A choice that
 * finds nothing new gives way to a random draw, and in a finite space to walking. */
#ifndef ENGINES_SEARCH_LEARNED_H
#define ENGINES_SEARCH_LEARNED_H

#include "engines/search/configuration.h"
#include "engines/search/sampler.h"

#define LEARNED_BEST 64 /* observations that are kept in order */

struct learned;
struct learned_ops {
	const char *name;
	uint64_t generation;
	uint64_t startup; /* observations before anything is learned */
	size_t model_size;
	void (*release)(void *model); /* what the model holds; the model itself is learned's */
	/* What can be worked out once for a generation. Rows below l->scored have scores. */
	int (*learn)(struct learned *l, struct orch_err *err);
	/* Sets l->candidate to a configuration that l->had has not, for the next trial, by hashes of `key`; *found false: none. Rows from
	 * l->scored on are pending. */
	int (*choose)(struct learned *l, uint64_t key, bool *found, struct orch_err *err);
};
/* Rows are observations: those of earlier campaigns first, then the trials in order. */
struct learned {
	const struct learned_ops *ops;
	void *model; /* zeroed at first */
	struct space *space;
	size_t axes;
	uint64_t rows, scored, earlier;
	double *fractions; /* rows x axes: configuration_fraction */
	uint64_t *digits;  /* rows x axes */
	double *losses;    /* smaller is better; NaN: failed, or no score yet */
	uint64_t best[LEARNED_BEST]; /* rows in order of loss, the earlier first where equal; without failures */
	size_t best_count;
	struct configuration_set had;
	struct configuration candidate;
	/* private */
	struct sampler_request request;
	uint64_t key, count, room, generation, learned_for;
	double *values;
	bool exhausted;
};
int learned_open(const struct sampler_request *request, const struct learned_ops *ops, void **state, struct orch_err *err);
void learned_close(void *state);
uint64_t learned_count(const void *state);
int learned_propose(void *state, uint64_t trial, json_t **out, struct orch_err *err);

#endif
