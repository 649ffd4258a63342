/* One table as CSV and Parquet: the same rows, the same bytes twice, and nothing left behind by what did not end well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/mem.h"
#include "storage/duckdb_adapter.h"
#include "storage/table_file.h"

static const struct table_column columns[] = {
        {"id", TABLE_INT64}, {"small", TABLE_INT32}, {"a, \"b\"", TABLE_DOUBLE}, {"word", TABLE_TEXT}, {"flag", TABLE_BOOL}};

struct fixture {
	char folder[64], *csv, *parquet;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	strcpy(fixture->folder, "/tmp/orch-table-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	fixture->csv = file_join(fixture->folder, "t.csv");
	fixture->parquet = file_join(fixture->folder, "t.parquet");
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	file_remove_tree(fixture->folder, NULL);
	free(fixture->csv);
	free(fixture->parquet);
	free(fixture);
	return 0;
}

static struct table_file *must_begin(const char *parquet, const char *csv)
{
	struct table_file *table = NULL;
	struct orch_err err = {0};

	if (table_file_begin(parquet, csv, columns, 5, &table, &err))
		fail_msg("%s", err.text);
	return table;
}

static void must_commit(struct table_file **table)
{
	struct orch_err err = {0};

	if (table_file_commit(table, &err))
		fail_msg("%s", err.text);
	assert_null(*table);
}

static void add_row(struct table_file *table, int64_t id, double value, const char *word, bool flag)
{
	table_file_int(table, id);
	table_file_int(table, id % 100);
	table_file_double(table, value);
	table_file_text(table, word);
	table_file_int(table, flag);
	table_file_end_row(table);
}

static void check_file(const char *path, const char *want)
{
	char *text = NULL;
	size_t length;

	assert_int_equal(file_read(path, 1 << 20, &text, &length, NULL), 0);
	assert_int_equal(length, strlen(want));
	assert_memory_equal(text, want, length);
	free(text);
}

static size_t entries(const char *folder)
{
	struct file_list list = {0};
	size_t count;

	assert_int_equal(file_list_folder(folder, &list, NULL), 0);
	count = list.count;
	file_list_release(&list);
	return count;
}

static void table_file__csv_is_quoted_and_exact(void **state)
{
	struct fixture *fixture = *state;
	struct table_file *table = must_begin(NULL, fixture->csv);

	add_row(table, 1, 0.1, "plain", true);
	add_row(table, INT64_MIN, 1.0 / 3, "a,b \"c\"\nd", false);
	add_row(table, 3, NAN, NULL, true);
	add_row(table, 4, -INFINITY, "", false);
	for (int c = 0; c < 5; c++)
		table_file_missing(table);
	table_file_end_row(table);
	must_commit(&table);
	check_file(fixture->csv, "id,small,\"a, \"\"b\"\"\",word,flag\n"
	        "1,1,0.1,plain,true\n"
	        "-9223372036854775808,-8,0.3333333333333333,\"a,b \"\"c\"\"\nd\",false\n"
	        "3,3,,,true\n"
	        "4,4,,\"\",false\n"
	        ",,,,\n");
	assert_int_equal(entries(fixture->folder), 1);
}

/* What DuckDB reads from both files is the same, row by row, missing values too. */
static void table_file__both_files_say_the_same(void **state)
{
	struct fixture *fixture = *state;
	struct table_file *table = must_begin(fixture->parquet, fixture->csv);
	struct duck_options options = {0};
	struct duck *duck = NULL;
	struct duck_rows *rows = NULL;
	char *sql, *types;
	size_t count;

	for (int i = 0; i < 3000; i++)
		add_row(table, (int64_t)i * 10000000000, i % 7 ? sin(i) * 1e-5 : NAN, i % 11 ? i % 2 ? "Zürich" : "it's" : NULL, i % 3);
	must_commit(&table);
	assert_int_equal(entries(fixture->folder), 2); /* the folder for what does not fit into memory is gone */
	assert_int_equal(duck_open(&options, &duck, NULL), 0);
	sql = text_format("SELECT count(*)::BIGINT, count(a.\"a, \"\"b\"\"\")::BIGINT, bool_and(a.id = b.id AND a.small = b.small AND a.\"a, \"\"b\"\"\" IS NOT DISTINCT FROM "
	                  "b.\"a, \"\"b\"\"\" AND a.word IS NOT DISTINCT FROM b.word AND a.flag = b.flag), any_value(typeof(a.id) || typeof(a.small) || typeof(a.\"a, \"\"b\"\"\") || "
	                  "typeof(a.word) || typeof(a.flag)) FROM read_parquet('%s') a POSITIONAL JOIN read_csv('%s', types={'a, \"b\"': 'DOUBLE'}) b", fixture->parquet, fixture->csv);
	if (duck_query(duck, sql, &rows, NULL) || duck_next(rows, &count, NULL))
		fail_msg("%s", sql);
	assert_true(duck_int(rows, 0, 0) == 3000);
	assert_true(duck_int(rows, 1, 0) == 3000 - 429);
	assert_true(duck_bool(rows, 2, 0));
	types = duck_text_copy(rows, 3, 0);
	assert_string_equal(types, "BIGINTINTEGERDOUBLEVARCHARBOOLEAN");
	free(types);
	duck_end(rows);
	duck_close(duck);
	free(sql);
}

