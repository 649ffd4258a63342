/* The parts of preparing a data set, shared by dataset*.c only.
 *   source: the files become the table "src" in a scratch database (dataset_source.c, dataset_csv.c)
 *   columns: types, derived features, roles (dataset_columns.c, dataset_derived.c)
 *   check: what the data must satisfy (dataset_check.c, dataset_text.c)
 *   write: values into the frame (dataset_write.c)
 * Problems are gathered, so that a person meets them all at once; what fails otherwise (disk, memory) is returned.
 * "src" has "__row", the row's number from 0 in the order of the source, and with several files "__file". */
#ifndef STORAGE_DATASET_PARTS_H
#define STORAGE_DATASET_PARTS_H

#include <jansson.h>

#include "storage/base/frame.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"
#include "storage/duckdb_adapter.h"

enum source_kind { SOURCE_CSV, SOURCE_PARQUET, SOURCE_JSON, SOURCE_SQL };
enum value_kind { VALUE_INT, VALUE_DOUBLE, VALUE_BOOL, VALUE_TEXT, VALUE_DATE, VALUE_TIME, VALUE_NONE };
struct source_column {
	char *name, *type_name;
	char *table;    /* where it is: "src", or a table of its own (__row, v) for a derived one */
	char *own;      /* the column there, as SQL */
	char *value;    /* SQL of its value as it goes into the frame; NULL (and NaN) is missing */
	char *infinite; /* SQL condition, or NULL: its type has no infinity */
	char *text;     /* SQL of the value as a level of a category */
	enum value_kind kind;
	bool derived, classes; /* classes: a target that is classified */
	unsigned roles;        /* none: it is not written */
	const json_t *levels;  /* declared, or NULL */
	int64_t filled;        /* rows with a value */
};
struct preparation {
	const json_t *request;
	struct duck *duck;
	enum source_kind source;
	size_t file_count;
	struct source_column *columns;
	size_t column_count;
	size_t rows, rows_kept; /* of the source; without those that data.missing drops (table "gone") */
	struct text_buf problems;
	unsigned problem_count;
	json_t *notes;
};
/* One line each, made printable. */
void preparation_problem(struct preparation *preparation, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
void preparation_note(struct preparation *preparation, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct source_column *preparation_column(struct preparation *preparation, const char *name);
/* " FROM (SELECT __row, value AS v ...)": the rows that are kept. */
void preparation_add_from(
        const struct preparation *preparation, const struct source_column *column, struct text_buf *sql);
/* "row 5", counted from 1 after the header; with several files "row 5 of b.csv". malloc'd */
char *preparation_row_name(const struct preparation *preparation, int64_t row);
/* What DuckDB said, in one line, without its advice about its own options. malloc'd */
char *dataset_said(const char *text);

/* dataset_query.c: the values of a one-row query: 'i' int64_t *, 't' char ** (malloc'd, "" for missing). */
int dataset_row(struct duck *duck, const char *sql, struct orch_err *err, const char *types, ...);

/* dataset_cache.c: a folder of one's own in the cache; those of dead processes are removed by the next one. */
struct dataset_work {
	char *folder;
	int lock;
};
int dataset_work_begin(const char *kind, struct dataset_work *out, struct orch_err *err);
void dataset_work_end(struct dataset_work *work); /* removes it */
/* Publishes from as to. What is there already stays when it holds, else it is replaced. */
int dataset_publish(const char *from, const char *to, bool (*holds)(const char *path, const void *context),
        const void *context, struct orch_err *err);

/* dataset.c */
void dataset_preparation_release(struct preparation *preparation);
int dataset_tell_problems(const struct preparation *preparation, struct orch_err *err); /* ORCH_EINPUT when there are any */

/* dataset_source.c */
int dataset_files(const json_t *request, char ***paths, size_t *count, struct orch_err *err);
void dataset_files_release(char **paths, size_t count);
void dataset_add_files(struct text_buf *sql, char *const *paths, size_t count); /* ['a', 'b'] */
int dataset_load_source(struct preparation *preparation, const char *work, struct orch_err *err);
/* dataset_csv.c: the dialect is the first file's; names as they will be called. */
struct csv_header {
	char delimiter;
	char **names;
	size_t count;
	size_t skip; /* empty lines before it */
	bool uneven; /* the files differ in that */
};
int dataset_csv_header(struct preparation *preparation, char *const *paths, size_t count, struct csv_header *out,
        struct orch_err *err);
void dataset_csv_release(struct csv_header *header);
/* texts: names of columns that are read as text whatever they look like, or NULL. */
void dataset_csv_add_reader(struct text_buf *sql, char *const *paths, size_t count, const struct csv_header *header, const json_t *texts);
/* Why reading failed, with the line: fills why when a plain reading of texts fails too. */
void dataset_csv_explain(struct preparation *preparation, char *const *paths, size_t count,
        const struct csv_header *header, struct orch_err *why);
/* dataset_columns.c */
char *dataset_nearest_column(const struct preparation *preparation, const char *name); /* "; did you mean ...", else the first columns; malloc'd */
int dataset_find_columns(struct preparation *preparation, struct orch_err *err);
int dataset_column_add(struct preparation *preparation, const char *name, const char *type, const char *table,
        const char *own, struct source_column **out, struct orch_err *err);
int dataset_column_set_kind(struct preparation *preparation, struct source_column *column, struct orch_err *err);
/* dataset_derived.c */
int dataset_derive(struct preparation *preparation, struct orch_err *err);
int dataset_derive_angle(struct preparation *preparation, struct orch_err *err);
/* dataset_check.c */
int dataset_check(struct preparation *preparation, struct orch_err *err);
/* dataset_text.c: numbers spoilt by a few words, names of rows taken for categories. */
int dataset_check_text(struct preparation *preparation, struct source_column *column, struct orch_err *err);
/* dataset_write.c: values into the frame at path. */
int dataset_write_frame(struct preparation *preparation, const char *path, struct orch_err *err);

#endif
