#include "orchestrator/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "orchestrator/stage.h"
#include "storage/base/fault.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/process.h"
#include "storage/base/trace.h"
#include "storage/dataset.h"

#define FLUSH_SECONDS 0.05 /* results of small fits wait for each other that long: a write for each would cost more than the fit */

/* The orchestrator is gone: nothing we started may outlive it. */
static void on_orphaned(int number)
{
	(void)number;
	command_end_children(0);
	kill(0, SIGKILL);
}

/* The scheduler sends TERM to the whole group and KILL three seconds later: a user's program gets most of that for its own end, and what it
 * started in another group goes with it. */
static void on_term(int number)
{
	(void)number;
	command_end_children(2000);
	_exit(143);
}

static void put_line(struct worker *worker, const json_t *line)
{
	worker->line.length = 0;
	json_write(line, JSON_STYLE_LINE, &worker->line);
	text_add(&worker->line, "\n");
	fwrite(worker->line.data, 1, worker->line.length, worker->out);
}

static void flush(struct worker *worker)
{
	fflush(worker->out);
	worker->flushed = process_clock();
}

void worker_send(struct worker *worker, const json_t *line)
{
	put_line(worker, line);
	flush(worker);
}

static json_t *safe_text(const char *text)
{
	char *printable;
	json_t *value;

	if (text_is_utf8(text, strlen(text)))
		return json_string_nocheck(text);
	printable = text_printable(text);
	value = json_string(printable);
	free(printable);
	return value;
}

void worker_send_result(struct worker *worker, json_int_t id, size_t variant, int fold, double score, json_t *take_metrics, json_t *take_files,
        const char *note, const char *failed)
{
	double cpu = process_thread_cpu();
	json_t *line = json_pack("{s:s, s:I, s:I, s:i}", "type", "result", "id", id, "variant", (json_int_t)variant, "fold", fold);

	if (failed) {
		json_object_set_new(line, "failed", safe_text(failed));
		if (worker->failures_are_final)
			json_object_set_new(line, "final", json_true());
		if (worker->cause)
			json_object_set_new(line, "cause", json_string(worker->cause));
		json_decref(take_metrics);
		json_decref(take_files);
	} else {
		json_object_set_new(line, "score", json_number_or_null(score));
		json_object_set_new(line, "metrics", take_metrics);
		if (take_files)
			json_object_set_new(line, "files", take_files);
		if (worker->curve.stopped)
			json_object_set_new(line, "pruned", json_true());
	}
	if (note)
		json_object_set_new(line, "note", safe_text(note));
	if (worker->progress)
		json_object_set(line, "progress", worker->progress);
	if (worker->said)
		json_object_set_new(line, "stderr", json_string_nocheck(worker->said));
	put_line(worker, line);
	if (process_clock() - worker->flushed > FLUSH_SECONDS)
		flush(worker);
	json_decref(line);
	worker->message_cpu_inside += process_thread_cpu() - cpu;
}

static int take_setup(struct worker *worker, const json_t *line, struct orch_err *err)
{
	int code;

	if (!worker->study) {
		code = spec_from_resolved(json_object_get(line, "spec"), "spec.json", json_get_text(line, "base", "."), &worker->spec, err);
		if (!code)
			code = study_open(worker->spec, json_get_text(line, "frame", ""), json_get_text(line, "folds", ""), &worker->study, err);
		if (code)
			return code;
	}
	worker->round = (unsigned)json_get_int(line, "round", 0);
	return study_select(worker->study, json_object_get(line, "features"), err);
}

static int do_write(struct worker *worker, const json_t *task, struct orch_err *err)
{
	struct stage_context context = {.study = worker->study, .round = (unsigned)json_get_int(task, "round", 0),
	        .campaign = json_get_text(task, "campaign", ""), .work = json_get_text(task, "work", ""), .folder = json_get_text(task, "folder", ""),
	        .part = (unsigned)json_get_int(task, "part", 0)};
	const char *name = json_get_text(task, "stage", "");
	char *path = file_join(context.campaign, "ledger.db");
	int code = 0;

	if (!json_object_get(task, "part")) { /* what an attempt before this one left */
		code = file_remove_tree(context.folder, err);
		if (!code)
			code = file_make_folder(context.folder, err);
	}
	if (!code)
		code = ledger_open(path, LEDGER_READ, false, &context.ledger, err);
	free(path);
	while (!code && context.stage < STAGE_COUNT && strcmp(stage_table[context.stage].name, name))
		context.stage++;
	if (!code && context.stage == STAGE_COUNT)
		code = orch_fail(err, ORCH_EMISSING, "there is no stage %s to write", name);
	if (!code)
		code = stage_choose_model(&context, err);
	if (!code)
		code = stage_table[context.stage].write(&context, err);
	if (!code && stage_table[context.stage].has_fits)
		code = stage_write_counts(&context, context.stage, err);
	if (context.ledger && ledger_close(&context.ledger, code ? NULL : err) && !code)
		code = ORCH_EIO;
	return code;
}

