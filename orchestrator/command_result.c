/* The answer of a program: {"score": x}, or {"predictions": "file"} with every test row exactly once. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "orchestrator/command_parts.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/duckdb_adapter.h"

struct reading {
	const struct study *study;
	const struct command_fit *fit;
	struct duck *duck;
	char **columns; /* of the file */
	size_t column_count;
	const char *row; /* which of them numbers the rows */
	unsigned outputs;
	double *prediction; /* test_count x outputs; NAN: not read yet */
};

/* ---- the file ---- */

/* The file itself, links resolved; it must be a regular one inside folder: what a program names is not trusted. malloc'd. */
static int find_file(const char *folder, const char *name, char **out, struct orch_err *err)
{
	char *path = file_join(folder, name), *real = realpath(path, NULL), *root = realpath(folder, NULL);
	struct stat status;
	int code = 0;

	if (!real || !root)
		code = orch_fail(err, ORCH_EFIT, "there is no such file in the program's working folder");
	else if (strncmp(real, root, strlen(root)) || real[strlen(root)] != '/')
		code = orch_fail(err, ORCH_EFIT, "it lies outside of the program's working folder; write it there, under a relative name");
	else if (stat(real, &status) || !S_ISREG(status.st_mode))
		code = orch_fail(err, ORCH_EFIT, "it is no regular file");
	free(path);
	free(root);
	if (code)
		free(real);
	else
		*out = real;
	return code;
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);

	return length >= tail && !strcasecmp(text + length - tail, end);
}

static const char *find_column(const struct reading *reading, const char *name)
{
	for (size_t c = 0; c < reading->column_count; c++)
		if (!strcmp(reading->columns[c], name))
			return reading->columns[c];
	return NULL;
}

static int no_column(const struct reading *reading, const char *what, struct orch_err *err)
{
	struct text_buf all = {0};
	int code;

	for (size_t c = 0; c < reading->column_count && all.length < 400; c++)
		text_addf(&all, "%s\"%s\"", c ? ", " : "", reading->columns[c]);
	code = orch_fail(err, ORCH_EFIT, "it has no column %s; it has %.500s", what, all.data ? all.data : "none");
	text_buf_release(&all);
	return code;
}

/* CSV is read as text: a class "007" is no number. */
static int load_file(struct reading *reading, const char *path, struct orch_err *err)
{
	struct text_buf sql = {0};
	struct duck_rows *rows = NULL;
	struct duck_options options = {0};
	bool parquet = ends_with(path, ".parquet");
	int code = duck_open(&options, &reading->duck, err);

	text_addf(&sql, "CREATE TABLE p AS SELECT * FROM %s(", parquet ? "read_parquet" : "read_csv");
	duck_add_path(&sql, path);
	text_add(&sql, parquet ? ")" : ", header=true, all_varchar=true)");
	if (!code)
		code = duck_run(reading->duck, sql.data, err);
	if (!code)
		code = duck_query(reading->duck, "SELECT * FROM p LIMIT 0", &rows, err);
	text_buf_release(&sql);
	if (code)
		return code;
	reading->columns = mem_must(duck_columns(rows) + 1, sizeof *reading->columns);
	for (; reading->column_count < duck_columns(rows); reading->column_count++)
		reading->columns[reading->column_count] = mem_text(duck_column_name(rows, reading->column_count));
	duck_end(rows);
	reading->row = find_column(reading, "row");
	if (!reading->row)
		reading->row = find_column(reading, "__row");
	return reading->row ? 0 : no_column(reading, "\"row\" (the __row of {data})", err);
}

/* ---- its rows ---- */

/* Place of a row among the test rows, which ascend; SIZE_MAX: not one of them. */
static size_t find_row(const struct command_fit *fit, double row)
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

/* One value: column 1 of rows, at position i, is for test row `at`. Fills output, or all outputs for a label. */
typedef int take_value(struct reading *reading, const struct duck_rows *rows, size_t i, size_t at, unsigned output, struct orch_err *err);

static int take_row(struct reading *reading, const struct duck_rows *rows, size_t i, unsigned output, take_value *take, size_t *seen, struct orch_err *err)
{
	const struct command_fit *fit = reading->fit;
	double row = duck_is_missing(rows, 0, i) ? NAN : duck_double(rows, 0, i);
	size_t at;

	if (isnan(row) || row != floor(row))
		return orch_fail(err, ORCH_EFIT, "its column \"%s\" holds something that is no row number", reading->row);
	at = find_row(fit, row);
	if (at == SIZE_MAX)
		return 0; /* predictions of other rows do no harm */
	if (!isnan(reading->prediction[output * fit->test_count + at]))
		return orch_fail(err, ORCH_EFIT, "row %.0f is predicted twice", row);
	++*seen;
	return take(reading, rows, i, at, output, err);
}

