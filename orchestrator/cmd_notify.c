#include "orchestrator/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/finish_hook.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

struct notifying {
	char *dir, *name, *command, *base;
};

static void release(struct notifying *notifying)
{
	free(notifying->dir);
	free(notifying->name);
	free(notifying->command);
	free(notifying->base);
}

static void keep(struct notifying *notifying, const struct spec *spec)
{
	notifying->name = mem_text(spec->name);
	notifying->base = mem_text(spec->base);
	notifying->command = spec->on_finish ? mem_text(spec->on_finish) : NULL;
}

static int from_campaign(struct notifying *notifying, struct orch_err *err)
{
	char *path = file_join(notifying->dir, "spec.json"), *base = file_folder(notifying->dir);
	json_t *resolved = NULL;
	struct spec *spec = NULL;
	int code = json_read_file(path, &resolved, err);

	if (!code)
		code = spec_from_resolved(resolved, path, base, &spec, err);
	if (!code)
		keep(notifying, spec);
	spec_release(spec);
	json_decref(resolved);
	free(path);
	free(base);
	return code;
}

static bool is_file(const char *path)
{
	return path && file_exists(path) && !file_is_folder(path);
}

static int run(const struct arguments *arguments, struct notifying *notifying)
{
	struct finish_hook hook = {.command = notifying->command, .name = notifying->name, .state = "test", .dir = notifying->dir, .base = notifying->base};
	struct text_buf said = {0};
	struct orch_err err = {0};
	int code = finish_hook_run(&hook, &said, &err);

	command_say(arguments, "on_finish: %s\n", notifying->command);
	if (said.length)
		fwrite(said.data, 1, said.length, stdout);
	fflush(stdout);
	text_buf_release(&said);
	if (code)
		return command_failed("notify", code, &err);
	command_say(arguments, "it ended well\n");
	return 0;
}

int cmd_notify(int argc, char **argv)
{
	struct arguments arguments;
	struct notifying notifying = {0};
	struct orch_err err = {0};
	struct spec *spec = NULL;
	int status, code = 0;

	if (!command_begin("notify", argc, argv, &arguments, &status))
		return status;
	if (!arguments_flag(&arguments, "--test"))
		code = orch_fail(&err, ORCH_EINPUT, "on_finish is run when a campaign ends; to try it now: orch notify --test");
	else if (is_file(arguments.rest_count ? arguments.rest[0] : NULL)) {
		if (!command_load_spec("notify", arguments.rest[0], &spec, &status))
			return status;
		keep(&notifying, spec);
		spec_release(spec);
	} else {
		code = command_campaign(&arguments, &notifying.dir, &err);
		if (!code)
			code = from_campaign(&notifying, &err);
	}
	if (!code && !notifying.command)
		code = orch_fail(&err, ORCH_EINPUT, "%s has no on_finish; give it one, like on_finish: notify-send \"$ORCH_NAME\" \"$ORCH_SUMMARY\"", notifying.name);
	status = code ? command_failed("notify", code, &err) : run(&arguments, &notifying);
	release(&notifying);
	return status;
}
