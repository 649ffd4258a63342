/* 06_comparison: the round in one object: what was dropped and why, the scores before and after, whether the elimination stops here,
 * and, where many went at once, which sets were tried and what was taken back. */
#include <math.h>
#include <stdlib.h>

#include "orchestrator/stage.h"
#include "storage/base/json.h"

/* {mean, sd} of the campaign's metric in metrics.json of a stage. */
static json_t *score_of(const struct stage_context *context, const json_t *metrics)
{
	json_t *cv = json_object_get(json_object_get(metrics, "cv"), context->study->metric->name);

	return cv ? json_pack("{s:O, s:O}", "mean", json_object_get(cv, "mean"), "sd", json_object_get(cv, "sd")) : json_null();
}

/* Mean of the paired differences, positive when the model without is better. */
static double paired_gain(const struct stage_context *context, const json_t *before, const json_t *after)
{
	const char *name = context->study->metric->name;
	json_t *with = json_object_get(json_object_get(json_object_get(before, "cv"), name), "folds");
	json_t *without = json_object_get(json_object_get(json_object_get(after, "cv"), name), "folds");
	double sum = 0;
	size_t count = 0;

	for (size_t f = 0; f < json_array_size(with) && f < json_array_size(without); f++)
		if (json_is_number(json_array_get(with, f)) && json_is_number(json_array_get(without, f))) {
			sum += metric_gain(context->study->metric, json_number_value(json_array_get(without, f)), json_number_value(json_array_get(with, f)));
			count++;
		}
	return count ? sum / (double)count : NAN;
}

/* What 04_lofo said, and what became of it when the set was verified. Malloc'd. */
static char *reason_of(const json_t *drop, const json_t *dropped)
{
	const char *reason = json_get_text(drop, "reason", "");
	json_t *tried = json_object_get(dropped, "tried"), *back = json_object_get(dropped, "taken_back");
	size_t units = json_array_size(json_object_get(drop, "units"));
	struct text_buf text = {0};

	text_add(&text, reason);
	if (tried && !json_array_size(back))
		text_addf(&text, "; verified: without %s the model does not get worse", units == 1 ? "it" : "all of them together");
	else if (tried)
		text_addf(&text, "; together that got worse, so %zu of %zu are taken back (%zu sets tried)", json_array_size(back), units, json_array_size(tried));
	return text_take(&text);
}

static json_t *compare(const struct stage_context *context, const json_t *drop, const json_t *dropped, const json_t *before, const json_t *after)
{
	json_t *stop = json_object_get(drop, "stop"), *object;
	char *reason = reason_of(drop, dropped);

	object = json_pack("{s:i, s:I, s:O, s:O, s:s, s:s, s:o, s:o, s:o, s:O}", "round", (int)context->round, "features", (json_int_t)context->study->feature_count, "dropped",
	        json_object_get(dropped, "dropped"), "units", json_object_get(dropped, "units"), "reason", reason, "metric", context->study->metric->name,
	        "before", score_of(context, before), "after", after ? score_of(context, after) : json_null(), "gain",
	        after ? json_number_or_null(paired_gain(context, before, after)) : json_null(), "stop", stop);
	if (json_object_get(dropped, "tried")) {
		json_object_set(object, "tried", json_object_get(dropped, "tried"));
		json_object_set(object, "taken_back", json_object_get(dropped, "taken_back"));
		if (!after)
			json_object_set_new(object, "stop", json_string("nothing to drop"));
	}
	free(reason);
	return object;
}

int stage_comparison_write(const struct stage_context *context, struct orch_err *err)
{
	json_t *drop = NULL, *dropped = NULL, *before = NULL, *after = NULL, *object;
	int code = stage_read_json(context, STAGE_LOFO, "drop.json", &drop, err);

	if (!code)
		code = stage_read_json(context, STAGE_DROPPED, "dropped.json", &dropped, err);
	if (!code)
		code = stage_read_json(context, STAGE_BASELINE, "metrics.json", &before, err);
	if (!code && json_array_size(json_object_get(dropped, "dropped")))
		code = stage_read_json(context, STAGE_DROPPED, "metrics.json", &after, err);
	if (!code) {
		object = compare(context, drop, dropped, before, after);
		code = stage_write_json(context, "comparison.json", object, err);
		json_decref(object);
	}
	json_decref(drop);
	json_decref(dropped);
	json_decref(before);
	json_decref(after);
	return code;
}
