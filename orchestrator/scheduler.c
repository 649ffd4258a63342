#include "orchestrator/scheduler.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/pressure.h"
#include "orchestrator/worker_process.h"
#include "storage/base/mem.h"
#include "storage/base/process.h"
#include "storage/base/trace.h"

#define TICK_SECONDS 0.1
#define SLEPT_SECONDS 2.0 /* without a tick we were asleep: what workers said meanwhile is read before a limit is held against them */
#define MEMORY_SECONDS 0.2
#define READING_SECONDS 0.5
#define RETURN_SLACK (64u << 20) /* a worker may keep this much beyond what it had after its first task */
#define START_SECONDS 60.0       /* a worker that has not said "ready" by then is given up */
#define STALL_SECONDS 1800.0
#define START_FAILURES 5         /* in a row: something is wrong that more workers will not mend */

struct waiting { /* a task that failed and will be run again */
	struct task task;
	struct waiting *next;
};
struct scheduler {
	struct scheduler_options options;
	struct worker_process *workers;
	json_t *setup;
	unsigned setup_generation, start_failures;
	struct waiting *again;
	double last_tick, last_memory, last_reading, message_cpu;
	struct pressure pressure;
	bool source_dry, cancelled;
	int64_t next_id;
	char start_text[200]; /* last words of a worker that did not start */
};

static volatile sig_atomic_t stop_requests;
static int wake_pipe[2] = {-1, -1};

static void on_stop_signal(int number)
{
	int saved = errno;

	(void)number;
	if (stop_requests < 2)
		stop_requests++;
	if (write(wake_pipe[1], "", 1) < 0)
		errno = saved; /* full: it will wake anyway */
	errno = saved;
}

void scheduler_catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_stop_signal};

	if (wake_pipe[0] < 0 && pipe2(wake_pipe, O_CLOEXEC | O_NONBLOCK))
		orch_bug("no pipe for signals: %s", strerror(errno));
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

unsigned scheduler_stop_requests(void)
{
	return (unsigned)stop_requests;
}

int scheduler_open(const struct scheduler_options *options, struct scheduler **out, struct orch_err *err)
{
	struct scheduler *scheduler = calloc(1, sizeof *scheduler);

	if (!scheduler || !(scheduler->workers = calloc(options->workers, sizeof *scheduler->workers))) {
		free(scheduler);
		return orch_fail(err, ORCH_ENOMEM, "no memory for the scheduler");
	}
	scheduler->options = *options;
	pressure_init(&scheduler->pressure, options->workers);
	for (unsigned i = 0; i < options->workers; i++)
		scheduler->workers[i] = (struct worker_process){.state = WORKER_DEAD, .in_fd = -1, .out_fd = -1, .err_fd = -1, .pid_fd = -1, .group = {.members_fd = -1}};
	*out = scheduler;
	return 0;
}

void scheduler_close(struct scheduler *scheduler)
{
	if (!scheduler)
		return;
	for (unsigned i = 0; i < scheduler->options.workers; i++)
		worker_process_release(&scheduler->workers[i]);
	while (scheduler->again) {
		struct waiting *first = scheduler->again;

		scheduler->again = first->next;
		task_release(&first->task);
		free(first);
	}
	json_decref(scheduler->setup);
	free(scheduler->workers);
	free(scheduler);
}

void scheduler_setup(struct scheduler *scheduler, json_t *take_setup)
{
	json_decref(scheduler->setup);
	scheduler->setup = take_setup;
	scheduler->setup_generation++;
}

static bool draining(const struct scheduler *scheduler)
{
	return scheduler->cancelled || stop_requests > 0;
}

/* 1: *task is filled; 0: nothing now; negative: fatal. Tasks that failed before come first: their round waits for them. */
static int next_task(struct scheduler *scheduler, const struct scheduler_source *source, struct task *task, struct orch_err *err)
{
	struct waiting *first = scheduler->again;
	int code;

	if (first) {
		*task = first->task;
		scheduler->again = first->next;
		free(first);
		return 1;
	}
	code = source->next(source->context, task, err);
	scheduler->source_dry = code == 0;
	if (code == 1) {
		task->id = ++scheduler->next_id;
		json_object_set_new(task->line, "id", json_integer(task->id));
	}
	return code;
}

static uint64_t memory_of(const struct scheduler *scheduler, bool roomy)
{
	return roomy && scheduler->options.memory_alone ? scheduler->options.memory_alone : scheduler->options.memory_each;
}

