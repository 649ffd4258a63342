/* The model as text; forest_model.h describes it. Numbers are appended one by one: a tree of JSON values would take ten times the memory.
 * Threads write the trees they grew. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/model/forest.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

static json_t *save_feature(const struct forest_fold *fold, size_t f)
{
	static const char *const kinds[] = {[COLUMN_NUMBER] = "number", [COLUMN_BOOL] = "bool", [COLUMN_CATEGORY] = "category"};
	const struct column *column = fold->data->features[f];
	json_t *feature = json_object();

	json_object_set_new(feature, "name", json_string(column->name));
	json_object_set_new(feature, "id", json_integer(fold->columns[f].id));
	json_object_set_new(feature, "kind", json_string(kinds[column->kind]));
	if (column->kind == COLUMN_CATEGORY) {
		json_t *levels = json_array();

		for (size_t i = 0; i < column->level_count; i++)
			json_array_append_new(levels, json_string(column->levels[i]));
		json_object_set_new(feature, "levels", levels);
	}
	json_object_set_new(feature, "fill", json_number_or_null(fold->columns[f].fill));
	return feature;
}

static void save_head(const struct forest_growth *growth, struct text_buf *out)
{
	const struct engine_data *data = growth->fold->data;
	json_t *head = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i}", "format", "orch forest 1", "engine_version", FOREST_VERSION, "task",
	                         data->task == ENGINE_CLASSIFICATION ? "classification" : "regression", "kind",
	                         growth->settings->extra ? "extra_trees" : "random_forest", "outputs", (int)data->outputs, "classes",
	                         (int)data->classes);
	json_t *features = json_array();

	for (size_t f = 0; f < data->feature_count; f++)
		if (growth->places[f] >= 0)
			json_array_append_new(features, save_feature(growth->fold, f));
	json_object_set_new(head, "features", features);
	json_write(head, JSON_STYLE_LINE, out);
	json_decref(head);
	while (out->length > 0 && out->data[out->length - 1] != '}')
		out->length--;
	out->length--; /* the object goes on with its trees */
}

static void add_integer(struct text_buf *out, int64_t value, bool first)
{
	char digits[24], *at = digits + sizeof(digits);
	uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;

	do
		*--at = (char)('0' + size % 10);
	while ((size /= 10) > 0);
	if (value < 0)
		*--at = '-';
	if (!first)
		*--at = ',';
	text_add_bytes(out, at, (size_t)(digits + sizeof(digits) - at));
}

static void add_number(struct text_buf *out, double value, bool first)
{
	char number[TEXT_NUMBER_MAX];

	if (!first)
		text_add_bytes(out, ",", 1);
	text_add(out, text_number(value, number));
}

/* One list with an entry for every split. */
static void save_splits(const struct forest_tree *tree, const char *name, char what, struct text_buf *out)
{
	bool first = true;

	text_addf(out, "],\"%s\":[", name);
	for (size_t i = 0; i < tree->node_count; i++) {
		const struct forest_node *node = &tree->nodes[i];

		if (node->feature < 0)
			continue;
		if (what == 't')
			add_number(out, node->threshold, first);
		else
			add_integer(out, what == 'r' ? (int64_t)node->right : node->missing_left, first);
		first = false;
	}
}

void forest_save_tree(const struct forest_growth *growth, const struct forest_tree *tree, struct text_buf *out)
{
	text_add(out, "{\"feature\":[");
	for (size_t i = 0; i < tree->node_count; i++)
		add_integer(out, tree->nodes[i].feature < 0 ? -1 : growth->places[tree->nodes[i].feature], i == 0);
	save_splits(tree, "threshold", 't', out);
	save_splits(tree, "missing_left", 'm', out);
	save_splits(tree, "right", 'r', out);
	text_add(out, "],\"value\":[");
	for (size_t i = 0; i < tree->leaf_count * growth->fold->value_width; i++)
		add_number(out, tree->values[i], i == 0);
	text_add(out, "],\"cover\":[");
	for (size_t i = 0; i < tree->leaf_count; i++)
		add_number(out, tree->cover[i], i == 0);
	text_add(out, "]}");
}

void forest_save(const struct forest_growth *growth, struct text_buf *texts, uint32_t tree_count, struct text_buf *out)
{
	save_head(growth, out);
	text_add(out, ",\"trees\":[");
	for (uint32_t t = 0; t < tree_count; t++) {
		text_add(out, t ? "," : "");
		text_add_bytes(out, texts[t].data, texts[t].length);
		text_buf_release(&texts[t]);
	}
	text_add(out, "]}\n");
}
