/* ensemble_part: what pages say of 03_baseline/ensemble.json, the members and what they score together. Nothing where a round has none. Computes
 * no statistic. */
#ifndef REPORTS_ENSEMBLE_PART_H
#define REPORTS_ENSEMBLE_PART_H

#include "storage/base/text.h"

/* folder: the round's. */
void ensemble_part_table(struct text_buf *out, const char *folder);

#endif