/* What the SQL expression gives for each row, handed to take; every test row must be there once. */
static int read_values(struct reading *reading, const char *expression, unsigned output, take_value *take, struct orch_err *err)
{
	const struct command_fit *fit = reading->fit;
	struct duck_rows *rows = NULL;
	struct text_buf sql = {0};
	size_t count = 0, seen = 0, first = 0;
	int code;

	text_add(&sql, "SELECT TRY_CAST(");
	duck_add_name(&sql, reading->row);
	text_addf(&sql, " AS DOUBLE), %s FROM p", expression);
	code = duck_query(reading->duck, sql.data, &rows, err);
	text_buf_release(&sql);
	while (!code && !(code = duck_next(rows, &count, err)) && count)
		for (size_t i = 0; i < count && !code; i++)
			code = take_row(reading, rows, i, output, take, &seen, err);
	duck_end(rows);
	if (code || seen == fit->test_count)
		return code;
	while (!isnan(reading->prediction[output * fit->test_count + first]))
		first++;
	return orch_fail(err, ORCH_EFIT, "%zu of the %zu test rows have no prediction, the first of them is row %lld", fit->test_count - seen, fit->test_count,
	        (long long)fit->test[first]);
}

static int take_number(struct reading *reading, const struct duck_rows *rows, size_t i, size_t at, unsigned output, struct orch_err *err)
{
	double value = duck_is_missing(rows, 1, i) ? NAN : duck_double(rows, 1, i);
	long long row = (long long)reading->fit->test[at];

	if (!isfinite(value))
		return orch_fail(err, ORCH_EFIT, "the prediction of row %lld is missing, no number, or not finite", row);
	if (reading->study->task == ENGINE_CLASSIFICATION && (value < 0 || value > 1))
		return orch_fail(err, ORCH_EFIT, "the probability of class \"%s\" for row %lld is %g, not between 0 and 1", reading->study->class_names[output], row, value);
	reading->prediction[output * reading->fit->test_count + at] = value;
	return 0;
}

/* The class that a text names: by its name, as the same number ("1.0" for 1), or but for case (Python's True). classes: none. */
static unsigned find_class(const struct study *study, const char *text)
{
	double number, other;
	unsigned found = study->classes, matches = 0;

	for (unsigned c = 0; c < study->classes; c++)
		if (!strcmp(study->class_names[c], text))
			return c;
	for (unsigned c = 0; c < study->classes; c++)
		if ((text_to_double(text, &number) && text_to_double(study->class_names[c], &other) && number == other) || !strcasecmp(study->class_names[c], text)) {
			found = c;
			matches++;
		}
	return matches == 1 ? found : study->classes;
}

static int unknown_class(const struct study *study, const char *text, long long row, struct orch_err *err)
{
	struct text_buf all = {0};
	char *printable = text_printable(text);
	int code;

	for (unsigned c = 0; c < study->classes && all.length < 300; c++)
		text_addf(&all, "%s\"%s\"", c ? ", " : "", study->class_names[c]);
	code = orch_fail(err, ORCH_EFIT, "row %lld is predicted as \"%.100s\", which is no class; there are %.400s", row, printable, all.data);
	free(printable);
	text_buf_release(&all);
	return code;
}

static int take_label(struct reading *reading, const struct duck_rows *rows, size_t i, size_t at, unsigned output, struct orch_err *err)
{
	const struct study *study = reading->study;
	char *text = duck_text_copy(rows, 1, i);
	unsigned class = find_class(study, text);
	int code = class < study->classes ? 0 : unknown_class(study, text, (long long)reading->fit->test[at], err);

	(void)output;
	for (unsigned c = 0; c < study->classes && !code; c++)
		reading->prediction[c * reading->fit->test_count + at] = c == class;
	free(text);
	return code;
}

/* ---- its columns ---- */

static int read_column(struct reading *reading, const char *name, unsigned output, struct orch_err *err)
{
	struct text_buf expression = {0};
	int code;

	text_add(&expression, "TRY_CAST(");
	duck_add_name(&expression, name);
	text_add(&expression, " AS DOUBLE)");
	code = read_values(reading, expression.data, output, take_number, err);
	text_buf_release(&expression);
	return code;
}

static int read_classes(struct reading *reading, struct orch_err *err)
{
	const struct study *study = reading->study;
	char *missing = NULL;
	unsigned found = 0;
	int code = 0;

	for (unsigned c = 0; c < study->classes; c++) {
		char *name = text_format("prob_%s", study->class_names[c]);

		found += find_column(reading, name) != NULL;
		if (!missing && !find_column(reading, name))
			missing = text_format("\"%s\"", name);
		free(name);
	}
	if (found && missing)
		code = no_column(reading, missing, err);
	else if (!found && !find_column(reading, "prediction"))
		code = no_column(reading, "\"prediction\" (a class) and no prob_CLASS for each class", err);
	else if (!found)
		code = read_values(reading, "COALESCE(CAST(prediction AS VARCHAR), '')", 0, take_label, err);
	for (unsigned c = 0; c < study->classes && found && !code; c++) {
		char *name = text_format("prob_%s", study->class_names[c]);

		code = read_column(reading, name, c, err);
		free(name);
	}
	free(missing);
	return code;
}

