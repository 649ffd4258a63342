/* One tree, and all the trees that differ from it by features left out.
 *
 * Nodes are visited depth first from a stack. A node ends for a cut when the cut's depth is reached or too few rows are left; its
 * mean is then the prediction of that cut's tree, and the growth goes on while any cut does. Followers are the feature sets left out whose trees
 * have been the base tree down to here; those that split otherwise in a node are grown from there on in rows of their own (a repair),
 * and follow no further. Repairs do not nest: a repaired tree has no followers.
 * Subtrees that no held-out row reaches are not grown unless the tree is recorded. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "engines/model/forest.h"
#include "storage/base/mem.h"

#define FOREST_PART_BOOTSTRAP 1
#define FOREST_PART_ROOT 2
#define FOREST_MOST_DRAWS 16
#define FOREST_NOBODY (-1)

struct forest_place {
	uint64_t key;
	uint32_t begin, count, test_begin, test_count; /* in the rows of the tree or of the repair */
	uint32_t depth, above;                         /* above: rows of the parent */
	uint32_t parent;                               /* recorded node whose right child this is; UINT32_MAX: none */
	size_t followers, followers_end;
};
struct forest_changed {
	uint32_t without;
	struct forest_split split;
};
/* Local rows, arranged so that every node has a stretch. */
struct forest_rows {
	uint32_t *train, *test;
};
struct forest_grower {
	const struct forest_growth *growth;
	struct forest_candidates candidates;
	struct forest_rows base, repair;
	uint32_t *room;
	uint32_t *base_open, *repair_open;
	uint32_t base_open_count;
	struct forest_place *stack;
	size_t stack_count, stack_room;
	uint32_t *followers; /* lists of withouts, one behind another; a node's list lies below those of its descendants */
	size_t follower_count, follower_room;
	struct forest_changed *changed;
	double *value;
	/* the tree under way */
	double *values;
	bool recording;
	struct forest_tree tree;
	int code;
};

int forest_grower_open(const struct forest_growth *growth, struct forest_grower **out)
{
	const struct forest_fold *fold = growth->fold;
	struct forest_grower *g = mem_array(1, sizeof(*g));
	size_t rows = fold->train_count + 1, tests = fold->test_count + 1;

	if (!g)
		return ORCH_ENOMEM;
	g->growth = growth;
	g->base = (struct forest_rows){mem_array(rows, sizeof(uint32_t)), mem_array(tests, sizeof(uint32_t))};
	g->repair = (struct forest_rows){mem_array(rows, sizeof(uint32_t)), mem_array(tests, sizeof(uint32_t))};
	g->room = mem_array(rows > tests ? rows : tests, sizeof(*g->room));
	g->base_open = mem_array(fold->feature_count + 1, sizeof(*g->base_open));
	g->repair_open = mem_array(fold->feature_count + 1, sizeof(*g->repair_open));
	g->changed = mem_array(growth->without_count + 1, sizeof(*g->changed));
	g->value = mem_array(fold->value_width + fold->data->classes + 1, sizeof(*g->value));
	if (!g->base.train || !g->base.test || !g->repair.train || !g->repair.test || !g->room || !g->base_open || !g->repair_open ||
	    !g->changed || !g->value || forest_candidates_init(&g->candidates, fold, growth->settings) != 0) {
		forest_grower_close(g);
		return ORCH_ENOMEM;
	}
	for (uint32_t f = 0, next = 0; f < fold->feature_count; f++) {
		if (next < growth->base.count && growth->base.features[next] == f)
			next++;
		else
			g->base_open[g->base_open_count++] = f;
	}
	*out = g;
	return 0;
}

void forest_grower_close(struct forest_grower *g)
{
	if (!g)
		return;
	forest_candidates_release(&g->candidates);
	free(g->base.train);
	free(g->base.test);
	free(g->repair.train);
	free(g->repair.test);
	free(g->room);
	free(g->base_open);
	free(g->repair_open);
	free(g->stack);
	free(g->followers);
	free(g->changed);
	free(g->value);
	free(g->tree.nodes);
	free(g->tree.values);
	free(g->tree.cover);
	free(g);
}

