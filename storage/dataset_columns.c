/* What the columns are: types, and the roles that the campaign gives them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/json.h"
#include "storage/dataset_parts.h"

/* ---- types ---- */

enum sql_type {
	TYPE_INT,
	TYPE_WIDE,
	TYPE_DOUBLE,
	TYPE_BOOL,
	TYPE_TEXT,
	TYPE_DATE,
	TYPE_TIMESTAMP,
	TYPE_TIME,
	TYPE_OTHER
};

static enum sql_type type_of(const char *name)
{
	static const struct {
		const char *name;
		enum sql_type type;
		bool prefix;
	} types[] = {
	        {"TINYINT", TYPE_INT, false},
	        {"SMALLINT", TYPE_INT, false},
	        {"INTEGER", TYPE_INT, false},
	        {"BIGINT", TYPE_INT, false},
	        {"UTINYINT", TYPE_INT, false},
	        {"USMALLINT", TYPE_INT, false},
	        {"UINTEGER", TYPE_INT, false},
	        {"UBIGINT", TYPE_WIDE, false},
	        {"HUGEINT", TYPE_WIDE, false},
	        {"UHUGEINT", TYPE_WIDE, false},
	        {"DECIMAL", TYPE_WIDE, true},
	        {"FLOAT", TYPE_DOUBLE, false},
	        {"DOUBLE", TYPE_DOUBLE, false},
	        {"BOOLEAN", TYPE_BOOL, false},
	        {"VARCHAR", TYPE_TEXT, false},
	        {"UUID", TYPE_TEXT, false},
	        {"ENUM(", TYPE_TEXT, true},
	        {"DATE", TYPE_DATE, false},
	        {"TIMESTAMP", TYPE_TIMESTAMP, true},
	        {"TIME", TYPE_TIME, true},
	};

	if (name[0] && name[strlen(name) - 1] == ']') /* a list of anything; the levels of an ENUM may have brackets too */
		return TYPE_OTHER;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (types[i].prefix ? !strncmp(name, types[i].name, strlen(types[i].name))
		                    : !strcmp(name, types[i].name))
			return types[i].type;
	return TYPE_OTHER;
}

/* Integers of more than 64 bits and decimals: exact as BIGINT when all fit and none has a fraction, else the nearest
 * double. */
static int wide_is_whole(
        struct preparation *preparation, const struct source_column *column, bool *whole, struct orch_err *err)
{
	int64_t filled = 0, fitting = 0;
	char *sql = text_format("SELECT count(%s), count_if(TRY_CAST(%s AS BIGINT) = %s) FROM %s", column->own,
	        column->own, column->own, column->table);
	int code = dataset_row(preparation->duck, sql, err, "ii", &filled, &fitting);

	free(sql);
	*whole = filled == fitting;
	return code;
}

static void set_sql(
        struct source_column *column, enum value_kind kind, char *take_value, char *take_infinite, char *take_text)
{
	free(column->value);
	free(column->infinite);
	free(column->text);
	column->kind = kind;
	column->value = take_value;
	column->infinite = take_infinite;
	column->text = take_text;
}

static void set_int(struct source_column *column)
{
	set_sql(column, VALUE_INT, text_format("CAST(%s AS BIGINT)", column->own), NULL,
	        text_format("CAST(CAST(%s AS BIGINT) AS VARCHAR)", column->own));
}

/* A level of whole numbers is "1", not "1.0", whatever type holds it. */
static void set_double(struct source_column *column, const char *cast)
{
	char *number = text_format("nullif(%s(%s AS DOUBLE), CAST('nan' AS DOUBLE))", cast, column->own);

	set_sql(column, VALUE_DOUBLE, mem_text(number), text_format("isinf(%s)", number),
	        text_format("CASE WHEN %s = trunc(%s) AND abs(%s) < 1e15 THEN CAST(CAST(%s AS BIGINT) AS VARCHAR) ELSE "
	                    "CAST(%s AS VARCHAR) END",
	                number, number, number, number, number));
	free(number);
}

