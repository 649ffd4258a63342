/* Workbooks: what is in them, what Excel refuses, and how much memory they take. Read back through libarchive: an .xlsx is a zip of XML. */
#include <archive.h>
#include <archive_entry.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/base/file.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"
#include "storage/workbook.h"

static char folder[64];
static const char *const two[] = {"name", "value"};

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/orch-workbook-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return file_remove_tree(folder, NULL);
}

static char *in_folder(const char *name)
{
	return file_join(folder, name);
}

/* An entry's text; NULL when it is not there. */
static char *entry_text(const char *path, const char *name)
{
	struct archive *archive = archive_read_new();
	struct archive_entry *entry;
	struct text_buf out = {0};
	char block[8192];
	ssize_t n;
	int found = 0;

	archive_read_support_format_zip(archive);
	assert_int_equal(archive_read_open_filename(archive, path, 1 << 16), ARCHIVE_OK);
	while (!found && archive_read_next_header(archive, &entry) == ARCHIVE_OK)
		if (!strcmp(archive_entry_pathname(entry), name)) {
			found = 1;
			while ((n = archive_read_data(archive, block, sizeof block)) > 0)
				text_add_bytes(&out, block, (size_t)n);
		}
	archive_read_free(archive);
	return found ? text_take(&out) : NULL;
}

static void put(struct workbook *book, const char *text, double value)
{
	workbook_text(book, text);
	workbook_double(book, value);
	assert_int_equal(workbook_end_row(book, NULL), 0);
}

static void text_is_never_a_formula(void **state)
{
	char *path = in_folder("a.xlsx"), *sheet, *big = mem_must(40001, 1), *cell;
	struct workbook *book = NULL;

	(void)state;
	memset(big, 'x', 40000);
	assert_int_equal(workbook_begin(path, &book, NULL), 0);
	assert_int_equal(workbook_sheet(book, "rows", two, 2, NULL), 0);
	put(book, "=1+1", 1.5);
	put(book, "@SUM(A1)", NAN);
	put(book, "<script>\x01\n\"&", 0.1);
	put(book, big, 3);
	workbook_int(book, 9007199254740993LL);
	workbook_missing(book);
	assert_int_equal(workbook_end_row(book, NULL), 0);
	assert_int_equal(workbook_commit(&book, NULL), 0);
	sheet = entry_text(path, "xl/worksheets/sheet1.xml");
	assert_non_null(sheet);
	assert_null(strstr(sheet, "<f>"));
	assert_non_null(strstr(sheet, "<t>=1+1</t>"));
	assert_non_null(strstr(sheet, "@SUM(A1)"));
	assert_non_null(strstr(sheet, "&lt;script&gt;\\x01\\x0A\"&amp;"));
	assert_non_null(strstr(sheet, "9007199254740993"));
	assert_non_null(strstr(sheet, "<v>0.1"));
	assert_null(strstr(sheet, "nan"));
	cell = strstr(sheet, "xxxx");
	assert_non_null(cell);
	assert_int_equal(strspn(cell, "x"), 32766);
	free(sheet);
	free(big);
	free(path);
}

static void sheet_names_fit(void **state)
{
	char *path = in_folder("b.xlsx"), *names;
	struct workbook *book = NULL;

	(void)state;
	assert_int_equal(workbook_begin(path, &book, NULL), 0);
	assert_int_equal(workbook_sheet(book, "a/b[c]:*?", two, 2, NULL), 0);
	assert_int_equal(workbook_sheet(book, "a name that is longer than thirty-one characters", two, 2, NULL), 0);
	assert_int_equal(workbook_sheet(book, "a name that is longer than thirty-one characters, too", two, 2, NULL), 0);
	assert_int_equal(workbook_commit(&book, NULL), 0);
	names = entry_text(path, "xl/workbook.xml");
	assert_non_null(strstr(names, "\"a_b_c____\""));
	assert_non_null(strstr(names, "\"a name that is longer than thir\""));
	assert_non_null(strstr(names, "\"a name that is longer than  (2)\""));
	free(names);
	free(path);
}

