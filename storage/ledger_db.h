/* ledger_db: the part of the ledger that knows SQLite (private to ledger*.c): opening, the schema, prepared statements,
 * values with their checksum, and what a SQLite error means.
 *
 * Invariants
 *  1. A transaction is open exactly when something waits (in_transaction); it holds whole tasks only, except the one
 * under way, which is a savepoint of its own.
 *  2. The numbers in counts, plus deltas, are those of the rows of fits; flush writes the deltas in the rows' own
 * transaction.
 *  3. After a failed write, commit or checkpoint the ledger is broken: nothing is acknowledged any more, nothing is
 * written. When the cause was I/O or damage, PATH.ioerror says so and the next writer copies the rows into a new
 * generation (ledger_repair.c).
 *  4. The WAL is checkpointed by us only, so that a failure is seen; SQLite itself ignores one. */
#ifndef STORAGE_LEDGER_DB_H
#define STORAGE_LEDGER_DB_H

#include <sqlite3.h>
#include <stddef.h>

#include "storage/ledger.h"

#define LEDGER_VERSION 1
#define LEDGER_APPLICATION 0x6f726368 /* "orch" */
#define LEDGER_COLUMNS 12             /* the most a table has, without its checksum */

enum ledger_table { TABLE_META, TABLE_FITS, TABLE_TRIALS, TABLE_ROUNDS, TABLE_ATTEMPTS, TABLE_COUNTS, TABLE_COUNT };
struct ledger_table_info {
	const char *name;
	const char *columns; /* all but the checksum, in the order of struct ledger_value arrays */
	const char *order;   /* the address of a row */
	const char *insert;  /* keeps the first row of an address; attempts only appends */
	int count;
};
extern const struct ledger_table_info ledger_tables[TABLE_COUNT];

enum ledger_statement {
	STATEMENT_BEGIN,
	STATEMENT_COMMIT,
	STATEMENT_ROLLBACK,
	STATEMENT_SAVEPOINT,
	STATEMENT_RELEASE,
	STATEMENT_TAKE_BACK,
	STATEMENT_PUT_META,
	STATEMENT_GET_META,
	STATEMENT_PUT_FIT,
	STATEMENT_GET_FIT,
	STATEMENT_PUT_TRIAL,
	STATEMENT_PUT_ROUND,
	STATEMENT_PUT_ATTEMPT,
	STATEMENT_PUT_COUNTS,
	STATEMENT_GET_COUNTS,
	STATEMENT_FIND_FIT,
	STATEMENT_ATTEMPTS,
	STATEMENT_COUNT
};

struct ledger_delta {
	unsigned round;
	char *stage;
	int64_t by_state[LEDGER_PRUNED + 1];
};
struct ledger_deltas {
	struct ledger_delta *list;
	size_t count;
};
void ledger_deltas_add(struct ledger_deltas *deltas, unsigned round, const char *stage, int state, int64_t number);
void ledger_deltas_release(struct ledger_deltas *deltas);

struct ledger {
	sqlite3 *db;
	char *path;
	enum ledger_mode mode;
	bool rollback_journal;
	sqlite3_stmt *statements[STATEMENT_COUNT];
	bool in_transaction, in_task, in_savepoint;
	unsigned waiting, waiting_task; /* fits */
	double waiting_since;
	int task_code;  /* the first failure of the task under way */
	int wal_frames; /* in the WAL after the last commit */
	struct orch_err broken;
	struct ledger_deltas deltas, task_deltas;
};

/* One column. NaN is NULL and -0 is 0, as SQLite stores them. Bytes are borrowed. */
struct ledger_value {
	int type; /* SQLITE_NULL, SQLITE_INTEGER, SQLITE_FLOAT, SQLITE_TEXT, SQLITE_BLOB */
	int64_t integer;
	double real;
	const void *bytes;
	size_t length;
};
struct ledger_value ledger_integer(int64_t value);
struct ledger_value ledger_real(double value);
struct ledger_value ledger_text(const char *text);
struct ledger_value ledger_blob(const void *bytes, size_t length);
const char *ledger_text_of(const struct ledger_value *value); /* NULL for NULL */
double ledger_real_of(const struct ledger_value *value);      /* NaN for NULL */
/* 64 bits of SHA-256 over the table's name and every column with its type. */
int64_t ledger_checksum(enum ledger_table table, const struct ledger_value *values);

int ledger_db_open(const char *path, enum ledger_mode mode, bool create, bool rollback_journal, struct ledger **out,
        struct orch_err *err);
void ledger_db_close(struct ledger *ledger); /* without a checkpoint; also for a handle half opened */
int ledger_db_exec(struct ledger *ledger, const char *sql, struct orch_err *err);
int64_t ledger_db_pragma(struct ledger *ledger, const char *pragma); /* an integer; -1: not to be had */
int ledger_db_migrate(struct ledger *ledger, struct orch_err *err);
int ledger_db_check_identity(struct ledger *ledger, struct orch_err *err);
/* A prepared statement that is kept; NULL and *err on failure. Reset it after use. */
sqlite3_stmt *ledger_statement(struct ledger *ledger, enum ledger_statement which, struct orch_err *err);
int ledger_prepare(struct ledger *ledger, const char *sql, sqlite3_stmt **out, struct orch_err *err);
/* Steps a statement that gives no rows, and resets it. Returns a SQLite code. */
int ledger_run(struct ledger *ledger, enum ledger_statement which, struct orch_err *err);
int ledger_bind(sqlite3_stmt *statement, int first, const struct ledger_value *values, int count);
/* The row a statement stands on: columns of the table from 0, then the checksum. ORCH_EDAMAGED names the row by its
 * address. */
int ledger_row(struct ledger *ledger, sqlite3_stmt *statement, enum ledger_table table, struct ledger_value *values,
        struct orch_err *err);
/* A row through its insert statement: bind, checksum, step, reset. *changed (may be NULL): rows written. */
int ledger_write_row(struct ledger *ledger, enum ledger_statement which, enum ledger_table table,
        const struct ledger_value *values, int *changed, struct orch_err *err);
/* What SQLite's code means, with its text; breaks the ledger when a write failed (breaks). */
int ledger_fail(struct ledger *ledger, int sqlite_code, bool breaks, const char *what, struct orch_err *err);
/* Nothing is acknowledged from here on. distrust: what is on disk may not be what was written, so the next writer must
 * not go on in these files (PATH.ioerror). */
void ledger_break(struct ledger *ledger, bool distrust, const struct orch_err *why);
int ledger_checkpoint(struct ledger *ledger, bool truncate, struct orch_err *err);

/* A transaction is open afterwards; ORCH_E* when the ledger is broken or opened for reading. */
int ledger_begin(struct ledger *ledger, struct orch_err *err);
int ledger_apply_deltas(struct ledger *ledger, struct orch_err *err);
/* Finish a change of generation that a crash interrupted; true when path.next was put in place or nothing was to do. */
int ledger_finish_generation(const char *path, struct orch_err *err);
char *ledger_beside(const char *path, const char *suffix); /* path + suffix; malloc'd */

#endif
