/* The model: its engine, the engine's parameters, a command's template. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/command_parts.h"
#include "orchestrator/spec_check.h"
#include "storage/base/json.h"

static bool is_own_placeholder(const char *name)
{
	static const char *const own[] = {"fold", "repeat", "trial", "data", "features_file", "target", "seed", "threads"};

	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (!strcmp(own[i], name))
			return true;
	return false;
}

/* Those that a spec may name now. */
static size_t engine_names(const char **names, size_t capacity)
{
	size_t count = 0;

	for (size_t i = 0; engine_table[i] && count < capacity; i++)
		if (!engine_table[i]->needs_permission && !engine_table[i]->unavailable)
			names[count++] = engine_table[i]->name;
	return count;
}

static void refuse_engine(struct spec_check *check, const struct yaml_node *node, const struct engine *engine)
{
	const char *names[64];
	size_t count = engine_names(names, 64);
	char *suggestion;
	struct text_buf all = {0};

	for (size_t i = 0; i < count; i++)
		text_addf(&all, "%s%s", i ? ", " : "", names[i]);
	suggestion = node->kind == YAML_SCALAR ? spec_suggestion(node->text, names, count) : mem_text("");
	if (engine && engine->unavailable)
		spec_error(check, node, "engine %s is %s; available: %s", engine->name, engine->unavailable, all.data);
	else if (node->kind != YAML_SCALAR || spec_is_nothing(node))
		spec_error(check, node, "model.engine is missing: one of %s", all.data);
	else
		spec_error(check, node, "there is no engine \"%s\"; there are %s%s", node->text, all.data, suggestion);
	free(suggestion);
	text_buf_release(&all);
}

static const struct engine *take_engine(struct spec_check *check, const struct yaml_node *model)
{
	const struct yaml_node *node = spec_yaml_get(model, "engine");
	const struct engine *engine = spec_engine_of(model);

	if (engine && !engine->unavailable)
		return engine;
	refuse_engine(check, node ? node : model, engine);
	return NULL;
}

const struct engine *spec_engine_of(const struct yaml_node *model)
{
	const struct yaml_node *node = spec_yaml_get(model, "engine");
	const struct engine *engine = node && node->kind == YAML_SCALAR ? engine_find(node->text) : NULL;

	return engine && engine->needs_permission && !getenv("ORCH_FAKE_ENGINE") ? NULL : engine;
}

const struct param_def *spec_take_parameter(struct spec_check *check, const struct engine *engine, const struct yaml_node *key)
{
	const struct param_def *def = param_find(engine->params, key->text);
	const char *names[128];
	size_t count = 0;
	char *suggestion;

	if (engine->external && is_own_placeholder(key->text)) {
		spec_error(check, key, "{%s} is filled in by orch; give the parameter another name", key->text);
		return NULL;
	}
	if (!def)
		def = param_find(engine->params, "*");
	if (def)
		return def;
	for (def = engine->params; def && def->name && count < 128; def++)
		names[count++] = def->name;
	suggestion = spec_suggestion(key->text, names, count);
	spec_error(check, key, "engine %s has no parameter \"%s\"%s", engine->name, key->text, suggestion);
	free(suggestion);
	return NULL;
}

/* Whole numbers become reals where the parameter is one: 1 and 1.0 are the same configuration. */
static json_t *canonical(const struct param_def *def, json_t *value)
{
	double number = json_number_value(value);

	if (!json_is_integer(value) || (def->kind != PARAM_REAL && def->kind != PARAM_REAL_OR_CHOICE))
		return value;
	json_decref(value);
	return json_real(number);
}

