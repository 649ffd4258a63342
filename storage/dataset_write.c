/* Values into the frame, a group of columns at a time: memory is the group, whatever the table. Each value is placed by
 * its row's number, so the order in which DuckDB hands them out does not matter. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/json.h"
#include "storage/dataset_parts.h"

#define GROUP_BYTES ((size_t)64 << 20)
#define GROUP_MAX 1024 /* every query binds all columns of the source: thousands of columns want few queries */
#define NOWHERE UINT32_MAX

/* Where the values of one column are gathered. */
struct sink {
	const struct source_column *column;
	enum sink_kind { SINK_INT, SINK_DOUBLE, SINK_BOOL, SINK_CODE } kind;
	void *values;        /* one a row: int64_t, double, int8_t, int32_t */
	uint8_t *missing;    /* with SINK_INT */
	char **levels;       /* SINK_CODE: as they are coded */
	const char **sorted; /* by bytes; sorted[i] has code order[i] */
	int32_t *order;
	size_t level_count;
};
struct writing {
	struct preparation *preparation;
	struct frame_writer *writer;
	uint32_t *place; /* row of the source -> row of the frame, or NOWHERE; NULL: the same */
};

/* ---- levels ---- */

static int declared_levels(struct sink *sink)
{
	const json_t *levels = sink->column->levels;
	json_t *level;
	size_t i;

	sink->levels = mem_must(json_array_size(levels) + 1, sizeof *sink->levels);
	json_array_foreach(levels, i, level) sink->levels[sink->level_count++] = mem_text(json_string_value(level));
	return 0;
}

static int add_level(struct sink *sink, const struct duck_rows *rows, size_t row, struct orch_err *err)
{
	size_t length;
	const char *text = duck_text(rows, 0, row, &length);

	if (memchr(text, 0, length))
		return orch_fail(err, ORCH_EINPUT,
		        "column \"%s\" holds a text with a NUL byte: clean it, or exclude the column",
		        sink->column->name);
	sink->levels[sink->level_count++] = text_format("%.*s", (int)length, text);
	return 0;
}

/* In the order of their values: numbers by size, text by bytes. */
static int found_levels(const struct writing *writing, struct sink *sink, struct orch_err *err)
{
	struct text_buf sql = {0};
	struct duck_rows *rows = NULL;
	size_t count = 1;
	int code;

	text_addf(&sql, "SELECT t FROM (SELECT v, any_value(t) AS t FROM (SELECT %s AS v, %s AS t FROM %s",
	        sink->column->value, sink->column->text, sink->column->table);
	if (writing->place)
		text_add(&sql, " ANTI JOIN gone USING (__row)");
	text_add(&sql, ") WHERE v IS NOT NULL GROUP BY v) ORDER BY v");
	code = duck_query(writing->preparation->duck, sql.data, &rows, err);
	while (!code && count) {
		char **grown;

		code = duck_next(rows, &count, err);
		grown = code || !count ? NULL : mem_array_grow(sink->levels, sink->level_count + count, sizeof *grown);
		if (!grown && !code && count)
			code = orch_fail(
			        err, ORCH_ENOMEM, "no memory for the levels of column \"%s\"", sink->column->name);
		if (grown)
			sink->levels = grown;
		for (size_t i = 0; i < count && !code; i++)
			code = add_level(sink, rows, i, err);
	}
	duck_end(rows);
	text_buf_release(&sql);
	return code;
}

static int compare_levels(const void *a, const void *b, void *levels)
{
	char **texts = levels;

	return strcmp(texts[*(const int32_t *)a], texts[*(const int32_t *)b]);
}

static int sort_levels(struct sink *sink, struct orch_err *err)
{
	size_t count = sink->level_count;

	sink->sorted = mem_array(count + 1, sizeof *sink->sorted);
	sink->order = mem_array(count + 1, sizeof *sink->order);
	if (!sink->sorted || !sink->order)
		return orch_fail(err, ORCH_ENOMEM, "no memory for the levels of column \"%s\"", sink->column->name);
	for (size_t i = 0; i < count; i++)
		sink->order[i] = (int32_t)i;
	qsort_r(sink->order, count, sizeof *sink->order, compare_levels, sink->levels);
	for (size_t i = 0; i < count; i++)
		sink->sorted[i] = sink->levels[sink->order[i]];
	return 0;
}

