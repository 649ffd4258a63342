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
#include "storage/round_dir.h"

static char folder[256] = "/tmp/orch-test-round-XXXXXX";
static struct campaign_dir campaign = {.path = folder, .lock = -1};

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

static int clear(void **state)
{
	(void)state;
	struct file_list list;
	if (file_list_folder(folder, &list, NULL) != 0)
		return -1;
	for (size_t i = 0; i < list.count; i++)
		file_remove_tree(in_folder(list.names[i]), NULL);
	file_list_release(&list);
	return 0;
}

/* Not through file.h: a writer of artifacts syncs nothing, and its steps are no durable steps. */
static int write_plain(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	if (!file)
		return -1;
	fputs(text, file);
	return fclose(file);
}

static int put_stage(struct round_dir *dir, const char *stage, const char *text, struct orch_err *err)
{
	char *path = NULL, name[600];
	int code = round_dir_stage_begin(dir, stage, &path, err);
	if (code)
		return code;
	snprintf(name, sizeof name, "%s/table.csv", path);
	if (write_plain(name, text) != 0)
		code = ORCH_EIO;
	snprintf(name, sizeof name, "%s/deep", path);
	if (!code && mkdir(name, 0777) != 0)
		code = ORCH_EIO;
	snprintf(name, sizeof name, "%s/deep/größe.json", path);
	if (!code && write_plain(name, "{}") != 0)
		code = ORCH_EIO;
	if (!code)
		code = round_dir_stage_commit(dir, stage, path, err);
	free(path);
	return code;
}

/* What an orchestrator does, on the first run as on any resume. */
static int make_round(struct orch_err *err)
{
	struct round_dir *dir = NULL;
	static const char *const stages[] = {"00_dataset", "01_hpo"};
	int code = round_dir_begin(&campaign, 2, &dir, err);
	for (int i = 0; i < 2 && !code; i++) {
		char *why = NULL;
		if (!round_dir_stage_kept(dir, stages[i], &why))
			code = put_stage(dir, stages[i], i ? "a,b\n1,2\n" : "x\n", err);
		free(why);
	}
	if (!code)
		code = round_dir_file(dir, "report.html", "<p>", 3, err);
	if (code) {
		round_dir_abort(&dir);
		return code;
	}
	json_t *further = json_pack("{s:i}", "features", 3);
	code = round_dir_commit(&dir, further, err);
	json_decref(further);
	return code;
}

static void made(void)
{
	struct orch_err err = {0};
	if (make_round(&err) != 0)
		fail_msg("%s", err.text);
}

static const char *const published = "rounds/round_002";

static int verify(char hash[65], struct orch_err *err)
{
	orch_err_clear(err);
	return round_dir_verify(in_folder(published), hash, err);
}

static void round_dir__a_round_is_published_whole(void **state)
{
	(void)state;
	char hash[65] = "";
	struct orch_err err = {0};
	made();
	assert_int_equal(verify(hash, &err), 0);
	assert_int_equal(strlen(hash), 64);
	struct file_list files;
	assert_int_equal(file_list_tree(in_folder("rounds"), &files, NULL), 0);
	static const char *const expected[] = {"round_002/00_dataset/MANIFEST.sha256",
	        "round_002/00_dataset/deep/größe.json", "round_002/00_dataset/table.csv",
	        "round_002/01_hpo/MANIFEST.sha256", "round_002/01_hpo/deep/größe.json", "round_002/01_hpo/table.csv",
	        "round_002/COMPLETE", "round_002/MANIFEST.sha256", "round_002/report.html"};
	assert_int_equal(files.count, 9);
	for (size_t i = 0; i < 9; i++)
		assert_string_equal(files.names[i], expected[i]);
	file_list_release(&files);
	char command[600];
	snprintf(command, sizeof command,
	        "cd %s/%s && sha256sum --quiet -c MANIFEST.sha256 && cd 01_hpo && sha256sum --quiet -c MANIFEST.sha256",
	        folder, published);
	assert_int_equal(system(command), 0);
	json_t *complete = NULL;
	assert_int_equal(json_read_file(in_folder("rounds/round_002/COMPLETE"), &complete, NULL), 0);
	assert_int_equal(json_get_int(complete, "round", -1), 2);
	assert_int_equal(json_get_int(complete, "features", -1), 3);
	assert_int_equal(json_get_int(json_object_get(complete, "files"), "01_hpo/table.csv", -1), 8);
	assert_string_equal(json_get_text(complete, "manifest", ""), hash);
	json_decref(complete);
}

