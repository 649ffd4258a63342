#include "storage/event_log.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/base/process.h"

struct event_log {
	char *path;
	int fd;
	bool numbered, torn; /* torn: a write failed half-way, what lies beyond length must go first */
	uint64_t length;     /* of the whole lines */
	json_int_t next;
};

/* --- the end of what is there --- */

/* The last line of bytes that ends in a newline and is an object; its seq (0: none). length: up to and with that line.
 * False when there is none in these bytes. */
static bool last_whole_line(const char *bytes, size_t count, size_t *length, json_int_t *seq)
{
	for (size_t end = count; end > 0; end--) {
		if (bytes[end - 1] != '\n')
			continue;
		size_t start = end - 1;
		while (start > 0 && bytes[start - 1] != '\n')
			start--;
		json_t *event = NULL;
		if (json_parse(bytes + start, end - 1 - start, "", &event, NULL) == 0 && json_is_object(event)) {
			*length = end;
			*seq = json_get_int(event, "seq", 0);
			json_decref(event);
			return true;
		}
		json_decref(event);
		end = start + 1; /* the newline before this line is looked at next */
	}
	return false;
}

/* Where the whole lines end. Looks at the last part first, at more of it while no whole line is found. */
static int find_end(int fd, const char *path, uint64_t *whole, json_int_t *seq, struct orch_err *err)
{
	struct stat info;
	if (fstat(fd, &info) != 0)
		return orch_fail_sys(err, ORCH_EIO, errno, "cannot look at %s", path);
	uint64_t size = (uint64_t)info.st_size;
	*whole = 0;
	*seq = 0;
	for (uint64_t tail = 65536; size; tail *= 8) {
		uint64_t count = tail < size ? tail : size, got = 0;
		char *bytes = mem_must(count, 1);
		while (got < count) {
			ssize_t part = pread(fd, bytes + got, count - got, (off_t)(size - count + got));
			if (part < 0 && errno == EINTR)
				continue;
			if (part <= 0) {
				int sys = part < 0 ? errno : EIO;
				free(bytes);
				return orch_fail_sys(err, ORCH_EIO, sys, "cannot read %s", path);
			}
			got += (uint64_t)part;
		}
		/* The first line may be cut, unless these are all the bytes. */
		const char *first = count == size ? bytes : memchr(bytes, '\n', count);
		size_t skipped = first ? (size_t)(first - bytes) + (count != size) : count, length = 0;
		bool found = last_whole_line(bytes + skipped, count - skipped, &length, seq);
		free(bytes);
		if (found)
			*whole = size - count + skipped + length;
		if (found || count == size)
			return 0;
	}
	return 0;
}

/* A power cut may leave a hole where an earlier write did not reach the disk and a later one did: bytes of zero, which no line holds. *start: of the
 * first line with one, *size: of the file; equal when there is none. */
static int find_hole(int fd, const char *path, uint64_t *start, uint64_t *size, struct orch_err *err)
{
	enum { BLOCK = 1 << 16 };
	char *bytes = mem_must(BLOCK, 1);
	uint64_t at = 0, line = 0;
	ssize_t got;

	while ((got = pread(fd, bytes, BLOCK, (off_t)at)) > 0 || (got < 0 && errno == EINTR)) {
		size_t count = got < 0 ? 0 : (size_t)got;
		const char *hole = memchr(bytes, 0, count), *newline = memrchr(bytes, '\n', hole ? (size_t)(hole - bytes) : count);

		if (newline)
			line = at + (uint64_t)(newline - bytes) + 1;
		if (hole)
			break;
		at += count;
	}
	free(bytes);
	if (got < 0)
		return orch_fail_sys(err, ORCH_EIO, errno, "cannot read %s", path);
	struct stat info;
	if (fstat(fd, &info) != 0)
		return orch_fail_sys(err, ORCH_EIO, errno, "cannot look at %s", path);
	*size = (uint64_t)info.st_size;
	*start = got > 0 ? line : *size;
	return 0;
}

