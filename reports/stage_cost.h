/* stage_cost: where a campaign's time and memory went, added up over telemetry/ by stage. What two runs of a campaign differ in: for the campaign's
 * report and plots, never for a round's. */
#ifndef REPORTS_STAGE_COST_H
#define REPORTS_STAGE_COST_H

#include <stddef.h>

#include "storage/base/err.h"

#define STAGE_COSTS_MAX 16
struct stage_cost {
	char stage[48];
	size_t tasks;
	double seconds; /* of workers */
	double memory;  /* bytes, the largest worker */
};
/* By stage name. Stages past STAGE_COSTS_MAX are left out; ORCH_EMISSING when there is no telemetry. */
int stage_costs(const char *campaign, struct stage_cost costs[STAGE_COSTS_MAX], size_t *count, struct orch_err *err);

#endif
