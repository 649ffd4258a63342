/* The model and its search: engines, their parameters, the space; and what concerns several keys at once. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/metric/metric.h"
#include "engines/search/space.h"
#include "orchestrator/spec_check.h"
#include "storage/base/json.h"

static size_t engine_names(const char **names, size_t capacity)
{
	size_t count = 0;

	for (size_t i = 0; engine_table[i] && count < capacity; i++)
		if (!engine_table[i]->needs_permission)
			names[count++] = engine_table[i]->name;
	return count;
}

static const struct engine *take_engine(struct spec_check *check, const struct yaml_node *model)
{
	const struct yaml_node *node = spec_yaml_get(model, "engine");
	const struct engine *engine = node && node->kind == YAML_SCALAR ? engine_find(node->text) : NULL;
	const char *names[64];
	size_t count = engine_names(names, 64);
	char *suggestion;
	struct text_buf all = {0};

	for (size_t i = 0; i < count; i++)
		text_addf(&all, "%s%s", i ? ", " : "", names[i]);
	if (!node || node->kind != YAML_SCALAR) {
		spec_error(check, node ? node : model, "model.engine is missing: one of %s", all.data);
	} else if (!engine || (engine->needs_permission && !getenv("ORCH_FAKE_ENGINE"))) {
		suggestion = spec_suggestion(node->text, names, count);
		spec_error(check, node, "there is no engine \"%s\" (there are %s)%s", node->text, all.data, suggestion);
		free(suggestion);
		engine = NULL;
	} else if (engine->unavailable) {
		spec_error(check, node, "engine \"%s\" is %s", engine->name, engine->unavailable);
		engine = NULL;
	}
	text_buf_release(&all);
	return engine;
}

static const struct param_def *find_param(const struct engine *engine, const char *name)
{
	const struct param_def *def = engine->params ? param_find(engine->params, name) : NULL;

	return def || !engine->params ? def : param_find(engine->params, "*");
}

static void unknown_parameter(struct spec_check *check, const struct engine *engine, const struct yaml_node *key)
{
	const char *names[128];
	size_t count = 0;
	char *suggestion;

	for (const struct param_def *def = engine->params; def && def->name && count < 128; def++)
		names[count++] = def->name;
	suggestion = spec_suggestion(key->text, names, count);
	spec_error(check, key, "engine \"%s\" has no parameter \"%s\"%s", engine->name, key->text, suggestion);
	free(suggestion);
}

static bool check_param(struct spec_check *check, const struct param_def *def, const char *name, const json_t *value, const struct yaml_node *node)
{
	struct orch_err err = {0};

	if (def->kind == PARAM_ANY || !param_check(def, value, &err))
		return true;
	spec_error(check, node, "%s%s%s", strstr(err.text, name) ? "" : name, strstr(err.text, name) ? "" : ": ", err.text);
	return false;
}

static void add_defaults(const struct engine *engine, json_t *params)
{
	for (const struct param_def *def = engine->params; def && def->name; def++) {
		json_t *value = NULL;

		if (!def->fallback || json_object_get(params, def->name))
			continue;
		if (json_parse(def->fallback, strlen(def->fallback), def->name, &value, NULL))
			orch_bug("the default of parameter %s of engine %s is no JSON", def->name, engine->name);
		json_object_set_new(params, def->name, value);
	}
}

/* ---- the command template ---- */

bool spec_template_names(const char *run, bool (*known)(const void *context, const char *name), const void *context, char unknown[128])
{
	for (const char *at = run; (at = strchr(at, '{')); at++) {
		size_t length = strcspn(at + 1, "{} \t\n");
		char name[100];

		if (at[1 + length] != '}' || length == 0 || length >= sizeof name)
			continue;
		memcpy(name, at + 1, length);
		name[length] = '\0';
		if (!known(context, name)) {
			snprintf(unknown, 128, "%s", name);
			return false;
		}
	}
	return true;
}

struct placeholders {
	const json_t *params;
	const struct yaml_node *space;
};

static bool known_placeholder(const void *context, const char *name)
{
	static const char *const own[] = {"fold", "repeat", "trial", "data", "features_file", "target", "seed", "threads"};
	const struct placeholders *places = context;

	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (!strcmp(own[i], name))
			return true;
	return json_object_get(places->params, name) || spec_yaml_get(places->space, name);
}

