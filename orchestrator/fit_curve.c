#include "orchestrator/fit_curve.h"

#include <math.h>
#include <stdlib.h>

#include "storage/base/json.h"
#include "storage/base/mem.h"

void fit_curve_begin(struct fit_curve *curve, const json_t *limits, bool maximise)
{
	*curve = (struct fit_curve){.wanted = json_is_array(limits), .limits = limits, .maximise = maximise, .bin = -1, .best = NAN};
	if (curve->wanted)
		curve->points = json_array();
}

/* Ascends with the step; 2^e to 2^(e+1) are four bins. */
static int64_t bin_of(int64_t step)
{
	unsigned shift = 0;

	while (step >> shift >= 8)
		shift++;
	return (int64_t)shift * 4 + (step >> shift);
}

static bool is_worse(const struct fit_curve *curve, double a, double b)
{
	return curve->maximise ? a < b : a > b;
}

/* Is there a limit at this step, and is the best so far worse? */
static bool meets_limit(struct fit_curve *curve, int64_t step)
{
	json_t *limit;
	size_t i;

	json_array_foreach(curve->limits, i, limit)
		if (json_integer_value(json_array_get(limit, 0)) == step) {
			curve->worst = json_number_value(json_array_get(limit, 1));
			return is_worse(curve, curve->best, curve->worst);
		}
	return false;
}

bool fit_curve_note(struct fit_curve *curve, int64_t step, double value)
{
	if (!curve->wanted || curve->stopped || step < 0 || !isfinite(value))
		return curve->stopped;
	if (bin_of(step) <= curve->bin)
		return false;
	curve->bin = bin_of(step);
	json_array_append_new(curve->points, json_pack("[I, f]", (json_int_t)step, value));
	if (isnan(curve->best) || is_worse(curve, curve->best, value))
		curve->best = value;
	curve->stopped = meets_limit(curve, step);
	curve->step = step;
	curve->value = value;
	return curve->stopped;
}

void fit_curve_result(const struct fit_curve *curve, json_t *metrics)
{
	if (json_array_size(curve->points))
		json_object_set(metrics, "curve", curve->points);
	if (curve->stopped)
		json_object_set_new(metrics, "stopped_at", json_integer((json_int_t)curve->step));
}

void fit_curve_end(struct fit_curve *curve)
{
	json_decref(curve->points);
	*curve = (struct fit_curve){0};
}

void fit_curve_read(const json_t *metrics, struct pruner_curve *out)
{
	const json_t *points = json_object_get(metrics, "curve");
	json_t *point;
	size_t i;

	*out = (struct pruner_curve){0};
	if (!json_array_size(points))
		return;
	out->points = mem_must(json_array_size(points), sizeof *out->points);
	json_array_foreach(points, i, point)
		out->points[out->count++] = (struct pruner_point){json_integer_value(json_array_get(point, 0)), json_number_value(json_array_get(point, 1))};
}
