/* The source: its files, their content's hash, and the table "src" in DuckDB. */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/json.h"
#include "storage/dataset.h"
#include "storage/dataset_parts.h"

static bool is_pattern(const char *path)
{
	return strpbrk(path, "*?[") != NULL;
}

void dataset_files_release(char **paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(paths[i]);
	free(paths);
}

static int check_file(const char *path, struct orch_err *err)
{
	struct stat info;

	if (stat(path, &info))
		return errno == ENOENT || errno == ENOTDIR ? orch_fail(err, ORCH_EINPUT, "data.source: there is no file %s", path) :
		                                             orch_fail_sys(err, ORCH_EINPUT, errno, "data.source: cannot look at %s", path);
	if (S_ISDIR(info.st_mode))
		return orch_fail(err, ORCH_EINPUT, "data.source: %s is a folder; name a file or a pattern like %s/*.csv", path, path);
	if (info.st_size == 0)
		return orch_fail(err, ORCH_EINPUT, "data.source: %s is empty", path);
	if (access(path, R_OK))
		return orch_fail_sys(err, ORCH_EINPUT, errno, "data.source: cannot read %s", path);
	return 0;
}

int dataset_files(const json_t *request, char ***paths, size_t *count, struct orch_err *err)
{
	const char *source = json_get_text(request, "source_path", NULL);
	glob_t found = {0};
	char **list;
	size_t number = 0;
	int code = 0;

	if (!source)
		return orch_fail(err, ORCH_EINPUT, "data.source is missing");
	if (is_pattern(source) && access(source, F_OK)) {
		if (glob(source, GLOB_ERR, NULL, &found) || !found.gl_pathc) {
			globfree(&found);
			return orch_fail(err, ORCH_EINPUT, "data.source: no file matches %s", source);
		}
		number = found.gl_pathc;
	}
	list = mem_must(number + 1, sizeof *list);
	for (size_t i = 0; i < number; i++)
		list[i] = mem_text(found.gl_pathv[i]); /* glob sorts */
	if (!number)
		list[number++] = mem_text(source);
	globfree(&found);
	for (size_t i = 0; i < number && !code; i++)
		code = check_file(list[i], err);
	if (code) {
		dataset_files_release(list, number);
		return code;
	}
	*paths = list;
	*count = number;
	return 0;
}

int dataset_source_hash(const json_t *preparation, char out[65], struct orch_err *err)
{
	struct hash hash;
	char **paths = NULL;
	size_t count = 0;
	int code = 0;

	hash_begin(&hash);
	if (json_get_text(preparation, "sql", NULL)) {
		hash_add_text(&hash, "sql");
		hash_add_text(&hash, json_get_text(preparation, "sql", ""));
		hash_end_hex(&hash, out);
		return 0;
	}
	code = dataset_files(preparation, &paths, &count, err);
	for (size_t i = 0; i < count && !code; i++) {
		char hex[HASH_HEX];
		uint64_t size;

		code = hash_file(paths[i], 1, hex, &size, err);
		hash_add_text(&hash, file_name(paths[i]));
		hash_add(&hash, &size, sizeof size);
		hash_add_text(&hash, hex);
	}
	hash_end_hex(&hash, out);
	dataset_files_release(paths, count);
	return code;
}

/* ---- reading ---- */

/* "data.csv.gz" -> ".csv" */
static bool has_suffix(const char *path, const char *suffix)
{
	size_t length = strlen(path), wanted = strlen(suffix);

	if (length > 3 && !strcmp(path + length - 3, ".gz"))
		length -= 3;
	else if (length > 4 && !strcmp(path + length - 4, ".zst"))
		length -= 4;
	return length > wanted && !strncasecmp(path + length - wanted, suffix, wanted);
}

static void add_list(struct text_buf *sql, char *const *paths, size_t count)
{
	text_add(sql, "[");
	for (size_t i = 0; i < count; i++) {
		text_add(sql, i ? ", " : "");
		duck_add_text(sql, paths[i]);
	}
	text_add(sql, "]");
}

static bool is_csv(const char *path)
{
	return !has_suffix(path, ".parquet") && !has_suffix(path, ".json") && !has_suffix(path, ".jsonl") && !has_suffix(path, ".ndjson");
}

static void add_reader(struct text_buf *sql, char *const *paths, size_t count)
{
	if (has_suffix(paths[0], ".parquet")) {
		text_add(sql, "read_parquet(");
		add_list(sql, paths, count);
	} else if (!is_csv(paths[0])) {
		text_add(sql, "read_json_auto(");
		add_list(sql, paths, count);
	} else {
		text_add(sql, "read_csv(");
		add_list(sql, paths, count);
		/* the whole file decides the types; the header is always there; every row has as many fields */
		text_addf(sql, ", header=true, sample_size=-1, null_padding=false, ignore_errors=false%s", has_suffix(paths[0], ".tsv") ? ", delim='\\t'" : "");
	}
	text_add(sql, ")");
}

/* DuckDB renames a second column of the same name without a word: look at the header as it stands. */
static int refuse_duplicate_names(struct preparation *preparation, char *const *paths, struct orch_err *err)
{
	struct text_buf sql = {0};
	struct duck_rows *rows = NULL;
	const char *a, *b;
	size_t length_a, length_b, columns;
	int code;

	text_add(&sql, "SELECT * FROM read_csv(");
	add_list(&sql, paths, 1);
	text_addf(&sql, ", header=false, all_varchar=true, strict_mode=false%s) LIMIT 1", has_suffix(paths[0], ".tsv") ? ", delim='\\t'" : "");
	code = duck_query(preparation->duck, sql.data, &rows, err);
	text_buf_release(&sql);
	if (code)
		return code;
	columns = duck_columns(rows);
	if (duck_next(rows))
		for (size_t i = 0; i < columns; i++)
			for (size_t j = 0; j < i; j++) {
				if (duck_is_missing(rows, i, 0) || duck_is_missing(rows, j, 0))
					continue;
				a = duck_text(rows, i, 0, &length_a);
				b = duck_text(rows, j, 0, &length_b);
				if (length_a == length_b && !memcmp(a, b, length_a))
					preparation_problem(preparation, "%s: the column name \"%.*s\" is there twice (columns %zu and %zu); rename one", paths[0], (int)length_a, a, j + 1, i + 1);
			}
	duck_end(rows);
	return 0;
}

