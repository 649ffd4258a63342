/* Gradient boosted trees by XGBoost (C API 1.7, tree_method hist).
 *
 * - Data: float32; missing values are the library's own kind unless the campaign fills them; an unordered category is
 *   split by sets of its codes, an ordered one is its code. The matrix holds training rows only.
 * - Base score: the weighted training mean of the target, computed in double and rounded to float; 0.5 for classes.
 * - Several outputs: one booster each (xgboost_fit.h).
 * - Two classes: binary:logistic, more: multi:softprob; probabilities are the library's floats as they are.
 * - Reports (job->report): one target without early stopping, the test rows' predictions after 4, 6, 8, 12, 16, 24 ... rounds.
 * - Trees: a fit of the largest number answers all smaller ones bit for bit, with early stopping too (xgboost_fit.h).
 * - Features left out: engines/lofo/boosted_lofo.h.
 * - Most fits of numbers are grown by engines/model/hist_trees.h, with the same bits; the library bins the rows, and grows the first
 *   rounds again for a check. Models that are kept are always the library's.
 * - Seed: a hash of the job's seed and the output; seed_per_iteration makes a round's draws independent of the rounds
 *   before it. What the library samples (subsample, colsample_*) it draws by position: there another column more
 *   or less is another draw for all. Bits depend on the number of threads, which is the job's. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "engines/lofo/boosted_lofo.h"
#include "engines/model/xgboost_fit.h"
#include "storage/base/json.h"

/* clang-format off */
static const struct param_def xgboost_params[] = {
	{.name = "trees", .kind = PARAM_INT, .fallback = "100", .low = 1, .high = 100000, .free_axis = true,
	 .help = "boosting rounds; smaller numbers come free with the largest"},
	{.name = "early_stopping_rounds", .kind = PARAM_INT_OR_NULL, .low = 1, .high = 100000,
	 .help = "stop when so many further trees do not lower the loss of training rows held back; null or absent: never (one target only)"},
	{.name = "early_stopping_fraction", .kind = PARAM_REAL, .low = 0, .high = 0.9, .low_open = true,
	 .help = "share of the training rows held back for early_stopping_rounds; absent: 0.1"},
	{.name = "learning_rate", .kind = PARAM_REAL, .fallback = "0.3", .low = 0, .high = 1, .low_open = true, .help = "shrinkage of each tree"},
	{.name = "max_depth", .kind = PARAM_INT_OR_NULL, .fallback = "6", .low = 0, .high = 64, .help = "depth of a tree; 0 or null: no limit"},
	{.name = "min_child_weight", .kind = PARAM_REAL, .fallback = "1", .low = 0, .high = 1e12, .help = "smallest sum of hessians in a leaf"},
	{.name = "gamma", .kind = PARAM_REAL, .fallback = "0", .low = 0, .high = 1e12, .help = "smallest gain of a split"},
	{.name = "subsample", .kind = PARAM_REAL, .fallback = "1", .low = 0, .high = 1, .low_open = true, .help = "share of rows for each tree"},
	{.name = "colsample_bytree", .kind = PARAM_REAL, .fallback = "1", .low = 0, .high = 1, .low_open = true, .help = "share of columns for each tree"},
	{.name = "colsample_bylevel", .kind = PARAM_REAL, .fallback = "1", .low = 0, .high = 1, .low_open = true, .help = "share of columns for each level"},
	{.name = "colsample_bynode", .kind = PARAM_REAL, .fallback = "1", .low = 0, .high = 1, .low_open = true, .help = "share of columns for each split"},
	{.name = "reg_lambda", .kind = PARAM_REAL, .fallback = "1", .low = 0, .high = 1e12, .help = "L2 penalty on leaf values"},
	{.name = "reg_alpha", .kind = PARAM_REAL, .fallback = "0", .low = 0, .high = 1e12, .help = "L1 penalty on leaf values"},
	{.name = "max_bin", .kind = PARAM_INT, .fallback = "256", .low = 2, .high = 65535, .help = "histogram bins of a column"},
	{.name = "grow_policy", .kind = PARAM_CHOICE, .fallback = "\"depthwise\"", .low = 1, .high = 0, .choices = "depthwise lossguide",
	 .help = "which node is split next"},
	{.name = "max_leaves", .kind = PARAM_INT, .fallback = "0", .low = 0, .high = 1000000, .help = "leaves of a tree; 0: no limit"},
	{.name = "scale_pos_weight", .kind = PARAM_REAL, .fallback = "1", .low = 0, .high = 1e12, .low_open = true, .help = "weight of class 1 of two classes"},
	{.name = "max_delta_step", .kind = PARAM_REAL, .low = 0, .high = 1e12, .help = "largest leaf value; 0: no limit; absent: the objective's own"},
	{.name = "max_cat_to_onehot", .kind = PARAM_INT, .fallback = "4", .low = 1, .high = 1000000, .help = "categories below this are split one against the rest"},
	{.name = "objective", .kind = PARAM_CHOICE, .fallback = "\"auto\"", .low = 1, .high = 0,
	 .choices = "auto reg:squarederror reg:squaredlogerror reg:pseudohubererror reg:absoluteerror reg:logistic reg:gamma reg:tweedie "
		    "count:poisson binary:logistic multi:softprob",
	 .help = "auto: squared error, logistic or softmax, as the task asks"},
	/* These two hold one value each: they are here so that a spec may say what it gets. */
	{.name = "tree_method", .kind = PARAM_CHOICE, .fallback = "\"hist\"", .low = 1, .high = 0, .choices = "hist", .help = "histograms are the only way here"},
	{.name = "booster", .kind = PARAM_CHOICE, .fallback = "\"gbtree\"", .low = 1, .high = 0, .choices = "gbtree", .help = "trees are the only kind here"},
	{.name = NULL},
};
/* clang-format on */

