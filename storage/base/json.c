/* The adapter of jansson: its text form is written here, because it neither chooses the shortest number nor keeps reals
 * free of the locale in every version. */
#include "storage/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/decimal.h"
#include "storage/base/file.h"
#include "storage/base/json_plain.h"
#include "storage/base/mem.h"

struct writer {
	struct text_buf *out;
	enum json_style style;
	int depth;
};

static void write_value(struct writer *writer, const json_t *value);

static void write_text(struct text_buf *out, const char *text, size_t length)
{
	static const char names[] = "\bb\tt\nn\ff\rr\"\"\\\\"; /* pairs: character, its short form */
	text_add_bytes(out, "\"", 1);
	size_t plain = 0;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		text_add_bytes(out, text + plain, i - plain);
		plain = i + 1;
		const char *name = names;
		while (*name && (unsigned char)*name != c)
			name += 2;
		if (*name)
			text_addf(out, "\\%c", name[1]);
		else
			text_addf(out, "\\u%04x", c);
	}
	text_add_bytes(out, text + plain, length - plain);
	text_add_bytes(out, "\"", 1);
}

/* A real keeps a point or an exponent, so that it is a real again when it is read. */
static void write_real(struct text_buf *out, double value)
{
	char number[TEXT_NUMBER_MAX];
	text_add(out, text_number(value, number));
	if (!number[strcspn(number, ".e")])
		text_add(out, ".0");
}

static void write_integer(struct text_buf *out, int64_t value)
{
	char number[DECIMAL_MAX];
	text_add_bytes(out, number, decimal_integer(value, number));
}

static void new_line(struct writer *writer)
{
	if (writer->style == JSON_STYLE_PRETTY)
		text_addf(writer->out, "\n%*s", 2 * writer->depth, "");
}

static void write_array(struct writer *writer, const json_t *array)
{
	size_t count = json_array_size(array);
	text_add(writer->out, "[");
	writer->depth++;
	for (size_t i = 0; i < count; i++) {
		if (i)
			text_add(writer->out, ",");
		new_line(writer);
		write_value(writer, json_array_get(array, i));
	}
	writer->depth--;
	if (count)
		new_line(writer);
	text_add(writer->out, "]");
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

#define FEW_KEYS 24 /* of objects whose keys need no allocation */

static void sort_keys(const char **keys, size_t count)
{
	if (count > FEW_KEYS) {
		qsort(keys, count, sizeof *keys, compare_keys);
		return;
	}
	for (size_t i = 1; i < count; i++) {
		const char *key = keys[i];
		size_t at = i;
		for (; at && strcmp(keys[at - 1], key) > 0; at--)
			keys[at] = keys[at - 1];
		keys[at] = key;
	}
}

static void write_object(struct writer *writer, const json_t *object)
{
	size_t size = json_object_size(object), count = 0;
	const char *few[FEW_KEYS], **keys = size > FEW_KEYS ? mem_must(size, sizeof *keys) : few, *key;
	json_t *value;
	/* jansson's iteration wants a mutable object and changes nothing */
	json_object_foreach((json_t *)(uintptr_t)object, key, value)
		keys[count++] = key;
	if (writer->style == JSON_STYLE_CANONICAL)
		sort_keys(keys, count);
	text_add(writer->out, "{");
	writer->depth++;
	for (size_t i = 0; i < count; i++) {
		if (i)
			text_add(writer->out, ",");
		new_line(writer);
		write_text(writer->out, keys[i], strlen(keys[i]));
		text_add(writer->out, writer->style == JSON_STYLE_PRETTY ? ": " : ":");
		write_value(writer, json_object_get(object, keys[i]));
	}
	writer->depth--;
	if (count)
		new_line(writer);
	text_add(writer->out, "}");
	if (keys != few)
		free(keys);
}

static void write_value(struct writer *writer, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		write_object(writer, value);
		break;
	case JSON_ARRAY:
		write_array(writer, value);
		break;
	case JSON_STRING:
		write_text(writer->out, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		write_integer(writer->out, (int64_t)json_integer_value(value));
		break;
	case JSON_REAL:
		write_real(writer->out, json_real_value(value));
		break;
	case JSON_TRUE:
		text_add(writer->out, "true");
		break;
	case JSON_FALSE:
		text_add(writer->out, "false");
		break;
	case JSON_NULL:
		text_add(writer->out, "null");
		break;
	}
}

void json_write(const json_t *value, enum json_style style, struct text_buf *out)
{
	if (!value)
		orch_bug("json_write: no value");
	struct writer writer = {.out = out, .style = style};
	write_value(&writer, value);
	if (style == JSON_STYLE_PRETTY)
		text_add(out, "\n");
}

char *json_text(const json_t *value, enum json_style style)
{
	struct text_buf out = {0};
	json_write(value, style, &out);
	return text_take(&out);
}

int json_parse(const char *text, size_t length, const char *where, json_t **out, struct orch_err *err)
{
	json_error_t error;
	json_t *value = json_plain_read(text, length);
	if (!value)
		value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!value && json_error_code(&error) == json_error_out_of_memory)
		return orch_fail(err, ORCH_ENOMEM, "%s: out of memory while reading JSON", where);
	if (!value) {
		char *safe = text_printable(error.text); /* it quotes what stands in the file */
		orch_fail(err, ORCH_EINPUT, "%s:%d:%d: not valid JSON: %s", where, error.line, error.column, safe);
		free(safe);
		return ORCH_EINPUT;
	}
	*out = value;
	return 0;
}

int json_read_file(const char *path, json_t **out, struct orch_err *err)
{
	char *text;
	size_t length;
	int code = file_read(path, 0, &text, &length, err);
	if (code)
		return code;
	code = json_parse(text, length, path, out, err);
	free(text);
	return code;
}

json_t *json_number_or_null(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

double json_get_real(const json_t *object, const char *key, double fallback)
{
	const json_t *value = json_object_get(object, key);
	return json_is_number(value) ? json_number_value(value) : fallback;
}

json_int_t json_get_int(const json_t *object, const char *key, json_int_t fallback)
{
	const json_t *value = json_object_get(object, key);
	return json_is_integer(value) ? json_integer_value(value) : fallback;
}

const char *json_get_text(const json_t *object, const char *key, const char *fallback)
{
	const json_t *value = json_object_get(object, key);
	return json_is_string(value) ? json_string_value(value) : fallback;
}

int json_get_bool(const json_t *object, const char *key, int fallback)
{
	const json_t *value = json_object_get(object, key);
	return json_is_boolean(value) ? json_boolean_value(value) : fallback;
}
