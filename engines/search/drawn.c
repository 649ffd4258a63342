#include "engines/search/drawn.h"

#include <math.h>
#include <stdlib.h>

#include "engines/address.h"
#include "storage/base/mem.h"

#define TRIES_FINITE 100    /* then walk */
#define TRIES_ENDLESS 10000 /* then give up */
#define WALKED (UINT64_C(1) << 63) /* this bit and a configuration's number, instead of a draw */

/* A range so narrow that its doubles are few is not taken for continuous. */
static bool is_continuous(const struct space *space, size_t axis)
{
	const struct space_axis *range = space_axis(space, axis);
	double size = fabs(range->low) > fabs(range->high) ? fabs(range->low) : fabs(range->high);

	return space_axis_count(space, axis) == SPACE_ENDLESS && !range->when && range->high - range->low > size / 1000;
}

static bool draws_differ(const struct space *space)
{
	for (size_t axis = 0; axis < space_axes(space); axis++)
		if (is_continuous(space, axis))
			return true;
	return false;
}

int drawn_open(const struct sampler_request *request, const char *name, drawn_draw *draw, bool one_sequence, void **state, struct orch_err *err)
{
	struct drawn *drawn = mem_must(1, sizeof(*drawn));
	int code = space_open(request->axes, request->axis_count, request->fixed, &drawn->space, err);

	if (code) {
		drawn_close(drawn);
		return code;
	}
	drawn->key = address_hash(address_text(request->seed, name), request->round);
	drawn->draw = draw;
	drawn->one_sequence = one_sequence;
	drawn->count = space_count(drawn->space);
	drawn->all_differ = draws_differ(drawn->space);
	configuration_init(drawn->space, &drawn->scratch);
	*state = drawn;
	return 0;
}

void drawn_close(void *state)
{
	struct drawn *drawn = state;

	if (!drawn)
		return;
	space_close(drawn->space);
	configuration_set_release(&drawn->had);
	configuration_release(&drawn->scratch);
	free(drawn->how);
	free(drawn);
}

uint64_t drawn_count(const void *state)
{
	const struct drawn *drawn = state;

	return drawn->count;
}

static int reserve(struct drawn *drawn, struct orch_err *err)
{
	uint64_t room = drawn->room ? 2 * drawn->room : 64, *how;

	if (drawn->known < drawn->room)
		return 0;
	how = mem_array_grow(drawn->how, room, sizeof(*how));
	if (!how)
		return orch_fail(err, ORCH_ENOMEM, "no memory for %llu trials", (unsigned long long)room);
	drawn->how = how;
	drawn->room = room;
	return 0;
}

static bool try_draws(struct drawn *drawn, uint64_t tries)
{
	uint64_t first = drawn->one_sequence ? drawn->next : 0;

	for (uint64_t draw = first; draw < first + tries; draw++) {
		drawn->draw(drawn, drawn->known, draw, &drawn->scratch);
		if (configuration_set_add(&drawn->had, configuration_print(drawn->space, &drawn->scratch))) {
			drawn->how[drawn->known++] = draw;
			drawn->next = draw + 1;
			return true;
		}
	}
	return false;
}

static bool walk(struct drawn *drawn)
{
	uint64_t start = address_below(address_text(address_hash(drawn->key, drawn->known), "walk"), drawn->count), number;

	if (!configuration_set_walk(&drawn->had, drawn->space, start, &drawn->scratch, &number))
		return false;
	drawn->how[drawn->known++] = WALKED | number;
	return true;
}

/* The configuration of the first trial that has none, or exhausted. */
static int find_next(struct drawn *drawn, struct orch_err *err)
{
	bool finite = drawn->count < WALKED;
	int code = reserve(drawn, err);

	if (!code)
		code = configuration_set_reserve(&drawn->had, err);
	if (code)
		return code;
	drawn->exhausted = drawn->known >= drawn->count || !(try_draws(drawn, finite ? TRIES_FINITE : TRIES_ENDLESS) || (finite && walk(drawn)));
	return 0;
}

int drawn_propose(void *state, uint64_t trial, json_t **out, struct orch_err *err)
{
	struct drawn *drawn = state;
	int code = 0;

	if (drawn->all_differ) {
		drawn->draw(drawn, trial, drawn->one_sequence ? trial : 0, &drawn->scratch);
		*out = configuration_object(drawn->space, &drawn->scratch);
		return 0;
	}
	while (!code && trial >= drawn->known && !drawn->exhausted)
		code = find_next(drawn, err);
	if (code)
		return code;
	if (trial >= drawn->known)
		return orch_fail(err, ORCH_EMISSING, "the search space is used up: it gave %llu different configurations, none is left for trial %llu",
		                 (unsigned long long)drawn->known, (unsigned long long)trial);
	if (drawn->how[trial] & WALKED)
		space_digits(drawn->space, drawn->how[trial] & ~WALKED, drawn->scratch.digits);
	else
		drawn->draw(drawn, trial, drawn->how[trial], &drawn->scratch);
	*out = configuration_object(drawn->space, &drawn->scratch);
	return 0;
}
