/* bundle: one published round as bundles/round_NNN.tar.zst (libarchive): sorted names, no times, owner 0, mode 0644/0755, so
 * equal rounds give equal bytes. Written beside, synced, re-read and compared, then published by rename; a bundle that is there
 * and right is kept. Reading treats the archive as hostile: no absolute names, no "..", no links or devices, bounded sizes. */
#ifndef STORAGE_BUNDLE_H
#define STORAGE_BUNDLE_H

#include <stdint.h>

#include "storage/base/err.h"

int bundle_write(const char *round_path, const char *bundle_path, struct orch_err *err);
/* Against its own MANIFEST.sha256 inside; round_path (may be NULL): also that it holds the same manifest as the round. */
int bundle_verify(const char *bundle_path, const char *round_path, struct orch_err *err);
/* Verified likewise; manifest_hash: SHA-256 of that MANIFEST.sha256, as round_dir_verify tells it of a folder. */
int bundle_manifest(const char *bundle_path, char manifest_hash[65], struct orch_err *err);
int bundle_unpack(const char *bundle_path, const char *folder, struct orch_err *err); /* folder must not exist */
/* One line per member, as `orch bundle --list` prints. */
int bundle_list(const char *bundle_path, int (*visit)(void *context, const char *name, uint64_t size), void *context, struct orch_err *err);

#endif
