/* A line from a worker that has lost its mind. */
#include <stdlib.h>

#include "orchestrator/task.h"
#include "storage/base/json.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	static struct task task = {.kind = TASK_FIT, .id = 7, .fit_count = 4};
	struct orch_err err = {0};
	json_t *out = NULL;

	if (!task.line)
		task.line = json_pack("{s:s, s:i, s:[i,i], s:[{s:i},{s:i}]}", "type", "fit", "id", 7, "folds", 0, 1, "variants", "trial", 0, "trial", 1);
	if (task_parse_line((const char *)bytes, count, &task, &out, &err) && !*err.text)
		abort();
	json_decref(out);
	return 0;
}
