/* shap_part: what pages say of the contributions of features (07_diagnostics/shap.json). Nothing where a round has nothing of it. Computes no
 * statistic. */
#ifndef REPORTS_SHAP_PART_H
#define REPORTS_SHAP_PART_H

#include "storage/base/text.h"

/* A table of the features that move the predictions most; where the engine's model cannot be asked, the sentence that says so. folder: the round's. */
void shap_part_table(struct text_buf *out, const char *folder);

#endif