static void round_dir__two_runs_give_the_same_bytes(void **state)
{
	(void)state;
	char first[65], second[65];
	char one[65], two[65];
	made();
	assert_int_equal(verify(first, NULL), 0);
	assert_int_equal(hash_file(in_folder("rounds/round_002/COMPLETE"), 0, one, NULL, NULL), 0);
	clear(NULL);
	made();
	assert_int_equal(verify(second, NULL), 0);
	assert_int_equal(hash_file(in_folder("rounds/round_002/COMPLETE"), 0, two, NULL, NULL), 0);
	assert_string_equal(first, second);
	assert_string_equal(one, two);
}

static void round_dir__a_published_round_is_not_begun_again(void **state)
{
	(void)state;
	struct round_dir *dir = NULL;
	struct orch_err err = {0};
	made();
	assert_int_equal(round_dir_begin(&campaign, 2, &dir, &err), ORCH_EBUSY);
	assert_null(dir);
	assert_non_null(strstr(err.text, "round 2 is published already"));
}

static void round_dir__commit_refuses_existing(void **state)
{
	(void)state;
	struct round_dir *dir = NULL;
	struct orch_err err = {0};
	assert_int_equal(round_dir_begin(&campaign, 2, &dir, NULL), 0);
	assert_int_equal(
	        mkdir(in_folder(published), 0777), 0); /* plain rename would replace an empty folder silently */
	assert_int_equal(round_dir_commit(&dir, NULL, &err), ORCH_EBUSY);
	assert_null(dir);
	assert_true(file_is_folder(in_folder("rounds/.round_002.work")));
}

static void round_dir__finished_stages_are_kept_on_resume(void **state)
{
	(void)state;
	struct round_dir *dir = NULL;
	char *why = NULL, *half = NULL;
	assert_int_equal(round_dir_begin(&campaign, 2, &dir, NULL), 0);
	assert_int_equal(put_stage(dir, "00_dataset", "kept\n", NULL), 0);
	assert_int_equal(round_dir_stage_begin(dir, "01_hpo", &half, NULL), 0);
	assert_int_equal(round_dir_file(dir, "report.html", "old", 3, NULL), 0);
	round_dir_abort(&dir);
	assert_null(dir);
	assert_true(file_is_folder(half));
	assert_int_equal(round_dir_begin(&campaign, 2, &dir, NULL), 0);
	assert_false(file_exists(half));
	assert_false(file_exists(in_folder("rounds/.round_002.work/report.html")));
	assert_true(round_dir_stage_kept(dir, "00_dataset", &why));
	assert_null(why);
	assert_false(round_dir_stage_kept(dir, "01_hpo", &why));
	assert_null(why);
	round_dir_abort(&dir);
	free(half);
	made();
	char *text;
	assert_int_equal(file_read(in_folder("rounds/round_002/00_dataset/table.csv"), 0, &text, NULL, NULL), 0);
	assert_string_equal(text, "kept\n");
	free(text);
}

static void flip(const char *path)
{
	FILE *file = fopen(path, "r+");
	int byte = fgetc(file);
	rewind(file);
	fputc(byte ^ 1, file);
	fclose(file);
}

