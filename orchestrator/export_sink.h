/* export_sink: where exported rows go: a CSV or Parquet file each table, or one JSON file or workbook for all. Private to export*.c. */
#ifndef ORCHESTRATOR_EXPORT_SINK_H
#define ORCHESTRATOR_EXPORT_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "orchestrator/export.h"
#include "storage/table_file.h"

struct export_sink;
int export_sink_open(const struct export_request *request, struct export_sink **out, struct orch_err *err);
int export_sink_table(struct export_sink *sink, const char *name, const struct table_column *columns, size_t count, struct orch_err *err);
void export_sink_int(struct export_sink *sink, int64_t value);
void export_sink_double(struct export_sink *sink, double value);
void export_sink_text(struct export_sink *sink, const char *value);
void export_sink_bool(struct export_sink *sink, int value);
void export_sink_missing(struct export_sink *sink);
int export_sink_end_row(struct export_sink *sink, struct orch_err *err);
int export_sink_end_table(struct export_sink *sink, struct orch_err *err);
int export_sink_commit(struct export_sink **sink, struct orch_err *err); /* consumes */
void export_sink_abort(struct export_sink **sink);

#endif
