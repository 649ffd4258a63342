#include "orchestrator/export_sink.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/workbook.h"

#define JSON_CHUNK ((size_t)1 << 18)

struct export_sink {
	const struct export_request *request;
	bool several;                  /* CSV, Parquet: output is a folder */
	struct table_file *table;      /* CSV, Parquet */
	struct workbook *book;         /* xlsx */
	int fd;                        /* JSON: of the unfinished file, or -1 */
	char *unfinished;
	struct text_buf text;
	char **columns;
	size_t count, at, rows, tables;
};

static int open_json(struct export_sink *sink, struct orch_err *err)
{
	char *name;
	int code;

	if (file_exists(sink->request->output))
		return orch_fail(err, ORCH_EINPUT, "cannot create %s: it exists; give another --output", sink->request->output);
	sink->unfinished = text_format("%s.unfinished", sink->request->output);
	file_remove(sink->unfinished, NULL);
	code = file_create(sink->unfinished, &sink->fd, err);
	name = json_text(json_object_get(sink->request->outcome, "name"), JSON_STYLE_LINE);
	text_addf(&sink->text, "{\"version\":1,\"name\":%s", name);
	free(name);
	return code;
}

int export_sink_open(const struct export_request *request, struct export_sink **out, struct orch_err *err)
{
	struct export_sink *sink = mem_must(1, sizeof *sink);
	int code = 0;

	sink->request = request;
	sink->fd = -1;
	sink->several = (request->tables & (request->tables - 1)) != 0;
	if (request->format == EXPORT_XLSX)
		code = workbook_begin(request->output, &sink->book, err);
	else if (request->format == EXPORT_JSON)
		code = open_json(sink, err);
	else if (sink->several)
		code = file_make_folders(request->output, err);
	if (code)
		export_sink_abort(&sink);
	else
		*out = sink;
	return code;
}

static int open_file(struct export_sink *sink, const char *name, const struct table_column *columns, size_t count, struct orch_err *err)
{
	bool csv = sink->request->format == EXPORT_CSV;
	char *file = text_format("%s.%s", name, csv ? "csv" : "parquet"), *path = sink->several ? file_join(sink->request->output, file) : mem_text(sink->request->output);
	int code;

	if (file_exists(path))
		code = orch_fail(err, ORCH_EINPUT, "cannot create %s: it exists; give another --output", path);
	else
		code = table_file_begin(csv ? NULL : path, csv ? path : NULL, columns, count, &sink->table, err);
	free(file);
	free(path);
	return code;
}

static void release_columns(struct export_sink *sink)
{
	for (size_t c = 0; c < sink->count; c++)
		free(sink->columns[c]);
	free(sink->columns);
	sink->columns = NULL;
	sink->count = 0;
}

static int open_sheet(struct export_sink *sink, const char *name, struct orch_err *err)
{
	return workbook_sheet(sink->book, name, (const char *const *)sink->columns, sink->count, err);
}

int export_sink_table(struct export_sink *sink, const char *name, const struct table_column *columns, size_t count, struct orch_err *err)
{
	release_columns(sink);
	sink->columns = mem_must(count + 1, sizeof *sink->columns);
	sink->count = count;
	sink->at = sink->rows = 0;
	for (size_t c = 0; c < count; c++) {
		json_t *key = json_string_nocheck(columns[c].name);

		sink->columns[c] = sink->fd >= 0 ? json_text(key, JSON_STYLE_LINE) : mem_text(columns[c].name);
		json_decref(key);
	}
	if (sink->book)
		return open_sheet(sink, name, err);
	if (sink->fd < 0)
		return open_file(sink, name, columns, count, err);
	text_addf(&sink->text, ",\n\"%s\":[", name);
	return 0;
}

/* ---- values ---- */

static void json_key(struct export_sink *sink)
{
	text_addf(&sink->text, "%s%s:", sink->at ? "," : sink->rows ? ",\n{" : "\n{", sink->columns[sink->at]);
	sink->at++;
}

