/* What the ledger keeps and says. Faults, kills and damage are in test_ledger_faults.c. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/base/file.h"
#include "storage/ledger.h"

static char folder[] = "/tmp/orch-test-ledger-XXXXXX";
static char path[128];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/ledger.db", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return file_remove_tree(folder, NULL);
}

static int clear(void **state)
{
	(void)state;
	struct file_list list;
	if (file_list_folder(folder, &list, NULL) != 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		char *name = file_join(folder, list.names[i]);
		file_remove_tree(name, NULL);
		free(name);
	}
	file_list_release(&list);
	return 0;
}

static struct ledger *created(void)
{
	struct ledger *ledger = NULL;
	struct orch_err err = {0};
	if (ledger_create(path, false, &ledger, &err) != 0)
		fail_msg("%s", err.text);
	return ledger;
}

static struct ledger *opened(enum ledger_mode mode)
{
	struct ledger *ledger = NULL;
	struct orch_err err = {0};
	if (ledger_open(path, mode, false, &ledger, &err) != 0)
		fail_msg("%s", err.text);
	return ledger;
}

static void closed(struct ledger *ledger)
{
	struct orch_err err = {0};
	if (ledger_close(&ledger, &err) != 0)
		fail_msg("%s", err.text);
	assert_null(ledger);
}

static struct ledger_fit a_fit(int64_t trial, int fold, double score)
{
	struct ledger_fit fit = {.round = 0,
	        .stage = "01_hpo",
	        .trial = trial,
	        .fold = fold,
	        .left_out = "",
	        .state = LEDGER_DONE,
	        .score = score,
	        .metrics = "{\"rmse\":1}",
	        .files = "[]"};
	memcpy(fit.key, &trial, sizeof trial);
	memcpy(fit.key + 8, &fold, sizeof fold);
	return fit;
}

static void put(struct ledger *ledger, int64_t trial, int fold, double score)
{
	struct ledger_fit fit = a_fit(trial, fold, score);
	struct orch_err err = {0};
	if (ledger_put_fit(ledger, &fit, &err) != 0)
		fail_msg("%s", err.text);
}

struct list {
	int count;
	int64_t trials[64];
	int folds[64];
	double scores[64];
	char left_out[64][32], note[64];
	enum ledger_state states[64];
};

static int collect(void *context, const struct ledger_fit *fit, struct orch_err *err)
{
	struct list *list = context;
	(void)err;
	int at = list->count++;
	if (at >= 64)
		return 0;
	list->trials[at] = fit->trial;
	list->folds[at] = fit->fold;
	list->scores[at] = fit->score;
	list->states[at] = fit->state;
	snprintf(list->left_out[at], sizeof list->left_out[at], "%s", fit->left_out);
	snprintf(list->note, sizeof list->note, "%s", fit->note ? fit->note : "(none)");
	return 0;
}

static struct list fits_of(struct ledger *ledger, unsigned round, const char *stage)
{
	struct list list = {0};
	struct orch_err err = {0};
	if (ledger_each_fit(ledger, round, stage, collect, &list, &err) != 0)
		fail_msg("%s", err.text);
	return list;
}

static void check_counts(struct ledger *ledger, const char *stage, int64_t done, int64_t failed)
{
	int64_t is_done = -1, is_failed = -1;
	assert_int_equal(ledger_counts(ledger, 0, stage, &is_done, &is_failed, NULL), 0);
	assert_int_equal(is_done, done);
	assert_int_equal(is_failed, failed);
}

static void ledger__gives_back_every_column(void **state)
{
	(void)state;
	struct ledger *ledger = created();
	struct ledger_fit fit = {.key = {1, 2, 3, 0, 255},
	        .round = 3,
	        .stage = "04_lofo",
	        .trial = -1,
	        .fold = -1,
	        .left_out = "größe 'x\"",
	        .state = LEDGER_DONE,
	        .score = 0.1,
	        .metrics = "{}",
	        .files = NULL,
	        .note = "n"};
	assert_int_equal(ledger_put_fit(ledger, &fit, NULL), 0);
	fit.fold = 0;
	fit.state = LEDGER_FAILED;
	fit.score = NAN;
	fit.metrics = NULL;
	assert_int_equal(ledger_put_fit(ledger, &fit, NULL), 0);
	closed(ledger);
	ledger = opened(LEDGER_READ);
	struct list list = fits_of(ledger, 3, "04_lofo");
	assert_int_equal(list.count, 2);
	assert_int_equal(list.folds[0], -1);
	assert_true(list.scores[0] == 0.1);
	assert_string_equal(list.left_out[0], "größe 'x\"");
	assert_string_equal(list.note, "n");
	assert_int_equal(list.states[1], LEDGER_FAILED);
	assert_true(isnan(list.scores[1]));
	closed(ledger);
	assert_int_equal(ledger_verify(path, false, NULL), 0);
}

/* SQLite stores whole reals as integers and loses the sign of zero: the checksums must not see damage there. */
static void ledger__odd_numbers_read_back(void **state)
{
	(void)state;
	static const double scores[] = {
	        0.0, -0.0, 1.0, -3.0, 1e300, 5e-324, INFINITY, 1.0 / 3, 9007199254740993.0, -9.2233720368547758e18};
	struct ledger *ledger = created();
	for (int i = 0; i < 10; i++)
		put(ledger, i, 0, scores[i]);
	closed(ledger);
	assert_int_equal(ledger_verify(path, false, NULL), 0);
	ledger = opened(LEDGER_WRITE);
	struct list list = fits_of(ledger, 0, "01_hpo");
	for (int i = 0; i < 10; i++)
		assert_true(list.scores[i] == scores[i]);
	put(ledger, 1, 0, -0.0); /* the same fit again */
	closed(ledger);
}

