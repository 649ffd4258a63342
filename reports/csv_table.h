/* csv_table: a small CSV file that orch itself wrote (RFC 4180, header first) as rows of texts, for pages. Not for users' data: that is
 * DuckDB's. Whole in memory; texts live until release. */
#ifndef REPORTS_CSV_TABLE_H
#define REPORTS_CSV_TABLE_H

#include <stddef.h>

#include "storage/base/err.h"

struct csv_table {
	size_t columns, rows; /* rows without the header */
	char **cells;         /* (rows + 1) x columns, header first */
	char *text;
};
/* ORCH_EDAMAGED when a row has more or fewer fields than the header. limit: rows to keep, 0: all. */
int csv_table_read(const char *path, size_t limit, struct csv_table *out, struct orch_err *err);
void csv_table_release(struct csv_table *table);
const char *csv_table_cell(const struct csv_table *table, size_t row, const char *column); /* "" when there is no such column */

#endif
