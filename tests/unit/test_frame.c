#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/base/file.h"
#include "storage/base/frame.h"
#include "storage/base/frame_format.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static char folder[] = "/tmp/orch-test-frame-XXXXXX";
static char path[256], other[256];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/a.frame", folder);
	snprintf(other, sizeof other, "%s/b.frame", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return file_remove_tree(folder, NULL);
}

static int remove_files(void **state)
{
	(void)state;
	return file_remove(path, NULL) || file_remove(other, NULL);
}

static struct frame_writer *begin(const char *where, size_t rows)
{
	struct orch_err err = {0};
	struct frame_writer *writer = NULL;
	assert_int_equal(frame_writer_begin(where, rows, &writer, &err), 0);
	return writer;
}

static struct frame *commit_and_open(struct frame_writer *writer)
{
	struct orch_err err = {0};
	struct frame *frame = NULL;
	if (frame_writer_commit(&writer, &err) != 0 || frame_open(path, true, &frame, &err) != 0)
		fail_msg("%s", err.text);
	assert_null(writer);
	return frame;
}

static void check_same(double a, double b)
{
	assert_memory_equal(&a, &b, sizeof a);
}

/* One number column written, read back in every way; its type must be the one given. */
static void check_number(const double *values, size_t rows, enum column_type type)
{
	struct frame_writer *writer = begin(path, rows);
	frame_writer_number(writer, "x", COLUMN_FEATURE, values);
	struct frame *frame = commit_and_open(writer);
	const struct column *column = frame_column(frame, "x");
	assert_non_null(column);
	assert_int_equal(column->type, type);
	assert_int_equal(frame->rows, rows);
	double *gathered = mem_must(rows, sizeof *gathered);
	float *floats = mem_must(rows, sizeof *floats);
	column_gather(column, NULL, rows, gathered);
	column_gather_float(column, NULL, rows, floats);
	size_t missing = 0;
	for (size_t i = 0; i < rows; i++) {
		missing += isnan(values[i]) != 0;
		if (isnan(values[i])) {
			assert_true(isnan(column_value(column, i)) && isnan(gathered[i]) && isnan(floats[i]));
			continue;
		}
		check_same(column_value(column, i), values[i]);
		check_same(gathered[i], values[i]);
		assert_true(floats[i] == (float)values[i]);
	}
	assert_int_equal(column->missing_count, missing);
	free(gathered);
	free(floats);
	frame_close(frame);
	assert_int_equal(file_remove(path, NULL), 0);
}

#define CHECK_NUMBER(type, ...)                                                                                        \
	do {                                                                                                           \
		const double values_[] = {__VA_ARGS__};                                                                \
		check_number(values_, COUNT(values_), type);                                                           \
	} while (0)

static void frame__numbers_take_the_narrowest_type(void **state)
{
	(void)state;
	CHECK_NUMBER(COLUMN_INT8, 0, 1, -127, 127, NAN);
	CHECK_NUMBER(COLUMN_INT16, 0, -128); /* int8's least value is its mark of what is missing */
	CHECK_NUMBER(COLUMN_INT16, 128);
	CHECK_NUMBER(COLUMN_INT16, -32767, NAN, 32767);
	CHECK_NUMBER(COLUMN_INT32, -32768);
	CHECK_NUMBER(COLUMN_INT32, 2147483647, -2147483647);
	CHECK_NUMBER(COLUMN_FLOAT32, -2147483648.0); /* a power of two: four bytes hold it */
	CHECK_NUMBER(COLUMN_INT64, 2147483649.0, -9007199254740992.0, NAN);
	CHECK_NUMBER(COLUMN_FLOAT32, 0.5, NAN, 1e10, -0.0);
	CHECK_NUMBER(COLUMN_FLOAT32, -0.0, 1);
	CHECK_NUMBER(COLUMN_FLOAT32, INFINITY, -INFINITY, 3);
	CHECK_NUMBER(COLUMN_FLOAT64, 0.1);
	CHECK_NUMBER(COLUMN_FLOAT64, 1e300, NAN);
	CHECK_NUMBER(COLUMN_FLOAT64, 16777217, 0.5);
	CHECK_NUMBER(COLUMN_FLOAT64, DBL_MAX, DBL_MIN, 5e-324, -DBL_MAX);
	CHECK_NUMBER(COLUMN_INT8, NAN, NAN);
}

