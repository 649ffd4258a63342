/* campaign_report: CAMPAIGN/report/, derived from the finished rounds, the ledger's failures and telemetry: plots/ and report.html. May be made
 * again at any time, beside a running orchestrator too: files are replaced whole. */
#ifndef ORCHESTRATOR_CAMPAIGN_REPORT_H
#define ORCHESTRATOR_CAMPAIGN_REPORT_H

#include <jansson.h>

#include "storage/base/err.h"

/* Plots and report.html; ORCH_EMISSING when no round is finished. */
int campaign_report_renew(const char *campaign, struct orch_err *err);
/* The page alone. round: whose features and trials it shows, -1: the chosen one; path: absolute, replaced. */
int campaign_report_page(const char *campaign, const json_t *outcome, long round, const char *path, struct orch_err *err);

#endif
