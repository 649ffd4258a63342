#include "orchestrator/worker_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/base/process.h"
#include "storage/base/process_kill.h"
#include "storage/base/trace.h"

#define GRACE_SECONDS 3.0
#define GROUP_SLACK (32ull << 20) /* the wall stands behind the watched limit, which tells more when it is met */
#define ADOPTED_MAX 256

struct pipes {
	int in[2], out[2], err[2];
};

static void close_pair(int pair[2])
{
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
}

static int open_pipes(struct pipes *pipes, struct orch_err *err)
{
	*pipes = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}};
	if (pipe2(pipes->in, O_CLOEXEC) || pipe2(pipes->out, O_CLOEXEC) || pipe2(pipes->err, O_CLOEXEC)) {
		int sys = errno;

		close_pair(pipes->in);
		close_pair(pipes->out);
		close_pair(pipes->err);
		return orch_fail_sys(err, ORCH_EIO, sys, "cannot make pipes for a worker");
	}
	return 0;
}

/* In the child, before exec: only async-signal-safe calls. Descriptors above 2 close by O_CLOEXEC. */
static _Noreturn void run_worker(const char *program, char **environment, const struct pipes *pipes, const struct control_group *group, pid_t parent)
{
	char *arguments[] = {"orch", "worker", NULL};
	sigset_t none;

	setpgid(0, 0);
	control_group_join(group);
	prctl(PR_SET_PDEATHSIG, SIGUSR2);
	if (getppid() != parent)
		_exit(125);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(pipes->in[0], 0) < 0 || dup2(pipes->out[1], 1) < 0 || dup2(pipes->err[1], 2) < 0)
		_exit(125);
	execve(program, arguments, environment);
	_exit(126);
}

static bool is_thread_setting(const char *entry)
{
	return !strncmp(entry, "OPENBLAS_NUM_THREADS=", 21) || !strncmp(entry, "OMP_NUM_THREADS=", 16);
}

/* The environment with the numbers of threads in it, which BLAS and OpenMP read before main. One block: free() it. */
static char **worker_environment(unsigned threads)
{
	extern char **environ;
	static char blas[40], omp[40];
	size_t count = 0, at = 0;
	char **out;

	while (environ[count])
		count++;
	out = mem_must(count + 3, sizeof *out);
	for (size_t i = 0; i < count; i++)
		if (!is_thread_setting(environ[i]))
			out[at++] = environ[i];
	snprintf(blas, sizeof blas, "OPENBLAS_NUM_THREADS=%u", threads);
	snprintf(omp, sizeof omp, "OMP_NUM_THREADS=%u", threads);
	out[at++] = blas;
	out[at++] = omp;
	return out;
}

