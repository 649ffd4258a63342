/* What the columns are: types, derived features, roles; and what the data must satisfy before it is worth writing. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/json.h"
#include "storage/dataset_parts.h"

#define CLASSES_MAX 1000
#define MOSTLY_NUMBERS 0.8 /* a text column of which so much is numbers has a fault in the rest */

static void add_formatted(struct text_buf *out, const char *format, va_list arguments)
{
	char *text = NULL;

	if (vasprintf(&text, format, arguments) < 0)
		orch_bug("out of memory");
	text_addf(out, "%s%s", out->length ? "\n" : "", text);
	free(text);
}

void preparation_problem(struct preparation *preparation, const char *format, ...)
{
	va_list arguments;

	if (preparation->problem_count++ >= 20)
		return;
	va_start(arguments, format);
	add_formatted(&preparation->problems, format, arguments);
	va_end(arguments);
}

void preparation_note(struct preparation *preparation, const char *format, ...)
{
	struct text_buf text = {0};
	va_list arguments;

	va_start(arguments, format);
	add_formatted(&text, format, arguments);
	va_end(arguments);
	json_array_append_new(preparation->notes, json_string_nocheck(text.data));
	text_buf_release(&text);
}

struct source_column *preparation_column(struct preparation *preparation, const char *name)
{
	for (size_t i = 0; i < preparation->column_count; i++)
		if (!strcmp(preparation->columns[i].name, name))
			return &preparation->columns[i];
	return NULL;
}

/* ---- types ---- */

static enum source_type type_of(const char *name)
{
	static const char *const ints[] = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"};

	for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
		if (!strcmp(name, ints[i]))
			return SOURCE_INT;
	if (!strcmp(name, "FLOAT") || !strcmp(name, "DOUBLE") || !strncmp(name, "DECIMAL", 7) || !strcmp(name, "HUGEINT") || !strcmp(name, "UHUGEINT") || !strcmp(name, "UBIGINT"))
		return SOURCE_DOUBLE;
	if (!strcmp(name, "BOOLEAN"))
		return SOURCE_BOOL;
	if (!strcmp(name, "DATE"))
		return SOURCE_DATE;
	if (!strncmp(name, "TIME", 4))
		return SOURCE_TIME;
	if (!strcmp(name, "VARCHAR") || !strncmp(name, "ENUM", 4) || !strcmp(name, "UUID"))
		return SOURCE_TEXT;
	return SOURCE_OTHER;
}

static void add_column(struct preparation *preparation, const char *name, size_t name_length, const char *type, size_t type_length, char *take_sql, bool derived)
{
	struct source_column *grown = mem_array_grow(preparation->columns, preparation->column_count + 1, sizeof *grown), *column;

	if (!grown)
		orch_bug("out of memory");
	preparation->columns = grown;
	column = &grown[preparation->column_count++];
	*column = (struct source_column){.name = text_format("%.*s", (int)name_length, name), .type_name = text_format("%.*s", (int)type_length, type), .sql = take_sql, .derived = derived};
	column->type = type_of(column->type_name);
}

static int describe(struct preparation *preparation, const char *query, bool derived, const char *sql, struct orch_err *err)
{
	struct duck_rows *rows = NULL;
	char *statement = text_format("SELECT column_name, column_type FROM (DESCRIBE %s)", query);
	int code = duck_query(preparation->duck, statement, &rows, err);
	size_t count;

	free(statement);
	if (code)
		return code;
	while ((count = duck_next(rows)))
		for (size_t i = 0; i < count; i++) {
			size_t name_length, type_length;
			const char *name = duck_text(rows, 0, i, &name_length), *type = duck_text(rows, 1, i, &type_length);
			struct text_buf own = {0};

			if (name_length == 5 && !memcmp(name, "__row", 5))
				continue;
			if (!sql) {
				char *copy = text_format("%.*s", (int)name_length, name);

				duck_add_name(&own, copy);
				free(copy);
			}
			add_column(preparation, name, name_length, type, type_length, sql ? mem_text(sql) : text_take(&own), derived);
		}
	duck_end(rows);
	return 0;
}

