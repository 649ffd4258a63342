/* A program of the user's, from fork to the last of its descendants.
 *
 * The worker is their subreaper: what a program leaves behind, in a session of its own or not, becomes the worker's child and is killed. A
 * worker has no other children, so "no child left" is how it is known that nothing survives. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "orchestrator/command_parts.h"

static void keep_tail(struct text_buf *buf, const char *bytes, size_t length)
{
	text_add_bytes(buf, bytes, length);
	if (buf->length > 2 * COMMAND_TAIL) {
		memmove(buf->data, buf->data + buf->length - COMMAND_TAIL, COMMAND_TAIL);
		buf->length = COMMAND_TAIL;
		buf->data[buf->length] = '\0';
	}
}

/* One piece of what is there, so that a program that writes without end cannot hold us here; closes at the end of the stream. Bytes read. */
static size_t take_piece(int *fd, struct text_buf *buf)
{
	char piece[65536];
	ssize_t n;

	if (*fd < 0)
		return 0;
	do
		n = read(*fd, piece, sizeof piece);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		keep_tail(buf, piece, (size_t)n);
		return (size_t)n;
	}
	if (n == 0) {
		close(*fd);
		*fd = -1;
	}
	return 0;
}

static _Noreturn void become(char *const *argv, const char *folder, int out, int err)
{
	int null = open("/dev/null", O_RDONLY);

	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(126);
	if (chdir(folder)) {
		dprintf(2, "cannot go to the folder %s: %s\n", folder, strerror(errno));
		_exit(126);
	}
	execvp(argv[0], argv);
	dprintf(2, "cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* ---- the end of all children; only async-signal-safe calls, a TERM handler does this too ---- */

static void kill_list(char *list)
{
	pid_t pid = 0;

	for (char *at = list; *at; at++) {
		if (*at >= '0' && *at <= '9') {
			pid = pid * 10 + (*at - '0');
		} else {
			if (pid > 0)
				kill(pid, SIGKILL);
			pid = 0;
		}
	}
}

/* Orphans come to our first thread. A list longer than the buffer is read again when these are gone. */
static void kill_children(void)
{
	char path[] = "/proc/self/task/0000000000/children", digits[16], list[4096];
	char *at = path + strlen("/proc/self/task/");
	int length = 0, fd;
	ssize_t n;

	for (long id = getpid(); id; id /= 10)
		digits[length++] = (char)('0' + id % 10);
	while (length)
		*at++ = digits[--length];
	memcpy(at, "/children", sizeof "/children");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, list, sizeof list - 1);
	close(fd);
	list[n > 0 ? n : 0] = '\0';
	kill_list(list); /* each number is followed by a blank: one that is cut off is not taken */
}

#define STEP_MILLISECONDS 5u
#define KILLED_MILLISECONDS 2000u /* what does not go after KILL for so long is stuck in the kernel */

void command_end_children(unsigned grace_milliseconds)
{
	struct timespec step = {.tv_nsec = STEP_MILLISECONDS * 1000000L};

	for (unsigned waited = 0; waited <= grace_milliseconds + KILLED_MILLISECONDS; waited += STEP_MILLISECONDS) {
		pid_t pid;

		do
			pid = waitpid(-1, NULL, WNOHANG);
		while (pid > 0 || (pid < 0 && errno == EINTR));
		if (pid < 0)
			return; /* ECHILD: none is left */
		if (waited >= grace_milliseconds)
			kill_children();
		nanosleep(&step, NULL);
	}
}

/* ---- one program ---- */

static int take_status(pid_t pid, struct command_output *output, struct orch_err *err)
{
	siginfo_t info = {0};
	int rc;

	do
		rc = waitid(P_PID, (id_t)pid, &info, WEXITED);
	while (rc < 0 && errno == EINTR);
	if (rc < 0) /* whoever reaped it knows how it ended; we may not guess that it ended well */
		return orch_fail_sys(err, ORCH_EIO, errno, "cannot learn how the program ended");
	output->signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
	output->status = output->signal ? 128 + output->signal : info.si_status;
	return 0;
}

/* Until the program ends: its pidfd tells, never the end of a pipe, which a grandchild may hold. True: it wrote too much and was killed. */
static bool follow(pid_t pid, int pid_fd, int *out, int *err_fd, struct command_output *output)
{
	size_t total = 0;

	for (;;) {
		struct pollfd polls[] = {{.fd = pid_fd, .events = POLLIN}, {.fd = *out, .events = POLLIN}, {.fd = *err_fd, .events = POLLIN}};

		if (poll(polls, 3, -1) < 0) {
			if (errno == EINTR)
				continue;
			kill(pid, SIGKILL);
			return false;
		}
		if (polls[1].revents)
			total += take_piece(out, &output->out);
		if (polls[2].revents)
			total += take_piece(err_fd, &output->err);
		if (total > COMMAND_OUTPUT_MAX) {
			kill(pid, SIGKILL);
			return true;
		}
		if (polls[0].revents)
			return false;
	}
}

/* The parent's side. What the program left behind is ended before its last words are read, so that nobody writes after them. */
static int attend(pid_t pid, int *out, int *err_fd, struct command_output *output, struct orch_err *err)
{
	int pid_fd = (int)syscall(SYS_pidfd_open, pid, 0), code = 0;
	bool flooded = false;

	if (pid_fd < 0) {
		code = orch_fail_sys(err, ORCH_EIO, errno, "cannot watch the program");
		kill(pid, SIGKILL);
	} else {
		flooded = follow(pid, pid_fd, out, err_fd, output);
		close(pid_fd);
	}
	if (take_status(pid, output, code ? NULL : err) && !code)
		code = ORCH_EIO;
	command_end_children(0);
	for (unsigned pieces = 0; pieces < 64 && take_piece(out, &output->out); pieces++)
		;
	for (unsigned pieces = 0; pieces < 64 && take_piece(err_fd, &output->err); pieces++)
		;
	if (!code && flooded)
		code = orch_fail(err, ORCH_EFIT, "the program wrote more than 64 MiB of output; it was ended");
	return code;
}

static void close_pair(int pair[2])
{
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
	pair[0] = pair[1] = -1;
}

int command_process(char *const *argv, const char *folder, struct command_output *output, struct orch_err *err)
{
	int out[2] = {-1, -1}, errors[2] = {-1, -1}, code;
	pid_t pid = -1;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) || pipe2(out, O_CLOEXEC) || pipe2(errors, O_CLOEXEC) || (pid = fork()) < 0) {
		code = orch_fail_sys(err, ORCH_EIO, errno, "cannot start the program");
		goto done;
	}
	if (pid == 0)
		become(argv, folder, out[1], errors[1]);
	close(out[1]);
	close(errors[1]);
	out[1] = errors[1] = -1;
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(errors[0], F_SETFL, O_NONBLOCK);
	code = attend(pid, &out[0], &errors[0], output, err);
done:
	close_pair(out);
	close_pair(errors);
	return code;
}
