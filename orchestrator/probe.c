#include "orchestrator/probe.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/campaign_drift.h"
#include "orchestrator/estimate.h"
#include "orchestrator/fit_plan.h"
#include "orchestrator/scheduler.h"
#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/json.h"
#include "storage/base/process.h"
#include "storage/dataset.h"

#define PASSES 2          /* the second pass is free of start-up costs */
#define SHORT 0.003       /* seconds: what a task of that length takes says more about messages than about the machine */
#define STEPS_MOST 4096
#define WAITING 1.25      /* time of a task by its processor time, on a machine that has nothing else to do */
#define MESSAGE 0.001     /* seconds */

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

/* Tasks in the order in which they are tried. kind: sample of the search, or LOFO. */
enum { KIND_LOFO = ESTIMATE_SAMPLES };
struct step {
	const struct fit_plan *plan;
	uint64_t number;
	unsigned kind, pass;
};
struct probing {
	struct step steps[STEPS_MOST];
	size_t step_count, given;
	double began;
	bool over, failed, one_thread;
	bool together;                  /* several workers: the first task of each is not counted */
	pid_t seen[256];
	size_t seen_count;
	double least[KIND_LOFO + 1];    /* seconds; NaN: not known */
	double sum;                     /* of counted tasks, and of the same tasks alone */
	double sum_alone;
	uint64_t peak;                  /* of tasks of the search */
};

static int next(void *context, struct task *task, struct orch_err *err)
{
	struct probing *probing = context;
	const struct step *step = &probing->steps[probing->given];
	int code;

	if (probing->failed || probing->given == probing->step_count || (step->pass && process_clock() - probing->began > PROBE_SECONDS / 4))
		return 0;
	code = fit_plan_task(step->plan, step->number, task, err);
	task->group = (int64_t)step->kind;
	probing->given++;
	return code;
}

static bool is_first_of_worker(struct probing *probing, pid_t pid)
{
	for (size_t i = 0; i < probing->seen_count; i++)
		if (probing->seen[i] == pid)
			return false;
	if (probing->seen_count < 256)
		probing->seen[probing->seen_count++] = pid;
	return true;
}