static int add_derived(struct preparation *preparation, struct orch_err *err)
{
	const char *name;
	json_t *expression;

	json_object_foreach(json_object_get(preparation->request, "features"), name, expression) {
		struct text_buf query = {0};
		struct orch_err why = {0};
		char *sql = text_format("(%s\n)", json_string_value(expression));
		int code;

		if (preparation_column(preparation, name)) {
			preparation_problem(preparation, "data.features.%s: the source has a column of that name already; choose another", name);
			free(sql);
			continue;
		}
		text_addf(&query, "SELECT %s AS ", sql);
		duck_add_name(&query, name);
		text_add(&query, " FROM src");
		code = describe(preparation, query.data, true, sql, &why);
		if (code == ORCH_EINPUT) {
			why.text[strcspn(why.text, "\n")] = '\0';
			preparation_problem(preparation, "data.features.%s: %s", name, why.text);
		} else if (code) {
			orch_fail(err, code, "%s", why.text);
		}
		text_buf_release(&query);
		free(sql);
		if (code && code != ORCH_EINPUT)
			return code;
	}
	return 0;
}

/* ---- roles ---- */

static char *nearest_column(const struct preparation *preparation, const char *name)
{
	const char **names = mem_must(preparation->column_count + 1, sizeof *names), *nearest;

	for (size_t i = 0; i < preparation->column_count; i++)
		names[i] = preparation->columns[i].name;
	nearest = text_nearest(name, names, preparation->column_count);
	free(names);
	return nearest ? text_format("; did you mean \"%s\"?", nearest) : mem_text("");
}

static struct source_column *need(struct preparation *preparation, const char *key, const char *name)
{
	struct source_column *column = preparation_column(preparation, name);
	char *suggestion;

	if (column)
		return column;
	suggestion = nearest_column(preparation, name);
	preparation_problem(preparation, "%s: the data has no column \"%s\"%s", key, name, suggestion);
	free(suggestion);
	return NULL;
}

static void give_role(struct preparation *preparation, const char *key, const json_t *names, unsigned role, unsigned not_role)
{
	json_t *name;
	size_t i;

	json_array_foreach(names, i, name) {
		struct source_column *column = need(preparation, key, json_string_value(name));

		if (column) {
			column->roles |= role;
			column->roles &= ~not_role;
		}
	}
}

static void one_role(struct preparation *preparation, const char *key, const char *name, unsigned role)
{
	struct source_column *column = name ? need(preparation, key, name) : NULL;

	if (!column)
		return;
	column->roles |= role;
	column->roles &= ~(unsigned)COLUMN_FEATURE;
}

static void give_roles(struct preparation *preparation)
{
	const json_t *request = preparation->request, *angle = json_object_get(request, "angle");
	const char *name;
	json_t *levels;

	for (size_t i = 0; i < preparation->column_count; i++)
		preparation->columns[i].roles = COLUMN_FEATURE;
	give_role(preparation, "data.exclude", json_object_get(request, "exclude"), 0, COLUMN_FEATURE);
	give_role(preparation, "data.target", json_object_get(request, "targets"), COLUMN_TARGET, COLUMN_FEATURE);
	one_role(preparation, "data.target.angle", json_get_text(angle, "column", NULL), COLUMN_TARGET);
	one_role(preparation, "data.target.angle.sin", json_get_text(angle, "sine", NULL), 0);
	one_role(preparation, "data.target.angle.cos", json_get_text(angle, "cosine", NULL), 0);
	one_role(preparation, "data.id", json_get_text(request, "id", NULL), COLUMN_ID);
	one_role(preparation, "data.weight", json_get_text(request, "weight", NULL), COLUMN_WEIGHT);
	give_role(preparation, "split", json_object_get(request, "split_columns"), COLUMN_SPLIT, COLUMN_FEATURE);
	give_role(preparation, "split.folds.stratify", json_object_get(request, "strata_columns"), COLUMN_SPLIT, 0);
	json_object_foreach(json_object_get(request, "categories"), name, levels) {
		struct source_column *column = need(preparation, "data.categories", name);

		if (column)
			column->levels = levels;
	}
}

/* ---- what the source must satisfy ---- */

