/* greedy: weights of an ensemble's members by forward selection with replacement: starting from nothing, the member that brings the mean score
 * over folds highest is added, `picks` times; of the ensembles on the way the best one is taken. A weight is how often a member was added.
 * Source: Caruana et al., Ensemble selection from libraries of models, ICML 2004.
 * Weights that were chosen on a fold say nothing honest about it: the score of a fold is that of weights chosen `except` it. */
#ifndef ENGINES_ENSEMBLE_GREEDY_H
#define ENGINES_ENSEMBLE_GREEDY_H

#include <stddef.h>

struct greedy_pool {
	size_t members, folds;
	const double *const *predictions; /* of member m in fold f: [f * members + m], sizes[f] values */
	const size_t *sizes;              /* 0: a fold that is passed over */
	double (*score)(void *context, size_t fold, const double *combined); /* higher is better; NaN: never better */
	void *context;
};

/* counts[members]. except: the fold that is left out, or pool->folds for none. Ties go to the earlier member and to fewer picks; where nothing can be
 * scored the first member has all the weight. work: twice the sum of sizes. */
void greedy_select(const struct greedy_pool *pool, size_t except, unsigned picks, unsigned *counts, double *work);
/* out[n]: mean of members, each as often as its count; their sum is positive. Members of count 0 are not looked at. */
void greedy_combine(const double *const *members, const unsigned *counts, size_t count, size_t n, double *out);

#endif
