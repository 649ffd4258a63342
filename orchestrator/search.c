#include "orchestrator/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "engines/search/pruner.h"
#include "engines/search/sampler.h"
#include "orchestrator/stage.h"
#include "orchestrator/warm_start.h"
#include "storage/base/json.h"

#define ONE_FOLD_COHORT 10 /* where folds say nothing and curves decide */

/* The search of one model. */
struct part {
	struct search *search;
	const struct spec_model *model;
	const struct engine *engine;
	const struct sampler *sampler;
	struct space_axis *axes;
	void *state;
	uint64_t first, trials, first_group, groups, generation, cohort;
	/* grid: the axes that one fit answers at once, and the number of combinations of the others */
	bool *free_axis, any_free, all_free;
	uint64_t fixed_combinations, members, chunks, chunk;
};
struct search {
	const struct spec *spec;
	struct search_source source;
	unsigned round;
	struct sampler_observation *earlier; /* of another campaign */
	size_t earlier_count;
	json_t *earlier_kept;
	struct part *parts;
	size_t part_count;
	uint64_t trials, groups;
};

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* ---- what the ledger knows, for samplers that learn ---- */

struct known_scores {
	double *scores;
	unsigned folds;
	bool failed;
};

static int take_score(void *data, const struct ledger_fit *fit, struct orch_err *err)
{
	struct known_scores *known = data;

	(void)err;
	if (fit->state == LEDGER_FAILED)
		known->failed = true;
	else if (fit->fold >= 0 && (unsigned)fit->fold < known->folds)
		known->scores[fit->fold] = fit->score;
	return 0;
}

/* Of the folds it has: a trial that was stopped early is judged by them. From the fits, as rows of trials may be lost. */
static int score_of(void *context, uint64_t trial, double *out, struct orch_err *err)
{
	const struct part *part = context;
	const struct search *search = part->search;
	int64_t number = (int64_t)(part->first + trial);
	struct known_scores known = {.folds = search->source.folds, .scores = mem_must(search->source.folds + 1u, sizeof(double))};
	double sd;
	int code;

	for (unsigned f = 0; f < known.folds; f++)
		known.scores[f] = NAN;
	code = ledger_each_fit_of(search->source.ledger, search->round, stage_table[STAGE_HPO].name, number, number, take_score, &known, err);
	stage_mean_sd(known.scores, known.folds, out, &sd);
	if (known.failed)
		*out = NAN;
	free(known.scores);
	return code;
}

static int take_params(void *data, const struct ledger_trial *trial, struct orch_err *err)
{
	return trial->params ? json_parse(trial->params, strlen(trial->params), "ledger", (json_t **)data, err) : ORCH_EMISSING;
}

static int recall(void *context, uint64_t trial, json_t **out, struct orch_err *err)
{
	const struct part *part = context;

	return ledger_find_trial(part->search->source.ledger, part->search->round, (int64_t)(part->first + trial), take_params, out, err);
}

/* ---- opening ---- */

static struct space_axis *axes_of(const struct spec_model *model)
{
	static const enum space_kind kinds[] = {[SPEC_AXIS_CHOICE] = SPACE_CHOICE, [SPEC_AXIS_FLOAT] = SPACE_FLOAT, [SPEC_AXIS_INT] = SPACE_INT};
	struct space_axis *axes = mem_must(model->axis_count + 1, sizeof *axes);

	for (size_t i = 0; i < model->axis_count; i++) {
		const struct spec_axis *from = &model->space[i];

		axes[i] = (struct space_axis){.name = from->name, .kind = kinds[from->kind], .choices = from->choices, .choice_count = from->choice_count,
		        .low = from->low, .high = from->high, .step = from->step, .log = from->log, .when = from->when};
	}
	return axes;
}

static bool prunes_curves(const struct search *search, const struct part *part)
{
	const struct pruner *pruner = pruner_find(search->spec->hpo.pruner);

	return pruner && pruner->goes_on && part->engine->reports && !(part->engine->shares & ENGINE_SHARE_FOLDS);
}

static bool prunes(const struct search *search, const struct part *part)
{
	return (search->source.folds > 1 && !(part->engine->shares & ENGINE_SHARE_FOLDS) && pruner_find(search->spec->hpo.pruner)) || prunes_curves(search, part);
}

