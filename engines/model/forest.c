/* The forest engine: parameters, and jobs cut into growths. Variants that differ only in free axes (trees, max_depth,
 * min_samples_split) and in features left out are one growth. */
#include "engines/model/forest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/json.h"
#include "storage/base/mem.h"

static const struct param_def forest_params[] = {
	{.name = "kind",
	 .kind = PARAM_CHOICE,
	 .fallback = "\"random_forest\"",
	 .low = 1,
	 .choices = "random_forest extra_trees",
	 .help = "best cuts on bootstrapped rows, or one random cut a feature on all rows"},
	{.name = "trees", .kind = PARAM_INT, .fallback = "100", .low = 1, .high = 1e6, .help = "number of trees", .free_axis = true},
	{.name = "max_depth",
	 .kind = PARAM_INT_OR_NULL,
	 .fallback = "null",
	 .low = 1,
	 .high = 1e9,
	 .help = "splits from the root to a leaf, at most; null: no limit",
	 .free_axis = true},
	{.name = "min_samples_split",
	 .kind = PARAM_INT,
	 .fallback = "2",
	 .low = 2,
	 .high = 4e9,
	 .help = "rows that a node needs to be split",
	 .free_axis = true},
	{.name = "min_samples_leaf", .kind = PARAM_INT, .fallback = "1", .low = 1, .high = 2e9, .help = "rows on each side of a split, at least"},
	{.name = "max_features",
	 .kind = PARAM_REAL_OR_CHOICE,
	 .low = 0,
	 .high = 1e6,
	 .low_open = true,
	 .choices = "sqrt log2 all",
	 .help = "features that a node looks at: a fraction up to 1, a count above 1; default: all, sqrt for classes"},
	{.name = "criterion",
	 .kind = PARAM_CHOICE,
	 .low = 1,
	 .choices = "squared_error gini entropy",
	 .help = "what splits reduce; default: squared_error, gini for classes"},
	{.name = "bootstrap", .kind = PARAM_BOOL, .help = "each tree on rows drawn with replacement; default: random forests yes, extra-trees no"},
	{.name = "class_weight",
	 .kind = PARAM_CHOICE,
	 .fallback = "\"none\"",
	 .low = 1,
	 .choices = "none balanced",
	 .help = "balanced: classes weigh the same together"},
	{.name = NULL},
};

/* One variant, understood. */
struct forest_request {
	struct forest_settings settings;
	struct forest_cut cut;
	uint32_t trees;
	const char *problem; /* why this fit cannot be done */
	bool answered;
};

/* --- parameters ------------------------------------------------------------------------------------------------------- */

static uint32_t candidates_count(const json_t *params, size_t features, bool classify, const char **problem)
{
	const json_t *value = json_object_get(params, "max_features");
	const char *name = json_is_string(value) ? json_string_value(value) : json_is_number(value) ? "" : classify ? "sqrt" : "all";
	double count = (double)features, number;

	if (strcmp(name, "sqrt") == 0)
		count = sqrt(count);
	else if (strcmp(name, "log2") == 0)
		count = features > 0 ? log2(count) : 0;
	else if (strcmp(name, "") == 0) {
		number = json_number_value(value);
		if (number > 1 && number != floor(number))
			*problem = "max_features must be a fraction up to 1 or a whole number above 1";
		count = number > 1 ? number : number * count + 1e-9; /* 0.29 x 100 is 29 */
	}
	count = count > (double)features ? (double)features : floor(count);
	return count < 1 ? 1 : (uint32_t)count;
}

static enum forest_criterion criterion_of(const json_t *params, bool classify, const char **problem)
{
	const char *name = json_get_text(params, "criterion", classify ? "gini" : "squared_error");
	bool squares = strcmp(name, "squared_error") == 0;

	if (squares == classify)
		*problem = classify ? "criterion squared_error is for regression; classes take gini or entropy"
		                    : "criterion gini and entropy are for classification; regression takes squared_error";
	return squares ? FOREST_SQUARED_ERROR : strcmp(name, "gini") == 0 ? FOREST_GINI : FOREST_ENTROPY;
}

