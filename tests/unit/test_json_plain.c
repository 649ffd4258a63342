/* json_plain.h against jansson's own reader: the same value, or none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
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

/* ---- any JSON, and what is nearly JSON ---- */

struct random_text {
	uint64_t seed;
	char bytes[4000];
	size_t length;
};

static unsigned below(struct random_text *text, unsigned end)
{
	text->seed = text->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(text->seed >> 33) % end;
}

static void put(struct random_text *text, const char *bytes)
{
	size_t length = strlen(bytes);

	if (text->length + length > sizeof text->bytes)
		return;
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

static void put_digits(struct random_text *text, unsigned count)
{
	for (; count; count--)
		put(text, (const char[]){(char)('0' + below(text, 10)), 0});
}

static void put_number(struct random_text *text)
{
	static const char *const powers[] = {"e", "E", "e-", "e+", "E-0"};

	put(text, below(text, 3) ? "" : "-");
	put(text, below(text, 3) ? "" : "0");
	put_digits(text, 1 + below(text, below(text, 3) ? 4 : 20));
	if (below(text, 2)) {
		put(text, ".");
		put_digits(text, 1 + below(text, below(text, 3) ? 6 : 22));
	}
	if (!below(text, 4)) {
		put(text, powers[below(text, 5)]);
		put_digits(text, 1 + below(text, below(text, 8) ? 2 : 4));
	}
}

static void put_string(struct random_text *text)
{
	static const char *const parts[] = {"a", "b", "x y", "", "'", "a", "b", "\\n", "\\u00e4", "\\u0000", "\\ud83d\\ude00", "\xc3\xa4", "\xff", "\x7f", "\x1f"};

	put(text, "\"");
	for (unsigned count = below(text, 6); count; count--)
		put(text, parts[below(text, below(text, 4) ? 7 : 15)]);
	put(text, "\"");
}

static void put_value(struct random_text *text, unsigned depth)
{
	static const char *const words[] = {"true", "false", "null"}, *const spaces[] = {"", "", "", " ", "\n", "\t\r"};
	unsigned kind = below(text, depth > 5 ? 3 : 5), count = below(text, 4);
	bool object = kind == 4;

	put(text, spaces[below(text, 6)]);
	if (kind == 0)
		put(text, words[below(text, 3)]);
	else if (kind == 1)
		put_string(text);
	else if (kind == 2)
		put_number(text);
	if (kind > 2)
		put(text, object ? "{" : "[");
	for (unsigned i = 0; i < count && kind > 2; i++) {
		put(text, i ? "," : "");
		if (object) {
			put_string(text);
			put(text, ":");
		}
		put_value(text, depth + 1);
	}
	if (kind > 2)
		put(text, object ? "}" : "]");
	put(text, spaces[below(text, 6)]);
}

/* Also cut short, doubled or with a byte that is wrong; the text ends where its memory does. */
static void plain__reads_what_jansson_reads_of_any_text(void **state)
{
	struct random_text *text = calloc(1, sizeof *text);
	unsigned read = 0, left = 0;

	(void)state;
	assert_non_null(text);
	text->seed = 11;
	for (unsigned i = 0; i < 40000; i++) {
		char *copy;
		json_t *plain;

		text->length = 0;
		put_value(text, 0);
		if (i % 3 == 0)
			text->bytes[below(text, (unsigned)text->length)] = "{}[]\",:.-+e019 tn\\\0\x80"[below(text, 20)];
		if (i % 7 == 0)
			text->length = below(text, (unsigned)text->length);
		copy = malloc(text->length + 1);
		assert_non_null(copy);
		memcpy(copy + 1, text->bytes, text->length);
		plain = json_plain_read(copy + 1, text->length);
		if (plain)
			check_same(copy + 1, text->length, plain);
		read += plain != NULL;
		left += plain == NULL;
		json_decref(plain);
		free(copy);
	}
	assert_true(read > 10000 && left > 10000);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(plain__reads_what_machines_write),
	        cmocka_unit_test(plain__leaves_the_rest),
	        cmocka_unit_test(plain__never_reads_more_than_jansson),
	        cmocka_unit_test(plain__reads_what_jansson_reads_of_any_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
