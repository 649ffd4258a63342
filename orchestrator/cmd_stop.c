#include "orchestrator/command.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "storage/base/process.h"
#include "storage/base/text.h"
#include "storage/campaign_dir.h"

/* A descriptor of exactly that process: opened first, then compared, so that a recycled pid is never signalled. -1: gone. */
static int open_holder(const struct process_id *holder)
{
	int fd = (int)syscall(SYS_pidfd_open, holder->pid, 0);

	if (fd >= 0 && !process_alive(holder)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int send(int fd, int number, struct orch_err *err)
{
	if (!syscall(SYS_pidfd_send_signal, fd, number, NULL, 0) || errno == ESRCH)
		return 0;
	return orch_fail_sys(err, ORCH_EIO, errno, "cannot signal it (whose campaign is it?)");
}

/* Two different signals: two of one kind may become one. */
static int ask(int fd, bool now, struct orch_err *err)
{
	int code = send(fd, SIGTERM, err);

	return !code && now ? send(fd, SIGINT, err) : code;
}

static int wait_gone(int fd, double seconds, struct orch_err *err)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};
	double end = process_clock() + seconds;
	char text[TEXT_NUMBER_MAX];

	for (;;) {
		double left = seconds > 0 ? end - process_clock() : 1;
		int ready = poll(&polled, 1, left > 0 ? (int)(left * 1000) + 1 : 0);

		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return orch_fail_sys(err, ORCH_EIO, errno, "cannot wait for it");
		if (seconds > 0 && process_clock() >= end)
			return orch_fail(err, ORCH_EIO, "it still lets running fits end after %s; the request stands. --now does not wait for them", text_seconds(seconds, text));
	}
}

static int stop(const struct arguments *arguments, const char *campaign, double timeout, bool *asked, struct orch_err *err)
{
	struct process_id holder = {0}, self;
	bool alive = false;
	int code = campaign_dir_holder(campaign, &holder, &alive, err), fd;

	if (code)
		return code;
	process_self(&self);
	if (holder.pid && strcmp(holder.host, self.host))
		return orch_fail(err, ORCH_EBUSY, "%s is held by pid %d on host %s: stop it there", campaign, (int)holder.pid, holder.host);
	fd = alive ? open_holder(&holder) : -1;
	if (fd < 0) {
		command_say(arguments, "%s is not running", campaign);
		return 0;
	}
	*asked = true;
	code = ask(fd, arguments_flag(arguments, "--now"), err);
	if (!code) {
		command_say(arguments, "asked pid %d to stop%s", (int)holder.pid, arguments_flag(arguments, "--now") ? " now" : "; running fits end first");
		code = wait_gone(fd, timeout, err);
	}
	close(fd);
	if (!code)
		command_say(arguments, "stopped");
	return code;
}

int cmd_stop(int argc, char **argv)
{
	struct arguments arguments;
	struct orch_err err = {0};
	char *campaign = NULL, *path;
	const char *limit;
	double timeout = 0;
	bool asked = false;
	int code;

	if (!command_begin("stop", argc, argv, &arguments, &code))
		return code;
	limit = arguments_value(&arguments, "--timeout");
	if (limit && (!text_to_seconds(limit, &timeout) || timeout <= 0))
		code = orch_fail(&err, ORCH_EINPUT, "--timeout \"%s\" is no duration: \"90s\", \"5m\", or seconds", limit);
	else
		code = command_campaign(&arguments, &campaign, &err);
	if (!code)
		code = stop(&arguments, campaign, timeout, &asked, &err);
	if (!code) {
		path = command_quote(campaign);
		command_next(&arguments, "%s %s %s", command_program(), asked ? "resume" : "status", path);
		free(path);
	}
	free(campaign);
	return code ? command_failed("stop", code, &err) : 0;
}