static void write_many(const char *parquet, const char *csv)
{
	struct table_file *table = must_begin(parquet, csv);

	for (int i = 0; i < 150000; i++) /* more than a row group */
		add_row(table, i, cos(i), i % 13 ? "word" : "another", i % 2);
	must_commit(&table);
}

static void table_file__equal_rows_give_equal_bytes(void **state)
{
	struct fixture *fixture = *state;
	char *csv = file_join(fixture->folder, "again.csv"), *parquet = file_join(fixture->folder, "again.parquet"), a[HASH_HEX], b[HASH_HEX];

	write_many(fixture->parquet, fixture->csv);
	write_many(parquet, csv);
	assert_int_equal(hash_file(fixture->parquet, 0, a, NULL, NULL), 0);
	assert_int_equal(hash_file(parquet, 0, b, NULL, NULL), 0);
	assert_string_equal(a, b);
	assert_int_equal(hash_file(fixture->csv, 0, a, NULL, NULL), 0);
	assert_int_equal(hash_file(csv, 0, b, NULL, NULL), 0);
	assert_string_equal(a, b);
	free(csv);
	free(parquet);
}

static void table_file__no_rows_are_a_table_too(void **state)
{
	struct fixture *fixture = *state;
	struct table_file *table = must_begin(fixture->parquet, fixture->csv);

	must_commit(&table);
	check_file(fixture->csv, "id,small,\"a, \"\"b\"\"\",word,flag\n");
	assert_true(file_size(fixture->parquet) > 0);
}

static void table_file__abort_leaves_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct table_file *table = must_begin(fixture->parquet, fixture->csv), *none = NULL;

	add_row(table, 1, 2, "x", true);
	table_file_int(table, 2); /* in the middle of a row */
	table_file_abort(&table);
	assert_null(table);
	assert_int_equal(entries(fixture->folder), 0);
	table_file_abort(&none);
}

/* ---- what goes wrong ---- */

static void check_refused(const char *parquet, const char *csv, const char *want)
{
	struct table_file *table = NULL;
	struct orch_err err = {0};

	assert_true(table_file_begin(parquet, csv, columns, 5, &table, &err) < 0);
	assert_null(table);
	if (!strstr(err.text, want))
		fail_msg("\"%s\" does not say \"%s\"", err.text, want);
}

static void table_file__never_writes_over_a_file(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(file_write_new(fixture->csv, "mine", 4, NULL), 0);
	assert_int_equal(file_write_new(fixture->parquet, "mine", 4, NULL), 0);
	check_refused(fixture->parquet, NULL, "t.parquet: it exists");
	check_refused(NULL, fixture->csv, "t.csv");
	check_file(fixture->csv, "mine");
	check_file(fixture->parquet, "mine");
}

