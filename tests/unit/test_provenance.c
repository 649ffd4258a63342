/* Faults are read once per process, so those cases run this program anew: PROGRAM BODY FOLDER. */
#include <errno.h>
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
#include "storage/base/json.h"
#include "storage/provenance.h"

static char folder[256] = "/tmp/orch-test-provenance-XXXXXX";

static const char *in_folder(const char *name)
{
	static char paths[16][512];
	static unsigned next;
	char *path = paths[next++ % 16];
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

static int clear(void **state)
{
	struct file_list list;
	(void)state;
	if (file_list_folder(folder, &list, NULL) != 0)
		return -1;
	for (size_t i = 0; i < list.count; i++)
		file_remove_tree(in_folder(list.names[i]), NULL);
	file_list_release(&list);
	return file_make_folder(in_folder("u"), NULL);
}

/* git itself, in u/, with a configuration of its own. */
static void git(const char *command)
{
	char line[2000];
	snprintf(line, sizeof line,
	        "cd %s/u && export HOME=%s GIT_CONFIG_NOSYSTEM=1 && git() { command git -c init.defaultBranch=main "
	        "-c user.name=n -c user.email=e@x -c commit.gpgsign=false -c protocol.file.allow=always \"$@\"; } && { "
	        "%s; } >/dev/null 2>&1",
	        folder, folder, command);
	if (system(line) != 0)
		fail_msg("%s", command);
}

static void write_text(const char *name, const char *text)
{
	assert_int_equal(file_replace(in_folder(name), text, strlen(text), NULL), 0);
}

static json_t *described(char **diff)
{
	json_t *out = NULL;
	struct orch_err err = {0};
	char *text = NULL;
	if (provenance_describe(in_folder("u/campaign.yaml"), &out, &text, &err) != 0)
		fail_msg("%s", err.text);
	if (diff)
		*diff = text;
	else
		free(text);
	return out;
}

static void check_git_null(const char *note)
{
	json_t *out = described(NULL);
	assert_true(json_is_null(json_object_get(out, "git")));
	const char *text = json_get_text(out, "git_note", NULL);
	if (note && (!text || !strstr(text, note)))
		fail_msg("note \"%s\" where \"%s\" was expected", text ? text : "(none)", note);
	if (!note)
		assert_null(text);
	json_decref(out);
}

static void provenance__no_repository_is_null(void **state)
{
	(void)state;
	check_git_null(NULL);
}

static void provenance__libraries_and_machine_are_named(void **state)
{
	(void)state;
	static const char *const names[] = {
	        "sqlite", "jansson", "libfyaml", "duckdb", "openblas", "xgboost", "libgit2", "libarchive", "nettle"};
	json_t *out = described(NULL), *libraries = json_object_get(out, "libraries"),
	       *host = json_object_get(out, "host");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strpbrk(json_get_text(libraries, names[i], ""), "0123456789"))
			fail_msg("no version of %s", names[i]);
	assert_true(json_get_int(host, "cores", 0) >= 1);
	assert_true(json_get_int(host, "memory", 0) > 1 << 20);
	assert_string_equal(json_get_text(host, "system", ""), "Linux");
	json_decref(out);
}

static void provenance__a_clean_commit(void **state)
{
	(void)state;
	char *diff = NULL, *head = NULL;
	write_text("u/campaign.yaml", "name: c\n");
	git("git init && git add . && git commit -m one && git checkout -b topic/größe && git rev-parse HEAD > "
	    "../head");
	json_t *out = described(&diff), *found = json_object_get(out, "git");
	assert_int_equal(file_read(in_folder("head"), 0, &head, NULL, NULL), 0);
	head[40] = '\0';
	assert_string_equal(json_get_text(found, "commit", ""), head);
	assert_string_equal(json_get_text(found, "branch", ""), "topic/größe");
	assert_int_equal(json_get_bool(found, "dirty", 1), 0);
	assert_true(json_is_null(json_object_get(found, "diff_sha256")));
	assert_null(diff);
	json_decref(out);
	free(head);
}

static void provenance__changes_of_index_and_tree_are_the_diff(void **state)
{
	(void)state;
	char *diff = NULL, hex[HASH_HEX];
	write_text("u/campaign.yaml", "name: c\n");
	write_text("u/train.py", "one\n");
	write_text("u/gone.py", "gone\n");
	git("git init && git add . && git commit -m one");
	write_text("u/train.py", "two\n");
	write_text("u/staged.py", "staged\n");
	write_text("u/untracked.py", "untracked\n");
	git("git add staged.py && git rm gone.py");
	json_t *out = described(&diff), *found = json_object_get(out, "git");
	assert_int_equal(json_get_bool(found, "dirty", 0), 1);
	assert_non_null(diff);
	assert_non_null(strstr(diff, "\n-one\n+two\n"));
	assert_non_null(strstr(diff, "\n+staged\n"));
	assert_non_null(strstr(diff, "\n-gone\n"));
	assert_null(strstr(diff, "untracked"));
	struct hash hash;
	hash_begin(&hash);
	hash_add(&hash, diff, strlen(diff));
	hash_end_hex(&hash, hex);
	assert_string_equal(json_get_text(found, "diff_sha256", ""), hex);
	/* It applies. */
	write_text("patch", diff);
	git("git stash && git apply --index ../patch && git diff --cached --quiet stash@{0}");
	json_decref(out);
	free(diff);
}

