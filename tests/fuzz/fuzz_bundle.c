/* A bundle from the mail. */
#include <stdlib.h>

#include "storage/bundle_read.h"
#include "storage/manifest.h"
#include "tests/fuzz/fuzz.h"

static int begin(void *context, const char *name, uint64_t size, struct orch_err *err)
{
	(void)context, (void)size, (void)err;
	if (!manifest_name_safe(name))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	static const struct bundle_visitor visitor = {.begin = begin};
	struct orch_err err = {0};

	if (bundle_read(fuzz_file(bytes, count), &visitor, NULL, &err) && !*err.text)
		abort();
	return 0;
}