static int start_worker(struct scheduler *scheduler, struct worker_process *worker, bool roomy, struct orch_err *err)
{
	struct worker_limits limits = {.threads = scheduler->options.threads, .memory = memory_of(scheduler, roomy),
	        .memory_shared = scheduler->options.memory_shared};
	int code;

	if (scheduler->start_failures >= START_FAILURES)
		return orch_fail(err, ORCH_EIO, "workers do not start (%u attempts in a row failed: %s); `orch doctor` may tell why",
		        scheduler->start_failures, scheduler->start_text);
	code = worker_process_spawn(scheduler->options.program, &limits, worker, err);
	if (!code)
		worker->roomy = roomy;
	return code;
}

static void assign(struct scheduler *scheduler, struct worker_process *worker, struct task *take_task)
{
	bool setup = take_task->needs_setup && worker->setup_generation != scheduler->setup_generation;
	double cpu;

	scheduler->start_failures = 0;
	json_object_set_new(take_task->line, "attempt", json_integer(take_task->attempt));
	cpu = process_thread_cpu();
	worker_process_assign(worker, take_task, setup ? scheduler->setup : NULL, scheduler->setup_generation);
	scheduler->message_cpu += process_thread_cpu() - cpu;
}

static bool any_task(const struct scheduler *scheduler)
{
	for (unsigned i = 0; i < scheduler->options.workers; i++)
		if (scheduler->workers[i].task.line)
			return true;
	return false;
}

static struct worker_process *running_alone(const struct scheduler *scheduler)
{
	for (unsigned i = 0; i < scheduler->options.workers; i++)
		if (scheduler->workers[i].task.line && scheduler->workers[i].task.alone)
			return &scheduler->workers[i];
	return NULL;
}

/* The first task that waits wants to be alone: when nothing runs any more and every other worker has gone, with what it holds, it gets a worker of
 * its own, which may have the memory of all. */
static int feed_alone(struct scheduler *scheduler, const struct scheduler_source *source, struct orch_err *err)
{
	struct worker_process *roomy = NULL;
	struct task task = {0};
	bool others = false;

	if (any_task(scheduler))
		return 0;
	for (unsigned i = 0; i < scheduler->options.workers; i++) {
		struct worker_process *worker = &scheduler->workers[i];

		if (worker->state == WORKER_DEAD)
			continue;
		if (worker->roomy && worker->state != WORKER_STOPPING) {
			roomy = worker;
			continue;
		}
		others = true;
		if (worker->state == WORKER_IDLE)
			worker_process_stop(worker, TASK_CANCELLED);
	}
	if (others || (roomy && roomy->state != WORKER_IDLE))
		return 0;
	if (!roomy)
		return start_worker(scheduler, &scheduler->workers[0], true, err);
	if (next_task(scheduler, source, &task, err) == 1)
		assign(scheduler, roomy, &task);
	return 0;
}

/* More workers than memory allows: idle ones go, with what they hold. */
static bool is_surplus(struct scheduler *scheduler, struct worker_process *worker)
{
	unsigned others = 0;

	for (unsigned i = 0; i < scheduler->options.workers; i++)
		others += &scheduler->workers[i] != worker && scheduler->workers[i].state != WORKER_DEAD;
	if (others < scheduler->pressure.allowed && !worker->roomy)
		return false;
	if (worker->state == WORKER_IDLE)
		worker_process_stop(worker, TASK_CANCELLED);
	return true;
}

/* Hand tasks to idle workers, and start workers while there is more to do than there are workers. A worker is started only when a
 * task waits for it, so a small campaign starts few. */
static int feed_workers(struct scheduler *scheduler, const struct scheduler_source *source, struct orch_err *err)
{
	for (unsigned i = 0; i < scheduler->options.workers && !draining(scheduler); i++) {
		struct worker_process *worker = &scheduler->workers[i];
		struct task task = {0};
		int code;

		if (running_alone(scheduler))
			return 0;
		if (scheduler->again && scheduler->again->task.alone)
			return feed_alone(scheduler, source, err);
		if ((worker->state == WORKER_DEAD || worker->state == WORKER_IDLE) && is_surplus(scheduler, worker))
			continue;
		if (worker->state == WORKER_DEAD) {
			if (scheduler->source_dry && !scheduler->again)
				continue;
			code = start_worker(scheduler, worker, false, err);
			if (code)
				return code;
		}
		if (worker->state != WORKER_IDLE)
			continue;
		code = next_task(scheduler, source, &task, err);
		if (code < 0)
			return code;
		if (code == 0)
			return 0;
		assign(scheduler, worker, &task);
	}
	return 0;
}

