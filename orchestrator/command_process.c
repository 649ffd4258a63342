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

/* Reads what is there; closes at the end of the stream. Returns the bytes read. */
static size_t drain(int *fd, struct text_buf *buf)
{
	char chunk[16384];
	size_t total = 0;

	while (*fd >= 0) {
		ssize_t n = read(*fd, chunk, sizeof chunk);

		if (n > 0) {
			keep_tail(buf, chunk, (size_t)n);
			total += (size_t)n;
		} else if (n == 0) {
			close(*fd);
			*fd = -1;
		} else if (errno != EINTR) {
			break;
		}
	}
	return total;
}

static _Noreturn void become(char *const *argv, const char *folder, int out, int err)
{
	int null = open("/dev/null", O_RDONLY);

	signal(SIGTERM, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
	if (chdir(folder) || null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(126);
	execvp(argv[0], argv);
	dprintf(2, "cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Descendants that the program left behind became our children (we are their subreaper): end them. */
static void end_leftovers(void)
{
	char path[64], list[4096];

	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	for (int round = 0; round < 100; round++) {
		FILE *file = fopen(path, "re");
		size_t length = file ? fread(list, 1, sizeof list - 1, file) : 0;

		if (file)
			fclose(file);
		list[length] = '\0';
		if (!length)
			return;
		for (char *at = list, *end; *at; at = end) {
			long pid = strtol(at, &end, 10);

			if (end == at)
				break;
			kill((pid_t)pid, SIGKILL);
			waitpid((pid_t)pid, NULL, 0);
		}
	}
}

/* Until the program ends: its pidfd tells, never the end of a pipe, which a grandchild may hold. */
static int follow(pid_t pid, int *out, int *err_fd, struct command_output *output, struct orch_err *err)
{
	int pid_fd = (int)syscall(SYS_pidfd_open, pid, 0), code = 0;
	size_t total = 0;
	bool ended = false;
	siginfo_t info = {0};

	while (!ended) {
		struct pollfd polls[] = {{.fd = pid_fd, .events = POLLIN}, {.fd = *out, .events = POLLIN}, {.fd = *err_fd, .events = POLLIN}};

		if (poll(polls, 3, -1) < 0 && errno != EINTR)
			break;
		ended = polls[0].revents != 0;
		total += drain(out, &output->out) + drain(err_fd, &output->err);
		if (total > COMMAND_OUTPUT_MAX && !code) {
			kill(pid, SIGKILL);
			code = orch_fail(err, ORCH_EFIT, "the program wrote more than 64 MiB of output");
		}
	}
	while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0 && errno == EINTR)
		;
	output->signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
	output->status = output->signal ? 128 + output->signal : info.si_status;
	close(pid_fd);
	return code;
}

int command_process(char *const *argv, const char *folder, struct command_output *output, struct orch_err *err)
{
	int out[2] = {-1, -1}, errors[2] = {-1, -1}, code;
	pid_t pid;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (pipe2(out, O_CLOEXEC) || pipe2(errors, O_CLOEXEC))
		return orch_fail_sys(err, ORCH_EIO, errno, "cannot make pipes for the program");
	pid = fork();
	if (pid == 0)
		become(argv, folder, out[1], errors[1]);
	close(out[1]);
	close(errors[1]);
	if (pid < 0) {
		close(out[0]);
		close(errors[0]);
		return orch_fail_sys(err, ORCH_EIO, errno, "cannot start the program");
	}
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(errors[0], F_SETFL, O_NONBLOCK);
	code = follow(pid, &out[0], &errors[0], output, err);
	end_leftovers();
	if (out[0] >= 0)
		close(out[0]);
	if (errors[0] >= 0)
		close(errors[0]);
	return code;
}
