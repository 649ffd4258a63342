#include "storage/duckdb_adapter.h"

#include <duckdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/mem.h"

#define MEMORY_DEFAULT ((uint64_t)512 << 20)

struct duck {
	duckdb_database database;
	duckdb_connection connection;
};
struct duck_rows {
	duckdb_result result;
	duckdb_data_chunk chunk;
	size_t columns;
	void **data;
	uint64_t **validity;
};
struct duck_appender {
	duckdb_appender appender;
	struct orch_err failure; /* the first */
};

/* ---- errors ---- */

static bool has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

/* DuckDB's kinds of errors do not tell a broken gzip file from a full disk (both are "IO"): its text decides. */
static enum orch_code code_of(const char *text)
{
	if (!strncmp(text, "Out of Memory", 13))
		return ORCH_ENOMEM;
	if (has(text, "No space left on device") || has(text, "Disk quota exceeded") || has(text, "Could not write") ||
	        has(text, "Could not fsync") || has(text, "Read-only file system"))
		return ORCH_EIO;
	return ORCH_EINPUT;
}

static int fail(struct orch_err *err, const char *text)
{
	const char *said = text && text[0] ? text : "DuckDB gave no reason";

	return orch_fail(err, code_of(said), "%s", said);
}

/* ---- opening ---- */

static bool set(duckdb_config config, const char *name, const char *value)
{
	return duckdb_set_config(config, name, value) == DuckDBSuccess;
}

static bool configure(duckdb_config config, const struct duck_options *options)
{
	uint64_t memory = options->memory ? options->memory : MEMORY_DEFAULT;
	char limit[32], threads[16];

	snprintf(limit, sizeof limit, "%lluKiB", (unsigned long long)(memory >> 10));
	snprintf(threads, sizeof threads, "%u", options->threads ? options->threads : 1);
	return set(config, "memory_limit", limit) && set(config, "threads", threads) &&
	       set(config, "temp_directory", options->temporary ? options->temporary : "") &&
	       set(config, "autoinstall_known_extensions", "false") &&
	       set(config, "autoload_known_extensions", "false") &&
	       set(config, "allow_community_extensions", "false") && set(config, "preserve_insertion_order", "true");
}

int duck_open(const struct duck_options *options, struct duck **out, struct orch_err *err)
{
	struct duck *duck = mem_must(1, sizeof *duck);
	duckdb_config config = NULL;
	char *why = NULL;
	int code = 0;

	if (duckdb_create_config(&config) != DuckDBSuccess || !configure(config, options))
		code = orch_fail(
		        err, ORCH_EIO, "DuckDB %s does not take its settings; orch needs its 1.4 line", duck_version());
	else if (duckdb_open_ext(options->database, &duck->database, config, &why) != DuckDBSuccess ||
	         duckdb_connect(duck->database, &duck->connection) != DuckDBSuccess)
		code = fail(err, why);
	else
		code = duck_run(duck, "SET TimeZone='UTC'", err);
	duckdb_free(why);
	duckdb_destroy_config(&config);
	if (code)
		duck_close(duck);
	else
		*out = duck;
	return code;
}

void duck_close(struct duck *duck)
{
	if (!duck)
		return;
	duckdb_disconnect(&duck->connection);
	duckdb_close(&duck->database);
	free(duck);
}

int duck_set_threads(struct duck *duck, unsigned threads, struct orch_err *err)
{
	char sql[64];

	snprintf(sql, sizeof sql, "SET threads=%u", threads ? threads : 1);
	return duck_run(duck, sql, err);
}

/* ---- statements ---- */

/* Preparing takes exactly one statement: what hides behind a semicolon in a user's expression is an error. */
static int execute(struct duck *duck, const char *sql, bool streaming, duckdb_result *result, struct orch_err *err)
{
	duckdb_prepared_statement statement = NULL;
	duckdb_state state;
	int code = 0;

	if (duckdb_prepare(duck->connection, sql, &statement) != DuckDBSuccess) {
		code = fail(err, duckdb_prepare_error(statement));
	} else {
		state = streaming ? duckdb_execute_prepared_streaming(statement, result)
		                  : duckdb_execute_prepared(statement, result);
		if (state != DuckDBSuccess)
			code = fail(err, duckdb_result_error(result));
	}
	duckdb_destroy_prepare(&statement);
	return code;
}

int duck_run(struct duck *duck, const char *sql, struct orch_err *err)
{
	duckdb_result result = {0};
	int code = execute(duck, sql, false, &result, err);

	duckdb_destroy_result(&result);
	return code;
}

int duck_query(struct duck *duck, const char *sql, struct duck_rows **out, struct orch_err *err)
{
	struct duck_rows *rows = mem_must(1, sizeof *rows);
	int code = execute(duck, sql, true, &rows->result, err);

	if (code) {
		duck_end(rows);
		return code;
	}
	rows->columns = duckdb_column_count(&rows->result);
	rows->data = mem_must(rows->columns + 1, sizeof *rows->data);
	rows->validity = mem_must(rows->columns + 1, sizeof *rows->validity);
	*out = rows;
	return 0;
}

void duck_end(struct duck_rows *rows)
{
	if (!rows)
		return;
	duckdb_destroy_data_chunk(&rows->chunk);
	duckdb_destroy_result(&rows->result);
	free(rows->data);
	free(rows->validity);
	free(rows);
}