static json_t *take_run(struct spec_check *check, const struct engine *engine, const struct yaml_node *model, const json_t *params)
{
	const struct yaml_node *run = spec_yaml_get(model, "run"), *protocol = spec_yaml_get(model, "protocol");
	struct placeholders places = {.params = params, .space = spec_yaml_get(spec_yaml_get(check->document->root, "hpo"), "space")};
	char unknown[128];

	if (protocol)
		spec_error(check, protocol, "model.protocol is not available yet; a template runs the program once for each fit");
	if (!engine->external)
		return json_null();
	if (!run || !spec_is_text(check, run)) {
		spec_error(check, run ? run : model, "engine \"%s\" needs model.run: the command line, with placeholders like {fold} and {data}", engine->name);
		return json_null();
	}
	if (!spec_template_names(run->text, known_placeholder, &places, unknown))
		spec_error(check, run, "model.run has the placeholder {%s}, which is no parameter and none of {data} {fold} {repeat} {trial} {features_file} {target} {seed} {threads}", unknown);
	return json_string_nocheck(run->text);
}

json_t *spec_take_model(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	const struct engine *engine;
	json_t *params, *model;

	if (node->kind != YAML_MAP) {
		spec_error(check, node, "%s must be a mapping: {engine: name, parameters ...}", key->path);
		return NULL;
	}
	engine = take_engine(check, node);
	if (!engine)
		return NULL;
	params = json_object();
	for (size_t i = 0; i < node->count; i++) {
		const char *name = node->keys[i]->text;
		const struct param_def *def = find_param(engine, name);
		json_t *value;

		if (!strcmp(name, "engine") || (engine->external && (!strcmp(name, "run") || !strcmp(name, "protocol"))))
			continue;
		if (!def) {
			unknown_parameter(check, engine, node->keys[i]);
		} else if (node->items[i]->kind != YAML_SCALAR) {
			spec_error(check, node->items[i], "%s must be one value; values to search belong to hpo.space", name);
		} else {
			value = spec_scalar(node->items[i]);
			if (check_param(check, def, name, value, node->items[i]))
				json_object_set_nocheck(params, name, value);
			json_decref(value);
		}
	}
	add_defaults(engine, params);
	model = json_pack("{s:s, s:o, s:o}", "engine", engine->name, "params", params, "run", take_run(check, engine, node, params));
	return model;
}

/* ---- the space ---- */

static bool take_range(struct spec_check *check, const char *name, const struct yaml_node *node, const char *kind, double *low, double *high)
{
	const struct yaml_node *range = spec_yaml_get(node, kind);

	if (range->kind == YAML_LIST && range->count == 2 && range->items[0]->kind == YAML_SCALAR && range->items[1]->kind == YAML_SCALAR &&
	        text_to_double(range->items[0]->text, low) && text_to_double(range->items[1]->text, high) && isfinite(*low) && isfinite(*high) && *low < *high &&
	        (strcmp(kind, "int") || (*low == floor(*low) && *high == floor(*high) && fabs(*low) < 9e15 && fabs(*high) < 9e15)))
		return true;
	spec_error(check, range, "hpo.space.%s.%s must be [low, high] with low below high%s", name, kind, strcmp(kind, "int") ? "" : ", both integers");
	return false;
}

static bool known_axis_keys(struct spec_check *check, const char *name, const struct yaml_node *node)
{
	static const char *const names[] = {"float", "int", "log", "step", "when", "choices"};

	for (size_t i = 0; i < node->count; i++) {
		bool known = false;

		for (size_t n = 0; n < 6; n++)
			known = known || !strcmp(node->keys[i]->text, names[n]);
		if (!known) {
			char *suggestion = spec_suggestion(node->keys[i]->text, names, 6);

			spec_error(check, node->keys[i], "there is no key \"%s\" in hpo.space.%s%s", node->keys[i]->text, name, suggestion);
			free(suggestion);
			return false;
		}
	}
	return true;
}

static json_t *take_choices(struct spec_check *check, const char *name, const struct param_def *def, const struct yaml_node *list)
{
	json_t *choices = json_array();

	if (list->kind != YAML_LIST || !list->count) {
		spec_error(check, list, "hpo.space.%s must be a list of values that is not empty, or {float: [low, high]} or {int: [low, high]}", name);
		return choices;
	}
	for (size_t i = 0; i < list->count; i++) {
		json_t *value = list->items[i]->kind == YAML_SCALAR ? spec_scalar(list->items[i]) : NULL, *other;
		size_t j;

		if (!value) {
			spec_error(check, list->items[i], "hpo.space.%s holds single values only", name);
			continue;
		}
		check_param(check, def, name, value, list->items[i]);
		json_array_foreach(choices, j, other)
			if (json_equal(other, value))
				spec_error(check, list->items[i], "hpo.space.%s holds %s twice", name, list->items[i]->text);
		json_array_append_new(choices, value);
	}
	return choices;
}

