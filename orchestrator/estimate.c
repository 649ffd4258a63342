#include "orchestrator/estimate.h"

#include <math.h>
#include <stdio.h>

#include "engines/model/engine.h"
#include "orchestrator/stage.h"
#include "storage/base/process.h"

#define WRITING 0.5               /* seconds a round takes beside its fits: tables, pictures, sealing, the bundle; measured on small data */
#define SPREAD 1.5                /* seconds of the same work differ by that much between hours of a day */
#define START_SECONDS 0.05        /* until a further worker does its first fit */
#define WORTH_IT 1.1              /* more workers must do at least that much more than one */
#define MARGIN 1.15               /* memory of tasks that were not tried, the final model's among them */
#define LOFO_GUESS 20u            /* all left-out fits of one task cost at most about that many trainings, where it was not measured */

const struct measured measured_nothing = {.search = {NAN, NAN, NAN, NAN, NAN}, .lofo = NAN, .slowdown = NAN};

struct times {
	double mean, least, most;
	unsigned count;
};

static struct times times_of(const struct measured *measured)
{
	struct times times = {.mean = 0, .least = INFINITY, .most = 0};

	for (unsigned i = 0; i < ESTIMATE_SAMPLES; i++)
		if (isfinite(measured->search[i])) {
			times.mean += measured->search[i];
			times.least = fmin(times.least, measured->search[i]);
			times.most = fmax(times.most, measured->search[i]);
			times.count++;
		}
	times.mean = times.count ? times.mean / times.count : NAN;
	return times;
}

double estimate_features_left(const struct spec_rfe *rfe, const struct study *study, double r)
{
	double left = rfe->drop == SPEC_DROP_FRACTION ? pow(1 - rfe->drop_fraction, r) : 1 - r * rfe->drop_count / (double)study->all_feature_count;

	return left > 0 ? left : 0;
}

/* Rounds that will be run whatever the scores are. */
static uint64_t sure_rounds(const struct spec_rfe *rfe, const struct plan *plan)
{
	uint64_t sure = rfe->drop == SPEC_DROP_INSIGNIFICANT ? 1 : rfe->has_stop ? rfe->patience + 1u : plan->rounds;

	return sure < plan->rounds ? sure : plan->rounds;
}

double estimate_speedup(const struct measured *measured, unsigned workers)
{
	return measured->slowdown > 0 ? workers / measured->slowdown : NAN;
}

/* tasks that take `each` alone, on the plan's workers. Many short ones fill the turns evenly. */
static double stage_seconds(const struct plan *plan, double tasks, double each, double slowdown)
{
	double turns = tasks < 50.0 * plan->workers ? ceil(tasks / plan->workers) : tasks / plan->workers;

	return tasks > 0 ? turns * each * (tasks > 1 ? slowdown : 1) : 0;
}

/* Of several models that one whose tasks are the longest: it is not known which is chosen. */
static double lofo_task(const struct spec *spec, const struct study *study, const struct measured *measured, double mean)
{
	double most = 1;

	for (size_t m = 0; m < spec->model_count; m++) {
		const struct engine *engine = engine_find(spec->models[m].engine);
		double together = engine->left_out_most ? engine->left_out_most : LOFO_GUESS;

		if (engine->shares & ENGINE_SHARE_LEFT_OUT)
			most = fmax(most, fmin((double)study->unit_count, fmin(together, LOFO_GUESS)));
	}
	return isfinite(measured->lofo) ? measured->lofo : mean * most;
}

static bool all_share_folds(const struct spec *spec)
{
	for (size_t m = 0; m < spec->model_count; m++)
		if (!(engine_find(spec->models[m].engine)->shares & ENGINE_SHARE_FOLDS))
			return false;
	return true;
}

/* Seconds of round r when a task of the search takes `each` on the average. */
static double round_seconds(const struct spec *spec, const struct study *study, const struct measured *measured, const struct plan *plan, uint64_t r, double each)
{
	double slowdown = measured->slowdown > 1 ? measured->slowdown : 1, left = estimate_features_left(&spec->rfe, study, (double)r);
	double final_tasks = all_share_folds(spec) ? 2 : study->folds + 1;
	double all = (double)plan->round_tasks[r < 64 ? r : 63], search = fmin(all, (double)plan->search_tasks);
	double finals = r + 1 < plan->rounds ? 2 * final_tasks : final_tasks, lofo = all - search - finals;
	double scale = each / times_of(measured).mean;

	return left * (stage_seconds(plan, search, each, slowdown) + 2 * stage_seconds(plan, finals / 2, each, slowdown) +
	               stage_seconds(plan, lofo > 0 ? lofo : 0, scale * lofo_task(spec, study, measured, each / scale), slowdown));
}

