/* fit_curve: the values that a fit reports on its way, and whether they end it. A pure function of the limits that came with the task and of what is
 * reported, in order: no clock, no other fit. begin -> note ... -> result -> end. One thread.
 *
 * Kept is the first report of each step 0 .. 7 and of each quarter of an octave above (8-9, 10-11, ... 16-19, ...), at most 256 points; the others are
 * neither kept nor compared. Steps must ascend; one that does not is passed over. */
#ifndef ORCHESTRATOR_FIT_CURVE_H
#define ORCHESTRATOR_FIT_CURVE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "engines/search/pruner.h"

struct fit_curve {
	bool wanted, maximise, stopped;
	const json_t *limits; /* [[step, worst], ..], borrowed */
	json_t *points;       /* [[step, value], ..] */
	int64_t bin;          /* of the last point; -1: none */
	double best;          /* so far */
	int64_t step;         /* where it was stopped, with its value there and the limit that its best is worse than */
	double value, worst;
};
/* limits NULL: nobody wants the curve. */
void fit_curve_begin(struct fit_curve *curve, const json_t *limits, bool maximise);
bool fit_curve_note(struct fit_curve *curve, int64_t step, double value); /* true: the fit is to be stopped; it stays so */
/* Into the fit's metrics: "curve", and "stopped_at" of one that was stopped. */
void fit_curve_result(const struct fit_curve *curve, json_t *metrics);
void fit_curve_end(struct fit_curve *curve);
/* From a fit's metrics again. points: malloc'd, NULL when it has none. */
void fit_curve_read(const json_t *metrics, struct pruner_curve *out);

#endif
