/* forest: what the parts of the forest engine share: forest.c (parameters, jobs), forest_data.c (a fold as ranks), forest_split.c
 * with forest_cuts.c and forest_extra.c (the best split of one feature), forest_candidates.c (the best of a node's features),
 * forest_grow.c (one tree), engines/lofo/forest_lofo.c (where trees without a feature leave it), forest_train.c (many trees, threads),
 * forest_save.c. Not for other modules; saved models are read by forest_model.h.
 *
 * Random forests (Breiman 2001) and extremely randomised trees (Geurts, Ernst, Wehenkel 2006). Nothing is drawn in sequence:
 *     tree key   = hash(hash(seed, "forest"), tree)
 *     bootstrap  : multiplicity of frame row i, Poisson(1), from hash(hash(tree key, 1), i)
 *     node key   = hash(tree key, 2) at the root; hash(parent's key, 0 left | 1 right)
 *     candidates : features in ascending hash(hash(node key, 2), feature id)
 *     threshold  : extra-trees' cut from hash(hash(node key, 3), feature id)
 * so that a node's split depends on its rows and the features at hand only, and neither on stopping rules nor on other trees. A node
 * looks at max_features candidates, counted from all features of the data, left out or not, and further until one of them is not
 * constant in the node (scikit-learn's rule). Weights multiply the bootstrap's draws (as scikit-learn's did up to 1.7; since then it
 * draws in proportion to them). Rows of weight 0 take no part.
 *
 * Sums over rows are 64-bit integers: targets are centred by the fold's mean and scaled by a power of two so that no sum can
 * overflow (forest_data.c). Their rounding is below that of sums of doubles, and being exact they do not depend on any order;
 * equal partitions, and mirror images, have bit-equal gains. Ties between features go to the one that comes first in the node's order of
 * candidates, which is chance: small nodes are full of ties, and were they all given to the first columns, trees would be too
 * alike (scores fell by up to 2 %) and those columns too important. Ties within a feature go to missing values on the left, then to the
 * lower threshold. Leaves are computed from the targets themselves, in ascending order of rows.
 *
 * A column is coded by rank among the distinct values of the fold's rows, so splits are exact and thresholds halfway between
 * neighbouring values. Categories are taken by their codes (a declared order, else sorted levels). A missing value has a code
 * above all others and goes to the side that gives the better split (left on a tie); where a node saw none, with the larger side. */
#ifndef ENGINES_MODEL_FOREST_H
#define ENGINES_MODEL_FOREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engines/model/engine.h"
#include "storage/base/err.h"
#include "storage/base/text.h"

#define FOREST_VERSION "1"
#define FOREST_GRID 1024
#define FOREST_BATCH 32

enum forest_criterion { FOREST_SQUARED_ERROR, FOREST_GINI, FOREST_ENTROPY };
/* What is summed over rows: one target (also binary gini, which is the variance of 0/1), several, or the weight of each class. */
enum forest_target { FOREST_SINGLE, FOREST_OUTPUTS, FOREST_CLASSES };

/* Parameters that need a growth of their own. */
struct forest_settings {
	bool extra, bootstrap, balanced;
	enum forest_criterion criterion;
	uint32_t leaf;       /* rows on each side of a split, at least; a bootstrapped row counts once */
	uint32_t candidates; /* features looked at in a node, of all in the data: leaving some out does not change it */
};
/* Stopping rules that one growth answers at once: a tree cut where depth is reached or fewer rows than split are left. */
struct forest_cut {
	uint32_t depth, split;
};

