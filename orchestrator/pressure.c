#include "orchestrator/pressure.h"

#define SHORT 0.05         /* of the memory left */
#define NEARLY_GONE 0.02
#define PLENTY 0.12
#define STALLED 20.0       /* percent of the time somebody waits */
#define UNSTALLED 5.0
#define LOWER_SECONDS 2.0  /* until a lowering shows */
#define CALM_SECONDS 5.0

void pressure_init(struct pressure *pressure, unsigned workers)
{
	*pressure = (struct pressure){.most = workers, .allowed = workers};
}

static void lower(struct pressure *pressure, double now)
{
	if (pressure->lowered && now - pressure->lowered < LOWER_SECONDS)
		return;
	pressure->allowed = pressure->nearly_gone ? (pressure->allowed + 1) / 2 : pressure->allowed - 1;
	if (pressure->nearly_gone && pressure->allowed == pressure->most)
		pressure->allowed--;
	pressure->allowed = pressure->allowed ? pressure->allowed : 1;
	pressure->lowered = now;
}

void pressure_note(struct pressure *pressure, const struct memory_reading *reading, double now)
{
	double left = reading->total ? (double)reading->available / (double)reading->total : 1;

	pressure->nearly_gone = left < NEARLY_GONE;
	if (left < SHORT || (reading->stalled > STALLED && left < 0.5)) { /* waiting with plenty left is another group's trouble */
		pressure->calm = 0;
		if (pressure->allowed > 1)
			lower(pressure, now);
	} else if (left < PLENTY || reading->stalled > UNSTALLED) {
		pressure->calm = 0;
	} else if (!pressure->calm) {
		pressure->calm = now;
	} else if (pressure->allowed < pressure->most && now - pressure->calm >= CALM_SECONDS) {
		pressure->allowed++;
		pressure->calm = now;
	}
}
