/* The source: its files, their content's hash, and the table "src" in the scratch database. */
#include <ctype.h>
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
#include "storage/base/process.h"
#include "storage/dataset.h"
#include "storage/dataset_parts.h"

#define ROWS_MAX 4000000000
#define LOAD_THREADS 4 /* each holds buffers of some 100 MB */

/* ---- formats ---- */

static const struct {
	const char *suffix;
	enum source_kind kind;
} formats[] = {
        {".csv", SOURCE_CSV},
        {".tsv", SOURCE_CSV},
        {".txt", SOURCE_CSV},
        {".dat", SOURCE_CSV},
        {".data", SOURCE_CSV},
        {".parquet", SOURCE_PARQUET},
        {".pq", SOURCE_PARQUET},
        {".json", SOURCE_JSON},
        {".jsonl", SOURCE_JSON},
        {".ndjson", SOURCE_JSON},
};

/* "data.csv.gz" ends with ".csv" */
static bool has_suffix(const char *path, const char *suffix)
{
	size_t length = strlen(path), wanted = strlen(suffix);

	if (length > 3 && !strcasecmp(path + length - 3, ".gz"))
		length -= 3;
	else if (length > 4 && !strcasecmp(path + length - 4, ".zst"))
		length -= 4;
	return length > wanted && !strncasecmp(path + length - wanted, suffix, wanted);
}

static int find_format(const char *path, enum source_kind *out, struct orch_err *err)
{
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (has_suffix(path, formats[i].suffix)) {
			*out = formats[i].kind;
			return 0;
		}
	return orch_fail(err, ORCH_EINPUT,
	        "data.source: %s: the name does not tell the format: .csv, .tsv, .txt, .parquet, .json or .jsonl is "
	        "needed, each but .parquet also with .gz or .zst",
	        path);
}

/* ---- files ---- */

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
		return errno == ENOENT || errno == ENOTDIR
		               ? orch_fail(err, ORCH_EINPUT, "data.source: there is no file %s", path)
		               : orch_fail_sys(err, ORCH_EINPUT, errno, "data.source: cannot look at %s", path);
	if (S_ISDIR(info.st_mode))
		return orch_fail(err, ORCH_EINPUT,
		        "data.source: %s is a folder; name a file or a pattern like %s/*.csv", path, path);
	if (!S_ISREG(info.st_mode))
		return orch_fail(err, ORCH_EINPUT,
		        "data.source: %s is no regular file; it must be readable again and again", path);
	if (info.st_size == 0)
		return orch_fail(err, ORCH_EINPUT, "data.source: %s is empty", path);
	if (access(path, R_OK))
		return orch_fail_sys(err, ORCH_EINPUT, errno, "data.source: cannot read %s", path);
	return 0;
}

static int check_files(char *const *paths, size_t count, struct orch_err *err)
{
	enum source_kind first = SOURCE_CSV, kind;
	int code = find_format(paths[0], &first, err);

	for (size_t i = 0; i < count && !code; i++) {
		code = find_format(paths[i], &kind, err);
		if (!code && kind != first)
			code = orch_fail(err, ORCH_EINPUT,
			        "data.source: %s and %s are of different formats; the files of one source need one "
			        "format",
			        paths[0], paths[i]);
		if (!code)
			code = check_file(paths[i], err);
	}
	return code;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A name that holds * ? or [ and is there is that file. Matches are in byte order, whatever the locale. */
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
		list[i] = mem_text(found.gl_pathv[i]);
	if (!number)
		list[number++] = mem_text(source);
	globfree(&found);
	qsort(list, number, sizeof *list, compare_paths);
	code = check_files(list, number, err);
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
	char **paths = NULL, hex[HASH_HEX];
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
		uint64_t size;

		code = hash_file(paths[i], 1, hex, &size, err);
		if (code)
			break;
		hash_add_text(&hash, file_name(paths[i]));
		hash_add(&hash, &size, sizeof size);
		hash_add_text(&hash, hex);
	}
	hash_end_hex(&hash, hex);
	dataset_files_release(paths, count);
	if (!code)
		memcpy(out, hex, sizeof hex);
	return code;
}

/* ---- reading files ---- */

void dataset_add_files(struct text_buf *sql, char *const *paths, size_t count)
{
	text_add(sql, "[");
	for (size_t i = 0; i < count; i++) {
		text_add(sql, i ? ", " : "");
		duck_add_path(sql, paths[i]);
	}
	text_add(sql, "]");
}

static void add_typed_reader(struct text_buf *sql, enum source_kind kind, char *const *paths, size_t count)
{
	text_add(sql, kind == SOURCE_PARQUET ? "read_parquet(" : "read_json_auto(");
	dataset_add_files(sql, paths, count);
	text_addf(sql, ", hive_partitioning=false%s%s)", kind == SOURCE_JSON ? ", sample_size=-1" : "",
	        count > 1 ? ", union_by_name=true, filename='__file'" : "");
}

/* Columns that the first file is read with and that path does not have; for the first itself: those that DuckDB calls
 * otherwise without a word, since there were two of the name. */
