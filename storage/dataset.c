#include "storage/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/json.h"
#include "storage/dataset_parts.h"

#define FORMAT "orch data v3" /* raise it when the same source would give another frame */

/* ---- names ---- */

/* The preparation without places: the same content elsewhere is the same data. Another DuckDB may read it otherwise. */
static void key_of(const json_t *preparation, const char *source_hash, char out[65])
{
	json_t *shape = json_copy((json_t *)(uintptr_t)preparation);
	struct hash hash;
	char *text;

	json_object_del(shape, "source_path");
	json_object_del(shape, "base");
	json_object_del(shape, "memory");
	json_object_del(shape, "threads");
	hash_begin(&hash);
	hash_add_text(&hash, FORMAT);
	hash_add_text(&hash, duck_version());
	hash_add_text(&hash, source_hash);
	text = json_text(shape, JSON_STYLE_CANONICAL);
	hash_add_text(&hash, text);
	free(text);
	if (json_object_get(shape, "features")) { /* derived columns keep the order of the campaign file */
		text = json_text(json_object_get(shape, "features"), JSON_STYLE_LINE);
		hash_add_text(&hash, text);
		free(text);
	}
	hash_end_hex(&hash, out);
	json_decref(shape);
}

int dataset_frame_hash(const char *path, char out[65], struct orch_err *err)
{
	struct frame *frame = NULL;
	struct hash hash;
	char *text;
	int code = frame_open(path, false, &frame, err);

	if (code)
		return code;
	text = json_text(frame->header, JSON_STYLE_CANONICAL); /* it holds the hash of every column */
	hash_begin(&hash);
	hash_add_text(&hash, text);
	hash_end_hex(&hash, out);
	free(text);
	frame_close(frame);
	return 0;
}

int dataset_find(const json_t *preparation, const char *source_hash, char **out, struct orch_err *err)
{
	char key[65], *path;
	struct frame *frame = NULL;
	int code;

	if (json_get_text(preparation, "sql", NULL)) /* its result decides: it runs again to see that it is the same */
		return orch_fail(err, ORCH_EMISSING, "the result of data.sql is not known before it runs");
	key_of(preparation, source_hash, key);
	path = dataset_cache_path("frames", key, ".frame");
	code = frame_open(path, true, &frame, err);
	frame_close(frame);
	if (code == ORCH_EDAMAGED) {
		file_remove_tree(path, NULL); /* it costs time only */
		code = ORCH_EMISSING;
		if (err)
			err->code = code;
	}
	if (code)
		free(path);
	else
		*out = path;
	return code;
}

/* ---- preparing ---- */

void dataset_preparation_release(struct preparation *preparation)
{
	for (size_t i = 0; i < preparation->column_count; i++) {
		struct source_column *column = &preparation->columns[i];

		free(column->name);
		free(column->type_name);
		free(column->table);
		free(column->own);
		free(column->value);
		free(column->infinite);
		free(column->text);
	}
	free(preparation->columns);
	text_buf_release(&preparation->problems);
	duck_close(preparation->duck);
	json_decref(preparation->notes);
}

int dataset_tell_problems(const struct preparation *preparation, struct orch_err *err)
{
	unsigned told = 1;

	if (!preparation->problem_count)
		return 0;
	for (const char *at = preparation->problems.data; (at = strchr(at, '\n')); at++)
		told++;
	if (preparation->problem_count > told)
		return orch_fail(err, ORCH_EINPUT, "%s\nand %u more", preparation->problems.data,
		        preparation->problem_count - told);
	return orch_fail(err, ORCH_EINPUT, "%s", preparation->problems.data);
}

/* The hash was taken before: what was read must be what was hashed. */
static int check_unchanged(const json_t *request, const char *source_hash, struct orch_err *err)
{
	char now[65];
	int code;

	if (json_get_text(request, "sql", NULL))
		return 0;
	code = dataset_source_hash(request, now, err);
	if (!code && strcmp(now, source_hash))
		code = orch_fail(err, ORCH_EDRIFT,
		        "data.source: %s changed while it was read: start again when it is whole",
		        json_get_text(request, "source_path", ""));
	return code;
}

static int make_frame(struct preparation *preparation, const char *source_hash, const char *work, const char *frame,
        struct orch_err *err)
{
	char *database = file_join(work, "duckdb"), *temporary = file_join(work, "spilled");
	struct duck_options options = {.database = database,
	        .temporary = temporary,
	        .memory = (uint64_t)json_get_int(preparation->request, "memory", 0)};
	int code = duck_open(&options, &preparation->duck, err);

	if (!code)
		code = dataset_load_source(preparation, work, err);
	if (!code)
		code = dataset_tell_problems(preparation, err);
	if (!code)
		code = check_unchanged(preparation->request, source_hash, err);
	if (!code)
		code = dataset_find_columns(preparation, err);
	if (!code)
		code = dataset_check(preparation, err);
	if (!code)
		code = dataset_tell_problems(preparation, err);
	if (!code)
		code = dataset_write_frame(preparation, frame, err);
	free(database);
	free(temporary);
	return code;
}

/* Named by the preparation, or for sql by what came out. */
static int final_path(
        const json_t *request, const char *source_hash, const char *made, char **out, struct orch_err *err)
{
	char key[65], *name;
	int code = 0;

	if (json_get_text(request, "sql", NULL)) {
		code = dataset_frame_hash(made, key, err);
		name = text_format("sql_%s", key);
	} else {
		key_of(request, source_hash, key);
		name = mem_text(key);
	}
	if (!code)
		*out = dataset_cache_path("frames", name, ".frame");
	free(name);
	return code;
}

static bool frame_holds(const char *path, const void *context)
{
	struct frame *frame = NULL;
	bool holds = !frame_open(path, true, &frame, NULL);

	(void)context;
	frame_close(frame);
	return holds;
}

int dataset_prepare(const json_t *request, const char *source_hash, char **path, json_t **notes, struct orch_err *err)
{
	struct preparation preparation = {.request = request, .notes = json_array()};
	struct dataset_work work = {0};
	char *made = NULL, *final = NULL;
	int code = dataset_work_begin("frames", &work, err);

	if (!code) {
		made = file_join(work.folder, "frame");
		code = make_frame(&preparation, source_hash, work.folder, made, err);
	}
	if (!code)
		code = final_path(request, source_hash, made, &final, err);
	if (!code)
		code = dataset_publish(made, final, frame_holds, NULL, err);
	if (!code && notes)
		*notes = json_incref(preparation.notes);
	if (code)
		free(final);
	else
		*path = final;
	dataset_preparation_release(&preparation);
	dataset_work_end(&work);
	free(made);
	return code;
}
