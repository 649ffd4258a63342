/* duckdb_adapter: DuckDB behind a small face: run a statement, walk a result, append rows. The only file that knows its
 * C API. Queries are written so that every fetched column is BIGINT, DOUBLE, BOOLEAN or VARCHAR.
 * The library is loaded by the first duck_open: ORCH_EMISSING names the places where it was looked for. duck_version alone does not load it.
 * open -> (run | query -> (next -> values)* -> end | append...)* -> close. One thread; DuckDB's own threads are inside.
 * Results are streamed: a chunk of some thousand rows is in memory, never the result. One statement a call.
 * DuckDB loads and installs no extension, has no network, and reckons in UTC, whatever the machine's zone.
 * Errors: ORCH_EINPUT with DuckDB's own text for what is wrong in SQL or data; ORCH_ENOMEM above the memory limit;
 * ORCH_EIO when its own files could not be written. */
#ifndef STORAGE_DUCKDB_ADAPTER_H
#define STORAGE_DUCKDB_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/base/err.h"
#include "storage/base/text.h"

struct duck;
struct duck_rows;
struct duck_options {
	const char *database;  /* file for its tables, must not exist; NULL: in memory */
	const char *temporary; /* folder for what does not fit into memory; made when needed, removed at close */
	uint64_t memory;       /* bytes; 0: 512 MiB */
	unsigned threads;      /* 0: 1 */
};
int duck_open(const struct duck_options *options, struct duck **out, struct orch_err *err);
void duck_close(struct duck *duck); /* NULL is fine */
int duck_run(struct duck *duck, const char *sql, struct orch_err *err);
int duck_set_threads(struct duck *duck, unsigned threads, struct orch_err *err);

int duck_query(struct duck *duck, const char *sql, struct duck_rows **out, struct orch_err *err);
void duck_end(struct duck_rows *rows); /* NULL is fine */
size_t duck_columns(const struct duck_rows *rows);
const char *duck_column_name(const struct duck_rows *rows, size_t column);
/* The next chunk; *count is its number of rows, 0 at the end. Errors of evaluation come here. */
int duck_next(struct duck_rows *rows, size_t *count, struct orch_err *err);
bool duck_is_missing(const struct duck_rows *rows, size_t column, size_t row);
int64_t duck_int(const struct duck_rows *rows, size_t column, size_t row);
double duck_double(const struct duck_rows *rows, size_t column, size_t row);
bool duck_bool(const struct duck_rows *rows, size_t column, size_t row);
/* Not terminated, may hold NUL bytes; until the next chunk. */
const char *duck_text(const struct duck_rows *rows, size_t column, size_t row, size_t *length);
char *duck_text_copy(const struct duck_rows *rows, size_t column, size_t row); /* malloc'd; "" when missing */

void duck_add_name(struct text_buf *out, const char *name); /* "quoted ""identifier""" */
void duck_add_text(struct text_buf *out, const char *text); /* 'quoted ''literal''' */
void duck_add_path(struct text_buf *out, const char *path); /* the same, for a reader: * ? [ stand for themselves */
const char *duck_version(void); /* "unknown" without the library */

/* Appending rows to a table, value by value. First failure sticks; end reports it. */
struct duck_appender;
int duck_append_begin(struct duck *duck, const char *table, struct duck_appender **out, struct orch_err *err);
void duck_append_int(struct duck_appender *appender, int64_t value);
void duck_append_double(struct duck_appender *appender, double value);
void duck_append_bool(struct duck_appender *appender, bool value);
void duck_append_text(struct duck_appender *appender, const char *value);
void duck_append_missing(struct duck_appender *appender);
void duck_append_end_row(struct duck_appender *appender);
int duck_append_end(struct duck_appender **appender, struct orch_err *err); /* consumes */

#endif
