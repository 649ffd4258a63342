#include "orchestrator/fit_plan.h"

#include <stdlib.h>
#include <string.h>

#include "orchestrator/variations.h"
#include "storage/base/hash.h"
#include "storage/base/json.h"

#define PROGRAM_ALLOWANCE 15.0 /* seconds: its worker ends it first, and tells how it ended */
#define LOFO_UNITS_MAX 4096 /* left-out sets in one task */
#define TOGETHER_FITS 512   /* in one message of several tasks: their results are held together, some KiB each */

/* The tasks of one model: the search may have several, each engine with what it shares. */
struct section {
	const struct engine *engine;
	size_t model;
	bool share_folds;
	unsigned fold_blocks;                /* blocks of folds */
	uint64_t first_task, first_group, groups; /* groups of variants */
	char identity[HASH_HEX];             /* of data, split, features and engine */
};
struct fit_plan {
	struct fit_plan_request request;
	struct section *sections;
	size_t section_count;
	uint64_t variants, fits, tasks, done, skipped, cursor, scan;
	int *folds; /* fold of each position */
	unsigned fold_count;
	struct variations variations; /* of 09_stability */
	bool has_holdout, keeps_files, wait;
	uint64_t units_per_task; /* LOFO */
	uint8_t *bits, *handed;  /* fits done; tasks handed out */
};

static bool bit_get(const uint8_t *bits, uint64_t at)
{
	return bits[at >> 3] >> (at & 7) & 1;
}

static void bit_set(uint8_t *bits, uint64_t at)
{
	bits[at >> 3] |= (uint8_t)(1u << (at & 7));
}

static void make_identity(const struct fit_plan *plan, struct section *section)
{
	const struct study *study = plan->request.study;
	json_t *names = study_feature_names(study);
	char *features = json_text(names, JSON_STYLE_CANONICAL);
	struct hash hash;

	hash_begin(&hash);
	hash_add_text(&hash, study->frame_hash);
	hash_add_text(&hash, study->folds_hash);
	hash_add_text(&hash, features);
	hash_add_text(&hash, study->metric->name);
	hash_add_text(&hash, section->engine->name);
	hash_add_text(&hash, section->engine->version);
	hash_end_hex(&hash, section->identity);
	free(features);
	json_decref(names);
}

static void plan_folds(struct fit_plan *plan)
{
	unsigned folds = plan->request.folds == FIT_PLAN_HOLDOUT ? 0 : plan->request.study->folds;

	plan->has_holdout = plan->keeps_files && plan->request.folds != FIT_PLAN_NO_HOLDOUT;
	plan->fold_count = folds + plan->has_holdout;
	plan->folds = mem_must(plan->fold_count, sizeof *plan->folds);
	for (unsigned i = 0; i < folds; i++)
		plan->folds[i] = (int)i;
	if (plan->has_holdout)
		plan->folds[folds] = -1;
}

static void plan_section(struct fit_plan *plan, size_t at, size_t model)
{
	const struct fit_plan_request *request = &plan->request;
	struct section *section = &plan->sections[at];
	bool folds = plan->fold_count > plan->has_holdout;

	section->engine = engine_find(request->study->spec->models[model].engine);
	section->model = model;
	section->share_folds = section->engine->shares & ENGINE_SHARE_FOLDS;
	section->fold_blocks = section->share_folds ? (folds ? 1u : 0u) + plan->has_holdout : plan->fold_count;
	section->first_task = plan->tasks;
	section->groups = 1;
	if (request->stage == STAGE_HPO) {
		section->groups = search_model_groups(request->search, model);
	} else if (request->stage == STAGE_STABILITY) {
		section->groups = plan->variants;
	} else if (request->stage == STAGE_LOFO) {
		if (section->engine->shares & ENGINE_SHARE_LEFT_OUT)
			plan->units_per_task = section->engine->left_out_most ? section->engine->left_out_most : LOFO_UNITS_MAX;
		section->groups = (plan->variants + plan->units_per_task - 1) / plan->units_per_task;
		if (section->groups) /* cut evenly: a full task beside a nearly empty one keeps one worker waiting */
			plan->units_per_task = (plan->variants + section->groups - 1) / section->groups;
	}
	if (at)
		section->first_group = section[-1].first_group + section[-1].groups;
	plan->tasks = section->groups > (UINT64_MAX / 2 - plan->tasks) / section->fold_blocks ? UINT64_MAX / 2 : plan->tasks + section->groups * section->fold_blocks;
	make_identity(plan, section);
}

