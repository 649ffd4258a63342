/* task: what travels between orchestrator and workers, one JSON object a line.
 *
 *  to the worker
 *   {"type":"setup","protocol":1,"spec":{..},"base":DIR,"frame":PATH,"folds":PATH,"round":N,"features":[..]}   before the first task of a round
 *   {"type":"fit","id":I,"stage":S,"model":M,"attempt":A,"seed":U,"shared":B,"predictions":B,"save_model":B,"scratch":DIR,
 *    "folds":[..],"variants":[{"trial":T,"params":{..},"left_out":[..]},..]}
 *       of 09_stability a variant has "seed_repeat":S, another seed of the model, or "share":X, of each fold's training rows
 *       of 04_lofo "baseline":[NAME or null,..], of each fold the baseline's predictions in scratch: results have "row_deltas" among their metrics
 *       (row_losses.h)
 *       one fit of a search whose pruner looks at values of fits under way: "limits":[[step,worst],..], what ends it (fit_curve.h)
 *       several small jobs in one message: "jobs":[n,..] variants of each in turn, and "folds_together":B, whether a job has all folds or one at a time
 *   {"type":"write","id":I,"round":N,"stage":S,"campaign":DIR,"work":DIR,"folder":DIR}      write a stage's artifacts into folder;
 *                                                                                          with "part":P one part of them, beside others
 *   {"type":"prepare","id":I,"preparation":{..},"source_hash":H}                          read the source into the cache
 *   {"type":"exit"}
 *  from the worker
 *   {"type":"ready","protocol":1}
 *   {"type":"progress","id":I,...}                                                     optional
 *   {"type":"result","id":I,"variant":v,"fold":f,"score":x,"metrics":{..},"files":[{"name","sha256","bytes"}],"note":T}   one per fit; v is an index into
 *        variants, f the fold itself (-1 holdout); or with "failed":TEXT instead of score and metrics
 *        "pruned":true for a fit that met one of its limits: the score is its value there, the metrics "curve" and "stopped_at"
 *        (and "final":true when a further attempt cannot mend it; "cause":"timeout", "memory" or "output" when it met a limit)
 *        with "stderr":TEXT, the last that a user's program said there, and "progress":[[step,value],..], what it reported on the way
 *   {"type":"output","id":I,"value":{..}}                                              of write and prepare, optional
 *   {"type":"done","id":I,"cpu":s,"message_cpu":s,"peak_rss":b,"rss_anon":b}            ends every task; message_cpu: of reading and
 *        writing lines, since the last task's end; no part of cpu
 *   {"type":"error","id":I,"code":C,"text":T}                                          ends a task that could not be done
 * A result is taken only when whole, finite and asked for. Lines above TASK_LINE_MAX bytes are a protocol error. */
#ifndef ORCHESTRATOR_TASK_H
#define ORCHESTRATOR_TASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "storage/base/err.h"

#define TASK_PROTOCOL 1
#define TASK_LINE_MAX (16u << 20)
#define TASK_TAIL_BYTES 8192 /* of a worker's stderr kept for an error report */

enum task_kind { TASK_FIT, TASK_WRITE, TASK_PREPARE };
/* One unit of scheduling; the lines of its results are taken together or not at all. */
struct task {
	enum task_kind kind;
	int64_t id;        /* unique within one run of the orchestrator */
	unsigned stage;    /* index into stage_table (stage.h) */
	int64_t group;     /* which task of the stage: 0 .. stage's task count - 1 */
	unsigned attempt;  /* attempts that failed before */
	size_t fit_count;  /* variants x folds; 0 for others */
	unsigned parts;    /* tasks of the plan that go together, group and those after it; 0 is taken as 1 */
	json_t *line;      /* the object sent; owned */
	bool alone;        /* was killed for memory: runs again while nothing else does */
	bool needs_setup;  /* fits and writes work on the round's setup */
	double allowance;  /* seconds beyond its fits' time limit: a worker that ends a user's program itself has its last words to tell */
};
void task_release(struct task *task);

enum task_end { TASK_OK, TASK_EXIT, TASK_SIGNAL, TASK_TIMEOUT, TASK_MEMORY, TASK_PROTOCOL_ERROR, TASK_ERROR, TASK_CANCELLED };
const char *task_end_name(enum task_end end); /* "ok" "exit" "signal" "timeout" "memory" "protocol" "error" "cancelled" */
struct task_outcome {
	enum task_end end;
	int detail;        /* exit status, signal number, or enum orch_code of TASK_ERROR */
	json_t *results;   /* array of result objects, checked; complete when end is TASK_OK */
	json_t *output;    /* value of an output line, or NULL */
	char *text;        /* what went wrong, with the last lines of stderr; NULL when ok */
	double wall_start, seconds, cpu_seconds, message_cpu;
	uint64_t peak_rss, rss_anon;
	pid_t pid;
};
void task_outcome_release(struct task_outcome *outcome);

/* Which of its task's fits a checked result answers: variant x folds, 0 .. fit_count - 1. */
size_t task_fit_number(const struct task *task, const json_t *result);
/* Checks one line of a worker against the task it works on; *out new reference. ORCH_EFIT with what is wrong. */
int task_parse_line(const char *line, size_t length, const struct task *task, json_t **out, struct orch_err *err);

#endif
