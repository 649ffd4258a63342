/* round_page: report.html of one round, from the files of its finished stages: a page that stands alone (no script from outside, no link to
 * outside), the same bytes for the same stages. Computes no statistic. */
#ifndef REPORTS_ROUND_PAGE_H
#define REPORTS_ROUND_PAGE_H

#include <jansson.h>
#include <stdbool.h>

#include "storage/base/err.h"
#include "storage/base/text.h"

/* folder: the round's (work) folder with its stages. */
int round_page_write(const char *folder, unsigned round, const char *campaign, struct text_buf *out, struct orch_err *err);

/* Parts that the campaign's page shows too; folder: the round's. Nothing where the round has nothing. */
void round_page_pictures(struct text_buf *out, const char *folder, bool interactive); /* interactive: those that charts.h draws are for paper only */
int round_page_importance(struct text_buf *out, const char *folder, struct orch_err *err);
int round_page_trials(struct text_buf *out, const char *folder, struct orch_err *err);
char *round_page_settings(const json_t *searched); /* "trees 200, learning_rate 0.1"; nothing searched: "as given"; malloc'd */

#endif
