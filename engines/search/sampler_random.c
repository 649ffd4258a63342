/* Independent draws. The value of a parameter is a hash of (seed, round, trial, try, name), so neither the order of the axes nor other
 * axes matter to it. A configuration that an earlier trial has is drawn again with the next try. Where a finite space is nearly used
 * up, drawing gives way to walking: from a drawn configuration on in the order of numbers to the first that is free.
 *
 * What is kept: a fingerprint (64-bit hash) of each configuration, to know it again, and how each trial came to its own. Two different
 * configurations of one fingerprint, one pair in 2^64, only cost a needless try. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "engines/search/sampler.h"
#include "storage/base/mem.h"

#define TRIES_FINITE 100     /* then walk */
#define TRIES_ENDLESS 10000  /* then give up */
#define WALKED (UINT64_C(1) << 63) /* this bit and a configuration's number, instead of a try */

struct draw {
	uint64_t *digits; /* of each axis; 0 for a continuous one */
	double *values;   /* of continuous axes */
};
struct random_search {
	struct space *space;
	uint64_t key, count;
	struct draw draw; /* scratch */
	uint64_t *how, known, room; /* per trial: its try, or WALKED and a number */
	uint64_t *seen, seen_room;  /* open addressing; 0: free */
	bool exhausted;
};

/* --- drawing one configuration --- */

/* Steps are taken as intervals [value, value + step), so that the first and the last are as likely as the others. */
static uint64_t draw_digit(const struct space_axis *axis, uint64_t count, uint64_t hash)
{
	double step = axis->step > 0 ? axis->step : 1, low = axis->low, value;

	if (axis->kind == SPACE_CHOICE || !axis->log)
		return address_below(hash, count);
	value = low * exp(address_unit(hash) * log((low + (double)count * step) / low));
	return (uint64_t)fmin((double)(count - 1), fmax(0, floor((value - low) / step)));
}

static double draw_real(const struct space_axis *axis, uint64_t hash)
{
	double u = address_unit(hash);
	double value = axis->log ? axis->low * exp(u * log(axis->high / axis->low)) : axis->low + u * (axis->high - axis->low);

	return fmin(axis->high, fmax(axis->low, value));
}

static void draw_configuration(struct random_search *search, uint64_t trial, uint64_t try)
{
	const struct space *space = search->space;
	uint64_t key = address_hash(address_hash(search->key, trial), try);

	for (size_t i = 0; i < space_axes(space); i++) {
		size_t a = space_order(space)[i];
		const struct space_axis *axis = space_axis(space, a);
		uint64_t count = space_axis_count(space, a), hash = address_text(key, axis->name);

		search->draw.digits[a] = SPACE_ABSENT;
		if (!space_holds(space, search->draw.digits, a))
			continue;
		search->draw.digits[a] = count == SPACE_ENDLESS ? 0 : draw_digit(axis, count, hash);
		search->draw.values[a] = count == SPACE_ENDLESS ? draw_real(axis, hash) : 0;
	}
}

static uint64_t fingerprint(const struct random_search *search)
{
	uint64_t hash = 0, bits;

	for (size_t a = 0; a < space_axes(search->space); a++) {
		hash = address_hash(hash, search->draw.digits[a]);
		if (search->draw.digits[a] == SPACE_ABSENT || space_axis_count(search->space, a) != SPACE_ENDLESS)
			continue;
		memcpy(&bits, &search->draw.values[a], sizeof(bits));
		hash = address_hash(hash, bits);
	}
	return hash ? hash : 1;
}

/* --- which were there before --- */

static uint64_t *seen_place(const struct random_search *search, uint64_t print)
{
	uint64_t at = print & (search->seen_room - 1);

	while (search->seen[at] != 0 && search->seen[at] != print)
		at = (at + 1) & (search->seen_room - 1);
	return &search->seen[at];
}

