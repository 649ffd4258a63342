/* Contributions of features: trees against Shapley values by enumeration of all sets of features, and every engine's against its own predictions. */
#include "tests/numeric/xgboost_problem.h"

#include "engines/address.h"
#include "engines/model/saved_model.h"
#include "engines/model/tree_shap.h"
#include "storage/base/mem.h"

#define NODES 200
#define MANY 8 /* features of the trees made here */

/* ---- one tree ---- */

struct grown {
	int32_t feature[NODES];
	uint32_t right[NODES], count;
	double cover[NODES], value[2 * NODES], threshold[NODES];
	bool missing_left[NODES];
	size_t leaves, leaf_of[NODES];
};

static double chance(uint64_t seed, uint64_t a, uint64_t b)
{
	return address_unit(address_hash(address_hash(seed, a), b));
}

static void grow_node(struct grown *tree, uint64_t seed, double cover, int depth)
{
	uint32_t at = tree->count++;

	tree->cover[at] = cover;
	tree->feature[at] = -1;
	if (depth == 0 || chance(seed, at, 0) < 0.2 || tree->count + (1u << (depth + 1)) >= NODES) {
		tree->leaf_of[at] = tree->leaves;
		for (int k = 0; k < 2; k++)
			tree->value[2 * tree->leaves + k] = 10 * chance(seed, at, 1 + k) - 5;
		tree->leaves++;
		return;
	}
	tree->feature[at] = (int32_t)(MANY * chance(seed, at, 3));
	tree->threshold[at] = chance(seed, at, 4);
	tree->missing_left[at] = chance(seed, at, 5) < 0.5;
	double left = cover * (0.01 + 0.98 * chance(seed, at, 6));
	grow_node(tree, seed, left, depth - 1);
	tree->right[at] = tree->count;
	grow_node(tree, seed, cover - left, depth - 1);
}

static bool goes_left(const struct grown *tree, uint32_t at, const double *row)
{
	double value = row[tree->feature[at]];

	return isnan(value) ? tree->missing_left[at] : value <= tree->threshold[at];
}

/* The tree's expectation where the features of the set (bits) are known. */
static double known(const struct grown *tree, uint32_t at, const double *row, unsigned set, int k)
{
	uint32_t left = at + 1, right = tree->right[at];

	if (tree->feature[at] < 0)
		return tree->value[2 * tree->leaf_of[at] + k];
	if (set >> tree->feature[at] & 1)
		return known(tree, goes_left(tree, at, row) ? left : right, row, set, k);
	return (tree->cover[left] * known(tree, left, row, set, k) + tree->cover[right] * known(tree, right, row, set, k)) / tree->cover[at];
}

/* Shapley value of feature f among count, of the game given for all sets. */
static double shapley(const double *game, unsigned count, unsigned f)
{
	double sum = 0;

	for (unsigned set = 0; set < 1u << count; set++) {
		double weight = 1;
		unsigned size = (unsigned)__builtin_popcount(set);

		if (set >> f & 1)
			continue;
		for (unsigned i = 1; i <= size; i++) /* size! (count - size - 1)! / count! */
			weight *= (double)i / (double)(count - size - 1 + i);
		sum += weight / (double)count * (game[set | 1u << f] - game[set]);
	}
	return sum;
}

static void tree_of(const struct grown *grown, struct tree_shap **out)
{
	const struct tree_shap_shape shape = {.node_count = grown->count, .feature_count = MANY, .feature = grown->feature, .right = grown->right, .cover = grown->cover, .value = grown->value, .width = 2};

	assert_int_equal(tree_shap_open(&shape, out, NULL), 0);
}

static void take(const struct grown *grown, const double *row, bool *taken)
{
	for (uint32_t i = 0; i < grown->count; i++)
		if (grown->feature[i] >= 0) {
			taken[i + 1] = goes_left(grown, i, row);
			taken[grown->right[i]] = !taken[i + 1];
		}
}

