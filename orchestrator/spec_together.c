/* What concerns several keys of a campaign file at once. A value that is wrong by itself has been told already: it is null here. */
#include <stdlib.h>
#include <string.h>

#include "engines/metric/metric.h"
#include "engines/split/split.h"
#include "orchestrator/spec_check.h"
#include "storage/base/json.h"

/* The node at "data.exclude", or of what is nearest above it. */
static const struct yaml_node *node_at(const struct spec_check *check, const char *path)
{
	const struct yaml_node *node = check->document->root, *below;
	char word[64];

	while (*path) {
		size_t length = strcspn(path, ".");

		memcpy(word, path, length);
		word[length] = '\0';
		below = spec_yaml_get(node, word);
		if (!below)
			break;
		node = below;
		path += length + (path[length] == '.');
	}
	return node;
}

static bool is_given(const struct spec_check *check, const char *section, const char *key)
{
	const struct yaml_node *node = spec_yaml_get(node_at(check, section), key);

	return node && !spec_is_nothing(node);
}

static bool holds(const json_t *list, const char *text)
{
	json_t *item;
	size_t i;

	if (text && json_is_array(list))
		json_array_foreach(list, i, item)
			if (!strcmp(json_string_value(item), text))
				return true;
	return false;
}

/* ---- data ---- */

static void check_source(struct spec_check *check, const json_t *data)
{
	const struct yaml_node *section = node_at(check, "data");

	if (spec_yaml_get(section, "source") && spec_yaml_get(section, "sql"))
		spec_error(check, node_at(check, "data.sql"), "data takes source or sql, not both");
	else if (!is_given(check, "data", "source") && !is_given(check, "data", "sql") && !spec_is_misspelt("data", "source", section))
		spec_error(check, section, "data.source is missing: the file to read (or data.sql)");
	else if (is_given(check, "data", "sql") && json_is_null(json_object_get(data, "id")))
		spec_error(check, node_at(check, "data.sql"), "data.sql needs data.id, a unique column: the result is sorted by it, so that it is the same every time");
}

/* What a column is used for, when that excludes its being the target or a feature; NULL: nothing. */
static const char *use_of(const json_t *data, const char *column)
{
	const char *id = json_get_text(data, "id", ""), *weight = json_get_text(data, "weight", "");

	return !strcmp(id, column) ? "data.id" : !strcmp(weight, column) ? "data.weight" : holds(json_object_get(data, "exclude"), column) ? "data.exclude" : NULL;
}

static void check_target(struct spec_check *check, const json_t *data, const char *column)
{
	const char *use = column ? use_of(data, column) : NULL;

	if (use)
		spec_error(check, node_at(check, use), "\"%s\" is the target; it cannot be in %s too", column, use);
}

static void check_targets(struct spec_check *check, const json_t *data)
{
	json_t *targets = json_object_get(data, "target"), *angle = json_object_get(targets, "angle"), *target;
	size_t i;

	if (json_is_array(targets))
		json_array_foreach(targets, i, target)
			check_target(check, data, json_string_value(target));
	check_target(check, data, json_string_value(angle));
	check_target(check, data, json_string_value(json_object_get(angle, "sin")));
	check_target(check, data, json_string_value(json_object_get(angle, "cos")));
	if (json_is_object(angle) && !strcmp(json_get_text(angle, "sin", ""), json_get_text(angle, "cos", "")))
		spec_error(check, node_at(check, "data.target.angle"), "sin and cos of the angle are the same column");
}

/* A group of features that holds none. */
static void check_groups(struct spec_check *check, const json_t *data, const json_t *groups)
{
	json_t *targets = json_object_get(data, "target"), *list, *item;
	const char *name, *use;
	size_t i;

	json_object_foreach((json_t *)groups, name, list)
		json_array_foreach(list, i, item) {
			use = holds(targets, json_string_value(item)) ? "data.target" : use_of(data, json_string_value(item));
			if (use)
				spec_error(check, spec_yaml_get(node_at(check, "lofo.groups"), name), "\"%s\" in lofo.groups.%s is no feature: it is in %s", json_string_value(item), name, use);
		}
}

