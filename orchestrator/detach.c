#include "orchestrator/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"

/* Front: the child that forked is reaped, then the pipe is read to its end: a background that dies without a word closes it. */
static void listen_to(struct detach *detach, int from, pid_t child)
{
	struct text_buf text = {0};
	char chunk[1024];
	json_t *message = NULL;
	ssize_t n;

	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	while ((n = read(from, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			text_add_bytes(&text, chunk, (size_t)n);
	close(from);
	if (text.length && !json_parse(text.data, text.length, "background", &message, NULL)) {
		detach->status = (int)json_get_int(message, "status", 1);
		detach->pid = (pid_t)json_get_int(message, "pid", 0);
		if (!detach->status)
			detach->folder = mem_text(json_get_text(message, "folder", ""));
	} else {
		detach->status = 1;
	}
	json_decref(message);
	text_buf_release(&text);
}

static void become_background(struct detach *detach)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	dup2(nothing, 0);
	dup2(detach->early, 1);
	dup2(detach->early, 2);
	close(nothing);
}

enum detach_side detach_begin(struct detach *out, struct orch_err *err)
{
	struct detach detach = {.said = -1, .early = memfd_create("orch output", MFD_CLOEXEC)};
	int pipes[2] = {-1, -1};
	pid_t child;

	fflush(NULL);
	if (detach.early < 0 || pipe2(pipes, O_CLOEXEC) || (child = fork()) < 0) {
		orch_fail_sys(err, ORCH_EIO, errno, "cannot go to the background");
		for (int i = 0; i < 2; i++)
			if (pipes[i] >= 0)
				close(pipes[i]);
		if (detach.early >= 0)
			close(detach.early);
		return DETACH_FAILED;
	}
	if (child > 0) {
		close(pipes[1]);
		listen_to(&detach, pipes[0], child);
		*out = detach;
		return DETACH_FRONT;
	}
	/* The second fork leaves no session leader behind that could get a terminal again. */
	setsid();
	child = fork();
	if (child != 0)
		_exit(child < 0);
	close(pipes[0]);
	detach.said = pipes[1];
	become_background(&detach);
	*out = detach;
	return DETACH_BACKGROUND;
}

static void tell(struct detach *detach, int status, const char *folder)
{
	json_t *message = json_pack("{s:i, s:i, s:s}", "status", status, "pid", (int)getpid(), "folder", folder);
	char *text = json_text(message, JSON_STYLE_LINE);
	ssize_t written = write(detach->said, text, strlen(text)); /* the front may be gone: then nobody waits for it */

	(void)written;
	free(text);
	json_decref(message);
	close(detach->said);
	detach->said = -1;
}

static int copy_early(int from, int to, const char *path, struct orch_err *err)
{
	char chunk[8192];
	off_t at = 0;
	ssize_t n;
	int code = 0;

	while (!code && (n = pread(from, chunk, sizeof chunk, at)) > 0) {
		code = file_write_all(to, chunk, (size_t)n, path, err);
		at += n;
	}
	return code;
}

int detach_ready(struct detach *detach, const char *folder, struct orch_err *err)
{
	char *path = file_join(folder, "orch.log");
	int log = -1, code = file_open_append(path, &log, err);

	fflush(NULL);
	if (!code)
		code = copy_early(detach->early, log, path, err);
	if (!code) {
		dup2(log, 1);
		dup2(log, 2);
		tell(detach, 0, folder);
	}
	if (log >= 0)
		close(log);
	free(path);
	return code;
}

void detach_failed(struct detach *detach, int status)
{
	fflush(NULL);
	if (detach->said >= 0)
		tell(detach, status ? status : 1, "");
}

void detach_release(struct detach *detach)
{
	if (detach->said >= 0)
		close(detach->said);
	if (detach->early >= 0)
		close(detach->early);
	free(detach->folder);
	*detach = (struct detach){.said = -1, .early = -1};
}