static void run_again(struct scheduler *scheduler, struct task *take_task, bool counts)
{
	struct waiting *entry = mem_must(1, sizeof *entry), **end = &scheduler->again;

	entry->task = *take_task;
	*take_task = (struct task){0};
	entry->task.attempt += counts;
	while (*end)
		end = &(*end)->next;
	*end = entry;
}

/* A task whose fits failed by themselves (their results say so) is an attempt that failed, too. */
static bool has_failed_fit(const struct task_outcome *outcome)
{
	size_t i;
	json_t *result;

	json_array_foreach(outcome->results, i, result)
		if (json_object_get(result, "failed") && !json_is_true(json_object_get(result, "final")))
			return true;
	return false;
}

/* By the limit of its worker, where alone it may have more; or by the kernel, which gives no reason. */
static bool killed_for_memory(const struct scheduler *scheduler, const struct task_outcome *outcome)
{
	if (outcome->end == TASK_MEMORY)
		return memory_of(scheduler, true) > memory_of(scheduler, false);
	return outcome->end == TASK_SIGNAL && outcome->detail == SIGKILL;
}

static int task_ended(struct scheduler *scheduler, const struct scheduler_source *source, struct worker_process *worker, struct orch_err *err)
{
	struct task task = worker->task;
	struct task_outcome outcome = worker->outcome;
	bool bad = outcome.end != TASK_OK || has_failed_fit(&outcome);
	bool memory = killed_for_memory(scheduler, &outcome), more = task.attempt < scheduler->options.retries || (memory && !task.alone);
	bool retry = bad && more && !draining(scheduler);
	int code = 0;

	worker->task = (struct task){0};
	worker->outcome = (struct task_outcome){0};
	scheduler->source_dry = false;
	if (outcome.end == TASK_ERROR)
		worker->setup_generation = 0; /* perhaps it was the setup that failed: the next task brings it again */
	if (outcome.end == TASK_CANCELLED && !draining(scheduler)) { /* to make room */
		run_again(scheduler, &task, false);
		goto out;
	}
	if (outcome.end == TASK_CANCELLED || (bad && draining(scheduler) && (outcome.end != TASK_OK || task.attempt < scheduler->options.retries)))
		goto out; /* not finished: done again by the resume, and no attempt is counted */
	if (bad && task.parts > 1 && source->split && (outcome.end != TASK_OK || retry)) {
		code = source->split(source->context, &task, &outcome, err);
		goto out;
	}
	if (bad && source->attempt_failed)
		code = source->attempt_failed(source->context, &task, &outcome, retry, err);
	if (!code && retry) {
		task.alone = memory;
		run_again(scheduler, &task, true);
	}
	if (!code && !retry)
		code = source->finished(source->context, &task, &outcome, err);
out:
	task_release(&task);
	task_outcome_release(&outcome);
	return code;
}

/* A worker whose memory does not come back is let go; the next task starts a fresh one. */
static void check_returned(struct worker_process *worker, uint64_t rss)
{
	if (!worker->rss_first)
		worker->rss_first = rss;
	else if (rss > worker->rss_first + worker->rss_first / 2 + RETURN_SLACK)
		worker_process_stop(worker, TASK_CANCELLED);
}

/* It ended before it was given anything: not on request, so something is wrong with starting it. */
static void note_start_failure(struct scheduler *scheduler, const struct worker_process *worker)
{
	struct text_buf text = {0};
	char *printable;

	if (worker->used || worker->kill_reason == TASK_CANCELLED)
		return;
	scheduler->start_failures++;
	text_add(&text, worker->kill_reason == TASK_TIMEOUT ? "it did not say that it is ready" : worker->protocol_error[0] ? worker->protocol_error : "it ended");
	if (worker->tail.length) {
		text_add(&text, ": ");
		text_add_bytes(&text, worker->tail.data, worker->tail.length);
	}
	while (text.length && text.data[text.length - 1] == '\n')
		text.data[--text.length] = '\0';
	printable = text_printable(text.data);
	snprintf(scheduler->start_text, sizeof scheduler->start_text, "%s", printable);
	free(printable);
	text_buf_release(&text);
}

static int serve_worker(struct scheduler *scheduler, const struct scheduler_source *source, struct worker_process *worker, bool dead,
        struct orch_err *err)
{
	double cpu = process_thread_cpu();
	bool ended;
	int code = 0;