static void provenance__a_huge_diff_is_bounded(void **state)
{
	(void)state;
	char *big = malloc(((size_t)6 << 20) + 1), *diff = NULL;
	for (size_t i = 0; i < (size_t)6 << 20; i++)
		big[i] = i % 64 == 63 ? '\n' : 'x';
	big[(size_t)6 << 20] = '\0';
	write_text("u/campaign.yaml", "name: c\n");
	write_text("u/big", "small\n");
	git("git init && git add . && git commit -m one");
	write_text("u/big", big);
	json_t *out = described(&diff), *found = json_object_get(out, "git");
	assert_int_equal(json_get_bool(found, "diff_cut", 0), 1);
	assert_true(strlen(diff) <= (size_t)4 << 20 && strlen(diff) > (size_t)3 << 20);
	json_decref(out);
	free(diff);
	free(big);
}

static void provenance__a_diff_of_odd_bytes_is_still_text(void **state)
{
	(void)state;
	char *diff = NULL;
	write_text("u/campaign.yaml", "name: c\n");
	write_text("u/latin", "caf\xe9\n");
	git("git init && git add . && git commit -m one");
	write_text("u/latin", "caf\xe9 größe\n");
	json_t *out = described(&diff), *text = json_string(diff);
	assert_non_null(text); /* valid UTF-8 */
	assert_non_null(strstr(diff, "+caf\xEF\xBF\xBD größe\n"));
	json_decref(text);
	json_decref(out);
	free(diff);
}

static void provenance__detached_and_unborn_heads(void **state)
{
	(void)state;
	write_text("u/campaign.yaml", "name: c\n");
	git("git init -b trunk && git add .");
	json_t *out = described(NULL), *found = json_object_get(out, "git");
	assert_true(json_is_null(json_object_get(found, "commit")));
	assert_string_equal(json_get_text(found, "branch", ""), "trunk");
	assert_int_equal(json_get_bool(found, "dirty", 0), 1);
	json_decref(out);
	git("git commit -m one && git checkout --detach");
	out = described(NULL);
	found = json_object_get(out, "git");
	assert_int_equal(strlen(json_get_text(found, "commit", "")), 40);
	assert_true(json_is_null(json_object_get(found, "branch")));
	assert_int_equal(json_get_bool(found, "dirty", 1), 0);
	json_decref(out);
}

static void provenance__submodules_do_not_count(void **state)
{
	(void)state;
	write_text("u/campaign.yaml", "name: c\n");
	git("git init ../lib && cd ../lib && echo a > a && git add . && git commit -m lib && cd ../u && git init && "
	    "git add . && "
	    "git submodule add ../lib lib && git commit -m one && cd lib && echo b > a && git commit -am changed");
	json_t *out = described(NULL);
	assert_int_equal(json_get_bool(json_object_get(out, "git"), "dirty", 1), 0);
	json_decref(out);
}

static void provenance__another_users_repository_is_a_note(void **state)
{
	(void)state;
	write_text("u/campaign.yaml", "name: c\n");
	git("git init && git add . && git commit -m one");
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(in_folder("u/.git"), 65534, 65534), 0);
	assert_int_equal(chown(in_folder("u"), 65534, 65534), 0);
	check_git_null("belongs to another user");
}

static void provenance__a_damaged_repository_is_a_note(void **state)
{
	(void)state;
	write_text("u/campaign.yaml", "name: c\n");
	git("git init && git add . && git commit -m one && rm -r .git/objects/??");
	check_git_null("cannot be read");
	git("rm -r .git && git init --bare .git");
	git("printf nonsense > .git/HEAD");
	json_t *out = described(NULL);
	json_decref(out);
}

/* A configuration of the user that breaks, a hook that would be seen, an index that would be refreshed: none is
 * touched. */
