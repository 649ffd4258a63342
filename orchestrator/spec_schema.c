/* What the table of keys says to editors and people: JSON Schema, the list of keys, a file to start from. */
#include <stdlib.h>
#include <string.h>

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

static json_t *words(const char *text)
{
	char *copy = mem_text(text), *save = NULL;
	json_t *list = json_array();

	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		json_array_append_new(list, json_string(word));
	free(copy);
	return list;
}

static json_t *section_schema(const char *section);

static json_t *key_schema(const struct spec_key *key)
{
	json_t *schema;

	switch (key->kind) {
	case SPEC_SECTION:
		schema = section_schema(key->path);
		break;
	case SPEC_TEXTS:
		schema = parse_or_die("{\"type\":[\"array\",\"string\"],\"items\":{\"type\":\"string\"}}", key->path);
		break;
	case SPEC_INT:
		schema = json_pack("{s:s, s:f, s:f}", "type", "integer", "minimum", key->low, "maximum", key->high);
		break;
	case SPEC_REAL:
		schema = json_pack("{s:s, s:f, s:f}", "type", "number", "minimum", key->low, "maximum", key->high);
		break;
	case SPEC_BOOL:
		schema = json_pack("{s:s}", "type", "boolean");
		break;
	case SPEC_CHOICE:
		schema = json_pack("{s:o}", "enum", words(key->choices));
		break;
	case SPEC_INT_OR_AUTO:
		schema = parse_or_die("{\"anyOf\":[{\"const\":\"auto\"},{\"type\":\"integer\",\"minimum\":1}]}", key->path);
		break;
	case SPEC_BYTES:
	case SPEC_SECONDS:
		schema = parse_or_die("{\"type\":[\"string\",\"number\"]}", key->path);
		break;
	case SPEC_OWN:
		schema = parse_or_die(key->schema, key->path);
		break;
	default:
		schema = json_pack("{s:s}", "type", "string");
	}
	if (key->help && key->help[0])
		json_object_set_new(schema, "description", json_string(key->help));
	if (key->kind != SPEC_SECTION && key->fallback && strcmp(key->fallback, "null"))
		json_object_set_new(schema, "default", parse_or_die(key->fallback, key->path));
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
	json_t *schema = section_schema("");

	json_object_set_new(schema, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
	json_object_set_new(schema, "title", json_string("orch campaign"));
	return schema;
}

static const char *type_name(const struct spec_key *key)
{
	static const char *const names[] = {[SPEC_SECTION] = "", [SPEC_TEXT] = "text", [SPEC_TEXTS] = "list", [SPEC_INT] = "integer", [SPEC_REAL] = "number", [SPEC_BOOL] = "true/false",
	        [SPEC_CHOICE] = "choice", [SPEC_BYTES] = "size", [SPEC_SECONDS] = "duration", [SPEC_INT_OR_AUTO] = "integer", [SPEC_OWN] = ""};

	return names[key->kind];
}

char *spec_keys_help(void)
{
	struct text_buf out = {0};

	for (const struct spec_key *key = spec_keys; key->path; key++) {
		if (key->kind == SPEC_SECTION) {
			text_addf(&out, "\n%s: %s\n", key->path, key->help);
			continue;
		}
		text_addf(&out, "  %-24s %-11s %s", key->path, type_name(key), key->help);
		if (key->choices)
			text_addf(&out, "%s(%s)", key->help[0] ? " " : "", key->choices);
		if (!key->fallback)
			text_add(&out, " [required]");
		else if (strcmp(key->fallback, "null"))
			text_addf(&out, " [default %s]", key->fallback);
		if (key->unavailable)
			text_addf(&out, " [not available yet%s%s]", strcmp(key->unavailable, "*") ? ": " : "", strcmp(key->unavailable, "*") ? key->unavailable : "");
		text_add(&out, "\n");
	}
	for (size_t e = 0; engine_table[e]; e++) {
		if (engine_table[e]->needs_permission)
			continue;
		text_addf(&out, "\nmodel: {engine: %s}: %s%s%s\n", engine_table[e]->name, engine_table[e]->help, engine_table[e]->unavailable ? " - " : "",
		        engine_table[e]->unavailable ? engine_table[e]->unavailable : "");
		for (const struct param_def *def = engine_table[e]->params; def && def->name; def++)
			text_addf(&out, "  %-24s %s [default %s]%s\n", def->name, def->help, def->fallback ? def->fallback : "the engine's", def->free_axis ? " one fit answers all values" : "");
	}
	return text_take(&out);
}

/* A value as YAML: always quoted as JSON is, which is YAML. */
static void add_quoted(struct text_buf *out, const char *text)
{
	json_t *value = json_string(text);

	if (!value)
		text_add(out, "\"\"");
	else
		json_write(value, JSON_STYLE_LINE, out);
	json_decref(value);
}

char *spec_template(const char *name, const char *source, const char *target)
{
	struct text_buf out = {0};

	text_add(&out, "# yaml-language-server: $schema=campaign.schema.json\n# A campaign of orch. `orch plan` counts what it would do; `orch start` runs it; `orch schema --keys` lists all keys.\nname: ");
	add_quoted(&out, name);
	text_add(&out, "\ndata:\n  source: ");
	add_quoted(&out, source ? source : "data.csv");
	text_add(&out, "            # csv, tsv, parquet, json, jsonl, also .gz and .zst\n  target: ");
	add_quoted(&out, target ? target : "y");
	text_add(&out, "\n  # id: row_id                  # carried into predictions; never a feature\n"
	               "  # exclude: [column]\n"
	               "  # features: {ratio: a / b}    # SQL over the columns\n"
	               "  missing: keep                 # keep | mean | median | drop | error\n"
	               "split:\n"
	               "  holdout: 0.15                 # seen by no search and no selection\n"
	               "  folds: {kind: kfold, k: 5}    # kfold | group | time | column\n"
	               "seed: 42\n"
	               "# metric: rmse                  # default by the task\n"
	               "model:\n"
	               "  engine: xgboost               # ridge | xgboost | command\n"
	               "hpo:\n"
	               "  sampler: grid                 # all combinations; or random with trials: N\n"
	               "  space:\n"
	               "    trees: [50, 100, 200]       # one training answers all three\n"
	               "    max_depth: [4, 6]\n"
	               "    learning_rate: [0.1, 0.3]\n"
	               "lofo: {enabled: true}           # groups: {position: [x, y, z]} are dropped together\n"
	               "rfe:\n"
	               "  drop: 1                       # features a round; or \"10%\"\n"
	               "  min_features: 3\n"
	               "  max_rounds: 4\n"
	               "limits: {configurations: 5000, hours: 24}\n");
	return text_take(&out);
}
