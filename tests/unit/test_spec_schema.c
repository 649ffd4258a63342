/* JSON Schema, the list of keys, the file to start from: each knows what the tables know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/metric/metric.h"
#include "engines/model/engine.h"
#include "engines/search/sampler.h"
#include "orchestrator/spec.h"
#include "orchestrator/spec_keys.h"
#include "storage/base/file.h"
#include "storage/base/json.h"

static const json_t *schema_of(const json_t *schema, const char *path)
{
	char *copy = mem_text(path), *save = NULL;

	for (char *word = strtok_r(copy, ".", &save); word && schema; word = strtok_r(NULL, ".", &save))
		schema = json_object_get(json_object_get(schema, "properties"), word);
	free(copy);
	return schema;
}

static bool lists(const json_t *list, const char *text)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (json_is_string(item) && !strcmp(json_string_value(item), text))
			return true;
	return false;
}

static void spec_schema__is_json_and_knows_every_key(void **state)
{
	json_t *schema = spec_schema(), *read = NULL;
	char *text = json_text(schema, JSON_STYLE_PRETTY);

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), "schema", &read, NULL), 0);
	assert_string_equal(json_get_text(read, "$schema", ""), "https://json-schema.org/draft/2020-12/schema");
	for (const struct spec_key *key = spec_keys; key->path; key++) {
		const json_t *found = schema_of(read, key->path);

		if (!found)
			fail_msg("the schema lacks %s", key->path);
		assert_true(key->help[0] && strstr(json_get_text(found, "description", ""), key->help));
		if (key->kind == SPEC_SECTION)
			assert_true(json_is_false(json_object_get(found, "additionalProperties")));
	}
	assert_true(json_is_false(json_object_get(read, "additionalProperties")));
	assert_true(lists(json_object_get(read, "required"), "data"));
	assert_int_equal(json_array_size(json_object_get(read, "oneOf")), 2); /* model or models */
	json_decref(read);
	json_decref(schema);
	free(text);
}

static void spec_schema__offers_only_what_there_is(void **state)
{
	json_t *schema = spec_schema();
	const json_t *samplers = json_object_get(schema_of(schema, "hpo.sampler"), "enum"), *engines = json_object_get(schema_of(schema, "model.engine"), "enum");

	(void)state;
	assert_true(lists(samplers, "grid") && lists(samplers, "random"));
	assert_true(lists(samplers, "tpe") && lists(samplers, "gp"));
	assert_false(lists(engines, "fake"));
	for (size_t e = 0; engine_table[e]; e++)
		assert_int_equal(lists(engines, engine_table[e]->name), !engine_table[e]->needs_permission && !engine_table[e]->unavailable);
	for (size_t m = 0; metric_table[m]; m++)
		assert_true(lists(json_object_get(json_array_get(json_object_get(schema_of(schema, "metric"), "anyOf"), 0), "enum"), metric_table[m]->name));
	assert_string_equal(json_get_text(schema_of(schema, "executor"), "default", ""), "local");
	json_decref(schema);
}

static void spec_schema__each_engine_has_its_parameters(void **state)
{
	json_t *schema = spec_schema(), *branch;
	size_t i, seen = 0;

	(void)state;
	json_array_foreach(json_object_get(schema_of(schema, "model"), "allOf"), i, branch) {
		const char *name = json_get_text(schema_of(json_object_get(branch, "if"), "engine"), "const", "");
		const struct engine *engine = engine_find(name);

		assert_non_null(engine);
		seen++;
		for (const struct param_def *def = engine->params; def && def->name; def++)
			if (strcmp(def->name, "*"))
				assert_non_null(schema_of(json_object_get(branch, "then"), def->name));
		assert_int_equal(json_is_false(json_object_get(json_object_get(branch, "then"), "additionalProperties")), !param_find(engine->params, "*"));
	}
	assert_int_equal(seen, json_array_size(json_object_get(schema_of(schema, "model.engine"), "enum")));
	json_decref(schema);
}

