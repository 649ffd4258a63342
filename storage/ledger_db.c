#include "storage/ledger_db.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/fault.h"
#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/mem.h"
#include "storage/base/process.h"
#include "storage/base/text.h"
#include "storage/base/trace.h"

#define BUSY_MILLISECONDS 30000 /* with a rollback journal, commits wait for readers */
#define CACHE_KIB "6144"

/* --- schema ---
 * fits lie in the order of their address, which is also the order they mostly arrive in: an insert touches the end of
 * the tree and costs the same with the millionth row as with the first. An index over the random keys would not; see
 * ledger_find_fit. */

static const char *const migrations[LEDGER_VERSION] = {
        "CREATE TABLE meta(key TEXT NOT NULL, value TEXT NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY(key)) "
        "WITHOUT ROWID, STRICT;"
        "CREATE TABLE fits(round INTEGER NOT NULL, stage TEXT NOT NULL, trial INTEGER NOT NULL, left_out TEXT NOT NULL,"
        " fold INTEGER NOT NULL, key BLOB NOT NULL, state INTEGER NOT NULL, score REAL, metrics TEXT, files TEXT, note "
        "TEXT,"
        " checksum INTEGER NOT NULL, PRIMARY KEY(round, stage, trial, left_out, fold)) WITHOUT ROWID, STRICT;"
        "CREATE TABLE trials(round INTEGER NOT NULL, trial INTEGER NOT NULL, params TEXT, state INTEGER NOT NULL, mean "
        "REAL, sd REAL,"
        " checksum INTEGER NOT NULL, PRIMARY KEY(round, trial)) WITHOUT ROWID, STRICT;"
        "CREATE TABLE rounds(round INTEGER NOT NULL, features TEXT, manifest_hash TEXT, summary TEXT, checksum INTEGER "
        "NOT NULL,"
        " PRIMARY KEY(round)) WITHOUT ROWID, STRICT;"
        "CREATE TABLE attempts(number INTEGER PRIMARY KEY, key BLOB NOT NULL, round INTEGER NOT NULL, stage TEXT NOT "
        "NULL,"
        " attempt INTEGER NOT NULL, cause TEXT NOT NULL, text TEXT, wall_start REAL, seconds REAL, cpu_seconds REAL, "
        "peak_rss INTEGER,"
        " pid INTEGER, checksum INTEGER NOT NULL) STRICT;"
        "CREATE INDEX attempts_failed ON attempts(key) WHERE cause <> 'ok';"
        "CREATE TABLE counts(round INTEGER NOT NULL, stage TEXT NOT NULL, done INTEGER NOT NULL, failed INTEGER NOT "
        "NULL,"
        " pruned INTEGER NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY(round, stage)) WITHOUT ROWID, STRICT;",
};

#define FIT_COLUMNS "round, stage, trial, left_out, fold, key, state, score, metrics, files, note"
#define TRIAL_COLUMNS "round, trial, params, state, mean, sd"
#define ROUND_COLUMNS "round, features, manifest_hash, summary"
#define ATTEMPT_COLUMNS "key, round, stage, attempt, cause, text, wall_start, seconds, cpu_seconds, peak_rss, pid"
#define COUNT_COLUMNS "round, stage, done, failed, pruned"

const struct ledger_table_info ledger_tables[TABLE_COUNT] = {
        [TABLE_META] = {"meta", "key, value", "key", "INSERT INTO meta VALUES(?,?,?) ON CONFLICT DO NOTHING", 2},
        [TABLE_FITS] = {"fits", FIT_COLUMNS, "round, stage, trial, left_out, fold",
                "INSERT INTO fits VALUES(?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING", 11},
        [TABLE_TRIALS] = {"trials", TRIAL_COLUMNS, "round, trial",
                "INSERT INTO trials VALUES(?,?,?,?,?,?,?) ON CONFLICT DO NOTHING", 6},
        [TABLE_ROUNDS] = {"rounds", ROUND_COLUMNS, "round",
                "INSERT INTO rounds VALUES(?,?,?,?,?) ON CONFLICT DO NOTHING", 4},
        [TABLE_ATTEMPTS] = {"attempts", ATTEMPT_COLUMNS, "number",
                "INSERT INTO attempts VALUES(NULL,?,?,?,?,?,?,?,?,?,?,?,?)", 11},
        [TABLE_COUNTS] = {"counts", COUNT_COLUMNS, "round, stage",
                "INSERT INTO counts VALUES(?,?,?,?,?,?) ON CONFLICT DO NOTHING", 5},
};

