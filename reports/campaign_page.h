/* campaign_page: report/report.html, the page of a whole campaign: the answer first, then pictures, then tables. Stands alone; made from the
 * outcome (orchestrator/outcome.h) and the rounds' files; computes no statistic. Unlike a round's page it shows what differs between two runs
 * (times, memory, the host). Without the charts' script (see charts.h) it carries the same pictures as SVG. */
#ifndef REPORTS_CAMPAIGN_PAGE_H
#define REPORTS_CAMPAIGN_PAGE_H

#include <jansson.h>

#include "storage/base/err.h"
#include "storage/base/text.h"

/* campaign: its folder; round: the one whose features and trials are shown, -1: the chosen one, else the last. ORCH_EMISSING: no round is finished. */
int campaign_page_write(const char *campaign, const json_t *outcome, long round, struct text_buf *out, struct orch_err *err);

#endif
