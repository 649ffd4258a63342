#include "orchestrator/cmd_run.h"

struct starting {
	struct spec *spec; /* NULL once the campaign has it */
};

static int create(const struct arguments *arguments, void *context, struct display *display, struct campaign **out, struct orch_err *err)
{
	struct campaign_options options = {.dir = arguments_value(arguments, "--dir"), .allow_large = arguments_flag(arguments, "--allow-large")};
	struct starting *starting = context;
	int code = campaign_create(starting->spec, &options, display, out, err);

	if (!code)
		starting->spec = NULL;
	return code;
}

int cmd_start(int argc, char **argv)
{
	struct arguments arguments;
	struct starting starting = {0};
	int status;

	if (!command_begin("start", argc, argv, &arguments, &status) || !command_load_spec("start", arguments.rest[0], &starting.spec, &status))
		return status;
	status = cmd_run(&arguments, create, &starting);
	spec_release(starting.spec);
	return status;
}
