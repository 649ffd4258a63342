/* Derived features: each SQL expression over the source's columns is evaluated once, into a table of its own, on one
 * thread and in the order of the source, so that a window without ORDER BY sees the rows as they stand in the file. */
#include <stdlib.h>
#include <string.h>

#include "storage/base/json.h"
#include "storage/dataset_parts.h"

/* ---- what a campaign cannot repeat ---- */

static const char *const unrepeatable[] = {"random", "uuid", "gen_random_uuid", "uuidv4", "uuidv7", "now", "today",
        "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "get_current_time",
        "get_current_timestamp", "transaction_timestamp", "nextval", "txid_current", "current_query_id",
        "current_transaction_id", "current_connection_id"};

static const char *in_list(const char *name)
{
	for (size_t i = 0; name && i < sizeof unrepeatable / sizeof *unrepeatable; i++)
		if (!strcasecmp(name, unrepeatable[i]))
			return unrepeatable[i];
	return NULL;
}

/* Depth first through DuckDB's own tree of the expression. current_date and its like are written as columns. */
static const char *find_unrepeatable(struct preparation *preparation, const json_t *node)
{
	const char *found = NULL, *key;
	json_t *child, *names;
	size_t i;

	if (json_is_array(node)) {
		json_array_foreach((json_t *)(uintptr_t)node, i, child) found =
		        found ? found : find_unrepeatable(preparation, child);
		return found;
	}
	if (!json_is_object(node))
		return NULL;
	found = in_list(json_get_text(node, "function_name", NULL));
	names = json_object_get(node, "column_names");
	if (!found && json_array_size(names) == 1) {
		const char *name = json_string_value(json_array_get(names, 0));

		found = name && !preparation_column(preparation, name) ? in_list(name) : NULL;
	}
	json_object_foreach((json_t *)(uintptr_t)node, key, child) found =
	        found ? found : find_unrepeatable(preparation, child);
	return found;
}

/* DuckDB's parser decides: an expression it cannot print as a tree is left to its evaluation. */
static int check_repeatable(
        struct preparation *preparation, const char *name, const char *expression, bool *fine, struct orch_err *err)
{
	struct text_buf sql = {0};
	char *query = text_format("SELECT (%s\n)", expression), *text = NULL;
	json_t *tree = NULL;
	const char *found = NULL;
	int code;

	/* places are left out: "none" is 2^64 - 1 there, which our JSON does not read */
	text_add(&sql, "SELECT regexp_replace(CAST(json_serialize_sql(");
	duck_add_text(&sql, query);
	text_add(&sql, ") AS VARCHAR), '\"query_location\":[0-9]+', '\"query_location\":0', 'g')");
	code = dataset_row(preparation->duck, sql.data, err, "t", &text);
	if (!code && !json_parse(text, strlen(text), "expression", &tree, NULL))
		found = find_unrepeatable(preparation, tree);
	if (found)
		preparation_problem(preparation,
		        "data.features.%s: %s gives another value every time; a campaign must be repeatable", name,
		        found);
	*fine = !found;
	json_decref(tree);
	text_buf_release(&sql);
	free(query);
	free(text);
	return code;
}

/* ---- evaluation ---- */

static const char *advice(const char *text)
{
	if (strstr(text, "must appear in the GROUP BY") || strstr(text, "cannot be mixed with aggregates"))
		return " (an aggregate over all rows is written avg(x) OVER ())";
	if (strstr(text, "Conversion Error"))
		return " (TRY_CAST gives a missing value instead of an error)";
	return "";
}

/* table: a new one with __row and v. */
static int evaluate(struct preparation *preparation, const char *what, const char *table, const char *expression,
        struct orch_err *err)
{
	struct orch_err why = {0};
	char *sql = text_format("CREATE TABLE %s AS SELECT __row, (%s\n) AS v FROM src", table, expression), *said;
	int code = duck_run(preparation->duck, sql, &why);

	said = dataset_said(why.text);
	if (code == ORCH_EINPUT)
		preparation_problem(preparation, "%s: %s%s", what, said, advice(why.text));
	else if (code)
		orch_fail(err, code, "%s: %s", what, said);
	free(said);
	free(sql);
	return code;
}

