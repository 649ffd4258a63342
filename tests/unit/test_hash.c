#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/base/file.h"
#include "storage/base/hash.h"

static char folder[] = "/tmp/orch-test-hash-XXXXXX";
static char path[256], link_path[256], pipe_path[256];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/file", folder);
	snprintf(link_path, sizeof link_path, "%s/link", folder);
	snprintf(pipe_path, sizeof pipe_path, "%s/pipe", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return file_remove_tree(folder, NULL);
}

static void hash__known_values(void **state)
{
	(void)state;
	/* FIPS 180-2, appendix B */
	struct hash hash;
	char hex[HASH_HEX];
	hash_begin(&hash);
	hash_add(&hash, "a", 1);
	hash_add(&hash, "bc", 2);
	hash_end_hex(&hash, hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	hash_begin(&hash);
	hash_end_hex(&hash, hex);
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void hash__texts_keep_their_borders(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {{"ab", "c"}, {"a", "bc"}, {"abc", ""}, {"", "abc"}};
	char hex[4][HASH_HEX];
	for (int i = 0; i < 4; i++) {
		struct hash hash;
		hash_begin(&hash);
		hash_add_text(&hash, pairs[i][0]);
		hash_add_text(&hash, pairs[i][1]);
		hash_end_hex(&hash, hex[i]);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(hex[i], hex[j]);
	}
}

static void hash__hex_goes_both_ways(void **state)
{
	(void)state;
	uint8_t bytes[3] = {0x00, 0xAF, 0x7F}, back[3] = {9, 9, 9};
	char hex[7];
	hash_hex(bytes, 3, hex);
	assert_string_equal(hex, "00af7f");
	assert_int_equal(hash_from_hex("00aF7g", back, 3), -1);
	assert_int_equal(hash_from_hex("00af7", back, 3), -1);
	assert_int_equal(hash_from_hex("00af7f0", back, 3), -1);
	assert_int_equal(back[0], 9);
	assert_int_equal(hash_from_hex("00AF7f", back, 3), 0);
	assert_memory_equal(back, bytes, 3);
}

static void hash__of_a_file(void **state)
{
	(void)state;
	size_t length = 1000003;
	char *bytes = malloc(length), hex[HASH_HEX], whole[HASH_HEX];
	for (size_t i = 0; i < length; i++)
		bytes[i] = (char)(i * 13 + i / 251);
	assert_int_equal(file_write_new(path, bytes, length, NULL), 0);
	struct hash hash;
	hash_begin(&hash);
	hash_add(&hash, bytes, length);
	hash_end_hex(&hash, whole);
	uint64_t size = 0;
	assert_int_equal(hash_file(path, 0, hex, &size, NULL), 0);
	assert_string_equal(hex, whole);
	assert_int_equal(size, length);
	free(bytes);
}

static void hash__links_only_when_asked(void **state)
{
	(void)state;
	struct orch_err err = {0};
	char hex[HASH_HEX] = "untouched", same[HASH_HEX];
	assert_int_equal(symlink("file", link_path), 0);
	assert_int_equal(hash_file(link_path, 0, hex, NULL, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "link is a link where a file belongs"));
	assert_string_equal(hex, "untouched");
	assert_int_equal(hash_file(link_path, 1, hex, NULL, NULL), 0);
	assert_int_equal(hash_file(path, 0, same, NULL, NULL), 0);
	assert_string_equal(hex, same);
}

static void hash__not_a_file(void **state)
{
	(void)state;
	struct orch_err err = {0};
	char hex[HASH_HEX];
	assert_int_equal(hash_file(folder, 0, hex, NULL, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "is not a regular file"));
	orch_err_clear(&err);
	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	alarm(10); /* a pipe without a writer must not hang us */
	assert_int_equal(hash_file(pipe_path, 0, hex, NULL, &err), ORCH_EDAMAGED);
	alarm(0);
	orch_err_clear(&err);
	assert_int_equal(hash_file("/nonexistent/file", 0, hex, NULL, &err), ORCH_EMISSING);
	assert_string_equal(err.text, "cannot open /nonexistent/file: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash__known_values),
		cmocka_unit_test(hash__texts_keep_their_borders),
		cmocka_unit_test(hash__hex_goes_both_ways),
		cmocka_unit_test(hash__of_a_file),
		cmocka_unit_test(hash__links_only_when_asked),
		cmocka_unit_test(hash__not_a_file),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
