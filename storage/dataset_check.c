/* What the data must satisfy before it is worth writing. Order: counts of all columns (and what text columns really
 * are), then the rows that data.missing drops, then what holds for the rows that are kept: target, weight, id, levels.
 */
#include <stdlib.h>
#include <string.h>

#include "storage/base/json.h"
#include "storage/dataset_parts.h"

#define CLASSES_MAX 1000
#define GROUP 512 /* columns looked at in one pass: every query binds all columns of the source */

static bool is_number(const struct source_column *column)
{
	return column->kind == VALUE_INT || column->kind == VALUE_DOUBLE;
}

/* ---- counts ---- */

struct counts {
	int64_t filled, infinite, constant;
};

static int count_group(struct preparation *preparation, struct source_column *const *columns, size_t count,
        struct counts *out, struct orch_err *err)
{
	struct text_buf sql = {0};
	struct duck_rows *rows = NULL;
	size_t got = 0;
	int code;

	text_add(&sql, "SELECT ");
	for (size_t i = 0; i < count; i++)
		text_addf(&sql,
		        "%scount(%s), CAST(count_if(%s) AS BIGINT), CAST(min(%s) IS NOT DISTINCT FROM max(%s) AS "
		        "BIGINT)",
		        i ? ", " : "", columns[i]->value, columns[i]->infinite ? columns[i]->infinite : "false",
		        columns[i]->value, columns[i]->value);
	text_addf(&sql, " FROM %s", columns[0]->table);
	code = duck_query(preparation->duck, sql.data, &rows, err);
	if (!code)
		code = duck_next(rows, &got, err);
	for (size_t i = 0; i < count && !code && got; i++)
		out[i] = (struct counts){
		        duck_int(rows, 3 * i, 0), duck_int(rows, 3 * i + 1, 0), duck_int(rows, 3 * i + 2, 0)};
	duck_end(rows);
	text_buf_release(&sql);
	return code;
}

static int tell_infinite(
        struct preparation *preparation, const struct source_column *column, int64_t infinite, struct orch_err *err)
{
	char *sql = text_format("SELECT min(__row) FROM %s WHERE %s", column->table, column->infinite), *name;
	int64_t row = 0;
	int code = dataset_row(preparation->duck, sql, err, "i", &row);

	name = code ? mem_text("") : preparation_row_name(preparation, row);
	if (!code)
		preparation_problem(preparation, "%s \"%s\" is infinite in %lld rows, the first is %s: %s",
		        column->roles & COLUMN_TARGET ? "target" : "column", column->name, (long long)infinite, name,
		        column->roles & COLUMN_TARGET ? "derive a finite target in data.features"
		                                      : "exclude it, or derive a finite feature in data.features");
	free(name);
	free(sql);
	return code;
}

static int check_counts(struct preparation *preparation, struct source_column *column, const struct counts *counts,
        struct orch_err *err)
{
	bool feature = column->roles & COLUMN_FEATURE;
	int code = 0;

	column->filled = counts->filled;
	if (feature && column->kind == VALUE_NONE) {
		preparation_problem(preparation,
		        "column \"%s\" is of type %s, which cannot be a feature: exclude it, or derive a number from "
		        "it in data.features",
		        column->name, column->type_name);
		return 0;
	}
	if (column->kind == VALUE_TEXT && !column->levels && column->filled &&
	        column->roles & (COLUMN_FEATURE | COLUMN_TARGET | COLUMN_WEIGHT))
		code = dataset_check_text(preparation, column, err);
	if (!code && feature && !column->filled)
		preparation_problem(preparation, "column \"%s\" has no value at all: exclude it", column->name);
	else if (!code && feature && counts->constant && preparation->rows > 1)
		preparation_note(preparation,
		        "column %s has the same value in all rows that have one: it can tell nothing", column->name);
	if (!code && counts->infinite)
		code = tell_infinite(preparation, column, counts->infinite, err);
	if (!code && (column->kind == VALUE_DATE || column->kind == VALUE_TIME) &&
	        column->roles & (COLUMN_FEATURE | COLUMN_TARGET | COLUMN_SPLIT))
		preparation_note(preparation, "column %s (%s) is read as %s", column->name, column->type_name,
		        column->kind == VALUE_DATE                    ? "days since 1970"
		        : !strncmp(column->type_name, "TIMESTAMP", 9) ? "seconds since 1970"
		                                                      : "seconds since midnight");
	if (!code && column->roles && !strncmp(column->type_name, "U", 1) && strstr(column->type_name, "INT") &&
	        column->kind == VALUE_DOUBLE)
		preparation_note(preparation,
		        "column %s (%s) holds integers of more than 63 bits: the nearest doubles are kept",
		        column->name, column->type_name);
	return code;
}

