/* Reading the ledger, and taking rows back. A walk prepares its own statement, so a visitor may start another walk. */
#include <stdlib.h>
#include <string.h>

#include "storage/base/mem.h"
#include "storage/base/text.h"
#include "storage/ledger_db.h"

typedef int (*row_function)(void *context, const struct ledger_value *values, struct orch_err *err);

static int walk(struct ledger *ledger, sqlite3_stmt *statement, enum ledger_table table, row_function visit,
        void *context, struct orch_err *err)
{
	struct ledger_value values[LEDGER_COLUMNS];
	int code = 0, step = SQLITE_DONE;
	while (!code && (step = sqlite3_step(statement)) == SQLITE_ROW) {
		code = ledger_row(ledger, statement, table, values, err);
		if (!code)
			code = visit(context, values, err);
	}
	if (!code && step != SQLITE_DONE)
		code = ledger_fail(ledger, step, false, "read its rows", err);
	return code;
}

/* SELECT columns, checksum FROM table <rest>, with its bound values. */
static int each(struct ledger *ledger, enum ledger_table table, const char *rest, const struct ledger_value *bound,
        int count, row_function visit, void *context, struct orch_err *err)
{
	sqlite3_stmt *statement = NULL;
	char *sql = text_format(
	        "SELECT %s, checksum FROM %s %s", ledger_tables[table].columns, ledger_tables[table].name, rest);
	int code = ledger_prepare(ledger, sql, &statement, err);
	free(sql);
	if (code)
		return code;
	ledger_bind(statement, 1, bound, count);
	code = walk(ledger, statement, table, visit, context, err);
	sqlite3_finalize(statement);
	return code;
}

/* --- rows as structs; text columns that must be there were checked by STRICT and NOT NULL --- */

struct visit_fit {
	int (*visit)(void *context, const struct ledger_fit *fit, struct orch_err *err);
	void *context;
};

static int fit_row(void *context, const struct ledger_value *values, struct orch_err *err)
{
	const struct visit_fit *visitor = context;
	struct ledger_fit fit = {.round = (unsigned)values[0].integer,
	        .stage = ledger_text_of(&values[1]),
	        .trial = values[2].integer,
	        .left_out = ledger_text_of(&values[3]),
	        .fold = (int)values[4].integer,
	        .state = (enum ledger_state)values[6].integer,
	        .score = ledger_real_of(&values[7]),
	        .metrics = ledger_text_of(&values[8]),
	        .files = ledger_text_of(&values[9]),
	        .note = ledger_text_of(&values[10])};
	if (values[5].length != LEDGER_KEY || !fit.stage || !fit.left_out)
		return orch_fail(err, ORCH_EDAMAGED, "a fit in the ledger has no key, stage or name");
	memcpy(fit.key, values[5].bytes, LEDGER_KEY);
	return visitor->visit(visitor->context, &fit, err);
}

int ledger_each_fit(struct ledger *ledger, unsigned round, const char *stage,
        int (*visit)(void *context, const struct ledger_fit *fit, struct orch_err *err), void *context,
        struct orch_err *err)
{
	struct visit_fit visitor = {visit, context};
	struct ledger_value bound[] = {ledger_integer(round), ledger_text(stage)};
	return each(ledger, TABLE_FITS, "WHERE round = ? AND stage = ? ORDER BY trial, left_out, fold", bound, 2,
	        fit_row, &visitor, err);
}

int ledger_each_fit_of(struct ledger *ledger, unsigned round, const char *stage, int64_t first, int64_t last,
        int (*visit)(void *context, const struct ledger_fit *fit, struct orch_err *err), void *context,
        struct orch_err *err)
{
	struct visit_fit visitor = {visit, context};
	struct ledger_value bound[] = {ledger_integer(round), ledger_text(stage), ledger_integer(first), ledger_integer(last)};
	return each(ledger, TABLE_FITS,
	        "WHERE round = ? AND stage = ? AND trial BETWEEN ? AND ? ORDER BY trial, left_out, fold", bound, 4, fit_row,
	        &visitor, err);
}

struct visit_trial {
	bool found;
	int (*visit)(void *context, const struct ledger_trial *trial, struct orch_err *err);
	void *context;
};

static int trial_row(void *context, const struct ledger_value *values, struct orch_err *err)
{
	struct visit_trial *visitor = context;
	struct ledger_trial trial = {.round = (unsigned)values[0].integer,
	        .trial = values[1].integer,
	        .params = ledger_text_of(&values[2]),
	        .state = (enum ledger_state)values[3].integer,
	        .mean = ledger_real_of(&values[4]),
	        .sd = ledger_real_of(&values[5])};
	visitor->found = true;
	return visitor->visit(visitor->context, &trial, err);
}

