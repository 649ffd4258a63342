/* Whole groups into folds and into the holdout, greedily. Both weigh a group by what it brings of each stratum and of the rows
 * altogether, each as a share of its total, so that a rare stratum counts as much as a common one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "engines/split/split_list.h"
#include "storage/base/mem.h"

/* A run of rows of one group and one stratum. */
struct part {
	uint32_t stratum;
	double rows;
};
struct groups {
	size_t strata, count; /* count: groups that have rows outside the holdout */
	double rows;
	double *stratum_rows;    /* [strata] */
	struct part *parts;      /* by group */
	size_t *first;           /* [group_count + 1]: a group's parts */
	double *size;            /* [group_count] rows */
	struct split_item *walk; /* [count]: groups in the order they are placed */
};

static void groups_release(struct groups *groups)
{
	free(groups->stratum_rows);
	free(groups->parts);
	free(groups->first);
	free(groups->size);
	free(groups->walk);
}

static int groups_check(const struct split_request *request, size_t *strata, struct orch_err *err)
{
	*strata = 1;
	for (size_t i = 0; i < request->rows; i++) {
		if (request->group[i] >= request->group_count)
			orch_bug("row %zu has group %u of %zu", i, request->group[i], request->group_count);
		if (request->stratum && request->stratum[i] >= *strata)
			*strata = (size_t)request->stratum[i] + 1;
	}
	if (*strata > request->rows)
		orch_bug("stratum codes up to %zu for %zu rows are not dense", *strata - 1, request->rows);
	if (request->group_count < request->k)
		return orch_fail(err, ORCH_EINPUT, "split.folds: %zu groups cannot fill %u folds; take fewer folds", request->group_count, request->k);
	return 0;
}

static void count_parts(const struct split_request *request, const struct split_item *rows, size_t n, struct groups *groups)
{
	size_t part = 0, p = 0;

	for (size_t g = 0; g < request->group_count; g++) {
		groups->first[g] = part;
		while (p < n && rows[p].first == g) {
			size_t end = p;

			while (end < n && rows[end].first == g && rows[end].second == rows[p].second)
				end++;
			groups->parts[part++] = (struct part){.stratum = (uint32_t)rows[p].second, .rows = (double)(end - p)};
			groups->stratum_rows[rows[p].second] += (double)(end - p);
			groups->size[g] += (double)(end - p);
			p = end;
		}
		groups->count += groups->size[g] > 0;
	}
	groups->first[request->group_count] = part;
	groups->rows = (double)n;
}

static int groups_build(const struct split_request *request, const uint8_t *fold, struct groups *groups, struct orch_err *err)
{
	struct split_item *rows = mem_array(request->rows, sizeof(*rows));
	size_t n = 0;
	int code = groups_check(request, &groups->strata, err);

	groups->stratum_rows = mem_array(groups->strata, sizeof(*groups->stratum_rows));
	groups->parts = mem_array(request->rows, sizeof(*groups->parts));
	groups->first = mem_array(request->group_count + 1, sizeof(*groups->first));
	groups->size = mem_array(request->group_count, sizeof(*groups->size));
	groups->walk = mem_array(request->group_count, sizeof(*groups->walk));
	if (!code && (!rows || !groups->stratum_rows || !groups->parts || !groups->first || !groups->size || !groups->walk))
		code = orch_fail(err, ORCH_ENOMEM, "no memory to sort %zu rows by group", request->rows);
	for (size_t i = 0; !code && i < request->rows; i++)
		if (fold[i] != SPLIT_HOLDOUT)
			rows[n++] = (struct split_item){request->group[i], request->stratum ? request->stratum[i] : 0, (uint32_t)i};
	if (!code) {
		split_items_sort(rows, n);
		count_parts(request, rows, n, groups);
	}
	free(rows);
	return code;
}

/* How adding group g changes the sum over strata, and all rows, of ((have - want) / total)^2, apart from what is the same wherever
 * the group goes. have, want: [strata + 1], the last for all rows. */
static double group_change(const struct groups *groups, size_t g, const double *have, const double *want)
{
	double size = groups->size[g], total = groups->rows;
	double change = size * (2 * (have[groups->strata] - want[groups->strata]) + size) / (total * total);

	for (size_t p = groups->first[g]; groups->strata > 1 && p < groups->first[g + 1]; p++) {
		uint32_t s = groups->parts[p].stratum;
		double n = groups->parts[p].rows;

		change += n * (2 * (have[s] - want[s]) + n) / (groups->stratum_rows[s] * groups->stratum_rows[s]);
	}
	return change;
}

static void group_add(const struct groups *groups, size_t g, double *have)
{
	for (size_t p = groups->first[g]; p < groups->first[g + 1]; p++)
		have[groups->parts[p].stratum] += groups->parts[p].rows;
	have[groups->strata] += groups->size[g];
}

/* Big groups first, as they are hardest to place; among those of about one size (one power of two) a hash decides, so that repeats
 * differ. Without shuffling: exactly by size, then by code. */