/* ---- metric ---- */

static void check_metric(struct spec_check *check, const json_t *resolved)
{
	json_t *listed = json_object_get(resolved, "metric");
	const char *name = json_string_value(json_is_array(listed) ? json_array_get(listed, 0) : listed), *task = json_get_text(json_object_get(resolved, "data"), "task", "auto");
	const struct metric *metric = name ? metric_find(name) : NULL;
	bool angle = json_is_object(json_object_get(json_object_get(resolved, "data"), "target")), given = is_given(check, "data", "target");

	if (angle && !strcmp(task, "classification"))
		spec_error(check, node_at(check, "data.task"), "an angle target is regression");
	if (!metric)
		return;
	if (angle && metric->family != METRIC_CIRCULAR)
		spec_error(check, node_at(check, "metric"), "an angle target is scored on the circle (cmae, crmse, within_5 ...), not by %s", name);
	else if (given && !angle && metric->family == METRIC_CIRCULAR)
		spec_error(check, node_at(check, "metric"), "%s scores angles; declare the target as {angle: column}", name);
	else if (!strcmp(task, "regression") && metric->family == METRIC_CLASSIFICATION)
		spec_error(check, node_at(check, "metric"), "%s scores classes, but data.task is regression", name);
	else if (!strcmp(task, "classification") && metric->family == METRIC_REGRESSION)
		spec_error(check, node_at(check, "metric"), "%s scores numbers, but data.task is classification", name);
}

/* ---- folds ---- */

/* Keys that say nothing for this kind of folds: told, not ignored. */
static void check_fold_keys(struct spec_check *check, const char *kind, bool once)
{
	static const struct {
		const char *key, *kinds;
	} rules[] = {{"by", "group, time, column"}, {"window", "time"}, {"gap", "time"}, {"k", "kfold, group, time"}, {"repeats", "kfold, group"},
	        {"shuffle", "kfold, group"}, {"stratify", "kfold, group, column"}};

	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (is_given(check, "split.folds", rules[i].key) && !strstr(rules[i].kinds, kind) && !(once && !strcmp(rules[i].key, "repeats"))) {
			char *path = text_format("split.folds.%s", rules[i].key);

			spec_error(check, node_at(check, path), "%s means nothing for folds of kind %s; it is for %s", path, kind, rules[i].kinds);
			free(path);
		}
}

static void check_folds(struct spec_check *check, const json_t *folds)
{
	const char *kind = json_get_text(folds, "kind", NULL);
	long long k = json_get_int(folds, "k", 5), repeats = json_get_int(folds, "repeats", 1);

	if (!kind)
		return;
	if (strcmp(kind, "kfold") && !is_given(check, "split.folds", "by"))
		spec_error(check, node_at(check, "split.folds"), "folds of kind %s need by: the column of the %s", kind,
		        !strcmp(kind, "group") ? "groups" : !strcmp(kind, "time") ? "order" : "fold numbers");
	check_fold_keys(check, kind, repeats == 1);
	if (k * repeats > SPLIT_MAX_FOLDS)
		spec_error(check, node_at(check, "split.folds"), "k x repeats is %lld; %d folds are the most", k * repeats, SPLIT_MAX_FOLDS);
	if (json_is_false(json_object_get(folds, "shuffle")) && repeats > 1)
		spec_error(check, node_at(check, "split.folds.repeats"), "without shuffle all repeats are the same");
}

/* ---- search ---- */

/* What one model searches. */
static void check_space(struct spec_check *check, const json_t *model, const json_t *space, const struct yaml_node *place, bool grid, bool sound)
{
	const char *name;
	json_t *axis;

	json_object_foreach((json_t *)space, name, axis)
		if (grid && json_is_object(axis) && strcmp(json_get_text(axis, "kind", "choice"), "choice"))
			spec_error(check, spec_yaml_get(place, name), "a grid takes lists: give the values of %s, or set sampler: random and trials", name);
	if (sound && json_is_object(space))
		spec_check_space(check, space, json_object_get(model, "params"), place);
}

