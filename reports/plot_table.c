#include "reports/plot_list.h"

#define SEARCH PLOT_NEEDS_SEARCH
#define BASELINE (PLOT_NEEDS_SEARCH | PLOT_NEEDS_BASELINE)
#define DIAGNOSED PLOT_NEEDS_DIAGNOSTICS
#define LOFO (BASELINE | PLOT_NEEDS_LOFO)

const struct plot plot_table[] = {
	{"history", "Optimisation history", "every trial's cross-validated score in the order tried, and the best so far", PLOT_ROUND, SEARCH, 760, 380, plot_history},
	{"front", "Front of the metrics", "every trial by two metrics; those on the front are beaten by no other in all metrics at once", PLOT_ROUND, SEARCH, 760, 410, plot_front},
	{"param_importance", "Importance of parameters", "how much of the score's variance each parameter explains by itself", PLOT_ROUND, SEARCH | DIAGNOSED, 760, 300,
	        plot_param_importance},
	{"slices", "Slices through the search space", "where good values of each parameter lie", PLOT_ROUND, SEARCH | DIAGNOSED, 760, 300, plot_slices},
	{"parallel", "Parallel coordinates", "a line for each trial through its parameters to its score", PLOT_ROUND, SEARCH | DIAGNOSED, 760, 400, plot_parallel},
	{"fold_scores", "Fold scores", "the best configurations, a dot for each fold; the bar is the mean with its standard error", PLOT_ROUND, SEARCH, 760, 400, plot_fold_scores},
	{"lofo", "What each feature is worth", "gain in the score from having a feature, over the same folds; whiskers are 95 % intervals", PLOT_ROUND, LOFO, 760, 400, plot_lofo},
	{"selection", "How often folds choose each feature", "each fold by itself: does the feature help there, would the round's cut keep it, how high does it rank", PLOT_ROUND,
	        PLOT_NEEDS_STABILITY, 760, 400, plot_selection},
	{"seeds", "Seeds", "the chosen configuration over the same folds with other seeds of the model; the band is one deviation of the means", PLOT_ROUND, PLOT_NEEDS_STABILITY, 760, 300, plot_seeds},
	{"learning_curve", "Learning curve", "the chosen configuration fitted on a part of each fold's training rows: does it still gain from more?", PLOT_ROUND, PLOT_NEEDS_STABILITY, 760, 380,
	        plot_learning_curve},
	{"shap_importance", "What moves the predictions", "how far each feature moves single predictions, on average (mean of |SHAP|); it says what the model uses, not what it would lose", PLOT_ROUND,
	        DIAGNOSED, 760, 400, plot_shap_importance},
	{"shap", "Contributions to predictions", "a dot is a row: how far its value of the feature moves its prediction (SHAP values); colour is the value", PLOT_ROUND, DIAGNOSED, 760, 460, plot_shap},
	{"effects", "Partial dependence", "the mean prediction as one feature changes and all else stays", PLOT_ROUND, DIAGNOSED, 760, 460, plot_effects},
	{"correlation", "Correlation of features", "rank correlations; features of one colour block stand in for each other", PLOT_ROUND, DIAGNOSED, 720, 600, plot_correlation},
	{"drift", "Holdout against training rows", "how far a feature's distribution on the holdout is from that on the training rows", PLOT_ROUND, DIAGNOSED, 760, 400, plot_drift},
	{"predicted_actual", "Predicted against actual", "a row of the data falls into a cell; on the dashed line the prediction is exact", PLOT_ROUND, DIAGNOSED, 640, 520,
	        plot_predicted_actual},
	{"residuals_fitted", "Residuals against predictions", "a trend or a funnel shows what the model lacks", PLOT_ROUND, DIAGNOSED, 760, 420, plot_residuals_fitted},
	{"residuals", "Residuals", "their distribution, and its quantiles against a normal distribution's", PLOT_ROUND, DIAGNOSED, 760, 380, plot_residuals},
	{"residuals_features", "Residuals against features", "where the residuals still depend on a feature", PLOT_ROUND, DIAGNOSED, 760, 460, plot_residuals_features},
	{"error_by_target", "Error by target", "which values are predicted worst, and in which direction", PLOT_ROUND, DIAGNOSED, 760, 380, plot_error_by_target},
	{"error_by_category", "Error by category", "which kinds of rows are predicted worst", PLOT_ROUND, DIAGNOSED, 760, 400, plot_error_by_category},
	{"error_by_group", "Error by group", "which groups of the split are predicted worst", PLOT_ROUND, DIAGNOSED, 760, 400, plot_error_by_group},
	{"rec", "Error tolerance (REC curve)", "the share of rows whose error is at most a tolerance", PLOT_ROUND, DIAGNOSED, 640, 380, plot_rec},
	{"angle_error", "Error around the circle", "the absolute error by actual direction, clockwise from the top", PLOT_ROUND, DIAGNOSED, 620, 560, plot_angle_error},
	{"angle_bands", "Accuracy of directions", "the share of rows whose direction is right within so many degrees", PLOT_ROUND, DIAGNOSED, 760, 380, plot_angle_bands},
	{"roc", "ROC curve", "true against false positives as the limit falls; the diagonal is chance", PLOT_ROUND, DIAGNOSED, 560, 480, plot_roc},
	{"pr", "Precision and recall", "how pure the found are as more are found; the dashed line is chance", PLOT_ROUND, DIAGNOSED, 560, 480, plot_pr},
	{"calibration", "Calibration", "observed frequency against predicted probability; on the diagonal probabilities mean what they say", PLOT_ROUND, DIAGNOSED, 640, 520, plot_calibration},
	{"confusion", "Confusion matrix", "rows by actual and predicted class", PLOT_ROUND, DIAGNOSED, 640, 480, plot_confusion},
	{"thresholds", "Threshold", "what becomes of the scores as the limit on the probability moves", PLOT_ROUND, DIAGNOSED, 760, 380, plot_thresholds},
	{"scores", "Scores by class", "how far the classes' probabilities stand apart", PLOT_ROUND, DIAGNOSED, 760, 360, plot_scores},
	{"lift", "Gains and lift", "what is gained by taking the best-scored rows first", PLOT_ROUND, DIAGNOSED, 760, 360, plot_lift},
	{"features_score", "Score against number of features", "a point for each round; the band is one standard error around the best", PLOT_CAMPAIGN, PLOT_NEEDS_ROUNDS, 760, 380,
	        plot_features_score},
	{"rank_by_round", "Rank of each feature by round", "1 is the most important by LOFO; a row ends where the feature was dropped", PLOT_CAMPAIGN, PLOT_NEEDS_ROUNDS, 760, 400,
	        plot_rank_by_round},
	{"stage_cost", "Time and memory by stage", "worker time added up over all rounds, and the largest worker", PLOT_CAMPAIGN, PLOT_NEEDS_ROUNDS, 760, 320, plot_stage_cost},
	{0},
};
const unsigned plot_count = sizeof plot_table / sizeof *plot_table - 1;
