/* xgboost_fit: the parts of the XGBoost engine that its training and its leave-one-feature-out share.
 *
 * A view is one fold seen through the features that are kept: view_init -> [view_output] -> fit on it -> view_release.
 * Regression with several outputs is one booster for each output on the same matrix: XGBoost 1.7 has one base score for
 * all outputs of a booster, which suits none of them. Functions return 0, ORCH_EFIT or ORCH_ENOMEM. One thread. */
#ifndef ENGINES_MODEL_XGBOOST_FIT_H
#define ENGINES_MODEL_XGBOOST_FIT_H

#include "engines/model/engine.h"
#include "engines/model/hist_trees.h"
#include "engines/model/xgboost_adapter.h"

#define XGBOOST_SETTINGS 40

struct xgboost_view {
	const struct engine_data *data;
	const struct engine_fold *fold;
	size_t columns; /* at least 1: when nothing is kept, one constant column */
	uint32_t *kept; /* positions in data->features; none_kept: not used */
	bool none_kept;
	bool complete;  /* no cell of a training row is missing after filling */
	bool *gaps;     /* columns with a missing cell in a training row, after filling */
	bool *category; /* codes without an order: split by sets of categories */
	float *fill;    /* what stands in for missing values; NaN: they stay missing */
	float *label;   /* of the output chosen, by training row */
	float *weight;  /* by training row, or NULL */
	float base;     /* base score: weighted training mean of the label, or 0.5 for classes */
};
int xgboost_view_init(const struct engine_data *data, const struct engine_fold *fold,
        const struct engine_variant *variant, struct xgboost_view *view, struct orch_err *err);
void xgboost_view_output(struct xgboost_view *view, unsigned output);
int xgboost_view_matrix(const struct xgboost_view *view, unsigned max_bin, unsigned threads,
        struct xgboost_matrix **out, struct orch_err *err);
/* cells[c * count + i]: what the model sees of rows[i] in kept column c. */
void xgboost_view_gather(const struct xgboost_view *view, const uint32_t *rows, size_t count, float *cells);
void xgboost_view_release(struct xgboost_view *view);

/* Trees in a round: one, or one for each class of three and more. */
unsigned xgboost_groups(const struct engine_data *data);
/* Columns of a prediction. */
size_t xgboost_width(const struct engine_data *data);
unsigned xgboost_trees(const struct engine_variant *variant);
unsigned xgboost_max_bin(const struct engine_variant *variant);
int64_t xgboost_seed(uint64_t seed, unsigned output); /* the library's seed */
/* The library's settings for one output of a fit, in a fixed order. out holds XGBOOST_SETTINGS. */
int xgboost_settings(const struct engine_job *job, const struct engine_variant *variant,
        const struct xgboost_view *view, unsigned output, struct xgboost_setting *out, size_t *count,
        struct orch_err *err);

/* Early stopping (early_stopping_rounds): rows of the training set, drawn by the hash of their index, are held back; the
 * booster learns from the others and has as many trees as gave the smallest loss of the rows held back (the objective's
 * own metric in the library), looked for until `patience` further trees bring no smaller one. The fold that scores is
 * never looked at. A smaller number of trees is answered by the same training, exactly: it meets the same losses.
 *     stop_init -> view_init on stop->rows -> stop_train -> ... -> fit_release -> stop_release */
struct xgboost_stop {
	unsigned patience, grown; /* grown: rounds that were trained */
	struct engine_fold rows;  /* the fold with the remaining training rows */
	uint32_t *held;
	size_t held_count;
	double *loss; /* of the rows held back, after each round */
};
unsigned xgboost_patience(const struct engine_variant *variant); /* 0: no early stopping */
int xgboost_stop_init(const struct engine_job *job, const struct engine_fold *fold, const struct engine_variant *variant,
        unsigned trees, struct xgboost_stop *out, struct orch_err *err);
void xgboost_stop_release(struct xgboost_stop *stop);
/* Trees of a fit of at most `trees`; stopped: the rule ended it. */
unsigned xgboost_stop_best(const struct xgboost_stop *stop, unsigned trees, bool *stopped);

/* The boosters of one fit, by output: the library's, or grown here (xgboost_own.c). */
struct xgboost_own {
	struct hist_params params;
	struct hist_model model;
};
struct xgboost_fit {
	struct xgboost_model **models; /* NULL: own is there */
	struct xgboost_own *own;       /* NULL: models are there */
	struct hist_bins bins;         /* what own was grown on; empty where another fit has them */
	float *bases; /* their base scores, as the library reads them */
	unsigned count;
	bool stopped; /* a report was answered with true: there is nothing to predict with */
	const struct xgboost_stop *stop; /* borrowed; NULL: no early stopping */
};
/* xgboost_fit_train with early stopping. */
int xgboost_stop_train(const struct engine_job *job, const struct engine_variant *variant, struct xgboost_view *view,
        struct xgboost_matrix *matrix, unsigned trees, struct xgboost_stop *stop, struct xgboost_fit *out, struct orch_err *err);