static void frame__range_and_missing_are_recorded(void **state)
{
	(void)state;
	const double some[] = {NAN, 3, -7, 5}, none[] = {NAN, NAN, NAN, NAN}, wide[] = {1, -INFINITY, INFINITY, 2};
	struct frame_writer *writer = begin(path, 4);
	frame_writer_number(writer, "some", COLUMN_FEATURE | COLUMN_TARGET, some);
	frame_writer_number(writer, "none", 0, none);
	frame_writer_number(writer, "wide", COLUMN_WEIGHT, wide);
	struct frame *frame = commit_and_open(writer);
	const struct column *column = frame_column(frame, "some");
	assert_true(column->minimum == -7 && column->maximum == 5);
	assert_int_equal(column->missing_count, 1);
	assert_int_equal(column->roles, COLUMN_FEATURE | COLUMN_TARGET);
	column = frame_column(frame, "none");
	assert_true(isnan(column->minimum) && isnan(column->maximum));
	assert_int_equal(column->missing_count, 4);
	column = frame_column(frame, "wide");
	assert_true(column->minimum == -INFINITY && column->maximum == INFINITY);
	assert_null(frame_column(frame, "absent"));
	frame_close(frame);
}

static void frame__int64_keeps_its_extremes(void **state)
{
	(void)state;
	const int64_t values[] = {INT64_MAX, -INT64_MAX, 0, 9007199254740993};
	const uint8_t missing[] = {0, 0, 1, 0};
	struct frame_writer *writer = begin(path, 4);
	frame_writer_int64(writer, "id", COLUMN_ID, values, missing);
	struct frame *frame = commit_and_open(writer);
	const struct column *column = frame_column(frame, "id");
	assert_int_equal(column->type, COLUMN_INT64);
	const int64_t *stored = column->values;
	assert_true(stored[0] == INT64_MAX && stored[1] == -INT64_MAX && stored[2] == INT64_MIN && stored[3] == 9007199254740993);
	assert_true(isnan(column_value(column, 2)));
	assert_int_equal(column->missing_count, 1);
	frame_close(frame);
}

static void frame__int64_is_narrowed(void **state)
{
	(void)state;
	const int64_t bytes[] = {1, -127, INT64_MIN}, shorts[] = {1, -128, 3}, ints[] = {-32768, 5, INT64_MAX};
	const uint8_t last[] = {0, 0, 1};
	struct frame_writer *writer = begin(path, 3);
	frame_writer_int64(writer, "int8", 0, bytes, last);
	frame_writer_int64(writer, "int16", 0, shorts, NULL);
	frame_writer_int64(writer, "int32", 0, ints, last);
	struct frame *frame = commit_and_open(writer);
	assert_int_equal(frame_column(frame, "int8")->type, COLUMN_INT8);
	assert_int_equal(frame_column(frame, "int16")->type, COLUMN_INT16);
	assert_int_equal(frame_column(frame, "int32")->type, COLUMN_INT32);
	check_same(column_value(frame_column(frame, "int16"), 1), -128);
	assert_true(isnan(column_value(frame_column(frame, "int32"), 2)));
	frame_close(frame);
}

static void frame__int64_least_value_becomes_a_double_or_is_refused(void **state)
{
	(void)state;
	const int64_t exact[] = {INT64_MIN, 3}, inexact[] = {INT64_MIN, 9007199254740993}, edge[] = {INT64_MIN, INT64_MAX};
	struct frame_writer *writer = begin(path, 2);
	frame_writer_int64(writer, "x", 0, exact, NULL);
	struct frame *frame = commit_and_open(writer);
	assert_int_equal(frame->columns[0].type, COLUMN_FLOAT64);
	check_same(column_value(&frame->columns[0], 0), -0x1p63);
	frame_close(frame);
	for (int i = 0; i < 2; i++) {
		struct orch_err err = {0};
		writer = begin(other, 2);
		frame_writer_int64(writer, "x", 0, i ? edge : inexact, NULL);
		assert_int_equal(frame_writer_commit(&writer, &err), ORCH_EINPUT);
		assert_non_null(strstr(err.text, "column \"x\": -9223372036854775808 beside other numbers of more than 53 bits"));
		assert_false(file_exists(other));
	}
}

