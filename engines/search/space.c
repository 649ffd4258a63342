/* Configurations are numbered in the order of their digits, axis by axis. How many there are behind a prefix depends, for axes with
 * conditions, on the digits before; it is counted by trying the digits that a condition names one by one and all others at once.
 * Axes that conditions tie together are one component; counts of components multiply, so that only ties inside one are tried out. */
#include "engines/search/space.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/search/space_open.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"

#define SPACE_OTHER (UINT64_MAX - 1) /* a digit that no condition names */

static uint64_t times(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) ? SPACE_ENDLESS : product;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? SPACE_ENDLESS : sum;
}

size_t space_axes(const struct space *space)
{
	return space->count;
}

const struct space_axis *space_axis(const struct space *space, size_t axis)
{
	return &space->axes[axis];
}

uint64_t space_axis_count(const struct space *space, size_t axis)
{
	const struct space_axis *a = &space->axes[axis];

	if (a->kind == SPACE_CHOICE)
		return a->choice_count;
	if (a->low == a->high)
		return 1;
	if (a->kind == SPACE_FLOAT && a->step == 0)
		return SPACE_ENDLESS;
	/* 0 to 1 by 0.1 has eleven values, although 1 / 0.1 may come out below 10 */
	return (uint64_t)floor((a->high - a->low) / (a->step > 0 ? a->step : 1) + 1e-9) + 1;
}

bool space_holds(const struct space *space, const uint64_t *digits, size_t axis)
{
	for (size_t c = space->first[axis]; c < space->first[axis + 1]; c++)
		if (digits[space->conditions[c].parent] != space->conditions[c].digit)
			return false;
	return true;
}

const size_t *space_order(const struct space *space)
{
	return space->order;
}

/* --- counting --- */

static bool is_named(const struct space *space, size_t axis, uint64_t digit)
{
	for (size_t c = 0; c < space->condition_count; c++)
		if (space->conditions[c].parent == axis && space->conditions[c].digit == digit)
			return true;
	return false;
}

static bool is_parent(const struct space *space, size_t axis)
{
	for (size_t c = 0; c < space->condition_count; c++)
		if (space->conditions[c].parent == axis)
			return true;
	return false;
}

static uint64_t completions(const struct space *space, size_t component, size_t position, uint64_t *digits);

/* Completions with every digit of a parent axis: the named ones each, the others once for all. */
static uint64_t completions_of_parent(const struct space *space, size_t component, size_t position, uint64_t *digits)
{
	size_t axis = space->order[position];
	uint64_t others = space_axis_count(space, axis), sum = 0;

	for (uint64_t digit = 0, size = others; digit < size; digit++) {
		if (!is_named(space, axis, digit))
			continue;
		digits[axis] = digit;
		sum = plus(sum, completions(space, component, position + 1, digits));
		others--;
	}
	if (others == 0)
		return sum;
	digits[axis] = SPACE_OTHER;
	return plus(sum, times(others, completions(space, component, position + 1, digits)));
}

/* In how many ways the component's axes from `position` on can be set, given the digits before. Uses their digits as scratch. */
static uint64_t completions(const struct space *space, size_t component, size_t position, uint64_t *digits)
{
	uint64_t ways = 1;

	for (; position < space->count; position++) {
		size_t axis = space->order[position];

		if (space->component[axis] != component)
			continue;
		digits[axis] = SPACE_ABSENT;
		if (!space_holds(space, digits, axis))
			continue;
		if (is_parent(space, axis))
			return times(ways, completions_of_parent(space, component, position, digits));
		ways = times(ways, space_axis_count(space, axis));
	}
	return ways;
}

/* Scratch of a numbering: digits, and what each component has left; one block. */
struct counter {
	uint64_t *digits, *left;
};

static struct counter counter_begin(const struct space *space)
{
	struct counter counter = {.digits = mem_must(2 * space->count, sizeof(uint64_t))};

	counter.left = counter.digits + space->count;
	for (size_t c = 0; c < space->count; c++) /* components are named by an axis in them; other names have no axes: 1 */
		counter.left[c] = completions(space, c, 0, counter.digits);
	return counter;
}

static uint64_t others_left(const struct space *space, const struct counter *counter, size_t component)
{
	uint64_t ways = 1;

	for (size_t c = 0; c < space->count; c++)
		ways = c == component ? ways : times(ways, counter->left[c]);
	return ways;
}

