#include "storage/base/json_plain.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "storage/base/decimal.h"

#define DEPTH_MAX 64
#define DIGITS_MAX 18 /* below 2^63, and below what decimal_read takes */

struct reader {
	const char *at, *end;
	unsigned depth;
};

static json_t *read_value(struct reader *reader);

static void skip_spaces(struct reader *reader)
{
	while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\n' || *reader->at == '\t' || *reader->at == '\r'))
		reader->at++;
}

/* The next character that is no space, and steps over it when it is the wanted one. */
static bool take(struct reader *reader, char wanted)
{
	skip_spaces(reader);
	if (reader->at == reader->end || *reader->at != wanted)
		return false;
	reader->at++;
	return true;
}

/* Behind the opening quote: the bytes up to the closing one. */
static bool read_text(struct reader *reader, const char **text, size_t *length)
{
	const char *start = reader->at;

	while (reader->at < reader->end && *reader->at != '"') {
		unsigned char byte = (unsigned char)*reader->at; /* char has no sign on some machines */

		if (byte < 0x20 || byte >= 0x7f || byte == '\\')
			return false;
		reader->at++;
	}
	if (reader->at == reader->end)
		return false;
	*text = start;
	*length = (size_t)(reader->at++ - start);
	return true;
}

static json_t *read_object(struct reader *reader)
{
	json_t *object = json_object();

	if (!object || take(reader, '}'))
		return object;
	do {
		const char *key;
		size_t length;
		json_t *value;

		if (!take(reader, '"') || !read_text(reader, &key, &length) || !take(reader, ':') || json_object_getn(object, key, length) ||
		        !(value = read_value(reader)) || json_object_setn_new_nocheck(object, key, length, value)) {
			json_decref(object);
			return NULL;
		}
	} while (take(reader, ','));
	if (!take(reader, '}')) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static json_t *read_array(struct reader *reader)
{
	json_t *array = json_array();

	if (!array || take(reader, ']'))
		return array;
	do {
		json_t *value = read_value(reader);

		if (!value || json_array_append_new(array, value)) {
			json_decref(array);
			return NULL;
		}
	} while (take(reader, ','));
	if (!take(reader, ']')) {
		json_decref(array);
		return NULL;
	}
	return array;
}

/* Digits at the cursor are added to *number; how many there were. */
static unsigned read_digits(struct reader *reader, uint64_t *number, unsigned most)
{
	unsigned count = 0;

	for (; reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9' && count <= most; reader->at++, count++)
		*number = *number * 10 + (uint64_t)(*reader->at - '0');
	return count;
}

static bool at_any(const struct reader *reader, char a, char b)
{
	return reader->at < reader->end && (*reader->at == a || *reader->at == b);
}

/* "e-05" behind a number moves its point. */
static bool read_exponent(struct reader *reader, int *places)
{
	uint64_t size = 0;
	bool negative;

	if (!at_any(reader, 'e', 'E'))
		return true;
	reader->at++;
	negative = at_any(reader, '-', '-');
	if (at_any(reader, '-', '+'))
		reader->at++;
	if (!read_digits(reader, &size, 2) || size > 99)
		return false;
	*places += negative ? (int)size : -(int)size;
	return true;
}

static json_t *read_number(struct reader *reader)
{
	bool negative = take(reader, '-'), real;
	const char *start = reader->at;
	uint64_t number = 0;
	unsigned before = read_digits(reader, &number, DIGITS_MAX), after = 0;
	int places;
	double value;

	real = at_any(reader, '.', '.');
	if (before == 0 || (before > 1 && *start == '0') || before > DIGITS_MAX)
		return NULL;
	if (real) {
		reader->at++;
		after = read_digits(reader, &number, DIGITS_MAX - before);
		if (after == 0 || before + after > DIGITS_MAX)
			return NULL;
	}
	real = real || at_any(reader, 'e', 'E');
	if (!real)
		return negative && !number ? NULL : json_integer(negative ? -(json_int_t)number : (json_int_t)number);
	places = (int)after;
	if (!read_exponent(reader, &places) || places < 0 || !decimal_read(number, (unsigned)places, &value))
		return NULL;
	return json_real(negative ? -value : value);
}

static json_t *read_word(struct reader *reader, const char *word, json_t *value)
{
	size_t length = strlen(word);

	if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length))
		return NULL;
	reader->at += length;
	return value;
}

static json_t *read_value(struct reader *reader)
{
	const char *text;
	size_t length;
	json_t *value = NULL;

	skip_spaces(reader);
	if (reader->at == reader->end || reader->depth == DEPTH_MAX)
		return NULL;
	reader->depth++;
	switch (*reader->at) {
	case '{':
		reader->at++;
		value = read_object(reader);
		break;
	case '[':
		reader->at++;
		value = read_array(reader);
		break;
	case '"':
		reader->at++;
		value = read_text(reader, &text, &length) ? json_stringn_nocheck(text, length) : NULL;
		break;
	case 't':
		value = read_word(reader, "true", json_true());
		break;
	case 'f':
		value = read_word(reader, "false", json_false());
		break;
	case 'n':
		value = read_word(reader, "null", json_null());
		break;
	default:
		value = read_number(reader);
	}
	reader->depth--;
	return value;
}

json_t *json_plain_read(const char *text, size_t length)
{
	struct reader reader = {.at = text, .end = text + length};
	json_t *value = read_value(&reader);

	skip_spaces(&reader);
	if (value && reader.at != reader.end) {
		json_decref(value);
		return NULL;
	}
	return value;
}
