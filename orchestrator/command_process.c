/* A program of the user's, from fork to the last of its descendants.
 *
 * The worker is their subreaper: what a program leaves behind, in a session of its own or not, becomes the worker's child and is killed. A
 * worker has no other children, so "no child left" is how it is known that nothing survives. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "orchestrator/command_parts.h"
#include "storage/base/process.h"
#include "storage/base/process_kill.h"

#define LOOK_MILLISECONDS 100
#define FOLDER_SECONDS 0.25 /* between two looks at the files */

void command_keep_tail(struct text_buf *buf, const char *bytes, size_t length, size_t least)
{
	text_add_bytes(buf, bytes, length);
	if (buf->length > 2 * least) {
		memmove(buf->data, buf->data + buf->length - least, least);
		buf->length = least;
		buf->data[buf->length] = '\0';
	}
}

/* One piece of what is there, so that a program that writes without end cannot hold us here; closes at the end of the stream. Bytes read. */
size_t command_take_piece(int *fd, struct text_buf *buf, bool aloud)
{
	char piece[65536];
	ssize_t n;

	if (*fd < 0)
		return 0;
	do
		n = read(*fd, piece, sizeof piece);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		command_keep_tail(buf, piece, (size_t)n, aloud ? COMMAND_TAIL : COMMAND_OUT_TAIL);
		if (aloud && write(2, piece, (size_t)n) < 0)
			return (size_t)n; /* nobody listens: it is kept in buf all the same */
		return (size_t)n;
	}
	if (n == 0) {
		close(*fd);
		*fd = -1;
	}
	return 0;
}

_Noreturn void command_become(char *const *argv, const char *folder, const struct command_limits *limits, int in, int out, int err)
{
	struct rlimit size = {limits->output, limits->output};

	if (in < 0)
		in = open("/dev/null", O_RDONLY);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (limits->output)
		setrlimit(RLIMIT_FSIZE, &size); /* no single file gets there between two looks */

	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	if (in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
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
			process_signal_descendants(getpid(), SIGKILL);
		nanosleep(&step, NULL);
	}
}

/* ---- one program ---- */

int command_take_status(pid_t pid, struct command_output *output, struct orch_err *err)
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

uint64_t command_folder_bytes(const char *folder)
{
	char *const roots[] = {(char *)folder, NULL};
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	uint64_t bytes = 0;
	FTSENT *entry;

	while (walk && (entry = fts_read(walk)))
		if (entry->fts_info == FTS_F)
			bytes += (uint64_t)entry->fts_statp->st_blocks * 512;
	if (walk)
		fts_close(walk);
	return bytes;
}

struct following {
	const struct command_limits *limits;
	const char *folder;
	struct command_output *output;
	uint64_t printed, folder_before;
	double started, looked, ended; /* ended: when TERM was sent; 0: it was not */
	bool stop; /* what it reported ends it */
};

static bool is_over_output(const struct following *following)
{
	uint64_t limit = following->limits->output;

	return limit && (following->printed > limit || following->printed + command_folder_bytes(following->folder) > limit + following->folder_before);
}

/* Which limit is met; NULL: none. */
static const char *limit_met(struct following *following, double now)
{
	const struct command_limits *limits = following->limits;

	if (limits->seconds > 0 && now - following->started > limits->seconds)
		return "timeout";
	if (!limits->output || (following->printed <= limits->output && now - following->looked < FOLDER_SECONDS))
		return NULL;
	following->looked = now;
	return is_over_output(following) ? "output" : NULL;
}

/* TERM to the program and all below it when a limit is met, KILL after the grace. */
static void keep_limits(struct following *following)
{
	double now = process_clock();

	if (!following->ended && (following->stop || (following->output->cause = limit_met(following, now)))) {
		following->ended = now;
		process_signal_descendants(getpid(), SIGTERM);
	}
	if (following->ended && now - following->ended > COMMAND_GRACE_MILLISECONDS / 1000.0)
		process_signal_descendants(getpid(), SIGKILL);
}

