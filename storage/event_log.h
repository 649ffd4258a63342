/* event_log: append-only JSON lines: progress.jsonl and telemetry/round_NNN.jsonl. Derived: what is lost can be rebuilt.
 * Each line is written by one write(2); opening cuts a torn last line, and everything from a hole on that a power cut left. Every event gets seq (progress only: continues after the
 * last whole line), time (RFC 3339 UTC with milliseconds) and event. Not synced, except by event_log_sync. One thread. */
#ifndef STORAGE_EVENT_LOG_H
#define STORAGE_EVENT_LOG_H

#include <jansson.h>

#include "storage/base/err.h"

struct event_log;
int event_log_open(const char *path, struct event_log **out, struct orch_err *err);
/* fields: further members, borrowed, may be NULL. */
int event_log_add(struct event_log *log, const char *event, const json_t *fields, struct orch_err *err);
int event_log_sync(struct event_log *log, struct orch_err *err);
void event_log_close(struct event_log *log);
/* Reads whole lines in order; a torn last line is skipped, a damaged line in the middle is ORCH_EDAMAGED with its number. */
int event_log_each(const char *path, int (*visit)(void *context, const json_t *event, struct orch_err *err), void *context,
                   struct orch_err *err);

#endif
