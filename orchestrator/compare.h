/* compare: campaigns or rounds side by side: their scores, a paired test where folds are shared, and what is different about them - nothing else.
 * Reads published rounds only.
 *
 * {version, metric, maximise, level, entries: [{label, name, campaign, round, features, score, se, ci_low, ci_high, holdout, trials}],
 *  tests: [{paired, folds, mean, ci_low, ci_high, p, p_holm} | {paired: false, why} | null for the first], differences: {spec: [{key, values: [...]}],
 *  data: ..., params: ..., features: ...}}
 * tests are against the first entry, positive when better than it: the corrected t of engines/lofo/lofo_stats.h over the same folds; p_holm over
 * all tests. ci_low, ci_high of an entry: of its own score, with the same correction. */
#ifndef ORCHESTRATOR_COMPARE_H
#define ORCHESTRATOR_COMPARE_H

#include <jansson.h>

#include "storage/base/err.h"
#include "storage/base/text.h"

#define COMPARE_VERSION 1
#define COMPARE_MOST 16
/* what: campaign folders (their chosen round), FOLDER:N for round N, or paths of published rounds. metric NULL: the first one's. */
int compare_read(const char *const *what, size_t count, const char *metric, json_t **out, struct orch_err *err);
void compare_text(const json_t *comparison, struct text_buf *out); /* for people (compare_text.c) */

#endif
