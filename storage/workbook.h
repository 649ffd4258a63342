/* workbook: an Excel workbook for people, written sheet by sheet and row by row in constant memory (libxlsxwriter; the only file that knows it).
 *
 *   begin -> (sheet -> (values -> end_row)*)* -> commit | abort
 *
 * Nothing in it is ever a formula: text from users is text. Text is cut at Excel's 32,767 characters, control characters become visible signs. A
 * sheet that reaches Excel's 1,048,576 rows goes on in "NAME (2)". Integers beyond 2^53, which Excel cannot hold, are text. NaN, infinities and
 * NULL text are empty cells. The file is new, complete and synced when commit returns 0; abort and a failed commit leave none. One thread. */
#ifndef STORAGE_WORKBOOK_H
#define STORAGE_WORKBOOK_H

#include <stddef.h>
#include <stdint.h>

#include "storage/base/err.h"

struct workbook;
int workbook_begin(const char *path, struct workbook **out, struct orch_err *err); /* ORCH_EINPUT: path exists */
/* A sheet with a bold header that stays in view, and filters. Names are made to fit Excel's rules (31 characters, none of []:*?/\, unique). */
int workbook_sheet(struct workbook *book, const char *name, const char *const *columns, size_t count, struct orch_err *err);
void workbook_int(struct workbook *book, int64_t value);
void workbook_double(struct workbook *book, double value);
void workbook_text(struct workbook *book, const char *value);
void workbook_bool(struct workbook *book, int value);
void workbook_missing(struct workbook *book);
int workbook_end_row(struct workbook *book, struct orch_err *err);
int workbook_commit(struct workbook **book, struct orch_err *err); /* consumes *book whatever the outcome */
void workbook_abort(struct workbook **book);

#endif
