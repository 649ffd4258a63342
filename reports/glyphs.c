#include "reports/glyphs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/err.h"
#include "storage/base/mem.h"

#define SQUARE 0x25a1

void glyphs_add(struct glyphs *glyphs, const char *line)
{
	while (*line) {
		char *end;
		unsigned long first = strtoul(line, &end, 16), last = first;

		if (end == line) {
			line++;
			continue;
		}
		if (*end == '-')
			last = strtoul(end + 1, &end, 16);
		line = end;
		if (glyphs->count == glyphs->capacity) {
			glyphs->capacity = glyphs->capacity ? 2 * glyphs->capacity : 1024;
			glyphs->ranges = mem_array_grow(glyphs->ranges, glyphs->capacity, sizeof *glyphs->ranges);
			if (!glyphs->ranges)
				orch_bug("out of memory for %zu ranges of characters", glyphs->capacity);
		}
		glyphs->ranges[glyphs->count][0] = (uint32_t)first;
		glyphs->ranges[glyphs->count++][1] = (uint32_t)last;
	}
}

void glyphs_ask(struct glyphs *out)
{
	FILE *list = popen("fc-list --format '%{charset}\\n' 2>/dev/null", "re"); /* a constant: nothing of the user's reaches a shell */
	char *line = NULL;
	size_t room = 0;

	*out = (struct glyphs){0};
	if (!list)
		return;
	while (getline(&line, &room, list) >= 0)
		glyphs_add(out, line);
	free(line);
	pclose(list);
}

/* Drawn as nothing by themselves: joiners, marks of direction, variation selectors. */
static bool is_invisible(uint32_t character)
{
	return (character >= 0x200b && character <= 0x200f) || (character >= 0x202a && character <= 0x202e) || (character >= 0x2060 && character <= 0x206f) ||
	       (character >= 0xfe00 && character <= 0xfe0f) || character == 0xfeff;
}

bool glyphs_have(const struct glyphs *glyphs, uint32_t character)
{
	if (!glyphs->count || character < 0x80 || is_invisible(character))
		return true;
	for (size_t i = 0; i < glyphs->count; i++)
		if (character >= glyphs->ranges[i][0] && character <= glyphs->ranges[i][1])
			return true;
	return false;
}

/* The character at text and its bytes; a byte that begins none stands for itself. */
static uint32_t character_at(const char *text, size_t left, size_t *bytes)
{
	static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	unsigned char lead = (unsigned char)*text;
	size_t length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	uint32_t character = lead & masks[length];

	*bytes = 1;
	if (length > left || (length == 1 && lead >= 0x80))
		return lead;
	for (size_t i = 1; i < length; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return lead;
		character = character << 6 | ((unsigned char)text[i] & 0x3f);
	}
	*bytes = length;
	return character;
}

void glyphs_copy(const struct glyphs *glyphs, const char *text, size_t length, struct text_buf *out)
{
	const char *instead = glyphs_have(glyphs, SQUARE) ? "\xe2\x96\xa1" : "?";
	size_t bytes;

	for (size_t at = 0; at < length; at += bytes) {
		uint32_t character = character_at(text + at, length - at, &bytes);

		if (glyphs_have(glyphs, character))
			text_add_bytes(out, text + at, bytes);
		else
			text_add(out, instead);
	}
}

void glyphs_release(struct glyphs *glyphs)
{
	free(glyphs->ranges);
	*glyphs = (struct glyphs){0};
}
