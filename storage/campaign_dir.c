/* A campaign appears by one rename of .NAME.<attempt>.new, which carries its lock along: whoever sees the folder sees
 * it whole and locked. In a temporary folder the lock is made first, so that a folder without one is empty and may go.
 */
#include "storage/campaign_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "storage/base/fault.h"
#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"
#include "storage/base/trace.h"
#include "storage/campaign_lock.h"
#include "storage/file_system.h"
#include "storage/ledger.h"

static const char *const folders[] = {"data", "rounds", "bundles", "telemetry", "report"};

static bool has(const char *path, const char *name)
{
	char *inside = file_join(path, name);
	bool there = file_exists(inside);
	free(inside);
	return there;
}

/* Either is enough: a campaign that lost one of them is a damaged campaign, not none. */
static bool is_campaign(const char *path)
{
	return has(path, "campaign.json") || has(path, "ledger.db");
}

static struct campaign_dir *handle(const char *path, int lock)
{
	struct campaign_dir *dir = mem_must(1, sizeof *dir);
	dir->path = file_absolute(path);
	dir->lock = lock;
	return dir;
}

char *campaign_dir_path(const struct campaign_dir *dir, const char *name)
{
	return file_join(dir->path, name);
}

bool campaign_dir_needs_rollback_journal(const char *path)
{
	struct file_system fs;
	file_system_look(path, &fs);
	bool network = fs.network;
	file_system_release(&fs);
	return network;
}

/* --- open --- */

int campaign_dir_open(const char *path, bool lock, struct campaign_dir **out, struct orch_err *err)
{
	char *absolute = file_absolute(path);
	int fd = -1, code = 0;
	if (!is_campaign(absolute))
		code = orch_fail(err, ORCH_EMISSING,
		        "%s is no campaign folder: give one, or begin with: orch start campaign.yaml", absolute);
	else if (lock)
		code = campaign_lock_take(absolute, absolute, &fd, err);
	if (!code)
		*out = handle(absolute, fd);
	free(absolute);
	return code;
}

void campaign_dir_say_paused(const struct campaign_dir *dir, const char *why)
{
	campaign_lock_say_paused(dir->lock, dir->path, why);
}

char *campaign_dir_paused(const char *path)
{
	return campaign_lock_paused(path);
}

void campaign_dir_close(struct campaign_dir *dir)
{
	if (!dir)
		return;
	campaign_lock_release(dir->lock, dir->path);
	free(dir->path);
	free(dir);
}

int campaign_dir_holder(const char *path, struct process_id *holder, bool *alive, struct orch_err *err)
{
	if (!is_campaign(path))
		return orch_fail(err, ORCH_EMISSING, "%s is no campaign folder", path);
	struct process_id found = {0};
	bool said = campaign_lock_read(path, &found, NULL);
	*holder = found;
	*alive = said && process_alive(&found);
	return 0;
}

/* --- find --- */

static int none_or_many(const char *path, const struct file_list *found, struct orch_err *err)
{
	if (found->count == 0)
		return orch_fail(err, ORCH_EMISSING,
		        "no campaign in %s or directly below it: name its folder, or begin with: orch start "
		        "campaign.yaml",
		        path);
	struct text_buf text = {0};
	for (size_t i = 0; i < found->count; i++)
		text_addf(&text, "\n  %s", found->names[i]);
	int code = orch_fail(
	        err, ORCH_EINPUT, "%zu campaigns below %s: name one of them:%s", found->count, path, text.data);
	text_buf_release(&text);
	return code;
}

int campaign_dir_find(const char *path, char **out, struct orch_err *err)
{
	char *absolute = file_absolute(path);
	struct file_list all = {0}, found = {0};
	int code = 0;
	if (is_campaign(absolute)) {
		*out = absolute;
		return 0;
	}
	code = file_list_folder(absolute, &all, err);
	found.names = mem_must(all.count, sizeof *found.names);
	for (size_t i = 0; i < all.count && !code; i++) {
		char *below = file_join(absolute, all.names[i]);
		if (all.names[i][0] != '.' && is_campaign(below))
			found.names[found.count++] = below;
		else
			free(below);
	}
	if (!code && found.count == 1)
		*out = mem_text(found.names[0]);
	else if (!code)
		code = none_or_many(absolute, &found, err);
	file_list_release(&all);
	file_list_release(&found);
	free(absolute);
	return code;
}

