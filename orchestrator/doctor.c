#include "orchestrator/doctor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/model/engine.h"
#include "orchestrator/prepare.h"
#include "orchestrator/probe.h"
#include "orchestrator/study.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/bundle.h"
#include "storage/ledger.h"
#include "storage/provenance.h"
#include "storage/round_dir.h"
#include "storage/table_file.h"

#define ROWS 200

/* ---- storage ---- */

static int check_ledger(const char *folder, struct orch_err *err)
{
	char *path = file_join(folder, "ledger.db");
	struct ledger_fit fit = {.key = {1}, .stage = LEDGER_SEARCH_STAGE, .left_out = "", .state = LEDGER_DONE, .score = 0.1};
	struct ledger *ledger = NULL;
	int64_t done = 0, failed = 0;
	int code = ledger_create(path, false, &ledger, err);

	if (!code) {
		ledger_task_begin(ledger);
		code = ledger_put_fit(ledger, &fit, err);
	}
	if (!code)
		code = ledger_task_end(ledger, err);
	if (!code)
		code = ledger_flush(ledger, err);
	if (!code)
		code = ledger_counts(ledger, 0, LEDGER_SEARCH_STAGE, &done, &failed, err);
	if (ledger && ledger_close(&ledger, code ? NULL : err))
		code = code ? code : ORCH_EIO;
	if (!code)
		code = ledger_verify(path, false, err);
	free(path);
	return code || done == 1 ? code : orch_fail(err, ORCH_EDAMAGED, "a fit was put into a ledger and is not there");
}

static int check_tables(const char *folder, struct orch_err *err)
{
	static const struct table_column columns[] = {{"a", TABLE_DOUBLE}, {"b", TABLE_TEXT}};
	char *parquet = file_join(folder, "t.parquet"), *csv = file_join(folder, "t.csv"), *text = NULL;
	struct table_file *table = NULL;
	size_t length = 0;
	int code = table_file_begin(parquet, csv, columns, 2, &table, err);

	if (!code) {
		table_file_double(table, 0.1);
		table_file_text(table, "x,y");
		table_file_end_row(table);
		code = table_file_commit(&table, err);
	}
	if (!code)
		code = file_read(csv, 0, &text, &length, err);
	if (!code && (strcmp(text, "a,b\n0.1,\"x,y\"\n") || file_size(parquet) < 50))
		code = orch_fail(err, ORCH_EDAMAGED, "a table was written and reads: %s", text);
	free(text);
	free(parquet);
	free(csv);
	return code;
}

/* A file read by DuckDB in a worker process, as a campaign does it. */
static int check_data(const char *folder, struct orch_err *err)
{
	char *csv = file_join(folder, "d.csv"), *yaml = file_join(folder, "campaign.yaml"), *report = NULL;
	const char *spec_text = "data: {source: d.csv, target: y}\nmodel: {engine: ridge}\nsplit: {folds: {k: 2}}\n";
	struct text_buf rows = {0};
	struct spec *spec = NULL;
	struct prepared data = {0};
	struct study *study = NULL;
	int code;

	text_add(&rows, "x,y\n");
	for (int i = 0; i < 40; i++)
		text_addf(&rows, "%d,%d\n", i, 3 * i + 1);
	setenv("ORCH_CACHE", folder, 1);
	code = file_write_new(csv, rows.data, rows.length, err);
	if (!code)
		code = file_write_new(yaml, spec_text, strlen(spec_text), err);
	if (!code)
		code = spec_load(yaml, false, &spec, &report, err);
	if (!code)
		code = prepare_data(spec, probe_program(), &data, err);
	if (!code)
		code = study_open(spec, data.frame, data.folds, &study, err);
	if (!code && (study->frame->rows != 40 || study->target[39] != 118))
		code = orch_fail(err, ORCH_EDAMAGED, "40 rows were written, %zu were read, or with other values", study->frame->rows);
	study_close(study);
	prepared_release(&data);
	spec_release(spec);
	text_buf_release(&rows);
	free(report);
	free(csv);
	free(yaml);
	return code;
}

