/* A study over a frame and folds made by hand: targets, units, selection, metrics, what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/study.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/text.h"

#define ROWS 40

struct fixture {
	char folder[64], *frame, *folds, *yaml;
	struct spec *spec;
	struct study *study;
};

static void write_frame(const char *path, bool missing)
{
	static const char *const levels[] = {"no", "yes"};
	struct frame_writer *writer = NULL;
	double rows[ROWS], a[ROWS], b[ROWS], angle[ROWS], y[ROWS];
	int32_t class[ROWS];

	for (int i = 0; i < ROWS; i++) {
		rows[i] = i;
		a[i] = missing && i == 3 ? NAN : i * 0.5;
		b[i] = i % 7;
		angle[i] = i * 9;
		y[i] = 3 * i + i % 2;
		class[i] = i % 2;
	}
	assert_int_equal(frame_writer_begin(path, ROWS, &writer, NULL), 0);
	frame_writer_number(writer, "__row", COLUMN_ROW, rows);
	frame_writer_number(writer, "a", COLUMN_FEATURE, a);
	frame_writer_number(writer, "b", COLUMN_FEATURE, b);
	frame_writer_number(writer, "c", COLUMN_FEATURE, b);
	frame_writer_number(writer, "direction", COLUMN_TARGET, angle);
	frame_writer_number(writer, "y", COLUMN_TARGET, y);
	frame_writer_category(writer, "class", COLUMN_TARGET, false, class, levels, 2);
	assert_int_equal(frame_writer_commit(&writer, NULL), 0);
}

/* Columns whose names are one in a Parquet table. */
static void write_colliding_frame(const char *path, const char *id, bool classes, const char *feature)
{
	static const char *const levels[] = {"Yes", "maybe", "yes"};
	struct frame_writer *writer = NULL;
	double rows[ROWS], y[ROWS];
	int32_t class[ROWS];

	for (int i = 0; i < ROWS; i++) {
		rows[i] = i;
		y[i] = i % 5;
		class[i] = i % 3;
	}
	assert_int_equal(frame_writer_begin(path, ROWS, &writer, NULL), 0);
	frame_writer_number(writer, "__row", COLUMN_ROW, rows);
	frame_writer_number(writer, feature, COLUMN_FEATURE, y);
	frame_writer_number(writer, id, COLUMN_ID, rows);
	if (classes)
		frame_writer_category(writer, "y", COLUMN_TARGET, false, class, levels, 3);
	else
		frame_writer_number(writer, "y", COLUMN_TARGET, y);
	assert_int_equal(frame_writer_commit(&writer, NULL), 0);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	strcpy(fixture->folder, "/tmp/orch-study-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	fixture->frame = file_join(fixture->folder, "f.frame");
	fixture->folds = file_join(fixture->folder, "f.folds");
	fixture->yaml = file_join(fixture->folder, "c.yaml");
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	study_close(fixture->study);
	spec_release(fixture->spec);
	file_remove_tree(fixture->folder, NULL);
	free(fixture->frame);
	free(fixture->folds);
	free(fixture->yaml);
	free(fixture);
	return 0;
}

static int open_written(struct fixture *fixture, const char *text, struct orch_err *err)
{
	char *report = NULL;
	struct frame *frame = NULL;
	struct split *split = NULL;
	void *bytes;
	size_t length;

	assert_int_equal(file_write_new(fixture->yaml, text, strlen(text), NULL), 0);
	if (spec_load(fixture->yaml, false, &fixture->spec, &report, NULL))
		fail_msg("%s", report);
	assert_int_equal(frame_open(fixture->frame, true, &frame, NULL), 0);
	assert_int_equal(study_split(fixture->spec, frame, &split, err), 0);
	assert_int_equal(split_encode(split, &bytes, &length), 0);
	assert_int_equal(file_write_new(fixture->folds, bytes, length, NULL), 0);
	free(bytes);
	split_release(split);
	frame_close(frame);
	return study_open(fixture->spec, fixture->frame, fixture->folds, &fixture->study, err);
}

static int open_study(struct fixture *fixture, const char *text, bool missing, struct orch_err *err)
{
	write_frame(fixture->frame, missing);
	return open_written(fixture, text, err);
}

static void study__regression(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(open_study(fixture, "data: {source: a.csv, target: y}\nmodel: {engine: xgboost}\nsplit: {holdout: 0.25, folds: {k: 3}}\nlofo: {groups: {both: [a, c]}}\n", false, NULL), 0);
	assert_string_equal(fixture->study->metric->name, "rmse");
	assert_int_equal(fixture->study->outputs, 1);
	assert_int_equal(fixture->study->folds, 3);
	assert_int_equal(fixture->study->holdout_rows, 10);
	assert_int_equal(fixture->study->feature_count, 3);
	assert_int_equal(fixture->study->unit_count, 2);
	assert_string_equal(fixture->study->units[0].name, "both");
	assert_int_equal(fixture->study->units[0].count, 2);
	assert_string_equal(fixture->study->units[1].name, "b");
	assert_true(fixture->study->target[4] == 12);
}

static void study__selection_keeps_identity_and_order(void **state)
{
	struct fixture *fixture = *state;
	json_t *names;
	struct orch_err err = {0};

	assert_int_equal(open_study(fixture, "data: {source: a.csv, target: y}\nmodel: {engine: xgboost}\nlofo: {groups: {both: [a, c]}}\n", false, NULL), 0);
	names = json_pack("[s, s]", "c", "b");
	assert_int_equal(study_select(fixture->study, names, NULL), 0);
	json_decref(names);
	assert_int_equal(fixture->study->feature_count, 2);
	assert_string_equal(fixture->study->features[0]->name, "b");
	assert_int_equal(fixture->study->feature_ids[1], 2);
	assert_string_equal(fixture->study->units[1].name, "both");
	assert_int_equal(fixture->study->units[1].count, 1); /* a is not selected */
	assert_string_equal(fixture->study->units[1].features[0], "c");
	names = json_pack("[s]", "nobody");
	assert_int_equal(study_select(fixture->study, names, &err), ORCH_EINPUT);
	assert_non_null(strstr(err.text, "nobody"));
	json_decref(names);
}

static void study__angle_is_sine_and_cosine(void **state)
{
	struct fixture *fixture = *state;
	struct arena arena = {0};
	struct metric_input in;
	uint32_t rows[] = {0, 10};
	double prediction[] = {sin(350 * 0.017453292519943295), 1, cos(350 * 0.017453292519943295), 0};

	assert_int_equal(open_study(fixture, "data: {source: a.csv, target: {angle: direction}}\nmodel: {engine: fake}\n", false, NULL), 0);
	assert_true(fixture->study->angle);
	assert_int_equal(fixture->study->outputs, 2);
	assert_string_equal(fixture->study->metric->name, "cmae");
	assert_true(fabs(fixture->study->target[10] - 1) < 1e-12);
	assert_int_equal(study_metric_input(fixture->study, rows, 2, prediction, &arena, &in, NULL), 0);
	assert_true(fabs(in.prediction[0] - 350) < 1e-9);
	assert_true(fabs(in.prediction[1] - 90) < 1e-9);
	assert_true(fabs(fixture->study->metric->score(&in) - 5) < 1e-9);
	arena_release(&arena);
}

static void study__classification(void **state)
{
	struct fixture *fixture = *state;
	struct arena arena = {0};
	struct metric_input in;
	uint32_t rows[] = {0, 1};
	double probability[] = {0.9, 0.5, 0.1, 0.5};
	json_t *metrics;

	assert_int_equal(open_study(fixture, "data: {source: a.csv, target: class}\nmodel: {engine: xgboost}\nmetric: accuracy\n", false, NULL), 0);
	assert_int_equal(fixture->study->classes, 2);
	assert_string_equal(fixture->study->class_names[1], "yes");
	assert_int_equal(study_metric_input(fixture->study, rows, 2, probability, &arena, &in, NULL), 0);
	assert_true(in.prediction[1] == 0); /* ties go to the lower class */
	metrics = study_metrics(fixture->study, &in);
	assert_true(json_get_real(metrics, "accuracy", 0) == 0.5);
	assert_null(json_object_get(metrics, "rmse"));
	json_decref(metrics);
	arena_release(&arena);
}

static void refuses(void **state, const char *text, bool missing, const char *expected)
{
	struct fixture *fixture = *state;
	struct orch_err err = {0};

	assert_int_equal(open_study(fixture, text, missing, &err), ORCH_EINPUT);
	if (!strstr(err.text, expected))
		fail_msg("\"%s\" does not say \"%s\"", err.text, expected);
}

static void study__refuses_wrong_metric(void **state)
{
	refuses(state, "data: {source: a.csv, target: y}\nmodel: {engine: xgboost}\nmetric: auc\n", false, "does not fit this target: it is regression");
}

static void study__refuses_missing_where_engine_cannot(void **state)
{
	refuses(state, "data: {source: a.csv, target: y}\nmodel: {engine: ridge}\n", true, "\"a\" has 1 missing values");
}

static void study__refuses_unknown_group_member(void **state)
{
	refuses(state, "data: {source: a.csv, target: y}\nmodel: {engine: xgboost}\nlofo: {groups: {g: [a, zebra]}}\n", false, "zebra");
}

static void study__refuses_a_group_with_the_name_of_another_feature(void **state)
{
	refuses(state, "data: {source: a.csv, target: y}\nmodel: {engine: xgboost}\nlofo: {groups: {b: [a, c]}}\n", false,
	        "lofo.groups.b has the name of a feature that is not in it");
}

static void study__a_group_may_have_the_name_of_a_member(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(open_study(fixture, "data: {source: a.csv, target: y}\nmodel: {engine: xgboost}\nlofo: {groups: {a: [a, c]}}\n", false, NULL), 0);
	assert_int_equal(fixture->study->unit_count, 2);
	assert_int_equal(fixture->study->units[0].count, 2);
	assert_true(study_unit_is_group(fixture->study, &fixture->study->units[0]));
	assert_false(study_unit_is_group(fixture->study, &fixture->study->units[1]));
}

/* b and c are equal; a has little to do with them. */
static void study__groups_are_found(void **state)
{
	struct fixture *fixture = *state;
	json_t *notes;

	setenv("ORCH_CACHE", fixture->folder, 1);
	assert_int_equal(open_study(fixture, "data: {source: a.csv, target: y}\nmodel: {engine: xgboost}\nlofo: {groups: auto}\n", false, NULL), 0);
	assert_int_equal(fixture->study->unit_count, 2);
	assert_int_equal(fixture->study->found_groups, 1);
	assert_string_equal(fixture->study->units[0].name, "a");
	assert_string_equal(fixture->study->units[1].name, "auto:b");
	assert_int_equal(fixture->study->units[1].count, 2);
	assert_true(study_group_is_found(fixture->study, "auto:b"));
	notes = study_feature_notes(fixture->study);
	assert_string_equal(json_string_value(json_array_get(notes, 0)), "1 feature is equal to an earlier one in every row: c (as b); data.prune: {duplicates: true} leaves it out");
	assert_string_equal(json_string_value(json_array_get(notes, 1)), "groups found: 1 of 2 features whose |rank correlation| is 0.9 or more");
	json_decref(notes);
}

/* What the cache holds is the same, and a damaged file in it costs time only. */
static void study__correlations_come_from_the_cache(void **state)
{
	struct fixture *fixture = *state;
	struct study *again = NULL;
	double *first = NULL, *second = NULL;
	char command[200];

	setenv("ORCH_CACHE", fixture->folder, 1);
	assert_int_equal(open_study(fixture, "data: {source: a.csv, target: y}\nmodel: {engine: xgboost}\nlofo: {groups: auto}\n", false, NULL), 0);
	assert_int_equal(study_correlations(fixture->study, &first, NULL), 0);
	for (int damaged = 0; damaged < 2; damaged++) {
		snprintf(command, sizeof command, "set -e; f=$(ls %s/spearman/*.spearman); %s", fixture->folder, damaged ? "printf x | dd of=$f bs=1 seek=70 conv=notrunc 2>/dev/null" : "test -s $f");
		assert_int_equal(system(command), 0);
		assert_int_equal(study_open(fixture->spec, fixture->frame, fixture->folds, &again, NULL), 0);
		assert_int_equal(study_correlations(again, &second, NULL), 0);
		assert_memory_equal(first, second, 9 * sizeof(double));
		free(second);
		assert_int_equal(again->found_groups, 1);
		study_close(again);
	}
	free(first);
}

static void study__declared_groups_come_first(void **state)
{
	struct fixture *fixture = *state;

	setenv("ORCH_CACHE", fixture->folder, 1);
	assert_int_equal(open_study(fixture, "data: {source: a.csv, target: y}\nmodel: {engine: xgboost}\nlofo: {groups: {both: [a, c], auto: 0.8}}\n", false, NULL), 0);
	assert_int_equal(fixture->study->unit_count, 2);
	assert_int_equal(fixture->study->found_groups, 0);
	assert_string_equal(fixture->study->units[0].name, "both");
	assert_false(study_group_is_found(fixture->study, "both"));
}

static void study__prunes_before_round_0(void **state)
{
	struct fixture *fixture = *state;
	json_t *names, *notes;

	assert_int_equal(open_study(fixture, "data: {source: a.csv, target: y, prune: {duplicates: true}}\nmodel: {engine: xgboost}\n", false, NULL), 0);
	assert_true(study_prunes(fixture->study));
	assert_int_equal(fixture->study->feature_count, 2);
	assert_int_equal(fixture->study->all_feature_count, 3);
	assert_int_equal(fixture->study->pruned[2].reason, SCREEN_DUPLICATE);
	assert_int_equal(fixture->study->pruned[2].partner, 1);
	notes = study_feature_notes(fixture->study);
	assert_int_equal(json_array_size(notes), 1);
	assert_string_equal(json_string_value(json_array_get(notes, 0)), "left out: 1 feature is equal to an earlier one in every row: c (as b)");
	json_decref(notes);
	names = json_pack("[s, s]", "c", "a"); /* what a later round names is what it gets */
	assert_int_equal(study_select(fixture->study, names, NULL), 0);
	assert_int_equal(fixture->study->feature_count, 2);
	json_decref(names);
}

static void study__prunes_what_is_correlated(void **state)
{
	struct fixture *fixture = *state;

	setenv("ORCH_CACHE", fixture->folder, 1);
	assert_int_equal(open_study(fixture, "data: {source: a.csv, target: y, prune: {correlated: 0.98}}\nmodel: {engine: xgboost}\n", false, NULL), 0);
	assert_int_equal(fixture->study->feature_count, 2);
	assert_int_equal(fixture->study->pruned[2].reason, SCREEN_CORRELATED);
	assert_true(fixture->study->pruned[2].rho == 1);
}

static void study__tells_all_at_once(void **state)
{
	refuses(state, "data: {source: a.csv, target: class}\nmodel: {engine: ridge}\nlofo: {groups: {g: [a, zebra]}}\n", false, "zebra");
	assert_null(((struct fixture *)*state)->study);
}

static void collides(void **state, const char *id, bool classes, const char *feature, const char *text, const char *expected)
{
	struct fixture *fixture = *state;
	struct orch_err err = {0};

	write_colliding_frame(fixture->frame, id, classes, feature);
	assert_int_equal(open_written(fixture, text, &err), ORCH_EINPUT);
	if (!strstr(err.text, expected))
		fail_msg("\"%s\" does not say \"%s\"", err.text, expected);
}

static void study__refuses_an_id_with_the_name_of_a_column_of_predictions(void **state)
{
	static const char *const ids[] = {"row", "Fold", "repeat", "TRUTH", "prediction"};

	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		struct fixture *fixture = *state;
		char *text = text_format("data: {source: a.csv, target: y, id: %s}\nmodel: {engine: ridge}\n", ids[i]), *expected = text_format("data.id: a column \"%s\" cannot be carried", ids[i]);

		collides(state, ids[i], false, "a", text, expected);
		spec_release(fixture->spec);
		fixture->spec = NULL;
		file_remove_tree(fixture->yaml, NULL);
		file_remove_tree(fixture->frame, NULL);
		file_remove_tree(fixture->folds, NULL);
		free(text);
		free(expected);
	}
}

