/* DuckDB behind its small face: values, chunks, quoting, appending, and the code and words of what goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/base/file.h"
#include "storage/base/mem.h"
#include "storage/duckdb_adapter.h"

struct fixture {
	char folder[64];
	struct duck *duck;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	struct duck_options options = {0};
	struct orch_err err = {0};

	strcpy(fixture->folder, "/tmp/orch-duck-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	if (duck_open(&options, &fixture->duck, &err))
		fail_msg("%s", err.text);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	duck_close(fixture->duck);
	file_remove_tree(fixture->folder, NULL);
	free(fixture);
	return 0;
}

static void must_run(struct duck *duck, const char *sql)
{
	struct orch_err err = {0};

	if (duck_run(duck, sql, &err))
		fail_msg("%s: %s", sql, err.text);
}

static struct duck_rows *must_query(struct duck *duck, const char *sql, size_t *count)
{
	struct orch_err err = {0};
	struct duck_rows *rows = NULL;

	if (duck_query(duck, sql, &rows, &err) || duck_next(rows, count, &err))
		fail_msg("%s: %s", sql, err.text);
	return rows;
}

static int64_t must_count(struct duck *duck, const char *sql)
{
	size_t count;
	struct duck_rows *rows = must_query(duck, sql, &count);
	int64_t value;

	assert_int_equal(count, 1);
	value = duck_int(rows, 0, 0);
	duck_end(rows);
	return value;
}

static void assert_says(const struct orch_err *err, const char *part)
{
	if (!strstr(err->text, part))
		fail_msg("\"%s\" does not say \"%s\"", err->text, part);
}

/* ---- values ---- */

static void duckdb_adapter__values_of_each_type(void **state)
{
	struct fixture *fixture = *state;
	size_t count, length;
	struct duck_rows *rows = must_query(fixture->duck,
	        "SELECT 7::BIGINT AS \"a b\", 0.1::DOUBLE, true, 'Zürich', NULL::BIGINT, NULL::VARCHAR, (-9223372036854775807 - 1)::BIGINT, 'nan'::DOUBLE, ''", &count);
	char *text;

	assert_int_equal(count, 1);
	assert_int_equal(duck_columns(rows), 9);
	assert_string_equal(duck_column_name(rows, 0), "a b");
	assert_true(duck_int(rows, 0, 0) == 7);
	assert_true(duck_double(rows, 1, 0) == 0.1);
	assert_true(duck_bool(rows, 2, 0));
	assert_memory_equal(duck_text(rows, 3, 0, &length), "Zürich", 7);
	assert_int_equal(length, 7);
	assert_true(duck_is_missing(rows, 4, 0));
	assert_true(duck_is_missing(rows, 5, 0));
	assert_false(duck_is_missing(rows, 8, 0));
	assert_true(duck_int(rows, 6, 0) == INT64_MIN);
	assert_true(isnan(duck_double(rows, 7, 0)));
	text = duck_text_copy(rows, 3, 0);
	assert_string_equal(text, "Zürich");
	free(text);
	text = duck_text_copy(rows, 5, 0);
	assert_string_equal(text, "");
	free(text);
	duck_text(rows, 8, 0, &length);
	assert_int_equal(length, 0);
	assert_int_equal(duck_next(rows, &count, NULL), 0);
	assert_int_equal(count, 0);
	duck_end(rows);
}

/* A long text lies elsewhere than a short one; a NUL byte ends neither. */
static void duckdb_adapter__texts_keep_their_length(void **state)
{
	struct fixture *fixture = *state;
	size_t count, length;
	struct duck_rows *rows = must_query(fixture->duck, "SELECT repeat('x', 100000), 'a' || chr(0) || 'b'", &count);
	const char *text = duck_text(rows, 0, 0, &length);

	assert_int_equal(length, 100000);
	assert_int_equal(text[99999], 'x');
	text = duck_text(rows, 1, 0, &length);
	assert_int_equal(length, 3);
	assert_memory_equal(text, "a\0b", 3);
	duck_end(rows);
}

static void duckdb_adapter__results_come_in_chunks_and_in_order(void **state)
{
	struct fixture *fixture = *state;
	struct duck_rows *rows = NULL;
	size_t count, chunks = 0;
	int64_t seen = 0;

	assert_int_equal(duck_set_threads(fixture->duck, 2, NULL), 0);
	assert_int_equal(duck_query(fixture->duck, "SELECT i::BIGINT, CASE WHEN i % 3 = 0 THEN NULL ELSE i::DOUBLE / 2 END FROM range(100000) t(i) ORDER BY i", &rows, NULL), 0);
	for (;; chunks++) {
		assert_int_equal(duck_next(rows, &count, NULL), 0);
		if (!count)
			break;
		for (size_t i = 0; i < count; i++, seen++) {
			assert_true(duck_int(rows, 0, i) == seen);
			assert_int_equal(duck_is_missing(rows, 1, i), seen % 3 == 0);
			assert_true(seen % 3 == 0 || duck_double(rows, 1, i) == (double)seen / 2);
		}
	}
	assert_true(seen == 100000);
	assert_true(chunks > 1);
	duck_end(rows);
}