	worker_process_flush(worker);
	worker_process_read_errors(worker);
	ended = worker->out_fd >= 0 && worker_process_read(worker);
	scheduler->message_cpu += process_thread_cpu() - cpu;
	if (ended) {
		uint64_t rss = worker->outcome.rss_anon;

		code = task_ended(scheduler, source, worker, err);
		check_returned(worker, rss);
	}
	if (!dead || code)
		return code;
	worker_process_reap(worker);
	note_start_failure(scheduler, worker);
	if (worker->task.line)
		code = task_ended(scheduler, source, worker, err);
	worker_process_release(worker);
	return code;
}

/* Fits may wait for something elsewhere (a command that asks another machine); they have their own limit. */
static void watch_stall(struct scheduler *scheduler, struct worker_process *worker, double now)
{
	double most = scheduler->options.stall_seconds > 0 ? scheduler->options.stall_seconds : STALL_SECONDS;

	switch (stall_look(&worker->stall, worker->pid, now, worker->task.kind == TASK_FIT ? 0 : most)) {
	case STALL_NONE: return;
	case STALL_ASLEEP: kill(-worker->pid, SIGCONT); return;
	case STALL_IDLE: worker_process_stop(worker, TASK_TIMEOUT); return;
	}
}

static void watch_worker(struct scheduler *scheduler, struct worker_process *worker, double now, bool memory)
{
	const struct scheduler_options *options = &scheduler->options;
	unsigned parts = worker->task.parts > 1 ? worker->task.parts : 1;
	double since = parts > 1 ? worker->last_result : worker->task_started;

	worker_process_tick(worker, now);
	if (worker->state == WORKER_STARTING && now - worker->started > (options->start_seconds > 0 ? options->start_seconds : START_SECONDS))
		worker_process_kill(worker, TASK_TIMEOUT);
	if (worker->state != WORKER_BUSY)
		return;
	if (options->timeout_each > 0 && worker->task.kind == TASK_FIT && now - since > options->timeout_each * (double)(worker->task.fit_count / parts) + worker->task.allowance)
		worker_process_stop(worker, TASK_TIMEOUT);
	watch_stall(scheduler, worker, now);
	if (memory) {
		uint64_t rss = process_tree_rss_anon(worker->pid);

		if (rss > worker->outcome.peak_rss)
			worker->outcome.peak_rss = rss;
		if (options->memory_each && rss > memory_of(scheduler, worker->roomy))
			worker_process_kill(worker, TASK_MEMORY);
	}
}

/* Nearly no memory is left: of the tasks beyond what is allowed the youngest is stopped, one at each reading. */
static void make_room(struct scheduler *scheduler)
{
	struct worker_process *youngest = NULL;
	unsigned busy = 0;

	for (unsigned i = 0; i < scheduler->options.workers; i++) {
		struct worker_process *worker = &scheduler->workers[i];

		if (worker->state != WORKER_BUSY)
			continue;
		busy++;
		if (!youngest || worker->task_started > youngest->task_started)
			youngest = worker;
	}
	if (busy > scheduler->pressure.allowed && youngest->task.kind == TASK_FIT)
		worker_process_kill(youngest, TASK_CANCELLED);
}

static void read_memory(struct scheduler *scheduler, double now)
{
	struct memory_reading reading;

	if (now - scheduler->last_reading < READING_SECONDS)
		return;
	scheduler->last_reading = now;
	if (scheduler->options.reading)
		scheduler->options.reading(&reading);
	else
		memory_reading_take("", &reading);
	pressure_note(&scheduler->pressure, &reading, now);
	if (scheduler->pressure.nearly_gone)
		make_room(scheduler);
}

double scheduler_message_cpu(const struct scheduler *scheduler)
{
	return scheduler->message_cpu;
}

unsigned scheduler_allowed(const struct scheduler *scheduler)
{
	return scheduler->pressure.allowed;
}

static int call_tick(const struct scheduler_source *source, struct orch_err *err)
{
	return source->tick ? source->tick(source->context, err) : 0;
}

static int tick(struct scheduler *scheduler, const struct scheduler_source *source, struct orch_err *err)
{
	double now = process_clock();
	bool memory = now - scheduler->last_memory >= MEMORY_SECONDS;
	bool slept = scheduler->last_tick > 0 && now - scheduler->last_tick > SLEPT_SECONDS;

	if (now - scheduler->last_tick < TICK_SECONDS)
		return 0;
	scheduler->last_tick = now;
	if (slept && stop_requests < 2)
		return call_tick(source, err);
	if (memory)
		scheduler->last_memory = now;
	if (scheduler->options.workers > 1)
		read_memory(scheduler, now);
	for (unsigned i = 0; i < scheduler->options.workers; i++)
		watch_worker(scheduler, &scheduler->workers[i], now, memory);
	if (stop_requests >= 2)
		for (unsigned i = 0; i < scheduler->options.workers; i++)
			worker_process_kill(&scheduler->workers[i], TASK_CANCELLED);
	return call_tick(source, err);
}

