#include "storage/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/json.h"
#include "storage/base/process.h"
#include "storage/dataset_parts.h"

#define FORMAT "orch data v1" /* raise it when the same source would give another frame */

/* ---- the cache ---- */

char *dataset_cache_folder(void)
{
	const char *own = getenv("ORCH_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (own && own[0])
		return file_absolute(own);
	if (xdg && xdg[0])
		return text_format("%s/orch", xdg);
	return text_format("%s/.cache/orch", home && home[0] ? home : "/tmp");
}

char *dataset_cache_path(const char *kind, const char *key, const char *suffix)
{
	char *folder = dataset_cache_folder(), *path = text_format("%s/%s/%s%s", folder, kind, key, suffix);

	free(folder);
	return path;
}

static char *temporary_beside(const char *path)
{
	uint64_t attempt;
	char *folder = file_folder(path), *out;

	process_random(&attempt, sizeof attempt);
	out = text_format("%s/.new.%016llx", folder, (unsigned long long)attempt);
	free(folder);
	return out;
}

static int make_parent(const char *path, struct orch_err *err)
{
	char *folder = file_folder(path);
	int code = file_make_folders(folder, err);

	if (code)
		orch_err_prefix(err, "the cache (ORCH_CACHE sets another place)");
	free(folder);
	return code;
}

/* Whoever publishes first wins: both have the same bytes. */
static int publish(const char *temporary, const char *path, struct orch_err *err)
{
	struct orch_err why = {0};
	int code = file_publish(temporary, path, &why);

	if (code == ORCH_EBUSY)
		return file_remove_tree(temporary, err);
	return code ? orch_fail(err, code, "%s", why.text) : 0;
}

int dataset_cache_store(const char *path, const void *bytes, size_t length, struct orch_err *err)
{
	char *temporary = temporary_beside(path);
	int code = make_parent(path, err);

	if (!code)
		code = file_write_new(temporary, bytes, length, err);
	if (!code)
		code = publish(temporary, path, err);
	free(temporary);
	return code;
}

/* ---- names ---- */

/* The preparation without places: the same content elsewhere is the same data. */
static void key_of(const json_t *preparation, const char *source_hash, char out[65])
{
	json_t *shape = json_copy((json_t *)preparation);
	struct hash hash;
	char *text;

	json_object_del(shape, "source_path");
	json_object_del(shape, "base");
	json_object_del(shape, "memory");
	json_object_del(shape, "threads");
	text = json_text(shape, JSON_STYLE_CANONICAL);
	hash_begin(&hash);
	hash_add_text(&hash, FORMAT);
	hash_add_text(&hash, source_hash);
	hash_add_text(&hash, text);
	/* derived features and categories keep the order of the campaign file */
	free(text);
	text = json_text(json_object_get(shape, "features"), JSON_STYLE_LINE);
	hash_add_text(&hash, text);
	hash_end_hex(&hash, out);
	free(text);
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
	if (code == ORCH_EDAMAGED)
		file_remove_tree(path, NULL); /* it costs time only */
	if (code)
		free(path);
	else
		*out = path;
	return code == ORCH_EDAMAGED ? ORCH_EMISSING : code;
}

/* ---- preparing ---- */

static void release(struct preparation *preparation)
{
	for (size_t i = 0; i < preparation->column_count; i++) {
		free(preparation->columns[i].name);
		free(preparation->columns[i].type_name);
		free(preparation->columns[i].sql);
	}
	free(preparation->columns);
	free(preparation->dropped);
	text_buf_release(&preparation->problems);
	duck_close(preparation->duck);
	json_decref(preparation->notes);
}

static int tell_problems(const struct preparation *preparation, struct orch_err *err)
{
	if (!preparation->problem_count)
		return 0;
	if (preparation->problem_count > 20)
		return orch_fail(err, ORCH_EINPUT, "%s\nand %u more", preparation->problems.data, preparation->problem_count - 20);
	return orch_fail(err, ORCH_EINPUT, "%s", preparation->problems.data);
}

static int make_frame(struct preparation *preparation, const char *database, const char *frame, struct orch_err *err)
{
	const json_t *request = preparation->request;
	bool sql = json_get_text(request, "sql", NULL) != NULL;
	unsigned threads = sql ? 1 : (unsigned)json_get_int(request, "threads", process_cores());
	int code = duck_open(database, (uint64_t)json_get_int(request, "memory", 0), threads, &preparation->duck, err);

	if (!code)
		code = dataset_load_source(preparation, err);
	if (!code)
		code = tell_problems(preparation, err);
	if (!code)
		code = dataset_find_columns(preparation, err);
	if (!code)
		code = tell_problems(preparation, err);
	if (!code)
		code = dataset_write_frame(preparation, frame, err);
	if (!code)
		code = tell_problems(preparation, err);
	return code;
}

/* Named by the preparation, or for sql by what came out. */
static int final_path(const json_t *request, const char *source_hash, const char *made, char **out, struct orch_err *err)
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

int dataset_prepare(const json_t *request, const char *source_hash, char **path, json_t **notes, struct orch_err *err)
{
	struct preparation preparation = {.request = request, .notes = json_array()};
	char *place = dataset_cache_path("frames", "x", ".frame"), *temporary = temporary_beside(place), *database = text_format("%s.duckdb", temporary), *wal, *final = NULL;
	int code = make_parent(place, err);

	if (!code)
		code = make_frame(&preparation, database, temporary, err);
	if (!code)
		code = final_path(request, source_hash, temporary, &final, err);
	if (!code)
		code = publish(temporary, final, err);
	if (!code && notes)
		*notes = json_incref(preparation.notes);
	release(&preparation);
	wal = text_format("%s.wal", database);
	file_remove_tree(wal, NULL);
	file_remove_tree(database, NULL);
	file_remove_tree(temporary, NULL);
	if (code)
		free(final);
	else
		*path = final;
	free(wal);
	free(place);
	free(temporary);
	free(database);
	return code;
}
