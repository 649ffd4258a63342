/* A Gaussian process and expected improvement (Jones, Schonlau and Welch, J. Global Optimization 13 (1998) 455), its logarithm so that it
 * can be followed where it is tiny (Ament et al., NeurIPS 2023). Pending trials of the generation count as if their scores were the
 * expected ones (kriging believer), so that the next ones look elsewhere.
 *
 * Two priors are used by turns (gp.h): scores that ripple around a smooth trend are seen through by one, followed by the other.
 *
 * The cost of a trial does not grow: of many observations the best HISTORY_BEST are used and the newest up to HISTORY. Scores worse than
 * the median are drawn together logarithmically, so that a few terrible ones do not flatten the rest; failed trials count as the worst.
 * Improvement is sought from random configurations and from the neighbourhood of the best ones: continuous axes by gradient, all others
 * value by value. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "engines/search/descent.h"
#include "engines/search/gp.h"
#include "engines/search/learned.h"
#include "storage/base/mem.h"

#define GENERATION 2 /* see sampler_tpe.c; the process learns more from a trial */
#define STARTUP 10
#define PRIORS 2 /* of gp.h, used by turns */
#define HISTORY 128
#define HISTORY_BEST 48
#define SPREAD 1      /* of the better half's range: from there on worse scores are drawn together */
#define RANDOM 256    /* configurations looked at for a start */
#define NEAR 256      /* and near the best ones */
#define NEAR_BEST 6
#define STARTS 6
#define CALLS 40      /* of the gradient, from a start */
#define TURNS 2       /* through the axes with finitely many values */
#define NEIGHBOURS 16 /* values of such an axis that are tried */

struct start {
	double value;
	uint64_t hash;
	bool near;
};
struct gp_search {
	struct gp gp;
	double best; /* of the standardised losses, pending ones included */
	uint64_t known; /* rows below are in the process, or too old */
	double *theta;  /* of each prior */
	/* scratch */
	double *fractions, *features, *gradients; /* axes; width; 2 x width */
	double *box, *room;                       /* 3 x axes; descent_room(axes) */
	size_t *free, free_count;                 /* continuous axes that are present */
	struct learned *l;
};

static void gp_search_release(void *model)
{
	struct gp_search *s = model;

	gp_release(&s->gp);
	free(s->fractions);
	free(s->features);
	free(s->gradients);
	free(s->box);
	free(s->theta);
	free(s->room);
	free(s->free);
}

/* --- learning --- */