static void ledger__walks_in_order_of_address(void **state)
{
	(void)state;
	struct ledger *ledger = created();
	static const struct {
		int64_t trial;
		const char *left_out;
		int fold;
	} put_order[] = {{10, "", 1}, {2, "", 0}, {10, "", 0}, {2, "b", 0}, {2, "a", 1}, {2, "a", 0}, {2, "", -1}};
	for (size_t i = 0; i < 7; i++) {
		struct ledger_fit fit = a_fit(put_order[i].trial, put_order[i].fold, 1);
		fit.left_out = put_order[i].left_out;
		fit.key[15] = (uint8_t)i;
		assert_int_equal(ledger_put_fit(ledger, &fit, NULL), 0);
	}
	struct list list = fits_of(ledger, 0, "01_hpo");
	static const int64_t trials[] = {2, 2, 2, 2, 2, 10, 10};
	static const int folds[] = {-1, 0, 0, 1, 0, 0, 1};
	static const char *const names[] = {"", "", "a", "a", "b", "", ""};
	assert_int_equal(list.count, 7);
	for (int i = 0; i < 7; i++) {
		assert_int_equal(list.trials[i], trials[i]);
		assert_int_equal(list.folds[i], folds[i]);
		assert_string_equal(list.left_out[i], names[i]);
	}
	assert_int_equal(fits_of(ledger, 1, "01_hpo").count, 0);
	assert_int_equal(fits_of(ledger, 0, "01").count, 0);
	closed(ledger);
}

static void ledger__the_same_fit_twice_keeps_the_first(void **state)
{
	(void)state;
	struct ledger *ledger = created();
	struct orch_err err = {0};
	put(ledger, 1, 0, 0.5);
	assert_int_equal(ledger_flush(ledger, NULL), 0);
	struct ledger_fit again = a_fit(1, 0, 0.5);
	again.note = "second";
	again.files = NULL;
	assert_int_equal(ledger_put_fit(ledger, &again, &err), 0);
	check_counts(ledger, "01_hpo", 1, 0);
	assert_string_equal(fits_of(ledger, 0, "01_hpo").note, "(none)");
	again.score = 0.5000000001;
	assert_int_equal(ledger_put_fit(ledger, &again, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "round 0 01_hpo trial 1 fold 0"));
	assert_non_null(strstr(err.text, "different results: the first is kept"));
	orch_err_clear(&err);
	again = a_fit(1, 0, 0.5);
	again.metrics = "{\"rmse\":2}";
	assert_int_equal(ledger_put_fit(ledger, &again, &err), ORCH_EDAMAGED);
	orch_err_clear(&err);
	again = a_fit(1, 0, 0.5);
	again.key[15] ^= 1;
	assert_int_equal(ledger_put_fit(ledger, &again, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "with other data, parameters or engine"));
	closed(ledger);
	assert_int_equal(ledger_verify(path, false, NULL), 0);
}

