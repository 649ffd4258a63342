/* What a search may choose: lists and ranges of the engine's parameters, with conditions. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/search/space.h"
#include "orchestrator/spec_check.h"
#include "storage/base/json.h"

#define LIST_MAX 10000 /* values of one list: they are compared with one another */

/* One axis on its way. */
struct axis {
	struct spec_check *check;
	const char *where; /* "hpo.space" */
	const char *name;
	const struct param_def *def;
	const struct yaml_node *node; /* of its value */
	bool integer;
};

static json_t *take_choices(const struct axis *axis, const struct yaml_node *list)
{
	json_t *choices = json_array(), *seen;
	char is[SPEC_WHAT_MAX];

	if (list->kind != YAML_LIST || !list->count || list->count > LIST_MAX) {
		spec_error(axis->check, list, "%s.%s must be a list of 1 to 10,000 values, {float: [low, high]} or {int: [low, high]}, not %s", axis->where, axis->name,
		        list->kind == YAML_LIST ? list->count ? "a longer one" : "an empty list" : spec_what_it_is(list, is));
		return choices;
	}
	seen = json_object();
	for (size_t i = 0; i < list->count; i++) {
		json_t *value = spec_take_parameter_value(axis->check, axis->def, axis->name, list->items[i]);
		char *text = value ? json_text(value, JSON_STYLE_CANONICAL) : mem_text("");

		if (value && json_object_get(seen, text))
			spec_error(axis->check, list->items[i], "%s.%s holds %s twice", axis->where, axis->name, text);
		json_object_set_new_nocheck(seen, text, json_true());
		json_array_append_new(choices, value);
		free(text);
	}
	json_decref(seen);
	return choices;
}

/* ---- ranges ---- */

static bool is_whole(double value)
{
	return value == floor(value) && fabs(value) <= 9007199254740992.0;
}

static bool take_end(const struct axis *axis, const struct yaml_node *node, double *out)
{
	json_t *value = node->kind == YAML_SCALAR ? spec_scalar(node) : NULL;
	struct orch_err err = {0};
	char is[SPEC_WHAT_MAX];
	bool good = json_is_number(value) && (!axis->integer || is_whole(json_number_value(value)));

	if (!good) {
		spec_error(axis->check, node, "%s.%s: a range ends at %s, not %s", axis->where, axis->name, axis->integer ? "integers" : "numbers", spec_what_it_is(node, is));
		json_decref(value);
		return false;
	}
	*out = json_number_value(value);
	json_decref(value);
	value = axis->integer ? json_integer((json_int_t)*out) : json_real(*out);
	good = !param_check(axis->def, value, &err);
	json_decref(value);
	if (!good)
		spec_error(axis->check, node, "%s", err.text);
	return good;
}

static bool take_ends(const struct axis *axis, const struct yaml_node *range, double *low, double *high)
{
	char is[SPEC_WHAT_MAX];

	if (range->kind != YAML_LIST || range->count != 2) {
		spec_error(axis->check, range, "%s.%s: a range is [low, high], not %s", axis->where, axis->name,
		        range->kind == YAML_LIST ? "a list of another length" : spec_what_it_is(range, is));
		return false;
	}
	if (axis->def->kind == PARAM_BOOL || axis->def->kind == PARAM_CHOICE) {
		spec_error(axis->check, range, "%s.%s has no range of values; give a list", axis->where, axis->name);
		return false;
	}
	if (!axis->integer && (axis->def->kind == PARAM_INT || axis->def->kind == PARAM_INT_OR_NULL)) {
		spec_error(axis->check, range, "%s.%s takes integers: write {int: [low, high]}", axis->where, axis->name);
		return false;
	}
	if (!take_end(axis, range->items[0], low) || !take_end(axis, range->items[1], high))
		return false;
	if (*low < *high)
		return true;
	spec_error(axis->check, range, "%s.%s: [%.15g, %.15g] is no range; the low end comes first", axis->where, axis->name, *low, *high);
	return false;
}

