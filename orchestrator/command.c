/* What all commands share: arguments, help, messages, and what may follow. Only the command_* functions that say so print. */
#include "orchestrator/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"
#include "storage/campaign_dir.h"

#define NAMES_MAX 64
#define HELP_WIDTH 100

static const char *program = "orch";

void command_called_as(const char *name)
{
	program = name && strchr(name, '/') ? name : "orch";
}

const char *command_program(void)
{
	return program;
}

const struct command *command_find(const char *name)
{
	for (const struct command *command = command_table; command->name; command++)
		if (!strcmp(command->name, name))
			return command;
	return NULL;
}

const char *command_nearest(const char *word, const char *const *names, size_t count)
{
	const char *found = NULL;
	size_t length = strlen(word), matches = 0;

	for (size_t i = 0; i < count; i++)
		if (length >= 3 && !strncmp(names[i], word, length)) {
			found = names[i];
			matches++;
		}
	return matches == 1 ? found : text_nearest(word, names, count);
}

/* ---- parsing ---- */

static size_t long_length(const struct command_option *option)
{
	return strcspn(option->name, ",");
}

static bool is_option(const struct command_option *option, const char *word, size_t length)
{
	size_t full = long_length(option);
	const char *brief = option->name[full] ? option->name + full + 1 : "";

	return (length == full && !strncmp(option->name, word, full)) || (*brief && strlen(brief) == length && !strncmp(brief, word, length));
}

static int option_index(const struct command *command, const char *word, size_t length)
{
	for (int i = 0; command->options && command->options[i].name; i++)
		if (is_option(&command->options[i], word, length))
			return i;
	return -1;
}

static int unknown_option(const struct command *command, const char *word, size_t length, struct orch_err *err)
{
	const char *names[NAMES_MAX], *near;
	char texts[NAMES_MAX][40], *given = text_format("%.*s", (int)length, word), *shown = text_printable(given);
	size_t count = 0;
	int code;

	for (const struct command_option *option = command->options; option && option->name && count + 1 < NAMES_MAX; option++, count++) {
		snprintf(texts[count], sizeof texts[count], "%.*s", (int)long_length(option), option->name);
		names[count] = texts[count];
	}
	names[count++] = "--help";
	near = command_nearest(given, names, count);
	if (near)
		code = orch_fail(err, ORCH_EINPUT, "unknown option %s; did you mean %s?", shown, near);
	else
		code = orch_fail(err, ORCH_EINPUT, "unknown option %s; orch %s --help lists them", shown, command->name);
	free(given);
	free(shown);
	return code;
}

/* One word that begins with "-"; *at is moved over a value that stands in the next word. */
static int take_option(struct arguments *parsed, int argc, char **argv, int *at, struct orch_err *err)
{
	const struct command *command = parsed->command;
	const char *word = argv[*at], *equals = word[1] == '-' ? strchr(word, '=') : NULL;
	size_t length = equals ? (size_t)(equals - word) : strlen(word);
	int index = option_index(command, word, length);
	const struct command_option *option = index < 0 ? NULL : &command->options[index];

	if (!option && ((length == 6 && !strncmp(word, "--help", 6)) || !strcmp(word, "-h"))) {
		parsed->help = true;
		return 0;
	}
	if (!option)
		return unknown_option(command, word, length, err);
	if (parsed->values[index])
		return orch_fail(err, ORCH_EINPUT, "%.*s is given twice", (int)long_length(option), option->name);
	if (!option->value && equals)
		return orch_fail(err, ORCH_EINPUT, "%.*s takes no value", (int)long_length(option), option->name);
	if (option->value && !equals && (*at + 1 >= argc || !strncmp(argv[*at + 1], "--", 2)))
		return orch_fail(err, ORCH_EINPUT, "%.*s needs a value: %.*s %s", (int)long_length(option), option->name, (int)long_length(option), option->name, option->value);
	parsed->values[index] = !option->value ? "" : equals ? equals + 1 : argv[++*at];
	return 0;
}

#define ARGUMENTS_MOST (int)(sizeof((struct arguments *)0)->rest / sizeof *((struct arguments *)0)->rest)

