/* The command engine: one run of the user's program for each fit. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/command_parts.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/process.h"

#define LINES_SHOWN 20

struct places {
	const struct worker *worker;
	const struct command_fit *fit;
	const char *data, *features;
};

static void add_param(struct text_buf *out, const json_t *value)
{
	char number[TEXT_NUMBER_MAX], *text;

	if (json_is_string(value)) {
		text_add(out, json_string_value(value));
	} else if (json_is_real(value)) {
		text_add(out, text_number(json_real_value(value), number));
	} else {
		text = json_text(value, JSON_STYLE_LINE); /* null, true, 3 */
		text_add(out, text);
		free(text);
	}
}

static bool place_value(const void *context, const char *name, struct text_buf *out)
{
	const struct places *places = context;
	const struct command_fit *fit = places->fit;
	const struct study *study = places->worker->study;
	int k = (int)study->split->k;
	const json_t *value = json_object_get(fit->params, name);

	if (value)
		add_param(out, value);
	else if (!strcmp(name, "data"))
		text_add(out, places->data);
	else if (!strcmp(name, "features_file"))
		text_add(out, places->features);
	else if (!strcmp(name, "fold"))
		text_addf(out, "%d", fit->fold < 0 ? -1 : fit->fold % k);
	else if (!strcmp(name, "repeat"))
		text_addf(out, "%d", fit->fold < 0 ? -1 : fit->fold / k);
	else if (!strcmp(name, "trial"))
		text_addf(out, "%lld", (long long)fit->trial);
	else if (!strcmp(name, "target"))
		text_add(out, study->target_names[0]);
	else if (!strcmp(name, "seed"))
		text_addf(out, "%llu", (unsigned long long)study->spec->seed);
	else if (!strcmp(name, "threads"))
		text_addf(out, "%u", fit->threads);
	else
		return false;
	return true;
}

/* The last line that is not blank, cut out in place. */
static char *last_line(struct text_buf *buf)
{
	char *start;

	while (buf->length && strchr(" \t\r\n", buf->data[buf->length - 1]))
		buf->data[--buf->length] = '\0';
	start = buf->length ? strrchr(buf->data, '\n') : NULL;
	return start ? start + 1 : buf->length ? buf->data : "";
}

static void add_tail(struct text_buf *out, const char *title, const struct text_buf *buf)
{
	const char *at = buf->length ? buf->data + buf->length : NULL;
	int lines = 0;

	while (at && at > buf->data && lines <= LINES_SHOWN && buf->data + buf->length - at < 3000)
		if (*--at == '\n')
			lines++;
	if (at && *at)
		text_addf(out, "\n%s: %s", title, *at == '\n' ? at + 1 : at);
}

static int tell_failure(const struct command_output *output, char *const *argv, const char *why, struct orch_err *err)
{
	struct text_buf text = {0};

	if (why)
		text_add(&text, why);
	else if (output->signal)
		text_addf(&text, "the program was ended by signal %d (%s)", output->signal, strsignal(output->signal));
	else
		text_addf(&text, "the program ended with exit status %d", output->status);
	text_add(&text, "\ncommand: ");
	command_add_shell(&text, argv);
	add_tail(&text, "stderr", &output->err);
	add_tail(&text, "stdout", &output->out);
	orch_fail(err, ORCH_EFIT, "%.2000s", text.data);
	text_buf_release(&text);
	return ORCH_EFIT;
}

/* One program argument is a path of the campaign's own: paths in model.run are relative to the spec's folder. */
static void find_program(char **argv, const char *base)
{
	for (size_t i = 0; argv[i] && i < 3; i++) {
		char *path;

		if (argv[i][0] == '/' || argv[i][0] == '-' || !strchr(argv[i], '.'))
			continue;
		path = file_join(base, argv[i]);
		if (file_exists(path)) {
			free(argv[i]);
			argv[i] = path;
		} else {
			free(path);
		}
	}
}

static int run_in(struct worker *worker, const struct command_fit *fit, const struct places *places, const char *folder, double **prediction, double *score, struct orch_err *err)
{
	struct command_output output = {0};
	struct orch_err why = {0};
	char **argv = NULL;
	int code = command_arguments(fit->model->run, place_value, places, &argv, err);

	if (code)
		return code;
	find_program(argv, worker->spec->base);
	code = command_process(argv, folder, &output, &why);
	if (!code && output.status) {
		code = tell_failure(&output, argv, NULL, err);
	} else if (!code) {
		char *line = mem_text(last_line(&output.out));

		code = command_result(worker, fit, folder, line, prediction, score, &why);
		free(line);
		if (code == ORCH_EFIT)
			tell_failure(&output, argv, why.text, err);
		else if (code)
			orch_fail(err, code, "%s", why.text);
	} else {
		orch_fail(err, code, "%s", why.text);
	}
	text_buf_release(&output.out);
	text_buf_release(&output.err);
	command_arguments_release(argv);
	return code;
}

int command_fit_run(struct worker *worker, const struct command_fit *fit, double **prediction, double *score, struct orch_err *err)
{
	char *data = NULL, *features = NULL, *folder;
	struct places places = {.worker = worker, .fit = fit};
	uint32_t attempt;
	int code = command_data_file(worker, fit, &data, err);

	process_random(&attempt, sizeof attempt);
	folder = text_format("%s/run.trial_%lld.fold_%d.%08x", fit->scratch, (long long)fit->trial, fit->fold, attempt);
	if (!code)
		code = file_make_folder(folder, err);
	if (!code)
		code = command_features_file(fit, folder, &features, err);
	places.data = data;
	places.features = features;
	if (!code)
		code = run_in(worker, fit, &places, folder, prediction, score, err);
	file_remove_tree(folder, NULL);
	free(folder);
	free(data);
	free(features);
	return code;
}
