/* Keys of data, split, lofo and rfe that have a shape of their own. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/metric/metric.h"
#include "orchestrator/spec_check.h"
#include "storage/base/json.h"

/* Every key of a small mapping must be one of these; the first that is not is told. */
static bool only_keys(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node, const char *const *names, size_t count)
{
	for (size_t i = 0; i < node->count; i++) {
		bool known = false;
		char *suggestion;

		for (size_t n = 0; n < count; n++)
			known = known || !strcmp(names[n], node->keys[i]->text);
		if (known)
			continue;
		suggestion = spec_suggestion(node->keys[i]->text, names, count);
		spec_error(check, node->keys[i], "there is no key \"%s\" in %s%s", node->keys[i]->text, key->path, suggestion);
		free(suggestion);
		return false;
	}
	return true;
}

json_t *spec_take_name(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	if (spec_is_text(check, node) && node->text[0] != '.' && !strchr(node->text, '/') && strlen(node->text) <= 100)
		return json_string_nocheck(node->text);
	spec_error(check, node, "%s must be a folder's name: no slash, no leading dot, at most 100 bytes", key->path);
	return NULL;
}

/* ---- data ---- */

static json_t *take_angle(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	static const char *const outer[] = {"angle"}, *const inner[] = {"sin", "cos"};
	const struct yaml_node *angle = spec_yaml_get(node, "angle"), *sine, *cosine;

	if (!only_keys(check, key, node, outer, 1))
		return NULL;
	if (angle && spec_is_text(check, angle))
		return json_pack("{s:s}", "angle", angle->text);
	if (!angle || angle->kind != YAML_MAP) {
		spec_error(check, node, "%s must be {angle: column} or {angle: {sin: column, cos: column}}", key->path);
		return NULL;
	}
	if (!only_keys(check, key, angle, inner, 2))
		return NULL;
	sine = spec_yaml_get(angle, "sin");
	cosine = spec_yaml_get(angle, "cos");
	if (sine && cosine && spec_is_text(check, sine) && spec_is_text(check, cosine))
		return json_pack("{s:{s:s, s:s}}", "angle", "sin", sine->text, "cos", cosine->text);
	spec_error(check, angle, "%s needs both columns: {angle: {sin: column, cos: column}}", key->path);
	return NULL;
}

json_t *spec_take_target(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	if (node->kind == YAML_MAP)
		return take_angle(check, key, node);
	if (node->kind == YAML_LIST && !node->count) {
		spec_error(check, node, "%s is an empty list: name at least one column", key->path);
		return NULL;
	}
	return spec_take_texts(check, key, node);
}

json_t *spec_take_expressions(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	json_t *object;
	bool good = true;

	if (node->kind != YAML_MAP) {
		spec_error(check, node, "%s must be a mapping of names to SQL expressions", key->path);
		return NULL;
	}
	object = json_object();
	for (size_t i = 0; i < node->count; i++) {
		if (node->items[i]->kind != YAML_SCALAR || !node->items[i]->text[0] || !node->keys[i]->text[0]) {
			spec_error(check, node->items[i], "%s.%s must be an SQL expression", key->path, node->keys[i]->text);
			good = false;
		} else {
			json_object_set_new_nocheck(object, node->keys[i]->text, json_string_nocheck(node->items[i]->text));
		}
	}
	if (good)
		return object;
	json_decref(object);
	return NULL;
}

json_t *spec_take_lists(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	json_t *object;
	bool good = true;

	if (node->kind != YAML_MAP) {
		spec_error(check, node, "%s must be a mapping of names to lists", key->path);
		return NULL;
	}
	object = json_object();
	for (size_t i = 0; i < node->count; i++) {
		json_t *list = node->items[i]->kind == YAML_LIST && node->items[i]->count ? spec_take_texts(check, key, node->items[i]) : NULL;

		if (!list && (node->items[i]->kind != YAML_LIST || !node->items[i]->count))
			spec_error(check, node->items[i], "%s.%s must be a list that is not empty", key->path, node->keys[i]->text);
		good = good && list;
		if (list)
			json_object_set_new_nocheck(object, node->keys[i]->text, list);
	}
	if (good)
		return object;
	json_decref(object);
	return NULL;
}

/* No feature in two groups. */
json_t *spec_take_groups(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	json_t *groups;

	if (node->kind == YAML_SCALAR && !strcmp(node->text, "auto")) {
		spec_error(check, node, "%s: auto is not available yet; declare the groups by name", key->path);
		return NULL;
	}
	groups = spec_take_lists(check, key, node);
	for (size_t a = 0; groups && a < node->count; a++)
		for (size_t i = 0; i < node->items[a]->count; i++)
			for (size_t b = 0; b < a; b++)
				for (size_t j = 0; j < node->items[b]->count; j++)
					if (!strcmp(node->items[a]->items[i]->text, node->items[b]->items[j]->text))
						spec_error(check, node->items[a]->items[i], "\"%s\" is in the groups \"%s\" and \"%s\"; a feature can be in one", node->items[a]->items[i]->text,
						        node->keys[b]->text, node->keys[a]->text);
	return groups;
}

/* ---- split ---- */

