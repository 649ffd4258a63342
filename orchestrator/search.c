#include "orchestrator/search.h"

#include <stdlib.h>
#include <string.h>

#include "engines/search/sampler.h"
#include "storage/base/json.h"

struct search {
	const struct spec *spec;
	const struct engine *engine;
	const struct sampler *sampler;
	struct space_axis *axes;
	void *state;
	uint64_t configurations;
	/* grid: the axes that one fit answers at once, and the number of combinations of the others */
	bool *free_axis, any_free, all_free;
	uint64_t fixed_combinations, members, chunks;
};

static struct space_axis *axes_of(const struct spec *spec)
{
	static const enum space_kind kinds[] = {[SPEC_AXIS_CHOICE] = SPACE_CHOICE, [SPEC_AXIS_FLOAT] = SPACE_FLOAT, [SPEC_AXIS_INT] = SPACE_INT};
	struct space_axis *axes = mem_must(spec->hpo.axis_count + 1, sizeof *axes);

	for (size_t i = 0; i < spec->hpo.axis_count; i++) {
		const struct spec_axis *from = &spec->hpo.space[i];

		axes[i] = (struct space_axis){.name = from->name, .kind = kinds[from->kind], .choices = from->choices, .choice_count = from->choice_count,
		        .low = from->low, .high = from->high, .step = from->step, .log = from->log, .when = from->when};
	}
	return axes;
}

/* A conditional axis is left out of some configurations; grouping by digits is for plain grids only. */
static void find_free_axes(struct search *search)
{
	const struct spec_hpo *hpo = &search->spec->hpo;
	bool conditional = false;

	search->free_axis = mem_must(hpo->axis_count + 1, sizeof *search->free_axis);
	search->all_free = hpo->axis_count > 0;
	search->fixed_combinations = search->members = 1;
	for (size_t i = 0; i < hpo->axis_count; i++)
		conditional = conditional || hpo->space[i].when;
	for (size_t i = 0; i < hpo->axis_count; i++) {
		const struct param_def *def = search->engine->params ? param_find(search->engine->params, hpo->space[i].name) : NULL;

		search->free_axis[i] = def && def->free_axis && !conditional;
		search->any_free = search->any_free || search->free_axis[i];
		search->all_free = search->all_free && search->free_axis[i];
	}
	if (hpo->sampler != SPEC_SAMPLER_GRID || !search->any_free || search->configurations == UINT64_MAX)
		return;
	for (size_t i = 0; i < hpo->axis_count; i++)
		*(search->free_axis[i] ? &search->members : &search->fixed_combinations) *= hpo->space[i].choice_count;
}

int search_open(const struct spec *spec, unsigned round, struct search **out, struct orch_err *err)
{
	static const char *const names[] = {"grid", "random", "sobol", "tpe", "gp"};
	struct search *search = mem_must(1, sizeof *search);
	struct sampler_request request = {.axis_count = spec->hpo.axis_count, .fixed = spec->models[0].params, .seed = spec->seed, .round = round};
	int code;

	search->spec = spec;
	search->engine = engine_find(spec->models[0].engine);
	search->sampler = sampler_find(names[spec->hpo.sampler]);
	request.axes = search->axes = axes_of(spec);
	if (!search->sampler || search->sampler->unavailable || search->sampler->generation)
		code = orch_fail(err, ORCH_EINPUT, "sampler \"%s\" is not available yet", names[spec->hpo.sampler]);
	else
		code = search->sampler->open(&request, &search->state, err);
	if (code) {
		search_close(search);
		return code;
	}
	search->configurations = search->sampler->count(search->state);
	if (spec->hpo.trials > 0 && (uint64_t)spec->hpo.trials < search->configurations)
		search->configurations = (uint64_t)spec->hpo.trials;
	find_free_axes(search);
	search->chunks = (search->members + SEARCH_GROUP_MAX - 1) / SEARCH_GROUP_MAX;
	*out = search;
	return 0;
}

void search_close(struct search *search)
{
	if (!search)
		return;
	if (search->sampler && search->state)
		search->sampler->close(search->state);
	free(search->axes);
	free(search->free_axis);
	free(search);
}

uint64_t search_configurations(const struct search *search)
{
	return search->configurations;
}

int search_searched(const struct search *search, uint64_t trial, json_t **out, struct orch_err *err)
{
	return search->sampler->propose(search->state, trial, out, err);
}

int search_params(const struct search *search, uint64_t trial, json_t **out, struct orch_err *err)
{
	json_t *searched = NULL, *params;
	int code = search_searched(search, trial, &searched, err);

	if (code)
		return code;
	params = json_deep_copy(search->spec->models[0].params);
	json_object_update(params, searched);
	json_decref(searched);
	*out = params;
	return 0;
}

static bool grouped_grid(const struct search *search)
{
	return search->members > 1;
}

static bool grouped_chunks(const struct search *search)
{
	return search->all_free && search->spec->hpo.sampler != SPEC_SAMPLER_GRID;
}

uint64_t search_groups(const struct search *search)
{
	if (grouped_grid(search))
		return search->fixed_combinations * search->chunks;
	if (grouped_chunks(search))
		return search->configurations / SEARCH_GROUP_MAX + (search->configurations % SEARCH_GROUP_MAX != 0);
	return search->configurations;
}

/* Trial number of a grid from the digits of its fixed and its free axes; the first axis varies slowest. */
static uint64_t grid_trial(const struct search *search, uint64_t fixed, uint64_t member)
{
	const struct spec_hpo *hpo = &search->spec->hpo;
	uint64_t trial = 0, weight = 1;

	for (size_t i = hpo->axis_count; i-- > 0;) {
		uint64_t *from = search->free_axis[i] ? &member : &fixed;

		trial += *from % hpo->space[i].choice_count * weight;
		*from /= hpo->space[i].choice_count;
		weight *= hpo->space[i].choice_count;
	}
	return trial;
}

size_t search_group_trials(const struct search *search, uint64_t group, uint64_t out[SEARCH_GROUP_MAX])
{
	size_t count = 0;

	if (grouped_grid(search)) {
		uint64_t first = group % search->chunks * SEARCH_GROUP_MAX;

		for (uint64_t m = first; m < search->members && count < SEARCH_GROUP_MAX; m++)
			out[count++] = grid_trial(search, group / search->chunks, m);
	} else if (grouped_chunks(search)) {
		for (uint64_t t = group * SEARCH_GROUP_MAX; t < search->configurations && count < SEARCH_GROUP_MAX; t++)
			out[count++] = t;
	} else {
		out[count++] = group;
	}
	return count;
}
