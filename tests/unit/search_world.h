/* Small search spaces written as JSON, for the tests of samplers. */
#ifndef TESTS_UNIT_SEARCH_WORLD_H
#define TESTS_UNIT_SEARCH_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engines/search/sampler.h"
#include "storage/base/json.h"

/* A space written as JSON: {"x": [1, 2], "f": {"float": [0, 1], "log": true, "when": {"x": 1}}}; a list with a condition is
 * {"list": [...], "when": ...}. */
struct world {
	json_t *json;
	struct space_axis axes[80];
	size_t count;
	json_t **lists[80];
	json_t *fixed;
};

static inline void world_add(struct world *w, const char *name, const json_t *value)
{
	struct space_axis *axis = &w->axes[w->count];
	const json_t *list = json_is_array(value) ? value : json_object_get(value, "list"), *range;

	*axis = (struct space_axis){.name = name, .kind = SPACE_CHOICE, .when = json_object_get(value, "when")};
	if (list) {
		w->lists[w->count] = calloc(json_array_size(list) + 1, sizeof(json_t *));
		for (size_t i = 0; i < json_array_size(list); i++)
			w->lists[w->count][i] = json_array_get(list, i);
		axis->choices = w->lists[w->count];
		axis->choice_count = json_array_size(list);
	} else {
		axis->kind = json_object_get(value, "float") ? SPACE_FLOAT : SPACE_INT;
		range = json_object_get(value, axis->kind == SPACE_FLOAT ? "float" : "int");
		axis->low = json_number_value(json_array_get(range, 0));
		axis->high = json_number_value(json_array_get(range, 1));
		axis->step = json_number_value(json_object_get(value, "step"));
		axis->log = json_is_true(json_object_get(value, "log"));
	}
	w->count++;
}

static inline void world_make(struct world *w, const char *text, const char *fixed)
{
	const char *name;
	json_t *value;

	memset(w, 0, sizeof(*w));
	w->json = json_loads(text, 0, NULL);
	w->fixed = fixed ? json_loads(fixed, 0, NULL) : NULL;
	assert_non_null(w->json);
	json_object_foreach (w->json, name, value)
		world_add(w, name, value);
}

static inline void world_release(struct world *w)
{
	for (size_t a = 0; a < w->count; a++)
		free(w->lists[a]);
	json_decref(w->json);
	json_decref(w->fixed);
}

static inline struct sampler_request request_of(const struct world *w)
{
	return (struct sampler_request){.axes = w->axes, .axis_count = w->count, .fixed = w->fixed, .seed = 42};
}

static inline void *must_open(const struct sampler *sampler, const struct sampler_request *request)
{
	struct orch_err err = {0};
	void *state = NULL;

	if (sampler->open(request, &state, &err) != 0)
		fail_msg("%s", err.text);
	return state;
}

/* The proposal as text (malloc'd), keys in order of insertion. */
static inline char *proposal(const struct sampler *sampler, void *state, uint64_t trial)
{
	struct orch_err err = {0};
	json_t *params = NULL;
	char *text;

	if (sampler->propose(state, trial, &params, &err) != 0)
		fail_msg("trial %d: %s", (int)trial, err.text);
	text = json_text(params, JSON_STYLE_LINE);
	json_decref(params);
	return text;
}

static inline void check_proposal(const struct sampler *sampler, void *state, uint64_t trial, const char *want)
{
	char *text = proposal(sampler, state, trial);

	json_t *got = json_loads(text, 0, NULL), *wanted = json_loads(want, 0, NULL);

	if (!json_equal(got, wanted))
		fail_msg("trial %d is %s, not %s", (int)trial, text, want);
	json_decref(got);
	json_decref(wanted);
	free(text);
}

#endif
