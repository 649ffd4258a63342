/* spec.json -> struct, and what differs between two of them. A spec.json may have been edited or damaged: nothing in it is taken for granted; the first value
 * that orch would not have written refuses it, by its path. A key that it lacks (an older orch wrote it) has its default. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/metric/metric.h"
#include "orchestrator/spec.h"
#include "orchestrator/spec_check.h"
#include "storage/base/file.h"
#include "storage/base/json.h"

#define KEYS_MAX 64

struct builder {
	struct spec *spec;
	char *wrong; /* path of the first value that is wrong */
};

static bool expect(struct builder *builder, bool right, const char *path)
{
	if (!right && !builder->wrong)
		builder->wrong = mem_text(path);
	return right;
}

static void *room(struct builder *builder, size_t count, size_t size)
{
	void *block = arena_alloc(&builder->spec->arena, count + 1, size);

	if (!block)
		orch_bug("out of memory");
	return block;
}

static const char *keep(struct builder *builder, const char *text)
{
	char *copy = arena_text(&builder->spec->arena, text);

	if (!copy)
		orch_bug("out of memory");
	return copy;
}

/* ---- against the table of keys ---- */

static bool is_word_of(const char *words, const char *word)
{
	size_t length = word ? strlen(word) : 0;

	if (!length || strchr(word, ' '))
		return false;
	for (const char *at = words; (at = strstr(at, word)); at += length)
		if ((at == words || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
			return true;
	return false;
}

static bool is_texts(const json_t *list)
{
	json_t *item;
	size_t i;

	if (!json_is_array(list))
		return false;
	json_array_foreach(list, i, item)
		if (!json_is_string(item))
			return false;
	return true;
}

/* A value of a plain kind as the loader would have resolved it. */
static bool is_right(const struct spec_key *key, const json_t *value)
{
	bool in_range = json_is_number(value) && json_number_value(value) >= key->low && json_number_value(value) <= key->high;

	switch (key->kind) {
	case SPEC_SECTION:
		return json_is_object(value);
	case SPEC_TEXT:
		return json_is_string(value);
	case SPEC_TEXTS:
		return is_texts(value);
	case SPEC_INT_OR_AUTO:
		return (json_is_string(value) && !strcmp(json_string_value(value), "auto")) || (json_is_integer(value) && in_range);
	case SPEC_INT:
	case SPEC_BYTES:
		return json_is_integer(value) && in_range;
	case SPEC_REAL:
	case SPEC_SECONDS:
		return in_range;
	case SPEC_BOOL:
		return json_is_boolean(value);
	case SPEC_CHOICE:
		return is_word_of(key->choices, json_string_value(value));
	default:
		return true; /* its builder looks at it */
	}
}

static bool is_default(const struct spec_key *key, const json_t *value)
{
	json_t *fallback = spec_key_default(key);
	bool same = fallback && json_equal(fallback, (json_t *)value);

	json_decref(fallback);
	return same;
}

/* Every key of the table is in the section afterwards, and no other. */
static void complete_section(struct builder *builder, const char *section, json_t *object)
{
	const char *names[KEYS_MAX], *name;
	size_t count = spec_keys_below(section, names, KEYS_MAX);
	json_t *value;

	json_object_foreach(object, name, value)
		if (!spec_key_find(section, name)) {
			char *path = text_format("%s%s%s", section, section[0] ? "." : "", name);

			expect(builder, false, path);
			free(path);
		}
	for (size_t i = 0; i < count; i++) {
		const struct spec_key *key = spec_key_find(section, names[i]);

		value = json_object_get(object, names[i]);
		if (!value && key->fallback) {
			value = key->kind == SPEC_SECTION ? json_object() : spec_key_default(key);
			json_object_set_new(object, names[i], value);
		}
		if (expect(builder, value && (is_default(key, value) || is_right(key, value)), key->path) && key->kind == SPEC_SECTION)
			complete_section(builder, key->path, value);
	}
}

/* ---- values ---- */

static const char *text_of(struct builder *builder, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? keep(builder, text) : NULL;
}

static const char **texts_of(struct builder *builder, const json_t *list, const char *path, size_t *count)
{
	const char **out = room(builder, json_array_size(list), sizeof *out);
	json_t *item;
	size_t i;

	*count = 0;
	if (!expect(builder, is_texts(list), path))
		return out;
	json_array_foreach(list, i, item)
		out[(*count)++] = keep(builder, json_string_value(item));
	return out;
}

static struct spec_named_list *lists_of(struct builder *builder, json_t *object, const char *path, size_t *count)
{
	struct spec_named_list *out = room(builder, json_object_size(object), sizeof *out);
	const char *name;
	json_t *list;

	*count = 0;
	expect(builder, json_is_object(object), path);
	json_object_foreach(object, name, list) {
		if (!strcmp(path, "lofo.groups") && !strcmp(name, "auto"))
			continue; /* a threshold, no group */
		out[*count].name = keep(builder, name);
		out[*count].items = texts_of(builder, list, path, &out[*count].count);
		++*count;
	}
	return out;
}

/* Position of a choice among its words; they stand in the order of the enum. */
static unsigned choice_of(const char *path, const json_t *object)
{
	const char *name = strrchr(path, '.') + 1, *at, *word = json_get_text(object, name, "");
	char section[64] = "";
	const struct spec_key *key;
	unsigned position = 0;

	memcpy(section, path, (size_t)(name - 1 - path));
	key = spec_key_find(section, name);
	for (at = key->choices; strncmp(at, word, strcspn(at, " ")) || strcspn(at, " ") != strlen(word); position++) {
		at += strcspn(at, " ");
		if (!*at++)
			return 0; /* refused by complete_section */
	}
	return position;
}

static void build_target(struct builder *builder, struct spec_data *data, const json_t *target)
{
	const json_t *angle = json_object_get(target, "angle");

	if (!json_is_object(target)) {
		data->targets = texts_of(builder, target, "data.target", &data->target_count);
		expect(builder, data->target_count > 0, "data.target");
		return;
	}
	data->has_angle = true;
	data->targets = room(builder, 0, sizeof *data->targets);
	if (json_is_string(angle))
		data->angle.column = text_of(builder, target, "angle");
	data->angle.sine = text_of(builder, angle, "sin");
	data->angle.cosine = text_of(builder, angle, "cos");
	expect(builder, data->angle.column || (data->angle.sine && data->angle.cosine), "data.target");
}

static void build_data(struct builder *builder, const json_t *object)
{
	struct spec_data *data = &builder->spec->data;
	json_t *features = json_object_get(object, "features"), *prune = json_object_get(object, "prune"), *value;
	const char *name;

	data->source = text_of(builder, object, "source");
	if (data->source) {
		char *path = file_join(builder->spec->base, data->source);

		data->source_path = keep(builder, path);
		free(path);
	}
	data->sql = text_of(builder, object, "sql");
	expect(builder, !data->source != !data->sql, "data.source");
	build_target(builder, data, json_object_get(object, "target"));
	data->task = choice_of("data.task", object);
	data->id = text_of(builder, object, "id");
	data->weight = text_of(builder, object, "weight");
	data->exclude = texts_of(builder, json_object_get(object, "exclude"), "data.exclude", &data->exclude_count);
	expect(builder, json_is_object(features), "data.features");
	data->features = room(builder, json_object_size(features), sizeof *data->features);
	json_object_foreach(features, name, value)
		if (expect(builder, json_is_string(value), "data.features"))
			data->features[data->feature_count++] = (struct spec_named_text){keep(builder, name), keep(builder, json_string_value(value))};
	data->categories = lists_of(builder, json_object_get(object, "categories"), "data.categories", &data->category_count);
	data->missing = choice_of("data.missing", object);
	data->prune.constants = json_get_bool(prune, "constants", 0);
	data->prune.duplicates = json_get_bool(prune, "duplicates", 0);
	data->prune.correlated = json_get_real(prune, "correlated", 0);
	expect(builder, data->prune.correlated >= 0 && data->prune.correlated <= 1, "data.prune.correlated");
}

static void build_split(struct builder *builder, const json_t *object)
{
	struct spec_split *split = &builder->spec->split;
	json_t *folds = json_object_get(object, "folds"), *holdout = json_object_get(object, "holdout"), *strata = json_object_get(folds, "stratify"), *item;
	size_t i;

	split->holdout = json_number_value(holdout);
	split->holdout_column = json_is_object(holdout) ? text_of(builder, holdout, "column") : NULL;
	expect(builder, split->holdout_column || (json_is_number(holdout) && split->holdout >= 0 && split->holdout < 1), "split.holdout");
	split->kind = choice_of("split.folds.kind", folds);
	split->k = (unsigned)json_get_int(folds, "k", 5);
	split->repeats = (unsigned)json_get_int(folds, "repeats", 1);
	split->shuffle = json_get_bool(folds, "shuffle", 1);
	split->by = text_of(builder, folds, "by");
	expect(builder, split->by || split->kind == SPEC_FOLDS_KFOLD, "split.folds.by");
	split->window = json_get_int(folds, "window", 0);
	split->gap = json_get_int(folds, "gap", 0);
	expect(builder, json_is_array(strata), "split.folds.stratify");
	split->stratify = room(builder, json_array_size(strata), sizeof *split->stratify);
	json_array_foreach(strata, i, item)
		if (expect(builder, json_is_string(json_object_get(item, "column")), "split.folds.stratify"))
			split->stratify[split->stratify_count++] = (struct spec_stratify){text_of(builder, item, "column"), (unsigned)json_get_int(item, "bins", 0)};
}

static void build_axis(struct builder *builder, struct spec_axis *axis, const char *name, json_t *object)
{
	json_t *choices = json_object_get(object, "choices"), *value;
	const char *kind = json_get_text(object, "kind", "");
	size_t i;

	axis->name = keep(builder, name);
	axis->kind = !strcmp(kind, "int") ? SPEC_AXIS_INT : !strcmp(kind, "float") ? SPEC_AXIS_FLOAT : SPEC_AXIS_CHOICE;
	axis->choices = room(builder, json_array_size(choices), sizeof *axis->choices);
	json_array_foreach(choices, i, value)
		axis->choices[axis->choice_count++] = value;
	axis->low = json_get_real(object, "low", 0);
	axis->high = json_get_real(object, "high", 0);
	axis->step = json_get_real(object, "step", 0);
	axis->log = json_get_bool(object, "log", 0);
	axis->when = json_object_get(object, "when");
	if (axis->kind == SPEC_AXIS_CHOICE)
		expect(builder, !strcmp(kind, "choice") && axis->choice_count, "hpo.space");
	else
		expect(builder, axis->low < axis->high && axis->step >= 0, "hpo.space");
}

static void build_model(struct builder *builder, struct spec_model *out, const json_t *model, json_t *space)
{
	const struct engine *engine = engine_find(json_get_text(model, "engine", ""));
	const char *name;
	json_t *axis;

	expect(builder, engine, "model.engine");
	expect(builder, json_is_object(json_object_get(model, "params")), "model.params");
	expect(builder, !engine || !engine->external || json_is_string(json_object_get(model, "run")), "model.run");
	expect(builder, json_is_object(space), "hpo.space");
	*out = (struct spec_model){.engine = text_of(builder, model, "engine"), .params = json_object_get(model, "params"), .run = text_of(builder, model, "run"),
	        .stays = !strcmp(json_get_text(model, "protocol", "template"), "jsonl")};
	expect(builder, is_word_of("template jsonl", json_get_text(model, "protocol", "template")), "model.protocol");
	out->name = json_object_get(model, "name") ? text_of(builder, model, "name") : out->engine;
	out->space = room(builder, json_object_size(space), sizeof *out->space);
	json_object_foreach(space, name, axis)
		build_axis(builder, &out->space[out->axis_count++], name, axis);
}

static bool has_choice(const struct spec_axis *axis, const json_t *choice)
{
	for (size_t c = 0; c < axis->choice_count; c++)
		if (json_equal(axis->choices[c], choice))
			return true;
	return false;
}

static bool has_text(const struct spec_axis *axis)
{
	for (size_t c = 0; c < axis->choice_count; c++)
		if (!json_is_number(axis->choices[c]) && !json_is_null(axis->choices[c]))
			return true;
	return false;
}

/* An axis that several models have is one column: of text when one of them has text, else of numbers; its choices are those of all. */
static void join_axis(struct builder *builder, struct spec_hpo *hpo, const struct spec_axis *axis)
{
	struct spec_axis *known = NULL;
	json_t **choices;

	for (size_t a = 0; a < hpo->axis_count; a++)
		if (!strcmp(hpo->space[a].name, axis->name))
			known = &hpo->space[a];
	if (!known) {
		hpo->space[hpo->axis_count++] = *axis;
		return;
	}
	if (known->kind != axis->kind && !has_text(known)) {
		*known = has_text(axis) ? *axis : known->kind == SPEC_AXIS_CHOICE ? *axis : *known;
		return;
	}
	choices = room(builder, known->choice_count + axis->choice_count, sizeof *choices);
	for (size_t c = 0; c < known->choice_count; c++)
		choices[c] = known->choices[c];
	known->choices = choices;
	for (size_t c = 0; c < axis->choice_count; c++)
		if (!has_choice(known, axis->choices[c]))
			choices[known->choice_count++] = axis->choices[c];
}

static void build_search(struct builder *builder, const json_t *resolved)
{
	struct spec *spec = builder->spec;
	json_t *hpo = json_object_get(resolved, "hpo"), *models = json_object_get(resolved, "models"), *model;
	size_t m, axes = 0;

	spec->model_count = json_is_array(models) ? json_array_size(models) : 1;
	expect(builder, spec->model_count, "models");
	spec->models = room(builder, spec->model_count + 1, sizeof *spec->models);
	if (!json_is_array(models))
		build_model(builder, &spec->models[0], json_object_get(resolved, "model"), json_object_get(hpo, "space"));
	json_array_foreach(models, m, model)
		build_model(builder, &spec->models[m], model, json_object_get(model, "space"));
	spec->hpo.sampler = choice_of("hpo.sampler", hpo);
	spec->hpo.trials = json_get_int(hpo, "trials", 0);
	spec->hpo.pruner = text_of(builder, hpo, "pruner");
	spec->hpo.warm_start = text_of(builder, hpo, "warm_start");
	for (m = 0; m < spec->model_count; m++)
		axes += spec->models[m].axis_count;
	spec->hpo.space = room(builder, axes, sizeof *spec->hpo.space);
	for (m = 0; m < spec->model_count; m++)
		for (size_t a = 0; a < spec->models[m].axis_count; a++)
			join_axis(builder, &spec->hpo, &spec->models[m].space[a]);
}

static void build_rfe(struct builder *builder, const json_t *object)
{
	struct spec_rfe *rfe = &builder->spec->rfe;
	json_t *drop = json_object_get(object, "drop"), *stop = json_object_get(object, "stop"), *choose = json_object_get(object, "choose");
	const char *dropped = json_get_text(object, "drop", ""), *rule = json_get_text(object, "choose", "");

	rfe->enabled = json_get_bool(object, "enabled", 1);
	rfe->path = json_get_bool(object, "path", 1);
	rfe->drop = json_is_integer(drop) ? SPEC_DROP_COUNT : !strcmp(dropped, "insignificant") ? SPEC_DROP_INSIGNIFICANT : SPEC_DROP_FRACTION;
	rfe->drop_count = json_is_integer(drop) ? (unsigned)json_integer_value(drop) : 1;
	expect(builder, rfe->drop == SPEC_DROP_COUNT ? rfe->drop_count >= 1 : rfe->drop == SPEC_DROP_INSIGNIFICANT || spec_share_of(dropped, &rfe->drop_fraction), "rfe.drop");
	rfe->min_features = (unsigned)json_get_int(object, "min_features", 1);
	rfe->max_rounds = (unsigned)json_get_int(object, "max_rounds", 50);
	rfe->has_stop = json_is_object(stop);
	rfe->worse_by = json_get_real(stop, "worse_by", rfe->has_stop ? -1 : 0);
	rfe->patience = (unsigned)json_get_int(stop, "patience", rfe->has_stop ? 0 : 1);
	expect(builder, json_is_null(stop) || (rfe->has_stop && rfe->worse_by >= 0 && rfe->patience >= 1), "rfe.stop");
	rfe->choose = json_is_object(choose) ? SPEC_CHOOSE_TOLERANCE : !strcmp(rule, "best") ? SPEC_CHOOSE_BEST : SPEC_CHOOSE_ONE_SE;
	rfe->tolerance = json_get_real(choose, "tolerance", 0);
	expect(builder, rfe->choose == SPEC_CHOOSE_TOLERANCE ? json_is_number(json_object_get(choose, "tolerance")) : is_word_of("best one_se", rule), "rfe.choose");
}

static void build_metric(struct builder *builder, const json_t *metric, json_t *constraints)
{
	struct spec *spec = builder->spec;
	json_t *item, *bound;
	const char *name, *side;
	size_t i;

	spec->objectives = room(builder, json_array_size(metric) + 1, sizeof *spec->objectives);
	json_array_foreach(metric, i, item)
		if (expect(builder, json_is_string(item), "metric"))
			spec->objectives[spec->objective_count++] = keep(builder, json_string_value(item));
	spec->metric = json_is_string(metric) ? keep(builder, json_string_value(metric)) : spec->objective_count ? spec->objectives[0] : NULL;
	spec->constraints = room(builder, 2 * json_object_size(constraints) + 1, sizeof *spec->constraints);
	json_object_foreach(constraints, name, item)
		json_object_foreach(item, side, bound)
			if (expect(builder, json_is_number(bound), "constraints"))
				spec->constraints[spec->constraint_count++] = (struct spec_constraint){keep(builder, name), !strcmp(side, "min"), json_number_value(bound)};
}

static void build_diagnostics(struct builder *builder, const json_t *diagnostics)
{
	struct spec_diagnostics *out = &builder->spec->diagnostics;
	json_t *shares = json_object_get(diagnostics, "learning_curve"), *share;
	size_t i;

	out->seed_repeats = (unsigned)json_get_int(diagnostics, "seed_repeats", 0);
	out->learning_curve = room(builder, json_array_size(shares) + 1, sizeof *out->learning_curve);
	json_array_foreach(shares, i, share)
		if (expect(builder, json_is_number(share) && json_number_value(share) > 0 && json_number_value(share) < 1, "diagnostics.learning_curve"))
			out->learning_curve[out->learning_count++] = json_number_value(share);
}

static void build_rest(struct builder *builder, const json_t *resolved)
{
	struct spec *spec = builder->spec;
	const json_t *resources = json_object_get(resolved, "resources"), *limits = json_object_get(resolved, "limits"), *lofo = json_object_get(resolved, "lofo"),
	             *ensemble = json_object_get(resolved, "ensemble");

	spec->name = text_of(builder, resolved, "name");
	expect(builder, spec->name && !spec_name_problem(spec->name), "name");
	spec->seed = (uint64_t)json_get_int(resolved, "seed", 42);
	build_metric(builder, json_object_get(resolved, "metric"), json_object_get(resolved, "constraints"));
	expect(builder, !spec->metric || metric_find(spec->metric), "metric");
	spec->ensemble.method = choice_of("ensemble.method", ensemble);
	spec->ensemble.top = (unsigned)json_get_int(ensemble, "top", 3);
	spec->ensemble.models = strcmp(json_get_text(ensemble, "from", "auto"), "trials") && spec->model_count > 1;
	spec->lofo.enabled = json_get_bool(lofo, "enabled", 1);
	spec->lofo.adaptive = json_get_bool(lofo, "adaptive", 0);
	spec->lofo.groups = lists_of(builder, json_object_get(lofo, "groups"), "lofo.groups", &spec->lofo.group_count);
	spec->lofo.auto_groups = json_get_real(json_object_get(lofo, "groups"), "auto", 0);
	expect(builder, spec->lofo.auto_groups >= 0 && spec->lofo.auto_groups <= 1, "lofo.groups.auto");
	build_diagnostics(builder, json_object_get(resolved, "diagnostics"));
	spec->resources.workers = (unsigned)json_get_int(resources, "workers", 0);
	spec->resources.batch = (unsigned)json_get_int(resources, "batch", 0);
	spec->resources.threads = (unsigned)json_get_int(resources, "threads", 0);
	spec->resources.memory = (uint64_t)json_get_int(resources, "memory", 0);
	spec->resources.fit_timeout = json_get_real(resources, "fit_timeout", 0);
	spec->resources.fit_memory = (uint64_t)json_get_int(resources, "fit_memory", 0);
	spec->resources.fit_output = (uint64_t)json_get_int(resources, "fit_output", 1 << 30);
	spec->resources.pause = json_get_real(resources, "pause", 1e8);
	spec->resources.retries = (unsigned)json_get_int(resources, "retries", 1);
	spec->limits.configurations = json_get_int(limits, "configurations", 5000);
	spec->limits.hours = json_get_real(limits, "hours", 24);
	spec->limits.disk = (uint64_t)json_get_int(limits, "disk", 0);
	spec->executor = text_of(builder, resolved, "executor");
	spec->on_finish = text_of(builder, resolved, "on_finish");
}

int spec_from_resolved(json_t *resolved, const char *path, const char *base, struct spec **out, struct orch_err *err)
{
	struct spec *spec = mem_must(1, sizeof *spec);
	struct builder builder = {.spec = spec};
	char *absolute = file_absolute(base);
	int code = 0;

	spec->resolved = json_is_object(resolved) ? json_deep_copy(resolved) : json_object();
	spec->path = keep(&builder, path);
	spec->base = keep(&builder, absolute);
	free(absolute);
	complete_section(&builder, "", spec->resolved);
	build_data(&builder, json_object_get(spec->resolved, "data"));
	build_split(&builder, json_object_get(spec->resolved, "split"));
	build_search(&builder, spec->resolved);
	build_rfe(&builder, json_object_get(spec->resolved, "rfe"));
	build_rest(&builder, spec->resolved);
	if (builder.wrong) {
		code = orch_fail(err, ORCH_EDAMAGED, "%s: %s is not what orch writes there", path, builder.wrong);
		free(builder.wrong);
		spec_release(spec);
		return code;
	}
	*out = spec;
	return 0;
}

void spec_release(struct spec *spec)
{
	if (!spec)
		return;
	json_decref(spec->resolved);
	arena_release(&spec->arena);
	free(spec);
}

/* ---- differences ---- */

static void add_line(struct text_buf *out, const char *path, const json_t *before, const json_t *after)
{
	char *was = before ? json_text(before, JSON_STYLE_LINE) : mem_text("(absent)"), *is = after ? json_text(after, JSON_STYLE_LINE) : mem_text("(absent)");

	text_addf(out, "%s  %s: %s -> %s", out->length ? "\n" : "", path, was, is);
	free(was);
	free(is);
}

static void differ(struct text_buf *out, const char *path, const json_t *before, const json_t *after);

static void differ_below(struct text_buf *out, const char *path, const char *key, const json_t *before, const json_t *after)
{
	char *below = text_format("%s%s%s", path, path[0] ? "." : "", key);

	differ(out, below, before, after);
	free(below);
}

/* Objects are compared key by key; their order matters nowhere but among axes, where a grid counts by it: see spec_difference. */
static void differ(struct text_buf *out, const char *path, const json_t *before, const json_t *after)
{
	const char *key;
	json_t *value;

	if (before && after && json_equal((json_t *)before, (json_t *)after))
		return;
	if (!json_is_object(before) || !json_is_object(after)) {
		add_line(out, path, before, after);
		return;
	}
	json_object_foreach((json_t *)before, key, value)
		differ_below(out, path, key, value, json_object_get(after, key));
	json_object_foreach((json_t *)after, key, value)
		if (!json_object_get(before, key))
			differ_below(out, path, key, NULL, value);
}

/* The names of what each model searches, in order. */
static json_t *names_in_order(const json_t *resolved)
{
	json_t *names = json_array(), *models = json_object_get(resolved, "models"), *model, *value;
	const char *name;
	size_t m;

	json_object_foreach(json_object_get(json_object_get(resolved, "hpo"), "space"), name, value)
		json_array_append_new(names, json_string_nocheck(name));
	json_array_foreach(models, m, model)
		json_object_foreach(json_object_get(model, "space"), name, value)
			json_array_append_new(names, json_string_nocheck(name));
	return names;
}

char *spec_difference(const json_t *before, const json_t *after)
{
	struct text_buf out = {0};
	json_t *was = names_in_order(before), *is = names_in_order(after);

	differ(&out, "", before, after);
	if (!out.length && !json_equal(was, is))
		add_line(&out, "hpo.space, the order of its parameters", was, is);
	json_decref(was);
	json_decref(is);
	return text_take(&out);
}