static void tree_shap__equals_enumeration(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 60; seed++) {
		struct grown grown = {0};
		struct tree_shap *tree = NULL;
		double game[2][1 << MANY], row[MANY], phi[2 * MANY] = {0}, base[2] = {0};
		bool taken[NODES] = {0};

		grow_node(&grown, seed, 1000, (int)(seed % 7)); /* a lone leaf too; features come back on a path */
		for (unsigned f = 0; f < MANY; f++)
			row[f] = chance(seed, 1000, f) < 0.2 ? NAN : chance(seed, 2000, f);
		tree_of(&grown, &tree);
		take(&grown, row, taken);
		tree_shap_base(tree, base);
		tree_shap_add(tree, taken, phi);
		for (int k = 0; k < 2; k++) {
			for (unsigned set = 0; set < 1u << MANY; set++)
				game[k][set] = known(&grown, 0, row, set, k);
			assert_true(fabs(base[k] - game[k][0]) < 1e-11);
			for (unsigned f = 0; f < MANY; f++)
				if (!(fabs(phi[k * MANY + f] - shapley(game[k], MANY, f)) < 1e-11))
					fail_msg("tree %d, feature %u: %.15g instead of %.15g", (int)seed, f, phi[k * MANY + f], shapley(game[k], MANY, f));
		}
		tree_shap_close(tree);
	}
}

/* A path of 100 splits on 100 features of very unequal shares, where dividing polynomials loses all digits. */
static void tree_shap__of_a_deep_tree_keeps_its_digits(void **state)
{
	enum { DEEP = 100, COUNT = 2 * DEEP + 1 };
	static int32_t feature[COUNT];
	static uint32_t right[COUNT];
	static double cover[COUNT], value[DEEP + 1], phi[DEEP];
	static bool taken[COUNT];
	struct tree_shap *tree = NULL;
	double base = 0, sum = 0, through = 1;
	const struct tree_shap_shape shape = {.node_count = COUNT, .feature_count = DEEP, .feature = feature, .right = right, .cover = cover, .value = value, .width = 1};

	(void)state;
	cover[0] = 1e6;
	for (uint32_t i = 0; i < DEEP; i++) { /* the left child is the next split, its rows nearly all */
		feature[i] = (int32_t)i;
		right[i] = COUNT - 1 - i;
		cover[i + 1] = 0.98 * cover[i];
		cover[right[i]] = cover[i] - cover[i + 1];
		feature[right[i]] = -1;
		taken[i + 1] = true;
		through *= 0.98;
	}
	feature[DEEP] = -1;
	value[0] = 1; /* the deepest leaf; all others are 0 */
	assert_int_equal(tree_shap_open(&shape, &tree, NULL), 0);
	tree_shap_base(tree, &base);
	tree_shap_add(tree, taken, phi);
	for (int f = 0; f < DEEP; f++) { /* equal features share what is left equally */
		assert_true(fabs(phi[f] - (1 - through) / DEEP) < 1e-14);
		sum += phi[f];
	}
	assert_true(fabs(base - through) < 1e-12 && fabs(base + sum - 1) < 1e-12);
	tree_shap_close(tree);
}

/* ---- engines ---- */

struct explained {
	struct saved_model *model;
	struct saved_scores scores;
	size_t classes[8];
	double values[TEST * FEATURES], *prediction, *phi, base[8];
};

static void read_values(const struct problem *p, double *values)
{
	for (size_t i = 0; i < TEST; i++)
		for (size_t f = 0; f < FEATURES; f++) {
			values[i * FEATURES + f] = column_value(&p->columns[f], TRAIN + i);
			if (i % 17 == f) /* where the training had none, too */
				values[i * FEATURES + f] = NAN;
		}
}

static int read_text(const struct problem *p, const char *engine, const char *text, struct saved_model **out)
{
	struct saved_input inputs[FEATURES];
	struct saved_source source = {.engine = engine, .text = text, .length = strlen(text), .where = "model.json", .inputs = inputs, .input_count = FEATURES, .outputs = p->data.outputs,
	        .classes = p->data.classes};

	for (size_t f = 0; f < FEATURES; f++)
		inputs[f] = (struct saved_input){p->columns[f].name, p->columns[f].level_count, p->columns[f].levels};
	return saved_model_read(&source, out, NULL);
}

