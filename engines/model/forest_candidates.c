/* Which features a node looks at, in which order. The order is only worked out as far as it is asked for: the first candidates as a
 * set (quickselect), those behind them one by one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "engines/model/forest.h"
#include "storage/base/mem.h"

#define FOREST_PART_ORDER 2
#define FOREST_FEATURE_BITS 20 /* a million features; 44 bits of hash before them */
#define FOREST_FEATURE_MASK (((uint64_t)1 << FOREST_FEATURE_BITS) - 1)

int forest_candidates_init(struct forest_candidates *c, const struct forest_fold *fold, const struct forest_settings *settings)
{
	size_t features = fold->feature_count + 1;
	int code;

	*c = (struct forest_candidates){0};
	code = forest_scorer_init(&c->scorer, fold, settings);
	if (code != 0)
		return code;
	c->keys = mem_array(features, sizeof(*c->keys));
	c->far_keys = mem_array(features, sizeof(*c->far_keys));
	c->scored = mem_array(features, sizeof(*c->scored));
	c->seen = mem_array(features, sizeof(*c->seen));
	c->skipped = mem_array(features, sizeof(*c->skipped));
	c->splits = mem_array(features, sizeof(*c->splits));
	c->batch = mem_array(features, sizeof(*c->batch));
	if (c->batch && c->far_keys && c->keys && c->scored && c->seen && c->skipped && c->splits)
		return 0;
	forest_candidates_release(c);
	return ORCH_ENOMEM;
}

void forest_candidates_release(struct forest_candidates *c)
{
	forest_scorer_release(&c->scorer);
	free(c->keys);
	free(c->far_keys);
	free(c->scored);
	free(c->seen);
	free(c->skipped);
	free(c->splits);
	free(c->batch);
	*c = (struct forest_candidates){0};
}

static void keys_swap(uint64_t *a, uint64_t *b)
{
	uint64_t keep = *a;

	*a = *b;
	*b = keep;
}

/* The smallest `first` come first (Hoare's FIND, as Wirth gives it). */
static void keys_select(uint64_t *keys, ptrdiff_t count, ptrdiff_t first)
{
	ptrdiff_t low = 0, high = count - 1, last = first - 1;

	while (low < high) {
		uint64_t pivot = keys[last];
		ptrdiff_t i = low, j = high;

		do {
			while (keys[i] < pivot)
				i++;
			while (pivot < keys[j])
				j--;
			if (i <= j)
				keys_swap(&keys[i++], &keys[j--]);
		} while (i <= j);
		if (j < last)
			low = i;
		if (last < i)
			high = j;
	}
}

/* The hash, then the feature, so that no two keys are alike. */
static inline uint64_t order_key(const struct forest_candidates *c, uint64_t order, uint32_t feature)
{
	return (address_hash(order, c->scorer.fold->data->feature_ids[feature]) & ~FOREST_FEATURE_MASK) | feature;
}

bool forest_candidates_better(const struct forest_candidates *c, const struct forest_split *a, const struct forest_split *b)
{
	uint64_t order;

	if (a->gain != b->gain || a->gain == -INFINITY)
		return a->gain > b->gain;
	order = address_hash(c->scorer.key, FOREST_PART_ORDER);
	return order_key(c, order, a->feature) < order_key(c, order, b->feature);
}

/* Hashes are uniform, so a bound on them keeps the candidates and little else. Returns how many lie below it; they come first. */
static uint32_t keys_fill(struct forest_candidates *c, double share)
{
	uint64_t key = address_hash(c->scorer.key, FOREST_PART_ORDER), bound = share < 1 ? (uint64_t)(share * 0x1p64) : UINT64_MAX;
	uint32_t near = 0, far = 0;

	for (uint32_t i = 0; i < c->open_count; i++) {
		uint64_t hash = order_key(c, key, c->open[i]);

		c->keys[near] = hash;
		c->far_keys[far] = hash;
		near += hash < bound;
		far += hash >= bound;
	}
	memcpy(c->keys + near, c->far_keys, far * sizeof(*c->keys));
	return near;
}

void forest_candidates_begin(struct forest_candidates *c)
{
	uint32_t wanted = c->scorer.settings->candidates;

	c->epoch++;
	if (wanted >= c->open_count) { /* all are looked at: the order tells nothing */
		for (uint32_t i = 0; i < c->open_count; i++)
			c->keys[i] = c->open[i];
		c->placed = c->near = c->open_count;
		return;
	}
	c->near = keys_fill(c, (wanted + 4 * sqrt(wanted) + 4) / c->open_count);
	if (c->near < wanted)
		c->near = c->open_count;
	keys_select(c->keys, c->near, wanted);
	c->placed = wanted;
}

uint32_t forest_candidates_at(struct forest_candidates *c, uint32_t place)
{
	for (; c->placed <= place; c->placed++) {
		uint32_t least = c->placed, end = c->placed < c->near ? c->near : c->open_count;

		for (uint32_t i = c->placed + 1; i < end; i++)
			if (c->keys[i] < c->keys[least])
				least = i;
		keys_swap(&c->keys[c->placed], &c->keys[least]);
	}
	return (uint32_t)(c->keys[place] & FOREST_FEATURE_MASK);
}

const struct forest_split *forest_candidates_score(struct forest_candidates *c, uint32_t feature)
{
	if (c->scored[feature] != c->epoch) {
		c->scored[feature] = c->epoch;
		forest_scorer_score(&c->scorer, &feature, 1, c->splits);
	}
	return &c->splits[feature];
}

/* The first candidates, which every search looks at, in one go. */
static void score_first(struct forest_candidates *c)
{
	uint32_t wanted = c->scorer.settings->candidates, count = wanted < c->open_count ? wanted : c->open_count;

	for (uint32_t place = 0; place < count; place++) {
		c->batch[place] = forest_candidates_at(c, place);
		c->scored[c->batch[place]] = c->epoch;
	}
	forest_scorer_score(&c->scorer, c->batch, count, c->splits);
}

void forest_candidates_search(struct forest_candidates *c, const struct forest_without *skip, struct forest_search *out)
{
	struct forest_search found = {.best.gain = -INFINITY, .second.gain = -INFINITY};
	bool varies = false;

	if (!skip)
		score_first(c);
	c->skip_epoch++;
	for (size_t i = 0; skip && i < skip->count; i++)
		c->skipped[skip->features[i]] = c->skip_epoch;
	for (uint32_t place = 0; place < c->open_count && (found.visited < c->scorer.settings->candidates || !varies); place++) {
		uint32_t feature = forest_candidates_at(c, place);
		const struct forest_split *split;

		if (c->skipped[feature] == c->skip_epoch)
			continue;
		if (!skip)
			c->seen[feature] = c->epoch;
		found.visited++;
		split = forest_candidates_score(c, feature);
		varies = varies || split->varies;
		if (split->gain == -INFINITY)
			continue;
		if (forest_candidates_better(c, split, &found.best)) {
			found.second = found.best;
			found.best = *split;
		} else if (forest_candidates_better(c, split, &found.second)) {
			found.second = *split;
		}
	}
	*out = found;
}
