/* probe: what can only be known by trying: the time of a fit, measured on a few before anything starts. */
#ifndef ORCHESTRATOR_PROBE_H
#define ORCHESTRATOR_PROBE_H

#include "orchestrator/plan.h"
#include "orchestrator/prepare.h"

const char *probe_program(void); /* path of this executable, for workers */
bool probe_can(const struct spec *spec); /* false: probe_time leaves the time unknown */
/* Runs the first and the last task of the search on one worker (at most PROBE_SECONDS) and fills plan->seconds_low and _high.
 * Engines outside orch (command, fake) are not run: the time stays unknown. Results are thrown away. */
#define PROBE_SECONDS 20.0
int probe_time(const struct spec *spec, const struct study *study, const struct prepared *data, struct plan *plan, struct orch_err *err);

#endif