/* Room for one more trial, the table of fingerprints at most half full. */
static int grow(struct random_search *search, struct orch_err *err)
{
	uint64_t room = search->room ? 2 * search->room : 64, *old = search->seen, old_room = search->seen_room, *how, *seen;

	if (search->known < search->room)
		return 0;
	how = mem_array_grow(search->how, room, sizeof(*how));
	search->how = how ? how : search->how;
	seen = mem_array(2 * room, sizeof(*seen));
	if (!how || !seen) {
		free(seen);
		return orch_fail(err, ORCH_ENOMEM, "no memory for %llu trials", (unsigned long long)room);
	}
	search->seen = seen;
	search->seen_room = 2 * room;
	search->room = room;
	for (uint64_t i = 0; i < old_room; i++)
		if (old[i] != 0)
			*seen_place(search, old[i]) = old[i];
	free(old);
	return 0;
}

/* Keeps the drawn configuration as that of the next trial unless it was there before. */
static bool take(struct random_search *search, uint64_t how)
{
	uint64_t print = fingerprint(search), *place = seen_place(search, print);

	if (*place == print)
		return false;
	*place = print;
	search->how[search->known++] = how;
	return true;
}

/* Every step but the last meets one that an earlier trial has, so the walk is no longer than there were trials. */
static bool walk(struct random_search *search)
{
	uint64_t start = address_below(address_text(address_hash(search->key, search->known), "walk"), search->count);

	for (uint64_t step = 0; step < search->count; step++) {
		uint64_t number = start < search->count - step ? start + step : start - (search->count - step);

		space_digits(search->space, number, search->draw.digits);
		if (take(search, WALKED | number))
			return true;
	}
	return false;
}

static int find_next(struct random_search *search, struct orch_err *err)
{
	bool finite = search->count < WALKED;
	uint64_t trial = search->known, tries = finite ? TRIES_FINITE : TRIES_ENDLESS;
	int code = grow(search, err);

	if (code)
		return code;
	if (search->known < search->count) {
		for (uint64_t try = 0; try < tries; try++) {
			draw_configuration(search, trial, try);
			if (take(search, try))
				return 0;
		}
		if (finite && walk(search))
			return 0;
	}
	search->exhausted = true;
	return 0;
}

/* --- the sampler --- */

static void random_close(void *state)
{
	struct random_search *search = state;

	if (!search)
		return;
	space_close(search->space);
	free(search->draw.digits);
	free(search->draw.values);
	free(search->how);
	free(search->seen);
	free(search);
}

static int random_open(const struct sampler_request *request, void **state, struct orch_err *err)
{
	struct random_search *search = mem_must(1, sizeof(*search));
	int code = space_open(request->axes, request->axis_count, request->fixed, &search->space, err);

	if (code) {
		random_close(search);
		return code;
	}
	search->key = address_hash(address_text(request->seed, "random search"), request->round);
	search->count = space_count(search->space);
	search->draw.digits = mem_must(request->axis_count, sizeof(*search->draw.digits));
	search->draw.values = mem_must(request->axis_count, sizeof(*search->draw.values));
	*state = search;
	return 0;
}

static uint64_t random_count(const void *state)
{
	const struct random_search *search = state;

	return search->count;
}

static json_t *draw_object(const struct random_search *search)
{
	json_t *params = json_object();

	for (size_t a = 0; a < space_axes(search->space); a++) {
		bool endless = space_axis_count(search->space, a) == SPACE_ENDLESS;

		if (search->draw.digits[a] == SPACE_ABSENT)
			continue;
		json_object_set_new_nocheck(params, space_axis(search->space, a)->name,
		                            endless ? json_real(search->draw.values[a]) : space_value(search->space, a, search->draw.digits[a]));
	}
	return params;
}

static int random_propose(void *state, uint64_t trial, json_t **out, struct orch_err *err)
{
	struct random_search *search = state;
	int code = 0;

	while (!code && trial >= search->known && !search->exhausted)
		code = find_next(search, err);
	if (code)
		return code;
	if (trial >= search->known)
		return orch_fail(err, ORCH_EMISSING, "the search space is used up: it gave %llu different configurations, none is left for trial %llu",
		                 (unsigned long long)search->known, (unsigned long long)trial);
	if (search->how[trial] & WALKED)
		space_digits(search->space, search->how[trial] & ~WALKED, search->draw.digits);
	else
		draw_configuration(search, trial, search->how[trial]);
	*out = draw_object(search);
	return 0;
}

const struct sampler sampler_random = {
	.name = "random",
	.help = "independent draws from lists and ranges, never the same twice",
	.open = random_open,
	.close = random_close,
	.count = random_count,
	.propose = random_propose,
};
