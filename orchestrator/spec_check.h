/* spec_check: walks a YAML tree along the table of keys, gathers every error with its place, and builds the resolved spec. */
#ifndef ORCHESTRATOR_SPEC_CHECK_H
#define ORCHESTRATOR_SPEC_CHECK_H

#include <stdbool.h>

#include "engines/model/engine.h"
#include "orchestrator/spec_keys.h"
#include "storage/base/text.h"

struct spec_problem {
	unsigned line, column, order; /* line 0: about the whole file */
	char *text;
};
struct spec_check {
	const struct yaml_document *document;
	struct spec_problem *problems;
	unsigned errors; /* how many there are */
	bool color;
	bool unread;     /* there is no such file: its keys are not what is wrong */
};
/* One error where node stands; NULL: about the whole file. */
void spec_error(struct spec_check *check, const struct yaml_node *node, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* All of them in the order of the file, each with its source line and a caret, and how many. malloc'd. */
char *spec_report(struct spec_check *check);
void spec_check_release(struct spec_check *check);
/* "; did you mean "x"?" for the nearest candidate, or "". malloc'd. */
char *spec_suggestion(const char *word, const char *const *candidates, size_t count);
/* The resolved spec (new reference), or NULL with errors told. */
json_t *spec_check_all(struct spec_check *check);

/* Is there an unknown key that was meant to be this one? It is told already, so its absence is not. */
bool spec_is_misspelt(const char *section, const char *name, const struct yaml_node *node);

/* A scalar as the JSON value it looks like: null, true, false, numbers, else text. */
json_t *spec_scalar(const struct yaml_node *node);
bool spec_is_nothing(const struct yaml_node *node); /* null, ~ or nothing at all */
bool spec_is_text(const struct yaml_node *node);    /* a scalar that is not nothing and not empty */
/* For "must be ..., not WHAT": "a list", "nothing", 1e9, "word", the text "5". out is used when needed. */
#define SPEC_WHAT_MAX 96
const char *spec_what_it_is(const struct yaml_node *node, char out[SPEC_WHAT_MAX]);
/* A list of distinct texts; a single text is a list of one. NULL after telling an error. */
json_t *spec_take_texts(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node);

/* Why a text cannot be a campaign's name, or NULL: it can. */
const char *spec_name_problem(const char *name);
/* "10%" is 0.1; above 0 and below 1. */
bool spec_share_of(const char *text, double *out);

/* keys with a shape of their own */
json_t *spec_take_name(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_target(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_expressions(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_lists(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_groups(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_holdout(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_stratify(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_metric(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_constraints(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_model(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_space(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_learning_curve(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_drop(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_stop(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_choose(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_models(struct spec_check *, const struct spec_key *, const struct yaml_node *);
/* The engine that a model names, or NULL: none of that name. Telling that is spec_take_model's. */
const struct engine *spec_engine_of(const struct yaml_node *model);
/* The engine's declaration of a parameter, and its value as JSON; NULL after telling an error. */
const struct param_def *spec_take_parameter(struct spec_check *check, const struct engine *engine, const struct yaml_node *key);
json_t *spec_take_parameter_value(struct spec_check *check, const struct param_def *def, const char *name, const struct yaml_node *node);
/* What a model searches; where: how messages name it. NULL after telling an error. */
json_t *spec_take_model_space(struct spec_check *check, const struct yaml_node *model, const char *where, const struct yaml_node *node);
/* The axes as the samplers see them: conditions that name nothing, or go in a circle. */
void spec_check_space(struct spec_check *check, const json_t *axes, const json_t *fixed, const struct yaml_node *place);
/* What concerns several keys at once. */
void spec_check_together(struct spec_check *check, const json_t *resolved);

#endif
