/* Campaigns with every engine that saves a model, run by the built program; then their models on the training file: the holdout's rows must get what
 * 03_baseline wrote for them. And everything that can be wrong with the rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/address.h"
#include "orchestrator/predict.h"
#include "storage/base/file.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"
#include "storage/duckdb_adapter.h"

#define ROWS 400

static char folder[64];

static double number(uint64_t row, const char *what)
{
	return address_unit(address_hash(address_text(11, what), row));
}

static void write_data(void)
{
	static const char *const codes[] = {"01", "02", "a"}, *const sizes[] = {"S", "M", "L"};
	char *path = file_join(folder, "data.csv");
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fprintf(file, "name,x,z,flag,code,size,gap,y,y2,kind,deg\n");
	for (unsigned i = 0; i < ROWS; i++) {
		double x = 4 * number(i, "x") - 2, z = 10 * number(i, "z");
		unsigned flag = number(i, "flag") < 0.5, size = (unsigned)(3 * number(i, "size")), code = (unsigned)(3 * number(i, "code"));
		double y = 2 * x + z + flag + 2 * size + number(i, "noise");

		fprintf(file, "r%u,%.17g,%.17g,%s,%s,%s,", i, x, z, flag ? "true" : "false", codes[code], sizes[size]);
		if (i % 7)
			fprintf(file, "%.17g", number(i, "gap"));
		fprintf(file, ",%.17g,%.17g,%s,%.17g\n", y, x - y, y > 9 ? "hi" : y > 5 ? "mid" : "lo", y * 12);
	}
	fclose(file);
	free(path);
}

static char *in_folder(const char *name)
{
	return file_join(folder, name);
}

static void write_text(const char *name, const char *text)
{
	char *path = in_folder(name);

	assert_int_equal(file_remove(path, NULL), 0);
	assert_int_equal(file_write_new(path, text, strlen(text), NULL), 0);
	free(path);
}

static int start(const char *name, const char *target, const char *model, const char *exclude, const char *missing)
{
	char *yaml = text_format("data: {source: data.csv, target: %s, id: name, exclude: [%s], features: {xz: x * z}, categories: {size: [S, M, L]}, missing: %s}\n"
	                         "model: {%s}\nsplit: {holdout: 0.25, folds: {k: 3}}\nlofo: {enabled: false}\n", target, exclude, missing, model);
	char *file = text_format("%s.yaml", name), *command;
	const char *program = getenv("ORCH");
	int status;

	write_text(file, yaml);
	command = text_format("cd %s && %s start -q %s --dir %s >log 2>&1 || { cat log >&2; exit 1; }", folder, program ? program : "build/orch", file, name);
	status = system(command);
	free(yaml);
	free(file);
	free(command);
	return status;
}

/* The largest difference in the holdout over the columns, and how many rows were compared. */
static double difference(const char *campaign, const char *predicted, const char *columns, long *rows)
{
	struct duck *duck = NULL;
	struct duck_rows *answer = NULL;
	struct text_buf sql = {0};
	char *all = mem_text(columns);
	size_t count;
	double most;

	text_add(&sql, "SELECT greatest(0.0");
	for (char *name = strtok(all, " "); name; name = strtok(NULL, " "))
		text_addf(&sql, ", max(abs(a.%s - b.%s))", name, name);
	text_addf(&sql, "), CAST(count(*) AS BIGINT) FROM read_parquet('%s/%s/rounds/round_000/03_baseline/predictions.parquet') a JOIN read_csv('%s') b USING (row, name) WHERE a.fold = -1",
	          folder, campaign, predicted);
	assert_int_equal(duck_open(&(struct duck_options){0}, &duck, NULL), 0);
	assert_int_equal(duck_query(duck, sql.data, &answer, NULL), 0);
	assert_int_equal(duck_next(answer, &count, NULL), 0);
	assert_int_equal(count, 1);
	most = duck_double(answer, 0, 0);
	*rows = duck_int(answer, 1, 0);
	duck_end(answer);
	duck_close(duck);
	text_buf_release(&sql);
	free(all);
	return most;
}

