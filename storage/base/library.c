#include "storage/base/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/base/text.h"

/* Not by DT_RUNPATH: a sanitizer that stands between us and dlopen looks it up in its own file. */
static char *place_of(const char *file)
{
	char path[PATH_MAX], *slash;
	ssize_t length;

	if (strncmp(file, "@/", 2))
		return text_format("%s", file);
	length = readlink("/proc/self/exe", path, sizeof path - 1);
	path[length > 0 ? length : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash)
		*slash = '\0';
	return text_format("%s/%s", path, file + 2);
}

static void *open_first(const struct library *library, struct text_buf *tried)
{
	void *handle = NULL;

	for (size_t i = 0; library->files[i] && !handle; i++) {
		char *place = place_of(library->files[i]);

		handle = dlopen(place, RTLD_NOW | RTLD_LOCAL);
		if (!handle)
			text_addf(tried, "\n  %s", dlerror());
		free(place);
	}
	return handle;
}

int library_load(const struct library *library, const char *const *names, size_t count, void *functions, struct orch_err *err)
{
	struct text_buf tried = {0};
	void *handle = open_first(library, &tried);
	const char *lacking = NULL;
	int code = 0;

	if (!handle)
		code = orch_fail(err, ORCH_EMISSING, "the library of %s cannot be loaded: %s%s", library->name, library->mend, tried.data);
	for (size_t i = 0; i < count && !code && !lacking; i++)
		if (!dlsym(handle, names[i]))
			lacking = names[i];
	if (lacking)
		code = orch_fail(err, ORCH_EMISSING, "the library of %s has no %s: another version than orch was built for; %s", library->name, lacking, library->mend);
	for (size_t i = 0; i < count && !code; i++) {
		void *function = dlsym(handle, names[i]);

		memcpy((char *)functions + i * sizeof function, &function, sizeof function);
	}
	text_buf_release(&tried);
	return code;
}

static _Noreturn void answer_in_child(void (*answer)(char out[LIBRARY_ANSWER]), int to)
{
	char text[LIBRARY_ANSWER] = "";

	answer(text);
	text[LIBRARY_ANSWER - 1] = '\0';
	_exit(write(to, text, strlen(text) + 1) < 0);
}

void library_ask(void (*answer)(char out[LIBRARY_ANSWER]), char out[LIBRARY_ANSWER])
{
	char text[LIBRARY_ANSWER];
	ssize_t length = -1;
	int ends[2];
	pid_t child;

	snprintf(out, LIBRARY_ANSWER, "unknown");
	if (pipe2(ends, O_CLOEXEC))
		return;
	child = fork();
	if (child == 0)
		answer_in_child(answer, ends[1]);
	close(ends[1]);
	while (child > 0 && (length = read(ends[0], text, sizeof text)) < 0 && errno == EINTR)
		;
	close(ends[0]);
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	if (length > 1 && !text[length - 1])
		memcpy(out, text, (size_t)length);
}