static int count_of(struct preparation *preparation, int64_t *out, struct orch_err *err, const char *format, ...) __attribute__((format(printf, 4, 5)));
static int count_of(struct preparation *preparation, int64_t *out, struct orch_err *err, const char *format, ...)
{
	va_list arguments;
	char *sql = NULL;
	int code;

	va_start(arguments, format);
	if (vasprintf(&sql, format, arguments) < 0)
		orch_bug("out of memory");
	va_end(arguments);
	code = duck_one_int(preparation->duck, sql, out, err);
	free(sql);
	return code;
}

/* A column of numbers with a few words in it became text when it was read: say which row, rather than make a category of it. */
static int check_text_column(struct preparation *preparation, const struct source_column *column, struct orch_err *err)
{
	int64_t filled = 0, numbers = 0, distinct = 0, row = 0;
	char *value = NULL, *sql;
	int code = count_of(preparation, &filled, err, "SELECT count(%s) FROM src", column->sql);

	if (!code)
		code = count_of(preparation, &numbers, err, "SELECT count(TRY_CAST(%s AS DOUBLE)) FROM src", column->sql);
	if (!code)
		code = count_of(preparation, &distinct, err, "SELECT count(DISTINCT %s) FROM src", column->sql);
	if (code)
		return code;
	if (numbers > 0 && numbers < filled && (double)numbers >= MOSTLY_NUMBERS * (double)filled) {
		code = count_of(preparation, &row, err, "SELECT min(__row) FROM src WHERE %s IS NOT NULL AND TRY_CAST(%s AS DOUBLE) IS NULL", column->sql, column->sql);
		sql = text_format("SELECT CAST(%s AS VARCHAR) FROM src WHERE __row = %lld", column->sql, (long long)row);
		if (!code)
			code = duck_one_text(preparation->duck, sql, &value, err);
		if (!code)
			preparation_problem(preparation, "column \"%s\" holds numbers, but %lld of its %lld values are text, the first is \"%.60s\" in data row %lld: mend the file, clean it with "
			        "data.features (TRY_CAST), declare it in data.categories, or exclude it", column->name, (long long)(filled - numbers), (long long)filled, value, (long long)row + 1);
		free(sql);
		free(value);
	} else if (distinct > 20 && (double)distinct > 0.5 * (double)filled) {
		preparation_note(preparation, "column %s has %lld different texts in %lld rows: if it names the rows, exclude it", column->name, (long long)distinct, (long long)filled);
	}
	return code;
}

static int check_feature(struct preparation *preparation, const struct source_column *column, struct orch_err *err)
{
	int64_t filled = 0, infinite = 0;
	int code = 0;

	if (column->type == SOURCE_OTHER) {
		preparation_problem(preparation, "column \"%s\" is of type %s, which cannot be a feature: exclude it, or derive a number from it in data.features", column->name, column->type_name);
		return 0;
	}
	code = count_of(preparation, &filled, err, "SELECT count(v) FROM (SELECT %s AS v FROM src)", column->sql);
	if (!code && !filled)
		preparation_problem(preparation, "column \"%s\" has no value at all: exclude it", column->name);
	if (!code && column->type == SOURCE_DOUBLE)
		code = count_of(preparation, &infinite, err, "SELECT count(*) FROM (SELECT CAST(%s AS DOUBLE) AS v FROM src) WHERE isinf(v)", column->sql);
	if (!code && infinite)
		preparation_problem(preparation, "column \"%s\" holds %lld infinite values: exclude it, or derive a finite feature", column->name, (long long)infinite);
	if (!code && filled && column->type == SOURCE_TEXT && !column->levels && !column->derived)
		code = check_text_column(preparation, column, err);
	if (column->type == SOURCE_DATE || column->type == SOURCE_TIME)
		preparation_note(preparation, "column %s (%s): read as %s since 1970", column->name, column->type_name, column->type == SOURCE_DATE ? "days" : "seconds");
	return code;
}

static bool wants_classes(const struct preparation *preparation, const struct source_column *column, int64_t distinct)
{
	const char *task = json_get_text(preparation->request, "task", "auto");

	if (strcmp(task, "auto"))
		return !strcmp(task, "classification");
	return column->type == SOURCE_TEXT || column->type == SOURCE_BOOL || distinct == 2;
}

