/* 05_dropped: the model without what 04_lofo decided to drop: dropped.json, and where anything is dropped metrics.json and predictions.parquet. */
#include "orchestrator/stage.h"

int stage_dropped_write(const struct stage_context *context, struct orch_err *err)
{
	json_t *drop = NULL, *object;
	int code = stage_read_json(context, STAGE_LOFO, "drop.json", &drop, err);

	if (code)
		return code;
	object = json_pack("{s:O}", "dropped", json_object_get(drop, "dropped"));
	code = stage_write_json(context, "dropped.json", object, err);
	if (!code && json_array_size(json_object_get(drop, "dropped")))
		code = stage_write_predictions(context, STAGE_DROPPED, err);
	json_decref(object);
	json_decref(drop);
	return code;
}
