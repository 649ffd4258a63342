#include "engines/search/configuration.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "storage/base/mem.h"

void configuration_init(const struct space *space, struct configuration *configuration)
{
	configuration->digits = mem_must(space_axes(space), sizeof(*configuration->digits));
	configuration->values = mem_must(space_axes(space), sizeof(*configuration->values));
}

void configuration_release(struct configuration *configuration)
{
	free(configuration->digits);
	free(configuration->values);
	*configuration = (struct configuration){0};
}

/* --- fractions --- */

static double step_of(const struct space_axis *axis)
{
	return axis->step > 0 ? axis->step : 1;
}

/* Steps are taken as intervals [value, value + step), so that the first and the last are as likely as the others. */
static uint64_t digit_of(const struct space_axis *axis, uint64_t count, uint64_t fraction)
{
	double step = step_of(axis), low = axis->low, value;

	if (axis->kind == SPACE_CHOICE || !axis->log)
		return address_below(fraction, count);
	value = low * exp(address_unit(fraction) * log((low + (double)count * step) / low));
	return (uint64_t)fmin((double)(count - 1), fmax(0, floor((value - low) / step)));
}

static double value_of(const struct space_axis *axis, uint64_t fraction)
{
	double u = address_unit(fraction);
	double value;

	if (u >= 1 - 0x1p-53) /* the last fraction is the end, as people write it */
		return axis->high;
	value = axis->log ? axis->low * exp(u * log(axis->high / axis->low)) : axis->low + u * (axis->high - axis->low);

	return fmin(axis->high, fmax(axis->low, value));
}

bool configuration_set(const struct space *space, size_t axis, uint64_t fraction, struct configuration *configuration)
{
	const struct space_axis *a = space_axis(space, axis);
	uint64_t count = space_axis_count(space, axis);

	configuration->digits[axis] = SPACE_ABSENT;
	configuration->values[axis] = 0;
	if (!space_holds(space, configuration->digits, axis))
		return false;
	configuration->digits[axis] = count == SPACE_ENDLESS ? 0 : digit_of(a, count, fraction);
	if (count == SPACE_ENDLESS)
		configuration->values[axis] = value_of(a, fraction);
	return true;
}

void configuration_cell(const struct space *space, size_t axis, uint64_t digit, double *low, double *high)
{
	const struct space_axis *a = space_axis(space, axis);
	double count = (double)space_axis_count(space, axis), step = step_of(a), all = 1;

	*low = (double)digit / count;
	*high = (double)(digit + 1) / count;
	if (a->kind == SPACE_CHOICE || !a->log)
		return;
	all = log((a->low + count * step) / a->low);
	*low = log((a->low + (double)digit * step) / a->low) / all;
	*high = log((a->low + (double)(digit + 1) * step) / a->low) / all;
}

double configuration_fraction(const struct space *space, size_t axis, const struct configuration *configuration)
{
	const struct space_axis *a = space_axis(space, axis);
	double value = configuration->values[axis], low, high;

	if (configuration->digits[axis] == SPACE_ABSENT)
		return NAN;
	if (space_axis_count(space, axis) == SPACE_ENDLESS)
		return a->log ? log(value / a->low) / log(a->high / a->low) : (value - a->low) / (a->high - a->low);
	configuration_cell(space, axis, configuration->digits[axis], &low, &high);
	return 0.5 * (low + high);
}

/* --- as JSON --- */

json_t *configuration_object(const struct space *space, const struct configuration *configuration)
{
	json_t *params = json_object();

	for (size_t a = 0; a < space_axes(space); a++) {
		bool endless = space_axis_count(space, a) == SPACE_ENDLESS;

		if (configuration->digits[a] == SPACE_ABSENT)
			continue;
		json_object_set_new_nocheck(params, space_axis(space, a)->name,
		                            endless ? json_real(configuration->values[a]) : space_value(space, a, configuration->digits[a]));
	}
	return params;
}

