#include "storage/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A text cut in the middle of a UTF-8 sequence would spoil the JSON it ends up in. */
static void cut_at_character(char *text, size_t capacity)
{
	size_t length = strlen(text);
	if (length + 1 < capacity)
		return;
	size_t start = length;
	while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
		start--;
	if (start == 0)
		return;
	unsigned char lead = (unsigned char)text[start - 1];
	size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
	if (length - (start - 1) < need)
		text[start - 1] = '\0';
}

static int record(struct orch_err *err, enum orch_code code, int sys, const char *format, va_list arguments)
{
	if (code == ORCH_OK)
		orch_bug("a failure needs a code");
	if (!err || err->code != ORCH_OK)
		return code;
	char text[sizeof err->text]; /* the arguments may point into err->text */
	vsnprintf(text, sizeof text, format, arguments);
	err->code = code;
	err->sys = sys;
	if (sys) {
		char buffer[128];
		size_t length = strlen(text);
		snprintf(text + length, sizeof text - length, ": %s", strerror_r(sys, buffer, sizeof buffer));
	}
	cut_at_character(text, sizeof text);
	memcpy(err->text, text, sizeof text);
	return code;
}

int orch_fail(struct orch_err *err, enum orch_code code, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	record(err, code, 0, format, arguments);
	va_end(arguments);
	return code;
}

int orch_fail_sys(struct orch_err *err, enum orch_code code, int sys, const char *format, ...)
{
	if (sys == ENOMEM)
		code = ORCH_ENOMEM;
	va_list arguments;
	va_start(arguments, format);
	record(err, code, sys, format, arguments);
	va_end(arguments);
	return code;
}

void orch_err_prefix(struct orch_err *err, const char *format, ...)
{
	if (!err || err->code == ORCH_OK)
		return;
	char text[sizeof err->text];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	strncat(text, ": ", sizeof text - 1 - strlen(text));
	strncat(text, err->text, sizeof text - 1 - strlen(text));
	cut_at_character(text, sizeof text);
	memcpy(err->text, text, sizeof text);
}

void orch_err_clear(struct orch_err *err)
{
	if (!err)
		return;
	err->code = ORCH_OK;
	err->sys = 0;
	err->text[0] = '\0';
}

int orch_exit_status(int code)
{
	switch ((enum orch_code)code) {
	case ORCH_OK:
		return 0;
	case ORCH_EINPUT:
	case ORCH_EDRIFT:
	case ORCH_EMISSING: /* what reaches the top as missing is what the user named */
		return 2;
	case ORCH_ELIMIT:
		return 3;
	case ORCH_EBUSY:
		return 4;
	case ORCH_EDAMAGED:
		return 5;
	case ORCH_ESTOPPED:
		return 75;
	case ORCH_EIO:
	case ORCH_ENOMEM:
	case ORCH_EUNSURE:
	case ORCH_EFIT:
		break;
	}
	return 1;
}

_Noreturn void orch_bug_at(const char *file, int line, const char *format, ...)
{
	fprintf(stderr, "orch: bug at %s:%d: ", file, line);
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	abort();
}