static const char *const statement_texts[STATEMENT_COUNT] = {
        [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
        [STATEMENT_COMMIT] = "COMMIT",
        [STATEMENT_ROLLBACK] = "ROLLBACK",
        [STATEMENT_SAVEPOINT] = "SAVEPOINT task",
        [STATEMENT_RELEASE] = "RELEASE task",
        [STATEMENT_TAKE_BACK] = "ROLLBACK TO task",
        [STATEMENT_PUT_META] = "INSERT OR REPLACE INTO meta VALUES(?,?,?)",
        [STATEMENT_GET_META] = "SELECT key, value, checksum FROM meta WHERE key = ?",
        [STATEMENT_PUT_FIT] = "INSERT INTO fits VALUES(?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
        [STATEMENT_GET_FIT] = "SELECT " FIT_COLUMNS
                              ", checksum FROM fits WHERE round = ? AND stage = ? AND trial = ? AND left_out = ?"
                              " AND fold = ?",
        [STATEMENT_PUT_TRIAL] = "INSERT OR REPLACE INTO trials VALUES(?,?,?,?,?,?,?)",
        [STATEMENT_PUT_ROUND] = "INSERT OR REPLACE INTO rounds VALUES(?,?,?,?,?)",
        [STATEMENT_PUT_ATTEMPT] = "INSERT INTO attempts VALUES(NULL,?,?,?,?,?,?,?,?,?,?,?,?)",
        [STATEMENT_PUT_COUNTS] = "INSERT OR REPLACE INTO counts VALUES(?,?,?,?,?,?)",
        [STATEMENT_GET_COUNTS] = "SELECT " COUNT_COLUMNS ", checksum FROM counts WHERE round = ? AND stage = ?",
        [STATEMENT_FIND_FIT] = "SELECT " FIT_COLUMNS ", checksum FROM fits WHERE key = ? LIMIT 1",
        [STATEMENT_ATTEMPTS] =
                "SELECT count(*) FROM attempts INDEXED BY attempts_failed WHERE key = ? AND cause <> 'ok'",
};

char *ledger_beside(const char *path, const char *suffix)
{
	return text_format("%s%s", path, suffix);
}

/* --- what a failure means --- */

static int code_of(int sqlite_code)
{
	switch (sqlite_code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ORCH_EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_MISMATCH:
	case SQLITE_CONSTRAINT:
		return ORCH_EDAMAGED;
	case SQLITE_NOMEM:
		return ORCH_ENOMEM;
	default:
		return ORCH_EIO;
	}
}

static int errno_of(struct ledger *ledger, int sqlite_code)
{
	if ((sqlite_code & 0xff) == SQLITE_FULL)
		return ENOSPC;
	if (code_of(sqlite_code) == ORCH_EIO)
		return sqlite3_system_errno(ledger->db);
	return 0;
}

void ledger_break(struct ledger *ledger, bool distrust, const struct orch_err *why)
{
	if (ledger->broken.code)
		return;
	ledger->broken = *why;
	if (ledger->mode != LEDGER_WRITE || !distrust)
		return;
	char *mark = ledger_beside(ledger->path, ".ioerror");
	if (!file_exists(mark) && file_write_new(mark, why->text, strlen(why->text), NULL) == 0) {
		char *folder = file_folder(mark);
		file_sync_folder(folder, NULL);
		free(folder);
	}
	free(mark);
}

/* Not after a full disk, a quota, a lack of memory: there SQLite took the transaction back in good order. */
static bool distrusts(int sqlite_code, int sys)
{
	switch (sqlite_code & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return true;
	case SQLITE_IOERR:
		return sys != ENOSPC && sys != EDQUOT && sys != EFBIG && (sqlite_code != SQLITE_IOERR_NOMEM);
	default:
		return false;
	}
}

int ledger_fail(struct ledger *ledger, int sqlite_code, bool breaks, const char *what, struct orch_err *err)
{
	struct orch_err why = {0};
	int code = code_of(sqlite_code), sys = errno_of(ledger, sqlite_code);
	const char *text = sqlite3_extended_errcode(ledger->db) == sqlite_code ? sqlite3_errmsg(ledger->db)
	                                                                       : sqlite3_errstr(sqlite_code);
	if (code == ORCH_EBUSY)
		orch_fail(
		        &why, code, "ledger %s: cannot %s: another process is using it (%s)", ledger->path, what, text);
	else if (code == ORCH_EDAMAGED)
		orch_fail(&why, code, "ledger %s is damaged: cannot %s: %s; look closer with: orch verify",
		        ledger->path, what, text);
	else
		orch_fail_sys(&why, code, sys, "ledger %s: cannot %s: %s", ledger->path, what, text);
	if (breaks && code != ORCH_EBUSY)
		ledger_break(ledger, distrusts(sqlite_code, sys), &why);
	if (err && !err->code)
		*err = why;
	return code;
}

/* --- values and their checksum --- */

struct ledger_value ledger_integer(int64_t value)
{
	return (struct ledger_value){.type = SQLITE_INTEGER, .integer = value};
}

struct ledger_value ledger_real(double value)
{
	return isnan(value) ? (struct ledger_value){.type = SQLITE_NULL}
	                    : (struct ledger_value){.type = SQLITE_FLOAT, .real = value + 0.0};
}

struct ledger_value ledger_text(const char *text)
{
	return text ? (struct ledger_value){.type = SQLITE_TEXT, .bytes = text, .length = strlen(text)}
	            : (struct ledger_value){.type = SQLITE_NULL};
}

struct ledger_value ledger_blob(const void *bytes, size_t length)
{
	return (struct ledger_value){.type = SQLITE_BLOB, .bytes = bytes, .length = length};
}

const char *ledger_text_of(const struct ledger_value *value)
{
	return value->type == SQLITE_TEXT ? value->bytes : NULL;
}

double ledger_real_of(const struct ledger_value *value)
{
	return value->type == SQLITE_FLOAT ? value->real : NAN;
}

static void store64(uint8_t out[8], uint64_t value)
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(value >> (8 * i));
}

