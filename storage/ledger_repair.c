/* Checking the whole ledger, and copying it into a new generation.
 *
 * A generation changes like this; a crash between any two steps is finished by the next writer
 * (ledger_finish_generation):
 *   1. PATH.copy is written (rows whose checksum holds), checkpointed, synced
 *   2. PATH.copy is renamed to PATH.next: the commit point. From here on PATH.next is the ledger
 *   3. PATH is renamed to PATH.damaged-N, its log to PATH.damaged-N-wal (SQLite finds it there), so that nothing is
 * thrown away
 *   4. PATH-shm, PATH-journal and PATH.ioerror go: an old log beside the new file would be replayed into it
 *   5. PATH.next is renamed to PATH */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/file.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"
#include "storage/base/trace.h"
#include "storage/ledger_db.h"

#define COPY_GROUP 4096 /* rows in a transaction of the copy */

/* --- verify --- */

struct finding {
	struct text_buf text;
	uint64_t rows, wrong;
	unsigned lines;
	int code;
};

static void found(struct finding *finding, int code, const char *text)
{
	if (!finding->code || code != ORCH_EDAMAGED)
		finding->code = code;
	if (finding->lines++ < 8)
		text_addf(&finding->text, "%s%s", finding->text.length ? "\n" : "", text);
}

static void check_pages(struct ledger *ledger, struct finding *finding)
{
	struct orch_err why = {0};
	sqlite3_stmt *statement = NULL;
	int step = SQLITE_DONE;
	if (ledger_prepare(ledger, "PRAGMA quick_check(5)", &statement, &why)) {
		found(finding, why.code, why.text);
		return;
	}
	while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
		const char *line = (const char *)sqlite3_column_text(statement, 0);
		if (!line || strcmp(line, "ok") == 0)
			continue;
		char *text = text_format("ledger %s: %s", ledger->path, line);
		found(finding, ORCH_EDAMAGED, text);
		free(text);
	}
	if (step != SQLITE_DONE) {
		ledger_fail(ledger, step, false, "check its pages", &why);
		found(finding, why.code, why.text);
	}
	sqlite3_finalize(statement);
}

static void check_rows(struct ledger *ledger, enum ledger_table table, struct finding *finding)
{
	struct orch_err why = {0};
	struct ledger_value values[LEDGER_COLUMNS];
	sqlite3_stmt *statement = NULL;
	char *sql = text_format("SELECT %s, checksum FROM %s ORDER BY %s", ledger_tables[table].columns,
	        ledger_tables[table].name, ledger_tables[table].order);
	int step = SQLITE_DONE, code = ledger_prepare(ledger, sql, &statement, &why);
	free(sql);
	while (!code && (step = sqlite3_step(statement)) == SQLITE_ROW) {
		struct orch_err row = {0};
		finding->rows++;
		if (ledger_row(ledger, statement, table, values, &row) != 0) {
			finding->wrong++;
			found(finding, row.code, row.text);
		}
	}
	if (!code && step != SQLITE_DONE)
		code = ledger_fail(ledger, step, false, "read its rows", &why);
	if (code)
		found(finding, why.code, why.text);
	sqlite3_finalize(statement);
}

/* The numbers kept beside the fits against the fits: a row that vanished whole is found here. */
static void check_counts(struct ledger *ledger, struct finding *finding)
{
	static const char sql[] = "SELECT round, stage, sum(d), sum(f), sum(p) FROM ("
	                          "SELECT round, stage, done AS d, failed AS f, pruned AS p FROM counts UNION ALL "
	                          "SELECT round, stage, -(state = 1), -(state = 2), -(state = 3) FROM fits) "
	                          "GROUP BY round, stage HAVING sum(d) <> 0 OR sum(f) <> 0 OR sum(p) <> 0";
	struct orch_err why = {0};
	sqlite3_stmt *statement = NULL;
	int step = SQLITE_DONE, code = ledger_prepare(ledger, sql, &statement, &why);
	while (!code && (step = sqlite3_step(statement)) == SQLITE_ROW) {
		char *text = text_format("ledger %s: round %d %s: there should be %lld more done, %lld more failed, "
		                         "%lld more pruned fits",
		        ledger->path, sqlite3_column_int(statement, 0), (const char *)sqlite3_column_text(statement, 1),
		        (long long)sqlite3_column_int64(statement, 2), (long long)sqlite3_column_int64(statement, 3),
		        (long long)sqlite3_column_int64(statement, 4));
		found(finding, ORCH_EDAMAGED, text);
		free(text);
	}
	if (!code && step != SQLITE_DONE)
		code = ledger_fail(ledger, step, false, "count its rows", &why);
	if (code)
		found(finding, why.code, why.text);
	sqlite3_finalize(statement);
}

