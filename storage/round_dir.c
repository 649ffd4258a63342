/* How a round comes to be. The order is what makes it survive (each arrow is a step at which a crash test dies):
 *
 *   files of a stage -> hashed -> synced -> its manifest, synced -> re-read from disk -> renamed to STAGE/ -> work
 * folder synced all stages -> MANIFEST.sha256 -> COMPLETE -> everything synced, folders bottom-up -> re-read from disk
 * -> renamed -> rounds/ synced
 *
 * -DORCH_BROKEN_PUBLISH=1 (tests only) renames the round before MANIFEST.sha256 and COMPLETE are written and synced:
 * the error that crash tests must be able to find. Never define it otherwise. */
#include "storage/round_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/base/process.h"
#include "storage/base/text.h"
#include "storage/base/trace.h"
#include "storage/manifest.h"

#ifndef ORCH_BROKEN_PUBLISH
#define ORCH_BROKEN_PUBLISH 0
#endif

#define MANIFEST "MANIFEST.sha256"
#define COMPLETE "COMPLETE"
#define FORMAT 1
#define MANIFEST_MAX ((size_t)256 << 20)

static const char *const stage_allowed[] = {MANIFEST, NULL};
static const char *const round_allowed[] = {MANIFEST, COMPLETE, NULL};

struct round_dir {
	unsigned round;
	char *work, *target;
	struct file_list stages; /* published in the work folder, by this process or found to hold */
};

static char *round_path(const struct campaign_dir *campaign, const char *format, unsigned round)
{
	char name[64];
	snprintf(name, sizeof name, format, round);
	return campaign_dir_path(campaign, name);
}

static void release(struct round_dir *dir)
{
	file_list_release(&dir->stages);
	free(dir->work);
	free(dir->target);
	free(dir);
}

static bool is_stage(const struct round_dir *dir, const char *name)
{
	for (size_t i = 0; i < dir->stages.count; i++)
		if (strcmp(dir->stages.names[i], name) == 0)
			return true;
	return false;
}

static void add_stage(struct round_dir *dir, const char *name)
{
	if (is_stage(dir, name))
		return;
	char **names = mem_must(dir->stages.count + 1, sizeof *names);
	if (dir->stages.count)
		memcpy(names, dir->stages.names, dir->stages.count * sizeof *names);
	free(dir->stages.names);
	dir->stages.names = names;
	names[dir->stages.count++] = mem_text(name);
}

static void check_name(const char *name)
{
	if (!*name || *name == '.' || strchr(name, '/') || strcmp(name, MANIFEST) == 0 || strcmp(name, COMPLETE) == 0)
		orch_bug("\"%s\" cannot name a part of a round", name);
}

/* --- begin --- */

/* Attempts that died leave hidden folders, and files at the top that only a commit under way vouches for. Stages stay.
 */
static int remove_leftovers(const struct round_dir *dir, struct orch_err *err)
{
	struct file_list names = {0};
	int code = file_list_folder(dir->work, &names, err);
	for (size_t i = 0; i < names.count && !code; i++) {
		char *path = file_join(dir->work, names.names[i]);
		if (names.names[i][0] == '.' || !file_is_folder(path)) {
			trace(TRACE_STORE, "leftover of a dead attempt: %s", path);
			code = file_remove_tree(path, err);
		}
		free(path);
	}
	file_list_release(&names);
	return code;
}

static int make_work(const struct campaign_dir *campaign, const struct round_dir *dir, struct orch_err *err)
{
	char *rounds = campaign_dir_path(campaign, "rounds");
	int code = 0;
	if (!file_exists(rounds)) {
		code = file_make_folder(rounds, err);
		if (!code)
			code = file_sync_folder(campaign->path, err);
	}
	if (!code && file_exists(dir->work) && !file_is_folder(dir->work))
		code = file_remove(dir->work, err);
	if (!code)
		code = file_make_folder(dir->work, err);
	if (!code)
		code = file_sync_folder(rounds, err);
	free(rounds);
	return code;
}

int round_dir_begin(const struct campaign_dir *campaign, unsigned round, struct round_dir **out, struct orch_err *err)
{
	struct round_dir *dir = mem_must(1, sizeof *dir);
	dir->round = round;
	dir->work = round_path(campaign, "rounds/.round_%03u.work", round);
	dir->target = round_path(campaign, "rounds/round_%03u", round);
	int code = 0;
	if (file_exists(dir->target))
		code = orch_fail(err, ORCH_EBUSY, "round %u is published already: %s", round, dir->target);
	if (!code)
		code = make_work(campaign, dir, err);
	if (!code)
		code = remove_leftovers(dir, err);
	/* A stage renamed by a process that was killed before it synced the folder. */
	if (!code)
		code = file_sync_folder(dir->work, err);
	if (code)
		release(dir);
	else
		*out = dir;
	return code;
}