static int count_all(struct preparation *preparation, struct orch_err *err)
{
	struct source_column *group[GROUP];
	struct counts counts[GROUP];
	size_t at = 0;
	int code = 0;

	while (at < preparation->column_count && !code) {
		size_t count = 0;

		for (; at < preparation->column_count && count < GROUP; at++) {
			struct source_column *column = &preparation->columns[at];

			if (count && strcmp(column->table, group[0]->table))
				break;
			if (column->roles)
				group[count++] = column;
		}
		if (count)
			code = count_group(preparation, group, count, counts, err);
		for (size_t i = 0; i < count && !code; i++)
			code = check_counts(preparation, group[i], &counts[i], err);
	}
	return code;
}

/* ---- rows without a value ---- */

static int64_t lacking(const struct preparation *preparation, const struct source_column *column)
{
	return column->roles & (COLUMN_FEATURE | COLUMN_TARGET) ? (int64_t)preparation->rows - column->filled : 0;
}

static int drop_rows(struct preparation *preparation, struct orch_err *err)
{
	int64_t gone = 0;
	int code = duck_run(preparation->duck, "CREATE TABLE lacking (__row BIGINT)", err);

	for (size_t i = 0; i < preparation->column_count && !code; i++) {
		const struct source_column *column = &preparation->columns[i];
		char *sql;

		if (!lacking(preparation, column))
			continue;
		sql = text_format(
		        "INSERT INTO lacking SELECT __row FROM %s WHERE %s IS NULL", column->table, column->value);
		code = duck_run(preparation->duck, sql, err);
		free(sql);
	}
	if (!code)
		code = duck_run(preparation->duck, "CREATE TABLE gone AS SELECT DISTINCT __row FROM lacking", err);
	if (!code)
		code = dataset_row(preparation->duck, "SELECT count(*) FROM gone", err, "i", &gone);
	if (code)
		return code;
	preparation->rows_kept = preparation->rows - (size_t)gone;
	if (!preparation->rows_kept)
		preparation_problem(
		        preparation, "data.missing: drop leaves no row: every row lacks the value of some column");
	else if (gone)
		preparation_note(preparation, "%lld of %zu rows lack a value and are dropped (data.missing)",
		        (long long)gone, preparation->rows);
	return 0;
}

static int apply_missing(struct preparation *preparation, struct orch_err *err)
{
	const char *policy = json_get_text(preparation->request, "missing", "keep");
	bool any = false;

	for (size_t i = 0; i < preparation->column_count; i++) {
		const struct source_column *column = &preparation->columns[i];
		int64_t count = lacking(preparation, column);

		any = any || count;
		if (count && !strcmp(policy, "error") && column->roles & COLUMN_FEATURE)
			preparation_problem(preparation,
			        "column \"%s\" has %lld missing values and data.missing is error", column->name,
			        (long long)count);
	}
	return any && !strcmp(policy, "drop") ? drop_rows(preparation, err) : 0;
}

/* ---- the target ---- */

