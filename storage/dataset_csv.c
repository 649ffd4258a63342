/* CSV: the dialect is decided here, not guessed by DuckDB, whose sniffer skips lines it does not understand, takes '#'
 * for a comment and renames columns without a word. Fields are quoted by ", records follow the header's number of
 * fields; the delimiter is the one of , ; tab | that the header has most of. DuckDB decides the types, from all rows.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/file.h"
#include "storage/dataset_parts.h"

#define HEADER_LINES 1000 /* a name may hold line breaks */

/* ---- the header as it stands ---- */

static bool is_open(const char *text)
{
	bool quoted = false;

	for (; *text; text++)
		if (*text == '"')
			quoted = !quoted;
	return quoted;
}

/* Raw lines until the first record is whole; *empty counts those before it. A delimiter that occurs nowhere makes each line one field. */
static int read_first_record(
        struct preparation *preparation, const char *path, struct text_buf *out, size_t *empty, struct orch_err *err)
{
	struct text_buf sql = {0};
	struct duck_rows *rows = NULL;
	size_t count = 1;
	bool found = false;
	int code;

	text_add(&sql, "SELECT line FROM read_csv(");
	duck_add_path(&sql, path);
	text_addf(&sql,
	        ", auto_detect=false, header=false, columns={'line': 'VARCHAR'}, delim=chr(1), quote='', escape='', "
	        "comment='', hive_partitioning=false, strict_mode=false) LIMIT %d", /* lines may end in \r\n and quoted texts hold \n */
	        HEADER_LINES);
	code = duck_query(preparation->duck, sql.data, &rows, err);
	while (!code && !found && count) {
		code = duck_next(rows, &count, err);
		for (size_t i = 0; i < count && !code && !found; i++) {
			char *line = duck_text_copy(rows, 0, i);

			line[strcspn(line, "\r")] = '\0';
			if (out->length || line[0]) { /* empty lines before the header are no header */
				text_addf(out, "%s%s", out->length ? "\n" : "", line);
				found = !is_open(out->data);
			} else {
				++*empty;
			}
			free(line);
		}
	}
	duck_end(rows);
	text_buf_release(&sql);
	return code;
}

static char find_delimiter(const char *record)
{
	static const char candidates[] = ",;\t|";
	size_t counts[sizeof candidates] = {0}, best = 0;
	bool quoted = false;

	for (; *record; record++) {
		const char *found = strchr(candidates, *record);

		if (*record == '"')
			quoted = !quoted;
		else if (found && !quoted)
			counts[found - candidates]++;
	}
	for (size_t i = 1; candidates[i]; i++)
		if (counts[i] > counts[best])
			best = i;
	return candidates[best];
}

/* One field; *at is left behind its delimiter, or at the end. DuckDB trims names. */
static char *next_field(const char **at, char delimiter)
{
	struct text_buf field = {0};
	const char *p = *at;
	char *text, *start;
	size_t length;

	if (*p == '"') {
		for (p++; *p && !(*p == '"' && p[1] != '"'); p++) {
			p += *p == '"';
			text_add_bytes(&field, p, 1);
		}
		p += *p == '"';
	}
	for (; *p && *p != delimiter; p++)
		text_add_bytes(&field, p, 1);
	*at = p;
	text = text_take(&field);
	for (start = text; isspace((unsigned char)*start); start++)
		;
	for (length = strlen(start); length && isspace((unsigned char)start[length - 1]); length--)
		;
	memmove(text, start, length);
	text[length] = '\0';
	return text;
}

static void split_record(const char *record, char delimiter, struct csv_header *out)
{
	const char *at = record;

	*out = (struct csv_header){.delimiter = delimiter};
	for (;;) {
		char **grown = mem_array_grow(out->names, out->count + 1, sizeof *grown);

		if (!grown)
			orch_bug("out of memory for the names of columns");
		out->names = grown;
		grown[out->count++] = next_field(&at, delimiter);
		if (!*at++)
			break;
	}
}

void dataset_csv_release(struct csv_header *header)
{
	for (size_t i = 0; i < header->count; i++)
		free(header->names[i]);
	free(header->names);
	*header = (struct csv_header){0};
}

/* ---- what a header must satisfy ---- */

struct named {
	const char *name;
	size_t place;
};

static int compare_names(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcasecmp(x->name, y->name);

	return order ? order : (x->place > y->place) - (x->place < y->place);
}

static void check_twice(struct preparation *preparation, const char *path, const struct csv_header *header)
{
	struct named *sorted = mem_must(header->count + 1, sizeof *sorted);

	for (size_t i = 0; i < header->count; i++)
		sorted[i] = (struct named){header->names[i], i};
	qsort(sorted, header->count, sizeof *sorted, compare_names);
	for (size_t i = 1; i < header->count; i++) {
		const struct named *a = &sorted[i - 1], *b = &sorted[i];

		if (!b->name[0] || strcasecmp(a->name, b->name))
			continue;
		if (!strcmp(a->name, b->name))
			preparation_problem(preparation, "%s: two columns (%zu and %zu) are called \"%s\": rename one",
			        file_name(path), a->place + 1, b->place + 1, b->name);
		else
			preparation_problem(preparation,
			        "%s: columns %zu \"%s\" and %zu \"%s\" differ in case only: rename one",
			        file_name(path), a->place + 1, a->name, b->place + 1, b->name);
	}
	free(sorted);
}

