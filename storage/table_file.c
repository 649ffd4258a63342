/* Rows go to the CSV as they come, and into a DuckDB table that is copied out as Parquet at commit: one thread, fixed
 * row groups and compression, so equal rows give equal bytes. The table is in memory up to its limit, beyond that in a
 * folder beside the Parquet file, which is removed at the end. */
#include "storage/table_file.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/file.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"
#include "storage/duckdb_adapter.h"

#define CSV_CHUNK ((size_t)1 << 20)
#define MEMORY ((uint64_t)256 << 20)

struct table_file {
	struct table_column *columns;
	size_t count, at; /* at: columns given of the row under way */
	char *parquet, *csv, *spilled;
	int fd;                          /* of the CSV, or -1 */
	bool own_parquet, own_csv, done; /* what is removed unless done */
	struct text_buf text;
	struct duck *duck;
	struct duck_appender *appender;
	struct orch_err failure; /* the first one, of the CSV */
};

/* ---- opening ---- */

static const char *sql_type(enum table_type type)
{
	static const char *const names[] = {[TABLE_INT32] = "INTEGER",
	        [TABLE_INT64] = "BIGINT",
	        [TABLE_DOUBLE] = "DOUBLE",
	        [TABLE_TEXT] = "VARCHAR",
	        [TABLE_BOOL] = "BOOLEAN"};

	return names[type];
}

static int open_parquet(struct table_file *table, struct orch_err *err)
{
	struct duck_options options = {.memory = MEMORY};
	struct text_buf sql = {0};
	int code = 0;

	if (file_exists(table->parquet))
		return orch_fail(err, ORCH_EIO, "cannot create %s: it exists", table->parquet);
	table->own_parquet = true;
	options.temporary = table->spilled = text_format("%s.spilled", table->parquet);
	code = duck_open(&options, &table->duck, err);
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
	int code = file_create(table->csv, &table->fd, err);

	table->own_csv = code == 0;
	for (size_t c = 0; c < table->count; c++) {
		text_add(&table->text, c ? "," : "");
		text_add_csv(&table->text, table->columns[c].name);
	}
	text_add(&table->text, "\n");
	return code;
}

int table_file_begin(const char *parquet_path, const char *csv_path, const struct table_column *columns, size_t count,
        struct table_file **out, struct orch_err *err)
{
	struct table_file *table = mem_must(1, sizeof *table);
	int code = 0;

	table->fd = -1;
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

/* ---- rows ---- */

static const char *path_of(const struct table_file *table)
{
	return table->parquet ? table->parquet : table->csv;
}

static void flush_csv(struct table_file *table)
{
	if (table->fd >= 0 && table->text.length && !table->failure.code)
		file_write_all(table->fd, table->text.data, table->text.length, table->csv, &table->failure);
	table->text.length = 0;
}

static enum table_type next_type(struct table_file *table)
{
	if (table->at >= table->count)
		orch_bug("a row of %s has more values than columns", path_of(table));
	if (table->fd >= 0 && table->at)
		text_add(&table->text, ",");
	return table->columns[table->at++].type;
}

static void wrong_type(const struct table_file *table)
{
	orch_bug("column \"%s\" of %s is given a value of another type", table->columns[table->at - 1].name,
	        path_of(table));
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

	if (type == TABLE_TEXT)
		wrong_type(table);
	if (table->fd >= 0 && type == TABLE_BOOL)
		text_add(&table->text, value ? "true" : "false");
	else if (table->fd >= 0)
		text_addf(&table->text, "%lld", (long long)value);
	if (table->appender && type == TABLE_BOOL)
		duck_append_bool(table->appender, value != 0);
	else if (table->appender)
		duck_append_int(table->appender, value);
}

void table_file_double(struct table_file *table, double value)
{
	char text[TEXT_NUMBER_MAX];

	if (!isfinite(value)) { /* neither file has a way to say infinite that every reader knows */
		table_file_missing(table);
		return;
	}
	if (next_type(table) != TABLE_DOUBLE)
		wrong_type(table);
	if (table->fd >= 0)
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
	if (next_type(table) != TABLE_TEXT)
		wrong_type(table);
	if (table->fd >= 0 && !value[0])
		text_add(&table->text, "\"\""); /* an empty text is not a missing one */
	else if (table->fd >= 0)
		text_add_csv(&table->text, value);
	if (table->appender)
		duck_append_text(table->appender, value);
}

void table_file_end_row(struct table_file *table)
{
	if (table->at != table->count)
		orch_bug("a row of %s has %zu values for %zu columns", path_of(table), table->at, table->count);
	table->at = 0;
	if (table->fd >= 0)
		text_add(&table->text, "\n");
	if (table->text.length > CSV_CHUNK)
		flush_csv(table);
	if (table->appender)
		duck_append_end_row(table->appender);
}

/* ---- the end ---- */

static void release(struct table_file *table)
{
	if (table->appender)
		duck_append_end(&table->appender, NULL);
	duck_close(table->duck);
	if (table->spilled)
		file_remove_tree(table->spilled, NULL);
	if (table->fd >= 0)
		file_finish(table->fd, table->csv, NULL);
	if (table->own_csv && !table->done)
		file_remove(table->csv, NULL);
	if (table->own_parquet && !table->done)
		file_remove(table->parquet, NULL);
	for (size_t c = 0; c < table->count; c++)
		free((char *)(uintptr_t)table->columns[c].name);
	free(table->columns);
	text_buf_release(&table->text);
	free(table->parquet);
	free(table->csv);
	free(table->spilled);
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
	if (code) {
		orch_err_prefix(err, "cannot write %s", table->parquet);
		if (code == ORCH_EINPUT) { /* no fault of the user's */
			code = ORCH_EIO;
			if (err)
				err->code = code;
		}
	}
	text_buf_release(&sql);
	return code ? code : file_sync(table->parquet, err);
}

static int finish_csv(struct table_file *table, struct orch_err *err)
{
	int fd = table->fd, code;

	flush_csv(table);
	table->fd = -1;
	code = file_finish(fd, table->csv, &table->failure);
	if (table->failure.code)
		code = orch_fail(err, table->failure.code, "%s", table->failure.text);
	return code;
}

int table_file_commit(struct table_file **take_table, struct orch_err *err)
{
	struct table_file *table = *take_table;
	int code = 0;

	*take_table = NULL;
	if (table->at)
		orch_bug("a row of %s is not ended", path_of(table));
	if (table->csv)
		code = finish_csv(table, err);
	if (!code && table->parquet)
		code = write_parquet(table, err);
	table->done = code == 0;
	release(table);
	return code;
}

void table_file_abort(struct table_file **take_table)
{
	if (*take_table)
		release(*take_table);
	*take_table = NULL;
}