/* How many words the arguments of the usage line ask for: "FILE [DIR]" is 1 to 2, "[NAME...]" any number. */
static void count_wanted(const char *arguments, int *least, int *most)
{
	*least = *most = 0;
	for (const char *at = arguments; *at;) {
		size_t length = strcspn(at, " ");

		*least += length && *at != '[';
		*most = length > 4 && !strncmp(at + length - 4, "...]", 4) ? ARGUMENTS_MOST : *most + (length > 0);
		at += length + strspn(at + length, " ");
	}
}

static int check_rest(const struct arguments *parsed, struct orch_err *err)
{
	const struct command *command = parsed->command;
	char *shown;
	int least, most, code;

	count_wanted(command->arguments, &least, &most);
	if (parsed->rest_count < least)
		return orch_fail(err, ORCH_EINPUT, "%s is missing: orch %s %s", command->arguments, command->name, command->arguments);
	if (parsed->rest_count <= most)
		return 0;
	shown = text_printable(parsed->rest[most]);
	code = orch_fail(err, ORCH_EINPUT, "\"%s\" is one argument too many: orch %s%s%s [options]", shown, command->name, *command->arguments ? " " : "", command->arguments);
	free(shown);
	return code;
}

int arguments_parse(const struct command *command, int argc, char **argv, struct arguments *out, struct orch_err *err)
{
	struct arguments parsed = {.command = command};
	bool only_rest = false;
	int code = 0;

	for (int i = 1; i < argc && !code; i++) {
		if (!only_rest && !strcmp(argv[i], "--"))
			only_rest = true;
		else if (!only_rest && argv[i][0] == '-' && argv[i][1])
			code = take_option(&parsed, argc, argv, &i, err);
		else if (parsed.rest_count == (int)(sizeof parsed.rest / sizeof *parsed.rest))
			code = orch_fail(err, ORCH_EINPUT, "too many arguments");
		else
			parsed.rest[parsed.rest_count++] = argv[i];
	}
	if (!code && !parsed.help)
		code = check_rest(&parsed, err);
	if (!code)
		*out = parsed;
	return code;
}

const char *arguments_value(const struct arguments *arguments, const char *option)
{
	int index = option_index(arguments->command, option, strlen(option));

	return index < 0 ? NULL : arguments->values[index];
}

bool arguments_flag(const struct arguments *arguments, const char *option)
{
	return arguments_value(arguments, option) != NULL;
}

/* ---- help ---- */