static const struct campaign_case {
	const char *name, *target, *model, *exclude, *missing, *columns;
} cases[] = {
	{"ridge", "[y, y2]", "engine: ridge", "kind, deg", "mean", "prediction_y prediction_y2"},
	{"elasticnet", "y", "engine: elasticnet", "kind, deg, y2", "median", "prediction"},
	{"logistic", "kind", "engine: logistic", "y, deg, y2", "mean", "prob_hi prob_lo prob_mid"},
	{"logistic_pair", "flag", "engine: logistic", "kind, deg, y2", "mean", "prob_false prob_true"},
	{"forest", "y", "engine: forest, trees: 12", "kind, deg, y2", "keep", "prediction"},
	{"forest_classes", "kind", "engine: forest, trees: 12", "y, deg, y2", "mean", "prob_hi prob_lo prob_mid"},
	{"forest_pair", "flag", "engine: forest, trees: 12", "kind, deg, y2", "median", "prob_false prob_true"},
	{"xgboost", "y", "engine: xgboost, trees: 12", "kind, deg, y2", "median", "prediction"},
	{"xgboost_classes", "kind", "engine: xgboost, trees: 12", "y, deg, y2", "keep", "prob_hi prob_lo prob_mid"},
	{"xgboost_pair", "flag", "engine: xgboost, trees: 12", "kind, deg, y2", "keep", "prob_false prob_true"},
	{"xgboost_angle", "{angle: deg}", "engine: xgboost, trees: 12", "kind, y, y2", "mean", "prediction"},
};

static void check_case(const struct campaign_case *one)
{
	char *campaign = in_folder(one->name), *input = in_folder("data.csv"), *name = text_format("%s.csv", one->name), *output = in_folder(name);
	struct predictor *predictor = NULL;
	struct predicted predicted = {0};
	struct orch_err err = {0};
	long rows = 0;
	double most;

	assert_int_equal(start(one->name, one->target, one->model, one->exclude, one->missing), 0);
	if (predictor_open(campaign, -1, &predictor, &err) || predictor_rows(predictor, input, output, &predicted, &err))
		fail_msg("%s: %s", one->name, err.text);
	assert_int_equal(predicted.rows, ROWS);
	assert_int_equal(json_array_size(predicted.notes), 0);
	most = difference(one->name, output, one->columns, &rows);
	if (!(most <= 1e-12) || rows != ROWS / 4)
		fail_msg("%s: %ld rows, the largest difference is %g", one->name, rows, most);
	json_decref(predicted.notes);
	predictor_close(predictor);
	free(campaign);
	free(input);
	free(name);
	free(output);
}

static void predict__holdout_is_what_the_baseline_wrote(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check_case(&cases[i]);
}

/* ---- what can be wrong ---- */

static int predict_text(const char *campaign_name, const char *file, const char *text, struct predicted *out, struct orch_err *err)
{
	char *campaign = in_folder(campaign_name), *input = in_folder(file), *output = in_folder("out.csv");
	struct predictor *predictor = NULL;
	int code = predictor_open(campaign, 0, &predictor, err);

	if (text)
		write_text(file, text);
	assert_int_equal(file_remove(output, NULL), 0);
	if (!code)
		code = predictor_rows(predictor, input, output, out, err);
	predictor_close(predictor);
	free(campaign);
	free(input);
	free(output);
	return code;
}

static void refuses(const char *campaign, const char *text, const char *expected)
{
	struct predicted predicted = {0};
	struct orch_err err = {0};

	assert_int_equal(predict_text(campaign, "in.csv", text, &predicted, &err), ORCH_EINPUT);
	if (!strstr(err.text, expected))
		fail_msg("\"%s\" does not say \"%s\"", err.text, expected);
}

#define HEADER "x,z,flag,code,size,gap\n"

static void predict__tells_what_is_wrong_with_the_rows(void **state)
{
	(void)state;
	refuses("forest", "x,z,flag,code,gap\n1,2,true,01,3\n", "there is no column \"size\", which the model needs");
	refuses("forest", "X,z,flag,code,size,gap\n1,2,true,01,S,3\n", "there is no column \"x\", which the model needs; did you mean \"X\"?");
	refuses("forest", HEADER "1,many,true,01,S,3\n", "column \"z\" holds text (VARCHAR) where the campaign has numbers");
	refuses("forest", HEADER "1,2,perhaps,01,S,3\n", "column \"flag\" holds text (VARCHAR) where the campaign has true or false");
	refuses("forest", HEADER "1,inf,true,01,S,3\n", "column \"z\" is infinite in 1 rows");
	refuses("forest", "", "in.csv is empty");
	refuses("forest", HEADER, "in.csv has no rows, only a header");
	refuses("elasticnet", HEADER "1,2,true,01,S,3\n1,,true,01,S,3\n", "column \"z\" has 1 missing value (or levels that the campaign does not know), the first in row 2: the model has never seen it missing");
	refuses("elasticnet", HEADER "1,2,true,03,S,3\n", "column \"code\" has 1 missing value");
}

static void predict__unknown_levels_are_missing(void **state)
{
	struct predicted predicted = {0};
	struct orch_err err = {0};

	(void)state;
	if (predict_text("xgboost_classes", "in.csv", HEADER "1,2,true,03,S,3\n1,2,true,01,XL,\n1,2,true,02,L,\n", &predicted, &err))
		fail_msg("%s", err.text);
	assert_int_equal(json_array_size(predicted.notes), 3);
	assert_string_equal(json_string_value(json_array_get(predicted.notes, 0)), "column \"code\": 1 row has a level that the campaign does not know (\"03\"): taken as missing");
	assert_string_equal(json_string_value(json_array_get(predicted.notes, 1)), "column \"size\": 1 row has a level that the campaign does not know (\"XL\"): taken as missing");
	assert_string_equal(json_string_value(json_array_get(predicted.notes, 2)), "there is no column \"name\" (data.id): rows are told by their number alone");
	json_decref(predicted.notes);
}