static void study__refuses_classes_that_differ_in_case_only(void **state)
{
	collides(state, "id", true, "a", "data: {source: a.csv, target: y, id: id}\nmodel: {engine: xgboost}\n",
	        "two classes of the target would be one column of predictions.parquet (\"prob_Yes\" and \"prob_yes\" differ in case only)");
}

static void study__refuses_an_id_with_the_name_of_a_class(void **state)
{
	collides(state, "Prob_maybe", true, "a", "data: {source: a.csv, target: y, id: Prob_maybe}\nmodel: {engine: xgboost}\n", "data.id: a column \"Prob_maybe\" cannot be carried");
}

static void study__refuses_parameters_that_differ_in_case_only(void **state)
{
	collides(state, "id", false, "a", "data: {source: a.csv, target: y}\nmodel: {engine: command, run: 'prog {lr} {LR}'}\nhpo: {sampler: grid, space: {lr: [1], LR: [2]}}\n",
	        "hpo.space: \"param_lr\" and \"param_LR\" would be one column of trials.parquet");
}

static void study__refuses_a_column_fold_for_programs_only(void **state)
{
	struct fixture *fixture = *state;

	collides(state, "id", false, "__Fold", "data: {source: a.csv, target: y}\nmodel: {engine: command, run: 'prog {data}'}\n", "the data has a column \"__Fold\"");
	spec_release(fixture->spec);
	fixture->spec = NULL;
	file_remove_tree(fixture->yaml, NULL);
	file_remove_tree(fixture->folds, NULL);
	assert_int_equal(open_written(fixture, "data: {source: a.csv, target: y}\nmodel: {engine: ridge}\n", NULL), 0);
}

