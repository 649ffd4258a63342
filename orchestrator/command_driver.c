/* The command engine: one run of the user's program for each fit. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "orchestrator/command_parts.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/process.h"

#define LINES_SHOWN 20
#define SAID_BYTES 2048 /* of a program's stderr kept with each of its fits */

#define ARGUMENT_SHOWN 200
#define COMMAND_SHOWN 700
#define TASK_SHOWN 500

struct places {
	const struct worker *worker;
	const struct command_fit *fit;
	const char *data, *features;
};

/* ---- the command line ---- */

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
		text_add(out, places->data ? places->data : "");
	else if (!strcmp(name, "features_file"))
		text_add(out, places->features ? places->features : "");
	else if (!strcmp(name, "fold"))
		text_addf(out, "%d", fit->fold < 0 ? -1 : fit->fold % k);
	else if (!strcmp(name, "repeat"))
		text_addf(out, "%d", fit->fold < 0 ? -1 : fit->fold / k);
	else if (!strcmp(name, "trial"))
		text_addf(out, "%lld", (long long)fit->trial);
	else if (!strcmp(name, "target"))
		for (unsigned t = 0; t < study->target_count; t++)
			text_addf(out, "%s%s", t ? "," : "", study->target_names[t]);
	else if (!strcmp(name, "seed"))
		text_addf(out, "%llu", (unsigned long long)fit->seed);
	else if (!strcmp(name, "threads"))
		text_addf(out, "%u", fit->threads);
	else
		return false;
	return true;
}

#define PLACE '\001' /* stands for a placeholder where only the words are looked at */

struct mentions {
	bool data, features;
};

static bool mark_place(const void *context, const char *name, struct text_buf *out)
{
	struct mentions *mentions = *(struct mentions *const *)context;

	mentions->data = mentions->data || !strcmp(name, "data");
	mentions->features = mentions->features || !strcmp(name, "features_file");
	text_addf(out, "%c", PLACE);
	return true;
}

static bool is_regular(const char *path)
{
	struct stat status;

	return !stat(path, &status) && S_ISREG(status.st_mode);
}

/* Paths in a spec are relative to the spec's folder, and the program runs elsewhere: a word of the template (never a value that was put in) that
 * looks like a path and names a file there becomes that file. */
static void find_files(char **argv, char *const *words, const char *base)
{
	for (size_t i = 0; argv[i]; i++) {
		char *path;

		if (words[i][0] == '/' || words[i][0] == '-' || strchr(words[i], PLACE) || !strpbrk(words[i], "./"))
			continue;
		path = file_join(base, words[i]);
		if (is_regular(path)) {
			free(argv[i]);
			argv[i] = path;
		} else {
			free(path);
		}
	}
}

/* ---- what is told about a failure ---- */

/* The last line that is not blank; ends the buffer after it. May hold NUL bytes, and then is no JSON. */
static const char *last_line(struct text_buf *buf)
{
	const char *start;

	while (buf->length && strchr(" \t\r\n", buf->data[buf->length - 1]))
		buf->data[--buf->length] = '\0';
	start = buf->length ? memrchr(buf->data, '\n', buf->length) : NULL;
	return start ? start + 1 : buf->length ? buf->data : "";
}

/* The last whole lines that fit into room: the end of what a program says is what tells why. */
static void add_tail(struct text_buf *out, const char *title, struct text_buf *buf, size_t room)
{
	const char *end, *at;
	int lines = 0;

	last_line(buf); /* blank lines at the end go */
	end = at = buf->data + buf->length;
	while (at > buf->data && lines < LINES_SHOWN && (size_t)(end - at) < room)
		lines += *--at == '\n';
	if (at > buf->data) /* in the middle of a line, or on the newline before the first one shown */
		for (at++; at < end && at[-1] != '\n' && ((unsigned char)*at & 0xc0) == 0x80; at++)
			;
	if (at >= end)
		return;
	text_addf(out, "\n%s:", title);
	while (at < end) {
		size_t length = strcspn(at, "\n");
		char *line = text_format("%.*s", (int)length, at), *printable = text_printable(line);

		text_addf(out, "\n  %s", printable);
		free(line);
		free(printable);
		at += length + (at + length < end);
	}
}

static char *shell_line(char *const *argv)
{
	struct text_buf line = {0};
	char *printable;

	command_add_shell(&line, argv);
	printable = text_printable(line.data ? line.data : "");
	text_buf_release(&line);
	return printable;
}

