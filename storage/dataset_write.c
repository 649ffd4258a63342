/* Values into the frame, one column at a time: memory is one column, whatever the table. Each value is placed by its row's number, since a window
 * function may hand rows back in any order. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/json.h"
#include "storage/dataset_parts.h"

/* ---- fetching ---- */

struct fetch {
	struct preparation *preparation;
	const uint32_t *place; /* source row -> kept row, UINT32_MAX: dropped; NULL: the same */
};

static size_t placed(const struct fetch *fetch, int64_t row)
{
	return fetch->place ? fetch->place[row] : (size_t)row;
}

/* Calls take(target, place, rows, i) for each kept row that has a value. */
static int fetch_column(const struct fetch *fetch, const char *sql, void (*take)(void *target, size_t place, const struct duck_rows *rows, size_t i), void *target, struct orch_err *err)
{
	struct duck_rows *rows = NULL;
	char *query = text_format("SELECT __row, %s AS v FROM src", sql);
	int code = duck_query(fetch->preparation->duck, query, &rows, err);
	size_t count;

	free(query);
	if (code)
		return code;
	while ((count = duck_next(rows)))
		for (size_t i = 0; i < count; i++) {
			size_t place = placed(fetch, duck_int(rows, 0, i));

			if (place != UINT32_MAX && !duck_is_missing(rows, 1, i))
				take(target, place, rows, i);
		}
	duck_end(rows);
	return 0;
}

static void take_double(void *target, size_t place, const struct duck_rows *rows, size_t i)
{
	((double *)target)[place] = duck_double(rows, 1, i);
}

struct integers {
	int64_t *values;
	uint8_t *missing;
};

static void take_int(void *target, size_t place, const struct duck_rows *rows, size_t i)
{
	struct integers *integers = target;

	integers->values[place] = duck_int(rows, 1, i);
	integers->missing[place] = 0;
}

static void take_bool(void *target, size_t place, const struct duck_rows *rows, size_t i)
{
	((int8_t *)target)[place] = duck_bool(rows, 1, i);
}

struct codes {
	int32_t *values;
	const char **levels; /* sorted by byte value: order[i] is the code of levels[i] */
	int32_t *order;
	size_t count;
	char unknown[100];
	size_t unknown_count;
};

static int compare_text(const char *text, size_t length, const char *level)
{
	int order = strncmp(text, level, length);

	return order ? order : level[length] ? -1 : 0;
}

