#include "orchestrator/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/status.h"
#include "orchestrator/status_watch.h"
#include "storage/base/json.h"
#include "storage/base/process.h"

#define WATCH_SECONDS 1

static void say_next(const struct arguments *arguments, const char *campaign, const json_t *status)
{
	const char *state = json_get_text(status, "state", "");
	char *path = command_quote(campaign);

	if (!strcmp(state, "running") || !strcmp(state, "paused"))
		command_next(arguments, "%s stop %s   (or status --watch)", command_program(), path);
	else if (!strcmp(state, "done"))
		command_next(arguments, "%s show %s", command_program(), path);
	else
		command_next(arguments, "%s resume %s", command_program(), path);
	free(path);
}

static size_t count_lines(const char *text)
{
	size_t lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

static int show_once(const struct arguments *arguments, const char *campaign, json_t **status, struct orch_err *err)
{
	struct text_buf text = {0};
	int code = status_read(campaign, status, err);

	if (code)
		return code;
	if (arguments_flag(arguments, "--json")) {
		command_print_json(*status);
	} else {
		status_text(campaign, *status, &text);
		fputs(text.data, stdout);
	}
	text_buf_release(&text);
	return 0;
}

static void put_block(const char *text, const char *last, bool terminal)
{
	if (terminal && last)
		printf("\033[%zuA\033[J", count_lines(last));
	if (terminal)
		printf("\033[?7l%s\033[?7h", text); /* no wrapping: a line is a line */
	else if (!last || strcmp(last, text))
		fputs(text, stdout);
	fflush(stdout);
}

/* On a terminal the block is redrawn in place; elsewhere it is printed again when it says something new; as JSON, one object a line. */
static int watch(const struct arguments *arguments, const char *campaign, json_t **status, struct orch_err *err)
{
	bool json = arguments_flag(arguments, "--json"), terminal = isatty(1) && !json;
	struct status_watch *screen = terminal ? status_watch_open(campaign, command_color(1)) : NULL;
	char *last = NULL;
	int code = 0;

	for (;;) {
		struct text_buf text = {0};

		json_decref(*status);
		*status = NULL;
		code = status_read(campaign, status, err);
		if (code)
			break;
		if (json)
			json_write(*status, JSON_STYLE_LINE, &text);
		else if (screen)
			status_watch_text(screen, *status, process_clock(), &text);
		else
			status_text(campaign, *status, &text);
		if (json)
			text_add(&text, "\n");
		put_block(text.data, last, terminal);
		free(last);
		last = text_take(&text);
		if (strcmp(json_get_text(*status, "state", ""), "running") && strcmp(json_get_text(*status, "state", ""), "paused"))
			break;
		sleep(WATCH_SECONDS);
	}
	free(last);
	status_watch_close(screen);
	return code;
}

int cmd_status(int argc, char **argv)
{
	struct arguments arguments;
	struct orch_err err = {0};
	char *campaign = NULL;
	json_t *status = NULL;
	int code;

	if (!command_begin("status", argc, argv, &arguments, &code))
		return code;
	code = command_campaign(&arguments, &campaign, &err);
	if (!code && arguments_flag(&arguments, "--watch"))
		code = watch(&arguments, campaign, &status, &err);
	else if (!code)
		code = show_once(&arguments, campaign, &status, &err);
	if (!code)
		say_next(&arguments, campaign, status);
	json_decref(status);
	free(campaign);
	return code ? command_failed("status", code, &err) : 0;
}
