/* space: the parameters a search may choose, and their configurations by number.
 * A configuration is one digit per axis: the position in a list, or the step in a range. Nothing is enumerated: configurations are
 * counted and numbered by mixed radix, the first axis varies slowest. An axis whose `when` does not hold is absent from the
 * configuration and has no digit, so two configurations with different numbers always differ.
 *
 * `when` is an object {parameter: value}; all its entries must hold. A parameter is another axis given as a list, or a fixed one.
 * An axis varies slower than those whose condition names it; beyond that the order is that of the axes.
 *
 * open -> ... -> close. The axes and what they point to are borrowed until close. Immutable once open; one thread (jansson counts
 * references without locks). */
#ifndef ENGINES_SEARCH_SPACE_H
#define ENGINES_SEARCH_SPACE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/base/err.h"

enum space_kind { SPACE_CHOICE, SPACE_FLOAT, SPACE_INT };
struct space_axis {
	const char *name;
	enum space_kind kind;
	json_t *const *choices; /* SPACE_CHOICE: values of any type, null too; all different */
	size_t choice_count;
	double low, high, step; /* ranges, both ends included; step 0: none (SPACE_INT: 1) */
	bool log;               /* ranges: uniform in the logarithm; low > 0 */
	const json_t *when;     /* object or NULL */
};
struct space;

#define SPACE_ABSENT UINT64_MAX   /* digit of an axis whose condition does not hold */
#define SPACE_ENDLESS UINT64_MAX  /* count of a space with a continuous axis, or with 2^64 - 1 and more configurations */

/* fixed: object of the parameters that are not searched, or NULL. ORCH_EINPUT, in words of the campaign file, for: a name twice, an
 * empty list, a value twice in a list, a range that is none, a condition that names nothing, itself in a circle, or can never hold. */
int space_open(const struct space_axis *axes, size_t axis_count, const json_t *fixed, struct space **out, struct orch_err *err);
void space_close(struct space *space); /* NULL is fine */
size_t space_axes(const struct space *space);
const struct space_axis *space_axis(const struct space *space, size_t axis);
/* How many values an axis has; SPACE_ENDLESS for a continuous one. */
uint64_t space_axis_count(const struct space *space, size_t axis);
uint64_t space_count(const struct space *space); /* saturates at SPACE_ENDLESS; 1 without axes */
/* Configuration number `index` (below space_count) of a space without continuous axes; digits: one per axis. */
void space_digits(const struct space *space, uint64_t index, uint64_t *digits);
/* The number of a configuration; the inverse of space_digits while the count does not saturate. Digits of axes whose condition
 * does not hold are taken as SPACE_ABSENT whatever they are. */
uint64_t space_rank(const struct space *space, const uint64_t *digits);
/* Does the condition of an axis hold, given the digits of the axes that it names? */
bool space_holds(const struct space *space, const uint64_t *digits, size_t axis);
/* Axes such that each comes after those its condition names: the order to decide digits in. */
const size_t *space_order(const struct space *space);
/* The value of a digit as JSON. New reference. */
json_t *space_value(const struct space *space, size_t axis, uint64_t digit);

#endif
