#include "orchestrator/spec_keys.h"

#include <string.h>

#include "orchestrator/spec_check.h"
#include "storage/base/json.h"

/* The shapes of keys that have one of their own, as JSON Schema. */
#define NAMED_TEXTS "{\"type\":\"object\",\"additionalProperties\":{\"type\":[\"string\",\"number\"]}}"
#define NAMED_LISTS "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"array\",\"minItems\":1,\"uniqueItems\":true,\"items\":{\"type\":[\"string\",\"number\",\"boolean\"]}}}"
#define TARGET \
	"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"minItems\":1,\"uniqueItems\":true,\"items\":{\"type\":\"string\"}},{\"type\":\"object\",\"required\":[\"angle\"]," \
	"\"additionalProperties\":false,\"properties\":{\"angle\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"object\",\"required\":[\"sin\",\"cos\"],\"additionalProperties\":false," \
	"\"properties\":{\"sin\":{\"type\":\"string\"},\"cos\":{\"type\":\"string\"}}}]}}}]}"
#define HOLDOUT \
	"{\"anyOf\":[{\"type\":\"number\",\"minimum\":0,\"maximum\":0.9},{\"type\":\"object\",\"required\":[\"column\"],\"additionalProperties\":false," \
	"\"properties\":{\"column\":{\"type\":\"string\"}}}]}"
#define STRATUM \
	"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"object\",\"required\":[\"column\"],\"additionalProperties\":false,\"properties\":{\"column\":{\"type\":\"string\"}," \
	"\"bins\":{\"type\":\"integer\",\"minimum\":2,\"maximum\":1000}}}]}"
#define CONSTRAINTS \
	"{\"type\":\"object\",\"additionalProperties\":{\"type\":\"object\",\"minProperties\":1,\"additionalProperties\":false,\"properties\":{\"min\":{\"type\":\"number\"}," \
	"\"max\":{\"type\":\"number\"}}}}"
#define STRATA "{\"anyOf\":[" STRATUM ",{\"type\":\"array\",\"maxItems\":16,\"items\":" STRATUM "}]}"
#define GROUPS \
	"{\"anyOf\":[{\"const\":\"auto\"},{\"type\":\"object\",\"properties\":{\"auto\":{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":1}}," \
	"\"additionalProperties\":{\"type\":\"array\",\"minItems\":1,\"uniqueItems\":true,\"items\":{\"type\":[\"string\",\"number\",\"boolean\"]}}}]}"
#define CHOICES "{\"type\":\"array\",\"minItems\":1,\"uniqueItems\":true,\"items\":{\"type\":[\"string\",\"number\",\"boolean\",\"null\"]}}"
#define RANGE "{\"type\":\"array\",\"minItems\":2,\"maxItems\":2,\"items\":{\"type\":\"number\"}}"
#define SPACE \
	"{\"type\":\"object\",\"additionalProperties\":{\"anyOf\":[" CHOICES ",{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"float\":" RANGE \
	",\"int\":" RANGE ",\"choices\":" CHOICES ",\"log\":{\"type\":\"boolean\"},\"step\":{\"type\":\"number\",\"exclusiveMinimum\":0}," \
	"\"when\":{\"type\":\"object\",\"minProperties\":1}}}]}}"
#define DROP \
	"{\"anyOf\":[{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000000},{\"type\":\"string\",\"pattern\":\"^[0-9.]+%$\"},{\"const\":\"insignificant\"}]}"
#define STOP \
	"{\"type\":\"object\",\"required\":[\"worse_by\"],\"additionalProperties\":false,\"properties\":{\"worse_by\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1000}," \
	"\"patience\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":100000}}}"
#define CHOOSE \
	"{\"anyOf\":[{\"enum\":[\"best\",\"one_se\"]},{\"type\":\"object\",\"required\":[\"tolerance\"],\"additionalProperties\":false," \
	"\"properties\":{\"tolerance\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1000}}}]}"

#define LEARNING_CURVE \
	"{\"anyOf\":[{\"type\":\"boolean\"},{\"type\":\"array\",\"maxItems\":20,\"uniqueItems\":true,\"items\":{\"type\":\"number\",\"exclusiveMinimum\":0,\"exclusiveMaximum\":1}}]}"