int ledger_verify(const char *path, bool rollback_journal, struct orch_err *err)
{
	struct ledger *ledger = NULL;
	struct finding finding = {0};
	int code = ledger_open(path, LEDGER_READ, rollback_journal, &ledger, err);
	if (code)
		return code;
	/* One transaction: what is checked is one state, whatever a writer does meanwhile. */
	code = ledger_db_exec(ledger, "BEGIN", err);
	if (!code)
		check_pages(ledger, &finding);
	for (int table = 0; table < TABLE_COUNT && !code; table++)
		check_rows(ledger, (enum ledger_table)table, &finding);
	if (!code)
		check_counts(ledger, &finding);
	if (finding.lines > 8)
		text_addf(&finding.text, "\nand %u more", finding.lines - 8);
	if (finding.wrong)
		text_addf(&finding.text, "\n%llu of %llu rows do not match their checksum",
		        (unsigned long long)finding.wrong, (unsigned long long)finding.rows);
	if (!code && finding.code)
		code = orch_fail(err, finding.code, "%s", finding.text.data);
	text_buf_release(&finding.text);
	ledger_db_close(ledger);
	return code;
}

/* --- a new generation --- */

struct copy {
	struct ledger *from, *to;
	uint64_t kept, bad;
	unsigned waiting;
};

static int copy_row(
        struct copy *copy, sqlite3_stmt *from, enum ledger_table table, sqlite3_stmt *insert, struct orch_err *err)
{
	struct ledger_value values[LEDGER_COLUMNS];
	struct orch_err why = {0};
	if (ledger_row(copy->from, from, table, values, &why) != 0) {
		copy->bad++;
		return 0;
	}
	int code = ledger_begin(copy->to, err);
	if (code)
		return code;
	ledger_bind(insert, 1, values, ledger_tables[table].count);
	sqlite3_bind_int64(insert, ledger_tables[table].count + 1, ledger_checksum(table, values));
	int step = sqlite3_step(insert);
	sqlite3_reset(insert);
	if (step != SQLITE_DONE)
		return ledger_fail(copy->to, step, true, "copy a row", err);
	if (sqlite3_changes(copy->to->db) == 0)
		return 0;
	copy->kept++;
	if (table == TABLE_FITS)
		ledger_deltas_add(&copy->to->deltas, (unsigned)values[0].integer, ledger_text_of(&values[1]),
		        (int)values[6].integer, 1);
	return ++copy->waiting % COPY_GROUP == 0 ? ledger_flush(copy->to, err) : 0;
}

/* One direction; *stopped: the walk met damaged pages. A failure to write is returned. */
static int copy_table(struct copy *copy, enum ledger_table table, bool backwards, bool *stopped, struct orch_err *err)
{
	const struct ledger_table_info *info = &ledger_tables[table];
	sqlite3_stmt *from = NULL, *insert = NULL;
	char *order = text_format("%s%s", info->order, backwards ? " DESC" : "");
	/* Every part of the address has its own direction. */
	struct text_buf sql = {0};
	text_addf(&sql, "SELECT %s, checksum FROM %s ORDER BY ", info->columns, info->name);
	for (const char *at = order; *at; at++)
		text_addf(&sql, backwards && *at == ',' ? " DESC%c" : "%c", *at);
	int code = ledger_prepare(copy->to, info->insert, &insert, err), step = SQLITE_DONE;
	*stopped = !code && ledger_prepare(copy->from, sql.data, &from, NULL) != 0;
	while (!code && !*stopped && (step = sqlite3_step(from)) == SQLITE_ROW)
		code = copy_row(copy, from, table, insert, err);
	*stopped = *stopped || (!code && step != SQLITE_DONE);
	sqlite3_finalize(from);
	sqlite3_finalize(insert);
	text_buf_release(&sql);
	free(order);
	return code;
}

/* What the counts of the old ledger say, for the number of rows lost to damaged pages. */
static uint64_t expected_fits(struct ledger *from)
{
	sqlite3_stmt *statement = NULL;
	int64_t number = 0;
	if (ledger_prepare(from, "SELECT sum(done + failed + pruned) FROM counts", &statement, NULL) == 0 &&
	        sqlite3_step(statement) == SQLITE_ROW)
		number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return number > 0 ? (uint64_t)number : 0;
}

