#include "orchestrator/stage.h"

#define AFTER(stage) (1u << (stage))

const struct stage stage_table[STAGE_COUNT] = {
	[STAGE_DATASET] = {"00_dataset", "data", false, 0, 0, stage_dataset_write, NULL},
	[STAGE_HPO] = {"01_hpo", "search", true, 0, 0, stage_hpo_write, NULL},
	[STAGE_HPO_ANALYSIS] = {"02_hpo_analysis", "search analysis", false, 0, AFTER(STAGE_HPO), stage_hpo_analysis_write, NULL},
	[STAGE_BASELINE] = {"03_baseline", "baseline", true, AFTER(STAGE_HPO), AFTER(STAGE_HPO), stage_baseline_write, NULL},
	[STAGE_LOFO] = {"04_lofo", "leave one feature out", true, AFTER(STAGE_HPO), AFTER(STAGE_DATASET) | AFTER(STAGE_HPO) | AFTER(STAGE_BASELINE), stage_lofo_write, NULL},
	[STAGE_DROPPED] = {"05_dropped", "without what was dropped", true, AFTER(STAGE_HPO) | AFTER(STAGE_LOFO), AFTER(STAGE_LOFO), stage_dropped_write, NULL},
	[STAGE_COMPARISON] = {"06_comparison", "comparison", false, 0, AFTER(STAGE_BASELINE) | AFTER(STAGE_LOFO) | AFTER(STAGE_DROPPED), stage_comparison_write, NULL},
	[STAGE_DIAGNOSTICS] = {"07_diagnostics", "diagnostics", false, 0, AFTER(STAGE_DATASET), stage_diagnostics_write, &stage_diagnostics_parts},
	[STAGE_STABILITY] = {"09_stability", "seeds and learning curve", true, AFTER(STAGE_HPO), AFTER(STAGE_BASELINE) | AFTER(STAGE_LOFO), stage_stability_write, NULL},
	[STAGE_PLOTS] = {"08_plots", "plots", false, 0, AFTER(STAGE_HPO), stage_plots_write, &stage_plots_parts},
};