/* Small pieces are hashed together. */
struct gathered {
	struct hash hash;
	size_t length;
	uint8_t bytes[512];
};

static void gather(struct gathered *to, const void *bytes, size_t length)
{
	if (length > sizeof to->bytes - to->length) {
		hash_add(&to->hash, to->bytes, to->length);
		to->length = 0;
	}
	if (length > sizeof to->bytes) {
		hash_add(&to->hash, bytes, length);
	} else if (length) {
		memcpy(to->bytes + to->length, bytes, length);
		to->length += length;
	}
}

int64_t ledger_checksum(enum ledger_table table, const struct ledger_value *values)
{
	struct gathered gathered;
	uint8_t digest[HASH_BYTES], head[9];
	gathered.length = 0;
	hash_begin(&gathered.hash);
	hash_add_text(&gathered.hash, ledger_tables[table].name);
	for (int i = 0; i < ledger_tables[table].count; i++) {
		const struct ledger_value *value = &values[i];
		uint64_t number = value->type == SQLITE_INTEGER ? (uint64_t)value->integer : (uint64_t)value->length;
		if (value->type == SQLITE_FLOAT)
			memcpy(&number, &value->real, sizeof number);
		head[0] = (uint8_t)value->type;
		store64(head + 1, value->type == SQLITE_NULL ? 0 : number);
		gather(&gathered, head, sizeof head);
		if (value->type == SQLITE_TEXT || value->type == SQLITE_BLOB)
			gather(&gathered, value->bytes, value->length);
	}
	hash_add(&gathered.hash, gathered.bytes, gathered.length);
	hash_end(&gathered.hash, digest);
	uint64_t sum = 0;
	for (int i = 0; i < 8; i++)
		sum |= (uint64_t)digest[i] << (8 * i);
	int64_t out;
	memcpy(&out, &sum, sizeof out);
	return out;
}

int ledger_bind(sqlite3_stmt *statement, int first, const struct ledger_value *values, int count)
{
	int code = SQLITE_OK;
	for (int i = 0; i < count && code == SQLITE_OK; i++) {
		const struct ledger_value *value = &values[i];
		if (value->type == SQLITE_INTEGER)
			code = sqlite3_bind_int64(statement, first + i, value->integer);
		else if (value->type == SQLITE_FLOAT)
			code = sqlite3_bind_double(statement, first + i, value->real);
		else if (value->type == SQLITE_TEXT)
			code = sqlite3_bind_text64(
			        statement, first + i, value->bytes, value->length, SQLITE_STATIC, SQLITE_UTF8);
		else if (value->type == SQLITE_BLOB)
			code = sqlite3_bind_blob64(statement, first + i, value->bytes, value->length, SQLITE_STATIC);
		else
			code = sqlite3_bind_null(statement, first + i);
	}
	return code;
}

