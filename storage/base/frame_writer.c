/* Writing frames. Blocks are streamed behind space kept free for the header, whose length is known only at the end; a header
 * that outgrows it (many columns, many levels) moves the blocks up once. The bytes depend on the content only. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/base/file.h"
#include "storage/base/frame.h"
#include "storage/base/frame_format.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"

#define HEADER_SPACE ((uint64_t)64 * 1024)
#define CHUNK_ROWS ((size_t)64 * 1024)

struct frame_writer {
	char *path;
	int fd;
	size_t rows;
	uint64_t end;     /* of the last block, offsets counted from the first */
	json_t *names;    /* object: the set of column names */
	json_t *columns;  /* the header's list; offsets still relative to the first block */
	char *chunk;      /* CHUNK_ROWS values of the widest type */
	struct orch_err err; /* the first failure sticks */
};

/* How values of a column are looked at and stored. */
struct source {
	const char *name;
	enum column_kind kind;
	enum column_type type;
	unsigned roles;
	bool ordered;
	const double *reals;      /* one of these four is set */
	const int64_t *integers;
	const int8_t *bools;
	const int32_t *codes;
	const uint8_t *missing;   /* with integers; may be NULL */
	size_t missing_count;
	double minimum, maximum;
	const char *const *levels;
	size_t level_count;
};

int frame_writer_begin(const char *path, size_t rows, struct frame_writer **out, struct orch_err *err)
{
	if (rows > UINT32_MAX)
		return orch_fail(err, ORCH_EINPUT, "%zu rows are more than a frame can hold (%u)", rows, UINT32_MAX);
	int fd = -1;
	int code = file_create(path, &fd, err);
	if (code)
		return code;
	struct frame_writer *writer = mem_must(1, sizeof *writer);
	writer->path = mem_text(path);
	writer->fd = fd;
	writer->rows = rows;
	writer->names = json_object();
	writer->columns = json_array();
	writer->chunk = mem_must(CHUNK_ROWS, sizeof(double));
	*out = writer;
	return 0;
}

static void refuse(struct frame_writer *writer, const char *column, const char *why)
{
	char *safe = text_printable(column);
	orch_fail(&writer->err, ORCH_EINPUT, "column \"%s\": %s", safe, why);
	free(safe);
}

/* --- values on their way --- */

static bool is_missing(const struct source *source, size_t row)
{
	if (source->reals)
		return isnan(source->reals[row]);
	if (source->integers)
		return source->missing && source->missing[row];
	return (source->bools ? source->bools[row] : source->codes[row]) == -1;
}

static int64_t integer_value(const struct source *source, size_t row)
{
	if (source->reals)
		return (int64_t)source->reals[row];
	if (source->integers)
		return source->integers[row];
	return source->bools ? source->bools[row] : source->codes[row];
}

static double real_value(const struct source *source, size_t row)
{
	if (is_missing(source, row))
		return NAN; /* one bit pattern, whatever NaN came in */
	return source->reals ? source->reals[row] : (double)integer_value(source, row);
}

#define STORE_INTEGER(stored)                                                                                          \
	for (size_t i = 0; i < count; i++)                                                                             \
	((stored *)chunk)[i] = (stored)(is_missing(source, from + i) ? missing : integer_value(source, from + i))

static void store(const struct source *source, size_t from, size_t count, void *chunk)
{
	int64_t missing = frame_missing_code(source->kind, source->type);
	switch (source->type) {
	case COLUMN_INT8:
		STORE_INTEGER(int8_t);
		break;
	case COLUMN_INT16:
		STORE_INTEGER(int16_t);
		break;
	case COLUMN_INT32:
		STORE_INTEGER(int32_t);
		break;
	case COLUMN_INT64:
		STORE_INTEGER(int64_t);
		break;
	case COLUMN_FLOAT32:
		for (size_t i = 0; i < count; i++)
			((float *)chunk)[i] = (float)real_value(source, from + i);
		break;
	case COLUMN_FLOAT64:
		for (size_t i = 0; i < count; i++)
			((double *)chunk)[i] = real_value(source, from + i);
		break;
	}
}

