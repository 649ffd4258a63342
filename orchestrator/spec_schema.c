/* What the tables of keys, engines and metrics say to editors and people: JSON Schema, and the list of keys. */
#include <stdlib.h>
#include <string.h>

#include "engines/metric/metric.h"
#include "engines/model/engine.h"
#include "orchestrator/spec.h"
#include "engines/model/engine.h"
#include "orchestrator/spec_keys.h"
#include "storage/base/json.h"

#define KEYS_MAX 64

static json_t *parse_or_die(const char *text, const char *what)
{
	json_t *value = NULL;
	struct orch_err err = {0};

	if (json_parse(text, strlen(text), what, &value, &err))
		orch_bug("%s: %s", what, err.text);
	return value;
}

/* The words of the first list that are not in the second. */
static json_t *words(const char *text, const char *without)
{
	char *copy = mem_text(text), *save = NULL;
	json_t *list = json_array();

	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		json_t *gone = without ? words(without, NULL) : json_array(), *other;
		bool keep = true;
		size_t i;

		json_array_foreach(gone, i, other)
			keep = keep && strcmp(json_string_value(other), word);
		json_decref(gone);
		if (keep)
			json_array_append_new(list, json_string(word));
	}
	free(copy);
	return list;
}

/* ---- engines and metrics ---- */

static json_t *number_schema(const char *type, double low, double high, bool low_open)
{
	json_t *schema = json_pack("{s:s}", "type", type);

	if (low <= high) {
		json_object_set_new(schema, low_open ? "exclusiveMinimum" : "minimum", json_real(low));
		json_object_set_new(schema, "maximum", json_real(high));
	}
	return schema;
}

static json_t *param_schema(const struct param_def *def)
{
	json_t *schema;

	switch (def->kind) {
	case PARAM_REAL:
		schema = number_schema("number", def->low, def->high, def->low_open);
		break;
	case PARAM_INT:
		schema = number_schema("integer", def->low, def->high, def->low_open);
		break;
	case PARAM_INT_OR_NULL:
		schema = json_pack("{s:[o, {s:s}]}", "anyOf", number_schema("integer", def->low, def->high, def->low_open), "type", "null");
		break;
	case PARAM_BOOL:
		schema = json_pack("{s:s}", "type", "boolean");
		break;
	case PARAM_CHOICE:
		schema = json_pack("{s:o}", "enum", words(def->choices, NULL));
		break;
	case PARAM_REAL_OR_CHOICE:
		schema = json_pack("{s:[o, {s:o}]}", "anyOf", number_schema("number", def->low, def->high, def->low_open), "enum", words(def->choices, NULL));
		break;
	default:
		schema = json_object();
	}
	json_object_set_new(schema, "description", json_string(def->help));
	if (def->fallback)
		json_object_set_new(schema, "default", parse_or_die(def->fallback, def->name));
	return schema;
}

static bool is_offered(const struct engine *engine)
{
	return !engine->needs_permission && !engine->unavailable;
}

/* {"if": engine is this one, "then": its parameters and no others}. */
static json_t *engine_schema(const struct engine *engine, const char *space)
{
	json_t *properties = parse_or_die("{\"engine\":true}", "engine"), *then = json_pack("{s:O}", "properties", properties);

	for (const struct param_def *def = engine->params; def && def->name; def++)
		if (strcmp(def->name, "*"))
			json_object_set_new(properties, def->name, param_schema(def));
	if (space)
		json_object_set_new(properties, "space", parse_or_die(space, "space"));
	if (engine->external) {
		json_object_set_new(properties, "run", parse_or_die("{\"type\":\"string\",\"description\":\"command line with placeholders like {fold} and {data}\"}", "run"));
		json_object_set_new(properties, "protocol", parse_or_die("{\"enum\":[\"template\",\"jsonl\"],\"default\":\"template\",\"description\":\"template: started once for each fit; jsonl: stays alive, fits come as JSON lines on its stdin\"}", "protocol"));
		json_object_set_new(then, "required", json_pack("[s]", "run"));
	}
	json_object_set_new(then, "additionalProperties", param_find(engine->params, "*") ? parse_or_die("{\"type\":[\"string\",\"number\",\"boolean\",\"null\"]}", "*") : json_false());
	json_decref(properties);
	return json_pack("{s:{s:{s:{s:s}}}, s:o}", "if", "properties", "engine", "const", engine->name, "then", then);
}

