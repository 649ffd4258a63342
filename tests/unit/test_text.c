#include <float.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "storage/base/text.h"

static void text__buffer_grows_and_is_taken(void **state)
{
	(void)state;
	struct text_buf buf = {0};
	for (int i = 0; i < 1000; i++)
		text_addf(&buf, "%d,", i);
	assert_int_equal(buf.length, strlen(buf.data));
	assert_memory_equal(buf.data, "0,1,2,", 6);
	assert_string_equal(buf.data + buf.length - 4, "999,");
	char *taken = text_take(&buf);
	assert_null(buf.data);
	free(taken);
	char *empty = text_take(&buf);
	assert_string_equal(empty, "");
	free(empty);
}

static void text__bytes_may_hold_zeros(void **state)
{
	(void)state;
	struct text_buf buf = {0};
	text_add_bytes(&buf, "a\0b", 3);
	text_add(&buf, "c");
	assert_int_equal(buf.length, 4);
	assert_memory_equal(buf.data, "a\0bc", 5);
	text_buf_release(&buf);
	assert_null(buf.data);
}

static void text__number_is_shortest(void **state)
{
	(void)state;
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{0.1, "0.1"}, {3, "3"}, {-3, "-3"}, {0, "0"}, {-0.0, "-0"}, {1e300, "1e+300"}, {1.0 / 3, "0.3333333333333333"},
		{0.1 + 0.2, "0.30000000000000004"}, {123456789012345.0, "123456789012345"}, {1e15, "1e+15"},
		{9007199254740993.0, "9007199254740992"}, {5e-324, "5e-324"}, {DBL_MAX, "1.7976931348623157e+308"},
		{DBL_MIN, "2.2250738585072014e-308"}, {1e22, "1e+22"}, {2.5e-7, "2.5e-07"}, {100000, "100000"},
		{NAN, ""}, {INFINITY, ""}, {-INFINITY, ""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char out[TEXT_NUMBER_MAX];
		assert_string_equal(text_number(cases[i].value, out), cases[i].text);
	}
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state ^ (*state >> 29);
}

static void text__number_reads_back_exactly(void **state)
{
	(void)state;
	uint64_t seed = 1;
	for (int i = 0; i < 200000; i++) {
		uint64_t bits = next_random(&seed);
		double value, back;
		memcpy(&value, &bits, sizeof value);
		if (!isfinite(value))
			continue;
		char out[TEXT_NUMBER_MAX];
		assert_true(text_to_double(text_number(value, out), &back));
		assert_memory_equal(&back, &value, sizeof value);
	}
}

static void text__numbers_ignore_the_locale(void **state)
{
	(void)state;
	/* Any locale with a decimal comma will do; without one on this machine there is nothing to see. */
	static const char *const commas[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "nl_NL.UTF-8"};
	bool found = false;
	for (size_t i = 0; i < 4 && !found; i++)
		found = setlocale(LC_ALL, commas[i]) != NULL;
	if (!found)
		skip();
	char out[TEXT_NUMBER_MAX];
	double value;
	bool read = text_to_double("2.5", &value);
	text_number(0.1, out);
	setlocale(LC_ALL, "C");
	assert_string_equal(out, "0.1");
	assert_true(read && value == 2.5);
}

static void text__to_double_takes_decimal_numbers_only(void **state)
{
	(void)state;
	static const char *const wrong[] = {"", " 1", "1 ", "nan", "inf", "0x10", "1e999", "1,5", "1.2.3", "e5", "-", "1e", "--1"};
	double value = 7;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(text_to_double(wrong[i], &value));
	assert_true(value == 7);
	assert_true(text_to_double("-1.5e3", &value) && value == -1500);
	assert_true(text_to_double("1e-400", &value) && value == 0);
}

static void text__to_int64_knows_its_ends(void **state)
{
	(void)state;
	int64_t value = 7;
	assert_true(text_to_int64("9223372036854775807", &value) && value == INT64_MAX);
	assert_true(text_to_int64("-9223372036854775808", &value) && value == INT64_MIN);
	assert_false(text_to_int64("9223372036854775808", &value));
	assert_false(text_to_int64("1.0", &value));
	assert_false(text_to_int64("", &value));
	assert_false(text_to_int64(" 1", &value));
	assert_true(value == INT64_MIN);
}

static void text__to_bytes_knows_units(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
		{"8GiB", UINT64_C(8) << 30}, {"512 MB", 512000000}, {"1.5G", UINT64_C(3) << 29}, {"12345", 12345}, {"64k", 65536},
		{"9007199254740993", UINT64_C(9007199254740993)}, {"1 tib", UINT64_C(1) << 40}, {"0.5KiB", 512},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint64_t bytes = 0;
		assert_true(text_to_bytes(cases[i].text, &bytes));
		assert_int_equal(bytes, cases[i].bytes);
	}
	static const char *const wrong[] = {"", "GiB", "-1", "8 apples", "8GiBs", "1e9", "1..5G", "99999P", "8GiB 2"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		uint64_t bytes = 7;
		assert_false(text_to_bytes(wrong[i], &bytes));
		assert_int_equal(bytes, 7);
	}
}

static void text__to_seconds_knows_units(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		double seconds;
	} cases[] = {{"1h", 3600}, {"90s", 90}, {"1h30m", 5400}, {"2d", 172800}, {"45", 45}, {"0.5", 0.5}, {"1 h 05 min", 3900},
		{"250ms", 0.25}, {"1.5h", 5400}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		double seconds = 0;
		assert_true(text_to_seconds(cases[i].text, &seconds));
		assert_true(seconds == cases[i].seconds);
	}
	static const char *const wrong[] = {"", "h", "-1", "1h1h", "30m1h", "1 fortnight", "-1h", "1h 30"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		double seconds = 7;
		assert_false(text_to_seconds(wrong[i], &seconds));
		assert_true(seconds == 7);
	}
}