static void what_is_there_is_kept(void **state)
{
	char *path = in_folder("c.xlsx"), *other = in_folder("d.xlsx"), *unfinished = in_folder("d.xlsx.unfinished"), *text;
	struct workbook *book = NULL;
	struct orch_err err = {0};
	size_t length;

	(void)state;
	assert_int_equal(file_write_new(path, "mine", 4, NULL), 0);
	assert_int_equal(workbook_begin(path, &book, &err), ORCH_EINPUT);
	assert_non_null(strstr(err.text, "it exists; give another --output"));
	assert_int_equal(file_read(path, 0, &text, &length, NULL), 0);
	assert_string_equal(text, "mine");
	free(text);
	assert_int_equal(workbook_begin(other, &book, NULL), 0);
	assert_int_equal(workbook_sheet(book, "rows", two, 2, NULL), 0);
	put(book, "a", 1);
	workbook_abort(&book);
	assert_null(book);
	assert_false(file_exists(other));
	assert_false(file_exists(unfinished));
	free(path);
	free(other);
	free(unfinished);
}

static void missing_folder_is_told(void **state)
{
	struct workbook *book = NULL;
	struct orch_err err = {0};
	char *path = in_folder("nowhere/x.xlsx");
	int code = workbook_begin(path, &book, &err);

	(void)state;
	assert_int_equal(code, ORCH_EIO);
	assert_non_null(strstr(err.text, "nowhere/x.xlsx: No such file or directory"));
	free(path);
}

static void long_table_goes_on_in_another_sheet(void **state)
{
	char *path = in_folder("e.xlsx"), *names, *second;
	struct workbook *book = NULL;

	(void)state;
	assert_int_equal(workbook_begin(path, &book, NULL), 0);
	assert_int_equal(workbook_sheet(book, "rows", two + 1, 1, NULL), 0);
	for (int i = 0; i < 1048577; i++) {
		workbook_int(book, i);
		assert_int_equal(workbook_end_row(book, NULL), 0);
	}
	assert_int_equal(workbook_commit(&book, NULL), 0);
	names = entry_text(path, "xl/workbook.xml");
	second = entry_text(path, "xl/worksheets/sheet2.xml");
	assert_non_null(strstr(names, "\"rows (2)\""));
	assert_non_null(strstr(second, "<v>1048575</v>"));
	assert_non_null(strstr(second, "<v>1048576</v>"));
	assert_null(strstr(second, "<v>1048574</v>"));
	free(names);
	free(second);
	free(path);
}

static long peak_kib(void)
{
	char line[256];
	long peak = -1;
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof line, file))
		sscanf(line, "VmHWM: %ld", &peak);
	if (file)
		fclose(file);
	return peak;
}

static int write_large(const char *path)
{
	static const char *const columns[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	struct workbook *book = NULL;
	char text[32];

	if (workbook_begin(path, &book, NULL) || workbook_sheet(book, "rows", columns, 8, NULL))
		return 1;
	for (int i = 0; i < 100000; i++) {
		snprintf(text, sizeof text, "a text of row %d", i);
		workbook_text(book, text);
		for (int c = 1; c < 8; c++)
			workbook_double(book, i / 7.0 + c);
		if (workbook_end_row(book, NULL))
			return 1;
	}
	return workbook_commit(&book, NULL) ? 1 : peak_kib() < 50 * 1024 ? 0 : 2;
}

static void memory_is_constant(void **state)
{
	char *path = in_folder("f.xlsx");
	pid_t pid = fork();
	int status = -1;

	(void)state;
	if (!pid)
		_exit(write_large(path));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
#ifdef __SANITIZE_ADDRESS__
	assert_int_not_equal(WEXITSTATUS(status), 1); /* a sanitizer's own memory is counted too */
#else
	assert_int_equal(WEXITSTATUS(status), 0);
#endif
	assert_true(file_size(path) > 1000000);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"workbook__text_is_never_a_formula", text_is_never_a_formula, make_folder, remove_folder, NULL},
		{"workbook__sheet_names_fit", sheet_names_fit, make_folder, remove_folder, NULL},
		{"workbook__what_is_there_is_kept", what_is_there_is_kept, make_folder, remove_folder, NULL},
		{"workbook__missing_folder_is_told", missing_folder_is_told, make_folder, remove_folder, NULL},
		{"workbook__long_table_goes_on_in_another_sheet", long_table_goes_on_in_another_sheet, make_folder, remove_folder, NULL},
		{"workbook__memory_is_constant", memory_is_constant, make_folder, remove_folder, NULL},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
