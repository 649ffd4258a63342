/* Rows go to the CSV as they come, and into a DuckDB table (in a scratch database beside the Parquet file, so memory is bounded) that is copied out at
 * commit: one thread, fixed row groups and compression, so equal rows give equal bytes. */
#include "storage/table_file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/file.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"
#include "storage/duckdb_adapter.h"

#define CSV_CHUNK (1u << 20)

struct table_file {
	struct table_column *columns;
	size_t count, at;
	char *parquet, *csv, *database;
	FILE *file;
	struct text_buf text;
	struct duck *duck;
	struct duck_appender *appender;
	struct orch_err failure;
};

static const char *sql_type(enum table_type type)
{
	static const char *const names[] = {[TABLE_INT32] = "INTEGER", [TABLE_INT64] = "BIGINT", [TABLE_DOUBLE] = "DOUBLE", [TABLE_TEXT] = "VARCHAR", [TABLE_BOOL] = "BOOLEAN"};

	return names[type];
}

static int open_parquet(struct table_file *table, struct orch_err *err)
{
	struct text_buf sql = {0};
	int code;

	table->database = text_format("%s.duckdb", table->parquet);
	code = file_remove_tree(table->database, err);
	if (!code)
		code = duck_open(table->database, 256u << 20, 1, &table->duck, err);
	text_add(&sql, "CREATE TABLE t (");
	for (size_t c = 0; c < table->count; c++) {
		text_add(&sql, c ? ", " : "");
		duck_add_name(&sql, table->columns[c].name);
		text_addf(&sql, " %s", sql_type(table->columns[c].type));
	}
	text_add(&sql, ")");
	if (!code)
		code = duck_run(table->duck, sql.data, err);
	if (!code)
		code = duck_append_begin(table->duck, "t", &table->appender, err);
	text_buf_release(&sql);
	return code;
}

static int open_csv(struct table_file *table, struct orch_err *err)
{
	table->file = fopen(table->csv, "wxe");
	if (!table->file)
		return orch_fail_sys(err, ORCH_EIO, errno, "cannot create %s", table->csv);
	for (size_t c = 0; c < table->count; c++) {
		text_add(&table->text, c ? "," : "");
		text_add_csv(&table->text, table->columns[c].name);
	}
	text_add(&table->text, "\n");
	return 0;
}

int table_file_begin(const char *parquet_path, const char *csv_path, const struct table_column *columns, size_t count, struct table_file **out, struct orch_err *err)
{
	struct table_file *table = mem_must(1, sizeof *table);
	int code = 0;

	table->columns = mem_must(count + 1, sizeof *table->columns);
	table->count = count;
	for (size_t c = 0; c < count; c++)
		table->columns[c] = (struct table_column){mem_text(columns[c].name), columns[c].type};
	table->parquet = mem_text(parquet_path);
	table->csv = mem_text(csv_path);
	if (parquet_path)
		code = open_parquet(table, err);
	if (!code && csv_path)
		code = open_csv(table, err);
	if (code)
		table_file_abort(&table);
	else
		*out = table;
	return code;
}

static void flush_csv(struct table_file *table)
{
	if (!table->file || !table->text.length)
		return;
	if (fwrite(table->text.data, 1, table->text.length, table->file) != table->text.length && !table->failure.code)
		orch_fail_sys(&table->failure, ORCH_EIO, errno, "cannot write %s", table->csv);
	table->text.length = 0;
}

static enum table_type next_type(struct table_file *table)
{
	if (table->at >= table->count)
		orch_bug("a row of %s has more values than columns", table->parquet ? table->parquet : table->csv);
	if (table->file && table->at)
		text_add(&table->text, ",");
	return table->columns[table->at++].type;
}

void table_file_missing(struct table_file *table)
{
	next_type(table);
	if (table->appender)
		duck_append_missing(table->appender);
}

void table_file_int(struct table_file *table, int64_t value)
{
	enum table_type type = next_type(table);

	if (table->file && type == TABLE_BOOL)
		text_add(&table->text, value ? "true" : "false");
	else if (table->file)
		text_addf(&table->text, "%lld", (long long)value);
	if (table->appender && type == TABLE_BOOL)
		duck_append_bool(table->appender, value != 0);
	else if (table->appender)
		duck_append_int(table->appender, value);
}

void table_file_double(struct table_file *table, double value)
{
	char text[TEXT_NUMBER_MAX];

	if (!isfinite(value)) {
		table_file_missing(table);
		return;
	}
	next_type(table);
	if (table->file)
		text_add(&table->text, text_number(value, text));
	if (table->appender)
		duck_append_double(table->appender, value);
}

void table_file_text(struct table_file *table, const char *value)
{
	if (!value) {
		table_file_missing(table);
		return;
	}
	next_type(table);
	if (table->file)
		text_add_csv(&table->text, value);
	if (table->appender)
		duck_append_text(table->appender, value);
}

void table_file_end_row(struct table_file *table)
{
	if (table->at != table->count)
		orch_bug("a row of %s has %zu values for %zu columns", table->parquet ? table->parquet : table->csv, table->at, table->count);
	table->at = 0;
	if (table->file)
		text_add(&table->text, "\n");
	if (table->text.length > CSV_CHUNK)
		flush_csv(table);
	if (table->appender)
		duck_append_end_row(table->appender);
}

static void release(struct table_file *table)
{
	if (table->appender)
		duck_append_end(&table->appender, NULL);
	duck_close(table->duck);
	if (table->database)
		file_remove_tree(table->database, NULL);
	if (table->file)
		fclose(table->file);
	for (size_t c = 0; c < table->count; c++)
		free((char *)table->columns[c].name);
	free(table->columns);
	text_buf_release(&table->text);
	free(table->parquet);
	free(table->csv);
	free(table->database);
	free(table);
}

static int write_parquet(struct table_file *table, struct orch_err *err)
{
	struct text_buf sql = {0};
	int code = duck_append_end(&table->appender, err);

	text_add(&sql, "COPY t TO ");
	duck_add_text(&sql, table->parquet);
	text_add(&sql, " (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)");
	if (!code)
		code = duck_run(table->duck, sql.data, err);
	text_buf_release(&sql);
	return code ? code : file_sync(table->parquet, err);
}

static int finish_csv(struct table_file *table, struct orch_err *err)
{
	FILE *file = table->file;

	flush_csv(table);
	table->file = NULL;
	if (fclose(file))
		return orch_fail_sys(err, ORCH_EIO, errno, "cannot write %s", table->csv);
	if (table->failure.code)
		return orch_fail(err, table->failure.code, "%s", table->failure.text);
	return file_sync(table->csv, err);
}

int table_file_commit(struct table_file **take_table, struct orch_err *err)
{
	struct table_file *table = *take_table;
	int code = 0;

	*take_table = NULL;
	if (table->csv)
		code = finish_csv(table, err);
	if (!code && table->parquet)
		code = write_parquet(table, err);
	if (code == ORCH_EINPUT) { /* DuckDB could not write: no fault of the user's */
		code = ORCH_EIO;
		if (err)
			err->code = code;
	}
	release(table);
	return code;
}

void table_file_abort(struct table_file **take_table)
{
	if (*take_table)
		release(*take_table);
	*take_table = NULL;
}