static size_t take_out(struct following *following, int *out)
{
	struct text_buf *buf = &following->output->out;
	const struct command_limits *limits = following->limits;
	size_t count = command_take_piece(out, buf, false);

	following->stop = (count && limits->watch && limits->watch(limits->context, buf->data + buf->length - count, count)) || following->stop;
	return count;
}

/* Until the program ends: its pidfd tells, never the end of a pipe, which a grandchild may hold. */
static void follow(pid_t pid, int pid_fd, int *out, int *err_fd, struct following *following)
{
	struct command_output *output = following->output;

	for (;;) {
		struct pollfd polls[] = {{.fd = pid_fd, .events = POLLIN}, {.fd = *out, .events = POLLIN}, {.fd = *err_fd, .events = POLLIN}};

		if (poll(polls, 3, LOOK_MILLISECONDS) < 0 && errno != EINTR) {
			kill(pid, SIGKILL);
			return;
		}
		if (polls[1].revents)
			following->printed += take_out(following, out);
		if (polls[2].revents)
			following->printed += command_take_piece(err_fd, &output->err, true);
		if (polls[0].revents)
			return;
		keep_limits(following);
	}
}

int command_tell_limit(const struct command_limits *limits, const struct command_output *output, struct orch_err *err)
{
	char text[TEXT_NUMBER_MAX];

	if (!strcmp(output->cause, "timeout"))
		return orch_fail(err, ORCH_EFIT, "timeout: the program was ended after %s (resources.fit_timeout)", text_seconds(limits->seconds, text));
	return orch_fail(err, ORCH_EFIT, "output: the program was ended, it wrote more than %s (resources.fit_output)", text_bytes(limits->output, text));
}

/* The parent's side. What the program left behind is ended before its last words are read, so that nobody writes after them. */
static int attend(pid_t pid, int *out, int *err_fd, struct following *following, struct orch_err *err)
{
	struct command_output *output = following->output;
	int pid_fd = (int)syscall(SYS_pidfd_open, pid, 0), code = 0;

	if (pid_fd < 0) {
		code = orch_fail_sys(err, ORCH_EIO, errno, "cannot watch the program");
		kill(pid, SIGKILL);
	} else {
		follow(pid, pid_fd, out, err_fd, following);
		close(pid_fd);
	}
	if (command_take_status(pid, output, code ? NULL : err) && !code)
		code = ORCH_EIO;
	command_end_children(0);
	for (unsigned pieces = 0; pieces < 64 && take_out(following, out); pieces++)
		;
	for (unsigned pieces = 0; pieces < 64 && command_take_piece(err_fd, &output->err, true); pieces++)
		;
	/* A part of it may have met the limit of a file's size, and the rest gone on. */
	if (!output->cause && (output->signal == SIGXFSZ || is_over_output(following)))
		output->cause = "output";
	return code || !output->cause ? code : command_tell_limit(following->limits, output, err);
}

static void close_pair(int pair[2])
{
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
	pair[0] = pair[1] = -1;
}

int command_process(char *const *argv, const char *folder, const struct command_limits *limits, struct command_output *output, struct orch_err *err)
{
	struct following following = {.limits = limits, .folder = folder, .output = output, .folder_before = limits->output ? command_folder_bytes(folder) : 0, .started = process_clock()};
	int out[2] = {-1, -1}, errors[2] = {-1, -1}, in = limits->input ? open(limits->input, O_RDONLY | O_CLOEXEC) : -1, code;
	pid_t pid = -1;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) || pipe2(out, O_CLOEXEC) || pipe2(errors, O_CLOEXEC) || (pid = fork()) < 0) {
		code = orch_fail_sys(err, ORCH_EIO, errno, "cannot start the program");
		goto done;
	}
	if (pid == 0)
		command_become(argv, folder, limits, in, out[1], errors[1]);
	close(out[1]);
	close(errors[1]);
	out[1] = errors[1] = -1;
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(errors[0], F_SETFL, O_NONBLOCK);
	code = attend(pid, &out[0], &errors[0], &following, err);
done:
	close_pair(out);
	close_pair(errors);
	if (in >= 0)
		close(in);
	return code;
}
