/* library: a large foreign library is loaded when it is first needed, so that a command that does not need it does not pay for it (DuckDB and
 * XGBoost: 13 ms and some MB of relocations for each process). The adapter of the library keeps a struct of function pointers, in the order
 * of names. Loaded libraries stay until the process ends. Any thread; the adapter sees to it that its struct is filled once. */
#ifndef STORAGE_BASE_LIBRARY_H
#define STORAGE_BASE_LIBRARY_H

#include <stddef.h>

#include "storage/base/err.h"

struct library {
	const char *name;         /* for people: "DuckDB" */
	const char *const *files; /* tried in order, NULL at the end; "@/X" is X seen from the folder of the program; a bare name is looked up by the system */
	const char *mend;         /* what to do when it is not there */
};
/* Fills the count pointers of *functions. ORCH_EMISSING: the library, or a function in it, is not there; every place tried is named. */
int library_load(const struct library *library, const char *const *names, size_t count, void *functions, struct orch_err *err);

/* What answer() says about a library (its version), asked in a child process, so that this one need not keep it. "unknown" when the child fails. */
#define LIBRARY_ANSWER 64
void library_ask(void (*answer)(char out[LIBRARY_ANSWER]), char out[LIBRARY_ANSWER]);

#endif