static void round_dir__a_damaged_stage_is_removed_and_explained(void **state)
{
	(void)state;
	struct round_dir *dir = NULL;
	static const char *const says[] = {"table.csv: content changed", "table.csv: missing",
	        "extra: not in the manifest", "content changed", "is a link", "not a folder"};
	assert_int_equal(round_dir_begin(&campaign, 2, &dir, NULL), 0);
	for (int damage = 0; damage < 6; damage++) {
		char *why = NULL;
		assert_int_equal(put_stage(dir, "01_hpo", "good\n", NULL), 0);
		const char *stage = in_folder("rounds/.round_002.work/01_hpo"),
		           *file = in_folder("rounds/.round_002.work/01_hpo/table.csv"),
		           *elsewhere = in_folder("elsewhere");
		if (damage == 0)
			flip(file);
		else if (damage == 1)
			unlink(file);
		else if (damage == 2)
			write_plain(in_folder("rounds/.round_002.work/01_hpo/extra"), "");
		else if (damage == 3)
			flip(in_folder("rounds/.round_002.work/01_hpo/MANIFEST.sha256"));
		else if (damage == 4)
			assert_true(rename(file, elsewhere) == 0 && symlink(elsewhere, file) == 0);
		else
			assert_true(rename(stage, in_folder("stage")) == 0 && symlink(in_folder("stage"), stage) == 0);
		assert_false(round_dir_stage_kept(dir, "01_hpo", &why));
		assert_non_null(why);
		if (!strstr(why, says[damage]))
			fail_msg("\"%s\" where \"%s\" was expected", why, says[damage]);
		free(why);
		assert_false(file_exists(stage));
	}
	assert_true(file_is_folder(in_folder("stage"))); /* links are removed, not followed */
	round_dir_abort(&dir);
}

static void round_dir__a_file_changed_after_its_stage_is_found(void **state)
{
	(void)state;
	struct round_dir *dir = NULL;
	struct orch_err err = {0};
	assert_int_equal(round_dir_begin(&campaign, 2, &dir, NULL), 0);
	assert_int_equal(put_stage(dir, "01_hpo", "good\n", NULL), 0);
	flip(in_folder("rounds/.round_002.work/01_hpo/table.csv"));
	assert_int_equal(round_dir_commit(&dir, NULL, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "01_hpo/table.csv was changed after its stage was finished"));
	assert_false(file_exists(in_folder(published)));
}

static void round_dir__what_no_stage_vouches_for_is_left_out(void **state)
{
	(void)state;
	struct round_dir *dir = NULL;
	assert_int_equal(round_dir_begin(&campaign, 2, &dir, NULL), 0);
	assert_int_equal(mkdir(in_folder("rounds/.round_002.work/stranger"), 0777), 0);
	assert_int_equal(write_plain(in_folder("rounds/.round_002.work/stranger/file"), "x"), 0);
	assert_int_equal(round_dir_commit(&dir, NULL, NULL), 0);
	assert_false(file_exists(in_folder("rounds/round_002/stranger")));
	assert_int_equal(verify(NULL, NULL), 0);
}

static void round_dir__a_link_in_the_place_of_the_work_folder_goes(void **state)
{
	(void)state;
	assert_int_equal(mkdir(in_folder("rounds"), 0777), 0);
	assert_int_equal(mkdir(in_folder("elsewhere"), 0777), 0);
	assert_int_equal(write_plain(in_folder("elsewhere/file"), "x"), 0);
	assert_int_equal(symlink(in_folder("elsewhere"), in_folder("rounds/.round_002.work")), 0);
	made();
	assert_true(file_exists(in_folder("elsewhere/file")));
	assert_int_equal(verify(NULL, NULL), 0);
}

