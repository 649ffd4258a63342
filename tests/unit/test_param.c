/* Values of engine parameters: what each kind takes, and what is said about the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "engines/model/engine.h"
#include "engines/param.h"
#include "storage/base/json.h"

static const struct param_def table[] = {
        {.name = "real", .kind = PARAM_REAL, .low = 0, .high = 1, .low_open = true},
        {.name = "free", .kind = PARAM_REAL, .low = 1, .high = 0},
        {.name = "below", .kind = PARAM_REAL, .low = -1e308, .high = 5},
        {.name = "int", .kind = PARAM_INT, .low = 1, .high = 100},
        {.name = "bool", .kind = PARAM_BOOL, .low = 1, .high = 0},
        {.name = "choice", .kind = PARAM_CHOICE, .low = 1, .high = 0, .choices = "hist exact approx"},
        {.name = "depth", .kind = PARAM_INT_OR_NULL, .low = 1, .high = 1e300},
        {.name = "share", .kind = PARAM_REAL_OR_CHOICE, .low = 0, .high = 1e300, .low_open = true, .choices = "sqrt log2"},
        {.name = "*", .kind = PARAM_ANY},
        {.name = NULL},
};

static json_t *json_of(const char *text)
{
	json_t *value = NULL;

	assert_int_equal(json_parse(text, strlen(text), "value", &value, NULL), 0);
	return value;
}

static void param_check__takes_what_is_allowed(void **state)
{
	static const char *const good[][2] = {{"real", "1"}, {"real", "0.001"}, {"free", "-1e300"}, {"below", "5"}, {"int", "1"}, {"int", "100"}, {"bool", "false"}, {"choice", "\"exact\""},
	        {"depth", "null"}, {"depth", "7"}, {"share", "0.5"}, {"share", "\"log2\""}, {"*", "[1]"}, {"*", "null"}};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		json_t *value = json_of(good[i][1]);
		struct orch_err err = {0};

		if (param_check(param_find(table, good[i][0]), value, &err))
			fail_msg("%s", err.text);
		json_decref(value);
	}
}

static void param_check__tells_what_is_allowed(void **state)
{
	static const char *const bad[][3] = {
	        {"real", "0", "real must be a number above 0 and at most 1, not 0"},
	        {"real", "1.5", "real must be a number above 0 and at most 1, not 1.5"},
	        {"real", "\"x\"", "real must be a number above 0 and at most 1, not \"x\""},
	        {"free", "null", "free must be a number, not null"},
	        {"below", "6", "below must be a number of at most 5, not 6"},
	        {"int", "0", "int must be an integer of at least 1 and at most 100, not 0"},
	        {"int", "2.0", "int must be an integer of at least 1 and at most 100, not 2.0"},
	        {"int", "true", "int must be an integer of at least 1 and at most 100, not true"},
	        {"bool", "1", "bool must be true or false, not 1"},
	        {"bool", "\"true\"", "bool must be true or false, not \"true\""},
	        {"choice", "\"hist exact\"", "choice must be one of hist, exact, approx, not \"hist exact\""},
	        {"choice", "\"his\"", "choice must be one of hist, exact, approx, not \"his\""},
	        {"choice", "\"\"", "choice must be one of hist, exact, approx, not \"\""},
	        {"choice", "1", "choice must be one of hist, exact, approx, not 1"},
	        {"depth", "0", "depth must be an integer of at least 1, or null, not 0"},
	        {"depth", "\"none\"", "depth must be an integer of at least 1, or null, not \"none\""},
	        {"share", "0", "share must be a number above 0, or one of sqrt, log2, not 0"},
	        {"share", "\"all\"", "share must be a number above 0, or one of sqrt, log2, not \"all\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		json_t *value = json_of(bad[i][1]);
		struct orch_err err = {0};

		assert_int_equal(param_check(param_find(table, bad[i][0]), value, &err), ORCH_EINPUT);
		assert_string_equal(err.text, bad[i][2]);
		json_decref(value);
	}
}

static void param_find__by_whole_name(void **state)
{
	(void)state;
	assert_string_equal(param_find(table, "int")->name, "int");
	assert_null(param_find(table, "in"));
	assert_null(param_find(table, "integer"));
	assert_null(param_find(NULL, "int"));
}

/* Every engine's own defaults pass its own checks. */
static void param_check__defaults_of_all_engines(void **state)
{
	(void)state;
	for (size_t e = 0; engine_table[e]; e++)
		for (const struct param_def *def = engine_table[e]->params; def && def->name; def++) {
			struct orch_err err = {0};
			json_t *value;

			assert_true(def->help && def->help[0]);
			if (!def->fallback)
				continue;
			value = json_of(def->fallback);
			if (param_check(def, value, &err))
				fail_msg("%s: %s", engine_table[e]->name, err.text);
			json_decref(value);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(param_check__takes_what_is_allowed),
	        cmocka_unit_test(param_check__tells_what_is_allowed),
	        cmocka_unit_test(param_find__by_whole_name),
	        cmocka_unit_test(param_check__defaults_of_all_engines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
