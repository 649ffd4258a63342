/* status: what a campaign is doing, for `orch status`: read only, from status.json (which the running orchestrator replaces atomically), the
 * lock file (liveness is pid + start time + boot id, never a lock probe), summary.json, and the ledger where status.json is gone. */
#ifndef ORCHESTRATOR_STATUS_H
#define ORCHESTRATOR_STATUS_H

#include <jansson.h>

#include "storage/base/err.h"
#include "storage/base/text.h"

#define STATUS_VERSION 1
/* The object of `orch status --json`: version, name, state, round, stage, trials, fits, best, eta, workers, memory, summary ... */
int status_read(const char *campaign, json_t **out, struct orch_err *err);
void status_text(const char *campaign, const json_t *status, struct text_buf *out); /* for people; several lines */

/* Lines of it, for status_watch.c. Nothing where there is nothing to say. */
void status_head_line(const json_t *status, struct text_buf *out);
void status_count_line(const json_t *status, const char *key, struct text_buf *out);
void status_best_line(const json_t *status, struct text_buf *out);
void status_left_line(const json_t *status, struct text_buf *out);

#endif