static struct problem *fitted(const char *engine, const char *params, unsigned outputs, unsigned classes, int left_out)
{
	struct problem *p = problem_make(outputs, classes);
	struct orch_err err = {0};

	p->data.weight = p->weight;
	p->data.missing = strcmp(engine, "forest") && strcmp(engine, "xgboost") ? ENGINE_MISSING_MEAN : ENGINE_MISSING_KEEP;
	p->job.want_model = true;
	problem_vary(p, params, left_out);
	if (engine_find(engine)->run(&p->job, &err) || p->seen[0].code)
		fail_msg("%s: %s%s", engine, err.text, p->seen[0].text);
	assert_non_null(p->seen[0].model);
	return p;
}

static void explain(const struct problem *p, const char *engine, struct explained *out)
{
	size_t width = p->data.classes ? p->data.classes : p->data.outputs;

	assert_int_equal(read_text(p, engine, p->seen[0].model, &out->model), 0);
	assert_true(saved_model_scores(out->model, &out->scores, out->classes));
	assert_true(out->scores.cost > 0);
	read_values(p, out->values);
	for (size_t i = 0; i < TEST * FEATURES; i++)
		if (isnan(out->values[i]) && saved_model_needs(out->model, i % FEATURES))
			out->values[i] = 0;
	out->prediction = mem_must(TEST * width, sizeof(double));
	out->phi = mem_must(TEST * out->scores.count * FEATURES, sizeof(double));
	assert_int_equal(saved_model_predict(out->model, out->values, TEST, out->prediction, NULL), 0);
	assert_int_equal(saved_model_explain(out->model, out->values, TEST, out->phi, out->base, NULL), 0);
}

static void release(struct explained *e)
{
	saved_model_close(e->model);
	free(e->prediction);
	free(e->phi);
}

static double score_of(const struct explained *e, size_t row, size_t score)
{
	double sum = e->base[score];

	for (size_t f = 0; f < FEATURES; f++)
		sum += e->phi[(row * e->scores.count + score) * FEATURES + f];
	return sum;
}

/* Base and contributions, through the scale's link, are the prediction. */
static void check_sums(const struct explained *e, unsigned classes, double tolerance)
{
	for (size_t i = 0; i < TEST; i++) {
		double whole = 0;

		for (size_t s = 0; s < e->scores.count; s++)
			whole += exp(score_of(e, i, s));
		for (size_t s = 0; s < e->scores.count; s++) {
			double score = score_of(e, i, s), seen = e->prediction[(classes ? e->classes[s] : s) * TEST + i];
			double due = e->scores.scale == SAVED_LOG_ODDS ? 1 / (1 + exp(-score)) : e->scores.scale == SAVED_SOFTMAX ? exp(score) / whole : e->scores.scale == SAVED_LOG ? exp(score) : score;

			if (!(fabs(due - seen) <= tolerance * fmax(1, fabs(seen))))
				fail_msg("row %zu, score %zu: %.12g instead of %.12g", i, s, due, seen);
		}
	}
}

static const struct engine_case {
	const char *engine, *params;
	unsigned outputs, classes, scores;
	int left_out;
	enum saved_scale scale;
	double tolerance;
} cases[] = {
	{"forest", "{\"trees\":9}", 1, 0, 1, -1, SAVED_TARGET, 1e-10},
	{"forest", "{\"trees\":9,\"kind\":\"extra_trees\"}", 2, 0, 2, 2, SAVED_TARGET, 1e-10},
	{"forest", "{\"trees\":9,\"max_depth\":5}", 1, 2, 1, -1, SAVED_PROBABILITY, 1e-10},
	{"forest", "{\"trees\":9}", 1, 4, 4, -1, SAVED_PROBABILITY, 1e-10},
	{"xgboost", "{\"trees\":30}", 1, 0, 1, -1, SAVED_TARGET, 1e-5},
	{"xgboost", "{\"trees\":30}", 3, 0, 3, 0, SAVED_TARGET, 1e-5},
	{"xgboost", "{\"trees\":30}", 1, 2, 1, -1, SAVED_LOG_ODDS, 1e-5},
	{"xgboost", "{\"trees\":30}", 1, 4, 4, 2, SAVED_SOFTMAX, 1e-5},
	{"xgboost", "{\"trees\":30,\"objective\":\"count:poisson\"}", 1, 0, 1, -1, SAVED_LOG, 1e-5},
	{"ridge", "{}", 2, 0, 2, 3, SAVED_TARGET, 1e-10},
	{"elasticnet", "{\"alpha\":0.01}", 1, 0, 1, -1, SAVED_TARGET, 1e-10},
	{"logistic", "{}", 1, 2, 1, -1, SAVED_LOG_ODDS, 1e-10},
	{"logistic", "{}", 1, 4, 4, -1, SAVED_SOFTMAX, 1e-10},
};

