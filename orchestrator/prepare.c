#include "orchestrator/prepare.h"

#include <stdlib.h>
#include <string.h>

#include "orchestrator/scheduler.h"
#include "orchestrator/study.h"
#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/json.h"
#include "storage/base/process.h"
#include "storage/dataset.h"

#define READING_LEAST ((uint64_t)256 << 20)

/* One task for one worker, once. */
struct reading {
	json_t *preparation;
	const char *source_hash;
	struct prepared *out;
	bool given;
};

static int next(void *context, struct task *task, struct orch_err *err)
{
	struct reading *reading = context;

	(void)err;
	if (reading->given)
		return 0;
	reading->given = true;
	*task = (struct task){.kind = TASK_PREPARE, .line = json_pack("{s:s, s:I, s:O, s:s}", "type", "prepare", "id", (json_int_t)0, "preparation",
	        reading->preparation, "source_hash", reading->source_hash)};
	return 1;
}

static int finished(void *context, struct task *task, struct task_outcome *outcome, struct orch_err *err)
{
	struct reading *reading = context;
	const char *path = json_get_text(outcome->output, "frame", NULL);

	(void)task;
	if (outcome->end == TASK_ERROR)
		return orch_fail(err, outcome->detail, "%s", outcome->text);
	if (outcome->end != TASK_OK || !path)
		return orch_fail(err, ORCH_EIO, "reading the data failed (%s): %s", task_end_name(outcome->end), outcome->text ? outcome->text : "no path came back");
	reading->out->frame = mem_text(path);
	reading->out->notes = json_incref(json_object_get(outcome->output, "notes"));
	return 0;
}

static int read_source(const char *program, struct reading *reading, struct orch_err *err)
{
	struct scheduler_options options = {.program = program, .workers = 1, .threads = 1};
	struct scheduler_source source = {.context = reading, .next = next, .finished = finished};
	struct scheduler *scheduler = NULL;
	int code = scheduler_open(&options, &scheduler, err);

	if (!code)
		code = scheduler_run(scheduler, &source, err);
	scheduler_close(scheduler);
	return code;
}

static int make_folds(const struct spec *spec, struct prepared *out, struct orch_err *err)
{
	struct frame *frame = NULL;
	struct split *split = NULL;
	void *bytes = NULL;
	size_t length;
	int code = frame_open(out->frame, false, &frame, err);

	if (!code)
		code = study_split(spec, frame, &split, err);
	if (!code)
		code = split_encode(split, &bytes, &length);
	if (!code)
		code = dataset_cache_store(out->folds, bytes, length, err);
	free(bytes);
	split_release(split);
	frame_close(frame);
	return code;
}

static bool folds_hold(const char *path)
{
	struct split *split = NULL;
	char *bytes = NULL;
	size_t length;
	bool hold = !file_read(path, 0, &bytes, &length, NULL) && !split_decode(bytes, length, &split, NULL);

	free(bytes);
	split_release(split);
	return hold;
}

static int find_or_make_folds(const struct spec *spec, struct prepared *out, struct orch_err *err)
{
	char key[65];
	int code = 0;

	study_split_key(spec, out->frame_hash, key);
	out->folds = dataset_cache_path("folds", key, ".folds");
	out->folds_reused = folds_hold(out->folds);
	if (!out->folds_reused) {
		if (file_exists(out->folds))
			code = file_remove_tree(out->folds, err); /* damaged: it costs time only */
		if (!code)
			code = make_folds(spec, out, err);
	}
	return code ? code : hash_file(out->folds, 0, out->folds_hash, NULL, err);
}

/* Nothing else runs while the source is read: it may have half of what the campaign may have. What does not fit is spilled, but the rows
 * that are read at once are not: wide files need memory for each of their columns. */
static uint64_t reading_memory(const struct spec *spec)
{
	uint64_t all = spec->resources.memory ? spec->resources.memory : process_memory_available() / 10 * 8;

	return all / 2 > READING_LEAST ? all / 2 : READING_LEAST;
}

int prepare_data(const struct spec *spec, const char *program, struct prepared *out, struct orch_err *err)
{
	struct prepared made = {0};
	struct reading reading = {.preparation = study_preparation(spec), .source_hash = made.source_hash, .out = &made};
	double began = process_clock();
	int code = dataset_source_hash(reading.preparation, made.source_hash, err);

	if (!code) {
		made.frame_reused = !dataset_find(reading.preparation, made.source_hash, &made.frame, NULL);
		if (!made.frame_reused) {
			json_object_set_new(reading.preparation, "memory", json_integer((json_int_t)reading_memory(spec)));
			code = read_source(program, &reading, err);
		}
	}
	if (!code)
		code = dataset_frame_hash(made.frame, made.frame_hash, err);
	if (!code)
		code = find_or_make_folds(spec, &made, err);
	json_decref(reading.preparation);
	made.seconds = process_clock() - began;
	if (code)
		prepared_release(&made);
	else
		*out = made;
	return code;
}

void prepared_release(struct prepared *prepared)
{
	free(prepared->frame);
	free(prepared->folds);
	json_decref(prepared->notes);
	*prepared = (struct prepared){0};
}