static void fill_range(struct source *source, size_t rows)
{
	source->minimum = source->maximum = NAN;
	for (size_t row = 0; row < rows; row++) {
		double value = real_value(source, row);
		if (isnan(value)) {
			source->missing_count++;
			continue;
		}
		if (!(source->minimum <= value)) /* also when it is still NaN */
			source->minimum = value;
		if (!(source->maximum >= value))
			source->maximum = value;
	}
}

static json_t *range_json(double value)
{
	if (isinf(value))
		return json_string(value > 0 ? "inf" : "-inf");
	return json_number_or_null(value);
}

static json_t *describe(const struct source *source, uint64_t offset, uint64_t bytes, const char *hash)
{
	json_t *entry = json_pack("{s:s, s:s, s:s, s:i, s:b, s:I, s:I, s:s, s:I, s:o, s:o}", "name", source->name, "kind",
		frame_kind_names[source->kind], "type", frame_type_names[source->type], "roles", (int)source->roles, "ordered",
		(int)source->ordered, "offset", (json_int_t)offset, "bytes", (json_int_t)bytes, "sha256", hash, "missing",
		(json_int_t)source->missing_count, "minimum", range_json(source->minimum), "maximum", range_json(source->maximum));
	if (!entry || source->kind != COLUMN_CATEGORY)
		return entry;
	json_t *levels = json_array();
	for (size_t i = 0; i < source->level_count; i++)
		json_array_append_new(levels, json_string(source->levels[i]));
	json_object_set_new(entry, "levels", levels);
	return entry;
}

/* Checks, streams and describes one column whose type is chosen. */
static void add_column(struct frame_writer *writer, struct source *source)
{
	bool readable = text_is_utf8(source->name, strlen(source->name));
	if (!readable || json_object_get(writer->names, source->name)) {
		refuse(writer, source->name, readable ? "there are two of that name" : "the name is not UTF-8; convert the data");
		return;
	}
	json_object_set_new(writer->names, source->name, json_true());
	fill_range(source, writer->rows);
	size_t size = column_type_size(source->type);
	uint64_t start = frame_align(writer->end);
	struct hash hash;
	hash_begin(&hash);
	for (size_t from = 0; from < writer->rows; from += CHUNK_ROWS) {
		size_t count = writer->rows - from < CHUNK_ROWS ? writer->rows - from : CHUNK_ROWS;
		store(source, from, count, writer->chunk);
		hash_add(&hash, writer->chunk, count * size);
		if (file_write_at(writer->fd, writer->chunk, count * size, HEADER_SPACE + start + from * size, writer->path,
			    &writer->err) != 0)
			return;
	}
	char hex[HASH_HEX];
	hash_end_hex(&hash, hex);
	json_t *entry = describe(source, start, writer->rows * size, hex);
	if (!entry || json_array_append_new(writer->columns, entry) != 0)
		orch_fail(&writer->err, ORCH_ENOMEM, "out of memory for the header of %s", writer->path);
	writer->end = start + writer->rows * size;
}

/* --- the narrowest type --- */

/* The type's least value means missing, so values stay above it. */
static enum column_type integer_type(int64_t least, int64_t greatest)
{
	if (least > INT8_MIN && greatest <= INT8_MAX)
		return COLUMN_INT8;
	if (least > INT16_MIN && greatest <= INT16_MAX)
		return COLUMN_INT16;
	return least > INT32_MIN && greatest <= INT32_MAX ? COLUMN_INT32 : COLUMN_INT64;
}

/* -0 is not an integer here: it would come back as 0. Beyond 2^53 doubles skip integers: they stay doubles. */
static bool is_integer(double value)
{
	return fabs(value) <= 0x1p53 && value == trunc(value) && !(value == 0 && signbit(value));
}