/* Degrees become what engines predict: sine and cosine. */
static void split_angle(struct reading *reading)
{
	size_t count = reading->fit->test_count;

	for (size_t i = 0; i < count; i++) {
		double angle = fmod(reading->prediction[i], 360) * 0.017453292519943295;

		reading->prediction[i] = sin(angle);
		reading->prediction[count + i] = cos(angle);
	}
}

static int read_targets(struct reading *reading, struct orch_err *err)
{
	const struct study *study = reading->study;
	int code = 0;

	for (unsigned t = 0; t < study->target_count && !code; t++) {
		char *own = text_format("prediction_%s", study->target_names[t]), *wanted;
		const char *name = find_column(reading, own);

		if (!name && study->target_count == 1)
			name = find_column(reading, "prediction");
		wanted = study->target_count == 1 ? mem_text("\"prediction\"") : text_format("\"%s\"", own);
		if (!name) {
			code = no_column(reading, wanted, err);
		} else {
			code = read_column(reading, name, t, err);
		}
		free(own);
		free(wanted);
	}
	if (study->angle && !code)
		split_angle(reading);
	return code;
}

static int read_file(struct reading *reading, const char *folder, const char *name, struct orch_err *err)
{
	size_t count = reading->fit->test_count * reading->outputs;
	char *path = NULL;
	int code = find_file(folder, name, &path, err);

	reading->prediction = mem_array(count + 1, sizeof(double));
	if (!code && !reading->prediction)
		code = orch_fail(err, ORCH_ENOMEM, "no memory for %zu predictions", count);
	for (size_t i = 0; i < count && reading->prediction; i++)
		reading->prediction[i] = NAN;
	if (!code)
		code = load_file(reading, path, err);
	if (!code)
		code = reading->study->task == ENGINE_CLASSIFICATION ? read_classes(reading, err) : read_targets(reading, err);
	free(path);
	return code;
}

static int read_predictions(const struct worker *worker, const struct command_fit *fit, const char *folder, const char *name, double **prediction, struct orch_err *err)
{
	const struct study *study = worker->study;
	struct reading reading = {.study = study, .fit = fit, .outputs = study->task == ENGINE_CLASSIFICATION ? study->classes : study->outputs};
	struct orch_err why = {0};
	char *printable;
	int code = read_file(&reading, folder, name, &why);

	duck_close(reading.duck);
	for (size_t c = 0; c < reading.column_count; c++)
		free(reading.columns[c]);
	free(reading.columns);
	if (!code) {
		*prediction = reading.prediction;
		return 0;
	}
	free(reading.prediction);
	if (code == ORCH_EINPUT) /* what DuckDB says of a bad file */
		code = ORCH_EFIT;
	printable = text_printable(name);
	orch_fail(err, code, "its predictions \"%.200s\": %.900s", printable, why.text);
	free(printable);
	return code;
}

static bool is_feature(const struct command_fit *fit, const char *name)
{
	for (size_t f = 0; f < fit->feature_count; f++)
		if (name && !strcmp(fit->features[f], name))
			return true;
	return false;
}

/* "features_used": a program that knows which features its model uses saves the fits without the others. */
static int read_used(const struct command_fit *fit, json_t *list, json_t **used, struct orch_err *err)
{
	json_t *name;
	size_t i;

	if (list && !json_is_array(list))
		return orch_fail(err, ORCH_EFIT, "its \"features_used\" is no list of features");
	json_array_foreach(list, i, name)
		if (!is_feature(fit, json_string_value(name))) {
			char *printable = text_printable(json_is_string(name) ? json_string_value(name) : "no text");
			int code = orch_fail(err, ORCH_EFIT, "its \"features_used\" names \"%.200s\", which is no feature that it was given", printable);

			free(printable);
			return code;
		}
	*used = json_incref(list);
	return 0;
}

int command_result(const struct worker *worker, const struct command_fit *fit, const char *folder, const char *line, double **prediction, double *score, json_t **used, struct orch_err *err)
{
	json_t *answer = NULL;
	const char *file;
	int code = 0;

	if (!*line) {
		code = orch_fail(err, ORCH_EFIT, "it wrote nothing on stdout; its last line must be a JSON object like {\"score\": 0.93}");
	} else if (json_parse(line, strlen(line), "last line", &answer, NULL) || !json_is_object(answer)) {
		char *printable = text_printable(line);

		code = orch_fail(err, ORCH_EFIT, "its last line is no JSON object like {\"score\": 0.93}: \"%.120s\"", printable);
		free(printable);
	} else if ((file = json_get_text(answer, "predictions", NULL))) {
		code = read_predictions(worker, fit, folder, file, prediction, err);
	} else if (json_is_number(json_object_get(answer, "score"))) {
		*score = json_number_value(json_object_get(answer, "score"));
		*prediction = NULL;
	} else {
		code = orch_fail(err, ORCH_EFIT, "its last line has neither a finite \"score\" nor \"predictions\" with the name of a file");
	}
	if (!code)
		code = read_used(fit, json_object_get(answer, "features_used"), used, err);
	if (code) {
		free(*prediction);
		*prediction = NULL;
	}
	json_decref(answer);
	return code;
}