void export_sink_int(struct export_sink *sink, int64_t value)
{
	if (sink->book) {
		workbook_int(sink->book, value);
	} else if (sink->table) {
		table_file_int(sink->table, value);
	} else {
		json_key(sink);
		text_addf(&sink->text, "%lld", (long long)value);
	}
}

void export_sink_double(struct export_sink *sink, double value)
{
	char number[TEXT_NUMBER_MAX];

	if (sink->book) {
		workbook_double(sink->book, value);
	} else if (sink->table) {
		table_file_double(sink->table, value);
	} else {
		json_key(sink);
		text_add(&sink->text, isfinite(value) ? text_number(value, number) : "null");
	}
}

void export_sink_text(struct export_sink *sink, const char *value)
{
	json_t *text;

	if (sink->book) {
		workbook_text(sink->book, value);
	} else if (sink->table) {
		table_file_text(sink->table, value);
	} else {
		json_key(sink);
		text = json_string(value); /* NULL when it is none, or no UTF-8 */
		if (text)
			json_write(text, JSON_STYLE_LINE, &sink->text);
		else
			text_add(&sink->text, "null");
		json_decref(text);
	}
}

void export_sink_bool(struct export_sink *sink, int value)
{
	if (sink->book) {
		workbook_bool(sink->book, value);
	} else if (sink->table) {
		table_file_int(sink->table, value);
	} else {
		json_key(sink);
		text_add(&sink->text, value ? "true" : "false");
	}
}

void export_sink_missing(struct export_sink *sink)
{
	if (sink->book) {
		workbook_missing(sink->book);
	} else if (sink->table) {
		table_file_missing(sink->table);
	} else {
		json_key(sink);
		text_add(&sink->text, "null");
	}
}

static int flush_json(struct export_sink *sink, struct orch_err *err)
{
	int code = file_write_all(sink->fd, sink->text.data, sink->text.length, sink->unfinished, err);

	sink->text.length = 0;
	return code;
}

int export_sink_end_row(struct export_sink *sink, struct orch_err *err)
{
	sink->rows++;
	sink->at = 0;
	if (sink->book)
		return workbook_end_row(sink->book, err);
	if (sink->table) {
		table_file_end_row(sink->table);
		return 0;
	}
	text_add(&sink->text, "}");
	return sink->text.length > JSON_CHUNK ? flush_json(sink, err) : 0;
}

int export_sink_end_table(struct export_sink *sink, struct orch_err *err)
{
	sink->tables++;
	if (sink->table)
		return table_file_commit(&sink->table, err);
	if (sink->fd >= 0)
		text_add(&sink->text, "\n]");
	return 0;
}

/* ---- the end ---- */

static int finish_json(struct export_sink *sink, struct orch_err *err)
{
	int fd = sink->fd, code;

	text_add(&sink->text, "}\n");
	code = flush_json(sink, err);
	sink->fd = -1;
	if (code)
		file_finish(fd, sink->unfinished, NULL);
	else
		code = file_finish(fd, sink->unfinished, err);
	return code ? code : file_publish(sink->unfinished, sink->request->output, err);
}

int export_sink_commit(struct export_sink **take_sink, struct orch_err *err)
{
	struct export_sink *sink = *take_sink;
	int code = 0;

	if (sink->book)
		code = workbook_commit(&sink->book, err);
	else if (sink->fd >= 0)
		code = finish_json(sink, err);
	export_sink_abort(take_sink);
	return code;
}

void export_sink_abort(struct export_sink **take_sink)
{
	struct export_sink *sink = *take_sink;

	*take_sink = NULL;
	if (!sink)
		return;
	table_file_abort(&sink->table);
	workbook_abort(&sink->book);
	if (sink->fd >= 0)
		file_finish(sink->fd, sink->unfinished, NULL);
	if (sink->unfinished)
		file_remove(sink->unfinished, NULL);
	release_columns(sink);
	text_buf_release(&sink->text);
	free(sink->unfinished);
	free(sink);
}