static bool take_step(const struct axis *axis, const struct yaml_node *node, double width, double *out)
{
	char is[SPEC_WHAT_MAX];
	double step;

	if (!node)
		return true;
	if (node->kind == YAML_SCALAR && !node->quoted && text_to_double(node->text, &step) && step > 0 && step <= width && (!axis->integer || is_whole(step))) {
		*out = step;
		return true;
	}
	spec_error(axis->check, node, "%s.%s.step must be %s above 0 and at most %.15g, not %s", axis->where, axis->name, axis->integer ? "an integer" : "a number", width,
	        spec_what_it_is(node, is));
	return false;
}

static bool take_log(const struct axis *axis, const struct yaml_node *node, double low, bool *out)
{
	json_t *value = node && node->kind == YAML_SCALAR ? spec_scalar(node) : NULL;
	char is[SPEC_WHAT_MAX];
	bool good = !node || json_is_boolean(value);

	*out = json_is_true(value);
	json_decref(value);
	if (!good)
		spec_error(axis->check, node, "%s.%s.log must be true or false, not %s", axis->where, axis->name, spec_what_it_is(node, is));
	else if (*out && low <= 0)
		spec_error(axis->check, node, "%s.%s.log needs a range above 0, not one from %.15g", axis->where, axis->name, low);
	return good && !(*out && low <= 0);
}

static json_t *take_range(const struct axis *axis)
{
	double low = 0, high = 0, step = 0;
	bool log = false;

	if (!take_ends(axis, spec_yaml_get(axis->node, axis->integer ? "int" : "float"), &low, &high) || !take_step(axis, spec_yaml_get(axis->node, "step"), high - low, &step) ||
	        !take_log(axis, spec_yaml_get(axis->node, "log"), low, &log))
		return NULL;
	return json_pack("{s:s, s:f, s:f, s:f, s:b}", "kind", axis->integer ? "int" : "float", "low", low, "high", high, "step", step, "log", log);
}

/* ---- axes ---- */

static bool known_keys(const struct axis *axis)
{
	static const char *const names[] = {"float", "int", "choices", "when", "log", "step"};
	const struct yaml_node *node = axis->node;
	size_t kinds = 0, known;

	for (size_t i = 0; i < node->count; i++) {
		const struct yaml_node *key = node->keys[i];
		char *suggestion;

		for (known = 0; known < 6 && strcmp(key->text, names[known]); known++)
			;
		kinds += known < 3;
		if (known >= 4 && spec_yaml_get(node, "choices"))
			spec_error(axis->check, key, "%s.%s: %s is for ranges, not for choices", axis->where, axis->name, key->text);
		if (known < 6)
			continue;
		suggestion = spec_suggestion(key->text, names, 6);
		spec_error(axis->check, key, "there is no key \"%s\" in %s.%s%s", key->text, axis->where, axis->name, suggestion);
		free(suggestion);
		return false;
	}
	if (kinds != 1)
		spec_error(axis->check, node, "%s.%s needs one of float: [low, high], int: [low, high], choices: [...]", axis->where, axis->name);
	return kinds == 1;
}

static json_t *take_when(const struct axis *axis, const struct yaml_node *when)
{
	json_t *object = json_object();
	char is[SPEC_WHAT_MAX];

	if (when->kind != YAML_MAP || !when->count)
		spec_error(axis->check, when, "%s.%s.when must be {parameter: value}, not %s", axis->where, axis->name, when->kind == YAML_MAP ? "an empty mapping" : spec_what_it_is(when, is));
	for (size_t i = 0; when->kind == YAML_MAP && i < when->count; i++)
		if (when->items[i]->kind == YAML_SCALAR)
			json_object_set_new_nocheck(object, when->keys[i]->text, spec_scalar(when->items[i]));
		else
			spec_error(axis->check, when->items[i], "%s.%s.when compares %s with one value, not %s", axis->where, axis->name, when->keys[i]->text,
			        spec_what_it_is(when->items[i], is));
	return object;
}