static void ledger__a_task_counts_whole_or_not_at_all(void **state)
{
	(void)state;
	struct ledger *ledger = created();
	struct orch_err err = {0};
	put(ledger, 0, 0, 0.5);
	ledger_task_begin(ledger);
	put(ledger, 1, 0, 1);
	put(ledger, 1, 1, 2);
	assert_int_equal(ledger_task_end(ledger, NULL), 0);
	ledger_task_begin(ledger);
	put(ledger, 2, 0, 1);
	struct ledger_fit wrong = a_fit(0, 0, 0.25);
	assert_int_equal(ledger_put_fit(ledger, &wrong, NULL), ORCH_EDAMAGED);
	put(ledger, 2, 1, 1);
	assert_int_equal(ledger_task_end(ledger, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "a task was not taken"));
	check_counts(ledger, "01_hpo", 3, 0);
	assert_int_equal(fits_of(ledger, 0, "01_hpo").count, 3);
	ledger_task_begin(ledger); /* never ended: flush takes it back */
	put(ledger, 3, 0, 1);
	check_counts(ledger, "01_hpo", 4, 0);
	assert_int_equal(ledger_flush(ledger, NULL), 0);
	assert_int_equal(fits_of(ledger, 0, "01_hpo").count, 3);
	ledger_task_begin(ledger); /* begun again: likewise */
	put(ledger, 4, 0, 1);
	ledger_task_begin(ledger);
	put(ledger, 5, 0, 1);
	assert_int_equal(ledger_task_end(ledger, NULL), 0);
	ledger_task_begin(ledger);
	put(ledger, 6, 0, 1);
	closed(ledger); /* in the middle of a task */
	ledger = opened(LEDGER_READ);
	struct list list = fits_of(ledger, 0, "01_hpo");
	assert_int_equal(list.count, 4);
	assert_int_equal(list.trials[3], 5);
	check_counts(ledger, "01_hpo", 4, 0);
	closed(ledger);
	assert_int_equal(ledger_verify(path, false, NULL), 0);
}

static int seen_by_a_reader(void)
{
	struct ledger *reader = opened(LEDGER_READ);
	int count = fits_of(reader, 0, "01_hpo").count;
	closed(reader);
	return count;
}

static void ledger__commits_by_itself_after_256_fits(void **state)
{
	(void)state;
	struct ledger *ledger = created();
	assert_true(ledger_waiting_since(ledger) == 0);
	for (int i = 0; i < 255; i++) {
		ledger_task_begin(ledger);
		put(ledger, i, 0, i);
		assert_int_equal(ledger_task_end(ledger, NULL), 0);
	}
	assert_true(ledger_waiting_since(ledger) > 0);
	assert_int_equal(seen_by_a_reader(), 0);
	ledger_task_begin(ledger);
	put(ledger, 255, 0, 1);
	put(ledger, 256, 0, 1);
	assert_int_equal(ledger_task_end(ledger, NULL), 0);
	assert_int_equal(seen_by_a_reader(), 257);
	assert_true(ledger_waiting_since(ledger) == 0);
	put(ledger, 300, 0, 1);
	assert_int_equal(ledger_flush(ledger, NULL), 0);
	assert_int_equal(seen_by_a_reader(), 258);
	assert_int_equal(ledger_flush(ledger, NULL), 0);
	closed(ledger);
}

static int note_attempt(void *context, const struct ledger_attempt *attempt, struct orch_err *err)
{
	char *text = context;
	(void)err;
	sprintf(text + strlen(text), "%u:%s:%s ", attempt->attempt, attempt->cause,
	        attempt->text ? attempt->text : "-");
	return 0;
}