static int tell_failure(struct command_output *output, char *const *argv, const json_t *request, const char *why, struct orch_err *err)
{
	struct text_buf text = {0};
	char *line = shell_line(argv);

	text_add(&text, why);
	text_addf(&text, "\ncommand: %.*s%s", COMMAND_SHOWN, line, strlen(line) > COMMAND_SHOWN ? " ..." : "");
	if (request) {
		char *task = json_text(request, JSON_STYLE_LINE);

		text_addf(&text, "\ntask: %.*s%s", TASK_SHOWN, task, strlen(task) > TASK_SHOWN ? " ..." : "");
		free(task);
	}
	if (output->err.length)
		add_tail(&text, "stderr", &output->err, 700);
	if (output->out.length)
		add_tail(&text, "stdout", &output->out, 300);
	orch_fail(err, ORCH_EFIT, "%s", text.data);
	text_buf_release(&text);
	free(line);
	return ORCH_EFIT;
}

/* ---- one fit ---- */

static void keep_said(struct worker *worker, const struct text_buf *said)
{
	size_t skip = said->length > SAID_BYTES ? said->length - SAID_BYTES : 0;

	free(worker->said);
	worker->said = NULL;
	while (skip && skip < said->length && ((unsigned char)said->data[skip] & 0xc0) == 0x80)
		skip++;
	if (said->length)
		worker->said = text_is_utf8(said->data + skip, said->length - skip) && strlen(said->data + skip) == said->length - skip ? mem_text(said->data + skip)
		                                                                                                                    : text_printable(said->data + skip);
}

bool command_note_progress(struct worker *worker, const json_t *object)
{
	const json_t *step = json_object_get(object, "step"), *value = json_object_get(object, "value");

	if (worker->curve.stopped)
		return true; /* what comes after that depends on when it ends */
	if (!worker->progress)
		worker->progress = json_array();
	if (json_is_number(value) && json_array_size(worker->progress) < COMMAND_PROGRESS_MAX)
		json_array_append_new(worker->progress, json_pack("[o, O]", json_is_integer(step) ? json_incref((json_t *)step) : json_null(), value));
	return json_is_integer(step) && json_is_number(value) && fit_curve_note(&worker->curve, json_integer_value(step), json_number_value(value));
}

/* The template form reports on its way, too: lines like {"type":"progress","step":3,"value":0.61}. */
struct watching {
	struct worker *worker;
	struct text_buf line; /* not ended yet; of one longer than WATCHED only the beginning */
};
#define WATCHED 4096

static void take_progress(struct watching *watching)
{
	json_t *object = NULL;

	if (watching->line.length && watching->line.data[0] == '{' && memmem(watching->line.data, watching->line.length, "progress", 8) &&
	        !json_parse(watching->line.data, watching->line.length, "line", &object, NULL) && !strcmp(json_get_text(object, "type", ""), "progress"))
		command_note_progress(watching->worker, object);
	json_decref(object);
	watching->line.length = 0;
}

static bool watch(void *context, const char *bytes, size_t length)
{
	struct watching *watching = context;

	while (length) {
		const char *newline = memchr(bytes, '\n', length);
		size_t piece = newline ? (size_t)(newline - bytes) : length, room = WATCHED - watching->line.length;

		text_add_bytes(&watching->line, bytes, piece < room ? piece : room);
		if (newline)
			take_progress(watching);
		piece += newline != NULL;
		bytes += piece;
		length -= piece;
	}
	return watching->worker->curve.stopped;
}

/* The answer's line of either form. */
static int ask(struct worker *worker, const struct command_fit *fit, char *const *argv, const char *folder, json_t *request, struct command_output *output,
        char **answer, struct orch_err *err)
{
	const struct spec_resources *resources = &worker->spec->resources;
	struct watching watching = {.worker = worker};
	struct command_limits limits = {.seconds = resources->fit_timeout, .output = resources->fit_output, .watch = watch, .context = &watching};
	int code;

	if (request)
		return command_server_fit(worker, argv, fit->scratch, folder, request, &limits, output, answer, err);
	code = command_process(argv, folder, &limits, output, err);
	take_progress(&watching);
	text_buf_release(&watching.line);
	if (!code && output->status)
		return output->signal ? orch_fail(err, ORCH_EFIT, "the program was ended by signal %d (%s)", output->signal, strsignal(output->signal))
		                      : orch_fail(err, ORCH_EFIT, "the program ended with exit status %d", output->status);
	if (!code)
		*answer = mem_text(last_line(&output->out));
	return code;
}

/* {"type":"error"} of a program that stays alive is an answer, too. */
static int take_answer(struct worker *worker, const struct command_fit *fit, const char *folder, const char *answer, bool stays, double **prediction, double *score,
        struct orch_err *err)
{
	json_t *object = NULL;
	char *text = NULL, *printable;
	int code;

