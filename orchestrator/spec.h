/* spec: the user's campaign file, checked and with every default spelled out.
 * One table of keys (spec_keys.c) feeds the loader, `orch schema`, `orch init` and spec.json.
 * spec_load reports all errors in one pass: file:line:column, message, the source line, a caret. Nothing is ever silently
 * ignored: an unknown key gets "did you mean", a key whose feature is not there yet is refused by name.
 * A spec is immutable once loaded; strings and arrays live in its arena until spec_release. One thread.
 * Checks that need the data (does the column exist, how many groups) are made where the data is prepared. */
#ifndef ORCHESTRATOR_SPEC_H
#define ORCHESTRATOR_SPEC_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "storage/base/err.h"
#include "storage/base/mem.h"

enum spec_task { SPEC_TASK_AUTO, SPEC_TASK_REGRESSION, SPEC_TASK_CLASSIFICATION };
enum spec_missing { SPEC_MISSING_KEEP, SPEC_MISSING_MEAN, SPEC_MISSING_MEDIAN, SPEC_MISSING_DROP, SPEC_MISSING_ERROR };
enum spec_folds { SPEC_FOLDS_KFOLD, SPEC_FOLDS_GROUP, SPEC_FOLDS_TIME, SPEC_FOLDS_COLUMN };
enum spec_sampler { SPEC_SAMPLER_GRID, SPEC_SAMPLER_RANDOM, SPEC_SAMPLER_SOBOL, SPEC_SAMPLER_TPE, SPEC_SAMPLER_GP };