/* How many trials a pruner would like to decide about together; 0: there is none. */
static uint64_t cohort_of(const struct search *search, const struct part *part)
{
	struct pruner_request request = {.folds = search->source.folds, .maximise = search->source.maximise};
	uint64_t cohort = prunes(search, part) ? pruner_find(search->spec->hpo.pruner)->cohort(&request) : 0;

	return cohort && search->source.folds == 1 && cohort < ONE_FOLD_COHORT ? ONE_FOLD_COHORT : cohort;
}

/* A conditional axis is left out of some configurations; grouping by digits is for plain grids only. */
static void find_free_axes(struct part *part)
{
	const struct spec_model *model = part->model;
	bool conditional = false, grid = part->sampler == &sampler_grid;

	part->free_axis = mem_must(model->axis_count + 1, sizeof *part->free_axis);
	part->all_free = model->axis_count > 0;
	part->fixed_combinations = part->members = 1;
	for (size_t i = 0; i < model->axis_count; i++)
		conditional = conditional || model->space[i].when;
	for (size_t i = 0; i < model->axis_count; i++) {
		const struct param_def *def = part->engine->params ? param_find(part->engine->params, model->space[i].name) : NULL;

		part->free_axis[i] = def && def->free_axis && !conditional;
		part->any_free = part->any_free || part->free_axis[i];
		part->all_free = part->all_free && part->free_axis[i];
	}
	if (!grid || !part->any_free || part->trials == UINT64_MAX)
		return;
	for (size_t i = 0; i < model->axis_count; i++)
		*(part->free_axis[i] ? &part->members : &part->fixed_combinations) *= model->space[i].choice_count;
}

static bool grouped_grid(const struct part *part)
{
	return part->members > 1;
}

static bool grouped_chunks(const struct part *part)
{
	return part->all_free && part->sampler != &sampler_grid;
}

/* A group lies in one cohort: one that reached into the next would wait for what waits for it. */
static uint64_t chunk_of(uint64_t cohort)
{
	uint64_t chunk = cohort && cohort < SEARCH_GROUP_MAX ? cohort : SEARCH_GROUP_MAX;

	while (cohort % chunk)
		chunk--;
	return chunk;
}

static void find_groups(struct part *part)
{
	find_free_axes(part);
	part->chunks = (part->members + SEARCH_GROUP_MAX - 1) / SEARCH_GROUP_MAX;
	/* Groups of a grid go across all of it, so all of it is one cohort. */
	part->cohort = part->generation;
	if (!part->cohort && !grouped_grid(part))
		part->cohort = cohort_of(part->search, part);
	part->chunk = chunk_of(part->cohort);
	if (grouped_grid(part))
		part->groups = part->fixed_combinations * part->chunks;
	else if (grouped_chunks(part))
		part->groups = part->trials / part->chunk + (part->trials % part->chunk != 0);
	else
		part->groups = part->trials;
}

/* The m-th model's share of all trials. */
static uint64_t share_of(const struct search *search, size_t m)
{
	uint64_t trials = (uint64_t)search->spec->hpo.trials;

	return trials / search->part_count + (m < trials % search->part_count);
}

static int open_part(struct search *search, size_t m, struct orch_err *err)
{
	static const char *const names[] = {"grid", "random", "sobol", "tpe", "gp"};
	struct part *part = &search->parts[m];
	struct sampler_request request = {.axis_count = search->spec->models[m].axis_count, .fixed = search->spec->models[m].params,
	        .seed = m ? address_hash(search->spec->seed, m) : search->spec->seed, .round = search->round, .maximise = search->source.maximise,
	        .score = score_of, .recall = recall, .context = part,
	        .earlier = search->earlier, .earlier_count = search->earlier_count};
	const char *name = names[search->spec->hpo.sampler];
	int code;

	*part = (struct part){.search = search, .model = &search->spec->models[m], .engine = engine_find(search->spec->models[m].engine),
	        .sampler = sampler_find(name)};
	if (part->sampler && part->sampler->generation) {
		request.generation = cohort_of(search, part);
		part->generation = request.generation ? request.generation : part->sampler->generation;
	}
	if (part->generation && !search->source.ledger)
		part->sampler = &sampler_sobol;
	request.axes = part->axes = axes_of(part->model);
	if (!part->sampler || part->sampler->unavailable)
		return orch_fail(err, ORCH_EINPUT, "sampler \"%s\" is not available yet", name);
	code = part->sampler->open(&request, &part->state, err);
	if (code)
		return code;
	part->trials = part->sampler->count(part->state);
	if (search->spec->hpo.trials > 0 && share_of(search, m) < part->trials)
		part->trials = share_of(search, m);
	find_groups(part);
	part->first = search->trials;
	part->first_group = search->groups;
	search->trials = add_saturating(search->trials, part->trials);
	search->groups = add_saturating(search->groups, part->groups);
	return 0;
}