static int check_parquet_file(
        struct preparation *preparation, const char *path, const char *first, struct orch_err *err)
{
	struct text_buf sql = {0};
	struct duck_rows *rows = NULL;
	size_t count = 1;
	int code;

	text_add(&sql, "SELECT column_name FROM (DESCRIBE SELECT * FROM read_parquet(");
	duck_add_path(&sql, first);
	text_add(&sql, ", hive_partitioning=false)) WHERE column_name NOT IN (SELECT name FROM parquet_schema(");
	duck_add_path(&sql, path);
	text_add(&sql, "))");
	code = duck_query(preparation->duck, sql.data, &rows, err);
	while (!code && count) {
		code = duck_next(rows, &count, err);
		for (size_t i = 0; i < count && !code; i++) {
			char *name = duck_text_copy(rows, 0, i);

			if (path == first)
				preparation_problem(preparation,
				        "%s: a column name is there twice, or twice but for case (one would be read as "
				        "\"%s\"): rename one",
				        file_name(path), name);
			else
				preparation_problem(preparation,
				        "%s has no column \"%s\", which %s has: all files need the same columns",
				        file_name(path), name, file_name(first));
			free(name);
		}
	}
	duck_end(rows);
	text_buf_release(&sql);
	return code;
}

/* Both ways: what the first has, and what it has not. */
static int check_parquet(struct preparation *preparation, char *const *paths, size_t count, struct orch_err *err)
{
	int code = check_parquet_file(preparation, paths[0], paths[0], err);

	for (size_t i = 1; i < count && !code; i++) {
		code = check_parquet_file(preparation, paths[i], paths[0], err);
		if (!code)
			code = check_parquet_file(preparation, paths[0], paths[i], err);
	}
	return code;
}

static int fail_reading(int code, const char *what, const struct orch_err *why, struct orch_err *err)
{
	char *said = dataset_said(why->text);

	if (code == ORCH_ENOMEM)
		orch_fail(err, code, "%s cannot be read within the memory for it (raise resources.memory, of which reading may take half, or use fewer columns): %s", what, said);
	else
		orch_fail(err, code, "%s cannot be read: %s", what, said);
	free(said);
	return code;
}

static int load_files(struct preparation *preparation, char *const *paths, size_t count, struct orch_err *err)
{
	struct text_buf sql = {0};
	struct csv_header header = {0};
	struct orch_err why = {0};
	int code = 0;

	text_add(&sql, "CREATE TABLE raw AS SELECT * FROM ");
	if (preparation->source == SOURCE_CSV) {
		code = dataset_csv_header(preparation, paths, count, &header, &why);
		if (!code && !preparation->problem_count)
			dataset_csv_add_reader(&sql, paths, count, &header, json_object_get(preparation->request, "text_columns"));
	} else {
		if (preparation->source == SOURCE_PARQUET)
			code = check_parquet(preparation, paths, count, &why);
		add_typed_reader(&sql, preparation->source, paths, count);
	}
	if (!code && !preparation->problem_count) {
		code = duck_run(preparation->duck, sql.data, &why);
		if (code == ORCH_EINPUT && preparation->source == SOURCE_CSV)
			dataset_csv_explain(preparation, paths, count, &header, &why);
	}
	if (code)
		fail_reading(code, paths[0], &why, err);
	dataset_csv_release(&header);
	text_buf_release(&sql);
	return code;
}

/* ---- reading SQL ---- */

/* The user's query without a semicolon at its end, so that it can stand in parentheses. */
static char *inner_query(const char *sql)
{
	char *copy = mem_text(sql);
	size_t length = strlen(copy);

	while (length && strchr("; \t\r\n", copy[length - 1]))
		copy[--length] = '\0';
	return copy;
}

/* Names are taken from the query itself: as a table or in parentheses, DuckDB would call a second "id" otherwise. */
static int check_sql_names(struct preparation *preparation, const char *query, const char *id, struct orch_err *err)
{
	struct duck_rows *rows = NULL;
	char *sql = text_format("DESCRIBE %s", query);
	json_t *names = json_object(); /* as they stand, by their small letters */
	bool has_id = false;
	size_t count = 1;
	int code = duck_query(preparation->duck, sql, &rows, err);

	while (!code && count) {
		code = duck_next(rows, &count, err);
		for (size_t i = 0; i < count && !code; i++) {
			char *name = duck_text_copy(rows, 0, i), *small = mem_text(name);

			for (char *letter = small; *letter; letter++)
				*letter = (char)tolower((unsigned char)*letter);
			has_id = has_id || !strcasecmp(name, id);
			if (json_object_get(names, small))
				preparation_problem(preparation,
				        "data.sql: two columns of the result are called \"%s\": name them apart with "
				        "AS, or join with USING",
				        name);
			json_object_set_new_nocheck(names, small, json_true());
			free(small);
			free(name);
		}
	}
	if (!code && !has_id)
		preparation_problem(preparation,
		        "data.id: the result of data.sql has no column \"%s\"; it is needed to fix the order of the "
		        "rows",
		        id);
	duck_end(rows);
	json_decref(names);
	free(sql);
	return code;
}

