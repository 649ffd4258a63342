/* ledger: the SQLite database of rounds, trials, fits and attempts (WAL; rollback journal on network file systems).
 * One writer, the orchestrator; any number of readers. Writes are collected and committed together: ledger_flush, or by itself
 * after 256 fits; the caller flushes at least every second. A fit is finished when its transaction is committed - synced (synchronous=FULL).
 * Results of one task are put between ledger_task_begin and ledger_task_end and are committed together or not at all: when one of
 * them is refused, task_end takes the task back and says so. A task that was begun and not ended is taken back by the next
 * task_begin, flush or close. The writer's own reads see what waits.
 * After a failed write or commit nothing is acknowledged any more: every call says again what happened; close and open anew. After an
 * I/O error the next LEDGER_WRITE open copies the rows into a new generation by itself (PATH.ioerror remembers).
 * Readers never disturb the writer; on a folder that cannot be written they read the file alone.
 * A fit is known by its key, the hash of its address (round, stage, trial, fold, left out) with data, split, parameters and
 * engine version: putting the same key twice keeps the first and is ORCH_EDAMAGED when the numbers differ.
 * Every row carries a checksum over its columns (SQLite pages have none); reading checks it: ORCH_EDAMAGED names the row.
 * Schema version in PRAGMA user_version; migrations in order; a newer one is refused with a clear message.
 * The folder is synced by us after creation; close checkpoints explicitly and checks the result. One thread. */
#ifndef STORAGE_LEDGER_H
#define STORAGE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/base/err.h"

#define LEDGER_KEY 16
#define LEDGER_SEARCH_STAGE "01_hpo" /* forgetting it forgets the round's trials too */
enum ledger_mode { LEDGER_READ, LEDGER_WRITE };
enum ledger_state { LEDGER_DONE = 1, LEDGER_FAILED = 2, LEDGER_PRUNED = 3 };
struct ledger;

int ledger_create(const char *path, bool rollback_journal, struct ledger **out, struct orch_err *err);
int ledger_open(const char *path, enum ledger_mode mode, bool rollback_journal, struct ledger **out, struct orch_err *err);
/* Flush, checkpoint, close; *ledger is consumed whatever the outcome. */
int ledger_close(struct ledger **ledger, struct orch_err *err);

int ledger_meta_set(struct ledger *ledger, const char *key, const char *value, struct orch_err *err); /* in the open transaction */
int ledger_meta_get(struct ledger *ledger, const char *key, char **value, struct orch_err *err); /* ORCH_EMISSING; malloc'd */
#define LEDGER_ROWS_LOST "rows_lost" /* known of a ledger that ledger_regenerate made without all rows: a trial may be there without its fits */

struct ledger_fit {
	uint8_t key[LEDGER_KEY];
	unsigned round;
	const char *stage;    /* "01_hpo", "03_baseline", "04_lofo", "05_dropped" */
	int64_t trial;        /* -1: no trial (not in use at present: baseline and LOFO carry the best trial's number) */
	int fold;             /* -1: holdout / final */
	const char *left_out; /* "" or the feature or group left out, as it is named; 09_stability: what else is different ("seed 1", "rows 0.1") */
	enum ledger_state state;
	double score;         /* NaN when failed */
	const char *metrics;  /* canonical JSON object of all metrics, or NULL */
	const char *files;    /* canonical JSON array of {name, sha256, bytes}, or NULL */
	const char *note;     /* cause of failure or a note of the engine, or NULL */
};
struct ledger_attempt { /* what differs between two runs; never read by a stage */
	uint8_t key[LEDGER_KEY]; /* first fit of the task */
	unsigned round;
	const char *stage;
	unsigned attempt;
	const char *cause; /* "ok", "exit", "signal", "timeout", "memory", "error", "protocol" */
	const char *text;  /* last output, at most 8 KiB; NULL */
	double wall_start, seconds, cpu_seconds;
	uint64_t peak_rss;
	int pid;
};
struct ledger_trial {
	unsigned round;
	int64_t trial;
	const char *params; /* canonical JSON */
	enum ledger_state state;
	double mean, sd;
};
struct ledger_round {
	unsigned round;
	const char *features;      /* JSON array */
	char manifest_hash[65];    /* of the published folder; "" while under way */
	const char *summary;       /* JSON object for summary.json */
};
void ledger_task_begin(struct ledger *ledger);
int ledger_put_fit(struct ledger *ledger, const struct ledger_fit *fit, struct orch_err *err);
int ledger_put_attempt(struct ledger *ledger, const struct ledger_attempt *attempt, struct orch_err *err);
int ledger_task_end(struct ledger *ledger, struct orch_err *err); /* flushes by itself when 256 fits are waiting */
int ledger_put_trial(struct ledger *ledger, const struct ledger_trial *trial, struct orch_err *err);
int ledger_put_round(struct ledger *ledger, const struct ledger_round *round, struct orch_err *err); /* insert or replace */
int ledger_flush(struct ledger *ledger, struct orch_err *err); /* 0: everything put so far is durable */
double ledger_waiting_since(const struct ledger *ledger);      /* monotonic seconds of the oldest unflushed write; 0: none */

