/* Whether a program of the user's can be started at all: better known before a night than after it. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "orchestrator/command_parts.h"
#include "storage/base/file.h"

#define SEARCHED_WITHOUT_PATH "/bin:/usr/bin" /* by execvp(3) */
#define PLACE '\1'                          /* stands for the value of a placeholder */

static bool mark_place(const void *context, const char *name, struct text_buf *out)
{
	(void)context;
	(void)name;
	text_addf(out, "%c", PLACE);
	return true;
}

static bool is_regular(const char *path)
{
	struct stat status;

	return !stat(path, &status) && S_ISREG(status.st_mode);
}

static bool is_on_path(const char *word)
{
	const char *at = getenv("PATH");
	bool found = false;

	for (at = at ? at : SEARCHED_WITHOUT_PATH; !found; at++) {
		size_t length = strcspn(at, ":");
		char *path = text_format("%.*s%s%s", (int)length, at, length ? "/" : "./", word);

		found = is_regular(path) && !access(path, X_OK);
		free(path);
		at += length;
		if (!*at)
			break;
	}
	return found;
}

static int check_file(const char *word, const char *path, struct orch_err *err)
{
	if (access(path, X_OK))
		return orch_fail(err, ORCH_EINPUT, "model.run: %s cannot be executed: chmod +x it, or name the program that reads it (python3 %s)", path, word);
	return 0;
}

/* As command_driver.c finds it: a word like a path is sought beside the spec first; what a placeholder is part of is not known here. */
static int check_program(const char *word, const char *base, struct orch_err *err)
{
	char *here = file_join(base, word), *absolute = file_absolute(here);
	int code = 0;

	if (strchr(word, PLACE))
		code = 0;
	else if (word[0] == '/' && !is_regular(word))
		code = orch_fail(err, ORCH_EINPUT, "model.run: there is no program %s", word);
	else if (word[0] == '/')
		code = check_file(word, word, err);
	else if (word[0] != '-' && strpbrk(word, "./") && is_regular(here))
		code = check_file(word, absolute, err);
	else if (strchr(word, '/'))
		code = orch_fail(err, ORCH_EINPUT, "model.run: there is no program %s (paths are relative to the campaign file)", absolute);
	else if (!is_on_path(word))
		code = orch_fail(err, ORCH_EINPUT, "model.run: no program \"%s\" is found on PATH; one that lies beside the campaign file is named ./%s", word, word);
	free(here);
	free(absolute);
	return code;
}

int command_find_programs(const struct spec *spec, struct orch_err *err)
{
	int code = 0;

	for (size_t m = 0; m < spec->model_count && !code; m++) {
		char **argv = NULL;

		if (!spec->models[m].run)
			continue;
		code = command_arguments(spec->models[m].run, mark_place, NULL, &argv, err);
		if (!code)
			code = check_program(argv[0], spec->base, err);
		command_arguments_release(argv);
	}
	return code;
}
