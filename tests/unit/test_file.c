#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/base/file.h"

static char folder[] = "/tmp/orch-test-file-XXXXXX";

static const char *in_folder(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % 8];
	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

static int begin(void **state)
{
	(void)state;
	return mkdir(folder, 0700) == 0 || errno == EEXIST ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	return file_remove_tree(folder, NULL);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static void check_content(const char *path, const char *expected)
{
	char *text = NULL;
	size_t length;
	struct orch_err err = {0};
	assert_int_equal(file_read(path, 0, &text, &length, &err), 0);
	assert_int_equal(length, strlen(expected));
	assert_string_equal(text, expected);
	free(text);
}

static void file__write_new_refuses_existing(void **state)
{
	(void)state;
	struct orch_err err = {0};
	const char *path = in_folder("a");
	assert_int_equal(file_write_new(path, "one", 3, &err), 0);
	assert_int_equal(file_write_new(path, "two", 3, &err), ORCH_EBUSY);
	assert_int_equal(err.sys, EEXIST);
	assert_non_null(strstr(err.text, "cannot create "));
	check_content(path, "one");
}

static void file__write_new_does_not_follow_links(void **state)
{
	(void)state;
	assert_int_equal(symlink("target", in_folder("link")), 0);
	assert_int_equal(file_write_new(in_folder("link"), "x", 1, NULL), ORCH_EBUSY);
	assert_false(file_exists(in_folder("target")));
}

static void file__replace_replaces_and_leaves_nothing_beside(void **state)
{
	(void)state;
	struct orch_err err = {0};
	assert_int_equal(file_replace(in_folder("a"), "one", 3, &err), 0);
	assert_int_equal(file_replace(in_folder("a"), "second", 6, &err), 0);
	assert_int_equal(file_replace_fast(in_folder("b"), "", 0, &err), 0);
	check_content(in_folder("a"), "second");
	check_content(in_folder("b"), "");
	struct file_list list;
	assert_int_equal(file_list_folder(folder, &list, &err), 0);
	assert_int_equal(list.count, 2);
	file_list_release(&list);
}

static void file__replace_takes_over_a_leftover(void **state)
{
	(void)state;
	assert_int_equal(file_write_new(in_folder(".a.new"), "a longer leftover", 17, NULL), 0);
	assert_int_equal(file_replace(in_folder("a"), "one", 3, NULL), 0);
	check_content(in_folder("a"), "one");
	assert_false(file_exists(in_folder(".a.new")));
}

static void file__replace_leaves_a_living_writer_alone(void **state)
{
	(void)state;
	int fd = open(in_folder(".a.new"), O_WRONLY | O_CREAT, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(write(fd, "half", 4), 4);
	assert_int_equal(file_replace(in_folder("a"), "one", 3, NULL), 0);
	check_content(in_folder("a"), "one");
	check_content(in_folder(".a.new"), "half");
	close(fd);
}

static void file__replace_says_when_the_folder_is_missing(void **state)
{
	(void)state;
	struct orch_err err = {0};
	assert_int_equal(file_replace(in_folder("none/a"), "x", 1, &err), ORCH_EIO);
	assert_non_null(strstr(err.text, "none/.a.new: No such file or directory"));
}

static void file__read_limits_and_refuses(void **state)
{
	(void)state;
	struct orch_err err = {0};
	char *text = NULL;
	size_t length = 7;
	assert_int_equal(file_write_new(in_folder("a"), "12345", 5, &err), 0);
	assert_int_equal(file_read(in_folder("a"), 4, &text, &length, &err), ORCH_EINPUT);
	assert_non_null(strstr(err.text, "is larger than 4 bytes"));
	orch_err_clear(&err);
	assert_int_equal(file_read(folder, 0, &text, &length, &err), ORCH_EINPUT);
	assert_non_null(strstr(err.text, "is a folder, not a file"));
	orch_err_clear(&err);
	assert_int_equal(file_read(in_folder("none"), 0, &text, &length, &err), ORCH_EMISSING);
	assert_null(text);
	assert_int_equal(length, 7);
	assert_int_equal(file_read(in_folder("a"), 5, &text, &length, &err), 0);
	assert_int_equal(length, 5);
	free(text);
}

static void file__read_large(void **state)
{
	(void)state;
	size_t length = 3 * 1024 * 1024 + 17, got;
	char *bytes = malloc(length), *back;
	for (size_t i = 0; i < length; i++)
		bytes[i] = (char)(i * 31 + i / 1000);
	assert_int_equal(file_write_new(in_folder("big"), bytes, length, NULL), 0);
	assert_int_equal(file_size(in_folder("big")), length);
	assert_int_equal(file_copy(in_folder("big"), in_folder("copy"), NULL), 0);
	assert_int_equal(file_read(in_folder("copy"), 0, &back, &got, NULL), 0);
	assert_int_equal(got, length);
	assert_memory_equal(back, bytes, length);
	free(back);
	free(bytes);
}

static void file__streamed_content_can_be_written_anywhere(void **state)
{
	(void)state;
	int fd = -1;
	const char *path = in_folder("s");
	assert_int_equal(file_create(path, &fd, NULL), 0);
	assert_int_equal(file_write_all(fd, "abcdef", 6, path, NULL), 0);
	assert_int_equal(file_write_at(fd, "XY", 2, 2, path, NULL), 0);
	assert_int_equal(file_write_all(fd, "g", 1, path, NULL), 0);
	assert_int_equal(file_finish(fd, path, NULL), 0);
	check_content(path, "abXYefg");
	int other = 7;
	assert_int_equal(file_create(path, &other, NULL), ORCH_EBUSY);
	assert_int_equal(other, 7);
}

static void file__append_and_cut(void **state)
{
	(void)state;
	int fd = -1;
	const char *path = in_folder("log");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(file_open_append(path, &fd, NULL), 0);
		assert_int_equal(file_write_all(fd, "line\n", 5, path, NULL), 0);
		assert_int_equal(file_finish(fd, path, NULL), 0);
	}
	check_content(path, "line\nline\n");
	assert_int_equal(file_cut(path, 5, NULL), 0);
	check_content(path, "line\n");
	assert_int_equal(file_cut(in_folder("none"), 5, NULL), ORCH_EMISSING);
}

static void file__publish_never_replaces(void **state)
{
	(void)state;
	struct orch_err err = {0};
	assert_int_equal(file_make_folders(in_folder("work/inner"), &err), 0);
	assert_int_equal(file_write_new(in_folder("work/inner/f"), "x", 1, &err), 0);
	assert_int_equal(file_make_folder(in_folder("empty"), &err), 0);
	/* plain rename(2) would replace an empty folder without a word */
	assert_int_equal(file_publish(in_folder("work"), in_folder("empty"), &err), ORCH_EBUSY);
	assert_true(file_exists(in_folder("work/inner/f")));
	orch_err_clear(&err);
	assert_int_equal(file_publish(in_folder("work"), in_folder("round"), &err), 0);
	assert_false(file_exists(in_folder("work")));
	check_content(in_folder("round/inner/f"), "x");
	assert_int_equal(file_publish(in_folder("work"), in_folder("again"), &err), ORCH_EMISSING);
}

static void file__publish_moves_between_folders(void **state)
{
	(void)state;
	assert_int_equal(file_make_folder(in_folder("d"), NULL), 0);
	assert_int_equal(file_write_new(in_folder("f"), "x", 1, NULL), 0);
	assert_int_equal(file_publish(in_folder("f"), in_folder("d/g"), NULL), 0);
	check_content(in_folder("d/g"), "x");
}

/* A file system without RENAME_NOREPLACE, as far as this process can tell. */
static int forbid_renameat2(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int publish_the_old_way(void)
{
	if (forbid_renameat2() != 0)
		return 77;
	if (file_publish(in_folder("work"), in_folder("empty"), NULL) != ORCH_EBUSY || !file_exists(in_folder("work")))
		return 1;
	if (file_publish(in_folder("work"), in_folder("round"), NULL) != 0 || file_exists(in_folder("work")))
		return 2;
	if (file_publish(in_folder("f"), in_folder("taken"), NULL) != ORCH_EBUSY || !file_exists(in_folder("f")))
		return 3;
	if (file_publish(in_folder("f"), in_folder("g"), NULL) != 0 || file_exists(in_folder("f")))
		return 4;
	return file_publish(in_folder("none"), in_folder("h"), NULL) == ORCH_EMISSING ? 0 : 5;
}

static void file__publish_never_replaces_where_the_kernel_cannot_refuse(void **state)
{
	(void)state;
	assert_int_equal(file_make_folder(in_folder("work"), NULL), 0);
	assert_int_equal(file_make_folder(in_folder("empty"), NULL), 0);
	assert_int_equal(file_write_new(in_folder("f"), "x", 1, NULL), 0);
	assert_int_equal(file_write_new(in_folder("taken"), "y", 1, NULL), 0);
	pid_t child = fork();
	if (child == 0)
		_exit(publish_the_old_way());
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip(); /* no seccomp here */
	assert_int_equal(WEXITSTATUS(status), 0);
	check_content(in_folder("g"), "x");
	check_content(in_folder("taken"), "y");
	assert_true(file_is_folder(in_folder("round")));
}

static void do_nothing(int number)
{
	(void)number;
}

/* A full pipe and a clock that interrupts: write(2) returns early, with a part or with EINTR. */
static void file__short_and_interrupted_writes_go_on(void **state)
{
	(void)state;
	enum { LENGTH = 1 << 20 };
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		close(ends[1]);
		size_t total = 0;
		char chunk[5000];
		for (ssize_t got; (got = read(ends[0], chunk, sizeof chunk)) > 0; usleep(100))
			for (ssize_t i = 0; i < got; i++, total++)
				if (chunk[i] != (char)(total * 7 + total / 977))
					_exit(1);
		_exit(total == LENGTH ? 0 : 2);
	}
	close(ends[0]);
	struct sigaction action = {.sa_handler = do_nothing}; /* no SA_RESTART */
	sigaction(SIGALRM, &action, NULL);
	struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
	setitimer(ITIMER_REAL, &often, NULL);
	char *bytes = malloc(LENGTH);
	for (size_t i = 0; i < LENGTH; i++)
		bytes[i] = (char)(i * 7 + i / 977);
	int code = file_write_all(ends[1], bytes, LENGTH, "pipe", NULL);
	setitimer(ITIMER_REAL, &never, NULL);
	close(ends[1]);
	free(bytes);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(code, 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void file__a_full_disk_leaves_nothing(void **state)
{
	(void)state;
	struct orch_err err = {0};
	struct rlimit before, small = {1000, 1000};
	static char bytes[5000];
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int code = file_write_new(in_folder("f"), bytes, sizeof bytes, &err); /* first a short write, then EFBIG */
	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(code, ORCH_EIO);
	assert_int_equal(err.sys, EFBIG);
	assert_non_null(strstr(err.text, "/f: File too large"));
	assert_false(file_exists(in_folder("f")));
}

static void file__a_pipe_without_a_writer_does_not_hang(void **state)
{
	(void)state;
	char *text = NULL;
	size_t length;
	assert_int_equal(mkfifo(in_folder("p"), 0600), 0);
	alarm(10);
	assert_int_equal(file_read(in_folder("p"), 0, &text, &length, NULL), 0);
	alarm(0);
	assert_int_equal(length, 0);
	free(text);
}

static void file__a_pipe_is_read_to_its_end(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		for (int i = 0; i < 3; i++, usleep(20000))
			(void)!write(ends[1], "abc", 3);
		_exit(0);
	}
	close(ends[1]);
	char path[64];
	snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
	check_content(path, "abcabcabc");
	close(ends[0]);
	waitpid(child, NULL, 0);
}

static void file__folders(void **state)
{
	(void)state;
	struct orch_err err = {0};
	assert_int_equal(file_make_folders(in_folder("a/b/c"), &err), 0);
	assert_int_equal(file_make_folders(in_folder("a/b/c"), &err), 0);
	assert_int_equal(file_make_folders(in_folder("a/b/d/"), &err), 0);
	assert_true(file_is_folder(in_folder("a/b/c")));
	assert_int_equal(file_make_folder(in_folder("x/y"), &err), ORCH_EMISSING);
	orch_err_clear(&err);
	assert_int_equal(file_write_new(in_folder("f"), "", 0, &err), 0);
	assert_int_equal(file_make_folder(in_folder("f"), &err), ORCH_EINPUT);
	assert_non_null(strstr(err.text, "something else has that name"));
}

static void file__lists_are_sorted(void **state)
{
	(void)state;
	static const char *const names[] = {"b", "a/z", "a/b/c", "a.txt", "B"};
	struct orch_err err = {0};
	struct file_list list;
	assert_int_equal(file_make_folders(in_folder("t/a/b"), &err), 0);
	for (size_t i = 0; i < 5; i++) {
		char *path = file_join(in_folder("t"), names[i]);
		assert_int_equal(file_write_new(path, "", 0, &err), 0);
		free(path);
	}
	assert_int_equal(file_list_tree(in_folder("t"), &list, &err), 0);
	static const char *const sorted[] = {"B", "a.txt", "a/b/c", "a/z", "b"};
	assert_int_equal(list.count, 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(list.names[i], sorted[i]);
	file_list_release(&list);
	assert_int_equal(file_list_folder(in_folder("t"), &list, &err), 0);
	assert_int_equal(list.count, 4);
	assert_string_equal(list.names[1], "a");
	file_list_release(&list);
	assert_int_equal(file_sync_tree(in_folder("t"), &err), 0);
	assert_int_equal(file_list_folder(in_folder("none"), &list, &err), ORCH_EMISSING);
}

static void file__links_and_pipes_in_a_tree_are_damage(void **state)
{
	(void)state;
	struct orch_err err = {0};
	struct file_list list = {0};
	assert_int_equal(file_make_folder(in_folder("t"), &err), 0);
	assert_int_equal(symlink("/etc/passwd", in_folder("t/l")), 0);
	assert_int_equal(file_list_tree(in_folder("t"), &list, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "t/l is a link where a file or a folder belongs"));
	assert_null(list.names);
	orch_err_clear(&err);
	assert_int_equal(unlink(in_folder("t/l")), 0);
	assert_int_equal(mkfifo(in_folder("t/p"), 0600), 0);
	assert_int_equal(file_list_tree(in_folder("t"), &list, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "a device or pipe"));
}

static void file__remove_tree_does_not_follow_links(void **state)
{
	(void)state;
	assert_int_equal(file_make_folders(in_folder("keep"), NULL), 0);
	assert_int_equal(file_write_new(in_folder("keep/f"), "x", 1, NULL), 0);
	assert_int_equal(file_make_folders(in_folder("t/d"), NULL), 0);
	assert_int_equal(symlink("../keep", in_folder("t/l")), 0);
	assert_int_equal(symlink("../../keep/f", in_folder("t/d/m")), 0);
	assert_int_equal(file_remove_tree(in_folder("t"), NULL), 0);
	assert_false(file_exists(in_folder("t")));
	check_content(in_folder("keep/f"), "x");
	assert_int_equal(file_remove_tree(in_folder("t"), NULL), 0);
	assert_int_equal(file_remove(in_folder("t"), NULL), 0);
}

static void file__sync_of_nothing_is_missing(void **state)
{
	(void)state;
	assert_int_equal(file_sync(in_folder("none"), NULL), ORCH_EMISSING);
	assert_int_equal(file_sync_folder(in_folder("none"), NULL), ORCH_EMISSING);
	assert_int_equal(file_sync_tree(in_folder("none"), NULL), ORCH_EMISSING);
}

static void check_taken(char *take_path, const char *expected)
{
	assert_string_equal(take_path, expected);
	free(take_path);
}

static void file__names(void **state)
{
	(void)state;
	check_taken(file_join("a", "b"), "a/b");
	check_taken(file_join("a/", "b"), "a/b");
	check_taken(file_join("a", "/b"), "/b");
	check_taken(file_join("", "b"), "b");
	check_taken(file_join("a", ""), "a");
	check_taken(file_folder("a/b/c"), "a/b");
	check_taken(file_folder("/a"), "/");
	check_taken(file_folder("a"), ".");
	assert_string_equal(file_name("a/b"), "b");
	assert_string_equal(file_name("b"), "b");
	check_taken(file_absolute("/a/./b//../c/"), "/a/c");
	check_taken(file_absolute("/../.."), "/");
	check_taken(file_absolute("/"), "/");
	char here[4096];
	assert_non_null(getcwd(here, sizeof here));
	check_taken(file_absolute("."), here);
	char *inner = file_join(here, "x/y");
	check_taken(file_absolute("x/z/../y"), inner);
	free(inner);
}

static void file__kinds(void **state)
{
	(void)state;
	assert_int_equal(file_write_new(in_folder("f"), "123", 3, NULL), 0);
	assert_int_equal(symlink("nowhere", in_folder("l")), 0);
	assert_int_equal(symlink("f", in_folder("m")), 0);
	assert_true(file_exists(in_folder("l")));
	assert_false(file_is_folder(in_folder("l")));
	assert_true(file_is_folder(folder));
	assert_int_equal(file_size(in_folder("f")), 3);
	assert_int_equal(file_size(in_folder("m")), 3);
	assert_int_equal(file_size(in_folder("l")), -1);
	assert_int_equal(file_size(folder), -1);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(file__write_new_refuses_existing),
		CASE(file__write_new_does_not_follow_links),
		CASE(file__replace_replaces_and_leaves_nothing_beside),
		CASE(file__replace_takes_over_a_leftover),
		CASE(file__replace_leaves_a_living_writer_alone),
		CASE(file__replace_says_when_the_folder_is_missing),
		CASE(file__read_limits_and_refuses),
		CASE(file__read_large),
		CASE(file__streamed_content_can_be_written_anywhere),
		CASE(file__append_and_cut),
		CASE(file__publish_never_replaces),
		CASE(file__publish_moves_between_folders),
		CASE(file__publish_never_replaces_where_the_kernel_cannot_refuse),
		CASE(file__short_and_interrupted_writes_go_on),
		CASE(file__a_full_disk_leaves_nothing),
		CASE(file__a_pipe_without_a_writer_does_not_hang),
		CASE(file__a_pipe_is_read_to_its_end),
		CASE(file__folders),
		CASE(file__lists_are_sorted),
		CASE(file__links_and_pipes_in_a_tree_are_damage),
		CASE(file__remove_tree_does_not_follow_links),
		CASE(file__sync_of_nothing_is_missing),
		CASE(file__names),
		CASE(file__kinds),
	};
	return cmocka_run_group_tests(tests, make_folder, end);
}