/* name -> one or more things, in the order of the file */
struct spec_named_text {
	const char *name, *text;
};
struct spec_named_list {
	const char *name;
	const char **items;
	size_t count;
};
struct spec_stratify {
	const char *column;
	unsigned bins; /* quantile bins when the column is a number */
};
/* A direction in degrees: either one column, or a sine and a cosine column. */
struct spec_angle {
	const char *column, *sine, *cosine; /* unused: NULL */
};
/* What is left out before round 0. */
struct spec_prune {
	bool constants, duplicates;
	double correlated; /* |rank correlation| with an earlier feature from which on; 0: off */
};
struct spec_data {
	const char *source;      /* as written; or NULL with sql */
	const char *source_path; /* absolute (a glob stays a glob) */
	const char *sql;
	const char **targets; /* one or more column or derived names; none when angle is set */
	size_t target_count;
	bool has_angle;
	struct spec_angle angle;
	enum spec_task task;
	const char *id, *weight; /* or NULL */
	const char **exclude;
	size_t exclude_count;
	struct spec_named_text *features; /* derived: name, SQL expression */
	size_t feature_count;
	struct spec_named_list *categories; /* ordered categories and their levels */
	size_t category_count;
	enum spec_missing missing;
	struct spec_prune prune;
};
struct spec_split {
	double holdout;             /* fraction; 0: none */
	const char *holdout_column; /* or NULL */
	enum spec_folds kind;
	unsigned k, repeats;
	bool shuffle;
	struct spec_stratify *stratify;
	size_t stratify_count;
	const char *by;      /* group, order or fold number column */
	int64_t window, gap; /* rows; window 0: expanding */
};
/* One searched parameter. A list is a choice; json values keep their type (null too). */
enum spec_axis_kind { SPEC_AXIS_CHOICE, SPEC_AXIS_FLOAT, SPEC_AXIS_INT };
struct spec_axis {
	const char *name;
	enum spec_axis_kind kind;
	json_t **choices; /* borrowed from spec.json */
	size_t choice_count;
	double low, high, step; /* step 0: none */
	bool log;
	json_t *when; /* object {parameter: value} or NULL */
};
struct spec_model {
	const char *name; /* of a list of models: the engine's, numbered where it comes twice (ridge, ridge_2) */
	const char *engine;
	json_t *params;  /* object: fixed parameters, engine defaults included (borrowed from spec.json) */
	const char *run; /* command engine's template, or NULL */
	bool stays;      /* protocol: jsonl: the program stays alive and is given fits on its stdin */
	struct spec_axis *space; /* what is searched of it */
	size_t axis_count;
};
#define SPEC_MODELS_MAX 32
struct spec_hpo {
	enum spec_sampler sampler;
	int64_t trials; /* 0: all of the grid */
	const char *pruner;
	const char *warm_start; /* folder of another campaign, as written; or NULL */
	struct spec_axis *space; /* all that is searched, of all models: columns of tables. An axis of two models has the choices of both */
	size_t axis_count;
};
enum spec_ensemble_method { SPEC_ENSEMBLE_NONE, SPEC_ENSEMBLE_AVERAGE, SPEC_ENSEMBLE_VOTE, SPEC_ENSEMBLE_WEIGHTED };
struct spec_ensemble {
	enum spec_ensemble_method method;
	unsigned top;
	bool models; /* the best trial of each model; else the best trials */
};
struct spec_lofo {
	bool enabled, adaptive;
	struct spec_named_list *groups;
	size_t group_count;
	double auto_groups; /* |rank correlation| from which on features are grouped; 0: only declared groups */
};
struct spec_diagnostics {
	unsigned seed_repeats;  /* further fits of the chosen configuration, each with another seed */
	double *learning_curve; /* shares of the training rows, ascending, below 1; 1 is the baseline itself */
	size_t learning_count;
};
enum spec_drop { SPEC_DROP_COUNT, SPEC_DROP_FRACTION, SPEC_DROP_INSIGNIFICANT };
enum spec_choose { SPEC_CHOOSE_BEST, SPEC_CHOOSE_ONE_SE, SPEC_CHOOSE_TOLERANCE };
struct spec_rfe {
	bool enabled, path;
	enum spec_drop drop;
	unsigned drop_count;
	double drop_fraction;
	unsigned min_features, max_rounds;
	bool has_stop;
	double worse_by;
	unsigned patience;
	enum spec_choose choose;
	double tolerance;
};
struct spec_resources {
	unsigned workers, threads, batch; /* 0: auto */
	uint64_t memory;           /* bytes; 0: 80 % of what there is */
	double fit_timeout;        /* seconds; 0: none */
	uint64_t fit_memory;       /* bytes; 0: a worker's share of memory */
	uint64_t fit_output;       /* bytes of a fit's files and of what it prints */
	double pause;              /* seconds that a full disk is waited for */
	unsigned retries;          /* further attempts after the first */
};
/* What the chosen trial must keep to: the mean over folds of a metric, or of fit_seconds. */
#define SPEC_FIT_SECONDS "fit_seconds"
struct spec_constraint {
	const char *name;
	bool at_least; /* else at most */
	double bound;
};
struct spec_limits {
	int64_t configurations;
	double hours;
	uint64_t disk;
};
struct spec {
	json_t *resolved; /* what spec.json holds: every key, every default; no absolute path, no time */
	const char *path; /* the file as given */
	const char *base; /* its folder, absolute */
	const char *name;
	struct spec_data data;
	struct spec_split split;
	uint64_t seed;
	const char *metric; /* NULL: by task (rmse, logloss, cmae) */
	const char **objectives; /* of a list of metrics: all, the first too; else none */
	size_t objective_count;
	struct spec_constraint *constraints;
	size_t constraint_count;
	struct spec_model *models;
	size_t model_count;
	struct spec_hpo hpo;
	struct spec_ensemble ensemble;
	struct spec_lofo lofo;
	struct spec_diagnostics diagnostics;
	struct spec_rfe rfe;
	struct spec_resources resources;
	struct spec_limits limits;
	const char *executor, *on_finish;
	struct arena arena;
};

/* Load and check path. On ORCH_EINPUT *report (malloc'd text of all errors, several lines, ready for stderr; also the first
 * 2 KiB of it in err) is set. color: use escapes for the carets. */
int spec_load(const char *path, bool color, struct spec **out, char **report, struct orch_err *err);
/* The spec of a running campaign, from its spec.json; base is the folder relative paths start from. resolved is copied. Keys it lacks (an older orch wrote
 * it) get their defaults; ORCH_EDAMAGED names the first value that orch would not have written. */
int spec_from_resolved(json_t *resolved, const char *path, const char *base, struct spec **out, struct orch_err *err);
void spec_release(struct spec *spec); /* NULL is fine */

/* Readable differences of two resolved specs, one a line ("  hpo.trials: 200 -> 500"); "" when equal. The order of the axes counts, as a grid counts by it.
 * malloc'd. */
char *spec_difference(const json_t *before, const json_t *after);
json_t *spec_schema(void);  /* JSON Schema (draft 2020-12) of the campaign file; new reference */
char *spec_keys_help(void); /* the keys with type, default and one line each, for `orch schema --keys`; malloc'd */
/* A commented campaign file for `orch init`: source may be NULL. malloc'd. */
char *spec_template(const char *name, const char *source, const char *target);

#endif
