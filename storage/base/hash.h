/* hash: SHA-256 for content (nettle), and hex. */
#ifndef STORAGE_BASE_HASH_H
#define STORAGE_BASE_HASH_H

#include <nettle/sha2.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/base/err.h"

#define HASH_BYTES 32
#define HASH_HEX (2 * HASH_BYTES + 1)

struct hash {
	struct sha256_ctx context;
};
void hash_begin(struct hash *hash);
void hash_add(struct hash *hash, const void *bytes, size_t length);
void hash_add_text(struct hash *hash, const char *text); /* with its length, so that "ab","c" differs from "a","bc" */
void hash_end(struct hash *hash, uint8_t out[HASH_BYTES]);
void hash_end_hex(struct hash *hash, char out[HASH_HEX]);
void hash_hex(const uint8_t *bytes, size_t count, char *out /* 2 * count + 1 */);
char *hash_base64(const uint8_t bytes[HASH_BYTES]); /* malloc'd; for content security policies */
int hash_from_hex(const char *hex, uint8_t *out, size_t count); /* 0, or -1 when hex is not 2 * count hex digits */
/* Content of a regular file, read past the page cache's dirty state; does not follow a final symbolic link unless follow. */
int hash_file(const char *path, int follow, char out[HASH_HEX], uint64_t *size /* may be NULL */, struct orch_err *err);

#endif
