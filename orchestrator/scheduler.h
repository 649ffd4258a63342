/* scheduler: one thread around poll(2) that keeps workers busy with tasks until its source has no more.
 * It knows nothing of rounds: where tasks come from and what becomes of their results is the source's business.
 *
 * A task that ends badly (exit, signal, timeout, memory, protocol, error) costs one attempt; the scheduler tells the source of each, and
 * runs the task again while attempts are left (source->retries). The death of the orchestrator costs none. Workers whose memory does not return after a task
 * are replaced. A task that was killed for memory is run once more, alone: while no other runs, with the memory of all workers (not where the
 * campaign gives each fit a limit of its own: it would meet it again). When the machine's
 * memory gets short fewer workers are given tasks (pressure.h), those that run beyond it end their tasks first; when it is nearly gone the youngest
 * task is stopped and comes again, which costs no attempt. A worker that somebody sent to sleep is woken; one that does nothing at all in a task
 * without a time limit (writing, preparing) is killed as for a time limit. Memory of a worker is its anonymous memory with that of its children.
 *
 * Stop: first request (SIGINT/SIGTERM) drains: running tasks end, none are begun; the second kills the workers. Both return ORCH_ESTOPPED. */
#ifndef ORCHESTRATOR_SCHEDULER_H
#define ORCHESTRATOR_SCHEDULER_H

#include <stdbool.h>
#include <stdint.h>

#include "orchestrator/task.h"
#include "storage/base/memory_reading.h"

struct scheduler;
struct scheduler_source {
	void *context;
	/* 1: *task filled; 0: none ready now (more may come when running ones end); negative: fatal. */
	int (*next)(void *context, struct task *task, struct orch_err *err);
	/* A task ended for good: TASK_OK, or failed with no attempt left. Results belong to the callee through outcome (borrowed). Negative: fatal. */
	int (*finished)(void *context, struct task *task, struct task_outcome *outcome, struct orch_err *err);
	/* An attempt failed; will_retry says what happens next. NULL: finished says enough. */
	int (*attempt_failed)(void *context, const struct task *task, const struct task_outcome *outcome, bool will_retry, struct orch_err *err);
	/* A task of several parts did not end well: what its outcome holds of good parts may be taken, the others come again from next, one by one.
	 * No attempt of theirs is counted by this (it is not known which part was to blame) but those the callee counts. Negative: fatal. NULL: such a
	 * task is treated like another. */
	int (*split)(void *context, struct task *task, struct task_outcome *outcome, struct orch_err *err);
	/* Every 100 ms or so, and when all is idle: flush what waits, redraw, write status. Negative: fatal. NULL: nothing waits. */
	int (*tick)(void *context, struct orch_err *err);
};
struct scheduler_options {
	const char *program;   /* /proc/self/exe resolved */
	unsigned workers, threads, retries;
	uint64_t memory_each;  /* bytes a worker may use; 0: not watched */
	uint64_t memory_alone; /* for a task that runs alone; 0: memory_each */
	void (*reading)(struct memory_reading *out); /* instead of the machine's; NULL: memory_reading_take */
	uint64_t memory_shared; /* bytes of mapped files beside that, for a control group's wall */
	double timeout_each;   /* seconds for one fit; a job of several has so many times as long, from the last result on; 0: none */
	double stall_seconds;  /* a task other than a fit that uses no processor time for so long is given up; 0: half an hour (stall.h) */
	double start_seconds;  /* a worker that has not said "ready" by then is given up; 0: a minute */
};
struct scheduler_worker_view { /* for status */
	pid_t pid;
	bool busy;
	int64_t task;
	unsigned stage;
	double seconds;
	uint64_t rss;
};
int scheduler_open(const struct scheduler_options *options, struct scheduler **out, struct orch_err *err);
void scheduler_close(struct scheduler *scheduler); /* kills and reaps every worker */
/* What workers must have seen before fits and writes; sent to each worker before its next such task. Takes setup. */
void scheduler_setup(struct scheduler *scheduler, json_t *take_setup);
/* Until next says 0 while nothing runs. 0 done; ORCH_ESTOPPED; or the source's error. After an error no worker is left: what they were
 * writing can be removed. Workers that end without ever having been given a task, several in a row, are ORCH_EIO with their last words. */
int scheduler_run(struct scheduler *scheduler, const struct scheduler_source *source, struct orch_err *err);
size_t scheduler_workers(const struct scheduler *scheduler, struct scheduler_worker_view *out, size_t capacity);
unsigned scheduler_allowed(const struct scheduler *scheduler); /* workers that may run now; fewer than all while memory is short */
double scheduler_message_cpu(const struct scheduler *scheduler); /* seconds of processor time so far of waiting for, reading and writing messages */
unsigned scheduler_stop_requests(void); /* 0, 1: draining, 2: now */
/* SIGINT, SIGTERM, SIGHUP -> stop requests; SIGPIPE ignored. Call once from a command that runs campaigns. */
void scheduler_catch_signals(void);

#endif