static void print_wrapped(const char *text, unsigned indent, unsigned column)
{
	while (*text) {
		size_t length = strcspn(text, " \n");

		if (column > indent && column + 1 + length > HELP_WIDTH) {
			printf("\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			putchar(' ');
			column++;
		}
		fwrite(text, 1, length, stdout);
		column += (unsigned)length;
		text += length + (text[length] == ' ');
		if (*text == '\n') {
			printf("\n%*s", (int)indent, "");
			column = indent;
			text++;
		}
	}
	putchar('\n');
}

static void print_option(const char *name, const char *value, const char *help)
{
	char left[80];
	size_t length = strcspn(name, ",");
	const char *brief = name[length] ? name + length + 1 : "";

	snprintf(left, sizeof left, "  %s%s%.*s%s%s", brief, *brief ? ", " : "    ", (int)length, name, value ? " " : "", value ? value : "");
	printf("%-28s", left);
	print_wrapped(help, 28, 28);
}

void command_print_help(const struct command *command)
{
	printf("usage: orch %s%s%s%s\n\n%s.\n", command->name, *command->arguments ? " " : "", command->arguments, command->options ? " [options]" : "", command->summary);
	if (command->help && *command->help)
		printf("\n%s\n", command->help);
	printf("\noptions:\n");
	for (const struct command_option *option = command->options; option && option->name; option++)
		print_option(option->name, option->value, option->help);
	print_option("--help,-h", NULL, "this text");
}

/* ---- messages ---- */

int command_failed(const char *name, int code, const struct orch_err *err)
{
	fflush(stdout);
	fprintf(stderr, "orch %s: %s\n", name, err->text);
	return orch_exit_status(code);
}

static bool wants_less(const struct arguments *arguments)
{
	return arguments_flag(arguments, "--quiet") || arguments_flag(arguments, "--json");
}

void command_say(const struct arguments *arguments, const char *format, ...)
{
	va_list list;

	if (wants_less(arguments))
		return;
	fflush(stdout);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

void command_next(const struct arguments *arguments, const char *format, ...)
{
	va_list list;

	if (wants_less(arguments))
		return;
	fflush(stdout);
	fputs(command_color(2) ? "\033[2mnext:\033[0m " : "next: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

char *command_quote(const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:@%,=";
	struct text_buf out = {0};

	if (*path && !path[strspn(path, plain)])
		return mem_text(path);
	text_add(&out, "'");
	for (const char *at = path; *at; at++)
		if (*at == '\'')
			text_add(&out, "'\\''");
		else
			text_add_bytes(&out, at, 1);
	text_add(&out, "'");
	return text_take(&out);
}

bool command_color(int fd)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fd) && !(no_color && *no_color) && !(term && !strcmp(term, "dumb"));
}

void command_print_json(const json_t *value)
{
	char *text = json_text(value, JSON_STYLE_PRETTY);

	fputs(text, stdout);
	free(text);
}

/* ---- the usual beginnings ---- */

bool command_begin(const char *name, int argc, char **argv, struct arguments *out, int *status)
{
	struct orch_err err = {0};
	int code = arguments_parse(command_find(name), argc, argv, out, &err);

	if (code) {
		*status = command_failed(name, code, &err);
		return false;
	}
	if (out->help) {
		command_print_help(out->command);
		*status = 0;
		return false;
	}
	return true;
}

static int copy_out(const char *path, struct orch_err *err)
{
	FILE *file = fopen(path, "re");
	char block[1 << 14];
	size_t count;

	if (!file)
		return orch_fail_sys(err, ORCH_EIO, errno, "cannot read %s", path);
	while ((count = fread(block, 1, sizeof block, file)) > 0)
		fwrite(block, 1, count, stdout);
	fclose(file);
	return fflush(stdout) || ferror(stdout) ? orch_fail_sys(err, ORCH_EIO, errno, "cannot write the table") : 0;
}

int command_print_file(int (*write)(void *context, const char *path, struct orch_err *err), void *context, struct orch_err *err)
{
	const char *given = getenv("TMPDIR"), *place = given && given[0] ? given : "/tmp";
	char *folder = text_format("%s/orch-table-XXXXXX", place), *path = NULL;
	int code = mkdtemp(folder) ? 0 : orch_fail_sys(err, ORCH_EIO, errno, "cannot make a folder in %s", place);

	if (!code) {
		path = file_join(folder, "table.csv");
		code = write(context, path, err);
		if (!code)
			code = copy_out(path, err);
		file_remove_tree(folder, NULL);
	}
	free(path);
	free(folder);
	return code;
}

int command_campaign(const struct arguments *arguments, char **out, struct orch_err *err)
{
	const char *given = arguments->rest_count ? arguments->rest[0] : ".";
	char *absolute;
	int code;

	if (file_is_folder(given))
		return campaign_dir_find(given, out, err);
	absolute = file_absolute(given);
	if (!file_exists(given))
		code = orch_fail(err, ORCH_EMISSING, "there is no folder %s", absolute);
	else if (file_size(given) < 0) /* a link to a folder is as good as the folder */
		code = campaign_dir_find(given, out, err);
	else
		code = orch_fail(err, ORCH_EINPUT, "%s is a file: name the campaign's folder (or nothing, where there is only one)", absolute);
	free(absolute);
	return code;
}

bool command_load_spec(const char *name, const char *path, struct spec **out, int *status)
{
	struct orch_err err = {0};
	char *report = NULL;
	int code = spec_load(path, command_color(2), out, &report, &err);

	if (!code)
		return true;
	if (report) {
		fprintf(stderr, "%s%s", report, report[strlen(report) - 1] == '\n' ? "" : "\n");
		*status = orch_exit_status(code);
	} else {
		*status = command_failed(name, code, &err);
	}
	free(report);
	return false;
}