static void table_file__says_where_it_cannot_write(void **state)
{
	struct fixture *fixture = *state;
	char *csv = file_join(fixture->folder, "no/t.csv"), *parquet = file_join(fixture->folder, "no/t.parquet");
	struct table_file *table = NULL;
	struct orch_err err = {0};

	check_refused(NULL, csv, "no/t.csv");
	if (!table_file_begin(parquet, NULL, columns, 5, &table, &err))
		table_file_commit(&table, &err);
	assert_null(table);
	assert_int_equal(err.code, ORCH_EIO);
	assert_non_null(strstr(err.text, "no/t.parquet"));
	assert_int_equal(entries(fixture->folder), 0);
	free(csv);
	free(parquet);
}

/* A value that is too large for its column is told when the table is committed, and neither file stays. */
static void table_file__a_failed_commit_leaves_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct table_file *table = must_begin(fixture->parquet, fixture->csv);
	struct orch_err err = {0};

	table_file_int(table, 1);
	table_file_int(table, INT64_C(1) << 40);
	for (int c = 0; c < 3; c++)
		table_file_missing(table);
	table_file_end_row(table);
	assert_int_equal(table_file_commit(&table, &err), ORCH_EIO);
	assert_null(table);
	assert_non_null(strstr(err.text, "cannot write "));
	assert_non_null(strstr(err.text, "t.parquet"));
	assert_non_null(strstr(err.text, "INT32"));
	assert_int_equal(entries(fixture->folder), 0);
}

/* ---- broken invariants ---- */

enum misuse { TOO_MANY, TOO_FEW, NOT_ENDED, TEXT_FOR_NUMBER, NUMBER_FOR_TEXT, REAL_FOR_INT };

static void misuse(struct table_file *table, enum misuse how)
{
	if (how == TEXT_FOR_NUMBER)
		table_file_text(table, "one");
	for (int c = 0; c < (how == TOO_FEW || how == NOT_ENDED || how == REAL_FOR_INT ? 1 : how == NUMBER_FOR_TEXT ? 3 : 6); c++)
		table_file_missing(table);
	if (how == NUMBER_FOR_TEXT)
		table_file_int(table, 5);
	if (how == REAL_FOR_INT)
		table_file_double(table, 0.5);
	if (how == NOT_ENDED)
		table_file_commit(&table, NULL);
	table_file_end_row(table);
}

static void check_aborts(const char *csv, enum misuse how)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		signal(SIGABRT, SIG_DFL);
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		misuse(must_begin(NULL, csv), how);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
		fail_msg("misuse %d goes unnoticed (status %x)", how, status);
	file_remove(csv, NULL);
}

static void table_file__misuse_is_noticed(void **state)
{
	struct fixture *fixture = *state;

	for (enum misuse how = TOO_MANY; how <= REAL_FOR_INT; how++)
		check_aborts(fixture->csv, how);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(table_file__csv_is_quoted_and_exact, setup, teardown),
	        cmocka_unit_test_setup_teardown(table_file__both_files_say_the_same, setup, teardown),
	        cmocka_unit_test_setup_teardown(table_file__equal_rows_give_equal_bytes, setup, teardown),
	        cmocka_unit_test_setup_teardown(table_file__no_rows_are_a_table_too, setup, teardown),
	        cmocka_unit_test_setup_teardown(table_file__abort_leaves_nothing, setup, teardown),
	        cmocka_unit_test_setup_teardown(table_file__never_writes_over_a_file, setup, teardown),
	        cmocka_unit_test_setup_teardown(table_file__says_where_it_cannot_write, setup, teardown),
	        cmocka_unit_test_setup_teardown(table_file__a_failed_commit_leaves_nothing, setup, teardown),
	        cmocka_unit_test_setup_teardown(table_file__misuse_is_noticed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