double estimate_crowding(double others, unsigned workers, unsigned cores)
{
	double alone = fmin(workers, cores), beside = cores * (workers / (workers + others));

	return others > 0 && beside < alone ? alone / beside : 1;
}

static void estimate_time(const struct spec *spec, const struct study *study, const struct measured *measured, struct plan *plan)
{
	struct times times = times_of(measured);
	uint64_t sure = sure_rounds(&spec->rfe, plan);
	double spread = times.count > 1 ? (times.most - times.least) / times.mean / sqrt(times.count) / 2 : 1, low = 0, likely = 0, high = 0;
	double crowding = estimate_crowding(measured->others, plan->workers, process_cores());

	for (uint64_t r = 0; r < plan->rounds; r++) {
		double seconds = round_seconds(spec, study, measured, plan, r, times.mean);

		if (r < sure)
			low += seconds / SPREAD / (1 + spread) + WRITING / 2;
		likely += (r < sure ? 1 : 0.5) * (seconds + WRITING);
		high += seconds * SPREAD * (1 + spread) + WRITING * 4;
	}
	plan->seconds_low = low;
	plan->crowding = crowding;
	plan->seconds = likely * crowding;
	plan->seconds_high = measured->over ? NAN : high * crowding;
}

/* The engine's statement is an upper bound for every parameter; a measured part of the tasks says how far it is from the truth here. */
static void correct_memory(const struct measured *measured, struct plan *plan)
{
	double ratio = (double)measured->peak / (double)(measured->stated ? measured->stated : 1);
	uint64_t write = plan->memory.base + plan->memory.write;

	if (!measured->peak || !measured->stated)
		return;
	ratio = ratio < 0.1 ? 0.1 : ratio > 3 ? 3 : ratio;
	plan->memory_worker = (uint64_t)((double)(plan->memory.base + plan->memory.fit) * ratio * MARGIN);
	if (plan->memory_worker < write)
		plan->memory_worker = write;
}

static void choose_by_measure(const struct spec *spec, const struct measured *measured, struct plan *plan)
{
	struct times times = times_of(measured);
	double speedup = estimate_speedup(measured, plan->workers), all = times.mean * (double)plan->tasks;
	char reason[sizeof plan->workers_reason];

	if (spec->resources.workers || plan->workers < 2)
		return;
	if (times.count && all < START_SECONDS) {
		plan->workers = 1;
		snprintf(plan->workers_reason, sizeof plan->workers_reason, "all fits together take less than a second worker needs to start");
	} else if (isfinite(speedup) && speedup < WORTH_IT) {
		snprintf(reason, sizeof reason, "measured: %u at once do only %.2f times the work of one", plan->workers, speedup);
		snprintf(plan->workers_reason, sizeof plan->workers_reason, "%s", reason);
		plan->workers = 1;
	} else if (isfinite(speedup)) {
		snprintf(reason, sizeof reason, "%.120s; measured: %u at once do %.2f times the work of one", plan->workers_reason, plan->workers, speedup);
		snprintf(plan->workers_reason, sizeof plan->workers_reason, "%s", reason);
	} else if (measured->busy) {
		snprintf(reason, sizeof reason, "%.120s; what they gain was not measured: the machine is busy", plan->workers_reason);
		snprintf(plan->workers_reason, sizeof plan->workers_reason, "%s", reason);
	}
}

void estimate(const struct spec *spec, const struct study *study, const struct measured *measured, struct plan *plan)
{
	struct measured known = *measured;
	unsigned workers = plan->workers;

	correct_memory(measured, plan);
	plan_workers(spec, plan); /* by memory as it is known now */
	if (plan->workers == workers)
		choose_by_measure(spec, measured, plan);
	if (plan->workers == 1)
		known.slowdown = 1;
	plan->measured_cached = measured->cached;
	if (times_of(measured).count)
		estimate_time(spec, study, &known, plan);
	else if (measured->over)
		plan->seconds_low = PLAN_PROBE_SECONDS * (double)plan->search_tasks / plan->workers; /* each takes longer than it was given */
}
