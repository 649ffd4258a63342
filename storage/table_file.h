/* table_file: one table as Parquet (through DuckDB) and CSV, the same rows in the same order, the same bytes for the
 * same values (single-threaded writer, fixed row groups, fixed compression, no metadata of time or host). begin ->
 * column* -> row values column by column through chunks -> commit. Written to new files with fsync; nothing is
 * published here: the caller's folder is. Abort and a failed commit leave no file. Memory is bounded: rows are handed
 * over in chunks. CSV: RFC 4180, header, shortest numbers that read back exactly, missing empty. Parquet: types as
 * declared, missing NULL. */
#ifndef STORAGE_TABLE_FILE_H
#define STORAGE_TABLE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "storage/base/err.h"

enum table_type { TABLE_INT32, TABLE_INT64, TABLE_DOUBLE, TABLE_TEXT, TABLE_BOOL };
struct table_column {
	const char *name;
	enum table_type type;
};
struct table_file;
/* Either path may be NULL. */
int table_file_begin(const char *parquet_path, const char *csv_path, const struct table_column *columns, size_t count,
        struct table_file **out, struct orch_err *err);
/* One row, one call per column in order, then table_file_end_row. First failure sticks. NaN, infinities and NULL text
 * are missing. An int may go into every column but a text, a double into a double only; anything else is a broken
 * invariant. */
void table_file_int(struct table_file *table, int64_t value);
void table_file_double(struct table_file *table, double value);
void table_file_text(struct table_file *table, const char *value);
void table_file_missing(struct table_file *table);
void table_file_end_row(struct table_file *table);
int table_file_commit(struct table_file **table, struct orch_err *err); /* consumes *table whatever the outcome */
void table_file_abort(struct table_file **table);

#endif