/* Makes room for one more; false and g->code when memory is gone. */
static bool grow_room(struct forest_grower *g, void *blocks, size_t count, size_t *room, size_t size)
{
	void **block = blocks;
	size_t larger = *room ? 2 * *room : 64;
	void *grown;

	if (count < *room)
		return true;
	grown = mem_array_grow(*block, larger, size);
	if (!grown) {
		g->code = ORCH_ENOMEM;
		return false;
	}
	*block = grown;
	*room = larger;
	return true;
}

static void push_place(struct forest_grower *g, const struct forest_place *place)
{
	if (grow_room(g, &g->stack, g->stack_count, &g->stack_room, sizeof(*g->stack)))
		g->stack[g->stack_count++] = *place;
}

/* --- predictions ------------------------------------------------------------------------------------------------------ */

/* Weighted share of each class, or mean of each output; one value shared by all rows stays exactly that value. */
static void node_value(struct forest_grower *g, const uint32_t *rows, uint32_t count, bool mixed)
{
	const struct forest_fold *fold = g->growth->fold;
	const struct forest_scorer *s = &g->candidates.scorer;
	unsigned width = fold->value_width;
	double weight = 0;

	memset(g->value, 0, width * sizeof(*g->value));
	if (fold->data->task == ENGINE_CLASSIFICATION) {
		if (fold->target == FOREST_SINGLE)
			g->value[0] = (double)s->total[0] / (double)s->total_w;
		for (unsigned c = 0; c < width && fold->target == FOREST_CLASSES; c++)
			g->value[c] = (double)s->total[width == 1 ? 1 : c] / (double)s->total_w;
		return;
	}
	if (!mixed) {
		memcpy(g->value, &fold->y[(size_t)rows[0] * width], width * sizeof(*g->value));
		return;
	}
	for (uint32_t k = 0; k < count; k++) {
		double w = fold->w[rows[k]] * s->multiplicity[rows[k]];

		weight += w;
		for (unsigned o = 0; o < width; o++)
			g->value[o] += w * fold->y[(size_t)rows[k] * width + o];
	}
	for (unsigned o = 0; o < width; o++)
		g->value[o] /= weight;
}

static void write_value(struct forest_grower *g, const uint32_t *test, uint32_t count, uint32_t without, size_t cut)
{
	const struct forest_growth *growth = g->growth;
	int32_t slot = growth->slots[without * growth->cut_count + cut];
	unsigned width = growth->fold->value_width;

	if (slot < 0)
		return;
	for (uint32_t i = 0; i < count; i++) {
		size_t row = test[i] - growth->fold->train_count;

		memcpy(&g->values[(row * growth->slot_count + (size_t)slot) * width], g->value, width * sizeof(double));
	}
}

static bool cut_ends(const struct forest_cut *cut, uint32_t depth, uint32_t count)
{
	return depth >= cut->depth || count < cut->split;
}

/* Is the cut's tree still growing above this place? */
static bool cut_reaches(const struct forest_cut *cut, const struct forest_place *place)
{
	return place->depth == 0 || !cut_ends(cut, place->depth - 1, place->above);
}

/* Writes g->value for all cuts that end here, or for all that reach the place when it is a leaf; owner and followers. */
static void write_ends(struct forest_grower *g, const struct forest_rows *rows, const struct forest_place *place, int64_t owner, bool leaf)
{
	const struct forest_growth *growth = g->growth;
	const uint32_t *test = rows->test + place->test_begin;

	for (size_t c = 0; c < growth->cut_count && place->test_count > 0; c++) {
		if (!cut_reaches(&growth->cuts[c], place) || !(leaf || cut_ends(&growth->cuts[c], place->depth, place->count)))
			continue;
		if (owner != FOREST_NOBODY)
			write_value(g, test, place->test_count, (uint32_t)owner, c);
		for (size_t i = place->followers; i < place->followers_end; i++)
			write_value(g, test, place->test_count, g->followers[i], c);
	}
}

/* --- recording -------------------------------------------------------------------------------------------------------- */