static const struct section *section_of(const struct fit_plan *plan, uint64_t task)
{
	size_t at = plan->section_count - 1;

	while (at && task < plan->sections[at].first_task)
		at--;
	return &plan->sections[at];
}

/* Members of an ensemble are variants 0 .. of 03_baseline, each with a section of its own: their models may differ. */
static size_t member_count(const struct fit_plan_request *request)
{
	size_t count = request->stage == STAGE_BASELINE ? json_array_size(request->members) : 0;

	return count ? count : 1;
}

static int64_t member_trial(const struct fit_plan_request *request, uint64_t member)
{
	return member ? json_get_int(json_array_get(request->members, member), "trial", -1) : request->trial;
}

static void plan_variants(struct fit_plan *plan)
{
	const struct fit_plan_request *request = &plan->request;
	bool search = request->stage == STAGE_HPO;

	if (request->stage == STAGE_STABILITY)
		variations_of(request->study->spec, engine_find(request->study->spec->models[search_model(request->search, (uint64_t)request->trial)].engine), &plan->variations);
	plan->variants = search ? search_configurations(request->search) : request->stage == STAGE_LOFO ? request->study->unit_count :
	        request->stage == STAGE_STABILITY ? plan->variations.count : member_count(request);
	plan->units_per_task = 1;
	plan->section_count = search ? request->study->spec->model_count : member_count(request);
	plan->sections = mem_must(plan->section_count, sizeof *plan->sections);
	for (size_t i = 0; i < plan->section_count; i++)
		plan_section(plan, i, search ? i : search_model(request->search, (uint64_t)member_trial(request, i)));
}

int fit_plan_open(const struct fit_plan_request *request, struct fit_plan **out, struct orch_err *err)
{
	struct fit_plan *plan = mem_must(1, sizeof *plan);

	plan->request = *request;
	plan->keeps_files = request->stage == STAGE_BASELINE || request->stage == STAGE_DROPPED;
	plan_folds(plan);
	plan_variants(plan);
	if (plan->variants > UINT64_MAX / plan->fold_count / 2 ||
	        !(plan->bits = mem_array((plan->variants * plan->fold_count >> 3) + 1, 1)) ||
	        !(plan->handed = mem_array((plan->tasks >> 3) + 1, 1))) {
		fit_plan_close(plan);
		return orch_fail(err, ORCH_ENOMEM, "no memory to keep count of the fits of stage %s", stage_table[request->stage].name);
	}
	plan->fits = plan->variants * plan->fold_count;
	*out = plan;
	return 0;
}

void fit_plan_close(struct fit_plan *plan)
{
	if (!plan)
		return;
	free(plan->sections);
	free(plan->folds);
	free(plan->bits);
	free(plan->handed);
	free(plan);
}

uint64_t fit_plan_fits(const struct fit_plan *plan)
{
	return plan->fits;
}

uint64_t fit_plan_tasks(const struct fit_plan *plan)
{
	return plan->tasks;
}

uint64_t fit_plan_group(const struct fit_plan *plan, uint64_t task)
{
	const struct section *section = section_of(plan, task);

	return section->first_group + (task - section->first_task) / section->fold_blocks;
}

uint64_t fit_plan_done(const struct fit_plan *plan)
{
	return plan->done;
}

uint64_t fit_plan_skipped(const struct fit_plan *plan)
{
	return plan->skipped;
}

static bool fold_position(const struct fit_plan *plan, int fold, unsigned *position)
{
	unsigned at = fold < 0 ? plan->fold_count - 1 : (unsigned)fold;

	if (at >= plan->fold_count || plan->folds[at] != fold)
		return false;
	*position = at;
	return true;
}

