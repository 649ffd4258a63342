/* The engines orch knows: adding one is its file and a line in both lists. */
#include <string.h>

#include "engines/model/engine.h"

extern const struct engine engine_command;
extern const struct engine engine_elasticnet;
extern const struct engine engine_fake;
extern const struct engine engine_forest;
extern const struct engine engine_logistic;
extern const struct engine engine_ridge;
extern const struct engine engine_xgboost;

const struct engine *const engine_table[] = {
	&engine_command,
	&engine_elasticnet,
	&engine_fake,
	&engine_forest,
	&engine_logistic,
	&engine_ridge,
	&engine_xgboost,
	NULL,
};

const struct engine *engine_find(const char *name)
{
	for (size_t i = 0; engine_table[i]; i++)
		if (strcmp(engine_table[i]->name, name) == 0)
			return engine_table[i];
	return NULL;
}
