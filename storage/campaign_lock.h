/* campaign_lock: the lock file of a campaign (private to campaign_dir). flock on it decides; its content only tells
 * people and `orch status` who holds it: {"pid":..,"start":..,"boot":"..","host":"..","since":".."}, padded with spaces
 * to a fixed length so that one pwrite replaces it whole. The descriptor is close-on-exec. */
#ifndef STORAGE_CAMPAIGN_LOCK_H
#define STORAGE_CAMPAIGN_LOCK_H

#include "storage/base/err.h"
#include "storage/base/process.h"

/* Takes the lock of folder (creating the file when it is not there). shown: the campaign's path for messages.
 * ORCH_EBUSY: held; ORCH_EMISSING: the folder vanished meanwhile; ORCH_EDAMAGED: a link or folder stands in the file's
 * place. */
int campaign_lock_take(const char *folder, const char *shown, int *fd, struct orch_err *err);
/* While it is held: says in the file why the holder waits; NULL: it does not. In place, so that a full disk does not matter; best effort. */
void campaign_lock_say_paused(int fd, const char *folder, const char *why);
char *campaign_lock_paused(const char *folder); /* what was said so; malloc'd, or NULL */
void campaign_lock_release(int fd, const char *folder); /* says in the file that nobody holds it, then closes */
/* What the file says. False when it says nothing that can be read. since: text, malloc'd or NULL; may be NULL. */
bool campaign_lock_read(const char *folder, struct process_id *holder, char **since);

#endif
