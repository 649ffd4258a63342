/* param: how engines declare the parameters they take. The spec loader, `orch schema` and `orch plan` read these tables. */
#ifndef ENGINES_PARAM_H
#define ENGINES_PARAM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "storage/base/err.h"

enum param_kind { PARAM_REAL, PARAM_INT, PARAM_BOOL, PARAM_CHOICE, PARAM_INT_OR_NULL, PARAM_REAL_OR_CHOICE, PARAM_ANY };
struct param_def {
	const char *name;
	enum param_kind kind;
	const char *fallback; /* default as JSON text; NULL: left to the engine when absent */
	double low, high;     /* allowed range of numbers, both ends included; low > high: any */
	bool low_open;        /* low itself is not allowed */
	const char *choices;  /* space-separated names of PARAM_CHOICE and PARAM_REAL_OR_CHOICE */
	const char *help;     /* one line */
	bool free_axis;       /* one fit answers all values of it at once */
};
/* NULL name ends a table; an entry named "*" (PARAM_ANY) stands for every name that is not listed.
 * Checks one value; the error says what is allowed ("alpha must be a number above 0, not \"x\""). */
int param_check(const struct param_def *def, const json_t *value, struct orch_err *err);
const struct param_def *param_find(const struct param_def *table, const char *name);

#endif