const char *round_dir_path(const struct round_dir *dir)
{
	return dir->work;
}

/* --- stages --- */

static int read_manifest(const char *folder, struct manifest *out, struct orch_err *err)
{
	char *path = file_join(folder, MANIFEST), *text = NULL;
	size_t length;
	int code = file_read(path, MANIFEST_MAX, &text, &length, err);
	if (code == ORCH_EMISSING) { /* of a folder that is there: damage */
		code = ORCH_EDAMAGED;
		if (err)
			err->code = code;
	}
	if (!code)
		code = manifest_parse(text, length, path, out, err);
	free(text);
	free(path);
	return code;
}

static int check_stage(const char *path, struct orch_err *err)
{
	struct manifest manifest = {0};
	if (!file_is_folder(path))
		return orch_fail(err, ORCH_EDAMAGED, "%s is not a folder", path);
	int code = read_manifest(path, &manifest, err);
	if (!code)
		code = manifest_verify(&manifest, path, stage_allowed, err);
	manifest_release(&manifest);
	return code;
}

bool round_dir_stage_kept(struct round_dir *dir, const char *stage, char **why)
{
	check_name(stage);
	char *path = file_join(dir->work, stage);
	struct orch_err err = {0};
	*why = NULL;
	bool kept = file_exists(path) && check_stage(path, &err) == 0;
	if (kept) {
		add_stage(dir, stage);
	} else if (err.code) {
		struct orch_err stuck = {0};
		if (file_remove_tree(path, &stuck) != 0)
			*why = text_format("%s (and it cannot be removed: %s)", err.text, stuck.text);
		else
			*why = mem_text(err.text);
	}
	free(path);
	return kept;
}

int round_dir_stage_begin(struct round_dir *dir, const char *stage, char **path, struct orch_err *err)
{
	check_name(stage);
	uint64_t attempt;
	process_random(&attempt, sizeof attempt);
	char *name = text_format(".%s.%016llx", stage, (unsigned long long)attempt),
	     *folder = file_join(dir->work, name);
	int code = file_make_folder(folder, err);
	if (!code)
		*path = folder;
	else
		free(folder);
	free(name);
	return code;
}

static int write_manifest(const char *folder, const struct manifest *manifest, struct orch_err *err)
{
	struct text_buf text = {0};
	char *path = file_join(folder, MANIFEST);
	manifest_text(manifest, &text);
	int code = file_write_new(path, text.data ? text.data : "", text.length, err);
	text_buf_release(&text);
	free(path);
	return code;
}

int round_dir_stage_commit(struct round_dir *dir, const char *stage, const char *path, struct orch_err *err)
{
	check_name(stage);
	struct manifest manifest = {0};
	char *target = file_join(dir->work, stage);
	int code = manifest_make(path, NULL, &manifest, err);
	if (!code)
		code = file_sync_tree(path, err);
	if (!code)
		code = write_manifest(path, &manifest, err);
	if (!code)
		code = file_sync_folder(path, err);
	if (!code)
		code = manifest_verify(&manifest, path, stage_allowed, err);
	if (!code)
		code = file_publish(path, target, err);
	if (!code)
		add_stage(dir, stage);
	orch_err_prefix(code ? err : NULL, "round %u, stage %s", dir->round, stage);
	manifest_release(&manifest);
	free(target);
	return code;
}

void round_dir_stage_abort(struct round_dir *dir, const char *path)
{
	size_t length = strlen(dir->work);
	if (strncmp(path, dir->work, length) != 0 || path[length] != '/' || path[length + 1] != '.')
		orch_bug("%s is no stage under way", path);
	file_remove_tree(path, NULL); /* what stays is a leftover for the next begin */
}

int round_dir_file(struct round_dir *dir, const char *name, const void *bytes, size_t length, struct orch_err *err)
{
	check_name(name);
	char *path = file_join(dir->work, name);
	int code = file_replace(path, bytes, length, err);
	free(path);
	return code;
}

/* --- commit --- */