static void frame__bool_and_small_category(void **state)
{
	(void)state;
	const int8_t bools[] = {0, 1, -1, 1};
	const int32_t codes[] = {2, -1, 0, 1};
	const char *const levels[] = {"Fair", "Good \xE2\x82\xAC", "\"Ideal\"\n"};
	struct frame_writer *writer = begin(path, 4);
	frame_writer_bool(writer, "flag", COLUMN_FEATURE, bools);
	frame_writer_category(writer, "cut", COLUMN_FEATURE, true, codes, levels, 3);
	struct frame *frame = commit_and_open(writer);
	const struct column *flag = frame_column(frame, "flag"), *cut = frame_column(frame, "cut");
	assert_int_equal(flag->kind, COLUMN_BOOL);
	assert_false(flag->ordered);
	assert_int_equal(flag->level_count, 0);
	assert_int_equal(cut->kind, COLUMN_CATEGORY);
	assert_int_equal(cut->type, COLUMN_INT8);
	assert_true(cut->ordered);
	assert_int_equal(cut->level_count, 3);
	double gathered[4];
	column_gather(flag, NULL, 4, gathered);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(column_code(flag, i), bools[i]);
		assert_int_equal(column_code(cut, i), codes[i]);
		assert_true(bools[i] == -1 ? isnan(gathered[i]) : gathered[i] == bools[i]);
	}
	column_gather(cut, NULL, 4, gathered);
	assert_true(gathered[0] == 2 && isnan(gathered[1]) && isnan(column_value(cut, 1)));
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(cut->levels[i], levels[i]);
	assert_true(cut->minimum == 0 && cut->maximum == 2 && cut->missing_count == 1);
	frame_close(frame);
}

/* count levels, as many rows: each code once, and the header grows over the space kept for it. */
static void check_category(size_t count, enum column_type type)
{
	char **levels = mem_must(count, sizeof *levels);
	int32_t *codes = mem_must(count, sizeof *codes);
	double *numbers = mem_must(count, sizeof *numbers);
	for (size_t i = 0; i < count; i++) {
		levels[i] = text_format("level %zu", i);
		codes[i] = (int32_t)((i * 7919 + 3) % count);
		numbers[i] = (double)i + 0.1;
	}
	struct frame_writer *writer = begin(path, count);
	frame_writer_number(writer, "before", 0, numbers);
	frame_writer_category(writer, "c", 0, false, codes, (const char *const *)levels, count);
	frame_writer_number(writer, "after", 0, numbers);
	struct frame *frame = commit_and_open(writer);
	const struct column *column = frame_column(frame, "c");
	assert_int_equal(column->type, type);
	assert_int_equal(column->level_count, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(column_code(column, i), codes[i]);
		assert_string_equal(column->levels[i], levels[i]);
		check_same(column_value(frame_column(frame, "before"), i), numbers[i]);
		check_same(column_value(frame_column(frame, "after"), i), numbers[i]);
		free(levels[i]);
	}
	frame_close(frame);
	free(levels);
	free(codes);
	free(numbers);
	assert_int_equal(file_remove(path, NULL), 0);
}

static void frame__categories_take_the_narrowest_type(void **state)
{
	(void)state;
	check_category(128, COLUMN_INT8);
	check_category(129, COLUMN_INT16);
	check_category(32768, COLUMN_INT16);
	check_category(32769, COLUMN_INT32);
	check_category(100003, COLUMN_INT32);
}

