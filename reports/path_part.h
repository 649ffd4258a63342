/* path_part: what pages say of 04_lofo/path.csv and path.json, the elimination path of a round. Nothing where a round has none, or its model is of an
 * engine that has none. Computes no statistic. */
#ifndef REPORTS_PATH_PART_H
#define REPORTS_PATH_PART_H

#include "storage/base/text.h"

/* folder: the round's. */
void path_part_table(struct text_buf *out, const char *folder);

#endif
