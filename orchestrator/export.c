#include "orchestrator/export.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/export_sink.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/duckdb_adapter.h"

#define MEMORY ((uint64_t)128 << 20)

const char *const export_table_names[EXPORT_TABLES] = {"rounds", "trials", "lofo", "path", "predictions", "failures"};

struct export {
	const struct export_request *request;
	struct export_sink *sink;
	int64_t rows; /* of the table under way */
};

static int end_row(struct export *export, struct orch_err *err)
{
	export->rows++;
	return export_sink_end_row(export->sink, err);
}

/* ---- what the outcome has ---- */

static void put_number(struct export_sink *sink, const json_t *value)
{
	if (json_is_integer(value))
		export_sink_int(sink, json_integer_value(value));
	else if (json_is_real(value))
		export_sink_double(sink, json_real_value(value));
	else
		export_sink_missing(sink);
}

static void put_real(struct export_sink *sink, const json_t *value)
{
	export_sink_double(sink, json_is_number(value) ? json_number_value(value) : NAN);
}

/* Names as a JSON array: a name may hold whatever separates names. */
static void put_names(struct export_sink *sink, const json_t *names)
{
	char *text = json_is_array(names) ? json_text(names, JSON_STYLE_CANONICAL) : mem_text("[]");

	export_sink_text(sink, text);
	free(text);
}

static int put_rounds(struct export *export, struct orch_err *err)
{
	static const struct table_column columns[] = {{"round", TABLE_INT32}, {"chosen", TABLE_BOOL}, {"features", TABLE_INT32}, {"metric", TABLE_TEXT}, {"score", TABLE_DOUBLE},
		{"standard_error", TABLE_DOUBLE}, {"holdout", TABLE_DOUBLE}, {"dropped", TABLE_TEXT}, {"reason", TABLE_TEXT}};
	const json_t *outcome = export->request->outcome, *row;
	json_int_t chosen = json_get_int(json_object_get(outcome, "chosen"), "round", -1);
	int code = export_sink_table(export->sink, "rounds", columns, sizeof columns / sizeof *columns, err);
	size_t i;

	json_array_foreach(json_object_get(outcome, "rounds"), i, row) {
		if (code)
			break;
		put_number(export->sink, json_object_get(row, "round"));
		export_sink_bool(export->sink, json_get_int(row, "round", -2) == chosen);
		put_number(export->sink, json_object_get(row, "features"));
		export_sink_text(export->sink, json_get_text(outcome, "metric", NULL));
		put_real(export->sink, json_object_get(row, "score"));
		put_real(export->sink, json_object_get(row, "se"));
		put_real(export->sink, json_object_get(row, "holdout"));
		put_names(export->sink, json_object_get(row, "dropped"));
		export_sink_text(export->sink, json_get_text(row, "reason", NULL));
		code = end_row(export, err);
	}
	return code;
}

static int put_failures(struct export *export, struct orch_err *err)
{
	static const struct table_column columns[] = {{"fits", TABLE_INT64}, {"cause", TABLE_TEXT}, {"text", TABLE_TEXT}, {"first_round", TABLE_INT32}, {"first_stage", TABLE_TEXT},
		{"first_trial", TABLE_INT64}, {"first_fold", TABLE_INT32}, {"first_left_out", TABLE_TEXT}, {"parameters", TABLE_TEXT}};
	const json_t *group;
	int code = export_sink_table(export->sink, "failures", columns, sizeof columns / sizeof *columns, err);
	size_t i;

	json_array_foreach(json_object_get(export->request->outcome, "failures"), i, group) {
		const json_t *params = json_object_get(group, "params");
		char *text = json_is_object(params) ? json_text(params, JSON_STYLE_CANONICAL) : NULL;

		if (!code) {
			put_number(export->sink, json_object_get(group, "count"));
			export_sink_text(export->sink, json_get_text(group, "cause", NULL));
			export_sink_text(export->sink, json_get_text(group, "text", NULL));
			put_number(export->sink, json_object_get(group, "round"));
			export_sink_text(export->sink, json_get_text(group, "stage", NULL));
			put_number(export->sink, json_object_get(group, "trial"));
			put_number(export->sink, json_object_get(group, "fold"));
			export_sink_text(export->sink, json_get_text(group, "left_out", NULL));
			export_sink_text(export->sink, text);
			code = end_row(export, err);
		}
		free(text);
	}
	return code;
}

/* The first sheet of a workbook: what came out, a line a fact. */
static int put_facts(struct export *export, const char *const *names, char *const *values, size_t count, struct orch_err *err)
{
	static const struct table_column columns[] = {{"what", TABLE_TEXT}, {"value", TABLE_TEXT}};
	int code = export_sink_table(export->sink, "summary", columns, 2, err);

	for (size_t i = 0; i < count && !code; i++) {
		export_sink_text(export->sink, names[i]);
		export_sink_text(export->sink, values[i]);
		code = export_sink_end_row(export->sink, err);
	}
	return code ? code : export_sink_end_table(export->sink, err);
}

