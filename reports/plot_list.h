/* plot_list: the drawing functions of plot_*.c, for plot_table.c alone. */
#ifndef REPORTS_PLOT_LIST_H
#define REPORTS_PLOT_LIST_H

#include "reports/plot.h"

#define PLOT_DRAW(name) int name(const struct plot_source *source, struct figure *figure, struct orch_err *err)
PLOT_DRAW(plot_history);
PLOT_DRAW(plot_fold_scores);
PLOT_DRAW(plot_lofo);
PLOT_DRAW(plot_features_score);
PLOT_DRAW(plot_rank_by_round);
PLOT_DRAW(plot_stage_cost);

#endif