static void frame__many_columns(void **state)
{
	(void)state;
	double values[3];
	struct frame_writer *writer = begin(path, 3);
	for (int i = 0; i < 1000; i++) {
		char name[32];
		snprintf(name, sizeof name, "column_%d", i);
		for (int row = 0; row < 3; row++)
			values[row] = i * 1000 + row + 0.25;
		frame_writer_number(writer, name, COLUMN_FEATURE, values);
	}
	struct frame *frame = commit_and_open(writer);
	assert_int_equal(frame->column_count, 1000);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal((uintptr_t)frame->columns[i].values % 64, 0);
		check_same(column_value(&frame->columns[i], 2), i * 1000 + 2.25);
	}
	frame_close(frame);
}

static void frame__gather_takes_rows_in_any_order(void **state)
{
	(void)state;
	enum { ROWS = 200000 }; /* more than one chunk of the writer */
	double *values[5], *out = mem_must(ROWS, sizeof *out);
	float *floats = mem_must(ROWS, sizeof *floats);
	uint32_t *rows = mem_must(ROWS, sizeof *rows);
	static const double scale[] = {1, 100, 1e5, 0.5, 0.1};
	struct frame_writer *writer = begin(path, ROWS);
	for (size_t c = 0; c < 5; c++) {
		char name[] = {(char)('a' + c), '\0'};
		values[c] = mem_must(ROWS, sizeof *values[c]);
		for (size_t i = 0; i < ROWS; i++)
			values[c][i] = i % 11 == 3 ? NAN : (double)(i % 101) * scale[c];
		frame_writer_number(writer, name, 0, values[c]);
	}
	for (uint32_t i = 0; i < ROWS; i++)
		rows[i] = (uint32_t)((uint64_t)i * 99991 % ROWS);
	struct frame *frame = commit_and_open(writer);
	static const enum column_type types[] = {COLUMN_INT8, COLUMN_INT16, COLUMN_INT32, COLUMN_FLOAT32, COLUMN_FLOAT64};
	for (size_t c = 0; c < 5; c++) {
		assert_int_equal(frame->columns[c].type, types[c]);
		column_gather(&frame->columns[c], rows, ROWS, out);
		column_gather_float(&frame->columns[c], rows, ROWS, floats);
		for (size_t i = 0; i < ROWS; i++) {
			double expected = values[c][rows[i]];
			if (isnan(expected) ? !isnan(out[i]) || !isnan(floats[i])
					    : out[i] != expected || floats[i] != (float)expected)
				fail_msg("column %zu, row %zu: %g, %g instead of %g", c, i, out[i], (double)floats[i], expected);
		}
		free(values[c]);
	}
	frame_close(frame);
	free(out);
	free(floats);
	free(rows);
}

static void frame__no_rows_and_no_columns(void **state)
{
	(void)state;
	const char *const levels[] = {"a"};
	struct frame_writer *writer = begin(path, 0);
	frame_writer_number(writer, "x", 0, NULL);
	frame_writer_category(writer, "c", 0, false, NULL, levels, 1);
	struct frame *frame = commit_and_open(writer);
	assert_int_equal(frame->rows, 0);
	assert_int_equal(frame->column_count, 2);
	frame_close(frame);
	assert_int_equal(file_remove(path, NULL), 0);
	frame = commit_and_open(begin(path, 5));
	assert_int_equal(frame->rows, 5);
	assert_int_equal(frame->column_count, 0);
	frame_close(frame);
}

static void write_mixed(const char *where)
{
	const double reals[] = {0.1, -NAN, 2.5}, ints[] = {1, 2, 300};
	const int32_t codes[] = {0, 1, -1};
	const char *const levels[] = {"x", "y"};
	struct frame_writer *writer = begin(where, 3);
	frame_writer_number(writer, "r", COLUMN_FEATURE, reals);
	frame_writer_number(writer, "i", COLUMN_FEATURE, ints);
	frame_writer_category(writer, "c", COLUMN_TARGET, false, codes, levels, 2);
	assert_int_equal(frame_writer_commit(&writer, NULL), 0);
}

