#include "orchestrator/finish_hook.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/command_parts.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/base/process.h"

static const char *const names[] = {"ORCH_NAME", "ORCH_STATE", "ORCH_EXIT", "ORCH_DIR", "ORCH_SUMMARY", "ORCH_METRIC", "ORCH_BEST", "ORCH_ROUNDS"};
#define NAME_COUNT (sizeof names / sizeof *names)

static json_t *read_summary(const struct finish_hook *hook)
{
	char *path = hook->dir ? file_join(hook->dir, "summary.json") : NULL;
	json_t *summary = NULL;

	if (!path || json_read_file(path, &summary, NULL))
		summary = json_object();
	free(path);
	return summary;
}

static char *sentence(const struct finish_hook *hook, const json_t *summary, double score)
{
	const json_t *chosen = json_object_get(summary, "chosen");

	if (!strcmp(hook->state, "test"))
		return text_format("%s: this is a test of on_finish", hook->name);
	if (!isfinite(score))
		return text_format("%s: %s, no round is finished", hook->name, hook->state);
	return text_format("%s: %s, %s %.6g with %zu feature%s (round %lld of %zu)", hook->name, hook->state, json_get_text(summary, "metric", "score"), score,
	        json_array_size(json_object_get(chosen, "features")), json_array_size(json_object_get(chosen, "features")) == 1 ? "" : "s", (long long)json_get_int(chosen, "round", 0), json_array_size(json_object_get(summary, "rounds")));
}

static void set_environment(const struct finish_hook *hook, const json_t *summary)
{
	double score = json_get_real(json_object_get(summary, "chosen"), "score", NAN);
	char best[TEXT_NUMBER_MAX] = "", status[16], rounds[32], *summed;
	const char *values[NAME_COUNT];

	if (isfinite(score))
		text_number(score, best);
	summed = sentence(hook, summary, score);
	snprintf(status, sizeof status, "%d", hook->status);
	snprintf(rounds, sizeof rounds, "%zu", json_array_size(json_object_get(summary, "rounds")));
	values[0] = hook->name;
	values[1] = hook->state;
	values[2] = status;
	values[3] = hook->dir ? hook->dir : "";
	values[4] = summed;
	values[5] = json_get_text(summary, "metric", "");
	values[6] = best;
	values[7] = rounds;
	for (size_t i = 0; i < NAME_COUNT; i++)
		setenv(names[i], values[i], 1);
	free(summed);
}

/* A file that holds the summary until the command has read it; unlinked at once would need a descriptor that the command inherits by name. */
static int write_input(const json_t *summary, char *path, struct orch_err *err)
{
	char *text = json_text(summary, JSON_STYLE_PRETTY);
	int fd = mkstemp(path), code = fd < 0 ? orch_fail(err, ORCH_EIO, "cannot make a file in /tmp for on_finish") : 0;

	if (!code)
		code = file_write_all(fd, text, strlen(text), path, err);
	if (fd >= 0)
		close(fd);
	free(text);
	return code;
}

static void keep_log(const struct finish_hook *hook, const struct text_buf *said, const char *result)
{
	char *path = hook->dir ? file_join(hook->dir, "telemetry/on_finish.log") : NULL, when[32];
	struct text_buf log = {0};

	if (!path)
		return;
	text_addf(&log, "%s state %s: %s\n%s\n", process_time_text(process_wall(), when), hook->state, result, hook->command);
	if (said->length)
		text_add_bytes(&log, said->data, said->length);
	file_replace_fast(path, log.data, log.length, NULL); /* told on the terminal as well; a disk that is full shall not matter here */
	text_buf_release(&log);
	free(path);
}

static int result_of(int code, const struct command_output *output, struct orch_err *err)
{
	if (code)
		return code;
	if (output->signal)
		return orch_fail(err, ORCH_EFIT, "it was ended by signal %d (%s)", output->signal, strsignal(output->signal));
	if (output->status)
		return orch_fail(err, ORCH_EFIT, "it ended with exit status %d", output->status);
	return 0;
}

int finish_hook_run(const struct finish_hook *hook, struct text_buf *said, struct orch_err *err)
{
	char *argv[] = {"sh", "-c", (char *)hook->command, NULL}, input[] = "/tmp/orch-finish-XXXXXX";
	struct command_limits limits = {.seconds = FINISH_SECONDS, .input = input};
	struct command_output output = {0};
	json_t *summary = read_summary(hook);
	struct orch_err why = {0};
	int code = write_input(summary, input, &why);

	if (!code) {
		set_environment(hook, summary);
		code = result_of(command_process(argv, hook->base, &limits, &output, &why), &output, &why);
		for (size_t i = 0; i < NAME_COUNT; i++)
			unsetenv(names[i]);
		if (output.cause && !strcmp(output.cause, "timeout"))
			snprintf(why.text, sizeof why.text, "it was ended after %d s", FINISH_SECONDS);
	}
	unlink(input);
	if (output.out.length)
		text_add_bytes(said, output.out.data, output.out.length);
	if (output.err.length)
		text_add_bytes(said, output.err.data, output.err.length);
	keep_log(hook, said, code ? why.text : "done");
	if (code)
		orch_fail(err, code, "on_finish: %s", why.text);
	text_buf_release(&output.out);
	text_buf_release(&output.err);
	json_decref(summary);
	return code;
}