struct forest_column {
	void *codes;    /* training rows, then held-out rows; uint32_t if wide, else uint16_t */
	double *values; /* of each code, ascending */
	/* Where a value lies: those with codes in [grid[k], grid[k + 1]) have (value - origin) x per_value in [k, k + 1). */
	uint32_t *grid;
	double origin, per_value;
	uint32_t levels; /* number of values, and the code of a missing one */
	double fill;     /* what stands in for missing values, or NaN */
	bool wide, missing;
	uint32_t id;
};
static inline uint32_t forest_grid_at(const struct forest_column *column, double value)
{
	double place = (value - column->origin) * column->per_value;

	return place >= FOREST_GRID - 1 ? FOREST_GRID - 1 : place > 0 ? (uint32_t)place : 0; /* an infinity times zero is the first */
}
/* A fold's data. Rows are local: 0.. train_count - 1 in training, then the held-out ones. */
struct forest_fold {
	const struct engine_data *data;
	const uint32_t *train; /* frame rows */
	size_t train_count, test_count, feature_count;
	struct forest_column *columns;
	enum forest_target target;
	unsigned sums_width; /* sums kept of a set of rows: 1, outputs or classes */
	unsigned value_width; /* numbers in a prediction: outputs; 1 for two classes (that of class 1); classes */
	double *y;           /* train_count x outputs, row-major; class codes */
	double *w;           /* weight of each training row */
	int64_t *scaled_y;   /* SINGLE, OUTPUTS: weight x centred target; row-major */
	int64_t *scaled_w;
	double *unscale;     /* takes each output's sums to a common unit, powers of two up to 1 */
	uint32_t max_levels;
	char *block;         /* the columns' codes, values and grids, in one piece */
};
int forest_fold_build(const struct engine_data *data, const struct engine_fold *fold, const struct forest_settings *settings,
                      struct forest_fold *out, struct orch_err *err);
void forest_fold_release(struct forest_fold *fold);

/* --- one split ------------------------------------------------------------------------------------------------------ */

struct forest_split {
	double gain; /* comparable between the splits of one node only; -INFINITY: none */
	uint32_t feature; /* position in data->features */
	uint32_t low, high; /* the cut is at one of the codes low .. high - 1; high is that of missing values when all others go left */
	double threshold;   /* values up to it go left; set for extra-trees, the others' by forest_split_finish */
	uint32_t cut;       /* codes up to it go left; set by forest_split_finish */
	uint32_t left_rows;
	bool varies; /* the feature is not constant in the node */
	bool missing_left;
};

/* What splitting needs of a node, and room to work in. One per thread. */
struct forest_scorer {
	const struct forest_fold *fold;
	const struct forest_settings *settings;
	/* the tree: training rows' sums times their multiplicity */
	int64_t *tree_w, *tree_y;
	uint8_t *multiplicity;
	/* the node */
	uint64_t key;
	const uint32_t *rows;
	uint32_t count;
	int64_t *node_w, *node_y; /* in the node's order; node_y row-major */
	uint32_t *node_class;
	int64_t total_w, *total;  /* sums_width */
	/* room */
	int64_t *left, *missing; /* sums_width each */
	uint32_t *codes, *order, *next, *slot;
	uint32_t code_room; /* of codes: enough for FOREST_BATCH features of a small node */
	uint64_t *bits, *summary;
};
int forest_scorer_init(struct forest_scorer *scorer, const struct forest_fold *fold, const struct forest_settings *settings);
void forest_scorer_release(struct forest_scorer *scorer);
/* Loads the node's rows; false when all targets are equal, so that no split is worth looking for. */
bool forest_scorer_load(struct forest_scorer *scorer, uint64_t key, const uint32_t *rows, uint32_t count);
/* The best splits of some features, into splits[feature]. */
void forest_scorer_score(struct forest_scorer *scorer, const uint32_t *features, uint32_t count, struct forest_split *splits);
/* Completes a split that was chosen. */
void forest_split_finish(const struct forest_fold *fold, bool extra, struct forest_split *split);
/* Local rows that go left come first; both sides keep their order. room holds count rows. Returns the number on the left. */
uint32_t forest_partition(const struct forest_column *column, const struct forest_split *split, uint32_t *rows, uint32_t count,
                          uint32_t *room);

/* --- the candidates of a node ---------------------------------------------------------------------------------------- */

/* Features in the order in which a node looks at them, and their splits, each worked out once. A node looks at
 * settings->candidates of them, and on until one of those seen varies (as scikit-learn does). */
