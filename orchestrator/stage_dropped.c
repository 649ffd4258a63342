/* 05_dropped: the model without what goes: dropped.json, and where anything goes metrics.json and predictions.parquet.
 * Where many units go at once, dropped.json also says which sets were tried (drop_sets.h) and what was taken back. */
#include <stdlib.h>

#include "orchestrator/drop_sets.h"
#include "orchestrator/stage.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

/* The decision once more, from the ledger's scores. */
static int replay(const struct stage_context *context, struct drop_sets *sets, struct orch_err *err)
{
	double *scores = mem_must(context->study->folds + 1, sizeof *scores);
	size_t size;
	int code = 0;

	while (!code && (size = drop_sets_next(sets))) {
		code = drop_sets_scores(sets, context->ledger, context->round, size, scores, err);
		if (!code)
			drop_sets_note(sets, size, scores);
	}
	free(scores);
	return code;
}

static json_t *describe(const json_t *drop, const struct drop_sets *sets)
{
	size_t taken;

	if (!sets)
		return json_pack("{s:O, s:O}", "dropped", json_object_get(drop, "dropped"), "units", json_object_get(drop, "units"));
	taken = drop_sets_taken(sets);
	return json_pack("{s:o, s:o, s:o, s:o}", "dropped", drop_set_features(sets, taken), "units", drop_set_units(sets, 0, taken), "tried", drop_sets_tried(sets), "taken_back",
	        drop_set_units(sets, taken, json_array_size(json_object_get(drop, "units"))));
}

int stage_dropped_write(const struct stage_context *context, struct orch_err *err)
{
	json_t *drop = NULL, *baseline = NULL, *object = NULL;
	struct drop_sets *sets = NULL;
	char name[DROP_SET_NAME] = "";
	int code = stage_read_json(context, STAGE_LOFO, "drop.json", &drop, err);

	if (!code)
		code = stage_read_json(context, STAGE_BASELINE, "metrics.json", &baseline, err);
	if (!code)
		code = drop_sets_open(context->study, drop, baseline, &sets, err);
	if (!code && sets)
		code = replay(context, sets, err);
	if (!code) {
		object = describe(drop, sets);
		code = stage_write_json(context, "dropped.json", object, err);
	}
	if (!code && json_array_size(json_object_get(object, "dropped")))
		code = stage_write_predictions(context, STAGE_DROPPED, sets ? drop_set_name(drop_sets_taken(sets), name) : "", err);
	drop_sets_close(sets);
	json_decref(object);
	json_decref(baseline);
	json_decref(drop);
	return code;
}
