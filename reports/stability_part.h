/* stability_part: what pages say of 09_stability. Nothing where a round has nothing of it. Computes no statistic. */
#ifndef REPORTS_STABILITY_PART_H
#define REPORTS_STABILITY_PART_H

#include "storage/base/text.h"

/* Among the figures that matter: the score over the seeds, and what the last of the training rows brought. folder: the round's. */
void stability_part_figures(struct text_buf *out, const char *folder);
/* How often folds choose each feature. */
void stability_part_table(struct text_buf *out, const char *folder);

#endif
