/* Seal: every flipped bit of a sealed text is found; a text without a seal is told apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/seal.h"

static void seal__each_flipped_bit_is_found(void **state)
{
	json_t *object = json_pack("{s:s, s:i, s:[i, i]}", "name", "a \"sha256\": \"x\" in a text", "rounds", 2, "list", 1, 2);
	char *text = seal_text(object, JSON_STYLE_PRETTY);
	size_t length = strlen(text), unsealed = 0;

	(void)state;
	assert_int_equal(seal_check(text, length), SEAL_HOLDS);
	for (size_t at = 0; at < length; at++)
		for (int bit = 0; bit < 8; bit++) {
			text[at] ^= (char)(1 << bit);
			assert_int_not_equal(seal_check(text, length), SEAL_HOLDS);
			unsealed += seal_check(text, length) == SEAL_NONE;
			text[at] ^= (char)(1 << bit);
		}
	assert_true(unsealed <= 8 * strlen("\"sha256\": \"") + 8); /* only where the seal's own name was hit */
	assert_int_equal(seal_check(text, length), SEAL_HOLDS);
	free(text);
	json_decref(object);
}

static void seal__sealed_again_it_is_the_same(void **state)
{
	json_t *object = json_pack("{s:i}", "a", 1);
	char *first = seal_text(object, JSON_STYLE_PRETTY), *second = seal_text(object, JSON_STYLE_PRETTY);

	(void)state;
	assert_string_equal(first, second);
	free(first);
	free(second);
	json_decref(object);
}

static void seal__none(void **state)
{
	(void)state;
	assert_int_equal(seal_check("{}", 2), SEAL_NONE);
	assert_int_equal(seal_check("", 0), SEAL_NONE);
	assert_int_equal(seal_check("{\"sha256\": \"12\"}", 16), SEAL_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seal__each_flipped_bit_is_found),
		cmocka_unit_test(seal__sealed_again_it_is_the_same),
		cmocka_unit_test(seal__none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