static void duckdb_adapter__an_empty_result_has_columns(void **state)
{
	struct fixture *fixture = *state;
	size_t count;
	struct duck_rows *rows = must_query(fixture->duck, "SELECT 1::BIGINT AS a, 'x' AS b WHERE false", &count);

	assert_int_equal(count, 0);
	assert_int_equal(duck_columns(rows), 2);
	assert_string_equal(duck_column_name(rows, 1), "b");
	duck_end(rows);
	duck_end(NULL);
	duck_close(NULL);
}

static void duckdb_adapter__reckons_in_utc(void **state)
{
	struct fixture *fixture = *state;
	size_t count;
	struct duck_rows *rows = must_query(fixture->duck, "SELECT current_setting('TimeZone')", &count);
	char *zone = duck_text_copy(rows, 0, 0);

	assert_string_equal(zone, "UTC");
	free(zone);
	duck_end(rows);
}

static void duckdb_adapter__version_is_that_of_the_library(void **state)
{
	(void)state;
	assert_int_equal(strncmp(duck_version(), "v1.", 3), 0);
	assert_string_equal(duck_version(), duck_version());
}

/* ---- quoting ---- */

static char *quoted(void (*add)(struct text_buf *, const char *), const char *text)
{
	struct text_buf out = {0};

	add(&out, text);
	return out.data;
}

static void duckdb_adapter__names_and_texts_are_quoted(void **state)
{
	static const char awkward[] = "it's \"so\"; DROP TABLE t --";
	struct fixture *fixture = *state;
	char *name = quoted(duck_add_name, awkward), *text = quoted(duck_add_text, awkward), *sql, *back;
	struct duck_rows *rows;
	size_t count;

	assert_string_equal(name, "\"it's \"\"so\"\"; DROP TABLE t --\"");
	assert_string_equal(text, "'it''s \"so\"; DROP TABLE t --'");
	sql = text_format("SELECT %s AS %s", text, name);
	rows = must_query(fixture->duck, sql, &count);
	assert_string_equal(duck_column_name(rows, 0), awkward);
	back = duck_text_copy(rows, 0, 0);
	assert_string_equal(back, awkward);
	duck_end(rows);
	free(back);
	free(sql);
	free(name);
	free(text);
}

/* "a*.csv" is that file, not every file that begins with a. */
static void duckdb_adapter__a_path_is_no_pattern(void **state)
{
	static const char *const names[] = {"a*.csv", "ab.csv", "[x]?.csv"};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < 3; i++) {
		char *path = file_join(fixture->folder, names[i]);

		assert_int_equal(file_write_new(path, i == 1 ? "v\n1\n2\n3\n" : "v\n1\n", i == 1 ? 8 : 4, NULL), 0);
		free(path);
	}
	for (size_t i = 0; i < 3; i++) {
		char *path = file_join(fixture->folder, names[i]), *literal = quoted(duck_add_path, path),
		     *sql = text_format("SELECT count(*)::BIGINT FROM read_csv(%s)", literal);

		assert_true(must_count(fixture->duck, sql) == (i == 1 ? 3 : 1));
		free(sql);
		free(literal);
		free(path);
	}
}

/* ---- what goes wrong ---- */

static void check_fails(struct duck *duck, const char *sql, int code, const char *part)
{
	struct orch_err err = {0};
	struct duck_rows *rows = NULL;
	size_t count;
	int got = duck_query(duck, sql, &rows, &err);

	while (!got) {
		got = duck_next(rows, &count, &err);
		if (!got && !count)
			fail_msg("%s: succeeds", sql);
	}
	duck_end(rows);
	if (got != code)
		fail_msg("%s: code %d, not %d: %s", sql, got, code, err.text);
	assert_int_equal(err.code, code);
	assert_says(&err, part);
}

static void duckdb_adapter__says_what_is_wrong_in_sql(void **state)
{
	struct fixture *fixture = *state;

	check_fails(fixture->duck, "SELEC 1", ORCH_EINPUT, "syntax error at or near \"SELEC\"");
	check_fails(fixture->duck, "SELECT nothing FROM (SELECT 1 AS a)", ORCH_EINPUT, "\"nothing\" not found");
	check_fails(fixture->duck, "SELECT * FROM absent", ORCH_EINPUT, "Table with name absent does not exist");
	check_fails(fixture->duck, "SELECT * FROM read_csv('/nowhere/a.csv')", ORCH_EINPUT, "No files found that match the pattern");
}

