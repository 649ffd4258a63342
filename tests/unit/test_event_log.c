#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/event_log.h"

static char folder[] = "/tmp/orch-test-events-XXXXXX";
static char progress[128], telemetry[128];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(progress, sizeof progress, "%s/progress.jsonl", folder);
	snprintf(telemetry, sizeof telemetry, "%s/round_000.jsonl", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return file_remove_tree(folder, NULL);
}

static int clear(void **state)
{
	(void)state;
	return file_remove(progress, NULL) || file_remove(telemetry, NULL);
}

static void append(const char *path, const char *bytes, size_t length)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, bytes, length), length);
	close(fd);
}

static void add(const char *path, const char *event, int number)
{
	struct event_log *log = NULL;
	assert_int_equal(event_log_open(path, &log, NULL), 0);
	json_t *fields = json_pack("{s:i}", "number", number);
	assert_int_equal(event_log_add(log, event, fields, NULL), 0);
	json_decref(fields);
	assert_int_equal(event_log_sync(log, NULL), 0);
	event_log_close(log);
}

struct seen {
	int count, last_number;
	json_int_t last_seq;
	char last_event[32], last_time[64];
};

static int note(void *context, const json_t *event, struct orch_err *err)
{
	struct seen *seen = context;
	(void)err;
	seen->count++;
	seen->last_number = (int)json_get_int(event, "number", -1);
	seen->last_seq = json_get_int(event, "seq", -1);
	snprintf(seen->last_event, sizeof seen->last_event, "%s", json_get_text(event, "event", ""));
	snprintf(seen->last_time, sizeof seen->last_time, "%s", json_get_text(event, "time", ""));
	return 0;
}

static struct seen read_all(const char *path)
{
	struct seen seen = {0};
	struct orch_err err = {0};
	if (event_log_each(path, note, &seen, &err) != 0)
		fail_msg("%s", err.text);
	return seen;
}

static void event_log__events_are_numbered_and_dated(void **state)
{
	(void)state;
	add(progress, "first", 7);
	add(progress, "second", 8);
	struct seen seen = read_all(progress);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.last_seq, 2);
	assert_int_equal(seen.last_number, 8);
	assert_string_equal(seen.last_event, "second");
	assert_int_equal(strlen(seen.last_time), strlen("2026-01-31T06:10:00.123Z"));
	assert_int_equal(seen.last_time[10], 'T');
	assert_int_equal(seen.last_time[19], '.');
	assert_int_equal(seen.last_time[23], 'Z');
}

static void event_log__telemetry_has_no_numbers(void **state)
{
	(void)state;
	add(telemetry, "task", 1);
	assert_int_equal(read_all(telemetry).last_seq, -1);
}

static void event_log__fields_do_not_override(void **state)
{
	(void)state;
	struct event_log *log = NULL;
	assert_int_equal(event_log_open(progress, &log, NULL), 0);
	json_t *fields = json_pack("{s:i, s:s, s:s}", "seq", 99, "event", "forged", "time", "never");
	assert_int_equal(event_log_add(log, "real", fields, NULL), 0);
	json_decref(fields);
	assert_int_equal(event_log_add(log, "bare", NULL, NULL), 0);
	event_log_close(log);
	struct seen seen = read_all(progress);
	assert_string_equal(seen.last_event, "bare");
	assert_int_equal(seen.last_seq, 2);
}

static void event_log__a_torn_last_line_is_cut_and_numbers_go_on(void **state)
{
	(void)state;
	static const char *const torn[] = {"{\"seq\":3,\"ev",
	        "{\"seq\":3,\"time\":\"x\",\"event\":\"whole but no end\"}", "\0\0\0\0", "{", "\xff"};
	for (size_t i = 0; i < sizeof torn / sizeof *torn; i++) {
		clear(NULL);
		add(progress, "a", 1);
		add(progress, "b", 2);
		int64_t whole = file_size(progress);
		append(progress, torn[i], torn[i][0] ? strlen(torn[i]) : 4);
		assert_int_equal(read_all(progress).count, 2);
		add(progress, "c", 3);
		struct seen seen = read_all(progress);
		assert_int_equal(seen.count, 3);
		assert_int_equal(seen.last_seq, 3);
		assert_true(file_size(progress) > whole);
	}
}

/* A power cut: a write of the middle never reached the disk, later ones did. */
static void event_log__a_hole_is_cut_with_all_that_follows(void **state)
{
	(void)state;
	static const char hole[600];

	add(progress, "a", 1);
	append(progress, hole, sizeof hole);
	append(progress, "}\n{\"seq\":3,\"time\":\"x\",\"event\":\"c\"}\n", 36);
	add(progress, "b", 2);
	struct seen seen = read_all(progress);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.last_seq, 2);
	assert_string_equal(seen.last_event, "b");
}

