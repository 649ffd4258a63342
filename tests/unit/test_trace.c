#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/trace.h"

static char folder[] = "/tmp/orch-test-trace-XXXXXX";
static char path[256], stderr_path[256];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/trace.jsonl", folder);
	snprintf(stderr_path, sizeof stderr_path, "%s/stderr", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return file_remove_tree(folder, NULL);
}

/* What goes to stderr while the three areas are traced under the given settings; free(). */
static char *traced(const char *areas, const char *file)
{
	areas ? setenv("ORCH_TRACE", areas, 1) : unsetenv("ORCH_TRACE");
	file ? setenv("ORCH_TRACE_FILE", file, 1) : unsetenv("ORCH_TRACE_FILE");
	fflush(stderr);
	int kept = dup(STDERR_FILENO);
	FILE *caught = fopen(stderr_path, "w");
	assert_true(kept >= 0 && caught && dup2(fileno(caught), STDERR_FILENO) >= 0);
	trace_init();
	trace(TRACE_SCHED, "batch of %d\x1b", 3);
	trace(TRACE_STORE, "bad \xFF byte");
	trace(TRACE_ENGINE, "tree");
	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	close(kept);
	fclose(caught);
	char *text = NULL;
	assert_int_equal(file_read(stderr_path, 0, &text, NULL, NULL), 0);
	return text;
}

static void trace__is_silent_unless_asked(void **state)
{
	(void)state;
	char *text = traced(NULL, NULL);
	assert_string_equal(text, "");
	assert_int_equal(trace_areas, 0);
	free(text);
}

static void trace__writes_the_areas_asked_for(void **state)
{
	(void)state;
	char expected[128], *text = traced("sched,engine", NULL);
	snprintf(expected, sizeof expected, "sched[%d] batch of 3\\x1B\nengine[%d] tree\n", (int)getpid(), (int)getpid());
	assert_string_equal(text, expected);
	free(text);
	text = traced("all", NULL);
	assert_non_null(strstr(text, "] bad \xEF\xBF\xBD byte\n"));
	free(text);
}

static void trace__says_what_it_does_not_know(void **state)
{
	(void)state;
	char *text = traced("sched,everything", NULL);
	assert_non_null(strstr(text, "orch: ORCH_TRACE does not know \"everything\": sched, store, engine or all\n"));
	assert_non_null(strstr(text, "batch of 3"));
	free(text);
	text = traced(NULL, "/nonexistent/folder/file");
	assert_non_null(strstr(text, "orch: ORCH_TRACE_FILE cannot be opened: No such file or directory\n"));
	assert_int_equal(trace_areas, 0);
	free(text);
}

static void trace__appends_json_lines(void **state)
{
	(void)state;
	free(traced(NULL, path));
	char *silent = traced(NULL, path);
	assert_string_equal(silent, "");
	free(silent);
	char *text = NULL, *rest = NULL;
	assert_int_equal(file_read(path, 0, &text, NULL, NULL), 0);
	int lines = 0;
	static const char *const areas[] = {"sched", "store", "engine"}, *const texts[] = {"batch of 3\\x1B", "bad \xEF\xBF\xBD byte", "tree"};
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), lines++) {
		json_t *value = NULL;
		assert_int_equal(json_parse(line, strlen(line), "trace", &value, NULL), 0);
		assert_string_equal(json_get_text(value, "area", ""), areas[lines % 3]);
		assert_string_equal(json_get_text(value, "text", ""), texts[lines % 3]);
		assert_int_equal(json_get_int(value, "pid", 0), getpid());
		assert_true(json_get_real(value, "t", 0) > 1.7e9);
		json_decref(value);
	}
	assert_int_equal(lines, 6);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trace__is_silent_unless_asked),
		cmocka_unit_test(trace__writes_the_areas_asked_for),
		cmocka_unit_test(trace__says_what_it_does_not_know),
		cmocka_unit_test(trace__appends_json_lines),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
