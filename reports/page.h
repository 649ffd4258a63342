/* page: the frame of every HTML page: head, style, the script that sorts tables; and the few shapes pages are made of. Pages stand alone: a content
 * security policy forbids loading anything. All text from users goes through text_add_html. */
#ifndef REPORTS_PAGE_H
#define REPORTS_PAGE_H

#include "storage/base/text.h"

void page_begin(struct text_buf *out, const char *title, const char *subtitle);
void page_end(struct text_buf *out);
void page_section(struct text_buf *out, const char *title, const char *note); /* note may be NULL */
/* The figures that matter, side by side: label over value. */
void page_figures_begin(struct text_buf *out);
void page_figure(struct text_buf *out, const char *label, const char *value, const char *note);
void page_figures_end(struct text_buf *out);
/* A sortable table. numeric: one character per column, '1' for numbers (right-aligned, sorted as numbers). */
void page_table_begin(struct text_buf *out, const char *const *headers, size_t count, const char *numeric);
void page_row_begin(struct text_buf *out);
void page_cell(struct text_buf *out, const char *text, int number);
void page_row_end(struct text_buf *out);
void page_table_end(struct text_buf *out);
const char *page_number(const char *text, char out[TEXT_NUMBER_MAX]); /* a CSV number with 5 significant digits; "-" for missing */

#endif
