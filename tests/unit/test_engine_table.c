/* What every engine in the table owes the spec loader and the planner. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "engines/model/engine.h"

static bool among(const char *choices, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = choices; at && (at = strstr(at, word)); at += length)
		if ((at == choices || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
			return true;
	return false;
}

static bool in_range(const struct param_def *def, double value)
{
	return def->low > def->high || ((def->low_open ? value > def->low : value >= def->low) && value <= def->high);
}

static bool fits(const struct param_def *def, const json_t *value)
{
	bool number = json_is_number(value) && in_range(def, json_number_value(value));

	switch (def->kind) {
	case PARAM_REAL:
		return number;
	case PARAM_INT:
		return json_is_integer(value) && number;
	case PARAM_INT_OR_NULL:
		return json_is_null(value) || (json_is_integer(value) && number);
	case PARAM_BOOL:
		return json_is_boolean(value);
	case PARAM_CHOICE:
		return json_is_string(value) && among(def->choices, json_string_value(value));
	case PARAM_REAL_OR_CHOICE:
		return number || (json_is_string(value) && among(def->choices, json_string_value(value)));
	case PARAM_ANY:
		return true;
	}
	return false;
}

static void check_param(const struct engine *engine, const struct param_def *def)
{
	json_t *value;

	if (!def->help || !def->help[0] || strchr(def->help, '\n'))
		fail_msg("%s.%s: help must be one line", engine->name, def->name);
	if ((def->kind == PARAM_CHOICE || def->kind == PARAM_REAL_OR_CHOICE) && !def->choices)
		fail_msg("%s.%s: no choices", engine->name, def->name);
	for (const struct param_def *other = engine->params; other != def; other++)
		if (strcmp(other->name, def->name) == 0)
			fail_msg("%s.%s is there twice", engine->name, def->name);
	if (!def->fallback)
		return;
	value = json_loads(def->fallback, JSON_DECODE_ANY, NULL);
	if (!value || !fits(def, value))
		fail_msg("%s.%s: its own check refuses the default %s", engine->name, def->name, def->fallback);
	json_decref(value);
}

static void engine_table__defaults_pass_their_own_checks(void **state)
{
	(void)state;
	for (const struct engine *const *engine = engine_table; *engine; engine++)
		for (const struct param_def *def = (*engine)->params; def->name; def++)
			check_param(*engine, def);
}

static void engine_table__each_is_found_by_its_name(void **state)
{
	(void)state;
	assert_non_null(engine_table[0]);
	for (const struct engine *const *engine = engine_table; *engine; engine++)
		assert_ptr_equal(engine_find((*engine)->name), *engine);
	assert_null(engine_find("no such engine"));
	assert_null(engine_find(""));
}

static json_t *defaults_of(const struct engine *engine)
{
	json_t *params = json_object();

	for (const struct param_def *def = engine->params; def->name; def++)
		if (def->fallback)
			json_object_set_new(params, def->name, json_loads(def->fallback, JSON_DECODE_ANY, NULL));
	return params;
}

/* The planner divides the memory there is by these numbers. */
static void engine_table__memory_grows_with_the_data(void **state)
{
	struct engine_size small = {
	        .rows = 1000, .features = 10, .columns = 12, .outputs = 1, .folds = 5, .variants = 10};
	struct engine_size large = {
	        .rows = 100000, .features = 100, .columns = 120, .outputs = 1, .folds = 5, .variants = 100};

	(void)state;
	for (const struct engine *const *engine = engine_table; *engine; engine++) {
		json_t *params = defaults_of(*engine);

		if ((*engine)->memory && !(*engine)->external) {
			uint64_t little = (*engine)->memory(&small, params), much = (*engine)->memory(&large, params);

			if (little == 0 || much <= little || much > (uint64_t)1 << 40)
				fail_msg("%s: %llu and %llu bytes", (*engine)->name, (unsigned long long)little,
				        (unsigned long long)much);
		}
		json_decref(params);
	}
}

static void engine_table__says_what_it_can(void **state)
{
	(void)state;
	for (const struct engine *const *engine = engine_table; *engine; engine++) {
		const struct engine *e = *engine;

		if (!e->version || !e->version[0] || !e->help || !e->params || !e->run || !e->tasks)
			fail_msg("%s: version, help, params, run and tasks are owed", e->name);
		assert_int_equal(e->tasks & ~(unsigned)(ENGINE_REGRESSION | ENGINE_CLASSIFICATION), 0);
		assert_int_equal(e->shares & ~(unsigned)(ENGINE_SHARE_FOLDS | ENGINE_SHARE_LEFT_OUT), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(engine_table__defaults_pass_their_own_checks),
	        cmocka_unit_test(engine_table__each_is_found_by_its_name),
	        cmocka_unit_test(engine_table__memory_grows_with_the_data),
	        cmocka_unit_test(engine_table__says_what_it_can),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
