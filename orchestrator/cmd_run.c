#include "orchestrator/cmd_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "orchestrator/detach.h"
#include "orchestrator/display.h"
#include "orchestrator/finish_hook.h"
#include "orchestrator/outcome.h"
#include "storage/base/mem.h"
#include "storage/base/process.h"

/* ---- the last words ---- */

static void print_morning(const struct arguments *arguments, const char *campaign, double seconds)
{
	struct orch_err err = {0};
	struct text_buf text = {0};
	json_t *outcome = NULL;
	char *path = command_quote(campaign);

	if (outcome_read(campaign, false, &outcome, &err)) {
		fprintf(stderr, "orch: %s is done, but its summary cannot be read: %s\n", campaign, err.text);
	} else if (!arguments_flag(arguments, "--quiet")) {
		outcome_morning(outcome, seconds, &text);
		fputs(text.data, stdout);
	}
	command_next(arguments, "%s show %s", command_program(), path);
	json_decref(outcome);
	text_buf_release(&text);
	free(path);
}

/* Said even with --quiet: without it a night's work would seem lost. */
static int print_end(const struct arguments *arguments, const struct campaign *campaign, int code, const struct orch_err *err)
{
	const char *folder = campaign->dir->path;
	char *path = command_quote(folder), *name = text_printable(campaign->spec->name);

	if (code == 0)
		print_morning(arguments, folder, process_clock() - campaign->started);
	else if (code == ORCH_ESTOPPED)
		fprintf(stderr, "%s is stopped; what is finished is kept. Go on with:\n  %s resume %s\n", name, command_program(), path);
	else {
		fprintf(stderr, "orch %s: %s\n", arguments->command->name, err->text);
		if (code != ORCH_EFIT)
			fprintf(stderr, "What is finished is kept. When that is mended:\n  %s resume %s\n", command_program(), path);
		command_next(arguments, "%s show %s", command_program(), path);
	}
	free(path);
	free(name);
	return orch_exit_status(code);
}

/* ---- running ---- */

static int failed_to_open(const struct arguments *arguments, int code, const struct orch_err *err)
{
	if (code == ORCH_ESTOPPED) {
		fprintf(stderr, "stopped before anything was begun; nothing was changed\n");
		return orch_exit_status(code);
	}
	return command_failed(arguments->command->name, code, err);
}

/* ---- on_finish ---- */

/* What outlives the campaign for the command. */
struct ending {
	char *command, *name, *dir, *base;
	const char *state;
};

static void keep_ending(struct ending *ending, const struct campaign *campaign, int code)
{
	if (!campaign->spec->on_finish || scheduler_stop_requests() > 1) /* stopped at once is stopped at once */
		return;
	*ending = (struct ending){mem_text(campaign->spec->on_finish), mem_text(campaign->spec->name), mem_text(campaign->dir->path), mem_text(campaign->spec->base),
	        code == 0 ? "done" : code == ORCH_ESTOPPED ? "interrupted" : "failed"};
}

static void run_ending(struct ending *ending, int status)
{
	struct finish_hook hook = {.command = ending->command, .name = ending->name, .state = ending->state, .dir = ending->dir, .base = ending->base, .status = status};
	struct text_buf said = {0};
	struct orch_err err = {0};

	if (ending->command && finish_hook_run(&hook, &said, &err))
		fprintf(stderr, "warning: %s; what it said is in %s/telemetry/on_finish.log\n", err.text, ending->dir);
	text_buf_release(&said);
	free(ending->command);
	free(ending->name);
	free(ending->dir);
	free(ending->base);
}

static int open_and_run(const struct arguments *arguments, run_open_function open, void *context, struct detach *detach)
{
	struct display *display;
	struct campaign *campaign = NULL;
	struct ending ending = {0};
	struct orch_err err = {0};
	int code, status;

	scheduler_catch_signals();
	display = display_open(arguments_flag(arguments, "--quiet"));
	code = open(arguments, context, display, &campaign, &err);
	if (!code && detach)
		code = detach_ready(detach, campaign->dir->path, &err);
	if (!code)
		code = campaign_run(campaign, &err);
	display_close(display);
	if (campaign)
		status = print_end(arguments, campaign, code, &err);
	else
		status = failed_to_open(arguments, code, &err);
	fflush(stdout);
	if (campaign)
		keep_ending(&ending, campaign, code);
	campaign_close(campaign);
	run_ending(&ending, status); /* once its workers are gone and its lock is free */
	return status;
}

/* ---- in the background ---- */

static void print_early(const struct detach *detach)
{
	char chunk[4096];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(detach->early, chunk, sizeof chunk, at)) > 0) {
		fwrite(chunk, 1, (size_t)n, stderr);
		at += n;
	}
}

static int speak_for_background(const struct arguments *arguments, const struct detach *detach)
{
	char *path;

	if (detach->status || !arguments_flag(arguments, "--quiet"))
		print_early(detach);
	if (detach->status)
		return detach->status;
	path = command_quote(detach->folder);
	command_say(arguments, "under way in the background as pid %d; it goes on when this terminal is closed", (int)detach->pid);
	command_say(arguments, "output: %s/orch.log", detach->folder);
	command_next(arguments, "%s status --watch %s", command_program(), path);
	free(path);
	return 0;
}

int cmd_run(const struct arguments *arguments, run_open_function open, void *context)
{
	struct detach detach;
	struct orch_err err = {0};
	enum detach_side side;
	int status;

	if (!arguments_flag(arguments, "--detach"))
		return open_and_run(arguments, open, context, NULL);
	side = detach_begin(&detach, &err);
	if (side == DETACH_FAILED)
		return command_failed(arguments->command->name, err.code, &err);
	if (side == DETACH_FRONT) {
		status = speak_for_background(arguments, &detach);
	} else {
		status = open_and_run(arguments, open, context, &detach);
		detach_failed(&detach, status); /* says nothing when the campaign was under way */
	}
	detach_release(&detach);
	return status;
}
