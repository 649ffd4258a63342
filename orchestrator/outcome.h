/* outcome: what came out of a campaign so far, gathered from its folder: for `orch show` and for the last words of `orch start` and `resume`.
 * Read only; may run beside the orchestrator. Needs no data, only what the campaign keeps.
 *
 * {version, name, campaign, state, metric, maximise, rounds: [{round, features, score, se, holdout, dropped, reason, stop}], chosen: {round, features,
 *  params, searched, score, se, holdout, reason, constraints_missed: sentence | null, gain: {mean, ci_low, ci_high, relative} | null} | null, all_features, dropped: [{feature, round}], totals,
 *  failures: [{cause, text, count, round, stage, trial, fold, left_out, params, output}], attempts: {cause: count}, slowest: [{round, stage, trial, folds, fits,
 *  seconds, peak_rss}], path: {round, steps, best, chosen, note} | null, stages: [{stage, title, tasks, seconds, memory}], files: {report, bundles, trials, notebook}}
 * gain: the chosen round against round 0 over the same folds, positive when it is better; interval as in engines/lofo/lofo_stats.h. */
#ifndef ORCHESTRATOR_OUTCOME_H
#define ORCHESTRATOR_OUTCOME_H

#include <jansson.h>
#include <stdbool.h>

#include "storage/base/err.h"
#include "storage/base/text.h"

#define OUTCOME_VERSION 1
/* slowest: also look through telemetry/ (a line a task). New reference. */
int outcome_read(const char *campaign, bool slowest, json_t **out, struct orch_err *err);
void outcome_text(const json_t *outcome, struct text_buf *out); /* for people: all of it */
/* The summary of the morning: a screen. seconds: what this run took; NaN: not known. */
void outcome_markdown(const json_t *outcome, struct text_buf *out); /* for terminals and pull requests (outcome_markdown.c) */
void outcome_morning(const json_t *outcome, double seconds, struct text_buf *out);

/* Parts (outcome_failures.c): fits that failed for good by cause and first line, attempts by cause. Takes nothing, new references. */
int outcome_failures(const char *campaign, unsigned rounds, json_t **failures, json_t **attempts, struct orch_err *err);
json_t *outcome_slowest(const char *campaign, size_t count);

#endif
