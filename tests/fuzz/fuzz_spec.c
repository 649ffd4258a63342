/* A campaign file that a user wrote; and what spec.json of a campaign may have become. */
#include <stdlib.h>

#include "orchestrator/spec.h"
#include "storage/base/json.h"
#include "tests/fuzz/fuzz.h"

static void as_resolved(const uint8_t *bytes, size_t count)
{
	json_t *value = NULL;
	struct spec *spec = NULL;

	if (!json_parse((const char *)bytes, count, "fuzz", &value, NULL) && json_is_object(value) && !spec_from_resolved(value, "fuzz", "/tmp", &spec, NULL))
		spec_release(spec);
	json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	struct spec *spec = NULL, *again = NULL;
	struct orch_err err = {0};
	char *report = NULL;

	if (!spec_load(fuzz_file(bytes, count), false, &spec, &report, &err)) {
		/* what was accepted can be read back from what is kept of it */
		if (spec_from_resolved(spec->resolved, spec->path, spec->base, &again, &err) || !json_equal(spec->resolved, again->resolved))
			abort();
		spec_release(again);
		spec_release(spec);
	} else if (!report && !*err.text) {
		abort(); /* refused without a word */
	}
	free(report);
	as_resolved(bytes, count);
	return 0;
}
