/* What a campaign file becomes: defaults, canonical values, the struct; spec.json and back; differences; damaged spec.json. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/spec.h"
#include "orchestrator/spec_keys.h"
#include "storage/base/file.h"
#include "storage/base/json.h"

#define BASE "data: {source: a.csv, target: y}\nmodel: {engine: ridge}\n"

struct fixture {
	char folder[64], *path;
	struct spec *spec;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	strcpy(fixture->folder, "/tmp/orch-spec-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	fixture->path = file_join(fixture->folder, "c.yaml");
	unsetenv("ORCH_FAKE_ENGINE");
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	spec_release(fixture->spec);
	file_remove_tree(fixture->folder, NULL);
	free(fixture->path);
	free(fixture);
	return 0;
}

static struct spec *load(struct fixture *fixture, const char *text)
{
	char *report = NULL;

	spec_release(fixture->spec);
	fixture->spec = NULL;
	assert_int_equal(file_replace_fast(fixture->path, text, strlen(text), NULL), 0);
	if (spec_load(fixture->path, false, &fixture->spec, &report, NULL))
		fail_msg("%s", report);
	assert_null(report);
	return fixture->spec;
}

static const json_t *at(const json_t *object, const char *path)
{
	char *copy = mem_text(path), *save = NULL;

	for (char *word = strtok_r(copy, ".", &save); word && object; word = strtok_r(NULL, ".", &save))
		object = json_object_get(object, word);
	free(copy);
	return object;
}

static void assert_resolved(const struct spec *spec, const char *path, const char *expected)
{
	const json_t *value = at(spec->resolved, path);
	char *text = value ? json_text(value, JSON_STYLE_LINE) : mem_text("(absent)");

	if (strcmp(text, expected))
		fail_msg("%s is %s, not %s", path, text, expected);
	free(text);
}

static const char catalogue[] = "name: diamonds\n"
                                "data:\n"
                                "  source: diamonds.csv\n"
                                "  target: price\n"
                                "  task: regression\n"
                                "  id: row_id\n"
                                "  weight: w\n"
                                "  exclude: [x1, x2]\n"
                                "  features:\n"
                                "    volume: x * y * z\n"
                                "  categories:\n"
                                "    cut: [Fair, Good, Very Good, Premium, Ideal]\n"
                                "  missing: median\n"
                                "split:\n"
                                "  holdout: 0.15\n"
                                "  folds:\n"
                                "    kind: kfold\n"
                                "    k: 5\n"
                                "    repeats: 2\n"
                                "    shuffle: true\n"
                                "    stratify: [cut, {column: price, bins: 10}]\n"
                                "seed: 43\n"
                                "metric: rmse\n"
                                "model:\n"
                                "  engine: xgboost\n"
                                "  trees: 300\n"
                                "hpo:\n"
                                "  sampler: random\n"
                                "  trials: 200\n"
                                "  pruner: none\n"
                                "  space:\n"
                                "    max_depth: [8, 16, null]\n"
                                "    subsample: {float: [0.1, 1.0]}\n"
                                "    learning_rate: {float: [0.001, 0.3], log: true}\n"
                                "    max_leaves: {int: [1, 21], step: 2}\n"
                                "    gamma: {float: [0, 5], when: {booster: gbtree, max_depth: 8}}\n"
                                "lofo:\n"
                                "  enabled: true\n"
                                "  adaptive: false\n"
                                "  groups: {position: [x, y, z]}\n"
                                "rfe:\n"
                                "  enabled: true\n"
                                "  drop: 10%\n"
                                "  min_features: 3\n"
                                "  max_rounds: 20\n"
                                "  stop: {worse_by: 0.05, patience: 2}\n"
                                "  choose: {tolerance: 0.01}\n"
                                "resources:\n"
                                "  workers: auto\n"
                                "  threads: 2\n"
                                "  memory: 8GiB\n"
                                "  fit_timeout: 1h30m\n"
                                "  fit_memory: 256MiB\n"
                                "  fit_output: 10MB\n"
                                "  retries: 0\n"
                                "limits:\n"
                                "  configurations: 6000\n"
                                "  hours: 12\n"
                                "  disk: 1GiB\n"
                                "executor: local\n";

static void spec_resolved__defaults_are_spelled_out(void **state)
{
	struct fixture *fixture = *state;
	const struct spec *spec = load(fixture, BASE);

	assert_string_equal(spec->name, "c");
	assert_string_equal(spec->base, fixture->folder);
	assert_string_equal(spec->data.source, "a.csv");
	assert_true(spec->data.source_path[0] == '/');
	assert_int_equal(spec->data.task, SPEC_TASK_AUTO);
	assert_int_equal(spec->data.missing, SPEC_MISSING_KEEP);
	assert_true(spec->split.holdout == 0);
	assert_int_equal(spec->split.kind, SPEC_FOLDS_KFOLD);
	assert_int_equal(spec->split.k, 5);
	assert_int_equal(spec->split.repeats, 1);
	assert_true(spec->split.shuffle);
	assert_int_equal(spec->seed, 42);
	assert_null(spec->metric);
	assert_int_equal(spec->model_count, 1);
	assert_int_equal(spec->hpo.sampler, SPEC_SAMPLER_GRID);
	assert_int_equal(spec->hpo.axis_count, 0);
	assert_true(spec->lofo.enabled && spec->rfe.enabled && spec->rfe.path && !spec->lofo.adaptive && !spec->rfe.has_stop);
	assert_int_equal(spec->rfe.drop, SPEC_DROP_COUNT);
	assert_int_equal(spec->rfe.drop_count, 1);
	assert_int_equal(spec->rfe.min_features, 1);
	assert_int_equal(spec->rfe.max_rounds, 50);
	assert_int_equal(spec->rfe.choose, SPEC_CHOOSE_ONE_SE);
	assert_true(spec->diagnostics.seed_repeats == 0 && spec->diagnostics.learning_count == 0);
	assert_int_equal(spec->resources.workers, 0);
	assert_int_equal(spec->resources.memory, 0);
	assert_true(spec->resources.fit_timeout == 3600);
	assert_int_equal(spec->resources.fit_memory, 0);
	assert_int_equal(spec->resources.fit_output, 1 << 30);
	assert_int_equal(spec->resources.retries, 1);
	assert_int_equal(spec->limits.configurations, 5000);
	assert_true(spec->limits.hours == 24);
	assert_int_equal(spec->limits.disk, 50ull << 30);
	assert_string_equal(spec->executor, "local");
	assert_null(spec->on_finish);
}

static void spec_resolved__a_learning_curve_is_a_list_in_order(void **state)
{
	const struct spec *some = load(*state, BASE "diagnostics: {seed_repeats: 3, learning_curve: [0.5, 0.05, 0.2]}\n"), *yes, *no;

	assert_int_equal(some->diagnostics.seed_repeats, 3);
	assert_int_equal(some->diagnostics.learning_count, 3);
	assert_true(some->diagnostics.learning_curve[0] == 0.05 && some->diagnostics.learning_curve[2] == 0.5);
	yes = load(*state, BASE "diagnostics: {learning_curve: true}\n");
	assert_int_equal(yes->diagnostics.learning_count, 4);
	assert_true(yes->diagnostics.learning_curve[3] == 0.7);
	no = load(*state, BASE "diagnostics: {learning_curve: false}\n");
	assert_int_equal(no->diagnostics.learning_count, 0);
}

static void spec_resolved__every_key_is_in_it(void **state)
{
	const struct spec *spec = load(*state, BASE);
	char *text = json_text(spec->resolved, JSON_STYLE_LINE);

	for (const struct spec_key *key = spec_keys; key->path; key++)
		if (!at(spec->resolved, key->path))
			fail_msg("%s is missing in %s", key->path, text);
	assert_null(strstr(text, "/tmp/"));
	free(text);
}

static void spec_resolved__values_are_canonical(void **state)
{
	const struct spec *spec = load(*state, catalogue);

	assert_resolved(spec, "resources.memory", "8589934592");
	assert_resolved(spec, "resources.fit_timeout", "5400.0");
	assert_resolved(spec, "resources.fit_memory", "268435456");
	assert_resolved(spec, "resources.fit_output", "10000000");
	assert_resolved(spec, "resources.workers", "\"auto\"");
	assert_resolved(spec, "resources.threads", "2");
	assert_resolved(spec, "limits.hours", "12.0");
	assert_resolved(spec, "limits.disk", "1073741824");
	assert_resolved(spec, "data.target", "[\"price\"]");
	assert_resolved(spec, "split.folds.stratify", "[{\"column\":\"cut\",\"bins\":0},{\"column\":\"price\",\"bins\":10}]");
	assert_resolved(spec, "rfe.drop", "\"10%\"");
	assert_resolved(spec, "model.params.trees", "300");
	assert_resolved(spec, "model.params.gamma", "0.0");
	assert_resolved(spec, "hpo.space.max_depth", "{\"kind\":\"choice\",\"choices\":[8,16,null]}");
	assert_resolved(spec, "hpo.space.gamma",
	        "{\"kind\":\"float\",\"low\":0.0,\"high\":5.0,\"step\":0.0,\"log\":false,\"when\":{\"booster\":\"gbtree\",\"max_depth\":8}}");
}

static void spec_resolved__catalogue_reaches_the_struct(void **state)
{
	const struct spec *spec = load(*state, catalogue);
	const struct spec_axis *space = spec->hpo.space;

	assert_string_equal(spec->name, "diamonds");
	assert_int_equal(spec->data.task, SPEC_TASK_REGRESSION);
	assert_string_equal(spec->data.id, "row_id");
	assert_string_equal(spec->data.weight, "w");
	assert_int_equal(spec->data.exclude_count, 2);
	assert_string_equal(spec->data.exclude[1], "x2");
	assert_string_equal(spec->data.features[0].text, "x * y * z");
	assert_int_equal(spec->data.categories[0].count, 5);
	assert_string_equal(spec->data.categories[0].items[2], "Very Good");
	assert_int_equal(spec->data.missing, SPEC_MISSING_MEDIAN);
	assert_true(spec->split.holdout == 0.15);
	assert_int_equal(spec->split.stratify[1].bins, 10);
	assert_int_equal(spec->hpo.sampler, SPEC_SAMPLER_RANDOM);
	assert_int_equal(spec->hpo.trials, 200);
	assert_int_equal(spec->hpo.axis_count, 5);
	assert_string_equal(space[0].name, "max_depth");
	assert_true(space[0].kind == SPEC_AXIS_CHOICE && space[0].choice_count == 3 && json_is_null(space[0].choices[2]));
	assert_true(space[2].kind == SPEC_AXIS_FLOAT && space[2].log && space[2].low == 0.001 && space[2].high == 0.3);
	assert_true(space[3].kind == SPEC_AXIS_INT && space[3].step == 2);
	assert_string_equal(json_get_text(space[4].when, "booster", ""), "gbtree");
	assert_string_equal(spec->lofo.groups[0].items[2], "z");
	assert_int_equal(spec->rfe.drop, SPEC_DROP_FRACTION);
	assert_true(spec->rfe.drop_fraction == 0.1);
	assert_true(spec->rfe.has_stop && spec->rfe.worse_by == 0.05 && spec->rfe.patience == 2);
	assert_true(spec->rfe.choose == SPEC_CHOOSE_TOLERANCE && spec->rfe.tolerance == 0.01);
	assert_int_equal(spec->resources.threads, 2);
	assert_int_equal(spec->resources.retries, 0);
}

static void spec_resolved__other_shapes(void **state)
{
	const struct spec *spec = load(*state, "data: {sql: \"SELECT 1 AS i\", id: i, target: {angle: {sin: s, cos: c}}}\nmodel: {engine: ridge}\nmetric: cmae\n"
	                                       "split: {holdout: {column: is_test}, folds: {kind: time, by: t, window: 100, gap: 3}}\nrfe: {drop: insignificant, choose: best, path: false}\n");

	assert_null(spec->data.source);
	assert_null(spec->data.source_path);
	assert_true(spec->data.has_angle && !spec->data.target_count && !spec->data.angle.column);
	assert_string_equal(spec->data.angle.sine, "s");
	assert_string_equal(spec->data.angle.cosine, "c");
	assert_string_equal(spec->split.holdout_column, "is_test");
	assert_int_equal(spec->split.kind, SPEC_FOLDS_TIME);
	assert_string_equal(spec->split.by, "t");
	assert_true(spec->split.window == 100 && spec->split.gap == 3);
	assert_true(spec->rfe.drop == SPEC_DROP_INSIGNIFICANT && !spec->rfe.path && spec->rfe.choose == SPEC_CHOOSE_BEST);
	spec = load(*state, "data: {source: '/abs/*.csv', target: {angle: h}}\nmodel: {engine: command, run: 'python3 t.py {p} {fold} --x { }', p: a b}\n");
	assert_string_equal(spec->data.angle.column, "h");
	assert_string_equal(spec->data.source_path, "/abs/*.csv");
	assert_string_equal(spec->models[0].run, "python3 t.py {p} {fold} --x { }");
	assert_string_equal(json_get_text(spec->models[0].params, "p", ""), "a b");
}

static void spec_resolved__models_spaces_and_metrics(void **state)
{
	const struct spec *spec = load(*state, "data: {source: a.csv, target: y}\nmodels: [{engine: ridge, space: {alpha: [1, 2]}}, {engine: forest, trees: 7, space: {max_depth: [2, null]}},\n"
	                                       "  {engine: ridge, space: {alpha: [2, 3]}}]\n");
	struct spec *again = NULL;

	assert_int_equal(spec->model_count, 3);
	assert_string_equal(spec->models[0].name, "ridge");
	assert_string_equal(spec->models[2].name, "ridge_2");
	assert_string_equal(spec->models[1].engine, "forest");
	assert_int_equal(json_get_int(spec->models[1].params, "trees", 0), 7);
	assert_int_equal(spec->models[1].axis_count, 1);
	assert_string_equal(spec->models[1].space[0].name, "max_depth");
	assert_int_equal(spec->hpo.axis_count, 2); /* what two models search is one column, with the values of both */
	assert_int_equal(spec->hpo.space[0].choice_count, 3);
	assert_int_equal(spec_from_resolved(spec->resolved, "a.yaml", "/", &again, NULL), 0);
	assert_int_equal(again->model_count, 3);
	spec_release(again);
	spec = load(*state, BASE "metric: [mae, fit_seconds]\nconstraints: {r2: {min: 0.5}, fit_seconds: {max: 3}}\n");
	assert_string_equal(spec->metric, "mae");
	assert_int_equal(spec->objective_count, 2);
	assert_int_equal(spec->constraint_count, 2);
	assert_true(spec->constraints[0].at_least && spec->constraints[0].bound == 0.5 && !spec->constraints[1].at_least);
}

