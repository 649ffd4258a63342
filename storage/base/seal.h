/* seal: a JSON text that carries its own SHA-256, so that a flipped bit in it is found. The last member, "sha256", is the hash of the text with
 * its own digits as zeros. Texts without it (of earlier versions) cannot be checked. */
#ifndef STORAGE_BASE_SEAL_H
#define STORAGE_BASE_SEAL_H

#include <jansson.h>
#include <stddef.h>

#include "storage/base/json.h"

enum seal { SEAL_NONE, SEAL_HOLDS, SEAL_BROKEN };
/* Sets "sha256" in the object. malloc'd. */
char *seal_text(json_t *object, enum json_style style);
enum seal seal_check(const char *text, size_t length);

#endif