static void frame__equal_content_gives_equal_bytes(void **state)
{
	(void)state;
	char *a, *b;
	size_t length_a, length_b;
	write_mixed(path);
	write_mixed(other);
	assert_int_equal(file_read(path, 0, &a, &length_a, NULL), 0);
	assert_int_equal(file_read(other, 0, &b, &length_b, NULL), 0);
	assert_int_equal(length_a, length_b);
	assert_memory_equal(a, b, length_a);
	free(a);
	free(b);
}

static int open_bytes(const char *bytes, size_t length, bool verify, struct orch_err *err)
{
	int fd = open(other, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, bytes, length, other, NULL), 0);
	close(fd);
	struct frame *frame = NULL;
	int code = frame_open(other, verify, &frame, err);
	if (code)
		assert_null(frame);
	frame_close(frame);
	return code;
}

/* Whatever bit flips, a frame under verification is refused; without it, it is refused or read without a crash. */
static void frame__every_flipped_bit_is_found(void **state)
{
	(void)state;
	char *bytes;
	size_t length, header = 0;
	write_mixed(path);
	assert_int_equal(file_read(path, 0, &bytes, &length, NULL), 0);
	memcpy(&header, bytes + 16, sizeof header);
	assert_int_equal(open_bytes(bytes, length, true, NULL), 0);
	for (size_t i = 0; i < length; i++) {
		if (i > 24 + header + 4 && i < 65536 - 4 && i % 997) /* the padding: a sample */
			continue;
		struct orch_err err = {0};
		bytes[i] ^= (char)(1 << (i % 8));
		int code = open_bytes(bytes, length, true, &err);
		if (code != ORCH_EDAMAGED || !err.text[0])
			fail_msg("a bit flipped in byte %zu: code %d, \"%s\"", i, code, err.text);
		open_bytes(bytes, length, false, NULL);
		bytes[i] ^= (char)(1 << (i % 8));
	}
	free(bytes);
}

static void frame__every_cut_is_found(void **state)
{
	(void)state;
	char *bytes;
	size_t length;
	write_mixed(path);
	assert_int_equal(file_read(path, 0, &bytes, &length, NULL), 0);
	for (size_t cut = 0; cut < length; cut += cut < 1500 || cut > length - 300 ? 1 : 499)
		for (int verify = 0; verify < 2; verify++) {
			struct orch_err err = {0};
			assert_int_equal(open_bytes(bytes, cut, verify, &err), ORCH_EDAMAGED);
			assert_true(err.text[0]);
		}
	char *longer = mem_must(length + 1, 1);
	memcpy(longer, bytes, length);
	assert_int_equal(open_bytes(longer, length + 1, false, NULL), ORCH_EDAMAGED);
	free(longer);
	free(bytes);
}

/* The frame of write_mixed with one thing in its header changed and the header's hash made right again; path of keys: the
 * column (or -1 for the top), the key. take_value NULL removes the key. */
static int open_forged(int column, const char *key, json_t *take_value, struct orch_err *err)
{
	char *bytes, check[HASH_HEX];
	size_t length;
	uint64_t header_length;
	assert_int_equal(file_read(path, 0, &bytes, &length, NULL), 0);
	memcpy(&header_length, bytes + FRAME_MAGIC_SIZE, sizeof header_length);
	json_t *header = NULL;
	assert_int_equal(json_parse(bytes + FRAME_PREFIX, header_length, "header", &header, NULL), 0);
	json_t *object = column < 0 ? header : json_array_get(json_object_get(header, "columns"), (size_t)column);
	if (take_value)
		json_object_set_new(object, key, take_value);
	else
		json_object_del(object, key);
	frame_header_check(header, check);
	json_object_set_new(header, "check", json_string(check));
	char *text = json_text(header, JSON_STYLE_CANONICAL);
	memset(bytes + FRAME_PREFIX, 0, header_length);
	header_length = strlen(text);
	memcpy(bytes + FRAME_MAGIC_SIZE, &header_length, sizeof header_length);
	memcpy(bytes + FRAME_PREFIX, text, header_length);
	int code = open_bytes(bytes, length, true, err);
	free(text);
	free(bytes);
	json_decref(header);
	return code;
}

