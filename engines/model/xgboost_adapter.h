/* xgboost_adapter: the only file that knows the XGBoost library (C API, 1.7 line). Foreign types and codes stop here.
 *
 * The library is loaded by the first matrix_create: ORCH_EMISSING when it is not there.
 * Order of calls: matrix_create -> [matrix_label] -> model_create -> model_train -> model_predict | model_json |
 * model_slice... A model must be released before the matrix it was trained on. Handles belong to the caller; release
 * takes NULL. One thread per handle at a time; the library's messages are silenced for the calling thread by
 * matrix_create and model_create. Every failure is ORCH_EFIT with the library's own words (without its clock and stack
 * trace) or ORCH_ENOMEM. Cells are float32, column-major, NaN for missing. No function depends on how rows were cut
 * into blocks. */
#ifndef ENGINES_MODEL_XGBOOST_ADAPTER_H
#define ENGINES_MODEL_XGBOOST_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engines/model/hist_trees.h"
#include "storage/base/err.h"
#include "storage/base/text.h"

#define XGBOOST_BLOCK                                                                                                  \
	((size_t)1024) /* rows handed over at a time; fixed, so that no shape changes what the library sees */

/* Where a matrix comes from. gather writes rows [first, first + count) of all columns: cell (i, c) at cells[c * count +
 * i]. It is called several times for the same rows and must always write the same. */
struct xgboost_source {
	size_t rows, columns;
	const bool *category; /* per column: codes without an order */
	const float *label;   /* per row */
	const float *weight;  /* per row, or NULL */
	void (*gather)(void *context, size_t first, size_t count, float *cells);
	void *context;
};
struct xgboost_matrix;
struct xgboost_model;
struct xgboost_setting {
	const char *name;
	char value[40];
};

/* A quantile matrix: bins of max_bin, about two bytes a cell. Infinite cells are refused by the library. */
int xgboost_matrix_create(const struct xgboost_source *source, unsigned max_bin, unsigned threads,
        struct xgboost_matrix **out, struct orch_err *err);
/* Another label for the same rows; source->rows values. Models trained before must not be trained on. */
int xgboost_matrix_label(struct xgboost_matrix *matrix, const float *label, struct orch_err *err);
/* Chances of each column to be drawn by column sampling; columns values; 0 shuts a column out. They hold for all later
 * training. */
int xgboost_matrix_column_weights(struct xgboost_matrix *matrix, const float *weight, struct orch_err *err);
/* The rows as the library bins them; numbers without gaps only. ORCH_EFIT: there are more than HIST_BINS_MOST bins in a column.
 * Takes 16 bytes a cell for a moment. */
int xgboost_matrix_bins(struct xgboost_matrix *matrix, struct hist_bins *out, struct orch_err *err);
/* The library is of the line whose arithmetic hist_trees.c repeats. */
bool xgboost_version_known(void);
void xgboost_matrix_release(struct xgboost_matrix *matrix);

/* Rows to be looked at after each round of a training (model_loss); cells as in gather, for all rows. Not for training. */
int xgboost_matrix_plain(const float *cells, size_t rows, size_t columns, const float *label, const float *weight, unsigned threads,
        struct xgboost_matrix **out, struct orch_err *err);

int xgboost_model_create(struct xgboost_matrix *matrix, const struct xgboost_setting *settings, size_t count,
        struct xgboost_model **out, struct orch_err *err);
/* Boosting rounds [first, end). */
int xgboost_model_train(
        struct xgboost_model *model, struct xgboost_matrix *matrix, unsigned first, unsigned end, struct orch_err *err);
/* The default metric of the objective over a plain matrix after `round` (from 0); earlier rounds are remembered. The model must have
 * been told not to disable that metric. */
int xgboost_model_loss(struct xgboost_model *model, struct xgboost_matrix *matrix, unsigned round, double *out, struct orch_err *err);
/* The first `end` rounds as a model of its own, ready to be trained further on matrix. settings replace those of model.
 */
int xgboost_model_slice(struct xgboost_model *model, unsigned end, const struct xgboost_setting *settings, size_t count,
        struct xgboost_model **out, struct orch_err *err);
/* out[i * width + g]: transformed predictions of the first `rounds` rounds (0: of all); width: groups of the model (1, or classes
 * of softprob). */
int xgboost_model_predict(struct xgboost_model *model, const float *cells, size_t rows, size_t columns, unsigned rounds,
        size_t width, float *out, struct orch_err *err);
/* out[(i * width + g) * (columns + 1) + c]: what column c contributes to the untransformed prediction of group g (exact TreeSHAP, path-dependent; Lundberg et
 * al. 2018), the last one the base: they sum up to it. types: as in model_json. */
int xgboost_model_contributions(struct xgboost_model *model, const float *cells, size_t rows, size_t columns, size_t width, float *out, struct orch_err *err);
/* Of the model's objective: "reg:squarederror". malloc'd. */
int xgboost_model_objective(struct xgboost_model *model, char **out, struct orch_err *err);
/* first[c]: the first round with a split on column c; UINT32_MAX: none. groups: trees per round. */
int xgboost_model_first_use(struct xgboost_model *model, const bool *category, size_t columns, unsigned groups,
        uint32_t *first, struct orch_err *err);
/* XGBoost's own JSON model, as xgboost.Booster().load_model reads it; appended to out. */
int xgboost_model_json(struct xgboost_model *model, const char *const *names, const bool *category, size_t columns,
        struct text_buf *out, struct orch_err *err);
/* Of what xgboost_model_json wrote. */
int xgboost_model_load(const void *bytes, size_t length, struct xgboost_model **out, struct orch_err *err);
/* The names given to xgboost_model_json: *names and each of them malloc'd. */
int xgboost_model_features(struct xgboost_model *model, char ***names, size_t *count, struct orch_err *err);
/* A text that is kept with the model, for other programs to read. Reading: malloc'd, NULL when there is none. */
int xgboost_model_attribute_set(struct xgboost_model *model, const char *name, const char *value, struct orch_err *err);
int xgboost_model_attribute(struct xgboost_model *model, const char *name, char **value, struct orch_err *err);
void xgboost_model_release(struct xgboost_model *model);

#endif
