/* status_watch: the screen of `orch status --watch`: rounds, the graph of stages, the best so far as a sparkline, workers with their memory, failed
 * attempts, time left. Reads only. What takes longer to find out (the ledger) is looked at every few seconds, the rest at each call. */
#ifndef ORCHESTRATOR_STATUS_WATCH_H
#define ORCHESTRATOR_STATUS_WATCH_H

#include <jansson.h>
#include <stdbool.h>

#include "storage/base/text.h"

struct status_watch;
struct status_watch *status_watch_open(const char *campaign, bool color);
void status_watch_close(struct status_watch *watch); /* NULL is fine */
/* now: monotonic seconds. status: of status_read. */
void status_watch_text(struct status_watch *watch, const json_t *status, double now, struct text_buf *out);

/* Numbers as blocks of eight heights, at most width of them (each the last of its share), the lowest is ▁. Not finite: a gap. */
void status_sparkline(const double *values, size_t count, size_t width, struct text_buf *out);

#endif