int dataset_column_set_kind(struct preparation *preparation, struct source_column *column, struct orch_err *err)
{
	const char *own = column->own;
	bool whole = false;
	int code = 0;

	switch (type_of(column->type_name)) {
	case TYPE_INT:
		set_int(column);
		break;
	case TYPE_WIDE:
		code = wide_is_whole(preparation, column, &whole, err);
		if (whole)
			set_int(column);
		else
			set_double(column, "CAST");
		break;
	case TYPE_DOUBLE:
		set_double(column, "CAST");
		break;
	case TYPE_BOOL:
		set_sql(column, VALUE_BOOL, mem_text(own), NULL, text_format("CAST(%s AS VARCHAR)", own));
		break;
	case TYPE_TEXT:
		set_sql(column, VALUE_TEXT, text_format("CAST(%s AS VARCHAR)", own), NULL,
		        text_format("CAST(%s AS VARCHAR)", own));
		break;
	case TYPE_DATE:
		set_sql(column, VALUE_DATE,
		        text_format("CAST(CASE WHEN isfinite(%s) THEN %s - DATE '1970-01-01' END AS BIGINT)", own, own),
		        text_format("isinf(%s)", own), text_format("CAST(%s AS VARCHAR)", own));
		break;
	case TYPE_TIMESTAMP:
		set_sql(column, VALUE_TIME,
		        text_format("CAST(CASE WHEN isfinite(CAST(%s AS TIMESTAMP)) THEN epoch(%s) END AS DOUBLE)", own,
		                own),
		        text_format("isinf(CAST(%s AS TIMESTAMP))", own), text_format("CAST(%s AS VARCHAR)", own));
		break;
	case TYPE_TIME:
		set_sql(column, VALUE_TIME, text_format("CAST(epoch(%s) AS DOUBLE)", own), NULL,
		        text_format("CAST(%s AS VARCHAR)", own));
		break;
	case TYPE_OTHER:
		set_sql(column, VALUE_NONE, text_format("CAST(%s AS VARCHAR)", own), NULL,
		        text_format("CAST(%s AS VARCHAR)", own));
		break;
	}
	return code;
}

int dataset_column_add(struct preparation *preparation, const char *name, const char *type, const char *table,
        const char *own, struct source_column **out, struct orch_err *err)
{
	struct source_column *grown =
	                             mem_array_grow(preparation->columns, preparation->column_count + 1, sizeof *grown),
	                     *column;

	if (!grown)
		return orch_fail(err, ORCH_ENOMEM, "no memory for %zu columns", preparation->column_count + 1);
	preparation->columns = grown;
	column = &grown[preparation->column_count++];
	*column = (struct source_column){
	        .name = mem_text(name), .type_name = mem_text(type), .table = mem_text(table), .own = mem_text(own)};
	if (out)
		*out = column;
	return dataset_column_set_kind(preparation, column, err);
}

static int add_source_columns(struct preparation *preparation, struct orch_err *err)
{
	struct duck_rows *rows = NULL;
	size_t count = 1;
	int code = duck_query(preparation->duck,
	        "SELECT column_name, column_type FROM (DESCRIBE src) WHERE column_name NOT IN ('__row', '__file')",
	        &rows, err);
	json_t *found = json_array(), *entry;
	size_t i;

	/* the walk is ended first: a column's type may need a query of its own */
	while (!code && count) {
		code = duck_next(rows, &count, err);
		for (i = 0; i < count && !code; i++) {
			char *name = duck_text_copy(rows, 0, i), *type = duck_text_copy(rows, 1, i);

			json_array_append_new(found, json_pack("[s, s]", name, type));
			free(name);
			free(type);
		}
	}
	duck_end(rows);
	json_array_foreach(found, i, entry)
	{
		const char *name = json_string_value(json_array_get(entry, 0));
		struct text_buf own = {0};

		if (code)
			break;
		duck_add_name(&own, name);
		code = dataset_column_add(
		        preparation, name, json_string_value(json_array_get(entry, 1)), "src", own.data, NULL, err);
		text_buf_release(&own);
	}
	json_decref(found);
	return code;
}

/* ---- roles ---- */