static void text__sizes_durations_and_counts_for_people(void **state)
{
	(void)state;
	char out[TEXT_NUMBER_MAX];
	assert_string_equal(text_bytes(0, out), "0 B");
	assert_string_equal(text_bytes(1023, out), "1023 B");
	assert_string_equal(text_bytes(1503238553, out), "1.4 GiB");
	assert_string_equal(text_bytes(UINT64_MAX, out), "16.0 EiB");
	assert_string_equal(text_bytes(UINT64_C(200) << 20, out), "200 MiB");
	assert_string_equal(text_seconds(0.3, out), "0.3 s");
	assert_string_equal(text_seconds(0, out), "0 s");
	assert_string_equal(text_seconds(48, out), "48 s");
	assert_string_equal(text_seconds(9.96, out), "10 s");
	assert_string_equal(text_seconds(59.6, out), "1 min 00 s");
	assert_string_equal(text_seconds(200, out), "3 min 20 s");
	assert_string_equal(text_seconds(7500, out), "2 h 05 min");
	assert_string_equal(text_seconds(3600 * 24 - 1, out), "1 d 00 h");
	assert_string_equal(text_seconds(86400 * 12 + 3600 * 5, out), "12 d 05 h");
	assert_string_equal(text_seconds(NAN, out), "unknown");
	assert_string_equal(text_seconds(-1, out), "unknown");
	assert_string_equal(text_count(53940, out), "53,940");
	assert_string_equal(text_count(999, out), "999");
	assert_string_equal(text_count(-1000, out), "-1,000");
	assert_string_equal(text_count(INT64_MIN, out), "-9,223,372,036,854,775,808");
	assert_string_equal(text_count(0, out), "0");
}

static void text__nearest_within_a_third(void **state)
{
	(void)state;
	static const char *const keys[] = {"trials", "sampler", "pruner", "space", "metric", "seed"};
	assert_string_equal(text_nearest("trails", keys, 6), "trials"); /* two letters swapped: one step */
	assert_string_equal(text_nearest("Sampler", keys, 6), "sampler");
	assert_string_equal(text_nearest("metrics", keys, 6), "metric");
	assert_string_equal(text_nearest("sede", keys, 6), "seed");
	assert_null(text_nearest("engine", keys, 6));
	assert_null(text_nearest("", keys, 6));
	assert_null(text_nearest("x", keys, 6));
	assert_null(text_nearest("seed", keys, 0));
}

static void text__utf8_is_checked_strictly(void **state)
{
	(void)state;
	assert_true(text_is_utf8("h\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80", 12));
	assert_true(text_is_utf8("", 0));
	static const char *const wrong[] = {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF", "\x80", "\xE2\x82",
		"\xC3"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(text_is_utf8(wrong[i], strlen(wrong[i])));
}

static void text__printable_hides_controls(void **state)
{
	(void)state;
	char *safe = text_printable("a\x1b[31mb\nc\xFF\xC3\xA9\xC2\x9B");
	assert_string_equal(safe, "a\\x1B[31mb\\x0Ac\xEF\xBF\xBD\xC3\xA9\\x9B");
	free(safe);
}

static void text__html_and_csv_are_escaped(void **state)
{
	(void)state;
	struct text_buf buf = {0};
	text_add_html(&buf, "a<b>&\"c'd");
	assert_string_equal(buf.data, "a&lt;b&gt;&amp;&quot;c&#39;d");
	text_buf_release(&buf);
	static const char *const cases[][2] = {
		{"plain", "plain"}, {"", ""}, {"a,b", "\"a,b\""}, {"say \"x\"", "\"say \"\"x\"\"\""}, {"two\nlines", "\"two\nlines\""},
		{" edge", "\" edge\""}, {"\"", "\"\"\"\""}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		text_add_csv(&buf, cases[i][0]);
		assert_string_equal(buf.data ? buf.data : "", cases[i][1]);
		text_buf_release(&buf);
	}
}

static void text__long_names_lose_their_middle(void **state)
{
	static const struct {
		const char *text;
		size_t characters;
		const char *cut;
	} cases[] = {{"abcdef", 6, "abcdef"}, {"abcdefg", 6, "abc\xe2\x80\xa6" "fg"}, {"abcdefg", 3, "a\xe2\x80\xa6g"}, {"", 3, ""},
	        {"\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa9", 4, "\xc3\xa4\xc3\xb6\xe2\x80\xa6\xc3\xa9"}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *cut = text_cut(cases[i].text, cases[i].characters);
		assert_string_equal(cut, cases[i].cut);
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text__buffer_grows_and_is_taken),
		cmocka_unit_test(text__bytes_may_hold_zeros),
		cmocka_unit_test(text__number_is_shortest),
		cmocka_unit_test(text__number_reads_back_exactly),
		cmocka_unit_test(text__numbers_ignore_the_locale),
		cmocka_unit_test(text__to_double_takes_decimal_numbers_only),
		cmocka_unit_test(text__to_int64_knows_its_ends),
		cmocka_unit_test(text__to_bytes_knows_units),
		cmocka_unit_test(text__to_seconds_knows_units),
		cmocka_unit_test(text__sizes_durations_and_counts_for_people),
		cmocka_unit_test(text__nearest_within_a_third),
		cmocka_unit_test(text__utf8_is_checked_strictly),
		cmocka_unit_test(text__printable_hides_controls),
		cmocka_unit_test(text__html_and_csv_are_escaped),
		cmocka_unit_test(text__long_names_lose_their_middle),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