/* Relative files of the query are found below the campaign file; a link stands for that folder, since the list of
 * places is separated by commas, which a folder's name may hold. */
static int set_base(struct preparation *preparation, const char *work, struct orch_err *err)
{
	char *link = file_join(work, "base"), *folder = file_absolute(json_get_text(preparation->request, "base", "."));
	struct text_buf sql = {0};
	int code = 0;

	if (symlink(folder, link))
		code = orch_fail_sys(err, ORCH_EIO, errno, "cannot link %s", link);
	text_add(&sql, "SET file_search_path=");
	duck_add_text(&sql, link);
	if (!code)
		code = duck_run(preparation->duck, sql.data, err);
	text_buf_release(&sql);
	free(folder);
	free(link);
	return code;
}

static int load_sql(struct preparation *preparation, const char *work, struct orch_err *err)
{
	const char *id = json_get_text(preparation->request, "id", NULL);
	char *query = inner_query(json_get_text(preparation->request, "sql", ""));
	struct text_buf sql = {0};
	struct orch_err why = {0};
	int code = 0;

	if (!id) {
		free(query);
		return orch_fail(err, ORCH_EINPUT,
		        "data.sql needs data.id, a column that is unique: the rows are put in its order");
	}
	code = set_base(preparation, work, &why);
	if (!code)
		code = check_sql_names(preparation, query, id, &why);
	text_addf(&sql, "CREATE TABLE raw AS SELECT * FROM (%s\n) AS given ORDER BY ", query);
	duck_add_name(&sql, id);
	if (!code && !preparation->problem_count)
		code = duck_run(preparation->duck, sql.data, &why);
	if (code)
		fail_reading(code, "data.sql", &why, err);
	text_buf_release(&sql);
	free(query);
	return code;
}

/* ---- the table ---- */

/* The rows keep the order they were read in, so DuckDB's row id is their number, unless a column has that name. */
static int number_rows(struct preparation *preparation, struct orch_err *err)
{
	int64_t taken = 0, reserved = 0, rows = 0, last = 0;
	int code = dataset_row(preparation->duck,
	        "SELECT count_if(lower(column_name) = 'rowid'), count_if(lower(column_name) = '__row') FROM (DESCRIBE "
	        "raw)",
	        err, "ii", &taken, &reserved);

	if (!code && reserved) {
		preparation_problem(preparation,
		        "the data has a column \"__row\", which is orch's own name for the row's number: rename it");
		return 0;
	}
	if (!code && taken)
		code = duck_run(preparation->duck,
		        "CREATE TABLE src AS SELECT CAST(row_number() OVER () - 1 AS BIGINT) AS __row, * FROM raw",
		        err);
	else if (!code)
		code = duck_run(preparation->duck, "CREATE VIEW src AS SELECT rowid AS __row, * FROM raw", err);
	if (!code)
		code = dataset_row(preparation->duck, "SELECT count(*), max(__row) FROM src", err, "ii", &rows, &last);
	if (!code && !rows)
		return orch_fail(err, ORCH_EINPUT, "%s has no rows%s",
		        preparation->source == SOURCE_SQL ? "data.sql" : "data.source",
		        preparation->source == SOURCE_CSV ? ", only a header" : "");
	if (!code && last != rows - 1)
		return orch_fail(
		        err, ORCH_EIO, "DuckDB numbered %lld rows up to %lld", (long long)rows, (long long)last);
	if (!code && rows > ROWS_MAX)
		return orch_fail(err, ORCH_EINPUT, "data.source has %lld rows; %lld are the most", (long long)rows,
		        (long long)ROWS_MAX);
	preparation->rows = preparation->rows_kept = (size_t)rows;
	return code;
}

static unsigned load_threads(const json_t *request)
{
	unsigned cores = (unsigned)json_get_int(request, "threads", process_cores());

	return cores < LOAD_THREADS ? cores : LOAD_THREADS;
}

int dataset_load_source(struct preparation *preparation, const char *work, struct orch_err *err)
{
	char **paths = NULL;
	size_t count = 0;
	int code = 0;

	if (json_get_text(preparation->request, "sql", NULL)) {
		preparation->source = SOURCE_SQL;
		code = load_sql(preparation, work, err);
	} else {
		code = dataset_files(preparation->request, &paths, &count, err);
		preparation->file_count = count;
		if (!code)
			code = find_format(paths[0], &preparation->source, err);
		if (!code)
			code = duck_set_threads(preparation->duck, load_threads(preparation->request), err);
		if (!code)
			code = load_files(preparation, paths, count, err);
		dataset_files_release(paths, count);
		/* from here on one thread: the same sums, windows and levels on every machine */
		if (!code)
			code = duck_set_threads(preparation->duck, 1, err);
	}
	return code || preparation->problem_count ? code : number_rows(preparation, err);
}