static int check_bundle(const char *folder, struct orch_err *err)
{
	char *rounds = file_join(folder, "rounds"), *round = file_join(folder, "rounds/round_000"), *bundle = file_join(folder, "b.tar.zst");
	struct campaign_dir dir = {.path = (char *)folder, .lock = -1};
	struct round_dir *work = NULL;
	int code = file_make_folders(rounds, err);

	if (!code)
		code = round_dir_begin(&dir, 0, &work, err);
	if (!code)
		code = round_dir_file(work, "a.txt", "a\n", 2, err);
	if (!code)
		code = round_dir_commit(&work, NULL, err);
	if (!code)
		code = bundle_write(round, bundle, err);
	if (!code)
		code = bundle_verify(bundle, round, err);
	if (!code) {
		char *repository = file_join(folder, "provenance.git");

		code = provenance_commit_round(repository, 0, round, "{}", err);
		if (!code)
			code = provenance_verify_round(repository, 0, round, err);
		free(repository);
	}
	if (work)
		round_dir_abort(&work);
	free(rounds);
	free(round);
	free(bundle);
	return code;
}

/* ---- engines: y = 3a - 2b + 1, learnt from the first half of the rows, told for the second ---- */

struct told {
	const double *truth;
	double worst;
	size_t answers;
};

static int take_answer(void *context, const struct engine_answer *answer, struct orch_err *err)
{
	struct told *told = context;

	if (answer->code)
		return orch_fail(err, answer->code, "%s", answer->text ? answer->text : "the fit failed");
	for (size_t i = 0; i < ROWS / 2; i++)
		told->worst = fmax(told->worst, isfinite(answer->prediction[i]) ? fabs(answer->prediction[i] - told->truth[ROWS / 2 + i]) : INFINITY);
	told->answers++;
	return 0;
}

static json_t *defaults_of(const struct engine *engine)
{
	json_t *params = json_object();

	for (const struct param_def *def = engine->params; def->name; def++)
		if (def->fallback)
			json_object_set_new(params, def->name, json_loads(def->fallback, JSON_DECODE_ANY, NULL));
	return params;
}

static int check_engine(const char *name, const char *key, double value, double allowed, struct orch_err *err)
{
	static double a[ROWS], b[ROWS], y[ROWS];
	static uint32_t rows[ROWS];
	const struct engine *engine = engine_find(name);
	struct column columns[] = {{.name = "a", .type = COLUMN_FLOAT64, .roles = COLUMN_FEATURE, .values = a, .maximum = 9}, {.name = "b", .type = COLUMN_FLOAT64, .roles = COLUMN_FEATURE, .values = b, .maximum = 12}};
	const struct column *features[] = {&columns[0], &columns[1]};
	const uint32_t ids[] = {0, 1};
	struct engine_data data = {.rows = ROWS, .feature_count = 2, .features = features, .feature_ids = ids, .task = ENGINE_REGRESSION, .outputs = 1, .target = y};
	struct engine_fold fold = {.train = rows, .train_count = ROWS / 2, .test = rows + ROWS / 2, .test_count = ROWS / 2};
	struct told told = {.truth = y};
	json_t *params = defaults_of(engine);
	struct engine_variant variant = {.params = params};
	struct engine_job job = {.data = &data, .folds = &fold, .fold_count = 1, .variants = &variant, .variant_count = 1, .threads = 1, .answer = take_answer, .context = &told};
	int code;

	for (uint32_t i = 0; i < ROWS; i++) {
		rows[i] = i;
		a[i] = i % 10;
		b[i] = i % 13;
		y[i] = 3 * a[i] - 2 * b[i] + 1;
	}
	json_object_set_new(params, key, value == floor(value) ? json_integer((json_int_t)value) : json_real(value));
	code = engine->run(&job, err);
	json_decref(params);
	if (!code && (told.answers != 1 || told.worst > allowed))
		code = orch_fail(err, ORCH_EFIT, "%s is off by %g where at most %g is right", name, told.worst, allowed);
	return code;
}

static int check_ridge(const char *folder, struct orch_err *err)
{
	(void)folder;
	return check_engine("ridge", "alpha", 0, 1e-9, err);
}

static int check_forest(const char *folder, struct orch_err *err)
{
	(void)folder;
	return check_engine("forest", "trees", 50, 12, err);
}

static int check_boosted(const char *folder, struct orch_err *err)
{
	(void)folder;
	return check_engine("xgboost", "trees", 100, 6, err);
}

const struct doctor_check doctor_checks[] = {
	{"ledger", "sqlite3", check_ledger},
	{"data", "DuckDB, in a worker", check_data},
	{"tables", "DuckDB", check_tables},
	{"ridge", "OpenBLAS", check_ridge},
	{"forest", "orch", check_forest},
	{"boosted trees", "XGBoost", check_boosted},
	{"bundle", "libarchive, libgit2", check_bundle},
	{NULL, NULL, NULL},
};
