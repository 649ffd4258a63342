/* Successive halving over folds, and Hyperband: several halvings side by side that start at different numbers of folds. */
#include <math.h>
#include <stdlib.h>

#include "engines/search/pruner.h"
#include "storage/base/mem.h"

#define BRACKETS 64 /* more than there can be: log2 of the number of folds, and one */

static double eta_of(const struct pruner_request *request)
{
	if (request->eta > 1)
		return request->eta;
	return request->folds >= 9 ? 3 : 2;
}

/* --- keeping the best of a group --- */

struct ranked {
	double mean;
	size_t member;
	bool maximise;
};

static int compare_ranked(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;
	const struct pruner_request request = {.maximise = a->maximise};

	if (pruner_worse(&request, a->mean, b->mean))
		return 1;
	if (pruner_worse(&request, b->mean, a->mean))
		return -1;
	return a->member < b->member ? -1 : a->member > b->member;
}

/* Of the members named, `keep` go on; those with a failed fold never do. room: for count. */
static void keep_best(const struct pruner_request *request, const struct pruner_cohort *cohort, const size_t *members, size_t count,
                      unsigned rung, size_t keep, struct ranked *room, bool *stop)
{
	size_t left = 0;

	for (size_t i = 0; i < count; i++) {
		const struct pruner_trial *trial = &cohort->trials[members[i]];

		stop[members[i]] = true;
		if (trial->folds >= rung)
			room[left++] = (struct ranked){pruner_mean(trial, rung), members[i], request->maximise};
	}
	qsort(room, left, sizeof(*room), compare_ranked);
	for (size_t i = 0; i < left && i < keep; i++)
		stop[room[i].member] = isnan(room[i].mean);
}

/* Of `count` trials after `level` + 1 cuts. */
static size_t left_of(size_t count, double eta, unsigned level)
{
	return (size_t)fmax(1, floor((double)count * pow(eta, -(double)(level + 1)) + 1e-9));
}

/* --- halving --- */

/* eta^level, rounded down. */
static unsigned halving_rung(double eta, unsigned level)
{
	return (unsigned)fmin(1e9, floor(pow(eta, level) + 1e-9));
}

static unsigned halving_next(const struct pruner_request *request, unsigned after)
{
	unsigned level = 0;

	while (halving_rung(eta_of(request), level) <= after)
		level++;
	return halving_rung(eta_of(request), level) < request->folds ? halving_rung(eta_of(request), level) : request->folds;
}

/* As many as leave one at the last rung. */
static size_t halving_cohort(const struct pruner_request *request)
{
	double count = eta_of(request);

	for (unsigned rung = halving_next(request, 0); (rung = halving_next(request, rung)) < request->folds;)
		count *= eta_of(request);
	return (size_t)fmin(1000, ceil(count - 1e-9));
}

static int halving_decide(const struct pruner_request *request, const struct pruner_cohort *cohort, unsigned rung, bool *stop, struct orch_err *err)
{
	struct ranked *room = mem_array(cohort->count + 1, sizeof(*room));
	size_t *members = mem_array(cohort->count + 1, sizeof(*members));
	unsigned level = 0, at;

	if (!room || !members) {
		free(room);
		free(members);
		return orch_fail(err, ORCH_ENOMEM, "no memory for a cohort of %zu trials", cohort->count);
	}
	for (at = halving_next(request, 0); at < rung; at = halving_next(request, at))
		level++;
	for (size_t i = 0; i < cohort->count; i++) {
		members[i] = i;
		stop[i] = cohort->trials[i].folds < rung;
	}
	if (at == rung && rung < request->folds)
		keep_best(request, cohort, members, cohort->count, rung, left_of(cohort->count, eta_of(request), level), room, stop);
	free(room);
	free(members);
	return 0;
}

static double halving_goes_on(const struct pruner_request *request, size_t number, unsigned position)
{
	(void)number;
	return halving_next(request, position - 1) == position ? 1 / eta_of(request) : 1;
}

