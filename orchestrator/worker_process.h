/* worker_process: one worker as the orchestrator sees it: a child in a process group of its own, speaking task.h's lines.
 *
 * States:  starting -> idle <-> busy -> stopping -> dead
 *   starting  until its "ready" line          idle      no task
 *   busy      exactly one task                stopping  TERM sent; KILL follows after the grace
 * The caller polls out_fd, err_fd and pid_fd and calls worker_process_read / _reap; nothing here blocks, except writes to a
 * worker's stdin, which are queued and go out when it is writable. A worker's end is told by its pidfd, never by end-of-file.
 * Identity is pid + start time. When a worker is reaped its process group is killed, its control group is emptied, and what became our child because its
 * parents are gone (we are the subreaper) is killed, too: nothing survives its worker, whatever session it went to. When the orchestrator dies the worker
 * kills its own group and its descendants (PR_SET_PDEATHSIG). The only other children of the caller may be such that are not alive while a worker is
 * reaped. One thread. */
#ifndef ORCHESTRATOR_WORKER_PROCESS_H
#define ORCHESTRATOR_WORKER_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "orchestrator/stall.h"
#include "orchestrator/task.h"
#include "storage/base/control_group.h"
#include "storage/base/text.h"

enum worker_state { WORKER_STARTING, WORKER_IDLE, WORKER_BUSY, WORKER_STOPPING, WORKER_DEAD };
struct worker_process {
	enum worker_state state;
	pid_t pid;
	uint64_t start_ticks;
	int in_fd, out_fd, err_fd, pid_fd;
	struct text_buf input, output, tail; /* queued for stdin; unfinished line of stdout; last bytes of stderr */
	size_t input_sent;
	struct task task;             /* while busy */
	struct task_outcome outcome;  /* gathered while busy */
	unsigned setup_generation;    /* which setup it has seen */
	double task_started, last_result /* or the start of the task */, term_sent, started;
	struct stall stall;           /* of the task it has */
	uint64_t rss_first;           /* anonymous memory after its first task */
	uint64_t tasks_done;
	bool roomy;                   /* started for a task that runs alone: it may have the memory of all */
	bool used;                    /* it was given a task: it starts well */
	uint8_t *answered;            /* fits of the task that have a result: variant x folds, a byte each */
	enum task_end kill_reason;    /* why we killed it: TASK_TIMEOUT, TASK_MEMORY, TASK_CANCELLED, TASK_PROTOCOL_ERROR; TASK_OK: we did not */
	char protocol_error[512];
	struct control_group group;   /* around it and all it starts, where the machine lets us */
	uint64_t memory_limit;        /* what it may use, for the message */
	uint64_t oom_kills;           /* of its group when its task began */
};
struct worker_limits {
	unsigned threads;        /* BLAS and OpenMP threads set in the environment */
	uint64_t memory;         /* of its tree, 0: none; the caller watches it, and the group's wall is a little above */
	uint64_t memory_shared;  /* mapped files that count to the group, but not to memory */
};
/* program: path of this executable. ORCH_EIO: nothing was started, nothing is left. */
int worker_process_spawn(const char *program, const struct worker_limits *limits, struct worker_process *out, struct orch_err *err);
/* Takes *task (zeroed) and sends setup first when it is not NULL. */
void worker_process_assign(struct worker_process *worker, struct task *take_task, const json_t *setup, unsigned generation);
void worker_process_flush(struct worker_process *worker);      /* in_fd writable: send what is queued */
/* Reads what is there. True when the task ended (outcome complete: TASK_OK or TASK_ERROR), state is then WORKER_IDLE. A broken
 * protocol kills the worker: its end is reported by reap. TASK_MEMORY, with the worker idle: the kernel killed something it had started. */
bool worker_process_read(struct worker_process *worker);
void worker_process_read_errors(struct worker_process *worker);
/* pid_fd readable: collects the exit, kills the group, closes. If it was busy the outcome says why (exit, signal, timeout, memory, ...) with the last
 * lines of stderr. State WORKER_DEAD. */
void worker_process_reap(struct worker_process *worker);
void worker_process_stop(struct worker_process *worker, enum task_end reason); /* TERM to the group; KILL by worker_process_tick after the grace */
void worker_process_kill(struct worker_process *worker, enum task_end reason); /* KILL to the group now */
void worker_process_tick(struct worker_process *worker, double now);
void worker_process_release(struct worker_process *worker); /* kills if alive, reaps, frees */

#endif