static int do_prepare(struct worker *worker, const json_t *task, struct orch_err *err)
{
	char *path = NULL;
	json_t *notes = NULL, *line;
	int code = dataset_prepare(json_object_get(task, "preparation"), json_get_text(task, "source_hash", ""), &path, &notes, err);

	if (code)
		return code;
	line = json_pack("{s:s, s:O, s:{s:s, s:o*}}", "type", "output", "id", json_object_get(task, "id"), "value", "frame", path, "notes", notes);
	worker_send(worker, line);
	json_decref(line);
	free(path);
	return 0;
}

/* Of this process and of the children that have ended. */
static double cpu_seconds(void)
{
	static const int whose[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
	double seconds = 0;

	for (size_t i = 0; i < 2; i++) {
		struct rusage usage = {0};

		getrusage(whose[i], &usage);
		seconds += (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec + 1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
	}
	return seconds;
}

static void send_end(struct worker *worker, const json_t *task, double cpu_before, int code, const struct orch_err *err)
{
	double cpu = cpu_seconds() - cpu_before, cpu_mark = process_thread_cpu();
	uint64_t peak = process_peak_anon();
	json_t *line;

	malloc_trim(0);
	if (code)
		line = json_pack("{s:s, s:O, s:i, s:o}", "type", "error", "id", json_object_get(task, "id"), "code", code, "text", safe_text(err->text));
	else
		line = json_pack("{s:s, s:O}", "type", "done", "id", json_object_get(task, "id"));
	json_object_set_new(line, "cpu", json_real(fmax(cpu - worker->message_cpu_inside, 0)));
	json_object_set_new(line, "message_cpu", json_real(worker->message_cpu + worker->message_cpu_inside));
	json_object_set_new(line, "peak_rss", json_integer((json_int_t)peak));
	json_object_set_new(line, "rss_anon", json_integer((json_int_t)process_rss_anon(getpid())));
	worker_send(worker, line);
	json_decref(line);
	worker->message_cpu = worker->message_cpu_inside = 0;
	worker->cpu_mark = cpu_mark; /* this line itself is counted with the next task */
}

static int do_task(struct worker *worker, const json_t *task, struct orch_err *err)
{
	const char *type = json_get_text(task, "type", "");

	if (!strcmp(type, "prepare"))
		return do_prepare(worker, task, err);
	if (!worker->study)
		return orch_fail(err, ORCH_EFIT, "a task came before its setup");
	if (!strcmp(type, "fit"))
		return worker_fit(worker, task, err);
	if (!strcmp(type, "write"))
		return do_write(worker, task, err);
	return orch_fail(err, ORCH_EFIT, "unknown task type \"%s\"", type);
}

/* A setup that fails is told with the task that needed it. */
static void serve(struct worker *worker, const char *text, size_t length, struct orch_err *setup_err)
{
	struct orch_err err = {0};
	json_t *line = NULL;

	if (json_parse(text, length, "task", &line, &err)) {
		fprintf(stderr, "orch worker: %s\n", err.text);
		_exit(120);
	}
	if (!strcmp(json_get_text(line, "type", ""), "exit"))
		_exit(0);
	if (!strcmp(json_get_text(line, "type", ""), "setup")) {
		orch_err_clear(setup_err);
		take_setup(worker, line, setup_err);
		worker->cpu_mark = process_thread_cpu(); /* once a round: no cost of a message */
	} else if (setup_err->code) {
		send_end(worker, line, cpu_seconds(), setup_err->code, setup_err);
	} else {
		double cpu_before = cpu_seconds();
		int code;

		process_peak_begin();
		worker->message_cpu += process_thread_cpu() - worker->cpu_mark;
		code = do_task(worker, line, &err);
		send_end(worker, line, cpu_before, code, &err);
	}
	json_decref(line);
}

static void take_streams(struct worker *worker)
{
	int out = fcntl(1, F_DUPFD_CLOEXEC, 3);

	worker->out = out < 0 ? NULL : fdopen(out, "w");
	if (!worker->out || dup2(2, 1) < 0)
		_exit(121);
}

int worker_run(void)
{
	struct worker worker = {0};
	struct orch_err setup_err = {0};
	char *text = NULL;
	size_t capacity = 0;
	ssize_t length;
	json_t *ready;

	fault_in_worker();
	signal(SIGUSR2, on_orphaned);
	signal(SIGTERM, on_term);
	signal(SIGPIPE, SIG_IGN);
	if (getppid() == 1 && getenv("ORCH_WORKER_ALONE") == NULL)
		_exit(122); /* the orchestrator died before we could hear of it */
	take_streams(&worker);
	ready = json_pack("{s:s, s:i}", "type", "ready", "protocol", TASK_PROTOCOL);
	worker_send(&worker, ready);
	json_decref(ready);
	worker.cpu_mark = process_thread_cpu();
	while ((length = getline(&text, &capacity, stdin)) > 0)
		serve(&worker, text, (size_t)length, &setup_err);
	free(text);
	command_server_end();
	study_close(worker.study);
	spec_release(worker.spec);
	fclose(worker.out);
	text_buf_release(&worker.line);
	return 0;
}