json_t *spec_take_parameter_value(struct spec_check *check, const struct param_def *def, const char *name, const struct yaml_node *node)
{
	struct orch_err err = {0};
	json_t *value;

	if (node->kind != YAML_SCALAR) {
		spec_error(check, node, "%s must be one value, not %s; values to search belong to hpo.space", name, node->kind == YAML_LIST ? "a list" : "a mapping");
		return NULL;
	}
	value = spec_scalar(node);
	if (!param_check(def, value, &err))
		return canonical(def, value);
	spec_error(check, node, "%s", err.text);
	json_decref(value);
	return NULL;
}

static void add_defaults(const struct engine *engine, json_t *params)
{
	for (const struct param_def *def = engine->params; def && def->name; def++) {
		json_t *value = NULL;

		if (!def->fallback || json_object_get(params, def->name))
			continue;
		if (json_parse(def->fallback, strlen(def->fallback), def->name, &value, NULL))
			orch_bug("the default of parameter %s of engine %s is no JSON", def->name, engine->name);
		json_object_set_new(params, def->name, canonical(def, value));
	}
}

/* ---- the command template ---- */

struct placeholders {
	const json_t *params;
	const struct yaml_node *space;
	char unknown[128]; /* the first that will have no value */
	bool stays;        /* the program is started once: nothing of a fit is known then */
};

/* As command_arguments asks for values; only whether there will be one is known here. */
static bool know_placeholder(const void *context, const char *name, struct text_buf *out)
{
	struct placeholders *places = *(struct placeholders *const *)context;

	if (places->stays ? strcmp(name, "seed") && strcmp(name, "threads") && strcmp(name, "target") && !places->unknown[0] : false)
		snprintf(places->unknown, sizeof places->unknown, "%s", name);
	if (!places->stays && !is_own_placeholder(name) && !json_object_get(places->params, name) && !spec_yaml_get(places->space, name) && !places->unknown[0])
		snprintf(places->unknown, sizeof places->unknown, "%s", name);
	text_add(out, "x");
	return true;
}

static void check_template(struct spec_check *check, const struct yaml_node *run, const struct yaml_node *space, const json_t *params, bool stays)
{
	struct placeholders places = {.params = params, .space = space, .stays = stays}, *context = &places;
	struct orch_err err = {0};
	char **argv = NULL;

	if (command_arguments(run->text, know_placeholder, &context, &argv, &err))
		spec_error(check, run, "%s", err.text);
	else if (places.unknown[0] && stays)
		spec_error(check, run, "model.run has the placeholder {%s}, but with protocol: jsonl the program is started once and is told each fit on its stdin; only {seed} {threads} "
		        "{target} are known then", places.unknown);
	else if (places.unknown[0])
		spec_error(check, run, "model.run has the placeholder {%s}, which is no parameter and none of {data} {fold} {repeat} {trial} {features_file} {target} {seed} {threads}", places.unknown);
	command_arguments_release(argv);
}

/* protocol: jsonl */
static bool takes_stays(struct spec_check *check, const struct engine *engine, const struct yaml_node *model)
{
	const struct yaml_node *protocol = spec_yaml_get(model, "protocol");

	if (!engine->external || !protocol)
		return false;
	if (protocol->kind == YAML_SCALAR && !strcmp(protocol->text, "jsonl"))
		return true;
	if (protocol->kind != YAML_SCALAR || strcmp(protocol->text, "template"))
		spec_error(check, protocol, "model.protocol must be template (model.run is started once for each fit) or jsonl (it stays alive and is given fits as JSON lines)");
	return false;
}

static json_t *take_run(struct spec_check *check, const struct engine *engine, const struct yaml_node *model, bool listed, const json_t *params, bool stays)
{
	const struct yaml_node *run = spec_yaml_get(model, "run");

	if (!engine->external)
		return json_null();
	if (!run || !spec_is_text(run)) {
		spec_error(check, run ? run : model, "engine %s needs model.run: the command line, with placeholders like {fold} and {data}", engine->name);
		return json_null();
	}
	check_template(check, run, listed ? spec_yaml_get(model, "space") : spec_yaml_get(spec_yaml_get(check->document->root, "hpo"), "space"), params, stays);
	return json_string_nocheck(run->text);
}