const struct pruner pruner_halving = {
	.name = "halving",
	.help = "keeps the best part of each group of trials after 1, 2, 4 ... folds",
	.cohort = halving_cohort,
	.next_rung = halving_next,
	.decide = halving_decide,
	.goes_on = halving_goes_on,
};

/* --- Hyperband --- */

/* Bracket s of s_max .. 0 halves s times, behind R eta^-s, R eta^(1-s) ... folds. One turn puts sizes[s] trials into each. */
struct brackets {
	double eta;
	unsigned top; /* s_max */
	size_t sizes[BRACKETS], turn;
};

static struct brackets brackets_of(const struct pruner_request *request)
{
	struct brackets b = {.eta = eta_of(request)};

	while (b.top + 1 < BRACKETS && pow(b.eta, b.top + 1) <= request->folds * (1 + 1e-9))
		b.top++;
	for (unsigned s = 0; s <= b.top; s++) {
		b.sizes[s] = (size_t)ceil((b.top + 1.0) / (s + 1.0) * pow(b.eta, s) - 1e-9);
		b.turn += b.sizes[s];
	}
	return b;
}

static unsigned bracket_rung(const struct pruner_request *request, const struct brackets *b, unsigned s, unsigned level)
{
	return (unsigned)fmax(1 + level, round(request->folds * pow(b->eta, (double)level - s)));
}

static unsigned hyperband_next(const struct pruner_request *request, unsigned after)
{
	struct brackets b = brackets_of(request);
	unsigned next = request->folds;

	for (unsigned s = 0; s <= b.top; s++)
		for (unsigned level = 0; level < s; level++) {
			unsigned rung = bracket_rung(request, &b, s, level);

			next = rung > after && rung < next ? rung : next;
		}
	return next;
}

static size_t hyperband_cohort(const struct pruner_request *request)
{
	return brackets_of(request).turn;
}

/* The members of a turn's bracket in the cohort; the bracket that stops earliest comes first. */
static size_t bracket_members(const struct brackets *b, size_t turn, unsigned s, size_t cohort, size_t *members)
{
	size_t first = turn * b->turn, count = 0;

	for (unsigned above = b->top; above > s; above--)
		first += b->sizes[above];
	while (count < b->sizes[s] && first + count < cohort) {
		members[count] = first + count;
		count++;
	}
	return count;
}

static int hyperband_decide(const struct pruner_request *request, const struct pruner_cohort *cohort, unsigned rung, bool *stop, struct orch_err *err)
{
	struct brackets b = brackets_of(request);
	struct ranked *room = mem_array(b.turn, sizeof(*room));
	size_t *members = mem_array(b.turn, sizeof(*members));

	if (!room || !members) {
		free(room);
		free(members);
		return orch_fail(err, ORCH_ENOMEM, "no memory for a turn of %zu trials", b.turn);
	}
	for (size_t i = 0; i < cohort->count; i++)
		stop[i] = cohort->trials[i].folds < rung;
	for (size_t turn = 0; turn * b.turn < cohort->count; turn++)
		for (unsigned s = 1; s <= b.top; s++)
			for (unsigned level = 0; level < s; level++) {
				size_t count = bracket_members(&b, turn, s, cohort->count, members);

				if (bracket_rung(request, &b, s, level) == rung && rung < request->folds)
					keep_best(request, cohort, members, count, rung, left_of(count, b.eta, level), room, stop);
			}
	free(room);
	free(members);
	return 0;
}

static double hyperband_goes_on(const struct pruner_request *request, size_t number, unsigned position)
{
	struct brackets b = brackets_of(request);
	size_t place = number % b.turn;
	unsigned s = b.top;

	for (; s && place >= b.sizes[s]; s--)
		place -= b.sizes[s];
	for (unsigned level = 0; level < s; level++)
		if (bracket_rung(request, &b, s, level) == position)
			return 1 / b.eta;
	return 1;
}

const struct pruner pruner_hyperband = {
	.name = "hyperband",
	.help = "several halvings side by side, from eager to patient",
	.cohort = hyperband_cohort,
	.next_rung = hyperband_next,
	.decide = hyperband_decide,
	.goes_on = hyperband_goes_on,
};