/* 1 and 1.0 are one value, as in a list. */
static bool read_choice(const struct space_axis *axis, const json_t *value, uint64_t *digit)
{
	for (size_t i = 0; i < axis->choice_count; i++) {
		const json_t *choice = axis->choices[i];
		bool same = json_is_number(choice) && json_is_number(value) ? json_number_value(choice) == json_number_value(value)
		                                                            : json_equal(choice, value) != 0;

		if (same) {
			*digit = i;
			return true;
		}
	}
	return false;
}

static bool read_axis(const struct space *space, size_t axis, const json_t *value, struct configuration *configuration)
{
	const struct space_axis *a = space_axis(space, axis);
	uint64_t count = space_axis_count(space, axis);
	double number = json_number_value(value);

	configuration->digits[axis] = 0;
	if (a->kind == SPACE_CHOICE)
		return read_choice(a, value, &configuration->digits[axis]);
	if (!json_is_number(value) || !(number >= a->low && number <= a->high))
		return false;
	if (count == SPACE_ENDLESS)
		configuration->values[axis] = number;
	else
		configuration->digits[axis] = (uint64_t)fmin((double)(count - 1), round((number - a->low) / step_of(a)));
	return true;
}

bool configuration_read(const struct space *space, const json_t *params, struct configuration *configuration)
{
	for (size_t i = 0; i < space_axes(space); i++) {
		size_t a = space_order(space)[i];
		const json_t *value = json_object_get(params, space_axis(space, a)->name);

		configuration->digits[a] = SPACE_ABSENT;
		configuration->values[a] = 0;
		if (!space_holds(space, configuration->digits, a)) {
			if (value)
				return false;
		} else if (!value || !read_axis(space, a, value, configuration)) {
			return false;
		}
	}
	return true;
}

/* --- the set --- */

uint64_t configuration_print(const struct space *space, const struct configuration *configuration)
{
	uint64_t hash = 0, bits;

	for (size_t a = 0; a < space_axes(space); a++) {
		hash = address_hash(hash, configuration->digits[a]);
		if (configuration->digits[a] == SPACE_ABSENT || space_axis_count(space, a) != SPACE_ENDLESS)
			continue;
		memcpy(&bits, &configuration->values[a], sizeof(bits));
		hash = address_hash(hash, bits);
	}
	return hash ? hash : 1;
}

static uint64_t *place_of(const struct configuration_set *set, uint64_t print)
{
	uint64_t at = print & (set->room - 1);

	while (set->prints[at] != 0 && set->prints[at] != print)
		at = (at + 1) & (set->room - 1);
	return &set->prints[at];
}

/* At most half full. */
int configuration_set_reserve(struct configuration_set *set, struct orch_err *err)
{
	struct configuration_set grown = {.room = set->room ? 2 * set->room : 128, .count = set->count};

	if (2 * (set->count + 1) <= set->room)
		return 0;
	grown.prints = mem_array(grown.room, sizeof(*grown.prints));
	if (!grown.prints)
		return orch_fail(err, ORCH_ENOMEM, "no memory for %llu trials", (unsigned long long)(grown.room / 2));
	for (uint64_t i = 0; i < set->room; i++)
		if (set->prints[i] != 0)
			*place_of(&grown, set->prints[i]) = set->prints[i];
	free(set->prints);
	*set = grown;
	return 0;
}

bool configuration_set_add(struct configuration_set *set, uint64_t print)
{
	uint64_t *place = place_of(set, print);

	if (*place == print)
		return false;
	*place = print;
	set->count++;
	return true;
}

bool configuration_set_has(const struct configuration_set *set, uint64_t print)
{
	return set->room > 0 && *place_of(set, print) == print;
}

bool configuration_set_walk(struct configuration_set *set, const struct space *space, uint64_t start, struct configuration *out,
                            uint64_t *number)
{
	uint64_t count = space_count(space);

	for (uint64_t step = 0; step < count; step++) {
		uint64_t at = start < count - step ? start + step : start - (count - step);

		space_digits(space, at, out->digits);
		memset(out->values, 0, space_axes(space) * sizeof(*out->values));
		if (configuration_set_add(set, configuration_print(space, out))) {
			*number = at;
			return true;
		}
	}
	return false;
}

void configuration_set_release(struct configuration_set *set)
{
	free(set->prints);
	*set = (struct configuration_set){0};
}
