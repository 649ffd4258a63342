#include <stdlib.h>

#include "orchestrator/cmd_run.h"

static int open_stored(const struct arguments *arguments, void *context, struct display *display, struct campaign **out, struct orch_err *err)
{
	struct campaign_options options = {.allow_drift = arguments_flag(arguments, "--allow-drift"), .redo_damaged = arguments_flag(arguments, "--redo-damaged")};

	return campaign_open(context, &options, display, out, err);
}

int cmd_resume(int argc, char **argv)
{
	struct arguments arguments;
	struct orch_err err = {0};
	char *campaign = NULL;
	int status, code;

	if (!command_begin("resume", argc, argv, &arguments, &status))
		return status;
	code = command_campaign(&arguments, &campaign, &err);
	if (code)
		return command_failed("resume", code, &err);
	status = cmd_run(&arguments, open_stored, campaign);
	free(campaign);
	return status;
}
