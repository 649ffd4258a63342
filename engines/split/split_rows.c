/* Which rows a fold trains on and is tested with. */
#include <stdlib.h>

#include "engines/split/split.h"
#include "storage/base/mem.h"

enum part { PART_NONE, PART_TRAIN, PART_TEST };

/* The past of a test that starts at position `start` of the order: [from, to). */
struct past {
	uint64_t from, to;
};

static struct past past_of(const struct split *split, uint64_t start)
{
	uint64_t gap = (uint64_t)split->gap, window = (uint64_t)split->window;
	struct past past = {.to = start > gap ? start - gap : 0};

	past.from = window > 0 && past.to > window ? past.to - window : 0;
	return past;
}

static bool is_in_past(const struct past *past, const struct split *split, size_t row)
{
	return split->rank[row] >= past->from && split->rank[row] < past->to;
}

/* For time, the first position of block f + 1; the whole count for the holdout, whose past lies before it like a fold's. */
static uint64_t test_start(const struct split *split, int f)
{
	uint64_t start = 0, held = 0;

	for (size_t i = 0; i < split->rows; i++) {
		start += split->fold[i] != SPLIT_HOLDOUT && (f < 0 || split->fold[i] <= f);
		held += split->fold[i] == SPLIT_HOLDOUT;
	}
	/* Without a holdout nothing is tested that a gap could keep apart. */
	return f < 0 && held == 0 ? start + (uint64_t)split->gap : start;
}

static enum part part_of(const struct split *split, const struct past *past, const uint8_t *fold, int f, size_t row)
{
	if (fold[row] == SPLIT_HOLDOUT)
		return f < 0 ? PART_TEST : PART_NONE;
	if (split->kind == SPLIT_TIME) {
		if (f >= 0 && fold[row] == f + 1)
			return PART_TEST;
		return is_in_past(past, split, row) ? PART_TRAIN : PART_NONE;
	}
	return f >= 0 && fold[row] == f ? PART_TEST : PART_TRAIN;
}

int split_rows(const struct split *split, int f, uint32_t **train, size_t *train_count, uint32_t **test, size_t *test_count,
               struct orch_err *err)
{
	unsigned repeat = f < 0 ? 0 : (unsigned)f / split->k;
	int fold_number = f < 0 ? -1 : (int)((unsigned)f % split->k);
	uint32_t *rows[2] = {mem_array(split->rows, sizeof(uint32_t)), mem_array(split->rows, sizeof(uint32_t))};
	size_t count[2] = {0, 0};
	struct past past = {0};

	if (repeat >= split->repeats)
		orch_bug("fold %d of %u x %u", f, split->k, split->repeats);
	if (!rows[0] || !rows[1]) {
		free(rows[0]);
		free(rows[1]);
		return orch_fail(err, ORCH_ENOMEM, "no memory for the rows of fold %d", f);
	}
	if (split->kind == SPLIT_TIME)
		past = past_of(split, test_start(split, fold_number));
	for (size_t i = 0; i < split->rows; i++) {
		enum part part = part_of(split, &past, split->fold + repeat * split->rows, fold_number, i);

		if (part != PART_NONE) {
			rows[part == PART_TEST][count[part == PART_TEST]] = (uint32_t)i;
			count[part == PART_TEST]++;
		}
	}
	*train = rows[0];
	*test = rows[1];
	*train_count = count[0];
	*test_count = count[1];
	return 0;
}
