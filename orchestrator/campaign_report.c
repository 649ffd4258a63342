#include "orchestrator/campaign_report.h"

#include <stdlib.h>

#include "orchestrator/outcome.h"
#include "reports/campaign_page.h"
#include "reports/plot.h"
#include "storage/base/file.h"

int campaign_report_page(const char *campaign, const json_t *outcome, long round, const char *path, struct orch_err *err)
{
	struct text_buf page = {0};
	int code = campaign_page_write(campaign, outcome, round, &page, err);

	if (!code)
		code = file_replace_fast(path, page.data, page.length, err);
	text_buf_release(&page);
	return code;
}

int campaign_report_renew(const char *campaign, struct orch_err *err)
{
	json_t *outcome = NULL;
	char *path = file_join(campaign, "report/report.html");
	int code = plot_campaign(campaign, err); /* makes report/, too */

	if (!code)
		code = outcome_read(campaign, true, &outcome, err);
	if (!code)
		code = campaign_report_page(campaign, outcome, -1, path, err);
	json_decref(outcome);
	free(path);
	return code;
}