/* What the table of keys calls available is there, and what is there is called available. */
static void spec_keys__agree_with_the_samplers(void **state)
{
	const struct spec_key *key = spec_key_find("hpo", "sampler");
	char *copy = mem_text(key->choices), *save = NULL;

	(void)state;
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		const struct sampler *sampler = sampler_find(word);

		assert_int_equal(sampler && !sampler->unavailable, strstr(key->unavailable ? key->unavailable : "", word) == NULL);
	}
	for (size_t s = 0; sampler_table[s]; s++)
		assert_non_null(strstr(key->choices, sampler_table[s]->name));
	free(copy);
}

static void spec_keys__are_a_tree_of_sections(void **state)
{
	(void)state;
	for (const struct spec_key *key = spec_keys; key->path; key++) {
		char *section = mem_text(key->path), *dot = strrchr(section, '.');
		const struct spec_key *parent;
		json_t *fallback;

		for (const struct spec_key *other = spec_keys; other < key; other++)
			assert_string_not_equal(other->path, key->path);
		if (dot) {
			char *up;

			*dot = '\0';
			up = strrchr(section, '.');
			if (up)
				*up = '\0';
			parent = up ? spec_key_find(section, up + 1) : spec_key_find("", section);
			assert_true(parent && parent->kind == SPEC_SECTION);
		}
		fallback = spec_key_default(key); /* aborts when it is no JSON */
		json_decref(fallback);
		if (key->kind == SPEC_OWN)
			assert_non_null(key->take);
		free(section);
	}
}

static void spec_keys_help__names_every_key_engine_and_metric(void **state)
{
	char *help = spec_keys_help();

	(void)state;
	for (const struct spec_key *key = spec_keys; key->path; key++)
		assert_non_null(strstr(help, key->path));
	for (size_t e = 0; engine_table[e]; e++) {
		char *title = text_format("model: {engine: %s}", engine_table[e]->name);

		assert_int_equal(strstr(help, title) != NULL, !engine_table[e]->needs_permission && !engine_table[e]->unavailable);
		free(title);
	}
	for (size_t m = 0; metric_table[m]; m++)
		assert_non_null(strstr(help, metric_table[m]->help));
	assert_non_null(strstr(help, "for one fit [default 1 h 00 min]"));
	free(help);
}

static void spec_template__loads_as_it_stands(void **state)
{
	static const char *const names[] = {"plain", "with \"quotes\" # and: more", "ä 😀"};

	(void)state;
	for (int i = 0; i < 3; i++) {
		char folder[] = "/tmp/orch-spec-XXXXXX", *path, *report = NULL, *text = spec_template(names[i], i ? "dir/da'ta \\*.csv" : NULL, i ? "a: b" : NULL);
		struct spec *spec = NULL;

		assert_non_null(mkdtemp(folder));
		path = file_join(folder, "campaign.yaml");
		assert_int_equal(file_replace_fast(path, text, strlen(text), NULL), 0);
		if (spec_load(path, false, &spec, &report, NULL))
			fail_msg("%s", report);
		assert_true(strncmp(text, "# yaml-language-server: $schema=", 32) == 0);
		assert_string_equal(spec->name, names[i]);
		assert_string_equal(spec->data.source, i ? "dir/da'ta \\*.csv" : "data.csv");
		assert_string_equal(spec->data.targets[0], i ? "a: b" : "y");
		spec_release(spec);
		file_remove_tree(folder, NULL);
		free(path);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(spec_schema__is_json_and_knows_every_key),
	        cmocka_unit_test(spec_schema__offers_only_what_there_is),
	        cmocka_unit_test(spec_schema__each_engine_has_its_parameters),
	        cmocka_unit_test(spec_keys__agree_with_the_samplers),
	        cmocka_unit_test(spec_keys__are_a_tree_of_sections),
	        cmocka_unit_test(spec_keys_help__names_every_key_engine_and_metric),
	        cmocka_unit_test(spec_template__loads_as_it_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
