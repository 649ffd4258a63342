/* study: spec + prepared data + split, as every process sees them: the same columns, targets, folds, features and metric.
 * Opened by the orchestrator (for counts and names) and by each worker (for work); maps the frame, decodes the folds.
 * Immutable but for study_select; one thread; borrowed spec must outlive it. */
#ifndef ORCHESTRATOR_STUDY_H
#define ORCHESTRATOR_STUDY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "engines/features/screen.h"
#include "engines/metric/metric.h"
#include "engines/model/engine.h"
#include "engines/split/split.h"
#include "orchestrator/spec.h"
#include "storage/base/frame.h"

/* A feature or a group of features, declared or found: what LOFO leaves out and RFE drops. */
struct study_unit {
	const char *name;
	const char **features;
	size_t count;
};
struct study {
	const struct spec *spec;
	struct frame *frame;
	struct split *split;
	char *frame_path, *folds_path;
	char frame_hash[65], folds_hash[65];
	enum engine_task task;
	bool angle;
	unsigned outputs, classes; /* outputs of the engine: an angle has two (sine, cosine) */
	const char *const *class_names;
	const char **target_names; /* as reported: one per target; the angle's one name */
	unsigned target_count;
	const struct metric *metric;
	double *target; /* rows x outputs, column-major: what engines learn */
	double *truth;  /* rows x target_count: what predictions are compared with (degrees for an angle) */
	double *weight; /* or NULL */
	const struct column *id; /* or NULL */
	unsigned folds;         /* k x repeats */
	size_t holdout_rows;
	/* the campaign's features, in column order; position = feature id */
	const struct column **all_features;
	size_t all_feature_count;
	/* what was found among them before any model (study_features.c) */
	struct screen_mark *pruned;  /* by feature id: left out before round 0, as data.prune says */
	struct screen_mark *offered; /* by feature id: constants and copies that are not left out, for the person to know */
	const char **group_names;    /* by feature id: its group, declared or found; NULL: it stands by itself */
	size_t start_feature_count, found_groups;
	/* the round's selection */
	size_t model; /* of the chosen trial, once the round's search has ended; until then 0 */
	struct engine_data data; /* features of the selection */
	const struct column **features;
	uint32_t *feature_ids;
	size_t feature_count;
	struct study_unit *units; /* of the selection: groups (with what is left of them) and single features, in column order of their first feature */
	size_t unit_count;
	struct arena arena, selection_arena;
};
/* ORCH_EINPUT for what only the data can tell (unknown group member, engine that cannot keep missing values, binary metric with
 * three classes, engine that cannot do the task ...), all at once. */
int study_open(const struct spec *spec, const char *frame_path, const char *folds_path, struct study **out, struct orch_err *err);
void study_close(struct study *study);
/* Restrict to the named features (campaign order is restored); NULL: those of round 0. ORCH_EINPUT for a name that is none. */
int study_select(struct study *study, const json_t *features, struct orch_err *err);
json_t *study_feature_names(const struct study *study); /* of the selection; new array */
/* Called by study_open once the features are known: what is pruned, what is offered, which features are a group. Rank correlations come from the
 * cache, or are computed and put there; rows of the holdout are not looked at (copies are: they are equal in every row). ORCH_EINPUT: more features than
 * can be compared in pairs. */
int study_find_features(struct study *study, struct orch_err *err);
/* What it came to, a sentence each, for people: an array of texts, empty when there is nothing to say. New reference. */
json_t *study_feature_notes(const struct study *study);
/* That the metric alone made classes of a target of many distinct numbers, which is rarely meant; malloc'd. NULL: it did not. */
char *study_target_warning(const struct study *study);
bool study_correlates(const struct study *study); /* do groups or pruning need rank correlations? */
int study_correlations(const struct study *study, double **out, struct orch_err *err); /* all x all features; malloc'd. From the cache, as a rule */
bool study_prunes(const struct study *study); /* does data.prune ask for anything? */
bool study_unit_is_group(const struct study *study, const struct study_unit *unit);
bool study_group_is_found(const struct study *study, const char *name); /* false: it is declared */
/* The preparation object for storage/dataset.h, from the spec alone. New reference. */
json_t *study_preparation(const struct spec *spec);
/* Build the split of a prepared frame as the spec says. */
int study_split(const struct spec *spec, const struct frame *frame, struct split **out, struct orch_err *err);
/* Names the split in the cache: data, split section and seed only. */
void study_split_key(const struct spec *spec, const char *frame_hash, char out[65]);
const struct study_unit *study_unit_find(const struct study *study, const char *name);
/* Metric input from engine predictions on rows (test_count x outputs or x classes): truth and predictions as reported (degrees for
 * an angle, codes by highest probability for classes). Fills in; buffers from arena. */
int study_metric_input(const struct study *study, const uint32_t *rows, size_t count, const double *prediction, struct arena *arena,
                       struct metric_input *out, struct orch_err *err);
/* All metrics that fit the task, as an object in table order; undefined ones are null. New reference. */
json_t *study_metrics(const struct study *study, const struct metric_input *in);
/* Columns of predictions.parquet in order: row, the id if there is one, repeat, fold, truth and prediction of each target, the probability of each
 * class. *out: malloc'd list of malloc'd names. */
size_t study_prediction_names(const struct study *study, char ***out);
/* Names that would be one column of a table that a round writes; called by study_open. */
struct text_buf;
void study_check_names(const struct study *study, struct text_buf *problems);
bool study_metric_fits(const struct study *study, const struct metric *metric);

#endif
