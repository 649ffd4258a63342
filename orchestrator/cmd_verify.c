#include "orchestrator/command.h"

#include <stdio.h>
#include <stdlib.h>

#include "orchestrator/verify.h"
#include "storage/base/json.h"

static size_t count_bad(const json_t *checks, bool *all_derived)
{
	size_t bad = 0, i;
	json_t *check;

	*all_derived = true;
	json_array_foreach(checks, i, check)
		if (!json_get_bool(check, "ok", 0)) {
			bad++;
			*all_derived = *all_derived && json_get_bool(check, "derived", 0);
		}
	return bad;
}

static void print_check(const struct arguments *arguments, const json_t *check)
{
	bool ok = json_get_bool(check, "ok", 0), color = command_color(1);
	const char *text = json_get_text(check, "text", "");

	if (ok && arguments_flag(arguments, "--quiet"))
		return;
	printf("%s%-7s%s %-28s ", !color ? "" : ok ? "\033[32m" : "\033[31m", ok ? "ok" : "DAMAGED", color ? "\033[0m" : "", json_get_text(check, "what", ""));
	for (; *text; text++) { /* several lines stay below the first */
		putchar(*text);
		if (*text == '\n')
			printf("%37s", "");
	}
	putchar('\n');
}

static int rebuild(const struct arguments *arguments, const char *path, struct orch_err *err)
{
	struct campaign *campaign = NULL;
	struct text_buf said = {0};
	int code = campaign_open_stored(path, &campaign, err);

	if (!code)
		code = verify_rebuild(campaign, &said, err);
	campaign_close(campaign);
	if (said.length && !arguments_flag(arguments, "--quiet"))
		fprintf(stderr, "%s", said.data);
	text_buf_release(&said);
	return code;
}

static void say_next(const struct arguments *arguments, const char *campaign, size_t bad, bool all_derived)
{
	char *path = command_quote(campaign);

	if (!bad)
		command_next(arguments, "%s show %s", command_program(), path);
	else if (all_derived && !arguments_flag(arguments, "--rebuild"))
		command_next(arguments, "%s verify --rebuild %s   (what is damaged can be made again, or restored from bundles)", command_program(), path);
	else
		command_next(arguments, "%s resume --redo-damaged %s   (sets damaged rounds aside and does again what no bundle holds)", command_program(), path);
	free(path);
}

static int look(const struct arguments *arguments, const char *campaign, struct orch_err *err)
{
	json_t *checks = NULL, *check, *object;
	bool all_derived;
	size_t bad, i;
	int code = verify_campaign(campaign, &checks, err);

	if (code)
		return code;
	bad = count_bad(checks, &all_derived);
	if (arguments_flag(arguments, "--json")) {
		object = json_pack("{s:i, s:s, s:I, s:O}", "version", 1, "campaign", campaign, "damaged", (json_int_t)bad, "checks", checks);
		command_print_json(object);
		json_decref(object);
	} else {
		json_array_foreach(checks, i, check)
			print_check(arguments, check);
		if (bad)
			printf("%zu of %zu checks found damage\n", bad, json_array_size(checks));
		else if (!arguments_flag(arguments, "--quiet"))
			printf("everything holds (%zu checks)\n", json_array_size(checks));
	}
	say_next(arguments, campaign, bad, all_derived);
	json_decref(checks);
	return bad ? ORCH_EDAMAGED : 0;
}

int cmd_verify(int argc, char **argv)
{
	struct arguments arguments;
	struct orch_err err = {0};
	char *campaign = NULL;
	int code;

	if (!command_begin("verify", argc, argv, &arguments, &code))
		return code;
	code = command_campaign(&arguments, &campaign, &err);
	if (!code && arguments_flag(&arguments, "--rebuild"))
		code = rebuild(&arguments, campaign, &err);
	if (!code)
		code = look(&arguments, campaign, &err);
	free(campaign);
	return err.code ? command_failed("verify", code, &err) : orch_exit_status(code);
}