static void round_dir__verify_finds_every_kind_of_damage(void **state)
{
	(void)state;
	static const char *const says[] = {"table.csv: content changed", "report.html: missing",
	        "new: not in the manifest", "has no COMPLETE", "has no MANIFEST", "does not belong to its MANIFEST",
	        "not valid JSON", "is a link", "holds round 2", "says 9", "is not a folder",
	        "deep/größe.json: content changed", "content changed"};
	for (int damage = 0; damage < 13; damage++) {
		struct orch_err err = {0};
		const char *round = in_folder(published), *complete = in_folder("rounds/round_002/COMPLETE");
		char *text = NULL;
		made();
		assert_int_equal(verify(NULL, &err), 0);
		if (damage == 0)
			flip(in_folder("rounds/round_002/01_hpo/table.csv"));
		else if (damage == 1)
			unlink(in_folder("rounds/round_002/report.html"));
		else if (damage == 2)
			write_plain(in_folder("rounds/round_002/new"), "");
		else if (damage == 3)
			unlink(complete);
		else if (damage == 4)
			unlink(in_folder("rounds/round_002/MANIFEST.sha256"));
		else if (damage == 5) { /* COMPLETE of another round */
			assert_int_equal(file_read(complete, 0, &text, NULL, NULL), 0);
			strstr(text, "\"manifest\": \"")[strlen("\"manifest\": \"")] ^= 1;
			write_plain(complete, text);
		} else if (damage == 6)
			write_plain(complete, "");
		else if (damage == 7)
			assert_true(rename(complete, in_folder("c")) == 0 && symlink(in_folder("c"), complete) == 0);
		else if (damage == 8)
			assert_true(rename(round, in_folder("rounds/round_003")) == 0);
		else if (damage == 9) {
			assert_int_equal(file_read(complete, 0, &text, NULL, NULL), 0);
			char *size = strstr(text, "\"01_hpo/table.csv\": 8");
			assert_non_null(size);
			size[strlen("\"01_hpo/table.csv\": ")] = '9';
			write_plain(complete, text);
		} else if (damage == 10)
			assert_true(rename(round, in_folder("r")) == 0 && symlink(in_folder("r"), round) == 0);
		else if (damage == 11)
			write_plain(in_folder("rounds/round_002/00_dataset/deep/größe.json"), "[]");
		else
			flip(in_folder("rounds/round_002/MANIFEST.sha256"));
		free(text);
		int code = round_dir_verify(in_folder(damage == 8 ? "rounds/round_003" : published), NULL, &err);
		if (code != ORCH_EDAMAGED || !strstr(err.text, says[damage]))
			fail_msg("damage %d: code %d, \"%s\" where \"%s\" was expected", damage, code, err.text,
			        says[damage]);
		clear(NULL);
	}
	struct orch_err err = {0};
	assert_int_equal(verify(NULL, &err), ORCH_EMISSING);
}

static void round_dir__names_must_be_utf8(void **state)
{
	(void)state;
	struct round_dir *dir = NULL;
	struct orch_err err = {0};
	char *path = NULL;
	assert_int_equal(round_dir_begin(&campaign, 2, &dir, NULL), 0);
	assert_int_equal(round_dir_stage_begin(dir, "01_hpo", &path, NULL), 0);
	char *name = file_join(path, "bad \xff.csv");
	assert_int_equal(write_plain(name, "x"), 0);
	assert_int_equal(round_dir_stage_commit(dir, "01_hpo", path, NULL), 0);
	assert_int_equal(round_dir_commit(&dir, NULL, &err), ORCH_EINPUT);
	assert_non_null(strstr(err.text, "must be UTF-8"));
	free(name);
	free(path);
}

static void round_dir__abort_keeps_what_is_finished(void **state)
{
	(void)state;
	struct round_dir *dir = NULL;
	assert_int_equal(round_dir_begin(&campaign, 2, &dir, NULL), 0);
	assert_int_equal(put_stage(dir, "01_hpo", "x", NULL), 0);
	round_dir_abort(&dir);
	assert_true(file_exists(in_folder("rounds/.round_002.work/01_hpo")));
}

/* --- faults --- */

static int make_body(void)
{
	struct orch_err err = {0};
	int code = make_round(&err);
	return code && !*err.text ? 98 : -code;
}

