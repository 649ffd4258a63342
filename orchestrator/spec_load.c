/* From the file to the struct: read, check, resolve; and from spec.json to the same struct. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/spec.h"
#include "orchestrator/spec_check.h"
#include "storage/base/file.h"
#include "storage/base/json.h"

/* ---- spec.json -> struct ---- */

struct builder {
	struct spec *spec;
	struct orch_err *err;
};

static void *room(struct builder *builder, size_t count, size_t size)
{
	void *block = arena_alloc(&builder->spec->arena, count + 1, size);

	if (!block)
		orch_bug("out of memory");
	return block;
}

static const char *text_of(struct builder *builder, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? arena_text(&builder->spec->arena, text) : NULL;
}

static const char **texts_of(struct builder *builder, const json_t *list, size_t *count)
{
	const char **out = room(builder, json_array_size(list), sizeof *out);
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		out[i] = arena_text(&builder->spec->arena, json_string_value(item) ? json_string_value(item) : "");
	*count = json_array_size(list);
	return out;
}

static struct spec_named_list *lists_of(struct builder *builder, json_t *object, size_t *count)
{
	struct spec_named_list *out = room(builder, json_object_size(object), sizeof *out);
	const char *name;
	json_t *list;
	size_t at = 0;

	json_object_foreach(object, name, list) {
		out[at].name = arena_text(&builder->spec->arena, name);
		out[at].items = texts_of(builder, list, &out[at].count);
		at++;
	}
	*count = at;
	return out;
}

static unsigned index_of(const json_t *object, const char *key, const char *const *names, size_t count)
{
	const char *text = json_get_text(object, key, "");

	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], text))
			return (unsigned)i;
	return 0;
}

static void build_target(struct builder *builder, struct spec_data *data, const json_t *target)
{
	const json_t *angle = json_object_get(target, "angle");

	if (!json_is_object(target)) {
		data->targets = texts_of(builder, target, &data->target_count);
		return;
	}
	data->has_angle = true;
	data->targets = room(builder, 0, sizeof *data->targets);
	if (json_is_string(angle))
		data->angle.column = text_of(builder, target, "angle");
	data->angle.sine = text_of(builder, angle, "sin");
	data->angle.cosine = text_of(builder, angle, "cos");
}

static void build_data(struct builder *builder, const json_t *object)
{
	static const char *const tasks[] = {"auto", "regression", "classification"}, *const missing[] = {"keep", "mean", "median", "drop", "error"};
	struct spec_data *data = &builder->spec->data;
	json_t *features = json_object_get(object, "features"), *value;
	const char *name;

	data->source = text_of(builder, object, "source");
	if (data->source) {
		char *path = file_join(builder->spec->base, data->source);

		data->source_path = arena_text(&builder->spec->arena, path);
		free(path);
	}
	data->sql = text_of(builder, object, "sql");
	build_target(builder, data, json_object_get(object, "target"));
	data->task = index_of(object, "task", tasks, 3);
	data->id = text_of(builder, object, "id");
	data->weight = text_of(builder, object, "weight");
	data->exclude = texts_of(builder, json_object_get(object, "exclude"), &data->exclude_count);
	data->features = room(builder, json_object_size(features), sizeof *data->features);
	json_object_foreach(features, name, value)
		data->features[data->feature_count++] = (struct spec_named_text){arena_text(&builder->spec->arena, name), arena_text(&builder->spec->arena, json_string_value(value))};
	data->categories = lists_of(builder, json_object_get(object, "categories"), &data->category_count);
	data->missing = index_of(object, "missing", missing, 5);
}

