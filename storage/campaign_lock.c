#include "storage/campaign_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"

#define LOCK_BYTES 512
#define TRIES 16

bool campaign_lock_read(const char *folder, struct process_id *holder, char **since)
{
	char *path = file_join(folder, "lock"), *text = NULL;
	size_t length;
	json_t *content = NULL;
	bool said = file_read(path, 4096, &text, &length, NULL) == 0 &&
	            json_parse(text, length, path, &content, NULL) == 0 && json_is_object(content) &&
	            json_get_int(content, "pid", 0) > 0;
	if (said) {
		*holder = (struct process_id){.pid = (pid_t)json_get_int(content, "pid", 0),
		        .start_ticks = (uint64_t)json_get_int(content, "start", 0)};
		snprintf(holder->boot_id, sizeof holder->boot_id, "%s", json_get_text(content, "boot", ""));
		snprintf(holder->host, sizeof holder->host, "%s", json_get_text(content, "host", ""));
		if (since)
			*since = text_format("%s", json_get_text(content, "since", "?"));
	}
	json_decref(content);
	free(text);
	free(path);
	return said;
}

static int held(const char *folder, const char *shown, struct orch_err *err)
{
	struct process_id holder, self;
	char *since = NULL;
	process_self(&self);
	if (!campaign_lock_read(folder, &holder, &since))
		return orch_fail(err, ORCH_EBUSY,
		        "campaign %s is held by another orch: wait, or stop it with: orch stop %s", shown, shown);
	bool here = strcmp(holder.host, self.host) == 0 && strcmp(holder.boot_id, self.boot_id) == 0;
	char *host = text_printable(holder.host), *when = text_printable(since);
	int code;
	if (here && !process_alive(&holder))
		code = orch_fail(err, ORCH_EBUSY,
		        "campaign %s is held: orch pid %d took it at %s and is gone, but a process it started still "
		        "has it: wait, or look for it with: fuser -v %s/lock",
		        shown, (int)holder.pid, when, shown);
	else
		code = orch_fail(err, ORCH_EBUSY,
		        "campaign %s is held by orch pid %d on host %s since %s: wait, or stop it with: orch stop %s",
		        shown, (int)holder.pid, host, when, shown);
	free(host);
	free(when);
	free(since);
	return code;
}

static int say(int fd, const char *path, const json_t *content, struct orch_err *err)
{
	char bytes[LOCK_BYTES];
	char *text = json_text(content, JSON_STYLE_LINE);
	memset(bytes, ' ', sizeof bytes);
	bytes[sizeof bytes - 1] = '\n';
	memcpy(bytes, text, strnlen(text, sizeof bytes - 1));
	free(text);
	return file_write_at(fd, bytes, sizeof bytes, 0, path, err);
}

static int say_self(int fd, const char *path, const char *paused, struct orch_err *err)
{
	struct process_id self;
	char since[32];
	process_self(&self);
	json_t *content = json_pack("{s:i, s:I, s:s, s:s%, s:s}", "pid", (int)self.pid, "start",
	        (json_int_t)self.start_ticks, "boot", self.boot_id, "host", self.host,
	        text_is_utf8(self.host, strlen(self.host)) ? strlen(self.host) : (size_t)0, "since",
	        process_time_text(process_wall(), since));
	if (paused)
		json_object_set_new(content, "paused", json_string(paused));
	int code = say(fd, path, content, err);
	json_decref(content);
	return code;
}

static bool same_file(int fd, const char *path)
{
	struct stat open_one, named_one;
	return fstat(fd, &open_one) == 0 && lstat(path, &named_one) == 0 && open_one.st_ino == named_one.st_ino &&
	       open_one.st_dev == named_one.st_dev;
}

static int cannot_open(const char *path, int sys, struct orch_err *err)
{
	if (sys == ELOOP || sys == EISDIR)
		return orch_fail(err, ORCH_EDAMAGED,
		        "%s is a %s where a file belongs: remove it and run the command again", path,
		        sys == ELOOP ? "link" : "folder");
	return orch_fail_sys(err, sys == ENOENT ? ORCH_EMISSING : ORCH_EIO, sys, "cannot open %s", path);
}

static int cannot_lock(const char *path, int sys, struct orch_err *err)
{
	return orch_fail_sys(err, ORCH_EIO, sys,
	        "cannot lock %s (the file system must support flock; move the campaign to a local disk)", path);
}

int campaign_lock_take(const char *folder, const char *shown, int *out, struct orch_err *err)
{
	char *path = file_join(folder, "lock");
	int code = ORCH_EBUSY, fd = -1;
	/* A file that was replaced or removed between open and flock is not the lock any more: once again. */
	for (int attempt = 0; attempt < TRIES; attempt++) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
		if (fd < 0) {
			code = cannot_open(path, errno, err);
			break;
		}
		if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
			code = errno == EWOULDBLOCK ? held(folder, shown, err) : cannot_lock(path, errno, err);
			break;
		}
		if (same_file(fd, path)) {
			code = say_self(fd, path, NULL, err);
			break;
		}
		close(fd);
		fd = -1;
	}
	if (code && fd >= 0)
		close(fd);
	else if (!code)
		*out = fd;
	else
		orch_fail(err, code, "%s is being replaced again and again", path);
	free(path);
	return code;
}

void campaign_lock_say_paused(int fd, const char *folder, const char *why)
{
	if (fd < 0)
		return;
	char *path = file_join(folder, "lock");
	say_self(fd, path, why, NULL);
	free(path);
}

char *campaign_lock_paused(const char *folder)
{
	char *path = file_join(folder, "lock"), *text = NULL, *why = NULL;
	size_t length;
	json_t *content = NULL;
	if (file_read(path, 4096, &text, &length, NULL) == 0 && json_parse(text, length, path, &content, NULL) == 0 &&
	        json_get_text(content, "paused", NULL))
		why = mem_text(json_get_text(content, "paused", ""));
	json_decref(content);
	free(text);
	free(path);
	return why;
}

void campaign_lock_release(int fd, const char *folder)
{
	if (fd < 0)
		return;
	char *path = file_join(folder, "lock");
	json_t *nobody = json_object();
	say(fd, path, nobody, NULL); /* only tells people: the close below is what releases */
	json_decref(nobody);
	free(path);
	close(fd);
}
