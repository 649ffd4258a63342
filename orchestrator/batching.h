/* batching: how many tasks of a plan go to a worker in one message, and what becomes of such a message when it does not end well.
 *
 * A message costs what a small fit costs (two wake-ups, a transaction's rows, a line of telemetry), so small tasks go together until a message is
 * worth BATCHING_SECONDS of work: then messages cost well under 2 % of it. The size comes from measured seconds and steers nothing but
 * scheduling: each task is the same job in the worker, whatever it travels with. Near the end of a stage messages get smaller again, so
 * that the last ones end together.
 * A message that fails is taken apart: its good tasks are taken, the others come again one by one. One thread. */
#ifndef ORCHESTRATOR_BATCHING_H
#define ORCHESTRATOR_BATCHING_H

#include "orchestrator/fit_plan.h"

#define BATCHING_SECONDS 0.25
#define BATCHING_BASE 1024 /* tasks in one message with a whole core and a GiB of memory a worker */

/* Sizes fitted to the machine: max(16, base x clamp(memory_mb / 1024, 0.1, 1) x clamp(units, 0.1, 1)), never more than rows. */
uint64_t batching_size(uint64_t base, double memory_mb, double units, uint64_t rows);

struct batching_single { /* to be given alone */
	unsigned stage, attempt;
	uint64_t number; /* of the task in its plan */
};
struct batching {
	uint64_t most;                /* batching_size of this machine */
	unsigned workers, fixed;      /* fixed: resources.batch, 0: measured */
	double seconds[STAGE_COUNT];  /* of one task of the plan: measured; 0: not yet */
	uint64_t last[STAGE_COUNT];   /* size of the last message */
	struct batching_single *singles;
	size_t single_count, single_capacity;
};
void batching_init(struct batching *batching, double memory_mb, double units, unsigned workers, unsigned fixed);
void batching_release(struct batching *batching);
/* How many of the `left` tasks of a stage go into its next message; at least 1. */
uint64_t batching_next(const struct batching *batching, unsigned stage, uint64_t left);
/* A message of `parts` tasks took so long. */
void batching_note(struct batching *batching, unsigned stage, unsigned parts, double seconds);
void batching_alone(struct batching *batching, unsigned stage, uint64_t number, unsigned attempt);
bool batching_take_single(struct batching *batching, struct batching_single *out); /* in the order they came; false: none */

#endif
