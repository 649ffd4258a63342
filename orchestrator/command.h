/* command: the face of orch. One table; adding a command is a file cmd_NAME.c and a line in command_table.c.
 * A command gets its own arguments (argv[0] is its name), prints results on stdout and messages on stderr, and returns the process's exit
 * status (orch_exit_status of a code). Only main.c and cmd_*.c print or exit. */
#ifndef ORCHESTRATOR_COMMAND_H
#define ORCHESTRATOR_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "orchestrator/spec.h"
#include "storage/base/err.h"

struct command_option {
	const char *name;  /* "--json"; short form after a comma: "--quiet,-q" */
	const char *value; /* name of its value in the help ("DIR"), or NULL for a flag */
	const char *help;
};
struct command {
	const char *name, *arguments, *summary; /* "start", "FILE", one line */
	const char *help;                       /* paragraphs after the usage line */
	const struct command_option *options;   /* name NULL ends it; --help is understood everywhere */
	int (*run)(int argc, char **argv);
	bool hidden;
};
extern const struct command command_table[]; /* name NULL ends it */
const struct command *command_find(const char *name);
/* What was meant by word: the only name that begins with it, else the nearest one, else NULL. */
const char *command_nearest(const char *word, const char *const *names, size_t count);

/* Parsed arguments of a command: options by name, the rest in order. */
struct arguments {
	const struct command *command;
	const char *values[24]; /* by position in command->options; "" for a flag that is set; NULL when absent */
	const char *rest[64];
	int rest_count;
	bool help;
};
/* 0, or ORCH_EINPUT with what is wrong ("unknown option --jsno; did you mean --json?"). */
int arguments_parse(const struct command *command, int argc, char **argv, struct arguments *out, struct orch_err *err);
const char *arguments_value(const struct arguments *arguments, const char *option); /* NULL when absent */
bool arguments_flag(const struct arguments *arguments, const char *option);
void command_print_help(const struct command *command); /* on stdout */
void command_print_man(const struct command *command); /* its manual page; NULL: that of orch(1) (command_man.c) */

/* Prints "orch NAME: TEXT" on stderr and returns the exit status for code. */
int command_failed(const char *name, int code, const struct orch_err *err);
/* The program as the user calls it ("build/orch"), so that a line it prints can be pasted. */
void command_called_as(const char *program);
const char *command_program(void);
/* "next: LINE" on stderr, unless --quiet or --json asks for less. A path in it: command_quote (malloc'd, quoted where a shell wants it). */
void command_next(const struct arguments *arguments, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *command_quote(const char *path);
/* A message on stderr, unless --quiet or --json asks for less. */
void command_say(const struct arguments *arguments, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool command_color(int fd); /* a terminal, and NO_COLOR is not set */
void command_print_json(const json_t *value); /* pretty, on stdout */
/* On stdout what write puts into a new file at path, in a folder of its own in TMPDIR that is removed afterwards. */
int command_print_file(int (*write)(void *context, const char *path, struct orch_err *err), void *context, struct orch_err *err);
/* The campaign file, checked; its errors are printed. True: go on; false: return *status. */
bool command_load_spec(const char *name, const char *path, struct spec **out, int *status);
/* For the usual beginning: parse, --help, errors. True: go on; false: return *status. */
bool command_begin(const char *name, int argc, char **argv, struct arguments *out, int *status);
/* The campaign a command is about: DIR given, or the only one here. malloc'd. */
int command_campaign(const struct arguments *arguments, char **out, struct orch_err *err);

int cmd_start(int argc, char **argv);
int cmd_resume(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_plot(int argc, char **argv);
int cmd_fit(int argc, char **argv);
int cmd_predict(int argc, char **argv);
int cmd_init(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_bundle(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_schema(int argc, char **argv);
int cmd_completions(int argc, char **argv);
int cmd_notify(int argc, char **argv);
int cmd_worker(int argc, char **argv);

#endif
