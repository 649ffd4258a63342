/* design: features as a dense matrix of doubles for engines that need one. Numbers and ordered categories are one column
 * (an ordered category is its code), booleans 0/1, other categories one-hot over all levels of the frame. Missing values are
 * imputed by the mean or median (weighted like the fit) of the training rows; with ENGINE_MISSING_KEEP they are an error that
 * names the column. Column-major; the columns of feature f are [first[f], first[f + 1]). */
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
int design_build(const struct engine_data *data, const uint32_t *rows, size_t row_count, const uint32_t *train, size_t train_count,
                 struct design *out, struct orch_err *err);
size_t design_columns(const struct engine_data *data); /* columns that design_build would make */
void design_release(struct design *design);

#endif