#define COLUMNS_TOLD 10

/* What there is instead. */
static char *first_columns(const struct preparation *preparation)
{
	struct text_buf out = {0};

	for (size_t i = 0; i < preparation->column_count && i < COLUMNS_TOLD; i++) {
		char *name = text_cut(preparation->columns[i].name, TEXT_NAME_SHOWN);

		text_addf(&out, "%s\"%s\"", i ? ", " : "; it has ", name);
		free(name);
	}
	if (preparation->column_count > COLUMNS_TOLD)
		text_addf(&out, " and %zu more", preparation->column_count - COLUMNS_TOLD);
	return out.data ? text_take(&out) : mem_text("");
}

char *dataset_nearest_column(const struct preparation *preparation, const char *name)
{
	const char **names = mem_must(preparation->column_count + 1, sizeof *names), *nearest;

	for (size_t i = 0; i < preparation->column_count; i++)
		names[i] = preparation->columns[i].name;
	nearest = text_nearest(name, names, preparation->column_count);
	free(names);
	if (nearest)
		return text_format("; did you mean \"%s\"?", nearest);
	if (preparation->column_count == 1 && preparation->source == SOURCE_CSV)
		return text_format(
		        "; it has one, \"%s\": are values separated by , ; tab or |?", preparation->columns[0].name);
	return first_columns(preparation);
}

static struct source_column *need(struct preparation *preparation, const char *key, const char *name)
{
	struct source_column *column = preparation_column(preparation, name);
	char *suggestion;

	if (column)
		return column;
	suggestion = dataset_nearest_column(preparation, name);
	preparation_problem(preparation, "%s: the data has no column \"%s\"%s", key, name, suggestion);
	free(suggestion);
	return NULL;
}

static void give(struct preparation *preparation, const char *key, const char *name, unsigned role, bool no_feature)
{
	struct source_column *column = name ? need(preparation, key, name) : NULL;

	if (!column)
		return;
	column->roles |= role;
	if (no_feature)
		column->roles &= ~(unsigned)COLUMN_FEATURE;
}

static void give_each(
        struct preparation *preparation, const char *key, const json_t *names, unsigned role, bool no_feature)
{
	json_t *name;
	size_t i;

	json_array_foreach(names, i, name) give(preparation, key, json_string_value(name), role, no_feature);
}

static void give_roles(struct preparation *preparation)
{
	const json_t *request = preparation->request, *angle = json_object_get(request, "angle");
	const char *name;
	json_t *levels;

	for (size_t i = 0; i < preparation->column_count; i++)
		preparation->columns[i].roles = COLUMN_FEATURE;
	give_each(preparation, "data.exclude", json_object_get(request, "exclude"), 0, true);
	give_each(preparation, "data.target", json_object_get(request, "targets"), COLUMN_TARGET, true);
	give(preparation, "data.target.angle", json_get_text(angle, "column", NULL), COLUMN_TARGET, true);
	give(preparation, "data.target.angle.sin", json_get_text(angle, "sine", NULL), 0, true);
	give(preparation, "data.target.angle.cos", json_get_text(angle, "cosine", NULL), 0, true);
	give(preparation, "data.id", json_get_text(request, "id", NULL), COLUMN_ID, true);
	give(preparation, "data.weight", json_get_text(request, "weight", NULL), COLUMN_WEIGHT, true);
	give_each(preparation, "split", json_object_get(request, "split_columns"), COLUMN_SPLIT, true);
	give_each(preparation, "split.folds.stratify", json_object_get(request, "strata_columns"), COLUMN_SPLIT, false);
	json_object_foreach(json_object_get(request, "categories"), name, levels)
	{
		struct source_column *column = need(preparation, "data.categories", name);

		if (column)
			column->levels = levels;
	}
}

int dataset_find_columns(struct preparation *preparation, struct orch_err *err)
{
	int code = add_source_columns(preparation, err);

	if (!code)
		code = dataset_derive(preparation, err);
	if (!code)
		give_roles(preparation);
	if (!code)
		code = dataset_derive_angle(preparation, err);
	return code;
}
