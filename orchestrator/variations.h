/* variations: what 09_stability fits beside the baseline, the chosen configuration over all folds: with other seeds, and on a part of the training rows.
 * A pure function of spec and engine; the ledger knows a variation by its name, as it knows a feature that is left out. */
#ifndef ORCHESTRATOR_VARIATIONS_H
#define ORCHESTRATOR_VARIATIONS_H

#include "engines/model/engine.h"
#include "orchestrator/spec.h"

#define VARIATIONS_MAX 120 /* 100 seeds, 20 shares */
struct variation {
	char name[40];  /* "seed 1", "rows 0.1" */
	unsigned seed;  /* 1 ..: another one; 0: that of the baseline */
	double share;   /* of the training rows of each fold; 1: all */
};
struct variations {
	size_t count;
	struct variation list[VARIATIONS_MAX];
};
/* An engine that draws nothing has no other seeds. */
void variations_of(const struct spec *spec, const struct engine *engine, struct variations *out);
size_t variations_wanted(const struct spec *spec, const struct engine *engine); /* how many */
size_t variations_find(const struct variations *variations, const char *name);  /* count: there is none of that name */
/* The seed of a job: repeat 0 is that of every other fit. */
uint64_t variation_seed(const struct spec *spec, unsigned repeat);
/* What a program is told: the campaign's seed and those after it. */
uint64_t variation_program_seed(const struct spec *spec, unsigned repeat);

#endif
