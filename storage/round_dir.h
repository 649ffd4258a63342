/* round_dir: publish one round's files all at once, or not at all.
 *
 * rounds/.round_001.work/ is the round under way; its name is stable. A stage is written in .STAGE.<attempt>/ inside it and published by
 * rename to STAGE/ with a MANIFEST.sha256 of its own; on resume a finished stage is kept when its manifest holds, else removed. commit
 * writes MANIFEST.sha256 (all files, as sha256sum prints) and COMPLETE (JSON: format, round, files and sizes), syncs, re-reads and
 * verifies from disk, renames to rounds/round_001 and syncs the parent. One thread; campaign lock held. Readers never see a folder under way.
 *
 *   begin -> (stage_kept? | stage_begin -> files written into the folder by anyone -> stage_commit | stage_abort)* -> commit | abort
 *
 * Durable: a stage when stage_commit returned 0; the round when commit returned 0. ORCH_EUNSURE: renamed, durability unknown:
 * verify with round_dir_verify, then use. ORCH_EDAMAGED: a file changed between writing and re-reading. */
#ifndef STORAGE_ROUND_DIR_H
#define STORAGE_ROUND_DIR_H

#include <jansson.h>
#include <stdbool.h>

#include "storage/base/err.h"
#include "storage/campaign_dir.h"

struct round_dir;
/* Opens or makes the work folder; removes leftovers of dead attempts. ORCH_EBUSY when the round is published already. */
int round_dir_begin(const struct campaign_dir *campaign, unsigned round, struct round_dir **out, struct orch_err *err);
const char *round_dir_path(const struct round_dir *dir); /* absolute path of the work folder */
/* True when STAGE is there and its manifest holds (files re-hashed); a stage that does not hold is removed and *why says what was
 * wrong (malloc'd; NULL when it was simply not there). */
bool round_dir_stage_kept(struct round_dir *dir, const char *stage, char **why);
/* A new empty folder to write into; *path (malloc'd, absolute). Files need not be synced by the writer: stage_commit does. */
int round_dir_stage_begin(struct round_dir *dir, const char *stage, char **path, struct orch_err *err);
int round_dir_stage_commit(struct round_dir *dir, const char *stage, const char *path, struct orch_err *err);
void round_dir_stage_abort(struct round_dir *dir, const char *path);
/* A single file at the round's top (report.html): created or replaced in the work folder. */
int round_dir_file(struct round_dir *dir, const char *name, const void *bytes, size_t length, struct orch_err *err);
/* Consumes *dir whatever the outcome. complete: further members for COMPLETE, or NULL. No times in it. */
int round_dir_commit(struct round_dir **dir, const json_t *complete, struct orch_err *err);
void round_dir_abort(struct round_dir **dir); /* keeps the work folder: finished stages serve the resume */

/* Checks a published round against its manifest and COMPLETE: every file there, none more, sizes and hashes right, no links.
 * ORCH_EDAMAGED lists what is wrong, one a line. manifest_hash (may be NULL): SHA-256 of MANIFEST.sha256. */
int round_dir_verify(const char *path, char manifest_hash[65], struct orch_err *err);

#endif