static void explain__sums_are_the_prediction(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct problem *p = fitted(cases[k].engine, cases[k].params, cases[k].outputs, cases[k].classes, cases[k].left_out);
		struct explained e = {0};
		double most = 0;

		explain(p, cases[k].engine, &e);
		assert_int_equal(e.scores.count, cases[k].scores);
		assert_int_equal(e.scores.scale, cases[k].scale);
		check_sums(&e, cases[k].classes, cases[k].tolerance);
		for (size_t r = 0; r < TEST * e.scores.count; r++) {
			most = fmax(most, fabs(e.phi[r * FEATURES]));
			if (cases[k].left_out >= 0)
				assert_true(e.phi[r * FEATURES + (size_t)cases[k].left_out] == 0);
		}
		assert_true(most > 0.01 || cases[k].left_out == 0);
		release(&e);
		problem_release(p);
	}
}

/* The expectation of a saved tree where the features of the set are known, read from the JSON by itself. */
struct reading {
	const json_t *tree, *features;
	const double *row;
	size_t splits[4 * NODES], leaves[4 * NODES]; /* of each node: its place in the lists */
};

static double reading_known(const struct reading *r, size_t at, unsigned set, double *cover)
{
	json_int_t feature = json_integer_value(json_array_get(json_object_get(r->tree, "feature"), at));
	size_t split = r->splits[at], right;
	double value = feature < 0 ? 0 : r->row[feature], part[2], weight[2];

	if (feature < 0) {
		*cover = json_number_value(json_array_get(json_object_get(r->tree, "cover"), r->leaves[at]));
		return json_number_value(json_array_get(json_object_get(r->tree, "value"), r->leaves[at]));
	}
	right = (size_t)json_integer_value(json_array_get(json_object_get(r->tree, "right"), split));
	part[0] = reading_known(r, at + 1, set, &weight[0]);
	part[1] = reading_known(r, right, set, &weight[1]);
	*cover = weight[0] + weight[1];
	if (!(set >> feature & 1))
		return (weight[0] * part[0] + weight[1] * part[1]) / *cover;
	if (isnan(value) ? json_integer_value(json_array_get(json_object_get(r->tree, "missing_left"), split)) != 0 :
	        value <= json_number_value(json_array_get(json_object_get(r->tree, "threshold"), split)))
		return part[0];
	return part[1];
}

static void explain__of_a_forest_equals_enumeration(void **state)
{
	struct problem *p = fitted("forest", "{\"trees\":3,\"max_depth\":6}", 1, 0, -1);
	json_t *model = json_loads(p->seen[0].model, 0, NULL), *tree;
	struct explained e = {0};
	double game[1 << FEATURES], cover;
	size_t t;

	(void)state;
	assert_non_null(model);
	explain(p, "forest", &e);
	for (size_t i = 0; i < 25; i++) {
		memset(game, 0, sizeof game);
		json_array_foreach(json_object_get(model, "trees"), t, tree) {
			struct reading r = {.tree = tree, .row = e.values + i * FEATURES};
			const json_t *list = json_object_get(tree, "feature");

			for (size_t n = 0, splits = 0, leaves = 0; n < json_array_size(list); n++) {
				assert_true(n < 4 * NODES);
				r.splits[n] = splits;
				r.leaves[n] = leaves;
				*(json_integer_value(json_array_get(list, n)) < 0 ? &leaves : &splits) += 1;
			}
			for (unsigned set = 0; set < 1u << FEATURES; set++)
				game[set] += reading_known(&r, 0, set, &cover) / 3;
		}
		assert_true(fabs(e.base[0] - game[0]) < 1e-10);
		for (unsigned f = 0; f < FEATURES; f++)
			assert_true(fabs(e.phi[i * FEATURES + f] - shapley(game, FEATURES, f)) < 1e-10);
	}
	release(&e);
	json_decref(model);
	problem_release(p);
}