static json_t *take_axis(struct axis *axis)
{
	const struct yaml_node *when = spec_yaml_get(axis->node, "when"), *choices = spec_yaml_get(axis->node, "choices");
	json_t *object;

	if (axis->node->kind != YAML_MAP)
		return json_pack("{s:s, s:o}", "kind", "choice", "choices", take_choices(axis, axis->node));
	if (!known_keys(axis))
		return NULL;
	axis->integer = spec_yaml_get(axis->node, "int");
	object = choices ? json_pack("{s:s, s:o}", "kind", "choice", "choices", take_choices(axis, choices)) : take_range(axis);
	if (object && when)
		json_object_set_new(object, "when", take_when(axis, when));
	return object;
}

json_t *spec_take_model_space(struct spec_check *check, const struct yaml_node *model, const char *where, const struct yaml_node *node)
{
	const struct engine *engine = spec_engine_of(model);
	json_t *space;
	char is[SPEC_WHAT_MAX];

	if (!node || spec_is_nothing(node))
		return json_object();
	if (node->kind != YAML_MAP) {
		spec_error(check, node, "%s must be a mapping of parameters to lists or ranges, not %s", where, spec_what_it_is(node, is));
		return NULL;
	}
	space = json_object();
	for (size_t i = 0; engine && i < node->count; i++) {
		struct axis axis = {.check = check, .where = where, .name = node->keys[i]->text, .node = node->items[i]};

		axis.def = spec_take_parameter(check, engine, node->keys[i]);
		if (!axis.def)
			continue;
		if (spec_yaml_get(model, axis.name))
			spec_error(check, node->keys[i], "%s is searched here and fixed in model; keep one of them", axis.name);
		json_object_set_new_nocheck(space, axis.name, take_axis(&axis));
	}
	return space;
}

json_t *spec_take_space(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	const struct yaml_node *models = spec_yaml_get(check->document->root, "models");

	if (models && !spec_is_nothing(node)) {
		spec_error(check, node, "with models, each entry has its own space; %s has no place", key->path);
		return NULL;
	}
	return spec_take_model_space(check, spec_yaml_get(check->document->root, "model"), key->path, node);
}

/* ---- all axes together ---- */

static struct space_axis space_axis_of(const char *name, json_t *object, json_t ***choices)
{
	const char *kind = json_get_text(object, "kind", "choice");
	json_t *list = json_object_get(object, "choices"), *value;
	struct space_axis axis = {.name = name, .kind = !strcmp(kind, "int") ? SPACE_INT : !strcmp(kind, "float") ? SPACE_FLOAT : SPACE_CHOICE,
	        .low = json_get_real(object, "low", 0), .high = json_get_real(object, "high", 0), .step = json_get_real(object, "step", 0),
	        .log = json_get_bool(object, "log", 0), .when = json_object_get(object, "when"), .choice_count = json_array_size(list)};
	size_t i;

	axis.choices = *choices;
	json_array_foreach(list, i, value)
		*(*choices)++ = value;
	return axis;
}

void spec_check_space(struct spec_check *check, const json_t *axes, const json_t *fixed, const struct yaml_node *place)
{
	json_t *object;
	struct space_axis *list = mem_must(json_object_size(axes) + 1, sizeof *list);
	struct space *space = NULL;
	struct orch_err err = {0};
	json_t **choices, **room;
	const char *name;
	size_t count = 0, values = 1;

	json_object_foreach((json_t *)axes, name, object)
		values += json_array_size(json_object_get(object, "choices"));
	choices = room = mem_must(values, sizeof *room);
	json_object_foreach((json_t *)axes, name, object)
		list[count++] = space_axis_of(name, object, &choices);
	if (space_open(list, count, fixed, &space, &err))
		spec_error(check, place, "%s", err.text);
	space_close(space);
	free(room);
	free(list);
}