/* The trees that a fit of at most `trees` has. */
unsigned xgboost_fit_trees(const struct xgboost_fit *fit, unsigned trees);
#define XGBOOST_NOTE 200
/* text, and where the fit stops early its number of trees; note is room for it. */
const char *xgboost_fit_note(const struct xgboost_fit *fit, unsigned trees, const char *text, char note[XGBOOST_NOTE]);
void xgboost_fit_release(struct xgboost_fit *fit);
/* Trains `trees` rounds of each output, in the library or, where that gives the same numbers sooner, here; matrix is the view's,
 * its label is left at the last output. One target reports (job->report) on the way and may be stopped. */
int xgboost_fit_train(const struct engine_job *job, const struct engine_variant *variant, struct xgboost_view *view,
        struct xgboost_matrix *matrix, unsigned trees, struct xgboost_fit *out, struct orch_err *err);
/* The same in the library whatever it takes. */
int xgboost_fit_library(const struct engine_job *job, const struct engine_variant *variant, struct xgboost_view *view,
        struct xgboost_matrix *matrix, unsigned trees, struct xgboost_fit *out, struct orch_err *err);
/* Does the fit report? After 4, 6, 8, 12, 16, 24 ... rounds: the same steps whatever the number of trees, and predicting at all of them costs a few
 * times the last prediction. fit_report sets fit->stopped. */
bool xgboost_reports(const struct engine_job *job);
unsigned xgboost_next_report(unsigned grown, unsigned trees);
int xgboost_fit_report(const struct engine_job *job, const struct xgboost_view *view, unsigned grown, struct xgboost_fit *fit, struct orch_err *err);
/* One output in the library. */
int xgboost_fit_output(const struct engine_job *job, const struct engine_variant *variant, struct xgboost_view *view,
        struct xgboost_matrix *matrix, unsigned trees, unsigned output, struct xgboost_model **out, struct orch_err *err);
/* Here: 1 when it was done, 0 when it is for the library (not this kind of fit, or its first rounds came out otherwise). */
int xgboost_own_train(const struct engine_job *job, const struct engine_variant *variant, struct xgboost_view *view,
        struct xgboost_matrix *matrix, unsigned trees, struct xgboost_fit *out, struct orch_err *err);
struct hist_params xgboost_own_params(
        const struct engine_job *job, const struct engine_variant *variant, const struct xgboost_view *view, unsigned output);
float xgboost_own_float(const char *text);           /* as the library reads a setting that is not negative */
float xgboost_own_base(float base);                  /* what the library makes of a view's base score */
bool xgboost_own_size(size_t rows, size_t columns); /* small enough to be grown here */
/* Replaces a booster by its first `trees` rounds: after training it holds on to histograms and row lists, a slice does
 * not. On failure *model is as it was. */
int xgboost_settle(struct xgboost_model **model, unsigned trees, struct orch_err *err);
/* prediction as in engine_answer, after the first `trees` rounds. */
int xgboost_fit_predict(const struct xgboost_view *view, const struct xgboost_fit *fit, unsigned trees,
        double *prediction, struct orch_err *err);
/* The first `trees` rounds in XGBoost's own JSON, appended to out; several outputs become one model (xgboost_model.c).
 */
int xgboost_fit_model(const struct engine_variant *variant, const struct xgboost_view *view,
        const struct xgboost_fit *fit, struct text_buf *out, struct orch_err *err);

/* Variants that differ in nothing but trees: one training. */
struct xgboost_group {
	const size_t *variants;
	size_t count;
	unsigned trees;  /* the largest */
	bool new_family; /* the group before differs in more than the features left out */
};
/* Answers each variant; saved: trainings not done for the first one, the others add their own. */
int xgboost_group_answer(const struct engine_job *job, size_t fold, const struct xgboost_group *group,
        const struct xgboost_view *view, const struct xgboost_fit *fit, const char *text, uint64_t saved,
        struct orch_err *err);
/* An ORCH_EFIT answer to each variant with the text of why; any other code is returned with that text. */
int xgboost_group_refuse(const struct engine_job *job, size_t fold, const struct xgboost_group *group, int code,
        const struct orch_err *why, struct orch_err *err);
/* Trains a group on its own matrix and answers it. text: the note of its answers, or NULL. */
int xgboost_group_run(const struct engine_job *job, size_t fold, const struct xgboost_group *group, const char *text,
        struct orch_err *err);

#endif
