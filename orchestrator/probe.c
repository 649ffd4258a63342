#include "orchestrator/probe.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "orchestrator/fit_plan.h"
#include "orchestrator/scheduler.h"
#include "storage/base/file.h"
#include "storage/base/process.h"

#define ENDS 2                /* the first and the last task of the search */
#define PASSES 2              /* the second pass is free of start-up costs */
#define WRITING_LOW 0.2       /* seconds a round takes beside its fits: tables, sealing, the bundle; measured on small data */
#define WRITING_HIGH 2.0
#define SHARED_LOFO_TASKS 20u /* all left-out fits of one task cost at most about that many trainings (forests: 6 to 18) */

const char *probe_program(void)
{
	static char path[PATH_MAX];

	if (!path[0]) {
		ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);

		if (length <= 0)
			return "/proc/self/exe"; /* the same file, as long as we live */
		path[length] = '\0';
	}
	return path;
}

struct probing {
	const struct fit_plan *plan;
	unsigned given;        /* tasks handed out */
	double began;
	bool over;             /* PROBE_SECONDS are up */
	bool failed;
	double seconds[ENDS];  /* of a task, the least of its passes; NaN: not known */
};

static unsigned ends_of(const struct probing *probing)
{
	return fit_plan_tasks(probing->plan) > 1 ? ENDS : 1;
}

static int next(void *context, struct task *task, struct orch_err *err)
{
	struct probing *probing = context;
	unsigned end = probing->given % ends_of(probing), pass = probing->given / ends_of(probing);

	if (probing->failed || pass >= PASSES || (pass && process_clock() - probing->began > PROBE_SECONDS / 4))
		return 0;
	probing->given++;
	return fit_plan_task(probing->plan, end ? fit_plan_tasks(probing->plan) - 1 : 0, task, err);
}

static int finished(void *context, struct task *task, struct task_outcome *outcome, struct orch_err *err)
{
	struct probing *probing = context;
	double *least = &probing->seconds[task->group ? 1 : 0];

	(void)err;
	if (outcome->end != TASK_OK)
		probing->failed = true;
	else if (!isfinite(*least) || outcome->seconds < *least)
		*least = outcome->seconds;
	return 0;
}

static int attempt_failed(void *context, const struct task *task, const struct task_outcome *outcome, bool will_retry, struct orch_err *err)
{
	(void)context;
	(void)task;
	(void)outcome;
	(void)will_retry;
	(void)err;
	return 0; /* the campaign itself will tell */
}

static int tick(void *context, struct orch_err *err)
{
	struct probing *probing = context;

	if (process_clock() - probing->began <= PROBE_SECONDS)
		return 0;
	probing->over = true;
	return orch_fail(err, ORCH_ELIMIT, "the first fits take longer than %g s", PROBE_SECONDS);
}

static json_t *setup_of(const struct spec *spec, const struct study *study, const struct prepared *data)
{
	return json_pack("{s:s, s:i, s:O, s:s, s:s, s:s, s:i, s:o}", "type", "setup", "protocol", TASK_PROTOCOL, "spec", spec->resolved, "base", spec->base, "frame",
	        data->frame, "folds", data->folds, "round", 0, "features", study_feature_names(study));
}

static int run_ends(const struct spec *spec, const struct study *study, const struct prepared *data, const struct plan *plan, struct probing *probing,
        struct orch_err *err)
{
	struct scheduler_options options = {.program = probe_program(), .workers = 1, .threads = plan->threads, .memory_each = plan->memory_limit};
	struct scheduler_source source = {.context = probing, .next = next, .finished = finished, .attempt_failed = attempt_failed, .tick = tick};
	struct scheduler *scheduler = NULL;
	struct orch_err why = {0};
	int code = scheduler_open(&options, &scheduler, err);

