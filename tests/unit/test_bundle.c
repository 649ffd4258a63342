/* Faults are read once per process, so those cases run this program anew: PROGRAM BODY FOLDER. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/bundle.h"
#include "storage/round_dir.h"

static char folder[256] = "/tmp/orch-test-bundle-XXXXXX";
static struct campaign_dir campaign = {.path = folder, .lock = -1};

#define LONG_NAME                                                                                                       \
	"a-very-long-name-that-does-not-fit-into-the-hundred-bytes-of-a-plain-tar-header-größe-日本語-0123456789-" \
	"0123456789.json"

static const char *in_folder(const char *name)
{
	static char paths[8][512];
	static unsigned next;
	char *path = paths[next++ % 8];
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

static int write_plain(const char *folder_path, const char *name, const void *bytes, size_t length)
{
	char *path = file_join(folder_path, name);
	FILE *file = fopen(path, "we");
	free(path);
	return file && fwrite(bytes, 1, length, file) == length && fclose(file) == 0 ? 0 : -1;
}

static int make_round(unsigned round)
{
	struct round_dir *dir = NULL;
	char *path = NULL, data[5000];
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (char)(i * i % 251);
	assert_int_equal(round_dir_begin(&campaign, round, &dir, NULL), 0);
	assert_int_equal(round_dir_stage_begin(dir, "01_hpo", &path, NULL), 0);
	char *deep = file_join(path, "deep");
	assert_int_equal(mkdir(deep, 0700), 0);
	assert_int_equal(write_plain(deep, LONG_NAME, "{}", 2), 0);
	assert_int_equal(write_plain(path, "data.bin", data, sizeof data), 0);
	assert_int_equal(write_plain(path, "empty", "", 0), 0);
	assert_int_equal(write_plain(path, "deep-er", "sorts before deep/", 18), 0);
	assert_int_equal(round_dir_stage_commit(dir, "01_hpo", path, NULL), 0);
	free(deep);
	free(path);
	assert_int_equal(round_dir_file(dir, "report.html", "<p>", 3, NULL), 0);
	return round_dir_commit(&dir, NULL, NULL);
}

static const char *the_round(void)
{
	return in_folder("rounds/round_001");
}

static int fresh(void **state)
{
	struct file_list list;
	(void)state;
	if (file_list_folder(folder, &list, NULL) != 0)
		return -1;
	for (size_t i = 0; i < list.count; i++)
		file_remove_tree(in_folder(list.names[i]), NULL);
	file_list_release(&list);
	return make_round(1) || file_make_folder(in_folder("bundles"), NULL);
}

static void written(const char *name)
{
	struct orch_err err = {0};
	if (bundle_write(the_round(), in_folder(name), &err) != 0)
		fail_msg("%s", err.text);
}

static void check_same(const char *a, const char *b, bool same)
{
	char one[HASH_HEX], two[HASH_HEX];
	assert_int_equal(hash_file(a, 0, one, NULL, NULL), 0);
	assert_int_equal(hash_file(b, 0, two, NULL, NULL), 0);
	assert_int_equal(strcmp(one, two) == 0, same);
}

static void bundle__equal_rounds_give_equal_bytes(void **state)
{
	(void)state;
	written("first.tar.zst");
	assert_int_equal(file_remove_tree(in_folder("rounds"), NULL), 0);
	umask(077);
	assert_int_equal(make_round(1), 0);
	umask(022);
	written("second.tar.zst");
	check_same(in_folder("first.tar.zst"), in_folder("second.tar.zst"), true);
	assert_int_equal(bundle_verify(in_folder("second.tar.zst"), the_round(), NULL), 0);
}

static void bundle__its_locale_does_not_matter(void **state)
{
	(void)state;
	written("c.tar.zst");
	if (!setlocale(LC_ALL, "C.UTF-8"))
		skip();
	written("utf8.tar.zst");
	int verified = bundle_verify(in_folder("c.tar.zst"), the_round(), NULL);
	setlocale(LC_ALL, "C");
	assert_int_equal(verified, 0);
	check_same(in_folder("c.tar.zst"), in_folder("utf8.tar.zst"), true);
}

static int count_names(void *context, const char *name, uint64_t size)
{
	char *text = context;
	sprintf(text + strlen(text), "%s=%llu\n", name, (unsigned long long)size);
	return 0;
}

static void bundle__lists_its_members_in_order(void **state)
{
	(void)state;
	char text[4096] = "";
	written("b.tar.zst");
	assert_int_equal(bundle_list(in_folder("b.tar.zst"), count_names, text, NULL), 0);
	assert_non_null(
	        strstr(text, "01_hpo/data.bin=5000\n01_hpo/deep-er=18\n01_hpo/deep/" LONG_NAME "=2\n01_hpo/empty=0\n"));
	assert_non_null(strstr(text, "report.html=3\n"));
}

static void bundle__unpacks_to_the_round(void **state)
{
	(void)state;
	struct orch_err err = {0};
	char one[65], two[65], command[1200];
	written("b.tar.zst");
	assert_int_equal(bundle_unpack(in_folder("b.tar.zst"), in_folder("out"), NULL), 0);
	assert_int_equal(round_dir_verify(in_folder("out"), one, NULL), 0);
	assert_int_equal(round_dir_verify(the_round(), two, NULL), 0);
	assert_string_equal(one, two);
	assert_int_equal(bundle_unpack(in_folder("b.tar.zst"), in_folder("out"), &err), ORCH_EINPUT);
	assert_non_null(strstr(err.text, "exists already"));
	snprintf(command, sizeof command,
	        "cd %s && zstd -qdc b.tar.zst | tar -xf - && diff -r round_001 rounds/round_001 && "
	        "zstd -qdc b.tar.zst | tar --numeric-owner -tvf - | grep -c '^-rw-r--r-- 0/0 .* 1970-01-01 ' | grep "
	        "-qx 8",
	        folder);
	assert_int_equal(system(command), 0);
}

static void bundle__a_right_one_is_kept_a_wrong_one_made_again(void **state)
{
	(void)state;
	struct stat before, after;
	char path[512];
	snprintf(path, sizeof path, "%s", in_folder("b.tar.zst"));
	written("b.tar.zst");
	assert_int_equal(stat(path, &before), 0);
	written("b.tar.zst");
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(truncate(path, before.st_size / 2), 0);
	assert_int_equal(file_write_new(in_folder(".b.tar.zst.new"), "left by a killed process", 24, NULL), 0);
	assert_int_equal(bundle_verify(path, the_round(), NULL), ORCH_EDAMAGED);
	written("b.tar.zst");
	assert_int_equal(bundle_verify(path, the_round(), NULL), 0);
	assert_false(file_exists(in_folder(".b.tar.zst.new")));
}

static void bundle__a_damaged_round_is_not_bundled(void **state)
{
	(void)state;
	struct orch_err err = {0};
	char *file = file_join(the_round(), "report.html");
	FILE *stream = fopen(file, "w");
	fputs("changed", stream);
	fclose(stream);
	free(file);
	assert_int_equal(bundle_write(the_round(), in_folder("b.tar.zst"), &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "report.html is not what its manifest says"));
	assert_false(file_exists(in_folder("b.tar.zst")));
	assert_false(file_exists(in_folder(".b.tar.zst.new")));
}

static void bundle__of_another_round_is_told(void **state)
{
	(void)state;
	struct orch_err err = {0};
	written("b.tar.zst");
	assert_int_equal(make_round(2), 0);
	assert_int_equal(bundle_verify(in_folder("b.tar.zst"), in_folder("rounds/round_002"), &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "is not of the round"));
}

/* Content is guarded by the manifest; what may survive a flip is padding and the like: then everything unpacks as it
 * was. */
