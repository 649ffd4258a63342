#include "engines/rfe/rfe.h"

#include <math.h>
#include <stdlib.h>

#include "storage/base/mem.h"

#define NAMES_SHOWN 5

/* Sentences of several decisions may share a buffer. */
static void reason_begin(struct text_buf *reason)
{
	if (reason->length > 0)
		text_add(reason, "; ");
}

/* One feature always stays. */
static size_t at_least(size_t min_features)
{
	return min_features > 0 ? min_features : 1;
}

/* --- what to drop --- */

struct candidate {
	double importance;
	size_t unit;
};

static int compare_candidates(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;

	if (a->importance != b->importance)
		return a->importance < b->importance ? -1 : 1;
	return a->unit > b->unit ? -1 : a->unit < b->unit;
}

/* Units whose importance is known, the first to go first. */
static size_t candidates_sort(const struct rfe_unit *units, size_t count, struct candidate *out)
{
	size_t known = 0;

	for (size_t u = 0; u < count; u++)
		if (!isnan(units[u].importance))
			out[known++] = (struct candidate){units[u].importance, u};
	qsort(out, known, sizeof(*out), compare_candidates);
	return known;
}

static size_t feature_total(const struct rfe_unit *units, size_t count)
{
	size_t total = 0;

	for (size_t u = 0; u < count; u++)
		total += units[u].features;
	return total;
}

/* 29 % of 100 is 29, although 0.29 x 100 is a little less in doubles. */
static size_t fraction_of(double fraction, size_t total)
{
	double wanted = floor(fraction * (double)total + 1e-9);

	return wanted >= 1 ? (size_t)wanted : 1;
}

struct drop {
	size_t total, left, taken; /* features before and after, units dropped */
	size_t target;             /* RFE_DROP_FRACTION: features */
	const struct rfe_unit *stopped_by; /* the unit that min_features kept */
};

static bool has_enough(const struct rfe_drop_rule *rule, const struct drop *drop, const struct rfe_unit *next)
{
	if (rule->kind == RFE_DROP_COUNT)
		return drop->taken == rule->count;
	if (rule->kind == RFE_DROP_FRACTION)
		return drop->taken > 0 && drop->total - drop->left + next->features > drop->target;
	return false;
}

static void drop_take(const struct rfe_drop_rule *rule, const struct rfe_unit *units, const struct candidate *candidates, size_t known,
	struct drop *drop, size_t *dropped)
{
	for (size_t c = 0; c < known; c++) {
		const struct rfe_unit *unit = &units[candidates[c].unit];

		if (rule->kind == RFE_DROP_INSIGNIFICANT && !(unit->ci_low <= 0))
			continue;
		if (has_enough(rule, drop, unit))
			return;
		if (drop->left < unit->features + at_least(rule->min_features)) {
			drop->stopped_by = unit;
			return;
		}
		drop->left -= unit->features;
		dropped[drop->taken++] = candidates[c].unit;
	}
}

static void explain_names(const struct rfe_unit *units, const size_t *dropped, size_t taken, struct text_buf *reason)
{
	text_add(reason, "drops ");
	for (size_t i = 0; i < taken && i < NAMES_SHOWN; i++)
		text_addf(reason, "%s%s (%.4g)", i == 0 ? "" : i + 1 == taken ? " and " : ", ", units[dropped[i]].name, units[dropped[i]].importance);
	if (taken > NAMES_SHOWN)
		text_addf(reason, " and %zu more", taken - NAMES_SHOWN);
}

static void explain_rule(const struct rfe_drop_rule *rule, const struct drop *drop, size_t count, struct text_buf *reason)
{
	if (rule->kind == RFE_DROP_INSIGNIFICANT)
		text_add(reason, drop->taken == 1 ? ", whose interval is not above zero" : ", whose intervals are not above zero");
	else if (drop->taken == 1)
		text_addf(reason, ", the least important of %zu", count);
	else
		text_addf(reason, ", the %zu least important of %zu", drop->taken, count);
	if (rule->kind == RFE_DROP_FRACTION)
		text_addf(reason, " (%g %% of %zu feature%s is %zu)", rule->fraction * 100, drop->total, drop->total == 1 ? "" : "s", drop->target);
}

static void explain_floor(const struct rfe_drop_rule *rule, const struct drop *drop, struct text_buf *reason)
{
	size_t features = drop->stopped_by->features;

	text_addf(reason, "without %s (%zu feature%s) %zu would be left, fewer than min_features %zu", drop->stopped_by->name, features,
	          features == 1 ? "" : "s", drop->left - features, at_least(rule->min_features));
}

