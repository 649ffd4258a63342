/* The JSON lines form of the command engine: one program of the user's that stays alive and is given fits on its stdin, a JSON object a line.
 *
 *   to the program    {"type":"fit","version":1,"id":7,"data":PATH,"features":[..],"left_out":[..],"target":[..],"params":{..},"trial":T,"fold":F,
 *                      "repeat":R,"seed":S,"threads":N,"scratch":DIR}     fold -1: train on all, predict the holdout
 *   from the program  {"type":"progress","step":3,"value":0.61}           any number, recorded
 *   to the program    {"type":"stop","id":7}                                only where hpo.pruner looks at what is reported: the fit is not worth its rest
 *   from the program  {"type":"stopped","id":7}                             it is ready for the next one
 *                     {"type":"result","score":0.93}   or {"type":"result","predictions":FILE} with a file in scratch; "features_used" may stand in it
 *                     {"type":"error","text":WHY}                         this fit failed; the program goes on
 *
 * What a fit reported before it is told to stop decides; what comes after that is not looked at. A program that answers "stopped" lives on; one that has not
 * answered after COMMAND_GRACE_MILLISECONDS gets TERM, one that answers otherwise does not know "stop" and is ended, too: another is started for the next fit.
 *
 * An "id" in an answer must be that of the fit. A line that is no JSON object is chatter. The program is started for the first fit of a worker, again when it
 * ended, and anew for every round; it ends when its stdin does. It has the limits of a fit: met, it is ended, and the next fit starts another. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "orchestrator/command_parts.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/base/process.h"
#include "storage/base/process_kill.h"

#define LINE_MAX_BYTES (16u << 20)
#define LOOK_MILLISECONDS 100
#define FOLDER_SECONDS 0.25

/* One for a worker: it does one fit at a time. */
static struct {
	pid_t pid; /* 0: none runs */
	int pid_fd, in, out, err;
	char *home, *command; /* where and how it was started */
	bool answered; /* a fit, since then */
	struct text_buf line;
} server = {.pid_fd = -1, .in = -1, .out = -1, .err = -1};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_streams(void)
{
	close_fd(&server.in);
	close_fd(&server.out);
	close_fd(&server.err);
	close_fd(&server.pid_fd);
	free(server.home);
	free(server.command);
	server.home = server.command = NULL;
	server.line.length = 0;
	server.pid = 0;
}

/* Collects it and what it started. */
static int reap(struct command_output *output, struct orch_err *err)
{
	int code = command_take_status(server.pid, output, err);

	command_end_children(0);
	for (unsigned pieces = 0; pieces < 64 && command_take_piece(&server.err, &output->err, true); pieces++)
		;
	close_streams();
	return code;
}

void command_server_end(void)
{
	struct command_output output = {0};

	if (!server.pid)
		return;
	close_fd(&server.in); /* a program that reads its stdin ends by itself */
	for (unsigned waited = 0; waited < COMMAND_GRACE_MILLISECONDS; waited += 10) {
		struct pollfd ended = {.fd = server.pid_fd, .events = POLLIN};

		if (poll(&ended, 1, 10) > 0)
			break;
		while (command_take_piece(&server.out, &output.out, false) || command_take_piece(&server.err, &output.err, true))
			;
	}
	process_signal_descendants(getpid(), SIGKILL);
	reap(&output, NULL);
	text_buf_release(&output.out);
	text_buf_release(&output.err);
}

/* Between two fits that is a program's own business. */
static bool has_ended(void)
{
	struct pollfd ended = {.fd = server.pid_fd, .events = POLLIN};

	return poll(&ended, 1, 0) > 0;
}

static char *command_line(char *const *argv)
{
	struct text_buf line = {0};

	command_add_shell(&line, argv);
	return text_take(&line);
}

static int start(char *const *argv, const char *home, const struct command_limits *limits, struct orch_err *err)
{
	int pipes[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}}, sys = 0;
	pid_t pid = -1;

	for (size_t i = 0; i < 3 && !sys; i++)
		sys = pipe2(pipes[i], O_CLOEXEC) ? errno : 0;
	if (!sys && (prctl(PR_SET_CHILD_SUBREAPER, 1) || (pid = fork()) < 0))
		sys = errno;
	if (pid == 0)
		command_become(argv, home, limits, pipes[0][0], pipes[1][1], pipes[2][1]);
	if (!sys && (server.pid_fd = (int)syscall(SYS_pidfd_open, pid, 0)) < 0) {
		sys = errno;
		kill(pid, SIGKILL);
		command_end_children(0);
	}
	close_fd(&pipes[0][0]);
	close_fd(&pipes[1][1]);
	close_fd(&pipes[2][1]);
	if (sys) {
		close_fd(&pipes[0][1]);
		close_fd(&pipes[1][0]);
		close_fd(&pipes[2][0]);
		return orch_fail_sys(err, ORCH_EIO, sys, "cannot start the program");
	}
	server.pid = pid;
	server.in = pipes[0][1];
	server.out = pipes[1][0];
	server.err = pipes[2][0];
	server.answered = false;
	server.home = mem_text(home);
	server.command = command_line(argv);
	fcntl(server.in, F_SETFL, O_NONBLOCK);
	fcntl(server.out, F_SETFL, O_NONBLOCK);
	fcntl(server.err, F_SETFL, O_NONBLOCK);
	return 0;
}

