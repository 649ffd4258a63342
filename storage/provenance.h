/* provenance: where a campaign came from, and one commit a round (libgit2).
 * describe looks at the git repository around the campaign file, if any: commit, branch, dirty flag and the diff (bounded to 4 MiB) -
 * read only, nothing of the user's repository is touched, its hooks never run. Also library versions, host, cpu, os.
 * commit_round adds to the bare repository provenance.git one commit with spec.json, features, metrics and the round's manifest.
 * The repository is derived: it can be rebuilt from the rounds (verify --rebuild). */
#ifndef STORAGE_PROVENANCE_H
#define STORAGE_PROVENANCE_H

#include <jansson.h>

#include "storage/base/err.h"

/* New object {git: {commit, branch, dirty, diff_sha256} | null, libraries: {name: version}, host: {...}}; *diff malloc'd or NULL. */
int provenance_describe(const char *campaign_file, json_t **out, char **diff, struct orch_err *err);
/* Idempotent: a round whose commit (ref refs/tags/round_NNN) is there with the same tree is left alone. */
int provenance_commit_round(const char *repository, unsigned round, const char *round_path, const char *spec_json, struct orch_err *err);
/* Rounds that have a commit whose manifest equals that of round_path; ORCH_EDAMAGED otherwise. */
int provenance_verify_round(const char *repository, unsigned round, const char *round_path, struct orch_err *err);

#endif
