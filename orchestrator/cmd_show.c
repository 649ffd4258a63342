#include "orchestrator/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/outcome.h"
#include "storage/base/json.h"

static void say_next(const struct arguments *arguments, const char *campaign, const json_t *outcome)
{
	const char *state = json_get_text(outcome, "state", "");
	char *path = command_quote(campaign);

	if (!strcmp(state, "done"))
		command_next(arguments, "%s verify %s", command_program(), path);
	else if (!strcmp(state, "running"))
		command_next(arguments, "%s status --watch %s", command_program(), path);
	else
		command_next(arguments, "%s resume %s", command_program(), path);
	free(path);
}

int cmd_show(int argc, char **argv)
{
	struct arguments arguments;
	struct orch_err err = {0};
	struct text_buf text = {0};
	char *campaign = NULL;
	json_t *outcome = NULL;
	int code;

	if (!command_begin("show", argc, argv, &arguments, &code))
		return code;
	code = command_campaign(&arguments, &campaign, &err);
	if (!code)
		code = outcome_read(campaign, true, &outcome, &err);
	if (!code && arguments_flag(&arguments, "--json")) {
		command_print_json(outcome);
	} else if (!code) {
		outcome_text(outcome, &text);
		fputs(text.data, stdout);
	}
	if (!code)
		say_next(&arguments, campaign, outcome);
	text_buf_release(&text);
	json_decref(outcome);
	free(campaign);
	return code ? command_failed("show", code, &err) : 0;
}
