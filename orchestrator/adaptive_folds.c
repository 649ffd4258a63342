#include "orchestrator/adaptive_folds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/lofo/adaptive.h"
#include "orchestrator/stage.h"
#include "storage/base/json.h"

struct adaptive_folds {
	const struct study *study;
	bool adaptive;
	double test_train;
	double *with, *without; /* folds; units x folds */
	bool *with_seen, *seen; /* alike */
	bool *decided;          /* by unit */
	bool *unused;           /* units x folds */
};

const char *adaptive_folds_useless(const struct study *study)
{
	const struct engine *engine = engine_find(study->spec->models[study->model].engine);

	if (!study->spec->lofo.adaptive || !study->spec->lofo.enabled)
		return NULL;
	if (!lofo_adaptive_has_looks(study->folds))
		return "it takes more than three folds";
	return engine->shares & ENGINE_SHARE_FOLDS ? "the engine answers all folds at once, so all of them are kept" : NULL;
}

bool adaptive_folds_by_use(const struct study *study)
{
	return study->spec->lofo.enabled && engine_find(study->spec->models[study->model].engine)->external;
}

int adaptive_folds_open(const struct study *study, struct adaptive_folds **out, struct orch_err *err)
{
	struct adaptive_folds *folds;
	size_t cells = study->unit_count * study->folds + 1;
	bool adaptive = study->spec->lofo.adaptive && !adaptive_folds_useless(study);
	int code;

	*out = NULL;
	if (!adaptive && !adaptive_folds_by_use(study))
		return 0;
	folds = mem_must(1, sizeof *folds);
	folds->study = study;
	folds->adaptive = adaptive;
	folds->unused = mem_must(cells, sizeof *folds->unused);
	folds->with = mem_must(study->folds + 1, sizeof *folds->with);
	folds->with_seen = mem_must(study->folds + 1, sizeof *folds->with_seen);
	folds->without = mem_must(cells, sizeof *folds->without);
	folds->seen = mem_must(cells, sizeof *folds->seen);
	folds->decided = mem_must(study->unit_count + 1, sizeof *folds->decided);
	code = stage_test_train(study, &folds->test_train, err);
	if (code)
		adaptive_folds_close(folds);
	else
		*out = folds;
	return code;
}

void adaptive_folds_close(struct adaptive_folds *folds)
{
	if (!folds)
		return;
	free(folds->with);
	free(folds->with_seen);
	free(folds->without);
	free(folds->seen);
	free(folds->decided);
	free(folds->unused);
	free(folds);
}

void adaptive_folds_with(struct adaptive_folds *folds, int fold, double score)
{
	if (fold < 0 || (unsigned)fold >= folds->study->folds)
		return;
	folds->with[fold] = score;
	folds->with_seen[fold] = true;
}

void adaptive_folds_without(struct adaptive_folds *folds, const char *unit, int fold, double score)
{
	const struct study_unit *found = study_unit_find(folds->study, unit);
	size_t at;

	if (!found || fold < 0 || (unsigned)fold >= folds->study->folds)
		return;
	at = (size_t)(found - folds->study->units) * folds->study->folds + (size_t)fold;
	folds->without[at] = score;
	folds->seen[at] = true;
}

static bool uses_any(const json_t *used, const struct study_unit *unit)
{
	json_t *name;
	size_t i;

	for (size_t f = 0; f < unit->count; f++)
		json_array_foreach(used, i, name)
			if (json_is_string(name) && !strcmp(json_string_value(name), unit->features[f]))
				return true;
	return false;
}

void adaptive_folds_unused(const struct study *study, int fold, const char *metrics, bool *unused)
{
	json_t *object = NULL, *used;

	if (!metrics || fold < 0 || (unsigned)fold >= study->folds || json_parse(metrics, strlen(metrics), "ledger", &object, NULL))
		return;
	used = json_object_get(object, "features_used");
	for (size_t u = 0; u < study->unit_count && json_is_array(used); u++)
		if (!uses_any(used, &study->units[u]))
			unused[u * study->folds + (size_t)fold] = true;
	json_decref(object);
}

void adaptive_folds_used(struct adaptive_folds *folds, int fold, const char *metrics)
{
	if (adaptive_folds_by_use(folds->study))
		adaptive_folds_unused(folds->study, fold, metrics, folds->unused);
}

enum fit_gate adaptive_folds_gate(void *context, uint64_t unit, int fold)
{
	struct adaptive_folds *folds = context;
	const struct study *study = folds->study;
	size_t first = unit * study->folds;

	if (folds->unused[first + (size_t)fold])
		return FIT_NEVER;
	if (!folds->adaptive || fold < LOFO_ADAPTIVE_FIRST)
		return FIT_NOW;
	if (folds->decided[unit])
		return FIT_NEVER;
	for (int f = 0; f < fold; f++) {
		if (!folds->with_seen[f] || !(folds->seen[first + (size_t)f] || folds->unused[first + (size_t)f]))
			return FIT_LATER;
		if (folds->unused[first + (size_t)f])
			folds->without[first + (size_t)f] = folds->with[f];
	}
	folds->decided[unit] = lofo_adaptive_kept(study->metric, folds->with, folds->without + first, (unsigned)fold, study->folds, folds->test_train);
	return folds->decided[unit] ? FIT_NEVER : FIT_NOW;
}