unsigned xgboost_trees(const struct engine_variant *variant)
{
	return (unsigned)json_get_int(variant->params, "trees", 100);
}

unsigned xgboost_max_bin(const struct engine_variant *variant)
{
	return (unsigned)json_get_int(variant->params, "max_bin", 256);
}

/* --- settings -------------------------------------------------------------------------------------------------------
 */
struct xgboost_settings {
	struct xgboost_setting *list;
	size_t count;
};

static void xgboost_set(struct xgboost_settings *settings, const char *name, const char *value)
{
	struct xgboost_setting *setting = &settings->list[settings->count++];

	if (settings->count > XGBOOST_SETTINGS || strlen(value) >= sizeof(setting->value))
		orch_bug("settings of XGBoost outgrew their place");
	setting->name = name;
	memcpy(setting->value, value, strlen(value) + 1);
}

static void xgboost_set_int(struct xgboost_settings *settings, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	xgboost_set(settings, name, text);
}

/* NULL when the objective fits the task, else why not. */
static const char *xgboost_objective(const struct engine_data *data, const char *wish, const char **out)
{
	bool regression = data->task == ENGINE_REGRESSION;

	*out = regression ? "reg:squarederror" : data->classes > 2 ? "multi:softprob" : "binary:logistic";
	if (strcmp(wish, "auto") == 0 || strcmp(wish, *out) == 0)
		return NULL;
	if (!regression)
		return data->classes > 2 ? "three and more classes need multi:softprob"
		                         : "two classes need binary:logistic";
	if (strcmp(wish, "binary:logistic") == 0 || strcmp(wish, "multi:softprob") == 0)
		return "it is for classes and the task is regression";
	*out = wish;
	return NULL;
}

/* The library takes 31 bits. */
int64_t xgboost_seed(uint64_t seed, unsigned output)
{
	return (int64_t)(address_hash(address_text(seed, "xgboost"), output) >> 33);
}