static void ledger__failed_attempts_are_counted_and_listed_newest_first(void **state)
{
	(void)state;
	struct ledger *ledger = created();
	struct ledger_attempt attempt = {.key = {9},
	        .stage = "01_hpo",
	        .cause = "exit",
	        .text = "boom",
	        .wall_start = 1.5e9,
	        .seconds = NAN,
	        .peak_rss = (uint64_t)1 << 40,
	        .pid = 12};
	static const char *const causes[] = {"exit", "ok", "signal", "memory"};
	for (unsigned i = 0; i < 4; i++) {
		attempt.attempt = i + 1;
		attempt.cause = causes[i];
		assert_int_equal(ledger_put_attempt(ledger, &attempt, NULL), 0);
	}
	attempt.key[0] = 8;
	attempt.cause = "timeout";
	attempt.text = NULL;
	assert_int_equal(ledger_put_attempt(ledger, &attempt, NULL), 0);
	assert_int_equal(ledger_attempts(ledger, (uint8_t[LEDGER_KEY]){9}), 3);
	assert_int_equal(ledger_attempts(ledger, (uint8_t[LEDGER_KEY]){8}), 1);
	assert_int_equal(ledger_attempts(ledger, (uint8_t[LEDGER_KEY]){7}), 0);
	char text[256] = "";
	assert_int_equal(ledger_each_failure(ledger, 3, note_attempt, text, NULL), 0);
	assert_string_equal(text, "4:timeout:- 4:memory:boom 3:signal:boom ");
	closed(ledger);
	assert_int_equal(ledger_verify(path, false, NULL), 0);
}

static int note_trial(void *context, const struct ledger_trial *trial, struct orch_err *err)
{
	char *text = context;
	(void)err;
	sprintf(text + strlen(text), "%lld:%s:%g:%g ", (long long)trial->trial, trial->params, trial->mean, trial->sd);
	return 0;
}

static int note_round(void *context, const struct ledger_round *round, struct orch_err *err)
{
	char *text = context;
	(void)err;
	sprintf(text + strlen(text), "%u:%s:%.4s:%s ", round->round, round->features, round->manifest_hash,
	        round->summary ? round->summary : "-");
	return 0;
}

static void ledger__trials_and_rounds_are_replaced(void **state)
{
	(void)state;
	struct ledger *ledger = created();
	struct ledger_trial trial = {.trial = 2, .params = "{\"a\":1}", .state = LEDGER_DONE, .mean = 1.5, .sd = NAN};
	assert_int_equal(ledger_put_trial(ledger, &trial, NULL), 0);
	trial.mean = 2.5;
	assert_int_equal(ledger_put_trial(ledger, &trial, NULL), 0);
	trial.trial = 0;
	assert_int_equal(ledger_put_trial(ledger, &trial, NULL), 0);
	struct ledger_round round = {.round = 1, .features = "[\"x\"]"};
	assert_int_equal(ledger_put_round(ledger, &round, NULL), 0);
	memset(round.manifest_hash, 'f', 64);
	round.summary = "{}";
	assert_int_equal(ledger_put_round(ledger, &round, NULL), 0);
	round.round = 0;
	assert_int_equal(ledger_put_round(ledger, &round, NULL), 0);
	closed(ledger);
	ledger = opened(LEDGER_READ);
	char text[256] = "";
	assert_int_equal(ledger_each_trial(ledger, 0, note_trial, text, NULL), 0);
	assert_string_equal(text, "0:{\"a\":1}:2.5:nan 2:{\"a\":1}:2.5:nan ");
	text[0] = '\0';
	assert_int_equal(ledger_each_round(ledger, note_round, text, NULL), 0);
	assert_string_equal(text, "0:[\"x\"]:ffff:{} 1:[\"x\"]:ffff:{} ");
	closed(ledger);
	assert_int_equal(ledger_verify(path, false, NULL), 0);
}

static void ledger__meta_is_kept(void **state)
{
	(void)state;
	struct ledger *ledger = created();
	struct orch_err err = {0};
	char *value = NULL;
	assert_int_equal(ledger_meta_set(ledger, "k", "one", NULL), 0);
	assert_int_equal(ledger_meta_set(ledger, "k", "two", NULL), 0);
	assert_int_equal(ledger_meta_get(ledger, "none", &value, &err), ORCH_EMISSING);
	assert_non_null(strstr(err.text, "does not know \"none\""));
	closed(ledger);
	ledger = opened(LEDGER_READ);
	assert_int_equal(ledger_meta_get(ledger, "k", &value, NULL), 0);
	assert_string_equal(value, "two");
	free(value);
	closed(ledger);
}

