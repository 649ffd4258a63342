/* Trials of another campaign as first observations: what is taken, that it is kept, and what cannot be taken. */
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

#include "orchestrator/warm_start.h"
#include "storage/base/file.h"
#include "storage/base/json.h"
#include "storage/base/mem.h"

#define SPEC "{\"metric\": \"rmse\", \"data\": {\"target\": \"y\"}}"

/* here: the folder of the campaign that begins; other: a campaign folder beside it. */
struct fixture {
	char folder[64], *other;
	struct ledger *ledger;
	struct spec spec;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	char *path;

	strcpy(fixture->folder, "/tmp/orch-warm-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	fixture->other = file_join(fixture->folder, "other");
	path = file_join(fixture->folder, "ledger.db");
	assert_int_equal(ledger_create(path, false, &fixture->ledger, NULL), 0);
	free(path);
	fixture->spec.base = fixture->folder;
	fixture->spec.hpo.warm_start = "other";
	fixture->spec.resolved = json_loads(SPEC, 0, NULL);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	ledger_close(&fixture->ledger, NULL);
	file_remove_tree(fixture->folder, NULL);
	json_decref(fixture->spec.resolved);
	free(fixture->other);
	free(fixture);
	return 0;
}

static const struct ledger_trial trials[] = {
        {.trial = 0, .params = "{\"alpha\":0.5}", .state = LEDGER_DONE, .mean = 3.25, .sd = 1},
        {.trial = 1, .params = "{\"alpha\":1}", .state = LEDGER_FAILED, .mean = NAN, .sd = NAN},
        {.trial = 2, .params = "{\"alpha\":2}", .state = LEDGER_PRUNED, .mean = 9, .sd = NAN},
        {.trial = 3, .params = "{\"alpha\":4}", .state = LEDGER_DONE, .mean = 1.0 / 3, .sd = 1},
        {.round = 1, .trial = 0, .params = "{\"alpha\":8}", .state = LEDGER_DONE, .mean = 5, .sd = 1},
};

static void make_other(const struct fixture *fixture, const char *spec, size_t first, size_t end)
{
	char *path = file_join(fixture->other, "spec.json");
	struct ledger *ledger = NULL;

	file_remove_tree(fixture->other, NULL);
	assert_int_equal(file_make_folder(fixture->other, NULL), 0);
	assert_int_equal(file_write_new(path, spec, strlen(spec), NULL), 0);
	free(path);
	path = file_join(fixture->other, "ledger.db");
	assert_int_equal(ledger_create(path, false, &ledger, NULL), 0);
	for (size_t i = first; i < end; i++)
		assert_int_equal(ledger_put_trial(ledger, &trials[i], NULL), 0);
	assert_int_equal(ledger_close(&ledger, NULL), 0);
	free(path);
}

static void check_text(const json_t *json, const char *want)
{
	char *text = json_text(json, JSON_STYLE_CANONICAL);

	assert_string_equal(text, want);
	free(text);
}

static void warm_start__nothing_is_named(void **state)
{
	struct fixture *fixture = *state;
	struct sampler_observation *observations = NULL;
	json_t *list = NULL, *keep = NULL;
	size_t count = 7;

	fixture->spec.hpo.warm_start = NULL;
	assert_int_equal(warm_start_read(&fixture->spec, &list, NULL), 0);
	assert_null(list);
	assert_int_equal(warm_start_record(&fixture->spec, fixture->ledger, &count, NULL), 0);
	assert_int_equal(count, 0);
	assert_int_equal(warm_start_load(&fixture->spec, fixture->ledger, &observations, &count, &keep, NULL), 0);
	assert_int_equal(count, 0);
	assert_null(observations);
	assert_null(keep);
}

/* Of round 0, in the order of trials: those with a score, and failed ones as failed; stopped ones have no score that compares. */
static void warm_start__takes_what_ended(void **state)
{
	struct fixture *fixture = *state;
	json_t *list = NULL;

	make_other(fixture, SPEC, 0, 5);
	assert_int_equal(warm_start_read(&fixture->spec, &list, NULL), 0);
	check_text(list, "[{\"params\":{\"alpha\":0.5},\"score\":3.25},{\"params\":{\"alpha\":1},\"score\":null},"
	                 "{\"params\":{\"alpha\":4},\"score\":0.3333333333333333}]");
	json_decref(list);
	fixture->spec.hpo.warm_start = fixture->other; /* an absolute path */
	list = NULL;
	assert_int_equal(warm_start_read(&fixture->spec, &list, NULL), 0);
	assert_int_equal(json_array_size(list), 3);
	json_decref(list);
}

/* Once recorded, the other campaign may change or go. */
static void warm_start__is_kept_in_the_ledger(void **state)
{
	struct fixture *fixture = *state;
	struct sampler_observation *observations = NULL;
	json_t *keep = NULL;
	size_t count = 0;

	make_other(fixture, SPEC, 0, 5);
	assert_int_equal(warm_start_record(&fixture->spec, fixture->ledger, &count, NULL), 0);
	assert_int_equal(count, 3);
	make_other(fixture, SPEC, 0, 1);
	assert_int_equal(warm_start_record(&fixture->spec, fixture->ledger, &count, NULL), 0);
	assert_int_equal(count, 3);
	file_remove_tree(fixture->other, NULL);
	assert_int_equal(warm_start_record(&fixture->spec, fixture->ledger, &count, NULL), 0);
	assert_int_equal(count, 3);
	assert_int_equal(warm_start_load(&fixture->spec, fixture->ledger, &observations, &count, &keep, NULL), 0);
	assert_int_equal(count, 3);
	check_text(observations[0].params, "{\"alpha\":0.5}");
	assert_true(observations[0].score == 3.25);
	assert_true(isnan(observations[1].score));
	assert_true(observations[2].score == 1.0 / 3);
	free(observations);
	json_decref(keep);
}

/* A plan has no ledger yet. */
static void warm_start__without_a_ledger_there_is_nothing_to_load(void **state)
{
	struct fixture *fixture = *state;
	struct sampler_observation *observations = NULL;
	json_t *keep = NULL;
	size_t count = 7;

	assert_int_equal(warm_start_load(&fixture->spec, NULL, &observations, &count, &keep, NULL), 0);
	assert_int_equal(count, 0);
	assert_null(observations);
}

/* ---- what cannot be taken ---- */

static void check_refused(struct fixture *fixture, const char *want)
{
	struct orch_err err = {0};
	json_t *list = NULL;
	size_t count = 7;
	int code = warm_start_read(&fixture->spec, &list, &err);

	if (code != ORCH_EINPUT || !strstr(err.text, want))
		fail_msg("%d, \"%s\" is not \"%s\"", code, err.text, want);
	assert_null(list);
	err = (struct orch_err){0};
	assert_int_equal(warm_start_record(&fixture->spec, fixture->ledger, &count, &err), ORCH_EINPUT);
	assert_non_null(strstr(err.text, want));
	assert_int_equal(count, 0);
}

static void warm_start__says_what_cannot_be_taken(void **state)
{
	struct fixture *fixture = *state;

	check_refused(fixture, "/other is no campaign folder");
	make_other(fixture, "{\"metric\": [\"mae\", \"rmse\"], \"data\": {\"target\": \"y\"}}", 0, 5);
	check_refused(fixture, "/other optimised mae, this campaign rmse: name the same metric");
	make_other(fixture, "{\"metric\": null, \"data\": {\"target\": \"y\"}}", 0, 5);
	check_refused(fixture, "/other optimised the metric of its task, this campaign rmse: name the same metric");
	make_other(fixture, "{\"metric\": \"rmse\", \"data\": {\"target\": \"z\"}}", 0, 5);
	check_refused(fixture, "/other has another target than this campaign, so its scores do not compare");
	make_other(fixture, SPEC, 2, 3); /* nothing but a stopped one */
	check_refused(fixture, "/other has no trial that has ended");
}

/* The first of several metrics is what a sampler learns. */
static void warm_start__the_first_metric_counts(void **state)
{
	struct fixture *fixture = *state;
	json_t *list = NULL;

	make_other(fixture, "{\"metric\": [\"rmse\", \"mae\"], \"data\": {\"target\": \"y\"}}", 0, 5);
	assert_int_equal(warm_start_read(&fixture->spec, &list, NULL), 0);
	assert_int_equal(json_array_size(list), 3);
	json_decref(list);
}

static void warm_start__a_campaign_without_a_ledger(void **state)
{
	struct fixture *fixture = *state;
	struct orch_err err = {0};
	json_t *list = NULL;
	char *path;

	make_other(fixture, SPEC, 0, 5);
	path = file_join(fixture->other, "ledger.db");
	assert_int_equal(file_remove(path, NULL), 0);
	assert_true(warm_start_read(&fixture->spec, &list, &err) < 0);
	assert_null(list);
	assert_non_null(strstr(err.text, "ledger.db"));
	free(path);
}

static int load(struct fixture *fixture, struct orch_err *err)
{
	struct sampler_observation *observations = NULL;
	json_t *keep = NULL;
	size_t count = 0;
	int code = warm_start_load(&fixture->spec, fixture->ledger, &observations, &count, &keep, err);

	free(observations);
	json_decref(keep);
	return code;
}

static void warm_start__what_was_kept_is_checked(void **state)
{
	struct fixture *fixture = *state;
	struct orch_err err = {0};
	char *kept = NULL, *digit;
	size_t count;

	assert_int_equal(load(fixture, &err), ORCH_EDAMAGED);
	assert_string_equal(err.text, "the ledger has lost the observations that hpo.warm_start brought");
	make_other(fixture, SPEC, 0, 5);
	assert_int_equal(warm_start_record(&fixture->spec, fixture->ledger, &count, NULL), 0);
	assert_int_equal(load(fixture, NULL), 0);
	assert_int_equal(ledger_meta_get(fixture->ledger, "warm_start", &kept, NULL), 0);
	digit = strstr(kept, "3.25");
	assert_non_null(digit);
	*digit = '4';
	assert_int_equal(ledger_meta_set(fixture->ledger, "warm_start", kept, NULL), 0);
	err = (struct orch_err){0};
	assert_int_equal(load(fixture, &err), ORCH_EDAMAGED);
	assert_string_equal(err.text, "the observations that hpo.warm_start brought are not those that were recorded");
	err = (struct orch_err){0};
	assert_int_equal(warm_start_record(&fixture->spec, fixture->ledger, &count, &err), ORCH_EDAMAGED); /* not read anew in silence */
	assert_string_equal(err.text, "the observations that hpo.warm_start brought are not those that were recorded");
	free(kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(warm_start__nothing_is_named, setup, teardown),
	        cmocka_unit_test_setup_teardown(warm_start__takes_what_ended, setup, teardown),
	        cmocka_unit_test_setup_teardown(warm_start__is_kept_in_the_ledger, setup, teardown),
	        cmocka_unit_test_setup_teardown(warm_start__without_a_ledger_there_is_nothing_to_load, setup, teardown),
	        cmocka_unit_test_setup_teardown(warm_start__says_what_cannot_be_taken, setup, teardown),
	        cmocka_unit_test_setup_teardown(warm_start__the_first_metric_counts, setup, teardown),
	        cmocka_unit_test_setup_teardown(warm_start__a_campaign_without_a_ledger, setup, teardown),
	        cmocka_unit_test_setup_teardown(warm_start__what_was_kept_is_checked, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
