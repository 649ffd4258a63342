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

/* What each input contributes to a prediction (Shapley values): base and the contributions of a row sum up to its score. A model has one score or
 * several, on a scale on which they add up. */
enum saved_scale {
	SAVED_TARGET,      /* the prediction itself: a score an output */
	SAVED_PROBABILITY, /* of the second of two classes, or a score a class */
	SAVED_LOG_ODDS,    /* of the second of two classes */
	SAVED_SOFTMAX,     /* a score a class, whose exponentials the probabilities are in proportion to */
	SAVED_LOG          /* the logarithm of the prediction */
};
struct saved_scores {
	size_t count;
	enum saved_scale scale;
	const char *method; /* "tree_shap" or "linear": how the contributions are reckoned */
	double cost;        /* steps that a row takes, about: some 5e8 take a second */
};
/* false: what was saved lacks what contributions need. classes: NULL, or room for as many codes as the source had classes, or 1: whose score each is. */
bool saved_model_scores(const struct saved_model *model, struct saved_scores *out, size_t *classes);
/* out: rows x scores x inputs, row-major, 0 for an input that the model does not know; base: scores. Trees: path-dependent TreeSHAP; linear models: coefficient
 * times (value - training mean), the columns of a category added up. Only where saved_model_scores is true. */
int saved_model_explain(const struct saved_model *model, const double *values, size_t rows, double *out, double *base, struct orch_err *err);

/* ---- for the files that know an engine's format ---- */
struct saved_format {
	const char *engine;
	int (*read)(const struct saved_source *source, void **state, struct orch_err *err);
	void (*close)(void *state); /* NULL is fine */
	bool (*needs)(const void *state, size_t input);
	int (*predict)(const void *state, const double *values, size_t rows, double *out, struct orch_err *err);
	bool (*scores)(const void *state, struct saved_scores *out, size_t *classes);
	int (*explain)(const void *state, const double *values, size_t rows, double *out, double *base, struct orch_err *err);
};
size_t saved_input_find(const struct saved_source *source, const char *name); /* SIZE_MAX: none */
int saved_model_foreign(const struct saved_source *source, struct orch_err *err); /* ORCH_EDAMAGED, and says so */
extern const struct saved_format saved_ridge, saved_elasticnet, saved_logistic, saved_forest, saved_xgboost;

#endif