static void check_search(struct spec_check *check, const json_t *resolved, bool sound)
{
	const json_t *hpo = json_object_get(resolved, "hpo");
	json_t *trials = json_object_get(hpo, "trials"), *space = json_object_get(hpo, "space"), *models = json_object_get(resolved, "models"), *model;
	const struct yaml_node *list = spec_yaml_get(check->document->root, "models");
	const char *sampler = json_get_text(hpo, "sampler", "");
	bool grid = !strcmp(sampler, "grid"), searched = json_is_array(models) ? false : is_given(check, "hpo", "space");
	size_t m;

	if (json_is_string(json_object_get(hpo, "warm_start")) && *sampler && strcmp(sampler, "tpe") && strcmp(sampler, "gp"))
		spec_error(check, node_at(check, "hpo.warm_start"), "hpo.warm_start is for samplers that learn (tpe, gp); %s does not", sampler);
	if (grid && json_integer_value(trials))
		spec_error(check, node_at(check, "hpo.trials"), "a grid tries all of its configurations: remove hpo.trials, or set sampler: random");
	if (!grid && *sampler && json_is_integer(trials) && !json_integer_value(trials))
		spec_error(check, node_at(check, "hpo.trials"), "sampler %s needs hpo.trials: how many configurations to try", sampler);
	else if (!grid && *sampler && json_is_array(models) && (size_t)json_integer_value(trials) < json_array_size(models))
		spec_error(check, node_at(check, "hpo.trials"), "hpo.trials is for all models together: %lld are too few for %zu", (long long)json_integer_value(trials),
		        json_array_size(models));
	if (!json_is_array(models))
		check_space(check, json_object_get(resolved, "model"), space, node_at(check, "hpo.space"), grid, sound);
	json_array_foreach(models, m, model) {
		if (sound) /* else an entry that is wrong is missing here */
			check_space(check, model, json_object_get(model, "space"), spec_yaml_get(list->items[m], "space") ? spec_yaml_get(list->items[m], "space") : list->items[m],
			        grid, sound);
		searched = searched || json_object_size(json_object_get(model, "space"));
	}
	if (!grid && *sampler && json_is_object(space) && !searched)
		spec_error(check, node_at(check, "hpo"), json_is_array(models) ? "sampler %s needs a space in one of the models: what to search" : "sampler %s needs hpo.space: what to search", sampler);
}

void spec_check_together(struct spec_check *check, const json_t *resolved)
{
	const json_t *data = json_object_get(resolved, "data"), *lofo = json_object_get(resolved, "lofo");
	const struct yaml_node *root = check->document->root, *section = spec_yaml_get(root, "data");
	bool sound = !check->errors;

	if (section && (section->kind == YAML_MAP || spec_is_nothing(section))) {
		check_source(check, data);
		check_targets(check, data);
		check_groups(check, data, json_object_get(lofo, "groups"));
	}
	check_metric(check, resolved);
	check_folds(check, json_object_get(json_object_get(resolved, "split"), "folds"));
	if (!is_given(check, "", "model") && !spec_yaml_get(root, "models") && !spec_is_misspelt("", "model", root))
		spec_error(check, node_at(check, "model"), "model is missing: {engine: ridge} is the shortest");
	else
		check_search(check, resolved, sound);
	if (!strcmp(json_get_text(json_object_get(resolved, "ensemble"), "from", ""), "models") && json_array_size(json_object_get(resolved, "models")) < 2)
		spec_error(check, node_at(check, "ensemble.from"), "ensemble.from: models needs several models; trials takes the best trials of the one");
	if (!strcmp(json_get_text(json_object_get(resolved, "rfe"), "drop", ""), "insignificant") && json_is_false(json_object_get(lofo, "enabled")))
		spec_error(check, node_at(check, "rfe.drop"), "rfe.drop: insignificant needs lofo.enabled");
}
