/* stall: notices a worker that does nothing: sent to sleep by a signal, or without a tick of processor time although it has a task.
 * Time is counted by looks, each worth a few seconds at most: if the watcher itself slept, its own sleep is not held against the worker. */
#ifndef ORCHESTRATOR_STALL_H
#define ORCHESTRATOR_STALL_H

#include <sys/types.h>

#define STALL_LOOK_SECONDS 1.0   /* between two looks; calls in between cost nothing and say STALL_NONE */
#define STALL_ASLEEP_SECONDS 5.0

struct stall { /* zeroed when a task begins */
	double looked, asleep, idle; /* clock of the last look; seconds it was seen so */
	double cpu;                  /* of its tree, at that look */
};
enum stall_verdict {
	STALL_NONE,
	STALL_ASLEEP, /* stopped by a signal for STALL_ASLEEP_SECONDS: wake it */
	STALL_IDLE,   /* neither it nor a descendant used processor time for idle_seconds */
};
/* now: process_clock. idle_seconds 0: idleness is nothing to remark. */
enum stall_verdict stall_look(struct stall *stall, pid_t pid, double now, double idle_seconds);

#endif