static bool wants_classes(const struct preparation *preparation, const struct source_column *column, int64_t distinct)
{
	const char *task = json_get_text(preparation->request, "task", "auto");

	if (strcmp(task, "auto"))
		return !strcmp(task, "classification");
	return column->kind == VALUE_TEXT || column->kind == VALUE_BOOL || column->levels || distinct == 2;
}

static void check_classes(struct preparation *preparation, const struct source_column *column, int64_t distinct)
{
	if (distinct < 2)
		preparation_problem(
		        preparation, "target \"%s\" has one class only: there is nothing to tell apart", column->name);
	else if (distinct > CLASSES_MAX)
		preparation_problem(preparation,
		        "target \"%s\" has %lld classes, %d are the most; is it a regression (data.task)?",
		        column->name, (long long)distinct, CLASSES_MAX);
}

static void check_regression(struct preparation *preparation, const struct source_column *column, int64_t distinct)
{
	if (column->levels)
		preparation_problem(preparation,
		        "target \"%s\" is declared in data.categories, but the task is a regression: remove it there, "
		        "or set data.task: "
		        "classification",
		        column->name);
	else if (!is_number(column) && column->kind != VALUE_BOOL)
		preparation_problem(preparation,
		        "target \"%s\" is of type %s; a regression needs numbers: derive one in data.features, or set "
		        "data.task: "
		        "classification",
		        column->name, column->type_name);
	else if (distinct < 2)
		preparation_problem(preparation,
		        "target \"%s\" is constant (one value in all rows): there is nothing to predict", column->name);
}

static int check_target(struct preparation *preparation, struct source_column *column, struct orch_err *err)
{
	bool drop = !strcmp(json_get_text(preparation->request, "missing", "keep"), "drop");
	int64_t filled = 0, distinct = 0, missing;
	struct text_buf sql = {0};
	int code;

	text_add(&sql, "SELECT count(v), count(DISTINCT v)");
	preparation_add_from(preparation, column, &sql);
	code = dataset_row(preparation->duck, sql.data, err, "ii", &filled, &distinct);
	text_buf_release(&sql);
	if (code)
		return code;
	missing = (int64_t)preparation->rows - column->filled;
	column->classes =
	        !json_object_get(preparation->request, "angle") && wants_classes(preparation, column, distinct);
	if (!column->filled)
		preparation_problem(preparation, "target \"%s\" is missing in every row", column->name);
	else if (missing && !drop)
		preparation_problem(preparation,
		        "target \"%s\" is missing in %lld of %zu rows: remove those rows, or set data.missing to drop",
		        column->name, (long long)missing, preparation->rows);
	else if (filled && column->classes)
		check_classes(preparation, column, distinct);
	else if (filled)
		check_regression(preparation, column, distinct);
	return 0;
}

/* ---- weight, id, levels ---- */

static int check_weight(struct preparation *preparation, const struct source_column *column, struct orch_err *err)
{
	struct text_buf sql = {0};
	int64_t bad = 0, first = 0, positive = 0;
	int code;

	if (!is_number(column)) {
		preparation_problem(preparation, "data.weight: column \"%s\" is of type %s, not a number", column->name,
		        column->type_name);
		return 0;
	}
	text_add(&sql, "SELECT CAST(count_if(bad) AS BIGINT), coalesce(min(__row) FILTER (WHERE bad), 0), "
	               "CAST(count_if(v > 0) AS BIGINT) FROM "
	               "(SELECT __row, v, v IS NULL OR v < 0 AS bad");
	preparation_add_from(preparation, column, &sql);
	text_add(&sql, ")");
	code = dataset_row(preparation->duck, sql.data, err, "iii", &bad, &first, &positive);
	text_buf_release(&sql);
	if (!code && bad) {
		char *row = preparation_row_name(preparation, first);

		preparation_problem(preparation,
		        "data.weight: column \"%s\" is negative or missing in %lld rows, the first is %s", column->name,
		        (long long)bad, row);
		free(row);
	} else if (!code && !positive) {
		preparation_problem(preparation, "data.weight: column \"%s\" is zero in every row", column->name);
	}
	return code;
}

