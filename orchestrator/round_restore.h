/* round_restore: a damaged or missing published round comes back from its bundle, which holds the same bytes.
 *
 * The bundle is unpacked beside the rounds, checked against its manifest and, where the ledger names the round, against the manifest that the ledger
 * names; only then what is there is set aside (kept as rounds/.damaged_round_NNN_K) and the restored folder renamed into place. Durable when it
 * returned 0; killed anywhere in between, the same call does it again. Campaign lock held. */
#ifndef ORCHESTRATOR_ROUND_RESTORE_H
#define ORCHESTRATOR_ROUND_RESTORE_H

#include "orchestrator/campaign.h"

/* manifest_hash: of the ledger's row; "": it has none. ORCH_EMISSING: there is no bundle that holds this round (err says why); nothing was changed.
 * *aside (malloc'd, may be NULL): where what was there lies now; NULL when nothing was. */
int round_restore(struct campaign *campaign, unsigned round, const char *manifest_hash, char **aside, struct orch_err *err);
/* Moves rounds/round_NNN out of the way. *to (malloc'd): where it lies now. */
int round_set_aside(struct campaign *campaign, unsigned round, char **to, struct orch_err *err);
/* The manifest that the ledger names for a round; "" when it names none. */
int round_known_manifest(struct campaign *campaign, unsigned round, char manifest_hash[65], struct orch_err *err);
/* True when the bundle is whole and holds the round of that manifest ("": whichever). Reads it all. */
bool round_bundle_holds(const char *bundle_path, const char *manifest_hash);

#endif
