/* manifest: "HASH  NAME\n" for every file below a folder, sorted by name, as sha256sum prints and checks (names with a backslash
 * or newline are escaped as sha256sum does). Reading treats the text as hostile: no absolute names, no "..", no duplicates. */
#ifndef STORAGE_MANIFEST_H
#define STORAGE_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/base/err.h"
#include "storage/base/text.h"

struct manifest_entry {
	char *name, hash[65];
	uint64_t size; /* of the file when made; 0 when read from text */
};
struct manifest {
	struct manifest_entry *entries;
	size_t count;
};
/* Hashes what reading gives (the page cache: what was written); verify hashes what the disk holds.
 * skip: names (relative) that are left out, NULL-terminated, may be NULL. */
int manifest_make(const char *folder, const char *const *skip, struct manifest *out, struct orch_err *err);
int manifest_parse(const char *text, size_t length, const char *where, struct manifest *out, struct orch_err *err);
void manifest_text(const struct manifest *manifest, struct text_buf *out);
/* Re-reads every file (dropping cached pages first) and compares; names in allowed may be there beside. Lists all differences. */
int manifest_verify(const struct manifest *manifest, const char *folder, const char *const *allowed, struct orch_err *err);
/* The hash the manifest gives for name, or NULL. */
const char *manifest_find(const struct manifest *manifest, const char *name);
void manifest_release(struct manifest *manifest);
/* A relative path that stays below its folder: no empty, "." or ".." component, no leading or trailing slash, at most 4095 bytes. */
bool manifest_name_safe(const char *name);

#endif