static struct ledger_value column_value(sqlite3_stmt *statement, int column)
{
	struct ledger_value value = {.type = sqlite3_column_type(statement, column)};
	if (value.type == SQLITE_INTEGER)
		value.integer = sqlite3_column_int64(statement, column);
	else if (value.type == SQLITE_FLOAT)
		value.real = sqlite3_column_double(statement, column);
	else if (value.type == SQLITE_TEXT)
		value.bytes = sqlite3_column_text(statement, column);
	else if (value.type == SQLITE_BLOB)
		value.bytes = sqlite3_column_blob(statement, column);
	/* Asked for the length of a number, SQLite would make a text of it. */
	if (value.type == SQLITE_TEXT || value.type == SQLITE_BLOB)
		value.length = (size_t)sqlite3_column_bytes(statement, column);
	return value;
}

/* "round 0, stage 01_hpo, trial 7, ..." for messages. */
static char *address_text(enum ledger_table table, const struct ledger_value *values)
{
	struct text_buf text = {0};
	const char *name = ledger_tables[table].columns;
	for (int i = 0; i < ledger_tables[table].count && i < 5; i++) {
		size_t length = strcspn(name, ",");
		text_addf(&text, "%s%.*s ", i ? ", " : "", (int)length, name);
		if (values[i].type == SQLITE_INTEGER)
			text_addf(&text, "%lld", (long long)values[i].integer);
		else if (values[i].type == SQLITE_TEXT)
			text_addf(&text, "\"%.60s\"", (const char *)values[i].bytes);
		else
			text_add(&text, "?");
		name += length + (name[length] == ',') + (name[length] == ',');
	}
	char *safe = text_printable(text.data);
	text_buf_release(&text);
	return safe;
}

int ledger_row(struct ledger *ledger, sqlite3_stmt *statement, enum ledger_table table, struct ledger_value *values,
        struct orch_err *err)
{
	int count = ledger_tables[table].count;
	for (int i = 0; i < count; i++) {
		values[i] = column_value(statement, i);
		if ((values[i].type == SQLITE_TEXT || (values[i].type == SQLITE_BLOB && values[i].length)) &&
		        !values[i].bytes)
			return orch_fail(err, ORCH_ENOMEM, "ledger %s: out of memory", ledger->path);
	}
	if (ledger_checksum(table, values) == sqlite3_column_int64(statement, count))
		return 0;
	char *address = address_text(table, values);
	orch_fail(err, ORCH_EDAMAGED, "ledger %s: a row of %s does not match its checksum (%s)", ledger->path,
	        ledger_tables[table].name, address);
	free(address);
	return ORCH_EDAMAGED;
}

/* --- statements --- */

int ledger_prepare(struct ledger *ledger, const char *sql, sqlite3_stmt **out, struct orch_err *err)
{
	int code = sqlite3_prepare_v3(ledger->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
	return code == SQLITE_OK ? 0 : ledger_fail(ledger, code, false, "read its tables", err);
}

sqlite3_stmt *ledger_statement(struct ledger *ledger, enum ledger_statement which, struct orch_err *err)
{
	sqlite3_stmt **kept = &ledger->statements[which];
	if (!*kept)
		ledger_prepare(ledger, statement_texts[which], kept, err);
	return *kept;
}

int ledger_run(struct ledger *ledger, enum ledger_statement which, struct orch_err *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, which, err);
	if (!statement)
		return SQLITE_ERROR;
	int code = sqlite3_step(statement);
	int reset = sqlite3_reset(statement);
	return code == SQLITE_DONE || code == SQLITE_ROW ? reset : code;
}

int ledger_write_row(struct ledger *ledger, enum ledger_statement which, enum ledger_table table,
        const struct ledger_value *values, int *changed, struct orch_err *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, which, err);
	if (!statement)
		return ledger_fail(ledger, sqlite3_extended_errcode(ledger->db), true, "write", err);
	int count = ledger_tables[table].count;
	int code = ledger_bind(statement, 1, values, count);
	if (code == SQLITE_OK)
		code = sqlite3_bind_int64(statement, count + 1, ledger_checksum(table, values));
	if (code == SQLITE_OK)
		code = ledger_run(ledger, which, err);
	if (code != SQLITE_OK)
		return ledger_fail(ledger, code, true, "write a row", err);
	if (changed)
		*changed = sqlite3_changes(ledger->db);
	return 0;
}

int ledger_db_exec(struct ledger *ledger, const char *sql, struct orch_err *err)
{
	int code = sqlite3_exec(ledger->db, sql, NULL, NULL, NULL);
	return code == SQLITE_OK ? 0 : ledger_fail(ledger, code, false, "set it up", err);
}