static void build_split(struct builder *builder, const json_t *object)
{
	static const char *const kinds[] = {"kfold", "group", "time", "column"};
	struct spec_split *split = &builder->spec->split;
	json_t *folds = json_object_get(object, "folds"), *holdout = json_object_get(object, "holdout"), *strata = json_object_get(folds, "stratify"), *item;
	size_t i;

	split->holdout = json_number_value(holdout);
	split->holdout_column = json_is_object(holdout) ? text_of(builder, holdout, "column") : NULL;
	split->kind = index_of(folds, "kind", kinds, 4);
	split->k = (unsigned)json_get_int(folds, "k", 5);
	split->repeats = (unsigned)json_get_int(folds, "repeats", 1);
	split->shuffle = json_get_bool(folds, "shuffle", 1);
	split->by = text_of(builder, folds, "by");
	split->window = json_get_int(folds, "window", 0);
	split->gap = json_get_int(folds, "gap", 0);
	split->stratify = room(builder, json_array_size(strata), sizeof *split->stratify);
	json_array_foreach(strata, i, item)
		split->stratify[split->stratify_count++] = (struct spec_stratify){text_of(builder, item, "column"), (unsigned)json_get_int(item, "bins", 0)};
}

static void build_axis(struct builder *builder, struct spec_axis *axis, const char *name, json_t *object)
{
	static const char *const kinds[] = {"choice", "float", "int"};
	json_t *choices = json_object_get(object, "choices"), *value;
	size_t i;

	axis->name = arena_text(&builder->spec->arena, name);
	axis->kind = index_of(object, "kind", kinds, 3);
	axis->choices = room(builder, json_array_size(choices), sizeof *axis->choices);
	json_array_foreach(choices, i, value)
		axis->choices[axis->choice_count++] = value;
	axis->low = json_get_real(object, "low", 0);
	axis->high = json_get_real(object, "high", 0);
	axis->step = json_get_real(object, "step", 0);
	axis->log = json_get_bool(object, "log", 0);
	axis->when = json_object_get(object, "when");
}

static void build_model(struct builder *builder, const json_t *resolved)
{
	static const char *const samplers[] = {"grid", "random", "sobol", "tpe", "gp"};
	struct spec *spec = builder->spec;
	json_t *model = json_object_get(resolved, "model"), *hpo = json_object_get(resolved, "hpo"), *space = json_object_get(hpo, "space"), *axis;
	const char *name;

	spec->models = room(builder, 1, sizeof *spec->models);
	spec->model_count = 1;
	spec->models[0] = (struct spec_model){.engine = text_of(builder, model, "engine"), .params = json_object_get(model, "params"), .run = text_of(builder, model, "run")};
	spec->hpo.sampler = index_of(hpo, "sampler", samplers, 5);
	spec->hpo.trials = json_get_int(hpo, "trials", 0);
	spec->hpo.pruner = text_of(builder, hpo, "pruner");
	spec->hpo.space = room(builder, json_object_size(space), sizeof *spec->hpo.space);
	json_object_foreach(space, name, axis)
		build_axis(builder, &spec->hpo.space[spec->hpo.axis_count++], name, axis);
}

static void build_rfe(struct builder *builder, const json_t *object)
{
	struct spec_rfe *rfe = &builder->spec->rfe;
	json_t *drop = json_object_get(object, "drop"), *stop = json_object_get(object, "stop"), *choose = json_object_get(object, "choose");

	rfe->enabled = json_get_bool(object, "enabled", 1);
	rfe->drop = json_is_integer(drop) ? SPEC_DROP_COUNT : !strcmp(json_string_value(drop), "insignificant") ? SPEC_DROP_INSIGNIFICANT : SPEC_DROP_FRACTION;
	rfe->drop_count = json_is_integer(drop) ? (unsigned)json_integer_value(drop) : 1;
	rfe->drop_fraction = rfe->drop == SPEC_DROP_FRACTION ? strtod(json_string_value(drop), NULL) / 100 : 0;
	rfe->min_features = (unsigned)json_get_int(object, "min_features", 1);
	rfe->max_rounds = (unsigned)json_get_int(object, "max_rounds", 50);
	rfe->has_stop = json_is_object(stop);
	rfe->worse_by = json_get_real(stop, "worse_by", 0);
	rfe->patience = (unsigned)json_get_int(stop, "patience", 1);
	rfe->choose = json_is_object(choose) ? SPEC_CHOOSE_TOLERANCE : !strcmp(json_string_value(choose), "best") ? SPEC_CHOOSE_BEST : SPEC_CHOOSE_ONE_SE;
	rfe->tolerance = json_get_real(choose, "tolerance", 0);
}