static void drop_explain(const struct rfe_drop_rule *rule, const struct drop *drop, const struct rfe_unit *units, size_t count, size_t known,
	const size_t *dropped, struct text_buf *reason)
{
	reason_begin(reason);
	if (drop->taken > 0) {
		explain_names(units, dropped, drop->taken, reason);
		explain_rule(rule, drop, count, reason);
		if (drop->stopped_by)
			text_add(reason, "; fewer than asked: ");
	} else {
		text_add(reason, "nothing is dropped: ");
		if (known == 0)
			text_add(reason, "no importance is known");
		else if (!drop->stopped_by)
			text_add(reason, rule->kind == RFE_DROP_INSIGNIFICANT ? "every interval is above zero" : "none were asked for");
	}
	if (drop->stopped_by)
		explain_floor(rule, drop, reason);
}

size_t rfe_drop(const struct rfe_drop_rule *rule, const struct rfe_unit *units, size_t count, size_t *dropped, struct text_buf *reason)
{
	struct candidate *candidates = mem_must(count, sizeof(*candidates));
	size_t known = candidates_sort(units, count, candidates), total = feature_total(units, count);
	struct drop drop = {.total = total, .left = total, .target = fraction_of(rule->fraction, total)};

	drop_take(rule, units, candidates, known, &drop, dropped);
	if (reason)
		drop_explain(rule, &drop, units, count, known, dropped, reason);
	free(candidates);
	return drop.taken;
}

/* --- many at once, verified --- */

void rfe_check(const struct metric *metric, const double *with, const double *without, size_t folds, double test_train, struct rfe_check *out)
{
	double sum = 0, squares = 0;
	bool lost = false;

	*out = (struct rfe_check){.loss = NAN, .error = NAN};
	for (size_t f = 0; f < folds; f++) {
		lost = lost || (isfinite(with[f]) && !isfinite(without[f]));
		if (isfinite(with[f]) && isfinite(without[f])) {
			sum += metric_gain(metric, with[f], without[f]);
			out->pairs++;
		}
	}
	if (out->pairs > 0)
		out->loss = sum / (double)out->pairs;
	for (size_t f = 0; f < folds; f++)
		if (isfinite(with[f]) && isfinite(without[f])) {
			double off = metric_gain(metric, with[f], without[f]) - out->loss;

			squares += off * off;
		}
	if (out->pairs > 1)
		out->error = sqrt(squares / (double)(out->pairs - 1) * (1.0 / (double)out->pairs + test_train));
	out->worse = lost || out->pairs == 0 || out->loss > (out->pairs > 1 ? out->error : 0);
}

size_t rfe_bisect(size_t units, const struct rfe_tried *tried, size_t count, size_t *taken)
{
	size_t good = 0, bad = units + 1; /* the largest size that is no worse, the smallest that is */

	for (size_t t = 0; t < count; t++) {
		if (tried[t].worse && tried[t].size < bad)
			bad = tried[t].size;
		if (!tried[t].worse && tried[t].size > good)
			good = tried[t].size;
	}
	*taken = good;
	if (good + 1 >= bad)
		return 0;
	return count == 0 ? units : good + (bad - good) / 2;
}

/* --- rounds --- */

/* Best score; of equals fewer features, then the earlier round. -1: none has a score. */
static long best_round(const struct metric *metric, const struct rfe_round *rounds, size_t count, bool meeting)
{
	long best = -1;

	for (size_t r = 0; r < count; r++) {
		if (isnan(rounds[r].score) || (meeting && rounds[r].missed))
			continue;
		if (best < 0 || metric_better(metric, rounds[r].score, rounds[best].score) ||
		    (rounds[r].score == rounds[best].score && rounds[r].features < rounds[best].features))
			best = (long)r;
	}
	return best;
}

static bool is_worse(const struct rfe_stop_rule *rule, const struct metric *metric, double score, double best)
{
	return isnan(score) || metric_gain(metric, best, score) > rule->worse_by * fabs(best);
}

/* Rounds at the end that are all worse than the best. */
static size_t worse_in_a_row(const struct rfe_stop_rule *rule, const struct metric *metric, const struct rfe_round *rounds, size_t count, long best)
{
	size_t row = 0;

	while (row < count && (best < 0 || is_worse(rule, metric, rounds[count - 1 - row].score, rounds[best].score)))
		row++;
	return row;
}

static void explain_worse(const struct rfe_stop_rule *rule, const struct metric *metric, const struct rfe_round *rounds, size_t row, long best, struct text_buf *reason)
{
	reason_begin(reason);
	if (best < 0)
		text_add(reason, "stops: no round has a score");
	else
		text_addf(reason, "stops: %zu round%s in a row worse by more than %g %% than round %ld, whose %s of %.6g is the best", row,
		          row == 1 ? "" : "s", rule->worse_by * 100, best, metric->name, rounds[best].score);
}

enum rfe_verdict rfe_stop(const struct rfe_stop_rule *rule, const struct metric *metric, const struct rfe_round *rounds, size_t count, struct text_buf *reason)
{
	long best = best_round(metric, rounds, count, false);
	size_t row = rule->has_worse ? worse_in_a_row(rule, metric, rounds, count, best) : 0;

