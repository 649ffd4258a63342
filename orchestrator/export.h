/* export: the tables of a campaign as files for other programs, or one Excel workbook for people. Reads what is stored only; may run beside the
 * orchestrator. A table is walked row by row: memory does not grow with it. */
#ifndef ORCHESTRATOR_EXPORT_H
#define ORCHESTRATOR_EXPORT_H

#include <jansson.h>

#include "storage/base/err.h"

enum export_format { EXPORT_CSV, EXPORT_JSON, EXPORT_PARQUET, EXPORT_XLSX };
/* rounds: a row a round; trials, lofo, path (the elimination path of a ridge): of all rounds; predictions: out-of-fold and holdout, of one round; failures: by cause. A workbook begins with a
 * sheet of what came out. */
enum export_table { EXPORT_ROUNDS, EXPORT_TRIALS, EXPORT_LOFO, EXPORT_PATH, EXPORT_PREDICTIONS, EXPORT_FAILURES, EXPORT_TABLES };
extern const char *const export_table_names[EXPORT_TABLES];

struct export_request {
	const char *campaign;
	const json_t *outcome;  /* of the campaign (outcome.h) */
	enum export_format format;
	unsigned tables;        /* bits 1 << enum export_table */
	long round;             /* of the predictions; -1: the chosen one, else the last */
	const char *output;     /* a new file; for several tables as CSV or Parquet a folder, made when it is not there, for TABLE.csv ... */
};
/* rows: of each table written (may be NULL). ORCH_EINPUT: a file is there already, and nothing was written to it. ORCH_EMISSING: no finished round. */
/* Those that are asked for and that every campaign has, and the others of them where a round has them. */
unsigned export_tables_there(const struct export_request *request);
int export_run(const struct export_request *request, int64_t rows[EXPORT_TABLES], struct orch_err *err);

#endif
