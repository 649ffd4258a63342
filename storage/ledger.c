/* Writing the ledger: opening, tasks, groups, commits. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "storage/base/fault.h"
#include "storage/base/file.h"
#include "storage/base/mem.h"
#include "storage/base/process.h"
#include "storage/base/text.h"
#include "storage/base/trace.h"
#include "storage/ledger_db.h"

#define GROUP 256             /* fits in a transaction */
#define CHECKPOINT_PAGES 4096 /* 16 MiB of log: what a crash leaves to read again, well under a second */

/* --- create, open, close --- */

static int sync_folder_of(const char *path, struct orch_err *err)
{
	char *folder = file_folder(path);
	int code = file_sync_folder(folder, err);
	free(folder);
	return code;
}

/* What another database left under these names would be replayed into the new one. */
static int remove_strays(const char *path, struct orch_err *err)
{
	static const char *const suffixes[] = {"-wal", "-shm", "-journal"};
	int code = 0;
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes && !code; i++) {
		char *stray = ledger_beside(path, suffixes[i]);
		if (file_exists(stray))
			code = file_remove(stray, err);
		free(stray);
	}
	return code;
}

int ledger_create(const char *path, bool rollback_journal, struct ledger **out, struct orch_err *err)
{
	struct ledger *ledger = NULL;
	if (file_exists(path))
		return orch_fail(err, ORCH_EBUSY, "ledger %s exists already", path);
	int code = remove_strays(path, err);
	if (!code)
		code = ledger_db_open(path, LEDGER_WRITE, true, rollback_journal, &ledger, err);
	if (!code)
		code = ledger_db_migrate(ledger, err);
	if (!code)
		code = ledger_checkpoint(ledger, true, err);
	/* SQLite reports success although syncing the folder failed. */
	if (!code)
		code = sync_folder_of(path, err);
	if (code)
		ledger_db_close(ledger);
	else
		*out = ledger;
	return code;
}

/* What was left by a run that ended badly is put in order before anything is appended. */
static int put_in_order(const char *path, bool rollback_journal, struct orch_err *err)
{
	uint64_t kept = 0, lost = 0;
	char *mark = ledger_beside(path, ".ioerror");
	int code = ledger_finish_generation(path, err);
	if (!code && file_exists(mark) && file_exists(path)) {
		code = ledger_regenerate(path, rollback_journal, &kept, &lost, err);
		trace(TRACE_STORE, "ledger copied after an I/O error: %llu rows kept, %llu lost",
		        (unsigned long long)kept, (unsigned long long)lost);
	}
	free(mark);
	return code;
}

/* A log that was left is in the page cache, perhaps not on disk: moving it into the database syncs both, and is
 * checked. */
static int settle_log(struct ledger *ledger, struct orch_err *err)
{
	int code = ledger_checkpoint(ledger, true, err);
	return code ? code : sync_folder_of(ledger->path, err);
}

static int check_place(const char *there, const char *shown, struct orch_err *err)
{
	struct stat info;
	if (lstat(there, &info) != 0)
		return orch_fail_sys(
		        err, errno == ENOENT ? ORCH_EMISSING : ORCH_EIO, errno, "there is no ledger %s", shown);
	if (!S_ISREG(info.st_mode))
		return orch_fail(err, ORCH_EDAMAGED, "%s is a link or folder where the ledger belongs", shown);
	return 0;
}

int ledger_open(
        const char *path, enum ledger_mode mode, bool rollback_journal, struct ledger **out, struct orch_err *err)
{
	struct ledger *ledger = NULL;
	int code = mode == LEDGER_WRITE ? put_in_order(path, rollback_journal, err) : 0;
	/* Between two generations the complete next one stands in. */
	char *next = ledger_beside(path, ".next");
	const char *there = mode == LEDGER_READ && !file_exists(path) && file_exists(next) ? next : path;
	if (!code)
		code = check_place(there, path, err);
	if (!code)
		code = ledger_db_open(there, mode, false, rollback_journal, &ledger, err);
	if (!code)
		code = ledger_db_check_identity(ledger, err);
	if (!code && mode == LEDGER_WRITE)
		code = ledger_db_migrate(ledger, err);
	if (!code && mode == LEDGER_WRITE)
		code = settle_log(ledger, err);
	free(next);
	if (code)
		ledger_db_close(ledger);
	else
		*out = ledger;
	return code;
}

