#include "storage/duckdb_adapter.h"

#include <duckdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/mem.h"

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
	bool failed;
	char text[512];
};

static int fail(struct orch_err *err, const char *text)
{
	bool memory = text && (strstr(text, "Out of Memory") || strstr(text, "could not allocate"));

	return orch_fail(err, memory ? ORCH_ENOMEM : ORCH_EINPUT, "%s", text ? text : "DuckDB gave no reason");
}

static bool set(duckdb_config config, const char *name, const char *value)
{
	return duckdb_set_config(config, name, value) == DuckDBSuccess;
}

int duck_open(const char *database, uint64_t memory, unsigned threads, struct duck **out, struct orch_err *err)
{
	struct duck *duck = mem_must(1, sizeof *duck);
	duckdb_config config = NULL;
	char limit[32], count[16], *why = NULL;
	int code = 0;

	snprintf(limit, sizeof limit, "%lluMB", (unsigned long long)((memory ? memory : 1ull << 30) / 1000000 + 1));
	snprintf(count, sizeof count, "%u", threads ? threads : 1);
	if (duckdb_create_config(&config) != DuckDBSuccess || !set(config, "memory_limit", limit) || !set(config, "threads", count) ||
	        !set(config, "autoinstall_known_extensions", "false") || !set(config, "autoload_known_extensions", "false") || !set(config, "preserve_insertion_order", "true"))
		code = orch_fail(err, ORCH_EIO, "DuckDB does not take its settings");
	else if (duckdb_open_ext(database, &duck->database, config, &why) != DuckDBSuccess || duckdb_connect(duck->database, &duck->connection) != DuckDBSuccess)
		code = fail(err, why);
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

int duck_run(struct duck *duck, const char *sql, struct orch_err *err)
{
	duckdb_result result;
	int code = 0;

	if (duckdb_query(duck->connection, sql, &result) != DuckDBSuccess)
		code = fail(err, duckdb_result_error(&result));
	duckdb_destroy_result(&result);
	return code;
}

int duck_query(struct duck *duck, const char *sql, struct duck_rows **out, struct orch_err *err)
{
	struct duck_rows *rows = mem_must(1, sizeof *rows);

	if (duckdb_query(duck->connection, sql, &rows->result) != DuckDBSuccess) {
		int code = fail(err, duckdb_result_error(&rows->result));

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
	return duckdb_column_name((duckdb_result *)&rows->result, column);
}

size_t duck_next(struct duck_rows *rows)
{
	duckdb_destroy_data_chunk(&rows->chunk);
	rows->chunk = duckdb_fetch_chunk(rows->result);
	if (!rows->chunk)
		return 0;
	for (size_t c = 0; c < rows->columns; c++) {
		duckdb_vector vector = duckdb_data_chunk_get_vector(rows->chunk, c);

		rows->data[c] = duckdb_vector_get_data(vector);
		rows->validity[c] = duckdb_vector_get_validity(vector);
	}
	return duckdb_data_chunk_get_size(rows->chunk);
}

bool duck_is_missing(const struct duck_rows *rows, size_t column, size_t row)
{
	return rows->validity[column] && !duckdb_validity_row_is_valid(rows->validity[column], row);
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

int duck_one_text(struct duck *duck, const char *sql, char **out, struct orch_err *err)
{
	struct duck_rows *rows = NULL;
	size_t length;
	int code = duck_query(duck, sql, &rows, err);

	if (code)
		return code;
	*out = mem_text("");
	if (duck_next(rows) && !duck_is_missing(rows, 0, 0)) {
		const char *text = duck_text(rows, 0, 0, &length);

		free(*out);
		*out = text_format("%.*s", (int)length, text);
	}
	duck_end(rows);
	return 0;
}

int duck_one_int(struct duck *duck, const char *sql, int64_t *out, struct orch_err *err)
{
	struct duck_rows *rows = NULL;
	int code = duck_query(duck, sql, &rows, err);

	if (code)
		return code;
	*out = duck_next(rows) && !duck_is_missing(rows, 0, 0) ? duck_int(rows, 0, 0) : 0;
	duck_end(rows);
	return 0;
}

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
	if (state == DuckDBSuccess || appender->failed)
		return;
	appender->failed = true;
	snprintf(appender->text, sizeof appender->text, "%s", duckdb_appender_error(appender->appender));
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
	int code = 0;

	*take_appender = NULL;
	if (!appender->failed)
		note(appender, duckdb_appender_close(appender->appender));
	if (appender->failed)
		code = fail(err, appender->text);
	duckdb_appender_destroy(&appender->appender);
	free(appender);
	return code;
}
