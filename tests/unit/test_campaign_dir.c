/* Faults are read once per process, so those cases run this program anew: PROGRAM BODY FOLDER. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/campaign_dir.h"
#include "storage/file_system.h"
#include "storage/ledger.h"

static char folder[256] = "/tmp/orch-test-campaign-XXXXXX";

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

static int create(const char *path, struct campaign_dir **out, struct orch_err *err)
{
	json_t *spec = json_pack("{s:s}", "name", "c");
	json_t *info = json_pack("{s:i, s:{s:s, s:s}}", "format", 1, "data", "frame", "/cache/frames/abc.frame",
	        "folds", "/cache/folds/def.folds");
	const struct campaign_contents contents = {
	        .spec_text = "name: c\n", .spec_length = 8, .spec = spec, .info = info};
	char *warning = NULL;
	int code = campaign_dir_create(path, &contents, out, &warning, err);
	free(warning);
	json_decref(spec);
	json_decref(info);
	return code;
}

static void check_whole(const char *path)
{
	static const char *const names[] = {"campaign.yaml", "spec.json", "campaign.json", "ledger.db", "lock", "data",
	        "rounds", "bundles", "telemetry", "report"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char *inside = file_join(path, names[i]);
		if (!file_exists(inside))
			fail_msg("%s is not there", inside);
		free(inside);
	}
	char *ledger = file_join(path, "ledger.db");
	assert_int_equal(ledger_verify(ledger, false, NULL), 0);
	free(ledger);
}

static size_t entries(const char *path)
{
	struct file_list list;
	assert_int_equal(file_list_folder(path, &list, NULL), 0);
	size_t count = list.count;
	file_list_release(&list);
	return count;
}

static void campaign_dir__create_makes_it_whole_and_locked(void **state)
{
	(void)state;
	struct campaign_dir *dir = NULL, *other = NULL;
	struct orch_err err = {0};
	assert_int_equal(create(in_folder("c"), &dir, &err), 0);
	check_whole(in_folder("c"));
	assert_int_equal(entries(folder), 1);
	char link[128] = "";
	assert_true(readlink(in_folder("c/data/abc.frame"), link, sizeof link - 1) > 0);
	assert_string_equal(link, "/cache/frames/abc.frame");
	char *text;
	assert_int_equal(file_read(in_folder("c/campaign.yaml"), 0, &text, NULL, NULL), 0);
	assert_string_equal(text, "name: c\n");
	free(text);
	assert_int_equal(campaign_dir_open(in_folder("c"), true, &other, &err), ORCH_EBUSY);
	assert_null(other);
	char *inside = campaign_dir_path(dir, "ledger.db");
	assert_string_equal(inside, in_folder("c/ledger.db"));
	free(inside);
	campaign_dir_close(dir);
}

static void campaign_dir__busy_names_the_holder_and_what_to_do(void **state)
{
	(void)state;
	struct campaign_dir *dir = NULL, *other = NULL, *reader = NULL;
	struct orch_err err = {0};
	assert_int_equal(create(in_folder("c"), &dir, &err), 0);
	assert_int_equal(campaign_dir_open(in_folder("c"), true, &other, &err), ORCH_EBUSY);
	char expected[700];
	snprintf(expected, sizeof expected, "campaign %s is held by orch pid %d on host ", in_folder("c"),
	        (int)getpid());
	assert_non_null(strstr(err.text, expected));
	assert_non_null(strstr(err.text, " since 20"));
	snprintf(expected, sizeof expected, ": wait, or stop it with: orch stop %s", in_folder("c"));
	assert_non_null(strstr(err.text, expected));
	assert_int_equal(campaign_dir_open(in_folder("c"), false, &reader, NULL), 0);
	assert_int_equal(reader->lock, -1);
	campaign_dir_close(reader);
	campaign_dir_close(dir);
	assert_int_equal(campaign_dir_open(in_folder("c"), true, &dir, NULL), 0);
	campaign_dir_close(dir);
}

static void campaign_dir__holder_is_known_without_trying_the_lock(void **state)
{
	(void)state;
	struct campaign_dir *dir = NULL;
	struct process_id holder;
	struct orch_err err = {0};
	bool alive = false;
	assert_int_equal(create(in_folder("c"), &dir, NULL), 0);
	assert_int_equal(campaign_dir_holder(in_folder("c"), &holder, &alive, NULL), 0);
	assert_int_equal(holder.pid, getpid());
	assert_true(alive);
	campaign_dir_close(dir);
	assert_int_equal(campaign_dir_holder(in_folder("c"), &holder, &alive, NULL), 0);
	assert_false(alive);
	assert_int_equal(campaign_dir_holder(in_folder("none"), &holder, &alive, &err), ORCH_EMISSING);
}

static void campaign_dir__a_pause_is_told_in_the_lock_file(void **state)
{
	(void)state;
	struct campaign_dir *dir = NULL;
	struct process_id holder;
	bool alive = false;
	assert_int_equal(create(in_folder("c"), &dir, NULL), 0);
	assert_null(campaign_dir_paused(in_folder("c")));
	campaign_dir_say_paused(dir, "the disk is full");
	char *why = campaign_dir_paused(in_folder("c"));
	assert_string_equal(why, "the disk is full");
	free(why);
	assert_int_equal(campaign_dir_holder(in_folder("c"), &holder, &alive, NULL), 0);
	assert_int_equal(holder.pid, getpid());
	campaign_dir_say_paused(dir, NULL);
	assert_null(campaign_dir_paused(in_folder("c")));
	campaign_dir_say_paused(dir, "again");
	campaign_dir_close(dir);
	assert_null(campaign_dir_paused(in_folder("c")));
}

/* A lock file is no lock: a recycled pid (this process, another start time), a half written text, none at all. */
static void campaign_dir__a_stale_lock_file_is_no_obstacle(void **state)
{
	(void)state;
	static const char *const contents[] = {
	        "{\"pid\":%d,\"start\":1,\"boot\":\"x\",\"host\":\"h\"}", "{\"pid\":%d,\"st", "", "\x01\xff%d", "[]"};
	struct campaign_dir *dir = NULL;
	assert_int_equal(create(in_folder("c"), &dir, NULL), 0);
	campaign_dir_close(dir);
	for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
		FILE *lock = fopen(in_folder("c/lock"), "w");
		char text[128];
		snprintf(text, sizeof text, contents[i], (int)getpid());
		fputs(text, lock);
		fclose(lock);
		struct process_id holder;
		bool alive = true;
		assert_int_equal(campaign_dir_holder(in_folder("c"), &holder, &alive, NULL), 0);
		assert_false(alive);
		assert_int_equal(campaign_dir_open(in_folder("c"), true, &dir, NULL), 0);
		assert_int_equal(campaign_dir_holder(in_folder("c"), &holder, &alive, NULL), 0);
		assert_true(alive);
		campaign_dir_close(dir);
	}
	assert_int_equal(unlink(in_folder("c/lock")), 0);
	assert_int_equal(campaign_dir_open(in_folder("c"), true, &dir, NULL), 0);
	campaign_dir_close(dir);
}