static double leaf_cover(const struct forest_grower *g, const struct forest_place *place)
{
	double cover = 0;

	for (uint32_t k = 0; k < place->count; k++) {
		uint32_t row = g->base.train[place->begin + k];

		cover += g->growth->fold->w[row] * g->candidates.scorer.multiplicity[row];
	}
	return cover;
}

/* Appends the node; split NULL: a leaf with g->value. */
static uint32_t record_node(struct forest_grower *g, const struct forest_place *place, const struct forest_split *split)
{
	struct forest_tree *tree = &g->tree;
	unsigned width = g->growth->fold->value_width;
	uint32_t index;

	if (!g->recording || !grow_room(g, &tree->nodes, tree->node_count, &tree->node_room, sizeof(*tree->nodes)))
		return UINT32_MAX;
	index = (uint32_t)tree->node_count++;
	tree->nodes[index] = (struct forest_node){.feature = -1};
	if (place->parent != UINT32_MAX)
		tree->nodes[place->parent].right = index;
	if (split) {
		tree->nodes[index].feature = (int32_t)split->feature;
		tree->nodes[index].threshold = split->threshold;
		tree->nodes[index].missing_left = split->missing_left;
	} else if (grow_room(g, &tree->values, tree->leaf_count, &tree->leaf_room, width * sizeof(*tree->values)) &&
	           grow_room(g, &tree->cover, tree->leaf_count, &tree->cover_room, sizeof(*tree->cover))) {
		tree->cover[tree->leaf_count] = leaf_cover(g, place);
		memcpy(&tree->values[tree->leaf_count++ * width], g->value, width * sizeof(*tree->values));
	}
	return index;
}

/* --- growing ---------------------------------------------------------------------------------------------------------- */

static void push_children(struct forest_grower *g, const struct forest_rows *rows, const struct forest_place *place,
                          const struct forest_split *split, uint32_t recorded)
{
	const struct forest_column *column = &g->growth->fold->columns[split->feature];
	uint32_t left = forest_partition(column, split, rows->train + place->begin, place->count, g->room);
	uint32_t test_left = forest_partition(column, split, rows->test + place->test_begin, place->test_count, g->room);
	struct forest_place child = *place;

	child.depth++;
	child.above = place->count;
	child.key = address_hash(place->key, 1);
	child.begin = place->begin + left;
	child.count = place->count - left;
	child.test_begin = place->test_begin + test_left;
	child.test_count = place->test_count - test_left;
	child.parent = recorded;
	push_place(g, &child);
	child.key = address_hash(place->key, 0);
	child.begin = place->begin;
	child.count = left;
	child.test_begin = place->test_begin;
	child.test_count = test_left;
	child.parent = UINT32_MAX;
	push_place(g, &child);
}

/* Loads the node and writes what ends in it. True: some cut goes on and a split is worth looking for. */
static bool enter_place(struct forest_grower *g, const struct forest_rows *rows, const struct forest_place *place, int64_t owner)
{
	const struct forest_growth *growth = g->growth;
	const uint32_t *train = rows->train + place->begin;
	bool mixed = forest_scorer_load(&g->candidates.scorer, place->key, train, place->count);
	bool ends = false, goes_on = false;

	for (size_t c = 0; c < growth->cut_count; c++) {
		ends = ends || cut_ends(&growth->cuts[c], place->depth, place->count);
		goes_on = goes_on || !cut_ends(&growth->cuts[c], place->depth, place->count);
	}
	goes_on = goes_on && mixed && place->count >= 2 * (uint64_t)growth->settings->leaf;
	if (ends || !goes_on) {
		node_value(g, train, place->count, mixed);
		write_ends(g, rows, place, owner, !goes_on);
	}
	return goes_on;
}

static bool nobody_waits(const struct forest_grower *g, const struct forest_place *place, int64_t owner)
{
	return !g->recording && (place->test_count == 0 || (owner == FOREST_NOBODY && place->followers == place->followers_end));
}

static void grow_below(struct forest_grower *g, const struct forest_rows *rows, size_t bottom, int64_t owner);