json_t *spec_take_holdout(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	static const char *const names[] = {"column"};
	const struct yaml_node *column;
	double share;

	if (node->kind == YAML_MAP) {
		if (!only_keys(check, key, node, names, 1))
			return NULL;
		column = spec_yaml_get(node, "column");
		if (column && spec_is_text(check, column))
			return json_pack("{s:s}", "column", column->text);
	} else if (node->kind == YAML_SCALAR && text_to_double(node->text, &share) && share >= 0 && share <= key->high) {
		return json_real(share);
	}
	spec_error(check, node, "%s must be a share from 0 to 0.9, or {column: name}", key->path);
	return NULL;
}

static json_t *take_stratum(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	static const char *const names[] = {"column", "bins"};
	const struct yaml_node *column = spec_yaml_get(node, "column"), *bins = spec_yaml_get(node, "bins");
	int64_t count = 0;

	if (spec_is_text(check, node))
		return json_pack("{s:s, s:i}", "column", node->text, "bins", 0);
	if (node->kind == YAML_MAP && only_keys(check, key, node, names, 2) && column && spec_is_text(check, column) &&
	        (!bins || (bins->kind == YAML_SCALAR && text_to_int64(bins->text, &count) && count >= 2 && count <= 1000)))
		return json_pack("{s:s, s:i}", "column", column->text, "bins", (int)count);
	if (node->kind != YAML_MAP || (column && bins))
		spec_error(check, node, "%s takes column names, or {column: name, bins: 2 to 1000}", key->path);
	else if (!column)
		spec_error(check, node, "%s: a mapping needs column: name", key->path);
	return NULL;
}

json_t *spec_take_stratify(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	json_t *list = json_array();
	size_t count = node->kind == YAML_LIST ? node->count : 1;

	for (size_t i = 0; i < count; i++) {
		json_t *item = take_stratum(check, key, node->kind == YAML_LIST ? node->items[i] : node);

		if (item)
			json_array_append_new(list, item);
	}
	return list;
}

/* ---- metric ---- */

json_t *spec_take_metric(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	const char *names[64];
	size_t count = 0;
	char *suggestion;

	if (node->kind != YAML_SCALAR) {
		spec_error(check, node, "%s: several metrics are not available yet; name one", key->path);
		return NULL;
	}
	if (metric_find(node->text))
		return json_string(node->text);
	while (metric_table[count] && count < 64) {
		names[count] = metric_table[count]->name;
		count++;
	}
	suggestion = spec_suggestion(node->text, names, count);
	spec_error(check, node, "there is no metric \"%s\"%s", node->text, suggestion);
	free(suggestion);
	return NULL;
}

/* ---- rfe ---- */

json_t *spec_take_drop(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	int64_t count;
	double share;
	char number[32];
	size_t length = node->kind == YAML_SCALAR ? strlen(node->text) : 0;

	if (length && !strcmp(node->text, "insignificant"))
		return json_string("insignificant");
	if (length && text_to_int64(node->text, &count) && count >= 1 && count <= 1000000)
		return json_integer(count);
	if (length > 1 && length < sizeof number && node->text[length - 1] == '%') {
		memcpy(number, node->text, length - 1);
		number[length - 1] = '\0';
		if (text_to_double(number, &share) && share > 0 && share < 100)
			return json_string_nocheck(node->text);
	}
	spec_error(check, node, "%s must be a count of at least 1, a share like \"10%%\", or insignificant", key->path);
	return NULL;
}

json_t *spec_take_stop(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	static const char *const names[] = {"worse_by", "patience"};
	const struct yaml_node *worse = spec_yaml_get(node, "worse_by"), *patience = spec_yaml_get(node, "patience");
	double share = 0;
	int64_t rounds = 1;

	if (node->kind == YAML_MAP && !only_keys(check, key, node, names, 2))
		return NULL;
	if (node->kind == YAML_MAP && worse && worse->kind == YAML_SCALAR && text_to_double(worse->text, &share) && share >= 0 && share <= 1000 &&
	        (!patience || (patience->kind == YAML_SCALAR && text_to_int64(patience->text, &rounds) && rounds >= 1 && rounds <= 100000)))
		return json_pack("{s:f, s:I}", "worse_by", share, "patience", (json_int_t)rounds);
	spec_error(check, node, "%s must be {worse_by: a share like 0.05, patience: a number of rounds}", key->path);
	return NULL;
}

json_t *spec_take_choose(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	static const char *const names[] = {"tolerance"};
	const struct yaml_node *tolerance = spec_yaml_get(node, "tolerance");
	double share;

	if (node->kind == YAML_SCALAR && (!strcmp(node->text, "best") || !strcmp(node->text, "one_se")))
		return json_string(node->text);
	if (node->kind == YAML_MAP && only_keys(check, key, node, names, 1) && tolerance && tolerance->kind == YAML_SCALAR && text_to_double(tolerance->text, &share) &&
	        share >= 0 && share <= 1000)
		return json_pack("{s:f}", "tolerance", share);
	spec_error(check, node, "%s must be best, one_se or {tolerance: a share like 0.01}", key->path);
	return NULL;
}