static void spec_resolved__json_files_load_too(void **state)
{
	struct spec *spec;
	char *yaml, *json;

	spec = load(*state, BASE "split: {holdout: 0.1}\nhpo: {space: {alpha: [0.5, 1]}}\n");
	yaml = json_text(spec->resolved, JSON_STYLE_LINE);
	spec = load(*state, "{\n\t\"data\": {\"source\": \"a.csv\", \"target\": \"y\"},\n\t\"model\": {\"engine\": \"ridge\"},\n\t\"split\": {\"holdout\": 1e-1},\n"
	                    "\t\"hpo\": {\"space\": {\"alpha\": [0.5, 1]}}\n}\n");
	json = json_text(spec->resolved, JSON_STYLE_LINE);
	assert_string_equal(yaml, json);
	free(yaml);
	free(json);
	spec = load(*state, "{\"data\": {\"source\": \"a\\/b \\u00e4 \\ud83d\\ude00.csv\", \"target\": \"y\"}, \"model\": {\"engine\": \"ridge\"}}");
	assert_string_equal(spec->data.source, "a/b ä 😀.csv");
}

static void spec_resolved__aliases_stand_for_values(void **state)
{
	const struct spec *spec = load(*state, "data: {source: a.csv, target: y, exclude: &position [x, z]}\nmodel: {engine: ridge}\nlofo: {groups: {b: [&w width, depth]}}\n"
	                                       "split: {folds: {kind: group, by: *w}}\n");

	assert_string_equal(spec->split.by, "width");
	assert_int_equal(spec->data.exclude_count, 2);
}

