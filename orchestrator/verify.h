/* verify: everything a campaign keeps, checked against what it should be. Read only; may run beside the orchestrator (a round that is being
 * published at that moment may lack its bundle). One entry a thing: {"what", "ok", "text"}; "derived": true when --rebuild makes it again or restores it.
 *   spec, ledger, rounds against their manifests and the ledger's rows, bundles, provenance, progress.jsonl, summary.json, cached data. */
#ifndef ORCHESTRATOR_VERIFY_H
#define ORCHESTRATOR_VERIFY_H

#include <jansson.h>

#include "orchestrator/campaign.h"

/* New array. Fails only when it is no campaign or cannot be looked at; damage is in the entries. */
int verify_campaign(const char *campaign, json_t **checks, struct orch_err *err);
/* Makes again what is derived from the published rounds: progress.jsonl, ledger rows, bundles, provenance, summary.json; damaged rounds
 * come back from their bundles (round_restore.h), those that no bundle holds are left as they are. campaign: from campaign_open_stored. *text (lines for people) says what was done. */
int verify_rebuild(struct campaign *campaign, struct text_buf *text, struct orch_err *err);

#endif
