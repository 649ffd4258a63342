/* spec_keys: the one table of keys. The loader, spec.json, `orch schema` and its help read it; nothing about a key is written anywhere else. */
#ifndef ORCHESTRATOR_SPEC_KEYS_H
#define ORCHESTRATOR_SPEC_KEYS_H

#include <jansson.h>

#include "orchestrator/spec_yaml.h"

enum spec_kind {
	SPEC_SECTION,  /* a mapping of further keys of the table */
	SPEC_TEXT, SPEC_TEXTS /* a list of texts */, SPEC_INT, SPEC_REAL, SPEC_BOOL, SPEC_CHOICE, SPEC_BYTES, SPEC_SECONDS,
	SPEC_INT_OR_AUTO,
	SPEC_OWN       /* has a shape of its own: take */
};
struct spec_check; /* spec_check.h */
struct spec_key {
	const char *path; /* "split.folds.k" */
	enum spec_kind kind;
	const char *fallback;    /* JSON text; NULL: must be given; "null": may be absent */
	double low, high;        /* of numbers, bytes, seconds */
	const char *choices;     /* space-separated */
	const char *unavailable; /* choices that are not there yet, or "*": the whole key */
	const char *help;        /* one line */
	/* SPEC_OWN: checks the node (never NULL) and returns the resolved value, or NULL after telling an error. */
	json_t *(*take)(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node);
	const char *schema; /* SPEC_OWN: JSON Schema of it */
};
extern const struct spec_key spec_keys[]; /* path NULL ends it */
/* Keys directly below section ("" for the top level), for "did you mean". Returns how many. */
size_t spec_keys_below(const char *section, const char **names, size_t capacity);
json_t *spec_key_default(const struct spec_key *key); /* new reference; NULL for a section and for what must be given */
const struct spec_key *spec_key_find(const char *section, const char *name);

#endif
