/* Characters that no font has become a square; all others stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reports/glyphs.h"

static void check(const struct glyphs *glyphs, const char *text, const char *expected)
{
	struct text_buf out = {0};

	glyphs_copy(glyphs, text, strlen(text), &out);
	assert_string_equal(out.data ? out.data : "", expected);
	text_buf_release(&out);
}

static void glyphs__unknown_characters_are_squares(void **state)
{
	struct glyphs glyphs = {0};

	(void)state;
	glyphs_add(&glyphs, "20-7e a0-17f 25a1\n");
	glyphs_add(&glyphs, "3040-30ff, 65e5 x");
	check(&glyphs, "größe カラ 日\t1.5", "größe カラ 日\t1.5");
	check(&glyphs, "日本 무 \xf0\x9f\x98\x80!", "日\xe2\x96\xa1 \xe2\x96\xa1 \xe2\x96\xa1!");
	check(&glyphs, "a\xe2\x80\x8d" "b\xef\xb8\x8f", "a\xe2\x80\x8d" "b\xef\xb8\x8f"); /* joiners are drawn as nothing */
	assert_true(glyphs_have(&glyphs, 0x65e5) && !glyphs_have(&glyphs, 0x65e6) && glyphs_have(&glyphs, '\n'));
	glyphs_release(&glyphs);
}

static void glyphs__without_a_square_a_question_mark(void **state)
{
	struct glyphs glyphs = {0};

	(void)state;
	glyphs_add(&glyphs, "20-7e");
	check(&glyphs, "日 x", "? x");
	check(&glyphs, "", "");
	glyphs_release(&glyphs);
}

static void glyphs__nothing_known_changes_nothing(void **state)
{
	struct glyphs none = {0};

	(void)state;
	check(&none, "日本 \xf0\x9f\x98\x80", "日本 \xf0\x9f\x98\x80");
}

static void glyphs__broken_bytes_are_no_way_out(void **state)
{
	struct glyphs glyphs = {0};

	(void)state;
	glyphs_add(&glyphs, "20-7e 25a1");
	check(&glyphs, "a\xe6\x97", "a\xe2\x96\xa1\xe2\x96\xa1"); /* cut in the middle */
	check(&glyphs, "\xff\x80z", "\xe2\x96\xa1\xe2\x96\xa1z");
	glyphs_release(&glyphs);
}

static void glyphs__the_machine_has_letters(void **state)
{
	struct glyphs glyphs;

	(void)state;
	glyphs_ask(&glyphs);
	assert_true(glyphs.count > 0 && glyphs_have(&glyphs, 0xe9) && glyphs_have(&glyphs, 0x65e5) && glyphs_have(&glyphs, 0xbb34));
	assert_false(glyphs_have(&glyphs, 0x10fff0));
	glyphs_release(&glyphs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(glyphs__unknown_characters_are_squares),
		cmocka_unit_test(glyphs__without_a_square_a_question_mark),
		cmocka_unit_test(glyphs__nothing_known_changes_nothing),
		cmocka_unit_test(glyphs__broken_bytes_are_no_way_out),
		cmocka_unit_test(glyphs__the_machine_has_letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