int ledger_close(struct ledger **take_ledger, struct orch_err *err)
{
	struct ledger *ledger = *take_ledger;
	*take_ledger = NULL;
	if (!ledger)
		return 0;
	int code = 0;
	if (ledger->mode == LEDGER_WRITE) {
		code = ledger_flush(ledger, err);
		/* SQLite's own checkpoint at close hides its failure. */
		if (!code)
			code = ledger_checkpoint(ledger, true, err);
		if (!code)
			code = sync_folder_of(ledger->path, err);
	}
	ledger_db_close(ledger);
	return code;
}

/* --- counts --- */

void ledger_deltas_add(struct ledger_deltas *deltas, unsigned round, const char *stage, int state, int64_t number)
{
	struct ledger_delta *found = NULL;
	for (size_t i = 0; i < deltas->count && !found; i++)
		if (deltas->list[i].round == round && strcmp(deltas->list[i].stage, stage) == 0)
			found = &deltas->list[i];
	if (!found) {
		struct ledger_delta *grown = mem_must(deltas->count + 1, sizeof *grown);
		if (deltas->count)
			memcpy(grown, deltas->list, deltas->count * sizeof *grown);
		free(deltas->list);
		deltas->list = grown;
		found = &grown[deltas->count++];
		found->round = round;
		found->stage = mem_text(stage);
	}
	if (state >= 0 && state <= LEDGER_PRUNED)
		found->by_state[state] += number;
}

void ledger_deltas_release(struct ledger_deltas *deltas)
{
	for (size_t i = 0; i < deltas->count; i++)
		free(deltas->list[i].stage);
	free(deltas->list);
	*deltas = (struct ledger_deltas){0};
}

static void merge_deltas(struct ledger_deltas *to, const struct ledger_deltas *from)
{
	for (size_t i = 0; i < from->count; i++)
		for (int state = LEDGER_DONE; state <= LEDGER_PRUNED; state++)
			ledger_deltas_add(
			        to, from->list[i].round, from->list[i].stage, state, from->list[i].by_state[state]);
}

/* Three numbers by state, 0 when there is no row. */
static int read_counts(struct ledger *ledger, unsigned round, const char *stage, int64_t counts[LEDGER_PRUNED + 1],
        struct orch_err *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, STATEMENT_GET_COUNTS, err);
	if (!statement)
		return ORCH_EIO;
	struct ledger_value address[2] = {ledger_integer(round), ledger_text(stage)}, values[LEDGER_COLUMNS];
	memset(counts, 0, (LEDGER_PRUNED + 1) * sizeof *counts);
	ledger_bind(statement, 1, address, 2);
	int step = sqlite3_step(statement), code = 0;
	if (step == SQLITE_ROW)
		code = ledger_row(ledger, statement, TABLE_COUNTS, values, err);
	else if (step != SQLITE_DONE)
		code = ledger_fail(ledger, step, false, "read its counts", err);
	for (int state = LEDGER_DONE; state <= LEDGER_PRUNED && !code && step == SQLITE_ROW; state++)
		counts[state] = values[1 + state].integer;
	sqlite3_reset(statement);
	return code;
}

int ledger_apply_deltas(struct ledger *ledger, struct orch_err *err)
{
	int code = 0;
	for (size_t i = 0; i < ledger->deltas.count && !code; i++) {
		const struct ledger_delta *delta = &ledger->deltas.list[i];
		int64_t counts[LEDGER_PRUNED + 1];
		code = read_counts(ledger, delta->round, delta->stage, counts, err);
		if (code)
			break;
		struct ledger_value values[5] = {ledger_integer(delta->round), ledger_text(delta->stage)};
		for (int state = LEDGER_DONE; state <= LEDGER_PRUNED; state++)
			values[1 + state] = ledger_integer(counts[state] + delta->by_state[state]);
		code = ledger_write_row(ledger, STATEMENT_PUT_COUNTS, TABLE_COUNTS, values, NULL, err);
	}
	if (!code)
		ledger_deltas_release(&ledger->deltas);
	return code;
}

