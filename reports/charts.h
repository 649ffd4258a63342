/* charts: the interactive charts of a campaign's report, drawn in the browser by a script that is part of this program (ECharts, bundled at build
 * time from reports/assets; a build without npm has none, and the report carries the SVGs). The data go into the page as JSON. */
#ifndef REPORTS_CHARTS_H
#define REPORTS_CHARTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "storage/base/err.h"
#include "storage/base/text.h"

/* False, NULL and 0: this build has none. */
bool charts_script(const char **script, size_t *length);
bool charts_replace(const char *plot); /* a plot (plot.h) of which there is an interactive one */
/* Places for the charts of a round, and their data from its files: history of the search, parallel coordinates, LOFO; and the path over rounds. */
int charts_add(struct text_buf *out, const char *round_folder, const json_t *outcome, struct orch_err *err);

#endif
