/* design: features as a dense matrix of doubles for engines that need one. Numbers and ordered categories are one
 * column (an ordered category is its code), booleans 0/1, other categories one-hot over all levels of the frame.
 * Missing values are imputed by the mean or median (weighted like the fit) of the training rows; with
 * ENGINE_MISSING_KEEP they are an error that names the column (ORCH_EFIT). Column-major; the columns of feature f are
 * [first[f], first[f + 1]). No state, any thread. */
#ifndef ENGINES_MODEL_DESIGN_H
#define ENGINES_MODEL_DESIGN_H

#include "engines/model/engine.h"

struct design {
	size_t rows, columns, feature_count;
	size_t *first;  /* feature_count + 1 */
	double *values; /* rows x columns */
	double *fill;   /* per feature: what stood in for missing values (NaN: none were missing) */
};
/* rows: the frame's rows in the order wanted; train: rows the imputation is fitted on. */
int design_build(const struct engine_data *data, const uint32_t *rows, size_t row_count, const uint32_t *train,
        size_t train_count, struct design *out, struct orch_err *err);
size_t design_columns(const struct engine_data *data); /* columns that design_build would make */
void design_release(struct design *design);

/* ---- the parts design_build is made of, for engines that read rows in blocks and never hold the matrix ---- */
bool design_one_hot(const struct column *column);           /* a category without order */
size_t design_feature_columns(const struct column *column); /* 1, or the number of levels */
/* fill[f] for every feature: NaN where the column has no missing value anywhere in the frame or missing values are
 * kept. Number, boolean, ordered category: weighted mean or median of the training rows that have a value (weight 0
 * counts as no row; the median of an even count is the mean of the middle two). One-hot: the level of most weight, the
 * first of equals, whatever was asked for. No training row has a value: 0. ORCH_ENOMEM. */
int design_fill(
        const struct engine_data *data, const uint32_t *train, size_t train_count, double *fill, struct orch_err *err);
/* The columns of feature f for some rows: out[c * stride + i], minus shift[c] where shift is given (one value a column
 * of f). A missing value becomes fill; with absent not NULL it becomes 0 after the shift and absent[i] = 1 (0
 * elsewhere), so that column + (fill - shift) * absent is the imputed column, linear in fill. Returns how many were
 * missing. */
size_t design_feature(const struct engine_data *data, size_t f, const uint32_t *rows, size_t count, const double *shift,
        double fill, double *out, size_t stride, double *absent);
/* ORCH_EFIT: feature f has missing values although the campaign keeps them. */
int design_missing_error(const struct engine_data *data, size_t f, struct orch_err *err);

#endif
