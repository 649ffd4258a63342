/* 03_baseline: the best configuration, fitted on every fold and on all rows that are not held out: metrics.json, predictions.parquet, model.* */
#include "orchestrator/stage.h"

int stage_baseline_write(const struct stage_context *context, struct orch_err *err)
{
	return stage_write_predictions(context, STAGE_BASELINE, "", err);
}