static int check_id(struct preparation *preparation, const struct source_column *column, struct orch_err *err)
{
	struct text_buf sql = {0};
	int64_t repeated = 0, row = 0, missing = (int64_t)preparation->rows - column->filled;
	char *value = NULL, *name;
	int code;

	text_addf(&sql, "SELECT count(v) - count(DISTINCT v) FROM (SELECT %s AS v FROM %s)", column->value,
	        column->table);
	code = dataset_row(preparation->duck, sql.data, err, "i", &repeated);
	if (!code && missing)
		preparation_problem(preparation, "data.id: column \"%s\" is missing in %lld rows", column->name,
		        (long long)missing);
	if (!code && repeated) {
		sql.length = 0;
		text_addf(&sql,
		        "SELECT r, CAST(v AS VARCHAR) FROM (SELECT v, list_sort(list(__row))[2] AS r FROM (SELECT "
		        "__row, %s AS v FROM %s) "
		        "WHERE v IS NOT NULL GROUP BY v HAVING count(*) > 1) ORDER BY r LIMIT 1",
		        column->value, column->table);
		code = dataset_row(preparation->duck, sql.data, err, "it", &row, &value);
		name = code ? mem_text("") : preparation_row_name(preparation, row);
		if (!code)
			preparation_problem(preparation,
			        "data.id: column \"%s\" is not unique: %lld rows repeat an earlier value, the first is "
			        "%s (\"%.60s\")",
			        column->name, (long long)repeated, name, value);
		free(name);
	}
	free(value);
	text_buf_release(&sql);
	return code;
}

static int check_levels(struct preparation *preparation, const struct source_column *column, struct orch_err *err)
{
	struct text_buf sql = {0};
	int64_t unknown = 0, first = 0;
	char *value = NULL;
	json_t *level;
	size_t i;
	int code;

	text_addf(&sql,
	        "SELECT count(*), min(__row), arg_min(t, __row) FROM (SELECT __row, %s AS t FROM %s) WHERE t IS NOT "
	        "NULL AND t NOT IN (",
	        column->text, column->table);
	json_array_foreach(column->levels, i, level)
	{
		text_add(&sql, i ? ", " : "");
		duck_add_text(&sql, json_string_value(level));
	}
	text_add(&sql, ")");
	code = dataset_row(preparation->duck, sql.data, err, "iit", &unknown, &first, &value);
	if (!code && unknown) {
		char *row = preparation_row_name(preparation, first);

		preparation_problem(preparation,
		        "data.categories.%s: %lld values are not declared, the first is \"%.60s\" in %s: add it to the "
		        "list",
		        column->name, (long long)unknown, value, row);
		free(row);
	}
	free(value);
	text_buf_release(&sql);
	return code;
}

int dataset_check(struct preparation *preparation, struct orch_err *err)
{
	unsigned targets = 0, classified = 0;
	int code = count_all(preparation, err);

	if (!code)
		code = apply_missing(preparation, err);
	for (size_t i = 0; i < preparation->column_count && !code; i++) {
		struct source_column *column = &preparation->columns[i];

		if (column->roles & COLUMN_TARGET) {
			code = check_target(preparation, column, err);
			targets++;
			classified += column->classes;
		}
		if (!code && column->roles & COLUMN_WEIGHT)
			code = check_weight(preparation, column, err);
		if (!code && column->roles & COLUMN_ID)
			code = check_id(preparation, column, err);
		if (!code && column->roles && column->levels)
			code = check_levels(preparation, column, err);
	}
	if (targets > 1 && classified)
		preparation_problem(preparation,
		        "data.target: several targets can be learnt together when all are numbers; %u of %u are "
		        "classes",
		        classified, targets);
	return code;
}