int search_open(const struct spec *spec, unsigned round, const struct search_source *source, struct search **out, struct orch_err *err)
{
	struct search *search = mem_must(1, sizeof *search);
	int code = 0;

	search->spec = spec;
	search->round = round;
	if (source)
		search->source = *source;
	search->part_count = spec->model_count;
	search->parts = mem_must(spec->model_count, sizeof *search->parts);
	code = warm_start_load(spec, search->source.ledger, &search->earlier, &search->earlier_count, &search->earlier_kept, err);
	for (size_t m = 0; m < search->part_count && !code; m++)
		code = open_part(search, m, err);
	if (code)
		search_close(search);
	else
		*out = search;
	return code;
}

void search_close(struct search *search)
{
	if (!search)
		return;
	for (size_t m = 0; m < search->part_count; m++) {
		struct part *part = &search->parts[m];

		if (part->sampler && part->state)
			part->sampler->close(part->state);
		free(part->axes);
		free(part->free_axis);
	}
	free(search->parts);
	free(search->earlier);
	json_decref(search->earlier_kept);
	free(search);
}

/* ---- trials ---- */

uint64_t search_configurations(const struct search *search)
{
	return search->trials;
}

size_t search_model(const struct search *search, uint64_t trial)
{
	size_t m = search->part_count - 1;

	while (m && trial < search->parts[m].first)
		m--;
	return m;
}

uint64_t search_model_trials(const struct search *search, size_t model, uint64_t *first)
{
	if (first)
		*first = search->parts[model].first;
	return search->parts[model].trials;
}

uint64_t search_generation(const struct search *search, size_t model)
{
	return search->parts[model].generation;
}

bool search_prunes(const struct search *search, size_t model)
{
	return prunes(search, &search->parts[model]);
}

bool search_prunes_curves(const struct search *search, size_t model)
{
	return prunes_curves(search, &search->parts[model]);
}

uint64_t search_cohort(const struct search *search, size_t model)
{
	return search->parts[model].cohort;
}

int search_searched(const struct search *search, uint64_t trial, json_t **out, struct orch_err *err)
{
	const struct part *part = &search->parts[search_model(search, trial)];

	return part->sampler->propose(part->state, trial - part->first, out, err);
}

int search_params(const struct search *search, uint64_t trial, json_t **out, struct orch_err *err)
{
	json_t *searched = NULL, *params;
	int code = search_searched(search, trial, &searched, err);

	if (code)
		return code;
	params = json_deep_copy(search->parts[search_model(search, trial)].model->params);
	json_object_update(params, searched);
	json_decref(searched);
	*out = params;
	return 0;
}

/* ---- groups ---- */

uint64_t search_groups(const struct search *search)
{
	return search->groups;
}

uint64_t search_model_groups(const struct search *search, size_t model)
{
	return search->parts[model].groups;
}

/* Trial number of a grid from the digits of its fixed and its free axes; the first axis varies slowest. */
static uint64_t grid_trial(const struct part *part, uint64_t fixed, uint64_t member)
{
	const struct spec_model *model = part->model;
	uint64_t trial = 0, weight = 1;

	for (size_t i = model->axis_count; i-- > 0;) {
		uint64_t *from = part->free_axis[i] ? &member : &fixed;

		trial += *from % model->space[i].choice_count * weight;
		*from /= model->space[i].choice_count;
		weight *= model->space[i].choice_count;
	}
	return part->first + trial;
}

static const struct part *part_of_group(const struct search *search, uint64_t group)
{
	size_t m = search->part_count - 1;

	while (m && group < search->parts[m].first_group)
		m--;
	return &search->parts[m];
}

size_t search_group_trials(const struct search *search, uint64_t group, uint64_t out[SEARCH_GROUP_MAX])
{
	const struct part *part = part_of_group(search, group);
	size_t count = 0;

	group -= part->first_group;
	if (grouped_grid(part)) {
		uint64_t first = group % part->chunks * SEARCH_GROUP_MAX;

		for (uint64_t m = first; m < part->members && count < SEARCH_GROUP_MAX; m++)
			out[count++] = grid_trial(part, group / part->chunks, m);
	} else if (grouped_chunks(part)) {
		for (uint64_t t = group * part->chunk; t < part->trials && count < part->chunk; t++)
			out[count++] = part->first + t;
	} else {
		out[count++] = part->first + group;
	}
	return count;
}
