#include "orchestrator/eta.h"

#include <math.h>

#define RECENT 300.0     /* seconds of work after which an earlier rate counts a third */
#define LEAST_ERROR 0.15 /* of a rate that never varied: other stages, a slower hour */
#define MOST_ERROR 0.6
#define GUESS_ERROR 0.5

void eta_note(struct eta_rate *rate, double seconds, uint64_t fits)
{
	double fade = exp(-seconds / RECENT), expected = rate->fits > 0 ? rate->seconds / rate->fits * (double)fits : seconds;

	rate->deviation = fade * rate->deviation + fabs(seconds - expected);
	rate->seconds = fade * rate->seconds + seconds;
	rate->fits = fade * rate->fits + (double)fits;
}

/* A stage that has not run is taken to cost what the one before it costs. */
void eta_left(const struct eta_rate rates[ETA_STAGES], const struct eta_work *work, double *low, double *high)
{
	double each = work->guess, rest = 0, later = 0, deviation = 0, seconds = 0, error;

	for (unsigned s = 0; s < ETA_STAGES; s++)
		if (isnan(each) && rates[s].fits > 0)
			each = rates[s].seconds / rates[s].fits;
	*low = *high = NAN;
	if (isnan(each))
		return;
	for (unsigned s = 0; s < ETA_STAGES; s++) {
		if (rates[s].fits > 0) {
			each = rates[s].seconds / rates[s].fits;
			deviation += rates[s].deviation;
			seconds += rates[s].seconds;
		}
		rest += each * work->left[s];
		later += each * work->later[s];
	}
	error = seconds > 0 ? fmin(LEAST_ERROR + 0.5 * deviation / seconds, MOST_ERROR) : GUESS_ERROR;
	*low = (1 - error) * (rest + (work->later_sure ? later : 0)) / work->workers;
	*high = (1 + error) * (rest + later) / work->workers;
}

json_t *eta_rates_json(const struct eta_rate rates[ETA_STAGES])
{
	json_t *list = json_array();

	for (unsigned s = 0; s < ETA_STAGES; s++)
		json_array_append_new(list, json_pack("[f, f, f]", rates[s].fits, rates[s].seconds, rates[s].deviation));
	return list;
}

void eta_rates_read(const json_t *json, struct eta_rate rates[ETA_STAGES])
{
	for (unsigned s = 0; s < ETA_STAGES; s++) {
		const json_t *row = json_array_get(json, s);
		struct eta_rate rate = {json_number_value(json_array_get(row, 0)), json_number_value(json_array_get(row, 1)), json_number_value(json_array_get(row, 2))};

		if (rate.fits > 0 && rate.seconds > 0 && rate.deviation >= 0)
			rates[s] = rate;
	}
}