	if (code)
		return code;
	scheduler_setup(scheduler, setup_of(spec, study, data));
	probing->began = process_clock();
	code = scheduler_run(scheduler, &source, &why);
	scheduler_close(scheduler);
	if (code && !probing->over)
		code = orch_fail(err, code, "%s", why.text);
	return probing->over ? 0 : code;
}

/* About the share of the features that round r still has. */
static double features_left(const struct spec_rfe *rfe, const struct study *study, double r)
{
	double left = rfe->drop == SPEC_DROP_FRACTION ? pow(1 - rfe->drop_fraction, r) : 1 - r * rfe->drop_count / (double)study->feature_count;

	return left > 0 ? left : 0;
}

/* Rounds that will be run whatever the scores are. */
static uint64_t sure_rounds(const struct spec_rfe *rfe, const struct plan *plan)
{
	uint64_t sure = rfe->drop == SPEC_DROP_INSIGNIFICANT ? 1 : rfe->has_stop ? rfe->patience + 1u : plan->rounds;

	return sure < plan->rounds ? sure : plan->rounds;
}

/* Tasks of a round by their kind: those of the search cost what the two ends cost; a task of another stage is one fit, or all left-out fits
 * at once where the engine shares them. */
static void scale(const struct spec *spec, const struct study *study, const struct probing *probing, const struct fit_plan *fits, struct plan *plan)
{
	const struct engine *engine = engine_find(spec->models[0].engine);
	double first = probing->seconds[0], last = isfinite(probing->seconds[1]) ? probing->seconds[1] : first, low = 0, high = 0;
	double least = fmin(first, last), most = fmax(first, last), searches = (double)fit_plan_tasks(fits);
	uint64_t sure = sure_rounds(&spec->rfe, plan);
	double shared = engine->shares & ENGINE_SHARE_LEFT_OUT ? fmin((double)study->unit_count, SHARED_LOFO_TASKS) : 1;

	for (uint64_t r = 0; r < plan->rounds; r++) {
		double tasks = (double)plan->round_tasks[r < 64 ? r : 63], others = tasks - searches > 0 ? tasks - searches : 0;
		double left = features_left(&spec->rfe, study, (double)r);
		if (r < sure)
			low += left * (searches * (least + most) / 2 * 0.7 + others * least) / plan->workers + WRITING_LOW;
		high += (searches * most + others * shared * most) / plan->workers * 1.3 + WRITING_HIGH;
	}
	plan->seconds_low = low;
	plan->seconds_high = probing->over && !isfinite(probing->seconds[1]) ? NAN : high; /* the last task did not end in time */
}

/* Nothing came back in time: what is sure is that each task takes longer. */
static void scale_unfinished(struct plan *plan, const struct fit_plan *fits)
{
	plan->seconds_low = PROBE_SECONDS * (double)fit_plan_tasks(fits) / plan->workers;
}

bool probe_can(const struct spec *spec)
{
	const struct engine *engine = engine_find(spec->models[0].engine);

	return !engine->external && !engine->needs_permission;
}

int probe_time(const struct spec *spec, const struct study *study, const struct prepared *data, struct plan *plan, struct orch_err *err)
{
	struct probing probing = {.seconds = {NAN, NAN}};
	struct fit_plan_request request = {.stage = STAGE_HPO, .study = study, .trial = -1, .scratch = "/nonexistent"}; /* fits of the search keep no files */
	struct search_source source = {NULL, study->folds, study->metric->maximise};
	struct search *search = NULL;
	struct fit_plan *fits = NULL;
	int code;

	if (!probe_can(spec))
		return 0;
	code = search_open(spec, 0, &source, &search, err);
	request.search = search;
	if (!code)
		code = fit_plan_open(&request, &fits, err);
	probing.plan = fits;
	if (!code)
		code = run_ends(spec, study, data, plan, &probing, err);
	if (!code && isfinite(probing.seconds[0]))
		scale(spec, study, &probing, fits, plan);
	else if (!code && probing.over)
		scale_unfinished(plan, fits);
	fit_plan_close(fits);
	search_close(search);
	return code;
}