/* The rest of the tree without some features, from a node that splits otherwise than the base tree. */
static void repair_below(struct forest_grower *g, const struct forest_place *place, const struct forest_changed *changed)
{
	struct forest_candidates *c = &g->candidates;
	const struct forest_without *without = &g->growth->withouts[changed->without];
	struct forest_split split = changed->split;
	struct forest_place root = *place;
	size_t bottom = g->stack_count, next = 0;

	forest_split_finish(g->growth->fold, g->growth->settings->extra, &split);
	memcpy(g->repair.train, g->base.train + place->begin, place->count * sizeof(uint32_t));
	memcpy(g->repair.test, g->base.test + place->test_begin, place->test_count * sizeof(uint32_t));
	root.begin = root.test_begin = 0;
	root.followers = root.followers_end = 0;
	c->open = g->repair_open;
	c->open_count = 0;
	for (uint32_t i = 0; i < g->base_open_count; i++) {
		if (next < without->count && without->features[next] == g->base_open[i])
			next++;
		else
			g->repair_open[c->open_count++] = g->base_open[i];
	}
	push_children(g, &g->repair, &root, &split, UINT32_MAX);
	grow_below(g, &g->repair, bottom, changed->without);
	c->open = g->base_open;
	c->open_count = g->base_open_count;
}

/* Followers that split otherwise leave; the others' list becomes that of the children. Returns how many left. */
static size_t part_followers(struct forest_grower *g, struct forest_place *place, const struct forest_search *search)
{
	size_t first = g->follower_count, changed = 0;

	for (size_t i = place->followers; i < place->followers_end && g->code == 0; i++) {
		uint32_t without = g->followers[i];

		if (forest_lofo_change(&g->candidates, search, &g->growth->withouts[without], &g->changed[changed].split))
			g->changed[changed++].without = without;
		else if (grow_room(g, &g->followers, g->follower_count, &g->follower_room, sizeof(*g->followers)))
			g->followers[g->follower_count++] = without;
	}
	if (changed == 0) {
		g->follower_count = first;
		return 0;
	}
	place->followers = first;
	place->followers_end = g->follower_count;
	return changed;
}

/* Of those that left, the ones that find no split: the node is a leaf of theirs. g->value is set. */
static void end_changed(struct forest_grower *g, const struct forest_rows *rows, const struct forest_place *place, size_t changed)
{
	struct forest_place alone = *place;

	alone.followers = alone.followers_end = 0;
	for (size_t i = 0; i < changed; i++)
		if (g->changed[i].split.gain == -INFINITY)
			write_ends(g, rows, &alone, g->changed[i].without, true);
}

static void grow_place(struct forest_grower *g, const struct forest_rows *rows, struct forest_place *place, int64_t owner)
{
	struct forest_search search;
	size_t changed;
	bool splits;

	if (!enter_place(g, rows, place, owner)) {
		record_node(g, place, NULL);
		return;
	}
	forest_candidates_begin(&g->candidates);
	forest_candidates_search(&g->candidates, NULL, &search);
	changed = place->followers < place->followers_end ? part_followers(g, place, &search) : 0;
	splits = search.best.gain > -INFINITY;
	if (!splits || changed > 0)
		node_value(g, rows->train + place->begin, place->count, true);
	if (!splits) {
		write_ends(g, rows, place, owner, true);
		record_node(g, place, NULL);
	}
	end_changed(g, rows, place, changed);
	for (size_t i = 0; i < changed && g->code == 0; i++)
		if (g->changed[i].split.gain > -INFINITY)
			repair_below(g, place, &g->changed[i]);
	if (splits) {
		forest_split_finish(g->growth->fold, g->growth->settings->extra, &search.best);
		push_children(g, rows, place, &search.best, record_node(g, place, &search.best));
	}
}

/* Everything on the stack above bottom. */
static void grow_below(struct forest_grower *g, const struct forest_rows *rows, size_t bottom, int64_t owner)
{
	while (g->stack_count > bottom && g->code == 0) {
		struct forest_place place = g->stack[--g->stack_count];

		if (rows == &g->base)
			g->follower_count = place.followers_end;
		if (!nobody_waits(g, &place, owner))
			grow_place(g, rows, &place, owner);
	}
}