static int check_target(struct preparation *preparation, struct source_column *column, bool angle, struct orch_err *err)
{
	bool number = column->type == SOURCE_INT || column->type == SOURCE_DOUBLE;
	int64_t filled = 0, distinct = 0, odd = 0;
	bool drop = !strcmp(json_get_text(preparation->request, "missing", "keep"), "drop");
	int code = count_of(preparation, &filled, err, "SELECT count(v) FROM (SELECT %s AS v FROM src)", column->sql);

	if (!code)
		code = count_of(preparation, &distinct, err, "SELECT count(DISTINCT v) FROM (SELECT %s AS v FROM src)", column->sql);
	if (!code && column->type == SOURCE_DOUBLE)
		code = count_of(preparation, &odd, err, "SELECT count(*) FROM (SELECT CAST(%s AS DOUBLE) AS v FROM src) WHERE isinf(v) OR isnan(v)", column->sql);
	if (code)
		return code;
	column->target_category = !angle && wants_classes(preparation, column, distinct);
	if (!filled)
		preparation_problem(preparation, "target \"%s\" is missing in every row", column->name);
	else if ((size_t)filled < preparation->rows && !drop)
		preparation_problem(preparation, "target \"%s\" is missing in %zu of %zu rows: remove those rows, or set data.missing to drop", column->name, preparation->rows - (size_t)filled, preparation->rows);
	else if (odd)
		preparation_problem(preparation, "target \"%s\" is not finite in %lld rows", column->name, (long long)odd);
	else if (distinct < 2 && column->target_category)
		preparation_problem(preparation, "target \"%s\" has one class only: there is nothing to tell apart", column->name);
	else if (distinct < 2)
		preparation_problem(preparation, "target \"%s\" is constant (one value in all rows): there is nothing to predict", column->name);
	else if (column->target_category && distinct > CLASSES_MAX)
		preparation_problem(preparation, "target \"%s\" has %lld classes, %d are the most; is it a regression (data.task)?", column->name, (long long)distinct, CLASSES_MAX);
	else if (!column->target_category && !number && column->type != SOURCE_BOOL)
		preparation_problem(preparation, "target \"%s\" is of type %s; a regression needs numbers (derive one in data.features, or set data.task: classification)", column->name, column->type_name);
	if (!code && column->type == SOURCE_TEXT && filled && column->target_category)
		code = check_text_column(preparation, column, err);
	return code;
}

static int check_weight(struct preparation *preparation, const struct source_column *column, struct orch_err *err)
{
	int64_t bad = 0;
	int code;

	if (column->type != SOURCE_INT && column->type != SOURCE_DOUBLE) {
		preparation_problem(preparation, "data.weight: column \"%s\" is of type %s, not a number", column->name, column->type_name);
		return 0;
	}
	code = count_of(preparation, &bad, err, "SELECT count(*) FROM src WHERE %s IS NULL OR %s < 0 OR isinf(CAST(%s AS DOUBLE)) OR isnan(CAST(%s AS DOUBLE))", column->sql, column->sql, column->sql, column->sql);
	if (!code && bad)
		preparation_problem(preparation, "data.weight: column \"%s\" is negative, missing or not finite in %lld rows", column->name, (long long)bad);
	return code;
}

static int check_columns(struct preparation *preparation, struct orch_err *err)
{
	unsigned targets = 0, classified = 0;
	int code = 0;

	for (size_t i = 0; i < preparation->column_count && !code; i++) {
		struct source_column *column = &preparation->columns[i];

		if (column->roles & COLUMN_TARGET) {
			code = check_target(preparation, column, json_object_get(preparation->request, "angle") != NULL, err);
			targets++;
			classified += column->target_category;
		} else if (column->roles & COLUMN_FEATURE) {
			code = check_feature(preparation, column, err);
		}
		if (!code && column->roles & COLUMN_WEIGHT)
			code = check_weight(preparation, column, err);
	}
	if (targets > 1 && classified)
		preparation_problem(preparation, "data.target: several targets can be learnt together when all are numbers; %u of %u are classes", classified, targets);
	preparation->classification = classified > 0;
	return code;
}

int dataset_find_columns(struct preparation *preparation, struct orch_err *err)
{
	int code = describe(preparation, "src", false, NULL, err);

	if (!code)
		code = add_derived(preparation, err);
	if (!code)
		give_roles(preparation);
	if (!code)
		code = check_columns(preparation, err);
	return code;
}
