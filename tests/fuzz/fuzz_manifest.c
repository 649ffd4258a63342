/* A manifest from a bundle of unknown origin. */
#include <stdlib.h>
#include <string.h>

#include "storage/base/text.h"
#include "storage/manifest.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	struct manifest manifest = {0}, again = {0};
	struct orch_err err = {0};
	struct text_buf text = {0}, twice = {0};

	if (manifest_parse((const char *)bytes, count, "fuzz", &manifest, &err))
		return *err.text ? 0 : (abort(), 0);
	/* what was accepted (in any order) is written so that it reads back as the same */
	manifest_text(&manifest, &text);
	if (manifest_parse(text.length ? text.data : "", text.length, "fuzz", &again, &err))
		abort();
	manifest_text(&again, &twice);
	if (text.length != twice.length || (text.length && memcmp(text.data, twice.data, text.length)))
		abort();
	text_buf_release(&text);
	text_buf_release(&twice);
	manifest_release(&manifest);
	manifest_release(&again);
	return 0;
}