static void check_header(struct preparation *preparation, const char *path, struct csv_header *header)
{
	size_t numbers = 0;
	double number;

	check_twice(preparation, path, header);
	for (size_t i = 0; i < header->count; i++) {
		numbers += text_to_double(header->names[i], &number);
		if (header->names[i][0])
			continue;
		free(header->names[i]);
		header->names[i] = text_format("column%zu", i); /* as DuckDB calls it */
		preparation_note(preparation,
		        "column %zu of %s has no name and is called column%zu: exclude it if it only numbers the rows",
		        i + 1, file_name(path), i);
	}
	if (numbers == header->count)
		preparation_problem(preparation,
		        "%s: the first line holds numbers (%s%s...): a first line with the names of the columns is "
		        "needed",
		        file_name(path), header->names[0], header->count > 1 ? ", " : "");
}

static bool has_name(const struct csv_header *header, const char *name)
{
	for (size_t i = 0; i < header->count; i++)
		if (!strcasecmp(header->names[i], name))
			return true;
	return false;
}

static void check_same(struct preparation *preparation, const char *first, const struct csv_header *header,
        const char *other, const struct csv_header *names)
{
	for (size_t i = 0; i < header->count; i++)
		if (!has_name(names, header->names[i]))
			preparation_problem(preparation,
			        "%s has no column \"%s\", which %s has: all files need the same columns",
			        file_name(other), header->names[i], file_name(first));
	for (size_t i = 0; i < names->count; i++)
		if (names->names[i][0] && !has_name(header, names->names[i]))
			preparation_problem(preparation,
			        "%s has a column \"%s\", which %s has not: all files need the same columns",
			        file_name(other), names->names[i], file_name(first));
}

static bool is_tsv(const char *path)
{
	const char *name = file_name(path);

	return strcasestr(name, ".tsv") != NULL;
}

int dataset_csv_header(
        struct preparation *preparation, char *const *paths, size_t count, struct csv_header *out, struct orch_err *err)
{
	struct csv_header first = {0};
	int code = 0;

	for (size_t i = 0; i < count && !code; i++) {
		struct text_buf record = {0};
		struct csv_header other = {0};
		size_t empty = 0;

		code = read_first_record(preparation, paths[i], &record, &empty, err);
		if (code) {
			text_buf_release(&record);
			break;
		}
		if (!record.length) {
			preparation_problem(preparation, "data.source: %s is empty", paths[i]);
		} else if (!first.count) {
			split_record(record.data, is_tsv(paths[i]) ? '\t' : find_delimiter(record.data), &first);
			check_header(preparation, paths[i], &first);
			first.skip = empty;
		} else {
			first.uneven = first.uneven || empty != first.skip;
			split_record(record.data, first.delimiter, &other);
			check_same(preparation, paths[0], &first, paths[i], &other);
			dataset_csv_release(&other);
		}
		text_buf_release(&record);
	}
	if (code)
		dataset_csv_release(&first);
	else
		*out = first;
	return code;
}

/* ---- reading ---- */

static void add_dialect(struct text_buf *sql, const struct csv_header *header)
{
	text_addf(sql,
	        ", header=true, delim='%c', quote='\"', escape='\"', comment='', strict_mode=true, null_padding=false, "
	        "ignore_errors=false, hive_partitioning=false",
	        header->delimiter);
	if (!header->uneven)
		text_addf(sql, ", skip=%zu", header->skip); /* or the sniffer skips what does not fit to the rows after it */
}

static void add_texts(struct text_buf *sql, const struct csv_header *header, const json_t *texts)
{
	bool any = false;
	json_t *name;
	size_t i;

	json_array_foreach(texts, i, name)
		for (size_t c = 0; c < header->count; c++)
			if (!strcmp(header->names[c], json_string_value(name))) {
				text_add(sql, any ? ", " : ", types={");
				duck_add_text(sql, json_string_value(name));
				text_add(sql, ": 'VARCHAR'");
				any = true;
			}
	if (any)
		text_add(sql, "}");
}

void dataset_csv_add_reader(struct text_buf *sql, char *const *paths, size_t count, const struct csv_header *header, const json_t *texts)
{
	text_add(sql, "read_csv(");
	dataset_add_files(sql, paths, count);
	add_dialect(sql, header);
	add_texts(sql, header, texts);
	text_addf(sql, ", sample_size=-1%s)", count > 1 ? ", union_by_name=true, filename='__file'" : "");
}

void dataset_csv_explain(struct preparation *preparation, char *const *paths, size_t count,
        const struct csv_header *header, struct orch_err *why)
{
	for (size_t i = 0; i < count; i++) {
		struct text_buf sql = {0};
		struct orch_err plain = {0};
		int64_t rows;
		int code;

		text_add(&sql, "SELECT count(*) FROM read_csv(");
		duck_add_path(&sql, paths[i]);
		add_dialect(&sql, header);
		text_add(&sql, ", auto_detect=false, columns={");
		for (size_t c = 0; c < header->count; c++)
			text_addf(&sql, "%s'c%zu': 'VARCHAR'", c ? ", " : "", c);
		text_add(&sql, "})");
		code = dataset_row(preparation->duck, sql.data, &plain, "i", &rows);
		text_buf_release(&sql);
		if (code == ORCH_EINPUT) {
			char *said = dataset_said(plain.text);

			orch_err_clear(why);
			orch_fail(why, code, "%s: %s", file_name(paths[i]), said);
			free(said);
			return;
		}
	}
}
