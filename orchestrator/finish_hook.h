/* finish_hook: on_finish, the command that is run when a campaign's run ends: done, failed or interrupted.
 * It is run by sh in the folder of the campaign file, with
 *   ORCH_NAME  ORCH_STATE (done, failed, interrupted; test)  ORCH_EXIT (orch's own status)  ORCH_DIR  ORCH_SUMMARY (a sentence)
 *   ORCH_METRIC  ORCH_BEST (the chosen round's score; empty when there is none)  ORCH_ROUNDS
 * and summary.json on its stdin ({} when there is none). It has FINISH_SECONDS, then TERM, then KILL, with all it started. Its failure is told and changes
 * nothing. Runs in a process that has no other children: after the campaign is closed. */
#ifndef ORCHESTRATOR_FINISH_HOOK_H
#define ORCHESTRATOR_FINISH_HOOK_H

#include "storage/base/err.h"
#include "storage/base/text.h"

#define FINISH_SECONDS 60
struct finish_hook {
	const char *command;
	const char *name, *state;
	const char *dir;  /* of the campaign; NULL: there is none yet (a test) */
	const char *base; /* where it runs */
	int status;       /* what orch exits with */
};
/* said: what it wrote on stdout and stderr, bounded; appended. What it came to is kept in DIR/telemetry/on_finish.log as well. ORCH_EFIT: it failed, or was
 * ended; ORCH_EIO: it could not be started. */
int finish_hook_run(const struct finish_hook *hook, struct text_buf *said, struct orch_err *err);

#endif
