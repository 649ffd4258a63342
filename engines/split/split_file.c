/* The bytes of a split, little-endian:
 *   0  "orch split v1\n\0\0"   16  u32 kind, k, repeats, 1 when ranks follow   32  u64 rows   40  i64 window, gap
 *   56 repeats x rows bytes of folds, then rows x u32 of ranks. */
#include <stdlib.h>
#include <string.h>

#include "engines/split/split.h"
#include "storage/base/mem.h"

#define HEADER 56
static const char magic[16] = "orch split v1\n";

static void put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << 8 * i;
	return value;
}

int split_encode(const struct split *split, void **bytes, size_t *length)
{
	size_t folds = (size_t)split->repeats * split->rows, size = HEADER + folds + (split->rank ? 4 * split->rows : 0);
	uint8_t *out = mem_array(size, 1);

	if (!out)
		return ORCH_ENOMEM;
	memcpy(out, magic, sizeof(magic));
	put(out + 16, split->kind, 4);
	put(out + 20, split->k, 4);
	put(out + 24, split->repeats, 4);
	put(out + 28, split->rank != NULL, 4);
	put(out + 32, split->rows, 8);
	put(out + 40, (uint64_t)split->window, 8);
	put(out + 48, (uint64_t)split->gap, 8);
	memcpy(out + HEADER, split->fold, folds);
	for (size_t i = 0; split->rank && i < split->rows; i++)
		put(out + HEADER + folds + 4 * i, split->rank[i], 4);
	*bytes = out;
	*length = size;
	return 0;
}

/* Sizes that fit the length, so that nothing behind the end is read. */
static const char *header_read(const uint8_t *bytes, size_t length, struct split *split)
{
	uint64_t ranked;

	if (length < HEADER || memcmp(bytes, magic, sizeof(magic)) != 0)
		return "no file of folds";
	split->rows = get(bytes + 32, 8);
	split->k = (unsigned)get(bytes + 20, 4);
	split->repeats = (unsigned)get(bytes + 24, 4);
	split->window = (int64_t)get(bytes + 40, 8);
	split->gap = (int64_t)get(bytes + 48, 8);
	ranked = get(bytes + 28, 4);
	if (get(bytes + 16, 4) > SPLIT_COLUMN || split->k < 1 || split->k > SPLIT_MAX_FOLDS || split->repeats < 1 ||
	    split->repeats > SPLIT_MAX_FOLDS || split->rows > UINT32_MAX || split->window < 0 || split->gap < 0)
		return "impossible header";
	split->kind = (enum split_kind)get(bytes + 16, 4);
	if (ranked != (split->kind == SPLIT_TIME) || (split->kind == SPLIT_TIME && split->repeats != 1))
		return "impossible header";
	if (length != HEADER + split->repeats * split->rows + ranked * 4 * split->rows)
		return "cut, or longer than it should be";
	return NULL;
}

/* Every fold of every repeat has a row, there is no other, and the holdout is always the same. */
static bool folds_hold(const struct split *split)
{
	unsigned folds = split->k + (split->kind == SPLIT_TIME), found = 0;

	for (unsigned r = 0; r < split->repeats; r++) {
		const uint8_t *fold = split->fold + r * split->rows;
		bool seen[SPLIT_MAX_FOLDS + 1] = {false};

		for (size_t i = 0; i < split->rows; i++) {
			if ((fold[i] == SPLIT_HOLDOUT) != (split->fold[i] == SPLIT_HOLDOUT))
				return false;
			if (fold[i] >= folds && fold[i] != SPLIT_HOLDOUT && fold[i] != SPLIT_UNUSED)
				return false;
			if (fold[i] < folds && !seen[fold[i]]) {
				seen[fold[i]] = true;
				found++;
			}
		}
	}
	return found == folds * split->repeats;
}

/* Ranks number the rows that are not held out, each once. */
static bool ranks_hold(const struct split *split)
{
	uint8_t *seen = mem_must(split->rows, 1);
	size_t left = 0;
	bool hold = true;

	for (size_t i = 0; i < split->rows; i++)
		left += split->fold[i] != SPLIT_HOLDOUT;
	for (size_t i = 0; hold && i < split->rows; i++) {
		if (split->fold[i] == SPLIT_HOLDOUT)
			continue;
		hold = split->rank[i] < left && !seen[split->rank[i]];
		if (hold)
			seen[split->rank[i]] = 1;
	}
	free(seen);
	return hold;
}

int split_decode(const void *bytes, size_t length, struct split **out, struct orch_err *err)
{
	struct split *split = mem_must(1, sizeof(*split));
	const char *wrong = header_read(bytes, length, split);
	size_t folds = (size_t)split->repeats * split->rows;

	if (wrong)
		goto damaged;
	split->fold = mem_must(folds, 1);
	memcpy(split->fold, (const uint8_t *)bytes + HEADER, folds);
	if (split->kind == SPLIT_TIME) {
		split->rank = mem_must(split->rows, sizeof(*split->rank));
		for (size_t i = 0; i < split->rows; i++)
			split->rank[i] = (uint32_t)get((const uint8_t *)bytes + HEADER + folds + 4 * i, 4);
	}
	if (!folds_hold(split))
		wrong = "the folds are not those of the header";
	else if (split->rank && !ranks_hold(split))
		wrong = "the order of the rows is none";
	if (wrong)
		goto damaged;
	*out = split;
	return 0;
damaged:
	split_release(split);
	return orch_fail(err, ORCH_EDAMAGED, "the folds are damaged: %s", wrong);
}
