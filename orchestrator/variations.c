#include "orchestrator/variations.h"

#include <stdio.h>
#include <string.h>

#include "engines/address.h"
#include "storage/base/text.h"

void variations_of(const struct spec *spec, const struct engine *engine, struct variations *out)
{
	const struct spec_diagnostics *diagnostics = &spec->diagnostics;

	*out = (struct variations){0};
	for (unsigned s = 1; s <= diagnostics->seed_repeats && !engine->seedless && out->count < VARIATIONS_MAX; s++) {
		struct variation *variation = &out->list[out->count++];

		*variation = (struct variation){.seed = s, .share = 1};
		snprintf(variation->name, sizeof variation->name, "seed %u", s);
	}
	for (size_t i = 0; i < diagnostics->learning_count && out->count < VARIATIONS_MAX; i++) {
		struct variation *variation = &out->list[out->count++];
		char number[TEXT_NUMBER_MAX];

		*variation = (struct variation){.share = diagnostics->learning_curve[i]};
		snprintf(variation->name, sizeof variation->name, "rows %s", text_number(variation->share, number));
	}
}

size_t variations_wanted(const struct spec *spec, const struct engine *engine)
{
	struct variations variations;

	variations_of(spec, engine, &variations);
	return variations.count;
}

size_t variations_find(const struct variations *variations, const char *name)
{
	size_t at = 0;

	while (at < variations->count && strcmp(variations->list[at].name, name))
		at++;
	return at;
}

uint64_t variation_seed(const struct spec *spec, unsigned repeat)
{
	uint64_t seed = address_text(spec->seed, "model");

	return repeat ? address_hash(address_text(seed, "repeat"), repeat) : seed;
}

uint64_t variation_program_seed(const struct spec *spec, unsigned repeat)
{
	return spec->seed + repeat;
}
