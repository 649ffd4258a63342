/* Reading frames. Invariant: nothing in a struct column is handed out before its bounds were checked against the file,
 * so that a damaged frame gives an error and never a crash. */
#include "storage/base/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/base/frame_format.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

const char *const frame_kind_names[3] = {"number", "bool", "category"};
const char *const frame_type_names[6] = {"int8", "int16", "int32", "int64", "float32", "float64"};

/* The public part is first: struct frame * and struct open_frame * are the same address. */
struct open_frame {
	struct frame frame;
	struct arena arena; /* columns and their tables of levels */
};

size_t column_type_size(enum column_type type)
{
	static const size_t sizes[] = {1, 2, 4, 8, 4, 8};
	return sizes[type];
}

int64_t frame_missing_code(enum column_kind kind, enum column_type type)
{
	static const int64_t least[] = {INT8_MIN, INT16_MIN, INT32_MIN, INT64_MIN};
	if (kind == COLUMN_CATEGORY)
		return -1;
	return type <= COLUMN_INT64 ? least[type] : 0;
}

void frame_header_check(const json_t *header, char out[HASH_HEX])
{
	json_t *rest = json_copy((json_t *)(uintptr_t)header); /* shallow: the members are shared and not changed */
	if (!rest)
		orch_bug("out of memory");
	json_object_del(rest, "check");
	char *text = json_text(rest, JSON_STYLE_CANONICAL);
	struct hash hash;
	hash_begin(&hash);
	hash_add(&hash, text, strlen(text));
	hash_end_hex(&hash, out);
	free(text);
	json_decref(rest);
}

/* --- opening --- */

static int map_file(const char *path, struct frame *frame, struct orch_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return orch_fail_sys(err, errno == ENOENT || errno == ENOTDIR ? ORCH_EMISSING : ORCH_EIO, errno,
			"cannot open the frame %s", path);
	struct stat info;
	int code = 0;
	if (fstat(fd, &info) != 0)
		code = orch_fail_sys(err, ORCH_EIO, errno, "cannot look at %s", path);
	else if (!S_ISREG(info.st_mode))
		code = orch_fail(err, ORCH_EDAMAGED, "%s is not a regular file", path);
	else if (info.st_size < FRAME_PREFIX)
		code = orch_fail(err, ORCH_EDAMAGED, "%s is cut: it holds %lld bytes, not even the beginning of a frame", path,
			(long long)info.st_size);
	if (!code) {
		void *map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (map == MAP_FAILED) {
			code = orch_fail_sys(err, ORCH_EIO, errno, "cannot map %s", path);
		} else {
			frame->map = map;
			frame->map_length = (size_t)info.st_size;
		}
	}
	close(fd);
	return code;
}

static int read_header(const char *path, struct frame *frame, uint64_t *header_end, struct orch_err *err)
{
	const char *bytes = frame->map;
	uint64_t length;
	if (memcmp(bytes, FRAME_MAGIC, FRAME_MAGIC_SIZE) != 0)
		return orch_fail(err, ORCH_EDAMAGED, "%s is not a frame of this version of orch", path);
	memcpy(&length, bytes + FRAME_MAGIC_SIZE, sizeof length);
	if (length > frame->map_length - FRAME_PREFIX)
		return orch_fail(err, ORCH_EDAMAGED, "%s is cut in its header", path);
	struct orch_err inner = {0};
	json_t *header = NULL;
	if (json_parse(bytes + FRAME_PREFIX, length, path, &header, &inner) != 0)
		return orch_fail(err, inner.code == ORCH_ENOMEM ? ORCH_ENOMEM : ORCH_EDAMAGED, "the header is damaged: %s", inner.text);
	frame->header = header;
	char *again = json_text(header, JSON_STYLE_CANONICAL), check[HASH_HEX];
	bool canonical = strlen(again) == length && memcmp(again, bytes + FRAME_PREFIX, length) == 0;
	free(again);
	if (canonical && json_is_object(header))
		frame_header_check(header, check);
	if (!canonical || !json_is_object(header) || strcmp(json_get_text(header, "check", ""), check) != 0)
		return orch_fail(err, ORCH_EDAMAGED, "the header of %s does not match its hash", path);
	*header_end = FRAME_PREFIX + length;
	return 0;
}

