#include "orchestrator/adaptive_folds.h"

#include <math.h>
#include <stdlib.h>

#include "engines/lofo/adaptive.h"
#include "orchestrator/stage.h"

struct adaptive_folds {
	const struct study *study;
	double test_train;
	double *with, *without; /* folds; units x folds */
	bool *with_seen, *seen; /* alike */
	bool *decided;          /* by unit */
};

const char *adaptive_folds_useless(const struct study *study)
{
	const struct engine *engine = engine_find(study->spec->models[0].engine);

	if (!study->spec->lofo.adaptive || !study->spec->lofo.enabled)
		return NULL;
	if (!lofo_adaptive_has_looks(study->folds))
		return "it takes more than three folds";
	return engine->shares & ENGINE_SHARE_FOLDS ? "the engine answers all folds at once, so all of them are kept" : NULL;
}

int adaptive_folds_open(const struct study *study, struct adaptive_folds **out, struct orch_err *err)
{
	struct adaptive_folds *folds;
	size_t cells = study->unit_count * study->folds + 1;
	int code;

	*out = NULL;
	if (!study->spec->lofo.adaptive || adaptive_folds_useless(study))
		return 0;
	folds = mem_must(1, sizeof *folds);
	folds->study = study;
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

enum fit_gate adaptive_folds_gate(void *context, uint64_t unit, int fold)
{
	struct adaptive_folds *folds = context;
	const struct study *study = folds->study;
	size_t first = unit * study->folds;

	if (fold < LOFO_ADAPTIVE_FIRST)
		return FIT_NOW;
	if (folds->decided[unit])
		return FIT_NEVER;
	for (int f = 0; f < fold; f++)
		if (!folds->with_seen[f] || !folds->seen[first + (size_t)f])
			return FIT_LATER;
	folds->decided[unit] = lofo_adaptive_kept(study->metric, folds->with, folds->without + first, (unsigned)fold, study->folds, folds->test_train);
	return folds->decided[unit] ? FIT_NEVER : FIT_NOW;
}
