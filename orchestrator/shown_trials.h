/* shown_trials: of a search with very many trials, those that pictures are drawn from: the best, each that was the best so far, and a sample of the rest by
 * a hash of the trial's number. The same trials whoever asks; memory is bounded whatever the number of trials.
 *
 *   open -> note (each finished trial, in order) -> write -> close      one thread */
#ifndef ORCHESTRATOR_SHOWN_TRIALS_H
#define ORCHESTRATOR_SHOWN_TRIALS_H

#include "engines/metric/metric.h"
#include "orchestrator/stage.h"

#define SHOWN_TRIALS_MOST 20000 /* about; so many are all shown, and no file is written */
#define SHOWN_TRIALS_BEST 2000
#define SHOWN_TRIALS_FILE "trials_shown.csv" /* of 02_hpo_analysis: rows of 01_hpo/trials.csv */

struct shown_trials;
/* total: of the search. chosen: the one that is taken, always shown. NULL in *out: they are few. */
void shown_trials_open(const struct metric *metric, uint64_t seed, uint64_t total, int64_t chosen, struct shown_trials **out);
void shown_trials_note(struct shown_trials *shown, int64_t trial, double mean); /* NULL is fine */
/* Copies the rows of trials.csv (path) that are shown. */
int shown_trials_write(struct shown_trials *shown, const char *trials_csv, const char *path, struct orch_err *err);
void shown_trials_close(struct shown_trials *shown);

#endif