static int copy_rows(struct copy *copy, uint64_t *lost, struct orch_err *err)
{
	uint64_t fits = 0, gone = 0;
	int code = 0;
	for (int table = 0; table < TABLE_COUNTS && !code; table++) {
		bool stopped = false;
		uint64_t before = copy->kept;
		code = copy_table(copy, (enum ledger_table)table, false, &stopped, err);
		/* What lies behind the damage is reached from the other end; attempts have no address that would keep
		 * them single. */
		if (!code && stopped && table != TABLE_ATTEMPTS)
			code = copy_table(copy, (enum ledger_table)table, true, &stopped, err);
		gone += stopped;
		if (table == TABLE_FITS)
			fits = copy->kept - before;
	}
	uint64_t expected = expected_fits(copy->from), missing = expected > fits ? expected - fits : 0;
	*lost = copy->bad > missing ? copy->bad : missing;
	if (gone && !*lost)
		*lost = 1; /* pages were damaged; how many rows they held cannot be told */
	if (!code && *lost)
		code = ledger_meta_set(copy->to, LEDGER_ROWS_LOST, "true", err);
	return code ? code : ledger_flush(copy->to, err);
}

static int remove_copy(const char *copy_path, struct orch_err *err)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	int code = 0;
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes && !code; i++) {
		char *path = ledger_beside(copy_path, suffixes[i]);
		if (file_exists(path))
			code = file_remove(path, err);
		free(path);
	}
	return code;
}

/* N of the last PATH.damaged-N, 0: none. */
static unsigned last_damaged(const char *path)
{
	for (unsigned number = 0;; number++) {
		char *name = text_format("%s.damaged-%u", path, number + 1);
		bool there = file_exists(name);
		free(name);
		if (!there)
			return number;
	}
}

static int set_aside(const char *path, struct orch_err *err)
{
	char *wal = ledger_beside(path, "-wal");
	int code = 0;
	if (file_exists(path)) {
		char *aside = text_format("%s.damaged-%u", path, last_damaged(path) + 1);
		code = file_publish(path, aside, err);
		free(aside);
	}
	if (!code && file_exists(wal)) {
		char *aside = text_format("%s.damaged-%u-wal", path, last_damaged(path));
		code = file_exists(aside) ? file_remove(wal, err) : file_publish(wal, aside, err);
		free(aside);
	}
	free(wal);
	return code;
}

int ledger_finish_generation(const char *path, struct orch_err *err)
{
	static const char *const suffixes[] = {"-shm", "-journal", ".ioerror"};
	char *next = ledger_beside(path, ".next");
	int code = 0;
	if (file_exists(next)) {
		code = set_aside(path, err);
		for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes && !code; i++) {
			char *stray = ledger_beside(path, suffixes[i]);
			if (file_exists(stray))
				code = file_remove(stray, err);
			free(stray);
		}
		if (!code)
			code = file_publish(next, path, err);
	}
	free(next);
	return code;
}

static int copy_all(const char *path, const char *copy_path, bool rollback_journal, uint64_t *kept, uint64_t *lost,
        struct orch_err *err)
{
	struct copy copy = {0};
	struct orch_err unreadable = {0};
	*kept = *lost = 0;
	int code = remove_copy(copy_path, err);
	if (!code)
		code = ledger_create(copy_path, rollback_journal, &copy.to, err);
	/* The old files are only read: nothing is appended to a log that an I/O error may have left in two states. */
	if (!code && ledger_db_open(path, LEDGER_READ, false, rollback_journal, &copy.from, &unreadable) == 0)
		code = copy_rows(&copy, lost, err);
	if (unreadable.code)
		trace(TRACE_STORE, "nothing can be kept of the old ledger: %s", unreadable.text);
	*kept = copy.kept;
	ledger_db_close(copy.from);
	int closed = ledger_close(&copy.to, code ? NULL : err);
	return code ? code : closed;
}

int ledger_regenerate(const char *path, bool rollback_journal, uint64_t *kept, uint64_t *lost, struct orch_err *err)
{
	uint64_t kept_rows = 0, lost_rows = 0;
	int code = ledger_finish_generation(path, err);
	if (code)
		return code;
	if (!file_exists(path))
		return orch_fail(err, ORCH_EMISSING, "there is no ledger %s", path);
	char *copy_path = ledger_beside(path, ".copy"), *next = ledger_beside(path, ".next");
	code = copy_all(path, copy_path, rollback_journal, &kept_rows, &lost_rows, err);
	if (!code)
		code = file_sync(copy_path, err);
	if (!code)
		code = file_publish(copy_path, next, err);
	if (!code)
		code = ledger_finish_generation(path, err);
	if (!code) {
		*kept = kept_rows;
		*lost = lost_rows;
	}
	free(copy_path);
	free(next);
	return code;
}
