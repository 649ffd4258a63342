/* probe: what can only be known by trying: the time of a fit, measured on a few before anything starts. */
#ifndef ORCHESTRATOR_PROBE_H
#define ORCHESTRATOR_PROBE_H

#include "orchestrator/plan.h"
#include "orchestrator/prepare.h"

const char *probe_program(void); /* path of this executable, for workers */
bool probe_can(const struct spec *spec); /* false: probe_time leaves the time unknown */
/* Runs a few tasks of the search, spread over it, and one of left-out fits on one worker, then the same on all workers at once (at most
 * PROBE_SECONDS each), and corrects the plan by what was measured (estimate.h): seconds, memory, number of workers with the reason. Results are
 * thrown away; the measurement is kept in the cache under its work, data, build and machine. Engines outside orch (command, fake) are not run: the
 * time stays unknown. */
#define PROBE_SECONDS PLAN_PROBE_SECONDS
int probe_time(const struct spec *spec, const struct study *study, const struct prepared *data, struct plan *plan, struct orch_err *err);

#endif