static void take_parameters(struct spec_check *check, const struct engine *engine, const struct yaml_node *node, bool listed, json_t *params)
{
	for (size_t i = 0; i < node->count; i++) {
		const char *name = node->keys[i]->text;
		const struct param_def *def;

		if (!strcmp(name, "engine") || (listed && !strcmp(name, "space")) || (engine->external && (!strcmp(name, "run") || !strcmp(name, "protocol"))))
			continue;
		def = spec_take_parameter(check, engine, node->keys[i]);
		if (def)
			json_object_set_new_nocheck(params, name, spec_take_parameter_value(check, def, name, node->items[i]));
	}
}

/* where: "model", or an entry of the list. */
static json_t *take_model(struct spec_check *check, const char *where, bool listed, const struct yaml_node *node)
{
	const struct engine *engine;
	json_t *params, *model;
	char is[SPEC_WHAT_MAX];
	bool stays;

	if (node->kind != YAML_MAP) {
		spec_error(check, node, "%s must be a mapping like {engine: ridge, alpha: 1}, not %s", where, spec_what_it_is(node, is));
		return NULL;
	}
	engine = take_engine(check, node);
	if (!engine)
		return NULL;
	params = json_object();
	take_parameters(check, engine, node, listed, params);
	add_defaults(engine, params);
	stays = takes_stays(check, engine, node);
	model = json_pack("{s:s, s:o, s:o}", "engine", engine->name, "params", params, "run", take_run(check, engine, node, listed, params, stays));
	if (stays)
		json_object_set_new(model, "protocol", json_string("jsonl"));
	return model;
}

json_t *spec_take_model(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	return spec_is_nothing(node) ? json_null() : take_model(check, key->path, false, node);
}

/* The engine's name, numbered from its second time on. */
static char *model_name(const json_t *models, const char *engine)
{
	unsigned times = 1;
	json_t *model;
	size_t i;

	json_array_foreach(models, i, model)
		times += !strcmp(json_get_text(model, "engine", ""), engine);
	return times == 1 ? mem_text(engine) : text_format("%s_%u", engine, times);
}

static json_t *take_entry(struct spec_check *check, const json_t *models, size_t index, const struct yaml_node *node)
{
	char *where = text_format("models[%zu]", index), *space_where = text_format("%s.space", where), *name;
	json_t *model = take_model(check, where, true, node), *space = NULL;

	if (model) {
		name = model_name(models, json_get_text(model, "engine", ""));
		json_object_set_new(model, "name", json_string_nocheck(name));
		space = spec_take_model_space(check, node, space_where, spec_yaml_get(node, "space"));
		json_object_set_new(model, "space", space ? space : json_object());
		free(name);
	}
	free(space_where);
	free(where);
	return model;
}

json_t *spec_take_models(struct spec_check *check, const struct spec_key *key, const struct yaml_node *node)
{
	json_t *models;
	char is[SPEC_WHAT_MAX];

	if (spec_is_nothing(node))
		return json_null();
	if (node->kind != YAML_LIST || !node->count || node->count > SPEC_MODELS_MAX) {
		spec_error(check, node, "%s must be a list of 1 to %d models like {engine: ridge, space: {alpha: [0.1, 1]}}, not %s", key->path, SPEC_MODELS_MAX,
		        node->kind == YAML_LIST ? node->count ? "a longer one" : "an empty list" : spec_what_it_is(node, is));
		return NULL;
	}
	if (spec_yaml_get(check->document->root, "model") && !spec_is_nothing(spec_yaml_get(check->document->root, "model")))
		spec_error(check, node, "a campaign has model or models, not both");
	models = json_array();
	for (size_t i = 0; i < node->count; i++) {
		json_t *model = take_entry(check, models, i, node->items[i]);

		if (model)
			json_array_append_new(models, model);
	}
	return models;
}