static int add_evaluated(struct preparation *preparation, const char *name, const char *table,
        struct source_column **out, struct orch_err *err)
{
	char *sql = text_format("SELECT column_type FROM (DESCRIBE %s) WHERE column_name = 'v'", table), *type = NULL;
	int code = dataset_row(preparation->duck, sql, err, "t", &type);

	if (!code)
		code = dataset_column_add(preparation, name, type, table, "v", out, err);
	if (!code)
		(*out)->derived = true;
	free(sql);
	free(type);
	return code;
}

static bool name_is_free(struct preparation *preparation, const char *name)
{
	for (size_t i = 0; i < preparation->column_count; i++)
		if (!preparation->columns[i].derived && !strcasecmp(preparation->columns[i].name, name)) {
			preparation_problem(preparation,
			        "data.features.%s: the data has a column \"%s\" already: choose another name (and "
			        "exclude the column, "
			        "if this is to stand for it)",
			        name, preparation->columns[i].name);
			return false;
		}
	if (!strcmp(name, "__row") || !strcmp(name, "__file") || !name[0]) {
		preparation_problem(
		        preparation, "data.features: \"%s\" cannot be the name of a feature: choose another", name);
		return false;
	}
	return true;
}

static int derive_one(struct preparation *preparation, const char *name, const char *expression, unsigned number,
        struct orch_err *err)
{
	struct source_column *column;
	char *what = text_format("data.features.%s", name), *table = text_format("d%u", number);
	bool fine = name_is_free(preparation, name);
	int code = fine ? check_repeatable(preparation, name, expression, &fine, err) : 0;

	if (!code && fine) {
		code = evaluate(preparation, what, table, expression, err);
		if (!code)
			code = add_evaluated(preparation, name, table, &column, err);
		else if (code == ORCH_EINPUT)
			code = 0; /* gathered */
	}
	free(what);
	free(table);
	return code;
}

int dataset_derive(struct preparation *preparation, struct orch_err *err)
{
	const char *name;
	json_t *expression;
	unsigned number = 0;
	int code = 0;

	json_object_foreach(json_object_get(preparation->request, "features"), name, expression) if (!code) code =
	        derive_one(preparation, name, json_string_value(expression), number++, err);
	return code;
}

/* ---- an angle given by its sine and cosine: degrees in [0, 360) ---- */

int dataset_derive_angle(struct preparation *preparation, struct orch_err *err)
{
	const json_t *angle = json_object_get(preparation->request, "angle");
	struct source_column *sine, *cosine, *column = NULL;
	char *expression;
	int code;

	if (!angle || json_object_get(angle, "column"))
		return 0;
	sine = preparation_column(preparation, json_get_text(angle, "sine", ""));
	cosine = preparation_column(preparation, json_get_text(angle, "cosine", ""));
	if (!sine || !cosine)
		return 0; /* told already */
	if ((sine->kind != VALUE_INT && sine->kind != VALUE_DOUBLE) ||
	        (cosine->kind != VALUE_INT && cosine->kind != VALUE_DOUBLE)) {
		preparation_problem(preparation, "data.target.angle: \"%s\" (%s) and \"%s\" (%s) must both be numbers",
		        sine->name, sine->type_name, cosine->name, cosine->type_name);
		return 0;
	}
	if (preparation_column(preparation, "angle")) {
		preparation_problem(preparation, "data.target.angle: the target is called \"angle\", but the data has "
		                                 "a column of that name: rename it");
		return 0;
	}
	expression = text_format(
	        "CREATE TABLE angle AS SELECT __row, CASE WHEN s = 0 AND c = 0 THEN NULL WHEN d < 0 AND d + 360 < 360 "
	        "THEN d + 360 "
	        "WHEN d < 0 THEN 0 ELSE d END AS v FROM (SELECT __row, s, c, degrees(atan2(s, c)) AS d FROM (SELECT "
	        "a.__row, "
	        "CAST(a.%s AS DOUBLE) AS s, CAST(b.%s AS DOUBLE) AS c FROM %s AS a JOIN %s AS b USING (__row)))",
	        sine->own, cosine->own, sine->table, cosine->table);
	code = duck_run(preparation->duck, expression, err);
	if (!code)
		code = add_evaluated(preparation, "angle", "angle", &column, err);
	if (!code)
		column->roles = COLUMN_TARGET;
	free(expression);
	return code;
}