static int compare_text(const char *text, size_t length, const char *level)
{
	int order = strncmp(text, level, length);

	return order ? order : level[length] ? -1 : 0;
}

static int32_t code_of(const struct sink *sink, const char *text, size_t length)
{
	size_t low = 0, high = sink->level_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = compare_text(text, length, sink->sorted[middle]);

		if (order == 0)
			return sink->order[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return -1;
}

/* ---- gathering ---- */

static enum sink_kind kind_of(const struct source_column *column)
{
	if (column->classes || column->levels || column->kind == VALUE_TEXT || column->kind == VALUE_NONE)
		return SINK_CODE;
	if (column->kind == VALUE_BOOL)
		return SINK_BOOL;
	return column->kind == VALUE_INT || column->kind == VALUE_DATE ? SINK_INT : SINK_DOUBLE;
}

static int sink_begin(
        const struct writing *writing, const struct source_column *column, struct sink *sink, struct orch_err *err)
{
	static const size_t sizes[] = {[SINK_INT] = 8, [SINK_DOUBLE] = 8, [SINK_BOOL] = 1, [SINK_CODE] = 4};
	size_t rows = writing->preparation->rows_kept;
	int code = 0;

	*sink = (struct sink){.column = column, .kind = kind_of(column)};
	sink->values = mem_array(rows + 1, sizes[sink->kind]);
	sink->missing = sink->kind == SINK_INT ? mem_array(rows + 1, 1) : NULL;
	if (!sink->values || (sink->kind == SINK_INT && !sink->missing))
		return orch_fail(err, ORCH_ENOMEM, "no memory for column \"%s\" of %zu rows", column->name, rows);
	if (sink->kind == SINK_INT)
		memset(sink->missing, 1, rows);
	else if (sink->kind != SINK_DOUBLE)
		memset(sink->values, 0xff, rows * sizes[sink->kind]); /* -1 */
	for (size_t i = 0; sink->kind == SINK_DOUBLE && i < rows; i++)
		((double *)sink->values)[i] = NAN;
	if (sink->kind == SINK_CODE) {
		code = column->levels ? declared_levels(sink) : found_levels(writing, sink, err);
		if (!code)
			code = sort_levels(sink, err);
	}
	return code;
}

static void sink_release(struct sink *sink)
{
	for (size_t i = 0; i < sink->level_count; i++)
		free(sink->levels[i]);
	free(sink->levels);
	free(sink->sorted);
	free(sink->order);
	free(sink->values);
	free(sink->missing);
}

static void take(struct sink *sink, size_t place, const struct duck_rows *rows, size_t column, size_t row)
{
	size_t length;
	const char *text;

	switch (sink->kind) {
	case SINK_INT:
		((int64_t *)sink->values)[place] = duck_int(rows, column, row);
		sink->missing[place] = 0;
		break;
	case SINK_DOUBLE:
		((double *)sink->values)[place] = duck_double(rows, column, row);
		break;
	case SINK_BOOL:
		((int8_t *)sink->values)[place] = duck_bool(rows, column, row);
		break;
	case SINK_CODE:
		text = duck_text(rows, column, row, &length);
		((int32_t *)sink->values)[place] = code_of(sink, text, length);
		break;
	}
}

static int gather(const struct writing *writing, struct sink *sinks, size_t count, struct orch_err *err)
{
	struct text_buf sql = {0};
	struct duck_rows *rows = NULL;
	size_t chunk = 1;
	int code;

	text_add(&sql, "SELECT __row");
	for (size_t c = 0; c < count; c++)
		text_addf(&sql, ", %s", sinks[c].kind == SINK_CODE ? sinks[c].column->text : sinks[c].column->value);
	text_addf(&sql, " FROM %s", sinks[0].column->table);
	code = duck_query(writing->preparation->duck, sql.data, &rows, err);
	while (!code && chunk) {
		code = duck_next(rows, &chunk, err);
		for (size_t i = 0; i < chunk && !code; i++) {
			size_t row = (size_t)duck_int(rows, 0, i), place = writing->place ? writing->place[row] : row;

			for (size_t c = 0; c < count && place != NOWHERE; c++)
				if (!duck_is_missing(rows, c + 1, i))
					take(&sinks[c], place, rows, c + 1, i);
		}
	}
	duck_end(rows);
	text_buf_release(&sql);
	return code;
}

static void write_sink(const struct writing *writing, const struct sink *sink)
{
	const struct source_column *column = sink->column;

	switch (sink->kind) {
	case SINK_INT:
		frame_writer_int64(writing->writer, column->name, column->roles, sink->values, sink->missing);
		break;
	case SINK_DOUBLE:
		frame_writer_number(writing->writer, column->name, column->roles, sink->values);
		break;
	case SINK_BOOL:
		frame_writer_bool(writing->writer, column->name, column->roles, sink->values);
		break;
	case SINK_CODE:
		frame_writer_category(writing->writer, column->name, column->roles, column->levels != NULL,
		        sink->values, (const char *const *)sink->levels, sink->level_count);
		break;
	}
}

static int write_group(
        const struct writing *writing, const struct source_column *const *columns, size_t count, struct orch_err *err)
{
	struct sink *sinks = mem_must(count, sizeof *sinks);
	int code = 0;

	for (size_t i = 0; i < count && !code; i++)
		code = sink_begin(writing, columns[i], &sinks[i], err);
	if (!code)
		code = gather(writing, sinks, count, err);
	for (size_t i = 0; i < count; i++) {
		if (!code)
			write_sink(writing, &sinks[i]);
		sink_release(&sinks[i]);
	}
	free(sinks);
	return code;
}

/* ---- all of them ---- */

static int find_places(struct writing *writing, struct orch_err *err)
{
	const struct preparation *preparation = writing->preparation;
	struct duck_rows *rows = NULL;
	size_t count = 1;
	uint32_t next = 0;
	int code;

	if (preparation->rows_kept == preparation->rows)
		return 0;
	writing->place = mem_array(preparation->rows + 1, sizeof *writing->place);
	if (!writing->place)
		return orch_fail(err, ORCH_ENOMEM, "no memory for %zu rows", preparation->rows);
	code = duck_query(preparation->duck, "SELECT __row FROM gone", &rows, err);
	while (!code && count) {
		code = duck_next(rows, &count, err);
		for (size_t i = 0; i < count && !code; i++)
			writing->place[duck_int(rows, 0, i)] = NOWHERE;
	}
	duck_end(rows);
	for (size_t r = 0; r < preparation->rows; r++)
		if (writing->place[r] != NOWHERE)
			writing->place[r] = next++;
	return code;
}

static int write_columns(const struct writing *writing, struct orch_err *err)
{
	const struct preparation *preparation = writing->preparation;
	const struct source_column *group[GROUP_MAX];
	size_t fitting = GROUP_BYTES / 9 / (preparation->rows_kept + 1), at = 0;
	int code = 0;

	fitting = fitting < 1 ? 1 : fitting > GROUP_MAX ? GROUP_MAX : fitting;
	while (at < preparation->column_count && !code) {
		size_t count = 0;

		for (; at < preparation->column_count && count < fitting; at++) {
			const struct source_column *column = &preparation->columns[at];

			if (!column->roles)
				continue;
			if (count && strcmp(column->table, group[0]->table))
				break;
			group[count++] = column;
		}
		if (count)
			code = write_group(writing, group, count, err);
	}
	return code;
}

int dataset_write_frame(struct preparation *preparation, const char *path, struct orch_err *err)
{
	const struct source_column row = {.name = "__row",
	        .table = "src",
	        .own = "__row",
	        .value = "__row",
	        .kind = VALUE_INT,
	        .roles = COLUMN_ROW};
	const struct source_column *row_only = &row;
	struct writing writing = {.preparation = preparation};
	int code = find_places(&writing, err);

	if (!code)
		code = frame_writer_begin(path, preparation->rows_kept, &writing.writer, err);
	if (!code)
		code = write_group(&writing, &row_only, 1, err);
	if (!code)
		code = write_columns(&writing, err);
	if (code)
		frame_writer_abort(&writing.writer);
	else
		code = frame_writer_commit(&writing.writer, err);
	free(writing.place);
	return code;
}