static void spec_resolved__quotes_make_texts(void **state)
{
	const struct spec *spec = load(*state, "data: {source: a.csv, target: \"null\", categories: {size: [1, 2.50, true, \"10\"]}}\n"
	                                       "model: {engine: command, run: t.py, a: \"1\", b: 1, c: 1.0, d: null, e: true}\n");
	const json_t *params = spec->models[0].params;

	assert_string_equal(spec->data.targets[0], "null");
	assert_string_equal(spec->data.categories[0].items[1], "2.50"); /* levels as they are written */
	assert_true(json_is_string(json_object_get(params, "a")) && json_is_integer(json_object_get(params, "b")) && json_is_real(json_object_get(params, "c")));
	assert_true(json_is_null(json_object_get(params, "d")) && json_is_true(json_object_get(params, "e")));
}

static void spec_resolved__nothing_below_a_section(void **state)
{
	const struct spec *spec = load(*state, BASE "split:\nhpo:\n  space:\nrfe: ~\nmetric:\nlofo: {groups: {}}\n");

	assert_int_equal(spec->split.k, 5);
	assert_int_equal(spec->hpo.axis_count, 0);
	assert_int_equal(spec->rfe.max_rounds, 50);
}

static void spec_resolved__fake_engine_needs_permission(void **state)
{
	const struct spec *spec;

	setenv("ORCH_FAKE_ENGINE", "1", 1);
	spec = load(*state, "data: {source: a.csv, target: y}\nmodel: {engine: fake}\nhpo: {space: {x: [0, 1]}}\n");
	assert_string_equal(spec->models[0].engine, "fake");
	unsetenv("ORCH_FAKE_ENGINE");
}

