#include "orchestrator/drop_sets.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/stage.h"
#include "storage/base/json.h"

#define TRIED_MAX 68 /* 2 + log2 of any number of units */

struct drop_sets {
	const struct study *study;
	const json_t *units; /* names, least important first */
	double *with;        /* the baseline's scores by fold */
	double test_train;
	size_t count;
	struct rfe_tried tried[TRIED_MAX];
	struct rfe_check checks[TRIED_MAX];
};

const char *drop_set_name(size_t size, char out[DROP_SET_NAME])
{
	snprintf(out, DROP_SET_NAME, "the %zu least important", size);
	return out;
}

static const struct study_unit *unit_at(const struct drop_sets *sets, size_t i)
{
	return study_unit_find(sets->study, json_string_value(json_array_get(sets->units, i)));
}

static int check_units(const struct drop_sets *sets, struct orch_err *err)
{
	for (size_t i = 0; i < json_array_size(sets->units); i++)
		if (!json_is_string(json_array_get(sets->units, i)) || !unit_at(sets, i))
			return orch_fail(err, ORCH_EDAMAGED, "04_lofo/drop.json names a feature or group that the round does not have");
	return 0;
}

int drop_sets_open(const struct study *study, const json_t *drop, const json_t *baseline, struct drop_sets **out, struct orch_err *err)
{
	json_t *folds = json_object_get(json_object_get(json_object_get(baseline, "cv"), study->metric->name), "folds");
	struct drop_sets *sets;
	int code;

	*out = NULL;
	if (!json_get_bool(drop, "verify", 0) || !json_array_size(json_object_get(drop, "units")))
		return 0;
	sets = mem_must(1, sizeof *sets);
	sets->study = study;
	sets->units = json_object_get(drop, "units");
	sets->with = mem_must(study->folds + 1, sizeof *sets->with);
	for (unsigned f = 0; f < study->folds; f++)
		sets->with[f] = json_is_number(json_array_get(folds, f)) ? json_number_value(json_array_get(folds, f)) : NAN;
	code = check_units(sets, err);
	if (!code)
		code = stage_test_train(study, &sets->test_train, err);
	if (code)
		drop_sets_close(sets);
	else
		*out = sets;
	return code;
}

void drop_sets_close(struct drop_sets *sets)
{
	if (!sets)
		return;
	free(sets->with);
	free(sets);
}

size_t drop_sets_next(const struct drop_sets *sets)
{
	size_t taken;

	return rfe_bisect(json_array_size(sets->units), sets->tried, sets->count, &taken);
}

size_t drop_sets_taken(const struct drop_sets *sets)
{
	size_t taken;

	rfe_bisect(json_array_size(sets->units), sets->tried, sets->count, &taken);
	return taken;
}

void drop_sets_note(struct drop_sets *sets, size_t size, const double *scores)
{
	struct rfe_check *check = &sets->checks[sets->count];

	if (sets->count == TRIED_MAX)
		orch_bug("a bisection that does not end");
	rfe_check(sets->study->metric, sets->with, scores, sets->study->folds, sets->test_train, check);
	sets->tried[sets->count++] = (struct rfe_tried){size, check->worse};
}

struct wanted {
	const char *name;
	unsigned folds;
	double *out;
};

static int take_score(void *context, const struct ledger_fit *fit, struct orch_err *err)
{
	struct wanted *wanted = context;

	(void)err;
	if (!strcmp(fit->left_out, wanted->name) && fit->fold >= 0 && (unsigned)fit->fold < wanted->folds && fit->state == LEDGER_DONE)
		wanted->out[fit->fold] = fit->score;
	return 0;
}

int drop_sets_scores(const struct drop_sets *sets, struct ledger *ledger, unsigned round, size_t size, double *out, struct orch_err *err)
{
	char name[DROP_SET_NAME];
	struct wanted wanted = {.name = drop_set_name(size, name), .folds = sets->study->folds, .out = out};

	for (unsigned f = 0; f < wanted.folds; f++)
		out[f] = NAN;
	return ledger_each_fit(ledger, round, stage_table[STAGE_DROPPED].name, take_score, &wanted, err);
}

json_t *drop_set_features(const struct drop_sets *sets, size_t size)
{
	json_t *names = json_array();

	for (size_t i = 0; i < size; i++) {
		const struct study_unit *unit = unit_at(sets, i);

		for (size_t f = 0; f < unit->count; f++)
			json_array_append_new(names, json_string_nocheck(unit->features[f]));
	}
	return names;
}

json_t *drop_set_units(const struct drop_sets *sets, size_t first, size_t end)
{
	json_t *names = json_array();

	for (size_t i = first; i < end; i++)
		json_array_append(names, json_array_get(sets->units, i));
	return names;
}

json_t *drop_sets_tried(const struct drop_sets *sets)
{
	json_t *list = json_array();

	for (size_t t = 0; t < sets->count; t++) {
		json_t *features = drop_set_features(sets, sets->tried[t].size);

		json_array_append_new(list, json_pack("{s:I, s:I, s:o, s:o, s:b}", "units", (json_int_t)sets->tried[t].size, "features", (json_int_t)json_array_size(features),
		        "loss", json_number_or_null(sets->checks[t].loss), "error", json_number_or_null(sets->checks[t].error), "worse", sets->tried[t].worse));
		json_decref(features);
	}
	return list;
}
