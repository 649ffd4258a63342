/* prepare: the data of a campaign made ready: frame and folds in the cache, by name of their content; a worker does the reading. */
#ifndef ORCHESTRATOR_PREPARE_H
#define ORCHESTRATOR_PREPARE_H

#include <stdbool.h>

#include "orchestrator/spec.h"

struct prepared {
	char source_hash[65], frame_hash[65], folds_hash[65];
	char *frame, *folds; /* absolute paths in the cache */
	bool frame_reused, folds_reused;
	json_t *notes; /* array of texts, or NULL */
	double seconds;
};
/* program: this executable, which is run as the worker. ORCH_EINPUT with all that is wrong with the data. */
int prepare_data(const struct spec *spec, const char *program, struct prepared *out, struct orch_err *err);
void prepared_release(struct prepared *prepared);

#endif
