#include "orchestrator/stall.h"

#include "storage/base/process.h"

#define LOOK_MOST 5.0 /* seconds one look may count */

static enum stall_verdict look_at_idleness(struct stall *stall, pid_t pid, double passed, double idle_seconds)
{
	double cpu = process_tree_cpu(pid);

	stall->idle = cpu != stall->cpu ? 0 : stall->idle + passed;
	stall->cpu = cpu;
	if (stall->idle < idle_seconds)
		return STALL_NONE;
	stall->idle = 0;
	return STALL_IDLE;
}

enum stall_verdict stall_look(struct stall *stall, pid_t pid, double now, double idle_seconds)
{
	double passed = stall->looked > 0 ? now - stall->looked : 0;

	if (stall->looked > 0 && passed < STALL_LOOK_SECONDS)
		return STALL_NONE;
	stall->looked = now;
	passed = passed > LOOK_MOST ? LOOK_MOST : passed;
	if (process_stopped(pid)) {
		stall->asleep += passed;
		if (stall->asleep < STALL_ASLEEP_SECONDS)
			return STALL_NONE;
		stall->asleep = 0;
		return STALL_ASLEEP;
	}
	stall->asleep = 0;
	return idle_seconds > 0 ? look_at_idleness(stall, pid, passed, idle_seconds) : STALL_NONE;
}