static int name_index(const json_t *object, const char *key, const char *const *names, int count)
{
	const char *name = json_get_text(object, key, "");
	for (int i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

/* JSON has no infinities: they are the texts "inf" and "-inf", and NaN is null. */
static double range_value(const json_t *object, const char *key)
{
	const char *text = json_get_text(object, key, "");
	if (strcmp(text, "inf") == 0)
		return INFINITY;
	if (strcmp(text, "-inf") == 0)
		return -INFINITY;
	return json_get_real(object, key, NAN);
}

static bool read_levels(const json_t *object, struct arena *arena, struct column *out)
{
	const json_t *levels = json_object_get(object, "levels");
	if (out->kind != COLUMN_CATEGORY)
		return !levels;
	if (!json_is_array(levels))
		return false;
	out->level_count = json_array_size(levels);
	const char **table = arena_alloc(arena, out->level_count, sizeof *table);
	if (!table)
		orch_bug("out of memory for the levels of a frame");
	for (size_t i = 0; i < out->level_count; i++) {
		table[i] = json_string_value(json_array_get(levels, i));
		if (!table[i])
			return false;
	}
	out->levels = table;
	return true;
}

/* What one header entry says about its column, and where its block must start: expected, which moves to the next one. */
static bool read_column(const json_t *object, const struct frame *frame, uint64_t *expected, struct arena *arena,
	struct column *out)
{
	int kind = name_index(object, "kind", frame_kind_names, 3), type = name_index(object, "type", frame_type_names, 6);
	json_int_t roles = json_get_int(object, "roles", -1), missing = json_get_int(object, "missing", -1);
	json_int_t offset = json_get_int(object, "offset", -1), bytes = json_get_int(object, "bytes", -1);
	const char *hash = json_get_text(object, "sha256", "");
	out->name = json_get_text(object, "name", NULL);
	if (!out->name || kind < 0 || type < 0 || roles < 0 || missing < 0 || (uint64_t)missing > frame->rows)
		return false;
	if ((kind == COLUMN_BOOL && type != COLUMN_INT8) || (kind == COLUMN_CATEGORY && type > COLUMN_INT32))
		return false;
	uint64_t need;
	if (__builtin_mul_overflow((uint64_t)frame->rows, column_type_size((enum column_type)type), &need))
		return false;
	if (bytes < 0 || (uint64_t)bytes != need || offset < 0 || (uint64_t)offset != *expected ||
		*expected > frame->map_length || need > frame->map_length - *expected || strlen(hash) != HASH_HEX - 1)
		return false;
	*expected = frame_align(*expected + need);
	out->kind = (enum column_kind)kind;
	out->type = (enum column_type)type;
	out->roles = (unsigned)roles;
	out->ordered = json_get_bool(object, "ordered", 0);
	out->missing_count = (size_t)missing;
	out->minimum = range_value(object, "minimum");
	out->maximum = range_value(object, "maximum");
	out->values = (const char *)frame->map + offset;
	memcpy(out->sha256, hash, HASH_HEX);
	return read_levels(object, arena, out);
}

static int read_columns(const char *path, struct open_frame *open_one, uint64_t header_end, struct orch_err *err)
{
	struct frame *frame = &open_one->frame;
	const json_t *list = json_object_get(frame->header, "columns");
	json_int_t rows = json_get_int(frame->header, "rows", -1), data = json_get_int(frame->header, "data", -1);
	if (rows < 0 || rows > UINT32_MAX || !json_is_array(list) || data < 0 || (uint64_t)data != frame_align((uint64_t)data) ||
		(uint64_t)data < header_end)
		return orch_fail(err, ORCH_EDAMAGED, "%s: the header lacks rows, data or columns", path);
	frame->rows = (size_t)rows;
	frame->column_count = json_array_size(list);
	struct column *columns = arena_alloc(&open_one->arena, frame->column_count, sizeof *columns);
	if (!columns)
		return orch_fail(err, ORCH_ENOMEM, "%s: out of memory for %zu columns", path, frame->column_count);
	uint64_t expected = (uint64_t)data, end = expected;
	for (size_t i = 0; i < frame->column_count; i++) {
		if (!read_column(json_array_get(list, i), frame, &expected, &open_one->arena, &columns[i]))
			return orch_fail(err, ORCH_EDAMAGED, "%s is cut or damaged: column %zu is not where its header says", path, i);
		end = (uint64_t)((const char *)columns[i].values - (const char *)frame->map) +
		      frame->rows * column_type_size(columns[i].type);
	}
	if (frame->map_length != end)
		return orch_fail(err, ORCH_EDAMAGED, "%s holds %zu bytes where %" PRIu64 " belong", path, frame->map_length, end);
	frame->columns = columns;
	return 0;
}

static bool all_zero(const char *bytes, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++)
		if (bytes[i])
			return false;
	return true;
}

/* Codes are used as indices by those who read them. */
static bool codes_within(const struct column *column, size_t rows)
{
	int64_t count = column->kind == COLUMN_BOOL ? 2 : (int64_t)column->level_count;
	for (size_t row = 0; row < rows && column->kind != COLUMN_NUMBER; row++) {
		int32_t code = column_code(column, row);
		if (code < -1 || code >= count)
			return false;
	}
	return true;
}

/* Every byte of the file is under a hash, part of the magic, or a zero. */
static int verify_blocks(const char *path, const struct frame *frame, uint64_t header_end, struct orch_err *err)
{
	const char *bytes = frame->map;
	uint64_t end = header_end;
	for (size_t i = 0; i < frame->column_count; i++) {
		const struct column *column = &frame->columns[i];
		uint64_t start = (uint64_t)((const char *)column->values - bytes);
		size_t length = frame->rows * column_type_size(column->type);
		struct hash hash;
		char hex[HASH_HEX];
		hash_begin(&hash);
		hash_add(&hash, column->values, length);
		hash_end_hex(&hash, hex);
		if (strcmp(hex, column->sha256) != 0)
			return orch_fail(err, ORCH_EDAMAGED, "%s: column \"%s\" does not match its hash", path, column->name);
		if (!codes_within(column, frame->rows))
			return orch_fail(err, ORCH_EDAMAGED, "%s: column \"%s\" holds a code without a level", path, column->name);
		if (!all_zero(bytes, end, start))
			return orch_fail(err, ORCH_EDAMAGED, "%s: the padding before column \"%s\" is damaged", path, column->name);
		end = start + length;
	}
	if (!all_zero(bytes, end, frame->map_length))
		return orch_fail(err, ORCH_EDAMAGED, "%s: the padding at the end is damaged", path);
	return 0;
}

int frame_open(const char *path, bool verify, struct frame **out, struct orch_err *err)
{
	struct open_frame *open_one = mem_array(1, sizeof *open_one);
	if (!open_one)
		return orch_fail(err, ORCH_ENOMEM, "out of memory while opening %s", path);
	uint64_t header_end = 0;
	int code = map_file(path, &open_one->frame, err);
	if (!code)
		code = read_header(path, &open_one->frame, &header_end, err);
	if (!code)
		code = read_columns(path, open_one, header_end, err);
	if (!code && verify)
		code = verify_blocks(path, &open_one->frame, header_end, err);
	if (code) {
		frame_close(&open_one->frame);
		return code;
	}
	*out = &open_one->frame;
	return 0;
}

void frame_close(struct frame *frame)
{
	if (!frame)
		return;
	struct open_frame *open_one = (struct open_frame *)frame;
	if (frame->map)
		munmap(frame->map, frame->map_length);
	json_decref(frame->header);
	arena_release(&open_one->arena);
	free(open_one);
}

const struct column *frame_column(const struct frame *frame, const char *name)
{
	for (size_t i = 0; i < frame->column_count; i++)
		if (strcmp(frame->columns[i].name, name) == 0)
			return &frame->columns[i];
	return NULL;
}

/* --- values --- */

static int64_t integer_at(const struct column *column, size_t row)
{
	switch (column->type) {
	case COLUMN_INT8:
		return ((const int8_t *)column->values)[row];
	case COLUMN_INT16:
		return ((const int16_t *)column->values)[row];
	case COLUMN_INT32:
		return ((const int32_t *)column->values)[row];
	case COLUMN_INT64:
		return ((const int64_t *)column->values)[row];
	case COLUMN_FLOAT32:
	case COLUMN_FLOAT64:
		break;
	}
	orch_bug("column %s holds no integers", column->name);
}

double column_value(const struct column *column, size_t row)
{
	if (column->type == COLUMN_FLOAT32)
		return ((const float *)column->values)[row];
	if (column->type == COLUMN_FLOAT64)
		return ((const double *)column->values)[row];
	int64_t value = integer_at(column, row);
	return value == frame_missing_code(column->kind, column->type) ? NAN : (double)value;
}

int32_t column_code(const struct column *column, size_t row)
{
	if (column->kind == COLUMN_NUMBER)
		orch_bug("column %s holds numbers, not codes", column->name);
	int64_t value = integer_at(column, row);
	return value == frame_missing_code(column->kind, column->type) ? -1 : (int32_t)value;
}

/* One loop for each pair of stored and wanted type, so that the compiler sees both. */
#define GATHER_INTEGER(name, stored, wanted)                                                                           \
	static void name(const stored *values, stored missing, const uint32_t *rows, size_t count, wanted *out)        \
	{                                                                                                              \
		if (rows)                                                                                              \
			for (size_t i = 0; i < count; i++)                                                             \
				out[i] = values[rows[i]] == missing ? (wanted)NAN : (wanted)values[rows[i]];           \
		else                                                                                                   \
			for (size_t i = 0; i < count; i++)                                                             \
				out[i] = values[i] == missing ? (wanted)NAN : (wanted)values[i];                       \
	}
#define GATHER_REAL(name, stored, wanted)                                                                              \
	static void name(const stored *values, const uint32_t *rows, size_t count, wanted *out)                        \
	{                                                                                                              \
		if (rows)                                                                                              \
			for (size_t i = 0; i < count; i++)                                                             \
				out[i] = (wanted)values[rows[i]];                                                      \
		else                                                                                                   \
			for (size_t i = 0; i < count; i++)                                                             \
				out[i] = (wanted)values[i];                                                            \
	}
#define GATHER(name, suffix, wanted)                                                                                   \
	GATHER_INTEGER(int8_##suffix, int8_t, wanted)                                                                  \
	GATHER_INTEGER(int16_##suffix, int16_t, wanted)                                                                \
	GATHER_INTEGER(int32_##suffix, int32_t, wanted)                                                                \
	GATHER_INTEGER(int64_##suffix, int64_t, wanted)                                                                \
	GATHER_REAL(float32_##suffix, float, wanted)                                                                   \
	GATHER_REAL(float64_##suffix, double, wanted)                                                                  \
	void name(const struct column *column, const uint32_t *rows, size_t count, wanted *out)                        \
	{                                                                                                              \
		int64_t missing = frame_missing_code(column->kind, column->type);                                      \
		switch (column->type) {                                                                                \
		case COLUMN_INT8:                                                                                      \
			int8_##suffix(column->values, (int8_t)missing, rows, count, out);                              \
			break;                                                                                         \
		case COLUMN_INT16:                                                                                     \
			int16_##suffix(column->values, (int16_t)missing, rows, count, out);                            \
			break;                                                                                         \
		case COLUMN_INT32:                                                                                     \
			int32_##suffix(column->values, (int32_t)missing, rows, count, out);                            \
			break;                                                                                         \
		case COLUMN_INT64:                                                                                     \
			int64_##suffix(column->values, missing, rows, count, out);                                     \
			break;                                                                                         \
		case COLUMN_FLOAT32:                                                                                   \
			float32_##suffix(column->values, rows, count, out);                                            \
			break;                                                                                         \
		case COLUMN_FLOAT64:                                                                                   \
			float64_##suffix(column->values, rows, count, out);                                            \
			break;                                                                                         \
		}                                                                                                      \
	}

GATHER(column_gather, to_double, double)
GATHER(column_gather_float, to_float, float)
