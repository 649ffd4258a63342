#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "storage/base/json.h"

static json_t *parse(const char *text)
{
	struct orch_err err = {0};
	json_t *value = NULL;
	assert_int_equal(json_parse(text, strlen(text), "test", &value, &err), 0);
	return value;
}

static void check_text(const char *from, enum json_style style, const char *expected)
{
	json_t *value = parse(from);
	char *text = json_text(value, style);
	assert_string_equal(text, expected);
	free(text);
	json_decref(value);
}

static void json__canonical_is_sorted_and_tight(void **state)
{
	(void)state;
	check_text("{\"b\": [1, 2.0, 1e300, null], \"a\": {\"z\": true, \"\\u00e9\": false, \"Z\": {}}, \"c\": []}", JSON_STYLE_CANONICAL,
		"{\"a\":{\"Z\":{},\"z\":true,\"\xC3\xA9\":false},\"b\":[1,2.0,1e+300,null],\"c\":[]}");
}

static void json__line_keeps_the_order(void **state)
{
	(void)state;
	check_text("{\"b\": 1, \"a\": [\"x\"]}", JSON_STYLE_LINE, "{\"b\":1,\"a\":[\"x\"]}");
}

static void json__pretty_indents_by_two(void **state)
{
	(void)state;
	check_text("{\"b\": 1, \"a\": [1, {\"c\": 0.5}], \"e\": {}, \"f\": []}", JSON_STYLE_PRETTY,
		"{\n  \"b\": 1,\n  \"a\": [\n    1,\n    {\n      \"c\": 0.5\n    }\n  ],\n  \"e\": {},\n  \"f\": []\n}\n");
}

static void json__reals_stay_reals_and_integers_integers(void **state)
{
	(void)state;
	check_text("[3, 3.0, -0.0, 0.1, 9223372036854775807, -9223372036854775808, 1e22, 5e-324]", JSON_STYLE_CANONICAL,
		"[3,3.0,-0.0,0.1,9223372036854775807,-9223372036854775808,1e+22,5e-324]");
}

static void json__written_twice_is_the_same(void **state)
{
	(void)state;
	uint64_t seed = 3;
	for (int i = 0; i < 20000; i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		double value;
		memcpy(&value, &seed, sizeof value);
		json_t *number = json_number_or_null(value);
		char *once = json_text(number, JSON_STYLE_CANONICAL);
		json_t *back = parse(once);
		assert_true(json_equal(number, back));
		char *twice = json_text(back, JSON_STYLE_CANONICAL);
		assert_string_equal(once, twice);
		free(once);
		free(twice);
		json_decref(number);
		json_decref(back);
	}
}

static void json__text_is_escaped(void **state)
{
	(void)state;
	json_t *value = json_string("q\" b\\ n\n t\t c\x01 u\xE2\x82\xAC /");
	char *text = json_text(value, JSON_STYLE_CANONICAL);
	assert_string_equal(text, "\"q\\\" b\\\\ n\\n t\\t c\\u0001 u\xE2\x82\xAC /\"");
	json_t *back = parse(text);
	assert_true(json_equal(value, back));
	free(text);
	json_decref(value);
	json_decref(back);
}

static void json__nan_becomes_null(void **state)
{
	(void)state;
	json_t *values[] = {json_number_or_null(NAN), json_number_or_null(INFINITY), json_number_or_null(0.5)};
	assert_true(json_is_null(values[0]));
	assert_true(json_is_null(values[1]));
	assert_true(json_real_value(values[2]) == 0.5);
	json_decref(values[2]);
}

static void check_refused(const char *text, size_t length, const char *expected)
{
	struct orch_err err = {0};
	json_t *value = (json_t *)&err;
	assert_int_equal(json_parse(text, length, "best.json", &value, &err), ORCH_EINPUT);
	assert_ptr_equal(value, &err);
	assert_int_equal(err.code, ORCH_EINPUT);
	if (!strstr(err.text, expected))
		fail_msg("\"%s\" is not in \"%s\"", expected, err.text);
}

static void json__errors_say_where(void **state)
{
	(void)state;
	check_refused("{\"a\": 1,\n \"b\": }", 16, "best.json:2:7: not valid JSON: ");
	check_refused("{\"a\": 1, \"a\": 2}", 16, "duplicate object key");
	check_refused("\"a\\u0000\"", 9, "\\u0000");
	check_refused("1 2", 3, "end of file expected");
	check_refused("", 0, "best.json:1:0");
	check_refused("NaN", 3, "best.json:1:");
	check_refused("1e999", 5, "real number overflow");
	check_refused("\"\xFF\"", 3, "unable to decode byte 0xff");
	check_refused("[1, 2", 5, "best.json:1:");
}

static void json__lookups_fall_back(void **state)
{
	(void)state;
	json_t *object = parse("{\"i\": 3, \"r\": 0.5, \"t\": \"x\", \"b\": true, \"n\": null}");
	assert_true(json_get_real(object, "i", 9) == 3);
	assert_true(json_get_real(object, "r", 9) == 0.5);
	assert_true(json_get_real(object, "t", 9) == 9);
	assert_true(json_get_real(object, "none", 9) == 9);
	assert_int_equal(json_get_int(object, "i", 9), 3);
	assert_int_equal(json_get_int(object, "r", 9), 9);
	assert_string_equal(json_get_text(object, "t", "no"), "x");
	assert_string_equal(json_get_text(object, "n", "no"), "no");
	assert_int_equal(json_get_bool(object, "b", 0), 1);
	assert_int_equal(json_get_bool(object, "i", 0), 0);
	assert_int_equal(json_get_bool(NULL, "i", 1), 1);
	json_decref(object);
}

static void json__a_missing_file_is_missing(void **state)
{
	(void)state;
	struct orch_err err = {0};
	json_t *value = NULL;
	assert_int_equal(json_read_file("/nonexistent/x.json", &value, &err), ORCH_EMISSING);
	assert_string_equal(err.text, "cannot open /nonexistent/x.json: No such file or directory");
	assert_null(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json__canonical_is_sorted_and_tight),
		cmocka_unit_test(json__line_keeps_the_order),
		cmocka_unit_test(json__pretty_indents_by_two),
		cmocka_unit_test(json__reals_stay_reals_and_integers_integers),
		cmocka_unit_test(json__written_twice_is_the_same),
		cmocka_unit_test(json__text_is_escaped),
		cmocka_unit_test(json__nan_becomes_null),
		cmocka_unit_test(json__errors_say_where),
		cmocka_unit_test(json__lookups_fall_back),
		cmocka_unit_test(json__a_missing_file_is_missing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