static void study__names_the_columns_of_predictions(void **state)
{
	static const char *const expected[] = {"row", "id", "repeat", "fold", "truth", "prediction"};
	struct fixture *fixture = *state;
	char **names;
	size_t count;

	write_colliding_frame(fixture->frame, "id", false, "a");
	assert_int_equal(open_written(fixture, "data: {source: a.csv, target: y, id: id}\nmodel: {engine: ridge}\n", NULL), 0);
	count = study_prediction_names(fixture->study, &names);
	assert_int_equal(count, 6);
	for (size_t i = 0; i < count; i++) {
		assert_string_equal(names[i], expected[i]);
		free(names[i]);
	}
	free(names);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(study__regression),
		CASE(study__selection_keeps_identity_and_order),
		CASE(study__angle_is_sine_and_cosine),
		CASE(study__classification),
		CASE(study__refuses_wrong_metric),
		CASE(study__refuses_missing_where_engine_cannot),
		CASE(study__refuses_unknown_group_member),
		CASE(study__refuses_a_group_with_the_name_of_another_feature),
		CASE(study__a_group_may_have_the_name_of_a_member),
		CASE(study__groups_are_found),
		CASE(study__correlations_come_from_the_cache),
		CASE(study__declared_groups_come_first),
		CASE(study__prunes_before_round_0),
		CASE(study__prunes_what_is_correlated),
		CASE(study__tells_all_at_once),
		CASE(study__refuses_an_id_with_the_name_of_a_column_of_predictions),
		CASE(study__refuses_classes_that_differ_in_case_only),
		CASE(study__refuses_an_id_with_the_name_of_a_class),
		CASE(study__refuses_parameters_that_differ_in_case_only),
		CASE(study__refuses_a_column_fold_for_programs_only),
		CASE(study__names_the_columns_of_predictions),
	};

	setenv("ORCH_FAKE_ENGINE", "1", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
