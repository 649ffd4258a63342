#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

static char path[64];

static void forget(void)
{
	unlink(path);
}

const char *fuzz_file(const uint8_t *bytes, size_t count)
{
	FILE *file;

	if (!*path) {
		snprintf(path, sizeof path, "/tmp/orch-fuzz.%d", (int)getpid());
		atexit(forget);
	}
	file = fopen(path, "we");
	if (!file || fwrite(bytes, 1, count, file) != count || fclose(file))
		abort();
	return path;
}