int ledger_find_trial(struct ledger *ledger, unsigned round, int64_t trial,
        int (*visit)(void *context, const struct ledger_trial *trial, struct orch_err *err), void *context,
        struct orch_err *err)
{
	struct visit_trial visitor = {false, visit, context};
	struct ledger_value bound[] = {ledger_integer(round), ledger_integer(trial)};
	int code = each(ledger, TABLE_TRIALS, "WHERE round = ? AND trial = ?", bound, 2, trial_row, &visitor, err);
	return code || visitor.found ? code : ORCH_EMISSING;
}

int ledger_each_trial(struct ledger *ledger, unsigned round,
        int (*visit)(void *context, const struct ledger_trial *trial, struct orch_err *err), void *context,
        struct orch_err *err)
{
	struct visit_trial visitor = {false, visit, context};
	struct ledger_value bound = ledger_integer(round);
	return each(ledger, TABLE_TRIALS, "WHERE round = ? ORDER BY trial", &bound, 1, trial_row, &visitor, err);
}

struct visit_round {
	int (*visit)(void *context, const struct ledger_round *round, struct orch_err *err);
	void *context;
};

static int round_row(void *context, const struct ledger_value *values, struct orch_err *err)
{
	const struct visit_round *visitor = context;
	struct ledger_round round = {.round = (unsigned)values[0].integer,
	        .features = ledger_text_of(&values[1]),
	        .summary = ledger_text_of(&values[3])};
	if (values[2].type == SQLITE_TEXT && values[2].length < sizeof round.manifest_hash)
		memcpy(round.manifest_hash, values[2].bytes, values[2].length);
	return visitor->visit(visitor->context, &round, err);
}

int ledger_each_round(struct ledger *ledger,
        int (*visit)(void *context, const struct ledger_round *round, struct orch_err *err), void *context,
        struct orch_err *err)
{
	struct visit_round visitor = {visit, context};
	return each(ledger, TABLE_ROUNDS, "ORDER BY round", NULL, 0, round_row, &visitor, err);
}

struct visit_attempt {
	int (*visit)(void *context, const struct ledger_attempt *attempt, struct orch_err *err);
	void *context;
};

static int attempt_row(void *context, const struct ledger_value *values, struct orch_err *err)
{
	const struct visit_attempt *visitor = context;
	struct ledger_attempt attempt = {.round = (unsigned)values[1].integer,
	        .stage = ledger_text_of(&values[2]),
	        .attempt = (unsigned)values[3].integer,
	        .cause = ledger_text_of(&values[4]),
	        .text = ledger_text_of(&values[5]),
	        .wall_start = ledger_real_of(&values[6]),
	        .seconds = ledger_real_of(&values[7]),
	        .cpu_seconds = ledger_real_of(&values[8]),
	        .peak_rss = (uint64_t)values[9].integer,
	        .pid = (int)values[10].integer};
	if (values[0].length == LEDGER_KEY)
		memcpy(attempt.key, values[0].bytes, LEDGER_KEY);
	return visitor->visit(visitor->context, &attempt, err);
}

int ledger_each_failure(struct ledger *ledger, unsigned limit,
        int (*visit)(void *context, const struct ledger_attempt *attempt, struct orch_err *err), void *context,
        struct orch_err *err)
{
	struct visit_attempt visitor = {visit, context};
	struct ledger_value bound = ledger_integer(limit);
	return each(ledger, TABLE_ATTEMPTS,
	        "INDEXED BY attempts_failed WHERE cause <> 'ok' ORDER BY number DESC LIMIT ?", &bound, 1, attempt_row,
	        &visitor, err);
}

/* --- single rows --- */

/* The address of the fit with this key; a scan (0.1 s a million fits): nothing that happens once a fit may come here.
 */
int ledger_find_fit(struct ledger *ledger, const uint8_t key[LEDGER_KEY],
        int (*visit)(void *context, const struct ledger_fit *fit, struct orch_err *err), void *context,
        struct orch_err *err)
{
	struct visit_fit visitor = {visit, context};
	struct ledger_value bound = ledger_blob(key, LEDGER_KEY), values[LEDGER_COLUMNS];
	sqlite3_stmt *statement = ledger_statement(ledger, STATEMENT_FIND_FIT, err);
	if (!statement)
		return ORCH_EIO;
	ledger_bind(statement, 1, &bound, 1);
	int step = sqlite3_step(statement), code = 0;
	if (step == SQLITE_DONE)
		code = orch_fail(err, ORCH_EMISSING, "the ledger %s has no such fit", ledger->path);
	else if (step != SQLITE_ROW)
		code = ledger_fail(ledger, step, false, "read its fits", err);
	else
		code = ledger_row(ledger, statement, TABLE_FITS, values, err);
	if (!code)
		code = fit_row(&visitor, values, err);
	sqlite3_reset(statement);
	return code;
}

