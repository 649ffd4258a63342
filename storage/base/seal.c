#include "storage/base/seal.h"

#include <stdlib.h>
#include <string.h>

#include "storage/base/hash.h"
#include "storage/base/mem.h"

#define DIGITS (HASH_HEX - 1)

static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";

static void hash_text(const char *text, size_t length, char out[HASH_HEX])
{
	struct hash hash;

	hash_begin(&hash);
	hash_add(&hash, text, length);
	hash_end_hex(&hash, out);
}

/* Where the digits of the last "sha256" stand; NULL: there is none. */
static char *digits_in(char *text, size_t length)
{
	static const char name[] = "\"sha256\":";
	char *found = NULL;

	for (char *at = text; (at = memmem(at, length - (size_t)(at - text), name, strlen(name))); at++)
		found = at;
	if (found)
		found = memchr(found + strlen(name), '"', length - (size_t)(found + strlen(name) - text));
	return found && (size_t)(found + 1 - text) + DIGITS <= length ? found + 1 : NULL;
}

char *seal_text(json_t *object, enum json_style style)
{
	char hash[HASH_HEX], *text, *digits;
	size_t length;

	json_object_del(object, "sha256");
	json_object_set_new(object, "sha256", json_string(zeros));
	text = json_text(object, style);
	length = strlen(text);
	hash_text(text, length, hash);
	digits = digits_in(text, length);
	memcpy(digits, hash, DIGITS);
	json_object_set_new(object, "sha256", json_string(hash));
	return text;
}

enum seal seal_check(const char *text, size_t length)
{
	char *copy = mem_must(length + 1, 1), *digits, hash[HASH_HEX], said[DIGITS];
	enum seal seal = SEAL_NONE;

	memcpy(copy, text, length);
	digits = digits_in(copy, length);
	if (digits) {
		memcpy(said, digits, DIGITS);
		memcpy(digits, zeros, DIGITS);
		hash_text(copy, length, hash);
		seal = memcmp(said, hash, DIGITS) ? SEAL_BROKEN : SEAL_HOLDS;
	}
	free(copy);
	return seal;
}
