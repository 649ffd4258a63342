/* saved_model: predictions from what an engine saved (engine_answer.model), whichever engine it was.
 * read -> needs, predict, ... -> close. One thread. The model is checked before it is used: it may come from anywhere. */
#ifndef ENGINES_MODEL_SAVED_MODEL_H
#define ENGINES_MODEL_SAVED_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "storage/base/err.h"

/* A feature as the campaign knew it. */
struct saved_input {
	const char *name;
	size_t level_count; /* of a category: its codes are positions among the levels; else 0 */
	const char *const *levels;
};
struct saved_source {
	const char *engine;
	const char *text; /* the model's bytes */
	size_t length;
	const char *where; /* names them in errors */
	const struct saved_input *inputs;
	size_t input_count;
	unsigned outputs, classes; /* regression: classes 0 */
};
struct saved_model;
bool saved_model_known(const char *engine); /* false: what this engine saves cannot be read here */
/* Copies what it keeps of the source. ORCH_EDAMAGED: no such model, or it needs a feature that is none of the inputs; ORCH_EINPUT: an engine that saves none. */
int saved_model_read(const struct saved_source *source, struct saved_model **out, struct orch_err *err);
void saved_model_close(struct saved_model *model); /* NULL is fine */
/* Whether a missing value of that input would leave the model without an answer. */
bool saved_model_needs(const struct saved_model *model, size_t input);
/* values: rows x inputs, row-major; NaN is missing. out: rows x outputs, or x classes (probabilities), column-major, as engine_answer has them. */
int saved_model_predict(const struct saved_model *model, const double *values, size_t rows, double *out, struct orch_err *err);

/* ---- for the files that know an engine's format ---- */
struct saved_format {
	const char *engine;
	int (*read)(const struct saved_source *source, void **state, struct orch_err *err);
	void (*close)(void *state); /* NULL is fine */
	bool (*needs)(const void *state, size_t input);
	int (*predict)(const void *state, const double *values, size_t rows, double *out, struct orch_err *err);
};
size_t saved_input_find(const struct saved_source *source, const char *name); /* SIZE_MAX: none */
int saved_model_foreign(const struct saved_source *source, struct orch_err *err); /* ORCH_EDAMAGED, and says so */
extern const struct saved_format saved_ridge, saved_elasticnet, saved_logistic, saved_forest, saved_xgboost;

#endif