unsigned ledger_attempts(struct ledger *ledger, const uint8_t key[LEDGER_KEY])
{
	struct ledger_value bound = ledger_blob(key, LEDGER_KEY);
	sqlite3_stmt *statement = ledger_statement(ledger, STATEMENT_ATTEMPTS, NULL);
	if (!statement)
		return 0;
	ledger_bind(statement, 1, &bound, 1);
	unsigned count = sqlite3_step(statement) == SQLITE_ROW ? (unsigned)sqlite3_column_int64(statement, 0) : 0;
	sqlite3_reset(statement);
	return count;
}

int ledger_meta_get(struct ledger *ledger, const char *key, char **value, struct orch_err *err)
{
	struct ledger_value bound = ledger_text(key), values[LEDGER_COLUMNS];
	sqlite3_stmt *statement = ledger_statement(ledger, STATEMENT_GET_META, err);
	if (!statement)
		return ORCH_EIO;
	ledger_bind(statement, 1, &bound, 1);
	int step = sqlite3_step(statement), code = 0;
	if (step == SQLITE_DONE)
		code = orch_fail(err, ORCH_EMISSING, "the ledger %s does not know \"%s\"", ledger->path, key);
	else if (step != SQLITE_ROW)
		code = ledger_fail(ledger, step, false, "read what it knows", err);
	else
		code = ledger_row(ledger, statement, TABLE_META, values, err);
	if (!code)
		*value = mem_text(ledger_text_of(&values[1]));
	sqlite3_reset(statement);
	return code;
}

/* --- forgetting --- */

static int change(
        struct ledger *ledger, const char *sql, const struct ledger_value *bound, int count, struct orch_err *err)
{
	sqlite3_stmt *statement = NULL;
	int code = ledger_prepare(ledger, sql, &statement, err);
	if (code)
		return code;
	ledger_bind(statement, 1, bound, count);
	int step = sqlite3_step(statement);
	if (step != SQLITE_DONE)
		code = ledger_fail(ledger, step, true, "forget rows", err);
	sqlite3_finalize(statement);
	return code;
}

/* Subtracts the fits that are about to go from the counts. */
static int uncount(
        struct ledger *ledger, const char *where, const struct ledger_value *bound, int count, struct orch_err *err)
{
	sqlite3_stmt *statement = NULL;
	char *sql = text_format(
	        "SELECT round, stage, state, count(*) FROM fits WHERE %s GROUP BY round, stage, state", where);
	int code = ledger_prepare(ledger, sql, &statement, err), step = SQLITE_DONE;
	free(sql);
	if (code)
		return code;
	ledger_bind(statement, 1, bound, count);
	while ((step = sqlite3_step(statement)) == SQLITE_ROW)
		ledger_deltas_add(&ledger->deltas, (unsigned)sqlite3_column_int64(statement, 0),
		        (const char *)sqlite3_column_text(statement, 1), sqlite3_column_int(statement, 2),
		        -sqlite3_column_int64(statement, 3));
	if (step != SQLITE_DONE)
		code = ledger_fail(ledger, step, true, "forget rows", err);
	sqlite3_finalize(statement);
	return code;
}

static int begin_change(struct ledger *ledger, struct orch_err *err)
{
	if (ledger->in_task)
		orch_bug("rows of the ledger are forgotten inside a task");
	return ledger_begin(ledger, err);
}

int ledger_forget(struct ledger *ledger, unsigned round, const char *stage, struct orch_err *err)
{
	const struct ledger_value bound[2] = {ledger_integer(round), ledger_text(stage)};
	const int count = stage ? 2 : 1;
	int code = begin_change(ledger, err);
	if (!code)
		code = uncount(ledger, stage ? "round = ? AND stage = ?" : "round = ?", bound, count, err);
	if (!code)
		code = change(ledger,
		        stage ? "DELETE FROM fits WHERE round = ? AND stage = ?" : "DELETE FROM fits WHERE round = ?",
		        bound, count, err);
	if (!code)
		code = change(ledger,
		        stage ? "DELETE FROM attempts WHERE round = ? AND stage = ?"
		              : "DELETE FROM attempts WHERE round = ?",
		        bound, count, err);
	if (!code && (!stage || strcmp(stage, LEDGER_SEARCH_STAGE) == 0))
		code = change(ledger, "DELETE FROM trials WHERE round = ?", bound, 1, err);
	if (!code && !stage)
		code = change(ledger, "DELETE FROM rounds WHERE round = ?", bound, 1, err);
	return code;
}

int ledger_forget_fit(struct ledger *ledger, const uint8_t key[LEDGER_KEY], struct orch_err *err)
{
	const struct ledger_value bound = ledger_blob(key, LEDGER_KEY);
	int code = begin_change(ledger, err);
	if (!code)
		code = uncount(ledger, "key = ?", &bound, 1, err);
	if (!code)
		code = change(ledger, "DELETE FROM fits WHERE key = ?", &bound, 1, err);
	if (!code)
		code = change(ledger, "DELETE FROM attempts WHERE key = ?", &bound, 1, err);
	return code;
}