static void spec_resolved__name_comes_from_file_or_folder(void **state)
{
	struct fixture *fixture = *state;
	char *folder = file_join(fixture->folder, "housing");

	assert_int_equal(file_make_folder(folder, NULL), 0);
	free(fixture->path);
	fixture->path = file_join(folder, "night.run.yaml");
	assert_string_equal(load(fixture, BASE)->name, "night.run");
	free(fixture->path);
	fixture->path = file_join(folder, "campaign.yaml");
	assert_string_equal(load(fixture, BASE)->name, "housing-campaign");
	free(folder);
}

/* ---- spec.json ---- */

static void spec_resolved__reads_back_the_same(void **state)
{
	static const char *const texts[] = {BASE, catalogue,
	        "data: {sql: SELECT 1, id: i, target: [a, b]}\nmodel: {engine: forest, max_features: 1}\nsplit: {holdout: {column: t}, folds: {kind: column, by: f}}\n"};

	for (int i = 0; i < 3; i++) {
		const struct spec *spec = load(*state, texts[i]);
		char *first = json_text(spec->resolved, JSON_STYLE_PRETTY), *second, *difference;
		json_t *read = NULL;
		struct spec *again = NULL;
		struct orch_err err = {0};

		assert_int_equal(json_parse(first, strlen(first), "spec.json", &read, NULL), 0);
		if (spec_from_resolved(read, "spec.json", spec->base, &again, &err))
			fail_msg("%s", err.text);
		second = json_text(again->resolved, JSON_STYLE_PRETTY);
		assert_string_equal(first, second);
		difference = spec_difference(spec->resolved, again->resolved);
		assert_string_equal(difference, "");
		assert_string_equal(again->name, spec->name);
		assert_int_equal(again->hpo.axis_count, spec->hpo.axis_count);
		for (size_t a = 0; a < again->hpo.axis_count; a++)
			assert_string_equal(again->hpo.space[a].name, spec->hpo.space[a].name);
		assert_int_equal(again->split.kind, spec->split.kind);
		assert_true(again->rfe.drop == spec->rfe.drop && again->rfe.drop_fraction == spec->rfe.drop_fraction);
		free(first);
		free(second);
		free(difference);
		json_decref(read);
		spec_release(again);
	}
}

