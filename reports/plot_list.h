/* plot_list: the drawing functions of plot_*.c, for plot_table.c alone. */
#ifndef REPORTS_PLOT_LIST_H
#define REPORTS_PLOT_LIST_H

#include "reports/plot.h"

#define PLOT_DRAW(name) int name(const struct plot_source *source, struct figure *figure, struct orch_err *err)
PLOT_DRAW(plot_history);
PLOT_DRAW(plot_fold_scores);
PLOT_DRAW(plot_lofo);
PLOT_DRAW(plot_path);
PLOT_DRAW(plot_predicted_actual);
PLOT_DRAW(plot_residuals_fitted);
PLOT_DRAW(plot_residuals);
PLOT_DRAW(plot_residuals_features);
PLOT_DRAW(plot_error_by_target);
PLOT_DRAW(plot_error_by_category);
PLOT_DRAW(plot_error_by_group);
PLOT_DRAW(plot_rec);
PLOT_DRAW(plot_angle_error);
PLOT_DRAW(plot_angle_bands);
PLOT_DRAW(plot_roc);
PLOT_DRAW(plot_pr);
PLOT_DRAW(plot_calibration);
PLOT_DRAW(plot_confusion);
PLOT_DRAW(plot_thresholds);
PLOT_DRAW(plot_scores);
PLOT_DRAW(plot_lift);
PLOT_DRAW(plot_param_importance);
PLOT_DRAW(plot_slices);
PLOT_DRAW(plot_parallel);
PLOT_DRAW(plot_correlation);
PLOT_DRAW(plot_drift);
PLOT_DRAW(plot_effects);
PLOT_DRAW(plot_front);
PLOT_DRAW(plot_seeds);
PLOT_DRAW(plot_learning_curve);
PLOT_DRAW(plot_selection);
PLOT_DRAW(plot_shap);
PLOT_DRAW(plot_shap_importance);
PLOT_DRAW(plot_selection_by_round);
PLOT_DRAW(plot_features_score);
PLOT_DRAW(plot_rank_by_round);
PLOT_DRAW(plot_stage_cost);

#endif
