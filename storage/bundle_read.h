/* bundle_read: walks through a bundle as through something hostile (private to bundle*.c). Only zstd around tar, only
 * folders and regular files, all below one top folder, names safe and in ascending order (so none comes twice), sizes
 * bounded before anything is read: at most 4 GiB or 200 times the compressed size, whichever is more. ORCH_EDAMAGED
 * says which member and why. */
#ifndef STORAGE_BUNDLE_READ_H
#define STORAGE_BUNDLE_READ_H

#include <stddef.h>
#include <stdint.h>

#include "storage/base/err.h"

/* Each returns 0 to go on. name: below the top folder, as in the manifest. data and end may be NULL (contents are
 * skipped then). */
struct bundle_visitor {
	int (*begin)(void *context, const char *name, uint64_t size, struct orch_err *err);
	int (*data)(void *context, const void *bytes, size_t length, struct orch_err *err);
	int (*end)(void *context, struct orch_err *err);
};
int bundle_read(const char *path, const struct bundle_visitor *visitor, void *context, struct orch_err *err);

#endif
