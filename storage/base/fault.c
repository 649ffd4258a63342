#include "storage/base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/base/err.h"

enum fault_kind { FAULT_NONE, FAULT_COUNT, FAULT_KILL, FAULT_KILL_GROUP, FAULT_STOP, FAULT_FAIL };

static struct {
	bool ready, in_worker, from_then_on;
	enum fault_kind kind;
	unsigned long at, seen;
	int error, file;
} fault = {.file = -1};

static const struct {
	const char *name;
	int number;
} errors[] = {
	{"EACCES", EACCES}, {"EAGAIN", EAGAIN}, {"EBUSY", EBUSY},   {"EDQUOT", EDQUOT}, {"EEXIST", EEXIST},
	{"EFBIG", EFBIG},   {"EINTR", EINTR},   {"EINVAL", EINVAL}, {"EIO", EIO},       {"EMFILE", EMFILE},
	{"ENFILE", ENFILE}, {"ENOENT", ENOENT}, {"ENOMEM", ENOMEM}, {"ENOSPC", ENOSPC}, {"ENOSYS", ENOSYS},
	{"EPERM", EPERM},   {"EPIPE", EPIPE},   {"EROFS", EROFS},   {"ESTALE", ESTALE}, {"EXDEV", EXDEV},
};

static int error_number(const char *name)
{
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].number;
	char *end;
	long number = strtol(name, &end, 10);
	return *name && !*end && number > 0 && number < 4096 ? (int)number : 0;
}

static bool parse_fail(const char *text)
{
	char *end;
	fault.at = strtoul(text, &end, 10);
	fault.from_then_on = *end == '+';
	end += fault.from_then_on;
	fault.error = *end == ':' ? error_number(end + 1) : 0;
	return fault.error != 0;
}

static bool parse(const char *text)
{
	char *end = "";
	if (strncmp(text, "count:", 6) == 0) {
		fault.kind = FAULT_COUNT;
		fault.file = open(text + 6, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
		return fault.file >= 0;
	}
	if (strncmp(text, "kill@", 5) == 0) {
		fault.kind = FAULT_KILL;
		fault.at = strtoul(text + 5, &end, 10);
	} else if (strncmp(text, "killgroup@", 10) == 0) {
		fault.kind = FAULT_KILL_GROUP;
		fault.at = strtoul(text + 10, &end, 10);
	} else if (strncmp(text, "stop@", 5) == 0) {
		fault.kind = FAULT_STOP;
		fault.at = strtoul(text + 5, &end, 10);
	} else if (strncmp(text, "fail@", 5) == 0) {
		fault.kind = FAULT_FAIL;
		if (!parse_fail(text + 5))
			return false;
	} else {
		return false;
	}
	return !*end && fault.at > 0;
}

/* A fault that is not understood would make a test that cannot fail, so this knob of the tests is strict: it aborts. */
static void start(void)
{
	fault.ready = true;
	const char *text = getenv("ORCH_FAULT"), *scope = getenv("ORCH_FAULT_SCOPE");
	if (!text || !*text)
		return;
	bool for_workers = scope && strcmp(scope, "worker") == 0;
	if (scope && *scope && !for_workers && strcmp(scope, "orchestrator") != 0)
		orch_bug("ORCH_FAULT_SCOPE=%s: orchestrator or worker", scope);
	if (for_workers != fault.in_worker)
		return;
	if (!parse(text))
		orch_bug("ORCH_FAULT=%s: count:FILE, kill@N, killgroup@N, stop@N, fail@N:ERRNO or fail@N+:ERRNO", text);
}

static void count_step(const char *step)
{
	char line[128];
	size_t length = strnlen(step, sizeof line - 1);
	memcpy(line, step, length);
	line[length] = '\n';
	if (write(fault.file, line, length + 1) != (ssize_t)length + 1)
		orch_bug("ORCH_FAULT=count: the count cannot be written");
}

int fault_point(const char *step, const char *path)
{
	(void)path;
	if (!fault.ready)
		start();
	if (fault.kind == FAULT_NONE)
		return 0;
	fault.seen++;
	switch (fault.kind) {
	case FAULT_COUNT:
		count_step(step);
		return 0;
	case FAULT_FAIL:
		return fault.seen == fault.at || (fault.from_then_on && fault.seen > fault.at) ? fault.error : 0;
	case FAULT_STOP:
		if (fault.seen == fault.at)
			raise(SIGSTOP);
		return 0;
	case FAULT_KILL:
	case FAULT_KILL_GROUP:
		if (fault.seen != fault.at)
			return 0;
		kill(fault.kind == FAULT_KILL ? getpid() : 0, SIGKILL);
		for (;;)
			pause(); /* nothing more may be done, not even on a slow delivery */
	case FAULT_NONE:
		break;
	}
	return 0;
}

void fault_in_worker(void)
{
	fault.in_worker = true;
}
