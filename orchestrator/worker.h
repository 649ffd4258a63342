/* worker: the process that executes tasks (`orch worker`), speaking task.h's lines on stdin and stdout. stderr is free text and is kept for error
 * reports. It ends when stdin closes, on TERM, and with its whole process group when the orchestrator dies. Models live for one task: after
 * each task everything is freed and given back to the system. */
#ifndef ORCHESTRATOR_WORKER_H
#define ORCHESTRATOR_WORKER_H

#include <stdio.h>

#include "orchestrator/fit_curve.h"
#include "orchestrator/study.h"
#include "orchestrator/task.h"
#include "storage/base/text.h"

struct worker {
	FILE *out; /* the protocol's stream; fd 1 itself points to stderr, so that a library's chatter cannot break a line */
	struct spec *spec;
	struct study *study;
	unsigned round;
	struct text_buf line; /* being written */
	double flushed;       /* when the stream was */
	double message_cpu;   /* processor time of reading and writing lines since the last "done", of which so much within the task: */
	double message_cpu_inside, cpu_mark; /* thread's processor time up to which it is counted, outside tasks */
	const char *cause; /* of the fit that failed last: the limit it met, or NULL */
	json_t *features_used; /* that the program said its last model uses, or NULL */
	struct fit_curve curve; /* of the fit under way */
	json_t *progress;  /* what it reported on the way, [[step, value], ..], or NULL */
	char *said;        /* what its program said on stderr, the last of it, printable; NULL */
	bool failures_are_final; /* a built-in engine that refused its input will refuse it again: no retry */
};
int worker_run(void); /* exit status */

/* One fit task: a result line for each fit. A negative code ends the task with an error line. */
int worker_fit(struct worker *worker, const json_t *task, struct orch_err *err);
/* One result line; it may wait a moment for others, the end of the task sends them all. failed: why, or NULL with score and metrics. Takes metrics and files. */
void worker_send_result(struct worker *worker, json_int_t id, size_t variant, int fold, double score, json_t *take_metrics, json_t *take_files,
                        const char *note, const char *failed);
void worker_send(struct worker *worker, const json_t *line);

/* The command engine: runs the user's program for one fit (external engines). prediction: malloc'd test_count x outputs or classes, or
 * NULL when the program only gave a score. ORCH_EFIT with the program's last output. */
struct command_fit {
	const struct spec_model *model;
	const json_t *params;
	int fold;
	int64_t trial;
	const uint32_t *train, *test;
	size_t train_count, test_count;
	const char *const *features; /* that the fit may use */
	size_t feature_count;
	const char *scratch;         /* folder for its files; removed by us afterwards */
	unsigned threads;
	uint64_t seed;               /* what the program is told */
	double share;                /* of the training rows of the fold, in train; below 1: its file has no others */
};
/* Ends the program under way and all its descendants: those that are still there after the grace are killed. At once when there is none.
 * Async-signal-safe. */
void command_end_children(unsigned grace_milliseconds);
void command_server_end(void); /* the program that stays alive, if any */
/* The program of each command engine can be found and executed, from here and now; ORCH_EINPUT says which cannot. */
int command_find_programs(const struct spec *spec, struct orch_err *err);
int command_fit_run(struct worker *worker, const struct command_fit *fit, double **prediction, double *score, struct orch_err *err);

#endif
