#include "storage/base/trace.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/base/json.h"
#include "storage/base/process.h"
#include "storage/base/text.h"

#define ALL_AREAS (TRACE_SCHED | TRACE_STORE | TRACE_ENGINE)

unsigned trace_areas;
static bool to_stderr;
static int file = -1;

static const struct {
	const char *name;
	unsigned bits;
} areas[] = {{"sched", TRACE_SCHED}, {"store", TRACE_STORE}, {"engine", TRACE_ENGINE}, {"all", ALL_AREAS}};

static const char *area_name(enum trace_area area)
{
	for (size_t i = 0; i < sizeof areas / sizeof *areas; i++)
		if (areas[i].bits == (unsigned)area)
			return areas[i].name;
	return "?";
}

/* Lines go out in one write, so that those of several processes do not mix. */
static void emit(int fd, struct text_buf *line)
{
	text_add(line, "\n");
	if (write(fd, line->data, line->length) < 0)
		trace_areas = 0; /* nobody can look any more */
	text_buf_release(line);
}

static unsigned area_bits(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof areas / sizeof *areas; i++)
		if (strlen(areas[i].name) == length && strncmp(areas[i].name, name, length) == 0)
			return areas[i].bits;
	if (length)
		fprintf(stderr, "orch: ORCH_TRACE does not know \"%.*s\": sched, store, engine or all\n", (int)length, name);
	return 0;
}

void trace_init(void)
{
	const char *list = getenv("ORCH_TRACE"), *path = getenv("ORCH_TRACE_FILE");
	trace_areas = 0;
	to_stderr = list && *list;
	for (const char *at = list; at && *at; at += at[0] == ',') {
		size_t length = strcspn(at, ",");
		trace_areas |= area_bits(at, length);
		at += length;
	}
	if (file >= 0)
		close(file);
	file = path && *path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666) : -1;
	if (path && *path && file < 0)
		perror("orch: ORCH_TRACE_FILE cannot be opened");
	if (file >= 0 && !to_stderr)
		trace_areas = ALL_AREAS;
}

static void write_stderr(enum trace_area area, const char *text)
{
	struct text_buf line = {0};
	char *safe = text_printable(text);
	text_addf(&line, "%s[%d] %s", area_name(area), (int)getpid(), safe);
	free(safe);
	emit(STDERR_FILENO, &line);
}

static void write_file(enum trace_area area, const char *text)
{
	struct text_buf line = {0};
	char *safe = text_printable(text); /* JSON wants UTF-8 */
	json_t *value = json_pack("{s:f, s:i, s:s, s:s}", "t", process_wall(), "pid", (int)getpid(), "area", area_name(area),
		"text", safe);
	free(safe);
	if (!value)
		return;
	json_write(value, JSON_STYLE_LINE, &line);
	json_decref(value);
	emit(file, &line);
}

void trace_write(enum trace_area area, const char *format, ...)
{
	char text[4096];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (to_stderr)
		write_stderr(area, text);
	if (file >= 0)
		write_file(area, text);
}