static int finished(void *context, struct task *task, struct task_outcome *outcome, struct orch_err *err)
{
	struct probing *probing = context;
	unsigned kind = (unsigned)task->group;

	(void)err;
	if (outcome->end != TASK_OK) {
		probing->failed = true;
	} else if (probing->together) {
		if (!is_first_of_worker(probing, outcome->pid)) {
			probing->sum += outcome->seconds;
			probing->sum_alone += probing->least[kind];
		}
	} else {
		double seconds = outcome->seconds;

		/* A fit of one thread computes; where it took much longer it was kept from it by others, which estimate() counts by itself. */
		if (probing->one_thread && outcome->cpu_seconds > 0)
			seconds = fmin(seconds, WAITING * outcome->cpu_seconds + MESSAGE);
		if (!isfinite(probing->least[kind]) || seconds < probing->least[kind])
			probing->least[kind] = seconds;
		if (kind < KIND_LOFO && outcome->peak_rss > probing->peak)
			probing->peak = outcome->peak_rss;
	}
	return 0;
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

static int run_steps(const struct spec *spec, const struct study *study, const struct prepared *data, const struct plan *plan, unsigned workers,
        struct probing *probing, struct orch_err *err)
{
	struct scheduler_options options = {.program = probe_program(), .workers = workers, .threads = plan->threads, .memory_each = plan->memory_limit / workers};
	struct scheduler_source source = {.context = probing, .next = next, .finished = finished, .tick = tick};
	struct scheduler *scheduler = NULL;
	struct orch_err why = {0};
	int code = scheduler_open(&options, &scheduler, err);

	if (code)
		return code;
	scheduler_setup(scheduler, setup_of(spec, study, data));
	code = scheduler_run(scheduler, &source, &why);
	scheduler_close(scheduler);
	if (code && !probing->over)
		code = orch_fail(err, code, "%s", why.text);
	return probing->over ? 0 : code;
}

static void add_step(struct probing *probing, const struct fit_plan *plan, uint64_t number, unsigned kind, unsigned pass)
{
	if (probing->step_count < STEPS_MOST)
		probing->steps[probing->step_count++] = (struct step){plan, number, kind, pass};
}

/* The samples of a plan of so many tasks: the ends first, then what lies between. */
static unsigned samples_of(uint64_t tasks, uint64_t out[ESTIMATE_SAMPLES])
{
	static const unsigned quarters[ESTIMATE_SAMPLES] = {0, 4, 2, 1, 3};
	unsigned count = 0;

	for (unsigned i = 0; i < ESTIMATE_SAMPLES; i++) {
		uint64_t number = quarters[i] == 4 ? tasks - 1 : tasks / 4 * quarters[i];
		bool known = false;

		for (unsigned j = 0; j < count; j++)
			known = known || out[j] == number;
		if (!known)
			out[count++] = number;
	}
	return count;
}

/* All left-out sets of a block of folds with the parameters of a sample, where the engine answers them together. */
static int open_lofo(const struct fit_plan_request *search, const struct fit_plan *fits, uint64_t sample, json_t **params, struct fit_plan **out,
        struct orch_err *err)
{
	const struct study *study = search->study;
	struct fit_plan_request request = *search;
	struct task task = {0};
	bool shares;
	int code;

	if (!study->spec->lofo.enabled || study->unit_count < 2)
		return 0;
	code = fit_plan_task(fits, sample, &task, err);
	if (code < 0)
		return code;
	*params = json_incref(json_object_get(json_array_get(json_object_get(task.line, "variants"), 0), "params"));
	request.stage = STAGE_LOFO;
	request.trial = json_get_int(json_array_get(json_object_get(task.line, "variants"), 0), "trial", 0);
	shares = engine_find(study->spec->models[search_model(search->search, (uint64_t)request.trial)].engine)->shares & ENGINE_SHARE_LEFT_OUT;
	task_release(&task);
	if (!shares)
		return 0;
	request.params = *params;
	return fit_plan_open(&request, out, err);
}

/* What runs or wants to, on the average of the last minute. */
static double load_of_others(void)
{
	double load[1];

	return getloadavg(load, 1) == 1 ? load[0] : 0;
}

/* More runs than there are cores, before we begin with several. */
static bool is_busy(void)
{
	return load_of_others() > process_cores();
}

/* The same tasks on all workers at once: how much slower is each? */
static int run_together(const struct spec *spec, const struct study *study, const struct prepared *data, const struct plan *plan, struct probing *probing,
        const struct fit_plan *fits, const uint64_t *samples, unsigned count, struct orch_err *err)
{
	double mean = 0;

	for (unsigned i = 0; i < count; i++)
		mean += probing->least[i] / count;
	if (is_busy())
		return 0; /* a night must not go slowly for one busy minute */
	if (spec->resources.workers || plan->workers < 2 || plan->workers > 256 || probing->failed || !(mean > SHORT) || mean > PROBE_SECONDS / 10)
		return 0;
	probing->together = true;
	probing->step_count = probing->given = 0;
	probing->began = process_clock();
	for (unsigned pass = 0; pass < 3; pass++)
		for (unsigned i = 0; i < count; i++)
			for (unsigned w = 0; w < plan->workers; w++)
				add_step(probing, fits, samples[i], i, pass > 1);
	return run_steps(spec, study, data, plan, plan->workers, probing, err);
}

/* ---- kept for the next plan or start of the same work on the same machine ---- */

static char *cache_path(const struct spec *spec, const struct study *study, const struct plan *plan)
{
	static const char *const parts[] = {"model", "models", "hpo", "lofo", "metric", "split", "seed"};
	json_t *build = drift_this_build();
	struct hash hash;
	char key[HASH_HEX], *text = json_text(build, JSON_STYLE_CANONICAL), machine[160];
	struct process_id self;

	process_self(&self);
	snprintf(machine, sizeof machine, "%s/%u/%u/%llu/%d", self.host, plan->workers, plan->threads, (unsigned long long)plan->memory_limit, spec->resources.workers > 0);
	hash_begin(&hash);
	hash_add_text(&hash, "orch probe v1");
	hash_add_text(&hash, text);
	hash_add_text(&hash, machine);
	hash_add_text(&hash, study->frame_hash);
	hash_add_text(&hash, study->folds_hash);
	free(text);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		json_t *part = json_object_get(spec->resolved, parts[i]);

		text = part ? json_text(part, JSON_STYLE_CANONICAL) : mem_text("");
		hash_add_text(&hash, text);
		free(text);
	}
	hash_end_hex(&hash, key);
	json_decref(build);
	return dataset_cache_path("probes", key, ".json");
}