static int run(const char *fault)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		setenv("ORCH_FAULT", fault, 1);
		execl("/proc/self/exe", "test_round_dir", "make", folder, (char *)NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static int steps_of_round(char hash[65])
{
	char fault[400], *text;
	snprintf(fault, sizeof fault, "count:%s", in_folder("count"));
	assert_int_equal(run(fault), 0);
	assert_int_equal(file_read(in_folder("count"), 0, &text, NULL, NULL), 0);
	int steps = 0;
	for (const char *at = text; *at; at++)
		steps += *at == '\n';
	free(text);
	assert_int_equal(verify(hash, NULL), 0);
	clear(NULL);
	return steps;
}

/* Whole and right, or not there; then the resume gives the bytes of an undisturbed run. */
static bool check_and_resume(const char *hash)
{
	char resumed[65];
	struct orch_err err = {0};
	bool there = file_exists(in_folder(published));
	if (there && verify(NULL, &err) != 0)
		fail_msg("published and wrong: %s", err.text);
	if (!there)
		made();
	assert_int_equal(verify(resumed, &err), 0);
	assert_string_equal(resumed, hash);
	assert_false(file_exists(in_folder("rounds/.round_002.work")));
	return there;
}

static void round_dir__killed_at_any_step_it_is_whole_or_not_there(void **state)
{
	(void)state;
	char hash[65];
	int steps = steps_of_round(hash), whole = 0;
	assert_true(steps > 30);
	for (int step = 1; step <= steps; step++) {
		char fault[32];
		snprintf(fault, sizeof fault, "kill@%d", step);
		int status = run(fault);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		whole += check_and_resume(hash);
		clear(NULL);
	}
	assert_int_equal(whole, 1); /* only the fsync after the rename is left then */
}

static void round_dir__a_failing_step_is_never_acknowledged(void **state)
{
	(void)state;
	static const char *const errors[] = {"EIO", "ENOSPC"};
	char hash[65];
	int steps = steps_of_round(hash);
	for (int step = 1; step <= steps; step++)
		for (int i = 0; i < 2; i++) {
			char fault[32];
			snprintf(fault, sizeof fault, "fail@%d:%s", step, errors[i]);
			int status = run(fault);
			assert_true(WIFEXITED(status));
			int code = -WEXITSTATUS(status);
			if (code != ORCH_EIO && code != ORCH_EUNSURE)
				fail_msg("%s: code %d", fault, code);
			if (code == ORCH_EUNSURE && step < steps && file_exists(in_folder(published)))
				fail_msg("%s: unsure although published before", fault);
			check_and_resume(hash);
			clear(NULL);
		}
}

#define CASE(function) cmocka_unit_test_setup(function, clear)

int main(int argc, char **argv)
{
	if (argc == 3) {
		snprintf(folder, sizeof folder, "%s", argv[2]);
		return make_body();
	}
	const struct CMUnitTest tests[] = {
	        CASE(round_dir__a_round_is_published_whole),
	        CASE(round_dir__two_runs_give_the_same_bytes),
	        CASE(round_dir__a_published_round_is_not_begun_again),
	        CASE(round_dir__commit_refuses_existing),
	        CASE(round_dir__finished_stages_are_kept_on_resume),
	        CASE(round_dir__a_damaged_stage_is_removed_and_explained),
	        CASE(round_dir__a_file_changed_after_its_stage_is_found),
	        CASE(round_dir__what_no_stage_vouches_for_is_left_out),
	        CASE(round_dir__a_link_in_the_place_of_the_work_folder_goes),
	        CASE(round_dir__verify_finds_every_kind_of_damage),
	        CASE(round_dir__names_must_be_utf8),
	        CASE(round_dir__abort_keeps_what_is_finished),
	        CASE(round_dir__killed_at_any_step_it_is_whole_or_not_there),
	        CASE(round_dir__a_failing_step_is_never_acknowledged),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