/* What the ledger calls that which all fits of a plan leave out. */
static const char *set_name(const struct fit_plan *plan)
{
	return plan->request.set ? plan->request.set : "";
}

bool fit_plan_find(const struct fit_plan *plan, int64_t trial, int fold, const char *left_out, uint64_t *number)
{
	const struct study *study = plan->request.study;
	uint64_t variant = 0;
	unsigned position;

	if (!fold_position(plan, fold, &position))
		return false;
	if (plan->request.stage == STAGE_HPO) {
		variant = (uint64_t)trial;
	} else if (plan->request.stage == STAGE_LOFO) {
		const struct study_unit *unit = study_unit_find(study, left_out);

		if (!unit || trial != plan->request.trial)
			return false;
		variant = (uint64_t)(unit - study->units);
	} else if (plan->request.stage == STAGE_STABILITY) {
		variant = variations_find(&plan->variations, left_out);
		if (trial != plan->request.trial)
			return false;
	} else {
		while (variant < plan->variants && member_trial(&plan->request, variant) != trial)
			variant++;
		if (strcmp(left_out, set_name(plan)))
			return false;
	}
	if (variant >= plan->variants)
		return false;
	*number = variant * plan->fold_count + position;
	return true;
}

void fit_plan_mark(struct fit_plan *plan, uint64_t number)
{
	if (!bit_get(plan->bits, number))
		plan->done++;
	bit_set(plan->bits, number);
}

void fit_plan_skip(struct fit_plan *plan, uint64_t number)
{
	if (bit_get(plan->bits, number))
		return;
	fit_plan_mark(plan, number);
	plan->skipped++;
}

bool fit_plan_marked(const struct fit_plan *plan, uint64_t number)
{
	return bit_get(plan->bits, number);
}

/* The variants and fold positions of task `group`. Variants are filled in ascending order. */
struct block {
	size_t variant_count;
	uint64_t variants[LOFO_UNITS_MAX];
	unsigned fold_first, fold_count;
};

static void block_of(const struct fit_plan *plan, uint64_t group, struct block *block)
{
	const struct section *section = section_of(plan, group);
	uint64_t variants = fit_plan_group(plan, group);
	unsigned fold = (unsigned)((group - section->first_task) % section->fold_blocks);

	if (section->share_folds) {
		unsigned ordinary = plan->fold_count - plan->has_holdout;

		block->fold_first = fold == 0 ? 0 : ordinary;
		block->fold_count = fold == 0 && ordinary ? ordinary : 1;
	} else {
		block->fold_first = fold;
		block->fold_count = 1;
	}
	if (plan->request.stage == STAGE_HPO) {
		block->variant_count = search_group_trials(plan->request.search, variants, block->variants);
		return;
	}
	block->variant_count = 0;
	for (uint64_t v = variants * plan->units_per_task; v < plan->variants && block->variant_count < plan->units_per_task; v++)
		block->variants[block->variant_count++] = v;
}

static bool block_is_done(const struct fit_plan *plan, const struct block *block)
{
	for (size_t v = 0; v < block->variant_count; v++)
		for (unsigned f = 0; f < block->fold_count; f++)
			if (!bit_get(plan->bits, block->variants[v] * plan->fold_count + block->fold_first + f))
				return false;
	return true;
}

