/* Manual pages out of the table of commands: nothing about a command is written here. Plain man(7) macros. */
#include <stdio.h>
#include <string.h>

#include "orchestrator/command.h"
#include "version.h"

/* Text in a line of roff: a backslash, a hyphen that is to be copied, and what would be a request at the line's beginning. */
static void put_text(const char *text, size_t length, bool at_beginning)
{
	if (at_beginning && length && (*text == '.' || *text == '\''))
		fputs("\\&", stdout);
	for (size_t i = 0; i < length; i++)
		if (text[i] == '\\')
			fputs("\\e", stdout);
		else if (text[i] == '-')
			fputs("\\-", stdout);
		else
			putchar(text[i]);
}

static void put_line(const char *text)
{
	put_text(text, strlen(text), true);
	putchar('\n');
}

/* Paragraphs are filled; lines that begin with two blanks are examples and stay as they are. */
static void put_paragraphs(const char *text)
{
	bool example = false;

	printf(".PP\n");
	while (*text) {
		size_t length = strcspn(text, "\n");
		bool now = !strncmp(text, "  ", 2);

		if (now != example)
			printf(now ? ".PP\n.RS 2\n.nf\n" : ".fi\n.RE\n.PP\n");
		example = now;
		if (!length)
			printf(example ? "\n" : ".PP\n");
		else {
			put_text(text + (now ? 2 : 0), length - (now ? 2 : 0), true);
			putchar('\n');
		}
		text += length + (text[length] == '\n');
	}
	if (example)
		printf(".fi\n.RE\n");
}

static void put_option(const char *name, const char *value, const char *help)
{
	size_t length = strcspn(name, ",");

	printf(".TP\n");
	if (name[length]) {
		printf("\\fB");
		put_text(name + length + 1, strlen(name + length + 1), false);
		printf("\\fR, ");
	}
	printf("\\fB");
	put_text(name, length, false);
	printf("\\fR");
	if (value) {
		printf(" \\fI");
		put_text(value, strlen(value), false);
		printf("\\fR");
	}
	putchar('\n');
	put_line(help);
}

static void put_title(const char *name, const char *summary)
{
	printf(".TH \"%s\" \"1\" \"\" \"orch %s\" \"orch\"\n.SH NAME\n", name, ORCH_VERSION);
	put_text(name, strlen(name), true);
	printf(" \\- ");
	put_line(summary);
}

static void put_exit_status(void)
{
	static const char *const meanings[][2] = {{"0", "done"}, {"1", "failed"}, {"2", "usage, campaign file, data, or drift"}, {"3", "above the limits"},
	        {"4", "held by another orch"}, {"5", "damaged"}, {"75", "interrupted; orch resume goes on"}};

	printf(".SH EXIT STATUS\n");
	for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
		printf(".TP\n%s\n%s\n", meanings[i][0], meanings[i][1]);
}

static void print_all(void)
{
	put_title("orch", "run long experiment campaigns on tabular data, and never lose a finished result");
	printf(".SH SYNOPSIS\n\\fBorch\\fR \\fICOMMAND\\fR [\\fIarguments\\fR]\n.SH DESCRIPTION\n");
	put_line("A campaign is declared in one YAML file: data, split, model, search, feature elimination. orch start runs it; whatever happens, orch resume goes on; every round is "
	         "left as a folder with a report, sealed by a manifest. orch schema lists all keys of the file.");
	printf(".SH COMMANDS\n");
	for (const struct command *command = command_table; command->name; command++) {
		if (command->hidden)
			continue;
		printf(".TP\n\\fB%s\\fR ", command->name);
		put_line(command->arguments);
		put_text(command->summary, strlen(command->summary), true);
		printf("; see orch\\-%s(1)\n", command->name);
	}
	put_exit_status();
	printf(".SH SEE ALSO\n");
	for (const struct command *command = command_table; command->name; command++)
		if (!command->hidden)
			printf("%sorch\\-%s(1)", command == command_table ? "" : ", ", command->name);
	putchar('\n');
}

void command_print_man(const struct command *command)
{
	char name[64];

	if (!command) {
		print_all();
		return;
	}
	snprintf(name, sizeof name, "orch-%s", command->name);
	put_title(name, command->summary);
	printf(".SH SYNOPSIS\n\\fBorch %s\\fR ", command->name);
	put_text(command->arguments, strlen(command->arguments), false);
	printf("%s\n", command->options ? " [options]" : "");
	if (command->help && *command->help) {
		printf(".SH DESCRIPTION\n");
		put_paragraphs(command->help);
	}
	printf(".SH OPTIONS\n");
	for (const struct command_option *option = command->options; option && option->name; option++)
		put_option(option->name, option->value, option->help);
	put_option("--help,-h", NULL, "the same in brief");
	put_exit_status();
	printf(".SH SEE ALSO\norch(1)\n");
}