static void provenance__nothing_of_the_users_is_run_or_written(void **state)
{
	(void)state;
	char before[HASH_HEX], after[HASH_HEX];
	write_text("u/campaign.yaml", "name: c\n");
	git("git init && git add . && git commit -m one && printf '#!/bin/sh\\ntouch %s/ran' \"$HOME\" > "
	    ".git/hooks/post-index-change && "
	    "chmod +x .git/hooks/* && touch -d '2001-01-01' campaign.yaml && printf '[filter \"x\"]\\nclean = touch "
	    "ran\\n' >> .git/config && "
	    "echo '* filter=x' > .git/info/attributes");
	write_text(".gitconfig", "[broken\n");
	setenv("HOME", folder, 1);
	assert_int_equal(hash_file(in_folder("u/.git/index"), 0, before, NULL, NULL), 0);
	json_t *out = described(NULL);
	assert_int_equal(json_get_bool(json_object_get(out, "git"), "dirty", 1), 0);
	json_decref(out);
	assert_int_equal(hash_file(in_folder("u/.git/index"), 0, after, NULL, NULL), 0);
	assert_string_equal(before, after);
	assert_false(file_exists(in_folder("ran")));
	assert_false(file_exists(in_folder("u/ran")));
}

/* --- the campaign's own repository --- */

static void make_round(unsigned round, const char *text)
{
	char name[64], file[128];
	snprintf(name, sizeof name, "round_%03u", round);
	snprintf(file, sizeof file, "%s/00_dataset", name);
	assert_int_equal(file_make_folders(in_folder(file), NULL), 0);
	snprintf(file, sizeof file, "%s/00_dataset/features.json", name);
	write_text(file, "[\"a\"]\n");
	snprintf(file, sizeof file, "%s/MANIFEST.sha256", name);
	write_text(file, text);
	snprintf(file, sizeof file, "%s/COMPLETE", name);
	write_text(file, "{}\n");
}

static int commit(unsigned round, struct orch_err *err)
{
	char name[64];
	snprintf(name, sizeof name, "round_%03u", round);
	return provenance_commit_round(in_folder("p.git"), round, in_folder(name), "{\"seed\": 1}\n", err);
}

static int verify(unsigned round, struct orch_err *err)
{
	char name[64];
	snprintf(name, sizeof name, "round_%03u", round);
	return provenance_verify_round(in_folder("p.git"), round, in_folder(name), err);
}

static void provenance__one_commit_a_round(void **state)
{
	(void)state;
	struct orch_err err = {0};
	make_round(0, "zero\n");
	make_round(1, "one\n");
	assert_int_equal(commit(0, NULL), 0);
	assert_int_equal(commit(1, NULL), 0);
	assert_int_equal(commit(0, NULL), 0); /* there already */
	assert_int_equal(commit(1, NULL), 0);
	assert_int_equal(verify(0, NULL), 0);
	assert_int_equal(verify(1, NULL), 0);
	git("git -C ../p.git fsck --strict && test $(git -C ../p.git rev-list --count main) = 2 && "
	    "test \"$(git -C ../p.git log --format=%s main)\" = \"$(printf 'round_001\\nround_000')\" && "
	    "test $(git -C ../p.git show round_001:MANIFEST.sha256) = one && git -C ../p.git show round_000:spec.json "
	    "| grep seed && "
	    "git -C ../p.git show round_000:features.json && test $(git -C ../p.git rev-parse main) = $(git -C "
	    "../p.git rev-parse round_001)");
	assert_int_equal(verify(2, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "has no commit of round 2"));
}

static void provenance__a_round_done_again_gets_a_new_commit(void **state)
{
	(void)state;
	struct orch_err err = {0};
	make_round(0, "zero\n");
	assert_int_equal(commit(0, NULL), 0);
	make_round(0, "again\n");
	assert_int_equal(verify(0, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "its MANIFEST.sha256 is not that of"));
	assert_int_equal(commit(0, NULL), 0);
	assert_int_equal(verify(0, NULL), 0);
	git("test $(git -C ../p.git show round_000:MANIFEST.sha256) = again");
}

static void provenance__damage_is_found(void **state)
{
	(void)state;
	struct orch_err err = {0};
	make_round(0, "zero\n");
	assert_int_equal(verify(0, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "orch verify --rebuild"));
	assert_int_equal(commit(0, NULL), 0);
	assert_int_equal(file_remove(in_folder("round_000/COMPLETE"), NULL), 0);
	orch_err_clear(&err);
	assert_int_equal(verify(0, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "COMPLETE is in the commit only"));
	make_round(0, "zero\n");
	assert_int_equal(verify(0, NULL), 0);
	git("object=$(git -C ../p.git rev-parse round_000:MANIFEST.sha256) && cd ../p.git/objects/$(printf %.2s "
	    "$object) && "
	    "chmod u+w * && f=$(printf %s $object | cut -c3-) && printf xxxx > $f");
	assert_int_equal(verify(0, NULL), ORCH_EDAMAGED);
}

