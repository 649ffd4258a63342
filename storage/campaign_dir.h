/* campaign_dir: the folder of a campaign: its paths, its lock, its creation all at once.
 * create publishes a complete folder (campaign.yaml, spec.json, data/ links, empty ledger) by one rename; there is never a half
 * one. open takes the lock (flock on `lock`, held until close; its content names the holder: pid, start time, boot id, host).
 * The lock decides, not the existence or content of the file. The lock's descriptor never reaches a child. */
#ifndef STORAGE_CAMPAIGN_DIR_H
#define STORAGE_CAMPAIGN_DIR_H

#include <jansson.h>
#include <stdbool.h>

#include "storage/base/err.h"
#include "storage/base/process.h"

struct campaign_dir {
	char *path; /* absolute */
	int lock;   /* descriptor, -1: opened for reading only */
};
/* Everything create puts inside; texts and paths borrowed. */
struct campaign_contents {
	const char *spec_text; /* campaign.yaml as given */
	size_t spec_length;
	const json_t *spec;  /* spec.json */
	const json_t *info;  /* campaign.json: {"format":1,"orch":{version,build},"created_host","spec_path" (relative to the folder),
	                        "data":{source_hash,frame_hash,frame,folds_hash,folds},"cpu"} ; no times. Written with "files": {name: SHA-256} of campaign.yaml and spec.json */
};
/* ORCH_EBUSY/EINPUT "exists already: orch resume PATH" when path is there. Also looks at the file system: *warning (malloc'd or NULL) says
 * tmpfs, network, overlay volatile... Leaves the folder locked in *out. */
int campaign_dir_create(const char *path, const struct campaign_contents *contents, struct campaign_dir **out, char **warning,
                        struct orch_err *err);
/* ORCH_EMISSING: no campaign there; ORCH_EBUSY: held, the text names pid and host of the holder and what to do. */
int campaign_dir_open(const char *path, bool lock, struct campaign_dir **out, struct orch_err *err);
void campaign_dir_close(struct campaign_dir *dir);
char *campaign_dir_path(const struct campaign_dir *dir, const char *name); /* "ledger.db", "rounds/round_000"; malloc'd */
/* Tells others that its holder waits for room, and why; NULL: it does not. Best effort. */
void campaign_dir_say_paused(const struct campaign_dir *dir, const char *why);
char *campaign_dir_paused(const char *path); /* what was said; malloc'd, or NULL */
/* Who holds it, by what the lock file says and whether that process lives (never by trying the lock). 0 and *alive. */
int campaign_dir_holder(const char *path, struct process_id *holder, bool *alive, struct orch_err *err);
/* path when it is a campaign; else the only campaign directly below path; ORCH_EINPUT lists the candidates. malloc'd. */
int campaign_dir_find(const char *path, char **out, struct orch_err *err);
/* True on file systems where SQLite's WAL must not be used (network). */
bool campaign_dir_needs_rollback_journal(const char *path);

#endif