static void end_unwatched(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* ---- the workers that live: every other child of ours is an orphan of one that does not ---- */

static struct {
	pid_t *list;
	size_t count;
} living;

static void note_living(pid_t pid)
{
	pid_t *grown = mem_array_grow(living.list, living.count + 1, sizeof *grown);

	if (!grown)
		orch_bug("out of memory for the list of workers");
	living.list = grown;
	living.list[living.count++] = pid;
}

static bool is_living(pid_t pid)
{
	for (size_t i = 0; i < living.count; i++)
		if (living.list[i] == pid)
			return true;
	return false;
}

static void forget_living(pid_t pid)
{
	for (size_t i = 0; i < living.count; i++)
		if (living.list[i] == pid)
			living.list[i--] = living.list[--living.count];
	if (!living.count) {
		free(living.list);
		living.list = NULL;
	}
}

/* What a dead worker's tree left comes to us, its subreaper, generation by generation. */
static void end_adopted(void)
{
	struct timespec step = {.tv_nsec = 2000000};

	for (unsigned tries = 0; tries < 1000; tries++) {
		pid_t children[ADOPTED_MAX];
		size_t count = process_children(getpid(), children, ADOPTED_MAX), ended = 0;

		for (size_t i = 0; i < count && i < ADOPTED_MAX; i++) {
			if (is_living(children[i]))
				continue;
			kill(children[i], SIGKILL);
			waitpid(children[i], NULL, WNOHANG);
			ended++;
		}
		if (!ended)
			return;
		nanosleep(&step, NULL);
	}
}

int worker_process_spawn(const char *program, const struct worker_limits *limits, struct worker_process *out, struct orch_err *err)
{
	struct control_group group;
	struct pipes pipes;
	char **environment;
	pid_t parent = getpid(), pid;
	int sys, pid_fd;

	if (open_pipes(&pipes, err))
		return ORCH_EIO;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	control_group_open(limits->memory ? limits->memory + limits->memory_shared + GROUP_SLACK : 0, &group);
	environment = worker_environment(limits->threads);
	pid = fork();
	if (pid == 0)
		run_worker(program, environment, &pipes, &group, parent);
	pid_fd = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
	sys = errno;
	free(environment);
	if (pid_fd < 0) { /* without it nobody would hear of its end */
		if (pid > 0)
			end_unwatched(pid);
		control_group_close(&group);
		close_pair(pipes.in);
		close_pair(pipes.out);
		close_pair(pipes.err);
		return orch_fail_sys(err, ORCH_EIO, sys, pid < 0 ? "cannot start a worker process" : "cannot watch a worker process");
	}
	close(pipes.in[0]);
	close(pipes.out[1]);
	close(pipes.err[1]);
	note_living(pid);
	setpgid(pid, pid); /* both sides do it: whichever comes first */
	*out = (struct worker_process){.state = WORKER_STARTING, .pid = pid, .in_fd = pipes.in[1], .out_fd = pipes.out[0],
	        .err_fd = pipes.err[0], .pid_fd = pid_fd, .start_ticks = process_start_ticks(pid),
	        .started = process_clock(), .group = group, .memory_limit = limits->memory};
	control_group_joined(&out->group);
	fcntl(out->in_fd, F_SETFL, O_NONBLOCK);
	fcntl(out->out_fd, F_SETFL, O_NONBLOCK);
	fcntl(out->err_fd, F_SETFL, O_NONBLOCK);
	trace(TRACE_SCHED, "worker %d started", (int)pid);
	return 0;
}

static void queue_line(struct worker_process *worker, const json_t *line)
{
	json_write(line, JSON_STYLE_LINE, &worker->input);
	text_add(&worker->input, "\n");
}

void worker_process_assign(struct worker_process *worker, struct task *take_task, const json_t *setup, unsigned generation)
{
	if (setup) {
		queue_line(worker, setup);
		worker->setup_generation = generation;
	}
	worker->task = *take_task;
	*take_task = (struct task){0};
	worker->outcome = (struct task_outcome){
	        .results = json_array(), .wall_start = process_wall(), .pid = worker->pid};
	worker->task_started = worker->last_result = process_clock();
	worker->stall = (struct stall){0};
	worker->state = WORKER_BUSY;
	worker->used = true;
	worker->oom_kills = control_group_oom_kills(&worker->group);
	free(worker->answered);
	worker->answered = mem_must(worker->task.fit_count + 1, 1);
	worker->tail.length = 0;
	queue_line(worker, worker->task.line);
	worker_process_flush(worker);
}

void worker_process_flush(struct worker_process *worker)
{
	while (worker->in_fd >= 0 && worker->input_sent < worker->input.length) {
		ssize_t n = write(worker->in_fd, worker->input.data + worker->input_sent, worker->input.length - worker->input_sent);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return; /* full, or the worker is gone: its pidfd will tell */
		worker->input_sent += (size_t)n;
	}
	if (worker->input_sent == worker->input.length)
		worker->input.length = worker->input_sent = 0;
}

static void broke_protocol(struct worker_process *worker, const char *text)
{
	snprintf(worker->protocol_error, sizeof worker->protocol_error, "%s", text);
	worker_process_kill(worker, TASK_PROTOCOL_ERROR);
}

static bool was_out_of_memory(const struct worker_process *worker)
{
	return control_group_oom_kills(&worker->group) > worker->oom_kills;
}

/* A program that the kernel killed a part of may not even have noticed: whatever it answered, it met its limit. */
static char *memory_text(const struct worker_process *worker)
{
	struct text_buf buf = {0};
	char bytes[TEXT_NUMBER_MAX];

	text_addf(&buf, "the kernel ended a process of it: over its memory limit of %s", text_bytes(worker->memory_limit, bytes));
	if (worker->tail.length) {
		text_add(&buf, "\n");
		text_add_bytes(&buf, worker->tail.data, worker->tail.length);
	}
	return text_take(&buf);
}

static void end_task(struct worker_process *worker, const json_t *object, enum task_end end)
{
	struct task_outcome *outcome = &worker->outcome;


	outcome->end = end;
	outcome->seconds = process_clock() - worker->task_started;
	outcome->cpu_seconds = json_get_real(object, "cpu", 0);
	outcome->message_cpu = json_get_real(object, "message_cpu", 0);
	outcome->rss_anon = (uint64_t)json_get_int(object, "rss_anon", 0);
	if ((uint64_t)json_get_int(object, "peak_rss", 0) > outcome->peak_rss)
		outcome->peak_rss = (uint64_t)json_get_int(object, "peak_rss", 0);
	if (was_out_of_memory(worker)) {
		outcome->end = TASK_MEMORY;
		worker_process_read_errors(worker);
		outcome->text = memory_text(worker);
	} else if (end == TASK_ERROR) {
		outcome->detail = (int)json_get_int(object, "code", ORCH_EFIT);
		outcome->text = mem_text(json_get_text(object, "text", "the worker gave no reason"));
	}
	worker->tasks_done++;
	worker->state = WORKER_IDLE;
}

/* A checked result; a fit that is answered twice would be counted twice. */
static void take_result(struct worker_process *worker, json_t *object)
{
	size_t number = task_fit_number(&worker->task, object);

	if (number >= worker->task.fit_count || worker->answered[number]) {
		broke_protocol(worker, "the worker gave two results for one fit");
		return;
	}
	worker->answered[number] = 1;
	json_array_append(worker->outcome.results, object);
}

/* True when the line ended the task. */
static bool take_line(struct worker_process *worker, const char *line, size_t length)
{
	struct orch_err err = {0};
	json_t *object = NULL;
	const char *type;
	bool ended = false;

	if (task_parse_line(line, length, worker->state == WORKER_BUSY ? &worker->task : NULL, &object, &err)) {
		broke_protocol(worker, err.text);
		return false;
	}
	type = json_get_text(object, "type", "");
	if (!strcmp(type, "ready")) {
		if (worker->state == WORKER_STARTING)
			worker->state = WORKER_IDLE;
	} else if (!strcmp(type, "result")) {
		worker->last_result = process_clock();
		take_result(worker, object);
	} else if (!strcmp(type, "output")) {
		json_decref(worker->outcome.output);
		worker->outcome.output = json_incref(json_object_get(object, "value"));
	} else if (!strcmp(type, "done")) {
		if (json_array_size(worker->outcome.results) != worker->task.fit_count) {
			broke_protocol(worker, "the worker said done before every fit had its result");
		} else {
			end_task(worker, object, TASK_OK);
			ended = true;
		}
	} else if (!strcmp(type, "error")) {
		end_task(worker, object, TASK_ERROR);
		ended = true;
	}
	json_decref(object);
	return ended;
}

/* Whole lines of the buffer; what is left stays for the next read. */
static bool take_lines(struct worker_process *worker)
{
	struct text_buf *buf = &worker->output;
	size_t start = 0;
	bool ended = false;
	char *newline;

	while (worker->kill_reason == TASK_OK && start < buf->length &&
	        (newline = memchr(buf->data + start, '\n', buf->length - start))) {
		size_t length = (size_t)(newline - buf->data) - start;

		ended |= take_line(worker, buf->data + start, length);
		start += length + 1;
	}
	memmove(buf->data, buf->data + start, buf->length - start);
	buf->length -= start;
	if (buf->length > TASK_LINE_MAX && worker->kill_reason == TASK_OK)
		broke_protocol(worker, "the worker wrote a line longer than 16 MiB");
	return ended;
}

bool worker_process_read(struct worker_process *worker)
{
	char chunk[65536];
	bool ended = false;

	while (!ended) {
		ssize_t n = read(worker->out_fd, chunk, sizeof chunk);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0) { /* closed: the pidfd tells the rest */
				close(worker->out_fd);
				worker->out_fd = -1;
			}
			return ended;
		}
		if (worker->kill_reason != TASK_OK)
			continue; /* late words of a dead man */
		text_add_bytes(&worker->output, chunk, (size_t)n);
		ended = take_lines(worker);
	}
	return ended;
}

