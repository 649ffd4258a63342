/* predict: the final model of a round, on rows from a file. A round's 03_baseline is all it needs: model.* and input.json.
 *
 *     open -> rows (once or more) -> close
 *
 * The rows are read as the campaign's data was: derived features by their expressions, categories by the campaign's levels. A level it did not know is
 * missing. Missing values are what they were in training: kept, filled with what the training rows gave, or, with data.missing: drop, rows that get no
 * prediction; where the model has no answer for them they are an error. One thread; reads the campaign, writes the output only. */
#ifndef ORCHESTRATOR_PREDICT_H
#define ORCHESTRATOR_PREDICT_H

#include <jansson.h>

#include "storage/base/err.h"

struct predictor;
/* campaign: a campaign's folder; round -1: the chosen one (summary.json), else the last. ORCH_EINPUT: no such round, or it keeps no model. */
int predictor_open(const char *campaign, long round, struct predictor **out, struct orch_err *err);
void predictor_close(struct predictor *predictor); /* NULL is fine */
unsigned predictor_round(const struct predictor *predictor);
struct predicted {
	size_t rows, without; /* without: rows that got no prediction */
	json_t *notes;        /* texts for people; the caller's */
};
/* input: csv, tsv, parquet, json, jsonl, also compressed. output: .csv or .parquet, must not exist; appears whole or not at all.
 * Columns: row (from 0), the id, prediction (prediction_NAME for several targets), prob_CLASS. */
int predictor_rows(const struct predictor *predictor, const char *input, const char *output, struct predicted *out, struct orch_err *err);

#endif