static void bundle__flipped_bytes_and_cuts_are_found(void **state)
{
	(void)state;
	char *bytes, one[65], two[65];
	size_t length, found = 0, tried = 0;
	written("b.tar.zst");
	assert_int_equal(file_read(in_folder("b.tar.zst"), 0, &bytes, &length, NULL), 0);
	assert_int_equal(round_dir_verify(the_round(), one, NULL), 0);
	for (size_t at = 0; at < length; at += 1 + length / 400) {
		bytes[at] ^= 0x10;
		file_remove(in_folder("f.tar.zst"), NULL);
		assert_int_equal(write_plain(folder, "f.tar.zst", bytes, length), 0);
		bytes[at] ^= 0x10;
		tried++;
		struct orch_err err = {0};
		int code = bundle_verify(in_folder("f.tar.zst"), the_round(), &err);
		found += code != 0;
		if (code == ORCH_EDAMAGED)
			continue;
		assert_int_equal(code, 0);
		assert_int_equal(bundle_unpack(in_folder("f.tar.zst"), in_folder("out"), NULL), 0);
		assert_int_equal(round_dir_verify(in_folder("out"), two, NULL), 0);
		assert_string_equal(one, two);
		assert_int_equal(file_remove_tree(in_folder("out"), NULL), 0);
	}
	assert_true(found * 10 > tried * 9);
	for (size_t keep = 0; keep < length; keep += 1 + length / 40) {
		assert_int_equal(write_plain(folder, "f.tar.zst", bytes, keep), 0);
		assert_int_equal(bundle_verify(in_folder("f.tar.zst"), NULL, NULL), ORCH_EDAMAGED);
		assert_int_equal(bundle_unpack(in_folder("f.tar.zst"), in_folder("out"), NULL), ORCH_EDAMAGED);
		assert_false(file_exists(in_folder("out")));
	}
	free(bytes);
}