/* --- create --- */

static int refuse_existing(const char *path, struct orch_err *err)
{
	struct process_id holder;
	bool alive = false;
	if (!is_campaign(path))
		return orch_fail(err, ORCH_EINPUT,
		        "%s exists already and is no campaign: choose another folder with --dir", path);
	campaign_dir_holder(path, &holder, &alive, NULL);
	if (alive)
		return orch_fail(err, ORCH_EBUSY,
		        "campaign %s is held by orch pid %d on host %s: look at it with: orch status %s", path,
		        (int)holder.pid, holder.host, path);
	return orch_fail(err, ORCH_EINPUT,
	        "campaign %s exists already: go on with: orch resume %s (or choose another folder with --dir)", path,
	        path);
}

/* Removes the temporary folders of creators that died: their lock can be taken; a living creator's cannot. */
static void remove_leftovers(const char *parent, const char *name)
{
	struct file_list all = {0};
	char *prefix = text_format(".%s.", name);
	if (file_list_folder(parent, &all, NULL) != 0)
		all.count = 0;
	for (size_t i = 0; i < all.count; i++) {
		size_t length = strlen(all.names[i]);
		if (strncmp(all.names[i], prefix, strlen(prefix)) != 0 || length != strlen(prefix) + 16 + 4 ||
		        strcmp(all.names[i] + length - 4, ".new") != 0)
			continue;
		char *path = file_join(parent, all.names[i]);
		int lock = -1;
		if (!has(path, "lock")) {
			if (!fault_point("rmdir", path))
				rmdir(path);
		} else if (campaign_lock_take(path, path, &lock, NULL) == 0) {
			trace(TRACE_STORE, "leftover of a creator that died: %s", path);
			file_remove_tree(path, NULL);
			close(lock);
		}
		free(path);
	}
	free(prefix);
	file_list_release(&all);
}

/* A new temporary folder, locked. Another creator may take it for a leftover before the lock is in it: then another. */
static int make_temporary(
        const char *parent, const char *name, const char *shown, char **temporary, int *lock, struct orch_err *err)
{
	int code = ORCH_EMISSING;
	for (int attempt = 0; attempt < 8 && (code == ORCH_EMISSING || code == ORCH_EBUSY); attempt++) {
		uint64_t random;
		process_random(&random, sizeof random);
		char *folder = text_format("%s/.%s.%016llx.new", parent, name, (unsigned long long)random);
		orch_err_clear(err);
		code = file_make_folder(folder, err);
		if (!code)
			code = campaign_lock_take(folder, shown, lock, err);
		if (!code)
			*temporary = folder;
		else
			free(folder);
	}
	return code;
}

static int put_json(const char *folder, const char *name, const json_t *value, struct orch_err *err)
{
	char *path = file_join(folder, name), *text = json_text(value, JSON_STYLE_PRETTY);
	int code = file_write_new(path, text, strlen(text), err);
	free(text);
	free(path);
	return code;
}

static int put_folders(const char *folder, struct orch_err *err)
{
	int code = 0;
	for (size_t i = 0; i < sizeof folders / sizeof *folders && !code; i++) {
		char *path = file_join(folder, folders[i]);
		code = file_make_folder(path, err);
		free(path);
	}
	return code;
}

/* data/NAME -> the file in the cache, so that people find it; nothing reads it through the link. */
static int put_link(const char *folder, const char *target, struct orch_err *err)
{
	if (!target || target[0] != '/')
		return 0;
	char *name = text_format("data/%s", file_name(target)), *path = file_join(folder, name);
	int sys = fault_point("symlink", path);
	if (!sys && symlink(target, path) != 0 && errno != EEXIST)
		sys = errno;
	int code = sys ? orch_fail_sys(err, ORCH_EIO, sys, "cannot link %s", path) : 0;
	free(name);
	free(path);
	return code;
}