const struct spec_key spec_keys[] = {
	{"name", SPEC_OWN, "null", 0, 0, NULL, NULL, "name of the campaign and of its folder; default: the file's name", spec_take_name, "{\"type\":\"string\",\"maxLength\":100,\"pattern\":\"^[^./][^/]*$\"}"},

	{"data", SPEC_SECTION, NULL, 0, 0, NULL, NULL, "what is read", NULL, NULL},
	{"data.source", SPEC_TEXT, "null", 0, 0, NULL, NULL, "path or glob, relative to this file: csv, tsv, parquet, json, jsonl, also .gz and .zst", NULL, NULL},
	{"data.sql", SPEC_TEXT, "null", 0, 0, NULL, NULL, "instead of source: anything DuckDB reads; needs id, is sorted by it", NULL, NULL},
	{"data.target", SPEC_OWN, NULL, 0, 0, NULL, NULL, "column to predict, a list of them, or {angle: column} in degrees", spec_take_target, TARGET},
	{"data.task", SPEC_CHOICE, "\"auto\"", 0, 0, "auto regression classification", NULL, "default: by the metric, else by the target's type", NULL, NULL},
	{"data.id", SPEC_TEXT, "null", 0, 0, NULL, NULL, "carried into predictions; never a feature", NULL, NULL},
	{"data.weight", SPEC_TEXT, "null", 0, 0, NULL, NULL, "column of weights of the rows", NULL, NULL},
	{"data.exclude", SPEC_TEXTS, "[]", 0, 0, NULL, NULL, "columns that are no features", NULL, NULL},
	{"data.features", SPEC_OWN, "{}", 0, 0, NULL, NULL, "derived features: name: SQL expression over the source's columns", spec_take_expressions, NAMED_TEXTS},
	{"data.categories", SPEC_OWN, "{}", 0, 0, NULL, NULL, "ordered categories: column: [levels, lowest first]", spec_take_lists, NAMED_LISTS},
	{"data.missing", SPEC_CHOICE, "\"keep\"", 0, 0, "keep mean median drop error", NULL, "what becomes of missing values; mean and median are fitted per training fold", NULL, NULL},
	{"data.prune", SPEC_SECTION, "{}", 0, 0, NULL, NULL, "features left out before round 0; nothing unless it says so", NULL, NULL},
	{"data.prune.constants", SPEC_BOOL, "false", 0, 0, NULL, NULL, "those with one value outside the holdout", NULL, NULL},
	{"data.prune.duplicates", SPEC_BOOL, "false", 0, 0, NULL, NULL, "those equal to an earlier one in every row", NULL, NULL},
	{"data.prune.correlated", SPEC_REAL, "0.0", 0, 1, NULL, NULL, "those whose |rank correlation| with an earlier one is at least this (0.98); 0: none", NULL, NULL},

	{"split", SPEC_SECTION, "{}", 0, 0, NULL, NULL, "holdout and folds", NULL, NULL},
	{"split.holdout", SPEC_OWN, "0.0", 0, 0.9, NULL, NULL, "share of the rows that no search and no selection sees, or {column: name}", spec_take_holdout, HOLDOUT},
	{"split.folds", SPEC_SECTION, "{}", 0, 0, NULL, NULL, "cross-validation", NULL, NULL},
	{"split.folds.kind", SPEC_CHOICE, "\"kfold\"", 0, 0, "kfold group time column", NULL, "how rows are put into folds", NULL, NULL},
	{"split.folds.k", SPEC_INT, "5", 2, 200, NULL, NULL, "number of folds", NULL, NULL},
	{"split.folds.repeats", SPEC_INT, "1", 1, 100, NULL, NULL, "times the folds are drawn anew", NULL, NULL},
	{"split.folds.shuffle", SPEC_BOOL, "true", 0, 0, NULL, NULL, "false: consecutive rows", NULL, NULL},
	{"split.folds.stratify", SPEC_OWN, "[]", 0, 0, NULL, NULL, "columns whose shares are kept: categories, or {column: name, bins: 10} for numbers; several are crossed",
	        spec_take_stratify, STRATA},
	{"split.folds.by", SPEC_TEXT, "null", 0, 0, NULL, NULL, "group, order (time) or fold number column", NULL, NULL},
	{"split.folds.window", SPEC_INT, "0", 0, 1e15, NULL, NULL, "time: rows trained on; 0: all before", NULL, NULL},
	{"split.folds.gap", SPEC_INT, "0", 0, 1e15, NULL, NULL, "time: rows left out between training and test", NULL, NULL},

	{"seed", SPEC_INT, "42", 0, 9007199254740992.0, NULL, NULL, "everything random comes from it", NULL, NULL},
	{"metric", SPEC_OWN, "null", 0, 0, NULL, NULL, "what is optimised; default rmse, logloss or cmae by task; a list ([rmse, fit_seconds]): the best by the first of those that no other beats", spec_take_metric, NULL /* from the table of metrics */},
	{"constraints", SPEC_OWN, "{}", 0, 0, NULL, NULL, "what the chosen trial must keep to: metric or fit_seconds: {max: number} or {min: number}, means over folds", spec_take_constraints, CONSTRAINTS},
	{"model", SPEC_OWN, "null", 0, 0, NULL, NULL, "engine and its parameters", spec_take_model, NULL /* from the table of engines */},
	{"models", SPEC_OWN, "null", 0, 0, NULL, NULL, "instead of model: a list of models, each with its parameters and its space; the best of all goes on", spec_take_models, NULL /* as model */},

	{"hpo", SPEC_SECTION, "{}", 0, 0, NULL, NULL, "the search; without it one configuration is tried", NULL, NULL},
	{"hpo.sampler", SPEC_CHOICE, "\"grid\"", 0, 0, "grid random sobol tpe gp", NULL, "how configurations are chosen", NULL, NULL},
	{"hpo.trials", SPEC_INT, "0", 0, 1e12, NULL, NULL, "configurations a round, over all resumes; with grid: all of it", NULL, NULL},
	{"hpo.pruner", SPEC_CHOICE, "\"none\"", 0, 0, "none median halving hyperband paired", NULL, "stops poor trials after some of their folds, and fits under way by the values they report", NULL, NULL},
	{"hpo.warm_start", SPEC_TEXT, "null", 0, 0, NULL, NULL, "folder of another campaign whose trials tpe or gp begin with", NULL, NULL},
	{"hpo.space", SPEC_OWN, "{}", 0, 0, NULL, NULL, "parameter: [choices], {float: [low, high], log: true} or {int: [low, high], step: 1}, each with when: {parameter: value}",
	        spec_take_space, SPACE},

	{"ensemble", SPEC_SECTION, "{}", 0, 0, NULL, NULL, "the best configurations combined, beside the best alone", NULL, NULL},
	{"ensemble.method", SPEC_CHOICE, "\"none\"", 0, 0, "none average vote weighted", NULL,
	        "average: mean of predictions or probabilities; vote: majority of classes; weighted: mean by greedy selection", NULL, NULL},
	{"ensemble.top", SPEC_INT, "3", 2, 32, NULL, NULL, "how many are combined, the best one included", NULL, NULL},
	{"ensemble.from", SPEC_CHOICE, "\"auto\"", 0, 0, "auto models trials", NULL, "the best trial of each model, or the best trials; auto: models where there are several", NULL, NULL},

	{"lofo", SPEC_SECTION, "{}", 0, 0, NULL, NULL, "leave-one-feature-out importance: tested over folds, described over held-out rows", NULL, NULL},
	{"lofo.enabled", SPEC_BOOL, "true", 0, 0, NULL, NULL, "false: no importance, and so no elimination", NULL, NULL},
	{"lofo.adaptive", SPEC_BOOL, "false", 0, 0, NULL, NULL, "folds one at a time: a feature that is clearly worth keeping gets no more", NULL, NULL},
	{"lofo.groups", SPEC_OWN, "{}", 0, 0, NULL, NULL, "features left out together: name: [features]; auto, or auto: 0.8, groups what is correlated in rank", spec_take_groups, GROUPS},

	{"rfe", SPEC_SECTION, "{}", 0, 0, NULL, NULL, "recursive feature elimination: the sequence of rounds", NULL, NULL},
	{"rfe.enabled", SPEC_BOOL, "true", 0, 0, NULL, NULL, "false: one round", NULL, NULL},
	{"rfe.drop", SPEC_OWN, "1", 0, 0, NULL, NULL, "a count, a share (\"10%\"), or insignificant: all whose interval is not above zero, verified together and bisected", spec_take_drop, DROP},
	{"rfe.min_features", SPEC_INT, "1", 1, 1e6, NULL, NULL, "never fewer", NULL, NULL},
	{"rfe.max_rounds", SPEC_INT, "50", 1, 100000, NULL, NULL, "round 0 included", NULL, NULL},
	{"rfe.stop", SPEC_OWN, "null", 0, 0, NULL, NULL, "{worse_by: 0.05, patience: 2}, relative to the best round", spec_take_stop, STOP},
	{"rfe.path", SPEC_BOOL, "true", 0, 0, NULL, NULL, "ridge: the whole greedy elimination path of each round, for about the price of one refit; other engines have none", NULL, NULL},
	{"rfe.choose", SPEC_OWN, "\"one_se\"", 0, 0, NULL, NULL, "best, one_se or {tolerance: 0.01}", spec_take_choose, CHOOSE},

	{"diagnostics", SPEC_SECTION, "{}", 0, 0, NULL, NULL, "further fits of the chosen configuration, for the report only", NULL, NULL},
	{"diagnostics.seed_repeats", SPEC_INT, "0", 0, 100, NULL, NULL, "fits over all folds with so many other seeds: how much of the score is chance of the model", NULL, NULL},
	{"diagnostics.learning_curve", SPEC_OWN, "[]", 0, 0, NULL, NULL, "shares of the training rows to fit on ([0.1, 0.5]; true: 0.1, 0.2, 0.4, 0.7): would more rows help?", spec_take_learning_curve,
	        LEARNING_CURVE},

	{"resources", SPEC_SECTION, "{}", 0, 0, NULL, NULL, "what orch may use", NULL, NULL},
	{"resources.workers", SPEC_INT_OR_AUTO, "\"auto\"", 1, 1024, NULL, NULL, "worker processes", NULL, NULL},
	{"resources.threads", SPEC_INT_OR_AUTO, "\"auto\"", 1, 1024, NULL, NULL, "threads of each worker", NULL, NULL},
	{"resources.batch", SPEC_INT_OR_AUTO, "\"auto\"", 1, 1024, NULL, NULL, "small tasks that go to a worker in one message; auto: as many as take a quarter of a second", NULL, NULL},
	{"resources.memory", SPEC_BYTES, "0", 32.0 * (1 << 20), 1e15, NULL, NULL, "all of orch together; default 80 % of what machine or container has", NULL, NULL},
	{"resources.fit_timeout", SPEC_SECONDS, "3600.0", 0.1, 1e8, NULL, NULL, "for one fit", NULL, NULL},
	{"resources.fit_memory", SPEC_BYTES, "0", 32.0 * (1 << 20), 1e15, NULL, NULL, "for one fit and all it starts; default a worker's share of memory", NULL, NULL},
	{"resources.fit_output", SPEC_BYTES, "1073741824", 4096, 1e15, NULL, NULL, "for the files of one fit, with what it prints", NULL, NULL},
	{"resources.retries", SPEC_INT, "1", 0, 100, NULL, NULL, "further attempts after the first", NULL, NULL},
	{"resources.pause", SPEC_SECONDS, "100000000.0", 0, 1e8, NULL, NULL, "for how long a full disk or a read-only file system is waited for; 0: not at all", NULL, NULL},

	{"limits", SPEC_SECTION, "{}", 0, 0, NULL, NULL, "the plan is refused above these, unless --allow-large", NULL, NULL},
	{"limits.configurations", SPEC_INT, "5000", 1, 1e15, NULL, NULL, "of a round", NULL, NULL},
	{"limits.hours", SPEC_REAL, "24.0", 0.0001, 1e6, NULL, NULL, "of the whole campaign", NULL, NULL},
	{"limits.disk", SPEC_BYTES, "53687091200", 1 << 20, 1e18, NULL, NULL, "of the campaign folder", NULL, NULL},

	{"executor", SPEC_CHOICE, "\"local\"", 0, 0, "local slurm", "slurm", "where workers run", NULL, NULL},
	{"on_finish", SPEC_TEXT, "null", 0, 0, NULL, NULL, "command that sh runs when the campaign ends, with ORCH_NAME, ORCH_STATE, ORCH_SUMMARY ... (orch notify --help)", NULL, NULL},
	{NULL, SPEC_SECTION, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL},
};

static bool directly_below(const char *path, const char *section, const char **name)
{
	size_t length = strlen(section);

	if (length && (strncmp(path, section, length) || path[length] != '.'))
		return false;
	*name = path + length + (length > 0);
	return !strchr(*name, '.');
}

size_t spec_keys_below(const char *section, const char **names, size_t capacity)
{
	size_t count = 0;
	const char *name;

	for (const struct spec_key *key = spec_keys; key->path; key++)
		if (directly_below(key->path, section, &name) && count < capacity)
			names[count++] = name;
	return count;
}

const struct spec_key *spec_key_find(const char *section, const char *name)
{
	const char *last;

	for (const struct spec_key *key = spec_keys; key->path; key++)
		if (directly_below(key->path, section, &last) && !strcmp(last, name))
			return key;
	return NULL;
}

json_t *spec_key_default(const struct spec_key *key)
{
	json_t *value = NULL;

	if (key->kind == SPEC_SECTION || !key->fallback)
		return NULL;
	if (json_parse(key->fallback, strlen(key->fallback), key->path, &value, NULL))
		orch_bug("the default of %s is no JSON", key->path);
	return value;
}
