/* json: what orch needs beside jansson: canonical text with shortest numbers, and reading with clear errors.
 * Canonical: keys sorted, no spaces, reals in shortest form (text_number), so equal values have equal bytes.
 * A NaN or infinity cannot be in a json_t; json_number_or_null makes null of them. */
#ifndef STORAGE_BASE_JSON_H
#define STORAGE_BASE_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "storage/base/err.h"
#include "storage/base/text.h"

enum json_style {
	JSON_STYLE_CANONICAL, /* one line, keys sorted */
	JSON_STYLE_LINE,      /* one line, keys in order of insertion */
	JSON_STYLE_PRETTY     /* two spaces, keys in order of insertion, newline at the end */
};
void json_write(const json_t *value, enum json_style style, struct text_buf *out);
char *json_text(const json_t *value, enum json_style style); /* malloc'd */
/* Parse exactly one value; where names the source in the error ("best.json"). Duplicate keys and NUL bytes are errors. */
int json_parse(const char *text, size_t length, const char *where, json_t **out, struct orch_err *err);
int json_read_file(const char *path, json_t **out, struct orch_err *err);
json_t *json_number_or_null(double value);
/* Lookups with a default for absent or wrong type. */
double json_get_real(const json_t *object, const char *key, double fallback);
json_int_t json_get_int(const json_t *object, const char *key, json_int_t fallback);
const char *json_get_text(const json_t *object, const char *key, const char *fallback); /* borrowed */
int json_get_bool(const json_t *object, const char *key, int fallback);

#endif
