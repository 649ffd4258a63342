#include "orchestrator/command.h"

#include <stdio.h>
#include <stdlib.h>

#include "orchestrator/plan.h"
#include "orchestrator/prepare.h"
#include "orchestrator/probe.h"
#include "orchestrator/scheduler.h"
#include "orchestrator/warm_start.h"
#include "orchestrator/worker.h"
#include "storage/base/json.h"

static void print_plan(const struct arguments *arguments, const struct plan *plan, const struct spec *spec, const struct study *study, const char *refused)
{
	struct text_buf text = {0};

	if (arguments_flag(arguments, "--json")) {
		json_t *object = plan_json(plan, spec, study);

		json_object_set_new(object, "refused", refused ? json_string_nocheck(refused) : json_null());
		command_print_json(object);
		json_decref(object);
		return;
	}
	plan_text(plan, spec, study, &text);
	fputs(text.data, stdout);
	text_buf_release(&text);
}

static void print_notes(const struct arguments *arguments, const struct spec *spec, const struct prepared *data, const struct study *study)
{
	char *warning = study_target_warning(study), *other_data = warm_start_warning(spec, data->source_hash);
	json_t *note;
	size_t i;

	json_array_foreach(data->notes, i, note)
		command_say(arguments, "note: %s", json_string_value(note));
	if (warning)
		command_say(arguments, "warning: %s", warning);
	if (other_data)
		command_say(arguments, "warning: %s", other_data);
	free(warning);
	free(other_data);
}

/* What is counted alone may be too much already: then nothing is measured. */
static int make_plan(const struct arguments *arguments, const struct spec *spec, struct orch_err *err)
{
	struct prepared data = {0};
	struct study *study = NULL;
	struct plan plan = {0};
	json_t *earlier = NULL;
	struct orch_err refused = {0};
	int code = command_find_programs(spec, err);

	if (!code)
		code = prepare_data(spec, probe_program(), &data, err);
	if (!code)
		code = study_open(spec, data.frame, data.folds, &study, err);
	if (!code)
		code = warm_start_read(spec, &earlier, err);
	if (!code && earlier)
		command_say(arguments, "note: warm start from %zu trials of %s", json_array_size(earlier), spec->hpo.warm_start);
	json_decref(earlier);
	if (!code)
		code = plan_make(spec, study, &plan, err);
	if (!code && !plan_check_limits(&plan, spec, &refused)) {
		if (probe_can(spec))
			command_say(arguments, "trying the first fits, at most %g s", PROBE_SECONDS);
		code = probe_time(spec, study, &data, &plan, err);
	}
	if (!code) {
		print_notes(arguments, spec, &data, study);
		if (!refused.code)
			plan_check_limits(&plan, spec, &refused);
		print_plan(arguments, &plan, spec, study, refused.code ? refused.text : NULL);
		if (refused.code)
			code = orch_fail(err, refused.code, "%s", refused.text);
	}
	study_close(study);
	prepared_release(&data);
	return code;
}

int cmd_plan(int argc, char **argv)
{
	struct arguments arguments;
	struct orch_err err = {0};
	struct spec *spec = NULL;
	char *path;
	int code;

	if (!command_begin("plan", argc, argv, &arguments, &code) || !command_load_spec("plan", arguments.rest[0], &spec, &code))
		return code;
	scheduler_catch_signals();
	code = make_plan(&arguments, spec, &err);
	spec_release(spec);
	if (code)
		return command_failed("plan", code, &err);
	path = command_quote(arguments.rest[0]);
	command_next(&arguments, "%s start %s", command_program(), path);
	free(path);
	return 0;
}