size_t duck_columns(const struct duck_rows *rows)
{
	return rows->columns;
}

const char *duck_column_name(const struct duck_rows *rows, size_t column)
{
	return duckdb_column_name((duckdb_result *)(uintptr_t)&rows->result, column);
}

int duck_next(struct duck_rows *rows, size_t *count, struct orch_err *err)
{
	const char *why;

	duckdb_destroy_data_chunk(&rows->chunk);
	rows->chunk = duckdb_fetch_chunk(rows->result);
	*count = rows->chunk ? duckdb_data_chunk_get_size(rows->chunk) : 0;
	if (!*count) {
		why = duckdb_result_error(&rows->result);
		return why && why[0] ? fail(err, why) : 0;
	}
	for (size_t c = 0; c < rows->columns; c++) {
		duckdb_vector vector = duckdb_data_chunk_get_vector(rows->chunk, c);

		rows->data[c] = duckdb_vector_get_data(vector);
		rows->validity[c] = duckdb_vector_get_validity(vector);
	}
	return 0;
}

bool duck_is_missing(const struct duck_rows *rows, size_t column, size_t row)
{
	const uint64_t *validity = rows->validity[column];

	return validity && !(validity[row / 64] >> (row % 64) & 1);
}

int64_t duck_int(const struct duck_rows *rows, size_t column, size_t row)
{
	return ((const int64_t *)rows->data[column])[row];
}

double duck_double(const struct duck_rows *rows, size_t column, size_t row)
{
	return ((const double *)rows->data[column])[row];
}

bool duck_bool(const struct duck_rows *rows, size_t column, size_t row)
{
	return ((const bool *)rows->data[column])[row];
}

const char *duck_text(const struct duck_rows *rows, size_t column, size_t row, size_t *length)
{
	duckdb_string_t *text = &((duckdb_string_t *)rows->data[column])[row];

	*length = duckdb_string_t_length(*text);
	return duckdb_string_t_data(text);
}

char *duck_text_copy(const struct duck_rows *rows, size_t column, size_t row)
{
	size_t length;
	const char *text;

	if (duck_is_missing(rows, column, row))
		return mem_text("");
	text = duck_text(rows, column, row, &length);
	return text_format("%.*s", (int)length, text);
}

/* ---- quoting ---- */

static void add_doubled(struct text_buf *out, const char *text, char quote)
{
	text_add_bytes(out, &quote, 1);
	for (; *text; text++) {
		if (*text == quote)
			text_add_bytes(out, &quote, 1);
		text_add_bytes(out, text, 1);
	}
	text_add_bytes(out, &quote, 1);
}

void duck_add_name(struct text_buf *out, const char *name)
{
	add_doubled(out, name, '"');
}

void duck_add_text(struct text_buf *out, const char *text)
{
	add_doubled(out, text, '\'');
}

/* Readers take every path for a pattern: a class of one character stands for that character. */
void duck_add_path(struct text_buf *out, const char *path)
{
	struct text_buf plain = {0};

	for (; *path; path++)
		if (strchr("*?[", *path))
			text_addf(&plain, "[%c]", *path);
		else
			text_add_bytes(&plain, path, 1);
	duck_add_text(out, plain.data ? plain.data : "");
	text_buf_release(&plain);
}

const char *duck_version(void)
{
	return duckdb_library_version();
}

/* ---- appending ---- */

int duck_append_begin(struct duck *duck, const char *table, struct duck_appender **out, struct orch_err *err)
{
	struct duck_appender *appender = mem_must(1, sizeof *appender);

	if (duckdb_appender_create(duck->connection, NULL, table, &appender->appender) != DuckDBSuccess) {
		int code = fail(err, duckdb_appender_error(appender->appender));

		duckdb_appender_destroy(&appender->appender);
		free(appender);
		return code;
	}
	*out = appender;
	return 0;
}

static void note(struct duck_appender *appender, duckdb_state state)
{
	if (state != DuckDBSuccess && !appender->failure.code)
		fail(&appender->failure, duckdb_appender_error(appender->appender));
}

void duck_append_int(struct duck_appender *appender, int64_t value)
{
	note(appender, duckdb_append_int64(appender->appender, value));
}

void duck_append_double(struct duck_appender *appender, double value)
{
	note(appender, duckdb_append_double(appender->appender, value));
}

void duck_append_bool(struct duck_appender *appender, bool value)
{
	note(appender, duckdb_append_bool(appender->appender, value));
}

void duck_append_text(struct duck_appender *appender, const char *value)
{
	note(appender, duckdb_append_varchar(appender->appender, value));
}

void duck_append_missing(struct duck_appender *appender)
{
	note(appender, duckdb_append_null(appender->appender));
}

void duck_append_end_row(struct duck_appender *appender)
{
	note(appender, duckdb_appender_end_row(appender->appender));
}

int duck_append_end(struct duck_appender **take_appender, struct orch_err *err)
{
	struct duck_appender *appender = *take_appender;
	int code;

	*take_appender = NULL;
	if (!appender->failure.code)
		note(appender, duckdb_appender_close(appender->appender));
	code = appender->failure.code;
	if (code)
		orch_fail(err, code, "%s", appender->failure.text);
	duckdb_appender_destroy(&appender->appender);
	free(appender);
	return code;
}
