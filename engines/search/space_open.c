/* Checking the axes and resolving their conditions. */
#include "engines/search/space_open.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/json.h"
#include "storage/base/mem.h"

#define EXACT 9007199254740992.0 /* 2^53: whole numbers up to here are doubles */

/* 1 and 1.0 are one value. */
static bool same_value(const json_t *a, const json_t *b)
{
	if (json_is_number(a) && json_is_number(b) && !(json_is_integer(a) && json_is_integer(b)))
		return json_number_value(a) == json_number_value(b);
	return json_equal(a, b);
}

static int refuse_value(const struct space_axis *axis, const json_t *value, const char *what, struct orch_err *err)
{
	char *text = json_text(value, JSON_STYLE_CANONICAL);
	int code = orch_fail(err, ORCH_EINPUT, "hpo.space.%s: %s %s", axis->name, text, what);

	free(text);
	return code;
}

static int check_list(const struct space_axis *axis, struct orch_err *err)
{
	if (axis->choice_count == 0)
		return orch_fail(err, ORCH_EINPUT, "hpo.space.%s: the list is empty; give at least one value", axis->name);
	for (size_t i = 0; i < axis->choice_count; i++)
		for (size_t j = 0; j < i; j++)
			if (same_value(axis->choices[i], axis->choices[j]))
				return refuse_value(axis, axis->choices[i], "is listed twice; take one away", err);
	return 0;
}

static bool is_whole(double value)
{
	return value == floor(value) && fabs(value) <= EXACT;
}

static int check_range(const struct space_axis *axis, struct orch_err *err)
{
	double low = axis->low, high = axis->high;

	if (!isfinite(low) || !isfinite(high) || !isfinite(high - low) || low > high)
		return orch_fail(err, ORCH_EINPUT, "hpo.space.%s: [%g, %g] is no range; give the low end first", axis->name, low, high);
	if (!(axis->step >= 0) || isinf(axis->step))
		return orch_fail(err, ORCH_EINPUT, "hpo.space.%s: a step must be above 0, not %g", axis->name, axis->step);
	if (axis->log && low <= 0)
		return orch_fail(err, ORCH_EINPUT, "hpo.space.%s: log needs a range above 0, not one from %g", axis->name, low);
	if (axis->kind == SPACE_INT && !(is_whole(low) && is_whole(high) && is_whole(axis->step)))
		return orch_fail(err, ORCH_EINPUT, "hpo.space.%s: the ends and the step of an int range must be whole numbers", axis->name);
	if (axis->step > 0 && (high - low) / axis->step > EXACT)
		return orch_fail(err, ORCH_EINPUT, "hpo.space.%s: a step of %g is too fine for [%g, %g]", axis->name, axis->step, low, high);
	return 0;
}

static int check_axes(const struct space_axis *axes, size_t count, struct orch_err *err)
{
	int code = 0;

	for (size_t a = 0; !code && a < count; a++) {
		for (size_t b = 0; b < a; b++)
			if (strcmp(axes[a].name, axes[b].name) == 0)
				return orch_fail(err, ORCH_EINPUT, "hpo.space.%s is given twice; take one away", axes[a].name);
		code = axes[a].kind == SPACE_CHOICE ? check_list(&axes[a], err) : check_range(&axes[a], err);
	}
	return code;
}

/* --- conditions --- */

static size_t find_axis(const struct space *space, const char *name)
{
	size_t a = 0;

	while (a < space->count && strcmp(space->axes[a].name, name) != 0)
		a++;
	return a;
}

/* A condition on another axis. */
static int add_condition(struct space *space, const struct space_axis *axis, size_t parent, const json_t *value, struct orch_err *err)
{
	const struct space_axis *named = &space->axes[parent];
	struct space_condition *grown;
	size_t digit = 0;

	if (named->kind != SPACE_CHOICE)
		return orch_fail(err, ORCH_EINPUT, "hpo.space.%s.when: %s is a range; a condition needs a list of values or a fixed parameter",
		                 axis->name, named->name);
	while (digit < named->choice_count && !same_value(named->choices[digit], value))
		digit++;
	if (digit == named->choice_count) {
		char *text = json_text(value, JSON_STYLE_CANONICAL);
		int code = orch_fail(err, ORCH_EINPUT, "hpo.space.%s.when: %s is never %s; name one of its listed values", axis->name, named->name, text);

		free(text);
		return code;
	}
	grown = mem_array_grow(space->conditions, space->condition_count + 1, sizeof(*grown));
	if (!grown)
		return orch_fail(err, ORCH_ENOMEM, "no memory for the search space");
	space->conditions = grown;
	space->conditions[space->condition_count++] = (struct space_condition){parent, digit};
	return 0;
}

