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
#include "storage/manifest.h"

static char folder[] = "/tmp/orch-test-manifest-XXXXXX";

#define HASH_A "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" /* of "a" */

static const char *in_folder(const char *name)
{
	static char paths[4][512];
	static unsigned next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return file_remove_tree(folder, NULL);
}

static int fill(void **state)
{
	(void)state;
	struct file_list list;
	if (file_list_folder(folder, &list, NULL) != 0)
		return -1;
	for (size_t i = 0; i < list.count; i++)
		file_remove_tree(in_folder(list.names[i]), NULL);
	file_list_release(&list);
	return file_make_folders(in_folder("b/deep"), NULL) || file_write_new(in_folder("a"), "a", 1, NULL) ||
	       file_write_new(in_folder("b/deep/c"), "", 0, NULL) ||
	       file_write_new(in_folder("b-side"), "xyz", 3, NULL);
}

static struct manifest made(void)
{
	struct manifest manifest;
	assert_int_equal(manifest_make(folder, NULL, &manifest, NULL), 0);
	return manifest;
}

/* What verify says about the folder; the code. */
static int verify(const struct manifest *manifest, struct orch_err *err)
{
	orch_err_clear(err);
	return manifest_verify(manifest, folder, NULL, err);
}

static void manifest__names_every_file_sorted_with_its_size(void **state)
{
	(void)state;
	struct manifest manifest = made();
	assert_int_equal(manifest.count, 3);
	assert_string_equal(manifest.entries[0].name, "a");
	assert_string_equal(manifest.entries[0].hash, HASH_A);
	assert_int_equal(manifest.entries[0].size, 1);
	assert_string_equal(manifest.entries[1].name, "b-side");
	assert_string_equal(manifest.entries[2].name, "b/deep/c");
	assert_string_equal(manifest_find(&manifest, "a"), HASH_A);
	assert_null(manifest_find(&manifest, "nothing"));
	manifest_release(&manifest);
	static const char *const skip[] = {"a", "b/deep/c", NULL};
	assert_int_equal(manifest_make(folder, skip, &manifest, NULL), 0);
	assert_int_equal(manifest.count, 1);
	manifest_release(&manifest);
}

static void manifest__text_is_what_sha256sum_prints_and_reads_back(void **state)
{
	(void)state;
	assert_int_equal(file_write_new(in_folder("back\\slash"), "1", 1, NULL), 0);
	assert_int_equal(file_write_new(in_folder("new\nline\r"), "2", 1, NULL), 0);
	assert_int_equal(file_write_new(in_folder("grün 日本 *"), "3", 1, NULL), 0);
	struct manifest manifest = made(), again;
	struct text_buf text = {0}, second = {0};
	manifest_text(&manifest, &text);
	char command[512], printed[4096];
	snprintf(command, sizeof command,
	        "cd %s && find . -type f -printf '%%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum", folder);
	FILE *pipe = popen(command, "r");
	printed[fread(printed, 1, sizeof printed - 1, pipe)] = '\0';
	assert_int_equal(pclose(pipe), 0);
	assert_string_equal(text.data, printed);
	assert_int_equal(manifest_parse(text.data, text.length, "M", &again, NULL), 0);
	manifest_text(&again, &second);
	assert_string_equal(second.data, text.data);
	assert_int_equal(verify(&again, NULL), 0);
	text_buf_release(&text);
	text_buf_release(&second);
	manifest_release(&manifest);
	manifest_release(&again);
}

static void manifest__hostile_text_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} cases[] = {
	        {HASH_A "  /etc/passwd\n", "M:1: a name that is absolute"},
	        {HASH_A "  ../x\n", "leads out of the folder"},
	        {HASH_A "  a/../../x\n", "leads out of the folder"},
	        {HASH_A "  a\n" HASH_A "  ..\n", "M:2: "},
	        {HASH_A "  ./a\n", "leads out"},
	        {HASH_A "  a//b\n", "leads out"},
	        {HASH_A "  a/\n", "leads out"},
	        {HASH_A "  \n", "not \"HASH  NAME\""},
	        {HASH_A " *a\n", "not \"HASH  NAME\""},
	        {HASH_A "  a\n" HASH_A "  b\n" HASH_A "  a\n", "M names a twice"},
	        {HASH_A "  a", "cut off"},
	        {"\n", "not \"HASH  NAME\""},
	        {"\\" HASH_A "  a\\x\n", "unknown escape"},
	        {"\\" HASH_A "  a\\\n", "unknown escape"},
	        {"\\" HASH_A "  a\\n/../../b\n", "leads out"},
	        {"zz978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb  a\n", "not a SHA-256"},
	        {"CA978112CA1BBDCAFAC231B39A23DC4DA786EFF8147C4E72B9807785AFEE48BB  a\n", "not a SHA-256"},
	        {"ca97  a\n", "not \"HASH  NAME\""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct manifest manifest = {0};
		struct orch_err err = {0};
		if (manifest_parse(cases[i].text, strlen(cases[i].text), "M", &manifest, &err) != ORCH_EDAMAGED)
			fail_msg("taken: %s", cases[i].text);
		if (!strstr(err.text, cases[i].says))
			fail_msg("%s: \"%s\" where \"%s\" was expected", cases[i].text, err.text, cases[i].says);
		assert_null(manifest.entries);
	}
	struct manifest manifest = {0};
	struct orch_err err = {0};
	static const char nul[] = HASH_A "  a\0b\n";
	assert_int_equal(manifest_parse(nul, sizeof nul - 1, "M", &manifest, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "NUL"));
}

