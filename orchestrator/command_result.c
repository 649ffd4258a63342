/* The answer of a program: {"score": x}, or {"predictions": "file"} with every test row exactly once. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/command_parts.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/duckdb_adapter.h"

struct reading {
	const struct study *study;
	const struct command_fit *fit;
	struct duck *duck;
	double *prediction; /* test_count x outputs */
	unsigned outputs;
};

static bool inside(const char *folder, const char *path)
{
	char *real = realpath(path, NULL), *root = realpath(folder, NULL);
	bool good = real && root && !strncmp(real, root, strlen(root)) && real[strlen(root)] == '/';

	free(real);
	free(root);
	return good;
}

static int load_file(struct reading *reading, const char *path, char **row_name, struct orch_err *err)
{
	struct text_buf sql = {0};
	struct duck_rows *rows = NULL;
	size_t length = strlen(path);
	bool parquet = length > 8 && !strcmp(path + length - 8, ".parquet");
	struct duck_options options = {0};
	int code = duck_open(&options, &reading->duck, err);

	text_addf(&sql, "CREATE TABLE p AS SELECT * FROM %s(", parquet ? "read_parquet" : "read_csv");
	duck_add_path(&sql, path);
	text_add(&sql, parquet ? ")" : ", header=true)");
	if (!code)
		code = duck_run(reading->duck, sql.data, err);
	if (!code)
		code = duck_query(reading->duck, "SELECT * FROM p LIMIT 0", &rows, err);
	for (size_t c = 0; !code && c < duck_columns(rows); c++)
		if (!strcmp(duck_column_name(rows, c), "row") || !strcmp(duck_column_name(rows, c), "__row"))
			*row_name = mem_text(duck_column_name(rows, c));
	duck_end(rows);
	text_buf_release(&sql);
	if (!code && !*row_name)
		code = orch_fail(err, ORCH_EFIT, "it has no column \"row\" (the __row of {data})");
	return code;
}

static size_t find_row(const struct command_fit *fit, int64_t row)
{
	size_t low = 0, high = fit->test_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (fit->test[middle] < row)
			low = middle + 1;
		else
			high = middle;
	}
	return low < fit->test_count && fit->test[low] == row ? low : SIZE_MAX;
}

/* One output from the SQL expression of its value; every test row once, finite. */
static int read_output(struct reading *reading, const char *row_name, const char *expression, unsigned output, struct orch_err *err)
{
	const struct command_fit *fit = reading->fit;
	double *values = reading->prediction + output * fit->test_count;
	struct duck_rows *rows = NULL;
	struct text_buf sql = {0};
	size_t count, seen = 0;
	int code;

	text_add(&sql, "SELECT CAST(");
	duck_add_name(&sql, row_name);
	text_addf(&sql, " AS BIGINT), CAST(%s AS DOUBLE) FROM p", expression);
	code = duck_query(reading->duck, sql.data, &rows, err);
	text_buf_release(&sql);
	for (size_t i = 0; i < fit->test_count; i++)
		values[i] = NAN;
	while (!code && !(code = duck_next(rows, &count, err)) && count)
		for (size_t i = 0; i < count && !code; i++) {
			size_t at = duck_is_missing(rows, 0, i) ? SIZE_MAX : find_row(fit, duck_int(rows, 0, i));

			if (at == SIZE_MAX)
				continue; /* predictions of other rows do no harm */
			if (!isnan(values[at]))
				code = orch_fail(err, ORCH_EFIT, "row %lld is predicted twice", (long long)fit->test[at]);
			else if (duck_is_missing(rows, 1, i) || !isfinite(duck_double(rows, 1, i)))
				code = orch_fail(err, ORCH_EFIT, "the prediction of row %lld is missing or not finite", (long long)fit->test[at]);
			else
				values[at] = duck_double(rows, 1, i);
			seen++;
		}
	duck_end(rows);
	if (!code && seen < fit->test_count)
		code = orch_fail(err, ORCH_EFIT, "%zu of the %zu test rows have no prediction", fit->test_count - seen, fit->test_count);
	return code;
}

