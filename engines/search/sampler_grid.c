/* All configurations in the order of their numbers. */
#include <stdlib.h>

#include "engines/search/sampler.h"
#include "storage/base/mem.h"

static int grid_open(const struct sampler_request *request, void **state, struct orch_err *err)
{
	struct space *space;
	int code;

	for (size_t a = 0; a < request->axis_count; a++)
		if (request->axes[a].kind != SPACE_CHOICE)
			return orch_fail(err, ORCH_EINPUT, "hpo.space.%s: a grid takes lists only; list the values, or use sampler: random",
			                 request->axes[a].name);
	code = space_open(request->axes, request->axis_count, request->fixed, &space, err);
	if (!code)
		*state = space;
	return code;
}

static void grid_close(void *state)
{
	space_close(state);
}

static uint64_t grid_count(const void *state)
{
	return space_count(state);
}

static int grid_propose(void *state, uint64_t trial, json_t **out, struct orch_err *err)
{
	const struct space *space = state;
	uint64_t count = space_count(space), *digits;
	json_t *params;

	if (trial >= count)
		return orch_fail(err, ORCH_EMISSING, "the grid has %llu configurations; there is none for trial %llu", (unsigned long long)count,
		                 (unsigned long long)trial);
	digits = mem_must(space_axes(space), sizeof(*digits));
	params = json_object();
	space_digits(space, trial, digits);
	for (size_t a = 0; a < space_axes(space); a++)
		if (digits[a] != SPACE_ABSENT)
			json_object_set_new_nocheck(params, space_axis(space, a)->name, space_value(space, a, digits[a]));
	free(digits);
	*out = params;
	return 0;
}

const struct sampler sampler_grid = {
	.name = "grid",
	.help = "every combination of the listed values",
	.open = grid_open,
	.close = grid_close,
	.count = grid_count,
	.propose = grid_propose,
};
