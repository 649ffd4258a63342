#include "orchestrator/campaign_drift.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "version.h"
#include "storage/base/file.h"
#include "storage/base/json.h"

/* The processor's name: OpenBLAS picks its kernels by it, and with them the last bits. */
static json_t *processor(void)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[512], *found = NULL;

	while (file && !found && fgets(line, sizeof line, file))
		if (!strncmp(line, "model name", 10) && (found = strchr(line, ':')))
			found += 2;
	if (found)
		found[strcspn(found, "\n")] = '\0';
	if (file)
		fclose(file);
	return json_string(found ? found : "unknown");
}

json_t *drift_this_build(void)
{
	return json_pack("{s:s, s:s, s:o}", "version", ORCH_VERSION, "build", ORCH_BUILD, "cpu", processor());
}

/* Notes a difference that was allowed: progress.jsonl is opened later, so the texts wait in `kept` and in campaign->info. */
static void record(struct campaign *campaign, const char *what, const char *text)
{
	json_t *list = json_object_get(campaign->info, "drift");

	if (!list) {
		list = json_array();
		json_object_set_new(campaign->info, "drift", list);
	}
	json_array_append_new(list, json_pack("{s:s, s:s}", "what", what, "text", text));
	text_addf(&campaign->kept, "%s changed, going on as asked (--allow-drift):\n%s\n", what, text);
}

int drift_check_spec(struct campaign *campaign, const char *spec_path, bool allow, struct orch_err *err)
{
	struct spec *now = NULL;
	char *report = NULL, *difference = NULL;
	struct orch_err why = {0};
	int code;

	if (!file_exists(spec_path)) {
		text_addf(&campaign->kept, "%s is not there any more; going on with the campaign's own copy\n", spec_path);
		return 0;
	}
	code = spec_load(spec_path, false, &now, &report, &why);
	if (code)
		difference = text_format("  it does not load any more:\n%s", report ? report : why.text);
	else
		difference = spec_difference(campaign->spec->resolved, now->resolved);
	code = 0;
	if (difference[0] && allow)
		record(campaign, "the campaign file", difference);
	else if (difference[0])
		code = orch_fail(err, ORCH_EDRIFT, "%s is not what this campaign was started with:\n%s\nput it back, start another campaign (orch start --dir OTHER), or go on with "
		        "what was started: orch resume --allow-drift", spec_path, difference);
	spec_release(now);
	free(report);
	free(difference);
	return code;
}

int drift_check_build(struct campaign *campaign, bool allow, struct orch_err *err)
{
	json_t *now = drift_this_build(), *then = json_object_get(campaign->info, "orch");
	const char *was = json_get_text(then, "build", "?"), *cpu_was = json_get_text(then, "cpu", "?"), *cpu_is = json_get_text(now, "cpu", "?");
	int code = 0;

	if (strcmp(was, ORCH_BUILD)) {
		char *text = text_format("  orch %s build %s -> %s build %s", json_get_text(then, "version", "?"), was, ORCH_VERSION, ORCH_BUILD);

		if (allow)
			record(campaign, "orch", text);
		else
			code = orch_fail(err, ORCH_EDRIFT, "this campaign was started by another build of orch, whose numbers may differ in their last bits:\n%s\nuse that build, or go on "
			        "with this one: orch resume --allow-drift", text);
		free(text);
	}
	if (!code && strcmp(cpu_was, cpu_is))
		text_addf(&campaign->kept, "this processor (%s) is not the one it was started on (%s): results agree to about 1e-9, not to the bit\n", cpu_is, cpu_was);
	json_decref(now);
	return code;
}

static int back_to_old_frame(struct campaign *campaign, struct prepared *data)
{
	const json_t *then = json_object_get(campaign->info, "data");
	const char *frame = json_get_text(then, "frame", ""), *folds = json_get_text(then, "folds", "");

	if (!file_exists(frame) || !file_exists(folds))
		return -1;
	free(data->frame);
	free(data->folds);
	data->frame = mem_text(frame);
	data->folds = mem_text(folds);
	return 0;
}

int drift_check_data(struct campaign *campaign, struct prepared *data, bool allow, struct orch_err *err)
{
	const json_t *then = json_object_get(campaign->info, "data");
	const char *frame_was = json_get_text(then, "frame_hash", ""), *folds_was = json_get_text(then, "folds_hash", "");
	bool frame_same = !strcmp(frame_was, data->frame_hash), folds_same = !strcmp(folds_was, data->folds_hash);
	char *text;
	int code = 0;

	if (frame_same && folds_same)
		return 0;
	text = text_format("  %s %.16s -> %.16s", frame_same ? "folds" : "data", frame_same ? folds_was : frame_was, frame_same ? data->folds_hash : data->frame_hash);
	if (!allow) {
		code = orch_fail(err, ORCH_EDRIFT, "the data is not what this campaign was started with:\n%s\n%s\nput the data back, start another campaign (orch start --dir OTHER), or go "
		        "on with the data as it was first read: orch resume --allow-drift", text, campaign->spec->data.source ? campaign->spec->data.source : "the result of data.sql");
	} else if (!back_to_old_frame(campaign, data)) {
		record(campaign, "the data (going on with what was read first)", text);
	} else {
		code = orch_fail(err, ORCH_EDRIFT, "the data has changed and what was first read is not in the cache any more, so the finished rounds cannot be gone on from:\n%s\nstart "
		        "another campaign: orch start --dir OTHER", text);
	}
	free(text);
	return code;
}