static int take_integer(void *context, int columns, char **values, char **names)
{
	(void)names;
	if (columns && values[0])
		*(int64_t *)context = atoll(values[0]);
	return 0;
}

int64_t ledger_db_pragma(struct ledger *ledger, const char *pragma)
{
	char *sql = text_format("PRAGMA %s", pragma);
	int64_t value = -1;
	sqlite3_exec(ledger->db, sql, take_integer, &value, NULL);
	free(sql);
	return value;
}

/* --- opening --- */

static int note_frames(void *context, sqlite3 *db, const char *name, int frames)
{
	(void)db;
	(void)name;
	((struct ledger *)context)->wal_frames = frames;
	return SQLITE_OK;
}

/* A path as the file: URI that sqlite3_open_v2 takes. */
static char *uri_of(const char *path, const char *query)
{
	struct text_buf uri = {0};
	text_add(&uri, "file:");
	for (const char *at = path; *at; at++)
		if (strchr("%?#", *at))
			text_addf(&uri, "%%%02X", (unsigned)(unsigned char)*at);
		else
			text_add_bytes(&uri, at, 1);
	text_add(&uri, query);
	return text_take(&uri);
}

static int connect(struct ledger *ledger, int flags, const char *query, struct orch_err *err)
{
	char *uri = uri_of(ledger->path, query);
	int code = sqlite3_open_v2(
	        uri, &ledger->db, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	free(uri);
	if (code != SQLITE_OK && !ledger->db)
		return orch_fail(err, ORCH_ENOMEM, "ledger %s: out of memory", ledger->path);
	if (code != SQLITE_OK)
		return ledger_fail(ledger, code, false, "open it", err);
	sqlite3_busy_timeout(ledger->db, BUSY_MILLISECONDS);
	sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	return ledger_db_exec(
	        ledger, "PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON; PRAGMA cache_size=-" CACHE_KIB, err);
}

/* The file may be older than WAL's shared memory allows to open it: on a folder where nothing can be created. */
static int connect_to_read(struct ledger *ledger, struct orch_err *err)
{
	struct orch_err why = {0};
	int code = connect(ledger, SQLITE_OPEN_READONLY, "", &why);
	if (!code && ledger_db_pragma(ledger, "schema_version") >= 0)
		return 0;
	int sqlite_code = ledger->db ? sqlite3_errcode(ledger->db) & 0xff : SQLITE_NOMEM;
	if (!code)
		code = ledger_fail(ledger, sqlite3_extended_errcode(ledger->db), false, "read it", &why);
	if (sqlite_code != SQLITE_CANTOPEN && sqlite_code != SQLITE_READONLY)
		return orch_fail(err, code, "%s", why.text);
	sqlite3_close(ledger->db);
	ledger->db = NULL;
	char *wal = ledger_beside(ledger->path, "-wal"), *journal = ledger_beside(ledger->path, "-journal");
	bool unfinished = file_size(wal) > 0 || file_size(journal) > 0;
	free(wal);
	free(journal);
	if (unfinished)
		return orch_fail(err, ORCH_EIO,
		        "ledger %s cannot be read here: its last run ended without closing it, and nothing can be "
		        "written in its folder; copy the campaign to where you can write",
		        ledger->path);
	return connect(ledger, SQLITE_OPEN_READONLY, "?immutable=1", err);
}

static int set_journal(struct ledger *ledger, struct orch_err *err)
{
	const char *wanted = ledger->rollback_journal ? "delete" : "wal";
	char *sql = text_format("PRAGMA journal_mode=%s", wanted);
	sqlite3_stmt *statement = NULL;
	int code = ledger_prepare(ledger, sql, &statement, err), step = SQLITE_OK;
	free(sql);
	if (code)
		return code;
	step = sqlite3_step(statement);
	bool set = step == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(statement, 0), wanted) == 0;
	int failed = sqlite3_finalize(statement);
	if (!set)
		return ledger_fail(ledger, failed ? failed : SQLITE_BUSY, false, "set its journal mode", err);
	/* EXTRA: also syncs the folder when the rollback journal goes. */
	return ledger_db_exec(
	        ledger, ledger->rollback_journal ? "PRAGMA synchronous=EXTRA" : "PRAGMA synchronous=FULL", err);
}

