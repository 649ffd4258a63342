/* stage: the named parts of a round. One table, in order of the folders; each row says which fits the stage needs, what they wait
 * for, and how its artifacts are written. Adding a stage is a file stage_NAME.c and a line in stage_table.c.
 *
 * Everything a stage writes is a pure function of (spec, data, ledger, earlier stages of the round and earlier rounds): no time, host,
 * path, attempt. Writers run in a worker process; planning runs in the orchestrator. */
#ifndef ORCHESTRATOR_STAGE_H
#define ORCHESTRATOR_STAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "engines/rfe/rfe.h"
#include "orchestrator/study.h"
#include "storage/ledger.h"

enum stage_id { STAGE_DATASET, STAGE_HPO, STAGE_HPO_ANALYSIS, STAGE_BASELINE, STAGE_LOFO, STAGE_DROPPED, STAGE_COMPARISON, STAGE_DIAGNOSTICS, STAGE_STABILITY, STAGE_PLOTS, STAGE_COUNT };

struct search;
/* What a writer may look at. */
struct stage_context {
	struct study *study;       /* selected to the round's features (05_dropped: still the round's features) */
	struct ledger *ledger;     /* read only */
	enum stage_id stage;       /* what is being written */
	unsigned round;
	const char *campaign;      /* absolute path of the campaign folder */
	const char *work;          /* absolute path of the round's work folder: finished stages are read here */
	const char *folder;        /* absolute path to write into; empty, exists; files need no fsync */
	unsigned part;             /* of a stage with parts: which one; others may be writing into the same folder, and an attempt before may
	                            * have left its file: stage_part_path */
};
/* A stage that several workers write at once. Parts are at most STAGE_PARTS_MAX, and the same for every campaign. */
#define STAGE_PARTS_MAX 64
struct stage_parts {
	unsigned (*count)(void);
	unsigned (*after)(unsigned part); /* bits of stages that must be committed before the part is written, beside the stage's write_after */
};
struct stage {
	const char *name; /* folder: "01_hpo" */
	const char *title; /* for people: "search" */
	bool has_fits;
	unsigned fits_after;  /* bits (1 << enum stage_id) of stages that must be committed before its fits start */
	unsigned write_after; /* bits of stages that must be committed before it is written (its own fits always are done) */
	int (*write)(const struct stage_context *context, struct orch_err *err);
	const struct stage_parts *parts; /* NULL: written in one piece */
};
extern const struct stage stage_table[STAGE_COUNT];

/* ---- shared readers and writers for stages (stage_io.c) ---- */
int stage_write_json(const struct stage_context *context, const char *name, const json_t *value, struct orch_err *err); /* pretty */
/* Of the round itself only what the stage waits for (fits_after, write_after, its part's): anything else may or may not be there yet, and asking
 * for it is a bug that ends the process. */
int stage_read_json(const struct stage_context *context, enum stage_id stage, const char *name, json_t **out, struct orch_err *err);
int stage_round_read_json(const struct stage_context *context, unsigned round, enum stage_id stage, const char *name, json_t **out, struct orch_err *err);
/* study->model as 01_hpo chose it; 0 for a stage that does not wait for the search. Called before a stage is written. */
int stage_choose_model(const struct stage_context *context, struct orch_err *err);
/* Fold scores of one (trial, left_out) of a stage: out[folds], NaN where failed or absent. */
int stage_fold_scores(const struct stage_context *context, enum stage_id stage, int64_t trial, const char *left_out, double *out, struct orch_err *err);
/* Mean and sample deviation over the finite folds, in order; *sd NaN with fewer than two. Returns how many were finite. */
unsigned stage_mean_sd(const double *scores, unsigned count, double *mean, double *sd);
/* A round as the elimination looks at it: cross-validated mean and deviation of the campaign's metric in metrics.json, over the folds that have a score. */
struct rfe_round stage_rfe_round(const json_t *metrics, const char *metric, size_t features);
/* Mean over folds of (held-out rows) / (training rows). */
int stage_test_train(const struct study *study, double *out, struct orch_err *err);
/* fits.json beside what a stage with fits wrote: how many its round took, so that a ledger that was lost takes no count with it. */
int stage_write_counts(const struct stage_context *context, enum stage_id stage, struct orch_err *err);
/* The same of a stage in a round's folder, published or under way; where there is no fits.json, of the ledger. */
int stage_counts(const char *round_folder, struct ledger *ledger, unsigned round, enum stage_id stage, int64_t *done, int64_t *failed, struct orch_err *err);
/* predictions.parquet and metrics.json of the fits of a stage (baseline, dropped) that leave out what the ledger names so ("": its only set), from
 * the files in scratch named by the ledger. */
int stage_write_predictions(const struct stage_context *context, enum stage_id stage, const char *left_out, struct orch_err *err);

/* Rows and the engine's outputs (probabilities of classes) of a fit's file in scratch; arrays are the arena's. */
int stage_read_predictions(const struct study *study, const char *path, struct arena *arena, uint32_t **rows, size_t *count, double **prediction,
        struct orch_err *err); /* a file by its path */
int stage_load_predictions(const struct stage_context *context, const char *name, struct arena *arena, uint32_t **rows, size_t *count, double **prediction,
        struct orch_err *err);
/* A table as predictions.parquet is; then rows of a slot (fold, or the last: holdout). The caller commits or aborts it. */
struct table_file;
int stage_begin_predictions(const struct stage_context *context, const char *name, struct table_file **out, struct orch_err *err);
void stage_put_predictions(const struct stage_context *context, struct table_file *table, const struct metric_input *in, const uint32_t *rows, unsigned slot);
/* 03_baseline/ensemble.json and ensemble_predictions.parquet; nothing when there are not two members. */
int stage_ensemble_write(const struct stage_context *context, struct orch_err *err);

/* Where a part writes its file: what an attempt before left there is gone. malloc'd; NULL with err when that failed. */
char *stage_part_path(const struct stage_context *context, const char *name, struct orch_err *err);

extern const struct stage_parts stage_diagnostics_parts, stage_plots_parts;
int stage_dataset_write(const struct stage_context *context, struct orch_err *err);
int stage_hpo_write(const struct stage_context *context, struct orch_err *err);
/* 02_hpo_analysis/models.csv; search: of the round. */
int stage_models_write(const struct stage_context *context, const struct search *search, struct orch_err *err);
int stage_hpo_analysis_write(const struct stage_context *context, struct orch_err *err);
int stage_baseline_write(const struct stage_context *context, struct orch_err *err);
int stage_lofo_write(const struct stage_context *context, struct orch_err *err);
int stage_dropped_write(const struct stage_context *context, struct orch_err *err);
int stage_comparison_write(const struct stage_context *context, struct orch_err *err);
int stage_diagnostics_write(const struct stage_context *context, struct orch_err *err);
/* The content of 07_diagnostics/effects.json. New reference. Writes shap.json and the table beside it. */
int stage_effects_write(const struct stage_context *context, json_t **out, struct orch_err *err);
int stage_stability_write(const struct stage_context *context, struct orch_err *err);
struct saved_model;
/* 07_diagnostics/shap.json and shap.csv/.parquet; model: the baseline's, NULL where engine saves none. */
int stage_shap_write(const struct stage_context *context, const char *engine, const struct saved_model *model, struct orch_err *err);
int stage_plots_write(const struct stage_context *context, struct orch_err *err);

#endif