static int compare_doubles(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

/* Drawn together above the median, mean 0, variance 1; a failure is the worst. sorted: scratch. */
static void standardise(double *y, size_t count, double *sorted)
{
	size_t known = 0;
	double median, spread, sum = 0, squares = 0, worst;

	for (size_t i = 0; i < count; i++)
		if (!isnan(y[i]))
			sorted[known++] = y[i];
	qsort(sorted, known, sizeof(*sorted), compare_doubles);
	if (known == 0) {
		memset(y, 0, count * sizeof(*y));
		return;
	}
	median = 0.5 * (sorted[(known - 1) / 2] + sorted[known / 2]);
	spread = SPREAD * (median - sorted[0]);
	worst = sorted[known - 1];
	for (size_t i = 0; i < count; i++) {
		y[i] = isnan(y[i]) ? worst : y[i];
		if (spread > 0 && y[i] > median)
			y[i] = median + spread * log1p((y[i] - median) / spread);
		sum += y[i] / (double)count;
	}
	for (size_t i = 0; i < count; i++)
		squares += (y[i] - sum) * (y[i] - sum) / (double)count;
	for (size_t i = 0; i < count; i++)
		y[i] = squares > 0 ? (y[i] - sum) / sqrt(squares) : 0;
}

/* Rows in order: the best, then the newest that are not among them. */
static size_t choose_history(const struct learned *l, uint64_t *rows)
{
	size_t count = 0, best = 0;

	if (l->scored <= HISTORY) {
		for (uint64_t row = 0; row < l->scored; row++)
			rows[count++] = row;
		return count;
	}
	while (best < HISTORY_BEST && best < l->best_count)
		rows[count++] = l->best[best++];
	for (uint64_t row = l->scored; row-- > 0 && count < HISTORY;) {
		bool had = false;

		for (size_t i = 0; i < best; i++)
			had = had || rows[i] == row;
		if (!had)
			rows[count++] = row;
	}
	return count;
}

static int gp_search_learn(struct learned *l, struct orch_err *err)
{
	struct gp_search *s = l->model;
	uint64_t rows[HISTORY];
	size_t count = choose_history(l, rows);
	double y[HISTORY], sorted[HISTORY];
	int threads;
	bool fitted = true;

	gp_search_release(s);
	*s = (struct gp_search){.l = l, .known = l->scored, .best = INFINITY};
	gp_init(&s->gp, l->space, HISTORY + l->generation);
	s->fractions = mem_must(l->axes + 1, sizeof(double));
	s->features = mem_must(s->gp.width + 1, sizeof(double));
	s->gradients = mem_must(2 * s->gp.width + 1, sizeof(double));
	s->box = mem_must(3 * l->axes + 1, sizeof(double));
	s->theta = mem_must(PRIORS * (l->axes + 2), sizeof(double));
	s->room = mem_must(descent_room(l->axes), sizeof(double));
	s->free = mem_must(l->axes + 1, sizeof(*s->free));
	for (size_t i = 0; i < count; i++)
		y[i] = l->losses[rows[i]];
	standardise(y, count, sorted);
	for (size_t i = 0; i < count; i++) {
		gp_features(&s->gp, l->fractions + rows[i] * l->axes, l->digits + rows[i] * l->axes, s->features);
		gp_add(&s->gp, s->features, y[i]);
		s->best = fmin(s->best, y[i]);
	}
	threads = gp_begin_single();
	for (unsigned k = 0; fitted && k < PRIORS; k++) {
		fitted = gp_fit(&s->gp, k);
		memcpy(s->theta + k * (l->axes + 2), s->gp.theta, (l->axes + 2) * sizeof(double));
	}
	gp_end_single(threads);
	return fitted ? 0 : orch_fail(err, ORCH_EFIT, "the Gaussian process of %zu trials cannot be factored", count);
}

/* --- improvement --- */

/* log of phi(z) + z Phi(z), and Phi and phi over it. */
static double log_improvement(double z, double *below, double *density)
{
	double phi = 0.39894228040143267794 * exp(-0.5 * z * z), all = 0.5 * erfc(-z * 0.70710678118654752440), h;

	if (z > -25) {
		h = phi + z * all;
		*below = all / h;
		*density = phi / h;
		return log(h);
	}
	*below = -z * (1 + 2 / (z * z)); /* asymptotic series */
	*density = z * z * (1 + 3 / (z * z));
	return -0.5 * z * z - 0.91893853320467274178 - 2 * log(-z) - 3 / (z * z);
}

/* Minus the log of the expected improvement at s->features; its gradient by feature into the first width of s->gradients. */
static double unimprovement(struct gp_search *s, bool want_gradient)
{
	double mean, variance, sd, z, value, below, density, *gradient = s->gradients, *of_variance = gradient + s->gp.width;

	gp_predict(&s->gp, s->features, &mean, &variance, want_gradient ? gradient : NULL, of_variance);
	sd = sqrt(variance);
	z = (s->best - mean) / sd;
	value = log_improvement(z, &below, &density) + log(sd);
	for (size_t f = 0; want_gradient && f < s->gp.width; f++)
		gradient[f] = below / sd * gradient[f] - density / sd * of_variance[f] / (2 * sd);
	return -value;
}

static double unimprovement_of_candidate(struct gp_search *s)
{
	for (size_t a = 0; a < s->l->axes; a++)
		s->fractions[a] = configuration_fraction(s->l->space, a, &s->l->candidate);
	gp_features(&s->gp, s->fractions, s->l->candidate.digits, s->features);
	return unimprovement(s, false);
}

static double along_free_axes(void *context, const double *x, double *gradient)
{
	struct gp_search *s = context;
	double value;

	for (size_t i = 0; i < s->free_count; i++)
		s->features[s->gp.first[s->free[i]]] = x[i];
	value = unimprovement(s, true);
	for (size_t i = 0; i < s->free_count; i++)
		gradient[i] = s->gradients[s->gp.first[s->free[i]]];
	return value;
}

static uint64_t bits_of(double fraction)
{
	return (uint64_t)(fmin(1 - 0x1p-53, fmax(0, fraction)) * 0x1p53) << 11;
}

/* The candidate's continuous axes to where improvement is largest nearby. */
static double climb(struct gp_search *s)
{
	struct learned *l = s->l;
	double *low = s->box, *high = low + l->axes, *x = high + l->axes, value = unimprovement_of_candidate(s);

	s->free_count = 0;
	for (size_t a = 0; a < l->axes; a++)
		if (l->candidate.digits[a] != SPACE_ABSENT && space_axis_count(l->space, a) == SPACE_ENDLESS) {
			low[s->free_count] = 0;
			high[s->free_count] = 1;
			x[s->free_count] = s->fractions[a];
			s->free[s->free_count++] = a;
		}
	if (s->free_count == 0 || !isfinite(value))
		return value;
	value = descent_run(along_free_axes, s, s->free_count, low, high, CALLS, x, s->room);
	for (size_t i = 0; i < s->free_count; i++)
		configuration_set(l->space, s->free[i], bits_of(x[i]), &l->candidate);
	return value;
}

/* --- configurations to start from --- */

/* Sets the candidate again in the order of the space with one axis moved to a digit; axes that come to be are drawn. */
static void with_digit(struct gp_search *s, const struct configuration *base, size_t axis, uint64_t digit, uint64_t key)
{
	struct learned *l = s->l;

	for (size_t i = 0; i < l->axes; i++) {
		size_t a = space_order(l->space)[i];

		if (!configuration_set(l->space, a, address_hash(key, a), &l->candidate) || base->digits[a] == SPACE_ABSENT)
			continue;
		l->candidate.digits[a] = a == axis ? digit : base->digits[a];
		l->candidate.values[a] = base->values[a];
	}
}

static void random_candidate(struct gp_search *s, uint64_t key)
{
	for (size_t i = 0; i < s->l->axes; i++) {
		size_t a = space_order(s->l->space)[i];

		configuration_set(s->l->space, a, address_hash(key, a), &s->l->candidate);
	}
}

static double normal_of(uint64_t key)
{
	return sqrt(-2 * log(1 - address_unit(address_hash(key, 1)))) * cos(6.28318530717958647692 * address_unit(address_hash(key, 2)));
}

/* Near one of the best rows: every axis moves with some chance, ranges by a little. */
static void near_candidate(struct gp_search *s, uint64_t key)
{
	struct learned *l = s->l;
	size_t among = l->best_count < NEAR_BEST ? l->best_count : NEAR_BEST;
	uint64_t row = l->best[address_below(address_text(key, "row"), among)];
	double width = address_hash(key, l->axes) & 1 ? 0.1 : 0.02, chance = fmax(0.3, 1.5 / (double)l->axes);

	for (size_t i = 0; i < l->axes; i++) {
		size_t a = space_order(l->space)[i];
		uint64_t hash = address_hash(key, a), fraction = hash;
		const double at = l->fractions[row * l->axes + a];
		bool moves = address_unit(address_text(hash, "moves")) < chance;

		if (l->digits[row * l->axes + a] != SPACE_ABSENT) {
			if (!moves)
				fraction = bits_of(at);
			else if (space_axis(l->space, a)->kind != SPACE_CHOICE)
				fraction = bits_of(at + width * normal_of(hash));
		}
		configuration_set(l->space, a, fraction, &l->candidate);
	}
}

static void start_candidate(struct gp_search *s, const struct start *start)
{
	if (start->near)
		near_candidate(s, start->hash);
	else
		random_candidate(s, start->hash);
}

/* The best starts, the earlier first where equal. */
static size_t find_starts(struct gp_search *s, uint64_t key, struct start best[STARTS])
{
	size_t count = 0;

	for (uint64_t k = 0; k < RANDOM + (s->l->best_count ? NEAR : 0); k++) {
		struct start start = {.hash = address_hash(key, k), .near = k >= RANDOM};
		size_t at;

		start_candidate(s, &start);
		start.value = unimprovement_of_candidate(s);
		for (at = count; at > 0 && best[at - 1].value > start.value; at--)
			if (at < STARTS)
				best[at] = best[at - 1];
		if (at < STARTS)
			best[at] = start;
		count += count < STARTS;
	}
	return count;
}

static void copy_configuration(const struct learned *l, const struct configuration *from, struct configuration *to)
{
	memcpy(to->digits, from->digits, l->axes * sizeof(*to->digits));
	memcpy(to->values, from->values, l->axes * sizeof(*to->values));
}

/* Each axis with finitely many values to its best one, the others as they are. Returns the value there. */
static double step_digits(struct gp_search *s, double value, uint64_t key, struct configuration *at)
{
	struct learned *l = s->l;

	for (size_t a = 0; a < l->axes; a++) {
		uint64_t count = space_axis_count(l->space, a), own = at->digits[a], tried = count < NEIGHBOURS ? count : NEIGHBOURS, first;

		if (count == SPACE_ENDLESS || own == SPACE_ABSENT)
			continue;
		first = own < tried / 2 ? 0 : own - tried / 2;
		if (first + tried > count)
			first = count - tried;
		for (uint64_t digit = first; digit < first + tried; digit++) {
			double moved;

			if (digit == at->digits[a])
				continue;
			with_digit(s, at, a, digit, address_hash(key, digit));
			moved = unimprovement_of_candidate(s);
			if (!(moved < value))
				continue;
			value = moved;
			copy_configuration(l, &l->candidate, at);
		}
	}
	copy_configuration(l, at, &l->candidate);
	return value;
}

static double refine(struct gp_search *s, uint64_t key, struct configuration *at)
{
	double value = climb(s);

	copy_configuration(s->l, &s->l->candidate, at);
	for (unsigned turn = 0; turn < TURNS; turn++) {
		double stepped = step_digits(s, value, address_hash(key, turn), at);

		if (!(stepped < value))
			break;
		value = climb(s);
		copy_configuration(s->l, &s->l->candidate, at);
	}
	return value;
}

/* --- choosing --- */

/* Pending trials are believed to score what is expected of them. */
static bool believe(struct gp_search *s)
{
	struct learned *l = s->l;
	bool conditioned;

	memcpy(s->gp.theta, s->theta + l->rows % PRIORS * (l->axes + 2), (l->axes + 2) * sizeof(double));
	conditioned = gp_condition(&s->gp);
	for (; conditioned && s->known < l->rows; s->known++) {
		double mean, variance;

		gp_features(&s->gp, l->fractions + s->known * l->axes, l->digits + s->known * l->axes, s->features);
		gp_predict(&s->gp, s->features, &mean, &variance, NULL, NULL);
		gp_add(&s->gp, s->features, mean);
		s->best = fmin(s->best, mean);
		conditioned = gp_condition(&s->gp);
	}
	return conditioned;
}

static bool is_new(const struct learned *l)
{
	return !configuration_set_has(&l->had, configuration_print(l->space, &l->candidate));
}

/* The start that got furthest; starts that led to what was there before count as they were. */
static bool search(struct gp_search *s, uint64_t key)
{
	struct learned *l = s->l;
	struct start starts[STARTS];
	size_t count = find_starts(s, key, starts);
	struct configuration at, best;
	double best_value = INFINITY;

	configuration_init(l->space, &at);
	configuration_init(l->space, &best);
	for (size_t k = 0; k < count; k++) {
		double value;

		start_candidate(s, &starts[k]);
		value = refine(s, starts[k].hash, &at);
		if (!is_new(l)) {
			start_candidate(s, &starts[k]);
			value = starts[k].value;
		}
		if (!is_new(l) || !(value < best_value))
			continue;
		best_value = value;
		copy_configuration(l, &l->candidate, &best);
	}
	copy_configuration(l, &best, &l->candidate);
	configuration_release(&at);
	configuration_release(&best);
	return best_value < INFINITY;
}

static int gp_search_choose(struct learned *l, uint64_t key, bool *found, struct orch_err *err)
{
	struct gp_search *s = l->model;
	int threads = gp_begin_single();
	bool conditioned = believe(s);

	if (conditioned)
		*found = search(s, key);
	gp_end_single(threads);
	return conditioned ? 0 : orch_fail(err, ORCH_EFIT, "the Gaussian process with %llu pending trials cannot be factored",
	                                   (unsigned long long)(l->rows - l->scored));
}

static const struct learned_ops gp_ops = {
	.name = "gp",
	.generation = GENERATION,
	.startup = STARTUP,
	.model_size = sizeof(struct gp_search),
	.release = gp_search_release,
	.learn = gp_search_learn,
	.choose = gp_search_choose,
};

static int gp_open(const struct sampler_request *request, void **state, struct orch_err *err)
{
	return learned_open(request, &gp_ops, state, err);
}

const struct sampler sampler_gp = {
	.name = "gp",
	.help = "learns from scores by a Gaussian process, tries where it expects the most improvement; for costly trials",
	.generation = GENERATION,
	.open = gp_open,
	.close = learned_close,
	.count = learned_count,
	.propose = learned_propose,
};
