/* The parts of preparing a data set, shared by dataset*.c only. Problems are gathered, so that a person meets them all at once. */
#ifndef STORAGE_DATASET_PARTS_H
#define STORAGE_DATASET_PARTS_H

#include <jansson.h>

#include "storage/base/frame.h"
#include "storage/base/mem.h"
#include "storage/base/text.h"
#include "storage/duckdb_adapter.h"

enum source_type { SOURCE_INT, SOURCE_DOUBLE, SOURCE_BOOL, SOURCE_TEXT, SOURCE_DATE, SOURCE_TIME, SOURCE_OTHER };
struct source_column {
	char *name, *type_name, *sql; /* sql: expression that gives it */
	enum source_type type;
	bool derived;
	unsigned roles;
	bool target_category; /* a target that is classified */
	const json_t *levels; /* declared, or NULL */
};
struct preparation {
	const json_t *request;
	struct duck *duck;
	struct source_column *columns;
	size_t column_count;
	size_t rows;        /* of the source */
	uint8_t *dropped;   /* per source row, or NULL: none */
	size_t rows_kept;
	struct text_buf problems;
	unsigned problem_count;
	json_t *notes;
	bool classification;
};
void preparation_problem(struct preparation *preparation, const char *format, ...) __attribute__((format(printf, 2, 3)));
void preparation_note(struct preparation *preparation, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct source_column *preparation_column(struct preparation *preparation, const char *name);

/* dataset_source.c: the files, and the table "src" (with "__row") in DuckDB. */
int dataset_files(const json_t *request, char ***paths, size_t *count, struct orch_err *err);
void dataset_files_release(char **paths, size_t count);
int dataset_load_source(struct preparation *preparation, struct orch_err *err);
/* dataset_columns.c: types, derived features, roles, what the source must satisfy. */
int dataset_find_columns(struct preparation *preparation, struct orch_err *err);
/* dataset_write.c: values into the frame at path. */
int dataset_write_frame(struct preparation *preparation, const char *path, struct orch_err *err);

#endif
