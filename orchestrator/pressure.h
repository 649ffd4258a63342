/* pressure: how many workers may run while memory is short. Lowered at once and by half when it is nearly gone, by one when it is short or everybody
 * waits for it; raised one by one when it has been plenty for a while. One may always run. A pure function of readings and their times. */
#ifndef ORCHESTRATOR_PRESSURE_H
#define ORCHESTRATOR_PRESSURE_H

#include <stdbool.h>

#include "storage/base/memory_reading.h"

struct pressure {
	unsigned most, allowed;
	double lowered, calm; /* when it was lowered last; since when there is plenty: 0 not now */
	bool nearly_gone;     /* by the last reading: what runs beyond allowed is not waited for */
};
void pressure_init(struct pressure *pressure, unsigned workers);
void pressure_note(struct pressure *pressure, const struct memory_reading *reading, double now);

#endif