/* A linear model's contributions are those of its terms alone; over the training rows they have mean zero by weight. */
static void explain__of_a_linear_model_is_about_the_training_mean(void **state)
{
	struct problem *p = fitted("ridge", "{}", 1, 0, -1);
	struct saved_model *model = NULL;
	double *values = mem_must(TRAIN * FEATURES, sizeof *values), *phi = mem_must(TRAIN * FEATURES, sizeof *phi), base, one[FEATURES], other[FEATURES], a, b;

	(void)state;
	assert_int_equal(read_text(p, "ridge", p->seen[0].model, &model), 0);
	for (size_t i = 0; i < TRAIN * FEATURES; i++)
		values[i] = column_value(&p->columns[i % FEATURES], i / FEATURES);
	assert_int_equal(saved_model_explain(model, values, TRAIN, phi, &base, NULL), 0);
	for (size_t f = 0; f < FEATURES; f++) {
		double sum = 0, most = 0;

		for (size_t i = 0; i < TRAIN; i++) {
			sum += p->weight[i] * phi[i * FEATURES + f] / TRAIN;
			most = fmax(most, fabs(phi[i * FEATURES + f]));
		}
		assert_true(most > 0 && fabs(sum) < 1e-10);
	}
	memcpy(one, values, sizeof one); /* a category's columns belong to one feature: changing its level changes no other contribution */
	one[2] = one[2] == 0 ? 1 : 0;
	assert_int_equal(saved_model_explain(model, one, 1, other, &base, NULL), 0);
	assert_int_equal(saved_model_predict(model, values, 1, &a, NULL), 0);
	assert_int_equal(saved_model_predict(model, one, 1, &b, NULL), 0);
	for (size_t f = 0; f < FEATURES; f++)
		assert_true(fabs(other[f] - phi[f] - (f == 2 ? b - a : 0)) < 1e-12);
	saved_model_close(model);
	free(values);
	free(phi);
	problem_release(p);
}

/* Forests of an earlier orch have no cover: they predict, but say that they cannot be explained; a cover that does not fit is damage. */
static void explain__needs_the_cover_of_a_forest(void **state)
{
	struct problem *p = fitted("forest", "{\"trees\":2,\"max_depth\":2}", 1, 0, -1);
	struct saved_model *model = NULL;
	struct saved_scores scores;
	json_t *json = json_loads(p->seen[0].model, 0, NULL), *tree = json_array_get(json_object_get(json, "trees"), 0), *cover = json_incref(json_object_get(tree, "cover"));
	char *text;

	(void)state;
	json_object_del(tree, "cover");
	text = json_dumps(json, 0);
	assert_int_equal(read_text(p, "forest", text, &model), 0);
	assert_false(saved_model_scores(model, &scores, NULL));
	saved_model_close(model);
	free(text);
	json_array_set_new(cover, 0, json_integer(0));
	json_object_set(tree, "cover", cover);
	text = json_dumps(json, 0);
	assert_int_equal(read_text(p, "forest", text, &model), ORCH_EDAMAGED);
	free(text);
	json_array_remove(cover, 0);
	text = json_dumps(json, 0);
	assert_int_equal(read_text(p, "forest", text, &model), ORCH_EDAMAGED);
	free(text);
	json_decref(cover);
	json_decref(json);
	problem_release(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tree_shap__equals_enumeration), cmocka_unit_test(tree_shap__of_a_deep_tree_keeps_its_digits), cmocka_unit_test(explain__sums_are_the_prediction),
		cmocka_unit_test(explain__of_a_forest_equals_enumeration), cmocka_unit_test(explain__of_a_linear_model_is_about_the_training_mean),
		cmocka_unit_test(explain__needs_the_cover_of_a_forest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
