/* sampler: which configuration the next trial tries. A table of operations; adding a sampler is a file and a line in sampler_table.c.
 *
 * open -> propose* -> close. Trials are numbered from 0 within a round. A proposal is a pure function of the request, the trial's
 * number and - for samplers that learn - the scores of earlier generations: not of the order of the calls, the number of workers, or
 * an interruption. `generation` is the size of a generation (another one if the request says so): propose for trial t may read the
 * scores of trials below t / generation * generation and of no others, so the caller proposes a trial of generation g only when all
 * before g have ended. 0: no scores are read; any trial can be proposed at any time.
 * One thread. The request's pointers are borrowed until close. */
#ifndef ENGINES_SEARCH_SAMPLER_H
#define ENGINES_SEARCH_SAMPLER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engines/search/space.h"
#include "storage/base/err.h"

/* A trial that was known before trial 0, of another campaign: its parameters and its score in the same metric (NaN: failed). */
struct sampler_observation {
	const json_t *params; /* at least the searched ones; an observation that is no configuration of the space is not used */
	double score;
};
struct sampler_request {
	const struct space_axis *axes;
	size_t axis_count;
	const json_t *fixed; /* parameters that are not searched, for conditions; may be NULL */
	uint64_t seed;       /* the campaign's */
	unsigned round;
	bool maximise; /* direction of the scores */
	/* Score of an earlier trial of the round (mean over folds; NaN when it failed). NULL is fine while generation is 0.
	 * Non-zero return stops the proposal with that code. */
	int (*score)(void *context, uint64_t trial, double *out, struct orch_err *err);
	/* The searched parameters that an earlier trial was given, where the caller still knows them (new reference), or ORCH_EMISSING: then
	 * they are worked out again. Only saves time, after an interruption. NULL: never known. */
	int (*recall)(void *context, uint64_t trial, json_t **out, struct orch_err *err);
	void *context;
	uint64_t generation; /* for samplers with one; 0: theirs */
	const struct sampler_observation *earlier; /* warm start, for samplers that learn */
	size_t earlier_count;
};
struct sampler {
	const char *name, *help;
	const char *unavailable; /* NULL, or why the spec must refuse it ("not available yet") */
	uint64_t generation;
	int (*open)(const struct sampler_request *request, void **state, struct orch_err *err);
	void (*close)(void *state); /* NULL is fine */
	/* Different configurations there are; SPACE_ENDLESS when they cannot be counted. More trials than that cannot be had. */
	uint64_t (*count)(const void *state);
	/* The searched parameters of a trial, in the order of the axes, absent where their condition does not hold; never the same twice
	 * in a round. New reference. ORCH_EMISSING: exhausted, there is no further configuration for this trial or any after it. */
	int (*propose)(void *state, uint64_t trial, json_t **out, struct orch_err *err);
};
/* grid: all of it, in the order of space.h; lists only.
 * random: independent draws, each value a hash of (seed, round, trial, try, parameter).
 * sobol: points of a scrambled Sobol sequence.
 * tpe: Parzen estimators of good and of poor configurations (sampler_tpe.c).
 * gp: a Gaussian process and expected improvement (sampler_gp.c). */
extern const struct sampler sampler_grid, sampler_random, sampler_sobol, sampler_tpe, sampler_gp;
extern const struct sampler *const sampler_table[]; /* NULL-terminated */
const struct sampler *sampler_find(const char *name); /* NULL: none of that name */

#endif