static char *real_text(const json_t *object, const char *key)
{
	char number[TEXT_NUMBER_MAX];

	return mem_text(text_number(json_get_real(object, key, NAN), number));
}

static int put_summary(struct export *export, struct orch_err *err)
{
	static const char *const names[] = {"campaign", "state", "metric", "better is", "chosen round", "why", "score", "standard error", "holdout", "gain over all features", "gain, 95 % low",
		"gain, 95 % high", "best configuration", "features", "folder"};
	const json_t *outcome = export->request->outcome, *chosen = json_object_get(outcome, "chosen"), *gain = json_object_get(chosen, "gain");
	bool some = json_is_object(chosen);
	char *values[] = {mem_text(json_get_text(outcome, "name", "")), mem_text(json_get_text(outcome, "state", "")), mem_text(json_get_text(outcome, "metric", "")),
		mem_text(json_get_bool(outcome, "maximise", 0) ? "higher" : "lower"), some ? text_format("%lld", (long long)json_get_int(chosen, "round", 0)) : mem_text("none"),
		mem_text(json_get_text(chosen, "reason", "")), real_text(chosen, "score"), real_text(chosen, "se"), real_text(chosen, "holdout"), real_text(gain, "mean"), real_text(gain, "ci_low"),
		real_text(gain, "ci_high"), some ? json_text(json_object_get(chosen, "searched"), JSON_STYLE_CANONICAL) : mem_text(""),
		some ? json_text(json_object_get(chosen, "features"), JSON_STYLE_CANONICAL) : mem_text(""), mem_text(export->request->campaign)};
	size_t count = sizeof values / sizeof *values;
	int code = put_facts(export, names, values, count, err);

	for (size_t i = 0; i < count; i++)
		free(values[i]);
	return code;
}

/* ---- what lies in Parquet files ---- */

/* A column as it is queried (BIGINT, DOUBLE, BOOLEAN or VARCHAR) and as it is exported. */
static enum table_type type_of(const char *sql)
{
	static const char *const integers[] = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"};

	for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
		if (!strcmp(sql, integers[i]))
			return TABLE_INT64;
	if (!strcmp(sql, "DOUBLE") || !strcmp(sql, "FLOAT") || !strncmp(sql, "DECIMAL", 7))
		return TABLE_DOUBLE;
	return strcmp(sql, "BOOLEAN") ? TABLE_TEXT : TABLE_BOOL;
}

struct column_list {
	struct table_column *columns;
	size_t count;
};

static void release_list(struct column_list *list)
{
	for (size_t c = 0; c < list->count; c++)
		free((char *)(uintptr_t)list->columns[c].name);
	free(list->columns);
}

static int describe(struct duck *duck, const char *source, struct column_list *list, struct orch_err *err)
{
	char *sql = text_format("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM %s)", source);
	struct duck_rows *rows = NULL;
	size_t count = 0;
	int code = duck_query(duck, sql, &rows, err);

	while (!code && !(code = duck_next(rows, &count, err)) && count) {
		list->columns = mem_array_grow(list->columns, list->count + count, sizeof *list->columns);
		if (!list->columns)
			orch_bug("out of memory for the columns of a table");
		for (size_t r = 0; r < count; r++) {
			char *type = duck_text_copy(rows, 1, r);

			list->columns[list->count++] = (struct table_column){duck_text_copy(rows, 0, r), type_of(type)};
			free(type);
		}
	}
	duck_end(rows);
	free(sql);
	return code;
}

static char *query_of(const char *source, const struct column_list *list)
{
	static const char *const types[] = {[TABLE_INT64] = "BIGINT", [TABLE_DOUBLE] = "DOUBLE", [TABLE_TEXT] = "VARCHAR", [TABLE_BOOL] = "BOOLEAN"};
	struct text_buf sql = {0};

	text_add(&sql, "SELECT ");
	for (size_t c = 0; c < list->count; c++) {
		text_add(&sql, c ? ", CAST(" : "CAST(");
		duck_add_name(&sql, list->columns[c].name);
		text_addf(&sql, " AS %s) AS ", types[list->columns[c].type]);
		duck_add_name(&sql, list->columns[c].name);
	}
	text_addf(&sql, " FROM %s", source);
	return text_take(&sql);
}

static int put_row(struct export *export, const struct duck_rows *rows, const struct column_list *list, size_t row, struct orch_err *err)
{
	for (size_t c = 0; c < list->count; c++) {
		char *text;

		if (duck_is_missing(rows, c, row)) {
			export_sink_missing(export->sink);
			continue;
		}
		switch (list->columns[c].type) {
		case TABLE_DOUBLE:
			export_sink_double(export->sink, duck_double(rows, c, row));
			break;
		case TABLE_TEXT:
			text = duck_text_copy(rows, c, row);
			export_sink_text(export->sink, text);
			free(text);
			break;
		case TABLE_BOOL:
			export_sink_bool(export->sink, duck_bool(rows, c, row));
			break;
		default:
			export_sink_int(export->sink, duck_int(rows, c, row));
		}
	}
	return end_row(export, err);
}