static json_t *take_when(struct spec_check *check, const char *name, const struct yaml_node *when)
{
	json_t *object = json_object();

	if (when->kind != YAML_MAP) {
		spec_error(check, when, "hpo.space.%s.when must be {parameter: value}", name);
		return object;
	}
	for (size_t i = 0; i < when->count; i++)
		if (when->items[i]->kind == YAML_SCALAR)
			json_object_set_new_nocheck(object, when->keys[i]->text, spec_scalar(when->items[i]));
		else
			spec_error(check, when->items[i], "hpo.space.%s.when compares with one value", name);
	return object;
}

static void check_range_ends(struct spec_check *check, const struct param_def *def, const char *name, const struct yaml_node *node, bool integer, double low, double high)
{
	json_t *ends[] = {integer ? json_integer((json_int_t)low) : json_real(low), integer ? json_integer((json_int_t)high) : json_real(high)};

	if (check_param(check, def, name, ends[0], node))
		check_param(check, def, name, ends[1], node);
	json_decref(ends[0]);
	json_decref(ends[1]);
}

static json_t *take_axis(struct spec_check *check, const char *name, const struct param_def *def, const struct yaml_node *node)
{
	const struct yaml_node *step, *log, *when;
	bool integer, real;
	double low = 0, high = 0, by = 0;
	json_t *axis;

	if (node->kind != YAML_MAP)
		return json_pack("{s:s, s:o}", "kind", "choice", "choices", take_choices(check, name, def, node));
	if (!known_axis_keys(check, name, node))
		return NULL;
	when = spec_yaml_get(node, "when");
	integer = spec_yaml_get(node, "int");
	real = spec_yaml_get(node, "float");
	if (integer + real + (spec_yaml_get(node, "choices") != NULL) != 1) {
		spec_error(check, node, "hpo.space.%s needs one of float: [low, high], int: [low, high], choices: [...]", name);
		return NULL;
	}
	if (!integer && !real) {
		axis = json_pack("{s:s, s:o}", "kind", "choice", "choices", take_choices(check, name, def, spec_yaml_get(node, "choices")));
	} else {
		step = spec_yaml_get(node, "step");
		log = spec_yaml_get(node, "log");
		if (!take_range(check, name, node, integer ? "int" : "float", &low, &high))
			return NULL;
		if (step && (step->kind != YAML_SCALAR || !text_to_double(step->text, &by) || by <= 0 || by > high - low || (integer && by != floor(by))))
			spec_error(check, step, "hpo.space.%s.step must be above 0 and no wider than the range%s", name, integer ? ", an integer" : "");
		if (log && low <= 0 && log->kind == YAML_SCALAR && !strcmp(log->text, "true"))
			spec_error(check, log, "hpo.space.%s: a logarithmic range must begin above 0", name);
		if (log && (log->kind != YAML_SCALAR || (strcmp(log->text, "true") && strcmp(log->text, "false"))))
			spec_error(check, log, "hpo.space.%s.log must be true or false", name);
		check_range_ends(check, def, name, node, integer, low, high);
		axis = json_pack("{s:s, s:f, s:f, s:f, s:b}", "kind", integer ? "int" : "float", "low", low, "high", high, "step", by, "log", log && log->kind == YAML_SCALAR && !strcmp(log->text, "true"));
	}
	if (when)
		json_object_set_new(axis, "when", take_when(check, name, when));
	return axis;
}

json_t *spec_take_space(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	const struct yaml_node *model = spec_yaml_get(check->document->root, "model"), *name_node = spec_yaml_get(model, "engine");
	const struct engine *engine = name_node && name_node->kind == YAML_SCALAR ? engine_find(name_node->text) : NULL;
	json_t *space;

	if (node->kind == YAML_SCALAR && !node->text[0])
		return json_object();
	if (node->kind != YAML_MAP) {
		spec_error(check, node, "%s must be a mapping of parameters to values", key->path);
		return NULL;
	}
	space = json_object();
	for (size_t i = 0; engine && i < node->count; i++) {
		const char *name = node->keys[i]->text;
		const struct param_def *def = find_param(engine, name);
		json_t *axis;

		if (!def) {
			unknown_parameter(check, engine, node->keys[i]);
			continue;
		}
		if (spec_yaml_get(model, name))
			spec_error(check, node->keys[i], "\"%s\" is searched here and fixed in model; keep one of them", name);
		axis = take_axis(check, name, def, node->items[i]);
		if (axis)
			json_object_set_new_nocheck(space, name, axis);
	}
	return space;
}

/* ---- several keys at once ---- */

static const struct yaml_node *node_at(const struct spec_check *check, const char *section, const char *key)
{
	const struct yaml_node *parent = section ? spec_yaml_get(check->document->root, section) : check->document->root;
	const struct yaml_node *node = key ? spec_yaml_get(parent, key) : parent;

	return node ? node : parent ? parent : check->document->root;
}

