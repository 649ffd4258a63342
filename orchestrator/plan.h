/* plan: what a campaign will do, counted before anything starts: configurations, fits before and after sharing, rounds, memory, disk,
 * time; and how it will be done: workers x threads, with the reason. Counting needs the study (rows, features), not the models. */
#ifndef ORCHESTRATOR_PLAN_H
#define ORCHESTRATOR_PLAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "orchestrator/plan_memory.h"
#include "orchestrator/stage.h"
#include "storage/base/text.h"

struct plan {
	uint64_t configurations;      /* of one round's search */
	uint64_t rounds;              /* at most */
	uint64_t fits, tasks;         /* of the whole campaign, all rounds at most */
	uint64_t round_fits[64], round_tasks[64]; /* of the first rounds */
	struct plan_model {
		uint64_t configurations, fits, tasks;
	} models[SPEC_MODELS_MAX];    /* what is searched of each, in a round */
	bool prunes, prunes_folds, prunes_curves; /* hpo.pruner has something to stop; there is something that it can compare: folds, values of fits under way */
	uint64_t fits_per_stage[STAGE_COUNT]; /* of round 0, by enum stage_id */
	uint64_t search_tasks;        /* of one round's search */
	struct plan_memory memory;    /* as stated */
	uint64_t memory_worker;       /* anonymous bytes of one worker at its largest task; corrected by what was measured */
	uint64_t memory_shared;       /* mapped data, counted once */
	uint64_t memory_limit;        /* all of orch together */
	uint64_t memory_each;         /* a worker that has more is ended; 0: not watched */
	uint64_t memory_total;        /* workers x memory_worker + orchestrator + shared */
	uint64_t disk;                /* bytes, at most */
	double seconds_low, seconds, seconds_high; /* NaN: not known before the first fits */
	double crowding;              /* the likely time is so many times that of a machine with nothing else to do; 0: not known */
	bool measured_cached;         /* the measurement is an earlier one of the same work */
	unsigned workers, threads;
	char workers_reason[240];
};
/* Counts; saturates instead of overflowing. A search too large to be run is counted all the same. */
int plan_make(const struct spec *spec, const struct study *study, struct plan *out, struct orch_err *err);
#define PLAN_PROBE_SECONDS 20.0 /* for trying the first fits (probe.h) */
/* Chooses workers by cores and memory, and adds up the memory of all (again, after memory_worker was corrected). */
void plan_workers(const struct spec *spec, struct plan *plan);
/* What a campaign was started with ("run" of campaign.json): threads and memory of a worker stay; the number of workers too while the machine has as
 * many cores, else as many as there are cores and memory for. */
void plan_as_started(const struct spec *spec, const json_t *run, struct plan *plan);
/* Above a limit of the spec: ORCH_ELIMIT with what to change and --allow-large, all of them at once. */
int plan_check_limits(const struct plan *plan, const struct spec *spec, struct orch_err *err);
/* Near a limit, not above it: one line each, appended. Nothing is refused for it. */
void plan_warnings(const struct plan *plan, const struct spec *spec, struct text_buf *out);
void plan_text(const struct plan *plan, const struct spec *spec, const struct study *study, struct text_buf *out);
json_t *plan_json(const struct plan *plan, const struct spec *spec, const struct study *study);

#endif
