/* frame: a table of columns in one file, mapped read-only by every process that uses it.
 * File: 16-byte magic "orch frame v1\n\0\0", uint64 header length, header JSON (canonical), zero padding, then one block per
 * column, each aligned to 64 bytes, in native little-endian. The header names rows and for each column: name, kind, type, role
 * bits, offset, bytes, SHA-256 of the block, missing count, minimum, maximum, and the levels of a category; and a hash of itself.
 * Each column is in the narrowest type that loses nothing. Missing: NaN in float columns; the type's minimum value in integer
 * columns (a column whose values include that minimum is stored one type wider); code -1 in categories.
 * A frame is immutable once published; many threads may read it. Strings and pointers live until frame_close. */
#ifndef STORAGE_BASE_FRAME_H
#define STORAGE_BASE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/base/err.h"

enum column_kind {
	COLUMN_NUMBER,
	COLUMN_BOOL,    /* stored int8: 0, 1, missing as in integer columns */
	COLUMN_CATEGORY /* codes 0..level_count-1 into levels */
};
enum column_type { COLUMN_INT8, COLUMN_INT16, COLUMN_INT32, COLUMN_INT64, COLUMN_FLOAT32, COLUMN_FLOAT64 };
enum column_role { /* bits: a column may be several things */
	COLUMN_FEATURE = 1,
	COLUMN_TARGET = 2,
	COLUMN_ID = 4,
	COLUMN_WEIGHT = 8,
	COLUMN_SPLIT = 16, /* group, order, fold number, holdout flag or stratum */
	COLUMN_ROW = 32    /* "__row": the row's number in the source, 0-based, int */
};
struct column {
	const char *name;
	enum column_kind kind;
	enum column_type type;
	unsigned roles;
	bool ordered; /* category with a declared order */
	size_t missing_count;
	double minimum, maximum; /* of what is not missing; NaN when all is missing; codes for categories */
	size_t level_count;
	const char *const *levels;
	const void *values; /* frame.rows values of type */
	char sha256[65];
};
struct frame {
	size_t rows, column_count;
	const struct column *columns;
	void *map;
	size_t map_length;
	void *header; /* json_t, keeps the strings */
};
/* verify: also hash every block (ORCH_EDAMAGED names the column). A cut or foreign file is ORCH_EDAMAGED, none ORCH_EMISSING. */
int frame_open(const char *path, bool verify, struct frame **out, struct orch_err *err);
void frame_close(struct frame *frame); /* NULL is fine */
const struct column *frame_column(const struct frame *frame, const char *name); /* NULL: none */
/* Value as double: NaN for missing, the code for a category. */
double column_value(const struct column *column, size_t row);
int32_t column_code(const struct column *column, size_t row); /* category or bool; -1 missing */
/* out[i] = value of rows[i]; rows NULL: 0..count-1. Typed loops: this is the fast way. */
void column_gather(const struct column *column, const uint32_t *rows, size_t count, double *out);
void column_gather_float(const struct column *column, const uint32_t *rows, size_t count, float *out);
size_t column_type_size(enum column_type type);

/* Writing: begin -> column* -> commit | abort. Columns are streamed to path, which must not exist yet; commit writes the
 * header, fsyncs and closes; the caller publishes the file by rename. First failure sticks; commit reports it. */
struct frame_writer;
int frame_writer_begin(const char *path, size_t rows, struct frame_writer **out, struct orch_err *err);
/* A number column from doubles (NaN = missing): the narrowest lossless type is chosen. */
void frame_writer_number(struct frame_writer *writer, const char *name, unsigned roles, const double *values);
/* int64 values that doubles could not hold; missing[i] != 0 marks missing (may be NULL). */
void frame_writer_int64(struct frame_writer *writer, const char *name, unsigned roles, const int64_t *values, const uint8_t *missing);
void frame_writer_bool(struct frame_writer *writer, const char *name, unsigned roles, const int8_t *values /* -1 missing */);
void frame_writer_category(struct frame_writer *writer, const char *name, unsigned roles, bool ordered, const int32_t *codes,
                           const char *const *levels, size_t level_count);
int frame_writer_commit(struct frame_writer **writer, struct orch_err *err); /* consumes *writer whatever the outcome */
void frame_writer_abort(struct frame_writer **writer); /* removes path, as a failed commit does */

#endif
