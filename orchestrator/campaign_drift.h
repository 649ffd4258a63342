/* campaign_drift: is this still the campaign that was started? The spec file against spec.json, the data against its hashes, orch against the
 * build that began. Each difference is refused with what changed (ORCH_EDRIFT), or, where it is allowed, recorded as an event and in
 * campaign->kept. A campaign that goes on in spite of a changed spec file goes on with its own spec.json. */
#ifndef ORCHESTRATOR_CAMPAIGN_DRIFT_H
#define ORCHESTRATOR_CAMPAIGN_DRIFT_H

#include "orchestrator/campaign.h"
#include "orchestrator/prepare.h"

json_t *drift_this_build(void); /* {"version","build","cpu"}; new reference */
int drift_check_spec(struct campaign *campaign, const char *spec_path, bool allow, struct orch_err *err);
int drift_check_build(struct campaign *campaign, bool allow, struct orch_err *err);
/* *data is what the source gives now. Allowed and the frame of old still in the cache: data is pointed back to it. Allowed and gone: the
 * round under way is begun anew on the new data. */
int drift_check_data(struct campaign *campaign, struct prepared *data, bool allow, struct orch_err *err);

#endif
