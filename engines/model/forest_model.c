/* Reading what forest_save.c writes. Everything is checked before it is used: a model may come from anywhere. */
#include "engines/model/forest_model_parts.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/json.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"

void forest_model_close(struct forest_model *model)
{
	if (!model)
		return;
	for (size_t f = 0; f < model->feature_count; f++) {
		for (size_t i = 0; i < model->features[f].level_count; i++)
			free(model->features[f].levels[i]);
		free(model->features[f].levels);
		free(model->features[f].name);
	}
	for (size_t t = 0; t < model->tree_count; t++) {
		free(model->trees[t].nodes);
		free(model->trees[t].values);
		free(model->trees[t].cover);
	}
	free(model->features);
	free(model->trees);
	free(model);
}

static bool read_feature(const json_t *json, struct forest_model_feature *feature)
{
	const json_t *levels = json_object_get(json, "levels"), *fill = json_object_get(json, "fill");
	const char *name = json_get_text(json, "name", NULL);

	if (!name || (levels && !json_is_array(levels)))
		return false;
	feature->name = mem_text(name);
	feature->fill = json_is_number(fill) ? json_number_value(fill) : NAN;
	feature->levels = levels ? mem_must(json_array_size(levels) + 1, sizeof(*feature->levels)) : NULL;
	for (size_t i = 0; levels && i < json_array_size(levels); i++) {
		const char *level = json_string_value(json_array_get(levels, i));

		if (!level)
			return false;
		feature->levels[feature->level_count++] = mem_text(level);
	}
	return true;
}

/* Lists of a tree: one entry a node, one a split, width a leaf. A right child lies behind its left sibling's subtree, so indexes only rise. */
static bool read_tree(const json_t *json, const struct forest_model *model, struct model_tree *tree)
{
	const json_t *feature = json_object_get(json, "feature"), *threshold = json_object_get(json, "threshold");
	const json_t *missing = json_object_get(json, "missing_left"), *right = json_object_get(json, "right");
	const json_t *value = json_object_get(json, "value");
	size_t nodes = json_array_size(feature), splits = 0, leaves = 0;

	if (nodes == 0 || nodes > INT32_MAX)
		return false;
	tree->nodes = mem_must(nodes, sizeof(*tree->nodes));
	tree->values = mem_must(json_array_size(value) + 1, sizeof(*tree->values));
	tree->node_count = nodes;
	for (size_t i = 0; i < nodes; i++) {
		json_int_t f = json_is_integer(json_array_get(feature, i)) ? json_integer_value(json_array_get(feature, i)) : -2;
		json_int_t to = json_integer_value(json_array_get(right, splits));

		if (f < -1 || f >= (json_int_t)model->feature_count)
			return false;
		tree->nodes[i] = (struct model_node){.node.feature = (int32_t)f, .value = leaves * model->width};
		leaves += f == -1;
		if (f == -1)
			continue;
		if (!json_is_number(json_array_get(threshold, splits)) || to <= (json_int_t)i + 1 || to >= (json_int_t)nodes)
			return false;
		tree->nodes[i].node.threshold = json_number_value(json_array_get(threshold, splits));
		tree->nodes[i].node.missing_left = json_integer_value(json_array_get(missing, splits)) != 0;
		tree->nodes[i].node.right = (uint32_t)to;
		splits++;
	}
	if (tree->nodes[nodes - 1].node.feature != -1 || json_array_size(value) != leaves * model->width)
		return false;
	for (size_t i = 0; i < leaves * model->width; i++)
		tree->values[i] = json_number_value(json_array_get(value, i));
	return true;
}

/* Every split's right child follows its left child's subtree, and nothing is left over. */
static bool in_preorder(const struct model_tree *tree)
{
	uint32_t *size = mem_must(tree->node_count, sizeof(*size));
	bool right = true;

	for (size_t i = tree->node_count; i-- > 0 && right;) {
		const struct forest_node *node = &tree->nodes[i].node;

		size[i] = node->feature < 0 ? 1 : 1 + size[i + 1] + size[node->right];
		right = node->feature < 0 || node->right == i + 1 + size[i + 1];
	}
	right = right && size[0] == tree->node_count;
	free(size);
	return right;
}

/* false: there is a cover, and it is none. */
static bool read_cover(const json_t *json, struct model_tree *tree)
{
	const json_t *cover = json_object_get(json, "cover");
	size_t leaves = (tree->node_count + 1) / 2;

	if (!cover)
		return true;
	if (!in_preorder(tree) || json_array_size(cover) != leaves)
		return false;
	tree->cover = mem_must(leaves, sizeof(*tree->cover));
	for (size_t i = 0; i < leaves; i++) {
		tree->cover[i] = json_number_value(json_array_get(cover, i));
		if (!(tree->cover[i] > 0) || !isfinite(tree->cover[i]))
			return false;
	}
	return true;
}

