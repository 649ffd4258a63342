/* report: the campaign's page made again from what is stored, or its content as Markdown or JSON. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "orchestrator/campaign_report.h"
#include "orchestrator/command.h"
#include "orchestrator/outcome.h"
#include "reports/plot.h"
#include "storage/base/file.h"
#include "storage/base/json.h"

extern char **environ;

static int parse_round(const struct arguments *arguments, long *round, struct orch_err *err)
{
	const char *text = arguments_value(arguments, "--round");
	int64_t value = -1;

	if (text && (!text_to_int64(text, &value) || value < 0 || value > 100000))
		return orch_fail(err, ORCH_EINPUT, "--round takes the number of a round, not \"%s\"", text);
	*round = (long)value;
	return 0;
}

static int open_in_browser(const char *path, struct orch_err *err)
{
	char program[] = "xdg-open";
	char *arguments[] = {program, (char *)(uintptr_t)path, NULL};
	pid_t pid;
	int status = 0, problem = posix_spawnp(&pid, program, NULL, NULL, arguments, environ);

	if (!problem && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	return orch_fail(err, ORCH_EIO, "no browser could be started (xdg-open); open %s", path);
}

/* Where the page of a round goes: the report itself for the chosen one. */
static char *page_path(const char *campaign, long round)
{
	char *name = round < 0 ? text_format("report/report.html") : text_format("report/round_%03ld.html", round), *path = file_join(campaign, name);

	free(name);
	return path;
}

/* The orchestrator renews the page after every round: two writers at once would be one too many. */
static bool is_renewed_elsewhere(const struct arguments *arguments, const json_t *outcome, long round, const char *path)
{
	bool running = !strcmp(json_get_text(outcome, "state", ""), "running");

	if (running && round < 0 && file_exists(path))
		command_say(arguments, "the campaign is under way: its page is renewed after every round");
	return running && round < 0 && file_exists(path);
}

static int write_page(const struct arguments *arguments, const char *campaign, const json_t *outcome, long round, struct orch_err *err)
{
	char *path = page_path(campaign, round), *quoted;
	int code = 0;

	if (!json_array_size(json_object_get(outcome, "rounds")))
		code = orch_fail(err, ORCH_EMISSING, "no round of %s is finished yet: there is nothing to report; orch status shows what it does", campaign);
	if (!code && !is_renewed_elsewhere(arguments, outcome, round, path)) {
		if (strcmp(json_get_text(outcome, "state", ""), "running"))
			code = plot_campaign(campaign, err);
		if (!code)
			code = campaign_report_page(campaign, outcome, round, path, err);
	}
	if (!code) {
		printf("%s\n", path);
		command_say(arguments, "notebook: %s", json_get_text(json_object_get(outcome, "files"), "notebook", ""));
		quoted = command_quote(campaign);
		if (!arguments_flag(arguments, "--open"))
			command_next(arguments, "%s export %s", command_program(), quoted);
		free(quoted);
	}
	if (!code && arguments_flag(arguments, "--open"))
		code = open_in_browser(path, err);
	free(path);
	return code;
}

static int answer(const struct arguments *arguments, const char *campaign, long round, struct orch_err *err)
{
	struct text_buf text = {0};
	json_t *outcome = NULL;
	int code = outcome_read(campaign, true, &outcome, err);

	if (!code && arguments_flag(arguments, "--json")) {
		command_print_json(outcome);
	} else if (!code && arguments_flag(arguments, "--md")) {
		outcome_markdown(outcome, &text);
		fputs(text.data, stdout);
	} else if (!code) {
		code = write_page(arguments, campaign, outcome, round, err);
	}
	text_buf_release(&text);
	json_decref(outcome);
	return code;
}

int cmd_report(int argc, char **argv)
{
	struct arguments arguments;
	struct orch_err err = {0};
	char *campaign = NULL;
	long round = -1;
	int code;

	if (!command_begin("report", argc, argv, &arguments, &code))
		return code;
	code = parse_round(&arguments, &round, &err);
	if (!code && round >= 0 && (arguments_flag(&arguments, "--md") || arguments_flag(&arguments, "--json")))
		code = orch_fail(&err, ORCH_EINPUT, "--round is for the page; --md and --json tell of all rounds");
	if (!code)
		code = command_campaign(&arguments, &campaign, &err);
	if (!code)
		code = answer(&arguments, campaign, round, &err);
	free(campaign);
	return code ? command_failed("report", code, &err) : 0;
}