static void check_data(struct spec_check *check, const json_t *data)
{
	const struct yaml_node *node = node_at(check, "data", NULL);
	bool source = json_is_string(json_object_get(data, "source")), sql = json_is_string(json_object_get(data, "sql"));
	json_t *targets = json_object_get(data, "target"), *exclude = json_object_get(data, "exclude"), *target, *other;
	size_t i, j;

	if (node->kind != YAML_MAP || !spec_yaml_get(check->document->root, "data"))
		return;
	if (source && sql)
		spec_error(check, node_at(check, "data", "sql"), "data takes source or sql, not both");
	if (!source && !sql && !spec_yaml_get(node, "source") && !spec_yaml_get(node, "sql"))
		spec_error(check, node, "data.source is missing: the file to read (or data.sql)");
	if (sql && !json_is_string(json_object_get(data, "id")))
		spec_error(check, node_at(check, "data", "sql"), "data.sql needs data.id, a unique column: the result is sorted by it, so that it is the same every time");
	if (json_is_array(targets))
		json_array_foreach(targets, i, target)
			json_array_foreach(exclude, j, other)
				if (json_equal(target, other))
					spec_error(check, node_at(check, "data", "exclude"), "\"%s\" is the target and excluded", json_string_value(target));
}

static void check_metric(struct spec_check *check, const json_t *resolved)
{
	const char *name = json_string_value(json_object_get(resolved, "metric"));
	const struct metric *metric = name ? metric_find(name) : NULL;
	bool angle = json_is_object(json_object_get(json_object_get(resolved, "data"), "target"));

	if (metric && angle && metric->family != METRIC_CIRCULAR)
		spec_error(check, node_at(check, "metric", NULL), "an angle target is scored on the circle (cmae, crmse, within_5 ...), not by %s", name);
	if (metric && !angle && metric->family == METRIC_CIRCULAR)
		spec_error(check, node_at(check, "metric", NULL), "%s scores angles; declare the target as {angle: column}", name);
}

static void check_folds(struct spec_check *check, const json_t *folds)
{
	const char *kind = json_get_text(folds, "kind", "kfold");
	const struct yaml_node *node = spec_yaml_get(node_at(check, "split", NULL), "folds");

	if (strcmp(kind, "kfold") && !json_is_string(json_object_get(folds, "by")))
		spec_error(check, node, "folds of kind %s need by: the column of the %s", kind, !strcmp(kind, "group") ? "groups" : !strcmp(kind, "time") ? "order" : "fold numbers");
	if ((!strcmp(kind, "time") || !strcmp(kind, "column")) && json_get_int(folds, "repeats", 1) != 1)
		spec_error(check, node, "folds of kind %s are what they are: repeats must be 1", kind);
	if (json_get_int(folds, "k", 5) * json_get_int(folds, "repeats", 1) > 2000)
		spec_error(check, node, "k x repeats is %lld; 2,000 folds are the most", (long long)(json_get_int(folds, "k", 5) * json_get_int(folds, "repeats", 1)));
}

static void check_search(struct spec_check *check, const json_t *hpo)
{
	const char *sampler = json_get_text(hpo, "sampler", "grid"), *name;
	json_int_t trials = json_get_int(hpo, "trials", 0);
	const struct yaml_node *space = spec_yaml_get(node_at(check, "hpo", NULL), "space");
	json_t *axis;

	if (!strcmp(sampler, "grid") && trials)
		spec_error(check, node_at(check, "hpo", "trials"), "a grid tries all of its configurations: remove hpo.trials, or set sampler: random");
	if (!strcmp(sampler, "random") && !trials)
		spec_error(check, node_at(check, "hpo", NULL), "sampler random needs hpo.trials: how many configurations to try");
	json_object_foreach(json_object_get(hpo, "space"), name, axis)
		if (!strcmp(sampler, "grid") && strcmp(json_get_text(axis, "kind", "choice"), "choice"))
			spec_error(check, spec_yaml_get(space, name), "a grid takes lists: give the values of %s, or set sampler: random and trials", name);
}

void spec_check_together(struct spec_check *check, const json_t *resolved)
{
	const json_t *lofo = json_object_get(resolved, "lofo");

	check_data(check, json_object_get(resolved, "data"));
	check_metric(check, resolved);
	check_folds(check, json_object_get(json_object_get(resolved, "split"), "folds"));
	check_search(check, json_object_get(resolved, "hpo"));
	if (!spec_yaml_get(check->document->root, "model") && !spec_yaml_get(check->document->root, "models"))
		spec_error(check, check->document->root, "model is missing: {engine: ridge} is the shortest");
	if (!strcmp(json_get_text(json_object_get(resolved, "rfe"), "drop", ""), "insignificant") && json_is_false(json_object_get(lofo, "enabled")))
		spec_error(check, node_at(check, "rfe", "drop"), "rfe.drop: insignificant needs lofo.enabled");
}