static void frame__a_forged_header_is_refused(void **state)
{
	(void)state;
	write_mixed(path); /* columns: r float64, i int16, c int8 with levels x, y */
	struct {
		int column;
		const char *key;
		json_t *value;
	} cases[] = {
		{-1, "rows", json_integer(4)}, {-1, "rows", json_integer(-1)}, {-1, "rows", json_integer(INT64_MAX)}, {-1, "rows", NULL},
		{-1, "rows", json_integer(2)}, {-1, "data", json_integer(65600)}, {-1, "data", json_integer(0)},
		{-1, "data", json_integer(INT64_MAX)}, {-1, "data", NULL}, {-1, "columns", NULL}, {-1, "columns", json_array()},
		{-1, "columns", json_string("x")}, {0, "offset", json_integer(-8)}, {0, "offset", json_integer(65600)},
		{1, "offset", json_integer(65536)}, {2, "offset", json_integer(INT64_MAX - 7)}, {0, "bytes", json_integer(INT64_MAX)},
		{0, "bytes", json_integer(16)}, {0, "bytes", NULL}, {0, "type", json_string("int64x")}, {0, "type", json_string("int8")},
		{0, "type", NULL}, {0, "kind", json_string("category")}, {0, "kind", json_string("bool")}, {2, "kind", json_string("number")},
		{0, "kind", NULL}, {0, "name", NULL}, {0, "name", json_integer(1)}, {0, "roles", json_integer(-1)}, {0, "roles", NULL},
		{0, "missing", json_integer(4)}, {0, "missing", json_integer(-1)}, {0, "sha256", json_string("00")}, {0, "sha256", NULL},
		{2, "levels", NULL}, {2, "levels", json_pack("[i]", 1)}, {2, "levels", json_array()}, {2, "levels", json_pack("[s]", "x")},
		{2, "levels", json_string("xy")}, {0, "levels", json_array()},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct orch_err err = {0};
		int code = open_forged(cases[i].column, cases[i].key, cases[i].value, &err);
		if (code != ORCH_EDAMAGED || !err.text[0])
			fail_msg("case %zu (%s): code %d, \"%s\"", i, cases[i].key, code, err.text);
	}
	/* the forging itself breaks nothing */
	assert_int_equal(open_forged(0, "roles", json_integer(5), NULL), 0);
}

static void check_refused(const char *bytes, size_t length, const char *expected)
{
	struct orch_err err = {0};
	assert_int_equal(open_bytes(bytes, length, true, &err), ORCH_EDAMAGED);
	if (!strstr(err.text, expected))
		fail_msg("\"%s\" is not in \"%s\"", expected, err.text);
}

static void frame__damage_is_named(void **state)
{
	(void)state;
	char *bytes;
	size_t length;
	write_mixed(path);
	assert_int_equal(file_read(path, 0, &bytes, &length, NULL), 0);
	check_refused("", 0, "is cut: it holds 0 bytes");
	check_refused("a,b,c\n1,2,3\n4,5,6\n7,8,9\n", 24, "is not a frame of this version of orch");
	check_refused(bytes, 100, "is cut in its header");
	check_refused(bytes, 65536, "is cut or damaged: column 0 is not where its header says");
	check_refused(bytes, length - 1, "column 2 is not where its header says");
	bytes[65536] ^= 1;
	check_refused(bytes, length, "column \"r\" does not match its hash");
	bytes[65536] ^= 1;
	bytes[65535] ^= 1;
	check_refused(bytes, length, "the padding before column \"r\" is damaged");
	bytes[65535] ^= 1;
	char *name = memmem(bytes, 4096, "\"y\"", 3);
	assert_non_null(name);
	name[1] = 'z';
	check_refused(bytes, length, "does not match its hash");
	free(bytes);
	struct orch_err err = {0};
	struct frame *frame = NULL;
	assert_int_equal(frame_open("/nonexistent.frame", false, &frame, &err), ORCH_EMISSING);
	assert_string_equal(err.text, "cannot open the frame /nonexistent.frame: No such file or directory");
	orch_err_clear(&err);
	assert_int_equal(frame_open(folder, false, &frame, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "is not a regular file"));
}

