/* The model of a fit in XGBoost's own JSON; its attribute "orch_fill" says what stood in for missing values: a JSON list with a number, or
 * null, for each feature.
 *
 * One output: the booster's first rounds as the library writes them. Several outputs: the boosters are joined into one
 * model with num_target outputs, their trees interleaved as the library does it. A booster has one base score, so each
 * output's own is added to the leaves of its first tree. That changes no bit of a prediction: the library sums in float
 * from the base score on, and (0 + (base + leaf)) + ... are the same roundings as (base + leaf) + ...  */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/model/xgboost_fit.h"
#include "storage/base/json.h"

/* What the library makes of a base score before it adds trees, and the base score that it makes 0 of. */
struct xgboost_link {
	const char *objective;
	enum { XGBOOST_IDENTITY, XGBOOST_LOG, XGBOOST_LOGIT } kind;
};
static const struct xgboost_link xgboost_links[] = {
        {"reg:logistic", XGBOOST_LOGIT},
        {"reg:gamma", XGBOOST_LOG},
        {"reg:tweedie", XGBOOST_LOG},
        {"count:poisson", XGBOOST_LOG},
        {NULL, XGBOOST_IDENTITY},
};

static int xgboost_link_kind(const struct engine_variant *variant)
{
	const char *objective = json_get_text(variant->params, "objective", "auto");

	for (const struct xgboost_link *link = xgboost_links; link->objective; link++)
		if (strcmp(link->objective, objective) == 0)
			return link->kind;
	return XGBOOST_IDENTITY;
}

static float xgboost_margin(int link, float base)
{
	if (link == XGBOOST_LOG)
		return logf(base);
	return link == XGBOOST_LOGIT ? -logf(1.0f / base - 1.0f) : base;
}

static char *xgboost_fill_text(const struct xgboost_view *view)
{
	json_t *list = json_array();
	char *text;

	for (size_t c = 0; c < view->columns && !view->none_kept; c++)
		json_array_append_new(list, json_number_or_null(view->fill[c]));
	text = json_text(list, JSON_STYLE_CANONICAL);
	json_decref(list);
	return text;
}

static int xgboost_booster_json(struct xgboost_model *model, const struct xgboost_view *view, unsigned trees,
        struct text_buf *out, struct orch_err *err)
{
	const char **names = mem_array(view->columns, sizeof(*names));
	struct xgboost_model *slice = NULL;
	char *fill = xgboost_fill_text(view);
	int code = names ? 0 : orch_fail(err, ORCH_ENOMEM, "no memory for %zu feature names", view->columns);

	for (size_t c = 0; c < view->columns && code == 0; c++)
		names[c] = view->none_kept ? "(none)" : view->data->features[view->kept[c]]->name;
	if (code == 0)
		code = xgboost_model_slice(model, trees, NULL, 0, &slice, err);
	if (code == 0)
		code = xgboost_model_attribute_set(slice, "orch_fill", fill, err);
	if (code == 0)
		code = xgboost_model_json(slice, names, view->category, view->columns, out, err);
	xgboost_model_release(slice);
	free(fill);
	free(names);
	return code;
}

/* Leaves keep their value where splits keep their condition. */
static void xgboost_tree_shift(json_t *tree, float base)
{
	json_t *left = json_object_get(tree, "left_children"), *value = json_object_get(tree, "split_conditions");

	for (size_t n = 0; n < json_array_size(left); n++)
		if (json_integer_value(json_array_get(left, n)) == -1)
			json_array_set_new(
			        value, n, json_real((float)json_number_value(json_array_get(value, n)) + base));
}

/* The library writes NaN, which is no JSON, as the condition of a split by categories, where nobody reads it. */
static void xgboost_no_nan(char *text)
{
	bool quoted = false;

	for (char *at = text; *at; at++) {
		if (quoted && *at == '\\' && at[1])
			at++;
		else if (*at == '"')
			quoted = !quoted;
		else if (!quoted && strncmp(at, "NaN", 3) == 0)
			memcpy(at, "0.0", 3);
	}
}

static json_t *xgboost_booster_of(json_t *root)
{
	return json_object_get(json_object_get(json_object_get(root, "learner"), "gradient_booster"), "model");
}

static void xgboost_text_int(json_t *object, const char *key, size_t value)
{
	char *text = text_format("%zu", value);

	json_object_set_new(object, key, json_string(text));
	free(text);
}

/* Interleaves the trees of the parts (by output) into parts[0]. */
static void xgboost_join(json_t **parts, const float *margin, unsigned outputs, unsigned trees, int link)
{
	json_t *all = json_array(), *info = json_array(), *model = xgboost_booster_of(parts[0]);
	json_t *learner = json_object_get(json_object_get(parts[0], "learner"), "learner_model_param");
	static const char *const zero[] = {[XGBOOST_IDENTITY] = "0E0", [XGBOOST_LOG] = "1E0", [XGBOOST_LOGIT] = "5E-1"};

	for (unsigned t = 0; t < trees; t++)
		for (unsigned o = 0; o < outputs; o++) {
			json_t *tree = json_array_get(json_object_get(xgboost_booster_of(parts[o]), "trees"), t);

			if (t == 0)
				xgboost_tree_shift(tree, margin[o]);
			json_object_set_new(tree, "id", json_integer((json_int_t)json_array_size(all)));
			json_array_append(all, tree);
			json_array_append_new(info, json_integer(o));
		}
	xgboost_text_int(json_object_get(model, "gbtree_model_param"), "num_trees", json_array_size(all));
	json_object_set_new(model, "trees", all);
	json_object_set_new(model, "tree_info", info);
	xgboost_text_int(learner, "num_target", outputs);
	json_object_set_new(learner, "base_score", json_string(zero[link]));
}

static int xgboost_model_joined(const struct engine_variant *variant, const struct xgboost_view *view,
        const struct xgboost_fit *fit, struct text_buf *out, struct orch_err *err)
{
	json_t **parts = mem_array(fit->count, sizeof(*parts));
	float *margin = mem_array(fit->count, sizeof(*margin));
	int link = xgboost_link_kind(variant), code = 0;

	if (!parts || !margin)
		code = orch_fail(err, ORCH_ENOMEM, "no memory for %u outputs", fit->count);
	for (unsigned o = 0; o < fit->count && code == 0; o++) {
		struct text_buf part = {0};

		margin[o] = xgboost_margin(link, fit->bases[o]);
		code = xgboost_booster_json(fit->models[o], view, xgboost_trees(variant), &part, err);
		if (code == 0)
			xgboost_no_nan(part.data);
		if (code == 0)
			code = json_parse(part.data, part.length, "XGBoost's model", &parts[o], err);
		text_buf_release(&part);
	}
	if (code == 0) {
		xgboost_join(parts, margin, fit->count, xgboost_trees(variant), link);
		json_write(parts[0], JSON_STYLE_CANONICAL, out);
	}
	for (unsigned o = 0; parts && o < fit->count; o++)
		json_decref(parts[o]);
	free(parts);
	free(margin);
	return code;
}

int xgboost_fit_model(const struct engine_variant *variant, const struct xgboost_view *view,
        const struct xgboost_fit *fit, struct text_buf *out, struct orch_err *err)
{
	if (fit->count > 1)
		return xgboost_model_joined(variant, view, fit, out, err);
	return xgboost_booster_json(fit->models[0], view, xgboost_fit_trees(fit, xgboost_trees(variant)), out, err);
}