static void walk_big_first(const struct split_request *request, unsigned repeat, struct groups *groups)
{
	uint64_t key = address_hash(address_text(address_text(request->seed, "split"), "groups"), repeat);
	size_t n = 0;

	for (size_t g = 0; g < request->group_count; g++) {
		uint64_t size = (uint64_t)groups->size[g];

		if (size == 0)
			continue;
		groups->walk[n++] = (struct split_item){.first = request->shuffle ? (uint64_t)__builtin_clzll(size) : UINT64_MAX - size,
		                                        .second = request->shuffle ? address_hash(key, g) : g,
		                                        .index = (uint32_t)g};
	}
	split_items_sort(groups->walk, n);
}

/* Each group goes where it raises the imbalance least, of equals to the first fold. An empty fold raises it least of all, so the first
 * k groups fill all folds. */
static void place_groups(const struct groups *groups, unsigned k, double *have, const double *nothing, uint8_t *fold_of)
{
	size_t stride = groups->strata + 1;

	for (size_t w = 0; w < groups->count; w++) {
		size_t g = groups->walk[w].index;
		unsigned best = 0;
		double least = INFINITY;

		for (unsigned f = 0; f < k; f++) {
			double change = group_change(groups, g, have + f * stride, nothing);

			if (change < least) {
				least = change;
				best = f;
			}
		}
		group_add(groups, g, have + best * stride);
		fold_of[g] = (uint8_t)best;
	}
}

int split_fill_groups(const struct split_request *request, struct split *split, unsigned repeat, struct orch_err *err)
{
	struct groups groups = {0};
	double *have = NULL, *nothing = NULL;
	uint8_t *fold_of = mem_array(request->group_count, 1), *fold = split->fold + (size_t)repeat * split->rows;
	int code = groups_build(request, split->fold, &groups, err);

	if (!code && groups.count < split->k)
		code = orch_fail(err, ORCH_EINPUT, "split.folds: %zu groups outside the holdout cannot fill %u folds; take fewer folds",
		                 groups.count, split->k);
	if (!code) {
		have = mem_array((groups.strata + 1) * split->k, sizeof(*have));
		nothing = mem_array(groups.strata + 1, sizeof(*nothing));
	}
	if (!code && (!have || !nothing || !fold_of))
		code = orch_fail(err, ORCH_ENOMEM, "no memory to place %zu groups", groups.count);
	if (!code) {
		walk_big_first(request, repeat, &groups);
		place_groups(&groups, split->k, have, nothing, fold_of);
		for (size_t i = 0; i < request->rows; i++)
			if (fold[i] != SPLIT_HOLDOUT)
				fold[i] = fold_of[request->group[i]];
	}
	free(have);
	free(nothing);
	free(fold_of);
	groups_release(&groups);
	return code;
}

/* --- the holdout --- */

static void walk_by_hash(const struct split_request *request, struct groups *groups)
{
	uint64_t key = address_text(address_text(request->seed, "split"), "holdout");
	size_t n = 0;

	for (size_t g = 0; g < request->group_count; g++)
		if (groups->size[g] > 0)
			groups->walk[n++] = (struct split_item){.second = address_hash(key, g), .index = (uint32_t)g};
	split_items_sort(groups->walk, n);
}

/* Groups in the order of their hashes are taken where that comes nearer to the wanted share; k of them always stay. */
static size_t take_groups(const struct groups *groups, unsigned k, double *have, const double *want, uint8_t *taken)
{
	size_t count = 0;

	for (size_t w = 0; w < groups->count && groups->count - count > k; w++) {
		size_t g = groups->walk[w].index;

		if (group_change(groups, g, have, want) >= 0)
			continue;
		group_add(groups, g, have);
		taken[g] = 1;
		count++;
	}
	return count;
}

int split_groups_holdout(const struct split_request *request, uint8_t *fold, struct orch_err *err)
{
	struct groups groups = {0};
	double *have = NULL, *want = NULL;
	uint8_t *taken = mem_array(request->group_count, 1);
	int code = groups_build(request, fold, &groups, err);

	if (!code) {
		have = mem_array(groups.strata + 1, sizeof(*have));
		want = mem_array(groups.strata + 1, sizeof(*want));
	}
	if (!code && (!have || !want || !taken))
		code = orch_fail(err, ORCH_ENOMEM, "no memory to draw the holdout from %zu groups", groups.count);
	if (!code) {
		for (size_t s = 0; s < groups.strata; s++)
			want[s] = request->holdout_fraction * groups.stratum_rows[s];
		want[groups.strata] = request->holdout_fraction * groups.rows;
		walk_by_hash(request, &groups);
		if (take_groups(&groups, request->k, have, want, taken) == 0)
			code = orch_fail(err, ORCH_EINPUT,
			                 "split.holdout: no whole group of the %zu comes near %g of the rows while %u folds keep theirs; take "
			                 "fewer folds, a larger holdout, or a column that marks it",
			                 groups.count, request->holdout_fraction, request->k);
	}
	for (size_t i = 0; !code && i < request->rows; i++)
		if (taken[request->group[i]])
			fold[i] = SPLIT_HOLDOUT;
	free(have);
	free(want);
	free(taken);
	groups_release(&groups);
	return code;
}