static enum column_type real_type(const double *values, size_t rows)
{
	bool integers = true, floats = true;
	int64_t least = 0, greatest = 0;
	for (size_t i = 0; i < rows && (integers || floats); i++) {
		double value = values[i];
		if (isnan(value))
			continue;
		floats = floats && (isinf(value) || (fabs(value) <= (double)__FLT_MAX__ && (double)(float)value == value));
		integers = integers && is_integer(value);
		if (integers) {
			int64_t whole = (int64_t)value;
			least = whole < least ? whole : least;
			greatest = whole > greatest ? whole : greatest;
		}
	}
	enum column_type type = integers ? integer_type(least, greatest) : COLUMN_FLOAT64;
	return floats && (!integers || type == COLUMN_INT64) ? COLUMN_FLOAT32 : type;
}

void frame_writer_number(struct frame_writer *writer, const char *name, unsigned roles, const double *values)
{
	if (writer->err.code)
		return;
	struct source source = {.name = name, .kind = COLUMN_NUMBER, .roles = roles, .reals = values};
	source.type = real_type(values, writer->rows);
	add_column(writer, &source);
}

void frame_writer_int64(struct frame_writer *writer, const char *name, unsigned roles, const int64_t *values, const uint8_t *missing)
{
	if (writer->err.code)
		return;
	struct source source = {.name = name, .kind = COLUMN_NUMBER, .roles = roles, .integers = values, .missing = missing};
	int64_t least = 0, greatest = 0;
	bool doubles = true;
	for (size_t i = 0; i < writer->rows; i++) {
		if (is_missing(&source, i))
			continue;
		least = values[i] < least ? values[i] : least;
		greatest = values[i] > greatest ? values[i] : greatest;
		/* 2^63 itself is no int64: the cast back would be undefined */
		doubles = doubles && (double)values[i] < 0x1p63 && (int64_t)(double)values[i] == values[i];
	}
	source.type = integer_type(least, greatest);
	if (least == INT64_MIN) { /* the mark of what is missing; the next wider type is the double, where it loses nothing */
		if (!doubles) {
			refuse(writer, name,
				"-9223372036854775808 beside other numbers of more than 53 bits: no type holds both; exclude the column "
				"or read it as text");
			return;
		}
		source.type = COLUMN_FLOAT64;
	}
	add_column(writer, &source);
}

static bool codes_within(const struct source *source, size_t rows, int64_t count)
{
	for (size_t i = 0; i < rows; i++) {
		int64_t code = integer_value(source, i);
		if (code < -1 || code >= count)
			return false;
	}
	return true;
}

void frame_writer_bool(struct frame_writer *writer, const char *name, unsigned roles, const int8_t *values)
{
	if (writer->err.code)
		return;
	struct source source = {.name = name, .kind = COLUMN_BOOL, .type = COLUMN_INT8, .roles = roles, .bools = values};
	if (codes_within(&source, writer->rows, 2))
		add_column(writer, &source);
	else
		refuse(writer, name, "a code without a level");
}

void frame_writer_category(struct frame_writer *writer, const char *name, unsigned roles, bool ordered, const int32_t *codes,
	const char *const *levels, size_t level_count)
{
	if (writer->err.code)
		return;
	struct source source = {.name = name, .kind = COLUMN_CATEGORY, .roles = roles, .ordered = ordered, .codes = codes,
		.levels = levels, .level_count = level_count};
	for (size_t i = 0; i < level_count; i++) {
		if (text_is_utf8(levels[i], strlen(levels[i])))
			continue;
		char *safe = text_printable(levels[i]), *why = text_format("the value \"%s\" is not UTF-8; convert the data", safe);
		refuse(writer, name, why);
		free(safe);
		free(why);
		return;
	}
	/* -1 is the mark here, so codes may use all that is not negative */
	source.type = level_count <= INT8_MAX + 1 ? COLUMN_INT8 : level_count <= INT16_MAX + 1 ? COLUMN_INT16 : COLUMN_INT32;
	if (level_count <= (size_t)INT32_MAX + 1 && codes_within(&source, writer->rows, (int64_t)level_count))
		add_column(writer, &source);
	else
		refuse(writer, name, "a code without a level");
}

/* --- the end --- */