int ledger_counts(
        struct ledger *ledger, unsigned round, const char *stage, int64_t *done, int64_t *failed, struct orch_err *err)
{
	int64_t counts[LEDGER_PRUNED + 1];
	int code = read_counts(ledger, round, stage, counts, err);
	if (code)
		return code;
	const struct ledger_deltas *parts[] = {&ledger->deltas, &ledger->task_deltas};
	for (size_t part = 0; part < 2; part++)
		for (size_t i = 0; i < parts[part]->count; i++) {
			const struct ledger_delta *delta = &parts[part]->list[i];
			for (int state = LEDGER_DONE; state <= LEDGER_PRUNED; state++)
				if (delta->round == round && strcmp(delta->stage, stage) == 0)
					counts[state] += delta->by_state[state];
		}
	*done = counts[LEDGER_DONE] + counts[LEDGER_PRUNED];
	*failed = counts[LEDGER_FAILED];
	return 0;
}

/* --- transactions --- */

/* A broken ledger says again what broke it. */
static int refuse_broken(const struct ledger *ledger, struct orch_err *err)
{
	if (!ledger->broken.code)
		return 0;
	orch_fail(err, ledger->broken.code, "%s", ledger->broken.text);
	if (err && !err->sys)
		err->sys = ledger->broken.sys;
	return ledger->broken.code;
}

int ledger_begin(struct ledger *ledger, struct orch_err *err)
{
	if (ledger->mode != LEDGER_WRITE)
		orch_bug("write to the ledger %s opened for reading", ledger->path);
	int code = refuse_broken(ledger, err);
	if (!code && !ledger->in_transaction) {
		int step = ledger_run(ledger, STATEMENT_BEGIN, err);
		if (step != SQLITE_OK)
			return ledger_fail(ledger, step, true, "begin a transaction", err);
		ledger->in_transaction = true;
		ledger->waiting_since = process_clock();
	}
	if (!code && ledger->in_task && !ledger->in_savepoint) {
		int step = ledger_run(ledger, STATEMENT_SAVEPOINT, err);
		if (step != SQLITE_OK)
			return ledger_fail(ledger, step, true, "begin a task", err);
		ledger->in_savepoint = true;
	}
	return code;
}

static void nothing_waits(struct ledger *ledger)
{
	ledger->in_transaction = ledger->in_task = ledger->in_savepoint = false;
	ledger->waiting = ledger->waiting_task = 0;
	ledger->waiting_since = 0;
	ledger->task_code = 0;
	ledger_deltas_release(&ledger->deltas);
	ledger_deltas_release(&ledger->task_deltas);
}

/* Everything since the last commit is taken back: none of it was acknowledged. */
static void take_back_all(struct ledger *ledger)
{
	if (!sqlite3_get_autocommit(ledger->db))
		ledger_run(ledger, STATEMENT_ROLLBACK, NULL);
	nothing_waits(ledger);
}

static int take_back_task(struct ledger *ledger, struct orch_err *err)
{
	int step = SQLITE_OK;
	if (ledger->in_savepoint && !sqlite3_get_autocommit(ledger->db)) {
		step = ledger_run(ledger, STATEMENT_TAKE_BACK, err);
		if (step == SQLITE_OK)
			step = ledger_run(ledger, STATEMENT_RELEASE, err);
	}
	ledger->in_task = ledger->in_savepoint = false;
	ledger->waiting_task = 0;
	ledger->task_code = 0;
	ledger_deltas_release(&ledger->task_deltas);
	return step == SQLITE_OK ? 0 : ledger_fail(ledger, step, true, "take a task back", err);
}

void ledger_task_begin(struct ledger *ledger)
{
	if (ledger->in_task)
		take_back_task(ledger, NULL); /* one that was begun and never ended */
	ledger->in_task = true;
}

