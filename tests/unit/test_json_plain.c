/* json_plain.h against jansson's own reader: the same value, or none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "storage/base/json_plain.h"

/* Equal in kind, in every bit of a real, and in the order of keys. */
static void check_same(const char *text, size_t length, json_t *plain)
{
	json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	char *one, *two;

	assert_non_null(value); /* what is read is JSON */
	assert_true(json_equal(value, plain));
	one = json_dumps(value, JSON_ENCODE_ANY);
	two = json_dumps(plain, JSON_ENCODE_ANY);
	assert_string_equal(one, two);
	free(one);
	free(two);
	json_decref(value);
}

static void plain__reads_what_machines_write(void **state)
{
	(void)state;
	static const char *const texts[] = {"{}", "[]", "null", "true", "false", "0", "1", "-1", "0.5", "-0.0", "1.0", "3.25e-07", "2e-05", "999999999999999999",
	        "0.1", "0.30000000000000004", "17.125", " { \"a\" : [ 1 , 2.5 , \"x\" , { } , [ ] , null ] , \"b\" : true }\n", "\"\"", "\"abc\"", "{\"\":1}",
	        "{\"type\":\"result\",\"id\":3,\"variant\":0,\"fold\":1,\"score\":0.791402676308682,\"metrics\":{\"mae\":0.7900843404037582,\"r2\":-7.968947697196199}}"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		json_t *plain = json_plain_read(texts[i], strlen(texts[i]));

		if (!plain)
			fail_msg("not read: %s", texts[i]);
		check_same(texts[i], strlen(texts[i]), plain);
		json_decref(plain);
	}
}

static void plain__leaves_the_rest(void **state)
{
	(void)state;
	static const char *const texts[] = {"", " ", "{", "[", "\"", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "[1,]", "[1", "{\"a\":1}x", "{\"a\":1,\"a\":2}", "01", "-", "1.",
	        ".5", "1e", "1e+", "- 1", "-0", "nul", "\"\\n\"", "\"\xc3\xa4\"", "\"\xff\"", "\"a\tb\"", "1e400", "1234567890123456789", "0.1234567890123456789", "NaN", "1.5e999",
	        "{1:2}", "1e30"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (json_plain_read(texts[i], strlen(texts[i])))
			fail_msg("read: %s", texts[i]);
	}
	assert_null(json_plain_read("1\0", 2));
	char deep[401];
	memset(deep, '[', 200);
	memset(deep + 200, ']', 200);
	assert_null(json_plain_read(deep, 400));
}

/* One byte changed, at random: whatever is still read is what jansson reads. */
static void plain__never_reads_more_than_jansson(void **state)
{
	(void)state;
	static const char text[] = "{\"a\":[1,-2.5,3e-05,\"x y\"],\"b\":{\"c\":null,\"d\":true},\"e\":0.1,\"f\":false,\"a2\":12345}";
	static const char bytes[] = "{}[]\",:.-+eE0123456789 tfnab\\\x01\xc3";
	uint64_t seed = 5;
	unsigned read = 0;

	for (int i = 0; i < 60000; i++) {
		char copy[sizeof text];
		size_t length = sizeof text - 1;
		json_t *plain;

		memcpy(copy, text, sizeof text);
		for (unsigned changes = 0; changes < 1 + (unsigned)i % 2; changes++) {
			seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			copy[(seed >> 33) % length] = bytes[(seed >> 20) % (sizeof bytes - 1)];
		}
		plain = json_plain_read(copy, length);
		if (plain) {
			check_same(copy, length, plain);
			json_decref(plain);
			read++;
		}
	}
	assert_true(read > 1000 && read < 59000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(plain__reads_what_machines_write),
	        cmocka_unit_test(plain__leaves_the_rest),
	        cmocka_unit_test(plain__never_reads_more_than_jansson),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
