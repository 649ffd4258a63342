/* page: the frame of every HTML page: head, style, the script that sorts tables; and the few shapes pages are made of. Pages stand alone: a content
 * security policy forbids loading anything, and lets no script run but ours (by its hash). All text from users goes through text_add_html. */
#ifndef REPORTS_PAGE_H
#define REPORTS_PAGE_H

#include <jansson.h>

#include "storage/base/text.h"

void page_begin(struct text_buf *out, const char *title, const char *subtitle);
void page_end(struct text_buf *out);
/* A page with one more script, by whose hash the policy lets it run. script NULL: none. Both calls are given the same bytes. */
void page_begin_script(struct text_buf *out, const char *title, const char *subtitle, const char *script, size_t length);
void page_end_script(struct text_buf *out, const char *script, size_t length);
/* Data for a page's script, as an element that no policy needs to allow: value's < > & are escaped, so no text in it ends the element. */
void page_data(struct text_buf *out, const char *id, const json_t *value);
void page_section(struct text_buf *out, const char *title, const char *note); /* note may be NULL */
/* The figures that matter, side by side: label over value. */
void page_figures_begin(struct text_buf *out);
void page_figure(struct text_buf *out, const char *label, const char *value, const char *note);
void page_figures_end(struct text_buf *out);
/* A sortable table. numeric: one character per column, '1' for numbers (right-aligned, sorted as numbers). */
void page_table_begin(struct text_buf *out, const char *const *headers, size_t count, const char *numeric);
void page_row_begin(struct text_buf *out);
void page_cell(struct text_buf *out, const char *text, int number);
void page_cell_link(struct text_buf *out, const char *href, const char *text);
void page_row_end(struct text_buf *out);
void page_table_end(struct text_buf *out);
/* An SVG file of ours, inline: it follows the page's colours. Nothing when the file is not there. */
void page_svg(struct text_buf *out, const char *path, const char *caption);
/* A paragraph; the answer in a sentence. */
void page_text(struct text_buf *out, const char *css_class, const char *text);
const char *page_number(const char *text, char out[TEXT_NUMBER_MAX]); /* a CSV number with 5 significant digits; "-" for missing */

#endif