/* Replaces the value at "a.b.c" of a copy; value NULL removes it. */
static json_t *changed(const json_t *resolved, const char *path, const char *value)
{
	json_t *copy = json_deep_copy(resolved), *object = copy, *new = NULL;
	char *text = mem_text(path), *dot;

	for (char *word = text; (dot = strchr(word, '.')); word = dot + 1) {
		*dot = '\0';
		object = json_object_get(object, word);
		assert_non_null(object);
	}
	if (value) {
		assert_int_equal(json_parse(value, strlen(value), path, &new, NULL), 0);
		json_object_set_new(object, strrchr(path, '.') ? strrchr(path, '.') + 1 : path, new);
	} else {
		json_object_del(object, strrchr(path, '.') ? strrchr(path, '.') + 1 : path);
	}
	free(text);
	return copy;
}

static void spec_resolved__damage_is_named(void **state)
{
	static const struct {
		const char *path, *value, *named;
	} damages[] = {
	        {"data", "5", "data"}, {"data", NULL, "data"}, {"data.target", "[]", "data.target"}, {"data.target", "[1]", "data.target"}, {"data.target", "\"y\"", "data.target"},
	        {"data.target", "{\"angle\":{\"sin\":\"s\"}}", "data.target"}, {"data.source", "null", "data.source"}, {"data.exclude", "[null]", "data.exclude"},
	        {"data.features", "{\"a\":1}", "data.features"}, {"data.features", "[]", "data.features"}, {"data.categories", "{\"a\":\"b\"}", "data.categories"},
	        {"data.task", "\"guess\"", "data.task"}, {"data.missing", "3", "data.missing"}, {"split.holdout", "1.5", "split.holdout"}, {"split.holdout", "{}", "split.holdout"},
	        {"split.folds.k", "0", "split.folds.k"}, {"split.folds.k", "5.0", "split.folds.k"}, {"split.folds.kind", "\"group\"", "split.folds.by"},
	        {"split.folds.shuffle", "1", "split.folds.shuffle"}, {"split.folds.stratify", "[\"y\"]", "split.folds.stratify"}, {"seed", "-1", "seed"}, {"metric", "\"rsme\"", "metric"},
	        {"model", "null", "model.engine"}, {"model.engine", "\"gone\"", "model.engine"}, {"model.params", "[]", "model.params"}, {"hpo.sampler", "\"\"", "hpo.sampler"},
	        {"hpo.space", "{\"alpha\":{\"kind\":\"choice\",\"choices\":[]}}", "hpo.space"}, {"hpo.space", "{\"alpha\":{\"kind\":\"float\",\"low\":2,\"high\":1}}", "hpo.space"},
	        {"hpo.space", "{\"alpha\":7}", "hpo.space"}, {"lofo.groups", "{\"g\":[1]}", "lofo.groups"}, {"rfe.drop", "0", "rfe.drop"}, {"rfe.drop", "\"all\"", "rfe.drop"},
	        {"rfe.drop", "null", "rfe.drop"}, {"rfe.stop", "{}", "rfe.stop"}, {"rfe.choose", "\"worst\"", "rfe.choose"}, {"rfe.choose", "{}", "rfe.choose"},
	        {"resources.workers", "\"many\"", "resources.workers"}, {"resources.memory", "1.5", "resources.memory"}, {"limits.hours", "\"1\"", "limits.hours"},
	        {"name", "\"../up\"", "name"}, {"name", "null", "name"}, {"executor", "null", "executor"}, {"novel", "1", "novel"}, {"rfe.novel", "1", "rfe.novel"},
	};
	const struct spec *spec = load(*state, BASE);

	for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
		json_t *bad = changed(spec->resolved, damages[i].path, damages[i].value);
		struct spec *out = NULL;
		struct orch_err err = {0};
		char *expected = text_format("spec.json: %s is not what orch writes there", damages[i].named);

		if (spec_from_resolved(bad, "spec.json", ".", &out, &err) != ORCH_EDAMAGED)
			fail_msg("%s: %s passes", damages[i].path, damages[i].value);
		assert_string_equal(err.text, expected);
		assert_null(out);
		free(expected);
		json_decref(bad);
	}
}

