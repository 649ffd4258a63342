/* linear_model: a linear fit as JSON text, the same for all linear engines.
 *
 * {"engine":..,"version":..,"parameters":{..},"intercept":[one per output],
 *  "features":[{"name":..,"id":..,"fill":number or null,"coefficient":[one per output],"center":..}]}
 * where a category without order has "levels":[{"level":..,"coefficient":[..],"center":..}] instead and "fill" is a
 * level's position. Score of output o:
 *
 *   intercept[o] + sum over columns of coefficient[o] * (value - center)
 *
 * The value of a level is 1 or 0, of an ordered category its position among its levels, of a boolean 1 or 0; missing
 * values are fill. Features left out do not appear. What a score is: the prediction (ridge, elasticnet); see logistic.
 */
#ifndef ENGINES_MODEL_LINEAR_MODEL_H
#define ENGINES_MODEL_LINEAR_MODEL_H

#include "engines/model/gram.h"

struct linear_model {
	const struct engine *engine;
	const struct engine_data *data;
	const struct engine_variant *variant;
	size_t outputs, columns;
	const double *beta;      /* columns x outputs */
	const double *intercept; /* outputs */
	const double *center;    /* columns */
	const double *fill;      /* per feature, see design_fill */
	const uint32_t *classes; /* codes of the classes that scores are of; NULL: no classes */
	size_t class_count;
};
char *linear_model_text(const struct linear_model *model); /* malloc'd */

#endif
