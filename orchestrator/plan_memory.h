/* plan_memory: what a worker needs at its largest task: what the engine states for the tasks that are really sent (shares, left-out sets and
 * free axes together, with the model where one is kept), or what writing a stage needs when that is more. Bytes of anonymous memory. */
#ifndef ORCHESTRATOR_PLAN_MEMORY_H
#define ORCHESTRATOR_PLAN_MEMORY_H

#include "orchestrator/search.h"
#include "orchestrator/study.h"

struct plan_memory {
	uint64_t base;  /* of a worker that has read its setup */
	uint64_t fit;   /* on top of it, by the engine's statement; 0: the engine states nothing */
	uint64_t write; /* of a worker that writes the largest table of a stage, or combines the members of an ensemble */
};
int plan_memory(const struct spec *spec, const struct study *study, const struct search *search, struct plan_memory *out, struct orch_err *err);
/* The engine's statement for tasks of the search: all trials of a group at once. */
uint64_t plan_memory_of_group(const struct spec *spec, const struct study *study, const struct search *search, uint64_t group, struct orch_err *err);
uint64_t plan_memory_worker(const struct plan_memory *memory);

#endif