/* Reading, in order of address (trial, left_out, fold; rounds ascending). Strings are valid during the call. Non-zero from visit ends
 * the walk and is returned. Failed rows are visited too. */
int ledger_each_fit(struct ledger *ledger, unsigned round, const char *stage,
                    int (*visit)(void *context, const struct ledger_fit *fit, struct orch_err *err), void *context, struct orch_err *err);
/* The same for trials first .. last only: costs what they are, however many there are beside them. */
int ledger_each_fit_of(struct ledger *ledger, unsigned round, const char *stage, int64_t first, int64_t last,
                       int (*visit)(void *context, const struct ledger_fit *fit, struct orch_err *err), void *context, struct orch_err *err);
/* ORCH_EMISSING: the trial has not ended (or its row is lost). */
int ledger_find_trial(struct ledger *ledger, unsigned round, int64_t trial,
                      int (*visit)(void *context, const struct ledger_trial *trial, struct orch_err *err), void *context, struct orch_err *err);
int ledger_each_trial(struct ledger *ledger, unsigned round,
                      int (*visit)(void *context, const struct ledger_trial *trial, struct orch_err *err), void *context, struct orch_err *err);
int ledger_each_round(struct ledger *ledger, int (*visit)(void *context, const struct ledger_round *round, struct orch_err *err),
                      void *context, struct orch_err *err);
/* Attempts that did not end well, newest first, at most limit. */
int ledger_each_failure(struct ledger *ledger, unsigned limit,
                        int (*visit)(void *context, const struct ledger_attempt *attempt, struct orch_err *err), void *context, struct orch_err *err);
/* ORCH_EMISSING: no such fit. By key alone all fits are scanned (0.1 s a million): never once a fit. So does ledger_forget_fit. */
int ledger_find_fit(struct ledger *ledger, const uint8_t key[LEDGER_KEY],
                    int (*visit)(void *context, const struct ledger_fit *fit, struct orch_err *err), void *context, struct orch_err *err);
/* Fits of a stage by state (those that a pruner stopped are done), without reading them: kept with the rows, in the same transaction. 0 and 0 when there are none. */
int ledger_counts(struct ledger *ledger, unsigned round, const char *stage, int64_t *done, int64_t *failed, struct orch_err *err);
unsigned ledger_attempts(struct ledger *ledger, const uint8_t key[LEDGER_KEY]); /* recorded attempts with a cause other than "ok" */
/* Forget one round's fits, trials and attempts of a stage that must be done again (stage NULL: the whole round, its row too).
 * Not inside a task; durable after ledger_flush. */
int ledger_forget(struct ledger *ledger, unsigned round, const char *stage, struct orch_err *err);
int ledger_forget_fit(struct ledger *ledger, const uint8_t key[LEDGER_KEY], struct orch_err *err);

/* Everything: page structure (PRAGMA quick_check), checksums of all rows. ORCH_EDAMAGED says what and how many. */
int ledger_verify(const char *path, bool rollback_journal, struct orch_err *err);
/* Copies all rows whose checksum holds into a new generation and publishes it in place of the old, which is kept as
 * ledger.db.damaged-N. *kept, *lost count rows. For a failed check or after a recorded I/O error. */
int ledger_regenerate(const char *path, bool rollback_journal, uint64_t *kept, uint64_t *lost, struct orch_err *err);

#endif