static int connect_to_write(struct ledger *ledger, bool create, struct orch_err *err)
{
	int code = connect(ledger, SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0), "", err);
	if (!code && sqlite3_db_readonly(ledger->db, "main"))
		code = orch_fail_sys(err, ORCH_EIO, EROFS, "ledger %s cannot be written", ledger->path);
	if (!code)
		code = set_journal(ledger, err);
	if (!code) {
		sqlite3_wal_autocheckpoint(ledger->db, 0);
		sqlite3_wal_hook(ledger->db, note_frames, ledger);
	}
	return code;
}

int ledger_db_open(const char *path, enum ledger_mode mode, bool create, bool rollback_journal, struct ledger **out,
        struct orch_err *err)
{
	struct ledger *ledger = mem_must(1, sizeof *ledger);
	ledger->path = mem_text(path);
	ledger->mode = mode;
	ledger->rollback_journal = rollback_journal;
	int code = mode == LEDGER_READ ? connect_to_read(ledger, err) : connect_to_write(ledger, create, err);
	if (code)
		ledger_db_close(ledger);
	else
		*out = ledger;
	return code;
}

void ledger_db_close(struct ledger *ledger)
{
	if (!ledger)
		return;
	for (int i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(ledger->statements[i]);
	sqlite3_close(ledger->db);
	ledger_deltas_release(&ledger->deltas);
	ledger_deltas_release(&ledger->task_deltas);
	free(ledger->path);
	free(ledger);
}

int ledger_db_check_identity(struct ledger *ledger, struct orch_err *err)
{
	int64_t application = ledger_db_pragma(ledger, "application_id"),
	        version = ledger_db_pragma(ledger, "user_version");
	if (application < 0 || version < 0)
		return ledger_fail(ledger, sqlite3_extended_errcode(ledger->db), false, "read it", err);
	if (application != LEDGER_APPLICATION)
		return orch_fail(err, ORCH_EDAMAGED, "%s is no ledger of orch", ledger->path);
	if (version > LEDGER_VERSION)
		return orch_fail(err, ORCH_EDRIFT,
		        "ledger %s was written by a newer orch (format %lld, this one knows %d): use that orch",
		        ledger->path, (long long)version, LEDGER_VERSION);
	if (version < LEDGER_VERSION && ledger->mode == LEDGER_READ)
		return orch_fail(err, ORCH_EDRIFT,
		        "ledger %s is of an older format (%lld): orch resume brings it to %d", ledger->path,
		        (long long)version, LEDGER_VERSION);
	return 0;
}

int ledger_db_migrate(struct ledger *ledger, struct orch_err *err)
{
	int64_t version = ledger_db_pragma(ledger, "user_version");
	if (version < 0)
		return ledger_fail(ledger, sqlite3_extended_errcode(ledger->db), false, "read its format", err);
	int code = 0;
	for (; version < LEDGER_VERSION && !code; version++) {
		char *sql =
		        text_format("BEGIN IMMEDIATE; %s PRAGMA application_id=%d; PRAGMA user_version=%lld; COMMIT",
		                migrations[version], LEDGER_APPLICATION, (long long)version + 1);
		int sys = fault_point("ledger migrate", ledger->path);
		code = sys ? orch_fail_sys(err, ORCH_EIO, sys, "cannot set up the ledger %s", ledger->path)
		           : ledger_db_exec(ledger, sql, err);
		free(sql);
	}
	return code;
}

/* --- checkpoint --- */

int ledger_checkpoint(struct ledger *ledger, bool truncate, struct orch_err *err)
{
	if (ledger->rollback_journal)
		return 0;
	int sys = fault_point("ledger checkpoint", ledger->path);
	if (sys) {
		struct orch_err why = {0};
		int code = orch_fail_sys(&why, ORCH_EIO, sys, "ledger %s: cannot checkpoint", ledger->path);
		ledger_break(ledger, sys == EIO, &why);
		orch_fail_sys(err, code, sys, "ledger %s: cannot checkpoint", ledger->path);
		return code;
	}
	int frames = 0, moved = 0;
	sqlite3_busy_timeout(ledger->db, 0);
	int code = sqlite3_wal_checkpoint_v2(
	        ledger->db, NULL, truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, &frames, &moved);
	sqlite3_busy_timeout(ledger->db, BUSY_MILLISECONDS);
	trace(TRACE_STORE, "ledger checkpoint: %d of %d frames, %s", moved, frames, sqlite3_errstr(code));
	/* Busy: a reader keeps the log in use. What is in it is durable; it is moved another time. */
	if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED)
		return 0;
	return ledger_fail(ledger, code, true, "move its log into the database", err);
}