static void campaign_dir__a_lock_whose_taker_is_gone_is_explained(void **state)
{
	(void)state;
	struct campaign_dir *dir = NULL;
	struct orch_err err = {0};
	assert_int_equal(create(in_folder("c"), &dir, NULL), 0);
	campaign_dir_close(dir);
	pid_t child = fork();
	if (child == 0) {
		struct campaign_dir *mine;
		_exit(campaign_dir_open(in_folder("c"), true, &mine, NULL) ? 1 : 0); /* dies without a word */
	}
	int status;
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	int fd = open(in_folder("c/lock"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0); /* stands for a grandchild that kept the descriptor */
	assert_int_equal(campaign_dir_open(in_folder("c"), true, &dir, &err), ORCH_EBUSY);
	assert_non_null(strstr(err.text, "is gone, but a process it started still has it"));
	close(fd);
	assert_int_equal(campaign_dir_open(in_folder("c"), true, &dir, NULL), 0);
	campaign_dir_close(dir);
}

static void campaign_dir__a_link_or_folder_as_lock_is_refused(void **state)
{
	(void)state;
	struct campaign_dir *dir = NULL;
	struct orch_err err = {0};
	assert_int_equal(create(in_folder("c"), &dir, NULL), 0);
	campaign_dir_close(dir);
	assert_int_equal(unlink(in_folder("c/lock")), 0);
	assert_int_equal(symlink("elsewhere", in_folder("c/lock")), 0);
	assert_int_equal(campaign_dir_open(in_folder("c"), true, &dir, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "/lock is a link where a file belongs"));
	assert_false(file_exists(in_folder("c/elsewhere")));
	assert_int_equal(unlink(in_folder("c/lock")), 0);
	assert_int_equal(mkdir(in_folder("c/lock"), 0700), 0);
	orch_err_clear(&err);
	assert_int_equal(campaign_dir_open(in_folder("c"), true, &dir, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "/lock is a folder"));
}

static void campaign_dir__create_refuses_what_exists(void **state)
{
	(void)state;
	struct campaign_dir *dir = NULL, *other = NULL;
	struct orch_err err = {0};
	assert_int_equal(mkdir(in_folder("empty"), 0700), 0);
	assert_int_equal(create(in_folder("empty"), &other, &err), ORCH_EINPUT);
	assert_non_null(strstr(err.text, "exists already and is no campaign"));
	assert_int_equal(create(in_folder("c"), &dir, NULL), 0);
	orch_err_clear(&err);
	assert_int_equal(create(in_folder("c"), &other, &err), ORCH_EBUSY);
	assert_non_null(strstr(err.text, "is held by orch pid"));
	campaign_dir_close(dir);
	orch_err_clear(&err);
	assert_int_equal(create(in_folder("c"), &other, &err), ORCH_EINPUT);
	assert_non_null(strstr(err.text, "exists already: go on with: orch resume /tmp/"));
	assert_null(other);
}

static void campaign_dir__create_makes_missing_parents(void **state)
{
	(void)state;
	struct campaign_dir *dir = NULL;
	assert_int_equal(create(in_folder("a/b/../b/c/"), &dir, NULL), 0);
	assert_string_equal(dir->path, in_folder("a/b/c"));
	campaign_dir_close(dir);
}

static void campaign_dir__open_says_when_there_is_none(void **state)
{
	(void)state;
	struct campaign_dir *dir = NULL;
	struct orch_err err = {0};
	assert_int_equal(campaign_dir_open(in_folder("none"), true, &dir, &err), ORCH_EMISSING);
	assert_non_null(strstr(err.text, "/none is no campaign folder"));
	assert_non_null(strstr(err.text, "orch start"));
	assert_false(file_exists(in_folder("none")));
}

static void campaign_dir__find_takes_the_only_one_and_lists_several(void **state)
{
	(void)state;
	struct campaign_dir *dir = NULL;
	struct orch_err err = {0};
	char *path = NULL;
	assert_int_equal(campaign_dir_find(folder, &path, &err), ORCH_EMISSING);
	assert_non_null(strstr(err.text, "no campaign in "));
	assert_int_equal(create(in_folder("one"), &dir, NULL), 0);
	campaign_dir_close(dir);
	assert_int_equal(campaign_dir_find(folder, &path, NULL), 0);
	assert_string_equal(path, in_folder("one"));
	free(path);
	assert_int_equal(campaign_dir_find(in_folder("one"), &path, NULL), 0);
	assert_string_equal(path, in_folder("one"));
	free(path);
	assert_int_equal(create(in_folder("two"), &dir, NULL), 0);
	campaign_dir_close(dir);
	orch_err_clear(&err);
	assert_int_equal(campaign_dir_find(folder, &path, &err), ORCH_EINPUT);
	assert_non_null(strstr(err.text, "2 campaigns below"));
	assert_non_null(strstr(err.text, "/one\n"));
	assert_non_null(strstr(err.text, "/two"));
}

static void campaign_dir__leftovers_of_dead_creators_go_living_ones_stay(void **state)
{
	(void)state;
	struct campaign_dir *dir = NULL;
	static const char *const dead = ".c.0123456789abcdef.new", *const bare = ".c.1123456789abcdef.new",
	                         *const living = ".c.2123456789abcdef.new", *const foreign = ".c.backup.new";
	const char *const all[] = {dead, bare, living, foreign};
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(mkdir(in_folder(all[i]), 0700), 0);
	char name[128];
	snprintf(name, sizeof name, "%s/lock", dead);
	assert_int_equal(file_write_new(in_folder(name), "", 0, NULL), 0);
	snprintf(name, sizeof name, "%s/junk", dead);
	assert_int_equal(file_write_new(in_folder(name), "x", 1, NULL), 0);
	snprintf(name, sizeof name, "%s/lock", living);
	int fd = open(in_folder(name), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(create(in_folder("c"), &dir, NULL), 0);
	campaign_dir_close(dir);
	assert_false(file_exists(in_folder(dead)));
	assert_false(file_exists(in_folder(bare)));
	assert_true(file_exists(in_folder(living)));
	assert_true(file_exists(in_folder(foreign)));
	close(fd);
}

/* --- many at once --- */

static int create_body(void)
{
	struct campaign_dir *dir = NULL;
	int code = create(in_folder("c"), &dir, NULL);
	if (!code)
		usleep(2500000); /* longer than the others take to start, on a busy machine too */
	campaign_dir_close(dir);
	return -code;
}

static int open_body(void)
{
	struct campaign_dir *dir = NULL;
	int code = campaign_dir_open(in_folder("c"), true, &dir, NULL);
	if (!code)
		usleep(2500000); /* longer than the others take to start, on a busy machine too */
	campaign_dir_close(dir);
	return -code;
}

static pid_t start(const char *fault, const char *body)
{
	pid_t child = fork();
	if (child == 0) {
		setenv("ORCH_FAULT", fault, 1);
		execl("/proc/self/exe", "test_campaign_dir", body, folder, (char *)NULL);
		_exit(99);
	}
	return child;
}

static int status_of(pid_t child)
{
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void one_wins(const char *body)
{
	enum { STARTS = 8 };
	pid_t children[STARTS];
	int won = 0, busy = 0;
	for (int i = 0; i < STARTS; i++)
		children[i] = start("", body);
	for (int i = 0; i < STARTS; i++) {
		int status = status_of(children[i]);
		assert_true(WIFEXITED(status));
		won += WEXITSTATUS(status) == 0;
		busy += WEXITSTATUS(status) == -ORCH_EBUSY;
	}
	assert_int_equal(won, 1);
	assert_int_equal(busy, STARTS - 1);
}

static void campaign_dir__of_many_starts_at_once_one_wins(void **state)
{
	(void)state;
	one_wins("create");
	check_whole(in_folder("c"));
	assert_int_equal(entries(folder), 1);
	one_wins("open");
}

/* --- faults --- */

static int quick_create_body(void)
{
	struct campaign_dir *dir = NULL;
	int code = create(in_folder("c"), &dir, NULL);
	campaign_dir_close(dir);
	return -code;
}

static int steps_of_create(void)
{
	char fault[400], *text;
	snprintf(fault, sizeof fault, "count:%s", in_folder("count"));
	assert_int_equal(status_of(start(fault, "quick_create")), 0);
	assert_int_equal(file_read(in_folder("count"), 0, &text, NULL, NULL), 0);
	int steps = 0;
	for (const char *at = text; *at; at++)
		steps += *at == '\n';
	free(text);
	clear(NULL);
	return steps;
}

static void campaign_dir__killed_at_any_step_it_is_whole_or_not_there(void **state)
{
	(void)state;
	int steps = steps_of_create(), whole = 0;
	assert_true(steps > 30);
	for (int step = 1; step <= steps; step++) {
		char fault[32];
		snprintf(fault, sizeof fault, "kill@%d", step);
		int status = status_of(start(fault, "quick_create"));
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		struct campaign_dir *dir = NULL;
		if (file_exists(in_folder("c"))) {
			check_whole(in_folder("c"));
			whole++;
			assert_int_equal(campaign_dir_open(in_folder("c"), true, &dir, NULL), 0);
		} else {
			assert_int_equal(create(in_folder("c"), &dir, NULL), 0);
			check_whole(in_folder("c"));
		}
		campaign_dir_close(dir);
		assert_int_equal(entries(folder), 1); /* no leftover survives the next creation */
		clear(NULL);
	}
	assert_true(whole >= 1 && whole < steps / 2);
}

static void campaign_dir__a_failing_step_leaves_nothing_half_made(void **state)
{
	(void)state;
	static const char *const errors[] = {"EIO", "ENOSPC"};
	int steps = steps_of_create();
	for (int step = 1; step <= steps; step++)
		for (size_t i = 0; i < 2; i++) {
			char fault[32];
			snprintf(fault, sizeof fault, "fail@%d:%s", step, errors[i]);
			int status = status_of(start(fault, "quick_create"));
			assert_true(WIFEXITED(status));
			int code = -WEXITSTATUS(status);
			if (code != 0 && code != ORCH_EIO && code != ORCH_EUNSURE)
				fail_msg("%s: code %d", fault, code);
			if (file_exists(in_folder("c")))
				check_whole(in_folder("c"));
			assert_true(code == ORCH_EIO ? !file_exists(in_folder("c")) : file_exists(in_folder("c")));
			clear(NULL);
		}
}

/* --- where it lies --- */

static int read_only_body(void)
{
	struct campaign_dir *dir = NULL;
	struct orch_err err = {0};
	if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0))
		return 10;
	if (campaign_dir_open(in_folder("c"), false, &dir, &err) != 0)
		return 11;
	campaign_dir_close(dir);
	if (campaign_dir_open(in_folder("c"), true, &dir, &err) != ORCH_EIO || !strstr(err.text, "cannot open "))
		return 12;
	return create(in_folder("c2"), &dir, NULL) == ORCH_EIO ? 0 : 13;
}

static void campaign_dir__a_folder_that_cannot_be_written_can_be_read(void **state)
{
	(void)state;
	struct campaign_dir *dir = NULL;
	assert_int_equal(create(in_folder("c"), &dir, NULL), 0);
	campaign_dir_close(dir);
	chmod(in_folder("c/lock"), 0444);
	chmod(in_folder("c"), 0555);
	chmod(folder, 0555);
	int status = status_of(start("", "read_only"));
	chmod(folder, 0755);
	chmod(in_folder("c"), 0755);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void file_system__options_of_the_mount_that_holds_a_path(void **state)
{
	(void)state;
	static const char text[] = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,errors=remount-ro\n"
	                           "30 22 0:30 / /mnt/my\\040disk rw - nfs4 server:/x rw,vers=4\n"
	                           "31 22 0:31 / /mnt/over rw - overlay overlay rw,lowerdir=/a,volatile\n"
	                           "32 22 0:32 / /mnt/overlap rw - tmpfs tmpfs rw\n";
	static const struct {
		const char *path, *options;
	} cases[] = {{"/", "ext4,rw,errors=remount-ro"}, {"/home", "ext4,rw,errors=remount-ro"},
	        {"/mnt/my disk/a", "nfs4,rw,vers=4"}, {"/mnt/over", "overlay,rw,lowerdir=/a,volatile"},
	        {"/mnt/over/x", "overlay,rw,lowerdir=/a,volatile"}, {"/mnt/overlap", "tmpfs,rw"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *options = file_system_mount_options(text, cases[i].path);
		assert_non_null(options);
		assert_string_equal(options, cases[i].options);
		free(options);
	}
}

static void file_system__memory_is_warned_of(void **state)
{
	(void)state;
	struct file_system fs;
	if (!file_is_folder("/dev/shm"))
		skip();
	file_system_look("/dev/shm", &fs);
	assert_string_equal(fs.name, "tmpfs");
	assert_false(fs.network);
	assert_non_null(strstr(fs.warning, "is in memory (tmpfs)"));
	file_system_release(&fs);
	file_system_look("/none/such", &fs);
	assert_null(fs.warning);
	assert_false(campaign_dir_needs_rollback_journal("/dev/shm"));
}

static const struct {
	const char *name;
	int (*run)(void);
} bodies[] = {{"create", create_body}, {"open", open_body}, {"quick_create", quick_create_body},
        {"read_only", read_only_body}};

#define CASE(function) cmocka_unit_test_setup(function, clear)

int main(int argc, char **argv)
{
	if (argc == 3) {
		snprintf(folder, sizeof folder, "%s", argv[2]);
		for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
			if (strcmp(bodies[i].name, argv[1]) == 0)
				return bodies[i].run();
		return 99;
	}
	const struct CMUnitTest tests[] = {
	        CASE(campaign_dir__create_makes_it_whole_and_locked),
	        CASE(campaign_dir__busy_names_the_holder_and_what_to_do),
	        CASE(campaign_dir__holder_is_known_without_trying_the_lock),
	        CASE(campaign_dir__a_pause_is_told_in_the_lock_file),
	        CASE(campaign_dir__a_stale_lock_file_is_no_obstacle),
	        CASE(campaign_dir__a_lock_whose_taker_is_gone_is_explained),
	        CASE(campaign_dir__a_link_or_folder_as_lock_is_refused),
	        CASE(campaign_dir__create_refuses_what_exists),
	        CASE(campaign_dir__create_makes_missing_parents),
	        CASE(campaign_dir__open_says_when_there_is_none),
	        CASE(campaign_dir__find_takes_the_only_one_and_lists_several),
	        CASE(campaign_dir__leftovers_of_dead_creators_go_living_ones_stay),
	        CASE(campaign_dir__of_many_starts_at_once_one_wins),
	        CASE(campaign_dir__killed_at_any_step_it_is_whole_or_not_there),
	        CASE(campaign_dir__a_failing_step_leaves_nothing_half_made),
	        CASE(campaign_dir__a_folder_that_cannot_be_written_can_be_read),
	        CASE(file_system__options_of_the_mount_that_holds_a_path),
	        CASE(file_system__memory_is_warned_of),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