/* data.missing: drop: a row that training would have dropped has no prediction. */
static void predict__dropped_rows_have_no_prediction(void **state)
{
	struct predicted predicted = {0};
	struct orch_err err = {0};

	(void)state;
	assert_int_equal(start("drops", "y", "engine: ridge", "kind, deg, y2", "drop"), 0);
	if (predict_text("drops", "data.csv", NULL, &predicted, &err))
		fail_msg("%s", err.text);
	assert_int_equal(predicted.rows, ROWS);
	assert_int_equal(predicted.without, (ROWS + 6) / 7);
	json_decref(predicted.notes);
}

static void predict__formats_give_the_same(void **state)
{
	struct predicted predicted = {0};
	struct duck *duck = NULL;
	struct orch_err err = {0};
	char *csv = in_folder("data.csv"), *parquet = in_folder("data.parquet"), *sql = text_format("COPY (SELECT * FROM read_csv('%s', all_varchar=false)) TO '%s' (FORMAT parquet)", csv, parquet);
	char *out = in_folder("out.csv"), *first = NULL, *second = NULL;
	size_t length;

	(void)state;
	assert_int_equal(duck_open(&(struct duck_options){0}, &duck, NULL), 0);
	assert_int_equal(duck_run(duck, sql, NULL), 0);
	duck_close(duck);
	assert_int_equal(predict_text("forest", "data.csv", NULL, &predicted, NULL), 0);
	json_decref(predicted.notes);
	assert_int_equal(file_read(out, 0, &first, &length, NULL), 0);
	if (predict_text("forest", "data.parquet", NULL, &predicted, &err))
		fail_msg("%s", err.text);
	json_decref(predicted.notes);
	assert_int_equal(file_read(out, 0, &second, &length, NULL), 0);
	assert_string_equal(first, second);
	free(csv);
	free(parquet);
	free(sql);
	free(out);
	free(first);
	free(second);
}

static void predict__tells_what_is_wrong_with_the_campaign(void **state)
{
	char *campaign = in_folder("forest"), *nothing = in_folder("nothing"), *output = in_folder("out.csv"), *model = in_folder("forest/rounds/round_000/03_baseline/model.json"), *input = in_folder("data.csv");
	struct predictor *predictor = NULL;
	struct predicted predicted = {0};
	struct orch_err err = {0};
	char *text;
	size_t length;

	(void)state;
	assert_int_equal(predictor_open(campaign, 4, &predictor, &err), ORCH_EINPUT);
	assert_string_equal(err.text, "there is no round 4; the last one is 0");
	orch_err_clear(&err);
	assert_int_equal(predictor_open(nothing, 0, &predictor, &err), ORCH_EINPUT);
	assert_non_null(strstr(err.text, "has no finished round yet"));
	orch_err_clear(&err);
	assert_int_equal(predictor_open(campaign, 0, &predictor, NULL), 0);
	assert_int_equal(file_write_new(output, "", 0, NULL) == 0 || file_exists(output), 1);
	assert_int_equal(predictor_rows(predictor, input, output, &predicted, &err), ORCH_EINPUT);
	assert_non_null(strstr(err.text, "exists already"));
	predictor_close(predictor);
	orch_err_clear(&err);
	assert_int_equal(file_read(model, 0, &text, &length, NULL), 0);
	text[length / 2] = '}';
	assert_int_equal(file_replace(model, text, length, NULL), 0);
	assert_int_not_equal(predictor_open(campaign, 0, &predictor, &err), 0);
	assert_non_null(strstr(err.text, "model.json of round 0"));
	free(text);
	free(campaign);
	free(nothing);
	free(output);
	free(model);
	free(input);
}

static int setup(void **state)
{
	char *cache;

	(void)state;
	strcpy(folder, "/tmp/orch-predict-XXXXXX");
	assert_non_null(mkdtemp(folder));
	cache = in_folder("cache");
	setenv("ORCH_CACHE", cache, 1);
	free(cache);
	write_data();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return file_remove_tree(folder, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(predict__holdout_is_what_the_baseline_wrote),
		cmocka_unit_test(predict__tells_what_is_wrong_with_the_rows),
		cmocka_unit_test(predict__unknown_levels_are_missing),
		cmocka_unit_test(predict__dropped_rows_have_no_prediction),
		cmocka_unit_test(predict__formats_give_the_same),
		cmocka_unit_test(predict__tells_what_is_wrong_with_the_campaign),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