/* The header's text when the first block stands at data. */
static char *header_text(const struct frame_writer *writer, uint64_t data)
{
	json_t *columns = json_deep_copy(writer->columns), *entry;
	json_t *header = json_pack("{s:I, s:I, s:o}", "rows", (json_int_t)writer->rows, "data", (json_int_t)data, "columns", columns);
	if (!columns || !header)
		return NULL;
	size_t i;
	json_array_foreach(columns, i, entry)
		json_object_set_new(entry, "offset", json_integer((json_int_t)data + json_get_int(entry, "offset", 0)));
	char check[HASH_HEX];
	frame_header_check(header, check);
	json_object_set_new(header, "check", json_string(check));
	char *text = json_text(header, JSON_STYLE_CANONICAL);
	json_decref(header);
	return text;
}

/* From the end to the beginning, since the two places overlap. */
static int move_blocks(struct frame_writer *writer, uint64_t data, struct orch_err *err)
{
	size_t capacity = CHUNK_ROWS * sizeof(double);
	for (uint64_t left = writer->end; left;) {
		size_t count = left < capacity ? (size_t)left : capacity;
		left -= count;
		for (size_t done = 0; done < count;) {
			ssize_t got = pread(writer->fd, writer->chunk + done, count - done, (off_t)(HEADER_SPACE + left + done));
			if (got <= 0)
				return orch_fail(err, ORCH_EIO, "cannot read back %s", writer->path);
			done += (size_t)got;
		}
		int code = file_write_at(writer->fd, writer->chunk, count, data + left, writer->path, err);
		if (code)
			return code;
	}
	return 0;
}

/* What the blocks left behind between the header and their new place becomes zero again. */
static int clear(struct frame_writer *writer, uint64_t from, uint64_t to, struct orch_err *err)
{
	size_t capacity = CHUNK_ROWS * sizeof(double);
	memset(writer->chunk, 0, capacity);
	while (from < to) {
		size_t count = to - from < capacity ? (size_t)(to - from) : capacity;
		int code = file_write_at(writer->fd, writer->chunk, count, from, writer->path, err);
		if (code)
			return code;
		from += count;
	}
	return 0;
}

static int write_header(struct frame_writer *writer, struct orch_err *err)
{
	uint64_t data = HEADER_SPACE;
	char *text = header_text(writer, data);
	while (text && FRAME_PREFIX + strlen(text) > data) { /* larger offsets have more digits: look again */
		data = frame_align(FRAME_PREFIX + strlen(text) + 4096);
		free(text);
		text = header_text(writer, data);
	}
	if (!text)
		return orch_fail(err, ORCH_ENOMEM, "out of memory for the header of %s", writer->path);
	int code = 0;
	if (data != HEADER_SPACE) {
		code = move_blocks(writer, data, err);
		if (!code)
			code = clear(writer, HEADER_SPACE, data, err);
	}
	uint64_t length = strlen(text);
	struct text_buf head = {0};
	text_add_bytes(&head, FRAME_MAGIC, FRAME_MAGIC_SIZE);
	text_add_bytes(&head, &length, sizeof length);
	text_add_bytes(&head, text, length);
	if (!code)
		code = file_write_at(writer->fd, head.data, head.length, 0, writer->path, err);
	if (!code && writer->end == 0) /* the file reaches to its data, even when that is empty */
		code = clear(writer, head.length, data, err);
	text_buf_release(&head);
	free(text);
	return code;
}

static void writer_release(struct frame_writer **writer, bool remove)
{
	struct frame_writer *it = *writer;
	if (it->fd >= 0)
		close(it->fd);
	if (remove) /* half a frame helps nobody, and its name is wanted for the next attempt */
		file_remove(it->path, NULL);
	json_decref(it->columns);
	json_decref(it->names);
	free(it->chunk);
	free(it->path);
	free(it);
	*writer = NULL;
}

int frame_writer_commit(struct frame_writer **writer, struct orch_err *err)
{
	struct frame_writer *it = *writer;
	int code = it->err.code;
	if (code && err && !err->code)
		*err = it->err;
	if (!code)
		code = write_header(it, err);
	if (!code) {
		code = file_finish(it->fd, it->path, err);
		it->fd = -1;
	}
	writer_release(writer, code != 0);
	return code;
}

void frame_writer_abort(struct frame_writer **writer)
{
	if (*writer)
		writer_release(writer, true);
}