static void provenance__stale_locks_of_killed_processes_go(void **state)
{
	(void)state;
	make_round(0, "zero\n");
	make_round(1, "one\n");
	assert_int_equal(commit(0, NULL), 0);
	write_text("p.git/refs/heads/main.lock", "");
	write_text("p.git/refs/tags/round_001.lock", "");
	write_text("p.git/HEAD.lock", "");
	write_text("p.git/config.lock", "");
	assert_int_equal(commit(1, NULL), 0);
	assert_int_equal(verify(1, NULL), 0);
}

static void provenance__a_half_made_repository_is_completed(void **state)
{
	(void)state;
	static const char *const parts[] = {
	        "HEAD", "config", "objects", "refs", "description", "info", "refs/heads", "objects/pack"};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		char name[64];
		clear(NULL);
		make_round(0, "zero\n");
		git("git init --bare ../p.git");
		snprintf(name, sizeof name, "p.git/%s", parts[i]);
		assert_int_equal(file_remove_tree(in_folder(name), NULL), 0);
		assert_int_equal(commit(0, NULL), 0);
		assert_int_equal(verify(0, NULL), 0);
	}
}

static void provenance__a_damaged_one_is_set_aside_and_made_again(void **state)
{
	(void)state;
	static const char *const damages[] = {"rm -rf objects/??", "printf garbage > refs/heads/main",
	        "printf garbage > config; printf '[x' >> config", "rm -rf objects && touch objects",
	        "printf garbage > HEAD", "printf garbage > packed-refs"};
	for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
		char command[256];
		struct orch_err err = {0};
		clear(NULL);
		make_round(0, "zero\n");
		make_round(1, "one\n");
		assert_int_equal(commit(0, NULL), 0);
		snprintf(command, sizeof command, "cd ../p.git && %s", damages[i]);
		git(command);
		if (commit(1, &err) != 0)
			fail_msg("%s: %s", damages[i], err.text);
		assert_int_equal(commit(0, NULL), 0);
		assert_int_equal(verify(0, NULL), 0);
		assert_int_equal(verify(1, NULL), 0);
	}
}

static int commit_body(void)
{
	return -provenance_commit_round(in_folder("p.git"), 0, in_folder("round_000"), "{}", NULL);
}

static void provenance__any_step_may_fail_or_kill(void **state)
{
	(void)state;
	make_round(0, "zero\n");
	for (int step = 1; step <= 3; step++)
		for (int kind = 0; kind < 2; kind++) {
			char fault[32];
			int status;
			snprintf(fault, sizeof fault, kind ? "fail@%d:ENOSPC" : "kill@%d", step);
			pid_t child = fork();
			if (child == 0) {
				setenv("ORCH_FAULT", fault, 1);
				execl("/proc/self/exe", "test_provenance", "commit", folder, (char *)NULL);
				_exit(99);
			}
			assert_int_equal(waitpid(child, &status, 0), child);
			assert_true(kind ? WIFEXITED(status) && WEXITSTATUS(status) == -ORCH_EIO : WIFSIGNALED(status));
			assert_int_equal(verify(0, NULL), ORCH_EDAMAGED);
			assert_int_equal(commit(0, NULL), 0);
			assert_int_equal(verify(0, NULL), 0);
			assert_int_equal(file_remove_tree(in_folder("p.git"), NULL), 0);
		}
}

#define CASE(function) cmocka_unit_test_setup(function, clear)

int main(int argc, char **argv)
{
	if (argc == 3) {
		snprintf(folder, sizeof folder, "%s", argv[2]);
		return commit_body();
	}
	const struct CMUnitTest tests[] = {
	        CASE(provenance__no_repository_is_null),
	        CASE(provenance__libraries_and_machine_are_named),
	        CASE(provenance__a_clean_commit),
	        CASE(provenance__changes_of_index_and_tree_are_the_diff),
	        CASE(provenance__a_huge_diff_is_bounded),
	        CASE(provenance__a_diff_of_odd_bytes_is_still_text),
	        CASE(provenance__detached_and_unborn_heads),
	        CASE(provenance__submodules_do_not_count),
	        CASE(provenance__another_users_repository_is_a_note),
	        CASE(provenance__a_damaged_repository_is_a_note),
	        CASE(provenance__nothing_of_the_users_is_run_or_written),
	        CASE(provenance__one_commit_a_round),
	        CASE(provenance__a_round_done_again_gets_a_new_commit),
	        CASE(provenance__damage_is_found),
	        CASE(provenance__stale_locks_of_killed_processes_go),
	        CASE(provenance__a_half_made_repository_is_completed),
	        CASE(provenance__a_damaged_one_is_set_aside_and_made_again),
	        CASE(provenance__any_step_may_fail_or_kill),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
