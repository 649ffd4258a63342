#include "engines/split/split.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/address.h"
#include "engines/split/split_list.h"
#include "storage/base/mem.h"

static int compare_items(const void *left, const void *right)
{
	const struct split_item *a = left, *b = right;

	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	if (a->second != b->second)
		return a->second < b->second ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

void split_items_sort(struct split_item *items, size_t count)
{
	qsort(items, count, sizeof(*items), compare_items);
}

struct split_item *split_rows_by_stratum(const struct split_request *request, const uint8_t *fold, const char *purpose,
	unsigned repeat, bool shuffle, size_t *count)
{
	struct split_item *items = mem_array(request->rows, sizeof(*items));
	uint64_t key = address_hash(address_text(address_text(request->seed, "split"), purpose), repeat);
	size_t n = 0;

	if (!items)
		return NULL;
	for (size_t i = 0; i < request->rows; i++) {
		if (fold[i] == SPLIT_HOLDOUT)
			continue;
		items[n++] = (struct split_item){.first = request->stratum ? request->stratum[i] : 0,
		                                 .second = shuffle ? address_hash(key, i) : i,
		                                 .index = (uint32_t)i};
	}
	split_items_sort(items, n);
	*count = n;
	return items;
}

/* --- the holdout --- */

/* In the order of strata every n/m-th row is taken, so each stratum gives its share within one row. */
static int holdout_draw(const struct split_request *request, uint8_t *fold, struct orch_err *err)
{
	double want = round(request->holdout_fraction * (double)request->rows);
	size_t n, m = (size_t)want;
	struct split_item *items;

	if (m == 0)
		return orch_fail(err, ORCH_EINPUT, "split.holdout: %g of %zu rows is less than one row; raise it or leave it out",
		                 request->holdout_fraction, request->rows);
	items = split_rows_by_stratum(request, fold, "holdout", 0, true, &n);
	if (!items)
		return orch_fail(err, ORCH_ENOMEM, "no memory to draw the holdout of %zu rows", request->rows);
	for (size_t p = 0; p < n; p++) {
		unsigned __int128 before = (unsigned __int128)p * m / n, after = ((unsigned __int128)p + 1) * m / n;

		if (after > before)
			fold[items[p].index] = SPLIT_HOLDOUT;
	}
	free(items);
	return 0;
}

/* Rows in order of time; ties by row. The sign bit is turned so that the bits of a double sort as its value. */
static struct split_item *rows_by_time(const struct split_request *request, const uint8_t *fold, size_t *count)
{
	struct split_item *items = mem_array(request->rows, sizeof(*items));
	size_t n = 0;

	for (size_t i = 0; items && i < request->rows; i++) {
		double value = request->order[i] == 0 ? 0 : request->order[i]; /* -0 is 0 */
		uint64_t bits;

		if (fold[i] == SPLIT_HOLDOUT)
			continue;
		memcpy(&bits, &value, sizeof(bits));
		bits = bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
		items[n++] = (struct split_item){.first = bits, .index = (uint32_t)i};
	}
	if (items)
		split_items_sort(items, n);
	*count = n;
	return items;
}

static int holdout_last(const struct split_request *request, uint8_t *fold, struct orch_err *err)
{
	size_t n, m = (size_t)round(request->holdout_fraction * (double)request->rows);
	struct split_item *items;

	if (m == 0)
		return orch_fail(err, ORCH_EINPUT, "split.holdout: %g of %zu rows is less than one row; raise it or leave it out",
		                 request->holdout_fraction, request->rows);
	items = rows_by_time(request, fold, &n);
	if (!items)
		return orch_fail(err, ORCH_ENOMEM, "no memory to sort %zu rows by time", request->rows);
	for (size_t p = n - m; p < n; p++)
		fold[items[p].index] = SPLIT_HOLDOUT;
	free(items);
	return 0;
}

static int holdout_fill(const struct split_request *request, uint8_t *fold, struct orch_err *err)
{
	if (request->holdout_flag) {
		for (size_t i = 0; i < request->rows; i++)
			fold[i] = request->holdout_flag[i] ? SPLIT_HOLDOUT : 0;
		return 0;
	}
	if (request->holdout_fraction == 0)
		return 0;
	if (request->kind == SPLIT_TIME)
		return holdout_last(request, fold, err);
	if (request->kind == SPLIT_GROUP)
		return split_groups_holdout(request, fold, err);
	return holdout_draw(request, fold, err);
}

/* --- the folds --- */

/* Positions in [start, end) that are f modulo k. */
static size_t positions_of(size_t start, size_t end, unsigned f, unsigned k)
{
	return (end + k - 1 - f) / k - (start + k - 1 - f) / k;
}

/* The folds get as many rows of [start, end), which is one stratum, as by dealing, but consecutive ones. */
static void deal_blocks(const struct split_item *items, size_t start, size_t end, unsigned k, uint8_t *fold)
{
	size_t next = start;

	for (unsigned f = 0; f < k; f++)
		for (size_t left = positions_of(start, end, f, k); left; left--)
			fold[items[next++].index] = (uint8_t)f;
}

/* Dealt one after another in the order of strata: a stratum, and the whole, gives each fold its share within one row. */
int split_fill_kfold(const struct split_request *request, struct split *split, unsigned repeat, struct orch_err *err)
{
	uint8_t *fold = split->fold + (size_t)repeat * split->rows;
	size_t n;
	struct split_item *items = split_rows_by_stratum(request, split->fold, "folds", repeat, request->shuffle, &n);

	if (!items)
		return orch_fail(err, ORCH_ENOMEM, "no memory to deal %zu rows to folds", request->rows);
	for (size_t p = 0; request->shuffle && p < n; p++)
		fold[items[p].index] = (uint8_t)(p % split->k);
	for (size_t start = 0, end; !request->shuffle && start < n; start = end) {
		for (end = start; end < n && items[end].first == items[start].first; end++)
			;
		deal_blocks(items, start, end, split->k, fold);
	}
	free(items);
	return 0;
}

int split_fill_time(const struct split_request *request, struct split *split, size_t left, struct orch_err *err)
{
	size_t n, blocks = (size_t)split->k + 1, first_end = left / blocks;
	struct split_item *items;

	if (request->gap > 0 && (uint64_t)request->gap >= first_end)
		return orch_fail(err, ORCH_EINPUT,
		                 "split.folds.gap: %lld rows leave nothing to train on in the first fold, whose past has %zu rows; "
		                 "take a smaller gap or fewer folds",
		                 (long long)request->gap, first_end);
	items = rows_by_time(request, split->fold, &n);
	split->rank = mem_array(split->rows, sizeof(*split->rank));
	if (!items || !split->rank) {
		free(items);
		return orch_fail(err, ORCH_ENOMEM, "no memory to sort %zu rows by time", request->rows);
	}
	for (size_t b = 0, p = 0; b < blocks; b++)
		for (size_t end = (size_t)((unsigned __int128)(b + 1) * n / blocks); p < end; p++) {
			split->fold[items[p].index] = (uint8_t)b;
			split->rank[items[p].index] = (uint32_t)p;
		}
	free(items);
	return 0;
}

static int compare_doubles(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

/* Distinct fold numbers of rows that are not held out, ascending. */
static int column_numbers(const struct split_request *request, const uint8_t *fold, double *numbers, unsigned *count, struct orch_err *err)
{
	unsigned n = 0;

	for (size_t i = 0; i < request->rows; i++) {
		double value = request->fold_column[i];
		unsigned seen = 0;

		if (isnan(value) || fold[i] == SPLIT_HOLDOUT)
			continue;
		if (value != floor(value) || isinf(value))
			return orch_fail(err, ORCH_EINPUT, "split.folds.by: %g in row %zu is no fold number; take whole numbers", value, i);
		while (seen < n && numbers[seen] != value)
			seen++;
		if (seen == SPLIT_MAX_FOLDS)
			return orch_fail(err, ORCH_EINPUT, "split.folds.by: more than %d different fold numbers", SPLIT_MAX_FOLDS);
		if (seen == n)
			numbers[n++] = value;
	}
	if (n < 2)
		return orch_fail(err, ORCH_EINPUT, "split.folds.by: the column has %u fold number%s outside the holdout; at least 2 are needed", n,
		                 n == 1 ? "" : "s");
	qsort(numbers, n, sizeof(*numbers), compare_doubles);
	*count = n;
	return 0;
}

int split_fill_column(const struct split_request *request, struct split *split, struct orch_err *err)
{
	double numbers[SPLIT_MAX_FOLDS];
	int code = column_numbers(request, split->fold, numbers, &split->k, err);

	for (size_t i = 0; !code && i < request->rows; i++) {
		double value = request->fold_column[i];
		const double *found;

		if (split->fold[i] == SPLIT_HOLDOUT)
			continue;
		found = isnan(value) ? NULL : bsearch(&value, numbers, split->k, sizeof(*numbers), compare_doubles);
		split->fold[i] = found ? (uint8_t)(found - numbers) : SPLIT_UNUSED;
	}
	return code;
}

/* --- checks, and all together --- */

static int check_numbers(const struct split_request *request, struct orch_err *err)
{
	if (request->rows < 2 || request->rows > UINT32_MAX)
		return orch_fail(err, ORCH_EINPUT, "split: %zu rows cannot be split; 2 to 4,294,967,295 can", request->rows);
	if (!(request->holdout_fraction >= 0 && request->holdout_fraction < 1))
		return orch_fail(err, ORCH_EINPUT, "split.holdout: %g is no fraction; take 0 (none) or more, and less than 1",
		                 request->holdout_fraction);
	if (request->repeats < 1)
		return orch_fail(err, ORCH_EINPUT, "split.folds.repeats must be at least 1");
	if (request->kind == SPLIT_COLUMN)
		return 0;
	if (request->k < (request->kind == SPLIT_TIME ? 1 : 2))
		return orch_fail(err, ORCH_EINPUT, "split.folds.k: %u is too few; at least %d", request->k, request->kind == SPLIT_TIME ? 1 : 2);
	if (request->k > SPLIT_MAX_FOLDS || request->repeats > SPLIT_MAX_FOLDS || request->k * request->repeats > SPLIT_MAX_FOLDS)
		return orch_fail(err, ORCH_EINPUT, "split.folds: k x repeats is %llu; at most %d",
		                 (unsigned long long)request->k * request->repeats, SPLIT_MAX_FOLDS);
	return 0;
}

static int check_kind(const struct split_request *request, struct orch_err *err)
{
	bool drawn = request->kind == SPLIT_KFOLD || request->kind == SPLIT_GROUP;

	if (request->repeats > 1 && !(drawn && request->shuffle))
		return orch_fail(err, ORCH_EINPUT, "split.folds.repeats: %u repeats would be the same folds each time, because %s; take 1",
		                 request->repeats,
		                 request->kind == SPLIT_TIME     ? "time gives their order"
		                 : request->kind == SPLIT_COLUMN ? "a column gives them"
		                                                 : "nothing is shuffled");
	if (request->kind != SPLIT_TIME)
		return 0;
	if (request->window < 0 || request->gap < 0)
		return orch_fail(err, ORCH_EINPUT, "split.folds: window and gap are numbers of rows and cannot be negative");
	for (size_t i = 0; i < request->rows; i++)
		if (isnan(request->order[i]))
			return orch_fail(err, ORCH_EINPUT, "split.folds.by: row %zu has no value to order by; fill it or leave the row out", i);
	return 0;
}

static int check_left(const struct split_request *request, const uint8_t *fold, size_t *left, struct orch_err *err)
{
	size_t need = request->kind == SPLIT_COLUMN ? 2 : request->kind == SPLIT_TIME ? (size_t)request->k + 1 : request->k;

	*left = 0;
	for (size_t i = 0; i < request->rows; i++)
		*left += fold[i] != SPLIT_HOLDOUT;
	if (*left < need)
		return orch_fail(err, ORCH_EINPUT,
		                 "split: %zu of %zu rows remain beside the holdout, too few for %zu %s; take fewer folds or a smaller holdout", *left,
		                 request->rows, need, request->kind == SPLIT_TIME ? "blocks of time (k + 1)" : "folds");
	return 0;
}

/* The holdout is the same in all repeats. */
static void repeat_holdout(struct split *split)
{
	for (unsigned r = 1; r < split->repeats; r++)
		for (size_t i = 0; i < split->rows; i++)
			split->fold[r * split->rows + i] = split->fold[i] == SPLIT_HOLDOUT ? SPLIT_HOLDOUT : 0;
}

static int fill(const struct split_request *request, struct split *split, struct orch_err *err)
{
	size_t left;
	int code = holdout_fill(request, split->fold, err);

	if (!code)
		code = check_left(request, split->fold, &left, err);
	if (code)
		return code;
	repeat_holdout(split);
	if (request->kind == SPLIT_TIME)
		return split_fill_time(request, split, left, err);
	if (request->kind == SPLIT_COLUMN)
		return split_fill_column(request, split, err);
	for (unsigned r = 0; !code && r < split->repeats; r++)
		code = request->kind == SPLIT_GROUP ? split_fill_groups(request, split, r, err) : split_fill_kfold(request, split, r, err);
	return code;
}

int split_build(const struct split_request *request, struct split **out, struct orch_err *err)
{
	struct split *split;
	int code = check_numbers(request, err);

	if (!code)
		code = check_kind(request, err);
	if (code)
		return code;
	split = mem_must(1, sizeof(*split));
	*split = (struct split){.rows = request->rows,
	                        .kind = request->kind,
	                        .k = request->k,
	                        .repeats = request->repeats,
	                        .window = request->kind == SPLIT_TIME ? request->window : 0,
	                        .gap = request->kind == SPLIT_TIME ? request->gap : 0};
	split->fold = mem_array(split->repeats, split->rows);
	code = split->fold ? fill(request, split, err) : orch_fail(err, ORCH_ENOMEM, "no memory for the folds of %zu rows", split->rows);
	if (code)
		split_release(split);
	else
		*out = split;
	return code;
}

void split_release(struct split *split)
{
	if (!split)
		return;
	free(split->fold);
	free(split->rank);
	free(split);
}
