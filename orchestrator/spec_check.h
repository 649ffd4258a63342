/* spec_check: walks a YAML tree along the table of keys, gathers every error with its place, and builds the resolved spec. */
#ifndef ORCHESTRATOR_SPEC_CHECK_H
#define ORCHESTRATOR_SPEC_CHECK_H

#include <stdbool.h>

#include "engines/model/engine.h"
#include "orchestrator/spec_keys.h"
#include "storage/base/text.h"

struct spec_check {
	const struct yaml_document *document;
	struct text_buf report;
	unsigned errors;
	bool color;
};
/* One error: "file:line:column: message", the source line, a caret. node NULL: about the whole file. */
void spec_error(struct spec_check *check, const struct yaml_node *node, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* "; did you mean "x"?" for the nearest candidate, or "". malloc'd. */
char *spec_suggestion(const char *word, const char *const *candidates, size_t count);
/* The resolved spec (new reference), or NULL with errors told. */
json_t *spec_check_all(struct spec_check *check);

/* A scalar as the JSON value it looks like: null, true, false, numbers, else text. */
json_t *spec_scalar(const struct yaml_node *node);
bool spec_is_text(const struct spec_check *check, const struct yaml_node *node); /* a scalar that is not null and not empty */
/* A list of distinct texts; a single text is a list of one. NULL after telling an error. */
json_t *spec_take_texts(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node);

/* keys with a shape of their own */
json_t *spec_take_name(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_target(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_expressions(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_lists(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_groups(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_holdout(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_stratify(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_metric(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_model(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_space(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_drop(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_stop(struct spec_check *, const struct spec_key *, const struct yaml_node *);
json_t *spec_take_choose(struct spec_check *, const struct spec_key *, const struct yaml_node *);
/* What concerns several keys at once. */
void spec_check_together(struct spec_check *check, const json_t *resolved);
/* "{a}" and the like in a command's template: each placeholder is looked up by known(name); false and *unknown (static) for one that is not. */
bool spec_template_names(const char *run, bool (*known)(const void *context, const char *name), const void *context, char unknown[128]);

#endif