static void spec_resolved__keys_of_an_older_orch_get_defaults(void **state)
{
	const struct spec *spec = load(*state, BASE);
	json_t *older = changed(spec->resolved, "rfe.max_rounds", NULL), *oldest = changed(older, "limits", NULL);
	struct spec *out = NULL;
	char *difference;

	assert_int_equal(spec_from_resolved(oldest, "spec.json", spec->base, &out, NULL), 0);
	assert_int_equal(out->rfe.max_rounds, 50);
	assert_int_equal(out->limits.configurations, 5000);
	difference = spec_difference(spec->resolved, out->resolved);
	assert_string_equal(difference, "");
	free(difference);
	spec_release(out);
	json_decref(older);
	json_decref(oldest);
}

static void spec_resolved__differences_are_named(void **state)
{
	struct fixture *fixture = *state;
	json_t *before = json_deep_copy(load(fixture, BASE "hpo: {space: {alpha: [1, 2], standardize: [true, false]}}\nlofo: {groups: {a: [x, z]}}\n")->resolved);
	const struct spec *after = load(fixture, "data: {source: b.csv, target: y}\nmodel: {engine: ridge, fit_intercept: false}\nhpo: {space: {alpha: [1, 2, 3], standardize: [true, false]}}\n"
	                                         "lofo: {groups: {b: [x, z]}}\nseed: 7\n");
	char *difference = spec_difference(before, after->resolved);

	assert_string_equal(difference, "  data.source: \"a.csv\" -> \"b.csv\"\n"
	                                "  seed: 42 -> 7\n"
	                                "  model.params.fit_intercept: true -> false\n"
	                                "  hpo.space.alpha.choices: [1.0,2.0] -> [1.0,2.0,3.0]\n"
	                                "  lofo.groups.a: [\"x\",\"z\"] -> (absent)\n"
	                                "  lofo.groups.b: (absent) -> [\"x\",\"z\"]");
	free(difference);
	after = load(fixture, BASE "hpo: {space: {standardize: [true, false], alpha: [1, 2]}}\nlofo: {groups: {a: [x, z]}}\n");
	difference = spec_difference(before, after->resolved); /* a grid counts in this order */
	assert_string_equal(difference, "  hpo.space, the order of its parameters: [\"alpha\",\"standardize\"] -> [\"standardize\",\"alpha\"]");
	free(difference);
	json_decref(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(spec_resolved__defaults_are_spelled_out, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_resolved__a_learning_curve_is_a_list_in_order, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_resolved__every_key_is_in_it, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_resolved__values_are_canonical, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_resolved__catalogue_reaches_the_struct, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_resolved__other_shapes, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_resolved__models_spaces_and_metrics, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_resolved__json_files_load_too, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_resolved__aliases_stand_for_values, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_resolved__quotes_make_texts, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_resolved__nothing_below_a_section, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_resolved__fake_engine_needs_permission, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_resolved__name_comes_from_file_or_folder, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_resolved__reads_back_the_same, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_resolved__damage_is_named, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_resolved__keys_of_an_older_orch_get_defaults, setup, teardown),
	        cmocka_unit_test_setup_teardown(spec_resolved__differences_are_named, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