static bool read_cache(const char *path, struct measured *out)
{
	json_t *object = NULL, *list;

	*out = measured_nothing;
	if (json_read_file(path, &object, NULL))
		return false;
	list = json_object_get(object, "search");
	for (size_t i = 0; i < ESTIMATE_SAMPLES && i < json_array_size(list); i++)
		if (json_is_number(json_array_get(list, i)))
			out->search[i] = json_number_value(json_array_get(list, i));
	out->lofo = json_get_real(object, "lofo", NAN);
	out->slowdown = json_get_real(object, "slowdown", NAN);
	out->peak = (uint64_t)json_get_int(object, "peak", 0);
	out->stated = (uint64_t)json_get_int(object, "stated", 0);
	out->cached = true;
	json_decref(object);
	return isfinite(out->search[0]);
}

static void write_cache(const char *path, const struct measured *measured)
{
	json_t *list = json_array(), *object;
	char *text;

	for (size_t i = 0; i < ESTIMATE_SAMPLES; i++)
		json_array_append_new(list, json_number_or_null(measured->search[i]));
	object = json_pack("{s:o, s:o, s:o, s:I, s:I}", "search", list, "lofo", json_number_or_null(measured->lofo), "slowdown",
	        json_number_or_null(measured->slowdown), "peak", (json_int_t)measured->peak, "stated", (json_int_t)measured->stated);
	text = json_text(object, JSON_STYLE_LINE);
	dataset_cache_store(path, text, strlen(text), NULL); /* it costs time only */
	free(text);
	json_decref(object);
}

bool probe_can(const struct spec *spec)
{
	for (size_t m = 0; m < spec->model_count; m++) {
		const struct engine *engine = engine_find(spec->models[m].engine);

		if (engine->external || engine->needs_permission)
			return false;
	}
	return true;
}

static int measure(const struct spec *spec, const struct study *study, const struct prepared *data, struct plan *plan, const struct search *search,
        struct measured *out, struct orch_err *err)
{
	struct fit_plan_request request = {.stage = STAGE_HPO, .study = study, .search = search, .trial = -1, .scratch = "/nonexistent"}; /* keeps no files */
	struct probing *probing = mem_must(1, sizeof *probing);
	struct fit_plan *fits = NULL, *lofo = NULL;
	json_t *params = NULL;
	uint64_t samples[ESTIMATE_SAMPLES];
	unsigned count = 0;
	int code = fit_plan_open(&request, &fits, err);

	*out = measured_nothing;
	for (unsigned i = 0; i <= KIND_LOFO; i++)
		probing->least[i] = NAN;
	if (!code) {
		count = samples_of(fit_plan_tasks(fits), samples);
		code = open_lofo(&request, fits, samples[count / 2], &params, &lofo, err);
	}
	for (unsigned pass = 0; pass < PASSES && !code; pass++)
		for (unsigned i = 0; i < count; i++)
			add_step(probing, fits, samples[i], i, pass);
	if (lofo)
		add_step(probing, lofo, 0, KIND_LOFO, 1);
	probing->one_thread = plan->threads <= 1;
	probing->began = process_clock();
	if (!code)
		code = run_steps(spec, study, data, plan, 1, probing, err);
	for (unsigned i = 0; i < count; i++) {
		uint64_t group = fit_plan_group(fits, samples[i]);

		out->search[i] = probing->least[i];
		out->over = out->over || (probing->over && !isfinite(probing->least[i]));
		if (!code && isfinite(probing->least[i])) {
			uint64_t stated = plan->memory.base + plan_memory_of_group(spec, study, search, group, err);

			out->stated = stated > out->stated ? stated : out->stated;
		}
	}
	out->lofo = probing->least[KIND_LOFO];
	out->peak = probing->peak;
	if (!code && !probing->over)
		code = run_together(spec, study, data, plan, probing, fits, samples, count, err);
	if (probing->sum_alone > 0)
		out->slowdown = probing->sum / probing->sum_alone;
	fit_plan_close(fits);
	fit_plan_close(lofo);
	json_decref(params);
	free(probing);
	return code;
}

int probe_time(const struct spec *spec, const struct study *study, const struct prepared *data, struct plan *plan, struct orch_err *err)
{
	struct search_source source = {NULL, study->folds, study->metric->maximise};
	struct search *search = NULL;
	struct measured measured;
	double others = load_of_others(); /* before we begin ourselves */
	char *path;
	int code = 0;

	if (!probe_can(spec))
		return 0;
	path = cache_path(spec, study, plan);
	if (!read_cache(path, &measured)) {
		code = search_open(spec, 0, &source, &search, err);
		if (!code)
			code = measure(spec, study, data, plan, search, &measured, err);
		measured.busy = is_busy();
		if (!code && !measured.over && !measured.busy && isfinite(measured.search[0]))
			write_cache(path, &measured);
	}
	measured.others = others;
	if (!code)
		estimate(spec, study, &measured, plan);
	search_close(search);
	free(path);
	return code;
}