static void event_log__a_torn_line_longer_than_a_look_is_cut(void **state)
{
	(void)state;
	char *big = malloc(700000);
	memset(big, 'x', 700000);
	add(progress, "a", 1);
	append(progress, big, 700000);
	add(progress, "b", 2);
	assert_int_equal(read_all(progress).count, 2);
	clear(NULL);
	append(progress, big, 700000); /* nothing whole at all */
	add(progress, "a", 1);
	assert_int_equal(read_all(progress).last_seq, 1);
	free(big);
}

static void event_log__a_long_last_line_keeps_its_number(void **state)
{
	(void)state;
	struct event_log *log = NULL;
	char *big = malloc(200001);
	memset(big, 'x', 200000);
	big[200000] = '\0';
	assert_int_equal(event_log_open(progress, &log, NULL), 0);
	json_t *fields = json_pack("{s:s}", "text", big);
	for (int i = 0; i < 3; i++)
		assert_int_equal(event_log_add(log, "big", fields, NULL), 0);
	json_decref(fields);
	event_log_close(log);
	add(progress, "after", 4);
	assert_int_equal(read_all(progress).last_seq, 4);
	free(big);
}

static void event_log__a_damaged_line_is_named(void **state)
{
	(void)state;
	struct seen seen = {0};
	struct orch_err err = {0};
	add(progress, "a", 1);
	append(progress, "{\"seq\":2,\n", 10);
	append(progress, "{\"seq\":3}\n", 10);
	assert_int_equal(event_log_each(progress, note, &seen, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "damaged line: "));
	assert_non_null(strstr(err.text, "progress.jsonl:2"));
	assert_int_equal(seen.count, 1);
	clear(NULL);
	append(progress, "17\n", 3);
	orch_err_clear(&err);
	assert_int_equal(event_log_each(progress, note, &seen, &err), ORCH_EDAMAGED);
	orch_err_clear(&err);
	assert_int_equal(event_log_each("/none/such.jsonl", note, &seen, &err), ORCH_EMISSING);
}

static int stop(void *context, const json_t *event, struct orch_err *err)
{
	(void)event;
	(void)err;
	++*(int *)context;
	return 42;
}

static void event_log__the_visitor_may_stop(void **state)
{
	(void)state;
	int seen = 0;
	add(progress, "a", 1);
	add(progress, "b", 1);
	assert_int_equal(event_log_each(progress, stop, &seen, NULL), 42);
	assert_int_equal(seen, 1);
}

static void event_log__does_not_follow_links(void **state)
{
	(void)state;
	struct event_log *log = NULL;
	assert_int_equal(symlink("target", progress), 0);
	assert_int_equal(event_log_open(progress, &log, NULL), ORCH_EIO);
	assert_null(log);
}

/* The disk fills up in the middle of a line (a file size limit stands for it): the line is taken back, the next is
 * whole. */
static void event_log__a_write_that_fails_half_way_spoils_no_other_line(void **state)
{
	(void)state;
	struct event_log *log = NULL;
	struct orch_err err = {0};
	struct rlimit before, limit;
	getrlimit(RLIMIT_FSIZE, &before);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(event_log_open(progress, &log, NULL), 0);
	assert_int_equal(event_log_add(log, "a", NULL, NULL), 0);
	int64_t whole = file_size(progress);
	limit = before;
	limit.rlim_cur = (rlim_t)whole + 10;
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_int_equal(event_log_add(log, "does not fit", NULL, &err), ORCH_EIO);
	assert_non_null(strstr(err.text, "cannot write "));
	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(file_size(progress), whole);
	assert_int_equal(event_log_add(log, "b", NULL, NULL), 0);
	event_log_close(log);
	struct seen seen = read_all(progress);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.last_seq, 2);
}

#define CASE(function) cmocka_unit_test_setup(function, clear)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        CASE(event_log__events_are_numbered_and_dated),
	        CASE(event_log__telemetry_has_no_numbers),
	        CASE(event_log__fields_do_not_override),
	        CASE(event_log__a_torn_last_line_is_cut_and_numbers_go_on),
	        CASE(event_log__a_hole_is_cut_with_all_that_follows),
	        CASE(event_log__a_torn_line_longer_than_a_look_is_cut),
	        CASE(event_log__a_long_last_line_keeps_its_number),
	        CASE(event_log__a_damaged_line_is_named),
	        CASE(event_log__the_visitor_may_stop),
	        CASE(event_log__does_not_follow_links),
	        CASE(event_log__a_write_that_fails_half_way_spoils_no_other_line),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
