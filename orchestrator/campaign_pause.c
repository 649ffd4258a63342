/* A full disk or a read-only file system pauses a campaign: nothing was acknowledged, so what was open is closed, and once there is room it is opened as a
 * resume would open it. The lock stays held. What was under way when the room ended is done again; what was committed is not. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "orchestrator/campaign.h"
#include "orchestrator/display.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/process.h"
#include "storage/file_system.h"

#define LOOK_SECONDS 2.0    /* between two looks, when the campaign got on since the pause before */
#define LOOK_SECONDS_MAX 60 /* what needs more than what is free would otherwise be tried again and again */
#define PROBE_BYTES (64u << 10)

/* The errno that ended a run for want of room; 0: it was something else. Through layers and processes a failure travels as text, and every one of these texts
 * ends with what strerror said. */
static int no_room(int code, const struct orch_err *err)
{
	static const int errors[] = {ENOSPC, EDQUOT, EROFS};

	for (size_t i = 0; i < sizeof errors / sizeof *errors && (code == ORCH_EIO || code == ORCH_EUNSURE); i++)
		if (err->sys == errors[i] || strstr(err->text, strerror(errors[i])))
			return errors[i];
	return 0;
}

bool campaign_out_of_room(int code, const struct orch_err *err)
{
	return no_room(code, err) != 0;
}

/* Free blocks are not all: a quota, a file system that turned read-only under an old mount. */
static bool can_write(const struct campaign *campaign)
{
	char *path = campaign_dir_path(campaign->dir, ".room"), *bytes;
	bool fine;

	if (!file_system_has_room(campaign->dir->path)) {
		free(path);
		return false;
	}
	bytes = mem_must(PROBE_BYTES, 1);
	file_remove(path, NULL);
	fine = !file_write_new(path, bytes, PROBE_BYTES, NULL);
	file_remove(path, NULL);
	free(bytes);
	free(path);
	return fine;
}

static void close_all(struct campaign *campaign)
{
	scheduler_close(campaign->scheduler);
	campaign->scheduler = NULL;
	if (campaign->ledger)
		ledger_close(&campaign->ledger, NULL);
	event_log_close(campaign->progress);
	event_log_close(campaign->telemetry);
	campaign->progress = campaign->telemetry = NULL;
}

/* True: there is room. False: asked to stop, or out of patience. */
static bool wait_for_room(const struct campaign *campaign, double look, double patience)
{
	struct timespec step = {.tv_nsec = 100000000};
	double began = process_clock(), looked = began;

	while (!scheduler_stop_requests() && process_clock() - began < patience) {
		nanosleep(&step, NULL);
		if (process_clock() - looked < look)
			continue;
		looked = process_clock();
		if (can_write(campaign))
			return true;
	}
	return false;
}

static const char *what_is_wrong(int sys)
{
	return sys == EROFS ? "the file system is read-only" : sys == EDQUOT ? "the disk quota is used up" : "the disk is full";
}

static void say_pause(struct campaign *campaign, int sys, const struct orch_err *why)
{
	char *line = text_format("%.*s", (int)strcspn(why->text, "\n"), why->text);

	display_line(campaign->display, "paused: %s (%s)", what_is_wrong(sys), line);
	display_line(campaign->display, "it goes on by itself when there is room in %s; Ctrl-C ends it, to be resumed", campaign->dir->path);
	display_status_file(campaign->display, campaign, "paused"); /* where nothing can be written the lock file still tells */
	campaign_dir_say_paused(campaign->dir, what_is_wrong(sys));
	free(line);
}

static int tell_event(struct campaign *campaign, int sys, const char *text, double seconds, struct orch_err *err)
{
	return campaign_event(campaign, "campaign_paused", json_pack("{s:s, s:s, s:f}", "reason", what_is_wrong(sys), "text", text, "seconds", seconds), err);
}

/* From one lack of room to the next is progress when a fit was finished between. */
static double next_look(struct campaign *campaign, int64_t finished)
{
	if (campaign->look_seconds > 0 && finished <= campaign->finished_before)
		campaign->look_seconds = fmin(2 * campaign->look_seconds, LOOK_SECONDS_MAX);
	else
		campaign->look_seconds = LOOK_SECONDS;
	campaign->finished_before = finished;
	return campaign->look_seconds;
}

int campaign_pause(struct campaign *campaign, struct orch_err *err)
{
	double began = process_clock(), patience = campaign->spec->resources.pause, look;
	struct orch_err why = *err;
	char seconds[TEXT_NUMBER_MAX];
	char *safe = text_is_utf8(why.text, strlen(why.text)) ? mem_text(why.text) : text_printable(why.text);
	int sys = no_room(why.code, &why), code = why.code;

	if (patience <= 0)
		goto out;
	look = next_look(campaign, campaign->fits_done + campaign->fits_failed);
	say_pause(campaign, sys, &why);
	close_all(campaign);
	while (code) {
		bool room = wait_for_room(campaign, look, patience - (process_clock() - began));

		orch_err_clear(err);
		if (!room) {
			code = scheduler_stop_requests() ? orch_fail(err, ORCH_ESTOPPED, "stopped while %s", what_is_wrong(sys))
			                                 : orch_fail(err, why.code, "%s\npaused for %s, given up (resources.pause)", why.text, text_seconds(patience, seconds));
			break;
		}
		code = campaign_reopen(campaign, sys == EROFS, err);
		if (!code)
			code = tell_event(campaign, sys, safe, process_clock() - began, err);
		if (code && !no_room(code, err))
			break;
		if (code)
			close_all(campaign);
	}
	campaign_dir_say_paused(campaign->dir, NULL);
	if (!code)
		display_line(campaign->display, "there is room again: going on after %s", text_seconds(process_clock() - began, seconds));
out:
	free(safe);
	return code;
}
