#include "storage/base/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/err.h"
#include "storage/base/mem.h"

/* --- strings that grow --- */

static void reserve(struct text_buf *buf, size_t more)
{
	size_t need;
	if (__builtin_add_overflow(buf->length, more, &need) || need >= SIZE_MAX / 2)
		orch_bug("a text of %zu bytes cannot grow by %zu", buf->length, more);
	if (buf->data && need < buf->capacity)
		return;
	size_t capacity = buf->capacity ? buf->capacity : 64;
	while (capacity <= need)
		capacity *= 2;
	char *data = mem_must(capacity, 1);
	if (buf->data)
		memcpy(data, buf->data, buf->length);
	free(buf->data);
	buf->data = data;
	buf->capacity = capacity;
}

void text_add_bytes(struct text_buf *buf, const void *bytes, size_t length)
{
	reserve(buf, length);
	if (length)
		memcpy(buf->data + buf->length, bytes, length);
	buf->length += length;
	buf->data[buf->length] = '\0';
}

void text_add(struct text_buf *buf, const char *text)
{
	text_add_bytes(buf, text, strlen(text));
}

static void add_format(struct text_buf *buf, const char *format, va_list arguments)
{
	va_list again;
	va_copy(again, arguments);
	int length = vsnprintf(NULL, 0, format, arguments);
	if (length < 0)
		orch_bug("a text cannot be formatted: %s", format);
	reserve(buf, (size_t)length);
	vsnprintf(buf->data + buf->length, (size_t)length + 1, format, again);
	va_end(again);
	buf->length += (size_t)length;
}

void text_addf(struct text_buf *buf, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	add_format(buf, format, arguments);
	va_end(arguments);
}

void text_add_line(struct text_buf *buf, const char *format, ...)
{
	va_list arguments;
	if (buf->length)
		text_add(buf, "\n");
	va_start(arguments, format);
	add_format(buf, format, arguments);
	va_end(arguments);
}

void text_buf_release(struct text_buf *buf)
{
	free(buf->data);
	*buf = (struct text_buf){0};
}

char *text_take(struct text_buf *buf)
{
	text_add_bytes(buf, "", 0);
	char *data = buf->data;
	*buf = (struct text_buf){0};
	return data;
}

char *text_format(const char *format, ...)
{
	struct text_buf buf = {0};
	va_list arguments;
	va_start(arguments, format);
	add_format(&buf, format, arguments);
	va_end(arguments);
	return text_take(&buf);
}

/* --- did you mean --- */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Damerau-Levenshtein distance in its optimal string alignment form, letters compared without case.
 * rows: space for 3 * (strlen(b) + 1) numbers. */
static size_t distance(const char *a, const char *b, size_t *rows)
{
	size_t width = strlen(b) + 1;
	size_t *before = rows, *last = rows + width, *now = rows + 2 * width;
	for (size_t j = 0; j < width; j++)
		last[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		now[0] = i;
		for (size_t j = 1; j < width; j++) {
			int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
			now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) && y == tolower((unsigned char)a[i - 2]))
				now[j] = least(now[j], before[j - 2] + 1);
		}
		size_t *free_row = before;
		before = last;
		last = now;
		now = free_row;
	}
	return last[width - 1];
}

const char *text_nearest(const char *word, const char *const *candidates, size_t count)
{
	const char *nearest = NULL;
	size_t limit = strlen(word) / 3, best = limit + 1;
	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(candidates[i]);
		if (length > strlen(word) + limit || strlen(word) > length + limit)
			continue;
		size_t *rows = mem_must(3 * (length + 1), sizeof *rows);
		size_t far = distance(word, candidates[i], rows);
		free(rows);
		if (far < best) {
			best = far;
			nearest = candidates[i];
		}
	}
	return nearest;
}

/* --- UTF-8, and safe copies --- */

/* Length of the well-formed sequence at bytes (Unicode table 3-7: no overlong forms, no surrogates), 0 when there is none. */
static size_t sequence(const unsigned char *bytes, size_t length)
{
	unsigned char lead = bytes[0];
	if (lead < 0x80)
		return 1;
	size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
	if (lead < 0xC2 || lead > 0xF4 || length < need)
		return 0;
	unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
	unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
	if (bytes[1] < low || bytes[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++)
		if ((bytes[i] & 0xC0) != 0x80)
			return 0;
	return need;
}

bool text_is_utf8(const char *bytes, size_t length)
{
	for (size_t i = 0, step; i < length; i += step) {
		step = sequence((const unsigned char *)bytes + i, length - i);
		if (!step)
			return false;
	}
	return true;
}

char *text_printable(const char *text)
{
	struct text_buf out = {0};
	size_t length = strlen(text);
	for (size_t i = 0, step; i < length; i += step) {
		const unsigned char *at = (const unsigned char *)text + i;
		step = sequence(at, length - i);
		if (step == 0) {
			text_add(&out, "\xEF\xBF\xBD");
			step = 1;
		} else if (at[0] < 0x20 || at[0] == 0x7F) {
			text_addf(&out, "\\x%02X", at[0]);
		} else if (at[0] == 0xC2 && at[1] < 0xA0) { /* C1: some terminals obey these too */
			text_addf(&out, "\\x%02X", at[1]);
		} else {
			text_add_bytes(&out, at, step);
		}
	}
	return text_take(&out);
}

static const char *html_escape(char character)
{
	switch (character) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	}
	return NULL;
}

static bool continues(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

char *text_cut(const char *text, size_t characters)
{
	size_t count = 0, head = 0, tail = strlen(text), last = (characters - 1) / 2, first = characters - 1 - last;

	for (const char *at = text; *at; at++)
		count += !continues(*at);
	if (count <= characters)
		return text_format("%s", text);
	for (; first || continues(text[head]); head++)
		first -= !continues(text[head]);
	while (last)
		last -= !continues(text[--tail]);
	return text_format("%.*s\xe2\x80\xa6%s", (int)head, text, text + tail);
}

void text_add_html(struct text_buf *buf, const char *text)
{
	for (const char *plain = text; *plain;) {
		size_t length = strcspn(plain, "&<>\"'");
		text_add_bytes(buf, plain, length);
		plain += length;
		if (*plain)
			text_add(buf, html_escape(*plain++));
	}
}

void text_add_csv(struct text_buf *buf, const char *text)
{
	size_t length = strlen(text);
	bool spaced = length && (text[0] == ' ' || text[length - 1] == ' '); /* readers trim these */
	if (!spaced && !text[strcspn(text, ",\"\r\n")]) {
		text_add_bytes(buf, text, length);
		return;
	}
	text_add(buf, "\"");
	for (const char *plain = text;;) {
		size_t run = strcspn(plain, "\"");
		text_add_bytes(buf, plain, run);
		plain += run;
		if (!*plain++)
			break;
		text_add(buf, "\"\"");
	}
	text_add(buf, "\"");
}
