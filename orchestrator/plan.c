#include "orchestrator/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/search/pruner.h"
#include "orchestrator/elimination_path.h"
#include "orchestrator/fit_plan.h"
#include "orchestrator/search.h"
#include "orchestrator/variations.h"
#include "storage/base/json.h"
#include "storage/base/process.h"

#define NEAR 0.8                         /* of a limit: worth a warning */
#define SPARE_BYTES (48ull << 20)        /* left to the conductor when what workers may use is cut */
#define ORCHESTRATOR_BYTES (32ull << 20) /* of the conductor itself: 10 to 40 */

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t multiply_saturating(uint64_t a, uint64_t b)
{
	return b && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

/* ---- rounds ---- */

static size_t dropped_of(const struct spec_rfe *rfe, size_t units)
{
	size_t count = rfe->drop == SPEC_DROP_FRACTION ? (size_t)((double)units * rfe->drop_fraction) : rfe->drop_count;

	return count ? count : 1;
}

/* Units of each round, when every round drops all it may; groups count as one unit. Returns the number of rounds. */
static uint64_t count_rounds(const struct spec *spec, size_t units, size_t features, size_t *units_of, size_t capacity)
{
	uint64_t rounds = 0;
	size_t least = spec->rfe.min_features ? spec->rfe.min_features : 1;

	for (;;) {
		size_t drop = dropped_of(&spec->rfe, units);

		if (rounds < capacity)
			units_of[rounds] = units;
		rounds++;
		if (!spec->rfe.enabled || !spec->lofo.enabled || rounds >= spec->rfe.max_rounds || units <= 1 || features <= least)
			return rounds;
		if (features - drop < least || drop > features)
			drop = features - least;
		if (drop >= units)
			drop = units - 1;
		units -= drop;
		features -= drop;
	}
}

/* ---- fits and tasks of one round ---- */

struct round_count {
	uint64_t fits, tasks, stage[STAGE_COUNT];
};

/* Tasks of a stage behind the search, by the model that takes most: which one is chosen is not known. */
static uint64_t most_tasks(const struct spec *spec, unsigned folds, uint64_t units)
{
	uint64_t most = 0;

	for (size_t m = 0; m < spec->model_count; m++) {
		const struct engine *engine = engine_find(spec->models[m].engine);
		uint64_t together = units == 1 || !(engine->shares & ENGINE_SHARE_LEFT_OUT) ? 1 : engine->left_out_most ? engine->left_out_most : units + 1; /* left-out sets of a task */
		uint64_t tasks = multiply_saturating((units + together - 1) / together, engine->shares & ENGINE_SHARE_FOLDS ? 1 : folds);

		most = tasks > most ? tasks : most;
	}
	return most;
}

static uint64_t search_tasks(const struct spec *spec, const struct search *search, unsigned folds)
{
	uint64_t tasks = 0;

	for (size_t m = 0; m < spec->model_count; m++)
		tasks = add_saturating(tasks, multiply_saturating(search_model_groups(search, m), engine_find(spec->models[m].engine)->shares & ENGINE_SHARE_FOLDS ? 1 : folds));
	return tasks;
}

/* Of the model that takes most: which one is chosen is not known. */
static uint64_t most_variations(const struct spec *spec)
{
	uint64_t most = 0;

	for (size_t m = 0; m < spec->model_count; m++) {
		uint64_t count = variations_wanted(spec, engine_find(spec->models[m].engine));

		most = count > most ? count : most;
	}
	return most;
}

/* Configurations that 03_baseline fits. */
static uint64_t members_of(const struct spec *spec, const struct search *search)
{
	uint64_t most = spec->ensemble.models ? spec->model_count : search_configurations(search);

	return !spec->ensemble.method || most < 1 ? 1 : most < spec->ensemble.top ? most : spec->ensemble.top;
}

static struct round_count count_round(const struct search *search, const struct spec *spec, unsigned folds, size_t units, bool drops)
{
	uint64_t sets = spec->rfe.drop == SPEC_DROP_INSIGNIFICANT ? 2 + (uint64_t)log2((double)units + 1) : 1; /* verified and bisected */
	struct round_count count = {0};
	uint64_t members = members_of(spec, search), final = spec->split.holdout > 0 || spec->split.holdout_column;

	count.stage[STAGE_HPO] = multiply_saturating(search_configurations(search), folds);
	count.stage[STAGE_BASELINE] = folds + 1 + (members - 1) * (folds + final);
	if (spec->lofo.enabled && units > 1)
		count.stage[STAGE_LOFO] = multiply_saturating(units, folds);
	if (drops)
		count.stage[STAGE_DROPPED] = sets * folds + 1;
	count.stage[STAGE_STABILITY] = multiply_saturating(most_variations(spec), folds);
	for (unsigned s = 0; s < STAGE_COUNT; s++)
		count.fits = add_saturating(count.fits, count.stage[s]);
	count.tasks = add_saturating(search_tasks(spec, search, folds), multiply_saturating(members, most_tasks(spec, folds, 1) + 1));
	if (count.stage[STAGE_LOFO])
		count.tasks = add_saturating(count.tasks, most_tasks(spec, folds, units));
	if (drops)
		count.tasks = add_saturating(count.tasks, sets * most_tasks(spec, folds, 1) + 1);
	count.tasks = add_saturating(count.tasks, multiply_saturating(most_variations(spec), most_tasks(spec, folds, 1)));
	return count;
}

static void count_all(const struct spec *spec, const struct study *study, const struct search *search, struct plan *plan)
{
	size_t units_of[64] = {0};

	plan->configurations = search_configurations(search);
	plan->rounds = count_rounds(spec, study->unit_count, study->feature_count, units_of, 64);
	for (uint64_t r = 0; r < plan->rounds; r++) {
		struct round_count count = count_round(search, spec, study->folds, units_of[r < 64 ? r : 63], r + 1 < plan->rounds);

		plan->fits = add_saturating(plan->fits, count.fits);
		plan->tasks = add_saturating(plan->tasks, count.tasks);
		if (r < 64) {
			plan->round_fits[r] = count.fits;
			plan->round_tasks[r] = count.tasks;
		}
		if (r == 0)
			memcpy(plan->fits_per_stage, count.stage, sizeof count.stage);
		if (plan->fits == UINT64_MAX)
			return;
	}
}

/* ---- memory, disk, workers ---- */

static void choose_workers(const struct spec *spec, struct plan *plan)
{
	unsigned cores = process_cores(), by_memory;
	uint64_t usable = plan->memory_limit > ORCHESTRATOR_BYTES + plan->memory_shared ? plan->memory_limit - ORCHESTRATOR_BYTES - plan->memory_shared : 0;

	plan->threads = spec->resources.threads ? spec->resources.threads : 1;
	by_memory = plan->memory_worker ? (unsigned)(usable / plan->memory_worker > 4096 ? 4096 : usable / plan->memory_worker) : 4096;
	if (spec->resources.workers) {
		plan->workers = spec->resources.workers;
		snprintf(plan->workers_reason, sizeof plan->workers_reason, "as the campaign says (resources.workers)");
		return;
	}
	plan->workers = cores / plan->threads ? cores / plan->threads : 1;
	if (plan->threads == 1)
		snprintf(plan->workers_reason, sizeof plan->workers_reason, cores == 1 ? "there is one usable core" : "one for each of %u usable cores", cores);
	else
		snprintf(plan->workers_reason, sizeof plan->workers_reason, "%u threads each, on %u usable cores", plan->threads, cores);
	if (by_memory < plan->workers) {
		plan->workers = by_memory ? by_memory : 1;
		snprintf(plan->workers_reason, sizeof plan->workers_reason, "as many as fit into the memory limit");
	}
	if (plan->tasks < plan->workers) {
		plan->workers = plan->tasks ? (unsigned)plan->tasks : 1;
		snprintf(plan->workers_reason, sizeof plan->workers_reason, "no more than there are tasks");
	}
}

void plan_workers(const struct spec *spec, struct plan *plan)
{
	uint64_t spare = plan->memory_shared + SPARE_BYTES;

	choose_workers(spec, plan);
	plan->memory_total = add_saturating(multiply_saturating(plan->workers, plan->memory_worker), ORCHESTRATOR_BYTES + plan->memory_shared);
	plan->memory_each = spec->resources.fit_memory;
	if (!plan->memory_each && plan->memory_limit > spare)
		plan->memory_each = (plan->memory_limit - spare) / plan->workers;
}

void plan_as_started(const struct spec *spec, const json_t *run, struct plan *plan)
{
	uint64_t each = (uint64_t)json_get_int(run, "memory_each", (json_int_t)plan->memory_each), spare = plan->memory_shared + SPARE_BYTES;
	unsigned started = (unsigned)json_get_int(run, "workers_planned", 0), fitting;

	plan->threads = (unsigned)json_get_int(run, "threads", plan->threads);
	if (!spec->resources.workers && started && json_get_int(run, "cores", 0) == (json_int_t)process_cores()) {
		plan->workers = started;
		snprintf(plan->workers_reason, sizeof plan->workers_reason, "as when it was started");
	}
	fitting = each && plan->memory_limit > spare ? (unsigned)fmin((double)((plan->memory_limit - spare) / each), 4096) : plan->workers;
	if (!spec->resources.workers && !spec->resources.fit_memory && fitting < plan->workers) {
		plan->workers = fitting ? fitting : 1;
		snprintf(plan->workers_reason, sizeof plan->workers_reason, "as many as fit into the memory that is there now");
	}
	plan->memory_each = each;
}

/* What a round leaves: predictions twice (baseline, dropped) as Parquet and in scratch, tables of trials and importances, the bundle, the ledger. */
static uint64_t disk_of(const struct spec *spec, const struct study *study, const struct plan *plan)
{
	uint64_t per_row = 8ull * (2 + 2 * study->target_count + study->classes) + 16, rows = (uint64_t)study->frame->rows * (study->split->repeats + 1);
	uint64_t round = multiply_saturating(rows, per_row * 3) + multiply_saturating(plan->configurations, 64ull * (spec->hpo.axis_count + study->folds + 4)) +
	                 (1ull << 20);

	return add_saturating(multiply_saturating(plan->rounds, round), multiply_saturating(plan->fits, 600));
}

/* What hpo.pruner can look at: median and paired, and curves, need trials of an earlier cohort. */
static void note_pruner(const struct spec *spec, const struct search *search, size_t m, struct plan *plan)
{
	const struct pruner *pruner = pruner_find(spec->hpo.pruner);
	uint64_t cohort = search_cohort(search, m);
	bool earlier = cohort && cohort < search_model_trials(search, m, NULL);

	if (!search_prunes(search, m))
		return;
	plan->prunes = true;
	plan->prunes_folds = plan->prunes_folds || earlier || !pruner->alone;
	plan->prunes_curves = plan->prunes_curves || (earlier && search_prunes_curves(search, m));
}

/* For the plan's text. */
static const char *pruner_text(const struct plan *plan)
{
	if (!plan->prunes)
		return " has nothing to stop: the engine answers all folds at once";
	if (!plan->prunes_folds && !plan->prunes_curves)
		return " can decide nothing: it compares trials with those of earlier groups, and here all are one group; halving compares within it";
	if (plan->prunes_curves)
		return ": stops poor trials after some of their folds, and fits under way by the values they report; the fits below are the most there can be";
	return ": stops poor trials after some of their folds; the fits below are the most there can be";
}

int plan_make(const struct spec *spec, const struct study *study, struct plan *out, struct orch_err *err)
{
	struct plan plan = {.seconds_low = NAN, .seconds = NAN, .seconds_high = NAN};
	struct search *search = NULL;
	struct search_source source = {NULL, study->folds, study->metric->maximise};
	int code = search_open(spec, 0, &source, &search, err);

	if (code)
		return code;
	count_all(spec, study, search, &plan);
	for (size_t m = 0; m < spec->model_count; m++)
		note_pruner(spec, search, m, &plan);
	for (size_t m = 0; m < spec->model_count && m < SPEC_MODELS_MAX; m++) {
		uint64_t trials = search_model_trials(search, m, NULL);
		bool shares = engine_find(spec->models[m].engine)->shares & ENGINE_SHARE_FOLDS;

		plan.models[m] = (struct plan_model){trials, multiply_saturating(trials, study->folds), multiply_saturating(search_model_groups(search, m), shares ? 1 : study->folds)};
		plan.search_tasks = add_saturating(plan.search_tasks, plan.models[m].tasks);
	}
	code = plan_memory(spec, study, search, &plan.memory, err);
	search_close(search);
	if (code)
		return code;
	plan.memory_worker = plan_memory_worker(&plan.memory);
	plan.memory_shared = study->frame->map_length;
	plan.memory_limit = spec->resources.memory ? spec->resources.memory : process_memory_available() / 10 * 8;
	plan_workers(spec, &plan);
	plan.disk = disk_of(spec, study, &plan);
	*out = plan;
	return 0;
}

/* ---- limits ---- */

int plan_check_limits(const struct plan *plan, const struct spec *spec, struct orch_err *err)
{
	struct text_buf text = {0};
	char a[TEXT_NUMBER_MAX], b[TEXT_NUMBER_MAX];
	int code = 0;

	if (plan->configurations > (uint64_t)spec->limits.configurations)
		text_add_line(&text, "the search has %s configurations, the limit is %s: thin out hpo.space, search at random (sampler: random, trials: N), or raise limits.configurations",
		        text_count((int64_t)(plan->configurations > INT64_MAX ? INT64_MAX : plan->configurations), a), text_count(spec->limits.configurations, b));
	if (plan->disk > spec->limits.disk)
		text_add_line(&text, "it may need %s of disk, the limit is %s: fewer configurations, or raise limits.disk", text_bytes(plan->disk, a), text_bytes(spec->limits.disk, b));
	if (plan->seconds_low > spec->limits.hours * 3600)
		text_add_line(&text, "it will need at least %s, the limit is %g hours: fewer configurations or rounds (rfe.drop, rfe.max_rounds), or raise limits.hours",
		        text_seconds(plan->seconds_low, a), spec->limits.hours);
	if (plan->memory_total > plan->memory_limit)
		text_add_line(&text, "it needs %s of memory with %u worker%s, the limit is %s: fewer workers (resources.workers), or raise resources.memory",
		        text_bytes(plan->memory_total, a), plan->workers, plan->workers == 1 ? "" : "s", text_bytes(plan->memory_limit, b));
	if (text.length)
		code = orch_fail(err, ORCH_ELIMIT, "%s\n(--allow-large starts it all the same)", text.data);
	text_buf_release(&text);
	return code;
}

static bool is_near(double value, double limit)
{
	return value > NEAR * limit && value <= limit;
}

void plan_warnings(const struct plan *plan, const struct spec *spec, struct text_buf *out)
{
	char a[TEXT_NUMBER_MAX], b[TEXT_NUMBER_MAX];
	double seconds = isfinite(plan->seconds_high) ? plan->seconds_high : plan->seconds;

	if (is_near((double)plan->configurations, (double)spec->limits.configurations))
		text_addf(out, "near a limit: %s of at most %s configurations (limits.configurations)\n", text_count((int64_t)plan->configurations, a),
		        text_count(spec->limits.configurations, b));
	if (is_near((double)plan->disk, (double)spec->limits.disk))
		text_addf(out, "near a limit: up to %s of at most %s of disk (limits.disk)\n", text_bytes(plan->disk, a), text_bytes(spec->limits.disk, b));
	if (isfinite(seconds) && seconds > NEAR * spec->limits.hours * 3600 && !(plan->seconds_low > spec->limits.hours * 3600))
		text_addf(out, "near a limit: it may take %s, the limit is %g hours (limits.hours)\n", text_seconds(seconds, a), spec->limits.hours);
	if (is_near((double)plan->memory_total, (double)plan->memory_limit))
		text_addf(out, "near a limit: %s of at most %s of memory (resources.memory, resources.workers)\n", text_bytes(plan->memory_total, a),
		        text_bytes(plan->memory_limit, b));
}

/* ---- for people and programs ---- */

static const char *count_text(uint64_t count, char out[TEXT_NUMBER_MAX])
{
	if (count == UINT64_MAX) {
		snprintf(out, TEXT_NUMBER_MAX, "more than 10^19");
		return out;
	}
	return text_count((int64_t)(count > INT64_MAX ? INT64_MAX : count), out);
}

/* The elimination path, of the first ridge among the models. */
static void add_path(const struct spec *spec, const struct study *study, struct text_buf *out)
{
	for (size_t m = 0; spec->rfe.path && spec->lofo.enabled && m < spec->model_count; m++) {
		char *why;

		if (strcmp(spec->models[m].engine, "ridge"))
			continue;
		why = elimination_path_refusal(study, m);
		text_addf(out, "path           %s%s\n", why ? "none: " : "down to one feature, in each round that a ridge wins, without further fits", why ? why : "");
		free(why);
		break;
	}
}

void plan_text(const struct plan *plan, const struct spec *spec, const struct study *study, struct text_buf *out)
{
	char a[TEXT_NUMBER_MAX], b[TEXT_NUMBER_MAX], c[TEXT_NUMBER_MAX];
	json_t *notes, *note;
	size_t i;

	text_addf(out, "data           %s rows, %zu feature%s, %u folds%s\n", text_count((int64_t)study->frame->rows, a), study->feature_count, study->feature_count == 1 ? "" : "s",
	        study->folds, study->holdout_rows ? "" : ", no holdout");
	notes = study_feature_notes(study);
	json_array_foreach(notes, i, note)
		text_addf(out, "%-15s%s\n", i ? "" : "features", json_string_value(note));
	json_decref(notes);
	if (study->holdout_rows)
		text_addf(out, "holdout        %s rows, read for reporting only\n", text_count((int64_t)study->holdout_rows, a));
	text_add(out, spec->model_count > 1 ? "models         " : "model          ");
	for (size_t m = 0; m < spec->model_count; m++)
		text_addf(out, "%s%s", m ? ", " : "", spec->models[m].name);
	text_addf(out, ", scored by %s (%s is better)\n", study->metric->name, study->metric->maximise ? "higher" : "lower");
	text_addf(out, "search         %s configuration%s a round\n", count_text(plan->configurations, a), plan->configurations == 1 ? "" : "s");
	for (size_t m = 0; spec->model_count > 1 && m < spec->model_count; m++)
		text_addf(out, "%-15s%s: %s configuration%s, %s fits in %s task%s\n", "", spec->models[m].name, count_text(plan->models[m].configurations, a),
		        plan->models[m].configurations == 1 ? "" : "s", count_text(plan->models[m].fits, b), count_text(plan->models[m].tasks, c), plan->models[m].tasks == 1 ? "" : "s");
	if (strcmp(spec->hpo.pruner, "none"))
		text_addf(out, "pruner         %s%s\n", spec->hpo.pruner, pruner_text(plan));
	text_addf(out, "rounds         %s%s\n", spec->rfe.enabled && spec->lofo.enabled ? "at most " : "", count_text(plan->rounds, a));
	text_addf(out, "fits           %s in all, %s in round 0 (search %s", count_text(plan->fits, a), count_text(plan->round_fits[0], b),
	        count_text(plan->fits_per_stage[STAGE_HPO], c));
	text_addf(out, ", LOFO %s", count_text(plan->fits_per_stage[STAGE_LOFO], a));
	if (plan->fits_per_stage[STAGE_STABILITY])
		text_addf(out, ", seeds and learning curve %s", count_text(plan->fits_per_stage[STAGE_STABILITY], a));
	text_add(out, ")\n");
	if (plan->tasks < plan->fits)
		text_addf(out, "after sharing  %s tasks answer them (%.1f fits a task)\n", count_text(plan->tasks, a), (double)plan->fits / (double)plan->tasks);
	add_path(spec, study, out);
	text_addf(out, "workers        %u x %u thread%s: %s\n", plan->workers, plan->threads, plan->threads == 1 ? "" : "s", plan->workers_reason);
	text_addf(out, "memory         %s (%s a worker), limit %s\n", text_bytes(plan->memory_total, a), text_bytes(plan->memory_worker, b), text_bytes(plan->memory_limit, c));
	text_addf(out, "disk           at most %s\n", text_bytes(plan->disk, a));
	if (isfinite(plan->seconds_low) && !isfinite(plan->seconds_high))
		text_addf(out, "time           more than %s: the first fits, tried just now, did not end in time\n", text_seconds(plan->seconds_low, a));
	else if (isfinite(plan->seconds_low))
		text_addf(out, "time           %s to %s, about %s, from fits measured %s\n", text_seconds(plan->seconds_low, a), text_seconds(plan->seconds_high, b),
		        text_seconds(plan->seconds, c), plan->measured_cached ? "before" : "just now");
	else
		text_add(out, "time           not known before the first fits\n");
	if (plan->crowding > 1.2 && isfinite(plan->seconds))
		text_addf(out, "%-15sothers use the machine now; without them about %s\n", "", text_seconds(plan->seconds / plan->crowding, a));
	plan_warnings(plan, spec, out);
}

static json_t *json_count(uint64_t count)
{
	return json_integer((json_int_t)(count > INT64_MAX ? INT64_MAX : count));
}

json_t *plan_json(const struct plan *plan, const struct spec *spec, const struct study *study)
{
	json_t *object = json_pack("{s:i, s:s, s:I, s:I, s:i, s:s}", "version", 1, "name", spec->name, "rows", (json_int_t)study->frame->rows, "features",
	        (json_int_t)study->feature_count, "folds", (int)study->folds, "metric", study->metric->name);
	json_t *stages = json_object();

	for (unsigned s = 0; s < STAGE_COUNT; s++)
		if (stage_table[s].has_fits)
			json_object_set_new(stages, stage_table[s].name, json_count(plan->fits_per_stage[s]));
	json_object_set_new(object, "feature_notes", study_feature_notes(study));
	if (spec->model_count > 1) {
		json_t *models = json_array();

		for (size_t m = 0; m < spec->model_count; m++)
			json_array_append_new(models, json_pack("{s:s, s:o, s:o, s:o}", "name", spec->models[m].name, "configurations", json_count(plan->models[m].configurations),
			        "fits", json_count(plan->models[m].fits), "tasks", json_count(plan->models[m].tasks)));
		json_object_set_new(object, "models", models);
	}
	json_object_set_new(object, "configurations", json_count(plan->configurations));
	json_object_set_new(object, "rounds", json_count(plan->rounds));
	json_object_set_new(object, "fits", json_count(plan->fits));
	json_object_set_new(object, "tasks", json_count(plan->tasks));
	json_object_set_new(object, "fits_round_0", stages);
	json_object_set_new(object, "workers", json_integer(plan->workers));
	json_object_set_new(object, "threads", json_integer(plan->threads));
	json_object_set_new(object, "workers_reason", json_string(plan->workers_reason));
	json_object_set_new(object, "memory", json_pack("{s:o, s:o, s:o}", "total", json_count(plan->memory_total), "worker", json_count(plan->memory_worker),
	        "limit", json_count(plan->memory_limit)));
	json_object_set_new(object, "disk", json_count(plan->disk));
	json_object_set_new(object, "seconds", isfinite(plan->seconds_low) ? json_pack("{s:f, s:o, s:o, s:b}", "low", plan->seconds_low,
	        "likely", json_number_or_null(plan->seconds), "high", json_number_or_null(plan->seconds_high), "cached", plan->measured_cached) : json_null());
	return object;
}