int ledger_task_end(struct ledger *ledger, struct orch_err *err)
{
	if (!ledger->in_task)
		orch_bug("ledger_task_end without ledger_task_begin");
	int code = refuse_broken(ledger, err);
	if (!code && ledger->task_code) {
		code = orch_fail(err, ledger->task_code,
		        "ledger %s: a task was not taken: one of its results was refused", ledger->path);
		take_back_task(ledger, NULL);
		return code;
	}
	if (!code && ledger->in_savepoint) {
		int step = ledger_run(ledger, STATEMENT_RELEASE, err);
		if (step != SQLITE_OK)
			code = ledger_fail(ledger, step, true, "end a task", err);
	}
	if (code) {
		take_back_all(ledger);
		return code;
	}
	merge_deltas(&ledger->deltas, &ledger->task_deltas);
	ledger_deltas_release(&ledger->task_deltas);
	ledger->waiting += ledger->waiting_task;
	ledger->waiting_task = 0;
	ledger->in_task = ledger->in_savepoint = false;
	return ledger->waiting >= GROUP ? ledger_flush(ledger, err) : 0;
}

/* A fault that stands for a failing commit. */
static int pass(struct ledger *ledger, const char *step, struct orch_err *err)
{
	int sys = fault_point(step, ledger->path);
	if (!sys)
		return 0;
	struct orch_err why = {0};
	int code = orch_fail_sys(&why, ORCH_EIO, sys, "ledger %s: cannot commit", ledger->path);
	ledger_break(ledger, sys == EIO, &why);
	orch_fail_sys(err, code, sys, "ledger %s: cannot commit", ledger->path);
	return code;
}

static int commit(struct ledger *ledger, struct orch_err *err)
{
	int code = ledger_apply_deltas(ledger, err);
	if (!code)
		code = pass(ledger, "ledger commit", err);
	if (!code) {
		int step = ledger_run(ledger, STATEMENT_COMMIT, err);
		if (step != SQLITE_OK)
			code = ledger_fail(ledger, step, true, "commit", err);
	}
	return code ? code : pass(ledger, "ledger committed", err);
}

int ledger_flush(struct ledger *ledger, struct orch_err *err)
{
	int code = refuse_broken(ledger, err);
	if (ledger->in_task)
		take_back_task(ledger, NULL);
	if (code || !ledger->in_transaction) {
		take_back_all(ledger);
		return code;
	}
	unsigned fits = ledger->waiting;
	code = commit(ledger, err);
	if (code) {
		take_back_all(ledger);
		return code;
	}
	nothing_waits(ledger);
	trace(TRACE_STORE, "ledger: %u fits committed", fits);
	return ledger->wal_frames > CHECKPOINT_PAGES ? ledger_checkpoint(ledger, false, err) : 0;
}

double ledger_waiting_since(const struct ledger *ledger)
{
	return ledger->in_transaction ? ledger->waiting_since : 0;
}

/* --- rows --- */

/* The first failure inside a task decides over the whole task. */
static int task_failed(struct ledger *ledger, int code)
{
	if (code && ledger->in_task && !ledger->task_code)
		ledger->task_code = code;
	return code;
}

static bool same_value(const struct ledger_value *a, const struct ledger_value *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == SQLITE_INTEGER)
		return a->integer == b->integer;
	if (a->type == SQLITE_FLOAT)
		return memcmp(&a->real, &b->real, sizeof a->real) == 0;
	return a->length == b->length && (a->length == 0 || memcmp(a->bytes, b->bytes, a->length) == 0);
}

/* The address is taken: fine when the same fit gave the same numbers. Files and notes may tell of the attempt, they do
 * not count. */
