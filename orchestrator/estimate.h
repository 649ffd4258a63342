/* estimate: from measured seconds and memory of a few tasks to what a whole campaign takes. Pure functions: the clock is elsewhere (probe.h).
 *
 * A stage of T equal tasks on N workers takes ceil(T / N) turns; while N run at once each is slower than alone by what was measured.
 * Seconds are those of a machine that does nothing else. Where others want more cores than we leave, the kernel deals out shares: N workers beside L others
 * get C * N / (N + L) of C cores. The likely time and the upper end have that, the lower end has not: the others may go.
 * Tasks of later rounds are less by the share of features that is gone. The range is what the samples leave open; its upper end has all
 * rounds, its lower end those that are sure. */
#ifndef ORCHESTRATOR_ESTIMATE_H
#define ORCHESTRATOR_ESTIMATE_H

#include "orchestrator/plan.h"

#define ESTIMATE_SAMPLES 5 /* tasks of the search, spread over it */
struct measured {
	double search[ESTIMATE_SAMPLES]; /* seconds of a task with one worker; NaN: not known */
	double lofo;                     /* of one task of left-out fits */
	double slowdown;                 /* time of a task while plan->workers run at once by its time alone; NaN: not measured */
	uint64_t peak;                   /* anonymous bytes of the largest; 0: not known */
	uint64_t stated;                 /* what the plan would have said of those tasks */
	double others;                   /* what else wants to run on the machine now, on the average; 0: nothing */
	bool over;                       /* some did not end in time */
	bool busy;                       /* others use the machine: what several workers gain cannot be measured now */
	bool cached;                     /* by an earlier plan or start of the same */
};
extern const struct measured measured_nothing;
/* Fills the seconds, corrects the memory, and takes one worker where more would lose. */
void estimate(const struct spec *spec, const struct study *study, const struct measured *measured, struct plan *plan);
/* How many times longer N workers take beside L others than alone, on C cores. */
double estimate_crowding(double others, unsigned workers, unsigned cores);
/* About the share of the features that round r still has. */
double estimate_features_left(const struct spec_rfe *rfe, const struct study *study, double r);
/* What N at once do, in tasks of one worker alone; NaN: not measured. */
double estimate_speedup(const struct measured *measured, unsigned workers);

#endif
