#include "reports/csv_table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/file.h"
#include "storage/base/mem.h"

/* One field from *at, unquoted in place; *ended is the character that ended it (',', '\n' or 0). */
static char *take_field(char **at, char *ended)
{
	char *from = *at, *start = from, *to = from;
	bool quoted = *from == '"';

	if (quoted)
		from++;
	while (*from && (quoted || (*from != ',' && *from != '\n'))) {
		if (quoted && *from == '"') {
			if (from[1] != '"') {
				quoted = false;
				from++;
				continue;
			}
			from++;
		}
		if (quoted || *from != '\r')
			*to++ = *from;
		from++;
	}
	*ended = *from;
	*at = *from ? from + 1 : from;
	*to = '\0';
	return start;
}

static int add_cell(struct csv_table *table, size_t count, char *cell)
{
	if ((count & (count - 1)) == 0) { /* doubles at powers of two */
		char **grown = mem_array_grow(table->cells, count ? 2 * count : 1, sizeof *grown);

		if (!grown)
			return ORCH_ENOMEM;
		table->cells = grown;
	}
	table->cells[count] = cell;
	return 0;
}

int csv_table_read(const char *path, size_t limit, struct csv_table *out, struct orch_err *err)
{
	struct csv_table table = {0};
	size_t length, count = 0, in_row = 0, lines = 0;
	char *at, ended = '\n';
	int code = file_read(path, 0, &table.text, &length, err);

	if (code)
		return code;
	for (at = table.text; *at && !(limit && lines > limit);) {
		char *cell = take_field(&at, &ended);

		if (add_cell(&table, count++, cell)) {
			code = orch_fail(err, ORCH_ENOMEM, "no memory for %s", path);
			break;
		}
		in_row++;
		if (ended == ',')
			continue;
		if (lines++ == 0)
			table.columns = in_row;
		else if (in_row != table.columns)
			code = orch_fail(err, ORCH_EDAMAGED, "%s: line %zu has %zu fields, the header has %zu", path, lines, in_row, table.columns);
		in_row = 0;
		if (code)
			break;
	}
	table.rows = lines ? lines - 1 : 0;
	if (code)
		csv_table_release(&table);
	else
		*out = table;
	return code;
}

void csv_table_release(struct csv_table *table)
{
	free(table->cells);
	free(table->text);
	*table = (struct csv_table){0};
}

const char *csv_table_cell(const struct csv_table *table, size_t row, const char *column)
{
	for (size_t c = 0; c < table->columns; c++)
		if (!strcmp(table->cells[c], column))
			return table->cells[(row + 1) * table->columns + c];
	return "";
}