	if (stays && !json_parse(answer, strlen(answer), "answer", &object, NULL) && !strcmp(json_get_text(object, "type", ""), "error"))
		text = mem_text(json_get_text(object, "text", "the program says that the fit failed, and not why"));
	json_decref(object);
	if (!text)
		return command_result(worker, fit, folder, answer, prediction, score, &worker->features_used, err);
	printable = text_printable(text);
	code = orch_fail(err, ORCH_EFIT, "%.900s", printable);
	free(text);
	free(printable);
	return code;
}

static int run_in(struct worker *worker, const struct command_fit *fit, char *const *argv, const char *folder, json_t *request, double **prediction, double *score,
        struct orch_err *err)
{
	struct command_output output = {0};
	struct orch_err why = {0};
	char *line = shell_line(argv), *answer = NULL;
	int code;

	dprintf(2, "command: %.*s\n", COMMAND_SHOWN, line); /* among our last words, should we be killed with it */
	free(line);
	code = ask(worker, fit, argv, folder, request, &output, &answer, &why);
	worker->cause = output.cause;
	keep_said(worker, &output.err);
	if (!code && !worker->curve.stopped)
		code = take_answer(worker, fit, folder, answer, request != NULL, prediction, score, &why);
	if (code == ORCH_EFIT)
		tell_failure(&output, argv, request, why.text, err);
	else if (code)
		orch_fail(err, code, "%s", why.text);
	free(answer);
	text_buf_release(&output.out);
	text_buf_release(&output.err);
	return code;
}

/* The files that the template asks for, and the finished command line. */
static int prepare(struct places *places, const char *folder, char **data, char **features, char ***argv, struct orch_err *err)
{
	const struct command_fit *fit = places->fit;
	struct mentions mentions = {0}, *context = &mentions;
	char **words = NULL;
	int code = command_arguments(fit->model->run, mark_place, &context, &words, err);

	if (!code && mentions.data)
		code = command_data_file(places->worker, fit, mentions.features, folder, data, err);
	if (!code && mentions.features)
		code = command_features_file(fit, folder, features, err);
	places->data = *data;
	places->features = *features;
	if (!code)
		code = command_arguments(fit->model->run, place_value, places, argv, err);
	if (!code)
		find_files(*argv, words, places->worker->spec->base);
	command_arguments_release(words);
	return code;
}

/* What a program that stays alive is told of a fit; all features of the round are in the file, "features" says which it may use. */
static json_t *request_of(const struct places *places, const char *data, const char *folder)
{
	const struct command_fit *fit = places->fit;
	const struct study *study = places->worker->study;
	json_t *features = json_array(), *left_out = json_array(), *targets = json_array();
	int k = (int)study->split->k;
	size_t at = 0;

	for (size_t f = 0; f < study->feature_count; f++) {
		bool kept = at < fit->feature_count && !strcmp(fit->features[at], study->features[f]->name);

		json_array_append_new(kept ? features : left_out, json_string_nocheck(study->features[f]->name));
		at += kept;
	}
	for (unsigned t = 0; t < study->target_count; t++)
		json_array_append_new(targets, json_string_nocheck(study->target_names[t]));
	return json_pack("{s:s, s:i, s:s, s:o, s:o, s:o, s:O, s:I, s:i, s:i, s:I, s:i, s:s}", "type", "fit", "version", 1, "data", data, "features", features, "left_out", left_out,
	        "target", targets, "params", fit->params, "trial", (json_int_t)fit->trial, "fold", fit->fold < 0 ? -1 : fit->fold % k, "repeat", fit->fold < 0 ? -1 : fit->fold / k,
	        "seed", (json_int_t)fit->seed, "threads", (int)fit->threads, "scratch", folder);
}

int command_fit_run(struct worker *worker, const struct command_fit *fit, double **prediction, double *score, struct orch_err *err)
{
	char *data = NULL, *features = NULL, *folder, **argv = NULL;
	struct places places = {.worker = worker, .fit = fit};
	json_t *request = NULL;
	uint32_t attempt;
	int code;

	if (!fit->test_count) { /* nothing is held out to predict, and no model is kept of a program */
		*prediction = NULL;
		*score = NAN;
		return 0;
	}
	process_random(&attempt, sizeof attempt);
	folder = text_format("%s/run.trial_%lld.fold_%d.%08x", fit->scratch, (long long)fit->trial, fit->fold, attempt);
	code = file_make_folder(folder, err);
	if (!code)
		code = prepare(&places, folder, &data, &features, &argv, err);
	if (!code && fit->model->stays) {
		code = command_data_file(worker, fit, true, folder, &data, err);
		request = code ? NULL : request_of(&places, data, folder);
	}
	if (!code)
		code = run_in(worker, fit, argv, folder, request, prediction, score, err);
	json_decref(request);
	file_remove_tree(folder, NULL);
	command_arguments_release(argv);
	free(folder);
	free(data);
	free(features);
	return code;
}