/* ---- one fit ---- */

struct asking {
	const char *folder;
	const struct command_limits *limits;
	struct command_output *output;
	struct worker *worker;
	json_int_t id;
	struct text_buf request;
	size_t sent;
	double started, looked, ended, told, closed; /* told: when it was told to stop; closed: its stdout; 0: open */
	bool stop, stays; /* it is to stop; it has said that it did */
	uint64_t printed, folder_before;
	char *answer;
	char wrong[160]; /* what it answered that is no answer */
};

static void take_line(struct asking *asking, const char *line, size_t length)
{
	json_t *object = NULL;
	const char *type;

	if (json_parse(line, length, "line", &object, NULL) || !json_is_object(object)) {
		json_decref(object);
		command_keep_tail(&asking->output->err, line, length + 1, COMMAND_TAIL); /* chatter, with its newline: it is told with what it says on stderr */
		return;
	}
	type = json_get_text(object, "type", "");
	if (json_get_int(object, "id", asking->id) != asking->id)
		snprintf(asking->wrong, sizeof asking->wrong, "it answered fit %lld when it was asked for fit %lld", (long long)json_get_int(object, "id", -1), (long long)asking->id);
	else if (!strcmp(type, "progress"))
		asking->stop = command_note_progress(asking->worker, object);
	else if (asking->stop && !strcmp(type, "stopped"))
		asking->stays = (asking->answer = mem_text("{}")) != NULL;
	else if (!strcmp(type, "result") || !strcmp(type, "error"))
		asking->answer = text_format("%.*s", (int)length, line);
	else
		snprintf(asking->wrong, sizeof asking->wrong, "it wrote a line of the type \"%.40s\"; there are progress, result and error", type);
	json_decref(object);
}

/* A line is taken whole, however long it is: nothing of it may be cut. Bytes read. */
static size_t take_piece(struct text_buf *buf)
{
	char piece[65536];
	ssize_t n = server.out < 0 ? -1 : read(server.out, piece, sizeof piece);

	if (n > 0)
		text_add_bytes(buf, piece, (size_t)n);
	if (n == 0)
		close_fd(&server.out);
	return n > 0 ? (size_t)n : 0;
}

static void take_lines(struct asking *asking)
{
	struct text_buf *buf = &server.line;
	size_t start_of = 0;
	char *newline;

	asking->printed += take_piece(buf);
	while (!asking->answer && !asking->wrong[0] && buf->length > start_of && (newline = memchr(buf->data + start_of, '\n', buf->length - start_of))) {
		size_t length = (size_t)(newline - buf->data) - start_of;

		take_line(asking, buf->data + start_of, length);
		start_of += length + 1;
	}
	if (start_of) {
		memmove(buf->data, buf->data + start_of, buf->length - start_of);
		buf->length -= start_of;
	}
	if (buf->length > LINE_MAX_BYTES)
		snprintf(asking->wrong, sizeof asking->wrong, "it wrote a line longer than 16 MiB");
}

static void send_rest(struct asking *asking)
{
	const struct text_buf *request = &asking->request;
	ssize_t n = 0;

	while (asking->sent < request->length && (n = write(server.in, request->data + asking->sent, request->length - asking->sent)) > 0)
		asking->sent += (size_t)n;
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		asking->sent = request->length; /* it does not read any more: its end will be told, or its answer */
}

