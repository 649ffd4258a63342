/* duckdb_adapter: DuckDB behind a small face: run a statement, walk a result. The only file that knows its C API. Queries are written so that every
 * fetched column is BIGINT, DOUBLE, BOOLEAN or VARCHAR. No network, no extension is loaded or installed by itself.
 * open -> run* / (query -> (next -> values)* -> end)* -> close. One thread. Errors: ORCH_EINPUT with DuckDB's own text; ORCH_ENOMEM when it is out of memory. */
#ifndef STORAGE_DUCKDB_ADAPTER_H
#define STORAGE_DUCKDB_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/base/err.h"
#include "storage/base/text.h"

struct duck;
struct duck_rows;
/* database: a file for what does not fit into memory, or NULL: in memory. memory 0: 1 GiB. */
int duck_open(const char *database, uint64_t memory, unsigned threads, struct duck **out, struct orch_err *err);
void duck_close(struct duck *duck); /* NULL is fine */
int duck_run(struct duck *duck, const char *sql, struct orch_err *err);
int duck_query(struct duck *duck, const char *sql, struct duck_rows **out, struct orch_err *err);
void duck_end(struct duck_rows *rows); /* NULL is fine */
size_t duck_columns(const struct duck_rows *rows);
const char *duck_column_name(const struct duck_rows *rows, size_t column);
/* The next chunk: its number of rows, 0 at the end. */
size_t duck_next(struct duck_rows *rows);
bool duck_is_missing(const struct duck_rows *rows, size_t column, size_t row);
int64_t duck_int(const struct duck_rows *rows, size_t column, size_t row);
double duck_double(const struct duck_rows *rows, size_t column, size_t row);
bool duck_bool(const struct duck_rows *rows, size_t column, size_t row);
const char *duck_text(const struct duck_rows *rows, size_t column, size_t row, size_t *length); /* not terminated; until the next chunk */
/* First value of a one-row query as text (malloc'd); "" when there is none. */
int duck_one_text(struct duck *duck, const char *sql, char **out, struct orch_err *err);
int duck_one_int(struct duck *duck, const char *sql, int64_t *out, struct orch_err *err);
void duck_add_name(struct text_buf *out, const char *name);  /* "quoted ""identifier""" */
void duck_add_text(struct text_buf *out, const char *text);  /* 'quoted ''literal''' */
const char *duck_version(void);

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
