#include "orchestrator/search_phases.h"

#include <math.h>
#include <stdlib.h>

#include "engines/search/pruner.h"
#include "orchestrator/fit_curve.h"

struct search_phases {
	struct search_phases_request request;
	struct fit_plan *plan;
	const struct pruner *pruner; /* of the model at hand, or NULL */
	struct pruner_request rule;
	double *scores;              /* trials x folds; NULL without a pruner */
	struct pruner_trial *trials; /* alike; folds: those that count for decisions */
	bool *stopped;               /* alike */
	unsigned *cut;               /* alike: the first fold that met a limit; folds: none */
	struct pruner_curve *curves; /* folds x trials; NULL where no pruner looks at them */
	struct pruner_steps **steps; /* of each fold, for the cohort at hand; NULL: not needed yet */
	unsigned folds;
	/* the phase: trials first .. end - 1, folds from .. to - 1 */
	size_t model;
	uint64_t model_first, model_end, first, end;
	unsigned from, to;
	uint64_t left, fits, given; /* fits of it that have not ended; those there were when it began; those of them that were handed out */
	bool over;
	struct orch_err err;
};

static const struct pruner *pruner_of(const struct search_phases *phases, size_t model)
{
	const struct spec *spec = phases->request.study->spec;

	return search_prunes(phases->request.search, model) ? pruner_find(spec->hpo.pruner) : NULL;
}

static int open_curves(struct search_phases *phases, uint64_t trials, struct orch_err *err)
{
	bool wanted = false;

	for (size_t m = 0; m < phases->request.study->spec->model_count; m++)
		wanted = wanted || search_prunes_curves(phases->request.search, m);
	if (!wanted)
		return 0;
	phases->steps = mem_must(phases->folds, sizeof *phases->steps);
	phases->curves = trials <= UINT32_MAX ? mem_array(trials * phases->folds, sizeof *phases->curves) : NULL;
	return phases->curves ? 0 : orch_fail(err, ORCH_ENOMEM, "no memory for the curves that hpo.pruner decides by");
}

static void forget_steps(struct search_phases *phases)
{
	for (unsigned f = 0; phases->steps && f < phases->folds; f++) {
		pruner_steps_close(phases->steps[f]);
		phases->steps[f] = NULL;
	}
}

int search_phases_open(const struct search_phases_request *request, struct search_phases **out, struct orch_err *err)
{
	struct search_phases *phases;
	const struct study *study = request->study;
	uint64_t trials = search_configurations(request->search);
	bool needed = false, prunes = false;
	int code = 0;

	*out = NULL;
	for (size_t m = 0; m < study->spec->model_count; m++) {
		needed = needed || search_generation(request->search, m);
		prunes = prunes || search_prunes(request->search, m);
	}
	if (!needed && !prunes)
		return 0;
	phases = mem_must(1, sizeof *phases);
	phases->request = *request;
	phases->folds = study->folds;
	phases->rule = (struct pruner_request){.folds = study->folds, .maximise = study->metric->maximise};
	if (prunes)
		code = open_curves(phases, trials, err);
	if (prunes && !code && (trials > UINT32_MAX || !(phases->scores = mem_array(trials * study->folds, sizeof(double))) ||
	        !(phases->trials = mem_array(trials, sizeof *phases->trials)) ||
	        !(phases->cut = mem_array(trials, sizeof *phases->cut)) || !(phases->stopped = mem_array(trials, sizeof *phases->stopped))))
		code = orch_fail(err, ORCH_ENOMEM, "no memory for the scores that hpo.pruner decides by");
	else if (prunes && !code)
		code = stage_test_train(study, &phases->rule.test_train, err);
	for (uint64_t t = 0; prunes && !code && t < trials; t++) {
		phases->trials[t].scores = phases->scores + t * study->folds;
		phases->cut[t] = study->folds;
	}
	if (code)
		search_phases_close(phases);
	else
		*out = phases;
	return code;
}

void search_phases_close(struct search_phases *phases)
{
	if (!phases)
		return;
	forget_steps(phases);
	for (uint64_t i = 0; phases->curves && i < search_configurations(phases->request.search) * phases->folds; i++)
		free(phases->curves[i].points);
	free(phases->steps);
	free(phases->curves);
	free(phases->scores);
	free(phases->trials);
	free(phases->stopped);
	free(phases->cut);
	free(phases);
}

/* ---- from phase to phase ---- */

static uint64_t fit_number(const struct search_phases *phases, uint64_t trial, unsigned fold)
{
	uint64_t number = 0;

	if (!fit_plan_find(phases->plan, (int64_t)trial, (int)fold, "", &number))
		orch_bug("the search has a trial %llu that its plan does not know", (unsigned long long)trial);
	return number;
}

static void begin_rung(struct search_phases *phases, unsigned from)
{
	phases->from = from;
	phases->to = phases->pruner ? phases->pruner->next_rung(&phases->rule, from) : phases->folds;
	phases->left = phases->given = 0;
	for (uint64_t t = phases->first; t < phases->end; t++)
		for (unsigned f = phases->from; f < phases->to; f++)
			phases->left += !fit_plan_marked(phases->plan, fit_number(phases, t, f));
	phases->fits = phases->left;
}