static int put_ledger(const char *folder, struct orch_err *err)
{
	struct ledger *ledger = NULL;
	char *path = file_join(folder, "ledger.db");
	int code = ledger_create(path, campaign_dir_needs_rollback_journal(folder), &ledger, err);
	if (!code)
		code = ledger_close(&ledger, err);
	free(path);
	return code;
}

/* campaign.json, with the hashes of the two files that nothing else vouches for. */
static int put_info(const char *folder, const json_t *info, struct orch_err *err)
{
	static const char *const names[] = {"campaign.yaml", "spec.json"};
	json_t *whole = json_deep_copy(info), *files = json_object();
	int code = 0;
	for (size_t i = 0; i < 2 && !code; i++) {
		char *path = file_join(folder, names[i]), hash[HASH_HEX];
		code = hash_file(path, 0, hash, NULL, err);
		if (!code)
			json_object_set_new(files, names[i], json_string(hash));
		free(path);
	}
	json_object_set_new(whole, "files", files);
	if (!code)
		code = put_json(folder, "campaign.json", whole, err);
	json_decref(whole);
	return code;
}

static int put_contents(const char *folder, const struct campaign_contents *contents, struct orch_err *err)
{
	const json_t *data = json_object_get(contents->info, "data");
	char *yaml = file_join(folder, "campaign.yaml");
	int code = file_write_new(yaml, contents->spec_text, contents->spec_length, err);
	free(yaml);
	if (!code)
		code = put_json(folder, "spec.json", contents->spec, err);
	if (!code)
		code = put_info(folder, contents->info, err);
	if (!code)
		code = put_folders(folder, err);
	if (!code)
		code = put_link(folder, json_get_text(data, "frame", NULL), err);
	if (!code)
		code = put_link(folder, json_get_text(data, "folds", NULL), err);
	if (!code)
		code = put_ledger(folder, err);
	return code ? code : file_sync_tree(folder, err);
}

/* The folders above that are made here must last as well: each is synced into its parent. */
static int make_parents(const char *parent, struct orch_err *err)
{
	if (file_exists(parent))
		return 0;
	char *above = file_folder(parent);
	int code = make_parents(above, err);
	if (!code)
		code = file_make_folder(parent, err);
	if (!code)
		code = file_sync_folder(above, err);
	free(above);
	return code;
}

static int build_and_publish(const char *parent, const char *path, const struct campaign_contents *contents,
        struct campaign_dir **out, struct orch_err *err)
{
	char *temporary = NULL;
	int lock = -1;
	remove_leftovers(parent, file_name(path));
	int code = make_temporary(parent, file_name(path), path, &temporary, &lock, err);
	if (code)
		return code;
	code = put_contents(temporary, contents, err);
	if (!code)
		code = file_publish(temporary, path, err);
	if (!code) {
		*out = handle(path, lock);
	} else if (code == ORCH_EUNSURE) {
		orch_err_prefix(err,
		        "campaign %s was created but may not survive a power cut: go on with: orch resume %s", path,
		        path);
		campaign_lock_release(lock, path);
	} else {
		file_remove_tree(temporary, NULL);
		close(lock);
	}
	free(temporary);
	return code;
}

int campaign_dir_create(const char *path, const struct campaign_contents *contents, struct campaign_dir **out,
        char **warning, struct orch_err *err)
{
	char *absolute = file_absolute(path), *parent = file_folder(absolute);
	int code = make_parents(parent, err);
	if (!code && file_exists(absolute))
		code = refuse_existing(absolute, err);
	if (!code) {
		struct orch_err why = {0};
		code = build_and_publish(parent, absolute, contents, out, &why);
		if (code == ORCH_EBUSY && file_exists(absolute)) { /* another creator was faster */
			orch_err_clear(&why);
			code = refuse_existing(absolute, &why);
		}
		if (code)
			orch_fail(err, code, "%s", why.text);
	}
	if (!code && warning) {
		struct file_system fs;
		file_system_look(absolute, &fs);
		*warning = fs.warning;
	}
	free(parent);
	free(absolute);
	return code;
}
