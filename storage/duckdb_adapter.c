#include "storage/duckdb_adapter.h"

#include <duckdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/library.h"
#include "storage/base/mem.h"

#define MEMORY_DEFAULT ((uint64_t)512 << 20)

/* ---- the library ---- */

#ifndef ORCH_DUCKDB_LIBRARY
#define ORCH_DUCKDB_LIBRARY "libduckdb.so" /* the Makefile names the file that orch is built with */
#endif
#define DUCKDB_CALLS(X) \
	X(append_bool) X(append_double) X(append_int64) X(append_null) X(append_varchar) X(appender_close) \
	X(appender_create) X(appender_destroy) X(appender_end_row) X(appender_error) X(close) X(column_count) \
	X(column_name) X(connect) X(create_config) X(data_chunk_get_size) X(data_chunk_get_vector) \
	X(destroy_config) X(destroy_data_chunk) X(destroy_prepare) X(destroy_result) X(disconnect) \
	X(execute_prepared) X(execute_prepared_streaming) X(fetch_chunk) X(free) X(library_version) X(open_ext) \
	X(prepare) X(prepare_error) X(result_error) X(set_config) X(string_t_data) X(string_t_length) \
	X(vector_get_data) X(vector_get_validity)
#define DUCKDB_POINTER(name) __typeof__(duckdb_##name) *name;
#define DUCKDB_NAME(name) "duckdb_" #name,
static struct {
	DUCKDB_CALLS(DUCKDB_POINTER)
} duckdb;

static int load(struct orch_err *err)
{
	static const char *const names[] = {DUCKDB_CALLS(DUCKDB_NAME)};
	static const char *const files[] = {ORCH_DUCKDB_LIBRARY, "@/../lib/orch/libduckdb.so", "libduckdb.so", NULL};
	static const struct library library = {"DuckDB", files, "`make install` puts it into lib/orch beside orch's bin folder; LD_LIBRARY_PATH may name another place"};

	return duckdb.open_ext ? 0 : library_load(&library, names, sizeof names / sizeof *names, &duckdb, err);
}

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
	return duckdb.set_config(config, name, value) == DuckDBSuccess;
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
	struct duck *duck;
	duckdb_config config = NULL;
	char *why = NULL;
	int code = load(err);

	if (code)
		return code;
	duck = mem_must(1, sizeof *duck);
	if (duckdb.create_config(&config) != DuckDBSuccess || !configure(config, options))
		code = orch_fail(
		        err, ORCH_EIO, "DuckDB %s does not take its settings; orch needs its 1.4 line", duck_version());
	else if (duckdb.open_ext(options->database, &duck->database, config, &why) != DuckDBSuccess ||
	         duckdb.connect(duck->database, &duck->connection) != DuckDBSuccess)
		code = fail(err, why);
	else
		code = duck_run(duck, "SET TimeZone='UTC'", err);
	duckdb.free(why);
	duckdb.destroy_config(&config);
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
	duckdb.disconnect(&duck->connection);
	duckdb.close(&duck->database);
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

	if (duckdb.prepare(duck->connection, sql, &statement) != DuckDBSuccess) {
		code = fail(err, duckdb.prepare_error(statement));
	} else {
		state = streaming ? duckdb.execute_prepared_streaming(statement, result)
		                  : duckdb.execute_prepared(statement, result);
		if (state != DuckDBSuccess)
			code = fail(err, duckdb.result_error(result));
	}
	duckdb.destroy_prepare(&statement);
	return code;
}

int duck_run(struct duck *duck, const char *sql, struct orch_err *err)
{
	duckdb_result result = {0};
	int code = execute(duck, sql, false, &result, err);

	duckdb.destroy_result(&result);
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
	rows->columns = duckdb.column_count(&rows->result);
	rows->data = mem_must(rows->columns + 1, sizeof *rows->data);
	rows->validity = mem_must(rows->columns + 1, sizeof *rows->validity);
	*out = rows;
	return 0;
}

void duck_end(struct duck_rows *rows)
{
	if (!rows)
		return;
	duckdb.destroy_data_chunk(&rows->chunk);
	duckdb.destroy_result(&rows->result);
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
	return duckdb.column_name((duckdb_result *)(uintptr_t)&rows->result, column);
}

int duck_next(struct duck_rows *rows, size_t *count, struct orch_err *err)
{
	const char *why;

	duckdb.destroy_data_chunk(&rows->chunk);
	rows->chunk = duckdb.fetch_chunk(rows->result);
	*count = rows->chunk ? duckdb.data_chunk_get_size(rows->chunk) : 0;
	if (!*count) {
		why = duckdb.result_error(&rows->result);
		return why && why[0] ? fail(err, why) : 0;
	}
	for (size_t c = 0; c < rows->columns; c++) {
		duckdb_vector vector = duckdb.data_chunk_get_vector(rows->chunk, c);

		rows->data[c] = duckdb.vector_get_data(vector);
		rows->validity[c] = duckdb.vector_get_validity(vector);
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

	*length = duckdb.string_t_length(*text);
	return duckdb.string_t_data(text);
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

static void ask_version(char out[LIBRARY_ANSWER])
{
	if (!load(NULL))
		snprintf(out, LIBRARY_ANSWER, "%s", duckdb.library_version());
}

const char *duck_version(void)
{
	static char version[LIBRARY_ANSWER];

	if (duckdb.open_ext)
		return duckdb.library_version();
	if (!version[0])
		library_ask(ask_version, version);
	return version;
}

/* ---- appending ---- */

int duck_append_begin(struct duck *duck, const char *table, struct duck_appender **out, struct orch_err *err)
{
	struct duck_appender *appender = mem_must(1, sizeof *appender);

	if (duckdb.appender_create(duck->connection, NULL, table, &appender->appender) != DuckDBSuccess) {
		int code = fail(err, duckdb.appender_error(appender->appender));

		duckdb.appender_destroy(&appender->appender);
		free(appender);
		return code;
	}
	*out = appender;
	return 0;
}

static void note(struct duck_appender *appender, duckdb_state state)
{
	if (state != DuckDBSuccess && !appender->failure.code)
		fail(&appender->failure, duckdb.appender_error(appender->appender));
}

void duck_append_int(struct duck_appender *appender, int64_t value)
{
	note(appender, duckdb.append_int64(appender->appender, value));
}

void duck_append_double(struct duck_appender *appender, double value)
{
	note(appender, duckdb.append_double(appender->appender, value));
}

void duck_append_bool(struct duck_appender *appender, bool value)
{
	note(appender, duckdb.append_bool(appender->appender, value));
}

void duck_append_text(struct duck_appender *appender, const char *value)
{
	note(appender, duckdb.append_varchar(appender->appender, value));
}

void duck_append_missing(struct duck_appender *appender)
{
	note(appender, duckdb.append_null(appender->appender));
}

void duck_append_end_row(struct duck_appender *appender)
{
	note(appender, duckdb.appender_end_row(appender->appender));
}

int duck_append_end(struct duck_appender **take_appender, struct orch_err *err)
{
	struct duck_appender *appender = *take_appender;
	int code;

	*take_appender = NULL;
	if (!appender->failure.code)
		note(appender, duckdb.appender_close(appender->appender));
	code = appender->failure.code;
	if (code)
		orch_fail(err, code, "%s", appender->failure.text);
	duckdb.appender_destroy(&appender->appender);
	free(appender);
	return code;
}