static bool any_in(const struct scheduler *scheduler, enum worker_state state)
{
	for (unsigned i = 0; i < scheduler->options.workers; i++)
		if (scheduler->workers[i].state == state)
			return true;
	return false;
}

static size_t fill_polls(struct scheduler *scheduler, struct pollfd *polls)
{
	size_t count = 0;

	polls[count++] = (struct pollfd){.fd = wake_pipe[0], .events = POLLIN};
	for (unsigned i = 0; i < scheduler->options.workers; i++) {
		struct worker_process *worker = &scheduler->workers[i];
		bool alive = worker->state != WORKER_DEAD;

		polls[count++] = (struct pollfd){.fd = alive ? worker->pid_fd : -1, .events = POLLIN};
		polls[count++] = (struct pollfd){.fd = alive ? worker->out_fd : -1, .events = POLLIN};
		polls[count++] = (struct pollfd){.fd = alive ? worker->err_fd : -1, .events = POLLIN};
		polls[count++] = (struct pollfd){.fd = alive && worker->input.length ? worker->in_fd : -1, .events = POLLOUT};
	}
	return count;
}

static int wait_and_serve(struct scheduler *scheduler, const struct scheduler_source *source, struct pollfd *polls, struct orch_err *err)
{
	size_t count = fill_polls(scheduler, polls);
	double cpu = process_thread_cpu();
	char drain[64];
	int ready = poll(polls, count, (int)(TICK_SECONDS * 1000)), code = 0;

	scheduler->message_cpu += process_thread_cpu() - cpu;
	if (ready < 0 && errno != EINTR)
		return orch_fail_sys(err, ORCH_EIO, errno, "poll failed");
	if (polls[0].revents)
		while (read(wake_pipe[0], drain, sizeof drain) > 0)
			;
	for (unsigned i = 0; i < scheduler->options.workers && !code; i++) {
		const struct pollfd *mine = &polls[1 + 4 * (size_t)i];

		if (mine[0].revents || mine[1].revents || mine[2].revents || mine[3].revents)
			code = serve_worker(scheduler, source, &scheduler->workers[i], mine[0].revents != 0, err);
	}
	return code;
}

int scheduler_run(struct scheduler *scheduler, const struct scheduler_source *source, struct orch_err *err)
{
	struct pollfd *polls = mem_must(1 + 4 * (size_t)scheduler->options.workers, sizeof *polls);
	int code = 0;

	scheduler->source_dry = false;
	while (!code) {
		code = feed_workers(scheduler, source, err);
		if (!code)
			code = tick(scheduler, source, err);
		if (code)
			break;
		if (!any_task(scheduler) && (draining(scheduler) || (scheduler->source_dry && !scheduler->again)))
			break;
		/* A worker that just started is waited for only when there is work it could take. */
		if (!any_task(scheduler) && !any_in(scheduler, WORKER_STARTING) && !any_in(scheduler, WORKER_STOPPING) && any_in(scheduler, WORKER_IDLE))
			continue;
		code = wait_and_serve(scheduler, source, polls, err);
	}
	free(polls);
	scheduler->last_tick = 0;
	if (code) {
		scheduler->cancelled = true;
		for (unsigned i = 0; i < scheduler->options.workers; i++)
			worker_process_release(&scheduler->workers[i]);
		return code;
	}
	code = call_tick(source, err);
	if (!code && stop_requests)
		code = orch_fail(err, ORCH_ESTOPPED, "stopped on request");
	return code;
}

size_t scheduler_workers(const struct scheduler *scheduler, struct scheduler_worker_view *out, size_t capacity)
{
	double now = process_clock();
	size_t count = 0;

	for (unsigned i = 0; i < scheduler->options.workers && count < capacity; i++) {
		const struct worker_process *worker = &scheduler->workers[i];

		if (worker->state == WORKER_DEAD)
			continue;
		out[count++] = (struct scheduler_worker_view){.pid = worker->pid, .busy = worker->state == WORKER_BUSY,
		        .task = worker->task.id, .stage = worker->task.stage,
		        .seconds = worker->state == WORKER_BUSY ? now - worker->task_started : 0,
		        .rss = process_rss_anon(worker->pid)};
	}
	return count;
}
