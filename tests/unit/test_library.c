/* Libraries that are loaded when they are needed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/base/library.h"
#include "storage/duckdb_adapter.h"

static void library__fills_the_functions_in_order(void **state)
{
	static const char *const files[] = {"@/nothing/libm.so.6", "libm.so.6", NULL};
	static const char *const names[] = {"hypot", "sqrt"};
	static const struct library library = {"libm", files, "reinstall it"};
	struct {
		double (*hypotenuse)(double, double);
		double (*root)(double);
	} functions;

	(void)state;
	assert_int_equal(library_load(&library, names, 2, &functions, NULL), 0);
	assert_true(functions.hypotenuse(3, 4) == 5);
	assert_true(functions.root(9) == 3);
}

static void library__tells_every_place_it_looked_at(void **state)
{
	static const char *const files[] = {"/nonexistent/libnone.so", "@/../lib/libnone.so", "libnone-at-all.so", NULL};
	static const char *const names[] = {"none"};
	static const struct library library = {"None", files, "get it somewhere"};
	void *function = (void *)1;
	struct orch_err err = {0};

	(void)state;
	assert_int_equal(library_load(&library, names, 1, &function, &err), ORCH_EMISSING);
	assert_non_null(strstr(err.text, "the library of None cannot be loaded: get it somewhere"));
	assert_non_null(strstr(err.text, "\n  /nonexistent/libnone.so: "));
	assert_non_null(strstr(err.text, "/../lib/libnone.so: "));
	assert_non_null(strstr(err.text, "\n  libnone-at-all.so: "));
	assert_ptr_equal(function, (void *)1);
}

static void library__another_version_is_told(void **state)
{
	static const char *const files[] = {"libm.so.6", NULL};
	static const char *const names[] = {"hypot", "no_such_function"};
	static const struct library library = {"libm", files, "reinstall it"};
	void *functions[2] = {0};
	struct orch_err err = {0};

	(void)state;
	assert_int_equal(library_load(&library, names, 2, functions, &err), ORCH_EMISSING);
	assert_string_equal(err.text, "the library of libm has no no_such_function: another version than orch was built for; reinstall it");
	assert_null(functions[0]);
}

static void answer(char out[LIBRARY_ANSWER])
{
	snprintf(out, LIBRARY_ANSWER, "%d", (int)getppid());
}

static void die(char out[LIBRARY_ANSWER])
{
	(void)out;
	_exit(3);
}

static void library__asks_in_another_process(void **state)
{
	char said[LIBRARY_ANSWER], mine[LIBRARY_ANSWER];

	(void)state;
	snprintf(mine, sizeof mine, "%d", (int)getpid());
	library_ask(answer, said);
	assert_string_equal(said, mine);
	library_ask(die, said);
	assert_string_equal(said, "unknown");
}

static int mapped(const char *name)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[4096];
	int found = 0;

	while (maps && fgets(line, sizeof line, maps))
		found = found || strstr(line, name);
	fclose(maps);
	return found;
}

static void duckdb__is_loaded_by_its_first_use(void **state)
{
	struct duck_options options = {0};
	struct duck *duck = NULL;
	char asked[LIBRARY_ANSWER];

	(void)state;
	snprintf(asked, sizeof asked, "%s", duck_version());
	assert_int_equal(asked[0], 'v');
	assert_false(mapped("libduckdb"));
	assert_int_equal(duck_open(&options, &duck, NULL), 0);
	assert_true(mapped("libduckdb"));
	assert_string_equal(duck_version(), asked);
	duck_close(duck);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(library__fills_the_functions_in_order),
	        cmocka_unit_test(library__tells_every_place_it_looked_at),
	        cmocka_unit_test(library__another_version_is_told),
	        cmocka_unit_test(library__asks_in_another_process),
	        cmocka_unit_test(duckdb__is_loaded_by_its_first_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
