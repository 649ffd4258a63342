/* frame_format: what the reader and the writer of frames (frame.h) agree on. Private to the two. */
#ifndef STORAGE_BASE_FRAME_FORMAT_H
#define STORAGE_BASE_FRAME_FORMAT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/base/frame.h"
#include "storage/base/hash.h"

#define FRAME_MAGIC "orch frame v1\n\0" /* 16 bytes with the terminator */
#define FRAME_MAGIC_SIZE 16
#define FRAME_PREFIX (FRAME_MAGIC_SIZE + 8) /* magic, header length */
#define FRAME_ALIGNMENT 64

extern const char *const frame_kind_names[3]; /* by enum column_kind */
extern const char *const frame_type_names[6]; /* by enum column_type */

/* What stands for a missing value in an integer column. */
int64_t frame_missing_code(enum column_kind kind, enum column_type type);
static inline uint64_t frame_align(uint64_t offset)
{
	return (offset + FRAME_ALIGNMENT - 1) / FRAME_ALIGNMENT * FRAME_ALIGNMENT;
}
/* Hash over the canonical header without its key "check", which holds this. It guards names, levels and ranges. */
void frame_header_check(const json_t *header, char out[HASH_HEX]);

#endif