static int cut_tail(struct event_log *log, struct orch_err *err)
{
	int fd = open(log->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return orch_fail_sys(err, ORCH_EIO, errno, "cannot read %s", log->path);
	json_int_t last = 0;
	uint64_t hole = 0, size = 0;
	int code = find_hole(fd, log->path, &hole, &size, err);
	if (!code && hole < size)
		code = file_cut(log->path, hole, err);
	if (!code)
		code = find_end(fd, log->path, &log->length, &last, err);
	struct stat info = {0};
	if (!code && fstat(fd, &info) != 0)
		code = orch_fail_sys(err, ORCH_EIO, errno, "cannot look at %s", log->path);
	close(fd);
	if (!code && (uint64_t)info.st_size > log->length)
		code = file_cut(log->path, log->length, err);
	log->next = last + 1;
	return code;
}

/* --- open, add, close --- */

int event_log_open(const char *path, struct event_log **out, struct orch_err *err)
{
	struct event_log *log = mem_must(1, sizeof *log);
	log->path = mem_text(path);
	log->fd = -1;
	log->numbered = strcmp(file_name(path), "progress.jsonl") == 0;
	int code = file_open_append(path, &log->fd, err);
	if (!code)
		code = cut_tail(log, err);
	if (code)
		event_log_close(log);
	else
		*out = log;
	return code;
}

/* "2026-01-31T06:10:00.123Z" */
static const char *time_text(char out[40])
{
	double now = process_wall(), whole = floor(now);
	char seconds[32];
	process_time_text(whole, seconds);
	snprintf(out, 40, "%.19s.%03dZ", seconds, (int)((now - whole) * 1000.0));
	return out;
}

static void write_line(const struct event_log *log, const char *event, const json_t *fields, struct text_buf *line)
{
	char now[40];
	json_t *whole = json_object();
	if (log->numbered)
		json_object_set_new(whole, "seq", json_integer(log->next));
	json_object_set_new(whole, "time", json_string(time_text(now)));
	json_object_set_new(whole, "event", json_string(event));
	if (fields)
		json_object_update_missing(whole, (json_t *)fields); /* only reads the second */
	json_write(whole, JSON_STYLE_LINE, line);
	text_add(line, "\n");
	json_decref(whole);
}

int event_log_add(struct event_log *log, const char *event, const json_t *fields, struct orch_err *err)
{
	if (log->torn) {
		int code = file_cut(log->path, log->length, err);
		if (code)
			return code;
		log->torn = false;
	}
	struct text_buf line = {0};
	write_line(log, event, fields, &line);
	int code = file_write_all(log->fd, line.data, line.length, log->path, err);
	if (code) {
		/* A line appended to a torn one would be lost with it. */
		log->torn = file_cut(log->path, log->length, NULL) != 0;
	} else {
		log->length += line.length;
		log->next++;
	}
	text_buf_release(&line);
	return code;
}

int event_log_sync(struct event_log *log, struct orch_err *err)
{
	return file_sync(log->path, err);
}

void event_log_close(struct event_log *log)
{
	if (!log)
		return;
	if (log->fd >= 0)
		close(log->fd);
	free(log->path);
	free(log);
}

/* --- reading --- */

static int visit_line(const char *path, size_t number, const char *line, size_t length,
        int (*visit)(void *context, const json_t *event, struct orch_err *err), void *context, struct orch_err *err)
{
	char *where = text_format("%s:%zu", path, number);
	struct orch_err why = {0};
	json_t *event = NULL;
	int code = json_parse(line, length, where, &event, &why);
	if (!code && !json_is_object(event))
		orch_fail(&why, ORCH_EDAMAGED, "%s: not a JSON object", where);
	if (why.code)
		code = orch_fail(err, ORCH_EDAMAGED, "damaged line: %s", why.text);
	if (!code)
		code = visit(context, event, err);
	json_decref(event);
	free(where);
	return code;
}

int event_log_each(const char *path, int (*visit)(void *context, const json_t *event, struct orch_err *err),
        void *context, struct orch_err *err)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return orch_fail_sys(err, errno == ENOENT ? ORCH_EMISSING : ORCH_EIO, errno, "cannot open %s", path);
	char *line = NULL;
	size_t capacity = 0, number = 0;
	ssize_t length;
	int code = 0;
	while (!code && (length = getline(&line, &capacity, file)) > 0 && line[length - 1] == '\n')
		code = visit_line(path, ++number, line, (size_t)length - 1, visit, context, err);
	if (!code && ferror(file))
		code = orch_fail_sys(err, ORCH_EIO, errno, "cannot read %s", path);
	free(line);
	fclose(file);
	return code;
}