static uint32_t param_count(const json_t *params, const char *name, uint32_t fallback)
{
	json_int_t value = json_get_int(params, name, fallback);

	return value < 0 ? 0 : value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static struct forest_request request_read(const struct engine_data *data, const json_t *params)
{
	bool classify = data->task == ENGINE_CLASSIFICATION;
	struct forest_request request = {
		.trees = param_count(params, "trees", 100),
		.cut = {param_count(params, "max_depth", UINT32_MAX), param_count(params, "min_samples_split", 2)},
	};
	struct forest_settings *settings = &request.settings;

	settings->extra = strcmp(json_get_text(params, "kind", "random_forest"), "extra_trees") == 0;
	settings->bootstrap = json_get_bool(params, "bootstrap", !settings->extra);
	settings->balanced = classify && strcmp(json_get_text(params, "class_weight", "none"), "balanced") == 0;
	settings->leaf = param_count(params, "min_samples_leaf", 1);
	settings->candidates = candidates_count(params, data->feature_count, classify, &request.problem);
	settings->criterion = criterion_of(params, classify, &request.problem);
	return request;
}

static bool settings_equal(const struct forest_settings *a, const struct forest_settings *b)
{
	return a->extra == b->extra && a->bootstrap == b->bootstrap && a->balanced == b->balanced && a->criterion == b->criterion &&
	       a->leaf == b->leaf && a->candidates == b->candidates;
}

/* --- a group of variants that grow together ---------------------------------------------------------------------------- */

struct forest_group {
	const struct engine_job *job;
	size_t fold_index;
	const struct forest_fold *fold;
	struct forest_request *requests;
	size_t *members, member_count; /* variants */
	uint32_t *base, *spare;        /* features; spare holds what the withouts leave out besides base, one after another */
	struct forest_without *withouts;
	struct forest_cut *cuts;
	int32_t *slots;
	size_t *without_of, *cut_of; /* of each member */
	double *sums;
	struct forest_growth growth;
	int32_t *places;
	struct text_buf *texts; /* of recorded trees */
	size_t answers;
};

static void group_release(struct forest_group *group)
{
	free(group->members);
	free(group->base);
	free(group->spare);
	free(group->withouts);
	free(group->cuts);
	free(group->slots);
	free(group->without_of);
	free(group->cut_of);
	free(group->sums);
	free(group->places);
}

/* What every member leaves out. */
static void group_find_base(struct forest_group *group)
{
	const struct engine_variant *variants = group->job->variants;
	const struct engine_variant *first = &variants[group->members[0]];
	size_t count = 0;

	for (size_t i = 0; i < first->left_out_count; i++) {
		bool everywhere = true;

		for (size_t m = 1; m < group->member_count && everywhere; m++) {
			const struct engine_variant *variant = &variants[group->members[m]];

			everywhere = false;
			for (size_t k = 0; k < variant->left_out_count && !everywhere; k++)
				everywhere = variant->left_out[k] == first->left_out[i];
		}
		if (everywhere)
			group->base[count++] = first->left_out[i];
	}
	group->growth.base = (struct forest_without){group->base, count};
}

/* Index of the member's set among the withouts, which grow by it when it is new. */
static size_t group_add_without(struct forest_group *group, size_t member, uint32_t **spare)
{
	const struct engine_variant *variant = &group->job->variants[group->members[member]];
	struct forest_without set = {*spare, 0};
	size_t next = 0, w;

	for (size_t i = 0; i < variant->left_out_count; i++) {
		if (next < group->growth.base.count && group->base[next] == variant->left_out[i])
			next++;
		else
			(*spare)[set.count++] = variant->left_out[i];
	}
	for (w = 0; w < group->growth.without_count; w++)
		if (group->withouts[w].count == set.count &&
		    memcmp(group->withouts[w].features, set.features, set.count * sizeof(*set.features)) == 0)
			return w;
	*spare += set.count;
	group->withouts[group->growth.without_count++] = set;
	return w;
}

static size_t group_add_cut(struct forest_group *group, struct forest_cut cut)
{
	size_t c;

	for (c = 0; c < group->growth.cut_count; c++)
		if (group->cuts[c].depth == cut.depth && group->cuts[c].split == cut.split)
			return c;
	group->cuts[group->growth.cut_count++] = cut;
	return c;
}

/* Room for member_count members that leave out left_out features in all. */
static int group_reserve(struct forest_group *group, size_t left_out)
{
	size_t members = group->member_count, features = group->job->data->feature_count;

	group->base = mem_array(features + 1, sizeof(*group->base));
	group->spare = mem_array(left_out + 1, sizeof(*group->spare));
	group->withouts = mem_array(members, sizeof(*group->withouts));
	group->cuts = mem_array(members, sizeof(*group->cuts));
	group->without_of = mem_array(members, sizeof(*group->without_of));
	group->cut_of = mem_array(members, sizeof(*group->cut_of));
	return group->base && group->spare && group->withouts && group->cuts && group->without_of && group->cut_of ? 0 : ORCH_ENOMEM;
}

static int group_plan(struct forest_group *group)
{
	struct forest_growth *growth = &group->growth;
	size_t left_out = 0, cells;
	uint32_t *spare;

	for (size_t m = 0; m < group->member_count; m++)
		left_out += group->job->variants[group->members[m]].left_out_count;
	if (group_reserve(group, left_out) != 0)
		return ORCH_ENOMEM;
	group_find_base(group);
	spare = group->spare;
	for (size_t m = 0; m < group->member_count; m++) {
		group->without_of[m] = group_add_without(group, m, &spare);
		group->cut_of[m] = group_add_cut(group, group->requests[group->members[m]].cut);
	}
	cells = growth->without_count * growth->cut_count;
	group->slots = mem_array(cells, sizeof(*group->slots));
	if (!group->slots)
		return ORCH_ENOMEM;
	memset(group->slots, 0xff, cells * sizeof(*group->slots));
	for (size_t m = 0; m < group->member_count; m++) {
		int32_t *slot = &group->slots[group->without_of[m] * growth->cut_count + group->cut_of[m]];

		if (*slot < 0)
			*slot = (int32_t)growth->slot_count++;
	}
	growth->fold = group->fold;
	growth->settings = &group->requests[group->members[0]].settings;
	growth->seed = group->job->seed;
	growth->cuts = group->cuts;
	growth->withouts = group->withouts;
	growth->slots = group->slots;
	group->sums = mem_array(group->fold->test_count * growth->slot_count * group->fold->value_width + 1, sizeof(*group->sums));
	return group->sums ? 0 : ORCH_ENOMEM;
}

/* --- answers ----------------------------------------------------------------------------------------------------------- */

/* Column-major means over trees of the member's slot; the first class of two is the rest. */
static void group_predict(const struct forest_group *group, size_t member, double trees, double *out)
{
	const struct forest_growth *growth = &group->growth;
	const struct forest_fold *fold = group->fold;
	size_t slot = (size_t)group->slots[group->without_of[member] * growth->cut_count + group->cut_of[member]];
	bool pair = fold->data->task == ENGINE_CLASSIFICATION && fold->value_width == 1;

	for (size_t i = 0; i < fold->test_count; i++)
		for (unsigned o = 0; o < fold->value_width; o++) {
			double mean = group->sums[(i * growth->slot_count + slot) * fold->value_width + o] / trees;

			out[(o + pair) * fold->test_count + i] = mean;
			if (pair)
				out[i] = 1 - mean;
		}
}

static void group_squares(const struct forest_group *group, const double *prediction, double *sse)
{
	const struct engine_data *data = group->job->data;
	const struct engine_fold *fold = &group->job->folds[group->fold_index];

	for (unsigned o = 0; o < data->outputs; o++) {
		sse[o] = 0;
		for (size_t i = 0; i < fold->test_count; i++) {
			double off = prediction[o * fold->test_count + i] - data->target[o * data->rows + fold->test[i]];

			sse[o] += (data->weight ? data->weight[fold->test[i]] : 1) * off * off;
		}
	}
}

static int group_answer(struct forest_group *group, size_t member, struct orch_err *err)
{
	const struct engine_job *job = group->job;
	bool classify = job->data->task == ENGINE_CLASSIFICATION;
	bool scores = job->scores_only && !classify;
	uint32_t trees = group->requests[group->members[member]].trees;
	size_t width = classify ? job->data->classes : job->data->outputs;
	double *prediction = mem_array(group->fold->test_count * width + 1, sizeof(*prediction));
	double *sse = mem_array(job->data->outputs + 1, sizeof(*sse));
	struct text_buf model = {0};
	int code = ORCH_ENOMEM;

	if (!prediction || !sse) {
		orch_fail(err, code, "no memory for %zu predictions", group->fold->test_count);
		goto out;
	}
	group_predict(group, member, trees, prediction);
	if (scores)
		group_squares(group, prediction, sse);
	if (group->texts)
		forest_save(&group->growth, group->texts, trees, &model);
	code = job->answer(job->context,
	                   &(struct engine_answer){.fold = group->fold_index,
	                                           .variant = group->members[member],
	                                           .prediction = scores ? NULL : prediction,
	                                           .sse = scores ? sse : NULL,
	                                           .model = model.data,
	                                           .model_length = model.length,
	                                           .fits_saved = group->answers++ > 0},
	                   err);
out:
	free(prediction);
	free(sse);
	text_buf_release(&model);
	return code;
}

/* Trees up to the next number that somebody asked for, then the answers due there, until all are given. */
static int group_grow(struct forest_group *group, struct orch_err *err)
{
	uint32_t done = 0;
	int code = 0;

	while (code == 0) {
		uint32_t next = UINT32_MAX;

		for (size_t m = 0; m < group->member_count; m++) {
			uint32_t trees = group->requests[group->members[m]].trees;

			next = trees > done && trees < next ? trees : next;
		}
		if (next == UINT32_MAX)
			break;
		code = forest_train(&group->growth, done, next, group->job->threads, group->sums, group->texts, err);
		done = next;
		for (size_t m = 0; m < group->member_count && code == 0; m++)
			if (group->requests[group->members[m]].trees == done)
				code = group_answer(group, m, err);
	}
	return code;
}

/* Room for recorded trees, and where the features that are not left out stand in the model. */
static int group_record(struct forest_group *group, uint32_t trees)
{
	const struct forest_without *base = &group->growth.base;
	size_t next = 0;
	int32_t place = 0;

	group->texts = mem_array(trees, sizeof(*group->texts));
	group->places = mem_array(group->fold->feature_count + 1, sizeof(*group->places));
	if (!group->texts || !group->places)
		return ORCH_ENOMEM;
	for (size_t f = 0; f < group->fold->feature_count; f++) {
		bool left_out = next < base->count && base->features[next] == f;

		next += left_out;
		group->places[f] = left_out ? -1 : place++;
	}
	group->growth.places = group->places;
	return 0;
}

static int group_run(struct forest_group *group, struct orch_err *err)
{
	uint32_t trees = group->requests[group->members[0]].trees;
	int code = group_plan(group);

	if (code == 0 && group->job->want_model)
		code = group_record(group, trees);
	if (code == 0)
		code = group_grow(group, err);
	else
		orch_fail(err, code, "no memory for %zu forests of %zu rows", group->member_count, group->fold->train_count);
	for (uint32_t t = 0; t < trees && group->texts; t++)
		text_buf_release(&group->texts[t]);
	free(group->texts);
	return code;
}

/* --- jobs --------------------------------------------------------------------------------------------------------------- */

static int answer_problem(const struct engine_job *job, size_t fold, size_t variant, const char *problem, struct orch_err *err)
{
	struct engine_answer answer = {.fold = fold, .variant = variant, .code = ORCH_EFIT, .text = problem};

	return job->answer(job->context, &answer, err);
}

static bool fold_has_weight(const struct engine_job *job, const struct engine_fold *fold)
{
	for (size_t i = 0; i < fold->train_count; i++)
		if (!job->data->weight || job->data->weight[fold->train[i]] > 0)
			return true;
	return false;
}

/* Variants of one settings: the ranks are made for them and freed; a job that the planner made has one such group. */
static int run_group(const struct engine_job *job, size_t fold_index, struct forest_request *requests, size_t first, struct orch_err *err)
{
	struct forest_fold fold = {0};
	struct forest_group group = {.job = job, .fold_index = fold_index, .fold = &fold, .requests = requests};
	int code = ORCH_ENOMEM;

	group.members = mem_array(job->variant_count, sizeof(*group.members));
	if (!group.members) {
		orch_fail(err, code, "no memory for %zu variants", job->variant_count);
		goto out;
	}
	for (size_t v = first; v < job->variant_count; v++) {
		if (requests[v].answered || !settings_equal(&requests[v].settings, &requests[first].settings))
			continue;
		group.members[group.member_count++] = v;
		requests[v].answered = true;
		if (job->want_model)
			break; /* a recorded tree is nobody else's */
	}
	code = forest_fold_build(job->data, &job->folds[fold_index], &requests[first].settings, &fold, err);
	if (code == 0)
		code = group_run(&group, err);
out:
	group_release(&group);
	forest_fold_release(&fold);
	return code;
}

static int run_fold(const struct engine_job *job, size_t fold, struct forest_request *requests, struct orch_err *err)
{
	const char *empty = fold_has_weight(job, &job->folds[fold]) ? NULL : "no training row has a positive weight";
	int code = 0;

	for (size_t v = 0; v < job->variant_count && code == 0; v++) {
		requests[v] = request_read(job->data, job->variants[v].params);
		if (empty)
			requests[v].problem = empty;
		requests[v].answered = requests[v].problem != NULL;
		if (requests[v].problem)
			code = answer_problem(job, fold, v, requests[v].problem, err);
	}
	for (size_t v = 0; v < job->variant_count && code == 0; v++)
		if (!requests[v].answered)
			code = run_group(job, fold, requests, v, err);
	return code;
}

static int forest_run(const struct engine_job *job, struct orch_err *err)
{
	struct forest_request *requests = mem_array(job->variant_count + 1, sizeof(*requests));
	int code = 0;

	if (!requests)
		return orch_fail(err, ORCH_ENOMEM, "no memory for %zu variants", job->variant_count);
	for (size_t f = 0; f < job->fold_count && code == 0; f++)
		code = run_fold(job, f, requests, err);
	free(requests);
	return code;
}

/* --- estimates ----------------------------------------------------------------------------------------------------------- */

/* Of the columns, as ranks with their values and grid, and of the targets. */
static uint64_t memory_of_fold(const struct engine_size *size, uint64_t width)
{
	uint64_t rows = size->rows, code = rows > 65535 ? sizeof(uint32_t) : sizeof(uint16_t);

	return size->features * (rows * (sizeof(double) + code) + FOREST_GRID * sizeof(uint32_t) + 128) + rows * (56 + 16 * width);
}

/* Of one thread: rows in several orders and with their sums, candidates, lists of features that follow the base tree. */
static uint64_t memory_of_thread(const struct engine_size *size, uint64_t width)
{
	uint64_t lists = size->variants < 64 ? size->variants : 64;

	return size->rows * (70 + 16 * width) + size->features * 160 + size->variants * (lists * 4 + 100) + 200000;
}

/* A node is 24 bytes; as text a split takes about 30 and a number of a leaf 20. Buffers double as they grow, and texts are copied once. */
static uint64_t memory_of_model(const struct engine_size *size, uint64_t width, const json_t *params)
{
	uint64_t leaf = param_count(params, "min_samples_leaf", 1), depth = param_count(params, "max_depth", UINT32_MAX);
	uint64_t leaves = size->rows / (leaf ? leaf : 1) + 1;

	if (depth < 40 && leaves > (uint64_t)1 << depth)
		leaves = (uint64_t)1 << depth;
	return param_count(params, "trees", 100) * leaves * (30 + 20 * width) * 3;
}

static uint64_t forest_memory(const struct engine_size *size, const json_t *params)
{
	uint64_t width = size->classes > size->outputs ? size->classes : size->outputs ? size->outputs : 1;
	uint64_t threads = size->threads ? size->threads : 1, folds = size->folds > 1 ? size->folds : 1;
	uint64_t test = 2 * size->rows / folds < size->rows ? 2 * size->rows / folds : size->rows; /* folds may be uneven */
	uint64_t sums = test * (size->variants ? size->variants : 1) * width * sizeof(double);

	return ((uint64_t)1 << 20) + memory_of_fold(size, width) + threads * memory_of_thread(size, width) + (threads + 2) * sums +
	       2 * test * width * sizeof(double) + (size->with_model ? memory_of_model(size, width, params) : 0);
}

/* Rows x candidates x levels x trees, in nanoseconds or so. */
static double forest_cost(const struct engine_size *size, const json_t *params)
{
	const char *problem = NULL;
	double leaf = param_count(params, "min_samples_leaf", 1), levels = log2(2 + (double)size->rows / leaf);
	double depth = param_count(params, "max_depth", UINT32_MAX);

	return param_count(params, "trees", 100) * (double)size->rows * (levels < depth ? levels : depth) * 4 *
	       candidates_count(params, size->features, size->classes > 0, &problem);
}

extern const struct engine engine_forest;
const struct engine engine_forest = {
	.name = "forest",
	.version = FOREST_VERSION,
	.help = "random forests and extra-trees whose LOFO fits are repairs of one growth",
	.params = forest_params,
	.tasks = ENGINE_REGRESSION | ENGINE_CLASSIFICATION,
	.shares = ENGINE_SHARE_LEFT_OUT,
	.many_outputs = true,
	.keeps_missing = true,
	.weights = true,
	.model_suffix = "json",
	.memory = forest_memory,
	.cost = forest_cost,
	.run = forest_run,
};