static bool has_column(struct reading *reading, const char *name)
{
	struct text_buf sql = {0};
	struct duck_rows *rows = NULL;
	bool there;

	text_add(&sql, "SELECT ");
	duck_add_name(&sql, name);
	text_add(&sql, " FROM p LIMIT 0");
	there = !duck_query(reading->duck, sql.data, &rows, NULL);
	duck_end(rows);
	text_buf_release(&sql);
	return there;
}

static int read_outputs(struct reading *reading, const char *row_name, struct orch_err *err)
{
	const struct study *study = reading->study;
	bool classes = study->task == ENGINE_CLASSIFICATION, labels = false;
	int code = 0;

	for (unsigned o = 0; o < reading->outputs && !code; o++) {
		struct text_buf expression = {0};
		char *name = classes ? text_format("prob_%s", study->class_names[o]) : study->target_count > 1 ? text_format("prediction_%s", study->target_names[o]) : mem_text("prediction");

		labels = labels || (classes && o == 0 && !has_column(reading, name));
		if (study->angle) { /* an angle in degrees becomes its sine and cosine */
			text_addf(&expression, "%s(radians(prediction))", o ? "cos" : "sin");
		} else if (labels) {
			text_add(&expression, "CASE WHEN CAST(prediction AS VARCHAR) = ");
			duck_add_text(&expression, study->class_names[o]);
			text_add(&expression, " THEN 1 ELSE 0 END");
		} else {
			duck_add_name(&expression, name);
		}
		code = read_output(reading, row_name, expression.data, o, err);
		text_buf_release(&expression);
		free(name);
	}
	return code;
}

static int read_predictions(const struct worker *worker, const struct command_fit *fit, const char *folder, const char *name, double **prediction, struct orch_err *err)
{
	const struct study *study = worker->study;
	struct reading reading = {.study = study, .fit = fit, .outputs = study->task == ENGINE_CLASSIFICATION ? study->classes : study->outputs};
	char *path = file_join(folder, name), *row_name = NULL;
	struct orch_err why = {0};
	int code = 0;

	if (!file_exists(path) || !inside(folder, path))
		code = orch_fail(&why, ORCH_EFIT, "there is no such file in the program's working folder");
	reading.prediction = mem_array(fit->test_count * reading.outputs + 1, sizeof(double));
	if (!code && !reading.prediction)
		code = orch_fail(&why, ORCH_ENOMEM, "no memory");
	if (!code)
		code = load_file(&reading, path, &row_name, &why);
	if (!code)
		code = read_outputs(&reading, row_name, &why);
	duck_close(reading.duck);
	if (code) {
		free(reading.prediction);
		orch_fail(err, code == ORCH_EINPUT ? ORCH_EFIT : code, "predictions \"%s\": %s", name, why.text);
		code = code == ORCH_EINPUT ? ORCH_EFIT : code;
	} else {
		*prediction = reading.prediction;
	}
	free(row_name);
	free(path);
	return code;
}

int command_result(const struct worker *worker, const struct command_fit *fit, const char *folder, const char *line, double **prediction, double *score, struct orch_err *err)
{
	json_t *answer = NULL;
	const char *file;
	int code = 0;

	if (json_parse(line, strlen(line), "last line", &answer, NULL) || !json_is_object(answer)) {
		char *printable = text_printable(line);

		code = orch_fail(err, ORCH_EFIT, "its last line is no JSON object like {\"score\": 0.93}: \"%.120s\"", printable);
		free(printable);
	} else if ((file = json_get_text(answer, "predictions", NULL))) {
		code = read_predictions(worker, fit, folder, file, prediction, err);
	} else if (json_is_number(json_object_get(answer, "score"))) {
		*score = json_get_real(answer, "score", NAN);
	} else {
		code = orch_fail(err, ORCH_EFIT, "its last line has neither a finite \"score\" nor \"predictions\"");
	}
	json_decref(answer);
	return code;
}