static void build_rest(struct builder *builder, const json_t *resolved)
{
	struct spec *spec = builder->spec;
	const json_t *resources = json_object_get(resolved, "resources"), *limits = json_object_get(resolved, "limits"), *lofo = json_object_get(resolved, "lofo");

	spec->seed = (uint64_t)json_get_int(resolved, "seed", 42);
	spec->metric = text_of(builder, resolved, "metric");
	spec->lofo.enabled = json_get_bool(lofo, "enabled", 1);
	spec->lofo.adaptive = json_get_bool(lofo, "adaptive", 0);
	spec->lofo.groups = lists_of(builder, json_object_get(lofo, "groups"), &spec->lofo.group_count);
	spec->resources.workers = (unsigned)json_get_int(resources, "workers", 0);
	spec->resources.threads = (unsigned)json_get_int(resources, "threads", 0);
	spec->resources.memory = (uint64_t)json_get_int(resources, "memory", 0);
	spec->resources.fit_timeout = json_get_real(resources, "fit_timeout", 0);
	spec->resources.retries = (unsigned)json_get_int(resources, "retries", 1);
	spec->limits.configurations = json_get_int(limits, "configurations", 5000);
	spec->limits.hours = json_get_real(limits, "hours", 24);
	spec->limits.disk = (uint64_t)json_get_int(limits, "disk", 0);
	spec->executor = text_of(builder, resolved, "executor");
	spec->on_finish = text_of(builder, resolved, "on_finish");
}

/* What the builder takes for granted in a spec.json that somebody may have edited. */
static int check_shape(const json_t *resolved, const char *path, struct orch_err *err)
{
	static const char *const sections[] = {"data", "split", "hpo", "lofo", "rfe", "resources", "limits", "model"};
	const json_t *rfe = json_object_get(resolved, "rfe"), *choose = json_object_get(rfe, "choose"), *drop = json_object_get(rfe, "drop");
	const char *engine = json_get_text(json_object_get(resolved, "model"), "engine", "");

	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
		if (!json_is_object(json_object_get(resolved, sections[i])))
			return orch_fail(err, ORCH_EDAMAGED, "%s: spec.json has no \"%s\"", path, sections[i]);
	if (!json_is_string(json_object_get(resolved, "name")) || !json_is_object(json_object_get(json_object_get(resolved, "model"), "params")) || !engine_find(engine) ||
	        !(json_is_integer(drop) || json_is_string(drop)) || !(json_is_object(choose) || json_is_string(choose)))
		return orch_fail(err, ORCH_EDAMAGED, "%s: spec.json is not what orch wrote", path);
	return 0;
}