/* space: schema of what an entry of models searches; NULL: of model, which has none. */
static json_t *model_schema(const char *space)
{
	json_t *names = json_array(), *branches = json_array();

	for (size_t e = 0; engine_table[e]; e++)
		if (is_offered(engine_table[e])) {
			json_array_append_new(names, json_string(engine_table[e]->name));
			json_array_append_new(branches, engine_schema(engine_table[e], space));
		}
	return json_pack("{s:s, s:[s], s:{s:{s:o}}, s:o}", "type", "object", "required", "engine", "properties", "engine", "enum", names, "allOf", branches);
}

static json_t *metric_schema(void)
{
	json_t *names = json_array(), *listed;

	for (size_t m = 0; metric_table[m]; m++)
		json_array_append_new(names, json_string(metric_table[m]->name));
	listed = json_copy(names);
	json_array_append_new(listed, json_string(SPEC_FIT_SECONDS));
	json_array_append_new(names, json_null());
	return json_pack("{s:[{s:o}, {s:s, s:i, s:i, s:b, s:{s:o}}]}", "anyOf", "enum", names, "type", "array", "minItems", 2, "maxItems", 8, "uniqueItems", 1, "items", "enum",
	        listed);
}

/* ---- keys ---- */

static json_t *section_schema(const char *section);

static json_t *own_schema(const struct spec_key *key)
{
	if (!strcmp(key->path, "model"))
		return model_schema(NULL);
	if (!strcmp(key->path, "models"))
		return json_pack("{s:s, s:i, s:i, s:o}", "type", "array", "minItems", 1, "maxItems", SPEC_MODELS_MAX, "items", model_schema(spec_key_find("hpo", "space")->schema));
	return !strcmp(key->path, "metric") ? metric_schema() : parse_or_die(key->schema, key->path);
}

static json_t *kind_schema(const struct spec_key *key)
{
	switch (key->kind) {
	case SPEC_SECTION:
		return section_schema(key->path);
	case SPEC_TEXTS:
		return parse_or_die("{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"uniqueItems\":true,\"items\":{\"type\":[\"string\",\"number\"]}}]}", key->path);
	case SPEC_INT:
		return number_schema("integer", key->low, key->high, false);
	case SPEC_REAL:
		return number_schema("number", key->low, key->high, false);
	case SPEC_BOOL:
		return key->unavailable ? json_pack("{s:b}", "const", 0) : json_pack("{s:s}", "type", "boolean");
	case SPEC_CHOICE:
		return json_pack("{s:o}", "enum", words(key->choices, key->unavailable));
	case SPEC_INT_OR_AUTO:
		return json_pack("{s:[{s:s}, o]}", "anyOf", "const", "auto", number_schema("integer", key->low, key->high, false));
	case SPEC_BYTES:
	case SPEC_SECONDS:
		return parse_or_die("{\"type\":[\"string\",\"number\"]}", key->path);
	case SPEC_OWN:
		return own_schema(key);
	default:
		return json_pack("{s:s}", "type", "string");
	}
}

/* What may be absent may be null, too. */
static void allow_null(json_t *schema)
{
	json_t *type = json_object_get(schema, "type");

	if (json_is_string(type))
		json_object_set_new(schema, "type", json_pack("[O, s]", type, "null"));
	else if (json_is_array(type))
		json_array_append_new(type, json_string("null"));
}

static json_t *key_schema(const struct spec_key *key)
{
	bool gone = key->unavailable && !strcmp(key->unavailable, "*");
	json_t *schema = gone ? json_pack("{s:s}", "type", "null") : kind_schema(key);
	char *help = text_format("%s%s", key->help, gone ? " (not available yet)" : "");

	if (!gone && key->fallback && (!strcmp(key->fallback, "null") || key->kind == SPEC_SECTION))
		allow_null(schema);
	if (help[0])
		json_object_set_new(schema, "description", json_string(help));
	if (key->kind != SPEC_SECTION && key->fallback && strcmp(key->fallback, "null"))
		json_object_set_new(schema, "default", spec_key_default(key));
	free(help);
	return schema;
}

static json_t *section_schema(const char *section)
{
	const char *names[KEYS_MAX];
	size_t count = spec_keys_below(section, names, KEYS_MAX);
	json_t *properties = json_object(), *required = json_array(), *schema;

	for (size_t i = 0; i < count; i++) {
		const struct spec_key *key = spec_key_find(section, names[i]);

		json_object_set_new(properties, names[i], key_schema(key));
		if (!key->fallback)
			json_array_append_new(required, json_string(names[i]));
	}
	schema = json_pack("{s:s, s:b, s:o}", "type", "object", "additionalProperties", 0, "properties", properties);
	if (json_array_size(required))
		json_object_set(schema, "required", required);
	json_decref(required);
	return schema;
}

