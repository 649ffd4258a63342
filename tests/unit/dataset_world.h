/* A cache and source files of one's own, for the tests of preparing data. */
#ifndef TESTS_UNIT_DATASET_WORLD_H
#define TESTS_UNIT_DATASET_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"
#include "storage/dataset.h"

static char world_folder[64];

static inline int world_setup(void **state)
{
	char *cache;

	(void)state;
	strcpy(world_folder, "/tmp/orch-data-XXXXXX");
	assert_non_null(mkdtemp(world_folder));
	cache = file_join(world_folder, "cache");
	setenv("ORCH_CACHE", cache, 1);
	free(cache);
	return 0;
}

static inline int world_teardown(void **state)
{
	(void)state;
	file_remove_tree(world_folder, NULL);
	return 0;
}

static inline void world_write(const char *name, const char *bytes, size_t length)
{
	char *path = file_join(world_folder, name);

	assert_int_equal(file_remove(path, NULL), 0);
	assert_int_equal(file_write_new(path, bytes, length, NULL), 0);
	free(path);
}

/* JSON written with ' for " and ` for '. */
static inline json_t *world_json(const char *text)
{
	char *copy = mem_text(text);
	json_t *json;

	for (char *at = copy; *at; at++)
		*at = *at == '\'' ? '"' : *at == '`' ? '\'' : *at;
	json = json_loads(copy, 0, NULL);
	if (!json)
		fail_msg("no JSON: %s", copy);
	free(copy);
	return json;
}

/* What to prepare: the target y of a file of the world, and further keys. */
static inline json_t *world_request(const char *source, const char *more)
{
	json_t *request = json_pack("{s:[s]}", "targets", "y"), *given = world_json(more);

	if (source)
		json_object_set_new(request, "source_path", json_sprintf("%s/%s", world_folder, source));
	json_object_set_new(request, "base", json_string(world_folder));
	json_object_update(request, given);
	json_decref(given);
	return request;
}

/* Hash and preparation, as a campaign does it. */
static inline int world_prepare(const json_t *request, char **path, json_t **notes, struct orch_err *err)
{
	char hash[65];
	int code = dataset_source_hash(request, hash, err);

	return code ? code : dataset_prepare(request, hash, path, notes, err);
}

#endif