/* Seven lines of DuckDB's advice are too many: its first lines say what and where. */
static int shorten(int code, const char *what, struct orch_err *why, struct orch_err *err)
{
	char *text = mem_text(why->text), *at = text;

	for (int lines = 0; (at = strchr(at, '\n')); at++)
		if (++lines == 4) {
			*at = '\0';
			break;
		}
	code = orch_fail(err, code, "%s cannot be read: %s", what, text);
	free(text);
	return code;
}

/* Where rows differ in their number of fields DuckDB finds no delimiter and takes whole lines as one column: read again with the delimiter that
 * the header shows, which fails with the line at fault. */
static int refuse_uneven_rows(struct preparation *preparation, const char *path, struct orch_err *err)
{
	struct text_buf sql = {0};
	char *header = NULL, delimiter;
	int64_t columns = 0;
	size_t fields = 1;
	int code = duck_one_int(preparation->duck, "SELECT count(*) FROM (DESCRIBE src)", &columns, err);

	if (code || columns != 2)
		return code;
	code = duck_one_text(preparation->duck, "SELECT column_name FROM (DESCRIBE src) WHERE column_name <> '__row'", &header, err);
	if (code || !strpbrk(header, ",;\t|")) {
		free(header);
		return code;
	}
	delimiter = *strpbrk(header, ",;\t|");
	text_add(&sql, "SELECT count(*) FROM read_csv(");
	duck_add_text(&sql, path);
	text_addf(&sql, ", auto_detect=false, header=true, delim='%c', quote='\"', escape='\"', columns={'c0': 'VARCHAR'", delimiter);
	for (const char *at = header; (at = strchr(at, delimiter)); at++)
		text_addf(&sql, ", 'c%zu': 'VARCHAR'", fields++);
	text_add(&sql, "})");
	code = duck_one_int(preparation->duck, sql.data, &columns, err);
	text_buf_release(&sql);
	free(header);
	return code;
}

static int load_files(struct preparation *preparation, struct orch_err *err)
{
	struct text_buf sql = {0};
	struct orch_err why = {0};
	char **paths = NULL;
	size_t count = 0;
	int code = dataset_files(preparation->request, &paths, &count, err);

	if (code)
		return code;
	if (is_csv(paths[0]))
		code = refuse_duplicate_names(preparation, paths, &why);
	text_add(&sql, "CREATE TABLE src AS SELECT row_number() OVER () - 1 AS __row, * FROM ");
	add_reader(&sql, paths, count);
	if (!code && !preparation->problem_count)
		code = duck_run(preparation->duck, sql.data, &why);
	if (!code && !preparation->problem_count && is_csv(paths[0]))
		code = refuse_uneven_rows(preparation, paths[0], &why);
	if (code)
		code = shorten(code, paths[0], &why, err);
	text_buf_release(&sql);
	dataset_files_release(paths, count);
	return code;
}

static int load_sql(struct preparation *preparation, struct orch_err *err)
{
	const char *id = json_get_text(preparation->request, "id", "");
	struct text_buf sql = {0};
	struct orch_err why = {0};
	int64_t twice = 0;
	int code;

	text_add(&sql, "SET file_search_path=");
	duck_add_text(&sql, json_get_text(preparation->request, "base", "."));
	code = duck_run(preparation->duck, sql.data, &why);
	sql.length = 0;
	text_add(&sql, "CREATE TABLE src AS SELECT row_number() OVER (ORDER BY ");
	duck_add_name(&sql, id);
	text_add(&sql, ") - 1 AS __row, * FROM (");
	text_add(&sql, json_get_text(preparation->request, "sql", ""));
	text_add(&sql, "\n) AS given ORDER BY ");
	duck_add_name(&sql, id);
	if (!code)
		code = duck_run(preparation->duck, sql.data, &why);
	sql.length = 0;
	text_add(&sql, "SELECT count(*) - count(DISTINCT ");
	duck_add_name(&sql, id);
	text_add(&sql, ") FROM src");
	if (!code)
		code = duck_one_int(preparation->duck, sql.data, &twice, &why);
	text_buf_release(&sql);
	if (code)
		return shorten(code, "data.sql", &why, err);
	if (twice)
		preparation_problem(preparation, "data.sql: the id column \"%s\" is not unique (%lld rows repeat or lack it); without that the order is not fixed", id, (long long)twice);
	return 0;
}

int dataset_load_source(struct preparation *preparation, struct orch_err *err)
{
	int64_t rows = 0;
	int code = json_get_text(preparation->request, "sql", NULL) ? load_sql(preparation, err) : load_files(preparation, err);

	if (code || preparation->problem_count)
		return code;
	code = duck_one_int(preparation->duck, "SELECT count(*) FROM src", &rows, err);
	if (!code && !rows)
		return orch_fail(err, ORCH_EINPUT, "data.source: %s has no rows, only a header", file_name(json_get_text(preparation->request, "source_path", "the result of data.sql")));
	if (!code && rows > 4000000000)
		return orch_fail(err, ORCH_EINPUT, "data.source has %lld rows; 4,000,000,000 are the most", (long long)rows);
	preparation->rows = (size_t)rows;
	return code;
}
