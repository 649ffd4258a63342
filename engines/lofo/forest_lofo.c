/* Leaving features out of a tree, node by node. Without D, a node looks at the first candidates of its order that are not in D: those it
 * looked at anyway, less D, and as many newcomers behind them. Nearly always the best of the old ones is known (the best, or
 * the second best when D has the best), so only newcomers are worked out, and those once for all D.
 * A node whose split stays the same needs nothing; where it changes, forest_grow.c grows that subtree anew. */
#include <math.h>

#include "engines/model/forest.h"

static bool without_has(const struct forest_without *without, uint32_t feature)
{
	for (size_t i = 0; i < without->count; i++)
		if (without->features[i] == feature)
			return true;
	return false;
}

/* The best of the old ones is base's best or second, and no more was looked at than is always looked at. */
static bool old_best_known(const struct forest_candidates *c, const struct forest_search *base, const struct forest_without *without,
                           struct forest_split *out)
{
	if (base->visited > c->scorer.settings->candidates || base->best.gain == -INFINITY)
		return false;
	*out = without_has(without, base->best.feature) ? base->second : base->best;
	return out->gain > -INFINITY && !without_has(without, out->feature);
}

static void take_newcomers(struct forest_candidates *c, uint32_t place, uint32_t wanted, const struct forest_without *without,
                           struct forest_split *out)
{
	for (; place < c->open_count && wanted > 0; place++) {
		uint32_t feature = forest_candidates_at(c, place);
		const struct forest_split *split;

		if (without_has(without, feature))
			continue;
		wanted--;
		split = forest_candidates_score(c, feature);
		if (split->gain > -INFINITY && forest_candidates_better(c, split, out))
			*out = *split;
	}
}

bool forest_lofo_change(struct forest_candidates *c, const struct forest_search *base, const struct forest_without *without,
                        struct forest_split *out)
{
	struct forest_search found;
	struct forest_split best;
	uint32_t lost = 0;

	for (size_t i = 0; i < without->count; i++)
		lost += c->seen[without->features[i]] == c->epoch;
	if (lost == 0)
		return false;
	if (old_best_known(c, base, without, &best)) {
		take_newcomers(c, base->visited, lost, without, &best);
	} else {
		forest_candidates_search(c, without, &found);
		best = found.best;
	}
	if (best.gain == base->best.gain && (best.gain == -INFINITY || best.feature == base->best.feature))
		return false;
	*out = best;
	return true;
}