uint64_t space_count(const struct space *space)
{
	struct counter counter = counter_begin(space);
	uint64_t count = others_left(space, &counter, SIZE_MAX);

	free(counter.digits);
	return count;
}

/* How many configurations come with this digit at this position. */
static uint64_t ways_of(const struct space *space, struct counter *counter, size_t position, uint64_t digit, uint64_t others, uint64_t *inner)
{
	size_t axis = space->order[position];

	counter->digits[axis] = digit;
	*inner = completions(space, space->component[axis], position + 1, counter->digits);
	return times(*inner, others);
}

/* Takes from *index what comes before the digit it falls on. A digit that no condition names counts like any other such. */
static uint64_t digit_at(const struct space *space, struct counter *counter, size_t position, uint64_t others, uint64_t *index)
{
	size_t axis = space->order[position];
	uint64_t *inner = &counter->left[space->component[axis]], digit = 0, ways, plain;

	plain = ways_of(space, counter, position, SPACE_OTHER, others, inner);
	if (!is_parent(space, axis)) {
		digit = *index / plain;
		*index %= plain;
		counter->digits[axis] = digit;
		return digit;
	}
	for (;; digit++) {
		ways = is_named(space, axis, digit) ? ways_of(space, counter, position, digit, others, inner) : plain;
		if (*index < ways)
			break;
		*index -= ways;
	}
	ways_of(space, counter, position, digit, others, inner);
	return digit;
}

void space_digits(const struct space *space, uint64_t index, uint64_t *digits)
{
	struct counter counter = counter_begin(space);

	if (index >= others_left(space, &counter, SIZE_MAX))
		orch_bug("configuration %llu of a space that has fewer", (unsigned long long)index);
	for (size_t position = 0; position < space->count; position++) {
		size_t axis = space->order[position];

		counter.digits[axis] = SPACE_ABSENT;
		if (space_holds(space, counter.digits, axis)) {
			if (space_axis_count(space, axis) == SPACE_ENDLESS)
				orch_bug("configurations of the continuous axis %s have no numbers", space->axes[axis].name);
			digit_at(space, &counter, position, others_left(space, &counter, space->component[axis]), &index);
		}
		digits[axis] = counter.digits[axis];
	}
	free(counter.digits);
}

uint64_t space_rank(const struct space *space, const uint64_t *digits)
{
	struct counter counter = counter_begin(space);
	uint64_t rank = 0;

	for (size_t position = 0; position < space->count; position++) {
		size_t axis = space->order[position];
		uint64_t others = others_left(space, &counter, space->component[axis]), *inner = &counter.left[space->component[axis]], plain;

		counter.digits[axis] = SPACE_ABSENT;
		if (!space_holds(space, counter.digits, axis))
			continue;
		plain = ways_of(space, &counter, position, SPACE_OTHER, others, inner);
		if (!is_parent(space, axis))
			rank = plus(rank, times(digits[axis], plain));
		for (uint64_t digit = 0; is_parent(space, axis) && digit < digits[axis]; digit++)
			rank = plus(rank, is_named(space, axis, digit) ? ways_of(space, &counter, position, digit, others, inner) : plain);
		ways_of(space, &counter, position, digits[axis], others, inner);
	}
	free(counter.digits);
	return rank;
}

/* --- values --- */

/* 0.1 + 2 x 0.1 as people write it: 0.3. */
static double tidy(double value)
{
	char text[TEXT_NUMBER_MAX];
	double read;

	snprintf(text, sizeof(text), "%.12g", value);
	return text_to_double(text, &read) ? read : value;
}

json_t *space_value(const struct space *space, size_t axis, uint64_t digit)
{
	const struct space_axis *a = &space->axes[axis];

	if (digit >= space_axis_count(space, axis))
		orch_bug("axis %s has no value %llu", a->name, (unsigned long long)digit);
	if (a->kind == SPACE_CHOICE)
		return json_incref(a->choices[digit]);
	if (a->kind == SPACE_INT)
		return json_integer((json_int_t)a->low + (json_int_t)digit * (json_int_t)(a->step > 0 ? a->step : 1));
	return json_real(digit == 0 ? a->low : fmin(a->high, tidy(a->low + (double)digit * a->step)));
}
