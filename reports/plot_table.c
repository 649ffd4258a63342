#include "reports/plot_list.h"

#define SEARCH PLOT_NEEDS_SEARCH
#define BASELINE (PLOT_NEEDS_SEARCH | PLOT_NEEDS_BASELINE)
#define LOFO (BASELINE | PLOT_NEEDS_LOFO)

const struct plot plot_table[] = {
	{"history", "Optimisation history", "every trial's cross-validated score in the order tried, and the best so far", PLOT_ROUND, SEARCH, 760, 380, plot_history},
	{"fold_scores", "Fold scores", "the best configurations, a dot for each fold; the bar is the mean with its standard error", PLOT_ROUND, SEARCH, 760, 400, plot_fold_scores},
	{"lofo", "What each feature is worth", "gain in the score from having a feature, over the same folds; whiskers are 95 % intervals", PLOT_ROUND, LOFO, 760, 400, plot_lofo},
	{"features_score", "Score against number of features", "a point for each round; the band is one standard error around the best", PLOT_CAMPAIGN, PLOT_NEEDS_ROUNDS, 760, 380,
	        plot_features_score},
	{"rank_by_round", "Rank of each feature by round", "1 is the most important by LOFO; a row ends where the feature was dropped", PLOT_CAMPAIGN, PLOT_NEEDS_ROUNDS, 760, 400,
	        plot_rank_by_round},
	{"stage_cost", "Time and memory by stage", "worker time added up over all rounds, and the largest worker", PLOT_CAMPAIGN, PLOT_NEEDS_ROUNDS, 760, 320, plot_stage_cost},
	{0},
};
const unsigned plot_count = sizeof plot_table / sizeof *plot_table - 1;