static void manifest__a_name_of_any_length_is_no_trouble(void **state)
{
	(void)state;
	struct text_buf text = {0};
	text_add(&text, HASH_A "  ");
	for (int i = 0; i < 300; i++)
		text_add(&text, "x");
	text_add(&text, "\n");
	struct manifest manifest = {0};
	assert_int_equal(manifest_parse(text.data, text.length, "M", &manifest, NULL), ORCH_EDAMAGED);
	text_buf_release(&text);
}

static void manifest__verify_lists_all_differences(void **state)
{
	(void)state;
	struct manifest manifest = made();
	struct orch_err err = {0};
	assert_int_equal(verify(&manifest, &err), 0);
	assert_int_equal(file_replace(in_folder("b-side"), "xyZ", 3, NULL), 0);
	assert_int_equal(file_remove(in_folder("b/deep/c"), NULL), 0);
	assert_int_equal(file_write_new(in_folder("b/new"), "", 0, NULL), 0);
	assert_int_equal(verify(&manifest, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "is not what its manifest says:"));
	assert_non_null(strstr(err.text, "\n  b-side: content changed"));
	assert_non_null(strstr(err.text, "\n  b/deep/c: missing"));
	assert_non_null(strstr(err.text, "\n  b/new: not in the manifest"));
	static const char *const allowed[] = {"b/new", NULL};
	orch_err_clear(&err);
	assert_int_equal(manifest_verify(&manifest, folder, allowed, &err), ORCH_EDAMAGED);
	assert_null(strstr(err.text, "b/new"));
	manifest_release(&manifest);
}

static void manifest__links_and_folders_in_the_place_of_files_are_damage(void **state)
{
	(void)state;
	struct manifest manifest = made();
	struct orch_err err = {0};
	assert_int_equal(unlink(in_folder("a")), 0);
	assert_int_equal(symlink("b-side", in_folder("a")), 0);
	assert_int_equal(verify(&manifest, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "is a link"));
	struct manifest none;
	orch_err_clear(&err);
	assert_int_equal(manifest_make(folder, NULL, &none, &err), ORCH_EDAMAGED);
	assert_int_equal(unlink(in_folder("a")), 0);
	assert_int_equal(mkdir(in_folder("a"), 0700), 0);
	assert_int_equal(verify(&manifest, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "\n  a: "));
	assert_int_equal(rmdir(in_folder("a")), 0);
	assert_int_equal(mkfifo(in_folder("a"), 0600), 0);
	assert_int_equal(verify(&manifest, &err), ORCH_EDAMAGED);
	manifest_release(&manifest);
}

static void manifest__many_differences_are_counted(void **state)
{
	(void)state;
	struct manifest manifest = made();
	struct orch_err err = {0};
	for (int i = 0; i < 40; i++) {
		char name[16];
		snprintf(name, sizeof name, "extra-%d", i);
		assert_int_equal(file_write_new(in_folder(name), "", 0, NULL), 0);
	}
	assert_int_equal(verify(&manifest, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "\n  and 28 more"));
	manifest_release(&manifest);
}

static void manifest__a_missing_folder_is_missing(void **state)
{
	(void)state;
	struct manifest manifest = {0};
	struct orch_err err = {0};
	assert_int_equal(manifest_verify(&manifest, in_folder("none"), NULL, &err), ORCH_EMISSING);
	assert_non_null(strstr(err.text, "/none"));
	assert_int_equal(manifest_parse("", 0, "M", &manifest, &err), 0);
	manifest_release(&manifest);
}

#define CASE(function) cmocka_unit_test_setup(function, fill)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        CASE(manifest__names_every_file_sorted_with_its_size),
	        CASE(manifest__text_is_what_sha256sum_prints_and_reads_back),
	        CASE(manifest__hostile_text_is_refused),
	        CASE(manifest__a_name_of_any_length_is_no_trouble),
	        CASE(manifest__verify_lists_all_differences),
	        CASE(manifest__links_and_folders_in_the_place_of_files_are_damage),
	        CASE(manifest__many_differences_are_counted),
	        CASE(manifest__a_missing_folder_is_missing),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
