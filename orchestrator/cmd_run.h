/* cmd_run: what start and resume share: the background, running to the end, and the last words. */
#ifndef ORCHESTRATOR_CMD_RUN_H
#define ORCHESTRATOR_CMD_RUN_H

#include "orchestrator/campaign.h"
#include "orchestrator/command.h"

/* Opens a campaign for running: campaign_create or campaign_open with what the command was given. Prints what it has to say through display. */
typedef int (*run_open_function)(const struct arguments *arguments, void *context, struct display *display, struct campaign **out, struct orch_err *err);
/* Opens and runs it, with --detach in the background. Exit status. */
int cmd_run(const struct arguments *arguments, run_open_function open, void *context);

#endif
