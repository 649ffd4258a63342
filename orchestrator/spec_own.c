/* Keys of data, split, lofo and rfe that have a shape of their own. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/metric/metric.h"
#include "orchestrator/spec.h"
#include "orchestrator/spec_check.h"
#include "storage/base/json.h"

#define LEARNING_SHARES_MAX 20
#define GROUPS_AUTO 0.9 /* groups: auto */

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

const char *spec_name_problem(const char *name)
{
	if (!name[0])
		return "it is empty";
	if (name[0] == '.')
		return "it begins with a dot";
	if (strlen(name) > 100)
		return "it is longer than 100 bytes";
	if (!text_is_utf8(name, strlen(name)))
		return "it is not UTF-8";
	for (const char *at = name; *at; at++)
		if (*at == '/' || (unsigned char)*at < ' ' || *at == 127)
			return *at == '/' ? "it holds a slash" : "it holds a control character";
	return NULL;
}

json_t *spec_take_name(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	char is[SPEC_WHAT_MAX];
	const char *problem = spec_is_text(node) ? spec_name_problem(node->text) : NULL;

	if (spec_is_text(node) && !problem)
		return json_string_nocheck(node->text);
	if (problem)
		spec_error(check, node, "%s names a folder, so it cannot be %s: %s", key->path, spec_what_it_is(node, is), problem);
	else
		spec_error(check, node, "%s must be a text, not %s", key->path, spec_what_it_is(node, is));
	return NULL;
}

/* ---- data ---- */

