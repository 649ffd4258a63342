/* The user's own program as an engine. Only the declaration is here: the orchestrator's process driver runs it.
 * It takes parameters of any name: the single entry "*" of kind PARAM_ANY stands for every name. Which of them the
 * command template or the JSON lines protocol uses is checked by the driver. Memory and cost are unknown before the
 * first fit. */
#include "engines/model/engine.h"

static const struct param_def command_params[] = {
        {.name = "*",
                .kind = PARAM_ANY,
                .low = 1,
                .high = 0,
                .help = "any parameter: handed to the program as it stands"},
        {.name = NULL},
};

static uint64_t command_memory(const struct engine_size *size, const json_t *params)
{
	(void)size;
	(void)params;
	return 0;
}

static int command_run(const struct engine_job *job, struct orch_err *err)
{
	(void)job;
	(void)err;
	orch_bug("the command engine has no run of its own: the process driver runs it");
}

const struct engine engine_command = {
        .name = "command",
        .version = "1",
        .help = "your own program: a command template, or a process that speaks JSON lines",
        .params = command_params,
        .tasks = ENGINE_REGRESSION | ENGINE_CLASSIFICATION,
        .many_outputs = true,
        .keeps_missing = true,
        .weights = true,
        .reports = true,
        .external = true,
        .memory = command_memory,
        .run = command_run,
};