static void xgboost_set_params(struct xgboost_settings *settings, const json_t *params)
{
	for (const struct param_def *def = xgboost_params; def->name; def++) {
		const json_t *value = json_object_get(params, def->name);
		char text[TEXT_NUMBER_MAX];

		if (!value || strcmp(def->name, "trees") == 0 || strcmp(def->name, "objective") == 0 ||
		        strcmp(def->name, "tree_method") == 0 || strcmp(def->name, "booster") == 0 ||
		        strncmp(def->name, "early_stopping", 14) == 0)
			continue;
		if (json_is_null(value)) /* only max_depth takes it */
			xgboost_set(settings, def->name, "0");
		else if (json_is_string(value))
			xgboost_set(settings, def->name, json_string_value(value));
		else
			xgboost_set(settings, def->name, text_number(json_number_value(value), text));
	}
}

int xgboost_settings(const struct engine_job *job, const struct engine_variant *variant,
        const struct xgboost_view *view, unsigned output, struct xgboost_setting *out, size_t *count,
        struct orch_err *err)
{
	const struct engine_data *data = job->data;
	struct xgboost_settings settings = {.list = out};
	const char *wish = json_get_text(variant->params, "objective", "auto"), *objective, *wrong;
	char base[TEXT_NUMBER_MAX];

	wrong = xgboost_objective(data, wish, &objective);
	if (wrong)
		return orch_fail(err, ORCH_EFIT, "objective %s: %s", wish, wrong);
	snprintf(base, sizeof(base), "%.9g", (double)view->base);
	xgboost_set(&settings, "verbosity", "0");
	xgboost_set(&settings, "booster", "gbtree");
	xgboost_set(&settings, "tree_method", "hist");
	xgboost_set_int(&settings, "nthread", job->threads);
	xgboost_set_int(&settings, "seed", xgboost_seed(job->seed, output));
	xgboost_set(&settings, "seed_per_iteration", "1");
	xgboost_set(&settings, "disable_default_eval_metric", xgboost_patience(variant) ? "0" : "1");
	xgboost_set(&settings, "objective", objective);
	if (xgboost_groups(data) > 1)
		xgboost_set_int(&settings, "num_class", data->classes);
	xgboost_set(&settings, "base_score", base);
	xgboost_set_params(&settings, variant->params);
	*count = settings.count;
	return 0;
}

/* --- a job: variants sorted into families (same parameters but for trees) and groups (same features too)
 * ------------------ */
struct xgboost_sorted {
	const struct engine_variant *variant;
	char *key; /* parameters without trees, canonical */
	size_t index;
};

static int xgboost_by_left_out(const struct engine_variant *a, const struct engine_variant *b)
{
	if (a->left_out_count != b->left_out_count)
		return a->left_out_count < b->left_out_count ? -1 : 1;
	for (size_t i = 0; i < a->left_out_count; i++)
		if (a->left_out[i] != b->left_out[i])
			return a->left_out[i] < b->left_out[i] ? -1 : 1;
	return 0;
}

static int xgboost_by_group(const void *left, const void *right)
{
	const struct xgboost_sorted *a = left, *b = right;
	int order = strcmp(a->key, b->key);

	if (order == 0)
		order = xgboost_by_left_out(a->variant, b->variant);
	return order ? order : (a->index > b->index) - (a->index < b->index);
}

static char *xgboost_key(const struct engine_variant *variant)
{
	json_t *params = json_copy((json_t *)variant->params);
	char *key = NULL;

	if (params && (json_object_del(params, "trees"), true))
		key = json_text(params, JSON_STYLE_CANONICAL);
	json_decref(params);
	return key;
}

/* The training that answers a group, on its own matrix. */
int xgboost_group_run(const struct engine_job *job, size_t fold, const struct xgboost_group *group, const char *text,
        struct orch_err *err)
{
	const struct engine_variant *variant = &job->variants[group->variants[0]];
	struct xgboost_view view = {0};
	struct xgboost_matrix *matrix = NULL;
	struct xgboost_fit fit = {0};
	struct xgboost_stop stop = {0};
	struct orch_err why = {0};
	bool stops = xgboost_patience(variant) > 0;
	int code = 0;