static void ledger__forgets_a_stage_a_round_a_fit(void **state)
{
	(void)state;
	struct ledger *ledger = created();
	struct ledger_trial trial = {.params = "{}", .state = LEDGER_DONE};
	struct ledger_fit fit = a_fit(0, 0, NAN);
	struct orch_err err = {0};
	char text[64] = "";
	fit.state = LEDGER_FAILED;
	assert_int_equal(ledger_put_fit(ledger, &fit, NULL), 0);
	for (int i = 1; i < 4; i++)
		put(ledger, i, 0, i);
	fit.stage = "04_lofo";
	assert_int_equal(ledger_put_fit(ledger, &fit, NULL), 0);
	assert_int_equal(ledger_put_trial(ledger, &trial, NULL), 0);
	check_counts(ledger, "01_hpo", 3, 1);
	fit = a_fit(2, 0, 2);
	assert_int_equal(ledger_forget_fit(ledger, fit.key, NULL), 0);
	check_counts(ledger, "01_hpo", 2, 1);
	assert_int_equal(ledger_flush(ledger, NULL), 0);
	assert_int_equal(ledger_find_fit(ledger, fit.key, collect, &(struct list){0}, &err), ORCH_EMISSING);
	fit = a_fit(3, 0, 3);
	struct list list = {0};
	assert_int_equal(ledger_find_fit(ledger, fit.key, collect, &list, NULL), 0);
	assert_int_equal(list.trials[0], 3);
	assert_int_equal(ledger_forget(ledger, 0, "01_hpo", NULL), 0);
	check_counts(ledger, "01_hpo", 0, 0);
	check_counts(ledger, "04_lofo", 0, 1);
	assert_int_equal(ledger_each_trial(ledger, 0, note_trial, text, NULL), 0);
	assert_string_equal(text, "");
	put(ledger, 2, 0, 99); /* may be done again with another number */
	assert_int_equal(ledger_flush(ledger, NULL), 0);
	assert_int_equal(ledger_verify(path, false, NULL), 0);
	assert_int_equal(ledger_forget(ledger, 0, NULL, NULL), 0);
	closed(ledger);
	ledger = opened(LEDGER_READ);
	check_counts(ledger, "01_hpo", 0, 0);
	check_counts(ledger, "04_lofo", 0, 0);
	closed(ledger);
	assert_int_equal(ledger_verify(path, false, NULL), 0);
}

static int stop_at_second(void *context, const struct ledger_fit *fit, struct orch_err *err)
{
	(void)fit;
	return ++*(int *)context == 2 ? orch_fail(err, ORCH_EDRIFT, "enough") : 0;
}

static void ledger__the_visitor_may_stop(void **state)
{
	(void)state;
	struct ledger *ledger = created();
	struct orch_err err = {0};
	int seen = 0;
	for (int i = 0; i < 5; i++)
		put(ledger, i, 0, i);
	assert_int_equal(ledger_each_fit(ledger, 0, "01_hpo", stop_at_second, &seen, &err), ORCH_EDRIFT);
	assert_int_equal(seen, 2);
	assert_string_equal(err.text, "enough");
	closed(ledger);
}

/* --- opening --- */

static void ledger__open_refuses_what_is_no_ledger(void **state)
{
	(void)state;
	struct ledger *ledger = NULL;
	struct orch_err err = {0};
	assert_int_equal(ledger_open(path, LEDGER_WRITE, false, &ledger, &err), ORCH_EMISSING);
	assert_non_null(strstr(err.text, "there is no ledger "));
	assert_false(file_exists(path));
	static const char junk[] = "this is certainly not a database, but it is long enough to be read as one: "
	                           "0123456789 0123456789 0123456789";
	assert_int_equal(file_write_new(path, junk, sizeof junk, NULL), 0);
	for (int mode = LEDGER_READ; mode <= LEDGER_WRITE; mode++) {
		orch_err_clear(&err);
		assert_int_equal(ledger_open(path, (enum ledger_mode)mode, false, &ledger, &err), ORCH_EDAMAGED);
		assert_non_null(strstr(err.text, "is damaged"));
	}
	clear(NULL);
	assert_int_equal(file_write_new(path, "", 0, NULL), 0);
	orch_err_clear(&err);
	assert_int_equal(ledger_open(path, LEDGER_WRITE, false, &ledger, &err), ORCH_EDAMAGED);
	assert_non_null(strstr(err.text, "is no ledger of orch"));
	clear(NULL);
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_int_equal(ledger_open(path, LEDGER_WRITE, false, &ledger, NULL), ORCH_EDAMAGED);
	clear(NULL);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(ledger_open(path, LEDGER_READ, false, &ledger, NULL), ORCH_EDAMAGED);
	assert_null(ledger);
}

