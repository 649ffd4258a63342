/* ridge_model: a linear fit as JSON text; the format is described at the top of ridge.c. */
#ifndef ENGINES_MODEL_RIDGE_MODEL_H
#define ENGINES_MODEL_RIDGE_MODEL_H

#include "engines/model/gram.h"

struct ridge_model_params {
	double alpha;
	bool intercept, standardize;
};
/* beta: columns x outputs. malloc'd. */
char *ridge_model_text(const struct gram_set *set, const struct gram_system *system,
        const struct engine_variant *variant, const struct ridge_model_params *params, const double *beta);

#endif
