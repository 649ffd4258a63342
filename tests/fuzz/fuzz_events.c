/* A progress.jsonl after a bad night: opening it leaves whole lines, and the next event can be read. */
#include <stdlib.h>

#include "storage/event_log.h"
#include "tests/fuzz/fuzz.h"

static int count_event(void *context, const json_t *event, struct orch_err *err)
{
	(void)event, (void)err;
	++*(int *)context;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	const char *path = fuzz_file(bytes, count);
	struct event_log *log = NULL;
	struct orch_err err = {0};
	int before = 0, after = 0, damaged;

	if (event_log_open(path, &log, &err))
		abort();
	damaged = event_log_each(path, count_event, &before, NULL);
	if (event_log_add(log, "next", NULL, &err))
		abort();
	event_log_close(log);
	if (!damaged && (event_log_each(path, count_event, &after, NULL) || after != before + 1))
		abort();
	return 0;
}