static void ledger__create_refuses_existing_and_removes_strays(void **state)
{
	(void)state;
	struct ledger *ledger = NULL;
	char stray[160];
	snprintf(stray, sizeof stray, "%s-wal", path);
	assert_int_equal(file_write_new(stray, "of another database", 19, NULL), 0);
	closed(created());
	assert_false(file_exists(stray));
	assert_int_equal(ledger_create(path, false, &ledger, NULL), ORCH_EBUSY);
}

static void set_pragma(const char *pragma)
{
	char command[256];
	snprintf(command, sizeof command, "sqlite3 %s 'PRAGMA %s'", path, pragma);
	assert_int_equal(system(command), 0);
}

static void ledger__a_newer_format_is_refused(void **state)
{
	(void)state;
	struct ledger *ledger = NULL;
	struct orch_err err = {0};
	closed(created());
	set_pragma("user_version=7");
	assert_int_equal(ledger_open(path, LEDGER_WRITE, false, &ledger, &err), ORCH_EDRIFT);
	assert_non_null(strstr(err.text, "was written by a newer orch (format 7"));
	orch_err_clear(&err);
	assert_int_equal(ledger_open(path, LEDGER_READ, false, &ledger, &err), ORCH_EDRIFT);
	set_pragma("user_version=0");
	orch_err_clear(&err);
	assert_int_equal(ledger_open(path, LEDGER_READ, false, &ledger, &err), ORCH_EDRIFT);
	assert_non_null(strstr(err.text, "older format"));
}

static void ledger__readers_and_the_writer_do_not_disturb_each_other(void **state)
{
	(void)state;
	struct ledger *writer = created();
	put(writer, 0, 0, 1);
	assert_int_equal(ledger_flush(writer, NULL), 0);
	struct ledger *reader = opened(LEDGER_READ), *second = opened(LEDGER_READ);
	put(writer, 1, 0, 1);
	assert_int_equal(fits_of(reader, 0, "01_hpo").count, 1);
	assert_int_equal(ledger_flush(writer, NULL), 0);
	assert_int_equal(fits_of(reader, 0, "01_hpo").count, 2);
	check_counts(second, "01_hpo", 2, 0);
	closed(second);
	closed(writer);
	assert_int_equal(fits_of(reader, 0, "01_hpo").count, 2);
	closed(reader);
	assert_int_equal(seen_by_a_reader(), 2);
}

static void ledger__a_rollback_journal_serves_as_well(void **state)
{
	(void)state;
	struct ledger *ledger = NULL, *reader = NULL;
	assert_int_equal(ledger_create(path, true, &ledger, NULL), 0);
	put(ledger, 0, 0, 1);
	assert_int_equal(ledger_flush(ledger, NULL), 0);
	assert_int_equal(ledger_open(path, LEDGER_READ, true, &reader, NULL), 0);
	assert_int_equal(fits_of(reader, 0, "01_hpo").count, 1);
	closed(reader);
	closed(ledger);
	char wal[160];
	snprintf(wal, sizeof wal, "%s-wal", path);
	assert_false(file_exists(wal));
	assert_int_equal(ledger_verify(path, true, NULL), 0);
	ledger = opened(LEDGER_WRITE); /* moved to a local disk: WAL from now on */
	put(ledger, 1, 0, 1);
	assert_int_equal(ledger_flush(ledger, NULL), 0);
	assert_true(file_exists(wal));
	closed(ledger);
	assert_int_equal(ledger_verify(path, false, NULL), 0);
}

