/* eta: the time that is left, from what fits took of late. Rates fade (work of five minutes ago counts a third), are kept by stage over rounds and, in
 * status.json, over resumes; before the first fit the plan's estimate stands in. A range: how much the recent ones differed, and the rounds
 * that may not be needed. Pure functions. */
#ifndef ORCHESTRATOR_ETA_H
#define ORCHESTRATOR_ETA_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define ETA_STAGES 16
struct eta_rate { /* faded sums; fits 0: nothing known */
	double fits, seconds /* of workers */, deviation;
};
struct eta_work {
	double left[ETA_STAGES];  /* fits of this round, by stage */
	double later[ETA_STAGES]; /* of later rounds, less where features are gone */
	bool later_sure;          /* they are run whatever the scores are */
	unsigned workers;
	double guess;             /* seconds of a fit by the plan; NaN: none */
};
void eta_note(struct eta_rate *rate, double seconds, uint64_t fits);
/* NaN both: nothing to go by. */
void eta_left(const struct eta_rate rates[ETA_STAGES], const struct eta_work *work, double *low, double *high);
json_t *eta_rates_json(const struct eta_rate rates[ETA_STAGES]);
void eta_rates_read(const json_t *json, struct eta_rate rates[ETA_STAGES]); /* what is not there or no rate stays as it is */

#endif