static int add_variant(const struct fit_plan *plan, uint64_t variant, json_t *variants, struct orch_err *err)
{
	const struct fit_plan_request *request = &plan->request;
	json_t *object = json_object(), *params = NULL;
	int64_t trial = request->trial;

	if (request->stage == STAGE_HPO) {
		int code = search_params(request->search, variant, &params, err);

		if (code) {
			json_decref(object);
			return code;
		}
		trial = (int64_t)variant;
	} else {
		params = json_incref(variant && request->stage == STAGE_BASELINE ? json_object_get(json_array_get(request->members, variant), "params") : (json_t *)request->params);
		if (request->stage == STAGE_BASELINE)
			trial = member_trial(request, variant);
	}
	json_object_set_new(object, "trial", json_integer(trial));
	json_object_set_new(object, "params", params);
	if (request->stage == STAGE_LOFO) {
		const struct study_unit *unit = &request->study->units[variant];
		json_t *names = json_array();

		for (size_t i = 0; i < unit->count; i++)
			json_array_append_new(names, json_string(unit->features[i]));
		json_object_set_new(object, "left_out", names);
		json_object_set_new(object, "unit", json_integer((json_int_t)variant));
	} else if (request->stage == STAGE_STABILITY) {
		const struct variation *variation = &plan->variations.list[variant];

		json_object_set_new(object, "variation", json_integer((json_int_t)variant));
		if (variation->seed)
			json_object_set_new(object, "seed_repeat", json_integer(variation->seed));
		else
			json_object_set_new(object, "share", json_real(variation->share));
	} else if (request->left_out) {
		json_object_set(object, "left_out", (json_t *)request->left_out);
	}
	json_array_append_new(variants, object);
	return 0;
}

/* Whose predictions the fits of a LOFO task are compared with row by row: a name for each of its folds. */
static json_t *baseline_names(const struct fit_plan *plan, unsigned fold_first, unsigned fold_count)
{
	json_t *names = json_array();
	char key[16];

	for (unsigned f = 0; f < fold_count; f++) {
		json_t *name;

		snprintf(key, sizeof key, "%d", plan->folds[fold_first + f]);
		name = json_object_get(plan->request.baseline, key);
		json_array_append_new(names, name ? json_incref(name) : json_null());
	}
	return names;
}

/* 1 and *task: variants x the folds of those positions. */
static int fill_line(const struct fit_plan *plan, uint64_t group, unsigned fold_first, unsigned fold_count, json_t *variants, struct task *task)
{
	const struct stage *stage = &stage_table[plan->request.stage];
	size_t fits = json_array_size(variants) * fold_count;
	json_t *folds = json_array(), *line;

	for (unsigned f = 0; f < fold_count; f++)
		json_array_append_new(folds, json_integer(plan->folds[fold_first + f]));
	line = json_pack("{s:s, s:I, s:s, s:i, s:b, s:b, s:b, s:s, s:o, s:O}", "type", "fit", "id", (json_int_t)0, "stage", stage->name, "model",
	        (int)section_of(plan, group)->model, "shared",
	        fits > 1, "predictions", plan->keeps_files, "save_model",
	        plan->keeps_files && plan->folds[fold_first] < 0 && section_of(plan, group) == plan->sections /* of the chosen one only */, "scratch", plan->request.scratch,
	        "folds", folds, "variants", variants);
	if (plan->request.baseline)
		json_object_set_new(line, "baseline", baseline_names(plan, fold_first, fold_count));
	*task = (struct task){.kind = TASK_FIT, .stage = plan->request.stage, .group = (int64_t)group, .fit_count = fits, .line = line, .needs_setup = true,
	        .parts = 1, .allowance = section_of(plan, group)->engine->external ? PROGRAM_ALLOWANCE : 0};
	return 1;
}

static int fill_task(const struct fit_plan *plan, uint64_t group, const struct block *block, struct task *task, struct orch_err *err)
{
	json_t *variants = json_array();
	int code = 0;

	for (size_t v = 0; v < block->variant_count && !code; v++)
		code = add_variant(plan, block->variants[v], variants, err);
	if (!code)
		code = fill_line(plan, group, block->fold_first, block->fold_count, variants, task);
	if (code == 1 && plan->request.limits && task->fit_count == 1) {
		json_t *limits = plan->request.limits(plan->request.gate_context, block->variants[0], plan->folds[block->fold_first]);

		if (limits)
			json_object_set_new(task->line, "limits", limits);
	}
	json_decref(variants);
	return code;
}

/* ---- several tasks in one message ---- */

static bool may_go_together(const struct fit_plan *plan)
{
	return plan->request.stage == STAGE_HPO || (plan->request.stage == STAGE_LOFO && plan->units_per_task == 1);
}

