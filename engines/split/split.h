/* split: which rows are held out, and the folds. Everything is a hash of (seed, row or group): the order of the calls, the
 * number of workers and the platform do not matter.
 * The holdout is drawn first, then folds on the rest; both stratified when strata are given. Group: whole groups, greedily
 * balanced. Time: rows in order of `order` (ties: row number); K + 1 blocks; fold f trains on blocks 0..f (all of them, or the
 * last `window` rows), leaves `gap` rows out and tests on block f + 1; the holdout is the last rows. Column: fold numbers given,
 * k and repeats follow from them.
 *
 * How well balanced: each stratum, and all rows together, give every fold of kfold (and a drawn holdout) their share within one
 * row. Groups are placed big ones first, each where it raises the imbalance of strata and rows least.
 * A split is immutable; free with split_release. */
#ifndef ENGINES_SPLIT_SPLIT_H
#define ENGINES_SPLIT_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/base/err.h"

enum split_kind { SPLIT_KFOLD, SPLIT_GROUP, SPLIT_TIME, SPLIT_COLUMN };
#define SPLIT_HOLDOUT 255 /* never in a fold */
#define SPLIT_UNUSED 254  /* in no fold's test part; may be trained on */
#define SPLIT_MAX_FOLDS 200

struct split_request {
	size_t rows;
	uint64_t seed;
	enum split_kind kind;
	unsigned k, repeats;
	bool shuffle;
	double holdout_fraction;
	const uint8_t *holdout_flag; /* per row, or NULL; wins over the fraction */
	const uint32_t *stratum;     /* per row, dense codes, or NULL (see split_strata_cross) */
	const uint32_t *group;       /* per row, dense codes: SPLIT_GROUP */
	size_t group_count;
	const double *order; /* SPLIT_TIME */
	int64_t window, gap;
	const double *fold_column; /* SPLIT_COLUMN: fold numbers, any distinct integers, taken in ascending order; NaN: unused */
};
struct split {
	size_t rows;
	enum split_kind kind;
	unsigned k, repeats;
	int64_t window, gap;
	uint8_t *fold;  /* repeats x rows: [r * rows + i] = fold, SPLIT_HOLDOUT or SPLIT_UNUSED; for time: block 0..k */
	uint32_t *rank; /* time only: position in order among the rows that are no holdout; else NULL */
};
/* ORCH_EINPUT with the reason: more folds than rows, fewer groups than folds, a gap that leaves nothing to train on, repeats that
 * would all be the same, ... k x repeats is at most SPLIT_MAX_FOLDS. */
int split_build(const struct split_request *request, struct split **out, struct orch_err *err);
void split_release(struct split *split);
/* Fold index f in 0 .. k * repeats - 1 (repeat f / k, fold f % k); -1: train on all that is not holdout, test on the holdout. (Time:
 * the window holds for -1 as for a fold, and gap when there is a holdout: the score is that of the same procedure.)
 * Rows ascending; *train and *test are malloc'd. */
int split_rows(const struct split *split, int f, uint32_t **train, size_t *train_count, uint32_t **test, size_t *test_count,
               struct orch_err *err);
/* Codes that cross several columns: start from code all 0; each call refines. bins > 0: quantile bins of numbers (ties stay
 * together), else distinct values are categories. NaN is a category of its own. Returns the number of strata so far. */
size_t split_strata_cross(uint32_t *stratum, size_t rows, const double *values, unsigned bins);
/* Serialised form, little-endian, stable: header and bytes. For the file of folds. */
int split_encode(const struct split *split, void **bytes, size_t *length);
int split_decode(const void *bytes, size_t length, struct split **out, struct orch_err *err);

#endif