	if (stops)
		code = xgboost_stop_init(job, &job->folds[fold], variant, group->trees, &stop, &why);
	else if (json_object_get(variant->params, "early_stopping_fraction"))
		code = orch_fail(&why, ORCH_EFIT, "early_stopping_fraction needs early_stopping_rounds");
	if (code == 0)
		code = xgboost_view_init(job->data, stops ? &stop.rows : &job->folds[fold], variant, &view, &why);
	if (code == 0)
		code = xgboost_view_matrix(&view, xgboost_max_bin(variant), job->threads, &matrix, &why);
	if (code == 0)
		code = stops ? xgboost_stop_train(job, variant, &view, matrix, group->trees, &stop, &fit, &why)
		             : xgboost_fit_train(job, variant, &view, matrix, group->trees, &fit, &why);
	if (code == 0)
		code = xgboost_group_answer(job, fold, group, &view, &fit, text, 0, err);
	else
		code = xgboost_group_refuse(job, fold, group, code, &why, err);
	xgboost_fit_release(&fit);
	xgboost_matrix_release(matrix);
	xgboost_view_release(&view);
	xgboost_stop_release(&stop);
	return code;
}

static int xgboost_fold_run(const struct engine_job *job, size_t fold, const struct xgboost_group *groups, size_t count,
        struct orch_err *err)
{
	int code = 0;

	for (size_t g = 0, end; g < count && code == 0; g = end) {
		for (end = g + 1; end < count && !groups[end].new_family; end++)
			;
		code = boosted_lofo_run(job, fold, &groups[g], end - g, err);
	}
	return code;
}

/* groups[g] takes its variants from order, which has room for all. */
static size_t xgboost_groups_make(
        const struct engine_job *job, struct xgboost_sorted *sorted, size_t *order, struct xgboost_group *groups)
{
	size_t count = 0;

	for (size_t i = 0; i < job->variant_count; i++) {
		bool family = i > 0 && strcmp(sorted[i].key, sorted[i - 1].key) == 0;
		bool same = family && xgboost_by_left_out(sorted[i].variant, sorted[i - 1].variant) == 0;
		unsigned trees = xgboost_trees(sorted[i].variant);

		order[i] = sorted[i].index;
		if (!same)
			groups[count++] = (struct xgboost_group){.variants = &order[i], .new_family = !family};
		groups[count - 1].count++;
		if (trees > groups[count - 1].trees)
			groups[count - 1].trees = trees;
	}
	return count;
}

static int xgboost_run(const struct engine_job *job, struct orch_err *err)
{
	struct xgboost_sorted *sorted = mem_array(job->variant_count, sizeof(*sorted));
	struct xgboost_group *groups = mem_array(job->variant_count, sizeof(*groups));
	size_t *order = mem_array(job->variant_count, sizeof(*order));
	int code = 0;

	if (!sorted || !groups || !order) {
		code = orch_fail(err, ORCH_ENOMEM, "no memory for %zu variants", job->variant_count);
		goto out;
	}
	for (size_t v = 0; v < job->variant_count; v++) {
		sorted[v] = (struct xgboost_sorted){
		        .variant = &job->variants[v], .key = xgboost_key(&job->variants[v]), .index = v};
		if (!sorted[v].key) {
			code = orch_fail(
			        err, ORCH_ENOMEM, "no memory for the parameters of %zu variants", job->variant_count);
			goto out;
		}
	}
	qsort(sorted, job->variant_count, sizeof(*sorted), xgboost_by_group);
	size_t count = xgboost_groups_make(job, sorted, order, groups);
	for (size_t f = 0; f < job->fold_count && code == 0; f++)
		code = xgboost_fold_run(job, f, groups, count, err);
out:
	for (size_t v = 0; sorted && v < job->variant_count; v++)
		free(sorted[v].key);
	free(sorted);
	free(groups);
	free(order);
	return code;
}

/* --- what a fit needs -----------------------------------------------------------------------------------------------
 */
/* The quantile sketch of one column (xgboost 1.7, src/common/quantile.h: WQuantileSketch::LimitSizeLevel): entries of
 * 16 bytes, so many levels of limit entries as the rows fill, and some more while they are merged. */