/* Folders that no stage_commit and no stage_kept vouches for do not become part of the round. */
static int remove_strangers(const struct round_dir *dir, struct orch_err *err)
{
	struct file_list names = {0};
	int code = file_list_folder(dir->work, &names, err);
	for (size_t i = 0; i < names.count && !code; i++) {
		char *path = file_join(dir->work, names.names[i]);
		if (names.names[i][0] == '.' || (file_is_folder(path) && !is_stage(dir, names.names[i])))
			code = file_remove_tree(path, err);
		free(path);
	}
	file_list_release(&names);
	return code;
}

/* The files are still what the stage's manifest said when the stage was committed. */
static int compare_stage(const char *work, const char *stage, const struct manifest *all, struct orch_err *err)
{
	struct manifest manifest = {0};
	char *folder = file_join(work, stage);
	int code = read_manifest(folder, &manifest, err);
	for (size_t i = 0; i < manifest.count && !code; i++) {
		char *name = file_join(stage, manifest.entries[i].name);
		const char *hash = manifest_find(all, name);
		if (!hash || strcmp(hash, manifest.entries[i].hash) != 0)
			code = orch_fail(err, ORCH_EDAMAGED, "%s/%s %s after its stage was finished", work, name,
			        hash ? "was changed" : "vanished");
		free(name);
	}
	manifest_release(&manifest);
	free(folder);
	return code;
}

/* COMPLETE is JSON, and what cannot stand in it cannot be sealed. */
static int check_names(const char *folder, const struct manifest *manifest, struct orch_err *err)
{
	for (size_t i = 0; i < manifest->count; i++) {
		const char *name = manifest->entries[i].name;
		if (text_is_utf8(name, strlen(name)))
			continue;
		char *safe = text_printable(name);
		int code =
		        orch_fail(err, ORCH_EINPUT, "%s/%s: the name of a file in a round must be UTF-8", folder, safe);
		free(safe);
		return code;
	}
	return 0;
}

static json_t *complete_object(
        unsigned round, const struct manifest *manifest, const char *manifest_hash, const json_t *further)
{
	json_t *files = json_object(), *complete = json_object();
	for (size_t i = 0; i < manifest->count; i++)
		json_object_set_new(
		        files, manifest->entries[i].name, json_integer((json_int_t)manifest->entries[i].size));
	json_object_set_new(complete, "format", json_integer(FORMAT));
	json_object_set_new(complete, "round", json_integer((json_int_t)round));
	json_object_set_new(complete, "manifest", json_string(manifest_hash));
	if (further)
		json_object_update_missing(complete, (json_t *)further); /* only reads the second */
	json_object_set_new(complete, "files", files);
	return complete;
}

static int write_complete(const char *folder, unsigned round, const struct manifest *manifest, const json_t *further,
        struct orch_err *err)
{
	char *manifest_path = file_join(folder, MANIFEST), *path = file_join(folder, COMPLETE), hash[HASH_HEX];
	int code = hash_file(manifest_path, 0, hash, NULL, err);
	if (!code) {
		json_t *complete = complete_object(round, manifest, hash, further);
		char *text = json_text(complete, JSON_STYLE_PRETTY);
		code = file_write_new(path, text, strlen(text), err);
		free(text);
		json_decref(complete);
	}
	free(manifest_path);
	free(path);
	return code;
}

static int remove_old_seal(const char *folder, struct orch_err *err)
{
	int code = 0;
	for (const char *const *name = round_allowed; *name && !code; name++) {
		char *path = file_join(folder, *name);
		if (file_exists(path))
			code = file_remove(path, err);
		free(path);
	}
	return code;
}

/* Everything that must be on disk before the round may have its name. */
static int seal(const struct round_dir *dir, const char *folder, const json_t *further, struct orch_err *err)
{
	struct manifest manifest = {0};
	int code = remove_old_seal(folder, err);
	if (!code)
		code = manifest_make(folder, round_allowed, &manifest, err);
	if (!code)
		code = check_names(folder, &manifest, err);
	for (size_t i = 0; i < dir->stages.count && !code; i++)
		code = compare_stage(folder, dir->stages.names[i], &manifest, err);
	if (!code)
		code = write_manifest(folder, &manifest, err);
	if (!code)
		code = write_complete(folder, dir->round, &manifest, further, err);
	if (!code)
		code = file_sync_tree(folder, err);
	if (!code)
		code = round_dir_verify(folder, NULL, err);
	manifest_release(&manifest);
	return code;
}

static int seal_and_publish(const struct round_dir *dir, const json_t *further, struct orch_err *err)
{
	int code;
	if (ORCH_BROKEN_PUBLISH) {
		code = file_publish(dir->work, dir->target, err);
		return code ? code : seal(dir, dir->target, further, err);
	}
	code = seal(dir, dir->work, further, err);
	return code ? code : file_publish(dir->work, dir->target, err);
}

