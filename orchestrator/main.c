/* orch: finds the command and runs it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/command.h"
#include "storage/base/text.h"
#include "storage/base/trace.h"
#include "version.h"

#define COMMANDS_MAX 64

static int print_beginning(void)
{
	printf("orch runs experiment campaigns on tabular data and never loses a finished result.\n\n"
	       "  %s init --demo\n      writes a campaign file, and data to try it with\n"
	       "  %s start campaign.yaml\n      runs it; whatever happens, `orch resume` goes on\n"
	       "  %s status --watch\n      what it is doing, from any other shell\n\n"
	       "`orch help` lists all commands.\n", command_program(), command_program(), command_program());
	return 0;
}

static int print_commands(void)
{
	printf("usage: orch COMMAND [arguments]\n\n");
	for (const struct command *command = command_table; command->name; command++)
		if (!command->hidden)
			printf("  %-12s %-16s %s\n", command->name, command->arguments, command->summary);
	printf("\n`orch help COMMAND` explains one (`orch help --man COMMAND | man -l -`: as a manual page). Exit status: 0 done, 1 failed, 2 usage, campaign file or data, 3 above the\n"
	       "limits, 4 held by another orch, 5 damaged, 75 interrupted (`orch resume` goes on).\n");
	return 0;
}

static int unknown_command(const char *word)
{
	const char *names[COMMANDS_MAX], *near;
	size_t count = 0;
	char *shown = text_printable(word);

	for (const struct command *command = command_table; command->name; command++)
		if (!command->hidden)
			names[count++] = command->name;
	near = command_nearest(word, names, count);
	if (near)
		fprintf(stderr, "orch: unknown command \"%s\"; did you mean \"%s\"?\n", shown, near);
	else
		fprintf(stderr, "orch: unknown command \"%s\"; `orch help` lists them\n", shown);
	free(shown);
	return orch_exit_status(ORCH_EINPUT);
}

static int help(int argc, char **argv)
{
	bool man = argc > 1 && !strcmp(argv[1], "--man"); /* the page's source: orch help --man [COMMAND] | man -l - */
	const char *name = argc > 1 + man ? argv[1 + man] : NULL;
	const struct command *command = name ? command_find(name) : NULL;

	if (name && !command)
		return unknown_command(name);
	if (man)
		command_print_man(command);
	else if (command)
		command_print_help(command);
	else
		return print_commands();
	return 0;
}

static int run(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2)
		return print_beginning();
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V") || !strcmp(argv[1], "version"))
		return printf("orch %s (build %s)\n", ORCH_VERSION, ORCH_BUILD) < 0;
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return help(argc - 1, argv + 1);
	command = command_find(argv[1]);
	return command ? command->run(argc - 1, argv + 1) : unknown_command(argv[1]);
}

int main(int argc, char **argv)
{
	int status;

	trace_init();
	command_called_as(argv[0]);
	status = run(argc, argv);
	if (fflush(stdout) || ferror(stdout)) { /* a result that was not written is no success */
		fprintf(stderr, "orch: cannot write the output: %s\n", strerror(errno));
		return status ? status : 1;
	}
	return status;
}