struct forest_candidates {
	struct forest_scorer scorer;
	const uint32_t *open; /* features that may be used, ascending */
	uint32_t open_count;
	/* the node; all arrays are indexed by feature but keys, by place in the order */
	uint64_t *keys;  /* hash, feature in the low bits; places before `placed` are final, but for the order of the first candidates */
	uint32_t placed, near; /* the first `near` keys are the smallest */
	uint64_t *scored, *seen, *skipped; /* equal to the epoch: yes */
	uint64_t epoch, skip_epoch;
	struct forest_split *splits;
	uint32_t *batch;
	uint64_t *far_keys;
};
struct forest_search {
	struct forest_split best, second; /* gain -INFINITY: none */
	uint32_t visited;
};
/* Features left out together: positions, ascending. */
struct forest_without {
	const uint32_t *features;
	size_t count;
};
int forest_candidates_init(struct forest_candidates *c, const struct forest_fold *fold, const struct forest_settings *settings);
void forest_candidates_release(struct forest_candidates *c);
/* A node is loaded into the scorer: forget the one before. */
void forest_candidates_begin(struct forest_candidates *c);
/* The feature at a place in the order; place < open_count. */
uint32_t forest_candidates_at(struct forest_candidates *c, uint32_t place);
const struct forest_split *forest_candidates_score(struct forest_candidates *c, uint32_t feature);
/* Is a the better split, by gain and then by the node's order? */
bool forest_candidates_better(const struct forest_candidates *c, const struct forest_split *a, const struct forest_split *b);
/* The node's search as if `skip` were not there (NULL: all are; these count as seen). */
void forest_candidates_search(struct forest_candidates *c, const struct forest_without *skip, struct forest_search *out);

/* engines/lofo/forest_lofo.c: does the node split otherwise without these features? base: the search with them, still current in c.
 * True: out is the split instead (gain -INFINITY: none, a leaf). */
bool forest_lofo_change(struct forest_candidates *c, const struct forest_search *base, const struct forest_without *without,
                        struct forest_split *out);

/* --- one tree ------------------------------------------------------------------------------------------------------- */

/* A recorded tree. Nodes in preorder: a left child follows its parent. */
struct forest_node {
	int32_t feature; /* position in data->features; -1: leaf */
	uint32_t right;  /* index of the right child */
	double threshold;
	bool missing_left;
};
struct forest_tree {
	struct forest_node *nodes;
	double *values; /* value_width for every leaf, in order */
	double *cover;  /* of every leaf: the weight of its rows, times how often the bootstrap drew them */
	size_t node_count, node_room, leaf_count, leaf_room, cover_room;
};
/* Trees of one fold and one settings: cuts x withouts are grown together. base is left out of all of them. */
struct forest_growth {
	const struct forest_fold *fold;
	const struct forest_settings *settings;
	uint64_t seed;
	const struct forest_cut *cuts;
	size_t cut_count;
	struct forest_without base;
	const struct forest_without *withouts; /* what each leaves out besides base; no two alike */
	size_t without_count;
	const int32_t *slots; /* without_count x cut_count: column of values, or -1 when nobody asked */
	size_t slot_count;
	const int32_t *places; /* of each feature in the model, -1: left out. NULL: trees are not recorded */
};
struct forest_grower;
int forest_grower_open(const struct forest_growth *growth, struct forest_grower **out);
void forest_grower_close(struct forest_grower *grower);
/* values: test_count x slot_count x value_width, all written. text: the tree is appended as the model has it; NULL: it is not
 * recorded. Recording needs a growth of one cut and one without, which adds nothing to base. ORCH_ENOMEM only. */
int forest_grower_tree(struct forest_grower *grower, uint32_t number, double *values, struct text_buf *text);

/* --- many trees ----------------------------------------------------------------------------------------------------- */

/* Adds trees first .. last - 1 to sums (test_count x slot_count x value_width) in the order of their numbers, on that many threads.
 * texts: NULL, or one for each tree, indexed by number. */
int forest_train(const struct forest_growth *growth, uint32_t first, uint32_t last, unsigned threads, double *sums,
                 struct text_buf *texts, struct orch_err *err);

/* The model as JSON text (see forest_model.h); texts of trees are released as they are taken over. */
void forest_save(const struct forest_growth *growth, struct text_buf *texts, uint32_t tree_count, struct text_buf *out);
void forest_save_tree(const struct forest_growth *growth, const struct forest_tree *tree, struct text_buf *out);

#endif