/* An expression of a user must not bring a statement of its own. */
static void duckdb_adapter__one_statement_a_call(void **state)
{
	struct fixture *fixture = *state;

	must_run(fixture->duck, "CREATE TABLE t (a BIGINT)");
	check_fails(fixture->duck, "SELECT 1; DROP TABLE t", ORCH_EINPUT, "multiple statements");
	assert_true(must_count(fixture->duck, "SELECT count(*)::BIGINT FROM t") == 0);
}

static void duckdb_adapter__an_error_may_come_late(void **state)
{
	struct fixture *fixture = *state;
	struct orch_err err = {0};
	struct duck_rows *rows = NULL;
	size_t count, good = 0;
	int code;

	assert_int_equal(duck_query(fixture->duck, "SELECT (CASE WHEN i = 1500000 THEN 'many' ELSE '1' END)::BIGINT FROM range(2000000) r(i)", &rows, &err), 0);
	while (!(code = duck_next(rows, &count, &err)) && count)
		good += count;
	assert_int_equal(code, ORCH_EINPUT);
	assert_says(&err, "Could not convert string 'many' to INT64");
	assert_in_range(good, 1, 1500000);
	duck_end(rows);
	assert_true(must_count(fixture->duck, "SELECT 5::BIGINT") == 5); /* the connection goes on */
}

static void duckdb_adapter__nothing_is_fetched_from_elsewhere(void **state)
{
	struct fixture *fixture = *state;

	check_fails(fixture->duck, "SELECT * FROM read_csv('https://127.0.0.1:1/a.csv')", ORCH_EINPUT, "httpfs");
	check_fails(fixture->duck, "SELECT * FROM read_xlsx('a.xlsx')", ORCH_EINPUT, "excel");
}

static void duckdb_adapter__memory_has_a_limit(void **state)
{
	struct duck_options options = {.memory = (uint64_t)24 << 20};
	struct duck *duck = NULL;

	(void)state;
	assert_int_equal(duck_open(&options, &duck, NULL), 0);
	check_fails(duck, "SELECT sum(len(l))::BIGINT FROM (SELECT list(i) AS l FROM range(20000000) t(i) GROUP BY i % 7)", ORCH_ENOMEM, "Out of Memory");
	duck_close(duck);
}

static void duckdb_adapter__what_does_not_fit_goes_to_a_folder(void **state)
{
	struct fixture *fixture = *state;
	char *spill = file_join(fixture->folder, "spill");
	struct duck_options options = {.memory = (uint64_t)32 << 20, .temporary = spill};
	struct duck *duck = NULL;

	assert_int_equal(duck_open(&options, &duck, NULL), 0);
	must_run(duck, "CREATE TABLE t AS SELECT hash(i) AS h, i::VARCHAR || repeat('x', 40) AS v FROM range(1000000) r(i)");
	assert_true(file_exists(spill));
	assert_true(must_count(duck, "SELECT count(*)::BIGINT FROM t") == 1000000);
	duck_close(duck);
	assert_false(file_exists(spill));
	free(spill);
}

static void duckdb_adapter__a_database_of_its_own(void **state)
{
	struct fixture *fixture = *state;
	char *path = file_join(fixture->folder, "a.duckdb"), *broken = file_join(fixture->folder, "broken.duckdb"), *nowhere = file_join(fixture->folder, "no/a.duckdb");
	struct duck_options options = {.database = path};
	struct duck *duck = NULL;
	struct orch_err err = {0};

	assert_int_equal(duck_open(&options, &duck, NULL), 0);
	must_run(duck, "CREATE TABLE t (a BIGINT)");
	duck_close(duck);
	assert_true(file_exists(path));
	assert_int_equal(file_write_new(broken, "not a database at all, only a text that is long enough to be looked at", 70, NULL), 0);
	options.database = broken;
	duck = NULL;
	assert_int_equal(duck_open(&options, &duck, &err), ORCH_EINPUT);
	assert_null(duck);
	assert_says(&err, "not a valid DuckDB database file");
	options.database = nowhere;
	err = (struct orch_err){0};
	assert_true(duck_open(&options, &duck, &err) < 0);
	assert_says(&err, "No such file or directory");
	free(path);
	free(broken);
	free(nowhere);
}

/* ---- appending ---- */

