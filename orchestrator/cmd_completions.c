/* Completions out of the table of commands: nothing about a command is written here. */
#include "orchestrator/command.h"

#include <stdio.h>
#include <string.h>

static int long_length(const struct command_option *option)
{
	return (int)strcspn(option->name, ",");
}

static bool wants_path(const struct command *command)
{
	return strstr(command->arguments, "FILE") || strstr(command->arguments, "DIR");
}

/* Quoted for '...' of any of the shells. */
static void print_quoted(const char *text)
{
	for (; *text; text++)
		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*text);
}

static void print_bash(void)
{
	printf("_orch() {\n\tlocal words=() cur=${COMP_WORDS[COMP_CWORD]} files=\n\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\twords=(help");
	for (const struct command *command = command_table; command->name; command++)
		if (!command->hidden)
			printf(" %s", command->name);
	printf(")\n\telse\n\t\tcase ${COMP_WORDS[1]} in\n");
	for (const struct command *command = command_table; command->name; command++) {
		if (command->hidden)
			continue;
		printf("\t\t%s) words=(--help", command->name);
		for (const struct command_option *option = command->options; option && option->name; option++)
			printf(" %.*s", long_length(option), option->name);
		if (!strcmp(command->arguments, "SHELL"))
			printf(" bash zsh fish");
		printf(")%s ;;\n", wants_path(command) ? " files=1" : "");
	}
	printf("\t\tesac\n\tfi\n"
	       "\tmapfile -t COMPREPLY < <(compgen -W \"${words[*]}\" -- \"$cur\")\n"
	       "\tif [ -n \"$files\" ] && [ \"${cur#-}\" = \"$cur\" ]; then\n\t\tcompopt -o filenames\n\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n\tfi\n}\n"
	       "complete -F _orch orch\n");
}

static void print_zsh(void)
{
	printf("#compdef orch\n_orch() {\n\tlocal -a commands\n\tcommands=(\n");
	for (const struct command *command = command_table; command->name; command++)
		if (!command->hidden) {
			printf("\t\t'%s:", command->name);
			print_quoted(command->summary);
			printf("'\n");
		}
	printf("\t)\n\tif (( CURRENT == 2 )); then\n\t\t_describe command commands\n\t\treturn\n\tfi\n\tcase $words[2] in\n");
	for (const struct command *command = command_table; command->name; command++) {
		if (command->hidden)
			continue;
		printf("\t%s) compadd -- --help", command->name);
		for (const struct command_option *option = command->options; option && option->name; option++)
			printf(" %.*s", long_length(option), option->name);
		if (!strcmp(command->arguments, "SHELL"))
			printf(" bash zsh fish");
		printf("%s ;;\n", wants_path(command) ? "; _files" : "");
	}
	printf("\tesac\n}\nif [ \"$funcstack[1]\" = _orch ]; then _orch; else compdef _orch orch; fi\n");
}

static void print_fish(void)
{
	for (const struct command *command = command_table; command->name; command++) {
		if (command->hidden)
			continue;
		printf("complete -c orch -n __fish_use_subcommand %s-a %s -d '", "-f ", command->name);
		print_quoted(command->summary);
		printf("'\n");
		for (const struct command_option *option = command->options; option && option->name; option++) {
			int length = long_length(option);

			printf("complete -c orch -n '__fish_seen_subcommand_from %s' -l %.*s%s", command->name, length - 2, option->name + 2, option->value ? " -r" : "");
			if (option->name[length])
				printf(" -s %s", option->name + length + 2);
			printf(" -d '");
			print_quoted(option->help);
			printf("'\n");
		}
		if (!strcmp(command->arguments, "SHELL"))
			printf("complete -c orch -f -n '__fish_seen_subcommand_from %s' -a 'bash zsh fish'\n", command->name);
	}
}

int cmd_completions(int argc, char **argv)
{
	struct arguments arguments;
	struct orch_err err = {0};
	int status;

	if (!command_begin("completions", argc, argv, &arguments, &status))
		return status;
	if (!strcmp(arguments.rest[0], "bash"))
		print_bash();
	else if (!strcmp(arguments.rest[0], "zsh"))
		print_zsh();
	else if (!strcmp(arguments.rest[0], "fish"))
		print_fish();
	else
		return command_failed("completions", orch_fail(&err, ORCH_EINPUT, "\"%s\": there are completions for bash, zsh and fish", arguments.rest[0]), &err);
	return 0;
}
