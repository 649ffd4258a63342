/* split_list: shared by the parts of the split; private to engines/split. Each kind fills split->fold for the rows that are not
 * marked SPLIT_HOLDOUT; repeat 0 is given with the holdout marked. `left` rows are not in the holdout. */
#ifndef ENGINES_SPLIT_SPLIT_LIST_H
#define ENGINES_SPLIT_SPLIT_LIST_H

#include "engines/split/split.h"

/* A row or a group with what it is sorted by; ties go to the lower index. */
struct split_item {
	uint64_t first, second;
	uint32_t index;
};
void split_items_sort(struct split_item *items, size_t count);
/* Rows that are in no holdout, sorted by stratum, then by a hash of (seed, purpose, repeat, row), or by row when the request does not
 * shuffle. malloc'd, NULL: no memory. */
struct split_item *split_rows_by_stratum(const struct split_request *request, const uint8_t *fold, const char *purpose,
	unsigned repeat, bool shuffle, size_t *count);

int split_fill_kfold(const struct split_request *request, struct split *split, unsigned repeat, struct orch_err *err);
int split_fill_time(const struct split_request *request, struct split *split, size_t left, struct orch_err *err);
int split_fill_column(const struct split_request *request, struct split *split, struct orch_err *err);

/* Whole groups (split_group.c). */
int split_fill_groups(const struct split_request *request, struct split *split, unsigned repeat, struct orch_err *err);
int split_groups_holdout(const struct split_request *request, uint8_t *fold, struct orch_err *err);

#endif
