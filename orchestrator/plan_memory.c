#include "orchestrator/plan_memory.h"

#include "engines/model/engine.h"
#include "orchestrator/elimination_path.h"

#define WORKER_BYTES (2ull << 20)      /* of a worker before it does anything: measured */
#define WRITER_BYTES (5ull << 20)      /* DuckDB with nothing in its tables: measured */
#define WRITER_MOST (256ull << 20)     /* DuckDB's limit in storage/table_file.c */
#define SAMPLED_GROUPS 64

static bool is_complete(const struct study *study)
{
	for (size_t f = 0; f < study->all_feature_count; f++)
		if (study->all_features[f]->missing_count)
			return false;
	return true;
}

static struct engine_size size_of(const struct spec *spec, const struct study *study)
{
	struct engine_size size = {.rows = study->frame->rows, .features = study->all_feature_count, .outputs = study->outputs, .classes = study->classes,
	        .folds = study->folds, .variants = 1, .threads = spec->resources.threads ? spec->resources.threads : 1, .complete = is_complete(study)};

	for (size_t f = 0; f < study->all_feature_count; f++) {
		const struct column *column = study->all_features[f];

		size.columns += column->kind == COLUMN_CATEGORY && !column->ordered ? column->level_count : 1;
	}
	return size;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static const struct engine *engine_of(const struct spec *spec, const struct search *search, uint64_t trial)
{
	return engine_find(spec->models[search_model(search, trial)].engine);
}

static size_t left_out_together(const struct engine *engine, const struct spec *spec, const struct study *study)
{
	size_t units = spec->lofo.enabled && study->unit_count > 1 ? study->unit_count : 1;

	if (!(engine->shares & ENGINE_SHARE_LEFT_OUT))
		return 1;
	return engine->left_out_most && engine->left_out_most < units ? engine->left_out_most : units;
}

/* The tasks that a configuration may become: with others of its group, with left-out sets, with its model. */
static uint64_t of_params(const struct engine *engine, struct engine_size size, size_t group, size_t left_out, const json_t *params)
{
	uint64_t bytes;

	size.variants = group;
	bytes = engine->memory(&size, params);
	size.variants = left_out;
	bytes = most(bytes, engine->memory(&size, params));
	size.variants = 1;
	size.with_model = engine->model_suffix != NULL;
	return most(bytes, engine->memory(&size, params));
}

uint64_t plan_memory_of_group(const struct spec *spec, const struct study *study, const struct search *search, uint64_t group, struct orch_err *err)
{
	struct engine_size size = size_of(spec, study);
	uint64_t trials[SEARCH_GROUP_MAX], bytes = 0;
	size_t count = search_group_trials(search, group, trials);
	const struct engine *engine = engine_of(spec, search, trials[0]);

	size.variants = count;
	for (size_t end = 0; end < 2 && engine->memory && count; end++) { /* free axes ascend: the largest is at one end */
		json_t *params = NULL;

		if (search_params(search, trials[end ? count - 1 : 0], &params, err))
			return 0;
		bytes = most(bytes, engine->memory(&size, params));
		json_decref(params);
	}
	return bytes;
}

/* The next group to look at: every step-th, the last one too; total ends the walk. No sum overflows, however large the search. */
static uint64_t next_sampled(uint64_t group, uint64_t step, uint64_t total)
{
	if (group == total - 1)
		return total;
	return step < total - group ? group + step : total - 1;
}

static int fit_bytes(const struct spec *spec, const struct study *study, const struct search *search, uint64_t *out, struct orch_err *err)
{
	struct engine_size size = size_of(spec, study);
	uint64_t total = search_groups(search), step = total / SAMPLED_GROUPS + 1, bytes = 0;

	for (uint64_t group = 0; group < total; group = next_sampled(group, step, total)) {
		uint64_t trials[SEARCH_GROUP_MAX];
		size_t count = search_group_trials(search, group, trials);
		const struct engine *engine = engine_of(spec, search, trials[0]);

		for (size_t end = 0; end < 2 && count && engine->memory; end++) {
			json_t *params = NULL;
			int code = search_params(search, trials[end ? count - 1 : 0], &params, err);

			if (code)
				return code;
			bytes = most(bytes, of_params(engine, size, count, left_out_together(engine, spec, study), params));
			json_decref(params);
		}
	}
	*out = bytes;
	return 0;
}

/* The members' predictions as stage_ensemble.c holds them: of a fold and what they are combined to; for weights those of all folds at once, with two sums. */
static void ensemble_bytes(const struct spec *spec, const struct study *study, uint64_t *fold, uint64_t *weights)
{
	uint64_t members = spec->ensemble.method == SPEC_ENSEMBLE_NONE ? 0 : spec->ensemble.models ? spec->model_count : spec->ensemble.top;
	uint64_t rows = study->frame->rows, outputs = study->task == ENGINE_CLASSIFICATION ? study->classes : study->outputs;
	uint64_t each = 8 * outputs + sizeof(double) + sizeof(uint32_t), of_fold = rows / (study->split->k ? study->split->k : 1) + 1;

	of_fold = most(of_fold, study->holdout_rows);
	*fold = members ? (members + 1) * of_fold * each + of_fold * 8 * (study->target_count + 2) : 0;
	*weights = members && spec->ensemble.method == SPEC_ENSEMBLE_WEIGHTED ? study->split->repeats * (rows - study->holdout_rows) * (members * each + 2 * 8 * outputs) : 0;
}

/* The largest of: the table of trials, the predictions of all rows. Twice its cells: DuckDB packs them again when it writes Parquet. */
static uint64_t write_bytes(const struct spec *spec, const struct study *study, const struct search *search)
{
	uint64_t per_row = 8ull * (2 + 2 * study->target_count + study->classes), rows = (uint64_t)study->frame->rows;
	uint64_t trials = search_configurations(search), per_trial = 8ull * (spec->hpo.axis_count + study->folds + 4);
	uint64_t fold, weights, table = trials > WRITER_MOST / per_trial ? WRITER_MOST : trials * per_trial;

	table = 2 * most(table, rows * per_row);
	ensemble_bytes(spec, study, &fold, &weights);
	return WRITER_BYTES + most((table < WRITER_MOST ? table : WRITER_MOST) + fold, weights);
}

int plan_memory(const struct spec *spec, const struct study *study, const struct search *search, struct plan_memory *out, struct orch_err *err)
{
	struct plan_memory memory = {.write = most(write_bytes(spec, study, search), elimination_path_bytes(study))};
	int code = fit_bytes(spec, study, search, &memory.fit, err);

	if (code)
		return code;
	/* targets, truth and weights, the folds of all repeats, and the rows and predictions of the fold that is scored */
	memory.base = WORKER_BYTES + study->frame->rows * (8ull * (study->outputs + study->target_count + 1) + study->split->repeats) +
	              study->frame->rows / (study->folds ? study->folds : 1) * 8ull * 4;
	if (spec->lofo.enabled) /* the baseline's predictions of a fold, what they lose, and groups of rows */
		memory.base += study->frame->rows / (study->folds ? study->folds : 1) * 8ull * (6 + study->outputs + study->classes);
	*out = memory;
	return 0;
}

uint64_t plan_memory_worker(const struct plan_memory *memory)
{
	return most(memory->base + memory->fit, memory->base + memory->write);
}