int round_dir_commit(struct round_dir **take_dir, const json_t *complete, struct orch_err *err)
{
	struct round_dir *dir = *take_dir;
	*take_dir = NULL;
	int code = remove_strangers(dir, err);
	if (!code)
		code = seal_and_publish(dir, complete, err);
	orch_err_prefix(code ? err : NULL, "round %u", dir->round);
	release(dir);
	return code;
}

void round_dir_abort(struct round_dir **take_dir)
{
	struct round_dir *dir = *take_dir;
	*take_dir = NULL;
	if (dir)
		release(dir);
}

/* --- verify --- */

/* What COMPLETE says against the manifest: the same files, their sizes, the manifest's own hash. */
static int check_complete(const json_t *complete, const char *path, const struct manifest *manifest,
        const char *manifest_hash, struct orch_err *err)
{
	const json_t *files = json_object_get(complete, "files");
	unsigned round;
	char end;
	if (json_get_int(complete, "format", 0) > FORMAT)
		return orch_fail(err, ORCH_EDRIFT, "%s was written by a newer orch (format %lld): use that orch", path,
		        (long long)json_get_int(complete, "format", 0));
	if (json_get_int(complete, "format", 0) != FORMAT || !json_is_object(files) ||
	        json_object_size(files) != manifest->count ||
	        strcmp(json_get_text(complete, "manifest", ""), manifest_hash) != 0)
		return orch_fail(err, ORCH_EDAMAGED, "%s/" COMPLETE " does not belong to its " MANIFEST, path);
	if (sscanf(file_name(path), "round_%u%c", &round, &end) == 1 &&
	        json_get_int(complete, "round", -1) != (json_int_t)round)
		return orch_fail(err, ORCH_EDAMAGED, "%s holds round %lld", path,
		        (long long)json_get_int(complete, "round", -1));
	for (size_t i = 0; i < manifest->count; i++) {
		char *file = file_join(path, manifest->entries[i].name);
		int64_t size = json_get_int(files, manifest->entries[i].name, -1);
		int code = size == file_size(file)
		                   ? 0
		                   : orch_fail(err, ORCH_EDAMAGED, "%s has %lld bytes, " COMPLETE " says %lld", file,
		                             (long long)file_size(file), (long long)size);
		free(file);
		if (code)
			return code;
	}
	return 0;
}

/* COMPLETE and MANIFEST.sha256 must be files of their own, not links to something. */
static int read_complete(const char *path, json_t **complete, char manifest_hash[HASH_HEX], struct orch_err *err)
{
	char *complete_path = file_join(path, COMPLETE), *manifest_path = file_join(path, MANIFEST), hash[HASH_HEX];
	struct orch_err why = {0};
	int code = hash_file(complete_path, 0, hash, NULL, &why);
	if (code == ORCH_EMISSING)
		code = orch_fail(err, ORCH_EDAMAGED, "%s is not complete: it has no " COMPLETE, path);
	if (!code && (code = hash_file(manifest_path, 0, manifest_hash, NULL, &why)) == ORCH_EMISSING)
		code = orch_fail(err, ORCH_EDAMAGED, "%s is not complete: it has no " MANIFEST, path);
	if (!code && (code = json_read_file(complete_path, complete, &why)) == ORCH_EINPUT)
		code = orch_fail(err, ORCH_EDAMAGED, "%s", why.text);
	if (code && why.code)
		orch_fail(err, code, "%s", why.text);
	free(complete_path);
	free(manifest_path);
	return code;
}

int round_dir_verify(const char *path, char manifest_hash[65], struct orch_err *err)
{
	struct manifest manifest = {0};
	json_t *complete = NULL;
	char hash[HASH_HEX];
	if (!file_exists(path))
		return orch_fail(err, ORCH_EMISSING, "there is no round %s", path);
	if (!file_is_folder(path))
		return orch_fail(err, ORCH_EDAMAGED, "%s is not a folder", path);
	int code = read_complete(path, &complete, hash, err);
	if (!code)
		code = read_manifest(path, &manifest, err);
	if (!code)
		code = manifest_verify(&manifest, path, round_allowed, err);
	if (!code)
		code = check_complete(complete, path, &manifest, hash, err);
	if (!code && manifest_hash)
		memcpy(manifest_hash, hash, sizeof hash);
	manifest_release(&manifest);
	json_decref(complete);
	return code;
}
