/* Small helpers around queries, and the gathering of problems. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/dataset_parts.h"

#define PROBLEMS_MAX 20 /* are told; more are counted */

int dataset_row(struct duck *duck, const char *sql, struct orch_err *err, const char *types, ...)
{
	struct duck_rows *rows = NULL;
	size_t count = 0;
	va_list arguments;
	int code = duck_query(duck, sql, &rows, err);

	if (!code)
		code = duck_next(rows, &count, err);
	if (!code && !count)
		code = orch_fail(err, ORCH_EIO, "DuckDB gave no row for: %.200s", sql);
	va_start(arguments, types);
	for (size_t c = 0; types[c] && !code; c++)
		if (types[c] == 'i')
			*va_arg(arguments, int64_t *) = duck_is_missing(rows, c, 0) ? 0 : duck_int(rows, c, 0);
		else
			*va_arg(arguments, char **) = duck_text_copy(rows, c, 0);
	va_end(arguments);
	duck_end(rows);
	return code;
}

/* ---- what DuckDB said ---- */

static void cut_before(char *text, const char *mark)
{
	char *at = strstr(text, mark);

	if (at)
		*at = '\0';
}

char *dataset_said(const char *text)
{
	static const char *const advice[] = {
	        "\nPossible", "\nPotential", "\nLINE ", "\n* ", "\n  file =", "\n\n", "\nTry setting"};
	static const char *const kinds[] = {"Invalid Input Error: ", "Binder Error: ", "Parser Error: ",
	        "Conversion Error: ", "IO Error: ", "Catalog Error: ", "Out of Range Error: "};
	char *copy = mem_text(text), *out, *start = copy;

	for (size_t i = 0; i < sizeof advice / sizeof *advice; i++)
		cut_before(copy, advice[i]);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (!strncmp(copy, kinds[i], strlen(kinds[i])))
			start = copy + strlen(kinds[i]);
	for (char *p = start; *p; p++)
		if (*p == '\n' || *p == '\t' || *p == '\r')
			*p = p[1] ? ' ' : '\0';
	for (size_t length = strlen(start); length && start[length - 1] == ' ';)
		start[--length] = '\0';
	out = text_printable(start);
	free(copy);
	return out;
}

/* ---- problems ---- */

static char *line_of(const char *format, va_list arguments)
{
	char *text = NULL, *line;

	if (vasprintf(&text, format, arguments) < 0)
		orch_bug("out of memory");
	line = text_printable(text);
	free(text);
	return line;
}

void preparation_problem(struct preparation *preparation, const char *format, ...)
{
	va_list arguments;
	char *line;

	if (preparation->problem_count++ >= PROBLEMS_MAX)
		return;
	va_start(arguments, format);
	line = line_of(format, arguments);
	va_end(arguments);
	text_addf(&preparation->problems, "%s%s", preparation->problems.length ? "\n" : "", line);
	free(line);
}

void preparation_note(struct preparation *preparation, const char *format, ...)
{
	va_list arguments;
	char *line;

	va_start(arguments, format);
	line = line_of(format, arguments);
	va_end(arguments);
	json_array_append_new(preparation->notes, json_string_nocheck(line));
	free(line);
}

/* ---- columns and rows ---- */

struct source_column *preparation_column(struct preparation *preparation, const char *name)
{
	for (size_t i = 0; i < preparation->column_count; i++)
		if (!strcmp(preparation->columns[i].name, name))
			return &preparation->columns[i];
	return NULL;
}

void preparation_add_from(
        const struct preparation *preparation, const struct source_column *column, struct text_buf *sql)
{
	text_addf(sql, " FROM (SELECT __row, %s AS v FROM %s", column->value, column->table);
	if (preparation->rows_kept != preparation->rows)
		text_add(sql, " ANTI JOIN gone USING (__row)");
	text_add(sql, ")");
}

char *preparation_row_name(const struct preparation *preparation, int64_t row)
{
	char *file = NULL, *sql, *name;
	int64_t first = 0;

	if (preparation->file_count < 2)
		return text_format("row %lld", (long long)row + 1);
	sql = text_format("SELECT min(__row), any_value(regexp_extract(__file, '[^/]*$')) FROM src WHERE __file = "
	                  "(SELECT __file FROM src WHERE __row = %lld)",
	        (long long)row);
	if (dataset_row(preparation->duck, sql, NULL, "it", &first, &file))
		first = 0;
	name = text_format("row %lld%s%s", (long long)(row - first) + 1, file ? " of " : "", file ? file : "");
	free(file);
	free(sql);
	return name;
}
