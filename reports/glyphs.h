/* glyphs: which characters some installed font has, asked of fontconfig's fc-list (which comes with the library that gnuplot draws PNG with). A character that
 * none has is drawn by Pango as a box hundreds of times too large, over the whole picture; here it becomes a small square. Reads the machine: for PNG only,
 * which no round holds. One thread. */
#ifndef REPORTS_GLYPHS_H
#define REPORTS_GLYPHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/base/text.h"

struct glyphs {
	uint32_t (*ranges)[2]; /* first and last, in no order */
	size_t count, capacity;
};
/* Nothing known (count 0) where there is no fc-list: then every character counts as there. */
void glyphs_ask(struct glyphs *out);
/* A line of ranges as fc-list prints a character set: "20-7e a0 2190-21ff". What is no range is passed over. */
void glyphs_add(struct glyphs *glyphs, const char *line);
bool glyphs_have(const struct glyphs *glyphs, uint32_t character);
/* text (UTF-8, any bytes) with what no font has replaced. */
void glyphs_copy(const struct glyphs *glyphs, const char *text, size_t length, struct text_buf *out);
void glyphs_release(struct glyphs *glyphs);

#endif
