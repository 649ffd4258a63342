/* round_page: report.html of one round, from the files of its finished stages: a page that stands alone (no script from outside, no link to
 * outside), the same bytes for the same stages. Computes no statistic. */
#ifndef REPORTS_ROUND_PAGE_H
#define REPORTS_ROUND_PAGE_H

#include "storage/base/err.h"
#include "storage/base/text.h"

/* folder: the round's (work) folder with its stages. */
int round_page_write(const char *folder, unsigned round, const char *campaign, struct text_buf *out, struct orch_err *err);

#endif
