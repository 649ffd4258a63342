/* engine: a family of models behind one table of operations. Adding one is a file and a line in engine_table.c.
 *
 * A job holds folds x variants: every combination is one fit and gets exactly one answer. A variant is a set of parameters and
 * the features left out. Engines declare what one job may share (shares): all folds of a split, features left out one after
 * another, and free axes among the parameters (param_def.free_axis). The planner only builds jobs within that; an engine that
 * shares nothing gets one fold and one variant. The numbers of a fit depend on its own data, parameters, left-out set and seed
 * - and, where folds are shared, on the whole set of folds, which the planner then never splits - but not on the other variants.
 *
 * No paths, no clocks, no database, no global state; threads only as many as job->threads. Rows are identified by their index
 * in the frame. Every random quantity is a hash of its address (engines/address.h) and the feature's id, never its position. */
#ifndef ENGINES_MODEL_ENGINE_H
#define ENGINES_MODEL_ENGINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engines/param.h"
#include "storage/base/err.h"
#include "storage/base/frame.h"
#include "storage/base/mem.h"

enum engine_task { ENGINE_REGRESSION = 1, ENGINE_CLASSIFICATION = 2 };
enum engine_missing { ENGINE_MISSING_KEEP, ENGINE_MISSING_MEAN, ENGINE_MISSING_MEDIAN }; /* fitted on training rows only */
enum engine_share { ENGINE_SHARE_FOLDS = 1, ENGINE_SHARE_LEFT_OUT = 2 };

/* What all fits of a campaign see; borrowed, read-only. */
struct engine_data {
	size_t rows;
	size_t feature_count;
	const struct column *const *features; /* in the order of the campaign's columns */
	const uint32_t *feature_ids;          /* identity in the campaign, ascending; stable when others are dropped */
	enum engine_task task;
	unsigned outputs;     /* regression: number of targets; classification: 1 */
	unsigned classes;     /* classification: at least 2; else 0 */
	const double *target; /* rows x outputs, column-major; class codes; NaN nowhere in the rows of a fold */
	const double *weight; /* per row, >= 0, or NULL */
	enum engine_missing missing;
};
struct engine_fold {
	const uint32_t *train, *test; /* ascending row indices; test may be empty (final model) */
	size_t train_count, test_count;
};
struct engine_variant {
	const json_t *params;     /* object, complete and checked: every parameter of the table has a value or is absent by intent */
	const uint32_t *left_out; /* positions in data->features, ascending */
	size_t left_out_count;
};
/* The answer to fold x variant; pointers are valid during the call only. Missing values never appear in predictions. */
struct engine_answer {
	size_t fold, variant;
	int code;                /* 0, or ORCH_EFIT with the reason in text: this fit failed, the others go on */
	const char *text;        /* reason, or a note worth keeping ("near singular: fell back to QR"), or NULL */
	const double *prediction; /* test_count x outputs column-major; classification: test_count x classes probabilities */
	const double *sse;       /* instead of prediction, when job->scores_only: weighted held-out squared error of each output */
	const void *model;       /* when job->want_model: bytes in the engine's own documented format */
	size_t model_length;
	bool stopped;            /* a report was answered with true: nothing else stands here */
	uint64_t fits_saved;     /* refits that sharing made unnecessary (for reporting) */
};
struct engine_job {
	const struct engine_data *data;
	const struct engine_fold *folds;
	size_t fold_count;
	const struct engine_variant *variants;
	size_t variant_count;
	uint64_t seed;
	unsigned threads; /* fixed when the campaign is planned; at least 1 */
	unsigned attempt; /* 0 for the first: only the fake engine looks at it */
	bool scores_only; /* squared errors are enough: predictions need not be formed */
	bool want_model;
	/* NULL: nobody asks. Else, for jobs of one fit: called at steps of the engine's own choice, the same ones for the same task, with the predictions so far
	 * (as in engine_answer). True: the fit is not worth the rest; its answer is `stopped`. */
	bool (*report)(void *context, int64_t step, const double *prediction);
	/* Non-zero stops the job: run returns that code. */
	int (*answer)(void *context, const struct engine_answer *answer, struct orch_err *err);
	void *context;
};
/* Shape of a fit, for estimates before anything runs. */
struct engine_size {
	size_t rows, features, columns /* after one-hot */;
	unsigned outputs, classes, folds;
	size_t variants;
	unsigned threads; /* of the job; 0 is taken as 1 */
	bool with_model;  /* the job wants the model */
	bool complete; /* no feature has missing values: some engines then need less */
};
struct engine {
	const char *name, *version; /* the version is part of every fit's key: raise it when numbers change */
	const char *help;           /* one line */
	const char *unavailable;    /* NULL, or why the spec must refuse it ("not available yet") */
	const struct param_def *params;
	unsigned tasks;  /* enum engine_task bits */
	unsigned shares; /* enum engine_share bits */
	unsigned left_out_most; /* left-out sets that one job should hold at most; 0: any number */
	bool many_outputs, keeps_missing, weights;
	bool reports;          /* may know values of a fit under way (job->report) */
	bool external;         /* run by the worker's process driver from a command template; no run of its own */
	bool seedless; /* its numbers do not depend on the job's seed */
	bool needs_permission; /* refused unless ORCH_FAKE_ENGINE=1: for tests and fault drills */
	const char *model_suffix; /* "json", "ubj"; NULL: no model is saved */
	uint64_t (*memory)(const struct engine_size *size, const json_t *params); /* peak anonymous bytes of one job; >= truth */
	/* Work of one fit in arbitrary units, for batching before anything is measured; NULL: rows x columns. */
	double (*cost)(const struct engine_size *size, const json_t *params);
	/* ORCH_EFIT for a job that cannot be done at all; answers given before count. */
	int (*run)(const struct engine_job *job, struct orch_err *err);
};
extern const struct engine *const engine_table[]; /* NULL-terminated */
const struct engine *engine_find(const char *name);

#endif
