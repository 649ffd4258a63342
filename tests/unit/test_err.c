#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/base/err.h"
#include "storage/base/text.h"

static void err__first_failure_wins(void **state)
{
	(void)state;
	struct orch_err err = {0};
	assert_int_equal(orch_fail(&err, ORCH_EINPUT, "line %d", 3), ORCH_EINPUT);
	assert_int_equal(orch_fail(&err, ORCH_EIO, "later"), ORCH_EIO);
	assert_int_equal(err.code, ORCH_EINPUT);
	assert_string_equal(err.text, "line 3");
	orch_err_clear(&err);
	assert_int_equal(err.code, ORCH_OK);
	assert_string_equal(err.text, "");
}

static void err__null_is_fine(void **state)
{
	(void)state;
	assert_int_equal(orch_fail(NULL, ORCH_EBUSY, "x"), ORCH_EBUSY);
	assert_int_equal(orch_fail_sys(NULL, ORCH_EIO, ENOSPC, "x"), ORCH_EIO);
	orch_err_prefix(NULL, "x");
	orch_err_clear(NULL);
}

static void err__system_failures_name_the_cause(void **state)
{
	(void)state;
	struct orch_err err = {0};
	assert_int_equal(orch_fail_sys(&err, ORCH_EIO, ENOSPC, "cannot write %s", "a.txt"), ORCH_EIO);
	assert_string_equal(err.text, "cannot write a.txt: No space left on device");
	assert_int_equal(err.sys, ENOSPC);
	orch_err_clear(&err);
	assert_int_equal(err.sys, 0);
	assert_int_equal(orch_fail_sys(&err, ORCH_EIO, ENOMEM, "cannot read"), ORCH_ENOMEM);
	assert_int_equal(err.code, ORCH_ENOMEM);
}

static void err__context_goes_in_front(void **state)
{
	(void)state;
	struct orch_err err = {0};
	orch_err_prefix(&err, "nothing failed yet");
	assert_string_equal(err.text, "");
	orch_fail(&err, ORCH_EDAMAGED, "bad hash");
	orch_err_prefix(&err, "round %d", 3);
	orch_err_prefix(&err, "campaign %s", err.text); /* may quote itself */
	assert_string_equal(err.text, "campaign round 3: bad hash: round 3: bad hash");
	assert_int_equal(err.code, ORCH_EDAMAGED);
}

static void err__long_texts_are_cut_between_characters(void **state)
{
	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		struct orch_err err = {0};
		struct text_buf text = {0};
		text_add_bytes(&text, "abcd", shift);
		while (text.length < 3000)
			text_add(&text, "\xE2\x82\xAC");
		orch_fail(&err, ORCH_EINPUT, "%s", text.data);
		assert_in_range(strlen(err.text), sizeof err.text - 4, sizeof err.text - 1);
		assert_true(text_is_utf8(err.text, strlen(err.text)));
		orch_err_prefix(&err, "%.*s", (int)shift + 1, "wxyz");
		assert_in_range(strlen(err.text), sizeof err.text - 4, sizeof err.text - 1);
		assert_true(text_is_utf8(err.text, strlen(err.text)));
		text_buf_release(&text);
	}
}

static void err__exit_statuses_are_those_of_the_manual(void **state)
{
	(void)state;
	static const struct {
		int code, status;
	} cases[] = {{ORCH_OK, 0}, {ORCH_EINPUT, 2}, {ORCH_EIO, 1}, {ORCH_ENOMEM, 1}, {ORCH_EBUSY, 4}, {ORCH_EDAMAGED, 5},
		{ORCH_EDRIFT, 2}, {ORCH_ELIMIT, 3}, {ORCH_ESTOPPED, 75}, {ORCH_EUNSURE, 1}, {ORCH_EFIT, 1}, {ORCH_EMISSING, 2},
		{-99, 1}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(orch_exit_status(cases[i].code), cases[i].status);
}

static void err__a_bug_aborts_with_its_place(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		dup2(ends[1], STDERR_FILENO);
		orch_bug("rows %d", 7);
	}
	close(ends[1]);
	char text[256] = "";
	size_t length = 0;
	for (ssize_t got; (got = read(ends[0], text + length, sizeof text - 1 - length)) > 0;)
		length += (size_t)got;
	close(ends[0]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(text, "orch: bug at tests/unit/test_err.c:"));
	assert_non_null(strstr(text, ": rows 7\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err__first_failure_wins),
		cmocka_unit_test(err__null_is_fine),
		cmocka_unit_test(err__system_failures_name_the_cause),
		cmocka_unit_test(err__context_goes_in_front),
		cmocka_unit_test(err__long_texts_are_cut_between_characters),
		cmocka_unit_test(err__exit_statuses_are_those_of_the_manual),
		cmocka_unit_test(err__a_bug_aborts_with_its_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
