/* Errors of a campaign file, gathered while it is walked and shown in the order of the file. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/spec_check.h"

#define SHOWN_MAX 50      /* errors; a file with more has one cause */
#define LINE_SHOWN 120    /* characters of a source line */
#define LINE_BEFORE 60    /* of them before the error, in a line that is longer */

void spec_error(struct spec_check *check, const struct yaml_node *node, const char *format, ...)
{
	va_list arguments;
	char *text = NULL;

	check->errors++;
	if ((check->errors & (check->errors - 1)) == 0) {
		check->problems = mem_array_grow(check->problems, 2 * check->errors, sizeof *check->problems);
		if (!check->problems)
			orch_bug("out of memory");
	}
	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		orch_bug("out of memory");
	va_end(arguments);
	check->problems[check->errors - 1] =
	        (struct spec_problem){.line = node ? node->line : 0, .column = node ? node->column : 0, .order = check->errors, .text = text_printable(text)};
	free(text);
}

/* In the order of the file; what concerns the whole file comes last. */
static int compare_problems(const void *a, const void *b)
{
	const struct spec_problem *first = a, *second = b;

	if (first->line != second->line)
		return first->line - 1 < second->line - 1 ? -1 : 1; /* line 0 wraps round to the end */
	if (first->column != second->column)
		return first->column < second->column ? -1 : 1;
	return first->order < second->order ? -1 : 1;
}

static bool begins_character(char byte)
{
	return ((unsigned char)byte & 0xc0) != 0x80;
}

/* C0, DEL, and C1 (two bytes in UTF-8): a terminal may obey them. */
static bool is_control(const char *at, size_t left)
{
	const unsigned char *byte = (const unsigned char *)at;

	return (byte[0] < ' ' && byte[0] != '\t') || byte[0] == 127 || (byte[0] == 0xc2 && left > 1 && byte[1] < 0xa0);
}

/* The part of a line around a column, and a caret below it. Columns count characters; control characters must not reach a terminal. */
static void show_line(struct text_buf *out, const char *line, size_t length, unsigned column, bool color)
{
	unsigned characters = 0, first = 1, at = 0;

	for (size_t i = 0; i < length; i++)
		characters += begins_character(line[i]);
	if (characters > LINE_SHOWN && column > LINE_BEFORE)
		first = column - LINE_BEFORE;
	text_add(out, first > 1 ? "  ..." : "  ");
	for (size_t i = 0; i < length; i++) {
		bool hidden = is_control(line + i, length - i);

		at += begins_character(line[i]);
		if (at >= first && at < first + LINE_SHOWN)
			text_add_bytes(out, hidden ? "?" : &line[i], 1);
		i += hidden && (unsigned char)line[i] == 0xc2;
	}
	text_add(out, characters >= first + LINE_SHOWN ? "...\n  " : "\n  ");
	text_add(out, first > 1 ? "   " : "");
	at = 0;
	for (size_t i = 0; i < length && at + 1 < column; i++) {
		at += begins_character(line[i]);
		if (begins_character(line[i]) && at >= first)
			text_add(out, line[i] == '\t' ? "\t" : " ");
	}
	text_add(out, color ? "\033[31m^\033[0m\n" : "^\n");
}

static void show_problem(struct spec_check *check, const char *path, const struct spec_problem *problem, struct text_buf *out)
{
	const char *line;
	size_t length;

	if (!problem->line) {
		text_addf(out, "%s: %s\n", path, problem->text);
		return;
	}
	text_addf(out, "%s:%u:%u: %s\n", path, problem->line, problem->column, problem->text);
	line = spec_yaml_line(check->document, problem->line, &length);
	if (line && text_is_utf8(line, length) && strspn(line, " \t") < length)
		show_line(out, line, length, problem->column, check->color);
}

char *spec_report(struct spec_check *check)
{
	char *path = text_printable(check->document->path);
	struct text_buf out = {0};

	qsort(check->problems, check->errors, sizeof *check->problems, compare_problems);
	for (unsigned i = 0; i < check->errors && i < SHOWN_MAX; i++)
		show_problem(check, path, &check->problems[i], &out);
	if (check->errors > SHOWN_MAX)
		text_addf(&out, "... and %u more\n", check->errors - SHOWN_MAX);
	if (!check->unread)
		text_addf(&out, "%u error%s in %s; `orch schema --keys` lists the keys", check->errors, check->errors == 1 ? "" : "s", path);
	free(path);
	return text_take(&out);
}

void spec_check_release(struct spec_check *check)
{
	for (unsigned i = 0; i < check->errors; i++)
		free(check->problems[i].text);
	free(check->problems);
	check->problems = NULL;
	check->errors = 0;
}