/* A condition on a parameter that does not change: it holds and is forgotten, or the axis would never be there. */
static int check_fixed(const struct space_axis *axis, const char *name, const json_t *fixed, const json_t *value, struct orch_err *err)
{
	char *text;
	int code;

	if (!fixed)
		return orch_fail(err, ORCH_EINPUT, "hpo.space.%s.when: %s is neither searched nor a parameter of the model", axis->name, name);
	if (same_value(fixed, value))
		return 0;
	text = json_text(fixed, JSON_STYLE_CANONICAL);
	code = orch_fail(err, ORCH_EINPUT, "hpo.space.%s.when: %s is fixed at %s, so the condition never holds", axis->name, name, text);
	free(text);
	return code;
}

static int resolve(struct space *space, const struct space_axis *axis, const json_t *fixed, struct orch_err *err)
{
	const char *name;
	json_t *value;
	int code = 0;

	if (axis->when && !json_is_object(axis->when))
		return orch_fail(err, ORCH_EINPUT, "hpo.space.%s.when must be {parameter: value}", axis->name);
	json_object_foreach ((json_t *)axis->when, name, value) {
		size_t parent = find_axis(space, name);

		if (code)
			break;
		code = parent < space->count ? add_condition(space, axis, parent, value, err)
		                             : check_fixed(axis, name, json_object_get(fixed, name), value, err);
	}
	return code;
}

/* --- order --- */

static bool parents_placed(const struct space *space, size_t axis, const bool *placed)
{
	for (size_t c = space->first[axis]; c < space->first[axis + 1]; c++)
		if (!placed[space->conditions[c].parent])
			return false;
	return true;
}

static int sort_axes(struct space *space, struct orch_err *err)
{
	bool *placed = mem_must(space->count, sizeof(*placed));
	size_t next = 0;

	for (size_t n = 0; n < space->count && next < space->count; n++) {
		next = 0;
		while (next < space->count && (placed[next] || !parents_placed(space, next, placed)))
			next++;
		if (next < space->count) {
			placed[next] = true;
			space->order[n] = next;
		}
	}
	for (next = 0; next < space->count && placed[next]; next++)
		;
	free(placed);
	if (next < space->count)
		return orch_fail(err, ORCH_EINPUT, "hpo.space.%s.when: the conditions go round in a circle", space->axes[next].name);
	return 0;
}

/* An axis and its parents take the lowest name among them, until nothing changes. */
static void tie_axes(struct space *space)
{
	bool changed = true;

	for (size_t a = 0; a < space->count; a++)
		space->component[a] = a;
	while (changed) {
		changed = false;
		for (size_t a = 0; a < space->count; a++)
			for (size_t c = space->first[a]; c < space->first[a + 1]; c++) {
				size_t *mine = &space->component[a], *other = &space->component[space->conditions[c].parent];

				changed |= *mine != *other;
				*mine = *other = *mine < *other ? *mine : *other;
			}
	}
}

int space_open(const struct space_axis *axes, size_t axis_count, const json_t *fixed, struct space **out, struct orch_err *err)
{
	struct space *space = mem_must(1, sizeof(*space));
	int code = check_axes(axes, axis_count, err);

	space->axes = axes;
	space->count = axis_count;
	space->first = mem_must(axis_count + 1, sizeof(*space->first));
	space->order = mem_must(axis_count, sizeof(*space->order));
	space->component = mem_must(axis_count, sizeof(*space->component));
	for (size_t a = 0; !code && a < axis_count; a++) {
		code = resolve(space, &axes[a], fixed, err);
		space->first[a + 1] = space->condition_count;
	}
	if (!code)
		code = sort_axes(space, err);
	if (code) {
		space_close(space);
		return code;
	}
	tie_axes(space);
	*out = space;
	return 0;
}

void space_close(struct space *space)
{
	if (!space)
		return;
	free(space->conditions);
	free(space->first);
	free(space->order);
	free(space->component);
	free(space);
}