/* --- hostile archives --- */

struct member {
	const char *name, *link;
	mode_t type;
	int64_t size; /* as claimed; what is written is at most one byte */
	bool hard;
};

static void put_member(struct archive *archive, const struct member *member)
{
	struct archive_entry *entry = archive_entry_new();
	archive_entry_set_pathname(entry, member->name);
	archive_entry_set_filetype(entry, member->type);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, member->size);
	if (member->link && member->hard)
		archive_entry_set_hardlink(entry, member->link);
	else if (member->link)
		archive_entry_set_symlink(entry, member->link);
	assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
	if (member->size == 1)
		assert_int_equal(archive_write_data(archive, "x", 1), 1);
	archive_entry_free(entry);
}

static void make_archive(const char *path, const struct member *members, size_t count, bool zstd)
{
	struct archive *archive = archive_write_new();
	archive_write_set_format_pax_restricted(archive);
	if (zstd)
		archive_write_add_filter_zstd(archive);
	assert_int_equal(archive_write_open_filename(archive, path), ARCHIVE_OK);
	for (size_t i = 0; i < count; i++)
		put_member(archive, &members[i]);
	archive_write_close(archive);
	archive_write_free(archive);
}

static void bundle__hostile_archives_are_refused(void **state)
{
	(void)state;
	static const struct {
		struct member members[2];
		const char *says;
	} cases[] = {
	        {{{"/etc/evil", NULL, AE_IFREG, 1, false}}, "name is absolute"},
	        {{{"../evil", NULL, AE_IFREG, 1, false}}, "leads out of the folder"},
	        {{{"r/a/../../../evil", NULL, AE_IFREG, 1, false}}, "leads out of the folder"},
	        {{{"r/./evil", NULL, AE_IFREG, 1, false}}, "leads out of the folder"},
	        {{{"r/link", "/etc/passwd", AE_IFLNK, 0, false}}, "it is a link"},
	        {{{"r/a", NULL, AE_IFREG, 1, false}, {"r/b", "/etc/passwd", AE_IFREG, 0, true}}, "it is a link"},
	        {{{"r/dev", NULL, AE_IFCHR, 0, false}}, "neither a file nor a folder"},
	        {{{"r/dev", NULL, AE_IFBLK, 0, false}}, "neither a file nor a folder"},
	        {{{"r/pipe", NULL, AE_IFIFO, 0, false}}, "neither a file nor a folder"},
	        {{{"r/a", NULL, AE_IFREG, 1, false}, {"r/a", NULL, AE_IFREG, 1, false}}, "comes twice or out of order"},
	        {{{"r/b", NULL, AE_IFREG, 1, false}, {"r/a", NULL, AE_IFREG, 1, false}}, "comes twice or out of order"},
	        {{{"r/a", NULL, AE_IFREG, 1, false}, {"other/b", NULL, AE_IFREG, 1, false}},
	                "outside the bundle's folder"},
	        {{{"lonely", NULL, AE_IFREG, 1, false}}, "a file stands where the folder belongs"},
	        {{{"r/bomb", NULL, AE_IFREG, (int64_t)5 << 30, false}}, "larger than a bundle of this size can be"},
	        {{{"r/a", NULL, AE_IFREG, 1, false}}, "has no MANIFEST.sha256"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct orch_err err = {0};
		const char *path = in_folder("evil.tar.zst");
		make_archive(path, cases[i].members, cases[i].members[1].name ? 2 : 1, true);
		if (bundle_verify(path, NULL, &err) != ORCH_EDAMAGED || !strstr(err.text, cases[i].says))
			fail_msg("case %zu: \"%s\" where \"%s\" was expected", i, err.text, cases[i].says);
		assert_int_equal(bundle_unpack(path, in_folder("out"), NULL), ORCH_EDAMAGED);
		assert_false(file_exists(in_folder("out")));
		assert_false(file_exists(in_folder("evil")));
		assert_false(file_exists("/etc/evil"));
	}
}

/* Sizes that are each allowed but not together. */
static void bundle__a_bomb_of_many_members_is_refused(void **state)
{
	(void)state;
	static const struct member members[] = {
	        {"r/a", NULL, AE_IFREG, 1, false}, {"r/b", NULL, AE_IFREG, ((int64_t)4 << 30), false}};
	struct orch_err err = {0};
	make_archive(in_folder("bomb.tar.zst"), members, 2, true);
	assert_int_equal(bundle_list(in_folder("bomb.tar.zst"), count_names, (char[256]){""}, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "larger than a bundle of this size can be"));
}

static void bundle__what_is_no_bundle_is_refused(void **state)
{
	(void)state;
	static const struct member member = {"r/a", NULL, AE_IFREG, 1, false};
	struct orch_err err = {0};
	make_archive(in_folder("plain.tar"), &member, 1, false);
	assert_int_equal(bundle_verify(in_folder("plain.tar"), NULL, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "is not compressed with zstd"));
	orch_err_clear(&err);
	assert_int_equal(write_plain(folder, "text", "hello", 5), 0);
	assert_int_equal(bundle_verify(in_folder("text"), NULL, &err), ORCH_EDAMAGED);
	orch_err_clear(&err);
	assert_int_equal(bundle_verify(in_folder("none"), NULL, &err), ORCH_EMISSING);
	assert_non_null(strstr(err.text, "cannot open the bundle"));
	assert_int_equal(symlink("text", in_folder("link")), 0);
	assert_int_equal(bundle_verify(in_folder("link"), NULL, NULL), ORCH_EDAMAGED);
	assert_int_equal(bundle_verify(in_folder("bundles"), NULL, NULL), ORCH_EDAMAGED);
}

/* --- faults --- */

static int write_body(void)
{
	return -bundle_write(the_round(), in_folder("bundles/b.tar.zst"), NULL);
}

static int run(const char *fault)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		setenv("ORCH_FAULT", fault, 1);
		execl("/proc/self/exe", "test_bundle", "write", folder, (char *)NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void bundle__any_step_may_fail_or_kill(void **state)
{
	(void)state;
	char fault[400], *text;
	char path[512];
	snprintf(path, sizeof path, "%s", in_folder("bundles/b.tar.zst"));
	snprintf(fault, sizeof fault, "count:%s", in_folder("count"));
	assert_int_equal(run(fault), 0);
	assert_int_equal(file_read(in_folder("count"), 0, &text, NULL, NULL), 0);
	int steps = 0;
	for (const char *at = text; *at; at++)
		steps += *at == '\n';
	free(text);
	assert_true(steps >= 6);
	assert_int_equal(rename(path, in_folder("whole.tar.zst")), 0);
	for (int step = 1; step <= steps; step++)
		for (int kind = 0; kind < 3; kind++) {
			static const char *const kinds[] = {"kill@%d", "fail@%d:EIO", "fail@%d:ENOSPC"};
			snprintf(fault, sizeof fault, kinds[kind], step);
			int status = run(fault);
			if (kind == 0)
				assert_true(WIFSIGNALED(status));
			else
				assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
			if (file_exists(path))
				assert_int_equal(bundle_verify(path, the_round(), NULL), 0);
			assert_int_equal(bundle_write(the_round(), path, NULL), 0);
			check_same(path, in_folder("whole.tar.zst"), true);
			assert_int_equal(file_remove(path, NULL), 0);
			assert_false(file_exists(in_folder("bundles/.b.tar.zst.new")));
		}
}

#define CASE(function) cmocka_unit_test_setup(function, fresh)

int main(int argc, char **argv)
{
	if (argc == 3) {
		snprintf(folder, sizeof folder, "%s", argv[2]);
		return write_body();
	}
	const struct CMUnitTest tests[] = {
	        CASE(bundle__equal_rounds_give_equal_bytes),
	        CASE(bundle__its_locale_does_not_matter),
	        CASE(bundle__lists_its_members_in_order),
	        CASE(bundle__unpacks_to_the_round),
	        CASE(bundle__a_right_one_is_kept_a_wrong_one_made_again),
	        CASE(bundle__a_damaged_round_is_not_bundled),
	        CASE(bundle__of_another_round_is_told),
	        CASE(bundle__flipped_bytes_and_cuts_are_found),
	        CASE(bundle__hostile_archives_are_refused),
	        CASE(bundle__a_bomb_of_many_members_is_refused),
	        CASE(bundle__what_is_no_bundle_is_refused),
	        CASE(bundle__any_step_may_fail_or_kill),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