void worker_process_read_errors(struct worker_process *worker)
{
	char chunk[16384];
	ssize_t n = -1;

	while (worker->err_fd >= 0 && ((n = read(worker->err_fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR))) {
		if (n < 0)
			continue;
		text_add_bytes(&worker->tail, chunk, (size_t)n);
		if (worker->tail.length > TASK_TAIL_BYTES) {
			size_t drop = worker->tail.length - TASK_TAIL_BYTES;

			memmove(worker->tail.data, worker->tail.data + drop, TASK_TAIL_BYTES);
			worker->tail.length = TASK_TAIL_BYTES;
		}
	}
	if (worker->err_fd >= 0 && n == 0) {
		close(worker->err_fd);
		worker->err_fd = -1;
	}
}

static char *death_text(const struct worker_process *worker, const siginfo_t *info)
{
	struct text_buf buf = {0};
	char bytes[TEXT_NUMBER_MAX], seconds[TEXT_NUMBER_MAX];

	switch (worker->outcome.end) {
	case TASK_TIMEOUT:
		text_addf(&buf, "stopped after %s: %s", text_seconds(worker->outcome.seconds, seconds),
		        worker->task.kind == TASK_FIT ? "over its time limit" : "it did nothing any more, no processor time was used");
		break;
	case TASK_MEMORY:
		text_addf(&buf, "stopped at %s: over its memory limit", text_bytes(worker->outcome.peak_rss, bytes));
		if (worker->memory_limit)
			text_addf(&buf, " of %s", text_bytes(worker->memory_limit, bytes));
		break;
	case TASK_PROTOCOL_ERROR:
		text_add(&buf, worker->protocol_error);
		break;
	case TASK_SIGNAL:
		text_addf(&buf, "ended by signal %d (%s)", info->si_status, strsignal(info->si_status));
		break;
	default:
		text_addf(&buf, "ended with exit status %d in the middle of its task", info->si_status);
	}
	if (worker->tail.length) {
		text_add(&buf, "\n");
		text_add_bytes(&buf, worker->tail.data, worker->tail.length);
	}
	return text_take(&buf);
}

static void close_all(struct worker_process *worker)
{
	int *fds[] = {&worker->in_fd, &worker->out_fd, &worker->err_fd, &worker->pid_fd};

	for (size_t i = 0; i < 4; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

void worker_process_reap(struct worker_process *worker)
{
	siginfo_t info = {0};
	bool busy = worker->task.line != NULL && worker->state != WORKER_IDLE;

	if (worker->out_fd >= 0)
		worker_process_read(worker);
	busy = busy && worker->state != WORKER_IDLE; /* its last words may have been "done" */
	worker_process_read_errors(worker);
	kill(-worker->pid, SIGKILL); /* before it is reaped: the group's number is still ours */
	while (waitid(P_PID, (id_t)worker->pid, &info, WEXITED) < 0 && errno == EINTR)
		;
	forget_living(worker->pid);
	control_group_end(&worker->group);
	end_adopted();
	if (busy) {
		struct task_outcome *outcome = &worker->outcome;

		outcome->seconds = process_clock() - worker->task_started;
		outcome->end = worker->kill_reason != TASK_OK ? worker->kill_reason : info.si_code == CLD_EXITED ? TASK_EXIT : TASK_SIGNAL;
		if (outcome->end == TASK_SIGNAL && info.si_status == SIGKILL && was_out_of_memory(worker))
			outcome->end = TASK_MEMORY;
		outcome->detail = info.si_status;
		outcome->text = death_text(worker, &info);
	}
	trace(TRACE_SCHED, "worker %d ended (%d)", (int)worker->pid, info.si_status);
	close_all(worker);
	control_group_close(&worker->group);
	worker->state = WORKER_DEAD;
}

void worker_process_stop(struct worker_process *worker, enum task_end reason)
{
	if (worker->state == WORKER_DEAD || worker->state == WORKER_STOPPING)
		return;
	worker->kill_reason = reason;
	worker->term_sent = process_clock();
	worker->state = WORKER_STOPPING;
	kill(-worker->pid, SIGTERM);
}

void worker_process_kill(struct worker_process *worker, enum task_end reason)
{
	if (worker->state == WORKER_DEAD)
		return;
	if (worker->kill_reason == TASK_OK)
		worker->kill_reason = reason;
	worker->state = WORKER_STOPPING;
	worker->term_sent = process_clock() - GRACE_SECONDS;
	kill(-worker->pid, SIGKILL);
}

void worker_process_tick(struct worker_process *worker, double now)
{
	if (worker->state == WORKER_STOPPING && now - worker->term_sent >= GRACE_SECONDS)
		kill(-worker->pid, SIGKILL);
}

void worker_process_release(struct worker_process *worker)
{
	if (worker->pid > 0 && worker->state != WORKER_DEAD) {
		worker_process_kill(worker, TASK_CANCELLED);
		worker_process_reap(worker);
	}
	task_release(&worker->task);
	task_outcome_release(&worker->outcome);
	text_buf_release(&worker->input);
	text_buf_release(&worker->output);
	text_buf_release(&worker->tail);
	free(worker->answered);
	*worker = (struct worker_process){.in_fd = -1, .out_fd = -1, .err_fd = -1, .pid_fd = -1, .state = WORKER_DEAD, .group = {.members_fd = -1}};
}