/* The block of variants with all its folds: nothing done, nothing handed out. */
static bool block_is_untouched(const struct fit_plan *plan, uint64_t first_task, const struct block *block)
{
	unsigned fold_blocks = section_of(plan, first_task)->fold_blocks;

	for (unsigned b = 0; b < fold_blocks; b++)
		if (bit_get(plan->handed, first_task + b))
			return false;
	for (size_t v = 0; v < block->variant_count; v++)
		for (unsigned f = 0; f < plan->fold_count; f++)
			if (bit_get(plan->bits, block->variants[v] * plan->fold_count + f))
				return false;
	return true;
}

/* From the cursor on, while blocks are untouched. 0: there are not two tasks to put together here. */
static int fill_together(struct fit_plan *plan, size_t most, struct task *task, struct orch_err *err)
{
	static struct block block;
	uint64_t first = plan->cursor, at = first;
	const struct section *section = section_of(plan, first);
	json_t *variants = json_array(), *jobs = json_array();
	int code = 0;

	while (!code && at < plan->tasks && section_of(plan, at) == section && at + section->fold_blocks - first <= most) {
		block_of(plan, at, &block);
		if (!block_is_untouched(plan, at, &block) || (json_array_size(variants) + block.variant_count) * plan->fold_count > TOGETHER_FITS)
			break;
		for (size_t v = 0; v < block.variant_count && !code; v++)
			code = add_variant(plan, block.variants[v], variants, err);
		json_array_append_new(jobs, json_integer((json_int_t)block.variant_count));
		at += section->fold_blocks;
	}
	if (!code && at - first > 1) {
		code = fill_line(plan, first, 0, plan->fold_count, variants, task);
		task->parts = (unsigned)(at - first);
		json_object_set(task->line, "jobs", jobs);
		json_object_set_new(task->line, "folds_together", json_boolean(section->share_folds));
		for (; plan->cursor < at; plan->cursor++)
			bit_set(plan->handed, plan->cursor);
	}
	json_decref(variants);
	json_decref(jobs);
	return code;
}

unsigned fit_plan_part(const struct fit_plan *plan, const struct task *task, size_t variant, int fold)
{
	const struct section *section = section_of(plan, (uint64_t)task->group);
	json_t *jobs = json_object_get(task->line, "jobs"), *size;
	size_t i, end = 0;

	json_array_foreach(jobs, i, size) {
		end += (size_t)json_integer_value(size);
		if (variant < end)
			return (unsigned)i * section->fold_blocks + (section->share_folds ? 0 : (unsigned)fold);
	}
	return 0;
}

/* Asks the gate about the block; what is not needed is marked, variants with nothing left to fit go out of the block. False: it has to wait. */
static bool pass_gate(struct fit_plan *plan, struct block *block)
{
	size_t kept = 0;

	for (size_t v = 0; v < block->variant_count; v++) {
		uint64_t first = block->variants[v] * plan->fold_count + block->fold_first;
		bool needed = false;

		for (unsigned f = 0; f < block->fold_count; f++) {
			enum fit_gate gate;

			if (bit_get(plan->bits, first + f))
				continue;
			gate = plan->request.gate(plan->request.gate_context, block->variants[v], plan->folds[block->fold_first + f]);
			if (gate == FIT_LATER || gate == FIT_NOT_YET) {
				plan->wait = gate == FIT_NOT_YET;
				return false;
			}
			if (gate == FIT_NEVER)
				fit_plan_skip(plan, first + f);
			needed = needed || gate == FIT_NOW;
		}
		if (needed)
			block->variants[kept++] = block->variants[v];
	}
	block->variant_count = kept;
	return true;
}