json_t *spec_schema(void)
{
	json_t *schema = section_schema(""), *data = json_object_get(json_object_get(schema, "properties"), "data");

	json_object_set_new(data, "oneOf", parse_or_die("[{\"required\":[\"source\"]},{\"required\":[\"sql\",\"id\"]}]", "data"));
	json_object_set_new(schema, "oneOf", parse_or_die("[{\"required\":[\"model\"]},{\"required\":[\"models\"]}]", "model"));
	json_object_set_new(schema, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
	json_object_set_new(schema, "title", json_string("orch campaign"));
	return schema;
}

/* ---- for people ---- */

static const char *type_name(const struct spec_key *key)
{
	static const char *const names[] = {[SPEC_SECTION] = "", [SPEC_TEXT] = "text", [SPEC_TEXTS] = "list", [SPEC_INT] = "integer", [SPEC_REAL] = "number", [SPEC_BOOL] = "true/false",
	        [SPEC_CHOICE] = "choice", [SPEC_BYTES] = "size", [SPEC_SECONDS] = "duration", [SPEC_INT_OR_AUTO] = "integer", [SPEC_OWN] = ""};

	return names[key->kind];
}

#define NO_LIMIT_SECONDS 1e8 /* the longest that can be given: three years */

static void add_default(struct text_buf *out, const struct spec_key *key)
{
	json_t *value = spec_key_default(key);
	double number = json_number_value(value);
	char text[TEXT_NUMBER_MAX];

	if (!value)
		text_add(out, " [required, or models]");
	else if (key->kind == SPEC_BYTES && number > 0)
		text_addf(out, " [default %s]", text_bytes((uint64_t)number, text));
	else if (key->kind == SPEC_SECONDS && number >= NO_LIMIT_SECONDS)
		text_add(out, " [default no limit]");
	else if (key->kind == SPEC_SECONDS)
		text_addf(out, " [default %s]", text_seconds(number, text));
	else if (json_is_string(value))
		text_addf(out, " [default %s]", json_string_value(value));
	else if (!json_is_null(value) && key->kind != SPEC_BYTES && !(json_is_array(value) || json_is_object(value)))
		text_addf(out, " [default %s]", json_is_boolean(value) ? key->fallback : text_number(number, text));
	json_decref(value);
}

static void add_key(struct text_buf *out, const struct spec_key *key)
{
	bool gone = key->unavailable && !strcmp(key->unavailable, "*");

	text_addf(out, "  %-22s %-10s %s", key->path, type_name(key), key->help);
	if (key->choices)
		text_addf(out, " (%s)", key->choices);
	if (!strcmp(key->path, "model"))
		text_add(out, " [required, or models]");
	else
		add_default(out, key);
	if (key->unavailable)
		text_addf(out, " [not available yet%s%s]", gone ? "" : ": ", gone ? "" : key->unavailable);
	text_add(out, "\n");
}

static void add_engine(struct text_buf *out, const struct engine *engine)
{
	text_addf(out, "\nmodel: {engine: %s}  %s\n", engine->name, engine->help);
	if (engine->external)
		text_addf(out, "  %-22s command line with placeholders like {fold} and {data}, started once for each fit [required]\n  %-22s template; or jsonl: the program stays alive and is "
		        "given fits as JSON lines on its stdin [default template]\n", "run", "protocol");
	for (const struct param_def *def = engine->params; def && def->name; def++)
		text_addf(out, "  %-22s %s%s%s%s%s\n", def->name, def->help, def->fallback ? " [default " : "", def->fallback ? def->fallback : "", def->fallback ? "]" : "",
		        def->free_axis ? " [one fit answers all values]" : "");
}

char *spec_keys_help(void)
{
	struct text_buf out = {0};

	for (const struct spec_key *key = spec_keys; key->path; key++) {
		bool section = key->kind == SPEC_SECTION, leaves_one = key > spec_keys && strchr(key[-1].path, '.') && !strchr(key->path, '.');

		text_add(&out, section || leaves_one ? "\n" : "");
		if (section)
			text_addf(&out, "%s: %s\n", key->path, key->help);
		else
			add_key(&out, key);
	}
	for (size_t e = 0; engine_table[e]; e++)
		if (is_offered(engine_table[e]))
			add_engine(&out, engine_table[e]);
	text_add(&out, "\nmetric:\n");
	for (size_t m = 0; metric_table[m]; m++)
		text_addf(&out, "  %-22s %s\n", metric_table[m]->name, metric_table[m]->help);
	return text_take(&out);
}
