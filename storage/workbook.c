#include "storage/workbook.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xlsxwriter.h>

#include "storage/base/file.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"

#define ROWS_MOST 1048576u    /* of a sheet, header included */
#define COLUMNS_MOST 16384u
#define CHARACTERS_MOST 32767u
#define NAME_MOST 31u
#define WIDTH_LEAST 11u
#define WIDTH_MOST 60u
#define WIDTH_ROWS 200u
#define EXACT 9007199254740992LL

struct workbook {
	char *path, *unfinished, *folder;
	lxw_workbook *book;
	lxw_worksheet *sheet;
	lxw_format *bold;
	char *name;           /* of the sheet, before it was made to fit */
	char **columns;
	size_t *widths;       /* of the longest text in a column, of the first rows */
	size_t count;
	unsigned part;        /* 1: the first sheet of the name */
	lxw_row_t row;
	lxw_col_t column;
	lxw_error failure;    /* the first one */
};

int workbook_begin(const char *path, struct workbook **out, struct orch_err *err)
{
	struct workbook *book;
	lxw_workbook_options options = {.constant_memory = LXW_TRUE};

	if (file_exists(path))
		return orch_fail(err, ORCH_EINPUT, "cannot create %s: it exists; give another --output", path);
	book = mem_must(1, sizeof *book);
	book->folder = file_folder(path);
	if (access(book->folder, W_OK)) { /* the library would print it, and not before the end */
		int code = orch_fail_sys(err, ORCH_EIO, errno, "cannot create %s", path);

		free(book->folder);
		free(book);
		return code;
	}
	book->path = mem_text(path);
	book->unfinished = text_format("%s.unfinished", path);
	options.tmpdir = book->folder;
	book->book = workbook_new_opt(book->unfinished, &options);
	if (!book->book) {
		workbook_abort(&book);
		return orch_fail(err, ORCH_EIO, "cannot begin the workbook %s", path);
	}
	book->bold = workbook_add_format(book->book);
	format_set_bold(book->bold);
	format_set_bottom(book->bold, LXW_BORDER_THIN);
	*out = book;
	return 0;
}

/* ---- sheets ---- */

/* name, or "name (2)" cut to Excel's length, without what Excel refuses. */
static char *sheet_name(const char *name, unsigned part)
{
	char *clean = text_printable(name), *fitted, ending[16] = "";
	size_t length = 0, characters = 0, most;

	if (part > 1)
		snprintf(ending, sizeof ending, " (%u)", part);
	most = NAME_MOST - strlen(ending);
	for (char *at = clean; *at; at++)
		if (strchr("[]:*?/\\'", *at))
			*at = '_';
	while (clean[length] && characters < most) {
		length++;
		while ((clean[length] & 0xc0) == 0x80)
			length++;
		characters++;
	}
	fitted = text_format("%.*s%s", (int)length, clean[0] ? clean : "sheet", ending);
	free(clean);
	return fitted;
}

static void note_failure(struct workbook *book, lxw_error failure)
{
	if (failure != LXW_NO_ERROR && book->failure == LXW_NO_ERROR)
		book->failure = failure;
}

static int failed(const struct workbook *book, struct orch_err *err)
{
	return orch_fail(err, ORCH_EIO, "cannot write %s: %s", book->path, lxw_strerror(book->failure));
}

static void finish_sheet(struct workbook *book)
{
	if (!book->sheet)
		return;
	if (book->row > 1)
		worksheet_autofilter(book->sheet, 0, 0, book->row - 1, (lxw_col_t)(book->count - 1));
	for (size_t c = 0; c < book->count; c++)
		worksheet_set_column(book->sheet, (lxw_col_t)c, (lxw_col_t)c, (double)(book->widths[c] < WIDTH_LEAST ? WIDTH_LEAST : book->widths[c] > WIDTH_MOST ? WIDTH_MOST : book->widths[c]),
		        NULL);
}

static int add_sheet(struct workbook *book, struct orch_err *err)
{
	char *name = sheet_name(book->name, book->part);

	finish_sheet(book);
	for (unsigned other = 2; workbook_get_worksheet_by_name(book->book, name) && other < 1000; other++) {
		free(name);
		name = sheet_name(book->name, other);
	}
	book->sheet = workbook_add_worksheet(book->book, name);
	free(name);
	if (!book->sheet)
		return orch_fail(err, ORCH_EIO, "cannot add the sheet %s to %s", book->name, book->path);
	worksheet_freeze_panes(book->sheet, 1, 0);
	for (size_t c = 0; c < book->count; c++) {
		book->widths[c] = strlen(book->columns[c]) + 3; /* room for the filter's button */
		note_failure(book, worksheet_write_string(book->sheet, 0, (lxw_col_t)c, book->columns[c], book->bold));
	}
	book->row = 1;
	book->column = 0;
	return book->failure == LXW_NO_ERROR ? 0 : failed(book, err);
}