static int compare_with_first(
        struct ledger *ledger, const struct ledger_fit *fit, const struct ledger_value *values, struct orch_err *err)
{
	enum { KEY = 5, STATE, SCORE, METRICS };
	struct ledger_value first[LEDGER_COLUMNS];
	sqlite3_stmt *statement = ledger_statement(ledger, STATEMENT_GET_FIT, err);
	if (!statement)
		return ORCH_EIO;
	ledger_bind(statement, 1, values, 5);
	int step = sqlite3_step(statement);
	int code = step == SQLITE_ROW ? ledger_row(ledger, statement, TABLE_FITS, first, err)
	                              : ledger_fail(ledger, step, false, "read a fit again", err);
	if (!code && !same_value(&values[KEY], &first[KEY]))
		code = orch_fail(err, ORCH_EDAMAGED,
		        "ledger %s: round %u %s trial %lld fold %d without \"%s\" is there already with other data, "
		        "parameters or engine",
		        ledger->path, fit->round, fit->stage, (long long)fit->trial, fit->fold, fit->left_out);
	for (int i = STATE; i <= METRICS && !code; i++)
		if (!same_value(&values[i], &first[i]))
			code = orch_fail(err, ORCH_EDAMAGED,
			        "ledger %s: round %u %s trial %lld fold %d without \"%s\" was done twice with "
			        "different "
			        "results: the first is kept; look at its engine (is it deterministic?)",
			        ledger->path, fit->round, fit->stage, (long long)fit->trial, fit->fold, fit->left_out);
	sqlite3_reset(statement);
	return code;
}

int ledger_put_fit(struct ledger *ledger, const struct ledger_fit *fit, struct orch_err *err)
{
	struct ledger_value values[11] = {ledger_integer(fit->round), ledger_text(fit->stage),
	        ledger_integer(fit->trial), ledger_text(fit->left_out), ledger_integer(fit->fold),
	        ledger_blob(fit->key, LEDGER_KEY), ledger_integer(fit->state), ledger_real(fit->score),
	        ledger_text(fit->metrics), ledger_text(fit->files), ledger_text(fit->note)};
	int changed = 0;
	int code = ledger_begin(ledger, err);
	if (!code)
		code = ledger_write_row(ledger, STATEMENT_PUT_FIT, TABLE_FITS, values, &changed, err);
	if (!code && !changed)
		code = compare_with_first(ledger, fit, values, err);
	if (code)
		return task_failed(ledger, code);
	if (changed) {
		ledger_deltas_add(ledger->in_task ? &ledger->task_deltas : &ledger->deltas, fit->round, fit->stage,
		        (int)fit->state, 1);
		*(ledger->in_task ? &ledger->waiting_task : &ledger->waiting) += 1;
	}
	return 0;
}

static int put(struct ledger *ledger, enum ledger_statement which, enum ledger_table table,
        const struct ledger_value *values, struct orch_err *err)
{
	int code = ledger_begin(ledger, err);
	if (!code)
		code = ledger_write_row(ledger, which, table, values, NULL, err);
	return task_failed(ledger, code);
}

int ledger_put_attempt(struct ledger *ledger, const struct ledger_attempt *attempt, struct orch_err *err)
{
	const struct ledger_value values[11] = {ledger_blob(attempt->key, LEDGER_KEY), ledger_integer(attempt->round),
	        ledger_text(attempt->stage), ledger_integer(attempt->attempt), ledger_text(attempt->cause),
	        ledger_text(attempt->text), ledger_real(attempt->wall_start), ledger_real(attempt->seconds),
	        ledger_real(attempt->cpu_seconds), ledger_integer((int64_t)attempt->peak_rss),
	        ledger_integer(attempt->pid)};
	return put(ledger, STATEMENT_PUT_ATTEMPT, TABLE_ATTEMPTS, values, err);
}

int ledger_put_trial(struct ledger *ledger, const struct ledger_trial *trial, struct orch_err *err)
{
	const struct ledger_value values[6] = {ledger_integer(trial->round), ledger_integer(trial->trial),
	        ledger_text(trial->params), ledger_integer(trial->state), ledger_real(trial->mean),
	        ledger_real(trial->sd)};
	return put(ledger, STATEMENT_PUT_TRIAL, TABLE_TRIALS, values, err);
}

int ledger_put_round(struct ledger *ledger, const struct ledger_round *round, struct orch_err *err)
{
	const struct ledger_value values[4] = {ledger_integer(round->round), ledger_text(round->features),
	        ledger_text(round->manifest_hash), ledger_text(round->summary)};
	return put(ledger, STATEMENT_PUT_ROUND, TABLE_ROUNDS, values, err);
}

int ledger_meta_set(struct ledger *ledger, const char *key, const char *value, struct orch_err *err)
{
	const struct ledger_value values[2] = {ledger_text(key), ledger_text(value)};
	return put(ledger, STATEMENT_PUT_META, TABLE_META, values, err);
}
