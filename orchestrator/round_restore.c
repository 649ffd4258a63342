#include "orchestrator/round_restore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/file.h"
#include "storage/base/text.h"
#include "storage/bundle.h"
#include "storage/round_dir.h"

int round_set_aside(struct campaign *campaign, unsigned round, char **to, struct orch_err *err)
{
	char *path = campaign_round_path(campaign, round);
	int code = ORCH_EBUSY;

	*to = NULL;
	for (unsigned n = 0; code == ORCH_EBUSY && n < 1000; n++) {
		char *name = text_format("rounds/.damaged_round_%03u_%u", round, n);

		free(*to);
		*to = campaign_dir_path(campaign->dir, name);
		code = file_exists(*to) ? ORCH_EBUSY : file_publish(path, *to, err);
		free(name);
	}
	if (code == ORCH_EBUSY)
		orch_fail(err, code, "%s was set aside a thousand times: remove the folders rounds/.damaged_round_* that are not needed", path);
	free(path);
	return code;
}

struct known_round {
	unsigned round;
	char *manifest_hash;
};

static int note_round(void *context, const struct ledger_round *row, struct orch_err *err)
{
	struct known_round *known = context;

	(void)err;
	if (row->round == known->round)
		memcpy(known->manifest_hash, row->manifest_hash, sizeof row->manifest_hash);
	return 0;
}

int round_known_manifest(struct campaign *campaign, unsigned round, char manifest_hash[65], struct orch_err *err)
{
	struct known_round known = {.round = round, .manifest_hash = manifest_hash};

	manifest_hash[0] = '\0';
	return ledger_each_round(campaign->ledger, note_round, &known, err);
}

bool round_bundle_holds(const char *bundle_path, const char *manifest_hash)
{
	char hash[65];

	return file_exists(bundle_path) && !bundle_manifest(bundle_path, hash, NULL) && (!manifest_hash[0] || !strcmp(hash, manifest_hash));
}

/* The round in a folder of its own, every file as its manifest says. */
static int unpack_beside(struct campaign *campaign, unsigned round, const char *manifest_hash, const char *beside, struct orch_err *err)
{
	char *name = text_format("bundles/round_%03u.tar.zst", round), *bundle = campaign_dir_path(campaign->dir, name), hash[65];
	int code = file_remove_tree(beside, err);

	if (!code && !round_bundle_holds(bundle, manifest_hash))
		code = orch_fail(err, ORCH_EMISSING, "%s does not hold it", bundle);
	if (!code)
		code = bundle_unpack(bundle, beside, err);
	if (!code)
		code = round_dir_verify(beside, hash, err);
	if (!code && manifest_hash[0] && strcmp(hash, manifest_hash))
		code = orch_fail(err, ORCH_EDAMAGED, "%s changed while it was read", bundle);
	free(name);
	free(bundle);
	return code;
}

int round_restore(struct campaign *campaign, unsigned round, const char *manifest_hash, char **aside, struct orch_err *err)
{
	char *path = campaign_round_path(campaign, round), *name = text_format("rounds/.restored_round_%03u", round), *beside = campaign_dir_path(campaign->dir, name);
	int code = unpack_beside(campaign, round, manifest_hash, beside, err);

	*aside = NULL;
	if (!code && file_exists(path))
		code = round_set_aside(campaign, round, aside, err);
	if (!code)
		code = file_publish(beside, path, err);
	if (code)
		file_remove_tree(beside, NULL);
	free(path);
	free(name);
	free(beside);
	return code;
}
