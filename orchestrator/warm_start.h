/* warm_start: trials of another campaign as a learning sampler's first observations (hpo.warm_start). They are read once, when the campaign is
 * created, and kept in its own ledger with their hash: what becomes of the other campaign afterwards does not matter.
 * Those of its round 0 that were scored or failed are taken, in the order of trials; what is no configuration of the space is not used.
 * One thread; ORCH_EINPUT says what is wrong with the other campaign, ORCH_EDAMAGED with what was kept. */
#ifndef ORCHESTRATOR_WARM_START_H
#define ORCHESTRATOR_WARM_START_H

#include <jansson.h>

#include "engines/search/sampler.h"
#include "orchestrator/spec.h"
#include "storage/ledger.h"

/* From the campaign that the spec names: [{params, score}], a failed one's score is null. New reference; NULL: it names none. */
int warm_start_read(const struct spec *spec, json_t **out, struct orch_err *err);
/* That the other campaign, if one is named, was of other data, by the hash of its source; malloc'd. NULL: it was of the same, or it is not known. */
char *warm_start_warning(const struct spec *spec, const char *source_hash);
/* Reads them and keeps them, unless the ledger has them; flushed. *count: how many there are. */
int warm_start_record(const struct spec *spec, struct ledger *ledger, size_t *count, struct orch_err *err);
/* What was kept: *out, of *count, borrows from *keep (new reference; NULL: nothing). free(*out). */
int warm_start_load(const struct spec *spec, struct ledger *ledger, struct sampler_observation **out, size_t *count, json_t **keep, struct orch_err *err);

#endif