static int scan(struct fit_plan *plan, uint64_t from, struct block *block, struct task *task, struct orch_err *err)
{
	for (uint64_t group = from; group < plan->tasks; group++) {
		if (bit_get(plan->handed, group))
			continue;
		block_of(plan, group, block);
		if (!block_is_done(plan, block) && !pass_gate(plan, block)) {
			if (plan->wait)
				break;
			continue;
		}
		bit_set(plan->handed, group);
		plan->scan = group + 1;
		if (!block_is_done(plan, block))
			return fill_task(plan, group, block, task, err);
	}
	return 0;
}

/* Tasks that wait are passed over and looked at again when the others are through; the cursor stays before them. */
static int next_through_gate(struct fit_plan *plan, struct block *block, struct task *task, struct orch_err *err)
{
	int code;

	while (plan->cursor < plan->tasks && bit_get(plan->handed, plan->cursor))
		plan->cursor++;
	if (plan->scan > plan->cursor && (code = scan(plan, plan->scan, block, task, err)))
		return code;
	plan->scan = plan->cursor;
	return scan(plan, plan->cursor, block, task, err);
}

int fit_plan_next(struct fit_plan *plan, size_t most, struct task *task, struct orch_err *err)
{
	static struct block block; /* 32 KiB: off the stack; the orchestrator has one thread */

	if (plan->request.gate)
		return next_through_gate(plan, &block, task, err);
	for (; plan->cursor < plan->tasks; plan->cursor++) {
		uint64_t group = plan->cursor;

		if (bit_get(plan->handed, group))
			continue;
		block_of(plan, group, &block);
		if (block_is_done(plan, &block))
			continue;
		if (most > 1 && block.fold_first == 0 && may_go_together(plan)) {
			int code = fill_together(plan, most, task, err);

			if (code)
				return code;
		}
		bit_set(plan->handed, group);
		plan->cursor++;
		return fill_task(plan, group, &block, task, err);
	}
	return 0;
}

int fit_plan_task(const struct fit_plan *plan, uint64_t number, struct task *task, struct orch_err *err)
{
	static struct block block;

	block_of(plan, number, &block);
	return fill_task(plan, number, &block, task, err);
}

void fit_plan_address(const struct fit_plan *plan, const struct task *task, size_t variant, int fold, struct fit_address *out)
{
	json_t *object = json_array_get(json_object_get(task->line, "variants"), variant);

	*out = (struct fit_address){.trial = json_get_int(object, "trial", -1), .fold = fold, .left_out = set_name(plan)};
	if (plan->request.stage == STAGE_LOFO)
		out->left_out = plan->request.study->units[json_get_int(object, "unit", 0)].name;
	if (plan->request.stage == STAGE_STABILITY)
		out->left_out = plan->variations.list[json_get_int(object, "variation", 0)].name;
	if (!fit_plan_find(plan, out->trial, fold, out->left_out, &out->number))
		orch_bug("a task of stage %s has a fit that its plan does not know", stage_table[plan->request.stage].name);
}

void fit_plan_key(const struct fit_plan *plan, const struct task *task, size_t variant, int fold, uint8_t out[LEDGER_KEY])
{
	json_t *object = json_array_get(json_object_get(task->line, "variants"), variant);
	char *params = json_text(json_object_get(object, "params"), JSON_STYLE_CANONICAL), *left_out = NULL;
	struct fit_address address;
	uint8_t digest[HASH_BYTES];
	struct hash hash;
	char text[96];

	fit_plan_address(plan, task, variant, fold, &address);
	if (json_object_get(object, "left_out"))
		left_out = json_text(json_object_get(object, "left_out"), JSON_STYLE_CANONICAL);
	else if (plan->request.stage == STAGE_STABILITY)
		left_out = mem_text(address.left_out);
	snprintf(text, sizeof text, "%u/%s/%lld/%d", plan->request.round, stage_table[plan->request.stage].name, (long long)address.trial, fold);
	hash_begin(&hash);
	hash_add_text(&hash, section_of(plan, (uint64_t)task->group)->identity);
	hash_add_text(&hash, text);
	hash_add_text(&hash, params);
	hash_add_text(&hash, left_out ? left_out : "");
	hash_end(&hash, digest);
	memcpy(out, digest, LEDGER_KEY);
	free(params);
	free(left_out);
}