static void begin_cohort(struct search_phases *phases, uint64_t first)
{
	uint64_t cohort = search_cohort(phases->request.search, phases->model), rest = phases->model_end - first;

	forget_steps(phases);
	phases->first = first;
	phases->end = first + (cohort && cohort < rest ? cohort : rest);
	begin_rung(phases, 0);
}

static void begin_model(struct search_phases *phases, size_t model)
{
	uint64_t count = search_model_trials(phases->request.search, model, &phases->model_first);

	phases->model = model;
	phases->model_end = phases->model_first + count;
	phases->pruner = pruner_of(phases, model);
	begin_cohort(phases, phases->model_first);
}

static int stop_trial(struct search_phases *phases, uint64_t trial)
{
	for (unsigned f = phases->to; f < phases->folds; f++)
		fit_plan_skip(phases->plan, fit_number(phases, trial, f));
	return phases->request.stopped(phases->request.context, (int64_t)trial, &phases->err);
}

/* The members that are left have the phase's folds; some of them get no more. */
static int decide(struct search_phases *phases)
{
	size_t count = (size_t)(phases->end - phases->first);
	struct pruner_trial *members = phases->trials + phases->first;
	bool *stopped = phases->stopped + phases->first, *stop;
	struct pruner_cohort cohort = {.earlier = phases->trials + phases->model_first, .earlier_count = (size_t)(phases->first - phases->model_first),
	        .trials = members, .count = count};
	int code;

	for (size_t i = 0; i < count; i++)
		if (!stopped[i])
			members[i].folds = phases->cut[phases->first + i] < phases->to ? phases->cut[phases->first + i] : phases->to;
	if (phases->to == phases->folds)
		return 0;
	stop = mem_must(count + 1, sizeof *stop);
	code = phases->pruner->decide(&phases->rule, &cohort, phases->to, stop, &phases->err);
	for (size_t i = 0; i < count && !code; i++)
		if (stop[i] && !stopped[i]) {
			stopped[i] = true;
			code = stop_trial(phases, phases->first + i);
		}
	free(stop);
	return code;
}

static void advance(struct search_phases *phases)
{
	while (!phases->over && !phases->err.code && !phases->left) {
		if (phases->pruner && decide(phases))
			return;
		if (phases->to < phases->folds)
			begin_rung(phases, phases->to);
		else if (phases->end < phases->model_end)
			begin_cohort(phases, phases->end);
		else if (phases->model + 1 < phases->request.study->spec->model_count)
			begin_model(phases, phases->model + 1);
		else
			phases->over = true;
	}
}

/* ---- for the round ---- */

void search_phases_begin(struct search_phases *phases, struct fit_plan *plan)
{
	phases->plan = plan;
	begin_model(phases, 0);
}

void search_phases_note(struct search_phases *phases, const struct search_fit *fit)
{
	uint64_t t = (uint64_t)fit->trial, fold = (unsigned)fit->fold;

	if (phases->scores)
		phases->scores[t * phases->folds + fold] = fit->score;
	if (phases->cut && fit->pruned && fold < phases->cut[t])
		phases->cut[t] = (unsigned)fold;
	if (phases->curves && !phases->curves[fold * search_configurations(phases->request.search) + t].points)
		fit_curve_read(fit->metrics, &phases->curves[fold * search_configurations(phases->request.search) + t]);
	if (phases->plan && t >= phases->first && t < phases->end && fold >= phases->from && fold < phases->to && phases->left)
		phases->left--;
}

/* Curves of earlier cohorts, on the same fold: they are all there. */
json_t *search_phases_limits(void *context, uint64_t trial, int fold)
{
	struct search_phases *phases = context;
	struct pruner_steps **steps;
	struct pruner_limit *found;
	json_t *limits;
	size_t count;

	if (!phases->curves || !phases->pruner || trial < phases->first || trial >= phases->end || !search_prunes_curves(phases->request.search, phases->model))
		return NULL;
	steps = &phases->steps[fold];
	if (!*steps && pruner_steps_open(&phases->rule, phases->curves + (unsigned)fold * search_configurations(phases->request.search) + phases->model_first,
	                       (size_t)(phases->first - phases->model_first), steps, &phases->err))
		return NULL;
	limits = json_array();
	found = mem_must(pruner_steps_count(*steps) + 1, sizeof *found);
	count = pruner_steps_limits(*steps, phases->pruner, (size_t)(trial - phases->model_first), found);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(limits, json_pack("[I, f]", (json_int_t)found[i].step, found[i].worst));
	free(found);
	return limits;
}

enum fit_gate search_phases_gate(void *context, uint64_t trial, int fold)
{
	struct search_phases *phases = context;

	advance(phases);
	if (phases->err.code)
		return FIT_NOT_YET;
	if (fit_plan_marked(phases->plan, fit_number(phases, trial, (unsigned)fold)))
		return FIT_NEVER;
	if (phases->over)
		return FIT_NOW;
	if (trial >= phases->end || phases->given == phases->fits)
		return FIT_NOT_YET;
	if ((unsigned)fold >= phases->to)
		return FIT_LATER;
	phases->given++;
	return FIT_NOW;
}

int search_phases_error(const struct search_phases *phases, struct orch_err *err)
{
	return phases->err.code ? orch_fail(err, phases->err.code, "%s", phases->err.text) : 0;
}