/* 0, or which step went wrong; as a user who cannot write here. */
static int read_as_a_stranger(void)
{
	struct ledger *ledger = NULL;
	struct list list = {0};
	if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0))
		return 10;
	if (ledger_open(path, LEDGER_READ, false, &ledger, NULL) != 0)
		return 11;
	if (ledger_each_fit(ledger, 0, "01_hpo", collect, &list, NULL) != 0 || list.count != 1)
		return 12;
	if (ledger_close(&ledger, NULL) != 0 || ledger_verify(path, false, NULL) != 0)
		return 13;
	struct orch_err err = {0};
	return ledger_open(path, LEDGER_WRITE, false, &ledger, &err) == ORCH_EIO && *err.text ? 0 : 14;
}

static int in_child(int (*body)(void))
{
	int status;
	pid_t child = fork();
	if (child == 0)
		_exit(body());
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

static void ledger__a_folder_that_cannot_be_written_can_be_read(void **state)
{
	(void)state;
	struct ledger *ledger = created();
	put(ledger, 0, 0, 1);
	closed(ledger);
	chmod(path, 0444);
	chmod(folder, 0555);
	int code = in_child(read_as_a_stranger);
	chmod(folder, 0755);
	chmod(path, 0644);
	assert_int_equal(code, 0);
}

static int leave_open(void)
{
	struct ledger *ledger = opened(LEDGER_WRITE);
	put(ledger, 0, 0, 1);
	return ledger_flush(ledger, NULL) ? 1 : 0; /* exits without closing */
}

static int refused_as_a_stranger(void)
{
	struct ledger *ledger = NULL;
	struct orch_err err = {0};
	if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0))
		return 10;
	int code = ledger_open(path, LEDGER_READ, false, &ledger, &err);
	if (code)
		return code == ORCH_EIO && strstr(err.text, "copy the campaign to where you can write") ? 0 : 11;
	struct list list = {0};
	ledger_each_fit(ledger, 0, "01_hpo", collect, &list, NULL);
	return list.count == 1 ? 0 : 12;
}

/* All rows or a refusal, never the rows without those in the log. */
static void ledger__an_unclosed_ledger_is_not_half_read(void **state)
{
	(void)state;
	closed(created());
	assert_int_equal(in_child(leave_open), 0);
	char shm[160];
	snprintf(shm, sizeof shm, "%s-shm", path);
	unlink(shm);
	chmod(folder, 0555);
	int code = in_child(refused_as_a_stranger);
	chmod(folder, 0755);
	assert_int_equal(code, 0);
	assert_int_equal(seen_by_a_reader(), 1);
	closed(opened(LEDGER_WRITE));
	assert_int_equal(seen_by_a_reader(), 1);
}

static void ledger__paths_with_odd_characters_work(void **state)
{
	(void)state;
	char odd[256];
	struct ledger *ledger = NULL;
	snprintf(odd, sizeof odd, "%s/a %%20?b#c&mode=memory.db", folder);
	assert_int_equal(ledger_create(odd, false, &ledger, NULL), 0);
	closed(ledger);
	assert_true(file_size(odd) > 0);
	assert_int_equal(ledger_verify(odd, false, NULL), 0);
}

#define CASE(function) cmocka_unit_test_setup(function, clear)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        CASE(ledger__gives_back_every_column),
	        CASE(ledger__odd_numbers_read_back),
	        CASE(ledger__walks_in_order_of_address),
	        CASE(ledger__the_same_fit_twice_keeps_the_first),
	        CASE(ledger__a_task_counts_whole_or_not_at_all),
	        CASE(ledger__commits_by_itself_after_256_fits),
	        CASE(ledger__failed_attempts_are_counted_and_listed_newest_first),
	        CASE(ledger__trials_and_rounds_are_replaced),
	        CASE(ledger__meta_is_kept),
	        CASE(ledger__forgets_a_stage_a_round_a_fit),
	        CASE(ledger__the_visitor_may_stop),
	        CASE(ledger__open_refuses_what_is_no_ledger),
	        CASE(ledger__create_refuses_existing_and_removes_strays),
	        CASE(ledger__a_newer_format_is_refused),
	        CASE(ledger__readers_and_the_writer_do_not_disturb_each_other),
	        CASE(ledger__a_rollback_journal_serves_as_well),
	        CASE(ledger__a_folder_that_cannot_be_written_can_be_read),
	        CASE(ledger__an_unclosed_ledger_is_not_half_read),
	        CASE(ledger__paths_with_odd_characters_work),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