static json_t *take_angle(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	static const char *const outer[] = {"angle"}, *const inner[] = {"sin", "cos"};
	const struct yaml_node *angle = spec_yaml_get(node, "angle"), *sine, *cosine;

	if (!only_keys(check, key, node, outer, 1))
		return NULL;
	if (angle && spec_is_text(angle))
		return json_pack("{s:s}", "angle", angle->text);
	if (!angle || angle->kind != YAML_MAP) {
		spec_error(check, node, "%s must be {angle: column} or {angle: {sin: column, cos: column}}", key->path);
		return NULL;
	}
	if (!only_keys(check, key, angle, inner, 2))
		return NULL;
	sine = spec_yaml_get(angle, "sin");
	cosine = spec_yaml_get(angle, "cos");
	if (sine && cosine && spec_is_text(sine) && spec_is_text(cosine))
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

/* What was built; NULL when errors were told since `before`. */
static json_t *unless_errors(const struct spec_check *check, unsigned before, json_t *value)
{
	if (check->errors == before)
		return value;
	json_decref(value);
	return NULL;
}

json_t *spec_take_expressions(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	json_t *object;
	unsigned before = check->errors;
	char is[SPEC_WHAT_MAX];

	if (node->kind != YAML_MAP) {
		spec_error(check, node, "%s must be a mapping of names to SQL expressions, not %s", key->path, spec_what_it_is(node, is));
		return NULL;
	}
	object = json_object();
	for (size_t i = 0; i < node->count; i++) {
		if (!node->keys[i]->text[0])
			spec_error(check, node->keys[i], "%s: a feature needs a name", key->path);
		else if (!spec_is_text(node->items[i]))
			spec_error(check, node->items[i], "%s.%s must be an SQL expression, not %s", key->path, node->keys[i]->text, spec_what_it_is(node->items[i], is));
		else
			json_object_set_new_nocheck(object, node->keys[i]->text, json_string_nocheck(node->items[i]->text));
	}
	return unless_errors(check, before, object);
}

json_t *spec_take_lists(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	json_t *object;
	unsigned before = check->errors;
	char is[SPEC_WHAT_MAX];

	if (node->kind != YAML_MAP) {
		spec_error(check, node, "%s must be a mapping of names to lists, not %s", key->path, spec_what_it_is(node, is));
		return NULL;
	}
	object = json_object();
	for (size_t i = 0; i < node->count; i++) {
		const struct yaml_node *list = node->items[i];
		char *path = text_format("%s.%s", key->path, node->keys[i]->text);
		struct spec_key named = *key;

		named.path = path;
		if (list->kind != YAML_LIST)
			spec_error(check, list, "%s must be a list, not %s", path, spec_what_it_is(list, is));
		else if (!list->count)
			spec_error(check, list, "%s is an empty list", path);
		else
			json_object_set_new_nocheck(object, node->keys[i]->text, spec_take_texts(check, &named, list));
		free(path);
	}
	return unless_errors(check, before, object);
}

/* "auto" among the groups: from which |rank correlation| on features are grouped. False after telling an error. */
static bool take_auto(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node, double *threshold)
{
	char is[SPEC_WHAT_MAX];

	if (node->kind == YAML_SCALAR && !node->quoted && text_to_double(node->text, threshold) && *threshold > 0 && *threshold <= 1)
		return true;
	if (node->kind == YAML_LIST)
		spec_error(check, node, "%s.auto is the rank correlation from which on features are grouped (auto: 0.9); give this group another name", key->path);
	else
		spec_error(check, node, "%s.auto must be a number above 0, at most 1, not %s", key->path, spec_what_it_is(node, is));
	return false;
}

/* The declared groups alone. */
static json_t *take_declared(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	struct yaml_node declared = *node;
	json_t *groups;

	declared.keys = mem_must(node->count + 1, sizeof *declared.keys);
	declared.items = mem_must(node->count + 1, sizeof *declared.items);
	declared.count = 0;
	for (size_t g = 0; g < node->count; g++)
		if (strcmp(node->keys[g]->text, "auto")) {
			declared.keys[declared.count] = node->keys[g];
			declared.items[declared.count++] = node->items[g];
		}
	groups = spec_take_lists(check, key, &declared);
	free(declared.keys);
	free(declared.items);
	return groups;
}

/* No feature in two groups. */
static void check_apart(struct spec_check *check, const struct yaml_node *node)
{
	json_t *group_of = json_object();

	for (size_t g = 0; g < node->count; g++)
		for (size_t i = 0; i < node->items[g]->count; i++) {
			const struct yaml_node *feature = node->items[g]->items[i];
			const char *other = json_get_text(group_of, feature->text, NULL);

			if (other)
				spec_error(check, feature, "\"%s\" is in the groups \"%s\" and \"%s\"; a feature can be in one", feature->text, other, node->keys[g]->text);
			else
				json_object_set_new_nocheck(group_of, feature->text, json_string_nocheck(node->keys[g]->text));
		}
	json_decref(group_of);
}

json_t *spec_take_groups(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	const struct yaml_node *found = spec_yaml_get(node, "auto");
	unsigned before = check->errors;
	char is[SPEC_WHAT_MAX];
	json_t *groups;
	double threshold = GROUPS_AUTO;

	if (node->kind == YAML_SCALAR && !strcmp(node->text, "auto"))
		return json_pack("{s:f}", "auto", threshold);
	if (node->kind != YAML_MAP) {
		spec_error(check, node, "%s must be auto, or a mapping of names to lists, not %s", key->path, spec_what_it_is(node, is));
		return NULL;
	}
	groups = take_declared(check, key, node);
	if (found && take_auto(check, key, found, &threshold))
		json_object_set_new(groups, "auto", json_real(threshold));
	if (groups)
		check_apart(check, node);
	return unless_errors(check, before, groups);
}

/* ---- diagnostics ---- */

static int compare_shares(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void take_share(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node, double *shares, size_t *count)
{
	char is[SPEC_WHAT_MAX];
	double share;

	if (node->kind != YAML_SCALAR || node->quoted || !text_to_double(node->text, &share) || !(share > 0 && share < 1)) {
		spec_error(check, node, "%s: a share of the training rows is above 0 and below 1 (all of them are the baseline), not %s", key->path, spec_what_it_is(node, is));
		return;
	}
	for (size_t i = 0; i < *count; i++)
		if (shares[i] == share) {
			spec_error(check, node, "%s has %s twice", key->path, node->text);
			return;
		}
	shares[(*count)++] = share;
}

/* In ascending order, whatever the order given. */
json_t *spec_take_learning_curve(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	unsigned before = check->errors;
	double shares[LEARNING_SHARES_MAX];
	json_t *list, *flag = node->kind == YAML_SCALAR ? spec_scalar(node) : NULL;
	char is[SPEC_WHAT_MAX];
	size_t count = 0;

	if (json_is_boolean(flag)) {
		list = json_is_true(flag) ? json_pack("[f, f, f, f]", 0.1, 0.2, 0.4, 0.7) : json_array();
		json_decref(flag);
		return list;
	}
	json_decref(flag);
	if (node->kind != YAML_LIST || node->count > LEARNING_SHARES_MAX) {
		spec_error(check, node, "%s must be true, false or a list of at most %d shares of the training rows ([0.1, 0.2, 0.4, 0.7]), not %s", key->path, LEARNING_SHARES_MAX,
		        node->kind == YAML_LIST ? "a longer one" : spec_what_it_is(node, is));
		return NULL;
	}
	for (size_t i = 0; i < node->count; i++)
		take_share(check, key, node->items[i], shares, &count);
	qsort(shares, count, sizeof *shares, compare_shares);
	list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_real(shares[i]));
	return unless_errors(check, before, list);
}

/* ---- split ---- */

json_t *spec_take_holdout(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	static const char *const names[] = {"column"};
	const struct yaml_node *column = spec_yaml_get(node, "column");
	char is[SPEC_WHAT_MAX];
	double share;

	if (node->kind == YAML_MAP && !only_keys(check, key, node, names, 1))
		return NULL;
	if (column && spec_is_text(column))
		return json_pack("{s:s}", "column", column->text);
	if (node->kind == YAML_SCALAR && text_to_double(node->text, &share) && share >= 0 && share <= key->high)
		return json_real(share);
	if (node->kind == YAML_MAP)
		spec_error(check, node, "%s: {column: name} needs the name of a column", key->path);
	else
		spec_error(check, node, "%s must be a share from 0 to %.15g, or {column: name}, not %s", key->path, key->high, spec_what_it_is(node, is));
	return NULL;
}

static json_t *take_stratum(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	static const char *const names[] = {"column", "bins"};
	const struct yaml_node *column = spec_yaml_get(node, "column"), *bins = spec_yaml_get(node, "bins");
	char is[SPEC_WHAT_MAX];
	int64_t count = 0;

	if (spec_is_text(node))
		return json_pack("{s:s, s:i}", "column", node->text, "bins", 0);
	if (node->kind != YAML_MAP) {
		spec_error(check, node, "%s takes columns, or {column: name, bins: 10}, not %s", key->path, spec_what_it_is(node, is));
		return NULL;
	}
	if (!only_keys(check, key, node, names, 2))
		return NULL;
	if (!column || !spec_is_text(column)) {
		spec_error(check, column ? column : node, "%s: {column: name, bins: 10} needs the name of a column", key->path);
		return NULL;
	}
	if (bins && (bins->kind != YAML_SCALAR || bins->quoted || !text_to_int64(bins->text, &count) || count < 2 || count > 1000)) {
		spec_error(check, bins, "%s: bins must be an integer from 2 to 1000, not %s", key->path, spec_what_it_is(bins, is));
		return NULL;
	}
	return json_pack("{s:s, s:i}", "column", column->text, "bins", (int)count);
}

json_t *spec_take_stratify(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	json_t *list = json_array(), *seen = json_object();
	size_t count = node->kind == YAML_LIST ? node->count : 1;
	unsigned before = check->errors;

	if (count > 16)
		spec_error(check, node, "%s crosses %zu columns; 16 are the most", key->path, count);
	for (size_t i = 0; i < count && check->errors == before; i++) {
		const struct yaml_node *at = node->kind == YAML_LIST ? node->items[i] : node;
		json_t *item = take_stratum(check, key, at);
		const char *column = json_get_text(item, "column", "");

		if (item && json_object_get(seen, column))
			spec_error(check, at, "%s names \"%s\" twice", key->path, column);
		json_object_set_new_nocheck(seen, column, json_true());
		json_array_append_new(list, item);
	}
	json_decref(seen);
	return unless_errors(check, before, list);
}

/* ---- metric ---- */

/* first: it is optimised, so it must come from predictions. */
static bool take_metric_name(struct spec_check *check, const struct yaml_node *node, bool first)
{
	const char *names[64];
	size_t count = 0;
	char *suggestion, is[SPEC_WHAT_MAX];
	struct text_buf all = {0};

	if (node->kind != YAML_SCALAR) {
		spec_error(check, node, "a metric is a name, not %s", spec_what_it_is(node, is));
		return false;
	}
	if (metric_find(node->text) || (!first && !strcmp(node->text, SPEC_FIT_SECONDS)))
		return true;
	for (; metric_table[count] && count < 62; count++) {
		names[count] = metric_table[count]->name;
		text_addf(&all, " %s", names[count]);
	}
	if (!first)
		names[count++] = SPEC_FIT_SECONDS;
	suggestion = spec_suggestion(node->text, names, count);
	if (!strcmp(node->text, SPEC_FIT_SECONDS))
		spec_error(check, node, "fit_seconds cannot be the first metric: name one that scores predictions before it");
	else if (suggestion[0])
		spec_error(check, node, "there is no metric \"%s\"%s", node->text, suggestion);
	else
		spec_error(check, node, "there is no metric \"%s\"; there are%s%s", node->text, all.data, first ? "" : " fit_seconds");
	free(suggestion);
	text_buf_release(&all);
	return false;
}

json_t *spec_take_metric(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	json_t *list;

	if (node->kind == YAML_SCALAR)
		return take_metric_name(check, node, true) ? json_string(node->text) : NULL;
	if (node->kind != YAML_LIST || node->count < 2 || node->count > 8) {
		spec_error(check, node, "%s must be a name like rmse, or a list of 2 to 8 like [rmse, fit_seconds]: the first is optimised", key->path);
		return NULL;
	}
	list = json_array();
	for (size_t i = 0; i < node->count; i++) {
		if (!take_metric_name(check, node->items[i], !i))
			continue;
		for (size_t j = 0; j < i; j++)
			if (node->items[j]->kind == YAML_SCALAR && !strcmp(node->items[j]->text, node->items[i]->text))
				spec_error(check, node->items[i], "%s is named twice", node->items[i]->text);
		json_array_append_new(list, json_string(node->items[i]->text));
	}
	return list;
}

static json_t *take_bounds(struct spec_check *check, const char *name, const struct yaml_node *node)
{
	json_t *bounds = json_object();
	bool sound = node->kind == YAML_MAP && node->count;

	for (size_t i = 0; sound && i < node->count; i++) {
		double bound;

		sound = (!strcmp(node->keys[i]->text, "min") || !strcmp(node->keys[i]->text, "max")) && node->items[i]->kind == YAML_SCALAR && !node->items[i]->quoted &&
		        text_to_double(node->items[i]->text, &bound);
		if (sound)
			json_object_set_new(bounds, node->keys[i]->text, json_real(bound));
	}
	if (!sound)
		spec_error(check, node, "constraints.%s must be {max: number}, {min: number} or both", name);
	return bounds;
}

json_t *spec_take_constraints(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	json_t *constraints = json_object();
	char is[SPEC_WHAT_MAX];

	if (spec_is_nothing(node))
		return constraints;
	if (node->kind != YAML_MAP) {
		spec_error(check, node, "%s must be a mapping like {fit_seconds: {max: 2}}, not %s", key->path, spec_what_it_is(node, is));
		return constraints;
	}
	for (size_t i = 0; i < node->count; i++)
		if (take_metric_name(check, node->keys[i], false))
			json_object_set_new(constraints, node->keys[i]->text, take_bounds(check, node->keys[i]->text, node->items[i]));
	return constraints;
}

/* ---- rfe ---- */

bool spec_share_of(const char *text, double *out)
{
	char number[32];
	size_t length = strlen(text);
	double share;

	if (length < 2 || length >= sizeof number || text[length - 1] != '%')
		return false;
	memcpy(number, text, length - 1);
	number[length - 1] = '\0';
	if (!text_to_double(number, &share) || !(share > 0 && share < 100))
		return false;
	*out = share / 100;
	return true;
}

json_t *spec_take_drop(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	int64_t count;
	double share;
	char is[SPEC_WHAT_MAX];

	if (node->kind == YAML_SCALAR && !strcmp(node->text, "insignificant"))
		return json_string("insignificant");
	if (node->kind == YAML_SCALAR && text_to_int64(node->text, &count) && count >= 1 && count <= 1000000)
		return json_integer(count);
	if (node->kind == YAML_SCALAR && spec_share_of(node->text, &share))
		return json_string_nocheck(node->text);
	spec_error(check, node, "%s must be a count of at least 1, a share like \"10%%\", or insignificant, not %s", key->path, spec_what_it_is(node, is));
	return NULL;
}

/* A number at key of a small mapping; absent: *out stays. False after telling an error. */
static bool take_number_at(struct spec_check *check, const struct spec_key *key, const struct yaml_node *map, const char *name, double low, double high, bool integer, double *out)
{
	const struct yaml_node *node = spec_yaml_get(map, name);
	char is[SPEC_WHAT_MAX];
	double value;

	if (!node)
		return true;
	if (node->kind == YAML_SCALAR && !node->quoted && text_to_double(node->text, &value) && value >= low && value <= high && (!integer || value == floor(value))) {
		*out = value;
		return true;
	}
	spec_error(check, node, "%s.%s must be %s from %.15g to %.15g, not %s", key->path, name, integer ? "an integer" : "a number", low, high, spec_what_it_is(node, is));
	return false;
}

json_t *spec_take_stop(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	static const char *const names[] = {"worse_by", "patience"};
	double share = 0, rounds = 1;
	char is[SPEC_WHAT_MAX];

	if (node->kind == YAML_MAP && !only_keys(check, key, node, names, 2))
		return NULL;
	if (node->kind != YAML_MAP || !spec_yaml_get(node, "worse_by")) {
		if (node->kind == YAML_MAP)
			spec_error(check, node, "%s needs worse_by: a share like 0.05", key->path);
		else
			spec_error(check, node, "%s must be {worse_by: 0.05, patience: 2}, not %s", key->path, spec_what_it_is(node, is));
		return NULL;
	}
	if (!take_number_at(check, key, node, "worse_by", 0, 1000, false, &share) || !take_number_at(check, key, node, "patience", 1, 100000, true, &rounds))
		return NULL;
	return json_pack("{s:f, s:I}", "worse_by", share, "patience", (json_int_t)rounds);
}

json_t *spec_take_choose(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	static const char *const names[] = {"tolerance"}, *const words[] = {"best", "one_se", "tolerance"};
	double share = 0;
	char is[SPEC_WHAT_MAX], *suggestion;

	if (node->kind == YAML_SCALAR && (!strcmp(node->text, "best") || !strcmp(node->text, "one_se")))
		return json_string(node->text);
	if (node->kind == YAML_MAP && node->count) {
		if (only_keys(check, key, node, names, 1) && take_number_at(check, key, node, "tolerance", 0, 1000, false, &share))
			return json_pack("{s:f}", "tolerance", share);
		return NULL;
	}
	suggestion = node->kind == YAML_SCALAR ? spec_suggestion(node->text, words, 2) : mem_text("");
	spec_error(check, node, "%s must be best, one_se or {tolerance: 0.01}, not %s%s", key->path, spec_what_it_is(node, is), suggestion);
	free(suggestion);
	return NULL;
}