static void keep_limits(struct asking *asking)
{
	const struct command_limits *limits = asking->limits;
	double now = process_clock();
	bool look = now - asking->looked >= FOLDER_SECONDS;

	if (asking->ended) {
		if (now - asking->ended > COMMAND_GRACE_MILLISECONDS / 1000.0)
			process_signal_descendants(getpid(), SIGKILL);
		return;
	}
	if (look)
		asking->looked = now;
	if (server.out < 0 && !asking->closed)
		asking->closed = now;
	if (asking->closed && now - asking->closed > COMMAND_GRACE_MILLISECONDS / 1000.0) /* before that it may be about to end */
		snprintf(asking->wrong, sizeof asking->wrong, "it closed its stdout, where its answer was to come, and did not end");
	if (limits->seconds > 0 && now - asking->started > limits->seconds)
		asking->output->cause = "timeout";
	else if (limits->output && (asking->printed > limits->output ||
	                 (look && asking->printed + command_folder_bytes(asking->folder) > limits->output + asking->folder_before)))
		asking->output->cause = "output";
	if (asking->stop && !asking->told) {
		asking->told = now;
		text_addf(&asking->request, "{\"type\":\"stop\",\"id\":%lld}\n", (long long)asking->id);
		send_rest(asking);
	}
	if (!asking->output->cause && !asking->wrong[0] && !(asking->told && now - asking->told > COMMAND_GRACE_MILLISECONDS / 1000.0))
		return;
	asking->ended = now;
	process_signal_descendants(getpid(), SIGTERM);
}

/* Until it answers or ends. True: it ended. */
static bool converse(struct asking *asking)
{
	for (;;) {
		struct pollfd polls[] = {{.fd = server.pid_fd, .events = POLLIN}, {.fd = server.out, .events = POLLIN}, {.fd = server.err, .events = POLLIN},
		        {.fd = asking->sent < asking->request.length ? server.in : -1, .events = POLLOUT}};

		if (poll(polls, 4, LOOK_MILLISECONDS) < 0 && errno != EINTR)
			process_signal_descendants(getpid(), SIGKILL);
		if (polls[3].revents)
			send_rest(asking);
		if (polls[2].revents)
			asking->printed += command_take_piece(&server.err, &asking->output->err, true);
		if (polls[1].revents)
			take_lines(asking);
		if (asking->answer && !asking->ended)
			return false;
		if (polls[0].revents) {
			take_lines(asking);
			return !asking->answer || asking->ended > 0;
		}
		keep_limits(asking);
	}
}

static int tell_end(struct asking *asking, struct orch_err *err)
{
	struct command_output *output = asking->output;

	if (output->cause)
		return command_tell_limit(asking->limits, output, err);
	if (asking->wrong[0])
		return orch_fail(err, ORCH_EFIT, "%s", asking->wrong);
	if (output->signal)
		return orch_fail(err, ORCH_EFIT, "the program was ended by signal %d (%s) in the middle of a fit", output->signal, strsignal(output->signal));
	return orch_fail(err, ORCH_EFIT, "the program ended with exit status %d in the middle of a fit", output->status);
}

/* It may end between two fits, and its end may be seen only when the next one was sent: it ended well, after an answer, without a word since. */
static bool had_ended_before(const struct asking *asking)
{
	const struct command_output *output = asking->output;

	return server.answered && !asking->printed && !asking->wrong[0] && !output->cause && !output->signal && !output->status;
}

int command_server_fit(struct worker *worker, char *const *argv, const char *home, const char *folder, json_t *request, const struct command_limits *limits,
        struct command_output *output, char **answer, struct orch_err *err)
{
	static json_int_t last_id;
	struct asking asking = {.worker = worker, .folder = folder, .limits = limits, .output = output, .id = ++last_id, .started = process_clock()};
	char *line = command_line(argv);
	bool ended;
	int code = 0;

	if (server.pid && (strcmp(server.home, home) || strcmp(server.command, line) || has_ended()))
		command_server_end();
	free(line);
	if (!server.pid)
		code = start(argv, home, limits, err);
	if (code)
		return code;
	json_object_set_new(request, "id", json_integer(asking.id));
	line = json_text(request, JSON_STYLE_LINE);
	text_addf(&asking.request, "%s\n", line);
	free(line);
	asking.folder_before = command_folder_bytes(folder);
	ended = converse(&asking);
	if (ended)
		code = reap(output, err);
	if (ended && !code && had_ended_before(&asking)) {
		code = start(argv, home, limits, err);
		asking.sent = 0;
		asking.closed = 0;
		ended = !code && converse(&asking);
		if (ended)
			code = reap(output, err);
	}
	if (ended && !code) {
		code = tell_end(&asking, err);
	} else if (!code && asking.stop && !asking.stays) {
		command_server_end();
	}
	server.answered = !code;
	text_buf_release(&asking.request);
	if (code) {
		free(asking.answer);
		if (server.pid)
			command_server_end();
	} else {
		*answer = asking.answer;
	}
	return code;
}