	if (count == 0)
		return RFE_GO_ON;
	if (row > 0 && row >= (rule->patience > 0 ? rule->patience : 1)) {
		if (reason)
			explain_worse(rule, metric, rounds, row, best, reason);
		return RFE_STOP_WORSE;
	}
	if (rounds[count - 1].features <= at_least(rule->min_features)) {
		if (reason) {
			reason_begin(reason);
			text_addf(reason, "stops: %zu feature%s left, min_features is %zu", rounds[count - 1].features,
			          rounds[count - 1].features == 1 ? " is" : "s are", at_least(rule->min_features));
		}
		return RFE_STOP_FEATURES;
	}
	if (rule->max_rounds > 0 && count >= rule->max_rounds) {
		if (reason) {
			reason_begin(reason);
			text_addf(reason, "stops: round %zu was the last of max_rounds %zu", count - 1, rule->max_rounds);
		}
		return RFE_STOP_ROUNDS;
	}
	if (reason && row > 0) {
		reason_begin(reason);
		text_addf(reason, "goes on: worse by more than %g %% than round %ld in %zu of %u rounds", rule->worse_by * 100, best, row, rule->patience);
	}
	return RFE_GO_ON;
}

/* --- which round to take --- */

/* How far from the best a score may be; 0: the best only. */
static double bar_of(enum rfe_choose_kind kind, double tolerance, const struct rfe_round *best)
{
	double error;

	if (kind == RFE_CHOOSE_TOLERANCE)
		return tolerance * fabs(best->score);
	if (kind == RFE_CHOOSE_BEST || best->folds < 2)
		return 0;
	error = best->sd / sqrt((double)best->folds);
	return isnan(error) ? 0 : error;
}

static bool is_preferred(const struct metric *metric, const struct rfe_round *a, const struct rfe_round *b)
{
	if (a->features != b->features)
		return a->features < b->features;
	return metric_better(metric, a->score, b->score);
}

static void explain_bar(enum rfe_choose_kind kind, double tolerance, double bar, struct text_buf *reason)
{
	if (kind == RFE_CHOOSE_ONE_SE)
		text_addf(reason, "within one standard error (%.4g) of", bar);
	else
		text_addf(reason, "within %g %% (%.4g) of", tolerance * 100, bar);
}

static void explain_choice(enum rfe_choose_kind kind, double tolerance, double bar, const struct metric *metric, const struct rfe_round *rounds, long best,
	long chosen, struct text_buf *reason)
{
	const struct rfe_round *taken = &rounds[chosen];

	reason_begin(reason);
	text_addf(reason, "round %ld (%zu feature%s) ", chosen, taken->features, taken->features == 1 ? "" : "s");
	if (chosen == best) {
		text_addf(reason, "has the best %s, %.6g", metric->name, taken->score);
		if (kind == RFE_CHOOSE_BEST)
			return;
		if (kind == RFE_CHOOSE_ONE_SE && (taken->folds < 2 || isnan(taken->sd))) {
			text_add(reason, "; without a standard error, which takes two folds, the best is taken");
			return;
		}
		text_add(reason, ", and no smaller set comes ");
		explain_bar(kind, tolerance, bar, reason);
		text_add(reason, " it");
		return;
	}
	text_addf(reason, "is the smallest whose %s, %.6g, is ", metric->name, taken->score);
	explain_bar(kind, tolerance, bar, reason);
	text_addf(reason, " the best, %.6g in round %ld (%zu feature%s)", rounds[best].score, best, rounds[best].features, rounds[best].features == 1 ? "" : "s");
}

long rfe_choose(enum rfe_choose_kind kind, double tolerance, const struct metric *metric, const struct rfe_round *rounds, size_t count, struct text_buf *reason)
{
	long best = best_round(metric, rounds, count, true), chosen;
	bool meeting = best >= 0;
	size_t stand_back = 0;
	double bar;

	if (!meeting)
		best = best_round(metric, rounds, count, false);
	chosen = best;
	if (best < 0) {
		if (reason) {
			reason_begin(reason);
			text_add(reason, "no round has a score");
		}
		return -1;
	}
	bar = bar_of(kind, tolerance, &rounds[best]);
	for (size_t r = 0; kind != RFE_CHOOSE_BEST && r < count; r++)
		if (!(meeting && rounds[r].missed) && metric_gain(metric, rounds[best].score, rounds[r].score) <= bar && is_preferred(metric, &rounds[r], &rounds[chosen]))
			chosen = (long)r;
	for (size_t r = 0; r < count; r++)
		stand_back += meeting && rounds[r].missed;
	if (reason)
		explain_choice(kind, tolerance, bar, metric, rounds, best, chosen, reason);
	if (reason && stand_back)
		text_addf(reason, "; %zu round%s that miss%s the constraints stand%s back", stand_back, stand_back == 1 ? "" : "s", stand_back == 1 ? "es" : "", stand_back == 1 ? "s" : "");
	return chosen;
}
