/* A message of several tasks that did not end well, taken apart (see batching.h). */
#include <stdlib.h>

#include "orchestrator/round_run.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

/* Results of each part, and whether one of them asks for another attempt. */
struct parted {
	json_t **results;
	bool *again;
	unsigned parts;
};

static void sort_results(const struct fit_plan *plan, const struct task *task, const struct task_outcome *outcome, struct parted *split)
{
	json_t *result;
	size_t i;

	split->parts = task->parts;
	split->results = mem_must(task->parts, sizeof *split->results);
	split->again = mem_must(task->parts, sizeof *split->again);
	for (unsigned p = 0; p < task->parts; p++)
		split->results[p] = json_array();
	json_array_foreach(outcome->results, i, result) {
		unsigned part = fit_plan_part(plan, task, (size_t)json_get_int(result, "variant", 0), (int)json_get_int(result, "fold", 0));

		json_array_append(split->results[part], result);
		split->again[part] = split->again[part] || (json_object_get(result, "failed") && !json_is_true(json_object_get(result, "final")));
	}
}

static void release(struct parted *split)
{
	for (unsigned p = 0; p < split->parts; p++)
		json_decref(split->results[p]);
	free(split->results);
	free(split->again);
}

/* The attempt of one part is told as if it had travelled alone. */
static int part_failed(struct round_run *run, const struct task *task, unsigned part, json_t *results, const struct task_outcome *outcome, struct orch_err *err)
{
	struct task alone = {0};
	struct task_outcome its = {.end = TASK_OK, .results = results, .wall_start = outcome->wall_start, .seconds = outcome->seconds / task->parts,
	        .cpu_seconds = outcome->cpu_seconds, .peak_rss = outcome->peak_rss, .pid = outcome->pid};
	uint64_t number = (uint64_t)task->group + part;
	int code = fit_plan_task(run->plans[task->stage], number, &alone, err);

	if (code < 0)
		return code;
	code = round_run_attempt_failed(run, &alone, &its, true, err);
	task_release(&alone);
	batching_alone(&run->batching, task->stage, number, 1);
	return code;
}

static int take_good_parts(struct round_run *run, struct task *task, struct task_outcome *outcome, struct orch_err *err)
{
	struct parted split;
	struct task_outcome good = *outcome;
	int code = 0;

	sort_results(run->plans[task->stage], task, outcome, &split);
	good.results = json_array();
	for (unsigned p = 0; p < task->parts && !code; p++)
		if (split.again[p])
			code = part_failed(run, task, p, split.results[p], outcome, err);
		else
			json_array_extend(good.results, split.results[p]);
	if (!code)
		code = round_run_results(run, task, &good, err);
	json_decref(good.results);
	release(&split);
	return code;
}

int round_run_split(void *context, struct task *task, struct task_outcome *outcome, struct orch_err *err)
{
	struct round_run *run = context;
	int code = round_run_telemetry(run, task, outcome, err);

	if (code)
		return code;
	if (outcome->peak_rss > run->campaign->memory_peak)
		run->campaign->memory_peak = outcome->peak_rss;
	if (outcome->end == TASK_OK)
		return take_good_parts(run, task, outcome, err);
	for (unsigned p = 0; p < task->parts; p++) /* one of them killed the worker: which one is seen when each is alone */
		batching_alone(&run->batching, task->stage, (uint64_t)task->group + p, 0);
	return 0;
}
