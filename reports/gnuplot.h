/* gnuplot: the only file that knows gnuplot. A figure becomes a script and data, both in memory (memfd): no temporary file, so nothing is
 * left when a process is killed. The script holds numbers and our own words only; every text is read from data with `noenhanced`, because a
 * backtick in a double-quoted string of a script would run a shell command.
 *
 * Bytes are the same from run to run: no date, no random id, locale C, and of the environment only PATH and the font configuration. ORCH_EIO
 * when gnuplot cannot be run or says anything; ORCH_EMISSING when it is not installed, with what to install. Any thread or process. */
#ifndef REPORTS_GNUPLOT_H
#define REPORTS_GNUPLOT_H

#include "reports/figure.h"

enum gnuplot_format { GNUPLOT_SVG, GNUPLOT_PNG };
/* bytes: malloc'd. PNG has two pixels for each of the figure's. */
int gnuplot_draw(const struct figure *figure, enum gnuplot_format format, char **bytes, size_t *length, struct orch_err *err);
/* 0 when gnuplot is there. */
int gnuplot_check(struct orch_err *err);
/* gnuplot's SVG made small and fit for pages: shapes only, no ids, colours that follow light and dark. raw is gnuplot's output. */
int gnuplot_svg_clean(const struct figure *figure, const char *raw, struct text_buf *out, struct orch_err *err);

#endif