static void check_commit_fails(struct frame_writer *writer, const char *expected)
{
	struct orch_err err = {0};
	const double more[] = {1, 2};
	frame_writer_number(writer, "later", 0, more); /* after a failure this does nothing */
	assert_int_equal(frame_writer_commit(&writer, &err), ORCH_EINPUT);
	assert_string_equal(err.text, expected);
	assert_null(writer);
	assert_false(file_exists(path));
}

static void frame__writer_refuses_what_cannot_be_stored(void **state)
{
	(void)state;
	const double values[] = {1, 2};
	const int32_t codes[] = {0, 2}, below[] = {0, -2};
	const int8_t bools[] = {0, 2};
	const char *const levels[] = {"a", "b"}, *const bad[] = {"a", "\xFF"};
	struct frame_writer *writer = begin(path, 2);
	frame_writer_number(writer, "x", 0, values);
	frame_writer_number(writer, "x", 0, values);
	check_commit_fails(writer, "column \"x\": there are two of that name");
	writer = begin(path, 2);
	frame_writer_number(writer, "x\xFF", 0, values);
	check_commit_fails(writer, "column \"x\xEF\xBF\xBD\": the name is not UTF-8; convert the data");
	writer = begin(path, 2);
	frame_writer_category(writer, "c", 0, false, codes, levels, 2);
	check_commit_fails(writer, "column \"c\": a code without a level");
	writer = begin(path, 2);
	frame_writer_category(writer, "c", 0, false, below, levels, 2);
	check_commit_fails(writer, "column \"c\": a code without a level");
	writer = begin(path, 2);
	frame_writer_category(writer, "c", 0, false, codes, bad, 2);
	check_commit_fails(writer, "column \"c\": the value \"\xEF\xBF\xBD\" is not UTF-8; convert the data");
	writer = begin(path, 2);
	frame_writer_bool(writer, "b", 0, bools);
	check_commit_fails(writer, "column \"b\": a code without a level");
}

static void frame__writer_never_overwrites(void **state)
{
	(void)state;
	struct orch_err err = {0};
	struct frame_writer *writer = NULL;
	write_mixed(path);
	assert_int_equal(frame_writer_begin(path, 3, &writer, &err), ORCH_EBUSY);
	assert_null(writer);
	assert_true(file_exists(path));
	orch_err_clear(&err);
	assert_int_equal(frame_writer_begin(other, (size_t)UINT32_MAX + 1, &writer, &err), ORCH_EINPUT);
	assert_string_equal(err.text, "4294967296 rows are more than a frame can hold (4294967295)");
	writer = begin(other, 3);
	frame_writer_abort(&writer);
	assert_null(writer);
	assert_false(file_exists(other));
	frame_writer_abort(&writer);
	frame_close(NULL);
}

#define CASE(function) cmocka_unit_test_teardown(function, remove_files)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(frame__numbers_take_the_narrowest_type),
		CASE(frame__range_and_missing_are_recorded),
		CASE(frame__int64_keeps_its_extremes),
		CASE(frame__int64_is_narrowed),
		CASE(frame__int64_least_value_becomes_a_double_or_is_refused),
		CASE(frame__bool_and_small_category),
		CASE(frame__categories_take_the_narrowest_type),
		CASE(frame__many_columns),
		CASE(frame__gather_takes_rows_in_any_order),
		CASE(frame__no_rows_and_no_columns),
		CASE(frame__equal_content_gives_equal_bytes),
		CASE(frame__every_flipped_bit_is_found),
		CASE(frame__every_cut_is_found),
		CASE(frame__a_forged_header_is_refused),
		CASE(frame__damage_is_named),
		CASE(frame__writer_refuses_what_cannot_be_stored),
		CASE(frame__writer_never_overwrites),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
