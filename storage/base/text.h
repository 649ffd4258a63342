/* text: strings that grow, numbers that read back exactly, sizes and durations as people write them, "did you mean".
 * A text_buf is initialised to {0}; data is NUL-terminated whenever it is not NULL. Appending aborts when memory is
 * gone (mem_must). text_buf_release frees. */
#ifndef STORAGE_BASE_TEXT_H
#define STORAGE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text_buf {
	char *data;
	size_t length, capacity;
};
void text_add(struct text_buf *buf, const char *text);
void text_add_bytes(struct text_buf *buf, const void *bytes, size_t length);
void text_addf(struct text_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_line(struct text_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3))); /* a newline between lines, none at the end */
void text_buf_release(struct text_buf *buf);
char *text_take(struct text_buf *buf);                                              /* ownership to the caller; buf is {0} again; never NULL */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2))); /* malloc'd */

#define TEXT_NUMBER_MAX 32
/* Shortest decimal form that strtod reads back to the same double ("0.1", "1e+300", "3"). NaN and infinities give "". */
const char *text_number(double value, char out[TEXT_NUMBER_MAX]);
bool text_to_double(const char *text, double *out); /* the whole text must be a number; "C" locale always */
bool text_to_int64(const char *text, int64_t *out);
/* "8GiB", "512 MB", "1.5G", plain bytes. "1h", "90s", "1h30m", "2d", plain seconds. */
bool text_to_bytes(const char *text, uint64_t *out);
bool text_to_seconds(const char *text, double *out);
/* For people: "1.4 GiB"; "2 h 05 min", "48 s", "0.3 s"; "53,940". */
const char *text_bytes(uint64_t bytes, char out[TEXT_NUMBER_MAX]);
const char *text_seconds(double seconds, char out[TEXT_NUMBER_MAX]);
const char *text_count(int64_t count, char out[TEXT_NUMBER_MAX]);

/* The candidate nearest to word (Damerau-Levenshtein, at most a third of its length away), or NULL. */
const char *text_nearest(const char *word, const char *const *candidates, size_t count);

bool text_is_utf8(const char *bytes, size_t length);
/* A copy that is safe on a terminal and in one line: control characters become \xNN, bad UTF-8 becomes U+FFFD. malloc'd. */
char *text_printable(const char *text);
/* A copy of at most that many characters (at least 3): longer text loses its middle to an ellipsis. malloc'd. */
char *text_cut(const char *text, size_t characters);
#define TEXT_NAME_SHOWN 60 /* characters of a feature's name in a sentence */
/* Appends text with & < > " ' escaped for HTML and XML. */
void text_add_html(struct text_buf *buf, const char *text);
/* Appends a CSV field, quoted when it must be (RFC 4180). */
void text_add_csv(struct text_buf *buf, const char *text);

#endif
