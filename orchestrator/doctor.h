/* doctor: self checks for `orch doctor`. Each does something small through the adapter of one library and compares the result; it runs in a
 * process of its own (`orch doctor --check NAME`), so a crash or an endless loop is a finding, too. */
#ifndef ORCHESTRATOR_DOCTOR_H
#define ORCHESTRATOR_DOCTOR_H

#include "storage/base/err.h"

struct doctor_check {
	const char *name, *library; /* "ledger", "sqlite3" */
	int (*run)(const char *folder, struct orch_err *err); /* folder: empty, its own */
};
extern const struct doctor_check doctor_checks[]; /* name NULL ends it */

#endif