static void take_code(void *target, size_t place, const struct duck_rows *rows, size_t i)
{
	struct codes *codes = target;
	size_t length, low = 0, high = codes->count;
	const char *text = duck_text(rows, 1, i, &length);

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = compare_text(text, length, codes->levels[middle]);

		if (order == 0) {
			codes->values[place] = codes->order[middle];
			return;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	if (!codes->unknown_count++)
		snprintf(codes->unknown, sizeof codes->unknown, "%.*s", (int)(length < 90 ? length : 90), text);
}

/* ---- writing by kind ---- */

static int write_double(const struct fetch *fetch, struct frame_writer *writer, const struct source_column *column, const char *format, struct orch_err *err)
{
	size_t rows = fetch->preparation->rows_kept;
	double *values = mem_array(rows + 1, sizeof *values);
	char *sql = text_format(format, column->sql);
	int code = values ? 0 : orch_fail(err, ORCH_ENOMEM, "no memory for column \"%s\"", column->name);

	for (size_t i = 0; i < rows && values; i++)
		values[i] = NAN;
	if (!code)
		code = fetch_column(fetch, sql, take_double, values, err);
	if (!code)
		frame_writer_number(writer, column->name, column->roles, values);
	free(values);
	free(sql);
	return code;
}

static int write_int(const struct fetch *fetch, struct frame_writer *writer, const struct source_column *column, struct orch_err *err)
{
	size_t rows = fetch->preparation->rows_kept;
	struct integers integers = {mem_array(rows + 1, sizeof(int64_t)), mem_array(rows + 1, 1)};
	char *sql = text_format("CAST(%s AS BIGINT)", column->sql);
	int code = integers.values && integers.missing ? 0 : orch_fail(err, ORCH_ENOMEM, "no memory for column \"%s\"", column->name);

	if (!code) {
		memset(integers.missing, 1, rows);
		code = fetch_column(fetch, sql, take_int, &integers, err);
	}
	if (!code)
		frame_writer_int64(writer, column->name, column->roles, integers.values, integers.missing);
	free(integers.values);
	free(integers.missing);
	free(sql);
	return code;
}

static int write_bool(const struct fetch *fetch, struct frame_writer *writer, const struct source_column *column, struct orch_err *err)
{
	size_t rows = fetch->preparation->rows_kept;
	int8_t *values = mem_array(rows + 1, 1);
	int code = values ? 0 : orch_fail(err, ORCH_ENOMEM, "no memory for column \"%s\"", column->name);

	if (!code) {
		memset(values, -1, rows);
		code = fetch_column(fetch, column->sql, take_bool, values, err);
	}
	if (!code)
		frame_writer_bool(writer, column->name, column->roles, values);
	free(values);
	return code;
}

/* Levels as declared, or found in the data: numbers in order of value, text in byte order. */
static int find_levels(const struct fetch *fetch, const struct source_column *column, char ***out, size_t *count, struct orch_err *err)
{
	struct duck_rows *rows = NULL;
	char *query = text_format("SELECT CAST(v AS VARCHAR) FROM (SELECT DISTINCT %s AS v FROM src) WHERE v IS NOT NULL ORDER BY v", column->sql);
	char **levels = NULL;
	size_t number = 0, chunk, i;
	json_t *level;
	int code;

	if (column->levels) {
		levels = mem_must(json_array_size(column->levels) + 1, sizeof *levels);
		json_array_foreach(column->levels, i, level)
			levels[number++] = mem_text(json_string_value(level));
		*out = levels;
		*count = number;
		free(query);
		return 0;
	}
	code = duck_query(fetch->preparation->duck, query, &rows, err);
	free(query);
	if (code)
		return code;
	while ((chunk = duck_next(rows))) {
		char **grown = mem_array_grow(levels, number + chunk, sizeof *grown);

		if (!grown)
			orch_bug("out of memory for the levels of a column");
		levels = grown;
		for (i = 0; i < chunk; i++) {
			size_t length;
			const char *text = duck_text(rows, 0, i, &length);

			levels[number++] = text_format("%.*s", (int)length, text);
		}
	}
	duck_end(rows);
	*out = levels;
	*count = number;
	return 0;
}

static const char *const *sorting; /* for qsort: one thread */

static int compare_levels(const void *a, const void *b)
{
	return strcmp(sorting[*(const int32_t *)a], sorting[*(const int32_t *)b]);
}

static int write_category(const struct fetch *fetch, struct frame_writer *writer, const struct source_column *column, struct orch_err *err)
{
	size_t rows = fetch->preparation->rows_kept, count = 0;
	struct codes codes = {.values = mem_array(rows + 1, sizeof(int32_t))};
	char **levels = NULL, *sql = text_format("CAST(%s AS VARCHAR)", column->sql);
	int code = codes.values ? find_levels(fetch, column, &levels, &count, err) : orch_fail(err, ORCH_ENOMEM, "no memory for column \"%s\"", column->name);

	if (!code) {
		codes.count = count;
		codes.levels = mem_must(count + 1, sizeof *codes.levels);
		codes.order = mem_must(count + 1, sizeof *codes.order);
		for (size_t i = 0; i < count; i++)
			codes.order[i] = (int32_t)i;
		sorting = (const char *const *)levels;
		qsort(codes.order, count, sizeof *codes.order, compare_levels);
		for (size_t i = 0; i < count; i++)
			codes.levels[i] = levels[codes.order[i]];
		memset(codes.values, -1, rows * sizeof *codes.values);
		code = fetch_column(fetch, sql, take_code, &codes, err);
	}
	if (!code && codes.unknown_count)
		preparation_problem(fetch->preparation, "data.categories.%s: the data holds \"%s\", which is not declared (%zu rows); add it to the list", column->name, codes.unknown, codes.unknown_count);
	if (!code)
		frame_writer_category(writer, column->name, column->roles, column->levels != NULL, codes.values, (const char *const *)levels, count);
	for (size_t i = 0; i < count; i++)
		free(levels[i]);
	free(levels);
	free(codes.values);
	free(codes.levels);
	free(codes.order);
	free(sql);
	return code;
}

static int write_column(const struct fetch *fetch, struct frame_writer *writer, const struct source_column *column, struct orch_err *err)
{
	if (column->target_category || column->levels)
		return write_category(fetch, writer, column, err);
	switch (column->type) {
	case SOURCE_INT:
		return write_int(fetch, writer, column, err);
	case SOURCE_DOUBLE:
		return write_double(fetch, writer, column, "CAST(%s AS DOUBLE)", err);
	case SOURCE_BOOL:
		return write_bool(fetch, writer, column, err);
	case SOURCE_DATE:
		return write_double(fetch, writer, column, "CAST(date_diff('day', DATE '1970-01-01', %s) AS DOUBLE)", err);
	case SOURCE_TIME:
		return write_double(fetch, writer, column, "CAST(epoch(%s) AS DOUBLE)", err);
	default:
		return write_category(fetch, writer, column, err);
	}
}

/* An angle given by its sine and cosine is kept in degrees, in [0, 360). */
static int write_angle(const struct fetch *fetch, struct frame_writer *writer, const json_t *angle, struct orch_err *err)
{
	struct text_buf sql = {0};
	struct source_column column = {.name = "angle", .roles = COLUMN_TARGET, .type = SOURCE_DOUBLE};
	int code;

	text_add(&sql, "(CASE WHEN degrees(atan2(");
	duck_add_name(&sql, json_get_text(angle, "sine", ""));
	text_add(&sql, ", ");
	duck_add_name(&sql, json_get_text(angle, "cosine", ""));
	text_add(&sql, ")) < 0 THEN 360.0 ELSE 0.0 END + degrees(atan2(");
	duck_add_name(&sql, json_get_text(angle, "sine", ""));
	text_add(&sql, ", ");
	duck_add_name(&sql, json_get_text(angle, "cosine", ""));
	text_add(&sql, ")))");
	column.sql = sql.data;
	code = write_double(fetch, writer, &column, "CAST(%s AS DOUBLE)", err);
	text_buf_release(&sql);
	return code;
}

/* ---- rows that are dropped ---- */

static int mark_missing(struct preparation *preparation, const struct source_column *column, struct orch_err *err)
{
	struct duck_rows *rows = NULL;
	char *query = text_format("SELECT __row FROM (SELECT __row, %s AS v FROM src) WHERE v IS NULL%s", column->sql, column->type == SOURCE_DOUBLE ? " OR isnan(CAST(v AS DOUBLE))" : "");
	int code = duck_query(preparation->duck, query, &rows, err);
	size_t count;

	free(query);
	if (code)
		return code;
	while ((count = duck_next(rows)))
		for (size_t i = 0; i < count; i++)
			preparation->dropped[duck_int(rows, 0, i)] = 1;
	duck_end(rows);
	return 0;
}

static int apply_missing(struct preparation *preparation, struct orch_err *err)
{
	const char *policy = json_get_text(preparation->request, "missing", "keep");
	size_t gone = 0;
	int code = 0;

	preparation->rows_kept = preparation->rows;
	if (strcmp(policy, "drop") && strcmp(policy, "error"))
		return 0;
	preparation->dropped = mem_must(preparation->rows + 1, 1);
	for (size_t i = 0; i < preparation->column_count && !code; i++)
		if (preparation->columns[i].roles & (COLUMN_FEATURE | COLUMN_TARGET)) {
			size_t before = gone;

			code = mark_missing(preparation, &preparation->columns[i], err);
			gone = 0;
			for (size_t r = 0; r < preparation->rows; r++)
				gone += preparation->dropped[r];
			if (!strcmp(policy, "error") && gone > before)
				preparation_problem(preparation, "column \"%s\" has missing values and data.missing is error", preparation->columns[i].name);
		}
	preparation->rows_kept = preparation->rows - gone;
	if (!code && gone == preparation->rows)
		return orch_fail(err, ORCH_EINPUT, "data.missing: drop leaves no row: every row lacks some value");
	if (!code && gone)
		preparation_note(preparation, "%zu of %zu rows lack a value and are dropped (data.missing)", gone, preparation->rows);
	return code;
}

static uint32_t *places_of(const struct preparation *preparation)
{
	uint32_t *place, next = 0;

	if (!preparation->dropped)
		return NULL;
	place = mem_must(preparation->rows + 1, sizeof *place);
	for (size_t r = 0; r < preparation->rows; r++)
		place[r] = preparation->dropped[r] ? UINT32_MAX : next++;
	return place;
}

int dataset_write_frame(struct preparation *preparation, const char *path, struct orch_err *err)
{
	struct source_column row = {.name = "__row", .sql = "__row", .type = SOURCE_INT, .roles = COLUMN_ROW};
	const json_t *angle = json_object_get(preparation->request, "angle");
	struct fetch fetch = {.preparation = preparation};
	struct frame_writer *writer = NULL;
	uint32_t *place = NULL;
	int code = apply_missing(preparation, err);

	if (code || preparation->problem_count)
		return code;
	fetch.place = place = places_of(preparation);
	code = frame_writer_begin(path, preparation->rows_kept, &writer, err);
	if (!code)
		code = write_column(&fetch, writer, &row, err);
	for (size_t i = 0; i < preparation->column_count && !code; i++)
		if (preparation->columns[i].roles)
			code = write_column(&fetch, writer, &preparation->columns[i], err);
	if (!code && angle && !json_object_get(angle, "column"))
		code = write_angle(&fetch, writer, angle, err);
	if (writer && (code || preparation->problem_count))
		frame_writer_abort(&writer);
	else if (writer)
		code = frame_writer_commit(&writer, err);
	free(place);
	return code;
}
