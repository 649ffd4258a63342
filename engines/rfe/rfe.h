/* rfe: the decisions of recursive feature elimination: what to drop after a round, whether to go on, which round to take.
 * Pure functions of their arguments. Each appends one sentence of reason to `reason` (no newline; after "; " when something stands
 * there already), which may be NULL; going on needs none unless patience is running. */
#ifndef ENGINES_RFE_RFE_H
#define ENGINES_RFE_RFE_H

#include <stdbool.h>
#include <stddef.h>

#include "engines/metric/metric.h"
#include "storage/base/text.h"

/* ---- what to drop ---- */
enum rfe_drop_kind {
	RFE_DROP_COUNT,        /* so many units */
	RFE_DROP_FRACTION,     /* units while they fit into so many of the current features, rounded down; at least one unit */
	RFE_DROP_INSIGNIFICANT /* all units whose interval is not wholly above zero: nothing shows that they help */
};
struct rfe_drop_rule {
	enum rfe_drop_kind kind;
	size_t count;
	double fraction;
	size_t min_features;
};
/* A feature or a declared group, in the order of the columns. */
struct rfe_unit {
	const char *name;
	size_t features;   /* how many the unit has now; at least 1 */
	double importance; /* LOFO delta, positive when it helps; NaN: unknown, such a unit is never dropped */
	double ci_low;     /* lower end of its interval: RFE_DROP_INSIGNIFICANT only; NaN: unknown, such a unit stays */
};
/* Least important first, equal importances: the later column first. Whole units; it stops before the unit that would leave fewer than
 * min_features. Returns how many units to drop (0: none can be, the elimination ends); dropped: room for count positions, least
 * important first. */
size_t rfe_drop(const struct rfe_drop_rule *rule, const struct rfe_unit *units, size_t count, size_t *dropped, struct text_buf *reason);

/* ---- many at once, verified ---- */
/* Units that are worth nothing one by one can be worth something together (of two copies each is). So what RFE_DROP_INSIGNIFICANT names is
 * left out together and scored over the same folds; when that got worse the set is bisected: ever smaller sets of the least important units,
 * until the largest one is found without which the model does not get worse. At most 2 + log2(units) sets are tried. */
struct rfe_check {
	size_t pairs;  /* folds with both scores */
	double loss;   /* mean paired difference, positive when the model without the set is worse; NaN: no pair */
	double error;  /* its standard error, sqrt(sd^2 (1/pairs + n_te/n_tr)) as in lofo_stats.h; NaN with fewer than two pairs */
	bool worse;    /* loss above one error (with one pair: above zero), or a fold failed that did not fail before */
};
void rfe_check(const struct metric *metric, const double *with, const double *without, size_t folds, double test_train, struct rfe_check *out);
struct rfe_tried {
	size_t size; /* so many of the least important units */
	bool worse;
};
/* The size of the set to try next, or 0: it is decided, and *taken units go (0: none). */
size_t rfe_bisect(size_t units, const struct rfe_tried *tried, size_t count, size_t *taken);

/* ---- whether to go on ---- */
struct rfe_round {
	size_t features;
	double score; /* mean over folds; NaN: the round has none */
	double sd;    /* sample deviation over folds; NaN: fewer than two */
	size_t folds; /* J = K x repeats that have a score */
	bool missed;  /* its configuration misses the constraints: rfe_choose takes it only when all rounds' do */
};
struct rfe_stop_rule {
	size_t max_rounds;   /* round 0 included; 0: no limit */
	size_t min_features;
	bool has_worse;      /* the two below count */
	double worse_by;     /* share of the best round's score: 0.05 is 5 % */
	unsigned patience;   /* so many rounds in a row worse by more than that end the elimination; 0 counts as 1 */
};
enum rfe_verdict { RFE_GO_ON, RFE_STOP_WORSE, RFE_STOP_ROUNDS, RFE_STOP_FEATURES };
/* After the last of `count` rounds (in order, round 0 first); the best is the best of all of them. A round without score is worse. */
enum rfe_verdict rfe_stop(const struct rfe_stop_rule *rule, const struct metric *metric, const struct rfe_round *rounds, size_t count, struct text_buf *reason);

/* ---- which round to take ---- */
enum rfe_choose_kind {
	RFE_CHOOSE_BEST,     /* the best score */
	RFE_CHOOSE_ONE_SE,   /* fewest features within one standard error, sd / sqrt(folds) of the best round (Breiman et al., CART, 1984) */
	RFE_CHOOSE_TOLERANCE /* fewest features within tolerance x |best score| */
};
/* The bar is set by the best round and does not move. A score on the bar is within. Of equal scores the round with fewer features is
 * the best; of equal feature counts within the bar the better score, then the earlier round. A best round without deviation (one fold)
 * leaves one_se at the best. Rounds that miss the constraints stand back when any with a score meets them. Returns the round's index, or -1 when no round has a score. */
long rfe_choose(enum rfe_choose_kind kind, double tolerance, const struct metric *metric, const struct rfe_round *rounds, size_t count, struct text_buf *reason);

#endif
