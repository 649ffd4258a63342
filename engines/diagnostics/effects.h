/* effects: partial dependence (Friedman, Ann. Statist. 29 (2001) 1189): the model's mean prediction over given rows as one feature takes a value in
 * all of them; with the spread of the single rows' curves about it (individual conditional expectation, each moved to its own mean). The standard
 * deviation of the mean curve tells how much the feature moves the prediction (Greenwell, Boehmke and McCarthy 2018). */
#ifndef ENGINES_DIAGNOSTICS_EFFECTS_H
#define ENGINES_DIAGNOSTICS_EFFECTS_H

#include <jansson.h>

#include "engines/diagnostics/diagnostics.h"
#include "storage/base/err.h"

struct effects_model {
	void *state;
	unsigned outputs, shown;   /* columns of a prediction; which one is looked at */
	int (*predict)(void *state, const double *values, size_t rows, double *out, struct orch_err *err); /* values row-major; out rows x outputs, column-major */
};
/* values: rows x count, row-major, not changed; columns: name and levels of each (values of them unused). Numbers are tried at up to 20 of their quantiles, categories at up to 20 levels.
 * [{name, kind, spread, x or level, mean, low, high}], the most moving feature first, at most shown; low and high: tenth and nine tenths of the rows. */
int effects(const struct effects_model *model, const double *values, size_t rows, const struct diagnose_column *columns, size_t count, size_t shown, json_t **out, struct orch_err *err);

#endif