/* source: what stands after FROM. */
static int put_query(struct export *export, const char *name, const char *source, struct orch_err *err)
{
	struct duck_options options = {.memory = MEMORY};
	struct column_list list = {0};
	struct duck_rows *rows = NULL;
	struct duck *duck = NULL;
	char *sql = NULL;
	size_t count = 0;
	int code = duck_open(&options, &duck, err);

	if (!code)
		code = describe(duck, source, &list, err);
	if (!code)
		code = export_sink_table(export->sink, name, list.columns, list.count, err);
	if (!code) {
		sql = query_of(source, &list);
		code = duck_query(duck, sql, &rows, err);
	}
	while (!code && !(code = duck_next(rows, &count, err)) && count)
		for (size_t r = 0; r < count && !code; r++)
			code = put_row(export, rows, &list, r, err);
	duck_end(rows);
	duck_close(duck);
	release_list(&list);
	free(sql);
	return code;
}

static char *round_file(const struct export *export, long round, const char *file)
{
	char *name = text_format("rounds/round_%03ld/%s", round, file), *path = file_join(export->request->campaign, name);

	free(name);
	return path;
}

/* One file of every round, one after the other, with the round's number in front. */
static int put_all_rounds(struct export *export, const char *name, const char *file, struct orch_err *err)
{
	long rounds = (long)json_array_size(json_object_get(export->request->outcome, "rounds")), listed = 0;
	struct text_buf source = {0};
	int code;

	text_add(&source, "(SELECT CAST(regexp_extract(orch_file_name, 'round_([0-9]+)/[^/]*/[^/]*$', 1) AS INTEGER) AS round, * EXCLUDE (orch_file_name) FROM read_parquet([");
	for (long round = 0; round < rounds; round++) {
		char *path = round_file(export, round, file);

		if (file_exists(path)) {
			text_add(&source, listed++ ? ", " : "");
			duck_add_path(&source, path);
		}
		free(path);
	}
	text_add(&source, "], union_by_name = true, filename = 'orch_file_name'))");
	code = listed ? put_query(export, name, source.data, err) : orch_fail(err, ORCH_EMISSING, "no round of %s has the table %s", export->request->campaign, name);
	text_buf_release(&source);
	return code;
}

static int put_predictions(struct export *export, struct orch_err *err)
{
	const json_t *outcome = export->request->outcome;
	long rounds = (long)json_array_size(json_object_get(outcome, "rounds")), round = export->request->round;
	struct text_buf source = {0};
	char *path;
	int code;

	if (round < 0)
		round = (long)json_get_int(json_object_get(outcome, "chosen"), "round", rounds - 1);
	if (round >= rounds)
		return orch_fail(err, ORCH_EINPUT, "there is no finished round %ld; the last is round %ld", round, rounds - 1);
	path = round_file(export, round, "03_baseline/predictions.parquet");
	text_add(&source, "read_parquet(");
	duck_add_path(&source, path);
	text_add(&source, ")");
	code = put_query(export, "predictions", source.data, err);
	text_buf_release(&source);
	free(path);
	return code;
}

static int put_table(struct export *export, enum export_table table, struct orch_err *err)
{
	int code;

	export->rows = 0;
	if (table == EXPORT_ROUNDS)
		code = put_rounds(export, err);
	else if (table == EXPORT_TRIALS)
		code = put_all_rounds(export, "trials", "01_hpo/trials.parquet", err);
	else if (table == EXPORT_LOFO)
		code = put_all_rounds(export, "lofo", "04_lofo/lofo.parquet", err);
	else if (table == EXPORT_PATH)
		code = put_all_rounds(export, "path", "04_lofo/path.parquet", err);
	else if (table == EXPORT_PREDICTIONS)
		code = put_predictions(export, err);
	else
		code = put_failures(export, err);
	return code ? code : export_sink_end_table(export->sink, err);
}

unsigned export_tables_there(const struct export_request *request)
{
	const struct export export = {.request = request};
	long rounds = (long)json_array_size(json_object_get(request->outcome, "rounds"));
	bool there = false;

	for (long round = 0; round < rounds && !there; round++) {
		char *path = round_file(&export, round, "04_lofo/path.parquet");

		there = file_exists(path);
		free(path);
	}
	return there ? request->tables : request->tables & ~(1u << EXPORT_PATH);
}

int export_run(const struct export_request *request, int64_t rows[EXPORT_TABLES], struct orch_err *err)
{
	struct export export = {.request = request};
	int code;

	if (!json_array_size(json_object_get(request->outcome, "rounds")))
		return orch_fail(err, ORCH_EMISSING, "no round of %s is finished yet: there is nothing to export; orch status shows what it does", request->campaign);
	code = export_sink_open(request, &export.sink, err);
	if (!code && request->format == EXPORT_XLSX)
		code = put_summary(&export, err);
	for (enum export_table table = 0; table < EXPORT_TABLES && !code; table++)
		if (request->tables & (1u << table)) {
			code = put_table(&export, table, err);
			if (rows)
				rows[table] = export.rows;
		}
	if (!code)
		code = export_sink_commit(&export.sink, err);
	export_sink_abort(&export.sink);
	return code;
}