int spec_from_resolved(json_t *resolved, const char *path, const char *base, struct spec **out, struct orch_err *err)
{
	struct spec *spec;
	struct builder builder = {.err = err};
	char *absolute;
	int code = check_shape(resolved, path, err);

	if (code)
		return code;
	builder.spec = spec = mem_must(1, sizeof *spec);
	absolute = file_absolute(base);
	spec->resolved = json_incref(resolved);
	spec->path = arena_text(&spec->arena, path);
	spec->base = arena_text(&spec->arena, absolute);
	spec->name = text_of(&builder, resolved, "name");
	free(absolute);
	build_data(&builder, json_object_get(resolved, "data"));
	build_split(&builder, json_object_get(resolved, "split"));
	build_model(&builder, resolved);
	build_rfe(&builder, json_object_get(resolved, "rfe"));
	build_rest(&builder, resolved);
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

/* ---- the file ---- */

/* Without a name the campaign is called like its file, or like its folder when the file is campaign.yaml. */
static void name_it(json_t *resolved, const char *path)
{
	char *absolute, *folder, *stem;

	if (json_is_string(json_object_get(resolved, "name")))
		return;
	absolute = file_absolute(path);
	folder = file_folder(absolute);
	stem = mem_text(file_name(absolute));
	if (strrchr(stem, '.') && strrchr(stem, '.') != stem)
		*strrchr(stem, '.') = '\0';
	if (!strcmp(stem, "campaign")) {
		free(stem);
		stem = text_format("%s-campaign", *file_name(folder) ? file_name(folder) : "orch");
	}
	json_object_set_new_nocheck(resolved, "name", json_string_nocheck(stem));
	free(stem);
	free(folder);
	free(absolute);
}

static int give_report(struct spec_check *check, char **report, struct orch_err *err)
{
	char *text;

	text_addf(&check->report, "%u error%s in %s; orch schema --keys lists the keys", check->errors, check->errors == 1 ? "" : "s", check->document->path);
	text = text_take(&check->report);
	orch_fail(err, ORCH_EINPUT, "%.2000s", text);
	if (report)
		*report = text;
	else
		free(text);
	return ORCH_EINPUT;
}

static int from_document(struct spec_check *check, const char *path, struct spec **out, char **report, struct orch_err *err)
{
	json_t *resolved = spec_check_all(check);
	char *base;
	int code;

	if (!resolved)
		return give_report(check, report, err);
	name_it(resolved, path);
	base = file_folder(path);
	code = spec_from_resolved(resolved, path, base, out, err);
	free(base);
	json_decref(resolved);
	return code;
}

int spec_load(const char *path, bool color, struct spec **out, char **report, struct orch_err *err)
{
	struct yaml_document document;
	struct spec_check check = {.document = &document, .color = color};
	struct orch_err why = {0};
	unsigned line, column;
	int code = spec_yaml_read(path, &document, &line, &column, &why);

	if (report)
		*report = NULL;
	if (code) {
		struct yaml_node place = {.line = line, .column = column ? column : 1};

		spec_error(&check, line ? &place : NULL, "%s", why.text);
		code = code == ORCH_EINPUT ? give_report(&check, report, err) : orch_fail(err, code, "%s: %s", path, why.text);
	} else {
		code = from_document(&check, path, out, report, err);
	}
	text_buf_release(&check.report);
	spec_yaml_release(&document);
	return code;
}

/* ---- differences ---- */

static void differ(struct text_buf *out, const char *path, const json_t *before, const json_t *after)
{
	const char *key;
	json_t *value;

	if (json_equal((json_t *)before, (json_t *)after))
		return;
	if (json_is_object(before) && json_is_object(after)) {
		json_object_foreach((json_t *)before, key, value) {
			char *below = text_format("%s%s%s", path, path[0] ? "." : "", key);

			differ(out, below, value, json_object_get(after, key));
			free(below);
		}
		json_object_foreach((json_t *)after, key, value)
			if (!json_object_get(before, key)) {
				char *below = text_format("%s%s%s", path, path[0] ? "." : "", key);

				differ(out, below, NULL, value);
				free(below);
			}
	} else {
		char *was = before ? json_text(before, JSON_STYLE_LINE) : mem_text("(absent)"), *is = after ? json_text(after, JSON_STYLE_LINE) : mem_text("(absent)");

		text_addf(out, "%s  %s: %s -> %s", out->length ? "\n" : "", path, was, is);
		free(was);
		free(is);
	}
}

char *spec_difference(const json_t *before, const json_t *after)
{
	struct text_buf out = {0};

	differ(&out, "", before, after);
	return text_take(&out);
}