static bool read_head(const json_t *json, struct forest_model *model)
{
	const json_t *features = json_object_get(json, "features");
	bool classify = strcmp(json_get_text(json, "task", ""), "classification") == 0;
	json_int_t classes = json_get_int(json, "classes", 0), outputs = json_get_int(json, "outputs", 0);
	bool right = true;

	if (strcmp(json_get_text(json, "format", ""), "orch forest 1") != 0)
		return false;
	if (classify ? classes < 2 || classes > INT32_MAX : outputs < 1 || outputs > INT32_MAX)
		return false;
	model->pair = classify && classes == 2;
	model->width = model->pair ? 1 : (unsigned)(classify ? classes : outputs);
	model->features = mem_must(json_array_size(features) + 1, sizeof(*model->features));
	while (right && model->feature_count < json_array_size(features)) {
		right = read_feature(json_array_get(features, model->feature_count), &model->features[model->feature_count]);
		model->feature_count++;
	}
	return right;
}

static bool add_tree(const json_t *json, struct forest_model *model)
{
	size_t count = model->tree_count;
	struct model_tree *tree;

	if ((count & (count - 1)) == 0) { /* grown at powers of two */
		struct model_tree *grown = mem_array_grow(model->trees, count ? 2 * count : 1, sizeof(*grown));

		if (!grown)
			orch_bug("out of memory for %zu trees", count);
		model->trees = grown;
	}
	tree = &model->trees[model->tree_count++];
	*tree = (struct model_tree){0};
	return read_tree(json, model, tree) && read_cover(json, tree);
}

static bool read_model(const json_t *json, struct forest_model *model)
{
	const json_t *trees = json_object_get(json, "trees");
	bool right = read_head(json, model) && json_array_size(trees) > 0;

	for (size_t t = 0; t < json_array_size(trees) && right; t++)
		right = add_tree(json_array_get(trees, t), model);
	return right;
}

/* All but the trees, of whose list at is the first character. NULL: this is another key of that name, or something is wrong. */
static json_t *parse_without_trees(const char *text, const char *at)
{
	struct text_buf head = {0};
	json_t *json = NULL, *trees;

	text_add_bytes(&head, text, (size_t)(at - text));
	text_add(&head, "]}");
	if (json_parse(head.data, head.length, "", &json, NULL) != 0)
		json = NULL;
	text_buf_release(&head);
	trees = json_object_get(json, "trees");
	if (!json_is_array(trees) || json_array_size(trees) > 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

/* A model as forest_save.c writes it, tree by tree: as one JSON value it would take six times the memory of its text. A tree holds no object, so it ends
 * with the first brace that closes. False: it looks otherwise, or is damaged; read it whole, which says what is wrong. */
static bool read_by_trees(const char *text, size_t length, struct forest_model *model)
{
	static const char name[] = "\"trees\":[";
	const char *end = text + length, *at = memmem(text, length, name, sizeof name - 1);
	json_t *json = at ? parse_without_trees(text, at += sizeof name - 1) : NULL;
	bool right = json && read_head(json, model);

	json_decref(json);
	while (right) {
		const char *last = memchr(at, '}', (size_t)(end - at));

		json = NULL;
		right = last && json_parse(at, (size_t)(last - at) + 1, "", &json, NULL) == 0 && json_is_object(json) && add_tree(json, model);
		json_decref(json);
		if (!right || last + 1 == end || last[1] != ',')
			return right && end - last == 4 && memcmp(last, "}]}\n", 4) == 0;
		at = last + 2;
	}
	return false;
}

int forest_model_read(const char *text, size_t length, const char *where, struct forest_model **out, struct orch_err *err)
{
	struct forest_model *model = mem_must(1, sizeof(*model));
	json_t *json = NULL;
	int code;

	if (read_by_trees(text, length, model)) {
		*out = model;
		return 0;
	}
	forest_model_close(model);
	model = mem_must(1, sizeof(*model));
	code = json_parse(text, length, where, &json, err);
	if (code == 0 && !read_model(json, model))
		code = orch_fail(err, ORCH_EDAMAGED, "%s: this is no forest that orch saved, or it was changed since", where);
	json_decref(json);
	if (code != 0)
		forest_model_close(model);
	else
		*out = model;
	return code;
}

const struct forest_model_feature *forest_model_features(const struct forest_model *model, size_t *count)
{
	*count = model->feature_count;
	return model->features;
}

size_t forest_model_width(const struct forest_model *model)
{
	return model->width + model->pair;
}

static const double *tree_leaf(const struct forest_model *model, const struct model_tree *tree, const double *values)
{
	size_t at = 0;

	while (tree->nodes[at].node.feature >= 0)
		at = model_goes_left(model, &tree->nodes[at].node, values) ? at + 1 : tree->nodes[at].node.right;
	return &tree->values[tree->nodes[at].value];
}

void forest_model_predict(const struct forest_model *model, const double *values, size_t rows, double *out)
{
	memset(out, 0, rows * (model->width + model->pair) * sizeof(*out));
	for (size_t t = 0; t < model->tree_count; t++)
		for (size_t i = 0; i < rows; i++) {
			const double *leaf = tree_leaf(model, &model->trees[t], values + i * model->feature_count);

			for (unsigned o = 0; o < model->width; o++)
				out[(o + model->pair) * rows + i] += leaf[o];
		}
	for (size_t k = model->pair * rows; k < rows * (model->width + model->pair); k++)
		out[k] /= (double)model->tree_count;
	for (size_t i = 0; i < rows && model->pair; i++)
		out[i] = 1 - out[rows + i];
}
