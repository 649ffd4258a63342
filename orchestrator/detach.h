/* detach: the same process once more, in the background, as leader of a session of its own; the one in front waits until the campaign is
 * under way or the start has failed. What the background says before the campaign's folder is there is kept in memory and goes to
 * FOLDER/orch.log, or to the caller's stderr when it failed.
 *
 *   detach_begin -> in front:   returns DETACH_FRONT with *status and, when the campaign is under way, *folder and *pid
 *                -> background: returns DETACH_BACKGROUND; then detach_ready once the folder is there, or detach_failed */
#ifndef ORCHESTRATOR_DETACH_H
#define ORCHESTRATOR_DETACH_H

#include <sys/types.h>

#include "storage/base/err.h"

enum detach_side { DETACH_FAILED, DETACH_FRONT, DETACH_BACKGROUND };
struct detach {
	int said;    /* background: where it tells the front; -1: told */
	int early;   /* what was printed before there was a folder */
	int status;  /* front: exit status of a failed start; 0: under way */
	pid_t pid;   /* front: of the background process */
	char *folder; /* front: the campaign; malloc'd */
};
enum detach_side detach_begin(struct detach *out, struct orch_err *err);
int detach_ready(struct detach *detach, const char *folder, struct orch_err *err);
void detach_failed(struct detach *detach, int status);
void detach_release(struct detach *detach);

#endif
