/* dataset: the user's source read once by DuckDB, kept as a frame in the cache and mapped by every worker.
 * The cache is $ORCH_CACHE, else $XDG_CACHE_HOME/orch, else ~/.cache/orch; deleting it costs time only.
 *   CACHE/frames/<key>.frame   key = SHA-256 of (source content, preparation, format version); published by rename,
 * never changed CACHE/folds/<key>.folds    bytes of a split, likewise Preparing runs in a worker process (DuckDB's
 * memory is not the orchestrator's), one thread of control; two processes preparing the same thing publish the same
 * bytes, the first wins. Nothing half-written is ever seen under its final name.
 *
 * Errors name the file, the column and what to do: missing or empty file, header only, text where numbers are needed,
 * duplicate column names, target missing/constant/all missing/non-finite, all-missing column, one class only, unknown
 * excluded or category column, a level that is not declared, SQL errors with DuckDB's own text, id not unique, weights
 * negative. All in ORCH_EINPUT; several errors of one source are reported together, one a line. */
#ifndef STORAGE_DATASET_H
#define STORAGE_DATASET_H

#include <jansson.h>
#include <stdbool.h>

#include "storage/base/err.h"
#include "storage/base/frame.h"

/* What to prepare, as a JSON object so that it can be hashed and sent to the worker:
 *  source_path | sql, base (folder of relative paths), targets [..] | angle {column | sine, cosine}, task ("auto"...),
 * id, weight, exclude [..], features {name: expression}, categories {column: [levels]}, missing, split_columns [..]
 * (by, stratify, holdout), memory (bytes for DuckDB), threads. Frame columns: "__row" first, then the source's columns
 * in their order, then derived ones in the order of `features`; excluded ones are absent unless a role needs them.
 * Every column that is not id, target, weight, excluded or a split column has the feature role; a column named in
 * `split.by`, `stratify` or `holdout` is a split column and no feature, except stratify columns, which stay what they
 * are. Text and boolean targets of a classification become categories with levels sorted; numbers with few integers
 * too. An angle target is kept as degrees in the column named by the spec, or "angle" when given by sine and cosine.
 * Text features become categories, levels in byte order (or as declared: ordered); booleans COLUMN_BOOL; dates and
 * timestamps numbers (days, seconds since 1970), said in a note. missing = drop removes rows with a missing feature,
 * error refuses them; rows whose target is missing are always refused with their count unless missing = drop. */
/* SHA-256 over what the source holds (each file's name, size and content; for sql: its result is hashed when prepared,
 * so this covers only the text). ORCH_EMISSING/EINPUT for files that are not there. */
int dataset_source_hash(const json_t *preparation, char out[65], struct orch_err *err);
/* Path of the frame for this preparation in the cache (malloc'd) when it is there already and opens; ORCH_EMISSING
 * otherwise. */
int dataset_find(const json_t *preparation, const char *source_hash, char **path, struct orch_err *err);
/* Read, check, write, publish. *notes: array of texts for people ("column date: read as days since 1970"). */
int dataset_prepare(
        const json_t *preparation, const char *source_hash, char **path, json_t **notes, struct orch_err *err);
/* Rows to predict, read as the campaign's data was. wanted (03_baseline/input.json): features [{name, kind, levels of a category}], derived
 * {name: expression}, id. Returns an open frame of the features and, where the input has it, the id; levels are the campaign's, one it does not know is
 * missing and told in *notes. ORCH_EINPUT with all that is wrong: no such column, a text where numbers are needed, an empty file. */
int dataset_input(const json_t *wanted, const char *path, struct frame **out, json_t **notes, struct orch_err *err);
/* SHA-256 of a frame's header: names the data in keys, ledger and provenance. */
int dataset_frame_hash(const char *path, char out[65], struct orch_err *err);
char *dataset_cache_folder(void); /* malloc'd; not created */
/* A file of the cache under kind ("folds") and key: path (malloc'd) ; store publishes bytes when it is not there yet.
 */
char *dataset_cache_path(const char *kind, const char *key, const char *suffix);
int dataset_cache_store(const char *path, const void *bytes, size_t length, struct orch_err *err);

#endif