static double xgboost_sketch_bytes(double rows, double bins)
{
	double limit, per_level = 8 * bins;
	unsigned levels = 1;

	while (limit = fmin(levels * per_level + 1, rows), limit * (double)(1ull << levels) < rows)
		levels++;
	return 16 * limit * (floor(log2(fmax(rows / limit, 1))) + 4.5);
}

/* At most so many nodes has a tree: the whole of it, or those that may still be split and have a histogram. */
static double xgboost_nodes(double rows, const json_t *params, bool whole)
{
	double depth = json_get_real(params, "max_depth", json_is_null(json_object_get(params, "max_depth")) ? 0 : 6);
	double leaves = json_get_real(params, "max_leaves", 0), most = fmax(2 * rows - 1, 1);

	if (depth > 0)
		most = fmin(most, exp2(depth + whole) - 1);
	return leaves > 0 ? fmin(most, 2 * leaves - 1) : most;
}

/* Histograms (16 bytes a bin) stay for a whole tree, and the library makes half as many again to build them in (three
 * quarters beyond depth 10). Measured for 1.7.4 on 1,000 to 400,000 rows, 1 to 164 columns. */
static double xgboost_histogram_bytes(double rows, double columns, double bins, double nodes)
{
	return (nodes > 1024 ? 1.75 : 1.5) * nodes * columns * fmin(bins, rows) * 16;
}

/* All rows are taken as training rows and a quarter as test rows. A model that is saved is counted with every tree
 * full. Where features are left out, one matrix holds them all while another is built without some. */
static uint64_t xgboost_memory(const struct engine_size *size, const json_t *params)
{
	double rows = (double)size->rows, columns = fmax((double)size->features, 1);
	double bins = json_get_real(params, "max_bin", 256), nodes = xgboost_nodes(rows, params, false);
	double outputs = size->outputs > 1 ? size->outputs : 1, groups = size->classes > 2 ? size->classes : 1;
	double width = size->classes ? size->classes : outputs;
	double cell = size->complete ? (bins > 256 ? 4 : 2) : (bins > 256 ? 9 : 8);
	double matrix = rows * columns * cell + rows * (20 + (size->complete ? 0 : 8));
	double held = json_get_int(params, "early_stopping_rounds", 0) ? json_get_real(params, "early_stopping_fraction", 0.1) * rows * (columns * 20 + 40) : 0;
	double fit = rows * (30 + 12 * (groups - 1) + 2 * width) + 8192 * columns;
	double building = columns * xgboost_sketch_bytes(rows, bins);
	double growing = xgboost_histogram_bytes(rows, columns, bins, nodes);
	double trees = json_get_real(params, "trees", 100) * groups * outputs * xgboost_nodes(rows, params, true);

	if (size->complete && bins <= HIST_BINS_MOST && xgboost_own_size(size->rows, size->features)) { /* grown here, the first rounds in both places */
		matrix += rows * columns;
		fit += rows * 50 + (json_get_real(params, "max_depth", 6) + 1) * columns * fmin(bins, rows) * 16;
		building = fmax(building, rows * columns * 17);
	}

	return (uint64_t)(1572864 + matrix * (size->variants > 1 ? 2 : 1) + fit + held + fmax(building, growing) +
	                  0.3 * fmin(building, growing) + trees * (outputs > 1 ? 600 : 230));
}

static double xgboost_cost(const struct engine_size *size, const json_t *params)
{
	double groups = size->classes > 2 ? size->classes : size->outputs ? size->outputs : 1;

	return (double)json_get_int(params, "trees", 100) * groups * (double)size->rows * (double)size->features;
}

const struct engine engine_xgboost = {
        .name = "xgboost",
        .version = "1",
        .help = "gradient boosted trees (XGBoost)",
        .params = xgboost_params,
        .tasks = ENGINE_REGRESSION | ENGINE_CLASSIFICATION,
        .shares = ENGINE_SHARE_LEFT_OUT,
        .left_out_most = 32, /* each costs a part of a training: more in one job would leave workers idle */
        .many_outputs = true,
        .reports = true,
        .keeps_missing = true,
        .weights = true,
        .model_suffix = "json",
        .memory = xgboost_memory,
        .cost = xgboost_cost,
        .run = xgboost_run,
};