/* --- the tree --------------------------------------------------------------------------------------------------------- */

/* Poisson(1) by inversion: as good as drawing as many rows as there are, and each row's number needs no other's. */
static uint8_t bootstrap_draws(uint64_t hash)
{
	double u = address_unit(hash), share = 0.36787944117144233, below = share;
	uint8_t draws = 0;

	while (u >= below && draws < FOREST_MOST_DRAWS) {
		draws++;
		share /= draws;
		below += share;
	}
	return draws;
}

static uint32_t draw_rows(struct forest_grower *g, uint64_t tree_key)
{
	const struct forest_fold *fold = g->growth->fold;
	struct forest_scorer *s = &g->candidates.scorer;
	uint64_t key = address_hash(tree_key, FOREST_PART_BOOTSTRAP);
	uint32_t count = 0;

	for (uint32_t i = 0; i < fold->train_count; i++) {
		s->multiplicity[i] = g->growth->settings->bootstrap ? bootstrap_draws(address_hash(key, fold->train[i])) : 1;
		if (s->multiplicity[i] > 0 && fold->scaled_w[i] > 0)
			g->base.train[count++] = i;
	}
	for (uint32_t i = 0; i < fold->train_count && count == 0 && g->growth->settings->bootstrap; i++)
		s->multiplicity[i] = 1; /* of a handful of rows, none may be drawn */
	for (uint32_t i = 0; i < fold->train_count && count == 0; i++)
		if (fold->scaled_w[i] > 0)
			g->base.train[count++] = i;
	return count;
}

static void scale_rows(struct forest_grower *g)
{
	const struct forest_fold *fold = g->growth->fold;
	struct forest_scorer *s = &g->candidates.scorer;
	unsigned width = fold->sums_width;

	for (size_t i = 0; i < fold->train_count; i++)
		s->tree_w[i] = fold->scaled_w[i] * s->multiplicity[i];
	for (size_t i = 0; i < fold->train_count && fold->target != FOREST_CLASSES; i++)
		for (unsigned o = 0; o < width; o++)
			s->tree_y[i * width + o] = fold->scaled_y[i * width + o] * s->multiplicity[i];
}

/* The without that leaves out no more than base is the base tree itself; all others follow it. */
static int64_t list_followers(struct forest_grower *g)
{
	int64_t owner = FOREST_NOBODY;

	g->follower_count = 0;
	for (uint32_t i = 0; i < g->growth->without_count; i++) {
		if (g->growth->withouts[i].count == 0)
			owner = i;
		else if (grow_room(g, &g->followers, g->follower_count, &g->follower_room, sizeof(*g->followers)))
			g->followers[g->follower_count++] = i;
	}
	return owner;
}

int forest_grower_tree(struct forest_grower *g, uint32_t number, double *values, struct text_buf *text)
{
	const struct forest_fold *fold = g->growth->fold;
	uint64_t tree_key = address_hash(address_text(g->growth->seed, "forest"), number);
	struct forest_place root = {.key = address_hash(tree_key, FOREST_PART_ROOT), .parent = UINT32_MAX};
	int64_t owner;

	g->code = 0;
	g->values = values;
	g->recording = text != NULL;
	g->tree.node_count = g->tree.leaf_count = 0;
	g->stack_count = 0;
	g->candidates.open = g->base_open;
	g->candidates.open_count = g->base_open_count;
	root.count = draw_rows(g, tree_key);
	root.test_count = (uint32_t)fold->test_count;
	for (uint32_t i = 0; i < fold->test_count; i++)
		g->base.test[i] = (uint32_t)fold->train_count + i;
	scale_rows(g);
	owner = list_followers(g);
	root.followers_end = g->follower_count;
	push_place(g, &root);
	grow_below(g, &g->base, 0, owner);
	if (text && g->code == 0)
		forest_save_tree(g->growth, &g->tree, text);
	return g->code;
}