static void duckdb_adapter__appends_rows(void **state)
{
	struct fixture *fixture = *state;
	struct duck_appender *appender = NULL;
	struct duck_rows *rows;
	size_t count;
	char *text;

	must_run(fixture->duck, "CREATE TABLE t (a BIGINT, b DOUBLE, c BOOLEAN, d VARCHAR)");
	assert_int_equal(duck_append_begin(fixture->duck, "t", &appender, NULL), 0);
	for (int i = 0; i < 5000; i++) {
		duck_append_int(appender, i);
		duck_append_double(appender, i * 0.25);
		duck_append_bool(appender, i % 2);
		if (i % 5)
			duck_append_text(appender, "it's");
		else
			duck_append_missing(appender);
		duck_append_end_row(appender);
	}
	assert_int_equal(duck_append_end(&appender, NULL), 0);
	assert_null(appender);
	rows = must_query(fixture->duck, "SELECT count(*)::BIGINT, sum(b)::DOUBLE, count(d)::BIGINT, bool_or(c), min(d) FROM t", &count);
	assert_true(duck_int(rows, 0, 0) == 5000);
	assert_true(duck_double(rows, 1, 0) == 0.25 * 4999 * 2500);
	assert_true(duck_int(rows, 2, 0) == 4000);
	assert_true(duck_bool(rows, 3, 0));
	text = duck_text_copy(rows, 4, 0);
	assert_string_equal(text, "it's");
	free(text);
	duck_end(rows);
}

static void duckdb_adapter__the_first_failure_of_appending_sticks(void **state)
{
	struct fixture *fixture = *state;
	struct duck_appender *appender = NULL;
	struct orch_err err = {0};

	assert_int_equal(duck_append_begin(fixture->duck, "absent", &appender, &err), ORCH_EINPUT);
	assert_null(appender);
	assert_says(&err, "absent");
	must_run(fixture->duck, "CREATE TABLE t (a BIGINT)");
	assert_int_equal(duck_append_begin(fixture->duck, "t", &appender, NULL), 0);
	duck_append_text(appender, "many");
	duck_append_int(appender, 1); /* says nothing more */
	duck_append_int(appender, 2);
	duck_append_end_row(appender);
	err = (struct orch_err){0};
	assert_int_equal(duck_append_end(&appender, &err), ORCH_EINPUT);
	assert_null(appender);
	assert_says(&err, "many");
}

static void duckdb_adapter__a_broken_constraint_is_told_at_the_end(void **state)
{
	struct fixture *fixture = *state;
	struct duck_appender *appender = NULL;
	struct orch_err err = {0};

	must_run(fixture->duck, "CREATE TABLE t (a BIGINT NOT NULL)");
	assert_int_equal(duck_append_begin(fixture->duck, "t", &appender, NULL), 0);
	duck_append_missing(appender);
	duck_append_end_row(appender);
	assert_int_equal(duck_append_end(&appender, &err), ORCH_EINPUT);
	assert_says(&err, "NOT NULL constraint failed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(duckdb_adapter__version_is_that_of_the_library), /* first: nothing has loaded it */
	        cmocka_unit_test_setup_teardown(duckdb_adapter__values_of_each_type, setup, teardown),
	        cmocka_unit_test_setup_teardown(duckdb_adapter__texts_keep_their_length, setup, teardown),
	        cmocka_unit_test_setup_teardown(duckdb_adapter__results_come_in_chunks_and_in_order, setup, teardown),
	        cmocka_unit_test_setup_teardown(duckdb_adapter__an_empty_result_has_columns, setup, teardown),
	        cmocka_unit_test_setup_teardown(duckdb_adapter__reckons_in_utc, setup, teardown),
	        cmocka_unit_test_setup_teardown(duckdb_adapter__names_and_texts_are_quoted, setup, teardown),
	        cmocka_unit_test_setup_teardown(duckdb_adapter__a_path_is_no_pattern, setup, teardown),
	        cmocka_unit_test_setup_teardown(duckdb_adapter__says_what_is_wrong_in_sql, setup, teardown),
	        cmocka_unit_test_setup_teardown(duckdb_adapter__one_statement_a_call, setup, teardown),
	        cmocka_unit_test_setup_teardown(duckdb_adapter__an_error_may_come_late, setup, teardown),
	        cmocka_unit_test_setup_teardown(duckdb_adapter__nothing_is_fetched_from_elsewhere, setup, teardown),
	        cmocka_unit_test(duckdb_adapter__memory_has_a_limit),
	        cmocka_unit_test_setup_teardown(duckdb_adapter__what_does_not_fit_goes_to_a_folder, setup, teardown),
	        cmocka_unit_test_setup_teardown(duckdb_adapter__a_database_of_its_own, setup, teardown),
	        cmocka_unit_test_setup_teardown(duckdb_adapter__appends_rows, setup, teardown),
	        cmocka_unit_test_setup_teardown(duckdb_adapter__the_first_failure_of_appending_sticks, setup, teardown),
	        cmocka_unit_test_setup_teardown(duckdb_adapter__a_broken_constraint_is_told_at_the_end, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