static void release_columns(struct workbook *book)
{
	for (size_t c = 0; c < book->count; c++)
		free(book->columns[c]);
	free(book->columns);
	free(book->widths);
	free(book->name);
	book->columns = NULL;
	book->widths = NULL;
	book->count = 0;
	book->name = NULL;
}

int workbook_sheet(struct workbook *book, const char *name, const char *const *columns, size_t count, struct orch_err *err)
{
	if (!count || count > COLUMNS_MOST)
		return orch_fail(err, ORCH_EINPUT, "the table %s has %zu columns; a sheet of Excel has room for %u: export it as Parquet or CSV", name, count, COLUMNS_MOST);
	finish_sheet(book);
	book->sheet = NULL;
	release_columns(book);
	book->name = mem_text(name);
	book->columns = mem_must(count, sizeof *book->columns);
	book->widths = mem_must(count, sizeof *book->widths);
	book->count = count;
	for (size_t c = 0; c < count; c++)
		book->columns[c] = text_printable(columns[c]);
	book->part = 1;
	return add_sheet(book, err);
}

/* ---- values ---- */

static lxw_col_t next_column(struct workbook *book)
{
	if (book->column >= book->count)
		orch_bug("a row of the sheet %s has more values than columns", book->name);
	return book->column++;
}

void workbook_missing(struct workbook *book)
{
	next_column(book);
}

void workbook_double(struct workbook *book, double value)
{
	lxw_col_t column = next_column(book);

	if (isfinite(value))
		note_failure(book, worksheet_write_number(book->sheet, book->row, column, value, NULL));
}

void workbook_int(struct workbook *book, int64_t value)
{
	char text[24];

	if (value >= -EXACT && value <= EXACT) {
		workbook_double(book, (double)value);
		return;
	}
	snprintf(text, sizeof text, "%lld", (long long)value);
	workbook_text(book, text);
}

void workbook_bool(struct workbook *book, int value)
{
	lxw_col_t column = next_column(book);

	note_failure(book, worksheet_write_boolean(book->sheet, book->row, column, value, NULL));
}

/* Excel counts UTF-16 units: a byte is never less than one. */
static void cut(char *text)
{
	size_t length = CHARACTERS_MOST - 1;

	if (strlen(text) <= CHARACTERS_MOST)
		return;
	while (length && (text[length] & 0xc0) == 0x80)
		length--;
	text[length] = '\0';
}

void workbook_text(struct workbook *book, const char *value)
{
	lxw_col_t column = next_column(book);
	char *shown;

	if (!value || !value[0])
		return;
	shown = text_printable(value);
	cut(shown);
	if (book->row <= WIDTH_ROWS && strlen(shown) > book->widths[column])
		book->widths[column] = strlen(shown);
	note_failure(book, worksheet_write_string(book->sheet, book->row, column, shown, NULL));
	free(shown);
}

int workbook_end_row(struct workbook *book, struct orch_err *err)
{
	if (book->column != book->count)
		orch_bug("a row of the sheet %s has %u values for %zu columns", book->name, book->column, book->count);
	book->column = 0;
	book->row++;
	if (book->failure != LXW_NO_ERROR)
		return failed(book, err);
	if (book->row < ROWS_MOST)
		return 0;
	book->part++;
	return add_sheet(book, err);
}

/* ---- the end ---- */

static void release(struct workbook *book)
{
	if (book->book)
		lxw_workbook_free(book->book);
	file_remove(book->unfinished, NULL);
	release_columns(book);
	free(book->path);
	free(book->unfinished);
	free(book->folder);
	free(book);
}

int workbook_commit(struct workbook **take_book, struct orch_err *err)
{
	struct workbook *book = *take_book;
	int code = 0;

	*take_book = NULL;
	if (book->column)
		orch_bug("a row of the sheet %s is not ended", book->name);
	finish_sheet(book);
	note_failure(book, workbook_close(book->book));
	book->book = NULL;
	if (book->failure != LXW_NO_ERROR)
		code = failed(book, err);
	if (!code)
		code = file_sync(book->unfinished, err);
	if (!code)
		code = file_publish(book->unfinished, book->path, err);
	release(book);
	return code;
}

void workbook_abort(struct workbook **take_book)
{
	if (*take_book)
		release(*take_book);
	*take_book = NULL;
}
